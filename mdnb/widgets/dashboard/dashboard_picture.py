"""A dashboard as a still picture or page: what a page without a kernel shows."""

from __future__ import annotations

import html
from collections.abc import Sequence

from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.dashboard.strip_state import StripState
from mdnb.widgets.page.theme import Theme, theme_of

__all__ = ["dashboard_page", "dashboard_picture"]

_WIDTH = 1240
_STRIP = 44
_LETTER = 6.6
"""Pixels of a letter of 12 pixels, on the average."""


def dashboard_picture(charts: Sequence[LiveChart], strips: Sequence[StripState], columns: int) -> str:
    """Return charts and the values above them as SVG text.

    Parameters
    ----------
    charts
        In the order of the page.
    strips
        One line each.
    columns
        Charts side by side; where one is left over, the first is as wide as the picture.
    """
    theme = theme_of(charts[0]._mdnb.state.theme, charts[0].palette)
    body: list[str] = []
    top = 0
    for strip in strips:
        body.append(_strip(strip, theme, top))
        top += _STRIP
    wide = columns > 1 and len(charts) > 1 and len(charts) % columns == 1
    rows = [[charts[0]], *_chunks(charts[1:], columns)] if wide else _chunks(charts, columns)
    for row in rows:
        width = _WIDTH // (1 if len(row) == 1 else columns)
        for at, chart in enumerate(row):
            body.append(f'<g transform="translate({at * width} {top})">{chart.picture(width)}</g>')
        top += max(chart._mdnb.state.options.height for chart in row)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="100%" '
        f'style="max-width:{_WIDTH}px" font-family="system-ui,sans-serif" font-size="12" role="img">'
        f'<rect width="{_WIDTH}" height="{top}" fill="{theme.background}"/>{"".join(body)}</svg>'
    )


def dashboard_page(charts: Sequence[LiveChart], strips: Sequence[StripState], columns: int) -> str:
    """Return a stand-alone page: the picture, and what is above the charts as tables."""
    theme = theme_of(charts[0]._mdnb.state.theme, charts[0].palette)
    title = html.escape(f"{charts[0].symbol}: {', '.join(chart.timeframe for chart in charts)}")
    tables = "".join(strip.html() for strip in strips)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>'
        f"body{{margin:12px;background:{theme.background};color:{theme.text};font:13px system-ui,sans-serif}}"
        f"svg{{max-width:100%;height:auto}}td,th{{padding:1px 12px 1px 0;text-align:left}}"
        f"th{{font-weight:normal;color:{theme.muted}}}caption{{text-align:left;padding:6px 0 2px}}</style>"
        f"{tables}{dashboard_picture(charts, (), columns)}</html>\n"
    )


def _strip(state: StripState, theme: Theme, top: int) -> str:
    """Return the values of a strip, side by side, as far as they fit."""
    parts: list[str] = []
    x = 16.0
    for tile in state.tiles:
        words = len(f"{tile.value} {tile.small}".strip())
        wide = _LETTER * max(words, len(tile.label)) + 24
        if x + wide > _WIDTH:
            break
        small = f' <tspan fill="{theme.muted}" font-size="11">{html.escape(tile.small)}</tspan>'
        dot = f'<tspan fill="{getattr(theme, tile.tone)}">● </tspan>' if tile.dot else ""
        parts.append(
            f'<text x="{x:.0f}" y="{top + 17}" fill="{theme.muted}" font-size="11">'
            f"{html.escape(tile.label)}</text>"
            f'<text x="{x:.0f}" y="{top + 34}" fill="{theme.text}">{dot}{html.escape(tile.value)}'
            f"{small if tile.small else ''}</text>"
        )
        x += wide
    line = f'<path d="M0 {top + _STRIP - 0.5}H{_WIDTH}" stroke="{theme.grid}"/>'
    return "".join([*parts, line])


def _chunks(charts: Sequence[LiveChart], size: int) -> list[Sequence[LiveChart]]:
    return [charts[at : at + size] for at in range(0, len(charts), size)]
