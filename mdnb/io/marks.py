"""Columns of files that say which bars are no whole ones, or not as they closed: true or false a bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from mdnb.io.notes import Note, note
from mdnb.io.schema import MARKS

__all__ = ["BarMarks", "parse_marks"]

_TEXTS: Final = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False, "": False}


@dataclass(frozen=True)
class BarMarks:
    """What was read of the columns `MARKS`.

    Attributes
    ----------
    values
        bool, shape (n,), by name.
    notes
        Columns of such a name that hold something else.
    """

    values: Mapping[str, np.ndarray]
    notes: list[Note]


def parse_marks(columns: Mapping[str, Any]) -> BarMarks:
    """Return the marks among a file's columns; another program may mean anything by such a name.

    Parameters
    ----------
    columns
        Lists or Arrow arrays by our own names; others than marks are passed over. None where the file has
        a type that holds no marks.

    Examples
    --------
    >>> made = parse_marks({"partial": ["True", "", None], "filled": ["a half"], "close": [1.0]})
    >>> made.values["partial"].tolist(), [one["type"] for one in made.notes]
    ([True, False, False], ['odd_mark'])
    """
    values: dict[str, np.ndarray] = {}
    notes: list[Note] = []
    for name in MARKS:
        if name not in columns:
            continue
        made = _booleans(columns[name])
        if made is None:
            text = f"the column {name!r} does not hold true or false and was not taken for a mark of bars"
            notes.append(note("odd_mark", text))
        else:
            values[name] = made
    return BarMarks(values, notes)


def _booleans(column: Any) -> np.ndarray | None:
    if column is None:
        return None
    if not isinstance(column, list):
        if pa.types.is_boolean(column.type):
            made: np.ndarray = column.fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
            return made
        column = column.to_pylist()
    found = [_TEXTS.get(_text(value)) for value in column]
    return None if None in found else np.array(found, dtype=bool)


def _text(value: object) -> str:
    return "" if value is None else str(value).strip().casefold()
