"""Bars on disk that are deleted or damaged while a market runs: the figures miss them, and they are told."""

from __future__ import annotations

import errno
import functools
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mdnb.errors import DataExportError
from mdnb.market import LiveMarket
from mdnb.runtime.process.bridge import call
from mdnb.stores.segments import SegmentStore
from tests.manager.hand import HandFeed, minutes, open_market, trade
from tests.runtime.test_troubles import Bench

BARS = 300
IN_MEMORY = 50


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """250 bars on disk, in a folder of the test's, and 50 in memory; whoever looks after them has looked."""
    options = {
        "enable_disk_overflow": True,
        "disk_cache_path": str(tmp_path / "disk"),
        "cleanup_interval_minutes": 10,
        "compression_enabled": False,
    }
    feed = HandFeed(minutes(-BARS, BARS))
    with open_market(feed, "1min", max_bars_per_timeframe=IN_MEMORY, **options) as market:
        made = Bench(market)
        made.look()
        yield made


def readable(market: LiveMarket) -> int:
    """Count what a user gets, which is what the figures are to agree with."""
    return len(market.data.get_all_data("1min"))


def deleted(path: Path) -> Callable[[], object]:
    content = path.read_bytes()
    path.unlink()
    return functools.partial(path.write_bytes, content)


def one_bit_off(path: Path) -> Callable[[], object]:
    content = path.read_bytes()
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)
    return functools.partial(path.write_bytes, content)


def torn(path: Path) -> Callable[[], object]:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return functools.partial(path.write_bytes, content)


@pytest.mark.parametrize("harm", [deleted, one_bit_off, torn])
def test_bars_lost_on_disk_are_missed_in_the_figures_and_told_of_without_being_read(
    bench: Bench, harm: Callable[[Path], Callable[[], object]], caplog: pytest.LogCaptureFixture
) -> None:
    market = bench.market
    stats = market.data.get_timeframe_stats("1min")
    assert (stats.bars_on_disk, stats.missing_bars, stats.completeness) == (BARS - IN_MEMORY, 0, 100.0)
    before = readable(market)
    [segment] = bench.segments.segments()
    mend = harm(segment.path)
    stats = market.data.get_timeframe_stats("1min")
    assert (stats.bars_on_disk, stats.missing_bars) == (0, BARS - IN_MEMORY)
    assert stats.completeness == pytest.approx(100.0 * IN_MEMORY / BARS)
    whole = market.data.get_stats()
    assert whole.completeness == stats.completeness
    assert whole.data_quality_score <= stats.completeness
    assert f"complete {stats.completeness:.1f} %" in str(market)
    assert market.data.get_memory_stats().bars_on_disk == 0
    assert readable(market) == before - (BARS - IN_MEMORY)
    with caplog.at_level(logging.INFO, "mdnb"):
        bench.look()
        bench.look()
        [record] = caplog.records
        assert f"{BARS - IN_MEMORY} bars on disk are left out, {segment.path}" in record.getMessage()
        assert ("disk_unreadable", 1) in bench.kept
        [sentence] = market.data.get_stats().troubles
        assert sentence in record.getMessage()
        assert sentence in str(market)
        caplog.clear()
        mend()
        bench.look()
        assert caplog.messages == ["X: saved bars unreadable: that is over"]
    stats = market.data.get_timeframe_stats("1min")
    assert (stats.bars_on_disk, stats.missing_bars, stats.completeness) == (BARS - IN_MEMORY, 0, 100.0)
    assert market.data.get_stats().troubles == ()
    assert readable(market) == before


def test_whoever_looks_after_the_market_finds_it_without_being_asked(bench: Bench) -> None:
    [segment] = bench.segments.segments()
    segment.path.unlink()
    bench.look()
    assert "saved bars unreadable" in str(bench.market)


def test_what_is_imported_again_is_not_missed_any_more(bench: Bench, tmp_path: Path) -> None:
    market = bench.market
    path = market.export(tmp_path / "whole.parquet")
    whole = market.data.get_all_data("1min")
    [segment] = bench.segments.segments()
    segment.path.unlink()
    assert market.data.get_stats().completeness < 100.0
    bench.look()
    assert market.data.get_stats().troubles != ()
    [result] = market.load(path)
    assert result.added == BARS - IN_MEMORY
    assert market.data.get_stats().completeness == 100.0
    assert len(market.data.get_all_data("1min")) == len(whole)
    bench.look()
    assert market.data.get_stats().troubles == ()


def test_what_would_have_been_deleted_by_now_is_not_missed(bench: Bench) -> None:
    [segment] = bench.segments.segments()
    segment.path.unlink()
    assert bench.market.data.get_timeframe_stats("1min").missing_bars == BARS - IN_MEMORY
    bench.market.data.cleanup_old_data(minutes=100)
    assert bench.market.data.get_timeframe_stats("1min").missing_bars == 100 - IN_MEMORY
    bench.market.data.cleanup_old_data(minutes=40)
    assert bench.market.data.get_timeframe_stats("1min").missing_bars == 0
    assert bench.market.data.get_stats().completeness == 100.0


def file_in_its_place(folder: Path) -> Callable[[], object]:
    away = folder.with_name("away")
    folder.rename(away)
    folder.write_text("no folder")

    def mend() -> None:
        folder.unlink()
        away.rename(folder)

    return mend


def file_and_nothing_left(folder: Path) -> Callable[[], object]:
    shutil.rmtree(folder)
    folder.write_text("no folder")
    return folder.unlink


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("harm", [file_in_its_place, file_and_nothing_left])
def test_a_file_in_the_place_of_the_folder_is_told_though_nothing_is_to_be_written(
    bench: Bench,
    harm: Callable[[Path], Callable[[], object]],
    level: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    market, inner = bench.market, bench.segments.folder
    mend = harm([inner, *inner.parents][level])
    assert market.data.get_stats().completeness == pytest.approx(100.0 * IN_MEMORY / BARS)
    assert market.data.get_timeframe_stats("1min").bars_on_disk == 0
    with caplog.at_level(logging.INFO, "mdnb"):
        for _ in range(3):
            bench.look()
        said = sorted(record.getMessage().split(": ")[1] for record in caplog.records)
        assert said == ["bars not saved", "saved bars unreadable"]
        assert dict(bench.kept) == {"disk": 1, "disk_unreadable": 1}
        troubles = market.data.get_stats().troubles
        assert len(troubles) == 2
        assert all(sentence in str(market) for sentence in troubles)
        assert "bars not saved" in market._repr_html_()
        with pytest.raises(DataExportError, match="cannot be made"):
            market.data.cleanup_old_data()
        caplog.clear()
        mend()
        bench.look()
        assert "X: bars not saved: that is over" in caplog.messages
    if harm is file_in_its_place:
        assert market.data.get_stats().troubles == ()
        assert market.data.get_stats().completeness == 100.0
        assert readable(market) == BARS
    else:
        [sentence] = market.data.get_stats().troubles
        assert "saved bars unreadable" in sentence
    feed = market._parts.session.feed
    assert isinstance(feed, HandFeed)
    feed.trades(*(trade(60 * i, 100.0, number=i) for i in range(1, 40)))
    market.data.get_data("1min")  # whoever reads puts what has closed into its place
    assert call(market._parts.session.markets["X"].tidy()).bars_written > 0
    assert bench.segments.folder.is_dir()


def test_without_a_cleanup_of_its_own_a_folder_that_is_back_is_told_as_well(tmp_path: Path) -> None:
    options = {"enable_disk_overflow": True, "disk_cache_path": str(tmp_path / "disk"), "auto_cleanup": False}
    with open_market(HandFeed(), "1min", **options) as market:
        bench = Bench(market)
        mend = file_and_nothing_left(tmp_path / "disk")
        bench.look()
        [sentence] = market.data.get_stats().troubles
        assert sentence.startswith("bars not saved: ")
        mend()
        bench.look()
        assert market.data.get_stats().troubles == ()


def test_a_timeframe_that_is_removed_while_the_disk_is_tidied_is_no_trouble(bench: Bench) -> None:
    market, session = bench.market, bench.market._parts.session.markets["X"]
    market.add_timeframe("5min")
    see_to_folder, removed = SegmentStore.see_to_folder, []

    def remove_and_see(store: SegmentStore) -> None:
        if not removed:
            removed.append(market.data.engine.remove_timeframe("5min"))
        see_to_folder(store)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SegmentStore, "see_to_folder", remove_and_see)
        call(session.tidy())
        call(session.look_at_disk())
    assert removed == ["5min"]
    assert market.data.get_stats().troubles == ()


def test_bars_that_waited_too_long_for_the_disk_are_told_and_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"enable_disk_overflow": True, "disk_cache_path": str(tmp_path / "disk"), "auto_cleanup": False}
    feed = HandFeed()
    with open_market(feed, "1min", max_bars_per_timeframe=IN_MEMORY, **options) as market:
        bench = Bench(market)
        overflow = market._parts.session.markets["X"].engine.overflow["1min"]
        overflow._most_waiting = 40

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        for at in range(200):
            feed.trades(trade(at * 60, 100.0))
            len(market["1min"])
        bench.look()
        lost = overflow.dropped
        assert lost > 0
        assert overflow.waiting_rows + lost + IN_MEMORY in (199, 200)
        (told,) = market.data.get_validation_errors(9, "disk_dropped")
        assert f"{lost} bars" in told.description
        monkeypatch.undo()
        assert market.data.get_timeframe_stats("1min").missing_bars >= lost - 1
