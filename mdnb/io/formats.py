"""File formats by file name: CSV, JSON or Parquet, for reading and writing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from mdnb.errors import OptionError
from mdnb.io.csv import read_csv, write_csv
from mdnb.io.json import read_json, write_json
from mdnb.io.parquet import read_parquet, write_parquet, write_timeframes
from mdnb.store.amendments import Changes

__all__ = ["format_of", "read_bars", "write_bars"]

_FORMATS: Final = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".tsv.gz": "csv",
    ".json": "json",
    ".json.gz": "json",
    ".jsonl": "json",
    ".jsonl.gz": "json",
    ".ndjson": "json",
    ".ndjson.gz": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def format_of(filename: str | os.PathLike[str]) -> str:
    """Return ``"csv"``, ``"json"`` or ``"parquet"``, as the end of ``filename`` says.

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
        A CSV, JSON or Parquet file on this machine.
    timeframe
        Which one to take out of a Parquet file that holds several; what the bars of another file are of. The
        frame's ``attrs["timeframe"]``.

    Raises
    ------
    DataImportError
        As :func:`read_csv`, :func:`read_json` and :func:`read_parquet`.
    """
    kind = format_of(filename)
    if kind == "parquet":
        frame = read_parquet(filename, timeframe=timeframe, **options)
    else:
        frame = (read_csv if kind == "csv" else read_json)(filename, timeframe=timeframe, **options)
    if timeframe is not None:
        frame.attrs["timeframe"] = timeframe
    return frame


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
        A bar frame, or bar frames by timeframe. Several go into one Parquet file only.
    filename
        Where to write.
    changes
        By timeframe, what the bars were before they changed; only Parquet has a place for it.
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
    if isinstance(frames, Mapping):
        if len(frames) != 1:
            raise OptionError(
                f"A {kind.upper()} file holds one timeframe; given: {', '.join(frames) or 'none'}. "
                "Export one of them, or all into a .parquet file."
            )
        frames = next(iter(frames.values()))
    return Path((write_csv if kind == "csv" else write_json)(frames, filename, **options))
