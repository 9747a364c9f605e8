"""The background loop and the bridge to it, without a kernel."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import os
import queue
import subprocess
import sys
import threading
import types
import warnings
import weakref
from typing import Any

import pytest

from mdnb.errors import RuntimeUseError, WaitTimeoutError
from mdnb.runtime.process import loop
from mdnb.runtime.process.bridge import await_call, call, run
from mdnb.runtime.process.loop import (
    BackgroundLoop,
    background_loop,
    call_soon_if_open,
    spawn_if_running,
)
from mdnb.runtime.process.registry import cell_key
from tests.limits import LIMIT_SECONDS


def test_there_is_one_named_daemon_thread() -> None:
    found = background_loop()
    assert found is background_loop()
    assert found.thread.daemon
    assert found.thread.name == "mdnb-loop"
    assert call(_thread_name()) == "mdnb-loop"
    assert not found.is_current_thread()


async def _thread_name() -> str:
    return threading.current_thread().name


def test_results_and_errors_come_through() -> None:
    async def fail() -> None:
        raise LookupError("as it was")

    async def answer() -> int:
        return 42

    assert run(answer()) == 42
    with pytest.raises(LookupError, match="as it was"):
        call(fail())
    assert asyncio.run(await_call(answer())) == 42
    with pytest.raises(LookupError, match="as it was"):
        asyncio.run(await_call(fail()))


def test_a_timeout_cancels_what_was_waited_for() -> None:
    cancelled = threading.Event()

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(WaitTimeoutError, match=r"0\.05 s"):
        call(never(), timeout=0.05)
    assert cancelled.wait(LIMIT_SECONDS)


def test_cancelling_an_awaiting_caller_cancels_the_remote_task() -> None:
    started, cancelled = threading.Event(), threading.Event()

    async def never() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def main() -> None:
        task = asyncio.create_task(await_call(never()))
        await asyncio.to_thread(started.wait, LIMIT_SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert cancelled.wait(LIMIT_SECONDS)


def test_a_blocking_call_on_the_loop_itself_is_refused_at_once() -> None:
    async def inner() -> int:
        return 1

    async def outer() -> int:
        with pytest.raises(RuntimeUseError, match="async face"):
            call(inner())
        return await await_call(inner())

    assert call(outer()) == 1


def test_a_task_that_nobody_waits_for_is_shown_when_it_fails(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    async def fail() -> None:
        background_loop().loop.call_later(0, done.set)
        raise ValueError("nobody looks")

    with caplog.at_level(logging.ERROR, "mdnb"):
        background_loop().spawn(fail(), name="lonely")
        assert done.wait(LIMIT_SECONDS)
        # The failure is told in the task's own callback, which runs by now or in the next round.
        call(asyncio.sleep(0))
        call(asyncio.sleep(0))
    name, error = background_loop().errors[-1]
    assert (name, str(error)) == ("lonely", "nobody looks")
    assert any("lonely" in record.getMessage() for record in caplog.records)


def test_what_a_callback_of_the_loop_raises_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    found = BackgroundLoop()

    def fail() -> None:
        raise ValueError("in a callback")

    with caplog.at_level(logging.ERROR, "mdnb"):
        found.loop.call_soon_threadsafe(fail)
        found.loop.call_soon_threadsafe(found.loop.call_exception_handler, {"message": "only words"})
        found.close()
    ((_, error),) = found.errors
    assert str(error) == "in a callback"
    assert any("only words" in record.getMessage() for record in caplog.records)


def test_closing_ends_what_still_runs_and_shows_what_failed_meanwhile() -> None:
    found, ended = BackgroundLoop(), threading.Event()
    started = threading.Event()

    async def never() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fails() -> None:
        raise OSError("its socket was gone")

    found.at_exit.append(fails)
    found.spawn(never())
    assert started.wait(LIMIT_SECONDS)
    found.close()
    assert ended.is_set()
    assert [(name, str(error)) for name, error in found.errors] == [("exit", "its socket was gone")]
    assert not found.thread.is_alive()
    # Nothing is left to do, and nothing is started any more: the coroutine would be told of as never awaited.
    found.close()
    found.spawn(never())
    assert found.loop.is_closed()


def test_a_session_that_does_not_close_is_not_waited_for_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    found = BackgroundLoop()

    async def hangs() -> None:
        await asyncio.Event().wait()

    found.at_exit.append(hangs)
    with caplog.at_level(logging.WARNING, "mdnb"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tasks that were never finished: that is the matter here
        found.close(0.01)
        found.thread.join(LIMIT_SECONDS)
    assert not found.thread.is_alive()
    assert [text for text in caplog.messages if "destroyed" not in text] == [
        "sessions did not close within 0.01 s; their sockets are dropped"
    ]
    # Now is told of the tasks that were not finished, not amid another test.
    del found
    gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_a_loop_of_its_own() -> None:
    code = """
import os, warnings
warnings.simplefilter("ignore")
from mdnb.runtime.process.loop import background_loop
from mdnb.runtime.process.bridge import run
async def pid(): return os.getpid()
mine = run(pid())
child = os.fork()
if not child:
    os._exit(0 if run(pid()) == os.getpid() != mine else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), run(pid()) == mine)
"""
    assert _python(code) == "0 True"


def test_a_process_with_an_open_session_ends_cleanly() -> None:
    code = """
import mdnb
live = mdnb.live("MNQ", ["1min"], feed="sim://?speed=20", initial_days=0.05)
print(live.price > 0)
"""
    assert _python(code) == "True"


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
        # IPython warns where another environment than the one that runs is active.
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.strip()


def test_outside_a_notebook_no_cell_is_running() -> None:
    assert cell_key() is None


def test_two_markets_of_one_symbol_in_a_script_both_run() -> None:
    code = """
import mdnb
first, second = (mdnb.live("MNQ", ["1min"], feed="sim://?speed=20", initial_days=0) for _ in range(2))
print(first.status, second.status)
"""
    assert _python(code) == "connected connected"


def test_a_line_that_is_run_again_in_a_terminal_replaces_what_it_made() -> None:
    code = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
def run(line):
    shell.run_cell(line, store_history=True).raise_error()
make = "market = mdnb.live('MNQ', ['1min'], feed='sim://?speed=20', initial_days=0); made.append(market)"
run("import mdnb; made = []")
for line in (make, make + " ", make):
    run(line)
run("print([market.status for market in made])")
"""
    assert _python(code).splitlines()[-1] == "['closed', 'connected', 'connected']"


def test_a_market_that_is_held_at_the_end_of_python_starts_no_thread_there() -> None:
    code = """
import atexit, threading, weakref
atexit.register(lambda: print([each.name for each in threading.enumerate() if each.name == "mdnb-loop"]))
weakref.finalize(threading, str)  # finalizers that are older than the loop run after its end
import mdnb
live = mdnb.live("MNQ", ["1min"], feed="sim://?speed=20", initial_days=0)
"""
    assert _python(code) == "[]"


def test_what_fails_in_the_background_is_kept_and_logged_with_where_it_was_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    background = BackgroundLoop()
    failed = LookupError("as it was")
    ran = threading.Event()

    async def fail() -> None:
        ran.set()
        raise failed

    background.spawn(fail(), "the work")
    assert ran.wait(LIMIT_SECONDS)
    background.close()
    assert list(background.errors) == [("the work", failed)]
    (record,) = [one for one in caplog.records if one.getMessage() == "background task 'the work' failed"]
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
    assert record.exc_info[1] is failed


def test_what_is_to_be_closed_at_the_end_is_closed_though_another_one_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    background = BackgroundLoop()
    closed = threading.Event()

    async def fail() -> None:
        raise OSError("gone")

    async def close() -> None:
        closed.set()

    background.at_exit.extend([fail, close])
    background.close()
    assert closed.is_set()
    assert [name for name, _ in background.errors] == ["exit"]
    assert not background.thread.is_alive()

    async def late() -> None:
        raise AssertionError("nothing is begun on a closed loop")

    background.spawn(late())
    assert [record.getMessage() for record in caplog.records if "exit" in record.getMessage()] == [
        "background task 'exit' failed"
    ]


def test_what_is_begun_where_there_is_a_loop_is_known_by_its_name() -> None:
    names: queue.Queue[str | None] = queue.Queue()

    async def note() -> None:
        task = asyncio.current_task()
        names.put(None if task is None else task.get_name())

    background_loop().spawn(note(), "a note")
    spawn_if_running(note(), "another one")
    assert [names.get(timeout=LIMIT_SECONDS) for _ in range(2)] == ["a note", "another one"]


def failing(number: int) -> Any:
    async def fail() -> None:
        raise LookupError(number)

    return fail()


def test_of_what_failed_the_newest_fifty_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    background = BackgroundLoop()
    for number in range(60):
        background.spawn(failing(number), f"task {number}")
    for _ in range(2):  # the failures are told in the next round
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), background.loop).result(LIMIT_SECONDS)
    background.close()
    assert [(name, str(error)) for name, error in background.errors] == [
        (f"task {number}", str(number)) for number in range(10, 60)
    ]
    assert [text for text in caplog.messages if "'task " in text] == [
        f"background task 'task {number}' failed" for number in range(60)
    ]


def test_what_the_loop_itself_tells_of_is_told_in_its_words(caplog: pytest.LogCaptureFixture) -> None:
    background, failed = BackgroundLoop(), ValueError("as it was")
    for context in (
        {"message": "in a callback", "exception": failed},
        {"exception": failed},
        {"message": "only words"},
    ):
        background.loop.call_soon_threadsafe(background.loop.call_exception_handler, context)
    background.close()
    assert list(background.errors) == [("in a callback", failed), ("loop", failed)]
    assert [text for text in caplog.messages if "destroyed" not in text] == [
        "background task 'in a callback' failed",
        "background task 'loop' failed",
        "background loop: only words",
    ]


def test_a_task_that_has_ended_is_not_held() -> None:
    background = BackgroundLoop()
    ran: queue.Queue[weakref.ref[Any]] = queue.Queue()

    async def note() -> None:
        ran.put(weakref.ref(asyncio.current_task()))

    async def look() -> bool:
        return left() is None

    background.spawn(note())
    left = ran.get(timeout=LIMIT_SECONDS)
    for _ in range(2):
        gone = asyncio.run_coroutine_threadsafe(look(), background.loop).result(LIMIT_SECONDS)
    background.close()
    assert gone


def test_a_task_that_will_not_be_cancelled_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loop, "_EXIT_SECONDS", 0.01)
    background, began = BackgroundLoop(), threading.Event()

    async def stay() -> None:
        began.set()
        over = asyncio.Event()
        while True:
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a task that was never finished: that is the matter here
        background.spawn(stay())
        assert began.wait(LIMIT_SECONDS)
        background.close(LIMIT_SECONDS)
    assert not background.thread.is_alive()
    assert background.loop.is_closed()
    assert "did not close" not in caplog.text
    # Now is told that the task was not finished, not amid another test.
    del background
    gc.collect()


def test_a_loop_does_not_wait_for_its_own_end() -> None:
    background = BackgroundLoop()

    async def close() -> bool:
        background.close()
        return background.loop.is_running()

    assert asyncio.run_coroutine_threadsafe(close(), background.loop).result(LIMIT_SECONDS)
    background.close()
    assert not background.thread.is_alive()


def test_a_loop_is_begun_when_it_is_wanted_and_anew_where_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "_mdnb_runtime")
    asked: list[int] = []

    async def note() -> None:
        asked.append(1)

    early, late = note(), note()
    spawn_if_running(early, "there is none yet")
    assert inspect.getcoroutinestate(early) == inspect.CORO_CLOSED
    assert sys.modules["_mdnb_runtime"].background is None
    first = background_loop()
    assert background_loop() is first
    first.close()
    spawn_if_running(late, "it has ended")
    assert inspect.getcoroutinestate(late) == inspect.CORO_CLOSED
    second = background_loop()
    assert second is not first
    assert second.thread.is_alive()
    second.close()
    assert not asked


def test_a_child_has_no_loop_of_its_parents_and_does_not_wait_for_whoever_began_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: Any = types.ModuleType("_mdnb_runtime")
    held.lock, held.background = threading.Lock(), background_loop()
    held.lock.acquire()
    monkeypatch.setitem(sys.modules, "_mdnb_runtime", held)
    loop._after_fork()
    assert held.background is None
    assert held.lock.acquire(blocking=False)
    monkeypatch.delitem(sys.modules, "_mdnb_runtime")
    loop._after_fork()
    assert "_mdnb_runtime" not in sys.modules


def test_a_loop_that_is_closed_is_called_no_more() -> None:
    called = threading.Event()
    call_soon_if_open(background_loop().loop, called.set)
    assert called.wait(LIMIT_SECONDS)
    closed = asyncio.new_event_loop()
    closed.close()
    call_soon_if_open(closed, lambda: pytest.fail("it is closed"))
