"""Repairs one symbol's outages: asks the history until it has what was missed, and says what becomes of it.

Nothing but the symbol's bars waits for it, and these not for long. What comes later is put where it
belongs, and amends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Literal

from mdnb.errors import FeedBusyError, FeedRefusedError, MdnbError
from mdnb.events.types import EventType
from mdnb.feeds.base import Feed
from mdnb.rows import TradeRow
from mdnb.runtime.live.held_trades import HeldTrades
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.past.missed_trades import put_back, put_back_by_time
from mdnb.runtime.past.stretches import Patience, Stretch
from mdnb.types import Gap
from mdnb.validate.duplicates import Hole

__all__ = ["Pace", "SymbolRepair"]

_log = logging.getLogger("mdnb")

_FURTHER_NS = 10 * 1_000_000_000

_State = Literal["repairing", "repaired", "lost"]


class Pace:
    """When the venue will answer again: one for all symbols of a feed."""

    def __init__(self) -> None:
        self.not_before = 0.0


class SymbolRepair:
    """Knows one symbol's stretches that are not settled, and works on them.

    Parameters
    ----------
    feed
        Whose history is asked.
    pipeline
        Where the symbol's trades go.
    patience
        How long what is waited for.
    pace
        Shared by the feed's symbols.
    on_release
        Called when the bars go on.
    """

    def __init__(
        self, feed: Feed, pipeline: Pipeline, patience: Patience, pace: Pace, on_release: Callable[[], None]
    ) -> None:
        self.patience = patience
        self.stretches: list[Stretch] = []
        self.work: asyncio.Task[None] | None = None
        self._feed = feed
        self._pipeline = pipeline
        self._seen = pipeline.duplicates
        self._pace = pace
        self._on_release = on_release
        self._up = True
        self._has_history = True
        self._answering = False
        self._next_ask = 0.0
        self._attempt = 0
        self._told = 0
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._seen.on_jump = self._on_jump
        for hole in list(self._seen.holes):
            self._on_jump(hole)

    # -- what happens to the connection -----------------------------------------------------------------

    @property
    def _repairs(self) -> bool:
        """Whether the bars are made of trades, which is what a history can give."""
        return self._feed.source == self._pipeline.engine.source == "trades"

    @property
    def _by_id(self) -> bool:
        """Whether the trades' ids tell what is missing."""
        return self._seen.ids == "sequential" and self._repairs

    def disconnected(self, at_ns: int | None = None) -> None:
        """Begin a stretch that has no end yet; from now on the symbol's bars wait.

        Parameters
        ----------
        at_ns
            The market's time then, where it is not now.
        """
        pipeline = self._pipeline
        self._up = False
        if self._open_end() is None:
            low = self._seen.highest if self._by_id else -1
            low_ns = self._seen.highest_ns if low >= 0 else pipeline.newest_ns(at_ns)
            self.stretches.append(Stretch.after(low, low_ns, _now()))
            pipeline.outage_ns = low_ns
        if self._repairs and pipeline.held is None:
            self._hold(closing_waits=True)

    def reconnected(self) -> None:
        """Ask for what was missed."""
        self._up = True
        self._next_ask, self._attempt = 0.0, 0
        for stretch in self.stretches:
            stretch.asked, stretch.answers = None, 0
        tail = self._open_end()
        if tail is not None and not self._repairs:
            # Nothing tells what was missed, nor gives it.
            tail.end(-1, max(tail.low_ns, self._feed.clock.now_ns()))
            self._pipeline.outage_ns = None
            self._take_for_missed(tail)
        self._wake()

    def close(self) -> None:
        """Stop working."""
        if self._timer is not None:
            self._timer.cancel()
        if self.work is not None:
            self.work.cancel()

    def end(self) -> None:
        """Give up what was not repaired: the feed is at its end."""
        self.close()
        while self.stretches:
            self._settle(self.stretches[0], give_up=True)

    def _open_end(self) -> Stretch | None:
        return next((stretch for stretch in self.stretches if not stretch.ends), None)

    def _take_for_missed(self, stretch: Stretch) -> None:
        sessions = self._pipeline.engine.sessions
        stretch.unknown = sessions.open_ns(stretch.low_ns, self._end_of(stretch)) > 0

    def _end_of(self, stretch: Stretch) -> int:
        return stretch.high_ns if stretch.ends else max(stretch.high_ns, self._feed.clock.now_ns())

    # -- what the live trades show ----------------------------------------------------------------------

    def _on_jump(self, hole: Hole) -> None:
        if not self._repairs:
            self._seen.forget(hole.low_id, hole.high_id)
            return
        tail = self._open_end()
        if tail is None:
            self.stretches.append(Stretch.of(hole, _now()))
        elif not self._answering:
            tail.end(hole.high_id, hole.high_ns)
            self._pipeline.outage_ns = None
        self._wake()

    def _on_rows(self, rows: Sequence[TradeRow]) -> None:
        """Note trades whose bars wait, live ones or missed ones."""
        held = self._pipeline.held
        assert held is not None
        tail = self._open_end()
        if self._answering:
            held.missed = True
        elif tail is not None:
            first = next((row for row in rows if row[5] > tail.high_id or not self._by_id), None)
            if first is not None:
                tail.end(first[5] if self._by_id else -1, first[0])
                self._pipeline.outage_ns = None
                self._wake()
        loop = asyncio.get_running_loop()
        if len(held.rows) == len(rows):
            held.closing_waits = True
            self._release_in(self.patience.bars_wait)
        if len(held.rows) >= self.patience.most_trades:
            loop.call_soon(self._release)

    # -- the bars that wait -----------------------------------------------------------------------------

    def _hold(self, *, closing_waits: bool) -> None:
        seen, pipeline = self._seen, self._pipeline
        base = seen.highest if self._by_id else pipeline.newest_ns()
        pipeline.held = HeldTrades(base, by_id=self._by_id, on_rows=self._on_rows)
        pipeline.held.closing_waits = closing_waits
        if closing_waits:
            self._release_in(self.patience.bars_wait)

    def _release_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._release)

    def _release(self) -> None:
        """Let the bars go on with what there is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pipeline.release()
        if self._open_end() is not None:
            # The next trade shows what was missed; until it comes the bars close in time.
            self._hold(closing_waits=False)
        self._on_release()

    def _let_go(self) -> None:
        held = self._pipeline.held
        if held is None or (self._has_history and any(map(self._is_waited_for, self.stretches))):
            return
        if held.rows or self._open_end() is None:
            self._release()
        else:
            held.closing_waits = False

    def _is_waited_for(self, stretch: Stretch) -> bool:
        held = self._pipeline.held
        assert held is not None
        if stretch.reason != "reconnect" or not stretch.ends:
            return not stretch.ends
        if self._by_id:
            holes = self._seen.holes_between(stretch.low_id, stretch.high_id)
            return any(hole.low_id >= held.base for hole in holes)
        return stretch.high_ns > held.base

    # -- asking -----------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._changed.set()
        if self.work is None or self.work.done():
            self.work = asyncio.get_running_loop().create_task(self._run(), name="mdnb-backfill")

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            for stretch in list(self.stretches):
                self._settle(stretch)
            self._let_go()
            due = self._due()
            if due is None and not self.stretches:
                return
            pause = None if due is None else due - _now()
            if pause is not None and pause <= 0:
                if self._has_history:
                    await self._ask()
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    def _due(self) -> float | None:
        """Return when there is something to ask, in seconds of the loop's clock; None while there is not."""
        if not self._up or not self.stretches:
            return None
        ready = [stretch.found + self._grace(stretch) for stretch in self.stretches if self._can_ask(stretch)]
        return max(min(ready), self._next_ask, self._pace.not_before) if ready else None

    def _grace(self, stretch: Stretch) -> float:
        return self.patience.comes_late if stretch.reason == "missing_ids" and not stretch.gap_id else 0.0

    def _is_ready(self, stretch: Stretch) -> bool:
        return _now() >= stretch.found + self._grace(stretch)

    def _can_ask(self, stretch: Stretch) -> bool:
        # By its time a trade can be put back only between two others.
        return stretch.ends or (self._by_id and self._has_history)

    async def _ask(self) -> None:
        now = _now()
        wanted = [stretch for stretch in self.stretches if self._can_ask(stretch) and self._is_ready(stretch)]
        for stretch in wanted:
            stretch.asked = now if stretch.asked is None else stretch.asked
            self._tell_if_missed(stretch)
        start = min(stretch.low_ns for stretch in wanted)
        end = max(self._end_of(stretch) for stretch in wanted)
        # The history may lack the very trade that shows that it has reached the end.
        end = max(end, min(end + self._attempt * _FURTHER_NS, self._feed.clock.now_ns()))
        rows: list[TradeRow] | None = []
        failed = False
        try:
            async with asyncio.timeout(self.patience.answer):
                rows = await self._feed.history_trades(self._pipeline.engine.symbol, start, end + 1)
        except FeedRefusedError as error:
            _log.warning("the history of %s is refused: %s", self._pipeline.engine.symbol, error)
            for stretch in wanted:
                stretch.asked = now - self.patience.give_up
            failed = True
        except (MdnbError, OSError) as error:
            failed = True
            _log.info("what %s missed could not be fetched yet: %r", self._pipeline.engine.symbol, error)
            if isinstance(error, FeedBusyError):
                self._pace.not_before = max(self._pace.not_before, _now() + error.retry_after)
        self._next_ask = _now() + self.patience.pause(self._attempt)
        self._attempt += 1
        if failed:
            for stretch in wanted:
                self._take_for_missed(stretch)
        elif rows is None:
            self._has_history = False
            for stretch in wanted:
                self._take_for_missed(stretch)
        else:
            self._take(rows, [stretch for stretch in wanted if stretch in self.stretches])

    def _take(self, rows: Sequence[TradeRow], wanted: Sequence[Stretch]) -> None:
        """Put back what an answer of the history has."""
        newest = max((row[5] if self._by_id else row[0] for row in rows), default=-1)
        before = {id(stretch): self._lacking(stretch) for stretch in wanted}
        highest, had = self._seen.highest, sum(stretch.put for stretch in wanted)
        self._answering = True
        try:
            if self._by_id:
                put_back(self._pipeline, rows)
            else:
                for stretch in wanted:
                    # Half of what was missed would be the neighbour of the other half.
                    if newest >= stretch.high_ns:
                        edges = stretch.low_ns, stretch.high_ns
                        stretch.put += put_back_by_time(self._pipeline, rows, *edges)
        finally:
            self._answering = False
        for stretch in wanted:
            # An answer that does not reach the trade after it may be one of a history that lags behind.
            stretch.answers += newest >= (stretch.high_id if self._by_id else stretch.high_ns)
            if self._by_id:
                if not stretch.ends:
                    stretch.put += self._seen.highest - highest
                    stretch.high_id, stretch.high_ns = self._seen.highest, self._seen.highest_ns
                stretch.put += before[id(stretch)] - self._lacking(stretch)
        if sum(stretch.put for stretch in wanted) > had:
            self._attempt = 0

    def _lacking(self, stretch: Stretch) -> int:
        """Return how many ids are missing in a stretch."""
        return sum(len(hole.ids) for hole in self._seen.holes_between(stretch.low_id, stretch.high_id))

    # -- telling ----------------------------------------------------------------------------------------

    def _settle(self, stretch: Stretch, *, give_up: bool = False) -> None:
        """Settle a stretch that is whole, or for which there is no hope; leave it otherwise."""
        patience, asked = self.patience, stretch.asked
        give_up = give_up or (self._up and asked is not None and _now() - asked >= patience.give_up)
        answered = stretch.answers >= patience.answers
        if self._by_id:
            lacking = self._lacking(stretch)
            # Where there is no history the next trade's id tells.
            hopeless = answered or (not self._has_history and stretch.ends and self._is_ready(stretch))
            if give_up or hopeless or (stretch.ends and not lacking):
                self._finish(stretch, "lost" if lacking else "repaired")
                return
        elif stretch.answers and stretch.ends:
            self._finish(stretch, "repaired")
            return
        elif give_up or not self._repairs or not self._has_history:
            self._finish(stretch, "lost" if stretch.unknown else "repaired")
            return
        self._tell_if_missed(stretch)

    def _tell_if_missed(self, stretch: Stretch) -> None:
        """Tell of a stretch as soon as it is known that something was missed."""
        known = stretch.put > 0 or (self._lacking(stretch) > 0 if self._by_id else stretch.unknown)
        if not known or stretch.gap_id or not self._is_ready(stretch):
            return
        # Without ids that tell what is missing, each needs the trades around it to be put back.
        for other in self.stretches if self._by_id else ():
            if other is not stretch and other.gap_id and other.overlaps(stretch):
                other.join(stretch)
                self.stretches.remove(stretch)
                self._tell(other, "repairing", quietly=True)
                return
        self._told += 1
        stretch.gap_id = f"{self._pipeline.engine.symbol}-{self._told}"
        self._tell(stretch, "repairing")

    def _finish(self, stretch: Stretch, state: _State) -> None:
        if state == "lost" or stretch.put or stretch.gap_id:
            stretch.found = min(stretch.found, _now() - self._grace(stretch))
            stretch.unknown = stretch.unknown or state == "lost"
            self._tell_if_missed(stretch)
            if stretch not in self.stretches:
                return
            if state == "lost" and self._by_id:
                holes = self._seen.holes_between(stretch.low_id, stretch.high_id)
                stretch.low_ns, stretch.high_ns = holes[0].low_ns, holes[-1].high_ns
                self._seen.forget(stretch.low_id, stretch.high_id)
        self.stretches.remove(stretch)
        if not stretch.ends:
            self._pipeline.outage_ns = None
        if stretch.gap_id:
            if stretch.put and self._pipeline.held is not None and self._pipeline.held.rows:
                # Who is told that it is repaired finds it so.
                self._release()
            self._tell(stretch, state)

    def _tell(self, stretch: Stretch, state: _State, *, quietly: bool = False) -> None:
        pipeline, engine = self._pipeline, self._pipeline.engine
        gap = Gap(
            engine.symbol,
            stretch.low_ns,
            stretch.high_ns if self._by_id else self._end_of(stretch),
            repaired=state == "repaired",
            reason=stretch.reason,
            trades=stretch.put,
            tz=engine.tz,
            gap_id=stretch.gap_id,
            state=state,
        )
        pipeline.gaps.put(gap)
        if not quietly and pipeline.bus.wants(EventType.DATA_GAP, engine.symbol):
            pipeline.publisher.emit(EventType.DATA_GAP, gap.end_ns, gap.as_event(engine.tz))


def _now() -> float:
    return asyncio.get_running_loop().time()
