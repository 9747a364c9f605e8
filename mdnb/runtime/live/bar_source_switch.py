"""Switches between bars built from trades and the feed's own bars, without losing or doubling one."""

from __future__ import annotations

import dataclasses
from typing import Literal

from mdnb.bars.tree import nests
from mdnb.errors import OptionError
from mdnb.feeds.base import Feed
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.timeframes import Timeframe

__all__ = ["switch_source"]


async def switch_source(feed: Feed, pipeline: Pipeline, source: Literal["trades", "bars"]) -> None:
    """Build a symbol's bars from another source, from the next bar of the finest timeframe on.

    Raises
    ------
    OptionError
        When the feed has no such source for the timeframes kept; nothing was changed.
    FeedRefusedError
        When the venue refuses the subscription.
    """
    engine = pipeline.engine
    symbol = engine.symbol
    if engine.source == source:
        return
    if source == "trades":
        if not feed.has_trades:
            raise OptionError(f"{feed!r} has no trades to build from; leave use_tick_data=False")
        pipeline.build_from("trades", _next_edge(pipeline))
        engine.made_of = dataclasses.replace(engine.made_of, source="trades", bars=None)
        return
    root = engine.cascade.root.grid.timeframe
    offered = feed.own_bars(symbol)
    fitting = [name for name in offered if nests(Timeframe.parse(name), root, engine.sessions)]
    if not fitting:
        what = f"only {', '.join(offered)} bars" if offered else "no bars"
        raise OptionError(
            f"use_tick_data=False builds from the feed's own bars, and {feed!r} sends {what} of {symbol}; the"
            f" finest timeframe kept is {root.name}. Leave use_tick_data=True."
        )
    pipeline.subscribed.add("bars")
    await feed.subscribe(symbol, ["bars"])
    pipeline.build_from("bars", _next_edge(pipeline), fitting[-1])
    own = Timeframe.parse(fitting[-1])
    engine.made_of = dataclasses.replace(engine.made_of, source="bars", bars=own)


def _next_edge(pipeline: Pipeline) -> int:
    """Return when the bar that is being made ends."""
    root = pipeline.engine.cascade.root
    now = max(pipeline.clock.now_ns(), pipeline.newest_ns())
    span = root.grid.span(now)
    if span is not None:
        return span[1]
    opens = pipeline.engine.sessions.next_open(now)
    return now if opens is None else opens
