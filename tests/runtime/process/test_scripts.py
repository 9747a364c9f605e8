"""Scripts that end without closing anything: nothing is said, nothing hangs."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

from tests.limits import LIMIT_SECONDS

_LIVE = 'live = mdnb.live("MNQ", ["1min", "5min"], feed="sim://?speed=20&seed=7", initial_days=0.1)'
_SUITE = (
    'suite = await mdnb.TradingSuite.create("MNQ", ["1min"], feed="sim://?speed=20&seed=7", initial_days=0)'
)

SCRIPTS = {
    "one market": _LIVE,
    "several, some of them forgotten": f"""
        def price():
            {_LIVE}
            return live.price
        price()
        {_LIVE}
        {_LIVE}
        """,
    "handlers": f"""
        import threading
        called, called_too = threading.Event(), threading.Event()
        async def later(event):
            called_too.set()
        {_LIVE}
        live.on("tick_data", lambda event: called.set())
        live.on("tick_data", later)
        live.once("new_bar", print)
        live.alert(above=1.0)
        assert called.wait(300) and called_too.wait(300)
        """,
    "handlers that never stop printing": f"""
        import threading
        many = threading.Event()
        count = 0
        def show(event):
            global count
            count += 1
            print(event, flush=True)
            if count > 200:
                many.set()
        {_LIVE}
        live.on("tick_data", show)
        live.on("quote_update", show)
        assert many.wait(300)
        """,
    "a chart and tables": f"""
        {_LIVE}
        kept = [live.chart("1min"), live.panel("1min"), live.dashboard(), live.tape(), live.depth()]
        live.wait_for("tick_data")
        """,
    "a recording played to its end": """
        live = mdnb.live("GC", ["1min"], feed="replay:dataset:gold-ticks?speed=max", initial_days=0)
        live.on("new_bar", lambda event: None)
        live.wait_ended()
        """,
    "a suite": f"""
        import asyncio
        async def main():
            {_SUITE}
            async def handle(event):
                await asyncio.sleep(3600)
            await suite.on("tick_data", handle)
            kept.append(asyncio.create_task(suite.wait_for("new_bar", where=lambda event: False)))
            async for event in suite.events("tick_data"):
                break
        kept = []
        asyncio.run(main())
        """,
    "a suite that is kept": f"""
        import asyncio
        async def main():
            {_SUITE}
            chart = suite.chart("1min")
            await suite.on("tick_data", lambda event: None)
            await suite.wait_for("tick_data")
            return suite, chart
        kept = asyncio.run(main())
        """,
    "a suite of a loop that was left by an error": f"""
        import asyncio
        async def main():
            {_SUITE}
            async for event in suite.events("tick_data"):
                raise LookupError
        try:
            asyncio.run(main())
        except LookupError:
            pass
        """,
}


def _script(body: str) -> list[str]:
    return [sys.executable, "-W", "always", "-c", "import mdnb\n" + textwrap.dedent(body)]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_closes_nothing_ends_silently(name: str) -> None:
    done = subprocess.run(
        _script(SCRIPTS[name]), capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


_INTERRUPTED = {
    "plain": f"""
        {_LIVE}
        kept = live.chart("1min")
        live.wait_for("tick_data", where=lambda event: print("up", flush=True))
        """,
    "asyncio.run": f"""
        import asyncio
        async def main():
            {_SUITE}
            print("up", flush=True)
            await suite.wait_ended()
        asyncio.run(main())
        """,
}


@pytest.mark.skipif(sys.platform == "win32", reason="this system sends no interrupt to one process")
@pytest.mark.parametrize("name", _INTERRUPTED)
def test_an_interrupted_script_tells_of_the_interrupt_alone(name: str) -> None:
    script = _script(_INTERRUPTED[name])
    process = subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == -signal.SIGINT
    assert told.splitlines()[-1] == "KeyboardInterrupt"
    assert "mdnb:" not in told
    assert "did not close" not in told
