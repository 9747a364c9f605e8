"""Lines and rectangles drawn on a chart: layout shapes of their own names, kept at their times."""

from __future__ import annotations

import contextlib
import math
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mdnb.errors import OptionError
from mdnb.manager.arguments import When, to_ns
from mdnb.store.columns import BarColumns
from mdnb.widgets.page.theme import Theme, contrast_text, theme_of, with_alpha

if TYPE_CHECKING:
    import pandas as pd

    from mdnb.widgets.chart.state import Anchors, ChartState

__all__ = [
    "DRAWN",
    "ChartDrawings",
    "DrawnLine",
    "DrawnRectangle",
    "carry",
    "drawing_colours",
    "is_drawn",
    "place",
    "recolour_drawn",
    "taken",
]

DRAWN = "mdnb-draw"
"""What the names of drawn shapes begin with; every other shape is the user's own affair."""

_PALE = 0.12


class DrawnLine(NamedTuple):
    """A horizontal line.

    Attributes
    ----------
    name
        Of its shape in ``chart.layout.shapes``.
    price
        Where it is.
    """

    name: str
    price: float


class DrawnRectangle(NamedTuple):
    """A rectangle of time and price.

    Attributes
    ----------
    name
        Of its shape in ``chart.layout.shapes``.
    start, end
        Bar starts at its left and right side, in the chart's time zone; between two bars and right of the
        newest one, as far as bars of this timeframe reach.
    low, high
        Prices.
    """

    name: str
    start: pd.Timestamp
    end: pd.Timestamp
    low: float
    high: float


def is_drawn(name: str | None) -> bool:
    """Return whether a shape of that name was drawn with the chart's tools."""
    return bool(name) and str(name).startswith(DRAWN)


# -- how they look ------------------------------------------------------------------------------------


def drawing_colours(theme: Theme) -> dict[str, str]:
    """Return the colours of what is drawn: its lines, and what a rectangle is filled with."""
    return {
        "drawn": theme.drawn,
        "drawn_fill": with_alpha(theme.drawn, _PALE),
        "drawn_text": contrast_text(theme.drawn),
    }


def _line(price: float, theme: Theme) -> dict[str, Any]:
    return {
        "type": "line",
        "name": f"{DRAWN}-line-{secrets.token_hex(4)}",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": "y",
        "y0": price,
        "y1": price,
        "line": {"color": theme.drawn, "width": 1.5},
    }


def _rectangle(x0: float, x1: float, low: float, high: float, theme: Theme) -> dict[str, Any]:
    return {
        "type": "rect",
        "name": f"{DRAWN}-rect-{secrets.token_hex(4)}",
        "xref": "x",
        "x0": x0,
        "x1": x1,
        "yref": "y",
        "y0": low,
        "y1": high,
        "line": {"color": theme.drawn, "width": 1},
        "fillcolor": with_alpha(theme.drawn, _PALE),
        "layer": "below",
    }


def recolour_drawn(figure: Any, theme: Theme) -> None:
    """Give what was drawn a theme's colours, except where the user chose others; nothing is sent."""
    ours = [drawing_colours(theme_of(name)) for name in ("dark", "light")]
    now = drawing_colours(theme)
    for shape in figure._layout.get("shapes") or ():
        if not is_drawn(shape.get("name")):
            continue
        if shape.get("line", {}).get("color") in {colours["drawn"] for colours in ours}:
            shape["line"]["color"] = now["drawn"]
        if shape.get("fillcolor") in {colours["drawn_fill"] for colours in ours}:
            shape["fillcolor"] = now["drawn_fill"]


# -- where they are: a shape's x is a bar's ordinal, what the user means is a time -----------------------


def _times_of(ordinals: list[float], bars: BarColumns) -> list[int]:
    """Return times at ordinals, in UTC epoch microseconds: between bars, and beyond them, by proportion."""
    at = bars.first + np.arange(len(bars), dtype=float)
    return [round(time) for time in _along(ordinals, at, bars.time_us.astype(float))]


def _ordinals_of(times_us: list[int], bars: BarColumns) -> list[float]:
    at = bars.first + np.arange(len(bars), dtype=float)
    # A chart's axis needs no millionths of a bar; whole bars come back as whole numbers.
    return [round(place, 6) for place in _along(times_us, bars.time_us.astype(float), at)]


def _along(given: list[Any], known: np.ndarray, values: np.ndarray) -> list[float]:
    """Interpolate, and go on as the middle step does at both ends."""
    if len(known) < 2:
        shift = float(values[0] - known[0]) if len(known) else 0.0
        return [float(one) + shift for one in given]
    slope = float(np.median(np.diff(values))) / float(np.median(np.diff(known)))
    out = []
    for one in given:
        if one < known[0]:
            out.append(float(values[0] + (one - known[0]) * slope))
        elif one > known[-1]:
            out.append(float(values[-1] + (one - known[-1]) * slope))
        else:
            out.append(float(np.interp(one, known, values)))
    return out


def _anchored(figure: Any, bars: BarColumns) -> Anchors:
    """Return, and remember, sides and times of the rectangles; times known stand while nobody moves one."""
    anchors = {}
    for shape in _drawn(figure):
        if shape.get("type") != "rect":
            continue
        sides = sorted((float(shape["x0"]), float(shape["x1"])))
        known = figure._mdnb.anchors.get(shape["name"])
        if known is None or list(known[:2]) != sides:
            known = (*sides, *_times_of(sides, bars))
        anchors[shape["name"]] = known
    figure._mdnb.anchors = anchors
    return anchors


def _drawn(figure: Any) -> list[dict[str, Any]]:
    return [shape for shape in figure._layout.get("shapes") or () if is_drawn(shape.get("name"))]


def place(figure: Any, bars: BarColumns) -> None:
    """Put the rectangles where their times are now: another timeframe, or bars put in between, moved them."""
    anchors = figure._mdnb.anchors
    shapes = [dict(shape) for shape in figure._layout.get("shapes") or ()]
    moved = False
    for shape in shapes:
        if shape.get("name") not in anchors:
            continue
        x0, x1, start, end = anchors[shape["name"]]
        sides = _ordinals_of([start, end], bars)
        if sides != [x0, x1] and sorted((shape["x0"], shape["x1"])) == [x0, x1]:
            shape["x0"], shape["x1"] = sides
            anchors[shape["name"]] = (*sides, start, end)
            moved = True
    if moved:
        figure.plotly_relayout({"shapes": shapes})


def carry(figure: Any, before: BarColumns, now: BarColumns, symbol: str) -> None:
    """Carry rectangles by their times from bars to others.

    Prices of one symbol mean nothing on another: what was drawn on the one before, ``symbol``, is put away
    until it is shown again, and what was once drawn on the one shown now is back.
    """
    anchors = _anchored(figure, before)
    state = figure._mdnb
    if state.source.symbol != symbol:
        state.put_away[symbol] = (_drawn(figure), anchors)
        shapes, state.anchors = state.put_away.pop(state.source.symbol, ([], {}))
        others = [shape for shape in figure._layout.get("shapes") or () if not is_drawn(shape.get("name"))]
        figure.layout.shapes = [*others, *shapes]
        recolour_drawn(figure, state.colours)
    place(figure, now)


@contextlib.contextmanager
def taken(figure: Any, told: dict[str, Any] | None) -> Iterator[None]:
    """Take shapes from a page; from our tools only what is drawn: Python may have others meanwhile."""
    changes = told["relayout_data"] if told else {}
    if not told or not isinstance(changes.get("shapes"), list):
        yield
        return
    theirs = [dict(shape) for shape in figure._layout.get("shapes") or () if not is_drawn(shape.get("name"))]
    others = [shape for shape in changes["shapes"] if not is_drawn(shape.get("name"))]
    if told.pop("drawn", False) and others != theirs:
        changes["shapes"] = theirs + [shape for shape in changes["shapes"] if is_drawn(shape.get("name"))]
        told["source_view_id"] = None  # that view lacks them too
    # Plotly takes such a list into the figure's data, and leaves `figure.layout.shapes` as it was.
    layout = figure.layout
    made = layout._get_validator("shapes").validate_coerce(changes["shapes"])
    for shape in made:
        shape._orphan_props.clear()
        shape._parent = layout
    layout._compound_array_props["shapes"] = made
    yield
    state = figure._mdnb
    _anchored(figure, state.source.columns(state.timeframe, state.bars))


# -- what a caller can do -----------------------------------------------------------------------------


class ChartDrawings:
    """Draws on a chart; `mdnb.widgets.chart.chart.LiveChart` has these methods."""

    def __init__(self, figure: Any, state: ChartState) -> None:
        self._figure = figure
        self._state = state

    def drawn(self) -> tuple[DrawnLine | DrawnRectangle, ...]:
        """Return what was drawn, in the page or from Python, oldest first."""
        import pandas as pd

        anchors = _anchored(self._figure, self._bars())
        out: list[DrawnLine | DrawnRectangle] = []
        for shape in _drawn(self._figure):
            name = shape["name"]
            low, high = sorted((float(shape["y0"]), float(shape["y1"])))
            if name in anchors:
                tz = self._state.source.tz
                start, end = (
                    pd.Timestamp(us, unit="us", tz="UTC").tz_convert(tz) for us in anchors[name][2:]
                )
                out.append(DrawnRectangle(name, start, end, low, high))
            else:
                out.append(DrawnLine(name, low))
        return tuple(out)

    def draw_line(self, price: float) -> DrawnLine:
        """Draw a horizontal line at a price, as the tool in the page does.

        Raises
        ------
        OptionError
            When the price is not a finite number.
        """
        at = _price("price", price)
        shape = _line(at, self._state.colours)
        self._figure.add_shape(shape)
        return DrawnLine(shape["name"], at)

    def draw_rectangle(self, start: When, end: When, low: float, high: float) -> DrawnRectangle:
        """Draw a rectangle between two times and two prices, as the tool in the page does.

        Parameters
        ----------
        start, end
            Bar starts; naive ones in the machine's local time.
        low, high
            Prices.

        Raises
        ------
        OptionError
            When a time is no instant or a price no finite number; when end or high is not above the other.
        """
        from_ns, to = to_ns(start), to_ns(end)
        bottom, top = _price("low", low), _price("high", high)
        if from_ns is None or to is None or from_ns >= to:
            raise OptionError(f"start must be before end; got {start!r} and {end!r}")
        if bottom >= top:
            raise OptionError(f"low must be below high; got {low!r} and {high!r}")
        times = [from_ns // 1000, to // 1000]
        state = self._state
        with state.lock:
            sides = _ordinals_of(times, self._bars())
            shape = _rectangle(sides[0], sides[1], bottom, top, state.colours)
            state.anchors[shape["name"]] = (sides[0], sides[1], times[0], times[1])
            self._figure.add_shape(shape)
        return next(made for made in self.drawn() if made.name == shape["name"])  # type: ignore[return-value]

    def clear_drawings(self) -> None:
        """Take away what was drawn on the symbol shown; other shapes stay."""
        figure = self._figure
        if _drawn(figure):
            figure.layout.shapes = [shape for shape in figure.layout.shapes if not is_drawn(shape.name)]

    def _bars(self) -> BarColumns:
        return self._state.source.columns(self._state.timeframe, self._state.bars)


def _price(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise OptionError(f"{name} must be a finite price; got {value!r}")
    return float(value)
