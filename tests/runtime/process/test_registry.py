"""Which markets run, and which cell they belong to."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from mdnb.runtime.process.registry import running_markets
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
