"""The layout of a chart as plain plotly dictionaries: axes, last price, legend, badge."""

from __future__ import annotations

import dataclasses
import html
import math
from typing import Any

from mdnb.widgets.figure.drawn_shapes import drawing_colours
from mdnb.widgets.figure.series import Line, Overlay, Pane, lines_of, panes_of
from mdnb.widgets.page.theme import Theme, badge_tone, contrast_text, with_alpha

__all__ = [
    "PADDING_BARS",
    "TOP_MARGIN",
    "Look",
    "legend_text",
    "pane_domains",
    "short_timeframe",
]

_CHIPS = {"dark": "#363a45", "light": "#e3e6ec"}
"""Behind the crosshair's values."""
_SHORT = (("min", "m"), ("hour", "h"), ("day", "D"), ("week", "W"), ("month", "M"), ("sec", "s"))
_VOLUME_HEIGHT = 0.18
_PANE_HEIGHT = 0.15
_PANE_GAP = 0.04
_MOST_LOWER = 0.62
_PANE_FORMATS = {"rsi": "d", "delta": "~s"}
PADDING_BARS = 6
"""Room right of the newest bar."""
TOP_MARGIN = 30
"""Room for the legend line above the plot, pixels."""


def pane_domains(lower: int, *, has_volume: bool) -> list[list[float]]:
    """Return bottom and top of each pane, as shares of the height: price first, then from the top down.

    Examples
    --------
    >>> pane_domains(0, has_volume=True)
    [[0.22, 1.0], [0.0, 0.18]]
    >>> pane_domains(0, has_volume=False)
    [[0.0, 1.0]]
    """
    heights = [_PANE_HEIGHT] * lower
    if has_volume:
        heights.insert(0, _PANE_HEIGHT if lower else _VOLUME_HEIGHT)
    gap = _PANE_GAP if lower < 2 else _PANE_GAP / 2
    scale = min(1.0, _MOST_LOWER / (sum(heights) + gap * len(heights))) if heights else 1.0
    out: list[list[float]] = []
    bottom = 0.0
    for height in reversed(heights):
        out.insert(0, [round(bottom, 4), round(bottom + height * scale, 4)])
        bottom += (height + gap) * scale
    return [[round(bottom, 4), 1.0], *out]


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
    # Of a price below zero, too, what rises is a plus.
    share = 100.0 * change / abs(base) if base else 0.0
    arrow = "▲" if change >= 0 else "▼"

    def value(text: str) -> str:
        return f'<span style="color:{colour}">{text}</span>'

    prices = " ".join(
        f"{label} {value(f'{price:,.{decimals}f}')}"
        for label, price in zip("OHLC", (open_, high, low, close), strict=True)
    )
    moved = value(f"{arrow} {change:+z,.{decimals}f} ({share:+z.2f}%)")
    return (
        f'<span style="color:{theme.text}"><b>{html.escape(symbol)}</b> · '
        f"{html.escape(short_timeframe(timeframe))}</span>"
        f"  {prices}  {moved}  Vol {value(f'{volume:,.{volume_decimals}f}')}"
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Makes the pieces of a figure for one symbol, timeframe and theme.

    Parameters
    ----------
    symbol, timeframe
        What is shown; escaped wherever it becomes text.
    decimals
        Of prices.
    whole_lots
        Whether volume has no decimals.
    theme
        Colours.
    tz
        Zone of the labels.
    kind
        How bars are drawn, one of `mdnb.widgets.chart.options.KINDS`.
    indicators
        Those drawn over the bars and below them.
    has_volume
        Whether there is a pane of volume.
    """

    symbol: str
    timeframe: str
    decimals: int
    whole_lots: bool
    theme: Theme
    tz: str = "UTC"
    kind: str = "candles"
    indicators: tuple[Overlay, ...] = ()
    has_volume: bool = True

    @property
    def volume_decimals(self) -> int:
        """Decimals of volume."""
        return 0 if self.whole_lots else 4

    @property
    def lines(self) -> tuple[Line, ...]:
        """The indicators' lines, in the order of their traces."""
        return lines_of(self.indicators)

    @property
    def panes(self) -> tuple[Pane, ...]:
        """The panes below the bars, from the top."""
        return panes_of(self.indicators)

    def decimals_of(self, indicator: Overlay) -> int:
        """Return the decimals of an indicator's values: a price's, a volume's, or one of its own."""
        return {"rsi": 1, "delta": self.volume_decimals}.get(indicator.name, self.decimals)

    # -- what a theme sets, by path -----------------------------------------------------------------

    def layout_colours(self) -> dict[str, Any]:
        """Return what a theme sets in a layout, by path."""
        theme = self.theme
        axes: dict[str, str] = {}
        for axis in ("xaxis", "yaxis", "yaxis2", *(f"yaxis{pane.axis[1:]}" for pane in self.panes)):
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

    def drawing_colours(self) -> dict[str, Any]:
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
            "accents": [theme.accent(i) for i in range(len(theme.accents))],
            **drawing_colours(theme),
        }

    # -- layout -------------------------------------------------------------------------------------

    def layout(self, height: int) -> dict[str, Any]:
        """Return axes, margins and colours."""
        theme = self.theme
        return {
            "height": height,
            "autosize": True,
            "margin": {"l": 8, "r": 78, "t": TOP_MARGIN, "b": 24},
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
            **self.axes(),
        }

    def axes(self) -> dict[str, Any]:
        """Return the axes: time, price, volume, and one for each pane below."""
        axis = {
            "showline": False,
            "zeroline": False,
            "gridcolor": self.theme.grid,
            "tickfont": {"color": self.theme.muted, "size": 11},
        }
        right = {**axis, "side": "right", "fixedrange": True}
        price, *lower = pane_domains(len(self.panes), has_volume=self.has_volume)
        made = {"yaxis": {**right, "domain": price, "tickformat": f",.{self.decimals}f"}}
        names = []
        if self.has_volume:
            made["yaxis2"] = {
                **right,
                "domain": lower.pop(0),
                "nticks": 3,
                "tickformat": "~s",
                "rangemode": "tozero",
            }
            names.append("y2")
        for pane, domain in zip(self.panes, lower, strict=True):
            made[f"yaxis{pane.axis[1:]}"] = {
                **right,
                "domain": domain,
                "nticks": 3,
                "tickformat": _PANE_FORMATS.get(pane.name, f",.{self.decimals}f"),
                **({"tickvals": list(pane.guides)} if pane.guides else {}),
            }
            names.append(pane.axis)
        made["xaxis"] = {
            **axis,
            "anchor": names[-1] if names else "y",
            "rangeslider": {"visible": False},
            "tickmode": "array",
            "tickangle": 0,
            # For a title of the user's below, not for a label half out at the side: the plot would jump.
            "automargin": "height",
        }
        return made

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

    def note(self, text: str) -> dict[str, Any]:
        """Return a short note below the legend line; the text is ours, not a feed's."""
        return {
            "name": "mdnb-note",
            "xref": "paper",
            "x": 0,
            "xanchor": "left",
            "yref": "paper",
            "y": 1,
            "yanchor": "top",
            "showarrow": False,
            "align": "left",
            "text": text,
            "font": {"color": self.theme.muted, "size": 10},
        }

    def badge(self, status: str, latency_ms: float, venue: str = "") -> dict[str, Any]:
        """Return the connection's badge: ``● Kraken · live · 42 ms``."""
        kind = badge_tone(status)
        colour = {"live": self.theme.live, "warning": self.theme.warning}.get(kind, self.theme.dead)
        words = " · ".join(filter(None, (venue, "live" if kind == "live" else status)))
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
