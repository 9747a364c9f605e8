"""Blocking calls on the background loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import threading
import warnings
from typing import Any

import pytest

import mdnb
from mdnb.errors import OptionError, RuntimeUseError, WaitTimeoutError
from mdnb.runtime.process.bridge import await_call, call
from mdnb.runtime.process.loop import background_loop
from mdnb.runtime.process.user_warning import warn_user
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


def test_a_blocking_call_on_the_loop_is_refused_by_its_name() -> None:
    async def inner() -> None:
        """Not begun."""

    async def outer(coroutine: Any) -> str:
        with pytest.raises(RuntimeUseError) as caught:
            call(coroutine)
        assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
        return str(caught.value)

    name = inner.__qualname__
    assert call(outer(inner())) == (
        f"{name} blocks, and was called on mdnb's background loop, which it would block for ever. Inside"
        " an async handler use the async face with await."
    )


def test_a_call_that_takes_too_long_says_for_how_long_it_was_waited_for() -> None:
    ended = threading.Event()

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(WaitTimeoutError) as caught:
        call(never(), timeout=0.01)
    assert str(caught.value) == "not done within 0.01 s"
    assert isinstance(caught.value.__cause__, concurrent.futures.TimeoutError)
    assert ended.is_set(), "it has ended when the caller is told"


def test_an_awaited_call_runs_on_the_background_loop_from_whatever_loop() -> None:
    async def where() -> Any:
        return asyncio.get_running_loop()

    async def inside() -> Any:
        return await await_call(where())

    assert asyncio.run(await_call(where())) is background_loop().loop
    assert call(inside()) is background_loop().loop


def test_what_is_warned_of_in_a_call_is_told_by_the_line_of_the_caller() -> None:
    async def warn() -> int:
        warn_user("mind the gap")
        return 5

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert call(warn()) == 5
    assert [(str(one.message), one.filename) for one in caught] == [("mind the gap", __file__)]
