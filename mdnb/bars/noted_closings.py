"""When the bars of a market were closed that is played again: by these times it closes them once more."""

from __future__ import annotations

import bisect

import numpy as np
from numpy.typing import NDArray

__all__ = ["NotedClosings"]

_NS_PER_US = 1000
# So many microseconds more: a gap that is told meanwhile, and the closing itself, have instants of their own.
_APART = 10
_NO_ROWS = np.zeros(0, np.int64)


class NotedClosings:
    """When bars that ended at some instants were closed, so that nobody knows them earlier than it was then.

    Parameters
    ----------
    ends_ns, closed_ns
        When bars ended, and when each was closed, in any order, UTC epoch nanoseconds. Of bars that ended at
        one instant the first counts. What was closed before its end, as at the end of a recording, or after
        bars that ended later, as what was imported afterwards, does not.
    rows_ns
        The times of the rows that are played, rising. Bars that were closed together, as once an outage was
        over, close in turn, each once its rows have come: one a microsecond.

    Examples
    --------
    >>> noted = NotedClosings(np.array([60_000, 120_000]), np.array([75_000, 121_000]))
    >>> noted.closed_ns(60_000), noted.closed_ns(90_000)
    (75000, None)
    >>> noted.arrival_ns(59_000), noted.arrival_ns(61_000), noted.arrival_ns(80_000)
    (59000, 76000, 80000)

    Two bars that were closed together, of which the second has three rows:

    >>> ends, closed = np.array([60_000, 120_000]), np.array([150_000, 150_000])
    >>> noted = NotedClosings(ends, closed, np.array([59_000, 61_000, 62_000, 62_000]))
    >>> noted.closed_ns(60_000), noted.arrival_ns(61_000), noted.closed_ns(120_000) >= 151_000 + 3_000
    (150000, 151000, True)
    """

    __slots__ = ("_closed", "_ends")

    def __init__(
        self,
        ends_ns: NDArray[np.int64],
        closed_ns: NDArray[np.int64],
        rows_ns: NDArray[np.int64] = _NO_ROWS,
    ) -> None:
        is_after = closed_ns >= ends_ns
        order = np.lexsort((closed_ns[is_after], ends_ns[is_after]))
        ends, closed = ends_ns[is_after][order], closed_ns[is_after][order]
        first = np.concatenate(([True], ends[1:] != ends[:-1])) if len(ends) else np.zeros(0, dtype=bool)
        ends, closed = ends[first], closed[first]
        in_turn = closed <= np.minimum.accumulate(closed[::-1])[::-1] if len(closed) else first
        ends, closed = ends[in_turn], closed[in_turn]
        rows = np.diff(np.searchsorted(rows_ns, ends), prepend=0)
        # How long its rows take at least after the closing before it; a bar without any takes none.
        takes = np.cumsum(np.where(rows > 0, rows + _APART, 0) * _NS_PER_US)
        self._ends: list[int] = ends.tolist()
        self._closed: list[int] = (np.maximum.accumulate(closed - takes) + takes).tolist()

    def __len__(self) -> int:
        return len(self._ends)

    def closed_ns(self, end_ns: int) -> int | None:
        """Return when bars that ended at an instant were closed; None where that was not noted."""
        at = bisect.bisect_left(self._ends, end_ns)
        return self._closed[at] if at < len(self._ends) and self._ends[at] == end_ns else None

    def arrival_ns(self, ts_ns: int) -> int:
        """Return when data of an instant is taken in: not before the bars were closed that ended by then."""
        at = bisect.bisect_right(self._ends, ts_ns) - 1
        return ts_ns if at < 0 else max(ts_ns, self._closed[at] + _NS_PER_US)
