"""Bars as columns, as the rules look at them."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bars"]


@dataclasses.dataclass
class Bars:
    """One array a column, all of one length: times in UTC epoch microseconds."""

    time_us: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def take(self, rows: object) -> Bars:
        """Return some of the rows."""
        return Bars(**{one.name: getattr(self, one.name)[rows] for one in dataclasses.fields(self)})
