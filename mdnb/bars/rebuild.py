"""Rebuilding a bar whose trades changed after it was made, and all coarser bars with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdnb.bars.late import refold
from mdnb.bars.node import fold_rows
from mdnb.rows import BarRow, TradeRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mdnb.bars.cascade import Cascade

__all__ = ["bar_from_trades", "join_piece", "merge_piece", "rebuild_bar"]


def bar_from_trades(start_ns: int, rows: Sequence[TradeRow]) -> BarRow:
    """Return the bar that trades make in their order, added one by one as the live path does.

    Examples
    --------
    >>> bar_from_trades(0, [(1, 10.0, 1.0, 1, 0, -1), (2, 9.0, 2.0, 1, 0, -1)])
    (0, 10.0, 10.0, 9.0, 9.0, 3.0, 2, 28.0)
    """
    pieces = [(start_ns, p, p, p, p, size, count, p * size) for _, p, size, count, _, _ in rows]
    return fold_rows(pieces, start_ns)


def rebuild_bar(cascade: Cascade, row: BarRow, piece: BarRow) -> None:
    """Rebuild the root's bar of an interval, and the coarser bars that contain it.

    Parameters
    ----------
    cascade
        Whose bar; closed bars that change are appended to its ``amended``.
    row
        The whole bar as it is now.
    piece
        What is new in it: coarser bars whose finer ones are not all held any more take in this only.
    """
    root = cascade.root
    span = root.grid.span(row[0])
    if span is None or span[1] > cascade.settled_ns:
        if span is not None:
            # It may not have begun yet: then the bar before it is still open.
            cascade.close_until(span[0])
            if not root.is_open:
                root.begin(span, row[1], span[0])
            root.take(row, span)
            cascade.begin_at(span[0])
        return
    root.replace(row)
    cascade.amended_count += 1
    if not root.hidden:
        cascade.amended.append((root, row))
    cascade.amended += refold(root, piece, cascade.settled_ns)


def join_piece(cascade: Cascade, piece: BarRow, *, opens: bool, closes: bool) -> BarRow:
    """Return the root's bar of an interval with trades that were missed; the bar itself stays as it is.

    Parameters
    ----------
    piece
        What was missed.
    opens, closes
        Whether no trade of the interval that is held came before them, and none after them.
    """
    root = cascade.root
    held = root.as_row()
    if held is None or held[0] != piece[0]:
        at = root.log.find(piece[0])
        held, flags = root.log.row(at) if at < len(root.log) else (piece, 1)
        if held[0] != piece[0] or flags & 1:
            return piece
    start, _, high, low, _, volume, count, turnover = fold_rows([held, piece], piece[0])
    first, last = piece if opens else held, piece if closes else held
    return (start, first[1], high, low, last[4], volume, count, turnover)


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
        cascade.begin_at(span[0])
