"""`MarketCharts`: the charts of a market that are open, and those that were saved with it."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mdnb.io.manifest import SavedChart
from mdnb.runtime.live.symbol_state import SymbolState

if TYPE_CHECKING:
    from mdnb.widgets.chart.chart import LiveChart

__all__ = ["MarketCharts"]


class MarketCharts:
    """The charts of one market.

    Parameters
    ----------
    saved
        Those that were saved with it.
    symbols
        The names by which the saved symbols are followed now.
    """

    def __init__(self, saved: Sequence[SavedChart] = (), symbols: Mapping[str, str] | None = None) -> None:
        self._saved = tuple(saved)
        self._symbols = dict(symbols or {})
        self._open: list[weakref.ref[LiveChart]] = []

    def _of(self, engine: SymbolState) -> list[SavedChart]:
        return [one for one in self._saved if self._symbols.get(one.symbol) == engine.symbol]

    def first(self, engine: SymbolState) -> str | None:
        """Return the timeframe of the symbol's first saved chart that is kept."""
        return next((one.timeframe for one in self._of(engine) if engine.has_timeframe(one.timeframe)), None)

    def saved_for(self, engine: SymbolState, timeframe: str) -> SavedChart | None:
        """Return the saved chart that one of a symbol and timeframe takes after; None where there is none."""
        mine = self._of(engine)
        if not engine.has_timeframe(timeframe):
            return None
        name = engine.canonical(timeframe)
        same = [one for one in mine if one.timeframe == name]
        drawn = [
            one
            for one in self._saved
            if any(self._symbols.get(each) == engine.symbol for each in one.drawings)
        ]
        return next(iter([*same, *mine, *drawn]), None)

    def options(
        self, engine: SymbolState, timeframe: str, saved: SavedChart | None, given: Mapping[str, Any]
    ) -> Any:
        """Return the options of a new chart: those given, and what the saved one of its timeframe had."""
        if saved is None or saved.timeframe != engine.canonical(timeframe):
            return given
        from mdnb.errors import OptionError
        from mdnb.widgets.chart.options import ChartOptions
        from mdnb.widgets.chart.saved_state import options_of

        had = options_of(saved)
        try:
            ChartOptions.of(**had)
        except OptionError:
            # Of another version, or of a file that was changed.
            had = {}
        return {**had, **given}

    def take(self, chart: LiveChart, saved: SavedChart | None) -> None:
        """Keep a new chart in mind, and draw on it what was drawn on the saved one."""
        self._open = [held for held in self._open if held() is not None]
        self._open.append(weakref.ref(chart))
        if saved is not None:
            from mdnb.widgets.chart.saved_state import put_back

            put_back(chart._mdnb, saved, self._symbols)

    def described(self) -> list[SavedChart]:
        """Return what is to be saved: the charts that are open, where none is those that were saved."""
        from mdnb.widgets.chart.saved_state import described

        # One that was closed has left the page; those of a market that was closed are there still.
        charts = [chart for ref in self._open if (chart := ref()) is not None]
        held = [described(chart._mdnb) for chart in charts if chart.comm is not None]
        return held or list(self._saved)
