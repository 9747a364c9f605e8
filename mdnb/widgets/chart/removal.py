"""A chart whose timeframe is removed keeps its last bars and says so, and goes on when it is kept again."""

from __future__ import annotations

from mdnb.widgets.chart.core import ChartCore
from mdnb.widgets.chart.state import ChartState
from mdnb.widgets.figure.bar_source import BarSource
from mdnb.widgets.figure.removed_timeframe import RemovedTimeframe

__all__ = ["show_removed", "source_of", "take_back"]


def source_of(state: ChartState) -> BarSource:
    """Return where a chart's bars come from, whether its timeframe is kept or not."""
    source = state.source
    return source.source if isinstance(source, RemovedTimeframe) else source


def show_removed(core: ChartCore) -> None:
    """Show the last bars of a timeframe that is not kept any more; hold the chart's lock."""
    state = core.state
    bars = core.transport.held.columns
    state.source = RemovedTimeframe(source_of(state), state.timeframe, bars)
    state.seen, state.badge = state.source.version(state.timeframe), state.source.status()
    core.transport.recompose()


def take_back(core: ChartCore) -> None:
    """Show the bars again of a timeframe that was removed, once it is kept again; hold the chart's lock."""
    state = core.state
    if isinstance(state.source, RemovedTimeframe) and state.source.is_back():
        state.source = state.source.source
        core.transport.recompose()
        state.seen = (-1, -1, -1)
