"""The connection that heals itself, against servers that drop, refuse, fall silent and say too much."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import email.utils
import itertools
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

from mdnb.clock import MarketClock
from mdnb.errors import ClosedError, FeedBusyError, FeedError, FeedRefusedError, OptionError
from mdnb.feeds.connection import Backoff, Endpoint, Liveness, Timeouts, Wall, WebSocketFeed
from mdnb.feeds.endpoint import after_refusal, server_time_ns, why_lost
from mdnb.feeds.wire import WireFeed
from mdnb.rows import Reply
from tests.feeds.scripted import frames_of, scripted
from tests.limits import LIMIT_SECONDS
from tests.venues.certificates import unsigned

SOON = Wall(dice=lambda: 0.0)
"""Tries again at once."""

TIMEOUT = LIMIT_SECONDS


class Venue(WebSocketFeed):
    """A feed whose frames are JSON and whose statuses can be waited for."""

    def __init__(self, url: str, headers: dict[str, str] | None = None, **settings: Any) -> None:
        super().__init__(**({"wall": SOON} | settings))
        self._endpoint = Endpoint(url, headers or {})
        self.frames: list[Any] = []
        self.statuses: list[tuple[str, str]] = []
        self._news = asyncio.Event()

    async def open(self, symbols: Sequence[str]) -> None:
        """There is nothing to open."""

    async def endpoint(self) -> Endpoint:
        return self._endpoint

    def on_frame(self, frame: str | bytes) -> None:
        message = json.loads(frame)
        self.frames.append(message)
        if message.get("e") == "reply":
            self.on_reply(Reply(message["id"], message["ok"], message.get("error", ""), message))
        self._news.set()

    def on_status(self, status: str, detail: str) -> None:
        self.statuses.append((status, detail))
        self._news.set()

    @property
    def names(self) -> list[str]:
        return [status for status, _ in self.statuses]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT):
            while not holds():
                self._news.clear()
                await self._news.wait()


async def lived(feed: Venue, then: Callable[[], Awaitable[None]]) -> None:
    """Run the feed while ``then`` looks at it; close it, and see that nothing is left."""
    running = asyncio.create_task(feed.run(feed.on_frame, feed.on_status))
    try:
        await then()
    finally:
        await feed.close()
        async with asyncio.timeout(TIMEOUT):
            await running
        await feed.close()
    assert feed.names[-1] == "closed"
    mine = {task for task in asyncio.all_tasks() if "WebSocketFeed" in repr(task.get_coro())}
    assert not mine


async def answer(connection: ServerConnection) -> None:
    """Say yes to everything, then send a frame that says what was asked."""
    async for frame in connection:
        asked = json.loads(frame)
        await connection.send(json.dumps({"e": "reply", "id": asked["id"], "ok": True}))
        await connection.send(json.dumps({"asked": asked}))


def dropping_after(requests: int) -> Callable[[ServerConnection], Awaitable[None]]:
    async def act(connection: ServerConnection) -> None:
        async for frame in connection:
            nonlocal requests
            requests -= 1
            asked = json.loads(frame)
            await connection.send(json.dumps({"e": "reply", "id": asked["id"], "ok": True}))
            if not requests:
                connection.transport.abort()

    return act


def asked(feed: Venue) -> list[Any]:
    return [frame["asked"] for frame in feed.frames if "asked" in frame]


# -- the ordinary life -------------------------------------------------------------------------------------


def test_it_connects_subscribes_delivers_and_closes() -> None:
    async def main() -> None:
        async with scripted([answer]) as server:
            feed = Venue(server.url)

            async def then() -> None:
                await feed.subscribe("MNQ", ["quotes", "trades"])
                await feed.until(lambda: len(asked(feed)) == 1)
                await feed.subscribe("MNQ", ["depth"])
                await feed.unsubscribe("MNQ", ["trades"])
                await feed.until(lambda: len(asked(feed)) == 3)

            await lived(feed, then)
            assert feed.names == ["connecting", "connected", "closed"]
            assert isinstance(feed.clock, MarketClock)
            assert feed.clock.is_hinted, "the server's answer bears its time"
            requests = [(one["op"], one["symbol"], one["channels"]) for one in asked(feed)]
            assert requests == [
                ("subscribe", "MNQ", ["trades", "quotes"]),
                ("subscribe", "MNQ", ["depth"]),
                ("unsubscribe", "MNQ", ["trades"]),
            ]

    asyncio.run(main())


class Token(Venue):
    """A feed that needs a token for its address, which it cannot always have."""

    def __init__(self, url: str, failures: Sequence[FeedError], **settings: Any) -> None:
        super().__init__(url, **settings)
        self.failures = list(failures)
        self.renewals = 1

    async def endpoint(self) -> Endpoint:
        if self.failures:
            raise self.failures.pop(0)
        return await super().endpoint()

    def renews_credentials(self, status: int) -> bool:
        self.renewals -= 1
        return status == 401 and self.renewals >= 0


def test_an_address_that_cannot_be_had_now_counts_as_an_attempt() -> None:
    async def main() -> None:
        waited: list[float] = []

        async def sleep(seconds: float) -> None:
            waited.append(seconds)
            await asyncio.sleep(0 if seconds < 60 else seconds)

        async with scripted([answer]) as server:
            failures = [FeedError("no login now"), FeedBusyError("later", 7.0)]
            feed = Token(server.url, failures, wall=Wall(sleep=sleep, dice=lambda: 0.0))
            await lived(feed, lambda: feed.until(lambda: "connected" in feed.names))
            assert feed.statuses[:2] == [("disconnected", "no login now"), ("disconnected", "later")]
            assert 7.0 in waited

    asyncio.run(main())


def test_an_address_that_is_refused_for_good_ends_it() -> None:
    async def main() -> None:
        feed = Token("ws://127.0.0.1:9", [FeedRefusedError("no such user")])
        with pytest.raises(FeedRefusedError, match="no such user"):
            await feed.run(feed.on_frame, feed.on_status)
        assert feed.statuses == [("closed", "no such user")]

    asyncio.run(main())


def test_credentials_that_were_renewed_are_tried_and_others_are_not() -> None:
    async def main() -> None:
        async with scripted([(401, {}), answer]) as server:
            feed = Token(server.url, [])
            await lived(feed, lambda: feed.until(lambda: "connected" in feed.names))
            assert feed.statuses[1] == ("disconnected", "HTTP 401: the credentials are renewed")
        async with scripted([(401, {})]) as server:
            feed = Token(server.url, [])
            with pytest.raises(FeedRefusedError, match="HTTP 401"):
                await feed.run(feed.on_frame, feed.on_status)
            assert len(server.opened) == 2

    asyncio.run(main())


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (302, {"Location": "ws://elsewhere.example/"}, "HTTP 302: it has moved, and redirections are not"),
        (308, {"Location": "/v2"}, "HTTP 308: it has moved"),
        (200, {}, "HTTP 200: a page of the web is there, and no WebSocket"),
    ],
)
def test_a_redirection_is_not_followed(status: int, headers: dict[str, str], words: str) -> None:
    async def main() -> None:
        async with scripted([(status, headers), answer]) as server:
            feed = Venue(server.url)
            with pytest.raises(FeedRefusedError, match=words) as caught:
                await feed.run(feed.on_frame, feed.on_status)
            assert "elsewhere" not in str(caught.value)
            assert str(caught.value).startswith(f"{server.url} refused us")
            assert len(server.opened) == 1

    asyncio.run(main())


def test_after_a_drop_it_reconnects_and_asks_for_all_it_had() -> None:
    async def main() -> None:
        async with scripted([dropping_after(3), answer]) as server:
            feed = Venue(server.url)

            async def then() -> None:
                await feed.subscribe("MNQ", ["trades"])
                await feed.subscribe("MES", ["quotes"])
                await feed.until(lambda: "connected" in feed.names)
                await feed.unsubscribe("MES", ["quotes"])
                await feed.until(lambda: len(asked(feed)) >= 1)

            await lived(feed, then)
            assert feed.names == [
                "connecting",
                "connected",
                "disconnected",
                "reconnecting",
                "reconnected",
                "closed",
            ]
            assert [(one["op"], one["symbol"]) for one in asked(feed)] == [("subscribe", "MNQ")]

    asyncio.run(main())


def test_a_subscription_that_the_venue_refuses_is_told_and_not_remembered() -> None:
    async def refuse(connection: ServerConnection) -> None:
        async for frame in connection:
            one = json.loads(frame)
            await connection.send(json.dumps({"e": "reply", "id": one["id"], "ok": False, "error": "no MNX"}))

    async def main() -> None:
        async with scripted([refuse]) as server:
            feed = Venue(server.url)

            async def then() -> None:
                await feed.until(lambda: "connected" in feed.names)
                with pytest.raises(FeedRefusedError, match="no MNX"):
                    await feed.subscribe("MNX", ["trades"])

            await lived(feed, then)
            assert feed._wanted == {}

    asyncio.run(main())


def test_one_refused_symbol_does_not_take_the_others_down() -> None:
    async def refuse_one(connection: ServerConnection) -> None:
        async for frame in connection:
            one = json.loads(frame)
            good = one["symbol"] == "MES"
            await connection.send(json.dumps({"e": "reply", "id": one["id"], "ok": good, "error": "gone"}))

    async def main() -> None:
        async with scripted([refuse_one]) as server:
            feed = Venue(server.url)
            await feed.subscribe("MNQ", ["trades"])
            await feed.subscribe("MES", ["trades"])
            await lived(feed, lambda: feed.until(lambda: "connected" in feed.names))
            detail = dict(feed.statuses)["connected"]
            assert "MNQ" in detail
            assert "gone" in detail
            assert "MES" not in detail

    asyncio.run(main())


def test_a_server_that_says_it_is_the_end_is_believed() -> None:
    async def end(connection: ServerConnection) -> None:
        await connection.send("{}")
        await connection.close(1000, "end")

    class Recording(Venue):
        def is_end(self, code: int, reason: str) -> bool:
            return (code, reason) == (1000, "end")

    async def main() -> None:
        async with scripted([end]) as server:
            feed = Recording(server.url)
            async with asyncio.timeout(TIMEOUT):
                await feed.run(feed.on_frame, feed.on_status)
            assert feed.names[-1] == "closed"
            assert feed.frames == [{}]
            with pytest.raises(ClosedError):
                await feed.request("bars")

    asyncio.run(main())


def test_a_greeting_comes_before_the_subscriptions_and_a_refused_one_is_final() -> None:
    class Login(Venue):
        async def greet(self) -> None:
            await self.request("login")

    async def no(connection: ServerConnection) -> None:
        async for frame in connection:
            one = json.loads(frame)
            await connection.send(
                json.dumps({"e": "reply", "id": one["id"], "ok": False, "error": "wrong key"})
            )

    async def main() -> None:
        async with scripted([answer]) as server:
            feed = Login(server.url)
            await feed.subscribe("MNQ", ["trades"])
            await lived(feed, lambda: feed.until(lambda: len(asked(feed)) == 2))
            assert [one["op"] for one in asked(feed)] == ["login", "subscribe"]
        async with scripted([no]) as server:
            feed = Login(server.url)
            with pytest.raises(FeedRefusedError, match="wrong key"):
                await feed.run(feed.on_frame, feed.on_status)
            assert feed.names == ["connecting", "closed"]

    asyncio.run(main())


def test_heartbeats_are_sent_where_the_venue_wants_them() -> None:
    class Beating(Venue):
        def heartbeat(self) -> str | None:
            return '{"id":0,"op":"ping"}'

    async def main() -> None:
        async with scripted([answer]) as server:
            feed = Beating(server.url, timeouts=Timeouts(heartbeat=0.01))
            await lived(feed, lambda: feed.until(lambda: len(asked(feed)) >= 3))

    asyncio.run(main())


# -- refusals and retries ----------------------------------------------------------------------------------


class Patient:
    """A wall whose sleeps are noted and take no time."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def wall(self) -> Wall:
        return Wall(monotonic=lambda: self.now, sleep=self.sleep, dice=lambda: 1.0)


def test_the_waits_grow_to_a_cap_while_nobody_listens() -> None:
    async def main() -> None:
        patient = Patient()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            feed = Venue(f"ws://127.0.0.1:{taken.getsockname()[1]}", wall=patient.wall())
            await lived(feed, lambda: feed.until(lambda: feed.names.count("disconnected") == 9))
        assert patient.slept[:8] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0])
        # Nothing was lost that would have to be mended: it has never been connected.
        assert {"reconnecting", "connected"} & set(feed.names) == set()

    asyncio.run(main())


def test_a_server_that_drops_at_once_is_not_stormed() -> None:
    async def leave(connection: ServerConnection) -> None:
        await connection.send("{}")

    async def main() -> None:
        async with scripted([leave]) as server:
            patient = Patient()
            # Silence is not what this is about: the sleeps of watch and pings are of 1e5 seconds and more.
            never = Liveness(ping_seconds=1e5, stale_seconds=1e6, dead_seconds=2e6)
            feed = Venue(server.url, liveness=never)
            feed._wall = Wall(monotonic=lambda: 0.0, sleep=patient.sleep, dice=lambda: 1.0)
            await lived(feed, lambda: feed.until(lambda: feed.names.count("disconnected") == 5))
            waits = [seconds for seconds in patient.slept if seconds < 100]
            assert waits[:4] == pytest.approx([0.2, 0.4, 0.8, 1.6])

    asyncio.run(main())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 451])
def test_a_refusal_for_good_ends_the_feed_and_tells_no_secret(status: int) -> None:
    async def main() -> None:
        async with scripted([(status, {})]) as server:
            feed = Venue(f"{server.url}/stream?token=s3cret", {"Authorization": "Bearer s3cret"})
            with pytest.raises(FeedRefusedError, match=f"HTTP {status}") as caught:
                await feed.run(feed.on_frame, feed.on_status)
            assert "s3cret" not in f"{caught.value!r} {feed.statuses} {feed!r}"
            assert feed.names == ["connecting", "closed"]
            assert len(server.opened) == 1

    asyncio.run(main())


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_passing_refusal_is_waited_out(status: int) -> None:
    async def main() -> None:
        async with scripted([(status, {}), answer]) as server:
            feed = Venue(server.url)
            await lived(feed, lambda: feed.until(lambda: "connected" in feed.names))
            assert feed.statuses[1] == ("disconnected", f"HTTP {status}")

    asyncio.run(main())


def test_retry_after_is_honoured_in_both_its_forms() -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=120)
    headers = [
        {"Retry-After": "7"},
        {"Retry-After": email.utils.format_datetime(later, usegmt=True)},
        {"Retry-After": "soon"},
        {"Retry-After": "999999"},
    ]

    async def main() -> None:
        async with scripted([*((429, one) for one in headers), answer]) as server:
            patient = Patient()
            feed = Venue(server.url, wall=Wall(monotonic=lambda: 0.0, sleep=patient.sleep, dice=lambda: 1.0))
            await lived(feed, lambda: feed.until(lambda: "connected" in feed.names))
            seven, date, neither, endless = patient.slept[:4]
            assert seven == 7
            assert 100 < date <= 121
            assert neither == pytest.approx(0.8)
            assert endless == 300

    asyncio.run(main())


def test_a_port_that_speaks_no_websocket_is_tried_again() -> None:
    async def main() -> None:
        async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n")
            writer.close()

        async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
            feed = Venue(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await lived(feed, lambda: feed.until(lambda: feed.names.count("disconnected") == 2))

    asyncio.run(main())


# -- silence and excess ------------------------------------------------------------------------------------


class Hours:
    """A wall whose time passes when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self._asleep: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asleep.append((self.now + seconds, woken))
        await woken

    def wall(self) -> Wall:
        return Wall(monotonic=lambda: self.now, sleep=self.sleep, dice=lambda: 0.0)

    async def pass_by(self, feed: Venue, seconds: float, *, answers: bool = True) -> None:
        """Let time pass, a second at a time; each time what is answered is waited for."""
        for _ in range(round(seconds)):
            self.now += 1.0
            due = [woken for at, woken in self._asleep if at <= self.now and not woken.done()]
            self._asleep = [(at, woken) for at, woken in self._asleep if at > self.now]
            for woken in due:
                woken.set_result(None)
            # Those woken ask first: a second question is answered after theirs.
            for _ in range(3):
                await asyncio.sleep(0)
            socket = feed._socket
            if answers and socket is not None:
                with contextlib.suppress(ConnectionClosed):
                    async with asyncio.timeout(TIMEOUT):
                        await (await socket.ping())
            for _ in range(3):
                await asyncio.sleep(0)


def test_a_healthy_socket_on_which_nothing_is_said_for_an_hour_is_neither_stale_nor_dropped() -> None:
    async def main() -> None:
        hours = Hours()
        async with scripted([frames_of]) as server:
            feed = Venue(server.url, wall=hours.wall())

            async def then() -> None:
                await feed.until(lambda: "connected" in feed.names)
                await hours.pass_by(feed, 3600)
                assert feed.silent_seconds() <= feed.liveness.ping_seconds
                assert 0 < feed.round_trip_ms < 1e6

            await lived(feed, then)
            assert feed.names == ["connecting", "connected", "closed"]
            assert len(server.opened) == 1
            assert feed.silent_seconds() == float("inf")

    asyncio.run(main())


def test_where_frames_alone_are_life_a_stream_that_stops_is_first_stale_then_left() -> None:
    async def main() -> None:
        hours = Hours()
        async with scripted([frames_of]) as server:
            feed = Venue(server.url, wall=hours.wall(), liveness=Liveness("frames"))

            async def then() -> None:
                await feed.until(lambda: "connected" in feed.names)
                await hours.pass_by(feed, 30)
                await feed.until(lambda: "disconnected" in feed.names)
                await hours.pass_by(feed, 1)
                await feed.until(lambda: "reconnected" in feed.names)

            await lived(feed, then)
            names = feed.names
            assert names[:5] == ["connecting", "connected", "stale", "disconnected", "reconnecting"]
            assert feed.statuses[2][1] == "no frame for 10.0 s"
            assert feed.statuses[3][1] == "no frame for 30.0 s: connection dropped"

    asyncio.run(main())


def test_a_server_that_has_gone_without_a_word_is_first_stale_then_left() -> None:
    async def read_no_more(connection: ServerConnection) -> None:
        await connection.send("{}")
        # Pings wait in the buffer of a socket that nobody reads, as behind a cable that was pulled.
        connection.transport.pause_reading()
        await over.wait()

    over = asyncio.Event()

    async def main() -> None:
        async with scripted([read_no_more, answer]) as server:
            hours = Hours()
            feed = Venue(server.url, wall=hours.wall())

            async def then() -> None:
                await feed.until(lambda: "connected" in feed.names)
                await hours.pass_by(feed, 30, answers=False)
                await feed.until(lambda: "disconnected" in feed.names)
                await hours.pass_by(feed, 1, answers=False)
                await feed.until(lambda: "reconnected" in feed.names)

            await lived(feed, then)
            over.set()
            names = feed.names
            assert names[:5] == ["connecting", "connected", "stale", "disconnected", "reconnecting"]
            assert feed.statuses[3][1] == "neither frame nor pong for 30.0 s: connection dropped"

    asyncio.run(main())


def test_a_venue_that_hangs_up_on_the_first_subscription_was_never_connected() -> None:
    class Sender(Venue):
        async def send_subscribe(self, symbol: str, channels: Sequence[str]) -> None:
            await self.send(json.dumps({"subscribe": symbol}))

    async def hang_up(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.close(1008, "no such channel")

    async def main() -> None:
        async with scripted([hang_up]) as server:
            feed = Sender(server.url)
            await feed.subscribe("MNQ", ["trades"])
            await lived(feed, lambda: feed.until(lambda: feed.names.count("disconnected") == 3))
            assert "connected" not in feed.names

    asyncio.run(main())


@pytest.mark.parametrize(
    "bad", [{"ping_seconds": 0}, {"stale_seconds": 40.0}, {"dead_seconds": float("nan")}]
)
def test_senseless_signs_of_life_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="0 < stale_seconds <= dead_seconds"):
        Liveness(**bad)  # type: ignore[arg-type]  # numbers all


def test_pings_come_more_often_than_a_feed_grows_stale() -> None:
    assert Liveness().ping_seconds == 4.0
    assert Liveness(stale_seconds=0.5, dead_seconds=1.0).ping_seconds == 0.2
    # Where pongs are no sign they only measure.
    assert Liveness("frames", stale_seconds=2.5).ping_seconds == 4.0
    assert Liveness("frames", ping_seconds=20.0).ping_seconds == 20.0
    for stale in (2.0, 1.0):
        with pytest.raises(OptionError, match="ping_seconds < stale_seconds"):
            Liveness(ping_seconds=2.0, stale_seconds=stale)


def test_a_frame_ends_the_staleness() -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def slow(connection: ServerConnection) -> None:
            await go.wait()
            await connection.send("{}")
            await frames_of(connection)

        async with scripted([slow]) as server:
            feed = Venue(server.url, liveness=Liveness("frames", stale_seconds=0.02, dead_seconds=1e6))

            async def then() -> None:
                await feed.until(lambda: "stale" in feed.names)
                go.set()
                await feed.until(lambda: feed.statuses.count(("connected", "alive again")) == 1)

            await lived(feed, then)

    asyncio.run(main())


def test_a_frame_beyond_a_mebibyte_ends_the_connection_not_the_feed() -> None:
    async def huge(connection: ServerConnection) -> None:
        await connection.send("{}")
        await connection.send("x" * (2**20 + 1))
        await frames_of(connection)

    async def main() -> None:
        async with scripted([huge, answer]) as server:
            feed = Venue(server.url)
            await lived(feed, lambda: feed.until(lambda: "reconnected" in feed.names))
            assert "1009" in dict(feed.statuses)["disconnected"]
            assert feed.frames == [{}]

    asyncio.run(main())


# -- requests ----------------------------------------------------------------------------------------------


def test_a_request_is_asked_again_on_the_next_connection() -> None:
    async def drop(connection: ServerConnection) -> None:
        await connection.recv()
        connection.transport.abort()

    async def main() -> None:
        async with scripted([drop, drop, answer]) as server:
            feed = Venue(server.url)

            async def then() -> None:
                reply = await feed.request("bars", symbol="MNQ")
                assert reply.ok

            await lived(feed, then)
            assert len(server.opened) == 3
            assert feed._pending == {}

    asyncio.run(main())


def test_what_is_sent_while_the_venue_leaves_says_that_the_connection_is_lost() -> None:
    async def leave(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.close(1001)

    async def talk(feed: Venue) -> None:
        for number in itertools.count():
            await feed.send(json.dumps({"id": number}))
            await asyncio.sleep(0)

    async def main() -> None:
        async with scripted([leave, answer]) as server:
            feed = Venue(server.url)

            async def then() -> None:
                await feed.until(lambda: "connected" in feed.names)
                with pytest.raises(FeedError, match="Venue lost its connection while sending"):
                    await talk(feed)
                await feed.until(lambda: "reconnected" in feed.names)
                await feed.request("hello")

            await lived(feed, then)

    asyncio.run(main())


def test_a_request_without_an_answer_ends_by_its_timeout() -> None:
    async def main() -> None:
        async with scripted([frames_of]) as server:
            feed = Venue(server.url, timeouts=Timeouts(reply=0.05))

            async def then() -> None:
                with pytest.raises(FeedError, match=r"no answer to 'bars' within 0\.05 s"):
                    await feed.request("bars", symbol="MNQ")
                feed.on_reply(Reply(1, ok=True))  # too late: nobody waits
                assert feed._pending == {}

            await lived(feed, then)

    asyncio.run(main())


def test_closing_frees_those_who_wait() -> None:
    async def main() -> None:
        async with scripted([frames_of]) as server:
            feed = Venue(server.url)
            running = asyncio.create_task(feed.run(feed.on_frame, feed.on_status))
            await feed.until(lambda: "connected" in feed.names)
            waiting = asyncio.create_task(feed.request("bars"))
            await asyncio.sleep(0)
            await feed.close()
            async with asyncio.timeout(TIMEOUT):
                with pytest.raises(ClosedError):
                    await waiting
                await running
                with pytest.raises(ClosedError):
                    await feed.subscribe("MNQ", ["trades"])

    asyncio.run(main())


def test_closing_works_at_any_moment() -> None:
    async def main() -> None:
        async with scripted([frames_of]) as server:
            for steps in range(12):
                feed = Venue(server.url)
                running = asyncio.create_task(feed.run(feed.on_frame, feed.on_status))
                for _ in range(steps):
                    await asyncio.sleep(0)
                async with asyncio.timeout(TIMEOUT):
                    await feed.close()
                    await running
                assert feed.names[-1] == "closed"
            unused = Venue(server.url)
            await unused.close()
            await unused.run(unused.on_frame, unused.on_status)
            assert unused.names == ["closed"]

    asyncio.run(main())


def test_the_other_end_is_told_of_a_normal_end() -> None:
    async def main() -> None:
        codes: list[int | None] = []

        async def watch(connection: ServerConnection) -> None:
            await connection.wait_closed()
            codes.append(connection.close_code)

        async with scripted([watch]) as server:
            feed = Venue(server.url)
            running = asyncio.create_task(feed.run(feed.on_frame, feed.on_status))
            await feed.until(lambda: "connected" in feed.names)
            async with asyncio.timeout(TIMEOUT):
                await feed.close()
                await running
        assert codes == [1000]

    asyncio.run(main())


def test_cancelling_the_run_closes_the_socket() -> None:
    async def main() -> None:
        gone = asyncio.Event()

        async def watch(connection: ServerConnection) -> None:
            await connection.wait_closed()
            gone.set()

        async with scripted([watch]) as server:
            feed = Venue(server.url)
            running = asyncio.create_task(feed.run(feed.on_frame, feed.on_status))
            await feed.until(lambda: "connected" in feed.names)
            with pytest.raises(FeedError, match="running already"):
                await feed.run(feed.on_frame, feed.on_status)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            async with asyncio.timeout(TIMEOUT):
                await gone.wait()

    asyncio.run(main())


class Wire(WireFeed, Venue):
    """A client of mdnb's protocol whose server is the test's."""


@pytest.mark.parametrize("rows", [[["x"]], [[1, 2.0]], [[1.5, 1, 1, 1, 1, 1, 1, 1]]])
def test_rows_that_are_none_are_an_error_not_a_bar(rows: list[Any]) -> None:
    async def junk(connection: ServerConnection) -> None:
        async for frame in connection:
            one = json.loads(frame)
            await connection.send(json.dumps({"e": "reply", "id": one["id"], "ok": True, "rows": rows}))

    async def main() -> None:
        async with scripted([junk]) as server:
            feed = Wire(server.url)

            async def then() -> None:
                with pytest.raises(FeedError, match="bars are not bars"):
                    await feed.history_bars("MNQ", "1min", 0, 10)
                with pytest.raises(FeedError, match="trades are not trades"):
                    await feed.history_trades("MNQ", 0, 10)

            await lived(feed, then)

    asyncio.run(main())


def test_an_unknown_turnover_travels_as_null() -> None:
    async def serve_one(connection: ServerConnection) -> None:
        async for frame in connection:
            one = json.loads(frame)
            rows = [[0, 1, 2, 1, 2, 3, 2, None], [60, 1, 2, 1, 2, 3, 2, 4.5]]
            await connection.send(json.dumps({"e": "reply", "id": one["id"], "ok": True, "rows": rows}))

    async def main() -> None:
        async with scripted([serve_one]) as server:
            feed = Wire(server.url)

            async def then() -> None:
                bars = await feed.history_bars("MNQ", "1min", 0, 100)
                assert repr(bars) == (
                    "[(0, 1.0, 2.0, 1.0, 2.0, 3.0, 2, nan), (60, 1.0, 2.0, 1.0, 2.0, 3.0, 2, 4.5)]"
                )

            await lived(feed, then)

    asyncio.run(main())


def test_more_trades_of_one_nanosecond_than_a_page_holds_are_an_error_not_a_loop() -> None:
    async def crowd(connection: ServerConnection) -> None:
        async for frame in connection:
            one = json.loads(frame)
            rows = [[7, 1.0, 1.0, 1, 1, number] for number in range(one["limit"])]
            reply = {"e": "reply", "id": one["id"], "ok": True, "rows": rows, "more": True}
            await connection.send(json.dumps(reply))

    async def main() -> None:
        async with scripted([crowd]) as server:
            feed = Wire(server.url)

            async def then() -> None:
                with pytest.raises(FeedError, match="more than 5000 trades of MNQ at 7 ns"):
                    await feed.history_trades("MNQ", 7, 100)

            await lived(feed, then)

    asyncio.run(main())


# -- values ------------------------------------------------------------------------------------------------


def test_nothing_secret_is_logged_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with scripted([dropping_after(1), (500, {}), answer]) as server:
            feed = Venue(f"{server.url}/x?token=s3cret", {"Authorization": "Bearer s3cret"})

            async def then() -> None:
                await feed.subscribe("MNQ", ["trades"])
                await feed.until(lambda: "reconnected" in feed.names)

            await lived(feed, then)

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    ours = [record for record in caplog.records if record.name.startswith("mdnb")]
    assert ours
    assert not any("s3cret" in record.getMessage() for record in ours)


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("ws://venue.example/x", {"Authorization": "s3cret"}),
        ("ws://user:s3cret@venue.example/x", {}),
        ("https://venue.example/x?token=s3cret", {}),
        ("s3cret", {}),
    ],
)
def test_an_address_that_would_tell_a_secret_is_refused_without_telling_it(
    url: str, headers: dict[str, str]
) -> None:
    with pytest.raises(FeedError) as caught:
        Endpoint(url, headers)
    assert "s3cret" not in str(caught.value)


def test_credentials_may_go_to_this_machine_and_through_tls() -> None:
    for url in ("ws://127.0.0.1:1/", "ws://localhost/", "ws://[::1]:1/", "wss://venue.example/"):
        assert "s3cret" not in repr(Endpoint(url, {"Authorization": "s3cret"}, confidential=True))
    with pytest.raises(FeedError, match="unencrypted"):
        Endpoint("ws://venue.example/?token=s3cret", confidential=True)


@given(st.integers(0, 5000), st.floats(0, 1, exclude_max=True))
def test_a_backoff_stays_within_its_cap(attempt: int, dice: float) -> None:
    assert 0 <= Backoff().delay(attempt, dice) <= 10.0


@pytest.mark.parametrize("bad", [{"first": 0.0}, {"first": 20.0}, {"factor": 0.5}, {"first": float("nan")}])
def test_a_senseless_backoff_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="0 < first <= cap"):
        Backoff(**bad)


def test_a_certificate_that_does_not_hold_ends_the_feed(tmp_path: Path) -> None:
    context = unsigned(tmp_path)

    async def main() -> None:
        async with scripted([answer], ssl=context) as server:
            feed = Venue(server.url.replace("ws://127.0.0.1", "wss://localhost"))
            with pytest.raises(FeedRefusedError, match="certificate does not hold"):
                await feed.run(feed.on_frame, feed.on_status)

    asyncio.run(main())


def test_nothing_is_sent_while_there_is_no_connection() -> None:
    with pytest.raises(FeedError, match="Venue is not connected; nothing was sent"):
        asyncio.run(Venue("ws://127.0.0.1:1").send("{}"))


def test_an_address_that_is_none_ends_the_feed_and_says_so() -> None:
    feed = Venue("ws://127.0.0.1:1/#part")
    with pytest.raises(FeedRefusedError, match=r"^ws://127\.0\.0\.1:1 is not an address to connect to"):
        asyncio.run(feed.run(feed.on_frame, feed.on_status))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), "
                "[Errno 111] Connect call failed ('127.0.0.1', 1)"
            ),
            "refused",
        ),
        (OSError(101, "Network is unreachable"), "no way there"),
        (OSError(24, "Too many open files"), "Too many open files"),
        (OSError("of a kind of its own"), "OSError"),
    ],
)
def test_what_the_system_says_of_a_failed_connection_is_told_in_words(error: OSError, words: str) -> None:
    assert why_lost(error).startswith(words)


def test_a_plain_server_behind_wss_is_told_by_its_name() -> None:
    async def main() -> None:
        async with scripted([answer]) as server:
            feed = Venue(server.url.replace("ws://", "wss://"))
            await lived(feed, lambda: feed.until(lambda: "disconnected" in feed.names))
            assert "ws://, not wss://" in dict(feed.statuses)["disconnected"]

    asyncio.run(main())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Date": "soon"},
        {"Date": f"Thu, 01 Jan {10**20} 00:00:07 GMT"},
        {"Date": f"Thu, 01 Jan 1970 00:00:07 +{10**20}"},
    ],
)
def test_a_server_that_says_no_time_tells_none(headers: dict[str, str]) -> None:
    assert server_time_ns(headers) is None


def test_headers_that_a_proxy_says_once_more_are_read_once() -> None:
    date = "Thu, 01 Jan 1970 00:00:07 GMT"
    twice = Headers(
        [
            ("Date", date),
            ("Date", "Thu, 01 Jan 1970 00:00:09 GMT"),
            ("Retry-After", "7"),
            ("Retry-After", "9"),
        ]
    )
    assert server_time_ns(twice) == server_time_ns({"Date": date})
    refused = InvalidStatus(Response(503, "later", twice, b""))
    assert after_refusal(refused, Endpoint("ws://127.0.0.1:9")) == (7.0, "HTTP 503")


def test_a_server_behind_a_proxy_that_adds_a_date_is_connected_to() -> None:
    def add(socket: ServerConnection, request: Request, response: Response) -> None:
        response.headers["Date"] = email.utils.formatdate(usegmt=True)

    async def main() -> None:
        async with serve(ServerConnection.wait_closed, "127.0.0.1", 0, process_response=add) as server:
            feed = Venue(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await lived(feed, lambda: feed.until(lambda: "connected" in feed.names))

    asyncio.run(main())


def test_what_is_sent_in_the_moment_in_which_the_connection_is_lost_is_told_to_be_lost() -> None:
    async def main() -> None:
        async with scripted([frames_of]) as server:
            feed = Venue(server.url)

            async def then() -> None:
                await feed.until(lambda: "connected" in feed.names)
                assert feed._socket is not None
                feed._socket.transport.abort()
                # The socket knows that it is closed a turn before the feed does.
                await asyncio.sleep(0)
                with pytest.raises(FeedError, match="Venue lost its connection while sending"):
                    await feed.send("{}")
                await feed.until(lambda: "reconnected" in feed.names)

            await lived(feed, then)

    asyncio.run(main())
