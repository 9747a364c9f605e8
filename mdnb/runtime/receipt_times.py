"""By which times what a feed receives is recorded."""

from __future__ import annotations

from mdnb.clock import MarketClock
from mdnb.feeds.base import Feed

__all__ = ["ReceiptTimes"]


class ReceiptTimes:
    """The market's times of a recording, which are not set back where the venue's comes to be known amid it.

    A recording that began by a computer's clock that is fast goes on by it: by so much all its times are off,
    which a replay measures. Set back, they would begin in the future, and close the bars of a replay late.

    Parameters
    ----------
    feed
        Whose clock counts.

    Examples
    --------
    >>> from mdnb.feeds.registry import make_feed
    >>> feed = make_feed("sim://")
    >>> feed.clock = MarketClock(wall=lambda: 90_000_000_000, steady=lambda: 0)
    >>> times = ReceiptTimes(feed)
    >>> times.begin()
    >>> times.now_ns() // 1_000_000_000
    90
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._was_unknown: MarketClock | None = None
        self._back_ns = 0
        self._has_begun = False

    def begin(self) -> None:
        """Note whether the venue's time is known, before a frame is looked at; again it does nothing."""
        clock = self._feed.clock
        if not self._has_begun:
            self._has_begun = True
            if isinstance(clock, MarketClock) and not clock.is_known:
                self._was_unknown, self._back_ns = clock, clock.set_back_ns

    def now_ns(self) -> int:
        """Return the time of what is received now."""
        was_unknown = self._was_unknown
        back_ns = 0 if was_unknown is None else was_unknown.set_back_ns - self._back_ns
        return self._feed.clock.now_ns() + back_ns
