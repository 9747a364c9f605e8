"""Bars as CSV: text that spreadsheets and every other tool read, with exact instants."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

from mdnb.errors import DataImportError, OptionError
from mdnb.io.assemble import ColumnNames, numbers_from_text, to_bars
from mdnb.io.contract_names import parse_contracts
from mdnb.io.file_bars import FileBars
from mdnb.io.instants import parse_closings, parse_times
from mdnb.io.marks import parse_marks
from mdnb.io.notes import Note, note, refuse
from mdnb.io.paths import is_tabbed
from mdnb.io.progress import reading, source_of
from mdnb.io.read_options import ReadOptions
from mdnb.io.rows import check_finite, chunks, column_texts, joined, text_or_file, writing
from mdnb.io.schema import (
    CLOSED_AT,
    COLUMNS,
    CONTRACT,
    INDEX_NAME,
    MARKS,
    PRICES,
    export_columns,
    plain_attributes,
)
from mdnb.io.source import read_text_bytes
from mdnb.io.stacked import STACKED, SYMBOL, TIMEFRAME, Stack, stack_of, without_empty
from mdnb.io.times import time_text

__all__ = ["csv_bars", "csv_bars_of", "csv_timeframes", "read_csv", "write_csv"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_DELIMITERS: Final = ",;\t|"
_HEAD_BYTES: Final = 65_536
_ROWS_REPORTED: Final = 10


def write_csv(
    frame: pd.DataFrame,
    filename: str | os.PathLike[str] | None = None,
    *,
    include_volume: bool = True,
    include_header: bool = True,
    date_format: str = "iso",
    columns: Sequence[str] | None = None,
) -> str | Path:
    """Write bars as CSV: ``timestamp`` first, one row a bar, comma and line feed.

    Numbers are the shortest text that reads back as the same float64, so 20000.0 stands as ``20000``;
    ``nan`` is an empty cell. Texts that a spreadsheet would take for a formula get a ``'`` in front.

    Parameters
    ----------
    frame
        A bar frame; see :func:`mdnb.io.schema.normalise`.
    filename
        Where to write, whole or not at all; ``.gz`` at the end packs it, and ``.tsv`` separates by tabs. None
        returns the text.
    include_volume
        Whether the column ``volume`` is written.
    include_header
        Whether the first line names the columns; without it marks and contracts of bars are left out.
    date_format
        ``"iso"`` writes ``2026-03-02T09:30:00-06:00``, the wall clock of the frame's zone with its UTC
        offset: exact, also when clocks change. ``"epoch_s"``, ``"epoch_ms"``, ``"epoch_us"`` and
        ``"epoch_ns"`` write numbers since 1970 UTC, with decimals where any time has a fraction of it. A
        ``strftime`` format such as
        ``"%Y-%m-%d %H:%M:%S"`` writes the wall clock; unless it has ``%z``, pass ``tz=`` to read it back,
        and an hour that occurs twice a year is told apart by the order of rows only.
    columns
        Which columns, in which order; by default all of a bar frame. Also further ones of the frame.
        ``closed_at`` is written as the times are, an empty cell where it is unknown.

    Returns
    -------
    str or pathlib.Path
        The text, or the path that was written.

    Raises
    ------
    OptionError
        An option or the frame is not what is described here.
    DataExportError
        The file cannot be written, or a number is infinite; an old file is intact.

    Examples
    --------
    >>> import pandas as pd
    >>> times = pd.date_range("2026-03-02 09:30", periods=1, freq="1min", tz="America/Chicago")
    >>> bars = pd.DataFrame({"open": 1.5, "high": 2, "low": 1, "close": 2, "volume": 7}, index=times)
    >>> print(write_csv(bars), end="")
    timestamp,open,high,low,close,volume,tick_count
    2026-03-02T09:30:00-06:00,1.5,2,1,2,7,0
    """
    index, chosen = export_columns(frame, columns, include_volume=include_volume)
    if columns is None and not include_header:
        # Nothing would tell a reader what they are.
        chosen = {name: values for name, values in chosen.items() if name not in (CONTRACT, *MARKS)}
    times = time_text(index, date_format)
    if date_format.startswith((*_FORMULA, "%z")):
        raise OptionError(f"date_format={date_format!r}: a spreadsheet would take the times for formulas.")
    check_finite(chosen)
    sign = "\t" if filename is not None and is_tabbed(filename) else ","
    around = '"' if sign in date_format else ""
    texts = column_texts(chosen, index, date_format, missing="", quote=_cell, around=around)
    with text_or_file(filename) as (file, result):
        if include_header:
            file.write((sign.join([INDEX_NAME, *map(_cell, chosen)]) + "\n").encode())
        for start, stop in chunks(index, writing(filename)):
            pieces: list[Any] = [around, times(start, stop), around]
            for text in texts.values():
                pieces += [sign, text(start, stop)]
            file.write(joined([*pieces, "\n"], stop - start))
    return result[0]


def read_csv(
    filename: str | os.PathLike[str],
    *,
    date_column: str = INDEX_NAME,
    price_columns: Sequence[str] = PRICES,
    volume_column: str | None = "volume",
    tz: str | tzinfo | None = None,
    date_format: str | None = None,
    header: bool = True,
    positive_prices: bool = True,
    timeframe: str | None = None,
    symbol: str | None = None,
) -> pd.DataFrame:
    r"""Read bars from a CSV file: comma, semicolon, tab or ``|``, UTF-8, decimal points.

    Parameters
    ----------
    filename
        A file on this machine, never a URL. Nothing is unpacked but a name that ends in ``.gz``.
    date_column
        The opening time of each bar.
    price_columns
        Open, high, low and close, in this order.
    volume_column
        None where the file has none; the volume is then 0. The columns ``tick_count``, ``vwap``,
        ``closed_at``, ``contract`` and the marks ``partial``, ``filled``, ``amended`` and ``forming`` (true
        or false) are taken where they are; without the first it is 0, which means unknown. Others are not
        read.
        ``closed_at`` is read as the times are, where it holds times at all; of an hour that occurs twice it
        is the one nearer to the bar.
    tz
        The zone of times that carry no offset (default: UTC), and the zone of the frame returned.
        A CSV file cannot hold the name of a zone, so this is how it comes back.
    date_format
        By default ISO 8601, or whole numbers since 1970 whose size tells their unit; else as in
        :func:`write_csv`, or a ``strptime`` format. Day and month are never guessed.
    header
        False where the first line is a bar; the columns then are time, prices, volume, ``tick_count``,
        ``vwap``, ``closed_at``, as many of the last three as there are.
    positive_prices
        Whether a price of zero or less refuses the file.
    timeframe
        What the bars are of. Of tick, volume and dollar bars several may begin at one time: all are kept.
        Of a file with a column ``timeframe`` those of this one are read.
    symbol
        Which one, where a column ``symbol`` tells of several.

    Returns
    -------
    pandas.DataFrame
        A bar frame, oldest first, one row a time but for bars of trades. ``attrs["notes"]`` lists what was
        put right: rows that were newest first, duplicates (of different bars at one time, the last valid one
        in the file counts),
        times without offset, a ``closed_at`` that holds no times.

    Raises
    ------
    DataImportError
        The file is not understood, or a value is missing, not finite or negative; rows are named.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "bars.csv"
    >>> _ = path.write_text("Date,O,H,L,C,V\n2026-03-02T09:30:00-06:00,1.5,2,1,2,7\n")
    >>> frame = read_csv(path, date_column="Date", price_columns=["O", "H", "L", "C"], volume_column="V")
    >>> frame.index[0].isoformat(), float(frame["close"].iloc[0])
    ('2026-03-02T15:30:00+00:00', 2.0)
    """
    names = ColumnNames.of(date_column, price_columns, volume_column)
    how = ReadOptions(tz=tz, date_format=date_format, positive_prices=positive_prices, symbol=symbol)
    return csv_bars(filename, names, timeframe, how, header=header).frame()


def csv_bars(
    filename: str | os.PathLike[str],
    names: ColumnNames,
    timeframe: str | None,
    how: ReadOptions,
    *,
    header: bool = True,
) -> FileBars:
    """Return the bars of one timeframe of a CSV file in columns; see :func:`read_csv`."""
    file = _opened(filename, names, header=header)
    stack = _stack(file, how)
    return _bars(file, stack, stack.wanted(timeframe, file.where), timeframe, how)


def csv_bars_of(
    filename: str | os.PathLike[str], kept: Collection[str], how: ReadOptions
) -> dict[str, FileBars]:
    """Return the bars of every timeframe that a CSV file names and that is kept, in columns, by timeframe.

    Raises
    ------
    DataImportError
        As :func:`read_csv`.
    """
    file = _opened(filename, ColumnNames())
    stack = _stack(file, how)
    return {name: _bars(file, stack, name, name, how) for name in stack.rows if name in kept}


def csv_timeframes(
    filename: str | os.PathLike[str], *, symbol: str | None = None, prefers: str | None = None
) -> tuple[str, ...]:
    """Return the timeframes that a CSV file names in a column ``timeframe``.

    Raises
    ------
    DataImportError
        As :func:`read_csv`; also where it holds several symbols and none is asked for.
    """
    data, where = read_text_bytes(filename)
    delimiter, first = _first_line(data, where)
    places = {name: first.index(name) for name in STACKED if name in first}
    if TIMEFRAME not in places:
        return ()
    table = _parse(data, delimiter, len(first), places, header=True, where=where)
    columns = {name: table[name] for name in places}
    stack = stack_of(columns.get(SYMBOL), columns[TIMEFRAME], where, symbol=symbol, prefers=prefers)
    return tuple(name for name in stack.rows if name)


class _Text(NamedTuple):
    """The wanted columns of a file as text and numbers, by our own names."""

    table: Any
    labels: dict[str, str]
    notes: list[Note]
    where: str


def _opened(filename: str | os.PathLike[str], names: ColumnNames, *, header: bool = True) -> _Text:
    data, where = read_text_bytes(filename)
    delimiter, first = _first_line(data, where)
    notes: list[Note] = []
    if header:
        places = _places(names, first, where)
        notes += _repeated(first, places)
    else:
        places = _places_without_header(names, len(first), where)
    table = _parse(data, delimiter, len(first), places, header=header, where=where)
    return _Text(table, names.wanted(), notes, where)


def _stack(file: _Text, how: ReadOptions) -> Stack:
    named = {name: file.table[name] for name in STACKED if name in file.table.column_names}
    symbols, timeframes = named.get(SYMBOL), named.get(TIMEFRAME)
    return stack_of(symbols, timeframes, file.where, symbol=how.symbol, prefers=how.prefers)


def _bars(
    file: _Text,
    stack: Stack,
    wanted: str,
    timeframe: str | None,
    how: ReadOptions,
) -> FileBars:
    rows, where, date_format, tz = stack.rows[wanted], file.where, how.date_format, how.tz
    table = file.table if rows is None else file.table.filter(rows)
    if rows is not None and wanted:
        where = f"{where}, {wanted}"  # its rows are counted
    names = table.column_names
    times = parse_times(
        table[INDEX_NAME], date_format=date_format, tz=tz, where=where, column=file.labels[INDEX_NAME]
    )
    values = {
        name: _numbers(table[name], file.labels.get(name, name), where)
        for name in names
        if name not in {INDEX_NAME, CLOSED_AT, CONTRACT, *MARKS, *STACKED}
    }
    closings = None
    if CLOSED_AT in names:
        closings = parse_closings(
            table[CLOSED_AT], times.time_us, date_format=date_format, tz=tz, where=where
        )
    contracts = None
    notes = list(file.notes)
    if CONTRACT in names:
        contracts, said = parse_contracts(table[CONTRACT])
        notes += said
    times.notes[:0] = notes
    about = {"symbol": stack.symbol, "timeframe": wanted if stack.is_named else None}
    made = to_bars(
        times,
        values,
        closings=closings,
        marks=parse_marks({name: table[name] for name in MARKS if name in names}),
        contracts=contracts,
        tz=tz,
        where=where,
        positive_prices=how.positive_prices,
        attributes={"source": "csv", **plain_attributes(about)},
        timeframe=timeframe or wanted or None,
        first_counts=how.first_counts,
    )
    return without_empty(made) if stack.is_named else made


def _cell(text: str) -> str:
    """Return ``text`` as a cell that no spreadsheet takes for a formula, quoted where it must be."""
    if text.startswith(_FORMULA):
        text = "'" + text
    if any(character in text for character in ',"\t\r\n'):
        text = '"' + text.replace('"', '""') + '"'
    return text


def _first_line(data: bytes, where: str) -> tuple[str, list[str]]:
    head = data[:_HEAD_BYTES].lstrip(b"\r\n")
    line = head.splitlines()[0]
    if len(line) >= _HEAD_BYTES - 2:
        raise refuse(
            where, f"its first line has more than {_HEAD_BYTES:,} bytes", "This is no table of bars."
        )
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise refuse(where, f"its first line is not UTF-8 ({error.reason})", "Save it as UTF-8.") from error
    try:
        rows = {sign: next(csv.reader(io.StringIO(text), delimiter=sign)) for sign in _DELIMITERS}
    except csv.Error as error:
        raise refuse(where, f"its first line is not CSV ({error})", "Check the file.") from error
    delimiter = max(_DELIMITERS, key=lambda sign: len(rows[sign]))
    return delimiter, rows[delimiter]


def _places(names: ColumnNames, first: list[str], where: str) -> dict[str, int]:
    try:
        return names.locate(first, where, STACKED)
    except DataImportError as error:
        looks_like_data = [cell for cell in first if cell.strip().lstrip("+-").replace(".", "", 1).isdigit()]
        if len(looks_like_data) < len(first) // 2:
            raise
        raise DataImportError(
            f"{error} The first line looks like data; is there a header? (header=False)"
        ) from error


def _places_without_header(names: ColumnNames, count: int, where: str) -> dict[str, int]:
    kept = [name for name in COLUMNS if name != "volume" or names.volume is not None]
    order = [INDEX_NAME, *kept, "vwap", CLOSED_AT]
    if not len(order) - 3 <= count <= len(order):
        raise refuse(
            where,
            f"it has {count} columns",
            f"Without a header the columns must be {', '.join(order)}, the last three optional.",
        )
    return {name: place for place, name in enumerate(order[:count])}


def _repeated(first: list[str], places: dict[str, int]) -> list[Note]:
    taken = [first[place] for place in places.values() if first.count(first[place]) > 1]
    return [
        note("repeated_column", f"there are several columns {name!r}; the first was read") for name in taken
    ]


def _parse(
    data: bytes, delimiter: str, width: int, places: dict[str, int], *, header: bool, where: str
) -> Any:
    """Return the wanted columns as a table, by our own names; fast, or slowly with good messages."""
    blank = len(data) - len(data.lstrip(b"\r\n"))
    if blank:
        data = data[blank:]
    try:
        return _read(data, delimiter, width, places, header=header, number=pa.float64(), where=where)
    except pa.ArrowInvalid:
        pass  # a cell that is no number, or a row of another width: look at each of them
    bad_rows: list[tuple[int, int]] = []

    def on_bad_row(row: Any) -> str:
        bad_rows.append((row.number or 0, row.actual_columns))
        return "skip"

    try:
        table = _read(
            data,
            delimiter,
            width,
            places,
            header=header,
            number=pa.string(),
            where=where,
            on_bad_row=on_bad_row,
        )
    except pa.ArrowInvalid as error:
        raise refuse(where, f"it is not CSV ({error})", "Save it as plain UTF-8 CSV.") from error
    if bad_rows:
        shown = ", ".join(f"line {line} has {cells}" for line, cells in bad_rows[:_ROWS_REPORTED])
        more = f" and {len(bad_rows) - _ROWS_REPORTED} more" if len(bad_rows) > _ROWS_REPORTED else ""
        raise refuse(where, f"the first line has {width} cells, but {shown}{more}", "Put these lines right.")
    return table


def _read(
    data: bytes,
    delimiter: str,
    width: int,
    places: dict[str, int],
    *,
    header: bool,
    number: Any,
    where: str,
    on_bad_row: Any = None,
) -> Any:
    slow = on_bad_row is not None
    names = [f"column{place}" for place in range(width)]
    types = {names[place]: number for place in places.values()}
    for name in (INDEX_NAME, CLOSED_AT, CONTRACT, *MARKS, *STACKED):
        if name in places:
            types[names[places[name]]] = pa.string()
    table = arrow_csv.read_csv(
        source_of(data, reading(where)),
        arrow_csv.ReadOptions(column_names=names, skip_rows=1 if header else 0, use_threads=not slow),
        arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=slow, invalid_row_handler=on_bad_row),
        arrow_csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            strings_can_be_null=True,
            null_values=["", "NaN", "nan", "null"],
        ),
    )
    return pa.table({name: table[names[place]] for name, place in places.items()})


def _numbers(column: Any, label: str, where: str) -> np.ndarray:
    if pa.types.is_string(column.type):
        column = numbers_from_text(column, label, where)
    numbers: np.ndarray = column.to_numpy()
    return numbers
