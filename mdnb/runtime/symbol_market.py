"""`SymbolMarket`: everything that belongs to one symbol, made once and shared by all its faces."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from mdnb.bars.made_of import made_of
from mdnb.clock import MarketClock, clock_sentence
from mdnb.config import DataManagerConfig
from mdnb.errors import ClosedError, FeedError, NoDataError, OptionError
from mdnb.events.bus import EventBus
from mdnb.feeds.base import Channel, Feed
from mdnb.forked import refuse_in_children
from mdnb.instruments import with_prices
from mdnb.interruptible_wait import seconds_to_wait, wakeful
from mdnb.runtime.disk_overflow import CleanupReport, DiskOverflow, tidy
from mdnb.runtime.feed_on_disk import mark_of
from mdnb.runtime.live.accounting import Accounting, counted
from mdnb.runtime.live.data_quality import hint_at
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.process.workers import Workers
from mdnb.stores.columns import BarColumns
from mdnb.timeframes import Timeframe
from mdnb.types import timestamp
from mdnb.validate.book_order import BookOrder

__all__ = ["DEFAULT_TIMEOUT", "KeepsTimeframes", "SymbolMarket"]

T = TypeVar("T")

DEFAULT_TIMEOUT = 10.0
"""Seconds that single values are waited for."""


class KeepsTimeframes(Protocol):
    """Where a market's bars are kept beyond memory."""

    async def kept(self, market: SymbolMarket, name: str) -> BarColumns | None:
        """Return the newest bars of trades that are kept of a timeframe."""
        ...

    async def fill(self, market: SymbolMarket, name: str) -> None:
        """Give a timeframe that was added what is kept of the time before."""
        ...


class SymbolMarket:
    """One symbol of a running session.

    Parameters
    ----------
    symbol
        Which one; the feed is open and knows it.
    timeframes
        Those to keep.
    config
        Limits and rules.
    tz
        Zone of frames and records.
    feed, health, workers, bus, batcher
        The session's own, shared by all its symbols.
    positive_prices
        Whether the symbol's prices are positive; None: as the feed says.

    Attributes
    ----------
    engine
        What is held: bars, ticks, newest values.
    pipeline
        What its data passes through.
    disk
        Where bars go that leave memory.
    keeper
        What keeps its bars in a store; None where nothing does.
    began
        When it was made: monotonic seconds, and seconds of the loop's thread.
    closed
        Whether the session was closed.
    ended
        Whether all is taken in that the feed gave, and nothing more will come.
    failure
        What ended the feed, where it was no ordinary end.
    """

    def __init__(
        self,
        symbol: str,
        timeframes: Sequence[Timeframe],
        config: DataManagerConfig,
        tz: str,
        *,
        feed: Feed,
        health: Health,
        workers: Workers,
        bus: EventBus,
        batcher: FrameBatcher,
        positive_prices: bool | None = None,
    ) -> None:
        refuse_in_children(self)
        self.symbol = symbol
        self.feed = feed
        self.health = health
        self.workers = workers
        self.bus = bus
        self.batcher = batcher
        self.began = (time.monotonic(), time.thread_time())
        self.closed = False
        self.ended = False
        self.failure: FeedError | None = None
        self.engine = SymbolState(
            with_prices(feed.instrument(symbol), positive_prices),
            feed.sessions(symbol),
            timeframes,
            config,
            tz,
            feed.source,
            book_levels=feed.book_levels,
        )
        self.engine.made_of = made_of(feed, symbol)
        self.engine.recorded = feed.playback is not None
        if feed.offers is not None and not feed.is_local:
            self.engine.venue = feed.offers.title
        self.engine.cascade.closing.follows_trades = self.engine.recorded
        self.pipeline = Pipeline(self.engine, bus, feed.clock, feed.ids, feed.quote_price)
        self.pipeline.book_order = BookOrder(feed.book_checksum(symbol))
        quality = self.pipeline.quality
        self.engine.bind_state(
            lambda: (quality.state(health.status), health.latency_ms()), lambda: feed.clock
        )
        self.disk = DiskOverflow(self.engine, mark_of(feed))
        self.keeper: KeepsTimeframes | None = None
        self._has_no_folder = False

    async def add_timeframe(self, timeframe: str) -> str:
        """Add a timeframe, with what is held of the time before; return its canonical name.

        Raises
        ------
        TimeframeError, DataImportError
            As of `SymbolState.add_timeframe`.
        """
        engine, keeper = self.open(), self.keeper
        if keeper is None or engine.has_timeframe(timeframe):
            return await self.workers.run(functools.partial(engine.add_timeframe, timeframe))
        kept = await keeper.kept(self, timeframe)
        name = await self.workers.run(functools.partial(engine.add_timeframe, timeframe, kept))
        await keeper.fill(self, name)
        return name

    def sync_contracts(self) -> None:
        """Take over which contracts the symbol stands for, as the feed says it."""
        with self.engine.lock:
            self.engine.contracts.follow(self.feed, self.symbol, self.engine.tz)

    def open(self) -> SymbolState:
        """Return the symbol's state; raise where the market was closed.

        Raises
        ------
        ClosedError
            After the session was closed.
        """
        if self.closed:
            raise ClosedError(f"the market of {self.symbol} was closed; make a new one")
        return self.engine

    def age(self, time_ns: int) -> float:
        """Return the seconds of wall time since the market stood at ``time_ns``, at least 0."""
        return max(0.0, self.feed.clock.lag_ms(time_ns) / 1e3)

    def clock_offset_ms(self) -> float:
        """Return how far the venue's clock is ahead of this computer's; negative where it is behind."""
        clock = self.feed.clock
        return 1e3 * clock.lead_seconds if isinstance(clock, MarketClock) else self.health.clock_offset_ms()

    def freshness(self) -> float:
        """Return 1 while the feed is alive, falling to 0 as it goes stale; 0 where no data can be used.

        A recording that was played to its end lacks nothing.
        """
        if self.gets_only_others:
            return 0.0
        if self.ended and self.failure is None and self.feed.playback is not None:
            return 1.0
        is_open = self.engine.sessions.contains(self.feed.clock.now_ns())
        fresh = self.health.freshness(self.symbol, is_open=is_open)
        return 0.0 if is_open and self.seconds_refused else fresh

    @property
    def seconds_refused(self) -> float:
        """For how many seconds data has come and none was accepted; 0 where that is not so."""
        if not self.health.is_up:
            return 0.0
        return self.pipeline.refusals.seconds(self.health.stale_seconds) or self.health.seconds_refused(
            self.symbol
        )

    @property
    def gets_only_others(self) -> bool:
        """Whether data has come for a while, and all of it is of symbols that nobody follows."""
        # A recording may have other symbols' data first.
        is_live = self.feed.playback is None and self.health.seconds_since_start() > self.health.stale_seconds
        return is_live and self.batcher.gets_only_others

    def accounting(self) -> Accounting:
        """Return the accounting: where each trade that arrived went."""
        batcher = self.batcher
        return self.pipeline.accounting(batcher.frames, batcher.control, batcher.malformed, batcher.counts)

    async def tidy(self, *, compress: bool | None = None) -> CleanupReport:
        """Write pending bars to disk, compress if wanted, and enforce the disk limit; see `tidy`.

        Raises
        ------
        DataExportError, DataImportError
            When the disk does not take it, or does not give what is to be changed. Until it does once more,
            that is a trouble of the symbol.
        """
        try:
            report = await tidy(self.engine, self.workers, compress=compress)
        except Exception as error:
            self.tell_trouble("disk", error)
            raise
        self.end_trouble("disk")
        return report

    async def look_at_disk(self) -> None:
        """Find out whether bars on disk can be read, and whether there is a place for more; tell where not.

        What is found stands until it is over, such as when a folder can be made again.
        """
        dropped = sum(overflow.dropped for overflow in list(self.engine.overflow.values()))
        if dropped:
            self.tell_trouble(
                "disk_dropped",
                f"the disk has taken nothing for so long that {dropped:,} bars which waited in memory are"
                " lost, the oldest first",
            )
        stores = [overflow.segments for overflow in self.engine.overflow.values()]
        unwritable: OSError | None = None
        unreadable: dict[Path, str] = {}
        lost = 0
        for store in stores:
            try:
                await self.workers.run(store.look)
                await self.workers.run(store.see_to_folder)
            except OSError as error:
                unwritable = error
            except ClosedError:
                continue  # another thread removed the timeframe since
            unreadable |= store.unreadable
            lost += sum(rows for _, _, rows in store.lost())
        if unwritable is not None:
            self._has_no_folder = True
            self.tell_trouble("disk", unwritable)
        elif self._has_no_folder:
            self._has_no_folder = False
            self.end_trouble("disk")
        if not unreadable:
            self.end_trouble("disk_unreadable")
            return
        path, why = next(iter(unreadable.items()))
        more = f", and {len(unreadable) - 1:,} more" if len(unreadable) > 1 else ""
        count = f"{lost:,} bars" if lost else "bars"
        self.tell_trouble(
            "disk_unreadable", f"{count} on disk are left out, {path} does not read: {why}{more}"
        )

    def tell_trouble(self, kind: str, error: BaseException | str) -> None:
        """Tell of a failure in the background; charts show it."""
        if self.pipeline.quality.trouble(kind, error, self.feed.clock.now_ns()):
            self.engine.touch()

    def end_trouble(self, kind: str) -> None:
        """Say that a failure is over, where there was one."""
        if self.pipeline.quality.trouble_over(kind):
            self.engine.touch()

    async def first(self, read: Callable[[], T | None], what: str, timeout: float) -> T:
        """Wait until ``read`` gives something, and return it.

        Raises
        ------
        NoDataError
            When that took longer than ``timeout`` seconds, or the feed is at its end: nothing more will come.
        FeedError
            When the feed has failed.
        """
        engine, seconds = self.open(), seconds_to_wait(timeout)
        engine.wanted()
        value = read()
        if value is not None:
            return value
        self.bus.refuse_wait()
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(arrived.set)

        listener = engine.listen(wake)
        try:
            async with asyncio.timeout(seconds):
                while (value := read()) is None:
                    self.open()
                    if self.failure is not None:
                        raise FeedError(
                            f"no {what} of {self.symbol}: none came, and the feed ended: {self.failure}"
                        ) from self.failure
                    if self.ended:
                        raise NoDataError(f"no {what} of {self.symbol}: none came, and {self._state()}")
                    await wakeful(arrived.wait())
                    arrived.clear()
                return value
        except TimeoutError:
            hint = "The market may be closed; wait longer with timeout=, or check status."
            if engine.last_trade is not None:
                # The market is there, and so is the connection.
                hint = f"Trades came, and no {what}: the feed may have none."
            raise NoDataError(
                f"no {what} of {self.symbol} within {seconds:g} s; {self._state()}. {hint}"
            ) from None
        finally:
            listener.close()

    def refuse_future(self, as_of_ns: int) -> None:
        """Refuse to tell what will be known at an instant that is still to come.

        Raises
        ------
        OptionError
            When it is later than the market's time; of a recording that is at its end, than when the last of
            what is held was known.
        """
        engine, playback = self.engine, self.feed.playback
        engine.wanted()
        is_over = self.ended and playback is not None
        with engine.lock:
            # What is closed from now on is later than that: asked again, the same is found.
            now = engine.read_ns()
            if is_over:
                now = max(now, engine.reader.last_known_ns(engine.all_names()))
        if playback is not None:
            # Of several symbols that of which something came last tells the time.
            now = max(now, self.batcher.newest_ns()) or self.feed.clock.now_ns()
        if not now or as_of_ns <= now:
            return
        asked, stands = (timestamp(ns, engine.tz) for ns in (as_of_ns, now))
        hint = "Leave as_of out for what is known now."
        clock = self.feed.clock
        wrong = clock_sentence(clock.lead_seconds) if isinstance(clock, MarketClock) else None
        if is_over:
            hint = f"The replay is at its end: nothing later is known. {hint}"
        elif playback is not None:
            hint = "Wait until the replay is there, or until its end: wait_ended()."
        elif wrong is not None:
            hint = f"{hint} Mind that {wrong}."
        unknown = "" if is_over else " what will be known then is not yet."
        raise OptionError(f"as_of is {asked}, and the market stands at {stands}:{unknown} {hint}")

    def refuse_lacking(self, channel: Channel, what: str) -> None:
        """Refuse to wait for what will not come.

        Raises
        ------
        NoDataError
            When the feed is known to have nothing on a channel.
        """
        if channel in self.feed.lacks:
            kept = "a recording" if self.feed.playback is not None else "a feed"
            raise NoDataError(f"no {what} of {self.symbol}: it comes from {kept} that holds none")

    def _state(self) -> str:
        detail = f" ({self.health.detail})" if self.health.detail else ""
        said = f"the connection is {self.health.status}{detail}"
        if self.gets_only_others:
            return (
                f"{said}, and all that comes is of other symbols, such as {self.batcher.last_unknown[:64]!r}"
            )
        refusals = self.pipeline.refusals
        if refusals.refused and not refusals.accepted:
            reasons = refusals.reasons
            return f"{said}, and all that has come was refused: {counted(reasons)}{hint_at(reasons)}"
        last = self.pipeline.quality.malformed
        return said if last is None else f"{said}, and {last.count:,} times {last.description}"
