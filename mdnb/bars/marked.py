"""Bars of trades some of which do not count in full: odd lots, late reports, average prices.

The first trade whose price counts for anything begins a bar with all four prices. Those that count for volume
alone are in the bar of their interval; where that has no price there is no bar, and they wait for one.
"""

from __future__ import annotations

from collections.abc import Sequence

from mdnb.rows import MARKS, NOT_LAST, NOT_RANGE, NOT_VOLUME, BarRow, TradeRow, marks_of

__all__ = ["Unpriced", "bar_of_trades", "bar_with", "has_price", "volume_piece"]

_STARTS_KEPT = 2_000


def has_price(marks: int) -> bool:
    """Return whether a trade's price counts for anything.

    Examples
    --------
    >>> has_price(0), has_price(NOT_LAST), has_price(NOT_LAST | NOT_RANGE)
    (True, True, False)
    """
    return marks & (NOT_LAST | NOT_RANGE) != NOT_LAST | NOT_RANGE


def volume_piece(row: TradeRow) -> tuple[float, int, float]:
    """Return what a trade adds to volume, count and turnover."""
    _, price, size, count, _, _ = row
    return (0.0, 0, 0.0) if marks_of(row) & NOT_VOLUME else (size, count, price * size)


def bar_with(bar: BarRow | None, row: TradeRow, start_ns: int) -> BarRow | None:
    """Return a bar with one more trade, the newest; None where there is still no price that counts.

    Examples
    --------
    >>> from mdnb.rows import MarkedTrade
    >>> late = MarkedTrade.of((2, 12.0, 1.0, 1, 0, -1), NOT_LAST)
    >>> bar_with((0, 10.0, 10.0, 9.0, 9.0, 3.0, 2, 28.0), late, 0)
    (0, 10.0, 12.0, 9.0, 9.0, 4.0, 3, 40.0)
    """
    marks, price = marks_of(row), row[1]
    more, trades, money = volume_piece(row)
    if bar is None:
        return (start_ns, price, price, price, price, more, trades, money) if has_price(marks) else None
    _, open_, high, low, close, volume, count, turnover = bar
    if not marks & NOT_RANGE:
        high, low = max(high, price), min(low, price)
    if not marks & NOT_LAST:
        close = price
    return (start_ns, open_, high, low, close, volume + more, count + trades, turnover + money)


def bar_of_trades(start_ns: int, rows: Sequence[TradeRow]) -> BarRow | None:
    """Return the bar that trades make in their order; None where no price of them counts.

    Examples
    --------
    >>> from mdnb.rows import MarkedTrade
    >>> odd = MarkedTrade.of((1, 50.0, 2.0, 1, 0, -1), NOT_LAST | NOT_RANGE)
    >>> bar_of_trades(0, [odd, (2, 9.0, 2.0, 1, 0, -1), (3, 10.0, 1.0, 1, 0, -1)])
    (0, 9.0, 10.0, 9.0, 10.0, 5.0, 3, 128.0)
    >>> bar_of_trades(0, [odd])
    """
    bar: BarRow | None = None
    waiting: list[TradeRow] = []
    for row in rows:
        made = bar_with(bar, row, start_ns)
        if made is None:
            waiting.append(row)
        elif bar is None:
            # What came before it without a price.
            bar = made
            for one in waiting:
                bar = bar_with(bar, one, start_ns) or bar
        else:
            bar = made
    return bar


class Unpriced:
    """Trades that are in no bar by their conditions.

    Attributes
    ----------
    uncounted
        Those that count for nothing, or wait for no price any more.
    """

    def __init__(self) -> None:
        self.uncounted = 0
        # By the start of their interval of the finest timeframe: those that wait for a price.
        self._waiting: dict[int, list[TradeRow]] = {}

    def __len__(self) -> int:
        return self.uncounted + sum(map(len, self._waiting.values()))

    def keep(self, start_ns: int, row: TradeRow) -> None:
        """Let a trade wait for a price of its interval; it counts for nothing where that is so."""
        if marks_of(row) == MARKS:
            self.uncounted += 1
            return
        self._waiting.setdefault(start_ns, []).append(row)
        if len(self._waiting) > _STARTS_KEPT:
            self.uncounted += len(self._waiting.pop(next(iter(self._waiting))))

    def take(self, start_ns: int) -> list[TradeRow]:
        """Return and forget the trades that wait in an interval, which has a price now."""
        return self._waiting.pop(start_ns, []) if self._waiting else []

    def put(self, start_ns: int, rows: Sequence[TradeRow]) -> None:
        """Let other trades wait in an interval than those that did."""
        self.take(start_ns)
        for row in rows:
            self.keep(start_ns, row)
