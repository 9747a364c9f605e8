"""No handler delays, ends or hides another: slow ones, ones that never return, and whatever they raise."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mdnb.events.bus import EventBus
from mdnb.events.subscription import Subscription
from mdnb.events.types import Event, EventType
from tests.limits import LIMIT_SECONDS

RAISED: list[type[BaseException]] = [
    ValueError,
    SystemExit,
    KeyboardInterrupt,
    asyncio.CancelledError,
    GeneratorExit,
    BaseException,
]
TICK = EventType.TICK_DATA


def event(number: int, kind: EventType = TICK, symbol: str = "X") -> Event:
    return Event(kind, symbol, number, {"price": float(number)})


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1.0

    def __call__(self) -> float:
        return self.seconds


class Blocked:
    """A handler that does not return until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self._calls: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._returns: queue.SimpleQueue[int] = queue.SimpleQueue()

    def __call__(self, told: Event) -> None:
        self._calls.put(told.time_ns)
        assert self.go.wait(LIMIT_SECONDS)
        self._returns.put(told.time_ns)

    def called(self) -> int:
        """Wait until it has been called, and return with which event."""
        return self._calls.get(timeout=LIMIT_SECONDS)

    def returned(self) -> int:
        """Wait until a call has returned, and return for which event it was."""
        return self._returns.get(timeout=LIMIT_SECONDS)

    def was_called_again(self) -> bool:
        return not self._calls.empty()


class Until:
    """A handler that keeps what it sees, and tells when it has seen an event's number."""

    def __init__(self, last: int) -> None:
        self.last, self.seen = last, list[int]()
        self.begun, self.done = threading.Event(), threading.Event()

    def __call__(self, told: Event) -> None:
        self.seen.append(told.time_ns)
        self.begun.set()
        if told.time_ns == self.last:
            self.done.set()

    def wait(self) -> None:
        assert self.done.wait(LIMIT_SECONDS)


@pytest.fixture
def stuck(no_thread_leak: None) -> Iterator[Blocked]:
    made = Blocked()
    yield made
    made.go.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slow() -> list[Subscription]:
    """Whom the bus on that clock tells to be slow."""
    return []


@pytest.fixture
def timed(clock: Clock, slow: list[Subscription], stuck: Blocked) -> Iterator[EventBus]:
    made = EventBus(on_slow=slow.append, now=clock)
    yield made
    made.close()


@pytest.fixture
def bus(no_thread_leak: None) -> Iterator[EventBus]:
    made = EventBus()
    yield made
    made.close()


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

    def fails(told: Event) -> None:
        seen(told)
        raise raised("my own fault")

    async def fails_later(told: Event) -> None:
        await asyncio.sleep(0)
        fails(told)

    with caplog.at_level(logging.INFO):
        failing = bus.on_thread("tick_data", fails_later if is_async else fails)
        bus.on_thread("tick_data", quick)
        for i in range(100):
            bus.emit(event(i))
        seen.wait()
        quick.wait()
        bus.emit(event(100))
    assert seen.seen[:100] == quick.seen[:100] == list(range(100))
    assert failing.errors >= 99
    assert isinstance(bus.last_error, raised)
    assert failing.last_error is bus.last_error
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
    failing: list[Subscription] = []

    def fails(told: Event) -> None:
        seen(told)
        raise raised("my own fault")

    async def fails_later(told: Event) -> None:
        await asyncio.sleep(0)
        fails(told)

    async def main() -> str:
        failing.append(bus.on("tick_data", fails_later if is_async else fails))
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
    assert failing[0].errors >= 199
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


def test_the_first_of_each_error_is_told_with_its_traceback_and_the_rest_are_counted(
    timed: EventBus, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[Callable[[], object]] = [lambda: 1 / 0, lambda: {}["no"]]
    handled = threading.Semaphore(0)

    def fails(told: Event) -> None:
        failures[told.time_ns]()

    def logged(number: int) -> list[str]:
        before = len(caplog.records)
        timed.emit(event(number))
        assert handled.acquire(timeout=LIMIT_SECONDS)
        return [each.getMessage() for each in caplog.records[before:]]

    async def main() -> Subscription:
        failing = timed.on("tick_data", fails)
        # On the same loop, and registered later: called when the first one's turn is over.
        timed.on("tick_data", lambda told: handled.release())
        await asyncio.to_thread(emit)
        return failing

    def emit() -> None:
        assert len(logged(0)) == 1
        assert logged(0) == []
        (other,) = logged(1)
        assert "KeyError" in other
        clock.seconds += 1.0
        (counted,) = logged(0)
        assert "4 times so far" in counted
        assert "division by zero" in counted
        clock.seconds += 1.9
        assert logged(0) == []
        clock.seconds += 0.1
        assert "6 times so far" in logged(1)[0]

    with caplog.at_level(logging.ERROR, "mdnb"):
        failing = asyncio.run(main())
    assert [each.exc_info is not None for each in caplog.records] == [True, True, False, False]
    assert failing.errors == 6


def test_a_log_filter_that_raises_ends_no_handler(bus: EventBus) -> None:
    def refuses(record: logging.LogRecord) -> bool:
        raise ValueError("the filter's own fault")

    log = logging.getLogger("mdnb.events")
    log.addFilter(refuses)
    try:
        quick = Until(9)

        def fails(told: Event) -> None:
            quick(told)
            raise ValueError

        bus.on_thread("tick_data", fails, limit=2)
        for i in range(10):
            bus.emit(event(i))
        quick.wait()
    finally:
        log.removeFilter(refuses)


def test_a_handler_is_told_of_once_when_its_oldest_event_has_waited_for_two_seconds(
    timed: EventBus,
    clock: Clock,
    slow: list[Subscription],
    stuck: Blocked,
    caplog: pytest.LogCaptureFixture,
) -> None:
    subscription = timed.on_thread("tick_data", stuck, symbol="X")
    timed.emit(event(0))
    stuck.called()
    timed.emit(event(1))
    timed.emit(event(2))
    clock.seconds += 1.9
    timed.look()
    assert not slow
    assert subscription.waiting == 2
    assert subscription.trouble == ""
    clock.seconds += 0.2
    timed.look()
    timed.look()
    assert slow == [subscription]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    title = "TICK_DATA handler Blocked of X"
    waits = "2 events wait, the oldest for 2.1 s"
    assert record.getMessage().startswith(f"{title} is slow: {waits}. Nobody else waits for it. Let it")
    assert timed.troubles() == timed.troubles("X") == [f"{title}: {waits}"]
    assert timed.troubles("Y") == []
    assert "2 waiting" in repr(subscription)
    stuck.go.set()
    assert [stuck.called(), stuck.called()] == [1, 2]
    timed.look()
    assert timed.troubles() == []


def test_a_handler_that_is_slow_again_is_told_of_again(
    timed: EventBus, clock: Clock, slow: list[Subscription], stuck: Blocked
) -> None:
    subscription = timed.on_thread("tick_data", stuck)
    for i in (0, 2):
        stuck.go.clear()
        timed.emit(event(i))
        assert stuck.called() == i
        timed.emit(event(i + 1))
        clock.seconds += 2.0
        timed.look()
        stuck.go.set()
        assert [stuck.returned(), stuck.returned()] == [i, i + 1]
        assert stuck.called() == i + 1
        timed.look()
    assert slow == [subscription, subscription]


def test_a_handler_is_told_of_once_when_its_queue_is_half_full_and_again_while_it_loses_events(
    timed: EventBus,
    clock: Clock,
    slow: list[Subscription],
    stuck: Blocked,
    caplog: pytest.LogCaptureFixture,
) -> None:
    subscription = timed.on_thread("tick_data", stuck, limit=10)
    timed.emit(event(0))
    stuck.called()
    for i in range(1, 6):
        timed.emit(event(i))
    assert not slow
    for i in range(6, 11):
        timed.emit(event(i))
    timed.look()
    assert len(slow) == 1
    assert "is slow: 6 events wait, the oldest for 0.0 s" in caplog.text
    for i in range(11, 16):
        timed.emit(event(i))
    assert len(slow) == 2, "once a second while it loses events"
    clock.seconds += 1.0
    timed.emit(event(16))
    assert slow == [subscription] * 3
    assert len(caplog.records) == 1
    assert subscription.trouble.endswith("10 events wait, the oldest for 1.0 s; 6 events dropped")
    assert "10 events wait, the oldest for 1.0 s, 6 were dropped" in subscription.why_slow()


def test_a_plain_handler_that_blocks_its_loop_is_told_of_with_for_how_long(
    timed: EventBus, clock: Clock, slow: list[Subscription], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> Subscription:
        last = asyncio.Event()

        def blocks(one: Event) -> None:
            clock.seconds += 3.2  # as time.sleep(3.2) would
            last.set()

        subscription = timed.on("tick_data", blocks)
        timed.emit(event(0))
        await last.wait()
        return subscription

    subscription = asyncio.run(main())
    timed.look()
    assert "blocked the loop it runs on for 3.2 s" in subscription.trouble
    timed.look()
    assert slow == [subscription]
    assert "blocks is slow: blocked the loop it runs on for 3.2 s; 0 events wait" in caplog.messages[0]
    assert "asyncio.to_thread" in caplog.messages[0]
    assert subscription.trouble == ""


def test_a_loop_that_is_blocked_is_told_of_meanwhile(
    timed: EventBus, clock: Clock, slow: list[Subscription], stuck: Blocked
) -> None:
    async def main() -> None:
        subscription = timed.on("tick_data", stuck)
        looked = threading.Thread(target=look)
        looked.start()
        timed.emit(event(0))
        # No longer than a turn of this loop: then the handler keeps it.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.to_thread(looked.join)
        assert slow == [subscription]

    def look() -> None:
        stuck.called()
        clock.seconds += 2.5
        timed.look()
        stuck.go.set()

    asyncio.run(main())


def test_an_async_handler_that_awaits_for_long_does_not_block_its_loop(
    timed: EventBus, clock: Clock, slow: list[Subscription]
) -> None:
    async def main() -> None:
        at_work, go = asyncio.Event(), asyncio.Event()

        async def waits(one: Event) -> None:
            at_work.set()
            await go.wait()

        subscription = timed.on("tick_data", waits)
        timed.emit(event(0))
        await at_work.wait()
        clock.seconds += 60.0
        timed.look()
        assert not slow, "nothing waits for it"
        timed.emit(event(1))
        clock.seconds += 2.0
        timed.look()
        assert slow == [subscription]
        assert "is slow: 1 events wait, the oldest for 2.0 s" in subscription.why_slow()
        go.set()

    asyncio.run(main())


def test_a_handler_is_named_as_its_function_is(bus: EventBus) -> None:
    class Odd:
        def __call__(self, told: Event) -> None: ...

        def __repr__(self) -> str:
            raise ValueError

    for handler, name in (
        (functools.partial(functools.partial(Until.wait), 3), "Until.wait"),
        (Odd(), "Odd"),
        (print, "print"),
    ):
        assert f"{name}: 0 delivered" in repr(bus.on_thread("tick_data", handler))


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
