"""nautilus_trader: one ``TimeBarAggregator`` a timeframe on a ``TestClock``, right-open intervals.

The clock is moved only when a bar is due, which is the cheapest way to drive it right. It starts one
nanosecond after the edge, because a timer that starts on an edge labels its first bar one step early.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

from nautilus_trader.common.component import TestClock
from nautilus_trader.data.aggregation import TimeBarAggregator
from nautilus_trader.model.data import Bar, BarType, TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from tests.benchmarks.ticks import START_NS, chunks, difference, load

__all__ = ["MEASURES"]

_UNITS = ((3600, "HOUR"), (60, "MINUTE"), (1, "SECOND"))


def _spec(seconds: int) -> str:
    return next(f"{seconds // length}-{unit}" for length, unit in _UNITS if seconds % length == 0)


class _Engine:
    def __init__(self, timeframes: dict[str, int]) -> None:
        self.instrument = TestInstrumentProvider.es_future(2024, 3)
        self.clock = TestClock()
        self.clock.set_time(START_NS + 1)
        self.closed: dict[str, list[Bar]] = {name: [] for name in timeframes}
        self.aggregators = []
        for name, seconds in timeframes.items():
            aggregator = TimeBarAggregator(
                self.instrument,
                BarType.from_str(f"{self.instrument.id}-{_spec(seconds)}-LAST-INTERNAL"),
                self.closed[name].append,
                self.clock,
                interval_type="right-open",
                timestamp_on_close=False,
            )
            aggregator.start_timer()
            self.aggregators.append(aggregator)
        self.edge = min(aggregator.next_close_ns for aggregator in self.aggregators)
        self.trade_id = TradeId("1")

    def tick(self, ts_ns: int, price: float, size: float, trade_id: TradeId) -> TradeTick:
        return TradeTick(
            self.instrument.id,
            Price(price, 2),
            Quantity(size, 0),
            AggressorSide.NO_AGGRESSOR,
            trade_id,
            ts_ns,
            ts_ns,
        )

    def run(self, rows_: list[tuple[int, float, float]], ready: list[TradeTick] | None) -> float:
        handlers = [aggregator.handle_trade_tick for aggregator in self.aggregators]
        aggregators, advance = self.aggregators, self.clock.advance_time
        edge = min(aggregator.next_close_ns for aggregator in aggregators)
        trade_id = TradeId("1")
        begun = time.process_time()
        for at, (ts_ns, price, size) in enumerate(rows_):
            if ts_ns >= edge:
                for event in advance(ts_ns):
                    event.handle()
                edge = min(aggregator.next_close_ns for aggregator in aggregators)
            tick = ready[at] if ready else self.tick(ts_ns, price, size, trade_id)
            for handle in handlers:
                handle(tick)
        return time.process_time() - begun

    def take(self, row: tuple[int, float, float]) -> None:
        """Handle one tick, as `run` does."""
        if row[0] >= self.edge:
            for event in self.clock.advance_time(row[0]):
                event.handle()
            self.edge = min(aggregator.next_close_ns for aggregator in self.aggregators)
        tick = self.tick(*row, self.trade_id)
        for aggregator in self.aggregators:
            aggregator.handle_trade_tick(tick)

    def wrong(self, path: str, count: int, timeframes: dict[str, int]) -> str:
        ticks = load(path, count)
        last_ns = int(ticks["ts_ns"][-1])
        far = -(-last_ns // 86_400_000_000_000) * 86_400_000_000_000
        for event in self.clock.advance_time(far):
            event.handle()
        for name, seconds in timeframes.items():
            bars = [
                (
                    bar.ts_event,
                    *(float(x.as_decimal()) for x in (bar.open, bar.high, bar.low, bar.close, bar.volume)),
                )
                for bar in self.closed[name]
                if bar.volume.as_decimal() > 0
            ]
            if found := difference(name, bars, ticks, seconds):
                return found
        return ""


def online(path: str, count: int, timeframes: dict[str, int], ready: bool) -> dict[str, Any]:
    """Handle tick by tick; ``ready`` leaves the making of the ``TradeTick`` objects out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = _Engine(timeframes)
    trade_id = TradeId("1")
    seconds = 0.0
    for chunk in chunks(path, count):
        seconds += engine.run(chunk, [engine.tick(*row, trade_id) for row in chunk] if ready else None)
    return {"seconds": seconds, "count": count, "wrong": engine.wrong(path, count, timeframes)}


def symbols(path: str, count: int, timeframes: dict[str, int], symbols: int) -> dict[str, Any]:
    """Handle ticks of so many instruments in turn, made as in `online`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engines = [_Engine(timeframes) for _ in range(symbols)]
    rows = load(path, -(-count // symbols)).tolist()
    begun = time.process_time()
    for row in rows:
        for engine in engines:
            engine.take(row)
    return {"seconds": time.process_time() - begun, "count": len(rows) * symbols}


MEASURES = {"online": online, "symbols": symbols}
