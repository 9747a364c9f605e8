"""Trades on the very edge between the history and the live data are in one bar, once."""

from __future__ import annotations

import pandas as pd
import pytest

from mdnb.clock import EventClock
from mdnb.rows import TradeRow
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, minutes, open_market

NOW = START + 30 * SECOND
AT = {
    "the last instant of the last closed bar": START - 1,
    "the first instant of the bar that is being made": START,
    "the instant after": START + 1,
    "just before the history ends": NOW - 1,
    "the instant at which the history ends": NOW,
}


def made(at_ns: int, number: int, price: float) -> TradeRow:
    return (at_ns, price, 1.0, 1, 1, number)


@pytest.mark.parametrize("ids", ["sequential", "unique", "none"])
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("where", AT)
def test_a_trade_at_an_edge_of_the_history_is_in_its_bar_once(where: str, again: bool, ids: str) -> None:
    at = AT[where]
    edge = [made(at, 2, 150.0)]
    past = sorted([made(START - 20 * SECOND, 1, 100.0), *edge, made(START + 10 * SECOND, 3, 101.0)])
    past = [(*row[:5], i if ids != "none" else -1) for i, row in enumerate(past, start=1)]
    feed = HandFeed(minutes(-5, 5), trades=past, clock=EventClock(NOW))
    feed.ids = ids  # type: ignore[assignment]  # as the test says
    (held,) = [row for row in past if row[1] == 150.0]
    live = [made(NOW + SECOND, 4 if ids != "none" else -1, 102.0)]
    with open_market(feed, "1min") as market:
        ((since, until),) = feed.asked
        assert since <= START - MINUTE
        # The end is not asked for itself: one more than now.
        assert until == NOW + 1
        feed.trades(*([held] if again else []), *live)
        frame = market.data.get_data("1min")
        inside = [row for row in [*past, *live] if row[0] >= START]
        closed = minutes(-5, 5)
        assert frame["volume"].tolist() == [*(row[5] for row in closed), float(len(inside))]
        assert frame.index[-1] == pd.Timestamp(START, tz="UTC")
        newest = frame.iloc[-1]
        prices = [row[1] for row in inside]
        assert newest[["open", "high", "low", "close"]].tolist() == [
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
        ]
        accounting = market.accounting()
        assert (accounting.duplicate, accounting.balanced) == (int(again), True)


def test_a_bar_of_the_history_that_is_still_being_made_is_none_of_the_closed_ones() -> None:
    """A venue's answer ends with the bar of now, as many do, though asked for those before."""
    past = [made(START + 5 * SECOND, 1, 100.0), made(START + 10 * SECOND, 2, 101.0)]
    feed = HandFeed(minutes(-5, 6), trades=past, clock=EventClock(NOW))
    with open_market(feed, "1min", "5min") as market:
        frame = market.data.get_data("1min")
        assert frame["volume"].tolist() == [*(row[5] for row in minutes(-5, 5)), 2.0]
        assert frame.iloc[-1][["open", "high", "low", "close"]].tolist() == [100.0, 101.0, 100.0, 101.0]
        assert len(market.data.get_data("1min", closed_only=True)) == 5
        five = market.data.get_data("5min")
        assert five["volume"].tolist() == [sum(row[5] for row in minutes(-5, 5)), 2.0]


@pytest.mark.parametrize("late", [-1, 0])
def test_the_first_live_trade_at_the_edge_of_a_bar_begins_the_next(late: int) -> None:
    feed = HandFeed(minutes(-5, 5), trades=[made(START + SECOND, 1, 100.0)], clock=EventClock(NOW))
    with open_market(feed, "1min") as market:
        feed.trades(made(START + MINUTE + late, 2, 101.0))
        assert market.data.get_data("1min")["close"].tolist()[-2:] == (
            [100.0, 101.0]
            if late == 0
            else [
                minutes(-5, 5)[-1][4],
                101.0,
            ]
        )
