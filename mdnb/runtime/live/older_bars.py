"""Bars of a timeframe that is added, made of the finer ones that have left memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mdnb.bars.add_timeframe import fold_closed
from mdnb.bars.closing import ClosingTime
from mdnb.bars.file_edges import find_edges, has_any, overlap
from mdnb.bars.node import Node
from mdnb.ordered_times import distinct
from mdnb.rows import BarRow
from mdnb.stores.bars import BarStore
from mdnb.stores.columns import FILLED, PARTIAL, REPAIRING, BarColumns
from mdnb.stores.overflow import Overflow
from mdnb.timeframes import Grid

__all__ = ["OlderBars", "mark_at_file_edges", "rows_of"]

_NS_PER_US = 1000


class OlderBars:
    """What a new timeframe has before the bars in memory of the one that feeds it.

    Parameters
    ----------
    finer
        The one that feeds it.
    overflow
        Where that one's older bars are.
    grid
        Of the new timeframe.
    fill
        Whether intervals without a trade get flat bars.
    """

    def __init__(self, finer: Node, overflow: Overflow, grid: Grid, *, fill: bool) -> None:
        self._finer, self._overflow, self._grid, self._fill = finer, overflow, grid, fill
        self._changes = -1
        self._begin()

    def _begin(self) -> None:
        self._log = BarStore(1)
        self._node = Node(self._grid, self._log)
        self._node.fill = self._fill
        self._until_ns: int | None = None

    def is_of(self, finer: Node, overflow: Overflow) -> bool:
        """Return whether it is made of these bars."""
        return self._finer is finer and self._overflow is overflow

    def read(self, first_ns: int | None) -> None:
        """Fold what has left memory; slow, so hold no lock.

        Parameters
        ----------
        first_ns
            Start of the oldest finer bar in memory; None where there is none.

        Raises
        ------
        DataImportError
            The disk does not give the bars.
        """
        self._changes = self._overflow.changes
        self._fold(self._overflow.before(first_ns))

    def _fold(self, columns: BarColumns) -> None:
        if not len(columns):
            return
        self._until_ns = int(columns.time_us[-1]) * _NS_PER_US
        self._log.set_limit(self._log.limit + len(columns))
        fold_closed(self._node, _rows(columns))

    def put_into(self, node: Node) -> None:
        """Put what is older than the bars in memory into the new node; hold the lock.

        Raises
        ------
        DataImportError
            The disk does not give the bars.
        """
        if self._changes != self._overflow.changes:
            # What has left memory was changed since it was read.
            self._changes = self._overflow.changes
            self._begin()
        finer, log = self._finer.log, node.log
        assert isinstance(finer, BarStore)
        assert isinstance(log, BarStore)
        # In this order: asked how many it holds, a store drives out those beyond its limit.
        first_ns = finer.first_start_ns() if len(finer) else None
        start_ns = None if self._until_ns is None else self._until_ns + 1
        self._fold(self._overflow.before(first_ns, start_ns))
        made, own = self._node, self._log
        if len(own):
            log.extend(own.columns(0, len(own)))
        node.closed_to, node.last_close, node.partial = made.closed_to, made.last_close, made.partial
        if (row := made.as_row()) is not None:
            node.take(row, (made.start, made.edge))


def mark_at_file_edges(
    node: Node, spans: Sequence[tuple[int, int]], forming_ns: int | None, over_ns: int
) -> None:
    """Mark the bars of a timeframe just added in which bars of a file end, or that are at a hole of them.

    Parameters
    ----------
    spans
        Starts of the first and last bar of each file.
    forming_ns
        Start of the finer bar that is being made; None without one.
    over_ns
        By when bars that are over have ended: an open one that goes on is not partial for what is to come,
        and one of a file that does not is closed.
    """
    if node.parent is None or not spans:
        return
    finer, log = node.parent.log, node.log
    assert isinstance(finer, BarStore)
    assert isinstance(log, BarStore)
    starts = finer.columns(0, len(finer)).time_us * _NS_PER_US
    if not len(starts):
        return
    if node.is_open and not node.children and node.edge <= min(over_ns, forming_ns or over_ns):
        _close(node)
    bars = starts, node.parent.grid.ends(starts)
    before = int(starts[0]) if finer.evicted else None
    edges = find_edges(bars, node.grid, before, forming_ns)
    lasts = np.array(sorted(last for _, last in spans), dtype=np.int64)
    lacks = (edges.at_hole & overlap(spans, bars)) | (edges.is_last & has_any(lasts, bars))
    for start in distinct(edges.begins[lacks]).tolist():
        at = log.find(start)
        if at < len(log) and log.row(at)[0][0] == start:
            log.mark(at, PARTIAL, at + 1)


def _close(node: Node) -> None:
    """Close an open bar of the past; emits no event, for it was over when it was over."""
    listener, node.on_closed = node.on_closed, None
    closing, node.closing = node.closing, ClosingTime()
    node.finish(node.edge)
    node.on_closed, node.closing = listener, closing


def rows_of(columns: BarColumns) -> list[BarRow]:
    """Return bars as rows; flat ones are left out."""
    return [row for row, _ in _rows(columns)]


def _rows(columns: BarColumns) -> Iterator[tuple[BarRow, bool]]:
    """Yield bars as rows, each with whether it is partial; flat ones are left out."""
    bars = columns.where((columns.flags & FILLED) == 0)
    turnover = np.where(bars.volume != 0, bars.turnover, 0.0)
    prices = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    values = (bars.time_us * _NS_PER_US, *prices, bars.tick_count, turnover)
    partial = (bars.flags & (PARTIAL | REPAIRING) == PARTIAL).tolist()
    yield from zip(zip(*(column.tolist() for column in values), strict=True), partial, strict=True)
