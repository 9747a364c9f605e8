"""Gemini: ``{"type": ...}`` messages of its market data, version 2 and version 1.

Sources: docs.gemini.com (market data, versions 1 and 2). Version 2 was checked on the beginning and the end
of a recording of 2021 that bmoscon/cryptofeed keeps (``sample_data/GEMINI.ws.1.0``), version 1 on single
messages of 2018 and 2026 that public repositories keep; candles are from the documentation alone.

* The first ``l2_updates`` of a symbol is its whole book, and tells fifty *old* trades, the newest first.
  What follows are changes. None of them has a time: ``ts_ns`` is 0.
* ``side`` of a trade is the taker's in version 2: sweeps of the recording sell at falling prices. Version 1
  has ``makerSide``; a trade of an auction, or of a block, has no taker.
* ``event_id`` and ``tid`` only differ from trade to trade.
* A frame of version 1 does not name its symbol, for a connection has one: it is ``""`` here, and a replay
  gives it the name that it is opened by. (``multimarketdata`` names it at each event.)
* ``socket_sequence`` of version 1 counts the messages of a connection; version 2 numbers nothing.
* With ``top_of_book=true`` version 1 sends the best bid or the best ask: a quote of both is made.
* Candles are listed the newest first, have no closed flag, and no number of trades. The first message after a
  subscription has past ones: by it the one that was being made when the connection was lost is forgotten.
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
    add_records,
    add_trade,
    check_keys,
    decode_frames,
    oldest_first,
    refuse_duplicates,
    reply_text,
    timeframe_name,
)
from mdnb.decode.message_numbers import MessageNumbers
from mdnb.decode.torn_books import book_in
from mdnb.rows import Batch, DepthUpdate, Reply, TradeRow
from mdnb.venue_fields import MAX_NS, Epoch, Identifier, Price, Size, Symbol, UnusableError, epoch_ns, typed

__all__ = ["Decoder"]


class _Trade(msgspec.Struct, gc=False):
    type: Literal["trade"]
    symbol: Symbol
    event_id: Identifier
    timestamp: Epoch
    price: Price
    quantity: Size
    side: Literal["buy", "sell"]


class _Level(msgspec.Struct, gc=False, array_like=True):
    side: Literal["buy", "sell"]
    price: Price
    size: Size


class _Updates(msgspec.Struct, gc=False):
    type: Literal["l2_updates"]
    symbol: Symbol
    changes: list[_Level]
    trades: list[msgspec.Raw] | UnsetType = UNSET
    auction_events: msgspec.Raw | UnsetType = UNSET


class _Candle(msgspec.Struct, gc=False, array_like=True):
    start: Epoch
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size


class _Candles(msgspec.Struct, gc=False):
    symbol: Symbol
    changes: list[_Candle]


class _Kind(msgspec.Struct, gc=False):
    type: str


class _TradeEvent(msgspec.Struct, gc=False):
    """A trade of version 1."""

    price: Price
    amount: Size
    tid: Annotated[int, Meta(ge=-1, le=MAX_NS)] = -1
    makerSide: str = ""
    symbol: str = ""


class _ChangeEvent(msgspec.Struct, gc=False):
    """A level of the book in version 1, as it is now."""

    side: Literal["bid", "ask"]
    price: Price
    remaining: Size
    reason: str = ""
    symbol: str = ""


class _Frame(msgspec.Struct, gc=False):
    """A frame of version 1."""

    events: list[msgspec.Raw]
    timestampms: Epoch | UnsetType = UNSET


class _Other(msgspec.Struct, gc=False):
    type: str = ""
    socket_sequence: Identifier | None = None
    timestamp: Epoch | UnsetType = UNSET
    result: str = ""
    reason: str = ""
    message: str = ""


_trade = typed(_Trade)
_updates = typed(_Updates)
_candles = typed(_Candles)
_kind = typed(_Kind)
_trade_event = typed(_TradeEvent)
_change_event = typed(_ChangeEvent)
_frame_v1 = typed(_Frame)
_other = typed(_Other)

_book_of = book_in('"type" : "l2_updates"', '"symbol" : "([^"]+)"')
_TAKERS = {"ask": 1, "bid": -1}
_TOP = "top-of-book"
_INITIAL = "initial"
_UNKNOWN_EVENT = "unknown event"
_NAN = float("nan")
_NOBODY = (_NAN, _NAN)


class Decoder:
    """Decodes Gemini's frames.

    Examples
    --------
    >>> frame = (
    ...     '{"type":"trade","symbol":"BTCUSD","event_id":7,"timestamp":1624493651491,"price":"302.53",'
    ...     '"quantity":"0.5","side":"buy"}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'BTCUSD': [(1624493651491000000, 302.53, 0.5, 1, 1, 7)]}
    """

    def __init__(self) -> None:
        self._bars = OpenBars()
        self._best: dict[str, tuple[float, float, float, float]] = {}
        self._numbers = MessageNumbers()

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, self._frame, _book_of)

    def _frame(self, text: str, batch: Batch) -> None:
        if text.startswith('{"type":"trade"'):
            _add_trade(text, batch)
            return
        if text.startswith('{"type":"l2_updates"'):
            _add_updates(text, batch)
            return
        refuse_duplicates(text)
        other = _other(text)
        kind = other.type
        self._numbers.see(-1 if other.socket_sequence is None else other.socket_sequence)
        if kind == "trade":
            _add_trade(text, batch)
        elif kind == "l2_updates":
            _add_updates(text, batch)
        elif kind.startswith("candles_") and kind.endswith("_updates"):
            self._add_candles(kind, text, batch)
        elif kind == "update":
            self._add_events(text, batch)
        elif kind == "heartbeat":
            batch.control += 1
            # Version 1 has none.
            if not isinstance(other.timestamp, UnsetType):
                batch.clock_ns = max(batch.clock_ns, epoch_ns(other.timestamp))
        elif other.result == "error":
            batch.control += 1
            batch.replies.append(Reply(0, False, reply_text(f"{other.reason}: {other.message}")))
        else:
            raise UnusableError("unknown message")

    def _add_candles(self, kind: str, text: str, batch: Batch) -> None:
        timeframe = timeframe_name(kind.removeprefix("candles_").removesuffix("_updates"))
        candles = _candles(text)
        if len(candles.changes) > 1:
            self._bars.forget(candles.symbol, timeframe)
        for candle in sorted(candles.changes, key=lambda candle: candle.start):
            prices = (candle.open, candle.high, candle.low, candle.close)
            row = (epoch_ns(candle.start), *prices, candle.volume, 0, _NAN)
            self._bars.add(batch, candles.symbol, timeframe, row)
        batch.control += not candles.changes

    def _add_events(self, text: str, batch: Batch) -> None:
        try:
            frame = _frame_v1(text)
        except ValueError:
            self._numbers.refuse()
            raise
        ns = 0 if isinstance(frame.timestampms, UnsetType) else epoch_ns(frame.timestampms)
        before = len(batch.malformed)
        books: dict[str, DepthUpdate] = {}
        made = 0

        def add(record: str, batch: Batch) -> None:
            nonlocal made
            kind = _kind(record).type
            if kind in ("trade", "block_trade"):
                _add_trade_event(record, ns, batch)
                made += 1
            elif kind == "change":
                change = _change_event(record)
                if change.reason == _TOP:
                    self._add_best(change, ns, batch)
                    made += 1
                    return
                book = books.get(change.symbol)
                if book is None:
                    # Its first frame has the whole book.
                    whole = change.reason == _INITIAL
                    ids = self._numbers.ids(change.symbol, whole=whole)
                    book = books[change.symbol] = DepthUpdate(ns, whole, [], [], *ids)
                (book.bids if change.side == "bid" else book.asks).append((change.price, change.remaining))
            elif not kind.startswith("auction"):
                raise UnusableError(_UNKNOWN_EVENT)

        add_records(frame.events, add, batch)
        if any(reason != _UNKNOWN_EVENT for reason in batch.malformed[before:]):
            # A part of a change makes no book right.
            books.clear()
            self._numbers.refuse()
        for symbol, book in books.items():
            if book.snapshot:
                self._best[symbol] = (*max(book.bids, default=_NOBODY), *min(book.asks, default=_NOBODY))
            add_depth(batch, symbol, book)
        batch.control += not made and not books and len(batch.malformed) == before

    def _add_best(self, change: _ChangeEvent, ns: int, batch: Batch) -> None:
        bid, bid_size, ask, ask_size = self._best.get(change.symbol, (*_NOBODY, *_NOBODY))
        new = (change.price, change.remaining)
        best = (*new, ask, ask_size) if change.side == "bid" else (bid, bid_size, *new)
        self._best[change.symbol] = best
        add_quote(batch, change.symbol, (ns, *best))


def _row(trade: _Trade) -> TradeRow:
    side = 1 if trade.side == "buy" else -1
    return epoch_ns(trade.timestamp), trade.price, trade.quantity, 1, side, trade.event_id


def _add_trade(text: str, batch: Batch) -> None:
    trade = _trade(text)
    check_keys(text, 7)
    add_trade(batch, trade.symbol, _row(trade))


def _add_trade_event(text: str, ns: int, batch: Batch) -> None:
    trade = _trade_event(text)
    if not ns:
        raise UnusableError("wrong time")
    side = _TAKERS.get(trade.makerSide, 0)
    add_trade(batch, trade.symbol, (ns, trade.price, trade.amount, 1, side, trade.tid))


def _add_updates(text: str, batch: Batch) -> None:
    updates = _updates(text)
    check_keys(text, 3)
    bids = [(level.price, level.size) for level in updates.changes if level.side == "buy"]
    asks = [(level.price, level.size) for level in updates.changes if level.side == "sell"]
    is_first = not isinstance(updates.trades, UnsetType)
    made: list[tuple[str, TradeRow]] = []

    def add(record: str, _batch: Batch) -> None:
        trade = _trade(record)
        made.append((trade.symbol, _row(trade)))

    if not isinstance(updates.trades, UnsetType):
        add_records(updates.trades, add, batch)
    for symbol, row in oldest_first(made):
        add_trade(batch, symbol, row)
    add_depth(batch, updates.symbol, DepthUpdate(0, is_first, bids, asks))
