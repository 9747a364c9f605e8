"""What a session tells of its connection and of what comes: each event, finding and line in whole."""

from __future__ import annotations

import asyncio
import json
import logging
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.errors import ClosedError, FeedError, OptionError, SymbolError, WaitTimeoutError
from mdnb.feeds.base import OnFrame, OnStatus
from mdnb.feeds.offers import Offers
from mdnb.feeds.recorder import Recorder
from mdnb.feeds.rolls import ContractHistory
from mdnb.instruments import Instrument
from mdnb.rows import LOST_LINE, SeamPrices
from mdnb.runtime.live.connection_words import TOLD_LATE
from mdnb.runtime.process.bridge import call
from mdnb.runtime.session import MarketSession, SessionOptions
from mdnb.timeframes import Timeframe
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, bar, open_market, trade

MINUTELY = (Timeframe.parse("1min"),)


@pytest.mark.parametrize("days", [0, 0.5, 3660])
def test_a_history_may_have_up_to_ten_years(days: float) -> None:
    assert SessionOptions(timeframes=MINUTELY, initial_days=days).initial_days == days


@pytest.mark.parametrize("days", [-0.1, 3660.5, True, "5", None])
def test_another_length_of_the_history_is_refused(days: Any) -> None:
    with pytest.raises(OptionError) as caught:
        SessionOptions(timeframes=MINUTELY, initial_days=days)
    assert str(caught.value) == f"initial_days must be between 0 and 3660; got {days!r}"


def test_what_is_missing_or_unknown_in_the_options_is_said_with_what_to_write() -> None:
    with pytest.raises(OptionError) as caught:
        SessionOptions(timeframes=())
    assert str(caught.value) == "name at least one timeframe, such as '1min'"
    for zone in ("Mars/Olympus", "../etc"):
        with pytest.raises(OptionError) as caught:
            SessionOptions(timeframes=MINUTELY, tz=zone)
        assert str(caught.value) == (
            f"there is no time zone {zone!r}; write one such as 'America/Chicago' or 'UTC'"
        )


class Two(HandFeed):
    """Tells its symbols apart."""

    def instrument(self, symbol: str) -> Instrument:
        return Instrument(symbol, 0.25)


def said(feed: HandFeed, status: str, detail: object = "") -> None:
    """Have a feed tell of its connection."""

    async def tell() -> None:
        assert feed._on_status is not None
        feed._on_status(status, detail)  # type: ignore[arg-type]  # as adapters may
        await asyncio.sleep(0)

    call(tell())


def taken(told: queue.Queue[mdnb.Event], count: int) -> list[tuple[str, str]]:
    return [(event.status, event.detail) for event in (told.get(timeout=LIMIT_SECONDS) for _ in range(count))]


def test_each_change_of_the_connection_is_told_once_to_each_symbol() -> None:
    feed = Two()
    market = mdnb.live(["X", "Y"], "1min", feed=feed, tz="Asia/Tokyo", initial_days=0, progress=False)
    told: dict[str, queue.Queue[mdnb.Event]] = {"X": queue.Queue(), "Y": queue.Queue()}
    for symbol, events in told.items():
        market[symbol].on("connection_status_changed", events.put)
    for status, detail in (
        ("connected", ""),
        ("disconnected", "no route"),
        ("disconnected", "no route"),
        ("disconnected", None),
        ("disconnected", 5),
        ("connected", ""),
        ("stale", "mute"),
        ("reconnected", "again"),
    ):
        said(feed, status, detail)
    for symbol, events in told.items():
        first = events.get(timeout=LIMIT_SECONDS)
        assert (first.symbol, first.time_ns) == (symbol, START)
        assert first.time == pd.Timestamp(START, tz="Asia/Tokyo")
        assert str(first.time.tz) == "Asia/Tokyo"
        assert (first.status, first.detail) == ("disconnected", "no route")
        assert taken(events, 6) == [
            ("disconnected", ""),
            ("disconnected", "5"),
            ("reconnected", ""),
            ("stale", "mute"),
            ("disconnected", TOLD_LATE),
            ("reconnected", "again"),
        ]
    # What its handlers have not had by then is dropped, and told.
    market.close()
    assert all(events.empty() for events in told.values())


def test_what_a_feed_said_while_it_tried_is_why_it_never_came_to_be_connected() -> None:
    class Trying(HandFeed):
        async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
            on_status("connecting", "wss://venue")

    with pytest.raises(FeedError) as caught:
        open_market(Trying())
    assert str(caught.value) == "the feed ended before it was connected: wss://venue"


def test_what_it_tried_to_connect_to_is_named_where_it_does_not_answer() -> None:
    class Refused(HandFeed):
        """Says where it tries, and gets no further."""

        async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
            on_status("connecting", "wss://nowhere.example")
            on_status("disconnected", "refused")
            await self._done.wait()

    with pytest.raises(FeedError) as caught:
        mdnb.live("X", "1min", feed=Refused(), initial_days=0, progress=False, connect_timeout=0.1)
    assert str(caught.value).startswith("no connection to wss://nowhere.example within 0.1 s: refused. Check")


def test_what_contracts_were_worth_of_a_symbol_that_nobody_follows_is_passed_by() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        session = market._parts.session

        async def priced() -> None:
            session._price_seam(SeamPrices("Z", START, 1.0, 2.0))

        call(priced())
        feed.trades(trade(0, 100.0))
        assert market.price == 100.0
        assert market.data.get_stats().troubles == ()


def test_a_word_that_says_nothing_is_kept_of_every_symbol_with_the_markets_time() -> None:
    feed = Two()
    with mdnb.live(["X", "Y"], "1min", feed=feed, initial_days=0, progress=False) as market:
        said(feed, "up")
        for symbol in "XY":
            [kept] = market[symbol].data.get_validation_errors()
            assert (kept.type, kept.count, kept.time_ns, dict(kept.values)) == (
                "unknown_status",
                1,
                START,
                {},
            )


def test_no_more_than_five_reasons_of_what_is_not_understood_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong: list[Any] = ["{oops", {"e": "stranger"}]
    row: list[Any] = [START, 100.0, 1.0, 1, 1, 1]
    wrong += [{"e": "trades", "s": "X", "r": [[*row[:at], [], *row[at + 1 :]]]} for at in range(6)]
    feed = HandFeed()
    with caplog.at_level(logging.WARNING, "mdnb"), open_market(feed, "1min") as market:
        for frame in (*wrong, *wrong):
            feed.send(frame)
        reasons = dict(market.accounting().malformed_reasons)
        assert len(reasons) == len(wrong)
        assert set(reasons.values()) == {2}
        [kept] = market.data.get_validation_errors()
        assert (kept.type, kept.count, kept.time_ns) == ("malformed", 16, START)
        assert kept.description.startswith(
            "a message of the feed was not understood: wrong shape at $.r[0][5]: {"
        )
    texts = [frame if isinstance(frame, str) else json.dumps(frame) for frame in wrong[:5]]
    assert caplog.messages == [
        f"a message of the feed was not understood: {reason}: {text}"
        for reason, text in zip(reasons, texts, strict=False)
    ]


@pytest.mark.parametrize("channel", ["quotes", "bars"])
def test_times_of_quotes_and_bars_in_another_unit_are_told_of_once(
    channel: str, caplog: pytest.LogCaptureFixture
) -> None:
    feed = HandFeed(bars=("1min",))
    feed.source = channel  # type: ignore[assignment]  # one of them
    with caplog.at_level(logging.WARNING, "mdnb"), open_market(feed, "1min") as market:
        for minute in range(3):
            if channel == "quotes":
                feed.quotes((START // 1_000_000 + minute, 99.0, 1.0, 101.0, 1.0))
            else:
                feed.bars(((START // 1_000_000) + 60_000 * minute, *bar(0, 100.0)[1:]))
        [kept] = market.data.get_validation_errors(type="time_unit")
        assert "these look like milliseconds" in kept.description
        assert (kept.time_ns, kept.count, dict(kept.values)) == (START, 1, {})
    assert [text for text in caplog.messages if "look like" in text] == [f"the feed: {kept.description}"]


def test_a_listener_that_is_too_slow_is_told_of_with_its_own_symbol() -> None:
    feed = Two()
    with mdnb.live(["X", "Y"], "1min", feed=feed, initial_days=0, progress=False) as market:
        told: dict[str, queue.Queue[mdnb.Event]] = {"X": queue.Queue(), "Y": queue.Queue()}
        for symbol, events in told.items():
            market[symbol].on("data_quality_alert", events.put)
        waiting = market["Y"].events("tick_data")
        rows = [trade(number / 1000, 100.0, 1.0, number) for number in range(10_001)]
        feed.send({"e": "trades", "s": "Y", "r": rows})
        event = told["Y"].get(timeout=LIMIT_SECONDS)
        assert (event.symbol, event.alert_type, event.count) == ("Y", "slow_handler", 1)
        assert event.time_ns == feed.clock.now_ns()
        assert told["X"].empty()
        del waiting


def test_bars_without_trades_of_a_feed_that_has_ended_are_told_at_once() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.bars(bar(0, 100.0))
        feed.trades(*[trade(0, -1.0, number=number) for number in range(3)])
        feed.send({"e": "quotes", "s": "Y", "r": [[START, 1.0, 1.0, 2.0, 1.0]]})
        assert market.data.get_validation_errors(type="other_symbols") == []
        call(feed.close())
        market.wait_ended(LIMIT_SECONDS)
        assert "3 of the last 3 were refused: 3 'price_not_positive'" in str(market)
        [kept] = market.data.get_validation_errors(type="other_symbols")
        assert kept.description == ("data of symbols that nobody follows is left out: 1 'Y'; followed is 'X'")
    silent = HandFeed()
    with open_market(silent, "1min") as market:
        silent.bars(bar(0, 100.0))
        assert market.data.get_validation_errors() == []
        call(silent.close())
        market.wait_ended(LIMIT_SECONDS)
        [kept] = market.data.get_validation_errors(type="unused_bars")
        assert kept.description.startswith("the feed sends bars (1 '1min') and no trades")


# -- recordings of a running market ----------------------------------------------------------------------


class Listed(HandFeed):
    """Has a venue's name, a contract and a book."""

    offers = Offers(title="Some Venue", history="none")

    def __init__(self) -> None:
        super().__init__()
        self.contracts = ContractHistory()
        self.contracts.begin("X", "X.Z25")
        self.names = {"X.Z25": "X", "Y.Z25": "Y", "X": "X"}


@pytest.mark.parametrize("depth", [True, False])
def test_a_recording_says_of_what_it_is(depth: bool, tmp_path: Path) -> None:
    feed = Listed()
    with open_market(feed, "1min", enable_level2_data=depth) as market:
        feed.changing = frozenset({"depth"})
        market.record(tmp_path / "x.jsonl")
        call(asyncio.sleep(0))
    assert json.loads((tmp_path / "x.jsonl").read_text().splitlines()[0]) == {
        "mdnb_recording": 1,
        "dialect": "mdnb",
        "symbols": ["X"],
        "names": {"X.Z25": "X"},
        "contracts": {"X": "X.Z25"},
        "venue": "Some Venue",
        "channels": ["trades", "quotes", *["depth"] * depth],
    }


def test_a_recording_has_each_loss_of_the_line_once(tmp_path: Path) -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        recording = market.record(tmp_path / "x.jsonl")
        for status in ("disconnected", "disconnected", "connected", "stale", "disconnected"):
            said(feed, status)
        said(feed, "connected")
        said(feed, "disconnected")
    frames = [json.loads(line)[1] for line in recording.path.read_text().splitlines()[1:]]
    assert frames == [LOST_LINE] * 2, "a connection that is stale was told of as lost already"


def test_who_cannot_be_recorded_says_why(tmp_path: Path) -> None:
    file = played_file(tmp_path)
    with mdnb.live("X", "1sec", feed=f"replay:{file}?speed=max", initial_days=0, progress=False) as market:
        with pytest.raises(OptionError) as refused:
            market.record(tmp_path / "copy.jsonl")
        assert str(refused.value) == (
            "this market plays a recording: copy its file instead of recording it again"
        )
    feed = HandFeed()
    with open_market(feed, "1min") as live:
        call(feed.close())
        live.wait_ended(LIMIT_SECONDS)
        with pytest.raises(ClosedError) as over:
            live.record(tmp_path / "late.jsonl")
    assert str(over.value) == "this market is over: nothing more comes that could be recorded"
    assert not (tmp_path / "late.jsonl").exists()


def test_a_recording_that_cannot_be_ended_is_logged_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    feed = HandFeed()
    file = tmp_path / "x.jsonl"
    with open_market(feed, "1min") as market:
        market.record(file)
        feed.trades(trade(0, 100.0))
        file.unlink()
    [record] = [one for one in caplog.records if one.name == "mdnb"]
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith(f"recording to {file} stopped after 1 frames")


# -- replays -----------------------------------------------------------------------------------------------


def played_file(folder: Path) -> Path:
    """Return a recording of five trades, a second apart."""
    file = folder / "x.jsonl"
    with Recorder(file, "mdnb", ["X"]) as recorder:
        for second in range(5):
            row = trade(second, 100.0 + second, number=second)
            recorder.frame(row[0], json.dumps({"e": "trades", "s": "X", "r": [row]}))
    return file


@pytest.fixture
def replayed(tmp_path: Path) -> Iterator[mdnb.LiveMarket]:
    feed = f"replay:{played_file(tmp_path)}?speed=max"
    with mdnb.live("X", "1sec", feed=feed, tz="Asia/Tokyo", initial_days=0, progress=False) as market:
        yield market


def test_what_is_registered_after_a_replay_is_warned_of_in_whole(replayed: mdnb.LiveMarket) -> None:
    replayed.wait_ended(LIMIT_SECONDS)
    with pytest.warns(UserWarning, match="the replay began") as caught:
        replayed.alert(above=200.0, message="far up")
    [words] = [str(one.message) for one in caught]
    assert words == (
        "the replay began at 2026-03-02 23:00:00+09:00 and has ended: the alert 'far up' gets none of its "
        "events. Register before data is read, which charts and tables do, too; or pull it step by step with "
        "mdnb.play."
    )


def test_what_is_registered_while_a_replay_goes_on_is_warned_of_with_how_far_it_is(
    replayed: mdnb.LiveMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = replayed._parts.session
    replayed.wait_ended(LIMIT_SECONDS)
    now = pd.Timestamp(session.feed.clock.now_ns(), tz="Asia/Tokyo")
    monkeypatch.setattr(session, "ended", asyncio.Event())
    with pytest.warns(UserWarning, match="the replay began") as caught:
        session.warn_if_late("what is registered")
    [words] = [str(one.message) for one in caught]
    assert words == (
        f"the replay began at 2026-03-02 23:00:00+09:00 and is at {now}: what is registered sees events from "
        "then on. Register before data is read, which charts and tables do, too; or pull it step by step "
        "with mdnb.play."
    )


def test_a_replay_begins_at_the_end_of_the_cell_in_which_handlers_are_registered(
    replayed: mdnb.LiveMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_end: list[Any] = []

    def is_in_a_cell(then: Any) -> bool:
        at_end.append(then)
        return True

    monkeypatch.setattr("mdnb.runtime.session.after_this_cell", is_in_a_cell)
    monkeypatch.setattr("mdnb.runtime.session._REGISTERING_SECONDS", 0.0)
    session, seen = replayed._parts.session, list[mdnb.Event]()
    for _ in range(2):
        replayed.on("quote_update", seen.append)
    for _ in range(20):
        call(asyncio.sleep(0))
    assert session.batcher.began_ns == 0, "it waits for the cell's end"
    assert session._beginning is None
    assert at_end == [session.begin] * 2
    at_end[0]()
    replayed.wait_ended(LIMIT_SECONDS)
    assert session.batcher.began_ns == START
    replayed.off("quote_update")
    with pytest.warns(UserWarning, match="has ended"):
        replayed.on("quote_update", seen.append)
    assert len(at_end) == 2, "it has begun: nothing more is to be done"


def test_in_a_script_each_handler_that_is_registered_puts_off_the_begin_of_a_replay(
    replayed: mdnb.LiveMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdnb.runtime.session._REGISTERING_SECONDS", 60.0)
    session = replayed._parts.session
    handles: list[asyncio.TimerHandle | None] = []
    for _ in range(3):
        replayed.on("quote_update", print)
        call(asyncio.sleep(0))
        handles.append(session._beginning)
    assert [one is not None and one.cancelled() for one in handles] == [True, True, False]
    assert session.batcher.began_ns == 0


def test_waits_that_miss_something_of_a_replay_are_warned_of_in_whole(replayed: mdnb.LiveMarket) -> None:
    session = replayed._parts.session
    session.warn_if_missed()
    replayed.wait_ended(LIMIT_SECONDS)
    session.warn_if_missed()
    now = session.feed.clock.now_ns()
    session.waited_ns = now
    session.warn_if_missed()
    session.waited_ns = now - SECOND
    with pytest.warns(UserWarning, match="since the last wait_for") as caught:
        session.warn_if_missed()
    at = pd.Timestamp(now, tz="Asia/Tokyo")
    [words] = [str(one.message) for one in caught]
    assert words == (
        f"the replay has gone on from {at - pd.Timedelta('1s')} to {at} since the last wait_for, which is no "
        "handler that it waits for: events between are missed. Have each by live.on, or pull it step by step "
        "with mdnb.play."
    )
    session.warn_if_missed()


def test_a_market_that_is_live_warns_of_nothing_that_comes_late() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        session = market._parts.session
        session.waited_ns = START - SECOND
        session.warn_if_missed()
        session.warn_if_late("a handler")


def test_the_end_of_a_feed_is_waited_for_as_long_as_is_said() -> None:
    with open_market(HandFeed()) as market:
        with pytest.raises(WaitTimeoutError) as caught:
            market.wait_ended(0.01)
        assert str(caught.value) == "the feed goes on after 0.01 s"


def test_a_symbol_is_looked_for_by_its_name_alone() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        session: MarketSession = market._parts.session
        for given in (["X"], None):
            with pytest.raises(SymbolError, match=r"Allowed: X\.$"):
                session.market(given)  # type: ignore[arg-type]  # what somebody may try
