"""What a market finds in a cache folder that another one left: what is broken there is told at once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mdnb.clock import EventClock
from mdnb.market import LiveMarket
from tests.manager.hand import MINUTE, START, HandFeed, minutes, open_market

BARS = 300


def opened(folder: Path, feed: HandFeed | None = None, *timeframes: str) -> LiveMarket:
    """Open a market that goes on in a folder; by default an hour later, and with nothing new."""
    feed = feed or HandFeed(clock=EventClock(START + 60 * MINUTE))
    return open_market(
        feed,
        *(timeframes or ("1min",)),
        max_bars_per_timeframe=100,
        disk_cache_enabled=True,
        disk_cache_path=str(folder),
        auto_cleanup=False,
    )


def left_behind(folder: Path, *, compressed: bool, parts: int = 1) -> list[Path]:
    """Return the files of a market that was closed, oldest first, and of the same number of bars each."""
    each = BARS // parts
    for part in range(parts):
        feed = HandFeed(minutes(-BARS + part * each, each), clock=EventClock(START))
        with opened(folder, feed) as market:
            store = market.data.engine.overflow["1min"].segments
    if compressed:
        with opened(folder) as market:
            market.data.engine.overflow["1min"].segments.compress()
    assert store.closed
    return sorted(folder.rglob("bars*"))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.999])
def test_a_torn_file_of_an_earlier_market_is_told_as_soon_as_the_next_one_is_open(
    compressed: bool, share: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [path] = left_behind(tmp_path, compressed=compressed)
    assert path.suffix == (".parquet" if compressed else ".arrow")
    torn = path.read_bytes()[: int(share * path.stat().st_size)]
    path.write_bytes(torn)
    caplog.clear()
    with caplog.at_level(logging.ERROR, "mdnb"), opened(tmp_path) as market:
        assert market.data.get_all_data("1min").empty
        [sentence] = market.data.get_stats().troubles
        assert sentence.startswith(f"saved bars unreadable: {BARS} bars on disk are left out, {path} does")
        assert [error.type for error in market.data.get_validation_errors()] == ["disk_unreadable"]
        assert market.data.get_stats().completeness == 0.0
    assert [record.getMessage() for record in caplog.records] == [f"X: {sentence}"]
    assert path.read_bytes() == torn


def test_of_several_files_those_that_read_are_read(tmp_path: Path) -> None:
    files = left_behind(tmp_path, compressed=False, parts=3)
    assert len(files) == 3
    files[1].write_bytes(files[1].read_bytes()[:5000])
    with opened(tmp_path) as market:
        assert len(market.data.get_all_data("1min")) == 200
        assert "100 bars on disk are left out" in market.data.get_stats().troubles[0]
        assert market.data.get_stats().completeness == pytest.approx(100.0 * 200 / (BARS + 60))


def test_what_a_killed_process_left_half_written_is_no_trouble(tmp_path: Path) -> None:
    [path] = left_behind(tmp_path, compressed=False)
    path.with_name(f".{path.name}.tmp").write_bytes(path.read_bytes()[:5000])
    with opened(tmp_path) as market:
        assert len(market.data.get_all_data("1min")) == BARS
        assert market.data.get_stats().troubles == ()
