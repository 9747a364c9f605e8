"""KuCoin, spot: ``{"type": "message", "topic", "subject", "data"}`` messages.

Sources: www.kucoin.com/docs (spot, web socket), checked on the beginning of a recording of 2021 that
bmoscon/cryptofeed keeps (``sample_data/KUCOIN.ws.1.0``). Trades are from single messages that public
repositories keep; fixed depths, ``/market/snapshot`` and candles are from the documentation alone.

* The order of the keys changed over the years: no two versions write them alike.
* ``side`` is the taker's. A trade's ``time`` is in nanoseconds, that of a ticker and of a book in
  milliseconds.
* ``tradeId`` was 24 hexadecimal digits, and is a number today. ``sequence`` has been a number always, rises
  from trade to trade without being contiguous, and is what the history gives: it is the id here.
* ``/market/level2`` only sends changes, numbered ``sequenceStart`` to ``sequenceEnd``; the whole book is
  fetched over HTTP, and is no part of a recording. A level at the price 0 only moves the number.
* ``/spotMarket/level2Depth5`` and ``level2Depth50`` are whole books, ``/spotMarket/level1`` is a quote.
* A candle is ``[start, open, close, high, low, volume, turnover]``; it has no closed flag, and no number of
  trades. The welcome to a new connection forgets those that were being made before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mdnb.decode.fields import (
    OpenBars,
    add_depth,
    add_quote,
    add_trade,
    check_keys,
    decode_frames,
    refuse_duplicates,
    reply_number,
    reply_text,
    timeframe_name,
)
from mdnb.rows import Batch, DepthUpdate, Reply
from mdnb.venue_fields import (
    MAX_NS,
    Identifier,
    Price,
    Size,
    Symbol,
    UnusableError,
    decimal_ns,
    epoch_ns,
    typed,
)

__all__ = ["Decoder"]

# Fields that are counted, and not looked at.
_Some = msgspec.Raw | UnsetType


class _Trade(msgspec.Struct, gc=False):
    symbol: Symbol
    sequence: Identifier
    side: Literal["buy", "sell"]
    size: Size
    price: Price
    time: Identifier
    takerOrderId: _Some = UNSET
    makerOrderId: _Some = UNSET
    tradeId: _Some = UNSET
    type: _Some = UNSET


class _TradeFrame(msgspec.Struct, gc=False):
    topic: str
    subject: str
    type: Literal["message"]
    data: _Trade
    id: _Some = UNSET
    sn: _Some = UNSET


class _Ticker(msgspec.Struct, gc=False):
    bestBid: Price | None
    bestAsk: Price | None
    bestBidSize: Size | None = None
    bestAskSize: Size | None = None
    time: Identifier | None = 0
    Time: Identifier | None = 0


class _Level(msgspec.Struct, gc=False, array_like=True):
    price: Price
    size: Size


class _Changes(msgspec.Struct, gc=False):
    bids: list[_Level]
    asks: list[_Level]


class _Update(msgspec.Struct, gc=False):
    symbol: Symbol
    sequenceStart: Identifier
    sequenceEnd: Identifier
    changes: _Changes
    time: Identifier = 0


class _Book(msgspec.Struct, gc=False):
    bids: list[_Level]
    asks: list[_Level]
    timestamp: Identifier = 0


class _Best(msgspec.Struct, gc=False):
    bids: Annotated[list[Price], Meta(max_length=2)]
    asks: Annotated[list[Price], Meta(max_length=2)]
    timestamp: Identifier = 0


class _Statistics(msgspec.Struct, gc=False):
    symbol: Symbol
    buy: Price | None
    sell: Price | None
    bidSize: Size | None = None
    askSize: Size | None = None
    datetime: Identifier | None = 0


class _Snapshot(msgspec.Struct, gc=False):
    data: _Statistics


class _CandleRow(msgspec.Struct, gc=False, array_like=True):
    start: str
    open: Price
    close: Price
    high: Price
    low: Price
    volume: Size
    turnover: Size


class _Candle(msgspec.Struct, gc=False):
    symbol: Symbol
    candles: _CandleRow
    time: Identifier = 0


class _Envelope(msgspec.Struct, gc=False):
    type: str = ""
    topic: str = ""
    subject: str | None = ""
    data: msgspec.Raw | UnsetType = UNSET
    id: str | int | None = ""


_trade_frame = typed(_TradeFrame)
_ticker = typed(_Ticker)
_update = typed(_Update)
_book = typed(_Book)
_best = typed(_Best)
_snapshot = typed(_Snapshot)
_candle = typed(_Candle)
_envelope = typed(_Envelope)
_words = typed(str)

_TRADES = '"/market/match:'
# The four keys of a message with a trade, the six of the trade, and the colon of the topic.
_TRADE_COLONS = 4 + 6 + 1
_MAX_US = MAX_NS // 1000
_NOBODY = (float("nan"), float("nan"))


class Decoder:
    """Decodes KuCoin's frames.

    Examples
    --------
    >>> frame = (
    ...     '{"type":"message","topic":"/market/match:BTC-USDT","subject":"trade.l3match","data":{'
    ...     '"sequence":"7","type":"match","symbol":"BTC-USDT","side":"buy","price":"0.082","size":"0.5",'
    ...     '"tradeId":"5c24c5da","takerOrderId":"5c24c5d9","makerOrderId":"5c2187d0",'
    ...     '"time":"1545913818099033203"}}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'BTC-USDT': [(1545913818099033203, 0.082, 0.5, 1, 1, 7)]}
    """

    def __init__(self) -> None:
        self._bars = OpenBars()

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, self._frame)

    def _frame(self, text: str, batch: Batch) -> None:
        if _TRADES in text:
            try:
                frame = _trade_frame(text)
            except msgspec.ValidationError:
                # A subscription that is repeated in a reply, or a trade that cannot be used.
                self._rest(text, batch)
                return
            if frame.topic.startswith(_TRADES[1:]):
                trade = frame.data
                extra = (
                    frame.id,
                    frame.sn,
                    trade.takerOrderId,
                    trade.makerOrderId,
                    trade.tradeId,
                    trade.type,
                )
                check_keys(text, _TRADE_COLONS + sum(field is not UNSET for field in extra))
                side = 1 if trade.side == "buy" else -1
                row = (_ns(trade.time), trade.price, trade.size, 1, side, trade.sequence)
                add_trade(batch, trade.symbol, row)
                return
        self._rest(text, batch)

    def _rest(self, text: str, batch: Batch) -> None:
        refuse_duplicates(text)
        envelope = _envelope(text)
        if envelope.type != "message":
            _add_notice(envelope, batch)
            if envelope.type == "welcome":
                self._bars.forget()
            return
        if isinstance(envelope.data, UnsetType):
            raise UnusableError("unknown message")
        channel, _, symbol = envelope.topic.partition(":")
        if symbol == "all":
            symbol = envelope.subject or ""
        data = str(envelope.data, "utf-8")
        if channel == "/market/match":
            # As a whole it was refused before; now it says where.
            _trade_frame(text)
        elif channel == "/market/candles":
            self._add_candle(symbol, data, batch)
        elif channel in _HANDLERS and 0 < len(symbol) <= 64:
            _HANDLERS[channel](symbol, data, batch)
        else:
            raise UnusableError("unknown topic")

    def _add_candle(self, topic: str, text: str, batch: Batch) -> None:
        candle = _candle(text)
        bar = candle.candles
        timeframe = timeframe_name(topic.rpartition("_")[2])
        prices = (bar.open, bar.high, bar.low, bar.close)
        row = (decimal_ns(bar.start), *prices, bar.volume, 0, bar.turnover)
        self._bars.add(batch, candle.symbol, timeframe, row)
        if candle.time:
            batch.clock_ns = max(batch.clock_ns, _ns(candle.time))


def _ns(value: int) -> int:
    """Return nanoseconds of a time in milliseconds, microseconds or nanoseconds."""
    if not value:
        raise UnusableError("wrong time")
    return value if value > _MAX_US else epoch_ns(value)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _add_ticker(symbol: str, text: str, batch: Batch) -> None:
    ticker = _ticker(text)
    time = ticker.time or ticker.Time
    if ticker.bestBid is None and ticker.bestAsk is None:
        batch.control += 1
        return
    bid, bid_size = _number(ticker.bestBid), _number(ticker.bestBidSize)
    ask, ask_size = _number(ticker.bestAsk), _number(ticker.bestAskSize)
    add_quote(batch, symbol, (_ns(time) if time else 0, bid, bid_size, ask, ask_size))


def _add_update(_symbol: str, text: str, batch: Batch) -> None:
    update = _update(text)
    bids = [(level.price, level.size) for level in update.changes.bids if level.price]
    asks = [(level.price, level.size) for level in update.changes.asks if level.price]
    ns = _ns(update.time) if update.time else 0
    previous = max(update.sequenceStart - 1, 0)
    add_depth(batch, update.symbol, DepthUpdate(ns, False, bids, asks, previous, update.sequenceEnd))


def _add_book(symbol: str, text: str, batch: Batch) -> None:
    book = _book(text)
    bids = [(level.price, level.size) for level in book.bids]
    asks = [(level.price, level.size) for level in book.asks]
    add_depth(batch, symbol, DepthUpdate(_ns(book.timestamp) if book.timestamp else 0, True, bids, asks))


def _add_best(symbol: str, text: str, batch: Batch) -> None:
    best = _best(text)
    if len(best.bids) == 1 or len(best.asks) == 1 or not (best.bids or best.asks):
        raise UnusableError("a level without its size")
    (bid, bid_size), (ask, ask_size) = best.bids or _NOBODY, best.asks or _NOBODY
    ns = _ns(best.timestamp) if best.timestamp else 0
    add_quote(batch, symbol, (ns, bid, bid_size, ask, ask_size))


def _add_statistics(_symbol: str, text: str, batch: Batch) -> None:
    day = _snapshot(text).data
    if day.buy is None and day.sell is None:
        batch.control += 1
        return
    ns = _ns(day.datetime) if day.datetime else 0
    row = (ns, _number(day.buy), _number(day.bidSize), _number(day.sell), _number(day.askSize))
    add_quote(batch, day.symbol, row)


_HANDLERS = {
    "/market/ticker": _add_ticker,
    "/market/level2": _add_update,
    "/market/snapshot": _add_statistics,
    "/spotMarket/level2Depth5": _add_book,
    "/spotMarket/level2Depth50": _add_book,
    "/spotMarket/level1": _add_best,
}


def _add_notice(envelope: _Envelope, batch: Batch) -> None:
    kind = envelope.type
    if kind not in ("welcome", "ack", "pong", "error"):
        raise UnusableError("unknown message")
    batch.control += 1
    if kind == "error":
        data = "" if isinstance(envelope.data, UnsetType) else str(envelope.data, "utf-8")
        words = _words(data) if data.startswith('"') else "" if data == "null" else data
        batch.replies.append(Reply(reply_number(str(envelope.id)), False, reply_text(words)))
    elif kind == "ack":
        batch.replies.append(Reply(reply_number(str(envelope.id)), True))
