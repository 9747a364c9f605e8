"""An order book kept from a snapshot and updates (hot path while depth is subscribed)."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable

from mdnb.batch import DepthUpdate

__all__ = ["Levels", "OrderBook"]

Levels = list[tuple[float, float]]
"""``(price, size)``, best first."""


class OrderBook:
    """Bids and asks by price, never crossed for readers.

    A snapshot replaces everything; an update sets the sizes of its levels, and size 0 removes one. Where an
    update leaves the best bid at or above the best ask, the levels of the other side that it crosses are
    older than it and are removed. A level that is no price, or has a negative size, is refused.

    Parameters
    ----------
    needs_snapshot
        Updates before the first snapshot are not applied: they change a book that is not known.

    Attributes
    ----------
    time_ns
        Of the newest update, UTC epoch nanoseconds; 0 before any.
    updates, snapshots, refused, early
        Updates applied, snapshots among them, levels refused, updates that came before any snapshot.
    crossed_removed
        Levels removed because a newer update crossed them.

    Examples
    --------
    >>> book = OrderBook()
    >>> book.apply(DepthUpdate(1, True, [(9.0, 5.0), (8.0, 1.0)], [(10.0, 2.0)]))
    >>> book.apply(DepthUpdate(2, False, [(9.0, 0.0)], []))
    >>> book.levels(10)
    ([(8.0, 1.0)], [(10.0, 2.0)])
    """

    def __init__(self, needs_snapshot: bool = True) -> None:
        self.needs_snapshot = needs_snapshot
        self.time_ns = 0
        self.updates = self.snapshots = self.refused = self.early = self.crossed_removed = 0
        self._known = not needs_snapshot
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        # Prices in rising order: the best bid is the last one, the best ask the first.
        self._bid_prices: list[float] = []
        self._ask_prices: list[float] = []

    @property
    def ready(self) -> bool:
        """Whether the book is known: a snapshot has come since the connection was lost."""
        return self._known and bool(self._bids or self._asks)

    def reset(self) -> None:
        """Forget all levels, as when the connection is lost: what changes meanwhile is not known."""
        self._clear()
        self._known = not self.needs_snapshot

    def _clear(self) -> None:
        self._bids.clear()
        self._asks.clear()
        self._bid_prices.clear()
        self._ask_prices.clear()

    def apply(self, update: DepthUpdate) -> None:
        """Apply a snapshot or an update."""
        if update.snapshot:
            self._clear()
            self._known = True
            self.snapshots += 1
        elif not self._known:
            self.early += 1
            return
        self.updates += 1
        self.time_ns = max(self.time_ns, update.ts_ns)
        self._set(self._bids, self._bid_prices, update.bids)
        self._set(self._asks, self._ask_prices, update.asks)
        if self._bid_prices and self._ask_prices and self._bid_prices[-1] >= self._ask_prices[0]:
            self._uncross(update)

    def _set(
        self, levels: dict[float, float], prices: list[float], changes: Iterable[tuple[float, float]]
    ) -> None:
        for price, size in changes:
            if not (0 < price < math.inf and 0 <= size < math.inf):
                self.refused += 1
            elif size == 0:
                if levels.pop(price, None) is not None:
                    del prices[bisect_left(prices, price)]
            else:
                if price not in levels:
                    insort(prices, price)
                levels[price] = size

    def _uncross(self, update: DepthUpdate) -> None:
        """Remove the levels that this update shows to be out of date."""
        newest_bid = max((price for price, size in update.bids if size > 0), default=-math.inf)
        newest_ask = min((price for price, size in update.asks if size > 0), default=math.inf)
        bids, asks = self._bid_prices, self._ask_prices
        while bids and asks and bids[-1] >= asks[0]:
            # Where both sides are new, as in a snapshot that is crossed itself, the bid goes.
            if newest_bid >= asks[0] and newest_ask > bids[-1]:
                del self._asks[asks.pop(0)]
            else:
                del self._bids[bids.pop()]
            self.crossed_removed += 1

    def levels(self, count: int) -> tuple[Levels, Levels]:
        """Return the best so many bids and asks, best first."""
        bids = [(price, self._bids[price]) for price in reversed(self._bid_prices[-count:])] if count else []
        asks = [(price, self._asks[price]) for price in self._ask_prices[:count]]
        return bids, asks

    def imbalance(self, count: int = 10) -> float:
        """Return (bid size - ask size) / (bid size + ask size) of the best so many levels, -1..1.

        0.0 where the book is empty.

        Examples
        --------
        >>> book = OrderBook()
        >>> book.apply(DepthUpdate(1, True, [(9.0, 3.0)], [(10.0, 1.0)]))
        >>> book.imbalance()
        0.5
        """
        bids, asks = self.levels(count)
        bid, ask = sum(size for _, size in bids), sum(size for _, size in asks)
        return (bid - ask) / (bid + ask) if bid + ask else 0.0
