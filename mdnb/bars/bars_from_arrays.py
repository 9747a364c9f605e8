"""Many trades at once, as arrays (hot path, guarded by ``tests/benchmarks``).

The same bars as the live loop makes, to the last bit.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from mdnb.bars.node import Node
from mdnb.rows import BarRow
from mdnb.timeframes import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BarBlock", "bars_of", "fold_down", "group_starts"]

_NEVER = -(2**63)
_PARTIAL = 4


def group_starts(
    ts_ns: NDArray[np.int64], grid: Grid, floor_ns: int
) -> tuple[NDArray[np.int64], NDArray[np.intp]] | None:
    """Return each bar's start and the position of its first trade; None where trades are late or outside."""
    if int(ts_ns[0]) < floor_ns:
        return None
    step = grid.timeframe.step_ns
    if step and grid.sessions.always_open and bool((ts_ns[1:] >= ts_ns[:-1]).all()):
        low, high = int(ts_ns[0]) // step, int(ts_ns[-1]) // step
        if high - low < len(ts_ns):
            # Few bars, many trades: look for each edge instead of flooring each time.
            edges = np.arange(low, high + 1, dtype=np.int64) * step
            at = np.searchsorted(ts_ns, edges)
            at[0] = 0
            filled = np.diff(at, append=len(ts_ns)) > 0
            return edges[filled], at[filled]
    starts, inside = grid.starts(ts_ns)
    if not bool(inside.all()) or not bool((starts[1:] >= starts[:-1]).all()):
        return None
    first = np.flatnonzero(np.concatenate(([True], starts[1:] != starts[:-1])))
    return starts[first], first


@dataclasses.dataclass(slots=True)
class BarBlock:
    """Closed bars as columns, oldest first; each of shape (n,), times in UTC epoch nanoseconds."""

    start: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    count: NDArray[np.int64]
    turnover: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start)

    def row(self, at: int) -> BarRow:
        """Return one bar as a row."""
        prices = (float(column[at]) for column in (self.open, self.high, self.low, self.close, self.volume))
        o, h, low, c, v = prices
        return (int(self.start[at]), o, h, low, c, v, int(self.count[at]), float(self.turnover[at]))

    def rows(self) -> list[BarRow]:
        """Return all bars as rows."""
        columns = (getattr(self, field.name).tolist() for field in dataclasses.fields(self))
        return list(zip(*columns, strict=True))

    def tail(self) -> BarBlock:
        """Return the last bar only."""
        return BarBlock(*(getattr(self, field.name)[-1:] for field in dataclasses.fields(self)))

    def head(self, count: int) -> BarBlock:
        """Return the first ``count`` bars."""
        return BarBlock(*(getattr(self, field.name)[:count] for field in dataclasses.fields(self)))


def bars_of(
    starts: NDArray[np.int64],
    first: NDArray[np.intp],
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    count: NDArray[np.int64] | None,
    root: Node,
) -> BarBlock:
    """Return one bar for each group of trades; the first continues the root's open bar where it is that."""
    last = np.append(first[1:], len(price)) - 1
    held = root.as_row() if root.start == int(starts[0]) else None
    volume, turnover = _sums(first, size, price * size, held)
    trades = np.diff(first, append=len(price)) if count is None else np.add.reduceat(count, first)
    block = BarBlock(
        start=starts,
        open=price[first],
        high=np.maximum.reduceat(price, first),
        low=np.minimum.reduceat(price, first),
        close=price[last],
        volume=volume,
        count=trades,
        turnover=turnover,
    )
    _continue(block, held)
    return block


def fold_down(node: Node, block: BarBlock, settled_ns: int) -> None:
    """Write closed bars of a node to its log and fold them into all coarser timeframes; emits no events.

    Parameters
    ----------
    block
        Closed bars, newer than all that the node has closed; at least one.
    settled_ns
        Every bar that ended by then is closed.
    """
    node.log.extend_block(block, _PARTIAL if node.partial else 0)
    was_partial, node.partial = node.partial, False
    node.clear()
    end = node.grid.span(int(block.start[-1]))
    assert end is not None
    node.closed_to, node.last_close = end[1], float(block.close[-1])
    for child in node.children:
        child.partial = child.partial or was_partial
        _fold_into(child, block, settled_ns)


def _fold_into(child: Node, block: BarBlock, settled_ns: int) -> None:
    begins, inside = child.grid.starts(block.start)
    assert bool(inside.all())
    first = np.flatnonzero(np.concatenate(([True], begins[1:] != begins[:-1])))
    starts = begins[first]
    last = np.append(first[1:], len(block)) - 1
    held = child.as_row() if child.start == int(starts[0]) else None
    if child.closed_to == _NEVER and held is None:
        child.partial = child.partial or int(block.start[0]) > int(starts[0])
    volume, turnover = _sums(first, block.volume, block.turnover, held)
    folded = BarBlock(
        start=starts,
        open=block.open[first],
        high=np.maximum.reduceat(block.high, first),
        low=np.minimum.reduceat(block.low, first),
        close=block.close[last],
        volume=volume,
        count=np.add.reduceat(block.count, first),
        turnover=turnover,
    )
    _continue(folded, held)
    span = child.grid.span(int(starts[-1]))
    assert span is not None
    closed = len(folded) - (span[1] > settled_ns)
    newest = folded.row(len(folded) - 1)
    if closed:
        fold_down(child, folded.head(closed), settled_ns)
    if closed < len(folded):
        child.take(newest, span)


def _continue(block: BarBlock, held: BarRow | None) -> None:
    """Let the first bar go on from what the open bar held; its sums have it already."""
    if held is not None:
        block.open[0] = held[1]
        block.high[0] = max(block.high[0], held[2])
        block.low[0] = min(block.low[0], held[3])
        block.count[0] += held[6]


def _sums(
    first: NDArray[np.intp], size: NDArray[Any], money: NDArray[Any], held: BarRow | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return volume and turnover of each bar, added in the order of the trades.

    The live loop adds one by one; reduceat adds in pairs and rounds otherwise, which shows only where sums
    are not exact. Sizes that are whole numbers add exactly in any order.
    """
    if bool((size == np.floor(size)).all()) and (held is None or held[5] == np.floor(held[5])):
        volume, turnover = np.add.reduceat(size, first), np.add.reduceat(money, first)
        if held is not None:
            volume[0] += held[5]
            turnover[0] += held[7]
        return volume, turnover
    which = np.repeat(np.arange(len(first)), np.diff(first, append=len(size)))
    if held is not None:
        which = np.concatenate(([0], which))
        size = np.concatenate(([held[5]], size))
        money = np.concatenate(([held[7]], money))
    return np.bincount(which, weights=size), np.bincount(which, weights=money)
