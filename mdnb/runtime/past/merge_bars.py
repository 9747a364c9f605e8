"""Merges imported bars with those held and rebuilds the coarser timeframes; all or nothing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from mdnb.bars.late import closed_rows
from mdnb.bars.node import Node, fold_rows
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.store.columns import PARTIAL, BarColumns, columns_from_rows, join_columns
from mdnb.timeframes import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Merged", "fold_to", "merge_bars"]

_NS_PER_US = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Merged:
    """How many bars were added, replaced others, were not needed, or did not fit."""

    added: int = 0
    replaced: int = 0
    kept: int = 0
    over_limit: int = 0


def merge_bars(engine: SymbolState, name: str, columns: BarColumns, *, overwrite: bool = False) -> Merged:
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

    Returns
    -------
    Merged
        What became of them. The bar that is being made is never touched.
    """
    with engine.lock:
        open_ns = _open_from(engine, name)
        closed = columns.time_us * _NS_PER_US < open_ns
        rest = int(np.count_nonzero(~closed))
        columns = columns.where(closed)
        before = _firsts(engine, name)
        merged, touched = _put(engine, name, columns, overwrite=overwrite)
        if len(touched) and name not in engine.activity:
            for child in engine.cascade.node(name).children:
                _refold(engine, child, touched, before, columns)
        engine.reader.forget()
        engine.updates += 1
    engine.notify()
    return dataclasses.replace(merged, kept=merged.kept + rest)


def _open_from(engine: SymbolState, name: str) -> int:
    """Return the start of the interval that is being made; bars from there on are the live path's."""
    forming = engine.forming_of(name)
    if forming is not None:
        return forming[0]
    return 2**62


def _firsts(engine: SymbolState, name: str) -> int | None:
    return engine.log(name).first_start_ns()


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
    at = np.searchsorted(known.time_us, columns.time_us)
    inside = at < len(known)
    has = np.zeros(len(columns), dtype=bool)
    has[inside] = known.time_us[at[inside]] == columns.time_us[inside]
    wins = has & (overwrite | (_flags_at(known, at, has) & PARTIAL > 0))
    chosen = columns.where(~has | wins)
    added, replaced = int(np.count_nonzero(~has)), int(np.count_nonzero(wins))
    into = _sorted([chosen, _told_closings(known, columns, at, has & ~wins)])
    if not len(into):
        return Merged(0, 0, len(columns)), columns.time_us[:0]
    if overflow is not None and len(held) and len(overflow):
        # What is older than memory goes straight to where the older bars are.
        on_disk = into.time_us < held.time_us[0]
        if on_disk.any():
            overflow.replace(into.where(on_disk))
            into = into.where(~on_disk)
    left = held.where(~np.isin(held.time_us, into.time_us))
    both = _sorted([left, into])
    over = 0 if overflow is not None else max(0, len(both) - log.limit)
    if over:
        gone = both.time_us[:over]
        over = int(np.count_nonzero(np.isin(chosen.time_us, gone)))
        added -= int(np.count_nonzero(np.isin(chosen.time_us, gone) & ~np.isin(chosen.time_us, held.time_us)))
    if len(into):
        log.rewrite(both)
    return Merged(added, replaced, len(columns) - len(chosen), over), chosen.time_us


def _sorted(parts: list[BarColumns]) -> BarColumns:
    both = join_columns(parts)
    return both.where(np.argsort(both.time_us, kind="stable"))


def _told_closings(
    known: BarColumns, columns: BarColumns, at: NDArray[np.intp], stay: NDArray[np.bool_]
) -> BarColumns:
    """Return the bars held that stay and that the same bars of the import tell when they were closed."""
    rows = np.flatnonzero(stay & (columns.closed_us > 0))
    rows = rows[known.closed_us[at[rows]] == 0]
    for name in ("open", "high", "low", "close", "tick_count"):
        rows = rows[getattr(known, name)[at[rows]] == getattr(columns, name)[rows]]
    return dataclasses.replace(known.where(at[rows]), closed_us=columns.closed_us[rows])


def _flags_at(known: BarColumns, at: NDArray[np.intp], has: NDArray[np.bool_]) -> NDArray[np.uint8]:
    flags = np.zeros(len(at), dtype=np.uint8)
    flags[has] = known.flags[at[has]]
    return flags


def _refold(
    engine: SymbolState, node: Node, touched_us: NDArray[np.int64], before: int | None, source: BarColumns
) -> None:
    """Make the bars of a coarser timeframe anew around the finer bars that changed, and so on down."""
    assert node.parent is not None
    name = node.name
    begins, inside = node.grid.starts(touched_us * _NS_PER_US)
    starts = np.unique(begins[inside])
    open_ns = _open_from(engine, name)
    if bool((starts == open_ns).any()):
        # Of the bar that is being made the node holds what the finer timeframe has closed.
        span = node.grid.span(open_ns)
        assert span is not None
        rows = closed_rows(node.parent.log, *span)
        if rows:
            node.take(fold_rows(rows, span[0]), span)
    starts = starts[starts < open_ns]
    last = node.grid.span(int(starts[-1])) if len(starts) else None
    if last is None:
        return
    finer = _range(engine, node.parent.name, int(starts[0]), last[1])
    folded = fold_to(finer, node.grid)
    folded = folded.where(np.isin(folded.time_us * _NS_PER_US, starts))
    folded = _mark_partial(folded, source)
    log, held_before = engine.log(name), _firsts(engine, name)
    held = log.columns(0, len(log))
    has = np.isin(folded.time_us, held.time_us)
    # A bar whose finer ones are not held any more knows more than what was imported.
    whole = folded.time_us * _NS_PER_US >= (2**62 if before is None else before)
    partial = np.isin(folded.time_us, held.time_us[(held.flags & PARTIAL) > 0])
    chosen = folded.where(~has | whole | partial)
    _, changed = _put(engine, name, chosen, overwrite=True)
    for child in node.children:
        if len(changed):
            _refold(engine, child, changed, held_before, source)


def _range(engine: SymbolState, name: str, start_ns: int, end_ns: int) -> BarColumns:
    """Return the closed bars that start in ``[start_ns, end_ns)``, without flat ones."""
    log, overflow = engine.log(name), engine.overflow.get(name)
    held = log.columns(log.find(start_ns), log.find(end_ns))
    if overflow is not None:
        held = join_columns([overflow.before(log.first_start_ns(), start_ns, end_ns - 1), held])
    return held.where((held.flags & 1) == 0)


def fold_to(columns: BarColumns, grid: Grid) -> BarColumns:
    """Return bars of a coarser grid made of finer ones, all in one go.

    A coarser bar is known when the last of its finer ones is. Where none of these was noted so late that the
    coarser one was over, as where the last minutes had no trade, nothing is noted of it either.

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
    closed_us = np.maximum.reduceat(columns.closed_us, first)
    closed_us[closed_us < grid.ends(begins[first]) // _NS_PER_US] = 0
    return BarColumns(
        time_us=begins[first] // _NS_PER_US,
        open=columns.open[first],
        high=np.maximum.reduceat(columns.high, first),
        low=np.minimum.reduceat(columns.low, first),
        close=columns.close[last],
        volume=volume,
        vwap=vwap,
        tick_count=np.add.reduceat(columns.tick_count, first),
        flags=np.bitwise_or.reduceat(columns.flags & PARTIAL, first).astype(np.uint8),
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
