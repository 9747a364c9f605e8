"""Once a second: emit alerts held back, check for stale data, and clean up the disk when due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from mdnb.errors import DataExportError
from mdnb.runtime.disk_overflow import tidy
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.validate.findings import QualityFinding

__all__ = ["Housekeeping"]

_SECONDS = 1.0
_MOST_WAITING = 8192


class Housekeeping:
    """Periodic work for the symbols of a running session.

    Parameters
    ----------
    markets
        The symbols, by name; those that are there when it looks.
    now
        A monotonic clock in seconds; tests give their own.
    """

    def __init__(
        self, markets: Mapping[str, SymbolMarket], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._markets = markets
        self._now = now
        self._tidied: dict[str, float] = {}
        self._stale: dict[str, bool] = {}

    async def run(self) -> None:
        """Run once a second until cancelled; runs on the background loop."""
        self._tidied = dict.fromkeys(self._markets, self._now())
        while True:
            await asyncio.sleep(_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Do one round."""
        for symbol, market in self._markets.items():
            pipeline, config = market.pipeline, market.engine.config
            is_stale = market.freshness() < 1.0
            if is_stale and not self._stale.get(symbol, False):
                self._tell_stale(market)
            self._stale[symbol] = is_stale
            pipeline.alerts.flush()
            now = self._now()
            due = (
                config.auto_cleanup and now - self._tidied.setdefault(symbol, now) >= config.cleanup_frequency
            )
            if due or self._waiting(market) > _MOST_WAITING:
                self._tidied[symbol] = now
                await self._tidy(market)

    def _tell_stale(self, market: SymbolMarket) -> None:
        quality, health = market.pipeline.quality, market.health
        # A recording at its end is not stale, it is over.
        if health.status != "closed" and (quality.rules is None or quality.rules.check_stale):
            seconds = health.seconds_since_data(market.symbol)
            sentence = f"no data for {seconds:.0f} s while the market is open"
            found = QualityFinding("feed_stale", sentence, market.feed.clock.now_ns(), {"seconds": seconds})
            quality.note(found)

    def _waiting(self, market: SymbolMarket) -> int:
        return sum(overflow.waiting_rows for overflow in market.engine.overflow.values())

    async def _tidy(self, market: SymbolMarket) -> None:
        try:
            await tidy(market.engine, market.workers)
        except DataExportError as error:
            market.pipeline.quality.trouble("disk", error, market.feed.clock.now_ns())
