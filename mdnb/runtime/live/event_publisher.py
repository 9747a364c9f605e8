"""Emits events; rows become records only where somebody listens."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from mdnb.events.bus import EventBus
from mdnb.events.subscription import Subscription
from mdnb.events.types import Event, EventType
from mdnb.rows import BarRow, DepthUpdate, QuoteRow, TradeRow, marks_of
from mdnb.runtime.live.closed_bar import ClosedBar, by_end
from mdnb.runtime.live.market_view import MarketView
from mdnb.runtime.live.price_alerts import Alert, Fired
from mdnb.runtime.live.records import quote_of
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.stores.columns import AMENDED, FILLED
from mdnb.types import Gap, Roll, timestamp

__all__ = ["Closed", "EventPublisher"]

_OF_CLOSED = (EventType.BARS_CLOSED, EventType.NEW_BAR, EventType.BAR_CONSTRUCTED)

Closed = Sequence[ClosedBar]
"""Bars that closed, in the order in which they did."""


class EventPublisher:
    """Emits the events of one symbol.

    Parameters
    ----------
    engine
        Whose symbol, zone and bars.
    bus
        Delivers them.
    """

    def __init__(self, engine: SymbolState, bus: EventBus) -> None:
        self.engine = engine
        self.bus = bus
        engine.alerts.watch = self._watch

    def _wants(self, kind: EventType) -> bool:
        return self.bus.wants(kind, self.engine.symbol)

    def emit(self, kind: EventType, time_ns: int, data: Any, view: MarketView | None = None) -> None:
        """Emit an event, with what was known then."""
        self.bus.emit(Event(kind, self.engine.symbol, time_ns, data, self.engine.tz, view))

    def alert(self, time_ns: int, data: dict[str, Any]) -> None:
        """Emit a data quality alert."""
        if self._wants(EventType.DATA_QUALITY_ALERT):
            self.emit(EventType.DATA_QUALITY_ALERT, time_ns, data)

    def fired(self, alerts: Sequence[Fired]) -> None:
        """Emit an event for each alert that fired."""
        if alerts and self._wants(EventType.ALERT):
            for time_ns, data in alerts:
                self.emit(EventType.ALERT, time_ns, data)

    def _watch(self, alert: Alert, kind: EventType) -> Subscription:
        """Have an alert on an event fire when the event is emitted."""
        alerts = self.engine.alerts
        return self.bus.tap(
            kind, lambda event: self.fired(alerts.happened(alert, event)), symbol=self.engine.symbol
        )

    def bars(self, closed: Closed, amended: Sequence[tuple[str, BarRow]]) -> None:
        """Emit events for bars that closed, bars amended after closing, and forming bars."""
        engine = self.engine
        if closed and any(map(self._wants, _OF_CLOSED)):
            for end_ns, bars in by_end(closed):
                self._closed_together(end_ns, bars)
        if amended and self._wants(EventType.BAR_AMENDED):
            for name, row in amended:
                flags = engine.flags_of(name, row[0])
                # A flat bar has followed the close of one that was amended.
                flags |= 0 if flags & FILLED else AMENDED
                self.emit(EventType.BAR_AMENDED, row[0], engine.bar(name, row, flags=flags))
        if self._wants(EventType.BAR_UPDATED):
            with engine.lock:
                # In one go: another thread may remove a timeframe.
                forming = {name: engine.forming_of(name) for name in engine.timeframes()}
            for name, made in forming.items():
                if made is not None:
                    self.emit(EventType.BAR_UPDATED, made[0], engine.bar(name, made, closed=False))

    def _closed_together(self, end_ns: int, bars: Sequence[ClosedBar]) -> None:
        """Emit the events of the bars that ended at one instant, once all of them can be read."""
        engine = self.engine
        made = {
            bar.timeframe: engine.bar(
                bar.timeframe, bar.row, flags=bar.flags, end_ns=bar.end_ns, closed_ns=bar.closed_ns
            )
            for bar in bars
        }
        known_ns = max(bar.closed_ns for bar in bars)
        view = MarketView(engine, known_ns)
        if self._wants(EventType.BARS_CLOSED):
            told = {
                "bars": MappingProxyType(made),
                "end": timestamp(end_ns, engine.tz),
                "closed_at": timestamp(known_ns, engine.tz),
                "end_ns": end_ns,
                "closed_ns": known_ns,
            }
            self.emit(EventType.BARS_CLOSED, end_ns, told, view)
        for bar in made.values():
            for kind in (EventType.NEW_BAR, EventType.BAR_CONSTRUCTED):
                if self._wants(kind):
                    self.emit(kind, bar.time_ns, bar, view)

    def trades(self, rows: Sequence[TradeRow]) -> None:
        """Emit an event for each trade."""
        engine = self.engine
        if self._wants(EventType.TICK_DATA):
            for row in rows:
                self.emit(EventType.TICK_DATA, row[0], engine.tick(row, marks_of(row)))

    def lost(self, gaps: Sequence[Gap]) -> None:
        """Emit the two events of each gap that is lost as soon as it is told."""
        if self._wants(EventType.DATA_GAP):
            for gap in gaps:
                found = dataclasses.replace(gap, state="repairing")
                for one in (found, gap):
                    self.emit(EventType.DATA_GAP, one.end_ns, one.as_event(self.engine.tz))

    def roll(self, roll: Roll) -> None:
        """Emit an event for a symbol that stands for another contract from now on."""
        if self._wants(EventType.ROLL):
            data = {"old": roll.old, "new": roll.new, "roll": roll}
            self.emit(EventType.ROLL, roll.time_ns, data)

    def change(self, time_ns: int, data: dict[str, Any]) -> None:
        """Emit an event for a trade that the venue has taken back or corrected."""
        if self._wants(EventType.TRADE_CHANGED):
            self.emit(EventType.TRADE_CHANGED, time_ns, data)

    def quotes(self, rows: Sequence[QuoteRow]) -> None:
        """Emit an event for each quote."""
        engine = self.engine
        if self._wants(EventType.QUOTE_UPDATE):
            for row in rows:
                self.emit(EventType.QUOTE_UPDATE, row[0], quote_of(row, engine.instrument, engine.tz))

    def depth(self, time_ns: int, updates: Sequence[DepthUpdate]) -> None:
        """Emit an event for the order book: best levels, spread and imbalance."""
        if not self._wants(EventType.MARKET_DEPTH_UPDATE):
            return
        with self.engine.lock:
            view, crossed = self.engine.order_book(10), self.engine.depth.crossed_removed
        data = {
            "best_bid": view.best_bid,
            "best_bid_size": view.bids[0].size if view.bids else 0.0,
            "best_ask": view.best_ask,
            "best_ask_size": view.asks[0].size if view.asks else 0.0,
            "spread": view.spread,
            "imbalance": view.imbalance,
            "updates": len(updates),
            "snapshot": any(update.snapshot for update in updates),
            "ready": view.ready,
            "crossed_removed": crossed,
        }
        self.emit(EventType.MARKET_DEPTH_UPDATE, time_ns, data)
