"""Kraken's web socket v2: ``{"channel", "type", "data": [...]}``.

Sources: docs.kraken.com (Websockets v2), checked on messages captured in 2025 and 2026.

* Several trades share a frame, often with one time stamp; their order is the order of the array. Ids rise
  by one. A frame of type ``snapshot`` repeats trades from before the subscription.
* A candle has no closed flag: it is closed once the next one begins. Its turnover is unknown (vwap is
  rounded). The one that was being made when the connection was lost has gone on unseen: the acknowledgement
  of a new subscription, and its snapshot, forget it.
* Prices are JSON numbers, read as the float nearest to what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from mdnb.decode.fields import (
    OpenBars,
    add_quote,
    add_records,
    add_trade,
    check_keys,
    decode_frames,
    refuse_duplicates,
    reply_text,
    timeframe_name,
)
from mdnb.rows import Batch, DepthUpdate, Reply
from mdnb.venue_fields import Identifier, Price, Size, Symbol, UnusableError, iso_ns, typed

__all__ = ["Decoder"]

_Kind = Literal["snapshot", "update"]


class _Trade(msgspec.Struct, gc=False):
    symbol: Symbol
    side: Literal["buy", "sell"]
    price: Price
    qty: Size
    ord_type: str
    trade_id: Identifier
    timestamp: str


class _Trades(msgspec.Struct, gc=False):
    channel: Literal["trade"]
    type: _Kind
    data: list[_Trade]


class _AnyTrade(msgspec.Struct, gc=False):
    """What of a trade is used, for one that lacks something else."""

    symbol: Symbol
    side: Literal["buy", "sell"]
    price: Price
    qty: Size
    trade_id: Identifier
    timestamp: str


class _Ticker(msgspec.Struct, gc=False):
    symbol: Symbol
    bid: Price | None = None
    bid_qty: Size | None = None
    ask: Price | None = None
    ask_qty: Size | None = None
    timestamp: str | None = None


class _Candle(msgspec.Struct, gc=False):
    symbol: Symbol
    open: Price
    high: Price
    low: Price
    close: Price
    trades: Identifier
    volume: Size
    interval_begin: str
    interval: int


class _Level(msgspec.Struct, gc=False):
    price: Price
    qty: Size


class _Book(msgspec.Struct, gc=False):
    symbol: Symbol
    bids: list[_Level]
    asks: list[_Level]
    checksum: int = -1
    timestamp: str = ""


class _Books(msgspec.Struct, gc=False):
    channel: Literal["book"]
    type: _Kind
    data: list[_Book]


class _Subscription(msgspec.Struct, gc=False):
    channel: str = ""
    symbol: str = ""
    interval: int = 0


class _Envelope(msgspec.Struct, gc=False):
    channel: str = ""
    type: str = ""
    method: str = ""
    timestamp: str = ""
    data: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    success: bool = True
    error: str | None = None
    req_id: Identifier | None = None
    result: _Subscription | None = None


_trades = typed(_Trades)
_trade = typed(_AnyTrade)
_ticker = typed(_Ticker)
_candle = typed(_Candle)
_books = typed(_Books)
_envelope = typed(_Envelope)

_NOTICES = frozenset({"heartbeat", "status", "instrument"})
_METHODS = frozenset({"subscribe", "unsubscribe", "ping", "pong"})


class Decoder:
    """Decodes frames of Kraken's web socket v2.

    Examples
    --------
    >>> frame = (
    ...     '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":77120.0,'
    ...     '"qty":0.5,"ord_type":"limit","trade_id":7,"timestamp":"2026-08-22T17:30:53.355059Z"}]}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'BTC/USD': [(1787419853355059000, 77120.0, 0.5, 1, -1, 7)]}
    """

    def __init__(self) -> None:
        self._bars = OpenBars()

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, self._frame)

    def _frame(self, text: str, batch: Batch) -> None:
        if text.startswith('{"channel":"trade"'):
            try:
                trades = _trades(text).data
                check_keys(text, 3 + 9 * len(trades))
                if len(trades) == 1:
                    add_trade(batch, trades[0].symbol, _row(trades[0]))
                    return
                rows = [(trade.symbol, _row(trade)) for trade in trades]
            except ValueError:
                self._rest(text, batch)
                return
            for symbol, row in rows:
                add_trade(batch, symbol, row)
            batch.control += not rows
        elif text.startswith('{"channel":"book"'):
            _add_books(text, batch)
        elif text == '{"channel":"heartbeat"}':
            batch.control += 1
        else:
            self._rest(text, batch)

    def _rest(self, text: str, batch: Batch) -> None:
        refuse_duplicates(text)
        envelope = _envelope(text)
        channel = envelope.channel
        if channel in _NOTICES:
            batch.control += 1
        elif not channel and (envelope.method in _METHODS or (envelope.error and not envelope.method)):
            # A request that could not be read is refused without a word of what it was.
            error = envelope.error or ""
            batch.control += 1
            is_done = envelope.success and not error
            batch.replies.append(Reply(envelope.req_id or 0, is_done, reply_text(error)))
            told = envelope.result
            if is_done and told is not None and (envelope.method, told.channel) == ("subscribe", "ohlc"):
                self._bars.forget(told.symbol, _timeframe(told.interval) if told.interval else "")
        elif channel == "book":
            _add_books(text, batch)
        elif channel not in ("trade", "ticker", "ohlc") or isinstance(envelope.data, msgspec.UnsetType):
            raise UnusableError("unknown channel" if channel else "unknown message")
        else:
            handle: Callable[[str, Batch], None]
            handle = {"trade": _add_one, "ticker": _add_ticker, "ohlc": self._add_candle}[channel]
            if channel == "ohlc" and envelope.type == "snapshot":
                handle = self._add_candle_of_snapshot(set())
            add_records(envelope.data, handle, batch)
            batch.control += not envelope.data
            if envelope.timestamp:
                batch.clock_ns = max(batch.clock_ns, iso_ns(envelope.timestamp))

    def _add_candle(self, text: str, batch: Batch) -> None:
        candle = _candle(text)
        prices = (candle.open, candle.high, candle.low, candle.close)
        row = (iso_ns(candle.interval_begin), *prices, candle.volume, candle.trades, float("nan"))
        self._bars.add(batch, candle.symbol, _timeframe(candle.interval), row)

    def _add_candle_of_snapshot(self, forgotten: set[tuple[str, int]]) -> Callable[[str, Batch], None]:
        def add(text: str, batch: Batch) -> None:
            candle = _candle(text)
            key = candle.symbol, candle.interval
            if key not in forgotten:
                forgotten.add(key)
                self._bars.forget(candle.symbol, _timeframe(candle.interval))
            self._add_candle(text, batch)

        return add


def _timeframe(minutes: int) -> str:
    return timeframe_name(f"{minutes}min")


def _row(trade: _Trade | _AnyTrade) -> tuple[int, float, float, int, int, int]:
    side = 1 if trade.side == "buy" else -1
    return iso_ns(trade.timestamp), trade.price, trade.qty, 1, side, trade.trade_id


def _add_one(text: str, batch: Batch) -> None:
    trade = _trade(text)
    add_trade(batch, trade.symbol, _row(trade))


def _add_ticker(text: str, batch: Batch) -> None:
    ticker = _ticker(text)
    ns = iso_ns(ticker.timestamp) if ticker.timestamp else 0
    sides = (ticker.bid, ticker.bid_qty, ticker.ask, ticker.ask_qty)
    if sides == (None,) * 4:
        raise UnusableError("a quote without a price")
    bid, bid_size, ask, ask_size = (float("nan") if one is None else one for one in sides)
    add_quote(batch, ticker.symbol, (ns, bid, bid_size, ask, ask_size))


def _add_books(text: str, batch: Batch) -> None:
    frame = _books(text)
    updates = []
    colons = 3
    for book in frame.data:
        colons += 3 + 2 * (len(book.bids) + len(book.asks))
        colons += (book.checksum >= 0) + 3 * bool(book.timestamp)
        ns = iso_ns(book.timestamp) if book.timestamp else 0
        bids = [(level.price, level.qty) for level in book.bids]
        asks = [(level.price, level.qty) for level in book.asks]
        update = DepthUpdate(ns, frame.type == "snapshot", bids, asks, checksum=book.checksum)
        updates.append((book.symbol, update))
    check_keys(text, colons)
    batch.control += not updates
    for symbol, update in updates:
        batch.depth.setdefault(symbol, []).append(update)
        batch.clock_ns = max(batch.clock_ns, update.ts_ns)
