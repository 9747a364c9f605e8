"""Once a second: tell of slow handlers and stale data, emit alerts held back, clean up the disk when due."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from mdnb.clock import MarketClock, clock_sentence
from mdnb.errors import DataExportError
from mdnb.runtime.disk_overflow import tidy
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.validate.findings import QualityFinding

__all__ = ["Housekeeping"]

_log = logging.getLogger("mdnb")
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
        self._clock_told = False

    async def run(self) -> None:
        """Run once a second until cancelled; runs on the background loop."""
        self._tidied = dict.fromkeys(self._markets, self._now())
        while True:
            await asyncio.sleep(_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Do one round."""
        for bus in {market.bus for market in self._markets.values()}:
            bus.look()
        self._tell_clock()
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

    def _tell_clock(self) -> None:
        """Say once that this computer's clock is wrong."""
        markets = list(self._markets.values())
        clock = markets[0].feed.clock if markets else None
        if self._clock_told or not isinstance(clock, MarketClock):
            return
        lead = clock.lead_seconds
        sentence = clock_sentence(lead)
        if sentence is None:
            return
        self._clock_told = True
        _log.warning("%s: market time is judged by the venue's; set this computer's clock", sentence)
        for market in markets:
            found = QualityFinding("clock_offset", sentence, clock.now_ns(), {"seconds": lead})
            market.pipeline.quality.note(found)

    def _tell_stale(self, market: SymbolMarket) -> None:
        quality, health = market.pipeline.quality, market.health
        # A recording at its end is not stale, it is over.
        if health.status != "closed" and (quality.rules is None or quality.rules.check_stale):
            seconds = health.seconds_refused(market.symbol)
            if seconds:
                kind, sentence = "all_refused", f"data comes and all of it was refused for {seconds:.0f} s"
            else:
                seconds = health.seconds_since_life()
                kind, sentence = "feed_stale", f"no sign of life for {seconds:.0f} s while the market is open"
            quality.note(QualityFinding(kind, sentence, market.feed.clock.now_ns(), {"seconds": seconds}))

    def _waiting(self, market: SymbolMarket) -> int:
        return sum(overflow.waiting_rows for overflow in market.engine.overflow.values())

    async def _tidy(self, market: SymbolMarket) -> None:
        try:
            await tidy(market.engine, market.workers)
        except DataExportError as error:
            market.pipeline.quality.trouble("disk", error, market.feed.clock.now_ns())
