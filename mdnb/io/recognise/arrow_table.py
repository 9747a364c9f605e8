"""Tables that have types: Parquet, Feather and Arrow files, and workbooks."""

from __future__ import annotations

import importlib.util
import io
from typing import Any, Final

import pyarrow as pa

from mdnb.errors import MissingExtraError
from mdnb.io.notes import refuse
from mdnb.io.recognise.table import Table

__all__ = ["arrow_table", "parquet_table", "workbook_table"]

_MOST_COLUMNS: Final = 1_000


def parquet_table(data: bytes, where: str) -> Table:
    """Return the columns of a Parquet file that others wrote.

    Raises
    ------
    DataImportError
        It is damaged, or has more columns than a table of bars may have.
    """
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        _refuse_wide(file.schema_arrow.names, where)
        held = file.read(use_threads=True)
    except (pa.ArrowException, OSError) as error:
        raise refuse(where, f"it is no sound Parquet file ({error})", "Fetch it again.") from error
    return _made(held, "Parquet")


def arrow_table(data: bytes, where: str) -> Table:
    """Return the columns of a Feather file (of version 2) or an Arrow file or stream.

    Raises
    ------
    DataImportError
        It is damaged, or has more columns than a table of bars may have.
    """
    try:
        opened = pa.ipc.open_file if data.startswith(b"ARROW1") else pa.ipc.open_stream
        with opened(pa.BufferReader(data)) as reader:
            _refuse_wide(reader.schema.names, where)
            held = reader.read_all()
    except (pa.ArrowException, OSError) as error:
        raise refuse(where, f"it is no sound Arrow file ({error})", "Fetch it again.") from error
    return _made(held, "Arrow")


def workbook_table(data: bytes, where: str) -> Table:
    """Return the columns of the first sheet of a workbook; its first row names them.

    Raises
    ------
    MissingExtraError
        openpyxl is not installed.
    DataImportError
        It is damaged or empty.
    """
    if importlib.util.find_spec("openpyxl") is None:
        raise MissingExtraError(f"{where}: a workbook needs openpyxl: pip install 'mdnb[xlsx]'")
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        rows = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
    except Exception as error:  # openpyxl raises what its parts raise
        raise refuse(where, f"it is no sound workbook ({error})", "Save it again.") from error
    rows = [row for row in rows if any(cell is not None for cell in row)]
    if len(rows) < 2:
        raise refuse(where, "its first sheet holds no table", "A sheet of bars is needed.")
    names = ["" if cell is None else str(cell) for cell in rows[0]]
    columns = [_cells(list(column)) for column in zip(*rows[1:], strict=True)]
    return Table(names=tuple(names), columns=tuple(columns), has_header=True, said=("xlsx",))


def _cells(values: list[Any]) -> Any:
    for kind in (None, pa.string()):
        try:
            return pa.array(
                values if kind is None else [None if one is None else str(one) for one in values], kind
            )
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            continue
    raise AssertionError("text holds everything")


def _refuse_wide(names: list[str], where: str) -> None:
    if len(names) > _MOST_COLUMNS:
        problem = f"it has {len(names):,} columns; at most {_MOST_COLUMNS:,} are looked at"
        raise refuse(where, problem, "Write a file with the columns of bars alone.")


def _made(held: Any, kind: str) -> Table:
    held = held.combine_chunks()
    columns = [_plain(column) for column in held.columns]
    names = ["" if name.startswith("__index_level_") else name for name in held.column_names]
    if "" in names:
        # pandas puts its index last.
        at = names.index("")
        names.insert(0, names.pop(at))
        columns.insert(0, columns.pop(at))
    return Table(names=tuple(names), columns=tuple(columns), has_header=True, said=(kind,))


def _plain(column: Any) -> Any:
    held = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(held, pa.ChunkedArray):
        held = pa.concat_arrays(held.chunks) if held.num_chunks else pa.array([], held.type)
    if pa.types.is_dictionary(held.type):
        held = held.dictionary_decode()
    if pa.types.is_large_string(held.type) or pa.types.is_string_view(held.type):
        held = held.cast(pa.string())
    return held.cast(pa.float64()) if pa.types.is_decimal(held.type) else held
