"""The venue's own bars over a real socket: a change of source neither loses nor doubles one."""

from __future__ import annotations

import numpy as np
import pytest

import mdnb
from mdnb.errors import OptionError
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS

URL = "sim://?seed=9&speed=240&start=2026-03-02T15:00:00Z"


def test_changing_over_and_back_leaves_the_venues_bars() -> None:
    with mdnb.live("BTC-USD", ["1min", "5min"], feed=URL, initial_days=0.02, name="source") as market:
        for use_ticks in (False, True, False):
            market.data.configure_bar_processing(use_tick_data=use_ticks)
            assert market.data.get_data("1min").attrs["source"] == ("trades" if use_ticks else "bars")
            for _ in range(3):
                market.wait_for("new_bar", 30, lambda event: event.timeframe == "1min")
        market.wait_for("new_bar", 60, lambda event: event.timeframe == "5min")
        feed = market._parts.session.feed
        for name in ("1min", "5min"):
            # The first coarse bar is of the part of its interval that the history was asked for.
            mine = market.data.get_data(name, closed_only=True).iloc[1:]
            first, last = int(mine.index[0].value), int(mine.index[-1].value)
            theirs = call(feed.history_bars("BTC-USD", name, first, last + 1))
            assert theirs is not None
            assert len(mine) == len(theirs) > 3
            assert mine[["open", "high", "low", "close"]].to_numpy().tolist() == [
                list(row[1:5]) for row in theirs
            ]
            np.testing.assert_allclose(mine["volume"], [row[5] for row in theirs], rtol=1e-9)
            assert mine["tick_count"].tolist() == [row[6] for row in theirs]
        assert market.accounting().balanced
        assert market.data.get_latest_tick().price > 0


def test_bars_that_do_not_fit_the_timeframes_kept_are_refused() -> None:
    with mdnb.live("BTC-USD", ["1sec", "1min"], feed=URL, initial_days=0, name="source") as market:
        with pytest.raises(
            OptionError, match="sends only 1min bars of BTC-USD; the finest timeframe kept is 1sec"
        ):
            market.data.configure_bar_processing(use_tick_data=False)
        assert market.data.config.use_tick_data


def test_the_bars_of_the_socket_are_those_of_the_history() -> None:
    url = "sim://?seed=9&speed=600&start=2026-03-02T15:00:00Z"
    config = mdnb.DataManagerConfig(use_tick_data=False)
    with mdnb.live(
        "MNQ", ["1min"], feed=url, initial_days=0, data_manager_config=config, name="source"
    ) as market:
        for _ in range(5):
            market.wait_for("new_bar", LIMIT_SECONDS)
        market.data.unsubscribe_from_trades()
        market.wait_for("new_bar", LIMIT_SECONDS)
        frame = market.data.get_data("1min", closed_only=True)
        feed = market._parts.session.feed
        theirs = call(
            feed.history_bars("MNQ", "1min", int(frame.index[1].value), int(frame.index[-1].value) + 1)
        )
        assert theirs is not None
        assert frame["close"].iloc[1:].tolist() == [row[4] for row in theirs]
        assert frame["volume"].iloc[1:].tolist() == [row[5] for row in theirs]
