"""Rebuilds bars from the tick store, for trades that arrived after their bars were made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mdnb.bars.rebuild import bar_from_trades, join_piece, merge_piece, rebuild_bar
from mdnb.rows import TradeRow
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.store.ticks import IN_BARS

__all__ = ["Between", "put_between", "put_into_bars"]

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


def put_between(engine: SymbolState, rows: Sequence[Between], *, by_id: bool, stored: bool) -> None:
    """Add trades that were missed to the bars of their time, between those that were not.

    Parameters
    ----------
    rows
        Inside sessions, in their order.
    by_id
        The order of trades is that of their ids, else that of their times.
    stored
        Whether the rows are in the tick store. Where that holds every trade of an interval its bar is made
        anew from them; else open and close follow from the neighbours.
    """
    by_start: dict[int, list[Between]] = {}
    grid = engine.cascade.root.grid
    for between in rows:
        span = grid.span(between[0][0])
        assert span is not None
        by_start.setdefault(span[0], []).append(between)
    for start, new in sorted(by_start.items()):
        span = grid.span(start)
        assert span is not None
        piece = bar_from_trades(start, [row for row, _, _ in new])
        if stored and engine.ticks.reaches(start):
            order = "trade_id" if by_id else "ts_ns"
            whole = bar_from_trades(start, _trades(engine, span, order))
        else:
            opens, closes = new[0][1] < span[0], new[-1][2] >= span[1]
            whole = join_piece(engine.cascade, piece, opens=opens, closes=closes)
        rebuild_bar(engine.cascade, whole, piece)
    for bars in engine.activity.values():
        bars.push_rows([row for row, _, _ in rows])


def _trades(engine: SymbolState, span: tuple[int, int], order: str = "") -> list[TradeRow]:
    held = engine.ticks.between(*span)
    held = held[held["flag"] == IN_BARS]
    if order:
        held = held[np.argsort(held[order], kind="stable")]
    return list(zip(*(held[name].tolist() for name in _NAMES), strict=True))
