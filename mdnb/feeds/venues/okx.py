"""OKX, spot and perpetual swaps: version 5 of its web sockets and of its REST interface.

Sources: www.okx.com/docs-v5 (web socket: connect, notification; public and business channels; market data;
public data: instruments), www.okx.com/help-center ("Changes to V5 API WebSocket subscription parameter and
URL": candles moved to ``/business``), and answers that public repositories keep (nautilus_trader:
``crates/adapters/okx/test_data``).

* Trades are those of ``trades-all``, one by one, with ids that rise by one: ``trades`` makes one row of what
  a taker's order took at one price, under the id of the last, so that the others would seem missing.
* ``trades-all`` and candles are at ``/business``, quotes and books at ``/public``: two connections.
* Each subscription of a request is answered for itself, under the request's id. The first trade after it may
  be an old one.
* Nothing is sent while nothing happens, and after 30 seconds of that the connection is cut: the text ``ping``
  is answered by ``pong``.
* The history has the trades of three months, paged by their ids, and all bars; pages come newest first.
* Days of ``1D`` begin in Hong Kong, those of ``1Dutc`` in UTC. Sizes of swaps are contracts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError
from mdnb.feeds.base import Channel
from mdnb.feeds.connection import WebSocketFeed
from mdnb.feeds.offers import Offers
from mdnb.feeds.paging import Page, collect
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.rest import readable
from mdnb.feeds.symbols import VenueSymbol
from mdnb.feeds.timeouts import Liveness
from mdnb.feeds.two_streams import TwoStreamFeed
from mdnb.rows import BarRow, TradeRow
from mdnb.venue_fields import Epoch, Identifier, Price, Size, epoch_ns

__all__ = ["OkxFeed"]

_BOOKS = {5: "books5", 400: "books"}
# A message may have 64 KB.
_CHANNELS_A_MESSAGE = 300
_PAGE_ROWS = 100
_MS = 1_000_000
# Unavailable, timed out, offline, too many requests, busy, system error, too many.
_BUSY = frozenset({"50001", "50004", "50005", "50011", "50013", "50026", "50061"})

_T = TypeVar("_T")


class _Answer(msgspec.Struct, Generic[_T]):
    data: list[_T]


class _Instrument(msgspec.Struct, rename="camel"):
    inst_id: str
    state: str
    tick_sz: Price
    lot_sz: Size
    base_ccy: str = ""
    quote_ccy: str = ""
    settle_ccy: str = ""
    uly: str = ""
    ct_val: str = ""
    ct_val_ccy: str = ""


class _Candle(msgspec.Struct, array_like=True):
    begins: Epoch
    open: Price
    high: Price
    low: Price
    close: Price
    size: Size
    base_size: Size
    turnover: Size
    confirm: Literal["0", "1"]


class _Trade(msgspec.Struct, rename="camel"):
    trade_id: Identifier
    px: Price
    sz: Size
    side: Literal["buy", "sell"]
    ts: Epoch


class _Complaint(msgspec.Struct):
    code: str | int
    msg: str | None = None


_complaint = msgspec.json.Decoder(_Complaint).decode


class OkxFeed(TwoStreamFeed):
    """OKX's spot markets and perpetual swaps, ``BTC/USDT`` and ``BTC/USDT:USDT``.

    Sizes of swaps are in contracts; the instrument's description says what one is.

    Parameters
    ----------
    url, rest
        Where to connect instead of OKX's own addresses; a stream's without ``/public`` and ``/business``. OKX
        documents port 8443, which is closed on Binder.
    depth
        Levels a side of the order book: 5, sent whole, or 400, of which the changes are sent.
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
    >>> OkxFeed(depth=5)
    OkxFeed(wss://ws.okx.com:8443)
    """

    dialect = "okx"
    ids = "sequential"
    # A ping is sent each 20 seconds: two that are not answered are one too many.
    liveness = Liveness("frames", stale_seconds=25.0, dead_seconds=45.0)
    stream_url = "wss://ws.okx.com:8443/ws/v5"
    stream_path = "/business"
    second_path = "/public"
    rest_url = "https://www.okx.com"
    # Each page may be asked for 20 times in 2 seconds: some is left to whoever else asks from this address.
    rate_limit = RateLimit(16, 2.0)
    book_levels: int = 400
    depths = tuple(_BOOKS)
    intervals: ClassVar[Mapping[str, str]] = {
        "1min": "1m",
        "3min": "3m",
        "5min": "5m",
        "15min": "15m",
        "30min": "30m",
        "1hour": "1H",
        "2hour": "2H",
        "4hour": "4H",
        "6hour": "6Hutc",
        "12hour": "12Hutc",
        "1day": "1Dutc",
    }
    offers = Offers(
        title="OKX",
        bars=("1min",),
        history="trades of three months, all bars of each timeframe",
        binder=False,
    )

    async def list_symbols(self) -> list[VenueSymbol]:
        """Ask for the spot markets and the swaps that are traded now."""
        listed: list[VenueSymbol] = []
        for kind in ("SPOT", "SWAP"):
            answer = await self.rest.get("/api/v5/public/instruments", _Answer[msgspec.Raw], instType=kind)
            # One that is announced only has no sizes yet: they are written as "".
            found = readable(answer.data, _Instrument, "OKX's list of instruments")
            listed += [_symbol(one) for one in found if one.state == "live"]
        return listed

    # -- the streams ------------------------------------------------------------------------------------

    async def ask_on(
        self, stream: WebSocketFeed, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool
    ) -> None:
        """Subscribe to channels of symbols, or unsubscribe: hundreds in one message, each is answered."""
        names: dict[Channel, str] = {
            "trades": "trades-all",
            "quotes": "bbo-tbt",
            "depth": _BOOKS[self.book_levels],
            "bars": "candle1m",
        }
        asked = [
            {"channel": names[channel], "instId": symbol.name} for channel in channels for symbol in symbols
        ]
        for first in range(0, len(asked), _CHANNELS_A_MESSAGE):
            part = asked[first : first + _CHANNELS_A_MESSAGE]
            await stream.request("subscribe" if on else "unsubscribe", answers=len(part), args=part)

    def encode_request(self, op: str, request_id: int, fields: Mapping[str, Any]) -> str:
        """Return a request as OKX reads it."""
        return json.dumps({"id": str(request_id), "op": op, **fields})

    def heartbeat(self) -> str:
        """Return a ping, without which OKX cuts a connection on which nothing comes for 30 seconds."""
        return "ping"

    # -- the history ------------------------------------------------------------------------------------

    async def ask_bars(self, symbol: VenueSymbol, interval: str, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return closed bars that start in ``[start_ns, end_ns)``, oldest first."""

        async def ask(before_ms: int) -> Page[BarRow, int]:
            answer = await self.rest.get(
                "/api/v5/market/history-candles",
                _Answer[_Candle],
                instId=symbol.name,
                bar=interval,
                after=before_ms,
                limit=_PAGE_ROWS,
            )
            candles = answer.data[::-1]
            is_last = len(candles) < _PAGE_ROWS or epoch_ns(candles[0].begins) <= start_ns
            rows = [_bar(one, is_spot=not symbol.settle) for one in candles if one.confirm == "1"]
            return Page(rows, None if is_last else candles[0].begins)

        first = -(-end_ns // _MS)
        return await collect(ask, first, key=lambda row: row[0], on_page=self.on_page, newest_first=True)

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return the trades of ``[start_ns, end_ns)``, oldest first."""
        name = self.listed(symbol).name

        async def ask(before: tuple[str, int]) -> Page[TradeRow, tuple[str, int]]:
            kind, number = before
            answer = await self.rest.get(
                "/api/v5/market/history-trades",
                _Answer[_Trade],
                instId=name,
                type=kind,
                after=number,
                limit=_PAGE_ROWS,
            )
            rows = [_trade(one) for one in reversed(answer.data)]
            is_last = len(rows) < _PAGE_ROWS or rows[0][0] < start_ns
            return Page(rows, None if is_last else (_BY_ID, rows[0][5]))

        first = (_BY_TIME, -(-end_ns // _MS))
        rows = await collect(ask, first, key=lambda row: row[5], on_page=self.on_page, newest_first=True)
        return [row for row in rows if start_ns <= row[0] < end_ns]

    def complaint(self, status: int, body: bytes) -> FeedError | None:
        """Return the error that OKX names, which it does with status 200, too."""
        try:
            said = _Complaint("0") if body.startswith(b'{"code":"0"') else _complaint(body)
        except ValueError:
            # A page of a proxy: its status says enough.
            return None
        code = str(said.code)
        if code == "0":
            return None
        words = f"OKX says {said.msg or 'no'} ({code})"
        if code in _BUSY:
            return FeedBusyError(words, self.rate_limit.seconds)
        return FeedRefusedError(words)


_BY_ID = "1"
_BY_TIME = "2"


def _bar(candle: _Candle, *, is_spot: bool) -> BarRow:
    prices = candle.open, candle.high, candle.low, candle.close
    # That of a swap is in money, and not price x contracts.
    turnover = candle.turnover if is_spot else float("nan")
    return epoch_ns(candle.begins), *prices, candle.size, 0, turnover


def _trade(one: _Trade) -> TradeRow:
    return epoch_ns(one.ts), one.px, one.sz, 1, 1 if one.side == "buy" else -1, one.trade_id


def _symbol(one: _Instrument) -> VenueSymbol:
    base, _, quote = one.uly.partition("-") if one.uly else (one.base_ccy, "", one.quote_ccy)
    contract = f"{base}/{quote}:{one.settle_ccy}, contracts of {one.ct_val} {one.ct_val_ccy}"
    return VenueSymbol(
        one.inst_id,
        base,
        quote,
        one.tick_sz,
        one.lot_sz,
        settle=one.settle_ccy,
        description=contract if one.settle_ccy else "",
    )
