"""Adding a timeframe to a running cascade: its bars are built from finer ones, or from the trades held."""

from __future__ import annotations

from collections.abc import Iterable

from mdnb.bars.closing import ClosingTime
from mdnb.bars.node import BarLog, Node, fold_rows
from mdnb.bars.refold import closed_rows
from mdnb.rows import BarRow

__all__ = ["fill_from_parent", "fold_closed", "put_below", "put_between"]

_NEVER = -(2**63)
_NO_START = 2**63 - 1
_REPAIRING = 8


def fill_from_parent(node: Node, settled_ns: int) -> None:
    """Fold every closed bar of the finer timeframe into a new node; emits no events for the bars this closes.

    Parameters
    ----------
    settled_ns
        Every bar that ended by then is closed.
    """
    assert node.parent is not None
    listener, node.on_closed = node.on_closed, None
    # Its bars were over when they were over, and not when somebody asked for them.
    closing, node.closing = node.closing, ClosingTime()
    lacking = _partial_starts(node.parent.log)
    fold_closed(node, ((row, row[0] in lacking) for row in closed_rows(node.parent.log, _NEVER, _NO_START)))
    if node.is_open and node.edge <= settled_ns:
        node.finish(settled_ns)
    node.on_closed, node.closing = listener, closing


def fold_closed(node: Node, rows: Iterable[tuple[BarRow, bool]]) -> None:
    """Fold closed bars of a finer timeframe into a node, each with whether it is partial."""
    for row, is_partial in rows:
        if node.is_open and row[0] >= node.edge:
            node.finish(row[0])
        node.fold(row)
        node.partial = node.partial or is_partial


def _partial_starts(log: BarLog) -> set[int]:
    held = (log.row(at) for at in log.partial(0, len(log)))
    # What may still come marks the coarser bars by itself, and not for good.
    return {row[0] for row, flags in held if not flags & _REPAIRING}


def put_between(made: Node, child: Node) -> None:
    """Feed a timeframe through a finer one that was made of the same bars; its open bar follows.

    Parameters
    ----------
    made
        Fed from the child's parent, its bars folded already.
    child
        From now on it holds what ``made`` has closed.
    """
    assert child.parent is not None
    child.parent.children.remove(child)
    child.parent = made
    made.children.append(child)
    if child.is_open:
        start, edge = child.start, child.edge
        child.clear()
        if rows := closed_rows(made.log, start, edge):
            child.take(fold_rows(rows, start), (start, edge))


def put_below(made: Node, old: Node, *, complete: bool, oldest_ns: int | None) -> None:
    """Make a new, finer root feed the old one.

    Parameters
    ----------
    made
        The new root, built from the trades held.
    old
        The root so far; its open bar must from now on hold only what the new root has closed.
    complete
        Whether the trades held are all there ever were.
    oldest_ns
        Time of the oldest trade held, None where none is.
    """
    made.children.append(old)
    old.parent = made
    if not old.is_open:
        return
    if not complete and (oldest_ns is None or oldest_ns >= old.start):
        # The trades of the open bar are not all held: it keeps what it has, the new root starts afresh.
        made.clear()
        made.partial = True
        return
    rows = closed_rows(made.log, old.start, old.edge)
    if rows:
        old.take(fold_rows(rows, old.start), (old.start, old.edge))
    else:
        old.clear()
