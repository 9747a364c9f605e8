"""What the state of a symbol says of itself, and which timeframes it keeps."""

from __future__ import annotations

import math
import queue
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock, ScaledClock
from mdnb.errors import DataExportError, TimeframeError
from mdnb.instruments import Instrument
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from mdnb.store.segments import SegmentStore
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, bar, minutes, open_market, trade

MINUTE = 60 * 1_000_000_000
START = 1_700_000_040 * 1_000_000_000


def test_the_seconds_until_a_bar_ends_are_those_of_the_wall() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "1hour", "5tick"])
    engine.bind_state(lambda: ("connected", 0.0), lambda: ScaledClock(START + MINUTE // 2, 2.0))
    assert math.isnan(engine.seconds_left("1min")), "no bar is being made"
    engine.cascade.push(START + 1, 100.0, 1.0)
    assert engine.seconds_left("1min") == pytest.approx(15.0, abs=0.1)
    hour_ends = START - START % (60 * MINUTE) + 60 * MINUTE
    assert engine.seconds_left("1hour") == pytest.approx((hour_ends - START - MINUTE // 2) / 2e9, abs=0.1)
    assert math.isnan(engine.seconds_left("5tick"))


def test_nobody_counts_down_where_time_stands_still_or_runs_too_fast() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    engine.cascade.push(START + 1, 100.0, 1.0)
    assert math.isnan(engine.seconds_left("1min")), "nobody has told it the time"
    engine.bind_state(lambda: ("connected", 0.0), lambda: EventClock(START))
    assert math.isnan(engine.seconds_left("1min"))
    engine.bind_state(lambda: ("connected", 0.0), lambda: ScaledClock(START, 60.0))
    assert math.isnan(engine.seconds_left("1min"))


def test_where_only_bars_of_so_many_trades_are_kept_the_clocks_are_made_unseen() -> None:
    feed = HandFeed()
    with open_market(feed, "3tick") as market:
        feed.trades(*(trade(20 * i, 100.0 + i, 1.0, i) for i in range(6)))
        assert market.data.get_timeframes() == ["3tick"]
        assert market.data.get_data("3tick", closed_only=True)["close"].tolist() == [102.0, 105.0]
        with pytest.raises(TimeframeError, match=r"keeps no 1min bars\. Kept: 3tick\."):
            market.data.get_data("1min")
        market.data.add_timeframe("1min")
        assert market.data.get_timeframes() == ["1min", "3tick"]
        assert market.data.get_data("1min")["close"].tolist() == [102.0, 105.0]


def test_a_timeframe_that_is_kept_already_is_not_added_again() -> None:
    feed = HandFeed(minutes(-60, 60))
    with open_market(feed, "1min", "5min") as market:
        version = market.data.engine.version("5min")
        assert market.data.add_timeframe("300s") == "5min"
        assert market.data.get_timeframes() == ["1min", "5min"]
        assert market.data.engine.version("5min") == version


def test_bars_of_so_many_trades_that_are_added_are_made_of_the_trades_held() -> None:
    feed = HandFeed()
    with open_market(feed, "1min", "3tick") as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        feed.trades(*(trade(20 * i, 100.0 + i, 1.0, i) for i in range(5)))
        market.on("new_bar", told.put)
        assert market.data.add_timeframe("2ticks") == "2tick"
        assert market.data.get_data("2tick")["close"].tolist() == [101.0, 103.0, 104.0]
        assert market.data.remove_timeframe("3tick") == "3tick"
        feed.trades(trade(100, 105.0, 1.0, 5))
        event = told.get(timeout=LIMIT_SECONDS)
        assert (event.timeframe, event.close) == ("2tick", 105.0), "none is told of what was before"
        assert market.data.get_timeframes() == ["1min", "2tick"]


def test_a_timeframe_that_is_removed_lets_go_of_its_folder(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-300, 300))
    with open_market(
        feed,
        "1min",
        "5min",
        max_bars_per_timeframe=20,
        disk_cache_enabled=True,
        disk_cache_path=str(tmp_path),
    ) as market:
        market.data.cleanup_old_data()
        folder = market.data.engine.overflow["5min"].segments.folder
        with pytest.raises(DataExportError):
            SegmentStore(folder)
        before = market.data.get_all_data("5min")
        market.data.remove_timeframe("5min")
        store = SegmentStore(folder)
        assert len(store) == 40
        store.close()
        market.data.add_timeframe("5min")
        pd.testing.assert_frame_equal(market.data.get_all_data("5min").iloc[:40], before.iloc[:40])


@pytest.mark.parametrize("name", ["3tick", "30sec"])
def test_no_past_bars_are_made_of_trades_where_the_feed_sends_bars(name: str) -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min"], source="bars")
    engine.cascade.push_bars([bar(minute, 100.0 + minute) for minute in range(12)])
    before = engine.frame("1min"), engine.frame("5min")
    assert engine.add_timeframe(name) == name
    assert engine.frame(name).empty
    for frame in before:
        pd.testing.assert_frame_equal(engine.frame(frame.attrs["timeframe"]), frame)


def test_where_no_tick_size_is_known_prices_have_the_decimals_of_the_quotes() -> None:
    class Quotes(HandFeed):
        source = "quotes"
        has_trades = False

    feed = Quotes(instrument=Instrument("X"))
    with open_market(feed, "1min") as market:
        # Their middle would have three.
        feed.quotes((START, 1.25, 1.0, 1.26, 1.0))
        assert market.data.engine.instrument.decimals == 2
