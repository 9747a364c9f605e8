"""Is the connection alive, and how late is its data: measured, not supposed."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable

__all__ = ["Health"]

_UP = frozenset({"connected", "reconnected"})
_LATENCY_SAMPLES = 512


class Health:
    """Connection state over time and the delay of the data.

    Parameters
    ----------
    now
        A monotonic clock in seconds; tests give their own.

    Attributes
    ----------
    status, detail
        The newest connection status and what came with it.
    disconnects
        How often the connection was lost.

    Examples
    --------
    >>> times = iter([0.0, 10.0, 20.0])
    >>> health = Health(lambda: next(times))
    >>> health.change("connected", "")
    >>> round(health.uptime_percent(), 1)
    50.0
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.status = "connecting"
        self.detail = ""
        self.disconnects = 0
        self._now = now
        self._began = self._since = now()
        self._up_seconds = 0.0
        self._last_data: float | None = None
        self._delays: collections.deque[float] = collections.deque(maxlen=_LATENCY_SAMPLES)
        self._next_sample = 0.0

    @property
    def is_up(self) -> bool:
        """Whether data can be expected to arrive."""
        return self.status in _UP

    def change(self, status: str, detail: str) -> None:
        """Take a new connection status."""
        now = self._now()
        if self.is_up:
            self._up_seconds += now - self._since
        if status == "disconnected" and self.status != "disconnected":
            self.disconnects += 1
        self._since = now
        self.status, self.detail = status, detail

    def data(self, lag_ms: float) -> None:
        """Take the delay of the newest piece of data, in wall-clock milliseconds."""
        now = self._now()
        self._last_data = now
        # A hundred samples a second tell as much as all of them.
        if now >= self._next_sample:
            self._next_sample = now + 0.01
            self._delays.append(lag_ms)

    def uptime_percent(self) -> float:
        """Return the share of the time since the start during which it was up, 0..100."""
        now = self._now()
        total = now - self._began
        up = self._up_seconds + (now - self._since if self.is_up else 0.0)
        return 100.0 * up / total if total > 0 else (100.0 if self.is_up else 0.0)

    def seconds_since_data(self) -> float:
        """Return the seconds since data last arrived; infinity before any."""
        return float("inf") if self._last_data is None else self._now() - self._last_data

    def latency_ms(self) -> float:
        """Return the median delay of the newest data in milliseconds; ``nan`` before any."""
        if not self._delays:
            return float("nan")
        ordered = sorted(self._delays)
        return ordered[len(ordered) // 2]
