"""Bars that close by trades, volume or money instead of the clock.

A bar closes with the trade that brings its sum to the threshold or beyond; a trade is never split. It is
labelled by the time of its first trade. Rule: López de Prado, *Advances in Financial Machine Learning*
(2018), chapter 2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mdnb.bars.closing import ClosingTime
from mdnb.bars.node import BarLog
from mdnb.errors import TimeframeError
from mdnb.rows import BarRow, TradeRow
from mdnb.timeframes import Timeframe

__all__ = ["ActivityBars"]


class ActivityBars:
    """Tick, volume or dollar bars of one size.

    Parameters
    ----------
    timeframe
        Such as ``500tick``, ``1000vol``, ``1Mdollar``.
    log
        Where closed bars go.
    on_closed
        Called with ``(name, row, end_ns, closed_ns)`` for each bar that closes; it ends with its last trade.
    closing
        When bars are closed.

    Examples
    --------
    >>> from mdnb.store.bars import BarStore
    >>> bars = ActivityBars(Timeframe.parse("2tick"), BarStore(10))
    >>> bars.push_rows([(0, 10.0, 1.0, 1, 1, -1), (1, 11.0, 2.0, 1, 1, -1), (2, 9.0, 1.0, 1, -1, -1)])
    >>> bars.log.row(0)[0], bars.forming()
    ((0, 10.0, 11.0, 10.0, 11.0, 3.0, 2, 32.0), (2, 9.0, 9.0, 9.0, 9.0, 1.0, 1, 9.0))
    """

    def __init__(
        self,
        timeframe: Timeframe,
        log: BarLog,
        on_closed: Callable[[str, BarRow, int, int], None] | None = None,
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
        self._measure = {"tick": 6, "volume": 5, "dollar": 7}[timeframe.kind]
        self._open: BarRow | None = None

    def push_rows(self, rows: Sequence[TradeRow]) -> None:
        """Take trades in arrival order."""
        measure, threshold, bar = self._measure, self.timeframe.size, self._open
        for ts_ns, price, size, count, _, _ in rows:
            if bar is None:
                bar = (ts_ns, price, price, price, price, size, count, price * size)
            else:
                start, open_, high, low, _, volume, trades, turnover = bar
                high = price if price > high else high
                low = price if price < low else low
                bar = (start, open_, high, low, price, volume + size, trades + count, turnover + price * size)
            if bar[measure] >= threshold:
                self.closing.see(ts_ns)
                closed = self.closing.now_ns
                self.log.stage(bar, 0, closed)
                if self.on_closed is not None:
                    self.on_closed(self.name, bar, ts_ns, closed)
                bar = None
        self._open = bar

    def forming(self) -> BarRow | None:
        """Return the open bar; None right after one closed."""
        return self._open
