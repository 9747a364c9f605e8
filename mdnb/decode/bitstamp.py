"""Bitstamp: ``{"data", "channel", "event"}`` messages.

Sources: www.bitstamp.net/websocket/v2, checked on a recording of 2022.

* The symbol is the end of the channel's name: ``live_trades_ethusd`` is ``ethusd``.
* ``type`` 0 means that the taker bought, 1 that it sold. Ids rise, over all symbols of the venue.
* ``diff_order_book`` holds changes, ``order_book`` and ``detail_order_book`` a whole book.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from mdnb.decode.fields import add_trade, check_keys, decode_frames, refuse_duplicates, reply_text
from mdnb.decode.torn_books import book_in
from mdnb.rows import Batch, DepthUpdate, Reply
from mdnb.venue_fields import Epoch, Identifier, Price, Size, UnusableError, epoch_ns, typed

__all__ = ["Decoder"]


class _Trade(msgspec.Struct, gc=False):
    id: Identifier
    timestamp: Epoch
    amount: Size
    amount_str: Size
    price: Price
    price_str: Price
    type: Literal[0, 1]
    microtimestamp: Epoch
    buy_order_id: int
    sell_order_id: int


class _TradeFrame(msgspec.Struct, gc=False):
    data: _Trade
    channel: str
    event: Literal["trade"]


class _Level(msgspec.Struct, gc=False, array_like=True):
    price: Price
    size: Size


class _Book(msgspec.Struct, gc=False):
    timestamp: Epoch
    microtimestamp: Epoch
    bids: list[_Level]
    asks: list[_Level]


class _BookFrame(msgspec.Struct, gc=False):
    data: _Book
    channel: str
    event: Literal["data"]


class _Problem(msgspec.Struct, gc=False):
    message: str = ""


class _Event(msgspec.Struct, gc=False):
    event: str


class _Other(msgspec.Struct, gc=False):
    event: str
    channel: str = ""
    data: _Problem | str | None = None


_trade = typed(_TradeFrame)
_book = typed(_BookFrame)
_event = typed(_Event)
_other = typed(_Other)

_NOTICES = frozenset(
    {
        "bts:subscription_succeeded",
        "bts:unsubscription_succeeded",
        "bts:heartbeat",
        "bts:request_reconnect",
        "bts:error",
        "order_created",
        "order_changed",
        "order_deleted",
    }
)
_TRADES = "live_trades_"
_CHANGES = "diff_order_book_"
_WHOLE = ("order_book_", "detail_order_book_")
# Books that come whole each time mend themselves.
_book_of = book_in('"channel" : "diff_order_book_', '"channel" : "diff_order_book_([^"]+)"')


class Decoder:
    """Decodes Bitstamp's frames.

    Examples
    --------
    >>> frame = (
    ...     '{"data":{"id":5,"timestamp":"1641343721","amount":2.5,"amount_str":"2.50000000","price":3800.8,'
    ...     '"price_str":"3800.80","type":1,"microtimestamp":"1641343721269000","buy_order_id":1,'
    ...     '"sell_order_id":2},"channel":"live_trades_ethusd","event":"trade"}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'ethusd': [(1641343721269000000, 3800.8, 2.5, 1, -1, 5)]}
    """

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, _frame, _book_of)


def _frame(text: str, batch: Batch) -> None:
    # The event stands last in the venue's messages; a guess by it, which the typed decoder confirms.
    tail = text[-80:]
    if '"event":"trade"' in tail:
        _add_trade(_trade(text), text, batch)
    elif '"event":"data"' in tail:
        _add_depth(_book(text), text, batch)
    else:
        _rest(text, batch)


def _add_trade(frame: _TradeFrame, text: str, batch: Batch) -> None:
    check_keys(text, 13)
    data = frame.data
    side = 1 if data.type == 0 else -1
    row = (epoch_ns(data.microtimestamp), data.price_str, data.amount_str, 1, side, data.id)
    add_trade(batch, _symbol(frame.channel, _TRADES), row)


def _add_depth(frame: _BookFrame, text: str, batch: Batch) -> None:
    check_keys(text, 7)
    snapshot = frame.channel.startswith(_WHOLE)
    symbol = _symbol(frame.channel, *(_WHOLE if snapshot else (_CHANGES,)))
    book = frame.data
    ns = epoch_ns(book.microtimestamp)
    bids = [(level.price, level.size) for level in book.bids]
    asks = [(level.price, level.size) for level in book.asks]
    batch.depth.setdefault(symbol, []).append(DepthUpdate(ns, snapshot, bids, asks))
    batch.clock_ns = max(batch.clock_ns, ns)


def _symbol(channel: str, *prefixes: str) -> str:
    for prefix in prefixes:
        if channel.startswith(prefix) and len(prefix) < len(channel) <= len(prefix) + 64:
            return channel[len(prefix) :]
    raise UnusableError("unknown channel")


def _rest(text: str, batch: Batch) -> None:
    refuse_duplicates(text)
    event = _event(text).event
    if event == "trade":
        _add_trade(_trade(text), text, batch)
    elif event == "data":
        _add_depth(_book(text), text, batch)
    else:
        _add_notice(_other(text), batch)


def _add_notice(other: _Other, batch: Batch) -> None:
    if other.event not in _NOTICES:
        raise UnusableError("unknown event")
    if other.event == "bts:error":
        words = other.data.message if isinstance(other.data, _Problem) else other.data or ""
        batch.replies.append(Reply(0, False, reply_text(words)))
    elif other.event.endswith("subscription_succeeded"):
        batch.replies.append(Reply(0, True))
    batch.control += 1
