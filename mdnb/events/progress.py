"""Tells handlers that go on from those that do not return."""

from __future__ import annotations

from collections.abc import Callable

from mdnb.events.subscription import Subscription

__all__ = ["LOOKS", "Progress"]

LOOKS = 10
"""How often it is looked, while one is waited for, whether a handler goes on."""


class Progress:
    """What handlers had handled when each was looked at last.

    Parameters
    ----------
    patience
        Seconds a handler may take for an event.
    now
        A monotonic clock in seconds.
    """

    def __init__(self, patience: float, now: Callable[[], float]) -> None:
        self._patience = patience
        self._now = now
        self._seen: dict[Subscription, tuple[int, float]] = {}

    def has_stalled(self, handler: Subscription) -> bool:
        """Return whether a handler that is busy has handled nothing for as long as it may take."""
        now = self._now()
        delivered, since = self._seen.get(handler, (-1, now))
        if delivered != handler.delivered:
            self._seen[handler] = handler.delivered, now
            return False
        return now - since >= self._patience
