r"""ProjectX Gateway's market hub: SignalR's JSON records, each ended by the character 0x1E.

Sources: gateway.docs.projectx.com (Real Time Data Overview: GatewayTrade, GatewayQuote, GatewayDepth,
DomType, TradeLogType); dotnet/aspnetcore ``HubProtocol.md``; where the documents say nothing,
TexasCoding/project-x-py and frames that users quote. No recording of the venue was at hand.

* A payload is one object or a list of them; of a list each trade counts, in its order. There are no ids.
* Trades: ``type`` 0 the taker bought, 1 it sold; where it is missing the side is unknown.
* Quotes tell what has changed and have no sizes: the other side is the one that was told last, on the same
  connection. ``lastUpdated`` is the time of the change, to 100 ns; ``timestamp`` may be older.
* Depth: ``volume`` is what stands at the price (0: nothing any more). Types 1, 3 and 10 are asks, 2, 4 and 9
  bids, 6 empties the book, so that what follows in the list is a whole one; trades, fills, the session's
  high and low change no level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from mdnb.decode.fields import (
    add_quote,
    add_records,
    add_trade,
    check_keys,
    decode_frames,
    read_again,
    refuse_duplicates,
    reply_text,
)
from mdnb.decode.torn_books import book_in, tear
from mdnb.rows import Batch, DepthUpdate, Reply, TradeRow
from mdnb.venue_fields import Price, Size, Symbol, UnusableError, iso_ns, typed

__all__ = ["Decoder"]

_SEPARATOR = "\x1e"
_book_of = book_in('"target" : "GatewayDepth"', r'"arguments" : \[ "([^"]+)"')
_TRADE = '{"type":1,"target":"GatewayTrade"'
_NAN = float("nan")
_UNSET = msgspec.UNSET
_Unset = msgspec.UnsetType

_SIDES: dict[object, int] = {0: 1, 1: -1}
_ASKS = frozenset((1, 3, 10))
_BIDS = frozenset((2, 4, 9))
_RESET = 6
# Answers to a stream that nobody asked for, pings, the end, and the bookkeeping of stateful reconnects.
_NOTICES = frozenset((2, 6, 7, 8, 9))


class _Trade(msgspec.Struct, gc=False):
    price: Price
    timestamp: str
    volume: Size
    type: int | _Unset | None = _UNSET
    symbolId: str | _Unset | None = _UNSET


class _Quote(msgspec.Struct, gc=False):
    bestBid: Price | None = None
    bestAsk: Price | None = None
    lastUpdated: str | None = None
    timestamp: str | None = None


class _Level(msgspec.Struct, gc=False):
    type: int
    timestamp: str
    price: Price | None = None
    volume: Size | None = None


class _Trades(msgspec.Struct, gc=False):
    type: Literal[1]
    target: Literal["GatewayTrade"]
    arguments: tuple[Symbol, _Trade | list[_Trade]]


class _Event(msgspec.Struct, gc=False):
    arguments: tuple[Symbol, msgspec.Raw]


class _Record(msgspec.Struct, gc=False):
    type: int = 0
    target: str = ""
    invocationId: str = ""
    error: str | _Unset | None = _UNSET
    result: msgspec.Raw | _Unset = _UNSET


_trades = typed(_Trades)
_trade = typed(_Trade)
_quote = typed(_Quote)
_level = typed(_Level)
_event = typed(_Event)
_record = typed(_Record)
_list = typed(list[msgspec.Raw])


class Decoder:
    r"""Decodes frames of ProjectX's market hub; what it names a symbol is the contract's id.

    Examples
    --------
    >>> frame = (
    ...     '{"type":1,"target":"GatewayTrade","arguments":["CON.F.US.MNQ.Z25",[{"symbolId":"F.US.MNQ",'
    ...     '"price":20000.25,"timestamp":"2025-11-10T15:30:00.1234567+00:00","type":0,"volume":2}]]}\x1e'
    ... )
    >>> Decoder().feed([frame]).trades
    {'CON.F.US.MNQ.Z25': [(1762788600123456700, 20000.25, 2.0, 1, 1, -1)]}
    """

    def __init__(self) -> None:
        self._best: dict[str, tuple[float, float]] = {}

    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        """Decode frames that were read together, in order; each holds whole records."""
        return decode_frames(frames, self._frame, _book_of)

    def _frame(self, text: str, batch: Batch) -> None:
        if text.startswith(_TRADE) and _add_whole(text.removesuffix(_SEPARATOR), batch):
            return
        *ended, last = text.split(_SEPARATOR)
        if not ended:
            self._take(last, batch)
            return
        for record in ended if not last else [*ended, last]:
            try:
                if record == "{}":
                    self._begin(batch)
                else:
                    self._take(record, batch)
            except (ValueError, RecursionError) as error:
                before = len(batch.malformed)
                read_again(record, self._take, error, batch)
                if len(batch.malformed) > before:
                    tear(batch, _book_of(record))

    def _begin(self, batch: Batch) -> None:
        # The answer to the handshake: what was told on another connection may not hold any more.
        self._best.clear()
        batch.control += 1

    def _take(self, text: str, batch: Batch) -> None:
        if text == '{"type":6}':
            batch.control += 1
        elif not (text.startswith(_TRADE) and _add_whole(text, batch)):
            self._rest(text, batch)

    def _rest(self, text: str, batch: Batch) -> None:
        record = _record(text)
        refuse_duplicates(text)
        if record.type == 3:
            _add_reply(record, batch)
        elif record.type in _NOTICES or (record.type == 0 and isinstance(record.error, str)):
            batch.control += 1
        elif record.type != 1:
            raise UnusableError("unknown type")
        elif record.target == "GatewayTrade":
            self._add_trades(text, batch)
        elif record.target == "GatewayQuote":
            self._add_quotes(text, batch)
        elif record.target == "GatewayDepth":
            _add_levels(text, batch)
        else:
            raise UnusableError("unknown target")

    def _add_trades(self, text: str, batch: Batch) -> None:
        contract, entries = _entries(text)

        def add(entry: str, batch: Batch) -> None:
            add_trade(batch, contract, _row(_trade(entry)))

        add_records(entries, add, batch)
        batch.control += not entries

    def _add_quotes(self, text: str, batch: Batch) -> None:
        contract, entries = _entries(text)
        before = len(batch.quotes.get(contract, ())) + len(batch.malformed)

        def add(entry: str, batch: Batch) -> None:
            quote = _quote(entry)
            stamp = quote.lastUpdated or quote.timestamp
            ns = iso_ns(stamp) if stamp else 0
            if quote.bestBid is None and quote.bestAsk is None:
                # The last price, or the day's volume: nothing of the quote.
                batch.clock_ns = max(batch.clock_ns, ns)
                return
            bid, ask = self._best.get(contract, (_NAN, _NAN))
            bid = bid if quote.bestBid is None else quote.bestBid
            ask = ask if quote.bestAsk is None else quote.bestAsk
            self._best[contract] = bid, ask
            add_quote(batch, contract, (ns, bid, _NAN, ask, _NAN))

        add_records(entries, add, batch)
        batch.control += len(batch.quotes.get(contract, ())) + len(batch.malformed) == before


def _add_whole(text: str, batch: Batch) -> bool:
    """Add the trades of a record; return False, and add none, where anything in it is not as it should be."""
    try:
        contract, held = _trades(text).arguments
        trades = held if isinstance(held, list) else [held]
        if len(trades) == 1:
            row = _row(trades[0])
            check_keys(text, 3 + _colons(trades[0]))
            add_trade(batch, contract, row)
            return True
        rows = [_row(trade) for trade in trades]
        check_keys(text, 3 + sum(map(_colons, trades)))
    except (ValueError, RecursionError):
        return False
    for row in rows:
        add_trade(batch, contract, row)
    batch.control += not rows
    return True


def _colons(trade: _Trade) -> int:
    told = (trade.type is not _UNSET) + (trade.symbolId is not _UNSET)
    # What `iso_ns` takes for a time has one between hours, minutes and seconds, and one in its zone.
    return 3 + told + (2 if trade.timestamp[-1] == "Z" else 3)


def _row(trade: _Trade) -> TradeRow:
    side = _SIDES.get(trade.type, 0)
    return iso_ns(trade.timestamp), trade.price, trade.volume, 1, side, -1


def _entries(text: str) -> tuple[str, Sequence[msgspec.Raw]]:
    """Return the contract and what is told of it, one by one."""
    contract, payload = _event(text).arguments
    held = str(payload, "utf-8")
    return contract, _list(held) if held.startswith("[") else [payload]


def _add_levels(text: str, batch: Batch) -> None:
    contract, entries = _entries(text)
    updates: list[DepthUpdate] = []

    def add(entry: str, batch: Batch) -> None:
        level = _level(entry)
        ns = iso_ns(level.timestamp)
        batch.clock_ns = max(batch.clock_ns, ns)
        side = level.type in _ASKS or level.type in _BIDS
        if level.type == _RESET or (side and not updates):
            updates.append(DepthUpdate(ns, level.type == _RESET, [], []))
        if not side:
            return
        if level.price is None or level.volume is None:
            raise UnusableError("a level without price or size")
        update = updates[-1]
        (update.asks if level.type in _ASKS else update.bids).append((level.price, level.volume))

    refused_before = len(batch.malformed)
    add_records(entries, add, batch)
    kept = [update for update in updates if update.snapshot or update.bids or update.asks]
    if kept:
        batch.depth.setdefault(contract, []).extend(kept)
    if len(batch.malformed) > refused_before:
        tear(batch, contract)
    elif not kept:
        batch.control += 1


def _add_reply(record: _Record, batch: Batch) -> None:
    if not record.invocationId:
        raise UnusableError("an answer to nothing")
    error = record.error if isinstance(record.error, str) else None
    if error is not None and not isinstance(record.result, _Unset) and bytes(record.result) != b"null":
        raise UnusableError("an answer with a result and an error")
    number = int(record.invocationId) if record.invocationId.isdecimal() else 0
    batch.replies.append(Reply(number, error is None, reply_text(error or "")))
    batch.control += 1
