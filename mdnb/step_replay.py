"""`play`: a recording pulled step by step in the caller's thread, without threads, sockets or waiting."""

from __future__ import annotations

import collections
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from mdnb.config import DataManagerConfig
from mdnb.decode import decoder
from mdnb.errors import OptionError, SymbolError
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.feeds.registry import make_feed
from mdnb.feeds.replay.feed import ReplayFeed
from mdnb.feeds.replay.server import FrameSource, RowSource
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.market_view import MarketView
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.receipt_clock import receipt_lead
from mdnb.runtime.live.recorded_batcher import RecordedBatcher
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.session import SessionOptions
from mdnb.timeframes import Timeframe
from mdnb.types import Bar

__all__ = ["PlayStep", "play"]


class PlayStep(NamedTuple):
    """The bars of one instant.

    Attributes
    ----------
    time
        The instant at which they ended; decisions are keyed by it. When they could be taken is ``view.time``.
    view
        What was known when they were closed: ``view["5min"]``, a frame of closed bars.
    bars
        The bars that closed, by timeframe, fine to coarse.

    Examples
    --------
    >>> import mdnb
    >>> step = next(mdnb.play("dataset:gold-ticks", ["1min", "5min"], symbol="GC"))
    >>> step.time == step.bars["1min"].end, len(step.view["1min"])
    (True, 1)
    """

    time: pd.Timestamp
    view: MarketView
    bars: Mapping[str, Bar]


def play(
    source: str | Path,
    timeframes: Sequence[str] | str = ("1min", "5min", "15min"),
    *,
    symbol: str | None = None,
    tz: str = "UTC",
    data_manager_config: DataManagerConfig | None = None,
    **options: Any,
) -> Iterator[PlayStep]:
    """Play a recording step by step in this thread: nothing runs in the background, nothing is waited for.

    Each step is an instant at which bars ended. Bars, views and times are those of the live engine, and of a
    replay of the same recording at any speed. What cannot be played is told by this call, before any step.

    Parameters
    ----------
    source
        A file, ``dataset:NAME``, or the name of a replay feed (``replay:PATH?start=...``).
    timeframes
        Those to keep.
    symbol
        Which one of a recording with several; without it the only one.
    tz
        Zone of times and frames.
    data_manager_config
        Limits and rules.
    **options
        Those of `mdnb.feeds.replay.feed.ReplayFeed` but ``speed``, such as ``start``, ``end``, ``calendar``.

    Yields
    ------
    PlayStep
        ``(time, view, bars)``, in order of time.

    Raises
    ------
    FeedError, SymbolError, TimeframeError, OptionError
        When that cannot be played, or there is nothing from ``start`` to ``end``.

    Examples
    --------
    >>> import mdnb
    >>> closes = []
    >>> for time, view, bars in mdnb.play("dataset:gold-ticks", ["1min", "5min"], symbol="GC"):
    ...     if "5min" in bars:
    ...         closes.append(float(view["5min"]["close"].iloc[-1]))
    >>> len(closes), closes[0]
    (279, 1313.1)
    """
    if "speed" in options:
        raise OptionError("play goes as fast as steps are taken: it takes no speed=")
    config = data_manager_config or DataManagerConfig()
    if not isinstance(config, DataManagerConfig):
        raise OptionError(f"data_manager_config must be a DataManagerConfig; got {config!r}")
    kept = SessionOptions(timeframes=_names(timeframes), config=config, tz=tz)
    feed = _feed(source, options)
    name = symbol or _only(feed)
    playback = feed.playback
    assert playback is not None
    playback.receipt_lead = receipt_lead
    return _steps(feed, feed.load([name]), name, kept)


def _feed(source: str | Path, options: dict[str, Any]) -> ReplayFeed:
    """Return the feed; one that is made by its name knows which options there are."""
    named = isinstance(source, str) and source.startswith("replay:")
    # The name of a feed that is live, such as sim://, is no file either.
    if not isinstance(source, str | os.PathLike) or ("://" in str(source) and not named):
        raise OptionError(f"play takes a file, 'dataset:NAME' or 'replay:PATH'; got {source!r}")
    if "path" in options:
        raise OptionError("the recording is named once: play takes no path=")
    if named:
        made = make_feed(str(source), **options, speed="max")
    else:
        made = make_feed("replay", path=source, **options, speed="max")
    assert isinstance(made, ReplayFeed)
    return made


def _names(timeframes: Sequence[str] | str) -> tuple[Timeframe, ...]:
    return tuple(map(Timeframe.parse, [timeframes] if isinstance(timeframes, str) else timeframes))


def _steps(
    feed: ReplayFeed, source: FrameSource | RowSource, name: str, kept: SessionOptions
) -> Iterator[PlayStep]:
    playback = feed.playback
    assert playback is not None
    engine = SymbolState(
        feed.instrument(name), feed.sessions(name), kept.timeframes, kept.config, kept.tz, feed.source
    )
    engine.recorded = engine.cascade.closing.follows_trades = True
    engine.bind_state(lambda: ("connected", 0.0), lambda: feed.clock)
    bus = EventBus()
    closed: collections.deque[Event] = collections.deque()
    bus.tap(EventType.BARS_CLOSED, closed.append)
    pipeline = Pipeline(engine, bus, feed.clock, feed.ids, feed.quote_price)
    batcher = RecordedBatcher(
        decoder(feed.dialect),
        {name: pipeline},
        lambda: feed.clock,
        Health(),
        lambda _batch: None,
        playback,
    )
    while (due := source.next_frames(frozenset([name]), None)) is not None:
        for _ in batcher.steps(due.received()):
            while closed:
                yield _step(closed.popleft())
    pipeline.end()
    while closed:
        yield _step(closed.popleft())


def _step(event: Event) -> PlayStep:
    return PlayStep(event.time, event.view, event.bars)


def _only(feed: ReplayFeed) -> str:
    known = feed.known_symbols()
    if len(known) != 1:
        held = ", ".join(known) or "none by name"
        raise SymbolError(f"say which symbol to play, symbol=...; {feed.path.name} holds {held}")
    return known[0]
