"""Once a second: tell what alerts were held back, look whether the data is stale, tidy the disk when due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mdnb.errors import DataExportError
from mdnb.runtime.disk_overflow import tidy
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    from mdnb.runtime.session import MarketSession

__all__ = ["Housekeeping"]

_SECONDS = 1.0
_MOST_WAITING = 8192


class Housekeeping:
    """Looks after a session while it runs.

    Parameters
    ----------
    session
        Which one.
    now
        A monotonic clock in seconds; tests give their own.
    """

    def __init__(self, session: MarketSession, now: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._now = now
        self._tidied = dict.fromkeys(session.symbols, now())
        self._stale = dict.fromkeys(session.symbols, False)

    async def run(self) -> None:
        """Look once a second until the session ends; runs on the background loop."""
        while not self._session.closed:
            await asyncio.sleep(_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        session = self._session
        for symbol in session.symbols:
            pipeline, config = session.pipelines[symbol], session.engine(symbol).config
            is_stale = session.freshness(symbol) < 1.0
            if is_stale and not self._stale[symbol]:
                self._tell_stale(symbol)
            self._stale[symbol] = is_stale
            pipeline.alerts.flush()
            if pipeline.duplicates.ids == "sequential":
                await session.backfill.look_for_missing(symbol)
            due = config.auto_cleanup and self._now() - self._tidied[symbol] >= config.cleanup_frequency
            if due or self._waiting(symbol) > _MOST_WAITING:
                self._tidied[symbol] = self._now()
                await self._tidy(symbol)

    def _tell_stale(self, symbol: str) -> None:
        session = self._session
        quality = session.pipelines[symbol].quality
        # A recording at its end is not stale, it is over.
        if session.health.status != "closed" and (quality.rules is None or quality.rules.check_stale):
            seconds = session.health.seconds_since_data(symbol)
            sentence = f"no data for {seconds:.0f} s while the market is open"
            found = QualityFinding("feed_stale", sentence, session.feed.clock.now_ns(), {"seconds": seconds})
            quality.note(found)

    def _waiting(self, symbol: str) -> int:
        return sum(overflow.waiting_rows for overflow in self._session.engine(symbol).overflow.values())

    async def _tidy(self, symbol: str) -> None:
        session = self._session
        try:
            await tidy(session, symbol)
        except DataExportError as error:
            session.pipelines[symbol].quality.trouble("disk", error, session.feed.clock.now_ns())
