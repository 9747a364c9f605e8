"""The order book as callers get it: frozen records, and imbalance and microprice."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mdnb.number_format import decimals_needed, price_text
from mdnb.records import Record, timestamp

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BookLevel", "OrderBookView", "imbalance", "microprice"]

_NAN = float("nan")


def imbalance(bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]]) -> float:
    """Return the order book imbalance, -1 to 1: ``(bid - ask) / (bid + ask)`` of the summed sizes.

    Parameters
    ----------
    bids, asks
        Levels as ``(price, size)``.

    Returns
    -------
    float
        From -1 (only asks) to 1 (only bids); 0.0 where there is no size at all.

    Examples
    --------
    >>> imbalance([(100.0, 3.0)], [(101.0, 1.0)])
    0.5
    """
    bid, ask = sum(size for _, size in bids), sum(size for _, size in asks)
    total = bid + ask
    share = (bid - ask) / total if total > 0 else 0.0
    # Sizes so large that their sum is no number say nothing.
    return share if share == share else 0.0


def microprice(bid: float, bid_size: float, ask: float, ask_size: float) -> float:
    """Return the microprice: the mid weighted by the other side's size, so it leans to the thinner side.

    ``(bid * ask_size + ask * bid_size) / (bid_size + ask_size)``. S. Stoikov, "The micro-price: a
    high-frequency estimator of future prices", Quantitative Finance 18(12), 2018, calls this the weighted
    mid-price and keeps the name micro-price for an estimate that corrects it; most platforms call it
    microprice.

    Returns
    -------
    float
        A price; ``nan`` where a side is missing.

    Examples
    --------
    >>> microprice(100.0, 3.0, 101.0, 1.0)
    100.75
    """
    total = bid_size + ask_size
    return bid + (ask - bid) * (bid_size / total) if total > 0 else _NAN


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class BookLevel(Record):
    """One price level of an order book: its price and size.

    Attributes
    ----------
    price
        In price units.
    size
        Base units or contracts.
    decimals
        How the price is shown; None takes as many as it needs.
    """

    price: float
    size: float
    decimals: int | None = dataclasses.field(default=None, repr=False, compare=False, kw_only=True)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class OrderBookView(Record):
    """The best levels of an order book at one moment.

    Attributes
    ----------
    symbol
        As the feed writes it.
    time_ns
        The venue's time of the newest update, UTC epoch nanoseconds; 0 where it gives none.
    bids, asks
        Levels, best first; never crossed.
    imbalance
        Of the levels shown, -1 (only asks) to 1 (only bids); see `mdnb.depth.imbalance`.
    ready
        False until the venue has sent the whole book, and again after the connection was lost.
    age
        Seconds between the newest update's arrival and the moment it was asked for.
    tz, decimals
        How times and prices are shown; None takes as many decimals as the prices need.

    Examples
    --------
    >>> level = BookLevel
    >>> book = OrderBookView("MNQ", 0, (level(100.25, 3.0), level(100.0, 8.0)), (level(100.5, 1.0),), 0.83)
    >>> book.best_bid, book["spread"], book.microprice
    (100.25, 0.25, 100.4375)
    >>> print(book)
    MNQ 1970-01-01 00:00:00+00:00
       ask  100.50  1
    spread    0.25
       bid  100.25  3
       bid  100.00  8
    """

    symbol: str
    time_ns: int
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    imbalance: float = 0.0
    ready: bool = True
    age: float = 0.0
    tz: str = dataclasses.field(default="UTC", repr=False)
    decimals: int | None = dataclasses.field(default=None, repr=False, compare=False, kw_only=True)

    @property
    def best_bid(self) -> float:
        """Highest price bid, ``nan`` where there is none."""
        return self.bids[0].price if self.bids else _NAN

    @property
    def best_ask(self) -> float:
        """Lowest price asked, ``nan`` where there is none."""
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
        """Middle weighted by the other side's size; see `mdnb.depth.microprice`."""
        if not self.bids or not self.asks:
            return _NAN
        return microprice(self.best_bid, self.bids[0].size, self.best_ask, self.asks[0].size)

    @property
    def bid_volume(self) -> float:
        """Sum of the sizes of the bids shown."""
        return float(sum(level.size for level in self.bids))

    @property
    def ask_volume(self) -> float:
        """Sum of the sizes of the asks shown."""
        return float(sum(level.size for level in self.asks))

    @property
    def timestamp(self) -> pd.Timestamp:
        """The venue's time in the suite's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)

    def _ladder(self) -> list[tuple[str, str, str]]:
        """Return what is shown of it, asks above bids: side, price and size as texts."""
        levels = (*self.bids, *self.asks)
        places = max(self.decimals or 0, decimals_needed(level.price for level in levels))
        size_places = decimals_needed(level.size for level in levels)

        def row(name: str, level: BookLevel) -> tuple[str, str, str]:
            return name, price_text(level.price, places), f"{level.size:,.{size_places}f}"

        spread = [("spread", price_text(self.spread, places), "")] if self.bids and self.asks else []
        asks = [row("ask", level) for level in reversed(self.asks)]
        return [*asks, *spread, *(row("bid", level) for level in self.bids)]

    def _head(self) -> str:
        state = "" if self.ready else " (incomplete: the venue has not sent the whole book)"
        return f"{self.symbol} {self.timestamp}{state}"

    def __str__(self) -> str:
        rows = self._ladder()
        price_width, size_width = (max((len(row[at]) for row in rows), default=0) for at in (1, 2))
        lines = [
            f"{name:>6}  {price:>{price_width}}  {size:>{size_width}}".rstrip() for name, price, size in rows
        ]
        return "\n".join([self._head(), *(lines or ["   no levels"])])

    def _repr_html_(self) -> str:
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in self._ladder()
        )
        heads = "".join(f"<th>{head}</th>" for head in ("side", "price", "size"))
        rows = body or "<tr><td colspan='3'>no levels</td></tr>"
        return (
            f"<div><strong>{html.escape(self._head())}</strong>"
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
