"""`Position`: a position that a chart shows, with what it has gained."""

from __future__ import annotations

import dataclasses
from typing import Protocol

__all__ = ["Position", "PositionHolder", "money", "quantity"]


class PositionHolder(Protocol):
    """What holds the positions of a chart."""

    def remove(self, position: Position) -> None:
        """Take a position away."""
        ...

    def last_price(self, symbol: str) -> float:
        """Return a symbol's newest price; not a number before any."""
        ...


@dataclasses.dataclass(eq=False, slots=True)
class Position:
    """A position on a chart; made by ``chart.position(entry, size)``.

    Attributes
    ----------
    symbol
        Of what it is.
    entry
        The price at which it was entered, in price units.
    size
        Lots, contracts or coins: above zero where it was bought, below where it was sold short.
    point_value
        Money that a full point of price is worth, for one of them; 1 where the instrument says nothing.
    """

    symbol: str
    entry: float
    size: float
    point_value: float
    _held: PositionHolder = dataclasses.field(repr=False)

    def profit_at(self, price: float) -> float:
        """Return what it has gained at a price, without costs: ``(price - entry) * size * point_value``."""
        return (price - self.entry) * self.size * self.point_value

    @property
    def profit(self) -> float:
        """What it has gained at the newest price, in the instrument's money; not a number before any."""
        return self.profit_at(self._held.last_price(self.symbol))

    def remove(self) -> None:
        """Take it off the chart; calling it again does nothing."""
        self._held.remove(self)


def money(amount: float) -> str:
    """Return an amount with its sign, as charts write it.

    Examples
    --------
    >>> money(1234.5), money(-0.001), money(-20)
    ('+1,234.50', '0.00', '−20.00')
    """
    words = f"{abs(amount):,.2f}"
    if words == "0.00":
        return words
    return f"+{words}" if amount > 0 else f"\N{MINUS SIGN}{words}"


def quantity(size: float) -> str:
    """Return a size with its sign, with no more digits than it has.

    Examples
    --------
    >>> quantity(2.0), quantity(-0.25)
    ('+2', '−0.25')
    """
    return ("+" if size > 0 else "\N{MINUS SIGN}") + f"{abs(size):.12g}"
