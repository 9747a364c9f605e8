"""Published outlier rules for recorded data: they look both ways, so they are for imports, not for live.

Each function returns a mask of the rows to keep; none deletes anything. The rules are named as in their
source:

* **BNHLS**: Barndorff-Nielsen, Hansen, Lunde and Shephard, *Realized kernels in practice: trades and quotes*,
  Econometrics Journal 12 (2009) C1-C32, section 3.1, rules P2, T3, T4, Q1 to Q4.
* **Brownlees-Gallo**: *Financial econometric analysis at ultra-high frequency: data handling concerns*,
  Computational Statistics & Data Analysis 51 (2006) 2232-2245.
* **Rolling medians over a day's deviation**: as the R package ``highfrequency`` documents for
  ``rmOutliersTrades`` and ``rmOutliersQuotes``.

Arrays are one-dimensional and of one symbol, oldest first. ``days`` labels the trading day of each row; rules
that look at neighbours or at a day's median never look across days.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mdnb.errors import OptionError, suggest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Floats = NDArray[np.float64]
    _Ints = NDArray[np.int64]
    _Mask = NDArray[np.bool_]

__all__ = [
    "keep_brownlees_gallo",
    "keep_narrow_spreads",
    "keep_near_medians",
    "keep_near_mids",
    "keep_nonzero",
    "keep_uncrossed",
    "keep_within_quotes",
    "merge_quotes",
    "merge_trades",
    "neighbour_rows",
]

# Rows judged at a time: bounds the memory for windows to some 30 MB.
_BLOCK = 32_768
# Makes the median absolute deviation of a normal sample its standard deviation.
_NORMAL = 1.4826


def keep_nonzero(*prices: _Floats) -> _Mask:
    """BNHLS P2: drop rows where a bid, an ask or a transaction price is zero.

    Parameters
    ----------
    prices
        float64, shape (n,) each.

    Returns
    -------
    bool, shape (n,)

    Examples
    --------
    >>> keep_nonzero(np.array([1.0, 0.0, 1.0]), np.array([2.0, 2.0, 0.0])).tolist()
    [True, False, False]
    """
    keep = np.ones(len(prices[0]), dtype=bool)
    for column in prices:
        keep &= column != 0
    return keep


def merge_trades(time_ns: _Ints, price: _Floats) -> tuple[_Mask, _Floats]:
    """BNHLS T3: trades of one time stamp become one, at their median price.

    Parameters
    ----------
    time_ns
        int64, shape (n,), not falling.
    price
        float64, shape (n,).

    Returns
    -------
    keep
        bool, shape (n,): the first row of each stamp.
    median
        float64, shape (n,): the median price of the row's stamp.

    Examples
    --------
    >>> keep, median = merge_trades(np.array([1, 2, 2]), np.array([10.0, 10.0, 11.0]))
    >>> keep.tolist(), median[keep].tolist()
    ([True, True, False], [10.0, 10.5])
    """
    first = np.flatnonzero(np.diff(time_ns, prepend=time_ns[:1] - 1))
    keep = np.zeros(len(time_ns), dtype=bool)
    keep[first] = True
    size = np.diff(np.append(first, len(time_ns)))
    # Sorted within each stamp, the median is the middle row, or half-way between the two middle ones.
    order = np.lexsort((price, np.repeat(np.arange(len(first)), size)))
    ranked = price[order]
    median = (ranked[first + (size - 1) // 2] + ranked[first + size // 2]) / 2
    return keep, np.repeat(median, size)


def merge_quotes(time_ns: _Ints, bid: _Floats, ask: _Floats) -> tuple[_Mask, _Floats, _Floats]:
    """BNHLS Q1: quotes of one time stamp become one, at their median bid and median ask.

    Parameters
    ----------
    time_ns
        int64, shape (n,), not falling.
    bid, ask
        float64, shape (n,).

    Returns
    -------
    keep
        bool, shape (n,): the first row of each stamp.
    bid, ask
        float64, shape (n,): medians of the row's stamp.
    """
    keep, bid_median = merge_trades(time_ns, bid)
    return keep, bid_median, merge_trades(time_ns, ask)[1]


def keep_within_quotes(trade_ns: _Ints, price: _Floats, quote_ns: _Ints, bid: _Floats, ask: _Floats) -> _Mask:
    """BNHLS T4: drop trades above the ask plus the spread, or below the bid minus the spread.

    A trade is held against the last quote at or before it; one before the first quote is kept.

    Parameters
    ----------
    trade_ns, price
        int64 and float64, shape (n,).
    quote_ns, bid, ask
        int64 and float64, shape (m,), times not falling.

    Returns
    -------
    bool, shape (n,)

    Examples
    --------
    >>> quotes = np.array([1]), np.array([100.0]), np.array([101.5])
    >>> keep_within_quotes(np.array([5, 5]), np.array([103.0, 103.5]), *quotes).tolist()
    [True, False]
    """
    at = np.searchsorted(quote_ns, trade_ns, side="right") - 1
    known = at >= 0
    keep = np.ones(len(trade_ns), dtype=bool)
    low, high = bid[at[known]], ask[at[known]]
    spread = high - low
    keep[known] = ~((price[known] > high + spread) | (price[known] < low - spread))
    return keep


def keep_uncrossed(bid: _Floats, ask: _Floats) -> _Mask:
    """BNHLS Q2: drop quotes with a negative spread. A locked quote (spread 0) is kept.

    Examples
    --------
    >>> keep_uncrossed(np.array([1.0, 1.0, 1.1]), np.array([1.1, 1.0, 1.0])).tolist()
    [True, True, False]
    """
    return ~(ask < bid)


def keep_narrow_spreads(bid: _Floats, ask: _Floats, days: _Ints, limit: float = 50.0) -> _Mask:
    """BNHLS Q3: drop quotes whose spread is more than ``limit`` times the median spread of the day.

    Returns
    -------
    bool, shape (n,)
    """
    spread = ask - bid
    keep = np.ones(len(spread), dtype=bool)
    for day in _days(days):
        keep[day] = ~(spread[day] > limit * np.median(spread[day]))
    return keep


def keep_near_mids(bid: _Floats, ask: _Floats, days: _Ints, window: int = 50, limit: float = 10.0) -> _Mask:
    """BNHLS Q4: drop quotes whose mid is far from the median of its neighbours.

    Far is more than ``limit`` mean absolute deviations of the ``window`` neighbours from their median: half
    of them before, half after, without the quote itself. At the ends of a day it is the nearest ``window``.

    Returns
    -------
    bool, shape (n,)
    """
    mid = (bid + ask) / 2

    def judge(values: _Floats, near: _Floats) -> _Mask:
        median = np.median(near, axis=1)
        return np.asarray(
            np.abs(values - median) <= limit * np.abs(near - median[:, None]).mean(axis=1), dtype=bool
        )

    return _by_neighbours(mid, days, window, judge)


def keep_brownlees_gallo(
    price: _Floats, days: _Ints, granularity: float, k: int = 60, trim: float = 0.1, limit: float = 3.0
) -> _Mask:
    """Brownlees-Gallo: keep ``|p - m| < 3 s + granularity``.

    ``m`` and ``s`` are mean and sample standard deviation of the ``k`` nearest neighbours on the day (the
    observation itself left out), of which the share ``trim`` is cut, half at either end.

    Parameters
    ----------
    price
        float64, shape (n,).
    days
        int64, shape (n,).
    granularity
        In price units, a multiple of the tick size, so that a flat price does not drop the next tick.
    k
        Neighbours, half before and half after.
    trim
        Share of the neighbours to cut, 0 to below 1.

    Returns
    -------
    bool, shape (n,)
    """
    if not 0 <= trim < 1:
        raise OptionError(f"trim must be from 0 to below 1; got {trim!r}")

    def judge(values: _Floats, near: _Floats) -> _Mask:
        cut = int(near.shape[1] * trim / 2)
        ranked = np.sort(near, axis=1)[:, cut : near.shape[1] - cut]
        spread = ranked.std(axis=1, ddof=1) if ranked.shape[1] > 1 else np.zeros(len(values))
        return np.asarray(np.abs(values - ranked.mean(axis=1)) < limit * spread + granularity, dtype=bool)

    return _by_neighbours(price, days, k, judge)


def keep_near_medians(
    price: _Floats,
    days: _Ints,
    window: int = 50,
    limit: float = 10.0,
    kind: Literal["standard", "advanced"] = "advanced",
) -> _Mask:
    """Drop prices far from a rolling median, measured by the whole day's median absolute deviation.

    Kept is a price with ``|price - m| < limit * 1.4826 * MAD``. ``m`` is the centred median of ``window``
    neighbours without the price itself (``standard``), or whichever is nearest of this, the median of the
    ``window`` rows before and the median of the ``window`` rows after (``advanced``: real jumps are kept). At
    the ends of a day the rows that exist count. For quotes, give mid prices. As in the rule's source, a day
    whose deviation is zero keeps nothing: do not judge a day on which half of all prices are equal by it.

    Returns
    -------
    bool, shape (n,)
    """
    if kind not in ("standard", "advanced"):
        raise OptionError(f"kind {kind!r} is not known. {suggest(kind, ('standard', 'advanced'))}")
    half = window // 2
    keep = np.ones(len(price), dtype=bool)
    for day in _days(days):
        values = price[day]
        if len(values) < 2:
            continue
        off = np.abs(values - _side_medians(values, half, half))
        if kind == "advanced":
            before = np.abs(values - _side_medians(values, 2 * half, 0))
            after = np.abs(values - _side_medians(values, 0, 2 * half))
            off = np.fmin(off, np.fmin(before, after))
        deviation = _NORMAL * np.median(np.abs(values - np.median(values)))
        keep[day] = off < limit * deviation
    return keep


def neighbour_rows(count: int, k: int) -> Iterator[tuple[slice, NDArray[np.intp]]]:
    """Yield blocks of rows with the ``k`` nearest others of each, half before and half after it.

    Yields
    ------
    rows
        The rows of the block.
    near
        intp, shape (rows, min(k, count - 1)).

    Examples
    --------
    >>> [near.tolist() for _, near in neighbour_rows(4, 2)]
    [[[1, 2], [0, 2], [1, 3], [1, 2]]]
    """
    k = min(k, count - 1)
    offsets = np.arange(k)
    for start in range(0, count, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, count))
        low = np.clip(rows - k // 2, 0, count - 1 - k)
        near = low[:, None] + offsets
        # The row itself is stepped over.
        yield slice(start, start + len(rows)), near + (near >= rows[:, None])


def _by_neighbours(values: _Floats, days: _Ints, k: int, judge: Callable[[_Floats, _Floats], _Mask]) -> _Mask:
    if k < 2:
        raise OptionError(f"there must be at least 2 neighbours; got {k!r}")
    keep = np.ones(len(values), dtype=bool)
    for day in _days(days):
        of_day = values[day]
        if len(of_day) < 3:
            continue
        kept = [judge(of_day[rows], of_day[near]) for rows, near in neighbour_rows(len(of_day), k)]
        keep[day] = np.concatenate(kept)
    return keep


def _days(days: _Ints) -> Iterator[slice]:
    first = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
    for start, end in itertools.pairwise([*first.tolist(), len(days)]):
        yield slice(start, end)


def _side_medians(values: _Floats, before: int, after: int) -> _Floats:
    """Return the median of so many rows before and after each; ``nan`` where there are none."""
    count = len(values)
    out = np.full(count, np.nan)
    width = before + after + 1
    others = np.delete(np.arange(width), before)
    inner = count - width + 1
    for start in range(0, max(inner, 0), _BLOCK):
        block = sliding_window_view(values[start : start + _BLOCK + width - 1], width)
        out[before + start : before + start + len(block)] = np.median(block[:, others], axis=1)
    for i in (*range(min(before, count)), *range(max(count - after, before), count)):
        near = np.concatenate((values[max(0, i - before) : i], values[i + 1 : i + 1 + after]))
        if len(near):
            out[i] = np.median(near)
    return out
