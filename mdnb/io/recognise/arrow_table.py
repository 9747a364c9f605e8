"""Tables that have types: Parquet, Feather and Arrow files, and workbooks."""

from __future__ import annotations

import importlib.util
import io
import os
import zipfile
from collections.abc import Collection, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import MissingExtraError, TimeframeError
from mdnb.io.notes import Note, note, refuse
from mdnb.io.parquet_footer import read_footer
from mdnb.io.parquet_read import check_rows
from mdnb.io.recognise.roles import ROLES, roles_by_name
from mdnb.io.recognise.table import Table
from mdnb.io.recognise.unpacked import unpacked
from mdnb.io.schema import MARKS
from mdnb.timeframes import Timeframe, in_order

__all__ = ["arrow_table", "parquet_table", "sheets_of_timeframes", "workbook_table"]

_MOST_COLUMNS: Final = 1_000
_LONGEST_TEXT: Final = 256
_FREE_BYTES: Final = 64 * 1024**2
_HIGHEST_RATIO: Final = 100
_MOST_ROWS: Final = 1_048_576  # what a sheet can hold


def parquet_table(data: bytes, where: str, named: Collection[object] = ()) -> Table:
    """Return the columns of a Parquet file that others wrote; those that cannot be of bars are not read.

    Parameters
    ----------
    named
        Names and places of columns that the caller means.

    Raises
    ------
    DataImportError
        It is damaged, or made to fill the memory.
    """
    from pyarrow import parquet

    check_rows(read_footer(io.BytesIO(data), len(data), where), len(data), where)
    try:
        names = parquet.read_schema(pa.BufferReader(data)).names
        kept = _wanted(names, named)
        texts = [names[at] for at in kept]
        # As dictionaries, so that one long text in every row is one long text.
        file = parquet.ParquetFile(pa.BufferReader(data), read_dictionary=texts)
        held = file.read(columns=texts, use_threads=True)
        rows = file.metadata.num_rows
    except MemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise refuse(where, f"it is no sound Parquet file ({error})", "Fetch it again.") from error
    columns = {at: held.column(names[at]) for at in kept if names.count(names[at]) == 1}
    return _made(names, columns, rows, "Parquet", where)


def arrow_table(data: bytes, where: str, named: Collection[object] = ()) -> Table:
    """Return the columns of a Feather file (of version 2) or an Arrow file or stream; as `parquet_table`.

    Raises
    ------
    DataImportError
        It is damaged.
    """
    try:
        opened = pa.ipc.open_file if data.startswith(b"ARROW1") else pa.ipc.open_stream
        with opened(pa.BufferReader(data)) as reader:
            names = list(reader.schema.names)
            held = reader.read_all()
        # pyarrow believes what is in such a file, and ends the process where that is wrong.
        held.validate(full=True)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise refuse(where, f"it is no sound Arrow file ({error})", "Fetch it again.") from error
    columns = {at: held.column(at) for at in _wanted(names, named)}
    return _made(names, columns, held.num_rows, "Arrow", where)


def _wanted(names: Sequence[str], named: Collection[object]) -> list[int]:
    """Return the places of columns that may be of bars or ticks, or that are named."""
    places: set[int] = set()
    for role in ROLES:
        places |= set(roles_by_name(names, [role]).values())
    places |= set(roles_by_name(names, ["time", "clock"]).values())
    places |= {one for one in named if isinstance(one, int) and 0 <= one < len(names)}
    places |= {
        at
        for at, name in enumerate(names)
        if name in named or name in MARKS or name.startswith("__index_level_")
    }
    return sorted(places)


def sheets_of_timeframes(filename: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the timeframes by which sheets of a workbook are named, finest first; of any other file none.

    Raises
    ------
    MissingExtraError, DataImportError
        As `workbook_table`; the file cannot be opened.
    """
    held = unpacked(filename)
    if not held.data.startswith(b"PK\x03\x04"):
        return ()
    return in_order(_workbook(held.data, held.where).sheetnames)


def workbook_table(data: bytes, where: str, timeframe: str | None = None) -> Table:
    """Return the columns of one sheet of a workbook; its first row names them.

    Parameters
    ----------
    timeframe
        Which of the sheets that are named by their timeframes. Without any such the first sheet is taken,
        and the others are told of.

    Raises
    ------
    MissingExtraError
        openpyxl is not installed.
    DataImportError
        It is damaged, empty, or made to fill the memory; it holds several timeframes, and not this one.
    """
    book = _workbook(data, where)
    name, notes = _sheet_of(book.sheetnames, timeframe, where)
    try:
        sheet = book[name].iter_rows(values_only=True, max_col=_MOST_COLUMNS, max_row=_MOST_ROWS)
        rows = [row for row in sheet if any(cell is not None for cell in row)]
    except Exception as error:  # openpyxl raises what its parts raise
        raise refuse(where, f"it is no sound workbook ({error})", "Save it again.") from error
    if len(rows) < 2:
        raise refuse(where, f"its sheet {name!r} holds no table", "A sheet of bars is needed.")
    names = ["" if cell is None else str(cell) for cell in rows[0]]
    columns = [_cells(list(column)) for column in zip(*rows[1:], strict=True)]
    return Table(names=tuple(names), columns=tuple(columns), has_header=True, said=("xlsx",), notes=notes)


def _timeframe(sheet: str) -> str | None:
    try:
        return Timeframe.parse(sheet).name
    except TimeframeError:
        return None


def _sheet_of(sheets: Sequence[str], timeframe: str | None, where: str) -> tuple[str, tuple[Note, ...]]:
    """Return the name of the sheet that is meant, and what is to be said of the others."""
    named = {known: sheet for sheet in sheets if (known := _timeframe(sheet))}
    wanted = None if timeframe is None else _timeframe(timeframe)
    if wanted in named:
        return named[wanted], ()
    if len(named) > 1:
        remedy = f"Give timeframe=, such as timeframe={next(iter(named))!r}."
        raise refuse(where, f"it holds bars of several timeframes: {', '.join(named)}", remedy)
    if len(sheets) == 1:
        return sheets[0], ()
    said = f"sheets besides {sheets[0]!r} were left out, {', '.join(map(repr, sheets[1:]))}"
    return sheets[0], (note("sheets", said, count=len(sheets) - 1),)


def _workbook(data: bytes, where: str) -> Any:
    if importlib.util.find_spec("openpyxl") is None:
        raise MissingExtraError(f"{where}: a workbook needs openpyxl: pip install 'mdnb[xlsx]'")
    import openpyxl

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = sum(one.file_size for one in archive.infolist())
    if size > max(_FREE_BYTES, _HIGHEST_RATIO * len(data)):
        raise refuse(where, f"its {len(data):,} bytes unpack to {size:,}", "Save it as CSV.")
    try:
        return openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises what its parts raise
        raise refuse(where, f"it is no sound workbook ({error})", "Save it again.") from error


def _cells(values: list[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if one is None else str(one) for one in values], pa.string())


def _made(names: Sequence[str], columns: dict[int, Any], rows: int, kind: str, where: str) -> Table:
    missing = pa.nulls(rows)
    made = [_plain(columns[at], name, where) if at in columns else missing for at, name in enumerate(names)]
    shown = ["" if name.startswith("__index_level_") else name for name in names]
    if "" in shown:
        # pandas puts its index last.
        at = shown.index("")
        shown.insert(0, shown.pop(at))
        made.insert(0, made.pop(at))
    return Table(names=tuple(shown), columns=tuple(made), has_header=True, said=(kind,))


def _plain(column: Any, name: str, where: str) -> Any:
    held = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(held, pa.ChunkedArray):
        held = pa.concat_arrays(held.chunks) if held.num_chunks else pa.array([], held.type)
    kind = held.type
    if pa.types.is_dictionary(kind):
        longest = _longest(held.dictionary)
        if longest > _LONGEST_TEXT:
            raise refuse(where, f"a text in {name!r} has {longest:,} bytes", "Leave this column out.")
        held = held.dictionary_decode()
        kind = held.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_binary(kind):
        return held.cast(pa.string())
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        return held.cast(pa.float64())
    return pa.nulls(len(held)) if pa.types.is_nested(kind) else held


def _longest(texts: Any) -> int:
    kind = texts.type
    if not any(one(kind) for one in (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string)):
        return 0
    return int(pc.max(pc.binary_length(texts)).as_py() or 0)
