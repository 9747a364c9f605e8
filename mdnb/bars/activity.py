"""Bars that close by trades, volume or money instead of the clock.

A bar closes with the trade that brings its sum to the threshold or beyond; a trade is never split. It is
labelled by the time of its first trade. Rule: López de Prado, *Advances in Financial Machine Learning*
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
        self._money = 0.0
        self._partial = False

    def push_rows(self, rows: Sequence[TradeRow]) -> None:
        """Take trades in arrival order."""
        done, self._open = self._cut(rows, self._open)
        for bar, end_ns in done:
            self.closing.see(end_ns)
            # Of a history only its own last trade tells when it was over.
            closed = self.closing.now_ns or end_ns + self.closing.history_ns
            flags, self._partial = _PARTIAL if self._partial else 0, False
            self.log.stage(bar, flags, closed)
            if self.on_closed is not None:
                self.on_closed(self.name, bar, flags, end_ns, closed)

    def _cut(
        self, rows: Sequence[TradeRow], bar: BarRow | None
    ) -> tuple[list[tuple[BarRow, int]], BarRow | None]:
        """Return the bars that trades bring to their end, each with its last trade's time, and the open one.

        Parameters
        ----------
        bar
            The open one before them.
        """
        measure, threshold = self._measure, self.timeframe.size
        money = 0.0 if bar is None else self._money
        done: list[tuple[BarRow, int]] = []
        for ts_ns, price, size, count, _, _ in rows:
            if bar is None:
                bar = (ts_ns, price, price, price, price, size, count, price * size)
            else:
                start, open_, high, low, _, volume, trades, turnover = bar
                high = price if price > high else high
                low = price if price < low else low
                bar = (start, open_, high, low, price, volume + size, trades + count, turnover + price * size)
            money += abs(price) * size
            if (money if measure is None else bar[measure]) >= threshold:
                done.append((bar, ts_ns))
                bar, money = None, 0.0
        self._money = money
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
        for at, row in enumerate(rows):
            if row[0] // _NS_PER_US != bar[0] // _NS_PER_US or row[1] != bar[1]:
                continue
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

    def first_of(self, at: int) -> tuple[int, float] | None:
        """Return when the first trade of the bar at a position was made, and its price."""
        row = self.log.row(at)[0] if at < len(self.log) else self._open
        return None if row is None else row[:2]

    def rebuild(self, at: int, rows: Sequence[TradeRow]) -> list[BarRow]:
        """Make the bars at a position of the log and behind it anew from their trades, the open one too.

        Returns
        -------
        list of BarRow
            Bars that had closed and are others now; those that close only now are told as any.
        """
        former = [self.log.row(i)[0] for i in range(at, len(self.log))]
        done, self._open = self._cut(rows, None)
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

    def push_unplaced(self, rows: Sequence[TradeRow]) -> None:
        """Take trades that were missed where it is not known any more between which of the others they were.

        They count as the newest; the bars since the first of them are marked as partial.
        """
        at = max(0, self.log.find(min(row[0] for row in rows)) - 1)
        self.log.mark(at, _PARTIAL)
        for row in rows:
            self._partial = True
            self.push_rows([row])
        self._partial = self._open is not None


def _is_same(held: BarRow, made: BarRow) -> bool:
    # Stores keep microseconds, and the turnover as a mean.
    same_time = held[0] // _NS_PER_US == made[0] // _NS_PER_US
    return same_time and held[1:7] == made[1:7] and math.isclose(held[7], made[7], rel_tol=_ROUNDING)
