"""What a market finds in a cache folder that another one left: bars, what was known when, broken files."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.errors import DataExportError, NoDataError
from mdnb.feeds.offers import Offers
from mdnb.market import LiveMarket
from mdnb.runtime.process.bridge import call
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, minutes, open_market, trade

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


def traded(feed: HandFeed, market: LiveMarket, clock: EventClock) -> None:
    """Let half an hour of trades come, one every ten seconds."""
    for number in range(180):
        clock.advance(START + number * 10 * SECOND)
        feed.trades(trade(number * 10, 100.0 + number % 13, number=number))
    assert len(market.data.get_data("1min", closed_only=True))


@pytest.mark.parametrize("timeframe", ["1min", "7tick"])
def test_a_past_moment_reads_after_a_restart_as_it_did_before(timeframe: str, tmp_path: Path) -> None:
    clock = EventClock(START)
    feed = HandFeed(clock=clock)
    moments = [pd.Timestamp(START + minute * MINUTE, tz="UTC") for minute in (0, 1, 5, 17, 29)]
    windows: list[dict[str, Any]] = [
        {},
        {"count": 4},
        {"start_time": moments[1], "end_time": moments[3]},
        {"end_time": moments[2]},
    ]
    with opened(tmp_path, feed, "1min", timeframe) as market:
        traded(feed, market, clock)
        before = [
            market.data.get_data(timeframe, as_of=moment, with_times=True, **window)
            for moment in moments
            for window in windows
        ]
        scores = [market.alignment(as_of=moment).score for moment in moments]
    assert len(before[-4]) > 20
    with opened(tmp_path, None, "1min", timeframe) as market:
        after = [
            market.data.get_data(timeframe, as_of=moment, with_times=True, **window)
            for moment in moments
            for window in windows
        ]
        for one, other in zip(before, after, strict=True):
            # When a bar of trades was over the next one tells, which memory held.
            drop = ["end"] if timeframe == "7tick" else []
            pd.testing.assert_frame_equal(one.drop(columns=drop), other.drop(columns=drop))
        assert [market.alignment(as_of=moment).score for moment in moments] == scores


def test_a_moment_before_bars_that_an_earlier_market_amended_is_refused(tmp_path: Path) -> None:
    clock = EventClock(START)
    feed = HandFeed(clock=clock)
    with opened(tmp_path, feed) as market:
        traded(feed, market, clock)
        clock.advance(START + 30 * MINUTE + SECOND)
        feed.trades(trade(1801, 100.0, number=180), trade(1799, 113.0, number=181))
        assert market.data.get_data("1min")["high"].max() == 113.0
    then, amended = (pd.Timestamp(START + int(minute * MINUTE), tz="UTC") for minute in (30.5, 29))
    with opened(tmp_path) as market:
        with pytest.raises(NoDataError, match="some of those on disk were amended"):
            market.data.get_data("1min", as_of=then)
        assert len(market.data.get_data("1min", 5, as_of=amended)) == 5


def test_a_moment_of_which_the_disk_lost_the_bars_is_refused(tmp_path: Path) -> None:
    [path] = left_behind(tmp_path, compressed=False)
    path.write_bytes(b"")
    moment = pd.Timestamp(START, tz="UTC")
    with opened(tmp_path) as market:
        for read in (market.data.get_data, lambda *_, **when: market.alignment(**when)):
            with pytest.raises(NoDataError, match="have left memory"):
                read("1min", as_of=moment)


def test_a_past_moment_reads_from_disk_as_it_would_from_memory_though_bars_were_amended(
    tmp_path: Path,
) -> None:
    moments = [START + second * SECOND for second in range(70, 1790, 61)]
    found = []
    for held in (5, 1000):
        clock = EventClock(START)
        feed = HandFeed(clock=clock)
        with open_market(
            feed,
            "1min",
            max_bars_per_timeframe=held,
            disk_cache_enabled=True,
            disk_cache_path=str(tmp_path / f"{held}"),
        ) as market:
            for number in range(1800):
                clock.advance(START + number * SECOND)
                # Of every minute the last trade comes late, when its bar has been closed.
                late = 2 if number % 60 == 1 and number > 60 else 0
                price = 110.0 + number % 7 if late else 100.0 + number % 13 / 4
                feed.trades(trade(number - late, price, number=number))
            market.data.get_data("1min")
            call(market._parts.session.markets["X"].tidy())
            at = [pd.Timestamp(ns, tz="UTC") for ns in moments]
            found.append([market.data.get_data("1min", 4, as_of=one, with_times=True) for one in at])
            assert (market.data.get_memory_stats().bars_on_disk > 0) == (held == 5)
            assert market.accounting().amended > 20
    for one, other in zip(*found, strict=True):
        pd.testing.assert_frame_equal(one, other)


class OtherFeed(HandFeed):
    """A feed of the same symbol that is another one by its name."""

    offers = Offers(title="Elsewhere", history="none")


def test_another_feed_of_the_same_symbol_is_refused_and_named(tmp_path: Path) -> None:
    left_behind(tmp_path, compressed=False)
    other = OtherFeed(minutes(-BARS, BARS, lambda _: 7.0), clock=EventClock(START))
    said = re.escape(f"{tmp_path / 'X'} holds bars of HandFeed (bars of trades), and these are of Elsewhere")
    with pytest.raises(DataExportError, match=f"{said}.*another folder.*disk_cache_path"):
        opened(tmp_path, other)
    with opened(tmp_path) as market:
        assert len(market.data.get_all_data("1min")) == BARS
        assert 7.0 not in set(market.data.get_all_data("1min")["close"])


def test_a_folder_that_is_chosen_while_the_market_runs_is_refused_as_well(tmp_path: Path) -> None:
    left_behind(tmp_path / "a", compressed=False)
    with opened(tmp_path / "b", OtherFeed(minutes(-9, 9), clock=EventClock(START))) as market:
        with pytest.raises(DataExportError, match="they would be mixed"):
            market.data.configure_memory_management(disk_cache_path=str(tmp_path / "a"))
        assert market.data.engine.overflow["1min"].segments.folder.is_relative_to(tmp_path / "b")


@pytest.mark.parametrize("note", [None, b"", b"[1]"])
def test_a_folder_that_does_not_say_whose_bars_it_holds_is_taken_and_marked(
    note: bytes | None, tmp_path: Path
) -> None:
    left_behind(tmp_path, compressed=False)
    mark = tmp_path / "X" / "feed.json"
    kept = mark.read_bytes()
    mark.unlink()
    if note is not None:
        mark.write_bytes(note)
    with opened(tmp_path) as market:
        assert len(market.data.get_all_data("1min")) == BARS
    assert mark.read_bytes() == kept


def test_the_same_feed_with_other_options_is_the_same(tmp_path: Path) -> None:
    for query in ("speed=60&seed=1", "speed=90&seed=2"):
        options = DataManagerConfig(disk_cache_enabled=True, disk_cache_path=str(tmp_path))
        mdnb.live(
            "MNQ", "1min", feed=f"sim://?{query}", data_manager_config=options, initial_days=1, progress=False
        ).close()
    with pytest.raises(DataExportError, match=r"Embedded simulator \(bars of trades\)"):
        mdnb.live(
            "MNQ",
            "1min",
            feed=OtherFeed(instrument=mdnb.Instrument("MNQ", 0.25)),
            data_manager_config=options,
            initial_days=0,
            progress=False,
        )


def test_a_folder_without_bars_is_anybodys(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with opened(tmp_path, OtherFeed(minutes(-9, 9), clock=EventClock(START))):
        pass
    with pytest.raises(DataExportError, match="holds bars of Elsewhere"):
        opened(tmp_path)
