"""`TradingSuite`: a feed, its symbols and their data managers, for callers that ``await``."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from mdnb.config import DataManagerConfig
from mdnb.events.bus import Handler, Subscription
from mdnb.events.types import Event, EventType
from mdnb.feeds.base import Feed
from mdnb.manager import RealtimeDataManager
from mdnb.manager.forward import Forward
from mdnb.runtime.live.accounting import Accounting
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.process.registry import cell_key
from mdnb.runtime.session import MarketSession
from mdnb.runtime.session_factory import drop_session, make_session, start_session, wait_ended
from mdnb.runtime.set_alerts import Alerting
from mdnb.status_card import status_html, status_text
from mdnb.sync_manager import PlainDataManager
from mdnb.widgets.open_charts import ChartOpener
from mdnb.widgets.open_tables import TableOpener

__all__ = ["SymbolView", "TradingSuite"]


class SymbolView:
    """One symbol of a suite: its `data`, and its events only."""

    def __init__(self, session: MarketSession, symbol: str) -> None:
        self._session = session
        self.symbol = symbol
        self.data = RealtimeDataManager(session, symbol)
        self._tables = TableOpener(session, symbol, [symbol])
        self._alerting = Alerting(session, [symbol])
        self._panels = ChartOpener(session, symbol)

    tape = Forward("_tables", TableOpener.tape)
    depth = Forward("_tables", TableOpener.depth_async)
    watch = Forward("_tables", TableOpener.watch)
    frame_view = Forward("_tables", TableOpener.frame_view)
    alert = Forward("_alerting", Alerting.alert)
    alerts = Forward("_alerting", Alerting.alerts)
    chart = Forward("_panels", ChartOpener.chart)
    panel = Forward("_panels", ChartOpener.panel)
    dashboard = Forward("_panels", ChartOpener.dashboard)

    async def on(self, type: EventType | str, handler: Handler) -> Subscription:
        """Register a handler for this symbol's events."""
        symbol = self.symbol

        def only_ours(event: Event) -> Any:
            return handler(event) if event.symbol == symbol else None

        return self._session.bus.on(type, only_ours)

    def __repr__(self) -> str:
        return f"<{self.symbol}: {', '.join(self.data.get_timeframes())}>"


class TradingSuite:
    """Everything of one feed: connect, keep bars, tell events.

    Make one with `create`; end it with `disconnect` or ``async with``. A suite that nobody keeps is closed.

    Attributes
    ----------
    data
        The `RealtimeDataManager` of the (first) symbol.
    symbols
        What is followed; ``suite["MES"].data`` is the data manager of another one.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     async with await TradingSuite.create("MNQ", ["1min"], initial_days=0.1) as suite:
    ...         return list((await suite.data.get_data("1min", count=2)).columns[:4])
    >>> asyncio.run(main())
    ['open', 'high', 'low', 'close']
    """

    def __init__(self, session: MarketSession) -> None:
        self._session = session
        self._views = {symbol: SymbolView(session, symbol) for symbol in session.symbols}
        self.data = self._views[session.symbols[0]].data
        self._tables = TableOpener(session, session.symbols[0], session.symbols)
        self._alerting = Alerting(session, session.symbols)
        self._panels = ChartOpener(session, session.symbols[0])
        self._finalizer = weakref.finalize(self, drop_session, session)

    tape = Forward("_tables", TableOpener.tape)
    depth = Forward("_tables", TableOpener.depth_async)
    watch = Forward("_tables", TableOpener.watch)
    frame_view = Forward("_tables", TableOpener.frame_view)
    alert = Forward("_alerting", Alerting.alert)
    alerts = Forward("_alerting", Alerting.alerts)
    chart = Forward("_panels", ChartOpener.chart)
    panel = Forward("_panels", ChartOpener.panel)
    dashboard = Forward("_panels", ChartOpener.dashboard)

    @classmethod
    async def create(
        cls,
        symbol: str | Sequence[str],
        timeframes: Sequence[str] | str | None = None,
        *,
        feed: str | Feed | None = None,
        initial_days: float = 5.0,
        tz: str = "UTC",
        data_manager_config: DataManagerConfig | None = None,
        name: str | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> TradingSuite:
        """Connect to a feed and load history.

        Parameters
        ----------
        symbol
            One symbol, or several.
        timeframes
            Names of the timeframes to keep; default 1min, 5min and 15min.
        feed
            A feed's name such as ``sim://?speed=60`` or ``replay:PATH``, or a `Feed`; default the
            environment variable ``MDNB_FEED``, else the embedded simulator.
        initial_days
            Days of history loaded before this returns; 0 loads none.
        tz
            Zone of frames, records and charts.
        data_manager_config
            Limits and rules.
        name
            A suite of the same name is closed and replaced. Without one, running the same notebook cell
            again replaces the suite it made before.
        progress
            Called with ``(done, total, text)`` while history is loaded.

        Raises
        ------
        SymbolError, TimeframeError, OptionError, FeedError
            When that is not possible; nothing is left running.
        """
        session = make_session(symbol, timeframes, feed, initial_days, tz, data_manager_config, progress)
        key = ("suite", name) if name is not None else cell_key()
        await await_call(start_session(session, key))
        return cls(session)

    # -- reading --------------------------------------------------------------------------------------

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols followed."""
        return self._session.symbols

    @property
    def status(self) -> str:
        """The connection's state: one of those that `EventType.CONNECTION_STATUS_CHANGED` tells."""
        return self._session.health.status

    @property
    def is_connected(self) -> bool:
        """Whether data can be expected to arrive."""
        return self._session.health.is_up

    def __getitem__(self, symbol: str) -> SymbolView:
        self._session.engine(symbol)
        return self._views[symbol]

    def accounting(self, symbol: str | None = None) -> Accounting:
        """Return where every trade that arrived went."""
        chosen = symbol or self.symbols[0]
        self._session.engine(chosen)
        return self._session.accounting(chosen)

    # -- events ---------------------------------------------------------------------------------------

    async def on(self, type: EventType | str, handler: Handler) -> Subscription:
        """Call a plain or async function for each event of a type, on the loop that registers it.

        Returns
        -------
        Subscription
            Its `off` removes the handler; it also counts what was delivered, dropped and failed.

        Raises
        ------
        OptionError
            When there is no such event or the handler cannot be called.
        """
        return self._session.bus.on(type, handler)

    async def once(self, type: EventType | str, handler: Handler) -> Subscription:
        """Call a function for the next event of a type only."""
        return self._session.bus.on(type, handler, once=True)

    async def off(self, type: EventType | str | Subscription, handler: Handler | None = None) -> int:
        """Remove a subscription, a handler, or all handlers of a type; return how many were removed."""
        return self._session.bus.off(type, handler)

    async def wait_for(
        self,
        type: EventType | str,
        timeout: float | None = None,
        where: Callable[[Event], bool] | None = None,
    ) -> Event:
        """Wait for the next event of a type; see `EventBus.wait_for`."""
        return await self._session.bus.wait_for(type, timeout, where)

    def events(self, *types: EventType | str) -> AsyncIterator[Event]:
        """Iterate over events as they come: ``async for event in suite.events(EventType.NEW_BAR)``."""
        return self._session.bus.events(*types)

    async def wait_ended(self) -> None:
        """Wait until the feed is at its end: a recording was played, or the suite was closed."""
        await await_call(wait_ended(self._session))

    # -- the end --------------------------------------------------------------------------------------

    async def disconnect(self) -> None:
        """Close the feed and forget every handler; calling it again does nothing."""
        self._finalizer.detach()
        await await_call(self._session.close())

    async def __aenter__(self) -> TradingSuite:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.disconnect()

    def _managers(self) -> list[PlainDataManager]:
        return [PlainDataManager(view.data) for view in self._views.values()]

    def __str__(self) -> str:
        return status_text(f"TradingSuite {', '.join(self.symbols)}", self._session, self._managers())

    def _repr_html_(self) -> str:
        return status_html(f"TradingSuite {', '.join(self.symbols)}", self._session, self._managers())

    def __repr__(self) -> str:
        kept = ", ".join(self.data.get_timeframes())
        return f"<TradingSuite {', '.join(self.symbols)}: {kept}; {self.status}>"
