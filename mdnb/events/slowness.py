"""Whether a handler is slow: its queue is half full, its oldest event waits, or it blocks its loop."""

from __future__ import annotations

import collections
from collections.abc import Callable

from mdnb.events.types import Event

__all__ = ["Slowness"]

_SLOW_SECONDS = 2.0
_CAUGHT_UP_SECONDS = 1.0


class Slowness:
    """How slow one handler is.

    Parameters
    ----------
    waiting
        Its queue.
    half
        How many events are half of what the queue holds.
    now
        A monotonic clock in seconds.

    Attributes
    ----------
    is_slow
        Whether it is; whoever finds the queue half full may set it.
    on_loop_since
        Since when it keeps its loop from others; 0 while it does not.
    """

    __slots__ = ("is_slow", "on_loop_since", "_waiting", "_half", "_now", "_blocked", "_blocked_last")

    def __init__(self, waiting: collections.deque[Event], half: int, now: Callable[[], float]) -> None:
        self.is_slow = False
        self.on_loop_since = 0.0
        self._waiting = waiting
        self._half = half
        self._now = now
        self._blocked = 0.0
        self._blocked_last = 0.0

    def leave_loop(self) -> None:
        """Note that the loop is others' again, and for how long it was not."""
        if self.on_loop_since:
            took = self._now() - self.on_loop_since
            self.on_loop_since = 0.0
            if took >= _SLOW_SECONDS:
                self._blocked = max(took, self._blocked)

    def has_begun(self, now: float) -> bool:
        """Return whether it is slow and was not before; one that has caught up may become so again."""
        blocked = max(self._blocked, now - (self.on_loop_since or now))
        self._blocked = 0.0
        age, held = self._age(now), len(self._waiting)
        was = self.is_slow
        if blocked >= _SLOW_SECONDS or age >= _SLOW_SECONDS or held >= self._half:
            self.is_slow = True
            self._blocked_last = blocked if blocked >= _SLOW_SECONDS else 0.0
        elif age < _CAUGHT_UP_SECONDS and held <= self._half // 2:
            self.is_slow = False
        return self.is_slow and not was

    def _age(self, now: float) -> float:
        """Return for how many seconds its oldest event has waited."""
        try:
            return max(0.0, now - self._waiting[0]._queued)
        except IndexError:
            return 0.0

    def in_words(self) -> str:
        """Return what waits and for how long, and for how long it blocked its loop."""
        waits = f"{len(self._waiting):,} events wait, the oldest for {self._age(self._now()):.1f} s"
        if self._blocked_last:
            return f"blocked the loop it runs on for {self._blocked_last:.1f} s; {waits}"
        return waits
