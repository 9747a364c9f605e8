"""`Table`: the columns of a file, before anybody has said what they mean."""

from __future__ import annotations

import dataclasses
from typing import Any

from mdnb.io.notes import Note

__all__ = ["Table"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of one length.

    Attributes
    ----------
    names
        What the file calls each; empty texts where it has no header.
    columns
        Arrays of pyarrow: text, numbers or times.
    has_header
        Whether the file names its columns.
    said
        What it is, in a few words for people: ``CSV``, ``separated by ;``.
    notes
        What was left out of it.
    about
        What the file says of all rows: ``symbol``, ``timeframe``.
    """

    names: tuple[str, ...]
    columns: tuple[Any, ...]
    has_header: bool
    said: tuple[str, ...]
    notes: tuple[Note, ...] = ()
    about: dict[str, str] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def column(self, place: int) -> Any:
        """Return a column in one piece."""
        held = self.columns[place]
        return held.combine_chunks() if hasattr(held, "combine_chunks") else held
