"""When a bar was closed: the market time at which whoever feeds the bars knew that it was over."""

from __future__ import annotations

__all__ = ["NOT_NOTED", "ClosingTime"]

NOT_NOTED = 0
"""Closing time of a bar whose data has no time of arrival: known at its end and the grace."""


class ClosingTime:
    """The market's time while bars are made, and what it says of a bar that closes.

    Attributes
    ----------
    now_ns
        UTC epoch nanoseconds; never goes back. 0 while data without times of arrival is taken.
    grace_ns
        After its end a bar closes by itself when this has passed; None where a timer sees to it, and the bar
        is closed when that says so.
    follows_trades
        Whether trades carry the time: it is that of the newest one.

    Examples
    --------
    >>> closing = ClosingTime()
    >>> closing.of(60), closing.advance(75), closing.of(60)
    (0, None, 75)
    >>> closing.grace_ns = 10
    >>> closing.of(60)
    70
    """

    __slots__ = ("follows_trades", "grace_ns", "now_ns")

    def __init__(self) -> None:
        self.now_ns = NOT_NOTED
        self.grace_ns: int | None = None
        self.follows_trades = False

    def advance(self, ns: int) -> None:
        """Move on to an instant; one that is past changes nothing."""
        if ns > self.now_ns:
            self.now_ns = ns

    def see(self, ts_ns: int) -> None:
        """Take the time of a trade, where trades carry it."""
        if self.follows_trades and ts_ns > self.now_ns:
            self.now_ns = ts_ns

    def of(self, end_ns: int) -> int:
        """Return when a bar closes that is closed now and ended at ``end_ns``."""
        if self.grace_ns is None or self.now_ns <= end_ns + self.grace_ns:
            return self.now_ns
        return end_ns + self.grace_ns
