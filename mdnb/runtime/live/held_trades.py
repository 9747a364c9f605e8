"""Trades of one symbol whose bars wait until the history has given those that an outage cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mdnb.rows import TradeRow

__all__ = ["HeldTrades"]


class HeldTrades:
    """Holds trades back from the bars, and from nothing else: they are told, kept and newest at once.

    Parameters
    ----------
    base
        The newest trade that is in the bars: its id where ids rise by one a trade, else its time.
    by_id
        Whether ids rise by one a trade.
    on_rows
        Called with the trades of each batch once they are held; must be cheap.

    Attributes
    ----------
    rows
        What waits, in order of arrival.
    missed
        Whether trades of the history are among them.
    closing_waits
        Whether the timer leaves bars open that have ended.

    Examples
    --------
    >>> held = HeldTrades(5, by_id=True, on_rows=lambda rows: None)
    >>> held.keep([(20, 101.0, 1.0, 1, 0, 8)])
    >>> held.keep([(11, 100.0, 1.0, 1, 0, 6), (15, 99.0, 1.0, 1, 0, 7)])
    >>> held.missed = True
    >>> [row[5] for row in held.ordered()]
    [6, 7, 8]
    """

    def __init__(self, base: int, *, by_id: bool, on_rows: Callable[[Sequence[TradeRow]], None]) -> None:
        self.base = base
        self.rows: list[TradeRow] = []
        self.missed = False
        self.closing_waits = True
        self._by_id = by_id
        self._on_rows = on_rows

    def keep(self, rows: Sequence[TradeRow]) -> None:
        """Hold trades back."""
        self.rows += rows
        self._on_rows(rows)

    def ordered(self) -> list[TradeRow]:
        """Return what waits as it belongs: by id, else by time; as it arrived where nothing was missed."""
        if not self.missed:
            return self.rows
        by_id = self._by_id and all(row[5] >= 0 for row in self.rows)
        return sorted(self.rows, key=lambda row: row[5 if by_id else 0])
