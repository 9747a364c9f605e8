"""Time that a test has in hand: a loop on which minutes of waiting take none, and a clock that it moves."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["HandClock", "VirtualClock", "run_virtually"]

T = TypeVar("T")
_NS = 1_000_000_000


class _Selector(selectors.DefaultSelector):
    """Jumps over every wait instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("everything waits for something that will never happen")
            self.now += max(0.0, timeout)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Selector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


class VirtualClock:
    """A market whose time is that of the running loop.

    Parameters
    ----------
    start_ns
        Market time when the loop's time was 0.
    """

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns

    def now_ns(self) -> int:
        """Return the market's time."""
        return self._start_ns + round(asyncio.get_running_loop().time() * _NS)

    def lag_ms(self, ts_ns: int) -> float:
        """Return the milliseconds since ``ts_ns``."""
        return (self.now_ns() - ts_ns) / 1e6

    def wall_seconds(self, market_ns: int) -> float:
        """Return ``market_ns`` in seconds."""
        return market_ns / _NS


class HandClock:
    """A market whose time stands where the test puts it.

    Parameters
    ----------
    now
        Market time to begin with.
    pace
        Seconds of the wall to a second of the market; 0 where nobody should wait.
    """

    def __init__(self, now: int, pace: float = 1.0) -> None:
        self.now = now
        self._pace = pace

    def now_ns(self) -> int:
        """Return the market's time."""
        return self.now

    def lag_ms(self, ts_ns: int) -> float:
        """Return the milliseconds since ``ts_ns``."""
        return (self.now - ts_ns) / 1e6

    def wall_seconds(self, market_ns: int) -> float:
        """Return for how long the market takes ``market_ns``."""
        return market_ns / _NS * self._pace


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own, in virtual time."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)
