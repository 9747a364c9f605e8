"""The ids that outages left out, where they rise by one a trade: what has one belongs where it says."""

from __future__ import annotations

import collections
from collections.abc import Sequence

from mdnb.rows import TradeRow
from mdnb.validate.duplicates import Duplicates

__all__ = ["OutageIds"]

_OUTAGES = 64


class OutageIds:
    """Remembers between which ids the newest outages were.

    Some venues tell their newest trade as soon as they are subscribed, and the ones before it later: these
    did not happen after it. So it is with the first trade of all. On a line that is up a trade that comes
    late stays where it came.

    Parameters
    ----------
    seen
        Knows which ids have not come.

    Attributes
    ----------
    is_open
        Whether nothing has come since the line was lost that `begin` told of.

    Examples
    --------
    >>> seen = Duplicates("sequential")
    >>> _ = seen.split([(0, 9.0, 1.0, 1, 0, 5), (4, 9.0, 1.0, 1, 0, 9)])
    >>> outages = OutageIds(seen)
    >>> outages.add(5, 9)
    >>> outages.split([(3, 9.0, 1.0, 1, 0, 8), (4, 9.0, 1.0, 1, 0, 9), (5, 9.0, 1.0, 1, 0, 10)])
    ([(4, 9.0, 1.0, 1, 0, 9), (5, 9.0, 1.0, 1, 0, 10)], [(3, 9.0, 1.0, 1, 0, 8)])
    """

    __slots__ = ("_below", "_lost_at", "_seen", "_spans", "is_open")

    def __init__(self, seen: Duplicates) -> None:
        self._seen = seen
        self._spans: collections.deque[tuple[int, int]] = collections.deque(maxlen=_OUTAGES)
        self._below = self._lost_at = -1
        self.is_open = False

    def begin(self) -> None:
        """Note that the line was lost after the trades that have come; a recording tells no more."""
        if self._seen.ids == "sequential" and self._seen.first >= 0 and not self.is_open:
            self.is_open, self._lost_at = True, self._seen.highest

    def end(self) -> None:
        """Note the outage that `begin` told of once a later trade has come; before that nothing happens."""
        if self.is_open and self._seen.highest > self._lost_at:
            self.is_open = False
            self.add(self._lost_at, self._seen.highest)

    def add(self, low_id: int, high_id: int) -> None:
        """Note the trades around an outage: the last one before it, and the first one known after it."""
        if high_id - low_id > 1:
            if self._spans and self._spans[-1][0] == low_id:
                self._spans.pop()
            self._spans.append((low_id, high_id))
            self._below = max(self._below, high_id)

    def split(
        self, rows: Sequence[TradeRow], since_ns: int | None = None
    ) -> tuple[Sequence[TradeRow], list[TradeRow]]:
        """Return the trades that count as they come, and those that an outage left out.

        Parameters
        ----------
        since_ns
            What is older counts as it comes.
        """
        below = max(self._below, self._seen.first)
        if not any(0 <= row[5] < below for row in rows):
            return rows, []
        placed = [row for row in rows if (since_ns is None or row[0] >= since_ns) and self._is_left_out(row)]
        if not placed:
            return rows, []
        left = set(map(id, placed))
        return [row for row in rows if id(row) not in left], placed

    def _is_left_out(self, row: TradeRow) -> bool:
        number = row[5]
        is_in_one = number < self._seen.first or any(low < number < high for low, high in self._spans)
        return is_in_one and self._seen.neighbours_of(row) is not None
