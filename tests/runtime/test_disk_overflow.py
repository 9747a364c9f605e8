"""Bars of trades of which several begin at one instant: on disk they are those that memory would hold."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from mdnb.clock import EventClock
from mdnb.errors import DataExportError
from mdnb.market import LiveMarket
from mdnb.runtime.disk_overflow import tidy
from mdnb.runtime.process.bridge import call
from mdnb.stores.overflow import Overflow
from mdnb.stores.segments import SegmentStore
from tests.manager.hand import SECOND, START, HandFeed, minutes, open_market, trade
from tests.same_frames import assert_same_frames

KINDS = ("2tick", "3vol", "300dollar")


def six_a_second(feed: HandFeed, seconds: range) -> None:
    """Six trades a second, all of one instant: three bars of two."""
    assert isinstance(feed.clock, EventClock)
    for at in seconds:
        feed.clock.advance(START + at * SECOND)
        feed.trades(*(trade(at, 100.0 + at + k * 0.25, 1.0, at * 6 + k) for k in range(6)))


def in_memory(seconds: range, timeframe: str) -> pd.DataFrame:
    """Return the bars of a market that holds all of them."""
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, timeframe) as market:
        six_a_second(feed, seconds)
        return market.data.get_data(timeframe)


def read(market: LiveMarket, timeframe: str) -> pd.DataFrame:
    return market.data.get_all_data(timeframe)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("timeframe", KINDS)
def test_sixty_bars_of_which_ten_are_in_memory_are_sixty(timeframe: str, compressed: bool) -> None:
    expected = in_memory(range(1, 21), timeframe)
    assert not expected.index.is_unique
    if timeframe == "2tick":
        assert len(expected) == 60
    feed = HandFeed(clock=EventClock(START))
    with open_market(
        feed,
        timeframe,
        max_bars_per_timeframe=10,
        enable_disk_overflow=True,
        compression_enabled=compressed,
    ) as market:
        six_a_second(feed, range(1, 21))
        pd.testing.assert_frame_equal(read(market, timeframe), expected)
        report = market.data.cleanup_old_data()
        assert report.bars_written >= len(expected) - 11
        assert market.data.get_timeframe_stats(timeframe).bars_on_disk == report.bars_written
        assert market.data.engine.overflow[timeframe].waiting_rows == 0
        pd.testing.assert_frame_equal(read(market, timeframe), expected)


def test_every_cleanup_goes_on_amid_an_instant() -> None:
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "2tick", max_bars_per_timeframe=7, enable_disk_overflow=True) as market:
        for at in range(1, 21):
            six_a_second(feed, range(at, at + 1))
            market.data.cleanup_old_data()
            assert_same_frames(read(market, "2tick"), in_memory(range(1, at + 1), "2tick"))
        expected = in_memory(range(1, 21), "2tick")
        first = market.data.get_data("2tick").index[0]
        # Of the oldest instant in memory a bar or two are on disk.
        for since in (first, first - pd.Timedelta(seconds=3)):
            found = market.data.get_data("2tick", start_time=since)
            pd.testing.assert_frame_equal(found, expected[expected.index >= since])
        until = market.data.get_data("2tick", end_time=first)
        pd.testing.assert_frame_equal(until, expected[expected.index <= first])
        assert len(market.data.get_data("2tick", count=40)) == 40
        six_a_second(feed, range(21, 22))
        assert len(read(market, "2tick")) == 63


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_file_of_bars_on_disk_has_all_of_them_and_adds_none(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"bars.{kind}"
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "2tick", max_bars_per_timeframe=10, enable_disk_overflow=True) as market:
        six_a_second(feed, range(1, 21))
        market.data.cleanup_old_data()
        whole = read(market, "2tick")
        getattr(market.data, f"export_to_{kind}")("2tick", path)
        again = getattr(market.data, f"import_from_{kind}")(path, "2tick")
        assert (again.rows, again.kept, again.added) == (60, 60, 0)
        pd.testing.assert_frame_equal(read(market, "2tick"), whole)
        again = getattr(market.data, f"import_from_{kind}")(path, "2tick", overwrite=True)
        assert (again.replaced, again.added) == (60, 0)
        pd.testing.assert_frame_equal(read(market, "2tick"), whole)
        six_a_second(feed, range(21, 31))
        market.data.cleanup_old_data()
        pd.testing.assert_frame_equal(read(market, "2tick"), in_memory(range(1, 31), "2tick"))


def test_a_file_puts_bars_between_those_on_disk_and_those_in_memory(tmp_path: Path) -> None:
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "2tick") as market:
        six_a_second(feed, range(1, 21))
        path = market.export(tmp_path / "whole.parquet")
        expected = market.data.get_data("2tick")
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "2tick", max_bars_per_timeframe=8, enable_disk_overflow=True) as market:
        assert isinstance(feed.clock, EventClock)
        for at in range(1, 21):
            # Of each second one or two bars were missed: a first one, a last one, both.
            begin, end = ((2, 6), (0, 4), (2, 4))[at % 3]
            feed.clock.advance(START + at * SECOND)
            feed.trades(*(trade(at, 100.0 + at + k * 0.25, 1.0, at * 6 + k) for k in range(begin, end)))
            if at % 4 == 0:
                read(market, "2tick")
                market.data.cleanup_old_data()
        held = len(read(market, "2tick"))
        (result,) = market.load(path)
        now = read(market, "2tick")
        assert len(now) == held + result.added
        closed = expected[expected.index < now.index[-1]]
        pd.testing.assert_frame_equal(now[now.index < now.index[-1]], closed)
        market.data.cleanup_old_data()
        pd.testing.assert_frame_equal(read(market, "2tick"), now)


def test_a_folder_that_was_used_before_gives_no_bar_twice(tmp_path: Path) -> None:
    config = {"max_bars_per_timeframe": 10, "enable_disk_overflow": True, "disk_cache_path": str(tmp_path)}
    for seconds in (range(1, 21), range(1, 21), range(11, 31)):
        feed = HandFeed(clock=EventClock(START))
        with open_market(feed, "2tick", **config) as market:
            for at in seconds:
                six_a_second(feed, range(at, at + 1))
                assert_same_frames(read(market, "2tick"), in_memory(range(1, at + 1), "2tick"))
                if at % 2:
                    market.data.cleanup_old_data()


@pytest.mark.parametrize("timeframe", ["2tick", "1s"])
def test_bars_move_along_to_another_folder(tmp_path: Path, timeframe: str) -> None:
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, timeframe, max_bars_per_timeframe=10, enable_disk_overflow=True) as market:
        six_a_second(feed, range(1, 21))
        whole = read(market, timeframe)
        market.data.cleanup_old_data()
        # A lower limit drives more bars out, before those that are carried along come.
        market.data.configure_memory_management(disk_cache_path=tmp_path, max_bars_per_timeframe=5)
        market.data.cleanup_old_data()
        pd.testing.assert_frame_equal(read(market, timeframe), whole)
        assert market.data.engine.overflow[market.data.engine.canonical(timeframe)].waiting_rows == 0
    assert len(whole) == (60 if timeframe == "2tick" else 20)


def test_old_bars_are_dropped_by_their_instant() -> None:
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "2tick", max_bars_per_timeframe=10, enable_disk_overflow=True) as market:
        six_a_second(feed, range(1, 21))
        report = market.data.cleanup_old_data(minutes=10 / 60)
        left = read(market, "2tick")
        expected = in_memory(range(1, 21), "2tick")
        since = pd.Timestamp(START + 10 * SECOND, tz="UTC")
        pd.testing.assert_frame_equal(left, expected[expected.index >= since])
        assert report.bars_removed == len(expected) - len(left) == 27


def test_what_memory_tells_of_a_past_moment_is_not_touched_by_the_disk() -> None:
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "2tick", max_bars_per_timeframe=10, enable_disk_overflow=True) as market:
        six_a_second(feed, range(1, 19))
        with market.data.engine.lock:
            then = pd.Timestamp(market.data.engine.read_ns(), tz="UTC")
        closed = market.data.get_data("2tick", closed_only=True)
        six_a_second(feed, range(19, 21))
        market.data.cleanup_old_data()
        found = market.data.get_data("2tick", count=4, as_of=then)
        assert_same_frames(found, closed[-4:])


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), min_size=1, max_size=12), st.integers(1, 12))
@settings(max_examples=25)
def test_sweeps_of_any_size_are_read_as_if_they_had_stayed(sweeps: list[tuple[int, int]], limit: int) -> None:
    frames = []
    for held in (10_000, limit):
        feed = HandFeed(clock=EventClock(START))
        number, at = 0, 1
        with open_market(feed, "2tick", max_bars_per_timeframe=held, enable_disk_overflow=True) as market:
            assert isinstance(feed.clock, EventClock)
            for size, pause in sweeps:
                feed.clock.advance(START + at * SECOND)
                feed.trades(*(trade(at, 100.0 + k * 0.25, 1.0, number + k) for k in range(size)))
                number += size
                at += pause // 2  # every other sweep goes on at the same instant
                if pause % 2:
                    read(market, "2tick")
                    market.data.cleanup_old_data()
            frames.append(read(market, "2tick"))
    assert_same_frames(*frames)


@pytest.mark.parametrize("deleted", [False, True])
def test_without_a_folder_of_the_users_there_is_one_of_ours_which_is_gone_at_the_end(
    deleted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_market(
        HandFeed(minutes(-60, 60)), "1min", max_bars_per_timeframe=20, enable_disk_overflow=True
    ) as market:
        report = market.data.cleanup_old_data()
        assert (report.bars_written, report.bars_removed) == (40, 0)
        (folder,) = tmp_path.iterdir()
        assert folder.name.startswith("mdnb-")
        if deleted:
            shutil.rmtree(folder)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("compressed", [False, True])
def test_a_cleanup_tells_the_size_of_what_it_compressed_and_of_nothing_else(compressed: bool) -> None:
    with open_market(
        HandFeed(minutes(-600, 600)),
        "1min",
        max_bars_per_timeframe=20,
        enable_disk_overflow=True,
        compression_enabled=compressed,
    ) as market:
        report = market.data.cleanup_old_data()
        on_disk = market.data.engine.overflow["1min"].segments.nbytes
    assert report.bars_written == 580
    if compressed:
        assert report.bytes_before > report.bytes_after == on_disk
        assert report.compression_ratio == report.bytes_before / on_disk
    else:
        assert (report.bytes_before, report.bytes_after, report.compression_ratio) == (0, 0, 1.0)


def test_over_the_limit_on_disk_the_oldest_bars_of_the_timeframe_that_takes_most_go() -> None:
    with open_market(
        HandFeed(minutes(-3_000, 3_000)),
        "1min",
        "1hour",
        max_bars_per_timeframe=10,
        enable_disk_overflow=True,
        compression_enabled=False,
        max_disk_cache_gb=150_000 / 1e9,
    ) as market:
        report = market.data.cleanup_old_data()
        fine, coarse = (market.data.engine.overflow[name].segments for name in ("1min", "1hour"))
        assert report.bars_written == 2_990 + len(coarse)
        assert report.bars_removed == 2_990 - len(fine) > 0
        assert fine.nbytes + coarse.nbytes <= 150_000
        assert len(coarse) == 40


# -- moving and leaving ------------------------------------------------------------------------------------

FEW = {"max_bars_per_timeframe": 10, "enable_disk_overflow": True, "auto_cleanup": False}


def test_a_move_that_fails_leaves_nothing_in_the_new_folder_and_raises_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = HandFeed(minutes(-60, 60))
    with open_market(feed, "1min", "5min", disk_cache_path=str(tmp_path / "a"), **FEW) as market:
        market.data.cleanup_old_data()
        before = read(market, "1min")
        copied: list[Overflow] = []
        copy_to, clear = Overflow.copy_to, SegmentStore.clear

        def fail_second(self: Overflow, store: SegmentStore) -> None:
            copied.append(self)
            if len(copied) == 2:
                raise DataExportError("no room")
            copy_to(self, store)

        def clear_and_fail(self: SegmentStore) -> int:
            clear(self)
            raise errors[len(copied) % len(errors)]

        errors = [OSError("gone"), DataExportError("gone")]
        with monkeypatch.context() as patch:
            patch.setattr(Overflow, "copy_to", fail_second)
            patch.setattr(SegmentStore, "clear", clear_and_fail)
            for _ in errors:
                copied.clear()
                with pytest.raises(DataExportError, match="no room"):
                    market.data.configure_memory_management(disk_cache_path=tmp_path / "b")
                errors.reverse()
        assert list((tmp_path / "b").rglob("bars-*")) == []
        pd.testing.assert_frame_equal(read(market, "1min"), before)
        assert market.data.engine.overflow["1min"].segments.folder.is_relative_to(tmp_path / "a")


def test_bars_that_do_not_reach_the_disk_in_closing_are_told_with_how_many_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Overflow) -> int:
        raise error

    for number, error in enumerate((OSError(28, "No space left on device"), DataExportError("no room"))):
        caplog.clear()
        options = {**FEW, "disk_cache_path": str(tmp_path / str(number))}
        market = open_market(HandFeed(minutes(-1_500, 1_500)), "1min", **options)
        with monkeypatch.context() as patch, caplog.at_level("ERROR", "mdnb"):
            patch.setattr(Overflow, "flush", fail)
            market.close()
        assert caplog.messages == [f"X: 1,500 bars are not on disk and lost with this process: {error}"]


def test_what_is_closed_is_in_a_folder_of_the_users_with_the_first_bar_and_the_last(tmp_path: Path) -> None:
    options = {**FEW, "disk_cache_path": str(tmp_path)}
    with open_market(HandFeed(minutes(-60, 60)), "1min", **options) as market:
        whole = read(market, "1min")
        folder = market.data.engine.overflow["1min"].segments.folder
    store = SegmentStore(folder)
    held = store.read()
    store.close()
    assert held.close.tolist() == whole["close"].tolist()
    assert len(held) == 60


def test_with_the_disk_switched_off_bars_are_dropped_and_nothing_is_kept_of_it() -> None:
    feed = HandFeed(minutes(-60, 60))
    with open_market(feed, "1min", **FEW) as market:
        market.data.cleanup_old_data()
        market.data.configure_memory_management(disk_cache_enabled=False)
        feed.trades(*(trade(60 * at, 100.0, number=at) for at in range(30)))
        assert len(read(market, "1min")) == 10
        market.add_timeframe("5min")
        assert market.data.engine.overflow == {}
        report = market.data.cleanup_old_data()
        assert (report.bars_written, report.bars_removed, report.bytes_before) == (0, 0, 0)
        assert report.compression_ratio == 1.0


def test_a_timeframe_that_is_removed_while_the_disk_is_tidied_counts_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = HandFeed(minutes(-600, 600))
    with open_market(feed, "1min", "5min", compression_enabled=True, **FEW) as market:
        engine, session = market.data.engine, market._parts.session
        stores = {name: overflow.segments for name, overflow in engine.overflow.items()}
        see = SegmentStore.see_to_folder

        def close_one(store: SegmentStore) -> None:
            see(store)
            stores["5min"].close()

        with monkeypatch.context() as patch:
            patch.setattr(SegmentStore, "see_to_folder", close_one)
            report = call(tidy(engine, session.workers))
        assert report.bars_written == 590
        assert report.bars_removed == 0
        assert report.bytes_before > report.bytes_after == stores["1min"].nbytes
