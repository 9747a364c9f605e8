"""How often a venue may be asked: so many requests in so many seconds, and not before it says."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import threading
import weakref

from mdnb.errors import OptionError
from mdnb.feeds.timeouts import Wall

__all__ = ["RateLimit", "RateLimiter", "shared_limiter"]

_ROUNDING = 1e-6
"""Seconds; a rest of less is rounding, which no sleep would end."""


@dataclasses.dataclass(frozen=True, slots=True)
class RateLimit:
    """A venue's limit: in no stretch of so many seconds more than so many requests.

    Parameters
    ----------
    requests
        How many, or the weight of all of them where the venue weighs its requests.
    seconds
        In how many seconds.

    Examples
    --------
    >>> RateLimit(30, 30.0)
    RateLimit(requests=30, seconds=30.0)
    """

    requests: int
    seconds: float

    def __post_init__(self) -> None:
        if not (self.requests >= 1 and self.seconds > 0):
            raise OptionError(f"a rate limit needs requests >= 1 and seconds > 0; got {self}")


class RateLimiter:
    """Lets requests through as a venue allows, first come, first served within an event loop.

    It counts in a sliding window: a bucket that is filled at the venue's rate would let through up to twice
    its number in one window. It may be used on several event loops at once, each in a thread of its own.

    Parameters
    ----------
    limit
        What the venue allows.
    wall
        The clock and the sleep.
    """

    def __init__(self, limit: RateLimit, wall: Wall | None = None) -> None:
        self.limit = limit
        self._wall = wall or Wall()
        self._spent: collections.deque[tuple[float, int]] = collections.deque()
        self._weight = 0
        self._not_before = 0.0
        self._counting = threading.Lock()
        # An asyncio.Lock belongs to one loop.
        self._turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]
        self._turns = weakref.WeakKeyDictionary()

    async def wait(self, weight: int = 1) -> None:
        """Wait until a request of this weight may be sent, and count it as sent.

        Raises
        ------
        OptionError
            When it is heavier than all that may be sent at once.
        """
        if weight > self.limit.requests:
            raise OptionError(f"a request may weigh up to {self.limit.requests}; got {weight}")
        async with self._turn():
            while (pause := self._count_or_pause(weight)) > 0:
                await self._wall.sleep(pause)

    def hold(self, seconds: float) -> None:
        """Let nothing through for so long: the venue said so."""
        with self._counting:
            self._not_before = max(self._not_before, self._wall.monotonic() + seconds)

    def _turn(self) -> asyncio.Lock:
        with self._counting:
            return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    def _count_or_pause(self, weight: int) -> float:
        """Count a request as sent, and return 0; or how long it has to wait."""
        with self._counting:
            pause = self._pause(weight)
            if not pause:
                self._spent.append((self._wall.monotonic(), weight))
                self._weight += weight
            return pause

    def _pause(self, weight: int) -> float:
        now = self._wall.monotonic()
        while self._spent and self._spent[0][0] + self.limit.seconds <= now + _ROUNDING:
            self._weight -= self._spent.popleft()[1]
        full = 0.0
        if self._weight + weight > self.limit.requests:
            full = self._spent[0][0] + self.limit.seconds - now
        pause = max(full, self._not_before - now)
        return pause if pause > _ROUNDING else 0.0


_Key = tuple[str, RateLimit, Wall]

# What is shared is held by those who share it, and gone with the last of them.
_shared: weakref.WeakValueDictionary[_Key, RateLimiter] = weakref.WeakValueDictionary()
_sharing = threading.Lock()


def shared_limiter(host: str, limit: RateLimit, wall: Wall | None = None) -> RateLimiter:
    """Return the limiter of all in this process who ask one host.

    A venue counts what comes from one address, whoever asks there.

    Parameters
    ----------
    host
        Who is asked, as it may be shown.
    limit, wall
        As `RateLimiter` has them; with another limit or clock it is another limiter.

    Examples
    --------
    >>> first = shared_limiter("https://venue.example", RateLimit(1, 1.0))
    >>> first is shared_limiter("https://venue.example", RateLimit(1, 1.0))
    True
    >>> first is shared_limiter("https://other.example", RateLimit(1, 1.0))
    False
    """
    key = (host, limit, wall or Wall())
    with _sharing:
        return _shared.setdefault(key, RateLimiter(limit, wall))
