"""Bars made anew, as trades of theirs were taken back or are others now: they may become less, or vanish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdnb.bars.node import Node, fold_rows
from mdnb.bars.refold import TickBars, bar_of_ticks, closed_rows, is_gone, starts_held
from mdnb.rows import BarRow

if TYPE_CHECKING:
    from mdnb.bars.cascade import Cascade

__all__ = ["remake_bar"]

_FILLED, _AMENDED = 1, 2
_Span = tuple[int, int]


def remake_bar(cascade: Cascade, start_ns: int, made: BarRow | None, ticks: TickBars | None) -> list[str]:
    """Put a bar of the finest timeframe in the place of the one that starts then, and fold the coarser anew.

    Parameters
    ----------
    made
        The bar as it is to be; None: no trade of it is left.
    ticks
        The trades held, for coarser bars whose finer ones have left memory; None where none are.

    Returns
    -------
    list of str
        Timeframes whose bar of that time has left memory, or cannot be made anew: it is as it was.
    """
    root = cascade.root
    span = root.grid.span(start_ns)
    assert span is not None
    if root.is_open and root.start == span[0]:
        if made is None:
            root.clear()
        else:
            root.take(made, span)
        return []
    if made is not None and span[1] > cascade.settled_ns:
        cascade.close_until(span[0])
        root.renew(made, span, span[0])
        # What is older than an open bar is never inside it.
        cascade.see(span[0])
        return []
    unmade: list[str] = []
    if is_gone(root.log, span[0]):
        unmade.append(root.name)
    else:
        _write(root, span, made, cascade)
        cascade.amended_count += 1
    for child in root.children:
        _refold(child, start_ns, cascade, ticks, unmade)
    return unmade


def _refold(node: Node, start_ns: int, cascade: Cascade, ticks: TickBars | None, unmade: list[str]) -> None:
    assert node.parent is not None
    span = node.grid.span(start_ns)
    if span is None:
        return
    finer, is_open = node.parent.log, span[1] > cascade.settled_ns
    row: BarRow | None
    if not is_open and is_gone(node.log, span[0]):
        unmade.append(node.name)
    elif starts_held(finer, span[0]) and node.parent.name not in unmade:
        rows = closed_rows(finer, *span)
        row = fold_rows(rows, span[0]) if rows else None
        _put(node, span, row, cascade, is_open=is_open)
    else:
        # An open one holds what the finer timeframe has closed.
        closed_to = node.parent.grid.span(cascade.settled_ns)
        end = min(span[1], cascade.settled_ns if closed_to is None else closed_to[0])
        row = bar_of_ticks(node, span[0], end, ticks)
        held = node.as_row() if is_open else _closed(node, span[0])
        if row is None or held is None or abs(held[6] - row[6]) > 1:
            unmade.append(node.name)
        else:
            _put(node, span, row, cascade, is_open=is_open)
    for child in node.children:
        _refold(child, start_ns, cascade, ticks, unmade)


def _closed(node: Node, start_ns: int) -> BarRow | None:
    at = node.log.find(start_ns)
    row = node.log.row(at)[0] if at < len(node.log) else None
    return row if row is not None and row[0] == start_ns else None


def _put(node: Node, span: _Span, row: BarRow | None, cascade: Cascade, *, is_open: bool) -> None:
    if not is_open:
        _write(node, span, row, cascade)
    elif row is None:
        node.clear()
    else:
        node.renew(row, span, row[0])


def _write(node: Node, span: _Span, row: BarRow | None, cascade: Cascade) -> None:
    """Write a closed bar, or take it out: where empty intervals are filled it becomes a flat one."""
    log = node.log
    if row is None:
        at = log.find(span[0])
        if at == len(log) or log.row(at)[0][0] != span[0]:
            return
        if not node.fill or at == 0:
            log.remove(at)
            gone: BarRow = (span[0], *(float("nan"),) * 4, 0.0, 0, 0.0)
            told = [gone]
        else:
            close = log.row(at - 1)[0][4]
            flat: BarRow = (span[0], close, close, close, close, 0.0, 0, 0.0)
            # As any bar first, so that the flat ones behind it follow.
            told = [flat, *log.put_all([flat], _AMENDED)]
            log.change(at, flat, log.row(at)[1] | _FILLED)
        if len(log):
            node.last_close = log.row(len(log) - 1)[0][4]
    else:
        told = [row, *node.put_all([row])]
    if not node.hidden:
        cascade.amended += [(node, one) for one in told]
