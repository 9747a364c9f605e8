"""What a market exports in any format, and loads again: all of it, marked where it is no whole bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.io import read_bars
from mdnb.market import LiveMarket
from mdnb.stores.columns import PARTIAL
from tests.manager.hand import MINUTE, START, HandFeed, minutes, open_market, trade

ALL = (".parquet", ".feather", ".arrow")
ONE = tuple(
    f"{ending}{packed}" for ending in (".csv", ".tsv", ".json", ".jsonl") for packed in ("", ".gz", ".zst")
)
NAMES = ("1min", "5min", "15min")


def traded(**config: object) -> LiveMarket:
    """Return a market with a history, live bars of which the first is partial, and an open one."""
    feed = HandFeed(minutes(-600, 600), clock=EventClock(START))
    market = open_market(feed, *NAMES, **config)
    feed.clock.advance(START + 30 * 1_000_000_000)  # type: ignore[attr-defined]  # an EventClock
    feed.trades(*(trade(40 + 20 * at, 100.0 + at % 7 / 3, 1.5, number=at) for at in range(60)))
    with market.data.engine.lock:
        log = market.data.engine.log("1min")
        log.mark(len(log) - 2, PARTIAL)
    return market


def later() -> LiveMarket:
    feed = HandFeed(clock=EventClock(START + 600 * MINUTE))
    return open_market(feed, *NAMES)


@pytest.mark.parametrize("overflow", [False, True])
@pytest.mark.parametrize("ending", [*ALL, *ONE])
def test_a_file_has_all_timeframes_from_memory_and_disk(tmp_path: Path, ending: str, overflow: bool) -> None:
    config = {"max_bars_per_timeframe": 7, "enable_disk_overflow": True} if overflow else {}
    with traded(**config) as market:
        path = market.export(tmp_path / f"all{ending}", with_times=True)
        whole = {name: market.data.get_all_data(name) for name in NAMES}
        closed = {name: frame[:-1] if frame.attrs["forming"] else frame for name, frame in whole.items()}
        timed = market.data.get_data("1min", closed_only=True, with_times=True)
    with later() as market:
        assert [result.timeframe for result in market.load(path)] == list(NAMES)
        for name in NAMES:
            # Of finer bars the market makes the coarser one, too, that was open.
            found, frame = market.data.get_all_data(name), closed[name]
            pd.testing.assert_frame_equal(found[: len(frame)], frame, check_freq=False)
            assert set(found.attrs["partial"]) >= {at for at in frame.attrs["partial"] if at < len(frame)}
            assert found.attrs["partial"] != () or name != "1min"
        again = market.data.get_data("1min", with_times=True)
        assert again["closed_at"][-len(timed) :].tolist() == timed["closed_at"].tolist()


@pytest.mark.parametrize("ending", [*ALL, *ONE, ".xlsx"])
def test_the_open_bar_is_left_out_unless_asked_for_and_marked_then(tmp_path: Path, ending: str) -> None:
    with traded() as market:
        whole = market.data.get_all_data("1min")
        assert whole.attrs["forming"]
        paths = [
            market.export(tmp_path / f"{asked}{ending}", "1min", include_forming=asked)
            for asked in (False, True)
        ]
    for path, count in zip(paths, (len(whole) - 1, len(whole)), strict=True):
        if ending == ".xlsx":
            sheet = pd.read_excel(path)
            assert len(sheet) == count
            assert ("forming" in sheet) == (count == len(whole))
        with later() as market:
            [result] = market.load(path, "1min")
            assert result.added == len(whole) - 1
            found = market.data.get_all_data("1min")
            pd.testing.assert_frame_equal(found, whole[:-1], check_freq=False)
            assert found.attrs["partial"] == whole.attrs["partial"]


def test_a_workbook_of_a_market_has_a_sheet_a_timeframe(tmp_path: Path) -> None:
    with traded() as market:
        path = market.export(tmp_path / "all.xlsx")
        sizes = {name: len(market.data.get_all_data(name)) for name in NAMES}
    sheets = pd.read_excel(path, sheet_name=None)
    assert {name: len(sheet) + 1 for name, sheet in sheets.items()} == sizes


def test_what_reads_without_a_market_gives_the_same(tmp_path: Path) -> None:
    with traded() as market:
        whole = market.data.get_data("1min", closed_only=True)
        for ending in (*ALL, *ONE, ".xlsx"):
            path = market.export(tmp_path / f"one{ending}", "1min")
            found = mdnb.read(path, timeframe="1min")
            pd.testing.assert_frame_equal(
                found[["open", "high", "low", "close", "volume"]],
                whole[["open", "high", "low", "close", "volume"]],
                check_freq=False,
            )


@pytest.mark.parametrize("ending", [*ALL, *ONE])
def test_of_several_timeframes_each_row_says_which_bar_is_open(tmp_path: Path, ending: str) -> None:
    with traded() as market:
        path = market.export(tmp_path / f"all{ending}", include_forming=True)
        whole = {name: market.data.get_all_data(name) for name in NAMES}
    for name, frame in whole.items():
        back = read_bars(path, name, **({} if ending in ALL else {"tz": "UTC"}))
        assert back.index.equals(frame.index)
        assert frame.attrs["forming"]
        assert back["forming"].tolist() == [False] * (len(frame) - 1) + [True]
        partial = back["partial"] if "partial" in back else np.zeros(len(back))
        assert tuple(np.flatnonzero(partial)) == frame.attrs["partial"]
