"""Recording a feed's raw frames while they arrive."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path

from mdnb.clock import MarketClock
from mdnb.decode import decoder
from mdnb.errors import OptionError
from mdnb.feeds.base import Feed
from mdnb.feeds.recorder import Recorder, refuse_unfit
from mdnb.feeds.registry import make_feed

__all__ = ["record"]


async def record(
    symbol: str,
    file: Path,
    feed: str | None = None,
    seconds: float = 60.0,
    *,
    append: bool = False,
    stop: asyncio.Event | None = None,
) -> int:
    """Record a symbol's trades and quotes for a while; return how many frames came.

    Parameters
    ----------
    file
        Must not exist, unless `append`; ``replay:FILE`` plays it again.
    feed
        A feed's name, default ``MDNB_FEED`` or the embedded simulator.
    seconds
        Wall-clock seconds; infinity goes on until `stop`, or until the feed ends.
    append
        Go on with a recording of the same symbol and dialect.
    stop
        Ends it earlier, as after its time, also while the feed is still being opened.

    Raises
    ------
    OptionError
        When that is no time.
    DataExportError
        When the file is there already, is another's, or cannot be written.
    FeedError, SymbolError
        When the feed cannot be opened, or ends with an error.
    """
    if not seconds > 0:
        raise OptionError(f"seconds must be above 0; got {seconds:g}")
    source = make_feed(feed)
    # Before anybody is asked for anything.
    refuse_unfit(file, source.dialect, [symbol], append=append)
    stopped = asyncio.create_task((stop or asyncio.Event()).wait())
    tasks: list[asyncio.Task[None]] = []

    async def ended(task: asyncio.Task[None], limit: float = math.inf) -> bool:
        tasks.append(task)
        timeout = None if math.isinf(limit) else limit
        await asyncio.wait({task, stopped}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        # An error of its own is raised here.
        return task.done() and task.result() is None

    try:
        if not await ended(asyncio.create_task(_open(source, symbol))):
            return 0
        with Recorder(file, source.dialect, [symbol], append=append) as recorder:
            keep = _keep(source, recorder)
            await ended(asyncio.create_task(source.run(keep, lambda _status, _detail: None)), seconds)
        return recorder.frames
    finally:
        stopped.cancel()
        await source.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, stopped, return_exceptions=True)


async def _open(source: Feed, symbol: str) -> None:
    await source.open([symbol])
    await source.subscribe(symbol, ["trades", "quotes"])


def _keep(source: Feed, recorder: Recorder) -> Callable[[str | bytes], None]:
    """Return what takes a feed's frames into the recording."""
    understand = decoder(source.dialect)

    def keep(frame: str | bytes) -> None:
        batch = understand.feed([frame])
        clock = source.clock
        if batch.clock_ns and isinstance(clock, MarketClock):
            clock.arrived(batch.clock_ns)
        # A replay closes the bars by the market's time: a simulator's may run at any speed, and this
        # computer's clock may be wrong.
        recorder.frame(clock.now_ns(), frame)
        for reply in batch.replies:
            source.on_reply(reply)

    return keep
