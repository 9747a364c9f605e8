"""What a venue says later of its trades: they are taken back, or were others.

The bars are as if it had come so. A bar whose ticks are all in memory is made anew from them, and the coarser
ones from it. Where they are not, what is certain is changed; a bar whose prices may have come from the trade
is asked for anew, or marked as partial, and told of. What is said of a trade before it comes holds when it
does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np

from mdnb.bars.marked import bar_of_trades, has_price, volume_piece
from mdnb.bars.refold import held_bar
from mdnb.bars.remake import remake_bar
from mdnb.rows import MARKS, NOT_LAST, BarRow, MarkedTrade, TradeChange, TradeRow, marks_of
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.rebuild import HeldTicks, remake_activity, remake_of_ticks
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.stores.ticks import CANCELLED, CORRECTED, IN_BARS, OUTLIER, REFUSED, STATUS, WAITING
from mdnb.validate.findings import QualityFinding

__all__ = ["as_changed", "learn_changes", "take_changes", "take_early_changes"]

_NEAR = 1e-9
_EARLY_NS = 60_000_000_000
"""How much later than what is said of it a trade may come."""

_MOST_EARLY = 100

_NO_LIMIT = 2**62


def take_changes(pipeline: Pipeline, changes: Sequence[TradeChange], *, again: bool = False) -> None:
    """Correct and cancel trades of one symbol, in the order of the messages.

    Parameters
    ----------
    pipeline
        The symbol's, which has taken all trades that came before them.
    again
        Whether they were told already: when their trades had not come.
    """
    if not changes or "trades" not in pipeline.subscribed:
        return
    engine = pipeline.engine
    with engine.lock:
        pipeline.set_time()
        told = set() if again else {(one.trade_id, one.price, one.size) for one in pipeline.told_changes}
        pipeline.told_changes.extend(changes)
        made = [_Change(pipeline, change, told) for change in changes]
        for one in made:
            one.apply()
        engine.updates += 1
        closed, amended = pipeline.collect()
    pipeline.publish(closed, amended)
    for one in made:
        one.tell()
    engine.notify()


def take_early_changes(pipeline: Pipeline, trades: Sequence[TradeRow]) -> None:
    """Correct and cancel trades that have just come, and of which it was said before they did."""
    until_ns = trades[-1][0] - _EARLY_NS
    came = {(row[5], row[1], row[2]) for row in trades}
    early = [one for one in pipeline.early_changes if one.ts_ns >= until_ns]
    matched = []
    for one in early:
        if (one.trade_id, one.price, one.size) in came:
            matched.append(one)
            if (now := one.row) is not None:
                # That may have been changed once more.
                came.add((now[5] if now[5] >= 0 else one.trade_id, now[1], now[2]))
    pipeline.early_changes = [one for one in early if one not in matched]
    if matched:
        pipeline.ledger.unmatched -= len(matched)
        take_changes(pipeline, [*dict.fromkeys(matched)], again=True)


def learn_changes(pipeline: Pipeline, changes: Sequence[TradeChange], before_ns: int) -> None:
    """Take what the history says now of trades that were made before an outage.

    Parameters
    ----------
    changes
        Of which some may be known already, and some of trades that never came.
    before_ns
        When the outage began: of later trades the history has what they are now.
    """
    engine = pipeline.engine
    told = {(one.trade_id, one.price, one.size) for one in pipeline.told_changes}
    new: list[TradeChange] = []
    made: set[tuple[int, float, float]] = set()
    with engine.lock:
        for one in changes:
            key = one.trade_id, one.price, one.size
            if one.trade_ns > before_ns or key in told or not (key in made or _may_be_held(engine, one)):
                continue
            new.append(one)
            if (now := one.row) is not None:
                made.add((now[5] if now[5] >= 0 else one.trade_id, now[1], now[2]))
    take_changes(pipeline, new)


def _may_be_held(engine: SymbolState, change: TradeChange) -> bool:
    """Return whether the bars may have a trade as it was."""
    ticks, now = engine.ticks, change.row
    if ticks.find(change.trade_id, change.price, change.size) is not None:
        return True
    if now is not None and ticks.find(now[5], now[1], now[2]) is not None:
        return False
    # It has left memory; or, where none of its time has, it never came.
    return len(ticks) > 0 and not ticks.reaches(change.trade_ns)


def as_changed(pipeline: Pipeline, rows: Sequence[TradeRow]) -> Sequence[TradeRow]:
    """Return a history's trades as they are since the newest corrections and cancellations.

    It may have been asked before these came, or be behind them.
    """
    told = pipeline.told_changes
    known = {(one.trade_id, one.price, one.size) for one in told}
    if not any((row[5], row[1], row[2]) in known for row in rows):
        return rows
    made: list[TradeRow] = []
    for row in rows:
        now: TradeRow | None = row
        for one in told if (row[5], row[1], row[2]) in known else ():
            if now is not None and (now[5], now[1], now[2]) == (one.trade_id, one.price, one.size):
                now = None if one.row is None else _corrected(now, one.row)
        if now is not None:
            made.append(now)
    return made


def _corrected(was: TradeRow, now: TradeRow) -> TradeRow:
    """Return a corrected trade at the time, and with the side, of the one that it was."""
    made = (was[0], now[1], now[2], was[3], was[4], now[5] if now[5] >= 0 else was[5])
    return MarkedTrade.of(made, marks) if (marks := marks_of(now)) else made


class _Change:
    """One correction or cancellation while it is applied; the symbol's lock is held until it is told."""

    def __init__(
        self, pipeline: Pipeline, change: TradeChange, told: Collection[tuple[int, float, float]]
    ) -> None:
        self._pipeline = pipeline
        self._engine = pipeline.engine
        self._said = change
        # Unless it is found, its time is known only where it is said.
        at_ns = change.trade_ns or change.ts_ns
        self._was: TradeRow = (at_ns, change.price, change.size, 1, 0, change.trade_id)
        self._now = self._possible(change.row)
        self._is_found = False
        # What the history told before the message came.
        self._told = told
        self._is_known = False
        # Timeframes whose bars may be wrong.
        self._unsure: list[str] = []

    def _possible(self, row: TradeRow | None) -> TradeRow | None:
        """Return what the trade is now; None where that cannot be: what it was it is not in any case."""
        if row is None or not self._engine.config.data_validation:
            return row
        _, rejected = self._pipeline.rules.split([row])
        for reason, one in rejected:
            self._pipeline.quality.rejected(reason, one)
        return None if rejected else row

    def apply(self) -> None:
        """Change the trade, if it is in memory, the bars that it is in, and the newest price."""
        engine, ledger, said = self._engine, self._pipeline.ledger, self._said
        key = (said.trade_id, said.price, said.size)
        at = engine.ticks.find(*key) if engine.config.enable_tick_data else None
        if at is None:
            if key in self._pipeline.refused_trades:
                self._is_found = True
                self._come_in()
                return
            self._is_known = key in self._told
            if self._is_known:
                return
            ledger.unmatched += 1
            self._unsure = engine.timeframes()
            if said.trade_id >= 0 and engine.config.enable_tick_data:
                early = self._pipeline.early_changes
                self._pipeline.early_changes = [*early[1 - _MOST_EARLY :], said]
            return
        self._is_found = True
        self._was, flag = engine.ticks.tick(at)
        self._now = None if self._has_come(self._now) else self._in_place(self._now)
        status = flag & STATUS
        if status != REFUSED:
            ledger.cancelled += self._now is None
            ledger.corrected += self._now is not None
        if status == WAITING:
            self._change_waiting(at)
        elif status == OUTLIER:
            ledger.held_back -= 1
            if self._pipeline.outlier_gate is not None:
                self._pipeline.outlier_gate.forget(self._was)
            ledger.in_bars += self._now is not None
            self._change_bars(at, was_in=False)
        elif status == REFUSED:
            self._write(at, REFUSED)
        elif self._pipeline.builds_bar_at(self._was[0]):
            ledger.in_bars -= self._now is None
            self._change_bars(at, was_in=True)
        else:
            # Its bars are the feed's own.
            ledger.cancelled -= self._now is None
            ledger.corrected -= self._now is not None
            self._write(at, IN_BARS)
            self._change_activity(at, was_in=True)
        self._change_newest()

    def _has_come(self, row: TradeRow | None) -> bool:
        """Return whether the history has given the corrected trade already, by its new id."""
        if row is None or row[5] < 0 or row[5] == self._was[5]:
            return False
        return self._engine.ticks.find(row[5], row[1], row[2]) is not None

    def _in_place(self, row: TradeRow | None) -> TradeRow | None:
        """Return the corrected trade in the place of the one that it was; its new id is known from now on."""
        if row is None:
            return None
        was, made = self._was, _corrected(self._was, row)
        if made[5] != was[5]:
            # The history knows it by that.
            self._pipeline.duplicates.note_renamed((*was[:5], made[5]))
        return made

    def _come_in(self) -> None:
        """Take the right one of a trade that validation has refused."""
        if self._now is not None:
            self._pipeline.take_trades([self._now])

    def _write(self, at: int, status: int) -> None:
        now = self._was if self._now is None else self._now
        flag = CANCELLED if self._now is None else status | CORRECTED
        self._engine.ticks.change(at, now, flag)

    def _change_waiting(self, at: int) -> None:
        held = self._pipeline.held
        if held is not None:
            held.change(self._was, self._now)
        self._pipeline.ledger.waiting -= self._now is None
        self._write(at, WAITING)

    # -- bars -------------------------------------------------------------------------------------------

    def _change_bars(self, at: int, *, was_in: bool) -> None:
        engine, cascade = self._engine, self._engine.cascade
        span = cascade.root.grid.span(self._was[0])
        assert span is not None
        bar = held_bar(cascade.root, span[0])
        ticks = HeldTicks(engine)
        is_whole = engine.ticks.reaches(span[0]) and _same(bar_of_trades(span[0], ticks.trades(*span)), bar)
        self._write(at, IN_BARS)
        cascade.unpriced.uncounted -= was_in and marks_of(self._was) == MARKS
        cascade.unpriced.uncounted += self._now is not None and marks_of(self._now) == MARKS
        if is_whole:
            self._unsure = remake_of_ticks(engine, span[0], HeldTicks(engine))
        else:
            self._change_certain(span[0], bar, was_in=was_in)
        self._unsure += self._change_activity(at, was_in=was_in)

    def _change_activity(self, at: int, *, was_in: bool) -> list[str]:
        was = self._was[3] if was_in and not marks_of(self._was) else 0
        if not was and (self._now is None or marks_of(self._now)):
            return []
        return remake_activity(self._engine, at, was)

    def _change_certain(self, start_ns: int, bar: BarRow | None, *, was_in: bool) -> None:
        """Change what is certain of a bar whose trades are not all in memory."""
        engine, cascade = self._engine, self._engine.cascade
        waiting = cascade.unpriced.take(start_ns)
        if was_in and self._was in waiting:
            waiting.remove(self._was)
            was_in = False
        cascade.unpriced.put(start_ns, waiting)
        if bar is None:
            self._unsure = engine.timeframes()
            return
        _, open_, high, low, close, volume, count, turnover = bar
        if was_in:
            size, trades, money = volume_piece(self._was)
            volume, count, turnover = volume - size, count - trades, turnover - money
        touched = was_in and has_price(marks_of(self._was)) and _touches(bar, self._was[1])
        if self._now is not None:
            size, trades, money = volume_piece(self._now)
            volume, count, turnover = volume + size, count + trades, turnover + money
            if has_price(marks_of(self._now)):
                high, low = max(high, self._now[1]), min(low, self._now[1])
        if count > 0:
            made: BarRow = (start_ns, open_, high, low, close, volume, count, turnover)
            self._unsure = remake_bar(cascade, start_ns, made, HeldTicks(engine))
        if touched or count <= 0 or not was_in or self._may_open_or_close():
            self._unsure = engine.timeframes()

    def _may_open_or_close(self) -> bool:
        """Return whether the trade counts for open or close only now: its place is not known."""
        if self._now is None:
            return False
        was, now = marks_of(self._was), marks_of(self._now)
        return bool(was & ~now & NOT_LAST) or has_price(now) > has_price(was)

    # -- the newest price -------------------------------------------------------------------------------

    def _change_newest(self) -> None:
        engine = self._engine
        now, last = self._now, engine.last_trade
        counts = now is not None and not marks_of(now) & NOT_LAST
        if last == self._was or (counts and (last is None or last[0] <= self._was[0])):
            engine.last_trade = _newest_left(engine)

    # -- telling ----------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Emit the event; where a bar may be wrong have it asked for anew, or mark it, and tell."""
        engine, pipeline = self._engine, self._pipeline
        if self._is_known:
            return
        action: Literal["cancelled", "corrected"] = "cancelled" if self._said.row is None else "corrected"
        now = None if self._now is None else engine.tick(self._now, marks_of(self._now) | CORRECTED)
        data = {
            "action": action,
            "was": engine.tick(self._was, marks_of(self._was)),
            "now": now,
            "found": self._is_found,
        }
        pipeline.publisher.change(self._was[0], data)
        if self._unsure:
            self._tell_unsure(action)

    def _tell_unsure(self, action: str) -> None:
        said, pipeline = self._said, self._pipeline
        why = "its bar is not made of ticks in memory" if self._is_found else "it is not in memory"
        asks = pipeline.on_unsure_bar is not None
        is_placed = self._is_found or said.trade_ns > 0
        then = "the bar is asked for anew" if asks else "the bar of that time is marked partial"
        if not is_placed:
            asks = pipeline.on_unplaced_change is not None
            then = "which bar it is in is not said, so that none is marked"
            then = "its bar is looked for in the venue's history" if asks else then
        sentence = f"the venue has {action} a trade, and {why}: {then}"
        values = {"trade_id": said.trade_id, "price": said.price, "size": said.size}
        kind = "trade_change_unmatched" if not self._is_found else "trade_change_unsure"
        pipeline.quality.note(QualityFinding(kind, sentence, self._was[0], values))
        if not is_placed:
            if pipeline.on_unplaced_change is not None:
                pipeline.on_unplaced_change(self._engine.symbol, said)
        elif pipeline.on_unsure_bar is not None:
            pipeline.on_unsure_bar(self._engine.symbol, self._was[0])
        else:
            pipeline.lose([(self._was[0], self._was[0])])


def _same(made: BarRow | None, held: BarRow | None) -> bool:
    """Return whether a bar is the one that the ticks in memory make."""
    if made is None or held is None:
        return made is held
    return made[1:5] == held[1:5] and made[6] == held[6] and abs(made[5] - held[5]) <= _NEAR * abs(made[5])


def _touches(bar: BarRow, price: float) -> bool:
    """Return whether a price of a bar may have come from a trade at it."""
    _, open_, high, low, close, *_ = bar
    return price in (open_, close) or price >= high or price <= low


def _newest_left(engine: SymbolState) -> TradeRow | None:
    """Return the newest trade that counts for the price, by the exchange's time; else the newest close."""
    held = engine.ticks.tail(len(engine.ticks))
    status = held["flag"] & STATUS
    counts = ((status == IN_BARS) | (status == WAITING)) & ((held["flag"] & NOT_LAST) == 0)
    places = np.flatnonzero(counts)
    if len(places):
        times = held["ts_ns"][places]
        # Of equal times the one that came last.
        return engine.ticks.tick(int(places[len(times) - 1 - int(np.argmax(times[::-1]))]))[0]
    # Of a history there may be bars alone.
    log = engine.cascade.root.log
    span = engine.cascade.root.grid.span(int(held["ts_ns"].min())) if len(held) else None
    at = log.find(_NO_LIMIT if span is None else span[0]) - 1
    if at < 0:
        return None
    start, _, _, _, close, volume, count, _ = log.row(at)[0]
    return start, close, volume, count, 0, -1
