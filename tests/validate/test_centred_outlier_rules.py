"""The published filters, row by row as their formulas read, and on real crossed quotes."""

from __future__ import annotations

import io
import statistics
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mdnb.errors import OptionError
from mdnb.validate import centred_outlier_rules

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


def _prices(seed: int, count: int = 400) -> tuple[_Floats, _Ints]:
    """Return prices with bad ones, a jump and a flat stretch, over three days of unequal length."""
    rng = np.random.default_rng(seed)
    prices = 100 + np.cumsum(rng.normal(0, 0.05, count)) + rng.normal(0, 0.2, count)
    prices[count // 2 :] += 7
    prices[rng.choice(count, 12, replace=False)] += rng.choice([-1, 1], 12) * rng.uniform(1, 12, 12)
    prices = np.round(prices / 0.25) * 0.25
    prices[40:90] = prices[40]
    days = np.sort(rng.integers(0, 3, count)).astype(np.int64)
    return prices, days


def _quotes(seed: int, count: int = 400) -> tuple[_Floats, _Floats, _Ints]:
    mid, days = _prices(seed, count)
    rng = np.random.default_rng(seed + 1000)
    spread = rng.choice([0.25, 0.5, 0.75], count)
    spread[rng.choice(count, 10, replace=False)] *= rng.choice([-1, 0, 40, 120], 10)
    return mid - spread / 2, mid + spread / 2, days


def _nearest_others(i: int, values: list[float], k: int) -> list[float]:
    """Return the k nearest others: half before, half after; at an end, the window slides inwards."""
    others = [j for j in range(len(values)) if j != i]
    before = [j for j in others if j < i]
    after = [j for j in others if j > i]
    k = min(k, len(others))
    lower = before[max(0, len(before) - k // 2) :]
    upper = after[: k - len(lower)]
    if len(lower) + len(upper) < k:
        lower = before[len(before) - (k - len(upper)) :]
    return [values[j] for j in lower + upper]


def _day_lists(values: _Floats, days: _Ints) -> list[list[float]]:
    return [values[days == day].tolist() for day in np.unique(days)]


@pytest.mark.parametrize("seed", range(5))
def test_q4_is_its_formula(seed: int) -> None:
    bid, ask, days = _quotes(seed)
    expected = []
    for day in _day_lists((bid + ask) / 2, days):
        for i, value in enumerate(day):
            near = _nearest_others(i, day, 50)
            middle = statistics.median(near)
            expected.append(abs(value - middle) <= 10 * statistics.fmean(abs(x - middle) for x in near))
    keep = centred_outlier_rules.keep_near_mids(bid, ask, days)
    assert keep.tolist() == expected
    assert 0 < (~keep).sum() < 60


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("k", "trim"), [(60, 0.1), (20, 0.3), (60, 0.0)])
def test_brownlees_gallo_is_its_formula(seed: int, k: int, trim: float) -> None:
    prices, days = _prices(seed)
    expected = []
    for day in _day_lists(prices, days):
        for i, value in enumerate(day):
            near = sorted(_nearest_others(i, day, k))
            cut = int(len(near) * trim / 2)
            near = near[cut : len(near) - cut]
            expected.append(abs(value - statistics.fmean(near)) < 3 * statistics.stdev(near) + 0.06)
    keep = centred_outlier_rules.keep_brownlees_gallo(prices, days, 0.06, k, trim)
    assert keep.tolist() == expected
    assert 0 < (~keep).sum() < 60


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["standard", "advanced"])
def test_rolling_medians_over_the_deviation_of_the_day(seed: int, kind: str) -> None:
    prices, days = _prices(seed)
    expected = []
    for day in _day_lists(prices, days):
        middle = statistics.median(day)
        deviation = 1.4826 * statistics.median(abs(x - middle) for x in day)
        for i, value in enumerate(day):
            sides = [day[max(0, i - 25) : i] + day[i + 1 : i + 26]]
            if kind == "advanced":
                sides += [day[max(0, i - 50) : i], day[i + 1 : i + 51]]
            off = min(abs(value - statistics.median(side)) for side in sides if side)
            expected.append(off < 4 * deviation)
    keep = centred_outlier_rules.keep_near_medians(prices, days, limit=4.0, kind=kind)  # type: ignore[arg-type]
    assert keep.tolist() == expected


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    prices, days = _prices(1)
    whole = [
        centred_outlier_rules.keep_brownlees_gallo(prices, days, 0.06),
        centred_outlier_rules.keep_near_medians(prices, days, limit=4.0),
    ]
    monkeypatch.setattr(centred_outlier_rules, "_BLOCK", 17)
    assert centred_outlier_rules.keep_brownlees_gallo(prices, days, 0.06).tolist() == whole[0].tolist()
    assert centred_outlier_rules.keep_near_medians(prices, days, limit=4.0).tolist() == whole[1].tolist()


def test_the_advanced_kind_keeps_a_true_jump() -> None:
    rng = np.random.default_rng(0)
    prices = 100 + rng.normal(0, 0.1, 300)
    prices[299] += 3
    prices[150:] += 0.5
    prices[100] += 5
    day = np.zeros(300, dtype=np.int64)
    keep = centred_outlier_rules.keep_near_medians(prices, day, limit=5.0)
    assert np.flatnonzero(~keep).tolist() == [100, 299]


@pytest.mark.parametrize(("off", "kept"), [(14.825, True), (14.827, False)])
def test_the_limit_is_ten_normal_deviations(off: float, kept: bool) -> None:
    prices = np.array([99.0, 101.0] * 100 + [100.0 + off] + [99.0, 101.0] * 100 + [100.0 - off])
    day = np.zeros(len(prices), dtype=np.int64)
    assert bool(centred_outlier_rules.keep_near_medians(prices, day, kind="standard")[200]) is kept


@pytest.mark.parametrize("seed", range(5))
def test_q2_q3_p2_are_their_formulas(seed: int) -> None:
    bid, ask, days = _quotes(seed)
    spread = (ask - bid).tolist()
    medians = {
        day: statistics.median(s for s, d in zip(spread, days, strict=True) if d == day) for day in range(3)
    }
    q3 = [s <= 50 * medians[day] for s, day in zip(spread, days.tolist(), strict=True)]
    assert centred_outlier_rules.keep_narrow_spreads(bid, ask, days).tolist() == q3
    assert centred_outlier_rules.keep_uncrossed(bid, ask).tolist() == [s >= 0 for s in spread]
    bid[::7], ask[::5] = 0, 0
    assert centred_outlier_rules.keep_nonzero(bid, ask).tolist() == [
        i % 7 != 0 and i % 5 != 0 for i in range(len(bid))
    ]


@pytest.mark.parametrize("seed", range(5))
def test_t3_and_q1_take_the_median_of_each_stamp(seed: int) -> None:
    bid, ask, _ = _quotes(seed)
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, 150, len(bid))).astype(np.int64)
    keep, bids, asks = centred_outlier_rules.merge_quotes(time, bid, ask)
    for column, merged in ((bid, bids), (ask, asks)):
        expected = [statistics.median(column[time == stamp].tolist()) for stamp in np.unique(time)]
        assert merged[keep].tolist() == expected
    assert time[keep].tolist() == np.unique(time).tolist()
    assert centred_outlier_rules.merge_trades(time, bid)[1].tolist() == bids.tolist()


def test_t4_looks_at_the_quote_before_the_trade() -> None:
    rng = np.random.default_rng(4)
    quote_ns = np.sort(rng.integers(100, 1000, 60)).astype(np.int64)
    bid = np.round(rng.uniform(99, 101, 60), 2)
    ask = bid + np.round(rng.uniform(0.01, 0.5, 60), 2)
    trade_ns = np.sort(rng.integers(0, 1100, 300)).astype(np.int64)
    price = np.round(rng.uniform(98, 102, 300), 2)
    expected = []
    for at, paid in zip(trade_ns.tolist(), price.tolist(), strict=True):
        past = [i for i in range(60) if quote_ns[i] <= at]
        if not past:
            expected.append(True)
            continue
        low, high = float(bid[past[-1]]), float(ask[past[-1]])
        expected.append(low - (high - low) <= paid <= high + (high - low))
    keep = centred_outlier_rules.keep_within_quotes(trade_ns, price, quote_ns, bid, ask)
    assert keep.tolist() == expected
    assert 0 < keep.sum() < 300


def test_nothing_and_almost_nothing_is_kept_as_it_is() -> None:
    for count in (0, 1, 2):
        prices, days = np.ones(count), np.zeros(count, dtype=np.int64)
        assert centred_outlier_rules.keep_near_mids(prices, prices, days).all()
        assert centred_outlier_rules.keep_brownlees_gallo(prices, days, 0.1).all()
        assert len(centred_outlier_rules.keep_near_medians(prices, days)) == count
        assert centred_outlier_rules.keep_narrow_spreads(prices, prices, days).all()
        assert len(centred_outlier_rules.merge_trades(days, prices)[0]) == count


def test_senseless_options_are_refused() -> None:
    prices, days = np.ones(10), np.zeros(10, dtype=np.int64)
    with pytest.raises(OptionError, match="trim"):
        centred_outlier_rules.keep_brownlees_gallo(prices, days, 0.1, trim=1.0)
    with pytest.raises(OptionError, match="neighbours"):
        centred_outlier_rules.keep_near_mids(prices, prices, days, window=1)
    with pytest.raises(OptionError, match="Allowed: standard, advanced"):
        centred_outlier_rules.keep_near_medians(prices, days, kind="advnced")  # type: ignore[arg-type]


def test_crossed_quotes_of_a_real_day(shared_data: Path) -> None:
    path = shared_data / "bars" / "lean_fxcm_eurusd_tick_20140505_quote.zip"
    with zipfile.ZipFile(path) as archive:
        text = archive.read("20140505_eurusd_tick_quote.csv").decode()
    _, bid, ask = np.loadtxt(io.StringIO(text), delimiter=",", unpack=True)
    days = np.zeros(len(bid), dtype=np.int64)
    rows = [line.split(",") for line in text.splitlines()]
    crossed = sum(1 for row in rows if float(row[2]) < float(row[1]))
    uncrossed = centred_outlier_rules.keep_uncrossed(bid, ask)
    assert len(rows) == 58_143
    assert int((~uncrossed).sum()) == int(((ask - bid) < 0).sum()) == crossed == 4_987
    spread = ask - bid
    wide = centred_outlier_rules.keep_narrow_spreads(bid, ask, days)
    assert int((~wide).sum()) == int((spread > 50 * np.median(spread)).sum())
