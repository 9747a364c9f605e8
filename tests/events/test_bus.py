"""Handlers: in order, isolated from each other and from the feed."""

from __future__ import annotations

import asyncio
import copy
import threading
from typing import Any

import pandas as pd
import pytest

from mdnb.errors import OptionError, WaitTimeoutError
from mdnb.events import bus as module
from mdnb.events.bus import EventBus
from mdnb.events.subscription import Subscription
from mdnb.events.types import Event, EventType
from tests.events.handlers import event
from tests.limits import LIMIT_SECONDS


def test_each_handler_sees_every_event_in_order(bus: EventBus) -> None:
    seen: dict[str, list[int]] = {"a": [], "b": []}
    done = threading.Event()

    def end(told: Event) -> None:
        if told.time_ns == 999:
            done.set()

    bus.on("tick_data", lambda told: seen["a"].append(told.time_ns))
    bus.on("TICK_DATA", lambda told: seen["b"].append(told.time_ns))
    bus.on(EventType.TICK_DATA, end)
    for i in range(1000):
        bus.emit(event(i))
    assert done.wait(LIMIT_SECONDS)
    assert seen["a"] == seen["b"] == list(range(1000))


def test_a_slow_handler_fills_only_its_own_queue_and_is_told_of() -> None:
    told: list[Subscription] = []
    bus = EventBus(on_slow=told.append)
    go, started, done = threading.Event(), threading.Event(), threading.Event()
    seen: list[int] = []

    async def main() -> None:
        async def quick(one: Event) -> None:
            seen.append(one.time_ns)
            if one.time_ns == 499:
                done.set()

        bus.on("tick_data", quick)

        def slow(one: Event) -> None:
            started.set()
            go.wait(LIMIT_SECONDS)

        stuck = bus.on_thread("tick_data", slow, limit=10)
        emit = threading.Thread(target=lambda: [bus.emit(event(i)) for i in range(500)])
        emit.start()
        await asyncio.to_thread(done.wait, LIMIT_SECONDS)
        # The one that emits was never held up, though the slow handler still sits in its first event.
        await asyncio.to_thread(emit.join, LIMIT_SECONDS)
        assert not emit.is_alive()
        assert await asyncio.to_thread(started.wait, LIMIT_SECONDS)
        assert stuck.dropped >= 480
        go.set()

    asyncio.run(main())
    bus.close()
    assert seen == list(range(500))
    assert {subscription.handler.__name__ for subscription in told} == {"slow"}


def test_handlers_on_a_loop_may_be_for_one_event_and_may_raise(bus: EventBus) -> None:
    seen: dict[str, list[int]] = {"once": [], "failing": []}

    async def main() -> None:
        done = asyncio.Event()

        async def fail(told: Event) -> None:
            seen["failing"].append(told.time_ns)
            if told.time_ns == 2:
                done.set()
            raise ValueError("handler's own fault")

        bus.on("tick_data", lambda told: seen["once"].append(told.time_ns), once=True)
        failing = bus.on("tick_data", fail)
        for i in range(3):
            bus.emit(event(i))
        async with asyncio.timeout(LIMIT_SECONDS):
            await done.wait()
        assert failing.errors == 3
        assert bus.subscriptions() == [failing]

    asyncio.run(main())
    assert seen == {"once": [0], "failing": [0, 1, 2]}
    assert isinstance(bus.last_error, ValueError)


def test_off_by_handle_by_handler_and_by_type(bus: EventBus) -> None:
    def one(told: Event) -> None: ...
    def two(told: Event) -> None: ...

    first, _, _ = bus.on("new_bar", one), bus.on("new_bar", two), bus.on("new_bar", two)
    assert bus.off(first) == 1
    assert bus.off(first) == 0
    assert bus.off("new_bar", two) == 2
    assert not bus.wants(EventType.NEW_BAR)
    bus.on("new_bar", one)
    assert bus.off("new_bar") == 1


def test_off_with_a_symbol_removes_what_was_registered_for_it(bus: EventBus) -> None:
    def one(told: Event) -> None: ...

    whole, ours, other = (bus.on("new_bar", one, symbol=symbol) for symbol in (None, "X", "Y"))
    assert bus.off("new_bar", one, symbol="X") == 1
    assert [whole.active, ours.active, other.active] == [True, False, True]
    assert bus.off(other, symbol="X") == 0
    assert bus.off(other, symbol="Y") == 1
    again = bus.on_thread("new_bar", one, symbol="X")
    assert bus.off("new_bar", one) == 2
    assert not whole.active
    assert not again.active


def test_events_of_other_symbols_do_not_reach_a_queue(bus: EventBus) -> None:
    go, started, done = threading.Event(), threading.Event(), threading.Event()
    seen: list[int] = []

    def ours(told: Event) -> None:
        started.set()
        go.wait(LIMIT_SECONDS)
        seen.append(told.time_ns)
        if told.time_ns == 3:
            done.set()

    subscription = bus.on("tick_data", ours, symbol="X", limit=2)
    bus.emit(event(1))
    assert started.wait(LIMIT_SECONDS)
    for i in range(100):
        bus.emit(event(i, symbol="Y"))
    bus.emit(event(2))
    bus.emit(event(3))
    go.set()
    assert done.wait(LIMIT_SECONDS)
    assert seen == [1, 2, 3]
    assert subscription.dropped == 0


def test_whether_anybody_wants_a_symbol_follows_who_listens(bus: EventBus) -> None:
    kind = EventType.TICK_DATA
    assert not bus.wants(kind, "X")
    ours = bus.on(kind, print, symbol="X")
    assert [bus.wants(kind, "X"), bus.wants(kind, "Y"), bus.wants(kind)] == [True, False, True]
    everybody = bus.on(kind, print)
    assert bus.wants(kind, "Y")
    everybody.off()
    assert [bus.wants(kind, "X"), bus.wants(kind, "Y")] == [True, False]
    ours.off()
    assert not bus.wants(kind, "X")


def test_waiting_and_iterating() -> None:
    async def main() -> None:
        bus = EventBus()
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: [bus.emit(event(i)) for i in range(5)])
        found = await bus.wait_for("tick_data", timeout=LIMIT_SECONDS, where=lambda told: told.time_ns == 3)
        assert found.price == found["price"] == 3.0
        with pytest.raises(WaitTimeoutError, match="NEW_BAR"):
            await bus.wait_for("new_bar", timeout=0.01)
        loop.call_soon(lambda: [bus.emit(event(i, EventType.NEW_BAR)) for i in range(3)])
        numbers = []
        async for told in bus.events("new_bar", "tick_data"):
            numbers.append(told.time_ns)
            if len(numbers) == 3:
                break
        assert numbers == [0, 1, 2]
        bus.close()
        assert bus.subscriptions() == []

    asyncio.run(main())


def test_events_can_be_read_by_attribute_and_by_key() -> None:
    told = event(5)
    assert told.status == told["status"] == "connected"
    with pytest.raises(AttributeError, match="no field 'nothing'"):
        _ = told.nothing
    with pytest.raises(KeyError):
        _ = told["nothing"]


def test_unknown_events_and_handlers_that_are_none_are_refused(bus: EventBus) -> None:
    with pytest.raises(OptionError, match="Did you mean 'QUOTE_UPDATE'"):
        bus.on("quote_updates", print)
    with pytest.raises(OptionError, match="function of one event"):
        bus.on("new_bar", None)  # type: ignore[arg-type]


def test_an_event_told_while_the_first_handler_is_registered_stops_no_later_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus, seen, done = EventBus(), [], threading.Event()
    make = module.CallbackThreads

    def told_meanwhile() -> object:
        bus.emit(Event(EventType.NEW_BAR, "MNQ", 0, {"n": 0}))
        return make()

    monkeypatch.setattr(module, "CallbackThreads", told_meanwhile)

    def handler(event: Event) -> None:
        seen.append(event.n)
        done.set()

    bus.on_thread(EventType.NEW_BAR, handler)
    bus.emit(Event(EventType.NEW_BAR, "MNQ", 0, {"n": 1}))
    assert done.wait(LIMIT_SECONDS)
    assert seen == [1]
    bus.close()


def test_an_event_knows_its_time_in_the_suites_zone() -> None:
    told = Event(EventType.NEW_BAR, "MNQ", 1_772_409_600_000_000_000, {}, "America/Chicago")
    assert told.time == pd.Timestamp("2026-03-01 18:00", tz="America/Chicago")
    assert str(told.time.tz) == "America/Chicago"


def test_an_event_can_be_copied() -> None:
    told = copy.copy(event(5))
    assert (told.type, told.symbol, told.time_ns, told.price) == (EventType.TICK_DATA, "X", 5, 5.0)


def test_off_removes_neither_what_another_bus_has_nor_what_has_another_handler(bus: EventBus) -> None:
    other = EventBus()
    theirs, ours = other.on("new_bar", print), bus.on("new_bar", print)
    assert bus.off(theirs) == 0
    assert bus.off(ours, repr) == 0
    assert theirs.active
    assert ours.active
    assert bus.off(ours, print) == 1
    with pytest.raises(OptionError, match="a handler must be a function"):
        bus.off("new_bar", 3)  # type: ignore[arg-type]
    other.close()


@pytest.mark.parametrize("timeout", [-1, float("nan"), "5", True, [1]])
def test_a_timeout_that_is_no_time_is_refused(bus: EventBus, timeout: Any) -> None:
    with pytest.raises(OptionError, match="timeout must be seconds"):
        bus.events("new_bar", timeout=timeout)
    with pytest.raises(OptionError, match="timeout must be seconds"):
        bus.events_plain("new_bar", timeout=timeout)
    with pytest.raises(OptionError, match="timeout must be seconds"):
        asyncio.run(bus.wait_for("new_bar", timeout))
    assert not bus.subscriptions()


def test_a_condition_is_a_function_and_its_own_timeout_is_its_own(bus: EventBus) -> None:
    async def told(where: Any) -> None:
        waiting = asyncio.ensure_future(bus.wait_for("tick_data", where=where))
        await asyncio.sleep(0)
        bus.emit(event(1))
        await waiting

    def slow(told: Event) -> bool:
        raise TimeoutError("mine")

    with pytest.raises(OptionError, match="where must be a function"):
        asyncio.run(told(3))
    with pytest.raises(TimeoutError, match="mine"):
        asyncio.run(told(slow))
