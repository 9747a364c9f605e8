"""Drawing lines and rectangles on a chart, as the tools in the page do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from mdnb.arguments import When, to_ns
from mdnb.errors import OptionError
from mdnb.stores.columns import BarColumns
from mdnb.widgets.chart.anchors import anchored, ordinals_of
from mdnb.widgets.chart.core import ChartCore
from mdnb.widgets.figure.drawn_shapes import drawn_shapes, is_drawn, line_shape, rectangle_shape
from mdnb.widgets.page.theme import Theme, theme_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ChartDrawings", "DrawnLine", "DrawnRectangle"]


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


class ChartDrawings:
    """Draws on a chart; `mdnb.widgets.chart.chart.LiveChart` has these methods."""

    def __init__(self, core: ChartCore) -> None:
        self._figure = core.figure
        self._state = core.state

    def drawn(self) -> tuple[DrawnLine | DrawnRectangle, ...]:
        """Return the drawings, made in the page or from Python, oldest first."""
        import pandas as pd

        anchors = anchored(self._figure, self._state, self._bars())
        out: list[DrawnLine | DrawnRectangle] = []
        for shape in drawn_shapes(self._figure):
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
        shape = line_shape(at, self._theme())
        self._figure.add_shape(shape)
        return DrawnLine(shape["name"], at)

    def draw_rectangle(self, start: When, end: When, low: float, high: float) -> DrawnRectangle:
        """Draw a rectangle between two times and two prices, as the tool in the page does.

        Parameters
        ----------
        start, end
            Bar starts; text without a zone in the chart's zone, naive datetimes in the machine's local time.
        low, high
            Prices.

        Raises
        ------
        OptionError
            When a time is no instant or a price no finite number; when end or high is not above the other.
        """
        zone = self._state.zone
        from_ns, to = to_ns(start, zone), to_ns(end, zone)
        bottom, top = _price("low", low), _price("high", high)
        if from_ns is None or to is None or from_ns >= to:
            raise OptionError(f"start must be before end; got {start!r} and {end!r}")
        if bottom >= top:
            raise OptionError(f"low must be below high; got {low!r} and {high!r}")
        times = [from_ns // 1000, to // 1000]
        state = self._state
        with state.lock:
            sides = ordinals_of(times, self._bars())
            shape = rectangle_shape(sides[0], sides[1], bottom, top, self._theme())
            state.anchors[shape["name"]] = (sides[0], sides[1], times[0], times[1])
            self._figure.add_shape(shape)
        return next(made for made in self.drawn() if made.name == shape["name"])  # type: ignore[return-value]

    def clear_drawings(self) -> None:
        """Remove the drawings on the symbol shown; other shapes stay."""
        figure = self._figure
        if drawn_shapes(figure):
            figure.layout.shapes = [shape for shape in figure.layout.shapes if not is_drawn(shape.name)]

    def _bars(self) -> BarColumns:
        return self._state.source.columns(self._state.timeframe, self._state.options.bars)

    def _theme(self) -> Theme:
        return theme_of(self._state.theme, self._state.options.palette)


def _price(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise OptionError(f"{name} must be a finite price; got {value!r}")
    return float(value)
