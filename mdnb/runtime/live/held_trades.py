"""Trades of one symbol whose bars wait until the history has given those that an outage cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mdnb.rows import TradeRow
from mdnb.runtime.live.placing import Order, as_array

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
    base_ns
        When the newest trade that is in the bars was made: of trades without an id only that tells.

    Attributes
    ----------
    rows
        What waits, as if nothing had been missed: in order of arrival, and each that was missed in its place.
    closing_waits
        Whether the timer leaves bars open that have ended.

    Examples
    --------
    >>> from mdnb.runtime.live.placing import InIds
    >>> held = HeldTrades(5, by_id=True, on_rows=lambda rows: None)
    >>> held.keep([(20, 101.0, 1.0, 1, 0, 9), (18, 99.0, 1.0, 1, 0, 8)])
    >>> held.put([(11, 100.0, 1.0, 1, 0, 6), (15, 99.0, 1.0, 1, 0, 7)], InIds())
    >>> [row[5] for row in held.rows]
    [6, 7, 9, 8]
    """

    def __init__(
        self, base: int, *, by_id: bool, on_rows: Callable[[Sequence[TradeRow]], None], base_ns: int = 0
    ) -> None:
        self.base = base
        self.base_ns = base_ns
        self.by_id = by_id
        self.rows: list[TradeRow] = []
        self.closing_waits = True
        self._on_rows = on_rows

    def keep(self, rows: Sequence[TradeRow]) -> None:
        """Hold trades back that have just arrived."""
        self.rows += rows
        self._on_rows(rows)

    def change(self, row: TradeRow, now: TradeRow | None) -> None:
        """Let a trade that waits be another one, or none."""
        at = next((at for at, one in enumerate(self.rows) if one == row), None)
        if at is not None:
            self.rows[at : at + 1] = [] if now is None else [now]

    def put(self, rows: Sequence[TradeRow], order: Order) -> None:
        """Hold trades back that were missed, between those that wait already."""
        places = order.places(as_array(self.rows), rows)
        whole: list[TradeRow] = []
        begin = 0
        for place, row in sorted(zip(places, rows, strict=True), key=lambda one: one[0]):
            whole += self.rows[begin:place]
            whole.append(row)
            begin = place
        self.rows = whole + self.rows[begin:]
        self._on_rows(rows)
