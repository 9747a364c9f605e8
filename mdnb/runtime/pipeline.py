"""What happens to one symbol's data, in which order (hot path, guarded by ``tests/benchmarks``).

The only file that knows the order of the stages: duplicates out, rules, bars, ticks kept, events. It runs
on the background loop and takes the engine's lock a batch at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from mdnb.batch import BarRow, DepthUpdate, QuoteRow, TradeRow
from mdnb.clock import Clock, EventClock
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.runtime.accounting import Accounting, Ledger
from mdnb.runtime.engine import Engine
from mdnb.types import Quote, Tick
from mdnb.validate.duplicates import Duplicates
from mdnb.validate.tick_rules import TickRules

__all__ = ["Pipeline"]

_CHUNK = 20_000
_FUTURE_NS = 60 * 1_000_000_000
_NO_LIMIT = 2**63 - 1
_FLAG_REFUSED = 1
_SIDES = {1: "buy", -1: "sell", 0: None}


class Pipeline:
    """Takes decoded rows of one symbol to bars, ticks and events.

    Parameters
    ----------
    engine
        What is written to.
    bus
        Who is told.
    clock
        The market's time.
    ids
        How the venue numbers its trades.
    quote_price
        ``mid``, ``bid`` or ``ask``: what a quote counts as where bars are built from quotes.
    """

    def __init__(
        self,
        engine: Engine,
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
        self._grace_ns = int(engine.config.grace_ms * 1e6)

    # -- live ---------------------------------------------------------------------------------------

    def take(
        self,
        trades: Sequence[TradeRow] = (),
        quotes: Sequence[QuoteRow] = (),
        depth: Sequence[DepthUpdate] = (),
        bars: Sequence[tuple[str, list[tuple[BarRow, bool]]]] = (),
    ) -> None:
        """Take what one drain held for this symbol."""
        if depth:
            self._take_depth(depth)
        if quotes:
            self._take_quotes(quotes)
        for a in range(0, len(trades), _CHUNK):
            self._take_trades(trades[a : a + _CHUNK])
        for name, rows in bars:
            self._take_bars(name, rows)
        self.engine.notify()

    def _take_trades(self, rows: Sequence[TradeRow]) -> None:
        engine, ledger = self.engine, self.ledger
        builds = engine.source == "trades"
        ledger.received += len(rows) * builds
        if "trades" not in self.subscribed:
            ledger.unsubscribed += len(rows) * builds
            return
        with engine.lock:
            rows, again = self.duplicates.split(rows)
            ledger.duplicate += len(again) * builds
            if engine.config.data_validation and rows:
                rows, rejected = self.rules.split(rows, self._latest_ns())
                for reason, _ in rejected:
                    ledger.rejected[reason] += builds
            if not rows:
                return
            if builds:
                rows = self._build(rows)
            if rows:
                engine.last_trade = rows[-1]
                if engine.config.enable_tick_data:
                    engine.ticks.extend(rows)
            engine.updates += 1
            closed, amended = self._collect()
        self._tell(closed, amended)
        if rows and self.bus.wants(EventType.TICK_DATA):
            for row in rows:
                self._emit(EventType.TICK_DATA, row[0], self.tick(row))

    def _latest_ns(self) -> int:
        # A wrong year would close every bar. A recording's clock follows its data and cannot judge it.
        return _NO_LIMIT if isinstance(self.clock, EventClock) else self.clock.now_ns() + _FUTURE_NS

    def _build(self, rows: Sequence[TradeRow]) -> Sequence[TradeRow]:
        """Put rows into the bars; return those that are in one."""
        engine = self.engine
        cascade = engine.cascade
        cascade.push_rows(rows)
        if cascade.refused:
            refused = {id(row) for row in cascade.refused}
            if engine.config.enable_tick_data:
                engine.ticks.extend(cascade.refused, flag=_FLAG_REFUSED)
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
            engine.last_quote = rows[-1]
            if engine.config.enable_tick_data:
                engine.quotes.extend(rows)
            closed: list[tuple[str, BarRow, int]] = []
            amended: list[tuple[str, BarRow]] = []
            if engine.source == "quotes":
                ledger.received += len(rows)
                prices = self._quote_prices(rows)
                if engine.config.data_validation:
                    good, rejected = self.rules.split(prices, self._latest_ns())
                    for reason, _ in rejected:
                        ledger.rejected[reason] += 1
                    prices = list(good)
                if prices:
                    self._build(prices)
                    engine.last_trade = prices[-1]
                closed, amended = self._collect()
            engine.updates += 1
        self._tell(closed, amended)
        if self.bus.wants(EventType.QUOTE_UPDATE):
            for row in rows:
                self._emit(EventType.QUOTE_UPDATE, row[0], self.quote(row))

    def _quote_prices(self, rows: Sequence[QuoteRow]) -> list[TradeRow]:
        if self.quote_price == "bid":
            return [(row[0], row[1], 0.0, 1, 0, -1) for row in rows]
        if self.quote_price == "ask":
            return [(row[0], row[3], 0.0, 1, 0, -1) for row in rows]
        return [(row[0], (row[1] + row[3]) / 2, 0.0, 1, 0, -1) for row in rows]

    def _take_bars(self, name: str, rows: list[tuple[BarRow, bool]]) -> None:
        engine = self.engine
        if engine.source != "bars":
            return
        done = [row for row, closed in rows if closed]
        self.ledger.received += len(done)
        with engine.lock:
            outside = engine.cascade.outside_session
            engine.cascade.push_bars(done)
            self.ledger.in_bars += len(done) - (engine.cascade.outside_session - outside)
            if done:
                last = done[-1]
                engine.last_trade = (last[0], last[4], last[5], last[6], 0, -1)
                if name == engine.cascade.root.name:
                    engine.cascade.close_until(engine.cascade.root.edge)
            engine.updates += 1
            closed, amended = self._collect()
        self._tell(closed, amended)

    def _take_depth(self, updates: Sequence[DepthUpdate]) -> None:
        engine = self.engine
        self.ledger.depth_updates += len(updates)
        if "depth" not in self.subscribed:
            return
        with engine.lock:
            for update in updates:
                engine.apply_depth(update)
            engine.updates += 1
        if self.bus.wants(EventType.MARKET_DEPTH_UPDATE):
            bids, asks = engine.book(1)
            data = {"best_bid": bids[:1], "best_ask": asks[:1], "updates": len(updates)}
            self._emit(EventType.MARKET_DEPTH_UPDATE, updates[-1].ts_ns, data)

    # -- time ---------------------------------------------------------------------------------------

    def _grace_market_ns(self) -> int:
        # The grace is for the way to us, which takes wall time: at 60x it is 60 times as long in the market.
        return int(self._grace_ns / max(self.clock.wall_seconds(1_000_000_000), 1e-9))

    def close_due(self) -> None:
        """Close the bars whose interval has passed by more than the grace."""
        engine = self.engine
        due = self.clock.now_ns() - self._grace_market_ns()
        with engine.lock:
            before = engine.cascade.root.closed_to
            engine.cascade.close_until(due)
            engine.cascade.fill_until(due)
            closed, amended = self._collect()
            changed = bool(closed) or engine.cascade.root.closed_to != before
            engine.updates += changed
        self._tell(closed, amended)
        if changed:
            engine.notify()

    def seconds_to_close(self) -> float | None:
        """Return the wall-clock seconds until `close_due` has something to do; None while no bar is open."""
        with self.engine.lock:
            edge = self.engine.cascade.next_edge()
        if edge is None:
            return None
        seconds = self.clock.wall_seconds(edge + self._grace_market_ns() - self.clock.now_ns())
        return None if math.isinf(seconds) else max(0.0, seconds)

    def end(self) -> None:
        """Close what is open at the end of a recording; the bars are marked partial."""
        engine = self.engine
        with engine.lock:
            for node in engine.cascade.nodes():
                node.partial = node.is_open or node.partial
            engine.cascade.close_until(2**62)
            engine.updates += 1
            closed, amended = self._collect()
        self._tell(closed, amended)
        engine.notify()

    # -- history ------------------------------------------------------------------------------------

    def load_bars(self, rows: Sequence[BarRow], boundary_ns: int) -> None:
        """Take history: closed bars of the root's timeframe up to a boundary; nobody is told."""
        engine = self.engine
        with engine.lock:
            engine.cascade.push_bars(rows)
            engine.cascade.close_until(boundary_ns)
            for bars in (engine.closed, engine.cascade.amended):
                bars.clear()
            if rows:
                last = rows[-1]
                engine.last_trade = (last[0], last[4], last[5], last[6], 0, -1)
            engine.updates += 1

    def load_trades(self, rows: Sequence[TradeRow], boundary_ns: int) -> None:
        """Take history: trades since the boundary go into the bars, older ones are only kept as ticks."""
        engine = self.engine
        with engine.lock:
            rows, _ = self.duplicates.split(rows)
            engine.ticks.extend(rows)
            for bars in engine.activity.values():
                bars.push_rows(rows)
            newer = [row for row in rows if row[0] >= boundary_ns]
            engine.cascade.push_rows(newer)
            if rows:
                engine.last_trade = rows[-1]
                self.rules.seed([row[1] for row in rows[-64:]])
            engine.cascade.refused.clear()
            engine.cascade.amended.clear()
            engine.closed.clear()
            engine.updates += 1

    # -- telling ------------------------------------------------------------------------------------

    def _collect(self) -> tuple[list[tuple[str, BarRow, int]], list[tuple[str, BarRow]]]:
        engine = self.engine
        closed, engine.closed = engine.closed, []
        amended = [(node.name, row) for node, row in engine.cascade.amended]
        engine.cascade.amended.clear()
        return closed, amended

    def _tell(self, closed: list[tuple[str, BarRow, int]], amended: list[tuple[str, BarRow]]) -> None:
        bus, engine = self.bus, self.engine
        for name, row, flags in closed:
            bar = engine.bar(name, row, flags=flags)
            end = row[0]
            if bus.wants(EventType.NEW_BAR):
                self._emit(EventType.NEW_BAR, end, bar)
            if bus.wants(EventType.BAR_CONSTRUCTED):
                self._emit(EventType.BAR_CONSTRUCTED, end, bar)
        if amended and bus.wants(EventType.BAR_AMENDED):
            for name, row in amended:
                self._emit(EventType.BAR_AMENDED, row[0], engine.bar(name, row, flags=2))
        if bus.wants(EventType.BAR_UPDATED):
            for name in engine.timeframes():
                forming = engine.forming(name)
                if forming is not None:
                    self._emit(EventType.BAR_UPDATED, forming[0], engine.bar(name, forming, closed=False))

    def _emit(self, kind: EventType, time_ns: int, data: Any) -> None:
        self.bus.emit(Event(kind, self.engine.symbol, time_ns, data, self.engine.tz))

    def tick(self, row: TradeRow, flag: str = "ok") -> Tick:
        """Return a row as a `Tick`."""
        ts_ns, price, size, count, side, trade_id = row
        return Tick(
            self.engine.symbol, ts_ns, price, size, _SIDES[side], trade_id, count, flag, self.engine.tz
        )

    def quote(self, row: QuoteRow, age: float = 0.0) -> Quote:
        """Return a row as a `Quote`."""
        return Quote(self.engine.symbol, *row, age, self.engine.tz)

    def accounting(self, frames: int, control: int, malformed: int) -> Accounting:
        """Return where every trade went, as of now."""
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
