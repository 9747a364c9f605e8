"""The content of a strip at one moment, as a message for the page, as text and as plain HTML."""

from __future__ import annotations

import dataclasses
import html
from typing import Any

from mdnb.widgets.tables.cell_format import DASH
from mdnb.widgets.tables.state import Tone

__all__ = ["Gauge", "StripState", "Tile"]


@dataclasses.dataclass(frozen=True, slots=True)
class Gauge:
    """A bar from 0 to a value, on a scale from -1 to 1, before a band.

    Attributes
    ----------
    value
        Where the bar ends.
    band
        What is nothing out of the ordinary; None for no band.
    """

    value: float
    band: tuple[float, float] | None = None

    def message(self) -> dict[str, Any]:
        """Return the gauge as the page reads it: shares of its width."""
        low, high = self.band or (0.0, 0.0)
        return {"value": _share(self.value), "low": _share(low), "high": _share(high)}


@dataclasses.dataclass(frozen=True, slots=True)
class Tile:
    """One value of a strip, with its name above.

    Attributes
    ----------
    label
        Its name.
    value, tone
        What it says, and how that looks.
    small
        A few words behind it.
    hint
        A sentence shown on hovering, and read out by screen readers where there is a gauge.
    gauge
        Drawn beside the value.
    dot
        Whether a dot of the tone's colour stands before the value.
    """

    label: str
    value: str
    tone: Tone = ""
    small: str = ""
    hint: str = ""
    gauge: Gauge | None = None
    dot: bool = False

    def message(self) -> dict[str, Any]:
        """Return the tile as the page reads it."""
        return {
            "label": self.label,
            "value": self.value,
            "tone": self.tone,
            "small": self.small,
            "hint": self.hint,
            "gauge": self.gauge.message() if self.gauge else None,
            "dot": self.dot,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class StripState:
    """A strip at one moment.

    Examples
    --------
    >>> state = StripState("MNQ · status", (Tile("Latency", "4 ms"), Tile("Gaps", "2", small="1 repaired")))
    >>> print(state.text())
    MNQ · status: Latency 4 ms · Gaps 2 (1 repaired)
    """

    title: str
    tiles: tuple[Tile, ...]

    def message(self) -> dict[str, Any]:
        """Return the state as the page reads it: plain lists, strings and numbers."""
        return {"title": self.title, "tiles": [tile.message() for tile in self.tiles]}

    def text(self) -> str:
        """Return the strip as one line of plain text."""
        told = (
            f"{tile.label} {tile.value or DASH}" + (f" ({tile.small})" if tile.small else "")
            for tile in self.tiles
        )
        return f"{self.title}: {' · '.join(told)}"

    def html(self) -> str:
        """Return the strip as HTML for pages without a kernel: nothing but elements and escaped text.

        Examples
        --------
        >>> StripState("<b>", (Tile("Bars", "12"),)).html()
        '<table><caption>&lt;b&gt;</caption><tr><th scope="col">Bars</th></tr><tr><td>12</td></tr></table>'
        """
        head = "".join(f'<th scope="col">{html.escape(tile.label)}</th>' for tile in self.tiles)
        body = "".join(
            f"<td>{html.escape(tile.value or DASH)}"
            + (f" <small>{html.escape(tile.small)}</small>" if tile.small else "")
            + "</td>"
            for tile in self.tiles
        )
        caption = html.escape(self.title)
        return f"<table><caption>{caption}</caption><tr>{head}</tr><tr>{body}</tr></table>"


def _share(value: float) -> float:
    """Return where a value of -1..1 stands on the scale, 0..1; what is no number stands in the middle."""
    return round((min(1.0, max(-1.0, value)) + 1.0) / 2.0, 4) if value == value else 0.5
