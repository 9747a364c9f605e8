"""OKX's stand-in: version 5 of its web sockets and of its REST interface."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mdnb.feeds.timeouts import Timeouts
from mdnb.feeds.venues.okx import OkxFeed
from mdnb.rows import BarRow, TradeRow
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.rest_server import HttpRequest
from tests.venues.stand_in import VenueDialect, changed_book, written

__all__ = ["OkxDialect"]

_MS = 1_000_000
_STEPS = {"1m": 60, "5m": 300, "1H": 3600}


class OkxDialect(VenueDialect):
    """Writes what OKX writes."""

    adapter = OkxFeed
    name = "okx"
    symbol = "BTC/USDT"
    other = "ETH/USDT"
    connections = 2
    options: ClassVar[Mapping[str, Any]] = {"timeouts": Timeouts(heartbeat=0.05)}

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | tuple[str, ...] | None:
        """Acknowledge each subscription for itself."""
        if text == "ping":
            return "pong"
        asked = json.loads(text)
        said = {"id": asked["id"], "event": asked["op"], "connId": "x"}
        replies = tuple(json.dumps({**said, "arg": arg}) for arg in asked["args"])
        kinds = {arg["channel"] for arg in asked["args"]}
        return (Subscribe if asked["op"] == "subscribe" else Unsubscribe)(
            replies, "trades-all" in kinds, "books" in kinds
        )

    def at_subscribe(self, past: Sequence[TradeRow]) -> Sequence[str]:
        """The last trade, once more."""
        return [self.trade(past[-1])] if past else []

    def trade(self, row: TradeRow) -> str:
        """One trade a frame."""
        arg = {"channel": "trades-all", "instId": "BTC-USDT"}
        data = {"instId": "BTC-USDT", **_written_trade(row), "source": "0"}
        return json.dumps({"arg": arg, "data": [data]}, separators=(",", ":"))

    def book(self, at: int, *, whole: bool) -> str:
        """A snapshot, then changes that each say which one they follow."""
        last, bids, asks = changed_book(at)
        sides = {"bids": bids, "asks": asks} if whole else {"bids": [last], "asks": []}
        data: dict[str, Any] = {
            side: [[str(price), str(size), "0", "1"] for price, size in levels]
            for side, levels in sides.items()
        }
        data |= {"ts": str(self.now_ns // _MS), "seqId": 100 + 3 * at}
        data["prevSeqId"] = -1 if whole else 100 + 3 * (at - 1)
        said = {
            "arg": {"channel": "books", "instId": "BTC-USDT"},
            "action": "snapshot" if whole else "update",
        }
        return json.dumps(said | {"data": [data]}, separators=(",", ":"))

    def asked(self, request: HttpRequest) -> Question | bytes | None:
        """Understand the three pages that are asked for."""
        query = request.query
        if request.path == "/api/v5/public/instruments":
            return _body(_LISTED[query["instType"]])
        if query.get("instId") != "BTC-USDT":
            return written({"code": "51001", "msg": "Instrument ID does not exist", "data": []})
        limit, after = min(int(query["limit"]), 100), int(query["after"])
        if request.path == "/api/v5/market/history-trades":
            if query["type"] == "1":
                return Question(last_id=after - 1, limit=limit, newest=True)
            return Question(end_ns=after * _MS, limit=limit, newest=True)
        if request.path == "/api/v5/market/history-candles":
            step = _STEPS[query["bar"]]
            return Question(end_ns=after * _MS, limit=limit, newest=True, bar_seconds=step)
        return None

    def trades_body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """Newest first."""
        return _body([{"instId": "BTC-USDT", **_written_trade(row)} for row in reversed(rows)])

    def bars_body(self, question: Question, bars: Sequence[BarRow], now_ns: int) -> bytes:
        """Newest first, the bar that is being made among them."""
        step = question.bar_seconds * 1_000 * _MS
        return _body(
            [
                [
                    str(bar[0] // _MS),
                    *map(str, bar[1:6]),
                    str(bar[5]),
                    str(bar[7]),
                    "1" if bar[0] + step <= now_ns else "0",
                ]
                for bar in reversed(bars)
            ]
        )


def _written_trade(row: TradeRow) -> dict[str, str]:
    at, price, size, _, side, number = row
    return {
        "tradeId": str(number),
        "px": str(price),
        "sz": str(size),
        "side": "buy" if side > 0 else "sell",
        "ts": str(at // _MS),
    }


def _body(data: list[Any]) -> bytes:
    return written({"code": "0", "msg": "", "data": data})


def _spot(base: str, state: str = "live") -> dict[str, Any]:
    return {
        "instType": "SPOT",
        "instId": f"{base}-USDT",
        "baseCcy": base,
        "quoteCcy": "USDT",
        "settleCcy": "",
        "uly": "",
        "ctVal": "",
        "ctValCcy": "",
        "tickSz": "0.25",
        "lotSz": "0.00000001",
        "state": state,
    }


_SWAP = {
    "instType": "SWAP",
    "instId": "BTC-USDT-SWAP",
    "baseCcy": "",
    "quoteCcy": "",
    "settleCcy": "USDT",
    "uly": "BTC-USDT",
    "ctVal": "0.01",
    "ctValCcy": "BTC",
    "tickSz": "0.1",
    "lotSz": "0.01",
    "state": "live",
}
_LISTED: dict[str, list[Any]] = {
    "SPOT": [_spot("BTC"), _spot("ETH"), _spot("OLD", "suspend")],
    "SWAP": [_SWAP],
}
