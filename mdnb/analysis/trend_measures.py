"""Measures of trend in one series: rank correlation, t of the mean return, straightness, momentum."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mdnb.errors import OptionError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "FEWEST",
    "MOST",
    "HacTest",
    "KendallTau",
    "Momentum",
    "as_closes",
    "efficiency_ratio",
    "hac_t",
    "kendall_tau",
    "log_returns",
    "momentum",
    "newey_west_lags",
]

FEWEST = 3  # closes: two returns, the least that have a variance
MOST = 5_000  # closes: every pair is compared, 25 MB
_NAN = math.nan


class KendallTau(NamedTuple):
    """Rank correlation of a series with time.

    Attributes
    ----------
    tau
        Tau-b, from -1 to 1; 0 where all values are equal.
    s
        Rising pairs less falling pairs.
    var_s
        Variance of ``s`` for independent values, ties allowed for.
    z, p
        Mann and Kendall's test with continuity correction, two-sided. Valid for independent values only, so
        not for prices.
    """

    tau: float
    s: int
    var_s: float
    z: float
    p: float


class HacTest(NamedTuple):
    """Test whether a mean differs from zero.

    Attributes
    ----------
    t
        Mean over its standard error.
    p
        Two-sided, from the normal distribution.
    lags
        How many autocovariances were allowed for.
    """

    t: float
    p: float
    lags: int


class Momentum(NamedTuple):
    """Sign of the past return, and a position scaled to a target volatility.

    Attributes
    ----------
    sign
        1, 0 or -1.
    sigma
        Volatility a year, as a fraction; ``nan`` where the bars per year are unknown.
    position
        Fraction of the capital: ``sign * target / sigma``, not capped. ``nan`` where `sigma` is zero or
        unknown.
    """

    sign: int
    sigma: float
    position: float


def kendall_tau(close: ArrayLike) -> KendallTau:
    """Return Kendall's tau-b of a series against time, and the test of Mann and Kendall.

    ``S = sum over i < j of sgn(c_j - c_i)``, ``tau = S / sqrt(n0 (n0 - ties))`` with ``n0 = n (n - 1) / 2``
    pairs of which ``ties`` are equal; ``Var(S) = (n (n - 1)(2n + 5) - sum over groups of g equal values of
    g (g - 1)(2g + 5)) / 18``; ``z = (S - sgn S) / sqrt(Var(S))``. Kendall, *Rank Correlation Methods* (1975);
    Mann, Econometrica 13 (1945) 245-259.

    Parameters
    ----------
    close
        Shape (n,), n from 2 to 5000, finite. All pairs are compared.

    Raises
    ------
    OptionError
        When there are fewer or more values, or one is not finite.

    Examples
    --------
    >>> kendall_tau([1.0, 3.0, 2.0, 4.0]).tau, kendall_tau([5.0, 5.0]).tau
    (0.6666666666666666, 0.0)
    """
    closes = as_closes(close)
    n = len(closes)
    if not 2 <= n <= MOST:
        raise OptionError(f"Kendall's tau takes from 2 to {MOST} values; got {n}")
    order = np.arange(n)
    less = closes[:, None] < closes
    rising = int(np.count_nonzero(less & (order[:, None] < order)))
    falling = int(np.count_nonzero(less)) - rising
    pairs = n * (n - 1) // 2
    unequal, s = rising + falling, rising - falling
    if not unequal:
        return KendallTau(0.0, 0, 0.0, 0.0, 1.0)
    eighteenfold = n * (n - 1) * (2 * n + 5)
    if unequal < pairs:
        same = np.unique(closes, return_counts=True)[1]
        eighteenfold -= int((same * (same - 1) * (2 * same + 5)).sum())
    var_s = eighteenfold / 18
    z = (s - (s > 0) + (s < 0)) / math.sqrt(var_s)
    return KendallTau(s / math.sqrt(pairs * unequal), s, var_s, z, _two_sided(z))


def hac_t(returns: ArrayLike, lags: int | None = None) -> HacTest:
    """Return Newey and West's t statistic of the mean of a series.

    ``t = mean / sqrt((g_0 + 2 sum_l (1 - l / (L + 1)) g_l) / m)`` with ``m`` values, ``L`` lags and
    ``g_l = sum_i e_i e_(i-l) / m`` of the deviations ``e`` from the mean: least squares on a constant with a
    Bartlett kernel and no small-sample factor. Newey and West, Econometrica 55 (1987) 703-708.

    Parameters
    ----------
    returns
        Shape (m,), m at least 2, finite; oldest first.
    lags
        ``L``, from 0 to m - 1; by default ``floor(4 (n / 100)^(2/9))`` with ``n = m + 1`` the number of
        prices between which the returns lie.

    Returns
    -------
    HacTest
        ``t`` is 0 and ``p`` 1 where all returns are zero; ``t`` is infinite where they are equal and not.

    Raises
    ------
    OptionError
        When there are fewer values, one is not finite, or ``lags`` is outside what is allowed.

    Examples
    --------
    >>> t, p, lags = hac_t([0.01, -0.02, 0.03, 0.01, 0.0])
    >>> round(t, 4), round(p, 4), lags
    (1.6175, 0.1058, 2)
    """
    values = as_closes(returns)
    m = len(values)
    if m < FEWEST - 1:
        raise OptionError(f"a t statistic needs at least {FEWEST - 1} returns; got {m}")
    if lags is None:
        lags = newey_west_lags(m)
    if not 0 <= lags < m:
        raise OptionError(f"lags must lie from 0 to {m - 1} for {m} returns; got {lags!r}")
    mean = float(values.sum()) / m
    off = values - mean
    total = float(off @ off)
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(off[lag:] @ off[:-lag])
    # The kernel is positive definite: it is zero only where the deviations are.
    error = math.sqrt(total) / m if total > 0 else 0.0
    t = mean / error if error else math.copysign(math.inf, mean) if mean else 0.0
    return HacTest(t, _two_sided(t), lags)


def newey_west_lags(returns: int) -> int:
    """Return how many autocovariances `hac_t` allows for by default.

    Examples
    --------
    >>> newey_west_lags(49), newey_west_lags(11_999)
    (3, 11)
    """
    return math.floor(4 * math.pow((returns + 1) / 100, 2 / 9))


def efficiency_ratio(close: ArrayLike) -> float:
    """Return Kaufman's efficiency ratio with its sign: ``(c_n - c_1) / sum |c_i - c_(i-1)|``.

    1 or -1 for a path without a turn, 0 for one that ends where it began and for constant closes. Kaufman,
    *Smarter Trading* (1995), without the sign.

    Examples
    --------
    >>> efficiency_ratio([1.0, 2.0, 1.0, 3.0])
    0.5
    """
    closes = as_closes(close)
    way = float(np.abs(np.diff(closes)).sum())
    return min(1.0, max(-1.0, float(closes[-1] - closes[0]) / way)) if way else 0.0


def momentum(
    close: ArrayLike, *, bars_per_year: float, target: float = 0.40, centre: float = 60.0
) -> Momentum:
    """Return the sign of the return over a series, and that sign scaled to a volatility.

    ``sigma^2 = bars_per_year * sum_i w_i (r_i - rbar)^2``, ``rbar = sum_i w_i r_i``, weights falling by
    ``centre / (1 + centre)`` a bar and summing to 1 over what is given. Moskowitz, Ooi and Pedersen, *Time
    series momentum*, Journal of Financial Economics 104 (2012) 228-250, equations 1 and 5; there on days, 60
    of them the centre of mass, and a look back of twelve months.

    Parameters
    ----------
    close
        Positive closes, oldest first, at least 3.
    bars_per_year
        How many bars a year has; ``nan`` where unknown.
    target
        Volatility a year to scale to, as a fraction.
    centre
        Centre of mass of the weights in bars.

    Raises
    ------
    OptionError
        When there are fewer closes, or a close or an option is not positive.

    Examples
    --------
    >>> sign, sigma, position = momentum([100.0, 101.0, 100.5, 102.0], bars_per_year=252)
    >>> sign, round(sigma, 3), round(position, 2)
    (1, 0.134, 2.99)
    """
    if bars_per_year <= 0 or not target > 0 or not centre > 0:
        raise OptionError(
            "bars_per_year, target and centre must be positive; "
            f"got bars_per_year={bars_per_year!r}, target={target!r}, centre={centre!r}"
        )
    closes = as_closes(close)
    if len(closes) < FEWEST:
        raise OptionError(f"a volatility needs at least {FEWEST} closes; got {len(closes)}")
    returns = log_returns(closes)
    sign = int(np.sign(closes[-1] - closes[0]))
    if math.isnan(bars_per_year):
        return Momentum(sign, _NAN, _NAN)
    weights = (centre / (1 + centre)) ** np.arange(len(returns) - 1, -1, -1)
    weights /= weights.sum()
    off = returns - weights @ returns
    sigma = math.sqrt(bars_per_year * float(weights @ (off * off)))
    return Momentum(sign, sigma, sign * target / sigma if sigma else _NAN)


def log_returns(close: ArrayLike) -> NDArray[np.float64]:
    """Return ``ln(c_i / c_(i-1))``, float64 of shape (n - 1,).

    Raises
    ------
    OptionError
        When a close is not positive and finite.

    Examples
    --------
    >>> log_returns([1.0, np.e, 1.0]).round(12).tolist()
    [1.0, -1.0]
    """
    closes = as_closes(close)
    if len(closes) and not closes.min() > 0:
        raise OptionError(f"log returns need positive closes; got {float(closes.min())!r}")
    return np.log(closes[1:] / closes[:-1])


def as_closes(given: ArrayLike) -> NDArray[np.float64]:
    """Return a series as float64 of shape (n,).

    Raises
    ------
    OptionError
        When it has another shape, or a value is not a finite number.

    Examples
    --------
    >>> as_closes([1, 2]).tolist()
    [1.0, 2.0]
    """
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 1:
        raise OptionError(f"closes must be one-dimensional, oldest first; got shape {values.shape}")
    if not np.isfinite(values).all():
        raise OptionError("closes must be finite numbers: leave out bars without a price")
    return values


def _two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))
