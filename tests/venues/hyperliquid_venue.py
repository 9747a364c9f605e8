"""Hyperliquid's stand-in: the web socket, and the info endpoint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from mdnb.feeds.venues.hyperliquid import HyperliquidFeed
from mdnb.rows import BarRow, TradeRow
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.rest_server import HttpRequest
from tests.venues.stand_in import VenueDialect, written

__all__ = ["HyperliquidDialect", "trade_id"]

_MS = 1_000_000
_SECONDS = {"1m": 60, "5m": 300, "1h": 3600}
_REPEATED = 30


class HyperliquidDialect(VenueDialect):
    """Writes what Hyperliquid writes."""

    adapter = HyperliquidFeed
    name = "hyperliquid"
    tick_size = None
    symbols_a_message = 1
    has_trades_history: ClassVar[bool] = False

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | None:
        """Acknowledge a subscription by what it is, as there are no numbers."""
        asked = json.loads(text)
        if asked == {"method": "ping"}:
            return '{"channel":"pong"}'
        wanted = asked["subscription"]
        if wanted["coin"] not in ("BTC", "ETH"):
            return written(
                {"channel": "error", "data": f"Invalid subscription {json.dumps(wanted)}"}
            ).decode()
        more = {"nSigFigs": None, "mantissa": None} if wanted["type"] == "l2Book" else {}
        told = {"method": asked["method"], "subscription": {**wanted, **more}}
        reply = written({"channel": "subscriptionResponse", "data": told}).decode()
        if wanted["type"] != "trades":
            return reply
        return Subscribe(reply) if asked["method"] == "subscribe" else Unsubscribe(reply)

    def at_subscribe(self, past: Sequence[TradeRow]) -> Sequence[str]:
        """Repeat the newest trades, the oldest of them first."""
        return [_frame(past[-_REPEATED:])]

    def trade(self, row: TradeRow) -> str:
        """One trade a frame."""
        return _frame([row])

    def heartbeat(self, now_ns: int) -> str:
        """Answer the pings that a client sends."""
        return '{"channel":"pong"}'

    def asked(self, request: HttpRequest) -> Question | bytes | None:
        """Understand the three questions that are asked."""
        if (request.method, request.path) != ("POST", "/info"):
            return None
        body = json.loads(request.body)
        if body["type"] == "meta":
            return written(_PERPETUALS)
        if body["type"] == "spotMeta":
            return written(_SPOT)
        req = body["req"]
        assert (body["type"], req["coin"]) == ("candleSnapshot", "BTC")
        end_ns = (req["endTime"] + 1) * _MS
        return Question(
            req["startTime"] * _MS,
            end_ns,
            limit=5000,
            newest=True,
            bar_seconds=_SECONDS[req["interval"]],
        )

    def trades_body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """There is no such page."""
        raise NotImplementedError

    def bars_body(self, question: Question, bars: Sequence[BarRow], now_ns: int) -> bytes:
        """The bar that is being made comes, too, and nothing says so."""
        return written([candle(bar, question.bar_seconds) for bar in bars])


def candle(bar: BarRow, seconds: int, coin: str = "BTC") -> dict[str, Any]:
    """Return a bar as the venue writes it."""
    start = bar[0] // _MS
    prices = {key: str(price) for key, price in zip("ohlc", bar[1:5], strict=True)}
    kind = {"s": coin, "i": {value: key for key, value in _SECONDS.items()}[seconds]}
    return {"t": start, "T": start + 1000 * seconds - 1, **kind, **prices, "v": str(bar[5]), "n": bar[6]}


def trade_id(number: int) -> int:
    """Return an id that differs from all others and does not rise."""
    return number * 6_364_136_223_846_793_005 % 2**50


def _frame(rows: Sequence[TradeRow]) -> str:
    data = [
        {
            "coin": "BTC",
            "side": "B" if side > 0 else "A",
            "px": str(price),
            "sz": str(size),
            "time": at // _MS,
            "hash": "0x0",
            "tid": trade_id(number),
            "users": ["0x8a", "0x68"],
        }
        for at, price, size, _, side, number in rows
    ]
    return written({"channel": "trades", "data": data}).decode()


_PERPETUALS: dict[str, Any] = {
    "universe": [
        {"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56},
        {"name": "ETH", "szDecimals": 4, "maxLeverage": 25, "marginTableId": 55},
        {"name": "MATIC", "szDecimals": 1, "maxLeverage": 20, "isDelisted": True},
        {"name": "kPEPE", "szDecimals": 0, "maxLeverage": 10},
    ],
    "marginTables": [],
    "collateralToken": 0,
}
_SPOT: dict[str, Any] = {
    "tokens": [
        {"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0, "isCanonical": True},
        {"name": "PURR", "szDecimals": 0, "weiDecimals": 5, "index": 1, "isCanonical": True},
        {"name": "UBTC", "szDecimals": 5, "weiDecimals": 10, "index": 197, "isCanonical": False},
    ],
    "universe": [
        {"name": "PURR/USDC", "tokens": [1, 0], "index": 0, "isCanonical": True},
        {"name": "@142", "tokens": [197, 0], "index": 142, "isCanonical": False},
    ],
}
