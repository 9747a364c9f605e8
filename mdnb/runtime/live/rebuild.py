"""Rebuilds bars from the tick store, for trades that arrived after their bars were made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mdnb.bars.activity import ActivityBars
from mdnb.bars.rebuild import bar_from_trades, join_piece, merge_piece, rebuild_bar
from mdnb.rows import TradeRow
from mdnb.runtime.live.placing import Order
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.store.ticks import IN_BARS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Between", "keep_between", "put_between", "put_into_bars"]

_NS_PER_US = 1000

_NAMES = ("ts_ns", "price", "size", "count", "side", "trade_id")


Between = tuple[TradeRow, int, int]
"""A trade, and when those held next to it were made: the one before it, and the one after it."""


def put_into_bars(engine: SymbolState, rows: Sequence[TradeRow], *, stored: bool) -> None:
    """Add trades to the bars of their time, in order of arrival, as if they had never been held back.

    Parameters
    ----------
    rows
        Inside sessions; their bars are open, closed, or not there yet.
    stored
        Whether the rows are in the tick store. Where that holds every trade of an interval its bar is made
        anew from them, exactly; else the rows are merged in and count as its newest.
    """
    by_start: dict[int, list[TradeRow]] = {}
    grid = engine.cascade.root.grid
    for row in rows:
        span = grid.span(row[0])
        if span is not None:
            by_start.setdefault(span[0], []).append(row)
    for start, new in sorted(by_start.items()):
        span = grid.span(start)
        assert span is not None
        piece = bar_from_trades(start, new)
        if stored and engine.ticks.reaches(start):
            rebuild_bar(engine.cascade, bar_from_trades(start, _trades(engine, span)), piece)
        else:
            merge_piece(engine.cascade, piece)
    for bars in engine.activity.values():
        bars.push_rows(rows)


def put_between(
    engine: SymbolState, rows: Sequence[Between], order: Order, *, stored: bool
) -> list[ActivityBars]:
    """Add trades that were missed to the ticks and to the bars of their time, between those that were not.

    Parameters
    ----------
    rows
        Inside sessions, in their order.
    order
        Tells where they belong; those that were not missed stay in their order of arrival.
    stored
        Whether ticks are kept. Where they hold every trade of an interval its bar is made anew from them;
        else open and close follow from the neighbours.

    Returns
    -------
    list of ActivityBars
        Those that cannot be as they would have been: the ticks do not reach back to these trades.
    """
    trades = [row for row, _, _ in rows]
    new = keep_between(engine, trades, order, IN_BARS) if stored else None
    by_start: dict[int, list[Between]] = {}
    grid = engine.cascade.root.grid
    for between in rows:
        span = grid.span(between[0][0])
        assert span is not None
        by_start.setdefault(span[0], []).append(between)
    for start, inside in sorted(by_start.items()):
        span = grid.span(start)
        assert span is not None
        piece = bar_from_trades(start, [row for row, _, _ in inside])
        if stored and engine.ticks.reaches(start):
            whole = bar_from_trades(start, _trades(engine, span))
        else:
            opens, closes = inside[0][1] < span[0], inside[-1][2] >= span[1]
            whole = join_piece(engine.cascade, piece, opens=opens, closes=closes)
        rebuild_bar(engine.cascade, whole, piece)
    return _rebuild_activity(engine, trades, new)


def keep_between(engine: SymbolState, rows: Sequence[TradeRow], order: Order, flag: int) -> NDArray[np.bool_]:
    """Put trades that were missed between the ticks in memory; return which of the ticks they are."""
    ticks = engine.ticks
    return ticks.insert(rows, order.places(ticks.tail(len(ticks)), rows), flag)


def _rebuild_activity(
    engine: SymbolState, rows: Sequence[TradeRow], new: NDArray[np.bool_] | None
) -> list[ActivityBars]:
    """Make tick, volume and dollar bars anew since the first of some trades; return those that cannot be.

    Parameters
    ----------
    new
        Which of the ticks they are; None where they are not kept.
    """
    if not engine.activity or not rows:
        return []
    held = engine.ticks.tail(len(engine.ticks))
    is_whole = new is not None and np.count_nonzero(new) == len(rows)
    unplaced = []
    for bars in engine.activity.values():
        since = _since(bars, held, new) if is_whole and new is not None else None
        if since is None:
            bars.push_unplaced(rows)
            unplaced.append(bars)
        else:
            at, begin = since
            changed = bars.rebuild(at, _rows(held[begin:]))
            engine.amended += [(bars.name, row) for row in changed]
    return unplaced


def _since(bars: ActivityBars, held: NDArray[np.void], new: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Return the position of the first bar that new ticks change, and that of its first tick, if held."""
    first = int(np.argmax(new))
    in_bars = held["flag"] == IN_BARS
    counts = np.where(in_bars & ~new, held["count"], 0).astype(np.int64)
    behind = int(counts[first:].sum())
    found = bars.holding(behind)
    if found is None:
        return None
    at, count = found
    begin = first
    if count > behind:
        before = np.cumsum(counts[:first][::-1])
        back = int(np.searchsorted(before, count - behind))
        if back == len(before) or before[back] != count - behind:
            return None
        begin = first - 1 - back
    olds = np.flatnonzero(in_bars[begin:] & ~new[begin:])
    opening = bars.first_of(at)
    if (opening is None) != (len(olds) == 0):
        return None
    if opening is not None:
        start, price = held[begin + olds[0]].item()[:2]
        if (start // _NS_PER_US, price) != (opening[0] // _NS_PER_US, opening[1]):
            return None
    return at, begin


def _trades(engine: SymbolState, span: tuple[int, int]) -> list[TradeRow]:
    return _rows(engine.ticks.between(*span))


def _rows(held: NDArray[np.void]) -> list[TradeRow]:
    held = held[held["flag"] == IN_BARS]
    return list(zip(*(held[name].tolist() for name in _NAMES), strict=True))
