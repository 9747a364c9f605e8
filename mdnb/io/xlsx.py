"""Bars as a workbook: a sheet a timeframe, for those who go on in a spreadsheet.

Times stand as text, ISO 8601 with their offset: a spreadsheet's own are without a zone and not exact.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from mdnb.errors import MissingExtraError, OptionError
from mdnb.io.atomic import atomic_write
from mdnb.io.progress import rows_in_steps
from mdnb.io.rows import check_finite
from mdnb.io.schema import CLOSED_AT, INDEX_NAME, export_columns, plain_attributes

__all__ = ["write_xlsx"]

_MOST_ROWS: Final = 1_048_575  # and the row of names
_STEP_ROWS: Final = 4096


def write_xlsx(frames: pd.DataFrame | Mapping[str, pd.DataFrame], filename: str | os.PathLike[str]) -> Path:
    """Write bars as a workbook, each timeframe as a sheet of its own.

    Numbers are the same float64 when they are read again, an unknown one is an empty cell; texts are texts,
    whatever they begin with. Symbol, zone and source stand in the workbook's properties.

    Parameters
    ----------
    frames
        A bar frame, or bar frames by timeframe; see `mdnb.io.schema.normalise`.
    filename
        Where to write, whole or not at all.

    Raises
    ------
    MissingExtraError
        openpyxl is not installed.
    OptionError
        More bars than a sheet holds, or a frame is not one of bars.
    DataExportError
        The file cannot be written, or a number is infinite; an old file is intact.
    """
    if importlib.util.find_spec("openpyxl") is None:
        raise MissingExtraError(f"{Path(filename).name}: a workbook needs openpyxl: pip install 'mdnb[xlsx]'")
    import openpyxl

    named = frames if isinstance(frames, Mapping) else {str(frames.attrs.get("timeframe", "bars")): frames}
    book = openpyxl.Workbook(write_only=True)
    for name, frame in named.items():
        _write_sheet(book.create_sheet(name), frame, name)
    about = plain_attributes(next(iter(named.values())).attrs)
    book.properties.title = str(about.get("symbol", ""))
    book.properties.creator = "mdnb"
    zone = next(iter(named.values())).index
    book.properties.description = f"zone {getattr(zone, 'tz', '')}, source {about.get('source', 'unknown')}"
    with atomic_write(filename) as file:
        book.save(file)
    return Path(filename).expanduser()


def _write_sheet(sheet: Any, frame: pd.DataFrame, name: str) -> None:
    index, columns = export_columns(frame, None, include_volume=True)
    if len(index) > _MOST_ROWS:
        raise OptionError(
            f"{name} has {len(index):,} bars; a sheet holds {_MOST_ROWS:,}. Export fewer, or into .parquet."
        )
    check_finite(columns)
    sheet.append([_text(sheet, label) for label in (INDEX_NAME, *columns)])
    cells = [[_text(sheet, time.isoformat()) for time in index]]
    for label, values in columns.items():
        if label == CLOSED_AT:
            times = pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(index.tz)
            known = times.notna().tolist()
            texts = [time.isoformat() if known[at] else "" for at, time in enumerate(times)]
            cells.append([_text(sheet, text) if text else None for text in texts])
        elif values.dtype.kind == "f":
            cells.append([_number(sheet, value) for value in values.tolist()])
        elif values.dtype.kind == "O":
            cells.append([_text(sheet, str(value)) for value in values])
        else:
            cells.append(np.asarray(values).tolist())
    rows = list(zip(*cells, strict=True))
    for start, stop in rows_in_steps(len(rows), f"writing the sheet {name}", _STEP_ROWS):
        for row in rows[start:stop]:
            sheet.append(row)


def _number(sheet: Any, value: float) -> Any:
    """Return a cell of a number, every bit of it: openpyxl writes sixteen digits."""
    if math.isnan(value):
        return None
    if float(f"{value:.16g}") == value:
        return value
    return _cell(sheet, repr(value), "n")


def _text(sheet: Any, text: str) -> Any:
    """Return a cell that is text, whatever it begins with: ``=`` would make it a formula."""
    return _cell(sheet, text, "s")


def _cell(sheet: Any, text: str, kind: str) -> Any:
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = kind
    return cell
