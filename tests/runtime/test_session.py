"""How a session begins and ends, whatever its feed does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import queue
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.clock import MarketClock, SystemClock
from mdnb.errors import (
    ClosedError,
    FeedError,
    FeedRefusedError,
    NoDataError,
    OptionError,
    SymbolError,
    WaitTimeoutError,
)
from mdnb.feeds.base import Feed, OnFrame, OnStatus
from mdnb.feeds.connection import Endpoint, WebSocketFeed
from mdnb.feeds.timeouts import Backoff, Liveness, Timeouts
from mdnb.runtime.process.bridge import call
from mdnb.runtime.session_factory import make_session, start_session
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, bar, minutes, open_market, trade


def test_a_market_of_no_timeframe_is_refused() -> None:
    with pytest.raises(OptionError, match="name at least one timeframe, such as '1min'"):
        mdnb.live("X", iter(()), feed=HandFeed())  # type: ignore[arg-type]  # names that were all filtered out


class NeverConnected(HandFeed):
    """Gives up, with a reason or an error."""

    def __init__(self, detail: str = "", error: Exception | None = None) -> None:
        super().__init__()
        self.detail, self.error = detail, error

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        on_status("disconnected", self.detail)
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(("detail", "reason"), [("no route", "no route"), ("", "no reason given")])
def test_a_feed_that_ends_before_it_is_connected_is_an_error_that_says_why(detail: str, reason: str) -> None:
    with pytest.raises(FeedError, match=f"^the feed ended before it was connected: {reason}$"):
        open_market(NeverConnected(detail))


def test_a_venue_that_refuses_the_connection_is_heard() -> None:
    error = FeedRefusedError("the key is of another account")
    with pytest.raises(FeedRefusedError, match="another account") as caught:
        open_market(NeverConnected(error=error))
    assert caught.value is error


@pytest.mark.parametrize(
    ("error", "reason"), [(ValueError("bad key"), "ValueError: bad key"), (KeyError(), "KeyError")]
)
def test_whatever_ends_a_feed_before_it_is_connected_is_named(error: Exception, reason: str) -> None:
    with pytest.raises(FeedError) as caught:
        open_market(NeverConnected("no route", error))
    assert str(caught.value) == f"the feed ended before it was connected: {reason}"
    assert caught.value.__cause__ is error


class Ending(HandFeed):
    """Is connected until told to end, with an error or without, and with a word or without."""

    def __init__(self, error: BaseException | None = None, word: str = "") -> None:
        super().__init__(clock=SystemClock())
        self.error, self.word = error, word

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        await super().run(on_frame, on_status)
        if self.word:
            on_status(self.word, "")
        if self.error is not None:
            raise self.error

    def end(self) -> None:
        """Let `run` end."""

        async def done() -> None:
            self._done.set()

        call(done())


@pytest.mark.parametrize("error", [None, FeedError("the venue has shut down")])
def test_a_feed_that_ends_closes_its_bars_and_waits_for_none(
    error: FeedError | None, caplog: pytest.LogCaptureFixture
) -> None:
    feed = Ending(error)
    with open_market(feed, "1day") as market, caplog.at_level(logging.ERROR, "mdnb"):
        session = market._parts.session
        feed.trades((time.time_ns() - SECOND, 100.0, 1.0, 1, 1, 0))
        assert session.closing_timer.is_set
        feed.end()
        market.wait_ended(LIMIT_SECONDS)
        assert not session.closing_timer.is_set
        frame = market.data.get_data("1day", closed_only=True)
        assert frame["close"].tolist() == [100.0]
        assert frame.attrs["partial"] == (0,)
    told = [record.getMessage() for record in caplog.records]
    assert told == ([] if error is None else ["the feed ended: the venue has shut down"])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("socket gone"), "ValueError: socket gone"),
        (FeedError("kicked out"), "kicked out"),
        (asyncio.CancelledError(), "CancelledError"),
        (SystemExit(3), "SystemExit: 3"),
        (OptionError("no such channel"), "no such channel"),
        (None, "its run() returned without a word"),
    ],
)
def test_whatever_ends_a_feed_is_told_at_once_and_kept(
    error: BaseException | None, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    feed = Ending(error)
    with caplog.at_level(logging.INFO, "mdnb"), open_market(feed, "1day") as market:
        said: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("connection_status_changed", said.put)
        feed.trades((time.time_ns() - SECOND, 100.0, 1.0, 1, 1, 0))
        assert market.data.get_stats().freshness == 1.0
        bus = market._parts.session.bus

        async def wait_while_it_ends() -> None:
            waiting = asyncio.ensure_future(bus.wait_for("data_gap"))
            await asyncio.sleep(0)
            feed._done.set()
            await waiting

        with pytest.raises(FeedError, match=f"the feed ended: {re.escape(reason)}$"):
            call(wait_while_it_ends())
        market.wait_ended(LIMIT_SECONDS)
        event = said.get(timeout=LIMIT_SECONDS)
        assert (event.status, event.detail) == (market.status, reason) == ("closed", reason)
        with pytest.raises(FeedError, match=re.escape(reason)):
            market.wait_for("new_bar", timeout=LIMIT_SECONDS)
        with pytest.raises(FeedError, match=re.escape(reason)):
            market.data.get_current_quote()
        assert market.price == 100.0
        stats = market.data.get_stats()
        assert (stats.freshness, stats.data_quality_score) == (0.0, 0.0)
        [kept] = [found for found in market.data.get_validation_errors() if found.type == "feed_ended"]
        assert kept.description == f"the feed ended: {reason}"
        assert f"closed ({reason})" in str(market)
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert told == [f"the feed ended: {reason}"]
    assert said.empty()


def test_a_feed_that_says_that_it_is_closed_ends_as_it_should(caplog: pytest.LogCaptureFixture) -> None:
    feed = Ending(word="closed")
    with caplog.at_level(logging.INFO, "mdnb"), open_market(feed, "1day") as market:
        feed.end()
        market.wait_ended(LIMIT_SECONDS)
        with pytest.raises(ClosedError, match="the market is at its end"):
            market.wait_for("new_bar", timeout=LIMIT_SECONDS)
        assert market.data.get_validation_errors() == []
    assert caplog.records == []


def test_a_feed_that_goes_on_after_it_was_closed_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    class Deaf(HandFeed):
        async def close(self) -> None:
            """Go on."""

    market = open_market(Deaf())
    run = market._parts.session._run
    assert run is not None
    market.close()
    call(asyncio.wait({run}))
    assert run.cancelled()
    assert market.status == "closed"
    assert caplog.messages == [], "that is no failure"


def test_events_that_nobody_takes_are_told_of_by_an_alert() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("data_quality_alert", told.put)
        waiting = market.events("tick_data")
        feed.trades(*(trade(i / 1000, 100.0, 1.0, i) for i in range(10_001)))
        event = told.get(timeout=LIMIT_SECONDS)
        assert event.alert_type == "slow_handler"
        assert event.description == "a listener to TICK_DATA is too slow: 1 events dropped"
        assert next(waiting).time_ns == trade(1 / 1000, 100.0)[0], "the oldest is the one that is lost"


def test_a_message_that_is_not_understood_is_told_of_and_the_feed_goes_on() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("data_quality_alert", told.put)
        feed.send("{oops")
        event = told.get(timeout=LIMIT_SECONDS)
        assert event.alert_type == "malformed"
        assert "was not understood" in event.description
        feed.trades(trade(0, 100.0, 1.0, 0))
        assert market.data.get_data("1min")["close"].tolist() == [100.0]


def trades_frame(*row: object, symbol: str = "X") -> str:
    return json.dumps({"e": "trades", "s": symbol, "r": [row]})


@pytest.mark.parametrize(
    ("frame", "reason", "shown"),
    [
        ({"e": "trades"}, "bytes, not a dict; write it with json.dumps", "{'e': 'trades'}"),
        (None, "bytes, not a NoneType; write it with json.dumps", "None"),
        ("not json", "not JSON", "not json"),
        (b"\xff{}", "not UTF-8", "\ufffd{}"),
        (trades_frame(1.5, 100.25, 1.0, 1, 0, -1), "wrong shape at $.r[0][0]", '{"e": "trades"'),
        (trades_frame(START, "100.25", 1.0, 1, 0, -1), "wrong shape at $.r[0][1]", '"100.25"'),
        (
            '{"e":"trades","s":"X","r":[1,100.25,1,1,0,-1]}',
            "wrong shape at $.r[0]",
            '"r":[1,100.25,1,1,0,-1]}',
        ),
        (trades_frame(START, math.nan, 1.0, 1, 0, -1), "not JSON", "NaN"),
    ],
)
def test_a_feed_none_of_whose_frames_is_understood_says_so_everywhere(
    frame: Any, reason: str, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    feed = HandFeed()
    with caplog.at_level(logging.INFO), open_market(feed, "1min") as market:
        for _ in range(4):
            call(feed._send([frame]))
        stats, taken = market.data.get_stats(), market.data.get_accounting()
        assert (taken.frames, taken.malformed, stats.malformed_share) == (4, 4, 1.0)
        assert (stats.freshness, stats.data_quality_score) == (0.0, 0.0)
        [kept] = market.data.get_validation_errors()
        assert (kept.type, kept.count) == ("malformed", 4)
        assert f"{reason}: " in kept.description
        assert shown in kept.description
        assert f"malformed {kept.count} in 4 frames; {kept.description}" in str(market)
        with pytest.raises(NoDataError, match=re.escape(f"and 4 times {kept.description}")):
            market.data.get_current_price(timeout=0.01)
        # What is understood then, is.
        feed.trades(trade(0, 100.0, 1.0, 0))
        stats = market.data.get_stats()
        assert (stats.freshness, stats.malformed_share) == (1.0, 4 / 5)
        assert stats.data_quality_score == pytest.approx(stats.completeness * (1 - 4 / 5))
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == kept.description


def test_one_odd_message_in_a_quiet_market_costs_its_share_and_not_its_freshness() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        for time_ns in range(START, START + 99):
            feed.send({"e": "clock", "t": time_ns})
        feed.send("{oops")
        stats = market.data.get_stats()
        assert (stats.freshness, stats.malformed_share) == (1.0, 0.01)


def test_of_frames_that_are_not_understood_the_last_is_kept_among_other_findings() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.send("first" * 1000)
        feed.trades(trade(0, 100.0, -1.0, 0))
        feed.send("last" * 1000)
        found = market.data.get_validation_errors()
        assert [(one.type, one.count) for one in found] == [("malformed", 2), ("size_negative", 1)]
        assert found[0].description.endswith(": " + "last" * 30 + "…")


class Elsewhere(HandFeed):
    """Sends what nobody follows, and is stale at once."""

    liveness = Liveness("frames", stale_seconds=0.01)


def test_a_feed_that_sends_only_what_nobody_follows_says_so(caplog: pytest.LogCaptureFixture) -> None:
    feed = Elsewhere()
    with caplog.at_level(logging.INFO, "mdnb"), open_market(feed, "1min") as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("data_quality_alert", told.put)
        feed.send(trades_frame(START, 100.25, 1.0, 1, 0, -1, symbol="Y"))
        event = told.get(timeout=LIMIT_SECONDS)
        while event.alert_type == "feed_stale":
            event = told.get(timeout=LIMIT_SECONDS)
        sentence = "all data of the feed is of other symbols, such as 'Y'; followed is 'X'"
        assert (event.alert_type, event.description) == ("other_symbols", sentence)
        assert market.data.get_stats().data_quality_score == 0.0
        assert [one.description for one in market.data.get_validation_errors(type="other_symbols")] == [
            sentence
        ]
        assert sentence in str(market)
        with pytest.raises(NoDataError, match="all that comes is of other symbols, such as 'Y'"):
            market.data.get_current_price(timeout=0.01)
        call(market._parts.session.housekeeping.look())
        feed.trades(trade(0, 100.0, 1.0, 0))
        assert not market._parts.session.markets["X"].gets_only_others
    assert [record.getMessage() for record in caplog.records] == [sentence]


def test_trades_of_symbols_that_nobody_follows_are_counted_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    feed = HandFeed()
    with caplog.at_level(logging.INFO, "mdnb"), open_market(feed, "1min") as market:
        feed.trades(trade(0, 100.0, 1.0, 0))
        feed.send(trades_frame(START, 100.25, 1.0, 1, 0, 1, symbol="Y"))
        feed.send(trades_frame(START, 100.25, 1.0, 1, 0, 1, symbol="X "))
        taken = market.accounting()
        assert (taken.received, taken.in_bars, taken.balanced) == (1, 1, True)
        assert dict(taken.other_symbols) == {"Y": 1, "X ": 1}
        assert "of symbols that nobody follows: 1 'X ', 1 'Y'" in str(taken)
        assert "2 records of symbols that nobody follows: 1 'X ', 1 'Y'" in str(market)
        housekeeping = market._parts.session.housekeeping
        call(housekeeping.look())
        call(housekeeping.look())
        sentence = "data of symbols that nobody follows is left out: 1 'X ', 1 'Y'; followed is 'X'"
        [kept] = market.data.get_validation_errors(type="other_symbols")
        assert kept.description == sentence
        assert f"{sentence} (2 records so far)" in str(market)
    assert [record.getMessage() for record in caplog.records] == [sentence]


def test_what_is_left_out_is_told_at_the_end_at_the_latest(caplog: pytest.LogCaptureFixture) -> None:
    feed = HandFeed()
    with caplog.at_level(logging.INFO, "mdnb"), open_market(feed, "1min"):
        feed.send({"e": "quotes", "s": "Y", "r": [[START, 1.0, 1.0, 2.0, 1.0], [START, 1.0, 1.0, 2.0, 1.0]]})
    [record] = caplog.records
    assert (record.levelname, "2 'Y'" in record.getMessage()) == ("WARNING", True)


def test_the_accounting_has_what_was_not_understood_by_reason_and_the_last_of_it() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.send("{oops", {"e": "stranger", "t": START}, "{oops again")
        feed.trades(trade(0, 100.0, 1.0, 0))
        taken = market.accounting()
        assert (taken.frames, taken.malformed) == (4, 3)
        assert dict(taken.malformed_reasons) == {"not JSON": 2, "unknown message": 1}
        assert taken.last_malformed == "{oops again"
        assert "malformed: 2 'not JSON', 1 'unknown message'; the last one: {oops again" in str(taken)


def test_the_names_of_what_is_counted_are_bounded() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.send(*(trades_frame(START, 1.0, 1.0, 1, 0, 1, symbol=f"Y{i}") for i in range(300)))
        taken = market.accounting()
        assert (taken.other_symbols_total, len(taken.other_symbols), taken.other_symbols["…"]) == (
            300,
            101,
            200,
        )


NANOSECONDS = 1_000_000_000
UNITS = [("seconds", NANOSECONDS), ("milliseconds", NANOSECONDS // 1000), ("microseconds", 1000)]


@pytest.mark.parametrize(("unit", "factor"), UNITS)
def test_times_in_another_unit_are_told_of_once(
    unit: str, factor: int, caplog: pytest.LogCaptureFixture
) -> None:
    given = time.time_ns() // factor
    feed = HandFeed()
    with caplog.at_level(logging.WARNING, "mdnb"), open_market(feed, "1min") as market:
        feed.send({"e": "clock", "t": START})
        for number in range(3):
            feed.trades((given + number, 100.0, 1.0, 1, 1, number))
        [kept] = market.data.get_validation_errors(type="time_unit")
    said = f"times are nanoseconds since 1970 (UTC), and these look like {unit}; multiply them by {factor:,}"
    assert kept.description == f"a time of {given} is {pd.Timestamp(given):%Y-%m-%d %H:%M:%S}: {said}"
    assert [record.getMessage() for record in caplog.records] == [f"the feed: {kept.description}"]


@pytest.mark.parametrize("kind", ["bars", "trades"])
def test_a_history_in_another_unit_is_told_of_once(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    class Milliseconds(HandFeed):
        async def history_bars(self, *asked: Any) -> Any:
            return [(row[0] // 1_000_000, *row[1:]) for row in minutes(-60, 60)] if kind == "bars" else None

        async def history_trades(self, *asked: Any) -> Any:
            return [(row[0] // 1_000_000, *row[1:]) for row in (trade(-2, 100.0), trade(-1, 100.0))]

    with (
        caplog.at_level(logging.WARNING, "mdnb"),
        open_market(Milliseconds(minutes(-60, 60)), "1min", "5min") as market,
    ):
        [kept] = market.data.get_validation_errors(type="time_unit")
        assert "these look like milliseconds; multiply them by 1,000,000" in kept.description
    told = [record.getMessage() for record in caplog.records if "look like" in record.getMessage()]
    assert told == [f"the history of X: {kept.description}"]


def test_a_word_that_says_nothing_of_the_connection_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market, caplog.at_level(logging.ERROR, "mdnb"):
        feed.status("disconected")
        feed.status("disconected")
        assert market.status == "connected"
        [finding] = market.data.get_validation_errors()
        assert finding.type == "unknown_status"
        assert "'disconected'" in finding.description
        assert "Did you mean 'disconnected'?" in finding.description
    assert [record.getMessage() for record in caplog.records] == [finding.description]


def test_a_word_that_says_nothing_is_why_there_is_no_connection() -> None:
    class Misspelt(HandFeed):
        async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
            on_status("Connected", "")
            await self._done.wait()

    assert "said 'Connected'" in refused_by(Misspelt(), 0.05)


def test_waiting_for_the_end_of_a_feed_that_goes_on_says_for_how_long() -> None:
    with open_market(HandFeed()) as market, pytest.raises(WaitTimeoutError, match=r"goes on after 0\.01 s"):
        market.wait_ended(0.01)


# -- no connection -----------------------------------------------------------------------------------------


class Far(WebSocketFeed):
    """A venue at an address that the test gives."""

    def __init__(self, url: str, answers_within: float = LIMIT_SECONDS) -> None:
        super().__init__(backoff=Backoff(first=0.01, cap=0.01), timeouts=Timeouts(open=answers_within))
        self.url = url

    async def open(self, symbols: Sequence[str]) -> None:
        """There is nothing to open."""

    async def endpoint(self) -> Endpoint:
        return Endpoint(self.url)


@contextlib.contextmanager
def listening(act: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> Iterator[int]:
    """Serve on a free port of this machine, from the background loop."""
    server = call(asyncio.start_server(act, "127.0.0.1", 0))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def greet_in_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def answer_503(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 60\r\n\r\n")
    writer.close()


def refused_by(feed: Feed, connect_timeout: float = 2.0) -> str:
    """Return the message of the FeedError, and see that nothing is left running."""
    with pytest.raises(FeedError) as caught:
        mdnb.live("X", "1min", feed=feed, connect_timeout=connect_timeout, progress=False)

    async def left() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks()} & {"mdnb-feed", "mdnb-housekeeping"}

    assert not call(left())
    return str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "act", "reason"),
    [
        ("ws", hang_up, "dropped at once"),
        ("wss", hang_up, "dropped at once"),
        ("wss", greet_in_plain, "no TLS"),
        ("ws", say_nothing, "no answer to the handshake"),
        ("ws", answer_503, "HTTP 503"),
    ],
)
def test_a_venue_that_cannot_be_reached_is_an_error_with_address_and_reason(
    scheme: str, act: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], reason: str
) -> None:
    with listening(act) as port:
        # Patient with all but one that never answers: a busy machine may need a while for a handshake.
        answers_within = 0.2 if act is say_nothing else LIMIT_SECONDS
        said = refused_by(Far(f"{scheme}://127.0.0.1:{port}/v1?token=s3cret", answers_within))
    assert said.startswith(f"no connection to {scheme}://127.0.0.1:{port} within 2 s: {reason}")
    assert "connect_timeout=" in said
    assert "s3cret" not in said


def test_a_port_without_a_server_and_a_name_without_a_host_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as taken:
        # It is nobody else's meanwhile, and nobody listens.
        taken.bind(("127.0.0.1", 0))
        assert ": refused" in refused_by(Far(f"ws://127.0.0.1:{taken.getsockname()[1]}"))

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # What a real resolver says, without waiting for one.
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert ": name not found" in refused_by(Far("ws://nowhere.invalid"))


def test_a_venue_that_does_not_get_ready_is_not_waited_for_for_ever() -> None:
    class Slow(HandFeed):
        async def open(self, symbols: Sequence[str]) -> None:
            await asyncio.Event().wait()

    assert refused_by(Slow(), 0.01).startswith("no connection to Slow within 0.01 s: it has not answered.")


def test_what_a_feed_gives_up_by_itself_is_told_as_it_was() -> None:
    class Impatient(HandFeed):
        async def open(self, symbols: Sequence[str]) -> None:
            raise TimeoutError("the list of instruments did not come")

    with pytest.raises(TimeoutError, match="the list of instruments"):
        open_market(Impatient())


def test_a_suite_without_a_connection_is_the_same_error() -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            feed = Far(f"ws://127.0.0.1:{taken.getsockname()[1]}")
            with pytest.raises(FeedError, match=r"within 2 s: refused"):
                await mdnb.TradingSuite.create("X", "1min", feed=feed, connect_timeout=2)

    asyncio.run(main())


@pytest.mark.parametrize("given", [0, -1, "soon", True, float("nan")])
def test_a_senseless_limit_for_connecting_is_refused(given: object) -> None:
    with pytest.raises(OptionError, match=r"^connect_timeout must be seconds, above 0, or None"):
        mdnb.live("X", "1min", feed=HandFeed(), connect_timeout=given)  # type: ignore[arg-type]


def test_none_waits_for_the_connection_however_long_it_takes() -> None:
    with mdnb.live("X", "1min", feed=HandFeed(), connect_timeout=None, progress=False) as market:
        assert market.status == "connected"


# -- the computer's clock ----------------------------------------------------------------------------------


class Off:
    """A computer's clock that is wrong by so many seconds, and a market whose time the test moves."""

    def __init__(self, wrong_by: float) -> None:
        self.seconds = 0.0
        self.wrong_by = wrong_by
        self.clock = MarketClock(
            lambda: START + round((self.seconds + self.wrong_by) * SECOND),
            lambda: round(self.seconds * SECOND),
        )
        self.feed = HandFeed(clock=self.clock)
        self.sent = 0

    def trade(self, seconds: float, late: float = 0.05) -> None:
        """Let a trade be made that many seconds after `START`, and arrive a moment later."""
        self.seconds = seconds + late
        self.feed.trades(trade(seconds, 100.0 + self.sent, 1.0, self.sent))
        self.sent += 1


@pytest.mark.parametrize("wrong_by", [-90.0, 90.0, -7200.0])
def test_with_a_wrong_clock_every_trade_is_taken_and_the_market_is_fresh(
    wrong_by: float, caplog: pytest.LogCaptureFixture
) -> None:
    off = Off(wrong_by)
    with open_market(off.feed, "1min") as market, caplog.at_level(logging.WARNING, "mdnb"):
        for i in range(20):
            off.trade(10 + i / 2)
        stats = market.data.get_stats()
        assert market.accounting().rejected_total == 0
        assert (stats.rejected_share, stats.freshness) == (0.0, 1.0)
        assert stats.clock_offset_ms == pytest.approx(-wrong_by * 1e3, abs=100)
        off.seconds += 7
        assert market.price.age == pytest.approx(7, abs=0.1)
        word = "behind the venue's" if wrong_by < 0 else "ahead of the venue's"
        said = f"this computer's clock is {abs(wrong_by):.0f} s {word}"
        market.wait_for("data_quality_alert", LIMIT_SECONDS, lambda event: event.alert_type == "clock_offset")
        call(market._parts.session.housekeeping.look())
        faults = market.data.get_validation_errors(type="clock_offset")
        assert [fault.description[: len(said)] for fault in faults] == [said]
        assert sum(said in record.getMessage() for record in caplog.records) == 1
        assert said in str(market)


def test_a_clock_that_is_ahead_closes_no_bar_early() -> None:
    off = Off(90.0)
    with open_market(off.feed, "1min") as market:
        session = market._parts.session

        async def look() -> None:
            session.closing_timer.close_due()

        off.trade(10)
        call(look())
        for i in range(1, 100):
            off.trade(10 + i / 2)
            call(look())
        assert len(market.data.get_data("1min", closed_only=True)) == 0
        off.seconds = 60.6 + 0.05
        call(look())
        assert len(market.data.get_data("1min", closed_only=True)) == 1
        assert market.accounting().amended == 0


def test_of_a_clock_that_is_right_nothing_is_said() -> None:
    off = Off(0.0)
    with open_market(off.feed, "1min") as market:
        off.trade(1)
        call(market._parts.session.housekeeping.look())
        assert market.data.get_validation_errors() == []
        assert "clock" not in str(market)


def test_a_trade_of_the_wrong_hour_is_refused_once_the_time_is_known() -> None:
    off = Off(0.0)
    with open_market(off.feed, "1min") as market:
        off.trade(1)
        off.feed.trades(trade(3700, 100.0, 1.0, 1))
        assert market.accounting().rejected == {"time_in_future": 1}


def test_the_history_waits_until_it_is_known_who_is_wrong() -> None:
    off = Off(-90.0)
    asked: list[int] = []

    class Prompt(HandFeed):
        async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
            on_frame(f'{{"e":"clock","t":{START + 150 * SECOND}}}')
            off.seconds = 150.0
            asyncio.get_running_loop().call_later(0.1, self.later, on_frame)
            await super().run(on_frame, on_status)

        def later(self, on_frame: OnFrame) -> None:
            off.seconds = 153.0
            on_frame(f'{{"e":"clock","t":{START + 153 * SECOND}}}')

        async def history_bars(self, *given: object) -> None:
            asked.append(given[-1])  # type: ignore[arg-type]  # the end, in nanoseconds

    with open_market(Prompt([bar(0, 100.0)], clock=off.clock, trades=[trade(1, 100.0)]), "1min"):
        assert asked == [START + 120 * SECOND]


def test_a_replay_that_has_ended_keeps_its_quality() -> None:
    with mdnb.live("GC", ["1min"], feed="replay:dataset:gold-ticks?speed=max") as market:
        market.wait_ended(LIMIT_SECONDS)
        stats = market.data.get_stats()
        assert (stats.freshness, stats.data_quality_score) == (1.0, 100.0)


def test_a_symbol_that_is_not_followed_is_refused_with_those_that_are() -> None:
    with open_market(HandFeed()) as market:
        session = market._parts.session
        assert session.market("X").symbol == "X"
        for symbol in ("Z", 7):
            with pytest.raises(SymbolError, match=rf"^{symbol!r} is not followed here\. .*Allowed: X\.$"):
                session.market(symbol)  # type: ignore[arg-type]  # what somebody may try


def test_what_ends_a_feed_is_told_also_where_it_said_before_that_it_closes() -> None:
    class Closing(HandFeed):
        async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
            await super().run(on_frame, on_status)
            on_status("closed", "by the venue")
            raise FeedError("the key has run out")

    feed = Closing()
    with open_market(feed) as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("connection_status_changed", told.put)
        call(feed.close())
        market.wait_ended(LIMIT_SECONDS)
        said = [told.get(timeout=LIMIT_SECONDS) for _ in range(2)]
    assert [(event.status, event.detail) for event in said] == [
        ("closed", "by the venue"),
        ("closed", "the key has run out"),
    ]


@pytest.mark.parametrize("symbol", [None, 5, [], ["MNQ", ""], ""])
def test_what_names_no_symbol_is_answered_with_what_does(symbol: Any) -> None:
    with pytest.raises(SymbolError, match=r"name one symbol such as 'MNQ', or a list of them; got"):
        mdnb.live(symbol, progress=False)


class SecondTry(HandFeed):
    """Is refused at first."""

    is_local = False

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        on_status("disconnected", self.reason)
        await super().run(on_frame, on_status)


@pytest.mark.parametrize(("reason", "said"), [("no route", " again: no route"), ("", " again")])
def test_while_it_connects_it_says_to_whom_and_why_it_tries_again(reason: str, said: str) -> None:
    told: list[str] = []
    session = make_session(
        "X", "1min", SecondTry(reason), 0, "UTC", None, lambda _at, _of, what: told.append(what), 20.0
    )
    call(start_session(session, None))
    call(session.close())
    assert told[:2] == ["SecondTry: connecting", f"SecondTry: connecting{said}"]


def test_a_market_that_was_closed_says_so_to_whoever_waits() -> None:
    market = open_market(HandFeed(), "1min")
    market.close()
    with pytest.raises(ClosedError, match="closed"):
        market.data.get_current_price(timeout=0.01)
    assert market._parts.manager.market.closed is True


def test_a_large_share_that_is_refused_is_a_trouble_until_it_is_over() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        housekeeping = market._parts.session.housekeeping
        feed.trades(*[trade(0, -1.0, number=number) for number in range(200)])
        call(housekeeping.look())
        assert "200 of the last 200 were refused" in str(market)
        feed.trades(*[trade(1, 100.0, number=number) for number in range(200, 400)])
        call(housekeeping.look())
        assert "were refused" not in str(market)
