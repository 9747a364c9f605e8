"""The stages that one symbol's data passes, in order (hot path, guarded by ``tests/benchmarks``).

The only file that knows the order of the stages: duplicates out, rules, bars, ticks kept, events. It runs
on the background loop and takes the engine's lock a batch at a time.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import math
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Literal

from mdnb.bars.closing import whole_us
from mdnb.bars.lost_trades import mark_activity, mark_node, mark_to_come
from mdnb.bars.noted_closings import NotedClosings
from mdnb.clock import Clock, EventClock, MarketClock
from mdnb.events.bus import EventBus
from mdnb.rows import (
    NOT_LAST,
    BarRow,
    DepthUpdate,
    QuoteRow,
    TradeChange,
    TradeRow,
    marks_of,
    time_of,
    trades_of_quotes,
)
from mdnb.runtime.live.accounting import Accounting, ConnectionCounts, Ledger
from mdnb.runtime.live.data_quality import Quality, QualityAlerts, error_in_words
from mdnb.runtime.live.edge_trades import EdgeTrades
from mdnb.runtime.live.event_publisher import Closed, EventPublisher
from mdnb.runtime.live.gap_book import GapBook, GapsInTime
from mdnb.runtime.live.held_trades import HeldTrades
from mdnb.runtime.live.history_seam import HistorySeam
from mdnb.runtime.live.outage_ids import OutageIds
from mdnb.runtime.live.outlier_gate import OutlierGate, keep_ticks
from mdnb.runtime.live.own_bars import OwnBars
from mdnb.runtime.live.price_alerts import Fired
from mdnb.runtime.live.refusals import Refusals
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.live.unsettled_bars import end_marks, lose_marks, mark_unsettled
from mdnb.stores.columns import PARTIAL
from mdnb.stores.ticks import REFUSED, WAITING
from mdnb.timeframes import Grid, Timeframe, is_same_timeframe
from mdnb.validate.book_order import BookOrder, Verdict
from mdnb.validate.duplicates import Duplicates
from mdnb.validate.findings import QualityFinding
from mdnb.validate.live_checks import bar_faults, quote_fault
from mdnb.validate.tick_rules import MOST_TRADES, TickRules

__all__ = ["Pipeline"]

_log = logging.getLogger("mdnb")
_CHECKSUM_LEVELS = 25
"""No venue sums up more levels a side."""
_LAG_SECONDS = 2.0
_REFUSED = 1_000
_TOLD_CHANGES = 1_000
_FUTURE_NS = 60 * 1_000_000_000
_LOOK_SECONDS = 0.25
_NO_LIMIT = 2**63 - 1
_INF = math.inf
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

    Attributes
    ----------
    on_broken_book
        Called with the symbol when its order book is not the venue's any more; the symbol's lock is held.
    failures
        How often a stage raised something.
    refused_trades
        Id, price and size of the newest trades that validation refused: what is said of them later changes no
        bar.
    told_changes
        The newest corrections and cancellations: a history may not have them yet.
    early_changes
        Those of them whose trades had not come by then, as far as these may still come.
    on_unsure_bar
        Called with the symbol and an instant of market time when a bar may be wrong, and ticks in memory do
        not tell; None: nobody can tell.
    on_unplaced_change
        Called with the symbol and what the venue says of a trade that is not in memory, where it does not say
        when that was made; None: nobody can tell.
    put_in_place
        Called with trades that an outage had left out and that come by themselves: each belongs where its id
        says.
    noted
        Of a market that is played again, when its bars were closed; None: nobody knows.
    recorded_gaps
        Says when gaps of a recording are settled; None: who follows the connection does.
    closer_look
        Why trades have to be looked at more closely than nearly all need: the names of what is under way.
    history_seam
        What the history gave before any live trade came, until live ones have shown whose ids it has.
    on_edge
        Called when the end of the finest bar that is being made has become another one, or it has closed;
        the symbol's lock is held.
    """

    # So many attributes would be a dictionary of 1.6 KB, which of a thousand symbols no cache can hold.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_bar_name",
        "_bars_from",
        "_bars_until",
        "_edge",
        "_is_new_contract",
        "_lag_at",
        "_lag_ms",
        "_trades_from",
        "_trades_until",
        "_windowed",
        "alerts",
        "arrival_ns",
        "back_ns",
        "bars_closed",
        "batch_size",
        "book_order",
        "bus",
        "clock",
        "closer_look",
        "duplicates",
        "edges",
        "engine",
        "failures",
        "gaps",
        "held",
        "history_seam",
        "history_missing",
        "import_findings",
        "largest_batch",
        "late_amended",
        "ledger",
        "live_since_ns",
        "not_rebuilt",
        "noted",
        "on_broken_book",
        "on_edge",
        "on_own_bars",
        "on_set_back",
        "early_changes",
        "on_unplaced_change",
        "on_unsure_bar",
        "told_changes",
        "outage_ids",
        "outage_ns",
        "outlier_gate",
        "own_bar",
        "own_bars",
        "publisher",
        "put_back",
        "put_in_place",
        "quality",
        "quote_price",
        "refusals",
        "refused_trades",
        "recorded_gaps",
        "rules",
        "subscribed",
        "told_by_bars_until",
    )

    def __init__(
        self,
        engine: SymbolState,
        bus: EventBus,
        clock: Clock,
        ids: Literal["sequential", "unique", "none"] = "none",
        quote_price: Literal["mid", "bid", "ask"] = "mid",
    ) -> None:
        self.engine, self.bus, self.clock, self.quote_price = engine, bus, clock, quote_price
        self.ledger, self.refusals = Ledger(), Refusals()
        self.duplicates = Duplicates(ids)
        self.outage_ids = OutageIds(self.duplicates)
        self.closer_look: set[str] = set()
        self.history_seam = HistorySeam(ids, self.closer_look)
        self.put_in_place: Callable[[Pipeline, Sequence[TradeRow]], None] | None = None
        self.rules = TickRules(
            positive_prices=engine.instrument.positive_prices, tick_size=engine.instrument.tick_size
        )
        self.subscribed, self.batch_size = {"trades", "quotes"}, engine.config.batch_size
        self.outlier_gate: OutlierGate | None = None
        self.largest_batch = self.bars_closed = self.failures = self.late_amended = self.arrival_ns = 0
        # Stretches of market time in which trades, or the feed's own bars, go into the bars.
        self._trades_from = self._bars_from = -_NO_LIMIT
        self._trades_until = _NO_LIMIT if engine.source == "trades" else -_NO_LIMIT
        self._bars_until = _NO_LIMIT if engine.source == "bars" else -_NO_LIMIT
        self._bar_name: str | None = None
        self.noted: NotedClosings | None = None
        self._windowed = self._is_new_contract = False
        self._lag_ms, self._lag_at = 0.0, -_LAG_SECONDS
        self._edge: int | None = None
        self.refused_trades = collections.deque[tuple[int, float, float]](maxlen=_REFUSED)
        self.told_changes = collections.deque[TradeChange](maxlen=_TOLD_CHANGES)
        self.early_changes: list[TradeChange] = []
        self.on_unsure_bar: Callable[[str, int], None] | None = None
        self.on_unplaced_change: Callable[[str, TradeChange], None] | None = None
        self.on_edge: Callable[[Pipeline], None] | None = None
        self.book_order = BookOrder()
        self.on_broken_book: Callable[[str], None] | None = None
        self.live_since_ns = clock.now_ns()
        self.outage_ns: int | None = None
        self.back_ns: int | None = None
        # Timeframes of which bars could not be made anew, and between which times, until a repair takes them.
        self.not_rebuilt: list[tuple[str, int, int]] = []
        # Until when the bars of a history have all trades; of a venue without a history of trades alone.
        self.told_by_bars_until: int | None = None
        self.gaps = GapBook()
        self.recorded_gaps: GapsInTime | None = None
        self.held: HeldTrades | None = None
        self.edges = EdgeTrades(among_ids=ids != "none")
        # What the newest trades that were put back by time are known by.
        self.put_back: set[Hashable] = set()
        self.own_bars = OwnBars(engine.cascade)
        # The newest of the feed's own bars: its timeframe and start; and who is told of the next ones.
        self.own_bar: tuple[str, int] | None = None
        self.on_own_bars: Callable[[str, Sequence[BarRow]], None] | None = None
        # Is told by how much the clock that was followed so far was ahead.
        self.on_set_back: Callable[[int], None] | None = None
        self.history_missing: dict[str, float] = {}
        self.import_findings: dict[str, tuple[QualityFinding, ...]] = {}
        self.publisher = EventPublisher(engine, bus)
        self.alerts = QualityAlerts(self.publisher.alert)
        self.quality = Quality(
            engine.symbol, engine.instrument, engine.tz, self.alerts, self._now_ns, self.closer_look
        )
        self.duplicates.on_doubt = lambda row: self.note_odd_id(row, "kept without it")

    # -- live ---------------------------------------------------------------------------------------

    def take(
        self,
        trades: Sequence[TradeRow] = (),
        quotes: Sequence[QuoteRow] = (),
        depth: Sequence[DepthUpdate] = (),
        bars: Sequence[tuple[str, list[tuple[BarRow, bool]]]] = (),
        now_ns: int | None = None,
    ) -> None:
        """Process one batch of this symbol's rows; ``now_ns`` is the clock's time, where it is known."""
        if depth:
            self._take_depth(depth)
        if quotes:
            self._take_quotes(quotes)
        if trades:
            self.take_trades(trades, now_ns)
        for name, rows in bars:
            self._take_bars(name, rows)
        self.engine.notify()

    def take_trades(self, trades: Sequence[TradeRow], now_ns: int | None = None) -> None:
        """Process a batch of trades; ``now_ns`` is the clock's time, where it is known."""
        size = self.batch_size
        if len(trades) <= size and not self._windowed:
            builds = self.engine.source == "trades"
            if not (builds and self._take_plain(trades, now_ns)):
                self._take_placed(trades, builds=builds)
            return
        for a in range(0, len(trades), size):
            rows = trades[a : a + size]
            inside = [self._trades_from <= row[0] < self._trades_until for row in rows]
            for builds in (True, False):
                part = [row for row, is_in in zip(rows, inside, strict=True) if is_in is builds]
                if part:
                    self._take_placed(part, builds=builds)

    def _take_placed(self, rows: Sequence[TradeRow], *, builds: bool) -> None:
        """Take trades; what an outage left out is put where it belongs."""
        if self.history_seam.is_open and not self.history_seam.is_told:
            self._look_beside_history(rows)
        if self.put_in_place is None or not builds or "trades" not in self.subscribed:
            self._take_trades(rows, builds=builds)
            return
        seen = self.duplicates
        if len(rows) > 1 and self._shows_what_is_left_out():
            self.largest_batch = max(self.largest_batch, len(rows))
        while len(rows) > 1 and self._shows_what_is_left_out():
            # The first one after an outage shows what it left out, some of which may follow at once.
            first = 1 + next((at for at, row in enumerate(rows) if row[5] > seen.highest), len(rows))
            self._take_trades(rows[:first], builds=builds)
            self.outage_ids.end()
            rows = rows[first:]
        rows, left_out = self.outage_ids.split(rows, self.told_by_bars_until)
        if left_out:
            self.put_in_place(self, left_out)
        if rows:
            self._take_trades(rows, builds=builds)
            self.outage_ids.end()

    def _shows_what_is_left_out(self) -> bool:
        """Whether the next trade is the first one of all, or the first one after an outage."""
        return self.outage_ns is not None or self.outage_ids.is_open or self.duplicates.first < 0

    def lose_line(self) -> None:
        """Note where a recording lost its connection: no book is held, and what comes next left some out."""
        self.reset_depth()
        self.outage_ids.begin()
        if self.recorded_gaps is not None:
            self.recorded_gaps.lose_line()

    def _take_plain(self, rows: Sequence[TradeRow], now_ns: int | None) -> bool:
        """Take trades as nearly all are: all of them new, near the last price, inside the bar that is open.

        Parameters
        ----------
        now_ns
            The clock's time, where it is known already.

        Returns
        -------
        bool
            False where anything else is to be done with them: nothing has happened then. What has happened
            otherwise is what `_take_trades` does with them, which costs several times as much where a market
            brings one trade at a time.
        """
        engine, duplicates = self.engine, self.duplicates
        if (
            self.closer_look
            or self.held is not None
            or self.outlier_gate is not None
            or self.outage_ns is not None
            or (engine.recorded and self.outage_ids.is_open)
            or (duplicates.nameless and (self.edges.expects or self.edges.began_ns is not None))
            or self._is_new_contract
            or "trades" not in self.subscribed
        ):
            return False
        cascade, rules, config = engine.cascade, self.rules, engine.config
        with engine.lock:
            wants_each = engine.has_activity or engine.alerts.prices or cascade.has_marks
            if wants_each or not config.data_validation:
                return False
            if now_ns is None or engine.recorded:
                now_ns = self.arrival_ns if engine.recorded else self.clock.now_ns()
            newest, edge, until = cascade.newest_ns, cascade.root.edge, self.told_by_bars_until
            low, high = rules.low, rules.high
            if high == _INF or rows[-1][0] >= edge or (until is not None and newest < until):
                return False
            for ts_ns, price, size, count, _, _ in rows:
                is_near = newest <= ts_ns < edge and low < price < high
                if not (is_near and 0.0 <= size < _INF and count <= MOST_TRADES):
                    return False
                newest = ts_ns
            if (newest > now_ns and not engine.recorded) or not duplicates.take_new(rows):
                return False
            if duplicates.nameless:
                self.edges.see(rows, None)
            cascade.closing.advance(now_ns)
            last = rows[-1]
            rules.see(last[1])
            cascade.push_inside(rows)
            if config.enable_tick_data:
                engine.ticks.extend(rows)
            engine.last_trade = last
            engine.updates += 1
            count, ledger = len(rows), self.ledger
            ledger.received += count
            ledger.in_bars += count
            self.refusals.accept(count)
        if count > self.largest_batch:
            self.largest_batch = count
        if self.bus.is_heard:
            self.publish((), ())
            self.publisher.trades(rows)
        return True

    def _take_trades(self, rows: Sequence[TradeRow], *, builds: bool) -> None:
        engine, ledger = self.engine, self.ledger
        if len(rows) > self.largest_batch:
            self.largest_batch = len(rows)
        with engine.lock:
            self.set_time()
            ledger.received += len(rows) * builds
            if "trades" not in self.subscribed:
                ledger.unsubscribed += len(rows) * builds
                self.refusals.refuse("unsubscribed", len(rows))
                return
            rows = self._fresh(rows, builds=builds)
            if engine.config.data_validation and rows:
                rows = self.possible_trades(rows, builds=builds)
            if not rows:
                return
            # Those with ids are known by these.
            self.edges.see(rows if self.duplicates.nameless else (), self.outage_ns)
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
                    activity.push_rows(engine.in_full(rows))
                keep_ticks(engine, rows, rows, ())
            if rows:
                self.refusals.accept(len(rows))
            # A late one changes its bar, and is no newest price.
            in_order = into_bars and engine.cascade.out_of_order == late_before
            counting = self._counting(rows)
            newest = counting if in_order else self._newest(counting)
            fired = self._go_on(newest)
            engine.updates += 1
            closed, amended = self.collect()
        self.publisher.fired(fired)
        self.publish(closed, amended)
        self.publisher.trades(rows)

    def possible_trades(self, rows: Sequence[TradeRow], *, builds: bool = True) -> Sequence[TradeRow]:
        """Return the trades that the rules let through; of the others each is counted and said."""
        good, rejected = self.rules.split(rows, self._latest_ns())
        for reason, row in rejected:
            self.ledger.reject(reason, int(builds))
            self.quality.rejected(reason, row)
            self.refusals.refuse(reason, 1)
            self.refused_trades.append((row[5], row[1], row[2]))
            if self.refusals.of_answer is not None:
                self.refusals.of_answer.append(row)
        return good

    def take_for_price(self, rows: Sequence[TradeRow]) -> list[Fired]:
        """Take what was put where it belongs for the price, as far as it is newer; hold the symbol's lock."""
        return self._go_on(self._newest([row for row in rows if not marks_of(row) & NOT_LAST]))

    def _counting(self, rows: Sequence[TradeRow]) -> Sequence[TradeRow]:
        """Note the trades that count in part; return those that count for the price."""
        if not self.engine.has_marks:
            return rows
        self.ledger.in_part += sum(marks_of(row) > 0 for row in rows)
        return [row for row in rows if not marks_of(row) & NOT_LAST]

    def _go_on(self, newest: Sequence[TradeRow]) -> list[Fired]:
        """Take the newest trades for the price; return the alerts that they fire."""
        engine = self.engine
        before = engine.last_trade
        if self._is_new_contract and newest:
            # From one contract's price to the other's nothing was traded.
            self._see_contract(newest[0])
            before = None
        fired = engine.alerts.take(newest, before)
        if newest:
            engine.last_trade = newest[-1]
        return fired

    def _fresh(self, rows: Sequence[TradeRow], *, builds: bool) -> Sequence[TradeRow]:
        """Return the trades that did not come before; the others are counted."""
        had: list[TradeRow] = []
        if self.history_seam.is_open and self.history_seam.is_told:
            rows, had = self.history_seam.split(rows)
        fresh, again = self.duplicates.split(rows)
        again += had
        if self.duplicates.nameless and fresh:
            fresh, equal = self.edges.split(fresh)
            again = [*again, *equal]
        until = self.told_by_bars_until
        if until is not None and builds:
            # What some venues repeat of their trades when they are subscribed.
            again = [*again, *(row for row in fresh if row[0] < until)]
            fresh = [row for row in fresh if row[0] >= until]
        since, engine = self.engine.contracts.since_ns, self.engine
        # A saved market knows its seams before they are played.
        is_passed = since > 0 and (not engine.recorded or self.arrival_ns >= since)
        if is_passed and fresh and not self.refusals.asked_for:
            fresh = self._since_roll(fresh, since, builds=builds)
        if again:
            self.ledger.duplicate += len(again) * builds
            last = self.engine.last_trade
            is_old = last is not None and max(row[0] for row in again) <= last[0]
            self.refusals.refuse("duplicate", len(again), again=is_old)
        return fresh

    def _look_beside_history(self, rows: Sequence[TradeRow]) -> None:
        """Learn from the first live trades after a history whether it has the stream's ids."""
        seam = self.history_seam
        if self.refusals.asked_for:
            seam.add(rows)
        elif seam.shows_other_numbers(rows):
            self.quality.note(seam.finding(rows[0]))
            self.duplicates.begin_anew()
            self.outage_ids = OutageIds(self.duplicates)

    def _since_roll(self, rows: Sequence[TradeRow], since_ns: int, *, builds: bool) -> Sequence[TradeRow]:
        """Return the trades made since the seam; of those before it the series has the former contract's."""
        former = [row for row in rows if row[0] < since_ns]
        for row in former:
            self.ledger.reject("before_roll", int(builds))
            self.quality.rejected("before_roll", row)
        self.refusals.refuse("before_roll", len(former))
        return [row for row in rows if row[0] >= since_ns] if former else rows

    def _now_ns(self) -> int:
        # The clock becomes another one when the feed is connected.
        return self.clock.now_ns()

    def note_odd_id(self, row: TradeRow, what: str) -> None:
        """Record a trade whose id is not believed, and what becomes of it."""
        highest = self.duplicates.highest
        sentence = f"a trade has the id {row[5]}, where {highest + 1} is next, and is {what}"
        values = {"trade_id": row[5], "next_id": highest + 1, "price": row[1]}
        self.quality.note(QualityFinding("odd_trade_id", sentence, row[0], values))

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
        judged = self.engine.in_full(rows)
        kept, held, released = outlier_gate.split(judged)
        if len(judged) < len(rows):
            # What does not count in full is not judged: its price is often not the market's.
            out_of_it = set(map(id, held))
            kept = [row for row in rows if id(row) not in out_of_it]
        if released:
            outlier_gate.let_in(released)
        out = len(held) - len(released)
        self.ledger.held_back += out
        self.refusals.refuse("held_back", out)
        self.ledger.in_bars += len(released)
        for row in held:
            self.quality.outlier(row)
        return self._build(kept) if kept else kept, held

    def release(self) -> None:
        """Put the trades that waited into the bars, however old; from now on none waits."""
        engine, cascade = self.engine, self.engine.cascade
        with engine.lock:
            self.set_time()
            held, self.held = self.held, None
            rows = [] if held is None else held.rows
            if not rows:
                return
            lateness, cascade.max_lateness_ns = cascade.max_lateness_ns, _NO_LIMIT
            built: Sequence[TradeRow] = ()
            out: Sequence[TradeRow] = ()
            failure: Exception | None = None
            try:
                gate = self.outlier_gate
                built, out = (self._build(rows), ()) if gate is None else self._gate(gate, rows)
            except Exception as error:  # noqa: BLE001  # those that come next wait for nobody any more
                failure = error
            finally:
                cascade.max_lateness_ns = lateness
            self.ledger.waiting -= len(rows)
            engine.bars_wait = False
            engine.ticks.take_out(WAITING)
            keep_ticks(engine, rows, built, out)
            engine.updates += 1
            closed, amended = self.collect()
        self.publish(closed, amended)
        if failure is not None:
            self.fail(failure)
            self.lose_batch(self.ledger.received, (), (), ())
            self._lose_trades([time_of(row, self.clock.now_ns()) for row in rows])
        engine.notify()

    def builds_bar_at(self, ts_ns: int) -> bool:
        """Return whether bars are built from trades at an instant."""
        return self._trades_from <= ts_ns < self._trades_until

    def _build(self, rows: Sequence[TradeRow]) -> Sequence[TradeRow]:
        """Put rows into the bars; return those that are in one."""
        engine = self.engine
        cascade = engine.cascade
        amended, late = cascade.amended_count, cascade.late_dropped
        cascade.push_rows(rows)
        if cascade.late_dropped != late:
            self.refusals.refuse("late", cascade.late_dropped - late)
        if cascade.max_lateness_ns != _NO_LIMIT:
            self.late_amended += cascade.amended_count - amended
        if cascade.refused:
            refused = {id(row) for row in cascade.refused}
            if engine.config.enable_tick_data:
                engine.keep_ticks(cascade.refused, REFUSED)
            rows = [row for row in rows if id(row) not in refused]
            cascade.refused.clear()
        self.ledger.in_bars += len(rows)
        for bars in engine.activity.values():
            bars.push_rows(engine.in_full(rows))
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
        if engine.config.data_validation:
            rows = self._possible_quotes(rows)
            if not rows:
                return
        with engine.lock:
            self.set_time()
            engine.last_quote = self._newest_quote(rows)
            if engine.config.enable_tick_data:
                engine.quotes.extend(rows)
            closed: Closed = ()
            amended: Sequence[tuple[str, BarRow]] = ()
            fired: list[Fired] = []
            if engine.source == "quotes":
                ledger.received += len(rows)
                prices = trades_of_quotes(rows, self.quote_price)
                if engine.config.data_validation:
                    good, rejected = self.rules.split(prices, self._latest_ns())
                    for reason, row in rejected:
                        ledger.reject(reason)
                        self.quality.rejected(reason, row)
                        self.refusals.refuse(reason, 1)
                    prices = list(good)
                if prices:
                    built = (
                        self._build(prices)
                        if self.outlier_gate is None
                        else self._gate(self.outlier_gate, prices)[0]
                    )
                    if built:
                        self.refusals.accept(len(built))
                    built = self._newest(built)
                    fired = engine.alerts.take(built, engine.last_trade)
                    engine.last_trade = built[-1] if built else engine.last_trade
                closed, amended = self.collect()
            engine.updates += 1
        self.quality.quotes(rows)
        self.publisher.fired(fired)
        self.publish(closed, amended)
        self.publisher.quotes(rows)

    def _possible_quotes(self, rows: Sequence[QuoteRow]) -> Sequence[QuoteRow]:
        """Return the quotes that can be; of the others each is counted and said, as of crossed ones."""
        positive = self.engine.instrument.positive_prices
        low = 0.0 if positive else -_INF
        for _, bid, bid_size, ask, ask_size in rows:
            if not (
                low <= bid <= ask < _INF and bid_size >= 0 and ask_size >= 0 and ask > low and bid > -_INF
            ):
                break
        else:
            return rows
        good = []
        ledger, makes_bars = self.ledger, self.engine.source == "quotes"
        for row in rows:
            reason = quote_fault(row, positive_prices=positive)
            if reason is None:
                good.append(row)
                continue
            ledger.quotes_rejected[reason] += 1
            self.quality.quote_rejected(reason, row)
            if makes_bars:
                ledger.received += 1
                ledger.reject(reason)
                self.refusals.refuse(reason, 1)
        crossed = [row for row in good if row[1] > row[3]]
        if crossed:
            ledger.quotes_crossed += len(crossed)
            self.quality.quotes_crossed(crossed)
        return good

    def _newest_quote(self, rows: Sequence[QuoteRow]) -> QuoteRow:
        """Return the newest quote by the exchange's time; of equal times the one that came last."""
        newest = self.engine.last_quote
        for row in rows:
            # One that was stamped in the future must not stay the newest until then.
            if newest is None or row[0] >= newest[0] or newest[0] > self._latest_ns():
                newest = row
        assert newest is not None
        return newest

    def _take_bars(self, name: str, rows: list[tuple[BarRow, bool]]) -> None:
        engine = self.engine
        closed_rows = [row for row, closed in rows if closed]
        done = self._own_of(name, closed_rows, lambda row: row[0])
        # While the source is changed, those of before are in the bars of the trades.
        left_out = len(closed_rows) - len(done)
        if left_out and (engine.source != "bars" or not self._takes_bars(name)):
            self.ledger.leave_bars(name, left_out)
        if not done:
            return
        if self.on_own_bars is not None:
            self.on_own_bars(name, done)
        self.note_own_bar(name, done[-1][0])
        with engine.lock:
            self.set_time()
            self.ledger.received += len(done)
            done = self.possible(name, done)
            own, cascade = self.own_bars, engine.cascade
            lost = cascade.outside_session + own.again + own.gone
            again, gone = own.again, own.gone
            own.push(name, done)
            self.ledger.duplicate += own.again - again
            cascade.late_dropped += own.gone - gone
            self.ledger.in_bars += len(done) - (cascade.outside_session + own.again + own.gone - lost)
            fired: list[Fired] = []
            if done:
                self.refusals.accept(len(done))
                last = done[-1]
                newest_ns = -_NO_LIMIT if engine.last_trade is None else engine.last_trade[0]
                if newest_ns < last[0]:
                    fired = engine.alerts.take_bars(done, engine.last_trade)
                if newest_ns <= last[0]:
                    engine.last_trade = (last[0], last[4], last[5], last[6], 0, -1)
                if name == engine.cascade.root.name:
                    engine.cascade.close_until(engine.cascade.root.edge)
            engine.updates += 1
            closed, amended = self.collect()
        self.publisher.fired(fired)
        self.publish(closed, amended)

    def _takes_bars(self, name: str) -> bool:
        """Return whether bars are made of the feed's bars of a timeframe: all of them would count twice."""
        if self._bar_name is None and self.engine.source == "bars":
            own = self.engine.made_of.bars
            self._bar_name = name if own is None else own.name
        return self._bar_name is None or is_same_timeframe(name, self._bar_name)

    def _own_of(self, name: str, rows: Sequence[BarRow], time: Callable[[BarRow], int]) -> list[BarRow]:
        """Return those of the feed's closed bars that go into the bars here."""
        if not self._takes_bars(name):
            return []
        return [row for row in rows if self._bars_from <= time(row) < self._bars_until]

    def note_own_bar(self, name: str, start_ns: int) -> None:
        """Note the newest of the feed's own bars."""
        if self.own_bar is None or self.own_bar[1] < start_ns:
            self.own_bar = name, start_ns

    def possible(self, name: str, rows: Sequence[BarRow]) -> list[BarRow]:
        """Return the valid bars; the others are counted as rejected.

        One that begins between two bars of its timeframe is none of them: as the one that begins before it,
        its close would not be known when that ends.
        """
        good: list[BarRow] = []
        positive, judges = self.engine.instrument.positive_prices, self.engine.config.validate_bars
        grid = self.engine.grid(name) if name in self.engine.all_names() else None
        grid = grid or Grid(Timeframe.parse(name), self.engine.sessions)
        for row in rows:
            span = grid.span(row[0])
            fault = "time_off_grid" if span is not None and span[0] != row[0] else None
            if fault is None and judges:
                fault = bar_faults(row, positive_prices=positive)
            if fault is None:
                good.append(row)
            else:
                self.ledger.reject(f"bar_{fault}")
                self.quality.rejected(fault, row, name)
                self.refusals.refuse(fault, 1)
        return good

    def reset_depth(self) -> None:
        """Forget the order book, as after a lost connection."""
        self.book_order.forget()
        self.engine.reset_depth()

    # -- another contract ---------------------------------------------------------------------------

    def begin_contract(self) -> None:
        """Begin anew with another contract: nothing of the former one stays, and the jump is no misprint.

        What it is called the engine's `contracts` know already. Its first price, and the former one's last,
        are noted as those of the seam until the venue's history tells better ones. The bars in which the seam
        lies may have prices of both: they are marked as partial. What comes of the next contract and was made
        before the seam is no part of the series, and is refused.
        """
        engine = self.engine
        with engine.lock:
            self.set_time()
            self.reset_depth()
            engine.last_quote = None
            self.rules.forget()
            self.quality.begin_anew()
            if self.outlier_gate is not None:
                self.outlier_gate.begin_anew()
            self._is_new_contract = True
            at_ns = engine.contracts.since_ns
            nodes = [node for node in engine.cascade.nodes() if _is_amid(node.grid.span(at_ns), at_ns)]
            for node in nodes:
                mark_to_come(node, [at_ns])
            is_amid = any(node.is_open for node in nodes) or bool(engine.activity)
            engine.updates += 1
        if is_amid:
            self.lose([(at_ns, at_ns)])
        engine.notify()

    def _see_contract(self, first: TradeRow) -> None:
        """Note what the two contracts of the newest seam were worth, where the first trade of one comes."""
        self._is_new_contract = False
        contracts, last = self.engine.contracts, self.engine.last_trade
        *before, seam = contracts.rolls or (None,)
        if seam is None or last is None or math.isfinite(seam.difference):
            return
        # Where the former contract was never traded here the newest price is that of an earlier one.
        if not before or last[0] >= before[-1].time_ns:
            contracts.price(-1, last[1], first[1])

    def _take_depth(self, updates: Sequence[DepthUpdate]) -> None:
        engine = self.engine
        self.ledger.depth_updates += len(updates)
        if "depth" not in self.subscribed:
            return
        with engine.lock:
            applied = [update for update in updates if self._apply_depth(update)]
            engine.updates += 1
        if applied:
            self.publisher.depth(applied[-1].ts_ns or self.clock.now_ns(), applied)

    def _apply_depth(self, update: DepthUpdate) -> bool:
        """Apply an update where it follows what is held; hold the lock."""
        engine, order = self.engine, self.book_order
        verdict = order.judge(update)
        if verdict == "apply":
            verdict = self._put_depth(update)
        if verdict == "apply":
            return True
        self.ledger.depth_left_out += 1
        if verdict == "broken":
            engine.depth.reset()
            self._tell_broken_book(order.reason)
        return False

    def _put_depth(self, update: DepthUpdate) -> Verdict:
        """Apply an update; return whether the book is the venue's now."""
        engine, order = self.engine, self.book_order
        refused = engine.depth.refused
        engine.apply_depth(update)
        if engine.depth.refused > refused:
            now = update.ts_ns or self.clock.now_ns()
            self.quality.levels_refused(engine.depth.refused - refused, now)
            if not update.snapshot:
                return order.tear("a change of it has a price or a size that there cannot be")
            self._tell_holed_book(order.lack("a level of it has a price or a size that there cannot be"))
        elif update.snapshot and engine.recorded:
            # Of a recording nothing can be asked for anew: what mends its book is in it.
            self.quality.trouble_over("book")
        if order.can_check(update) and not order.agrees(update, *engine.depth.levels(_CHECKSUM_LEVELS)):
            return "broken"
        return "apply"

    def _tell_holed_book(self, reason: str) -> None:
        """Tell of a whole book that lacks a level; the others are held, and changes count."""
        asked = "" if self.engine.recorded else ", and it is asked for anew"
        self.quality.trouble("book", f"its other levels are held{asked}: {reason}", self.clock.now_ns())
        if self.on_broken_book is not None:
            self.on_broken_book(self.engine.symbol)

    def _tell_broken_book(self, reason: str) -> None:
        told = f"it is asked for anew: {reason}"
        if self.engine.recorded:
            then = "no change counts until a whole book comes"
            if not self.book_order.is_broken:
                then = "what is shown begins anew there, as no whole book has come"
            told = f"the recording lacks some of it, and {then}: {reason}"
        self.quality.trouble("book", told, self.clock.now_ns())
        if self.on_broken_book is not None:
            self.on_broken_book(self.engine.symbol)

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

    def set_time(self) -> None:
        """Let the bars know the market's time; hold the symbol's lock."""
        engine = self.engine
        engine.cascade.closing.advance(self.arrival_ns if engine.recorded else self.clock.now_ns())

    # -- failures -----------------------------------------------------------------------------------

    def fail(self, error: Exception) -> None:
        """Tell that a stage raised something: it is a trouble of the symbol, and of no other."""
        self.failures += 1
        now, quality = self.clock.now_ns(), self.quality
        if quality.trouble("intake", error, now, with_traceback=True):
            self.engine.touch()
        else:
            quality.note(QualityFinding("intake", error_in_words(error), now, {}))

    def lose_batch(
        self,
        received: int,
        trades: Sequence[TradeRow],
        quotes: Sequence[QuoteRow],
        bars: Sequence[tuple[str, list[tuple[BarRow, bool]]]],
    ) -> None:
        """Account for what is left of a batch that `take` has failed at, and mark the bars that lack it.

        Parameters
        ----------
        received
            How much had been received before.
        trades, quotes, bars
            The batch, as `take` was given it.
        """
        engine, ledger = self.engine, self.ledger
        with engine.lock:
            # What it failed at may be a row that has no time: it counts from when it came.
            now = self.arrival_ns if engine.recorded else self.clock.now_ns()
            times = [ts_ns for row in trades if self.builds_bar_at(ts_ns := time_of(row, now))]
            if engine.source == "quotes" and "quotes" in self.subscribed:
                times += [time_of(row, now) for row in quotes]
            own = [
                row
                for name, rows in bars
                for row in self._own_of(
                    name, [row for row, is_closed in rows if is_closed], lambda row: time_of(row, now)
                )
            ]
            ledger.received = received + len(times) + len(own)
            ledger.failed += max(0, ledger.received - self.accounting(0, 0, 0).explained)
            if times:
                # What is older would have been dropped as late: its bars lack nothing.
                oldest = self.newest_ns(min(times)) - engine.cascade.max_lateness_ns
                times = [max(ts_ns, oldest) for ts_ns in times]
        if times:
            self._lose_trades(times)

    def _lose_trades(self, times: Sequence[int]) -> None:
        """Mark the bars that lack trades made at some instants, and those that would have begun with them."""
        engine = self.engine
        with engine.lock:
            for node in engine.cascade.nodes():
                mark_to_come(node, times)
            for bars in engine.activity.values():
                bars.mark_next()
        self.lose([(min(times), max(times))])

    # -- time ---------------------------------------------------------------------------------------

    def _grace_market_ns(self) -> int:
        # The grace is for the way to us, which takes wall time: at 60x it is 60 times as long in the market.
        wall_ms = self.engine.config.grace_ms
        if time.monotonic() - self._lag_at < _LAG_SECONDS:
            # Of a backlog the trades are on their way still: closed now, their bar would be amended by each.
            wall_ms += max(0.0, self._lag_ms)
        return self._market_ns(wall_ms / 1e3)

    def _market_ns(self, wall_seconds: float) -> int:
        return int(wall_seconds * 1e9 / max(self.clock.wall_seconds(1_000_000_000), 1e-9))

    def note_lag(self, lag_ms: float, at: float | None = None) -> None:
        """Record the newest data's latency, in wall-clock milliseconds, and when it came; now by default."""
        self._lag_ms, self._lag_at = lag_ms, time.monotonic() if at is None else at

    def next_closing(self, until_ns: int) -> int | None:
        """Return when a recording's next bars close by themselves; None where none do until an instant.

        What is due already closes a microsecond from now, such as a bar whose first trade came when its end
        and the grace were over: who has looked meanwhile has seen it open.
        """
        engine = self.engine
        with engine.lock:
            return self._next_closing(until_ns)

    def _next_closing(self, until_ns: int) -> int | None:
        engine = self.engine
        edge, now = engine.cascade.next_edge(), engine.cascade.closing.now_ns
        lost_ns = None if self.recorded_gaps is None else self.recorded_gaps.due_ns()
        if edge is not None and (edge <= until_ns or edge <= now):
            closes_ns = self._closes_ns(edge)
            due = closes_ns if lost_ns is None else min(closes_ns, lost_ns)
        elif lost_ns is not None:
            due = lost_ns
        else:
            return None
        if due <= now:
            return now + _NS_PER_US
        return due if due <= until_ns else None

    def _closes_ns(self, edge_ns: int) -> int:
        """Return when bars of a recording that end at an instant close by themselves."""
        told_ns = None if self.noted is None else self.noted.closed_ns(edge_ns)
        return edge_ns + self.engine.grace_ns if told_ns is None else told_ns

    def close_at(self, at_ns: int) -> tuple[Closed, Sequence[tuple[str, BarRow]]]:
        """Let a recording's time pass to an instant of `next_closing`; return what is to be published."""
        engine = self.engine
        cascade = engine.cascade
        with engine.lock:
            cascade.closing.advance(at_ns)
            self._lose_what_is_due(at_ns)
            due, edge = at_ns - engine.grace_ns, cascade.next_edge()
            if self.noted is not None and edge is not None:
                # It may be a gap alone that is due, and the bars were held longer than that.
                due = edge if self._closes_ns(edge) <= at_ns else min(due, edge - 1)
            cascade.close_until(due)
            cascade.fill_until(due)
            engine.updates += 1
            return self.collect()

    def pass_to(self, now_ns: int) -> None:
        """Let a recording's time pass until an instant by which no bar closes."""
        with self.engine.lock:
            self.engine.cascade.closing.advance(now_ns)

    def advance(self, until_ns: int) -> int | None:
        """Let a recording's time pass until an instant, unless bars close by then; return when they do."""
        engine = self.engine
        with engine.lock:
            closing_ns = self._next_closing(until_ns)
            if closing_ns is None:
                engine.cascade.closing.advance(until_ns)
            return closing_ns

    def next_instant(self, at_ns: int) -> int:
        """Return when a recording's data counts as come that was received at an instant.

        Later than all before it, in the microseconds in which stores tell time.
        """
        after = self.engine.cascade.closing.now_ns + _NS_PER_US
        return after if after >= at_ns else whole_us(at_ns)

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
        root, now = cascade.root, cascade.closing.now_ns
        # A bar that was opened when it was over closes before the next trade.
        is_over = root.edge <= now and self._closes_ns(root.edge) <= now
        is_over |= self.recorded_gaps is not None and self.recorded_gaps.due_ns() is not None
        each_counts = engine.activity or self.outlier_gate is not None or not root.is_open or is_over
        return cascade.newest_ns, 0 if each_counts else root.edge, now // _NS_PER_US

    def close_due(self) -> None:
        """Close the bars whose interval has passed by more than the grace."""
        if self.held is not None and self.held.closing_waits:
            return
        engine = self.engine
        due = self.clock.now_ns() - self._grace_market_ns()
        with engine.lock:
            self.set_time()
            before = engine.cascade.root.closed_to
            engine.cascade.close_until(due)
            engine.cascade.fill_until(due)
            closed, amended = self.collect()
            changed = bool(closed) or engine.cascade.root.closed_to != before
            engine.updates += changed
        self.publish(closed, amended)
        if changed:
            engine.notify()

    def due_ns(self) -> int | None:
        """Return the market time at which `close_due` has something to do; None while no bar is open."""
        with self.engine.lock:
            edge = self.engine.cascade.next_edge()
        if edge is None:
            return None
        due = edge + self._grace_market_ns()
        in_time = edge + self._market_ns(self.engine.config.grace_ms / 1e3)
        if due > in_time:
            # A backlog may be over long before its data's lag has passed.
            due = min(due, max(in_time, self.clock.now_ns() + self._market_ns(_LOOK_SECONDS)))
        if self.held is None or not self.held.closing_waits:
            return due
        return max(due, self.clock.now_ns() + self._market_ns(_LOOK_SECONDS))

    def end(self) -> None:
        """Close what is open at the end of a recording; the bars are marked partial."""
        self.release()
        engine = self.engine
        with engine.lock:
            # Who looked at the instant of the last trade has seen them open.
            engine.cascade.closing.advance(engine.cascade.closing.now_ns + _NS_PER_US)
            self._lose_what_is_due(_NO_LIMIT)
            for node in engine.cascade.nodes():
                node.partial = node.is_open or node.partial
            engine.cascade.close_until(2**62)
            engine.updates += 1
            closed, amended = self.collect()
        self.publish(closed, amended)
        engine.notify()

    def lose(self, spans: Sequence[tuple[int, int]]) -> None:
        """Mark the bars that overlap intervals of market time whose trades nobody has."""
        with self._changing_marks():
            self._mark_lost(spans)

    def _mark_lost(self, spans: Sequence[tuple[int, int]]) -> None:
        engine = self.engine
        for low_ns, high_ns in spans:
            for node in engine.cascade.nodes():
                told = mark_node(node, low_ns, high_ns)
                engine.amended += [] if node.hidden else told
            for bars in engine.activity.values():
                engine.amended += mark_activity(bars, low_ns, high_ns)
        lose_marks(engine, spans)
        engine.lost.extend(spans)

    def _lose_what_is_due(self, at_ns: int) -> None:
        """Settle a recording's gaps of which nothing is waited for any more; hold the lock."""
        due_ns = None if self.recorded_gaps is None else self.recorded_gaps.due_ns()
        if self.recorded_gaps is None or due_ns is None or due_ns > at_ns:
            return
        lost = self.recorded_gaps.settle(at_ns)
        for gap in lost:
            self.gaps.put(gap)
        self.gaps.untold += lost
        self._mark_lost([(gap.start_ns, gap.end_ns) for gap in lost])
        if self.engine.has_repairing:
            self.engine.amended += end_marks(self.engine)

    def mark_unsettled(self) -> None:
        """Mark the closed bars of which trades may still come: they are partial for the time being."""
        with self._changing_marks() as engine:
            engine.amended += mark_unsettled(engine)

    def settle_bars(self) -> None:
        """Let the bars be whole again of which no trades are to come any more, but for those of `lose`."""
        if self.engine.has_repairing:
            with self._changing_marks() as engine:
                engine.amended += end_marks(engine)

    @contextlib.contextmanager
    def _changing_marks(self) -> Iterator[SymbolState]:
        """Hold the symbol's lock while marks of closed bars change; tell of these bars afterwards."""
        engine = self.engine
        with engine.lock:
            self.set_time()
            if not engine.recorded:
                # Who has read now found them as they were. A recording's time is its data's alone.
                engine.change_ns()
            yield engine
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
        lost = self.gaps.lacking()
        if self.outage_ns is not None:
            # From when the connection is back on nothing is missed, however long nobody trades.
            lost = [*lost, (self.outage_ns, now_ns if self.back_ns is None else self.back_ns)]
        spans, start = [], self.live_since_ns
        for a, b in sorted(lost):
            if a > start:
                spans.append((start, a))
            start = max(start, b)
        return [*spans, (start, now_ns)]

    # -- events -------------------------------------------------------------------------------------

    def collect(self) -> tuple[Closed, Sequence[tuple[str, BarRow]]]:
        """Return and clear the bars that closed and those that changed; hold the symbol's lock."""
        engine = self.engine
        cascade = engine.cascade
        edge = cascade.root.edge
        if edge != self._edge:
            self._edge = edge
            if self.on_edge is not None:
                self.on_edge(self)
        if not (engine.closed or engine.amended or cascade.amended or cascade.gone):
            return (), ()
        closed, engine.closed = engine.closed, []
        amended = [(node.name, row) for node, row in cascade.amended] + engine.amended
        marked = [] if engine.unsettled is None else mark_unsettled(engine)
        if marked:
            lacking = {(name, row[0]) for name, row in marked}
            closed = [
                bar._replace(flags=bar.flags | PARTIAL) if (bar.timeframe, bar.row[0]) in lacking else bar
                for bar in closed
            ]
            told = {(bar.timeframe, bar.row[0]) for bar in closed} | {(name, row[0]) for name, row in amended}
            amended += [(name, row) for name, row in marked if (name, row[0]) not in told]
        cascade.amended.clear()
        engine.amended.clear()
        engine.amend_gone()
        return closed, amended

    def publish(self, closed: Closed, amended: Sequence[tuple[str, BarRow]]) -> None:
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
        if self.gaps.untold:
            lost, self.gaps.untold = self.gaps.untold, []
            self.publisher.lost(lost)

    def accounting(
        self, frames: int, control: int, malformed: int, connection: ConnectionCounts | None = None
    ) -> Accounting:
        """Return the accounting of trades as of now."""
        cascade = self.engine.cascade
        with self.engine.lock:
            return self.ledger.freeze(
                self.engine.symbol,
                late_dropped=cascade.late_dropped,
                outside_session=cascade.outside_session,
                amended=cascade.amended_count,
                left_out=len(cascade.unpriced),
                depth_refused=self.engine.depth.refused,
                frames=frames,
                control=control,
                malformed=malformed,
                connection=connection,
            )


def _is_amid(span: tuple[int, int] | None, at_ns: int) -> bool:
    """Return whether an instant lies behind the beginning of a bar."""
    return span is not None and span[0] < at_ns
