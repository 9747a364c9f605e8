"""When a bar was closed: the market time at which whoever feeds the bars knew that it was over."""

from __future__ import annotations

__all__ = ["NOT_NOTED", "ClosingTime", "whole_us"]

NOT_NOTED = 0
"""Closing time of a bar whose data has no time of arrival: known at its end and the grace."""

_NS_PER_US = 1000


class ClosingTime:
    """The market's time while bars are made, by which a bar that closes was closed.

    Attributes
    ----------
    now_ns
        UTC epoch nanoseconds, in whole microseconds as stores keep them; never goes back but by `set_back`. 0
        while data without times of arrival is taken.
    follows_trades
        Whether trades carry the time: it is that of the newest one.
    began_ns
        The first instant that was noted: nobody can have read the bars before it. 0 until there is one.
    history_ns
        After its end a bar of data without times of arrival counts as known when this has passed.

    Examples
    --------
    >>> closing = ClosingTime()
    >>> closing.advance(75_001)
    >>> closing.now_ns
    76000
    """

    __slots__ = ("began_ns", "follows_trades", "history_ns", "now_ns")

    def __init__(self) -> None:
        self.now_ns = self.began_ns = NOT_NOTED
        self.follows_trades = False
        self.history_ns = 0

    def advance(self, ns: int) -> None:
        """Move on to an instant; one that is past changes nothing."""
        if ns > self.now_ns:
            self.now_ns = whole_us(ns)
            self.begin(self.now_ns)

    def set_back(self, by_ns: int) -> None:
        """Go back by a stretch: the clock that was followed so far is found to be ahead by it.

        Examples
        --------
        >>> closing = ClosingTime()
        >>> closing.begin(80_000_000)
        >>> closing.advance(90_000_000)
        >>> closing.set_back(75_001)
        >>> closing.now_ns, closing.began_ns
        (89924000, 79924000)
        """
        by_ns = whole_us(by_ns)
        self.now_ns -= by_ns if self.now_ns else 0
        self.began_ns -= by_ns if self.began_ns else 0

    def see(self, ts_ns: int) -> None:
        """Take the time of a trade, where trades carry it."""
        if self.follows_trades and ts_ns > self.now_ns:
            self.now_ns = whole_us(ts_ns)
            if not self.began_ns:
                self.began_ns = self.now_ns

    def begin(self, ns: int) -> None:
        """Note that bars can be read from an instant on; the first one that is noted counts."""
        if not self.began_ns:
            self.began_ns = whole_us(ns)


def whole_us(ns: int) -> int:
    """Return the first instant in whole microseconds that is no earlier: nothing is known before its time.

    Examples
    --------
    >>> whole_us(1_000), whole_us(1_001)
    (1000, 2000)
    """
    return -(-ns // _NS_PER_US) * _NS_PER_US
