"""A chart as a plotly figure: four traces of bars and volume, one per indicator line, and the layout."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from mdnb.stores.columns import BarColumns
from mdnb.widgets.figure.axis import UNPLACED, price_range, time_labels, to_axis
from mdnb.widgets.figure.bar_source import BarSource
from mdnb.widgets.figure.chart_bars import ChartBars
from mdnb.widgets.figure.drawn_shapes import is_drawn
from mdnb.widgets.figure.layout import PADDING_BARS, TOP_MARGIN, Look, legend_text
from mdnb.widgets.figure.plotly_private import adopt_handlers, set_ids
from mdnb.widgets.figure.trace_parts import HOLLOW, bars_trace, line_trace, volume_trace

__all__ = [
    "CANDLES",
    "CONFIG",
    "FORMING",
    "FORMING_VOLUME",
    "HELD",
    "OURS",
    "VOLUME",
    "begin_of_forming",
    "drawn_prices",
    "has_log_prices",
    "is_ours",
    "line_traces",
    "moving_parts",
    "on_log_axis",
    "restructure",
    "room_for_title",
    "traces",
    "view",
]

OURS = "mdnb-"
CANDLES, FORMING, VOLUME, FORMING_VOLUME = (
    f"{OURS}{name}" for name in ("candles", "forming", "volume", "forming-volume")
)
"""The ids of our traces; whatever else is in the figure is the user's."""

CONFIG = {
    "showSendToCloud": False,
    "displaylogo": False,
    "displayModeBar": False,
    "scrollZoom": True,
    "responsive": False,
}
"""Plotly's config."""

HELD = ("x", "y", "open", "high", "low", "close", "text", "hoverinfo")
"""What of our traces comes from the bars."""

_PLACED = ("yaxis", "line", "fill", "fillcolor")


def is_ours(name: str | None) -> bool:
    """Return whether a trace, shape or annotation of that name or id is the chart's own."""
    return bool(name) and str(name).startswith(OURS) and not is_drawn(name)


def traces(look: Look, held: ChartBars, *, hover: bool) -> list[dict[str, Any]]:
    """Return closed bars, forming bar, closed volume, forming volume, then the lines: in that order."""
    shown = drawn_prices(look, held)
    count = len(shown)
    closed = count - shown.forming
    made = [
        bars_trace(look, shown, 0, closed, CANDLES, hover=hover),
        bars_trace(look, shown, begin_of_forming(look, closed), count, FORMING, hover=hover),
    ]
    if look.has_volume:
        made += [
            volume_trace(look, held.columns, 0, closed, VOLUME),
            volume_trace(look, held.columns, closed, count, FORMING_VOLUME),
        ]
    return made + line_traces(look, held)


def begin_of_forming(look: Look, closed: int) -> int:
    """Return where the forming bar's trace begins: a line of closes goes on from the last closed one."""
    return max(closed - 1, 0) if look.kind in {"line", "area"} else closed


def line_traces(look: Look, held: ChartBars) -> list[dict[str, Any]]:
    """Return the indicators' traces, all bars in each; the arrays are the figure's own."""
    first = held.columns.first
    x = np.arange(first, first + len(held.columns), dtype=np.float64)
    return [
        line_trace(look, line, x, held.column(f"{line.indicator} {line.line}").copy()) for line in look.lines
    ]


def drawn_prices(look: Look, held: ChartBars) -> BarColumns:
    """Return the bars with the prices that are drawn: those of Heikin-Ashi where that is asked for."""
    columns = held.columns
    if look.kind != "heikin-ashi":
        return columns
    prices: list[Any] = [held.column(f"heikin {name}").copy() for name in ("open", "high", "low", "close")]
    rest = [columns.volume, columns.vwap, columns.tick_count, columns.flags]
    arrays = [columns.time_us, *prices, *rest]
    return BarColumns.of(arrays, columns.first, columns.generation, forming=columns.forming)


def restructure(figure: Any, made: list[dict[str, Any]]) -> None:
    """Give a figure the traces of ours it should have; those it has already stay, as do the user's."""
    kinds = {trace["uid"]: trace["type"] for trace in made}
    stay = [trace for trace in figure.data if not is_ours(trace.uid) or kinds.get(trace.uid) == trace.type]
    gone = {trace.uid: trace for trace in figure.data if is_ours(trace.uid) and trace not in stay}
    if gone:
        figure.data = stay
    held = {trace.uid for trace in figure.data}
    new = [trace for trace in made if trace["uid"] not in held]
    for trace in new:
        figure.add_trace(trace)
        set_ids(figure, [trace["uid"]])
        if trace["uid"] in gone:
            adopt_handlers(figure.data[-1], gone[trace["uid"]])
    by_uid = {trace.uid: trace for trace in figure.data}
    for trace in made:
        if trace["uid"] in held:
            # With other panes and lines about it, a line has another place and colour.
            by_uid[trace["uid"]].update({name: trace[name] for name in _PLACED if name in trace})
            if trace["type"] == "candlestick":
                _fill(by_uid[trace["uid"]], trace["increasing"]["fillcolor"])
    ours = [by_uid.pop(uid) for uid in kinds if uid in by_uid]
    figure.data = [*ours, *by_uid.values()]


def _fill(candles: Any, colour: str) -> None:
    """Fill the bodies of rising candles, or leave them hollow; a colour of the user's stays."""
    rising = candles.increasing
    if HOLLOW in {colour, rising.fillcolor} and rising.fillcolor in {HOLLOW, rising.line.color}:
        rising.fillcolor = colour


def has_log_prices(figure: Any) -> bool:
    """Return whether the user made a figure's price axis logarithmic."""
    return bool(figure.layout.yaxis.type == "log")


def room_for_title(figure: Any) -> dict[str, Any]:
    """Return what of a layout moves the plot below a title that the user set; our legend line is between."""
    title, margin = figure.layout.title, figure.layout.margin
    if not title.text or margin.t != TOP_MARGIN:
        return {}
    size = title.font.size or 1.4 * (figure.layout.font.size or 12)  # plotly's
    lines = len(re.split("<br */?>", title.text))
    # Plotly places several lines by the first one's foot, a single one by its head.
    pad = {"l": 10, "t": 8 + 0.7 * size if lines > 1 else 8, **title.pad.to_plotly_json()}
    made = {"x": 0, "y": 1, "yanchor": "top", **title.to_plotly_json(), "pad": pad}
    return {"title": made, "margin": {"t": TOP_MARGIN + 8 + 1.3 * size * lines}}


def on_log_axis(layout: dict[str, Any]) -> dict[str, Any]:
    """Return parts of a layout of ours, made for prices, as a logarithmic axis takes them.

    Shapes stay: their places are prices on any axis (https://plotly.com/python/reference/layout/shapes/).
    """
    made = {**layout}
    if "yaxis" in made:
        made["yaxis"] = {**made["yaxis"], "range": [to_axis(end, log=True) for end in made["yaxis"]["range"]]}
    made["annotations"] = [
        {**note, "y": to_axis(note["y"], log=True)} if note["yref"] == "y" else note
        for note in made.get("annotations", ())
    ]
    return made


def view(
    look: Look, held: BarColumns, y_range: tuple[float, float] | None = None, *, log: bool = False
) -> dict[str, Any]:
    """Return the axes' ranges and labels that show all bars; those of prices are prices."""
    if not len(held):
        return {}
    where, labels = time_labels(held.time_us.tolist(), held.first, look.tz)
    across = [held.first - 1, held.first + len(held) + PADDING_BARS]
    return {
        "xaxis": {"tickvals": where, "ticktext": labels, "range": across},
        "yaxis": {"range": list(price_range(held.low, held.high, y_range, log))},
    }


def moving_parts(source: BarSource, look: Look, held: BarColumns, *, log: bool = False) -> dict[str, Any]:
    """Return the shapes and annotations of the last price, the legend line and the badge.

    Parameters
    ----------
    log
        The price axis is logarithmic: a bar for which it has no place is said to be left out.
    """
    badge = look.badge(source.status(), source.latency_ms(), source.venue)
    i = len(held) - 1
    if i < 0:
        return {"annotations": [look.legend(""), badge]}
    bar = tuple(float(column[i]) for column in (held.open, held.high, held.low, held.close, held.volume))
    before = float(held.close[i - 1]) if i else math.nan
    text = legend_text(
        look.symbol, look.timeframe, bar, before, look.decimals, look.theme, look.volume_decimals
    )
    if log and float(held.low.min()) <= 0:
        text = f"{text}  ({UNPLACED})"
    rising = bar[3] >= bar[0]
    return {
        "shapes": [look.last_line(bar[3], rising)],
        "annotations": [look.legend(text), badge, look.last_label(bar[3], rising)],
    }
