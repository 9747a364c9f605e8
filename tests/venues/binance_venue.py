"""Binance's stand-ins: combined streams and the REST interface, of spot and of futures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from mdnb.feeds.venue import VenueFeed
from mdnb.feeds.venues.binance import BinanceFeed, BinanceFuturesFeed
from mdnb.rows import BarRow, TradeRow
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.rest_server import HttpAnswer, HttpRequest
from tests.venues.stand_in import BOOK, SECOND, VenueDialect, written

__all__ = ["BinanceDialect", "BinanceFuturesDialect"]

_MS = 1_000_000
_LATEST_MS = 2**43
_SECONDS = {"1s": 1, "1m": 60, "5m": 300, "1h": 3600}


class BinanceDialect(VenueDialect):
    """Writes what Binance writes of spot."""

    adapter: ClassVar[type[VenueFeed]] = BinanceFeed
    name = "binance"
    symbol = "BTC/USDT"
    other = "ETH/USDT"
    path: ClassVar[str] = "/api/v3"
    listing: ClassVar[list[dict[str, Any]]]

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | None:
        """Acknowledge a subscription."""
        asked = json.loads(text)
        reply = json.dumps({"result": None, "id": asked["id"]})
        if not any(name.endswith("@aggTrade") for name in asked["params"]):
            return reply
        return Subscribe(reply) if asked["method"] == "SUBSCRIBE" else Unsubscribe(reply)

    def trade(self, row: TradeRow) -> str:
        """One trade a frame; the event is written a millisecond after it was made."""
        event = {
            "e": "aggTrade",
            "E": row[0] // _MS + 1,
            "s": "BTCUSDT",
            **_aggregate(row),
            **self.extra(row),
        }
        return json.dumps({"stream": "btcusdt@aggTrade", "data": event}, separators=(",", ":"))

    def extra(self, row: TradeRow) -> dict[str, Any]:
        """Return what spot alone writes of a trade, or futures alone."""
        return {"M": True}

    def asked(self, request: HttpRequest) -> Question | bytes | None:
        """Understand the four pages that are asked for."""
        query, page = request.query, request.path.removeprefix(self.path)
        if page == "/exchangeInfo":
            return written({"timezone": "UTC", "symbols": self.listing})
        if page == "/time":
            return written({"serverTime": self.now_ns // _MS})
        if query.get("symbol") != "BTCUSDT" or page not in ("/klines", "/aggTrades", "/depth"):
            return None
        if page == "/depth":
            sides = [[[f"{price:.8f}", f"{size:.8f}"] for price, size in side] for side in BOOK]
            return written({"lastUpdateId": 1027024, "bids": sides[0], "asks": sides[1]})
        limit = int(query.get("limit", 500))
        assert limit <= 1000
        if "fromId" in query:
            return Question(first_id=int(query["fromId"]), limit=limit)
        start, end = int(query.get("startTime", 0)), int(query.get("endTime", _LATEST_MS))
        seconds = _SECONDS[query["interval"]] if page == "/klines" else 0
        if "startTime" not in query:
            return Question(0, (end + 1) * _MS, limit, newest=True, bar_seconds=seconds)
        assert seconds or end - start < 3_600_000, "no more than an hour of trades"
        return Question(start * _MS, (end + 1) * _MS, limit, bar_seconds=seconds)

    def at_path(self, path: str, frame: str) -> str:
        """At ``/ws`` the bare events, elsewhere those of several streams with their names."""
        if not path.startswith("/ws"):
            return frame
        return json.dumps(json.loads(frame)["data"], separators=(",", ":"))

    def trades_body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """Prices and sizes are texts."""
        return written([_aggregate(row) | self.extra(row) for row in rows])

    def bars_body(self, question: Question, bars: Sequence[BarRow], now_ns: int) -> bytes:
        """The bar that is being made comes as if it were closed: only its end tells."""
        step = question.bar_seconds * SECOND
        return written([_kline(bar, step) for bar in bars])

    def refusal_answer(self, status: int, retry_after: float | None) -> HttpAnswer:
        """Too many requests: the status says so, and a code does."""
        answer = super().refusal_answer(status, retry_after)
        if status != 429:
            return answer
        said = {"code": -1003, "msg": "Too many requests; please use the websocket for live updates."}
        return HttpAnswer(written(said), status, answer.headers)


class BinanceFuturesDialect(BinanceDialect):
    """Writes what Binance writes of futures, to both connections alike."""

    adapter = BinanceFuturesFeed
    name = "binance_futures"
    symbol = "BTC/USDT:USDT"
    other = "ETH/USDT:USDT"
    connections = 2
    path = "/fapi/v1"

    def extra(self, row: TradeRow) -> dict[str, Any]:
        """Without those trades that retail orders were favoured in."""
        return {"nq": f"{row[2]:.3f}"}


def _aggregate(row: TradeRow) -> dict[str, Any]:
    at, price, size, count, side, number = row
    return {
        "a": number,
        "p": f"{price:.2f}",
        "q": f"{size:.8f}",
        "f": 5_000 + number,
        "l": 5_000 + number + count - 1,
        "T": at // _MS,
        "m": side < 0,
    }


def _kline(bar: BarRow, step: int) -> list[object]:
    prices = [f"{price:.2f}" for price in bar[1:5]]
    end = (bar[0] + step) // _MS - 1
    return [bar[0] // _MS, *prices, f"{bar[5]:.8f}", end, f"{bar[7]:.8f}", bar[6], "0", "0", "0"]


def _spot(base: str, status: str = "TRADING") -> dict[str, Any]:
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.25", "maxPrice": "1000000", "tickSize": "0.25000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001000"},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
    ]
    return {
        "symbol": f"{base}USDT",
        "status": status,
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": "USDT",
        "filters": filters,
        "permissions": [],
        "permissionSets": [],
    }


def _contract(base: str, expiry: str = "") -> dict[str, Any]:
    listed = _spot(base)
    return listed | {
        "symbol": f"{listed['symbol']}{'_' * bool(expiry)}{expiry}",
        "pair": listed["symbol"],
        "contractType": "CURRENT_QUARTER" if expiry else "PERPETUAL",
        "marginAsset": "USDT",
    }


BinanceDialect.listing = [_spot("BTC"), _spot("ETH"), _spot("DOGE", "BREAK")]
BinanceFuturesDialect.listing = [_contract("BTC"), _contract("BTC", "261225"), _contract("ETH")]
