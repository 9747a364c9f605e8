"""OKX v5: ``{"arg": {"channel", "instId"}, "data": [...]}`` messages.

Sources: www.okx.com/docs-v5 (public channels), checked on a recording of 2022.

* All numbers are strings, an absent price is ``""``. ``side`` is the taker's. Ids rise by one a trade.
* ``trades`` has one row a taker's order and price: ``count`` of them became one, under the id of the last.
  ``trades-all`` has each.
* The first ``trades`` frame after a subscription is an *old* trade, half a minute old in our recording.
* Sizes of swaps and futures are in contracts; their candles' turnover, in money, is not price x size.
* ``books`` sends a snapshot, then changes; ``books5`` whole books, ``bbo-tbt`` the best bid and ask.
* Each subscription of a request is answered for itself, under the request's ``id``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

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
from mdnb.rows import BarRow, Batch, DepthUpdate, Reply
from mdnb.venue_fields import (
    Epoch,
    Identifier,
    Price,
    Size,
    Symbol,
    UnusableError,
    epoch_ns,
    number_or_nan,
    typed,
)

__all__ = ["Decoder"]


_NONE = msgspec.UNSET


class _Trade(msgspec.Struct, gc=False):
    instId: Symbol
    tradeId: Identifier
    px: Price
    sz: Size
    side: Literal["buy", "sell"]
    ts: Epoch
    count: Identifier = 0
    source: str = ""
    seqId: int | msgspec.UnsetType = _NONE


class _Argument(msgspec.Struct, gc=False):
    channel: str
    instId: Symbol = "*"


class _WholeArgument(msgspec.Struct, gc=False):
    channel: str
    instId: Symbol


class _Trades(msgspec.Struct, gc=False):
    arg: _WholeArgument
    data: list[_Trade]


class _Ticker(msgspec.Struct, gc=False):
    instId: Symbol
    askPx: str
    askSz: str
    bidPx: str
    bidSz: str
    ts: Epoch


class _Level(msgspec.Struct, gc=False, array_like=True):
    price: Price
    size: Size


class _Book(msgspec.Struct, gc=False):
    asks: list[_Level]
    bids: list[_Level]
    ts: Epoch
    seqId: int = -1
    prevSeqId: int = -1


class _Candle(msgspec.Struct, gc=False, array_like=True):
    ts: Epoch
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    volume_currency: Size | None = None
    volume_quote: Size | None = None
    confirm: Literal["0", "1"] | None = None


class _Envelope(msgspec.Struct, gc=False):
    arg: _Argument | None = None
    data: list[msgspec.Raw] | None = None
    action: str = ""
    event: str = ""
    msg: str | None = None
    id: str | int | None = None


_NOBODY = _Level(float("nan"), float("nan"))

_trades = typed(_Trades)
_trade = typed(_Trade)
_ticker = typed(_Ticker)
_book = typed(_Book)
_candle = typed(_Candle)
_envelope = typed(_Envelope)

_BOOKS = frozenset({"books", "books5", "books-l2-tbt", "books50-l2-tbt"})
_EVENTS = frozenset(
    {"subscribe", "unsubscribe", "login", "error", "notice", "channel-conn-count", "channel-conn-count-error"}
)
_TRADES = '{"arg":{"channel":"trades","', '{"arg":{"channel":"trades-all","'


class Decoder:
    """Decodes OKX's frames.

    Examples
    --------
    >>> frame = (
    ...     '{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"7",'
    ...     '"px":"30236","sz":"0.0002","side":"buy","ts":"1652459224818"}]}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'BTC-USDT': [(1652459224818000000, 30236.0, 0.0002, 1, 1, 7)]}
    """

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, _frame)


def _frame(text: str, batch: Batch) -> None:
    if text == "pong":
        batch.control += 1
        return
    if text.startswith(_TRADES):
        try:
            trades = _trades(text).data
        except msgspec.ValidationError:
            _rest(text, batch)
            return
        check_keys(text, 4 + (_colons(trades[0]) if len(trades) == 1 else sum(map(_colons, trades))))
        for trade in trades:
            add_trade(batch, trade.instId, _row(trade))
        batch.control += not trades
    else:
        _rest(text, batch)


def _rest(text: str, batch: Batch) -> None:
    refuse_duplicates(text)
    envelope = _envelope(text)
    if envelope.event:
        if envelope.event not in _EVENTS:
            raise UnusableError("unknown event")
        failed = envelope.event == "error"
        batch.control += 1
        batch.replies.append(
            Reply(
                reply_number(str(envelope.id)), not failed, reply_text(envelope.msg or "") if failed else ""
            )
        )
    elif envelope.arg is None or envelope.data is None:
        raise UnusableError("unknown message")
    else:
        add_records(envelope.data, _handler(envelope.arg, envelope.action), batch)
        batch.control += not envelope.data


def _handler(arg: _Argument, action: str) -> Callable[[str, Batch], None]:
    """Return what takes one record of this channel."""
    channel = arg.channel
    if channel in ("trades", "trades-all"):
        return _add_one
    if channel == "tickers":
        return _add_ticker
    if channel == "bbo-tbt":
        return lambda text, batch: _add_best(arg.instId, text, batch)
    if channel in _BOOKS:
        snapshot = action == "snapshot" or channel == "books5"
        return lambda text, batch: _add_depth(arg.instId, snapshot, text, batch)
    if channel.startswith("candle"):
        timeframe = timeframe_name(channel.removeprefix("candle").removesuffix("utc"))
        return lambda text, batch: _add_candle(arg.instId, timeframe, text, batch)
    raise UnusableError("unknown channel")


def _colons(trade: _Trade) -> int:
    return 6 + (trade.count > 0) + (trade.source != "") + (trade.seqId is not _NONE)


def _row(trade: _Trade) -> tuple[int, float, float, int, int, int]:
    side = 1 if trade.side == "buy" else -1
    return epoch_ns(trade.ts), trade.px, trade.sz, trade.count or 1, side, trade.tradeId


def _add_one(text: str, batch: Batch) -> None:
    trade = _trade(text)
    add_trade(batch, trade.instId, _row(trade))


def _add_ticker(text: str, batch: Batch) -> None:
    ticker = _ticker(text)
    bid, bid_size = number_or_nan(ticker.bidPx), number_or_nan(ticker.bidSz)
    ask, ask_size = number_or_nan(ticker.askPx), number_or_nan(ticker.askSz)
    add_quote(batch, ticker.instId, (epoch_ns(ticker.ts), bid, bid_size, ask, ask_size))


def _add_best(symbol: str, text: str, batch: Batch) -> None:
    book = _book(text)
    bid, ask = (levels[0] if levels else _NOBODY for levels in (book.bids, book.asks))
    add_quote(batch, symbol, (epoch_ns(book.ts), bid.price, bid.size, ask.price, ask.size))


def _add_depth(symbol: str, snapshot: bool, text: str, batch: Batch) -> None:
    book = _book(text)
    ns = epoch_ns(book.ts)
    bids = [(level.price, level.size) for level in book.bids]
    asks = [(level.price, level.size) for level in book.asks]
    previous = -1 if snapshot else book.prevSeqId
    update = DepthUpdate(ns, snapshot, bids, asks, previous, book.seqId)
    batch.depth.setdefault(symbol, []).append(update)
    batch.clock_ns = max(batch.clock_ns, ns)


def _add_candle(symbol: str, timeframe: str, text: str, batch: Batch) -> None:
    candle = _candle(text)
    prices = (candle.open, candle.high, candle.low, candle.close)
    is_spot = symbol.count("-") == 1
    told = candle.volume_quote
    turnover = told if is_spot and told is not None else float("nan")
    row: BarRow = (epoch_ns(candle.ts), *prices, candle.volume, 0, turnover)
    add_bar(batch, symbol, timeframe, row, candle.confirm == "1")
