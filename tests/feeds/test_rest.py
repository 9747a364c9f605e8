"""Asking a venue over HTTP, on real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError
from mdnb.feeds import rest as rest_module
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.rest import Rest
from mdnb.feeds.timeouts import Timeouts, Wall
from tests.venues.certificates import unsigned
from tests.venues.rest_server import HttpAnswer, HttpRequest, RestServer, serving

FAST = RateLimit(1000, 1.0)


def asked(
    answer: Callable[[HttpRequest], HttpAnswer], ask: Callable[[Rest], Awaitable[Any]], **given: Any
) -> Any:
    """Return what asking a server gives, and what it was asked."""

    async def handle(request: HttpRequest) -> HttpAnswer:
        return answer(request)

    async def main() -> tuple[Any, RestServer]:
        async with serving(handle) as server:
            rest = Rest(server.url, given.pop("rate_limit", FAST), **given)
            try:
                return await ask(rest), server
            finally:
                await rest.close()

    return asyncio.run(main())


class Row(msgspec.Struct):
    price: float


def test_an_answer_is_typed_and_numbers_may_be_text() -> None:
    rows, server = asked(
        lambda _: HttpAnswer(b'[{"price":"1.5","new":{}},{"price":2}]'),
        lambda rest: rest.get("/rows", list[Row], pair="BTC/USD", limit=5),
    )
    assert [row.price for row in rows] == [1.5, 2.0]
    (request,) = server.requests
    assert (request.method, request.path, dict(request.query)) == (
        "GET",
        "/rows",
        {"pair": "BTC/USD", "limit": "5"},
    )


def test_a_post_sends_json() -> None:
    found, server = asked(
        lambda request: HttpAnswer(request.body), lambda rest: rest.post("/info", dict[str, int], {"a": 1})
    )
    assert found == {"a": 1}
    assert server.requests[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7.0),
        (503, {}, 0.0),
        # By the server's own clock: this computer's may be years off.
        (429, {"Retry-After": "Tue, 01 Jan 2030 00:00:07 GMT", "Date": "Tue, 01 Jan 2030 00:00:00 GMT"}, 7.0),
        (503, {"Retry-After": "Sat, 01 Jan 2000 00:00:07 GMT", "Date": "Sat, 01 Jan 2000 00:00:00 GMT"}, 7.0),
        (503, {"Retry-After": "Sat, 01 Jan 2000 00:00:07 GMT"}, 0.0),
    ],
)
def test_a_venue_that_is_busy_says_for_how_long(status: int, headers: dict[str, str], seconds: float) -> None:
    with pytest.raises(FeedBusyError, match=f"/x: HTTP {status}") as caught:
        asked(lambda _: HttpAnswer(b"", status, headers), lambda rest: rest.get("/x", dict))
    assert caught.value.retry_after == seconds


def test_who_was_told_to_wait_does_so_before_the_next_question() -> None:
    slept: list[float] = []
    now = [0.0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    async def ask(rest: Rest) -> None:
        with pytest.raises(FeedBusyError):
            await rest.get("/x", dict)
        with pytest.raises(FeedBusyError):
            await rest.get("/x", dict)

    asked(
        lambda _: HttpAnswer(b"", 429, {"Retry-After": "7"}),
        ask,
        wall=Wall(monotonic=lambda: now[0], sleep=sleep),
    )
    assert slept == [7.0]


def test_who_was_told_to_wait_holds_all_back_who_ask_the_same_host() -> None:
    slept: list[float] = []
    now = [0.0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    wall = Wall(monotonic=lambda: now[0], sleep=sleep)

    async def handle(_: HttpRequest) -> HttpAnswer:
        return HttpAnswer(b"{}") if slept else HttpAnswer(b"", 429, {"Retry-After": "7"})

    async def main() -> None:
        async with serving(handle) as server:
            refused, other = (Rest(f"{server.url}{path}", FAST, wall=wall) for path in ("/one", "/two"))
            with pytest.raises(FeedBusyError):
                await refused.get("/x", dict)
            assert await other.get("/x", dict) == {}
            await refused.close()
            await other.close()

    asyncio.run(main())
    assert slept == [7.0]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "check the credentials"),
        (451, "not served in this region"),
        (404, "HTTP 404"),
        (302, "HTTP 302"),
    ],
)
def test_a_refusal_is_final_and_says_what_to_do(status: int, words: str) -> None:
    with pytest.raises(FeedRefusedError, match=words):
        asked(
            lambda _: HttpAnswer(b"", status, {"Location": "https://elsewhere.example"}),
            lambda rest: rest.get("/x", dict),
        )


def test_a_venues_own_way_to_say_no_is_read() -> None:
    def complaint(status: int, body: bytes) -> FeedError | None:
        said = json.loads(body).get("error")
        return FeedBusyError(said, 3.0) if said == "slow down" else FeedRefusedError(said) if said else None

    for said, kind in (("slow down", FeedBusyError), ("unknown pair", FeedRefusedError)):
        with pytest.raises(kind, match=said) as caught:
            asked(
                lambda _, said=said: HttpAnswer(json.dumps({"error": said}).encode()),
                lambda rest: rest.get("/x", dict),
                complaint=complaint,
            )
    assert not isinstance(caught.value, FeedBusyError)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1", b'{"price":"x"}', b"[" * 5000, b'[{"price":1e999}]'])
def test_an_answer_that_is_something_else_is_an_error_in_a_sentence(body: bytes) -> None:
    with pytest.raises(FeedError, match="not what was expected") as caught:
        asked(lambda _: HttpAnswer(body), lambda rest: rest.get("/x", Row))
    assert len(str(caught.value)) < 200


def test_an_answer_that_unpacks_to_very_much_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_module, "MAX_ANSWER_BYTES", 10**6)
    bomb = gzip.compress(b"0" * 10**8)
    with pytest.raises(FeedError, match="more than 1 MB"):
        asked(
            lambda _: HttpAnswer(bomb, headers={"Content-Encoding": "gzip"}),
            lambda rest: rest.get("/x", dict),
        )


def test_nobody_there_is_said_in_plain_words() -> None:
    async def main() -> None:
        rest = Rest("http://127.0.0.1:9/s3cret", FAST)
        await rest.get("/x", dict, token="s3cret")

    with pytest.raises(FeedError, match=r"127\.0\.0\.1:9/x: refused: nothing listens on that port") as caught:
        asyncio.run(main())
    assert "s3cret" not in str(caught.value)


def test_a_server_that_is_silent_is_given_up() -> None:
    async def main() -> None:
        answered = asyncio.Event()

        async def handle(request: HttpRequest) -> HttpAnswer:
            await answered.wait()
            return HttpAnswer(b"{}")

        async with serving(handle) as server:
            rest = Rest(server.url, FAST, timeouts=Timeouts(reply=0.05))
            try:
                await rest.get("/x", dict)
            finally:
                answered.set()
                await rest.close()

    with pytest.raises(FeedError, match="no answer in time"):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://venue.example", "plain http:// is for this machine only"),
        ("https://user:s3cret@venue.example", "with a query or a user"),
        ("https://venue.example?key=s3cret", "with a query or a user"),
        ("ftp://venue.example", "must begin with https:// or http://"),
        ("s3cret", "must begin with https:// or http://"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_secrets(url: str, words: str) -> None:
    with pytest.raises(FeedError, match=words) as caught:
        Rest(url, FAST)
    assert "s3cret" not in str(caught.value)


def test_a_credential_is_in_no_log_no_error_and_no_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    def answer(request: HttpRequest) -> HttpAnswer:
        seen.append(request.headers.get("authorization", ""))
        return HttpAnswer(b"", 401)

    async def ask(rest: Rest) -> str:
        with pytest.raises(FeedRefusedError) as caught:
            await rest.get("/x", dict)
        return f"{rest!r} {caught.value!r} {caught.value.__cause__!r}"

    text, _ = asked(answer, ask, headers=lambda: {"Authorization": "Bearer s3cret"})
    assert seen == ["Bearer s3cret"]
    assert "s3cret" not in text + caplog.text


def test_it_can_be_cancelled_while_it_waits() -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def handle(request: HttpRequest) -> HttpAnswer:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError

        server = RestServer(handle)
        await server.listen()
        rest = Rest(server.url, FAST)
        asking = asyncio.create_task(rest.get("/x", dict))
        await begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await rest.close()
        await server.close()

    asyncio.run(main())


def test_a_certificate_that_does_not_hold_is_refused(tmp_path: Path) -> None:
    context = unsigned(tmp_path)

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(leave, "localhost", 0, ssl=context)
        rest = Rest(f"https://localhost:{server.sockets[0].getsockname()[1]}", FAST)
        try:
            with pytest.raises(FeedRefusedError, match="/x: the certificate does not hold"):
                await rest.get("/x", dict)
        finally:
            await rest.close()
            server.close()

    asyncio.run(main())


def test_a_connection_that_breaks_off_is_said_so() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[")
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(leave, "127.0.0.1", 0)
        rest = Rest(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", FAST)
        try:
            with pytest.raises(FeedError, match="/x: the connection broke"):
                await rest.get("/x", dict)
        finally:
            await rest.close()
            server.close()

    asyncio.run(main())
