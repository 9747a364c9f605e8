"""What is done once a second, by a clock that the test moves."""

from __future__ import annotations

import asyncio
import logging
import queue
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mdnb
from mdnb.clock import MarketClock
from mdnb.feeds.timeouts import Liveness
from mdnb.instruments import Instrument
from mdnb.market import LiveMarket
from mdnb.runtime import housekeeping as housekeeping_module
from mdnb.runtime.housekeeping import Housekeeping
from mdnb.runtime.process.bridge import call
from mdnb.runtime.symbol_market import SymbolMarket
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, bar, minutes, open_market, trade


def test_a_disk_that_takes_nothing_is_told_and_the_bars_stay_in_memory(tmp_path: Path) -> None:
    now = 0.0
    feed = HandFeed(minutes(-300, 300))
    with open_market(
        feed,
        "1min",
        max_bars_per_timeframe=50,
        enable_disk_overflow=True,
        disk_cache_path=str(tmp_path),
        cleanup_interval_minutes=10,
    ) as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("data_quality_alert", told.put)
        session = market._parts.session
        housekeeping = Housekeeping(session.markets, lambda: now)
        segments = market.data.engine.overflow["1min"].segments
        call(housekeeping.look())
        shutil.rmtree(segments.folder)
        segments.folder.write_text("in the way")
        now = 600.0
        call(housekeeping.look())
        event = told.get(timeout=LIMIT_SECONDS)
        assert event.alert_type == "disk"
        assert "disk_cache_path" in event.description
        assert len(market.data.get_all_data("1min")) == 300
        segments.folder.unlink()
        segments.folder.mkdir()
        now = 1199.0
        call(housekeeping.look())
        assert len(segments) == 0, "it is not due yet"
        now = 1200.0
        call(housekeeping.look())
        assert len(segments) == 250
        assert len(market.data.get_all_data("1min")) == 300


class Round:
    """Who looks after a market, by a clock of the test's."""

    def __init__(self, market: LiveMarket) -> None:
        self.now = 1_000.0
        session = market._parts.session
        self._housekeeping = Housekeeping(session.markets, lambda: self.now)
        # The market's own does the same by the computer's clock.
        call(_stopped(session._housekeeping_task))

    def look(self, later: float = 0.0) -> None:
        self.now += later
        call(self._housekeeping.look())


async def _stopped(task: asyncio.Task[None] | None) -> None:
    assert task is not None
    task.cancel()
    await asyncio.wait({task})


class Two(HandFeed):
    """Tells its symbols apart."""

    def instrument(self, symbol: str) -> Instrument:
        return Instrument(symbol, 0.25)


@pytest.fixture
def two() -> Iterator[tuple[Two, LiveMarket]]:
    feed = Two()
    with mdnb.live(["X", "Y"], "1min", feed=feed, initial_days=0, progress=False) as market:
        yield feed, market


def kept(market: LiveMarket, kind: str, symbol: str = "X") -> list[Any]:
    found = market[symbol].data.get_validation_errors(type=kind)
    return [(one.description, one.count, one.time_ns, dict(one.values)) for one in found]


def test_that_all_is_refused_is_told_once_and_again_after_it_was_over(
    two: tuple[Two, LiveMarket], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    feed, market = two
    looking = Round(market)
    now = [1_000.0]
    monkeypatch.setattr(market._parts.session.markets["X"].pipeline.refusals, "_now", lambda: now[0])
    with caplog.at_level(logging.WARNING, "mdnb"):
        feed.trades(trade(0, 100.0, number=0), trade(0, -1.0, number=1))
        looking.look()
        now[0] += 11.0
        feed.trades(trade(0, -1.0, number=2), trade(0, 100.0, -1.0, 3))
        looking.look()
        looking.look()
    said = (
        "data comes and all of it was refused for 11 s: 2 price_not_positive, 1 size_negative; where such"
        " prices are real, make the market with positive_prices=False"
    )
    assert [text for text in caplog.messages if "all of it was refused" in text] == [f"X: {said}"]
    values = {"seconds": 11.0, "price_not_positive": 2, "size_negative": 1}
    assert kept(market, "all_refused") == [(said, 3, feed.clock.now_ns(), values)]
    assert kept(market, "all_refused", "Y") == []
    feed.trades(trade(1, 100.0, number=4))
    with caplog.at_level(logging.WARNING, "mdnb"):
        caplog.clear()
        looking.look()
        assert not [text for text in caplog.messages if "all of it was refused" in text]


def test_what_can_not_be_understood_at_all_is_refused_too(
    two: tuple[Two, LiveMarket], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, market = two
    looking, health = Round(market), market._parts.session.health
    now = [health._now()]
    monkeypatch.setattr(health, "_now", lambda: now[0])
    health.refused("X")
    now[0] += 0.5
    with caplog.at_level(logging.WARNING, "mdnb"):
        looking.look()
    said = "data comes and all of it was refused for 0.5 s: none can be understood"
    assert [text for text in caplog.messages if "all of it was refused" in text] == [f"X: {said}"]
    [(description, count, _, values)] = kept(market, "all_refused")
    assert (description, count, list(values)) == (said, 1, ["seconds"])


def test_that_a_feed_is_mute_is_told_once_until_it_is_heard_of_again() -> None:
    class Mute(HandFeed):
        liveness = Liveness("frames", stale_seconds=1e-9)
        silent = 12.34

        def silent_seconds(self) -> float:
            return self.silent

    feed = Mute()
    with open_market(feed, "1min") as market:
        looking = Round(market)
        looking.look()
        looking.look()
        said = "no sign of life for 12 s while the market is open"
        assert kept(market, "feed_stale") == [(said, 1, START, {"seconds": 12.34})]
        feed.silent = 0.0
        looking.look()
        feed.silent = 0.25
        looking.look()
        (description, count, _, values) = kept(market, "feed_stale")[0]
        assert description == "no sign of life for 0.2 s while the market is open"
        assert (count, values) == (2, {"seconds": 0.25})


def test_a_connection_that_is_lost_is_not_called_mute() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.status("disconnected")
        feed.trades(trade(1, 100.0))
        Round(market).look()
        (description, count, *_) = kept(market, "feed_stale")[0]
        assert (description, count) == ("the connection is lost while the market is open (disconnected)", 1)


def test_symbols_that_nobody_follows_are_told_to_each_that_is_followed(
    two: tuple[Two, LiveMarket], caplog: pytest.LogCaptureFixture
) -> None:
    feed, market = two
    feed.trades(trade(0, 100.0))
    feed.send({"e": "quotes", "s": "Z", "r": [[START, 1.0, 1.0, 2.0, 1.0]]})
    looking = Round(market)
    with caplog.at_level(logging.INFO, "mdnb"):
        looking.look()
        looking.look()
    said = "data of symbols that nobody follows is left out: 1 'Z'; followed is 'X', 'Y'"
    assert [(one.levelname, one.getMessage()) for one in caplog.records if "nobody" in one.getMessage()] == [
        ("WARNING", said)
    ]
    for symbol in "XY":
        assert kept(market, "other_symbols", symbol) == [(said, 1, feed.clock.now_ns(), {})]


def test_that_all_is_of_other_symbols_is_told_with_the_newest_of_them(
    two: tuple[Two, LiveMarket], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    feed, market = two
    health = market._parts.session.health
    later = health._now() + 60.0
    monkeypatch.setattr(health, "_now", lambda: later)
    feed.send({"e": "quotes", "s": "Z", "r": [[START, 1.0, 1.0, 2.0, 1.0]]})
    looking = Round(market)
    with caplog.at_level(logging.INFO, "mdnb"):
        looking.look()
        looking.look()
    said = "all data of the feed is of other symbols, such as 'Z'; followed is 'X', 'Y'"
    assert [text for text in caplog.messages if "other symbols" in text] == [said]
    for symbol in "XY":
        assert kept(market, "other_symbols", symbol) == [(said, 1, START, {})]
        assert kept(market, "feed_stale", symbol) == [], "it is no silence"


def test_bars_of_which_none_is_made_are_told_in_whole(
    two: tuple[Two, LiveMarket], caplog: pytest.LogCaptureFixture
) -> None:
    feed, market = two
    looking = Round(market)
    feed.bars(bar(0, 100.0), bar(1, 100.0))
    looking.look()
    assert kept(market, "unused_bars") == [], "trades may only be late"
    feed.bars(bar(2, 100.0))
    with caplog.at_level(logging.INFO, "mdnb"):
        looking.look()
        looking.look()
    said = (
        "the feed sends bars (3 '1min') and no trades, of which bars are made here: so there are none. A feed"
        ' of bars has source = "bars", and own_bars() tells which'
    )
    assert kept(market, "unused_bars") == [(said, 1, START, {})]
    assert [(one.levelname, one.getMessage()) for one in caplog.records if "bars (" in one.getMessage()] == [
        ("WARNING", f"X: {said}")
    ]


def test_a_clock_that_is_wrong_is_told_to_each_symbol_once(caplog: pytest.LogCaptureFixture) -> None:
    now = [START]
    clock = MarketClock(lambda: now[0], lambda: now[0])
    feed = Two(clock=clock)
    with (
        caplog.at_level(logging.WARNING, "mdnb"),
        mdnb.live(["X", "Y"], "1min", feed=feed, initial_days=0, progress=False) as market,
    ):
        looking = Round(market)
        for _ in range(40):
            now[0] += SECOND
            clock.arrived(now[0] - 90 * SECOND)
        looking.look()
        looking.look()
        for symbol in "XY":
            [(said, count, time_ns, values)] = kept(market, "clock_offset", symbol)
            assert (count, time_ns, values) == (1, clock.now_ns(), {"seconds": clock.lead_seconds})
    assert [text for text in caplog.messages if "clock" in text] == [
        f"{said}: market time is judged by the venue's; set this computer's clock"
    ]


def test_data_that_is_not_taken_in_is_over_a_minute_after_some_was(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        looking = Round(market)
        pipeline = market._parts.session.markets["X"].pipeline

        def broken(*_: Any) -> None:
            raise ZeroDivisionError("by nothing")

        def troubles() -> int:
            return len(market.data.get_stats().troubles)

        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "take_trades", broken)
            feed.trades(trade(0, 100.0, number=1))
        looking.look()
        assert troubles() == 1
        looking.look(100.0)
        assert troubles() == 1, "nothing was taken in since"
        feed.trades(trade(1, 100.0, number=2))
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "take_trades", broken)
            feed.trades(trade(2, 100.0, number=3))
        looking.look()
        feed.trades(trade(3, 100.0, number=4))
        looking.look(59.9)
        assert troubles() == 1, "it failed less than a minute ago"
        looking.look(0.1)
        assert troubles() == 0
    assert "X: data not taken in: that is over" in caplog.messages


# -- the disk ------------------------------------------------------------------------------------------------


def test_the_disk_is_looked_at_every_ten_seconds_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    look_at_disk = SymbolMarket.look_at_disk

    async def look(market: SymbolMarket) -> None:
        looks.append(market.symbol)
        await look_at_disk(market)

    monkeypatch.setattr(SymbolMarket, "look_at_disk", look)
    options = {"enable_disk_overflow": True, "disk_cache_path": str(tmp_path), "auto_cleanup": False}
    with open_market(HandFeed(), "1min", **options) as market:
        looks.clear()
        looking = Round(market)
        for later, count in ((0.0, 1), (0.0, 1), (9.9, 1), (0.1, 2), (5.0, 2), (5.0, 3)):
            looking.look(later)
            assert len(looks) == count
    with open_market(HandFeed(), "1min") as market:
        looks.clear()
        Round(market).look()
        assert looks == []


def test_a_disk_that_cannot_be_looked_at_is_a_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: SymbolMarket) -> None:
        raise ZeroDivisionError("by nothing")

    options = {"enable_disk_overflow": True, "disk_cache_path": str(tmp_path), "auto_cleanup": False}
    with open_market(HandFeed(), "1min", **options) as market:
        with monkeypatch.context() as patch:
            patch.setattr(SymbolMarket, "look_at_disk", fail)
            Round(market).look()
        assert market.data.get_stats().troubles == ("bars not saved: ZeroDivisionError: by nothing",)


@pytest.mark.parametrize(("most", "is_written"), [(250, False), (249, True)])
def test_many_bars_that_wait_are_written_before_it_is_time(
    most: int, is_written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping_module, "_MOST_WAITING", most)
    options = {"enable_disk_overflow": True, "disk_cache_path": str(tmp_path), "auto_cleanup": False}
    with open_market(HandFeed(minutes(-300, 300)), "1min", max_bars_per_timeframe=50, **options) as market:
        assert len(market.data.get_data("1min")) == 50
        Round(market).look()
        assert len(market.data.engine.overflow["1min"].segments) == 250 * is_written


def test_a_round_is_done_again_and_again_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping_module, "_SECONDS", 0.0)
    with open_market(HandFeed(), "1min") as market:
        looked: list[float] = []

        def now() -> float:
            looked.append(0.0)
            return 0.0

        looking = Housekeeping(market._parts.session.markets, now)

        async def main() -> None:
            task = asyncio.create_task(looking.run())
            async with asyncio.timeout(LIMIT_SECONDS):
                while len(looked) < 20:  # noqa: ASYNC110  # nobody tells of it
                    await asyncio.sleep(0)
            assert not task.done()
            task.cancel()

        call(main())
