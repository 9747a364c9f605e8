"""Kraken, spot: web socket v2, and the public REST interface.

Sources: docs.kraken.com (Websockets v2; REST: AssetPairs, OHLC, Trades, rate limits).

* Trade ids rise by one a trade, and its trades reach back to the first: whatever was missed is fetched by id.
* Bars reach back 720 of each interval; the last row of an answer is the bar that is being made.
* Once something is subscribed a heartbeat comes each second in which nothing else does.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError
from mdnb.feeds.base import Channel
from mdnb.feeds.book_sums import kraken_sum
from mdnb.feeds.offers import Offers
from mdnb.feeds.paging import Page, collect, rows_of
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.rest import readable
from mdnb.feeds.symbols import VenueSymbol
from mdnb.feeds.timeouts import Liveness
from mdnb.feeds.venue import VenueFeed
from mdnb.rows import BarRow, BookSum, TradeRow
from mdnb.venue_fields import Identifier, Price, Size, decimal_ns

__all__ = ["KrakenFeed"]

_PAGE_ROWS = 1000
_SECOND = 1_000_000_000
_BUSY = ("EAPI:Rate limit", "EGeneral:Too many requests", "EService:")
_NAMES = {"XBT": "BTC", "XDG": "DOGE"}


class _Pair(msgspec.Struct):
    altname: str
    wsname: str = ""
    status: str = "online"
    tick_size: Price | None = None
    pair_decimals: int = 0
    lot_decimals: int = 8


class _Pairs(msgspec.Struct):
    result: dict[str, msgspec.Raw]


class _Trade(msgspec.Struct, array_like=True):
    price: Price
    size: Size
    made: msgspec.Raw
    side: Literal["b", "s"]
    kind: str
    misc: str
    number: Identifier


class _Candle(msgspec.Struct, array_like=True):
    begins: int
    open: Price
    high: Price
    low: Price
    close: Price
    vwap: Price
    volume: Size
    trades: Identifier


_Row = TypeVar("_Row", _Trade, _Candle)
_Held = TypeVar("_Held")


class _Answer(msgspec.Struct):
    result: dict[str, msgspec.Raw]


class KrakenFeed(VenueFeed):
    """Kraken's spot markets.

    Parameters
    ----------
    url, rest
        Where to connect instead of Kraken's own addresses.
    depth
        Levels a side of the order book: 10, 25, 100, 500 or 1000.
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
    >>> KrakenFeed(depth=25)
    KrakenFeed(wss://ws.kraken.com)
    """

    dialect = "kraken"
    ids = "sequential"
    liveness = Liveness("frames", stale_seconds=5.0, dead_seconds=10.0)
    stream_url = "wss://ws.kraken.com/v2"
    rest_url = "https://api.kraken.com"
    rate_limit = RateLimit(1, 1.0)
    intervals: ClassVar[Mapping[str, str]] = {
        "1min": "1",
        "5min": "5",
        "15min": "15",
        "30min": "30",
        "1hour": "60",
        "4hour": "240",
        "1day": "1440",
    }
    bars_back = 720.0
    book_levels = 10
    depths = (10, 25, 100, 500, 1000)
    # With how many decimals prices and sizes are written, which a checksum goes by.
    _digits: Mapping[str, tuple[int, int]] = {}
    offers = Offers(title="Kraken", bars=("1min",), history="all trades, 720 bars of each timeframe")

    async def list_symbols(self) -> list[VenueSymbol]:
        """Ask for the asset pairs that are traded now."""
        answer = await self.rest.get("/0/public/AssetPairs", _Pairs)
        listed = readable(answer.result.values(), _Pair, "Kraken's list of pairs")
        traded = [pair for pair in listed if "/" in pair.wsname and pair.status == "online"]
        symbols = [_symbol(pair) for pair in traded]
        self._digits = {
            symbol.name: (pair.pair_decimals, pair.lot_decimals)
            for symbol, pair in zip(symbols, traded, strict=True)
        }
        return symbols

    async def ask_for(self, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool) -> None:
        """Subscribe to channels of symbols, or unsubscribe: one message a channel, an answer a symbol."""
        names = [symbol.name for symbol in symbols]
        op = "subscribe" if on else "unsubscribe"
        for channel in channels:
            await self.request(op, answers=len(names), **self._params(channel), symbol=names)

    def book_checksum(self, symbol: str) -> BookSum:
        """Return Kraken's sum of the ten best levels a side."""
        return functools.partial(kraken_sum, self._digits[self.listed(symbol).name])

    def _params(self, channel: Channel) -> dict[str, Any]:
        # What was traded before is asked of the history, by id.
        said: dict[Channel, dict[str, Any]] = {
            "trades": {"channel": "trade", "snapshot": False},
            "quotes": {"channel": "ticker", "event_trigger": "bbo"},
            "depth": {"channel": "book", "depth": self.book_levels},
            "bars": {"channel": "ohlc", "interval": 1},
        }
        return said[channel]

    def encode_request(self, op: str, request_id: int, fields: Mapping[str, Any]) -> str:
        """Return a request as Kraken reads it."""
        return json.dumps({"method": op, "params": fields, "req_id": request_id})

    async def ask_bars(self, symbol: VenueSymbol, interval: str, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return closed bars that start in ``[start_ns, end_ns)``, oldest first."""
        answer = await self.rest.get(
            "/0/public/OHLC",
            _Answer,
            pair=symbol.history_name,
            interval=interval,
            since=max(start_ns // _SECOND - 1, 0),
        )
        self.on_page()
        last = answer.result.pop("last", None)
        rows = _rows(answer, list[_Candle])
        committed = max((row.begins for row in rows[:-1]), default=0) if last is None else _read(last, int)
        return [_bar(row) for row in rows if row.begins <= committed]

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return the trades of ``[start_ns, end_ns)``, oldest first."""
        pair = self.listed(symbol).history_name

        async def ask(since: int) -> Page[TradeRow, int]:
            answer = await self.rest.get(
                "/0/public/Trades", _Answer, pair=pair, since=since, count=_PAGE_ROWS
            )
            answer.result.pop("last", None)
            rows = rows_of(_trade, _rows(answer, list[_Trade]))
            is_last = len(rows) < _PAGE_ROWS or rows[-1][0] >= end_ns
            # The next page begins with the trades of this one's last instant, which may go on there.
            return Page(rows, None if is_last else rows[-1][0] - 1)

        rows = await collect(ask, max(start_ns - 1, 0), key=lambda row: row[5], on_page=self.on_page)
        return [row for row in rows if start_ns <= row[0] < end_ns]

    def complaint(self, status: int, body: bytes) -> FeedError | None:
        """Return the error that Kraken names, which it does with status 200."""
        if body.startswith(b'{"error":[],'):
            return None
        try:
            errors = msgspec.json.decode(body, type=_Complaint).error
        except ValueError:
            # A page of whatever stands before Kraken.
            return None
        # What begins with a W is a warning.
        said = ", ".join(error for error in errors if not error.startswith("W"))
        if not said:
            return None
        kind = FeedBusyError if said.startswith(_BUSY) else FeedRefusedError
        return kind(f"Kraken says {said}")


class _Complaint(msgspec.Struct):
    error: list[str] = []


def _rows(answer: _Answer, into: type[list[_Row]]) -> list[_Row]:
    """Return what stands beside ``last``, under whatever name the pair has there."""
    return _read(next(iter(answer.result.values()), b"[]"), into)


def _read(held: bytes | msgspec.Raw, into: type[_Held]) -> _Held:
    try:
        return msgspec.json.decode(held, type=into, strict=False)
    except msgspec.ValidationError as error:
        raise FeedError(f"Kraken's history is not what was expected: {error}") from None


def _trade(row: _Trade) -> TradeRow:
    made = decimal_ns(str(row.made, "ascii").strip('"'))
    return made, row.price, row.size, 1, 1 if row.side == "b" else -1, row.number


def _bar(row: _Candle) -> BarRow:
    prices = row.open, row.high, row.low, row.close
    return row.begins * _SECOND, *prices, row.volume, row.trades, float("nan")


def _symbol(pair: _Pair) -> VenueSymbol:
    base, quote = (_NAMES.get(part, part) for part in pair.wsname.split("/"))
    return VenueSymbol(
        f"{base}/{quote}", base, quote, pair.tick_size, 10.0**-pair.lot_decimals, history_name=pair.altname
    )
