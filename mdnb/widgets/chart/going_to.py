"""Where a chart goes that is sent to an instant: to which bar, and how many are seen with it."""

from __future__ import annotations

import numpy as np

from mdnb.arguments import When, to_ns
from mdnb.errors import OptionError
from mdnb.types import timestamp
from mdnb.widgets.chart.look import VISIBLE_BARS
from mdnb.widgets.chart.state import ChartState

__all__ = ["place_in", "shown_bars"]

_NS_PER_US = 1000


def place_in(time: When, state: ChartState) -> float:
    """Return the ordinal of the bar that an instant is in, or of the one before where no bar has it.

    Raises
    ------
    OptionError
        When the chart holds no bar of that time.
    """
    at_ns = to_ns(time, state.zone)
    if at_ns is None:
        raise OptionError(f"go_to takes a time; got {time!r}")
    bars = state.source.columns(state.timeframe, state.options.bars)
    if not len(bars):
        raise OptionError("the chart holds no bars yet")
    at_us = at_ns // _NS_PER_US
    found = int(np.searchsorted(bars.time_us, at_us, side="right")) - 1
    oldest, newest = (timestamp(int(bars.time_us[at]) * _NS_PER_US, state.zone) for at in (0, -1))
    if found < 0:
        raise OptionError(
            f"{time!r} is before the chart's oldest bar, {oldest:%Y-%m-%d %H:%M:%S %Z}; a chart with more is"
            " made with bars="
        )
    step = int(np.median(np.diff(bars.time_us))) if len(bars) > 1 else 0
    if at_us > int(bars.time_us[-1]) + step:
        raise OptionError(f"{time!r} is after the chart's newest bar, {newest:%Y-%m-%d %H:%M:%S %Z}")
    return float(bars.first + found)


def shown_bars(state: ChartState) -> float:
    """Return how many bars a page shows, as far as one has said; with the room right of the newest one."""
    if state.view is None:
        return float(min(VISIBLE_BARS, state.options.bars))
    first, second = state.view
    return first if state.follows else second - first
