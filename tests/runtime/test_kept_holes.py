"""A timeframe of a kept market that was not followed for a while: what lacks is made, or told."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from tests.manager.hand import MINUTE, START, HandFeed
from tests.runtime.test_store_keeper import bars_of, closed, kept_market, look, minutes_of_trades, same

COARSE = ["5min", "15min", "1hour"]


def whole(rows: list[Any], *names: str) -> dict[str, pd.DataFrame]:
    """Bars of a market that followed all of them all the time."""
    feed = HandFeed(trades=())
    with kept_market(feed, None, *names, days=0) as market:
        feed.trades(*rows)
        return {name: closed(market, name) for name in names}


@pytest.mark.parametrize("limit", [30, 1000])
def test_a_timeframe_that_was_removed_and_added_has_no_hole(tmp_path: Path, limit: int) -> None:
    rows = minutes_of_trades(0, 400)
    expected = whole(rows, "1min", *COARSE)
    feed = HandFeed(trades=())
    with kept_market(feed, tmp_path, "1min", *COARSE, days=0, max_bars_per_timeframe=limit) as market:
        feed.trades(*rows[: 6 * 47 + 2])
        for name in COARSE:
            market.remove_timeframe(name)
        for at in range(6 * 47 + 2, 6 * 333, 50):
            feed.trades(*rows[at : min(at + 50, 6 * 333)])
        for name in reversed(COARSE):
            market.add_timeframe(name)
        for name in ("1min", *COARSE):
            found, wanted = closed(market, name), expected[name]
            wanted = wanted[wanted.index < pd.Timestamp(START + 332 * MINUTE, tz="UTC")]
            wanted = wanted[wanted.index <= found.index[-1]].iloc[-limit:]
            pd.testing.assert_frame_equal(found.iloc[-limit:], wanted, check_freq=False)
            assert not found.attrs["partial"]
        feed.trades(*rows[6 * 333 :])
    same(tmp_path, expected)
    with mdnb.store(tmp_path) as store:
        assert not any("partial" in store.frame("X", name) for name in COARSE)


def test_a_bar_that_is_being_made_has_what_the_store_has_of_it(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 130)
    expected = whole(rows, "1min", "1hour")
    feed = HandFeed(trades=())
    with kept_market(feed, tmp_path, "1min", days=0, max_bars_per_timeframe=20) as market:
        feed.trades(*rows[: 6 * 110])
        market.add_timeframe("1hour")
        feed.trades(*rows[6 * 110 :])
        pd.testing.assert_frame_equal(closed(market, "1hour"), expected["1hour"], check_freq=False)
    same(tmp_path, expected)


def test_a_session_without_a_timeframe_leaves_no_hole_in_it(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 300)
    expected = whole(rows, "1min", *COARSE)
    begin = 0
    for stop, names in ((50, ["1min", *COARSE]), (200, ["1min"]), (300, ["1min", *COARSE])):
        near = range(START + (begin - 3) * MINUTE, START + begin * MINUTE)
        history = [row for row in bars_of(expected["1min"]) if row[0] in near]
        feed = HandFeed(history, clock=EventClock(START + begin * MINUTE), trades=())
        with kept_market(feed, tmp_path, *names, days=0, max_bars_per_timeframe=100) as market:
            if stop == 300:
                found = closed(market, "5min")
                assert found.index[0] == pd.Timestamp(START, tz="UTC")
                assert len(found) == 40, "the store and memory have those of the session without it"
            feed.trades(*rows[6 * begin : 6 * stop])
        begin = stop
    same(tmp_path, expected)


def test_a_bar_that_was_told_as_partial_stays_so(tmp_path: Path) -> None:
    first = HandFeed()
    with kept_market(first, tmp_path):
        first.trades(*minutes_of_trades(0, 20))
    # What lies between is lost, and the coarse bar around its beginning is partial.
    again = HandFeed([], clock=EventClock(START + 60 * MINUTE), trades=())
    with kept_market(again, tmp_path, days=0) as market:
        again.trades(*minutes_of_trades(60, 20))
        market.remove_timeframe("15min")
        market.add_timeframe("15min")
        again.trades(*minutes_of_trades(80, 20))
    with mdnb.store(tmp_path) as store:
        frame = store.frame("X", "15min")
        assert pd.Timestamp("2026-03-02 14:15", tz="UTC") in frame.index[frame["partial"]]


def test_bars_of_trades_go_on_where_they_ended_or_it_is_told(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 60)
    expected = whole(rows, "1min", "25tick")
    feed = HandFeed(trades=())
    with kept_market(feed, tmp_path, "1min", "25tick", days=0) as market:
        feed.trades(*rows[:110])
        market.remove_timeframe("25tick")
        feed.trades(*rows[110:237])
        market.add_timeframe("25tick")
        feed.trades(*rows[237:])
        pd.testing.assert_frame_equal(closed(market, "25tick"), expected["25tick"], check_freq=False)
        assert not market.data.get_validation_errors(5, "data_gap")
    same(tmp_path, expected)


def test_bars_of_trades_of_which_the_trades_have_gone_are_told_as_a_hole(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 60)
    feed = HandFeed(trades=())
    with kept_market(feed, tmp_path, "1min", "25tick", days=0, max_ticks=100) as market:
        feed.trades(*rows[:110])
        market.remove_timeframe("25tick")
        for at in range(110, 300, 10):
            feed.trades(*rows[at : at + 10])
        market.add_timeframe("25tick")
        (told,) = market.data.get_validation_errors(5, "data_gap")
        assert "25tick" in told.description
        feed.trades(*rows[300:])
        look(market)
        found = closed(market, "25tick")
    with mdnb.store(tmp_path) as store:
        frame = store.frame("X", "25tick")
    assert frame["tick_count"].tolist() == [25] * len(frame)
    starts = frame.index.as_unit("ns").asi8.tolist()
    numbers = [next(n for n, row in enumerate(rows) if row[0] == at) for at in starts]
    assert numbers[:4] == [0, 25, 50, 75]
    assert numbers[4] >= 200
    assert all(b - a == 25 for a, b in itertools.pairwise(numbers[4:])), "none is in two bars"
    assert frame["partial"].to_numpy().nonzero()[0].tolist() == [4]
    assert len(found) == len(frame)


def test_bars_of_trades_are_there_at_the_next_start_and_the_hole_is_told(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 60)
    feed = HandFeed(trades=())
    with kept_market(feed, tmp_path, "1min", "25tick", days=0) as market:
        feed.trades(*rows[:110])
        before = closed(market, "25tick")
    again = HandFeed([], clock=EventClock(START + 30 * MINUTE), trades=())
    with kept_market(again, tmp_path, "1min", "25tick", days=0) as market:
        pd.testing.assert_frame_equal(closed(market, "25tick"), before, check_freq=False)
        told = market.data.get_validation_errors(9, "data_gap")
        assert any("25tick" in one.description for one in told)
        again.trades(*rows[180:])
        found = market.data.get_data("25tick", count=100, closed_only=True)
        assert found.attrs["partial"] == (4,)
