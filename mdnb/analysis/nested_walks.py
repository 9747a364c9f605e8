"""Driftless random walks seen in several timeframes at once: what chance alone makes of an alignment.

The windows of one market's timeframes end together and lie inside one another, so what they say is not
independent. One walk is therefore sampled where any of the windows has a boundary, and each timeframe reads
its own closes off it. Far fewer prices are needed than the finest bars of the longest window: 50 bars of 1min
and of 4hour are 99 boundaries, not 12 000 minutes.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mdnb.analysis.average_signs import AverageSign
from mdnb.analysis.trend_measures import newey_west_lags

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NestedWalks", "Window", "nested_walks"]

_PATHS = 10_000
_BLOCK = 2_000  # walks at a time, so that their prices stay in the processor's cache
_SEED = 15
# With more bars the distribution of tau has reached its limit within 0.006: so many of them tell it.
_MOST_BARS = 80
# With more returns the variance in the pooled t no longer depends on the shape of the walk.
_MOST_RETURNS = 300
_DIGITS = 6


class Window(NamedTuple):
    """The closed bars of one timeframe that an alignment looks at.

    Attributes
    ----------
    bars
        Closes in it.
    length
        How many of the finest bars one bar is long.
    sign
        Which averages are compared, where it is not tau that counts.
    """

    bars: int
    length: float
    sign: AverageSign | None = None

    @property
    def span(self) -> float:
        """From the first close to the last one, in the finest bars."""
        return (self.bars - 1) * self.length


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class NestedWalks:
    """What timeframes say about walks without a trend, a row for each walk.

    Attributes
    ----------
    readings
        Shape (paths, timeframes): tau, or the sign of averages where `Window.sign` asks for it.
    largest_t
        Shape (paths,): largest ``|t|`` of the timeframes' own tests of the mean return.
    pooled_t
        Shape (paths,): t of the finest returns over the longest window.
    """

    readings: NDArray[np.float32]
    largest_t: NDArray[np.float32]
    pooled_t: NDArray[np.float32]


@functools.lru_cache(maxsize=32)
def nested_walks(windows: tuple[Window, ...]) -> NestedWalks:
    """Return 10 000 simulated walks, the same whenever asked; kept, as the first call takes 0.1 s.

    Examples
    --------
    >>> walks = nested_walks((Window(50, 1), Window(50, 5)))
    >>> walks.readings.shape, walks is nested_walks((Window(50, 1), Window(50, 5)))
    ((10000, 2), True)
    """
    rng = np.random.default_rng(_SEED)
    grid = _Grid(windows)
    signs = _Signs(windows, grid.times)
    readings = np.empty((_PATHS, len(windows)), dtype=np.float32)
    largest = np.empty(_PATHS, dtype=np.float32)
    pooled = np.empty(_PATHS, dtype=np.float32)
    for first in range(0, _PATHS, _BLOCK):
        block = slice(first, first + _BLOCK)
        steps = rng.standard_normal((len(grid.scale), _BLOCK), dtype=np.float32) * grid.scale
        walk = np.zeros((len(steps) + 1, _BLOCK), dtype=np.float32)
        np.cumsum(steps, axis=0, out=walk[1:])
        largest[block] = 0
        for at, (window, rows) in enumerate(zip(windows, grid.rows, strict=True)):
            closes = walk[rows]
            own = _t(closes, window.bars - 1, window.span, rng)
            np.maximum(largest[block], np.abs(own), out=largest[block])
            if window.sign is None:
                readings[block, at] = _tau(closes)
        signs.read(steps, readings[block], rng)
        pooled[block] = _t(walk[grid.pooled_rows], grid.returns, grid.longest, rng)
    return NestedWalks(readings, largest, pooled)


class _Grid:
    """Where the walk is sampled; times are in the finest bars and end at 0."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self.longest = max(window.span for window in windows)
        # The finest returns of the longest window; where they are many, its ends are enough.
        self.returns = max(2, math.floor(self.longest + 10**-_DIGITS))
        many = self.returns > _MOST_RETURNS
        finest = np.array([-self.longest, 0.0]) if many else np.arange(-self.returns, 1.0)
        boundaries = [_boundaries(window) for window in windows]
        self.times = np.unique(np.concatenate([finest, *boundaries]).round(_DIGITS))
        self.scale = np.sqrt(np.diff(self.times)).astype(np.float32)[:, None]
        self.rows = [self._rows(times) for times in boundaries]
        self.pooled_rows = self._rows(finest)

    def _rows(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        return np.searchsorted(self.times, times.round(_DIGITS))


def _boundaries(window: Window) -> NDArray[np.float64]:
    bars = np.linspace(0, window.bars - 1, min(window.bars, _MOST_BARS)).round()
    made: NDArray[np.float64] = (bars - (window.bars - 1)) * window.length
    return made


class _Signs:
    """Signs of averages: each is a weighted sum of the walk's steps, so those sampled tell most of it.

    What they do not tell, of the walk between and before the boundaries, is normal and independent of them.
    """

    def __init__(self, windows: Sequence[Window], times: NDArray[np.float64]) -> None:
        self._asked = [at for at, window in enumerate(windows) if window.sign is not None]
        if not self._asked:
            return
        chosen = [(windows[at].length, windows[at].sign) for at in self._asked]
        weights = [(length, sign.weights()) for length, sign in chosen if sign is not None]
        edges = [(np.arange(len(weight) + 1) - len(weight)) * length for length, weight in weights]
        cuts = np.unique(np.concatenate([times, *edges]).round(_DIGITS))
        width = np.diff(cuts)
        middle = cuts[:-1] + width / 2
        fine = np.zeros((len(weights), len(width)))
        for row, (weight, edge) in enumerate(zip((weight for _, weight in weights), edges, strict=True)):
            at = np.searchsorted(edge, middle) - 1
            fine[row, at >= 0] = weight[at[at >= 0]]
        step = np.searchsorted(times, middle) - 1  # -1 before the first step
        told = np.zeros((len(weights), len(times) - 1))
        inside = step >= 0
        for row in range(len(weights)):
            np.add.at(told[row], step[inside], (fine[row] * width)[inside])
        told /= np.diff(times)
        rest = fine.copy()
        rest[:, inside] -= told[:, step[inside]]
        scale, axes = np.linalg.eigh((rest * width) @ rest.T)
        self._told = told.astype(np.float32)
        self._rest = (axes * np.sqrt(np.maximum(scale, 0))).astype(np.float32)

    def read(
        self, steps: NDArray[np.float32], readings: NDArray[np.float32], rng: np.random.Generator
    ) -> None:
        """Fill in the columns asked for."""
        if self._asked:
            noise = rng.standard_normal((len(self._asked), steps.shape[1]), dtype=np.float32)
            readings[:, self._asked] = np.sign(self._told @ steps + self._rest @ noise).T


def _tau(closes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return Kendall's tau against time of each column; equal closes have no chance to occur."""
    n = len(closes)
    rising = np.zeros(closes.shape[1], dtype=np.int32)
    for lag in range(1, n):
        above = (closes[lag:] > closes[:-lag]).view(np.uint8)
        # At most 79 rows: the count fits.
        rising += np.add.reduce(above, axis=0, dtype=np.uint8)
    made: NDArray[np.float32] = rising.astype(np.float32) * np.float32(4 / (n * (n - 1))) - 1
    return made


def _t(
    closes: NDArray[np.float32], returns: int, span: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return Newey and West's t of each column; of its first and last close alone where not all are there.

    The estimate of the variance is then drawn: a gamma variable of the mean and variance that it has for so
    many independent normal returns.
    """
    lags = newey_west_lags(returns)
    kernel = 1 - np.arange(1, lags + 1) / (lags + 1)
    if len(closes) <= returns:
        lost = 1 / returns + 2 * float((kernel * (returns - np.arange(1, lags + 1))).sum()) / returns**2
        mean, variance = 1 - lost, 2 * (1 + 2 * float(kernel @ kernel)) / returns
        drawn = rng.gamma(mean**2 / variance, variance / mean, closes.shape[1])
        return np.asarray((closes[-1] - closes[0]) / np.sqrt(span * drawn), dtype=np.float32)
    steps = np.diff(closes, axis=0)
    mean_step = steps.mean(axis=0)
    steps -= mean_step
    total = np.einsum("ij,ij->j", steps, steps)
    for lag, weight in enumerate(kernel.tolist(), 1):
        total += 2 * weight * np.einsum("ij,ij->j", steps[lag:], steps[:-lag])
    found: NDArray[np.float32] = mean_step * returns / np.sqrt(total)
    return found
