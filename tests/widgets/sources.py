"""A bar source that tests move by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from mdnb.errors import TimeframeError
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, QuoteRow
from mdnb.sessions import Sessions
from mdnb.stores.columns import BarColumns, columns_from_rows

__all__ = ["HandSource", "row"]

MINUTE_NS = 60_000_000_000


def row(minute: int, close: float = 100.0, volume: float = 10.0) -> BarRow:
    """Return a bar that opens at 100 and closes at a price."""
    return (minute * MINUTE_NS, 100.0, max(100.0, close), min(100.0, close), close, volume, 3, close * volume)


@dataclasses.dataclass
class _Handle:
    source: HandSource
    callback: Callable[[], None]

    def close(self) -> None:
        self.source.listeners.remove(self.callback)


class HandSource:
    """Closed bars, a forming one or none, a state: all set by the test."""

    def __init__(self, closed: int = 50, symbol: str = "MNQ", tz: str = "America/Chicago") -> None:
        self.symbol = symbol
        self.instrument = Instrument(symbol, tick_size=0.25, whole_lots=True)
        self.sessions = Sessions.always()
        self.tz = tz
        self.venue = ""
        self.rows = [row(i, 100.0 + i % 7 - 3) for i in range(closed)]
        self.now: BarRow | None = row(closed, 101.0)
        self.generation = 0
        # Until when bars are held nowhere any more.
        self.gone_ns = -(2**63)
        self.updates = 0
        self.state = "connected"
        self.left = float("nan")
        self.ahead = float("nan")
        self.listeners: list[Callable[[], None]] = []

    def timeframes(self) -> list[str]:
        return ["1min", "5min"]

    def canonical(self, timeframe: object) -> str:
        if timeframe not in self.timeframes():
            raise TimeframeError(f"{timeframe!r} is not kept")
        return str(timeframe)

    def columns(self, timeframe: object, count: int | None = None) -> BarColumns:
        self.canonical(timeframe)
        rows = [*self.rows, *([self.now] if self.now else [])]
        start = max(0, len(rows) - count) if count is not None else 0
        made = columns_from_rows(rows[start:])
        return dataclasses.replace(
            made, first=start, forming=self.now is not None, generation=self.generation
        )

    def older(self, timeframe: object, start_ns: int, end_ns: int) -> BarColumns | None:
        if self.gone_ns > start_ns:
            return None
        return columns_from_rows([one for one in self.rows if start_ns <= one[0] < end_ns])

    def version(self, timeframe: object) -> tuple[int, int, int]:
        self.canonical(timeframe)
        return self.generation, len(self.rows), self.updates

    def forming(self, timeframe: object) -> BarRow | None:
        self.canonical(timeframe)
        return self.now

    def listen(self, callback: Callable[[], None]) -> _Handle:
        self.listeners.append(callback)
        return _Handle(self, callback)

    def quote(self) -> QuoteRow | None:
        return (0, 99.75, 1.0, 100.25, 2.0)

    def price_ahead(self) -> float:
        return self.ahead

    def seconds_left(self, timeframe: object) -> float:
        return self.left

    def status(self) -> str:
        return self.state

    def latency_ms(self) -> float:
        return float(np.float64(42.0))

    def tick(self, close: float) -> None:
        """Move the forming bar."""
        self.now = row(len(self.rows), close)
        self.updates += 1

    def close_bar(self) -> None:
        """Close the forming bar and begin the next."""
        assert self.now
        self.rows.append(self.now)
        self.tick(100.0)


class TwoFrames(HandSource):
    """Minutes, and every fifth of them as bars of five."""

    def columns(self, timeframe: object, count: int | None = None) -> BarColumns:
        if timeframe != "5min":
            return super().columns(timeframe, count)
        five = 5 * MINUTE_NS
        return columns_from_rows([one for one in [*self.rows, self.now] if one and one[0] % five == 0])
