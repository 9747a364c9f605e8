"""`mdnb.widgets.chart.chart.LiveChart` on a real engine: each tick is a trade that goes all the way."""

from __future__ import annotations

from IPython.display import display

from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.events.bus import EventBus
from mdnb.instruments import Instrument
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from mdnb.widgets.chart.chart import LiveChart
from tests.benchmarks.chart.sides.market import Bar, Market

__all__ = ["FPS", "OurChart"]

FPS = 120.0
"""The most a chart takes: what limits the rate then is the way, not the option."""

_NS = 1_000_000_000
_ROOM = 20_000


class OurChart:
    """The adapter."""

    def __init__(self, market: Market) -> None:
        self._held = len(market.time)
        config = DataManagerConfig(max_bars_per_timeframe=self._held + _ROOM)
        self._engine = SymbolState(
            Instrument("X", 0.0001, whole_lots=True), Sessions.always(), ["1min"], config
        )
        self._engine.bind_state(lambda: ("connected", 5.0))
        clock = EventClock(market.time[0] * _NS)
        self._pipeline = Pipeline(self._engine, EventBus(), clock, ids="none")
        self._nanosecond = 0
        # As a venue's history is loaded.
        bars = [(bar.time * _NS, *bar[1:], 1, bar.close * bar.volume) for bar in market.rows()]
        self._engine.cascade.push_bars(bars)
        self.charts: list[LiveChart] = []

    def show(self) -> None:
        self.charts.append(LiveChart(self._engine, "1min", bars=self._held, fps=FPS))
        display(self.charts[-1])

    def tick(self, bar: Bar) -> None:
        self._nanosecond = (self._nanosecond + 1) % (50 * _NS)
        at = bar.time * _NS + 5 + self._nanosecond
        self._pipeline.take(trades=[(at, bar.close, 1.0, 1, 1, -1)])

    def roll(self, bar: Bar) -> None:
        self.tick(bar)

    def hide(self) -> None:
        self.charts.pop().close()
