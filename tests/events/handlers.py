"""Handlers that tests register, the events they are given, and a clock that a test moves."""

from __future__ import annotations

import queue
import threading

from mdnb.events.types import Event, EventType
from tests.limits import LIMIT_SECONDS

__all__ = ["Blocked", "Clock", "Until", "event"]


def event(number: int, kind: EventType = EventType.TICK_DATA, symbol: str = "X") -> Event:
    """Return an event that is told apart by its time."""
    return Event(kind, symbol, number, {"price": float(number), "status": "connected"})


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1.0

    def __call__(self) -> float:
        return self.seconds


class Blocked:
    """A handler that does not return until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self._calls: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._returns: queue.SimpleQueue[int] = queue.SimpleQueue()

    def __call__(self, told: Event) -> None:
        self._calls.put(told.time_ns)
        assert self.go.wait(LIMIT_SECONDS)
        self._returns.put(told.time_ns)

    def called(self) -> int:
        """Wait until it has been called, and return with which event."""
        return self._calls.get(timeout=LIMIT_SECONDS)

    def returned(self) -> int:
        """Wait until a call has returned, and return for which event it was."""
        return self._returns.get(timeout=LIMIT_SECONDS)

    def was_called_again(self) -> bool:
        return not self._calls.empty()


class Until:
    """A handler that keeps what it sees, and tells when it has seen an event's number."""

    def __init__(self, last: int) -> None:
        self.last, self.seen = last, list[int]()
        self.begun, self.done = threading.Event(), threading.Event()

    def __call__(self, told: Event) -> None:
        self.seen.append(told.time_ns)
        self.begun.set()
        if told.time_ns == self.last:
            self.done.set()

    def wait(self) -> None:
        assert self.done.wait(LIMIT_SECONDS)
