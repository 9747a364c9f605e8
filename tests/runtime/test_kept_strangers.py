"""Bars in a store that are not those of the market's feed: written by hand, or of a time to come."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from tests.manager.hand import MINUTE, START, HandFeed, minutes
from tests.runtime.test_store_keeper import bars_of, closed, kept_market, minutes_of_trades


def own_bars(first: int, count: int, close: float = 900.0) -> pd.DataFrame:
    """Bars of somebody's own, of successive minutes."""
    times = pd.to_datetime([START + (first + at) * MINUTE for at in range(count)], utc=True)
    return pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), close), index=times)


def told(market: mdnb.market.LiveMarket, kind: str) -> str:
    """What a market has found of a kind, once."""
    (one,) = market.data.get_validation_errors(50, kind)
    return one.description


def test_bars_that_were_written_beside_those_of_a_market_are_marked_and_told(tmp_path: Path) -> None:
    feed = HandFeed()
    with kept_market(feed, tmp_path, "1min"):
        feed.trades(*minutes_of_trades(0, 30))
    with mdnb.store(tmp_path) as store:
        assert "origin" not in store.frame("X", "1min")
        store.write("X", "1min", own_bars(-20, 20))
        store.write("X", "1min", own_bars(5, 2), "replace")
        frame = store.frame("X", "1min")
        assert (frame["origin"] == "write").tolist() == [True] * 20 + [False] * 5 + [True] * 2 + [False] * 22
        assert frame["origin"].iloc[20] == ""
    again = HandFeed([], clock=EventClock(START + 30 * MINUTE), trades=())
    with kept_market(again, tmp_path, "1min", days=0) as market:
        sentence = told(market, "written_bars")
        assert "22 of 49 1min bars" in sentence
        assert "HandFeed" in sentence
        assert "22 of 49 1min bars" in market._repr_html_()
        assert len(closed(market, "1min")) == 50, "with the one that was being made, of its trades"
        again.trades(*minutes_of_trades(30, 5, 180))
    with mdnb.store(tmp_path) as store:
        assert (store.frame("X", "1min")["origin"] == "write").sum() == 22, "nothing of it was rewritten"


def test_a_market_of_which_all_bars_are_its_feed_s_tells_nothing(tmp_path: Path) -> None:
    for begin in (0, 20):
        feed = HandFeed([], clock=EventClock(START + begin * MINUTE), trades=())
        with kept_market(feed, tmp_path, "1min", "5min", days=0) as market:
            assert not market.data.get_validation_errors(9, "written_bars")
            assert not market.data.get_validation_errors(9, "future_bars")
            feed.trades(*minutes_of_trades(begin, 19))


def test_bars_of_a_time_to_come_are_no_history_and_give_way_to_those_of_the_feed(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 60)
    whole = HandFeed(trades=())
    with kept_market(whole, None, "1min", "5min", days=0) as market:
        whole.trades(*rows)
        expected = {name: closed(market, name) for name in ("1min", "5min")}
    feed = HandFeed(trades=())
    with kept_market(feed, tmp_path, "1min", "5min", days=0):
        feed.trades(*rows[:180])
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", own_bars(35, 10))
        assert store.write("X", "1min", own_bars(10**7, 2)).later == 2
    history = [
        row for row in bars_of(expected["1min"]) if START + 25 * MINUTE <= row[0] < START + 30 * MINUTE
    ]
    again = HandFeed(history, clock=EventClock(START + 30 * MINUTE), trades=())
    with kept_market(again, tmp_path, "1min", "5min", days=0, max_bars_per_timeframe=25) as market:
        sentence = told(market, "future_bars")
        assert "12 1min bars" in sentence
        found = closed(market, "1min")
        assert found.index[-1] == expected["1min"].index[29]
        assert len(found) == 25, "as many as memory holds of those that are over"
        again.trades(*rows[180:])
        for name in ("1min", "5min"):
            pd.testing.assert_frame_equal(
                closed(market, name).iloc[-5:], expected[name].iloc[-5:], check_freq=False
            )
    with mdnb.store(tmp_path) as store:
        frame = store.frame("X", "1min", end="2026-03-02 15:00")
        mine = frame[list(expected["1min"].columns)]
        pd.testing.assert_frame_equal(mine, expected["1min"], check_freq=False)
        coarse = store.frame("X", "5min")[list(expected["5min"].columns)]
        pd.testing.assert_frame_equal(coarse, expected["5min"], check_freq=False)
        assert "origin" not in frame


def test_bars_that_were_written_by_other_hours_are_left_out_of_a_market_and_told(tmp_path: Path) -> None:
    feed = HandFeed()
    with kept_market(feed, tmp_path, "5min", days=0) as market:
        feed.trades(*minutes_of_trades(0, 30))
        expected = closed(market, "5min")
    with mdnb.store(tmp_path) as store:
        amid, before = own_bars(-58, 3), own_bars(-30, 1)
        amid.index = amid.index[:1].append([amid.index[:1] + pd.Timedelta(minutes=5 * at) for at in (1, 2)])
        store.write("X", "5min", amid)
        store.write("X", "5min", before)
        assert len(store.frame("X", "5min")) == len(expected) + 4
    again = HandFeed([], clock=EventClock(START + 30 * MINUTE), trades=())
    with kept_market(again, tmp_path, "5min", days=0) as market:
        sentence = told(market, "off_grid_bars")
        assert "3 5min bars of X" in sentence
        assert "has 3 5min bars of X" in market._repr_html_()
        found = closed(market, "5min")
        assert found.index[0] == before.index[0]
        # The bar that was being made is there again, too.
        assert (found.index[1:-1] == expected.index).all()
        assert f"1 of {len(expected) + 1} 5min bars" in told(market, "written_bars")


@pytest.mark.parametrize(("limit", "history"), [(1000, 20), (20, 20), (20, 0), (10, 20), (30, 20)])
def test_bars_that_were_written_stay_so_when_they_leave_memory_at_once(
    tmp_path: Path, limit: int, history: int
) -> None:
    with mdnb.store(tmp_path) as store:
        store.write("X", "1min", own_bars(-40, 20))
    feed = HandFeed(minutes(-20, history))
    with kept_market(feed, tmp_path, "1min", days=1, max_bars_per_timeframe=limit) as market:
        feed.trades(*minutes_of_trades(0, 30))
        assert len(closed(market, "1min")) == min(limit, 20 + history + 29)
    with mdnb.store(tmp_path) as store:
        frame = store.frame("X", "1min")
        assert (frame["origin"] == "write").tolist() == [True] * 20 + [False] * (history + 29)
