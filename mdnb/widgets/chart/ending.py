"""A chart that moves no more lets its market go, and keeps the bars that it drew."""

from __future__ import annotations

import weakref

from mdnb.widgets.chart.core import ChartCore
from mdnb.widgets.figure.last_bars import LastBars
from mdnb.widgets.figure.removed_timeframe import RemovedTimeframe

__all__ = ["let_market_go"]


def let_market_go(core: ChartCore) -> None:
    """Hold a market that is over weakly, and the bars that are drawn of it; hold the chart's lock.

    A page, and a notebook's list of what its cells gave, hold a chart for as long as the kernel runs: with it
    they would hold all that its market has had, its trades, bars and order book.
    """
    state, held = core.state, core.transport.held
    removed = state.source if isinstance(state.source, RemovedTimeframe) else None
    source = state.source if removed is None else removed.source
    if isinstance(source, LastBars):
        found = source.alive()
        if found is None:
            return
        source = found
    bars, is_from_days_begin = held.whole()
    kept = LastBars(source, state.timeframe, bars, is_from_days_begin=is_from_days_begin)
    if removed is None:
        state.source = kept
    else:
        removed.source = kept
    held.read_from(state.source)
    state.sources = weakref.WeakValueDictionary(state.sources)
    state.listener = None
