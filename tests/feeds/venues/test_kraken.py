"""What is particular to Kraken: its checksum, its pages, its spellings, its way to say no."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

import mdnb
from mdnb.feeds.book_sums import kraken_sum
from mdnb.feeds.venues.kraken import KrakenFeed
from mdnb.runtime.process.bridge import call
from tests.feeds.venue_ends import Page, asking, followed
from tests.venues.faulty_server import Subscribe, Unsubscribe
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.recordings import received, recording
from tests.venues.rest_server import HttpAnswer, HttpRequest
from tests.venues.stage import Stage
from tests.venues.stand_in import StandIn, tape_of


class Text:
    """A book of the venue's own texts, as its documentation says to keep one."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[float, tuple[str, str]]] = {"a": {}, "b": {}}

    def take(self, side: str, levels: list[list[str]]) -> None:
        for price, size, *_ in levels:
            if float(size):
                self.sides[side][float(price)] = (price, size)
            else:
                self.sides[side].pop(float(price), None)
        kept = sorted(self.sides[side], reverse=side == "b")[:1000]
        self.sides[side] = {price: self.sides[side][price] for price in kept}


def recorded() -> Iterator[tuple[str, list[Any]]]:
    """Yield the pair and the parts of each message of a real recording of books of version 1."""
    for _, frame in received(recording("kraken_v1_book")):
        message = json.loads(frame)
        if isinstance(message, list):
            yield message[-1], message[1:-2]


def test_the_checksum_is_that_of_real_books() -> None:
    books: dict[str, Text] = {}
    checked = 0
    for pair, parts in recorded():
        book = books.setdefault(pair, Text())
        for part in parts:
            for key, side in (("as", "a"), ("bs", "b"), ("a", "a"), ("b", "b")):
                book.take(side, part.get(key, []))
        told = next((int(part["c"]) for part in parts if "c" in part), None)
        if told is None:
            continue
        bids, asks = (
            [book.sides[side][price] for price in sorted(book.sides[side], reverse=side == "b")]
            for side in ("b", "a")
        )
        price, size = (len(text.partition(".")[2]) for text in asks[0])
        numbers = ([(float(one), float(other)) for one, other in side] for side in (bids, asks))
        assert kraken_sum((price, size), *numbers) == told
        checked += 1
    assert checked > 300


def test_a_book_that_does_not_add_up_is_asked_for_anew_and_told_of() -> None:
    tape = tape_of(5, 5)
    venue = StandIn(BookDialect(), tape, begun=5)
    call(venue.listen())
    stage = Stage(venue, venue.feed(), "BTC/USD", {"1sec": 1}, tape)
    try:
        stage.begin()
        stage.market.data.subscribe_to_level2()
        call(stage.until(lambda: stage.pipeline.ledger.depth_updates >= 5))
        asked = [json.loads(text) for text in venue.stream.heard if '"book"' in text]
        assert [one["method"] for one in asked[:3]] == ["subscribe", "unsubscribe", "subscribe"]
        assert stage.market.data.get_order_book().bids[0].price == 100.0
        (error,) = stage.market.data.get_validation_errors(type="book")
        assert "its checksum is" in str(error)
        assert stage.market.accounting().depth_left_out >= 1
    finally:
        stage.close()


class BookDialect(KrakenDialect):
    """Sends a book whose second change is not what its checksum says, once."""

    def __init__(self) -> None:
        self.books = 0

    def hear(self, text: str) -> Any:
        """Count the subscriptions of the book, which comes with the heartbeats here."""
        heard = super().hear(text)
        if not isinstance(heard, Subscribe) or not heard.book:
            return heard
        self.books += not isinstance(heard, Unsubscribe)
        return heard.reply

    def heartbeat(self, now_ns: int) -> str:
        """Say what the book is."""
        if not self.books:
            return super().heartbeat(now_ns)
        bids, asks = [[100.0, 1.5]], [[100.25, 2.0]]
        right = kraken_sum((2, 8), [(100.0, 1.5)], [(100.25, 2.0)])
        told = right if self.books > 1 else right + 1
        data = {
            "symbol": "BTC/USD",
            "bids": [{"price": price, "qty": size} for price, size in bids],
            "asks": [{"price": price, "qty": size} for price, size in asks],
            "checksum": told,
        }
        return json.dumps({"channel": "book", "type": "snapshot", "data": [data]}, separators=(",", ":"))


def asked(what: Any, tape: Any = None) -> Any:
    """Return what a feed of a stand-in gives."""

    async def main() -> Any:
        venue = StandIn(KrakenDialect(), tape or tape_of(10, 0), begun=10**6)
        venue.stream.at = len(venue.tape)
        await venue.listen()
        feed = venue.feed()
        try:
            await feed.open(["BTC/USD"])
            return await what(feed)
        finally:
            await feed.close()
            await venue.close()

    return asyncio.run(main())


def test_trades_of_one_instant_at_the_edge_of_a_page_all_come_once() -> None:
    tape = tape_of(2500, 0)
    # The last of the first page and the first two of the second.
    tape[998:1003] = [(tape[998][0], *row[1:]) for row in tape[998:1003]]
    rows = asked(lambda feed: feed.history_trades("BTC/USD", tape[0][0], tape[-1][0]), tape)
    assert [row[5] for row in rows] == [row[5] for row in tape[:-1]]
    assert [row[0] for row in rows] == [row[0] for row in tape[:-1]]


def test_times_are_exact_to_the_nanosecond() -> None:
    tape = [(row[0] + 123_456_789, *row[1:]) for row in tape_of(5, 0)]
    rows = asked(lambda feed: feed.history_trades("BTC/USD", 0, 2**62), tape)
    assert [row[0] for row in rows] == [row[0] for row in tape]


@pytest.mark.parametrize("symbol", ["BTC-USD", "XBT/USD", "btcusd", "XBTUSD"])
def test_its_older_names_are_understood(symbol: str) -> None:
    async def main() -> str:
        venue = StandIn(KrakenDialect(), tape_of(1, 1))
        await venue.listen()
        feed = venue.feed()
        await feed.open([symbol])
        await feed.close()
        await venue.close()
        return feed.listed(symbol).name

    assert asyncio.run(main()) == "BTC/USD"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error":["EAPI:Rate limit exceeded"]}', mdnb.FeedBusyError),
        (b'{"error":["EService:Unavailable"]}', mdnb.FeedBusyError),
        (b'{"error":["EQuery:Unknown asset pair"]}', mdnb.FeedRefusedError),
        (b'{"error": [ "EQuery:Unknown asset pair" ] }', mdnb.FeedRefusedError),
        (b'{"result":{},"error":["WGeneral:Old","EService:Busy"]}', mdnb.FeedBusyError),
        (b'{"error":["WGeneral:This page is old"],"result":{}}', None),
        (b'{"error":[],"result":{}}', None),
        (b"<html>", None),
    ],
)
def test_its_errors_come_with_status_200(body: bytes, kind: type[Exception] | None) -> None:
    said = KrakenFeed().complaint(200, body)
    assert said is None if kind is None else type(said) is kind


def test_a_depth_that_there_is_not_is_refused() -> None:
    with pytest.raises(mdnb.OptionError, match="10, 25, 100, 500 or 1000; got 7"):
        KrakenFeed(depth=7)


def listed_and(answer: str) -> Page:
    """Answer the list of pairs, and everything else with a text."""

    def page(request: HttpRequest) -> object:
        if request.path == "/0/public/AssetPairs":
            return {"error": [], "result": {"XXBTZUSD": {"altname": "XBTUSD", "wsname": "XBT/USD"}}}
        return HttpAnswer(answer.encode())

    return page


@pytest.mark.parametrize(
    ("trade", "made_ns"),
    [
        ('["1.5","2",1772460001.5,"b","m","",7]', 1_772_460_001_500_000_000),
        ('["1.5","2","1772460001.5","b","m","","7"]', 1_772_460_001_500_000_000),
        # A seventh column came in 2023; an eighth may.
        ('[1.5,2,1772460001.5,"b","m","",7,"new"]', 1_772_460_001_500_000_000),
    ],
)
def test_numbers_may_be_text_and_columns_may_be_added(trade: str, made_ns: int) -> None:
    async def main() -> None:
        answer = f'{{"error":[],"result":{{"X":[{trade},{trade}],"last":"1"}}}}'
        async with asking(KrakenFeed, listed_and(answer), ["BTC/USD"]) as (feed, _):
            rows = await feed.history_trades("BTC/USD", 0, 2**62)
            assert rows == [(made_ns, 1.5, 2.0, 1, 1, 7)]

    asyncio.run(main())


@pytest.mark.parametrize("last", ['"last":1772460000,', '"last":"1772460000",', ""])
def test_the_bar_that_is_being_made_is_left_out_however_that_is_written(last: str) -> None:
    bars = '[[1772460000,"1","2","0.5","1.5","1","9",3,"new"],[1772460060,"1","1","1","1","1","1",1]]'

    async def main() -> None:
        page = listed_and(f'{{"error":[],"result":{{{last}"X":{bars}}}}}')
        async with asking(KrakenFeed, page, ["BTC/USD"]) as (feed, _):
            rows = await feed.history_bars("BTC/USD", "1min", 0, 2**62)
            assert rows is not None
            assert [row[:7] for row in rows] == [(1_772_460_000 * 10**9, 1.0, 2.0, 0.5, 1.5, 9.0, 3)]

    asyncio.run(main())


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        '{"error":[],"result":null}',
        '{"error":[],"result":{"X":[["1","1",1.7e9,"b","m","",1]],"last":"1"}}',
        '{"error":[],"result":{"X":[["1","1","soon","b","m","",1]],"last":"1"}}',
    ],
)
def test_what_is_no_history_is_an_error_and_not_an_empty_one(answer: str) -> None:
    async def main() -> None:
        async with asking(KrakenFeed, listed_and(answer), ["BTC/USD"]) as (feed, _):
            with pytest.raises(mdnb.FeedError, match="not what was expected"):
                await feed.history_trades("BTC/USD", 0, 2**62)

    asyncio.run(main())


@pytest.mark.parametrize("rows", ['[["x"]]', '{"a":1}'])
def test_a_history_that_is_something_else_is_an_error_in_a_sentence(
    rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = f'{{"error":[],"result":{{"XXBTZUSD":{rows},"last":"1"}}}}'.encode()
    monkeypatch.setattr(KrakenDialect, "trades_body", lambda *_, **__: body)
    with pytest.raises(mdnb.FeedError, match="Kraken's history is not what was expected"):
        asked(lambda feed: feed.history_trades("BTC/USD", 0, 2**62))


class HalfGone(KrakenDialect):
    """Lists a pair that its stream does not know any more."""

    def hear(self, text: str) -> Any:
        """Refuse one symbol of those that are asked for, after the other one was taken."""
        taken = super().hear(text)
        asked = json.loads(text)
        if "ETH/USD" not in asked["params"]["symbol"] or not isinstance(taken, Subscribe):
            return taken
        assert isinstance(taken.reply, tuple)
        error = {"error": "Currency pair not supported ETH/USD", "symbol": "ETH/USD", "success": False}
        refusal = json.dumps({"method": "subscribe", "req_id": asked["req_id"], **error})
        return (*taken.reply[:-1], refusal)


def test_the_refusal_of_one_symbol_is_told_although_another_is_answered_before() -> None:
    async def main() -> str:
        venue = StandIn(HalfGone(), tape_of(5, 0), begun=5)
        await venue.listen()
        feed = venue.feed()
        await feed.open(["BTC/USD", "ETH/USD"])
        try:
            async with followed(feed, ["BTC/USD", "ETH/USD"], ["trades"]) as follower:
                return await follower.until_told("connected")
        finally:
            await venue.close()

    assert asyncio.run(main()) == (
        "ETH/USD: the venue refused 'subscribe': Currency pair not supported ETH/USD"
    )
