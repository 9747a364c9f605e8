"""How a session begins and ends, whatever its feed does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest

import mdnb
from mdnb.clock import MarketClock, SystemClock
from mdnb.errors import FeedError, FeedRefusedError, OptionError, WaitTimeoutError
from mdnb.feeds.base import Feed, OnFrame, OnStatus
from mdnb.feeds.connection import Endpoint, WebSocketFeed
from mdnb.feeds.timeouts import Backoff, Timeouts
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, bar, open_market, trade


def test_a_market_of_no_timeframe_is_refused() -> None:
    with pytest.raises(OptionError, match="name at least one timeframe, such as '1min'"):
        mdnb.live("X", iter(()), feed=HandFeed())  # type: ignore[arg-type]  # names that were all filtered out


class NeverConnected(HandFeed):
    """Gives up, with a reason or an error."""

    def __init__(self, detail: str = "", error: FeedError | None = None) -> None:
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


class Ending(HandFeed):
    """Is connected until told to end, with an error or without."""

    def __init__(self, error: FeedError | None = None) -> None:
        super().__init__(clock=SystemClock())
        self.error = error

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        await super().run(on_frame, on_status)
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
        assert session._timer is not None
        feed.end()
        market.wait_ended(LIMIT_SECONDS)
        assert session._timer is None
        frame = market.data.get_data("1day", closed_only=True)
        assert frame["close"].tolist() == [100.0]
        assert frame.attrs["partial"] == (0,)
    told = [record.getMessage() for record in caplog.records]
    assert told == ([] if error is None else ["the feed ended: the venue has shut down"])


def test_a_feed_that_goes_on_after_it_was_closed_is_stopped() -> None:
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


def test_waiting_for_the_end_of_a_feed_that_goes_on_says_for_how_long() -> None:
    with open_market(HandFeed()) as market, pytest.raises(WaitTimeoutError, match=r"goes on after 0\.01 s"):
        market.wait_ended(0.01)


# -- no connection -----------------------------------------------------------------------------------------


class Far(WebSocketFeed):
    """A venue at an address that the test gives."""

    def __init__(self, url: str) -> None:
        super().__init__(backoff=Backoff(first=0.01, cap=0.01), timeouts=Timeouts(open=0.2))
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
        said = refused_by(Far(f"{scheme}://127.0.0.1:{port}/v1?token=s3cret"))
    assert said.startswith(f"no connection to {scheme}://127.0.0.1:{port}/v1 within 2 s: {reason}")
    assert "connect_timeout=" in said
    assert "s3cret" not in said


def test_a_port_without_a_server_and_a_name_without_a_host_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert ": refused" in refused_by(Far(f"ws://127.0.0.1:{port}"))

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
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(FeedError, match=r"within 2 s: refused"):
            await mdnb.TradingSuite.create("X", "1min", feed=Far(f"ws://127.0.0.1:{port}"), connect_timeout=2)

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
            session._close_due()

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
