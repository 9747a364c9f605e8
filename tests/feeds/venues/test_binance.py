"""What is particular to Binance: two routes, pages by id, and a book that is sent whole."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import gzip
import http
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from mdnb.decode import decoder
from mdnb.errors import FeedBusyError, FeedRefusedError, OptionError, SymbolError
from mdnb.feeds.timeouts import Backoff
from mdnb.feeds.venue import VenueFeed
from mdnb.feeds.venues.binance import BinanceFeed, BinanceFuturesFeed
from tests.feeds.venue_ends import followed
from tests.venues.binance_venue import BinanceDialect, BinanceFuturesDialect
from tests.venues.recordings import parsed, shared
from tests.venues.rest_server import HttpAnswer, HttpRequest, RestServer, serving
from tests.venues.stand_in import written

MS = 1_000_000
MINUTE_MS = 60_000
FIRST_MS = 1_772_460_000_000
SOON = Backoff(0.001, 1.0, 0.001)


class Streams:
    """Acknowledges all that it hears, and knows on which path that was."""

    def __init__(self) -> None:
        self.heard: dict[str, list[Any]] = collections.defaultdict(list)
        self.longest = 0
        self.sockets: dict[str, ServerConnection] = {}
        self.refused: set[str] = set()
        self.url = ""

    async def answer(self, socket: ServerConnection) -> None:
        """Handle a client."""
        assert socket.request is not None
        path = socket.request.path
        self.sockets[path] = socket
        # That a connection breaks is what some tests are about.
        with contextlib.suppress(ConnectionClosed):
            async for frame in socket:
                asked = json.loads(frame)
                self.heard[path].append(asked)
                self.longest = max(self.longest, len(frame))
                await socket.send(json.dumps({"result": None, "id": asked["id"]}))

    def admit(self, socket: ServerConnection, request: Request) -> Response | None:
        """Let a client in, or not."""
        return socket.respond(http.HTTPStatus.FORBIDDEN, "no") if request.path in self.refused else None


@contextlib.asynccontextmanager
async def streaming() -> AsyncIterator[Streams]:
    streams = Streams()
    async with serve(streams.answer, "127.0.0.1", 0, process_request=streams.admit) as server:
        streams.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield streams


def listing(symbols: list[dict[str, Any]]) -> Callable[[HttpRequest], Awaitable[HttpAnswer]]:
    async def answer(request: HttpRequest) -> HttpAnswer:
        assert request.path in ("/api/v3/exchangeInfo", "/fapi/v1/exchangeInfo")
        return HttpAnswer(written({"symbols": symbols}))

    return answer


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


# What is subscribed


def test_all_channels_of_all_symbols_of_spot_go_into_one_message() -> None:
    async def main() -> None:
        async with streaming() as streams, serving(listing(BinanceDialect.listing)) as rest:
            feed = BinanceFeed(streams.url, rest.url, depth=10)
            wanted = ["trades", "quotes", "depth", "bars"]
            async with followed(feed, ["BTC/USDT", "ETH/USDT"], wanted) as follower:
                await follower.until_told("connected")
                kinds = ["aggTrade", "bookTicker", "depth10@100ms", "kline_1m"]
                names = [f"{symbol}@{kind}" for symbol in ("btcusdt", "ethusdt") for kind in kinds]
                asked = {"method": "SUBSCRIBE", "params": names, "id": 1}
                assert streams.heard == {"/stream": [asked]}
                await feed.unsubscribe("ETH/USDT", ["bars"])
                over = {"method": "UNSUBSCRIBE", "params": ["ethusdt@kline_1m"], "id": 2}
                assert streams.heard == {"/stream": [asked, over]}
            assert rest.requests[0].query == {"symbolStatus": "TRADING", "showPermissionSets": "false"}

    run(main())


def test_no_message_is_longer_than_binance_reads() -> None:
    async def main() -> None:
        one = BinanceDialect.listing[0]
        long = [
            one | {"symbol": f"1000000TOKEN{number}USDT", "baseAsset": f"{number}"} for number in range(70)
        ]
        async with streaming() as streams, serving(listing(long)) as rest:
            symbols = [f"{number}/USDT" for number in range(70)]
            async with followed(
                BinanceFeed(streams.url, rest.url), symbols, ["trades", "depth", "bars"]
            ) as follower:
                await follower.until_told("connected")
                names = [name for asked in streams.heard["/stream"] for name in asked["params"]]
                assert len(set(names)) == len(names) == 210
                assert len(streams.heard["/stream"]) == 3
                assert streams.longest <= 4088

    run(main())


def test_futures_ask_each_route_for_what_it_sends() -> None:
    async def main() -> None:
        async with streaming() as streams, serving(listing(BinanceFuturesDialect.listing)) as rest:
            feed = BinanceFuturesFeed(streams.url, rest.url)
            channels = ["trades", "quotes", "depth", "bars"]
            async with followed(feed, ["BTC/USDT:USDT", "BTC/USDT:USDT-261225"], channels) as follower:
                await follower.until_told("connected")
                await feed._second._open.wait()
                named = {
                    path: [name for asked in heard for name in asked["params"]]
                    for path, heard in streams.heard.items()
                }
                symbols = ("btcusdt", "btcusdt_261225")
                assert named == {
                    "/market/stream": [
                        f"{one}@{kind}" for one in symbols for kind in ("aggTrade", "kline_1m")
                    ],
                    "/public/stream": [
                        f"{one}@{kind}" for one in symbols for kind in ("bookTicker", "depth20@100ms")
                    ],
                }
                await feed.unsubscribe("BTC/USDT:USDT", ["quotes"])
                assert streams.heard["/public/stream"][-1]["method"] == "UNSUBSCRIBE"
                assert len(streams.heard["/market/stream"]) == 1

    run(main())


def test_a_book_of_another_depth_is_refused() -> None:
    for made in (BinanceFeed, BinanceFuturesFeed):
        with pytest.raises(OptionError, match="depth of 5, 10 or 20; got 50"):
            made(depth=50)


# The two connections of futures


def test_futures_are_stale_while_quotes_and_depth_are_lost_and_their_trades_come_on() -> None:
    async def main() -> None:
        trade = BinanceFuturesDialect().trade((FIRST_MS * MS, 30_000.0, 0.5, 2, -1, 7))
        async with streaming() as streams, serving(listing(BinanceFuturesDialect.listing)) as rest:
            feed = BinanceFuturesFeed(streams.url, rest.url, backoff=SOON)
            async with followed(feed, ["BTC/USDT:USDT"], ["trades", "quotes"]) as follower:
                await follower.until_told("connected")
                await feed._second._open.wait()
                lost, streams.refused = streams.sockets["/public/stream"], {"/public/stream"}
                lost.transport.abort()
                await follower.until(lambda: follower.statuses[-1][0] == "stale")
                assert follower.statuses[-1][1].startswith("no quotes and no depth: ")
                await streams.sockets["/market/stream"].send(trade)
                await follower.until(lambda: bool(follower.trades))
                assert follower.trades == [("BTC/USDT:USDT", (FIRST_MS * MS, 30_000.0, 0.5, 2, -1, 7))]
                assert "disconnected" not in dict(follower.statuses)

    run(main())


def test_futures_are_connected_again_once_quotes_and_depth_are_back_and_subscribed() -> None:
    async def main() -> None:
        async with streaming() as streams, serving(listing(BinanceFuturesDialect.listing)) as rest:
            feed = BinanceFuturesFeed(streams.url, rest.url, backoff=SOON)
            async with followed(feed, ["BTC/USDT:USDT"], ["trades", "quotes"]) as follower:
                await follower.until_told("connected")
                await feed._second._open.wait()
                streams.sockets["/public/stream"].transport.abort()
                await follower.until(
                    lambda: follower.statuses[-1] == ("connected", "quotes and depth are back")
                )
                assert [asked["params"] for asked in streams.heard["/public/stream"]] == [
                    ["btcusdt@bookTicker"]
                ] * 2
                assert len(streams.heard["/market/stream"]) == 1
                # A loss of the trades is one of the connection.
                streams.sockets["/market/stream"].transport.abort()
                await follower.until(lambda: follower.statuses[-1][0] == "reconnected")
                assert len(streams.heard["/market/stream"]) == 2
            assert follower.statuses[-1] == ("closed", "")

    run(main())


def test_futures_have_one_connection_until_quotes_or_depth_are_asked_for() -> None:
    async def main() -> None:
        async with streaming() as streams, serving(listing(BinanceFuturesDialect.listing)) as rest:
            feed = BinanceFuturesFeed(streams.url, rest.url)
            async with followed(feed, ["BTC/USDT:USDT"], ["trades"]) as follower:
                await follower.until_told("connected")
                assert list(streams.sockets) == ["/market/stream"]
                await feed.subscribe("BTC/USDT:USDT", ["depth"])
                await feed._second._open.wait()
                assert [asked["params"] for asked in streams.heard["/public/stream"]] == [
                    ["btcusdt@depth20@100ms"]
                ]

    run(main())


def test_a_refusal_that_nobody_waits_for_is_logged_of_both_connections(
    caplog: pytest.LogCaptureFixture,
) -> None:
    feed = BinanceFuturesFeed("ws://127.0.0.1:9", "http://127.0.0.1:9")
    for number in (7, 2**31 + 7):
        (reply,) = (
            decoder("binance").feed([f'{{"error":{{"code":2,"msg":"no {number}"}},"id":{number}}}']).replies
        )
        feed.on_reply(reply)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "no 7" in told[0]
    assert f"no {2**31 + 7}" in told[1]


def test_the_daily_notice_is_none_of_an_error() -> None:
    notice = '{"stream":"","data":{"e":"serverShutdown","E":1770123456789}}'
    batch = decoder("binance").feed([notice, '{"e":"serverShutdown","E":1770123456789}'])
    assert (batch.malformed, batch.control) == ([], 2)


# The history


@contextlib.asynccontextmanager
async def asked(
    made: type[BinanceFeed | BinanceFuturesFeed],
    symbols: list[dict[str, Any]],
    answer: Callable[[str, dict[str, str]], object],
) -> AsyncIterator[tuple[VenueFeed, RestServer]]:
    """A feed of one symbol whose history answers as it is told."""

    async def handle(request: HttpRequest) -> HttpAnswer:
        page = request.path.rpartition("/")[2]
        if page == "exchangeInfo":
            return HttpAnswer(written({"symbols": symbols}))
        made = answer(page, dict(request.query))
        return made if isinstance(made, HttpAnswer) else HttpAnswer(written(made))

    async with serving(handle) as rest:
        feed = made("ws://127.0.0.1:9", rest.url)
        spelling = "BTC/USDT:USDT" if made is BinanceFuturesFeed else "BTC/USDT"
        await feed.open([spelling])
        try:
            yield feed, rest
        finally:
            await feed.close()


def candle(opened: int, step: int = MINUTE_MS) -> list[object]:
    return [opened, "1.5", "3", "1.25", "2", "10", opened + step - 1, "20.5", 4, "5", "10", "0"]


def test_bars_come_in_pages_and_the_one_that_is_being_made_is_left_out() -> None:
    opens = [FIRST_MS + number * MINUTE_MS for number in range(2_500)]
    now = opens[-1] + MINUTE_MS - 1

    def answer(page: str, query: dict[str, str]) -> object:
        if page == "time":
            return {"serverTime": now}
        assert (query["symbol"], query["interval"]) == ("BTCUSDT", "1m")
        held = [at for at in opens if int(query["startTime"]) <= at <= int(query["endTime"])]
        return [candle(at) for at in held[: int(query["limit"])]]

    async def main() -> None:
        async with asked(BinanceFeed, BinanceDialect.listing, answer) as (feed, rest):
            rows = await feed.history_bars("BTC/USDT", "1min", (FIRST_MS - 90_000) * MS, (now + 1) * MS)
            assert rows == [(at * MS, 1.5, 3.0, 1.25, 2.0, 10.0, 4, 20.5) for at in opens[:-1]]
            pages = [request for request in rest.requests if request.path.endswith("/klines")]
            assert len(pages) == 3
            # A stretch that is a page long, and no more, is one page.
            whole = await feed.history_bars("BTC/USDT", "1min", FIRST_MS * MS, opens[1_000] * MS)
            assert whole is not None
            assert [row[0] for row in whole] == [at * MS for at in opens[:1_000]]
            assert len(rest.requests) == 1 + 1 + 3 + 1 + 1
            assert await feed.history_bars("BTC/USDT", "2min", 0, 1) is None

    run(main())


def test_recorded_bars_are_read_as_they_stand() -> None:
    with gzip.open(shared("bars/binance_rest_klines_1m_20200506.json.gz"), "rt", encoding="utf-8") as file:
        recorded = json.load(file)
    first, last = recorded[0][0], recorded[-1][0]

    async def main() -> None:
        answers = {"time": {"serverTime": last + MINUTE_MS}, "klines": recorded}
        async with asked(BinanceFeed, BinanceDialect.listing, lambda page, _: answers[page]) as (feed, _):
            rows = await feed.history_bars("BTC/USDT", "1min", first * MS, (last + MINUTE_MS) * MS)
        assert rows == [(row[0] * MS, *map(float, row[1:6]), row[8], float(row[7])) for row in recorded]

    run(main())


def aggregate(number: int, at: int) -> dict[str, Any]:
    return {
        "a": number,
        "p": "30000.25",
        "q": "0.5",
        "f": 3 * number,
        "l": 3 * number + 2,
        "T": at,
        "m": number % 2 == 0,
    }


@pytest.mark.parametrize(
    ("made", "symbols"),
    [(BinanceFeed, BinanceDialect.listing), (BinanceFuturesFeed, BinanceFuturesDialect.listing)],
)
def test_trades_are_found_after_quiet_hours_and_paged_by_id_over_equal_times(
    made: type[BinanceFeed | BinanceFuturesFeed], symbols: list[dict[str, Any]]
) -> None:
    # Three hours in which nobody traded; then the two pages meet within 200 trades of one instant.
    start = FIRST_MS + 3 * 3_600_000 + 5
    tape = [aggregate(100 + n, start + (n if n < 900 else max(900, n - 200))) for n in range(2_300)]

    def answer(page: str, query: dict[str, str]) -> object:
        assert page == "aggTrades"
        limit = int(query["limit"])
        if "fromId" in query:
            assert "startTime" not in query
            return [row for row in tape if row["a"] >= int(query["fromId"])][:limit]
        begin, end = int(query["startTime"]), int(query["endTime"])
        assert end - begin < 3_600_000
        return [row for row in tape if begin <= row["T"] <= end][:limit]

    async def main() -> None:
        async with asked(made, symbols, answer) as (feed, rest):
            symbol = next(iter(feed.names.values()))
            end = start + 2_000
            rows = await feed.history_trades(symbol, FIRST_MS * MS, end * MS)
            assert rows == [
                (row["T"] * MS, 30_000.25, 0.5, 3, -1 if row["m"] else 1, row["a"])
                for row in tape
                if row["T"] < end
            ]
            # Four hours, what was before the first row, which nothing was, and three pages.
            assert len(rest.requests) == 1 + 4 + 2 + 3
            assert await feed.history_trades(symbol, FIRST_MS * MS, (FIRST_MS + 1_000) * MS) == []

    run(main())


@pytest.mark.parametrize("counts_from", ["start", "end"])
@pytest.mark.parametrize("trades", [999, 1_000, 1_001, 7_500])
def test_no_trade_is_missed_wherever_the_limit_of_an_answer_counts_from(
    counts_from: str, trades: int
) -> None:
    """As github.com/binance/binance-spot-api-docs/issues/10 has seen it, of times it counts from the end."""
    earlier = [aggregate(n, FIRST_MS - 5_000 + n) for n in range(3_000)]
    tape = earlier + [aggregate(3_000 + n, FIRST_MS + n) for n in range(trades)]

    def answer(page: str, query: dict[str, str]) -> object:
        limit = int(query["limit"])
        if "fromId" in query:
            return [row for row in tape if row["a"] >= int(query["fromId"])][:limit]
        held = [row for row in tape if int(query["startTime"]) <= row["T"] <= int(query["endTime"])]
        return held[:limit] if counts_from == "start" else held[-limit:]

    async def main() -> None:
        async with asked(BinanceFeed, BinanceDialect.listing, answer) as (feed, _):
            symbol = next(iter(feed.names.values()))
            rows = await feed.history_trades(symbol, FIRST_MS * MS, (FIRST_MS + 10_000) * MS)
            assert rows is not None
            assert [row[5] for row in rows] == list(range(3_000, 3_000 + trades))

    run(main())


def test_rows_of_no_trade_are_left_out() -> None:
    none = aggregate(6, FIRST_MS + 1) | {"p": "0", "q": "0", "f": -1, "l": -1}
    tape = [aggregate(5, FIRST_MS), none, aggregate(7, FIRST_MS + 2)]

    async def main() -> None:
        async with asked(BinanceFeed, BinanceDialect.listing, lambda *_: tape) as (feed, _):
            rows = await feed.history_trades("BTC/USDT", FIRST_MS * MS, (FIRST_MS + 10) * MS)
            assert rows is not None
            assert [row[5] for row in rows] == [5, 7]

    run(main())


def test_a_trade_of_the_history_is_the_row_that_it_was_live() -> None:
    recorded = [
        message["data"]
        for message in parsed("binance_futures")
        if "aggTrade" in message.get("stream", "") and message["data"]["s"] == "SUSHIUSDT"
    ]
    live = decoder("binance").feed([json.dumps(event) for event in recorded]).trades["SUSHIUSDT"]
    # What ids are worth, by the recording alone: each is one more than that before.
    assert [row["a"] for row in recorded] == list(range(recorded[0]["a"], recorded[0]["a"] + len(recorded)))
    assert all(last["l"] + 1 == first["f"] for last, first in itertools.pairwise(recorded))

    async def main() -> None:
        async with asked(BinanceFuturesFeed, BinanceFuturesDialect.listing, lambda *_: recorded) as (feed, _):
            rows = await feed.history_trades("BTC/USDT:USDT", live[0][0], live[-1][0] + 1)
        assert rows == live

    run(main())


# What is refused


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (HttpAnswer(b'{"code":-1121,"msg":"Invalid symbol."}', 400), FeedRefusedError, r"Invalid symbol. \("),
        (
            HttpAnswer(
                b'{"code":-1003,"msg":"Way too much request weight used"}', 418, {"Retry-After": "90"}
            ),
            FeedBusyError,
            "Way too much request weight used",
        ),
        (HttpAnswer(b'{"code":-1008,"msg":"Request throttled"}', 400), FeedBusyError, "Request throttled"),
        (
            HttpAnswer(b'{"code":0,"msg":"Service unavailable from a restricted location"}', 451),
            FeedRefusedError,
            "restricted location .*Another address is given as url= and rest=",
        ),
        (HttpAnswer(b"<html>403 Forbidden</html>", 403), FeedRefusedError, "403"),
        (HttpAnswer(b"<html>502 Bad Gateway</html>", 502), FeedBusyError, "502"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, HttpAnswer) else "",
)
def test_refusals_are_told_in_binances_words(answer: HttpAnswer, error: type[Exception], says: str) -> None:
    async def main() -> None:
        async with asked(BinanceFeed, BinanceDialect.listing, lambda *_: answer) as (feed, _):
            with pytest.raises(error, match=says) as caught:
                await feed.history_trades("BTC/USDT", FIRST_MS * MS, (FIRST_MS + 1) * MS)
        if answer.status == 418:
            assert isinstance(caught.value, FeedBusyError)
            assert caught.value.retry_after == 90.0

    run(main())


# What is listed


@pytest.mark.parametrize(
    ("made", "symbols", "text", "name"),
    [
        (BinanceFeed, BinanceDialect.listing, "BTC/USDT", "BTCUSDT"),
        (BinanceFeed, BinanceDialect.listing, "btc-usdt", "BTCUSDT"),
        (BinanceFuturesFeed, BinanceFuturesDialect.listing, "BTC/USDT:USDT", "BTCUSDT"),
        (BinanceFuturesFeed, BinanceFuturesDialect.listing, "BTCUSDT", "BTCUSDT"),
        (BinanceFuturesFeed, BinanceFuturesDialect.listing, "BTC/USDT:USDT-261225", "BTCUSDT_261225"),
        (BinanceFuturesFeed, BinanceFuturesDialect.listing, "BTCUSDT_261225", "BTCUSDT_261225"),
    ],
)
def test_a_symbol_is_understood_in_several_spellings(
    made: type[BinanceFeed], symbols: list[dict[str, Any]], text: str, name: str
) -> None:
    async def main() -> None:
        async with serving(listing(symbols)) as rest:
            feed = made("ws://127.0.0.1:9", rest.url)
            await feed.open([text])
            listed = feed.listed(text)
            assert (listed.name, listed.tick_size, listed.lot_size) == (name, 0.25, 0.00001)
            await feed.close()

    run(main())


def test_what_is_not_traded_is_not_listed_and_a_rule_that_is_off_is_none() -> None:
    async def main() -> None:
        filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.00000000"}]
        symbols = [*BinanceDialect.listing, BinanceDialect.listing[1] | {"symbol": "X", "filters": filters}]
        async with serving(listing(symbols)) as rest:
            feed = BinanceFeed("ws://127.0.0.1:9", rest.url)
            with pytest.raises(SymbolError, match="does not list 'DOGE/USDT'"):
                await feed.open(["DOGE/USDT"])
            await feed.open(["X"])
            assert (feed.listed("X").tick_size, feed.listed("X").lot_size) == (None, None)
            await feed.close()

    run(main())
