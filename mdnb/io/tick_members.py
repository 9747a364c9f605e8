"""Trades and quotes of a saved market as Parquet: exact, small, and read with the guards of all files.

Other programs read them plainly. Sides are numbers here, for text in a file may be as long as it likes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mdnb.errors import DataImportError
from mdnb.io.member import Member
from mdnb.io.notes import refuse
from mdnb.io.parquet_footer import Footer, read_footer
from mdnb.io.parquet_read import METADATA_KEY, check_rows
from mdnb.io.schema import INDEX_NAME
from mdnb.io.source import open_plain

__all__ = ["read_tick_member", "write_tick_member"]

_TIME: Final = "ts_ns"
_TYPES: Final = {"i8": pa.int64(), "i4": pa.int32(), "i1": pa.int8(), "u1": pa.uint8(), "f8": pa.float64()}
_FREE_CHUNK_BYTES: Final = 4 * 1024**2
_BYTES_A_ROW: Final = 24
_BATCH_ROWS: Final = 65_536
_ROW_GROUP_ROWS: Final = 1_048_576
_SAMPLE_ROWS: Final = 65_536
_GRID_SHARE: Final = 4
_LEVEL: Final = 9


def write_tick_member(file: BinaryIO, rows: np.ndarray, tz: str, about: Mapping[str, object]) -> None:
    """Write rows of `mdnb.store.ticks.TICK_DTYPE` or `QUOTE_DTYPE` into a file that is open.

    Parameters
    ----------
    tz
        Zone of the times, which are in nanoseconds.
    about
        What the file's metadata say of them.

    Examples
    --------
    >>> import io
    >>> from mdnb.store.ticks import TICK_DTYPE
    >>> rows = np.array([(1_772_460_000_123_456_789, 100.25, 2.0, 1, 1, 7, 0)], dtype=TICK_DTYPE)
    >>> write_tick_member(file := io.BytesIO(), rows, "UTC", {"symbol": "MNQ"})
    >>> bool((read_tick_member(Member("x", file.getvalue()), TICK_DTYPE) == rows).all())
    True
    """
    columns: dict[str, Any] = {}
    dictionary: list[str] = []
    encodings: dict[str, str] = {}
    for name in rows.dtype.names or ():
        ours = INDEX_NAME if name == _TIME else name
        values = np.ascontiguousarray(rows[name])
        columns[ours] = pa.array(values)
        if name == _TIME:
            columns[ours] = columns[ours].cast(pa.timestamp("ns", tz))
        sample = values[:_SAMPLE_ROWS]
        if values.dtype.kind == "f" and len(np.unique(sample)) * _GRID_SHARE > len(sample):
            encodings[ours] = "BYTE_STREAM_SPLIT"
        elif values.dtype == np.int64:
            encodings[ours] = "DELTA_BINARY_PACKED"
        else:
            dictionary.append(ours)
    table = pa.table(columns)
    told = json.dumps({"format": 1, **about}).encode()
    pq.write_table(
        table.replace_schema_metadata({METADATA_KEY: told}),
        file,
        row_group_size=_ROW_GROUP_ROWS,
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=dictionary,
        column_encoding=encodings or None,
        write_page_checksum=True,
    )


def read_tick_member(member: Member, dtype: np.dtype[np.void]) -> np.ndarray:
    """Return the rows of a member that `write_tick_member` wrote.

    Raises
    ------
    DataImportError
        It is not sound, is made to fill the memory, or holds something else.
    """
    handle, _, size = open_plain(member)
    with handle:
        try:
            footer = read_footer(handle, size, member.where)
            check_rows(footer, size, member.where)
            file = pq.ParquetFile(handle, page_checksum_verification=True, arrow_extensions_enabled=False)
            return _rows(file, footer, dtype, member.where)
        except DataImportError:
            raise
        except MemoryError as error:
            raise refuse(member.where, "it does not fit into memory", "Fetch the file again.") from error
        except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise refuse(
                member.where, f"it is not a sound Parquet file ({reason})", "Fetch it again."
            ) from error


def _rows(file: Any, footer: Footer, dtype: np.dtype[np.void], where: str) -> np.ndarray:
    ours = {name: INDEX_NAME if name == _TIME else name for name in dtype.names or ()}
    schema = file.schema_arrow
    for name, column in ours.items():
        kind = schema.field(column).type if schema.names.count(column) == 1 else None
        wanted = _TYPES[dtype[name].str[1:]]
        is_time = pa.types.is_timestamp(kind) and kind.unit == "ns" if kind is not None else False
        if kind is None or not (is_time if name == _TIME else kind == wanted):
            shown = "missing" if kind is None else str(kind)[:80]
            raise refuse(where, f"its column {column!r} is {shown}", "It is no member of a saved market.")
        for group in footer.groups:
            stated = group.chunks[column].uncompressed_bytes if column in group.chunks else -1
            if not 0 <= stated <= _FREE_CHUNK_BYTES + _BYTES_A_ROW * group.rows:
                problem = f"{stated:,} bytes for {group.rows:,} values of {column!r}"
                raise refuse(where, problem, "Fetch it again.")
    made = np.empty(footer.rows, dtype=dtype)
    done = 0
    for batch in file.iter_batches(_BATCH_ROWS, columns=list(ours.values())):
        end = done + batch.num_rows
        if end > len(made):
            raise refuse(where, f"it holds more than the {len(made):,} rows it states", "Fetch it again.")
        for name, column in ours.items():
            values = batch.column(column)
            if values.null_count:
                raise refuse(where, f"its column {column!r} has missing values", "Fetch it again.")
            values = values.cast(pa.int64()) if name == _TIME else values
            made[name][done:end] = values.to_numpy(zero_copy_only=False)
        done = end
    if done != len(made):
        raise refuse(where, f"it holds {done:,} rows and states {len(made):,}", "Fetch it again.")
    return made
