"""An order book that is not the venue's any more is asked for anew, until it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from mdnb.feeds.base import Feed
from mdnb.feeds.timeouts import Backoff
from mdnb.runtime.live.pipeline import Pipeline

__all__ = ["BookRenewal"]

_log = logging.getLogger("mdnb")


class BookRenewal:
    """Asks for books that broke: at once, then each time later, and never twice at a time.

    Parameters
    ----------
    feed
        Is asked.
    pipelines
        By symbol.

    Attributes
    ----------
    backoff
        How long it waits before it asks again.
    well_seconds
        For how long a book has to hold until its trouble is over.
    """

    def __init__(self, feed: Feed, pipelines: Mapping[str, Pipeline]) -> None:
        self.backoff = Backoff(1.0, 2.0, 60.0)
        self.well_seconds = 5.0
        self._feed = feed
        self._pipelines = pipelines
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def renew(self, symbol: str) -> None:
        """Ask for the book of a symbol, unless that is being done; on the loop."""
        task = self._tasks.get(symbol)
        if task is None or task.done():
            self._tasks[symbol] = asyncio.create_task(self._renew(symbol), name="mdnb-book")

    def ask_again(self, symbol: str) -> None:
        """Have what changes go on from come once more, for who listens from now on; on the loop."""
        task = asyncio.create_task(self._ask_again(symbol), name="mdnb-book")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def close(self) -> None:
        """Ask for nothing any more."""
        for task in (*self._tasks.values(), *self._asking):
            task.cancel()

    async def _ask_again(self, symbol: str) -> None:
        pipeline = self._pipelines[symbol]
        for channel in sorted(self._feed.changing & pipeline.subscribed):
            try:
                await self._feed.unsubscribe(symbol, [channel])
                if channel in pipeline.subscribed:
                    await self._feed.subscribe(symbol, [channel])
            except Exception as error:  # noqa: BLE001  # an adapter may raise anything
                _log.warning("%s of %s could not be asked for anew: %r", channel, symbol, error)
                if channel == "depth":
                    self.renew(symbol)

    async def _renew(self, symbol: str) -> None:
        pipeline = self._pipelines[symbol]
        order, quality = pipeline.book_order, pipeline.quality
        attempt = 0
        while "depth" in pipeline.subscribed:
            breaks = order.breaks
            try:
                await self._feed.unsubscribe(symbol, ["depth"])
                await self._feed.subscribe(symbol, ["depth"])
            except Exception as error:  # noqa: BLE001  # an adapter may raise anything, and is asked again
                quality.trouble("book", error, pipeline.clock.now_ns())
            else:
                await asyncio.sleep(self.well_seconds)
                if not order.is_broken and order.breaks == breaks:
                    break
            await asyncio.sleep(self.backoff.delay(attempt, dice=1.0))
            attempt += 1
        quality.trouble_over("book")
