"""Binance spot, futures and their sisters: combined streams ``{"stream", "data"}`` and single ones.

Sources: developers.binance.com (web socket streams), checked on recordings of 2021 and 2024.

* ``m`` says that the *buyer was the maker*: true means the taker sold.
* An ``aggTrade`` stands for the raw trades ``f`` to ``l``, at one price; its id is ``a``.
* ``bookTicker`` of spot carries no time: such quotes have ``ts_ns`` 0.
* With ``timeUnit=MICROSECOND`` all times are in microseconds.
* A partial book (``@depth20``) is whole each time. That of spot has its symbol in the stream's name only;
  that of futures is a ``depthUpdate`` like any other, and only the stream's name says that it is whole.
* A snapshot of the REST interface, recorded between the frames, has no symbol: it is taken for the only one
  whose depth was seen on this connection so far, and refused if there is not exactly one.
* An ``aggTrade`` of futures has the size ``nq`` without those trades that retail orders were favoured in; the
  whole size, which is also that of the bars, is ``q``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET, Raw, UnsetType

from mdnb.decode.fields import (
    add_bar,
    add_quote,
    add_trade,
    check_keys,
    decode_frames,
    refuse_duplicates,
    reply_text,
    timeframe_name,
)
from mdnb.rows import Batch, DepthUpdate, Reply
from mdnb.venue_fields import Epoch, Identifier, Level, Price, Size, Symbol, UnusableError, epoch_ns, typed

__all__ = ["Decoder"]

# The structs' fields are the venue's own one-letter names; every key of a message is listed, because
# check_keys counts them.


_Some = Raw | UnsetType


class _Trade(msgspec.Struct, gc=False, tag_field="e", tag="trade"):
    E: Epoch
    s: Symbol
    t: Identifier
    p: Price
    q: Size
    T: Epoch
    m: bool
    M: bool | UnsetType = UNSET


class _AggTrade(msgspec.Struct, gc=False, tag_field="e", tag="aggTrade"):
    E: Epoch
    a: Identifier
    s: Symbol
    p: Price
    q: Size
    f: Identifier
    l: Identifier
    T: Epoch
    m: bool
    M: bool | UnsetType = UNSET
    nq: Size | UnsetType = UNSET


class _Candle(msgspec.Struct, gc=False):
    t: Epoch
    T: Epoch
    s: Symbol
    i: str
    o: Price
    c: Price
    h: Price
    l: Price
    v: Size
    n: Identifier
    x: bool
    q: Size
    # Not looked at, but counted.
    f: _Some = UNSET
    L: _Some = UNSET
    V: _Some = UNSET
    Q: _Some = UNSET
    B: _Some = UNSET


class _Kline(msgspec.Struct, gc=False, tag_field="e", tag="kline"):
    E: Epoch
    s: Symbol
    k: _Candle


class _Depth(msgspec.Struct, gc=False, tag_field="e", tag="depthUpdate"):
    E: Epoch
    s: Symbol
    U: Identifier
    u: Identifier
    b: list[Level]
    a: list[Level]
    T: Epoch | UnsetType = UNSET
    pu: int | UnsetType = UNSET


class _FuturesQuote(msgspec.Struct, gc=False, tag_field="e", tag="bookTicker"):
    u: Identifier
    s: Symbol
    b: Price
    B: Size
    a: Price
    A: Size
    T: Epoch
    E: Epoch


class _Ticker(msgspec.Struct, gc=False, tag_field="e", tag="24hrTicker"):
    s: Symbol
    b: Price
    B: Size
    a: Price
    A: Size
    E: Epoch


class _SpotQuote(msgspec.Struct, gc=False):
    u: Identifier
    s: Symbol
    b: Price
    B: Size
    a: Price
    A: Size


_Event = _Trade | _AggTrade | _Kline | _Depth | _FuturesQuote | _Ticker


class _EventFrame(msgspec.Struct, gc=False):
    stream: str
    data: _Event


class _SpotQuoteFrame(msgspec.Struct, gc=False):
    stream: str
    data: _SpotQuote


class _Book(msgspec.Struct, gc=False):
    bids: list[Level]
    asks: list[Level]
    lastUpdateId: _Some = UNSET


class _BookFrame(msgspec.Struct, gc=False):
    stream: str
    data: _Book


class _Other(msgspec.Struct, gc=False):
    stream: str = ""
    data: Raw | UnsetType = UNSET
    e: str = ""
    u: int | UnsetType = UNSET
    lastUpdateId: int | UnsetType = UNSET
    id: int | str | None = None
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    code: int | UnsetType = UNSET
    msg: str = ""


_event_frame = typed(_EventFrame)
_spot_quote_frame = typed(_SpotQuoteFrame)
_event: Callable[[str], _Event] = typed(_Event)  # type: ignore[arg-type]  # a union is no type[T]
_spot_quote = typed(_SpotQuote)
_book_frame = typed(_BookFrame)
_book = typed(_Book)
_other = typed(_Other)

_EVENTS = frozenset({"trade", "aggTrade", "kline", "depthUpdate", "bookTicker", "24hrTicker"})
_NOTICES = frozenset({"serverShutdown", "markPriceUpdate", "24hrMiniTicker", "avgPrice", "forceOrder"})


class Decoder:
    """Decodes Binance's frames; see the module for what is particular about them.

    Examples
    --------
    >>> frame = '{"e":"trade","E":2,"s":"BTCUSDT","t":7,"p":"61837.63","q":"0.02","T":1,"m":true,"M":true}'
    >>> Decoder().feed([frame]).trades
    {'BTCUSDT': [(1000000, 61837.63, 0.02, 1, -1, 7)]}
    """

    def __init__(self) -> None:
        self._symbols: set[str] = set()

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, self._frame)

    def _frame(self, text: str, batch: Batch) -> None:
        # The first characters are a guess at the shape; the typed decoders have the last word.
        try:
            if text.find("@bookTicker", 0, 60) > 0 and '"e":' not in text:
                quote = _spot_quote_frame(text).data
                check_keys(text, 8)
                add_quote(batch, quote.s, (0, quote.b, quote.B, quote.a, quote.A))
                return
            if text.find("@depth", 0, 60) > 0 and '"e":' not in text:
                partial = _book_frame(text)
                check_keys(text, 4 + (partial.data.lastUpdateId is not UNSET))
                _add_book(partial.data, _symbol_of(partial.stream), batch)
                return
            if text.startswith('{"e":"'):
                event, stream, colons = _event(text), "", 0
            else:
                frame = _event_frame(text)
                event, stream, colons = frame.data, frame.stream, 2
        except msgspec.ValidationError:
            self._rest(text, batch)
            return
        if isinstance(event, _Trade):
            check_keys(text, colons + (8 if event.M is UNSET else 9))
            _add_trade(event, batch)
        elif isinstance(event, _AggTrade):
            check_keys(text, colons + 10 + (event.M is not UNSET) + (event.nq is not UNSET))
            _add_aggregate(event, batch)
        else:
            check_keys(text, colons + _colons(event))
            self._add(event, stream, batch)

    def _add(self, event: _Event, stream: str, batch: Batch) -> None:
        if isinstance(event, _Trade):
            _add_trade(event, batch)
        elif isinstance(event, _AggTrade):
            _add_aggregate(event, batch)
        elif isinstance(event, _Kline):
            k = event.k
            timeframe = timeframe_name(k.i)
            add_bar(batch, event.s, timeframe, (epoch_ns(k.t), k.o, k.h, k.l, k.c, k.v, k.n, k.q), k.x)
        elif isinstance(event, _Depth):
            ns = epoch_ns(event.E if isinstance(event.T, UnsetType) else event.T)
            whole = _is_partial_book(stream)
            # Changes of futures say what they follow; those of spot begin with the number after it.
            previous = -1 if whole else event.U - 1 if isinstance(event.pu, UnsetType) else event.pu
            update = DepthUpdate(ns, whole, event.b, event.a, previous, event.u)
            batch.depth.setdefault(event.s, []).append(update)
            self._symbols.add(event.s)
        else:
            add_quote(batch, event.s, (epoch_ns(event.E), event.b, event.B, event.a, event.A))
        batch.clock_ns = max(batch.clock_ns, epoch_ns(event.E))

    def _rest(self, text: str, batch: Batch) -> None:
        refuse_duplicates(text)
        other = _other(text)
        stream = other.stream
        if isinstance(other.data, Raw):
            text = str(other.data, "utf-8")
            other = _other(text)
        if other.e in _EVENTS:
            self._add(_event(text), stream, batch)
        elif other.e:
            if other.e not in _NOTICES:
                raise UnusableError("unknown event")
            batch.control += 1
        elif other.lastUpdateId is not UNSET:
            _add_book(_book(text), _symbol_of(stream) if stream else self._only_symbol(), batch)
        elif other.u is not UNSET:
            quote = _spot_quote(text)
            add_quote(batch, quote.s, (0, quote.b, quote.B, quote.a, quote.A))
        elif other.result is not UNSET or other.error is not UNSET or other.code is not UNSET:
            batch.replies.append(_reply(other))
            batch.control += 1
        else:
            raise UnusableError("unknown message")

    def _only_symbol(self) -> str:
        if len(self._symbols) != 1:
            raise UnusableError("depth without a symbol")
        return next(iter(self._symbols))


def _symbol_of(stream: str) -> str:
    symbol = stream.partition("@")[0].upper()
    if not 0 < len(symbol) <= 64:
        raise UnusableError("depth without a symbol")
    return symbol


def _is_partial_book(stream: str) -> bool:
    return stream.partition("@depth")[2][:1].isdigit()


def _add_book(book: _Book, symbol: str, batch: Batch) -> None:
    batch.depth.setdefault(symbol, []).append(DepthUpdate(0, True, book.bids, book.asks))


def _add_trade(event: _Trade, batch: Batch) -> None:
    add_trade(batch, event.s, (epoch_ns(event.T), event.p, event.q, 1, -1 if event.m else 1, event.t))
    ns = epoch_ns(event.E)
    if ns > batch.clock_ns:
        batch.clock_ns = ns


def _add_aggregate(event: _AggTrade, batch: Batch) -> None:
    count = event.l - event.f + 1
    if count < 1:
        raise UnusableError("aggregate of no trade")
    add_trade(batch, event.s, (epoch_ns(event.T), event.p, event.q, count, -1 if event.m else 1, event.a))
    ns = epoch_ns(event.E)
    if ns > batch.clock_ns:
        batch.clock_ns = ns


def _colons(event: _Event) -> int:
    """Return how many colons such a message has, a negative number where it has keys that we do not list."""
    if isinstance(event, _Kline):
        k = event.k
        return 16 + sum(field is not UNSET for field in (k.f, k.L, k.V, k.Q, k.B))
    if isinstance(event, _Depth):
        return 7 + (event.T is not UNSET) + (event.pu is not UNSET)
    return 9 if isinstance(event, _FuturesQuote) else -1000


def _reply(other: _Other) -> Reply:
    refusal = other.error if isinstance(other.error, Raw) else None
    failed = refusal is not None or other.code is not UNSET
    error = other.msg or (str(refusal, "utf-8") if refusal is not None else "")
    return Reply(other.id if isinstance(other.id, int) else 0, not failed, reply_text(error))
