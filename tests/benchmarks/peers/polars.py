"""polars: ``group_by_dynamic`` over ready, sorted columns: eager, or all timeframes in one lazy query."""

from __future__ import annotations

import time
from typing import Any

import polars as pl

from tests.benchmarks.ticks import difference, load

__all__ = ["MEASURES"]


_PRICE = pl.col("price")
_COLUMNS = (
    _PRICE.first().alias("open"),
    _PRICE.max().alias("high"),
    _PRICE.min().alias("low"),
    _PRICE.last().alias("close"),
    pl.col("size").sum().alias("volume"),
)


def bulk(path: str, count: int, timeframes: dict[str, int], together: bool) -> dict[str, Any]:
    """Resample all ticks; ``together`` collects all timeframes in one lazy query."""
    ticks = load(path, count)
    stamps = pl.Series("ts", ticks["ts_ns"].copy()).cast(pl.Datetime("ns"))
    frame = pl.DataFrame({"ts": stamps, "price": ticks["price"].copy(), "size": ticks["size"].copy()})
    frame = frame.with_columns(pl.col("ts").set_sorted())
    steps = [f"{seconds}s" for seconds in timeframes.values()]
    wall, begun = time.perf_counter(), time.process_time()
    if together:
        lazy = [frame.lazy().group_by_dynamic("ts", every=step).agg(_COLUMNS) for step in steps]
        # Its streaming engine, the default for lazy queries, takes six times as long here.
        made = pl.collect_all(lazy, engine="in-memory")
    else:
        made = [frame.group_by_dynamic("ts", every=step).agg(_COLUMNS) for step in steps]
    seconds_, wall = time.process_time() - begun, time.perf_counter() - wall
    wrong = ""
    for (name, seconds), bars in zip(timeframes.items(), made, strict=True):
        starts = bars["ts"].dt.epoch("ns")
        columns = [bars[column] for column in ("open", "high", "low", "close", "volume")]
        wrong = wrong or difference(name, list(zip(starts, *columns, strict=True)), ticks, seconds)
    return {"seconds": seconds_, "wall": wall, "count": count, "wrong": wrong}


MEASURES = {"bulk": bulk}
