"""Whether there is a trend in the closes of one timeframe, and whether it is more than chance.

Strength and significance are told apart on purpose: Kendall's tau of *prices* is a bounded description of the
path, but tests on price levels find a "significant" trend in four of five random walks. Significance
therefore comes from the mean of the *returns*.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from mdnb.errors import OptionError
from mdnb.types import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MannKendall",
    "TimeframeTrend",
    "efficiency_ratio",
    "hac_t",
    "mann_kendall",
    "null_band",
    "trend_of",
    "tsmom",
]

_NAN = float("nan")
_SQRT2 = math.sqrt(2.0)

# 90 % quantile of |tau-b| of a driftless Gaussian random walk of n points; 2,000 (n = 500) to 200,000 paths.
_BANDS = {20: 0.779, 30: 0.761, 50: 0.752, 75: 0.746, 100: 0.743, 200: 0.742, 500: 0.736}


@dataclasses.dataclass(frozen=True, slots=True)
class TimeframeTrend(Record):
    """The trend of one timeframe.

    Attributes
    ----------
    available
        False with too few closed bars; the figures are then ``nan``.
    bars
        Closes looked at.
    tau
        Kendall's tau-b of close against time, -1..1: the strength.
    null_band
        From minus to plus this lies tau of a driftless random walk nine times out of ten.
    t, p
        Newey-West t of the mean log return, and its two-sided p (normal).
    significant
        Whether p is below alpha.
    efficiency_ratio
        Signed Kaufman ratio, -1..1: the way gained over the way gone.
    momentum
        Sign of the return over the window, -1, 0 or 1.
    position
        Time-series momentum position: sign x target volatility / volatility of the returns.
    weight
        Its weight in the score.
    """

    timeframe: str
    available: bool
    bars: int
    tau: float = _NAN
    null_band: float = _NAN
    t: float = _NAN
    p: float = _NAN
    significant: bool = False
    efficiency_ratio: float = _NAN
    momentum: int = 0
    position: float = _NAN
    weight: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class MannKendall(Record):
    """The Mann-Kendall test of a series against time, ties allowed for.

    Attributes
    ----------
    s, var_s
        The statistic and its variance.
    z, p
        With continuity correction; two-sided.
    tau
        Kendall's tau-b.
    """

    s: float
    var_s: float
    z: float
    p: float
    tau: float


def mann_kendall(values: NDArray[np.float64]) -> MannKendall:
    """Return Kendall's tau-b of a series against time, and the Mann-Kendall test.

    ``S = sum_{i<j} sgn(x_j - x_i)``; ``tau = S / sqrt(n0 (n0 - ties))`` with ``n0 = n (n - 1) / 2``;
    ``Var(S) = (n (n-1) (2n+5) - sum_t t (t-1) (2t+5)) / 18`` over groups of ``t`` equal values (Kendall,
    *Rank Correlation Methods*, 1975; Mann, Econometrica 13 (1945) 245-259).

    Parameters
    ----------
    values
        float64, shape (n,), n >= 2.

    Examples
    --------
    >>> mann_kendall(np.array([1.0, 2.0, 3.0, 4.0])).tau
    1.0
    """
    n = len(values)
    s = float(np.sign(values[None, :] - values[:, None])[np.triu_indices(n, 1)].sum())
    _, counts = np.unique(values, return_counts=True)
    pairs = n * (n - 1) / 2
    ties = float((counts * (counts - 1) / 2).sum())
    tied = float((counts * (counts - 1) * (2 * counts + 5)).sum())
    var_s = (n * (n - 1) * (2 * n + 5) - tied) / 18
    z = (s - np.sign(s)) / math.sqrt(var_s) if var_s > 0 else 0.0
    tau = s / math.sqrt(pairs * (pairs - ties)) if pairs > ties else 0.0
    return MannKendall(s, var_s, float(z), _two_sided(float(z)), tau)


def _two_sided(z: float) -> float:
    return math.erfc(abs(z) / _SQRT2)


def hac_t(returns: NDArray[np.float64], lags: int | None = None) -> tuple[float, float]:
    """Return the Newey-West t of a mean, and its two-sided p by the normal distribution.

    ``t = mean / sqrt((g0 + 2 sum_{l=1..L} (1 - l/(L+1)) g_l) / n)``, ``g_l`` the autocovariances with divisor
    ``n``, ``L = floor(4 (n/100)^(2/9))`` (Newey and West, Econometrica 55 (1987) 703-708, and Review of
    Economic Studies 61 (1994) 631-653). Returns that never differ have t 0 and p 1, or are certain if
    they are not 0.

    Parameters
    ----------
    returns
        float64, shape (n,).
    lags
        L, where another is wanted.

    Examples
    --------
    >>> t, p = hac_t(np.array([0.01, -0.01] * 20))
    >>> abs(round(t, 6)), round(p, 6)
    (0.0, 1.0)
    """
    n = len(returns)
    mean = float(returns.mean())
    if lags is None:
        # n + 1 closes make n returns; the rule counts closes.
        lags = int(4 * ((n + 1) / 100) ** (2 / 9))
    off = returns - mean
    variance = float(off @ off) / n
    for lag in range(1, min(lags, n - 1) + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(off[lag:] @ off[:-lag]) / n
    # Rounding of equal returns is no variance.
    if variance <= (1e-12 * abs(mean)) ** 2:
        return (0.0, 1.0) if mean == 0 else (math.copysign(math.inf, mean), 0.0)
    t = mean / math.sqrt(variance / n)
    return t, _two_sided(t)


def efficiency_ratio(close: NDArray[np.float64]) -> float:
    """Return the signed Kaufman ratio: way gained over way gone, -1..1, 0 where nothing moved.

    Source: Kaufman, *Smarter Trading* (1995).

    Examples
    --------
    >>> efficiency_ratio(np.array([1.0, 2.0, 1.5, 2.5]))
    0.6
    """
    gone = float(np.abs(np.diff(close)).sum())
    return float(close[-1] - close[0]) / gone if gone else 0.0


def tsmom(
    returns: NDArray[np.float64],
    bars_per_year: float,
    target: float = 0.4,
    centre_of_mass: float = 60.0,
) -> tuple[int, float]:
    """Return the sign of the window's return, and the position scaled to a yearly volatility.

    ``position = sgn(sum r) target / sigma``, sigma from the exponentially weighted variance of the returns
    (centre of mass 60) times the bars of a year. After Moskowitz, Ooi and Pedersen, Journal of Financial
    Economics 104 (2012) 228-250, who use days.

    Examples
    --------
    >>> tsmom(np.full(50, 0.001), 252)[0]
    1
    """
    total = float(returns.sum())
    sign = (total > 0) - (total < 0)
    share = 1 / (1 + centre_of_mass)
    weights = (1 - share) ** np.arange(len(returns) - 1, -1, -1)
    weights /= weights.sum()
    mean = float(weights @ returns)
    variance = float(weights @ (returns - mean) ** 2)
    if variance <= (1e-12 * abs(mean)) ** 2:
        return sign, 0.0 if sign == 0 else math.copysign(math.inf, sign)
    return sign, sign * target / math.sqrt(variance * bars_per_year)


def null_band(n: int) -> float:
    """Return the bound within which tau of ``n`` points of a driftless random walk lies in 9 of 10 cases.

    Precomputed by simulation; between the sizes held it is interpolated in 1/n.

    Examples
    --------
    >>> 0.7 < null_band(50) < 0.8
    True
    """
    sizes = np.array(sorted(_BANDS))
    bands = np.array([_BANDS[int(size)] for size in sizes])
    return float(np.interp(-1.0 / max(n, 2), -1.0 / sizes, bands))


def trend_of(
    timeframe: str,
    close: NDArray[np.float64],
    *,
    window: int = 50,
    minimum: int = 20,
    alpha: float = 0.05,
    bars_per_year: float = 252.0,
) -> TimeframeTrend:
    """Return the trend of the newest closes of a timeframe.

    Parameters
    ----------
    timeframe
        Its name.
    close
        float64, shape (n,): closes of closed bars, oldest first.
    window
        The newest so many are looked at.
    minimum
        With fewer there is no trend to tell.
    alpha
        p below this is significant.
    bars_per_year
        For the position's volatility.

    Raises
    ------
    OptionError
        When an option is outside what is allowed.

    Examples
    --------
    >>> up = trend_of("1min", 100 * 1.001 ** np.arange(60))
    >>> up.tau, up.significant, up.bars
    (1.0, True, 50)
    """
    if not 3 <= minimum <= window or not 0 < alpha < 1:
        raise OptionError(
            "minimum must be from 3 to window, and alpha above 0 and below 1; got "
            f"minimum={minimum!r}, window={window!r}, alpha={alpha!r}"
        )
    closes = np.asarray(close[-window:], dtype=np.float64)
    if len(closes) < minimum or not bool((closes > 0).all()):
        return TimeframeTrend(timeframe, available=False, bars=len(closes))
    returns = np.diff(np.log(closes))
    t, p = hac_t(returns)
    sign, position = tsmom(returns, bars_per_year)
    return TimeframeTrend(
        timeframe,
        available=True,
        bars=len(closes),
        tau=mann_kendall(closes).tau,
        null_band=null_band(len(closes)),
        t=t,
        p=p,
        significant=p < alpha,
        efficiency_ratio=efficiency_ratio(closes),
        momentum=sign,
        position=position,
    )
