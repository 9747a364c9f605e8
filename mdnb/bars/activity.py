"""Bars that close by trades, volume or money instead of the clock.

A bar closes with the trade that brings its sum to the threshold or beyond; a trade is never split. It is
labelled by the time of its first trade; where that one came late, by the label of the bar before it, so that
labels never fall. Rule: López de Prado, *Advances in Financial Machine Learning*
(2018), chapter 2.3. Money counts without its sign: below zero it changes hands all the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from mdnb.bars.closing import ClosingTime
from mdnb.bars.node import BarLog
from mdnb.errors import TimeframeError
from mdnb.rows import BarRow, TradeRow
from mdnb.timeframes import Timeframe

__all__ = ["ActivityBars"]

_AMENDED, _PARTIAL = 2, 4
_NS_PER_US = 1000
_ROUNDING = 1e-12
_NEVER = -(2**63)


class ActivityBars:
    """Tick, volume or dollar bars of one size.

    Parameters
    ----------
    timeframe
        Such as ``500tick``, ``1000vol``, ``1Mdollar``.
    log
        Where closed bars go.
    on_closed
        Called with ``(name, row, flags, end_ns, closed_ns)`` for each bar that closes; it ends with its last
        trade.
    closing
        When bars are closed.

    Examples
    --------
    >>> from mdnb.stores.bars import BarStore
    >>> bars = ActivityBars(Timeframe.parse("2tick"), BarStore(10))
    >>> bars.push_rows([(0, 10.0, 1.0, 1, 1, -1), (1, 11.0, 2.0, 1, 1, -1), (2, 9.0, 1.0, 1, -1, -1)])
    >>> bars.log.row(0)[0], bars.forming()
    ((0, 10.0, 11.0, 10.0, 11.0, 3.0, 2, 32.0), (2, 9.0, 9.0, 9.0, 9.0, 1.0, 1, 9.0))
    """

    def __init__(
        self,
        timeframe: Timeframe,
        log: BarLog,
        on_closed: Callable[[str, BarRow, int, int, int], None] | None = None,
        closing: ClosingTime | None = None,
    ) -> None:
        if not timeframe.is_activity:
            raise TimeframeError(
                f"{timeframe.name} bars are on a clock; activity bars are such as 500tick or 1000vol"
            )
        self.timeframe = timeframe
        self.name = timeframe.name
        self.log = log
        self.on_closed = on_closed
        self.closing = closing or ClosingTime()
        # Where a bar has its sum; None of money, as a bar's own turnover has a sign.
        self._measure = {"tick": 6, "volume": 5, "dollar": None}[timeframe.kind]
        self._open: BarRow | None = None
        # The label of the newest bar.
        self._newest = _NEVER
        self._money = 0.0
        self._partial = False

    def push_rows(self, rows: Sequence[TradeRow]) -> None:
        """Take trades in arrival order."""
        done, self._open = self._cut(rows, self._open, self._newest)
        for bar, end_ns in done:
            self.closing.see(end_ns)
            # Of a history only its own last trade tells when it was over.
            closed = self.closing.now_ns or end_ns + self.closing.history_ns
            flags, self._partial = _PARTIAL if self._partial else 0, False
            self.log.stage(bar, flags, closed)
            if self.on_closed is not None:
                self.on_closed(self.name, bar, flags, end_ns, closed)

    def _cut(
        self, rows: Sequence[TradeRow], bar: BarRow | None, newest: int
    ) -> tuple[list[tuple[BarRow, int]], BarRow | None]:
        """Return the bars that trades bring to their end, each with its last trade's time, and the open one.

        Parameters
        ----------
        bar
            The open one before them.
        newest
            The label of the newest bar before them, the open one included.
        """
        measure, threshold = self._measure, self.timeframe.size
        money = 0.0 if bar is None else self._money
        done: list[tuple[BarRow, int]] = []
        for ts_ns, price, size, count, _, _ in rows:
            if bar is None:
                # Where a late trade opens a bar, labels that fall would be found by nobody.
                newest = ts_ns if ts_ns > newest else newest
                bar = (newest, price, price, price, price, size, count, price * size)
            else:
                start, open_, high, low, _, volume, trades, turnover = bar
                high = price if price > high else high
                low = price if price < low else low
                bar = (start, open_, high, low, price, volume + size, trades + count, turnover + price * size)
            money += abs(price) * size
            if (money if measure is None else bar[measure]) >= threshold:
                done.append((bar, ts_ns))
                bar, money = None, 0.0
        self._money, self._newest = money, newest
        return done, bar

    def rows_behind(self, rows: Sequence[TradeRow], bar: BarRow) -> Sequence[TradeRow] | None:
        """Return the trades that came after those of a closed bar; None where these are not all among them.

        Parameters
        ----------
        rows
            In arrival order, with the last ones of before.
        bar
            As a store holds it: with its start in whole microseconds.
        """
        label_us = bar[0] // _NS_PER_US
        opening = [at for at, row in enumerate(rows) if row[0] // _NS_PER_US <= label_us and row[1] == bar[1]]
        # Where its first trade came late, that is older than its label.
        for at in sorted(opening, key=lambda at: rows[at][0] // _NS_PER_US != label_us):
            stop, count = at, 0
            while stop < len(rows) and count < bar[6]:
                count += rows[stop][3]
                stop += 1
            prices = [one[1] for one in rows[at:stop]]
            if (max(prices), min(prices), prices[-1], count) == (bar[2], bar[3], bar[4], bar[6]):
                return rows[stop:]
        return None

    def begin_behind(self, rows: Sequence[TradeRow], *, is_whole: bool) -> None:
        """Forget the open bar, and begin with trades behind the closed ones.

        Parameters
        ----------
        is_whole
            Whether no trades lie between; else the first bar is partial.
        """
        self._open, self._money, self._partial = None, 0.0, not is_whole
        self._newest = self._label_before(len(self.log))
        self.push_rows(rows)

    def forming(self) -> BarRow | None:
        """Return the open bar; None right after one closed."""
        return self._open

    def holding(self, newest: int) -> tuple[int, int] | None:
        """Return where the bars begin that hold the newest so many trades, and how many trades those hold.

        Returns
        -------
        tuple of int, or None
            A position in the log, its length for the open bar; None where those bars are not held any more.
        """
        at = len(self.log)
        held = 0 if self._open is None else self._open[6]
        while held < newest:
            if at == 0:
                return None
            at -= 1
            held += self.log.row(at)[0][6]
        return at, held

    def begins(self, at: int) -> bool:
        """Return whether there is a bar at a position of the log, or the open one behind it."""
        return at < len(self.log) or self._open is not None

    def begins_with(self, at: int, ts_ns: int, price: float) -> bool:
        """Return whether a trade can be the first one of the bar at a position."""
        row = self.log.row(at)[0] if at < len(self.log) else self._open
        if row is None or row[1] != price:
            return False
        label_us, made_us = row[0] // _NS_PER_US, ts_ns // _NS_PER_US
        # A late one opens a bar that has the label of the one before it.
        before = self._label_before(at)
        return made_us == label_us or (made_us < label_us and before in (_NEVER, label_us * _NS_PER_US))

    def _label_before(self, at: int) -> int:
        """Return the label of the bar before a position of the log, in whole microseconds."""
        return self.log.row(at - 1)[0][0] // _NS_PER_US * _NS_PER_US if at else _NEVER

    def rebuild(self, at: int, rows: Sequence[TradeRow]) -> list[BarRow]:
        """Make the bars at a position of the log and behind it anew from their trades, the open one too.

        Returns
        -------
        list of BarRow
            Bars that had closed and are others now; those that close only now are told as any.
        """
        former = [self.log.row(i)[0] for i in range(at, len(self.log))]
        before = self._label_before(at)
        opening = former[0] if former else self._open
        if before == _NEVER and self.log.evicted and opening is not None:
            # Of the bars that have left memory none is newer than the first one that is held.
            before = min(self._newest, opening[0])
        done, self._open = self._cut(rows, None, before)
        same = 0
        while same < min(len(former), len(done)) and _is_same(former[same], done[same][0]):
            same += 1
        former, done = former[same:], done[same:]
        made = [bar for bar, _ in done]
        if made or former:
            closed = self.closing.now_ns
            self.log.replace_from(at + same, made, _AMENDED, closed)
            for bar, end_ns in done[len(former) :]:
                if self.on_closed is not None:
                    self.on_closed(self.name, bar, _AMENDED, end_ns, closed)
        return made[: len(former)]

    def mark_open(self) -> None:
        """Mark the open bar as partial: trades of it are lost."""
        self._partial = self._open is not None

    def mark_next(self) -> None:
        """Mark the newest bar as partial that is open, or is to open next: trades of it are lost."""
        self._partial = True

    def push_unplaced(self, rows: Sequence[TradeRow]) -> list[BarRow]:
        """Take trades that were missed where it is not known any more between which of the others they were.

        They count as the newest; the bars since the first of them are marked as partial.

        Returns
        -------
        list of BarRow
            The closed ones that counted as whole.
        """
        at = max(0, self.log.find(min(row[0] for row in rows)) - 1)
        held = [self.log.row(i) for i in range(at, len(self.log))]
        self.log.mark(at, _PARTIAL)
        for row in rows:
            self._partial = True
            self.push_rows([row])
        self._partial = self._open is not None
        return [row for row, flags in held if not flags & _PARTIAL]


def _is_same(held: BarRow, made: BarRow) -> bool:
    # Stores keep microseconds, and the turnover as a mean.
    same_time = held[0] // _NS_PER_US == made[0] // _NS_PER_US
    return same_time and held[1:7] == made[1:7] and math.isclose(held[7], made[7], rel_tol=_ROUNDING)
