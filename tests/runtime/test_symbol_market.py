"""What one symbol's market is made of: its feed's promises reach its engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import mdnb
from mdnb.clock import EventClock, MarketClock
from mdnb.errors import ClosedError, DataExportError, FeedError, NoDataError, OptionError
from mdnb.feeds.base import OnFrame, OnStatus
from mdnb.feeds.offers import Offers
from mdnb.feeds.recorder import Recorder
from mdnb.runtime.process.bridge import call
from mdnb.runtime.symbol_market import SymbolMarket
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import MINUTE, HandFeed, minutes, open_market, trade

SECOND = 1_000_000_000
START = 1_772_460_000 * SECOND


@pytest.mark.parametrize(("price", "close"), [("bid", 99.0), ("ask", 103.0), ("mid", 101.0)])
def test_a_recording_of_quotes_makes_bars_of_the_price_that_is_asked_for(
    price: str, close: float, tmp_path: Path
) -> None:
    file = tmp_path / "quotes.jsonl"
    with Recorder(file, "mdnb", ["X"]) as recorder:
        for second in range(4):
            at = START + second * SECOND
            recorder.frame(at, f'{{"e":"quotes","s":"X","r":[[{at},99.0,1.0,103.0,1.0]]}}')
    feed = f"replay:{file}?speed=max&price={price}"
    with mdnb.live("X", "1sec", feed=feed, initial_days=0, progress=False) as market:
        market.start()
        market.wait_ended()
        assert market["1sec"]["close"].to_list() == [close] * 4


def one_of(market: mdnb.LiveMarket) -> SymbolMarket:
    made: SymbolMarket = market._parts.session.markets["X"]
    return made


def refused(market: mdnb.LiveMarket, what: str = "price", seconds: float = 0.01) -> str:
    """Return why something that never comes is not there."""
    with pytest.raises(NoDataError) as caught:
        call(one_of(market).first(lambda: None, what, seconds))
    return str(caught.value)


CLOSED = "The market may be closed; wait longer with timeout=, or check status."


def test_what_does_not_come_is_told_with_the_state_of_the_connection() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        assert refused(market) == f"no price of X within 0.01 s; the connection is connected. {CLOSED}"
        feed.status("disconnected")
        assert refused(market) == (
            f"no price of X within 0.01 s; the connection is disconnected (by hand). {CLOSED}"
        )
        feed.status("connected")
        feed.send("{oops", "{oops")
        assert refused(market) == (
            "no price of X within 0.01 s; the connection is reconnected (by hand), and 2 times a message of"
            f" the feed was not understood: not JSON: {{oops. {CLOSED}"
        )
        feed.trades(trade(0, -1.0, number=1), trade(0, 100.0, -1.0, 2))
        assert refused(market) == (
            "no price of X within 0.01 s; the connection is reconnected (by hand), and all that has come was"
            " refused: 1 'price_not_positive', 1 'size_negative'; where such prices are real, make the market"
            f" with positive_prices=False. {CLOSED}"
        )
        feed.trades(trade(1, 100.0, number=3))
        assert refused(market, "quote").endswith(". Trades came, and no quote: the feed may have none.")


def test_of_a_feed_that_has_ended_it_is_told_at_once_that_none_comes() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:

        async def end() -> None:
            feed._on_status("closed", "for today")  # type: ignore[misc]  # it runs
            feed._done.set()

        call(end())
        market.wait_ended(LIMIT_SECONDS)
        said = "no quote of X: none came, and the connection is closed (for today)"
        assert refused(market, "quote", LIMIT_SECONDS) == said
    with pytest.raises(ClosedError) as caught:
        one_of(market).open()
    assert str(caught.value) == "the market of X was closed; make a new one"


def test_of_a_feed_that_has_failed_it_is_told_why() -> None:
    class Failing(HandFeed):
        async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
            await super().run(on_frame, on_status)
            raise FeedError("the key has run out")

    feed = Failing()
    with open_market(feed, "1min") as market:
        call(feed.close())
        market.wait_ended(LIMIT_SECONDS)
        with pytest.raises(FeedError) as caught:
            call(one_of(market).first(lambda: None, "quote", LIMIT_SECONDS))
        assert str(caught.value) == ("no quote of X: none came, and the feed ended: the key has run out")
        assert one_of(market).freshness() == 0.0


def test_what_comes_while_it_is_waited_for_is_given() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        held = one_of(market)

        async def wait() -> Any:
            waiting = asyncio.ensure_future(
                held.first(lambda: held.engine.last_trade, "price", LIMIT_SECONDS)
            )
            await asyncio.sleep(0)
            assert not waiting.done()
            await feed._send([f'{{"e":"trades","s":"X","r":[[{START},100.0,1.0,1,1,1]]}}'])
            return await waiting

        assert call(wait())[1] == 100.0
        assert call(held.first(lambda: 0, "number", LIMIT_SECONDS)) == 0


def test_what_a_feed_lacks_is_not_waited_for(tmp_path: Path) -> None:
    class Mute(HandFeed):
        lacks = frozenset({"quotes"})

    with open_market(Mute(), "1min") as market:
        with pytest.raises(NoDataError) as caught:
            one_of(market).refuse_lacking("quotes", "quote")
        assert str(caught.value) == "no quote of X: it comes from a feed that holds none"
        one_of(market).refuse_lacking("trades", "trade")
    file = tmp_path / "trades.jsonl"
    with Recorder(file, "mdnb", ["X"], channels=["trades"]) as recorder:
        recorder.frame(START, f'{{"e":"trades","s":"X","r":[[{START},99.0,1.0,1,1,1]]}}')
    with mdnb.live("X", "1sec", feed=f"replay:{file}", initial_days=0, progress=False) as played:
        played._parts.session.feed.lacks = frozenset({"quotes"})
        with pytest.raises(NoDataError) as caught:
            one_of(played).refuse_lacking("quotes", "quote")
        assert str(caught.value) == "no quote of X: it comes from a recording that holds none"


def test_a_later_instant_is_refused_in_whole_sentences() -> None:
    feed = HandFeed(minutes(-9, 9), clock=EventClock(START))
    with open_market(feed, "1min") as market:
        held = one_of(market)
        held.refuse_future(START)
        with pytest.raises(OptionError) as caught:
            held.refuse_future(START + MINUTE)
        assert str(caught.value) == (
            "as_of is 2026-03-02 14:01:00+00:00, and the market stands at 2026-03-02 14:00:00.000001+00:00:"
            " what will be known then is not yet. Leave as_of out for what is known now."
        )


def test_a_later_instant_than_the_end_of_a_replay_is_refused_in_whole_sentences(tmp_path: Path) -> None:
    file = tmp_path / "trades.jsonl"
    with Recorder(file, "mdnb", ["X"]) as recorder:
        recorder.frame(START, f'{{"e":"trades","s":"X","r":[[{START},99.0,1.0,1,1,1]]}}')
    feed = f"replay:{file}?speed=max"
    with mdnb.live("X", "1sec", feed=feed, tz="Asia/Tokyo", initial_days=0, progress=False) as market:
        market.wait_ended(LIMIT_SECONDS)
        held = one_of(market)
        with pytest.raises(OptionError) as caught:
            held.refuse_future(START + MINUTE)
        said = str(caught.value)
        assert said.startswith("as_of is 2026-03-02 23:01:00+09:00, and the market stands at 2026-03-02 23:0")
        assert said.endswith(
            "+09:00: The replay is at its end: nothing later is known. Leave as_of out for what is known now."
        )
        assert held.freshness() == 1.0


def test_how_far_a_market_is_behind_is_told_in_seconds_and_never_less_than_none() -> None:
    clock = EventClock(START)
    now = [START]
    venue = MarketClock(lambda: now[0], lambda: now[0])
    with open_market(HandFeed(clock=venue), "1min") as market:
        held = one_of(market)
        assert held.age(START - 5 * SECOND) == pytest.approx(5.0, abs=1e-6)
        assert held.age(START + 5 * SECOND) == 0.0
        for _ in range(40):
            now[0] += SECOND
            venue.arrived(now[0] - 90 * SECOND)
        assert held.clock_offset_ms() == pytest.approx(-90_000, abs=50)
    with open_market(HandFeed(clock=clock), "1min") as market:
        assert one_of(market).clock_offset_ms() == 0.0


@pytest.mark.parametrize(
    ("offers", "local", "venue"), [(True, False, "Some Venue"), (True, True, ""), (False, False, "")]
)
def test_a_market_knows_its_venue_where_there_is_one(offers: bool, local: bool, venue: str) -> None:
    feed = HandFeed()
    feed.is_local = local
    if offers:
        feed.offers = Offers(title="Some Venue", history="none")
    with open_market(feed, "1min") as market:
        assert market.data.engine.venue == venue
        assert market.data.engine.recorded is False


def test_what_is_no_market_data_is_counted_by_itself() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.send({"e": "clock", "t": START}, {"e": "clock", "t": START}, "{oops")
        feed.trades(trade(0, 100.0))
        taken = market.accounting()
    assert (taken.frames, taken.control, taken.malformed, taken.received) == (4, 2, 1, 1)


# -- bars on disk -----------------------------------------------------------------------------------------


def test_what_is_lost_on_disk_is_counted_over_all_timeframes_and_files(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-60, 60))
    options = {"max_bars_per_timeframe": 5, "enable_disk_overflow": True, "compression_enabled": False}
    with open_market(feed, "1min", "5min", disk_cache_path=str(tmp_path), **options) as market:
        market.data.cleanup_old_data()
        held, overflow = one_of(market), market.data.engine.overflow
        lost = {name: len(each.segments) for name, each in overflow.items()}
        assert lost["1min"] > lost["5min"] > 0
        call(held.look_at_disk())
        assert market.data.get_stats().troubles == ()
        files = {name: each.segments.segments()[0].path for name, each in overflow.items()}
        contents = {name: path.read_bytes() for name, path in files.items()}
        files["1min"].unlink()
        call(held.look_at_disk())
        [sentence] = market.data.get_stats().troubles
        assert sentence.startswith(
            f"saved bars unreadable: {lost['1min']} bars on disk are left out, {files['1min']} does not read:"
        )
        assert "more" not in sentence
        files["1min"].write_bytes(contents["1min"])
        call(held.look_at_disk())
        assert market.data.get_stats().troubles == ()
        for path in files.values():
            path.unlink()
        call(held.look_at_disk())
        [sentence] = market.data.get_stats().troubles
        total = sum(lost.values())
        assert sentence.startswith(f"saved bars unreadable: {total} bars on disk are left out, ")
        assert sentence.endswith(", and 1 more")
        kept = market.data.get_validation_errors(type="disk_unreadable")[0]
        assert kept.time_ns == feed.clock.now_ns()


def test_what_is_on_disk_is_compressed_when_that_is_asked_for(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-600, 600))
    options = {"max_bars_per_timeframe": 5, "enable_disk_overflow": True, "compression_enabled": False}
    with open_market(feed, "1min", disk_cache_path=str(tmp_path), **options) as market:
        plain = call(one_of(market).tidy())
        assert (plain.bars_written, plain.bytes_after) == (595, 0)
        packed = call(one_of(market).tidy(compress=True))
        assert packed.bytes_before > packed.bytes_after > 0
        assert packed.bars_written == packed.bars_removed == 0


def test_a_disk_that_takes_nothing_is_a_trouble_until_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    feed = HandFeed(minutes(-60, 60))
    options = {"max_bars_per_timeframe": 5, "enable_disk_overflow": True}
    with open_market(feed, "1min", disk_cache_path=str(tmp_path), **options) as market:
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", full)
            with pytest.raises(DataExportError) as caught:
                call(one_of(market).tidy())
        assert market.data.get_stats().troubles == (f"bars not saved: {caught.value}",)
        assert call(one_of(market).tidy()).bars_written == 55
        assert market.data.get_stats().troubles == ()
    assert [text for text in caplog.messages if "not saved" in text] == [
        f"X: bars not saved: {caught.value}",
        "X: bars not saved: that is over",
    ]
