"""Coinbase Exchange: ``{"type": ...}`` messages.

Sources: docs.cdp.coinbase.com/exchange (web socket channels), checked on a recording of 2021.

* ``side`` of a match is the *maker's*: the taker did the opposite. (``ticker`` shows the taker's.)
* ``last_match``, sent once a product at subscribe, is an *old* trade; its id tells the next one expected.
* ``trade_id`` rises by one a trade and product.
* ``ticker`` repeats the last trade beside the best prices: it is a quote here, never a second trade.
* Updates of a book have no number: of ``level2`` the venue promises that each comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from mdnb.decode.fields import add_quote, add_trade, check_keys, decode_frames, refuse_duplicates, reply_text
from mdnb.decode.torn_books import book_in
from mdnb.rows import Batch, DepthUpdate, Reply
from mdnb.venue_fields import (
    Identifier,
    Level,
    Price,
    Size,
    Symbol,
    UnusableError,
    iso_ns,
    typed,
)

__all__ = ["Decoder"]


class _Match(msgspec.Struct, gc=False):
    type: Literal["match", "last_match"]
    trade_id: Identifier
    maker_order_id: str
    taker_order_id: str
    side: Literal["buy", "sell"]
    size: Size
    price: Price
    product_id: Symbol
    sequence: Identifier
    time: str


class _AnyMatch(msgspec.Struct, gc=False):
    """What of a match is used, for one that lacks something else."""

    trade_id: Identifier
    side: Literal["buy", "sell"]
    size: Size
    price: Price
    product_id: Symbol
    time: str


class _Ticker(msgspec.Struct, gc=False):
    product_id: Symbol
    # Empty, or zero, where nobody is on that side.
    best_bid: Price | Literal[""] | None
    best_ask: Price | Literal[""] | None
    best_bid_size: Size | Literal[""] | None = None
    best_ask_size: Size | Literal[""] | None = None
    time: str | None = ""


class _Change(msgspec.Struct, gc=False, array_like=True):
    side: Literal["buy", "sell"]
    price: Price
    size: Size


class _Update(msgspec.Struct, gc=False):
    type: Literal["l2update"]
    product_id: Symbol
    changes: list[_Change]
    time: str


class _Snapshot(msgspec.Struct, gc=False):
    type: Literal["snapshot"]
    product_id: Symbol
    bids: list[Level]
    asks: list[Level]
    time: str = ""


class _Other(msgspec.Struct, gc=False):
    type: str
    message: str | None = None
    reason: str | None = None
    time: str | None = None


_match = typed(_Match)
_any_match = typed(_AnyMatch)
_ticker = typed(_Ticker)
_update = typed(_Update)
_snapshot = typed(_Snapshot)
_other = typed(_Other)

_book_of = book_in('"type" : "(?:l2update|snapshot)"', '"product_id" : "([^"]+)"')
_MATCHES = ('{"type":"match"', '{"type":"last_match"')
_NOTICES = frozenset(
    {"subscriptions", "heartbeat", "status", "received", "open", "done", "change", "activate", "auction"}
)


class Decoder:
    """Decodes Coinbase Exchange's frames.

    Examples
    --------
    >>> frame = (
    ...     '{"type":"match","trade_id":7,"maker_order_id":"","taker_order_id":"","side":"sell","size":"985",'
    ...     '"price":"0.00001305","product_id":"SKL-BTC","sequence":1,"time":"2021-04-17T16:43:37.089723Z"}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'SKL-BTC': [(1618677817089723000, 1.305e-05, 985.0, 1, 1, 7)]}
    """

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, _frame, _book_of)


def _frame(text: str, batch: Batch) -> None:
    if text.startswith(_MATCHES):
        _add_match(text, batch)
        return
    kind = text[9 : text.find('"', 9)] if text.startswith('{"type":"') else _other(text).type
    if kind in ("match", "last_match"):
        _add_match(text, batch)
    elif kind == "l2update":
        update = _update(text)
        check_keys(text, 6)
        bids = [(change.price, change.size) for change in update.changes if change.side == "buy"]
        asks = [(change.price, change.size) for change in update.changes if change.side == "sell"]
        _add_depth(batch, update.product_id, DepthUpdate(iso_ns(update.time), False, bids, asks))
    elif kind in ("ticker", "ticker_batch"):
        refuse_duplicates(text)
        ticker = _ticker(text)
        ns = iso_ns(ticker.time) if ticker.time else 0
        sides = (ticker.best_bid, ticker.best_bid_size, ticker.best_ask, ticker.best_ask_size)
        bid, bid_size, ask, ask_size = (float("nan") if one is None or one == "" else one for one in sides)
        add_quote(batch, ticker.product_id, (ns, bid, bid_size, ask, ask_size))
    elif kind == "snapshot":
        book = _snapshot(text)
        check_keys(text, 7 if book.time else 4)
        ns = iso_ns(book.time) if book.time else 0
        _add_depth(batch, book.product_id, DepthUpdate(ns, True, book.bids, book.asks))
    else:
        _add_notice(kind, text, batch)


def _add_match(text: str, batch: Batch) -> None:
    match: _Match | _AnyMatch
    try:
        match = _match(text)
        check_keys(text, 12)
    except msgspec.ValidationError:
        match = _any_match(text)
        refuse_duplicates(text)
    side = 1 if match.side == "sell" else -1
    add_trade(batch, match.product_id, (iso_ns(match.time), match.price, match.size, 1, side, match.trade_id))


def _add_depth(batch: Batch, symbol: str, update: DepthUpdate) -> None:
    batch.depth.setdefault(symbol, []).append(update)
    if update.ts_ns > batch.clock_ns:
        batch.clock_ns = update.ts_ns


def _add_notice(kind: str, text: str, batch: Batch) -> None:
    refuse_duplicates(text)
    other = _other(text)
    if kind == "error":
        words = ": ".join(filter(None, (other.message, other.reason)))
        batch.replies.append(Reply(0, False, reply_text(words)))
    elif kind == "subscriptions":
        batch.replies.append(Reply(0, True))
    elif kind not in _NOTICES:
        raise UnusableError("unknown message")
    batch.control += 1
    if other.time:
        batch.clock_ns = max(batch.clock_ns, iso_ns(other.time))
