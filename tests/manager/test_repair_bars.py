"""Prices in another unit and splits that were not applied are put right, each change told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from mdnb.errors import OptionError
from mdnb.instruments import Instrument
from mdnb.market import LiveMarket
from mdnb.statistics import BarRepair
from tests.manager.hand import HandFeed, open_market

PRICES = ["open", "high", "low", "close"]
COLUMNS = [*PRICES, "volume"]


def replayed(before: pd.DataFrame, repairs: tuple[BarRepair, ...]) -> pd.DataFrame:
    """Return bars with each change of a report made by hand."""
    made = before.copy()
    for one in repairs:
        assert made.loc[one.time, one.field] == one.before
        made.loc[one.time, one.field] = one.after
    return made


def market_of(path: Path, timeframe: str, *coarser: str, **config: object) -> LiveMarket:
    market = open_market(HandFeed(), timeframe, *coarser, validate_bars=False, **config)
    market.load(path, timeframe, lenient=True)
    return market


@pytest.mark.parametrize("overflow", [False, True])
@pytest.mark.parametrize(
    ("name", "timeframe", "kind", "bars"),
    [
        ("4063-T-1d-bad-stock-split", "1day", "split_not_applied", 9),
        ("SSW-JO-1d-100x-error", "1day", "unit_change", 22),
        ("ASAI-L-1h-bad-unit", "1hour", "unit_change", 1),
    ],
)
def test_real_defects_become_their_repaired_twins(
    shared_data: Path, name: str, timeframe: str, kind: str, bars: int, overflow: bool
) -> None:
    config = {"max_bars_per_timeframe": 5, "enable_disk_overflow": True} if overflow else {}
    folder = shared_data / "defects"
    with market_of(folder / f"{name}-fixed.csv", timeframe) as market:
        assert market.data.validate_imported_data(timeframe, repair=True).repairs == ()
        twin = market.data.get_all_data(timeframe)[COLUMNS]
    with market_of(folder / f"{name}.csv", timeframe, **config) as market:
        before = market.data.get_all_data(timeframe)
        found = market.data.validate_imported_data(timeframe)
        assert sum(one.count for one in found.errors if one.type == kind) == bars
        assert found.repairs == ()
        pd.testing.assert_frame_equal(market.data.get_all_data(timeframe), before)
        result = market.data.validate_imported_data(timeframe, repair=True)
        after = market.data.get_all_data(timeframe)
        assert not [one for one in result.errors if one.type == kind]
        assert {one.type for one in result.repairs} == {kind}
        assert len({one.time for one in result.repairs}) == bars
        pd.testing.assert_frame_equal(after[COLUMNS], twin, rtol=1e-7)
        pd.testing.assert_frame_equal(replayed(before, result.repairs)[COLUMNS], after[COLUMNS])
        assert market.data.validate_imported_data(timeframe, repair=True).repairs == ()


def test_coarser_bars_follow(shared_data: Path) -> None:
    path = shared_data / "defects" / "4063-T-1d-bad-stock-split.csv"
    with market_of(path, "1day", "1week") as market:
        market.data.validate_imported_data("1day", repair=True)
        days, weeks = (market.data.get_all_data(name) for name in ("1day", "1week"))
        by = days.resample("W-MON", closed="left", label="left")
        assert weeks["high"].tolist() == by["high"].max().tolist()
        assert weeks["volume"].tolist() == by["volume"].sum().tolist()
        assert weeks["high"].max() < 5000


def walk(seed: int, count: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0, 0.005, count)))
    opens = np.concatenate(([100.0], close[:-1]))
    columns = {
        "open": opens,
        "high": np.maximum(opens, close) * 1.001,
        "low": np.minimum(opens, close) * 0.999,
    }
    index = pd.date_range("2026-03-01 09:00", periods=count, freq="1min", tz="UTC", name="timestamp")
    volume = random.integers(1, 900, count) * 100.0
    return pd.DataFrame({**columns, "close": close, "volume": volume}, index=index)


@given(
    seed=st.integers(0, 10_000),
    at=st.integers(5, 95),
    what=st.sampled_from(["nothing", "pence", "pounds", "split", "reverse", "both", "stretch"]),
    ratio=st.sampled_from([2, 3, 4, 5, 10, 20]),
)
@settings(max_examples=25, deadline=None)
def test_what_was_done_to_a_walk_is_undone(
    tmp_path_factory: pytest.TempPathFactory, seed: int, at: int, what: str, ratio: int
) -> None:
    right = walk(seed, 120)
    wrong = right.copy()
    old = slice(0, at) if what != "stretch" else slice(at, at + 10)
    unit = {"pence": 100.0, "pounds": 0.01, "both": 100.0, "stretch": 100.0}.get(what, 1.0)
    split = {"split": float(ratio), "reverse": 1.0 / ratio, "both": float(ratio)}.get(what, 1.0)
    rows = wrong.index[old]
    wrong.loc[rows, PRICES] *= unit
    rows = wrong.index[: at - 3] if what == "both" else rows
    wrong.loc[rows, PRICES] *= split
    wrong.loc[rows, "volume"] /= split
    path = tmp_path_factory.mktemp("walk") / "bars.parquet"
    wrong.to_parquet(path)
    with market_of(path, "1min") as market:
        result = market.data.validate_imported_data("1min", repair=True)
        held = market.data.get_all_data("1min")
    assert bool(result.repairs) == (what != "nothing")
    pd.testing.assert_frame_equal(held[COLUMNS], right, rtol=1e-9, check_freq=False)


@pytest.mark.parametrize("ratio", [10.0, 0.1, 2.0, 9.0])
@pytest.mark.parametrize(("at", "count"), [(15, 1), (1, 1), (28, 1), (10, 5)])
def test_a_few_bars_in_another_unit_are_no_split(tmp_path: Path, ratio: float, at: int, count: int) -> None:
    right = walk(3, 30)
    wrong = right.copy()
    wrong.iloc[at : at + count, :4] *= ratio
    wrong.to_parquet(tmp_path / "bars.parquet")
    with market_of(tmp_path / "bars.parquet", "1min") as market:
        found = market.data.validate_imported_data("1min")
        assert "split_not_applied" not in {one.type for one in found.errors}
        assert [one.count for one in found.errors if one.type == "unit_change"] == [count]
        result = market.data.validate_imported_data("1min", repair=True)
        held = market.data.get_all_data("1min")
    assert {one.type for one in result.repairs} == {"unit_change"}
    assert "volume" not in {one.field for one in result.repairs}
    pd.testing.assert_frame_equal(held[COLUMNS], right, rtol=1e-9, check_freq=False)


def test_prices_that_may_be_negative_are_left_alone(tmp_path: Path) -> None:
    frame = walk(1, 60)
    frame.iloc[:30, :4] *= 100.0
    frame.to_parquet(tmp_path / "bars.parquet")
    feed = HandFeed(instrument=Instrument("X", 0.25, positive_prices=False))
    with open_market(feed, "1min") as market:
        market.load(tmp_path / "bars.parquet", "1min")
        assert market.data.validate_imported_data("1min", repair=True).repairs == ()
        with pytest.raises(OptionError, match="repair"):
            market.data.validate_imported_data("1min", repair="yes")  # type: ignore[arg-type]  # a mistake
