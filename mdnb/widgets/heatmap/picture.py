"""A heat map as a small stand-alone SVG: what a page without a kernel shows."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import html
import math
import struct
import zlib
import zoneinfo
from collections.abc import Sequence
from typing import Any

import numpy as np

from mdnb.widgets.heatmap.ring import BookColumn
from mdnb.widgets.heatmap.scale import shade
from mdnb.widgets.page.theme import Theme
from mdnb.widgets.tables.cell_format import number

__all__ = ["heat_svg", "png"]

_WIDTH, _TOP, _RIGHT, _BOTTOM = 760, 30, 82, 24
_ROWS = 120
_LABELS = 8


def png(pixels: np.ndarray, colours: Sequence[str]) -> bytes:
    """Return an image as PNG with a palette.

    Parameters
    ----------
    pixels
        Numbers of colours, rows from the top.
    colours
        ``#rrggbb``, at most 256.

    Examples
    --------
    >>> png(np.zeros((2, 3), dtype=int), ["#ffffff"])[1:4]
    b'PNG'
    """

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    height, width = pixels.shape
    # Each row begins with the number of its filter: none.
    rows = np.hstack([np.zeros((height, 1)), pixels]).astype(np.uint8)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            chunk(b"PLTE", bytes.fromhex("".join(colour[1:] for colour in colours))),
            chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            chunk(b"IEND", b""),
        )
    )


def heat_svg(
    columns: Sequence[BookColumn], settings: dict[str, Any], theme: Theme, colours: Sequence[str]
) -> str:
    """Return columns, last price, best bid and ask as SVG text; texts are escaped.

    Parameters
    ----------
    settings
        ``symbol``, ``tz``, ``step``, ``decimals``, ``interval``, ``height`` and ``columns`` as the page has
        them.
    colours
        From no size to the largest.
    """
    height = settings["height"]
    title = html.escape(f"{settings['symbol']} · order book")
    body = [f'<rect width="{_WIDTH}" height="{height}" fill="{theme.background}"/>']
    seen = [column for column in columns if len(column.ticks)]
    if seen:
        body += _drawn(columns, seen, settings, theme, colours)
    else:
        body.append(f'<text x="10" y="{_TOP + 20}" fill="{theme.muted}">no order book yet</text>')
    body.append(f'<text x="10" y="19" fill="{theme.text}" font-weight="600">{title}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" font-family="system-ui,sans-serif" font-size="11" role="img" '
        f'aria-label="{title}">{"".join(body)}</svg>'
    )


def _drawn(
    columns: Sequence[BookColumn],
    seen: Sequence[BookColumn],
    settings: dict[str, Any],
    theme: Theme,
    colours: Sequence[str],
) -> list[str]:
    low = min(int(column.ticks.min()) for column in seen)
    span = max(int(column.ticks.max()) for column in seen) - low + 1
    per_row = math.ceil(span / _ROWS)
    rows, count = math.ceil(span / per_row), settings["columns"]
    first = columns[-1].index - count + 1
    sizes = np.zeros((rows, count))
    for column in columns:
        np.add.at(sizes[:, column.index - first], (column.ticks - low) // per_row, column.sizes)
    places, _, _ = shade(sizes)
    image = png(np.rint(places * (len(colours) - 1)).astype(int)[::-1], colours)
    coded = base64.b64encode(image).decode("ascii")
    frame = _Frame(first, count, low, rows * per_row, settings["height"] - _TOP - _BOTTOM)
    lines = [
        (theme.up, 1.2, [column.best_bid for column in columns]),
        (theme.down, 1.2, [column.best_ask for column in columns]),
        (theme.text, 1.6, [column.last for column in columns]),
    ]
    stand = [column.index for column in columns]
    picture = (
        f'<image x="0" y="{_TOP}" width="{_WIDTH - _RIGHT}" height="{frame.height}" '
        f'preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{coded}"/>'
    )
    drawn = [_line(stand, ticks, frame, colour, thick) for colour, thick, ticks in lines]
    return [picture, *drawn, *_axes(frame, settings, theme), _head(seen[-1], settings, theme)]


@dataclasses.dataclass(frozen=True, slots=True)
class _Frame:
    """Where columns and ticks are in the picture."""

    first: int
    columns: int
    low: int
    span: int
    height: int

    def x(self, index: float) -> float:
        return (index - self.first) / self.columns * (_WIDTH - _RIGHT)

    def y(self, tick: float) -> float:
        """Return the middle of a tick's row."""
        return _TOP + self.height * (1 - (tick - self.low + 0.5) / self.span)


def _line(stand: list[int], ticks: list[float], frame: _Frame, colour: str, thick: float) -> str:
    """Return steps; where there is no price, or none in the picture, the line is broken."""
    parts, down = [], False
    for index, tick in zip(stand, ticks, strict=True):
        is_shown = frame.low <= tick < frame.low + frame.span
        if is_shown:
            start = f"{'L' if down else 'M'}{frame.x(index):.1f} {frame.y(tick):.1f}"
            parts.append(f"{start}H{frame.x(index + 1):.1f}")
        down = is_shown
    return f'<path d="{"".join(parts)}" fill="none" stroke="{colour}" stroke-width="{thick}"/>'


def _axes(frame: _Frame, settings: dict[str, Any], theme: Theme) -> list[str]:
    texts = []
    for at in range(_LABELS):
        tick = frame.low + (2 * at + 1) * frame.span // (2 * _LABELS)
        price = html.escape(number(tick * settings["step"], settings["decimals"]))
        place = f'x="{_WIDTH - _RIGHT + 8}" y="{frame.y(tick) + 4:.1f}"'
        texts.append(f'<text {place} fill="{theme.muted}">{price}</text>')
    zone, base = zoneinfo.ZoneInfo(settings["tz"]), settings["height"] - 8
    every = max(1, frame.columns // 6)
    for index in range(frame.first - frame.first % -every, frame.first + frame.columns, every):
        if 30 < frame.x(index) < _WIDTH - _RIGHT - 30:
            clock = dt.datetime.fromtimestamp(index * settings["interval"], zone).strftime("%H:%M:%S")
            place = f'x="{frame.x(index):.1f}" y="{base}" text-anchor="middle"'
            texts.append(f'<text {place} fill="{theme.muted}">{clock}</text>')
    return texts


def _head(column: BookColumn, settings: dict[str, Any], theme: Theme) -> str:
    ticks = (column.best_bid, column.best_ask, column.best_ask - column.best_bid)
    bid, ask, spread = (number(tick * settings["step"], settings["decimals"]) for tick in ticks)
    said = html.escape(f"bid {bid} · ask {ask} · spread {spread} · {settings['status']}")
    return f'<text x="{_WIDTH - 10}" y="19" fill="{theme.muted}" text-anchor="end">{said}</text>'
