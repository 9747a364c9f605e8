"""Decodes the frames of a recording, each at the time at which it was received then (hot path).

Bars close by that time alone, the grace included, and not by how fast the recording is played or how many
frames are taken at once: the same bars close at the same market time at any speed.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from mdnb.clock import Clock, EventClock
from mdnb.events.bus import EventBus
from mdnb.feeds.playback import Playback
from mdnb.rows import Batch, Decoder
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.process.loop import call_soon_if_open

__all__ = ["STEP_SECONDS", "RecordedBatcher"]

STEP_SECONDS = 5.0
"""How long a replay waits for the handlers of an event, at most."""

_TIME: Final = "time passes"
"""Stands in the queue for time that passes without a frame; known by its identity."""


class RecordedBatcher(FrameBatcher):
    """Passes a recording's frames to the symbols' pipelines, and its time.

    Parameters
    ----------
    decoder, pipelines, clock, health, on_batch
        As for `FrameBatcher`.
    playback
        The recording's.
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
    ) -> None:
        super().__init__(decoder, pipelines, clock, health, on_batch)
        self.began_ns = 0
        self._bus = bus
        self._flowing = playback.flowing
        self._queue: collections.deque[tuple[int, str | bytes]] = collections.deque()
        self._empty = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None
        self._arrivals = playback.arrivals
        self._times: collections.deque[int] = collections.deque()
        self._kept_back: collections.deque[tuple[int, int, Batch]] = collections.deque()

    def on_frame(self, frame: str | bytes) -> None:
        """Queue one raw frame; called on the loop."""
        self._times.append(self._arrivals.popleft() if self._arrivals else 0)
        super().on_frame(frame)

    def on_time(self, now_ns: int) -> None:
        """Queue that time has passed until an instant, after the frames delivered so far."""
        self._times.append(now_ns)
        super().on_frame(_TIME)

    def take(self, received: Sequence[tuple[int, str | bytes]]) -> None:
        """Take frames at once, each with the time at which it was received."""
        self._queue.extend(received)
        self._work()

    def _take_frames(self, frames: list[str | bytes]) -> None:
        self._queue.extend((self._times.popleft(), frame) for frame in frames)
        self._work()

    def _work(self) -> None:
        """Take what waits, until a handler has to be waited for."""
        queue = self._queue
        while queue and not self._waits():
            time_ns, frame = queue[0]
            if not self.is_holding:
                self._advance(time_ns)
                if self._waits():
                    # What closed before it is handled first.
                    return
            queue.popleft()
            if frame is _TIME:
                self._take_or_keep(time_ns, time_ns, Batch())
                continue
            self.began_ns = self.began_ns or time_ns
            frames, until_ns, edge = [frame], time_ns, self._next_edge()
            # No bar can close before the next edge: until then it makes no difference.
            while queue and queue[0][0] < edge and queue[0][1] is not _TIME:
                until_ns, frame = queue.popleft()
                frames.append(frame)
            self._take_or_keep(time_ns, until_ns, self._decoded(frames))
        if not queue:
            self._flowing.set()
            self._empty.set()

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
            self._patience = loop.call_later(STEP_SECONDS, self._leave_behind)
            self._flowing.clear()
            self._empty.clear()
        # They may have caught up before it was known that somebody waits.
        return bus.are_behind()

    def _resume(self) -> None:
        if self._bus is not None and not self._bus.are_behind():
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None
            self._work()

    def _leave_behind(self) -> None:
        self._patience = None
        if self._bus is not None:
            self._bus.leave_behind(STEP_SECONDS)
        self._work()

    async def finish(self) -> None:
        """Wait until all that was delivered is taken in, and handled by those who are waited for."""
        await super().finish()
        while self._queue or self._waits():
            self._empty.clear()
            await self._empty.wait()

    def _next_edge(self) -> int:
        """Return the next instant at which a bar may close; 0 where every frame is taken by itself."""
        pipelines = self._pipelines.values()
        if self.is_holding or self.in_step or any(pipeline.engine.activity for pipeline in pipelines):
            return 0
        return min((pipeline.next_edge() or 0 for pipeline in pipelines), default=0)

    def _advance(self, now_ns: int) -> None:
        for pipeline in self._pipelines.values():
            pipeline.advance(now_ns)

    def _take_or_keep(self, from_ns: int, until_ns: int, batch: Batch) -> None:
        """Take a batch for which time has been let pass, or keep it back with its times."""
        if self.is_holding:
            self._kept_back.append((from_ns, until_ns, batch))
        else:
            self._take_in(until_ns, batch)

    def _take_in(self, until_ns: int, batch: Batch) -> None:
        self._route(batch)
        for pipeline in self._pipelines.values():
            pipeline.reach(until_ns)
        clock = self._clock()
        if isinstance(clock, EventClock):
            clock.advance(until_ns)

    def release(self) -> None:
        """Process what was kept back, and everything from now on."""
        super().release()
        kept, self._kept_back = self._kept_back, collections.deque()
        for from_ns, until_ns, batch in kept:
            self._advance(from_ns)
            self._take_in(until_ns, batch)
        self._work()

    def leave(self) -> None:
        """Wait for no handler any more, and take nothing more in: the market is closed."""
        if self._patience is not None:
            self._patience.cancel()
        self._bus = None
        self._queue.clear()
        self._empty.set()
