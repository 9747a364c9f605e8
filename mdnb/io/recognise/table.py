"""`Table`: the columns of a file, before anybody has said what they mean."""

from __future__ import annotations

import dataclasses
from typing import Any

import pyarrow as pa

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
    commas_are_free
        Whether a comma may stand inside a number: of text whose cells are separated otherwise, or quoted.
    """

    names: tuple[str, ...]
    columns: tuple[Any, ...]
    has_header: bool
    said: tuple[str, ...]
    notes: tuple[Note, ...] = ()
    about: dict[str, str] = dataclasses.field(default_factory=dict)
    commas_are_free: bool = False

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def column(self, place: int) -> Any:
        """Return a column in one piece."""
        held = self.columns[place]
        if not isinstance(held, pa.ChunkedArray):
            return held
        made = held.combine_chunks()
        return made.chunk(0) if isinstance(made, pa.ChunkedArray) else made

    def where(self, mask: Any) -> Table:
        """Return the rows where ``mask``, an array of pyarrow, is true."""
        kept = tuple(self.column(place).filter(mask) for place in range(len(self.columns)))
        return dataclasses.replace(self, columns=kept)

    def name_of(self, place: int) -> str:
        """Return what a column is called, or its place."""
        return self.names[place] or f"column {place}"
