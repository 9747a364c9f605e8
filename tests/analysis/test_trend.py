"""Trend of one series: equal to scipy, pymannkendall, statsmodels and pandas; sound under the null."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pymannkendall
import pytest
import statsmodels.api
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from scipy import stats

from mdnb.analysis.tau_null_distribution import null_band, simulate_null_band
from mdnb.analysis.trend import TimeframeTrend, trend_of
from mdnb.analysis.trend_measures import efficiency_ratio, hac_t, kendall_tau, log_returns, momentum
from mdnb.errors import OptionError
from mdnb.types import Record
from tests.limits import LIMIT_SECONDS

_ROOT = Path(__file__).parents[2]
_EXACT = 1e-12
_FIGURES = ("tau", "t", "efficiency_ratio", "momentum", "position")

# Closes as multiples of a tick: equal ones are frequent, as on a market.
_ladders = st.lists(st.integers(1, 400), min_size=20, max_size=60).map(lambda steps: 0.25 * np.array(steps))


def _series(count: int = 1000) -> list[NDArray[np.float64]]:
    """Return walks of 20 to 120 closes on a coarse tick, so that most have ties, none constant."""
    rng = np.random.default_rng(20_260_302)
    made: list[NDArray[np.float64]] = []
    while len(made) < count:
        steps = rng.normal(rng.normal(0, 0.3), 1, rng.integers(20, 121))
        tick = (0.01, 0.25, 1.0, 4.0)[len(made) % 4]
        close = 1000 + tick * np.round(np.cumsum(steps) / tick)
        if np.ptp(close):
            made.append(close)
    return made


def _walks(paths: int, n: int, seed: int) -> NDArray[np.float64]:
    steps = np.random.default_rng(seed).normal(0, 1e-3, (paths, n))
    return 100 * np.exp(np.cumsum(steps, axis=1))


# Equal to others' implementations


def test_the_walks_have_ties() -> None:
    tied = [len(np.unique(close)) < len(close) for close in _series()]
    assert 600 < sum(tied) < 1000


def test_tau_equals_scipy() -> None:
    for close in _series():
        expected = stats.kendalltau(np.arange(len(close)), close, variant="b").statistic
        assert kendall_tau(close).tau == pytest.approx(expected, rel=0, abs=_EXACT)


def test_mann_kendall_equals_pymannkendall() -> None:
    for close in _series():
        found, expected = kendall_tau(close), pymannkendall.original_test(close)
        assert found.s == expected.s
        assert found.var_s == pytest.approx(expected.var_s, rel=_EXACT)
        assert found.z == pytest.approx(expected.z, rel=_EXACT)
        assert found.p == pytest.approx(expected.p, rel=0, abs=_EXACT)


def test_t_equals_statsmodels() -> None:
    for close in _series():
        returns = log_returns(close)
        t, p, lags = hac_t(returns)
        fitted = statsmodels.api.OLS(returns, np.ones(len(returns))).fit(
            cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False}
        )
        assert t == pytest.approx(fitted.tvalues[0], rel=_EXACT, abs=_EXACT)
        assert p == pytest.approx(fitted.pvalues[0], rel=0, abs=_EXACT)


@pytest.mark.parametrize("lags", [0, 1, 7, 48])
def test_t_equals_statsmodels_for_any_number_of_lags(lags: int) -> None:
    returns = np.diff(np.log(_walks(1, 50, 6)[0]))
    fitted = statsmodels.api.OLS(returns, np.ones(49)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False}
    )
    assert hac_t(returns, lags) == pytest.approx((fitted.tvalues[0], fitted.pvalues[0], lags), rel=1e-9)


@pytest.mark.parametrize(
    ("closes", "lags"), [(20, 2), (27, 2), (28, 3), (50, 3), (99, 3), (100, 4), (238, 4)]
)
def test_lags_follow_newey_and_west(closes: int, lags: int) -> None:
    assert hac_t(np.random.default_rng(1).normal(size=closes - 1)).lags == lags


def test_volatility_equals_pandas() -> None:
    for close in _series(200):
        expected = pd.Series(log_returns(close)).ewm(com=60, adjust=True).var(bias=True).iloc[-1]
        found = momentum(close, bars_per_year=252)
        assert found.sigma == pytest.approx(math.sqrt(252 * expected), rel=1e-9)
        assert found.position == pytest.approx(np.sign(close[-1] - close[0]) * 0.4 / found.sigma)


def test_efficiency_is_the_net_way_over_the_whole() -> None:
    for close in _series(200):
        way = sum(abs(b - a) for a, b in itertools.pairwise(close))
        assert efficiency_ratio(close) == pytest.approx((close[-1] - close[0]) / way, abs=_EXACT)


# Symmetry and scale


@given(_ladders)
def test_a_mirrored_path_has_the_opposite_trend(close: NDArray[np.float64]) -> None:
    found, mirrored = trend_of(close, bars_per_year=252), trend_of(1 / close, bars_per_year=252)
    assert mirrored.tau == -found.tau
    assert mirrored.momentum == -found.momentum
    assert mirrored.t == pytest.approx(-found.t, rel=1e-9, abs=1e-9)
    assert mirrored.p_value == pytest.approx(found.p_value, abs=1e-9)
    assert mirrored.position == pytest.approx(-found.position, rel=1e-9, nan_ok=True)


@given(_ladders)
def test_tau_and_efficiency_turn_with_the_sign(close: NDArray[np.float64]) -> None:
    tau = kendall_tau(close)
    assert kendall_tau(-close)[:2] == (-tau.tau, -tau.s)
    assert kendall_tau(close[::-1]).tau == -tau.tau
    assert kendall_tau(-stats.rankdata(close)).tau == -tau.tau
    assert efficiency_ratio(-close) == -efficiency_ratio(close)


@given(_ladders, st.floats(1e-6, 1e6))
def test_the_scale_of_price_does_not_matter(close: NDArray[np.float64], factor: float) -> None:
    found, scaled = trend_of(close, bars_per_year=252), trend_of(close * factor, bars_per_year=252)
    for name in _FIGURES:
        assert scaled[name] == pytest.approx(found[name], rel=1e-6, abs=1e-6, nan_ok=True), name
    assert scaled.tau == found.tau
    assert scaled.direction == found.direction or abs(found.p_value - 0.05) < 1e-6


@given(_ladders)
def test_figures_stay_within_their_bounds(close: NDArray[np.float64]) -> None:
    found = trend_of(close)
    assert -1 <= found.tau <= 1
    assert -1 <= found.efficiency_ratio <= 1
    assert 0 <= found.p_value <= 1
    assert found.momentum in {-1.0, 0.0, 1.0}


# Only the window


@given(_ladders, st.lists(st.floats(0.01, 1e6), max_size=40), st.integers(20, 30))
def test_only_the_last_closes_of_the_window_matter(
    close: NDArray[np.float64], before: list[float], window: int
) -> None:
    longer = np.concatenate((before, close))
    alone = trend_of(longer[-window:], window=window, bars_per_year=252)
    assert trend_of(longer, window=window, bars_per_year=252) == alone
    assert alone.bars == min(window, len(longer))


def test_the_closes_given_are_left_as_they_are() -> None:
    close = _series(1)[0]
    close.flags.writeable = False
    trend_of(close)


# Without a trend


def test_significance_has_about_its_nominal_size_on_driftless_walks() -> None:
    assert np.mean([trend_of(walk).significant for walk in _walks(3000, 50, 7)]) <= 0.10


def test_significance_keeps_its_size_under_changing_volatility_and_bid_ask_bounce() -> None:
    rng = np.random.default_rng(8)
    paths, n = 2000, 50
    variance, steps = np.full(paths, 1e-6), np.empty((paths, n))
    for i in range(n):  # GARCH(1,1)
        steps[:, i] = np.sqrt(variance) * rng.normal(size=paths)
        variance = 5e-8 + 0.10 * steps[:, i] ** 2 + 0.85 * variance
    walks = 100 * np.exp(np.cumsum(steps, axis=1))
    assert np.mean([trend_of(walk).significant for walk in walks]) <= 0.10
    bounced = walks * (1 + 5e-4 * rng.choice([-1, 1], size=walks.shape))
    assert np.mean([trend_of(walk).significant for walk in bounced]) <= 0.10


def test_returns_that_follow_the_ones_before_are_significant_more_often_than_they_should() -> None:
    steps = np.random.default_rng(14).normal(0, 1e-3, (4000, 150))
    for i in range(1, 150):  # AR(1)
        steps[:, i] += 0.5 * steps[:, i - 1]
    walks = 100 * np.exp(np.cumsum(steps[:, -50:], axis=1))
    assert np.mean([trend_of(walk).significant for walk in walks]) == pytest.approx(0.147, abs=0.02)


def test_a_drift_is_found_the_more_often_the_stronger_it_is() -> None:
    steps = np.random.default_rng(9).normal(0, 1, (1000, 49))
    power = [np.mean([hac_t(row + drift).p < 0.05 for row in steps]) for drift in (0.15, 0.3, 0.5)]
    assert power[0] > 0.15
    assert power[1] > 0.5
    assert power[2] > 0.9


def test_the_p_of_mann_and_kendall_is_wrong_on_prices() -> None:
    assert np.mean([kendall_tau(walk).p < 0.05 for walk in _walks(1000, 50, 10)]) > 0.7


@pytest.mark.parametrize("n", [5, 8, 20, 25, 50, 75, 100])
def test_the_band_is_what_a_simulation_gives(n: int) -> None:
    low, high = null_band(n)
    assert low == -high
    assert high == pytest.approx(simulate_null_band(n, 60_000, seed=11), abs=0.01)


def test_the_band_holds_nine_of_ten_walks_told_by_scipy() -> None:
    low, high = null_band(37)  # between two entries
    time = np.arange(37)
    taus = np.array([stats.kendalltau(time, walk).statistic for walk in _walks(4000, 37, 12)])
    assert np.mean((taus >= low) & (taus <= high)) == pytest.approx(0.90, abs=0.02)


def test_the_band_beyond_the_table_is_the_last_one() -> None:
    assert null_band(1000) == null_band(5000)


# Plain paths


@pytest.mark.parametrize("ratio", [1.01, 1 / 1.01, 1.0])
def test_ladders(ratio: float) -> None:
    found = trend_of(100 * ratio ** np.arange(50), bars_per_year=252)
    way = np.sign(ratio - 1)
    assert (found.tau, found.momentum) == (way, way)
    assert found.efficiency_ratio == pytest.approx(way)
    assert found.significant == (way != 0)
    assert found.direction == {1: "bullish", -1: "bearish", 0: "neutral"}[int(way)]
    if not way:
        assert (found.t, found.p_value, found.efficiency_ratio) == (0.0, 1.0, 0.0)
        assert math.isnan(found.position)


def test_the_direction_is_that_of_tau_whatever_the_returns_say() -> None:
    jump_and_decline = np.concatenate(([100.0], np.linspace(120, 119, 49)))
    for close, way in ((jump_and_decline, 1), (1 / jump_and_decline, -1)):
        found = trend_of(close, alpha=0.5)
        assert found.significant
        assert found.t * way > 0 > found.tau * way
        assert found.direction == ("bearish" if way > 0 else "bullish")


def test_equal_returns_are_beyond_doubt() -> None:
    assert hac_t([1.0, 1.0, 1.0])[:2] == (math.inf, 0.0)
    assert hac_t([-1.0, -1.0, -1.0])[:2] == (-math.inf, 0.0)
    assert hac_t([0.0, 0.0])[:2] == (0.0, 1.0)


def test_too_few_bars_are_not_available() -> None:
    found = trend_of(np.arange(1.0, 20.0), timeframe="1min")
    assert (found.available, found.bars, found.significant, found.direction) == (False, 19, False, "n/a")
    assert all(math.isnan(found[name]) for name in (*_FIGURES, "p_value", "sigma"))
    assert found == trend_of(np.arange(2.0, 21.0), timeframe="1min")
    assert trend_of(np.arange(1.0, 21.0)).available
    assert trend_of([]).bars == 0


def test_prices_below_nought_have_a_tau_and_no_returns() -> None:
    found = trend_of(np.arange(-25.0, 25.0), bars_per_year=252)
    assert (found.tau, found.efficiency_ratio, found.momentum) == (1.0, 1.0, 1.0)
    assert math.isnan(found.t)
    assert math.isnan(found.position)
    assert (found.significant, found.direction) == (False, "bullish")


def test_a_trend_reads_by_attribute_and_by_key() -> None:
    found = trend_of(np.arange(1.0, 51.0), timeframe="5min", end_ns=60_000_000_000, tz="America/Chicago")
    assert isinstance(found, Record)
    assert isinstance(found, TimeframeTrend)
    assert found["tau"] == found.tau == 1.0
    assert found["direction"] == "bullish"
    assert str(found.timestamp) == "1969-12-31 18:01:00-06:00"


# Refusals


@pytest.mark.parametrize(
    "options",
    [
        {"window": 10},
        {"minimum": 2},
        {"window": 5001},
        {"alpha": 0.0},
        {"alpha": 1.0},
        {"bars_per_year": 0.0},
    ],
)
def test_options_outside_what_is_allowed(options: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        trend_of(np.arange(1.0, 51.0), **options)


@pytest.mark.parametrize("close", [[[1.0, 2.0]], [1.0, math.nan] * 20, [1.0, math.inf] * 20])
def test_what_is_no_series_of_prices(close: list[float]) -> None:
    with pytest.raises(OptionError):
        trend_of(close)


def test_pieces_refuse_what_they_cannot_tell() -> None:
    for call in (
        lambda: kendall_tau([1.0]),
        lambda: hac_t([0.1]),
        lambda: hac_t([0.1, 0.2], lags=2),
        lambda: log_returns([1.0, 0.0]),
        lambda: momentum([1.0, 2.0], bars_per_year=252),
        lambda: null_band(2),
        lambda: simulate_null_band(2),
    ):
        with pytest.raises(OptionError):
            call()


def test_nothing_but_numpy_is_loaded() -> None:
    code = (
        "import sys, mdnb.analysis.alignment as a\n"
        "a.align({'1min': range(1, 60)}).score\n"
        "print({'pandas', 'scipy', 'statsmodels', 'pyarrow', 'plotly'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    assert done.stdout.strip() == "set()"
