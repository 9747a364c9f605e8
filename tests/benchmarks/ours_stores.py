"""mdnb's side of the measurements of stores: what a frame costs, what a bar and a tick weigh."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import psutil

from mdnb.bars.cascade import Cascade
from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.feeds.base import Channel, Feed, OnFrame, OnStatus
from mdnb.manager import RealtimeDataManager
from mdnb.manager.parts import ManagerParts
from mdnb.runtime.past.missed_trades import load_bars
from mdnb.runtime.session import MarketSession, SessionOptions
from mdnb.sessions import Sessions
from mdnb.stores.bars import BarStore
from mdnb.stores.ticks import TICK_DTYPE, RowStore
from mdnb.timeframes import Timeframe
from tests.benchmarks.ticks import START_NS

__all__ = ["MEASURES"]

_MINUTE_NS = 60_000_000_000
_BATCH = 1000


def _rss() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def _minutes(count: int, from_: int = 0) -> list[tuple[int, float, float, float, float, float, int, float]]:
    return [
        (
            START_NS + i * _MINUTE_NS,
            17_000.0 + i % 7,
            17_010.0,
            16_990.0,
            17_001.0 + i % 5,
            10.0 + i % 3,
            20,
            170_010.0,
        )
        for i in range(from_, from_ + count)
    ]


def memory_bars(count: int) -> dict[str, Any]:
    """Weigh so many one-minute bars, pushed a thousand at a time, before and after a frame was read."""
    pd.DataFrame({"a": [1.0]}, index=pd.DatetimeIndex(["2024-01-01"], tz="UTC"))
    store = BarStore(count)
    cascade = Cascade(["1min"], Sessions.always(), lambda _name: store)
    cascade.push_bars(_minutes(_BATCH))
    before = _rss()
    for a in range(_BATCH, count, _BATCH):
        cascade.push_bars(_minutes(_BATCH, a))
    cascade.close_until(START_NS + count * _MINUTE_NS)
    after = _rss()
    frame = store.frame(len(store) - 1000, len(store))
    with_frame = _rss()
    held = count - _BATCH
    wrong = "" if len(store) == count and len(frame) == 1000 else f"{len(store)} bars"
    return {
        "bytes": (after - before) / held,
        "bytes_with_frame": (with_frame - before) / held,
        "own": store.nbytes / len(store),
        "wrong": wrong,
    }


def memory_ticks(count: int) -> dict[str, Any]:
    """Weigh so many ticks, appended a thousand at a time."""
    store = RowStore(TICK_DTYPE, count)

    def batch(a: int) -> list[tuple[int, float, float, int, int, int]]:
        return [(START_NS + i, 17_000.0 + i % 9, 1.0, 1, 1, i) for i in range(a, a + _BATCH)]

    store.extend(batch(0))
    before = _rss()
    for a in range(_BATCH, count, _BATCH):
        store.extend(batch(a))
    after = _rss()
    wrong = "" if len(store) == count else f"{len(store)} ticks"
    return {"bytes": (after - before) / (count - _BATCH), "own": store.nbytes / len(store), "wrong": wrong}


class _SilentFeed(Feed):
    """A feed that is connected and says nothing: what is measured is only read."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = EventClock()
        self._closed = asyncio.Event()

    async def open(self, symbols: Sequence[str]) -> None:
        """Need nothing."""

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Be connected until closed."""
        on_status("connected", "")
        await self._closed.wait()

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Agree."""

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Agree."""

    async def close(self) -> None:
        """End `run`."""
        self._closed.set()


async def _get_data(calls: int, bars: int, held: int, *, ticking: bool) -> dict[str, Any]:
    options = SessionOptions(
        timeframes=(Timeframe.parse("1min"),),
        config=DataManagerConfig(max_bars_per_timeframe=held),
        initial_days=0,
    )
    session = MarketSession(_SilentFeed(), ["MNQ"], options)
    await session.start()
    try:
        pipeline, manager = (
            session.market("MNQ").pipeline,
            RealtimeDataManager(ManagerParts.of(session.market("MNQ"))),
        )
        opens = START_NS + held * _MINUTE_NS
        load_bars(pipeline, _minutes(held), opens)
        seconds = 0.0
        pipeline.take([(opens, 17_000.0, 1.0, 1, 0, -1)])
        if not ticking:
            # As the peer is measured: one clock around all calls. No frame serves twice, each is made.
            begun = time.process_time()
            for _ in range(calls):
                made = await manager.get_data("1min", count=bars)
            seconds = time.process_time() - begun
        for number in range(calls if ticking else 0):
            pipeline.take([(opens + number, 17_000.0 + number % 5, 1.0, 1, 0, -1)])
            begun = time.process_time()
            made = await manager.get_data("1min", count=bars)
            seconds += time.process_time() - begun
    finally:
        await session.close()
    close = 17_000.0 + ((calls - 1) % 5 if ticking else 0)
    right = len(made) == bars and made["close"].iloc[-1] == close and made.index[-1].value == opens
    wrong = "" if right else f"{len(made)} bars, the last {made.iloc[-1].to_dict()}"
    return {"seconds": seconds, "count": calls, "wrong": wrong}


def get_data(calls: int, bars: int, held: int, ticking: bool) -> dict[str, Any]:
    """Await ``get_data``; ``ticking``: a trade comes in between, and the clock is read around each call."""
    return asyncio.run(_get_data(calls, bars, held, ticking=ticking))


MEASURES: dict[str, Callable[..., dict[str, Any]]] = {
    "get_data": get_data,
    "memory_bars": memory_bars,
    "memory_ticks": memory_ticks,
}
