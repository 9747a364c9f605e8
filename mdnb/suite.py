"""`TradingSuite`: a feed, its symbols and their data managers, for callers that ``await``."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from mdnb.config import DataManagerConfig
from mdnb.errors import RuntimeUseError, not_followed
from mdnb.faces.bar_files import BarFiles
from mdnb.faces.connection_view import ConnectionView
from mdnb.faces.event_faces import AwaitedEvents
from mdnb.faces.face import Face
from mdnb.faces.face_parts import FaceParts, all_parts
from mdnb.faces.market_saver import MarketSaver
from mdnb.faces.newest_values import NewestValues
from mdnb.faces.playback_controls import AwaitedPlayback
from mdnb.feeds.base import Feed
from mdnb.live_frame import LiveFrame
from mdnb.manager import RealtimeDataManager
from mdnb.manager.alignment import Alignment
from mdnb.manager.bars import BarAccess
from mdnb.manager.forward import Forward, LaterValue
from mdnb.market_store.store import MarketStore
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.process.registry import cell_key
from mdnb.runtime.session_factory import FeedName, drop_session, dropped_on_error, make_session, start_session
from mdnb.sync_manager import SyncDataManager
from mdnb.timeframes import TimeframeName
from mdnb.widgets.open_tables import TableOpener
from mdnb.wrong_arguments import names_arguments

__all__ = ["SuiteSymbol", "TradingSuite"]


class SuiteSymbol(Face):
    """One symbol of a suite: its data, newest values and events.

    ``suite["MES"]["1min"]`` is a `LiveFrame`. What may have to wait is awaited: ``await suite["MES"].price``.

    Attributes
    ----------
    data
        The `RealtimeDataManager`: every documented method, awaited.
    symbol
        Whose market it is.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     async with await TradingSuite.create(["MNQ", "MES"], "1min", initial_days=0.1) as suite:
    ...         return suite["MES"].symbol, await suite["MES"].bid <= await suite["MES"].ask
    >>> asyncio.run(main())
    ('MES', True)
    """

    data: RealtimeDataManager
    _word = "TradingSuite"
    _market = "suite"
    _called = "suite[...]"
    _ends = "suite.disconnect(), which ends all symbols"

    def __init__(self, parts: FaceParts) -> None:
        super().__init__(parts)
        self._keep(data=parts.data)

    price = LaterValue("_parts.newest", NewestValues.price)
    last = LaterValue("_parts.newest", NewestValues.last)
    quote = LaterValue("_parts.newest", NewestValues.quote)
    bid = LaterValue("_parts.newest", NewestValues.bid)
    ask = LaterValue("_parts.newest", NewestValues.ask)
    alignment = Forward("_parts.manager.alignment", Alignment.analyze_timeframe_alignment)
    add_timeframe = Forward("_parts.manager.bars", BarAccess.add_timeframe)
    remove_timeframe = Forward("_parts.manager.bars", BarAccess.remove_timeframe)
    export = Forward("_parts.files", BarFiles.export)
    save = Forward("_parts.saver", MarketSaver.save)
    load = Forward("_parts.files", BarFiles.load)
    load_ticks = Forward("_parts.files", BarFiles.load_ticks)
    record = Forward("_parts.connection", ConnectionView.record)
    depth = Forward("_parts.tables", TableOpener.depth)
    on = Forward("_parts.awaited_events", AwaitedEvents.on)
    once = Forward("_parts.awaited_events", AwaitedEvents.once)
    off = Forward("_parts.awaited_events", AwaitedEvents.off)
    wait_for = Forward("_parts.awaited_events", AwaitedEvents.wait_for)
    events = Forward("_parts.awaited_events", AwaitedEvents.events)
    wait_ended = Forward("_parts.connection", ConnectionView.wait_ended)

    @property
    def playback(self) -> AwaitedPlayback:
        """How a recording is played: ``pause()``, ``resume()``, ``await jump(time)``, ``speed``, ``time``.

        Raises
        ------
        OptionError
            When the feed is live.
        """
        return AwaitedPlayback(self._parts.session)

    def __getitem__(self, timeframe: str) -> LiveFrame:
        return self._frame(timeframe)


if TYPE_CHECKING:

    class _FrameOrSymbol(LiveFrame, SuiteSymbol):  # type: ignore[override, misc]  # `symbol`
        """What ``suite[name]`` may be where only the run knows the name: editors offer what either has."""

        @overload  # type: ignore[override]  # of a symbol a timeframe, of a frame a column
        def __getitem__(self, key: TimeframeName) -> LiveFrame: ...
        @overload
        def __getitem__(self, key: Any) -> Any: ...
        def __getitem__(self, key: Any) -> Any: ...


class TradingSuite(SuiteSymbol):
    """A feed with its symbols: connects, keeps bars, emits events.

    Make one with `create`; end it with `disconnect` or ``async with``. A suite that nobody keeps is closed.
    ``suite["1min"]`` is the first symbol's `LiveFrame`, ``suite["MES"]`` another symbol's `SuiteSymbol`.

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

    _called = "suite"
    _ends = "suite.disconnect()"

    def __init__(self, parts: dict[str, FaceParts]) -> None:
        if not isinstance(parts, dict):
            raise RuntimeUseError("make a suite with: suite = await TradingSuite.create('MNQ', ['1min'])")
        first = next(iter(parts.values()))
        super().__init__(first.for_all())
        self._symbols = {symbol: SuiteSymbol(each) for symbol, each in parts.items()}
        self._finalizer = weakref.finalize(self, drop_session, first.session)
        # At the end of Python all that runs is closed together, and a loop cannot be started any more.
        self._finalizer.atexit = False

    @classmethod
    @names_arguments
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
        connect_timeout: float | None = 20.0,
        positive_prices: bool | Mapping[str, bool] | None = None,
        store: str | os.PathLike[str] | MarketStore | None = None,
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
            Called with ``(done, total, text)`` while the feed connects and history is loaded.
        connect_timeout
            Seconds in which there must be a connection. For as many more the history may fail, or not answer
            at all: until then it is asked again. None waits for ever.
        positive_prices
            False where prices may be zero and negative, as of spreads, or of crude oil in April 2020; of
            several symbols for each, such as ``{"CL": False}``. None: as the feed says, and calendar spreads
            of futures are known by their symbols.
        store
            A folder, or what `mdnb.store` returns: bars, trades and quotes are kept there in Parquet, and
            what was kept before is there again.

        Raises
        ------
        SymbolError, TimeframeError, OptionError, FeedError
            When that is not possible; nothing is left running. Without a connection in time the FeedError
            says why.
        DataExportError
            When the store holds a symbol's bars of another feed.
        """
        # A traceback that shows variables has no address, in which there may be a token.
        source, feed = FeedName.hide(feed), None
        session = make_session(
            symbol,
            timeframes,
            source,
            initial_days,
            tz,
            data_manager_config,
            progress,
            connect_timeout,
            positive_prices,
            store,
        )
        key = ("suite", name) if name is not None else cell_key()
        with dropped_on_error(session):
            await await_call(start_session(session, key))
            return cls(all_parts(session))

    @overload
    def __getitem__(self, key: TimeframeName) -> LiveFrame: ...  # type: ignore[overload-overlap]
    @overload
    def __getitem__(self, key: str) -> _FrameOrSymbol: ...
    def __getitem__(self, key: str) -> Any:
        return self._symbols[key] if self._follows(key) else self._frame(key)

    def of(self, symbol: str) -> SuiteSymbol:
        """Return one symbol's part: ``suite["MES"]``, typed.

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

    async def disconnect(self) -> None:
        """Close the feed and forget every handler; calling it again does nothing."""
        await self._parts.connection.close()
        self._finalizer.detach()

    async def __aenter__(self) -> TradingSuite:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.disconnect()

    def _card_data(self) -> list[SyncDataManager]:
        return [each._parts.sync_data for each in self._symbols.values()]

    def _named(self) -> tuple[str, ...]:
        return self.symbols
