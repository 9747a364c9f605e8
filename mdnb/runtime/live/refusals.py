"""Of one symbol's data: for how long it came and none was accepted, and why."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable

from mdnb.rows import TradeRow

__all__ = ["Refusals"]

_NEVER = float("-inf")


class Refusals:
    """Watches whether what comes for the bars, which is trades as a rule, is accepted.

    Trades that came before, as a venue tells them again to a new connection, are no sign of anything wrong
    until nothing else comes for a while. One that is newer than all that was accepted did not come before,
    whatever its id says.

    Parameters
    ----------
    now
        A monotonic clock in seconds; tests give their own.

    Attributes
    ----------
    accepted, refused
        How many were, in all.
    asked_for
        Whether what comes now is an answer of the history, which may tell again what is known.
    of_answer
        The trades that validation has refused of an answer that is put back now; None while none is.

    Examples
    --------
    >>> times = iter([0.0, 1.0, 20.0, 20.0])
    >>> refusals = Refusals(lambda: next(times))
    >>> refusals.accept(5)
    >>> refusals.refuse("duplicate", 3)
    >>> refusals.refuse("duplicate", 4)
    >>> refusals.seconds(10.0), refusals.reasons
    (19.0, {'duplicate': 7})
    """

    __slots__ = (
        "_accepted_at",
        "_last",
        "_now",
        "_reasons",
        "_says",
        "_since",
        "accepted",
        "asked_for",
        "of_answer",
        "refused",
    )

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.accepted = 0
        self.refused = 0
        self.asked_for = False
        self.of_answer: list[TradeRow] | None = None
        self._now = now
        self._accepted_at = _NEVER
        # Since the last that was accepted: why others were not, when first and last, and whether that says
        # something by itself.
        self._reasons: collections.Counter[str] = collections.Counter()
        self._since = self._last = 0.0
        self._says = False

    @property
    def reasons(self) -> dict[str, int]:
        """How many were refused since one was accepted, by reason, the most frequent first."""
        return dict(self._reasons.most_common())

    def accept(self, count: int) -> None:
        """Note that some were accepted."""
        self.accepted += count
        self._accepted_at = self._now()
        if self._reasons:
            self._reasons.clear()
            self._says = False

    def refuse(self, reason: str, count: int, *, again: bool = False) -> None:
        """Note that some were not accepted; ``again`` where they may well have come before."""
        if self.asked_for or not count:
            return
        self.refused += count
        self._last = self._now()
        if not self._reasons:
            self._since = self._last
        self._reasons[reason] += count
        self._says = self._says or not again

    def connected(self) -> None:
        """Note a new connection, which may tell again what came over the old one."""
        if not self._says:
            self._reasons.clear()

    def seconds(self, stale_seconds: float) -> float:
        """Return for how many seconds data has come and none was accepted; 0 where that is not so.

        Soon after good data, bad data says nothing yet; and of what trades seldom it says nothing any more
        once it lies back for longer than it went on.

        Parameters
        ----------
        stale_seconds
            What is soon.
        """
        if not self._reasons:
            return 0.0
        now, lasted = self._now(), self._last - self._since
        is_over = now - self._last > max(stale_seconds, lasted)
        if now - self._accepted_at <= stale_seconds or is_over or not (self._says or lasted >= stale_seconds):
            return 0.0
        return max(now - self._since, 1e-9)
