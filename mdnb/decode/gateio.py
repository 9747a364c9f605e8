"""Gate.io spot v4: ``{"time", "channel", "event", "result"}`` messages.

Sources: www.gate.io/docs/developers/apiv4/ws, checked on a recording of 2021.

* ``create_time_ms`` is a decimal with a fraction of a millisecond, read exactly.
* A candle's ``v`` is in the *quote* currency (our turnover); its volume in the base currency, ``a``, is
  missing from older recordings: ``nan`` then. It has no number of trades: 0. ``w`` says that it is closed;
  where that is missing, the next candle closes it. An acknowledgement does not name what is subscribed: one
  of candles, as after an outage, forgets all that were being made.
* ``spot.order_book_update`` has changes, numbered ``U`` to ``u`` without a hole; the whole book is fetched
  over HTTP, and is no part of a recording. The number of ``spot.order_book`` is ``lastUpdateId``.
* ``spot.tickers`` has no sizes, and a time in whole seconds unless ``time_ms`` is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from mdnb.decode.fields import (
    OpenBars,
    add_bar,
    add_quote,
    add_trade,
    check_keys,
    decode_frames,
    refuse_duplicates,
    reply_text,
    timeframe_name,
)
from mdnb.rows import BarRow, Batch, DepthUpdate, Reply
from mdnb.venue_fields import (
    Epoch,
    Identifier,
    Level,
    Price,
    Size,
    Symbol,
    UnusableError,
    decimal_ns,
    epoch_ns,
    number_or_nan,
    typed,
)

__all__ = ["Decoder"]


class _Trade(msgspec.Struct, gc=False):
    id: Identifier
    create_time: Epoch
    create_time_ms: str
    side: Literal["buy", "sell"]
    currency_pair: Symbol
    amount: Size
    price: Price


class _TradeFrame(msgspec.Struct, gc=False):
    time: Epoch
    channel: str
    event: str
    result: _Trade


class _Ticker(msgspec.Struct, gc=False):
    currency_pair: Symbol
    lowest_ask: str
    highest_bid: str


class _TickerFrame(msgspec.Struct, gc=False):
    result: _Ticker


class _Best(msgspec.Struct, gc=False):
    t: Epoch
    s: Symbol
    b: str
    B: str
    a: str
    A: str


class _BestFrame(msgspec.Struct, gc=False):
    result: _Best


class _Candle(msgspec.Struct, gc=False):
    t: Epoch
    o: Price
    h: Price
    l: Price
    c: Price
    v: Size
    n: str
    a: Size = float("nan")
    w: bool | None = None


class _CandleFrame(msgspec.Struct, gc=False):
    result: _Candle


class _Book(msgspec.Struct, gc=False):
    t: Epoch
    s: Symbol
    b: list[Level] | None = None
    a: list[Level] | None = None
    bids: list[Level] | None = None
    asks: list[Level] | None = None
    full: bool = False
    U: int = -1
    u: int = -1
    lastUpdateId: int = -1


class _BookFrame(msgspec.Struct, gc=False):
    result: _Book


class _Error(msgspec.Struct, gc=False):
    message: str = ""


class _Envelope(msgspec.Struct, gc=False):
    channel: str
    time: Epoch = 0
    time_ms: Epoch = 0
    event: str = ""
    id: Identifier = 0
    error: _Error | None = None


_trade = typed(_TradeFrame)
_ticker = typed(_TickerFrame)
_best = typed(_BestFrame)
_candle = typed(_CandleFrame)
_book = typed(_BookFrame)
_envelope = typed(_Envelope)


class Decoder:
    """Decodes Gate.io's frames.

    Examples
    --------
    >>> frame = (
    ...     '{"time":1619093562,"channel":"spot.trades","event":"update","result":{"id":8,'
    ...     '"create_time":1619093562,"create_time_ms":"1619093562050.3572","side":"sell",'
    ...     '"currency_pair":"NEO_BTC","amount":"0.5","price":"0.0018678"}}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'NEO_BTC': [(1619093562050357200, 0.0018678, 0.5, 1, -1, 8)]}
    """

    def __init__(self) -> None:
        self._bars = OpenBars()

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, self._frame)

    def _frame(self, text: str, batch: Batch) -> None:
        envelope = _envelope(text)
        channel, event = envelope.channel, envelope.event
        if event not in ("update", "all") or envelope.error is not None:
            _add_notice(envelope, text, batch)
            if (channel, event) == ("spot.candlesticks", "subscribe") and envelope.error is None:
                self._bars.forget()
        elif channel == "spot.trades":
            trade = _trade(text).result
            check_keys(text, 11)
            side = 1 if trade.side == "buy" else -1
            row = (decimal_ns(trade.create_time_ms, 6), trade.price, trade.amount, 1, side, trade.id)
            add_trade(batch, trade.currency_pair, row)
        elif channel == "spot.tickers":
            refuse_duplicates(text)
            ticker, nan = _ticker(text).result, float("nan")
            ns = epoch_ns(envelope.time_ms) if envelope.time_ms else decimal_ns(str(envelope.time))
            bid, ask = number_or_nan(ticker.highest_bid), number_or_nan(ticker.lowest_ask)
            add_quote(batch, ticker.currency_pair, (ns, bid, nan, ask, nan))
        elif channel == "spot.book_ticker":
            refuse_duplicates(text)
            best = _best(text).result
            sides = [number_or_nan(side) for side in (best.b, best.B, best.a, best.A)]
            add_quote(batch, best.s, (epoch_ns(best.t), sides[0], sides[1], sides[2], sides[3]))
        elif channel == "spot.candlesticks":
            refuse_duplicates(text)
            self._add_candle(_candle(text).result, batch)
        elif channel.startswith("spot.order_book"):
            refuse_duplicates(text)
            _add_depth(_book(text).result, channel, batch)
        else:
            raise UnusableError("unknown channel")

    def _add_candle(self, candle: _Candle, batch: Batch) -> None:
        interval, _, symbol = candle.n.partition("_")
        if not 0 < len(symbol) <= 64:
            raise UnusableError("unknown candle")
        timeframe = timeframe_name(interval)
        start = decimal_ns(str(candle.t))
        row: BarRow = (start, candle.o, candle.h, candle.l, candle.c, candle.a, 0, candle.v)
        if candle.w is None:
            self._bars.add(batch, symbol, timeframe, row)
        else:
            add_bar(batch, symbol, timeframe, row, candle.w)


def _add_depth(book: _Book, channel: str, batch: Batch) -> None:
    changes = channel == "spot.order_book_update"
    bids, asks = (book.b, book.a) if changes else (book.bids, book.asks)
    if bids is None and asks is None:
        raise UnusableError("depth without levels")
    ns = epoch_ns(book.t)
    whole = book.full or not changes
    previous = -1 if whole or book.U < 0 else book.U - 1
    number = book.u if changes else book.lastUpdateId
    update = DepthUpdate(ns, whole, bids or [], asks or [], previous, number)
    batch.depth.setdefault(book.s, []).append(update)
    batch.clock_ns = max(batch.clock_ns, ns)


def _add_notice(envelope: _Envelope, text: str, batch: Batch) -> None:
    refuse_duplicates(text)
    if envelope.error is not None:
        batch.replies.append(Reply(envelope.id, False, reply_text(envelope.error.message)))
    elif envelope.event in ("subscribe", "unsubscribe"):
        batch.replies.append(Reply(envelope.id, True))
    elif envelope.channel not in ("spot.pong", "spot.ping"):
        raise UnusableError("unknown message")
    batch.control += 1
