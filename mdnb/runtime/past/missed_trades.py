"""Adds data older than the live stream: history at the start, and trades missed in an outage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mdnb.rows import BarRow, TradeRow
from mdnb.runtime.live.rebuild import put_into_bars

if TYPE_CHECKING:
    from mdnb.runtime.live.pipeline import Pipeline

__all__ = ["backfill", "load_bars", "load_trades", "put_back"]

_NO_LIMIT = 2**63 - 1


def load_bars(pipeline: Pipeline, rows: Sequence[BarRow], boundary_ns: int) -> None:
    """Add history: closed bars of the root's timeframe up to a boundary; no events are emitted."""
    engine = pipeline.engine
    with engine.lock:
        received = len(rows)
        rows = pipeline.possible(engine.cascade.root.name, rows)
        # Of the history only what is refused is counted, on both sides of the account.
        pipeline.ledger.received += received - len(rows)
        engine.cascade.push_bars(rows)
        engine.cascade.close_until(boundary_ns)
        for bars in (engine.closed, engine.cascade.amended):
            bars.clear()
        if rows:
            last = rows[-1]
            engine.last_trade = (last[0], last[4], last[5], last[6], 0, -1)
        engine.updates += 1


def load_trades(pipeline: Pipeline, rows: Sequence[TradeRow], boundary_ns: int) -> None:
    """Add history: trades since the boundary go into the bars, older ones are only kept as ticks."""
    engine = pipeline.engine
    with engine.lock:
        rows, _ = pipeline.duplicates.split(rows)
        engine.ticks.extend(rows)
        for bars in engine.activity.values():
            bars.push_rows(rows)
        newer = [row for row in rows if row[0] >= boundary_ns]
        engine.cascade.push_rows(newer)
        if rows:
            engine.last_trade = rows[-1]
            pipeline.rules.seed([row[1] for row in rows[-64:]])
        engine.cascade.refused.clear()
        engine.cascade.amended.clear()
        engine.closed.clear()
        engine.updates += 1


def backfill(pipeline: Pipeline, rows: Sequence[TradeRow]) -> int:
    """Add trades missed in an outage, however old, before live ones go on; return how many."""
    cascade = pipeline.engine.cascade
    lateness, cascade.max_lateness_ns = cascade.max_lateness_ns, _NO_LIMIT
    before = pipeline.ledger.duplicate
    try:
        pipeline.take_trades(rows)
    finally:
        cascade.max_lateness_ns = lateness
    put = len(rows) - (pipeline.ledger.duplicate - before)
    pipeline.ledger.backfilled += put
    pipeline.engine.notify()
    return put


def put_back(pipeline: Pipeline, rows: Sequence[TradeRow]) -> int:
    """Add trades whose ids were skipped, after later ones; bars are rebuilt in order of id."""
    engine, ledger = pipeline.engine, pipeline.ledger
    with engine.lock:
        ledger.received += len(rows)
        rows, again = pipeline.duplicates.split(rows)
        ledger.duplicate += len(again)
        inside = [row for row in rows if engine.cascade.root.grid.span(row[0]) is not None]
        ledger.rejected["outside_session"] += len(rows) - len(inside)
        if engine.config.enable_tick_data:
            engine.ticks.extend(inside)
        put_into_bars(engine, inside, by_id=True, stored=engine.config.enable_tick_data)
        ledger.in_bars += len(inside)
        ledger.backfilled += len(inside)
        engine.updates += 1
        closed, amended = pipeline.collect()
    pipeline.publish(closed, amended)
    engine.notify()
    return len(inside)
