"""Binance: the spot markets, and the futures that are margined in dollars (USD-M).

Sources: github.com/binance/binance-spot-api-docs (web-socket-streams, rest-api, faqs/market_data_only) and
developers.binance.com (USDⓈ-M futures: market streams, market data, "Important WebSocket Change Notice").

* Both are followed by ``aggTrade``: what a taker's order took at one price (of futures: all orders of one
  side at one price within 100 ms) is one row, whose count is the number of its trades, ``f`` to ``l``. Its id
  rises by one a row, and rows are fetched again by it without a key. The single trades of ``trade`` could not
  be: ``historicalTrades`` is not among the endpoints of data-api.binance.vision, asks for a key of futures,
  and futures do not document the stream.
* Nothing is sent while nothing happens but pings; each day, and after the notice ``serverShutdown``, the
  connection is cut, which is made good as any other loss is.
* Since April 2026 the stream of futures has two routes: ``/market`` for trades and candles, ``/public`` for
  quotes and the book. A route acknowledges what belongs to the other, and never sends it.
* A message of more than 4096 bytes is never answered (github.com/binance/binance-connector-rust/issues/27);
  spot takes five messages a second, pings among them, futures ten.
* Of rows asked for by their times the limit has counted from the end (binance-spot-api-docs/issues/10): where
  as many come as were asked for, it is looked whether there are some before.
* The book is sent whole, of its best 20 levels, ten times a second.
* A candle is closed once the venue's own time is past its end; there is one of each interval, also of those
  without a trade.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError
from mdnb.feeds.base import Channel
from mdnb.feeds.connection import WebSocketFeed
from mdnb.feeds.intervals import COMMON_INTERVALS
from mdnb.feeds.offers import Offers
from mdnb.feeds.paging import Page, collect
from mdnb.feeds.rate_limit import RateLimit, RateLimiter
from mdnb.feeds.rest import readable
from mdnb.feeds.symbols import VenueSymbol
from mdnb.feeds.timeouts import Liveness
from mdnb.feeds.two_streams import TwoStreamFeed
from mdnb.feeds.venue import VenueFeed
from mdnb.rows import BarRow, TradeRow
from mdnb.venue_fields import Epoch, Identifier, Price, Size, epoch_ns

__all__ = ["BinanceFeed", "BinanceFuturesFeed"]

_PAGE_ROWS = 1000
_STREAMS_A_MESSAGE = 100
_MS = 1_000_000
_HOUR_MS = 3_600_000
# Too many requests, server busy, too many connections.
_BUSY = frozenset({-1003, -1008, -1034})
_FROM_MINUTES_ON = {**COMMON_INTERVALS, "6hour": "6h", "1week": "1w", "1month": "1M"}


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str
    tick_size: Price = 0.0
    step_size: Size = 0.0


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    margin_asset: str = ""
    filters: list[_Filter] = []


class _Listing(msgspec.Struct):
    symbols: list[msgspec.Raw]


class _Time(msgspec.Struct, rename="camel"):
    server_time: Epoch


class _Candle(msgspec.Struct, array_like=True):
    opened: Epoch
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    ends: Epoch
    turnover: Size
    trades: Identifier


class _Aggregate(msgspec.Struct):
    number: Identifier = msgspec.field(name="a")
    price: Price = msgspec.field(name="p")
    size: Size = msgspec.field(name="q")
    first: int = msgspec.field(name="f")
    last: int = msgspec.field(name="l")
    made: Epoch = msgspec.field(name="T")
    buyer_waited: bool = msgspec.field(name="m")


class _Complaint(msgspec.Struct):
    code: int
    msg: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Interface:
    """A REST interface: where it is, and what its requests weigh."""

    path: str
    listing: int
    candles: int
    trades: int
    listing_query: Mapping[str, str] = dataclasses.field(default_factory=dict)


class _BinanceMarkets(VenueFeed):
    """What spot and futures have in common."""

    dialect = "binance"
    ids = "sequential"
    liveness = Liveness("frames and pongs", stale_seconds=10.0, dead_seconds=30.0)
    book_levels: int = 20
    depths = (5, 10, 20)
    message_limit: ClassVar[RateLimit]
    interface: ClassVar[_Interface]

    @functools.cached_property
    def _messages(self) -> RateLimiter:
        return RateLimiter(self.message_limit, self._wall)

    async def list_symbols(self) -> list[VenueSymbol]:
        """Ask for what is traded now."""
        asked = self.interface
        answer = await self.rest.get(
            f"{asked.path}/exchangeInfo", _Listing, asked.listing, **asked.listing_query
        )
        listed = readable(answer.symbols, _Listed, f"{self.offers.title}'s list of symbols")
        return [_symbol(one) for one in listed if one.status == "TRADING"]

    async def ask_for(self, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool) -> None:
        """Subscribe to channels of symbols, or unsubscribe."""
        await self.ask_on(self, symbols, channels, on=on)

    async def ask_on(
        self, stream: WebSocketFeed, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool
    ) -> None:
        """Subscribe to channels of symbols, or unsubscribe: all in one message, or a hundred in each."""
        kinds = {
            "trades": "aggTrade",
            "quotes": "bookTicker",
            "depth": f"depth{self.book_levels}@100ms",
            "bars": "kline_1m",
        }
        names = [f"{symbol.name.lower()}@{kinds[channel]}" for symbol in symbols for channel in channels]
        for first in range(0, len(names), _STREAMS_A_MESSAGE):
            await self._messages.wait()
            part = names[first : first + _STREAMS_A_MESSAGE]
            await stream.request("SUBSCRIBE" if on else "UNSUBSCRIBE", params=part)

    def encode_request(self, op: str, request_id: int, fields: Mapping[str, Any]) -> str:
        """Return a request as Binance reads it."""
        return json.dumps({"method": op, **fields, "id": request_id})

    async def ask_bars(self, symbol: VenueSymbol, interval: str, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return closed bars of one of `intervals` that start in ``[start_ns, end_ns)``, oldest first."""
        path, weight = self.interface.path, self.interface.candles
        last_ms = _last_ms(end_ns)
        now = await self.rest.get(f"{path}/time", _Time)

        async def ask(start_ms: int) -> Page[_Candle, int]:
            rows = await self.rest.get(
                f"{path}/klines",
                list[_Candle],
                weight,
                symbol=symbol.name,
                interval=interval,
                startTime=start_ms,
                endTime=last_ms,
                limit=_PAGE_ROWS,
            )
            is_last = len(rows) < _PAGE_ROWS or rows[-1].ends >= last_ms
            return Page(rows, None if is_last else rows[-1].ends + 1)

        rows = await collect(ask, _first_ms(start_ns), key=lambda row: row.opened, on_page=self.on_page)
        return [_bar(row) for row in rows if row.ends < now.server_time]

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return the trades of ``[start_ns, end_ns)``, oldest first."""
        name, last_ms = self.listed(symbol).name, _last_ms(end_ns)
        first_id = await self._first_id(name, _first_ms(start_ns), last_ms)
        if first_id is None:
            return []

        async def ask(number: int) -> Page[_Aggregate, int]:
            rows = await self._aggregates(name, fromId=number, limit=_PAGE_ROWS)
            is_last = len(rows) < _PAGE_ROWS or rows[-1].made > last_ms
            return Page(rows, None if is_last else rows[-1].number + 1)

        rows = await collect(ask, first_id, key=lambda row: row.number, on_page=self.on_page)
        # Rows of no trade, numbered -1 to -1, stand among the oldest.
        made = [_trade(row) for row in rows if 0 <= row.first <= row.last]
        return [row for row in made if start_ns <= row[0] < end_ns]

    async def _first_id(self, name: str, start_ms: int, last_ms: int) -> int | None:
        # No more than an hour may be asked for by its times.
        for start in range(start_ms, last_ms + 1, _HOUR_MS):
            end = min(start + _HOUR_MS - 1, last_ms)
            rows = await self._aggregates(name, startTime=start, endTime=end, limit=_PAGE_ROWS)
            self.on_page()
            if len(rows) == _PAGE_ROWS:
                return await self._id_before(name, rows[0].number, start_ms)
            if rows:
                return rows[0].number
        return None

    async def _id_before(self, name: str, number: int, start_ms: int) -> int:
        """Return a number that is not above this one's, before which no row is of the start or later."""
        step = 1
        while number > 0:
            before = max(number - step, 0)
            try:
                rows = await self._aggregates(name, fromId=before, limit=1)
            except FeedRefusedError:
                # Of futures it goes back some days only.
                break
            self.on_page()
            if not rows or rows[0].made < start_ms:
                return number if step == 1 else before
            number = min(rows[0].number, before)
            step = max(2 * step, _PAGE_ROWS)
        return number

    async def _aggregates(self, name: str, **asked: int) -> list[_Aggregate]:
        path, weight = f"{self.interface.path}/aggTrades", self.interface.trades
        return await self.rest.get(path, list[_Aggregate], weight, symbol=name, **asked)

    def complaint(self, status: int, body: bytes) -> FeedError | None:
        """Return the error that Binance names."""
        if status < 400:
            return None
        try:
            said = msgspec.json.decode(body, type=_Complaint)
        except ValueError:
            # A page of whatever stands before Binance.
            return None
        kind = FeedBusyError if said.code in _BUSY else FeedRefusedError
        elsewhere = ". Another address is given as url= and rest=" if status == 451 else ""
        return kind(f"{self.offers.title} says {said.msg} ({said.code}){elsewhere}")


class BinanceFeed(_BinanceMarkets):
    """Binance's spot markets, over the addresses that serve market data alone.

    Parameters
    ----------
    url, rest
        Where to connect instead: a stream without its path, such as ``wss://stream.binance.com:443`` or
        ``wss://stream.binance.us:9443``, and ``https://api.binance.com`` or ``https://api.binance.us``.
    depth
        Levels a side of the order book: 5, 10 or 20.
    backoff, timeouts, wall, liveness
        As `VenueFeed` has them.

    Raises
    ------
    OptionError
        When there is no book of that depth.
    FeedError
        When an address cannot be used.

    Examples
    --------
    >>> BinanceFeed(depth=5)
    BinanceFeed(wss://data-stream.binance.vision)
    """

    stream_url = "wss://data-stream.binance.vision"
    rest_url = "https://data-api.binance.vision"
    stream_path = "/stream"
    rate_limit = RateLimit(6000, 60.0)
    # Of the five that spot allows a ping of ours and a pong may take one.
    message_limit = RateLimit(4, 1.0)
    intervals: ClassVar[Mapping[str, str]] = {"1sec": "1s"} | _FROM_MINUTES_ON
    interface = _Interface("/api/v3", 20, 2, 4, {"symbolStatus": "TRADING", "showPermissionSets": "false"})
    offers = Offers(title="Binance", bars=("1min",), history="all trades, all bars from one second on")


class BinanceFuturesFeed(_BinanceMarkets, TwoStreamFeed):
    """Binance's perpetuals and futures that are margined in dollars: ``BTC/USDT:USDT``.

    There are two connections, one for trades and bars and one for quotes and depth. While the second is lost
    the feed is ``stale`` and says why; trades come on.

    Parameters
    ----------
    url, rest
        Where to connect instead: a stream without its path, such as ``wss://demo-fstream.binance.com``, and
        ``https://demo-fapi.binance.com``.
    depth
        Levels a side of the order book: 5, 10 or 20.
    backoff, timeouts, wall, liveness
        As `VenueFeed` has them.

    Raises
    ------
    OptionError
        When there is no book of that depth.
    FeedError
        When an address cannot be used.

    Examples
    --------
    >>> BinanceFuturesFeed()
    BinanceFuturesFeed(wss://fstream.binance.com)
    """

    stream_url = "wss://fstream.binance.com"
    stream_path = "/market/stream"
    second_path = "/public/stream"
    rest_url = "https://fapi.binance.com"
    rate_limit = RateLimit(2400, 60.0)
    # Of the ten that each connection may take; both of them share these.
    message_limit = RateLimit(8, 1.0)
    intervals: ClassVar[Mapping[str, str]] = _FROM_MINUTES_ON
    interface = _Interface("/fapi/v1", 1, 5, 20)
    offers = Offers(
        title="Binance futures", bars=("1min",), history="trades of the last day, all bars from one minute on"
    )


def _first_ms(start_ns: int) -> int:
    return max(-(-start_ns // _MS), 0)


def _last_ms(end_ns: int) -> int:
    return (end_ns - 1) // _MS


def _symbol(listed: _Listed) -> VenueSymbol:
    rules = {rule.filter_type: rule for rule in listed.filters}
    none = _Filter("")
    return VenueSymbol(
        listed.symbol,
        listed.base_asset,
        listed.quote_asset,
        # A rule that is switched off is written as 0.
        rules.get("PRICE_FILTER", none).tick_size or None,
        rules.get("LOT_SIZE", none).step_size or None,
        settle=listed.margin_asset,
        expiry=listed.symbol.partition("_")[2],
    )


def _bar(row: _Candle) -> BarRow:
    prices = row.open, row.high, row.low, row.close
    return epoch_ns(row.opened), *prices, row.volume, row.trades, row.turnover


def _trade(row: _Aggregate) -> TradeRow:
    side = -1 if row.buyer_waited else 1
    return epoch_ns(row.made), row.price, row.size, row.last - row.first + 1, side, row.number
