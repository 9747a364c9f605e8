"""`mdnb.widgets.chart.LiveChart`, made ready as `mdnb.live` does it: while what comes before is imported."""

from __future__ import annotations

from mdnb.widgets.preload import preload
from tests.benchmarks.chart.sides.driver import Side
from tests.benchmarks.chart.sides.market import Market

__all__ = ["make"]


def make(market: Market) -> Side:
    """Return the adapter."""
    preload()
    from tests.benchmarks.chart.sides.our_chart import OurChart

    return OurChart(market)
