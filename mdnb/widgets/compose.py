"""What a chart consists of right now: traces, layout, and the numbers that move."""

from __future__ import annotations

import math
import secrets
import threading
from typing import Any

from mdnb.store.bars import BarColumns
from mdnb.widgets.axis import price_range, time_labels
from mdnb.widgets.layout import PADDING_BARS, Look, legend_text, short_timeframe
from mdnb.widgets.source import BarSource
from mdnb.widgets.theme import Theme, contrast_text, theme_of

__all__ = ["ChartState", "compose_layout", "compose_traces", "moving_numbers", "moving_parts", "step_range"]


class ChartState:
    """What a chart knows of itself, apart from plotly's own attributes."""

    def __init__(
        self,
        source: BarSource,
        timeframe: str,
        bars: int,
        theme: str,
        palette: str,
        height: int,
        static: bool,
        drawn_by_layer: bool,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.source = source
        self.timeframe = timeframe
        self.bars = bars
        self.theme = theme
        self.palette = palette
        self.height = height
        self.static = static
        self.drawn_by_layer = drawn_by_layer
        self.follows_page = theme == "auto"
        self.lock = threading.RLock()
        self.seen: tuple[int, int, int] = (-1, -1, -1)
        self.last_badge = ""
        self.closed = False
        self.had_view = False
        self.shows_forming = False
        self.follows = True
        self.x_range: tuple[float, float] | None = None
        self.y_range: tuple[float, float] | None = None
        self.listener: Any = None
        self.transport: Any = None

    @property
    def colours(self) -> Theme:
        """The theme's colours."""
        return theme_of(self.theme, self.palette)

    def look(self) -> Look:
        """Return what makes the pieces in this theme."""
        instrument = self.source.instrument
        return Look(
            self.source.symbol, self.timeframe, instrument.decimals, instrument.whole_lots, self.colours
        )


def compose_traces(state: ChartState, held: BarColumns, *, whole: bool = False) -> list[dict[str, Any]]:
    """Return closed candles, forming candle, closed volume, forming volume: in that order.

    The forming ones are empty where the layer draws them, unless the ``whole`` figure is asked for.
    """
    look, tz = state.look(), state.source.tz
    count = len(held)
    closed = count - held.forming
    state.shows_forming = held.forming
    stop = count if whole or not state.drawn_by_layer else closed
    return [
        look.candles(held, 0, closed, "mdnb-candles", tz),
        look.candles(held, closed, stop, "mdnb-forming", tz),
        look.volume(held, 0, closed, "mdnb-volume"),
        look.volume(held, closed, stop, "mdnb-forming-volume"),
    ]


def compose_layout(
    state: ChartState, held: BarColumns, *, moving: bool = False, whole: bool = False
) -> dict[str, Any]:
    """Return the layout; with ``moving`` only what a new bar changes."""
    look = state.look()
    layout = {} if moving else look.layout(state.height)
    count = len(held)
    layout["meta"] = {"mdnb": _about(state, look, held)}
    if count:
        where, labels = time_labels(held.time_us.tolist(), held.first, state.source.tz)
        x_axis: dict[str, Any] = {"tickvals": where, "ticktext": labels}
        if state.follows:
            state.y_range = price_range(held.low, held.high, state.y_range)
            state.x_range = (held.first - 1, held.first + count + PADDING_BARS)
            x_axis["range"] = list(state.x_range)
            layout["yaxis"] = {**layout.get("yaxis", {}), "range": list(state.y_range)}
        layout["xaxis"] = {**layout.get("xaxis", {}), **x_axis}
    layout["shapes"], layout["annotations"] = [], []
    if whole or not state.drawn_by_layer:
        layout["shapes"], layout["annotations"] = moving_parts(state, held)
    return layout


def _about(state: ChartState, look: Look, held: BarColumns) -> dict[str, Any]:
    """Return what the layer has to know of a chart beside the numbers that move."""
    theme = state.colours
    return {
        "id": state.id,
        "symbol": look.symbol,
        "timeframe": short_timeframe(look.timeframe),
        "decimals": look.decimals,
        "volumeDecimals": look.volume_decimals,
        "up": theme.up,
        "down": theme.down,
        "upText": contrast_text(theme.up),
        "downText": contrast_text(theme.down),
        "text": theme.text,
        "muted": theme.muted,
        "live": theme.live,
        "warning": theme.warning,
        "dead": theme.dead,
        "now": moving_numbers(state, held),
    }


def moving_numbers(state: ChartState, held: BarColumns) -> dict[str, Any] | None:
    """Return the numbers that the layer draws; None while there is no bar."""
    if not len(held):
        return None
    i = len(held) - 1
    latency = state.source.latency_ms()
    before = float(held.close[i - 1]) if i else None
    return {
        "chart": state.id,
        "x": held.first + i,
        "open": float(held.open[i]),
        "high": float(held.high[i]),
        "low": float(held.low[i]),
        "close": float(held.close[i]),
        "volume": float(held.volume[i]),
        "before": before,
        "forming": held.forming,
        "status": state.source.status(),
        "latency": latency if math.isfinite(latency) else None,
    }


def moving_parts(state: ChartState, held: BarColumns) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the shapes and annotations that show the newest bar, where plotly draws them."""
    look = state.look()
    badge = look.badge(state.source.status(), state.source.latency_ms())
    if not len(held):
        return [], [look.legend(""), badge]
    i = len(held) - 1
    bar = tuple(float(column[i]) for column in (held.open, held.high, held.low, held.close, held.volume))
    before = float(held.close[i - 1]) if i else math.nan
    rising = bar[3] >= bar[0]
    text = legend_text(
        look.symbol, look.timeframe, bar, before, look.decimals, look.theme, look.volume_decimals
    )
    return [look.last_line(bar[3], rising)], [look.legend(text), badge, look.last_label(bar[3], rising)]


def step_range(state: ChartState, held: BarColumns) -> list[float] | None:
    """Return the new price range if the newest bar has left the old one, else None."""
    if not state.follows:
        return None
    moved = price_range(held.low, held.high, state.y_range)
    if moved == state.y_range:
        return None
    state.y_range = moved
    return list(moved)
