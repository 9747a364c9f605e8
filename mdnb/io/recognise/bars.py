"""Bars of a file that anybody wrote: recognised, checked, with what was understood."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from mdnb.io.assemble import to_bars
from mdnb.io.contract_names import parse_contracts
from mdnb.io.file_bars import FileBars
from mdnb.io.instants import Instants
from mdnb.io.marks import BarMarks, parse_marks
from mdnb.io.notes import Note, note, refuse, row_list
from mdnb.io.recognise.bar_sizes import bar_size, off_grid, order_of, refuse_finer, told_size
from mdnb.io.recognise.bar_values import values_of
from mdnb.io.recognise.file_times import times_of
from mdnb.io.recognise.given import Given
from mdnb.io.recognise.guarded import told_as_refusal
from mdnb.io.recognise.meaning import (
    meaning_of,
    no_bars,
    of_one_symbol,
    of_one_timeframe,
    shown_columns,
    table_of,
    without_footer,
    without_forming,
)
from mdnb.io.recognise.roles import BAR_PRICES
from mdnb.io.recognise.saved import saved_bars
from mdnb.io.recognise.table import Table
from mdnb.io.recognise.understood import Understood
from mdnb.io.recognise.unfinished import unfinished_rows, without_unfinished
from mdnb.io.recognise.unpacked import unpacked
from mdnb.io.recognise.wall_times import FileTimes
from mdnb.io.saved_market import is_saved_market
from mdnb.io.schema import CONTRACT, MARKS

__all__ = ["Recognised", "recognised_bars"]

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
_ULPS: Final = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Recognised:
    """Bars of a file.

    Attributes
    ----------
    bars
        Checked, oldest first.
    understood
        What the file was taken for.
    are_dates
        Whether their times are dates alone, at midnight UTC or of the zone that was given.
    """

    bars: FileBars
    understood: Understood
    are_dates: bool


def recognised_bars(
    filename: str | os.PathLike[str],
    given: Given,
    *,
    known_zone: str | None = None,
    preferred_symbol: str | None = None,
) -> Recognised:
    """Return the bars of a file, and what it was taken for.

    Parameters
    ----------
    known_zone
        In which times without an offset are taken where neither caller nor vendor says it; None asks for it.
    preferred_symbol
        Which one to take of several where the caller says none, if it is there; signs do not count.

    Raises
    ------
    OptionError
        An argument is not allowed.
    DataImportError
        The file is not understood; or it needs something said that cannot be known from it: the message names
        the argument to give.
    """
    with told_as_refusal(filename):
        if is_saved_market(filename):
            return Recognised(*saved_bars(filename, given, preferred_symbol), are_dates=False)
        return _recognised_bars(filename, given, known_zone, preferred_symbol)


def _recognised_bars(
    filename: str | os.PathLike[str], given: Given, known_zone: str | None, preferred_symbol: str | None
) -> Recognised:
    held = unpacked(filename)
    where = held.where
    table = table_of(held, given)
    places, vendor = meaning_of(table, held, given, _ROLES, ("time", *BAR_PRICES))
    if not set(BAR_PRICES) <= places.keys():
        raise no_bars(table, places, where)
    at_contract = _own_contracts(table, places, given)
    table, symbols = of_one_symbol(table, places, given, where, preferred_symbol)
    table = without_forming(of_one_timeframe(table, places, given, where))
    table = without_footer(table, places, BAR_PRICES)
    if not len(table):
        raise refuse(where, "it holds no bars", "A file of bars is needed.")
    times = times_of(table, places, vendor, given, held, known_zone)
    values, style, notes = values_of(table, places, vendor, given, where)
    if at_contract is not None:
        contracts, said = parse_contracts(table.column(at_contract).to_pylist())
        notes += said
        values |= {} if contracts is None else {CONTRACT: contracts}
    attributes: dict[str, object] = {"source": vendor.name or "file"}
    if len(symbols) == 1:
        attributes["symbol"] = symbols[0]
    marks = _marks(table, unfinished_rows(table, places.values()))
    bars = without_unfinished(_checked(times, values, marks, attributes, given, where), where)
    refuse_finer(bars.time_us, given.timeframe, where)
    size = bar_size(bars.time_us, are_dates=times.are_dates)
    found = given.timeframe or told_size(table.about.get("timeframe"), size) or size
    if found:
        attributes["timeframe"] = found
        notes += off_grid(bars.time_us, found, is_given=given.timeframe is not None)
    notes += _forming(table, bars)
    bars = dataclasses.replace(
        bars, attributes=attributes, notes=[*table.notes, *times.notes, *notes, *bars.notes]
    )
    understood = Understood(
        vendor=vendor.name,
        kind=", ".join([*held.said, *table.said]),
        columns=shown_columns(places, table),
        times=times.said,
        numbers=str(style),
        order=order_of(times.time_us),
        timeframe=found,
        symbols=symbols,
        rows=len(bars),
    )
    return Recognised(bars, understood, times.are_dates)


def _own_contracts(table: Table, places: dict[str, int], given: Given) -> int | None:
    """Return where a file of ours says of which contracts its bars are, which are no symbols of their own."""
    at = places.get("symbol")
    names = [name.strip().casefold() for name in table.names]
    if at is None or given.symbol is not None or "symbol" in (given.columns or ()):
        return None
    if not table.has_header or "tick_count" not in names or names[at] != CONTRACT:
        return None
    return places.pop("symbol")


def _marks(table: Table, unfinished: np.ndarray | None) -> BarMarks:
    """Return which bars are no whole ones, as exports of ours mark them; and those that vendors call open."""
    names = [name for name in MARKS if name != "forming" and table.names.count(name) == 1]
    made = parse_marks({name: table.column(table.names.index(name)) for name in names})
    if unfinished is None:
        return made
    return dataclasses.replace(made, values={**made.values, "forming": unfinished})


def _forming(table: Table, bars: FileBars) -> list[Note]:
    """Say of Kraken's answers that their last row is of a bar in the making: `last` is the one before."""
    last = table.about.get("last", "")
    if not last.isdigit() or int(bars.time_us[-1]) < int(last) * 1_000_000:
        return []
    return [
        note("may_be_forming", "the last bar may have been in the making when the file was written", count=1)
    ]


def _checked(
    times: FileTimes,
    values: Mapping[str, np.ndarray],
    marks: BarMarks,
    attributes: Mapping[str, object],
    given: Given,
    where: str,
) -> FileBars:
    held, notes = _without_noise(values)
    time_us = times.time_us
    if times.are_dates and given.tz is not None:
        days = pd.DatetimeIndex(time_us.view("datetime64[us]"))
        local = days.tz_localize(given.tz, nonexistent="shift_forward", ambiguous=np.ones(len(days), bool))
        time_us = local.as_unit("us").asi8
    bars = _assembled(time_us, held, marks, attributes, given, where)
    conflict = next((one for one in bars.notes if one["type"] == "conflicting_duplicate"), None)
    if conflict is not None and given.on_conflict == "error":
        rows = conflict["rows"]
        assert isinstance(rows, list)
        problem = f"{conflict['count']} rows contradict another one of the same time"
        remedy = "Give on_conflict='keep' for the first of them, or on_conflict='replace' for the last."
        raise refuse(where, f"{problem} ({row_list(np.array(rows) - 1)})", remedy)
    return dataclasses.replace(bars, notes=[*notes, *bars.notes])


def _without_noise(values: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[Note]]:
    """Set a high or low that misses the open or close by what floats cannot hold; tell impossible bars."""
    held, notes = dict(values), list[Note]()
    top, bottom = np.maximum(held["open"], held["close"]), np.minimum(held["open"], held["close"])
    if ((held["high"] >= top) & (held["low"] <= bottom)).all():
        return held, notes
    slack = _ULPS * np.spacing(np.abs(top))
    noise = ((held["high"] < top) & (held["high"] >= top - slack)) | (
        (held["low"] > bottom) & (held["low"] <= bottom + slack)
    )
    if noise.any():
        held["high"] = np.where(noise, np.maximum(held["high"], top), held["high"])
        held["low"] = np.where(noise, np.minimum(held["low"], bottom), held["low"])
        text = "the high or low missed the open or close by what floats cannot hold, and was set to it"
        notes.append(note("float_noise", text, np.flatnonzero(noise)))
    impossible = np.flatnonzero((held["high"] < top) | (held["low"] > bottom))
    if len(impossible):
        text = "bars whose open or close is outside of high and low"
        notes.append(note("ohlc_inconsistent", text, impossible))
    return held, notes


def _assembled(
    time_us: np.ndarray,
    values: Mapping[str, np.ndarray],
    marks: BarMarks,
    attributes: Mapping[str, object],
    given: Given,
    where: str,
) -> FileBars:
    return to_bars(
        Instants(time_us, []),
        values,
        marks=marks,
        tz=given.tz,
        where=where,
        contracts=values.get(CONTRACT),
        positive_prices=given.positive_prices,
        attributes=attributes,
        timeframe=given.timeframe,
        first_counts=given.on_conflict == "keep",
    )
