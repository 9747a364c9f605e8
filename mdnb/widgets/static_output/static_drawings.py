"""Drawings in pictures and plain figures: what plotly's shapes lack, and in a picture the shapes, too."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mdnb.instruments import Instrument
from mdnb.widgets.figure.axis import to_axis
from mdnb.widgets.figure.drawn_shapes import FIBONACCI, kind_of, words_of
from mdnb.widgets.figure.layout import Look
from mdnb.widgets.figure.position import money
from mdnb.widgets.page.theme import contrast_text

__all__ = [
    "DrawnPlace",
    "DrawnStroke",
    "DrawnWords",
    "add_drawings",
    "drawing_svg",
    "measure_words",
    "more_parts",
    "span_words",
]

_MINUS = "\N{MINUS SIGN}"
_UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
_LETTER = 6.2  # pixels of a small text, on average
_DASHES = {"dot": "2 3", "dash": "6 4"}


@dataclasses.dataclass(frozen=True, slots=True)
class DrawnPlace:
    """What is around drawings: instrument, look, edges in ordinals and prices, and the kind of axis."""

    instrument: Instrument
    look: Look
    across: tuple[float, float]
    up: tuple[float, float]
    log: bool


@dataclasses.dataclass(frozen=True, slots=True)
class DrawnStroke:
    """A line between two places, ordinals and prices."""

    x0: float
    y0: float
    x1: float
    y1: float
    line: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class DrawnWords:
    """Lines of text at a place: right of it, or in a box above or below it."""

    x: float
    y: float
    lines: tuple[str, ...]
    colour: str
    stands: str = "right"


def span_words(seconds: float) -> str:
    """Return a span of time in its two largest units.

    Examples
    --------
    >>> span_words(5100), span_words(-120), span_words(90_061), span_words(0.2)
    ('1h 25m', '−2m', '1d 1h', '0s')
    """
    left = round(abs(seconds))
    first = next((i for i, (_, size) in enumerate(_UNITS) if left >= size), None)
    if first is None:
        return "0s"
    words = []
    for unit, size in _UNITS[first : first + 2]:
        count, left = divmod(left, size)
        if count:
            words.append(f"{count}{unit}")
    return (_MINUS if seconds < 0 else "") + " ".join(words)


def _signed(value: float, words: str) -> str:
    if not any(digit in words for digit in "123456789"):
        return words
    return (_MINUS if value < 0 else "+") + words


def measure_words(
    prices: tuple[float, float], bars: float, seconds: float, instrument: Instrument, decimals: int
) -> tuple[str, str]:
    """Return the two lines that a measured stretch says, as the page does.

    Examples
    --------
    >>> mnq = Instrument("MNQ", tick_size=0.25, point_value=2.0)
    >>> measure_words((20_000, 20_012.5), 17, 5100, mnq, 2)
    ('+12.50 · +0.06% · +50 ticks · +25.00 a lot', '+17 bars · 1h 25m')
    """
    begin, end = prices
    change = end - begin
    said = [_signed(change, f"{abs(change):,.{decimals}f}")]
    if begin > 0:
        share = 100 * change / begin
        said.append(_signed(share, f"{abs(share):.2f}%"))
    if instrument.tick_size:
        ticks = round(change / instrument.tick_size)
        said.append(f"{_signed(ticks, f'{abs(ticks):,}')} ticks")
    if instrument.point_value:
        said.append(f"{money(change * instrument.point_value)} a lot")
    count = f"{abs(round(bars, 1)):,.1f}".removesuffix(".0")
    return " · ".join(said), f"{_signed(bars, count)} bars · {span_words(seconds)}"


def more_parts(
    shape: Mapping[str, Any], times: tuple[int, int] | None, place: DrawnPlace
) -> list[DrawnStroke | DrawnWords]:
    """Return what belongs to a drawing and is no shape of plotly's.

    Parameters
    ----------
    times
        Of its sides, UTC epoch microseconds; None of a horizontal line.
    """
    kind, line = kind_of(shape), shape.get("line") or {}
    x0, x1, y0, y1 = (float(shape[name]) for name in ("x0", "x1", "y0", "y1"))
    colour = line.get("color") or place.look.theme.drawn
    if kind == "ray":
        x, y = _far(x0, y0, x1, y1, place)
        return [DrawnStroke(x1, y1, x, y, line)]
    if kind == "fibonacci":
        out: list[DrawnStroke | DrawnWords] = []
        for share in FIBONACCI:
            price = y1 + (y0 - y1) * share
            words = (f"{share:g}  {price:,.{place.look.decimals}f}",)
            left, right = min(x0, x1), max(x0, x1)
            out += [
                DrawnStroke(left, price, right, price, {"color": colour, "width": 1}),
                DrawnWords(right, price, words, colour),
            ]
        return out
    if kind == "measure" and times is not None:
        seconds = (times[1] - times[0]) / 1e6
        said = measure_words((y0, y1), x1 - x0, seconds, place.instrument, place.look.decimals)
        return [DrawnWords((x0 + x1) / 2, y1, said, place.look.theme.drawn, "above" if y1 >= y0 else "below")]
    return []


def _far(x0: float, y0: float, x1: float, y1: float, place: DrawnPlace) -> tuple[float, float]:
    """Return where a ray leaves what is shown; straight on the axis it is drawn on."""
    if x1 == x0:
        low, high = place.up
        return x1, max(high, y1) if y1 > y0 else min(low, y1)
    x = max(place.across[1], x1) if x1 > x0 else min(place.across[0], x1)
    share = (x - x0) / (x1 - x0)
    if not place.log or y0 <= 0 or y1 <= 0:
        return x, y0 + (y1 - y0) * share
    power = math.log10(y0) + (math.log10(y1) - math.log10(y0)) * share
    return x, 10.0 ** min(max(power, -300.0), 300.0)


def add_drawings(
    figure: Any, shapes: Iterable[Mapping[str, Any]], times: Mapping[str, tuple[int, int]], place: DrawnPlace
) -> Any:
    """Add to a plain figure, which has the shapes of drawings, what else belongs to them; return it."""
    for shape in shapes:
        for part in more_parts(shape, times.get(shape["name"]), place):
            if isinstance(part, DrawnStroke):
                sides = {name: getattr(part, name) for name in ("x0", "x1", "y0", "y1")}
                figure.add_shape(type="line", xref="x", yref="y", line=dict(part.line), **sides)
                continue
            boxed = part.stands != "right"
            box = {"bgcolor": part.colour, "borderpad": 4} if boxed else {}
            colour = contrast_text(part.colour) if boxed else part.colour
            figure.add_annotation(
                x=part.x,
                y=to_axis(part.y, place.log),
                text="<br>".join(map(html.escape, part.lines)),
                showarrow=False,
                xanchor="center" if boxed else "left",
                yanchor={"above": "bottom", "below": "top"}.get(part.stands, "middle"),
                font={"color": colour, "size": 11},
                **box,
            )
    return figure


# -- in a picture ---------------------------------------------------------------------------------------


def drawing_svg(
    shape: Mapping[str, Any],
    more: Sequence[DrawnStroke | DrawnWords],
    ends: tuple[float, float, float, float],
    pixels: Any,
    place: DrawnPlace,
) -> str:
    """Return a drawing as SVG.

    Parameters
    ----------
    more
        Of `more_parts`.
    ends
        Where it begins and ends, x and y in pixels.
    pixels
        Returns the pixels of an ordinal and a price.
    """
    kind, line = kind_of(shape), dict(shape.get("line") or {})
    colour = line["color"] = html.escape(str(line.get("color") or place.look.theme.drawn))
    x0, y0, x1, y1 = ends
    if kind == "text":
        said = html.escape(words_of(shape))
        out = [f'<text x="{x0:.1f}" y="{y0 + 4:.1f}" fill="{colour}" font-size="13">{said}</text>']
    elif kind in {"rect", "measure"}:
        box = f'x="{min(x0, x1):.1f}" y="{min(y0, y1):.1f}" width="{abs(x1 - x0):.1f}"'
        fill = html.escape(str(shape.get("fillcolor") or "none"))
        out = [f'<rect {box} height="{abs(y1 - y0):.1f}" fill="{fill}" stroke="{colour}"/>']
    else:
        out = [_line_svg(ends, line)]
    for part in more:
        if isinstance(part, DrawnStroke):
            out.append(
                _line_svg(
                    (*pixels(part.x0, part.y0), *pixels(part.x1, part.y1)), {"color": colour, **part.line}
                )
            )
        else:
            out.append(_words_svg(part, *pixels(part.x, part.y)))
    return "".join(out)


def _line_svg(ends: tuple[float, ...], line: Mapping[str, Any]) -> str:
    x0, y0, x1, y1 = ends
    dash = _DASHES.get(str(line.get("dash")), "")
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    colour, width = html.escape(str(line["color"])), float(line.get("width") or 1)
    d = f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"
    return f'<path d="{d}" stroke="{colour}" stroke-width="{width:g}" fill="none"{dashed}/>'


def _words_svg(words: DrawnWords, x: float, y: float) -> str:
    colour = html.escape(words.colour)
    if words.stands == "right":
        said = html.escape(words.lines[0])
        return f'<text x="{x + 5:.1f}" y="{y + 4:.1f}" fill="{colour}">{said}</text>'
    wide, tall = _LETTER * max(map(len, words.lines)) + 12, 15 * len(words.lines) + 6
    top = y - tall - 5 if words.stands == "above" else y + 5
    text = contrast_text(words.colour)
    box = f'x="{x - wide / 2:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{tall}"'
    out = f'<rect {box} rx="3" fill="{colour}"/>'
    for i, one in enumerate(words.lines):
        at = f'x="{x:.1f}" y="{top + 14 + 15 * i:.1f}" text-anchor="middle"'
        out += f'<text {at} fill="{text}">{html.escape(one)}</text>'
    return out
