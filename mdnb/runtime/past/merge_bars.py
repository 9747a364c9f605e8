"""Merges imported bars with those held and rebuilds the coarser timeframes; all or nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from mdnb.bars.file_edges import Edges, find_edges, has_any
from mdnb.bars.node import Node, fold_rows
from mdnb.bars.refold import closed_rows
from mdnb.ordered_times import distinct, is_among, is_in_order
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_changes import fold_changes, put_in_later, take_changes
from mdnb.runtime.past.open_partial import finer_partials, is_still_partial
from mdnb.stores.amendments import Changes
from mdnb.stores.columns import (
    AMENDED,
    FILLED,
    PARTIAL,
    REPAIRING,
    BarColumns,
    columns_from_rows,
    join_columns,
    nth_of_start,
    same_bars,
    same_rows,
)
from mdnb.stores.pair_bars import places_of
from mdnb.timeframes import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mdnb.rows import BarRow

__all__ = ["Merged", "all_are_later", "contradicting", "fold_to", "merge_bars"]

_NS_PER_US = 1000
_ANY_TIME = 2**62
_NONE = np.empty(0, dtype=np.int64)
_NO_CHANGES = Changes(())


@dataclasses.dataclass(frozen=True, slots=True)
class Merged:
    """How many bars were added, replaced others, were not needed, did not fit, or are later than the market.

    ``later_us`` is the start of the first one that begins after the bar that is being made; where none is, of
    the first one that is not over at ``until_ns``, which is 0 else. ``begun`` is 1 where that of the
    bar that is being made is among those that were not needed; ``repairing`` are those of them in whose time
    an outage is being repaired.
    """

    added: int = 0
    replaced: int = 0
    kept: int = 0
    over_limit: int = 0
    later: int = 0
    later_us: int = 0
    until_ns: int = 0
    begun: int = 0
    repairing: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Import:
    """What the bars coarser than those of an import are made anew by.

    Before ``lost_us`` nobody can tell what the finer ones were, and so of what is made of them. By
    ``until_ns`` bars that are over have ended. The open bars of the timeframes ``by_finer`` had partial ones
    among their finer bars before. At ``new_ns`` begin those of a file where none was held: where the file
    ends, nobody knows what the market did.
    """

    columns: BarColumns
    lost_us: int
    until_ns: int
    by_finer: Collection[str]
    new_ns: NDArray[np.int64]


def merge_bars(
    engine: SymbolState,
    name: str,
    columns: BarColumns,
    *,
    overwrite: bool = False,
    changes: Changes | None = None,
    until_ns: int = _ANY_TIME,
    of_file: bool = False,
) -> Merged:
    """Merge closed bars of a timeframe with those held, and rebuild the coarser bars around them.

    Parameters
    ----------
    name
        Canonical name of a timeframe that is kept.
    columns
        Oldest first, one bar an interval, on the timeframe's grid.
    overwrite
        Replace bars held; else the one held counts, unless it is partial. When a bar was closed belongs to
        the bar; one that is held without it takes it over from the same bar.
    changes
        What the bars were before they changed, which belongs to the bar, too.
    until_ns
        By when bars that are over have ended: the others are left out where no bar is being made. A coarser
        bar that is not over then is the one that is being made.
    of_file
        Coarser bars in which the bars end, or that are at a hole of them longer than themselves, are partial.
        Of a venue's answer what is not there was not traded. Bars in whose time an outage is being repaired
        are left out.

    Returns
    -------
    Merged
        What became of them. The bar that is being made is never touched, and none is put after it.
    """
    with engine.lock:
        until_ns = _over_until(engine, until_ns)
        is_forming = engine.forming_of(name) is not None
        closed = columns.time_us * _NS_PER_US < _open_from(engine, name, until_ns)
        later_us = columns.time_us[_are_later(engine, name, columns, until_ns)]
        begun = int(np.count_nonzero(~closed)) - len(later_us)
        columns = columns if closed.all() else columns.where(closed)
        repairing = 0
        if of_file and (waits := _being_repaired(engine, name, columns)).any():
            # Their trades are on their way: with both a coarser bar would have them twice.
            repairing, columns = int(np.count_nonzero(waits)), columns.where(~waits)
        before, began_us = _firsts(engine, name), engine.cascade.closing.began_ns // _NS_PER_US
        children = [] if name in engine.activity else engine.cascade.node(name).children
        by_finer = finer_partials(children)
        new_ns = _new_ns(engine, name, columns) if of_file and children else _NONE
        merged, touched = _put(engine, name, columns, overwrite=overwrite)
        # First, for these tell when the coarser bars were closed.
        took = _NO_CHANGES
        if changes is not None:
            took = take_changes(
                engine.log(name), changes, columns, touched, added=merged.added > 0, began_us=began_us
            )
        for child in children if len(touched) else ():
            _refold(
                engine, child, touched, before, _Import(columns, took.lost_us, until_ns, by_finer, new_ns)
            )
        engine.cascade.follow_logs()
        changed = {one.row[0] for one in took.kept}
        if (columns.flags & AMENDED).any():
            changed |= put_in_later(engine.log(name)).keys() & {int(us) * _NS_PER_US for us in touched}
        for child in children if changed else ():
            fold_changes(engine, child, changed)
        engine.reader.forget()
        engine.updates += 1
    engine.notify()
    kept = merged.kept + begun + repairing
    merged = dataclasses.replace(merged, kept=kept, begun=begun, repairing=repairing)
    if not len(later_us):
        return merged
    return dataclasses.replace(
        merged,
        later=len(later_us),
        later_us=int(later_us[0]),
        until_ns=0 if is_forming else until_ns,
    )


def _being_repaired(engine: SymbolState, name: str, columns: BarColumns) -> NDArray[np.bool_]:
    """Return which bars overlap a stretch of which trades may still come."""
    grid, spans = engine.grid(name), () if engine.unsettled is None else engine.unsettled()
    found = np.zeros(len(columns), dtype=bool)
    if grid is None or not len(columns) or not spans:
        return found
    starts_ns = columns.time_us * _NS_PER_US
    ends_ns = grid.ends(starts_ns)
    for span in spans:
        found |= (starts_ns <= span.high_ns) & (ends_ns > span.low_ns)
    return found


def all_are_later(engine: SymbolState, name: str, columns: BarColumns, until_ns: int = _ANY_TIME) -> bool:
    """Return whether `merge_bars` would leave out every bar, for they are later than the market."""
    with engine.lock:
        return bool(_are_later(engine, name, columns, _over_until(engine, until_ns)).all())


def contradicting(engine: SymbolState, name: str, columns: BarColumns) -> NDArray[np.bool_]:
    """Return which bars have other values than the closed ones held at the same times.

    A partial bar, of either, says nothing against another one; nor does a count of trades that is not known.
    """
    with engine.lock:
        log, overflow = engine.log(name), engine.overflow.get(name)
        known = log.columns(0, len(log))
        if overflow is not None and len(columns):
            first, last = (int(columns.time_us[at]) * _NS_PER_US for at in (0, -1))
            known = join_columns([overflow.before(log.first_start_ns(), first, last), known])
        is_activity = name in engine.activity
    mine, theirs = places_of(known, columns) if is_activity else (known.time_us, columns.time_us)
    at = np.searchsorted(mine, theirs)
    both = np.flatnonzero(at < len(known))
    both = both[mine[at[both]] == theirs[both]]
    held, given = known.where(at[both]), columns.where(both)
    unlike = ~np.isclose(held.volume, given.volume, rtol=1e-12, atol=0.0)
    for price in ("open", "high", "low", "close"):
        unlike |= getattr(held, price) != getattr(given, price)
    unlike |= (held.tick_count != given.tick_count) & (held.tick_count > 0) & (given.tick_count > 0)
    unlike &= ((held.flags | given.flags) & PARTIAL) == 0
    found = np.zeros(len(columns), dtype=bool)
    found[both[unlike]] = True
    return found


def _over_until(engine: SymbolState, until_ns: int) -> int:
    # What is open and over closes soon: until then it is not over, and nor is what comes after it.
    return min([until_ns, *(node.edge for node in engine.cascade.nodes() if node.is_open)])


def _are_later(engine: SymbolState, name: str, columns: BarColumns, until_ns: int) -> NDArray[np.bool_]:
    time_ns, open_ns = columns.time_us * _NS_PER_US, _open_from(engine, name, until_ns)
    # That of the bar that is being made is held.
    return time_ns >= open_ns if engine.forming_of(name) is None else time_ns > open_ns


def _open_from(engine: SymbolState, name: str, until_ns: int) -> int:
    """Return the start of the interval that is being made; bars from there on are the live path's.

    Where no bar is being made it is the interval that is not over at an instant.
    """
    forming = engine.forming_of(name)
    if forming is not None:
        return forming[0]
    grid = None if until_ns == _ANY_TIME else engine.grid(name)
    span = None if grid is None else grid.span(until_ns)
    return until_ns if span is None else span[0]


def _firsts(engine: SymbolState, name: str) -> int | None:
    """Return the start of the oldest closed bar held, in memory or on disk."""
    first, overflow = engine.log(name).first_start_ns(), engine.overflow.get(name)
    older = None if overflow is None else overflow.first_ns(first)
    return first if older is None else older


def _put(
    engine: SymbolState, name: str, columns: BarColumns, *, overwrite: bool
) -> tuple[Merged, NDArray[np.int64]]:
    """Merge into memory, and the disk where there is one; return the starts (us) that changed."""
    log, overflow = engine.log(name), engine.overflow.get(name)
    held = log.columns(0, len(log))
    older = None
    if overflow is not None and len(columns):
        first, last = (int(columns.time_us[at]) * _NS_PER_US for at in (0, -1))
        older = overflow.before(log.first_start_ns(), first, last)
    known = held if older is None else join_columns([older, held])
    is_clock = name not in engine.activity
    mine, theirs = (known.time_us, columns.time_us) if is_clock else places_of(known, columns)
    at = np.searchsorted(mine, theirs)
    inside = at < len(known)
    has = np.zeros(len(columns), dtype=bool)
    has[inside] = mine[at[inside]] == theirs[inside]
    # A partial bar is no better than the one held; and one that is being repaired is given what it lacks.
    is_worse = _flags_at(known, at, has) & (PARTIAL | REPAIRING) == PARTIAL
    wins = has & (overwrite | (is_worse & (columns.flags & PARTIAL == 0)))
    is_chosen = ~has | wins
    chosen = columns if is_chosen.all() else columns.where(is_chosen)
    added, replaced = int(np.count_nonzero(~has)), int(np.count_nonzero(wins))
    told, rows = _told_closings(engine, name, known, columns, at, has & ~wins)
    into, places = _sorted([(chosen, theirs[is_chosen]), (told, theirs[rows])])
    if not len(into):
        return Merged(0, 0, len(columns)), columns.time_us[:0]
    gone = len(known) - len(held)
    if overflow is not None and len(held) and len(overflow):
        # What is older than memory goes straight to where the older bars are.
        on_disk = places < mine[gone]
        if on_disk.any():
            disk, beside = into.where(on_disk), ~is_among(mine[:gone], places)
            # There all bars of a start are replaced at once.
            beside &= is_among(known.time_us[:gone], disk.time_us)
            others = known.part(0, gone).where(beside), mine[:gone][beside]
            overflow.replace(_sorted([others, (disk, places[on_disk])])[0])
            into, places = into.where(~on_disk), places[~on_disk]
    left = ~is_among(mine[gone:], places)
    both, all_places = _sorted([(held.where(left), mine[gone:][left]), (into, places)])
    over = 0 if overflow is not None else max(0, len(both) - log.limit)
    if over:
        dropped = is_among(theirs, all_places[:over])
        added -= int(np.count_nonzero(dropped & ~has))
    if len(into):
        known_us = log.known_at() // _NS_PER_US
        nth = nth_of_start(both.time_us[over:])
        # In memory, and others than those that take their places.
        lost = np.flatnonzero(wins & (at >= gone))
        lost = lost[~_are_same(known.where(at[lost]), columns.where(lost))]
        where = np.searchsorted(all_places[over:], theirs[lost])
        log.amendments.note_overwritten(known_us, known.where(at[lost]), nth[where])
        new = is_among(all_places[over:], theirs[~has])
        began_us = engine.cascade.closing.began_ns // _NS_PER_US
        log.amendments.note_added(known_us, began_us, both.time_us[over:][new], nth[new])
        log.rewrite(both)
    over = int(np.count_nonzero(dropped & (~has | wins))) if over else 0
    return Merged(added, replaced, len(columns) - len(chosen), over), chosen.time_us


def _sorted(parts: list[tuple[BarColumns, NDArray[np.int64]]]) -> tuple[BarColumns, NDArray[np.int64]]:
    """Return several blocks of bars as one, in the order of their places, and these."""
    held = [(bars, own) for bars, own in parts if len(own)] or parts[:1]
    places = np.concatenate([own for _, own in held]) if len(held) > 1 else held[0][1]
    bars = join_columns([bars for bars, _ in held])
    if is_in_order(places):
        return bars, places
    order = np.argsort(places, kind="stable")
    return bars.where(order), places[order]


def _are_same(bars: BarColumns, others: BarColumns) -> NDArray[np.bool_]:
    """Return which bars are the same as the others in their rows, in all that they tell."""
    close = np.isclose(others.vwap, bars.vwap, rtol=1e-12, atol=0.0, equal_nan=True)
    return close & same_rows(bars, others, "volume", "flags", "closed_us")


def _told_closings(
    engine: SymbolState,
    name: str,
    known: BarColumns,
    columns: BarColumns,
    at: NDArray[np.intp],
    stay: NDArray[np.bool_],
) -> tuple[BarColumns, NDArray[np.intp]]:
    """Return the bars held that stay and that the same bars of the import tell when they were closed.

    Since bars can be read here they were known: what is told counts for the time before.
    """
    rows = np.flatnonzero(stay & (columns.closed_us > 0))
    rows = rows[known.closed_us[at[rows]] == 0]
    rows = rows[same_rows(known.where(at[rows]), columns.where(rows))]
    closed_us = columns.closed_us[rows]
    if began_us := engine.cascade.closing.began_ns // _NS_PER_US:
        grid, starts_us = engine.grid(name), columns.time_us[rows]
        ends_us = starts_us if grid is None else grid.ends(starts_us * _NS_PER_US) // _NS_PER_US
        was_known = ends_us + engine.grace_ns // _NS_PER_US <= began_us
        rows, closed_us = rows[was_known], np.minimum(closed_us, began_us)[was_known]
    return dataclasses.replace(known.where(at[rows]), closed_us=closed_us), rows


def _flags_at(known: BarColumns, at: NDArray[np.intp], has: NDArray[np.bool_]) -> NDArray[np.uint8]:
    flags = np.zeros(len(at), dtype=np.uint8)
    flags[has] = known.flags[at[has]]
    return flags


def _refold(
    engine: SymbolState,
    node: Node,
    touched_us: NDArray[np.int64],
    before: int | None,
    brought: _Import,
) -> None:
    """Make the bars of a coarser timeframe anew around the finer bars that changed, and so on down."""
    assert node.parent is not None
    name, source, until_ns = node.name, brought.columns, brought.until_ns
    begins, inside = node.grid.starts(touched_us * _NS_PER_US)
    starts = distinct(begins[inside])
    open_ns = _open_from(engine, name, until_ns)
    if bool((starts == open_ns).any()):
        # Of the bar that is being made the node holds what the finer timeframe has closed.
        span = node.grid.span(open_ns)
        assert span is not None
        rows = closed_rows(node.parent.log, *span)
        if rows:
            if engine.forming_of(name) is None:
                node.partial = not _is_whole(node.parent, span[0], rows, until_ns)
            node.take(fold_rows(rows, span[0]), span)
            begins_amid = len(source) > 0 and source.time_us[0] * _NS_PER_US == rows[0][0] > span[0]
            still = is_still_partial(node, rows, by_finer=name in brought.by_finer)
            node.partial = begins_amid or still
    starts = starts[starts < open_ns]
    last = node.grid.span(int(starts[-1])) if len(starts) else None
    if last is None:
        return
    finer = _range(engine, node.parent.name, int(starts[0]), last[1], with_flat=True)
    edges = _edges(engine, node, finer)
    flat = (finer.flags & FILLED) > 0
    finer_ns = finer.time_us * _NS_PER_US, node.parent.grid.ends(finer.time_us * _NS_PER_US)
    finer = finer.where(~flat)
    closed_before = engine.log(node.parent.name).amendments.closed_before()
    folded = fold_to(finer, node.grid, closed_before, engine.grace_ns)
    folded = folded.where(is_among(folded.time_us * _NS_PER_US, starts))
    folded = _mark_partial(folded, source)
    log, held_before = engine.log(name), _firsts(engine, name)
    held = log.columns(0, len(log))
    overflow = engine.overflow.get(name)
    if overflow is not None and len(folded):
        first, stop = (int(folded.time_us[at]) * _NS_PER_US for at in (0, -1))
        held = join_columns([overflow.before(log.first_start_ns(), first, stop), held])
    has = is_among(folded.time_us, held.time_us)
    is_new = has_any(brought.new_ns, finer_ns)
    was_partial = is_among(edges.begins, held.time_us[(held.flags & PARTIAL) > 0] * _NS_PER_US)
    lacks = edges.at_hole & (is_new | was_partial)
    lacks |= edges.is_last & has_any(brought.new_ns[-1:], finer_ns)
    folded = _flagged(folded, edges.begins[lacks])
    # A bar whose finer ones are not held any more knows more than what was imported.
    whole = folded.time_us * _NS_PER_US >= (_ANY_TIME if before is None else before)
    partial = is_among(folded.time_us, held.time_us[(held.flags & PARTIAL) > 0])
    # One that is the same knows better when it was closed, and what it was before.
    chosen = folded.where((~has | whole | partial) & ~_stay(folded, held.where(held.closed_us > 0)))
    _, changed = _put(engine, name, chosen, overwrite=True)
    if len(changed):
        log.amendments.take(Changes((), brought.lost_us), engine.cascade.closing.began_ns // _NS_PER_US)
        for child in node.children:
            _refold(engine, child, changed, held_before, brought)


def _new_ns(engine: SymbolState, name: str, columns: BarColumns) -> NDArray[np.int64]:
    """Return the starts of the bars that none is held at."""
    if not len(columns):
        return _NONE
    first, last = (int(columns.time_us[at]) * _NS_PER_US for at in (0, -1))
    held = _range(engine, name, first, last + 1)
    return columns.time_us[~is_among(columns.time_us, held.time_us)] * _NS_PER_US


def _edges(engine: SymbolState, node: Node, finer: BarColumns) -> Edges:
    """Return where the closed finer bars, flat ones included, begin and end amid the bars of a node."""
    assert node.parent is not None
    grid, log, name = node.parent.grid, node.parent.log, node.parent.name
    starts = finer.time_us * _NS_PER_US
    before = after = None
    if len(starts):
        at, stop = log.find(int(starts[0])), log.find(int(starts[-1]) + 1)
        # What is older than memory is on disk; that there is no hole before it is taken for granted.
        before = int(grid.ends(np.array([log.row(at - 1)[0][0]]))[0]) if at else None
        if not at and engine.overflow.get(name) is not None:
            before = int(starts[0])
        forming = engine.forming_of(name)
        after = log.row(stop)[0][0] if stop < len(log) else None if forming is None else forming[0]
    return find_edges((starts, grid.ends(starts)), node.grid, before, after)


def _flagged(folded: BarColumns, begins_ns: NDArray[np.int64]) -> BarColumns:
    """Flag the bars of some starts as partial."""
    flags = folded.flags | np.where(is_among(folded.time_us * _NS_PER_US, begins_ns), PARTIAL, 0)
    return dataclasses.replace(folded, flags=flags.astype(np.uint8))


def _is_whole(finer: Node, start_ns: int, rows: Sequence[BarRow], until_ns: int) -> bool:
    """Return whether the closed bars of a finer timeframe tell all from an instant on until another."""
    log = finer.log
    first, stop = log.find(rows[0][0]), log.find(rows[-1][0]) + 1
    begins = rows[0][0] == start_ns or first > 0
    last, now = finer.grid.span(rows[-1][0]), finer.grid.span(until_ns)
    ends = last is not None and (now is None or last[1] == now[0])
    return begins and ends and not log.partial(first, stop)


def _stay(folded: BarColumns, held: BarColumns) -> NDArray[np.bool_]:
    """Return which bars are held as they are made now; sums may differ by what rounding does."""
    same, at = same_bars(folded, held)
    same[same] = np.isclose(held.volume[at[same]], folded.volume[same], rtol=1e-12, atol=0.0)
    same[same] = (folded.flags[same] & PARTIAL) == (held.flags[at[same]] & PARTIAL)
    return same


def _range(
    engine: SymbolState, name: str, start_ns: int, end_ns: int, *, with_flat: bool = False
) -> BarColumns:
    """Return the closed bars that start in ``[start_ns, end_ns)``, by default without flat ones."""
    log, overflow = engine.log(name), engine.overflow.get(name)
    held = log.columns(log.find(start_ns), log.find(end_ns))
    if overflow is not None:
        held = join_columns([overflow.before(log.first_start_ns(), start_ns, end_ns - 1), held])
    return held if with_flat else held.where((held.flags & FILLED) == 0)


def fold_to(
    columns: BarColumns, grid: Grid, closed_before_us: NDArray[np.int64] = _NONE, grace_ns: int = 0
) -> BarColumns:
    """Return bars of a coarser grid made of finer ones, all in one go.

    A coarser bar is known when the last of its finer ones is. Where none of these was noted so late that the
    coarser one was over, as where the last minutes had no trade, nothing is noted of it either. A finer one
    that a late trade put in when it was over and the grace, too, did not keep it open.

    Parameters
    ----------
    closed_before_us
        Starts of the finer bars that had closed before late trades changed them: of those marked as amended,
        the others were put in by these.
    grace_ns
        How long after its end a bar is closed at the latest.

    Examples
    --------
    >>> from mdnb.sessions import Sessions
    >>> from mdnb.timeframes import Timeframe
    >>> rows = [(i * 60_000_000_000, 1.0 + i, 2.0 + i, 0.5, 1.5 + i, 10.0, 3, 12.5) for i in range(10)]
    >>> made = fold_to(columns_from_rows(rows), Grid(Timeframe.parse("5min"), Sessions.always()))
    >>> made.open.tolist(), made.high.tolist(), made.close.tolist(), made.volume.tolist()
    ([1.0, 6.0], [6.0, 11.0], [5.5, 10.5], [50.0, 50.0])
    """
    begins, inside = grid.starts(columns.time_us * _NS_PER_US)
    columns, begins = columns.where(inside), begins[inside]
    if not len(columns):
        return columns_from_rows([])
    first = np.flatnonzero(np.concatenate(([True], begins[1:] != begins[:-1])))
    last = np.append(first[1:], len(columns)) - 1
    volume = np.add.reduceat(columns.volume, first)
    money = np.add.reduceat(np.nan_to_num(columns.turnover), first)
    # Volume without a price to weigh it by leaves the bar without one too.
    unknown = np.add.reduceat((np.isnan(columns.vwap) & (columns.volume > 0)).astype(np.int64), first) > 0
    vwap = np.full(len(first), np.nan)
    np.divide(money, volume, out=vwap, where=(volume > 0) & ~unknown)
    ends_us = grid.ends(begins[first]) // _NS_PER_US
    late = (columns.flags & AMENDED > 0) & ~is_among(columns.time_us, closed_before_us)
    late &= columns.closed_us > np.repeat(ends_us + grace_ns // _NS_PER_US, last + 1 - first)
    # One that only late trades made was not there before the first of them.
    new = np.logical_and.reduceat(late, first)
    closed_us = np.maximum.reduceat(np.where(late, 0, columns.closed_us), first)
    closed_us[new] = np.minimum.reduceat(columns.closed_us, first)[new]
    closed_us[closed_us < ends_us] = 0
    flags = np.bitwise_or.reduceat(columns.flags & PARTIAL, first) | np.where(new, AMENDED, 0)
    return BarColumns(
        time_us=begins[first] // _NS_PER_US,
        open=columns.open[first],
        high=np.maximum.reduceat(columns.high, first),
        low=np.minimum.reduceat(columns.low, first),
        close=columns.close[last],
        volume=volume,
        vwap=vwap,
        tick_count=np.add.reduceat(columns.tick_count, first),
        flags=flags.astype(np.uint8),
        closed_us=closed_us,
    )


def _mark_partial(folded: BarColumns, source: BarColumns) -> BarColumns:
    """Flag the first bar where the imported ones begin amid it."""
    if not len(folded) or not len(source):
        return folded
    flags = folded.flags.copy()
    if folded.time_us[0] < source.time_us[0] and folded.open[0] == source.open[0]:
        flags[0] |= PARTIAL
    return dataclasses.replace(folded, flags=flags)
