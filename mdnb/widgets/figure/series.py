"""The lines a chart draws beside its bars: which indicators, where each line goes, in which colour."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable
from typing import Literal

from mdnb.analysis.indicators import Indicator
from mdnb.errors import OptionError
from mdnb.widgets.figure.live_expression import LiveExpression

__all__ = ["MOST_OVERLAYS", "Line", "Overlay", "Pane", "lines_of", "panes_of", "parse_overlays"]

Overlay = Indicator | LiveExpression
"""What is drawn beside the bars."""

MOST_OVERLAYS = 12
"""More lines than these are hard to distinguish."""

_BARS = {"histogram", "delta"}
_GUIDES = {"rsi": (30.0, 70.0)}
_RANGES = {"rsi": (0.0, 100.0)}


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line of an indicator.

    Attributes
    ----------
    uid
        Of its trace.
    name
        What a column of its values is called, such as ``ema(20)`` or ``macd(12, 26, 9) signal``.
    indicator, line
        Whose line it is, an indicator's or a live one, and which.
    axis
        Plotly's name of its y axis: ``y`` lies over the bars, ``y3`` and up are panes below.
    style
        ``line``, or ``bars`` coloured by sign.
    accent
        Number of its colour among the theme's accents.
    width
        Pixels.
    fills
        Whether the room to the line before is filled.
    """

    uid: str
    name: str
    indicator: Overlay
    line: str
    axis: str
    style: Literal["line", "bars"]
    accent: int
    width: float
    fills: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Pane:
    """A pane below the bars.

    Attributes
    ----------
    axis
        Plotly's name of its y axis.
    name
        The indicator's.
    label
        What its legend says.
    guides
        Values at which a faint line stands.
    range
        Lowest and highest value, None where they follow what is in view.
    """

    axis: str
    name: str
    label: str
    guides: tuple[float, ...]
    range: tuple[float, float] | None


def parse_overlays(given: Iterable[str | Overlay] | str | Overlay) -> tuple[Overlay, ...]:
    """Return the indicators and live lines that are meant, each once, in order.

    Raises
    ------
    OptionError
        When one is not understood, two have one name, or there are more than `MOST_OVERLAYS`.

    Examples
    --------
    >>> [str(one) for one in parse_overlays(["EMA(20)", "vwap", "ema(20)"])]
    ['ema(20)', 'vwap']
    """
    texts = [given] if isinstance(given, (str, Indicator, LiveExpression)) else list(given)
    found: tuple[Overlay, ...] = tuple(
        dict.fromkeys(one if isinstance(one, LiveExpression) else Indicator.parse(one) for one in texts)
    )
    names = [str(one) for one in found]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"the chart has a line {name!r} already: give another name, or remove that one")
    if len(found) > MOST_OVERLAYS:
        raise OptionError(f"a chart draws at most {MOST_OVERLAYS} overlays; got {len(found)}")
    return found


@functools.lru_cache(maxsize=64)
def lines_of(indicators: tuple[Overlay, ...]) -> tuple[Line, ...]:
    """Return the lines to draw, in the order of their traces.

    Examples
    --------
    >>> [(line.name, line.axis) for line in lines_of(parse_overlays(["sma(5)", "rsi", "atr"]))]
    [('sma(5)', 'y'), ('rsi(14)', 'y3'), ('atr(14)', 'y4')]
    >>> [line.line for line in lines_of(parse_overlays("macd"))]
    ['histogram', 'macd', 'signal']
    """
    out: list[Line] = []
    lower = 0
    for number, indicator in enumerate(indicators):
        axis, accent = "y", number
        if indicator.pane == "lower":
            axis, accent = f"y{3 + lower}", 0
            lower += 1
        for line in _drawn_first(indicator):
            alone = len(indicator.lines) == 1
            bars = line in _BARS
            band = indicator.name == "bollinger" and line != "middle"
            out.append(
                Line(
                    uid=_id(f"mdnb-{indicator}-{line}"),
                    name=str(indicator) if alone else f"{indicator} {line}",
                    indicator=indicator,
                    line=line,
                    axis=axis,
                    style="bars" if bars else "line",
                    accent=accent + (line == "signal"),
                    width=1.0 if band or line == "signal" else 1.5,
                    fills=band and line == "lower",
                )
            )
    return tuple(out)


def _id(text: str) -> str:
    """Return a text that plotly can look up: it makes CSS classes of the ids of traces."""
    return re.sub(r"[^a-z0-9]+", "-", text)


def _drawn_first(indicator: Overlay) -> tuple[str, ...]:
    """Return the lines with what lies below others first; a band's edges stand beside each other."""
    if indicator.name == "bollinger":
        return ("upper", "lower", "middle")
    return tuple(sorted(indicator.lines, key=lambda line: line not in _BARS))


@functools.lru_cache(maxsize=64)
def panes_of(indicators: tuple[Overlay, ...]) -> tuple[Pane, ...]:
    """Return the panes below the bars, from the top."""
    lower = [one for one in indicators if one.pane == "lower"]
    return tuple(
        Pane(f"y{3 + i}", one.name, one.label, _GUIDES.get(one.name, ()), _RANGES.get(one.name))
        for i, one in enumerate(lower)
    )
