"""Coinbase Exchange's stand-in: its web socket feed, and the public REST interface."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mdnb.feeds.venues.coinbase import CoinbaseFeed
from mdnb.rows import BarRow, TradeRow
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.recordings import iso_ns
from tests.venues.rest_server import HttpAnswer, HttpRequest
from tests.venues.stand_in import BOOK, SECOND, VenueDialect, changed_book, written
from tests.venues.times import iso

__all__ = ["CoinbaseDialect"]


class CoinbaseDialect(VenueDialect):
    """Writes what Coinbase writes."""

    adapter = CoinbaseFeed
    name = "coinbase"
    nothing_here = b'{"message":"NotFound"}'

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | None:
        """Acknowledge a subscription by what is subscribed now."""
        asked = json.loads(text)
        channels = [{"name": name, "product_ids": asked["product_ids"]} for name in asked["channels"]]
        reply = written({"type": "subscriptions", "channels": channels}).decode()
        made = Subscribe if asked["type"] == "subscribe" else Unsubscribe
        return made(reply, "matches" in asked["channels"], "level2_batch" in asked["channels"])

    def at_subscribe(self, past: Sequence[TradeRow]) -> Sequence[str]:
        """The newest trade of before comes first."""
        return [_match("last_match", row) for row in past[-1:]]

    def trade(self, row: TradeRow) -> str:
        """One trade a frame."""
        return _match("match", row)

    def book(self, at: int, *, whole: bool) -> str:
        """A snapshot, then changes, none of which has a number."""
        last, bids, asks = changed_book(at)
        if not whole:
            return written(_l2update([["buy", f"{last[0]:.2f}", f"{last[1]:.8f}"]], self.now_ns)).decode()
        sides = [[[f"{price:.2f}", f"{size:.8f}"] for price, size in side] for side in (bids, asks)]
        book = {"type": "snapshot", "product_id": "BTC-USD", "bids": sides[0], "asks": sides[1]}
        return written(book | {"time": iso(self.now_ns)}).decode()

    def heartbeat(self, now_ns: int) -> str:
        """Once a second and product there."""
        beat = {"type": "heartbeat", "last_trade_id": 7, "product_id": "BTC-USD", "sequence": 9}
        return written(beat | {"time": iso(now_ns)}).decode()

    def asked(self, request: HttpRequest) -> Question | bytes | None:
        """Understand the three pages that are asked for."""
        query = request.query
        if request.path == "/products":
            return written(_PRODUCTS)
        if request.path == "/products/BTC-USD/trades":
            last = int(query.get("after", 2**63 - 1)) - 1
            return Question(last_id=last, limit=int(query.get("limit", 1000)), newest=True)
        if request.path == "/products/BTC-USD/book":
            sides = [[[f"{price:.2f}", f"{size:.8f}", 1] for price, size in side] for side in BOOK]
            return written({"bids": sides[0], "asks": sides[1], "sequence": 9, "time": iso(self.now_ns)})
        if request.path == "/products/BTC-USD/candles":
            step, first, last = int(query["granularity"]), iso_ns(query["start"]), iso_ns(query["end"])
            if (last - first) // SECOND // step >= 300:
                return None
            # Some of before the start may be among them.
            return Question(first - step * SECOND, last + 1, limit=301, newest=True, bar_seconds=step)
        return None

    def trades_body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """Newest first."""
        return written([_facts(row) for row in reversed(rows)])

    def bars_body(self, question: Question, bars: Sequence[BarRow], now_ns: int) -> bytes:
        """Newest first, low before high before open, the one that is being made among them."""
        return written(
            [[bar[0] // SECOND, bar[3], bar[2], bar[1], bar[4], round(bar[5], 8)] for bar in reversed(bars)]
        )

    def refusal_answer(self, status: int, retry_after: float | None) -> HttpAnswer:
        """Refuse in Coinbase's words."""
        plain = super().refusal_answer(status, retry_after)
        return HttpAnswer(written({"message": "Public rate limit exceeded"}), status, plain.headers)


def _facts(row: TradeRow) -> dict[str, Any]:
    at, price, size, _, side, number = row
    maker = "sell" if side > 0 else "buy"
    return {
        "trade_id": number,
        "side": maker,
        "size": f"{size:.8f}",
        "price": f"{price:.2f}",
        "time": iso(at),
    }


def _match(kind: str, row: TradeRow) -> str:
    orders = {"maker_order_id": "a", "taker_order_id": "b", "product_id": "BTC-USD", "sequence": 10 * row[5]}
    return written({"type": kind} | _facts(row) | orders).decode()


def _l2update(changes: Sequence[Sequence[str]], now_ns: int) -> dict[str, Any]:
    return {"type": "l2update", "product_id": "BTC-USD", "changes": changes, "time": iso(now_ns)}


def _product(base: str, quote: str, status: str = "online") -> dict[str, Any]:
    return {
        "id": f"{base}-{quote}",
        "base_currency": base,
        "quote_currency": quote,
        "quote_increment": "0.25",
        "base_increment": "0.00000001",
        "display_name": f"{base}/{quote}",
        "status": status,
        "trading_disabled": False,
        "auction_mode": False,
    }


_PRODUCTS = [_product("ETH", "USD"), _product("BTC", "USD"), _product("DOGE", "USD", "delisted")]
