"""Bokeh: a patch of the last bar, or a streamed one, and ``push_notebook``."""

from __future__ import annotations

from typing import Any

from bokeh.io import output_notebook, push_notebook, show
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure
from bokeh.resources import INLINE

from tests.benchmarks.chart.sides.market import Bar, Market

__all__ = ["make"]

_UP, _DOWN = "#26a69a", "#ef5350"


class _Bokeh:
    def __init__(self, market: Market) -> None:
        self._market = market
        self._loaded = False
        self.charts: list[tuple[Any, ColumnDataSource, Any]] = []

    def _window(self) -> tuple[int, int]:
        start, end = self._market.window()
        return start * 1000, end * 1000

    def show(self) -> None:
        if not self._loaded:
            # Sends bokeh's own code; part of the first paint.
            output_notebook(INLINE, hide_banner=True)
            self._loaded = True
        rows = self._market.rows()
        columns = {name: [getattr(bar, name) for bar in rows] for name in Bar._fields}
        columns["time"] = [bar.time * 1000 for bar in rows]
        columns["colour"] = [_UP if bar.close >= bar.open else _DOWN for bar in rows]
        source = ColumnDataSource(columns, name="bars")
        plot = figure(
            x_axis_type="datetime",
            width=900,
            height=460,
            x_range=Range1d(*self._window()),
            y_range=Range1d(*self._market.y_range()),
            output_backend="canvas",
        )
        plot.extra_y_ranges = {"volume": Range1d(0, 2500)}
        plot.segment("time", "high", "time", "low", color="colour", source=source)
        plot.vbar("time", 42_000, "open", "close", color="colour", source=source)
        plot.vbar(
            "time", 42_000, "volume", 0, color="colour", alpha=0.4, source=source, y_range_name="volume"
        )
        self.charts.append((show(plot, notebook_handle=True), source, plot))

    def tick(self, bar: Bar) -> None:
        handle, source, plot = self.charts[0]
        at = len(self._market.time) - 1
        changed = {name: [(at, getattr(bar, name))] for name in ("high", "low", "close", "volume")}
        source.patch({**changed, "colour": [(at, _UP if bar.close >= bar.open else _DOWN)]})
        plot.y_range.start, plot.y_range.end = self._market.y_range()
        push_notebook(handle=handle)

    def roll(self, bar: Bar) -> None:
        handle, source, plot = self.charts[0]
        made = {name: [getattr(bar, name)] for name in Bar._fields}
        source.stream({**made, "time": [bar.time * 1000], "colour": [_UP]})
        plot.x_range.start, plot.x_range.end = self._window()
        push_notebook(handle=handle)

    def hide(self) -> None:
        self.charts.pop()


def make(market: Market) -> _Bokeh:
    """Return the adapter."""
    return _Bokeh(market)
