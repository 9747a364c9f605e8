"""An order book as callers get it: frozen, readable by attribute and by key."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mdnb.types import Record, timestamp

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BookLevel", "OrderBookSnapshot"]

_NAN = float("nan")


@dataclasses.dataclass(frozen=True, slots=True)
class BookLevel(Record):
    """All orders at one price.

    Attributes
    ----------
    price, size
        Price units; base units or contracts.
    """

    price: float
    size: float


@dataclasses.dataclass(frozen=True, slots=True)
class OrderBookSnapshot(Record):
    """The best levels of an order book at one moment.

    Attributes
    ----------
    bids, asks
        Best first.
    imbalance
        (bid size - ask size) / (bid size + ask size) of these levels, -1..1; 0.0 in an empty book.
    ready
        False from the loss of a connection to the next snapshot: there are no levels then.
    age
        Seconds between the newest update and the moment this was asked for.

    Examples
    --------
    >>> book = OrderBookSnapshot("MNQ", 0, (BookLevel(9.0, 3.0),), (BookLevel(10.0, 1.0),), 0.5, True)
    >>> book.spread, book.mid, book["microprice"]
    (1.0, 9.5, 9.75)
    """

    symbol: str
    time_ns: int
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    imbalance: float
    ready: bool
    age: float = 0.0
    tz: str = dataclasses.field(default="UTC", repr=False)

    @property
    def best_bid(self) -> float:
        """Highest bid, ``nan`` without one."""
        return self.bids[0].price if self.bids else _NAN

    @property
    def best_ask(self) -> float:
        """Lowest ask, ``nan`` without one."""
        return self.asks[0].price if self.asks else _NAN

    @property
    def spread(self) -> float:
        """Best ask minus best bid, in price units."""
        return self.best_ask - self.best_bid

    @property
    def mid(self) -> float:
        """Middle of best bid and best ask."""
        return (self.best_bid + self.best_ask) / 2

    @property
    def microprice(self) -> float:
        """Mid weighted by the sizes across: (bid x ask size + ask x bid size) / (bid size + ask size).

        The weighted mid of Stoikov, *The micro-price*, Quantitative Finance 18 (2018) 1959-1966.
        """
        if not self.bids or not self.asks:
            return _NAN
        bid, ask = self.bids[0], self.asks[0]
        return (bid.price * ask.size + ask.price * bid.size) / (bid.size + ask.size)

    @property
    def timestamp(self) -> pd.Timestamp:
        """Time of the newest update in the suite's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)

    def __str__(self) -> str:
        rows = [f"{self.symbol} order book, imbalance {self.imbalance:+.2f}"]
        rows += [f"{'':>12} {level.price:>14,.8g} {level.size:>12,.8g}" for level in reversed(self.asks)]
        rows += [f"{level.size:>12,.8g} {level.price:>14,.8g}" for level in self.bids]
        return "\n".join(rows)
