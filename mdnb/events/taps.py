"""Listeners that are called at once on the emitting thread: the engine's own, and those of iterators."""

from __future__ import annotations

from mdnb.events.streams import Backlog
from mdnb.events.subscription import Registry, Subscription
from mdnb.events.types import Event, EventType

__all__ = ["StreamTap", "Tap"]


class Tap(Subscription):
    """An internal listener: called at once on the emitting thread; it must not block or raise.

    `EventBus.off` leaves it when it removes all handlers of a type.
    """

    def _offer(self, event: Event) -> bool:
        if self._active:
            self._handler(event)
            self._delivered += 1
        return True


class StreamTap(Tap):
    """What an iterator over events listens by, one for each type.

    Parameters
    ----------
    bus, type, symbol
        As for `Subscription`.
    backlog
        Where the iterator takes its events from.
    """

    def __init__(self, bus: Registry, type: EventType, backlog: Backlog, symbol: str | None) -> None:
        super().__init__(bus, type, backlog.put, None, symbol=symbol)
        self._backlog = backlog

    def why_slow(self) -> str:
        """Return what was lost."""
        return f"{self._title()} is too slow: {self.dropped} events dropped"

    def _title(self) -> str:
        return f"a listener to {self.type.name}"

    def _offer(self, event: Event) -> bool:
        fitted = self._backlog.put(event)
        if not fitted:
            self._dropped += 1
            self._note_dropped(event)
        self._delivered += 1
        return fitted
