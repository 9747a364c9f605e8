"""Trades and quotes as files of any format, with times to the nanosecond; `mdnb.read_ticks` reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mdnb.errors import OptionError
from mdnb.io.atomic import atomic_write
from mdnb.io.formats import format_of
from mdnb.io.parquet_read import METADATA_KEY
from mdnb.io.paths import is_lines, is_tabbed
from mdnb.io.progress import rows_in_steps
from mdnb.io.rows import CHUNK_ROWS, column_text, joined, text_or_file, writing
from mdnb.io.schema import INDEX_NAME

__all__ = ["quotes_table", "trades_table", "write_ticks"]

_SIDES: Final = pa.array(["sell", "", "buy"])
_QUOTED: Final = frozenset({INDEX_NAME, "side"})


def trades_table(rows: np.ndarray, tz: str, about: Mapping[str, object]) -> Any:
    """Return trades, rows of `mdnb.stores.ticks.TICK_DTYPE`, as an Arrow table.

    Its columns are ``timestamp`` (nanoseconds, in the zone), ``price``, ``size``, ``side`` (of the taker;
    empty where unknown), and ``count`` and ``id`` where any trade has one to tell.

    Parameters
    ----------
    tz
        Zone of the times.
    about
        What the file's metadata say of them.

    Examples
    --------
    >>> from mdnb.stores.ticks import TICK_DTYPE
    >>> rows = np.array([(1_772_460_000_123_456_789, 100.25, 2.0, 1, 1, 7, 0)], dtype=TICK_DTYPE)
    >>> trades_table(rows, "UTC", {}).column_names
    ['timestamp', 'price', 'size', 'side', 'id']
    """
    columns: dict[str, Any] = {
        INDEX_NAME: pa.array(rows["ts_ns"]).cast(pa.timestamp("ns", tz)),
        "price": pa.array(rows["price"]),
        "size": pa.array(rows["size"]),
        "side": _SIDES.take(pa.array(rows["side"].astype(np.int8) + 1)),
    }
    if (rows["count"] != 1).any():
        columns["count"] = pa.array(rows["count"])
    if (rows["trade_id"] >= 0).any():
        columns["id"] = pa.array(rows["trade_id"], mask=rows["trade_id"] < 0)
    return _told(pa.table(columns), {"kind": "trades", **about})


def quotes_table(rows: np.ndarray, tz: str, about: Mapping[str, object]) -> Any:
    """Return quotes, rows of `mdnb.stores.ticks.QUOTE_DTYPE`, as an Arrow table; as `trades_table`.

    Its columns are ``timestamp``, ``bid``, ``bid_size``, ``ask`` and ``ask_size``.
    """
    times = pa.array(rows["ts_ns"]).cast(pa.timestamp("ns", tz))
    names = ("bid", "bid_size", "ask", "ask_size")
    table = pa.table({INDEX_NAME: times, **{name: pa.array(rows[name]) for name in names}})
    return _told(table, {"kind": "quotes", **about})


def _told(table: Any, about: Mapping[str, object]) -> Any:
    return table.replace_schema_metadata({METADATA_KEY: json.dumps({"format": 1, **about}).encode()})


def write_ticks(table: Any, filename: str | os.PathLike[str]) -> Path:
    """Write a table of `trades_table` or `quotes_table`, in the format that ``filename`` asks for.

    Text has the times in UTC, as in ``2026-03-02T14:00:00.123456789Z``.

    Raises
    ------
    OptionError
        The ending is not known, or that of a workbook.
    DataExportError
        The file cannot be written; an old file is intact.
    """
    kind = format_of(filename)
    if kind == "xlsx":
        raise OptionError(
            f"{Path(filename).name}: ticks are not written into a workbook. Use .csv, .parquet or .arrow."
        )
    if kind == "parquet":
        with atomic_write(filename) as file:
            pq.write_table(table, file, compression="zstd", write_page_checksum=True)
        return Path(filename).expanduser()
    if kind == "arrow":
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with atomic_write(filename) as file, pa.ipc.new_file(file, table.schema, options=options) as writer:
            writer.write_table(table)
        return Path(filename).expanduser()
    names = table.column_names
    as_lines, sign = is_lines(filename), "\t" if is_tabbed(filename) else ","
    with text_or_file(filename) as (file, result):
        if kind == "csv":
            file.write((sign.join(names) + "\n").encode())
        elif not as_lines:
            file.write(b"[")
        for start, _ in rows_in_steps(len(table), writing(filename), CHUNK_ROWS):
            part = table.slice(start, CHUNK_ROWS)
            if kind == "csv":
                file.write(joined(_line(part, sign), len(part)))
                continue
            text = memoryview(joined(_object(part, "\n" if as_lines else ","), len(part)))
            is_last = start + CHUNK_ROWS >= len(table)
            file.write(text[: len(text) - (is_last and not as_lines)])
        if kind == "json" and not as_lines:
            file.write(b"]")
    return Path(result[0])


def _line(part: Any, sign: str) -> list[Any]:
    pieces: list[Any] = []
    for name in part.column_names:
        pieces += [sign, _texts(part, name, "")]
    return [*pieces[1:], "\n"]


def _object(part: Any, end: str) -> list[Any]:
    pieces: list[Any] = []
    for name in part.column_names:
        around = '"' if name in _QUOTED else ""
        pieces += [f',"{name}":{around}', _texts(part, name, "null"), around]
    return ["{" + str(pieces[0])[1:], *pieces[1:], "}" + end]


def _texts(part: Any, name: str, missing: str) -> Any:
    column = part.column(name).combine_chunks()
    if name == INDEX_NAME:
        wall = column.cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).cast(pa.timestamp("ns"))
        texts = pc.replace_substring(wall.cast(pa.string()), " ", "T")
        return pc.binary_join_element_wise(texts, "Z", "")
    if pa.types.is_floating(column.type):
        return column_text(column.to_numpy(zero_copy_only=False), missing, json.dumps)
    return pc.fill_null(column.cast(pa.string()), missing)
