"""`LiveChart`, made ready as `mdnb.live` does it: while what comes before is imported."""

from __future__ import annotations

import threading

from mdnb.widgets.page.preload import preload
from tests.benchmarks.chart.sides.driver import Side
from tests.benchmarks.chart.sides.market import Market

__all__ = ["make"]


def make(market: Market) -> Side:
    """Return the adapter."""
    preload()
    from tests.benchmarks.chart.sides.our_chart import OurChart

    made = OurChart(market)
    # The others' imports are over, too, when their figure begins; with all of them counts the first paint.
    for thread in threading.enumerate():
        if thread.name == "mdnb-preload":
            thread.join()
    return made
