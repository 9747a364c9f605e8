"""The content of a chart: kind, overlays, timeframe, symbol. Changing it rebuilds the figure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

from mdnb.analysis.indicators import Indicator
from mdnb.errors import ClosedError, OptionError, not_followed, suggest
from mdnb.widgets.chart.core import ChartCore
from mdnb.widgets.chart.ending import let_market_go
from mdnb.widgets.chart.removal import source_of
from mdnb.widgets.figure.decimals import PriceDecimals
from mdnb.widgets.figure.live_expression import LiveExpression
from mdnb.widgets.figure.series import Overlay
from mdnb.widgets.page.sender import sender

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ChartContent"]


class ChartContent:
    """Changes what a chart shows; `mdnb.widgets.chart.chart.LiveChart` has these methods."""

    def __init__(self, core: ChartCore) -> None:
        self._core = core
        self._state = core.state
        self._transport = core.transport

    def set_kind(self, kind: str) -> None:
        """Draw the bars as ``candles``, ``hollow``, ``ohlc``, ``line``, ``area`` or ``heikin-ashi``.

        Raises
        ------
        OptionError
            When there is no such kind.
        """
        self._change_options(kind=kind)

    def set_overlays(self, overlays: Iterable[str | Overlay] | str) -> None:
        """Draw these indicators and no others, such as ``["ema(20)", "vwap", "rsi(14)"]``.

        Those over the bars: ``sma``, ``ema``, ``vwap``, ``bollinger``. In panes below: ``rsi``, ``macd``,
        ``atr``, ``delta``. See `mdnb.analysis.indicators`. A live line of `add_live` stays by its name.

        Raises
        ------
        OptionError
            When one is not understood, or there are more than 12.
        """
        listed = [overlays] if isinstance(overlays, (str, Indicator, LiveExpression)) else list(overlays)
        live = {str(one): one for one in self._state.options.indicators if isinstance(one, LiveExpression)}
        self._change_options(overlays=[live.get(str(one), one) for one in listed])

    def add_overlay(self, overlay: str | Indicator) -> None:
        """Add an indicator; see `set_overlays`."""
        self._change_options(overlays=[*self._state.options.indicators, overlay])

    def add_live(
        self,
        function: Callable[[pd.DataFrame], Any],
        name: str = "",
        pane: Literal["price", "lower"] = "price",
    ) -> None:
        """Draw a line of your own that follows the bars, such as ``lambda f: f["close"].rolling(50).mean()``.

        It is computed of all bars that the chart holds, at each bar that closes and while one is being made,
        on the chart's thread; meanwhile its newest value alone moves. One that fails then is logged once, and
        not drawn until it succeeds.

        Parameters
        ----------
        function
            Takes the bars held (index datetime64[us, tz], columns as `LiveChart.shown` has them), and
            returns a number for each of them, or one for all.
        name
            Of the line, in the legend and in `LiveChart.shown`; left out, the function's. `remove_overlay`
            takes it away again.
        pane
            ``price``, over the bars, or ``lower``, in a pane of its own below.

        Raises
        ------
        OptionError
            When it gives no such numbers, or the name is taken.
        Exception
            Whatever the function raises at the bars there are now.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.2) as live:
        ...     chart = live.chart("1min")
        ...     chart.add_live(lambda f: f["close"].rolling(50).mean(), name="mean of 50")
        ...     chart.overlays
        ('mean of 50',)
        """
        called = getattr(function, "__name__", "")
        made = LiveExpression(name or ("" if called == "<lambda>" else called), function, pane)
        state = self._state
        bars = state.source.columns(state.timeframe, state.options.bars)
        if len(bars):
            made.of(bars, state.source.tz)
        self._change_options(overlays=[*state.options.indicators, made])

    def remove_overlay(self, overlay: str | Overlay) -> None:
        """Remove an indicator, or a live line.

        Raises
        ------
        OptionError
            When it is not drawn.
        """
        held = self._state.options.indicators
        named = {str(one): one for one in held}
        gone = named.get(str(overlay)) or Indicator.parse(str(overlay))
        if gone not in held:
            shown = list(named)
            raise OptionError(f"{gone} is not drawn. {suggest(str(gone), shown) if shown else 'Nothing is.'}")
        self._change_options(overlays=[one for one in held if one != gone])

    def set_timeframe(self, timeframe: str) -> None:
        """Show another timeframe that is kept.

        Raises
        ------
        TimeframeError
            When it is not kept.
        ClosedError
            When the market was closed, and is gone.
        """
        self._change(timeframe=self._state.source.canonical(timeframe))

    def set_symbol(self, symbol: str) -> None:
        """Show another symbol of the same market, in the same timeframe.

        Raises
        ------
        SymbolError
            When it is not followed.
        ClosedError
            When the market was closed, and is gone.
        """
        state = self._state
        if symbol == state.source.symbol:
            return
        source = state.sources.get(symbol)
        if source is None:
            if state.closed and not state.sources:
                raise ClosedError(
                    f"the market of {state.source.symbol} was closed and is gone: its chart has the bars "
                    f"that it showed last, and no {symbol!r}. Make a new market, and a chart of it."
                )
            raise not_followed(symbol, self.symbols())
        name = source.canonical(state.timeframe)
        with state.lock:
            if state.listener is not None:
                state.listener.close()
            state.listener = None if state.closed else source.listen(sender().wake.set)
        self._change(source=source, timeframe=name)

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols that `set_symbol` takes."""
        return tuple(self._state.sources) or (self._state.source.symbol,)

    def timeframes(self) -> tuple[str, ...]:
        """Return the timeframes that `set_timeframe` takes."""
        return tuple(self._state.source.timeframes())

    def _change_options(self, **changes: Any) -> None:
        self._change(options=dataclasses.replace(self._state.options, **changes))

    def _change(self, **changes: Any) -> None:
        state = self._state
        with state.lock:
            if all(getattr(state, name) == value for name, value in changes.items()):
                return
            if "timeframe" in changes:
                state.source = source_of(state)
            for name, value in changes.items():
                setattr(state, name, value)
            if "source" in changes:
                state.prices = PriceDecimals()
            self._transport.recompose()
            state.seen = (-1, -1, -1)
            if state.closed:
                let_market_go(self._core)
        sender().wake.set()
