"""A running market: one feed, its symbols, their pipelines and the clock that closes bars.

Lives on the background loop. Faces hold it strongly; it never holds a face, so a suite that nobody keeps
is collected and its session closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from mdnb.bars.made_of import made_of
from mdnb.clock import EventClock, MarketClock
from mdnb.config import DataManagerConfig
from mdnb.decode.renaming import roll_frame, seam_prices_frame
from mdnb.errors import (
    ClosedError,
    DataExportError,
    FeedError,
    OptionError,
    WaitTimeoutError,
    not_followed,
)
from mdnb.events.bus import EventBus
from mdnb.events.subscription import Subscription, handling
from mdnb.events.types import Event, EventType
from mdnb.feeds.base import Channel, Feed, feed_error
from mdnb.feeds.playback import Playback
from mdnb.feeds.rolls import Seam
from mdnb.forked import refuse_in_children
from mdnb.interruptible_wait import seconds_to_wait
from mdnb.market_store.store import MarketStore
from mdnb.recordings import RecordingFeed
from mdnb.rows import LOST_LINE, Batch, ContractChange, SeamPrices, shortened
from mdnb.runtime.apply_config import apply_config, begin_config
from mdnb.runtime.cache_folder import stale_folders, sweep_stale
from mdnb.runtime.feed_decoder import decoder_of
from mdnb.runtime.frames_of_symbol import frames_of
from mdnb.runtime.housekeeping import Housekeeping
from mdnb.runtime.live.book_renewal import BookRenewal
from mdnb.runtime.live.closing_timer import UNSURE_SECONDS, ClosingTimer
from mdnb.runtime.live.connection_words import TOLD_LATE, ConnectionWords, unknown_word
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.receipt_clock import receipt_lead
from mdnb.runtime.live.recorded_bars import bars_alone
from mdnb.runtime.live.recorded_batcher import STEP_SECONDS, RecordedBatcher
from mdnb.runtime.live.time_unit import wrong_unit
from mdnb.runtime.market_recording import MarketRecording
from mdnb.runtime.past.backfill import Backfill
from mdnb.runtime.past.bar_renewal import BarRenewal
from mdnb.runtime.past.initial_history import load_history
from mdnb.runtime.past.saved_bars import put_saved_before, put_saved_behind
from mdnb.runtime.past.stored_bars import StoredBars, since_ns
from mdnb.runtime.process.cell_end import after_this_cell
from mdnb.runtime.process.loop import call_soon_if_open
from mdnb.runtime.process.user_warning import warn_user
from mdnb.runtime.process.workers import Workers
from mdnb.runtime.receipt_times import ReceiptTimes
from mdnb.runtime.recording import recorder_of
from mdnb.runtime.seam_prices import seam_prices
from mdnb.runtime.store_keeper import StoreKeeper
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.timeframes import Timeframe
from mdnb.types import timestamp
from mdnb.validate.findings import QualityFinding

__all__ = ["MarketSession", "SessionOptions"]

_log = logging.getLogger("mdnb")
_REGISTERING_SECONDS = 0.1
"""How long a script may take from one handler to the next."""

_REASONS_LOGGED = 5
_UNSURE_TIMES = 10
_NO_LIMIT = 2**63 - 1
_CHANNELS: dict[str, tuple[Channel, ...]] = {
    "trades": ("trades", "quotes"),
    "quotes": ("quotes",),
    "bars": ("bars",),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """What a session keeps.

    Parameters
    ----------
    timeframes
        Those to keep for each symbol.
    config
        Limits and rules.
    tz
        Zone of frames and records.
    initial_days
        Days of history loaded before the session counts as started; 0 loads none.
    progress
        Called with ``(done, total, text)`` while the feed connects and history is loaded.
    connect_timeout
        Seconds in which there must be a connection. For as many more the history may fail, or not answer at
        all: until then it is asked again. None waits for ever.
    waits_to_begin
        Whether a recording that is played as fast as possible waits until somebody wants its data.
    positive_prices
        By symbol whether its prices are positive, where that is not left to the feed.
    store
        Where the market is kept, and what of it was kept before is read; None keeps it nowhere.
    """

    timeframes: tuple[Timeframe, ...]
    config: DataManagerConfig = dataclasses.field(default_factory=DataManagerConfig)
    tz: str = "UTC"
    initial_days: float = 5.0
    progress: Callable[[int, int, str], None] | None = None
    connect_timeout: float | None = 20.0
    waits_to_begin: bool = False
    positive_prices: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    store: MarketStore | None = None

    def __post_init__(self) -> None:
        import zoneinfo

        seconds_to_wait(self.connect_timeout, "connect_timeout", above_zero=True)
        days = self.initial_days
        if isinstance(days, bool) or not isinstance(days, (int, float)) or not 0 <= days <= 3660:
            raise OptionError(f"initial_days must be between 0 and 3660; got {self.initial_days!r}")
        if not self.timeframes:
            raise OptionError("name at least one timeframe, such as '1min'")
        try:
            zoneinfo.ZoneInfo(self.tz)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise OptionError(
                f"there is no time zone {self.tz!r}; write one such as 'America/Chicago' or 'UTC'"
            ) from error


class MarketSession:
    """One feed and everything built from it.

    Parameters
    ----------
    feed
        Not opened yet; the session owns it from now on.
    symbols
        What to follow.
    options
        What to keep.
    """

    def __init__(self, feed: Feed, symbols: Sequence[str], options: SessionOptions) -> None:
        refuse_in_children(self)
        self.feed = feed
        self.symbols = tuple(dict.fromkeys(symbols))
        self.options = options
        self.markets: dict[str, SymbolMarket] = {}
        self._pipelines: dict[str, Pipeline] = {}
        self.bus = EventBus(on_slow=self._slow_handler, on_fault=self._handler_fault)
        self.health = Health(stale_seconds=feed.liveness.stale_seconds, silent_seconds=feed.silent_seconds)
        self.workers = Workers()
        self.ended = asyncio.Event()
        self.closed = False
        self._opened = self._at_end = self._is_played = False
        # What a recording says at its end, until all of it is played.
        self._farewell: str | None = None
        self._run: asyncio.Task[None] | None = None
        self._sweep: asyncio.Task[int] | None = None
        self._housekeeping_task: asyncio.Task[None] | None = None
        self._failure: FeedError | None = None
        self._closing: asyncio.Task[None] | None = None
        self._first_loss_ns = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: Playback | None = None
        self._beginning: asyncio.TimerHandle | None = None
        self._address = self._last_loss = ""
        self._words = ConnectionWords()
        self._told: set[str] = set()
        self._recordings: list[MarketRecording] = []
        self._not_sent: dict[str, dict[str, str]] = {}
        self.waited_ns = 0
        self._judges_times = True
        self._pricing: list[asyncio.Task[None]] = []
        self._deadline: float | None = None
        self._up = asyncio.Event()
        self.batcher = self._make_batcher()
        self.closing_timer = ClosingTimer(
            lambda: feed.clock, lambda: self._is_unsure or self.batcher.gives_way
        )
        self.backfill = Backfill(feed, self._pipelines, on_release=self.closing_timer.look_again)
        self.book_renewal = BookRenewal(feed, self._pipelines)
        self.bar_renewal = BarRenewal(feed, self._pipelines)
        self.housekeeping = Housekeeping(self.markets)
        self.keeper: StoreKeeper | None = None

    def _make_batcher(self) -> FrameBatcher:
        feed = self.feed
        parts = decoder_of(feed), self._pipelines, lambda: self.feed.clock, self.health, self._on_batch
        playback = feed.playback
        if playback is None:
            live = FrameBatcher(*parts)
            live.hide = feed.hide
            return live
        made = RecordedBatcher(*parts, playback, self.bus)
        playback.on_time = made.on_time
        playback.receipt_lead, playback.bars_alone = receipt_lead, bars_alone
        playback.in_single_rows = lambda: made.in_step
        playback.waits_to_begin = self.options.waits_to_begin
        return made

    # -- life ---------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the feed, subscribe, load history and go live.

        Raises
        ------
        FeedError, SymbolError, TimeframeError
            When that is not possible; nothing is left running.
        """
        try:
            await self.open()
            if left := stale_folders():
                # Nobody waits for it.
                self._sweep = asyncio.create_task(self.workers.run(functools.partial(sweep_stale, left)))
            self._make_markets()
            self.batcher.hold()
            self.feed.on_roll = self._on_roll
            self.feed.on_subscribed = self._on_subscribed
            async with self._in_time():
                for symbol in self.symbols:
                    await self.feed.subscribe(symbol, _CHANNELS[self.feed.source])
                self._run = asyncio.create_task(self._live(), name="mdnb-feed")
                await self._until_up()
            await self._until_clock_is_known()
            await self._load_past()
            for market in self.markets.values():
                # Of contracts of before the history has told.
                market.sync_contracts()
            self._loop = asyncio.get_running_loop()
            self._waiting = self.feed.playback
            for market in self.markets.values():
                market.engine.on_wanted = self.begin
                await apply_config(market, self.options.config, first=True)
                # What was lost while the history was loaded counts.
                lost_ns = self._first_loss_ns
                now_ns = self.feed.clock.now_ns()
                market.pipeline.live_since_ns = lost_ns - self._set_back_ns if lost_ns else now_ns
            self.backfill.start()
            self.batcher.release()
            self._close_bars_in_time()
            self._housekeeping_task = asyncio.create_task(self.housekeeping.run(), name="mdnb-housekeeping")
        except BaseException:
            await self.close()
            raise

    async def _load_past(self) -> None:
        """Load the feed's history, and what the store has; from now on the market is kept there."""
        options = self.options
        limit = seconds_to_wait(options.connect_timeout)
        held: dict[str, StoredBars] = {}
        since: dict[str, int] = {}
        if options.store is not None:
            self.keeper = StoreKeeper(options.store, self.markets)
            await self.keeper.open()
            # A recording brings its own past.
            for symbol, market in self.markets.items() if self.feed.playback is None else ():
                held[symbol] = await self.keeper.held(market)
                from_ns = since_ns(held[symbol], market.pipeline, self.feed.clock.now_ns())
                if from_ns is not None:
                    since[symbol] = from_ns
        if isinstance(self.feed, RecordingFeed):
            put_saved_before(self.feed, self._pipelines, options.initial_days)
        await load_history(
            self.feed, self._pipelines, options.initial_days, options.progress, limit, since_ns=since
        )
        for symbol, bars in held.items():
            assert self.keeper is not None
            ticks = await self.keeper.ticks_behind(self.markets[symbol], bars)
            bars.put(self._pipelines[symbol], self.feed.clock.now_ns(), ticks)
        if self.keeper is not None:
            self.keeper.begin(held)
            for market in self.markets.values():
                market.keeper = self.keeper

    async def open(self) -> None:
        """Let the feed get ready for the symbols; `start` does so where it has not been done.

        Raises
        ------
        FeedError, SymbolError, TimeframeError
            When that is not possible; nothing is left running.
        """
        if self._opened:
            return
        self._tell_connecting()
        if isinstance(self.feed, RecordingFeed):
            self.feed.kept = tuple(timeframe.name for timeframe in self.options.timeframes)
            self.feed.positive_prices = self.options.positive_prices
        try:
            async with self._in_time() if not self.feed.is_local else contextlib.nullcontext():
                await self.feed.open(self.symbols)
            for symbol in self.symbols:
                made_of(self.feed, symbol).check(self.options.timeframes)
        except BaseException:
            await self.close()
            raise
        self._opened = True

    def _tell_connecting(self, how: str = "") -> None:
        progress, offers = self.options.progress, self.feed.offers
        if progress is not None and not self.feed.is_local:
            name = type(self.feed).__name__ if offers is None else offers.title
            progress(0, len(self.symbols), f"{name}: connecting{how}")

    def _make_markets(self) -> None:
        for symbol in self.symbols:
            market = SymbolMarket(
                symbol,
                self.options.timeframes,
                self.options.config,
                self.options.tz,
                feed=self.feed,
                health=self.health,
                workers=self.workers,
                bus=self.bus,
                batcher=self.batcher,
                positive_prices=self.options.positive_prices.get(symbol),
            )
            market.sync_contracts()
            self.markets[symbol] = market
            self._pipelines[symbol] = market.pipeline
            if self.feed.playback is None:
                market.pipeline.on_broken_book = self.book_renewal.renew
                market.pipeline.on_unsure_bar = self.bar_renewal.renew
                if self.feed.changes_back > 0:
                    market.pipeline.on_unplaced_change = self.bar_renewal.place
            begin_config(market)

    async def _until_up(self) -> None:
        assert self._run is not None
        waiter = asyncio.ensure_future(self._up.wait())
        try:
            await asyncio.wait({waiter, self._run}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
        if not self._up.is_set():
            if self._failure is not None:
                raise self._failure
            why = self._last_loss or self.health.detail or "no reason given"
            raise FeedError(f"the feed ended before it was connected: {why}")
        for pipeline in self._pipelines.values():
            pipeline.clock = self.feed.clock

    def _close_bars_in_time(self) -> None:
        # A recording's time comes with it.
        if self.feed.playback is not None or self.ended.is_set():
            return
        loop, timer = asyncio.get_running_loop(), self.closing_timer
        timer.start(self._pipelines.values())
        for market in self.markets.values():
            look = functools.partial(timer.look_at, market.pipeline)
            market.engine.on_due = functools.partial(call_soon_if_open, loop, look)

    @property
    def _is_unsure(self) -> bool:
        """Whether the venue's times and this computer's clock disagree, and nobody knows yet who is wrong."""
        clock = self.feed.clock
        return isinstance(clock, MarketClock) and not clock.is_settled

    async def _until_clock_is_known(self) -> None:
        # The history is asked for by this clock; what the venue's server said of its own is good enough where
        # the computer says the same.
        clock = self.feed.clock
        if isinstance(clock, MarketClock):
            for _ in range(_UNSURE_TIMES):
                if not (clock.is_disputed or (self._is_unsure and not clock.is_hinted)):
                    break
                await asyncio.sleep(UNSURE_SECONDS)

    @contextlib.asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Raise a FeedError with the last reason once `connect_timeout` is over, from the first use on."""
        limit = seconds_to_wait(self.options.connect_timeout)
        if limit is not None and self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + limit
        try:
            async with asyncio.timeout_at(self._deadline) as within:
                yield
        except TimeoutError:
            if not within.expired():
                raise
            where = self._address or type(self.feed).__name__
            why = self._last_loss or self.feed.why_not_open or "it has not answered"
            raise FeedError(
                f"no connection to {where} within {limit:g} s: {why}. Check the address and this"
                " computer's network, or wait longer with connect_timeout=."
            ) from None

    async def _live(self) -> None:
        try:
            await self.feed.run(self.batcher.on_frame, self._on_status)
            is_told = self.health.status == "closed" or self.closed
            if self._was_up() and not is_told and self.feed.playback is None:
                self._fail(FeedError("its run() returned without a word"), logging.WARNING)
        except BaseException as error:
            task = asyncio.current_task()
            is_stopped = isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling())
            if is_stopped or isinstance(error, GeneratorExit):
                raise
            # Whatever an adapter raises ends the feed, and nothing else.
            self._fail(error, logging.ERROR)
        finally:
            try:
                await self._take_the_rest()
            finally:
                self._finish()

    def _fail(self, error: BaseException, level: int) -> None:
        """Keep what ended the feed, and tell of it where nobody waits for its connection any more."""
        failure = feed_error(error)
        if self._was_up():
            _log.log(level, "the feed ended: %s", failure)
            self._note("feed_ended", f"the feed ended: {failure}")
        elif failure is not error:
            failure = FeedError(f"the feed ended before it was connected: {failure}")
            failure.__cause__ = error
        self._failure = failure

    async def _take_the_rest(self) -> None:
        """Take in what came last and close what is open; handlers that are waited for have their time."""
        if self.closed:
            self.batcher.flush()
            self.batcher.release()
            return
        await self.batcher.finish()
        self.batcher.release()
        if self._was_up():
            self.backfill.end()
            # Whoever is told of one symbol's end finds nothing that was later of another.
            for pipeline in sorted(self._pipelines.values(), key=_now_ns):
                self.batcher.attempt(pipeline, pipeline.end)
                await self.batcher.finish()
            if isinstance(self.feed, RecordingFeed) and self._failure is None:
                put_saved_behind(self.feed, self._pipelines)
        await self.batcher.finish()

    def _finish(self) -> None:
        self.closing_timer.stop()
        self._is_played = True
        if not self.closed and self._was_up():
            self.housekeeping.tell_others(at_end=True)
            failure = self._failure
            if failure is not None or self.health.status != "closed":
                detail = self.health.detail if self._farewell is None else self._farewell
                self._on_status("closed", detail if failure is None else str(failure))
            self.bus.end(failure)
            for market in self.markets.values():
                self.housekeeping.look_at_share(market, at_end=True)
                self.housekeeping.tell_unused(market, at_end=True)
                market.failure = failure
                market.ended = True
                market.engine.notify()
        self.ended.set()

    def _was_up(self) -> bool:
        return self._up.is_set()

    async def close(self) -> None:
        """Close the feed and forget every handler; a second call waits for the first one's end."""
        # Who closes a feed that goes on wants no more of it; of one that has ended all was to be delivered.
        self._at_end = self._at_end or (self.ended.is_set() and not self.closed)
        self.closed = True
        for market in self.markets.values():
            market.closed = True
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="mdnb-close")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self.closing_timer.stop()
        if self._housekeeping_task is not None:
            self._housekeeping_task.cancel()
            self.housekeeping.tell_others(at_end=True)
        for market in self.markets.values():
            market.engine.alerts.close()
        self.backfill.close()
        self.book_renewal.close()
        self.bar_renewal.close()
        for task in self._pricing:
            task.cancel()
        self.batcher.leave()
        try:
            await self.feed.close()
        finally:
            # Whatever an adapter raises then costs nobody his bars.
            await self._let_go()

    async def _let_go(self) -> None:
        """End what the feed's end leaves: files, threads and handlers."""
        if self._run is not None and self._run is not asyncio.current_task():
            await asyncio.wait({self._run}, timeout=2.0)
            if not self._run.done():
                self._run.cancel()
        if self.health.status != "closed":
            self._on_status("closed", self._farewell or "")
        self.ended.set()
        for market in self.markets.values():
            market.engine.notify()
            market.disk.close()
        if self.keeper is not None:
            await self.keeper.close()
        for recording in self._recordings:
            try:
                recording.end()
            except DataExportError as error:
                _log.error(str(error))
        self.workers.close()
        self.bus.close(logging.WARNING if self._at_end else logging.INFO)

    # -- what the feed says ---------------------------------------------------------------------------

    def _on_status(self, status: str, detail: str = "") -> None:
        detail = "" if detail is None else str(detail)
        meant = self._words.meant(status)
        for one in meant:
            if one == "closed" and self._plays_on():
                self._farewell, self.health.has_all = detail, True
            else:
                self._change(one, detail if one == meant[-1] else TOLD_LATE)
        if not meant:
            self._refuse_word(status)

    def _plays_on(self) -> bool:
        """Return whether a recording is played on: all of it was delivered before."""
        is_over = self._is_played or self.closed or not self._was_up()
        return self.feed.playback is not None and not is_over

    def _on_subscribed(self, symbol: str, part: str, why: str) -> None:
        """Note what a venue does not send of a symbol, on the newest connection of each part of the feed."""
        pipeline = self._pipelines.get(symbol)
        if pipeline is None:
            return
        held = self._not_sent.setdefault(symbol, {})
        held.pop(part, None)
        if why:
            held[part] = f"{part}: {why}" if part else why
        if held:
            pipeline.quality.trouble("subscription", "; ".join(held.values()), self.feed.clock.now_ns())
        else:
            pipeline.quality.trouble_over("subscription")

    def _refuse_word(self, status: object) -> None:
        """Tell of a word that says nothing, once: until there is a connection it is why there is none."""
        told = unknown_word(status)
        if not self._was_up():
            self._last_loss = told
        if told not in self._told:
            self._told.add(told)
            _log.error(told)
            self._note("unknown_status", told)

    def _note(self, kind: str, sentence: str) -> None:
        """Keep a finding that concerns the whole feed, with each of its symbols."""
        now = self.feed.clock.now_ns()
        for pipeline in self._pipelines.values():
            pipeline.quality.note(QualityFinding(kind, sentence, now))

    def _change(self, status: str, detail: str) -> None:
        if status == "disconnected":
            self._last_loss = detail
            if not self._was_up():
                self._tell_connecting(f" again: {detail}" if detail else " again")
            # Frames that came before the loss may still wait: taken later they would fill the book again.
            self.batcher.flush_all()
            for recording in self._recordings if self.health.is_up else ():
                recording.take(LOST_LINE)
        elif status == "connecting":
            self._address = detail
        is_new = (status, detail) != (self.health.status, self.health.detail)
        self.health.change(status, detail)
        if self._was_up():
            now = self.feed.clock.now_ns()
            if status == "disconnected" and self.batcher.is_holding:
                # As if the clock had never been set back.
                self._first_loss_ns = self._first_loss_ns or now + self._set_back_ns
            self.batcher.in_order(functools.partial(self._change_of_line, status, now, self._set_back_ns))
        if self.health.is_up:
            self._up.set()
            for market in self.markets.values():
                market.pipeline.refusals.connected()
        if is_new and self.bus.wants(EventType.CONNECTION_STATUS_CHANGED):
            now = self.feed.clock.now_ns()
            for symbol in self.symbols:
                self.bus.emit(
                    Event(
                        EventType.CONNECTION_STATUS_CHANGED,
                        symbol,
                        now,
                        {"status": status, "detail": detail},
                        self.options.tz,
                    )
                )
        for market in self.markets.values():
            market.engine.notify()

    @property
    def _set_back_ns(self) -> int:
        """By how much the market's time was set back so far, as another than the computer's."""
        clock = self.feed.clock
        return clock.set_back_ns if isinstance(clock, MarketClock) else 0

    def _change_of_line(self, status: str, at_ns: int, back_ns: int) -> None:
        """Let a change of the connection count, once what came before it was taken in.

        Parameters
        ----------
        at_ns, back_ns
            When it was, and by how much the clock had been set back by then.
        """
        at_ns -= self._set_back_ns - back_ns
        if status == "disconnected":
            for market in self.markets.values():
                market.pipeline.reset_depth()
        self.backfill.on_status(status, at_ns)

    def _on_batch(self, batch: Batch) -> None:
        for reply in batch.replies:
            self.feed.on_reply(reply)
        if batch.malformed:
            self._tell_malformed(batch)
        if batch.rare is not None:
            for change in batch.rolls:
                self.feed.take_roll(change)
            for prices in batch.seam_prices:
                self.feed.take_seam_prices(prices)
                self._price_seam(prices)
        if self._judges_times and (batch.trades or batch.quotes or batch.bars):
            self._judge_times(batch)

    # -- contracts ------------------------------------------------------------------------------------

    def _on_roll(self, symbol: str, is_done: bool) -> None:  # as feeds call it
        """Go over to another contract of a symbol; once that is done tell of it."""
        market = self.markets.get(symbol)
        if market is None:
            return
        if not is_done:
            if self.feed.playback is None:
                # What came of the former one is taken in as its own; nothing of the next has come yet.
                self.batcher.flush_all()
                self._record_roll(symbol)
            self.batcher.in_order(functools.partial(self._begin_contract, market))
        else:
            # Taken now: by then the symbol may have gone on to the next one.
            seam = next(roll for roll in reversed(self.feed.rolls) if roll.symbol == symbol)
            self.batcher.in_order(functools.partial(self._tell_roll, market, seam))

    def _record_roll(self, symbol: str) -> None:
        rolls = [roll for roll in self.feed.rolls if roll.symbol == symbol]
        held = self.markets[symbol].engine.contracts
        before, now = held.of(_NO_LIMIT), self.feed.contract(symbol)
        # Of a roll that is taken back there is no seam: the newest one is earlier.
        is_new = bool(rolls) and rolls[-1].at_ns > held.since_ns
        at_ns = rolls[-1].at_ns if is_new else self.feed.clock.now_ns()
        frame = roll_frame(ContractChange(symbol, at_ns, before, now))
        for recording in self._recordings:
            if symbol in recording.symbols:
                recording.take(frame)

    def _begin_contract(self, market: SymbolMarket) -> None:
        seams = len(market.engine.contracts.rolls)
        market.sync_contracts()
        market.pipeline.begin_contract()
        is_back = len(market.engine.contracts.rolls) < seams
        if is_back and "depth" in market.pipeline.subscribed:
            # Of the contract that stays no book comes by itself.
            self.book_renewal.renew(market.symbol)

    def _tell_roll(self, market: SymbolMarket, seam: Seam) -> None:
        rolls = market.engine.contracts.rolls
        roll = next((one for one in reversed(rolls) if one.time_ns == seam.at_ns), rolls[-1])
        told = f"{market.symbol} rolled from {roll.old} to {roll.new}; prices are as they were traded"
        market.pipeline.quality.note(QualityFinding("roll", told, roll.time_ns), alert=False)
        market.pipeline.publisher.roll(roll)
        self._pricing = [task for task in self._pricing if not task.done()]
        if self.feed.playback is None:
            self._pricing.append(asyncio.create_task(self._ask_seam_prices(seam), name="mdnb-roll"))

    async def _ask_seam_prices(self, seam: Seam) -> None:
        """Ask what both contracts were worth; the newest prices of both stand in until it is known."""
        prices = await seam_prices(self.feed, seam)
        if prices is None:
            return
        self._price_seam(prices)
        for recording in self._recordings:
            if seam.symbol in recording.symbols:
                recording.take(seam_prices_frame(prices))

    def _price_seam(self, prices: SeamPrices) -> None:
        market = self.markets.get(prices.symbol)
        if market is not None:
            self.batcher.in_order(functools.partial(_note_prices, market, prices))

    def _judge_times(self, batch: Batch) -> None:
        """Look once whether the feed's times are in the unit that is meant."""
        self._judges_times = False
        bars = [[row for row, _ in rows] for rows in batch.bars.values()]
        for rows in (*batch.trades.values(), *batch.quotes.values(), *bars):
            if (sentence := wrong_unit(rows)) is not None:
                _log.warning("the feed: %s", sentence)
                self._note("time_unit", sentence)
                return

    def _tell_malformed(self, batch: Batch) -> None:
        why = batch.malformed[-1]
        told = f"a message of the feed was not understood: {why}: {shortened(batch.last_malformed)}"
        # Each reason is logged once; of a feed that has more of them than that, these will do.
        if why not in self._told and len(self._told) < _REASONS_LOGGED:
            self._told.add(why)
            _log.warning(told)
        now, count = self.feed.clock.now_ns(), len(batch.malformed)
        for pipeline in self._pipelines.values():
            pipeline.quality.not_understood(told, now, count)

    def _slow_handler(self, subscription: Subscription) -> None:
        alerts = self._pipelines[subscription.symbol or self.symbols[0]].alerts
        alerts.add("slow_handler", subscription.why_slow(), self.feed.clock.now_ns())

    def _handler_fault(self, kind: str, event: Event, sentence: str) -> None:
        pipeline = self._pipelines.get(event.symbol) or self._pipelines[self.symbols[0]]
        pipeline.quality.handler_fault(kind, sentence, self.feed.clock.now_ns())

    # -- a recording that waits until somebody wants its data -----------------------------------------

    def begin(self) -> None:
        """Let a recording play that waits for it; from any thread, and again it does nothing."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and self._loop is not None:
            call_soon_if_open(self._loop, waiting.begun.set)

    def begin_soon(self) -> None:
        """Let it play once the cell that runs has ended; in a script when nobody else has registered."""
        if self._waiting is None or self._loop is None or after_this_cell(self.begin):
            return
        call_soon_if_open(self._loop, self._begin_in_a_moment)

    def _begin_in_a_moment(self) -> None:
        if self._beginning is not None:
            self._beginning.cancel()
        assert self._loop is not None
        self._beginning = self._loop.call_later(_REGISTERING_SECONDS, self.begin)

    def warn_if_late(self, what: str) -> None:
        """Warn of something that waits for events which a replay has passed already, so that it misses them.

        At a speed of its own a replay is as a live market is, until it has ended. What a handler registers in
        its turn is meant for what comes next.

        Parameters
        ----------
        what
            Is it, in words.
        """
        began_ns = self.batcher.began_ns if isinstance(self.batcher, RecordedBatcher) else 0
        if not began_ns or self.closed or handling.get() is not None:
            return
        clock, tz = self.feed.clock, self.options.tz
        if self.ended.is_set():
            sees = f"has ended: {what} gets none of its events"
        elif isinstance(clock, EventClock):
            sees = f"is at {timestamp(clock.now_ns(), tz)}: {what} sees events from then on"
        else:
            return
        warn_user(
            f"the replay began at {timestamp(began_ns, tz)} and {sees}. Register before data is read, which "
            "charts and tables do, too; or pull it step by step with mdnb.play."
        )

    def warn_if_missed(self) -> None:
        """Warn once of waits for events one by one while a replay goes as fast as possible."""
        clock, since_ns = self.feed.clock, self.waited_ns
        if self.feed.playback is None or not isinstance(clock, EventClock) or handling.get() is not None:
            return
        if since_ns and clock.now_ns() > since_ns and "missed" not in self._told:
            self._told.add("missed")
            begin, now = (timestamp(ns, self.options.tz) for ns in (since_ns, clock.now_ns()))
            warn_user(
                f"the replay has gone on from {begin} to {now} since the last wait_for, which is no handler"
                " that it waits for: events between are missed. Have each by live.on, or pull it step by step"
                " with mdnb.play."
            )

    # -- for the faces --------------------------------------------------------------------------------

    def record(self, file: Path, symbols: Sequence[str], *, append: bool) -> MarketRecording:
        """Record frames from now on until the recording or the market is closed; on the loop.

        Parameters
        ----------
        symbols
            Whose: all that are followed, or one.

        Raises
        ------
        OptionError
            When what is followed is a recording itself, or one symbol's frames make no recording.
        ClosedError
            When the market is closed.
        DataExportError
            When the file cannot be recorded to.
        """
        if self.feed.playback is not None:
            raise OptionError("this market plays a recording: copy its file instead of recording it again")
        if self.closed or self.ended.is_set():
            raise ClosedError("this market is over: nothing more comes that could be recorded")
        has_book = any("depth" in self.market(symbol).pipeline.subscribed for symbol in symbols)
        channels: tuple[Channel, ...] = (*_CHANNELS[self.feed.source], *(("depth",) if has_book else ()))
        keeps = None
        if len(symbols) < len(self.symbols):
            keeps = frames_of(self.feed, symbols[0], self.symbols)
        recorder = recorder_of(self.feed, symbols, channels, file, append=append)
        times = ReceiptTimes(self.feed)
        times.begin()
        made = MarketRecording(recorder, symbols, times.now_ns, self.batcher.taps, keeps)
        self._recordings.append(made)
        for symbol in symbols if self._run is not None else ():
            # What changes go on from may have come before.
            self.book_renewal.ask_again(symbol)
        return made

    async def wait_ended(self, timeout: float | None = None) -> None:
        """Wait until the feed is at its end and handlers have had its events; runs on the background loop.

        Raises
        ------
        WaitTimeoutError
            When either goes on after ``timeout`` seconds.
        """
        seconds = seconds_to_wait(timeout)
        self.bus.refuse_wait()
        self.begin()
        try:
            async with asyncio.timeout(seconds):
                await self.ended.wait()
                await self.bus.wait_handled(STEP_SECONDS)
        except TimeoutError:
            if not self.ended.is_set():
                playback = self.feed.playback
                said = f"the feed goes on after {seconds:g} s"
                if playback is not None and playback.paused:
                    said = f"the replay is paused, and has not ended after {seconds:g} s"
                    said += ": playback.resume() plays on"
                raise WaitTimeoutError(said) from None
            said = f"the feed has ended; its handlers go on after {seconds:g} s ({self.bus.waiting()})"
            raise WaitTimeoutError(said) from None

    def market(self, symbol: str) -> SymbolMarket:
        """Return what is one symbol's.

        Raises
        ------
        SymbolError
            When the session does not follow the symbol.
        """
        if not isinstance(symbol, str) or symbol not in self.markets:
            raise not_followed(symbol, self.symbols)
        return self.markets[symbol]


def _note_prices(market: SymbolMarket, prices: SeamPrices) -> None:
    with market.engine.lock:
        market.engine.contracts.price_seam(prices.at_ns, prices.old_price, prices.new_price)
    market.engine.touch()


def _now_ns(pipeline: Pipeline) -> int:
    return pipeline.engine.cascade.closing.now_ns
