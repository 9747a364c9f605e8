"""`Face`: the part of every face that never waits: symbols, status, timeframes, charts, tables, alerts."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mdnb.errors import SymbolError, TimeframeError, did_you_mean
from mdnb.faces.connection_view import ConnectionView
from mdnb.faces.face_parts import FaceParts
from mdnb.frozen import FixedList
from mdnb.live_frame import LiveFrame
from mdnb.manager.forward import Forward, LaterValue, PlainValue
from mdnb.runtime.live.health import Health
from mdnb.runtime.set_alerts import AlertSetter
from mdnb.status_card import status_html, status_text
from mdnb.sync_manager import SyncDataManager
from mdnb.timeframes import Timeframe
from mdnb.uncopied import refuse_copies
from mdnb.widgets.open_charts import ChartOpener
from mdnb.widgets.open_tables import TableOpener
from mdnb.wrong_names import missing_name, not_to_be_deleted, not_to_be_set

__all__ = ["Face"]


class Face:
    """One symbol of a market, or all of them with the first one in front.

    Attributes
    ----------
    symbol
        Whose market it is; of several the first one.
    """

    symbol: str
    _word = "market"
    _market = "market"
    _called = "market"
    _ends = "close()"

    def __init__(self, parts: FaceParts) -> None:
        self._parts = parts
        self._keep(symbol=parts.manager.market.symbol)

    start = Forward("_parts.connection", ConnectionView.start)
    accounting = Forward("_parts.connection", ConnectionView.accounting)
    rolls = Forward("_parts.connection", ConnectionView.rolls)
    alert = Forward("_parts.alerts", AlertSetter.alert)
    alerts = Forward("_parts.alerts", AlertSetter.alerts)
    chart = Forward("_parts.charts", ChartOpener.chart)
    panel = Forward("_parts.charts", ChartOpener.panel)
    dashboard = Forward("_parts.charts", ChartOpener.dashboard)
    tape = Forward("_parts.tables", TableOpener.tape)
    watch = Forward("_parts.tables", TableOpener.watch)
    frame_view = Forward("_parts.tables", TableOpener.frame_view)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols followed."""
        return self._parts.session.symbols

    @property
    def status(self) -> str:
        """The connection's status, as in `EventType.CONNECTION_STATUS_CHANGED`, such as ``connected``."""
        return self._parts.session.health.status

    @property
    def is_connected(self) -> bool:
        """Whether the connection is up."""
        return self._parts.session.health.is_up

    @property
    def timeframes(self) -> list[str]:
        """The timeframes kept, fine to coarse, activity bars last; a list that stays as it is."""
        held, called = self._parts.manager.market.engine.timeframes(), self._called
        ways = f"{called}.add_timeframe('15min') or {called}.remove_timeframe('15min')"
        return FixedList(held, f"Write {ways}.")

    def _frame(self, timeframe: str) -> LiveFrame:
        """Return the live bars of a timeframe; what is asked for may be a mistyped symbol as well."""
        engine = self._parts.manager.market.engine
        try:
            return LiveFrame(engine, timeframe)
        except TimeframeError:
            if _is_timeframe(timeframe):
                raise
            if self._follows(timeframe):
                raise SymbolError(
                    f"this is {self.symbol} of a market; ask the market itself for {timeframe}: "
                    f"{self._market}[{timeframe!r}]. Here are timeframes: {', '.join(self.timeframes)}."
                ) from None
            kept, symbols = ", ".join(self.timeframes), ", ".join(self.symbols)
            near = did_you_mean(str(timeframe), [*self.symbols, *self.timeframes])
            raise SymbolError(
                f"{timeframe!r} is neither a symbol followed here nor a timeframe. {near}"
                f"Symbols: {symbols}. Timeframes kept: {kept}. A market follows the symbols that it was made "
                f"with: mdnb.live([...]) or TradingSuite.create([...])."
            ) from None

    def _follows(self, symbol: object) -> bool:
        return isinstance(symbol, str) and symbol in self._parts.session.symbols

    def __contains__(self, key: object) -> bool:
        return self._parts.manager.market.engine.has_timeframe(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.timeframes)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.timeframes)

    def __getattr__(self, name: str) -> Any:
        # Only reached for names that are not there.
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.symbols:
            raise AttributeError(f"write {self._market}[{name!r}] for the symbol {name}")
        own = [each for each in {*dir(type(self)), *vars(self)} if not each.startswith("_")]
        kind, data = type(self).__name__, type(self._parts.data)
        raise AttributeError(missing_name(kind, self._called, name, self._ends, own, data))

    def _keep(self, **values: object) -> None:
        """Set attributes that users read."""
        vars(self).update(values)

    if not TYPE_CHECKING:  # a type checker would take it for leave to set anything

        def __setattr__(self, name: str, value: object) -> None:
            there = inspect.getattr_static(type(self), name, None)
            if name.startswith("_") or isinstance(there, (LaterValue, PlainValue)):
                super().__setattr__(name, value)
                return
            raise AttributeError(not_to_be_set(self, self._called, name, value))

        def __delattr__(self, name: str) -> None:
            if not name.startswith("_"):
                raise AttributeError(not_to_be_deleted(self._called, name))
            super().__delattr__(name)

    __reduce_ex__ = refuse_copies

    def __str__(self) -> str:
        return status_text(*self._card())

    def _repr_html_(self) -> str:
        return status_html(*self._card())

    def _card(self) -> tuple[str, Health, list[SyncDataManager], list[str], str]:
        session = self._parts.session
        feed = session.feed.offers.title if session.feed.offers is not None else ""
        return self._title(), session.health, self._card_data(), self._troubles(), feed

    def _troubles(self) -> list[str]:
        """Return what is wrong with handlers of what is named."""
        symbols = self._named()
        return self._parts.session.bus.troubles(symbols[0] if len(symbols) == 1 else None)

    def _title(self) -> str:
        return f"{self._word} {', '.join(self._named())}"

    def _card_data(self) -> list[SyncDataManager]:
        """Return the managers whose figures the card shows."""
        return [self._parts.sync_data]

    def __repr__(self) -> str:
        kept = ", ".join(self.timeframes)
        return f"<{self._word} {', '.join(self._named())}: {kept}; {self.status}>"

    def _named(self) -> tuple[str, ...]:
        return (self.symbol,)


def _is_timeframe(text: object) -> bool:
    try:
        Timeframe.parse(text)
    except TimeframeError:
        return False
    return True
