"""What the columns of a table mean, and whose file it is; which of its rows are bars."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import DataImportError, OptionError, TimeframeError, suggest
from mdnb.io.notes import note, refuse
from mdnb.io.recognise.arrow_table import arrow_table, parquet_table, workbook_table
from mdnb.io.recognise.given import Given
from mdnb.io.recognise.json_table import json_table
from mdnb.io.recognise.layouts import layout_of
from mdnb.io.recognise.roles import BAR_PRICES, plain_name, repeated, roles_by_name
from mdnb.io.recognise.table import Table
from mdnb.io.recognise.text_table import NAME_THEM, text_table
from mdnb.io.recognise.unpacked import Unpacked
from mdnb.io.recognise.vendors import UNKNOWN, Vendor, vendor_by_names
from mdnb.timeframes import Timeframe

__all__ = [
    "Meaning",
    "meaning_of",
    "no_bars",
    "of_one_symbol",
    "of_one_timeframe",
    "shown_columns",
    "table_of",
    "without_footer",
    "without_forming",
]

_CLOCK: Final = r"^\d{1,2}:\d{2}|^\d{1,6}$|^\d{9}$|^\d{1,2}[- ]?[AaPp][Mm]$"
_FOOTER_ROWS: Final = 20
_SYMBOLS_SHOWN: Final = 30


class Meaning(NamedTuple):
    """The place of each role, and who wrote the file."""

    places: dict[str, int]
    vendor: Vendor


def table_of(held: Unpacked, given: Given) -> Table:
    """Return the columns of what a file holds, by its first bytes."""
    data, where = held.data, held.where
    named = list(given.columns.values()) if isinstance(given.columns, Mapping) else []
    if data.startswith(b"PAR1"):
        return parquet_table(data, where, named)
    if data.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return arrow_table(data, where, named)
    if data.startswith(b"PK\x03\x04"):
        return workbook_table(data, where, given.timeframe or given.prefers)
    body = data[:4096].lstrip()
    if body[:1] in {b"{", b"["}:
        return json_table(data, where)
    made = text_table(data, where, separator=given.separator, header=given.header)
    return dataclasses.replace(made, said=("text", *made.said))


def meaning_of(
    table: Table, held: Unpacked, given: Given, roles: Sequence[str], needed: Sequence[str]
) -> Meaning:
    """Return what the columns mean: as the caller says, by their names, or by what stands in them.

    Parameters
    ----------
    roles
        Those that a name may stand for, in the order in which they choose.
    needed
        Those that a caller who names columns has to name.

    Raises
    ------
    DataImportError
        A name is there twice, or columns without names are not understood.
    OptionError
        ``columns=`` names what is not there.
    """
    if given.columns is not None:
        return Meaning(_named(table, given.columns, held.where, roles, needed), UNKNOWN)
    if table.has_header:
        before = " ".join(str(one["description"]) for one in table.notes)
        places = roles_by_name(table.names, roles)
        for role, held_at in repeated(table.names, places).items():
            if role in {*BAR_PRICES, "volume", "price", "bid", "ask"}:
                names = ", ".join(repr(table.names[at].strip()) for at in held_at)
                remedy = f"Say which one is meant by its place: columns={{{role!r}: {held_at[0]}, ...}}."
                raise refuse(held.where, f"it has several columns for {role!r} ({names})", remedy)
        return Meaning(_with_sound_clock(table, places), vendor_by_names(table.names, before))
    layout = layout_of(table.columns, f"{Path(held.where).name} {held.name}")
    if layout is None:
        problem = f"it has {len(table.columns)} columns without names, and what they are does not show"
        remedy = "Give their places: columns={'time': 0, 'open': 1, 'high': 2, 'low': 3, 'close': 4}."
        raise refuse(held.where, problem, remedy)
    return Meaning(layout.places, layout.vendor)


def _with_sound_clock(table: Table, places: dict[str, int]) -> dict[str, int]:
    """Return the places without a clock that is none: a whole time beside its date counts alone."""
    if "clock" not in places:
        return places
    column = table.column(places["clock"])
    if pa.types.is_time(column.type):
        return places
    texts = column[:1000].cast(pa.string()).drop_null()
    if pc.all(pc.match_substring_regex(pc.utf8_trim_whitespace(texts), _CLOCK)).as_py() is not False:
        return places
    return {**{role: at for role, at in places.items() if role != "clock"}, "time": places["clock"]}


def _named(
    table: Table,
    columns: Mapping[str, str | int],
    where: str,
    roles: Sequence[str],
    needed: Sequence[str],
) -> dict[str, int]:
    allowed = tuple(role for role in roles if role not in {"epoch", "timeframe", "tick_volume"})
    if not isinstance(columns, Mapping):
        raise OptionError(f"columns={columns!r}: a dictionary of our names to the file's is needed.")
    places = {
        ours: _place(table, ours, theirs, where)
        for ours, theirs in columns.items()
        if _is_known(ours, allowed)
    }
    missing = [name for name in needed if name not in places]
    if missing:
        raise OptionError(f"columns= lacks {', '.join(missing)}.")
    return places


def _is_known(ours: str, allowed: Sequence[str]) -> bool:
    if ours not in allowed:
        raise OptionError(f"columns= names {ours!r}. {suggest(str(ours), allowed)}")
    return True


def _place(table: Table, ours: str, theirs: str | int, where: str) -> int:
    if isinstance(theirs, int) and not isinstance(theirs, bool):
        if not 0 <= theirs < len(table.columns):
            last = len(table.columns) - 1
            raise OptionError(f"columns[{ours!r}]={theirs}: {where} has the places 0 to {last}.")
        return theirs
    stripped = [name.strip() for name in table.names]
    if stripped.count(str(theirs).strip()) > 1:
        places = ", ".join(str(at) for at, name in enumerate(stripped) if name == str(theirs).strip())
        raise OptionError(
            f"columns[{ours!r}]={theirs!r}: several columns are called so; give a place: {places}."
        )
    if str(theirs).strip() not in stripped:
        names = [name for name in stripped if name]
        raise OptionError(
            f"columns[{ours!r}]={theirs!r}: {where} has no such column. {suggest(str(theirs), names)}"
        )
    return stripped.index(str(theirs).strip())


def no_bars(table: Table, places: Mapping[str, int], where: str) -> DataImportError:
    """Return why columns are no bars: they are ticks, or some have other names."""
    missing = [name for name in BAR_PRICES if name not in places]
    names = [name for name in table.names if name] or [f"{len(table.columns)} without names"]
    wanted = ["epoch", "time", "price", "bid", "ask"]
    ticks = roles_by_name(table.names, wanted) if table.has_header else places
    if "price" in ticks or {"bid", "ask"} <= ticks.keys():
        what = "trades" if "price" in ticks else "quotes"
        problem = f"it holds {what}, not bars (columns: {', '.join(names)[:200]})"
        return refuse(where, problem, "Read it with mdnb.read_ticks.")
    problem = f"it has no column for {', '.join(missing)}; its columns are {', '.join(names)[:300]}"
    return refuse(where, problem, NAME_THEM)


def of_one_symbol(
    table: Table, places: Mapping[str, int], given: Given, where: str, preferred: str | None = None
) -> tuple[Table, tuple[str, ...]]:
    """Return the rows of the symbol that is asked for, of the only one, or of the preferred one.

    Raises
    ------
    DataImportError
        There are several, or the one that is asked for is not there.
    """
    if "symbol" not in places:
        told = table.about.get("symbol")
        if given.symbol is not None and told is not None and told != given.symbol:
            raise refuse(where, f"it has no symbol {given.symbol!r}", f"It has {told}.")
        return table, (told,) if told else ()
    column = table.column(places["symbol"])
    column = column if pa.types.is_string(column.type) else column.cast(pa.string())
    held = tuple(str(one) for one in pc.unique(column.drop_null()).to_pylist())
    alike = [one for one in held if preferred is not None and plain_name(one) == plain_name(preferred)]
    wanted = alike[0] if given.symbol is None and len(held) > 1 and len(alike) == 1 else given.symbol
    if wanted is not None:
        if wanted not in held:
            raise refuse(
                where, f"it has no symbol {given.symbol!r}", f"It has {', '.join(held[:_SYMBOLS_SHOWN])}."
            )
        return table.where(pc.fill_null(pc.equal(column, wanted), fill_value=False)), (wanted,)
    if len(held) > 1:
        more = f" and {len(held) - _SYMBOLS_SHOWN} more" if len(held) > _SYMBOLS_SHOWN else ""
        problem = f"it holds {len(held)} symbols: {', '.join(held[:_SYMBOLS_SHOWN])}{more}"
        raise refuse(where, problem, f"Give symbol=, such as symbol={held[0]!r}.")
    return table, held


def of_one_timeframe(table: Table, places: Mapping[str, int], given: Given, where: str) -> Table:
    """Return the rows of the timeframe that is asked for, where a column tells of several.

    Raises
    ------
    DataImportError
        There are several, and none of them is asked for.
    """
    if "timeframe" not in places:
        return table
    column = table.column(places["timeframe"])
    column = column if pa.types.is_string(column.type) else column.cast(pa.string())
    held = [str(one) for one in pc.unique(column.drop_null()).to_pylist()]
    if len(held) < 2:
        return table
    wanted = given.timeframe or given.prefers
    same = [one for one in held if wanted is not None and (one == wanted or _is_same(one, wanted))]
    if not same:
        shown = ", ".join(held[:_SYMBOLS_SHOWN])
        remedy = f"Give timeframe=, such as timeframe={held[0]!r}."
        raise refuse(where, f"it holds bars of several timeframes: {shown}", remedy)
    of_it = pc.is_in(column, pa.array(same, pa.string()))
    return table.where(pc.fill_null(of_it, fill_value=False))


def _is_same(name: str, other: str) -> bool:
    try:
        return Timeframe.parse(name) == Timeframe.parse(other)
    except TimeframeError:
        return False


def without_forming(table: Table) -> Table:
    """Leave out bars that were being made when the file was written, where a column of ours marks them."""
    if "forming" not in table.names:
        return table
    column = table.column(table.names.index("forming"))
    texts = column if pa.types.is_string(column.type) else column.cast(pa.string())
    forming = pc.fill_null(pc.equal(pc.utf8_lower(texts), "true"), fill_value=False)
    count = pc.sum(forming).as_py() or 0
    if not count:
        return table
    said = note("forming", "bars that were being made when the file was written were left out", count=count)
    return dataclasses.replace(table.where(pc.invert(forming)), notes=(*table.notes, said))


def without_footer(table: Table, places: Mapping[str, int], prices: Sequence[str]) -> Table:
    """Leave out rows without any price, and the last ones where all prices but the first are missing."""
    missing = [table.column(places[name]).is_null().to_numpy(zero_copy_only=False) for name in prices]
    empty, tail = np.logical_and.reduce(missing), np.logical_and.reduce(missing[-3:])
    if not tail.any():
        return table
    filled = np.flatnonzero(~tail)
    end = int(filled[-1]) + 1 if len(filled) else 0
    count = len(table) - end
    end = end if count <= _FOOTER_ROWS else len(table)
    inside = np.flatnonzero(empty[:end])
    notes = list(table.notes)
    if end < len(table):
        # A total stands where the open would.
        empty[end:] = True
        notes.append(note("lines_left_out", "rows at the end without prices were left out", count=count))
    if len(inside):
        notes.append(note("rows_without_prices", "rows without any price were left out", inside))
    return dataclasses.replace(table.where(pa.array(~empty)), notes=tuple(notes))


def shown_columns(places: Mapping[str, int], table: Table) -> dict[str, str]:
    """Return our name of each column to the file's, in the file's order, for people."""
    hidden = {"timeframe", "tick_volume"} | ({"time", "clock"} if "epoch" in places else set())
    ours = {"since_midnight": "time", "epoch": "time"}
    chosen = {ours.get(role, role): place for role, place in places.items() if role not in hidden}
    return {role: table.name_of(at).strip() for role, at in sorted(chosen.items(), key=lambda one: one[1])}
