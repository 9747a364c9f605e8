"""Hyperliquid: ``{"channel", "data"}`` messages.

Sources: hyperliquid.gitbook.io (web socket), checked on a recording of 2025.

* The first ``trades`` frame after a subscription repeats recent trades, some a minute old.
* ``tid`` is unique but does not rise. ``side`` ``"A"`` (ask): the taker sold; ``"B"``: it bought.
* A candle has no closed flag: it is closed once the next one begins; its turnover is not given. The one that
  was being made when the connection was lost has gone on unseen: a new subscription forgets it.
* ``l2Book`` always is a whole book of up to 20 levels a side.
* An acknowledgement repeats the subscription, with fields of its own beside; an error has it in its words, as
  ``Already subscribed: {...}`` and ``Invalid subscription {...}`` (seen in gemwalletcom/wallet#462 and in the
  tests of public clients).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from mdnb.decode.fields import (
    OpenBars,
    add_quote,
    add_records,
    add_trade,
    check_keys,
    decode_frames,
    refuse_duplicates,
    reply_text,
    timeframe_name,
)
from mdnb.rows import Batch, DepthUpdate, Reply
from mdnb.venue_fields import Epoch, Identifier, Price, Size, Symbol, UnusableError, epoch_ns, typed

__all__ = ["Decoder"]


class _Trade(msgspec.Struct, gc=False):
    coin: Symbol
    hash: str
    px: Price
    side: Literal["A", "B"]
    sz: Size
    tid: Identifier
    time: Epoch
    users: list[str]


class _AnyTrade(msgspec.Struct, gc=False):
    """What of a trade is used, for one that lacks something else."""

    coin: Symbol
    px: Price
    side: Literal["A", "B"]
    sz: Size
    tid: Identifier
    time: Epoch


class _Trades(msgspec.Struct, gc=False):
    channel: Literal["trades"]
    data: list[_Trade]


class _Level(msgspec.Struct, gc=False):
    n: int
    px: Price
    sz: Size


class _Book(msgspec.Struct, gc=False):
    coin: Symbol
    levels: tuple[list[_Level], list[_Level]]
    time: Epoch


class _BookFrame(msgspec.Struct, gc=False):
    channel: Literal["l2Book"]
    data: _Book


class _Best(msgspec.Struct, gc=False):
    coin: Symbol
    time: Epoch
    bbo: tuple[_Level | None, _Level | None]


class _BestFrame(msgspec.Struct, gc=False):
    data: _Best


class _Candle(msgspec.Struct, gc=False):
    t: Epoch
    s: Symbol
    i: str
    o: Price
    c: Price
    h: Price
    l: Price
    v: Size
    n: Identifier


class _CandleFrame(msgspec.Struct, gc=False):
    data: _Candle | list[_Candle]


class _Subscription(msgspec.Struct, gc=False):
    type: str | None = None
    coin: str | None = None
    interval: str | None = None


class _Ack(msgspec.Struct, gc=False):
    """What was asked for, or the subscription alone, as errors have it."""

    method: str | None = None
    subscription: _Subscription | None = None
    type: str | None = None
    coin: str | None = None
    interval: str | None = None

    @property
    def payload(self) -> dict[str, Any]:
        """What a reply says of it."""
        said = self.subscription or _Subscription(self.type, self.coin, self.interval)
        subscription = {name: value or "" for name, value in msgspec.structs.asdict(said).items()}
        return {"method": self.method or "", "subscription": subscription}


class _Records(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]


class _Other(msgspec.Struct, gc=False):
    channel: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_trades = typed(_Trades)
_trade = typed(_AnyTrade)
_records = typed(_Records)
_book = typed(_BookFrame)
_best = typed(_BestFrame)
_candle = typed(_CandleFrame)
_other = typed(_Other)
_ack = typed(_Ack)
_words = typed(str)

_NOTICES = frozenset({"subscriptionResponse", "pong", "notification", "activeAssetCtx", "allMids", "post"})
# Said where things are already as they were asked to be.
_DONE_ALREADY = {"Already subscribed": "subscribe", "Already unsubscribed": "unsubscribe"}


class Decoder:
    """Decodes Hyperliquid's frames.

    Examples
    --------
    >>> frame = (
    ...     '{"channel":"trades","data":[{"coin":"BTC","hash":"0x0","px":"105056.0","side":"B",'
    ...     '"sz":"0.02222","tid":917211710228416,"time":1737918847000,"users":["0x8a","0x68"]}]}'
    ... )
    >>> Decoder().feed([frame]).trades
    {'BTC': [(1737918847000000000, 105056.0, 0.02222, 1, 1, 917211710228416)]}
    """

    def __init__(self) -> None:
        self._bars = OpenBars()

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, self._frame)

    def _frame(self, text: str, batch: Batch) -> None:
        prefix = '{"channel":"'
        channel = text[12 : text.find('"', 12)] if text.startswith(prefix) else _other(text).channel
        if channel == "trades":
            _add_trades(text, batch)
        elif channel == "l2Book":
            book = _book(text).data
            bids, asks = book.levels
            check_keys(text, 5 + 3 * (len(bids) + len(asks)))
            held = [(level.px, level.sz) for level in bids], [(level.px, level.sz) for level in asks]
            ns = epoch_ns(book.time)
            batch.depth.setdefault(book.coin, []).append(DepthUpdate(ns, True, *held))
            batch.clock_ns = max(batch.clock_ns, ns)
        elif channel == "bbo":
            refuse_duplicates(text)
            best = _best(text).data
            bid, ask = ((side.px, side.sz) if side else (float("nan"), float("nan")) for side in best.bbo)
            add_quote(batch, best.coin, (epoch_ns(best.time), *bid, *ask))
        elif channel == "candle":
            refuse_duplicates(text)
            data = _candle(text).data
            for candle in data if isinstance(data, list) else [data]:
                self._add_candle(candle, batch)
        else:
            self._add_notice(text, batch)

    def _add_candle(self, candle: _Candle, batch: Batch) -> None:
        prices = (candle.o, candle.h, candle.l, candle.c)
        row = (epoch_ns(candle.t), *prices, candle.v, candle.n, float("nan"))
        self._bars.add(batch, candle.s, timeframe_name(candle.i), row)

    def _add_notice(self, text: str, batch: Batch) -> None:
        refuse_duplicates(text)
        other = _other(text)
        held = str(other.data, "utf-8") if isinstance(other.data, msgspec.Raw) else ""
        if other.channel == "error":
            held = "" if held == "null" else held
            batch.replies.append(_refusal(_words(held) if held.startswith('"') else held))
        elif other.channel == "subscriptionResponse":
            told = _ack(held or "{}")
            batch.replies.append(Reply(0, True, payload=told.payload))
            if told.subscription is not None and told.subscription.type == "candle":
                name = timeframe_name(told.subscription.interval or "")
                self._bars.forget(told.subscription.coin or "", name)
        elif other.channel not in _NOTICES:
            raise UnusableError("unknown channel")
        batch.control += 1


def _row(trade: _Trade | _AnyTrade) -> tuple[int, float, float, int, int, int]:
    return epoch_ns(trade.time), trade.px, trade.sz, 1, 1 if trade.side == "B" else -1, trade.tid


def _add_trades(text: str, batch: Batch) -> None:
    try:
        trades = _trades(text).data
    except msgspec.ValidationError:
        refuse_duplicates(text)
        add_records(_records(text).data, _add_one, batch)
        return
    check_keys(text, 2 + 8 * len(trades))
    for trade in trades:
        add_trade(batch, trade.coin, _row(trade))
    batch.control += not trades


def _add_one(text: str, batch: Batch) -> None:
    trade = _trade(text)
    add_trade(batch, trade.coin, _row(trade))


def _refusal(text: str) -> Reply:
    """Return what an error says, and of which subscription it is where its words show that."""
    words, brace, rest = text.partition("{")
    try:
        payload = _ack(brace + rest).payload if brace else {}
    except msgspec.DecodeError:
        payload = {}
    method = _DONE_ALREADY.get(words.strip(" :"))
    if method is not None:
        return Reply(0, True, payload=payload | {"method": method})
    return Reply(0, False, reply_text(text), payload)
