"""What belongs to a cell: markets, handlers, alerts, and what is printed by handlers or told of them."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kernel.driver import Kernel, running_kernel
from tests.limits import LIMIT_SECONDS

pytestmark = pytest.mark.kernel

MAKE = """
one = mdnb.live(sym, ["1min"], feed="sim://?speed=30", initial_days=0)
two = mdnb.live(sym, ["1min"], feed="sim://?speed=30", initial_days=0)
made += [one, two]"""
ENGINES = """
import gc, time
def engines():
    gc.collect()
    return sum(type(one).__name__ == "SymbolState" for one in gc.get_objects())
before = engines()"""
STATES = "print([market.status for market in made])"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with running_kernel(tmp_path_factory.mktemp("kernel")) as made:
        assert made.run("import asyncio, threading, mdnb").error == ""
        yield made


def window(run: int) -> dict[str, Any]:
    """Say what VS Code's interactive window says: each execution is another cell."""
    return {"cellId": f"vscode-notebook-cell:/Interactive-1.interactive#W{run}sdW50aXRsZWQ%3D"}


@pytest.mark.parametrize(
    "metadata",
    [
        lambda run: {"cellId": "4f1f9a52"},
        lambda run: {"cellId": "vscode-notebook-cell:/home/me/a.ipynb#W0sZmlsZQ%3D%3D"},
        lambda run: {"colab": {"base_uri": "https://colab.research.google.com", "cell_id": "Xy12"}},
        window,
        lambda run: {},
    ],
    ids=["jupyterlab", "vs code", "colab", "vs code's window", "nothing"],
)
def test_a_cell_that_is_run_again_replaces_what_it_made_whatever_the_symbol(
    kernel: Kernel, metadata: Any
) -> None:
    kernel.value("made = []")
    for run, symbol in enumerate(("MNQ", "MES", "BTC-USD")):
        kernel.value(f"sym = {symbol!r}")
        assert kernel.run(MAKE, metadata=metadata(run)).error == ""
        # Another cell's market of the same symbol is another market.
        other = f"other = mdnb.live(sym, feed='sim://?speed=30', initial_days=0)  # {run}"
        assert kernel.run(other + "\nmade.append(other)", metadata={"cellId": f"other {run}"}).error == ""
    gone, kept = ["closed", "closed", "connected"], ["connected"] * 3
    assert kernel.value(STATES) == str([*gone, *gone, *kept])
    kernel.value("[market.close() for market in made]")


def test_where_a_name_is_given_the_name_decides(kernel: Kernel) -> None:
    kernel.value("made = []")
    for name, cell in (("a", "1"), ("b", "1"), ("a", "2")):
        make = f"mdnb.live('MNQ', ['1min'], feed='sim://?speed=30', initial_days=0, name={name!r})"
        assert kernel.run(f"made.append({make})", cell_id=cell).error == ""
    assert kernel.value(STATES) == "['closed', 'connected', 'connected']"
    kernel.value("[market.close() for market in made]")


def printed(kernel: Kernel, sent: str) -> dict[str, str]:
    """Return what was printed while a cell ran, by the cell it appears under."""
    texts: collections.defaultdict[str, str] = collections.defaultdict(str)
    while True:
        message = kernel.client.get_iopub_msg(timeout=LIMIT_SECONDS)
        cell, content = message["parent_header"].get("msg_id"), message["content"]
        if message["msg_type"] == "stream":
            texts[cell] += content["text"]
        elif message["msg_type"] == "error":
            texts[cell] += content["evalue"]
        elif cell == sent and content.get("execution_state") == "idle":
            return texts


HANDLER = """
seen_{name} = threading.Event()
{define} handler_{name}(event):
    print("{name}", flush=True)
    seen_{name}.set()
{register}("tick_data", handler_{name})"""


@pytest.mark.parametrize(
    ("define", "register"),
    [
        ("def", "live.on"),
        ("async def", "live.on"),
        ("def", "await suite.on"),
        ("async def", "await suite.on"),
    ],
)
def test_what_a_handler_prints_appears_under_the_cell_that_registered_it(
    kernel: Kernel, define: str, register: str
) -> None:
    kernel.value("live = mdnb.live('MNQ', ['1min'], feed='sim://?speed=2', initial_days=0)")
    kernel.value("suite = await mdnb.TradingSuite.create('MNQ', ['1min'], feed='sim://?speed=2')")
    cells = {}
    for name in ("first", "second"):
        cells[name] = kernel.start(HANDLER.format(name=name, define=define, register=register))
        kernel.finish(cells[name])
    third = kernel.start(
        "seen_first.clear(), seen_second.clear()\n"
        "while not (seen_first.is_set() and seen_second.is_set()):\n"
        "    await suite.wait_for('tick_data')\n"
        "print('third')"
    )
    texts = printed(kernel, third)
    assert set(texts[cells["first"]].split()) == {"first"}
    assert set(texts[cells["second"]].split()) == {"second"}
    assert texts[third] == "third\n"
    kernel.value("live.close(); await suite.disconnect()")


MARKET = "live = mdnb.live('MNQ', ['1min'], feed='sim://?speed=30', initial_days=0)"
ACTIVE = "print([each.active for each in made])"
REGISTER = """
made.append(live.on("new_bar", print))
made.append(live["MNQ"].on("bars_closed", lambda event: None))
made.append(live.once("data_gap", print))
made.append(live.alert(above=1e9))"""


@pytest.mark.parametrize(
    "metadata", [lambda run: {"cellId": "4f1f9a52"}, window, lambda run: {}], ids=["id", "window", "nothing"]
)
def test_a_cell_that_is_run_again_removes_the_handlers_and_alerts_that_it_registered(
    kernel: Kernel, metadata: Any
) -> None:
    kernel.value("made = []; " + MARKET)
    for run in range(3):
        assert kernel.run(REGISTER, metadata=metadata(run)).error == ""
        other = f"made.append(live.on('new_bar', print))  # {run}"
        assert kernel.run(other, metadata={"cellId": f"another {run}"}).error == ""
    gone, kept = [False] * 4 + [True], [True] * 5
    assert kernel.value(ACTIVE) == str([*gone, *gone, *kept])
    assert kernel.value("print(len(live.alerts()))") == "1"
    kernel.value("live.close()")


def test_a_cell_that_no_longer_registers_a_handler_removes_it(kernel: Kernel) -> None:
    kernel.value("made = []; " + MARKET)
    assert kernel.run("made.append(live.on('new_bar', print))", cell_id="a").error == ""
    assert kernel.value(ACTIVE) == "[True]"
    assert kernel.run("# not any more", cell_id="a").error == ""
    assert kernel.value(ACTIVE) == "[False]"
    kernel.value("live.close()")


def test_what_a_function_registers_belongs_to_the_cell_that_calls_it(kernel: Kernel) -> None:
    kernel.value("made = []; " + MARKET)
    kernel.value("def register():\n    made.append(live.on('new_bar', print))")
    for cell in ("a", "b", "a"):
        assert kernel.run("register(); register()", cell_id=cell).error == ""
    assert kernel.value(ACTIVE) == str([False, False, True, True, True, True])
    kernel.value("live.close()")


def test_on_the_async_face_as_well(kernel: Kernel) -> None:
    kernel.value("made = []")
    kernel.value("suite = await mdnb.TradingSuite.create('MNQ', ['1min'], feed='sim://?speed=30')")
    register = "made.append(await suite.on('new_bar', print)); made.append(await suite.once('alert', print))"
    for _ in range(2):
        assert kernel.run(register, cell_id="a").error == ""
    assert kernel.value(ACTIVE) == str([False, False, True, True])
    kernel.value("await suite.disconnect()")


def test_what_a_handler_registers_belongs_to_that_ones_cell(kernel: Kernel) -> None:
    kernel.value("made = []; registered = threading.Event(); " + MARKET)
    register = """
def more(event):
    if not registered.is_set():
        made.append(live.on("data_gap", print))
        registered.set()
registered.clear()
made.append(live.on("tick_data", more))"""
    assert kernel.run(register, cell_id="a").error == ""
    # Another cell runs meanwhile.
    for _ in range(2):
        assert kernel.run(f"registered.wait({LIMIT_SECONDS})", cell_id="b").error == ""
    assert kernel.value(ACTIVE) == "[True, True]"
    assert kernel.run("# nothing", cell_id="a").error == ""
    assert kernel.value(ACTIVE) == "[False, False]"
    kernel.value("live.close()")


def test_a_handler_that_is_slow_is_told_of_under_the_cell_that_registered_it(kernel: Kernel) -> None:
    kernel.value("go, told = threading.Event(), threading.Event(); " + MARKET)
    kernel.value("handle = live.on('data_quality_alert', lambda event: told.set())")
    stuck = kernel.start(f"def stuck(event): go.wait({LIMIT_SECONDS})\nlive.on('tick_data', stuck)")
    kernel.finish(stuck)
    waits = kernel.start(f"told.wait({LIMIT_SECONDS}), go.set()")
    texts = printed(kernel, waits)
    assert "TICK_DATA handler stuck is slow" in texts[stuck]
    assert [cell for cell, text in texts.items() if "is slow" in text] == [stuck]
    kernel.value("live.close()")


@pytest.mark.parametrize(
    "shown",
    ["live.chart('1min', overlays='ema(20)')", "live.panel('1min')", "live.dashboard()", "live.depth()"],
)
def test_a_cell_that_shows_a_chart_keeps_no_market_of_its_earlier_runs(kernel: Kernel, shown: str) -> None:
    make = "live = mdnb.live('MNQ', ['1min', '5min'], feed='sim://?speed=30', initial_days=0.05)\n"
    kernel.value(ENGINES)
    for _ in range(5):
        assert kernel.run(make + shown, cell_id=shown).error == ""
    # The last draw of those before is the charts' thread's.
    kernel.value("while engines() > before + 2: time.sleep(0.05)")
    assert kernel.value("print(live.status)") == "connected"
    kernel.value("live.close()")
