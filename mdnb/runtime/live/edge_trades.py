"""The trades around outages, by which those that came are known again where trades have no ids."""

from __future__ import annotations

import collections
from collections.abc import Sequence

from mdnb.rows import TradeRow

__all__ = ["EdgeTrades"]

_AFTERWARDS = 500
_OUTAGES = 64
_PUT_KEPT = 100_000
_NEVER = -(2**63)


class EdgeTrades:
    """Remembers what came at the edges of the newest outages, whether or not ticks are kept.

    Before one these are the trades of the newest instant; after it the first ones, and whatever is not newer
    than they are. All else is older, or newer, than what the history is asked for.

    It also remembers what was put back: the history may have a trade before it comes by itself.

    Parameters
    ----------
    afterwards
        How many trades after an outage are remembered whatever their time.

    Examples
    --------
    >>> edges = EdgeTrades(afterwards=1)
    >>> a, b, c, d, e = ((at, 9.0, 1.0, 1, 0, -1) for at in (1, 2, 7, 8, 7))
    >>> edges.see([a, b], None), edges.see([c], outage_ns=2), edges.see([d, e], None)
    (None, None, None)
    >>> [row[0] for row in edges.between(2, 7)]
    [2, 7, 7]
    """

    def __init__(self, afterwards: int = _AFTERWARDS) -> None:
        self._afterwards = afterwards
        self._outages: collections.deque[list[TradeRow]] = collections.deque(maxlen=_OUTAGES)
        self._began_ns: int | None = None
        self._left = 0
        self._newest = self._until = _NEVER
        self._instant: list[TradeRow] = []
        self._put: collections.Counter[tuple[int, float, float]] = collections.Counter()
        self._put_until = _NEVER

    def see(self, rows: Sequence[TradeRow], outage_ns: int | None) -> None:
        """Take trades that came, in order of arrival.

        Parameters
        ----------
        outage_ns
            Since when there was no data, None where there is no outage before these trades.
        """
        self.begin(outage_ns)
        for row in rows:
            if self._left > 0:
                self._left -= 1
                self._until = max(self._until, row[0])
                self._outages[-1].append(row)
                if row[0] > self._newest:
                    self._newest, self._instant = row[0], []
            elif row[0] > self._newest:
                self._newest, self._instant = row[0], [row]
            elif row[0] <= self._until:
                self._outages[-1].append(row)
            elif row[0] == self._newest:
                self._instant.append(row)

    def begin(self, outage_ns: int | None) -> None:
        """Note since when there is no data, as for `see`; the same outage may be told again."""
        if outage_ns is not None and outage_ns != self._began_ns:
            self._began_ns, self._left = outage_ns, self._afterwards
            self._outages.append(self._instant)
            self._instant = []
        elif outage_ns is None:
            self._began_ns = None

    def add(self, rows: Sequence[TradeRow]) -> None:
        """Take trades that were missed and are put back."""
        if self._outages:
            self._outages[-1] += rows
        self.expect(rows)

    def expect(self, rows: Sequence[TradeRow]) -> None:
        """Take trades of the history that may come by themselves too: each stands for one that is equal."""
        self._put.update(row[:3] for row in rows)
        self._put_until = max(self._put_until, *(row[0] for row in rows))
        for key in list(self._put)[: max(0, len(self._put) - _PUT_KEPT)]:
            del self._put[key]

    def split(self, rows: Sequence[TradeRow]) -> tuple[Sequence[TradeRow], list[TradeRow]]:
        """Return the trades that are new, and those that the history had before they came."""
        if not self._put or min(row[0] for row in rows) > self._put_until:
            return rows, []
        fresh: list[TradeRow] = []
        again: list[TradeRow] = []
        for row in rows:
            if self._put[row[:3]] > 0:
                self._put[row[:3]] -= 1
                again.append(row)
            else:
                fresh.append(row)
        return fresh, again

    def between(self, low_ns: int, high_ns: int) -> list[TradeRow]:
        """Return those made in ``[low_ns, high_ns]``."""
        return [row for rows in self._outages for row in rows if low_ns <= row[0] <= high_ns]
