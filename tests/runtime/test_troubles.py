"""What fails in the background: told once, kept, on the card and in the badge, until it is over."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mdnb
from mdnb.errors import DataExportError
from mdnb.feeds.recorder import Recorder
from mdnb.market import LiveMarket
from mdnb.runtime import recording
from mdnb.runtime.housekeeping import Housekeeping
from mdnb.runtime.process.bridge import call
from mdnb.stores import segment_file
from mdnb.stores.segments import SegmentStore
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, minutes, open_market, trade


class Bench:
    """A market that keeps 50 bars in memory, and who looks after it, by a clock of the test's."""

    def __init__(self, market: LiveMarket) -> None:
        self.market = market
        self.now = 0.0
        self._housekeeping = Housekeeping(market._parts.session.markets, lambda: self.now)
        self.look()

    def look(self) -> None:
        """Have the disk tidied, which is due."""
        self.now += 600
        call(self._housekeeping.look())

    @property
    def segments(self) -> SegmentStore:
        return self.market.data.engine.overflow["1min"].segments

    @property
    def kept(self) -> list[tuple[str, int]]:
        return [(one.type, one.count) for one in self.market.data.get_validation_errors()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    options = {"enable_disk_overflow": True, "disk_cache_path": str(tmp_path), "cleanup_interval_minutes": 10}
    with open_market(HandFeed(minutes(-300, 300)), "1min", max_bars_per_timeframe=50, **options) as market:
        yield Bench(market)


def replaced_by_a_file(bench: Bench) -> Callable[[], None]:
    folder = bench.segments.folder
    shutil.rmtree(folder)
    folder.write_text("no folder")

    def mend() -> None:
        folder.unlink()
        folder.mkdir()

    return mend


def full_disk(bench: Bench) -> Callable[[], None]:
    return broken(bench, OSError(28, "No space left on device"))


def dead_writer(bench: Bench) -> Callable[[], None]:
    return broken(bench, RuntimeError("cannot schedule new futures after shutdown"))


def broken(bench: Bench, error: Exception) -> Callable[[], None]:
    patch = pytest.MonkeyPatch()

    def fail(*_: Any) -> None:
        raise error

    patch.setattr(segment_file.os, "fsync", fail)
    return patch.undo


@pytest.mark.parametrize("fault", [replaced_by_a_file, full_disk, dead_writer])
def test_a_disk_that_takes_no_bars_is_told_once_and_shown_until_it_takes_them(
    bench: Bench, fault: Callable[[Bench], Callable[[], None]], caplog: pytest.LogCaptureFixture
) -> None:
    market = bench.market
    chart = market.chart()

    def badge() -> str:
        notes = chart.snapshot().layout.annotations
        return str(next(note.text for note in notes if note.name == "mdnb-badge"))

    assert "live" in badge()
    add_bars(market)
    mend = fault(bench)
    with caplog.at_level(logging.INFO, "mdnb"):
        for _ in range(3):
            bench.look()
        [record] = caplog.records
        assert record.levelno == logging.ERROR
        assert record.getMessage().startswith("X: bars not saved: ")
        assert [one for one in bench.kept if one[0] == "disk"] == [("disk", 1)]
        [sentence] = market.data.get_stats().troubles
        assert sentence in record.getMessage()
        assert sentence in str(market)
        assert "bars not saved" in market._repr_html_()
        assert "bars not saved" in badge()
        assert "bars not saved" in repr(market["1min"])
        assert market.status == "connected"
        caplog.clear()
        mend()
        bench.look()
        [record] = caplog.records
        assert record.getMessage() == "X: bars not saved: that is over"
    assert market.data.get_stats().troubles == ()
    assert "bars not saved" not in str(market)
    assert "live" in badge()
    assert ("disk", 1) in bench.kept


def test_a_folder_that_is_deleted_is_made_again_and_what_was_in_it_is_told(bench: Bench) -> None:
    market = bench.market
    call(market._parts.session.markets["X"].tidy())
    gone = len(bench.segments)
    assert gone > 0
    shutil.rmtree(bench.segments.folder.parent)
    add_bars(market)
    market.data.get_data("1min")  # whoever reads puts what has closed into its place
    bench.look()
    assert bench.segments.folder.is_dir()
    written = len(bench.segments)
    assert written > 0
    # The lock is that of the new folder.
    with pytest.raises(DataExportError, match="in use"):
        SegmentStore(bench.segments.folder)
    bench.look()
    [sentence] = market.data.get_stats().troubles
    assert sentence.startswith("saved bars unreadable")
    assert "it has gone" in sentence
    held = market.data.get_all_data("1min")
    assert len(held) == market.data.get_memory_stats().total_bars + written + 1, (
        "and the one that is being made"
    )


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(28, "No space left on device"), "Free some space"),
        (OSError(30, "Read-only file system"), "Let the folder be written to"),
        (FileNotFoundError(2, "No such file or directory"), "it is made anew"),
    ],
)
def test_what_to_do_about_a_disk_depends_on_what_it_says(
    bench: Bench, error: OSError, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    add_bars(bench.market)
    mend = broken(bench, error)
    bench.look()
    mend()
    assert advice in caplog.text
    assert ("Free some space" in caplog.text) == (error.errno == 28)


def add_bars(market: LiveMarket) -> None:
    feed = market._parts.session.feed
    assert isinstance(feed, HandFeed)
    feed.trades(*(trade(60 * i, 100.0, number=i) for i in range(100)))


def test_what_the_user_asks_for_and_fails_is_a_trouble_too_and_is_over_when_it_works(bench: Bench) -> None:
    add_bars(bench.market)
    mend = replaced_by_a_file(bench)
    with pytest.raises(DataExportError):
        bench.market.data.cleanup_old_data()
    assert len(bench.market.data.get_stats().troubles) == 1
    mend()
    bench.market.data.cleanup_old_data()
    assert bench.market.data.get_stats().troubles == ()


def test_saved_bars_that_do_not_read_any_more_are_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    call(bench.market._parts.session.markets["X"].tidy())
    [segment, *_] = bench.segments.segments()
    content = bytearray(segment.path.read_bytes())
    content[len(content) // 2] ^= 255
    segment.path.write_bytes(content)
    bench.market.data.get_all_data("1min")
    with caplog.at_level(logging.INFO, "mdnb"):
        bench.look()
        bench.look()
    [record] = caplog.records
    assert "saved bars unreadable" in record.getMessage()
    assert str(segment.path) in record.getMessage()
    assert ("disk_unreadable", 1) in bench.kept
    assert "saved bars unreadable" in str(bench.market)


def test_who_looks_after_the_market_outlives_what_it_finds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    market = bench.market._parts.session.markets["X"]

    def broken(*_: Any) -> float:
        raise ZeroDivisionError("by nothing")

    with caplog.at_level(logging.INFO, "mdnb"), monkeypatch.context() as patch:
        patch.setattr(type(market), "freshness", broken)
        bench.look()
        bench.look()
    [record] = caplog.records
    assert record.getMessage() == "X: background failing: ZeroDivisionError: by nothing"
    assert bench.market.data.engine.status() == "background failing"
    bench.look()
    assert bench.market.data.engine.status() == "connected"


def test_bars_that_cannot_be_written_in_closing_are_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    add_bars(bench.market)
    replaced_by_a_file(bench)
    with caplog.at_level(logging.INFO, "mdnb"):
        bench.market.close()
    assert any("bars are not on disk and lost" in record.getMessage() for record in caplog.records)


def test_a_recording_ends_when_its_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Full(Recorder):
        """Has room for three frames."""

        def frame(self, recv_ns: int, frame: str | bytes) -> None:
            super().frame(recv_ns, frame)
            if self.frames == 3:
                self._fail(OSError(28, "No space left on device"))

    monkeypatch.setattr(recording, "Recorder", Full)

    async def main() -> None:
        # It has no end of its own.
        endless = recording.record("MNQ", tmp_path / "x.jsonl", "sim://?speed=60", seconds=float("inf"))
        await asyncio.wait_for(endless, LIMIT_SECONDS)

    with caplog.at_level(logging.INFO, "mdnb"), pytest.raises(DataExportError, match="after 3 frames"):
        asyncio.run(main())
    assert len([record for record in caplog.records if "No space left" in record.getMessage()]) == 1


def test_the_card_and_the_figures_are_given_while_what_was_written_cannot_be_reached(bench: Bench) -> None:
    folder, away = bench.segments.folder, bench.segments.folder.with_name("away")
    call(bench.market._parts.session.markets["X"].tidy())
    before = bench.market.data.get_memory_stats().disk_usage_mb
    assert before > 0
    folder.rename(away)
    folder.write_text("no folder")
    assert bench.market.data.get_memory_stats().disk_usage_mb == 0
    assert "0.00 MB on disk" in bench.market._repr_html_()
    folder.unlink()
    away.rename(folder)
    assert bench.market.data.get_memory_stats().disk_usage_mb == before


def test_what_fails_in_one_symbols_data_is_kept_and_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    feed = HandFeed()
    with mdnb.live(["X", "Y"], "1min", feed=feed, progress=False, initial_days=0) as market:
        sessions = market._parts.session.markets

        def broken(*_: Any) -> None:
            raise ZeroDivisionError("by nothing")

        monkeypatch.setattr(sessions["X"].pipeline, "take_trades", broken)
        sent: list[dict[str, Any]] = [
            {"e": "trades", "s": name, "r": [trade(1, 100.0, number=1)]} for name in "XY"
        ]
        feed.send(*sent)
        assert market["Y"].accounting().in_bars == 1
        [kept] = market["X"].data.get_validation_errors()
        assert (kept.type, kept.count) == ("intake", 1)
        assert "ZeroDivisionError: by nothing" in kept.description
        assert "by nothing" in caplog.text
        assert market["Y"].data.get_validation_errors() == []
