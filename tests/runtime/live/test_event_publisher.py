"""Events of bars, as a market emits them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, MutableMapping

import pytest

import mdnb
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.instruments import Instrument
from mdnb.rows import NOT_LAST, DepthUpdate, MarkedTrade
from mdnb.runtime.live.closed_bar import ClosedBar
from mdnb.runtime.live.event_publisher import EventPublisher
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from mdnb.stores.columns import FILLED, PARTIAL
from mdnb.types import Roll
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, open_market, trade


def test_a_bar_that_closes_is_told_by_both_of_its_names() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        for name in ("new_bar", "bar_constructed"):
            market.on(name, told.put)
        feed.trades(trade(0, 100.0, 1.0, 0), trade(59, 101.0, 2.0, 1), trade(60, 102.0, 1.0, 2))
        events = [told.get(timeout=LIMIT_SECONDS) for _ in range(2)]
        assert {event.type.value for event in events} == {"new_bar", "bar_constructed"}
        for event in events:
            assert (event.timeframe, event.open, event.close, event.volume) == ("1min", 100.0, 101.0, 3.0)
        assert told.empty()


def test_a_late_trade_is_told_as_a_bar_that_was_amended() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("bar_amended", told.put)
        feed.trades(trade(0, 100.0, 1.0, 0), trade(60, 102.0, 1.0, 1), trade(59, 101.0, 2.0, 2))
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.timeframe, event.open, event.close, event.volume) == ("1min", 100.0, 101.0, 3.0)
        assert told.empty()


def test_what_one_handler_does_to_an_event_does_not_reach_the_others() -> None:
    feed = HandFeed()
    with open_market(feed, "1min", "2min") as market:
        market.data.subscribe_to_level2()
        seen: queue.Queue[mdnb.Event] = queue.Queue()
        refused = threading.Event()
        kinds = ("bars_closed", "market_depth_update", "data_quality_alert", "connection_status_changed")

        def spoil(event: mdnb.Event) -> None:
            frame = event.view["1min"]
            frame.iloc[:] = 0.0
            for name in ("data", "type", "symbol", "time_ns", "view"):
                with pytest.raises(AttributeError):
                    setattr(event, name, None)
                with pytest.raises(AttributeError):
                    delattr(event, name)
            try:
                event.bars.clear()
            except AttributeError:
                refused.set()

        market.on("bars_closed", spoil)
        for kind in kinds:
            market.on(kind, seen.put)
        feed.trades(trade(0, 100.0, 1.0, 0), trade(60, 101.0, 1.0, 1), trade(120, 102.0, 1.0, 2))
        feed.depth([(100.0, 1.0)], [(100.5, 2.0)])
        feed.send("no message at all")
        feed.status("stale")
        told: dict[str, mdnb.Event] = {}
        while set(told) < set(kinds):
            event = seen.get(timeout=LIMIT_SECONDS)
            told[event.type.value] = event
        assert refused.wait(LIMIT_SECONDS)
        assert list(told["bars_closed"].bars) == ["1min", "2min"]
        assert told["bars_closed"].view["1min"]["close"].tolist() == [100.0, 101.0]
        for event in told.values():
            carried = [event.data, *(value for value in event.data.values() if isinstance(value, Mapping))]
            for mapping in carried:
                assert not isinstance(mapping, MutableMapping)
                with pytest.raises(TypeError):
                    mapping["new"] = 1
            assert not any(isinstance(value, list | set) for value in event.data.values())
            assert repr(event).startswith(f"Event({event.type.name}, X, {{")


def made_publisher() -> tuple[SymbolState, EventPublisher, list[Event]]:
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ["1min"])
    bus = EventBus()
    told: list[Event] = []
    for kind in EventType:
        bus.tap(kind, told.append)
    return engine, EventPublisher(engine, bus), told


def test_a_roll_is_told_with_both_names_and_its_prices() -> None:
    _, publisher, told = made_publisher()
    roll = Roll("X", START, "Z25", "H26", 100.0, 103.0)
    publisher.roll(roll)
    (event,) = told
    assert (event.type, event.symbol, event.time_ns) == (EventType.ROLL, "X", START)
    assert (event.old, event.new, event.roll) == ("Z25", "H26", roll)


def test_a_book_is_told_with_its_best_levels_and_what_changed() -> None:
    engine, publisher, told = made_publisher()
    publisher.depth(START, [])
    assert (
        told[0].best_bid_size,
        told[0].best_ask_size,
        told[0].updates,
        told[0].snapshot,
        told[0].ready,
    ) == (
        0.0,
        0.0,
        0,
        False,
        False,
    )
    updates = [
        DepthUpdate(START, True, [(99.0, 3.0), (98.0, 9.0)], [(101.0, 1.0)]),
        DepthUpdate(START + 1, False, [], [(100.5, 2.0)]),
    ]
    for update in updates:
        engine.apply_depth(update)
    publisher.depth(START + 1, updates)
    event = told[1]
    assert (event.type, event.time_ns) == (EventType.MARKET_DEPTH_UPDATE, START + 1)
    assert (event.best_bid, event.best_bid_size, event.best_ask, event.best_ask_size) == (
        99.0,
        3.0,
        100.5,
        2.0,
    )
    assert event.spread == 1.5
    assert event.imbalance == pytest.approx((12.0 - 3.0) / 15.0)
    assert (event.updates, event.snapshot, event.ready, event.crossed_removed) == (2, True, True, 0)
    publisher.depth(START + 2, updates[1:])
    assert told[2].snapshot is False


def test_bars_that_end_at_one_instant_are_told_together_and_then_each() -> None:
    _, publisher, told = made_publisher()
    row = (START, 1.0, 2.0, 0.5, 1.5, 3.0, 2, 4.0)
    end = START + 60 * SECOND
    closed = [
        ClosedBar("1min", row, 0, end, end + 5000),
        ClosedBar("30sec", (START + 30 * SECOND, *row[1:]), PARTIAL, end, end + 9000),
        ClosedBar("1min", (end, *row[1:]), 0, end + 60 * SECOND, end + 60 * SECOND + 1000),
    ]
    publisher.bars(closed, [])
    kinds = [(event.type.name, event.time_ns) for event in told]
    assert kinds == [
        ("BARS_CLOSED", end),
        ("NEW_BAR", START),
        ("BAR_CONSTRUCTED", START),
        ("NEW_BAR", START + 30 * SECOND),
        ("BAR_CONSTRUCTED", START + 30 * SECOND),
        ("BARS_CLOSED", end + 60 * SECOND),
        ("NEW_BAR", end),
        ("BAR_CONSTRUCTED", end),
    ]
    first = told[0]
    assert list(first.bars) == ["1min", "30sec"]
    assert (first.end_ns, first.closed_ns) == (end, end + 9000)
    assert (first.end.value, first.closed_at.value) == (end, end + 9000)
    assert [event.partial for event in told[1:5]] == [False, False, True, True]
    assert (told[1].end_ns, told[1].closed_ns, told[1].closed) == (end, end + 5000, True)


def test_amended_flat_and_forming_bars_are_told_as_what_they_are() -> None:
    engine, publisher, told = made_publisher()
    log = engine.log("1min")
    rows = [(START + at * 60 * SECOND, 1.0, 2.0, 0.5, 1.5, 3.0, 2, 4.0) for at in range(2)]
    log.stage(rows[0])
    log.stage(rows[1], FILLED)
    publisher.bars([], [("1min", rows[0]), ("1min", rows[1])])
    assert [(one.type.name, one.time_ns, one.amended, one.filled, one.closed) for one in told] == [
        ("BAR_AMENDED", rows[0][0], True, False, True),
        ("BAR_AMENDED", rows[1][0], False, True, True),
    ]
    told.clear()
    engine.cascade.push(START + 300 * SECOND, 7.0, 1.0)
    publisher.bars([], [])
    (event,) = told
    assert (event.type, event.time_ns, event.close, event.closed) == (
        EventType.BAR_UPDATED,
        START + 300 * SECOND,
        7.0,
        False,
    )


def test_ticks_and_quotes_are_told_each_by_itself_at_its_time() -> None:
    _, publisher, told = made_publisher()
    publisher.trades(
        [(START, 100.0, 1.0, 1, 1, 5), MarkedTrade.of((START + 1, 101.0, 2.0, 1, -1, 6), NOT_LAST)]
    )
    publisher.quotes([(START + 2, 99.0, 1.0, 101.0, 2.0)])
    assert [(one.type.name, one.time_ns) for one in told] == [
        ("TICK_DATA", START),
        ("TICK_DATA", START + 1),
        ("QUOTE_UPDATE", START + 2),
    ]
    assert [(one.price, one.flag) for one in told[:2]] == [(100.0, "ok"), (101.0, "not_last")]
    assert (told[2].bid, told[2].ask_size) == (99.0, 2.0)
    publisher.change(START + 3, {"action": "cancelled"})
    assert (told[3].type, told[3].time_ns, told[3].action) == (
        EventType.TRADE_CHANGED,
        START + 3,
        "cancelled",
    )
