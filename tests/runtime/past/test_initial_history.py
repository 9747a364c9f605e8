"""What is loaded before a market is live."""

from __future__ import annotations

import asyncio

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.errors import FeedError, FeedRefusedError
from mdnb.market import LiveMarket
from mdnb.rows import BarRow, TradeRow
from mdnb.sessions import DAY_NS, Sessions
from mdnb.suite import TradingSuite
from mdnb.timeframes import Timeframe
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, bar, minutes, open_market, trade
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
    assert told == [
        (0, 2, "HandFeed: connecting"),
        (0, 2, "history of X"),
        (1, 2, "history of Y"),
        (2, 2, "live"),
    ]


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


def test_a_bar_that_is_over_here_and_not_yet_at_the_venue_is_made_of_its_trades() -> None:
    past = [trade(-130 + 20 * i, 100.0 + i, 1.0, i) for i in range(8)]
    feed = HandFeed(minutes(-30, 29), trades=past, clock=EventClock(past[-1][0]))
    with open_market(feed, "1min") as market:
        feed.trades(past[-1], trade(30, 108.0, 1.0, 8))
        frame = market.data.get_data("1min")
        assert frame.iloc[-2][["open", "close", "volume"]].tolist() == [104.0, 106.0, 3.0]
        assert frame.iloc[-1][["open", "close", "volume"]].tolist() == [107.0, 108.0, 2.0]


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


def assert_equals_pandas(
    market: LiveMarket, feed: ShortVenue, name: str, from_ns: int, partial: tuple[int, ...] = ()
) -> None:
    """Every bar that starts from there on, the one that is being made too, is that of all trades.

    Of those before it, and of no others, some are marked partial.
    """
    trades = feed.market[feed.market["ts_ns"] < feed.now_ns + 1]
    true = bars_of(trades, name)
    true = true[starts_of(true) >= from_ns]
    mine = market.data.get_data(name, count=100_000)
    assert mine.attrs["partial"] == partial
    mine = mine.iloc[len(partial) :]
    columns = ["open", "high", "low", "close", "volume"]
    assert starts_of(mine).tolist() == starts_of(true).tolist()
    np.testing.assert_array_equal(mine[columns].to_numpy(), true[columns].to_numpy())
    assert mine["tick_count"].tolist() == true["tick_count"].tolist()


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
        (fault,) = market.data.get_validation_errors(type="history_failed")
        assert fault.description == "the venue gave no 1hour bars: there are no 1hour bars here"
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "the venue gave no 1hour bars of X: there are no 1hour bars here",
        "history of X: of 5 days the venue has 1min 0.5, 1hour 0.5",
    ]


class _Boast(ShortVenue):
    """Says that it has hours, and answers something else when asked for them."""

    def __init__(self, hours: str) -> None:
        super().__init__(NOW)
        self.hours = hours

    async def history_bars(
        self, symbol: str, timeframe: str, start_ns: int, end_ns: int
    ) -> list[BarRow] | None:
        rows = await super().history_bars(symbol, timeframe, start_ns, end_ns)
        if timeframe != "1hour" or rows is None:
            return rows
        if self.hours == "refused":
            raise FeedRefusedError("no hours")
        if self.hours == "fails":
            raise FeedError("HTTP 500")
        return {"none": None, "empty": [], "few": rows[-3:]}[self.hours]


@pytest.mark.parametrize("hours", ["refused", "fails", "none", "empty", "few"])
def test_a_timeframe_of_which_the_venue_has_less_than_it_says_is_made_of_a_finer_one(hours: str) -> None:
    feed = _Boast(hours)
    with mdnb.live(
        "X", ["1min", "1hour", "1day"], feed=feed, initial_days=5, connect_timeout=1.5, progress=False
    ) as market:
        assert [name for name in feed.asked_bars if name != "1hour"] == ["1min", "15min", "1day"]
        closed = market.data.get_data("1hour", count=1000, closed_only=True)
        assert closed.index[0].value == floor(NOW - 5 * DAY_NS, "1hour")
        assert_equals_pandas(market, feed, "1hour", floor(NOW - 5 * DAY_NS, "1hour"))
        for name, missing in (("1hour", 0.0), ("1day", 0.0)):
            assert market.data.get_timeframe_stats(name).history_missing_days == missing


def test_of_a_venue_whose_fine_bars_reach_far_enough_no_other_is_asked() -> None:
    feed = ShortVenue(NOW, limit=10_000)
    with held_by(feed, ["1min", "1hour", "1day"], 2) as market:
        assert feed.asked_bars == ["1min"]
        assert market.data.get_timeframe_stats("1day").history_missing_days == 0.0


def day_ends(market: LiveMarket, feed: ShortVenue, name: str = "1day") -> pd.DataFrame:
    """Let it be the next day; return a timeframe's bars."""
    first, count = floor(NOW, "1min") + 60 * SECOND, 6 * 60
    feed.trades(
        *((first + i * MINUTE, 90.0, 1.0, 1, 1, int(feed.market.index[-1]) + 1 + i) for i in range(count))
    )
    return market.data.get_data(name, count=1000)


@pytest.mark.parametrize(
    ("has", "limit", "known"),
    [(("1min", "1day"), 720, 720 * MINUTE), (("1min", "5min", "1day"), 100, 502 * MINUTE)],
    ids=str,
)
def test_a_bar_whose_beginning_is_not_to_be_had_is_marked_and_told(
    has: tuple[str, ...], limit: int, known: int, caplog: pytest.LogCaptureFixture
) -> None:
    feed = ShortVenue(NOW, limit, has=has)
    with held_by(feed, ["1min", "1day"]) as market:
        lacks = floor(NOW, "1min") - known - floor(NOW, "1day")
        missing = market.data.get_timeframe_stats("1day").history_missing_days
        assert missing == pytest.approx(lacks / DAY_NS, abs=0.002)
        assert "1day 0." in str(market)
        days = day_ends(market, feed)
        # All days before it are whole.
        assert days.attrs["partial"] == (len(days) - 2,)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.endswith("; the open bars of 1day lack their beginning")


class _WithoutTrades(ShortVenue):
    """Has bars and no trades, as Hyperliquid has."""

    ids = "unique"

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        return None


@pytest.mark.parametrize("timeframes", [["1min", "1hour", "1day"], ["5min", "1hour"], ["1hour"]], ids=str)
def test_without_trades_no_more_is_missing_than_the_minute_that_is_being_made(
    timeframes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    feed = _WithoutTrades(NOW, 10_000)
    told = bars_of(feed.market, "1min")
    told = told[starts_of(told) < floor(NOW, "1min")]
    with held_by(feed, timeframes, 2) as market:
        for name in set(timeframes) - {"1min"}:
            volume = told["volume"][starts_of(told) >= floor(NOW, name)].sum()
            assert market.data.get_data(name, count=1)["volume"].tolist() == [volume]
        assert all(market.data.get_timeframe_stats(name).history_missing_days == 0.0 for name in timeframes)
        assert "missing" not in str(market)
        # The minute lacks its beginning all the same.
        assert day_ends(market, feed, timeframes[-1]).attrs["partial"]
    assert not caplog.records


@pytest.mark.parametrize("timeframes", [["30sec", "1min", "1hour"], ["1min", "1hour"]], ids=str)
def test_trades_that_are_repeated_at_subscription_count_once_where_the_venues_bars_have_them(
    timeframes: list[str],
) -> None:
    feed = _WithoutTrades(NOW, 10_000)
    with held_by(feed, timeframes, 2) as market:
        newest = feed.market.tail(30)
        columns = (newest[name].tolist() for name in ("ts_ns", "price", "size"))
        numbered = zip(*columns, newest.index.tolist(), strict=True)
        feed.trades(*((at, price, size, 1, 1, number) for at, price, size, number in numbered))
        for name in timeframes[1:]:
            assert_equals_pandas(market, feed, name, floor(NOW - 2 * DAY_NS, name))
        assert market.accounting().balanced


def test_a_day_is_made_of_as_many_timeframes_between_as_it_takes() -> None:
    feed = ShortVenue(NOW, 6)
    with held_by(feed, ["1min", "1day"]) as market:
        assert feed.asked_bars == ["1min", "15min", "1hour", "4hour", "1day"]
        assert_equals_pandas(market, feed, "1day", floor(NOW - 5 * DAY_NS, "1day"))
        assert market.timeframes == ["1min", "1day"]
        assert day_ends(market, feed).attrs["partial"] == ()


@pytest.mark.parametrize(
    ("has", "kept", "asked"),
    [
        (("1min",), ["1hour"], ["1min"]),
        (("1min", "1hour"), ["30min", "1hour"], ["1min", "1hour"]),
        (("1min", "5min", "15min", "1hour"), ["3min", "6hour"], ["1min", "1hour"]),
        # The bars nearest to now are of the finest.
        (("1min", "5min", "15min"), ["30min"], ["15min"]),
        (("1min", "1hour", "4hour"), ["6hour"], ["1hour", "1min"]),
    ],
    ids=str,
)
def test_the_finest_timeframe_is_made_of_the_venues_finer_bars_where_it_has_none_of_it(
    has: tuple[str, ...], kept: list[str], asked: list[str]
) -> None:
    feed = ShortVenue(NOW, has=has)
    with held_by(feed, kept) as market:
        assert feed.asked_bars == asked
        for name in kept:
            first = market.data.get_data(name, count=100_000)
            partial = first.attrs["partial"]
            assert partial in ((), (0,))
            assert_equals_pandas(market, feed, name, int(starts_of(first)[len(partial)]), partial)
            assert len(first) > 12


def test_a_finer_timeframe_that_is_refused_is_not_missed(caplog: pytest.LogCaptureFixture) -> None:
    class Boastful(ShortVenue):
        def history_depth(self, timeframe: str) -> float | None:
            return super().history_depth("1min" if timeframe in ("1min", "15min") else timeframe)

    feed = Boastful(NOW, has=["1min"])
    with held_by(feed, ["1hour"]) as market:
        assert feed.asked_bars == ["15min", "1min"]
        assert len(market.data.get_data("1hour")) == 13
    assert [record.getMessage()[:12] for record in caplog.records] == ["history of X"]


def test_without_a_finer_timeframe_the_finest_bars_are_made_of_trades(
    caplog: pytest.LogCaptureFixture,
) -> None:
    feed = ShortVenue(NOW)
    with held_by(feed, ["30sec", "1min", "1hour"]) as market:
        assert_equals_pandas(market, feed, "30sec", NOW - 10 * MINUTE + 25 * SECOND, (0,))
        first_ns = int(feed.market["ts_ns"][feed.market["ts_ns"] >= NOW - 10 * MINUTE].iloc[0])
        missing = market.data.get_timeframe_stats("30sec").history_missing_days
        assert missing * DAY_NS == pytest.approx(first_ns - (NOW - 5 * DAY_NS), abs=SECOND)
        assert_equals_pandas(market, feed, "1min", floor(NOW, "1min") - 720 * MINUTE)
        assert_equals_pandas(market, feed, "1hour", floor(NOW - 5 * DAY_NS, "1hour"))
    # The venue has trades of five minutes more, which are not asked for.
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == (
        "history of X: of 5 days the venue has 1min 0.5; 30sec bars, which the venue does not have, "
        "are made of its newest trades, of 10 minutes at most"
    )


def test_the_open_hour_is_of_minutes_where_the_venue_has_them_and_else_marked() -> None:
    feed = ShortVenue(NOW, has=["1min", "1hour"])
    with held_by(feed, ["1hour", "1day"]) as market:
        assert feed.asked_bars == ["1hour", "1min"]
        assert_equals_pandas(market, feed, "1hour", floor(NOW - 5 * DAY_NS, "1hour") + 60 * MINUTE)
    feed = ShortVenue(NOW, has=["1hour"])
    with held_by(feed, ["1hour"]) as market:
        feed.trades((floor(NOW, "1hour") + 61 * MINUTE, 90.0, 1.0, 1, 1, int(feed.market.index[-1]) + 1))
        hours = market.data.get_data("1hour", count=1000)
        assert hours.attrs["partial"] == (len(hours) - 2,)
        assert market.data.get_timeframe_stats("1hour").history_missing_days > 0.0


def test_an_open_hour_whose_minutes_begin_late_is_marked_and_how_much_is_missing_is_told() -> None:
    # Seven bars of each: the minutes from 19:10 on.
    feed = ShortVenue(NOW, 7, has=["1min", "1hour"])
    with held_by(feed, ["1hour"], 0.25) as market:
        assert feed.asked_bars == ["1hour", "1min"]
        forming = market.data.get_data("1hour").iloc[-1]
        true = feed.market[feed.market["ts_ns"] >= floor(NOW, "1hour") + 10 * MINUTE]
        assert forming["volume"] == true["size"].sum()
        missing = market.data.get_timeframe_stats("1hour").history_missing_days
        assert missing * DAY_NS == pytest.approx(10 * MINUTE, rel=0.01)
        feed.trades((floor(NOW, "1hour") + 61 * MINUTE, 90.0, 1.0, 1, 1, int(feed.market.index[-1]) + 1))
        hours = market.data.get_data("1hour", count=1000)
        assert hours.attrs["partial"] == (len(hours) - 2,)


@pytest.mark.parametrize(("has", "partial"), [(("1min", "1hour"), ()), (("1hour",), (5,))], ids=str)
def test_an_open_hour_of_a_feed_of_bars_is_of_the_minutes_that_closed_before_it_was_live(
    has: tuple[str, ...], partial: tuple[int, ...]
) -> None:
    class Bars(ShortVenue):
        source = "bars"

        async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> None:
            return None

    now = floor(NOW, "1hour") + 5 * MINUTE + 35 * SECOND
    feed = Bars(now, has=has)
    feed.offered = ("1min",)
    with held_by(feed, ["1hour"], 0.25) as market:
        # The minute that is being made comes whole, and live.
        later = floor(NOW, "1hour") + 5 * MINUTE
        feed.bars(*((later + i * MINUTE, *[90.0] * 4, 1.0, 1, 90.0) for i in range(56)))
        mine = market.data.get_data("1hour", count=1000)
        assert mine.attrs["partial"] == partial
        minutes_held = feed.market[feed.market["ts_ns"] < later]
        true = bars_of(minutes_held, "1hour").iloc[-1]
        held = 0.0 if partial else true["volume"]
        assert mine["volume"].iloc[-2:].tolist() == [held + 55.0, 1.0]
        assert mine["high"].iloc[-2] == (90.0 if partial else true["high"])


@pytest.mark.parametrize(
    ("first", "trades", "partial"),
    [
        # The market was quiet for hours.
        (-240, [trade(20, 100.0, 1.0, 7)], ()),
        # In the last minute there were trades, and the venue has none of them.
        (-30, [trade(20, 100.0, 1.0, 7)], (30,)),
        (-30, [trade(-20, 100.0, 1.0, 6), trade(20, 100.0, 1.0, 7)], ()),
        # It has no trades at all.
        (-30, None, (30,)),
        # In none of its bars was there a trade: that says nothing of the minute before the first one.
        (None, [trade(20, 100.0, 1.0, 7)], (30,)),
        (None, [], (30,)),
    ],
)
def test_a_minute_is_marked_where_the_venues_trades_do_not_reach_its_beginning(
    first: int | None, trades: list[TradeRow] | None, partial: tuple[int, ...]
) -> None:
    quiet = [(START + i * MINUTE, *[100.0] * 4, 0.0, 0, 0.0) for i in range(-30, 0)]
    history = quiet if first is None else minutes(first, 30)
    feed = HandFeed(history, trades=trades, clock=EventClock(START + 30 * SECOND))
    with open_market(feed, "1min") as market:
        feed.trades(trade(40, 101.0, 1.0, 8), trade(70, 101.0, 1.0, 9), trade(130, 101.0, 1.0, 10))
        assert market.data.get_data("1min").attrs["partial"] == partial


def test_the_newest_price_is_the_close_of_a_history_without_trades() -> None:
    with open_market(HandFeed([bar(-2, 100.0), bar(-1, 101.25, 7.0)]), "1min") as market:
        assert market.data.engine.last_trade == (START - MINUTE, 101.25, 7.0, 5, 0, -1)
        assert market.price == 101.25


@pytest.mark.parametrize(("finer", "asked"), [("2min", ["15min"]), ("3min", ["15min", "3min"])])
def test_finer_bars_go_on_only_where_one_of_them_begins(finer: str, asked: list[str]) -> None:
    # The quarters end at 19:15, amid a bar of two minutes.
    feed = ShortVenue(NOW + 11 * MINUTE, has=["15min", finer])
    with held_by(feed, ["1hour"], 0.25):
        assert feed.asked_bars == asked


def test_a_history_in_another_unit_of_time_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    class InMilliseconds(HandFeed):
        async def history_bars(self, *_: object) -> list[BarRow]:
            return [(row[0] // 1_000_000, *row[1:]) for row in minutes(-30, 30)]

    with open_market(InMilliseconds(minutes(-30, 30)), "1min", "1hour") as market:
        assert len(market.data.get_validation_errors(type="time_unit")) == 1
    said = [record for record in caplog.records if "history of X: " in record.getMessage()]
    assert said[0].getMessage().startswith("the history of X: ")
    assert said[0].levelname == "WARNING"


def test_history_that_memory_does_not_hold_is_told(caplog: pytest.LogCaptureFixture) -> None:
    feed = HandFeed(minutes(-300, 300))
    with open_market(feed, "1min", "5min", max_bars_per_timeframe=100) as market:
        first = market.data.get_data("1min").index[0]
        assert (len(market.data.get_data("1min")), len(market.data.get_data("5min"))) == (100, 60)
    (said,) = [text for text in caplog.messages if "memory holds" in text]
    assert f"memory holds 100 bars of a timeframe, 1min from {first} on; max_bars_per_timeframe=" in said


def test_history_outside_the_hours_of_the_exchange_is_on_both_sides_of_the_account() -> None:
    opens = START - 10 * MINUTE
    hours = Sessions([opens - DAY_NS, opens], [opens - DAY_NS // 2, opens + DAY_NS])
    past = [trade(-15 * 60, 99.0, 1.0, 1), trade(-30, 100.0, 1.0, 2)]
    feed = HandFeed(minutes(-30, 29), trades=past, clock=EventClock(START), sessions=hours)
    with open_market(feed, "1min") as market:
        assert len(market.data.get_data("1min")) == 10
        feed.trades(trade(5, 101.0, 1.0, 3))
        taken = market.accounting()
    assert (taken.received, taken.in_bars, taken.outside_session) == (21, 1, 20)
    assert taken.balanced


def test_trades_of_the_history_outside_the_hours_are_on_both_sides_of_the_account() -> None:
    class TradesAlone(HandFeed):
        async def history_bars(self, *_: object) -> None:
            return None

    opens = START - MINUTE
    past = [trade(-90, 99.0, 1.0, 1), trade(-30, 100.0, 1.0, 2)]
    hours = Sessions([opens - DAY_NS, opens], [opens - DAY_NS // 2, opens + DAY_NS])
    feed = TradesAlone(minutes(-30, 30), trades=past, clock=EventClock(START), sessions=hours)
    with open_market(feed, "1min") as market:
        assert market.data.get_data("1min")["close"].tolist() == [100.0]
        taken = market.accounting()
    assert taken.outside_session == 1
    assert taken.balanced
