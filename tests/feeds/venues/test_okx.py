"""What is particular to OKX: two connections, an answer for each subscription, pages by trade id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError, OptionError, SymbolError
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.timeouts import Backoff, Timeouts
from mdnb.feeds.venues.okx import OkxFeed
from mdnb.rows import BarRow, TradeRow
from tests.feeds.venue_ends import Page, asking, streaming
from tests.venues.recordings import parsed
from tests.venues.rest_server import HttpAnswer, HttpRequest

MS = 1_000_000
MINUTE_MS = 60_000
START_MS = 1_772_460_000_000


def spot(base: str, **other: str) -> dict[str, Any]:
    listed = {"instType": "SPOT", "instId": f"{base}-USDT", "baseCcy": base, "quoteCcy": "USDT", "uly": ""}
    return {
        **listed,
        "settleCcy": "",
        "ctVal": "",
        "tickSz": "0.1",
        "lotSz": "0.00001",
        "state": "live",
        **other,
    }


def swap(family: str, settle: str, size: str, unit: str) -> dict[str, Any]:
    listed = {"instType": "SWAP", "instId": f"{family}-SWAP", "baseCcy": "", "quoteCcy": "", "uly": family}
    contract = {"settleCcy": settle, "ctVal": size, "ctValCcy": unit, "tickSz": "0.5", "lotSz": "0.01"}
    return {**listed, **contract, "state": "live", "something_new": [1]}


LISTED = {
    "SPOT": [spot("BTC"), spot("ETH"), spot("OLD", state="suspend")],
    "SWAP": [swap("BTC-USDT", "USDT", "0.01", "BTC"), swap("BTC-USD", "BTC", "100", "USD")],
}


def body(data: list[Any]) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": data}


def listing(page: Page) -> Page:
    """Answer the lists of symbols, and everything else as a page does."""

    def answer(request: HttpRequest) -> object:
        if request.path == "/api/v5/public/instruments":
            return body(LISTED[request.query["instType"]])
        return page(request)

    return answer


def nothing(_: HttpRequest) -> object:
    return body([])


# -- symbols ------------------------------------------------------------------------------------------------


def test_spot_and_swaps_are_told_apart_by_their_settlement() -> None:
    names = {"BTC/USDT": "BTC-USDT", "BTC/USDT:USDT": "BTC-USDT-SWAP", "btc-usd-swap": "BTC-USD-SWAP"}

    async def main() -> None:
        async with asking(OkxFeed, listing(nothing), list(names)) as (feed, _):
            assert {symbol: feed.listed(symbol).name for symbol in names} == names
            assert feed.listed("btc-usd-swap").spelling == "BTC/USD:BTC"
            assert [feed.instrument(symbol).tick_size for symbol in names] == [0.1, 0.5, 0.5]
            assert [feed.listed(symbol).lot_size for symbol in names] == [0.00001, 0.01, 0.01]
            described = feed.instrument("BTC/USDT:USDT").description
            assert described == "BTC/USDT:USDT, contracts of 0.01 BTC"
            with pytest.raises(SymbolError, match="OKX does not list 'OLD/USDT'"):
                await feed.open(["OLD/USDT"])

    asyncio.run(main())


def test_a_book_of_another_depth_is_refused() -> None:
    with pytest.raises(OptionError, match="depth of 5 or 400; got 20"):
        OkxFeed(depth=20)


# -- bars ---------------------------------------------------------------------------------------------------


def candles(starts: Sequence[int], forming: int = 0) -> Page:
    """Answer as OKX does: newest first, those before an instant, never more than a hundred."""

    def page(request: HttpRequest) -> object:
        assert request.path == "/api/v5/market/history-candles"
        before, limit = int(request.query["after"]), min(int(request.query["limit"]), 100)
        held = [at for at in starts if at < before][-limit:]
        rows = [[str(at), "3", "9.25", "1.5", "4", "0.125", "5", "77"] for at in held]
        return body([[*row, "0" if int(row[0]) == forming else "1", "new"] for row in reversed(rows)])

    return listing(page)


def bar(start_ms: int) -> BarRow:
    return start_ms * MS, 3.0, 9.25, 1.5, 4.0, 0.125, 0, 77.0


@pytest.mark.parametrize("count", [99, 100, 101, 200, 250])
def test_bars_come_oldest_first_and_once_each_without_the_one_that_is_being_made(count: int) -> None:
    starts = [START_MS + MINUTE_MS * number for number in range(-3, count + 1)]

    async def main() -> None:
        async with asking(OkxFeed, candles(starts, starts[-1]), ["BTC/USDT"]) as (feed, requests):
            rows = await feed.history_bars("BTC/USDT", "1min", START_MS * MS, (starts[-1] + 1) * MS)
            assert rows == [bar(at) for at in starts[3:-1]]
            assert {request.query["bar"] for request in requests} == {"1m"}
            assert len(requests) == -(-(count + 1) // 100)

    asyncio.run(main())


def test_days_begin_in_utc_and_the_turnover_of_a_swap_is_not_known() -> None:
    async def main() -> None:
        async with asking(OkxFeed, candles([START_MS]), ["BTC/USDT:USDT"]) as (feed, requests):
            rows = await feed.history_bars("BTC/USDT:USDT", "1day", START_MS * MS, (START_MS + 1) * MS)
            assert rows is not None
            assert rows[0][:7] == bar(START_MS)[:7]
            assert rows[0][7] != rows[0][7]
            query = requests[0].query
            assert (query["bar"], query["instId"]) == ("1Dutc", "BTC-USDT-SWAP")

    asyncio.run(main())


# -- trades -------------------------------------------------------------------------------------------------


def told(row: TradeRow) -> dict[str, str]:
    at, price, size, _, side, number = row
    side_of_it = "buy" if side > 0 else "sell"
    return {
        "tradeId": str(number),
        "px": str(price),
        "sz": str(size),
        "side": side_of_it,
        "ts": str(at // MS),
    }


def history(rows: Sequence[TradeRow]) -> Page:
    """Answer as OKX does: newest first, before an id or an instant, never more than a hundred."""

    def page(request: HttpRequest) -> object:
        assert request.path == "/api/v5/market/history-trades"
        after, limit = int(request.query["after"]), min(int(request.query["limit"]), 100)
        place = {"1": 5, "2": 0}[request.query["type"]]
        before = after if place else after * MS
        held = [row for row in rows if row[place] < before][-limit:]
        return body([{"instId": "BTC-USDT", **told(row)} for row in reversed(held)])

    return listing(page)


def test_pages_go_back_by_id_so_that_trades_of_one_instant_at_their_edge_are_there_once() -> None:
    # A hundred and fifty trades an instant: no page ends between two instants.
    rows: list[TradeRow] = [
        ((START_MS + number // 150) * MS, 2.5, float(1 + number), 1, 1 if number % 2 else -1, 7_000 + number)
        for number in range(600)
    ]

    async def main() -> None:
        async with asking(OkxFeed, history(rows), ["BTC/USDT"]) as (feed, requests):
            assert await feed.history_trades("BTC/USDT", 0, 2**62) == rows
            del requests[:]
            start, end = (START_MS + 1) * MS, (START_MS + 2) * MS
            assert await feed.history_trades("BTC/USDT", start, end) == rows[150:300]
            assert [request.query["type"] for request in requests] == ["2", "1"]
            # A later part of a millisecond is asked for whole, and left out.
            assert await feed.history_trades("BTC/USDT", start, end + 1) == rows[150:450]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ({"code": "51001", "msg": "Unknown", "data": []}, FeedRefusedError, r"OKX says Unknown \(51001\)"),
        ({"msg": "Too Many Requests", "code": "50011"}, FeedBusyError, "Too Many Requests"),
        (HttpAnswer(b'{"msg":"Too Many Requests","code":"50011"}', 429), FeedBusyError, "Too Many"),
        (HttpAnswer(b"<html>", 403), FeedRefusedError, "this region or IP address is not served"),
        ({"msg": "", "code": "0", "data": [{}]}, FeedError, "not what was expected"),
    ],
)
def test_what_the_venue_says_is_told_in_its_words(
    answer: object, kind: type[FeedError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # For so long who is busy is not asked again.
    monkeypatch.setattr(OkxFeed, "rate_limit", RateLimit(10**6, 0.001))

    async def main() -> None:
        async with asking(OkxFeed, listing(lambda _: answer), ["BTC/USDT"]) as (feed, _):
            with pytest.raises(kind, match=words) as caught:
                await feed.history_trades("BTC/USDT", 0, 2**62)
            assert type(caught.value) is kind

    asyncio.run(main())


# -- the streams --------------------------------------------------------------------------------------------


def agree(text: str) -> list[str]:
    if text == "ping":
        return ["pong"]
    asked = json.loads(text)
    said = {"id": asked["id"], "event": asked["op"], "connId": "x"}
    return [json.dumps({**said, "arg": arg}) for arg in asked["args"]]


BOTH: dict[str, list[Any]] = {
    "BTC/USDT": ["trades", "quotes", "depth", "bars"],
    "BTC/USDT:USDT": ["trades", "quotes", "depth", "bars"],
}
QUICK: dict[str, Any] = {"backoff": Backoff(0.001, 1.0, 0.001), "timeouts": Timeouts(heartbeat=0.001)}


def args(heard: list[Any]) -> list[list[tuple[str, str]]]:
    asked = [message["args"] for message in heard if message != "ping"]
    return [[(one["channel"], one["instId"]) for one in message] for message in asked]


def test_trades_and_bars_are_asked_of_one_address_quotes_and_depth_of_the_other() -> None:
    async def main() -> None:
        async with streaming(OkxFeed, listing(nothing), agree, BOTH, **QUICK) as (_, stream):
            await stream.until(lambda: all("ping" in heard for heard in stream.heard.values()))
            await stream.until(lambda: len(stream.heard) == 2)
            names = ["BTC-USDT", "BTC-USDT-SWAP"]
            business = [(channel, name) for channel in ("trades-all", "candle1m") for name in names]
            public = [(channel, name) for channel in ("bbo-tbt", "books") for name in names]
            assert args(stream.heard["/business"]) == [business]
            assert args(stream.heard["/public"]) == [public]
            ids = [int(heard[0]["id"]) for heard in stream.heard.values()]
            assert len(set(ids)) == 2

    asyncio.run(main())


def test_nothing_connects_to_the_second_address_until_something_is_asked_of_it() -> None:
    async def main() -> None:
        wanted: dict[str, list[Any]] = {"BTC/USDT": ["trades"]}
        async with streaming(OkxFeed, listing(nothing), agree, wanted, **QUICK) as (feed, stream):
            assert list(stream.sockets) == ["/business"]
            await feed.subscribe("BTC/USDT", ["depth"])
            await stream.until(lambda: "/public" in stream.heard)
            assert args(stream.heard["/public"]) == [[("books", "BTC-USDT")]]

    asyncio.run(main())


def test_a_refusal_among_several_answers_is_told_and_the_others_are_subscribed() -> None:
    def but_one(text: str) -> list[str]:
        if text == "ping":
            return ["pong"]
        asked = json.loads(text)
        answers = []
        for arg in asked["args"]:
            said = {"id": asked["id"], "connId": "x"}
            if arg["instId"] == "BTC-USDT-SWAP":
                error = {"event": "error", "code": "60018", "msg": "Wrong URL or channel: doesn't exist"}
                answers.append(json.dumps(said | error))
            else:
                answers.append(json.dumps({**said, "event": asked["op"], "arg": arg}))
        return answers

    wanted: dict[str, list[Any]] = {name: ["trades"] for name in ("BTC/USDT", "ETH/USDT", "BTC/USDT:USDT")}

    async def main() -> None:
        async with streaming(OkxFeed, listing(nothing), but_one, wanted, **QUICK) as (_, stream):
            detail = await stream.until_told("connected")
            assert detail.startswith("BTC/USDT:USDT: the venue refused 'subscribe': Wrong URL or channel")
            assert "; " not in detail
            first, *others = args(stream.heard["/business"])
            assert [[one] for one in first] == others

    asyncio.run(main())


def test_while_quotes_and_depth_are_lost_the_feed_is_stale_and_trades_come_on() -> None:
    async def main() -> None:
        async with streaming(OkxFeed, listing(nothing), agree, BOTH, **QUICK) as (_, stream):
            await stream.until(lambda: "/public" in stream.heard)
            first = stream.sockets["/public"]
            first.transport.abort()
            detail = await stream.until_told("stale")
            # Whether it is noticed by reading or by sending first is all one.
            assert detail.startswith(
                ("no quotes and no depth: connection closed", "no quotes and no depth: OkxFeed lost its")
            )
            await stream.until(lambda: stream.statuses[-1][0] == "connected" and len(stream.statuses) > 2)
            assert stream.statuses[-1][1] == "quotes and depth are back"
            assert [status for status, _ in stream.statuses] == [
                "connecting",
                "connected",
                "stale",
                "connected",
            ]
            assert stream.sockets["/public"] is not first
            row = (START_MS * MS, 2.5, 3.0, 1, 1, 7)
            arg = {"channel": "trades-all", "instId": "BTC-USDT"}
            frame = json.dumps({"arg": arg, "data": [{"instId": "BTC-USDT", **told(row)}]})
            await stream.sockets["/business"].send(frame)
            await stream.until(lambda: stream.trades)
            assert stream.trades == [("BTC/USDT", row)]

    asyncio.run(main())


# -- what was recorded --------------------------------------------------------------------------------------


def test_ids_rise_by_one_a_trade_and_symbol() -> None:
    ids: dict[str, list[int]] = {}
    for message in parsed("okx"):
        if "data" in message and message["arg"]["channel"] == "trades":
            ids.setdefault(message["arg"]["instId"], []).extend(
                int(one["tradeId"]) for one in message["data"]
            )
    assert sum(map(len, ids.values())) == 74
    for numbers in ids.values():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":51001,"msg":"no such instrument","data":[]}',
        b'{"data":[],"msg":"no such instrument","code":"51001"}',
    ],
)
def test_an_error_is_one_however_its_number_is_written_and_wherever_it_stands(body: bytes) -> None:
    assert isinstance(OkxFeed().complaint(200, body), FeedRefusedError)
