"""The plan of each minute: open, high, low, close, volume and turnover, before any trade is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MINUTE_NS", "Plan"]

MINUTE_NS = 60_000_000_000


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Minutes that have trades, oldest first; every field is int64 of one shape (n,).

    Attributes
    ----------
    minute
        Minutes since 1970, UTC.
    open, high, low, close
        In ticks.
    count
        Trades, at least 1.
    volume
        Lots, at least ``count``.
    turnover
        Sum of ticks times lots over the trades.
    first_id
        Id of the minute's first trade; those after it rise by one.
    """

    minute: NDArray[np.int64]
    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    count: NDArray[np.int64]
    volume: NDArray[np.int64]
    turnover: NDArray[np.int64]
    first_id: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.minute)

    @classmethod
    def empty(cls) -> Plan:
        """Return a plan of no minutes."""
        return cls(*(np.empty(0, dtype=np.int64) for _ in dataclasses.fields(cls)))

    @classmethod
    def joined(cls, parts: Sequence[Plan]) -> Plan:
        """Return the plans one after the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))

    def take(self, which: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Plan:
        """Return some of the minutes."""
        return Plan(*(getattr(self, name)[which] for name in self.__slots__))

    def with_turnover(self, turnover: NDArray[np.int64]) -> Plan:
        """Return the same minutes with another turnover."""
        return dataclasses.replace(self, turnover=turnover)
