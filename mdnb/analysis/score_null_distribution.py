"""The score of an alignment in a market without a trend, and the one rule by which it is confirmed.

A score is confirmed where it lies at the ends of its band or beyond, and the pooled t of the finest returns
has its sign and is so large that both together happen in 5 % of driftless walks. How large that is depends on
the set of timeframes, so it is read off the simulated walks of that very set: the rule errs as often for six
timeframes as for one.
"""

from __future__ import annotations

import dataclasses
import functools
import statistics
from typing import TYPE_CHECKING, overload

import numpy as np

from mdnb.analysis.nested_walks import NestedWalks, Window, nested_walks
from mdnb.analysis.tau_null_distribution import null_band
from mdnb.analysis.trend import ONE_WAY

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["SIZE", "ScoreNull", "score_null"]

SIZE = 0.05
"""How often a driftless market is confirmed."""
_BAND = 0.90
# Sums of the weights are rounded; signs alone give few scores, some of them the band's end.
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ScoreNull:
    """What chance alone makes of a score.

    Attributes
    ----------
    end
        The score's 5-95 % band is from minus this to this.
    one_way
        Share of walks on which all timeframes read up, or all down.
    pooled
        Ascending ``|t|`` of the walks whose score lies at the band's ends or beyond and has the sign of their
        pooled t.
    """

    end: float
    one_way: float
    pooled: NDArray[np.float32]
    walks: NestedWalks = dataclasses.field(repr=False)

    @overload
    def p_value(self, t: float) -> float: ...
    @overload
    def p_value(self, t: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def p_value(self, t: ArrayLike) -> float | NDArray[np.float64]:
        """Return how often a walk has so extreme a score and, of the same sign, so large a pooled t."""
        beyond = len(self.pooled) - np.searchsorted(self.pooled, np.abs(t).astype(np.float32))
        return beyond / len(self.walks.pooled_t)

    def confirms(self, score: ArrayLike, t: ArrayLike) -> NDArray[np.bool_]:
        """Return where a score is confirmed by a pooled t.

        Examples
        --------
        >>> null = score_null((Window(50, 1), Window(50, 5)), (1.0, 1.0))
        >>> null.confirms([0.8, 0.8, 0.8, 0.4], [2.5, 1.0, -2.5, 2.5]).tolist()
        [True, False, False, False]
        """
        scores, ts = np.asarray(score, dtype=np.float64), np.asarray(t, dtype=np.float64)
        extreme = np.abs(scores) >= self.end - _ROUNDING
        made: NDArray[np.bool_] = extreme & (scores * ts > 0) & (self.p_value(ts) < SIZE)
        return made

    def some_significant(self, alpha: float) -> float:
        """Return the share of walks on which at least one timeframe is significant at a level."""
        limit = statistics.NormalDist().inv_cdf(1 - alpha / 2)
        return float(np.mean(self.walks.largest_t > limit))


@functools.lru_cache(maxsize=256)
def score_null(windows: tuple[Window, ...], weights: tuple[float, ...]) -> ScoreNull:
    """Return the distribution of the score of these windows, weighted so.

    Kept, and so are the walks: with other weights it takes a millisecond.

    Examples
    --------
    >>> five = tuple(Window(50, length) for length in (1, 5, 15, 60, 240))
    >>> null = score_null(five, (1.0,) * 5)
    >>> round(null.end, 1), round(null.some_significant(0.05), 1)
    (0.5, 0.3)
    """
    walks = nested_walks(windows)
    shares = np.array(weights) / sum(weights)
    scores = walks.readings @ shares
    sizes = np.abs(scores)
    (first, *others) = windows
    # Of one timeframe the band is in a table already, made of more walks.
    alone = not others and first.sign is None
    end = null_band(first.bars)[1] if alone else float(np.quantile(sizes, _BAND))
    extreme = (sizes >= end - _ROUNDING) & (scores * walks.pooled_t > 0)
    return ScoreNull(
        end=end,
        one_way=float(np.mean((walks.readings > ONE_WAY).all(axis=1)))
        + float(np.mean((walks.readings < -ONE_WAY).all(axis=1))),
        pooled=np.sort(np.abs(walks.pooled_t[extreme])),
        walks=walks,
    )
