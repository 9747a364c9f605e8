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
        self._monotonic = monotonic
        # The market's time, since when it runs from there (None: it stands), and how fast: changed together,
        # for other threads ask what time it is.
        self._run: tuple[int, float | None, float] = market_ns, None, speed

    @property
    def speed(self) -> float:
        """Market seconds a wall second."""
        return self._run[2]

    def start(self, market_ns: int) -> None:
        """Let time run from ``market_ns``."""
        self._run = market_ns, self._monotonic(), self.speed

    def stop(self) -> None:
        """Let time stand where it is."""
        self._run = self.now_ns(), None, self.speed

    def move(self, market_ns: int) -> None:
        """Set the time; whether it runs stays as it is."""
        running = self._run[1] is not None
        self._run = market_ns, self._monotonic() if running else None, self.speed

    def change_speed(self, speed: float) -> None:
        """Go on from now at another speed."""
        market_ns, running = self.now_ns(), self._run[1] is not None
        self._run = market_ns, self._monotonic() if running else None, speed

    def now_ns(self) -> int:
        """Return the market's time now."""
        market_ns, started, speed = self._run
        if started is None:
            return market_ns
        return market_ns + int((self._monotonic() - started) * speed * _NS)

    def lag_ms(self, ts_ns: int) -> float:
        """Return the wall-clock milliseconds since the market stood at ``ts_ns``."""
        return (self.now_ns() - ts_ns) / 1e6 / self.speed

    def wall_seconds(self, market_ns: int) -> float:
        """Return the wall-clock seconds that ``market_ns`` takes at this speed."""
        return market_ns / _NS / self.speed
