"""After an outage the bars are those of an uninterrupted run, or a gap says which interval they are not."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

import mdnb
from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.errors import FeedError
from mdnb.events.bus import EventBus
from mdnb.feeds.timeouts import Backoff
from mdnb.instruments import Instrument
from mdnb.market import LiveMarket
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.missed_trades import backfill, put_back
from mdnb.runtime.process.bridge import call
from mdnb.sessions import Sessions
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, open_market, trade

NAMES = ["1min", "5min", "15min", "50tick"]


def stream(count: int, seconds: float = 7.0) -> list[tuple[int, float, float, int, int, int]]:
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


@given(st.integers(30, 200), st.sets(st.integers(1, 198), max_size=20), st.booleans())
def test_trades_that_were_jumped_over_are_put_where_they_belong(
    count: int, holes: set[int], timer: bool
) -> None:
    rows = stream(count)
    lost = {i for i in holes if i < count - 1}
    whole, parts = make(), make()
    whole.take(rows)
    parts.take([row for row in rows if row[5] not in lost])
    if timer:
        parts.clock.advance(rows[-1][0])  # type: ignore[attr-defined]
        parts.close_due()
    assert parts.duplicates.missing == lost
    put_back(parts, [row for row in rows if row[5] in lost])
    clock_bars = {name: frame for name, frame in frames(whole).items() if name != "50tick"}
    assert_equal(frames(parts), clock_bars)
    assert parts.accounting(0, 0, 0).balanced
    assert not parts.duplicates.missing


def gaps_of(market: LiveMarket) -> queue.Queue[mdnb.Event]:
    told: queue.Queue[mdnb.Event] = queue.Queue()
    market.on("data_gap", told.put)
    return told


def test_a_reconnect_asks_the_history_and_says_what_it_put_back() -> None:
    rows = stream(100)
    feed = HandFeed(trades=rows)
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market)
        feed.trades(*rows[:30])
        feed.status("disconnected")
        feed.status("reconnecting")
        feed.clock.advance(rows[59][0])  # type: ignore[attr-defined]
        feed.status("reconnected")
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.repaired, event.trades, event.reason) == (True, 30, "reconnect")
        assert event.gap_duration == 30 * 7.0
        assert event.gap_start == pd.Timestamp(rows[29][0], tz="UTC")
        assert event.data["gap_end"] == pd.Timestamp(rows[59][0], tz="UTC")
        assert feed.asked[-1][0] == rows[29][0]
        feed.trades(*rows[60:])
        whole = make()
        whole.take(rows)
        assert_equal({name: market.data.get_data(name) for name in NAMES}, frames(whole))
        assert market.data.get_stats().gaps_repaired == 1
        assert market.data.get_stats().completeness == 100.0


def test_live_trades_wait_while_the_history_is_fetched() -> None:
    rows = stream(100)
    feed = HandFeed(trades=rows[:60])
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market)
        feed.trades(*rows[:30])
        feed.status("disconnected")
        feed.clock.advance(rows[59][0])  # type: ignore[attr-defined]

        async def both() -> None:
            assert feed._on_status is not None
            assert feed._on_frame is not None
            feed._on_status("reconnected", "")
            # On the socket before the history has answered.
            feed._on_frame(mdnb_frame(rows[58:]))

        call(both())
        assert told.get(timeout=LIMIT_SECONDS).trades == 30
        whole = make()
        whole.take(rows)
        assert_equal({name: market.data.get_data(name) for name in NAMES}, frames(whole))
        assert market.accounting().duplicate == 3
        assert market.accounting().balanced


def mdnb_frame(rows: list[Any]) -> str:
    import json

    return json.dumps({"e": "trades", "s": "X", "r": rows})


@pytest.mark.parametrize("history", [None, []])
def test_without_a_history_the_gap_is_told_once_and_not_closed(history: list[Any] | None) -> None:
    rows = stream(100)
    feed = HandFeed(trades=history)
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market)
        feed.trades(*rows[:30])
        feed.status("disconnected")
        feed.clock.advance(rows[60][0])  # type: ignore[attr-defined]
        feed.status("reconnected")
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


def test_a_reconnect_that_missed_nothing_is_no_gap() -> None:
    rows = stream(60)
    feed = HandFeed(trades=None)
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market)
        feed.trades(*rows[:30])
        feed.status("disconnected")
        feed.status("reconnected")
        feed.trades(*rows[30:])
        # Two looks at the ids, a second apart, would tell of it.
        pulse(market)
        pulse(market)
        assert told.empty()
        assert market.data.get_stats().gaps == 0


def pulse(market: LiveMarket) -> None:
    call(market._parts.session.backfill.look_for_missing("X"))


def test_ids_jumped_over_in_mid_stream_are_fetched() -> None:
    rows = stream(100)
    feed = HandFeed(trades=rows)
    with open_market(feed, "1min", "5min") as market:
        told = gaps_of(market)
        feed.trades(*rows[:40], *rows[45:])
        pulse(market)
        pulse(market)
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.repaired, event.trades, event.reason) == (True, 5, "missing_ids")
        whole = make()
        whole.take(rows)
        for name in ("1min", "5min"):
            pd.testing.assert_frame_equal(market.data.get_data(name), whole.engine.frame(name))
        assert market.accounting().balanced


def test_ids_that_come_late_by_themselves_are_no_gap() -> None:
    rows = stream(60)
    feed = HandFeed(trades=rows)
    with open_market(feed, "1min") as market:
        told = gaps_of(market)
        feed.trades(*rows[:40], *rows[41:])
        pulse(market)
        feed.trades(rows[40])
        pulse(market)
        pulse(market)
        assert told.empty()


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
        feed.trades(*rows[60:])
        whole = make()
        whole.take(rows)
        assert_equal({name: market.data.get_data(name) for name in NAMES}, frames(whole))


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


@pytest.mark.parametrize("statuses", [["disconnected"], ["disconnected", "reconnecting"]])
def test_a_connection_lost_while_the_history_is_fetched_is_filled_by_the_next_one(
    statuses: list[str],
) -> None:
    rows = stream(100)
    feed = Slow(rows)
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market)
        feed.trades(*rows[:30])
        feed.status("disconnected")
        feed.clock.advance(rows[49][0])  # type: ignore[attr-defined]
        feed.status("reconnected")
        assert feed.was_asked.wait(LIMIT_SECONDS)
        feed.trades(*rows[50:55])
        for status in statuses:
            feed.status(status)
        answered(market, feed)
        assert told.empty()
        # The next connection brings its first trades before it is told to be up.
        feed.clock.advance(rows[69][0])  # type: ignore[attr-defined]
        feed.trades(*rows[70:75])
        assert len(market.data.get_recent_ticks(100)) == 30
        feed.status("reconnected")
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.repaired, event.trades, event.gap_start) == (
            True,
            40,
            pd.Timestamp(rows[29][0], tz="UTC"),
        )
        feed.trades(*rows[75:])
        whole = make()
        whole.take(rows)
        assert_equal({name: market.data.get_data(name) for name in NAMES}, frames(whole))


def test_a_connection_lost_and_back_while_the_history_is_fetched_is_asked_anew() -> None:
    rows = stream(100)
    feed = Slow(rows)
    with open_market(feed, *NAMES) as market:
        told = gaps_of(market)
        feed.trades(*rows[:30])
        feed.status("disconnected")
        feed.clock.advance(rows[49][0])  # type: ignore[attr-defined]
        feed.status("reconnected")
        assert feed.was_asked.wait(LIMIT_SECONDS)
        feed.status("disconnected")
        feed.clock.advance(rows[69][0])  # type: ignore[attr-defined]
        feed.status("reconnected")
        answered(market, feed)
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.repaired, event.trades) == (True, 40)
        assert told.empty()
        feed.trades(*rows[70:])
        whole = make()
        whole.take(rows)
        assert_equal({name: market.data.get_data(name) for name in NAMES}, frames(whole))
        assert market.accounting().balanced


def answered(market: LiveMarket, feed: Slow) -> None:
    """Let the history answer, and wait until the outage was looked at."""

    async def go() -> None:
        work = market._parts.session.backfill._work
        assert work is not None
        feed.answer.set()
        await asyncio.wait({work})

    call(go())


def test_a_history_that_fails_lets_the_live_data_go_on() -> None:
    class Failing(HandFeed):
        async def history_trades(self, *_: Any) -> Any:
            raise FeedError("not today")

    rows = stream(60)
    feed = Failing()
    with open_market(feed, "1min") as market:
        feed.trades(*rows[:30])
        feed.status("disconnected")
        feed.status("reconnected")
        feed.trades(*rows[30:])
        assert len(market.data.get_recent_ticks(100)) == 60


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
        feed.status("disconnected")
        feed.clock.advance(START + 300 * SECOND)  # type: ignore[attr-defined]
        feed.status("reconnected")
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
    work = market._parts.session.backfill._work
    assert work is not None
    call(asyncio.wait({work}))
    assert work.cancelled()
