"""Which timeframes a venue has bars of, how far back, and where their bars begin."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection

from mdnb.bars.tree import nests
from mdnb.feeds.base import Feed
from mdnb.sessions import Sessions
from mdnb.timeframes import Grid, Timeframe

__all__ = ["VenueBars"]

_NS = 1_000_000_000
_USUAL = frozenset(("1day", "4hour", "1hour", "30min", "15min", "5min", "1min"))
_ALL = tuple(
    Timeframe.parse(name)
    for name in (
        *("1day", "12hour", "8hour", "6hour", "4hour", "3hour", "2hour", "1hour", "45min", "30min", "20min"),
        *("15min", "10min", "5min", "3min", "2min", "1min", "30sec", "15sec", "10sec", "5sec", "1sec"),
    )
)


@dataclasses.dataclass(frozen=True)
class VenueBars:
    """The bars that a venue has at an instant.

    Attributes
    ----------
    feed
        Whose `history_depth` is asked.
    sessions
        The symbol's hours.
    now_ns
        The instant.

    Examples
    --------
    >>> from mdnb.feeds.registry import make_feed
    >>> bars = VenueBars(make_feed("sim://"), Sessions.always(), 7_500 * 1_000_000_000)
    >>> bars.open_start(Timeframe.parse("1hour")) // 1_000_000_000
    7200
    >>> [one.name for one in bars.finer(Timeframe.parse("15min"))]
    ['5min', '1min']
    """

    feed: Feed
    sessions: Sessions
    now_ns: int

    def depth_ns(self, timeframe: Timeframe) -> int:
        """Return how far back there are bars of a timeframe; 0 where there are none."""
        seconds = self.feed.history_depth(timeframe.name) or 0.0
        return int(min(seconds * _NS, float(self.now_ns)))

    def open_start(self, timeframe: Timeframe) -> int:
        """Return where the interval begins that is being made; now where the venue is closed."""
        span = Grid(timeframe, self.sessions).span(self.now_ns)
        return span[0] if span is not None else self.now_ns

    def finer(self, coarse: Timeframe) -> list[Timeframe]:
        """Return the venue's timeframes of whose bars one of a coarser timeframe consists, coarse to fine.

        Of a feed that does not say which it has, only those that nearly all venues have.
        """
        return [
            one
            for one in _ALL
            if one.sort_key < coarse.sort_key and nests(one, coarse, self.sessions) and self._has(one)
        ]

    def between(self, fine: Timeframe, coarse: Timeframe, kept: Collection[str]) -> list[Timeframe]:
        """Return those of `finer` that consist of a finer timeframe's bars, and are not kept."""
        return [
            one
            for one in self.finer(coarse)
            if fine.sort_key < one.sort_key and nests(fine, one, self.sessions) and one.name not in kept
        ]

    def _has(self, timeframe: Timeframe) -> bool:
        seconds = self.feed.history_depth(timeframe.name) or 0.0
        return seconds > 0 and (timeframe.name in _USUAL or not math.isinf(seconds))
