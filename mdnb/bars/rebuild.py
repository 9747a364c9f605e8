"""Rebuilding a bar whose trades changed after it was made, and all coarser bars with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdnb.bars.node import fold_rows
from mdnb.bars.refold import Piece, TickBars, put_closed, spans_of, whole_bar
from mdnb.rows import BarRow, TradeRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mdnb.bars.cascade import Cascade

__all__ = ["bar_from_trades", "merge_piece", "rebuild_bars"]


def bar_from_trades(start_ns: int, rows: Sequence[TradeRow]) -> BarRow:
    """Return the bar that trades make in their order, added one by one as the live path does.

    Examples
    --------
    >>> bar_from_trades(0, [(1, 10.0, 1.0, 1, 0, -1), (2, 9.0, 2.0, 1, 0, -1)])
    (0, 10.0, 10.0, 9.0, 9.0, 3.0, 2, 28.0)
    """
    pieces = [(start_ns, p, p, p, p, size, count, p * size) for _, p, size, count, _, _ in rows]
    return fold_rows(pieces, start_ns)


def rebuild_bars(cascade: Cascade, pieces: Sequence[Piece], ticks: TickBars | None) -> None:
    """Put what is new into bars of the finest timeframe, and into the coarser bars that contain them.

    Parameters
    ----------
    cascade
        Whose bars; closed bars that change are appended to its ``amended``, what is new in those that have
        left memory to its ``gone``.
    pieces
        Oldest first, one a bar.
    ticks
        The trades held, the new ones among them: where they reach back to a bar it is made anew from them.
        Else open and close follow from the neighbours.
    """
    root = cascade.root
    spans = spans_of(root.grid, [piece.row[0] for piece in pieces])
    found = [(span, piece) for span, piece in zip(spans, pieces, strict=True) if span is not None]
    closed = [piece for span, piece in found if span[1] <= cascade.settled_ns]
    cascade.note(put_closed(root, closed, cascade.settled_ns, ticks), len(closed))
    for piece in closed if cascade.has_marks else ():
        cascade.unpriced.take(piece.row[0])
    for span, piece in found[len(closed) :]:
        row = whole_bar(root, piece, span, ticks)
        # It may not have begun yet: then the bar before it is still open.
        cascade.close_until(span[0])
        root.renew(row, span, span[0])
        if cascade.has_marks:
            cascade.unpriced.take(span[0])
        cascade.see(span[0])


def merge_piece(cascade: Cascade, piece: BarRow) -> None:
    """Merge trades into the bar of their interval, open or closed; they count as its newest."""
    root = cascade.root
    span = root.grid.span(piece[0])
    if span is None:
        return
    if span[1] <= cascade.settled_ns:
        cascade.amend(piece)
    else:
        cascade.close_until(span[0])
        root.fold(piece)
        cascade.see(span[0])
