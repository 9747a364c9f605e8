"""`play`: a recording pulled step by step in the caller's thread, without threads, sockets or waiting."""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from mdnb.bars.made_of import made_of
from mdnb.config import DataManagerConfig
from mdnb.errors import OptionError, SymbolError
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.feeds.registry import make_feed
from mdnb.feeds.replay.feed import ReplayFeed
from mdnb.feeds.replay.server import FrameSource, RowSource
from mdnb.instruments import with_prices
from mdnb.recordings import RecordingFeed
from mdnb.rows import Batch
from mdnb.runtime.feed_decoder import decoder_of
from mdnb.runtime.live.accounting import counted
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.market_view import MarketView
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.receipt_clock import receipt_lead
from mdnb.runtime.live.recorded_bars import bars_alone
from mdnb.runtime.live.recorded_batcher import RecordedBatcher
from mdnb.runtime.live.recorded_gaps import RecordedGaps
from mdnb.runtime.live.refused_share import RefusedShare
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.missed_trades import place_by_ids
from mdnb.runtime.past.saved_bars import put_saved_before
from mdnb.runtime.process.user_warning import warn_user
from mdnb.runtime.session import SessionOptions
from mdnb.timeframes import named_timeframes
from mdnb.types import Bar

__all__ = ["PlayStep", "play"]

_ALL_DAYS = 3660.0


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
    positive_prices: bool | None = None,
    **options: Any,
) -> Iterator[PlayStep]:
    """Play a recording step by step in this thread: nothing runs in the background, nothing is waited for.

    Each step is an instant at which bars ended. Bars, views and times are those of the live engine, and of a
    replay of the same recording at any speed. What cannot be played is told by this call, before any step.
    After the last one a `UserWarning` tells of trades that were refused, where these are many, and of
    what was not understood.

    Parameters
    ----------
    source
        A file (a recording, a saved market, any of ticks or bars), ``dataset:NAME``, or the name of a replay
        feed (``replay:PATH?start=...``).
    timeframes
        Those to keep.
    symbol
        Which one of a recording with several; without it the only one.
    tz
        Zone of times and frames, and of ``start`` and ``end`` as text that names none.
    data_manager_config
        Limits and rules.
    positive_prices
        False where prices may be zero and negative; None: as is known of the symbol.
    **options
        Those of a feed's name ``replay:PATH`` but ``speed``, such as ``start``, ``end``, ``calendar``.

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
    if "timeframe" in options:
        raise OptionError(
            f"play takes timeframes=, one name or several; got timeframe={options['timeframe']!r}"
        )
    config = data_manager_config or DataManagerConfig()
    if not isinstance(config, DataManagerConfig):
        raise OptionError(f"data_manager_config must be a DataManagerConfig; got {config!r}")
    if not isinstance(positive_prices, bool | None):
        raise OptionError(f"positive_prices must be True, False or None; got {positive_prices!r}")
    kept = SessionOptions(timeframes=named_timeframes(timeframes), config=config, tz=tz)
    if tz != "UTC":
        options["tz"] = tz
    feed = _feed(source, options)
    name = symbol or _only(feed)
    told = {} if positive_prices is None else {name: positive_prices}
    kept = dataclasses.replace(kept, positive_prices=told)
    playback = feed.playback
    assert playback is not None
    playback.receipt_lead, playback.bars_alone = receipt_lead, bars_alone
    if isinstance(feed, RecordingFeed):
        feed.kept = tuple(timeframe.name for timeframe in kept.timeframes)
    source_of_frames = feed.load([name])
    made_of(feed, name).check(kept.timeframes)
    return _steps(feed, source_of_frames, name, kept)


def _take_rolls(batch: Batch, feed: ReplayFeed, pipeline: Pipeline) -> None:
    engine = pipeline.engine
    for change in batch.rolls:
        feed.take_roll(change)
        # A recording of several symbols has the rolls of the others, too.
        if change.symbol == engine.symbol:
            engine.contracts.follow(feed, change.symbol, engine.tz)
            pipeline.begin_contract()
    for prices in batch.seam_prices:
        feed.take_seam_prices(prices)
        if prices.symbol == engine.symbol:
            engine.contracts.follow(feed, prices.symbol, engine.tz)


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


def _steps(
    feed: ReplayFeed, source: FrameSource | RowSource, name: str, kept: SessionOptions
) -> Iterator[PlayStep]:
    playback = feed.playback
    assert playback is not None
    engine = SymbolState(
        with_prices(feed.instrument(name), kept.positive_prices.get(name)),
        feed.sessions(name),
        kept.timeframes,
        kept.config,
        kept.tz,
        feed.source,
    )
    engine.contracts.follow(feed, name, kept.tz)
    engine.how_to_add = "Name it in the timeframes= of mdnb.play."
    engine.recorded = engine.cascade.closing.follows_trades = True
    engine.bind_state(lambda: ("connected", 0.0), lambda: feed.clock)
    bus = EventBus()
    closed: collections.deque[Event] = collections.deque()
    bus.tap(EventType.BARS_CLOSED, closed.append)
    pipeline = Pipeline(engine, bus, feed.clock, feed.ids, feed.quote_price)
    place_by_ids(pipeline)
    if isinstance(feed, RecordingFeed):
        put_saved_before(feed, {name: pipeline}, _ALL_DAYS)
    RecordedGaps(pipeline)
    batcher = RecordedBatcher(
        decoder_of(feed),
        {name: pipeline},
        lambda: feed.clock,
        Health(),
        lambda batch: _take_rolls(batch, feed, pipeline),
        playback,
        on_failure=_raise,
    )
    while (due := source.next_frames(frozenset([name]), None)) is not None:
        for _ in batcher.steps(due.received()):
            while closed:
                yield _step(closed.popleft())
    pipeline.end()
    while closed:
        yield _step(closed.popleft())
    batcher.tell_unreadable()
    left_out = _left_out(pipeline, batcher)
    if left_out:
        warn_user(f"{name} was played, but not all that {feed.path.name} holds: {'; '.join(left_out)}")


def _left_out(pipeline: Pipeline, batcher: RecordedBatcher) -> list[str]:
    """Return in words what was refused, where that is much, and what was not understood."""
    refused = RefusedShare().look(pipeline, at_end=True)
    said = [] if refused is None else [refused]
    taken = pipeline.accounting(batcher.frames, batcher.control, batcher.malformed, batcher.counts)
    if taken.outside_session and not taken.in_bars:
        said.append(f"none is in a bar, {taken.outside_session:,} came outside the sessions of the venue")
    if taken.malformed:
        reasons = f"{counted(taken.malformed_reasons)}; the last one: {taken.last_malformed}"
        said.append(f"messages were not understood: {reasons}")
    return said


def _raise(_pipeline: Pipeline, error: Exception) -> None:
    """Let the caller, in whose thread it happened, know what failed."""
    raise error


def _step(event: Event) -> PlayStep:
    return PlayStep(event.time, event.view, event.bars)


def _only(feed: ReplayFeed) -> str:
    known = feed.known_symbols()
    if len(known) != 1:
        held = ", ".join(known) or "none by name"
        raise SymbolError(f"say which symbol to play, symbol=...; {feed.path.name} holds {held}")
    return known[0]
