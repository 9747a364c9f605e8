"""File formats by file name: CSV, JSON, Parquet, Arrow or a workbook, for reading and writing."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from mdnb.errors import OptionError
from mdnb.io.arrow import arrow_bars, arrow_bars_of, arrow_timeframes, read_arrow, write_arrow
from mdnb.io.assemble import ColumnNames
from mdnb.io.csv import csv_bars, csv_bars_of, csv_timeframes, read_csv, write_csv
from mdnb.io.file_bars import FileBars
from mdnb.io.json import read_json, write_json
from mdnb.io.json_read import json_bars, json_bars_of, json_timeframes
from mdnb.io.parquet import read_parquet, write_parquet, write_timeframes
from mdnb.io.parquet_read import parquet_bars, parquet_bars_of, parquet_timeframes
from mdnb.io.progress import ProgressOption, reporting
from mdnb.io.read_options import ReadOptions
from mdnb.io.stacked import STACKED, Frames, by_symbol, is_of_symbols, stacked
from mdnb.io.xlsx import write_xlsx
from mdnb.stores.amendments import Changes
from mdnb.timeframes import in_order

__all__ = ["bars_of_timeframes", "format_of", "read_bars", "timeframes_in", "write_bars"]

_PACKED: Final = ("", ".gz", ".zst")
_FORMATS: Final = {
    **{f"{ending}{packed}": "csv" for ending in (".csv", ".tsv") for packed in _PACKED},
    ".txt": "csv",
    **{f"{ending}{packed}": "json" for ending in (".json", ".jsonl", ".ndjson") for packed in _PACKED},
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "arrow",
    ".arrow": "arrow",
    ".xlsx": "xlsx",
}


def format_of(filename: str | os.PathLike[str]) -> str:
    """Return ``"csv"``, ``"json"``, ``"parquet"``, ``"arrow"`` or ``"xlsx"``, as a file's ending says.

    Raises
    ------
    OptionError
        The ending is none of those known.

    Examples
    --------
    >>> format_of("history.csv"), format_of("MNQ_1min.parquet")
    ('csv', 'parquet')
    """
    name = Path(filename).name.lower()
    for ending, kind in _FORMATS.items():
        if name.endswith(ending):
            return kind
    raise OptionError(
        f"{Path(filename).name!r} does not say its format. Known endings: {', '.join(_FORMATS)}."
    )


def _of_text(
    read: Callable[[str | os.PathLike[str], ColumnNames, str | None, ReadOptions], FileBars],
    filename: str | os.PathLike[str],
    timeframe: str | None,
    how: ReadOptions,
) -> FileBars:
    return read(filename, ColumnNames(), timeframe, how)


def read_bars(
    filename: str | os.PathLike[str],
    timeframe: str | None = None,
    *,
    symbol: str | None = None,
    progress: ProgressOption = None,
    **options: Any,
) -> pd.DataFrame:
    """Read one timeframe of a symbol from a file, by its ending; ``options`` are those of its reader.

    Parameters
    ----------
    filename
        A CSV, JSON, Parquet or Arrow file on this machine.
    timeframe
        Which one to take out of a file that holds several; what the bars of another file are of. The frame's
        ``attrs["timeframe"]``.
    symbol
        Which one to take out of a file that holds several.
    progress
        As in `mdnb.read`.

    Raises
    ------
    DataImportError
        As :func:`read_csv`, :func:`read_json` and :func:`read_parquet`.
    """
    kind = format_of(filename)
    if kind == "xlsx":
        raise OptionError(f"{Path(filename).name!r} is a workbook: read it by mdnb.read.")
    read = {"csv": read_csv, "json": read_json, "parquet": read_parquet, "arrow": read_arrow}[kind]
    with reporting(progress):
        frame: pd.DataFrame = read(filename, timeframe=timeframe, symbol=symbol, **options)
    if timeframe is not None:
        frame.attrs["timeframe"] = timeframe
    return frame


_OF_ONE: Final[dict[str, Callable[[str | os.PathLike[str], str | None, ReadOptions], FileBars]]] = {
    "csv": functools.partial(_of_text, csv_bars),
    "json": functools.partial(_of_text, json_bars),
    "parquet": parquet_bars,
    "arrow": arrow_bars,
}
_OF_SEVERAL: Final[
    dict[str, Callable[[str | os.PathLike[str], Collection[str], ReadOptions], dict[str, FileBars]]]
] = {
    "csv": csv_bars_of,
    "json": json_bars_of,
    "parquet": parquet_bars_of,
    "arrow": arrow_bars_of,
}
_TIMEFRAMES: Final[dict[str, Callable[..., tuple[str, ...]]]] = {
    "csv": csv_timeframes,
    "json": json_timeframes,
    "parquet": parquet_timeframes,
    "arrow": arrow_timeframes,
}


def bars_of_timeframes(
    filename: str | os.PathLike[str], wanted: str | Collection[str], how: ReadOptions
) -> dict[str, FileBars]:
    """Return the bars of a file in columns, by timeframe.

    Parameters
    ----------
    wanted
        One timeframe, which the file need not name; or several, of which those are given that it names.

    Raises
    ------
    DataImportError
        As `read_bars`.
    """
    kind = format_of(filename)
    if isinstance(wanted, str):
        return {wanted: _OF_ONE[kind](filename, wanted, how)}
    return _OF_SEVERAL[kind](filename, wanted, how)


def timeframes_in(
    filename: str | os.PathLike[str], *, symbol: str | None = None, prefers: str | None = None
) -> tuple[str, ...]:
    """Return the timeframes that a file names, finest first; of a workbook and of unknown endings none.

    Parameters
    ----------
    symbol, prefers
        Of which symbol, where the file holds several; which is taken where none is asked for.

    Raises
    ------
    DataImportError
        The file cannot be read.
    """
    try:
        kind = format_of(filename)
    except OptionError:
        return ()
    if kind not in _TIMEFRAMES:
        return ()
    return in_order(_TIMEFRAMES[kind](filename, symbol=symbol, prefers=prefers))


def write_bars(
    frames: Frames,
    filename: str | os.PathLike[str],
    *,
    changes: Mapping[str, Changes] | None = None,
    progress: ProgressOption = None,
    **options: Any,
) -> Path:
    """Write one frame, several by timeframe, or these by symbol, in the format that ``filename`` asks for.

    Of several, each row tells of which timeframe it is in a column ``timeframe``, and of several symbols in
    a column ``symbol``, whatever the format; a workbook has a sheet a timeframe.

    Parameters
    ----------
    frames
        A bar frame, bar frames by timeframe, or these by symbol.
    filename
        Where to write.
    changes
        By timeframe, what the bars were before they changed; Parquet and Arrow have a place for it. Of
        several symbols by `mdnb.io.stacked.key_of`.
    progress
        As in `mdnb.read`. What a function raises ends the writing; the old file is intact.
    **options
        Those of the format's writer.

    Raises
    ------
    OptionError
        Several symbols for a workbook, or no frames.
    DataExportError
        The file cannot be written; an old file is intact.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> times = pd.date_range("2026-03-02 09:30", periods=2, freq="1min", tz="America/Chicago")
    >>> bars = pd.DataFrame({"open": 1.5, "high": 2, "low": 1, "close": 2, "volume": 7}, index=times)
    >>> path = write_bars({"1min": bars, "2min": bars[:1]}, pathlib.Path(tempfile.mkdtemp()) / "all.csv")
    >>> path.read_text().splitlines()[0]
    'timestamp,timeframe,open,high,low,close,volume,tick_count'
    >>> len(read_bars(path, "1min")), len(read_bars(path, "2min"))
    (2, 1)
    """
    with reporting(progress):
        return _write(frames, filename, changes, options)


def _write(
    frames: Frames,
    filename: str | os.PathLike[str],
    changes: Mapping[str, Changes] | None,
    options: dict[str, Any],
) -> Path:
    kind = format_of(filename)
    if kind == "parquet":
        if isinstance(frames, Mapping):
            return write_timeframes(frames, filename, changes=changes, **options)
        return write_parquet(frames, filename, **options)
    if kind == "arrow":
        return write_arrow(frames, filename, changes=changes, **options)
    if kind == "xlsx":
        if is_of_symbols(frames):
            raise OptionError(
                f"{Path(filename).name}: a workbook holds one symbol, a sheet a timeframe. Write one of each,"
                " or a file that ends in .parquet, .arrow, .csv or .json."
            )
        return write_xlsx(frames, filename, **options)  # type: ignore[arg-type]
    write = write_csv if kind == "csv" else write_json
    if isinstance(frames, Mapping) and (is_of_symbols(frames) or len(frames) != 1):
        frame = stacked(frames)
        asked, with_volume = options.pop("columns", None), options.pop("include_volume", True)
        names = [name for name in frame.columns if name != "volume" or with_volume]
        if asked is not None:
            names = [name for name in frame.columns if name in STACKED] + list(asked)
        return Path(write(frame, filename, columns=names, **options))
    ((one,),) = (named.values() for named in by_symbol(frames).values())
    return Path(write(one, filename, **options))
