"""Checks of scale: prices a hundredfold off (pence for pounds), and splits that were not applied.

Both are judged from the newest bar backwards, since the newest prices are those of today's unit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mdnb.validate.findings import Bars, QualityFinding, findings_of, start_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_splits", "check_units", "misprint_factors", "split_factors", "unit_factors"]

_UNIT = 100.0
# A step counts as one of unit if what remains of it is at most this factor either way.
_UNIT_SLACK = 2.0
_SPLIT_SLACK = 0.05
# Customary ratios: 3:2, 5:2, and whole numbers up to 50. Smaller ones cannot be told from the market.
_SPLITS = np.log(np.array([1.5, 2.5, *range(2, 51)]))
# A step must be this many median moves large to be a split and not the market.
_SPLIT_MOVES = 10.0
# Prices that step by a ratio and back within so many bars are misprints: none is split and joined at once.
_SHORT_RUN = 20


def unit_factors(bars: Bars) -> NDArray[np.float64]:
    """Return by which power of 100 each price is off the unit of the newest bars.

    Each bar is read as open, high, low, close; where two successive prices differ by a power of 100, give or
    take a factor of two, the unit changes. Prices that are not positive have factor 1.

    Returns
    -------
    float64, shape (n, 4)
        For open, high, low, close: the price divided by it is in the newest unit. 1 where nothing is wrong.
    """
    cells = np.column_stack((bars.open, bars.high, bars.low, bars.close)).ravel()
    usable = np.flatnonzero(np.isfinite(cells) & (cells > 0))
    factors = np.ones(len(cells))
    if len(usable) > 1:
        # Logarithm to base 100 of how much larger a price is than the next one in time.
        step = -np.diff(np.log(cells[usable])) / math.log(_UNIT)
        whole = np.rint(step)
        whole[np.abs(step - whole) > math.log(_UNIT_SLACK) / math.log(_UNIT)] = 0
        factors[usable[:-1]] = _UNIT ** np.cumsum(whole[::-1])[::-1]
    return factors.reshape(-1, 4)


def split_factors(bars: Bars) -> NDArray[np.float64]:
    """Return by which factor each bar's prices are off for a split (or reverse split) that was not applied.

    A split is suspected where close to open steps by a customary ratio (3:2, 5:2, a whole number up to 50, or
    the inverse) within 5 %, and by at least ten times the median move from close to open. Older bars carry
    the product of all later splits. A step that is taken back soon is none; see `misprint_factors`.

    Returns
    -------
    float64, shape (n,)
        Price divided by it is on the newest footing, volume times it too. 1 where nothing is wrong.
    """
    factors = np.ones(len(bars.close))
    for row, ratio in _sorted_steps(bars)[0]:
        factors[: row + 1] *= ratio
    return factors


def misprint_factors(bars: Bars) -> NDArray[np.float64]:
    """Return by which factor the prices of single bars, or of short runs, are off between two equal levels.

    Prices that step by a ratio of `split_factors` and back again within 20 bars are in another unit there:
    a split concerns all older bars.

    Returns
    -------
    float64, shape (n,)
        Price divided by it is on the footing of the bars around; volumes are right. 1 where nothing is wrong.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> price = np.array([20.0, 20.1, 20.2, 201.0, 20.1, 20.0, 20.1])
    >>> misprint_factors(SimpleNamespace(open=price, close=price)).tolist()
    [1.0, 1.0, 1.0, 10.0, 1.0, 1.0, 1.0]
    """
    factors = np.ones(len(bars.close))
    for begin, end, ratio in _sorted_steps(bars)[1]:
        factors[begin:end] = ratio
    return factors


def _sorted_steps(bars: Bars) -> tuple[list[tuple[int, float]], list[tuple[int, int, float]]]:
    """Return the last rows before a split with its factor, and the runs of misprints with theirs."""
    steps = _steps(bars)
    splits: list[tuple[int, float]] = []
    runs: list[tuple[int, int, float]] = []
    while steps:
        row, move = steps.pop(0)
        if steps and steps[0][0] - row <= _SHORT_RUN and abs(move + steps[0][1]) <= 2 * _SPLIT_SLACK:
            end, back = steps.pop(0)
            runs.append((row + 1, end + 1, _ratio((back - move) / 2)))
        else:
            splits.append((row, _ratio(move)))
    return splits, runs


def _steps(bars: Bars) -> list[tuple[int, float]]:
    """Return the rows after which prices step by a customary ratio, with the logarithm of the step."""
    good = np.isfinite(bars.open) & np.isfinite(bars.close) & (bars.open > 0) & (bars.close > 0)
    rows = np.flatnonzero(good)
    if len(rows) < 3:
        return []
    move = np.log(bars.close[rows[:-1]]) - np.log(bars.open[rows[1:]])
    typical = float(np.median(np.abs(move)))
    large = np.abs(move) > max(_SPLIT_MOVES * typical, float(_SPLITS.min()) - _SPLIT_SLACK)
    return [
        (int(rows[i]), float(move[i]))
        for i in np.flatnonzero(large)
        if np.abs(_SPLITS - abs(move[i])).min() <= _SPLIT_SLACK
    ]


def _ratio(move: float) -> float:
    nearest = _SPLITS[np.argmin(np.abs(_SPLITS - abs(move)))]
    return float(float(np.round(np.exp(nearest), 1)) ** np.sign(move))


def check_units(bars: Bars) -> list[QualityFinding]:
    """Find bars with a price in another unit (``unit_change``), by `unit_factors` and `misprint_factors`."""
    factors = unit_factors(bars)
    farthest = np.take_along_axis(factors, np.argmax(np.abs(np.log(factors)), axis=1)[:, None], axis=1)[:, 0]
    misprints = np.where(farthest == 1, misprint_factors(bars), 1.0)
    return findings_of(
        "unit_change",
        "a price is off the newest bars' unit by a power of 100",
        start_ns(bars),
        farthest != 1,
        {"factor": farthest, "close": bars.close},
    ) + findings_of(
        "unit_change",
        "prices are off those of the bars before and after by a round ratio",
        start_ns(bars),
        misprints != 1,
        {"factor": misprints, "close": bars.close},
    )


def check_splits(bars: Bars) -> list[QualityFinding]:
    """Find bars before a split that was not applied to them (``split_not_applied``), by `split_factors`."""
    factors = split_factors(bars)
    return findings_of(
        "split_not_applied",
        "prices step by the ratio of a split after these bars",
        start_ns(bars),
        factors != 1,
        {"factor": factors, "close": bars.close},
    )
