"""Kraken Futures: ``{"feed": ...}`` messages of its web socket v1, which Kraken's spot market does not speak.

Sources: docs.kraken.com (Futures, web sockets), checked on a recording of 2021 that bmoscon/cryptofeed
keeps (``sample_data/KRAKEN_FUTURES.ws.1.0``); ``ticker`` is from the documentation alone.

* A frame has one trade; ``trade_snapshot`` has up to a hundred *old* ones, the newest first. ``seq`` rises
  by one a trade and product, so that it is the id here; ``uid`` would only differ.
* ``side`` of a trade is the taker's, that of a ``book`` message the side of the book.
* A ``book`` message is one level: its whole new size, 0 where it is gone. Its ``seq`` rises by one a
  message.
* Sizes of inverse contracts (``PI_``, ``FI_``) are whole dollars.
* ``ticker_lite`` has neither sizes nor a time: such quotes have ``ts_ns`` 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from mdnb.decode.fields import (
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
from mdnb.rows import Batch, DepthUpdate, Reply, TradeRow
from mdnb.venue_fields import Epoch, Identifier, Price, Size, Symbol, UnusableError, epoch_ns, typed

__all__ = ["Decoder"]


class _Trade(msgspec.Struct, gc=False):
    feed: Literal["trade"]
    product_id: Symbol
    uid: str
    side: Literal["buy", "sell"]
    type: str
    seq: Identifier
    time: Epoch
    qty: Size
    price: Price


class _TradeSnapshot(msgspec.Struct, gc=False):
    trades: list[msgspec.Raw]


class _Level(msgspec.Struct, gc=False):
    price: Price
    qty: Size


class _BookSnapshot(msgspec.Struct, gc=False):
    product_id: Symbol
    timestamp: Epoch
    seq: Identifier
    bids: list[_Level]
    asks: list[_Level]


class _BookChange(msgspec.Struct, gc=False):
    feed: Literal["book"]
    product_id: Symbol
    side: Literal["buy", "sell"]
    seq: Identifier
    price: Price
    qty: Size
    timestamp: Epoch


class _Ticker(msgspec.Struct, gc=False):
    product_id: Symbol
    bid: Price | None = None
    ask: Price | None = None
    bid_size: Size | None = None
    ask_size: Size | None = None
    time: Epoch | None = None


class _Other(msgspec.Struct, gc=False):
    feed: str = ""
    event: str = ""
    message: str = ""


_trade = typed(_Trade)
_trade_snapshot = typed(_TradeSnapshot)
_book_snapshot = typed(_BookSnapshot)
_book_change = typed(_BookChange)
_ticker = typed(_Ticker)
_other = typed(_Other)

_TRADE = '{"feed":"trade",'
_CHANGE = '{"feed":"book",'
_SAID = frozenset({"info", "challenge"})
_DONE = frozenset({"subscribed", "unsubscribed"})
_FAILED = frozenset({"alert", "error", "subscribed_failed", "unsubscribed_failed"})
_NOTICES = frozenset({"heartbeat"})


class Decoder:
    """Decodes Kraken Futures' frames; keeps no state.

    Examples
    --------
    >>> frame = (
    ...     '{"feed":"trade","product_id":"PI_XBTUSD","uid":"8b3e7e72-950c-4c4e-8ab8-24aebcab80d2",'
    ...     '"side":"sell","type":"fill","seq":653355,"time":1612266317519,"qty":15000,"price":34969.5}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'PI_XBTUSD': [(1612266317519000000, 34969.5, 15000.0, 1, -1, 653355)]}
    """

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, _frame)


def _frame(text: str, batch: Batch) -> None:
    if text.startswith(_TRADE):
        _add_trade(text, batch)
        return
    if text.startswith(_CHANGE):
        _add_change(text, batch)
        return
    refuse_duplicates(text)
    other = _other(text)
    if other.event:
        _add_event(other, batch)
    elif other.feed == "trade":
        _add_trade(text, batch)
    elif other.feed == "book":
        _add_change(text, batch)
    elif other.feed == "trade_snapshot":
        _add_trades(text, batch)
    elif other.feed == "book_snapshot":
        book = _book_snapshot(text)
        bids = [(level.price, level.qty) for level in book.bids]
        asks = [(level.price, level.qty) for level in book.asks]
        ns = epoch_ns(book.timestamp)
        add_depth(batch, book.product_id, DepthUpdate(ns, True, bids, asks, last_id=book.seq))
    elif other.feed in ("ticker", "ticker_lite"):
        _add_ticker(text, batch)
    elif other.feed in _NOTICES:
        batch.control += 1
    else:
        raise UnusableError("unknown feed" if other.feed else "unknown message")


def _row(trade: _Trade) -> TradeRow:
    return epoch_ns(trade.time), trade.price, trade.qty, 1, 1 if trade.side == "buy" else -1, trade.seq


def _add_trade(text: str, batch: Batch) -> None:
    trade = _trade(text)
    check_keys(text, 9)
    add_trade(batch, trade.product_id, _row(trade))


def _add_trades(text: str, batch: Batch) -> None:
    made: list[tuple[str, TradeRow]] = []

    def add(record: str, _batch: Batch) -> None:
        trade = _trade(record)
        made.append((trade.product_id, _row(trade)))

    records = _trade_snapshot(text).trades
    add_records(records, add, batch)
    for symbol, row in oldest_first(made):
        add_trade(batch, symbol, row)
    batch.control += not records


def _add_change(text: str, batch: Batch) -> None:
    change = _book_change(text)
    check_keys(text, 7)
    level = [(change.price, change.qty)]
    bids, asks = (level, []) if change.side == "buy" else ([], level)
    ns = epoch_ns(change.timestamp)
    add_depth(batch, change.product_id, DepthUpdate(ns, False, bids, asks, change.seq - 1, change.seq))


def _add_ticker(text: str, batch: Batch) -> None:
    ticker = _ticker(text)
    said = (ticker.bid, ticker.bid_size, ticker.ask, ticker.ask_size)
    if ticker.bid is None and ticker.ask is None:
        # A contract in whose book nobody is.
        batch.control += 1
        return
    bid, bid_size, ask, ask_size = (float("nan") if value is None else value for value in said)
    ns = 0 if ticker.time is None else epoch_ns(ticker.time)
    add_quote(batch, ticker.product_id, (ns, bid, bid_size, ask, ask_size))


def _add_event(other: _Other, batch: Batch) -> None:
    if other.event in _FAILED:
        batch.replies.append(Reply(0, False, reply_text(other.message)))
    elif other.event in _DONE:
        batch.replies.append(Reply(0, True))
    elif other.event not in _SAID:
        raise UnusableError("unknown event")
    batch.control += 1
