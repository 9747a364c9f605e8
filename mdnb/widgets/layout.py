"""The parts of a chart as plain plotly dictionaries: traces, axes, lines, texts."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np

from mdnb.store.bars import BarColumns
from mdnb.widgets.theme import Theme, contrast_text, with_alpha

__all__ = ["PADDING_BARS", "Look", "legend_text", "short_timeframe"]

_BADGES = {
    "connected": "live",
    "reconnected": "live",
    "connecting": "warning",
    "reconnecting": "warning",
    "stale": "warning",
}
_SHORT = (("min", "m"), ("hour", "h"), ("day", "D"), ("week", "W"), ("month", "M"), ("sec", "s"))
PADDING_BARS = 6


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
    name = f"<b>{html.escape(symbol)}</b> · {html.escape(short_timeframe(timeframe))}"
    return (
        f'<span style="color:{theme.text}">{name}</span>'
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
    """

    def __init__(self, symbol: str, timeframe: str, decimals: int, whole_lots: bool, theme: Theme) -> None:
        self.symbol = symbol
        self.timeframe = timeframe
        self.decimals = decimals
        self.volume_decimals = 0 if whole_lots else 4
        self.theme = theme

    # -- traces -------------------------------------------------------------------------------------

    def candles(self, bars: BarColumns, a: int, b: int, name: str, tz: str) -> dict[str, Any]:
        """Return a candlestick trace of the bars ``[a, b)``."""
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
            "text": self.hover(bars, a, b, tz),
            "hoverinfo": "text",
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
            "marker": {"color": self.volume_colours(bars, a, b), "line": {"width": 0}},
            "hoverinfo": "skip",
            "showlegend": False,
        }

    def volume_colours(self, bars: BarColumns, a: int, b: int) -> list[str]:
        """Return the volume bars' colours."""
        up, down = with_alpha(self.theme.up, 0.45), with_alpha(self.theme.down, 0.45)
        return [up if rises else down for rises in (bars.close[a:b] >= bars.open[a:b]).tolist()]

    def hover(self, bars: BarColumns, a: int, b: int, tz: str) -> list[str]:
        """Return what the pointer shows on each bar ``[a, b)``."""
        import zoneinfo
        from datetime import datetime

        zone = zoneinfo.ZoneInfo(tz)
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
        crosshair = _crosshair(theme)
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
            "uirevision": "mdnb",
            "showlegend": False,
            "bargap": 0.25,
            "xaxis": {
                **axis,
                **crosshair,
                "anchor": "y2",
                "rangeslider": {"visible": False},
                "tickmode": "array",
            },
            "yaxis": {
                **axis,
                **crosshair,
                "side": "right",
                "domain": [0.22, 1.0],
                "tickformat": f",.{self.decimals}f",
                "fixedrange": False,
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
        kind = _BADGES.get(status, "dead")
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


def _crosshair(theme: Theme) -> dict[str, Any]:
    return {
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "cursor",
        "spikethickness": 1,
        "spikedash": "dash",
        "spikecolor": theme.muted,
    }
