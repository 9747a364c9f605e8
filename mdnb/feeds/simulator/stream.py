"""The frames that a client gets of one symbol: a pure function of the interval of market time.

A stream knows up to which time it has sent. What is due is made when it is sent, so a slow client has
no queue that could grow: its trades come later and in larger frames, and none is left out; of many
changes of the quote and the book it gets the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from mdnb.feeds.simulator.book import Book, Ladder
from mdnb.feeds.simulator.history import closed_bars
from mdnb.timeframes import Timeframe

if TYPE_CHECKING:
    from mdnb.feeds.base import Channel
    from mdnb.feeds.simulator.tape import TradeTape
    from mdnb.feeds.simulator.ticks import Ticks

__all__ = ["FRAME_ROWS", "OWN_BARS", "Stream"]

FRAME_ROWS = 500
"""Trades in a frame, at most."""

_TRADES_AT_ONCE = 8 * FRAME_ROWS
_QUOTES_AT_ONCE = 100
_DEPTH_PAUSE_SECONDS = 0.05
_BARS_AT_ONCE = 500
_MINUTE_NS = 60 * 1_000_000_000

OWN_BARS = "1min"
"""Timeframe of the bars that the simulator sends by itself on channel ``bars``."""

_OWN = Timeframe.parse(OWN_BARS)

_encode = msgspec.json.Encoder().encode


class Stream:
    """One client's subscription to one symbol.

    Parameters
    ----------
    tape
        The market.
    start_ns
        Trades from this moment on are sent.
    speed
        Market seconds a wall second.
    """

    def __init__(self, tape: TradeTape, start_ns: int, speed: float) -> None:
        self.position_ns = start_ns
        self.channels: tuple[Channel, ...] = ()
        self._tape = tape
        self._book = Book(tape)
        self._symbol = tape.model.symbol
        self._depth_pause_ns = round(_DEPTH_PAUSE_SECONDS * speed * 1e9)
        self._ladder: Ladder | None = None
        self._ladder_ns = 0
        self._bars_ns = 0

    @property
    def next_id(self) -> int:
        """Id of the first trade not yet sent."""
        return self._tape.next_id(self.position_ns)

    def set_channels(self, channels: Sequence[Channel]) -> None:
        """Choose what is sent from now on; a book begins with a snapshot."""
        if "depth" not in channels:
            self._ladder = None
        if "bars" in channels and "bars" not in self.channels:
            self._bars_ns = self.position_ns // _MINUTE_NS * _MINUTE_NS
        self.channels = tuple(channels)

    def due(self, now_ns: int) -> list[bytes]:
        """Return the frames from `position_ns` to ``now_ns``, or for as far as a few frames reach."""
        frames: list[bytes] = []
        if now_ns > self.position_ns and self.channels:
            ticks = self._advance(now_ns)
            if "trades" in self.channels:
                rows = self._tape.rows(ticks)
                cuts = range(0, len(rows), FRAME_ROWS)
                frames += [self._frame("trades", r=rows[at : at + FRAME_ROWS]) for at in cuts]
            if "quotes" in self.channels and len(ticks):
                quotes = self._book.quotes(ticks)
                frames.append(
                    self._frame("quotes", r=quotes[-1:] if len(quotes) > _QUOTES_AT_ONCE else quotes)
                )
            if "depth" in self.channels:
                frames += self._depth()
            if "bars" in self.channels:
                frames += self._own_bars()
        return frames

    def next_time(self) -> int:
        """Return the market time of the next trade, or an earlier moment to look again."""
        return self._tape.next_time(self.position_ns)

    def _advance(self, now_ns: int) -> Ticks:
        if not {"trades", "quotes"} & set(self.channels):
            self.position_ns = now_ns
            return self._tape.between(now_ns, now_ns)
        ticks, more = self._tape.page(self.position_ns, now_ns, _TRADES_AT_ONCE)
        if more:
            # The cut must not go through trades of one nanosecond: those of the last one wait.
            # Some are left before it: one trade in five has the time of the one before, never all of a page.
            now_ns = int(ticks.ts_ns[-1])
            ticks = ticks.take(slice(0, int(np.searchsorted(ticks.ts_ns, now_ns))))
        self.position_ns = now_ns
        return ticks

    def _depth(self) -> list[bytes]:
        now_ns = self.position_ns
        if self._ladder is not None and now_ns - self._ladder_ns < self._depth_pause_ns:
            return []
        before, after = self._ladder, self._book.ladder(now_ns)
        if before is None:
            made = self._book.snapshot(after, now_ns)
        else:
            change = self._book.change(before, after, now_ns)
            if change is None:
                return []
            made = change
        self._ladder, self._ladder_ns = after, now_ns
        return [self._frame("depth", t=made.ts_ns, snap=made.snapshot, b=made.bids, a=made.asks)]

    def _own_bars(self) -> list[bytes]:
        """Return the venue's own bars of the minutes that are over, as its history has them."""
        now_ns = self.position_ns
        until = now_ns // _MINUTE_NS * _MINUTE_NS
        if until <= self._bars_ns:
            return []
        rows, _ = closed_bars(self._tape, _OWN, self._bars_ns, until, now_ns, _BARS_AT_ONCE)
        self._bars_ns = rows[-1][0] + _MINUTE_NS if len(rows) == _BARS_AT_ONCE else until
        return [self._frame("bars", tf=OWN_BARS, closed=True, r=rows)] if rows else []

    def _frame(self, kind: str, **fields: Any) -> bytes:
        return _encode({"e": kind, "s": self._symbol, **fields})
