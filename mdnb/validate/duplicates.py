"""Detects duplicate trades, by id only: identical rows are normal in real data."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal

from mdnb.rows import TradeRow

__all__ = ["Duplicates"]

_MISSING_LIMIT = 100_000


class Duplicates:
    """Remembers trade ids, in bounded memory.

    Parameters
    ----------
    ids
        ``sequential``: ids rise by one a trade, so only the ids that are missing below the highest need
        remembering. ``unique``: the newest ``window`` ids are remembered. ``none``: nothing is a duplicate.
    window
        How many ids to remember for ``unique``, and below the first id for ``sequential``.

    Attributes
    ----------
    missing
        For ``sequential``: ids that were jumped over and have not come since.

    Examples
    --------
    >>> seen = Duplicates("sequential")
    >>> rows = [(0, 1.0, 1.0, 1, 0, i) for i in (5, 6, 6, 9, 8)]
    >>> fresh, again = seen.split(rows)
    >>> [row[5] for row in fresh], [row[5] for row in again], sorted(seen.missing)
    ([5, 6, 9, 8], [6], [7])
    """

    def __init__(
        self, ids: Literal["sequential", "unique", "none"] = "sequential", window: int = 100_000
    ) -> None:
        self.ids = ids
        self.missing: set[int] = set()
        self._window = window
        self._first: int | None = None
        self._highest = -1
        self._seen: set[int] = set()
        self._order: deque[int] = deque()

    @property
    def highest(self) -> int:
        """The highest id seen with sequential ids, -1 before any."""
        return self._highest

    def split(self, rows: Sequence[TradeRow]) -> tuple[Sequence[TradeRow], list[TradeRow]]:
        """Return the rows that are new, and those whose id was seen before."""
        if self.ids == "none" or not rows:
            return rows, []
        if self.ids == "sequential":
            # The usual case in one glance: the next ids, in order, none twice.
            first, last = rows[0][5], rows[-1][5]
            if first == self._highest + 1 and last - first == len(rows) - 1 and self._runs(rows):
                self._highest = last
                if self._first is None:
                    self._first = first
                return rows, []
        check = self._is_new_sequential if self.ids == "sequential" else self._is_new_unique
        fresh: list[TradeRow] = []
        again: list[TradeRow] = []
        for row in rows:
            (fresh if row[5] < 0 or check(row[5]) else again).append(row)
        return fresh, again

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

    def _is_new_sequential(self, trade_id: int) -> bool:
        if self._first is None:
            self._first = self._highest = trade_id
            return True
        if trade_id == self._highest + 1:
            self._highest = trade_id
            return True
        if trade_id > self._highest:
            jumped = range(self._highest + 1, trade_id)
            self.missing.update(jumped[-_MISSING_LIMIT:])
            self._highest = trade_id
            if len(self.missing) > _MISSING_LIMIT:
                self.missing = set(sorted(self.missing)[-_MISSING_LIMIT:])
            return True
        if trade_id in self.missing:
            self.missing.discard(trade_id)
            return True
        return trade_id < self._first and self._is_new_unique(trade_id)

    def _is_new_unique(self, trade_id: int) -> bool:
        if trade_id in self._seen:
            return False
        self._seen.add(trade_id)
        self._order.append(trade_id)
        if len(self._order) > self._window:
            self._seen.discard(self._order.popleft())
        return True
