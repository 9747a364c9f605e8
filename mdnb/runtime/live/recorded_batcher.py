"""Decodes the frames of a recording, each at the time at which it was received then (hot path).

Bars close by that time alone, the grace included, and not by how fast the recording is played or how many
frames are taken at once: the same bars close at the same market time at any speed.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from mdnb.clock import Clock, EventClock
from mdnb.rows import Batch, Decoder
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline

__all__ = ["RecordedBatcher"]

_TIME: Final = "time passes"
"""Stands in the queue for time that passes without a frame; known by its identity."""


class RecordedBatcher(FrameBatcher):
    """Passes a recording's frames to the symbols' pipelines, and its time.

    Parameters
    ----------
    decoder, pipelines, clock, health, on_batch
        As for `FrameBatcher`.
    arrivals
        When each frame that will be delivered was received: UTC epoch nanoseconds, in order. Of a frame of
        rows, whose times are in them, that of its first row.
    """

    def __init__(
        self,
        decoder: Decoder,
        pipelines: Mapping[str, Pipeline],
        clock: Callable[[], Clock],
        health: Health,
        on_batch: Callable[[Batch], None],
        arrivals: collections.deque[int],
    ) -> None:
        super().__init__(decoder, pipelines, clock, health, on_batch)
        self._arrivals = arrivals
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
        self._take_received([time for time, _ in received], [frame for _, frame in received])

    def _take_frames(self, frames: list[str | bytes]) -> None:
        self._take_received([self._times.popleft() for _ in frames], frames)

    def _take_received(self, times: list[int], frames: list[str | bytes]) -> None:
        at = 0
        while at < len(frames):
            stop = at + 1
            if frames[at] is _TIME:
                self._pass(times[at], times[at], None)
            else:
                edge = self._next_edge()
                # No bar can close before the next edge: until then it makes no difference.
                while stop < len(frames) and times[stop] < edge and frames[stop] is not _TIME:
                    stop += 1
                self._pass(times[at], times[stop - 1], self._decoded(frames[at:stop]))
            at = stop

    def _next_edge(self) -> int:
        """Return the next instant at which a bar may close; 0 where every frame is taken by itself."""
        pipelines = self._pipelines.values()
        if self.is_holding or any(pipeline.engine.activity for pipeline in pipelines):
            return 0
        return min((pipeline.next_edge() or 0 for pipeline in pipelines), default=0)

    def _pass(self, from_ns: int, until_ns: int, batch: Batch | None) -> None:
        """Let time pass until data arrives, and take it; or keep both back."""
        if self.is_holding:
            self._kept_back.append((from_ns, until_ns, Batch() if batch is None else batch))
            return
        for pipeline in self._pipelines.values():
            pipeline.advance(from_ns)
        if batch is not None:
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
        for each in kept:
            self._pass(*each)
