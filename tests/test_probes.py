"""What the package that the reference page was written for gets wrong, one test each."""

from __future__ import annotations

import datetime as dt
import queue
import threading

import pandas as pd
import pytest

import mdnb
from mdnb.errors import NoDataError
from mdnb.instruments import known_instrument
from mdnb.sessions import Sessions
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, bar, minutes, open_market, trade


def test_no_tick_is_lost_in_bursts_of_a_thousand_back_to_back() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        for burst in range(5):
            rows = [trade(burst * 10 + i / 1000, 100.0 + i % 3, 1.0, burst * 1000 + i) for i in range(1000)]
            # Each in a frame of its own, all of them on the socket at once.
            feed.send(*({"e": "trades", "s": "X", "r": [row]} for row in rows))
        assert market.accounting().in_bars == 5000
        assert market.data.get_data("1min")["tick_count"].sum() == 5000
        assert market.data.get_data("1min")["volume"].sum() == 5000.0
        assert [tick.trade_id for tick in market.data.get_recent_ticks(5000)] == list(range(5000))


def test_a_list_in_one_message_keeps_all_its_trades() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.trades(*(trade(i / 10, 100.0 + i, 2.0, i) for i in range(5)))
        (row,) = market.data.get_data("1min").itertuples()
        assert (row.open, row.high, row.low, row.close, row.volume, row.tick_count) == (
            100,
            104,
            100,
            104,
            10,
            5,
        )


def test_bars_are_of_the_exchanges_time_not_of_arrival() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.trades(trade(59.9, 100.0, 1.0, 0))
        feed.trades(trade(60.0, 101.0, 1.0, 1))
        frame = market.data.get_data("1min")
        assert frame["close"].tolist() == [100.0, 101.0]
        assert frame.index[0] == pd.Timestamp(START, tz="UTC")
        assert market.data.get_latest_tick().time_ns == START + 60 * SECOND


def test_a_late_trade_amends_or_is_counted() -> None:
    feed = HandFeed()
    with open_market(feed, "1min", "5min") as market:
        amended: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("bar_amended", amended.put)
        feed.trades(trade(58, 100.0, 1.0, 0), trade(61, 101.0, 1.0, 1))
        feed.trades(trade(59, 120.0, 1.0, 2))
        event = amended.get(timeout=LIMIT_SECONDS)
        assert (event.timeframe, event.data.high, event.data.volume) == ("1min", 120.0, 2)
        assert market.data.get_data("1min")["high"].iloc[0] == 120.0
        assert market.data.get_data("5min")["high"].iloc[0] == 120.0
        feed.trades(trade(90, 101.0, 1.0, 3), trade(30, 500.0, 1.0, 4))
        assert market.accounting().late_dropped == 1
        assert market.data.get_data("5min")["high"].iloc[0] == 120.0
        assert market.accounting().balanced


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [
        # The clocks of Chicago go forward on 8 March 2026: the session opens at 17:00 there all the same.
        ("4hour", "2026-03-08T17:30:00-05:00", "2026-03-08T17:00:00-05:00"),
        ("4hour", "2026-03-09T10:30:00-05:00", "2026-03-09T09:00:00-05:00"),
        ("1day", "2026-03-09T10:30:00-05:00", "2026-03-08T17:00:00-05:00"),
        ("1day", "2026-03-06T10:30:00-06:00", "2026-03-05T17:00:00-06:00"),
        ("1week", "2026-03-11T10:30:00-05:00", "2026-03-08T17:00:00-05:00"),
        ("1month", "2026-03-31T10:30:00-05:00", "2026-03-01T17:00:00-06:00"),
        ("1month", "2026-04-01T10:30:00-05:00", "2026-03-31T17:00:00-05:00"),
    ],
)
def test_long_timeframes_are_live_and_right_when_the_clocks_change(name: str, at: str, expected: str) -> None:
    instrument = known_instrument("MNQ")
    hours = instrument.sessions(dt.date(2026, 2, 20), dt.date(2026, 4, 10))
    feed = HandFeed(instrument=instrument, sessions=hours)
    when = pd.Timestamp(at).value
    with open_market(feed, name) as market:
        feed.trades((when, 100.0, 1.0, 1, 1, 0), (when + SECOND, 101.0, 1.0, 1, 1, 1))
        (row,) = market.data.get_data(name).itertuples()
        assert row.Index == pd.Timestamp(expected)
        assert (row.open, row.close, row.volume) == (100.0, 101.0, 2.0)


def test_a_timeframe_without_history_builds() -> None:
    feed = HandFeed(minutes(-10, 10))
    with open_market(feed, "1min") as market:
        market.data.add_timeframe("7min")
        market.data.add_timeframe("15sec")
        feed.trades(*(trade(i, 100.0, 1.0, i) for i in range(40)))
        assert len(market.data.get_data("7min")) >= 2
        assert len(market.data.get_data("15sec")) == 3
        assert market.data.get_data("15sec")["volume"].sum() == 40.0


def test_no_bar_is_invented_outside_session_hours() -> None:
    hours = Sessions([START, START + 120 * MINUTE], [START + 60 * MINUTE, START + 180 * MINUTE])
    feed = HandFeed(sessions=hours)
    with open_market(feed, "1min", "5min", fill_gaps=True) as market:
        feed.trades(
            trade(59 * 60, 100.0, 1.0, 0), trade(90 * 60, 100.0, 1.0, 1), trade(121 * 60, 100.0, 1.0, 2)
        )
        minutes_ = [(int(at.value) - START) // MINUTE for at in market.data.get_data("1min").index]
        assert minutes_ == [59, 120, 121]
        assert market.accounting().outside_session == 1


def test_quotes_never_move_a_bar_where_trades_exist() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.trades(trade(1, 100.0, 1.0, 0))
        feed.quotes(*((START + i * SECOND, 50.0 + i, 1.0, 200.0 + i, 1.0) for i in range(30)))
        (row,) = market.data.get_data("1min").itertuples()
        assert (row.open, row.high, row.low, row.close, row.tick_count) == (100.0, 100.0, 100.0, 100.0, 1)
        assert market.price == 100.0
        assert market.data.get_current_quote().bid == 79.0


@pytest.mark.parametrize("price", ["NaN", "-100.0", "0.0", "2000000.0", "Infinity", "1e999", '"100"', "null"])
def test_prices_that_cannot_be_are_rejected_and_the_feed_lives_on(price: str) -> None:
    feed = HandFeed(minutes(-50, 50))
    with open_market(feed, "1min") as market:
        feed.trades(*(trade(i, 100.0, 1.0, i) for i in range(20)))
        feed.send(f'{{"e":"trades","s":"X","r":[[{START + 30 * SECOND},{price},1.0,1,1,20]]}}')
        feed.trades(trade(31, 100.25, 1.0, 21))
        frame = market.data.get_data("1min")
        assert frame["high"].max() <= 102.5
        assert frame["low"].min() > 90
        taken = market.accounting()
        assert taken.rejected_total + taken.malformed == 1
        assert taken.balanced
        assert market.price == 100.25


def test_new_bar_carries_the_finished_bar_in_both_spellings() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("new_bar", told.put)
        feed.trades(trade(1, 100.0, 1.0, 0), trade(30, 105.0, 2.0, 1), trade(59, 103.0, 1.0, 2))
        feed.trades(trade(60, 200.0, 1.0, 3))
        event = told.get(timeout=LIMIT_SECONDS)
        assert event.data["open"] == event.data.open == 100.0
        assert (event.data.high, event.data.low, event.data.close, event.data.volume) == (
            105.0,
            100.0,
            103.0,
            4,
        )
        assert (event.timeframe, event.data.tick_count, event.data.closed) == ("1min", 3, True)
        assert told.empty()


def test_handlers_see_events_in_order() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        seen: list[int] = []
        done = threading.Event()

        def slowly(event: mdnb.Event) -> None:
            seen.append(event.data.trade_id)
            if len(seen) == 500:
                done.set()

        market.on("tick_data", slowly)
        for at in range(0, 500, 50):
            feed.trades(*(trade(at + i, 100.0, 1.0, at + i) for i in range(50)))
        assert done.wait(LIMIT_SECONDS)
        assert seen == list(range(500))


def test_single_values_never_come_back_as_none() -> None:
    with open_market(HandFeed()) as market:
        for read in ("get_current_price", "get_current_quote", "get_latest_tick", "get_market_snapshot"):
            with pytest.raises(NoDataError, match="connection is connected"):
                getattr(market.data, read)(timeout=0.01)


def test_the_feeds_bars_and_a_late_one_of_them() -> None:
    feed = HandFeed(bars=("1min",))
    with open_market(feed, "1min", "5min", use_tick_data=False) as market:
        feed.bars(bar(1, 100.0), bar(3, 101.0))
        feed.bars(bar(2, 150.0))
        frame = market.data.get_data("1min")
        assert frame["close"].tolist() == [100.0, 150.0, 101.0]
        assert market.data.get_data("5min")["high"].iloc[0] == 151.0
        assert market.accounting().balanced


def test_what_was_not_understood_is_told() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("data_quality_alert", told.put)
        feed.send("{oops")
        assert told.get(timeout=LIMIT_SECONDS).alert_type == "malformed"
