"""Stretches that a feed did not deliver, from when they are found until they are settled."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Sequence
from typing import Literal

from mdnb.feeds.timeouts import Backoff
from mdnb.rows import TradeRow
from mdnb.validate.duplicates import Hole

__all__ = ["Patience", "Reason", "Stretch"]

_BACKOFF = Backoff(first=0.5, factor=2.0, cap=15.0)

Reason = Literal["reconnect", "missing_ids"]

# Whoever has seeded `random` has its numbers for himself.
_DICE = random.Random()  # noqa: S311  # pauses are no secret


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
    settle
        For how long the history must answer the same until that is believed, where its answers reach the end
        of what was missed.
    quiet
        The same where nobody trades, so that nothing shows how far its answers reach, and nobody was told yet
        that something was missed; else it takes `give_up`.

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
    dice: Callable[[], float] = _DICE.random
    settle: float = 5.0
    quiet: float = 30.0

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
    blind
        Whether no trade came before it though ids rise by one a trade: the history alone tells where it is.
    back_ns, back_at
        When the connection was there again, by the market's time and in seconds of the loop's clock; until
        then None and infinity.
    unknown
        Whether something must be taken for missed, since nothing tells that it was not.
    gap_id
        Set once it was told.
    asked, latest, answered
        When the history was first asked for it, since the connection is up, and when last; and when that was
        asked of which the answer has come.
    named
        When the venue was ready to answer, by its own words.
    refused
        Whether it will not answer at all.
    reach_ns
        Up to where it was asked last.
    same, since, same_for
        How many answers in a row had the same, when the first of them was asked for, and how long that is.
    covers
        Whether the newest answer reaches its end.
    lacks
        What was lacking after the newest answer.
    put
        Trades that were put back.
    not_rebuilt
        Timeframes of which bars could not be made anew with them.
    left_out
        What the history has of it and was refused: by time, price and size, and id.
    undecided
        Whether the history has trades of which nobody can tell any more whether they came, or that could not
        be put back.
    joins_ns
        Up to where what came and what the history has follow each other without a hole, where that is known.
    ended_late
        Whether the trade after it was made before the connection was there again.
    short
        Whether the history begins only after that: it keeps the newest trades alone.
    has_changes
        Whether it is known what was taken back or corrected meanwhile of trades before it.
    found_ns
        When it was found, by the market's time.

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
    blind: bool = False
    back_ns: int | None = None
    back_at: float = math.inf
    unknown: bool = False
    gap_id: str = ""
    asked: float | None = None
    latest: float = -math.inf
    answered: float = -math.inf
    named: float = -math.inf
    refused: bool = False
    reach_ns: int = 0
    same: int = 0
    since: float = 0.0
    same_for: float = 0.0
    covers: bool = False
    lacks: object = None
    put: int = 0
    not_rebuilt: set[str] = dataclasses.field(default_factory=set)
    left_out: set[tuple[int, str, int]] = dataclasses.field(default_factory=set)
    undecided: bool = False
    joins_ns: int | None = None
    short: bool = False
    ended_late: bool = False
    has_changes: bool = False
    found_ns: int = 0

    @classmethod
    def of(cls, hole: Hole, found: float) -> Stretch:
        """Return the stretch of ids that were jumped over amid a connection."""
        return cls(**hole._asdict(), reason="missing_ids", found=found)

    @classmethod
    def after(cls, number: int, time_ns: int, found: float, *, blind: bool = False) -> Stretch:
        """Return the stretch that begins with the loss of a connection, after a trade or before any."""
        return cls(
            low_id=number,
            low_ns=time_ns,
            high_id=number,
            high_ns=time_ns,
            reason="reconnect",
            found=found,
            ends=False,
            blind=blind,
        )

    def lose(self) -> None:
        """Note that there is no connection."""
        self.back_ns, self.back_at = None, math.inf
        self.forget_answers()

    def come_back(self, time_ns: int, now: float) -> None:
        """Note that the connection is there again: what was asked before says nothing."""
        if not self.ends:
            self.back_ns, self.back_at = time_ns, now
        self.asked, self.named, self.refused = None, -math.inf, False
        self.forget_answers()

    def end(self, number: int, time_ns: int) -> None:
        """Note the first live trade after it; one that was late does not show what was missed since."""
        self.high_id, self.ends = number, True
        self.ended_late = self.back_ns is not None and time_ns < self.back_ns
        self.high_ns = max(time_ns, self.low_ns if self.back_ns is None else self.back_ns)
        # Now it is known what is missing: the history has its minutes anew.
        self.asked = None
        self.forget_answers()

    def set_back(self, newest_ns: int, by_ns: int) -> None:
        """Let what the clock told of it have been so much earlier: it was ahead by that.

        Parameters
        ----------
        newest_ns
            When the newest trade was made: what is later the clock has told.

        Examples
        --------
        >>> stretch = Stretch.after(-1, 100, 0.0)
        >>> stretch.come_back(950, 1.0)
        >>> stretch.set_back(100, 800)
        >>> stretch.low_ns, stretch.back_ns
        (100, 150)
        """
        self.low_ns -= by_ns if self.low_ns > newest_ns else 0
        self.high_ns -= by_ns if self.high_ns > newest_ns else 0
        self.reach_ns -= by_ns if self.reach_ns > newest_ns else 0
        self.found_ns -= by_ns if self.found_ns else 0
        if self.back_ns is not None:
            self.back_ns -= by_ns

    def join_on(self, rows: Sequence[TradeRow]) -> None:
        """Note what an answer has of it, where the trade before it is one that the history ought to have.

        Examples
        --------
        >>> stretch = Stretch.after(-1, 100, 0.0)
        >>> stretch.joins_ns = 100
        >>> for times in ((100, 180), (150, 200), (250, 300)):
        ...     stretch.join_on([(at, 1.0, 1.0, 1, 0, at) for at in times])
        ...     print(stretch.joins_ns, stretch.short)
        180 False
        200 False
        300 True
        """
        if self.joins_ns is None or not rows:
            return
        times = [row[0] for row in rows]
        self.short = self.short or min(times) > self.joins_ns
        self.joins_ns = max(self.joins_ns, *times)

    def forget_answers(self) -> None:
        """Begin anew to compare answers."""
        self.same, self.covers, self.lacks = 0, False, None

    def note(self, lacks: object, *, covers: bool) -> None:
        """Note an answer to the latest question: what is lacking, and whether it reaches the end."""
        if lacks != self.lacks or covers != self.covers:
            self.same, self.since = 0, self.latest
        self.same += 1
        self.answered = self.latest
        self.same_for = self.latest - self.since
        self.lacks, self.covers = lacks, covers
        self.unknown = False

    def is_believed(self, seconds: float) -> bool:
        """Return whether two answers that lie so far apart, and all between them, were the same."""
        return self.same > 1 and self.same_for >= seconds

    def overlaps(self, other: Stretch) -> bool:
        """Return whether the two overlap, or touch, in time."""
        return self.low_ns <= other.high_ns and other.low_ns <= self.high_ns

    def join(self, other: Stretch) -> None:
        """Become one with another stretch; the id it was told by first stays."""
        self.low_id, self.low_ns = min(self.low_id, other.low_id), min(self.low_ns, other.low_ns)
        self.high_id, self.high_ns = max(self.high_id, other.high_id), max(self.high_ns, other.high_ns)
        if not other.ends:
            self.back_ns, self.back_at, self.ends = other.back_ns, other.back_at, False
        self.unknown = self.unknown or other.unknown
        self.blind = self.blind or other.blind
        self.put += other.put
        self.not_rebuilt |= other.not_rebuilt
        self.left_out |= other.left_out
        self.undecided = self.undecided or other.undecided
        self.short = self.short or other.short
        self.gap_id = self.gap_id or other.gap_id
        self.forget_answers()
