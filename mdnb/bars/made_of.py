"""Which timeframes can be made of what a feed gives: its trades, its quotes or its own bars."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Protocol

from mdnb.bars.tree import nests
from mdnb.errors import TimeframeError
from mdnb.sessions import Sessions
from mdnb.timeframes import Timeframe

__all__ = ["MadeOf", "OpenFeed", "made_of"]

_EXAMPLES = ("1min", "5min", "15min", "1hour", "4hour", "1day")


@dataclasses.dataclass(frozen=True, slots=True)
class MadeOf:
    """What the bars of a symbol are made of.

    Parameters
    ----------
    symbol
        Whose.
    source
        ``trades``, ``quotes`` or ``bars``.
    sessions
        The symbol's hours.
    bars
        Of bars: which; None where the feed does not say.
    has_trades
        Whether there are trades all the same, of which activity bars are made.

    Examples
    --------
    >>> recorded = MadeOf("GC", "bars", Sessions.always(), Timeframe.parse("1min"), has_trades=False)
    >>> recorded.check([Timeframe.parse("5min")])
    >>> recorded.check([Timeframe.parse("90sec")])
    Traceback (most recent call last):
    mdnb.errors.TimeframeError: 90sec bars cannot be made of 1min bars, which is all there is of GC...
    """

    symbol: str
    source: str
    sessions: Sessions
    bars: Timeframe | None = None
    has_trades: bool = True

    def check(self, timeframes: Iterable[Timeframe]) -> None:
        """Refuse a timeframe that can only be made up.

        Raises
        ------
        TimeframeError
            When its bars do not consist of whole bars of those there are, or are made of trades and there
            are none.
        """
        for timeframe in timeframes:
            if timeframe.is_activity:
                self._check_activity(timeframe)
            elif self.source == "bars" and self.bars is not None:
                self._check_clock(timeframe, self.bars)

    def _check_clock(self, timeframe: Timeframe, bars: Timeframe) -> None:
        if not nests(bars, timeframe, self.sessions):
            raise TimeframeError(
                f"{timeframe.name} bars cannot be made of {bars.name} bars, which is all there is of"
                f" {self.symbol}. {self._possible(bars)}"
            )

    def _check_activity(self, timeframe: Timeframe) -> None:
        if self.source == "bars" and not self.has_trades:
            kept = "bars" if self.bars is None else f"{self.bars.name} bars"
            possible = "" if self.bars is None else f" {self._possible(self.bars)}"
            raise TimeframeError(
                f"{timeframe.name} bars are made of trades, and there are only {kept} of"
                f" {self.symbol}.{possible}"
            )
        if self.source == "quotes" and timeframe.kind != "tick":
            raise TimeframeError(
                f"{timeframe.name} bars are made of what was traded, and there are only quotes of"
                f" {self.symbol}. Possible are timeframes of the clock, and bars of so many quotes such as"
                " 100tick."
            )

    def _possible(self, bars: Timeframe) -> str:
        coarser = [name for name in _EXAMPLES if nests(bars, Timeframe.parse(name), self.sessions)]
        others = [name for name in coarser if name != bars.name]
        such = f", such as {', '.join(others)}" if others else ""
        return f"Possible are {bars.name} and what consists of whole {bars.name} bars{such}."


class OpenFeed(Protocol):
    """What is asked of `mdnb.feeds.base.Feed`, once it is open."""

    source: Any
    has_trades: bool

    def own_bars(self, symbol: str) -> tuple[str, ...]:
        """Return the timeframes of its own bars, finest first."""
        ...

    def sessions(self, symbol: str) -> Sessions:
        """Return the symbol's hours."""
        ...


def made_of(feed: OpenFeed, symbol: str) -> MadeOf:
    """Return what the bars of a symbol are made of by a feed that is open."""
    own = feed.own_bars(symbol) if feed.source == "bars" else ()
    bars = Timeframe.parse(own[0]) if own else None
    return MadeOf(symbol, feed.source, feed.sessions(symbol), bars, has_trades=feed.has_trades)
