"""Trades and books of Bybit before version 5 of its interface, as recordings have them.

Only what is used is required: trades of USDT contracts lack the ``cross_seq`` that inverse ones have.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from mdnb.decode.fields import add_records, add_trade, check_keys, refuse_duplicates
from mdnb.rows import Batch, DepthUpdate, TradeRow
from mdnb.venue_fields import Epoch, Price, Size, Symbol, UnusableError, epoch_ns, typed, uuid_id

__all__ = ["add_old_depth", "add_old_trades"]


class _Trade(msgspec.Struct, gc=False):
    trade_time_ms: Epoch
    symbol: Symbol
    side: Literal["Buy", "Sell"]
    size: Size
    price: Price
    trade_id: str
    timestamp: str = ""
    tick_direction: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    cross_seq: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Trades(msgspec.Struct, gc=False):
    topic: str
    data: list[_Trade]


class _Level(msgspec.Struct, gc=False):
    price: Price
    side: Literal["Buy", "Sell"]
    size: Size = 0.0


class _Whole(msgspec.Struct, gc=False):
    order_book: list[_Level]


class _Kind(msgspec.Struct, gc=False):
    type: str = ""


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


_trades = typed(_Trades)
_trade = typed(_Trade)
_records = typed(_Records)
_kind = typed(_Kind)
_snapshot = typed(_Snapshot)
_linear_snapshot = typed(_LinearSnapshot)
_delta = typed(_DeltaFrame)


def add_old_trades(text: str, batch: Batch) -> None:
    """Add the trades of a frame whose topic is ``trade``."""
    try:
        trades = _trades(text).data
        check_keys(text, 2 + sum(map(_colons, trades)))
        rows = [(trade.symbol, _row(trade)) for trade in trades]
    except ValueError:
        refuse_duplicates(text)
        add_records(_records(text).data, _add_one, batch)
        return
    for symbol, row in rows:
        add_trade(batch, symbol, row)
    batch.control += not rows


def add_old_depth(topic: str, text: str, batch: Batch) -> None:
    """Add the book of a frame whose topic begins with ``orderBook``, and whose keys are all distinct."""
    symbol = topic.rpartition(".")[2]
    if not 0 < len(symbol) <= 64:
        raise UnusableError("unknown topic")
    kind = _kind(text).type
    if kind == "delta":
        frame = _delta(text)
        change, ns = frame.data, epoch_ns(frame.timestamp_e6)
        levels = change.update + change.insert
        removed = [msgspec.structs.replace(level, size=0.0) for level in change.delete]
        update = _update(ns, False, removed + levels)
    elif kind == "snapshot":
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


def _colons(trade: _Trade) -> int:
    extra = (trade.tick_direction, trade.cross_seq)
    # A time that is there is a key and two colons of its own.
    return 6 + 3 * bool(trade.timestamp) + sum(field is not msgspec.UNSET for field in extra)


def _row(trade: _Trade) -> TradeRow:
    side = 1 if trade.side == "Buy" else -1
    return epoch_ns(trade.trade_time_ms), trade.price, trade.size, 1, side, uuid_id(trade.trade_id)


def _add_one(text: str, batch: Batch) -> None:
    trade = _trade(text)
    add_trade(batch, trade.symbol, _row(trade))


def _update(ns: int, snapshot: bool, levels: list[_Level]) -> DepthUpdate:
    bids = [(level.price, level.size) for level in levels if level.side == "Buy"]
    asks = [(level.price, level.size) for level in levels if level.side == "Sell"]
    return DepthUpdate(ns, snapshot, bids, asks)
