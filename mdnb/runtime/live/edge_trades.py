"""The trades around outages, by which those that came are known again where they have no ids."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

from mdnb.rows import TradeRow

__all__ = ["EdgeTrades"]

_AFTERWARDS = 500
_OUTAGES = 64
_PUT_KEPT = 100_000
_NEVER = -(2**63)
_NO_LIMIT = 2**63 - 1
_LATE_NS = 5 * 1_000_000_000


@dataclasses.dataclass(slots=True)
class _Outage:
    """The trades around one, and between which times they are all that came."""

    since_ns: int
    until_ns: int
    rows: list[TradeRow]


class EdgeTrades:
    """Remembers what came at the edges of the newest outages, whether or not ticks are kept.

    Before one these are the trades of the newest instant; after it the first ones, and whatever is not newer
    than they are. All else is older, or newer, than what the history is asked for.

    It also remembers what was put back: the history may have a trade before it comes by itself.

    Parameters
    ----------
    among_ids
        Whether the feed's trades have ids: then only those without one are remembered here.
    afterwards
        How many trades after an outage are remembered whatever their time.

    Attributes
    ----------
    began_ns
        Since when there was no data before the newest trades; None where there is no outage before them.

    Examples
    --------
    >>> edges = EdgeTrades(afterwards=1)
    >>> a, b, c, d, e = ((at, 9.0, 1.0, 1, 0, -1) for at in (1, 2, 7, 8, 7))
    >>> edges.see([a, b], None), edges.see([c], outage_ns=2), edges.see([d, e], None)
    (None, None, None)
    >>> [row[0] for row in edges.between(2, 7)]
    [2, 7, 7]
    """

    __slots__ = (
        "__weakref__",
        "_afterwards",
        "_among_ids",
        "_instant",
        "_left",
        "_newest",
        "_outages",
        "_put",
        "_put_late_ns",
        "_put_until",
        "_until",
        "began_ns",
    )

    def __init__(self, afterwards: int = _AFTERWARDS, *, among_ids: bool = False) -> None:
        self._afterwards = afterwards
        self._among_ids = among_ids
        self._outages: collections.deque[_Outage] = collections.deque(maxlen=_OUTAGES)
        self.began_ns: int | None = None
        self._left = 0
        self._newest = self._until = _NEVER
        self._instant: list[TradeRow] = []
        self._put: collections.Counter[tuple[int, float, float]] = collections.Counter()
        self._put_until = _NEVER
        self._put_late_ns = _LATE_NS

    def see(self, rows: Sequence[TradeRow], outage_ns: int | None) -> None:
        """Take trades that came, in order of arrival.

        Parameters
        ----------
        outage_ns
            Since when there was no data, None where there is no outage before these trades.
        """
        if outage_ns != self.began_ns:
            self.begin(outage_ns)
        rows = self._own(rows)
        if not rows or self._see_usual(rows):
            return
        for row in rows:
            if self._left > 0:
                self._left -= 1
                self._until = max(self._until, row[0])
                self._outages[-1].rows.append(row)
                if not self._left:
                    self._outages[-1].until_ns = self._until
                if row[0] > self._newest:
                    self._newest, self._instant = row[0], []
            elif row[0] > self._newest:
                self._newest, self._instant = row[0], [row]
            elif row[0] <= self._until:
                self._outages[-1].rows.append(row)
            elif row[0] == self._newest:
                self._instant.append(row)

    def _see_usual(self, rows: Sequence[TradeRow]) -> bool:
        """Take trades that are far from any outage and come in their order; False where they are not."""
        newest = self._newest
        if self._left > 0 or not rows[0][0] > self._until:
            return False
        for row in rows:
            if not newest <= row[0]:
                return False
            newest = row[0]
        if newest != self._newest:
            self._newest, self._instant = newest, []
        at = len(rows)
        while at and rows[at - 1][0] == newest:
            at -= 1
        self._instant += rows[at:]
        return True

    @property
    def expects(self) -> bool:
        """Whether a trade that comes may be one of the history's that were put back."""
        return bool(self._put)

    def begin(self, outage_ns: int | None) -> None:
        """Note since when there is no data, as for `see`; the same outage may be told again."""
        if outage_ns is not None and outage_ns != self.began_ns:
            if self._left:
                self._outages[-1].until_ns = self._newest
            self.began_ns, self._left = outage_ns, self._afterwards
            self._outages.append(_Outage(self._newest, _NO_LIMIT, self._instant))
            self._instant = []
        elif outage_ns is None:
            self.began_ns = None

    def add(self, rows: Sequence[TradeRow], lateness_ns: int = _LATE_NS) -> None:
        """Take trades that were missed and are put back, as `expect` does."""
        if self._outages:
            self._outages[-1].rows += self._own(rows)
        self.expect(rows, lateness_ns)

    def expect(self, rows: Sequence[TradeRow], lateness_ns: int = _LATE_NS) -> None:
        """Take trades of the history that may come by themselves too: each stands for one that is equal.

        Parameters
        ----------
        lateness_ns
            By how much a trade may be older than the newest when it comes; later on none is expected.
        """
        rows = self._own(rows)
        if not rows:
            return
        put = self._put
        put.update(row[:3] for row in rows)
        self._put_until = max(self._put_until, *(row[0] for row in rows))
        self._put_late_ns = max(lateness_ns, _LATE_NS)
        for key in list(put)[: len(put) - _PUT_KEPT] if len(put) > _PUT_KEPT else ():
            del put[key]

    def split(self, rows: Sequence[TradeRow]) -> tuple[Sequence[TradeRow], list[TradeRow]]:
        """Return the trades that are new, and those that the history had before they came."""
        put = self._put
        if not put:
            return rows, []
        if self._newest > self._put_until + self._put_late_ns:
            # What has not come by now never will: from here on no trade needs to be looked at.
            put.clear()
            return rows, []
        if min(row[0] for row in rows) > self._put_until:
            return rows, []
        fresh: list[TradeRow] = []
        again: list[TradeRow] = []
        for row in rows:
            key = row[:3]
            if put[key] > 0 and not (self._among_ids and row[5] >= 0):
                put[key] -= 1
                again.append(row)
            else:
                fresh.append(row)
        return fresh, again

    def between(self, low_ns: int, high_ns: int) -> list[TradeRow]:
        """Return those made in ``[low_ns, high_ns]``."""
        return [row for outage in self._outages for row in outage.rows if low_ns <= row[0] <= high_ns]

    def decides(self, ts_ns: int) -> bool:
        """Return whether all trades of an instant that came are remembered.

        Examples
        --------
        >>> edges = EdgeTrades(afterwards=1)
        >>> a, b, c, d = ((at, 9.0, 1.0, 1, 0, -1) for at in (1, 2, 7, 8))
        >>> edges.see([a, b], None), edges.see([c, d], outage_ns=2)
        (None, None)
        >>> [at for at in range(1, 9) if edges.decides(at)]
        [2, 3, 4, 5, 6, 7]
        """
        return any(outage.since_ns <= ts_ns <= outage.until_ns for outage in self._outages)

    def _own(self, rows: Sequence[TradeRow]) -> Sequence[TradeRow]:
        return [row for row in rows if row[5] < 0] if self._among_ids else rows
