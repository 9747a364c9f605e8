"""Recording a feed's raw frames while they arrive."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mdnb.clock import MarketClock
from mdnb.decode import decoder
from mdnb.feeds.recorder import Recorder
from mdnb.feeds.registry import make_feed

__all__ = ["record"]


async def record(symbol: str, file: Path, feed: str | None = None, seconds: float = 60.0) -> int:
    """Record a symbol's trades and quotes for a while; return how many frames.

    Parameters
    ----------
    file
        Must not exist; ``replay:FILE`` plays it again.
    feed
        A feed's name, default ``MDNB_FEED`` or the embedded simulator.
    seconds
        Wall-clock seconds.
    """
    source = make_feed(feed)
    understand = decoder(source.dialect)
    frames = 0
    try:
        await source.open([symbol])
        await source.subscribe(symbol, ["trades", "quotes"])
        with Recorder(file, source.dialect, [symbol]) as recorder:

            def keep(frame: str | bytes) -> None:
                nonlocal frames
                frames += 1
                batch = understand.feed([frame])
                clock = source.clock
                if batch.clock_ns and isinstance(clock, MarketClock):
                    clock.arrived(batch.clock_ns)
                # A replay closes the bars by the market's time: a simulator's may run at any speed, and this
                # computer's clock may be wrong.
                recorder.frame(clock.now_ns(), frame)
                for reply in batch.replies:
                    source.on_reply(reply)

            running = asyncio.create_task(source.run(keep, lambda _status, _detail: None))
            await asyncio.wait({running}, timeout=seconds)
    finally:
        await source.close()
    return frames
