"""Who is slow is told of: by a full queue, by what waits, and by a loop that is blocked."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from mdnb.events.bus import EventBus
from mdnb.events.subscription import Subscription
from mdnb.events.types import Event
from tests.events.handlers import Blocked, Clock, event


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
    assert len(caplog.records) == 2, "that it is slow, and that it begins to lose events"
    assert "10 events wait, the oldest for 0.0 s, 1 were dropped" in caplog.records[1].getMessage()
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
