"""Clocks: what time it is in the market.

The engine asks its feed's clock, never the system, so that a simulator at 60x, a recording from 2013
and a live venue close their bars by the same rule.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Protocol

__all__ = [
    "Clock",
    "EventClock",
    "MarketClock",
    "ScaledClock",
    "SystemClock",
    "clock_sentence",
    "steady_ns",
]

_NS = 1_000_000_000
_DAY_NS = 86_400 * _NS

# Of `MarketClock`, in nanoseconds.
_AGREE_NS = 2 * _NS
_JUMP_NS = _NS
_SPAN_NS = 2 * _NS
_LATER_SPAN_NS = 30 * _NS
_DOUBT_NS = 10 * _NS
_HALF_NS = 300 * _NS
_FUTURE_NS = 60 * _NS
_UNKNOWN = -(2**63)
# 2026 and 2100 begin.
_EARLIEST_NS, _LATEST_NS = 1_767_225_600 * _NS, 4_102_444_800 * _NS
_DAYS_ARE_SAID = 2 * 86_400

# On Linux the monotonic clock stands still while the computer sleeps; this one does not.
_BOOT_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)

steady_ns: Callable[[], int] = (
    time.monotonic_ns if _BOOT_CLOCK is None else functools.partial(time.clock_gettime_ns, _BOOT_CLOCK)
)
"""Nanoseconds of a clock that nobody sets; where the system has one, it goes on while the computer sleeps."""


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


class MarketClock:
    """A live venue's time, measured from the times in its messages as they arrive: not the computer's clock.

    What a venue stamps cannot arrive before it was made, so the freshest of the last minutes show how far its
    clock is from ours; `steady_ns` carries it on between arrivals, whatever sets the computer's clock. Where
    that clock agrees with the venue to 2 s it is taken as right, and the rest is the way to us.

    Stamps that disagree are believed when the computer's clock says the same (it slept, or was set right), or
    when they go on in step with our time: an old or a wrong stamp does not.

    Parameters
    ----------
    wall, steady
        The computer's UTC nanoseconds, and those of a clock that nobody sets; tests give their own.

    Attributes
    ----------
    is_hinted
        Whether the venue's server has said what time it is.
    set_back_ns
        By how much its time was set back in all while the venue's was not known: when that was measured, and
        when its server said what it is.

    Examples
    --------
    >>> clock = MarketClock(wall=lambda: 0, steady=lambda: 0)
    >>> clock.arrived(1_500_000_000)
    >>> clock.now_ns(), clock.lead_seconds
    (1500000000, 1.5)
    """

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = steady_ns) -> None:
        self._wall = wall
        self._steady = steady
        # All of these are of the venue's time less the steady clock's.
        self._offset = _UNKNOWN
        self._highest = self._highest_before = _UNKNOWN
        self._half_ends = 0
        self._guess = self._lead = 0
        self._candidate: tuple[int, int, int] | None = None
        self._doubted: int | None = None
        self.is_hinted = False
        self.set_back_ns = 0

    def now_ns(self) -> int:
        """Return the venue's time now; before it is known, the computer's, corrected by `hint`."""
        if self._offset == _UNKNOWN:
            return self._wall() + self._guess
        return self._steady() + self._offset

    def lag_ms(self, ts_ns: int) -> float:
        """Return how many milliseconds ago the venue's time was ``ts_ns``."""
        return (self.now_ns() - ts_ns) / 1e6

    def wall_seconds(self, market_ns: int) -> float:
        """Return ``market_ns`` in seconds: market time is wall time here."""
        return market_ns / _NS

    def latest_ns(self) -> int:
        """Return the latest time that a message can bear; a later one is wrong, not fresh.

        While the venue's time is not known the computer's may be hours off.
        """
        return self.now_ns() + (_DAY_NS if self._offset == _UNKNOWN else _FUTURE_NS)

    @property
    def lead_seconds(self) -> float:
        """How far the venue's clock is ahead of the computer's; 0 before that is known."""
        return self._lead / _NS

    @property
    def is_known(self) -> bool:
        """Whether the venue's time has been measured."""
        return self._offset != _UNKNOWN

    @property
    def is_disputed(self) -> bool:
        """Whether server and computer say different times, and no stamp has told yet who is wrong."""
        return self._offset == _UNKNOWN and bool(self._guess)

    @property
    def is_settled(self) -> bool:
        """False for the first seconds in which the venue's stamps and the computer's clock disagree."""
        if self._offset != _UNKNOWN or self._doubted is None:
            return True
        return self._steady() - self._doubted > _DOUBT_NS

    def hint(self, venue_ns: int) -> None:
        """Take a time that the venue's server says of itself, to the second; its stamps know better.

        One of before this was written, or of another century, says nothing: a proxy may answer, or a page
        that was kept.
        """
        if not _EARLIEST_NS <= venue_ns < _LATEST_NS:
            return
        lead, guess = venue_ns - self._wall(), self._guess
        self._guess = lead if abs(lead) > _AGREE_NS else 0
        self.is_hinted = True
        if self._offset == _UNKNOWN:
            self._note_set_back(guess - self._guess)

    def arrived(self, stamp_ns: int) -> None:
        """Take the newest time of a batch of messages, when they arrive."""
        now = self._steady()
        seen = stamp_ns - now
        wall = self._wall() + self._guess - now
        known = self._offset != _UNKNOWN
        highest = max(self._highest, self._highest_before)
        if known and highest - _AGREE_NS <= seen <= highest + _JUMP_NS:
            self._candidate = None
            self._note(seen, now)
        elif (self._agrees(seen, wall) and seen > highest) or self._in_step(stamp_ns, now, wall):
            self._adopt(seen, now)
        else:
            self._doubted = self._doubted or now
            return
        self._settle(wall)

    def _agrees(self, seen: int, wall: int) -> bool:
        """Return whether a stamp is of now by the computer's clock, with the hint or as it stands.

        A server's word may be wrong; that two clocks say the same by chance is seen with the next stamp.
        """
        return any(abs(seen - one) <= _AGREE_NS for one in (wall, wall - self._guess))

    def _in_step(self, stamp_ns: int, now: int, wall: int) -> bool:
        """Return whether stamps go on as our time does, since the one that was remembered."""
        seen = stamp_ns - now
        first = self._candidate
        if first is not None and abs(seen - first[0]) <= _JUMP_NS:
            apart = min(now - first[1], stamp_ns - first[2])
            # A line that is slow for some seconds must not set the clock back.
            span = _LATER_SPAN_NS if seen < max(self._highest, self._highest_before) else _SPAN_NS
            if abs(seen - wall) > _DAY_NS:
                # As of a computer that lost its time without power.
                span = max(span, _DOUBT_NS)
            return apart >= span
        if first is None or seen > first[0] or now - first[1] > _LATER_SPAN_NS:
            self._candidate = (seen, now, stamp_ns)
        return False

    def _adopt(self, seen: int, now: int) -> None:
        self._candidate = self._doubted = None
        self._highest, self._highest_before = seen, _UNKNOWN
        self._half_ends = now + _HALF_NS

    def _note(self, seen: int, now: int) -> None:
        if now >= self._half_ends:
            self._half_ends = now + _HALF_NS
            self._highest_before, self._highest = self._highest, seen
        elif seen > self._highest:
            self._highest = seen

    def _settle(self, wall: int) -> None:
        highest = max(self._highest, self._highest_before)
        # The computer's clock counts where the freshest stamp is up to 2 s behind it: that is the way to us.
        wall -= self._guess
        is_first = self._offset == _UNKNOWN
        self._offset = wall if 0 <= wall - highest <= _AGREE_NS else highest
        self._lead = self._offset - wall
        if is_first:
            self._note_set_back(self._guess - self._lead)

    def _note_set_back(self, by_ns: int) -> None:
        if by_ns > _AGREE_NS:
            self.set_back_ns += by_ns


def clock_sentence(lead_seconds: float) -> str | None:
    """Return what is to be said of the computer's clock; None where it is right to 2 s.

    Examples
    --------
    >>> clock_sentence(90.2)
    "this computer's clock is 90 s behind the venue's"
    >>> clock_sentence(-1.0) is None, clock_sentence(34_560_000.0)
    (True, "this computer's clock is 400 days behind the venue's")
    """
    if abs(lead_seconds) <= _AGREE_NS / _NS:
        return None
    seconds = abs(lead_seconds)
    apart = f"{seconds:.0f} s" if seconds < _DAYS_ARE_SAID else f"{seconds * _NS / _DAY_NS:.0f} days"
    if lead_seconds > 0:
        return f"this computer's clock is {apart} behind the venue's"
    return f"this computer's clock is {apart} ahead of the venue's, or its data comes that late"


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
