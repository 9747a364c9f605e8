"""Late trades: closed bars are amended, and the coarser ones rebuilt from the finer ones."""

from __future__ import annotations

from mdnb.bars.node import BarLog, Node, fold_rows
from mdnb.rows import BarRow

__all__ = ["amend_bars", "closed_rows", "is_gone", "refold"]

_NEVER = -(2**63)
_NO_START = 2**63 - 1


def amend_bars(root: Node, piece: BarRow, settled_ns: int) -> list[tuple[Node, BarRow]]:
    """Merge a piece into the closed root bar that starts with it, and into every coarser bar.

    Parameters
    ----------
    settled_ns
        Every bar that ended by then is closed.

    Returns
    -------
    list of (Node, BarRow)
        The closed bars that changed, as they are now; hidden timeframes left out.
    """
    merged = root.amend(piece)
    changed = [] if root.hidden else [(root, merged)]
    return changed + refold(root, piece, settled_ns)


def refold(node: Node, piece: BarRow, settled_ns: int) -> list[tuple[Node, BarRow]]:
    """Fold every coarser bar around a piece anew from the closed bars of the finer timeframe.

    Returns
    -------
    list of (Node, BarRow)
        The closed bars that changed, as they are now; hidden timeframes left out.
    """
    changed: list[tuple[Node, BarRow]] = []
    for child in node.children:
        _refold(child, piece, settled_ns, changed)
    return changed


def _refold(node: Node, piece: BarRow, settled_ns: int, changed: list[tuple[Node, BarRow]]) -> None:
    span = node.grid.span(piece[0])
    parent = node.parent
    assert parent is not None
    assert span is not None
    is_whole = parent.log.evicted == 0 or _first_start(parent.log) <= span[0]
    rows = closed_rows(parent.log, *span) if is_whole else []
    if span[1] > settled_ns:
        if not node.is_open:
            node.begin(span, piece[1], piece[0])
        if rows:
            node.take(fold_rows(rows, span[0]), span)
        else:
            node.fold(_with_newest_close(parent.log, piece, span))
        return
    if rows:
        now = fold_rows(rows, span[0])
        node.replace(now)
    else:
        now = node.amend((span[0], *_with_newest_close(parent.log, piece, span)[1:]))
    if not node.hidden:
        changed.append((node, now))
    for child in node.children:
        _refold(child, piece, settled_ns, changed)


def _with_newest_close(log: BarLog, piece: BarRow, span: tuple[int, int]) -> BarRow:
    """Return a piece with the close of the newest finer bar held: the piece itself came late."""
    at = log.find(span[1]) - 1
    newest = log.row(at)[0] if at >= 0 else piece
    close = newest[4] if newest[0] >= span[0] else piece[4]
    return (*piece[:4], close, *piece[5:])


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


def _first_start(log: BarLog) -> int:
    return log.row(0)[0][0] if len(log) else _NO_START
