"""Detects duplicate trades, by id only: identical rows are normal in real data."""

from __future__ import annotations

import bisect
import operator
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from mdnb.rows import TradeRow

__all__ = ["Duplicates", "Hole"]

_HOLES_KEPT = 100_000


class Hole(NamedTuple):
    """Ids that were jumped over, by their neighbours: the trades that came with the ids around them.

    Examples
    --------
    >>> list(Hole(6, 1_000, 9, 4_000).ids)
    [7, 8]
    """

    low_id: int
    low_ns: int
    high_id: int
    high_ns: int

    @property
    def ids(self) -> range:
        """The ids that are missing."""
        return range(self.low_id + 1, self.high_id)


_low_id = operator.itemgetter(0)


class Duplicates:
    """Remembers trade ids, in bounded memory.

    Parameters
    ----------
    ids
        ``sequential``: ids rise by one a trade, so only the holes below the highest need remembering.
        ``unique``: the newest ``window`` ids are remembered. ``none``: nothing is a duplicate.
    window
        How many ids to remember for ``unique``, and below the first id for ``sequential``.

    Attributes
    ----------
    holes
        For ``sequential``: stretches of ids that were jumped over and have not come since, lowest first.
    on_jump
        Called with each new hole, as soon as it is seen.

    Examples
    --------
    >>> seen = Duplicates("sequential")
    >>> rows = [(0, 1.0, 1.0, 1, 0, i) for i in (5, 6, 6, 9, 8)]
    >>> fresh, again = seen.split(rows)
    >>> [row[5] for row in fresh], [row[5] for row in again], [list(hole.ids) for hole in seen.holes]
    ([5, 6, 9, 8], [6], [[7]])
    """

    def __init__(
        self, ids: Literal["sequential", "unique", "none"] = "sequential", window: int = 100_000
    ) -> None:
        self.ids = ids
        self.holes: list[Hole] = []
        self.on_jump: Callable[[Hole], None] | None = None
        self._window = window
        self._first: int | None = None
        self._first_ns = 0
        self._highest = -1
        self._highest_ns = 0
        self._seen: set[int] = set()
        self._order: deque[int] = deque()

    @property
    def first(self) -> int:
        """The id seen first with sequential ids, -1 before any."""
        return -1 if self._first is None else self._first

    @property
    def highest(self) -> int:
        """The highest id seen with sequential ids, -1 before any."""
        return self._highest

    @property
    def highest_ns(self) -> int:
        """When the trade with the highest id was made."""
        return self._highest_ns

    def split(self, rows: Sequence[TradeRow]) -> tuple[Sequence[TradeRow], list[TradeRow]]:
        """Return the rows that are new, and those whose id was seen before."""
        if self.ids == "none" or not rows:
            return rows, []
        if self.ids == "sequential":
            # The usual case in one glance: the next ids, in order, none twice.
            first, last = rows[0][5], rows[-1][5]
            if first == self._highest + 1 and last - first == len(rows) - 1 and self._runs(rows):
                self._highest, self._highest_ns = last, rows[-1][0]
                if self._first is None:
                    self._first, self._first_ns = first, rows[0][0]
                return rows, []
        check = self._is_new_sequential if self.ids == "sequential" else self._is_new_unique
        fresh: list[TradeRow] = []
        again: list[TradeRow] = []
        for row in rows:
            (fresh if row[5] < 0 or check(row) else again).append(row)
        return fresh, again

    def is_known(self, row: TradeRow) -> bool:
        """Return whether a trade was seen, where ids only differ; nothing is remembered."""
        return row[5] in self._seen

    @staticmethod
    def _runs(rows: Sequence[TradeRow]) -> bool:
        if len(rows) == 1:
            return True
        expected = rows[0][5]
        for row in rows:
            if row[5] != expected:
                return False
            expected += 1
        return True

    def _is_new_sequential(self, row: TradeRow) -> bool:
        trade_id = row[5]
        if self._first is None:
            self._first, self._first_ns = trade_id, row[0]
        elif trade_id <= self._highest:
            return self._fills(row) or (trade_id < self._first and self._is_new_unique(row))
        elif trade_id > self._highest + 1:
            self._jump(Hole(self._highest, self._highest_ns, trade_id, row[0]))
        self._highest, self._highest_ns = trade_id, row[0]
        return True

    def _jump(self, hole: Hole) -> None:
        self.holes.append(hole)
        if len(self.holes) > _HOLES_KEPT:
            del self.holes[0]
        if self.on_jump is not None:
            self.on_jump(hole)

    def _fills(self, row: TradeRow) -> bool:
        trade_id = row[5]
        hole = self.hole_of(trade_id)
        if hole is None:
            return False
        below = Hole(hole.low_id, hole.low_ns, trade_id, row[0])
        above = Hole(trade_id, row[0], hole.high_id, hole.high_ns)
        at = bisect.bisect_left(self.holes, trade_id, key=_low_id) - 1
        self.holes[at : at + 1] = [part for part in (below, above) if part.ids]
        return True

    def hole_of(self, trade_id: int) -> Hole | None:
        """Return the hole that an id is in; None where it is in none."""
        at = bisect.bisect_left(self.holes, trade_id, key=_low_id) - 1
        return self.holes[at] if at >= 0 and trade_id < self.holes[at].high_id else None

    def holes_between(self, low_id: int, high_id: int) -> list[Hole]:
        """Return the holes with both neighbours in ``[low_id, high_id]``."""
        at = bisect.bisect_left(self.holes, low_id, key=_low_id)
        end = bisect.bisect_left(self.holes, high_id, key=_low_id)
        return self.holes[at:end]

    def forget(self, low_id: int, high_id: int) -> None:
        """Give up what is missing between two ids: it counts as seen."""
        at = bisect.bisect_left(self.holes, low_id, key=_low_id)
        end = bisect.bisect_left(self.holes, high_id, key=_low_id)
        del self.holes[at:end]

    def reopen(self, first: int, before_ns: int) -> None:
        """Take the ids from ``first`` up to the one seen first for missing; does nothing before any.

        Parameters
        ----------
        before_ns
            No trade of them was made before it.

        Examples
        --------
        >>> seen = Duplicates("sequential")
        >>> seen.split([(50, 1.0, 1.0, 1, 0, 7)])[1]
        []
        >>> seen.reopen(5, 20)
        >>> seen.first, [list(hole.ids) for hole in seen.holes]
        (5, [[5, 6]])
        """
        if self._first is None or first >= self._first:
            return
        old = self._first
        # No trade was before them.
        self.holes.insert(0, Hole(first - 1, 0, old, self._first_ns))
        self._first, self._first_ns = first, before_ns
        for number in range(first, old) if self._seen else ():
            if number in self._seen:
                self._fills((before_ns, 0.0, 0.0, 0, 0, number))

    def _is_new_unique(self, row: TradeRow) -> bool:
        trade_id = row[5]
        if trade_id in self._seen:
            return False
        self._seen.add(trade_id)
        self._order.append(trade_id)
        if len(self._order) > self._window:
            self._seen.discard(self._order.popleft())
        return True
