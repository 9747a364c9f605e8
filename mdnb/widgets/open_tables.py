"""Opening tables of a running market: ``live.tape()``, ``depth()``, ``watch()``, ``frame_view()``."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mdnb.errors import FeedError, OptionError
from mdnb.manager.subscriptions import Subscriptions
from mdnb.runtime.session import MarketSession

if TYPE_CHECKING:
    from mdnb.widgets.heatmap.depth_view import DepthView
    from mdnb.widgets.tables.frame_view import FrameView
    from mdnb.widgets.tables.ladder import DepthLadder
    from mdnb.widgets.tables.tape import Tape
    from mdnb.widgets.tables.watch import WatchList

__all__ = ["TableOpener"]

_FPS = 10.0
_PALETTE = "colorblind"
_INTERVAL = 0.25
_COLUMNS = 240


class TableOpener:
    """Opens tables of a session; every face of a market has its methods.

    Parameters
    ----------
    session
        Whose data is shown.
    symbol
        The one meant where none is named.
    watched
        Those of the watch list where none are named.
    """

    def __init__(self, session: MarketSession, symbol: str, watched: Sequence[str]) -> None:
        self._session = session
        self._symbol = symbol
        self._watched = tuple(watched)

    def tape(
        self, symbol: str | None = None, rows: int = 50, *, fps: float = _FPS, palette: str = _PALETTE
    ) -> Tape:
        """Return a live table of the newest trades: time, price, size, side; the newest on top.

        Parameters
        ----------
        symbol
            One that is followed; default this one.
        rows
            How many trades are shown, 1..200.
        fps
            Changes of the page a second at the most, above 0, up to 60.
        palette
            ``colorblind`` or ``default``.

        Raises
        ------
        SymbolError
            When the symbol is not followed.
        OptionError
            When an option is outside what is allowed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     tape = market.tape(rows=5)
        >>> [column.name for column in tape.state().columns], len(tape.state().rows)
        (['Time UTC', 'Price', 'Size', 'Side'], 5)
        """
        from mdnb.widgets.tables.tape import Tape

        return Tape(self._session.market(symbol or self._symbol).engine, rows, fps=fps, palette=palette)

    async def depth(
        self,
        levels: int = 10,
        *,
        symbol: str | None = None,
        heat_map: bool = True,
        interval: float = _INTERVAL,
        columns: int = _COLUMNS,
        fps: float = _FPS,
        palette: str = _PALETTE,
    ) -> DepthView | DepthLadder:
        """Return a live order book: a heat map of resting size over time, and the ladder of now.

        The order book is subscribed if it is not; it stays so when the view is closed, until
        ``data.unsubscribe_from_level2()``.

        Parameters
        ----------
        levels
            How many levels a side the ladder shows, and the imbalance counts, 1..100. The heat map shows all.
        symbol
            One that is followed; default this one.
        heat_map
            False returns the ladder alone.
        interval
            Seconds of wall time a column of the heat map is, 0.05..60.
        columns
            How many of them are held and shown, 20..1000.
        fps, palette
            As for `tape`.

        Raises
        ------
        SymbolError
            When the symbol is not followed.
        OptionError
            When an option is outside what is allowed.
        FeedError
            When the feed gives no order book.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     book = market.depth(levels=5)
        ...     "depth" in market.data.get_subscriptions(), len(book.state().rows), book.heat_map.symbol
        (True, 10, 'MNQ')
        """
        await self.receive_depth(symbol=symbol)
        return self._depth_of(symbol, levels, heat_map, interval, columns, fps=fps, palette=palette)

    async def receive_depth(self, *_args: Any, symbol: str | None = None, **_options: Any) -> None:
        """Subscribe to the order book, unless that is done; the arguments are those of `depth`."""
        market, session = self._session.market(symbol or self._symbol), self._session
        if session.closed or session.ended.is_set() or "depth" in market.pipeline.subscribed:
            return
        try:
            await Subscriptions(market).subscribe_to_level2()
        except FeedError:
            # Else the next call would believe that it is received.
            market.pipeline.subscribed.discard("depth")
            raise

    def _depth_of(
        self,
        symbol: str | None,
        levels: int,
        heat_map: bool,
        interval: float,
        columns: int,
        **options: Any,
    ) -> DepthView | DepthLadder:
        from mdnb.widgets.heatmap.depth_view import DepthView
        from mdnb.widgets.heatmap.heat_map import HeatMap
        from mdnb.widgets.tables.ladder import DepthLadder

        if not isinstance(heat_map, bool):
            raise OptionError(f"heat_map must be True or False; got {heat_map!r}")
        engine = self._session.market(symbol or self._symbol).engine
        if not heat_map:
            return DepthLadder(engine, levels, **options)
        drawn = HeatMap(engine, levels, interval=interval, columns=columns, **options)
        return DepthView(drawn, DepthLadder(engine, levels, **options))

    def watch(
        self, symbols: Sequence[str] | str | None = None, *, fps: float = _FPS, palette: str = _PALETTE
    ) -> WatchList:
        """Return a live table of several symbols: last price, change, bid, ask, the newest closes, age.

        The change is against the session's open, in points and per cent.

        Parameters
        ----------
        symbols
            Those that are followed; default all of a market, or this one.
        fps, palette
            As for `tape`.

        Raises
        ------
        SymbolError
            When a symbol is not followed.
        OptionError
            When an option is outside what is allowed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live(["MNQ", "MES"], ["1min"], initial_days=0.1) as market:
        ...     watch = market.watch()
        >>> [row.cells[0].text for row in watch.state().rows]
        ['MNQ', 'MES']
        """
        from mdnb.widgets.tables.watch import WatchList

        session = self._session
        wanted = self._watched if symbols is None else [symbols] if isinstance(symbols, str) else symbols
        followed = {symbol: session.market(symbol).engine for symbol in wanted}
        ages = [functools.partial(session.health.seconds_since_data, symbol) for symbol in followed]
        return WatchList(list(followed.values()), ages, fps=fps, palette=palette)

    def frame_view(
        self,
        timeframe: str | None = None,
        rows: int = 10,
        *,
        symbol: str | None = None,
        fps: float = _FPS,
        palette: str = _PALETTE,
    ) -> FrameView:
        """Return a live table of the newest bars, the forming one last.

        Parameters
        ----------
        timeframe
            One that is kept; default the finest.
        rows
            How many bars are shown, 1..200.
        symbol
            One that is followed; default this one.
        fps, palette
            As for `tape`.

        Raises
        ------
        SymbolError
            When the symbol is not followed.
        TimeframeError
            When the timeframe is not kept.
        OptionError
            When an option is outside what is allowed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     bars = market.frame_view("1min", rows=4)
        >>> [column.name for column in bars.state().columns][1:6], len(bars.state().rows)
        (['Open', 'High', 'Low', 'Close', 'Volume'], 4)
        """
        from mdnb.widgets.tables.frame_view import FrameView

        engine = self._session.market(symbol or self._symbol).engine
        name = timeframe if timeframe is not None else engine.finest()
        return FrameView(engine, name, rows, fps=fps, palette=palette)
