"""Adds data older than the live stream: history at the start, and trades missed in an outage."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mdnb.rows import BarRow, TradeRow
from mdnb.runtime.live.outlier_gate import keep_ticks
from mdnb.runtime.live.rebuild import put_between
from mdnb.store.ticks import WAITING

if TYPE_CHECKING:
    from mdnb.runtime.live.pipeline import Pipeline
    from mdnb.runtime.live.rebuild import Between

__all__ = ["backfill", "load_bars", "load_trades", "put_back", "put_back_by_time"]

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
        pipeline.duplicates.expect_again(rows)
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
    """Add missed trades, however old, that come after all that are held; return how many were new."""
    cascade, ledger = pipeline.engine.cascade, pipeline.ledger
    lateness, cascade.max_lateness_ns = cascade.max_lateness_ns, _NO_LIMIT
    received, before = ledger.received, ledger.duplicate
    try:
        pipeline.take_trades(rows)
    finally:
        cascade.max_lateness_ns = lateness
    # Whoever asks twice is answered twice: that is no duplicate of the feed's.
    again, ledger.duplicate = ledger.duplicate - before, before
    ledger.received -= again
    put = ledger.received - received
    ledger.backfilled += put
    pipeline.engine.notify()
    return put


def put_back(pipeline: Pipeline, rows: Sequence[TradeRow]) -> int:
    """Add those of the history's trades that are missing, each where it belongs by its id; return how many.

    What is newer than all that is held goes on from there; the rest is put between the trades held.
    """
    seen = pipeline.duplicates
    numbered = sorted({row[5]: row for row in rows if row[5] >= 0}.items())
    holes = [(row, hole) for number, row in numbered if (hole := seen.hole_of(number)) is not None]
    ahead = [row for number, row in numbered if number > seen.highest]
    seen.split([row for row, _ in holes])
    put = _put_behind(
        pipeline,
        [(row, hole.low_ns, hole.high_ns) for row, hole in holes],
        {row[5]: hole.low_id for row, hole in holes},
        by_id=True,
    )
    return put + (backfill(pipeline, ahead) if ahead else 0)


def put_back_by_time(pipeline: Pipeline, rows: Sequence[TradeRow], low_ns: int, high_ns: int) -> int:
    """Add those of the history's trades that are missing between two trades held; return how many.

    Parameters
    ----------
    low_ns, high_ns
        When the trades around the outage were made. Where trades have no ids at all, each of the ticks in
        memory stands for one of the history's that is equal.
    """
    seen = pipeline.duplicates
    inside = sorted((row for row in rows if low_ns <= row[0] <= high_ns), key=lambda row: row[0])
    fresh = _not_held(pipeline, inside) if seen.ids == "none" else seen.split(inside)[0]
    between = [(row, low_ns, high_ns) for row in fresh]
    return _put_behind(pipeline, between, {row[5]: low_ns for row in fresh}, by_id=False)


def _not_held(pipeline: Pipeline, rows: Sequence[TradeRow]) -> list[TradeRow]:
    if not rows:
        return []
    ticks = pipeline.engine.ticks.between(rows[0][0], rows[-1][0] + 1)
    held = collections.Counter(ticks[["ts_ns", "price", "size"]].tolist())
    fresh = []
    for row in rows:
        if held[row[:3]] > 0:
            held[row[:3]] -= 1
        else:
            fresh.append(row)
    return fresh


def _put_behind(pipeline: Pipeline, rows: Sequence[Between], bases: Mapping[int, int], *, by_id: bool) -> int:
    """Put new trades, in their order, between those held, or to those whose bars wait; return how many.

    Parameters
    ----------
    bases
        By id: the trade held before the hole that the trade is from, as `HeldTrades` names its own.
    """
    rows = [one for one in rows if pipeline.builds_bar_at(one[0][0])]
    if not rows:
        return 0
    engine, ledger, held = pipeline.engine, pipeline.ledger, pipeline.held
    with engine.lock:
        ledger.received += len(rows)
        ledger.backfilled += len(rows)
        if engine.config.data_validation:
            good, rejected = pipeline.rules.split([row for row, _, _ in rows])
            for reason, row in rejected:
                ledger.reject(reason)
                pipeline.quality.rejected(reason, row)
            ledger.backfilled -= len(rejected)
            kept = set(map(id, good))
            rows = [one for one in rows if id(one[0]) in kept]
        now = [one for one in rows if held is None or bases[one[0][5]] < held.base]
        if held is not None and len(now) < len(rows):
            waiting = [one[0] for one in rows if bases[one[0][5]] >= held.base]
            ledger.waiting += len(waiting)
            keep_ticks(engine, waiting, waiting, (), WAITING)
            held.keep(waiting)
    if now:
        _put_now(pipeline, now, by_id=by_id)
    pipeline.publisher.trades([row for row, _, _ in rows])
    engine.notify()
    return len(rows)


def _put_now(pipeline: Pipeline, rows: Sequence[Between], *, by_id: bool) -> None:
    engine, ledger = pipeline.engine, pipeline.ledger
    grid = engine.cascade.root.grid
    with engine.lock:
        inside = [one for one in rows if grid.span(one[0][0]) is not None]
        trades = [row for row, _, _ in inside]
        engine.cascade.outside_session += len(rows) - len(inside)
        ledger.in_bars += len(inside)
        keep_ticks(engine, trades, trades, ())
        put_between(engine, inside, by_id=by_id, stored=engine.config.enable_tick_data)
        engine.updates += 1
        closed, amended = pipeline.collect()
    pipeline.publish(closed, amended)
