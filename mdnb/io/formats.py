"""File formats by file name: CSV, JSON, Parquet, Arrow or a workbook, for reading and writing."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from mdnb.errors import OptionError
from mdnb.io.arrow import arrow_bars, arrow_bars_of, arrow_timeframes, read_arrow, write_arrow
from mdnb.io.csv import read_csv, write_csv
from mdnb.io.file_bars import FileBars
from mdnb.io.json import read_json, write_json
from mdnb.io.parquet import read_parquet, write_parquet, write_timeframes
from mdnb.io.parquet_read import parquet_bars, parquet_bars_of, parquet_timeframes
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


def read_bars(filename: str | os.PathLike[str], timeframe: str | None = None, **options: Any) -> pd.DataFrame:
    """Read one timeframe from a file, by its ending; ``options`` are those of the format's reader.

    Parameters
    ----------
    filename
        A CSV, JSON, Parquet or Arrow file on this machine.
    timeframe
        Which one to take out of a Parquet file that holds several; what the bars of another file are of. The
        frame's ``attrs["timeframe"]``.

    Raises
    ------
    DataImportError
        As :func:`read_csv`, :func:`read_json` and :func:`read_parquet`.
    """
    kind = format_of(filename)
    if kind == "xlsx":
        raise OptionError(f"{Path(filename).name!r} is a workbook: read it by mdnb.read.")
    if kind in ("parquet", "arrow"):
        read = read_parquet if kind == "parquet" else read_arrow
        frame = read(filename, timeframe=timeframe, **options)
    else:
        frame = (read_csv if kind == "csv" else read_json)(filename, timeframe=timeframe, **options)
    if timeframe is not None:
        frame.attrs["timeframe"] = timeframe
    return frame


def bars_of_timeframes(
    filename: str | os.PathLike[str], wanted: str | Collection[str], **options: Any
) -> dict[str, FileBars]:
    """Return the bars of a Parquet or Arrow file in columns, by timeframe; ``options`` as of its reader.

    Parameters
    ----------
    wanted
        One timeframe, which the file need not name; or several, of which those are given that it names.

    Raises
    ------
    DataImportError
        As `read_bars`.
    """
    of_one, of_several = (
        (arrow_bars, arrow_bars_of) if format_of(filename) == "arrow" else (parquet_bars, parquet_bars_of)
    )
    if isinstance(wanted, str):
        return {wanted: of_one(filename, wanted, **options)}
    return of_several(filename, wanted, **options)


def timeframes_in(filename: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the timeframes that a Parquet or Arrow file names, finest first; of others none.

    Raises
    ------
    DataImportError
        The file cannot be read.
    """
    try:
        kind = format_of(filename)
    except OptionError:
        return ()
    if kind == "parquet":
        found = parquet_timeframes(filename)
    elif kind == "arrow":
        found = arrow_timeframes(filename)
    else:
        found = ()
    return in_order(found)


def write_bars(
    frames: pd.DataFrame | Mapping[str, pd.DataFrame],
    filename: str | os.PathLike[str],
    *,
    changes: Mapping[str, Changes] | None = None,
    **options: Any,
) -> Path:
    """Write one frame, or several by timeframe, in the format that ``filename`` asks for.

    Parameters
    ----------
    frames
        A bar frame, or bar frames by timeframe. Several go into one Parquet or Arrow file, or workbook.
    filename
        Where to write.
    changes
        By timeframe, what the bars were before they changed; Parquet and Arrow have a place for it.
    **options
        Those of the format's writer.

    Raises
    ------
    OptionError
        Several timeframes for a text format, which has no place for them.
    DataExportError
        The file cannot be written; an old file is intact.
    """
    kind = format_of(filename)
    if kind == "parquet":
        if isinstance(frames, Mapping):
            return write_timeframes(frames, filename, changes=changes, **options)
        return write_parquet(frames, filename, **options)
    if kind == "arrow":
        return write_arrow(frames, filename, changes=changes, **options)
    if kind == "xlsx":
        return write_xlsx(frames, filename, **options)
    if isinstance(frames, Mapping):
        if len(frames) != 1:
            raise OptionError(
                f"A {kind.upper()} file holds one timeframe; given: {', '.join(frames) or 'none'}. "
                "Export one of them, or all into a .parquet, .arrow or .xlsx file."
            )
        frames = next(iter(frames.values()))
    return Path((write_csv if kind == "csv" else write_json)(frames, filename, **options))
