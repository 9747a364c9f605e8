"""Coinbase Exchange, spot: its web socket feed, and the public REST interface.

Sources: docs.cdp.coinbase.com/exchange (WebSocket overview, channels, rate limits; REST: products, trades,
candles, pagination, rate limits). That ``level2`` wants a login since August 2023 and ``level2_batch`` does
not: the venue's answer, quoted in bytewax/bytewax#279; that snapshots of the book can be larger than other
venues' frames: ccxt/ccxt#23597.

* Trade ids rise by one a trade and product, and its trades reach back to the first. They are asked for by id
  alone: where a time lies is found by bisection.
* Bars reach back to the first, 300 a request; where nothing traded there is none. The newest may be the one
  that is being made, and nothing in the answer says so: the market's clock decides.
* No bars of its own come live. A ``ticker`` comes with trades only: quotes are those of the newest trade.
* Answers to requests bear no number, and come in their order.
* Each product has a heartbeat a second. It stays after the product is unsubscribed: without any, a stream
  that nothing is wanted of now would be taken for dead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from mdnb.errors import FeedError, FeedRefusedError
from mdnb.feeds.base import Channel
from mdnb.feeds.offers import Offers
from mdnb.feeds.paging import Page, collect, rows_of
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.rest import message_of, readable
from mdnb.feeds.symbols import VenueSymbol
from mdnb.feeds.timeouts import Liveness
from mdnb.feeds.venue import VenueFeed
from mdnb.rows import BarRow, TradeRow
from mdnb.venue_fields import Identifier, Price, Size, iso_ns, iso_text

__all__ = ["CoinbaseFeed"]

_CHANNELS: Mapping[Channel, str] = {"trades": "matches", "quotes": "ticker", "depth": "level2_batch"}
_PAGE_ROWS = 1000
_PAGE_BARS = 300
_SECOND = 1_000_000_000


class _Product(msgspec.Struct):
    id: str
    base_currency: str
    quote_currency: str
    quote_increment: Price | None = None
    base_increment: Size | None = None
    status: str = "online"


class _Trade(msgspec.Struct):
    trade_id: Identifier
    price: Price
    size: Size
    side: Literal["buy", "sell"]
    time: str


class _Candle(msgspec.Struct, array_like=True):
    begins: int
    low: Price
    high: Price
    open: Price
    close: Price
    volume: Size


class CoinbaseFeed(VenueFeed):
    """Coinbase Exchange's markets.

    Parameters
    ----------
    url, rest
        Where to connect instead of Coinbase's own addresses.
    backoff, timeouts, wall, liveness
        As `VenueFeed` has them.

    Raises
    ------
    FeedError
        When an address cannot be used.

    Examples
    --------
    >>> CoinbaseFeed()
    CoinbaseFeed(wss://ws-feed.exchange.coinbase.com)
    """

    dialect = "coinbase"
    ids = "sequential"
    lacks = frozenset({"bars"})
    liveness = Liveness("frames", stale_seconds=5.0, dead_seconds=10.0)
    stream_url = "wss://ws-feed.exchange.coinbase.com"
    rest_url = "https://api.exchange.coinbase.com"
    rate_limit = RateLimit(10, 1.0)
    intervals: ClassVar[Mapping[str, str]] = {
        "1min": "60",
        "5min": "300",
        "15min": "900",
        "1hour": "3600",
        "6hour": "21600",
        "1day": "86400",
    }
    offers = Offers(title="Coinbase", history="all trades, all bars")
    # A whole book in one frame: bitcoin's has tens of thousands of levels, some 30 bytes each.
    max_frame_bytes = 2**24
    numbers_replies = False

    async def list_symbols(self) -> list[VenueSymbol]:
        """Ask for the products that are online."""
        answer = await self.rest.get("/products", list[msgspec.Raw])
        return [
            VenueSymbol(
                product.id,
                product.base_currency,
                product.quote_currency,
                product.quote_increment,
                product.base_increment,
            )
            for product in readable(answer, _Product, "Coinbase's list of products")
            if product.status == "online"
        ]

    async def ask_for(self, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool) -> None:
        """Subscribe to channels of symbols, or unsubscribe, in one message."""
        names = [symbol.name for symbol in symbols]
        named = [_CHANNELS[channel] for channel in channels]
        op, more = ("subscribe", ["heartbeat"]) if on else ("unsubscribe", [])
        await self.request(op, product_ids=names, channels=named + more)

    def encode_request(self, op: str, request_id: int, fields: Mapping[str, Any]) -> str:
        """Return a request as Coinbase reads it."""
        return json.dumps({"type": op, **fields})

    async def ask_bars(self, symbol: VenueSymbol, interval: str, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return closed bars that start in ``[start_ns, end_ns)``, oldest first."""
        step = int(interval) * _SECOND
        end = self.closed_before(end_ns, step)

        async def ask(first: int) -> Page[BarRow, int]:
            # Both ends are included, and one bar too many is refused.
            last = min(first + (_PAGE_BARS - 1) * step, end)
            answer = await self.rest.get(
                f"/products/{symbol.name}/candles",
                list[_Candle],
                granularity=interval,
                start=iso_text(first, 0),
                end=iso_text(last, 0),
            )
            rows = [
                _bar(row)
                for row in reversed(answer)
                # Some of before the start may come, too.
                if first <= row.begins * _SECOND < end
            ]
            return Page(rows, last + step if last + step < end else None)

        first = -(-start_ns // step) * step
        if first >= end:
            return []
        return await collect(ask, first, key=lambda row: row[0], on_page=self.on_page, sparse=True)

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return the trades of ``[start_ns, end_ns)``, oldest first."""
        path = f"/products/{self.listed(symbol).name}/trades"

        async def ask(below: int) -> Page[TradeRow, int]:
            rows = await self._trades_below(path, below)
            goes_on = rows and rows[0][5] > 1 and rows[0][0] >= start_ns
            return Page(rows, rows[0][5] if goes_on else None)

        below = await self._id_at(path, end_ns)
        rows = await collect(ask, below, key=lambda row: row[5], on_page=self.on_page, newest_first=True)
        return [row for row in rows if start_ns <= row[0] < end_ns]

    async def _id_at(self, path: str, at_ns: int) -> int:
        """Return an id that no trade before a time has, nor any much lower one."""
        newest = await self._trades_below(path, None, 1)
        self.on_page()
        # The trades up to `low` were before, those from `high` on were not.
        low, high = 0, newest[0][5] + 1 if newest else 1
        if not newest or newest[0][0] < at_ns:
            return high
        # What is asked for is mostly new: back in steps that double, then by halves.
        step = _PAGE_ROWS
        while high - low > _PAGE_ROWS:
            middle = max(high - step, (low + high) // 2)
            found = await self._trades_below(path, middle + 1, 1)
            self.on_page()
            if not found or found[0][0] < at_ns:
                low = middle
            else:
                high = middle
            step *= 2
        return high

    async def _trades_below(self, path: str, below: int | None, limit: int = _PAGE_ROWS) -> list[TradeRow]:
        """Return the newest trades, oldest first; with ``below`` those that have lower ids."""
        query = {} if below is None else {"after": below}
        answer = await self.rest.get(path, list[_Trade], limit=limit, **query)
        return rows_of(_row, reversed(answer))

    def complaint(self, status: int, body: bytes) -> FeedError | None:
        """Return the error that Coinbase puts into words."""
        said = message_of(body) if status >= 400 else None
        return None if said is None else FeedRefusedError(f"Coinbase says {said!r}")


def _bar(row: _Candle) -> BarRow:
    prices = row.open, row.high, row.low, row.close
    return row.begins * _SECOND, *prices, row.volume, 0, float("nan")


def _row(trade: _Trade) -> TradeRow:
    # The side is that of the order that waited in the book: who came to it did the opposite.
    side = 1 if trade.side == "sell" else -1
    return iso_ns(trade.time), trade.price, trade.size, 1, side, trade.trade_id
