"""Bars as Arrow files, which Feather 2 is: the tables of `mdnb.io.parquet`, uncompressed or nearly so.

Several timeframes stand one after the other, told apart by a column ``timeframe``, as in Parquet.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Collection, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import OptionError, suggest
from mdnb.io.assemble import ColumnNames, to_bars
from mdnb.io.atomic import atomic_write
from mdnb.io.change_log import CHANGES_KEY, changes_from_text, changes_text
from mdnb.io.contract_names import contracts_of_runs
from mdnb.io.file_bars import FileBars
from mdnb.io.instants import Closings, parse_closings, parse_times
from mdnb.io.marks import parse_marks
from mdnb.io.notes import note, refuse
from mdnb.io.parquet import frames_schema, frames_tables
from mdnb.io.parquet_read import METADATA_KEY, TIMEFRAME_COLUMN
from mdnb.io.progress import rows_in_steps
from mdnb.io.read_options import ReadOptions
from mdnb.io.schema import CLOSED_AT, CONTRACT, INDEX_NAME, MARKS, plain_attributes
from mdnb.io.source import check_zone, open_plain
from mdnb.io.stacked import SYMBOL, Frames, chosen_symbol, key_of, wanted_of
from mdnb.stores.amendments import Changes

__all__ = ["arrow_bars", "arrow_bars_of", "arrow_timeframes", "read_arrow", "write_arrow"]

_COMPRESSIONS: Final = ("lz4", "zstd", "none")
_MOST_ROWS_A_BYTE: Final = 64
_FREE_ROWS: Final = 1_000_000
_BATCH_ROWS: Final = 131_072


def write_arrow(
    frames: Frames,
    filename: str | os.PathLike[str],
    *,
    compression: str = "lz4",
    symbol: str | None = None,
    changes: Changes | Mapping[str, Changes] | None = None,
) -> Path:
    """Write bars of timeframes and symbols as an Arrow file; pandas reads it by ``read_feather``.

    Parameters
    ----------
    frames
        A bar frame, bar frames by timeframe, or these by symbol; see `mdnb.io.schema.normalise`.
    filename
        Where to write, whole or not at all.
    compression
        ``"lz4"``, ``"zstd"`` or ``"none"``.
    symbol, changes
        As in `mdnb.io.parquet.write_timeframes`.

    Raises
    ------
    OptionError
        The compression is unknown, or a frame is not one of bars.
    DataExportError
        The file cannot be written; an old file is intact.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> times = pd.date_range("2026-03-02 09:30", periods=2, freq="1min", tz="America/Chicago")
    >>> bars = pd.DataFrame({"open": 1.5, "high": 2, "low": 1, "close": 2, "volume": 7}, index=times)
    >>> path = write_arrow(bars, pathlib.Path(tempfile.mkdtemp()) / "bars.feather")
    >>> pd.read_feather(path).columns[0], read_arrow(path).index.dtype
    ('open', datetime64[us, America/Chicago])
    """
    if compression not in _COMPRESSIONS:
        raise OptionError(
            f"compression={compression!r} is not known. {suggest(str(compression), _COMPRESSIONS)}"
        )
    schema, bars = frames_schema(frames, symbol)
    told: dict[str, Changes] = {}
    if changes is not None:
        told = dict(changes) if isinstance(changes, Mapping) else {"": changes}
        schema = schema.with_metadata({**(schema.metadata or {}), CHANGES_KEY: changes_text(told)})
    options = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)
    with atomic_write(filename) as file, pa.ipc.new_file(file, schema, options=options) as writer:
        # Such a file has one dictionary of a column.
        table = pa.concat_tables(frames_tables(bars, schema)).unify_dictionaries()
        for start, stop in rows_in_steps(table.num_rows, f"writing {Path(filename).name}", _BATCH_ROWS):
            writer.write_table(table.slice(start, stop - start))
    return Path(filename).expanduser()


def read_arrow(
    filename: str | os.PathLike[str],
    *,
    timeframe: str | None = None,
    tz: str | tzinfo | None = None,
    positive_prices: bool = True,
    symbol: str | None = None,
) -> pd.DataFrame:
    """Read bars of one timeframe from an Arrow file; as `mdnb.io.parquet.read_parquet`.

    Raises
    ------
    DataImportError
        The file is not sound, lacks a column, or holds several timeframes and none is given.
    """
    how = ReadOptions(tz=tz, positive_prices=positive_prices, symbol=symbol)
    return arrow_bars(filename, timeframe, how).frame()


def arrow_bars(filename: str | os.PathLike[str], timeframe: str | None, how: ReadOptions) -> FileBars:
    """Return the bars of one timeframe of an Arrow file in columns; see `read_arrow`."""
    table, about, where = _opened(filename, how.symbol, how.prefers)
    wanted = wanted_of(_timeframes(table, about), timeframe, where)
    return _bars(table, about, wanted, where, timeframe, how)


def arrow_bars_of(
    filename: str | os.PathLike[str], kept: Collection[str], how: ReadOptions
) -> dict[str, FileBars]:
    """Return the bars of every timeframe that a file names and that is kept, in columns, by timeframe."""
    table, about, where = _opened(filename, how.symbol, how.prefers)
    named = [name for name in _timeframes(table, about) if name in kept]
    return {name: _bars(table, about, name, where, name, how) for name in named}


def arrow_timeframes(
    filename: str | os.PathLike[str], *, symbol: str | None = None, prefers: str | None = None
) -> tuple[str, ...]:
    """Return the timeframes that a file names."""
    table, about, _ = _opened(filename, symbol, prefers)
    return tuple(_timeframes(table, about))


def _opened(
    filename: str | os.PathLike[str], symbol: str | None, prefers: str | None
) -> tuple[Any, dict[str, Any], str]:
    file, path, size = open_plain(filename)
    where = str(path)
    with file:
        data = file.read(size + 1)
    try:
        with pa.ipc.open_file(pa.BufferReader(data)) as reader:
            rows = sum(reader.get_batch(at).num_rows for at in range(reader.num_record_batches))
            if rows > max(_FREE_ROWS, _MOST_ROWS_A_BYTE * size):
                raise refuse(where, f"its {size:,} bytes claim {rows:,} rows", "Split it if it is sound.")
            table = reader.read_all()
        # pyarrow believes what is in such a file, and ends the process where that is wrong.
        table.validate(full=True)
        about = json.loads((table.schema.metadata or {}).get(METADATA_KEY, b"{}"))
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise refuse(where, f"it is no sound Arrow file ({error})", "Fetch or write it again.") from error
    except MemoryError as error:
        raise refuse(where, "it does not fit into memory", "Split the file.") from error
    return *_of_symbol(table, about if isinstance(about, dict) else {}, where, symbol, prefers), where


def _of_symbol(
    table: Any, about: dict[str, Any], where: str, symbol: str | None, prefers: str | None
) -> tuple[Any, dict[str, Any]]:
    """Return the rows of the symbol that is meant, and what the metadata say of it."""
    described = about.get("symbols")
    if SYMBOL not in table.schema.names or not isinstance(described, dict):
        told = plain_attributes(about).get("symbol")
        if symbol is not None and told is not None and told != symbol:
            raise refuse(where, f"it has no symbol {symbol!r}", f"It has {told}.")
        return table, about
    chosen = chosen_symbol([str(name) for name in described], where, symbol=symbol, prefers=prefers)
    own = described.get(chosen)
    rows = table.filter(pc.equal(table.column(SYMBOL).cast(pa.string()), chosen))
    return rows, {**about, "symbol": chosen, "timeframes": own if isinstance(own, dict) else {}}


def _timeframes(table: Any, about: Mapping[str, Any]) -> list[str]:
    described = about.get("timeframes")
    if TIMEFRAME_COLUMN not in table.schema.names or not isinstance(described, dict):
        return [str(plain_attributes(about).get("timeframe", ""))]
    return [str(name) for name in described]


def _bars(
    table: Any,
    about: Mapping[str, Any],
    timeframe: str,
    where: str,
    of: str | None,
    how: ReadOptions,
) -> FileBars:
    own: Mapping[str, Any] = {}
    if TIMEFRAME_COLUMN in table.schema.names and isinstance(about.get("timeframes"), dict):
        own = about["timeframes"].get(timeframe) or {}
        texts = table.column(TIMEFRAME_COLUMN).cast(pa.string())
        table = table.filter(pc.equal(texts, timeframe))
    names = table.schema.names
    places = ColumnNames().locate(names, where)
    for name in ("vwap", CLOSED_AT, *MARKS):
        if own.get(name) is False:
            places.pop(name, None)  # only there because another timeframe of the file has it
    places.pop(CONTRACT, None)  # text; the metadata has it, too
    columns = {name: table.column(place).combine_chunks() for name, place in places.items()}
    times = columns.pop(INDEX_NAME)
    zone = how.tz
    if zone is None and pa.types.is_timestamp(times.type) and times.type.tz is not None:
        check_zone(times.type.tz)
        zone = times.type.tz
    instants = parse_times(times, date_format=None, tz=zone, where=where, column=names[places[INDEX_NAME]])
    closings: Closings | None = None
    if CLOSED_AT in columns:
        closed = columns.pop(CLOSED_AT)
        kept = closed if pa.types.is_timestamp(closed.type) else None
        closings = parse_closings(kept, instants.time_us, date_format=None, tz=zone, where=where)
    marks = parse_marks({name: columns.pop(name) for name in MARKS if name in columns})
    values = {name: _numbers(column, name, where) for name, column in columns.items()}
    attributes = {"source": "arrow", **plain_attributes(about), **plain_attributes(own)}
    if timeframe:
        attributes["timeframe"] = timeframe
    made = to_bars(
        instants,
        values,
        closings=closings,
        marks=marks,
        tz=zone,
        where=where,
        positive_prices=how.positive_prices,
        attributes=attributes,
        timeframe=of or timeframe or None,
        first_counts=how.first_counts,
    )
    contracts = contracts_of_runs((own or about).get("contracts"), made.time_us)
    made = dataclasses.replace(made, contracts=contracts)
    raw = (table.schema.metadata or {}).get(CHANGES_KEY)
    if raw is None:
        return made
    told = changes_from_text(raw)
    if told is None:
        text = "what the bars were before they changed is damaged in this file and was not taken"
        return dataclasses.replace(made, notes=[*made.notes, note("damaged_changes", text)])
    several = isinstance(about.get("symbols"), dict)
    key = key_of(str(about.get("symbol", "")) if several else "", timeframe)
    return dataclasses.replace(made, changes=told.get(key, told.get("")))


def _numbers(column: Any, name: str, where: str) -> np.ndarray:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal128(kind)):
        raise refuse(where, f"the column {name!r} is {str(kind)[:80]}", "Numbers are needed.")
    made: np.ndarray = column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return made
