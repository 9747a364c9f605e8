"""Bybit: version 5 of its interface, and the one before it; both write ``{"topic", "data", ...}``.

Sources: bybit-exchange.github.io (v5: websocket, public; v2), checked on recordings of 2021 and on frames of
2025 and 2026 that public repositories keep (bmoscon/cryptofeed: ``sample_data``).

* Trades of contracts are numbered by a UUID: `mdnb.venue_fields.uuid_id` makes an integer that only differs.
  Those of spot have a number.
* ``side`` and ``S`` are the taker's. Sizes of inverse contracts are whole dollars.
* Version 5 names its topics ``publicTrade``, ``orderbook.DEPTH``, ``tickers``, ``kline.INTERVAL``. Of
  ``orderbook.1`` and ``tickers`` the best bid and ask are taken for quotes; both may send changes, so that
  what stays as it is must be remembered. All other depths are books: a snapshot, then changes.
* Of a book ``u`` rises by one an update and topic. At 1 the venue begins to count anew, and what comes is
  whole. ``seq`` tells what is later of two depths, and has holes of its own: of several depths that of the
  newest snapshot is the book, and changes of others are counted as control.
* ``cts`` is when the matching engine made it, ``ts`` when it was sent.
* Before version 5: ``trade``, and ``orderBookL2_25``: a snapshot, then deleted, updated and inserted levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

import msgspec

from mdnb.decode.bybit_v2 import add_old_depth, add_old_trades
from mdnb.decode.fields import (
    add_bar,
    add_quote,
    add_records,
    add_trade,
    check_keys,
    decode_frames,
    refuse_duplicates,
    reply_number,
    reply_text,
    timeframe_name,
)
from mdnb.decode.torn_books import book_in
from mdnb.rows import Batch, DepthUpdate, Reply, TradeRow
from mdnb.venue_fields import (
    Epoch,
    Level,
    Price,
    Size,
    Symbol,
    UnusableError,
    epoch_ns,
    number_or_nan,
    trade_number,
    typed,
)

__all__ = ["Decoder"]

_Kind = Literal["snapshot", "delta"]
# Fields that are counted, and not looked at.
_Some = msgspec.Raw | msgspec.UnsetType
_NONE = msgspec.UNSET


class _Trade(msgspec.Struct, gc=False):
    T: Epoch
    s: Symbol
    S: Literal["Buy", "Sell"]
    v: Size
    p: Price
    i: str
    L: _Some = _NONE
    BT: _Some = _NONE
    seq: _Some = _NONE
    RPI: _Some = _NONE


class _Trades(msgspec.Struct, gc=False):
    topic: str
    data: list[_Trade]
    type: _Some = _NONE
    ts: _Some = _NONE


class _Book(msgspec.Struct, gc=False):
    s: Symbol
    b: list[Level]
    a: list[Level]
    u: int = -1


class _Books(msgspec.Struct, gc=False):
    type: _Kind
    ts: Epoch
    data: _Book
    cts: Epoch | None = None


class _Ticker(msgspec.Struct, gc=False):
    symbol: Symbol
    bid1Price: str | None = None
    bid1Size: str | None = None
    ask1Price: str | None = None
    ask1Size: str | None = None


class _Tickers(msgspec.Struct, gc=False):
    type: _Kind
    ts: Epoch
    data: _Ticker


class _Candle(msgspec.Struct, gc=False):
    start: Epoch
    interval: str
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    turnover: Size
    confirm: bool


class _Records(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]


class _Other(msgspec.Struct, gc=False):
    topic: str = ""
    op: str = ""
    success: bool | None = None
    ret_msg: str | None = None
    req_id: str | int | None = None


_trades = typed(_Trades)
_trade = typed(_Trade)
_books = typed(_Books)
_tickers = typed(_Tickers)
_candle = typed(_Candle)
_records = typed(_Records)
_other = typed(_Other)

# Those of version 5 have numbers.
_old_book_of = book_in('"topic" : "orderBook', '"topic" : "orderBook[^"]*[.]([^".]+)"')
_TRADES = '{"topic":"publicTrade.'
_OLD_TRADES = '{"topic":"trade.'
_PINGS = frozenset({"ping", "pong"})
_NOTICES = frozenset(
    {"liquidation", "allLiquidation", "adlAlert", "insurance", "priceLimit", "kline_lt", "tickers_lt", "lt"}
)

_Best = tuple[float, float, float, float]
_Kept = TypeVar("_Kept")


class Decoder:
    """Decodes Bybit's frames.

    Examples
    --------
    >>> frame = (
    ...     '{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,'
    ...     '"s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","L":"PlusTick",'
    ...     '"i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false}]}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'BTCUSDT': [(1672304486865000000, 16578.5, 0.001, 1, 1, 1187292961464823192)]}
    """

    def __init__(self) -> None:
        # By symbol: the topic of its book, which the newest snapshot is of.
        self._topics: dict[str, str] = {}
        # By topic: what the next change goes on from.
        self._sides: dict[str, tuple[dict[float, float], dict[float, float]]] = {}
        self._best: dict[str, _Best] = {}

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, self._frame, _old_book_of)

    def _frame(self, text: str, batch: Batch) -> None:
        if text.startswith(_TRADES):
            _add_trades(text, batch)
            return
        if text.startswith(_OLD_TRADES):
            add_old_trades(text, batch)
            return
        refuse_duplicates(text)
        other = _other(text)
        kind, _, rest = other.topic.partition(".")
        if kind == "orderbook":
            self._add_book(other.topic, rest.partition(".")[0], text, batch)
        elif kind == "tickers":
            self._add_ticker(other.topic, text, batch)
        elif kind == "kline":
            _add_candles(other.topic, text, batch)
        elif kind == "publicTrade":
            _add_trades(text, batch)
        elif kind.startswith("orderBook"):
            add_old_depth(other.topic, text, batch)
        elif kind == "trade" and rest:
            add_old_trades(text, batch)
        elif kind in _NOTICES or other.op in _PINGS:
            batch.control += 1
        else:
            _add_reply(other, batch)

    def _add_book(self, topic: str, depth: str, text: str, batch: Batch) -> None:
        frame = _books(text)
        book, ns = frame.data, epoch_ns(frame.cts or frame.ts)
        if depth != "1":
            whole = frame.type == "snapshot" or book.u == 1
            if whole:
                self._topics[book.s] = topic
            elif self._topics.setdefault(book.s, topic) != topic:
                # Of another depth, which has numbers of its own.
                batch.control += 1
                batch.clock_ns = max(batch.clock_ns, ns)
                return
            previous = -1 if whole or book.u < 0 else book.u - 1
            update = DepthUpdate(ns, whole, book.b, book.a, previous, book.u)
            batch.depth.setdefault(book.s, []).append(update)
            batch.clock_ns = max(batch.clock_ns, ns)
            return
        if frame.type == "snapshot":
            self._sides[topic] = {}, {}
        bids, asks = _before(self._sides, topic)
        _change(bids, book.b)
        _change(asks, book.a)
        bid, ask = max(bids, default=float("nan")), min(asks, default=float("nan"))
        row = (ns, bid, bids.get(bid, float("nan")), ask, asks.get(ask, float("nan")))
        add_quote(batch, book.s, row)

    def _add_ticker(self, topic: str, text: str, batch: Batch) -> None:
        frame = _tickers(text)
        ticker = frame.data
        said = (ticker.bid1Price, ticker.bid1Size, ticker.ask1Price, ticker.ask1Size)
        if said == (None,) * 4:
            # Spot's have none; and a change of something else.
            batch.control += 1
            return
        numbers = tuple(None if text is None else number_or_nan(text) for text in said)
        if frame.type == "snapshot":
            self._best[topic] = (float("nan"),) * 4
        before = _before(self._best, topic)
        bid, bid_size, ask, ask_size = (
            old if new is None else new for new, old in zip(numbers, before, strict=True)
        )
        self._best[topic] = bid, bid_size, ask, ask_size
        add_quote(batch, ticker.symbol, (epoch_ns(frame.ts), bid, bid_size, ask, ask_size))


def _before(kept: dict[str, _Kept], topic: str) -> _Kept:
    if topic not in kept:
        raise UnusableError("a change without what it changes")
    return kept[topic]


def _change(side: dict[float, float], levels: Sequence[tuple[float, float]]) -> None:
    for price, size in levels:
        if size:
            side[price] = size
        else:
            side.pop(price, None)


def _add_trades(text: str, batch: Batch) -> None:
    try:
        frame = _trades(text)
        trades, colons = frame.data, 2 + (frame.type is not _NONE) + (frame.ts is not _NONE)
        if len(trades) == 1:
            check_keys(text, colons + _colons(trades[0]))
            add_trade(batch, trades[0].s, _row(trades[0]))
            return
        check_keys(text, colons + sum(map(_colons, trades)))
        rows = [(trade.s, _row(trade)) for trade in trades]
    except ValueError:
        refuse_duplicates(text)
        add_records(_records(text).data, _add_one, batch)
        return
    for symbol, row in rows:
        add_trade(batch, symbol, row)
    batch.control += not rows


def _colons(trade: _Trade) -> int:
    told = (trade.L is not _NONE) + (trade.BT is not _NONE)
    return 6 + told + (trade.seq is not _NONE) + (trade.RPI is not _NONE)


def _row(trade: _Trade) -> TradeRow:
    side = 1 if trade.S == "Buy" else -1
    return epoch_ns(trade.T), trade.p, trade.v, 1, side, trade_number(trade.i)


def _add_one(text: str, batch: Batch) -> None:
    trade = _trade(text)
    add_trade(batch, trade.s, _row(trade))


def _add_candles(topic: str, text: str, batch: Batch) -> None:
    symbol = topic.rpartition(".")[2]
    if not 0 < len(symbol) <= 64:
        raise UnusableError("unknown topic")

    def add(record: str, batch: Batch) -> None:
        candle = _candle(record)
        minutes = f"{candle.interval}min" if candle.interval.isdigit() else f"1{candle.interval}"
        prices = (candle.open, candle.high, candle.low, candle.close)
        row = (epoch_ns(candle.start), *prices, candle.volume, 0, candle.turnover)
        add_bar(batch, symbol, timeframe_name(minutes), row, candle.confirm)

    records = _records(text).data
    add_records(records, add, batch)
    batch.control += not records


def _add_reply(other: _Other, batch: Batch) -> None:
    if other.topic or other.success is None:
        raise UnusableError("unknown message")
    batch.control += 1
    error = "" if other.success else reply_text(other.ret_msg or "")
    batch.replies.append(Reply(reply_number(str(other.req_id)), other.success, error))
