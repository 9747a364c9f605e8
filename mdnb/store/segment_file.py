"""One file of closed bars: written whole or not at all, checked before it is decoded.

Two layouts hold the same columns bit for bit: an Arrow IPC file (as it lies in memory, can be memory-mapped)
and zstd-compressed Parquet.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdnb.errors import DataExportError, DataImportError
from mdnb.store.columns import BarColumns

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ARROW", "PARQUET", "read_bars", "sync_folder", "write_bars"]

ARROW = ".arrow"
PARQUET = ".parquet"

_FLOATS = ("open", "high", "low", "close", "volume", "vwap")
_MOST_ROWS = 50_000_000


def _schema() -> pa.Schema:
    import pyarrow as pa

    floats = [pa.field(name, pa.float64(), nullable=False) for name in _FLOATS]
    return pa.schema(
        [
            pa.field("time_us", pa.int64(), nullable=False),
            *floats,
            pa.field("tick_count", pa.int64(), nullable=False),
            pa.field("flags", pa.uint8(), nullable=False),
        ]
    )


def write_bars(path: Path, columns: BarColumns) -> int:
    """Write bars into a file of the layout its ending names; return its size in bytes.

    Raises
    ------
    DataExportError
        When it cannot be written; nothing half-written is left.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table([getattr(columns, field.name) for field in _schema()], schema=_schema())
    # Readers and the next start take no notice of names with a dot in front.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            if path.suffix == PARQUET:
                pq.write_table(table, file, compression="zstd", use_dictionary=False, write_statistics=False)
            else:
                with pa.ipc.new_file(file, table.schema) as writer:
                    writer.write_table(table)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
        return path.stat().st_size
    except (OSError, pa.ArrowException) as error:
        temporary.unlink(missing_ok=True)
        raise DataExportError(
            f"bars could not be written to {path.parent}: {error}. They stay in memory; free some space, or"
            " give another folder with disk_cache_path."
        ) from error


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_bars(path: Path, *, memory_map: bool = False) -> BarColumns:
    """Read the bars of a file; with ``memory_map`` the columns of an Arrow file are views of it.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    DataImportError
        When it is damaged or not one of ours.
    """
    import pyarrow as pa

    try:
        table = _parquet(path) if path.suffix == PARQUET else _arrow(path, memory_map=memory_map)
        # A damaged file could crash the interpreter when it is decoded without this.
        table.validate(full=True)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException, ValueError, EOFError) as error:
        raise DataImportError(f"{path.name} is damaged and left out: {error}") from error
    return BarColumns.of([_numpy(table[name]) for name in table.column_names])


def _check(path: Path, schema: pa.Schema, rows: int) -> None:
    if not schema.remove_metadata().equals(_schema()) or not 0 <= rows <= _MOST_ROWS:
        raise DataImportError(f"{path.name} is no file of bars and left out")


def _arrow(path: Path, *, memory_map: bool) -> Any:
    import pyarrow as pa

    source = pa.memory_map(str(path)) if memory_map else pa.OSFile(str(path))
    reader = pa.ipc.open_file(source)
    _check(path, reader.schema, 0)
    table = reader.read_all()
    _check(path, reader.schema, table.num_rows)
    return table


def _parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        reader = pq.ParquetFile(file)
        _check(path, reader.schema_arrow, reader.metadata.num_rows)
        return reader.read(use_threads=False)


def _numpy(column: Any) -> np.ndarray:
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if hasattr(array, "num_chunks"):
        array = array.chunk(0)
    made: np.ndarray = array.to_numpy(zero_copy_only=False)
    return made
