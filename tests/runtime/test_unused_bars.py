"""Bars that a feed or a recording sends and of which none is made: of one timeframe alone, and told."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import mdnb
from mdnb.errors import TimeframeError
from mdnb.market import LiveMarket
from mdnb.runtime.housekeeping import Housekeeping
from mdnb.runtime.process.bridge import call
from tests.manager.hand import MINUTE, START, HandFeed, bar, open_market, trade


def frame(name: str, *rows: Sequence[float], closed: bool = True) -> dict[str, Any]:
    return {"e": "bars", "s": "X", "tf": name, "closed": closed, "r": rows}


def own_feed(*offered: str) -> HandFeed:
    feed = HandFeed(bars=offered)
    feed.source = "bars"
    return feed


@pytest.mark.parametrize("offered", [("1min", "5min"), ("1m", "5m"), ()])
def test_bars_of_one_timeframe_are_made_of_one_of_the_feeds_and_not_of_all(offered: tuple[str, ...]) -> None:
    feed = own_feed(*offered)
    with open_market(feed, "1min", "5min") as market:
        for minute in range(10):
            feed.send(frame("1min", bar(minute, 100.0 + minute)))
            if minute % 5 == 4:
                feed.send(frame("5min", bar(minute - 4, 104.0 + minute, volume=50.0)))
        feed.send(
            frame("1hour", bar(-60, 90.0)), frame("zz", bar(3, 90.0)), frame("zz", bar(3, 9.0), closed=False)
        )
        made = market.data.get_data("1min", closed_only=True)
        assert made["volume"].tolist() == [10.0] * 10
        assert made["close"].tolist() == [100.0 + minute for minute in range(10)]
        assert market.data.get_data("5min", closed_only=True)["volume"].tolist() == [50.0, 50.0]
        taken = market.accounting()
        assert (taken.received, taken.in_bars, taken.amended, taken.balanced) == (10, 10, 0, True)
        assert dict(taken.unused_bars) == {"5min": 2, "1hour": 1, "zz": 1}
        assert "the feed's own bars, of which none is made: 2 '5min', 1 '1hour', 1 'zz'" in str(taken)


def looked(market: LiveMarket) -> list[str]:
    """Have whoever looks after a market look twice; return what is kept of it."""
    housekeeping = Housekeeping(market._parts.session.markets)
    for _ in range(2):
        call(housekeeping.look())
    return [one.description for one in market.data.get_validation_errors(type="unused_bars")]


def test_bars_that_a_feed_does_not_offer_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    feed = own_feed("1min", "5min")
    with open_market(feed, "1min") as market:
        feed.send(frame("1min", bar(0, 100.0)), frame("5min", bar(0, 100.0)))
        assert looked(market) == []
        feed.send(frame("zz", bar(0, 100.0)))
        with caplog.at_level(logging.WARNING, "mdnb"):
            [said] = looked(market)
        assert said == "bars of the feed are left out: 1 'zz'; those here are made of its others"
        assert caplog.messages == [f"X: {said}"]
        assert said in str(market)


def test_a_feed_of_bars_that_does_not_say_so_is_told() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.bars(*(bar(minute, 100.0) for minute in range(3)))
        [said] = looked(market)
        assert said.startswith("the feed sends bars (3 '1min') and no trades, of which bars are made here")
        assert 'source = "bars"' in said


def test_where_trades_come_as_well_they_are_counted_and_no_fault() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.trades(trade(1, 100.0, number=1))
        feed.bars(*(bar(minute, 100.0) for minute in range(5)))
        assert looked(market) == []
        assert dict(market.accounting().unused_bars) == {"1min": 5}


def recording(path: Path, *frames: dict[str, Any]) -> Path:
    header = {"mdnb_recording": 1, "dialect": "mdnb", "symbols": ["X"], "channels": ["bars"]}
    lines = [header, *([START + MINUTE * number, json.dumps(one)] for number, one in enumerate(frames))]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def frames_of_bars() -> list[dict[str, Any]]:
    frames = []
    for minute in range(10):
        frames.append(frame("1min", bar(minute, 100.0 + minute)))
        if minute % 5 == 4:
            frames.append(frame("5min", bar(minute - 4, 100.0 + minute, volume=50.0)))
    return frames


def played(path: Path, *timeframes: str) -> LiveMarket:
    market = mdnb.live("X", list(timeframes), feed=f"replay:{path}?speed=max", initial_days=0, progress=False)
    market.start()
    market.wait_ended()
    return market


def test_a_venues_frames_that_hold_bars_alone_are_played_as_bars(tmp_path: Path) -> None:
    path = recording(tmp_path / "bars.jsonl", *frames_of_bars())
    with played(path, "1min", "5min") as market:
        assert market.data.get_data("1min")["close"].tolist() == [100.0 + minute for minute in range(10)]
        assert market.data.get_data("5min")["volume"].tolist() == [50.0, 50.0]
        assert dict(market.accounting().unused_bars) == {"5min": 2}
    steps = list(mdnb.play(str(path), "5min", symbol="X"))
    assert [step.bars["5min"].volume for step in steps] == [50.0, 50.0]
    coarse = recording(tmp_path / "coarse.jsonl", *frames_of_bars()[5::6])
    with pytest.raises(TimeframeError, match="5min"):
        played(coarse, "1min")
    with played(coarse, "10min") as market:
        assert market.data.get_data("10min")["volume"].tolist() == [100.0]


def test_a_recording_of_trades_and_bars_is_made_of_its_trades(tmp_path: Path) -> None:
    quote = {"e": "quotes", "s": "X", "r": []}
    empty = {"e": "trades", "s": "X", "r": [[START, 100.0, 1.0, 1, 1, 1]]}
    path = recording(tmp_path / "mixed.jsonl", quote, *frames_of_bars(), empty)
    with played(path, "1min") as market:
        assert market.accounting().received == 1
        assert dict(market.accounting().unused_bars) == {"1min": 10, "5min": 2}
        assert market.data.get_validation_errors(type="unused_bars") == []
