"""The life of the folder of bars that left memory: changed, refused, deleted, killed, closed, opened."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mdnb.clock import EventClock
from mdnb.errors import DataExportError, OptionError
from mdnb.market import LiveMarket
from mdnb.stores.segments import SegmentStore
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import MINUTE, START, HandFeed, minutes, open_market, trade
from tests.runtime.test_disk_overflow import six_a_second

BARS = 2880
KEPT = {"max_bars_per_timeframe": 500, "enable_disk_overflow": True}


def whole(market: LiveMarket, timeframe: str = "1min") -> pd.DataFrame:
    return market.data.get_all_data(timeframe)


# -- another folder -------------------------------------------------------------------------------------


@pytest.mark.parametrize("temporary", [False, True])
@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("wrong", ["in_a_file", "a_file", "a_link", "busy", "nul"])
def test_a_folder_that_is_refused_loses_nothing_and_changes_nothing(
    tmp_path: Path, wrong: str, written: bool, temporary: bool
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    busy = SegmentStore(tmp_path / "busy" / "X" / "5min")
    paths: dict[str, str | Path] = {
        "in_a_file": tmp_path / "file" / "deeper",
        "a_file": tmp_path / "file",
        "a_link": tmp_path / "link",
        "busy": tmp_path / "busy",
        "nul": "a\0b",
    }
    given = {} if temporary else {"disk_cache_path": str(tmp_path / "disk")}
    with open_market(HandFeed(minutes(-BARS, BARS)), "1min", "5min", **given, **KEPT) as market:
        if written:
            market.data.cleanup_old_data()
        before, used = [whole(market, name) for name in ("1min", "5min")], market.data.get_memory_stats()
        config = market.data.config
        with pytest.raises(OptionError if wrong == "nul" else DataExportError):
            market.data.configure_memory_management(disk_cache_path=paths[wrong], max_bars_per_timeframe=100)
        assert market.data.config == config
        for name, frame in zip(("1min", "5min"), before, strict=True):
            pd.testing.assert_frame_equal(whole(market, name), frame)
        after = market.data.get_memory_stats()
        assert (after.bars_on_disk, after.bars_waiting) == (used.bars_on_disk, used.bars_waiting)
        assert list((tmp_path / "elsewhere").iterdir()) == []
        # And it still goes on, where it was and into a folder that can be had.
        market.data.cleanup_old_data()
        market.data.configure_memory_management(disk_cache_path=tmp_path / "right")
        for name, frame in zip(("1min", "5min"), before, strict=True):
            pd.testing.assert_frame_equal(whole(market, name), frame)
    busy.close()


def test_a_folder_that_takes_no_bars_is_not_moved_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_market(HandFeed(minutes(-BARS, BARS)), "1min", "5min", **KEPT) as market:
        market.data.cleanup_old_data()
        before = whole(market)
        calls: list[int] = []
        fsync = os.fsync

        def full(descriptor: int) -> None:
            calls.append(descriptor)
            if len(calls) > 2:  # the first file and its folder are written
                raise OSError(28, "No space left on device")
            fsync(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(DataExportError, match="No space left"):
                market.data.configure_memory_management(disk_cache_path=tmp_path / "full")
        assert list((tmp_path / "full").rglob("bars-*")) == [], "nothing partial"
        pd.testing.assert_frame_equal(whole(market), before)
        assert market.data.config.disk_cache_path is None
        SegmentStore(tmp_path / "full" / "X" / "1min").close()  # it was let go of


def test_switching_to_a_refused_folder_leaves_the_disk_off(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with open_market(HandFeed(minutes(-BARS, BARS)), "1min") as market:
        with pytest.raises(DataExportError):
            market.data.configure_memory_management(
                disk_cache_path=tmp_path / "file", max_bars_per_timeframe=100, enable_disk_overflow=True
            )
        config = market.data.config
        assert (config.disk_cache_enabled, config.disk_cache_path) == (False, None)
        assert config.max_bars_per_timeframe == 50_000
        assert market.data.engine.overflow == {}
        assert len(whole(market)) == BARS


def test_what_was_carried_is_on_disk_and_a_temporary_folder_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with open_market(HandFeed(minutes(-BARS, BARS)), "1min", **KEPT) as market:
        market.data.cleanup_old_data()
        assert len(list((tmp_path / "tmp").iterdir())) == 1
        before = whole(market)
        market.data.configure_memory_management(disk_cache_path=tmp_path / "disk")
        assert list((tmp_path / "tmp").iterdir()) == []
        assert market.data.get_memory_stats().bars_on_disk == BARS - 500
        pd.testing.assert_frame_equal(whole(market), before)


@pytest.mark.parametrize("level", ["disk", "disk/X", "disk/X/1min"])
def test_a_link_on_the_way_is_refused(tmp_path: Path, level: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / level).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / level).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataExportError, match="is a link"):
        open_market(HandFeed(minutes(-9, 9)), "1min", disk_cache_path=str(tmp_path / "disk"), **KEPT)
    assert list((tmp_path / "elsewhere").iterdir()) == []


# -- a timeframe that is removed and added again ----------------------------------------------------------


@pytest.mark.parametrize("temporary", [False, True])
@pytest.mark.parametrize("name", ["1min", "5min", "15min"])
def test_a_timeframe_that_comes_back_has_no_hole(tmp_path: Path, name: str, temporary: bool) -> None:
    given = {} if temporary else {"disk_cache_path": str(tmp_path)}
    names = ["1min", "5min", "15min"]
    frames = list[pd.DataFrame]()
    for removes in (False, True):
        shutil.rmtree(tmp_path / "X", ignore_errors=True)
        feed = HandFeed(minutes(-BARS, BARS))
        few = {"max_bars_per_timeframe": 50, "enable_disk_overflow": True}
        with open_market(feed, *names, **given, **few) as market:
            market.data.cleanup_old_data()
            if removes:
                market.remove_timeframe(name)
            feed.trades(*(trade(60 * at, 100.0 + at % 7, number=at) for at in range(2000)))
            market.data.cleanup_old_data()
            if removes:
                market.add_timeframe(name)
            feed.trades(*(trade(60 * at, 100.0 + at % 7, number=at) for at in range(2000, 2100)))
            frames.append(whole(market, name))
            stats = market.data.get_timeframe_stats(name)
            assert (stats.completeness, stats.missing_bars) == (100.0, 0)
            closed = market.data.get_memory_stats().by_timeframe[name]
            held = closed + 1 + stats.bars_waiting + stats.bars_on_disk
            assert held == len(frames[-1]), "what is counted is what can be read"
    pd.testing.assert_frame_equal(frames[0], frames[1], rtol=1e-12)


def test_bars_of_trades_that_come_back_tell_of_the_hole() -> None:
    feed = HandFeed(clock=EventClock(START))
    few = {"max_bars_per_timeframe": 10, "enable_disk_overflow": True, "max_ticks": 30}
    with open_market(feed, "2tick", **few) as market:
        six_a_second(feed, range(1, 21))
        assert market.data.cleanup_old_data().bars_written == 50
        assert market.data.get_stats().completeness == 100.0
        market.remove_timeframe("2tick")
        six_a_second(feed, range(21, 41))
        market.add_timeframe("2tick")
        frame = whole(market, "2tick")
        [at] = np.flatnonzero(np.diff(frame.index.to_numpy()) > np.timedelta64(1, "s"))
        assert frame.attrs["partial"] == (at + 1,)
        assert market.data.get_timeframe_stats("2tick").missing_bars > 0
        assert market.data.get_stats().completeness < 100.0


def test_a_hole_between_two_sessions_is_missed(tmp_path: Path) -> None:
    for last in (0, 700):
        feed = HandFeed(minutes(last - 300, 300), clock=EventClock(START + last * MINUTE))
        few = {"max_bars_per_timeframe": 50, "enable_disk_overflow": True, "disk_cache_path": str(tmp_path)}
        with open_market(feed, "1min", **few) as market:
            frame = whole(market)
            stats = market.data.get_timeframe_stats("1min")
    assert len(frame) == 600
    assert stats.missing_bars == 400
    assert stats.completeness == pytest.approx(100.0 * 600 / 1000)


# -- what outlives a process ------------------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [False, True])
def test_closing_writes_what_is_in_memory_and_the_next_goes_on(tmp_path: Path, compressed: bool) -> None:
    given = {"disk_cache_path": str(tmp_path), "compression_enabled": compressed}
    with open_market(HandFeed(minutes(-BARS, BARS)), "1min", "5min", **given, **KEPT) as market:
        before = {name: whole(market, name) for name in ("1min", "5min")}
    with open_market(HandFeed(), "1min", "5min", **given, **KEPT) as market:
        for name, frame in before.items():
            pd.testing.assert_frame_equal(whole(market, name), frame)


def test_a_recording_that_is_played_again_does_not_show_what_the_disk_knows_of_later(tmp_path: Path) -> None:
    given = {"disk_cache_path": str(tmp_path), **KEPT}
    for _ in range(2):
        feed = HandFeed(clock=EventClock(START))
        with open_market(feed, "1min", **given) as market:
            feed.trades(trade(1, 100.0, number=1))
            assert whole(market).index.tolist() == [pd.Timestamp(START, tz="UTC")]
            feed.trades(*(trade(60 * at, 100.0, number=at + 1) for at in range(1, 20)))
            assert len(whole(market)) == 20


def test_a_full_disk_in_closing_is_told_with_the_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    market = open_market(HandFeed(minutes(-750, 750)), "1min", disk_cache_path=str(tmp_path), **KEPT)
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR, "mdnb"):
        patch.setattr(os, "fsync", full)
        market.close()
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "750 bars are not on disk" in record.getMessage()
    assert "No space left on device" in record.getMessage()


def test_a_deleted_folder_is_told_truthfully_and_made_anew(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-BARS, BARS))
    with open_market(feed, "1min", disk_cache_path=str(tmp_path / "disk"), **KEPT) as market:
        market.data.cleanup_old_data()
        shutil.rmtree(tmp_path / "disk")
        feed.trades(*(trade(60 * at, 100.0, number=at + 1) for at in range(100)))
        assert market.data.cleanup_old_data().bars_written > 0
        stats = market.data.get_timeframe_stats("1min")
        assert stats.bars_on_disk == len(whole(market)) - 501, "500 and the open one are in memory"
        assert stats.missing_bars == BARS - 500
        assert list((tmp_path / "disk").rglob("bars-*")) != []


def test_a_folder_that_is_deleted_amid_a_write_is_not_called_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SegmentStore(tmp_path / "disk")
    with open_market(HandFeed(minutes(-9, 9)), "1min") as market:
        columns = market.data.engine.closed_columns("1min")
    sync = os.fsync

    def delete(descriptor: int) -> None:
        shutil.rmtree(tmp_path / "disk")
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", delete)
        with pytest.raises(DataExportError) as told:
            store.append(columns)
    assert "intact" not in str(told.value)
    assert "deleted" in str(told.value)
    store.append(columns)
    assert len(store.read()) == 9
    store.close()


KILLED = """
    import sys, time
    from mdnb.stores.segments import SegmentStore
    from tests.manager.hand import HandFeed, minutes, open_market
    path = sys.argv[1] or None
    market = open_market(HandFeed(minutes(-2880, 2880)), "1min", max_bars_per_timeframe=500,
                         enable_disk_overflow=True, disk_cache_path=path)
    if sys.argv[2] == "written":
        market.data.cleanup_old_data()
    folder = market.data.engine.overflow["1min"].segments.folder
    print(market.data.get_memory_stats().bars_on_disk, folder, flush=True)
    time.sleep(1000)
"""


def killed(path: str, how: str, temporary: Path) -> tuple[int, Path]:
    """Return what a process counted on disk before it was killed, and where."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), path, how],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary), "TMP": str(temporary), "TEMP": str(temporary)},
    )
    assert process.stdout is not None
    count, folder = process.stdout.readline().split()
    process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait(LIMIT_SECONDS)
    process.stdout.close()
    return int(count), Path(folder)


@pytest.mark.parametrize("how", ["written", "waiting"])
def test_what_was_counted_on_disk_outlives_a_kill(tmp_path: Path, how: str) -> None:
    count, folder = killed(str(tmp_path / "disk"), how, tmp_path)
    assert count == (2380 if how == "written" else 0)
    store = SegmentStore(folder)
    assert len(store.read()) == count
    store.close()


def test_the_temporary_folder_of_a_killed_process_goes_at_the_next_start_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = killed("", "written", tmp_path)
    assert folder.is_dir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "mdnb-of-somebody").mkdir()
    (tmp_path / "mdnb-of-somebody" / "data").write_text("mine")
    (tmp_path / "mdnb-link").symlink_to(tmp_path / "mdnb-of-somebody")
    with open_market(HandFeed(minutes(-BARS, BARS)), "1min", **KEPT) as market:
        assert not folder.exists()
        market.data.cleanup_old_data()
        before = whole(market)
        # Who is alive keeps his.
        with open_market(HandFeed(), "1min"):
            pd.testing.assert_frame_equal(whole(market), before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mdnb-link", "mdnb-of-somebody"]
    assert (tmp_path / "mdnb-of-somebody" / "data").read_text() == "mine"
