"""Trades and quotes that were kept somewhere: those that can be, by the rules of live ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["possible_quotes", "possible_ticks"]


def possible_ticks(rows: NDArray[np.void], *, positive_prices: bool = True) -> NDArray[np.void]:
    """Return the trades whose price and size can be.

    Parameters
    ----------
    rows
        Structured, with ``price`` and ``size``.
    positive_prices
        Whether a price of zero or below it cannot.
    """
    price, size = rows["price"], rows["size"]
    good = np.isfinite(price) & np.isfinite(size) & (size >= 0)
    if positive_prices:
        good &= price > 0
    return rows if good.all() else rows[good]


def possible_quotes(rows: NDArray[np.void], *, positive_prices: bool = True) -> NDArray[np.void]:
    """Return the quotes that can be, as `mdnb.validate.live_checks.quote_fault` has it; ``nan`` is no side.

    Parameters
    ----------
    rows
        Structured, with ``bid``, ``bid_size``, ``ask`` and ``ask_size``.
    positive_prices
        Whether a bid below zero, and an ask at or below it, cannot.

    Examples
    --------
    >>> kinds = [(name, "f8") for name in ("bid", "bid_size", "ask", "ask_size")]
    >>> rows = np.array([(0.0, 1, 1.0, 1), (-0.5, 1, 1.0, 1), (float("nan"), 1, 1.0, 1)], kinds)
    >>> len(possible_quotes(rows)), len(possible_quotes(rows, positive_prices=False))
    (2, 3)
    """
    bid, ask = rows["bid"], rows["ask"]
    good = ~np.isinf(bid) & ~np.isinf(ask) & ~(rows["bid_size"] < 0) & ~(rows["ask_size"] < 0)
    if positive_prices:
        good &= ~(bid < 0) & ~(ask <= 0)
    return rows if good.all() else rows[good]
