"""Limits that hold, and what lies beyond them: on disk, read back through the same calls."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mdnb.clock import EventClock
from mdnb.errors import OptionError
from mdnb.runtime.disk_overflow import tidy
from mdnb.runtime.process.bridge import call
from mdnb.stores.segments import SegmentStore
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, minutes, open_market, trade


def ticking(minutes_: int) -> list[tuple[int, float, float, int, int, int]]:
    return [trade(i * 30, 100.0 + (i % 9) * 0.25, 1.0 + i % 3, i) for i in range(2 * minutes_)]


def test_a_limit_of_a_thousand_bars_is_a_thousand_bars() -> None:
    feed = HandFeed(minutes(-1500, 1500))
    with open_market(feed, max_bars_per_timeframe=1000) as market:
        feed.trades(*ticking(5))
        assert len(market.data.get_data("1min")) == 1000
        assert market.data.get_data("1min").attrs["forming"]
        assert len(market.data.get_all_data("1min")) == 1000
        assert len(market.data.get_data("1min", closed_only=True)) <= 1000
        assert market.data.get_memory_stats().by_timeframe["1min"] <= 1000
        assert market.data.get_timeframe_stats("1min").bars_in_memory == 1000
        market.data.configure_memory_management(max_bars_per_timeframe=10)
        assert len(market.data.get_data("1min", count=500)) == 10
        assert market.data.get_memory_stats().total_bars <= 20


def test_a_limit_of_ticks_holds() -> None:
    feed = HandFeed()
    with open_market(feed, max_ticks=100) as market:
        feed.trades(*ticking(200))
        assert len(market.data.get_recent_ticks(10_000)) == 100
        market.data.configure_memory_management(max_ticks=10)
        ticks = market.data.get_recent_ticks(10_000)
        assert [tick.trade_id for tick in ticks] == list(range(390, 400))


@pytest.mark.parametrize("memory_mapping", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_what_overflows_is_read_back_as_if_it_had_stayed(memory_mapping: bool, compressed: bool) -> None:
    frames = []
    for limit in (100_000, 50):
        feed = HandFeed(minutes(-400, 400))
        with open_market(
            feed,
            "1min",
            "5min",
            "20tick",
            max_bars_per_timeframe=limit,
            enable_disk_overflow=True,
            compression_enabled=compressed,
            use_memory_mapping=memory_mapping,
        ) as market:
            for at in range(0, 600, 50):
                feed.trades(*ticking(300)[at : at + 50])
                if at % 200 == 0:
                    call(tidy(market.data.engine, market._parts.session.workers))
            data = market.data
            assert len(data.get_data("1min")) == min(limit, 700)
            middle = pd.Timestamp(START, tz="UTC")
            frames.append(
                {
                    "all": data.get_all_data("1min"),
                    "five": data.get_all_data("5min"),
                    "activity": data.get_all_data("20tick"),
                    "count": data.get_data("1min", count=300),
                    "more": data.get_data("1min", count=100_000),
                    "range": data.get_data("1min", start_time=middle, end_time=middle + pd.Timedelta("3h")),
                    "old": data.get_data("1min", end_time=middle - pd.Timedelta("2h")),
                    "counted": data.get_data("1min", count=7, end_time=middle - pd.Timedelta("2h")),
                    "closed": data.get_data("1min", count=200, closed_only=True),
                }
            )
    assert len(frames[0]["all"]) == 700
    for name, frame in frames[0].items():
        pd.testing.assert_frame_equal(frames[1][name], frame)
        assert frames[1][name].attrs == frame.attrs
        assert str(frame.index.dtype) == "datetime64[us, UTC]"


def test_the_zone_is_the_markets_on_disk_too() -> None:
    import mdnb
    from mdnb.config import DataManagerConfig

    config = DataManagerConfig(max_bars_per_timeframe=10, enable_disk_overflow=True)
    with mdnb.live(
        "X",
        ["1min"],
        feed=HandFeed(minutes(-99, 99)),
        initial_days=1,
        tz="America/Chicago",
        data_manager_config=config,
    ) as market:
        frame = market.data.get_all_data("1min")
        assert len(frame) == 99
        assert str(frame.index.dtype) == "datetime64[us, America/Chicago]"


def test_statistics_are_measured() -> None:
    feed = HandFeed(minutes(-5000, 5000))
    with open_market(feed, "1min", max_bars_per_timeframe=1000, enable_disk_overflow=True) as market:
        before = market.data.get_memory_stats()
        assert before.total_bars == 1000
        assert (before["bars_on_disk"], before.bars_waiting) == (0, 4000), "nothing is on disk yet"
        assert before.disk_usage_mb == 0.0
        assert before.memory_usage_mb == pytest.approx(1000 * 69 / 1e6)
        report = market.data.cleanup_old_data()
        assert report.bars_written == 4000
        folder = next(iter(market.data.engine.overflow.values())).segments.folder
        size = sum(path.stat().st_size for path in folder.iterdir())
        raw = market.data.get_memory_stats()
        assert raw.disk_usage_mb == size / 1e6
        assert (raw.bars_on_disk, raw.bars_waiting) == (4000, 0)
        assert raw.compression_ratio == pytest.approx(4000 * 69 / size)
        packed = market.data.compress_data()
        size = sum(path.stat().st_size for path in folder.iterdir())
        after = market.data.get_memory_stats()
        assert (packed.bytes_before, packed.bytes_after) == (raw.disk_usage_mb * 1e6, size)
        assert after.disk_usage_mb == size / 1e6
        assert after.compression_ratio == pytest.approx(4000 * 69 / size)
        assert after.compression_ratio > 2
        assert after.process_mb > 10 or np.isnan(after.process_mb)
        assert len(market.data.get_all_data("1min")) == 5000
    assert not folder.exists()


def test_old_data_goes_by_age_in_memory_and_on_disk() -> None:
    feed = HandFeed(minutes(-3000, 3000))
    with open_market(feed, "1min", max_bars_per_timeframe=100, enable_disk_overflow=True) as market:
        feed.trades(*ticking(2))
        report = market.data.cleanup_old_data(days=1, hours=1)
        assert report.bars_removed == 3000 - 25 * 60 + 2, "it is a minute and a half later"
        kept = market.data.get_all_data("1min")
        assert kept.index[0] == pd.Timestamp(START + 30 * 3 * SECOND - 25 * 60 * MINUTE, tz="UTC").ceil(
            "1min"
        )
        report = market.data.cleanup_old_data(minutes=30)
        assert len(market.data.get_data("1min", closed_only=True)) == 29
        market.data.cleanup_old_data(minutes=0)
        assert len(market.data.get_all_data("1min")) == 1
        assert market.data.get_recent_ticks() == [] or report.ticks_removed == 0
        for name, value in (("days", -1), ("hours", float("nan")), ("minutes", "7")):
            with pytest.raises(OptionError, match=name):
                market.data.cleanup_old_data(**{name: value})


def test_the_disk_limit_drops_the_oldest_files() -> None:
    feed = HandFeed(minutes(-2000, 2000))
    with open_market(
        feed, "1min", max_bars_per_timeframe=100, enable_disk_overflow=True, max_disk_cache_gb=1e-4
    ) as market:
        data = market.data
        data.cleanup_old_data()
        for first in range(0, 1000, 250):
            feed.trades(*(trade(60 * (first + i), 100.0, 1.0, first + i) for i in range(250)))
            data.cleanup_old_data()
        used = data.get_memory_stats()
        assert 0 < used.disk_usage_mb <= 0.1
        frame = data.get_all_data("1min")
        assert 200 < len(frame) < 2900
        assert set(np.diff(frame.index.asi8).tolist()) == {60_000_000}, (
            "the oldest go, nothing from the middle"
        )


def test_a_folder_of_ones_own_is_kept_and_read_again(tmp_path: Path) -> None:
    for last in (0, 200):
        feed = HandFeed(minutes(last - 300, 300), clock=EventClock(START + last * MINUTE))
        with open_market(
            feed, "1min", max_bars_per_timeframe=50, enable_disk_overflow=True, disk_cache_path=str(tmp_path)
        ) as market:
            frame = market.data.get_all_data("1min")
            assert len(frame) == (300 if last == 0 else 500)
            assert frame.index.is_monotonic_increasing
            assert frame.index.is_unique
    held = SegmentStore(next(path for path in tmp_path.rglob("*min") if path.is_dir()))
    assert len(held) == 500, "what waited or was in memory was written when the market was closed"


def test_switching_the_disk_off_forgets_what_is_there() -> None:
    feed = HandFeed(minutes(-300, 300))
    with open_market(feed, "1min", max_bars_per_timeframe=50, enable_disk_overflow=True) as market:
        assert len(market.data.get_all_data("1min")) == 300
        market.data.configure_memory_management(enable_disk_overflow=False)
        assert len(market.data.get_all_data("1min")) == 50
        assert market.data.get_memory_stats().bars_on_disk == 0


def test_a_timeframe_added_later_overflows_too() -> None:
    feed = HandFeed(minutes(-300, 300))
    with open_market(feed, "1min", max_bars_per_timeframe=1000, enable_disk_overflow=True) as market:
        market.data.add_timeframe("2min")
        market.data.configure_memory_management(max_bars_per_timeframe=20)
        assert len(market.data.get_data("2min")) == 20
        assert len(market.data.get_all_data("2min")) == 150


def test_a_full_disk_loses_nothing_and_says_so(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-300, 300))
    blocked = tmp_path / "cache"
    with open_market(
        feed, "1min", max_bars_per_timeframe=50, enable_disk_overflow=True, disk_cache_path=str(blocked)
    ) as market:
        folder = next(iter(market.data.engine.overflow.values())).segments.folder
        shutil.rmtree(folder)
        folder.write_text("in the way")
        with pytest.raises(OSError, match="disk_cache_path"):
            market.data.cleanup_old_data()
        assert len(market.data.get_all_data("1min")) == 300
        folder.unlink()
        folder.mkdir()
        assert market.data.cleanup_old_data().bars_written == 250
        assert len(market.data.get_all_data("1min")) == 300


@pytest.mark.parametrize("on_disk", [True, False])
@pytest.mark.parametrize("timeframes", [["1min"], ["1min", "5min"], ["1min", "5min", "1hour"]])
def test_the_sessions_figures_do_not_shrink_to_what_memory_holds(
    timeframes: list[str], on_disk: bool, tmp_path: Path
) -> None:
    # From midnight on: `START` is at 14:00.
    count = 14 * 60
    history = minutes(-count - 60, count + 60, lambda i: 100.0 + (i * 37 % 101) / 4)
    disk = {"enable_disk_overflow": True, "disk_cache_path": str(tmp_path)} if on_disk else {}
    with open_market(HandFeed(history), *timeframes, max_bars_per_timeframe=50, **disk) as market:
        now = market.data.get_market_snapshot()
        rows = [one for one in history if one[0] >= START - count * MINUTE]
        assert now.session_start == pd.Timestamp(START - count * MINUTE, tz="UTC")
        if on_disk or "1hour" in timeframes:
            assert now.since == now.session_start
            assert (now.open, now.high) == (rows[0][1], max(one[2] for one in rows))
            assert now.low == min(one[3] for one in rows)
            assert now.volume == pytest.approx(sum(one[5] for one in rows))
        else:
            # Fifty of five minutes do not reach so far either.
            rows = rows[-50:]
            assert now.since == pd.Timestamp(rows[0][0], tz="UTC")
            assert (now.open, now.volume) == (rows[0][1], pytest.approx(sum(one[5] for one in rows)))
