"""mdnb's own protocol for `FaultyServer`, and a feed that speaks it: history over the socket or by REST."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from mdnb.clock import EventClock
from mdnb.errors import FeedBusyError, FeedError
from mdnb.feeds.connection import Backoff, Endpoint, Timeouts
from mdnb.feeds.endpoint import after
from mdnb.feeds.wire import PROTOCOL_VERSION, WireFeed
from mdnb.rows import BarRow, TradeRow
from tests.venues.faulty_server import Dialect, FaultyServer, Question, Subscribe

__all__ = ["SYMBOL", "MdnbDialect", "VenueFeed"]

SYMBOL = "X"


class MdnbDialect(Dialect):
    """Writes what `mdnb.decode.wire` reads."""

    def welcome(self, now_ns: int) -> str:
        """Say which protocol it is, and what time."""
        return json.dumps({"e": "welcome", "v": PROTOCOL_VERSION, "t": now_ns, "speed": 1.0, "venue": "test"})

    def hear(self, text: str) -> Subscribe | Question | str | None:
        """Understand subscribe and trades; say yes to everything else."""
        asked = json.loads(text)
        if asked["op"] == "trades":
            return Question(asked["start"], asked["end"], asked["limit"], asked["id"])
        reply = json.dumps({"e": "reply", "id": asked["id"], "ok": True})
        return Subscribe(reply) if asked["op"] == "subscribe" else reply

    def trade(self, row: TradeRow) -> str:
        """One trade a frame."""
        return json.dumps({"e": "trades", "s": SYMBOL, "r": [row]})

    def heartbeat(self, now_ns: int) -> str:
        """Say what time it is."""
        return json.dumps({"e": "clock", "t": now_ns})

    def page(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> str:
        """Answer over the socket."""
        return json.dumps({"e": "reply", "id": question.number, "ok": True, "rows": rows, "more": more})

    def refusal(self, question: Question, status: int, retry_after: float | None) -> str:
        """Refuse over the socket: for now, or for good where no time is named."""
        later = {} if retry_after is None else {"retry_after": retry_after}
        return json.dumps(
            {"e": "reply", "id": question.number, "ok": False, "error": f"HTTP {status}", **later}
        )

    def rest(self, path: str) -> Question | None:
        """Understand ``GET /trades``."""
        parts = urlsplit(path)
        asked = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        return Question(asked["start"], asked["end"], asked["limit"]) if parts.path == "/trades" else None

    def body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """Answer a GET."""
        return json.dumps({"rows": rows, "more": more}).encode()


class VenueFeed(WireFeed):
    """A client of a `FaultyServer` that speaks mdnb's protocol.

    Parameters
    ----------
    server
        Where to connect.
    rest
        Ask the history by REST, beside the socket, instead of over it.
    """

    def __init__(self, server: FaultyServer, *, rest: bool = True, timeouts: Timeouts | None = None) -> None:
        super().__init__(backoff=Backoff(0.001, 1.5, 0.05), timeouts=timeouts)
        self.clock = EventClock()
        self.server = server
        self.rest = rest

    async def open(self, symbols: Sequence[str]) -> None:
        """Nothing to open."""

    async def endpoint(self) -> Endpoint:
        """Return where the server listens."""
        return Endpoint(self.server.url)

    async def history_bars(
        self, symbol: str, timeframe: str, start_ns: int, end_ns: int
    ) -> list[BarRow] | None:
        """It has trades only."""
        return None

    async def _page(
        self, op: str, symbol: str, start_ns: int, end_ns: int, **fields: Any
    ) -> tuple[list[Any], bool]:
        if not self.rest:
            return await super()._page(op, symbol, start_ns, end_ns, **fields)
        query = urlencode({"start": start_ns, "end": end_ns, "limit": 1000})
        status, headers, body = await get(self.server.url, f"/{op}?{query}")
        if status in (429, 503):
            raise FeedBusyError(f"HTTP {status}", after(headers.get("retry-after")))
        if status != 200:
            raise FeedError(f"HTTP {status}")
        answer = json.loads(body)
        return answer["rows"], answer["more"]


async def get(url: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers in lower case, and body of a GET.

    Raises
    ------
    OSError
        When nobody listens.
    """
    host = urlsplit(url).netloc
    name, port = host.split(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    if not first:
        raise ConnectionResetError("no answer")
    fields = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {key.lower(): value for key, value in fields.items()}, body
