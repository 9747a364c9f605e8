"""The two layouts of a segment, Arrow IPC and Parquet with zstd, to and from columns, bit by bit.

What is read is checked before it is converted: Arrow does not validate IPC data by itself, and an altered
offset can end the interpreter (https://arrow.apache.org/docs/format/Security.html).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mdnb.stores.columns import BarColumns

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_layout", "cut", "decode", "encode", "join", "rows_between"]

_FIELDS: Final = (
    ("time_us", np.int64),
    ("open", np.float64),
    ("high", np.float64),
    ("low", np.float64),
    ("close", np.float64),
    ("volume", np.float64),
    ("vwap", np.float64),
    ("tick_count", np.int64),
    ("flags", np.uint8),
    ("closed_us", np.int64),
)
_BYTES_A_STORED_ROW: Final = sum(np.dtype(kind).itemsize for _, kind in _FIELDS)
_MOST_COMPRESSED_ROWS: Final = 1_000_000
_FREE_BYTES: Final = 1024**2
_ZSTD_LEVEL: Final = 3


# Columns


def cut(columns: BarColumns, part: slice | NDArray[np.bool_] | NDArray[np.intp]) -> BarColumns:
    """Return some of the rows; views where ``part`` is a slice."""
    parts = {name: getattr(columns, name)[part] for name, _ in _FIELDS}
    return BarColumns(**parts)


def rows_between(columns: BarColumns, start_us: int | None, end_us: int | None) -> slice:
    """Return where the bars are that start in ``[start_us, end_us]``; ``None`` is no bound."""
    times = columns.time_us
    begin = 0 if start_us is None else int(np.searchsorted(times, start_us, side="left"))
    end = len(times) if end_us is None else int(np.searchsorted(times, end_us, side="right"))
    return slice(begin, max(begin, end))


def join(parts: Sequence[BarColumns]) -> BarColumns:
    """Return the rows of all parts, one after the other, copied.

    Examples
    --------
    >>> from mdnb.stores.columns import columns_from_rows
    >>> bar = columns_from_rows([(60_000_000_000, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5)])
    >>> len(join([bar, bar])), len(join([]))
    (2, 0)
    """
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]).astype(kind, copy=False)
        if parts
        else np.empty(0, dtype=kind)
        for name, kind in _FIELDS
    }
    return BarColumns(**joined)


# Writing


def encode(columns: BarColumns, *, compressed: bool) -> Any:
    """Return bars as the bytes of a file, a ``pyarrow.Buffer``."""
    return _to_parquet(columns) if compressed else _to_arrow(columns)


@functools.cache
def _schema() -> Any:
    import pyarrow as pa

    return pa.schema([pa.field(name, pa.from_numpy_dtype(kind), nullable=False) for name, kind in _FIELDS])


def _batch(columns: BarColumns) -> Any:
    import pyarrow as pa

    arrays = [pa.array(np.ascontiguousarray(getattr(columns, name), dtype=kind)) for name, kind in _FIELDS]
    return pa.record_batch(arrays, schema=_schema())


def _to_arrow(columns: BarColumns) -> Any:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, _schema()) as writer:
        writer.write_batch(_batch(columns))
    return sink.getvalue()


def _to_parquet(columns: BarColumns) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    encodings = {name: "BYTE_STREAM_SPLIT" for name, kind in _FIELDS if kind is np.float64}
    encodings |= {"time_us": "DELTA_BINARY_PACKED", "tick_count": "DELTA_BINARY_PACKED"}
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.Table.from_batches([_batch(columns)]),
        sink,
        row_group_size=len(columns),
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        # Not for prices: a dictionary takes every NaN for the same one.
        use_dictionary=["flags"],
        column_encoding=encodings,
        write_statistics=False,
        store_schema=False,
    )
    return sink.getvalue()


# Reading


def check_layout(source: Any, *, rows: int, size: int, compressed: bool) -> None:
    """Look whether ``source`` states the columns and the rows it should hold; nothing is decoded.

    Raises
    ------
    ValueError, OSError, pyarrow.ArrowException
        It does not, or is no such file at all.
    """
    if compressed:
        _open_parquet(source, rows)
    else:
        _first_batch(source, rows, size)


def decode(source: Any, *, rows: int, size: int, compressed: bool) -> BarColumns:
    """Return the bars in a file, as views that must not be written to.

    Parameters
    ----------
    source
        A readable ``pyarrow.NativeFile``.
    rows
        How many bars it has to hold.
    size
        Its length in bytes.
    compressed
        Which layout it is.

    Raises
    ------
    ValueError, OSError, pyarrow.ArrowException
        It holds anything else.
    """
    if compressed:
        found = _open_parquet(source, rows).read(use_threads=False).combine_chunks()
    else:
        found = _first_batch(source, rows, size)
    found.validate(full=True)
    if found.num_rows != rows or any(column.null_count for column in found.columns):
        raise ValueError(f"it does not hold {rows:,} whole rows")
    arrays: dict[str, Any] = {name: _to_numpy(found.column(name)) for name, _ in _FIELDS}
    return BarColumns(**arrays)


def _to_numpy(column: Any) -> Any:
    array = column.chunk(0) if hasattr(column, "chunk") else column
    return array.to_numpy(zero_copy_only=True)


def _first_batch(source: Any, rows: int, size: int) -> Any:
    import pyarrow as pa

    if size < rows * _BYTES_A_STORED_ROW:
        raise ValueError(f"{size:,} bytes cannot hold {rows:,} rows")
    reader = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(use_threads=False))
    _check_schema(reader.schema)
    if reader.num_record_batches != 1:
        raise ValueError(f"it holds {reader.num_record_batches} batches, not one")
    return reader.get_batch(0)


def _open_parquet(source: Any, rows: int) -> Any:
    import pyarrow.parquet as pq

    if rows > _MOST_COMPRESSED_ROWS:
        raise ValueError(f"{rows:,} rows are more than were ever written")
    file = pq.ParquetFile(source, arrow_extensions_enabled=False)
    _check_schema(file.schema_arrow)
    footer = file.metadata
    # A footer's statistics are not touched: reading damaged ones ends the process.
    stated = sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))
    if footer.num_rows != rows:
        raise ValueError(f"it states {footer.num_rows:,} rows, not {rows:,}")
    if not 0 <= stated <= _FREE_BYTES + 2 * _BYTES_A_STORED_ROW * rows:
        raise ValueError(f"it states {stated:,} bytes for {rows:,} rows")
    return file


def _check_schema(found: Any) -> None:
    if not found.equals(_schema(), check_metadata=False):
        given = ", ".join(f"{field.name[:40]} {str(field.type)[:40]}" for field in list(found)[:12])
        raise ValueError(f"its columns are {given}")
