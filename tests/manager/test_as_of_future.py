"""What will be known at an instant that is still to come is not made up."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock, MarketClock
from mdnb.errors import OptionError
from mdnb.faces.face_parts import all_parts
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, minutes, open_market, trade

GOLD = "replay:dataset:gold-ticks?speed=max&start=2013-10-07T20:00&end=2013-10-07T20:30"


def at(ns: int) -> pd.Timestamp:
    return pd.Timestamp(ns, tz="UTC")


def test_a_later_instant_than_the_markets_is_an_error_until_it_has_come() -> None:
    clock = EventClock(START)
    feed = HandFeed(minutes(-60, 60), clock=clock)
    with open_market(feed, "1min", "5min") as market:
        suite = mdnb.TradingSuite(all_parts(market._parts.session))
        suite._finalizer.detach()
        then = at(START + 10 * MINUTE)
        said = r"as_of is 2026-03-02 14:10:00\+00:00, and the market stands at 2026-03-02 14:00:00"
        for ask in (
            lambda: market.data.get_data("1min", as_of=then),
            lambda: market.data.get_data("1min", 5, as_of=then, with_times=True),
            lambda: market.alignment(as_of=then),
            lambda: market.data.analyze_timeframe_alignment(as_of=then),
            lambda: asyncio.run(suite.data.get_data("1min", as_of=then)),
            lambda: asyncio.run(suite.alignment(as_of=then)),
        ):
            with pytest.raises(OptionError, match=said):
                ask()
        assert len(market.data.get_data("1min", as_of=at(START))) == 60
        clock.advance(START + 10 * MINUTE)
        assert len(market.data.get_data("1min", as_of=then)) == 60
        assert market.alignment(as_of=then).time == then


def test_what_was_answered_stays_the_answer() -> None:
    clock = EventClock(START)
    feed = HandFeed(minutes(-60, 60), clock=clock)
    with open_market(feed, "1min", "5min") as market:
        for number in range(40):
            clock.advance(START + number * 13 * SECOND)
            feed.trades(trade(number * 13, 100.0 + number, number=number))
            now = at(clock.now_ns())
            read = market.data.get_data("1min", as_of=now)
            with pytest.raises(OptionError, match="what will be known then is not yet"):
                market.data.get_data("1min", as_of=now + pd.Timedelta("1s"))
            feed.trades(trade(number * 13, 50.0))
            pd.testing.assert_frame_equal(market.data.get_data("1min", as_of=now), read)


def test_a_computers_clock_that_is_ahead_is_named() -> None:
    wall = [START + 90 * SECOND]
    clock = MarketClock(lambda: wall[0], lambda: wall[0])
    for _ in range(40):
        wall[0] += SECOND
        clock.arrived(wall[0] - 90 * SECOND)
    assert clock.lead_seconds == pytest.approx(-90, abs=1)
    feed = HandFeed(minutes(-60, 60), clock=clock)
    with open_market(feed, "1min", "5min") as market, pytest.raises(OptionError, match="clock is 90 s ahead"):
        market.data.get_data("1min", as_of=at(wall[0]))


def test_a_replay_knows_its_own_future_only_when_it_is_there() -> None:
    end = at(pd.Timestamp("2013-10-07T20:30", tz="UTC").value)
    with mdnb.live("GC", ["1min", "5min"], feed=GOLD, initial_days=0, progress=False) as live:
        asked: list[str] = []

        def look(event: mdnb.Event) -> None:
            now = event.closed_at
            assert len(live.data.get_data("1min", as_of=now)) > 0
            for read in (lambda: live.data.get_data("1min", as_of=end), lambda: live.alignment(as_of=end)):
                try:
                    read()
                except OptionError as error:
                    asked.append(str(error))

        handler = live.on("bars_closed", look)
        live.wait_ended(LIMIT_SECONDS)
        assert handler.last_error is None
        assert len(asked) >= 40
        assert "Wait until the replay is there, or until its end: wait_ended()" in asked[0]
        # What is known at the end is known as of then, and nothing is as of later.
        whole = live.data.get_data("1min", closed_only=True)
        last = live.data.get_data("1min", with_times=True)["closed_at"].iloc[-1]
        pd.testing.assert_frame_equal(live.data.get_data("1min", as_of=last), whole)
        assert live.alignment(as_of=last).score == live.alignment().score
        for later in (last + pd.Timedelta("1us"), end, pd.Timestamp("2030-01-01", tz="UTC")):
            for read in (
                lambda at=later: live.data.get_data("1min", as_of=at),
                lambda at=later: live.alignment(as_of=at),
            ):
                with pytest.raises(OptionError, match=r"2013-10-07 20:29:34.*is at its end: nothing"):
                    read()


def test_what_is_loaded_when_a_replay_is_over_is_known_when_its_bars_are() -> None:
    frame = pd.DataFrame(
        {"open": 1300.0, "high": 1301.0, "low": 1299.0, "close": 1300.0, "volume": 1.0},
        index=pd.date_range("2013-10-07T20:40", periods=5, freq="1min", tz="UTC", name="timestamp"),
    )
    with mdnb.live("GC", "1min", feed=GOLD, initial_days=0, progress=False) as live:
        live.wait_ended(LIMIT_SECONDS)
        count = len(live["1min"])
        with tempfile.TemporaryDirectory() as folder:
            frame.to_csv(f"{folder}/later.csv")
            live.data.import_from_csv(f"{folder}/later.csv", "1min")
        read = live.data.get_data("1min", as_of="2013-10-07T20:45:00.5")
        assert len(read) == count + 5
        with pytest.raises(OptionError, match=r"stands at 2013-10-07 20:45:00\.5"):
            live.data.get_data("1min", as_of="2013-10-07T20:45:01")


def test_a_replay_that_has_not_begun_knows_nothing_of_what_it_holds() -> None:
    with mdnb.live("GC", ["1min"], feed=f"{GOLD[: -len('&end=2013-10-07T20:30')]}", initial_days=0) as live:
        with pytest.raises(OptionError, match="the market stands at 2013-10-07"):
            live.data.get_data("1min", as_of="2013-12-31")
        # To ask is to want the data.
        assert live.wait_for("new_bar", timeout=LIMIT_SECONDS).timeframe == "1min"


def test_of_several_symbols_the_newest_tells_the_time(tmp_path: Path) -> None:
    path = tmp_path / "two.jsonl"
    lines = ['{"mdnb_recording": 1, "dialect": "mdnb", "symbols": ["X", "Y"]}']
    for second in range(0, 600, 10):
        now = START + second * SECOND
        symbol = "Y" if second == 0 else "X"
        frame = {"e": "trades", "s": symbol, "r": [[now, 100.0, 1.0, 1, 0, second]]}
        lines.append(json.dumps([now, json.dumps(frame)]))
    path.write_text("\n".join(lines) + "\n")
    with mdnb.live(
        ["X", "Y"], "1min", feed=f"replay:{path}?speed=max", initial_days=0, progress=False
    ) as live:
        found: list[int] = []
        handler = live.on(
            "new_bar",
            lambda event: found.append(len(live["Y"].data.get_data("1min", as_of=event.closed_at))),
        )
        live.wait_ended(LIMIT_SECONDS)
        assert handler.last_error is None
        assert found
        assert found == sorted(found)
