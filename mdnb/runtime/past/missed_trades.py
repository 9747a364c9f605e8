"""Adds data older than the live stream: history at the start, and trades missed in an outage."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from mdnb.rows import BarRow, TradeRow
from mdnb.runtime.live.placing import InAnswer, InIds
from mdnb.runtime.live.rebuild import Between, keep_between, put_between
from mdnb.store.ticks import WAITING
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    from mdnb.runtime.live.pipeline import Pipeline
    from mdnb.runtime.live.placing import Order

__all__ = ["backfill", "load_bars", "load_trades", "put_back", "put_back_by_time"]

_NO_LIMIT = 2**63 - 1
_JITTER_NS = 1_000_000_000
_PUT_KEPT = 100_000


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
        if pipeline.edges is not None and rows:
            pipeline.edges.see(rows, None)
            pipeline.edges.expect(rows)
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
    missed = [_Missed((row, hole.low_ns, hole.high_ns), hole.low_id) for row, hole in holes]
    put = _put_behind(pipeline, missed, InIds())
    return put + (backfill(pipeline, ahead) if ahead else 0)


def put_back_by_time(pipeline: Pipeline, rows: Sequence[TradeRow], low_ns: int, high_ns: int) -> int:
    """Add those of the history's trades that are missing between two trades held; return how many.

    They come where the history has them: of one instant, too, its order counts.

    Parameters
    ----------
    low_ns, high_ns
        When the trades around the outage were made. Where trades have no ids at all, each that came then
        stands for one of the history's that is equal.
    """
    seen = pipeline.duplicates
    inside = _in_order([row for row in rows if low_ns <= row[0] <= high_ns])
    if seen.ids == "none":
        fresh = _not_held(pipeline, inside, low_ns)
        kept = _without_coming(inside, fresh, high_ns) if low_ns < high_ns else inside
        left = set(map(id, kept))
        inside, fresh = kept, [row for row in fresh if id(row) in left]
    else:
        missing = [row for row in inside if not seen.is_known(row)]
        inside = _without_coming(inside, missing, high_ns) if low_ns < high_ns else inside
        fresh = list(seen.split(inside)[0])
    answer: list[tuple[TradeRow, bool]] = []
    following = iter(fresh)
    new = next(following, None)
    for row in inside:
        answer.append((row, row is new))
        if row is new:
            new = next(following, None)
    order = InAnswer(answer, by_id=seen.ids != "none", put_back=pipeline.put_back)
    around = order.around(low_ns, high_ns)
    missed = [_Missed((row, *edges), low_ns) for row, edges in zip(fresh, around, strict=True)]
    put = _put_behind(pipeline, missed, order)
    if len(pipeline.put_back) > _PUT_KEPT:
        pipeline.put_back.clear()
    pipeline.put_back.update(map(order.key, fresh))
    return put


def _in_order(rows: list[TradeRow]) -> list[TradeRow]:
    """Return trades of the history, oldest first: in its own order where times but for jitter rise in it."""
    if rows and rows[0][0] > rows[-1][0]:
        rows.reverse()
    newest = rows[0][0] if rows else 0
    for row in rows:
        if row[0] < newest - _JITTER_NS:
            return sorted(rows, key=lambda row: row[0])
        newest = max(newest, row[0])
    return rows


def _without_coming(rows: list[TradeRow], missing: Sequence[TradeRow], high_ns: int) -> list[TradeRow]:
    """Return trades of the history without those that follow the newest one that came, at the same instant.

    They come by themselves: the history is ahead of the stream.
    """
    lacking = set(map(id, missing))
    edge = [at for at, row in enumerate(rows) if row[0] == high_ns and id(row) not in lacking]
    if not edge:
        return rows
    return [row for at, row in enumerate(rows) if at <= edge[-1] or row[0] < high_ns]


class _Missed(NamedTuple):
    """A trade that was missed, and the trade held before the outage, as `HeldTrades` names its own."""

    between: Between
    base: int


def _not_held(pipeline: Pipeline, rows: Sequence[TradeRow], begin_ns: int) -> list[TradeRow]:
    """Return the trades of the history that are equal to none that came.

    Parameters
    ----------
    begin_ns
        Of equal trades those of this instant came before the outage, so that the first ones are held; of
        later ones, which came after it, the last.
    """
    if not rows:
        return []
    engine, edges = pipeline.engine, pipeline.edges
    low_ns, high_ns = min(row[0] for row in rows), max(row[0] for row in rows)
    if edges is not None:
        edges.begin(pipeline.outage_ns)
    came: list[tuple[int, float, float]]
    if engine.config.enable_tick_data and engine.ticks.reaches(low_ns):
        ticks = engine.ticks.between(low_ns, high_ns + 1)
        came = ticks[["ts_ns", "price", "size"]].tolist()
    else:
        assert edges is not None
        came = [row[:3] for row in edges.between(low_ns, high_ns)]
    held = collections.Counter(came)
    places = range(len(rows))
    first = [at for at in places if rows[at][0] <= begin_ns]
    then = [at for at in reversed(places) if rows[at][0] > begin_ns]
    fresh = []
    for at in [*first, *then]:
        key = rows[at][:3]
        if held[key] > 0:
            held[key] -= 1
        else:
            fresh.append(at)
    return [rows[at] for at in sorted(fresh)]


def _put_behind(pipeline: Pipeline, rows: Sequence[_Missed], order: Order) -> int:
    """Put new trades, in their order, between those held, or to those whose bars wait; return how many."""
    rows = [one for one in rows if pipeline.builds_bar_at(one.between[0][0])]
    if not rows:
        return 0
    engine, ledger, held = pipeline.engine, pipeline.ledger, pipeline.held
    with engine.lock:
        ledger.received += len(rows)
        ledger.backfilled += len(rows)
        if pipeline.edges is not None:
            pipeline.edges.add([one.between[0] for one in rows])
        if engine.config.data_validation:
            good, rejected = pipeline.rules.split([one.between[0] for one in rows])
            for reason, row in rejected:
                ledger.reject(reason)
                pipeline.quality.rejected(reason, row)
            ledger.backfilled -= len(rejected)
            kept = set(map(id, good))
            rows = [one for one in rows if id(one.between[0]) in kept]
        now = [one.between for one in rows if held is None or one.base < held.base]
        if held is not None and len(now) < len(rows):
            waiting = [one.between[0] for one in rows if one.base >= held.base]
            ledger.waiting += len(waiting)
            if engine.config.enable_tick_data:
                keep_between(engine, waiting, order, WAITING)
            held.put(waiting, order)
    if now:
        _put_now(pipeline, now, order)
    pipeline.publisher.trades([one.between[0] for one in rows])
    engine.notify()
    return len(rows)


def _put_now(pipeline: Pipeline, rows: Sequence[Between], order: Order) -> None:
    engine, ledger = pipeline.engine, pipeline.ledger
    grid = engine.cascade.root.grid
    with engine.lock:
        inside = [one for one in rows if grid.span(one[0][0]) is not None]
        engine.cascade.outside_session += len(rows) - len(inside)
        ledger.in_bars += len(inside)
        unplaced = put_between(engine, inside, order, stored=engine.config.enable_tick_data)
        engine.updates += 1
        closed, amended = pipeline.collect()
    for bars in unplaced:
        pipeline.quality.note(
            QualityFinding(
                "bars_not_rebuilt",
                "trades that were missed count as the newest: those after them are not held any more",
                inside[0][0][0],
                {"trades": len(inside)},
            ),
            bars.name,
        )
    pipeline.publish(closed, amended)
