"""Bars as Parquet: small, fast, exact, with the zone; one timeframe a file, or all of them in one.

Encodings are chosen for bars, which halves both the time and the size against the writer's defaults: times
and counts as differences, prices as the bytes of their floats side by side. The faster, weaker codecs do
not profit from that; there, columns on a price grid are stored as a dictionary.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mdnb.errors import DataExportError, OptionError, suggest
from mdnb.io.atomic import atomic_write
from mdnb.io.change_log import CHANGES_KEY, changes_text
from mdnb.io.contract_names import runs_of_contracts
from mdnb.io.parquet_read import METADATA_KEY, TIMEFRAME_COLUMN, read_parquet, read_timeframes
from mdnb.io.paths import local_path
from mdnb.io.progress import rows_in_steps
from mdnb.io.schema import (
    CLOSED_AT,
    COLUMNS,
    CONTRACT,
    INDEX_NAME,
    MARKS,
    NOT_A_TIME,
    normalise,
    plain_attributes,
    version,
)
from mdnb.io.stacked import STACKED, SYMBOL, Frames, by_symbol, is_of_symbols
from mdnb.stores.amendments import Changes

__all__ = [
    "frames_schema",
    "frames_tables",
    "read_parquet",
    "read_timeframes",
    "write_parquet",
    "write_timeframes",
    "write_timeframes_into",
]

_COMPRESSIONS: Final = ("snappy", "zstd", "gzip", "brotli", "lz4", "none")
_STRONG: Final = frozenset({"zstd", "gzip", "brotli"})
_ROW_GROUP_ROWS: Final = 131_072
_SAMPLE_ROWS: Final = 65_536
_GRID_SHARE: Final = 8  # a column with at most one distinct value in 8 rows is worth a dictionary
_LONGEST_TIMEFRAME: Final = 32
_MOST_TIMEFRAMES: Final = 127
_MOST_SYMBOLS: Final = 127


def write_parquet(
    frame: pd.DataFrame,
    filename: str | os.PathLike[str],
    *,
    compression: str = "snappy",
    changes: Changes | None = None,
) -> Path:
    """Write bars of one timeframe as Parquet; ``pandas.read_parquet`` gives the same frame back.

    Parameters
    ----------
    frame
        A bar frame; see :func:`mdnb.io.schema.normalise`. Symbol, timeframe, source and whether the last
        bar is forming go along as metadata, nothing else of ``attrs``.
    filename
        Where to write, whole or not at all.
    compression
        ``"snappy"`` (default), ``"zstd"`` (recommended: half the size at the same speed), ``"gzip"``,
        ``"brotli"``, ``"lz4"`` or ``"none"``.
    changes
        What the bars were before they changed. They stand in the file's metadata, which other readers pass
        over.

    Returns
    -------
    pathlib.Path
        The path that was written.

    Raises
    ------
    OptionError
        The compression is unknown, or the frame is not one of bars.
    DataExportError
        The file cannot be written; an old file is intact.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> times = pd.date_range("2026-03-02 09:30", periods=2, freq="1min", tz="America/Chicago")
    >>> bars = pd.DataFrame({"open": 1.5, "high": 2, "low": 1, "close": 2, "volume": 7}, index=times)
    >>> path = write_parquet(bars, pathlib.Path(tempfile.mkdtemp()) / "bars.parquet")
    >>> pd.read_parquet(path).index.dtype
    datetime64[us, America/Chicago]
    """
    schema, bars = frames_schema(frame)
    told = None if changes is None else {"": changes}
    return _write(filename, schema, frames_tables(bars, schema), bars["", ""], compression, told)


def write_timeframes(
    frames: Mapping[str, pd.DataFrame] | Mapping[str, Mapping[str, pd.DataFrame]],
    filename: str | os.PathLike[str],
    *,
    compression: str = "snappy",
    symbol: str | None = None,
    changes: Mapping[str, Changes] | None = None,
) -> Path:
    """Write several timeframes into one Parquet file, of one symbol or of several.

    The rows of all timeframes stand one after the other, told apart by a column ``timeframe``, so that
    pandas, polars and DuckDB read the file plainly::

        bars = pandas.read_parquet("mnq.parquet")
        bars[bars.timeframe == "5min"]

    Each timeframe has row groups of its own, so reading one of them reads no other. Of several symbols a
    column ``symbol`` tells the rows apart.

    Parameters
    ----------
    frames
        Bar frames by timeframe, or these by symbol, in the order to store them, all of one zone.
    filename, compression
        As in :func:`write_parquet`.
    symbol
        Whose bars they are; by default what the frames' ``attrs`` say.
    changes
        By timeframe, as in :func:`write_parquet`; of several symbols by `mdnb.io.stacked.key_of`.

    Raises
    ------
    OptionError
        No frames, frames of different zones, an unfit name, or as :func:`write_parquet`.
    DataExportError
        The file cannot be written; an old file is intact.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> times = pd.date_range("2026-03-02 09:30", periods=2, freq="1min", tz="America/Chicago")
    >>> bars = pd.DataFrame({"open": 1.5, "high": 2, "low": 1, "close": 2, "volume": 7}, index=times)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "all.parquet"
    >>> _ = write_timeframes({"1min": bars, "5min": bars[:1]}, path)
    >>> {name: len(frame) for name, frame in read_timeframes(path).items()}
    {'1min': 2, '5min': 1}
    """
    schema, bars = frames_schema(frames, symbol)
    longest = max(bars.values(), key=len)
    return _write(filename, schema, frames_tables(bars, schema), longest, compression, changes)


def write_timeframes_into(
    file: BinaryIO, frames: Mapping[str, pd.DataFrame], *, changes: Mapping[str, Changes] | None = None
) -> None:
    """Write several timeframes of one symbol into a file that is open, with zstd; else as `write_timeframes`.

    Raises
    ------
    OptionError
        As `write_timeframes`.
    """
    schema, bars = frames_schema(frames)
    _write_into(file, schema, frames_tables(bars, schema), max(bars.values(), key=len), "zstd", changes)


def frames_schema(
    frames: Frames, symbol: str | None = None
) -> tuple[Any, dict[tuple[str, str], pd.DataFrame]]:
    """Return the Arrow schema of frames, and these as bar frames by symbol and timeframe.

    Of frames that are not given by symbol the symbol is ``""``, of one frame the timeframe, too. The schema's
    metadata tell pandas and mdnb what they need to know.

    Raises
    ------
    OptionError
        As `write_timeframes`.
    """
    if isinstance(frames, pd.DataFrame):
        one = normalise(frames)
        told = {"format": 1, "mdnb": version(), **plain_attributes(one.attrs), **_contracts(one)}
        return _schema(one.iloc[:0], told), {("", ""): one}
    held = by_symbol(frames)
    several = is_of_symbols(frames)
    bars = {
        (name, _timeframe(timeframe)): normalise(frame)
        for name, named in held.items()
        for timeframe, frame in named.items()
    }
    if not bars or any(len(named) > _MOST_TIMEFRAMES for named in held.values()):
        raise OptionError(f"{len(bars)} timeframes given; a file holds 1 to {_MOST_TIMEFRAMES}.")
    if len(held) > _MOST_SYMBOLS:
        raise OptionError(f"{len(held):,} symbols given; a file holds up to {_MOST_SYMBOLS}. Give a folder.")
    zones = {str(frame.index.dtype) for frame in bars.values()}
    if len(zones) > 1:
        raise OptionError(
            f"The frames are of different zones: {', '.join(sorted(zones))}. Convert them to one."
        )
    symbols = {frame.attrs["symbol"] for frame in bars.values() if "symbol" in frame.attrs}
    if symbol is None and len(symbols) > 1 and not several:
        raise OptionError(f"The frames are of several symbols: {', '.join(sorted(map(str, symbols)))}.")
    marks = [name for name in MARKS if any(name in frame for frame in bars.values())]
    described: dict[str, dict[str, object]] = {name: {} for name in held}
    for (name, timeframe), frame in bars.items():
        described[name][timeframe] = {
            "rows": len(frame),
            **{column: column in frame for column in ("vwap", CLOSED_AT, *marks)},
            **_own_attributes(frame),
            **_contracts(frame),
        }
    about: dict[str, object] = {"format": 1, "mdnb": version()}
    named_by = {TIMEFRAME_COLUMN: [timeframe for _, timeframe in bars]}
    if several:
        about["symbols"] = described
        named_by = {SYMBOL: list(held), **named_by}
    else:
        about |= plain_attributes({"symbol": symbol if symbol is not None else next(iter(symbols), None)})
        about["timeframes"] = described[""]
    return _schema(_sample(bars, marks, named_by), about), bars


def _sample(
    bars: Mapping[tuple[str, str], pd.DataFrame], marks: Sequence[str], named_by: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return a frame without rows that has the columns of all frames."""
    sample = next(iter(bars.values())).iloc[:0][list(COLUMNS)]
    if any("vwap" in frame for frame in bars.values()):
        sample = sample.assign(vwap=np.empty(0))
    sample = sample.assign(**{name: np.empty(0, bool) for name in marks})
    if any(CONTRACT in frame for frame in bars.values()):
        sample[CONTRACT] = pd.Series([], index=sample.index, dtype="str")
    if any(CLOSED_AT in frame for frame in bars.values()):
        sample[CLOSED_AT] = sample.index
    for at, (column, names) in enumerate(named_by.items()):
        kind = pd.Categorical([], categories=list(dict.fromkeys(names)))
        sample.insert(at, column, pd.Series(kind, index=sample.index))
    return sample


def frames_tables(bars: Mapping[tuple[str, str], pd.DataFrame], schema: Any) -> Iterator[Any]:
    """Yield an Arrow table of each bar frame, with the columns that the schema of all has."""
    return (_table(frame, schema, *names) for names, frame in bars.items())


def _timeframe(name: str) -> str:
    if not 0 < len(name) <= _LONGEST_TIMEFRAME or not name.isprintable():
        raise OptionError(f"{name!r} cannot name a timeframe; give a name such as '5min'.")
    return name


def _own_attributes(frame: pd.DataFrame) -> dict[str, object]:
    plain = plain_attributes(frame.attrs)
    return {name: plain[name] for name in ("forming", "source") if name in plain}


def _contracts(bars: pd.DataFrame) -> dict[str, object]:
    # The column is for others: our reader decodes no text.
    runs = runs_of_contracts(bars)
    return {"contracts": runs} if runs else {}


def _schema(sample: pd.DataFrame, about: Mapping[str, object]) -> Any:
    """Return the Arrow schema of a frame, time first, with what pandas and mdnb need to know about it."""
    sample = sample.copy()
    sample.attrs = {}
    try:
        given = pa.Schema.from_pandas(sample, preserve_index=True)
    except (ValueError, pa.ArrowException) as error:
        raise OptionError(
            f"Parquet cannot hold {sample.index.dtype} ({error}). Convert the frame with tz_convert()."
        ) from error
    order = [INDEX_NAME, *sample.columns]
    # pandas puts these back into the attrs of the frame that pandas.read_parquet returns.
    attributes = json.dumps(plain_attributes(about)).encode()
    described = {**given.metadata, b"PANDAS_ATTRS": attributes, METADATA_KEY: json.dumps(about).encode()}
    return pa.schema([given.field(name) for name in order], metadata=described)


def _table(frame: pd.DataFrame, schema: Any, symbol: str, timeframe: str) -> Any:
    texts = {SYMBOL: symbol, TIMEFRAME_COLUMN: timeframe}
    arrays = []
    for field in schema:
        if field.name == INDEX_NAME:
            array = pa.array(pd.DatetimeIndex(frame.index).asi8).cast(field.type)
        elif field.name in texts:
            # Arrow's own dictionary of one entry; the file's row groups then tell what they are of.
            codes = pa.array(np.zeros(len(frame), np.int8))
            words = pa.array([texts[field.name]], field.type.value_type)
            array = pa.DictionaryArray.from_arrays(codes, words)
        elif field.name == CLOSED_AT:
            array = _closings(frame, field.type)
        elif field.name == CONTRACT:
            names = frame[CONTRACT] if CONTRACT in frame.columns else [""] * len(frame)
            array = pa.array(names, pa.string())
        elif field.name in frame.columns:
            array = pa.array(frame[field.name].to_numpy())
        elif field.name in MARKS:
            array = pa.array(np.zeros(len(frame), bool))
        else:
            array = pa.array(np.full(len(frame), np.nan))
        arrays.append(array.cast(field.type) if array.type != field.type else array)
    return pa.Table.from_arrays(arrays, schema=schema)


def _closings(frame: pd.DataFrame, kind: Any) -> Any:
    if CLOSED_AT not in frame.columns:
        return pa.nulls(len(frame), kind)
    instants = pd.DatetimeIndex(frame[CLOSED_AT]).asi8
    return pa.array(instants, mask=instants == NOT_A_TIME).cast(kind)


def _encodings(bars: pd.DataFrame, compression: str) -> tuple[list[str], dict[str, str]]:
    """Return the columns worth a dictionary, and the encoding of each other one."""
    dictionary = [*STACKED, CONTRACT]
    encodings = {INDEX_NAME: "DELTA_BINARY_PACKED", CLOSED_AT: "DELTA_BINARY_PACKED"}
    encodings |= dict.fromkeys(MARKS, "PLAIN")
    for name in bars.columns.difference([CLOSED_AT, CONTRACT, *MARKS], sort=False):
        sample = bars[name].to_numpy()[:_SAMPLE_ROWS]
        grid = len(pd.unique(sample)) * _GRID_SHARE <= len(sample)
        if grid and (name in ("volume", "tick_count") or compression not in _STRONG):
            dictionary.append(name)
        else:
            encodings[name] = "BYTE_STREAM_SPLIT"
    return dictionary, encodings


def _write(
    filename: str | os.PathLike[str],
    schema: Any,
    tables: Iterator[Any],
    sample: pd.DataFrame,
    compression: str,
    changes: Mapping[str, Changes] | None,
) -> Path:
    if compression not in _COMPRESSIONS:
        raise OptionError(
            f"compression={compression!r} is not known. {suggest(str(compression), _COMPRESSIONS)}"
        )
    try:
        path = local_path(filename)
    except OptionError as error:
        raise DataExportError(str(error)) from error
    with atomic_write(path) as file:
        _write_into(file, schema, tables, sample, compression, changes, f"writing {path.name}")
    return path


def _write_into(
    file: BinaryIO,
    schema: Any,
    tables: Iterator[Any],
    sample: pd.DataFrame,
    compression: str,
    changes: Mapping[str, Changes] | None,
    text: str = "writing",
) -> None:
    dictionary, encodings = _encodings(sample, compression)
    names = set(schema.names)
    for missing in names - set(encodings) - set(dictionary):  # vwap, where the longest frame has none
        encodings[missing] = "BYTE_STREAM_SPLIT"
    with pq.ParquetWriter(
        file,
        schema,
        compression=compression,
        use_dictionary=[name for name in dictionary if name in names],
        column_encoding={name: encoding for name, encoding in encodings.items() if name in names},
        write_page_checksum=True,
    ) as writer:
        for table in tables:
            for start, stop in rows_in_steps(table.num_rows, text, _ROW_GROUP_ROWS):
                writer.write_table(table.slice(start, stop - start))
        if changes is not None:
            # Not into the schema, of which Arrow would write a second copy.
            writer.add_key_value_metadata({CHANGES_KEY.decode(): changes_text(changes)})
