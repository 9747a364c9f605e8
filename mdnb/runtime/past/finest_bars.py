"""Loads the history of the finest timeframe: its closed bars, and all of the bar that is being made.

What lies between the last closed bar and the trades that the venue still has is taken from its finer bars.
"""

from __future__ import annotations

import logging

from mdnb.errors import FeedRefusedError
from mdnb.rows import BarRow, TradeRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.past.missed_trades import load_bars, load_trades
from mdnb.runtime.past.patient_questions import PatientQuestions
from mdnb.runtime.past.venue_bars import VenueBars
from mdnb.timeframes import Grid, Timeframe

__all__ = ["TRADE_MINUTES", "FinestBars"]

TRADE_MINUTES = 10
"""So many minutes of trades are loaded where there are no bars."""

_log = logging.getLogger("mdnb")
_TICK_WINDOW_NS = TRADE_MINUTES * 60 * 1_000_000_000
_BEFORE_NS = 60 * 1_000_000_000
_SURELY = 5.0
"""So many trades are expected where none came: then some were made, by 99 to 1."""


class FinestBars:
    """Loads one symbol's finest bars.

    Parameters
    ----------
    pipeline
        Where they go.
    venue
        What there is.
    questions
        How it is asked.
    start_ns
        From when on bars are wanted.

    Attributes
    ----------
    is_there
        Whether the venue has a history of bars at all.
    covers
        From where on there are bars.
    known_from
        From where on nothing is missing until the live data; later than `covers` where there is a hole.
    is_of_trades
        Whether the venue has no bars that it could be made of, and it is made of the newest trades.
    is_without_trades
        Whether nothing is there of it, and the venue gives no trades of the past.
    hole_ns
        Where the first hole begins, which ends at `known_from`; that itself where there is none.
    """

    def __init__(
        self, pipeline: Pipeline, venue: VenueBars, questions: PatientQuestions, start_ns: int
    ) -> None:
        self.is_there = True
        self.is_of_trades = self.is_without_trades = False
        self.covers = self.known_from = venue.now_ns
        self._pipeline = pipeline
        self._venue = venue
        self._questions = questions
        self._start_ns = start_ns
        self._root = pipeline.engine.cascade.root.grid
        self._begun = False
        self._hole_ns: int | None = None
        self._last: BarRow | None = None
        self._last_ns = 0
        self._until = 0

    @property
    def hole_ns(self) -> int:
        """Where the first hole begins."""
        return self.known_from if self._hole_ns is None else min(self._hole_ns, self.known_from)

    async def load(self) -> None:
        """Load bars and trades."""
        await self._load_closed()
        if not self.is_there:
            # No bars to be had: the trades are all there is to build from.
            await self._load_trades(since=self._venue.now_ns - _TICK_WINDOW_NS, from_ns=0)
            return
        now = self._venue.now_ns
        while now - self._until > _TICK_WINDOW_NS and await self._go_finer():
            pass
        if not self._begun and not self._venue.depth_ns(self._root.timeframe):
            # There never will be bars of it but those that are made of trades.
            self._until = now - _TICK_WINDOW_NS
            made_of = await self._load_trades(since=self._until, from_ns=0)
            self.covers = self.known_from = made_of[0][0] if made_of else now
            self.is_of_trades = bool(made_of)
            return
        before = _BEFORE_NS if now - self._until > _TICK_WINDOW_NS else 0
        since = min(self._until - before, now - _TICK_WINDOW_NS)
        trades = await self._questions.trades(since, self._venue.feed.clock.now_ns() + 1)
        while self._lacks(trades, since) and await self._go_finer():
            pass
        if self._lacks(trades, since):
            self._tear(next((row[0] for row in trades or () if row[0] >= self._until), now))
        if trades:
            load_trades(self._pipeline, trades, self._until)
        elif trades is None and self._begun:
            self._pipeline.told_by_bars_until = self._until
        elif trades is None:
            self.is_without_trades = True

    async def _load_trades(self, *, since: int, from_ns: int) -> list[TradeRow]:
        trades = await self._questions.trades(since, self._venue.feed.clock.now_ns() + 1)
        self.is_without_trades = trades is None
        if trades:
            load_trades(self._pipeline, trades, from_ns)
        return trades or []

    # -- closed bars --------------------------------------------------------------------------------------

    async def _load_closed(self) -> None:
        """Load the bars that are closed, of the timeframe itself or of the coarsest that it consists of."""
        own = self._root.timeframe
        self._until = self.covers = self.known_from = self._venue.open_start(own)
        if self._venue.depth_ns(own):
            start = max(self._start_ns, self._until - self._venue.depth_ns(own))
            rows = await self._questions.bars(own.name, start, self._until)
            self.is_there = rows is not None
            self._take(own, rows or [], self._until)
            if rows or rows is None:
                return
        for one in self._venue.finer(own):
            end = self._venue.open_start(one)
            start = max(self._start_ns, end - self._venue.depth_ns(one))
            span = self._root.span(start)
            if rows := await self._ask_finer(one, span[0] if span is not None else start, end):
                self._take(one, rows, end)
                return

    async def _ask_finer(self, one: Timeframe, start_ns: int, end_ns: int) -> list[BarRow]:
        try:
            return await self._questions.bars(one.name, start_ns, end_ns) or []
        except FeedRefusedError as error:
            # Nobody has asked for it.
            _log.info("the venue gave no %s bars: %s", one.name, error)
            return []

    def _take(self, timeframe: Timeframe, rows: list[BarRow], end_ns: int) -> None:
        if not rows:
            return
        load_bars(self._pipeline, rows, end_ns, timeframe.name)
        if not self._begun:
            self.covers = self.known_from = rows[0][0]
        elif self._misses(rows[0][0]):
            self._tear(rows[0][0])
        self._begun, self._until = True, self._end(timeframe, rows[-1][0], end_ns)
        self._last = next((row for row in reversed(rows) if row[5] > 0 or row[6] > 0), self._last)
        if self._last is not None:
            span = Grid(timeframe, self._venue.sessions).span(self._last[0])
            self._last_ns = 0 if span is None else span[1] - span[0]

    def _tear(self, until_ns: int) -> None:
        """Note that what lies between the bars so far and an instant is missing."""
        if self._hole_ns is None:
            self._hole_ns = self._until
        self.known_from = until_ns

    def _end(self, timeframe: Timeframe, last_start_ns: int, end_ns: int) -> int:
        """Return up to where all is in the bars that were given for the time before ``end_ns``.

        The interval that has just ended here may not be over at the venue, which has no bar of it then: its
        trades are asked for. Where there are none nobody traded.
        """
        span = Grid(timeframe, self._venue.sessions).span(end_ns - 1)
        if span is None or last_start_ns >= span[0] or end_ns - span[0] > _TICK_WINDOW_NS:
            return end_ns
        return span[0]

    # -- from there on until now --------------------------------------------------------------------------

    async def _go_finer(self) -> bool:
        """Go on with the finest bars that reach back to where the bars end; return whether any came."""
        there = [
            one
            for one in self._venue.finer(self._root.timeframe)
            if self._venue.open_start(one) > self._until and self._begins_at(one, self._until)
        ]
        far = [one for one in there if self._venue.now_ns - self._venue.depth_ns(one) <= self._until]
        for one in [*reversed(far), *(one for one in there if one not in far)]:
            end = self._venue.open_start(one)
            if rows := await self._ask_finer(one, self._until, end):
                self._take(one, rows, end)
                return True
        return False

    def _begins_at(self, timeframe: Timeframe, ns: int) -> bool:
        span = Grid(timeframe, self._venue.sessions).span(ns)
        return span is not None and span[0] == ns

    # -- what is missing ----------------------------------------------------------------------------------

    def _lacks(self, trades: list[TradeRow] | None, since_ns: int) -> bool:
        """Return whether trades from where the bars end on are missing in an answer."""
        source, now = self._venue.feed.source, self._venue.now_ns
        if source == "bars":
            names = self._venue.feed.own_bars(self._pipeline.engine.symbol)
            return any(self._until < self._venue.open_start(Timeframe.parse(name)) for name in names[:1])
        if trades is None:
            return self._until < now
        if any(row[0] < self._until for row in trades):
            return False
        if self._last is not None and since_ns <= self._last[0]:
            # The trades of the last bar ought to be there too.
            return True
        return self._misses(next((row[0] for row in trades if row[0] >= self._until), now))

    def _misses(self, first_ns: int) -> bool:
        """Return whether there must have been trades before the first one, going by the last bar known."""
        if self._last is None:
            return True
        seen_ns = max(self._last_ns, self._until - self._last[0])
        return self._last[6] * (first_ns - self._until) >= _SURELY * seen_ns
