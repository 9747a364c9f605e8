"""Kraken's first web socket interface: arrays ``[channel id, payload, channel, pair]``.

Sources: docs.kraken.com (Websockets v1, frozen), checked on recordings of 2021.

* Times are decimal seconds in strings, read exactly. Trades have no id; several share a frame, in order.
* The payload of a book may come in two parts; a level may carry a fourth element (``"r"``: republished).
* A ticker carries no time: such quotes have ``ts_ns`` 0.
* A candle has no closed flag: it is closed once the next one begins. A new subscription, as after an outage,
  forgets the one that was being made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

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
from mdnb.timeframes import Timeframe
from mdnb.venue_fields import Identifier, Price, Size, UnusableError, decimal_ns, typed

__all__ = ["Decoder"]


_MOST_DIGITS = 10
"""Of 32 bits."""


class _Trade(msgspec.Struct, gc=False, array_like=True):
    price: Price
    size: Size
    time: str
    side: Literal["b", "s"]


class _Spread(msgspec.Struct, gc=False, array_like=True):
    bid: Price
    ask: Price
    time: str
    bid_size: Size
    ask_size: Size


class _Candle(msgspec.Struct, gc=False, array_like=True):
    time: str
    end: str
    open: Price
    high: Price
    low: Price
    close: Price
    vwap: Price
    volume: Size
    count: Identifier


class _Level(msgspec.Struct, gc=False, array_like=True):
    price: Price
    size: Size
    time: str


class _BookPart(
    msgspec.Struct, gc=False, rename={"bids": "b", "asks": "a", "all_bids": "bs", "all_asks": "as"}
):
    bids: list[_Level] | None = None
    asks: list[_Level] | None = None
    all_bids: list[_Level] | None = None
    all_asks: list[_Level] | None = None
    c: str | None = None


class _Side(msgspec.Struct, gc=False, array_like=True):
    price: Price
    whole: Size
    size: Size


class _Ticker(msgspec.Struct, gc=False):
    a: _Side
    b: _Side


class _Subscription(msgspec.Struct, gc=False):
    name: str = ""
    interval: int = 1


class _Event(msgspec.Struct, gc=False):
    event: str
    pair: str = ""
    subscription: _Subscription | None = None
    reqid: Identifier = 0
    status: str = ""
    errorMessage: str = ""


_trades = typed(list[_Trade])
_trade = typed(_Trade)
_records = typed(list[msgspec.Raw])
_spread = typed(_Spread)
_candle = typed(_Candle)
_book = typed(list[_BookPart])
_ticker = typed(_Ticker)
_event = typed(_Event)

_NOTICES = frozenset({"heartbeat", "systemStatus", "subscriptionStatus", "pong", "error"})


class Decoder:
    """Decodes frames of Kraken's web socket v1.

    Examples
    --------
    >>> frame = '[1921,[["0.043040","20000.00000000","1618678158.135041","b","l",""]],"trade","SC/EUR"]'
    >>> Decoder().feed([frame]).trades
    {'SC/EUR': [(1618678158135041000, 0.04304, 20000.0, 1, 1, -1)]}
    """

    def __init__(self) -> None:
        self._bars = OpenBars()

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, self._frame)

    def _frame(self, text: str, batch: Batch) -> None:
        if not text.startswith("["):
            self._add_event(text, batch)
            return
        # Split by hand: the payload's type depends on the channel, which comes after it.
        head, _, rest = text.partition(",")
        payload, channel, pair = rest.rsplit(",", 2) if rest.count(",") > 1 else ("", "", "")
        symbol = pair[1:-2]
        if not (
            head[1:].isdigit()
            and pair[:1] == '"'
            and pair[-2:] == '"]'
            and 0 < len(symbol) <= 64
            and '"' not in symbol
            and "\\" not in symbol
        ):
            raise UnusableError("unknown message")
        kind = channel[1:-1].partition("-")[0] if channel[:1] == channel[-1:] == '"' else ""
        if kind == "trade":
            _add_trades(symbol, payload, batch)
        elif kind == "book":
            _add_book(symbol, text, payload, batch)
        elif kind == "ticker":
            refuse_duplicates(text)
            ticker = _ticker(payload)
            add_quote(batch, symbol, (0, ticker.b.price, ticker.b.size, ticker.a.price, ticker.a.size))
        elif kind == "spread":
            spread = _spread(payload)
            row = (decimal_ns(spread.time), spread.bid, spread.bid_size, spread.ask, spread.ask_size)
            add_quote(batch, symbol, row)
        elif kind == "ohlc":
            self._add_candle(symbol, channel[1:-1].partition("-")[2], _candle(payload), batch)
        else:
            raise UnusableError("unknown channel")

    def _add_candle(self, symbol: str, minutes: str, candle: _Candle, batch: Batch) -> None:
        timeframe = timeframe_name(f"{minutes or 1}min")
        step = round(Timeframe.parse(timeframe).seconds) * 1_000_000_000
        start = (decimal_ns(candle.end) - 1) // step * step
        prices = (candle.open, candle.high, candle.low, candle.close)
        self._bars.add(batch, symbol, timeframe, (start, *prices, candle.volume, candle.count, float("nan")))
        batch.clock_ns = max(batch.clock_ns, decimal_ns(candle.time))

    def _add_event(self, text: str, batch: Batch) -> None:
        event = _event(text)
        if event.event not in _NOTICES:
            raise UnusableError("unknown event")
        if event.event != "heartbeat" or text.count(":") != 1:
            refuse_duplicates(text)
        batch.control += 1
        if event.errorMessage or event.status in ("subscribed", "unsubscribed"):
            batch.replies.append(Reply(event.reqid, not event.errorMessage, reply_text(event.errorMessage)))
        told = event.subscription
        if event.status == "subscribed" and told is not None and told.name == "ohlc":
            self._bars.forget(event.pair, timeframe_name(f"{told.interval}min"))


def _add_trades(symbol: str, payload: str, batch: Batch) -> None:
    def row(trade: _Trade) -> tuple[int, float, float, int, int, int]:
        return decimal_ns(trade.time), trade.price, trade.size, 1, 1 if trade.side == "b" else -1, -1

    try:
        rows = [row(trade) for trade in _trades(payload)]
    except ValueError:
        add_records(_records(payload), lambda text, to: add_trade(to, symbol, row(_trade(text))), batch)
        return
    for made in rows:
        add_trade(batch, symbol, made)
    batch.control += not rows


def _add_book(symbol: str, text: str, payload: str, batch: Batch) -> None:
    parts = _book(f"[{payload}]")
    bids: list[_Level] = []
    asks: list[_Level] = []
    snapshot, keys, checksum = False, 0, -1
    for part in parts:
        snapshot = snapshot or part.all_bids is not None or part.all_asks is not None
        for held, side in (
            (part.bids, bids),
            (part.all_bids, bids),
            (part.asks, asks),
            (part.all_asks, asks),
        ):
            if held is not None:
                side.extend(held)
                keys += 1
        if part.c is not None:
            keys += 1
            checksum = _sum_of(part.c)
    check_keys(text, keys)
    times = {level.time for level in bids} | {level.time for level in asks}
    update = DepthUpdate(
        max(map(decimal_ns, times), default=0),
        snapshot,
        [(level.price, level.size) for level in bids],
        [(level.price, level.size) for level in asks],
        checksum=checksum,
    )
    batch.depth.setdefault(symbol, []).append(update)
    batch.clock_ns = max(batch.clock_ns, update.ts_ns)


def _sum_of(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise UnusableError("a checksum that is no number")
    return int(text)
