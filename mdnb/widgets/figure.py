"""A chart's bars as a plotly figure: four traces, and what stands around them."""

from __future__ import annotations

import math
from typing import Any

from mdnb.store.columns import BarColumns
from mdnb.widgets.axis import price_range, time_labels
from mdnb.widgets.layout import PADDING_BARS, Look, legend_text
from mdnb.widgets.source import BarSource

__all__ = [
    "CANDLES",
    "FORMING",
    "FORMING_VOLUME",
    "HELD",
    "OURS",
    "VOLUME",
    "is_ours",
    "moving_parts",
    "traces",
    "view",
]

OURS = "mdnb-"
CANDLES, FORMING, VOLUME, FORMING_VOLUME = (
    f"{OURS}{name}" for name in ("candles", "forming", "volume", "forming-volume")
)
"""The ids of our traces; whatever else is in the figure is the user's."""

HELD = ("x", "y", "open", "high", "low", "close", "text", "hoverinfo")
"""What of our traces comes from the bars."""


def is_ours(name: str | None) -> bool:
    """Return whether a trace, shape or annotation of that name or id is the chart's own."""
    return bool(name) and str(name).startswith(OURS)


def traces(look: Look, held: BarColumns, *, hover: bool) -> list[dict[str, Any]]:
    """Return closed candles, forming candle, closed volume, forming volume: in that order."""
    count = len(held)
    closed = count - held.forming
    return [
        look.candles(held, 0, closed, CANDLES, hover=hover),
        look.candles(held, closed, count, FORMING, hover=hover),
        look.volume(held, 0, closed, VOLUME),
        look.volume(held, closed, count, FORMING_VOLUME),
    ]


def view(look: Look, held: BarColumns, y_range: tuple[float, float] | None = None) -> dict[str, Any]:
    """Return the axes' ranges and labels that show all bars."""
    if not len(held):
        return {}
    where, labels = time_labels(held.time_us.tolist(), held.first, look.tz)
    across = [held.first - 1, held.first + len(held) + PADDING_BARS]
    return {
        "xaxis": {"tickvals": where, "ticktext": labels, "range": across},
        "yaxis": {"range": list(price_range(held.low, held.high, y_range))},
    }


def moving_parts(source: BarSource, look: Look, held: BarColumns) -> dict[str, Any]:
    """Return the shapes and annotations of the last price, the legend line and the badge."""
    badge = look.badge(source.status(), source.latency_ms())
    i = len(held) - 1
    if i < 0:
        return {"annotations": [look.legend(""), badge]}
    bar = tuple(float(column[i]) for column in (held.open, held.high, held.low, held.close, held.volume))
    before = float(held.close[i - 1]) if i else math.nan
    text = legend_text(
        look.symbol, look.timeframe, bar, before, look.decimals, look.theme, look.volume_decimals
    )
    rising = bar[3] >= bar[0]
    return {
        "shapes": [look.last_line(bar[3], rising)],
        "annotations": [look.legend(text), badge, look.last_label(bar[3], rising)],
    }
