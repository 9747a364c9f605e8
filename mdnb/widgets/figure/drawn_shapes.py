"""Users' drawings as plotly shapes: names, geometry and colours."""

from __future__ import annotations

import secrets
from typing import Any

from mdnb.widgets.figure.plotly_private import layout_of
from mdnb.widgets.page.theme import Theme, contrast_text, theme_of, with_alpha

__all__ = [
    "DRAWN",
    "drawing_colours",
    "drawn_shapes",
    "is_drawn",
    "line_shape",
    "other_shapes",
    "recolour_drawn",
    "rectangle_shape",
]

DRAWN = "mdnb-draw"
"""What the names of drawn shapes begin with; every other shape is the user's own affair."""

_PALE = 0.12


def is_drawn(name: str | None) -> bool:
    """Return whether a shape of that name was drawn with the chart's tools."""
    return bool(name) and str(name).startswith(DRAWN)


def drawn_shapes(figure: Any) -> list[dict[str, Any]]:
    """Return the shapes of a figure that were drawn."""
    return [shape for shape in layout_of(figure).get("shapes") or () if is_drawn(shape.get("name"))]


def other_shapes(figure: Any) -> list[dict[str, Any]]:
    """Return the shapes of a figure that were not drawn."""
    return [shape for shape in layout_of(figure).get("shapes") or () if not is_drawn(shape.get("name"))]


def line_shape(price: float, theme: Theme) -> dict[str, Any]:
    """Return a horizontal line."""
    return {
        "type": "line",
        "name": f"{DRAWN}-line-{secrets.token_hex(4)}",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": "y",
        "y0": price,
        "y1": price,
        "line": {"color": theme.drawn, "width": 1.5},
    }


def rectangle_shape(x0: float, x1: float, low: float, high: float, theme: Theme) -> dict[str, Any]:
    """Return a rectangle; its sides are ordinals of bars."""
    return {
        "type": "rect",
        "name": f"{DRAWN}-rect-{secrets.token_hex(4)}",
        "xref": "x",
        "x0": x0,
        "x1": x1,
        "yref": "y",
        "y0": low,
        "y1": high,
        "line": {"color": theme.drawn, "width": 1},
        "fillcolor": with_alpha(theme.drawn, _PALE),
        "layer": "below",
    }


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
        if shape.get("fillcolor") in {colours["drawn_fill"] for colours in ours}:
            shape["fillcolor"] = now["drawn_fill"]
