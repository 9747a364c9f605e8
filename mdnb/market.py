"""`live`: a live market for plain calls in a notebook, no ``await``."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdnb.config import DataManagerConfig
from mdnb.errors import ClosedError, OptionError, SymbolError, suggest
from mdnb.events.bus import Handler, Subscription
from mdnb.events.types import Event, EventType
from mdnb.feeds.base import Feed
from mdnb.live_frame import LiveFrame
from mdnb.manager.forward import Forward
from mdnb.runtime.live.accounting import Accounting
from mdnb.runtime.process.bridge import call
from mdnb.runtime.session import MarketSession
from mdnb.runtime.session_factory import drop_session, make_session, start_session, wait_ended
from mdnb.runtime.set_alerts import Alerting
from mdnb.status_card import status_html, status_text
from mdnb.suite import SymbolView
from mdnb.sync_manager import PlainDataManager
from mdnb.types import Price
from mdnb.widgets.open_charts import ChartOpener
from mdnb.widgets.open_tables import TableOpener

if TYPE_CHECKING:
    from mdnb.analysis.alignment import TimeframeAlignment
    from mdnb.statistics import ImportResult

__all__ = ["LiveMarket", "LiveSymbol", "live"]


def live(
    symbol: str | Sequence[str] = "MNQ",
    timeframes: Sequence[str] | str | None = None,
    *,
    feed: str | Feed | None = None,
    initial_days: float = 5.0,
    tz: str = "UTC",
    data_manager_config: DataManagerConfig | None = None,
    name: str | None = None,
    progress: bool = True,
) -> LiveMarket:
    """Connect to a feed, load history and return the live market; plain calls, no ``await``.

    Parameters
    ----------
    symbol
        One symbol, or several.
    timeframes
        Names of the timeframes to keep; default 1min, 5min and 15min.
    feed
        A feed's name such as ``sim://?speed=60`` or ``replay:PATH``, or a `Feed`; default the environment
        variable ``MDNB_FEED``, else the embedded simulator.
    initial_days
        Days of history loaded before this returns; 0 loads none.
    tz
        Zone of frames, records and charts.
    data_manager_config
        Limits and rules.
    name
        A live market of the same name is closed and replaced, so that a cell can be run again; default the
        symbols.
    progress
        Show what is being loaded, in a notebook.

    Returns
    -------
    LiveMarket
        Ends with `LiveMarket.close`, or ``with``.

    Raises
    ------
    SymbolError, TimeframeError, OptionError, FeedError
        When that is not possible; nothing is left running.

    Examples
    --------
    >>> with live("MNQ", ["1min", "5min"], initial_days=0.1) as market:
    ...     market.data.get_timeframes(), market.price > 0
    (['1min', '5min'], True)
    """
    from mdnb.widgets.page.preload import preload
    from mdnb.widgets.page.progress import progress_line

    preload()
    with progress_line(enabled=progress) as tell:
        session = make_session(symbol, timeframes, feed, initial_days, tz, data_manager_config, tell)
        key = ("live", name if name is not None else session.symbols)
        call(start_session(session, key))
    return LiveMarket(session, name if name is not None else ", ".join(session.symbols))


class LiveSymbol:
    """One symbol of a live market.

    Attributes
    ----------
    data
        Every documented method of the data manager, as plain calls.
    symbol
        Whose market it is.
    """

    def __init__(self, session: MarketSession, view: SymbolView) -> None:
        self._session = session
        self._view = view
        self.symbol = view.symbol
        self.data = PlainDataManager(view.data)
        self._tables = TableOpener(session, view.symbol, [view.symbol])
        self._alerting = Alerting(session, [view.symbol])
        self._panels = ChartOpener(session, view.symbol)

    tape = Forward("_tables", TableOpener.tape)
    depth = Forward("_tables", TableOpener.depth)
    watch = Forward("_tables", TableOpener.watch)
    frame_view = Forward("_tables", TableOpener.frame_view)
    alert = Forward("_alerting", Alerting.alert)
    alerts = Forward("_alerting", Alerting.alerts)
    chart = Forward("_panels", ChartOpener.chart)
    panel = Forward("_panels", ChartOpener.panel)
    dashboard = Forward("_panels", ChartOpener.dashboard)

    def __getitem__(self, timeframe: str) -> LiveFrame:
        return LiveFrame(self._view.data.engine, timeframe)

    def _ipython_key_completions_(self) -> list[str]:
        return self.data.get_timeframes()

    @property
    def price(self) -> Price:
        """The last price; waits up to 10 s for the first one."""
        return self.data.get_current_price()

    def alignment(self, timeframes: Sequence[str] | None = None, **options: Any) -> TimeframeAlignment:
        """Score how the timeframes' trends agree; see ``data.analyze_timeframe_alignment``.

        Examples
        --------
        >>> with live("BTC-USD", ["1min", "5min"], initial_days=1) as market:
        ...     market.alignment().trend_direction in ("bullish", "bearish", "mixed", "neutral")
        True
        """
        return self.data.analyze_timeframe_alignment(timeframes, **options)

    def load(self, filename: str | Path, timeframe: str | None = None, **options: Any) -> list[ImportResult]:
        """Put the bars of a CSV, JSON or Parquet file beside those held.

        Parameters
        ----------
        filename
            A file on this machine; its ending tells the format.
        timeframe
            The timeframe the bars are of. None takes every timeframe of a Parquet file that is kept, or the
            only one kept.
        **options
            Those of ``data.import_from_csv``, ``import_from_json`` or ``import_from_parquet``.

        Returns
        -------
        list of ImportResult
            What became of the bars, a timeframe each.

        Raises
        ------
        TimeframeError, OptionError
            When the timeframe is not kept, or not told and not clear.
        DataImportError
            When the file is not understood; nothing was changed.
        """
        from mdnb.io.formats import format_of
        from mdnb.io.parquet_read import timeframes_in

        kind = format_of(filename)
        kept = self.data.get_timeframes()
        names = [timeframe] if timeframe is not None else kept if len(kept) == 1 else []
        if not names and kind == "parquet":
            names = [name for name in timeframes_in(filename) if name in kept]
        if not names:
            raise OptionError(
                f"say which timeframe the bars of {Path(filename).name!r} are of; kept: {', '.join(kept)}"
            )
        if kind == "parquet":
            return [self.data.import_from_parquet(filename, name, **options) for name in names]
        read = self.data.import_from_csv if kind == "csv" else self.data.import_from_json
        return [read(filename, names[0], **options)]

    def accounting(self) -> Accounting:
        """Return where every trade that arrived went."""
        return self._session.accounting(self.symbol)

    def __repr__(self) -> str:
        return f"<live {self.symbol}: {', '.join(self.data.get_timeframes())}; {self._session.health.status}>"


class LiveMarket(LiveSymbol):
    """A live market: frames, prices and charts by plain calls.

    ``live["1min"]`` is the first symbol's `LiveFrame`; with several symbols ``live["MES"]`` is another
    symbol's `LiveSymbol`.
    """

    def __init__(self, session: MarketSession, name: str) -> None:
        self._symbols = {
            symbol: LiveSymbol(session, SymbolView(session, symbol)) for symbol in session.symbols
        }
        super().__init__(session, SymbolView(session, session.symbols[0]))
        self._tables = TableOpener(session, session.symbols[0], session.symbols)
        self._alerting = Alerting(session, session.symbols)
        self.name = name
        self._finalizer = weakref.finalize(self, drop_session, session)

    def __getitem__(self, key: str) -> Any:
        return self._symbols[key] if key in self._symbols else super().__getitem__(key)

    def _ipython_key_completions_(self) -> list[str]:
        return [*self.data.get_timeframes(), *self._symbols]

    def _managers(self) -> list[PlainDataManager]:
        return [one.data for one in self._symbols.values()]

    def __str__(self) -> str:
        return status_text(f"live {self.name}", self._session, self._managers())

    def _repr_html_(self) -> str:
        return status_html(f"live {self.name}", self._session, self._managers())

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols followed."""
        return self._session.symbols

    def of(self, symbol: str) -> LiveSymbol:
        """Return another symbol's market.

        Raises
        ------
        SymbolError
            When it is not followed.
        """
        if symbol not in self._symbols:
            raise SymbolError(f"{symbol!r} is not followed here. {suggest(symbol, self._symbols)}")
        return self._symbols[symbol]

    @property
    def status(self) -> str:
        """The connection's state: one of those that `EventType.CONNECTION_STATUS_CHANGED` tells."""
        return self._session.health.status

    @property
    def is_connected(self) -> bool:
        """Whether data can be expected to arrive."""
        return self._session.health.is_up

    # -- events ---------------------------------------------------------------------------------------

    def on(self, type: EventType | str, handler: Handler) -> Subscription:
        """Call a function for each event of a type, on a thread for callbacks.

        Raises
        ------
        OptionError
            When there is no such event or the handler cannot be called.
        """
        self._check_open()
        return self._session.bus.on_thread(type, handler)

    def once(self, type: EventType | str, handler: Handler) -> Subscription:
        """Call a function for the next event of a type only."""
        self._check_open()
        return self._session.bus.on_thread(type, handler, once=True)

    def off(self, type: EventType | str | Subscription, handler: Handler | None = None) -> int:
        """Remove a subscription, a handler, or all handlers of a type; return how many were removed."""
        return self._session.bus.off(type, handler)

    def wait_for(
        self,
        type: EventType | str,
        timeout: float | None = None,
        where: Callable[[Event], bool] | None = None,
    ) -> Event:
        """Wait for the next event of a type.

        Raises
        ------
        WaitTimeoutError
            When none came within ``timeout`` seconds.
        """
        self._check_open()
        return call(self._session.bus.wait_for(type, timeout, where))

    def wait_ended(self, timeout: float | None = None) -> None:
        """Wait until the feed is at its end: a recording was played, or the market was closed."""
        call(wait_ended(self._session), timeout)

    def _check_open(self) -> None:
        if self._session.closed:
            raise ClosedError(f"the live market {self.name!r} was closed; run mdnb.live(...) again")

    # -- files ----------------------------------------------------------------------------------------

    def export(self, filename: str | Path, timeframe: str | None = None) -> Path:
        """Write bars into a file: all timeframes kept into one Parquet file, or one into CSV or JSON.

        Parameters
        ----------
        filename
            Ends in ``.parquet``, ``.csv`` or ``.json``.
        timeframe
            Only this one; CSV and JSON hold one timeframe and need it unless just one is kept.

        Returns
        -------
        pathlib.Path
            The file; ``pandas.read_parquet`` reads it plainly, with a column ``timeframe``.

        Raises
        ------
        OptionError
            When the file's ending is not known or several timeframes do not fit.
        DataExportError
            When it cannot be written; a file that stood there is intact.
        """
        from mdnb.io.formats import write_bars

        engine = self._view.data.engine
        names = engine.timeframes() if timeframe is None else [engine.canonical(timeframe)]
        return write_bars({name: engine.frame(name) for name in names}, filename)

    # -- the end --------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the feed and its charts; calling it again does nothing."""
        self._finalizer.detach()
        call(self._session.close())

    def __enter__(self) -> LiveMarket:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
