"""Parts shared by the venues' decoders: field types, exact times, and a loop that never raises.

On the hot path: a trade message costs about 2 us with all of this, its JSON and its time included.

Numbers are decoded straight into float or int, from JSON numbers or from decimal strings, by a parser
that rounds exactly as ``float(text)`` does. The bounds below refuse what JSON smuggles past that:
``"nan"``, ``"inf"``, ``1e999``, negative sizes, ids beyond 64 bits, absurdly long symbols.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from mdnb.rows import BarRow, Batch, QuoteRow, TradeRow
from mdnb.timeframes import Timeframe

__all__ = [
    "MAX_NS",
    "Epoch",
    "Identifier",
    "Level",
    "OpenBars",
    "Price",
    "Size",
    "Symbol",
    "UnusableError",
    "add_bar",
    "add_quote",
    "add_records",
    "add_trade",
    "check_keys",
    "decimal_ns",
    "decode_frames",
    "epoch_ns",
    "iso_ns",
    "number_or_nan",
    "refuse_duplicates",
    "refused",
    "reply_text",
    "timeframe_name",
    "typed",
    "uuid_id",
]

MAX_NS = 2**63 - 1
_MAX_MS = MAX_NS // 1_000_000

Price = Annotated[float, Meta(ge=-1e300, le=1e300)]
"""Finite; may be negative (spreads, and crude oil in April 2020)."""

Size = Annotated[float, Meta(ge=0, le=1e300)]
"""Finite and not negative."""

Epoch = Annotated[int, Meta(gt=0, le=MAX_NS // 1000)]
"""Milliseconds or microseconds since 1970; `epoch_ns` tells them apart."""

Identifier = Annotated[int, Meta(ge=0, le=MAX_NS)]
Symbol = Annotated[str, Meta(min_length=1, max_length=64)]
Level = tuple[Price, Size]


class UnusableError(ValueError):
    """A frame or record that cannot be used; its text is one of a few reasons, which are counted."""


_T = TypeVar("_T")


def typed(kind: type[_T]) -> Callable[[str], _T]:
    """Return a function that decodes JSON text into ``kind``, numbers in strings included.

    Examples
    --------
    >>> typed(tuple[Price, Size])('["61837.63", 2]')
    (61837.63, 2.0)
    """
    return msgspec.json.Decoder(kind, strict=False).decode


def decode_frames(frames: Sequence[str | bytes], handle: Callable[[str, Batch], None]) -> Batch:
    """Decode each frame by ``handle``; one that fails is counted in ``malformed``.

    Parameters
    ----------
    frames
        Text frames, or their UTF-8 bytes, in order of arrival.
    handle
        Adds a frame's rows to the batch. May raise ValueError or RecursionError before it adds any.
    """
    batch = Batch()
    batch.frames = len(frames)
    for frame in frames:
        try:
            handle(frame if frame.__class__ is str else str(frame, "utf-8"), batch)  # type: ignore[arg-type]  # a str here
        except (ValueError, RecursionError) as error:
            batch.malformed.append(refused(error))
    return batch


def add_records(records: Sequence[msgspec.Raw], handle: Callable[[str, Batch], None], batch: Batch) -> None:
    """Decode each record of a frame by ``handle``, one by one: a bad one leaves the others usable.

    For a frame that was refused as a whole: one bad trade among a hundred must not cost the others.
    """
    for record in records:
        try:
            handle(str(record, "utf-8"), batch)
        except (ValueError, RecursionError) as error:
            batch.malformed.append(refused(error))


def refused(error: ValueError | RecursionError) -> str:
    """Return a short reason for a refusal, free of the frame's own text.

    Examples
    --------
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
    if isinstance(error, msgspec.DecodeError):
        return "not JSON"
    if isinstance(error, UnicodeError):
        return "not UTF-8"
    return "nested too deep" if isinstance(error, RecursionError) else "wrong value"


def check_keys(text: str, colons: int) -> None:
    """Refuse a frame with a duplicate key.

    A frame whose required keys are all there, and that holds exactly as many colons as they and its
    time stamps need, has no room for a key twice. Any other count is looked at in full, which is slow
    but rare: a venue added a field, or somebody plays tricks.

    Raises
    ------
    UnusableError
        When a key occurs twice in one object.
    """
    if text.count(":") != colons:
        refuse_duplicates(text)


def refuse_duplicates(text: str) -> None:
    """Refuse JSON text in which an object has a key twice."""
    json.loads(text, object_pairs_hook=_distinct, parse_int=_unread, parse_float=_unread)


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise UnusableError("duplicate key")


def _unread(_number: str) -> None:
    # Only keys matter here; Python would refuse to read an integer of 5000 digits.
    return None


def epoch_ns(value: int) -> int:
    """Return nanoseconds for an epoch in milliseconds or in microseconds.

    Examples
    --------
    >>> epoch_ns(1723161255342), epoch_ns(1735689600010866)
    (1723161255342000000, 1735689600010866000)
    """
    return value * 1_000_000 if value <= _MAX_MS else value * 1_000


def decimal_ns(text: str, digits: int = 9) -> int:
    """Return the exact nanoseconds of a decimal epoch; digits beyond nanoseconds are cut.

    Parameters
    ----------
    text
        Digits with or without a fraction.
    digits
        Decimals of one unit in nanoseconds: 9 for seconds, 6 for milliseconds.

    Raises
    ------
    UnusableError
        When it is not a plain positive decimal within 64 bits.

    Examples
    --------
    >>> decimal_ns("1618678158.135041"), decimal_ns("1619093562050.3572", 6)
    (1618678158135041000, 1619093562050357200)
    """
    whole, _, fraction = text.partition(".")
    joined = whole + fraction[:digits].ljust(digits, "0")
    if whole and len(joined) <= 20 and joined.isascii() and joined.isdigit():
        made = int(joined)
        if 0 < made <= MAX_NS:
            return made
    raise UnusableError("wrong time")


def iso_ns(text: str) -> int:
    """Return the exact nanoseconds of an RFC 3339 time; digits beyond nanoseconds are cut.

    Raises
    ------
    UnusableError
        When it is not such a time, has no zone, or lies outside 1970 to 2261.

    Examples
    --------
    >>> iso_ns("2021-04-17T16:43:37.089723Z"), iso_ns("2023-10-04T18:26:30.524394914+02:00")
    (1618677817089723000, 1696436790524394914)
    """
    digits = text[20:26]
    if len(text) == 27 and text[26] == "Z" and text[19] == "." and digits.isascii() and digits.isdigit():
        # Microseconds and Z, which is what nearly all venues write.
        return _second_ns(text[:19]) + int(digits) * 1000
    if text[-1:] == "Z":
        fraction = text[19:-1]
        start = _second_ns(text[:19])
    else:
        fraction = text[19:-6]
        start = _second_ns(text[:19]) - _offset_ns(text[-6:])
    if fraction:
        digits = fraction[1:10]
        if fraction[0] != "." or not (digits.isascii() and digits.isdigit()):
            raise UnusableError("wrong time")
        start += int(digits) * _NS_OF_LAST_DIGIT[len(digits)]
    if start > 0:
        return start
    raise UnusableError("wrong time")


_NS_OF_LAST_DIGIT = tuple(10 ** (9 - digits) for digits in range(10))
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DECIMAL = re.compile(r"-?\d{1,400}(\.\d{0,400})?([eE][-+]?\d{1,3})?", re.ASCII)


@functools.lru_cache(maxsize=64)
def _second_ns(text: str) -> int:
    # Consecutive messages mostly share their second, so nearly every call is a hit.
    if len(text) != 19 or text[4] != "-" or text[7] != "-":
        raise UnusableError("wrong time")
    try:
        since = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) - _EPOCH
    except ValueError:
        raise UnusableError("wrong time") from None
    seconds = since.days * 86_400 + since.seconds
    # Int64 nanoseconds end in April 2262.
    if 0 < seconds < _END_OF_2261:
        return seconds * 1_000_000_000
    raise UnusableError("wrong time")


_END_OF_2261 = 9_214_646_400


@functools.lru_cache(maxsize=64)
def _offset_ns(text: str) -> int:
    try:
        offset = dt.datetime.strptime(text, "%z").utcoffset()
    except ValueError:
        offset = None
    if offset is None or len(text) != 6:
        raise UnusableError("wrong time")
    return round(offset.total_seconds()) * 1_000_000_000


@functools.lru_cache(maxsize=128)
def timeframe_name(interval: str) -> str:
    """Return mdnb's name of a venue's interval.

    Examples
    --------
    >>> timeframe_name("1m"), timeframe_name("4H"), timeframe_name("1M")
    ('1min', '4hour', '1month')
    """
    return Timeframe.parse(interval).name


def number_or_nan(text: str | None) -> float:
    """Return the number a decimal string holds, ``nan`` where a venue leaves it empty.

    Examples
    --------
    >>> number_or_nan("30230.3"), number_or_nan("")
    (30230.3, nan)
    """
    if not text:
        return float("nan")
    number = float(text) if _DECIMAL.fullmatch(text) else float("inf")
    if abs(number) <= 1e300:
        return number
    raise UnusableError("wrong number")


def reply_text(text: str) -> str:
    """Return a venue's own words, printable and of a length that fits a status line."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:200])


def uuid_id(text: str) -> int:
    """Return 63 bits of a UUID, for venues that number trades with one.

    Two trades of one venue share them with a probability of about n**2 / 2**64.

    Examples
    --------
    >>> uuid_id("413bca3a-34a8-50aa-a2ae-47ad720be505")
    2350286493715802197
    """
    digits = text.replace("-", "")
    if len(digits) != 32 or not digits.isascii() or not digits.isalnum():
        raise UnusableError("wrong trade id")
    return int(digits, 16) >> 65


def add_trade(batch: Batch, symbol: str, row: TradeRow) -> None:
    """Append a trade and move the batch's clock."""
    rows = batch.trades.get(symbol)
    if rows is None:
        rows = batch.trades[symbol] = []
    rows.append(row)
    if row[0] > batch.clock_ns:
        batch.clock_ns = row[0]


def add_quote(batch: Batch, symbol: str, row: QuoteRow) -> None:
    """Append a quote and move the batch's clock."""
    rows = batch.quotes.get(symbol)
    if rows is None:
        rows = batch.quotes[symbol] = []
    rows.append(row)
    if row[0] > batch.clock_ns:
        batch.clock_ns = row[0]


def add_bar(batch: Batch, symbol: str, timeframe: str, row: BarRow, closed: bool) -> None:
    """Append one of the venue's own bars. A bar's start does not move the clock."""
    batch.bars.setdefault((symbol, timeframe), []).append((row, closed))


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
