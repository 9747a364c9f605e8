"""The bar that was being made when a kept market ended: its trades are in it again, or it is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.market import LiveMarket
from tests.manager.hand import MINUTE, SECOND, START, HandFeed
from tests.runtime.test_store_keeper import bars_of, closed, kept_market, minutes_of_trades

CUT = 6 * 12 + 3
"""Half a minute after twelve minutes, in the midst of 5 minutes."""


def first_part(folder: Path, rows: list[Any]) -> None:
    """Keep a market that sees some trades, and end it as it should be."""
    feed = HandFeed(trades=())
    with kept_market(feed, folder, "1min", "5min", days=0):
        feed.trades(*rows)


def again(folder: Path, rows: list[Any], begin: int, **options: Any) -> tuple[LiveMarket, HandFeed]:
    """Open it again before a trade, of a feed that has no history but what is given."""
    clock = EventClock(options.pop("at", rows[begin][0] - SECOND))
    feed = HandFeed(options.pop("history", []), clock=clock, trades=options.pop("trades", ()))
    return kept_market(feed, folder, "1min", "5min", days=0, **options), feed


def flags(frame: pd.DataFrame) -> list[bool]:
    """Which bars are partial."""
    return [at in frame.attrs["partial"] for at in range(len(frame))]


def test_the_bar_that_goes_on_has_its_trades_and_is_partial(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 20)
    first_part(tmp_path, rows[:CUT])
    market, feed = again(tmp_path, rows, CUT + 1)
    with market:
        forming = market.data.get_data("1min").iloc[-1]
        assert forming["tick_count"] == 3
        assert market.data.get_data("5min").iloc[-1]["tick_count"] == 6 * 2 + 3
        feed.trades(*rows[CUT + 1 :])
        found = closed(market, "1min")
        assert found["tick_count"].tolist() == [6] * 12 + [5] + [6] * 6
        assert flags(found) == [False] * 12 + [True] + [False] * 6
        coarse = closed(market, "5min")
        assert coarse["tick_count"].tolist() == [30, 30, 29]
        assert flags(coarse) == [False, False, True]
        told = market.data.get_validation_errors(9, "data_gap")
        assert told
        assert "14:12:20" in told[0].description
    with mdnb.store(tmp_path) as store:
        assert store.frame("X", "1min")["partial"].to_numpy().nonzero()[0].tolist() == [12]


def test_trades_that_the_feed_tells_again_make_it_whole(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 20)
    first_part(tmp_path, rows[:CUT])
    market, feed = again(tmp_path, rows, CUT + 2, trades=rows[CUT - 2 : CUT + 2])
    with market:
        assert market.data.get_data("1min").iloc[-1]["tick_count"] == 5
        # A snapshot after the connection has trades that the store had.
        feed.trades(*rows[CUT - 3 :])
        found = closed(market, "1min")
        assert found["tick_count"].tolist() == [6] * 19
        assert not any(flags(found))
        assert not any(flags(closed(market, "5min")))


def test_trades_of_a_bar_that_is_over_are_a_partial_bar(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 40)
    first_part(tmp_path, rows[:CUT])
    market, feed = again(tmp_path, rows, 6 * 20)
    with market:
        found = closed(market, "1min")
        assert found["tick_count"].tolist() == [6] * 12 + [3]
        assert flags(found) == [False] * 12 + [True]
        coarse = closed(market, "5min")
        assert coarse["tick_count"].tolist() == [30, 30, 15]
        assert flags(coarse) == [False, False, True]
        feed.trades(*rows[6 * 20 :])
        assert closed(market, "5min")["tick_count"].tolist() == [30, 30, 15, 30, 30, 30]


def test_a_bar_of_the_venue_takes_the_place_of_the_one_that_was_cut(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 40)
    whole = HandFeed(trades=())
    with kept_market(whole, None, "1min", "5min", days=0) as market:
        whole.trades(*rows)
        expected = {name: closed(market, name) for name in ("1min", "5min")}
    first_part(tmp_path, rows[:CUT])
    history = bars_of(expected["1min"].iloc[10:20])
    market, feed = again(tmp_path, rows, 6 * 20, history=history, at=rows[6 * 20][0])
    with market:
        feed.trades(*rows[6 * 20 :])
        for name, frame in expected.items():
            pd.testing.assert_frame_equal(closed(market, name), frame, check_freq=False)
            assert not any(flags(closed(market, name)))


@pytest.mark.parametrize("keeps", [True, False])
def test_without_its_trades_it_is_partial(tmp_path: Path, keeps: bool) -> None:
    rows = minutes_of_trades(0, 20)
    feed = HandFeed(trades=())
    with kept_market(feed, mdnb.store(tmp_path, ticks=keeps), "1min", "5min", days=0):
        feed.trades(*rows[:CUT])
    market, feed = again(mdnb.store(tmp_path, ticks=False), rows, CUT + 1)  # type: ignore[arg-type]
    with market:
        feed.trades(*rows[CUT + 1 :])
        found = closed(market, "1min")
        assert found["tick_count"].tolist() == [6] * 12 + [5 if keeps else 2] + [6] * 6
        assert flags(found) == [False] * 12 + [True] + [False] * 6


KILLED = """
import sys, time
from pathlib import Path
from tests.manager.hand import HandFeed
from tests.runtime.test_store_keeper import kept_market, look, minutes_of_trades
from tests.runtime.test_kept_open_bar import CUT
feed = HandFeed(trades=())
market = kept_market(feed, Path(sys.argv[1]), "1min", "5min", days=0)
feed.trades(*minutes_of_trades(0, 20)[:CUT])
look(market)
print("kept", flush=True)
sys.stdin.readline()
"""


def test_a_kill_costs_none_of_its_trades_that_were_written(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 20)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "kept\n"
        process.send_signal(signal.SIGKILL)
    market, feed = again(tmp_path, rows, CUT + 1)
    with market:
        feed.trades(*rows[CUT + 1 :])
        found = closed(market, "1min")
        assert found["tick_count"].tolist() == [6] * 12 + [5] + [6] * 6
        assert flags(found) == [False] * 12 + [True] + [False] * 6


def opened(folder: Path, at_ns: int, name: str = "1min") -> LiveMarket:
    """Open it again at a time, of a feed without a history."""
    return kept_market(HandFeed(clock=EventClock(at_ns)), folder, name, days=0)


def starts_of(frame: pd.DataFrame) -> list[float]:
    """At which minutes bars begin."""
    return ((frame.index.as_unit("ns").asi8 - START) / MINUTE).tolist()


@pytest.mark.parametrize("has_bars", [False, True])
def test_of_trades_without_bars_those_of_the_last_interval_count_and_all_behind_a_bar(
    tmp_path: Path, has_bars: bool
) -> None:
    rows = minutes_of_trades(0, 20)
    feed = HandFeed()
    with kept_market(feed, tmp_path, "5min", days=0):
        feed.trades(*rows[:CUT])
    if has_bars:
        times = pd.to_datetime([START + at * MINUTE for at in range(10)], utc=True)
        with mdnb.store(tmp_path) as store:
            store.write(
                "X",
                "1min",
                pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), times),
            )
    with opened(tmp_path, rows[CUT][0]) as market:
        found = market.data.get_data("1min")
        assert starts_of(found) == ([*map(float, range(13))] if has_bars else [12.0])
        assert found["tick_count"].tolist() == ([0] * 10 + [6, 6, 3] if has_bars else [3])


def test_trades_of_a_time_to_come_are_in_no_bar(tmp_path: Path) -> None:
    rows = minutes_of_trades(0, 20)
    feed = HandFeed()
    with kept_market(feed, tmp_path, "1min", days=0):
        feed.trades(*rows)
    with opened(tmp_path, START + 10 * MINUTE + 24 * SECOND) as market:
        found = market.data.get_data("1min")
        assert starts_of(found) == [*map(float, range(11))]
        # Clocks may differ by five seconds.
        assert found["tick_count"].tolist() == [6] * 10 + [3]
    with opened(tmp_path, START + 10 * MINUTE + 26 * SECOND) as market:
        assert market.data.get_data("1min")["tick_count"].iloc[-1] == 4


def test_bars_that_are_not_of_trades_go_on_without_those_that_are_kept(tmp_path: Path) -> None:
    class Quoted(HandFeed):
        """Bars of quotes."""

        source = "quotes"

    feed = Quoted()
    with kept_market(feed, tmp_path, "1min", days=0):
        for at in range(0, 150, 10):
            feed.quotes((START + at * SECOND, 99.0, 1.0, 101.0, 1.0))
    with kept_market(Quoted(clock=EventClock(START + 160 * SECOND)), tmp_path, "1min", days=0) as market:
        assert starts_of(market.data.get_data("1min")) == [0.0, 1.0]
        assert not market.data.get_validation_errors(9, "store_unreadable")
    with mdnb.store(tmp_path) as store:
        assert "vwap" not in store.frame("X", "1min")


def test_to_a_market_that_has_nothing_yet_timeframes_are_added_finer_ones_too(tmp_path: Path) -> None:
    feed = HandFeed()
    rows = minutes_of_trades(0, 12)
    with kept_market(feed, tmp_path, "1min", days=0) as market:
        market.add_timeframe("5min")
        market.add_timeframe("30sec")
        feed.trades(*rows[:6])
        market.add_timeframe("15sec")
        feed.trades(*rows[6:])
        counts = {name: len(closed(market, name)) for name in ("15sec", "30sec", "1min", "5min")}
        assert counts == {"15sec": 47, "30sec": 23, "1min": 11, "5min": 2}
    with mdnb.store(tmp_path) as store:
        assert {name: len(store.frame("X", name)) for name in counts} == counts
