"""Many trades at once, as arrays (hot path, guarded by ``tests/benchmarks``).

The same bars as the live loop makes, to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mdnb.bars.node import Node
from mdnb.batch import BarRow
from mdnb.timeframes import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bars_of", "group_starts"]


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


def bars_of(
    starts: NDArray[np.int64],
    first: NDArray[np.intp],
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    count: NDArray[np.int64],
    root: Node,
) -> list[BarRow]:
    """Return one row for each group; the first continues the root's open bar where it is the same one."""
    last = np.append(first[1:], len(price)) - 1
    lengths = np.diff(first, append=len(price))
    held = root.as_row() if root.start == int(starts[0]) else None
    volume, turnover = _sums(first, lengths, price, size, held)
    trades = np.add.reduceat(count, first)
    rows = list(
        zip(
            starts.tolist(),
            price[first].tolist(),
            np.maximum.reduceat(price, first).tolist(),
            np.minimum.reduceat(price, first).tolist(),
            price[last].tolist(),
            volume.tolist(),
            trades.tolist(),
            turnover.tolist(),
            strict=True,
        )
    )
    if held is not None:
        start, _, high, low, close, v, n, t = rows[0]
        rows[0] = (start, held[1], max(high, held[2]), min(low, held[3]), close, v, n + held[6], t)
    return rows


def _sums(
    first: NDArray[np.intp],
    lengths: NDArray[np.intp],
    price: NDArray[np.float64],
    size: NDArray[np.float64],
    held: BarRow | None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return volume and turnover of each bar, added in the order of the trades.

    The live loop adds one by one; reduceat adds in pairs and rounds otherwise, which shows only where sums
    are not exact. Sizes that are whole numbers add exactly in any order.
    """
    money = price * size
    if bool((size == np.floor(size)).all()):
        volume, turnover = np.add.reduceat(size, first), np.add.reduceat(money, first)
        if held is not None:
            volume[0] += held[5]
            turnover[0] += held[7]
        return volume, turnover
    which = np.repeat(np.arange(len(first)), lengths)
    if held is not None:
        which = np.concatenate(([0], which))
        size = np.concatenate(([held[5]], size))
        money = np.concatenate(([held[7]], money))
    return np.bincount(which, weights=size), np.bincount(which, weights=money)
