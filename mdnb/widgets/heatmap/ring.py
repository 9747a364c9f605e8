"""Columns of a heat map: an order book at one moment, packed; and the ring that holds the newest."""

from __future__ import annotations

import dataclasses
import struct
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["BookColumn", "HeatRing", "column_of", "unpack"]

_HEAD = struct.Struct("<ddII")
_MOST_TICKS = 2**31 - 1
_MOST_SIZE = 3.0e38
_Levels = Sequence[tuple[float, float]]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class BookColumn:
    """An order book at one moment, prices in ticks.

    Attributes
    ----------
    index
        Which interval since the epoch.
    last
        Price of the newest trade in ticks, ``nan`` before the first.
    bids
        How many of the levels are bids; they stand first, and each side has its best level first.
    ticks, sizes
        Of all levels: int32 and float32.
    """

    index: int
    last: float
    bids: int
    ticks: np.ndarray
    sizes: np.ndarray

    def pack(self) -> bytes:
        """Return the column as the page reads it, little-endian, a multiple of eight bytes.

        Index and last price as float64, the number of bids and of asks as uint32, all ticks as int32, all
        sizes as float32.
        """
        head = _HEAD.pack(float(self.index), self.last, self.bids, len(self.ticks) - self.bids)
        return head + self.ticks.tobytes() + self.sizes.tobytes()

    @property
    def best_bid(self) -> float:
        """Ticks of the best bid, ``nan`` where there is none."""
        return float(self.ticks[0]) if self.bids else float("nan")

    @property
    def best_ask(self) -> float:
        """Ticks of the best ask, ``nan`` where there is none."""
        return float(self.ticks[self.bids]) if self.bids < len(self.ticks) else float("nan")


def column_of(index: int, bids: _Levels, asks: _Levels, last: float, step: float) -> BookColumn:
    """Return a column of levels as ``(price, size)``, best first.

    Parameters
    ----------
    last
        Price of the newest trade, ``nan`` before the first.
    step
        What a tick is in price units. Levels that fall into one tick are added up; those farther out than
        2**31 ticks are left out.

    Examples
    --------
    >>> made = column_of(7, [(100.0, 5.0), (99.75, 8.0)], [(100.25, 2.0)], 100.25, 0.25)
    >>> made.bids, made.ticks.tolist(), made.sizes.tolist(), made.last
    (2, [400, 399, 401], [5.0, 8.0, 2.0], 401.0)
    """
    sides = [_in_ticks(bids, step), _in_ticks(asks, step)]
    ticks = np.array([tick for side in sides for tick in side], dtype="<i4")
    sizes = np.array([min(size, _MOST_SIZE) for side in sides for size in side.values()], dtype="<f4")
    return BookColumn(index, last / step, len(sides[0]), ticks, sizes)


def _in_ticks(levels: _Levels, step: float) -> dict[int, float]:
    sums: dict[int, float] = {}
    for price, size in levels:
        ticks = price / step
        if ticks <= _MOST_TICKS:
            tick = round(ticks)
            sums[tick] = sums.get(tick, 0.0) + size
    return sums


def unpack(packed: bytes) -> list[BookColumn]:
    """Return the columns that were packed one behind the other.

    Examples
    --------
    >>> column = column_of(7, [(100.0, 5.0)], [], 100.0, 0.25)
    >>> [(one.index, one.ticks.tolist()) for one in unpack(2 * column.pack())]
    [(7, [400]), (7, [400])]
    """
    columns, at = [], 0
    while at < len(packed):
        index, last, bids, asks = _HEAD.unpack_from(packed, at)
        at += _HEAD.size
        count = bids + asks
        ticks = np.frombuffer(packed, "<i4", count, at)
        sizes = np.frombuffer(packed, "<f4", count, at + 4 * count)
        at += 8 * count
        columns.append(BookColumn(int(index), last, bids, ticks, sizes))
    return columns


class HeatRing:
    """The newest columns, one per interval without gaps, up to a limit.

    Parameters
    ----------
    limit
        How many are held.
    patience
        So many intervals that nobody looked at the book take the one before; more of them stay empty,
        since what stood there then is not known.

    Attributes
    ----------
    generation
        How often all columns went: the clock was set back, or ticks are finer than was thought.

    Examples
    --------
    >>> ring = HeatRing(limit=3, patience=8)
    >>> for index in (5, 6, 9):
    ...     ring.add(column_of(index, [(float(index), 1.0)], [], 1.0, 1.0))
    >>> [(column.index, column.ticks.tolist()) for column in ring.columns()]
    [(7, [6]), (8, [6]), (9, [9])]
    """

    def __init__(self, limit: int, patience: int) -> None:
        self.limit = limit
        self.patience = patience
        self.generation = 0
        self._held: deque[tuple[int, bytes]] = deque(maxlen=limit)

    def __len__(self) -> int:
        """Return how many columns are held."""
        return len(self._held)

    @property
    def end(self) -> int:
        """Index of the newest column; -1 before the first."""
        return self._held[-1][0] if self._held else -1

    @property
    def first(self) -> int:
        """Index of the oldest column held; 0 before the first."""
        return self._held[0][0] if self._held else 0

    @property
    def nbytes(self) -> int:
        """Bytes of all columns held."""
        return sum(len(packed) for _, packed in self._held)

    def add(self, column: BookColumn) -> None:
        """Add the newest column; one older than those held replaces them: the clock was set back."""
        if column.index <= self.end:
            self.clear()
        missed = range(self.end + 1, column.index) if self._held else range(0)
        before = self.columns(1)[0] if missed and len(missed) <= self.patience else None
        for index in missed[-self.limit :]:
            blank = before or column_of(index, (), (), float("nan"), 1.0)
            self._held.append((index, dataclasses.replace(blank, index=index).pack()))
        self._held.append((column.index, column.pack()))

    def clear(self) -> None:
        """Drop all columns, and start another generation."""
        if self._held:
            self._held.clear()
            self.generation += 1

    def columns(self, count: int | None = None) -> list[BookColumn]:
        """Return the newest columns, oldest first."""
        held: Iterable[tuple[int, bytes]] = self._held
        if count is not None:
            held = [self._held[at] for at in range(max(0, len(self._held) - count), len(self._held))]
        return unpack(b"".join(packed for _, packed in held))

    def packed(self, after: int = -1) -> bytes:
        """Return the columns whose index is above ``after``, packed."""
        return b"".join(packed for index, packed in self._held if index > after)
