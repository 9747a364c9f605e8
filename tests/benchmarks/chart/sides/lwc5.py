"""A thin anywidget around lightweight-charts 5: one bar a message. The ceiling of this way."""

from __future__ import annotations

import os
from pathlib import Path

import anywidget
import traitlets
from IPython.display import display

from tests.benchmarks.chart.sides import LIBRARY_VARIABLE
from tests.benchmarks.chart.sides.market import Bar, Market

__all__ = ["make"]

_VIEW = """
export default { render({ model, el }) {
  const { createChart, CandlestickSeries, HistogramSeries } = window.LightweightCharts;
  const box = document.createElement("div");
  el.append(box);
  const chart = createChart(box, { autoSize: false, width: 900, height: 460 });
  const priceFormat = { type: "price", precision: 4, minMove: 0.0001 };
  const candles = chart.addSeries(CandlestickSeries, { priceFormat });
  const volume = chart.addSeries(HistogramSeries, { priceScaleId: "", priceFormat: { type: "volume" } });
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.8, bottom: 0 } });
  const bars = model.get("bars");
  candles.setData(bars.map(([time, open, high, low, close]) => ({ time, open, high, low, close })));
  volume.setData(bars.map(([time, , , , , value]) => ({ time, value })));
  model.on("msg:custom", ([time, open, high, low, close, value]) => {
    candles.update({ time, open, high, low, close });
    volume.update({ time, value });
  });
  (window.lwc5 ??= []).push(candles);
  return () => { window.lwc5.splice(window.lwc5.indexOf(candles), 1); chart.remove(); };
} };
"""


class _Chart(anywidget.AnyWidget):
    _esm = Path(os.environ[LIBRARY_VARIABLE]).read_text(encoding="utf-8") + _VIEW
    bars = traitlets.List().tag(sync=True)


class _Lwc5:
    def __init__(self, market: Market) -> None:
        self._market = market
        self.charts: list[_Chart] = []

    def show(self) -> None:
        self.charts.append(_Chart(bars=[list(bar) for bar in self._market.rows()]))
        display(self.charts[-1])

    def tick(self, bar: Bar) -> None:
        self.charts[0].send(list(bar))

    def roll(self, bar: Bar) -> None:
        self.tick(bar)

    def hide(self) -> None:
        self.charts.pop().close()


def make(market: Market) -> _Lwc5:
    """Return the adapter."""
    return _Lwc5(market)
