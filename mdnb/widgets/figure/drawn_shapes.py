"""Users' drawings as plotly shapes: names, geometry and colours."""

from __future__ import annotations

import html
import secrets
from collections.abc import Mapping
from typing import Any

from mdnb.widgets.figure.plotly_private import layout_of
from mdnb.widgets.page.theme import Theme, contrast_text, theme_of, with_alpha

__all__ = [
    "DRAWN",
    "FIBONACCI",
    "KINDS",
    "LONGEST_TEXT",
    "drawing_colours",
    "drawn_shapes",
    "has_times",
    "is_drawn",
    "kind_of",
    "made_shape",
    "other_shapes",
    "recolour_drawn",
    "words_of",
]

DRAWN = "mdnb-draw"
"""What the names of drawn shapes begin with; every other shape is the user's own affair."""

KINDS = ("line", "vertical", "trend", "ray", "rect", "fibonacci", "measure", "text")
"""What can be drawn; the name of a shape says which it is."""
FIBONACCI = (0.0, 0.236, 0.382, 0.5, 0.618, 0.786, 1.0)
"""Shares of the way that Fibonacci's lines stand at: 0 where it ends, 1 where it begins."""
LONGEST_TEXT = 200

_PALE = 0.12
_TEXT_SIZE = 13  # as in drawn_shapes.js


def is_drawn(name: str | None) -> bool:
    """Return whether a shape of that name was drawn with the chart's tools."""
    return bool(name) and str(name).startswith(DRAWN)


def drawn_shapes(figure: Any) -> list[dict[str, Any]]:
    """Return the shapes of a figure that were drawn."""
    return [shape for shape in layout_of(figure).get("shapes") or () if is_drawn(shape.get("name"))]


def other_shapes(figure: Any) -> list[dict[str, Any]]:
    """Return the shapes of a figure that were not drawn."""
    return [shape for shape in layout_of(figure).get("shapes") or () if not is_drawn(shape.get("name"))]


def kind_of(shape: Mapping[str, Any]) -> str:
    """Return what kind a drawing is."""
    said = str(shape["name"]).removeprefix(DRAWN).lstrip("-").split("-", 1)[0]
    if said in KINDS:
        return said
    return "rect" if shape.get("type") == "rect" else "line"


def has_times(shape: Mapping[str, Any]) -> bool:
    """Return whether a drawing has times, by which it is carried to other timeframes."""
    return kind_of(shape) != "line"


def words_of(shape: Mapping[str, Any]) -> str:
    """Return what a drawn text says."""
    return html.unescape(str((shape.get("label") or {}).get("text") or ""))


def made_shape(
    kind: str,
    sides: tuple[float, float],
    prices: tuple[float, float],
    theme: Theme,
    *,
    text: str = "",
    name: str = "",
) -> dict[str, Any]:
    """Return a drawing.

    Parameters
    ----------
    kind
        One of `KINDS`.
    sides
        Ordinals of bars; of a horizontal line they mean nothing.
    prices
        Those that belong to the sides; of a vertical line they mean nothing.
    text
        What a text says.
    name
        Where it has one already.
    """
    (x0, x1), (y0, y1) = sides, prices
    made: dict[str, Any] = {
        "type": "rect" if kind in {"rect", "measure", "text"} else "line",
        "name": name or f"{DRAWN}-{kind}-{secrets.token_hex(4)}",
        **({"xref": "paper", "x0": 0, "x1": 1} if kind == "line" else {"xref": "x", "x0": x0, "x1": x1}),
        **({"yref": "paper", "y0": 0, "y1": 1} if kind == "vertical" else {"yref": "y", "y0": y0, "y1": y1}),
        "line": {"color": theme.drawn, "width": 1.5},
    }
    if kind in {"rect", "measure"}:
        made["line"]["width"] = 1
        made |= {"fillcolor": with_alpha(theme.drawn, _PALE), "layer": "below"}
    elif kind == "fibonacci":
        made["line"] |= {"width": 1, "dash": "dot"}
    elif kind == "text":
        made["line"]["width"] = 0
        made["label"] = {
            "textposition": "middle left",
            "textangle": 0,
            "padding": 0,
            "font": {"color": theme.drawn, "size": _TEXT_SIZE},
            # Plotly takes texts for a kind of HTML.
            "text": html.escape(text[:LONGEST_TEXT], quote=False),
        }
    return made


def drawing_colours(theme: Theme) -> dict[str, str]:
    """Return the colours of what is drawn: its lines, and what a rectangle is filled with."""
    return {
        "drawn": theme.drawn,
        "drawn_fill": with_alpha(theme.drawn, _PALE),
        "drawn_text": contrast_text(theme.drawn),
    }


def recolour_drawn(figure: Any, theme: Theme) -> None:
    """Give what was drawn a theme's colours, except where the user chose others; nothing is sent."""
    ours = [drawing_colours(theme_of(name)) for name in ("dark", "light")]
    now = drawing_colours(theme)
    for shape in drawn_shapes(figure):
        if shape.get("line", {}).get("color") in {colours["drawn"] for colours in ours}:
            shape["line"]["color"] = now["drawn"]
        font = (shape.get("label") or {}).get("font") or {}
        if font.get("color") in {colours["drawn"] for colours in ours}:
            font["color"] = now["drawn"]
        if shape.get("fillcolor") in {colours["drawn_fill"] for colours in ours}:
            shape["fillcolor"] = now["drawn_fill"]
