"""Findings: what a check of bars reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mdnb.records import Record, timestamp

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Bars", "QualityFinding", "findings_of", "start_ns"]

_NS_PER_US = 1000
_MOST = 1000


class Bars(Protocol):
    """Bars as columns, oldest first: what the checks read of `mdnb.stores.columns.BarColumns`.

    Attributes
    ----------
    time_us
        int64, shape (n,): bar start in UTC epoch microseconds.
    open, high, low, close, volume
        float64, shape (n,).
    """

    @property
    def time_us(self) -> NDArray[np.int64]:
        """Bar starts."""

    @property
    def open(self) -> NDArray[np.float64]:
        """Prices."""

    @property
    def high(self) -> NDArray[np.float64]:
        """Prices."""

    @property
    def low(self) -> NDArray[np.float64]:
        """Prices."""

    @property
    def close(self) -> NDArray[np.float64]:
        """Prices."""

    @property
    def volume(self) -> NDArray[np.float64]:
        """Sums of sizes."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class QualityFinding(Record):
    """A problem found in one or more consecutive bars.

    Attributes
    ----------
    type
        Name of the check that failed, such as ``ohlc_inconsistent`` or ``gap_missing``.
    description
        A sentence for people.
    time_ns
        Start of the first bar concerned, UTC epoch nanoseconds; of a gap, its first instant.
    values
        The figures of that first bar that led to it.
    count
        How many bars are concerned; of a gap, how many are not there.
    tz, decimals
        How times and prices are shown; None takes as many decimals as the prices need.
    """

    type: str
    description: str
    time_ns: int
    values: Mapping[str, float] = dataclasses.field(default_factory=dict)
    count: int = 1
    tz: str = dataclasses.field(default="UTC", repr=False)
    decimals: int | None = dataclasses.field(default=None, repr=False, compare=False, kw_only=True)

    @property
    def timestamp(self) -> pd.Timestamp:
        """`time_ns` in the finding's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)

    def __str__(self) -> str:
        more = f" ({self.count:,} bars from there on)" if self.count > 1 else ""
        return f"{self.type} at {self.timestamp}: {self.description}{more}"


def start_ns(bars: Bars) -> NDArray[np.int64]:
    """Return bar starts as int64 UTC epoch nanoseconds, shape (n,)."""
    return np.asarray(bars.time_us * _NS_PER_US, dtype=np.int64)


def findings_of(
    type: str,
    description: str,
    time_ns: NDArray[np.int64],
    bad: NDArray[np.bool_],
    values: Mapping[str, NDArray[np.float64]],
) -> list[QualityFinding]:
    """Return one finding for each run of consecutive bad rows.

    Parameters
    ----------
    type, description
        Of every finding.
    time_ns
        int64, shape (n,).
    bad
        bool, shape (n,).
    values
        Columns, shape (n,) each, of which the finding shows the run's first row.

    Returns
    -------
    list of QualityFinding
        Oldest first, at most 1000; the last then counts the bad rows of all further runs too.

    Examples
    --------
    >>> bad = np.array([True, True, False, True])
    >>> found = findings_of("odd", "is odd", np.arange(4), bad, {"close": np.arange(4.0)})
    >>> [(one.time_ns, one.count, one.values) for one in found]
    [(0, 2, {'close': 0.0}), (3, 1, {'close': 3.0})]
    """
    edges = np.flatnonzero(np.diff(bad.astype(np.int8), prepend=0, append=0))
    firsts, ends = edges[::2], edges[1::2]
    counts = ends - firsts
    if len(firsts) > _MOST:
        counts[_MOST - 1] = counts[_MOST - 1 :].sum()
    return [
        QualityFinding(
            type,
            description,
            int(time_ns[first]),
            {name: float(column[first]) for name, column in values.items()},
            int(count),
        )
        for first, count in zip(firsts[:_MOST], counts[:_MOST], strict=True)
    ]
