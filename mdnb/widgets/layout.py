"""The parts of a chart as plain plotly dictionaries: traces, axes, lines, texts."""

from __future__ import annotations

import html
import math
import zoneinfo
from datetime import datetime
from typing import Any

import numpy as np

from mdnb.store.columns import BarColumns
from mdnb.widgets.theme import Theme, contrast_text, with_alpha

__all__ = ["PADDING_BARS", "Look", "badge_tone", "legend_text", "short_timeframe"]

_BADGES = {
    "connected": "live",
    "reconnected": "live",
    "connecting": "warning",
    "reconnecting": "warning",
    "stale": "warning",
}
_CHIPS = {"dark": "#363a45", "light": "#e3e6ec"}
"""Behind the crosshair's values."""
_SHORT = (("min", "m"), ("hour", "h"), ("day", "D"), ("week", "W"), ("month", "M"), ("sec", "s"))
PADDING_BARS = 6
"""Room right of the newest bar."""


def badge_tone(status: str) -> str:
    """Return how a connection's state is coloured: ``live``, ``warning`` or ``dead``.

    Examples
    --------
    >>> badge_tone("reconnected"), badge_tone("stale"), badge_tone("closed")
    ('live', 'warning', 'dead')
    """
    return _BADGES.get(status, "dead")


def short_timeframe(name: str) -> str:
    """Return a timeframe as charts write it.

    Examples
    --------
    >>> short_timeframe("5min"), short_timeframe("1month"), short_timeframe("500tick")
    ('5m', '1M', '500tick')
    """
    for long, short in _SHORT:
        if name.endswith(long):
            return name[: -len(long)] + short
    return name


def legend_text(
    symbol: str,
    timeframe: str,
    bar: tuple[float, ...],
    before: float,
    decimals: int,
    theme: Theme,
    volume_decimals: int,
) -> str:
    """Return the line top left: symbol, timeframe, open high low close, change, volume.

    Parameters
    ----------
    bar
        Open, high, low, close, volume.
    before
        The close of the bar before, for the change; ``nan`` where there is none.
    """
    open_, high, low, close, volume = bar
    colour = theme.up if close >= open_ else theme.down
    change = close - before if math.isfinite(before) else close - open_
    base = before if math.isfinite(before) else open_
    share = 100.0 * change / base if base else 0.0
    arrow = "▲" if change >= 0 else "▼"

    def value(text: str) -> str:
        return f'<span style="color:{colour}">{text}</span>'

    prices = " ".join(
        f"{label} {value(f'{price:,.{decimals}f}')}"
        for label, price in zip("OHLC", (open_, high, low, close), strict=True)
    )
    moved = value(f"{arrow} {change:+,.{decimals}f} ({share:+.2f}%)")
    return (
        f'<span style="color:{theme.text}"><b>{html.escape(symbol)}</b> · '
        f"{html.escape(short_timeframe(timeframe))}</span>"
        f"  {prices}  {moved}  Vol {value(f'{volume:,.{volume_decimals}f}')}"
    )


class Look:
    """Makes the pieces of a figure for one symbol, timeframe and theme.

    Parameters
    ----------
    symbol, timeframe
        What is shown; escaped wherever it becomes text.
    decimals
        Of prices, from the tick size.
    whole_lots
        Whether volume has no decimals.
    theme
        Colours.
    tz
        Zone of the labels.
    """

    def __init__(
        self, symbol: str, timeframe: str, decimals: int, whole_lots: bool, theme: Theme, tz: str = "UTC"
    ) -> None:
        self.symbol = symbol
        self.timeframe = timeframe
        self.decimals = decimals
        self.volume_decimals = 0 if whole_lots else 4
        self.theme = theme
        self.tz = tz

    # -- traces -------------------------------------------------------------------------------------

    def candles(self, bars: BarColumns, a: int, b: int, name: str, *, hover: bool) -> dict[str, Any]:
        """Return a candlestick trace of the bars ``[a, b)``, with or without texts for the pointer."""
        theme = self.theme
        return {
            "type": "candlestick",
            "uid": name,
            "name": name,
            "x": np.arange(bars.first + a, bars.first + b, dtype=np.float64),
            "open": bars.open[a:b],
            "high": bars.high[a:b],
            "low": bars.low[a:b],
            "close": bars.close[a:b],
            **({"text": self.hover(bars, a, b), "hoverinfo": "text"} if hover else {"hoverinfo": "none"}),
            "increasing": {"line": {"color": theme.up, "width": 1}, "fillcolor": theme.up},
            "decreasing": {"line": {"color": theme.down, "width": 1}, "fillcolor": theme.down},
            "whiskerwidth": 0,
            "showlegend": False,
        }

    def volume(self, bars: BarColumns, a: int, b: int, name: str) -> dict[str, Any]:
        """Return a bar trace of the volume of the bars ``[a, b)``, coloured by direction."""
        return {
            "type": "bar",
            "uid": name,
            "name": name,
            "x": np.arange(bars.first + a, bars.first + b, dtype=np.float64),
            "y": bars.volume[a:b],
            "yaxis": "y2",
            "marker": {
                "color": (bars.close[a:b] >= bars.open[a:b]).astype(np.float64),
                "colorscale": self._volume_scale(),
                "cmin": 0,
                "cmax": 1,
                "showscale": False,
                "line": {"width": 0},
            },
            "hoverinfo": "skip",
            "showlegend": False,
        }

    def _volume_scale(self) -> list[list[Any]]:
        return [[0, with_alpha(self.theme.down, 0.45)], [1, with_alpha(self.theme.up, 0.45)]]

    # -- what a theme sets, by path -----------------------------------------------------------------

    def candle_colours(self) -> dict[str, Any]:
        """Return what a theme sets in a candlestick trace, by path."""
        theme = self.theme
        return {
            "increasing.line.color": theme.up,
            "increasing.fillcolor": theme.up,
            "decreasing.line.color": theme.down,
            "decreasing.fillcolor": theme.down,
        }

    def volume_colours(self) -> dict[str, Any]:
        """Return what a theme sets in a trace of volume, by path."""
        return {"marker.colorscale": self._volume_scale()}

    def layout_colours(self) -> dict[str, Any]:
        """Return what a theme sets in a layout, by path."""
        theme = self.theme
        axes: dict[str, str] = {}
        for axis in ("xaxis", "yaxis", "yaxis2"):
            axes |= {f"{axis}.gridcolor": theme.grid, f"{axis}.tickfont.color": theme.muted}
        return {
            "paper_bgcolor": theme.background,
            "plot_bgcolor": theme.background,
            "font.color": theme.muted,
            "hoverlabel.bgcolor": theme.background,
            "hoverlabel.bordercolor": theme.grid,
            "hoverlabel.font.color": theme.text,
            **axes,
        }

    def drawing_colours(self) -> dict[str, str]:
        """Return the colours of what our own front end draws."""
        theme = self.theme
        return {
            "up": theme.up,
            "down": theme.down,
            "up_text": contrast_text(theme.up),
            "down_text": contrast_text(theme.down),
            "volume_up": with_alpha(theme.up, 0.45),
            "volume_down": with_alpha(theme.down, 0.45),
            "background": theme.background,
            "grid": theme.grid,
            "chip": _CHIPS[theme.name],
            "text": theme.text,
            "muted": theme.muted,
            "live": theme.live,
            "warning": theme.warning,
            "dead": theme.dead,
        }

    def hover(self, bars: BarColumns, a: int, b: int) -> list[str]:
        """Return what the pointer shows on each bar ``[a, b)``."""
        zone = zoneinfo.ZoneInfo(self.tz)
        out = []
        for i in range(a, b):
            at = datetime.fromtimestamp(int(bars.time_us[i]) / 1e6, zone)
            prices = "<br>".join(
                f"{label} {price:,.{self.decimals}f}"
                for label, price in zip(
                    "OHLC", (bars.open[i], bars.high[i], bars.low[i], bars.close[i]), strict=True
                )
            )
            out.append(
                f"{at:%a %d %b %H:%M:%S}<br>{prices}<br>V {bars.volume[i]:,.{self.volume_decimals}f} · "
                f"{bars.tick_count[i]:,} trades"
            )
        return out

    # -- layout -------------------------------------------------------------------------------------

    def layout(self, height: int) -> dict[str, Any]:
        """Return axes, margins and colours."""
        theme = self.theme
        axis = {
            "showline": False,
            "zeroline": False,
            "gridcolor": theme.grid,
            "tickfont": {"color": theme.muted, "size": 11},
        }
        return {
            "height": height,
            "autosize": True,
            "margin": {"l": 8, "r": 78, "t": 30, "b": 24},
            "paper_bgcolor": theme.background,
            "plot_bgcolor": theme.background,
            "font": {
                "family": "system-ui, -apple-system, Segoe UI, sans-serif",
                "size": 11,
                "color": theme.muted,
            },
            "dragmode": "pan",
            "hovermode": "x",
            "hoverlabel": {
                "bgcolor": theme.background,
                "bordercolor": theme.grid,
                "font": {"color": theme.text},
            },
            "showlegend": False,
            "bargap": 0.25,
            "xaxis": {
                **axis,
                "anchor": "y2",
                "rangeslider": {"visible": False},
                "tickmode": "array",
            },
            "yaxis": {
                **axis,
                "side": "right",
                "domain": [0.22, 1.0],
                "tickformat": f",.{self.decimals}f",
                "fixedrange": True,
            },
            "yaxis2": {
                **axis,
                "side": "right",
                "domain": [0.0, 0.18],
                "nticks": 3,
                "tickformat": "~s",
                "fixedrange": True,
                "rangemode": "tozero",
            },
        }

    def last_line(self, price: float, rising: bool) -> dict[str, Any]:
        """Return the dotted line at the last price."""
        colour = self.theme.up if rising else self.theme.down
        return {
            "type": "line",
            "name": "mdnb-last",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": "y",
            "y0": price,
            "y1": price,
            "line": {"color": colour, "width": 1, "dash": "dot"},
        }

    def last_label(self, price: float, rising: bool) -> dict[str, Any]:
        """Return the filled label of the last price, on the axis."""
        colour = self.theme.up if rising else self.theme.down
        return {
            "name": "mdnb-last",
            "xref": "paper",
            "x": 1,
            "xanchor": "left",
            "yref": "y",
            "y": price,
            "yanchor": "middle",
            "showarrow": False,
            "text": f"{price:,.{self.decimals}f}",
            "font": {"color": contrast_text(colour), "size": 11},
            "bgcolor": colour,
            "borderpad": 3,
        }

    def legend(self, text: str) -> dict[str, Any]:
        """Return the legend line."""
        return {
            "name": "mdnb-legend",
            "xref": "paper",
            "x": 0,
            "xanchor": "left",
            "yref": "paper",
            "y": 1,
            "yanchor": "bottom",
            "yshift": 6,
            "showarrow": False,
            "align": "left",
            "text": text,
            "font": {"color": self.theme.muted, "size": 12},
        }

    def badge(self, status: str, latency_ms: float) -> dict[str, Any]:
        """Return the connection's badge: ``● live · 42 ms``."""
        kind = badge_tone(status)
        colour = {"live": self.theme.live, "warning": self.theme.warning}.get(kind, self.theme.dead)
        words = "live" if kind == "live" else status
        delay = f" · {max(latency_ms, 0.0):.0f} ms" if kind == "live" and math.isfinite(latency_ms) else ""
        return {
            "name": "mdnb-badge",
            "xref": "paper",
            "x": 1,
            "xanchor": "right",
            "yref": "paper",
            "y": 1,
            "yanchor": "bottom",
            "yshift": 6,
            "showarrow": False,
            "text": f'<span style="color:{colour}">●</span> {html.escape(words)}{delay}',
            "font": {"color": self.theme.muted, "size": 11},
        }
