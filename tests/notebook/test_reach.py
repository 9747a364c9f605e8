"""Whether a venue can be reached, asked of a stand-in on real sockets."""

from __future__ import annotations

import http
from collections.abc import Iterator

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from mdnb.errors import FeedError
from mdnb.feeds.registry import known_feeds
from mdnb.feeds.venues.projectx import API_KEY, USERNAME
from mdnb.notebook.reach import reach
from mdnb.runtime.process.bridge import call
from tests.venues.alpaca_venue import KEY, SECRET as SECRET_KEY
from tests.venues.binance_venue import BinanceFuturesDialect
from tests.venues.bybit_venue import BybitLinearDialect
from tests.venues.dialects import DIALECTS
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.okx_venue import OkxDialect
from tests.venues.stand_in import StandIn, VenueDialect, tape_of


def test_a_venue_that_answers_is_told_with_what_it_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:s3cret@proxy.example:3128")
    venue = StandIn(KrakenDialect(), tape_of(1, 1), begun=1)
    call(venue.listen())
    try:
        problems, lines = reach(f"kraken?url={venue.stream.url}&rest={venue.rest.url}")
    finally:
        call(venue.close())
    assert problems == []
    text = "\n".join(lines)
    assert "its history: 2 symbols" in text
    assert "its stream: connected" in text
    assert "HTTPS_PROXY" in text
    assert "s3cret" not in text


@pytest.mark.parametrize("dialect", [one for one in DIALECTS if one.name in known_feeds()])
def test_each_venue_that_is_well_is_well(
    dialect: type[VenueDialect], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {API_KEY: "k3y", USERNAME: "me", "APCA_API_KEY_ID": KEY}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET_KEY)
    market = "&market=linear" if dialect is BybitLinearDialect else ""
    venue = StandIn(dialect(), tape_of(1, 1), begun=1)
    call(venue.listen())
    try:
        problems, lines = reach(f"{dialect.name}?url={venue.stream.url}&rest={venue.rest.url}{market}")
    finally:
        call(venue.close())
    assert [problem for problem in problems if "mybinder" not in problem] == []
    assert ": connected (" in "\n".join(lines)


def test_what_is_in_the_way_is_said_of_history_and_stream() -> None:
    problems, _ = reach("kraken?url=ws://127.0.0.1:9&rest=http://127.0.0.1:9")
    assert [problem.split(":")[0] for problem in problems] == [
        *["  its history cannot be asked", "  its stream cannot be asked"]
    ]
    assert all("nothing listens on that port" in problem for problem in problems)


FIRST, SECOND = "its stream of trades and bars", "its stream of quotes and depth"


@pytest.mark.parametrize("dialect", [OkxDialect, BinanceFuturesDialect])
def test_of_a_venue_with_two_streams_both_are_tried(dialect: type[VenueDialect]) -> None:
    venue = StandIn(dialect(), tape_of(1, 1), begun=1)
    call(venue.listen())
    try:
        problems, lines = reach(f"{dialect.name}?url={venue.stream.url}&rest={venue.rest.url}")
    finally:
        call(venue.close())
    assert problems == []
    assert [line.split(" (")[0].strip() for line in lines[-2:]] == [
        f"{FIRST}: connected",
        f"{SECOND}: connected",
    ]


@pytest.fixture
def half_open(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve a stream at all paths but one, at which it refuses; yield the address."""

    def refuse(socket: ServerConnection, asked: Request) -> Response | None:
        return socket.respond(http.HTTPStatus.FORBIDDEN, "no") if asked.path == request.param else None

    async def stay(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async def listen() -> Server:
        return await serve(stay, "127.0.0.1", 0, process_request=refuse)

    async def close() -> None:
        server.close()
        await server.wait_closed()

    server = call(listen())
    yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    call(close())


@pytest.mark.parametrize(
    ("half_open", "open_one", "refused"),
    [("/public", FIRST, SECOND), ("/business", SECOND, FIRST)],
    indirect=["half_open"],
)
def test_one_stream_of_two_may_be_in_the_way(half_open: str, open_one: str, refused: str) -> None:
    venue = StandIn(OkxDialect(), tape_of(1, 1), begun=1)
    call(venue.listen())
    try:
        problems, lines = reach(f"okx?url={half_open}&rest={venue.rest.url}")
    finally:
        call(venue.close())
    assert f"{refused} cannot be asked: " in problems[0]
    assert "403" in problems[0]
    assert not any(open_one in problem for problem in problems)
    assert any(line.startswith(f"  {open_one}: connected") for line in lines)


def test_feeds_without_a_network_need_none() -> None:
    assert reach("sim")[0] == []
    with pytest.raises(FeedError, match="Did you mean 'kraken'"):
        reach("krakn")


def test_of_a_feed_that_is_no_venue_of_ours_it_is_asked_whether_it_can_be_opened() -> None:
    pytest.importorskip("ccxt.pro", reason="the extra ccxt is not installed: pip install 'mdnb[ccxt]'")
    problems, lines = reach("ccxt:krakn")
    assert lines[0] == "CcxtFeed('krakn')"
    assert "ccxt.pro has no venue 'krakn'. Did you mean 'kraken'" in problems[0]
