"""Whether a file has the form of an export of ours, which the plain readers read quickest and in full."""

from __future__ import annotations

import csv
import gzip
import os
import re
import zlib
from typing import BinaryIO, Final

from mdnb.errors import DataImportError, OptionError
from mdnb.io.formats import format_of
from mdnb.io.recognise.roles import ROLES
from mdnb.io.schema import CONTRACT
from mdnb.io.source import open_plain
from mdnb.io.stacked import SYMBOL, TIMEFRAME

__all__ = ["is_like_an_export", "names_timeframes"]

_LOOKED_AT: Final = 8192
_OURS: Final = "tick_count"  # others do not call it so
_NEEDED: Final = frozenset({"timestamp", "open", "high", "low", "close", _OURS})
# Our own files say in such a column which contract of their one symbol a bar is of.
_SYMBOLS: Final = frozenset(ROLES["symbol"]) - {CONTRACT, SYMBOL}
_TIME: Final = re.compile(r"^\d{4}-\d{2}-\d{2}([T ].*)?$|^-?\d{9,19}(\.\d+)?$")
_NUMBER: Final = re.compile(r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$")


def is_like_an_export(filename: str | os.PathLike[str]) -> bool:
    """Return whether the beginning of a file is what `write_bars` writes: it has a column ``tick_count``.

    Notes
    -----
    One that is damaged counts as one: its reader says what is wrong. Of Parquet the columns decide.
    """
    try:
        kind = format_of(filename)
    except OptionError:
        return False
    if kind == "xlsx":
        return False  # whoever reads workbooks of others reads ours
    try:
        file, path, _ = open_plain(filename)
        with file:
            if kind in ("parquet", "arrow"):
                return _has_columns(file, kind)
            head = _head(file, path.suffix.lower())
    except DataImportError:
        return False
    except (OSError, EOFError, zlib.error):
        return True
    text = head.decode("utf-8", "replace").lstrip("\ufeff\r\n ")
    return _is_json(text) if kind == "json" else _is_table(text)


def names_timeframes(filename: str | os.PathLike[str]) -> bool:
    """Return whether a file may say of which timeframe each of its bars is: one of rows by its beginning."""
    try:
        kind = format_of(filename)
    except OptionError:
        return False
    if kind not in ("csv", "json"):
        return True
    try:
        file, path, _ = open_plain(filename)
        with file:
            return TIMEFRAME.encode() in _head(file, path.suffix.lower())
    except (DataImportError, OSError, EOFError, zlib.error):
        return False


def _head(file: BinaryIO, ending: str) -> bytes:
    if ending == ".gz":
        return gzip.GzipFile(fileobj=file).read(_LOOKED_AT)
    if ending == ".zst":
        import pyarrow as pa

        return bytes(pa.CompressedInputStream(pa.PythonFile(file, "rb"), "zstd").read(_LOOKED_AT))
    return file.read(_LOOKED_AT)


def _has_columns(file: BinaryIO, kind: str) -> bool:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        if kind == "parquet":
            schema = parquet.ParquetFile(file).schema_arrow
        else:
            if file.read(6) != b"ARROW1":
                return False  # a stream, which others write
            file.seek(0)
            schema = pa.ipc.open_file(pa.PythonFile(file, "rb")).schema
        names = {name.casefold() for name in schema.names}
    except (pa.ArrowException, OSError):
        return True
    return names >= _NEEDED


def _is_json(text: str) -> bool:
    if not text:
        return True
    return all(f'"{name}"' in text for name in _NEEDED) and not any(f'"{name}"' in text for name in _SYMBOLS)


def _is_table(text: str) -> bool:
    lines = text.splitlines()
    if not lines:
        return True
    try:
        rows = list(csv.reader(lines[:2], delimiter="\t" if "\t" in lines[0] else ","))
    except csv.Error:
        return False
    names = [name.strip().casefold() for name in rows[0]]
    if not set(names) >= _NEEDED or len(names) > len(set(names)) or _SYMBOLS & set(names):
        return False
    if len(rows) < 2 or len(rows[1]) != len(names):
        return True
    cells = dict(zip(names, rows[1], strict=True))
    return _TIME.match(cells["timestamp"].strip()) is not None and all(
        _NUMBER.match(cells[name]) for name in _NEEDED - {"timestamp"}
    )
