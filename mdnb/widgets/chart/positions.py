"""The position that a chart shows of each symbol, until it is changed or taken away."""

from __future__ import annotations

import math
from collections.abc import Callable

from mdnb.arguments import finite_number
from mdnb.errors import OptionError
from mdnb.widgets.figure.bar_source import BarSource
from mdnb.widgets.figure.position import Position

__all__ = ["Positions"]


class Positions:
    """The positions of one chart, one of each symbol.

    Parameters
    ----------
    source
        Returns what the chart shows now.
    sources
        Returns the source of a symbol, by its name; None where there is none.
    changed
        Called after each change, from the thread that made it.
    """

    def __init__(
        self,
        source: Callable[[], BarSource],
        sources: Callable[[str], BarSource | None],
        changed: Callable[[], None],
    ) -> None:
        self._source = source
        self._sources = sources
        self._changed = changed
        self._held: dict[str, Position] = {}
        self.version = 0

    def show(self, entry: float, size: float) -> Position:
        """Show a position in the chart's symbol: a line at its entry, and what it has gained, growing live.

        It takes the place of the one shown before, stays through timeframes and reloads, and is in pictures
        and exported pages. Nothing is traded.

        Parameters
        ----------
        entry
            The price at which it was entered, in price units.
        size
            Lots, contracts or coins: above zero where it was bought, below where it was sold short.

        Returns
        -------
        Position
            `Position.profit` is what it has gained, `Position.remove` takes it away.

        Raises
        ------
        OptionError
            When one of them is no finite number, or the size is zero.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as live:
        ...     position = live.chart("1min").position(entry=live.price - 10, size=2)
        ...     position.point_value, position.profit_at(position.entry + 10)
        (2.0, 40.0)
        """
        price, held = finite_number("entry", entry), finite_number("size", size)
        if not held:
            raise OptionError("size is 0: give what is held, below zero where it was sold short")
        source = self._source()
        worth = source.instrument.point_value or 1.0
        made = Position(source.symbol, price, held, worth, self)
        self._put(source.symbol, made)
        return made

    def of(self, symbol: str) -> Position | None:
        """Return the position of a symbol; None where none is shown."""
        return self._held.get(symbol)

    def all(self) -> dict[str, Position]:
        """Return all positions, by symbol."""
        return dict(self._held)

    def put(self, symbol: str, entry: float, size: float, point_value: float) -> None:
        """Put one back that is checked."""
        self._put(symbol, Position(symbol, entry, size, point_value, self))

    def remove(self, position: Position) -> None:
        """Take a position away; one that is shown no more stays so."""
        if self._held.get(position.symbol) is position:
            self._put(position.symbol, None)

    def last_price(self, symbol: str) -> float:
        """Return a symbol's newest price; not a number before any."""
        source = self._sources(symbol)
        bars = None if source is None else source.columns(source.timeframes()[0], 1)
        return float(bars.close[-1]) if bars is not None and len(bars) else math.nan

    def _put(self, symbol: str, position: Position | None) -> None:
        held = dict(self._held)
        if position is None:
            held.pop(symbol, None)
        else:
            held[symbol] = position
        self._held = held
        self.version += 1
        self._changed()
