"""Decodes frames in batches, and passes the rows to each symbol's pipeline (hot path).

Frames are collected in a list and one flush is scheduled on the loop; the flush handles all that has
arrived as one batch. Quiet: a batch of one, without delay. Burst: thousands at once. No timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import reprlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from mdnb.clock import Clock, EventClock, MarketClock
from mdnb.rows import BarRow, Batch, Decoder, DepthUpdate, QuoteRow, shortened
from mdnb.runtime.live.accounting import ConnectionCounts
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.set_back import set_back
from mdnb.runtime.live.trade_changes import take_changes, take_early_changes

__all__ = ["FrameBatcher"]

_MAX_FRAMES = 5000
_ODD_FRAMES = 3
_WAY_SECONDS = 0.005
_INF = float("inf")
_NO_LIMIT = 2**63 - 1
_LOOKED_AT = 2_000
"""How much of what was not understood is looked at for credentials; less of it is shown."""

_in_text = reprlib.Repr()
_in_text.maxstring = _in_text.maxother = _LOOKED_AT
_text_of = _in_text.repr


class FrameBatcher:
    """Collects raw frames and passes them, decoded, to the symbols' pipelines.

    Parameters
    ----------
    decoder
        Understands the feed's frames.
    pipelines
        By symbol.
    clock
        The feed's clock.
    health
        Gets the latency of the data.
    on_batch
        Called with each decoded batch before its rows are handed on, for replies and the end of a recording.
    on_failure
        Called with what a symbol's pipeline has raised.

    Attributes
    ----------
    hide
        Leaves out of a text what may be a credential of ours; None: there is none.
    """

    def __init__(
        self,
        decoder: Decoder,
        pipelines: Mapping[str, Pipeline],
        clock: Callable[[], Clock],
        health: Health,
        on_batch: Callable[[Batch], None],
        on_failure: Callable[[Pipeline, Exception], None] = Pipeline.fail,
    ) -> None:
        self.frames = 0
        self.batch_size = _MAX_FRAMES
        self.largest_batch = 0
        self.control = 0
        self.malformed = 0
        self.unknown_symbol = 0
        self.counts = ConnectionCounts()
        self.last_unknown = ""
        self._in_a_row = (0, 0.0)
        self._decoder = decoder
        self._pipelines = pipelines
        self._clock = clock
        self._health = health
        self._on_batch = on_batch
        self._on_failure = on_failure
        self._waiting: list[str | bytes] = []
        self._scheduled = False
        self._held: list[Batch | Callable[[], None]] | None = None
        self.hide: Callable[[str], str] | None = None
        self.taps: list[Callable[[list[str | bytes]], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ahead: set[object] = set()
        # By how much the clock was set back by then.
        self._back_ns = 0

    @contextlib.contextmanager
    def giving_way(self) -> Iterator[None]:
        """Let frames wait meanwhile; of any thread, around work that holds a symbol's lock for long.

        The loop would wait for the lock with them, and whoever asks the market for anything for the loop.
        """
        token = object()
        self._ahead.add(token)
        try:
            yield
        finally:
            self._ahead.discard(token)

    @property
    def gives_way(self) -> bool:
        """Whether frames wait for work that holds a symbol's lock."""
        return bool(self._ahead)

    def on_frame(self, frame: str | bytes) -> None:
        """Queue one raw frame; called on the loop."""
        self._waiting.append(frame)
        if not self._scheduled:
            self._scheduled = True
            loop = self._loop
            if loop is None:
                loop = self._loop = asyncio.get_running_loop()
            loop.call_soon(self._flush_soon)

    def _flush_soon(self) -> None:
        if self._ahead:
            assert self._loop is not None
            self._loop.call_later(_WAY_SECONDS, self._flush_soon)
            return
        self.flush()

    def newest_ns(self) -> int:
        """Return the newest time of all symbols: UTC epoch nanoseconds, 0 before any is noted."""
        times = (pipeline.engine.cascade.closing.now_ns for pipeline in self._pipelines.values())
        return max(times, default=0)

    def hold(self) -> None:
        """Buffer market data until `release`, while history is being loaded."""
        if self._held is None:
            self._held = []

    @property
    def is_holding(self) -> bool:
        """Whether market data is being buffered."""
        return self._held is not None

    def release(self) -> None:
        """Process the buffered data, and everything from now on."""
        held, self._held = self._held or [], None
        for one in held:
            if isinstance(one, Batch):
                # How long it was kept back here is no delay of the line.
                self._route(one, timed=False)
            else:
                one()

    def in_order(self, then: Callable[[], None]) -> None:
        """Call something once the data that is buffered so far is processed; at once where none is."""
        if self._held is None:
            then()
        else:
            self._held.append(then)

    def leave(self) -> None:
        """Wait for nobody any more: the market is closed."""
        return

    async def finish(self) -> None:
        """Wait until all that was delivered is taken in."""
        while self._waiting:
            self.flush()
            await asyncio.sleep(0)

    def flush(self) -> None:
        """Decode and process all frames that have arrived."""
        frames, self._waiting = self._waiting, []
        if len(frames) > self.batch_size:
            # The loop has others to serve too: a flood is taken in pieces.
            frames, self._waiting = frames[: self.batch_size], frames[self.batch_size :]
            assert self._loop is not None
            self._loop.call_soon(self._flush_soon)
        else:
            self._scheduled = False
        if len(frames) > self.largest_batch:
            self.largest_batch = len(frames)
        self._take_frames(frames)

    def flush_all(self) -> None:
        """Decode and process all frames that have arrived, a flood too."""
        while self._waiting:
            self.flush()

    def _take_frames(self, frames: list[str | bytes]) -> None:
        if not frames:
            return
        batch = self._decoded(frames)
        if self._held is not None:
            self._held.append(batch)
        else:
            self._route(batch)

    def _decoded(self, frames: list[str | bytes]) -> Batch:
        batch = self._decoder.feed(frames)
        self.frames += len(frames)
        self._health.frame()
        self.control += batch.control
        if batch.malformed:
            self._hide_in(batch)
            self.counts.refuse(batch.malformed, batch.last_malformed)
            self._note_malformed(len(batch.malformed))
        if batch.clock_ns and isinstance(clock := self._clock(), MarketClock):
            # When it arrives, not when it is handed on.
            clock.arrived(batch.clock_ns)
            if clock.set_back_ns != self._back_ns:
                self._set_back(clock)
        if self.taps:
            # Their time is that of the market, which these frames may have made known.
            for tap in tuple(self.taps):
                tap(frames)
        if batch.rare is not None:
            self._see_marks(batch)
        self._on_batch(batch)
        return batch

    def _hide_in(self, batch: Batch) -> None:
        """Leave out of what was not understood, which is shown, what may be a credential of ours."""
        if self.hide is not None:
            held = batch.last_malformed
            text = shortened(
                held if isinstance(held, (str, bytes, bytearray)) else _text_of(held), _LOOKED_AT
            )
            if (told := self.hide(text)) != text:
                batch.last_malformed = told
            batch.malformed = [self.hide(reason) for reason in batch.malformed]

    def _set_back(self, clock: MarketClock) -> None:
        """Let all go by the venue's time that is known now: it went by a fast clock until here."""
        by_ns, self._back_ns = clock.set_back_ns - self._back_ns, clock.set_back_ns
        for pipeline in self._pipelines.values():
            self.attempt(pipeline, functools.partial(set_back, pipeline, by_ns))

    def _see_marks(self, batch: Batch) -> None:
        """Let the symbols know that they have trades that do not count in full."""
        if not batch.is_marked:
            return
        for symbol, pipeline in self._pipelines.items():
            changed = [one.row for one in batch.changes.get(symbol, ()) if one.row is not None]
            pipeline.engine.see_marks([*batch.trades.get(symbol, ()), *changed])

    def _note_malformed(self, count: int) -> None:
        self.malformed += count
        health = self._health
        # One that is odd says nothing of a market in which nobody trades; several, and no data, do.
        before, since = self._in_a_row
        newest = health.newest_data()
        self._in_a_row = (before if since == newest else 0) + count, newest
        if self._in_a_row[0] >= _ODD_FRAMES:
            for symbol in self._pipelines:
                health.refused(symbol)

    @property
    def gets_only_others(self) -> bool:
        """Whether data comes, and all of it is of symbols that nobody follows."""
        return self.unknown_symbol > 0 and not any(
            pipeline.ledger.received or pipeline.ledger.quotes or pipeline.ledger.depth_updates
            for pipeline in self._pipelines.values()
        )

    def attempt(self, pipeline: Pipeline, work: Callable[[], None]) -> bool:
        """Do something with one symbol's data; return whether it went well. The others go on in any case."""
        try:
            work()
        except Exception as error:  # noqa: BLE001  # one symbol's fault costs the others nothing
            self._on_failure(pipeline, error)
            return False
        return True

    def _leave_out(self, symbol: str, batch: Batch) -> None:
        held = batch.trades.get(symbol, ()), batch.quotes.get(symbol, ()), batch.depth.get(symbol, ())
        bars = [rows for (of, _), rows in batch.bars.items() if of == symbol]
        changes = batch.changes.get(symbol, ())
        self.counts.leave_out(symbol, sum(map(len, (*held, *bars, changes))))

    def _route(self, batch: Batch, *, timed: bool = True) -> None:
        newest = batch.clock_ns
        clock = self._clock()
        # Decoders of others may let a time pass that none of ours holds.
        if isinstance(clock, EventClock) and 0 < newest < _NO_LIMIT:
            clock.advance(newest)
        pipelines = self._pipelines
        bars: dict[str, list[tuple[str, list[tuple[BarRow, bool]]]]] = {}
        for (symbol, name), rows in batch.bars.items():
            bars.setdefault(symbol, []).append((name, rows))
        traded, quoted, depth, rare = batch.trades, batch.quotes, batch.depth, batch.rare
        # Of whom good data came, and of when the first of it is.
        good: list[str] = []
        good_ns = 0
        # How late it all came, by how late an instant of it did: a clock is dear to ask for each symbol.
        told_ns, at, now_ns = newest, time.monotonic(), clock.now_ns()
        lag_ms, ms_per_ns = clock.lag_ms(told_ns), clock.wall_seconds(1_000_000_000) / 1e6
        ms_per_ns = ms_per_ns if ms_per_ns < _INF else 0.0
        beside_trades = quoted or depth or bars or rare is not None
        quotes: Sequence[QuoteRow] = ()
        updates: Sequence[DepthUpdate] = ()
        own: Sequence[tuple[str, list[tuple[BarRow, bool]]]] = ()
        for symbol in {**traded, **quoted, **depth, **bars, **batch.changes} if beside_trades else traded:
            pipeline = pipelines.get(symbol)
            if pipeline is None:
                self.unknown_symbol += 1
                self.last_unknown = symbol
                self._leave_out(symbol, batch)
                continue
            trades = traded.get(symbol, ())
            if beside_trades:
                quotes, updates, own = quoted.get(symbol, ()), depth.get(symbol, ()), bars.get(symbol, ())
            refusals = pipeline.refusals
            accepted, refused, received = refusals.accepted, refusals.refused, pipeline.ledger.received
            try:
                pipeline.take(trades, quotes, updates, own, now_ns)
                if pipeline.early_changes and trades:
                    take_early_changes(pipeline, trades)
                if rare is not None:
                    take_changes(pipeline, batch.changes.get(symbol, ()))
            except Exception as error:  # noqa: BLE001  # one symbol's fault costs the others nothing
                self._on_failure(pipeline, error)
                self.attempt(pipeline, functools.partial(pipeline.lose_batch, received, trades, quotes, own))
                continue
            newest = trades[-1][0] if trades else quotes[-1][0] if quotes else 0
            # A time that is no number is none.
            if newest > 0:
                pipeline.note_lag(lag_ms + (told_ns - newest) * ms_per_ns, at)
                is_good = refusals.accepted > accepted or refusals.refused == refused
                if is_good or (trades and quotes):
                    good_ns = good_ns if good else newest
                    good.append(symbol)
        if good:
            self._health.data(clock.lag_ms(good_ns) if timed else None, *good)
