"""The levels of one side of an order book far from its top: columns, and the changes of them (hot path)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BookTail", "Level"]

Level = tuple[float, float, int]
"""Price, size, and the number of the update that wrote it."""

_OFF_GRID = 1e-6


class BookTail:
    """Levels in columns, sorted by keys that grow towards the best price, of which the best can be taken.

    Parameters
    ----------
    keys, prices, sizes
        Of each level, the keys rising.
    stamp
        The update that wrote them.

    Attributes
    ----------
    edge
        The highest key that belongs here, held or not.

    Examples
    --------
    >>> levels = [(9.0, 2.0), (7.0, 1.0), (8.0, 5.0), (-1.0, 1.0)]
    >>> tail, refused = BookTail.of(levels, 1, 1.0, None, (0.0, math.inf))
    >>> tail.put(8.0, (8.0, 0.0, 2))
    >>> tail.put(8.5, (8.5, 4.0, 3))
    >>> tail.take(2), len(tail), tail.edge, refused
    ({8.5: (8.5, 4.0, 3), 9.0: (9.0, 2.0, 1)}, 1, 7.0, 1)
    """

    __slots__ = ("_changed", "_keys", "_live", "_prices", "_sizes", "_stamp", "edge")

    def __init__(
        self,
        keys: NDArray[np.float64],
        prices: NDArray[np.float64],
        sizes: NDArray[np.float64],
        stamp: int,
    ) -> None:
        self._keys, self._prices, self._sizes = keys, prices, sizes
        self._stamp = stamp
        # By key, what was told of a level since; of size 0 where it was removed.
        self._changed: dict[float, Level] = {}
        self._live = len(keys)
        self.edge = math.inf

    @classmethod
    def of(
        cls,
        levels: Sequence[tuple[float, float]],
        stamp: int,
        sign: float,
        tick_size: float | None,
        between: tuple[float, float],
    ) -> tuple[Self, int]:
        """Return the levels of a snapshot, and how many were refused; of one told twice the last counts.

        Parameters
        ----------
        sign
            What a price is multiplied with to grow towards the best one.
        tick_size, between
            The unit of keys, None for the price itself; and what a price must be above, and below.
        """
        count = 2 * len(levels)
        table = np.fromiter(itertools.chain.from_iterable(levels), np.float64, count).reshape(-1, 2)
        prices, sizes = table[:, 0], table[:, 1]
        good = (prices > between[0]) & (prices < between[1]) & (sizes >= 0.0) & (sizes < math.inf)
        prices, sizes = prices[good], sizes[good]
        if tick_size is None:
            keys = prices * sign
        else:
            ticks = prices / tick_size
            whole = np.rint(ticks)
            keys = np.where(np.abs(ticks - whole) < _OFF_GRID, whole, ticks) * sign
        order = np.argsort(keys, kind="stable")
        keys, prices, sizes = keys[order], prices[order], sizes[order]
        is_last = np.append(keys[1:] != keys[:-1], True)[: len(keys)] & (sizes > 0.0)
        return cls(keys[is_last], prices[is_last], sizes[is_last], stamp), len(levels) - int(good.sum())

    def __len__(self) -> int:
        return self._live

    def put(self, key: float, level: Level) -> None:
        """Set a level, or remove it where its size is 0."""
        self._live += (level[1] > 0.0) - self._holds(key)
        self._changed[key] = level

    def _holds(self, key: float) -> bool:
        changed = self._changed.get(key)
        if changed is not None:
            return changed[1] > 0.0
        at = int(self._keys.searchsorted(key))
        return at < len(self._keys) and bool(self._keys[at] == key)

    def take(self, count: int) -> dict[float, Level]:
        """Take out the best levels, about so many: by their keys, the best one last."""
        keys = self._keys
        begin = max(0, len(keys) - count)
        self.edge = float(keys[begin - 1]) if begin else -math.inf
        columns = (column[begin:].tolist() for column in (keys, self._prices, self._sizes))
        found: dict[float, Level] = {
            key: (price, size, self._stamp) for key, price, size in zip(*columns, strict=True)
        }
        changed = {key: level for key, level in self._changed.items() if key > self.edge}
        for key, level in changed.items():
            del self._changed[key]
            if level[1] > 0.0:
                found[key] = level
            else:
                found.pop(key, None)
        self._keys, self._prices, self._sizes = keys[:begin], self._prices[:begin], self._sizes[:begin]
        self._live -= len(found)
        return {key: found[key] for key in sorted(found)} if changed else found
