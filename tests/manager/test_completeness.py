"""What completeness is a share of: the stretch that the market claims to hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from mdnb.clock import EventClock
from tests.manager.hand import MINUTE, START, HandFeed, bar, minutes, open_market, trade


def csv_of(path: Path, first: int, count: int, without: frozenset[int] = frozenset()) -> Path:
    lines = ["timestamp,open,high,low,close,volume,tick_count"]
    for start, *prices, volume, ticks, _ in minutes(first, count):
        if (start - START) // MINUTE not in without:
            lines.append(",".join(map(str, (start // 1_000_000_000, *prices, volume, ticks))))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("overflow", [False, True])
@pytest.mark.parametrize("history", [0, 60])
def test_old_bars_of_a_file_leave_nothing_missing(tmp_path: Path, history: int, overflow: bool) -> None:
    given = {"enable_disk_overflow": overflow, "max_bars_per_timeframe": 40 if overflow else 50_000}
    feed = HandFeed(minutes(-history, history))
    with open_market(feed, "1min", "5min", **given) as market:
        feed.trades(trade(1, 100.0, number=1), trade(61, 100.0, number=2))
        before = market.data.get_stats().completeness
        assert before == 100.0
        market.load(csv_of(tmp_path / "old.csv", -20_000, 100), "1min")
        market.load(csv_of(tmp_path / "older.csv", -50_000, 100), "1min")
        for name in ("1min", "5min"):
            stats = market.data.get_timeframe_stats(name)
            assert (stats.missing_bars, stats.completeness) == (0, 100.0)
        assert len(market.data.get_all_data("1min")) == 200 + history + 2


@pytest.mark.parametrize("overflow", [False, True])
def test_of_a_timeframe_that_is_added_nothing_more_is_missed(tmp_path: Path, overflow: bool) -> None:
    given = {"enable_disk_overflow": overflow, "max_bars_per_timeframe": 40 if overflow else 50_000}
    history = [
        one for one in minutes(-60, 60) if one[0] not in range(START - 30 * MINUTE, START - 20 * MINUTE)
    ]
    with open_market(HandFeed(history), "1min", **given) as market:
        market.load(csv_of(tmp_path / "old.csv", -20_003, 100), "1min")
        assert market.data.get_timeframe_stats("1min").missing_bars == 10
        for _ in range(2):
            for name, missing in (("5min", 2), ("15min", 0)):
                market.add_timeframe(name)
                stats = market.data.get_timeframe_stats(name)
                held = len(market.data.get_all_data(name))
                assert stats.missing_bars == missing
                assert stats.completeness == pytest.approx(100.0 * held / (held + missing))
                market.remove_timeframe(name)


def test_a_hole_in_the_file_or_in_the_history_is_missed(tmp_path: Path) -> None:
    history = [one for one in minutes(-60, 60) if one[0] != START - 30 * MINUTE]
    feed = HandFeed(history)
    with open_market(feed, "1min") as market:
        feed.trades(trade(1, 100.0, number=1))
        assert market.data.get_timeframe_stats("1min").missing_bars == 1
        market.load(csv_of(tmp_path / "old.csv", -20_000, 100, frozenset({-19_950, -19_949})), "1min")
        stats = market.data.get_timeframe_stats("1min")
        assert stats.missing_bars == 3
        assert stats.completeness == pytest.approx(100.0 * (1 - 3 / (100 + 61)))


@given(
    held=st.sets(st.integers(-300, -1), max_size=60),
    live_from=st.integers(0, 5),
    limit=st.sampled_from([5, 50_000]),
)
@settings(max_examples=25, deadline=None)
def test_it_is_what_counting_by_hand_gives(held: set[int], live_from: int, limit: int) -> None:
    feed = HandFeed([bar(at, 100.0) for at in sorted(held)], clock=EventClock(START))
    with open_market(feed, "1min", max_bars_per_timeframe=limit, enable_disk_overflow=True) as market:
        traded = {live_from, live_from + 3}
        feed.trades(*(trade(60 * at + 1, 100.0, number=at) for at in sorted(traded)))
        bars = held | traded
        stats = market.data.get_timeframe_stats("1min")
        since = min(bars)
        lacking = [at for at in range(since, 0) if at not in bars]  # from START on it was live
        assert stats.missing_bars == len(lacking)
        assert stats.completeness == pytest.approx(100.0 * (1 - len(lacking) / (max(bars) + 1 - since)))
        market.data.cleanup_old_data()
        assert market.data.get_timeframe_stats("1min").missing_bars == len(lacking)
