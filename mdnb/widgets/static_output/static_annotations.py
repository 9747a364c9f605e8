"""Marks, alerts and positions in a plain plotly figure, as a snapshot and a stand-alone page have them."""

from __future__ import annotations

import collections
import html
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mdnb.runtime.live.price_alerts import Alert
from mdnb.stores.columns import BarColumns
from mdnb.timeframes import Timeframe
from mdnb.widgets.figure.axis import to_axis
from mdnb.widgets.figure.figure import has_log_prices
from mdnb.widgets.figure.layout import Look
from mdnb.widgets.figure.mark import Mark
from mdnb.widgets.figure.position import Position, money, quantity
from mdnb.widgets.page.theme import Theme

__all__ = ["FIRED_SHOWN", "add_annotations", "alerts_in_range", "bar_of", "placed_marks", "position_words"]

FIRED_SHOWN = 10
"""Of the alerts that are over the newest so many are drawn, paler."""

_SYMBOLS = {"buy": "triangle-up", "sell": "triangle-down", "note": "circle"}
_STEP = 0.03  # of the height of the price axis, between marks of one bar


def bar_of(time_ns: int, held: BarColumns, timeframe: str) -> int | None:
    """Return the position of the bar that holds an instant; None where it is before or after them.

    An instant in closed hours stands at the last bar before.

    Examples
    --------
    >>> from mdnb.stores.columns import columns_from_rows
    >>> minute = 60_000_000_000
    >>> bars = columns_from_rows([(at * minute, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0) for at in (1, 2, 9)])
    >>> [bar_of(int(at * minute), bars, "1min") for at in (0.5, 1, 2.9, 5, 9.9, 10)]
    [None, 0, 1, 1, 2, None]
    """
    at = int(np.searchsorted(held.time_us, time_ns // 1000, side="right")) - 1
    if at < 0:
        return None
    seconds = Timeframe.parse(timeframe).seconds
    ended = at == len(held) - 1 and time_ns - int(held.time_us[at]) * 1000 >= seconds * 1e9
    return None if ended else at


def add_annotations(
    figure: Any,
    marks: Sequence[Mark],
    alerts: Sequence[Alert],
    position: Position | None,
    held: BarColumns,
    look: Look,
) -> Any:
    """Add marks, alerts and a position to a figure that shows the bars ``held``, and return it."""
    if not len(held):
        return figure
    log = has_log_prices(figure)
    low, high = figure.layout.yaxis.range
    figure.add_traces(_mark_traces(marks, held, look, _STEP * (high - low), log))
    low, high = (10.0**low, 10.0**high) if log else (low, high)
    for _, price, opacity in alerts_in_range(alerts, low, high):
        _add_level(figure, "mdnb-alert", price, look.theme.warning, opacity, look, log)
    if position is not None and low <= position.entry <= high:
        words, colour = position_words(position, float(held.close[-1]), look)
        _add_level(figure, "mdnb-position", position.entry, colour, 1.0, look, log)
        figure.add_annotation(
            name="mdnb-position",
            xref="paper",
            x=0.01,
            xanchor="left",
            yref="y",
            y=to_axis(position.entry, log),
            yanchor="bottom",
            showarrow=False,
            text=words,
            font={"color": colour, "size": 11},
        )
    return figure


def position_words(position: Position, price: float, look: Look) -> tuple[str, str]:
    """Return what stands at a position's line, and its colour, at a price."""
    gained = position.profit_at(price)
    colour = look.theme.up if gained >= 0 else look.theme.down
    return f"{quantity(position.size)} · {money(gained)}", colour


def placed_marks(marks: Sequence[Mark], held: BarColumns, timeframe: str) -> Iterator[tuple[Mark, int, int]]:
    """Yield the marks at the bars held, oldest first, each with its bar's position and its place there.

    Those of buys are counted below the bar, from 1, all others above it.
    """
    stacked: collections.Counter[tuple[int, bool]] = collections.Counter()
    for mark in sorted(marks, key=lambda mark: mark.time_ns):
        at = bar_of(mark.time_ns, held, timeframe)
        if at is not None:
            stacked[at, mark.side == "buy"] += 1
            yield mark, at, stacked[at, mark.side == "buy"]


def alerts_in_range(alerts: Sequence[Alert], low: float, high: float) -> list[tuple[Alert, float, float]]:
    """Return the price alerts within a range, newest last, each with its price and opacity."""
    over = [alert for alert in alerts if not alert.active and alert.fired][-FIRED_SHOWN:]
    return [
        (alert, alert.price, 1.0 if alert.active else 0.45)
        for alert in (*over, *(alert for alert in alerts if alert.active))
        if alert.price is not None and low <= alert.price <= high
    ]


def _mark_traces(
    marks: Sequence[Mark], held: BarColumns, look: Look, step: float, log: bool
) -> list[dict[str, Any]]:
    points: dict[str, list[tuple[float, float, str]]] = collections.defaultdict(list)
    for mark, at, place in placed_marks(marks, held, look.timeframe):
        away = -step * place if mark.side == "buy" else step * place
        end = float(held.low[at] if mark.side == "buy" else held.high[at])
        y = end * 10.0**away if log else end + away
        # Plotly takes texts for a kind of HTML.
        points[mark.side].append((held.first + at, y, html.escape(mark.text)))
        if mark.price is not None:
            points["price"].append((held.first + at, mark.price, ""))
    return [_trace(name, found, look.theme) for name, found in points.items()]


def _trace(name: str, points: Sequence[tuple[float, float, str]], theme: Theme) -> dict[str, Any]:
    x, y, text = zip(*points, strict=True)
    colour = {"buy": theme.up, "sell": theme.down}.get(name, theme.text)
    marker: dict[str, Any] = {"symbol": "line-ew", "size": 11, "line": {"color": colour, "width": 1.5}}
    if name != "price":
        edge = {"color": theme.background, "width": 1}
        marker = {"symbol": _SYMBOLS[name], "size": 11, "color": colour, "line": edge}
    return {
        "type": "scatter",
        "name": name,
        "mode": "markers+text" if any(text) else "markers",
        "x": list(x),
        "y": list(y),
        "text": list(text),
        "textposition": "middle right",
        "textfont": {"color": theme.text, "size": 11},
        "marker": marker,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _add_level(
    figure: Any, name: str, price: float, colour: str, opacity: float, look: Look, log: bool
) -> None:
    line = {"color": colour, "width": 1, "dash": "dash"}
    across = {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": price, "y1": price}
    figure.add_shape(type="line", name=name, opacity=opacity, line=line, **across)
    figure.add_annotation(
        name=name,
        xref="paper",
        x=1,
        xanchor="left",
        yref="y",
        y=to_axis(price, log),
        yanchor="middle",
        showarrow=False,
        opacity=opacity,
        text=f"{price:,.{look.decimals}f}",
        font={"color": colour, "size": 11},
        bgcolor=look.theme.background,
        bordercolor=colour,
        borderpad=2,
    )
