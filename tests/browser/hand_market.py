"""A market that a notebook moves by hand, trade by trade: what the engine holds is known at each moment."""

from __future__ import annotations

import asyncio
import json
import random

from mdnb.rows import TradeRow
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.process.bridge import call
from tests.manager.hand import START, HandFeed, open_market, trade

__all__ = ["HandMarket"]

_TICK = 0.25


class HandMarket:
    """A random walk, the same one for the same seed and the same calls.

    Parameters
    ----------
    seed
        Of prices, sizes and times.
    lateness
        Seconds by which a trade may be late and still amend its bar.
    """

    def __init__(self, seed: int, lateness: float = 24 * 3600.0) -> None:
        self.feed = HandFeed()
        self.live = open_market(self.feed, "1min", "5min", max_lateness_seconds=lateness)
        self._random = random.Random(seed)
        self._at = 0.0
        self._price = 1000.0

    @property
    def engine(self) -> SymbolState:
        """The engine behind the chart."""
        return self.live.data.engine

    def _trade(self, at: float) -> TradeRow:
        dice = self._random
        self._price = max(100.0, self._price + _TICK * round(dice.gauss(0, 3)))
        return trade(at, self._price, float(dice.randint(1, 20)), side=dice.choice((1, -1)))

    def ticks(self, count: int, seconds: float = 3.0) -> None:
        """Send trades, on average so many seconds apart."""
        rows = []
        for _ in range(count):
            self._at += self._random.uniform(0, 2 * seconds)
            rows.append(self._trade(self._at))
        self.feed.trades(*rows)

    def prices(self, *prices: float) -> None:
        """Send trades at these prices, a second apart."""
        rows = []
        for price in prices:
            self._at += 1.0
            rows.append(trade(self._at, price, 5.0))
        self._price = prices[-1]
        self.feed.trades(*rows)

    def close_bar(self) -> None:
        """Let the clock close the bar that is being made: no trade begins the next one."""
        self._at = 60.0 * (self._at // 60 + 1)
        self.feed.clock.advance(START + round(self._at * 1e9))
        call(self._close_due())
        self._at += 1.0

    async def _close_due(self) -> None:
        self.live._parts.session.market("X").pipeline.close_due()
        await asyncio.sleep(0)

    def late(self, count: int, seconds: float) -> None:
        """Send trades that belong up to so many seconds before the newest one."""
        earliest = max(0.0, self._at - seconds)
        self.feed.trades(*(self._trade(self._random.uniform(earliest, self._at)) for _ in range(count)))

    def late_at(self, bar: int, price: float) -> None:
        """Send a trade that belongs to the one-minute bar of that number, and ends it."""
        self.feed.trades(trade(60.0 * bar + 59.9, price, 5.0))

    def state(self, timeframe: str) -> str:
        """Return the engine's frame as JSON: one row a bar, its time in UTC epoch milliseconds first."""
        frame = self.engine.frame(timeframe)
        times = frame.index.tz_convert("UTC").as_unit("us").asi8 / 1000
        columns = [frame[name].tolist() for name in ("open", "high", "low", "close", "volume")]
        return json.dumps(list(zip(times.tolist(), *columns, strict=True)))
