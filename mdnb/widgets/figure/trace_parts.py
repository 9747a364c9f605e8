"""The traces of a chart as plain plotly dictionaries: bars of each kind, volume, lines of indicators."""

from __future__ import annotations

import zoneinfo
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdnb.stores.columns import BarColumns
from mdnb.widgets.figure.layout import Look
from mdnb.widgets.figure.series import Line
from mdnb.widgets.page.theme import with_alpha

__all__ = [
    "CLOSES_ACCENT",
    "HOLLOW",
    "bars_trace",
    "hover_texts",
    "line_trace",
    "trace_colours",
    "volume_trace",
    "written_colours",
]

_FADED = 0.45
HOLLOW = "rgba(0,0,0,0)"
"""The body of a hollow candle: what lies below it is seen."""

CLOSES_ACCENT = 1
"""Number of the colour of a line of closes; the first one is the first overlay's."""


def bars_trace(look: Look, bars: BarColumns, a: int, b: int, uid: str, *, hover: bool) -> dict[str, Any]:
    """Return the trace of the bars ``[a, b)`` in the chart's kind, with or without texts for the pointer."""
    shown: dict[str, Any] = {"hoverinfo": "none"}
    if hover:
        shown = {"text": hover_texts(look, bars, a, b), "hoverinfo": "text"}
    shown |= {
        "uid": uid,
        "name": uid,
        "x": np.arange(bars.first + a, bars.first + b, dtype=np.float64),
        "showlegend": False,
    }
    if look.kind in {"line", "area"}:
        accent = look.theme.accent(CLOSES_ACCENT)
        filled = (
            {"fill": "tozeroy", "fillcolor": with_alpha(accent, 0.12)}
            if look.kind == "area"
            else {"fill": "none"}
        )
        line = {"color": accent, "width": 1.5}
        return {"type": "scatter", "mode": "lines", "y": bars.close[a:b], "line": line, **filled, **shown}
    prices: dict[str, Any] = {name: getattr(bars, name)[a:b] for name in ("open", "high", "low", "close")}
    up, down = look.theme.up, look.theme.down
    if look.kind == "ohlc":
        sides: dict[str, Any] = {
            "increasing": {"line": {"color": up}},
            "decreasing": {"line": {"color": down}},
        }
        return {"type": "ohlc", "tickwidth": 0.3, "line": {"width": 1.5}, **prices, **sides, **shown}
    sides = {
        "increasing": {"line": {"color": up, "width": 1}, "fillcolor": _rising_fill(look)},
        "decreasing": {"line": {"color": down, "width": 1}, "fillcolor": down},
    }
    return {"type": "candlestick", "whiskerwidth": 0, **prices, **sides, **shown}


def _rising_fill(look: Look) -> str:
    """Return the colour of the bodies of rising candles."""
    return HOLLOW if look.kind == "hollow" else look.theme.up


def volume_trace(look: Look, bars: BarColumns, a: int, b: int, uid: str) -> dict[str, Any]:
    """Return a bar trace of the volume of the bars ``[a, b)``, coloured by direction."""
    rising = (bars.close[a:b] >= bars.open[a:b]).astype(np.float64)
    return {
        "type": "bar",
        "uid": uid,
        "name": uid,
        "x": np.arange(bars.first + a, bars.first + b, dtype=np.float64),
        "y": bars.volume[a:b],
        "yaxis": "y2",
        "marker": _by_side(look, rising),
        "hoverinfo": "skip",
        "showlegend": False,
    }


def line_trace(look: Look, line: Line, x: NDArray[np.float64], y: NDArray[np.float64]) -> dict[str, Any]:
    """Return the trace of an indicator's line; a histogram is coloured by sign."""
    shown: dict[str, Any] = {
        "uid": line.uid,
        "name": line.name,
        "x": x,
        "y": y,
        "yaxis": line.axis,
        "hoverinfo": "skip",
        "showlegend": False,
    }
    if line.style == "bars":
        return {"type": "bar", "marker": _by_side(look, (y >= 0).astype(np.float64)), **shown}
    colour = look.theme.accent(line.accent)
    filled = {"fill": "tonexty", "fillcolor": with_alpha(colour, 0.07)} if line.fills else {}
    return {
        "type": "scatter",
        "mode": "lines",
        "line": {"color": colour, "width": line.width},
        **filled,
        **shown,
    }


def _by_side(look: Look, rising: NDArray[np.float64]) -> dict[str, Any]:
    scale = _scale(look)
    line = {"width": 0}
    return {"color": rising, "colorscale": scale, "cmin": 0, "cmax": 1, "showscale": False, "line": line}


def written_colours(marker: dict[str, Any]) -> dict[str, Any]:
    """Return the marker of a trace of bars with each bar's colour as text, not as a place on a scale."""
    (_, falls), (_, rises) = marker["colorscale"]
    return {
        "color": [rises if rising else falls for rising in marker["color"].tolist()],
        "line": marker["line"],
    }


def _scale(look: Look) -> list[list[Any]]:
    return [[0, with_alpha(look.theme.down, _FADED)], [1, with_alpha(look.theme.up, _FADED)]]


def trace_colours(look: Look, uids: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return what a theme sets in each trace of ours, by id and path.

    Parameters
    ----------
    uids
        What each trace is: ``bars`` or ``volume``, by its id. Lines are known.
    """
    theme = look.theme
    accent = theme.accent(CLOSES_ACCENT)
    bars: dict[str, Any] = {"increasing.line.color": theme.up, "decreasing.line.color": theme.down}
    if look.kind in {"line", "area"}:
        bars = {"line.color": accent}
        if look.kind == "area":
            bars["fillcolor"] = with_alpha(accent, 0.12)
    elif look.kind != "ohlc":
        bars |= {"increasing.fillcolor": _rising_fill(look), "decreasing.fillcolor": theme.down}
    volume = {"marker.colorscale": _scale(look)}
    out = {uid: bars if kind == "bars" else volume for uid, kind in uids.items()}
    for line in look.lines:
        colour = theme.accent(line.accent)
        parts: dict[str, Any] = volume if line.style == "bars" else {"line.color": colour}
        if line.fills:
            parts = {**parts, "fillcolor": with_alpha(colour, 0.07)}
        out[line.uid] = parts
    return out


def hover_texts(look: Look, bars: BarColumns, a: int, b: int) -> list[str]:
    """Return the hover text of each bar ``[a, b)``."""
    zone = zoneinfo.ZoneInfo(look.tz)
    out = []
    for i in range(a, b):
        at = datetime.fromtimestamp(int(bars.time_us[i]) / 1e6, zone)
        prices = "<br>".join(
            f"{label} {price:,.{look.decimals}f}"
            for label, price in zip(
                "OHLC", (bars.open[i], bars.high[i], bars.low[i], bars.close[i]), strict=True
            )
        )
        out.append(
            f"{at:%a %d %b %H:%M:%S}<br>{prices}<br>V {bars.volume[i]:,.{look.volume_decimals}f} · "
            f"{bars.tick_count[i]:,} trades"
        )
    return out
