"""What is particular to Coinbase: pages by id, bars low before high, replies without numbers, large books."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from mdnb.clock import EventClock
from mdnb.decode import decoder
from mdnb.errors import FeedBusyError, FeedRefusedError, SymbolError
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.venues.coinbase import CoinbaseFeed
from mdnb.rows import Batch, TradeRow
from tests.limits import LIMIT_SECONDS
from tests.venues.recordings import iso_ns, recording
from tests.venues.rest_server import HttpAnswer, HttpRequest, serving
from tests.venues.times import iso

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_772_460_000 * SECOND
PRODUCTS = [
    {"id": name, "base_currency": name[:3], "quote_currency": name[4:], "quote_increment": tick}
    | {"base_increment": "0.0001", "status": status, "an_entry_of_tomorrow": {}}
    for name, tick, status in (
        ("BTC-USD", "0.01", "online"),
        ("ETH-EUR", "0.1", "online"),
        ("OLD-USD", "1", "delisted"),
    )
]

Page = Callable[[HttpRequest], object]


@contextlib.asynccontextmanager
async def opened(
    page: Page, now_ns: int = START, symbol: str = "BTC/USD"
) -> AsyncIterator[tuple[CoinbaseFeed, list[HttpRequest]]]:
    """Give a feed whose history is a page, and what it asks."""

    async def answer(request: HttpRequest) -> HttpAnswer:
        made = PRODUCTS if request.path == "/products" else page(request)
        return made if isinstance(made, HttpAnswer) else HttpAnswer(json.dumps(made).encode())

    async with serving(answer) as server:
        feed = CoinbaseFeed("ws://127.0.0.1:9", server.url)
        feed.rest.limiter.limit = RateLimit(10**6, 1.0)
        feed.clock = EventClock(now_ns)
        async with asyncio.timeout(LIMIT_SECONDS), feed:
            await feed.open([symbol])
            del server.requests[:]
            yield feed, server.requests


def test_a_symbol_is_known_by_all_its_spellings_with_its_steps() -> None:
    async def main() -> None:
        for symbol in ("BTC-USD", "BTC/USD", "btcusd", "XBT/USD"):
            async with opened(lambda _: [], symbol=symbol) as (feed, _):
                listed = feed.listed(symbol)
                assert (listed.name, listed.spelling) == ("BTC-USD", "BTC/USD")
                assert (listed.tick_size, listed.lot_size) == (0.01, 0.0001)
                assert feed.instrument(symbol).tick_size == 0.01
        with pytest.raises(SymbolError, match="Coinbase does not list 'OLD/USD'"):
            async with opened(lambda _: [], symbol="OLD/USD"):
                pass

    asyncio.run(main())


# -- bars ---------------------------------------------------------------------------------------------------


def candles(starts: Sequence[int]) -> Page:
    """Answer as Coinbase does: newest first, both ends included, no more than 300, some of before."""

    def page(request: HttpRequest) -> object:
        step = int(request.query["granularity"])
        first, last = iso_ns(request.query["start"]) // SECOND, iso_ns(request.query["end"]) // SECOND
        if (last - first) // step >= 300:
            words = "granularity too small for the requested time range. Count exceeds 300"
            return HttpAnswer(json.dumps({"message": words}).encode(), 400)
        held = [at for at in starts if first - 2 * step <= at <= last]
        # Low, high, open, close: four prices that tell each other apart.
        return [[at, 1.5, 9.25, at % 5 + 2, at % 3 + 3, 0.125] for at in reversed(held)]

    return page


def test_bars_are_read_low_before_high_and_come_oldest_first_over_pages_and_empty_stretches() -> None:
    begin = START // SECOND
    starts = [begin + 60 * minute for minute in (0, 1, 298, 299, 300, 301, 1_500, 1_999)]

    async def main() -> None:
        async with opened(candles(starts), START + 5_000 * MINUTE) as (feed, requests):
            rows = await feed.history_bars("BTC/USD", "1min", START, START + 2_000 * MINUTE)
            assert rows is not None
            assert [row[0] for row in rows] == [at * SECOND for at in starts]
            for row, at in zip(rows, starts, strict=True):
                assert row[1:7] == (at % 5 + 2, 9.25, 1.5, at % 3 + 3, 0.125, 0)
                assert row[7] != row[7]
            assert len(requests) == 7
            assert [request.query["granularity"] for request in requests] == ["60"] * 7

    asyncio.run(main())


def test_a_bar_that_is_being_made_is_not_given_as_closed() -> None:
    starts = [START // SECOND + 300 * number for number in range(4)]

    async def times(now_ns: int) -> list[int]:
        async with opened(candles(starts), now_ns) as (feed, _):
            rows = await feed.history_bars("BTC/USD", "5min", START, START + 10**15)
            return [row[0] // SECOND for row in rows or []]

    # An instant before the end of the third, and at it.
    assert asyncio.run(times(START + 15 * MINUTE - 1)) == starts[:2]
    assert asyncio.run(times(START + 15 * MINUTE)) == starts[:3]
    assert asyncio.run(times(START)) == []


def test_bars_are_asked_from_the_first_that_starts_in_the_stretch() -> None:
    starts = [START // SECOND + 3600 * number for number in range(4)]

    async def main() -> None:
        async with opened(candles(starts), START + 10**15) as (feed, requests):
            rows = await feed.history_bars("BTC/USD", "1hour", START + 1, START + 2 * 60 * MINUTE + 1)
            assert [row[0] for row in rows or []] == [at * SECOND for at in starts[1:3]]
            assert requests[0].query["start"] == iso(starts[1] * SECOND)[:19] + "Z"
            assert await feed.history_bars("BTC/USD", "2hour", START, START + 1) is None
            assert (feed.history_depth("1day"), feed.history_depth("2hour")) == (float("inf"), None)

    asyncio.run(main())


# -- trades -------------------------------------------------------------------------------------------------


def tape(count: int, first_id: int = 1, at_once: int = 1, apart_ns: int = SECOND) -> list[TradeRow]:
    """Return trades, so many of them at one instant each."""
    return [
        (
            START + number // at_once * apart_ns,
            100.0 + number % 7,
            0.5,
            1,
            1 if number % 2 else -1,
            first_id + number,
        )
        for number in range(count)
    ]


def trades(rows: Sequence[TradeRow], most: int = 1000) -> Page:
    """Answer as Coinbase does: newest first, those below an id."""

    def page(request: HttpRequest) -> object:
        below = int(request.query.get("after", 2**62))
        held = [row for row in rows if row[5] < below][-min(int(request.query["limit"]), most) :]
        return [
            {
                "trade_id": number,
                "side": "sell" if side > 0 else "buy",
                "size": str(size),
                "price": str(price),
            }
            | {"time": iso(at)}
            for at, price, size, _, side, number in reversed(held)
        ]

    return page


@pytest.mark.parametrize("most", [1000, 100])
def test_trades_of_one_instant_on_both_sides_of_a_page_are_all_there_once(most: int) -> None:
    rows = tape(2_600, at_once=13)

    async def main() -> None:
        async with opened(trades(rows, most)) as (feed, requests):
            found = await feed.history_trades("BTC/USD", rows[200][0], rows[-1][0])
            assert found == [row for row in rows if rows[200][0] <= row[0] < rows[-1][0]]
            # Each page begins where the one before it ended, whatever number of rows it had.
            assert {request.path for request in requests} == {"/products/BTC-USD/trades"}
            assert len(requests) <= 6 + 2_600 // most

    asyncio.run(main())


def test_trades_of_long_ago_are_found_without_reading_what_came_since() -> None:
    rows = tape(300_000, apart_ns=SECOND // 100)

    async def main() -> None:
        async with opened(trades(rows)) as (feed, requests):
            for start, end in ((1_000, 2_500), (0, 10), (150_000, 150_001), (299_990, 400_000), (5, 5)):
                del requests[:]
                low = START + start * SECOND // 100
                found = await feed.history_trades("BTC/USD", low, low + (end - start) * SECOND // 100)
                assert found == rows[start:end], (start, end)
                assert len(requests) < 25, (start, end)
            assert await feed.history_trades("BTC/USD", 0, START) == []

    asyncio.run(main())


@pytest.mark.parametrize("first_id", [1, 2, 5_000, 10**9])
def test_ids_need_not_begin_at_one(first_id: int) -> None:
    rows = tape(3_000, first_id)

    async def main() -> None:
        async with opened(trades(rows)) as (feed, _):
            assert await feed.history_trades("BTC/USD", 0, START + 10**15) == rows
            assert await feed.history_trades("BTC/USD", 0, rows[700][0]) == rows[:700]

    asyncio.run(main())


def test_a_product_that_never_traded_has_no_trades() -> None:
    async def main() -> None:
        async with opened(trades([])) as (feed, _):
            assert await feed.history_trades("BTC/USD", 0, START) == []

    asyncio.run(main())


# -- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, b'{"message":"NotFound"}', FeedRefusedError, r"^Coinbase says 'NotFound'$"),
        (429, b'{"message":"Public rate limit exceeded"}', FeedBusyError, "Coinbase says 'Public rate limit"),
        (403, b"<html>", FeedRefusedError, "HTTP 403: refused from here, and no key is asked for"),
        (502, b"<html>", FeedBusyError, "HTTP 502"),
    ],
)
def test_a_refusal_is_in_coinbases_words(status: int, body: bytes, kind: type[Exception], words: str) -> None:
    async def main() -> None:
        async with opened(lambda _: HttpAnswer(body, status)) as (feed, _):
            with pytest.raises(kind, match=words):
                await feed.rest.get("/products/BTC-USD/ticker", dict[str, str])

    asyncio.run(main())


# -- the stream ---------------------------------------------------------------------------------------------


class Stream:
    """A feed on a socket of a server that answers as told."""

    def __init__(self, answer: Callable[[dict[str, Any]], list[str]]) -> None:
        self.heard: list[dict[str, Any]] = []
        self.batches: list[Batch] = []
        self.states: list[tuple[str, str]] = []
        self.changed = asyncio.Condition()
        self._answer = answer

    async def serve(self, socket: ServerConnection) -> None:
        """Answer each message."""
        async for text in socket:
            self.heard.append(json.loads(text))
            for frame in self._answer(self.heard[-1]):
                await socket.send(frame)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, looked at after each frame and change of status."""
        async with self.changed:
            await self.changed.wait_for(holds)

    @contextlib.asynccontextmanager
    async def running(self, symbols: Sequence[str]) -> AsyncIterator[CoinbaseFeed]:
        """Run a feed that is subscribed to symbols' trades and quotes."""
        understand = decoder("coinbase")
        tell: set[asyncio.Task[None]] = set()

        async def notify() -> None:
            async with self.changed:
                self.changed.notify_all()

        async def products(request: HttpRequest) -> HttpAnswer:
            return HttpAnswer(json.dumps(PRODUCTS).encode())

        async with serve(self.serve, "127.0.0.1", 0) as server, serving(products) as rest:
            port = server.sockets[0].getsockname()[1]
            feed = CoinbaseFeed(f"ws://127.0.0.1:{port}", rest.url)

            def take(frame: str | bytes) -> None:
                self.batches.append(understand.feed([frame]))
                for reply in self.batches[-1].replies:
                    feed.on_reply(reply)
                tell.add(asyncio.create_task(notify()))

            def note(status: str, detail: str) -> None:
                self.states.append((status, detail))
                tell.add(asyncio.create_task(notify()))

            await feed.open(symbols)
            for symbol in symbols:
                await feed.subscribe(symbol, ["trades", "quotes"])
            work = asyncio.create_task(feed.run(take, note))
            async with asyncio.timeout(LIMIT_SECONDS):
                await self.until(lambda: any(status == "connected" for status, _ in self.states))
                yield feed
            await feed.close()
            await work


def acknowledged(message: dict[str, Any]) -> list[str]:
    """Say yes, as Coinbase does: with all that is subscribed, and no number."""
    return [json.dumps({"type": "subscriptions", "channels": [{"name": one} for one in message["channels"]]})]


def test_one_message_subscribes_to_all_as_in_the_recording() -> None:
    with gzip.open(recording("coinbase_exchange_a"), "rt") as file:
        recorded = [json.loads(line.partition(": ")[2]) for line in file if " <- " in line]

    async def main() -> None:
        stream = Stream(acknowledged)
        async with stream.running(["BTC/USD", "ETH-EUR"]) as feed:
            await feed.unsubscribe("ETH-EUR", ["quotes"])
            await feed.subscribe("BTC/USD", ["depth"])
        both = {"type": "subscribe", "product_ids": ["BTC-USD", "ETH-EUR"]}
        assert stream.heard == [
            both | {"channels": ["matches", "ticker", "heartbeat"]},
            {"type": "unsubscribe", "product_ids": ["ETH-EUR"], "channels": ["ticker"]},
            {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["level2_batch", "heartbeat"]},
        ]
        for message in recorded:
            assert message.keys() == stream.heard[0].keys()
            assert message["type"] == "subscribe"

    asyncio.run(main())


def test_a_product_that_is_refused_does_not_take_the_others_down() -> None:
    def answer(message: dict[str, Any]) -> list[str]:
        if "ETH-EUR" not in message["product_ids"]:
            return acknowledged(message)
        words = {"message": "Failed to subscribe", "reason": "ETH-EUR is not a valid product"}
        return [json.dumps({"type": "error"} | words)]

    async def main() -> None:
        stream = Stream(answer)
        async with stream.running(["BTC/USD", "ETH-EUR"]) as feed:
            told = dict(stream.states)["connected"]
            assert told.startswith("ETH-EUR: ")
            assert "Failed to subscribe: ETH-EUR is not a valid product" in told
            with pytest.raises(FeedRefusedError, match="not a valid product"):
                await feed.subscribe("ETH-EUR", ["depth"])
            await feed.subscribe("BTC/USD", ["depth"])
        assert [message["product_ids"] for message in stream.heard[1:3]] == [["BTC-USD"], ["ETH-EUR"]]

    asyncio.run(main())


def test_replies_without_a_number_belong_to_the_requests_in_their_order() -> None:
    waiting: list[dict[str, Any]] = []

    def answer(message: dict[str, Any]) -> list[str]:
        if "level2_batch" not in message["channels"]:
            return acknowledged(message)
        waiting.append(message)
        if len(waiting) < 2:
            return []
        # Both are answered once both were asked.
        refusal = json.dumps({"type": "error", "message": "Failed to subscribe", "reason": "no"})
        return [*acknowledged(waiting[0]), refusal]

    async def main() -> None:
        stream = Stream(answer)
        async with stream.running(["BTC/USD", "ETH-EUR"]) as feed:
            first, second = await asyncio.gather(
                feed.subscribe("BTC/USD", ["depth"]),
                feed.subscribe("ETH-EUR", ["depth"]),
                return_exceptions=True,
            )
            assert first is None
            assert isinstance(second, FeedRefusedError)

    asyncio.run(main())


def test_a_refusal_that_nobody_waits_for_is_told_and_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def answer(message: dict[str, Any]) -> list[str]:
        return [*acknowledged(message), json.dumps({"type": "error", "message": "slow down"})]

    async def main() -> None:
        stream = Stream(answer)
        async with stream.running(["BTC/USD"]):
            await stream.until(lambda: len(stream.batches) == 2)
            assert stream.states[-1][0] == "connected"

    asyncio.run(main())
    assert "Coinbase refused something: slow down" in caplog.text


def test_a_whole_book_may_be_larger_than_the_frames_of_other_venues() -> None:
    levels = [[f"{price}.00", "0.12345678"] for price in range(10_000, 60_000)]

    def answer(message: dict[str, Any]) -> list[str]:
        book = json.dumps({"type": "snapshot", "product_id": "BTC-USD", "bids": levels, "asks": levels})
        assert len(book) > 2**21
        return (
            [*acknowledged(message), book] if "level2_batch" in message["channels"] else acknowledged(message)
        )

    async def main() -> None:
        stream = Stream(answer)
        async with stream.running(["BTC/USD"]) as feed:
            await feed.subscribe("BTC/USD", ["depth"])
            await stream.until(lambda: bool(stream.batches[-1].depth))
            (update,) = stream.batches[-1].depth["BTC-USD"]
            assert (len(update.bids), len(update.asks), update.snapshot) == (50_000, 50_000, True)
            assert [status for status, _ in stream.states] == ["connecting", "connected"]

    asyncio.run(main())


def test_bars_of_its_own_are_refused_with_what_it_has_instead() -> None:
    async def main() -> None:
        stream = Stream(acknowledged)
        async with stream.running(["BTC/USD"]) as feed:
            with pytest.raises(FeedRefusedError, match="sends no bars, but trades, quotes, depth"):
                await feed.subscribe("BTC/USD", ["trades", "bars"])
        assert feed.own_bars("BTC/USD") == ()

    asyncio.run(main())
