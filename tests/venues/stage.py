"""A market that follows a local venue with faults, and what has to hold once its tape is over."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mdnb
from mdnb.feeds.base import Feed
from mdnb.feeds.timeouts import Backoff
from mdnb.market import LiveMarket
from mdnb.rows import TradeRow
from mdnb.runtime.past.stretches import Patience
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.runtime.past.outages import held_bars
from tests.venues.bars import bars_of
from tests.venues.faulty_server import FaultyServer
from tests.venues.stand_in import StandIn

__all__ = ["Stage"]


class Stage:
    """A market that follows a venue.

    Parameters
    ----------
    venue
        Listens already.
    feed
        Connects to it.
    symbol
        What is followed.
    timeframes
        Their names, and how many seconds each has.
    tape
        What the venue plays.
    initial_days
        Days of history to load.
    **patience
        How the history is asked for what was missed, where that is not as quick as can be.
    """

    def __init__(
        self,
        venue: FaultyServer | StandIn,
        feed: Feed,
        symbol: str,
        timeframes: Mapping[str, int],
        tape: Sequence[TradeRow],
        initial_days: float = 0,
        **patience: Any,
    ) -> None:
        self.venue = venue
        self.stream = venue.stream if isinstance(venue, StandIn) else venue
        self.feed = feed
        self.timeframes = timeframes
        self.tape = tape
        self.market: LiveMarket = mdnb.live(
            symbol, list(timeframes), feed=feed, initial_days=initial_days, progress=False
        )
        self.came: set[int] = set()
        self.losses = 0
        self._was_up = True
        self.told: queue.Queue[mdnb.Event] = queue.Queue()
        self.market.on("data_gap", self.told.put)
        self.pipeline = self.market._parts.session.market(symbol).pipeline
        self.repair = self.market._parts.session.backfill.repairs[symbol]
        if isinstance(venue, StandIn):
            self._tell_what_comes(venue)
        quick: dict[str, Any] = {"comes_late": 0.05, "settle": 0.05, "backoff": Backoff(0.01, 1.5, 0.1)}
        self.repair.patience = Patience(**(quick | patience))

    def _tell_what_comes(self, venue: StandIn) -> None:
        """Note which trades of the tape come by themselves, and how often the line is lost."""
        dialect, batcher = venue.dialect, self.market._parts.session.batcher
        places = {_plain(dialect.trade(row)): place for place, row in enumerate(self.tape)}
        for place, row in enumerate(self.tape):
            places |= {_plain(frame): place for frame in dialect.at_subscribe([row])}

        def note(frames: list[str | bytes]) -> None:
            came = [places[text] for text in map(_plain, frames) if text in places]
            # What the history has given before it came was missed all the same.
            self.came.update(place for place in came if not self._is_held(self.tape[place]))

        def count(event: mdnb.Event) -> None:
            status = event.data["status"]
            self.losses += status == "disconnected" and self._was_up
            self._was_up = status in ("connected", "reconnected", "stale")

        batcher.taps.append(note)
        self.market._parts.session.bus.tap(mdnb.EventType.CONNECTION_STATUS_CHANGED, count)

    def _is_held(self, row: TradeRow) -> bool:
        return bool(len(self.pipeline.engine.ticks.between(row[0], row[0] + 1)))

    def play(self) -> None:
        """Play the tape to its end, and wait until everything is settled."""
        call(self._play())

    def begin(self) -> None:
        """Begin to play the tape."""
        call(self._begin())

    async def _begin(self) -> None:
        self.stream.play()

    def play_on(self) -> None:
        """Wait until the tape, which plays already, is at its end and everything is settled."""
        call(self._play_on())

    async def _play(self) -> None:
        self.stream.play()
        await self._play_on()

    async def _play_on(self) -> None:
        await self.stream.over.wait()
        await self.until(lambda: not self.repair.stretches and self._has_last())

    def _has_last(self) -> bool:
        last, end = self.pipeline.engine.last_trade, self.tape[-1]
        if self.feed.ids == "sequential":
            return self.pipeline.duplicates.highest == end[5]
        return last is not None and last[0] == end[0]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, looked at after each change."""
        changed = asyncio.Event()
        listener = self.pipeline.engine.listen(changed.set)
        async with asyncio.timeout(LIMIT_SECONDS):
            while not holds():
                changed.clear()
                with contextlib.suppress(TimeoutError):
                    # A gap that is settled changes no data.
                    await asyncio.wait_for(changed.wait(), 0.02)
        listener.close()

    def close(self) -> None:
        """Close both ends."""
        self.market.close()
        call(self.venue.close())

    def gaps(self) -> list[list[mdnb.Event]]:
        """Return what was told, a list for each gap, once each is told of to its end."""
        events: list[mdnb.Event] = []
        states: dict[str, str] = {}
        while not self.told.empty() or "repairing" in states.values():
            events.append(self.told.get(timeout=LIMIT_SECONDS))
            states[events[-1].gap_id] = events[-1].data["state"]
        by_gap = itertools.groupby(sorted(events, key=lambda event: event.gap_id), lambda event: event.gap_id)
        return [list(group) for _, group in by_gap]

    def candles(self, name: str) -> list[tuple[float, ...]]:
        """Return start, prices and volume of all bars of a timeframe, the forming one last."""
        return [bar[:6] for bar in held_bars(self.pipeline, name)]

    def check_candles(self) -> None:
        """Compare start, prices and volume of all bars with those of the tape."""
        for name, seconds in self.timeframes.items():
            assert self.candles(name) == [bar[:6] for bar in bars_of(self.tape, seconds)], name

    def not_held(self, since: int = 0) -> list[TradeRow]:
        """Return the trades of the tape, from one on, that are not among the ticks."""
        rows = self.tape[since:]
        held = set(self.pipeline.engine.ticks.between(rows[0][0], rows[-1][0] + 1)["ts_ns"].tolist())
        return [row for row in rows if row[0] not in held]

    def check_outages(self, since: int, *, repairs: bool) -> None:
        """Check that all trades from one on are in the bars, or that those which are not were told of.

        Parameters
        ----------
        repairs
            Whether what is missed can be had trade by trade.
        """
        gaps = self.gaps()
        self._check_gaps([gap[-1] for gap in gaps], since, repairs=repairs)
        if repairs:
            self.check_bars(since=since)
            assert all(gap[-1].repaired for gap in gaps)
            return
        lost = self.not_held(since)
        told = [gap[-1].data for gap in gaps if not gap[-1].repaired]
        for row in lost:
            assert any(gap["gap_start"].value <= row[0] < gap["gap_end"].value for gap in told), row
        self.check_bars(frozenset(row[5] for row in lost), since)

    def _check_gaps(self, gaps: Sequence[mdnb.Event], since: int, *, repairs: bool) -> None:
        """Check that each trade that did not come by itself is in one gap, and no gap is without a reason.

        One begins with the last trade that came, or with the clock where none had come yet.
        """
        if not self.came:
            return
        spans = [(gap.data["gap_start"].value, gap.data["gap_end"].value) for gap in gaps]
        missed = [row for place, row in enumerate(self.tape) if place >= since and place not in self.came]
        inside = [[row for row in missed if start <= row[0] < end] for start, end in spans]
        for row in missed:
            assert sum(row in rows for rows in inside) == 1, (row, spans)
        for gap, rows in zip(gaps, inside, strict=True):
            # Of a loss of the line nobody knows whether trades were missed until the history says so.
            assert rows or gap.reason == "reconnect", gap.data
            if repairs:
                assert gap.data["trades"] == len(rows), (gap.data, rows)
        losses = [gap.data for gap in gaps if gap.reason == "reconnect"]
        assert len(losses) <= self.losses, losses
        if repairs:
            assert self.market.accounting().backfilled == len(missed)

    def check_bars(self, lacking: frozenset[int] = frozenset(), since: int = 0) -> None:
        """Compare the bars with those of the tape, from the first whole one after its trade ``since`` on."""
        held = [row for row in self.tape if row[5] not in lacking]
        for name, seconds in self.timeframes.items():
            first = self.tape[since][0]
            bars = [bar for bar in bars_of(held, seconds) if not since or bar[0] >= first]
            found = [bar for bar in held_bars(self.pipeline, name) if not since or bar[0] >= first]
            assert found == bars, name
        assert self.market.accounting().balanced


def _plain(frame: str | bytes) -> str:
    """Return a frame as a text, without the sign that ends a record of a hub."""
    return (frame if isinstance(frame, str) else frame.decode()).removesuffix("\x1e")
