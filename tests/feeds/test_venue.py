"""What all venues with a stream and a history have in common, each as it writes things."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from mdnb.errors import ClosedError, FeedError
from mdnb.feeds.timeouts import Timeouts, Wall
from mdnb.feeds.venue import VenueFeed
from mdnb.feeds.venues.binance import BinanceFeed, BinanceFuturesFeed
from mdnb.feeds.venues.bybit import BybitFeed
from mdnb.feeds.venues.coinbase import CoinbaseFeed
from mdnb.feeds.venues.hyperliquid import HyperliquidFeed
from mdnb.feeds.venues.kraken import KrakenFeed
from mdnb.feeds.venues.okx import OkxFeed
from tests.feeds.venue_ends import asking, streaming
from tests.limits import LIMIT_SECONDS
from tests.venues.rest_server import HttpAnswer, HttpRequest, serving

Listing = Callable[[HttpRequest], object]


def kraken(*odd: dict[str, Any]) -> Listing:
    pair = {"altname": "XBTUSD", "wsname": "XBT/USD", "tick_size": "0.1", "pair_decimals": 1}
    return lambda _: {"error": [], "result": {str(at): one for at, one in enumerate([pair, *odd])}}


def coinbase(*odd: dict[str, Any]) -> Listing:
    product = {"id": "BTC-USD", "base_currency": "BTC", "quote_currency": "USD", "quote_increment": "0.1"}
    return lambda _: [product, *(product | {"id": "NEW-USD"} | one for one in odd)]


def binance(*odd: dict[str, Any]) -> Listing:
    symbol = {"symbol": "BTCUSD", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USD"}
    return lambda _: {"symbols": [symbol, *(symbol | {"symbol": "NEWUSD"} | one for one in odd)]}


def bybit(*odd: dict[str, Any]) -> Listing:
    listed = {
        "symbol": "BTCUSD",
        "baseCoin": "BTC",
        "quoteCoin": "USD",
        "priceFilter": {"tickSize": "0.1"},
        "lotSizeFilter": {"basePrecision": "0.1"},
    }
    rows = [listed, *(listed | {"symbol": "NEWUSD"} | one for one in odd)]
    return lambda _: {"retCode": 0, "result": {"list": rows, "nextPageCursor": None}, "time": 1}


def okx(*odd: dict[str, Any]) -> Listing:
    pair = {"instId": "BTC-USD", "state": "live", "baseCcy": "BTC", "quoteCcy": "USD", "tickSz": "0.1"}
    rows = [{**pair, "lotSz": "1"}, *odd]
    return lambda request: {"code": "0", "data": rows if request.query["instType"] == "SPOT" else []}


def hyperliquid(*odd: dict[str, Any]) -> Listing:
    def answer(request: HttpRequest) -> object:
        if b"spotMeta" in request.body:
            return {"tokens": [], "universe": []}
        return {"universe": [{"name": "BTC", "szDecimals": 5}, *odd]}

    return answer


# What stands in a list beside what is traded: OKX's is one of August 2026, as public clients keep it.
ODD: list[tuple[type[VenueFeed], Listing]] = [
    (KrakenFeed, kraken({"altname": "NEW", "wsname": "NEW", "status": "online"})),
    (KrakenFeed, kraken({"altname": "NEWUSD", "wsname": "NEW/USD", "lot_decimals": None})),
    (CoinbaseFeed, coinbase({"quote_increment": ""})),
    (BinanceFeed, binance({"status": "PENDING_TRADING", "filters": None})),
    (BinanceFuturesFeed, binance({"status": "PENDING_TRADING", "quoteAsset": None})),
    (BybitFeed, bybit({"status": "PreLaunch", "priceFilter": {"tickSize": ""}})),
    (
        OkxFeed,
        okx({"instId": "JP225-USDT-SWAP", "instIdCode": None, "lotSz": "", "state": "preopen", "tickSz": ""}),
    ),
    (HyperliquidFeed, hyperliquid({"name": "NEW", "szDecimals": None})),
]


@pytest.mark.parametrize(("adapter", "listing"), ODD, ids=[adapter.__name__ for adapter, _ in ODD])
def test_what_is_odd_in_a_list_costs_no_other_symbol(adapter: type[VenueFeed], listing: Listing) -> None:
    async def main() -> None:
        async with asking(adapter, listing, ["BTC/USD"]) as (feed, _):
            assert feed.listed("BTC/USD").base == "BTC"

    asyncio.run(main())


def test_a_list_of_which_nothing_can_be_read_is_an_error() -> None:
    async def main() -> None:
        async with asking(CoinbaseFeed, lambda _: [{"name": "BTC-USD"}], ["BTC/USD"]):
            pass

    with pytest.raises(FeedError, match="Coinbase's list of products is not what was expected"):
        asyncio.run(main())


@pytest.mark.parametrize(("seconds", "is_told"), [("120", True), ("2", False)])
def test_a_venue_that_wants_a_long_pause_before_it_lists_anything_is_told_of(
    seconds: str, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    passed = [0.0]

    async def sleep(pause: float) -> None:
        passed[0] += pause

    listed, refused = kraken(), [HttpAnswer(b"{}", 429, {"Retry-After": seconds})]
    wall = Wall(lambda: passed[0], sleep, lambda: 0.0)

    async def main() -> None:
        def page(request: HttpRequest) -> object:
            return refused.pop() if refused else listed(request)

        async with asking(KrakenFeed, page, ["BTC/USD"], wall=wall) as (feed, _):
            assert feed.why_not_open == ""

    asyncio.run(main())
    assert passed[0] >= float(seconds)
    told = [message for message in caplog.messages if message.startswith("Kraken: ")]
    assert [message.partition("AssetPairs: ")[2] for message in told] == [
        f"HTTP 429, to be asked again in {seconds} s"
    ] * is_told


# -- a refusal without a number -----------------------------------------------------------------------------


UNNUMBERED: list[tuple[type[VenueFeed], Listing, dict[str, Any]]] = [
    (KrakenFeed, kraken(), {"method": "subscribe", "success": False, "error": "cannot be read"}),
    (BinanceFeed, binance(), {"error": {"code": 2, "msg": "cannot be read"}, "id": None}),
    (BybitFeed, bybit(), {"op": "subscribe", "success": False, "ret_msg": "cannot be read"}),
    (OkxFeed, okx(), {"event": "error", "code": "60012", "msg": "cannot be read"}),
    (HyperliquidFeed, hyperliquid(), {"channel": "error", "data": "cannot be read"}),
    (CoinbaseFeed, coinbase(), {"type": "error", "message": "cannot be read"}),
]


@pytest.mark.parametrize(
    ("adapter", "listing", "refusal"), UNNUMBERED, ids=[one[0].__name__ for one in UNNUMBERED]
)
def test_a_refusal_without_a_number_is_that_of_the_request_that_waits(
    adapter: type[VenueFeed], listing: Listing, refusal: dict[str, Any]
) -> None:
    async def main() -> str:
        wanted: dict[str, list[Any]] = {"BTC/USD": ["trades"]}
        patience = Timeouts(reply=2 * LIMIT_SECONDS)
        async with streaming(
            adapter, listing, lambda _: [json.dumps(refusal)], wanted, timeouts=patience
        ) as (_, stream):
            return await stream.until_told("connected")

    # It is told in the venue's words, at once: without them it would be connected anew for ever.
    assert "cannot be read" in asyncio.run(main())


def test_such_a_refusal_reaches_the_second_of_two_connections() -> None:
    async def main() -> None:
        wanted: dict[str, list[Any]] = {"BTC/USD": ["quotes"]}
        refusal = json.dumps({"event": "error", "code": "60012", "msg": "cannot be read"})
        patience = Timeouts(reply=2 * LIMIT_SECONDS)
        async with streaming(OkxFeed, okx(), lambda _: [refusal], wanted, timeouts=patience) as (_, stream):
            # All at once, and then symbol by symbol, on the same connection.
            await stream.until(lambda: any("cannot be read" in detail for _, detail in stream.statuses))
            assert len(stream.heard["/public"]) == 2
            assert {status for status, _ in stream.statuses} == {"connecting", "connected"}

    asyncio.run(main())


# -- closed in the midst ------------------------------------------------------------------------------------


@pytest.mark.parametrize("waits_for", ["an answer", "its turn"])
def test_who_waits_for_a_history_is_told_that_the_feed_was_closed(waits_for: str) -> None:
    async def main() -> None:
        came, never = asyncio.Event(), asyncio.Event()

        async def answer(_: HttpRequest) -> HttpAnswer:
            came.set()
            await never.wait()
            return HttpAnswer(b"[]")

        async with serving(answer) as server:
            feed = CoinbaseFeed(url="ws://127.0.0.1:9", rest=server.url)
            if waits_for == "its turn":
                feed.rest.limiter.hold(10 * LIMIT_SECONDS)
                came.set()
            opening = asyncio.create_task(feed.open(["BTC/USD"]))
            await came.wait()
            # Once round, so that it does wait.
            await asyncio.sleep(0)
            await feed.close()
            async with asyncio.timeout(LIMIT_SECONDS):
                with pytest.raises(ClosedError, match="/products is not asked: the feed was closed"):
                    await opening
                with pytest.raises(ClosedError):
                    await feed.open(["BTC/USD"])
            assert len(server.requests) == (waits_for == "an answer")

    asyncio.run(main())
