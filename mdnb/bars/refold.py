"""Putting what is new into closed bars, and folding the coarser bars anew: each of them once."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from mdnb.bars.node import BarLog, Node, fold_rows
from mdnb.rows import BarRow, GonePiece
from mdnb.timeframes import Grid

__all__ = [
    "ChangedBars",
    "OneBar",
    "Piece",
    "TickBars",
    "bar_of_ticks",
    "closed_rows",
    "held_bar",
    "is_gone",
    "put_closed",
    "spans_of",
    "starts_held",
    "whole_bar",
]

_FEW = 16
_NEAR = 1e-9
_NEVER = -(2**63)
_NO_START = 2**63 - 1

_Span = tuple[int, int]


class Piece(NamedTuple):
    """What is new in one bar of the finest timeframe, or in a coarser one.

    Attributes
    ----------
    row
        The new trades alone, as a bar.
    before_ns, after_ns
        When the trades held before the first of them, and after the last of them, were made.
    newest_before_ns, oldest_after_ns
        The same of all of them: between both no trade is held.
    """

    row: BarRow
    before_ns: int
    after_ns: int
    newest_before_ns: int
    oldest_after_ns: int

    @classmethod
    def late(cls, row: BarRow, end_ns: int) -> Piece:
        """Return trades that count as the newest of their interval on the finest grid; that ends then."""
        return cls(row, row[0], end_ns, row[0], _NEVER)

    def opens(self, span: _Span) -> bool:
        """Return whether no trade of an interval that is held came before them."""
        return self.before_ns < span[0]

    def closes(self, span: _Span) -> bool:
        """Return whether no trade of an interval that is held came after them."""
        return self.after_ns >= span[1]

    def is_all(self, span: _Span) -> bool:
        """Return whether no trade of an interval is held but them."""
        return self.newest_before_ns < span[0] and self.oldest_after_ns >= span[1]


class TickBars(Protocol):
    """Bars of the finest timeframe, made of the trades held."""

    def bars(self, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return those that start in ``[start_ns, end_ns)``; none where not all trades since are held."""
        ...


class OneBar(NamedTuple):
    """A bar of the finest timeframe that is known whole, in place of the trades that it would be made of."""

    row: BarRow
    span: _Span

    def bars(self, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return it where it alone is asked for."""
        return [self.row] if (start_ns, end_ns) == self.span else []


@dataclasses.dataclass(slots=True)
class ChangedBars:
    """What became others: closed bars as they are now, hidden timeframes left out, and those not held."""

    bars: list[tuple[Node, BarRow]] = dataclasses.field(default_factory=list)
    gone: list[tuple[Node, GonePiece]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class _Job:
    settled_ns: int
    ticks: TickBars | None
    changes: ChangedBars


def put_closed(root: Node, pieces: Sequence[Piece], settled_ns: int, ticks: TickBars | None) -> ChangedBars:
    """Put what is new into closed bars of the finest timeframe, and into every coarser bar.

    Parameters
    ----------
    pieces
        Oldest first, one a bar.
    settled_ns
        Every bar that ended by then is closed.
    ticks
        The trades held, the new ones among them; None where none are.
    """
    job = _Job(settled_ns, ticks, ChangedBars())
    _put(root, list(_grouped(root, pieces)), job)
    return job.changes


def whole_bar(root: Node, piece: Piece, span: _Span, ticks: TickBars | None) -> BarRow:
    """Return the bar of the finest timeframe with what is new in it; the bar itself stays as it is."""
    made = ticks.bars(*span) if ticks is not None else []
    if made:
        return made[0]
    held = root.as_row()
    return _joined(
        root, held if held is not None and held[0] == span[0] else _held(root, span[0]), piece, span
    )


def _grouped(node: Node, pieces: Sequence[Piece]) -> Iterator[tuple[_Span, Piece]]:
    """Return the pieces of each bar as one, oldest first."""
    if len(pieces) == 1:
        # Of a late trade: live, so it has to be quick.
        only = node.grid.span(pieces[0].row[0])
        if only is not None:
            yield only, pieces[0]
        return
    spans = spans_of(node.grid, [piece.row[0] for piece in pieces])
    for span, group in itertools.groupby(zip(spans, pieces, strict=True), key=lambda one: one[0]):
        if span is not None:
            inside = [piece for _, piece in group]
            yield span, inside[0] if node.parent is None else _as_one(inside, span)


def spans_of(grid: Grid, times_ns: Sequence[int]) -> list[_Span | None]:
    """Return the interval of each of several times; None while the venue is closed."""
    if len(times_ns) < _FEW:
        return [grid.span(ts_ns) for ts_ns in times_ns]
    starts, inside = grid.starts(np.array(times_ns, dtype=np.int64))
    found: list[_Span | None] = [None] * len(starts)
    open_ = starts[inside]
    spans = zip(open_.tolist(), grid.ends(open_).tolist(), strict=True)
    for at, span in zip(np.flatnonzero(inside).tolist(), spans, strict=True):
        found[at] = span
    return found


def _as_one(pieces: Sequence[Piece], span: _Span) -> Piece:
    return Piece(
        fold_rows([piece.row for piece in pieces], span[0]),
        pieces[0].before_ns,
        pieces[-1].after_ns,
        max(piece.newest_before_ns for piece in pieces),
        min(piece.oldest_after_ns for piece in pieces),
    )


def _put(node: Node, groups: Sequence[tuple[_Span, Piece]], job: _Job) -> None:
    """Put pieces into closed bars of one timeframe, and into the coarser ones."""
    if not groups:
        return
    rows: list[BarRow] = []
    last_gone: Piece | None = None
    for span, piece in groups:
        if is_gone(node.log, span[0]):
            job.changes.gone.append((node, _gone(node, piece, span, job.ticks)))
            last_gone = piece
        elif node.parent is None:
            rows.append(whole_bar(node, piece, span, job.ticks))
        else:
            rows.append(_coarse_row(node, _held(node, span[0]), piece, span, span[1], job.ticks))
    flats = node.put_all(rows)
    if last_gone is not None and last_gone.after_ns >= _first_start(node.log):
        flats += node.follow(last_gone.row[4])
    if not node.hidden:
        job.changes.bars += [(node, row) for row in (sorted([*rows, *flats]) if flats else rows)]
    pieces = [piece for _, piece in groups]
    for child in node.children:
        coarse = list(_grouped(child, pieces))
        _put(child, [one for one in coarse if one[0][1] <= job.settled_ns], job)
        for span, piece in coarse:
            if span[1] > job.settled_ns:
                _put_open(child, piece, span, job)


def _put_open(node: Node, piece: Piece, span: _Span, job: _Job) -> None:
    """Put what is new in closed finer bars into the open bar."""
    assert node.parent is not None
    held = node.as_row()
    # It holds what the finer timeframe has closed.
    finer = node.parent.grid.span(job.settled_ns)
    end = job.settled_ns if finer is None else finer[0]
    row = _coarse_row(node, held, piece, span, min(end, span[1]), job.ticks)
    node.renew(row, span, piece.row[0])


def _coarse_row(
    node: Node, held: BarRow | None, piece: Piece, span: _Span, end_ns: int, ticks: TickBars | None
) -> BarRow:
    """Return a coarser bar with what is new in it, from the finer ones, the trades, or what it was."""
    assert node.parent is not None
    finer = node.parent.log
    if starts_held(finer, span[0]) and (rows := closed_rows(finer, *span)):
        folded = fold_rows(rows, span[0])
        if held is None or not _has_more(held, piece.row, folded):
            return folded
    made = bar_of_ticks(node, span[0], end_ns, ticks)
    if made is not None and made[6] == piece.row[6] + (0 if held is None else held[6]):
        return made
    return _joined(node, held, piece, span)


def _has_more(held: BarRow, new: BarRow, folded: BarRow) -> bool:
    """Return whether a coarse bar has trades that its finer ones lack, since it came as a bar itself."""
    return held[6] + new[6] > folded[6] or (held[5] + new[5]) * (1 - _NEAR) > folded[5]


def bar_of_ticks(node: Node, start_ns: int, end_ns: int, ticks: TickBars | None) -> BarRow | None:
    """Return a bar made of the trades held, folded from finer to coarser as any; None without them."""
    rows = [] if ticks is None else ticks.bars(start_ns, end_ns)
    path: list[Node] = []
    at = node
    while at.parent is not None:
        path.append(at)
        at = at.parent
    for one in reversed(path):
        spans = spans_of(one.grid, [row[0] for row in rows])
        groups = itertools.groupby(zip(spans, rows, strict=True), key=lambda pair: pair[0])
        rows = [fold_rows([row for _, row in inside], span[0]) for span, inside in groups if span is not None]
    return rows[0] if rows else None


def _joined(node: Node, held: BarRow | None, piece: Piece, span: _Span) -> BarRow:
    """Return a bar with what is new in it; what it opens and closes with, the neighbours tell."""
    close = _newest_close(node, span)
    if held is None:
        start, open_, high, low, last, volume, count, turnover = (span[0], *piece.row[1:])
    else:
        start, open_, high, low, last, volume, count, turnover = fold_rows([held, piece.row], span[0])
        open_ = piece.row[1] if piece.opens(span) else held[1]
        last = piece.row[4] if piece.closes(span) else held[4]
    return (start, open_, high, low, last if close is None else close, volume, count, turnover)


def _newest_close(node: Node, span: _Span) -> float | None:
    """Return the close of the newest finer bar held of an interval; None where there is none."""
    if node.parent is None:
        return None
    finer = node.parent.log
    at = finer.find(span[1]) - 1
    newest = finer.row(at)[0] if at >= 0 else None
    return newest[4] if newest is not None and newest[0] >= span[0] else None


def _gone(node: Node, piece: Piece, span: _Span, ticks: TickBars | None) -> GonePiece:
    close = _newest_close(node, span)
    if close is None and piece.closes(span):
        close = piece.row[4]
    return GonePiece(
        (span[0], *piece.row[1:]),
        piece.row[1] if piece.opens(span) else None,
        close,
        piece.is_all(span),
        bar_of_ticks(node, *span, ticks),
    )


def _held(node: Node, start_ns: int) -> BarRow | None:
    """Return the closed bar of a start; None where there is none, or a flat one."""
    at = node.log.find(start_ns)
    if at == len(node.log):
        return None
    row, flags = node.log.row(at)
    return row if row[0] == start_ns and not flags & 1 else None


def held_bar(root: Node, start_ns: int) -> BarRow | None:
    """Return the bar of a timeframe that starts then, open or closed; None without one, or a flat one."""
    if root.is_open and root.start == start_ns:
        return root.as_row()
    return _held(root, start_ns)


def closed_rows(log: BarLog, start_ns: int, end_ns: int) -> list[BarRow]:
    """Return the closed bars that start in ``[start_ns, end_ns)``, flat ones left out."""
    at = 0 if start_ns == _NEVER else log.find(start_ns)
    rows: list[BarRow] = []
    while at < len(log):
        row, flags = log.row(at)
        if row[0] >= end_ns:
            break
        if not flags & 1:
            rows.append(row)
        at += 1
    return rows


def is_gone(log: BarLog, start_ns: int) -> bool:
    """Return whether a bar that starts then has left memory."""
    # In this order: asked for its bars, a log drives out those beyond its limit.
    return start_ns < _first_start(log) and log.evicted > 0


def starts_held(log: BarLog, start_ns: int) -> bool:
    """Return whether all closed bars since an instant are in memory."""
    # In this order: asked for its bars, a log drives out those beyond its limit.
    return _first_start(log) <= start_ns or log.evicted == 0


def _first_start(log: BarLog) -> int:
    return log.row(0)[0][0] if len(log) else _NO_START
