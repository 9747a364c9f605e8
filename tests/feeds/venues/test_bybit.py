"""What is particular to Bybit: ten topics a message, two kinds of ids, a short history, pages backwards."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError, OptionError, SymbolError
from mdnb.feeds.timeouts import Timeouts
from mdnb.feeds.venues.bybit import BybitFeed
from mdnb.rows import BarRow, TradeRow
from tests.feeds.venue_ends import Page, asking, streaming
from tests.venues.rest_server import HttpAnswer, HttpRequest

MINUTE_MS = 60_000
START_MS = 1_772_460_000_000
MS = 1_000_000
BASES = [f"C{number:02d}" for number in range(14)]


def body(rows: list[Any], now_ms: int = START_MS, cursor: str = "") -> dict[str, Any]:
    result = {"category": "spot", "list": rows, "nextPageCursor": cursor, "something_new": 1}
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now_ms}


def pair(base: str, **other: str) -> dict[str, Any]:
    sizes = {"basePrecision": "0.000001", "quotePrecision": "0.0000001"}
    named = {"symbol": f"{base}USDT", "baseCoin": base, "quoteCoin": "USDT", "status": "Trading"}
    return {**named, "lotSizeFilter": sizes, "priceFilter": {"tickSize": "0.01"}, **other}


def contract(name: str, base: str, settle: str, kind: str, delivery: str) -> dict[str, Any]:
    filters = {"priceFilter": {"tickSize": "0.10"}, "lotSizeFilter": {"qtyStep": "0.001"}}
    named = {"symbol": name, "baseCoin": base, "quoteCoin": settle, "settleCoin": settle}
    return {**named, **filters, "status": "Trading", "contractType": kind, "deliveryTime": delivery}


def spot(page: Page) -> Page:
    """Answer the list of symbols, and everything else as a page does."""

    def answer(request: HttpRequest) -> object:
        if request.path == "/v5/market/instruments-info":
            return body([pair("BTC"), *map(pair, BASES), pair("OLD", status="Closed")])
        return page(request)

    return answer


def nothing(_: HttpRequest) -> object:
    return body([])


# -- symbols ------------------------------------------------------------------------------------------------


def test_a_contract_is_known_by_its_settlement_and_its_expiry_over_all_pages_of_the_list() -> None:
    perpetual = contract("BTCUSDT", "BTC", "USDT", "LinearPerpetual", "0")
    dollars = contract("BTCPERP", "BTC", "USDC", "LinearPerpetual", "0")
    # A perpetual that is delisted has a time, too.
    leaving = contract("OLDUSDT", "OLD", "USDT", "LinearPerpetual", "1767168000000")
    future = contract("BTC-26DEC25", "BTC", "USDC", "LinearFutures", "1766736000000")
    pages = {"": body([perpetual, dollars], cursor="a%3D"), "a%3D": body([leaving, future])}

    def page(request: HttpRequest) -> object:
        assert request.query["category"] == "linear"
        return pages[request.query.get("cursor", "")]

    async def main() -> None:
        symbols = ["BTC/USDT", "BTC/USDC:USDC", "BTC/USDC:USDC-251226", "OLD/USDT:USDT"]
        async with asking(BybitFeed, page, symbols, market="linear") as (feed, _):
            assert [feed.listed(symbol).name for symbol in symbols] == [
                "BTCUSDT",
                "BTCPERP",
                "BTC-26DEC25",
                "OLDUSDT",
            ]
            assert feed.listed("BTC/USDT").spelling == "BTC/USDT:USDT"
            assert (feed.listed("BTC/USDT").tick_size, feed.listed("BTC/USDT").lot_size) == (0.1, 0.001)

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["LinearPerpetual", "LinearFutures"])
def test_a_delivery_at_no_time_costs_no_other_contract(kind: str) -> None:
    listed = [contract("ODDUSDT", "ODD", "USDT", kind, "9" * 18)]
    listed.append(contract("BTCUSDT", "BTC", "USDT", "LinearPerpetual", "0"))

    async def main() -> None:
        async with asking(BybitFeed, lambda _: body(listed), ["BTC/USDT", "ODDUSDT"], market="linear") as (
            feed,
            _,
        ):
            assert [feed.listed(symbol).name for symbol in ("BTC/USDT", "ODDUSDT")] == ["BTCUSDT", "ODDUSDT"]

    asyncio.run(main())


def test_a_symbol_that_is_not_traded_is_not_listed() -> None:
    async def main() -> None:
        async with asking(BybitFeed, spot(nothing), ["btcusdt"]) as (feed, _):
            assert (feed.listed("btcusdt").tick_size, feed.listed("btcusdt").lot_size) == (0.01, 0.000001)
            with pytest.raises(SymbolError, match="Bybit does not list 'OLD/USDT'"):
                await feed.open(["OLD/USDT"])

    asyncio.run(main())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"market": "inverse"}, "Bybit's market is 'spot' or 'linear'; got 'inverse'"),
        ({"depth": 10}, "depth of 50, 200 or 1000; got 10"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        BybitFeed(**options)


# -- bars ---------------------------------------------------------------------------------------------------


def klines(starts: list[int], now_ms: int, step_ms: int = MINUTE_MS) -> Page:
    """Answer as Bybit does: newest first, both ends included, never more than a thousand."""

    def page(request: HttpRequest) -> object:
        assert request.path == "/v5/market/kline"
        low, high = int(request.query["start"]), int(request.query["end"])
        held = [at for at in starts if low <= at <= high][-int(request.query["limit"]) :]
        # Four prices, a size and a turnover that tell each other apart.
        return body([[str(at), "3", "9.25", "1.5", "4", "0.125", "77"] for at in reversed(held)], now_ms)

    return spot(page)


def bar(start_ms: int) -> BarRow:
    return start_ms * MS, 3.0, 9.25, 1.5, 4.0, 0.125, 0, 77.0


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000, 2001])
def test_bars_come_oldest_first_and_once_each_over_pages_that_go_backwards(count: int) -> None:
    starts = [START_MS + MINUTE_MS * number for number in range(-5, count)]

    async def main() -> None:
        end_ms = START_MS + MINUTE_MS * count
        async with asking(BybitFeed, klines(starts, end_ms), ["BTC/USDT"]) as (feed, requests):
            rows = await feed.history_bars("BTC/USDT", "1min", START_MS * MS, end_ms * MS)
            assert rows == [bar(at) for at in starts[5:]]
            assert len(requests) == -(-count // 1000)

    asyncio.run(main())


def test_the_bar_that_is_being_made_is_not_given() -> None:
    step = 24 * 60 * MINUTE_MS
    starts = [START_MS // step * step + number * step for number in range(3)]

    async def main(now_ms: int) -> list[int]:
        async with asking(BybitFeed, klines(starts, now_ms, step), ["BTC/USDT"]) as (feed, requests):
            rows = await feed.history_bars("BTC/USDT", "1day", 0, 10**19)
            assert requests[0].query["interval"] == "D"
            return [row[0] // MS for row in rows or []]

    assert asyncio.run(main(starts[2] + step - 1)) == starts[:2]
    assert asyncio.run(main(starts[2] + step)) == starts


# -- trades -------------------------------------------------------------------------------------------------


def trades(count: int, name: Any) -> tuple[list[dict[str, Any]], list[TradeRow]]:
    """Return an answer's rows, newest first, three trades an instant; and what is to be made of them."""
    told, rows = [], []
    for number in range(count):
        at, side = START_MS + number // 3, number % 2
        exec_id, number_of_it = name(number)
        told.append(
            {"execId": exec_id, "symbol": "BTCUSDT", "price": "2.5", "size": str(number + 1)}
            | {"side": ("Buy", "Sell")[side], "time": str(at), "isBlockTrade": False, "seq": "9"}
        )
        rows.append((at * MS, 2.5, float(number + 1), 1, (1, -1)[side], number_of_it))
    return told[::-1], rows


def by_uuid(number: int) -> tuple[str, int]:
    made = uuid.uuid5(uuid.NAMESPACE_OID, str(number))
    return str(made), made.int >> 65


def by_number(number: int) -> tuple[str, int]:
    return str(2_100_000_000_188_691_524 + number), 2_100_000_000_188_691_524 + number


@pytest.mark.parametrize(("market", "name", "most"), [("linear", by_uuid, "1000"), ("spot", by_number, "60")])
def test_the_newest_trades_keep_their_order_within_an_instant(market: str, name: Any, most: str) -> None:
    told, rows = trades(60, name)

    def page(request: HttpRequest) -> object:
        if request.path == "/v5/market/instruments-info":
            return body([pair("BTC")])
        assert (request.path, request.query["limit"]) == ("/v5/market/recent-trade", most)
        return body(told)

    async def main() -> None:
        async with asking(BybitFeed, page, ["BTC/USDT"], market=market) as (feed, requests):
            assert await feed.history_trades("BTC/USDT", 0, 2**62) == rows
            inner = await feed.history_trades("BTC/USDT", rows[3][0], rows[30][0])
            assert inner == rows[3:30]
            assert len(requests) == 2

    asyncio.run(main())


# -- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            {"retCode": 10001, "retMsg": "params error"},
            FeedRefusedError,
            r"Bybit says params error \(10001\)",
        ),
        ({"retCode": 10006, "retMsg": "Too many visits!"}, FeedBusyError, "Too many visits!"),
        (HttpAnswer(b'{"retCode":10018,"retMsg":""}', 429), FeedBusyError, r"says no \(10018\)"),
        (HttpAnswer(b"403, access too frequent.", 403), FeedBusyError, "this address asks too often"),
        (HttpAnswer(b"<html>not in your country</html>", 403), FeedRefusedError, "this region or IP address"),
        (HttpAnswer(b'{"retCode":"?"}', 502), FeedBusyError, "HTTP 502"),
        ({"retCode": 0, "result": {"list": [{}]}, "time": 1}, FeedError, "not what was expected"),
    ],
)
def test_what_the_venue_says_is_told_in_its_words(answer: object, kind: type[FeedError], words: str) -> None:
    async def main() -> None:
        async with asking(BybitFeed, spot(lambda _: answer), ["BTC/USDT"]) as (feed, _):
            with pytest.raises(kind, match=words) as caught:
                await feed.history_trades("BTC/USDT", 0, 2**62)
            assert type(caught.value) is kind

    asyncio.run(main())


# -- the stream ---------------------------------------------------------------------------------------------


def agree(text: str) -> list[str]:
    asked = json.loads(text)
    if asked["op"] == "ping":
        return ['{"success":true,"ret_msg":"pong","conn_id":"x","req_id":"","op":"ping"}']
    reply = {"success": True, "ret_msg": "", "conn_id": "x", "req_id": asked["req_id"], "op": asked["op"]}
    return [json.dumps(reply)]


def test_all_channels_are_subscribed_as_documented_ten_topics_a_message_at_spot() -> None:
    wanted: dict[str, list[Any]] = {f"{base}/USDT": ["trades", "quotes", "depth", "bars"] for base in BASES}

    async def main() -> None:
        async with streaming(BybitFeed, spot(nothing), agree, wanted, depth=200) as (_, stream):
            heard = stream.heard["/spot"]
            assert [list(message) for message in heard] == [["req_id", "op", "args"]] * 6
            assert [len(message["args"]) for message in heard] == [10] * 5 + [6]
            kinds = ("publicTrade", "orderbook.1", "orderbook.200", "kline.1")
            topics = [topic for message in heard for topic in message["args"]]
            assert topics == [f"{kind}.{base}USDT" for kind in kinds for base in BASES]

    asyncio.run(main())


def test_linear_takes_all_of_them_in_one_message_and_a_ping_now_and_then() -> None:
    wanted: dict[str, list[Any]] = {f"{base}/USDT": ["trades"] for base in BASES}
    options = {"market": "linear", "timeouts": Timeouts(heartbeat=0.001)}

    async def main() -> None:
        async with streaming(BybitFeed, spot(nothing), agree, wanted, **options) as (feed, stream):
            await stream.until(lambda: {"op": "ping"} in stream.heard["/linear"])
            subscribed = [message for message in stream.heard["/linear"] if message["op"] == "subscribe"]
            assert [len(message["args"]) for message in subscribed] == [14]
            await feed.unsubscribe("C00/USDT", ["trades"])
            said = [message for message in stream.heard["/linear"] if message["op"] == "unsubscribe"]
            assert [message["args"] for message in said] == [["publicTrade.C00USDT"]]

    asyncio.run(main())


def test_a_refusal_without_a_number_is_that_of_what_was_asked_and_costs_nobody_else() -> None:
    def but_one(text: str) -> list[str]:
        asked = json.loads(text)
        is_bad = "publicTrade.C01USDT" in asked.get("args", ())
        said = "Invalid symbol :[publicTrade.C01USDT]" if is_bad else ""
        reply = {"success": not is_bad, "ret_msg": said, "conn_id": "x", "req_id": "", "op": asked["op"]}
        return [json.dumps(reply)]

    wanted: dict[str, list[Any]] = {f"{base}/USDT": ["trades"] for base in BASES[:3]}

    async def main() -> None:
        async with streaming(BybitFeed, spot(nothing), but_one, wanted) as (_, stream):
            detail = await stream.until_told("connected")
            assert detail.startswith("C01/USDT: the venue refused 'subscribe': Invalid symbol")
            assert "C00" not in detail
            assert "C02" not in detail
            topics = [message["args"] for message in stream.heard["/spot"][1:]]
            assert topics == [[f"publicTrade.{base}USDT"] for base in BASES[:3]]

    asyncio.run(main())


@pytest.mark.parametrize(
    "body",
    [
        b'{"retCode":"10001","retMsg":"no such instrument","result":{}}',
        b'{"result":{},"retMsg":null,"retCode":10001}',
    ],
)
def test_an_error_is_one_however_its_number_is_written_and_wherever_it_stands(body: bytes) -> None:
    assert isinstance(BybitFeed().complaint(200, body), FeedRefusedError)
