"""Drawing on a chart, as the tools in the page do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from mdnb.arguments import When, finite_number, to_ns
from mdnb.errors import OptionError
from mdnb.stores.columns import BarColumns
from mdnb.widgets.chart.anchors import anchored, ordinals_of
from mdnb.widgets.chart.core import ChartCore
from mdnb.widgets.figure.drawn import (
    Drawing,
    DrawnFibonacci,
    DrawnLine,
    DrawnMeasure,
    DrawnRay,
    DrawnRectangle,
    DrawnText,
    DrawnTrend,
    DrawnVertical,
)
from mdnb.widgets.figure.drawn_shapes import (
    DRAWN,
    LONGEST_TEXT,
    drawn_shapes,
    is_drawn,
    kind_of,
    made_shape,
    other_shapes,
    words_of,
)
from mdnb.widgets.page.theme import Theme, theme_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ChartDrawings"]

_T = TypeVar("_T")


class _Wanted(NamedTuple):
    """A drawing that is checked: its kind, times in UTC epoch microseconds, prices, text, and name if any."""

    kind: str
    times: tuple[int, int]
    prices: tuple[float, float]
    text: str = ""
    name: str = ""


class ChartDrawings:
    """Draws on a chart; `mdnb.widgets.chart.chart.LiveChart` has these methods."""

    def __init__(self, core: ChartCore) -> None:
        self._figure = core.figure
        self._state = core.state

    def drawn(self) -> tuple[Drawing, ...]:
        """Return the drawings, made in the page or from Python, oldest first."""
        with self._state.lock:
            anchors = anchored(self._figure, self._state, self._bars())
            return tuple(
                self._told(shape, anchors.get(shape["name"])) for shape in drawn_shapes(self._figure)
            )

    def set_drawn(self, drawings: Iterable[Drawing]) -> None:
        """Have these drawings on the symbol shown, and no others.

        Raises
        ------
        OptionError
            When one is no drawing, a time no instant or a price no finite number; nothing is changed then.
        """
        if isinstance(drawings, str | tuple) and hasattr(drawings, "_fields"):
            raise OptionError(f"drawings takes a list of them; got one, {drawings!r}")
        wanted: dict[str, _Wanted] = {}
        for at, one in enumerate(drawings):
            checked = self._wanted(one)
            again = not checked.name or checked.name in wanted
            wanted[f"{at}" if again else checked.name] = checked._replace(name="") if again else checked
        with self._state.lock:
            others = other_shapes(self._figure)
            self._state.anchors = {}
            self._figure.layout.shapes = [*others, *self._placed(list(wanted.values()))]

    def draw_line(self, price: float) -> DrawnLine:
        """Draw a horizontal line at a price, as the tool in the page does.

        Raises
        ------
        OptionError
            When the price is not a finite number.
        """
        return self._draw(DrawnLine, price)

    def draw_vertical(self, time: When) -> DrawnVertical:
        """Draw a vertical line at a time, as the tool in the page does.

        Parameters
        ----------
        time
            Text without a zone is in the chart's zone, naive datetimes in the machine's local time.

        Raises
        ------
        OptionError
            When it is no instant.
        """
        return self._draw(DrawnVertical, time)

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
        return self._draw(DrawnRectangle, start, end, low, high)

    def draw_trend(self, start: When, start_price: float, end: When, end_price: float) -> DrawnTrend:
        """Draw a line from one time and price to another, as the tool in the page does.

        Parameters
        ----------
        start, end
            Text without a zone is in the chart's zone, naive datetimes in the machine's local time.
        start_price, end_price
            Prices.

        Raises
        ------
        OptionError
            When a time is no instant or a price no finite number, or both ends are one place.
        """
        return self._draw(DrawnTrend, start, start_price, end, end_price)

    def draw_ray(self, start: When, start_price: float, end: When, end_price: float) -> DrawnRay:
        """Draw a line from one time and price through another and on; otherwise as `draw_trend`."""
        return self._draw(DrawnRay, start, start_price, end, end_price)

    def draw_fibonacci(self, start: When, start_price: float, end: When, end_price: float) -> DrawnFibonacci:
        """Draw Fibonacci's lines across a move from one time and price to another; else as `draw_trend`."""
        return self._draw(DrawnFibonacci, start, start_price, end, end_price)

    def draw_measure(self, start: When, start_price: float, end: When, end_price: float) -> DrawnMeasure:
        """Measure a move in ticks, money, per cent, bars and time, as the tool in the page does.

        Parameters and errors are those of `draw_trend`.
        """
        return self._draw(DrawnMeasure, start, start_price, end, end_price)

    def draw_text(self, time: When, price: float, text: str) -> DrawnText:
        """Write a text that begins at a time and price, as the tool in the page does.

        Raises
        ------
        OptionError
            When the time is no instant, the price no finite number, or the text empty or too long.
        """
        return self._draw(DrawnText, time, price, text)

    def clear_drawings(self) -> None:
        """Remove the drawings on the symbol shown; other shapes stay."""
        figure = self._figure
        if drawn_shapes(figure):
            figure.layout.shapes = [shape for shape in figure.layout.shapes if not is_drawn(shape.name)]

    # -- from drawings to shapes ------------------------------------------------------------------------

    def _draw(self, kind: Callable[..., _T], *parts: Any) -> _T:
        wanted = self._wanted(kind("", *parts))
        with self._state.lock:
            (shape,) = self._placed([wanted])
            self._figure.add_shape(shape)
        made = next(made for made in self.drawn() if made.name == shape["name"])
        return cast("_T", made)

    def _placed(self, wanted: list[_Wanted]) -> list[dict[str, Any]]:
        """Return the shapes of drawings, and remember their times."""
        state, theme, bars = self._state, self._theme(), self._bars()
        held = {shape["name"]: shape for shape in drawn_shapes(self._figure)}
        made = []
        for one in wanted:
            left, right = ordinals_of(list(one.times), bars)
            shape = made_shape(one.kind, (left, right), one.prices, theme, text=one.text, name=one.name)
            if one.kind != "line":
                state.anchors[shape["name"]] = (left, right, *one.times)
            made.append(_as_held(shape, held.get(shape["name"])))
        return made

    def _wanted(self, drawing: Any) -> _Wanted:
        """Check a drawing."""
        match drawing:
            case DrawnLine():
                price = _price("price", drawing.price)
                found = _Wanted("line", (0, 0), (price, price))
            case DrawnVertical():
                at = self._time("time", drawing.time)
                found = _Wanted("vertical", (at, at), (0.0, 0.0))
            case DrawnText():
                at, price = self._time("time", drawing.time), _price("price", drawing.price)
                found = _Wanted("text", (at, at), (price, price), _text(drawing.text))
            case DrawnRectangle():
                found = self._rectangle(drawing)
            case DrawnTrend() | DrawnRay() | DrawnFibonacci() | DrawnMeasure():
                found = self._stretch(drawing)
            case _:
                raise OptionError(
                    f"{drawing!r} is no drawing. Those of a chart are chart.drawings; draw_line, draw_trend "
                    "and others make them"
                )
        given = str(drawing.name or "")
        return found._replace(name=given if given.startswith(f"{DRAWN}-{found.kind}-") else "")

    def _rectangle(self, drawing: DrawnRectangle) -> _Wanted:
        zone = self._state.zone
        from_ns, to = to_ns(drawing.start, zone), to_ns(drawing.end, zone)
        bottom, top = _price("low", drawing.low), _price("high", drawing.high)
        if from_ns is None or to is None or from_ns >= to:
            raise OptionError(f"start must be before end; got {drawing.start!r} and {drawing.end!r}")
        if bottom >= top:
            raise OptionError(f"low must be below high; got {drawing.low!r} and {drawing.high!r}")
        return _Wanted("rect", (from_ns // 1000, to // 1000), (bottom, top))

    def _stretch(self, drawing: DrawnTrend | DrawnRay | DrawnFibonacci | DrawnMeasure) -> _Wanted:
        times = self._time("start", drawing.start), self._time("end", drawing.end)
        prices = (
            _price("start_price", drawing.start_price),
            _price("end_price", drawing.end_price),
        )
        if times[0] == times[1] and prices[0] == prices[1]:
            raise OptionError("it begins and ends at one place: nothing is between")
        kind = next(kind for kind, made in _STRETCHES.items() if isinstance(drawing, made))
        return _Wanted(kind, times, prices)

    def _time(self, name: str, value: Any) -> int:
        at = to_ns(value, self._state.zone)
        if at is None:
            raise OptionError(f"{name} must be an instant; got {value!r}")
        return at // 1000

    # -- from shapes to drawings ------------------------------------------------------------------------

    def _told(self, shape: Mapping[str, Any], anchor: tuple[float, float, int, int] | None) -> Drawing:
        name, kind = shape["name"], kind_of(shape)
        y0, y1 = float(shape["y0"]), float(shape["y1"])
        if anchor is None:
            return DrawnLine(name, y0)
        x0, x1, *times = anchor
        start, end = map(self._stamp, times)
        if kind == "vertical":
            return DrawnVertical(name, start)
        if kind == "text":
            return DrawnText(name, start, y0, words_of(shape))
        if kind == "rect":
            return DrawnRectangle(name, min(start, end), max(start, end), min(y0, y1), max(y0, y1))
        if kind != "measure":
            made: Drawing = _STRETCHES[kind](name, start, y0, end, y1)
            return made
        instrument = self._state.source.instrument
        tick, worth = instrument.tick_size, instrument.point_value
        return DrawnMeasure(
            name,
            start,
            y0,
            end,
            y1,
            bars=round(x1 - x0, 6),
            ticks=float(round((y1 - y0) / tick)) if tick else None,
            money=(y1 - y0) * worth if worth else None,
        )

    def _stamp(self, time_us: int) -> pd.Timestamp:
        import pandas as pd

        return pd.Timestamp(time_us, unit="us", tz="UTC").tz_convert(self._state.source.tz)

    def _bars(self) -> BarColumns:
        return self._state.source.columns(self._state.timeframe, self._state.options.bars)

    def _theme(self) -> Theme:
        return theme_of(self._state.theme, self._state.options.palette)


_PLACES = ("x0", "x1", "y0", "y1")
_STRETCHES: dict[str, Any] = {
    "trend": DrawnTrend,
    "ray": DrawnRay,
    "fibonacci": DrawnFibonacci,
    "measure": DrawnMeasure,
}


def _as_held(shape: dict[str, Any], held: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a shape that looks as the one of its name does, which the user may have coloured."""
    if held is None:
        return shape
    label = {**held["label"], "text": shape["label"]["text"]} if held.get("label") else None
    return {**held, **{name: shape[name] for name in _PLACES}, **({"label": label} if label else {})}


def _price(name: str, value: Any) -> float:
    return finite_number(name, value, "price")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_TEXT:
        raise OptionError(f"text must be a text of 1 to {LONGEST_TEXT} letters; got {value!r}")
    return value
