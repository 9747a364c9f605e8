"""Backfill after an outage from the venue's history; what it lacks is reported as a gap.

While the missing trades are fetched, live ones wait, so that everything goes into the bars in order.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Mapping

import numpy as np

from mdnb.errors import MdnbError
from mdnb.events.types import EventType
from mdnb.feeds.base import Feed
from mdnb.rows import TradeRow
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.past.missed_trades import backfill, put_back
from mdnb.types import Gap

__all__ = ["Backfill"]

_log = logging.getLogger("mdnb")
_SECONDS = 30.0
_REST_NS = 10 * 1_000_000_000


class Backfill:
    """Watches a connection for outages and backfills the missed trades.

    Parameters
    ----------
    feed
        Whose history is asked.
    health
        The connection's state.
    pipelines
        Where each symbol's trades go.
    hold, release
        Keep live data back, and hand it on again.
    """

    def __init__(
        self,
        feed: Feed,
        health: Health,
        pipelines: Mapping[str, Pipeline],
        *,
        hold: Callable[[], None],
        release: Callable[[], None],
    ) -> None:
        self._feed = feed
        self._health = health
        self._pipelines = pipelines
        self._hold = hold
        self._release = release
        self._lost: dict[str, int] = {}
        self._down = self._again = False
        self._work: asyncio.Task[None] | None = None
        self._stuck: dict[str, set[int]] = {}

    @property
    def busy(self) -> bool:
        """Whether missed data is being fetched."""
        return self._work is not None and not self._work.done()

    def on_status(self, status: str) -> None:
        """Handle a new connection status; called on the background loop."""
        if status == "disconnected":
            # From now on, for the next connection brings trades before it is reported as up.
            self._hold()
            self._down = True
            for symbol, pipeline in self._pipelines.items():
                if symbol not in self._lost:
                    self._lost[symbol] = pipeline.newest_ns()
                    pipeline.outage_ns = self._lost[symbol]
        elif status == "reconnected" and self._lost:
            self._down, self._again = False, True
            if not self.busy:
                self._work = asyncio.create_task(self._refill(), name="mdnb-backfill")

    def close(self) -> None:
        """Stop fetching."""
        if self._work is not None:
            self._work.cancel()

    async def _refill(self) -> None:
        try:
            while self._again and not self._down:
                self._again = False
                for symbol in list(self._lost):
                    if not self._lost_meanwhile:
                        await self._refill_symbol(symbol)
        finally:
            # The next connection's trades have to wait too.
            if not self._down:
                self._release()

    @property
    def _lost_meanwhile(self) -> bool:
        """Whether the connection was lost since the history was asked, whether or not it is back."""
        return self._down or self._again

    async def _refill_symbol(self, symbol: str) -> None:
        feed, pipeline = self._feed, self._pipelines[symbol]
        since = self._lost[symbol]
        now = max(since, feed.clock.now_ns())
        rows: list[TradeRow] | None = None
        try:
            async with asyncio.timeout(_SECONDS):
                if feed.source == "trades":
                    rows = await feed.history_trades(symbol, since, now + 1)
        except (MdnbError, TimeoutError) as error:
            _log.warning("what %s missed since the outage could not be fetched: %s", symbol, error)
        if self._lost_meanwhile:
            # The next connection starts from the same place.
            return
        self._lost.pop(symbol, None)
        pipeline.outage_ns = None
        if rows is not None:
            put = backfill(pipeline, rows)
            if put:
                self._tell(pipeline, Gap(symbol, since, now, repaired=True, reason="reconnect", trades=put))
        elif feed.source == "trades" and pipeline.duplicates.ids == "sequential":
            # The next trade's id will tell whether anything is missing.
            pipeline.suspect_ns = (since, now)
        elif pipeline.engine.sessions.open_ns(since, now) > 0:
            self._tell(pipeline, Gap(symbol, since, now, repaired=False, reason="reconnect"))

    def _tell(self, pipeline: Pipeline, gap: Gap) -> None:
        engine = pipeline.engine
        gap = dataclasses.replace(gap, tz=engine.tz)
        pipeline.gaps.append(gap)
        if not gap.repaired:
            pipeline.outages.append((gap.start_ns, gap.end_ns))
        if pipeline.bus.wants(EventType.DATA_GAP, engine.symbol):
            pipeline.publisher.emit(EventType.DATA_GAP, gap.end_ns, gap.as_event(engine.tz))

    # -- ids that were jumped over --------------------------------------------------------------------

    async def look_for_missing(self, symbol: str) -> None:
        """Backfill trades whose ids were skipped and that have not arrived since the last check."""
        pipeline = self._pipelines[symbol]
        missing = pipeline.duplicates.missing
        stuck = self._stuck.get(symbol, set()) & missing
        self._stuck[symbol] = set(missing)
        suspect = pipeline.suspect_ns
        if suspect is not None and not missing and pipeline.newest_ns() > suspect[1]:
            # The ids went on where they had stopped: nothing was missed.
            pipeline.suspect_ns = None
        if not stuck or self.busy or not self._health.is_up:
            return
        start, end = _around(pipeline, stuck)
        rows: list[TradeRow] | None = None
        try:
            async with asyncio.timeout(_SECONDS):
                rows = await self._feed.history_trades(symbol, start, end + 1)
        except (MdnbError, TimeoutError) as error:
            _log.warning("missing trades of %s could not be fetched: %s", symbol, error)
        found = [row for row in rows or () if row[5] in stuck]
        put = put_back(pipeline, found) if found else 0
        lost = stuck & pipeline.duplicates.missing
        pipeline.duplicates.missing -= stuck
        reason = "reconnect" if pipeline.suspect_ns is not None else "missing_ids"
        if pipeline.suspect_ns is not None:
            start, end = pipeline.suspect_ns
        pipeline.suspect_ns = None
        self._tell(pipeline, Gap(symbol, start, end, repaired=not lost, reason=reason, trades=put))


def _around(pipeline: Pipeline, ids: set[int]) -> tuple[int, int]:
    """Return the times of the trades held next below and next above some ids."""
    engine = pipeline.engine
    with engine.lock:
        rows = engine.ticks.tail(len(engine.ticks))
    known = rows[rows["trade_id"] >= 0]
    now = pipeline.newest_ns()
    below = known["ts_ns"][known["trade_id"] < min(ids)]
    above = known["ts_ns"][known["trade_id"] > max(ids)]
    start = int(below.max()) if len(below) else now - _REST_NS
    end = int(np.min(above)) if len(above) else now
    return min(start, end), max(start, end)
