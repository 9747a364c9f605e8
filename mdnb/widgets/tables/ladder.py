"""`DepthLadder`: the order book, asks above and bids below."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from typing import Any

from mdnb.depth import BookLevel
from mdnb.number_format import SIZE_DECIMALS, decimals_needed
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.widgets.figure.decimals import PriceDecimals
from mdnb.widgets.tables.base import MOST_ROWS, LiveTable, row_limit
from mdnb.widgets.tables.cell_format import arrow, number, signed
from mdnb.widgets.tables.state import Cell, Column, Row, TableState, Tone

__all__ = ["DepthLadder"]

_COLUMNS = (Column("Side", False), Column("Price"), Column("Size"), Column("Sum"))
_BLANK = Row((Cell(""),) * len(_COLUMNS), "blank")


class DepthLadder(LiveTable[TableState]):
    """The best levels of one symbol's order book: asks above, bids below, the best ones in the middle.

    Behind each size is a bar, as long as its share of the largest one shown; ``Sum`` is the size from the
    best level to this one. The head has the spread in price units and the imbalance of the levels shown, see
    `mdnb.depth.imbalance`.

    Parameters
    ----------
    engine
        Where the book is kept, such as ``suite.data.engine``. The book has to be subscribed.
    levels
        How many levels a side are shown, 1..100.
    fps, palette
        As for `LiveTable`.

    Raises
    ------
    OptionError
        When an option is outside what is allowed.
    """

    def __init__(self, engine: SymbolState, levels: int = 10, **options: Any) -> None:
        self._levels = row_limit("levels", levels, MOST_ROWS // 2)
        self._size_decimals = 0
        self._prices = PriceDecimals()
        super().__init__([engine], **options)

    def _version(self) -> Hashable:
        book = self._engine.depth
        return book.updates, book.ready, len(book), self._status()

    def _compose(self) -> TableState:
        engine = self._engine
        book = engine.order_book(self._levels)
        levels = (*book.bids, *book.asks)
        sizes, prices = [level.size for level in levels], [level.price for level in levels]
        places = self._prices.of(engine.instrument, prices)
        self._size_decimals = decimals_needed(sizes, self._size_decimals, SIZE_DECIMALS)
        largest = max(sizes, default=0.0)
        asks = self._side("ask", "down", book.asks, largest, places)[::-1]
        bids = self._side("bid", "up", book.bids, largest, places)
        # As many rows as levels are wanted, so that the middle stays where it is.
        rows = [
            *[_BLANK] * (self._levels - len(asks)),
            *asks,
            *bids,
            *[_BLANK] * (self._levels - len(bids)),
        ]
        share = 100 * book.imbalance
        lean: Tone = "up" if share > 0 else "down" if share < 0 else ""
        facts = (
            ("spread", Cell(number(book.spread, places))),
            ("imbalance", Cell(f"{arrow(share)} {signed(share, 0)} %".strip(), lean)),
        )
        note = "" if book.ready else "waiting for the venue's whole order book"
        return TableState(
            f"{engine.symbol} · order book", facts, self._badge(), _COLUMNS, tuple(rows), heading=1, note=note
        )

    def _side(
        self, name: str, tone: Tone, levels: Sequence[BookLevel], largest: float, places: int
    ) -> list[Row]:
        """Return one side's rows, the best one first."""
        digits = self._size_decimals
        sums = itertools.accumulate(level.size for level in levels)
        return [
            Row(
                (
                    Cell(name, tone),
                    Cell(number(level.price, places), tone),
                    Cell(
                        number(level.size, digits), tone, share=level.size / largest if largest > 0 else 0.0
                    ),
                    Cell(number(total, digits), "muted"),
                ),
                "edge" if at == 0 and name == "bid" else "",
            )
            for at, (level, total) in enumerate(zip(levels, sums, strict=True))
        ]
