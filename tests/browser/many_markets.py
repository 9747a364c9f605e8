"""Several markets moved by one thread at a steady rate: what ten charts at once are tried with."""

from __future__ import annotations

import json
import random
import threading
import time

from mdnb.clock import ScaledClock
from mdnb.instruments import Instrument
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from tests.manager.hand import START

__all__ = ["ManyMarkets"]


class ManyMarkets:
    """Markets of random walks, each with so many ticks a second, that run from `start` to `stop`.

    Parameters
    ----------
    count
        How many.
    rate
        Ticks a second of each.
    speed
        Market seconds a second: at 12, a bar of a minute closes every five seconds, all at the same moment.
    """

    def __init__(self, count: int, rate: float = 100.0, speed: float = 12.0) -> None:
        self.rate = rate
        self._pause = 1.0 / rate
        self._speed = speed
        self._dice = random.Random(7)
        self._now = START
        self._ticks = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._main, name="markets", daemon=True)
        clock = ScaledClock(START, speed)
        self.engines = [
            SymbolState(Instrument(f"M{i}", 0.25), Sessions.always(), ["1min"]) for i in range(count)
        ]
        self._prices = [1000.0] * count
        for engine in self.engines:
            engine.bind_state(lambda: ("connected", 0.0), lambda: clock)
        for _ in range(1500):
            self._now += 8_000_000_000
            self._tick()

    def start(self) -> None:
        """Let them run."""
        self._thread.start()

    def stop(self) -> float:
        """Stop them; return the ticks a second that each had."""
        self._ended.set()
        self._thread.join()
        return self.rate_had

    def _main(self) -> None:
        began, ticks = time.monotonic(), self._ticks
        due = began
        while not self._ended.is_set():
            self._now += round(self._pause * self._speed * 1e9)
            self._tick()
            due += self._pause
            self._ended.wait(max(0.0, due - time.monotonic()))
        self.rate_had = (self._ticks - ticks) / (time.monotonic() - began)

    def _tick(self) -> None:
        self._ticks += 1
        for i, engine in enumerate(self.engines):
            self._prices[i] += 0.25 * self._dice.choice((-2, -1, 0, 1, 2))
            with engine.lock:
                engine.cascade.push(self._now, self._prices[i], float(self._dice.randint(1, 9)))
                engine.updates += 1
            engine.notify()

    def state(self, i: int) -> str:
        """Return a market's frame as JSON: one row a bar, its time in UTC epoch milliseconds first."""
        frame = self.engines[i].frame("1min")
        times = frame.index.tz_convert("UTC").as_unit("us").asi8 / 1000
        columns = [frame[name].tolist() for name in ("open", "high", "low", "close", "volume")]
        return json.dumps(list(zip(times.tolist(), *columns, strict=True)))

    @staticmethod
    def share(seconds: float) -> float:
        """Return the share of a core that this process takes, measured for so long."""
        wall, used = time.perf_counter(), time.process_time()
        threading.Event().wait(seconds)
        return (time.process_time() - used) / (time.perf_counter() - wall)
