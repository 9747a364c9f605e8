"""Clocks: what time it is in the market.

The engine asks its feed's clock, never the system, so that a simulator at 60x, a recording from 2013
and a live venue close their bars by the same rule.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "EventClock", "ScaledClock", "SystemClock"]

_NS = 1_000_000_000


class Clock(Protocol):
    """Market time in UTC epoch nanoseconds."""

    def now_ns(self) -> int:
        """Return the market's time now."""
        ...

    def lag_ms(self, ts_ns: int) -> float:
        """Return how many wall-clock milliseconds ago the market time ``ts_ns`` was."""
        ...

    def wall_seconds(self, market_ns: int) -> float:
        """Return the wall-clock seconds that a stretch of market time takes."""
        ...


class SystemClock:
    """The machine's own clock, for venues that are live.

    Examples
    --------
    >>> abs(SystemClock().lag_ms(time.time_ns())) < 60_000
    True
    """

    def now_ns(self) -> int:
        """Return the machine's UTC time."""
        return time.time_ns()

    def lag_ms(self, ts_ns: int) -> float:
        """Return the milliseconds since ``ts_ns``."""
        return (time.time_ns() - ts_ns) / 1e6

    def wall_seconds(self, market_ns: int) -> float:
        """Return ``market_ns`` in seconds: market time is wall time here."""
        return market_ns / _NS


class ScaledClock:
    """A market that runs ``speed`` times as fast as the wall.

    Parameters
    ----------
    market_ns
        Market time at the moment of the call.
    speed
        Market seconds a wall second, > 0.

    Examples
    --------
    >>> clock = ScaledClock(market_ns=0, speed=60.0)
    >>> clock.wall_seconds(60_000_000_000)
    1.0
    """

    def __init__(self, market_ns: int, speed: float = 1.0) -> None:
        self.speed = speed
        self._market_ns = market_ns
        self._wall_ns = time.monotonic_ns()

    def set(self, market_ns: int) -> None:
        """Set the market's time, as a heartbeat gives it."""
        self._market_ns = market_ns
        self._wall_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Return the market's time now."""
        return self._market_ns + int((time.monotonic_ns() - self._wall_ns) * self.speed)

    def lag_ms(self, ts_ns: int) -> float:
        """Return the wall-clock milliseconds since the market stood at ``ts_ns``."""
        return (self.now_ns() - ts_ns) / 1e6 / self.speed

    def wall_seconds(self, market_ns: int) -> float:
        """Return the wall-clock seconds that ``market_ns`` takes at this speed."""
        return market_ns / _NS / self.speed


class EventClock:
    """Time moves only with the data: for recordings played as fast as they can be taken.

    Examples
    --------
    >>> clock = EventClock()
    >>> clock.advance(5_000_000_000)
    >>> clock.now_ns()
    5000000000
    """

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def advance(self, ts_ns: int) -> None:
        """Move to ``ts_ns``; time never goes back."""
        self._now_ns = max(self._now_ns, ts_ns)

    def now_ns(self) -> int:
        """Return the newest time seen."""
        return self._now_ns

    def lag_ms(self, ts_ns: int) -> float:
        """Return 0: data played from a file is never late against its own clock."""
        return 0.0

    def wall_seconds(self, market_ns: int) -> float:
        """Return infinity: no stretch of market time passes by waiting."""
        return float("inf")
