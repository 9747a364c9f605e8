"""Iterators over events: nothing lost in silence, and an end when the market ends."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading

import pytest

from mdnb.errors import ClosedError, OptionError, WaitTimeoutError
from mdnb.events.bus import EventBus
from mdnb.events.streams import Backlog
from mdnb.events.subscription import Subscription
from mdnb.events.types import Event, EventType
from tests.events.handlers import event
from tests.limits import LIMIT_SECONDS


async def taken(bus: EventBus, *types: str, symbol: str | None = None) -> list[Event]:
    return [told async for told in bus.events(*types, symbol=symbol)]


def test_an_iterator_gives_its_symbols_events_in_the_order_told(bus: EventBus) -> None:
    stream = bus.events_plain("new_bar", "tick_data", symbol="X")
    for i in range(6):
        bus.emit(event(i, EventType.NEW_BAR if i % 3 == 0 else EventType.TICK_DATA))
        bus.emit(event(i, symbol="Y"))
        bus.emit(event(i, EventType.QUOTE_UPDATE))
    bus.close()
    assert [told.time_ns for told in stream] == list(range(6))
    assert list(stream) == []


def test_no_types_means_all(bus: EventBus) -> None:
    stream = bus.events_plain()
    for kind in EventType:
        bus.emit(event(1, kind))
    bus.end()
    assert [told.type for told in stream] == list(EventType)


def test_an_async_iterator_ends_when_the_bus_is_closed_from_another_thread(bus: EventBus) -> None:
    async def main() -> list[int]:
        seen = []
        stream = bus.events("tick_data", symbol="X")
        threading.Thread(target=bus.emit, args=(event(1),)).start()
        async for told in stream:
            seen.append(told.time_ns)
            threading.Thread(target=bus.close).start()
        return seen

    assert asyncio.run(asyncio.wait_for(main(), LIMIT_SECONDS)) == [1]
    assert bus.subscriptions() == []


def test_a_plain_iterator_that_waits_is_woken_by_an_event_and_by_the_end(bus: EventBus) -> None:
    seen: list[int] = []
    first = threading.Event()

    def iterate() -> None:
        for told in bus.events_plain("tick_data"):
            seen.append(told.time_ns)
            first.set()

    thread = threading.Thread(target=iterate)
    thread.start()
    while not first.is_set():
        bus.emit(event(1))
        first.wait(0.01)
    bus.end()
    thread.join(LIMIT_SECONDS)
    assert not thread.is_alive()
    assert set(seen) == {1}


def test_an_event_that_comes_after_the_end_is_not_queued_and_not_lost() -> None:
    backlog = Backlog(1)
    assert backlog.put(event(1))
    backlog.end()
    assert backlog.put(event(2))
    taken_out = [backlog.take(), backlog.take()]
    assert [told and told.time_ns for told in taken_out] == [1, None]
    assert (backlog.ended, backlog.dropped) == (True, 0)


def test_an_interrupt_of_a_plain_iterator_that_waits_ends_it(bus: EventBus) -> None:
    stream = bus.events_plain("tick_data")

    def interrupt() -> None:
        # Once it waits: from then on it has something to be woken by.
        while not stream._backlog._wakers:
            tried.wait(0.01)
        signal.raise_signal(signal.SIGINT)

    tried = threading.Event()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            next(stream)
    finally:
        signal.signal(signal.SIGINT, before)
        thread.join(LIMIT_SECONDS)
    assert bus.subscriptions() == []


def test_after_the_end_there_is_nothing_to_wait_for(bus: EventBus) -> None:
    bus.end()
    assert list(bus.events_plain("tick_data")) == []
    assert asyncio.run(taken(bus, "tick_data")) == []
    with pytest.raises(ClosedError, match="no NEW_BAR event will come"):
        asyncio.run(bus.wait_for("new_bar"))


def test_a_wait_ends_when_the_bus_is_closed(bus: EventBus) -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(bus.close)
        await bus.wait_for("new_bar")

    with pytest.raises(ClosedError):
        asyncio.run(asyncio.wait_for(main(), LIMIT_SECONDS))


def test_a_wait_is_for_its_symbol_and_takes_what_was_told_before_the_end(bus: EventBus) -> None:
    async def main() -> Event:
        def tell() -> None:
            bus.emit(event(1, symbol="Y"))
            bus.emit(event(2))
            bus.close()

        asyncio.get_running_loop().call_soon(tell)
        return await bus.wait_for("tick_data", symbol="X")

    assert asyncio.run(asyncio.wait_for(main(), LIMIT_SECONDS)).time_ns == 2


def test_what_a_condition_of_a_wait_raises_reaches_who_waits(bus: EventBus) -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: bus.emit(event(1)))
        await bus.wait_for("tick_data", where=lambda told: told.no_such_field)

    with pytest.raises(AttributeError, match="no_such_field"):
        asyncio.run(asyncio.wait_for(main(), LIMIT_SECONDS))
    assert bus.subscriptions() == []


def test_what_does_not_fit_is_counted_and_told_of() -> None:
    told: list[Subscription] = []
    bus = EventBus(on_slow=told.append)
    plain, awaited = bus.events_plain("tick_data"), bus.events("tick_data", "new_bar")
    for i in range(10_007):
        bus.emit(event(i))
    assert plain.dropped == awaited.dropped == 7
    assert set(told) == {subscription for subscription in bus.subscriptions() if subscription.dropped}
    assert sum(subscription.dropped for subscription in bus.subscriptions()) == 14
    bus.close()
    assert [one.time_ns for one in plain] == list(range(7, 10_007))


def test_a_plain_iterator_gives_up_when_nothing_comes(bus: EventBus) -> None:
    stream = bus.events_plain("tick_data", timeout=0.01)
    bus.emit(event(1))
    assert next(stream).time_ns == 1
    with pytest.raises(WaitTimeoutError, match="no event within"):
        next(stream)
    bus.emit(event(2))
    assert next(stream).time_ns == 2


def test_an_async_iterator_gives_up_when_nothing_comes_and_can_be_asked_again(bus: EventBus) -> None:
    async def main() -> list[int]:
        stream = bus.events("tick_data", timeout=0.01)
        with pytest.raises(WaitTimeoutError, match="no event within"):
            await anext(stream)
        bus.emit(event(1))
        bus.close()
        return [told.time_ns async for told in stream]

    assert asyncio.run(main()) == [1]


def test_an_iterator_whose_wait_is_cancelled_listens_no_more_though_somebody_keeps_it(bus: EventBus) -> None:
    async def main() -> None:
        kept = bus.events("tick_data")
        waiting = asyncio.ensure_future(anext(kept))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not bus.wants(EventType.TICK_DATA)
        with pytest.raises(StopAsyncIteration):
            await anext(kept)

    asyncio.run(main())


def test_an_iterator_that_is_left_or_forgotten_listens_no_more(bus: EventBus) -> None:
    with bus.events_plain("tick_data") as stream:
        bus.emit(event(1))
        bus.emit(event(2))
        assert next(stream).time_ns == 1
    assert not bus.wants(EventType.TICK_DATA, "X")
    assert [told.time_ns for told in stream] == [2]

    async def leave() -> None:
        async with bus.events("tick_data"):
            assert bus.wants(EventType.TICK_DATA)
        assert not bus.wants(EventType.TICK_DATA)
        await bus.events("tick_data").aclose()

    asyncio.run(leave())
    forgotten = bus.events_plain("tick_data")
    bus.emit(event(1))
    for _ in forgotten:
        break
    del forgotten
    gc.collect()
    assert not bus.wants(EventType.TICK_DATA)


def test_a_reader_whose_loop_is_gone_does_not_hold_up_who_tells(bus: EventBus) -> None:
    stream = bus.events("tick_data", timeout=0.01)

    async def give_up() -> None:
        with pytest.raises(WaitTimeoutError):
            await anext(stream)

    asyncio.run(give_up())
    bus.emit(event(1))

    async def again() -> int:
        return (await anext(stream)).time_ns

    assert asyncio.run(again()) == 1


def test_unknown_events_are_refused(bus: EventBus) -> None:
    with pytest.raises(OptionError, match="Did you mean"):
        bus.events_plain("tick_dat")
    assert bus.subscriptions() == []
