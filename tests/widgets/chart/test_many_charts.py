"""Ten charts beside a fast market: whatever becomes of them, the feed goes on and no bar is lost."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from mdnb.config import DataManagerConfig
from mdnb.instruments import Instrument
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from mdnb.widgets.chart.chart import LiveChart
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, open_market, trade

NAMES = ["1min", "5min", "15min"]


def test_ten_charts_that_cannot_send_do_not_delay_the_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [trade(i * 0.1, 100.0 + 0.25 * (i % 9), 1.0 + i % 3, i) for i in range(20_000)]
    alone = SymbolState(Instrument("X", 0.25), Sessions.always(), NAMES, DataManagerConfig())
    alone.cascade.push_rows(rows)
    feed = HandFeed()
    stuck, entered = threading.Event(), threading.Event()

    def block(self: Any, *_: Any, **__: Any) -> None:
        # As a page that takes no messages: the sender waits, and nobody else may.
        entered.set()
        stuck.wait(LIMIT_SECONDS)

    with open_market(feed, *NAMES) as market:
        charts = [market.chart(NAMES[at % 3]) for at in range(10)]
        monkeypatch.setattr(LiveChart, "draw", block)
        try:
            for at in range(0, len(rows), 500):
                feed.trades(*rows[at : at + 500])
            assert entered.wait(LIMIT_SECONDS)
            assert not stuck.is_set()
            taken = market.accounting()
            assert (taken.received, taken.in_bars) == (20_000, 20_000)
            for name in NAMES:
                mine, theirs = market.data.get_data(name), alone.frame(name)
                assert np.array_equal(mine.to_numpy(), theirs.to_numpy(), equal_nan=True)
        finally:
            stuck.set()
        assert len(charts) == 10


def test_ten_charts_that_do_send_show_the_last_bar_of_the_engine() -> None:
    feed = HandFeed()
    with open_market(feed, *NAMES) as market:
        feed.trades(trade(0, 100.0, 1.0, 0))
        charts = [market.chart(NAMES[at % 3]) for at in range(10)]
        feed.trades(*(trade(1 + i * 0.1, 100.0 + 0.25 * (i % 9), 1.0, 1 + i) for i in range(5000)))
        for chart in charts:
            chart.draw()
            held = market.data.engine.columns(chart.timeframe, 240)
            figure = chart.snapshot()
            closes = np.concatenate(
                [np.atleast_1d(trace.close) for trace in figure.data if trace.type == "candlestick"]
            )
            assert held.close[-1] in closes
        assert market.accounting().balanced
