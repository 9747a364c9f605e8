"""A chart as a small stand-alone SVG: what a page without a kernel shows."""

from __future__ import annotations

import html

import numpy as np

from mdnb.store.bars import BarColumns
from mdnb.widgets.axis import price_range, time_labels
from mdnb.widgets.theme import Theme, contrast_text

__all__ = ["svg_picture"]

_PANE = 0.78
_RIGHT = 78
_TOP = 30
_BOTTOM = 22


def svg_picture(
    columns: BarColumns, title: str, decimals: int, tz: str, theme: Theme, width: int = 920, height: int = 420
) -> str:
    """Return candles, volume and the last price as SVG text.

    Parameters
    ----------
    columns
        The bars to show, oldest first.
    title
        Shown top left; escaped.
    decimals
        Of the prices.

    Examples
    --------
    >>> from mdnb.store.bars import columns_from_rows
    >>> from mdnb.widgets.theme import theme_of
    >>> bars = columns_from_rows([(0, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5)])
    >>> svg_picture(bars, "<MNQ>", 2, "UTC", theme_of("light")).count("&lt;MNQ&gt;")
    1
    """
    body = [f'<rect width="{width}" height="{height}" fill="{theme.background}"/>']
    count = len(columns)
    if count:
        body += _bars(columns, decimals, tz, theme, width, height)
    body.append(f'<text x="10" y="19" fill="{theme.text}" font-weight="600">{html.escape(title)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" '
        f'font-family="system-ui,sans-serif" font-size="11" role="img">{"".join(body)}</svg>'
    )


def _bars(columns: BarColumns, decimals: int, tz: str, theme: Theme, width: int, height: int) -> list[str]:
    count = len(columns)
    low, high = price_range(columns.low, columns.high, None)
    pane = (height - _TOP - _BOTTOM) * _PANE
    base = height - _BOTTOM
    room = (width - _RIGHT - 10) / (count + 4)
    peak = max(float(columns.volume.max()), 1e-12)

    def y(price: float) -> float:
        return _TOP + pane * (high - price) / (high - low)

    out: list[str] = []
    for price in np.linspace(low, high, 7)[1:-1]:
        out.append(f'<path d="M10 {y(price):.1f}H{width - _RIGHT}" stroke="{theme.grid}"/>')
        out.append(
            f'<text x="{width - _RIGHT + 6}" y="{y(price) + 4:.1f}" fill="{theme.muted}">'
            f"{price:,.{decimals}f}</text>"
        )
    where, labels = time_labels(columns.time_us.tolist(), 0, tz, bold=False)
    for at, label in zip(where, labels, strict=True):
        out.append(
            f'<text x="{10 + room * (at + 0.5):.1f}" y="{height - 7}" fill="{theme.muted}" '
            f'text-anchor="middle">{label}</text>'
        )
    for rising, colour in ((True, theme.up), (False, theme.down)):
        wicks, bodies, volumes = [], [], []
        for i in np.flatnonzero((columns.close >= columns.open) == rising):
            x, w = 10 + room * (i + 0.5), max(room * 0.7, 0.8)
            top, bottom = y(max(columns.open[i], columns.close[i])), y(min(columns.open[i], columns.close[i]))
            wicks.append(f"M{x:.1f} {y(columns.high[i]):.1f}V{y(columns.low[i]):.1f}")
            bodies.append(f"M{x - w / 2:.1f} {top:.1f}h{w:.1f}v{max(bottom - top, 0.8):.1f}h-{w:.1f}z")
            tall = columns.volume[i] / peak * (base - _TOP - pane - 12)
            volumes.append(f"M{x - w / 2:.1f} {base:.1f}h{w:.1f}v-{tall:.1f}h-{w:.1f}z")
        out.append(
            f'<path d="{"".join(wicks)}" stroke="{colour}"/><path d="{"".join(bodies)}" fill="{colour}"/>'
        )
        out.append(f'<path d="{"".join(volumes)}" fill="{colour}" opacity=".45"/>')
    last = float(columns.close[-1])
    colour = theme.up if last >= float(columns.open[-1]) else theme.down
    out.append(f'<path d="M10 {y(last):.1f}H{width - _RIGHT}" stroke="{colour}" stroke-dasharray="2 3"/>')
    out.append(
        f'<rect x="{width - _RIGHT}" y="{y(last) - 9:.1f}" width="{_RIGHT}" height="18" fill="{colour}"/>'
    )
    out.append(
        f'<text x="{width - _RIGHT + 6}" y="{y(last) + 4:.1f}" fill="{contrast_text(colour)}">'
        f"{last:,.{decimals}f}</text>"
    )
    return out
