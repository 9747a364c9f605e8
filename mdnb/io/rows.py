"""Rows of text from columns: shared by the CSV and the JSON writer.

Hot path: a million bars are seven million numbers. Each column is turned into text by Arrow, each number of
a price grid only once, and one call joins a row's pieces, separators included; the joined buffer goes to
the file as it is. Guarded by ``tests/benchmarks/io_bench.py``.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import DataExportError, OptionError
from mdnb.io.atomic import atomic_write
from mdnb.io.paths import local_path
from mdnb.io.progress import rows_in_steps
from mdnb.io.times import TimeText, rounded_up, time_text

__all__ = [
    "CHUNK_ROWS",
    "check_finite",
    "chunks",
    "column_text",
    "column_texts",
    "joined",
    "text_or_file",
    "writing",
]

CHUNK_ROWS: Final = 65_536
_SAMPLE: Final = 512


def check_finite(columns: Mapping[str, np.ndarray]) -> None:
    """Raise DataExportError where a number is infinite: no text format gives it back everywhere."""
    for name, values in columns.items():
        if values.dtype.kind == "f" and np.isinf(values).any():
            row = int(np.flatnonzero(np.isinf(values))[0])
            raise DataExportError(f"The column {name!r} is infinite in row {row + 1}. Nothing was written.")


def column_text(values: np.ndarray, missing: str, quote: Callable[[str], str]) -> Any:
    """Return a column as text: the shortest that reads back as the same number.

    Parameters
    ----------
    values
        float64, int64 or text (object).
    missing
        What stands for ``nan``.
    quote
        Makes a text safe for the format.

    Returns
    -------
    pyarrow.StringArray

    Examples
    --------
    >>> column_text(np.array([20000.25, 1.0, -0.0, np.nan]), "null", repr).to_pylist()
    ['20000.25', '1', '-0.0', 'null']
    """
    if values.dtype.kind == "i":
        return pa.array(values).cast(pa.string())
    if values.dtype.kind == "O":
        texts = pa.array(values, pa.string()).dictionary_encode()
        return pa.array([quote(text) for text in texts.dictionary.to_pylist()], pa.string()).take(
            texts.indices
        )
    numbers = pa.array(values)
    head = values[:_SAMPLE]
    if 2 * len(np.unique(head)) <= len(head):  # a grid: format each number once
        encoded = numbers.dictionary_encode()
        texts = encoded.dictionary.cast(pa.string()).take(encoded.indices)
    else:
        texts = numbers.cast(pa.string())
    if not values.all() and (np.signbit(values) & (values == 0)).any():
        # "-0" is the integer 0 to many readers, which loses the sign.
        texts = pc.if_else(pa.array(np.signbit(values) & (values == 0)), "-0.0", texts)
    unknown = np.isnan(values)
    return pc.if_else(pa.array(unknown), missing, texts) if unknown.any() else texts


def column_texts(
    columns: Mapping[str, np.ndarray],
    index: pd.DatetimeIndex,
    date_format: str,
    *,
    missing: str,
    quote: Callable[[str], str],
    around: str,
) -> dict[str, TimeText]:
    """Return what makes text of stretches of each column.

    Parameters
    ----------
    columns
        As `column_text` takes them, or UTC instants (``datetime64[us]``).
    index, date_format
        The bars' times and their format, in which further times are written too.
    missing, quote
        As for `column_text`; ``missing`` stands for ``NaT`` too.
    around
        What stands before and behind a time.
    """

    def texts_of(values: np.ndarray) -> TimeText:
        if values.dtype.kind == "M":
            return _further_times(values, index, date_format, missing, around)
        return lambda start, stop: column_text(values[start:stop], missing, quote)

    return {name: texts_of(values) for name, values in columns.items()}


def _further_times(
    instants: np.ndarray, index: pd.DatetimeIndex, date_format: str, missing: str, around: str
) -> TimeText:
    unknown = np.isnat(instants)
    # Any time that the column has stands in: a far one would make the tables of texts long.
    stand_in = instants[~unknown][:1] if not unknown.all() else np.zeros(1, instants.dtype)
    given = np.where(unknown, stand_in, instants) if unknown.any() else instants
    local = pd.DatetimeIndex(given).tz_localize("UTC").tz_convert(index.tz)
    # Nothing is known before its time, also where the format tells no fractions.
    times = time_text(rounded_up(local, date_format), date_format)

    def texts(start: int, stop: int) -> Any:
        made = times(start, stop)
        if around:
            made = pc.binary_join_element_wise(around, made, around, "")
        part = unknown[start:stop]
        return pc.if_else(pa.array(part), missing, made) if part.any() else made

    return texts


def joined(pieces: Sequence[Any], count: int) -> pa.Buffer:
    """Return the text of ``count`` rows, one after the other, as bytes.

    Parameters
    ----------
    pieces
        String arrays of ``count`` texts, and plain strings that stand in every row.
    """
    if count == 0:
        return pa.py_buffer(b"")
    texts = pc.binary_join_element_wise(*pieces, "")
    return texts.buffers()[2]


@contextlib.contextmanager
def text_or_file(filename: str | os.PathLike[str] | None) -> Iterator[tuple[BinaryIO, list[str | Path]]]:
    """Yield where to write, and a list that holds the result afterwards: the text, or the path.

    A name that ends in ``.gz`` is packed with gzip, one that ends in ``.zst`` with zstd.
    """
    result: list[str | Path] = []
    if filename is None:
        memory = io.BytesIO()
        yield memory, result
        result.append(memory.getvalue().decode())
        return
    try:
        path = local_path(filename)
    except OptionError as error:
        raise DataExportError(str(error)) from error
    with atomic_write(path) as file:
        if path.suffix.lower() == ".gz":
            # No name and no time inside: the same bars give the same file.
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed:
                yield packed, result  # type: ignore[misc]  # a GzipFile is a binary file in all but name
        elif path.suffix.lower() == ".zst":
            with pa.CompressedOutputStream(pa.PythonFile(_LeftOpen(file), "wb"), "zstd") as packed:
                yield packed, result
        else:
            yield file, result
    result.append(path)


class _LeftOpen:
    """A file that pyarrow does not close with the stream that it writes into it."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Whoever opened it does that."""


def chunks(index: pd.DatetimeIndex, text: str) -> Iterator[tuple[int, int]]:
    """Yield the stretches of rows that are written at once; what is held in memory stays bounded.

    Parameters
    ----------
    text
        What is told to who wants to know how far it is.
    """
    return rows_in_steps(len(index), text, CHUNK_ROWS)


def writing(filename: str | os.PathLike[str] | None) -> str:
    """Return what is told while a file is written."""
    return "writing" if filename is None else f"writing {Path(filename).name}"
