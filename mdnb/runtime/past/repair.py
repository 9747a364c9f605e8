"""Repairs one symbol's outages: asks the history until it has what was missed, and says what becomes of it.

Nothing but the symbol's bars waits for it, and these not for long. What comes later is put where it
belongs, and amends.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
import logging
from collections.abc import Callable, Sequence
from typing import Literal

from mdnb.errors import FeedBusyError, FeedRefusedError, MdnbError
from mdnb.events.types import EventType
from mdnb.feeds.base import Feed
from mdnb.feeds.endpoint import after
from mdnb.feeds.history_rows import TRADE_FIELDS, checked_rows
from mdnb.rows import BarRow, TradeRow, each_its_own
from mdnb.runtime.live.data_quality import error_in_words
from mdnb.runtime.live.held_trades import HeldTrades
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.trade_changes import learn_changes
from mdnb.runtime.live.unsettled_bars import Unsettled
from mdnb.runtime.past.history_numbers import is_numbered_otherwise, other_numbers, shows_nothing_yet
from mdnb.runtime.past.missed_trades import place_by_ids, put_back, put_back_by_time, undecided
from mdnb.runtime.past.stretches import Patience, Stretch
from mdnb.timeframes import Grid, Timeframe
from mdnb.types import Gap
from mdnb.validate.duplicates import Hole
from mdnb.validate.findings import QualityFinding

__all__ = ["Pace", "SymbolRepair"]

_log = logging.getLogger("mdnb")

_FURTHER_NS = 10 * 1_000_000_000
_NO_LIMIT = 2**63 - 1
_ODD_KEPT = 100
_NOT_REBUILT_KEPT = 1_000

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
        self._failures: set[type[BaseException]] = set()
        # Whether bars of what is settled are marked still.
        self._marks_stay = False
        self._numbers_told = False
        self._odd: collections.deque[TradeRow] = collections.deque(maxlen=_ODD_KEPT)
        # Timeframes of which bars could not be made anew, and between which times.
        self._not_rebuilt: collections.deque[tuple[str, int, int]] = collections.deque(
            maxlen=_NOT_REBUILT_KEPT
        )
        self._begins_ns = pipeline.newest_ns()
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._back_ns = 0
        self._seen.on_jump = self._on_jump
        pipeline.engine.unsettled = self._unsettled
        pipeline.on_set_back = self.set_back
        pipeline.history_seam.on_other_numbers = self._on_other_numbers
        if self._repairs:
            place_by_ids(pipeline)
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
        tail = self._open_end()
        if tail is not None:
            tail.lose()
        else:
            low = self._seen.highest if self._by_id else -1
            low_ns = self._seen.highest_ns if low >= 0 else pipeline.newest_ns(at_ns)
            stretch = Stretch.after(low, low_ns, _now(), blind=self._by_id and low < 0)
            stretch.found_ns = self._feed.clock.now_ns() if at_ns is None else at_ns
            last = pipeline.engine.last_trade
            if self._seen.ids == "unique" and last is not None and last[5] >= 0:
                stretch.joins_ns = low_ns
            self.stretches.append(stretch)
            pipeline.outage_ns = low_ns
            self._keep_ids()
        pipeline.back_ns = None
        if self._repairs and pipeline.held is None:
            self._hold(closing_waits=True)

    def reconnected(self) -> None:
        """Ask for what was missed."""
        self._up = True
        self._back_ns = self._feed.clock.now_ns()
        self._next_ask, self._attempt = 0.0, 0
        for stretch in self.stretches:
            stretch.come_back(self._feed.clock.now_ns(), _now())
        tail = self._open_end()
        self._pipeline.back_ns = None if tail is None else tail.back_ns
        if tail is not None and not self._repairs:
            if self._pipeline.engine.source == "bars":
                # The feed's next bar tells whether one is missing.
                self._pipeline.on_own_bars = self._on_own_bars
                return
            # Nothing tells what was missed, nor gives it.
            self._end(tail, -1, max(tail.low_ns, self._feed.clock.now_ns()))
            self._take_for_missed(tail)
        self._wake()

    def set_back(self, by_ns: int) -> None:
        """Let what the clock told have been so much earlier: it was ahead by that."""
        last = self._pipeline.engine.last_trade
        newest_ns = -1 if last is None else last[0]
        self._back_ns -= by_ns if self._back_ns else 0
        self._begins_ns -= by_ns if self._begins_ns > newest_ns else 0
        for stretch in self.stretches:
            stretch.set_back(newest_ns, by_ns)
        self._keep_ids()

    def close(self) -> None:
        """Stop working."""
        if self._timer is not None:
            self._timer.cancel()
        if self.work is not None:
            self.work.cancel()

    def end(self) -> None:
        """Give up what was not repaired: the feed is at its end."""
        self.close()
        self._settle_all(give_up=True)

    def _end(self, tail: Stretch, number: int, time_ns: int) -> None:
        """Note the first live trade after a stretch."""
        if self._by_id:
            self._pipeline.outage_ids.add(tail.low_id, number)
        tail.end(number, time_ns)
        self._pipeline.outage_ns = self._pipeline.on_own_bars = None
        self._keep_ids()

    def _keep_ids(self) -> None:
        """Have the ids around what was missed remembered, where they only differ, until it is settled."""
        if self._seen.ids == "unique":
            spans = [(self._start_of(one), one.high_ns if one.ends else _NO_LIMIT) for one in self.stretches]
            self._seen.keep(spans)

    def _open_end(self) -> Stretch | None:
        return next((stretch for stretch in self.stretches if not stretch.ends), None)

    def _take_for_missed(self, stretch: Stretch) -> None:
        sessions = self._pipeline.engine.sessions
        stretch.unknown = sessions.open_ns(stretch.low_ns, self._end_of(stretch)) > 0

    def _end_of(self, stretch: Stretch) -> int:
        """Return up to where something may have been missed."""
        if stretch.ends:
            return stretch.high_ns
        return max(stretch.high_ns, self._feed.clock.now_ns() if stretch.back_ns is None else stretch.back_ns)

    def _lateness(self) -> float:
        """Return for how long a trade made before the connection was back may still come."""
        return min(self._feed.clock.wall_seconds(self._lateness_ns), self.patience.bars_wait)

    @property
    def _lateness_ns(self) -> int:
        return self._pipeline.engine.cascade.max_lateness_ns

    def _start_of(self, stretch: Stretch) -> int:
        """Return from when on something may have been missed: trades come late, and not in order."""
        low_ns = min(stretch.low_ns, stretch.high_ns)
        if self._by_id:
            return max(0, low_ns - self._lateness_ns)
        # Where there are no ids, ticks in memory tell what is held.
        start = max(low_ns - self._lateness_ns, min(low_ns, self._begins_ns))
        engine = self._pipeline.engine
        known = self._seen.ids == "unique" or (engine.config.enable_tick_data and engine.ticks.reaches(start))
        return start if known else low_ns

    # -- what the live trades show ----------------------------------------------------------------------

    def _on_jump(self, hole: Hole) -> None:
        if not self._repairs:
            self._seen.forget(hole.low_id, hole.high_id)
            return
        tail = self._open_end()
        if tail is None:
            if hole.low_ns < self._back_ns:
                # A late trade of the outage came first: the outage left out what follows it all the same.
                self._pipeline.outage_ids.add(hole.low_id, hole.high_id)
            self.stretches.append(Stretch.of(hole, _now()))
        elif not self._answering:
            self._end(tail, hole.high_id, hole.high_ns)
        self._wake()

    def _on_other_numbers(self, first: TradeRow | None) -> None:
        """Note that what was loaded has other ids than what comes live: they tell nothing of what is between.

        Parameters
        ----------
        first
            The first live trade, where it was made after all that was loaded.
        """
        self._numbers_told = True
        for stretch in self.stretches:
            stretch.undecided = True
        if first is not None:
            until_ns = self._pipeline.history_seam.until_ns
            hole = Hole(first[5], until_ns, first[5], first[0])
            stretch = Stretch.of(hole, _now())
            stretch.undecided, stretch.found_ns = True, self._feed.clock.now_ns()
            self.stretches.append(stretch)
        self._wake()

    def _on_own_bars(self, name: str, rows: Sequence[BarRow]) -> None:
        """Note the feed's own bars that come: the first new one tells whether there were others before it."""
        tail = self._open_end()
        assert tail is not None
        own, sessions = self._pipeline.own_bar, self._pipeline.engine.sessions
        if own is None:
            span = Grid(Timeframe.parse(name), sessions).span(tail.low_ns)
            until = tail.low_ns if span is None else span[0]
        else:
            span = Grid(Timeframe.parse(own[0]), sessions).span(own[1])
            until = own[1] + 1 if span is None else span[1]
        start = next((row[0] for row in rows if row[0] >= until), None)
        if start is None:
            return
        self._end(tail, -1, start)
        tail.low_ns, tail.high_ns = until, start
        self._take_for_missed(tail)
        if not self._up:
            # It came just before the connection was lost again.
            self.disconnected()
        self._wake()

    def _on_rows(self, rows: Sequence[TradeRow]) -> None:
        """Note trades whose bars wait, live ones or missed ones."""
        held = self._pipeline.held
        assert held is not None
        tail = self._open_end()
        if tail is not None and not self._answering:
            first = next((row for row in rows if self._shows_end(tail, row)), None)
            if first is not None:
                self._end(tail, first[5] if self._by_id else -1, first[0])
                self._wake()
        loop = asyncio.get_running_loop()
        if len(held.rows) == len(rows):
            held.closing_waits = True
            if self._timer is None:
                self._release_in(self.patience.bars_wait)
        if len(held.rows) >= self.patience.most_trades:
            loop.call_soon(self._release)

    def _shows_end(self, tail: Stretch, row: TradeRow) -> bool:
        """Return whether a live trade was made after all that was missed."""
        if self._by_id:
            # An id that is not believed shows nothing.
            return tail.high_id < row[5] <= self._seen.highest
        return tail.back_ns is not None and row[0] >= tail.back_ns

    # -- the bars that wait -----------------------------------------------------------------------------

    def _hold(self, *, closing_waits: bool) -> None:
        seen, pipeline = self._seen, self._pipeline
        newest_ns = pipeline.newest_ns()
        base = seen.highest if self._by_id else newest_ns
        pipeline.held = HeldTrades(base, by_id=self._by_id, on_rows=self._on_rows, base_ns=newest_ns)
        pipeline.held.closing_waits = closing_waits
        if closing_waits:
            self._release_in(self.patience.bars_wait)

    def _release_in(self, seconds: float) -> None:
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
        if stretch.reason != "reconnect":
            return False
        if not self._by_id:
            return not (stretch.same if not stretch.ends else stretch.covers) and (
                not stretch.ends or stretch.high_ns > held.base
            )
        if not stretch.ends or ((stretch.blind or self._seen.nameless) and not stretch.covers):
            return True
        holes = self._seen.holes_between(stretch.low_id, stretch.high_id)
        return any(hole.low_id >= held.base for hole in holes)

    # -- asking -----------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._changed.set()
        if self.work is None or self.work.done():
            self.work = asyncio.get_running_loop().create_task(self._run(), name="mdnb-backfill")

    async def _run(self) -> None:
        while True:
            try:
                await self._repair()
            except Exception as error:  # noqa: BLE001  # whatever an answer breaks, what was missed is not given up
                self._tell_failed(error)
                for stretch in self.stretches:
                    if stretch.asked is not None:
                        self._take_for_missed(stretch)
                await asyncio.sleep(self.patience.pause(self._attempt))
                self._attempt += 1
            else:
                return

    def _tell_failed(self, error: Exception) -> None:
        """Tell of what the repair itself raised, each kind once until an answer could be used."""
        first = self._is_first(error, "the repair failed, and goes on")
        _log.log(
            logging.ERROR if first else logging.DEBUG,
            "the repair of %s failed, and goes on",
            self._pipeline.engine.symbol,
            exc_info=error if first else None,
        )

    def _settle_all(self, *, give_up: bool = False) -> bool:
        """Settle each stretch that can be, whatever fails of another one; return whether all went well."""
        is_well = True
        for stretch in list(self.stretches):
            try:
                if stretch in self.stretches:
                    self._settle(stretch, give_up=give_up)
            except Exception as error:  # noqa: BLE001  # it is settled all the same, or tried again
                self._tell_failed(error)
                is_well = False
        if self._marks_stay:
            try:
                self._end_marks()
            except Exception as error:  # noqa: BLE001  # tried again
                self._tell_failed(error)
                is_well = False
        return is_well

    def _end_marks(self) -> None:
        """Take the marks off the bars of what is settled; as often as that fails it is tried again."""
        self._marks_stay = True
        self._pipeline.settle_bars()
        self._marks_stay = False

    async def _repair(self) -> None:
        while True:
            self._changed.clear()
            is_well = self._settle_all()
            self._let_go()
            due = self._due()
            if due is None and not self.stretches and is_well:
                return
            if due is not None and due <= _now():
                if self._has_history:
                    await self._ask()
                continue
            times = [] if due is None else [due]
            times += [at for at in map(self._told_at, self.stretches) if at > _now()]
            times += [] if is_well else [_now() + self.patience.pause(self._attempt)]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(times) - _now() if times else None):
                    await self._changed.wait()

    def _due(self) -> float | None:
        """Return when there is something to ask, in seconds of the loop's clock; None while there is not."""
        if not self._up or not self.stretches:
            return None
        ready = [self._ready_at(stretch) for stretch in self.stretches if self._can_ask(stretch)]
        return max(min(ready), self._next_ask, self._pace.not_before) if ready else None

    def _grace(self, stretch: Stretch) -> float:
        return self.patience.comes_late if stretch.reason == "missing_ids" and not stretch.gap_id else 0.0

    def _is_ready(self, stretch: Stretch) -> bool:
        return _now() >= stretch.found + self._grace(stretch)

    def _ready_at(self, stretch: Stretch) -> float:
        """Return when the history may be asked for a stretch."""
        at = stretch.found + self._grace(stretch)
        if not self._by_id and not stretch.ends:
            # What comes late by itself must not be taken from the history too.
            at = max(at, stretch.back_at + self._lateness())
        if not self._by_id and stretch.covers:
            at = max(at, stretch.since + self.patience.settle)
        return at

    def _can_ask(self, stretch: Stretch) -> bool:
        if stretch.ends or stretch.refused:
            return not stretch.refused
        if not self._repairs:
            return False
        return stretch.back_ns is not None and (self._has_history or not self._by_id)

    async def _ask(self) -> None:
        now, clock = _now(), self._feed.clock
        wanted = [
            stretch for stretch in self.stretches if self._can_ask(stretch) and self._ready_at(stretch) <= now
        ]
        for stretch in wanted:
            stretch.asked = now if stretch.asked is None else stretch.asked
            stretch.latest, stretch.reach_ns = now, self._end_of(stretch)
            self._tell_if_missed(stretch)
        start = min(map(self._start_of, wanted))
        end = max(max(stretch.low_ns, stretch.reach_ns) for stretch in wanted)
        # The history may lack the very trade that shows that it has reached the end; and a trade with a lower
        # id may have been made later.
        further = max(self._attempt * _FURTHER_NS, self._lateness_ns if self._by_id else 0)
        end = max(end, min(end + further, clock.now_ns()))
        telling = asyncio.get_running_loop().create_task(self._tell_meanwhile(), name="mdnb-tell-gaps")
        try:
            has_answer, rows = await self._answer(start, end + 1, wanted)
        finally:
            telling.cancel()
        self._next_ask = _now() + self.patience.pause(self._attempt)
        self._attempt += 1
        if has_answer and rows is not None:
            self._take(rows, [stretch for stretch in wanted if stretch in self.stretches])
            # Only one that could be used shows that the history answers again.
            self._failures.clear()
            return
        self._has_history = self._has_history and not has_answer
        for stretch in wanted:
            self._take_for_missed(stretch)

    async def _tell_meanwhile(self) -> None:
        """Tell of what live trades show to be missing, for as long as the history has not answered."""
        while True:
            self._changed.clear()
            try:
                for stretch in list(self.stretches):
                    if stretch in self.stretches:
                        self._tell_if_missed(stretch)
            except Exception as error:  # noqa: BLE001  # with the answer it is tried again
                self._tell_failed(error)
            times = [one.found + self._grace(one) for one in self.stretches]
            times = [at for at in (*times, *map(self._told_at, self.stretches)) if at > _now()]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(times) - _now() if times else None):
                    await self._changed.wait()

    async def _answer(
        self, start: int, end: int, wanted: Sequence[Stretch]
    ) -> tuple[bool, Sequence[TradeRow] | None]:
        """Return whether the history answered, and what; None where there is none."""
        symbol = self._pipeline.engine.symbol
        try:
            async with asyncio.timeout(self.patience.answer):
                rows = await self._feed.history_trades(symbol, start, end)
                await self._learn_changes(start, end, wanted)
        except FeedRefusedError as error:
            _log.warning("the history of %s is refused: %s", symbol, error)
            for stretch in wanted:
                stretch.refused = True
            self._is_first(error, "the history is refused, and what was missed cannot be asked for")
        except FeedBusyError as error:
            self._pace.not_before = max(self._pace.not_before, _now() + after(error.retry_after))
            for stretch in wanted:
                # However long its pause, it is asked once after it.
                stretch.named = self._pace.not_before if stretch.named < 0 else stretch.named
            self._note_failure(error)
        except asyncio.CancelledError as error:
            # Something of the feed's was cancelled, unless it is this task.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._note_failure(error)
        except Exception as error:  # noqa: BLE001  # an adapter's history may raise what its parser raises
            self._note_failure(error)
        else:
            try:
                rows = checked_rows("history_trades", rows, TRADE_FIELDS)
            except FeedRefusedError as error:
                # What is wrong with one answer may be right in the next.
                self._note_failure(error)
            else:
                return True, rows if rows is None else each_its_own(list(map(_as_tuple, rows)))
        return False, None

    async def _learn_changes(self, start: int, end: int, wanted: Sequence[Stretch]) -> None:
        """Ask what was said in an outage of trades that were made before it."""
        back_ns = round(self._feed.changes_back * 1e9)
        new = [stretch for stretch in wanted if stretch.reason != "missing_ids" and not stretch.has_changes]
        if not back_ns or not new:
            return
        symbol = self._pipeline.engine.symbol
        told = await self._feed.history_changes(symbol, max(0, start - back_ns), end)
        learn_changes(self._pipeline, told or (), min(stretch.low_ns for stretch in new))
        for stretch in new:
            stretch.has_changes = True

    def _note_failure(self, error: BaseException) -> None:
        known = isinstance(error, (MdnbError, OSError))
        level = logging.INFO if known else logging.WARNING
        _log.log(
            level if self._is_first(error, "what was missed could not be fetched yet") else logging.DEBUG,
            "what %s missed could not be fetched yet: %r",
            self._pipeline.engine.symbol,
            error,
        )

    def _is_first(self, error: BaseException, what: str) -> bool:
        """Return whether this kind of error is new since the last answer; keep it then, and what it means."""
        is_new = type(error) not in self._failures
        self._failures.add(type(error))
        if is_new:
            sentence = f"{what}: {error_in_words(error)}"
            found = QualityFinding("history_failed", sentence, self._feed.clock.now_ns(), {})
            self._pipeline.quality.note(found, apart=True)
        return is_new

    def _take(self, rows: Sequence[TradeRow], wanted: Sequence[Stretch]) -> None:
        """Put back what an answer of the history has."""
        had = sum(stretch.put for stretch in wanted)
        self._answering = True
        refused = self._pipeline.refusals.of_answer = []
        failed = self._pipeline.ledger.failed
        try:
            self._place(rows, wanted)
        except Exception:
            if self._pipeline.ledger.failed > failed:
                # They count as known, and are in no bar.
                for stretch in wanted:
                    stretch.undecided = True
            raise
        finally:
            self._answering, self._pipeline.refusals.of_answer = False, None
            self._note_refused(refused, wanted)
            not_rebuilt, self._pipeline.not_rebuilt = self._pipeline.not_rebuilt, []
            for stretch in wanted:
                stretch.not_rebuilt.update(name for name, *_ in not_rebuilt)
            self._not_rebuilt += not_rebuilt
        if sum(stretch.put for stretch in wanted) > had:
            self._attempt = 0

    def _place(self, rows: Sequence[TradeRow], wanted: Sequence[Stretch]) -> None:
        """Put trades of an answer where they belong, as far as their ids, or their times, tell."""
        has_ids = self._seen.ids != "none"
        if has_ids and is_numbered_otherwise(self._pipeline, rows, wanted, by_id=self._by_id):
            if not self._numbers_told:
                self._pipeline.quality.note(other_numbers(self._pipeline, rows))
            self._numbers_told = True
            for stretch in wanted:
                self._take_for_missed(stretch)
        elif has_ids and shows_nothing_yet(self._pipeline, rows, wanted, by_id=self._by_id):
            # The next answer reaches further.
            return
        elif self._by_id:
            self._put_by_id(rows, wanted)
        else:
            for stretch in wanted:
                self._put_by_time(rows, stretch)

    def _note_refused(self, refused: Sequence[TradeRow], wanted: Sequence[Stretch]) -> None:
        """Note with each stretch what of its trades was refused: its bars are whole, but for these."""
        for row in refused:
            inside = (one for one in wanted if self._start_of(one) <= row[0] <= self._end_of(one))
            stretch = next(inside, wanted[0])
            # A price that is no number equals not even itself.
            key = (row[0], repr(row[1:3]), row[5])
            if key not in stretch.left_out:
                stretch.left_out.add(key)
                # Where ids tell, all that lack none any more were counted.
                stretch.put -= self._by_id and row[5] >= 0

    def _put_by_id(self, rows: Sequence[TradeRow], wanted: Sequence[Stretch]) -> None:
        seen = self._seen
        rows = self._believed(rows)
        for stretch in wanted:
            if stretch.blind:
                rows = [row for row in rows if row[5] >= seen.first >= 0 or row[0] >= stretch.low_ns]
                seen.reopen(min((row[5] for row in rows if row[5] >= 0), default=seen.first), stretch.low_ns)
                if seen.first >= 0:
                    stretch.low_id = min(stretch.low_id, seen.first - 1)
        # What is newer than all that came was missed only without a connection; the rest comes by itself.
        reach = max(map(self._without_line_until, wanted), default=-1)
        last = max((row[5] for row in rows if row[0] <= reach), default=-1)
        before = {id(stretch): self._lacking(stretch) for stretch in wanted}
        highest = seen.highest
        newest_id = max((row[5] for row in rows), default=-1)
        newest_ns = max((row[0] for row in rows), default=-1)
        rows = [row for row in rows if row[5] <= max(highest, last)]
        for hole in self._holes_of_others(wanted):
            rows = [row for row in rows if not hole.low_id < row[5] < hole.high_id]
        nameless = seen.nameless or any(row[5] < 0 for row in rows)
        put_back(self._pipeline, rows, ahead=not nameless)
        for stretch in wanted:
            if nameless:
                # Only times tell where those without an id belong, and what is newer beside them.
                stretch.put += before[id(stretch)] - self._lacking(stretch)
                low, high = sorted((stretch.low_ns, stretch.high_ns if stretch.ends else stretch.reach_ns))
                self._put_between(rows, stretch, low, high, stretch.low_id)
            elif not stretch.ends:
                stretch.put += seen.highest - (highest if highest >= 0 else max(seen.first, 0) - 1)
            went_on = seen.highest > highest and self._without_line_until(stretch) == reach
            if stretch.ends and went_on and not nameless:
                # A trade that came late had ended it.
                stretch.put += seen.highest - highest
            if not stretch.ends or went_on:
                stretch.high_id, stretch.high_ns = seen.highest, max(seen.highest_ns, stretch.low_ns)
                self._pipeline.outage_ids.add(stretch.low_id, stretch.high_id)
            lacking = self._lacking(stretch)
            if not nameless:
                stretch.put += before[id(stretch)] - lacking
            # An answer that does not reach the trade after it may be one of a history that lags behind.
            back = stretch.back_ns
            covers = newest_id >= stretch.high_id if stretch.ends else back is not None and newest_ns >= back
            stretch.note((lacking, stretch.put), covers=covers)

    def _without_line_until(self, stretch: Stretch) -> int:
        """Return up to when trades were made that could not come by themselves; -1 where nobody knows."""
        if not stretch.ends:
            return stretch.reach_ns
        return -1 if stretch.back_ns is None else stretch.back_ns

    def _holes_of_others(self, wanted: Sequence[Stretch]) -> list[Hole]:
        """Return what is missing elsewhere, and may yet come late or has a question of its own.

        Put back with the stretches asked for, nobody would be told that it was missed.
        """
        asked = set(map(id, wanted))
        others = [one for one in self.stretches if id(one) not in asked and one.ends and self._can_ask(one)]
        if not others:
            return []
        ours = {hole for one in wanted for hole in self._holes_of(one)}
        return [hole for one in others for hole in self._holes_of(one) if hole not in ours]

    def _holes_of(self, stretch: Stretch) -> Sequence[Hole]:
        high_id = stretch.high_id if stretch.ends else max(self._seen.highest, stretch.high_id)
        return self._seen.holes_between(stretch.low_id, high_id)

    def _believed(self, rows: Sequence[TradeRow]) -> Sequence[TradeRow]:
        """Leave out trades whose ids are far from all others: whether they came nobody can tell."""
        believed = self._seen.believed(rows)
        left = set(map(id, believed))
        for row in rows if len(believed) < len(rows) else ():
            if id(row) not in left and row not in self._odd:
                self._odd.append(row)
                self._pipeline.note_odd_id(row, "left out, as nothing tells whether it came")
        return believed

    def _put_by_time(self, rows: Sequence[TradeRow], stretch: Stretch) -> None:
        low, high = stretch.low_ns, stretch.high_ns if stretch.ends else stretch.reach_ns
        newest = max((row[0] for row in rows), default=-1)
        end = high if stretch.ends else stretch.back_ns
        covers = end is not None and newest >= end
        if stretch.ends and not covers:
            # Half of what was missed would be the neighbour of the other half.
            stretch.note(None, covers=False)
            return
        lacks = self._put_between(rows, stretch, low, high)
        stretch.join_on(rows)
        stretch.note(lacks, covers=covers)

    def _put_between(
        self, rows: Sequence[TradeRow], stretch: Stretch, low: int, high: int, low_id: int | None = None
    ) -> list[TradeRow]:
        """Put back by time what an answer has of a stretch; return that, in order.

        Parameters
        ----------
        low_id
            Where ids rise by one a trade: only what has none is put back.
        """
        older = self._decided([row for row in rows if self._start_of(stretch) <= row[0] < low])
        for _, held in itertools.groupby(sorted(older), self._bar_of):
            # Amid those of its bar that are held.
            late = list(held)
            stretch.put += put_back_by_time(self._pipeline, late, late[0][0], late[-1][0], low_id)
        inside = self._decided([row for row in rows if low <= row[0] <= high], stretch)
        stretch.put += put_back_by_time(self._pipeline, inside, low, high, low_id)
        return sorted(inside + older)

    def _decided(self, rows: list[TradeRow], stretch: Stretch | None = None) -> list[TradeRow]:
        """Leave out what nobody can tell of any more whether it came; tell of those of a stretch."""
        out = undecided(self._pipeline, rows)
        if not out:
            return rows
        if stretch is not None and not stretch.undecided:
            stretch.undecided = True
            self._pipeline.quality.note(
                QualityFinding(
                    "missed_trades_undecided",
                    "trades of the history may have come or not: what came then is not remembered any more",
                    out[0][0],
                    {"trades": len(out)},
                )
            )
        left = set(map(id, out))
        return [row for row in rows if id(row) not in left]

    def _bar_of(self, row: TradeRow) -> tuple[int, int] | None:
        return self._pipeline.engine.cascade.root.grid.span(row[0])

    def _lacking(self, stretch: Stretch) -> int:
        """Return how many ids are missing in a stretch."""
        return sum(len(hole.ids) for hole in self._seen.holes_between(stretch.low_id, stretch.high_id))

    # -- telling ----------------------------------------------------------------------------------------

    def _settle(self, stretch: Stretch, *, give_up: bool = False) -> None:
        """Settle a stretch that is whole, or for which there is no hope; leave it otherwise."""
        asked = stretch.asked
        if self._up and asked is not None and stretch.latest >= stretch.named:
            # Of a stretch that was told and has no end the next trade's id tells.
            waits = self._by_id and not stretch.ends and bool(stretch.gap_id)
            give_up = give_up or (not waits and _now() - asked >= self.patience.give_up)
        if stretch.refused:
            # The next trade's id tells what was missed.
            give_up = give_up or not self._by_id or stretch.ends
        state = self._state_by_id(stretch, give_up) if self._by_id else self._state_by_time(stretch, give_up)
        if state is None:
            self._tell_if_missed(stretch)
        else:
            self._finish(stretch, state)

    def _is_believed(self, stretch: Stretch) -> bool:
        if stretch.covers:
            return stretch.is_believed(self.patience.settle)
        # Nothing shows that the history is not behind. What is told of must be right; and without ids no
        # later trade tells that it was not.
        is_final = bool(stretch.gap_id) or not self._by_id or self._asks_for_nameless(stretch)
        patience = self.patience.give_up if is_final else self.patience.quiet
        return not stretch.ends and stretch.is_believed(patience)

    def _state_by_id(self, stretch: Stretch, give_up: bool) -> _State | None:
        lacking = self._lacking(stretch)
        nameless = self._asks_for_nameless(stretch)
        is_over = stretch.covers or (stretch.ends and not self._ends_late(stretch))
        if not stretch.blind and not lacking and not nameless and is_over:
            return "lost" if stretch.undecided else "repaired"
        # Where there is no history the next trade's id tells.
        hopeless = not self._has_history and stretch.ends and self._is_ready(stretch)
        if hopeless and nameless:
            self._take_for_missed(stretch)
        if not (give_up or hopeless or self._is_believed(stretch)):
            return None
        unknown = stretch.unknown and (stretch.blind or not stretch.ends or nameless)
        return "lost" if lacking or unknown or stretch.undecided else "repaired"

    def _ends_late(self, stretch: Stretch) -> bool:
        """Return whether all that came since was made in the outage, of which the history may have more."""
        back = stretch.back_ns
        if not stretch.ended_late or back is None or self._seen.highest_ns >= back:
            return False
        return self._has_history and stretch.answered < stretch.back_at

    def _asks_for_nameless(self, stretch: Stretch) -> bool:
        """Return whether an outage may have cost trades that have no id, of which no later id tells."""
        return self._seen.nameless and (stretch.back_ns is not None or not stretch.ends)

    def _state_by_time(self, stretch: Stretch, give_up: bool) -> _State | None:
        in_part = stretch.undecided or stretch.short
        if self._is_believed(stretch):
            return "lost" if in_part else "repaired"
        hopeless = stretch.ends
        if give_up and not self._repairs and not stretch.ends:
            self._take_for_missed(stretch)
        if self._repairs:
            hopeless = not self._has_history and self._can_ask(stretch) and self._ready_at(stretch) <= _now()
            if hopeless:
                self._take_for_missed(stretch)
        if not (give_up or hopeless):
            return None
        return "lost" if (stretch.unknown and not stretch.covers) or in_part else "repaired"

    def _told_at(self, stretch: Stretch) -> float:
        """Return when a stretch of which nobody knows is taken for missed, in seconds of the loop's clock."""
        if not stretch.unknown or stretch.gap_id or not self._by_id or (stretch.ends and not stretch.blind):
            return float("-inf")
        return stretch.back_at + self.patience.bars_wait

    def _is_missed(self, stretch: Stretch) -> bool:
        """Return whether something was missed, as far as is known."""
        if stretch.put or not self._by_id:
            return stretch.put > 0 or stretch.unknown
        # Of a connection that is back the next trade's id tells, if it comes soon.
        return self._lacking(stretch) > 0 or float("-inf") < self._told_at(stretch) <= _now()

    def _tell_if_missed(self, stretch: Stretch, *, is_lost: bool = False) -> None:
        """Tell of a stretch as soon as it is known that something was missed."""
        if stretch.gap_id:
            self._keep_bounds(stretch)
            return
        if not (is_lost or (self._is_missed(stretch) and self._is_ready(stretch))):
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

    def _keep_bounds(self, stretch: Stretch) -> None:
        """Let the gap that was told reach as far as is known now: it is told again when it is settled."""
        gap = self._pipeline.gaps.get(stretch.gap_id)
        if gap is not None and (gap.start_ns, gap.end_ns) != self._bounds_of(stretch):
            self._tell(stretch, "repairing", quietly=True)

    def _not_rebuilt_in(self, stretch: Stretch) -> set[str]:
        """Return the timeframes of which a bar that is part of a stretch could not be made anew."""
        start, end = stretch.low_ns, self._end_of(stretch)
        engine = self._pipeline.engine
        found = set()
        for name, low, high in self._not_rebuilt:
            grid = engine.grid(name) if name in engine.all_names() else None
            first, last = (None, None) if grid is None else (grid.span(low), grid.span(high))
            if start < (high + 1 if last is None else last[1]) and end >= (
                low if first is None else first[0]
            ):
                found.add(name)
        return found

    def _finish(self, stretch: Stretch, state: _State) -> None:
        if state == "lost" or stretch.put or stretch.gap_id:
            stretch.unknown = stretch.unknown or state == "lost"
            if not stretch.gap_id:
                self._tell_if_missed(stretch, is_lost=state == "lost" or stretch.put > 0)
            if stretch not in self.stretches:
                return
            holes = self._seen.holes_between(stretch.low_id, stretch.high_id) if self._by_id else []
            if state == "lost":
                self._mark_lost(stretch, holes)
            if state == "lost" and holes:
                if not stretch.ends or holes[-1].high_id < stretch.high_id:
                    stretch.high_ns, stretch.ends = holes[-1].high_ns, True
                stretch.low_ns = max(holes[0].low_ns, stretch.low_ns if stretch.blind else 0)
                self._seen.forget(stretch.low_id, stretch.high_id)
        self.stretches.remove(stretch)
        try:
            self._let_go_of(stretch)
        finally:
            # Nobody else would tell it any more.
            if stretch.gap_id:
                self._tell(stretch, state)

    def _let_go_of(self, stretch: Stretch) -> None:
        """Let the bars go on without waiting for a stretch that is settled, as it will be told."""
        self._marks_stay = True
        self._keep_ids()
        if stretch.back_ns is not None or not stretch.ends:
            tail = self._open_end()
            self._pipeline.outage_ns = None if tail is None else tail.low_ns
            self._pipeline.back_ns = None if tail is None else tail.back_ns
        if not stretch.ends:
            # It was given up.
            self._pipeline.on_own_bars = None
        if stretch.gap_id:
            stretch.not_rebuilt |= self._not_rebuilt_in(stretch)
            if stretch.put and self._pipeline.held is not None and self._pipeline.held.rows:
                # Who is told that it is repaired finds it so.
                self._release()
        self._end_marks()

    def _mark_lost(self, stretch: Stretch, holes: Sequence[Hole]) -> None:
        """Mark the bars that stay as they are, without what is lost."""
        if self._pipeline.held is not None and self._pipeline.held.rows:
            # Those that lack it may be made only now.
            self._release()
        ends = [(hole.low_ns, hole.high_ns) for hole in holes] or [(stretch.low_ns, self._end_of(stretch))]
        self._pipeline.lose([(min(pair), max(pair)) for pair in ends])

    def _bounds_of(self, stretch: Stretch) -> tuple[int, int]:
        """Return between which times something was missed, as far as is known now."""
        # Where ids tell, it ends with the trade above it; else with the first one since, or when it was back.
        by_id = self._by_id and not stretch.unknown
        low, high = sorted((stretch.low_ns, stretch.high_ns if by_id else self._end_of(stretch)))
        return low, high

    def _unsettled(self) -> list[Unsettled]:
        """Return the stretches whose bars may lack something.

        Nobody has promised anything of a bar that closes without a connection, or before the history has
        answered: what has closed before then is in doubt only once something is known to be missed.
        """
        found = []
        for one in list(self.stretches):
            if one.gap_id:
                found.append(Unsettled(*self._bounds_of(one)))
            elif one.reason == "reconnect" and not one.covers and self._pipeline.engine.source != "bars":
                low, high = sorted((one.low_ns, self._end_of(one)))
                found.append(Unsettled(low, high, one.found_ns))
        return found

    def _tell(self, stretch: Stretch, state: _State, *, quietly: bool = False) -> None:
        pipeline, engine = self._pipeline, self._pipeline.engine
        start, end = self._bounds_of(stretch)
        gap = Gap(
            engine.symbol,
            start,
            end,
            repaired=state == "repaired" and not stretch.not_rebuilt,
            reason=stretch.reason,
            trades=stretch.put,
            tz=engine.tz,
            gap_id=stretch.gap_id,
            state=state,
            not_rebuilt=tuple(sorted(stretch.not_rebuilt)),
            refused=len(stretch.left_out),
        )
        pipeline.gaps.put(gap)
        try:
            if state == "repairing":
                pipeline.mark_unsettled()
        finally:
            self._emit(gap, quietly=quietly)

    def _emit(self, gap: Gap, *, quietly: bool) -> None:
        pipeline, engine = self._pipeline, self._pipeline.engine
        if not quietly and pipeline.bus.wants(EventType.DATA_GAP, engine.symbol):
            pipeline.publisher.emit(EventType.DATA_GAP, gap.end_ns, gap.as_event(engine.tz))


def _as_tuple(row: TradeRow) -> TradeRow:
    return row if isinstance(row, tuple) else tuple(row)


def _now() -> float:
    return asyncio.get_running_loop().time()
