"""Coinbase Advanced Trade: ``{"channel", "timestamp", "sequence_num", "events": [...]}`` messages.

Sources: docs.cdp.coinbase.com (Advanced Trade, web socket channels), and single messages of 2025 and 2026
that public repositories keep; no whole recording was at hand.

* ``side`` of a trade is the *maker's*, as on Coinbase Exchange: the taker did the opposite.
* The first event of ``market_trades`` is a snapshot of *old* trades, the newest first; updates hold all
  trades of a quarter of a second, in order. ``trade_id`` rises by one a trade and product.
* ``ticker`` has no time of its own: that of its message. It is a quote here, never a trade;
  ``ticker_batch`` may leave the best prices out.
* A level's ``event_time`` is 1970 in a snapshot. ``sequence_num`` counts the messages of a connection, of
  all its channels: after one that is left out each book goes on from what never came.
* Candles are of five minutes, have no closed flag, and no number of trades. A snapshot of past ones forgets
  the one that was being made when the connection was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from mdnb.decode.fields import (
    OpenBars,
    add_depth,
    add_quote,
    add_records,
    add_trade,
    check_keys,
    decode_frames,
    oldest_first,
    refuse_duplicates,
    reply_text,
)
from mdnb.decode.message_numbers import MessageNumbers
from mdnb.rows import BarRow, Batch, DepthUpdate, Reply, TradeRow
from mdnb.venue_fields import (
    Identifier,
    Price,
    Size,
    Symbol,
    UnusableError,
    decimal_ns,
    iso_ns,
    number_or_nan,
    typed,
)

__all__ = ["Decoder"]

_Kind = Literal["snapshot", "update"]


class _Trade(msgspec.Struct, gc=False):
    product_id: Symbol
    trade_id: Identifier
    price: Price
    size: Size
    time: str
    side: Literal["BUY", "SELL"]


class _TradesEvent(msgspec.Struct, gc=False):
    type: _Kind
    trades: list[_Trade]


class _Trades(msgspec.Struct, gc=False):
    channel: Literal["market_trades"]
    timestamp: str
    sequence_num: Identifier
    events: list[_TradesEvent]
    client_id: str | UnsetType = UNSET


class _Ticker(msgspec.Struct, gc=False):
    product_id: Symbol
    best_bid: str = ""
    best_bid_quantity: str = ""
    best_ask: str = ""
    best_ask_quantity: str = ""


class _Level(msgspec.Struct, gc=False):
    side: Literal["bid", "offer", "ask"]
    price_level: Price
    new_quantity: Size
    event_time: str = ""


class _Book(msgspec.Struct, gc=False):
    type: _Kind
    product_id: Symbol
    updates: list[_Level]


class _Candle(msgspec.Struct, gc=False):
    product_id: Symbol
    start: str
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size


class _RawTradesEvent(msgspec.Struct, gc=False):
    type: _Kind
    trades: list[msgspec.Raw]


class _RawTrades(msgspec.Struct, gc=False):
    events: list[_RawTradesEvent]


class _TickersEvent(msgspec.Struct, gc=False):
    type: _Kind
    tickers: list[msgspec.Raw]


class _Tickers(msgspec.Struct, gc=False):
    events: list[_TickersEvent]


class _CandlesEvent(msgspec.Struct, gc=False):
    type: _Kind
    candles: list[msgspec.Raw]


class _Candles(msgspec.Struct, gc=False):
    events: list[_CandlesEvent]


class _Books(msgspec.Struct, gc=False):
    events: list[_Book]


class _Envelope(msgspec.Struct, gc=False):
    channel: str = ""
    timestamp: str = ""
    sequence_num: Identifier | None = None
    type: str = ""
    message: str = ""
    reason: str = ""


_trades = typed(_Trades)
_trade = typed(_Trade)
_ticker = typed(_Ticker)
_books = typed(_Books)
_candle = typed(_Candle)
_raw_trades = typed(_RawTrades)
_tickers = typed(_Tickers)
_candles = typed(_Candles)
_envelope = typed(_Envelope)

_TRADES = '{"channel":"market_trades"'
_NOTICES = frozenset({"heartbeats", "status", "subscriptions", "user", "futures_balance_summary"})
_TIMEFRAME = "5min"
_UNTOLD = ("", "1970-")
_NAN = float("nan")


class Decoder:
    """Decodes Coinbase Advanced Trade's frames.

    Examples
    --------
    >>> frame = (
    ...     '{"channel":"market_trades","client_id":"","timestamp":"2025-10-27T16:44:40.175203666Z",'
    ...     '"sequence_num":0,"events":[{"type":"snapshot","trades":[{"product_id":"BTC-USD","trade_id":"7",'
    ...     '"price":"115445.28","size":"0.5","time":"2025-10-27T16:44:39.600153Z","side":"BUY"}]}]}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'BTC-USD': [(1761583479600153000, 115445.28, 0.5, 1, -1, 7)]}
    """

    def __init__(self) -> None:
        self._bars = OpenBars()
        self._numbers = MessageNumbers()

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, self._frame)

    def _frame(self, text: str, batch: Batch) -> None:
        if not text.startswith(_TRADES):
            self._rest(text, batch)
            return
        try:
            frame = _trades(text)
            keys = 4 + (frame.client_id is not UNSET) + 2 * len(frame.events)
            times = frame.timestamp.count(":")
            made = [[(trade.product_id, _row(trade)) for trade in event.trades] for event in frame.events]
            check_keys(text, keys + times + sum(8 * len(rows) for rows in made))
            sent = iso_ns(frame.timestamp)
        except ValueError:
            self._rest(text, batch)
            return
        if frame.sequence_num == self._numbers.awaited:
            self._numbers.awaited += 1
        else:
            self._numbers.see(frame.sequence_num)
        for rows in made:
            for symbol, row in oldest_first(rows):
                add_trade(batch, symbol, row)
        batch.control += not any(made)
        batch.clock_ns = max(batch.clock_ns, sent)

    def _rest(self, text: str, batch: Batch) -> None:
        refuse_duplicates(text)
        envelope = _envelope(text)
        if envelope.type == "error":
            words = f"{envelope.message}: {envelope.reason}" if envelope.reason else envelope.message
            batch.replies.append(Reply(0, False, reply_text(words)))
            batch.control += 1
            return
        if not envelope.channel:
            raise UnusableError("unknown message")
        self._numbers.see(-1 if envelope.sequence_num is None else envelope.sequence_num)
        sent = iso_ns(envelope.timestamp) if envelope.timestamp else 0
        self._add(envelope.channel, text, sent, batch)
        batch.clock_ns = max(batch.clock_ns, sent)

    def _add(self, channel: str, text: str, sent: int, batch: Batch) -> None:
        refusals = len(batch.malformed)
        if channel in _NOTICES:
            if channel == "subscriptions":
                batch.replies.append(Reply(0, True))
            made = 0
        elif channel == "market_trades":
            made = _add_trades(text, batch)
        elif channel in ("ticker", "ticker_batch"):
            made = _add_tickers(text, sent, batch)
        elif channel == "candles":
            made = self._add_candles(text, batch)
        elif channel == "l2_data":
            try:
                made = self._add_books(text, sent, batch)
            except ValueError:
                self._numbers.refuse()
                raise
        else:
            raise UnusableError("unknown channel")
        batch.control += not made and len(batch.malformed) == refusals

    def _add_candles(self, text: str, batch: Batch) -> int:
        total = 0
        for event in _candles(text).events:
            made: list[tuple[str, BarRow]] = []

            def add(record: str, _batch: Batch, made: list[tuple[str, BarRow]] = made) -> None:
                candle = _candle(record)
                prices = (candle.open, candle.high, candle.low, candle.close)
                made.append((candle.product_id, (decimal_ns(candle.start), *prices, candle.volume, 0, _NAN)))

            add_records(event.candles, add, batch)
            if event.type == "snapshot":
                for symbol in {symbol for symbol, _ in made}:
                    self._bars.forget(symbol)
            for symbol, row in sorted(made, key=lambda pair: pair[1][0]):
                self._bars.add(batch, symbol, _TIMEFRAME, row)
            total += len(made)
        return total

    def _add_books(self, text: str, sent: int, batch: Batch) -> int:
        made = []
        for book in _books(text).events:
            times = {level.event_time for level in book.updates if level.event_time[:5] not in _UNTOLD}
            ns = max(map(iso_ns, times), default=sent)
            bids = [(level.price_level, level.new_quantity) for level in book.updates if level.side == "bid"]
            asks = [(level.price_level, level.new_quantity) for level in book.updates if level.side != "bid"]
            made.append((book.product_id, ns, book.type == "snapshot", bids, asks))
        for symbol, ns, whole, bids, asks in made:
            previous, number = self._numbers.ids(symbol, whole=whole)
            add_depth(batch, symbol, DepthUpdate(ns, whole, bids, asks, previous, number))
        return len(made)


def _row(trade: _Trade) -> TradeRow:
    side = 1 if trade.side == "SELL" else -1
    return iso_ns(trade.time), trade.price, trade.size, 1, side, trade.trade_id


def _add_trades(text: str, batch: Batch) -> int:
    total = 0
    for event in _raw_trades(text).events:
        made: list[tuple[str, TradeRow]] = []

        def add(record: str, _batch: Batch, made: list[tuple[str, TradeRow]] = made) -> None:
            trade = _trade(record)
            made.append((trade.product_id, _row(trade)))

        add_records(event.trades, add, batch)
        for symbol, row in oldest_first(made):
            add_trade(batch, symbol, row)
        total += len(made)
    return total


def _add_tickers(text: str, sent: int, batch: Batch) -> int:
    made = 0

    def add(record: str, batch: Batch) -> None:
        nonlocal made
        ticker = _ticker(record)
        if ticker.best_bid or ticker.best_ask:
            bid, bid_size = number_or_nan(ticker.best_bid), number_or_nan(ticker.best_bid_quantity)
            ask, ask_size = number_or_nan(ticker.best_ask), number_or_nan(ticker.best_ask_quantity)
            add_quote(batch, ticker.product_id, (sent, bid, bid_size, ask, ask_size))
            made += 1

    add_records([record for event in _tickers(text).events for record in event.tickers], add, batch)
    return made
