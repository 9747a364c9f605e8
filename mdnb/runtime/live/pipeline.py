"""The stages that one symbol's data passes, in order (hot path, guarded by ``tests/benchmarks``).

The only file that knows the order of the stages: duplicates out, rules, bars, ticks kept, events. It runs
on the background loop and takes the engine's lock a batch at a time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Sequence
from typing import Literal

from mdnb.clock import Clock, EventClock, MarketClock
from mdnb.events.bus import EventBus
from mdnb.rows import BarRow, DepthUpdate, QuoteRow, TradeRow, trades_of_quotes
from mdnb.runtime.live.accounting import Accounting, Ledger
from mdnb.runtime.live.data_quality import Quality, QualityAlerts
from mdnb.runtime.live.edge_trades import EdgeTrades
from mdnb.runtime.live.event_publisher import Closed, EventPublisher
from mdnb.runtime.live.gap_book import GapBook
from mdnb.runtime.live.held_trades import HeldTrades
from mdnb.runtime.live.outlier_gate import OutlierGate, keep_ticks
from mdnb.runtime.live.price_alerts import Fired
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.store.ticks import REFUSED, WAITING
from mdnb.validate.duplicates import Duplicates
from mdnb.validate.findings import QualityFinding
from mdnb.validate.live_checks import bar_faults
from mdnb.validate.tick_rules import TickRules

__all__ = ["Pipeline"]

_LAG_SECONDS = 2.0
_FUTURE_NS = 60 * 1_000_000_000
_LOOK_SECONDS = 0.25
_NO_LIMIT = 2**63 - 1
_NS_PER_US = 1000


class Pipeline:
    """Turns decoded rows of one symbol into bars, ticks and events.

    Parameters
    ----------
    engine
        What is written to.
    bus
        Emits the events.
    clock
        The market's time.
    ids
        How the venue numbers its trades.
    quote_price
        ``mid``, ``bid`` or ``ask``: what a quote counts as where bars are built from quotes.
    """

    def __init__(
        self,
        engine: SymbolState,
        bus: EventBus,
        clock: Clock,
        ids: Literal["sequential", "unique", "none"] = "none",
        quote_price: Literal["mid", "bid", "ask"] = "mid",
    ) -> None:
        self.engine = engine
        self.bus = bus
        self.clock = clock
        self.quote_price = quote_price
        self.ledger = Ledger()
        self.duplicates = Duplicates(ids)
        self.rules = TickRules()
        self.subscribed: set[str] = {"trades", "quotes"}
        self.outlier_gate: OutlierGate | None = None
        self.batch_size = engine.config.batch_size
        self.largest_batch = 0
        self.bars_closed = 0
        self.late_amended = 0
        # Stretches of market time in which trades, or the feed's own bars, go into the bars.
        self._trades_from = self._bars_from = -_NO_LIMIT
        self._trades_until = _NO_LIMIT if engine.source == "trades" else -_NO_LIMIT
        self._bars_until = _NO_LIMIT if engine.source == "bars" else -_NO_LIMIT
        self._bar_name: str | None = None
        self._windowed = False
        self._lag_ms, self._lag_at = 0.0, -_LAG_SECONDS
        self.live_since_ns = clock.now_ns()
        self.outage_ns: int | None = None
        self.gaps = GapBook()
        self.held: HeldTrades | None = None
        self.arrival_ns = 0
        self.edges = EdgeTrades() if ids == "none" else None
        # What the newest trades that were put back by time are known by.
        self.put_back: set[Hashable] = set()
        self.history_missing: dict[str, float] = {}
        self.import_findings: dict[str, tuple[QualityFinding, ...]] = {}
        self.publisher = EventPublisher(engine, bus)
        self.alerts = QualityAlerts(self.publisher.alert)
        self.quality = Quality(engine.symbol, engine.instrument, engine.tz, self.alerts)

    # -- live ---------------------------------------------------------------------------------------

    def take(
        self,
        trades: Sequence[TradeRow] = (),
        quotes: Sequence[QuoteRow] = (),
        depth: Sequence[DepthUpdate] = (),
        bars: Sequence[tuple[str, list[tuple[BarRow, bool]]]] = (),
    ) -> None:
        """Process one batch of this symbol's rows."""
        if depth:
            self._take_depth(depth)
        if quotes:
            self._take_quotes(quotes)
        if trades:
            self.take_trades(trades)
        for name, rows in bars:
            self._take_bars(name, rows)
        self.engine.notify()

    def take_trades(self, trades: Sequence[TradeRow]) -> None:
        """Process a batch of trades."""
        size = self.batch_size
        for a in range(0, len(trades), size):
            rows = trades[a : a + size] if len(trades) > size else trades
            if not self._windowed:
                self._take_trades(rows, builds=self.engine.source == "trades")
                continue
            inside = [self._trades_from <= row[0] < self._trades_until for row in rows]
            for builds in (True, False):
                part = [row for row, is_in in zip(rows, inside, strict=True) if is_in is builds]
                if part:
                    self._take_trades(part, builds=builds)

    def _take_trades(self, rows: Sequence[TradeRow], *, builds: bool) -> None:
        engine, ledger = self.engine, self.ledger
        if len(rows) > self.largest_batch:
            self.largest_batch = len(rows)
        with engine.lock:
            self._set_time()
            ledger.received += len(rows) * builds
            if "trades" not in self.subscribed:
                ledger.unsubscribed += len(rows) * builds
                return
            rows, again = (self.duplicates if self.edges is None else self.edges).split(rows)
            ledger.duplicate += len(again) * builds
            if engine.config.data_validation and rows:
                rows, rejected = self.rules.split(rows, self._latest_ns())
                for reason, row in rejected:
                    ledger.reject(reason, int(builds))
                    self.quality.rejected(reason, row)
            if not rows:
                return
            if self.edges is not None:
                self.edges.see(rows, self.outage_ns)
            if self.quality.rules is not None and engine.last_trade is not None:
                self.quality.trades(rows, engine.last_trade[0])
            late_before = engine.cascade.out_of_order
            into_bars = builds and self.held is None
            if builds and self.held is not None:
                self.ledger.waiting += len(rows)
                engine.bars_wait = True
                keep_ticks(engine, rows, rows, (), WAITING)
                self.held.keep(rows)
            elif builds:
                arrived = rows
                rows, held = (
                    (self._build(rows), ())
                    if self.outlier_gate is None
                    else self._gate(self.outlier_gate, rows)
                )
                keep_ticks(engine, arrived, rows, held)
            else:
                for activity in engine.activity.values():
                    activity.push_rows(rows)
                keep_ticks(engine, rows, rows, ())
            # A late one changes its bar, and is no newest price.
            in_order = into_bars and engine.cascade.out_of_order == late_before
            newest = rows if in_order else self._newest(rows)
            fired = engine.alerts.take(newest, engine.last_trade)
            if newest:
                engine.last_trade = newest[-1]
            engine.updates += 1
            closed, amended = self.collect()
        self.publisher.fired(fired)
        self.publish(closed, amended)
        self.publisher.trades(rows)

    def _newest(self, rows: Sequence[TradeRow]) -> list[TradeRow]:
        """Return the trades that were the newest of the market when they came, by the exchange's time."""
        last = self.engine.last_trade
        newest = -_NO_LIMIT if last is None else last[0]
        found = []
        for row in rows:
            if row[0] >= newest:
                newest = row[0]
                found.append(row)
        return found

    def _latest_ns(self) -> int:
        # A wrong year would close every bar. A recording's clock follows its data and cannot judge it.
        if isinstance(self.clock, MarketClock):
            return self.clock.latest_ns()
        follows = self.engine.recorded or isinstance(self.clock, EventClock)
        return _NO_LIMIT if follows else self.clock.now_ns() + _FUTURE_NS

    def _gate(
        self, outlier_gate: OutlierGate, rows: Sequence[TradeRow]
    ) -> tuple[Sequence[TradeRow], Sequence[TradeRow]]:
        """Build bars of what is on the market; return the rows that are in one, and those held back."""
        kept, held, released = outlier_gate.split(rows)
        if released:
            outlier_gate.let_in(released)
        out = len(held) - len(released)
        self.ledger.held_back += out
        self.ledger.in_bars += len(released)
        for row in held:
            self.quality.outlier(row)
        return self._build(kept) if kept else kept, held

    def release(self) -> None:
        """Put the trades that waited into the bars, however old; from now on none waits."""
        engine, cascade = self.engine, self.engine.cascade
        with engine.lock:
            self._set_time()
            held, self.held = self.held, None
            rows = [] if held is None else held.rows
            if not rows:
                return
            lateness, cascade.max_lateness_ns = cascade.max_lateness_ns, _NO_LIMIT
            try:
                gate = self.outlier_gate
                built, out = (self._build(rows), ()) if gate is None else self._gate(gate, rows)
            finally:
                cascade.max_lateness_ns = lateness
            self.ledger.waiting -= len(rows)
            engine.bars_wait = False
            engine.ticks.take_out(WAITING)
            keep_ticks(engine, rows, built, out)
            engine.updates += 1
            closed, amended = self.collect()
        self.publish(closed, amended)
        engine.notify()

    def builds_bar_at(self, ts_ns: int) -> bool:
        """Return whether bars are built from trades at an instant."""
        return self._trades_from <= ts_ns < self._trades_until

    def _build(self, rows: Sequence[TradeRow]) -> Sequence[TradeRow]:
        """Put rows into the bars; return those that are in one."""
        engine = self.engine
        cascade = engine.cascade
        amended = cascade.amended_count
        cascade.push_rows(rows)
        if cascade.max_lateness_ns != _NO_LIMIT:
            self.late_amended += cascade.amended_count - amended
        if cascade.refused:
            refused = {id(row) for row in cascade.refused}
            if engine.config.enable_tick_data:
                engine.ticks.extend(cascade.refused, flag=REFUSED)
            rows = [row for row in rows if id(row) not in refused]
            cascade.refused.clear()
        self.ledger.in_bars += len(rows)
        for bars in engine.activity.values():
            bars.push_rows(rows)
        return rows

    def _take_quotes(self, rows: Sequence[QuoteRow]) -> None:
        engine, ledger = self.engine, self.ledger
        ledger.quotes += len(rows)
        if "quotes" not in self.subscribed:
            return
        if rows[0][0] == 0 or rows[-1][0] == 0:
            # Some venues send quotes without a time: they count from when they came.
            now = self.clock.now_ns()
            rows = [(row[0] or now, *row[1:]) for row in rows]
        with engine.lock:
            self._set_time()
            engine.last_quote = rows[-1]
            if engine.config.enable_tick_data:
                engine.quotes.extend(rows)
            closed: Closed = []
            amended: list[tuple[str, BarRow]] = []
            fired: list[Fired] = []
            if engine.source == "quotes":
                ledger.received += len(rows)
                prices = trades_of_quotes(rows, self.quote_price)
                if engine.config.data_validation:
                    good, rejected = self.rules.split(prices, self._latest_ns())
                    for reason, row in rejected:
                        ledger.reject(reason)
                        self.quality.rejected(reason, row)
                    prices = list(good)
                if prices:
                    built = (
                        self._build(prices)
                        if self.outlier_gate is None
                        else self._gate(self.outlier_gate, prices)[0]
                    )
                    built = self._newest(built)
                    fired = engine.alerts.take(built, engine.last_trade)
                    engine.last_trade = built[-1] if built else engine.last_trade
                closed, amended = self.collect()
            engine.updates += 1
        self.quality.quotes(rows)
        self.publisher.fired(fired)
        self.publish(closed, amended)
        self.publisher.quotes(rows)

    def _take_bars(self, name: str, rows: list[tuple[BarRow, bool]]) -> None:
        engine = self.engine
        if self._bar_name not in (None, name):
            return
        start, end = self._bars_from, self._bars_until
        done = [row for row, closed in rows if closed and start <= row[0] < end]
        if not done:
            return
        with engine.lock:
            self._set_time()
            self.ledger.received += len(done)
            done = self.possible(name, done)
            outside = engine.cascade.outside_session
            engine.cascade.push_bars(done)
            self.ledger.in_bars += len(done) - (engine.cascade.outside_session - outside)
            fired: list[Fired] = []
            if done:
                last = done[-1]
                if engine.last_trade is None or engine.last_trade[0] < last[0]:
                    fired = engine.alerts.take_bars(done, engine.last_trade)
                    engine.last_trade = (last[0], last[4], last[5], last[6], 0, -1)
                if name == engine.cascade.root.name:
                    engine.cascade.close_until(engine.cascade.root.edge)
            engine.updates += 1
            closed, amended = self.collect()
        self.publisher.fired(fired)
        self.publish(closed, amended)

    def possible(self, name: str, rows: Sequence[BarRow]) -> list[BarRow]:
        """Return the valid bars; the others are counted as rejected."""
        if not self.engine.config.validate_bars:
            return list(rows)
        good: list[BarRow] = []
        for row in rows:
            fault = bar_faults(row)
            if fault is None:
                good.append(row)
            else:
                self.ledger.reject(f"bar_{fault}")
                self.quality.rejected(fault, row, name)
        return good

    def _take_depth(self, updates: Sequence[DepthUpdate]) -> None:
        engine = self.engine
        self.ledger.depth_updates += len(updates)
        if "depth" not in self.subscribed:
            return
        with engine.lock:
            for update in updates:
                engine.apply_depth(update)
            engine.updates += 1
        self.publisher.depth(updates[-1].ts_ns or self.clock.now_ns(), updates)

    def build_from(
        self, source: Literal["trades", "bars"], boundary_ns: int, bars: str | None = None
    ) -> None:
        """Build bars from another source, from an instant of market time on; trades are stored in any case.

        Parameters
        ----------
        boundary_ns
            An edge of the finest timeframe that no data has reached yet.
        bars
            Which of the feed's own timeframes.
        """
        with self.engine.lock:
            self._windowed = True
            if source == "bars":
                self._trades_until, self._bar_name = boundary_ns, bars
                self._bars_from, self._bars_until = boundary_ns, _NO_LIMIT
            else:
                self._bars_until = boundary_ns
                self._trades_from, self._trades_until = boundary_ns, _NO_LIMIT
            self.engine.source = source

    def _set_time(self) -> None:
        """Let the bars know the market's time; hold the symbol's lock."""
        engine = self.engine
        engine.cascade.closing.advance(self.arrival_ns if engine.recorded else self.clock.now_ns())

    # -- time ---------------------------------------------------------------------------------------

    def _grace_market_ns(self) -> int:
        # The grace is for the way to us, which takes wall time: at 60x it is 60 times as long in the market.
        wall_ms = self.engine.config.grace_ms
        if time.monotonic() - self._lag_at < _LAG_SECONDS:
            # Of a backlog the trades are on their way still: closed now, their bar would be amended by each.
            wall_ms += self._lag_ms
        return int(wall_ms * 1e6 / max(self.clock.wall_seconds(1_000_000_000), 1e-9))

    def note_lag(self, lag_ms: float) -> None:
        """Record the newest data's latency, in wall-clock milliseconds."""
        self._lag_ms, self._lag_at = max(0.0, lag_ms), time.monotonic()

    def advance(self, now_ns: int) -> None:
        """Let a recording's time pass until an instant: what is due by then closes when it was due."""
        engine = self.engine
        cascade = engine.cascade
        with engine.lock:
            closing = cascade.closing
            closing.grace_ns = engine.grace_ns
            closing.advance(now_ns)
            due = closing.now_ns - closing.grace_ns
            edge = cascade.next_edge()
            if edge is None or edge > due:
                return
            cascade.close_until(due)
            cascade.fill_until(due)
            closed, amended = self.collect()
            engine.updates += 1
        self.publish(closed, amended)
        engine.notify()

    def next_instant(self, at_ns: int) -> int:
        """Return when a recording's data counts as come that was received at an instant.

        Later than all before it, in the microseconds in which stores tell time.
        """
        return max(at_ns, (self.engine.cascade.closing.now_ns // _NS_PER_US + 1) * _NS_PER_US)

    def quiet(self) -> tuple[int, int, int]:
        """Return between which times a recording's next trades neither close nor amend a bar.

        Returns
        -------
        tuple of int
            Not before the first, and before the second, in nanoseconds; the microsecond it is now. The second
            is 0 where every trade counts by itself.
        """
        engine = self.engine
        cascade = engine.cascade
        root = cascade.root
        each_counts = engine.activity or self.outlier_gate is not None or not root.is_open
        return cascade.newest_ns, 0 if each_counts else root.edge, cascade.closing.now_ns // _NS_PER_US

    def close_due(self) -> None:
        """Close the bars whose interval has passed by more than the grace."""
        if self.held is not None and self.held.closing_waits:
            return
        engine = self.engine
        due = self.clock.now_ns() - self._grace_market_ns()
        with engine.lock:
            self._set_time()
            before = engine.cascade.root.closed_to
            engine.cascade.close_until(due)
            engine.cascade.fill_until(due)
            closed, amended = self.collect()
            changed = bool(closed) or engine.cascade.root.closed_to != before
            engine.updates += changed
        self.publish(closed, amended)
        if changed:
            engine.notify()

    def seconds_to_close(self) -> float | None:
        """Return the wall-clock seconds until `close_due` has something to do; None while no bar is open."""
        with self.engine.lock:
            edge = self.engine.cascade.next_edge()
        if edge is None:
            return None
        seconds = self.clock.wall_seconds(edge + self._grace_market_ns() - self.clock.now_ns())
        if math.isinf(seconds):
            return None
        return max(0.0 if self.held is None else _LOOK_SECONDS, seconds)

    def end(self) -> None:
        """Close what is open at the end of a recording; the bars are marked partial."""
        self.release()
        engine = self.engine
        with engine.lock:
            # Who looked at the instant of the last trade has seen them open.
            engine.cascade.closing.advance(engine.cascade.closing.now_ns + _NS_PER_US)
            for node in engine.cascade.nodes():
                node.partial = node.is_open or node.partial
            engine.cascade.close_until(2**62)
            engine.updates += 1
            closed, amended = self.collect()
        self.publish(closed, amended)
        engine.notify()

    def newest_ns(self, else_ns: int | None = None) -> int:
        """Return the market time of the newest data held; where there is none ``else_ns``, or now."""
        last = self.engine.last_trade
        if last is not None:
            return last[0]
        return self.clock.now_ns() if else_ns is None else else_ns

    def live_spans(self, now_ns: int) -> list[tuple[int, int]]:
        """Return the intervals of market time in which data arrived, or was backfilled."""
        lost = [*self.gaps.lacking(), *([(self.outage_ns, now_ns)] if self.outage_ns is not None else [])]
        spans, start = [], self.live_since_ns
        for a, b in sorted(lost):
            if a > start:
                spans.append((start, a))
            start = max(start, b)
        return [*spans, (start, now_ns)]

    # -- events -------------------------------------------------------------------------------------

    def collect(self) -> tuple[Closed, list[tuple[str, BarRow]]]:
        """Return and clear the bars that closed and those that changed; hold the symbol's lock."""
        engine = self.engine
        closed, engine.closed = engine.closed, []
        amended = [(node.name, row) for node, row in engine.cascade.amended] + engine.amended
        engine.cascade.amended.clear()
        engine.amended.clear()
        return closed, amended

    def publish(self, closed: Closed, amended: list[tuple[str, BarRow]]) -> None:
        """Check bars that closed, and emit events for all that changed."""
        self.bars_closed += len(closed)
        rules = self.quality.rules
        if rules is not None:
            for name, row, *_ in closed:
                with self.engine.lock:
                    if name not in self.engine.all_names():
                        continue  # another thread removed the timeframe since
                    grid = self.engine.grid(name)
                self.quality.bar(name, row, grid, rules)
        self.publisher.bars(closed, amended)

    def accounting(self, frames: int, control: int, malformed: int) -> Accounting:
        """Return the accounting of trades as of now."""
        cascade = self.engine.cascade
        with self.engine.lock:
            return self.ledger.freeze(
                self.engine.symbol,
                late_dropped=cascade.late_dropped,
                outside_session=cascade.outside_session,
                amended=cascade.amended_count,
                frames=frames,
                control=control,
                malformed=malformed,
            )
