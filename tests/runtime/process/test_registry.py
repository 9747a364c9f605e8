"""Which markets run, and which cell they belong to."""

from __future__ import annotations

import ast
import asyncio
import itertools
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import IPython
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from mdnb.runtime.process.loop import background_loop
from mdnb.runtime.process.registry import (
    RunningMarkets,
    cell_key,
    running_cell,
    running_markets,
    running_shell,
)
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, open_market


def test_a_market_is_among_the_running_ones_until_it_is_closed() -> None:
    with open_market(HandFeed()) as market:
        session = market._parts.session
        assert session in running_markets().running()
    assert session not in running_markets().running()


# A kernel without sockets: what it is sent says which cell runs, as a page does.
KERNEL = """
from ipykernel.inprocess.manager import InProcessKernelManager
from mdnb.runtime.process.loop import background_loop
from mdnb.runtime.process.registry import cell_key

manager = InProcessKernelManager()
manager.start_kernel()
client = manager.client()
client.start_channels()
keys = []
manager.kernel.shell.user_ns.update(keys=keys, cell_key=cell_key)

def run(code, **metadata):
    message = client.session.msg("execute_request", {"code": code, "silent": False})
    message["metadata"] = metadata
    client._dispatch_to_kernel(message)

"""


def in_a_kernel(code: str, folder: Path) -> object:
    """Return what a script prints that runs cells; a folder for the kernel's own files."""
    done = subprocess.run(
        [sys.executable, "-c", KERNEL + code],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
        env=os.environ | {"IPYTHONDIR": str(folder), "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
    )
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout)


def test_what_a_cell_makes_is_known_by_the_cells_name_or_text_and_counted_in_each_execution(
    tmp_path: Path,
) -> None:
    keys = in_a_kernel(
        """
for metadata in (
    {"cellId": "a"},
    {"colab": {"cell_id": "b"}},
    {},
    {"cellId": "vscode-notebook-cell:/Interactive-1.interactive#W1sdW50aXRsZWQ%3D"},
    {"cellId": "a"},
):
    run("keys.append([cell_key(), cell_key()])", **metadata)
print(keys)
""",
        tmp_path,
    )
    text = ("text", "keys.append([cell_key(), cell_key()])")
    assert keys == [[("cell", name, 1), ("cell", name, 2)] for name in ("a", "b", text, text, "a")]


def test_only_the_newest_executions_are_remembered(tmp_path: Path) -> None:
    counted, last = in_a_kernel(  # type: ignore[misc]  # a pair, as printed
        """
for _ in range(150):
    run("keys.append(cell_key())", cellId="a")
print((len(background_loop().cell_counts), keys[-1]))
""",
        tmp_path,
    )
    assert counted == 100
    assert last == ("cell", "a", 1)


PRESSED = """
import contextlib, queue

manager.kernel.comm_manager.register_target("button", lambda comm, message: keys.append(cell_key()))
run("keys.append(cell_key() is not None)")
for number in range(2):
    content = {"comm_id": str(number), "target_name": "button", "data": {}}
    with contextlib.suppress(queue.Empty):  # there is no answer to it
        client._dispatch_to_kernel(client.session.msg("comm_open", content))
print(keys)
"""


def test_a_button_that_is_pressed_is_no_cell(tmp_path: Path) -> None:
    assert in_a_kernel(PRESSED, tmp_path) == [True, None, None]


# -- what a kernel has ---------------------------------------------------------------------------------------


def asked(
    metadata: dict[str, Any] | None = None, code: str | None = "1 + 1", number: object = 1
) -> dict[str, Any]:
    """Return the request of a page that runs a cell."""
    request: dict[str, Any] = {"header": {"msg_type": "execute_request", "msg_id": number}}
    if metadata is not None:
        request["metadata"] = metadata
    if code is not None:
        request["content"] = {"code": code}
    return request


def answering(monkeypatch: pytest.MonkeyPatch, request: dict[str, Any] | None) -> None:
    """Let a kernel answer a request."""
    shell = SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda: request))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)


MARK = "of this test"
INTERACTIVE = "vscode-notebook-cell:/Interactive-1.interactive#W1sdW50aXRsZWQ%3D"


@pytest.mark.parametrize(
    ("request_", "cell"),
    [
        (asked({"cellId": "a"}), ("a", 1)),
        (asked({"colab": {"cell_id": "b"}}), ("b", 1)),
        (asked({"cellId": "a", "colab": {"cell_id": "b"}}, number=2), ("a", 2)),
        (asked({"colab": {}}), (("text", "1 + 1"), 1)),
        (asked({}), (("text", "1 + 1"), 1)),
        (asked(), (("text", "1 + 1"), 1)),
        (asked({}, code=None), (("text", None), 1)),
        (asked({"cellId": INTERACTIVE}), (("text", "1 + 1"), 1)),
        ({"header": {"msg_type": "comm_open", "msg_id": 1}, "metadata": {"cellId": "a"}}, None),
        ({"header": {}, "metadata": {"cellId": "a"}}, None),
        ({"metadata": {"cellId": "a"}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_which_cell_runs_is_told_by_the_request_that_the_kernel_answers(
    request_: dict[str, Any] | None, cell: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, request_)
    assert running_cell() == cell
    assert (cell_key() is None) == (cell is None)


def test_where_no_ipython_was_loaded_there_is_no_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IPython, "get_ipython", lambda: pytest.fail("nobody asks for it"))
    monkeypatch.delitem(sys.modules, "IPython")
    assert running_shell() is None
    assert running_cell() is None


def test_in_a_terminal_the_cell_is_its_newest_input_and_the_count_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    assert running_shell() is shell
    found: list[Any] = []
    shell.user_ns.update(found=found, running_cell=running_cell)
    lines = [f"found.append(running_cell())  # {number}" for number in range(4)]
    for line in lines:
        shell.run_cell(line, store_history=True)
    assert [cell for cell, _ in found] == lines
    counts = [count for _, count in found]
    assert counts == list(range(counts[0], counts[0] + 4))


def test_what_a_cell_makes_is_counted_in_each_of_its_newest_hundred_executions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = itertools.count()

    def key(number: object) -> object:
        answering(monkeypatch, asked({"cellId": "a"}, number=number))
        return cell_key()

    first = (MARK, next(numbers))
    assert [key(first) for _ in range(3)] == [("cell", "a", at) for at in (1, 2, 3)]
    for _ in range(99):
        assert key((MARK, next(numbers))) == ("cell", "a", 1)
    assert len(background_loop().cell_counts) == 100  # type: ignore[attr-defined]  # kept beside the loop
    assert key(first) == ("cell", "a", 4), "it is the oldest of a hundred"
    assert key((MARK, next(numbers))) == ("cell", "a", 1)
    assert key(first) == ("cell", "a", 1), "it was forgotten"


class Market:
    """What can be closed."""

    def __init__(self) -> None:
        self.closed = False

    async def close(self) -> None:
        self.closed = True


def test_a_market_takes_the_place_of_the_one_of_its_key_and_of_no_other() -> None:
    markets, made = RunningMarkets(), [Market() for _ in range(6)]

    async def main() -> None:
        for market, key in zip(made, ("a", "b", None, None, "a", "c"), strict=True):
            await markets.replace(key, market)

    asyncio.run(main())
    assert [market.closed for market in made] == [True, False, False, False, False, False]
    assert set(markets.running()) == set(made[1:])
    asyncio.run(markets.close_all())
    assert all(market.closed for market in made)
    assert markets.running() == []


class Stuck(Market):
    """What closes with an error."""

    async def close(self) -> None:
        await super().close()
        raise OSError("stuck")


def test_a_market_runs_though_the_one_before_it_fails_to_close(caplog: pytest.LogCaptureFixture) -> None:
    markets, earlier, later = RunningMarkets(), Stuck(), Market()
    asyncio.run(markets.replace("a", earlier))
    asyncio.run(markets.replace("a", later))
    assert earlier.closed
    assert markets.running() == [later]
    assert [record.getMessage() for record in caplog.records] == [
        "the market that this cell made before failed to close"
    ]
    asyncio.run(markets.replace("a", Market()))
    assert later.closed


def test_a_market_that_fails_to_close_keeps_no_other_from_it() -> None:
    markets, made = RunningMarkets(), [Market(), Stuck(), Market(), Stuck(), Market()]
    for market in made:
        asyncio.run(markets.replace(None, market))
    with pytest.raises(OSError, match="stuck"):
        asyncio.run(markets.close_all())
    assert [market.closed for market in made] == [True] * 5


def test_a_market_that_nobody_holds_any_more_is_no_ones_predecessor() -> None:
    markets = RunningMarkets()
    asyncio.run(markets.replace("a", Market()))
    second = Market()
    asyncio.run(markets.replace("a", second))
    assert markets.running() == [second]


def test_a_process_has_its_running_markets_once_and_closes_them_at_its_end() -> None:
    assert running_markets() is running_markets()
    assert background_loop().at_exit.count(running_markets().close_all) == 1
