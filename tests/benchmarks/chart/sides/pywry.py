"""PyWry's TradingView-like widget, moved by its ``update_bar``."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pywry.inline import show_tvchart

from tests.benchmarks.chart.sides.market import Bar, Market

__all__ = ["make"]


class _PyWry:
    def __init__(self, market: Market) -> None:
        self._market = market
        self.charts: list[Any] = []

    def show(self) -> None:
        frame = pd.DataFrame(self._market.rows())
        # It shows the widget itself. Layouts are kept in the page: by default it writes files into the home.
        made = show_tvchart(
            frame, height=460, max_bars=len(frame) + 20_000, storage={"backend": "localStorage"}
        )
        self.charts.append(made)

    def tick(self, bar: Bar) -> None:
        self.charts[0].update_bar(bar._asdict())

    def roll(self, bar: Bar) -> None:
        self.tick(bar)

    def hide(self) -> None:
        self.charts.pop().close()


def make(market: Market) -> _PyWry:
    """Return the adapter."""
    return _PyWry(market)
