"""mdnb's own wire protocol, version 1: spoken by the simulator, by replays and by relays.

On the hot path: a frame of one trade costs about 0.8 us, a row of a long frame 0.25 us.

Each frame is a JSON object whose ``e`` says what it is::

    {"e":"welcome","v":1,"t":market_ns,"speed":1.0,"venue":"sim"}
    {"e":"trades","s":"MNQ","r":[[ts_ns,price,size,count,side,trade_id],...]}
    {"e":"marked","s":"MNQ","r":[[ts_ns,price,size,count,side,trade_id,marks],...]}
    {"e":"changes","s":"MNQ","r":[[ts_ns,trade_id,price,size,[ts_ns,price,size,count,side,trade_id,marks]],...]}
    {"e":"quotes","s":"MNQ","r":[[ts_ns,bid,bid_size,ask,ask_size],...]}
    {"e":"depth","s":"MNQ","t":ts_ns,"snap":true,"b":[[price,size],...],"a":[[price,size],...]}
    {"e":"bars","s":"MNQ","tf":"1min","closed":true,"r":[[start_ns,o,h,l,c,v,n,turnover],...]}
    {"e":"clock","t":market_ns}
    {"e":"reply","id":7,"ok":true,...}
    {"e":"end","t":ts_ns}

Marked trades are those that do not count for all of their bar, and in what, as `mdnb.rows.MARKS` has it.
Changes are what is said later of trades: what each was, and what it is instead, null where it was cancelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from mdnb.decode.fields import check_keys, frame_text, refused
from mdnb.decode.torn_books import book_in, tear
from mdnb.rows import MARKS, Batch, DepthUpdate, MarkedTrade, Reply, TradeChange, TradeRow
from mdnb.venue_fields import Level, Price, Size, Symbol, UnusableError

__all__ = ["PROTOCOL_VERSION", "Decoder"]

PROTOCOL_VERSION = 1

_Ns = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Id = Annotated[int, Meta(ge=-1, le=2**63 - 1)]
_Moment = Annotated[int, Meta(ge=1, le=2**63 - 1)]
_Count = Annotated[int, Meta(ge=0, le=2**53)]
_Trade = Annotated[int, Meta(ge=1, le=2**53)]
_Side = Annotated[int, Meta(ge=-1, le=1)]
# Sizes of trades and volumes may be anything finite: the rules refuse what cannot be, row by row.
_SOME = Meta(min_length=1)
_NAN = float("nan")


class _Trades(msgspec.Struct, tag="trades", tag_field="e", gc=False):
    s: Symbol
    r: Annotated[list[tuple[_Moment, Price, Price, _Trade, _Side, _Id]], _SOME]


_Marks = Annotated[int, Meta(ge=0, le=MARKS)]
_Marked = tuple[_Moment, Price, Price, _Trade, _Side, _Id, _Marks]


class _MarkedTrades(msgspec.Struct, tag="marked", tag_field="e", gc=False):
    s: Symbol
    r: Annotated[list[_Marked], _SOME]


class _Changes(msgspec.Struct, tag="changes", tag_field="e", gc=False):
    s: Symbol
    r: Annotated[list[tuple[_Moment, _Id, Price, Size, _Marked | None]], _SOME]


class _Quotes(msgspec.Struct, tag="quotes", tag_field="e", gc=False):
    s: Symbol
    r: Annotated[list[tuple[_Ns, Price | None, Size | None, Price | None, Size | None]], _SOME]


class _Depth(msgspec.Struct, tag="depth", tag_field="e", gc=False):
    s: Symbol
    t: _Ns
    snap: bool
    b: list[Level]
    a: list[Level]


class _Bars(msgspec.Struct, tag="bars", tag_field="e", gc=False):
    s: Symbol
    tf: Symbol
    closed: bool
    r: Annotated[list[tuple[_Ns, Price, Price, Price, Price, Price, _Count, float | None]], _SOME]


class _Clock(msgspec.Struct, tag="clock", tag_field="e", gc=False):
    t: _Ns


class _Welcome(msgspec.Struct, tag="welcome", tag_field="e", gc=False):
    v: int
    t: _Ns
    speed: Annotated[float, Meta(gt=0, le=1e300)]
    venue: str = ""


class _End(msgspec.Struct, tag="end", tag_field="e", gc=False):
    t: _Ns


class _Reply(msgspec.Struct, tag="reply", tag_field="e", gc=False):
    id: _Id
    ok: bool
    error: str = ""


_decode = msgspec.json.Decoder(
    _Trades | _MarkedTrades | _Changes | _Quotes | _Depth | _Bars | _Clock | _Welcome | _End | _Reply
).decode
_book_of = book_in('"e" : "depth"', '"s" : "([^"]+)"')
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
# The colons of a frame that has each of its keys once, and no other.
_COLONS = {
    _Trades: 3,
    _MarkedTrades: 3,
    _Changes: 3,
    _Quotes: 3,
    _Depth: 6,
    _Bars: 5,
    _Clock: 2,
    _Welcome: 5,
    _End: 2,
}


class Decoder:
    """Decodes frames of mdnb's wire protocol; keeps no state.

    Examples
    --------
    >>> batch = Decoder().feed(['{"e":"trades","s":"MNQ","r":[[5,21589.25,2.0,1,-1,7]]}', "{oops"])
    >>> batch.trades
    {'MNQ': [(5, 21589.25, 2.0, 1, -1, 7)]}
    >>> batch.malformed
    ['not JSON']
    """

    __slots__ = ()

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order."""
        batch = Batch()
        batch.frames = len(frames)
        trades = batch.trades
        for frame in frames:
            try:
                text = (
                    frame
                    if frame.__class__ is str
                    else str(frame, "utf-8")
                    if frame.__class__ is bytes
                    else frame_text(frame)
                )
                message = _decode(text)
                if message.__class__ is _Trades and text.count(":") == 3:
                    rows = message.r
                    if message.s in trades:
                        trades[message.s] += rows
                    else:
                        trades[message.s] = rows
                    if rows[-1][0] > batch.clock_ns:
                        batch.clock_ns = rows[-1][0]
                else:
                    _take(message, text, batch)
            except (ValueError, RecursionError) as error:
                _refuse(frame, batch, error)
        return batch


def _refuse(frame: str | bytes, batch: Batch, error: ValueError | RecursionError) -> None:
    """Refuse a frame, but for what is good in it."""
    before = len(batch.malformed)
    text = "" if isinstance(error, UnicodeError) or not isinstance(frame, (str, bytes)) else frame_text(frame)
    if isinstance(error, msgspec.ValidationError):
        _rescue(text, batch, error)
    else:
        batch.refuse(refused(error), frame)
    if len(batch.malformed) > before:
        tear(batch, _book_of(text))


class _Rows(msgspec.Struct):
    e: Literal["trades", "marked", "changes", "quotes", "bars"]
    r: list[msgspec.Raw]


_decode_rows = msgspec.json.Decoder(_Rows).decode


def _rescue(text: str, batch: Batch, error: msgspec.ValidationError) -> None:
    """Take the good rows of a frame that has a bad one: it must not cost the others."""
    try:
        rows = _decode_rows(text).r
        frame = {name: value for name, value in _decode_any(text).items() if name != "r"}
        # Without brackets around its rows it is one bad frame, and not as many bad rows as it has numbers.
        if len(rows) < 2 or not any(bytes(row).startswith(b"[") for row in rows):
            raise error
        check_keys(text, len(frame) + 1)
    except (ValueError, RecursionError) as reason:
        said = refused(reason)
        batch.refuse("unknown message" if said == "wrong shape at $.e" else said, text)
        return
    for row in rows:
        one = _encode(frame | {"r": [row]}).decode()
        try:
            _take(_decode(one), one, batch)
        except (ValueError, RecursionError) as reason:
            batch.refuse(refused(reason), one)


def _take(message: Any, text: str, batch: Batch) -> None:
    kind = message.__class__
    if kind is _Reply:
        batch.replies.append(_reply(message, text))
        return
    check_keys(text, _COLONS[kind])
    if kind is _Quotes:
        rows = message.r
        if "null" in text:
            rows = [tuple(_NAN if value is None else value for value in row) for row in rows]
        batch.quotes.setdefault(message.s, []).extend(rows)
        _tell_time(batch, rows[-1][0])
    elif kind is _Trades:
        batch.trades.setdefault(message.s, []).extend(message.r)
        _tell_time(batch, message.r[-1][0])
    elif kind is _MarkedTrades:
        marked = [_marked(row) for row in message.r]
        batch.is_marked = True
        batch.trades.setdefault(message.s, []).extend(marked)
        _tell_time(batch, marked[-1][0])
    elif kind is _Changes:
        for ts_ns, number, price, size, now in message.r:
            row = None if now is None else _marked(now)
            batch.change(message.s, TradeChange(ts_ns, number, price, size, row))
            _tell_time(batch, ts_ns)
    elif kind is _Depth:
        update = DepthUpdate(message.t, message.snap, message.b, message.a)
        batch.depth.setdefault(message.s, []).append(update)
        _tell_time(batch, message.t)
    elif kind is _Bars:
        # A bar's start is not the venue's time: the clock stays.
        held = [row if row[7] is not None else (*row[:7], _NAN) for row in message.r]
        batch.bars.setdefault((message.s, message.tf), []).extend((row, message.closed) for row in held)
    else:
        if kind is _Welcome:
            if message.v != PROTOCOL_VERSION:
                raise UnusableError("another version of the protocol")
            batch.speed = message.speed
        batch.ended |= kind is _End
        batch.control += 1
        _tell_time(batch, message.t)


def _marked(given: tuple[Any, ...]) -> TradeRow:
    *row, marks = given
    made: TradeRow = tuple(row)
    marks &= MARKS
    return MarkedTrade.of(made, marks) if marks else made


def _tell_time(batch: Batch, ts_ns: int) -> None:
    batch.clock_ns = max(batch.clock_ns, ts_ns)


def _reply(message: _Reply, text: str) -> Reply:
    fields: dict[str, Any] = _decode_any(text)
    inner = sum(len(value) for value in fields.values() if isinstance(value, dict))
    check_keys(text, len(fields) + inner)
    payload = {name: value for name, value in fields.items() if name not in ("e", "id", "ok", "error")}
    return Reply(message.id, message.ok, message.error, payload)
