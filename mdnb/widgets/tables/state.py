"""The content of a table at one moment, as a message for the page, as text and as plain HTML."""

from __future__ import annotations

import dataclasses
import html
from typing import Any, Literal

from mdnb.widgets.tables.cell_format import DASH

__all__ = ["Cell", "Column", "Row", "TableState", "Tone"]

Tone = Literal["", "up", "down", "muted", "warning", "live", "dead", "forming", "edge", "blank"]
"""How a cell or row looks; the style sheet of the page knows each."""

_GAP = "  "


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes
    ----------
    text
        What it says. Feeds' text too: it is set as text on the page and escaped in HTML.
    tone
        How it looks.
    share
        Length of the bar behind the text, 0..1; None for no bar.
    spark
        Points of a small line, 0..100, drawn instead of the text.
    hint
        A few words shown on hovering, and read out by screen readers for a drawing.
    """

    text: str
    tone: Tone = ""
    share: float | None = None
    spark: tuple[int, ...] | None = None
    hint: str = ""

    def message(self) -> str | dict[str, Any]:
        """Return the cell as the page reads it: its text alone where that is all."""
        extra: dict[str, Any] = {}
        if self.tone:
            extra["tone"] = self.tone
        if self.share is not None:
            extra["share"] = round(self.share, 3)
        if self.spark is not None:
            extra["spark"] = list(self.spark)
        if self.hint:
            extra["hint"] = self.hint
        return {"text": self.text, **extra} if extra else self.text


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, and whether it holds numbers, which stand at the right."""

    name: str
    numeric: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """Cells, one for each column, and how the row as a whole looks."""

    cells: tuple[Cell, ...]
    tone: Tone = ""


@dataclasses.dataclass(frozen=True, slots=True)
class TableState:
    """A table at one moment.

    Attributes
    ----------
    title
        Whose table it is.
    facts
        Single values in the head: name and cell.
    badge
        The connection.
    columns, rows
        As they stand on the page.
    heading
        Which column names its row, for screen readers.
    note
        Said below, such as why there are no rows.

    Examples
    --------
    >>> state = TableState(
    ...     "X · trades", (), Cell("live", "live"),
    ...     (Column("Price"), Column("Side", numeric=False)),
    ...     (Row((Cell("100.25"), Cell("▲ buy", "up"))), Row((Cell("99.75"), Cell("▼ sell", "down")))),
    ... )
    >>> print(state.text())
    X · trades  [live]
     Price  Side
    100.25  ▲ buy
     99.75  ▼ sell
    """

    title: str
    facts: tuple[tuple[str, Cell], ...]
    badge: Cell
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    heading: int = 0
    note: str = ""

    def message(self) -> dict[str, Any]:
        """Return the state as the page reads it: plain lists, strings and numbers."""
        return {
            "title": self.title,
            "facts": [[name, cell.message()] for name, cell in self.facts],
            "badge": self.badge.message(),
            "columns": [[column.name, column.numeric] for column in self.columns],
            "rows": [[row.tone, [cell.message() for cell in row.cells]] for row in self.rows],
            "heading": self.heading,
            "note": self.note,
        }

    def _head(self) -> str:
        facts = "".join(f" · {name} {cell.text}" for name, cell in self.facts)
        return f"{self.title}{facts}  [{self.badge.text}]"

    def _shown(self) -> list[Row]:
        return [row for row in self.rows if row.tone != "blank"]

    def text(self) -> str:
        """Return the table as plain text, columns aligned."""
        names = [column.name for column in self.columns]
        lines = [names, *([cell.text for cell in row.cells] for row in self._shown())]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        aligned = [
            _GAP.join(
                f"{text:>{width}}" if column.numeric else f"{text:<{width}}"
                for text, width, column in zip(line, widths, self.columns, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self._head(), *aligned, *([self.note] if self.note else [])])

    def html(self) -> str:
        """Return the table as HTML for pages without a kernel: nothing but elements and escaped text.

        Examples
        --------
        >>> state = TableState("<b>", (), Cell("closed"), (Column("Last"),), (Row((Cell("1"),)),))
        >>> state.html()[:48]
        '<table><caption>&lt;b&gt;  [closed]</caption><th'
        """
        sides = ["right" if column.numeric else "left" for column in self.columns]
        head = "".join(
            f'<th scope="col" style="text-align:{side}">{html.escape(column.name)}</th>'
            for column, side in zip(self.columns, sides, strict=True)
        )
        body = "".join(f"<tr>{self._html_row(row, sides)}</tr>" for row in self._shown())
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        caption = html.escape(self._head())
        return (
            f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>{note}"
        )

    def _html_row(self, row: Row, sides: list[str]) -> str:
        tags = ['th scope="row"' if at == self.heading else "td" for at in range(len(sides))]
        return "".join(
            f'<{tag} style="text-align:{side}">{html.escape(cell.text or DASH)}</{tag[:2]}>'
            for cell, side, tag in zip(row.cells, sides, tags, strict=True)
        )
