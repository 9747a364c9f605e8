"""What can be drawn on a chart: lines, rectangles, levels, measures and texts, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mdnb.widgets.figure.drawn_shapes import FIBONACCI

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Drawing",
    "DrawnFibonacci",
    "DrawnLine",
    "DrawnMeasure",
    "DrawnRay",
    "DrawnRectangle",
    "DrawnText",
    "DrawnTrend",
    "DrawnVertical",
]


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


class DrawnVertical(NamedTuple):
    """A vertical line.

    Attributes
    ----------
    name
        Of its shape in ``chart.layout.shapes``.
    time
        Where it is, in the chart's time zone.
    """

    name: str
    time: pd.Timestamp


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


class DrawnTrend(NamedTuple):
    """A line from one time and price to another.

    Attributes
    ----------
    name
        Of its shape in ``chart.layout.shapes``.
    start, start_price, end, end_price
        Where it begins and ends, times in the chart's time zone.
    """

    name: str
    start: pd.Timestamp
    start_price: float
    end: pd.Timestamp
    end_price: float


class DrawnRay(NamedTuple):
    """A line from one time and price through another and on.

    Attributes
    ----------
    name
        Of its shape in ``chart.layout.shapes``.
    start, start_price, end, end_price
        Where it begins, and what it goes through, times in the chart's time zone.
    """

    name: str
    start: pd.Timestamp
    start_price: float
    end: pd.Timestamp
    end_price: float


class DrawnFibonacci(NamedTuple):
    """Fibonacci's lines between two prices.

    Attributes
    ----------
    name
        Of its shape in ``chart.layout.shapes``.
    start, start_price, end, end_price
        The move that is divided, times in the chart's time zone.
    """

    name: str
    start: pd.Timestamp
    start_price: float
    end: pd.Timestamp
    end_price: float

    @property
    def levels(self) -> dict[float, float]:
        """The prices of the lines by their share of the way back: 0 at the end of the move, 1 at its begin.

        Examples
        --------
        >>> DrawnFibonacci("", None, 100.0, None, 110.0).levels[0.5]
        105.0
        """
        return {share: self.end_price + (self.start_price - self.end_price) * share for share in FIBONACCI}


class DrawnMeasure(NamedTuple):
    """A stretch that is measured.

    Attributes
    ----------
    name
        Of its shape in ``chart.layout.shapes``.
    start, start_price, end, end_price
        From where to where, times in the chart's time zone.
    bars
        How many bars of the timeframe shown; below zero where it goes back in time.
    ticks
        How many ticks; None where the instrument's are unknown.
    money
        What one lot gains on the way; None where it is unknown what a point is worth.
    """

    name: str
    start: pd.Timestamp
    start_price: float
    end: pd.Timestamp
    end_price: float
    bars: float = 0.0
    ticks: float | None = None
    money: float | None = None

    @property
    def change(self) -> float:
        """How far the price goes.

        Examples
        --------
        >>> DrawnMeasure("", None, 100.0, None, 98.0).change
        -2.0
        """
        return self.end_price - self.start_price

    @property
    def percent(self) -> float:
        """How far the price goes, in per cent of where it begins; ``nan`` from zero and below.

        Examples
        --------
        >>> DrawnMeasure("", None, 200.0, None, 203.0).percent
        1.5
        """
        return 100.0 * self.change / self.start_price if self.start_price > 0 else float("nan")

    @property
    def duration(self) -> pd.Timedelta:
        """How long it takes; below zero where it goes back in time."""
        return self.end - self.start


class DrawnText(NamedTuple):
    """A text.

    Attributes
    ----------
    name
        Of its shape in ``chart.layout.shapes``.
    time, price
        Where it begins, in the chart's time zone.
    text
        What it says.
    """

    name: str
    time: pd.Timestamp
    price: float
    text: str


Drawing = (
    DrawnLine
    | DrawnVertical
    | DrawnRectangle
    | DrawnTrend
    | DrawnRay
    | DrawnFibonacci
    | DrawnMeasure
    | DrawnText
)
"""Whatever is drawn on a chart."""
