"""Bybit as it spoke before version 5 of its interface: ``{"topic", ...}``.

Sources: bybit-exchange.github.io (inverse and linear, v2), checked on recordings of 2021.

* Trades are numbered by a UUID: `mdnb.decode.fields.uuid_id` makes an integer that only differs.
* ``side`` is the taker's. Sizes of inverse contracts are whole dollars.
* ``orderBookL2_25``: a snapshot, then deltas of deleted, updated and inserted levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from mdnb.decode.fields import (
    Epoch,
    Identifier,
    Price,
    Size,
    Symbol,
    UnusableError,
    add_records,
    add_trade,
    check_keys,
    decode_frames,
    epoch_ns,
    refuse_duplicates,
    reply_text,
    typed,
    uuid_id,
)
from mdnb.rows import Batch, DepthUpdate, Reply

__all__ = ["Decoder"]


class _Trade(msgspec.Struct, gc=False):
    trade_time_ms: Epoch
    timestamp: str
    symbol: Symbol
    side: Literal["Buy", "Sell"]
    size: Size
    price: Price
    tick_direction: str
    trade_id: str
    cross_seq: Identifier


class _Trades(msgspec.Struct, gc=False):
    topic: str
    data: list[_Trade]


class _Level(msgspec.Struct, gc=False):
    price: Price
    side: Literal["Buy", "Sell"]
    size: Size = 0.0


class _Whole(msgspec.Struct, gc=False):
    order_book: list[_Level]


class _Snapshot(msgspec.Struct, gc=False):
    data: list[_Level]
    timestamp_e6: Epoch


class _LinearSnapshot(msgspec.Struct, gc=False):
    data: _Whole
    timestamp_e6: Epoch


class _Delta(msgspec.Struct, gc=False):
    delete: list[_Level]
    update: list[_Level]
    insert: list[_Level]


class _DeltaFrame(msgspec.Struct, gc=False):
    data: _Delta
    timestamp_e6: Epoch


class _Records(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]


class _Other(msgspec.Struct, gc=False):
    topic: str = ""
    type: str = ""
    success: bool | None = None
    ret_msg: str = ""


_trades = typed(_Trades)
_trade = typed(_Trade)
_records = typed(_Records)
_snapshot = typed(_Snapshot)
_linear_snapshot = typed(_LinearSnapshot)
_delta = typed(_DeltaFrame)
_other = typed(_Other)

_TRADE = '{"topic":"trade.'


class Decoder:
    """Decodes the frames of Bybit's older interface.

    Examples
    --------
    >>> frame = (
    ...     '{"topic":"trade.BTCUSD","data":[{"trade_time_ms":1618677816319,"timestamp":"",'
    ...     '"symbol":"BTCUSD","side":"Sell","size":97,"price":60622.5,"tick_direction":"MinusTick",'
    ...     '"trade_id":"413bca3a-34a8-50aa-a2ae-47ad720be505","cross_seq":5938958626}]}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'BTCUSD': [(1618677816319000000, 60622.5, 97.0, 1, -1, 2350286493715802197)]}
    """

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, _frame)


def _frame(text: str, batch: Batch) -> None:
    if text.startswith(_TRADE):
        _add_trades(text, batch)
        return
    other = _other(text)
    if other.topic.startswith("orderBook"):
        _add_depth(other, text, batch)
        return
    refuse_duplicates(text)
    if other.topic.startswith("trade."):
        _add_trades(text, batch)
    elif other.success is None:
        raise UnusableError("unknown message")
    else:
        batch.control += 1
        batch.replies.append(Reply(0, other.success, "" if other.success else reply_text(other.ret_msg)))


def _row(trade: _Trade) -> tuple[int, float, float, int, int, int]:
    side = 1 if trade.side == "Buy" else -1
    return epoch_ns(trade.trade_time_ms), trade.price, trade.size, 1, side, uuid_id(trade.trade_id)


def _add_trades(text: str, batch: Batch) -> None:
    try:
        trades = _trades(text).data
        check_keys(text, 2 + 11 * len(trades))
        rows = [(trade.symbol, _row(trade)) for trade in trades]
    except ValueError:
        refuse_duplicates(text)
        add_records(_records(text).data, _add_one, batch)
        return
    for symbol, row in rows:
        add_trade(batch, symbol, row)
    batch.control += not rows


def _add_one(text: str, batch: Batch) -> None:
    trade = _trade(text)
    add_trade(batch, trade.symbol, _row(trade))


def _add_depth(other: _Other, text: str, batch: Batch) -> None:
    refuse_duplicates(text)
    symbol = other.topic.rpartition(".")[2]
    if not 0 < len(symbol) <= 64:
        raise UnusableError("unknown topic")
    if other.type == "delta":
        frame = _delta(text)
        change, ns = frame.data, epoch_ns(frame.timestamp_e6)
        levels = change.update + change.insert
        removed = [msgspec.structs.replace(level, size=0.0) for level in change.delete]
        update = _update(ns, False, removed + levels)
    elif other.type == "snapshot":
        try:
            whole = _snapshot(text)
            update = _update(epoch_ns(whole.timestamp_e6), True, whole.data)
        except msgspec.ValidationError:
            linear = _linear_snapshot(text)
            update = _update(epoch_ns(linear.timestamp_e6), True, linear.data.order_book)
    else:
        raise UnusableError("unknown message")
    batch.depth.setdefault(symbol, []).append(update)
    batch.clock_ns = max(batch.clock_ns, update.ts_ns)


def _update(ns: int, snapshot: bool, levels: list[_Level]) -> DepthUpdate:
    bids = [(level.price, level.size) for level in levels if level.side == "Buy"]
    asks = [(level.price, level.size) for level in levels if level.side == "Sell"]
    return DepthUpdate(ns, snapshot, bids, asks)
