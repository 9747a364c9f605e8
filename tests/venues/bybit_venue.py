"""Bybit's stand-in: version 5 of its web socket and of its REST interface, spot and linear."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mdnb.feeds.timeouts import Timeouts
from mdnb.feeds.venues.bybit import BybitFeed
from mdnb.rows import BarRow, TradeRow
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.rest_server import HttpRequest
from tests.venues.stand_in import BOOK, SECOND, VenueDialect, changed_book, written

__all__ = ["BybitLinearDialect", "BybitSpotDialect"]

_MS = 1_000_000
_LATEST_MS = 2**43
_STEPS = {"1": 60, "5": 300, "60": 3600}


class _BybitDialect(VenueDialect):
    """Writes what Bybit writes."""

    adapter = BybitFeed
    name = "bybit"
    symbol = "BTC/USDT"
    other = "ETH/USDT"
    options: ClassVar[Mapping[str, Any]] = {"timeouts": Timeouts(heartbeat=0.05)}
    market = ""
    newest_trades = 0

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | None:
        """Acknowledge a subscription."""
        asked = json.loads(text)
        if asked["op"] == "ping":
            return '{"success":true,"ret_msg":"pong","conn_id":"x","req_id":"","op":"ping"}'
        reply = {"success": True, "ret_msg": "", "conn_id": "x", "req_id": asked["req_id"], "op": asked["op"]}
        kinds = {topic.rpartition(".")[0] for topic in asked["args"]}
        trades, book = "publicTrade" in kinds, bool(kinds & {"orderbook.50", "orderbook.200"})
        return (Subscribe if asked["op"] == "subscribe" else Unsubscribe)(json.dumps(reply), trades, book)

    def trade(self, row: TradeRow) -> str:
        """One trade a frame."""
        at, price, size, _, side, number = row
        data = {
            "T": at // _MS,
            "s": "BTCUSDT",
            "S": "Buy" if side > 0 else "Sell",
            "v": str(size),
            "p": str(price),
            "i": self.trade_id(number),
            "BT": False,
            "seq": 7_000 + number,
        }
        topic = {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": at // _MS + 3, "data": [data]}
        return json.dumps(topic, separators=(",", ":"))

    def book(self, at: int, *, whole: bool) -> str:
        """A snapshot, then changes that are numbered by ``u``."""
        last, bids, asks = changed_book(at)
        sides = {"b": bids, "a": asks} if whole else {"b": [last], "a": []}
        data = {"s": "BTCUSDT", **{side: _levels(levels) for side, levels in sides.items()}}
        data |= {"u": 18_521_288 + at, "seq": 7_961_638_724 + 7 * at}
        topic = {"topic": "orderbook.50.BTCUSDT", "type": "snapshot" if whole else "delta"}
        topic |= {"ts": self.now_ns // _MS + 3, "data": data, "cts": self.now_ns // _MS}
        return json.dumps(topic, separators=(",", ":"))

    def trade_id(self, number: int) -> str:
        """Return how the market names a trade."""
        raise NotImplementedError

    def instrument(self, name: str, base: str) -> dict[str, Any]:
        """Return what the market lists of a symbol."""
        raise NotImplementedError

    def asked(self, request: HttpRequest) -> Question | bytes | None:
        """Understand the three pages that are asked for."""
        query = request.query
        if query.get("category") != self.market:
            return written({"retCode": 10001, "retMsg": "Illegal category", "result": {}, "time": 1})
        if request.path == "/v5/market/instruments-info":
            listed = [self.instrument("BTCUSDT", "BTC"), self.instrument("ETHUSDT", "ETH")]
            return self._body(listed, SECOND)
        if query.get("symbol") != "BTCUSDT":
            return written({"retCode": 10001, "retMsg": "Not supported symbols", "result": {}, "time": 1})
        if request.path == "/v5/market/recent-trade":
            limit = int(query.get("limit", self.newest_trades))
            return Question(limit=min(limit, self.newest_trades), newest=True)
        if request.path == "/v5/market/orderbook":
            sides = [_levels(side) for side in BOOK]
            book = {"s": "BTCUSDT", "b": sides[0], "a": sides[1], "ts": self.now_ns // _MS, "u": 9, "seq": 7}
            return written({"retCode": 0, "retMsg": "OK", "result": book, "time": self.now_ns // _MS})
        if request.path == "/v5/market/kline":
            return Question(
                int(query.get("start", 0)) * _MS,
                int(query.get("end", _LATEST_MS)) * _MS + 1,
                limit=int(query.get("limit", 200)),
                newest=True,
                bar_seconds=_STEPS[query["interval"]],
            )
        return None

    def trades_body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """Newest first."""
        listed = [
            {
                "execId": self.trade_id(number),
                "symbol": "BTCUSDT",
                "price": str(price),
                "size": str(size),
                "side": "Buy" if side > 0 else "Sell",
                "time": str(at // _MS),
                "isBlockTrade": False,
            }
            for at, price, size, _, side, number in reversed(rows)
        ]
        return self._body(listed, rows[-1][0] if rows else SECOND)

    def bars_body(self, question: Question, bars: Sequence[BarRow], now_ns: int) -> bytes:
        """Newest first, the bar that is being made among them."""
        listed = [[str(bar[0] // _MS), *map(str, bar[1:6]), str(bar[7])] for bar in reversed(bars)]
        return self._body(listed, now_ns)

    def _body(self, listed: list[Any], now_ns: int) -> bytes:
        result = {"category": self.market, "list": listed, "nextPageCursor": ""}
        return written({"retCode": 0, "retMsg": "OK", "result": result, "time": now_ns // _MS})


def _levels(levels: Sequence[tuple[float, float]]) -> list[list[str]]:
    return [[str(price), str(size)] for price, size in levels]


class BybitLinearDialect(_BybitDialect):
    """Contracts: trades have a UUID, and the newest thousand are to be had."""

    options: ClassVar[Mapping[str, Any]] = {**_BybitDialect.options, "market": "linear"}
    market = "linear"
    newest_trades = 1000

    def trade_id(self, number: int) -> str:
        """A UUID."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))

    def instrument(self, name: str, base: str) -> dict[str, Any]:
        """A perpetual."""
        return {
            "symbol": name,
            "contractType": "LinearPerpetual",
            "status": "Trading",
            "baseCoin": base,
            "quoteCoin": "USDT",
            "settleCoin": "USDT",
            "deliveryTime": "0",
            "priceFilter": {"minPrice": "0.25", "maxPrice": "1999999", "tickSize": "0.25"},
            "lotSizeFilter": {"minOrderQty": "0.001", "qtyStep": "0.001"},
        }


class BybitSpotDialect(_BybitDialect):
    """Spot: trades have a number, and the newest sixty are to be had."""

    market = "spot"
    newest_trades = 60
    has_trades_history = False

    def trade_id(self, number: int) -> str:
        """A number of nineteen digits."""
        return str(2_100_000_000_000_000_000 + 17 * number)

    def instrument(self, name: str, base: str) -> dict[str, Any]:
        """A pair."""
        return {
            "symbol": name,
            "baseCoin": base,
            "quoteCoin": "USDT",
            "status": "Trading",
            "lotSizeFilter": {"basePrecision": "0.000001", "quotePrecision": "0.0000001"},
            "priceFilter": {"tickSize": "0.25"},
        }
