"""Kendall's tau in a market without a trend: the range that a score is compared with.

Prices wander: a random walk without any drift has a tau far from zero more often than not. So a tau of
0.6 says little by itself, and stands next to the range in which nine of ten driftless walks lie.
"""

from __future__ import annotations

import numpy as np

from mdnb.analysis.trend_measures import FEWEST
from mdnb.errors import OptionError

__all__ = ["null_band", "simulate_null_band"]

# Half of the paths beyond either end each: the walk mirrored is as likely, so one figure serves both.
_LEVEL = 0.90
_BLOCK = 2_000_000  # prices simulated at a time: 16 MB
# simulate_null_band(n, paths) with 1 000 000 paths up to n = 100, 100 000 up to 300, else 20 000.
_ENDS = {
    3: 1.0000,
    4: 1.0000,
    5: 1.0000,
    6: 0.8667,
    7: 0.9048,
    8: 0.8571,
    9: 0.8333,
    10: 0.8222,
    12: 0.7879,
    15: 0.7905,
    20: 0.7789,
    25: 0.7667,
    30: 0.7609,
    40: 0.7564,
    50: 0.7518,
    75: 0.7463,
    100: 0.7446,
    150: 0.7414,
    200: 0.7419,
    300: 0.7416,
    500: 0.7415,
    1000: 0.7404,
}
_SIZES = np.array(list(_ENDS), dtype=np.float64)
_VALUES = np.array(list(_ENDS.values()), dtype=np.float64)


def null_band(n: int) -> tuple[float, float]:
    """Return the 5 % and 95 % points of tau of ``n`` closes of a driftless random walk.

    Looked up in a table made by `simulate_null_band`, linear in ``1 / n`` between its entries; from 1000 on
    the last one holds (the limit is that of a Brownian path). Good to 0.005 from n = 20 on; below, tau takes
    few values and the band is coarse.

    Parameters
    ----------
    n
        Number of closes, at least 3.

    Returns
    -------
    tuple of float
        Lower and upper end, symmetric about zero.

    Raises
    ------
    OptionError
        When ``n`` is less than 3.

    Examples
    --------
    >>> low, high = null_band(50)
    >>> round(low, 2), round(high, 2)
    (-0.75, 0.75)
    """
    if n < FEWEST:
        raise OptionError(f"a trend needs at least {FEWEST} closes; got n={n!r}")
    end = float(np.interp(-1 / n, -1 / _SIZES, _VALUES))
    return -end, end


def simulate_null_band(n: int, paths: int = 100_000, seed: int = 0) -> float:
    """Return the upper end of the band for ``n`` closes by simulation: what the table is made of.

    Parameters
    ----------
    n
        Number of closes, at least 3.
    paths
        How many walks with independent standard normal steps.
    seed
        Of the random numbers.

    Returns
    -------
    float
        90 % point of ``|tau|``.

    Raises
    ------
    OptionError
        When ``n`` is less than 3 or ``paths`` not positive.

    Examples
    --------
    >>> abs(simulate_null_band(20, 20_000) - null_band(20)[1]) < 0.02
    True
    """
    if n < FEWEST or paths < 1:
        raise OptionError(f"n must be at least {FEWEST} and paths positive; got n={n!r}, paths={paths!r}")
    rng = np.random.default_rng(seed)
    pairs = n * (n - 1) // 2
    found = np.empty(paths)
    block = max(1, _BLOCK // n)
    for first in range(0, paths, block):
        walks = np.cumsum(rng.standard_normal((n, min(block, paths - first))), axis=0)
        rising = np.zeros(walks.shape[1], dtype=np.int64)
        for lag in range(1, n):
            rising += np.count_nonzero(walks[lag:] > walks[:-lag], axis=0)
        found[first : first + block] = np.abs(2 * rising / pairs - 1)
    return float(np.quantile(found, _LEVEL))
