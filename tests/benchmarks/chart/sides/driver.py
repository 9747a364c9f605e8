"""Moves a contender's market from a thread of its own, and notes when."""

from __future__ import annotations

import importlib
import json
import threading
import time
from typing import Any, Protocol

from tests.benchmarks.chart.sides.market import Bar, Market

__all__ = ["DELAY", "Driver", "Side"]

DELAY = 0.3
"""Seconds before the first tick: the cell that started it is over by then."""
_FRAME, _GOLDEN = 1 / 60, 0.6180339887


class Side(Protocol):
    """A chart of a market, however it is drawn."""

    def show(self) -> None:
        """Display one more chart; only the first is moved."""
        ...

    def tick(self, bar: Bar) -> None:
        """Show that the last bar moved."""
        ...

    def roll(self, bar: Bar) -> None:
        """Show that a bar was closed and the next one begun."""
        ...


class Driver:
    """Ticks at a steady pace, in wall-clock time.

    Parameters
    ----------
    name
        A module of this package.
    bars
        How many the market begins with.
    """

    def __init__(self, name: str, bars: int) -> None:
        self.begun = time.time()
        module = importlib.import_module(f"tests.benchmarks.chart.sides.{name}")
        self.market = Market(bars)
        self.side: Side = module.make(self.market)
        self._thread = threading.Thread()
        self._sent: list[tuple[float, float]] = []
        self._figures: dict[str, float] = {}

    def show(self) -> None:
        """Display a chart, and print when that and all was begun, and what it has to show."""
        begun, cpu = time.time(), time.process_time()
        self.side.show()
        self._figures = {"begun": begun, "cpu": time.process_time() - cpu}
        print(json.dumps({**self._figures, "value": self.market.last().close, "all_begun": self.begun}))

    def start(self, count: int, period: float, *, roll: bool = False) -> None:
        """Begin to tick, or to close bars, and print the price that there will be in the end."""
        print(self.market.price(count))
        self._sent = []
        self._thread = threading.Thread(target=self._run, args=(count, period, roll), daemon=True)
        self._thread.start()

    def _run(self, count: int, period: float, roll: bool) -> None:
        market, side = self.market, self.side
        move, show = (market.roll, side.roll) if roll else (market.tick, side.tick)
        time.sleep(DELAY)
        begun, cpu = time.perf_counter(), time.process_time()
        for number in range(count):
            # Not in step with the page's frames, which would make each tick as late as the one before.
            due = number * period + min(_FRAME, period / 2) * (number * _GOLDEN % 1)
            late = time.perf_counter() - begun - due
            if late < 0:
                time.sleep(-late)
            bar = move()
            self._sent.append((bar.close, time.time()))
            show(bar)
        self._figures = {"seconds": time.perf_counter() - begun, "cpu_at": cpu}

    def result(self) -> None:
        """Print what was sent when, and the CPU seconds of this process from the first tick until now."""
        self._thread.join()
        figures: dict[str, Any] = {
            "sent": self._sent,
            "seconds": self._figures["seconds"],
            "cpu": time.process_time() - self._figures["cpu_at"],
        }
        print(json.dumps(figures))
