"""Rebuilds bars from the tick store, for trades that arrived after their bars were made."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mdnb.bars.activity import ActivityBars
from mdnb.bars.lost_trades import mark_activity, mark_node
from mdnb.bars.marked import bar_of_trades, bar_with
from mdnb.bars.rebuild import bar_from_trades, merge_piece, rebuild_bars
from mdnb.bars.refold import Piece, held_bar, is_gone
from mdnb.bars.remake import remake_bar
from mdnb.rows import MARKS, BarRow, TradeRow, marks_of
from mdnb.runtime.live.placing import Order
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.stores.ticks import IN_BARS, TICK_DTYPE, counts_in_full, is_in_bars, trade_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Between",
    "HeldTicks",
    "keep_between",
    "put_between",
    "put_into_bars",
    "put_marked",
    "remake_activity",
    "remake_of_ticks",
]

_NS_PER_US = 1000
_NO_START = 2**63 - 1


Between = tuple[TradeRow, int, int]
"""A trade, and when those held next to it were made: the one before it, and the one after it."""


class HeldTicks:
    """Bars of the finest timeframe made of the ticks held, which stay as they are meanwhile.

    Parameters
    ----------
    engine
        Whose ticks.
    """

    def __init__(self, engine: SymbolState) -> None:
        self._engine = engine
        self._gone_ns = engine.ticks.newest_gone_ns
        self._low_ns = _NO_START
        self._starts: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._ticks: NDArray[np.void] = np.empty(0, dtype=TICK_DTYPE)

    def bars(self, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return those that start in ``[start_ns, end_ns)``; none where not all trades since are held."""
        if start_ns <= self._gone_ns:
            return []
        if start_ns < self._low_ns:
            self._sort(start_ns)
        first, last = np.searchsorted(self._starts, (start_ns, end_ns)).tolist()
        if self._engine.has_marks:
            return self._marked_bars(first, last)
        rows = trade_rows(self._ticks[first:last])
        if first < last and self._starts[first] == self._starts[last - 1]:
            return [bar_from_trades(int(self._starts[first]), rows)]
        starts = self._starts[first:last].tolist()
        by_start = itertools.groupby(zip(starts, rows, strict=True), key=lambda one: one[0])
        return [bar_from_trades(start, [row for _, row in inside]) for start, inside in by_start]

    def _marked_bars(self, first: int, last: int) -> list[BarRow]:
        starts, rows = self._starts[first:last].tolist(), trade_rows(self._ticks[first:last])
        by_start = itertools.groupby(zip(starts, rows, strict=True), key=lambda one: one[0])
        made = (bar_of_trades(start, [row for _, row in inside]) for start, inside in by_start)
        return [bar for bar in made if bar is not None]

    def trades(self, start_ns: int, end_ns: int) -> list[TradeRow]:
        """Return the trades of bars that start in ``[start_ns, end_ns)``; none where not all are held."""
        if start_ns <= self._gone_ns:
            return []
        if start_ns < self._low_ns:
            self._sort(start_ns)
        first, last = np.searchsorted(self._starts, (start_ns, end_ns)).tolist()
        return trade_rows(self._ticks[first:last])

    def _sort(self, low_ns: int) -> None:
        """Sort the ticks since an instant by their bars; those of one stay in their order of arrival."""
        held = self._engine.ticks.between(low_ns, _NO_START)
        held = held[is_in_bars(held["flag"])]
        starts, inside = self._engine.cascade.root.grid.starts(held["ts_ns"])
        held, starts = held[inside], starts[inside]
        order = np.argsort(starts, kind="stable")
        self._low_ns, self._starts, self._ticks = low_ns, starts[order], held[order]


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
    ticks = HeldTicks(engine)
    for start, new in sorted(by_start.items()):
        span = grid.span(start)
        assert span is not None
        if _takes_marked(engine, start):
            put_marked(engine, start, new, ticks if stored else None)
            continue
        piece = bar_from_trades(start, new)
        if stored and engine.ticks.reaches(start):
            rebuild_bars(engine.cascade, [Piece.late(piece, span[1])], ticks)
        else:
            merge_piece(engine.cascade, piece)
    for bars in engine.activity.values():
        bars.push_rows(engine.in_full(rows))


def put_between(engine: SymbolState, rows: Sequence[Between], order: Order, *, stored: bool) -> list[str]:
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
    list of str
        Timeframes with bars that may not be as they would have been, which are marked as partial: the ticks
        do not reach back to these trades.
    """
    trades = [row for row, _, _ in rows]
    new = keep_between(engine, trades, order, IN_BARS) if stored else None
    by_start: dict[int, list[Between]] = {}
    grid = engine.cascade.root.grid
    for between in rows:
        span = grid.span(between[0][0])
        assert span is not None
        by_start.setdefault(span[0], []).append(between)
    held = HeldTicks(engine) if stored else None
    pieces = []
    for start, inside in sorted(by_start.items()):
        if _takes_marked(engine, start):
            put_marked(engine, start, [row for row, _, _ in inside], held)
        else:
            pieces.append(_piece(start, inside))
    rebuild_bars(engine.cascade, pieces, held)
    if trades:
        # They may be newer than all that came: what comes next is not the first of its bar.
        engine.cascade.see(max(row[0] for row in trades))
    _note_mixed(engine, rows)
    vague = _mark_vague(engine, list(by_start), stored=stored)
    return vague + [bars.name for bars in _rebuild_activity(engine, trades, new)]


def _note_mixed(engine: SymbolState, rows: Sequence[Between]) -> None:
    """Note missed trades whose neighbours are in another bar, on the wrong side: order and times disagree."""
    span = engine.cascade.root.grid.span
    for (ts_ns, *_), before_ns, after_ns in rows:
        for late_ns, newest_ns in ((ts_ns, before_ns), (after_ns, ts_ns)):
            if late_ns < newest_ns and span(late_ns) != span(newest_ns):
                engine.cascade.came_late.append((late_ns, newest_ns))


def _piece(start: int, inside: Sequence[Between]) -> Piece:
    return Piece(
        bar_from_trades(start, [row for row, _, _ in inside]),
        inside[0][1],
        inside[-1][2],
        max(before for _, before, _ in inside),
        min(after for _, _, after in inside),
    )


def _takes_marked(engine: SymbolState, start_ns: int) -> bool:
    """Return whether a bar has to be made with regard to trades that do not count in full."""
    return engine.has_marks and not is_gone(engine.cascade.root.log, start_ns)


def put_marked(
    engine: SymbolState, start_ns: int, new: Sequence[TradeRow], ticks: HeldTicks | None
) -> list[str]:
    """Put trades, marked ones among them, into the bar that starts then, and make the coarser ones anew.

    Parameters
    ----------
    ticks
        Those held, the new ones among them. Where they do not reach so far the new ones count as the newest.

    Returns
    -------
    list of str
        Timeframes of which the bar could not be made anew.
    """
    cascade = engine.cascade
    cascade.unpriced.uncounted += sum(marks_of(row) == MARKS for row in new)
    if ticks is not None and engine.ticks.reaches(start_ns):
        return remake_of_ticks(engine, start_ns, ticks)
    made = held_bar(cascade.root, start_ns)
    waiting = cascade.unpriced.take(start_ns)
    if made is not None:
        for row in new:
            made = bar_with(made, row, start_ns)
    else:
        rows = [*waiting, *new]
        made = bar_of_trades(start_ns, rows)
        if made is None:
            cascade.unpriced.put(start_ns, [row for row in rows if marks_of(row) != MARKS])
    return [] if made is None else remake_bar(cascade, start_ns, made, ticks)


def remake_of_ticks(engine: SymbolState, start_ns: int, ticks: HeldTicks) -> list[str]:
    """Make a bar of the finest timeframe, and the coarser ones, anew of the ticks held, as they are now.

    Returns
    -------
    list of str
        Timeframes of which the bar could not be made anew.
    """
    cascade = engine.cascade
    span = cascade.root.grid.span(start_ns)
    assert span is not None
    rows = ticks.trades(*span)
    made = bar_of_trades(span[0], rows)
    waiting = [row for row in rows if marks_of(row) != MARKS] if made is None else []
    cascade.unpriced.put(span[0], waiting)
    if made is None and held_bar(cascade.root, span[0]) is None:
        return []
    return remake_bar(cascade, span[0], made, ticks)


def _mark_vague(engine: SymbolState, starts: Sequence[int], *, stored: bool) -> list[str]:
    """Mark bars whose open and close follow from neighbours that did not come in the order of their times."""
    found: set[str] = set()
    for start in starts if engine.cascade.came_late else ():
        span = engine.cascade.root.grid.span(start)
        assert span is not None
        if not (stored and engine.ticks.reaches(start)) and engine.cascade.is_mixed(span):
            for node in engine.cascade.nodes():
                told = mark_node(node, *span)
                if not node.hidden:
                    engine.amended += told
                    found.add(node.name)
    return sorted(found)


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
    if not engine.activity or not engine.in_full(rows):
        return []
    held = engine.ticks.tail(len(engine.ticks))
    is_whole = new is not None and np.count_nonzero(new) == len(rows)
    unplaced = []
    for bars in engine.activity.values():
        since = _since(bars, held, new) if is_whole and new is not None else None
        if since is None:
            # They are lacking where they were made, and are too many where they are put.
            low_ns, high_ns = min(row[0] for row in rows), max(row[0] for row in rows)
            engine.amended += mark_activity(bars, low_ns, high_ns)
            if bars.name in engine.overflow:
                engine.overflow[bars.name].lose(low_ns, high_ns)
            engine.amended += [(bars.name, row) for row in bars.push_unplaced(engine.in_full(rows))]
            unplaced.append(bars)
        else:
            at, begin = since
            behind = held[begin:]
            changed = bars.rebuild(at, trade_rows(behind[counts_in_full(behind["flag"])]))
            engine.amended += [(bars.name, row) for row in changed]
    return unplaced


def remake_activity(engine: SymbolState, at: int, was: int) -> list[str]:
    """Make tick, volume and dollar bars anew since a trade that is another one now, or none.

    Parameters
    ----------
    at
        Its position among the ticks held.
    was
        How many raw trades it stood for in these bars before; 0 where it was in none.

    Returns
    -------
    list of str
        Those that cannot be made anew: the bars since then are marked as partial.
    """
    if not engine.activity:
        return []
    held = engine.ticks.tail(len(engine.ticks))
    full = counts_in_full(held["flag"])
    counts = np.where(full, held["count"], 0).astype(np.int64)
    unmade = []
    for bars in engine.activity.values():
        behind = int(counts[at + 1 :].sum()) + was
        found = bars.holding(behind)
        begin = _begin_of(counts, at, None if found is None else found[1] - behind)
        if found is None or begin is None:
            engine.amended += mark_activity(bars, int(held["ts_ns"][at]), int(held["ts_ns"][at]))
            unmade.append(bars.name)
            continue
        changed = bars.rebuild(found[0], trade_rows(held[begin:][full[begin:]]))
        engine.amended += [(bars.name, row) for row in changed]
    return unmade


def _begin_of(counts: NDArray[np.int64], at: int, before: int | None) -> int | None:
    """Return the position behind which, up to another one, so many trades lie; None where there is none."""
    if before is None:
        return None
    sums = np.cumsum(counts[:at][::-1])
    back = 0 if before == 0 else int(np.searchsorted(sums, before)) + 1
    if before and (back > len(sums) or sums[back - 1] != before):
        return None
    return at - back


def _since(bars: ActivityBars, held: NDArray[np.void], new: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Return the position of the first bar that new ticks change, and that of its first tick, if held."""
    first = int(np.argmax(new))
    in_bars = counts_in_full(held["flag"])
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
    if bars.begins(at) != (len(olds) > 0):
        return None
    if len(olds) and not bars.begins_with(at, *held[begin + olds[0]].item()[:2]):
        return None
    return at, begin
