"""Joining history and live data without a lost or a doubled bar.

The feed is subscribed first and its data held back. Then the closed bars up to the interval that is open
now are loaded, and the trades of that interval; live trades that came twice are known by their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mdnb.feeds.base import Feed
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.past.missed_trades import load_bars, load_trades
from mdnb.sessions import DAY_NS

__all__ = ["load_history"]

_TICK_WINDOW_NS = 10 * 60 * 1_000_000_000


async def load_history(
    feed: Feed,
    pipelines: Mapping[str, Pipeline],
    initial_days: float,
    progress: Callable[[int, int, str], None] | None = None,
) -> None:
    """Load ``initial_days`` of bars for every symbol, and the trades of the open interval."""
    if initial_days <= 0:
        return
    total = len(pipelines)
    for done, (symbol, pipeline) in enumerate(pipelines.items()):
        if progress is not None:
            progress(done, total, f"history of {symbol}")
        await _load(feed, symbol, pipeline, initial_days)
    if progress is not None:
        progress(total, total, "live")


async def _load(feed: Feed, symbol: str, pipeline: Pipeline, initial_days: float) -> None:
    engine = pipeline.engine
    root = engine.cascade.root
    now = feed.clock.now_ns()
    span = root.grid.span(now)
    boundary = span[0] if span is not None else now
    rows = await feed.history_bars(symbol, root.name, now - int(initial_days * DAY_NS), boundary)
    if rows is None:
        # No bars to be had: the trades are all there is to build from.
        boundary = 0
    elif rows:
        load_bars(pipeline, rows, boundary)
    start = min(boundary or now, now - _TICK_WINDOW_NS)
    trades = await feed.history_trades(symbol, start, feed.clock.now_ns() + 1)
    if trades:
        load_trades(pipeline, trades, boundary)
