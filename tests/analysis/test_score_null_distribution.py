"""The rule that confirms a score has the size it claims, for any set of timeframes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from mdnb.analysis.nested_walks import Window, nested_walks
from mdnb.analysis.score_null_distribution import score_null
from mdnb.analysis.tau_null_distribution import null_band
from tests.analysis.walks import garch_steps, nested_closes, taus, ts, walk_steps

_Steps = Callable[[int, int, int], NDArray[np.float64]]
_AT_ONCE = 6_000_000  # returns simulated at a time: 48 MB


def _windows(lengths: Sequence[float], bars: int = 50) -> tuple[Window, ...]:
    return tuple(Window(bars, length) for length in lengths)


def _markets(
    make: _Steps, lengths: Sequence[int], paths: int, bars: int = 50, weights: Sequence[float] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return score and pooled t of independent markets without a drift."""
    scores, pooled = [], []
    count = (bars - 1) * max(lengths)
    block = min(paths, _AT_ONCE // count)
    for first in range(0, paths, block):
        steps = make(count, block, 1000 + first)
        found = [taus(closes) for closes in nested_closes(steps, lengths, bars)]
        scores.append(np.average(found, axis=0, weights=weights))
        pooled.append(ts(steps))
    return np.concatenate(scores), np.concatenate(pooled)


@pytest.mark.parametrize("make", [walk_steps, garch_steps])
@pytest.mark.parametrize(
    ("lengths", "paths"),
    [
        ((1,), 20_000),
        ((1, 5), 20_000),
        ((1, 2), 20_000),
        ((1, 5, 15), 8_000),
        ((1, 3, 5, 15), 8_000),
        ((1, 5, 15, 60), 4_000),
        ((1, 5, 15, 60, 240), 2_500),
        ((1, 2, 3, 5, 10, 15), 8_000),
    ],
)
def test_five_of_a_hundred_markets_without_a_trend_are_confirmed(
    make: _Steps, lengths: tuple[int, ...], paths: int
) -> None:
    null = score_null(_windows(lengths), (1.0,) * len(lengths))
    scores, pooled = _markets(make, lengths, paths)
    confirmed = null.confirms(scores, pooled)
    assert confirmed.mean() == pytest.approx(0.05, abs=0.01)
    # No market inside the band that is printed; those outside are one in ten.
    assert (np.abs(scores[confirmed]) >= null.end - 1e-6).all()
    assert (np.abs(scores) > null.end).mean() == pytest.approx(0.10, abs=0.015)


@pytest.mark.parametrize(
    ("lengths", "bars", "weights"),
    [((1, 2), 20, None), ((1, 5, 15), 35, None), ((1, 5, 15), 50, (1, 2.2, 3.9)), ((1, 5), 50, (1, 0.01))],
)
def test_few_bars_and_weights_do_not_change_it(
    lengths: tuple[int, ...], bars: int, weights: tuple[float, ...] | None
) -> None:
    null = score_null(_windows(lengths, bars), weights or (1.0,) * len(lengths))
    confirmed = null.confirms(*_markets(walk_steps, lengths, 10_000, bars, weights))
    assert confirmed.mean() == pytest.approx(0.05, abs=0.01)


def test_where_the_coarse_bar_began_does_not_change_it() -> None:
    rng = np.random.default_rng(21)
    null = score_null(_windows((1, 5, 15)), (1.0, 1.0, 1.0))
    steps = walk_steps(49 * 15 + 15, 8_000, 22)
    prices = np.vstack([np.zeros(8_000), np.cumsum(steps, axis=0)])
    confirmed = []
    for paths in np.array_split(np.arange(8_000), 8):
        phase = int(rng.integers(15))
        newest = len(prices) - 1
        ends = [newest - (newest - phase) % length for length in (1, 5, 15)]
        found = [
            taus(prices[end - length * np.arange(49, -1, -1)][:, paths])
            for end, length in zip(ends, (1, 5, 15), strict=True)
        ]
        confirmed.append(null.confirms(np.mean(found, axis=0), ts(steps[ends[-1] - 49 * 15 :, paths])))
    assert np.concatenate(confirmed).mean() == pytest.approx(0.05, abs=0.01)


def test_a_drift_is_confirmed_the_more_often_the_stronger_it_is() -> None:
    null = score_null(_windows((1, 5, 15)), (1.0, 1.0, 1.0))
    power = []
    for drift in (0.03, 0.06, 0.12):

        def drifting(count: int, paths: int, seed: int, drift: float = drift) -> NDArray[np.float64]:
            return walk_steps(count, paths, seed) + drift * 1e-4

        power.append(float(null.confirms(*_markets(drifting, (1, 5, 15), 2_000)).mean()))
    assert 0.08 < power[0] < power[1] < power[2]
    assert power[2] > 0.6


def test_the_band_is_that_of_walks_at_every_minute_told_by_scipy() -> None:
    null = score_null(_windows((1, 5, 15), 30), (1.0, 1.0, 1.0))
    closes = nested_closes(walk_steps(29 * 15, 1_500, 31), (1, 5, 15), 30)
    time = np.arange(30)
    scores = np.mean([[stats.kendalltau(time, path).statistic for path in each.T] for each in closes], axis=0)
    assert np.quantile(np.abs(scores), 0.90) == pytest.approx(null.end, abs=0.03)
    assert np.mean(np.abs(scores) <= null.end) == pytest.approx(0.90, abs=0.015)
    one_way = [
        np.min(np.array(found) * way) > 0.05
        for found in zip(*(map(taus, closes)), strict=True)
        for way in (1, -1)
    ]
    assert 2 * np.mean(one_way) == pytest.approx(null.one_way, abs=0.03)


def test_the_band_narrows_with_each_timeframe_and_is_the_tables_for_one() -> None:
    ends = [score_null(_windows((1, 5, 15, 60, 240)[:count]), (1.0,) * count).end for count in range(1, 6)]
    assert ends == sorted(ends, reverse=True)
    assert ends[0] == null_band(50)[1]
    # What was simulated for five of them from every minute: -0.46 to 0.46.
    assert ends[-1] == pytest.approx(0.46, abs=0.02)


def test_chance_alone_makes_one_of_five_significant_in_more_than_a_quarter() -> None:
    null = score_null(_windows((1, 5, 15, 60, 240)), (1.0,) * 5)
    assert null.some_significant(0.05) == pytest.approx(0.285, abs=0.025)
    closes = nested_closes(walk_steps(49 * 60, 4_000, 41), (1, 5, 15, 60), 50)
    largest = np.max([np.abs(ts(np.diff(each, axis=0))) for each in closes], axis=0)
    four = score_null(_windows((1, 5, 15, 60)), (1.0,) * 4)
    for alpha in (0.05, 0.01):
        limit = stats.norm.isf(alpha / 2)
        assert four.some_significant(alpha) == pytest.approx(np.mean(largest > limit), abs=0.025)


def test_the_adjusted_p_is_the_rate_of_the_rule() -> None:
    null = score_null(_windows((1, 5)), (1.0, 1.0))
    scores, pooled = _markets(walk_steps, (1, 5), 20_000)
    for t in (0.0, 1.0, 2.0, 3.0):
        beyond = (np.abs(scores) >= null.end) & (scores * pooled > 0) & (np.abs(pooled) >= t)
        assert null.p_value(t) == pytest.approx(beyond.mean(), abs=0.008)
    assert null.p_value(-2.0) == null.p_value(2.0)
    assert null.p_value(np.inf) == 0.0
    assert null.confirms([1.0, 1.0, -1.0], [np.inf, -np.inf, -np.inf]).tolist() == [True, False, True]


def test_windows_of_thousands_of_bars_are_simulated_by_some_of_them() -> None:
    scores, pooled = _markets(walk_steps, (1, 5), 4_000, 200)
    null = score_null(_windows((1, 5), 200), (1.0, 1.0))
    assert null.confirms(scores, pooled).mean() == pytest.approx(0.05, abs=0.012)
    for bars in (200, 5000):
        found = score_null(_windows((1, 5), bars), (1.0, 1.0))
        assert found.end == pytest.approx(np.quantile(np.abs(scores), 0.90), abs=0.03)


def test_it_is_simulated_once_and_the_same_each_time() -> None:
    windows = _windows((1, 4))
    walks = nested_walks(windows)
    assert nested_walks(_windows((1, 4))) is walks
    assert score_null(windows, (1.0, 2.0)) is score_null(windows, (1.0, 2.0))
    nested_walks.cache_clear()
    again = nested_walks(windows)
    assert again is not walks
    assert np.array_equal(again.readings, walks.readings)
    assert np.array_equal(again.pooled_t, walks.pooled_t)


@pytest.mark.parametrize("bars", [3, 5])
def test_windows_of_a_few_bars_have_a_band_and_a_rule(bars: int) -> None:
    null = score_null((Window(bars, 1), Window(bars, 1.5)), (1.0, 1.0))
    assert 0 < null.end <= 1
    assert np.isfinite(null.walks.pooled_t).all()
    assert null.p_value(0.0) < 1
