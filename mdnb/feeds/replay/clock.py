"""The market's time while a recording plays at a given speed."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["PlaybackClock"]

_NS = 1_000_000_000


class PlaybackClock:
    """Stands at the recording's beginning until it starts, then runs ``speed`` times as fast as the wall.

    Parameters
    ----------
    market_ns
        The recording's first time, UTC epoch nanoseconds.
    speed
        Market seconds a wall second, finite and > 0.
    monotonic
        The wall's seconds.

    Examples
    --------
    >>> wall = iter([100.0, 100.5]).__next__
    >>> clock = PlaybackClock(market_ns=0, speed=60.0, monotonic=wall)
    >>> clock.start(5)
    >>> clock.now_ns() - 5
    30000000000
    """

    def __init__(self, market_ns: int, speed: float, monotonic: Callable[[], float]) -> None:
        self.speed = speed
        self._market_ns = market_ns
        self._monotonic = monotonic
        self._started: float | None = None

    def start(self, market_ns: int) -> None:
        """Let time run from ``market_ns``."""
        self._market_ns = market_ns
        self._started = self._monotonic()

    def now_ns(self) -> int:
        """Return the market's time now."""
        if self._started is None:
            return self._market_ns
        return self._market_ns + int((self._monotonic() - self._started) * self.speed * _NS)

    def lag_ms(self, ts_ns: int) -> float:
        """Return the wall-clock milliseconds since the market stood at ``ts_ns``."""
        return (self.now_ns() - ts_ns) / 1e6 / self.speed

    def wall_seconds(self, market_ns: int) -> float:
        """Return the wall-clock seconds that ``market_ns`` takes at this speed."""
        return market_ns / _NS / self.speed
