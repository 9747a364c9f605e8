"""What a connection waits for: signs of life, backoff between attempts, limits, and the clock of all that."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from mdnb.errors import OptionError

__all__ = ["Backoff", "Liveness", "Timeouts", "Wall"]

_DERIVED = float("nan")
_PING_SECONDS = 4.0
_PINGS_SHARE = 0.4

# Whoever has seeded `random` has its numbers for himself.
_DICE = random.Random()  # noqa: S311  # pauses are no secret


@dataclasses.dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt: exponential, capped, with full jitter.

    Notes
    -----
    "Full jitter" of M. Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015: uniform
    between 0 and the exponential value, which spreads clients that lost the same server best.

    Examples
    --------
    >>> [Backoff().delay(attempt, dice=1.0) for attempt in (0, 1, 2, 9)]
    [0.2, 0.4, 0.8, 10.0]
    """

    first: float = 0.2
    factor: float = 2.0
    cap: float = 10.0

    def __post_init__(self) -> None:
        if not (0 < self.first <= self.cap and self.factor >= 1):
            raise OptionError(f"a backoff needs 0 < first <= cap and factor >= 1; got {self}")

    def delay(self, attempt: int, dice: float) -> float:
        """Return the seconds to wait after failed attempt ``attempt``, from 0; ``dice`` is in [0, 1]."""
        # 2.0 ** 1100 overflows; the cap is reached long before.
        return dice * min(self.cap, self.first * self.factor ** min(attempt, 60))


@dataclasses.dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts of a connection, in seconds.

    Attributes
    ----------
    open, reply, close
        For the handshake, for the answer to a request, for the closing handshake.
    heartbeat
        Between two heartbeats of ours, where the venue wants any.
    """

    open: float = 10.0
    reply: float = 30.0
    close: float = 1.0
    heartbeat: float = 20.0


@dataclasses.dataclass(frozen=True, slots=True)
class Liveness:
    """What shows that a feed is alive, and for how long it may be missing, in seconds.

    A market in which nobody trades is neither stale nor dead.

    Attributes
    ----------
    signs
        ``frames and pongs``: any frame, and the answer to a WebSocket ping; for venues that are silent while
        nobody trades. ``frames``: for venues that send something all the time, such as a heartbeat: there a
        stream may be dead behind a socket that still answers pings.
    ping_seconds
        Between two pings of ours; by default 4, or as often as ``stale_seconds`` wants it.
    stale_seconds
        Without a sign until the feed counts as stale.
    dead_seconds
        Without a sign until the connection is dropped and made anew.

    Examples
    --------
    >>> Liveness("frames", stale_seconds=2.5).dead_seconds
    30.0
    >>> Liveness(stale_seconds=0.5).ping_seconds
    0.2
    """

    signs: Literal["frames", "frames and pongs"] = "frames and pongs"
    ping_seconds: float = _DERIVED
    stale_seconds: float = 10.0
    dead_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.ping_seconds is _DERIVED:
            often = self.stale_seconds * _PINGS_SHARE if self.signs == "frames and pongs" else _PING_SECONDS
            object.__setattr__(self, "ping_seconds", min(_PING_SECONDS, often))
        if not (self.ping_seconds > 0 and 0 < self.stale_seconds <= self.dead_seconds):
            raise OptionError(
                f"a feed's liveness needs ping_seconds > 0 and 0 < stale_seconds <= dead_seconds; got {self}"
            )
        if self.signs == "frames and pongs" and self.ping_seconds >= self.stale_seconds:
            raise OptionError(
                "where pongs are signs of life, pings must come more often than the feed grows stale: "
                f"ping_seconds < stale_seconds; got {self}. Without ping_seconds they do."
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Wall:
    """The clock, sleep and random numbers that a connection uses; tests give their own."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    dice: Callable[[], float] = _DICE.random
