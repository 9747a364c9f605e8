"""Once a second: tell what alerts were held back, look whether the data is stale, tidy the disk when due."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from mdnb.errors import DataExportError
from mdnb.runtime.disk import tidy
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    from mdnb.runtime.session import MarketSession

__all__ = ["beat"]

_SECONDS = 1.0
_MOST_WAITING = 8192


async def beat(session: MarketSession) -> None:
    """Look after a session until it ends; runs on the background loop."""
    tidied = dict.fromkeys(session.symbols, time.monotonic())
    stale = dict.fromkeys(session.symbols, False)
    while not session.closed:
        await asyncio.sleep(_SECONDS)
        for symbol in session.symbols:
            pipeline, config = session.pipelines[symbol], session.engine(symbol).config
            is_stale = session.freshness(symbol) < 1.0
            if is_stale and not stale[symbol]:
                _tell_stale(session, symbol)
            stale[symbol] = is_stale
            pipeline.alerts.flush()
            if pipeline.duplicates.ids == "sequential":
                await session.backfill.look_for_missing(symbol)
            now = time.monotonic()
            due = config.auto_cleanup and now - tidied[symbol] >= config.cleanup_frequency
            if due or _waiting(session, symbol) > _MOST_WAITING:
                tidied[symbol] = now
                await _tidy(session, symbol)


def _tell_stale(session: MarketSession, symbol: str) -> None:
    pipeline = session.pipelines[symbol]
    quality = pipeline.quality
    # A recording at its end is not stale, it is over.
    if session.health.status != "closed" and (quality.rules is None or quality.rules.check_stale):
        seconds = session.health.seconds_since_data(symbol)
        sentence = f"no data for {seconds:.0f} s while the market is open"
        quality.note(
            QualityFinding("feed_stale", sentence, session.feed.clock.now_ns(), {"seconds": seconds})
        )


def _waiting(session: MarketSession, symbol: str) -> int:
    return sum(overflow.waiting_rows for overflow in session.engine(symbol).overflow.values())


async def _tidy(session: MarketSession, symbol: str) -> None:
    try:
        await tidy(session, symbol)
    except DataExportError as error:
        session.pipelines[symbol].quality.trouble("disk", error, session.feed.clock.now_ns())
