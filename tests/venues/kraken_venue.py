"""Kraken's stand-in: web socket v2, and the public REST interface."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from mdnb.feeds.venues.kraken import KrakenFeed
from mdnb.rows import BarRow, TradeRow
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.rest_server import HttpAnswer, HttpRequest
from tests.venues.stand_in import BOOK, SECOND, START, VenueDialect, changed_book, written
from tests.venues.times import iso

__all__ = ["KrakenDialect"]


class KrakenDialect(VenueDialect):
    """Writes what Kraken writes."""

    adapter = KrakenFeed
    name = "kraken"

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | tuple[str, ...] | None:
        """Acknowledge a subscription, symbol by symbol, and answer a ping."""
        asked = json.loads(text)
        if "symbol" not in asked.get("params", {}):
            return json.dumps({"method": "pong", "time_in": iso(START)})
        told = {name: value for name, value in asked["params"].items() if name != "symbol"}
        said = {
            "method": asked["method"],
            "success": True,
            "req_id": asked.get("req_id", 0),
            "time_in": iso(START),
        }
        replies = tuple(
            json.dumps(said | {"result": told | {"symbol": symbol}}) for symbol in asked["params"]["symbol"]
        )
        channel = told.get("channel")
        made = Subscribe if asked["method"] == "subscribe" else Unsubscribe
        return made(replies, channel == "trade", channel == "book")

    def trade(self, row: TradeRow) -> str:
        """One trade a frame."""
        at, price, size, _, side, number = row
        data = {
            "symbol": self.symbol,
            "side": "buy" if side > 0 else "sell",
            "price": price,
            "qty": size,
            "ord_type": "limit",
            "trade_id": number,
            "timestamp": iso(at),
        }
        return json.dumps({"channel": "trade", "type": "update", "data": [data]}, separators=(",", ":"))

    def book(self, at: int, *, whole: bool) -> str:
        """A snapshot, then changes, each with the sum of the ten best levels of both sides."""
        last, bids, asks = changed_book(at)
        digits = [
            f"{value:.{places}f}"
            for levels in (asks, bids)
            for level in levels
            for value, places in zip(level, (2, 8), strict=True)
        ]
        data = {
            "symbol": self.symbol,
            "bids": [{"price": price, "qty": size} for price, size in (bids if whole else [last])],
            "asks": [{"price": price, "qty": size} for price, size in (asks if whole else [])],
            "checksum": zlib.crc32("".join(text.replace(".", "").lstrip("0") for text in digits).encode()),
            "timestamp": iso(self.now_ns),
        }
        frame = {"channel": "book", "type": "snapshot" if whole else "update", "data": [data]}
        return json.dumps(frame, separators=(",", ":"))

    def heartbeat(self, now_ns: int) -> str:
        """Once a second there."""
        return '{"channel":"heartbeat"}'

    def asked(self, request: HttpRequest) -> Question | bytes | None:
        """Understand the pages that are asked for, and how others ask for them."""
        query = request.query
        if request.path == "/0/public/AssetPairs":
            return written({"error": [], "result": _PAIRS})
        if request.path == "/0/public/Assets":
            return written({"error": [], "result": _ASSETS})
        if query.get("pair") not in _NAMES:
            return written({"error": ["EQuery:Unknown asset pair"]})
        if request.path == "/0/public/Depth":
            sides = {
                name: [[f"{price:.2f}", f"{size:.3f}", self.now_ns // SECOND] for price, size in side]
                for name, side in zip(("bids", "asks"), BOOK, strict=True)
            }
            return written({"error": [], "result": {"XXBTZUSD": sides}})
        if request.path == "/0/public/Trades":
            limit = int(query.get("count", 1000))
            if "since" not in query:
                return Question(limit=limit, newest=True)
            return Question(_since(query["since"]) + 1, limit=limit)
        if request.path == "/0/public/OHLC":
            return Question(
                (int(query.get("since", 0)) + 1) * SECOND,
                limit=720,
                newest=True,
                bar_seconds=60 * int(query["interval"]),
            )
        return None

    def trades_body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """Times in seconds with a fraction, as numbers."""
        held = ",".join(
            f'["{row[1]:.2f}","{row[2]:.8f}",{row[0] // SECOND}.{row[0] % SECOND:09d},'
            f'"{"b" if row[4] > 0 else "s"}","l","",{row[5]}]'
            for row in rows
        )
        last = rows[-1][0] if rows else question.start_ns
        return f'{{"error":[],"result":{{"XXBTZUSD":[{held}],"last":"{last}"}}}}'.encode()

    def bars_body(self, question: Question, bars: Sequence[BarRow], now_ns: int) -> bytes:
        """The bar that is being made comes, too; `last` says which is the last that is closed."""
        rows = [
            [bar[0] // SECOND, *(f"{price:.2f}" for price in bar[1:5]), "0.0", f"{bar[5]:.8f}", bar[6]]
            for bar in bars
        ]
        closed = [bar[0] // SECOND for bar in bars if bar[0] + question.bar_seconds * SECOND <= now_ns]
        last = max(closed, default=0)
        return written({"error": [], "result": {"XXBTZUSD": rows, "last": last}})

    def refusal_answer(self, status: int, retry_after: float | None) -> HttpAnswer:
        """Too many requests: status 200, and an error."""
        if status == 429:
            return HttpAnswer(written({"error": ["EGeneral:Too many requests"]}))
        return super().refusal_answer(status, retry_after)


def _since(text: str) -> int:
    """Return a time in nanoseconds, which may be told in seconds."""
    return int(text) if len(text) > 12 else int(text) * SECOND


def _pair(altname: str, wsname: str, base: str) -> dict[str, Any]:
    return {
        "altname": altname,
        "wsname": wsname,
        "base": base,
        "quote": "ZUSD",
        "pair_decimals": 2,
        "lot_decimals": 8,
        "tick_size": "0.25",
        "status": "online",
    }


_NAMES = frozenset({"XBTUSD", "XXBTZUSD", "XBT/USD"})
_ASSETS: dict[str, Any] = {
    name: {"aclass": "currency", "altname": alt, "decimals": 10, "display_decimals": 5, "status": "enabled"}
    for name, alt in (("XXBT", "XBT"), ("XETH", "ETH"), ("XXDG", "XDG"), ("ZUSD", "USD"))
}
_PAIRS: dict[str, Any] = {
    "XXBTZUSD": _pair("XBTUSD", "XBT/USD", "XXBT"),
    "XETHZUSD": _pair("ETHUSD", "ETH/USD", "XETH"),
    "XXDGZUSD": _pair("XDGUSD", "XDG/USD", "XXDG") | {"status": "cancel_only"},
}
