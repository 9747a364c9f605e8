"""Bars of a file where live bars are made, or will be: each interval has one bar, whatever comes first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.errors import DataImportError
from mdnb.events.bus import EventBus
from mdnb.instruments import Instrument
from mdnb.rows import TradeRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import Merged, merge_bars
from mdnb.runtime.process.bridge import call
from mdnb.sessions import Sessions
from mdnb.stores.columns import PARTIAL, columns_from_rows
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, bar, minutes, open_market, trade

SUMS = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "tick_count": "sum"}
GOLD = "replay:dataset:gold-ticks?speed=max"
TIMEFRAMES = ["1min", "5min", "15min"]


def gold(feed: str = GOLD, *timeframes: str) -> mdnb.LiveMarket:
    return mdnb.live("GC", [*timeframes] or ["1min", "5min"], feed=feed, initial_days=0, progress=False)


def market(*timeframes: str, fill: bool = False) -> tuple[SymbolState, Pipeline, EventClock]:
    """Return a market at `START` to which nothing has come."""
    config = DataManagerConfig(fill_gaps=fill, grace_ms=0)
    engine, clock = SymbolState(Instrument("X"), Sessions.always(), timeframes, config), EventClock(START)
    engine.bind_state(lambda: ("connected", 0.0), lambda: clock)
    return engine, Pipeline(engine, EventBus(), clock), clock


def put(engine: SymbolState, name: str, first: int, count: int, *, overwrite: bool = False) -> Merged:
    """Import bars of so many intervals, the first one that many after `START`."""
    step = engine.timeframe(name).step_ns
    rows = [(START + (first + i) * step, *bar(first, 100.0 + i)[1:]) for i in range(count)]
    with engine.lock:
        until = engine.over_ns()
        return merge_bars(engine, name, columns_from_rows(rows), overwrite=overwrite, until_ns=until)


def test_a_recording_loaded_before_it_begins_is_played_once(tmp_path: Path) -> None:
    path = tmp_path / "g.parquet"
    with gold() as live:
        live.wait_ended(LIMIT_SECONDS)
        expected = {name: live.data.get_data(name, with_times=True) for name in live}
        live.export(path)
    assert len(expected["1min"]) == 1314
    with gold() as live:
        with pytest.raises(DataImportError, match="all 1,593 bars are later than the market") as told:
            live.load(path)
        assert "Nothing was changed" in str(told.value)
        assert all(len(live.data.engine.reader.everything(name)) == 0 for name in expected)
        with pytest.warns(
            UserWarning, match="1,314 of 1,314 bars were left out: they are not over at the ma"
        ):
            result = live.load(path, lenient=True)
        assert [(one.added, one.later, one.rows) for one in result] == [(0, 1314, 1314), (0, 279, 279)]
        live.wait_ended(LIMIT_SECONDS)
        for name, frame in expected.items():
            pd.testing.assert_frame_equal(live.data.get_data(name, with_times=True), frame)


def test_what_was_before_a_recording_goes_on_in_it(tmp_path: Path) -> None:
    path = tmp_path / "g.parquet"
    with gold() as live:
        live.wait_ended(LIMIT_SECONDS)
        whole = {name: live.data.get_data(name, with_times=True) for name in live}
        live.export(path)
    cut = whole["1min"].index[500].floor("5min") + pd.Timedelta(minutes=2)
    with gold(f"{GOLD}&start={cut.isoformat().replace('+00:00', 'Z')}") as live:
        with pytest.warns(UserWarning, match="bars were left out"):
            live.load(path)
        before = live.data.get_data("1min", with_times=True)
        assert before.index[-1] < cut
        pd.testing.assert_frame_equal(before, whole["1min"].loc[before.index])
        live.wait_ended(LIMIT_SECONDS)
        for name, frame in whole.items():
            held = live.data.get_data(name, with_times=True)
            assert held.index.is_monotonic_increasing
            assert held.index.is_unique
            # What was before the recording and what is in it are one.
            pd.testing.assert_frame_equal(held.drop(columns="closed_at"), frame.drop(columns="closed_at"))
            assert (held["closed_at"] == frame["closed_at"]).all(), name


def test_a_file_that_reaches_past_now_ends_where_the_market_is() -> None:
    engine, pipeline, clock = market("1min", "5min")
    clock.advance(START + 2 * MINUTE + 20 * SECOND)
    assert put(engine, "1min", -3, 10) == Merged(
        added=5, later=5, later_us=(START + 2 * MINUTE) // 1000, until_ns=clock.now_ns()
    )
    # Of the five minutes that are being made the first two are known.
    assert engine.frame("5min").attrs["forming"]
    assert engine.forming("5min") == (START, 103.0, 105.0, 102.0, 104.0, 20.0, 10, 2070.0)
    pipeline.take(trades=[trade(140.5, 90.0), trade(301.0, 95.0)])
    fine = engine.frame("1min")
    made = fine.resample("5min").agg(SUMS)
    pd.testing.assert_frame_equal(engine.frame("5min")[list(SUMS)], made, check_freq=False)
    assert fine.index.is_unique
    assert engine.frame("1min").attrs["partial"] == (5,), "its beginning is in no file and came to nobody"


def test_a_late_trade_changes_the_bar_of_the_file_and_makes_none_beside_it() -> None:
    engine, pipeline, clock = market("1min", "5min")
    clock.advance(START + 5 * MINUTE)
    put(engine, "1min", 0, 5)
    pipeline.take(trades=[trade(299.9, 90.0, 2.0), trade(300.5, 95.0)])
    assert engine.closed_columns("1min").close.tolist() == [100.0, 101.0, 102.0, 103.0, 90.0]
    assert engine.closed_columns("1min").volume.tolist() == [10.0] * 4 + [12.0]
    assert engine.closed_columns("5min").volume.tolist() == [52.0]
    assert engine.closed_columns("5min").low.tolist() == [90.0]


def test_where_the_file_ends_before_now_the_coarser_bar_lacks_something() -> None:
    engine, pipeline, clock = market("1min", "5min")
    clock.advance(START + 3 * MINUTE)
    put(engine, "1min", -5, 6)
    pipeline.take(trades=[trade(180, 90.0), trade(301, 95.0)])
    assert engine.closed_columns("5min").flags.tolist() == [0, PARTIAL]


def test_coarse_bars_alone_meet_the_live_ones() -> None:
    engine, pipeline, clock = market("1min", "5min", "15min")
    clock.advance(START + 7 * MINUTE)
    assert put(engine, "5min", -6, 20).added == 7
    pipeline.take(trades=[trade(i * 13.0, 100.0 + i % 3) for i in range(20, 160)])
    for name in TIMEFRAMES:
        assert np.all(np.diff(engine.columns(name).time_us) > 0), name


def test_a_bar_that_a_recording_ends_in_keeps_when_the_file_says_that_it_closed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "g.parquet"
    with gold() as live:
        live.wait_ended(LIMIT_SECONDS)
        whole = live.data.get_data("5min", with_times=True)
        live.export(path, "5min")
    cut = whole.index[100] + pd.Timedelta(minutes=2)
    with gold(f"{GOLD}&end={cut.isoformat().replace('+00:00', 'Z')}", "5min") as live:
        live.wait_ended(LIMIT_SECONDS)
        assert live.load(path, "5min")[0].replaced == 1
        pd.testing.assert_frame_equal(live.data.get_data("5min", with_times=True), whole)


def test_the_simulator_goes_on_after_a_file_that_reaches_past_now(tmp_path: Path) -> None:
    with mdnb.live("MNQ", ["5sec", "15sec"], feed="sim://?speed=10", initial_days=0, progress=False) as live:
        at = pd.Timestamp(live._parts.session.feed.clock.now_ns(), tz="UTC").floor("5s")
        # So far past now that the market is not there before the file is read, however slow that is.
        times = pd.date_range(at - pd.Timedelta(seconds=20), at + pd.Timedelta(hours=1), freq="5s")
        price = 20_000.0
        table = pd.DataFrame(
            {"timestamp": times, "open": price, "high": price, "low": price, "close": price, "volume": 7.0}
        )
        path = tmp_path / "s.csv"
        table.to_csv(path, index=False)
        with pytest.warns(UserWarning, match="bars were left out"):
            live.load(path, "5sec")
        for _ in range(3):
            live.wait_for("bars_closed", timeout=LIMIT_SECONDS)
        for name in live:
            index = live[name].frame.index
            assert index.is_unique, name
            assert index.is_monotonic_increasing, name


STEPS = st.one_of(
    st.tuples(
        st.just("load"), st.sampled_from(TIMEFRAMES), st.integers(-8, 30), st.integers(1, 20), st.booleans()
    ),
    st.tuples(st.just("trades"), st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=8)),
    st.tuples(st.just("bars"), st.integers(1, 5)),
    st.tuples(st.just("time"), st.integers(1, 1200)),
    st.tuples(st.just("add"), st.sampled_from(["3min", "10min", "1hour"])),
)


@hypothesis.given(st.lists(STEPS, min_size=2, max_size=14), st.booleans())
@hypothesis.settings(deadline=None)
def test_no_order_of_files_and_live_data_makes_two_bars_of_one_start(steps: list[tuple], fill: bool) -> None:
    engine, pipeline, clock = market(*TIMEFRAMES, fill=fill)
    for step in steps:
        if step[0] == "load":
            _, name, first, count, overwrite = step
            put(engine, name, first, count, overwrite=overwrite)
        elif step[0] == "trades":
            for seconds, is_late in step[1]:
                at_ns = clock.now_ns() + (-4 * SECOND if is_late else seconds * SECOND)
                clock.advance(at_ns)
                pipeline.take(trades=[(at_ns, 100.0 + seconds % 7, 1.0, 1, 0, -1)])
        elif step[0] == "bars":
            # As a feed gives its own bars: each when it is over.
            for _ in range(step[1]):
                start_ns = clock.now_ns() // MINUTE * MINUTE
                clock.advance(start_ns + MINUTE)
                with engine.lock:
                    engine.cascade.push_bars([(start_ns, *minutes(0, 1)[0][1:])])
                    engine.cascade.close_until(engine.cascade.root.edge)
                    pipeline.collect()
        elif step[0] == "time":
            clock.advance(clock.now_ns() + step[1] * SECOND)
            pipeline.close_due()
        else:
            engine.add_timeframe(step[1])
        for name in engine.timeframes():
            columns = engine.columns(name)
            assert np.all(np.diff(columns.time_us) > 0), (name, step)
    pipeline.end()
    for name in engine.timeframes():
        assert np.all(np.diff(engine.columns(name).time_us) > 0), name


def test_a_live_market_by_hand_takes_what_is_over_and_no_more(tmp_path: Path) -> None:
    rows = [bar(i, 300.0 + i) for i in range(-5, 5)]
    frame = pd.DataFrame(
        [(pd.Timestamp(row[0], tz="UTC"), *row[1:6]) for row in rows],
        columns=["timestamp", "open", "high", "low", "close", "volume"],
    )
    path = tmp_path / "x.csv"
    frame.to_csv(path, index=False)
    feed = HandFeed()
    with open_market(feed, "1min", "5min") as live:
        with pytest.warns(UserWarning, match="5 of 10 bars were left out: they are not over at the market's"):
            (result,) = live.load(path, "1min")
        assert (result.added, result.later, result.kept) == (5, 5, 0)
        feed.trades(trade(10, 100.0, 1.0, 0), trade(70, 101.0, 1.0, 1))
        assert live.data.get_data("1min")["close"].tolist() == [
            295.0,
            296.0,
            297.0,
            298.0,
            299.0,
            100.0,
            101.0,
        ]
        assert live["5min"].frame.index.is_unique


def test_the_bar_of_a_file_that_is_being_made_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    feed = HandFeed(clock=EventClock(START + 20 * SECOND))
    with open_market(feed, "1min") as market:
        feed.trades(trade(21, 200.0, number=1))
        path = tmp_path / "now.csv"
        lines = [f"{(START + at * MINUTE) // SECOND},100,101,99,100,7" for at in range(-5, 1)]
        path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]))
        [result] = market.load(path, "1min")
        assert (result.rows, result.added, result.kept, result.later) == (6, 5, 1, 0)
        [said] = [note for note in result.notes if "being made" in note]
        assert "left out" in said
        assert market.data.get_data("1min").iloc[-1]["close"] == 200.0


class AnswersLater(HandFeed):
    """Its history of trades answers when it is let."""

    def __init__(self, trades: list[TradeRow]) -> None:
        super().__init__(trades=trades, clock=EventClock(START))
        self.answers = asyncio.Event()

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        await self.answers.wait()
        return await super().history_trades(symbol, start_ns, end_ns)

    def let(self) -> None:
        async def answer() -> None:
            self.answers.set()

        call(answer())


@pytest.mark.parametrize("how", ["csv", "parquet"])
@pytest.mark.parametrize("on_conflict", ["keep", "replace", None])
def test_of_a_stretch_that_is_being_repaired_a_file_gives_nothing_that_would_count_twice(
    how: str, on_conflict: Any, tmp_path: Path
) -> None:
    rows = [trade(i * 10, 100.0 + i % 5, number=i) for i in range(70)]
    path = tmp_path / f"bars.{how}"
    whole = HandFeed(clock=EventClock(START))
    with open_market(whole, "1min", "5min") as market:
        whole.trades(*rows)
        market.export(path, **({"timeframe": "1min"} if how == "csv" else {}))
        expected = {name: market.data.get_data(name) for name in market.timeframes}
    feed = AnswersLater(rows)
    with open_market(feed, "1min", "5min") as market:
        gaps = market.events("data_gap", timeout=LIMIT_SECONDS)
        feed.trades(*rows[:20])
        feed.trades(*rows[30:])
        assert next(gaps).state == "repairing"
        assert market.data.get_data("1min").attrs["partial"] == (3, 4)
        results = market.load(path, *(["1min"] if how == "csv" else []), on_conflict=on_conflict)
        # Of 14:04 there is no bar yet: nobody has a trade of it.
        assert [note for note in results[0].notes if note.startswith("3 bars were left out: what an outage")]
        assert market.data.get_data("1min").attrs["partial"] == (3, 4)
        feed.let()
        assert next(gaps).state == "repaired"
        for name, frame in expected.items():
            held = market.data.get_data(name)
            pd.testing.assert_frame_equal(held, frame)
            assert held.attrs["partial"] == ()
