"""Bybit, spot and linear contracts: version 5 of its web socket and of its REST interface.

Sources: bybit-exchange.github.io/docs/v5 (websocket: connect, public; market: kline, recent-trade,
instruments-info; rate limits), github.com/bybit-exchange/docs. To more than ten topics a message spot says
``args size >10``.

* Trade ids only differ: a UUID for contracts, a number for spot.
* Of trades the history has the newest 1000, of spot the newest 60, whatever is asked for: a longer outage
  cannot be repaired, and is told.
* Bars come newest first, the one that is being made among them; ``time`` is when the answer was made.
* Nothing is sent while nobody trades, but each ping is answered.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError, OptionError
from mdnb.feeds.base import Channel
from mdnb.feeds.endpoint import with_path
from mdnb.feeds.offers import Offers
from mdnb.feeds.paging import Page, collect, rows_of
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.rest import readable
from mdnb.feeds.symbols import VenueSymbol
from mdnb.feeds.timeouts import Backoff, Liveness, Timeouts, Wall
from mdnb.feeds.venue import VenueFeed
from mdnb.rows import BarRow, Reply, TradeRow
from mdnb.timeframes import Timeframe
from mdnb.venue_fields import Epoch, Price, Size, epoch_ns, trade_number

__all__ = ["BybitFeed"]

_Market = Literal["spot", "linear"]

_TOPICS_A_MESSAGE: dict[_Market, int] = {"spot": 10, "linear": 100}
_NEWEST_TRADES: dict[_Market, int] = {"spot": 60, "linear": 1000}
_PAGE_BARS = 1000
_PAGE_SYMBOLS = 1000
_MS = 1_000_000
# Too many visits, the server is busy, the address visits too often, the whole venue is.
_BAN_SECONDS = 600.0
_BUSY = frozenset({10006, 10016, 10018, 10429})

_T = TypeVar("_T")


class _Listed(msgspec.Struct, Generic[_T], rename="camel"):
    rows: list[_T] = msgspec.field(default_factory=list, name="list")
    next_page_cursor: str | None = ""


class _Answer(msgspec.Struct, Generic[_T]):
    result: _Listed[_T]
    time: Epoch


class _Prices(msgspec.Struct, rename="camel"):
    tick_size: Price


class _Sizes(msgspec.Struct, rename="camel"):
    qty_step: Size | None = None
    base_precision: Size | None = None


class _Instrument(msgspec.Struct, rename="camel"):
    symbol: str
    base_coin: str
    quote_coin: str
    price_filter: _Prices
    lot_size_filter: _Sizes
    settle_coin: str = ""
    status: str = "Trading"
    contract_type: str = ""
    delivery_time: int = 0


class _Candle(msgspec.Struct, array_like=True):
    begins: Epoch
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    turnover: Size


class _Trade(msgspec.Struct, rename="camel"):
    exec_id: str
    price: Price
    size: Size
    side: Literal["Buy", "Sell"]
    time: Epoch


class _Complaint(msgspec.Struct, rename="camel"):
    ret_code: int
    ret_msg: str | None = None


_complaint = msgspec.json.Decoder(_Complaint, strict=False).decode


class BybitFeed(VenueFeed):
    """Bybit's spot markets, or its contracts in USDT and USDC.

    Parameters
    ----------
    url, rest
        Where to connect instead of Bybit's own addresses; the market is no part of them.
    market
        ``spot``, or ``linear`` for perpetuals and futures that are settled in USDT or USDC.
    depth
        Levels a side of the order book: 50, 200 or 1000.
    backoff, timeouts, wall, liveness
        As `VenueFeed` has them.

    Raises
    ------
    OptionError
        When there is no such market, or no book of that depth.
    FeedError
        When an address cannot be used.

    Examples
    --------
    >>> BybitFeed(market="linear")
    BybitFeed(wss://stream.bybit.com)
    """

    dialect = "bybit"
    ids = "unique"
    # A ping is sent each 20 seconds: two that are not answered are one too many.
    liveness = Liveness("frames", stale_seconds=25.0, dead_seconds=45.0)
    stream_url = "wss://stream.bybit.com/v5/public"
    rest_url = "https://api.bybit.com"
    # An address may ask 600 times in 5 seconds: half is left to whoever else asks from it.
    rate_limit = RateLimit(300, 5.0)
    book_levels: int = 50
    changing = frozenset({"quotes", "depth"})
    depths = (50, 200, 1000)
    intervals: ClassVar[Mapping[str, str]] = {
        "1min": "1",
        "3min": "3",
        "5min": "5",
        "15min": "15",
        "30min": "30",
        "1hour": "60",
        "2hour": "120",
        "4hour": "240",
        "6hour": "360",
        "12hour": "720",
        "1day": "D",
    }
    offers = Offers(
        title="Bybit",
        bars=("1min",),
        history="all bars of each timeframe; the newest 1000 trades of linear, the newest 60 of spot",
    )

    def __init__(
        self,
        url: str = "",
        rest: str = "",
        market: _Market = "spot",
        depth: int | None = None,
        *,
        backoff: Backoff | None = None,
        timeouts: Timeouts | None = None,
        wall: Wall | None = None,
        liveness: Liveness | None = None,
    ) -> None:
        if market not in _NEWEST_TRADES:
            raise OptionError(f"Bybit's market is 'spot' or 'linear'; got {market!r}")
        at = with_path(url or self.stream_url, f"/{market}")
        super().__init__(at, rest, depth, backoff=backoff, timeouts=timeouts, wall=wall, liveness=liveness)
        self.market: _Market = market

    async def list_symbols(self) -> list[VenueSymbol]:
        """Ask for the instruments that are traded now."""
        listed: list[VenueSymbol] = []
        more: dict[str, Any] = {}
        cursors: set[str] = set()
        while True:
            answer = await self.rest.get(
                "/v5/market/instruments-info",
                _Answer[msgspec.Raw],
                category=self.market,
                limit=_PAGE_SYMBOLS,
                **more,
            )
            found = readable(answer.result.rows, _Instrument, "Bybit's list of instruments")
            listed += [_symbol(one) for one in found if one.status == "Trading"]
            cursor = answer.result.next_page_cursor
            if not cursor or not answer.result.rows or cursor in cursors:
                return listed
            cursors.add(cursor)
            more = {"cursor": cursor}

    # -- the stream -------------------------------------------------------------------------------------

    async def ask_for(self, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool) -> None:
        """Subscribe to channels of symbols, or unsubscribe: as many topics a message as the market takes."""
        topics = [f"{self._topic(channel)}.{symbol.name}" for channel in channels for symbol in symbols]
        most = _TOPICS_A_MESSAGE[self.market]
        for first in range(0, len(topics), most):
            await self.request("subscribe" if on else "unsubscribe", args=topics[first : first + most])

    def _topic(self, channel: Channel) -> str:
        # The tickers of spot have no bid and no ask.
        topics: dict[Channel, str] = {
            "trades": "publicTrade",
            "quotes": "orderbook.1",
            "depth": f"orderbook.{self.book_levels}",
            "bars": "kline.1",
        }
        return topics[channel]

    def encode_request(self, op: str, request_id: int, fields: Mapping[str, Any]) -> str:
        """Return a request as Bybit reads it."""
        return json.dumps({"req_id": str(request_id), "op": op, **fields})

    def on_reply(self, reply: Reply) -> None:
        """Handle the reply to a request; one that names none answers the oldest that waits."""
        if not reply.id and reply.ok and self._pending:
            reply = msgspec.structs.replace(reply, id=min(self._pending))
        super().on_reply(reply)

    def heartbeat(self) -> str:
        """Return a ping, for which Bybit asks each 20 seconds."""
        return '{"op":"ping"}'

    # -- the history ------------------------------------------------------------------------------------

    async def ask_bars(self, symbol: VenueSymbol, interval: str, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return closed bars that start in ``[start_ns, end_ns)``, oldest first."""
        step = next(name for name, own in self.intervals.items() if own == interval)
        step_ns = round(Timeframe.parse(step).seconds * 1000) * _MS
        start = -(-start_ns // _MS)

        async def ask(end: int) -> Page[BarRow, int]:
            answer = await self.rest.get(
                "/v5/market/kline",
                _Answer[_Candle],
                category=self.market,
                symbol=symbol.name,
                interval=interval,
                start=start,
                end=end,
                limit=_PAGE_BARS,
            )
            rows = [_bar(row) for row in reversed(answer.result.rows)]
            is_last = len(rows) < _PAGE_BARS or rows[0][0] <= start_ns
            closed = [row for row in rows if row[0] + step_ns <= epoch_ns(answer.time)]
            return Page(closed, None if is_last else rows[0][0] // _MS - 1)

        last = (end_ns - 1) // _MS
        return await collect(ask, last, key=lambda row: row[0], on_page=self.on_page, newest_first=True)

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return those of the newest trades that were made in ``[start_ns, end_ns)``, oldest first.

        There is no page before: where the first of them is later than the trades that are known already,
        those between are not to be had.
        """
        answer = await self.rest.get(
            "/v5/market/recent-trade",
            _Answer[_Trade],
            category=self.market,
            symbol=self.listed(symbol).name,
            limit=_NEWEST_TRADES[self.market],
        )
        self.on_page()
        rows = rows_of(_trade, reversed(answer.result.rows))
        return [row for row in rows if start_ns <= row[0] < end_ns]

    def complaint(self, status: int, body: bytes) -> FeedError | None:
        """Return the error that Bybit names, which it does with status 200."""
        if status == 403 and b"too frequent" in body:
            return FeedBusyError("Bybit says that this address asks too often", _BAN_SECONDS)
        try:
            said = _Complaint(0) if b'"retCode":0,' in body[:64] else _complaint(body)
        except ValueError:
            # A page of a proxy: its status says enough.
            return None
        if not said.ret_code:
            return None
        words = f"Bybit says {said.ret_msg or 'no'} ({said.ret_code})"
        if said.ret_code in _BUSY:
            return FeedBusyError(words, self.rate_limit.seconds)
        return FeedRefusedError(words)


def _bar(row: _Candle) -> BarRow:
    return epoch_ns(row.begins), row.open, row.high, row.low, row.close, row.volume, 0, row.turnover


def _trade(row: _Trade) -> TradeRow:
    side = 1 if row.side == "Buy" else -1
    return epoch_ns(row.time), row.price, row.size, 1, side, trade_number(row.exec_id)


def _symbol(one: _Instrument) -> VenueSymbol:
    sizes = one.lot_size_filter
    is_future = one.contract_type.endswith("Futures") and one.delivery_time > 0
    return VenueSymbol(
        one.symbol,
        one.base_coin,
        one.quote_coin,
        one.price_filter.tick_size,
        sizes.qty_step or sizes.base_precision,
        settle=one.settle_coin,
        expiry=_expiry(one.delivery_time) if is_future else "",
    )


def _expiry(delivery_ms: int) -> str:
    """Return the day of a delivery as symbols have it; empty where that is no time."""
    try:
        return f"{dt.datetime.fromtimestamp(delivery_ms // 1000, dt.UTC):%y%m%d}"
    except (ValueError, OverflowError, OSError):
        return ""
