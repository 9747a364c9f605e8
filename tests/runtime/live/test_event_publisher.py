"""Events of bars, as a market emits them."""

from __future__ import annotations

import queue

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
