"""Rebuilds bars from the tick store, for trades that arrived after their bars were made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mdnb.bars.rebuild import bar_from_trades, merge_piece, rebuild_bar
from mdnb.rows import TradeRow
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.store.ticks import IN_BARS

__all__ = ["put_into_bars"]

_NAMES = ("ts_ns", "price", "size", "count", "side", "trade_id")


def put_into_bars(engine: SymbolState, rows: Sequence[TradeRow], *, by_id: bool, stored: bool) -> None:
    """Add trades to the bars of their time, as if they had arrived in time.

    Parameters
    ----------
    rows
        Inside sessions; their bars are open, closed, or not there yet.
    by_id
        The order of trades is that of their ids, else that of arrival.
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
            rebuild_bar(engine.cascade, bar_from_trades(start, _trades(engine, span, by_id=by_id)), piece)
        else:
            merge_piece(engine.cascade, piece)
    for bars in engine.activity.values():
        bars.push_rows(rows)


def _trades(engine: SymbolState, span: tuple[int, int], *, by_id: bool) -> list[TradeRow]:
    held = engine.ticks.between(*span)
    held = held[held["flag"] == IN_BARS]
    if by_id:
        held = held[np.argsort(held["trade_id"], kind="stable")]
    return list(zip(*(held[name].tolist() for name in _NAMES), strict=True))
