"""mdnb's side of the measurements of many symbols and of calm markets: a whole running session."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any

from mdnb.clock import ScaledClock
from mdnb.feeds.base import OnFrame, OnStatus
from mdnb.runtime.session import MarketSession, SessionOptions
from mdnb.timeframes import Timeframe
from tests.benchmarks.server import symbol_frames
from tests.benchmarks.ticks import START_NS, difference, load
from tests.quiet_feed import QuietFeed

__all__ = ["MEASURES", "symbols"]

_SPEED = 5_000.0
_JUDGED = 20


class _FramesFeed(QuietFeed):
    """Delivers frames from memory, so many a turn of the loop, in a market whose time is theirs."""

    def __init__(self, frames: list[str], times: list[int], turn: int) -> None:
        super().__init__()
        self.pace = ScaledClock(START_NS, _SPEED)
        self.clock = self.pace
        self.begin = asyncio.Event()
        self.seconds = 0.0
        self._frames, self._times, self._turn = frames, times, turn

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Deliver all of them once `begin` is set."""
        on_status("connected", "")
        await self.begin.wait()
        frames, times, turn = self._frames, self._times, self._turn
        gc.collect()
        begun = time.process_time()
        for a in range(0, len(frames), turn):
            part = frames[a : a + turn]
            self.pace.set(times[a + len(part) - 1])
            for frame in part:
                on_frame(frame)
            await asyncio.sleep(0)
        self.seconds = time.process_time() - begun
        on_status("closed", "")


async def _run(feed: _FramesFeed, names: list[str], timeframes: dict[str, int]) -> MarketSession:
    options = SessionOptions(timeframes=tuple(map(Timeframe.parse, timeframes)), initial_days=0)
    session = MarketSession(feed, names, options)
    await session.start()
    feed.begin.set()
    await session.wait_ended()
    return session


def symbols(path: str, count: int, timeframes: dict[str, int], symbols: int, turn: int) -> dict[str, Any]:
    """Take one-trade frames of so many symbols in turn, so many frames a turn of the loop."""
    frames, names = symbol_frames(path, count, symbols)
    ticks = load(path, -(-count // symbols))
    times = ticks["ts_ns"].repeat(symbols)[:count].tolist()

    async def run() -> tuple[float, str]:
        feed = _FramesFeed(frames, times, turn)
        session = await _run(feed, names, timeframes)
        wrong = _wrong(session, ticks, count, timeframes)
        await session.close()
        return feed.seconds, wrong

    seconds, wrong = asyncio.run(run())
    return {"seconds": seconds, "count": count, "wrong": wrong}


def _wrong(session: MarketSession, ticks: Any, count: int, timeframes: dict[str, int]) -> str:
    """Return what is wrong with the accounting, or with the bars of some symbols; empty if nothing."""
    markets = list(session.markets.values())
    books = [market.accounting() for market in markets]
    if sum(one.in_bars for one in books) != count or not all(one.balanced for one in books):
        return str(books[0])
    for at in range(0, len(markets), max(1, len(markets) // _JUDGED)):
        for name, seconds in timeframes.items():
            held = markets[at].engine.columns(name)
            columns = (held.time_us * 1000, held.open, held.high, held.low, held.close, held.volume)
            if found := difference(
                name, list(zip(*columns, strict=True)), ticks[: books[at].in_bars], seconds
            ):
                return found
    return ""


MEASURES: dict[str, Callable[..., dict[str, Any]]] = {"symbols": symbols}
