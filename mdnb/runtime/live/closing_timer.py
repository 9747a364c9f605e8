"""Closes bars when their interval and the grace have passed, and asks only symbols that have one due."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Iterable

from mdnb.clock import Clock
from mdnb.runtime.live.pipeline import Pipeline

__all__ = ["UNSURE_SECONDS", "ClosingTimer"]

UNSURE_SECONDS = 0.25
"""How often it is looked whether the venue's time is known, while it and the computer's disagree."""

_MIN_SECONDS = 0.005
_MAX_SECONDS = 1.0
_LOOK_SECONDS = 60.0
_NO_LIMIT = 2**63 - 1


class ClosingTimer:
    """One timer for all symbols of a session, set to the instant at which the next bar is due.

    A symbol says when the bar it makes has become another one (`look_at`); all others cost nothing. The clock
    is looked at once a second, for it may jump, as after the computer slept; all symbols once a minute.

    Parameters
    ----------
    clock
        Gives the market's clock.
    is_unsure
        Whether no bar is to be closed yet: the market's time is not known, and a bar closed by a clock that
        is ahead would be closed too early; or the bars are being worked on.
    """

    def __init__(self, clock: Callable[[], Clock], is_unsure: Callable[[], bool]) -> None:
        self._clock = clock
        self._is_unsure = is_unsure
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._set_for = _NO_LIMIT
        self._looked = 0.0
        # When each is due; of the heap's entries only those that say the same count.
        self._due: dict[Pipeline, int] = {}
        self._heap: list[tuple[int, int, Pipeline]] = []
        self._number = itertools.count()
        self._pipelines: tuple[Pipeline, ...] = ()

    @property
    def is_set(self) -> bool:
        """Whether a bar is waited for."""
        return self._timer is not None

    def start(self, pipelines: Iterable[Pipeline]) -> None:
        """Close bars of these from now on; called on the loop."""
        self._loop = asyncio.get_running_loop()
        self._pipelines = tuple(pipelines)
        for pipeline in self._pipelines:
            pipeline.on_edge = self.look_at
        self.look_again()

    def look_again(self) -> None:
        """Note when the next bar of every symbol is due; called on the loop."""
        if self._loop is not None:
            self._looked = self._loop.time()
        for pipeline in self._pipelines:
            self.look_at(pipeline)

    def stop(self) -> None:
        """Close no bars any more."""
        for pipeline in self._pipelines:
            pipeline.on_edge = None
        self._loop = None
        self._due.clear()
        self._heap.clear()
        self._cancel()

    def look_at(self, pipeline: Pipeline) -> None:
        """Note when the next bar of a symbol is due; called on the loop."""
        if self._loop is None:
            return
        due = pipeline.due_ns()
        if due is None:
            self._due.pop(pipeline, None)
            return
        if self._due.get(pipeline) == due:
            return
        self._due[pipeline] = due
        heapq.heappush(self._heap, (due, next(self._number), pipeline))
        if due < self._set_for:
            self._set()

    def close_due(self) -> None:
        """Close the bars that are due, and wait for the next."""
        self._cancel()
        # A symbol closes its bars once a turn, however late it is.
        now = self._clock().now_ns()
        late: list[Pipeline] = []
        while self._heap and not self._is_unsure() and self._heap[0][0] <= now:
            due, _, pipeline = heapq.heappop(self._heap)
            if self._due.get(pipeline) == due:
                del self._due[pipeline]
                late.append(pipeline)
        failed = [pipeline for pipeline in late if not self._closes(pipeline)]
        if self._loop is not None and self._loop.time() - self._looked >= _LOOK_SECONDS:
            self.look_again()
        for pipeline in late:
            if pipeline not in failed:
                self.look_at(pipeline)
            elif self._loop is not None:
                # It is due still, and would fail over and over.
                self._loop.call_later(_LOOK_SECONDS, self.look_at, pipeline)
        if self._timer is None:
            self._set()

    def _closes(self, pipeline: Pipeline) -> bool:
        """Close a symbol's bars; return whether that went well."""
        try:
            pipeline.close_due()
        except Exception as error:  # noqa: BLE001  # one symbol's fault costs the others nothing
            pipeline.fail(error)
            return False
        return True

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._set_for = None, _NO_LIMIT

    def _set(self) -> None:
        """Set the timer to the first of the bars that are due."""
        self._cancel()
        heap = self._heap
        while heap and self._due.get(heap[0][2]) != heap[0][0]:
            heapq.heappop(heap)
        if not heap or self._loop is None:
            return
        clock = self._clock()
        seconds = clock.wall_seconds(heap[0][0] - clock.now_ns())
        if seconds < float("inf"):
            shortest = UNSURE_SECONDS if self._is_unsure() else _MIN_SECONDS
            delay = min(max(seconds, shortest), _MAX_SECONDS)
            self._timer, self._set_for = self._loop.call_later(delay, self.close_due), heap[0][0]
