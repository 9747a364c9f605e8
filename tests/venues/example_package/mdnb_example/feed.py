"""The venue's adapter: what differs from venue to venue, and no plumbing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from mdnb import VenueFeed
from mdnb.feeds.base import Channel
from mdnb.feeds.offers import Offers
from mdnb.feeds.paging import Page, collect
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.symbols import VenueSymbol
from mdnb.rows import BarRow, TradeRow
from mdnb_example.decoder import Trade

__all__ = ["ExampleFeed"]

_PAGE_ROWS = 500


class _Listed(msgspec.Struct):
    name: str
    base: str
    quote: str
    tick: float


class ExampleFeed(VenueFeed):
    """The example venue."""

    dialect = "example"
    ids = "sequential"
    stream_url = "wss://stream.example.com"
    rest_url = "https://api.example.com"
    rate_limit = RateLimit(10, 1.0)
    intervals: ClassVar[Mapping[str, str]] = {"1min": "60", "5min": "300", "1hour": "3600"}
    offers = Offers(title="Example", quotes=False, depth=False, history="all trades")

    async def list_symbols(self) -> list[VenueSymbol]:
        """Ask for what is traded."""
        listed = await self.rest.get("/symbols", list[_Listed])
        return [VenueSymbol(one.name, one.base, one.quote, one.tick) for one in listed]

    async def ask_for(self, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool) -> None:
        """Subscribe to the trades, all symbols in one message; there are no other channels."""
        if "trades" in channels:
            await self.request("subscribe" if on else "unsubscribe", symbols=[one.name for one in symbols])

    def encode_request(self, op: str, request_id: int, fields: Mapping[str, Any]) -> str:
        """Return a request as the venue reads it."""
        return json.dumps({"do": op, "id": request_id, **fields})

    async def ask_bars(self, symbol: VenueSymbol, interval: str, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return closed bars, oldest first; the venue gives as many as there are."""
        rows = await self.rest.get(
            "/bars", list[BarRow], symbol=symbol.name, seconds=interval, start=start_ns, end=end_ns
        )
        self.on_page()
        return rows

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return the trades of a stretch, oldest first, page by page."""
        name = self.listed(symbol).name

        async def ask(start: int) -> Page[TradeRow, int]:
            query = {"symbol": name, "start": start, "end": end_ns, "limit": _PAGE_ROWS}
            trades = await self.rest.get("/trades", list[Trade], **query)
            rows = [trade.row() for trade in trades]
            # The next page begins with the trades of this one's last instant, which may go on there.
            return Page(rows, rows[-1][0] if len(rows) == _PAGE_ROWS else None)

        return await collect(ask, start_ns, key=lambda row: row[5], on_page=self.on_page)
