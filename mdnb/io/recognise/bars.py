"""Bars of a file that anybody wrote: recognised, checked, with what was understood."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import DataImportError, OptionError, suggest
from mdnb.io.assemble import to_bars
from mdnb.io.file_bars import FileBars
from mdnb.io.instants import Instants
from mdnb.io.notes import Note, note, refuse, row_list
from mdnb.io.recognise.arrow_table import arrow_table, parquet_table, workbook_table
from mdnb.io.recognise.json_table import json_table
from mdnb.io.recognise.layouts import Layout, layout_of
from mdnb.io.recognise.numbers import Style, style_of, to_numbers
from mdnb.io.recognise.roles import BAR_PRICES, roles_by_name
from mdnb.io.recognise.table import Table
from mdnb.io.recognise.text_table import text_table
from mdnb.io.recognise.understood import Understood
from mdnb.io.recognise.unpacked import Unpacked, unpacked
from mdnb.io.recognise.vendors import UNKNOWN, Vendor, vendor_by_names
from mdnb.io.recognise.wall_times import FileTimes, read_times
from mdnb.io.source import check_zone
from mdnb.timeframes import Timeframe

__all__ = ["Given", "recognised_bars", "table_of"]

_ROLES: Final = (
    "epoch",
    *BAR_PRICES,
    "time",
    "clock",
    "volume",
    "tick_volume",
    "tick_count",
    "vwap",
    "symbol",
    "timeframe",
)
_NAMEABLE: Final = ("time", "clock", *BAR_PRICES, "volume", "tick_count", "vwap", "symbol")
_DAY_US: Final = 86_400_000_000
_FOOTER_ROWS: Final = 20
_ULPS: Final = 8
_CONFLICTS: Final = ("error", "keep", "replace")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a caller says of a file; what is left out is recognised.

    Attributes
    ----------
    timeframe, symbol
        What the bars are of; which of several symbols to take.
    tz
        The zone of times without an offset, and of the frame.
    date_format
        Of the times, as `strptime` has it, or ``epoch_s`` and so on.
    columns
        Our names of columns to the file's, or to their places from 0.
    header, separator, decimal
        Whether a line names the columns; what separates cells; the decimal sign.
    price_scale
        What prices are to be multiplied with.
    positive_prices
        Whether a price of zero or less refuses the file.
    on_conflict
        Of different rows of one time: ``"error"`` refuses the file, ``"keep"`` takes the first, ``"replace"`` the
        last.
    """

    timeframe: str | None = None
    symbol: str | None = None
    tz: str | tzinfo | None = None
    date_format: str | None = None
    columns: Mapping[str, str | int] | None = None
    header: bool | None = None
    separator: str | None = None
    decimal: str | None = None
    price_scale: float | None = None
    positive_prices: bool = True
    on_conflict: str = "error"


def recognised_bars(filename: str | os.PathLike[str], given: Given) -> tuple[FileBars, Understood]:
    """Return the bars of a file, and what it was taken for.

    Raises
    ------
    OptionError
        An argument is not allowed.
    DataImportError
        The file is not understood; or it needs something said that cannot be known from it: the message names
        the argument to give.
    """
    check_zone(given.tz)
    if given.on_conflict not in _CONFLICTS:
        raise OptionError(f"on_conflict={given.on_conflict!r}: one of {', '.join(_CONFLICTS)} is needed.")
    held = unpacked(filename)
    table = table_of(held, given)
    places, vendor = _meaning(table, held, given)
    where = held.where
    if not set(BAR_PRICES) <= places.keys():
        raise _no_bars(table, places, where)
    table, symbols = _of_one_symbol(table, places, given, where)
    table = _without_footer(table, places)
    if not len(table):
        raise refuse(where, "it holds no bars", "A file of bars is needed.")
    times = _times(table, places, vendor, given, held)
    values, style, notes = _values(table, places, vendor, given, where)
    columns = _read_columns(places, table)
    notes = [*table.notes, *times.notes, *notes]
    bars = _checked(times, values, notes, given, where, symbols, vendor)
    found = given.timeframe or _bar_size(bars.time_us, times)
    if not given.timeframe and found:
        notes_off = _off_grid(bars.time_us, found)
        bars = dataclasses.replace(bars, notes=[*bars.notes, *notes_off])
    attributes = dict(bars.attributes)
    if found:
        attributes["timeframe"] = found
    bars = dataclasses.replace(bars, attributes=attributes)
    numbers = (
        ""
        if style.is_plain
        else f"decimal {style.decimal!r}" + (f", thousands {style.thousands!r}" if style.thousands else "")
    )
    understood = Understood(
        vendor=vendor.name,
        kind=", ".join([*held.said, *table.said]),
        columns=columns,
        times=times.said,
        numbers=numbers,
        order=_order(times.time_us),
        timeframe=found,
        symbols=symbols,
        rows=len(bars),
    )
    return bars, understood


def table_of(held: Unpacked, given: Given) -> Table:
    """Return the columns of what a file holds, by its first bytes."""
    data, where = held.data, held.where
    if data.startswith(b"PAR1"):
        return parquet_table(data, where)
    if data.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return arrow_table(data, where)
    if data.startswith(b"PK\x03\x04"):
        return workbook_table(data, where)
    body = data[:4096].lstrip()
    if not body:
        raise refuse(where, "it is empty", "A file of bars is needed.")
    if body[:1] in (b"{", b"["):
        return json_table(data, where)
    made = text_table(data, where, separator=given.separator, header=given.header)
    return dataclasses.replace(made, said=("text", *made.said))


def _meaning(table: Table, held: Unpacked, given: Given) -> tuple[dict[str, int], Vendor]:
    if given.columns is not None:
        return _named(table, given.columns, held.where), UNKNOWN
    if table.has_header:
        before = " ".join(str(one["description"]) for one in table.notes)
        return roles_by_name(table.names, _ROLES), vendor_by_names(table.names, before)
    layout: Layout | None = layout_of(table.columns, os.path.basename(held.where) + " " + held.name)
    if layout is None:
        width = len(table.columns)
        raise refuse(
            held.where,
            f"it has {width} columns without names, and what they are does not show",
            "Give their places: columns={'time': 0, 'open': 1, 'high': 2, 'low': 3, 'close': 4, 'volume': 5}.",
        )
    return layout.places, layout.vendor


def _named(table: Table, columns: Mapping[str, str | int], where: str) -> dict[str, int]:
    places: dict[str, int] = {}
    for ours, theirs in columns.items():
        if ours not in _NAMEABLE:
            raise OptionError(f"columns= names {ours!r}. {suggest(str(ours), _NAMEABLE)}")
        if isinstance(theirs, int) and not isinstance(theirs, bool):
            if not 0 <= theirs < len(table.columns):
                raise OptionError(
                    f"columns[{ours!r}]={theirs}: {where} has the places 0 to {len(table.columns) - 1}."
                )
            places[ours] = theirs
        elif theirs in table.names:
            places[ours] = table.names.index(theirs)
        else:
            raise OptionError(
                f"columns[{ours!r}]={theirs!r}: {where} has no such column. {suggest(str(theirs), [name for name in table.names if name])}"
            )
    missing = [name for name in ("time", *BAR_PRICES) if name not in places]
    if missing:
        raise OptionError(f"columns= lacks {', '.join(missing)}.")
    return places


def _no_bars(table: Table, places: Mapping[str, int], where: str) -> DataImportError:
    missing = [name for name in BAR_PRICES if name not in places]
    names = [name for name in table.names if name] or [f"{len(table.columns)} without names"]
    ticks = (
        roles_by_name(table.names, ["epoch", "time", "price", "bid", "ask"]) if table.has_header else places
    )
    if "price" in ticks or {"bid", "ask"} <= ticks.keys():
        what = "trades" if "price" in ticks else "quotes"
        return refuse(
            where,
            f"it holds {what}, not bars (columns: {', '.join(names)[:200]})",
            "Read it with mdnb.read_ticks.",
        )
    return refuse(
        where,
        f"it has no column for {', '.join(missing)}; its columns are {', '.join(names)[:300]}",
        "Name them: columns={'time': ..., 'open': ..., 'high': ..., 'low': ..., 'close': ..., 'volume': ...}.",
    )


def _of_one_symbol(
    table: Table, places: Mapping[str, int], given: Given, where: str
) -> tuple[Table, tuple[str, ...]]:
    """Return the rows of the symbol that is asked for, or of the only one."""
    if "symbol" not in places:
        told = table.about.get("symbol")
        return table, (told,) if told else ()
    column = table.column(places["symbol"])
    column = column if pa.types.is_string(column.type) else column.cast(pa.string())
    held = tuple(str(one) for one in pc.unique(column.drop_null()).to_pylist())
    if given.symbol is not None:
        if given.symbol not in held:
            raise refuse(where, f"it has no symbol {given.symbol!r}", f"It has {', '.join(held[:30])}.")
        mask = pc.fill_null(pc.equal(column, given.symbol), False)
        chosen = tuple(
            one.filter(mask) for one in (table.column(place) for place in range(len(table.columns)))
        )
        return dataclasses.replace(table, columns=chosen), (given.symbol,)
    if len(held) > 1:
        shown = ", ".join(held[:30]) + (f" and {len(held) - 30} more" if len(held) > 30 else "")
        raise refuse(
            where, f"it holds {len(held)} symbols: {shown}", f"Give symbol=, such as symbol={held[0]!r}."
        )
    return table, held


def _without_footer(table: Table, places: Mapping[str, int]) -> Table:
    """Leave out the last rows where they hold no prices: totals, notes."""
    empty = np.ones(len(table), dtype=bool)
    for name in ("high", "low", "close"):
        empty &= table.column(places[name]).is_null().to_numpy(zero_copy_only=False)
    count = 0
    while count < min(len(table), _FOOTER_ROWS) and empty[len(table) - 1 - count]:
        count += 1
    padded = np.flatnonzero(empty[: len(table) - count])
    if not count and not len(padded):
        return table
    keep = np.ones(len(table), dtype=bool)
    keep[padded] = False
    notes = list(table.notes)
    if count:
        keep[len(table) - count :] = False
        notes.append(note("lines_left_out", "rows at the end without prices were left out", count=count))
    if len(padded):
        notes.append(note("rows_without_prices", "rows without any price were left out", padded))
    mask = pa.array(keep)
    chosen = tuple(table.column(place).filter(mask) for place in range(len(table.columns)))
    return dataclasses.replace(table, columns=chosen, notes=tuple(notes))


def _times(table: Table, places: dict[str, int], vendor: Vendor, given: Given, held: Unpacked) -> FileTimes:
    if "since_midnight" in places:
        return _since_midnight(table, places, vendor, given, held)
    at = places.get("epoch", places.get("time"))
    if at is None:
        names = ", ".join(name for name in table.names if name)
        raise refuse(
            held.where,
            f"it has no column of times; its columns are {names[:300]}",
            "Name it: columns={'time': ..., ...}.",
        )
    clock = table.column(places["clock"]) if "clock" in places and "epoch" not in places else None
    column = table.column(at)
    if pa.types.is_null(column.type):
        raise refuse(held.where, f"the column {table.names[at]!r} is empty", "Every row needs its time.")
    return read_times(
        column,
        clock,
        date_format=given.date_format,
        tz=given.tz,
        known_zone=vendor.zone,
        where=held.where,
        name=table.names[at] or "time",
    )


def _since_midnight(
    table: Table, places: dict[str, int], vendor: Vendor, given: Given, held: Unpacked
) -> FileTimes:
    """LEAN's minute files: the day stands in the name, the times in New York's clock, prices times 10,000."""
    day = re.search(r"(\d{8})", held.name) or re.search(r"(\d{8})", os.path.basename(held.where))
    assert day is not None, "the layout is of files with a day in their name"
    zone = given.tz or vendor.zone or "UTC"
    midnight = pd.Timestamp(day[1]).as_unit("us").value // 1000
    wall = midnight + table.column(places["since_midnight"]).cast(pa.int64()).to_numpy() * 1000
    local = pd.DatetimeIndex(wall.view("datetime64[us]")).tz_localize(zone)
    text = f"the times are since midnight of {day[1]}; {zone} was assumed: tz= says otherwise"
    notes = (note("assumed_zone", text, count=len(wall)),)
    return FileTimes(
        local.as_unit("us").asi8, f"milliseconds since midnight of {day[1]} in {zone} (assumed)", notes
    )


def _values(
    table: Table, places: dict[str, int], vendor: Vendor, given: Given, where: str
) -> tuple[dict[str, np.ndarray], Style, list[Note]]:
    notes: list[Note] = []
    wanted = [name for name in (*BAR_PRICES, "volume", "tick_volume", "tick_count", "vwap") if name in places]
    columns = {name: table.column(places[name]) for name in wanted}
    columns = {
        name: column.cast(pa.string()) if pa.types.is_null(column.type) else column
        for name, column in columns.items()
    }
    style = style_of(list(columns.values()), given.decimal, where)
    values = to_numbers(columns, style, where)
    ticks = values.pop("tick_volume", None)
    if ticks is not None and ("volume" not in values or not np.nan_to_num(values["volume"]).any()):
        if "volume" in values:
            text = "the volume is nought throughout; the tick volume was taken for it"
            notes.append(note("tick_volume", text, count=len(ticks)))
        values["volume"] = ticks
        places["volume"] = places["tick_volume"]
    scale = given.price_scale
    if scale is None:
        scale = _known_scale(values, columns, vendor, ticks is not None, where)
        if scale is not None:
            notes.append(
                note(
                    "price_scale",
                    f"prices were multiplied by {scale:g}: {vendor.name} writes whole numbers",
                    count=len(table),
                )
            )
    if scale is not None:
        for name in (*BAR_PRICES, "vwap"):
            if name in values:
                values[name] = _scaled(values[name], scale)
    for name in ("volume", "tick_count"):
        if name in values and (missing := np.isnan(values[name])).any():
            notes.append(note("no_volume", f"{name!r} is empty and counts as 0", np.flatnonzero(missing)))
            values[name] = np.where(missing, 0.0, values[name])
    if "tick_count" in values and not (values["tick_count"] == np.floor(values["tick_count"])).all():
        del values["tick_count"]
        places.pop("tick_count")
    return values, style, notes


def _known_scale(
    values: Mapping[str, np.ndarray],
    columns: Mapping[str, Any],
    vendor: Vendor,
    has_tick_volume: bool,
    where: str,
) -> float | None:
    prices = np.concatenate([values[name] for name in BAR_PRICES])
    whole = bool((np.abs(prices - np.round(prices)) < 1e-6).all()) and len(prices) > 0
    if vendor.price_scale is not None and whole and np.nanmin(np.abs(prices)) > 1e6:
        return vendor.price_scale
    noisy = whole and not (prices == np.round(prices)).all()
    if noisy and has_tick_volume:
        raise refuse(
            where,
            f"its prices ({float(prices[0])!r}) are points of MetaTrader, whose size the file does not say",
            "Give price_scale=, such as price_scale=1e-5; price_scale=1 leaves them.",
        )
    return 1e-4 if vendor.name == "LEAN" and whole and np.nanmin(np.abs(prices)) > 1e3 else None


def _scaled(prices: np.ndarray, scale: float) -> np.ndarray:
    """Multiply; by a power of ten below one divide, which gives the nearest number to the decimal that is meant."""
    inverse = 1.0 / scale
    return prices / round(inverse) if scale < 1 and abs(inverse - round(inverse)) < 1e-3 else prices * scale


def _read_columns(places: Mapping[str, int], table: Table) -> dict[str, str]:
    hidden = {"timeframe", "tick_volume"} | ({"time", "clock"} if "epoch" in places else set())
    order = {"since_midnight": "time", "epoch": "time"}
    chosen = {order.get(role, role): place for role, place in places.items() if role not in hidden}
    ranked = sorted(chosen.items(), key=lambda one: one[1])
    return {role: table.names[place] or f"column {place}" for role, place in ranked}


def _checked(
    times: FileTimes,
    values: dict[str, np.ndarray],
    notes: list[Note],
    given: Given,
    where: str,
    symbols: tuple[str, ...],
    vendor: Vendor,
) -> FileBars:
    values = dict(values)
    top, bottom = np.maximum(values["open"], values["close"]), np.minimum(values["open"], values["close"])
    slack = _ULPS * np.spacing(np.abs(top))
    noise = ((values["high"] < top) & (values["high"] >= top - slack)) | (
        (values["low"] > bottom) & (values["low"] <= bottom + slack)
    )
    if noise.any():
        values["high"] = np.where(noise, np.maximum(values["high"], top), values["high"])
        values["low"] = np.where(noise, np.minimum(values["low"], bottom), values["low"])
        text = "the high or low missed the open or close by what floats cannot hold, and was set to it"
        notes.append(note("float_noise", text, np.flatnonzero(noise)))
    impossible = np.flatnonzero((values["high"] < top) | (values["low"] > bottom))
    if len(impossible):
        text = "bars whose open or close is outside of high and low"
        notes.append(note("ohlc_inconsistent", text, impossible))
    attributes: dict[str, object] = {"source": vendor.name or "file"}
    if len(symbols) == 1:
        attributes["symbol"] = symbols[0]
    time_us = times.time_us
    if times.are_dates and given.tz is not None:
        local = pd.DatetimeIndex(time_us.view("datetime64[us]")).tz_localize(
            given.tz, nonexistent="shift_forward", ambiguous=True
        )
        time_us = local.as_unit("us").asi8
    bars = _assembled(time_us, values, attributes, given, where)
    conflict = next((one for one in bars.notes if one["type"] == "conflicting_duplicate"), None)
    if conflict is not None and given.on_conflict == "error":
        raise refuse(
            where,
            f"{conflict['count']} rows contradict another one of the same time ({_rows_of(conflict)})",
            "Give on_conflict='keep' for the first of them, or on_conflict='replace' for the last.",
        )
    if conflict is not None and given.on_conflict == "keep":
        turned = {name: held[::-1] for name, held in values.items()}
        kept = _assembled(time_us[::-1], turned, attributes, given, where)
        said = dict(conflict) | {
            "description": "one time, different bars: the first valid row in the file counts"
        }
        others = [one for one in bars.notes if one is not conflict]
        bars = dataclasses.replace(kept, notes=[said, *others])
    return dataclasses.replace(bars, notes=[*notes, *bars.notes])


def _rows_of(said: Note) -> str:
    rows = said["rows"]
    assert isinstance(rows, list)
    return row_list(np.array(rows) - 1)


def _assembled(
    time_us: np.ndarray,
    values: dict[str, np.ndarray],
    attributes: dict[str, object],
    given: Given,
    where: str,
) -> FileBars:
    return to_bars(
        Instants(time_us, []),
        values,
        tz=given.tz,
        where=where,
        positive_prices=given.positive_prices,
        attributes=attributes,
        timeframe=given.timeframe,
    )


def _order(time_us: np.ndarray) -> str:
    steps = np.diff(time_us)
    if (steps >= 0).all():
        return "oldest first"
    return "newest first" if (steps <= 0).all() else "unsorted"


def _bar_size(time_us: np.ndarray, times: FileTimes) -> str | None:
    """Return the bar size that most of the times are apart; None where it does not show."""
    steps = np.diff(time_us)
    steps = steps[steps > 0]
    if times.are_dates and not (time_us % _DAY_US).all():
        days = steps // _DAY_US
        least = int(days.min()) if len(days) else 1
        usual = int(np.median(days)) if len(days) else 1
        if usual >= 27 and least >= 27:
            return "1month" if usual <= 31 else f"{round(usual / 30.44)}month"
        return "1week" if least == usual == 7 else "1day"
    if not len(steps):
        return None
    sizes, counts = np.unique(steps, return_counts=True)
    usual_us = int(sizes[np.argmax(counts)])
    if usual_us % 1_000_000 or usual_us > 31 * _DAY_US:
        return None
    if usual_us % _DAY_US == 0:
        days_apart = usual_us // _DAY_US
        return {1: "1day", 7: "1week"}.get(days_apart, f"{days_apart}day")
    return str(Timeframe.of_seconds(usual_us // 1_000_000))


def _off_grid(time_us: np.ndarray, timeframe: str) -> list[Note]:
    step = Timeframe.parse(timeframe).step_ns // 1000
    if not step or step >= _DAY_US or not len(time_us):
        return []
    rests = time_us % step
    usual = np.bincount((rests // 1_000_000).astype(np.int64)).argmax() * 1_000_000
    off = np.flatnonzero(rests // 1_000_000 * 1_000_000 != usual)
    text = f"bars do not begin where {timeframe} bars do; they were kept"
    return [note("off_grid", text, off)] if len(off) else []
