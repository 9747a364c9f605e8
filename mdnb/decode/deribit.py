"""Deribit: JSON-RPC, ``{"jsonrpc", "method": "subscription", "params": {"channel", "data"}}`` messages.

Sources: docs.deribit.com (subscriptions), checked on the beginning of a recording of 2021 that
bmoscon/cryptofeed keeps (``sample_data/DERIBIT.ws.1.0``). Trades are from single messages that public
repositories keep; ``quote``, ``chart.trades`` and books in groups are from the documentation alone.

* Several trades share a frame. ``trade_seq`` rises by one a trade and instrument, so that it is the id
  here; ``trade_id`` is the venue's, contiguous over all instruments of a currency, with a prefix at some.
* ``direction`` is the taker's. Amounts of inverse contracts are whole dollars, of options and linear ones
  coins.
* A level is ``[action, price, amount]``; a book in groups has ``[price, amount]``, and is whole each time.
* A side in which nobody is has the price and the amount 0.
* ``chart.trades`` has no closed flag, and no number of trades. The answer to a subscription forgets the one
  that was being made when the connection was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

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
    refuse_duplicates,
    reply_text,
    timeframe_name,
)
from mdnb.rows import Batch, DepthUpdate, Reply, TradeRow
from mdnb.venue_fields import Epoch, Identifier, Price, Size, Symbol, UnusableError, epoch_ns, typed

__all__ = ["Decoder"]

# Fields that are counted, and not looked at.
_Some = msgspec.Raw | UnsetType


class _Trade(msgspec.Struct, gc=False):
    instrument_name: Symbol
    trade_seq: Identifier
    timestamp: Epoch
    price: Price
    amount: Size
    direction: Literal["buy", "sell"]
    trade_id: _Some = UNSET
    tick_direction: _Some = UNSET
    mark_price: _Some = UNSET
    index_price: _Some = UNSET
    iv: _Some = UNSET
    contracts: _Some = UNSET


class _TradesParams(msgspec.Struct, gc=False):
    channel: str
    data: list[_Trade]


class _Trades(msgspec.Struct, gc=False):
    jsonrpc: str
    method: Literal["subscription"]
    params: _TradesParams


class _Best(msgspec.Struct, gc=False):
    instrument_name: Symbol
    timestamp: Epoch
    best_bid_price: Price | None
    best_bid_amount: Size | None
    best_ask_price: Price | None
    best_ask_amount: Size | None


class _Change(msgspec.Struct, gc=False, array_like=True):
    action: Literal["new", "change", "delete"]
    price: Price
    amount: Size


class _Level(msgspec.Struct, gc=False, array_like=True):
    price: Price
    amount: Size


class _Book(msgspec.Struct, gc=False):
    type: Literal["snapshot", "change"]
    instrument_name: Symbol
    timestamp: Epoch
    change_id: Identifier
    bids: list[_Change]
    asks: list[_Change]
    prev_change_id: Identifier | None = None


class _GroupedBook(msgspec.Struct, gc=False):
    instrument_name: Symbol
    timestamp: Epoch
    change_id: Identifier
    bids: list[_Level]
    asks: list[_Level]


class _Candle(msgspec.Struct, gc=False):
    tick: Epoch
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    cost: Size = float("nan")


class _Params(msgspec.Struct, gc=False):
    channel: str = ""
    data: msgspec.Raw | UnsetType = UNSET
    type: str = ""


class _Error(msgspec.Struct, gc=False):
    message: str = ""


class _Envelope(msgspec.Struct, gc=False):
    jsonrpc: str | None = ""
    method: str = ""
    params: _Params | UnsetType = UNSET
    id: int | str | None = None
    result: Any = UNSET
    error: _Error | UnsetType = UNSET


_trades = typed(_Trades)
_trade = typed(_Trade)
_best = typed(_Best)
_book = typed(_Book)
_grouped_book = typed(_GroupedBook)
_candle = typed(_Candle)
_envelope = typed(_Envelope)
_records = typed(list[msgspec.Raw])

_CANDLES = "chart.trades."
_TRADES = '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.'
_NOTICES = frozenset(
    {
        *("announcements", "block_rfq", "block_trade_confirmations", "deribit_price_index"),
        *("deribit_price_ranking", "deribit_price_statistics", "deribit_volatility_index"),
        *("estimated_expiration_price", "instrument", "markprice", "perpetual", "platform_state"),
    }
)


class Decoder:
    """Decodes Deribit's frames.

    Examples
    --------
    >>> frame = (
    ...     '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC-26MAR21.raw","data":[{'
    ...     '"trade_seq":5326971,"trade_id":"137486952","timestamp":1616321287195,"tick_direction":0,'
    ...     '"price":56273.5,"mark_price":56243.86,"instrument_name":"BTC-26MAR21","index_price":56127.59,'
    ...     '"direction":"buy","amount":6000.0}]}}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'BTC-26MAR21': [(1616321287195000000, 56273.5, 6000.0, 1, 1, 5326971)]}
    """

    def __init__(self) -> None:
        self._bars = OpenBars()

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, self._frame)

    def _frame(self, text: str, batch: Batch) -> None:
        if not text.startswith(_TRADES):
            self._rest(text, batch)
            return
        try:
            trades = _trades(text).params.data
        except msgspec.ValidationError:
            self._rest(text, batch)
            return
        check_keys(text, 5 + sum(map(_colons, trades)))
        for trade in trades:
            add_trade(batch, trade.instrument_name, _row(trade))
        batch.control += not trades

    def _rest(self, text: str, batch: Batch) -> None:
        refuse_duplicates(text)
        envelope = _envelope(text)
        if envelope.method == "subscription" and not isinstance(envelope.params, UnsetType):
            self._add(envelope.params, batch)
        elif envelope.method == "heartbeat":
            batch.control += 1
        elif envelope.jsonrpc and (envelope.result is not UNSET or not isinstance(envelope.error, UnsetType)):
            failed = not isinstance(envelope.error, UnsetType)
            words = "" if isinstance(envelope.error, UnsetType) else envelope.error.message
            number = envelope.id if isinstance(envelope.id, int) and 0 <= envelope.id < 2**63 else 0
            batch.replies.append(Reply(number, not failed, reply_text(words)))
            batch.control += 1
            if isinstance(envelope.result, list):
                self._forget_candles(envelope.result)
        else:
            raise UnusableError("unknown message")

    def _add(self, params: _Params, batch: Batch) -> None:
        kind, _, rest = params.channel.partition(".")
        if kind in _NOTICES:
            batch.control += 1
            return
        if isinstance(params.data, UnsetType):
            raise UnusableError("unknown message")
        data = str(params.data, "utf-8")
        if kind == "trades":
            records = _records(data)
            add_records(records, _add_one, batch)
            batch.control += not records
        elif kind in ("ticker", "quote"):
            _add_best(data, batch)
        elif kind == "book":
            # book.INSTRUMENT.INTERVAL, or book.INSTRUMENT.GROUP.DEPTH.INTERVAL
            _add_book(data, batch) if rest.count(".") == 1 else _add_grouped_book(data, batch)
        elif kind == "chart" and rest.startswith("trades."):
            self._add_candle(rest.removeprefix("trades."), data, batch)
        else:
            raise UnusableError("unknown channel")

    def _forget_candles(self, channels: list[Any]) -> None:
        for channel in channels:
            if isinstance(channel, str) and channel.startswith(_CANDLES):
                symbol, _, resolution = channel.removeprefix(_CANDLES).rpartition(".")
                self._bars.forget(symbol, _timeframe(resolution))

    def _add_candle(self, rest: str, text: str, batch: Batch) -> None:
        symbol, _, resolution = rest.rpartition(".")
        if not 0 < len(symbol) <= 64:
            raise UnusableError("unknown channel")
        candle = _candle(text)
        timeframe = _timeframe(resolution)
        prices = (candle.open, candle.high, candle.low, candle.close)
        row = (epoch_ns(candle.tick), *prices, candle.volume, 0, candle.cost)
        self._bars.add(batch, symbol, timeframe, row)


def _timeframe(resolution: str) -> str:
    return timeframe_name(f"{resolution}min" if resolution.isdigit() else resolution)


def _colons(trade: _Trade) -> int:
    extra = (
        trade.trade_id,
        trade.tick_direction,
        trade.mark_price,
        trade.index_price,
        trade.iv,
        trade.contracts,
    )
    return 6 + sum(field is not UNSET for field in extra)


def _row(trade: _Trade) -> TradeRow:
    side = 1 if trade.direction == "buy" else -1
    return epoch_ns(trade.timestamp), trade.price, trade.amount, 1, side, trade.trade_seq


def _add_one(text: str, batch: Batch) -> None:
    trade = _trade(text)
    add_trade(batch, trade.instrument_name, _row(trade))


def _add_best(text: str, batch: Batch) -> None:
    best = _best(text)
    bid, bid_size = _side(best.best_bid_price, best.best_bid_amount)
    ask, ask_size = _side(best.best_ask_price, best.best_ask_amount)
    add_quote(batch, best.instrument_name, (epoch_ns(best.timestamp), bid, bid_size, ask, ask_size))


def _side(price: float | None, amount: float | None) -> tuple[float, float]:
    if price is None or (not price and not amount):
        return float("nan"), float("nan")
    return price, float("nan") if amount is None else amount


def _add_book(text: str, batch: Batch) -> None:
    book = _book(text)
    bids, asks = (
        [(level.price, 0.0 if level.action == "delete" else level.amount) for level in side]
        for side in (book.bids, book.asks)
    )
    whole = book.type == "snapshot"
    previous = -1 if whole or book.prev_change_id is None else book.prev_change_id
    update = DepthUpdate(epoch_ns(book.timestamp), whole, bids, asks, previous, book.change_id)
    add_depth(batch, book.instrument_name, update)


def _add_grouped_book(text: str, batch: Batch) -> None:
    book = _grouped_book(text)
    bids = [(level.price, level.amount) for level in book.bids]
    asks = [(level.price, level.amount) for level in book.asks]
    update = DepthUpdate(epoch_ns(book.timestamp), True, bids, asks, last_id=book.change_id)
    add_depth(batch, book.instrument_name, update)
