"""mdnb's side of the path measurements: the parts that `mdnb.runtime` joins, joined the same way."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from mdnb.clock import Clock, EventClock, SystemClock
from mdnb.decode import decoder
from mdnb.decode.renaming import RenamingDecoder
from mdnb.events.bus import EventBus
from mdnb.feeds.connection import Endpoint
from mdnb.feeds.wire import WireFeed
from mdnb.instruments import known_instrument
from mdnb.rows import Decoder
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from tests.benchmarks.busy import percentiles, run_beside
from tests.benchmarks.server import SYMBOL, wire_frames
from tests.benchmarks.ticks import FIVE, difference, load
from tests.venues.dialects import DIALECTS

__all__ = ["MEASURES", "Market", "ServerFeed"]


class ServerFeed(WireFeed):
    """The wire protocol's client against `tests.benchmarks.server`, which sends without being asked."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    async def endpoint(self) -> Endpoint:
        """Return the server's address."""
        return Endpoint(self.url)

    async def open(self, symbols: Any) -> None:
        """Need nothing."""


@dataclasses.dataclass
class Market:
    """One symbol's engine, pipeline and drain, as a session joins them."""

    engine: SymbolState
    pipeline: Pipeline
    drain: FrameBatcher

    @classmethod
    def make(
        cls,
        timeframes: dict[str, int],
        clock: Clock | None = None,
        read: Decoder | None = None,
        ids: Literal["sequential", "unique", "none"] = "sequential",
    ) -> Market:
        """Return an empty one with default options, for frames of mdnb's own where ``read`` is not given."""
        clock = clock or EventClock()
        engine = SymbolState(known_instrument(SYMBOL), Sessions.always(), list(timeframes))
        pipeline = Pipeline(engine, EventBus(), clock, ids=ids)
        read = read or decoder("mdnb")
        drain = FrameBatcher(read, {SYMBOL: pipeline}, lambda: clock, Health(), lambda batch: None)
        return cls(engine, pipeline, drain)

    def finish(self) -> None:
        """Hand on what still waits after the connection's end."""
        before = -1
        while self.drain.frames != before:
            before = self.drain.frames
            self.drain.flush()

    def wrong(self, path: str, count: int, timeframes: dict[str, int]) -> str:
        """Return what is wrong with the books or the bars; empty if nothing."""
        books = self.pipeline.accounting(self.drain.frames, self.drain.control, self.drain.malformed)
        if not books.balanced or books.in_bars != count or books.frames != count:
            return str(books)
        ticks = load(path, count)
        for name, seconds in timeframes.items():
            held = self.engine.columns(name)
            columns = (held.time_us * 1000, held.open, held.high, held.low, held.close, held.volume)
            if found := difference(name, list(zip(*columns, strict=True)), ticks, seconds):
                return found
        return ""


def pipeline(path: str, count: int, timeframes: dict[str, int], batch: int) -> dict[str, Any]:
    """Take one-trade frames from memory by the drain: decode, validate, bars, store, accounting."""
    market = Market.make(timeframes)
    frames = wire_frames(path, count)

    async def run() -> float:
        on_frame = market.drain.on_frame
        begun = time.process_time()
        for a in range(0, count, batch):
            for frame in frames[a : a + batch]:
                on_frame(frame)
            await asyncio.sleep(0)
        return time.process_time() - begun

    gc.collect()
    seconds = asyncio.run(run())
    return {"seconds": seconds, "count": count, "wrong": market.wrong(path, count, timeframes)}


def path(url: str, path: str, count: int, timeframes: dict[str, int]) -> dict[str, Any]:
    """Receive all frames by the feed's own connection and take them all the way."""
    return _received(Market.make(timeframes), url, path, count, timeframes)


class _OneName(dict[str, str]):
    """Names every symbol alike: there is one, whatever the venue calls it."""

    def get(self, key: str, default: object = None) -> str:  # type: ignore[override]  # it has all keys
        """Return the name."""
        return SYMBOL


def venue(url: str, path: str, count: int, timeframes: dict[str, int], number: int) -> dict[str, Any]:
    """Do the same with a venue's frames, by the decoder of its adapter; its number is that in `DIALECTS`."""
    adapter = DIALECTS[number].adapter
    read = RenamingDecoder(decoder(adapter.dialect), _OneName())
    return _received(Market.make(timeframes, read=read, ids=adapter.ids), url, path, count, timeframes)


def _received(market: Market, url: str, path: str, count: int, timeframes: dict[str, int]) -> dict[str, Any]:
    flushes: list[int] = []
    told = market.engine.listen(lambda: flushes.append(market.drain.frames))

    async def run() -> None:
        feed = ServerFeed(url)
        await feed.run(market.drain.on_frame, lambda status, detail: None)
        await feed.close()
        market.finish()

    gc.collect()
    wall, begun = time.perf_counter(), time.process_time()
    asyncio.run(run())
    seconds, wall = time.process_time() - begun, time.perf_counter() - wall
    told.close()
    wrong = market.wrong(path, count, timeframes)
    return {"seconds": seconds, "wall": wall, "count": count, "flushes": len(flushes), "wrong": wrong}


def latency(url: str, count: int, load: str) -> dict[str, Any]:
    """Receive paced frames beside a busy main thread: the delay until the bars hold the trade."""
    market = Market.make(FIVE, SystemClock())
    engine = market.engine
    applied: list[tuple[int, int]] = []
    told = engine.listen(lambda: applied.append((time.time_ns(), engine.ticks.total)))

    async def run() -> None:
        feed = ServerFeed(url)
        await feed.run(market.drain.on_frame, lambda status, detail: None)
        await feed.close()
        market.finish()

    begun = time.process_time()
    run_beside(load, run)
    seconds = time.process_time() - begun
    told.close()
    sent = engine.recent(count)["ts_ns"]
    # The first batch that brought the total to a trade's number or beyond is the one that applied it.
    totals = np.array([total for _, total in applied])
    times = np.array([at for at, _ in applied])
    found = percentiles(sent, times[np.searchsorted(totals, np.arange(1, len(sent) + 1))])
    wrong = "" if len(sent) == count else f"{len(sent)} of {count} trades"
    return {"seconds": seconds, "count": count, "flushes": len(applied), "wrong": wrong, **found}


MEASURES: dict[str, Callable[..., dict[str, Any]]] = {
    "path": path,
    "pipeline": pipeline,
    "latency": latency,
    "venue": venue,
}
