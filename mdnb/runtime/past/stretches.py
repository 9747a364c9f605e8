"""Stretches that a feed did not deliver, from when they are found until they are settled."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Literal

from mdnb.feeds.timeouts import Backoff
from mdnb.validate.duplicates import Hole

__all__ = ["Patience", "Reason", "Stretch"]

_BACKOFF = Backoff(first=0.5, factor=2.0, cap=15.0)

Reason = Literal["reconnect", "missing_ids"]


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long an outage is put up with; in seconds of the loop's clock.

    Attributes
    ----------
    bars_wait, most_trades
        How long, and for how many trades, a symbol's bars wait for what was missed.
    comes_late
        How long an id that was jumped over may take to come by itself.
    answer
        For the history to answer.
    give_up
        How long the history is asked again and again.
    backoff, dice
        Between two questions: exponential, with half of it left to chance.
    answers
        How many whole answers without a trade it takes to believe that it is lost.

    Examples
    --------
    >>> patience = Patience(dice=lambda: 1.0)
    >>> [patience.pause(attempt) for attempt in (0, 1, 2, 9)]
    [0.5, 1.0, 2.0, 15.0]
    """

    bars_wait: float = 5.0
    most_trades: int = 50_000
    comes_late: float = 1.0
    answer: float = 30.0
    give_up: float = 300.0
    backoff: Backoff = _BACKOFF
    dice: Callable[[], float] = random.random
    answers: int = 2

    def pause(self, attempt: int) -> float:
        """Return the seconds until the history is asked again, after ``attempt`` questions, from 0."""
        return self.backoff.delay(attempt, (1.0 + self.dice()) / 2)


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class Stretch:
    """What was missed between two trades.

    Attributes
    ----------
    low_id, low_ns
        The trade before it: its id (-1 where ids do not rise by one a trade), and when it was made.
    high_id, high_ns
        The trade after it; the newest one known where it has no end yet.
    reason
        As a `Gap` has it.
    found
        When it was found: seconds of the loop's clock.
    ends
        Whether a live trade came after it.
    unknown
        Whether something must be taken for missed, since nothing tells that it was not.
    gap_id
        Set once it was told.
    asked
        When the history was first asked for it, since the connection is up.
    answers
        Whole answers of the history so far.
    put
        Trades that were put back.

    Examples
    --------
    >>> first, second = Stretch.of(Hole(5, 100, 9, 300), 0.0), Stretch.of(Hole(12, 300, 14, 400), 1.0)
    >>> first.overlaps(second)
    True
    """

    low_id: int
    low_ns: int
    high_id: int
    high_ns: int
    reason: Reason
    found: float
    ends: bool = True
    unknown: bool = False
    gap_id: str = ""
    asked: float | None = None
    answers: int = 0
    put: int = 0

    @classmethod
    def of(cls, hole: Hole, found: float) -> Stretch:
        """Return the stretch of ids that were jumped over amid a connection."""
        return cls(**hole._asdict(), reason="missing_ids", found=found)

    @classmethod
    def after(cls, number: int, time_ns: int, found: float) -> Stretch:
        """Return the stretch that begins with the loss of a connection, after a trade."""
        return cls(
            low_id=number,
            low_ns=time_ns,
            high_id=number,
            high_ns=time_ns,
            reason="reconnect",
            found=found,
            ends=False,
        )

    def end(self, number: int, time_ns: int) -> None:
        """Note the first live trade after it."""
        self.high_id, self.high_ns, self.ends = number, time_ns, True
        self.answers = 0

    def overlaps(self, other: Stretch) -> bool:
        """Return whether the two overlap, or touch, in time."""
        return self.low_ns <= other.high_ns and other.low_ns <= self.high_ns

    def join(self, other: Stretch) -> None:
        """Become one with another stretch; the id it was told by first stays."""
        self.low_id, self.low_ns = min(self.low_id, other.low_id), min(self.low_ns, other.low_ns)
        self.high_id, self.high_ns = max(self.high_id, other.high_id), max(self.high_ns, other.high_ns)
        self.ends = self.ends and other.ends
        self.unknown = self.unknown or other.unknown
        self.put += other.put
        self.gap_id = self.gap_id or other.gap_id
        self.answers = 0
