"""A timeframe that is added is made of the finer bars on disk, too, as if it had been kept all the time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from mdnb.clock import EventClock
from mdnb.errors import DataImportError, TimeframeError
from mdnb.rows import BarRow, GonePiece
from mdnb.runtime.process.bridge import call
from mdnb.stores.overflow import Overflow
from mdnb.stores.segments import SegmentStore
from tests.manager.hand import MINUTE, START, HandFeed, minutes, open_market, trade

FEW = {"max_bars_per_timeframe": 20, "enable_disk_overflow": True}


def resampled(frame: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Make coarser bars with pandas alone."""
    by = frame.assign(turnover=frame["vwap"] * frame["volume"]).resample(rule)
    columns = {
        "open": by["open"].first(),
        "high": by["high"].max(),
        "low": by["low"].min(),
        "close": by["close"].last(),
        "volume": by["volume"].sum(),
        "tick_count": by["tick_count"].sum(),
        "vwap": by["turnover"].sum() / by["volume"].sum(),
    }
    return pd.DataFrame(columns).dropna()


@pytest.mark.parametrize("written", [True, False])
def test_it_is_what_pandas_makes_of_all_finer_bars(written: bool) -> None:
    with open_market(HandFeed(minutes(-300, 300)), "1min", **FEW) as market:
        if written:
            assert market.data.cleanup_old_data().bars_written == 280
        assert market.add_timeframe("5min") == "5min"
        assert len(market.data.get_data("5min")) == 20
        made = market.data.get_all_data("5min")
        expected = resampled(market.data.get_all_data("1min"), "5min")
        assert len(expected) == 60
        pd.testing.assert_frame_equal(made, expected, check_freq=False, rtol=1e-12)
        market.data.cleanup_old_data()
        assert market.data.get_timeframe_stats("5min").bars_on_disk == 40
        pd.testing.assert_frame_equal(market.data.get_all_data("5min"), made)


def run(steps: Sequence[int], *, limit: int, fill: bool, early: bool) -> list[pd.DataFrame]:
    """Return the bars of a market in which trades are so many seconds apart; two timeframes come late."""
    feed = HandFeed(clock=EventClock(START))
    config = {"max_bars_per_timeframe": limit, "enable_disk_overflow": True, "fill_gaps": fill}
    names = ["1min", "2min", "6min"] if early else ["1min"]
    with open_market(feed, *names, **config) as market:
        assert isinstance(feed.clock, EventClock)
        at = 30
        for number, step in enumerate(steps):
            at += step
            feed.clock.advance(START + at * 1_000_000_000)
            feed.trades(trade(at, 100.0 + number % 5, 0.1 * (1 + number % 3), number))
            if number % 10 == 9:
                market.data.get_data("1min")
            if number % 20 == 19:
                market.data.cleanup_old_data()
        if not early:
            market.add_timeframe("6min")
            market.add_timeframe("2min")
        return [market.data.get_all_data(name) for name in ("1min", "2min", "6min")]


@pytest.mark.parametrize("fill", [False, True])
@given(st.lists(st.sampled_from([1, 20, 61, 200, 900]), min_size=1, max_size=60), st.integers(1, 12))
@settings(max_examples=8)
def test_it_is_as_if_it_had_been_kept_all_the_time(fill: bool, steps: list[int], limit: int) -> None:
    late = run(steps, limit=limit, fill=fill, early=False)
    kept = run(steps, limit=10_000, fill=fill, early=True)
    for mine, expected in zip(late, kept, strict=True):
        # What a bar is made of is added in another order: 6min of the minutes, or of 2min.
        pd.testing.assert_frame_equal(mine, expected, rtol=1e-12)
        assert mine.attrs == expected.attrs


def test_bars_that_lack_something_make_bars_that_do() -> None:
    feed = HandFeed(minutes(-300, 300))
    with open_market(feed, "1min", **FEW) as market:
        pipeline = market._parts.session.markets["X"].pipeline
        with market.data.engine.lock:
            market.data.engine.log("1min").set_limit(300)

        async def lose() -> None:
            pipeline.lose([(START - 12 * MINUTE, START - 11 * MINUTE)])

        call(lose())
        with market.data.engine.lock:
            market.data.engine.log("1min").set_limit(5)
        market.data.cleanup_old_data()
        market.add_timeframe("10min")
        made = market.data.get_all_data("10min")
        lacking = [made.index[at] for at in made.attrs["partial"]]
        assert pd.Timestamp(START - 20 * MINUTE, tz="UTC") in lacking


@pytest.mark.parametrize("how", ["more_leave_memory", "one_is_amended"])
def test_what_happens_while_the_disk_is_read_is_in_it(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Overflow.before
    happened: list[str] = []
    feed = HandFeed(minutes(-300, 300))
    with open_market(feed, "1min", **FEW) as market:
        engine = market.data.engine
        market.data.cleanup_old_data()

        def read(*given: object, **named: object) -> object:
            found = before(*given, **named)  # type: ignore[arg-type]  # as they were given
            if not happened:
                happened.append(how)
                with engine.lock:
                    if how == "more_leave_memory":
                        engine.log("1min").set_limit(7)
                    else:
                        # As a trade that was put back amends a bar on disk.
                        row: BarRow = (START - 200 * MINUTE, 500.0, 500.0, 500.0, 500.0, 1.0, 1, 500.0)
                        engine.overflow["1min"].amend([GonePiece(row, None, None, False, None)], START)
            return found

        monkeypatch.setattr(Overflow, "before", read)
        market.add_timeframe("5min")
        monkeypatch.undo()
        assert happened
        expected = resampled(market.data.get_all_data("1min"), "5min")
        made = market.data.get_all_data("5min")
        pd.testing.assert_frame_equal(made, expected, check_freq=False, rtol=1e-12)
        assert (made["high"].max() == 500.0) == (how == "one_is_amended")


def test_where_the_disk_does_not_give_the_bars_nothing_is_added(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-300, 300))
    with open_market(feed, "1min", disk_cache_path=str(tmp_path), **FEW) as market:
        market.data.cleanup_old_data()
        folder, away = tmp_path / "X" / "1min", tmp_path / "away"
        folder.rename(away)
        folder.write_text("in the way")
        for _ in range(2):
            with pytest.raises(DataImportError, match="cannot be read"):
                market.add_timeframe("5min")
            assert market.timeframes == ["1min"]
            with pytest.raises(TimeframeError):
                market.data.get_data("5min")
        assert list(market.data.engine.overflow) == ["1min"]
        folder.unlink()
        away.rename(folder)
        market.add_timeframe("5min")
        assert len(market.data.get_all_data("5min")) == 60


def test_where_the_disk_is_lost_once_the_bars_are_held_back_nothing_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = HandFeed(minutes(-300, 300))
    with open_market(feed, "1min", disk_cache_path=str(tmp_path), **FEW) as market:
        market.data.cleanup_old_data()
        engine, before = market.data.engine, Overflow.before
        calls: list[int] = []

        def read(*given: object, **named: object) -> object:
            calls.append(1)
            if len(calls) == 2:
                raise DataImportError("the disk is away")
            return before(*given, **named)  # type: ignore[arg-type]  # as they were given

        monkeypatch.setattr(Overflow, "before", read)
        with pytest.raises(DataImportError, match="the disk is away"):
            market.add_timeframe("5min")
        monkeypatch.undo()
        assert market.timeframes == ["1min"]
        assert list(engine.overflow) == ["1min"]
        # The folder was let go of.
        SegmentStore(tmp_path / "X" / "5min").close()
        market.add_timeframe("5min")
        assert len(market.data.get_all_data("5min")) == 60


def test_a_folder_that_was_used_before_gives_no_bar_twice(tmp_path: Path) -> None:
    for _ in range(2):
        feed = HandFeed(minutes(-300, 300))
        with open_market(feed, "1min", disk_cache_path=str(tmp_path), **FEW) as market:
            market.data.cleanup_old_data()
            market.add_timeframe("5min")
            made = market.data.get_all_data("5min")
            assert len(made) == 60
            assert made.index.is_unique
            pd.testing.assert_frame_equal(
                made, resampled(market.data.get_all_data("1min"), "5min"), check_freq=False, rtol=1e-12
            )
