"""Trades and quotes of a saved market as Parquet: exact, small, and read with the guards of all files.

Other programs read them plainly. Prices and sizes are decimals, as venues write them: a quarter of the size
of floats. Where a float is no such decimal, to the bit, the column is one of floats. Sides are numbers here,
for text in a file may be as long as it likes.
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
_LEVEL: Final = 15
_DIGITS: Final = 18
_MOST_PLACES: Final = 12
_MOST_EXACT: Final = 2.0**53


def write_tick_member(file: BinaryIO, rows: np.ndarray, tz: str, about: Mapping[str, object]) -> None:
    """Write rows of `mdnb.stores.ticks.TICK_DTYPE` or `QUOTE_DTYPE` into a file that is open.

    Parameters
    ----------
    tz
        Zone of the times, which are in nanoseconds.
    about
        What the file's metadata say of them.

    Examples
    --------
    >>> import io
    >>> from mdnb.stores.ticks import TICK_DTYPE
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
        if values.dtype.kind == "f":
            decimals = _as_decimals(values)
            columns[ours] = columns[ours] if decimals is None else decimals
            encodings[ours] = "PLAIN" if decimals is not None else "BYTE_STREAM_SPLIT"
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
        store_decimal_as_integer=True,
        write_page_checksum=True,
    )


def _as_decimals(values: np.ndarray) -> Any:
    """Return floats as decimals of at most 18 digits that read back to the bit; None where there are none."""
    if not np.isfinite(values).all() or (np.signbit(values) & (values == 0)).any():
        return None
    largest = float(np.abs(values).max(initial=0.0))
    for places in range(_MOST_PLACES + 1):
        if largest * 10**places >= _MOST_EXACT:
            return None
        whole = np.rint(values * 10**places)
        if (whole / 10**places == values).all():
            words = np.zeros((len(values), 2), np.int64)
            words[:, 0] = whole
            words[:, 1] = words[:, 0] >> 63
            kind = pa.decimal128(_DIGITS, places)
            return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(words)])
    return None


def _from_decimals(column: Any) -> np.ndarray:
    words = np.frombuffer(column.buffers()[1], np.int64).reshape(-1, 2)
    whole = words[column.offset : column.offset + len(column), 0]
    # The nearest float to the decimal: both are exact.
    return np.asarray(whole / 10**column.type.scale)


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
    _check_columns(file.schema_arrow, footer, dtype, where)
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
            if pa.types.is_decimal128(values.type):
                made[name][done:end] = _from_decimals(values)
                continue
            values = values.cast(pa.int64()) if name == _TIME else values
            made[name][done:end] = values.to_numpy(zero_copy_only=False)
        done = end
    if done != len(made):
        raise refuse(where, f"it holds {done:,} rows and states {len(made):,}", "Fetch it again.")
    return made


def _check_columns(schema: Any, footer: Footer, dtype: np.dtype[np.void], where: str) -> None:
    """Refuse columns of other types, and those that are larger than the file says."""
    for name in dtype.names or ():
        column = INDEX_NAME if name == _TIME else name
        kind = schema.field(column).type if schema.names.count(column) == 1 else None
        wanted = _TYPES[dtype[name].str[1:]]
        fits = kind == wanted
        if name == _TIME:
            fits = kind is not None and pa.types.is_timestamp(kind) and kind.unit == "ns"
        elif kind is not None and wanted == pa.float64() and pa.types.is_decimal128(kind):
            fits = kind.precision == _DIGITS and 0 <= kind.scale <= _MOST_PLACES
        if not fits:
            shown = "missing" if kind is None else str(kind)[:80]
            raise refuse(where, f"its column {column!r} is {shown}", "It is no member of a saved market.")
        for group in footer.groups:
            stated = group.chunks[column].uncompressed_bytes if column in group.chunks else -1
            if not 0 <= stated <= _FREE_CHUNK_BYTES + _BYTES_A_ROW * group.rows:
                problem = f"{stated:,} bytes for {group.rows:,} values of {column!r}"
                raise refuse(where, problem, "Fetch it again.")
