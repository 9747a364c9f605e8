"""When it is told that a handler is slow: as it begins to be, and once a second while it loses events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from mdnb.events.subscription import Subscription

__all__ = ["SlowHandlers"]

_TOLD_EVERY_SECONDS = 1.0


class SlowHandlers:
    """Tells of the slow ones among the handlers of a bus.

    Parameters
    ----------
    on_slow
        Called with each of them; None: the log alone tells.
    now
        A monotonic clock in seconds.
    """

    def __init__(self, on_slow: Callable[[Subscription], None] | None, now: Callable[[], float]) -> None:
        self._on_slow = on_slow
        self._now = now
        self._told: dict[Subscription, float] = {}

    def fell_behind(self, subscription: Subscription) -> None:
        """Tell of a handler whose queue is half full or more, where there is something new to tell."""
        slowness = subscription._slowness
        if not slowness.is_slow:
            slowness.is_slow = True
            self._tell(subscription)
        elif subscription._lost_more():
            if subscription not in self._told:
                subscription._tell(logging.WARNING, "%s", subscription.why_slow())
            now = self._now()
            if now - self._told.get(subscription, -_TOLD_EVERY_SECONDS) >= _TOLD_EVERY_SECONDS:
                self._told[subscription] = now
                self._call_on_slow(subscription)

    def look(self, subscriptions: Iterable[Subscription]) -> None:
        """Tell of those that have become slow."""
        now = self._now()
        for subscription in subscriptions:
            if subscription._slowness.has_begun(now):
                self._tell(subscription)

    def forget(self, subscription: Subscription) -> None:
        """Hold nothing of a handler that listens no more."""
        self._told.pop(subscription, None)

    def _tell(self, subscription: Subscription) -> None:
        subscription._tell(logging.WARNING, "%s", subscription.why_slow())
        self._call_on_slow(subscription)

    def _call_on_slow(self, subscription: Subscription) -> None:
        if self._on_slow is not None:
            self._on_slow(subscription)
