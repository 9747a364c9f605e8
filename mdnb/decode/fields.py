"""Parts shared by the venues' decoders: a loop that never raises, duplicate keys, rows into batches.

On the hot path: a trade message costs about 1.5 us with all of this, its JSON and its time included.

A field that may be missing may be ``null`` as well. Most of the decoders' types do not say so, for that would
cost each frame: what they refuse is read once more as if nothing was there.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from mdnb.decode.torn_books import BookOf, tear
from mdnb.rows import BarRow, Batch, DepthUpdate, QuoteRow, TradeRow
from mdnb.timeframes import Timeframe
from mdnb.venue_fields import UnusableError

__all__ = [
    "OpenBars",
    "add_bar",
    "add_depth",
    "add_quote",
    "add_records",
    "add_trade",
    "check_keys",
    "decode_frames",
    "frame_text",
    "oldest_first",
    "read_again",
    "refuse_duplicates",
    "refused",
    "reply_number",
    "reply_text",
    "timeframe_name",
]

_NAN = float("nan")
_ESCAPED_COLON = "\\u003"
_decode_any = msgspec.json.Decoder().decode
_encode_any = msgspec.json.Encoder().encode
_encode_exact = msgspec.json.Encoder(decimal_format="number").encode


def decode_frames(
    frames: Sequence[str | bytes], handle: Callable[[str, Batch], None], book_of: BookOf | None = None
) -> Batch:
    """Decode each frame by ``handle``; one that fails is counted in ``malformed``.

    Parameters
    ----------
    frames
        Text frames, or their UTF-8 bytes, in order of arrival.
    handle
        Adds a frame's rows to the batch. May raise ValueError or RecursionError before it adds any.
    book_of
        Where changes of order books have no numbers: of whose book a frame is that could not be read.
    """
    batch = Batch()
    batch.frames = len(frames)
    for frame in frames:
        try:
            handle(frame if frame.__class__ is str else frame_text(frame), batch)
        except (ValueError, RecursionError) as error:
            before = len(batch.malformed)
            read_again(frame, handle, error, batch)
            if book_of is not None and len(batch.malformed) > before:
                tear(batch, _book_of(frame, book_of))
    return batch


def _book_of(frame: object, book_of: BookOf) -> str:
    try:
        return book_of(frame_text(frame))
    except ValueError:
        return ""


def frame_text(frame: object) -> str:
    """Return a frame's text.

    Raises
    ------
    ValueError
        When it is not UTF-8, or no frame: an adapter of one's own may hand over anything.

    Examples
    --------
    >>> frame_text(b'{"e":"clock","t":5}')
    '{"e":"clock","t":5}'
    >>> frame_text({"e": "clock", "t": 5})
    Traceback (most recent call last):
        ...
    mdnb.venue_fields.UnusableError: a frame must be text (str) or bytes, not a dict; ...
    """
    if isinstance(frame, (bytes, bytearray, memoryview)):
        return str(frame, "utf-8")
    if isinstance(frame, str):
        # Of a class of its own; decoders take none but the plain one.
        return "".join(frame)
    raise UnusableError(
        f"a frame must be text (str) or bytes, not a {type(frame).__name__[:30]}; write it with json.dumps"
    )


def add_records(records: Sequence[msgspec.Raw], handle: Callable[[str, Batch], None], batch: Batch) -> None:
    """Decode each record of a frame by ``handle``, one by one: a bad one leaves the others usable.

    For a frame that was refused as a whole: one bad trade among a hundred must not cost the others.
    """
    for record in records:
        try:
            handle(str(record, "utf-8"), batch)
        except (ValueError, RecursionError) as error:
            read_again(bytes(record), handle, error, batch)


def read_again(
    frame: object, handle: Callable[[str, Batch], None], error: ValueError | RecursionError, batch: Batch
) -> None:
    """Handle a frame or record that failed once more, without what it says is ``null``; refuse it else.

    Parameters
    ----------
    frame, handle
        It failed with; as of `decode_frames`.
    error
        What it failed by.

    Examples
    --------
    >>> batch = Batch()
    >>> needs_price = lambda text, batch: batch.replies.append(msgspec.json.decode(text, type=dict[str, int]))
    >>> for text in ['{"price":5,"note":null}', '{"price":[null]}']:
    ...     read_again(text, needs_price, msgspec.ValidationError("no"), batch)
    >>> batch.replies, batch.malformed
    ([{'price': 5}], ['wrong shape'])
    """
    if isinstance(error, msgspec.ValidationError):
        try:
            text = frame_text(frame)
            if "null" in text:
                handle(_without_nulls(text), batch)
                return
        except (ValueError, RecursionError):
            # What was wrong with it as it came is what is told.
            pass
    batch.refuse(refused(error), frame)


def _without_nulls(text: str) -> str:
    """Return JSON without each key whose value is null, all else as it was written."""
    refuse_duplicates(text)
    held = json.loads(
        text,
        object_pairs_hook=lambda pairs: {name: value for name, value in pairs if value is not None},
        parse_int=Decimal,
        parse_float=Decimal,
        parse_constant=_no_number,
    )
    return _encode_exact(held).decode()


def _no_number(_constant: str) -> NoReturn:
    raise ValueError


def refused(error: ValueError | RecursionError) -> str:
    """Return a short reason for a refusal, free of the frame's own text.

    Examples
    --------
    >>> from mdnb.venue_fields import Price, Size, typed
    >>> try:
    ...     typed(tuple[Price, Size])('["nan", 2]')
    ... except ValueError as error:
    ...     refused(error)
    'wrong shape at $[0]'
    """
    if isinstance(error, UnusableError):
        return str(error)
    if isinstance(error, msgspec.ValidationError):
        path = str(error).rpartition(" - at ")[2].strip("`")
        return f"wrong shape at {path}" if path.startswith("$") else "wrong shape"
    if isinstance(error, (msgspec.DecodeError, json.JSONDecodeError)):
        return "not JSON"
    if isinstance(error, UnicodeError):
        return "not UTF-8"
    return "nested too deep" if isinstance(error, RecursionError) else "wrong value"


def check_keys(text: str, colons: int) -> None:
    """Refuse a frame with a duplicate key.

    A frame whose required keys are all there, and that holds exactly as many colons as they and its
    time stamps need, has no room for a key twice. Any other count is looked at by `refuse_duplicates`: a
    venue added a field, or somebody plays tricks. So is a colon that is written as an escape: a time stamp
    with one leaves room for another key's.

    Raises
    ------
    UnusableError
        When a key occurs twice in one object.
    """
    if text.count(":") != colons or _ESCAPED_COLON in text:
        refuse_duplicates(text)


def refuse_duplicates(text: str) -> None:
    """Refuse JSON text in which an object has a key twice.

    A dict keeps one value a key, so that written anew, text with a key twice has fewer colons: reading and
    writing it in C takes a sixth of the time that a look at each object takes. Only where that does not say
    that all is well, each object is looked at.

    Raises
    ------
    UnusableError
        When a key occurs twice in one object.
    ValueError, RecursionError
        When it is no JSON, or nested too deep.

    Examples
    --------
    >>> refuse_duplicates('{"price":1,"new":{"price":"2:3"}}')
    >>> refuse_duplicates('{"price":1,"new":{"a":1},"price":2}')
    Traceback (most recent call last):
        ...
    mdnb.venue_fields.UnusableError: duplicate key
    """
    # A colon that is written as an escape is one more after it was read, and would stand in for one that
    # went with its key.
    if _ESCAPED_COLON not in text:
        try:
            if _encode_any(_decode_any(text)).count(b":") == text.count(":"):
                return
        except (ValueError, RecursionError):
            # What is wrong with it is said below, as it is for all that is no JSON.
            pass
    json.loads(text, object_pairs_hook=_distinct, parse_int=_unread, parse_float=_unread)


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise UnusableError("duplicate key")


def _unread(_number: str) -> None:
    # Only keys matter here; Python would refuse to read an integer of 5000 digits.
    return None


@functools.lru_cache(maxsize=128)
def timeframe_name(interval: str) -> str:
    """Return mdnb's name of a venue's interval.

    Examples
    --------
    >>> timeframe_name("1m"), timeframe_name("4H"), timeframe_name("1M")
    ('1min', '4hour', '1month')
    """
    return Timeframe.parse(interval).name


def reply_text(text: str) -> str:
    """Return a venue's own words, printable and of a length that fits a status line."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:200])


def reply_number(text: str) -> int:
    """Return the number of ours that a venue's reply names as text; 0 where it names none.

    Examples
    --------
    >>> reply_number("17"), reply_number(""), reply_number("f3a0")
    (17, 0, 0)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def add_trade(batch: Batch, symbol: str, row: TradeRow) -> None:
    """Append a trade and move the batch's clock."""
    rows = batch.trades.get(symbol)
    if rows is None:
        rows = batch.trades[symbol] = []
    rows.append(row)
    if row[0] > batch.clock_ns:
        batch.clock_ns = row[0]


def add_quote(batch: Batch, symbol: str, row: QuoteRow) -> None:
    """Append a quote and move the batch's clock; a side without price and size is missing, as ``nan``."""
    if row[1] == row[2] == 0.0:
        row = (row[0], _NAN, _NAN, row[3], row[4])
    if row[3] == row[4] == 0.0:
        row = (row[0], row[1], row[2], _NAN, _NAN)
    rows = batch.quotes.get(symbol)
    if rows is None:
        rows = batch.quotes[symbol] = []
    rows.append(row)
    if row[0] > batch.clock_ns:
        batch.clock_ns = row[0]


def add_bar(batch: Batch, symbol: str, timeframe: str, row: BarRow, closed: bool) -> None:
    """Append one of the venue's own bars. A bar's start does not move the clock."""
    batch.bars.setdefault((symbol, timeframe), []).append((row, closed))


def oldest_first(rows: Sequence[tuple[str, TradeRow]]) -> Sequence[tuple[str, TradeRow]]:
    """Return ``(symbol, trade)`` pairs in the order they were made in, where a frame lists the newest first.

    The first and the last tell, by their times and, where these are the same, their ids.

    Examples
    --------
    >>> [row[0] for _, row in oldest_first([("A", (9, 1.0, 1.0, 1, 1, 2)), ("A", (7, 1.0, 1.0, 1, 1, 1))])]
    [7, 9]
    """
    if len(rows) < 2:
        return rows
    first, last = rows[0][1], rows[-1][1]
    return rows[::-1] if (first[0], first[5]) > (last[0], last[5]) else rows


def add_depth(batch: Batch, symbol: str, update: DepthUpdate) -> None:
    """Append a change of an order book and move the batch's clock."""
    batch.depth.setdefault(symbol, []).append(update)
    if update.ts_ns > batch.clock_ns:
        batch.clock_ns = update.ts_ns


class OpenBars:
    """Marks bars as closed, for venues that only send the current bar over and over.

    A bar is closed once a later one of its kind has begun.

    Examples
    --------
    >>> bars, batch = OpenBars(), Batch()
    >>> bars.add(batch, "BTC", "1min", (60, 1.0, 1.0, 1.0, 1.0, 5.0, 2, 5.0))
    >>> bars.add(batch, "BTC", "1min", (120, 1.0, 2.0, 1.0, 2.0, 1.0, 1, 2.0))
    >>> [(row[0], closed) for row, closed in batch.bars["BTC", "1min"]]
    [(60, False), (60, True), (120, False)]
    """

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], BarRow] = {}

    def add(self, batch: Batch, symbol: str, timeframe: str, row: BarRow) -> None:
        """Add the current bar; if it is a new one, the bar before it is emitted once more, as closed."""
        last = self._open.get((symbol, timeframe))
        if last is not None and row[0] < last[0]:
            add_bar(batch, symbol, timeframe, row, True)
            return
        if last is not None and row[0] > last[0]:
            add_bar(batch, symbol, timeframe, last, True)
        self._open[symbol, timeframe] = row
        add_bar(batch, symbol, timeframe, row, False)

    def forget(self, symbol: str = "", timeframe: str = "") -> None:
        """Take the next bar as the first one: what came between is not known, as after an outage.

        Parameters
        ----------
        symbol, timeframe
            Whose; where one is not told, of all.

        Examples
        --------
        >>> bars, batch = OpenBars(), Batch()
        >>> bars.add(batch, "BTC", "1min", (60, 1.0, 1.0, 1.0, 1.0, 5.0, 2, 5.0))
        >>> bars.forget("BTC")
        >>> bars.add(batch, "BTC", "1min", (180, 1.0, 2.0, 1.0, 2.0, 1.0, 1, 2.0))
        >>> [(row[0], closed) for row, closed in batch.bars["BTC", "1min"]]
        [(60, False), (180, False)]
        """
        for key in list(self._open):
            if symbol in ("", key[0]) and timeframe in ("", key[1]):
                del self._open[key]
