"""The venue's own bars: a change of source neither loses nor doubles one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

import mdnb
from mdnb.errors import OptionError
from mdnb.events.bus import EventBus
from mdnb.feeds.base import Channel, OnFrame, OnStatus
from mdnb.instruments import Instrument
from mdnb.runtime.live.bar_source_switch import switch_source
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.process.bridge import call
from mdnb.sessions import Sessions
from mdnb.timeframes import Timeframe
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import MINUTE, START, HandFeed, bar, open_market, trade
from tests.quiet_feed import QuietFeed
from tests.virtual_time import HandClock

URL = "sim://?seed=9&speed=240&start=2026-03-02T15:00:00Z"


def test_changing_over_and_back_leaves_the_venues_bars() -> None:
    with mdnb.live("BTC-USD", ["1min", "5min"], feed=URL, initial_days=0.02, name="source") as market:
        for use_ticks in (False, True, False):
            market.data.configure_bar_processing(use_tick_data=use_ticks)
            assert market.data.get_data("1min").attrs["source"] == ("trades" if use_ticks else "bars")
            made_of = market.data.engine.made_of
            assert (made_of.source, made_of.bars) == (
                ("trades", None) if use_ticks else ("bars", Timeframe.parse("1min"))
            )
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


class BarsAlone(HandFeed):
    """Has no trades: its bars are all it sends."""

    source = "bars"
    has_trades = False


def test_a_feed_of_bars_alone_is_built_from_them_and_has_nothing_to_change_to() -> None:
    feed = BarsAlone(bars=("1min",))
    with open_market(feed, "1min", use_tick_data=False) as market:
        feed.bars(bar(0, 100.0), bar(1, 101.0))
        with pytest.raises(OptionError, match="has no trades to build from; leave use_tick_data=False"):
            market.data.configure_bar_processing(use_tick_data=True)
        assert not market.data.config.use_tick_data
        feed.bars(bar(2, 102.0))
        frame = market.data.get_data("1min")
        assert frame["close"].tolist() == [100.0, 101.0, 102.0]
        assert frame.attrs["source"] == "bars"


def test_a_change_while_the_venue_is_closed_counts_from_its_next_opening() -> None:
    hours = Sessions([START - 90 * MINUTE, START + 30 * MINUTE], [START - 60 * MINUTE, START + 90 * MINUTE])
    feed = HandFeed(bars=("1min",), sessions=hours)
    with open_market(feed, "1min") as market:
        market.data.configure_bar_processing(use_tick_data=False)
        feed.trades(trade(30 * 60 + 5, 700.0, 1.0, 0))
        feed.bars(bar(30, 105.0), bar(31, 106.0))
        assert market.data.get_data("1min")["close"].tolist() == [105.0, 106.0]
        assert market.accounting().balanced


def test_a_change_after_the_calendars_end_counts_from_now() -> None:
    feed = HandFeed(bars=("1min",), sessions=Sessions([START - 90 * MINUTE], [START - 60 * MINUTE]))
    with open_market(feed, "1min") as market:
        market.data.configure_bar_processing(use_tick_data=False)
        feed.bars(bar(-61, 100.0), bar(0, 100.0))
        assert market.data.get_data("1min").empty
        taken = market.accounting()
        assert (taken.received, taken.outside_session) == (1, 1), "the first is of the time before"
        assert taken.balanced


def test_of_a_feeds_bars_the_coarsest_that_fit_are_taken_and_no_others() -> None:
    feed = HandFeed(bars=("30sec", "1min", "5min"))
    with open_market(feed, "1min", "5min") as market:
        market.data.configure_bar_processing(use_tick_data=False)
        for name, close in (("30sec", 300.0), ("1min", 101.0), ("5min", 500.0)):
            feed.send({"e": "bars", "s": "X", "tf": name, "closed": True, "r": [bar(5, close)]})
        assert market.data.get_data("1min")["close"].tolist() == [101.0]
        assert market.data.get_data("5min")["close"].tolist() == [101.0]
        assert market.accounting().received == 1


def test_bars_of_so_many_trades_go_on_while_those_of_the_clock_are_the_feeds() -> None:
    feed = HandFeed(bars=("1min",))
    with open_market(feed, "1min", "3tick") as market:
        market.data.configure_bar_processing(use_tick_data=False)
        feed.trades(*(trade(70 + i, 100.0 + i, 1.0, i) for i in range(7)))
        feed.bars(bar(1, 500.0))
        assert market.data.get_data("3tick", closed_only=True)["close"].tolist() == [102.0, 105.0]
        assert market.data.get_data("1min")["close"].tolist() == [500.0]


class OwnBars(QuietFeed):
    """A feed whose bars are others for each symbol."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, tuple[Channel, ...]]] = []

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Deliver nothing."""

    def own_bars(self, symbol: str) -> tuple[str, ...]:
        return {"X": ("15sec", "30sec", "2min"), "Y": ("5min",)}[symbol]

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        self.asked.append((symbol, tuple(channels)))


def test_a_symbols_own_bars_are_asked_for_and_taken_from_the_next_bar_on() -> None:
    feed = OwnBars()
    clock = HandClock(START + 5 * MINUTE // 2)
    pipeline = Pipeline(SymbolState(Instrument("X"), Sessions.always(), ["1min"]), EventBus(), clock)
    asyncio.run(switch_source(feed, pipeline, "bars"))
    assert feed.asked == [("X", ("bars",))]
    assert "bars" in pipeline.subscribed
    assert pipeline.engine.made_of.bars == Timeframe.parse("30sec")
    halves = [(START + at * MINUTE // 2, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 15.0) for at in range(10)]
    pipeline.take(bars=[("30sec", [(row, True) for row in halves])])
    # That of the third minute was being made.
    assert pipeline.engine.frame("1min").index[0].value == START + 3 * MINUTE
    assert pipeline.engine.frame("1min")["volume"].tolist() == [20.0, 20.0]
    asyncio.run(switch_source(feed, pipeline, "bars"))
    assert len(feed.asked) == 1, "that is so already"
    other = Pipeline(SymbolState(Instrument("Y"), Sessions.always(), ["1min"]), EventBus(), clock)
    with pytest.raises(OptionError, match="sends only 5min bars of Y; the finest timeframe kept is 1min"):
        asyncio.run(switch_source(feed, other, "bars"))
