"""Both faces in a real Jupyter kernel: interrupts, re-run cells, restarts, reloads, blocking cells."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.driver import Kernel, running_kernel
from tests.limits import LIMIT_SECONDS

pytestmark = pytest.mark.kernel

LIVE = 'live = mdnb.live("MNQ", ["1min", "5min"], feed="sim://?speed=30", initial_days=0.1, name="k")'
SUITE = 'suite = await mdnb.TradingSuite.create("MNQ", ["1min"], feed="sim://?speed=30", initial_days=0)'
COUNT = """
import json, os, threading, psutil
for thread in threading.enumerate():
    if thread.name == "mdnb-preload": thread.join(300)
threads = sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("mdnb"))
process = psutil.Process()
held = process.net_connections("tcp")
sockets = [c for c in held if c.status == "ESTABLISHED" and c.laddr.ip == c.raddr.ip]
from mdnb.runtime.process.registry import running_markets
print(json.dumps([threads, len(sockets), len(running_markets().running())]))
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with running_kernel(tmp_path_factory.mktemp("kernel")) as made:
        assert made.run("import mdnb").error == ""
        yield made


def counted(kernel: Kernel) -> tuple[list[str], int, int]:
    threads, sockets, running = json.loads(kernel.value(COUNT).splitlines()[-1])
    return threads, sockets, running


def test_both_faces_in_cells(kernel: Kernel) -> None:
    assert kernel.run(LIVE).error == ""
    assert float(kernel.value("print(float(live.price))")) > 0
    assert "MNQ · 1min" in kernel.run("live['1min']").text
    assert kernel.run(SUITE).error == ""
    assert float(kernel.value("print(float(await suite.data.get_current_price()))")) > 0
    assert kernel.value("print((await suite.data.get_data('1min')).columns[0])") == "open"
    kernel.value("await suite.disconnect(); live.close()")


def test_asyncio_run_works_in_a_cell_only_after_the_extension_is_loaded(kernel: Kernel) -> None:
    main = f"import asyncio\nasync def main():\n    {SUITE}\n    await suite.disconnect()\n    return 42\n"
    assert kernel.value(main + "print(mdnb.run(main()))") == "42"
    assert "cannot be called from a running event loop" in kernel.run(main + "asyncio.run(main())").error
    kernel.value("%load_ext mdnb")
    assert kernel.value(main + "print(asyncio.run(main()))") == "42"
    assert "session(s)" in kernel.value("%mdnb status")


@pytest.mark.parametrize(
    "wait",
    [
        "live.wait_for('new_bar', timeout=300, where=lambda event: False)",
        "await suite.wait_for('new_bar', timeout=300, where=lambda event: False)",
        "async for event in suite.events('market_depth_update'): pass",
        "await suite.wait_ended()",
    ],
    ids=["plain", "await", "iterate", "remote"],
)
def test_an_interrupt_ends_the_wait_and_cancels_what_was_waited_for(kernel: Kernel, wait: str) -> None:
    kernel.value(LIVE + "\n" + SUITE)
    sent = kernel.start(f"print('waiting', flush=True)\n{wait}")
    kernel.finish(sent, until="waiting")
    kernel.manager.interrupt_kernel()
    answer = kernel.finish(sent)
    assert "KeyboardInterrupt" in answer.error or "Cancelled" in answer.error
    # Cancelled for real: the wait's own handler is gone, and the feed goes on.
    assert kernel.value("print(len(live._parts.session.bus.subscriptions()))") == "0"
    assert kernel.value("print(len(suite._parts.session.bus.subscriptions()))") == "0"
    assert kernel.run("live.wait_for('new_bar', timeout=300)").error == ""
    assert kernel.value("print(live.status, suite.status)") == "connected connected"
    kernel.value("live.close(); await suite.disconnect()")


def test_running_the_create_cell_ten_times_leaks_nothing(kernel: Kernel) -> None:
    kernel.value(LIVE)
    before = counted(kernel)
    for _ in range(10):
        kernel.value(LIVE)
    assert counted(kernel) == before
    kernel.value("live.close()")
    for _ in range(10):
        assert kernel.run(SUITE, cell_id="the-same-cell").error == ""
    threads, sockets, running = counted(kernel)
    assert threads.count("mdnb-loop") == 1
    assert running == 1
    assert sockets <= before[1]
    # Another cell's suite is another suite.
    kernel.run(SUITE.replace("suite", "other", 1), cell_id="another-cell")
    assert counted(kernel)[2] == 2
    kernel.value("await suite.disconnect(); await other.disconnect()")


@pytest.mark.parametrize("in_page", [True, False])
def test_the_first_chart_is_made_ready_while_history_is_loaded(tmp_path: Path, in_page: bool) -> None:
    with running_kernel(tmp_path) as kernel:
        kernel.attended = in_page
        kernel.value(f"import mdnb\n{LIVE}")
        assert counted(kernel)[0].count("mdnb-loop") == 1
        kernel.value(
            "import sys\nassert 'mdnb.widgets.chart.chart' in sys.modules\n"
            "from ipywidgets.widgets.widget import _instances\n"
            "from mdnb.widgets.page.page_assets import PlotlyRuntime\n"
            "[made] = [one for one in _instances.values() if isinstance(one, PlotlyRuntime)]\n"
            f"assert bool(made.source) == {in_page}\n"
            "chart = live.chart('1min')\n"
            "assert chart._runtime == made.model_id\n"
            "live.close()"
        )


def test_reloading_the_package_keeps_the_one_thread_and_the_session(kernel: Kernel) -> None:
    kernel.value(LIVE)
    reload = "import importlib, mdnb.runtime.process.loop, mdnb.runtime.process.registry\n"
    reload += "importlib.reload(mdnb.runtime.process.loop); importlib.reload(mdnb.runtime.process.registry)"
    kernel.value(reload)
    assert kernel.run("live.wait_for('new_bar', timeout=300)").error == ""
    kernel.value("%load_ext autoreload\n%autoreload 2")
    kernel.value(LIVE)
    threads, _, running = counted(kernel)
    assert threads.count("mdnb-loop") == 1
    assert running == 1


@pytest.mark.parametrize(
    "block",
    [
        "time.sleep(0.1)",
        "sum(range(1000))",
    ],
)
def test_a_blocking_cell_costs_not_one_tick_and_the_bars_are_right(kernel: Kernel, block: str) -> None:
    kernel.value(LIVE)
    kernel.value(
        "chart = live.chart('1min'); before = live.accounting().received; sent = []; send = chart.send\n"
        # What goes to the page, counted on its way.
        "chart.__dict__['send'] = lambda *message: (sent.append(message), send(*message))"
    )
    kernel.value(
        "import time\nend = time.monotonic() + 300\n"
        "while live.accounting().received - before <= 100 or len(sent) <= 20:\n"
        f"    {block}\n    assert time.monotonic() < end"
    )
    check = """
import pandas as pd
ticks = live.data.get_recent_ticks(200_000)
accounting = live.accounting()
ids = [tick.trade_id for tick in ticks]
table = pd.DataFrame({"p": [t.price for t in ticks]}, index=[t.timestamp for t in ticks])
mine = table["p"].resample("1min").ohlc().iloc[1:-1]
theirs = live.data.get_data("1min").loc[mine.index, ["open", "high", "low", "close"]]
print(accounting.balanced, accounting.received - before > 100, ids == list(range(ids[0], ids[0] + len(ids))),
      len(mine) > 2, (mine.to_numpy() == theirs.to_numpy()).all(), len(sent) > 20)
"""
    assert kernel.value(check) == "True True True True True True"
    kernel.value("live.close()")


def test_a_market_and_a_cell_for_each_bar_by_magics(kernel: Kernel) -> None:
    kernel.value("%load_ext mdnb")
    shown = kernel.value("%mdnb BTC-USD 1min 5min --feed sim://?speed=600&seed=3 --days 0.1 --name btc")
    assert "<LiveChart BTC-USD 1min" in shown
    assert kernel.value("print(list(btc), type(btc).__name__)") == "['1min', '5min'] LiveMarket"
    cell = "%%on_bar 1min --market btc\nglobal seen\ncloses = [bar.close for _ in range(2)]\n"
    kernel.value("import queue; seen = []; told = queue.Queue()")
    more = "seen.append((bar.timeframe, bool(closes[1] == view['1min']['close'].iloc[-1])))\ntold.put(1)"
    assert "runs at each closed bar of 1min" in kernel.run(cell + more, cell_id="bars").text
    kernel.value("told.get(timeout=300); told.get(timeout=300)")
    assert kernel.value("print(set(seen), 'closes' in globals())") == "{('1min', True)} False"
    # Run again with nothing in it, it stops.
    kernel.run("%%on_bar 1min --market btc\n", cell_id="bars")
    kernel.value("btc.wait_for('new_bar', timeout=300); before = len(seen)")
    kernel.value("btc.wait_for('new_bar', timeout=300); btc.wait_for('new_bar', timeout=300)")
    assert kernel.value("print(len(seen) == before)") == "True"
    for wrong, words in (
        ("%mdnb 5min", "no symbol is named. Write for instance %mdnb MNQ 1min 5min --feed kraken"),
        ("%mdnb MNQ --fed sim", "unrecognized arguments: --fed"),
        ("%mdnb MNQ --name 1", "--name is a name in Python"),
        ("%%on_bar 1min --market none\npass", "no market is called 'none' here"),
        (
            "%%on_bar 15min --market btc\npass",
            "'15min' is not kept. Did you mean '5min'? Allowed: 1min, 5min",
        ),
        ("%%on_bar 1min --market btc\nif", "invalid syntax"),
    ):
        assert words in kernel.run(wrong).error, wrong
    kernel.value("btc.close()")


def test_a_failing_handler_and_a_failing_background_task_are_shown(kernel: Kernel) -> None:
    kernel.value("%load_ext mdnb")
    kernel.value(LIVE)
    kernel.value("async def bad():\n    raise ValueError('seen by nobody')\n")
    kernel.value("from mdnb.runtime.process.loop import background_loop")
    kernel.value("background_loop().spawn(bad(), name='mine')")
    kernel.value("live.wait_for('tick_data', timeout=300)")
    assert "seen by nobody" in kernel.value("%mdnb status")
    kernel.value("def fail(event):\n    raise ValueError('no')\nhandle = live.on('new_bar', fail)")
    kernel.value("live.wait_for('new_bar', timeout=300); live.wait_for('new_bar', timeout=300)")
    assert int(kernel.value("print(handle.errors)")) >= 1
    inside = """
async def nested():
    try:
        live.wait_for('new_bar', timeout=1)
    except mdnb.MdnbError as error:
        return type(error).__name__
print(mdnb.run(nested()))
"""
    assert kernel.value(inside) == "RuntimeUseError"
    kernel.value("live.close()")


def test_a_dropped_suite_dies(kernel: Kernel) -> None:
    kernel.value(SUITE + "\nsession = suite._parts.session")
    check = """
import asyncio, gc
del suite; gc.collect()
async def ended():
    async with asyncio.timeout(300):
        await session.ended.wait()
    return session.closed
print(mdnb.run(ended()))
"""
    assert kernel.value(check) == "True"


_LISTENERS = "import gc; gc.collect(); print(len(live.data.engine._listeners))"


def wait_for_listeners(kernel: Kernel, count: int) -> None:
    """Wait until there are so many: the thread that draws may hold a widget for the moment."""
    began = time.monotonic()
    while (found := int(kernel.value(_LISTENERS))) != count:
        assert time.monotonic() - began < LIMIT_SECONDS, f"{found} listeners stay, not {count}"


def test_charts_that_are_dropped_go_and_what_a_cell_shows_goes_on(kernel: Kernel) -> None:
    kernel.value(LIVE)
    before = int(kernel.value(_LISTENERS))
    kernel.value("for _ in range(100): live.chart('1min')")
    kernel.value("for _ in range(5): live.dashboard(); live.tape(); live.depth()")
    wait_for_listeners(kernel, before)
    # Shown, and held by no name: neither the history of outputs nor `_`. Others have shown some before.
    kernel.value("from ipywidgets.widgets.widget import _instances\nearlier = set(_instances)")
    kernel.run("live.tape()")
    kernel.run("live.chart('1min')")
    comms = kernel.value(
        "Out.clear(); _ = __ = ___ = None; get_ipython().displayhook.flush()\n"
        "new = [each for each in _instances.values() if each.model_id not in earlier]\n"
        "shown = [each for each in new if type(each).__name__ in ('Tape', 'LiveChart')]; del new\n"
        "print(*(each.model_id for each in shown)); del shown"
    ).split()
    assert len(comms) == 2
    wait_for_listeners(kernel, before + 2)
    # Each is told of, again and again, while no cell runs.
    waited = dict.fromkeys(comms, 3)
    while any(left > 0 for left in waited.values()):
        message = kernel.client.get_iopub_msg(timeout=LIMIT_SECONDS)
        if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] in waited:
            waited[message["content"]["comm_id"]] -= 1
    kernel.value("live.close()")


def test_a_restart_closes_and_the_next_kernel_starts_afresh(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        kernel.value("import mdnb\n" + LIVE + f"\nopen({str(tmp_path / 'a')!r}, 'w').write('up')")
        note = (
            f"import atexit; atexit.register(lambda: open({str(tmp_path / 'b')!r}, 'w').write(live.status))"
        )
        kernel.value(note)
        kernel.restart()
        assert (
            kernel.value(
                "import mdnb, threading\nprint(sum(t.name == 'mdnb-loop' for t in threading.enumerate()))"
            )
            == "0"
        )
        assert (tmp_path / "b").exists()
        assert kernel.run(LIVE).error == ""
