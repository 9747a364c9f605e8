"""No handler delays, ends or hides another: slow ones, ones that never return, and whatever they raise."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mdnb.events.bus import EventBus
from mdnb.events.subscription import Subscription
from mdnb.events.types import Event
from tests.events.handlers import Blocked, Until, event
from tests.limits import LIMIT_SECONDS

RAISED: list[type[BaseException]] = [
    ValueError,
    SystemExit,
    KeyboardInterrupt,
    asyncio.CancelledError,
    GeneratorExit,
    BaseException,
]


def failing(seen: Until, raised: type[BaseException], *, is_async: bool) -> Callable[[Event], Any]:
    """Return a handler that raises each time; an async one does so in a later turn of its loop."""

    def fails(told: Event) -> None:
        seen(told)
        raise raised("my own fault")

    async def fails_later(told: Event) -> None:
        await asyncio.sleep(0)
        fails(told)

    return fails_later if is_async else fails


def test_a_handler_gets_every_event_while_another_does_not_return(bus: EventBus, stuck: Blocked) -> None:
    quick = Until(999)
    bus.on_thread("tick_data", stuck)
    bus.on_thread("tick_data", quick)
    bus.emit(event(0))
    assert stuck.called() == 0
    for i in range(1, 1000):
        bus.emit(event(i))
    quick.wait()
    assert quick.seen == list(range(1000))
    assert not stuck.was_called_again()


def test_a_handler_registered_later_gets_events_while_all_earlier_ones_do_not_return(
    bus: EventBus, stuck: Blocked
) -> None:
    for _ in range(5):
        bus.on_thread("tick_data", stuck)
    bus.emit(event(0))
    assert [stuck.called() for _ in range(5)] == [0] * 5
    quick = Until(1)
    bus.on_thread("tick_data", quick)
    bus.emit(event(1))
    quick.wait()


def test_an_async_handler_on_a_thread_does_not_hold_up_the_others(bus: EventBus) -> None:
    at_work, go, quick = threading.Event(), threading.Event(), Until(9)

    async def waits(told: Event) -> None:
        at_work.set()
        await asyncio.to_thread(go.wait, LIMIT_SECONDS)

    bus.on_thread("tick_data", waits)
    bus.on_thread("tick_data", quick)
    bus.emit(event(0))
    assert at_work.wait(LIMIT_SECONDS)
    for i in range(1, 10):
        bus.emit(event(i))
    quick.wait()
    assert quick.seen == list(range(10))
    go.set()


@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
@pytest.mark.parametrize("raised", RAISED)
def test_whatever_a_handler_on_a_thread_raises_it_and_the_others_go_on_being_called(
    bus: EventBus, caplog: pytest.LogCaptureFixture, raised: type[BaseException], is_async: bool
) -> None:
    seen, quick = Until(99), Until(99)

    with caplog.at_level(logging.INFO):
        subscription = bus.on_thread("tick_data", failing(seen, raised, is_async=is_async))
        bus.on_thread("tick_data", quick)
        for i in range(100):
            bus.emit(event(i))
        seen.wait()
        quick.wait()
        bus.emit(event(100))
    assert seen.seen[:100] == quick.seen[:100] == list(range(100))
    assert subscription.errors >= 99
    assert isinstance(bus.last_error, raised)
    assert subscription.last_error is bus.last_error
    first, *later = caplog.records
    assert f"raised {raised.__name__}" in first.getMessage()
    assert first.levelno == logging.ERROR
    assert first.exc_info is not None
    assert not [each for each in later if each.exc_info], "its traceback is told once"


@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
@pytest.mark.parametrize("raised", RAISED)
def test_whatever_a_handler_on_a_loop_raises_the_loop_and_its_handlers_go_on(
    bus: EventBus, raised: type[BaseException], is_async: bool
) -> None:
    seen, quick = Until(199), Until(199)
    registered: list[Subscription] = []

    async def main() -> str:
        registered.append(bus.on("tick_data", failing(seen, raised, is_async=is_async)))
        bus.on("tick_data", quick)
        for i in range(200):
            bus.emit(event(i))
        await asyncio.to_thread(seen.wait)
        await asyncio.to_thread(quick.wait)
        return "ended by itself"

    ended: list[str] = []
    # Not the main thread: there a KeyboardInterrupt is the user's.
    thread = threading.Thread(target=lambda: ended.append(asyncio.run(main())))
    thread.start()
    thread.join(LIMIT_SECONDS)
    assert ended == ["ended by itself"]
    assert seen.seen == quick.seen == list(range(200))
    assert registered[0].errors >= 199
    assert isinstance(bus.last_error, raised)


@pytest.mark.parametrize("raised", [each for each in RAISED if each is not KeyboardInterrupt])
def test_what_a_handler_raises_on_the_main_threads_loop_does_not_end_it(
    bus: EventBus, raised: type[BaseException]
) -> None:
    def fails(told: Event) -> None:
        raise raised("my own fault")

    async def main() -> Subscription:
        failing, quick = bus.on("tick_data", fails), Until(9)
        bus.on("tick_data", quick)
        for i in range(10):
            bus.emit(event(i))
        await asyncio.to_thread(quick.wait)
        return failing

    assert asyncio.run(main()).errors >= 9


def test_an_interrupt_on_the_main_thread_passes_and_the_handler_goes_on_when_the_loop_does(
    bus: EventBus,
) -> None:
    seen: list[int] = []

    def interrupted(told: Event) -> None:
        seen.append(told.time_ns)
        if told.time_ns == 0:
            raise KeyboardInterrupt

    loop = asyncio.new_event_loop()
    quick = Until(1)

    async def register() -> Subscription:
        return bus.on("tick_data", interrupted)

    async def emit(number: int) -> None:
        bus.emit(event(number))
        await asyncio.to_thread(quick.wait)

    subscription = loop.run_until_complete(register())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(emit(0))
    bus.on_thread("tick_data", quick)
    loop.run_until_complete(emit(1))
    for task in asyncio.all_tasks(loop):
        loop.run_until_complete(task)
    assert seen == [0, 1]
    assert subscription.errors == 0
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.mark.parametrize("has_begun", [False, True])
def test_a_cancelled_task_ends_as_cancelled_and_the_next_event_is_handled(
    bus: EventBus, has_begun: bool
) -> None:
    seen: list[int] = []

    async def main() -> Subscription:
        at_work, second = asyncio.Event(), asyncio.Event()

        async def waits(told: Event) -> None:
            seen.append(told.time_ns)
            at_work.set()
            if told.time_ns == 2:
                second.set()
            elif has_begun:
                await asyncio.Event().wait()

        subscription = bus.on("tick_data", waits)
        bus.emit(event(1))
        await (at_work.wait() if has_begun else asyncio.sleep(0))
        (task,) = bus.tasks
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        bus.emit(event(2))
        await second.wait()
        return subscription

    subscription = asyncio.run(main())
    assert seen == [1, 2]
    assert subscription.errors == 0


def test_a_handler_that_cancels_its_own_task_is_called_with_what_waits(bus: EventBus) -> None:
    seen: list[int] = []

    async def main() -> Subscription:
        third = asyncio.Event()

        async def cancels(told: Event) -> None:
            seen.append(told.time_ns)
            if told.time_ns == 2:
                third.set()
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        subscription = bus.on("tick_data", cancels)
        for i in range(3):
            bus.emit(event(i))
        async with asyncio.timeout(LIMIT_SECONDS):
            await third.wait()
        return subscription

    subscription = asyncio.run(main())
    assert seen == [0, 1, 2]
    assert (subscription.errors, subscription.waiting) == (0, 0)


def test_fifty_handlers_that_never_return_hold_up_no_other(bus: EventBus) -> None:
    go, quick = threading.Event(), Until(1)
    try:
        for _ in range(50):
            bus.on_thread("tick_data", lambda told: go.wait(LIMIT_SECONDS) and None)
        bus.on_thread("tick_data", quick)
        bus.emit(event(1))
        quick.wait()
    finally:
        go.set()


def test_a_loop_that_shuts_down_ends_the_handler_that_awaits(bus: EventBus) -> None:
    ended: list[str] = []

    async def main() -> Subscription:
        at_work = asyncio.Event()

        async def waits(told: Event) -> None:
            at_work.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        subscription = bus.on("tick_data", waits)
        for i in range(3):
            bus.emit(event(i))
        await at_work.wait()
        return subscription

    subscription = asyncio.run(main())
    assert ended == ["cancelled"], "it is not called with what waits after that"
    assert (subscription.errors, subscription.delivered) == (0, 0)


def test_a_handler_that_is_dropped_with_its_loop_has_raised_nothing(bus: EventBus) -> None:
    loop = asyncio.new_event_loop()
    told_of: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda loop, context: told_of.append(context))
    at_work = asyncio.Event()

    async def waits(told: Event) -> None:
        at_work.set()
        await loop.create_future()

    async def main() -> Subscription:
        subscription = bus.on("tick_data", waits)
        bus.emit(event(0))
        await at_work.wait()
        return subscription

    subscription = loop.run_until_complete(main())
    loop.close()
    bus.tasks.clear()
    gc.collect()
    assert subscription.errors == 0
    assert [each["message"] for each in told_of] == ["Task was destroyed but it is pending!"]


def test_python_ends_though_a_handler_never_returns() -> None:
    code = """
import threading
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
bus, at_work = EventBus(), threading.Event()
bus.on_thread("tick_data", lambda told: (at_work.set(), threading.Event().wait()))
bus.on_thread("tick_data", lambda told: print("other", flush=True))
bus.emit(Event(EventType.TICK_DATA, "X", 0, {}))
at_work.wait()
bus.close()
print("end", flush=True)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True
    )
    assert "end" in ran.stdout
    assert ran.stderr == ""


KINDS = st.sampled_from(["fast", "fast async", "raising", "blocked", "once", "leaving"])


class Mixed:
    """Handlers of several kinds on one bus."""

    def __init__(self, kinds: list[str], last: int, raised: type[BaseException]) -> None:
        self.bus, self.go, self.raised = EventBus(), threading.Event(), raised
        self.untils = [(kind, Until(last)) for kind in kinds]
        for kind, until in self.untils:
            self.bus.on_thread("tick_data", self._handler(kind, until), once=kind == "once")

    def _handler(self, kind: str, until: Until) -> Callable[[Event], Any]:
        async def later(told: Event) -> None:
            until(told)

        def fails(told: Event) -> None:
            until(told)
            raise self.raised

        def stays(told: Event) -> None:
            until(told)
            self.go.wait(LIMIT_SECONDS)

        def leaves(told: Event) -> None:
            until(told)
            self.bus.off("tick_data", leaves)

        return {"fast async": later, "raising": fails, "blocked": stays, "leaving": leaves}.get(kind, until)

    def of(self, *kinds: str) -> list[Until]:
        return [until for kind, until in self.untils if kind in kinds]


@given(st.lists(KINDS, min_size=1, max_size=6), st.integers(1, 150), st.sampled_from(RAISED))
def test_each_fast_handler_gets_every_event_once_and_in_order_whatever_the_others_do(
    kinds: list[str], count: int, raised: type[BaseException]
) -> None:
    mixed = Mixed(kinds, count - 1, raised)
    every = list(range(count))
    try:
        for i in every:
            mixed.bus.emit(event(i))
        for until in mixed.of("fast", "fast async", "raising"):
            until.wait()
            assert until.seen == every
        for until in mixed.of("once", "leaving", "blocked"):
            assert until.begun.wait(LIMIT_SECONDS)
    finally:
        mixed.go.set()
    for until in mixed.of("blocked"):
        until.wait()
        assert until.seen == every, "it missed nothing when it returned"
    mixed.bus.close()
    assert all(until.seen == [0] for until in mixed.of("once", "leaving"))
