"""Alpaca's stand-in: its data stream of shares, its data over HTTP, and the list of its trading interface."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from mdnb.feeds.venues.alpaca import AlpacaFeed
from mdnb.rows import BarRow, TradeRow
from mdnb.secret import Secret
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.recordings import iso_ns
from tests.venues.rest_server import HttpRequest
from tests.venues.stand_in import VenueDialect, written
from tests.venues.times import iso

__all__ = ["KEY", "SECRET", "AlpacaDialect", "Change"]

KEY, SECRET = "PKTESTKEY0123", "s3cret/of+the+test"
_CHANNELS = ("trades", "quotes", "bars", "updatedBars")
_SECONDS = {"1Min": 60, "5Min": 300, "1Hour": 3600}
_PAGE_ROWS = 700


class Change(NamedTuple):
    """What is said later of a trade, by its number on the tape.

    Attributes
    ----------
    now
        Price, size and conditions that are right; None where it is cancelled.
    """

    number: int
    now: tuple[float, float, Sequence[str]] | None = None


class AlpacaDialect(VenueDialect):
    """Writes what Alpaca writes.

    Parameters
    ----------
    conditions
        Sale conditions of trades, by their number on the tape; ``@`` of all others.
    changes
        What is said of trades, by the number of the trade with which it comes.
    tape
        The trades, where some of them are changed.
    """

    adapter = AlpacaFeed
    name = "alpaca"
    symbol = "AAPL"
    other = "MSFT"
    unlisted = "AAPLE"
    tick_size = None
    options: ClassVar[Mapping[str, Any]] = {"key": Secret(KEY), "secret": Secret(SECRET)}

    def __init__(
        self,
        conditions: Mapping[int, Sequence[str]] | None = None,
        changes: Mapping[int, Sequence[Change]] | None = None,
        tape: Sequence[TradeRow] = (),
    ) -> None:
        self.conditions = dict(conditions or {})
        self.changes = dict(changes or {})
        self._tape = tape
        self._now = {row[5]: self._facts(row) for row in tape}
        self._said: dict[int, list[dict[str, Any]]] = {}
        # The history's words on trades that are not as they were.
        self._updates: dict[int, list[dict[str, Any]]] = {}

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
        """One trade an array, of as many as there may be, and what is said then of trades before it."""
        return written([{"T": "t", "S": self.symbol, **self._facts(row)}, *self._changes_with(row)]).decode()

    def _changes_with(self, row: TradeRow) -> list[dict[str, Any]]:
        """Return what is said with a trade of others; the same each time it is asked for."""
        if row[5] not in self._said:
            changes = self.changes.get(row[5], ())
            self._said[row[5]] = [self._changed(change, iso(row[0])) for change in changes]
        return self._said[row[5]]

    def _changed(self, change: Change, at: str) -> dict[str, Any]:
        was = self._now[change.number]
        common = {"S": self.symbol, "x": was["x"], "t": at, "z": was["z"]}
        history = self._updates.setdefault(change.number, [was])
        if change.now is None:
            history[-1] = was | {"u": "canceled"}
            return {"T": "x", "i": was["i"], "p": was["p"], "s": was["s"], "a": "C"} | common
        price, size, conditions = change.now
        now = was | {"p": price, "s": size, "c": list(conditions), "i": was["i"] + 1}
        self._now[change.number] = now
        history[-1] = was | {"u": "incorrect"}
        history.append(now | {"u": "corrected"})
        said = {"oi": was["i"], "op": was["p"], "os": was["s"], "oc": was["c"]}
        return {"T": "c"} | said | {"ci": now["i"], "cp": price, "cs": size, "cc": now["c"]} | common

    def _facts(self, row: TradeRow) -> dict[str, Any]:
        held = _facts(row)
        return held | {"c": list(self.conditions.get(row[5], held["c"]))}

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
        for row in self._tape:
            # What was said while nobody listened.
            if row[0] < self.now_ns:
                self._changes_with(row)
        held = [one for row in rows for one in self._updates.get(row[5], [self._facts(row)])]
        return written({"trades": held or None, "symbol": "AAPL", "next_page_token": token})

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
