"""What is loaded before a market is live."""

from __future__ import annotations

import asyncio

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.market import LiveMarket
from mdnb.sessions import DAY_NS
from mdnb.suite import TradingSuite
from mdnb.timeframes import Timeframe
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, minutes, open_market, trade
from tests.runtime.past.short_venue import ShortVenue, bars_of, starts_of


def test_each_symbol_is_told_before_its_history_is_loaded_and_the_end_after_the_last() -> None:
    told: list[tuple[int, int, str]] = []

    async def main() -> None:
        feed = HandFeed(minutes(-30, 30))
        async with await TradingSuite.create(
            ["X", "Y"], ["1min"], feed=feed, initial_days=0.02, progress=lambda *given: told.append(given)
        ) as suite:
            assert len(await suite.of("Y").data.get_data("1min")) == 30

    asyncio.run(main())
    assert told == [(0, 2, "history of X"), (1, 2, "history of Y"), (2, 2, "live")]


def test_trades_of_the_history_are_in_bars_of_so_many_and_in_the_bar_that_is_being_made() -> None:
    past = [trade(-130 + 20 * i, 100.0 + i, 1.0, i) for i in range(8)]
    feed = HandFeed(minutes(-30, 30), trades=past, clock=EventClock(past[-1][0]))
    with open_market(feed, "1min", "3tick") as market:
        assert market.data.get_data("3tick")["close"].tolist() == [102.0, 105.0, 107.0]
        # The first comes live too.
        feed.trades(past[-1], trade(30, 108.0, 1.0, 8))
        assert market.data.get_data("3tick")["close"].tolist() == [102.0, 105.0, 108.0]
        frame = market.data.get_data("1min")
        assert len(frame) == 31
        assert frame.iloc[-1][["open", "close", "volume"]].tolist() == [107.0, 108.0, 2.0]
        assert market.accounting().duplicate == 1


def test_where_the_history_has_no_bars_they_are_made_of_its_trades() -> None:
    class TradesAlone(HandFeed):
        async def history_bars(self, *_: object) -> None:
            return None

    past = [trade(-130 + 20 * i, 100.0 + i, 1.0, i) for i in range(8)]
    feed = TradesAlone(minutes(-30, 30), trades=past, clock=EventClock(past[-1][0]))
    with open_market(feed, "1min") as market:
        assert market.data.get_data("1min")["close"].tolist() == [100.0, 103.0, 106.0, 107.0]


# -- a venue whose history is short ------------------------------------------------------------------------

NOW = START + 5 * 60 * MINUTE + 17 * MINUTE + 35 * SECOND
"""19:17:35, amid a minute, an hour and a day."""


def held_by(feed: ShortVenue, timeframes: list[str], days: float = 5) -> LiveMarket:
    return mdnb.live("X", timeframes, feed=feed, initial_days=days, progress=False)


def assert_equals_pandas(market: LiveMarket, feed: ShortVenue, name: str, from_ns: int) -> None:
    """Every bar that starts from there on, the one that is being made too, is that of all trades."""
    trades = feed.market[feed.market["ts_ns"] < feed.now_ns + 1]
    true = bars_of(trades, name)
    true = true[starts_of(true) >= from_ns]
    mine = market.data.get_data(name, count=100_000)
    columns = ["open", "high", "low", "close", "volume"]
    assert starts_of(mine).tolist() == starts_of(true).tolist()
    np.testing.assert_array_equal(mine[columns].to_numpy(), true[columns].to_numpy())
    assert mine["tick_count"].tolist() == true["tick_count"].tolist()
    assert mine.attrs["partial"] == ()


def floor(ns: int, name: str) -> int:
    step = round(Timeframe.parse(name).seconds * SECOND)
    return ns - ns % step


@pytest.mark.parametrize("declares", [True, False])
def test_each_timeframe_has_its_days_of_a_venue_that_gives_720_bars_of_each(
    declares: bool, caplog: pytest.LogCaptureFixture
) -> None:
    feed = ShortVenue(NOW, declares=declares)
    with held_by(feed, ["1min", "1hour", "1day"]) as market:
        start = NOW - 5 * DAY_NS
        assert_equals_pandas(market, feed, "1min", floor(NOW, "1min") - 720 * MINUTE)
        assert_equals_pandas(market, feed, "1hour", floor(start, "1hour"))
        assert_equals_pandas(market, feed, "1day", floor(start, "1day"))
        assert feed.asked_bars == ["1min", "1hour", "1day"]
        lacking = {name: market.data.get_timeframe_stats(name).history_missing_days for name in market}
        assert lacking == {"1min": pytest.approx(4.5, abs=0.01), "1hour": 0.0, "1day": 0.0}
        assert "missing: 1min 4.5 days" in str(market)
    told = [record.getMessage() for record in caplog.records]
    assert told == ["history of X: of 5 days the venue has 1min 0.5"]


def test_the_day_that_is_being_made_is_of_the_venues_hours_where_no_hours_are_kept() -> None:
    feed = ShortVenue(NOW)
    with held_by(feed, ["1min", "1day"]) as market:
        assert_equals_pandas(market, feed, "1day", floor(NOW - 5 * DAY_NS, "1day"))
        assert market.timeframes == ["1min", "1day"]
        assert feed.asked_bars == ["1min", "4hour", "1day"]
        # Live goes on, over the end of the hour and of the day, with a late trade between.
        later = pd.DataFrame(
            {"ts_ns": range(NOW + SECOND, floor(NOW, "1day") + DAY_NS + MINUTE, 60 * SECOND)}
        )
        later["price"], later["size"] = 90.0 + later.index % 7, 2.0
        trades = [*feed.market.itertuples(index=False, name=None), *later.itertuples(index=False, name=None)]
        rows = [(*trade, 1, 1, number) for number, trade in enumerate(trades)][len(feed.market) :]
        # Trades 10 and 11 are 60 s apart: the second comes first, and both within the allowed lateness.
        market.data.engine.cascade.max_lateness_ns = 90 * SECOND
        rows[10], rows[11] = rows[11], rows[10]
        feed.trades(*rows)
        true = bars_of(pd.DataFrame(trades, columns=["ts_ns", "price", "size"]), "1day")[-2:]
        mine = market.data.get_data("1day", count=2)
        for name in ("open", "high", "low", "close", "volume"):
            assert mine[name].tolist() == true[name].tolist(), name


def test_a_timeframe_that_the_venue_has_not_is_made_of_the_coarsest_that_nests_in_it() -> None:
    feed = ShortVenue(NOW, has=["1min", "15min", "1hour"])
    with held_by(feed, ["1min", "4hour"]) as market:
        assert feed.asked_bars == ["1min", "1hour"]
        assert_equals_pandas(market, feed, "4hour", floor(NOW - 5 * DAY_NS, "4hour"))


def test_a_finest_timeframe_without_history_leaves_the_others_theirs() -> None:
    feed = ShortVenue(NOW, has=["1hour", "1day"])
    with held_by(feed, ["1min", "1hour", "1day"]) as market:
        assert feed.asked_bars == ["1hour", "1day"]
        closed = market.data.get_data("1hour", count=1000, closed_only=True)
        assert closed.index[0].value == floor(NOW - 5 * DAY_NS, "1hour")
        assert closed.index[-1].value == floor(NOW, "1hour") - 60 * MINUTE
        assert market.data.get_timeframe_stats("1min").history_missing_days == pytest.approx(5, abs=0.01)


def test_a_venue_that_refuses_a_coarse_timeframe_is_told_of_and_costs_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Boastful(ShortVenue):
        def history_depth(self, timeframe: str) -> float | None:
            return float("inf")

    feed = Boastful(NOW, has=["1min"])
    with held_by(feed, ["1min", "1hour"]) as market:
        assert len(market.data.get_data("1min", count=1000)) == 721
        assert market.data.get_timeframe_stats("1hour").history_missing_days == pytest.approx(4.5, abs=0.01)
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "the venue gave no 1hour bars of X: there are no 1hour bars here",
        "history of X: of 5 days the venue has 1min 0.5, 1hour 0.5",
    ]


def test_of_a_venue_whose_fine_bars_reach_far_enough_no_other_is_asked() -> None:
    feed = ShortVenue(NOW, limit=10_000)
    with held_by(feed, ["1min", "1hour", "1day"], 2) as market:
        assert feed.asked_bars == ["1min"]
        assert market.data.get_timeframe_stats("1day").history_missing_days == 0.0
