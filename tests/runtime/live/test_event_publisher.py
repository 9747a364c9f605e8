"""Events of bars, as a market emits them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, MutableMapping

import pytest

import mdnb
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, open_market, trade


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
