"""The times of a table, whichever of its columns have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from mdnb.io.notes import refuse
from mdnb.io.recognise.given import Given
from mdnb.io.recognise.roles import is_in_utc
from mdnb.io.recognise.table import Table
from mdnb.io.recognise.unpacked import Unpacked
from mdnb.io.recognise.vendors import Vendor
from mdnb.io.recognise.wall_times import FileTimes, read_times

__all__ = ["times_of"]


def times_of(
    table: Table,
    places: Mapping[str, int],
    vendor: Vendor,
    given: Given,
    held: Unpacked,
    known_zone: str | None = None,
) -> FileTimes:
    """Return the instants of the rows.

    Parameters
    ----------
    known_zone
        That of the market into which they go, where the vendor's is not known.

    Raises
    ------
    DataImportError
        There is no column of times, or what they mean cannot be known.
    """
    if "since_midnight" in places:
        return _since_midnight(table, places, given, held)
    at = places.get("epoch", places.get("time"))
    if at is None:
        names = ", ".join(name for name in table.names if name)
        problem = f"it has no column of times; its columns are {names[:300]}"
        raise refuse(held.where, problem, "Name it: columns={'time': ..., ...}.")
    clock = table.column(places["clock"]) if "clock" in places and "epoch" not in places else None
    column = table.column(at)
    if pa.types.is_null(column.type):
        raise refuse(held.where, f"the column {table.names[at]!r} is empty", "Every row needs its time.")
    utc = "UTC" if is_in_utc(table.names[at]) else None
    return read_times(
        column,
        clock,
        date_format=given.date_format,
        tz=given.tz,
        told_zone=table.about.get("zone") or utc,
        known_zone=vendor.zone or known_zone,
        hint=vendor.hint,
        where=held.where,
        name=table.names[at].strip() or "time",
    )


def _since_midnight(table: Table, places: Mapping[str, int], given: Given, held: Unpacked) -> FileTimes:
    """LEAN's files of a day: milliseconds since midnight; the day stands in the name."""
    day = re.search(r"(?<!\d)(\d{8})(?!\d)", f"{held.name} {Path(held.where).name}")
    assert day is not None, "the layout is of files with a day in their name"
    if given.tz is None:
        problem = "its times count from midnight, of New York for shares, of UTC for futures and coins"
        raise refuse(held.where, problem, "Give tz='America/New_York' or tz='UTC'.")
    counts = table.column(places["since_midnight"]).cast(pa.int64()).to_numpy()
    wall = pd.Timestamp(day[1]).value // 1000 + counts * 1000
    local = pd.DatetimeIndex(wall.view("datetime64[us]")).tz_localize(given.tz)
    return FileTimes(local.as_unit("us").asi8, f"milliseconds since midnight of {day[1]} in {given.tz}")
