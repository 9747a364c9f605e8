"""Blocking calls on the background loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import threading
from typing import Any

import pytest

import mdnb
from mdnb.errors import OptionError
from mdnb.runtime.process.bridge import call
from mdnb.runtime.process.loop import background_loop
from tests.limits import LIMIT_SECONDS


def test_an_interrupt_while_a_call_is_handed_over_cancels_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = background_loop().loop
    hand_over = loop.call_soon_threadsafe

    def interrupted(callback: Any, *given: Any, **named: Any) -> Any:
        monkeypatch.undo()
        hand_over(callback, *given, **named)
        raise KeyboardInterrupt

    async def wait() -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(loop, "call_soon_threadsafe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call(wait())
    call(asyncio.sleep(0))  # the loop went round
    call(asyncio.sleep(0))
    # Cancelled before it began, or in its sleep: nothing of it goes on.
    assert not [task for task in asyncio.all_tasks(loop) if "test_an_interrupt" in str(task.get_coro())]


def test_a_call_that_is_interrupted_before_the_loop_has_turned_to_it_never_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    background = background_loop()
    hand_over = background.loop.call_soon_threadsafe
    busy, cancelled = threading.Event(), threading.Event()
    began: list[int] = []

    def occupy() -> None:
        busy.set()
        cancelled.wait(LIMIT_SECONDS)

    async def begin() -> None:
        began.append(1)

    def interrupted(start: Any, coroutine: Any, future: concurrent.futures.Future[Any], *given: Any) -> Any:
        monkeypatch.undo()
        future.add_done_callback(lambda _: cancelled.set())
        hand_over(start, coroutine, future, *given)
        raise KeyboardInterrupt

    coroutine = begin()
    hand_over(occupy)
    assert busy.wait(LIMIT_SECONDS)
    monkeypatch.setattr(background.loop, "call_soon_threadsafe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call(coroutine)
    call(asyncio.sleep(0))
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    assert not began


def test_results_errors_and_cancellations_come_back() -> None:
    async def give(what: Any) -> Any:
        await asyncio.sleep(0)
        if isinstance(what, BaseException):
            raise what
        return what

    assert call(give(3)) == 3
    with pytest.raises(ValueError, match="mine"):
        call(give(ValueError("mine")))
    with pytest.raises(concurrent.futures.CancelledError):
        call(give(asyncio.CancelledError()))


def test_a_timeout_that_the_call_itself_raises_is_no_wait_that_was_too_short() -> None:
    async def fails() -> None:
        raise TimeoutError("of the venue")

    with pytest.raises(TimeoutError, match="of the venue"):
        call(fails(), timeout=LIMIT_SECONDS)


def test_run_takes_what_can_be_awaited_and_says_what_else_it_was_given() -> None:
    class Later:
        def __await__(self) -> Any:
            return asyncio.sleep(0, 5).__await__()

    async def main() -> int:
        return 3

    assert mdnb.run(main()) == 3
    assert mdnb.run(Later()) == 5
    with pytest.raises(OptionError, match=r"takes a coroutine; got .*Call it: mdnb\.run\(main\(\)\)"):
        mdnb.run(main)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match=r"takes a coroutine; got 5\.$"):
        mdnb.run(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [-1, "3", float("nan")])
def test_a_timeout_that_is_no_time_is_refused_before_anything_runs(timeout: Any) -> None:
    ran: list[int] = []

    async def main() -> None:
        ran.append(1)

    with pytest.raises(OptionError, match="timeout must be seconds"):
        mdnb.run(main(), timeout)
    assert not ran
    assert mdnb.run(asyncio.sleep(0, 4), float("inf")) == 4
