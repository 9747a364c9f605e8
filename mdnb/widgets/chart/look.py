"""How a chart looks, and which bars it holds: functions of its state."""

from __future__ import annotations

from mdnb.widgets.chart.state import ChartState
from mdnb.widgets.figure.chart_bars import ChartBars
from mdnb.widgets.figure.layout import Look
from mdnb.widgets.page.theme import theme_of

__all__ = ["VISIBLE_BARS", "held_bars", "look_of", "note_prices"]

VISIBLE_BARS = 180
"""How many bars a chart shows at first."""


def look_of(state: ChartState, theme: str | None = None) -> Look:
    """Return the `Look` of a chart, in its own theme or another."""
    options, instrument = state.options, state.source.instrument
    return Look(
        symbol=state.source.symbol,
        timeframe=state.timeframe,
        decimals=state.decimals,
        whole_lots=instrument.whole_lots,
        theme=theme_of(theme or state.theme, options.palette),
        tz=state.zone,
        kind=options.kind,
        indicators=options.indicators,
        has_volume=options.volume,
    )


def held_bars(state: ChartState, limit: int | None = None) -> ChartBars:
    """Return the bars of a chart, or the newest ``limit`` of them."""
    options = state.options
    count = options.bars if limit is None else min(limit, options.bars)
    heikin = options.kind == "heikin-ashi"
    return ChartBars(state.source, state.timeframe, count, options.indicators, heikin=heikin)


def note_prices(state: ChartState, held: ChartBars, newest: int = VISIBLE_BARS) -> bool:
    """Update the price decimals from the newest bars; return whether the chart now needs more."""
    instrument, before = state.source.instrument, state.decimals
    prices: list[float] = []
    if not instrument.tick_size:
        bars = held.columns
        part = bars.part(max(0, len(bars) - newest), len(bars))
        prices = [price for each in (part.open, part.high, part.low, part.close) for price in each.tolist()]
    state.decimals = state.prices.of(instrument, prices)
    return state.decimals != before
