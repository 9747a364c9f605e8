"""Blocks of bars as numpy columns, as stores return them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mdnb.rows import BarRow

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "AMENDED",
    "COLUMNS",
    "FILLED",
    "PARTIAL",
    "REPAIRING",
    "BarColumns",
    "columns_from_rows",
    "find_bars",
    "frame_of",
    "join_columns",
    "nth_of_start",
    "same_bars",
    "same_rows",
    "vwap_of",
]

FILLED = 1
AMENDED = 2
PARTIAL = 4
REPAIRING = 8
"""Beside `PARTIAL`: what the bar lacks may still come, and the marks go then. Never on disk."""

COLUMNS = ("open", "high", "low", "close", "volume", "tick_count", "vwap")
"""Columns of a frame, all float64; ``vwap`` only where the source gives trades."""

_ARRAYS = ("time_us", "open", "high", "low", "close", "volume", "vwap", "tick_count", "flags")
_ALL_ARRAYS = (*_ARRAYS, "closed_us")
_NS_PER_US = 1000
_NAN = float("nan")
_NONE_NOTED = np.empty(0, dtype=np.int64)


@dataclasses.dataclass(frozen=True, slots=True)
class BarColumns:
    """Bars as numpy copies, oldest first.

    Attributes
    ----------
    time_us
        int64, shape (n,): bar start in UTC epoch microseconds.
    open, high, low, close, volume, vwap
        float64, shape (n,).
    tick_count
        int64, shape (n,).
    flags
        uint8, shape (n,): `FILLED`, `AMENDED`, `PARTIAL`, `REPAIRING`.
    first
        Ordinal of row 0; bars are numbered from 0 since the store began.
    forming
        True when the last row is the forming bar.
    generation
        Changes when anything but an append or the forming bar changed.
    closed_us
        int64, shape (n,): when each was closed, UTC epoch microseconds; 0 where that was not noted.
    """

    time_us: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    vwap: NDArray[np.float64]
    tick_count: NDArray[np.int64]
    flags: NDArray[np.uint8]
    first: int = 0
    forming: bool = False
    generation: int = 0
    closed_us: NDArray[np.int64] = dataclasses.field(default_factory=lambda: _NONE_NOTED)

    def __post_init__(self) -> None:
        if len(self.closed_us) != len(self.time_us):
            object.__setattr__(self, "closed_us", np.zeros(len(self.time_us), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.time_us)

    @classmethod
    def of(
        cls, arrays: Sequence[NDArray[Any]], first: int = 0, generation: int = 0, *, forming: bool = False
    ) -> BarColumns:
        """Return bars made of nine arrays, in the order of the attributes, and `closed_us` where there is."""
        time_us, open_, high, low, close, volume, vwap, tick_count, flags, *rest = arrays
        nine = time_us, open_, high, low, close, volume, vwap, tick_count, flags
        return cls(*nine, first, forming, generation, rest[0] if rest else _NONE_NOTED)

    def part(self, start: int, stop: int) -> BarColumns:
        """Return the rows ``[start, stop)`` as views."""
        cut = slice(start, stop)
        forming = self.forming and start < len(self) <= stop
        arrays = [getattr(self, name)[cut] for name in _ALL_ARRAYS]
        return BarColumns.of(arrays, self.first + start, self.generation, forming=forming)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> BarColumns:
        """Return the chosen rows as copies."""
        return BarColumns.of([getattr(self, name)[chosen] for name in _ALL_ARRAYS], 0, self.generation)

    @property
    def prices(self) -> NDArray[np.float64]:
        """float64, shape (6, n): a copy of open, high, low, close, volume, vwap."""
        return np.array([self.open, self.high, self.low, self.close, self.volume, self.vwap])

    @property
    def turnover(self) -> NDArray[np.float64]:
        """float64, shape (n,): sum of price x size."""
        return self.vwap * self.volume


def vwap_of(turnover: NDArray[np.float64], volume: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the volume-weighted price, ``nan`` where there was no volume."""
    out = np.full(len(volume), _NAN)
    np.divide(turnover, volume, out=out, where=volume > 0)
    return out


def columns_from_rows(rows: Sequence[BarRow], flags: int = 0) -> BarColumns:
    """Return rows as columns.

    Examples
    --------
    >>> columns_from_rows([(60_000_000_000, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5)]).vwap.tolist()
    [1.25]
    """
    if rows:
        start, o, h, low, c, v, n, turnover = (np.array(column) for column in zip(*rows, strict=True))
    else:
        start = n = np.empty(0, dtype=np.int64)
        o = h = low = c = v = turnover = np.empty(0)
    volume = v.astype(np.float64)
    return BarColumns(
        time_us=start.astype(np.int64) // _NS_PER_US,
        open=o.astype(np.float64),
        high=h.astype(np.float64),
        low=low.astype(np.float64),
        close=c.astype(np.float64),
        volume=volume,
        vwap=vwap_of(turnover.astype(np.float64), volume),
        tick_count=n.astype(np.int64),
        flags=np.full(len(start), flags, dtype=np.uint8),
    )


def join_columns(parts: Sequence[BarColumns]) -> BarColumns:
    """Return several blocks of bars as one, in the order given.

    Examples
    --------
    >>> row = (60_000_000_000, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5)
    >>> len(join_columns([columns_from_rows([row]), columns_from_rows([row])]))
    2
    """
    held = [part for part in parts if len(part)]
    if not held:
        return columns_from_rows([])
    if len(held) == 1:
        return held[0]
    joined = [np.concatenate([getattr(part, name) for part in held]) for name in _ALL_ARRAYS]
    return BarColumns.of(joined, held[0].first, held[-1].generation, forming=held[-1].forming)


def same_bars(bars: BarColumns, others: BarColumns, *more: str) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Return which bars are among others, with the same prices and count of trades, and where.

    Parameters
    ----------
    bars, others
        Oldest first, one a start.
    more
        Other columns that have to be the same.

    Examples
    --------
    >>> rows = [(at, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5) for at in (60_000_000_000, 120_000_000_000)]
    >>> same, at = same_bars(columns_from_rows(rows[1:]), columns_from_rows(rows))
    >>> same.tolist(), at.tolist()
    ([True], [1])
    """
    at = np.searchsorted(others.time_us, bars.time_us)
    same = at < len(others)
    same[same] = same_rows(bars.where(same), others.where(at[same]), "time_us", *more)
    return same, at


def same_rows(bars: BarColumns, others: BarColumns, *more: str) -> NDArray[np.bool_]:
    """Return which bars have the same prices and count of trades as the others in their rows.

    Parameters
    ----------
    bars, others
        As many of one as of the other.
    more
        Other columns that have to be the same.

    Examples
    --------
    >>> row = (60_000_000_000, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5)
    >>> same_rows(columns_from_rows([row, row]), columns_from_rows([row, (*row[:6], 4, 12.5)])).tolist()
    [True, False]
    """
    same = np.ones(len(bars), dtype=bool)
    for name in ("open", "high", "low", "close", "tick_count", *more):
        same &= getattr(others, name) == getattr(bars, name)
    return same


def nth_of_start(time_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of the bars of its start each is, counted from 0: of one instant trades may make several.

    Examples
    --------
    >>> nth_of_start(np.array([60, 60, 60, 120])).tolist()
    [0, 1, 2, 0]
    """
    if (time_us[1:] > time_us[:-1]).all():
        return np.zeros(len(time_us), dtype=np.int64)
    return np.arange(len(time_us)) - np.searchsorted(time_us, time_us)


def find_bars(
    time_us: NDArray[np.int64], starts_us: NDArray[np.int64], nth: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which bars are among those of some starts, oldest first, and where.

    Examples
    --------
    >>> has, at = find_bars(np.array([60, 60, 120]), np.array([60, 60, 120]), np.array([1, 2, 0]))
    >>> has.tolist(), at[has].tolist()
    ([True, False, True], [1, 2])
    """
    at = np.searchsorted(time_us, starts_us) + nth
    has = at < len(time_us)
    has[has] = time_us[at[has]] == starts_us[has]
    return has, at


def frame_of(columns: BarColumns, tz: str, with_vwap: bool) -> pd.DataFrame:
    """Return bars as a frame: index ``timestamp`` (datetime64[us, tz]), float64 columns as in `COLUMNS`."""
    import pandas as pd

    names = COLUMNS if with_vwap else COLUMNS[:-1]
    index = pd.DatetimeIndex(
        np.array(columns.time_us, dtype=np.int64), dtype=pd.DatetimeTZDtype("us", tz), name="timestamp"
    )
    block = np.column_stack([np.asarray(getattr(columns, name), dtype=np.float64) for name in names])
    return pd.DataFrame(block, index=index, columns=pd.Index(names))
