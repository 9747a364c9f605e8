"""`live`: a live market for plain calls in a notebook, no ``await``."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from mdnb.config import DataManagerConfig
from mdnb.errors import not_followed
from mdnb.faces.bar_files import BarFiles
from mdnb.faces.connection_view import ConnectionView
from mdnb.faces.event_faces import PlainEvents
from mdnb.faces.face import Face
from mdnb.faces.face_parts import FaceParts, all_parts
from mdnb.faces.market_saver import MarketSaver
from mdnb.faces.newest_values import NewestValues
from mdnb.faces.playback_controls import PlainPlayback
from mdnb.feeds.base import Feed
from mdnb.live_frame import LiveFrame
from mdnb.manager.alignment import Alignment
from mdnb.manager.bars import BarAccess
from mdnb.manager.forward import Forward, Plain, PlainValue
from mdnb.market_store.store import MarketStore
from mdnb.runtime.process.bridge import call
from mdnb.runtime.process.registry import cell_key
from mdnb.runtime.session_factory import FeedName, drop_session, dropped_on_error, make_session, start_session
from mdnb.sync_manager import SyncDataManager
from mdnb.timeframes import TimeframeName
from mdnb.widgets.open_tables import TableOpener
from mdnb.wrong_arguments import names_arguments

__all__ = ["LiveMarket", "LiveSymbol", "live"]


@names_arguments
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
    connect_timeout: float | None = 20.0,
    positive_prices: bool | Mapping[str, bool] | None = None,
    store: str | os.PathLike[str] | MarketStore | None = None,
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
        A live market of the same name is closed and replaced. Without one a cell that is run again replaces
        what it made, whatever the symbols: its first market the first one, its second the second.
    progress
        Show in a notebook how far it is: connecting, and what is being loaded.
    connect_timeout
        Seconds in which there must be a connection. For as many more the history may fail, or not answer
        at all: until then it is asked again. None waits for ever.
    positive_prices
        False where prices may be zero and negative, as of spreads, or of crude oil in April 2020; of
        several symbols for each, such as ``{"CL": False}``. None: as the feed says, and calendar spreads
        of futures are known by their symbols.
    store
        A folder, or what `mdnb.store` returns: bars, trades and quotes are kept there in Parquet, and what
        was kept before is there again.

    Returns
    -------
    LiveMarket
        Ends with `LiveMarket.close`, or ``with``.

    Raises
    ------
    SymbolError, TimeframeError, OptionError, FeedError
        When that is not possible; nothing is left running. Without a connection in time the
        FeedError says why.
    DataExportError
        When the store holds a symbol's bars of another feed.

    Examples
    --------
    >>> with live("MNQ", ["1min", "5min"], initial_days=0.1) as market:
    ...     market.data.get_timeframes(), market.price > 0
    (['1min', '5min'], True)
    """
    from mdnb.widgets.page.key_completion import offer_keys
    from mdnb.widgets.page.preload import preload
    from mdnb.widgets.page.progress import progress_line

    # A traceback that shows variables has no address, in which there may be a token.
    source, feed = FeedName.hide(feed), None
    offer_keys()
    preload()
    with progress_line(enabled=progress) as tell:
        session = make_session(
            symbol,
            timeframes,
            source,
            initial_days,
            tz,
            data_manager_config,
            tell,
            connect_timeout,
            positive_prices,
            store,
        )
        key = ("live", name) if name is not None else cell_key()
        with dropped_on_error(session):
            call(start_session(session, key))
            made = LiveMarket(all_parts(session), name if name is not None else ", ".join(session.symbols))
    return made


class LiveSymbol(Face):
    """One symbol of a live market: its data, newest values and events.

    ``live["MES"]["1min"]`` is a `LiveFrame`.

    Attributes
    ----------
    data
        The `SyncDataManager`: every documented method of the data manager, as plain calls.
    symbol
        Whose market it is.

    Examples
    --------
    >>> with live(["MNQ", "MES"], "1min", initial_days=0.1) as market:
    ...     mes = market["MES"]
    ...     mes.symbol, mes.timeframes, mes.bid <= mes.ask
    ('MES', ['1min'], True)
    """

    data: SyncDataManager
    _word = _market = "live"
    _called = "live[...]"
    _ends = "live.close(), which ends all symbols"

    def __init__(self, parts: FaceParts) -> None:
        super().__init__(parts)
        self._keep(data=parts.sync_data)

    price = PlainValue("_parts.newest", NewestValues.price)
    last = PlainValue("_parts.newest", NewestValues.last)
    quote = PlainValue("_parts.newest", NewestValues.quote)
    bid = PlainValue("_parts.newest", NewestValues.bid)
    ask = PlainValue("_parts.newest", NewestValues.ask)
    alignment = Plain("_parts.manager.alignment", Alignment.analyze_timeframe_alignment)
    add_timeframe = Plain("_parts.manager.bars", BarAccess.add_timeframe)
    remove_timeframe = Plain("_parts.manager.bars", BarAccess.remove_timeframe)
    export = Plain("_parts.files", BarFiles.export)
    save = Plain("_parts.saver", MarketSaver.save)
    load = Plain("_parts.files", BarFiles.load)
    load_ticks = Plain("_parts.files", BarFiles.load_ticks)
    record = Plain("_parts.connection", ConnectionView.record)
    depth = Plain("_parts.tables", TableOpener.depth, TableOpener.receive_depth)
    on = Forward("_parts.plain_events", PlainEvents.on)
    once = Forward("_parts.plain_events", PlainEvents.once)
    off = Forward("_parts.plain_events", PlainEvents.off)
    wait_for = Forward("_parts.plain_events", PlainEvents.wait_for)
    events = Forward("_parts.plain_events", PlainEvents.events)
    wait_ended = Plain("_parts.connection", ConnectionView.wait_ended)

    @property
    def playback(self) -> PlainPlayback:
        """How a recording is played: ``pause()``, ``resume()``, ``jump(time)``, ``speed``, ``time``.

        Raises
        ------
        OptionError
            When the feed is live.
        """
        return PlainPlayback(self._parts.session)

    def __getitem__(self, timeframe: str) -> LiveFrame:
        return self._frame(timeframe)


if TYPE_CHECKING:

    class _FrameOrSymbol(LiveFrame, LiveSymbol):  # type: ignore[override, misc]  # `symbol`
        """What ``live[name]`` may be where only the run knows the name: editors offer what either has."""

        @overload  # type: ignore[override]  # of a symbol a timeframe, of a frame a column
        def __getitem__(self, key: TimeframeName) -> LiveFrame: ...
        @overload
        def __getitem__(self, key: Any) -> Any: ...
        def __getitem__(self, key: Any) -> Any: ...


class LiveMarket(LiveSymbol):
    """A live market: frames, prices and charts by plain calls.

    ``live["1min"]`` is the first symbol's `LiveFrame`; with several symbols ``live["MES"]`` is another
    symbol's `LiveSymbol`.

    Attributes
    ----------
    name
        Another live market of this name takes its place.

    Examples
    --------
    >>> with live("MNQ", ["1min", "5min"], initial_days=0.1) as market:
    ...     "5min" in market, list(market), market.last > 0
    ...     market.add_timeframe("15min")
    ...     market.timeframes
    (True, ['1min', '5min'], True)
    '15min'
    ['1min', '5min', '15min']
    """

    name: str
    _called = "live"
    _ends = "live.close()"

    def __init__(self, parts: dict[str, FaceParts], name: str) -> None:
        first = next(iter(parts.values()))
        super().__init__(first.for_all())
        self._keep(name=name)
        self._symbols = {symbol: LiveSymbol(each) for symbol, each in parts.items()}
        self._finalizer = weakref.finalize(self, drop_session, first.session)
        # At the end of Python all that runs is closed together, and a loop cannot be started any more.
        self._finalizer.atexit = False

    @overload
    def __getitem__(self, key: TimeframeName) -> LiveFrame: ...  # type: ignore[overload-overlap]
    @overload
    def __getitem__(self, key: str) -> _FrameOrSymbol: ...
    def __getitem__(self, key: str) -> Any:
        return self._symbols[key] if self._follows(key) else self._frame(key)

    def of(self, symbol: str) -> LiveSymbol:
        """Return one symbol's part: ``live["MES"]``, typed.

        Raises
        ------
        SymbolError
            When it is not followed.
        """
        if not self._follows(symbol):
            raise not_followed(symbol, self._symbols)
        return self._symbols[symbol]

    def __contains__(self, key: object) -> bool:
        return self._follows(key) or super().__contains__(key)

    def _ipython_key_completions_(self) -> list[str]:
        return [*self.timeframes, *self._symbols]

    def close(self) -> None:
        """Close the feed and its charts; calling it again does nothing.

        Events that handlers have not taken yet are counted as dropped; the log tells how many.
        """
        call(self._parts.connection.close())
        self._finalizer.detach()

    def __enter__(self) -> LiveMarket:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _card_data(self) -> list[SyncDataManager]:
        return [each.data for each in self._symbols.values()]

    def _title(self) -> str:
        return f"live {self.name}"

    def _named(self) -> tuple[str, ...]:
        return self.symbols
