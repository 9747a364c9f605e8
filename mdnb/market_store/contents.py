"""What a store holds, by the footers of its files: how many rows, from when to when, how large."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mdnb.market_store.footers import Footers
from mdnb.market_store.layout import Partition, Series, all_series, partitions
from mdnb.market_store.parts import list_parts
from mdnb.market_store.reading import TailsOfNow, read_bars, read_rows
from mdnb.market_store.schemas import times_of
from mdnb.records import Record
from mdnb.types import timestamp

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HeldSeries", "held_series"]

_NS_PER_US: Final = 1000


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HeldSeries(Record):
    """What a store holds of one symbol: the bars of a timeframe, its trades or its quotes.

    Attributes
    ----------
    symbol, timeframe
        What it is; the timeframe is ``"ticks"`` of trades and ``"quotes"`` of quotes.
    rows
        How many, those in Parquet and those that are still to go there.
    first_ns, last_ns
        When the oldest and the newest one begin, UTC epoch nanoseconds.
    bytes
        Size of its Parquet files.
    """

    symbol: str
    timeframe: str
    rows: int
    first_ns: int
    last_ns: int
    bytes: int
    tz: str = dataclasses.field(default="UTC", repr=False)

    @property
    def first(self) -> pd.Timestamp:
        """`first_ns` in the store's zone."""
        return timestamp(self.first_ns, self.tz)

    @property
    def last(self) -> pd.Timestamp:
        """`last_ns` in the store's zone."""
        return timestamp(self.last_ns, self.tz)


def held_series(base: Path, tails: TailsOfNow, footers: Footers, tz: str) -> list[HeldSeries]:
    """Return what a store holds, in order.

    Raises
    ------
    DataImportError
        A file does not read.
    """
    newest = tails.all_series()
    names = sorted({*all_series(base), *newest}, key=lambda series: series.sort_key)
    found = []
    for series in names:
        held = _held(base, series, tails, footers, any_newest=series in newest)
        if held is not None:
            found.append(dataclasses.replace(held, tz=tz))
    return found


def _held(
    base: Path, series: Series, tails: TailsOfNow, footers: Footers, *, any_newest: bool
) -> HeldSeries | None:
    unit = _NS_PER_US if series.is_bars else 1
    rows = size = 0
    edges: list[int] = []
    parts = partitions(base, series)
    touched = _touched(parts, tails.of(series), unit) if any_newest else []
    for partition in parts:
        for path in list_parts(partition.path):
            count, first, last, own = footers.of(path)
            size += own
            if partition not in touched and count:
                rows += count
                edges += [first * unit, last * unit]
    if any_newest:
        # With what is in the tails some of these are others, or gone: only reading tells.
        start = min((one.first_ns for one in touched), default=None)
        between = [one for one in parts if start is not None and one.first_ns >= start and one not in touched]
        rows -= sum(footers.of(path)[0] for one in between for path in list_parts(one.path))
        start = start if start is not None else _first_ns(tails.of(series), unit)
        read = read_bars if series.is_bars else read_rows
        time = times_of(read(base, series, start, tails=tails)) * unit
        rows += len(time)
        edges += [int(time[0]), int(time[-1])] if len(time) else []
    if not rows:
        return None
    return HeldSeries(
        symbol=series.symbol,
        timeframe=series.timeframe,
        rows=rows,
        first_ns=min(edges),
        last_ns=max(edges),
        bytes=size,
    )


def _touched(parts: list[Partition], newest: list[tuple[int, Any]], unit: int) -> list[Partition]:
    times = [times_of(table) * unit for _, table in newest]
    return [
        one for one in parts if any(((time >= one.first_ns) & (time < one.end_ns)).any() for time in times)
    ]


def _first_ns(newest: list[tuple[int, Any]], unit: int) -> int:
    return min(int(times_of(table).min()) * unit for _, table in newest)
