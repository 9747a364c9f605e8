"""Alpaca's stream of US shares, version 2: arrays of messages, each with its kind under ``T``.

Sources: docs.alpaca.markets (WebSocket stream; real-time stock data), checked on messages captured in 2026.

* Times are RFC 3339 to the nanosecond. Sizes of trades are shares; those of quotes are as Alpaca writes them,
  which its forum calls round lots of a hundred shares.
* Nothing says which side took: it is 0. A price of zero in a quote is a side without an order.
* A trade's number ``i`` is its exchange's own: on one exchange it is another one for each trade, and those of
  two exchanges may be alike. The stream of tests gives all of its trades the same.
* Conditions ``c`` say of some trades that they do not count for a bar's prices (odd lots, late reports,
  average prices) or for nothing at all: these are marked by `mdnb.sale_conditions`, as Alpaca's own bars are
  made.
* A bar ``b`` is closed when it comes; ``u`` is one of before with late trades, and takes its place. Its
  turnover is unknown (vwap is rounded).
* Corrections ``c`` and cancellations ``x`` name a trade by its id, price and size. Whether their time is the
  trade's or the message's is not said: it is taken for the message's. When the trade was made is not known.
* Daily bars, halts, price bands and imbalances are counted as control.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec

from mdnb.decode.fields import (
    add_bar,
    add_quote,
    add_records,
    add_trade,
    check_keys,
    decode_frames,
    refuse_duplicates,
    reply_text,
)
from mdnb.rows import Batch, MarkedTrade, Reply, TradeChange, TradeRow
from mdnb.sale_conditions import sale_marks
from mdnb.venue_fields import Identifier, Price, Size, Symbol, UnusableError, iso_ns, typed

__all__ = ["Decoder"]

_NAN = float("nan")


class _Trade(msgspec.Struct, tag="t", tag_field="T", gc=False):
    S: Symbol
    p: Price
    s: Size
    t: str
    i: Identifier | None = -1
    c: tuple[str, ...] | None = None
    z: str | None = ""

    def add_to(self, batch: Batch, ns: int) -> None:
        number = self.i
        row = ns, self.p, self.s, 1, 0, -1 if number is None else number
        if self.c and (marks := sale_marks(self.z or "", self.c)):
            row = MarkedTrade.of(row, marks)
            batch.is_marked = True
        add_trade(batch, self.S, row)


class _Correction(msgspec.Struct, tag="c", tag_field="T", gc=False):
    S: Symbol
    oi: Identifier
    op: Price
    os: Size
    ci: Identifier | None
    cp: Price
    cs: Size
    t: str
    cc: tuple[str, ...] | None = None
    z: str | None = ""

    def add_to(self, batch: Batch, ns: int) -> None:
        now: TradeRow = ns, self.cp, self.cs, 1, 0, -1 if self.ci is None else self.ci
        marks = sale_marks(self.z or "", self.cc) if self.cc else 0
        now = MarkedTrade.of(now, marks) if marks else now
        _add_change(batch, self.S, TradeChange(ns, self.oi, self.op, self.os, now))


class _Cancellation(msgspec.Struct, tag="x", tag_field="T", gc=False):
    S: Symbol
    i: Identifier
    p: Price
    s: Size
    t: str

    def add_to(self, batch: Batch, ns: int) -> None:
        _add_change(batch, self.S, TradeChange(ns, self.i, self.p, self.s))


class _Quote(msgspec.Struct, tag="q", tag_field="T", gc=False):
    S: Symbol
    bp: Price
    bs: Size
    ap: Price
    as_: Size = msgspec.field(name="as")
    t: str

    def add_to(self, batch: Batch, ns: int) -> None:
        add_quote(batch, self.S, (ns, *_side(self.bp, self.bs), *_side(self.ap, self.as_)))


class _Bar(msgspec.Struct, tag="b", tag_field="T", gc=False):
    S: Symbol
    o: Price
    h: Price
    c: Price
    v: Size
    t: str
    low: Price = msgspec.field(name="l")
    n: Identifier | None = 0

    def add_to(self, batch: Batch, ns: int) -> None:
        row = ns, self.o, self.h, self.low, self.c, self.v, self.n or 0, _NAN
        add_bar(batch, self.S, "1min", row, True)


class _UpdatedBar(_Bar, tag="u", tag_field="T", gc=False):
    pass


# What keeps to the documents: with all of its fields, so that the number of its colons is known.
_Some = msgspec.Raw


class _WholeTrade(_Trade, tag="t", tag_field="T", kw_only=True, gc=False):
    i: Identifier | None
    c: tuple[str, ...] | None
    z: str | None
    x: _Some

    colons: ClassVar[int] = 11


class _WholeQuote(_Quote, tag="q", tag_field="T", kw_only=True, gc=False):
    ax: _Some
    bx: _Some
    c: _Some
    z: _Some

    colons: ClassVar[int] = 13


class _WholeBar(_Bar, tag="b", tag_field="T", kw_only=True, gc=False):
    n: Identifier | None
    vw: _Some

    colons: ClassVar[int] = 12


class _WholeUpdatedBar(_WholeBar, tag="u", tag_field="T", kw_only=True, gc=False):
    pass


class _Other(msgspec.Struct, gc=False):
    T: str
    msg: str | None = ""
    code: Any = 0
    t: str | None = ""


_Whole = _WholeTrade | _WholeQuote | _WholeBar | _WholeUpdatedBar
_Data = _Trade | _Quote | _Bar | _UpdatedBar | _Correction | _Cancellation

_data = typed(list[_Whole])
_datum: Callable[[str], _Data] = msgspec.json.Decoder(_Data, strict=False).decode
_other = typed(_Other)
_records = typed(list[msgspec.Raw])

# Daily bars, halts, price bands, imbalances; the greeting; what is subscribed.
_NOTICES = frozenset({"d", "s", "l", "i", "success", "subscription", "error"})


class Decoder:
    """Decodes frames of Alpaca's stream of shares.

    Examples
    --------
    >>> frame = (
    ...     '[{"T":"t","S":"FAKEPACA","i":1,"x":"N","p":134.56,"s":3,"c":[" "],"z":"A",'
    ...     '"t":"2026-09-15T11:01:53.291535755Z"}]'
    ... )
    >>> Decoder().feed([frame]).trades
    {'FAKEPACA': [(1789470113291535755, 134.56, 3.0, 1, 0, 1)]}
    """

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        return decode_frames(frames, _frame)


def _frame(text: str, batch: Batch) -> None:
    messages: Sequence[_Whole] = ()
    times: Sequence[int] = ()
    try:
        messages = _data(text)
        if len(messages) == 1:
            message = messages[0]
            check_keys(text, message.colons)
            message.add_to(batch, iso_ns(message.t))
            return
        check_keys(text, sum(message.colons for message in messages))
        times = [iso_ns(message.t) for message in messages]
    except ValueError:
        # Of another kind, or with other fields; or one of them is wrong.
        messages = ()
    for message, ns in zip(messages, times, strict=False):
        message.add_to(batch, ns)
    if not messages:
        _one_by_one(text, batch)


def _one_by_one(text: str, batch: Batch) -> None:
    refuse_duplicates(text)
    records = _records(text)
    if not records:
        raise UnusableError("no message in the frame")
    if len(records) == 1:
        # Refused, it is refused as it came.
        _message(str(records[0], "utf-8"), batch)
    else:
        add_records(records, _message, batch)


def _message(text: str, batch: Batch) -> None:
    other = _other(text)
    if other.T in _NOTICES:
        _add_notice(other, batch)
        return
    if other.T not in ("t", "q", "b", "u", "c", "x"):
        raise UnusableError("unknown message")
    message = _datum(text)
    message.add_to(batch, iso_ns(message.t))


def _side(price: float, size: float) -> tuple[float, float]:
    return (price, size) if price else (_NAN, _NAN)


def _add_change(batch: Batch, symbol: str, change: TradeChange) -> None:
    batch.change(symbol, change)
    batch.clock_ns = max(batch.clock_ns, change.ts_ns)


def _code(said: object) -> int:
    """Return an error's number, which may be text; 0 where it has none."""
    return int(said) if isinstance(said, int) or (isinstance(said, str) and said.isdecimal()) else 0


def _add_notice(other: _Other, batch: Batch) -> None:
    ns = iso_ns(other.t) if other.t else 0
    if other.T == "error":
        batch.replies.append(Reply(0, False, reply_text(other.msg or ""), {"code": _code(other.code)}))
    elif other.T == "subscription" or (other.T == "success" and other.msg != "connected"):
        batch.replies.append(Reply(0, True))
    batch.control += 1
    batch.clock_ns = max(batch.clock_ns, ns)
