"""`SymbolMarket`: everything that belongs to one symbol, made once and shared by all its faces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from mdnb.clock import MarketClock
from mdnb.config import DataManagerConfig
from mdnb.errors import ClosedError, NoDataError
from mdnb.events.bus import EventBus
from mdnb.feeds.base import Feed
from mdnb.interruptible_wait import seconds_to_wait, wakeful
from mdnb.runtime.disk_overflow import DiskOverflow
from mdnb.runtime.live.accounting import Accounting
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.process.workers import Workers
from mdnb.timeframes import Timeframe

__all__ = ["DEFAULT_TIMEOUT", "SymbolMarket"]

T = TypeVar("T")

DEFAULT_TIMEOUT = 10.0
"""Seconds that single values are waited for."""


class SymbolMarket:
    """One symbol of a running session.

    Parameters
    ----------
    symbol
        Which one; the feed is open and knows it.
    timeframes
        Those to keep.
    config
        Limits and rules.
    tz
        Zone of frames and records.
    feed, health, workers, bus, batcher
        The session's own, shared by all its symbols.

    Attributes
    ----------
    engine
        What is held: bars, ticks, newest values.
    pipeline
        What its data passes through.
    disk
        Where bars go that leave memory.
    began
        When it was made: monotonic seconds, and seconds of the loop's thread.
    closed
        Whether the session was closed.
    ended
        Whether all is taken in that the feed gave, and nothing more will come.
    """

    def __init__(
        self,
        symbol: str,
        timeframes: Sequence[Timeframe],
        config: DataManagerConfig,
        tz: str,
        *,
        feed: Feed,
        health: Health,
        workers: Workers,
        bus: EventBus,
        batcher: FrameBatcher,
    ) -> None:
        self.symbol = symbol
        self.feed = feed
        self.health = health
        self.workers = workers
        self.bus = bus
        self.batcher = batcher
        self.began = (time.monotonic(), time.thread_time())
        self.closed = False
        self.ended = False
        self.engine = SymbolState(
            feed.instrument(symbol), feed.sessions(symbol), timeframes, config, tz, feed.source
        )
        self.engine.bind_state(lambda: (health.status, health.latency_ms()), lambda: feed.clock)
        self.engine.recorded = feed.playback is not None
        self.engine.cascade.closing.follows_trades = self.engine.recorded
        self.pipeline = Pipeline(self.engine, bus, feed.clock, feed.ids, feed.quote_price)
        self.disk = DiskOverflow(self.engine)

    def open(self) -> SymbolState:
        """Return the symbol's state; raise where the market was closed.

        Raises
        ------
        ClosedError
            After the session was closed.
        """
        if self.closed:
            raise ClosedError(f"the market of {self.symbol} was closed; make a new one")
        return self.engine

    def age(self, time_ns: int) -> float:
        """Return the seconds of wall time since the market stood at ``time_ns``, at least 0."""
        return max(0.0, self.feed.clock.lag_ms(time_ns) / 1e3)

    def clock_offset_ms(self) -> float:
        """Return how far the venue's clock is ahead of this computer's; negative where it is behind."""
        clock = self.feed.clock
        return 1e3 * clock.lead_seconds if isinstance(clock, MarketClock) else self.health.clock_offset_ms()

    def freshness(self) -> float:
        """Return 1 while the feed is alive, falling to 0 as it goes stale; 0 where all data is refused."""
        is_open = self.engine.sessions.contains(self.feed.clock.now_ns())
        return self.health.freshness(self.symbol, is_open=is_open)

    def accounting(self) -> Accounting:
        """Return the accounting: where each trade that arrived went."""
        batcher = self.batcher
        return self.pipeline.accounting(batcher.frames, batcher.control, batcher.malformed)

    async def first(self, read: Callable[[], T | None], what: str, timeout: float) -> T:
        """Wait until ``read`` gives something, and return it.

        Raises
        ------
        NoDataError
            When that took longer than ``timeout`` seconds, or the feed is at its end: nothing more will come.
        """
        engine, seconds = self.open(), seconds_to_wait(timeout)
        engine.wanted()
        value = read()
        if value is not None:
            return value
        self.bus.refuse_wait()
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(arrived.set)

        listener = engine.listen(wake)
        try:
            async with asyncio.timeout(seconds):
                while (value := read()) is None:
                    self.open()
                    if self.ended:
                        raise NoDataError(f"no {what} of {self.symbol}: none came, and {self._state()}")
                    await wakeful(arrived.wait())
                    arrived.clear()
                return value
        except TimeoutError as error:
            raise NoDataError(
                f"no {what} of {self.symbol} within {seconds:g} s; {self._state()}."
                " The market may be closed; wait longer with timeout=, or check status."
            ) from error
        finally:
            listener.close()

    def _state(self) -> str:
        detail = f" ({self.health.detail})" if self.health.detail else ""
        return f"the connection is {self.health.status}{detail}"
