"""Wall-clock time until a bar closes."""

from __future__ import annotations

from mdnb.clock import Clock

__all__ = ["seconds_left"]

_SHORTEST_SECONDS = 10.0
_NAN = float("nan")


def seconds_left(clock: Clock, span: tuple[int, int]) -> float:
    """Return the wall-clock seconds until an interval of market time ends, at least 0.

    ``nan`` where time stands still, and where the interval lasts a few seconds only, as in a market played
    fast: nobody could read it.

    Examples
    --------
    >>> from mdnb.clock import ScaledClock
    >>> round(seconds_left(ScaledClock(0, 2.0), (0, 60_000_000_000)))
    30
    """
    whole = clock.wall_seconds(span[1] - span[0])
    if not _SHORTEST_SECONDS <= whole < float("inf"):
        return _NAN
    return max(0.0, clock.wall_seconds(span[1] - clock.now_ns()))
