"""Bitget: ``{"action", "arg": {"instType", "channel", "instId"}, "data": [...], "ts"}`` messages.

Sources: www.bitget.com/api-doc (version 2, public channels) alone: no recording of it was at hand. Version 1
was checked on the beginning of a recording of 2022 that bmoscon/cryptofeed keeps
(``sample_data/BITGET.ws.1.0``).

* All numbers are strings; an absent price is ``""``. ``side`` is the taker's. Ids rise, and are not
  contiguous.
* The first ``trade`` frame is a snapshot of *old* trades; trades are listed the newest first.
* ``books`` sends a snapshot, then changes, numbered by ``seq`` where the venue says it; ``books1``,
  ``books5`` and ``books15`` are whole books.
* Candles have no closed flag and no number of trades: one is closed once the next begins. Their first frame
  has past ones; it, and the acknowledgement before it, forget the one that was being made when the
  connection was lost. The turnover of contracts that are settled in coins is unknown.
* Version 1 writes a trade as ``[time, price, size, side]``, without an id; its ticker has ``bestBid`` and
  ``bestAsk``.
* A spot pair and a contract may have the same ``instId``. A recording holds one of them under it: what
  comes of the other market is refused, and counted.
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
    timeframe_name,
)
from mdnb.rows import BarRow, Batch, DepthUpdate, Reply, TradeRow
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


class _Trade(msgspec.Struct, gc=False):
    ts: Epoch
    price: Price
    size: Size
    side: Literal["buy", "sell"]
    tradeId: Identifier


class _OldTrade(msgspec.Struct, gc=False, array_like=True):
    """A trade of version 1."""

    ts: Epoch
    price: Price
    size: Size
    side: Literal["buy", "sell"]


class _Argument(msgspec.Struct, gc=False):
    instType: str
    channel: str
    instId: Symbol = "*"


class _WholeArgument(_Argument, kw_only=True, gc=False):
    instId: Symbol


class _Trades(msgspec.Struct, gc=False):
    action: str
    arg: _WholeArgument
    data: list[_Trade]
    ts: Epoch | UnsetType = UNSET


class _Ticker(msgspec.Struct, gc=False):
    ts: Epoch
    bidPr: str | None = None
    askPr: str | None = None
    bidSz: str | None = None
    askSz: str | None = None
    # Version 1 has its prices by other names.
    bestBid: str | None = None
    bestAsk: str | None = None


class _Level(msgspec.Struct, gc=False, array_like=True):
    price: Price
    size: Size


class _Book(msgspec.Struct, gc=False):
    asks: list[_Level]
    bids: list[_Level]
    ts: Epoch
    seq: int = -1


class _Candle(msgspec.Struct, gc=False, array_like=True):
    ts: Epoch
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    volume_quote: Size | None = None


class _Envelope(msgspec.Struct, gc=False):
    action: str = ""
    arg: _Argument | None = None
    data: list[msgspec.Raw] | None = None
    event: str = ""
    msg: str = ""


_trades = typed(_Trades)
_trade = typed(_Trade)
_old_trade = typed(_OldTrade)
_ticker = typed(_Ticker)
_book = typed(_Book)
_candle = typed(_Candle)
_envelope = typed(_Envelope)

_ACTIONS = frozenset({"snapshot", "update"})
_BOOKS = frozenset({"books", "books1", "books5", "books15"})
_EVENTS = frozenset({"subscribe", "unsubscribe", "login", "error"})
_NAN = float("nan")


class Decoder:
    """Decodes Bitget's frames.

    Examples
    --------
    >>> frame = (
    ...     '{"action":"update","arg":{"instType":"SPOT","channel":"trade","instId":"BTCUSDT"},"data":['
    ...     '{"ts":"1695716760565","price":"27000.5","size":"0.001","side":"buy","tradeId":"7"}]}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'BTCUSDT': [(1695716760565000000, 27000.5, 0.001, 1, 1, 7)]}
    """

    def __init__(self) -> None:
        self._bars = OpenBars()
        self._markets: dict[str, str] = {}

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, self._frame)

    def _frame(self, text: str, batch: Batch) -> None:
        if text == "pong":
            batch.control += 1
            return
        if text.find('"channel":"trade"', 0, 100) < 0:
            self._rest(text, batch)
            return
        try:
            frame = _trades(text)
        except msgspec.ValidationError:
            self._rest(text, batch)
            return
        check_keys(text, 6 + (frame.ts is not UNSET) + 5 * len(frame.data))
        symbol = self._symbol(frame.arg, frame.action)
        for _, row in oldest_first([(symbol, _row(trade)) for trade in frame.data]):
            add_trade(batch, symbol, row)
        batch.control += not frame.data

    def _symbol(self, arg: _Argument, action: str) -> str:
        """Return the symbol that a frame is about.

        Raises
        ------
        UnusableError
            When it came of another market before, or the frame does something unheard of with it.
        """
        if action not in _ACTIONS:
            raise UnusableError("unknown action")
        if self._markets.setdefault(arg.instId, arg.instType) != arg.instType:
            raise UnusableError("another market's symbol of the same name")
        return arg.instId

    def _rest(self, text: str, batch: Batch) -> None:
        refuse_duplicates(text)
        envelope = _envelope(text)
        if envelope.event:
            if envelope.event not in _EVENTS:
                raise UnusableError("unknown event")
            failed = envelope.event == "error"
            batch.control += 1
            if envelope.event == "subscribe" and envelope.arg is not None:
                self._forget_candles(envelope.arg)
            batch.replies.append(Reply(0, not failed, reply_text(envelope.msg) if failed else ""))
        elif envelope.arg is None or envelope.data is None:
            raise UnusableError("unknown message")
        else:
            self._add(envelope.arg, envelope.action, envelope.data, batch)
            batch.control += not envelope.data

    def _add(self, arg: _Argument, action: str, data: list[msgspec.Raw], batch: Batch) -> None:
        channel = arg.channel
        if not (channel in _BOOKS or channel in ("trade", "ticker") or channel.startswith("candle")):
            raise UnusableError("unknown channel")
        symbol = self._symbol(arg, action)
        if channel == "trade":
            _add_trades(symbol, data, batch)
        elif channel == "ticker":
            add_records(data, lambda text, to: _add_ticker(symbol, text, to), batch)
        elif channel in _BOOKS:
            whole = action == "snapshot" or channel != "books"
            add_records(data, lambda text, to: _add_book(symbol, whole, text, to), batch)
        else:
            if action == "snapshot":
                self._forget_candles(arg)
            self._add_candles(arg, data, batch)

    def _forget_candles(self, arg: _Argument) -> None:
        if arg.channel.startswith("candle"):
            self._bars.forget(arg.instId, _timeframe(arg.channel))

    def _add_candles(self, arg: _Argument, data: list[msgspec.Raw], batch: Batch) -> None:
        timeframe = _timeframe(arg.channel)
        made: list[BarRow] = []

        def add(text: str, _batch: Batch) -> None:
            candle = _candle(text)
            prices = (candle.open, candle.high, candle.low, candle.close)
            told = candle.volume_quote
            turnover = _NAN if told is None or arg.instType.startswith("COIN") else told
            made.append((epoch_ns(candle.ts), *prices, candle.volume, 0, turnover))

        add_records(data, add, batch)
        for row in sorted(made, key=lambda row: row[0]):
            self._bars.add(batch, arg.instId, timeframe, row)


def _timeframe(channel: str) -> str:
    return timeframe_name(channel.removeprefix("candle").removesuffix("utc"))


def _row(trade: _Trade) -> TradeRow:
    side = 1 if trade.side == "buy" else -1
    return epoch_ns(trade.ts), trade.price, trade.size, 1, side, trade.tradeId


def _any_row(text: str) -> TradeRow:
    if not text.startswith("["):
        return _row(_trade(text))
    old = _old_trade(text)
    return epoch_ns(old.ts), old.price, old.size, 1, 1 if old.side == "buy" else -1, -1


def _add_trades(symbol: str, data: list[msgspec.Raw], batch: Batch) -> None:
    made: list[tuple[str, TradeRow]] = []
    add_records(data, lambda text, _: made.append((symbol, _any_row(text))), batch)
    for _, row in oldest_first(made):
        add_trade(batch, symbol, row)


def _add_ticker(symbol: str, text: str, batch: Batch) -> None:
    ticker = _ticker(text)
    bids = (ticker.bidPr, ticker.bestBid)
    asks = (ticker.askPr, ticker.bestAsk)
    if bids == asks == (None, None):
        raise UnusableError("a ticker without prices")
    bid, bid_size = number_or_nan(bids[0] or bids[1]), number_or_nan(ticker.bidSz)
    ask, ask_size = number_or_nan(asks[0] or asks[1]), number_or_nan(ticker.askSz)
    add_quote(batch, symbol, (epoch_ns(ticker.ts), bid, bid_size, ask, ask_size))


def _add_book(symbol: str, whole: bool, text: str, batch: Batch) -> None:
    book = _book(text)
    bids = [(level.price, level.size) for level in book.bids]
    asks = [(level.price, level.size) for level in book.asks]
    add_depth(batch, symbol, DepthUpdate(epoch_ns(book.ts), whole, bids, asks, last_id=book.seq))
