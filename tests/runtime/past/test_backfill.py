"""After an outage the bars are those of an uninterrupted run, or a gap says which interval they are not."""

from __future__ import annotations

import asyncio
import math
import queue
import threading
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

import mdnb
from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.errors import FeedBusyError, FeedError
from mdnb.events.bus import EventBus
from mdnb.feeds.timeouts import Backoff
from mdnb.instruments import Instrument
from mdnb.market import LiveMarket
from mdnb.rows import TradeRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.missed_trades import backfill, put_back, put_back_by_time
from mdnb.runtime.past.repair import SymbolRepair
from mdnb.runtime.past.stretches import Patience
from mdnb.runtime.process.bridge import call
from mdnb.sessions import Sessions
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, bar, open_market, trade

NAMES = ["1min", "5min", "15min", "50tick"]


def stream(count: int, seconds: float = 7.0) -> list[TradeRow]:
    return [trade(i * seconds, 100.0 + 0.25 * ((i * 7) % 11), 1.0 + i % 4, i) for i in range(count)]


def make(**config: Any) -> Pipeline:
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), NAMES, DataManagerConfig(**config))
    return Pipeline(engine, EventBus(), EventClock(START), "sequential")


def frames(pipeline: Pipeline) -> dict[str, pd.DataFrame]:
    return {name: pipeline.engine.frame(name) for name in NAMES}


def assert_equal(mine: dict[str, pd.DataFrame], theirs: dict[str, pd.DataFrame]) -> None:
    for name, frame in theirs.items():
        pd.testing.assert_frame_equal(mine[name], frame)


@given(
    st.integers(20, 300),
    st.integers(0, 299),
    st.integers(1, 200),
    st.integers(0, 20),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_an_outage_that_is_backfilled_leaves_no_trace(
    count: int, begin: int, length: int, overlap: int, timer: bool, ticks: bool, fill: bool
) -> None:
    # Half a minute apart and with holes, so that there are minutes without a trade.
    rows = [row for row in stream(count, 31.0 if fill else 7.0) if not fill or row[5] % 9 < 6]
    rows = [(*row[:5], at) for at, row in enumerate(rows)]
    count = len(rows)
    begin, end = min(begin, count), min(begin + length, count)
    whole, parts = make(fill_gaps=fill), make(enable_tick_data=ticks, fill_gaps=fill)
    whole.take(rows)
    parts.take(rows[:begin])
    if timer and begin:
        # The timer closes the bars of the outage as they are.
        parts.clock.advance(rows[end - 1][0] + 10 * SECOND)  # type: ignore[attr-defined]
        parts.close_due()
    backfill(parts, rows[max(0, begin - overlap) : end])
    parts.take(rows[end:])
    assert_equal(frames(parts), frames(whole))
    taken = parts.accounting(0, 0, 0)
    assert taken.balanced
    assert taken.in_bars == count
    assert taken.backfilled == end - begin


@given(
    st.integers(30, 200),
    st.sets(st.integers(1, 198), max_size=20),
    st.booleans(),
    st.sampled_from((0, 9, 200)),
)
def test_trades_that_were_jumped_over_are_put_where_they_belong(
    count: int, holes: set[int], timer: bool, ticks: int
) -> None:
    rows = stream(count)
    lost = {i for i in holes if i < count - 1}
    whole, parts = make(), make(enable_tick_data=ticks > 0, max_ticks=max(1, ticks))
    whole.take(rows)
    parts.take([row for row in rows if row[5] not in lost])
    if timer:
        parts.clock.advance(rows[-1][0])  # type: ignore[attr-defined]
        parts.close_due()
    assert {number for hole in parts.duplicates.holes for number in hole.ids} == lost
    # In two answers, of which the second one has what the first one had.
    assert put_back(parts, [row for row in rows if row[5] in lost and row[5] % 2]) == sum(i % 2 for i in lost)
    put_back(parts, [row for row in rows if row[5] in lost])
    clock_bars = {name: frame for name, frame in frames(whole).items() if name != "50tick"}
    for name, frame in clock_bars.items():
        pd.testing.assert_frame_equal(parts.engine.frame(name), frame, rtol=1e-12, atol=0.0)
    taken = parts.accounting(0, 0, 0)
    assert taken.balanced
    assert (taken.backfilled, taken.duplicate) == (len(lost), 0)
    assert not parts.duplicates.holes


def gaps_of(market: LiveMarket, *, opened: bool = False) -> queue.Queue[mdnb.Event]:
    """Return where gaps are told that are settled; or also when they are found."""
    told: queue.Queue[mdnb.Event] = queue.Queue()

    def take(event: mdnb.Event) -> None:
        if opened or event.state != "repairing":
            told.put(event)

    market.on("data_gap", take)
    return told


def repair_of(market: LiveMarket) -> SymbolRepair:
    return market._parts.session.backfill.repairs["X"]


def impatient(market: LiveMarket, **seconds: float) -> None:
    """Do not wait as long as one would for a venue."""
    quick = {"comes_late": 0.0, "settle": 0.0, "backoff": Backoff(0.001, 1.0, 0.001)} | seconds
    repair_of(market).patience = Patience(**quick)  # type: ignore[arg-type]  # as the test says


def outage(feed: HandFeed, until_ns: int) -> None:
    """Lose the connection, and have another one at an instant."""
    feed.status("disconnected")
    feed.clock.advance(until_ns)  # type: ignore[attr-defined]
    feed.status("reconnected")


def check_bars(market: LiveMarket, rows: list[TradeRow], *names: str) -> None:
    """Compare bars with those of trades that came without an outage."""
    whole = make()
    whole.take(rows)
    for name in names:
        pd.testing.assert_frame_equal(market.data.get_data(name), whole.engine.frame(name))


class Refusing(HandFeed):
    """Has no answer, ever."""

    async def history_trades(self, *asked: Any) -> Any:
        raise FeedError("not today")


def test_a_reconnect_asks_the_history_and_says_what_it_put_back() -> None:
    rows = stream(100)
    feed = HandFeed(trades=rows)
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market, opened=True)
        feed.trades(*rows[:30])
        feed.status("disconnected")
        feed.status("reconnecting")
        feed.clock.advance(rows[59][0])  # type: ignore[attr-defined]
        feed.status("reconnected")
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.state, event.repaired) == ("repairing", False)
        gap_id = event.gap_id
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.gap_id, event.state) == (gap_id, "repaired")
        assert (event.repaired, event.trades, event.reason) == (True, 30, "reconnect")
        assert event.gap_duration == 30 * 7.0
        assert event.gap_start == pd.Timestamp(rows[29][0], tz="UTC")
        assert event.data["gap_end"] == pd.Timestamp(rows[59][0], tz="UTC")
        # Trades may be late by so much.
        assert feed.asked[-1][0] == rows[29][0] - 5 * SECOND
        feed.trades(*rows[60:])
        check_bars(market, rows, *NAMES)
        assert market.data.get_stats().gaps_repaired == 1
        assert market.data.get_stats().completeness == 100.0


@pytest.mark.parametrize(
    ("lost", "back"),
    [
        (["disconnected"], "connected"),
        (["disconnected", "connecting"], "connected"),
        (["disconnected", "disconnected"], "connected"),
        (["reconnecting"], "connected"),
        ([], "reconnected"),
    ],
)
def test_whatever_a_feed_calls_it_a_connection_that_is_back_is_repaired(lost: list[str], back: str) -> None:
    rows = stream(100)
    feed = HandFeed(trades=rows)
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market)
        said: queue.Queue[str] = queue.Queue()
        market.on("connection_status_changed", lambda event: said.put(event.status))
        feed.trades(*rows[:30])
        for status in lost:
            feed.status(status)
        feed.clock.advance(rows[59][0])  # type: ignore[attr-defined]
        feed.status(back)
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.state, event.trades, event.reason) == ("repaired", 30, "reconnect")
        feed.trades(*rows[60:])
        check_bars(market, rows, *NAMES)
        assert market.status == "reconnected"
        assert market.data.get_stats().disconnects == 1
        statuses = [said.get(timeout=LIMIT_SECONDS)]
        while statuses[-1] != "reconnected":
            statuses.append(said.get(timeout=LIMIT_SECONDS))
        assert statuses[0] == "disconnected"
        assert set(statuses[1:-1]) <= {"reconnecting"}


def test_bars_wait_while_the_history_is_fetched_and_nothing_else_does() -> None:
    rows = stream(100)
    feed = Slow(rows)
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market)
        feed.trades(*rows[:30])
        feed.status("disconnected")
        feed.clock.advance(rows[60][0])  # type: ignore[attr-defined]
        # The next connection brings its first trades before it is told to be up.
        feed.trades(*rows[60:70])
        feed.status("reconnected")
        assert feed.was_asked.wait(LIMIT_SECONDS)
        feed.trades(*rows[70:])
        feed.quotes((rows[99][0], 99.0, 1.0, 101.0, 1.0))
        assert float(market.price) == rows[99][1]
        assert market.quote.bid == 99.0
        assert [tick.trade_id for tick in market.data.get_recent_ticks(2)] == [98, 99]
        assert market.data.get_latest_tick().flag == "ok"
        assert market.data.get_recent_ticks(1)[0].flag == "waiting"
        assert market.accounting().waiting == 40
        assert market.data.engine.price_ahead() == rows[99][1]
        assert market.accounting().balanced
        assert market.data.get_data("1min").index[-1] == pd.Timestamp(rows[29][0], tz="UTC").floor("1min")
        answered(market, feed)
        assert told.get(timeout=LIMIT_SECONDS).trades == 30
        check_bars(market, rows, *NAMES)
        assert (market.accounting().duplicate, market.accounting().waiting) == (0, 0)
        assert math.isnan(market.data.engine.price_ahead())
        assert market.accounting().amended == 0
        assert [tick.trade_id for tick in market.data.get_recent_ticks(100)] == list(range(100))
        assert {tick.flag for tick in market.data.get_recent_ticks(100)} == {"ok"}


@pytest.mark.parametrize("limit", [{"bars_wait": 0.01}, {"most_trades": 5}])
def test_bars_wait_a_while_and_what_comes_later_amends(limit: dict[str, float]) -> None:
    rows = stream(100)
    feed = Slow(rows)
    with open_market(feed, "1min", "5min") as market:
        impatient(market, **limit)
        told, amended = gaps_of(market, opened=True), queue.Queue[mdnb.Event]()
        closed = queue.Queue[mdnb.Event]()
        market.on("bar_amended", amended.put)
        market.on("new_bar", closed.put)
        feed.trades(*rows[:30])
        outage(feed, rows[60][0])
        assert feed.was_asked.wait(LIMIT_SECONDS)
        feed.trades(*rows[60:])
        while closed.get(timeout=LIMIT_SECONDS).time_ns < rows[60][0]:
            pass
        assert market.accounting().waiting == 0
        answered(market, feed)
        states = [told.get(timeout=LIMIT_SECONDS) for _ in range(2)]
        assert [event.state for event in states] == ["repairing", "repaired"]
        assert len({event.gap_id for event in states}) == 1
        assert (states[1].trades, states[1].gap_end) == (30, pd.Timestamp(rows[60][0], tz="UTC"))
        check_bars(market, rows, "1min", "5min")
        assert amended.get(timeout=LIMIT_SECONDS).timeframe in ("1min", "5min")
        assert market.data.get_stats().completeness == 100.0


@pytest.mark.parametrize("history", [None, []])
def test_without_a_history_the_gap_is_told_once_and_not_closed(history: list[Any] | None) -> None:
    rows = stream(100)
    feed = HandFeed(trades=history)
    with open_market(feed, *NAMES) as market:
        impatient(market, give_up=0.01)
        told = gaps_of(market)
        feed.trades(*rows[:30])
        outage(feed, rows[60][0])
        feed.trades(*rows[60:])
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.repaired, event.trades) == (False, 0)
        assert event.gap_start == pd.Timestamp(rows[29][0], tz="UTC")
        assert event.gap_end == pd.Timestamp(rows[60][0], tz="UTC")
        assert market.data.get_timeframe_stats("1min").completeness < 100
        stats = market.data.get_stats()
        assert (stats.gaps, stats.gaps_repaired) == (1, 0)
        assert stats.data_quality_score < 100
        with pytest.raises(queue.Empty):
            told.get_nowait()


@pytest.mark.parametrize("history", [None, []])
def test_a_market_in_which_nobody_trades_after_an_outage_keeps_what_is_known_of_it(
    history: list[Any] | None,
) -> None:
    rows = stream(100)
    feed = HandFeed(trades=history)
    with open_market(feed, *NAMES) as market:
        feed.trades(*rows[:30])
        outage(feed, rows[60][0])
        lacking = market.data.get_timeframe_stats("1min").missing_bars
        assert 0 < lacking <= 5
        feed.clock.advance(rows[60][0] + 3600 * SECOND)  # type: ignore[attr-defined]
        assert market.data.get_timeframe_stats("1min").missing_bars == lacking
        feed.status("disconnected")
        feed.clock.advance(rows[60][0] + 7200 * SECOND)  # type: ignore[attr-defined]
        assert market.data.get_timeframe_stats("1min").missing_bars >= lacking + 59


@pytest.mark.parametrize("history", [True, False])
def test_a_reconnect_that_missed_nothing_is_no_gap(history: bool) -> None:
    rows = stream(60)
    feed = HandFeed(trades=rows if history else None)
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market, opened=True)
        feed.trades(*rows[:30])
        feed.clock.advance(rows[29][0])  # type: ignore[attr-defined]
        feed.status("disconnected")
        feed.status("reconnected")
        feed.trades(*rows[30:])
        settled(market)
        assert told.empty()
        assert market.data.get_stats().gaps == 0
        assert market.data.get_stats().completeness == 100.0
        check_bars(market, rows, *NAMES)


def settled(market: LiveMarket) -> None:
    """Wait until there is nothing left to repair."""

    async def go() -> None:
        work = repair_of(market).work
        if work is not None:
            await asyncio.wait({work})

    call(go())
    assert not repair_of(market).stretches


def test_ids_jumped_over_in_mid_stream_are_fetched() -> None:
    rows = stream(100)
    feed = HandFeed(trades=rows)
    with open_market(feed, "1min", "5min") as market:
        impatient(market)
        told = gaps_of(market)
        feed.trades(*rows[:40], *rows[45:])
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.repaired, event.trades, event.reason) == (True, 5, "missing_ids")
        assert (event.data["gap_start"].value, event.data["gap_end"].value) == (rows[39][0], rows[45][0])
        check_bars(market, rows, "1min", "5min")
        assert market.accounting().balanced


def test_trades_that_are_put_back_fire_no_alert_and_are_no_newest_price() -> None:
    rows = stream(100)
    peak = [(ts_ns, 900.0 + number % 3, *rest) for number, (ts_ns, _, *rest) in enumerate(rows[40:45])]
    feed = HandFeed(trades=[*rows[:40], *peak, *rows[45:]])
    with open_market(feed, "1min") as market:
        impatient(market)
        told = gaps_of(market)
        alert = market.alert(901.0, once=False)
        feed.trades(*rows[:40], *rows[45:])
        assert told.get(timeout=LIMIT_SECONDS).repaired
        assert market["1min"].frame["high"].max() == 902.0
        assert (alert.fired, market.price) == (0, rows[-1][1])


def test_a_history_without_trades_of_the_outage_puts_nothing_back() -> None:
    pipeline = make()
    pipeline.duplicates.ids = "none"
    rows = [(*row[:5], -1) for row in stream(20)]
    pipeline.take(rows)
    before = frames(pipeline)
    assert put_back_by_time(pipeline, rows, rows[19][0] + 1, rows[19][0] + SECOND) == 0
    # What is held already is not taken for missed.
    assert put_back_by_time(pipeline, rows, rows[0][0], rows[19][0]) == 0
    assert_equal(frames(pipeline), before)


def test_ids_that_come_late_by_themselves_are_no_gap() -> None:
    rows = stream(60)
    feed = HandFeed(trades=rows)
    with open_market(feed, "1min") as market:
        told = gaps_of(market, opened=True)
        feed.trades(*rows[:40], *rows[41:])
        feed.trades(rows[40])
        settled(market)
        assert told.empty()
        assert not feed.asked


def test_two_outages_in_a_row_are_one_gap() -> None:
    rows = stream(100)
    feed = HandFeed(trades=rows)
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market)
        feed.trades(*rows[:30])

        async def flap() -> None:
            assert feed._on_status is not None
            for status in ("disconnected", "reconnected", "disconnected", "reconnected"):
                feed._on_status(status, "")

        feed.clock.advance(rows[59][0])  # type: ignore[attr-defined]
        call(flap())
        assert told.get(timeout=LIMIT_SECONDS).trades == 30
        assert told.empty()
        feed.trades(*rows[60:])
        check_bars(market, rows, *NAMES)


class Slow(HandFeed):
    """Answers when it is told to."""

    def __init__(self, trades: list[Any]) -> None:
        super().__init__(trades=trades)
        self.was_asked = threading.Event()
        self.answer = asyncio.Event()

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[Any] | None:
        rows = await super().history_trades(symbol, start_ns, end_ns)
        self.was_asked.set()
        await self.answer.wait()
        return rows


def test_an_outage_within_an_outage_leaves_each_bar_as_it_was_traded() -> None:
    rows = stream(100)
    feed = Slow(rows)
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market)
        feed.trades(*rows[:30])
        outage(feed, rows[49][0])
        assert feed.was_asked.wait(LIMIT_SECONDS)
        feed.trades(*rows[50:55])
        feed.status("disconnected")
        feed.status("reconnecting")
        # The next connection brings its first trades before it is told to be up.
        feed.clock.advance(rows[69][0])  # type: ignore[attr-defined]
        feed.trades(*rows[70:75])
        assert float(market.price) == rows[74][1]
        feed.status("reconnected")
        answered(market, feed)
        gaps = [told.get(timeout=LIMIT_SECONDS) for _ in range(2)]
        assert [(gap.repaired, gap.trades) for gap in gaps] == [(True, 20), (True, 15)]
        edges = [(gap.data["gap_start"].value, gap.data["gap_end"].value) for gap in gaps]
        assert edges == [(rows[29][0], rows[50][0]), (rows[54][0], rows[70][0])]
        feed.trades(*rows[75:])
        check_bars(market, rows, *NAMES)
        assert market.accounting().balanced


def answered(market: LiveMarket, feed: Slow) -> None:
    """Let the history answer, and wait until everything is settled."""

    async def go() -> None:
        feed.answer.set()

    call(go())
    settled(market)


def test_a_history_that_fails_is_asked_again_until_it_is_well() -> None:
    class Failing(HandFeed):
        failures: ClassVar[list[Exception]] = [
            FeedError("HTTP 503"),
            FeedBusyError("HTTP 429", 0.01),
            TimeoutError("no answer"),
            FeedError("HTTP 503"),
        ]

        async def history_trades(self, *asked: Any) -> Any:
            if self.failures:
                raise self.failures.pop(0)
            return await super().history_trades(*asked)

    rows = stream(200)
    feed = Failing(trades=rows)
    with open_market(feed, "1min", "5min") as market:
        told = gaps_of(market, opened=True)
        impatient(market)
        feed.trades(*rows[:30])
        outage(feed, rows[130][0])
        feed.trades(*rows[130:])
        gaps = [told.get(timeout=LIMIT_SECONDS) for _ in range(2)]
        assert [(gap.state, gap.repaired) for gap in gaps] == [("repairing", False), ("repaired", True)]
        assert gaps[0].gap_id == gaps[1].gap_id
        assert gaps[1].trades == 100
        assert told.empty()
        check_bars(market, rows, "1min", "5min")
        (gap,) = market._parts.session.market("X").pipeline.gaps
        assert (gap.gap_id, gap.state, gap.repaired) == (gaps[0].gap_id, "repaired", True)


def test_a_gap_is_between_the_trades_around_what_is_lost() -> None:
    class Failing(HandFeed):
        fails = True

        async def history_trades(self, *asked: Any) -> Any:
            if self.fails:
                raise FeedError("HTTP 503")
            return await super().history_trades(*asked)

    # A fifth of a second after the outage fifteen more are lost, and these the history does not have.
    rows = stream(200, 0.02)
    feed = Failing(trades=[row for row in rows if not 111 <= row[5] < 126])
    with open_market(feed, "1sec", "1min") as market:
        told = gaps_of(market)
        impatient(market)
        feed.trades(*rows[:50])
        outage(feed, rows[100][0])
        feed.trades(*rows[100:111], *rows[126:])
        feed.fails = False
        gaps = [told.get(timeout=LIMIT_SECONDS) for _ in range(2)]
        assert [(gap.state, gap.trades) for gap in gaps] == [("repaired", 50), ("lost", 0)]
        edges = [(gap.data["gap_start"].value, gap.data["gap_end"].value) for gap in gaps]
        assert edges == [(rows[49][0], rows[100][0]), (rows[110][0], rows[126][0])]
        check_bars(market, [row for row in rows if not 111 <= row[5] < 126], "1min")
        stats = market.data.get_stats()
        assert (stats.gaps, stats.gaps_repaired) == (2, 1)


def test_a_real_socket_that_is_cut_again_and_again_leaves_the_venues_own_bars() -> None:
    url = "sim://?seed=5&speed=120&start=2026-03-02T15:00:00Z"
    with mdnb.live("BTC-USD", ["1min", "5min"], feed=url, initial_days=0.05, name="cut") as market:
        told = gaps_of(market)
        feed: Any = market._parts.session.feed
        feed.backoff = Backoff(first=0.3, cap=0.6)

        async def cut() -> None:
            if feed._socket is not None:
                feed._socket.transport.abort()

        for _ in range(3):
            market.wait_for("new_bar", 30, lambda event: event.timeframe == "1min")
            call(cut())
            market.wait_for("connection_status_changed", 30, lambda event: event.status == "reconnected")
            assert told.get(timeout=LIMIT_SECONDS).repaired
        market.wait_for("new_bar", 60, lambda event: event.timeframe == "5min")
        market.wait_for("new_bar", 60, lambda event: event.timeframe == "1min")
        start = market._parts.session.market("BTC-USD").pipeline.live_since_ns
        assert start is not None
        for name in ("1min", "5min"):
            # The first coarse bar is of the part of its interval that the history was asked for.
            mine = market.data.get_data(name, closed_only=True).iloc[1:]
            theirs = call(
                feed.history_bars("BTC-USD", name, int(mine.index[0].value), int(mine.index[-1].value) + 1)
            )
            assert len(mine) == len(theirs)
            ours = mine[["open", "high", "low", "close"]].to_numpy().tolist()
            assert ours == [list(row[1:5]) for row in theirs]
            np.testing.assert_allclose(mine["volume"], [row[5] for row in theirs], rtol=1e-9)
            assert mine["tick_count"].tolist() == [row[6] for row in theirs]
        taken = market.accounting()
        assert taken.balanced
        assert taken.backfilled > 0
        assert market.data.get_stats().disconnects == 3


def test_quotes_that_were_missed_are_told_too() -> None:
    class Quotes(HandFeed):
        source = "quotes"
        has_trades = False

    feed = Quotes(clock=EventClock(START))
    with open_market(feed, "1min") as market:
        told = gaps_of(market)
        feed.quotes((START + SECOND, 99.0, 1.0, 101.0, 1.0))
        outage(feed, START + 300 * SECOND)
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.repaired, event.gap_duration) == (False, 299.0)
        feed.quotes((START + 301 * SECOND, 99.0, 1.0, 101.0, 1.0))
        assert len(market.data.get_data("1min")) == 2


def test_closing_while_the_history_is_fetched_leaves_nothing_behind() -> None:
    feed = Slow(stream(1))
    with open_market(feed, "1min") as market:
        feed.trades(trade(1, 100.0, 1.0, 0))
        feed.status("disconnected")
        feed.status("reconnected")
        work = repair_of(market).work
    assert work is not None
    call(asyncio.wait({work}))
    assert work.cancelled()


def test_at_the_end_of_the_feed_what_was_not_repaired_is_lost() -> None:
    rows = stream(60)
    feed = Refusing()
    with open_market(feed, "1min") as market:
        told = gaps_of(market, opened=True)
        feed.trades(*rows[:30])
        feed.status("disconnected")
        feed.status("reconnected")
        feed.trades(*rows[40:])
        assert told.get(timeout=LIMIT_SECONDS).state == "repairing"
        assert market.data.get_stats().gaps_repairing == 1
        assert "1 being repaired" in market._repr_html_()
        call(feed.close())
        market.wait_ended(LIMIT_SECONDS)
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.state, event.gap_start, event.gap_end) == (
            "lost",
            pd.Timestamp(rows[29][0], tz="UTC"),
            pd.Timestamp(rows[40][0], tz="UTC"),
        )
        # The bars that waited are there.
        assert market.data.get_accounting().waiting == 0
        assert market.data.get_data("1min").index[-1] == pd.Timestamp(rows[59][0], tz="UTC").floor("1min")


def test_where_the_feeds_own_bars_are_taken_a_missing_trade_is_no_gap() -> None:
    feed = HandFeed(bars=("1min",), trades=stream(60), clock=EventClock(START))
    with open_market(feed, "1min") as market:
        told = gaps_of(market, opened=True)
        market.data.configure_bar_processing(use_tick_data=False)
        rows = stream(60)
        feed.trades(*rows[:30], *rows[40:])
        settled(market)
        assert told.empty()
        assert not feed.asked
        # Its bars cannot be had anew: what the outage cost is lost. The next bar tells.
        feed.bars(bar(7, 100.0))
        outage(feed, START + 640 * SECOND)
        feed.bars(bar(7, 100.0), bar(10, 101.0))
        assert told.get(timeout=LIMIT_SECONDS).state == "repairing"
        assert told.get(timeout=LIMIT_SECONDS).state == "lost"


@pytest.mark.parametrize(
    ("down", "back", "lost", "told"),
    [
        (260, 270, (), []),
        (260, 410, (4, 5), [("repairing", 4, 6), ("lost", 4, 6)]),
        (20, 30, (), []),
        (20, 110, (0,), [("repairing", 0, 1), ("lost", 0, 1)]),
    ],
    ids=["amid a bar", "two bars", "before any bar", "the first bar"],
)
def test_the_next_of_the_feeds_own_bars_tells_what_an_outage_cost(
    down: int, back: int, lost: tuple[int, ...], told: list[tuple[str, int, int]]
) -> None:
    class Bars(HandFeed):
        source = "bars"
        has_trades = False

    feed = Bars(bars=("1min",), clock=EventClock(START))
    moves: list[tuple[float, str | int]] = [(down, "disconnected"), (back, "reconnected")]
    moves += [((minute + 1) * 60, minute) for minute in range(9) if minute not in lost]
    with open_market(feed, "1min", "5min") as market:
        gaps = gaps_of(market, opened=True)
        for at, what in sorted(moves, key=lambda move: move[0]):
            feed.clock.advance(START + round(at) * SECOND)  # type: ignore[attr-defined]
            if isinstance(what, str):
                feed.status(what)
            else:
                feed.bars(bar(what, 100.0))
        settled(market)
        found: list[tuple[object, ...]] = []
        while len(found) < len(told):
            event = gaps.get(timeout=LIMIT_SECONDS)
            edges = ((edge.value - START) / (60 * SECOND) for edge in (event.gap_start, event.gap_end))
            found.append((event.state, *edges))
        assert found == told
        assert gaps.empty()
        assert len(market.data.get_data("1min")) == 9 - len(lost)
        assert market.data.get_stats().gaps_repairing == 0


class BarsAlone(HandFeed):
    """Sends its own bars, and no trades."""

    source = "bars"
    has_trades = False


def told_of(gaps: queue.Queue[mdnb.Event], count: int) -> list[tuple[object, ...]]:
    """Return states and edges, in minutes, of the next gaps that are told."""
    found: list[tuple[object, ...]] = []
    for _ in range(count):
        event = gaps.get(timeout=LIMIT_SECONDS)
        found.append(
            (event.state, *((at.value - START) / (60 * SECOND) for at in (event.gap_start, event.gap_end)))
        )
    return found


def test_an_own_bar_that_comes_again_after_an_outage_tells_nothing() -> None:
    feed = BarsAlone(bars=("1min",), clock=EventClock(START))
    with open_market(feed, "1min") as market:
        gaps = gaps_of(market)
        feed.bars(bar(0, 100.0), bar(1, 100.0))
        outage(feed, START + 250 * SECOND)
        # Of old bars nobody learns what there was since.
        feed.bars(bar(1, 100.0))
        feed.bars(bar(4, 100.0))
        assert told_of(gaps, 1) == [("lost", 2, 4)]
        settled(market)
        assert gaps.empty()


@pytest.mark.parametrize("bars", [(5, 6), (5, 8), (4, 5), (4, 8)])
def test_an_own_bar_that_comes_just_before_the_next_outage_tells_of_the_one_before(
    bars: tuple[int, int],
) -> None:
    feed = BarsAlone(bars=("1min",), clock=EventClock(START))
    with open_market(feed, "1min") as market:
        gaps = gaps_of(market)
        feed.bars(*(bar(minute, 100.0) for minute in range(4)))
        outage(feed, START + 310 * SECOND)
        feed.clock.advance(START + 360 * SECOND)  # type: ignore[attr-defined]
        feed.status("disconnected")
        feed.bars(bar(bars[0], 100.0))
        feed.clock.advance(START + 545 * SECOND)  # type: ignore[attr-defined]
        feed.status("reconnected")
        feed.bars(bar(bars[1], 100.0))
        settled(market)
        missing = [(low + 1, high) for low, high in ((3, bars[0]), bars) if high > low + 1]
        assert told_of(gaps, len(missing)) == [("lost", *edges) for edges in missing]
        assert gaps.empty()


def test_where_the_source_changes_amid_a_repair_the_history_is_asked_no_more_and_the_rest_is_lost() -> None:
    rows = stream(60)
    feed = HandFeed(bars=("1min",), trades=[], clock=EventClock(START))
    with open_market(feed, "1min") as market:
        impatient(market)
        told = gaps_of(market)
        feed.trades(*rows[:30])
        outage(feed, rows[40][0])
        market.data.configure_bar_processing(use_tick_data=False)

        async def go() -> list[tuple[int, int]]:
            repair = repair_of(market)
            held = list(feed.asked)
            for _ in range(5):
                repair._wake()
                await asyncio.sleep(0)
            assert repair._due() is None
            return held

        asked = call(go())
        call(feed.close())
        market.wait_ended(LIMIT_SECONDS)
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.state, event.gap_start) == ("lost", pd.Timestamp(rows[29][0], tz="UTC"))
        assert feed.asked == asked


def test_without_a_history_each_outage_may_have_cost_trades_without_an_id() -> None:
    rows = stream(60)
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "1min") as market:
        impatient(market)
        told = gaps_of(market)
        feed.trades(*rows[:10], (*rows[9][:5], -1))
        for first in (10, 20, 30):
            outage(feed, rows[first][0])
            # The ids go on, which says nothing of trades that have none.
            feed.trades(*rows[first : first + 10])
            event = told.get(timeout=LIMIT_SECONDS)
            assert (event.state, event.gap_start) == ("lost", pd.Timestamp(rows[first - 1][0], tz="UTC"))
        settled(market)
        assert told.empty()


def test_outliers_among_trades_that_waited_are_held_back_as_ever() -> None:
    rows = stream(100)
    far = (*rows[70][:1], 150.0, *rows[70][2:])
    given = [*rows[:70], far, *rows[71:]]
    feed = Slow(given)
    with open_market(feed, "1min", remove_outliers=True) as market:
        told = gaps_of(market)
        feed.trades(*rows[:30])
        outage(feed, rows[60][0])
        assert feed.was_asked.wait(LIMIT_SECONDS)
        feed.trades(*given[60:])
        answered(market, feed)
        assert told.get(timeout=LIMIT_SECONDS).repaired
        check_bars(market, [row for row in given if row is not far], "1min")
        flags = {tick.trade_id: tick.flag for tick in market.data.get_recent_ticks(100)}
        assert flags == {row[5]: "outlier" if row is far else "ok" for row in [*rows[:70], far, *rows[71:]]}
        assert market.accounting().balanced


def test_a_hole_beside_an_outage_is_one_with_it_also_at_the_end() -> None:
    rows = stream(60)
    feed = Refusing()
    with open_market(feed, "1min") as market:
        impatient(market, comes_late=LIMIT_SECONDS)
        told = gaps_of(market, opened=True)
        feed.trades(*rows[:28], rows[29])
        feed.status("disconnected")
        feed.status("reconnected")
        feed.trades(*rows[40:])
        first = told.get(timeout=LIMIT_SECONDS)
        assert (first.state, first.gap_start) == ("repairing", pd.Timestamp(rows[29][0], tz="UTC"))
        call(feed.close())
        market.wait_ended(LIMIT_SECONDS)
        last = told.get(timeout=LIMIT_SECONDS)
        assert (last.state, last.gap_id) == ("lost", first.gap_id)
        assert last.gap_start == pd.Timestamp(rows[27][0], tz="UTC")
        assert last.gap_end == pd.Timestamp(rows[40][0], tz="UTC")
        assert told.empty()
