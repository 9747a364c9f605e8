"""Heikin-Ashi bars: averaged candles in which a trend is easier to see; their prices were never traded.

References
----------
Valcu, D. (2004). Using the Heikin-Ashi Technique. Technical Analysis of Stocks & Commodities 22(2).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mdnb.analysis.indicator_bulk import Columns

__all__ = ["LINES", "HeikinAshi"]

LINES = ("open", "high", "low", "close")
"""Names of the series."""


class HeikinAshi:
    """Heikin-Ashi bars of a live series; ``IndicatorState`` follows indicators in the same way.

    Notes
    -----
    ``close = (open + high + low + close) / 4``; ``open`` is the mean of open and close of the Heikin-Ashi bar
    before, that of the very first bar the mean of its own; ``high`` and ``low`` take in both.

    A bar that lacks a price is left out: it gets ``nan``, and the next one goes on from the one before.

    Examples
    --------
    >>> bars = HeikinAshi()
    >>> bars.append((0, 1.0, 4.0, 1.0, 2.0, 5.0))
    {'open': 1.5, 'high': 4.0, 'low': 1.0, 'close': 2.0}
    >>> bars.peek((60_000_000_000, 2.0, 3.0, 2.0, 3.0, 5.0))["open"]
    1.75
    """

    __slots__ = ("_kept",)

    lines = LINES

    def __init__(self) -> None:
        self._kept: tuple[float, float] | None = None

    def append(self, row: tuple[Any, ...]) -> dict[str, float]:
        """Append a closed bar (start, open, high, low, close, ...) and return the values at it."""
        values = _step(self._kept, *row[1:5])
        if not math.isnan(values[0]):
            self._kept = (values[0], values[3])
        return dict(zip(LINES, values, strict=True))

    def peek(self, row: tuple[Any, ...]) -> dict[str, float]:
        """Return the values that appending the bar would give, and change nothing."""
        return dict(zip(LINES, _step(self._kept, *row[1:5]), strict=True))

    def checkpoint(self) -> object:
        """Return what `restore` goes back to."""
        return self._kept

    def restore(self, checkpoint: Any) -> None:
        """Go back to a checkpoint."""
        self._kept = checkpoint

    def rebuild(self, columns: Columns) -> dict[str, NDArray[np.float64]]:
        """Start over with the bars of the columns; a forming one is only peeked at."""
        self._kept = None
        table = np.full((len(columns.time_us), 4), math.nan)
        prices = (columns.open, columns.high, columns.low, columns.close)
        rows = list(zip(*(np.asarray(one, dtype=np.float64).tolist() for one in prices), strict=True))
        closed = len(rows) - bool(columns.forming and rows)
        for i, row in enumerate(rows):
            values = _step(self._kept, *row)
            table[i] = values
            if i < closed and not math.isnan(values[0]):
                self._kept = (values[0], values[3])
        return {name: table[:, i].copy() for i, name in enumerate(LINES)}


def _step(
    before: tuple[float, float] | None, open_: float, high: float, low: float, close: float
) -> tuple[float, float, float, float]:
    average = (open_ + high + low + close) / 4.0
    if not math.isfinite(average):
        return math.nan, math.nan, math.nan, math.nan
    start = (open_ + close) / 2.0 if before is None else (before[0] + before[1]) / 2.0
    return start, max(high, start, average), min(low, start, average), average
