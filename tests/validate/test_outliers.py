"""The live outlier filter: on planted bad ticks, on real trades, and whatever the batches are."""

from __future__ import annotations

import dataclasses
import gzip
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from mdnb.errors import OptionError
from mdnb.rows import TradeRow
from mdnb.validate.outliers import TrailingFilter

_TICK = 0.25
_BATCH = 7


@dataclasses.dataclass(frozen=True)
class _Market:
    prices: NDArray[np.float64]
    is_bad: NDArray[np.bool_]
    jump: int


def _market(seed: int, count: int = 20_000) -> _Market:
    """Return a walk with bounce, one true jump, wild in its last third, 0.3 % of it 8 to 60 sigma off."""
    rng = np.random.default_rng(seed)
    volatility = np.where(np.arange(count) < count * 2 // 3, 1.0, 4.0)
    good = (
        21_000 + np.cumsum(rng.normal(0, 0.05, count) * volatility) + rng.normal(0, 0.5, count) * volatility
    )
    jump = count // 2
    good[jump:] += 24.0
    # Not beside the jump, where local sigma means nothing.
    places = np.setdiff1d(np.arange(100, count - 100), np.arange(jump - 60, jump + 61))
    bad = rng.choice(places, int(0.003 * count), replace=False)
    prices = good.copy()
    for i in bad:
        prices[i] += rng.choice([-1, 1]) * rng.uniform(8, 60) * good[i - 50 : i + 51].std()
    is_bad = np.zeros(count, dtype=bool)
    is_bad[bad] = True
    return _Market(np.round(prices / _TICK) * _TICK, is_bad, jump)


def _rows(prices: Iterable[float]) -> list[TradeRow]:
    return [(i + 1, float(price), 1.0, 1, 0, i) for i, price in enumerate(prices)]


def _left_out(made: TrailingFilter, rows: Sequence[TradeRow], batch: int) -> set[int]:
    out: set[int] = set()
    for start in range(0, len(rows), batch):
        kept, held, released = made.split(rows[start : start + batch])
        assert [row[5] for row in kept] == sorted(row[5] for row in kept)
        assert len(kept) + len(held) == len(rows[start : start + batch])
        out |= {row[5] for row in held}
        assert {row[5] for row in released} <= out
        out -= {row[5] for row in released}
    return out


@pytest.mark.parametrize("batch", [1, _BATCH, 500])
def test_planted_ticks_are_found_and_no_good_one_is_lost(batch: int) -> None:
    found = lost = planted = 0
    for seed in range(5):
        market = _market(seed)
        made = TrailingFilter(_TICK)
        out = np.zeros(len(market.prices), dtype=bool)
        out[list(_left_out(made, _rows(market.prices), batch))] = True
        found += int((out & market.is_bad).sum())
        planted += int(market.is_bad.sum())
        lost += int((out & ~market.is_bad).sum())
        assert not (out & ~market.is_bad)[market.jump : market.jump + 60].any()
        assert made.held - made.released == out.sum()
    assert planted == 300
    assert found / planted >= 0.967
    assert lost == 0


def test_a_jump_is_held_until_the_third_trade_confirms_it() -> None:
    made = TrailingFilter(_TICK)
    rng = np.random.default_rng(3)
    calm = np.round(rng.normal(100, 0.5, 400) / _TICK) * _TICK
    assert not _left_out(made, _rows(calm), 1)
    jumped = _rows([130.0, 130.25, 129.75, 130.0])
    splits = [made.split([row]) for row in jumped]
    assert [len(split.held) for split in splits] == [1, 1, 0, 0]
    assert [[row[1] for row in split.released] for split in splits] == [[], [], [130.0, 130.25], []]
    assert [len(split.kept) for split in splits] == [0, 0, 1, 1]
    # The scale moved along with the level: three prices alone would make the next ones outliers.
    assert not _left_out(made, _rows(calm + 30), 1)


def test_what_is_not_confirmed_stays_out_and_is_counted() -> None:
    made = TrailingFilter(_TICK)
    made.seed([100.0, 100.25, 100.5, 100.25] * 25)
    assert len(made.split(_rows([140.0])).held) == 1
    later = _rows([100.0, 100.25] * 200)
    splits = [made.split([row]) for row in later]
    assert not any(split.held or split.released for split in splits)
    assert (made.held, made.released) == (1, 0)


@pytest.mark.parametrize(("between", "released"), [(24, 2), (25, 0)])
def test_held_trades_are_compared_over_one_window(between: int, released: int) -> None:
    made = TrailingFilter(_TICK)
    made.seed([100.0, 100.25] * 50)
    calm = _rows([100.0, 100.25] * 13)
    trades = [*_rows([140.0]), *calm[:23], *_rows([140.0]), *calm[:between], *_rows([140.0])]
    splits = [made.split([row]) for row in trades]
    # The first and the last are so many trades apart; a window is the newest trade and the 49 before it.
    assert len(trades) - 1 == (49 if released else 50)
    assert sum(len(split.released) for split in splits) == released
    assert made.held - made.released == (0 if released else 3)


def test_the_first_trades_of_a_wild_market_are_released_by_those_that_follow() -> None:
    made = TrailingFilter(_TICK)
    made.seed([100.0, 100.25] * 50)
    assert len(made.split(_rows([103.0])).held) == 1
    rng = np.random.default_rng(5)
    # Grows within the band, so that no three trades need to agree.
    wild = 100 + np.linspace(0.5, 3, 60) * rng.choice([-1, 1], 60)
    released = [row for price in wild for row in made.split([(1, float(price), 1.0, 1, 0, 9)]).released]
    assert (1, 103.0, 1.0, 1, 0, 0) in released


def test_two_levels_that_trade_at_once_are_both_the_market() -> None:
    made = TrailingFilter(0.01)
    made.seed([100.0, 100.01] * 25)
    sides = [price for _ in range(40) for price in (100.0, 100.01, 100.0, 101.0)]
    assert not _left_out(made, _rows(sides), 1)


@given(
    moves=st.lists(st.sampled_from([0, 0, 1, -1, 1, -1, 2, 40, -40, 200]), min_size=60, max_size=300),
    batches=st.lists(st.integers(1, 30), min_size=1, max_size=20),
)
def test_batches_make_no_difference(moves: list[int], batches: list[int]) -> None:
    prices = [10_000.0 + _TICK * move for move in np.cumsum([0, 1] * 20).tolist() + moves]
    rows = _rows(prices)
    one_by_one = _left_out(TrailingFilter(_TICK), rows, 1)
    made, out, start, turn = TrailingFilter(_TICK), set[int](), 0, 0
    while start < len(rows):
        size = batches[turn % len(batches)]
        split = made.split(rows[start : start + size])
        out |= {row[5] for row in split.held}
        out -= {row[5] for row in split.released}
        start, turn = start + size, turn + 1
    assert out == one_by_one


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=200))
def test_memory_is_bounded_and_the_window_stays_in_order(prices: list[float]) -> None:
    made = TrailingFilter(None, window=10)
    for row in _rows(prices):
        made.split([row])
        assert len(made._recent) == len(made._sorted) <= 10
        assert len(made._pending) <= 10
        assert list(made._sorted) == sorted(made._recent)


@pytest.mark.parametrize(
    "options",
    [
        {"tick_size": 0.0},
        {"tick_size": -1.0},
        {"tick_size": float("nan")},
        {"window": 3},
        {"limit": 0.0},
        {"confirm": 1},
        {"confirm": 51},
    ],
)
def test_senseless_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="must be"):
        TrailingFilter(**{"tick_size": 0.25, **options})  # type: ignore[arg-type]


def _lean(path: Path, member: str, scale: float) -> list[float]:
    with zipfile.ZipFile(path) as archive:
        return [float(line.split(",")[1]) * scale for line in archive.read(member).decode().splitlines()]


def test_real_trades_are_the_market(shared_data: Path) -> None:
    bars = shared_data / "bars"
    gold = _lean(bars / "lean_gc_tick_20131007_trade.zip", "20131007_gc_tick_trade_201312.csv", 1.0)
    ibm = _lean(bars / "lean_ibm_tick_20131008_trade.zip", "20131008_ibm_Trade_Tick.csv", 1e-4)
    with gzip.open(shared_data / "ws" / "binance_spot_btcusdt_20240808T2354.txt.gz", "rt") as file:
        bitcoin = [float(json.loads(line.split(" ", 1)[1])["data"]["p"]) for line in file if "@trade" in line]
    assert min(len(gold), len(ibm), len(bitcoin)) > 9_000
    # Sweeps of a hundred fills at one price must not make outliers of what follows.
    assert not _left_out(TrailingFilter(0.1), _rows(gold), 20)
    assert not _left_out(TrailingFilter(0.01), _rows(bitcoin), 20)
    assert not _left_out(TrailingFilter(None), _rows(bitcoin), 20)
    # Trades reported out of sequence are on this tape: at most one in ten thousand.
    assert len(_left_out(TrailingFilter(0.01), _rows(ibm), 20)) / len(ibm) <= 1e-4


def test_a_held_trade_that_is_forgotten_is_confirmed_by_none_and_confirms_none() -> None:
    def filter_of() -> tuple[TrailingFilter, list[TradeRow]]:
        made = TrailingFilter(0.25)
        made.seed([100.0, 100.25] * 25)
        rows: list[TradeRow] = [(at, price, 1.0, 1, 0, at) for at, price in enumerate((140.0, 90.0, 140.25))]
        assert made.split(rows).held == rows
        return made, rows

    third: TradeRow = (9, 140.5, 1.0, 1, 0, 9)
    made, rows = filter_of()
    assert made.split([third]).released == [rows[0], rows[2]]
    for which in (0, 2):
        made, rows = filter_of()
        made.forget(rows[which])
        assert made.pending == [row for row in rows if row != rows[which]]
        split = made.split([third])
        assert (split.held, split.released) == ([third], [])
    made, rows = filter_of()
    made.forget(third)
    assert made.pending == rows
    assert TrailingFilter(0.25).pending == []
    TrailingFilter(0.25).forget(third)
