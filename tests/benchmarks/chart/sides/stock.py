"""Plotly's own ``FigureWidget`` the naive way: candles and volume are set anew with each refresh."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from IPython.display import display

from tests.benchmarks.chart.sides.market import Bar, Market

__all__ = ["make"]

_UP, _DOWN = "#26a69a", "#ef5350"


class _Stock:
    def __init__(self, market: Market) -> None:
        self._market = market
        self.charts: list[go.FigureWidget] = []

    def _columns(self) -> dict[str, np.ndarray]:
        market = self._market
        # As a frame of pandas 3 has them: with [ns] the axis would show 1.7e18.
        at = np.array(market.time, dtype="datetime64[s]").astype("datetime64[us]")
        names = ("open", "high", "low", "close", "volume")
        return {"x": at, **{name: np.array(getattr(market, name)) for name in names}}

    def _ranges(self) -> tuple[list[np.datetime64], list[float]]:
        return [np.datetime64(at, "s") for at in self._market.window()], list(self._market.y_range())

    def show(self) -> None:
        held = self._columns()
        volume = held.pop("volume")
        across, up = self._ranges()
        figure = go.FigureWidget(
            [
                go.Candlestick(**held, increasing_line_color=_UP, decreasing_line_color=_DOWN),
                go.Bar(x=held["x"], y=volume, yaxis="y2", marker_color="#888"),
            ]
        )
        figure.update_layout(
            height=460,
            width=900,
            showlegend=False,
            xaxis={"rangeslider": {"visible": False}, "range": across, "anchor": "y2"},
            yaxis={"domain": [0.22, 1.0], "range": up, "side": "right"},
            yaxis2={"domain": [0.0, 0.18], "side": "right"},
        )
        self.charts.append(figure)
        display(figure)

    def tick(self, bar: Bar) -> None:
        held = self._columns()
        across, up = self._ranges()
        figure = self.charts[0]
        candles, volume = figure.data
        with figure.batch_update():
            candles.x, candles.open, candles.high = held["x"], held["open"], held["high"]
            candles.low, candles.close = held["low"], held["close"]
            volume.x, volume.y = held["x"], held["volume"]
            figure.layout.xaxis.range, figure.layout.yaxis.range = across, up

    def roll(self, bar: Bar) -> None:
        self.tick(bar)

    def hide(self) -> None:
        self.charts.pop().close()


def make(market: Market) -> _Stock:
    """Return the adapter."""
    return _Stock(market)
