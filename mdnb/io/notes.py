"""Messages of imports: which rows are meant, what was corrected, why a file is refused."""

from __future__ import annotations

from typing import Final

import numpy as np

from mdnb.errors import DataImportError

__all__ = ["Note", "in_words", "note", "refuse", "row_list"]

Note = dict[str, object]
"""``type``, ``description``, ``count`` and ``rows`` (the first ten, 1 is the first row of data)."""

_ROWS_SHOWN: Final = 10


def row_list(rows: np.ndarray) -> str:
    """Return the 0-based row numbers ``rows`` as a reader counts them, the first ten.

    Examples
    --------
    >>> row_list(np.array([2, 16])), row_list(np.arange(12))
    ('data rows 3, 17', 'data rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more')
    """
    shown = ", ".join(str(int(row) + 1) for row in rows[:_ROWS_SHOWN])
    more = f" and {len(rows) - _ROWS_SHOWN} more" if len(rows) > _ROWS_SHOWN else ""
    return f"data row{'s' if len(rows) > 1 else ''} {shown}{more}"


def note(kind: str, description: str, rows: np.ndarray | None = None, count: int | None = None) -> Note:
    """Return one note, made of plain values so that a frame's ``attrs`` stay easy to store."""
    first = [] if rows is None else [int(row) + 1 for row in rows[:_ROWS_SHOWN]]
    number = (len(rows) if rows is not None else 0) if count is None else count
    return {"type": kind, "description": description, "count": number, "rows": first}


def in_words(said: Note) -> str:
    """Return a note as a sentence says it: what, how many, and which rows.

    Examples
    --------
    >>> in_words(note("duplicate", "rows that repeat the one before were left out", np.arange(12)))
    'rows that repeat the one before were left out: 12 (data rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more)'
    >>> in_words(note("newest_first", "rows were newest first; sorted", count=30))
    'rows were newest first; sorted'
    """
    rows, count = said["rows"], said["count"]
    assert isinstance(rows, list)
    if not rows:
        return str(said["description"])
    shown = row_list(np.array([*rows, *[0] * (int(str(count)) - len(rows))]) - 1)
    return f"{said['description']}: {count} ({shown})"


def refuse(where: str, problem: str, remedy: str) -> DataImportError:
    """Return the error for a file: which one, what was found, what is needed."""
    return DataImportError(f"{where}: {problem}. {remedy} Nothing was imported.")
