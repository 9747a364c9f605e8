"""What a store holds, by the footers of its files: how many rows, from when to when, how large."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mdnb.market_store.footers import Footers
from mdnb.market_store.layout import Partition, Series, all_series, partitions
from mdnb.market_store.parts import list_parts
from mdnb.market_store.reading import TailsOfNow, read_bars, read_rows, settled
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

    def read() -> list[HeldSeries]:
        # The tails first: what goes from there into files meanwhile is found in these.
        newest = tails.all_series()
        names = sorted({*all_series(base), *newest}, key=lambda series: series.sort_key)
        found = []
        for series in names:
            held = _held(base, series, tails, footers, newest.get(series, []))
            if held is not None:
                found.append(dataclasses.replace(held, tz=tz))
        return found

    return settled(read)


def _held(
    base: Path, series: Series, tails: TailsOfNow, footers: Footers, newest: list[tuple[int, Any]]
) -> HeldSeries | None:
    unit = _NS_PER_US if series.is_bars else 1
    rows = size = 0
    edges: list[int] = []
    parts = partitions(base, series)
    start_ns = _first_changed_ns(parts, newest, unit)
    for partition in parts:
        for path in list_parts(partition.path):
            count, first, last, own = footers.of(path)
            size += own
            if count and (start_ns is None or partition.end_ns <= start_ns):
                rows += count
                edges += [first * unit, last * unit]
    if start_ns is not None:
        # With what is in the tails these are others, or gone: only reading tells.
        read = read_bars if series.is_bars else read_rows
        time = times_of(read(base, series, start_ns, tails=tails)) * unit
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


def _first_changed_ns(parts: list[Partition], newest: list[tuple[int, Any]], unit: int) -> int | None:
    """Return from when on what is in the tails counts; None where nothing is: at the begin of a partition."""
    first = min((int(times_of(table).min()) * unit for _, table in newest), default=None)
    if first is None:
        return None
    return next((one.first_ns for one in parts if one.first_ns <= first < one.end_ns), first)
