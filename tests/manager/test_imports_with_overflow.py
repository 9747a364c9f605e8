"""Imports into a market whose older bars are on disk: the same bars whatever the memory limit."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from mdnb.market import LiveMarket
from mdnb.rows import BarRow
from tests.manager.hand import MINUTE, START, HandFeed, bar, minutes, open_market, trade

COARSER = {"5min": "5min", "15min": "15min", "1hour": "1h"}
PRICES = ["open", "high", "low", "close", "volume", "tick_count"]


def written(path: Path, rows: list[BarRow]) -> Path:
    """Write bars as anybody's CSV."""
    names = ["timestamp", *PRICES]
    pd.DataFrame([(row[0] // 10**9, *row[1:7]) for row in rows], columns=names).to_csv(path, index=False)
    return path


def resampled(frame: pd.DataFrame, rule: str) -> pd.DataFrame:
    by = frame.resample(rule)
    columns = {
        "open": by["open"].first(),
        "high": by["high"].max(),
        "low": by["low"].min(),
        "close": by["close"].last(),
        "volume": by["volume"].sum(),
        "tick_count": by["tick_count"].sum(),
    }
    return pd.DataFrame(columns)[by["open"].count() > 0]


def check(market: LiveMarket, expected: dict[int, BarRow]) -> None:
    """Compare what is held with bars that were counted by hand, and pandas' coarser ones of these."""
    rows = [expected[start][1:7] for start in sorted(expected)]
    index = pd.DatetimeIndex(pd.to_datetime(sorted(expected), utc=True))
    finest = pd.DataFrame(rows, columns=PRICES, index=index, dtype=float)
    frames = {"1min": finest, **{name: resampled(finest, rule) for name, rule in COARSER.items()}}
    for name, frame in frames.items():
        held = market.data.get_all_data(name)[PRICES]
        pd.testing.assert_frame_equal(
            held, frame, check_dtype=False, check_freq=False, check_names=False, check_index_type=False
        )


@pytest.mark.parametrize("cleans", [False, True])
@pytest.mark.parametrize("limit", [3, 1000])
def test_good_bars_over_bad_ones_make_good_coarser_ones(tmp_path: Path, limit: int, cleans: bool) -> None:
    count = 5000
    bad = written(tmp_path / "bad.csv", minutes(-count, count, lambda at: 50.0 + at % 3))
    good = minutes(-count, count)
    kept = {"max_bars_per_timeframe": limit, "enable_disk_overflow": True}
    with open_market(HandFeed(), "1min", *COARSER, **kept) as market:
        market.load(bad, "1min")
        if cleans:
            market.data.cleanup_old_data()
        result = market.data.import_from_csv(written(tmp_path / "good.csv", good), "1min", overwrite=True)
        assert result.replaced == count
        check(market, {row[0]: row for row in good})


@pytest.mark.parametrize("cleans", [False, True])
def test_gaps_that_are_filled_are_filled_in_coarser_ones(tmp_path: Path, cleans: bool) -> None:
    rows, draw = minutes(-5000, 5000), random.Random(1)
    some = [row for row in rows if draw.random() > 0.3]
    with open_market(
        HandFeed(), "1min", *COARSER, max_bars_per_timeframe=1000, enable_disk_overflow=True
    ) as market:
        market.load(written(tmp_path / "some.csv", some), "1min")
        check(market, {row[0]: row for row in some})
        if cleans:
            market.data.cleanup_old_data()
        [result] = market.load(written(tmp_path / "all.csv", rows), "1min")
        assert (result.added, result.kept) == (len(rows) - len(some), len(some))
        check(market, {row[0]: row for row in rows})


_FILE = st.tuples(
    st.integers(-400, -1),  # the first minute
    st.lists(st.sampled_from([1, 1, 1, 2, 7, 60]), min_size=1, max_size=40),  # how far the next one is
    st.booleans(),  # overwrite
    st.booleans(),  # the disk is tidied after it
    st.booleans(),  # a trade comes after it
)


@given(files=st.lists(_FILE, min_size=1, max_size=5), limit=st.sampled_from([1, 2, 5, 30, 10_000]))
@settings(max_examples=20, deadline=None)
def test_the_same_bars_whatever_the_memory_limit(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[int, list[int], bool, bool, bool]], limit: int
) -> None:
    folder = tmp_path_factory.mktemp("files")
    expected: dict[int, BarRow] = {}
    feed = HandFeed()
    kept = {"max_bars_per_timeframe": limit, "enable_disk_overflow": True}
    with open_market(feed, "1min", *COARSER, **kept) as market:
        for number, (first, steps, overwrite, cleans, trades) in enumerate(files):
            # Two that follow each other say what a bar is.
            starts = [at for at in (first + np.cumsum([0, 1, *steps])).tolist() if at < 0]
            rows = [bar(at, 100.0 + number + at % 5, 10.0 + at % 3) for at in starts]
            path = written(folder / f"{number}.csv", rows)
            market.data.import_from_csv(path, "1min", overwrite=overwrite)
            for row in rows:
                if overwrite or row[0] not in expected:
                    expected[row[0]] = row
            if trades:
                feed.trades(trade(60 * number + 1, 90.0, number=number))
                expected[START + number * MINUTE] = (
                    START + number * MINUTE,
                    90.0,
                    90.0,
                    90.0,
                    90.0,
                    1.0,
                    1,
                    90.0,
                )
            if cleans:
                market.data.cleanup_old_data()
            check(market, expected)
