"""Adds data older than the live stream: history at the start, and trades missed in an outage."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mdnb.rows import NOT_LAST, BarRow, TradeRow, marks_of
from mdnb.runtime.live.placing import InAnswer, InIds
from mdnb.runtime.live.rebuild import Between, keep_between, put_between
from mdnb.runtime.live.trade_changes import as_changed
from mdnb.stores.ticks import OUTLIER, WAITING
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    from mdnb.runtime.live.pipeline import Pipeline
    from mdnb.runtime.live.placing import Order
    from mdnb.runtime.live.price_alerts import Fired

__all__ = [
    "backfill",
    "load_bars",
    "load_trades",
    "place_by_ids",
    "put_back",
    "put_back_by_time",
    "put_in_place",
    "undecided",
]

_NO_LIMIT = 2**63 - 1
_JITTER_NS = 1_000_000_000
_PUT_KEPT = 100_000


def load_bars(pipeline: Pipeline, rows: Sequence[BarRow], boundary_ns: int, name: str = "") -> None:
    """Add history: closed bars up to a boundary; no events are emitted.

    Parameters
    ----------
    name
        The timeframe that they are of, finer than the root's; ``""``: the root's.
    """
    engine = pipeline.engine
    with engine.lock:
        received = len(rows)
        pipeline.refusals.asked_for = True
        rows = pipeline.possible(name or engine.cascade.root.name, rows)
        pipeline.refusals.asked_for = False
        # Of the history only what is refused is counted, on both sides of the account.
        pipeline.ledger.received += received - len(rows)
        with _left_out_counted(pipeline):
            engine.cascade.push_bars(rows)
        engine.cascade.close_until(boundary_ns)
        for bars in (engine.closed, engine.cascade.amended):
            bars.clear()
        if rows:
            last = rows[-1]
            pipeline.note_own_bar(engine.cascade.root.name, last[0])
            engine.last_trade = (last[0], last[4], last[5], last[6], 0, -1)
        engine.updates += 1


def load_trades(pipeline: Pipeline, rows: Sequence[TradeRow], boundary_ns: int) -> None:
    """Add history: trades since the boundary go into the bars, older ones are only kept as ticks."""
    engine = pipeline.engine
    with engine.lock:
        rows, _ = pipeline.duplicates.split(rows)
        if engine.config.data_validation and rows:
            rows = _possible(pipeline, rows)
        pipeline.history_seam.add(rows)
        if pipeline.duplicates.nameless and rows:
            pipeline.edges.see(rows, None)
            pipeline.edges.expect(rows, engine.cascade.max_lateness_ns)
        engine.see_marks(rows)
        engine.keep_ticks(rows)
        for bars in engine.activity.values():
            bars.push_rows(engine.in_full(rows))
        newer = [row for row in rows if row[0] >= boundary_ns]
        with _left_out_counted(pipeline):
            engine.cascade.push_rows(newer)
        if rows:
            last = [row for row in reversed(rows) if not marks_of(row) & NOT_LAST]
            engine.last_trade = max(last, key=lambda row: row[0], default=engine.last_trade)
            pipeline.rules.seed([row[1] for row in rows[-64:]])
        engine.cascade.refused.clear()
        engine.cascade.amended.clear()
        engine.closed.clear()
        engine.updates += 1


@contextlib.contextmanager
def _left_out_counted(pipeline: Pipeline) -> Iterator[None]:
    """Count as received what the bars do not take in the block: so the account has it on both sides."""
    cascade = pipeline.engine.cascade
    before = cascade.outside_session + cascade.late_dropped
    yield
    pipeline.ledger.received += cascade.outside_session + cascade.late_dropped - before


def _possible(pipeline: Pipeline, rows: Sequence[TradeRow]) -> Sequence[TradeRow]:
    """Return the trades of the history at the start that the rules let through.

    Of these only what is refused is counted, on both sides of the account.
    """
    pipeline.refusals.asked_for = True
    good = pipeline.possible_trades(rows)
    pipeline.refusals.asked_for = False
    pipeline.ledger.received += len(rows) - len(good)
    return good


def backfill(pipeline: Pipeline, rows: Sequence[TradeRow]) -> int:
    """Add missed trades, however old, that come after all that are held; return how many were new."""
    cascade, ledger = pipeline.engine.cascade, pipeline.ledger
    lateness, cascade.max_lateness_ns = cascade.max_lateness_ns, _NO_LIMIT
    received, before = ledger.received, ledger.duplicate
    pipeline.engine.see_marks(rows)
    pipeline.refusals.asked_for = True
    try:
        pipeline.take_trades(rows)
    except Exception as error:
        pipeline.fail(error)
        pipeline.lose_batch(received, rows, (), ())
        raise
    finally:
        pipeline.refusals.asked_for = False
        cascade.max_lateness_ns = lateness
    # Whoever asks twice is answered twice: that is no duplicate of the feed's.
    again, ledger.duplicate = ledger.duplicate - before, before
    ledger.received -= again
    put = ledger.received - received
    ledger.backfilled += put
    pipeline.engine.notify()
    return put


def put_back(pipeline: Pipeline, rows: Sequence[TradeRow], *, ahead: bool = True) -> int:
    """Add those of the history's trades that are missing, each where it belongs by its id; return how many.

    Parameters
    ----------
    ahead
        Whether to go on with what has higher ids than all that are held; the rest is put between these.
    """
    seen = pipeline.duplicates
    numbered = sorted({row[5]: row for row in rows if row[5] >= 0}.items())
    holes = [(row, hole) for number, row in numbered if (hole := seen.hole_of(number)) is not None]
    newer = [row for number, row in numbered if number > seen.highest] if ahead else []
    seen.split([row for row, _ in holes])
    missed = [_Missed((row, hole.low_ns, hole.high_ns), hole.low_id) for row, hole in holes]
    put = _put_behind(pipeline, missed, InIds())
    return put + (backfill(pipeline, newer) if newer else 0)


def place_by_ids(pipeline: Pipeline) -> None:
    """Have trades that come after newer ones put where their ids say, where these rise by one a trade."""
    if pipeline.duplicates.ids == "sequential" and pipeline.engine.source == "trades":
        pipeline.put_in_place = put_in_place


def put_in_place(pipeline: Pipeline, rows: Sequence[TradeRow]) -> None:
    """Take trades that came by themselves after an outage had left them out, each where its id says."""
    seen, ledger = pipeline.duplicates, pipeline.ledger
    holes = {row[5]: hole for row in rows if (hole := seen.neighbours_of(row)) is not None}
    fresh, again = seen.split(sorted(rows, key=lambda row: row[5]))
    ledger.received += len(again)
    ledger.duplicate += len(again)
    around = [(row, holes[row[5]]) for row in fresh]
    came = [_Missed((row, hole.low_ns, hole.high_ns), hole.low_id) for row, hole in around]
    _put_behind(pipeline, came, InIds(), came=True)


def put_back_by_time(
    pipeline: Pipeline, rows: Sequence[TradeRow], low_ns: int, high_ns: int, low_id: int | None = None
) -> int:
    """Add those of the history's trades that are missing between two trades held; return how many.

    They come where the history has them: of one instant, too, its order counts. Where ids rise by one a trade
    these are the trades that have none, and those with higher ids than all that are held.

    Parameters
    ----------
    low_ns, high_ns
        When the trades around the outage were made. Of trades without ids each that came then stands for one
        of the history's that is equal.
    low_id
        Where ids rise by one a trade, the one before the outage.
    """
    seen = pipeline.duplicates
    rows = as_changed(pipeline, rows)
    inside = _in_order([row for row in rows if low_ns <= row[0] <= high_ns])
    if seen.ids == "sequential":
        inside = [row for row in inside if row[5] < 0 or row[5] > seen.highest or seen.is_held(row[5])]
    missing = _missing(pipeline, inside, low_ns)
    inside = _without_coming(inside, missing, high_ns) if low_ns < high_ns else inside
    left = set(map(id, inside))
    fresh = [row for row in missing if id(row) in left]
    if seen.ids != "none":
        # Once each, and known from now on.
        again = set(map(id, seen.split(fresh)[1]))
        fresh = [row for row in fresh if id(row) not in again]
    answer: list[tuple[TradeRow, bool]] = []
    following = iter(fresh)
    new = next(following, None)
    for row in inside:
        answer.append((row, row is new))
        if row is new:
            new = next(following, None)
    order = InAnswer(answer, by_id=seen.ids != "none", put_back=pipeline.put_back)
    around = order.around(low_ns, high_ns)
    bases = [low_ns] * len(fresh) if low_id is None else _ids_before(pipeline, answer, low_id)
    missed = [_Missed((row, *edges), base) for row, edges, base in zip(fresh, around, bases, strict=True)]
    put = _put_behind(pipeline, missed, order)
    if len(pipeline.put_back) > _PUT_KEPT:
        pipeline.put_back.clear()
    pipeline.put_back.update(map(order.key, fresh))
    return put


def undecided(pipeline: Pipeline, rows: Sequence[TradeRow]) -> list[TradeRow]:
    """Return those of the history's trades of which nobody can tell any more whether they came.

    Of ids that only differ the newest are remembered, and those around outages; of trades without ids, unless
    ticks are kept, only those around outages.
    """
    seen, edges = pipeline.duplicates, pipeline.edges
    if seen.ids == "none" or not rows or _has_ticks(pipeline, min(row[0] for row in rows)):
        return []
    edges.begin(pipeline.outage_ns)
    by_time = seen.nameless
    return [
        row
        for row in rows
        if (
            not (by_time and edges.decides(row[0]))
            if row[5] < 0
            else seen.ids == "unique" and not seen.is_known(row) and not seen.decides(row)
        )
    ]


def _has_ticks(pipeline: Pipeline, since_ns: int) -> bool:
    """Return whether all trades that came since an instant are in memory."""
    engine = pipeline.engine
    return engine.config.enable_tick_data and engine.ticks.reaches(since_ns)


def _ids_before(pipeline: Pipeline, answer: Sequence[tuple[TradeRow, bool]], number: int) -> list[int]:
    """Return for each missed trade the highest id before it; less than any where newer ones are in bars."""
    held = pipeline.held
    found = []
    for row, missed in answer:
        number = max(number, row[5])
        if missed:
            found.append(-_NO_LIMIT if held is not None and row[0] < held.base_ns else number)
    return found


def _missing(pipeline: Pipeline, rows: Sequence[TradeRow], begin_ns: int) -> list[TradeRow]:
    """Return the trades of the history that did not come, each known by its id, or by what it is."""
    seen = pipeline.duplicates
    fresh = set(map(id, _not_held(pipeline, rows, begin_ns)))
    if seen.ids == "sequential":
        fresh.update(id(row) for row in rows if row[5] > seen.highest)
    if seen.ids == "unique":
        named = [row for row in rows if row[5] >= 0 and not seen.is_known(row)]
        if not all(map(seen.decides, named)):
            engine = pipeline.engine
            held = engine.ticks.between(min(row[0] for row in named), max(row[0] for row in named) + 1)
            came = set(held["trade_id"].tolist())
            named = [row for row in named if seen.decides(row) or row[5] not in came]
        fresh.update(map(id, named))
    return [row for row in rows if id(row) in fresh]


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
    """Return the trades of the history without ids that are equal to none that came.

    Parameters
    ----------
    begin_ns
        Of equal trades those of this instant came before the outage, so that the first ones are held; of
        later ones, which came after it, the last.
    """
    seen, edges = pipeline.duplicates, pipeline.edges
    named = [row for row in rows if seen.has_name(row)]
    rows = [row for row in rows if not seen.has_name(row)]
    if not rows:
        return []
    low_ns, high_ns = min(row[0] for row in rows), max(row[0] for row in rows)
    edges.begin(pipeline.outage_ns)
    held: collections.Counter[tuple[int, float, float]]
    if _has_ticks(pipeline, low_ns):
        ticks = pipeline.engine.ticks.between(low_ns, high_ns + 1)
        held = collections.Counter(ticks[["ts_ns", "price", "size"]].tolist())
        # Of one that came with an id the history may have none; not of those that it has by their ids.
        came = set(ticks["trade_id"].tolist())
        held.subtract({row[5]: row[:3] for row in named if row[5] in came}.values())
    else:
        held = collections.Counter(row[:3] for row in edges.between(low_ns, high_ns))
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


def _put_behind(pipeline: Pipeline, rows: Sequence[_Missed], order: Order, *, came: bool = False) -> int:
    """Put new trades, in their order, between those held, or to those whose bars wait; return how many.

    Parameters
    ----------
    came
        Whether they came by themselves, so that nothing was put back.
    """
    rows = [one for one in rows if pipeline.builds_bar_at(one.between[0][0])]
    if not rows:
        return 0
    received = pipeline.ledger.received
    try:
        return _put_rows(pipeline, rows, order, came=came)
    except Exception:
        if not came:
            _lose(pipeline, received, [one.between[0] for one in rows])
        raise


def _lose(pipeline: Pipeline, received: int, rows: Sequence[TradeRow]) -> None:
    """Account for trades that could not be put back, and mark the bars that lack them, however old."""
    cascade = pipeline.engine.cascade
    lateness, cascade.max_lateness_ns = cascade.max_lateness_ns, _NO_LIMIT
    try:
        pipeline.lose_batch(received, rows, (), ())
    finally:
        cascade.max_lateness_ns = lateness


def _put_rows(pipeline: Pipeline, rows: Sequence[_Missed], order: Order, *, came: bool) -> int:
    engine, ledger, held = pipeline.engine, pipeline.ledger, pipeline.held
    with engine.lock:
        engine.see_marks([one.between[0] for one in rows])
        ledger.in_part += sum(marks_of(one.between[0]) > 0 for one in rows)
        ledger.received += len(rows)
        ledger.backfilled += 0 if came else len(rows)
        nameless = [row for row, *_ in (one.between for one in rows) if not pipeline.duplicates.has_name(row)]
        if nameless:
            pipeline.duplicates.nameless = True
            pipeline.edges.add(nameless, engine.cascade.max_lateness_ns)
        if engine.config.data_validation:
            pipeline.refusals.asked_for = not came
            kept = set(map(id, pipeline.possible_trades([one.between[0] for one in rows])))
            pipeline.refusals.asked_for = False
            ledger.backfilled -= 0 if came else len(rows) - len(kept)
            rows = [one for one in rows if id(one.between[0]) in kept]
        if came:
            pipeline.refusals.accept(len(rows))
        now = [one.between for one in rows if held is None or one.base < held.base]
        fired: list[Fired] = []
        if held is not None and len(now) < len(rows):
            waiting = [one.between[0] for one in rows if one.base >= held.base]
            ledger.waiting += len(waiting)
            if engine.config.enable_tick_data:
                keep_between(engine, waiting, order, WAITING)
            held.put(waiting, order)
            fired = _go_on(pipeline, [one.between for one in rows if one.base >= held.base])
    if now:
        fired += _put_now(pipeline, now, order)
    pipeline.publisher.fired(fired)
    pipeline.publisher.trades([one.between[0] for one in rows])
    engine.notify()
    return len(rows)


def _go_on(pipeline: Pipeline, rows: Sequence[Between]) -> list[Fired]:
    """Take for the price what is newer than all that came; of one instant, what nothing follows in it."""
    last = pipeline.engine.last_trade
    newest_ns = -_NO_LIMIT if last is None else last[0]
    newer = [row for row, _, after_ns in rows if row[0] > newest_ns or newest_ns == row[0] < after_ns]
    return pipeline.take_for_price(newer)


def _put_now(pipeline: Pipeline, rows: Sequence[Between], order: Order) -> list[Fired]:
    engine, ledger = pipeline.engine, pipeline.ledger
    grid = engine.cascade.root.grid
    with engine.lock:
        # Since the last trade or timer somebody may have read what these change.
        pipeline.set_time()
        inside = [one for one in rows if grid.span(one[0][0]) is not None]
        engine.cascade.outside_session += len(rows) - len(inside)
        inside, out = _without_outliers(pipeline, inside, order)
        unplaced = put_between(engine, inside, order, stored=engine.config.enable_tick_data)
        ledger.in_bars += len(inside)
        if out and engine.config.enable_tick_data:
            keep_between(engine, out, order, OUTLIER)
        fired = _go_on(pipeline, inside)
        engine.updates += 1
        closed, amended = pipeline.collect()
    times = [row[0] for row, *_ in inside]
    pipeline.not_rebuilt += [(name, min(times), max(times)) for name in unplaced]
    for name in unplaced:
        pipeline.quality.note(
            QualityFinding(
                "bars_not_rebuilt",
                "trades that were missed count as the newest: those after them are not held any more",
                inside[0][0][0],
                {"trades": len(inside)},
            ),
            name,
        )
    pipeline.publish(closed, amended)
    return fired


def _without_outliers(
    pipeline: Pipeline, rows: list[Between], order: Order
) -> tuple[list[Between], list[TradeRow]]:
    """Return the trades for the bars, and those that are held back: judged where they belong."""
    gate = pipeline.outlier_gate
    if gate is None or not rows:
        return rows, []
    out = gate.judge(pipeline.engine.in_full([row for row, _, _ in rows]), order)
    pipeline.ledger.held_back += len(out)
    for row in out:
        pipeline.quality.outlier(row)
    held = set(map(id, out))
    return [one for one in rows if id(one[0]) not in held], out
