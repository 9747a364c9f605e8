"""Decodes the frames of a recording, each at the time at which it was received then (hot path).

Bars close by that time alone, the grace included, and not by how fast the recording is played or how many
frames are taken at once: the same bars close at the same market time at any speed. What changes closed bars
comes later by a microsecond at least than what came before it, so that a moment that was looked at stays as
it was seen.
"""

from __future__ import annotations

import asyncio
import collections
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from mdnb.bars.closing import whole_us
from mdnb.clock import Clock, EventClock
from mdnb.events.bus import EventBus
from mdnb.events.progress import LOOKS, Progress
from mdnb.feeds.playback import Playback
from mdnb.rows import BarRow, Batch, Decoder, QuoteRow, TradeRow, time_of
from mdnb.runtime.live.event_publisher import Closed
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.process.loop import call_soon_if_open
from mdnb.timeframes import Grid, Timeframe

__all__ = ["STEP_SECONDS", "Received", "RecordedBatcher"]

STEP_SECONDS = 5.0
"""How long a replay waits for the handlers of an event, at most."""

_TIME: Final = "time passes"
"""Stands in the queue for time that passes without a frame; known by its identity."""

_NS_PER_US = 1000

_ID = 5
"""Where a trade has its id."""

_AHEAD_NS = 2_000_000_000
"""How far the venue's stamps are ahead of the times of receipt at most; see `receipt_lead`."""

Received = tuple[int, int, str | bytes | Batch]
"""When it was received, until when nothing else was, and a frame, or what is in it."""

_Due = tuple[int, Sequence[Pipeline]]
"""An instant, and the symbols some bars of which close then."""


class RecordedBatcher(FrameBatcher):
    """Passes a recording's frames to the symbols' pipelines, and its time.

    Parameters
    ----------
    decoder, pipelines, clock, health, on_batch
        As for `FrameBatcher`.
    playback
        The recording's.
    on_failure
        As for `FrameBatcher`.
    bus
        Whose handlers are waited for where the recording is played as fast as possible; None: nobody's.

    Attributes
    ----------
    began_ns
        When the first frame that was taken in was received, UTC epoch nanoseconds; 0: none was.
    """

    def __init__(
        self,
        decoder: Decoder,
        pipelines: Mapping[str, Pipeline],
        clock: Callable[[], Clock],
        health: Health,
        on_batch: Callable[[Batch], None],
        playback: Playback,
        bus: EventBus | None = None,
        on_failure: Callable[[Pipeline, Exception], None] = Pipeline.fail,
    ) -> None:
        super().__init__(decoder, pipelines, clock, health, on_batch, on_failure)
        self.began_ns = self._unreadable = 0
        self._bus = bus
        self._playback = playback
        self._times: collections.deque[tuple[int, int]] = collections.deque()
        self._queue: collections.deque[Received] = collections.deque()
        self._going: Iterator[bool] = iter(())
        self._kept_back: list[Received] = []
        self._empty = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None
        self._until_ns = 0
        self._waiters: list[tuple[int, asyncio.Event]] = []

    def on_frame(self, frame: str | bytes) -> None:
        """Queue one raw frame; called on the loop."""
        arrivals = self._playback.arrivals
        self._times.append(arrivals.popleft() if arrivals else (0, 0))
        super().on_frame(frame)

    def on_time(self, now_ns: int) -> None:
        """Queue that time has passed until an instant, after the frames delivered so far."""
        self._times.append((now_ns, now_ns))
        super().on_frame(_TIME)

    def steps(self, received: Iterable[Received]) -> Iterator[bool]:
        """Take frames, and halt wherever bars may have closed."""
        for one in received:
            yield from self._steps_of(*one)

    def _take_frames(self, frames: list[str | bytes]) -> None:
        self._queue.extend((*self._times.popleft(), frame) for frame in frames)
        self._work()

    def _work(self) -> None:
        """Take what waits, until a handler has to be waited for."""
        while not self._waits():
            if not next(self._going, False):
                self._note_reached()
                if not self._queue:
                    self._playback.flowing.set()
                    self._empty.set()
                    return
                if self._playback.holds(self._queue[0][0]):
                    return
                self._until_ns = self._queue[0][1]
                self._going = self._steps_of(*self._queue.popleft())

    def go_on(self) -> None:
        """Take what waits after a pause."""
        self._work()

    async def wait_until(self, time_ns: int) -> None:
        """Wait until all is taken in that came before an instant."""
        if self._until_ns + _NS_PER_US < time_ns:
            reached = asyncio.Event()
            self._waiters.append((time_ns, reached))
            await reached.wait()

    def _note_reached(self) -> None:
        for one in [one for one in self._waiters if one[0] <= self._until_ns + _NS_PER_US]:
            self._waiters.remove(one)
            one[1].set()

    # -- time -----------------------------------------------------------------------------------------

    def _steps_of(self, from_ns: int, until_ns: int, what: str | bytes | Batch) -> Iterator[bool]:
        if what is _TIME:
            what = Batch()
        elif not isinstance(what, Batch):
            # While the market begins, too: the venue's replies are in it.
            what = self._decoded([what])
        if self._playback.unreadable()[0] > self._unreadable:
            self.tell_unreadable()
        if self.is_holding:
            self._kept_back.append((from_ns, until_ns, what))
            return
        self.began_ns = self.began_ns or from_ns
        # Whoever looks just before has not seen what comes at the instant itself.
        pipelines = tuple(self._pipelines.values())
        before_ns = whole_us(from_ns) - _NS_PER_US
        if (due := _advance(before_ns, pipelines)) is not None:
            yield from self._close(due, before_ns, pipelines)
        if what.has_lost_line:
            for pipeline in pipelines:
                self.attempt(pipeline, pipeline.lose_line)
        yield from self._rows_of(what) if self._playback.dated_rows else self._whole(from_ns, what)
        before_ns = whole_us(until_ns) - _NS_PER_US
        if (due := _advance(before_ns, pipelines)) is not None:
            yield from self._close(due, before_ns, pipelines)

    def tell_unreadable(self) -> None:
        """Count what the recording left out as messages that were not understood."""
        count, first = self._playback.unreadable()
        made = Batch()
        made.malformed += ["the recording has it as nothing that can be read"] * (count - self._unreadable)
        made.last_malformed = first
        self._unreadable = count
        if made.malformed:
            self.frames += len(made.malformed)
            self.counts.refuse(made.malformed, first)
            self._note_malformed(len(made.malformed))
            self._on_batch(made)

    def _close(self, due: _Due | None, until_ns: int, pipelines: Sequence[Pipeline]) -> Iterator[bool]:
        """Let time pass until an instant, from one at which bars close to the next, and halt at each.

        Whoever is told of a bar finds the market as it was then: what closes later in a pause, of another
        timeframe or symbol, has not closed yet, and the time is that of the bar.
        """
        while due is not None:
            at_ns, closing = due
            for pipeline in pipelines:
                if pipeline not in closing:
                    pipeline.pass_to(min(at_ns, until_ns))
            told = {pipeline: self._close_at(pipeline, at_ns) for pipeline in closing}
            for pipeline, publish in told.items():
                if publish is not None:
                    self.attempt(pipeline, publish)
            # What has failed would fail at each instant of this pause.
            failed = [pipeline for pipeline, publish in told.items() if publish is None]
            pipelines = [pipeline for pipeline in pipelines if pipeline not in failed]
            yield True
            due = _advance(until_ns, pipelines)

    def _close_at(self, pipeline: Pipeline, at_ns: int) -> Callable[[], None] | None:
        """Close what is due of a symbol; return what publishes it, or None where that failed."""
        try:
            closed, amended = pipeline.close_at(at_ns)
        except Exception as error:  # noqa: BLE001  # one symbol's fault costs the others nothing
            self._on_failure(pipeline, error)
            return None
        return functools.partial(_publish, pipeline, closed, amended)

    def _whole(self, at_ns: int, batch: Batch) -> Iterator[bool]:
        """Take a frame, all of which came at one instant."""
        bars = dict.fromkeys(symbol for symbol, _ in batch.bars)
        for symbol in {**batch.trades, **batch.quotes, **batch.depth, **bars, **batch.changes}:
            pipeline = self._pipelines.get(symbol)
            if pipeline is not None:
                # What stamps ahead of the receiver's clock close is known at once, too.
                rows = batch.quotes if pipeline.engine.source == "quotes" else batch.trades
                newest = max((time_of(row, at_ns) for row in rows.get(symbol, ())), default=at_ns)
                came_ns = max(at_ns, min(newest, at_ns + _AHEAD_NS))
                pipeline.arrival_ns = pipeline.next_instant(came_ns)
        self._route(batch)
        yield True

    def _rows_of(self, batch: Batch) -> Iterator[bool]:
        """Take rows each at its own time, those that close nothing together."""
        for symbol, trades in batch.trades.items():
            yield from self._row_by_row(symbol, trades, _batch_of_trades)
        for symbol, quotes in batch.quotes.items():
            yield from self._row_by_row(symbol, quotes, _batch_of_quotes)
        for symbol, changes in batch.changes.items():
            part = Batch()
            part.changes = {symbol: changes}
            yield from self._alone(symbol, changes[-1].ts_ns, part)
        for (symbol, name), bars in batch.bars.items():
            timeframe, pipeline = Timeframe.parse(name), self._pipelines.get(symbol)
            grid = None if pipeline is None else Grid(timeframe, pipeline.engine.sessions)
            for row, closed in bars:
                part = Batch()
                part.bars[symbol, name] = [(row, closed)]
                span = None if grid is None or not timeframe.step_ns else grid.span(row[0])
                # The close of the venue may cut it short.
                ends_ns = row[0] + timeframe.step_ns if span is None else span[1]
                if pipeline is not None and pipeline.noted is not None:
                    ends_ns = pipeline.noted.closed_ns(ends_ns) or ends_ns
                yield from self._alone(symbol, ends_ns, part)

    def _row_by_row(
        self, symbol: str, rows: list[Any], batch_of: Callable[[str, list[Any]], Batch]
    ) -> Iterator[bool]:
        pipeline = self._pipelines.get(symbol)
        at, count = 0, len(rows)
        # A jump of these ids is looked at by itself, and what comes until nothing of it is waited for.
        by_id = pipeline is not None and pipeline.duplicates.ids == "sequential" and len(rows[0]) > _ID
        noted = None if pipeline is None else pipeline.noted
        while at < count:
            came_ns = rows[at][0] if noted is None else noted.arrival_ns(rows[at][0])
            yield from self._alone(symbol, came_ns, batch_of(symbol, rows[at : at + 1]))
            at = begin = at + 1
            if pipeline is None or self.in_step:
                continue
            newest, edge, now_us = pipeline.quiet()
            while at < count and newest <= (ts_ns := rows[at][0]) < edge:
                if by_id and rows[at][_ID] != rows[at - 1][_ID] + 1:
                    break
                newest, ts_us = ts_ns, whole_us(ts_ns) // _NS_PER_US
                now_us = ts_us if ts_us > now_us else now_us + 1
                at += 1
            if at > begin:
                pipeline.arrival_ns = now_us * _NS_PER_US
                self._route(batch_of(symbol, rows[begin:at]))

    def _alone(self, symbol: str, at_ns: int, batch: Batch) -> Iterator[bool]:
        pipeline = self._pipelines.get(symbol)
        if pipeline is not None:
            instant = pipeline.next_instant(at_ns)
            before_ns = instant - _NS_PER_US
            while (closing_ns := pipeline.advance(before_ns)) is not None:
                publish = self._close_at(pipeline, closing_ns)
                if publish is None:
                    break
                self.attempt(pipeline, publish)
                yield True
                instant = max(instant, closing_ns + _NS_PER_US)
            pipeline.arrival_ns = instant
        self._route(batch)
        yield True

    # -- handlers that are waited for -----------------------------------------------------------------

    @property
    def in_step(self) -> bool:
        """Whether each event waits until it is handled: of a replay as fast as possible that has handlers."""
        return self._bus is not None and isinstance(self._clock(), EventClock) and self._bus.has_handlers()

    def _waits(self) -> bool:
        bus = self._bus
        if bus is None or self.is_holding or not self.in_step:
            return False
        loop = asyncio.get_running_loop()
        if bus.on_caught_up is None:
            bus.on_caught_up = lambda: call_soon_if_open(loop, self._resume)
        if not bus.are_behind():
            return False
        if self._patience is None:
            self._playback.flowing.clear()
            self._empty.clear()
            self._leave_behind(Progress(STEP_SECONDS, loop.time), loop)
        # They may have caught up before it was known that somebody waits.
        return bus.are_behind()

    def _resume(self) -> None:
        if self._bus is not None and not self._bus.are_behind():
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None
            self._work()

    def _look(self, progress: Progress, loop: asyncio.AbstractEventLoop) -> None:
        self._leave_behind(progress, loop)
        self._resume()

    def _leave_behind(self, progress: Progress, loop: asyncio.AbstractEventLoop) -> None:
        """Go on without handlers that took too long for an event, and look again soon."""
        if self._bus is not None:
            self._bus.leave_behind(progress, STEP_SECONDS)
            self._patience = loop.call_later(STEP_SECONDS / LOOKS, self._look, progress, loop)

    async def finish(self) -> None:
        """Wait until all that was delivered is taken in, and handled by those who are waited for."""
        await super().finish()
        self.tell_unreadable()
        while self._queue or self._waits():
            self._empty.clear()
            await self._empty.wait()

    def release(self) -> None:
        """Process what was kept back, and everything from now on."""
        super().release()
        kept, self._kept_back = self._kept_back, []
        self._queue.extendleft(reversed(kept))
        self._work()

    def leave(self) -> None:
        """Wait for no handler any more, and take nothing more in: the market is closed."""
        if self._patience is not None:
            self._patience.cancel()
        self._bus = None
        self._queue.clear()
        self._going = iter(())
        self._empty.set()


def _advance(until_ns: int, pipelines: Sequence[Pipeline]) -> _Due | None:
    """Let time pass until an instant, unless bars of some symbol close by then; return what does first."""
    if len(pipelines) == 1:
        at_ns = pipelines[0].advance(until_ns)
        return None if at_ns is None else (at_ns, pipelines)
    due = [(at, pipeline) for pipeline in pipelines if (at := pipeline.next_closing(until_ns)) is not None]
    if due:
        first = min(at for at, _ in due)
        return first, [pipeline for at, pipeline in due if at == first]
    for pipeline in pipelines:
        pipeline.pass_to(until_ns)
    return None


def _publish(pipeline: Pipeline, closed: Closed, amended: Sequence[tuple[str, BarRow]]) -> None:
    pipeline.publish(closed, amended)
    pipeline.engine.notify()


def _batch_of_trades(symbol: str, rows: list[TradeRow]) -> Batch:
    made = Batch()
    made.trades[symbol] = rows
    made.clock_ns = rows[-1][0]
    return made


def _batch_of_quotes(symbol: str, rows: list[QuoteRow]) -> Batch:
    made = Batch()
    made.quotes[symbol] = rows
    made.clock_ns = rows[-1][0]
    return made
