"""Alpaca's stand-in: its data stream of shares, its data over HTTP, and the list of its trading interface."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mdnb.feeds.venues.alpaca import AlpacaFeed
from mdnb.rows import BarRow, TradeRow
from mdnb.secret import Secret
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.recordings import iso_ns
from tests.venues.rest_server import HttpRequest
from tests.venues.stand_in import VenueDialect, written
from tests.venues.times import iso

__all__ = ["KEY", "SECRET", "AlpacaDialect"]

KEY, SECRET = "PKTESTKEY0123", "s3cret/of+the+test"
_CHANNELS = ("trades", "quotes", "bars", "updatedBars")
_SECONDS = {"1Min": 60, "5Min": 300, "1Hour": 3600}
_PAGE_ROWS = 700


class AlpacaDialect(VenueDialect):
    """Writes what Alpaca writes."""

    adapter = AlpacaFeed
    name = "alpaca"
    symbol = "AAPL"
    other = "MSFT"
    unlisted = "AAPLE"
    tick_size = None
    options: ClassVar[Mapping[str, Any]] = {"key": Secret(KEY), "secret": Secret(SECRET)}

    def welcome(self, now_ns: int) -> str:
        """Greet who comes."""
        return '[{"T":"success","msg":"connected"}]'

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | None:
        """Let in who knows the key, and acknowledge a subscription by what is subscribed."""
        asked = json.loads(text)
        if asked["action"] == "auth":
            fits = (asked["key"], asked["secret"]) == (KEY, SECRET)
            said = {"T": "success", "msg": "authenticated"}
            return written([said if fits else {"T": "error", "code": 402, "msg": "auth failed"}]).decode()
        named = {channel: asked.get(channel, []) for channel in _CHANNELS}
        reply = written([{"T": "subscription"} | named | {"corrections": named["trades"]}]).decode()
        if "trades" not in asked:
            return reply
        return Subscribe(reply) if asked["action"] == "subscribe" else Unsubscribe(reply)

    def trade(self, row: TradeRow) -> str:
        """One trade an array, of as many as there may be."""
        return written([{"T": "t", "S": self.symbol, **_facts(row)}]).decode()

    def heartbeat(self, now_ns: int) -> str:
        """What else is sent: there another share's quote."""
        quote = {"T": "q", "S": self.other, "bx": "V", "bp": 400.1, "bs": 1, "ax": "V", "ap": 400.2, "as": 2}
        return written([quote | {"c": ["R"], "z": "C", "t": iso(now_ns)}]).decode()

    def asked(self, request: HttpRequest) -> Question | bytes | None:
        """Understand the three pages that are asked for."""
        given = request.headers.get("apca-api-key-id"), request.headers.get("apca-api-secret-key")
        if given != (KEY, SECRET):
            return None
        query = request.query
        if request.path == "/v2/assets":
            return written(_ASSETS)
        first, last = iso_ns(query["start"]), iso_ns(query["end"])
        # Its token says where the next page begins; to a client it is a text.
        first = int(query.get("page_token", f"token-{first}").removeprefix("token-"))
        if request.path == "/v2/stocks/AAPL/trades":
            return Question(first, last + 1, limit=_PAGE_ROWS)
        if request.path == "/v2/stocks/AAPL/bars":
            seconds = _SECONDS[query["timeframe"]]
            return Question(first, last + 1, limit=10_000, bar_seconds=seconds)
        return None

    def trades_body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """Oldest first, with a token where there are more."""
        token = f"token-{rows[-1][0] + 1}" if more else None
        return written({"trades": [*map(_facts, rows)] or None, "symbol": "AAPL", "next_page_token": token})

    def bars_body(self, question: Question, bars: Sequence[BarRow], now_ns: int) -> bytes:
        """Oldest first, the one that is being made among them."""
        rows = [dict(zip("ohlcvn", bar[1:7], strict=True)) | {"t": iso(bar[0]), "vw": 1.0} for bar in bars]
        return written({"bars": rows, "symbol": "AAPL", "next_page_token": None})


def _facts(row: TradeRow) -> dict[str, Any]:
    at, price, size, _, _, number = row
    return {
        "t": iso(at),
        "x": "V",
        "p": price,
        "s": size,
        "c": ["@"],
        "i": 5_298_352_502 + 7 * number,
        "z": "C",
    }


_ASSETS = [
    {
        "id": "1",
        "class": "us_equity",
        "exchange": "NASDAQ",
        "symbol": symbol,
        "name": name,
        "status": "active",
    }
    for symbol, name in (("MSFT", "Microsoft Corporation"), ("AAPL", "Apple Inc."))
]
