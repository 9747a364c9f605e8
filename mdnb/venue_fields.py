"""Types and exact times of the fields that venues write, in frames and in the answers of their histories.

Numbers are decoded straight into float or int, from JSON numbers or from decimal strings, by a parser
that rounds exactly as ``float(text)`` does. The bounds below refuse what JSON smuggles past that:
``"nan"``, ``"inf"``, ``1e999``, negative sizes, ids beyond 64 bits, absurdly long symbols.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

__all__ = [
    "MAX_NS",
    "Epoch",
    "Identifier",
    "Level",
    "Price",
    "Size",
    "Symbol",
    "UnusableError",
    "decimal_ns",
    "epoch_ns",
    "iso_ns",
    "iso_text",
    "number_or_nan",
    "trade_number",
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
    # What is cut off is looked at, too: 1.5e9 is no such decimal.
    rest = fraction[digits:]
    good = joined.isdigit() and (not rest or rest.isdigit())
    if whole and len(joined) <= 20 and joined.isascii() and rest.isascii() and good:
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
    # A fraction of a second and UTC, which is what nearly all venues write.
    digits = text[20:-1] if text[-1:] == "Z" else text[20:-6] if text[-6:] == "+00:00" else ""
    if digits.isdigit() and digits.isascii() and len(digits) < 10:
        return _dotted_ns(text[:20]) + int(digits) * _NS_OF_LAST_DIGIT[len(digits)]
    if text[-1:] == "Z":
        fraction = text[19:-1]
        start = _second_ns(text[:19])
    else:
        fraction = text[19:-6]
        start = _second_ns(text[:19]) - _offset_ns(text[-6:])
    if fraction:
        digits = fraction[1:10]
        if fraction[0] != "." or not (fraction.isascii() and fraction[1:].isdigit()):
            raise UnusableError("wrong time")
        start += int(digits) * _NS_OF_LAST_DIGIT[len(digits)]
    if start > 0:
        return start
    raise UnusableError("wrong time")


def iso_text(ns: int, digits: int = 9) -> str:
    """Return a time as RFC 3339 in UTC; what is finer than its digits is cut.

    Parameters
    ----------
    ns
        Not negative.
    digits
        Decimals of the seconds.

    Examples
    --------
    >>> iso_text(1618677817089723001), iso_text(1618677817089723001, 0)
    ('2021-04-17T16:43:37.089723001Z', '2021-04-17T16:43:37Z')
    """
    seconds, rest = divmod(ns, 1_000_000_000)
    text = (_EPOCH + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}"[: digits + 1] if digits else ""
    return f"{text}{fraction}Z"


_MARKS = ("-", "-", ":", ":")
_NS_OF_LAST_DIGIT: tuple[int, ...] = tuple(10 ** (9 - digits) for digits in range(10))
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DECIMAL = re.compile(r"-?\d{1,400}(\.\d{0,400})?([eE][-+]?\d{1,3})?", re.ASCII)


@functools.lru_cache(maxsize=64)
def _second_ns(text: str) -> int:
    # Consecutive messages mostly share their second, so nearly every call is a hit.
    if len(text) != 19 or (text[4], text[7], text[13], text[16]) != _MARKS:
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


@functools.lru_cache(maxsize=64)
def _dotted_ns(text: str) -> int:
    if text[19] == ".":
        return _second_ns(text[:19])
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


def uuid_id(text: str) -> int:
    """Return 63 bits of a UUID, for venues that number trades with one.

    Two trades of one venue share them with a probability of about n**2 / 2**64.

    Examples
    --------
    >>> uuid_id("413bca3a-34a8-50aa-a2ae-47ad720be505")
    2350286493715802197
    """
    digits = text.replace("-", "")
    try:
        # White space is skipped, and does not count.
        if len(digits) == 32 and len(bytes.fromhex(digits)) == 16:
            return int(digits, 16) >> 65
    except ValueError:
        pass
    raise UnusableError("wrong trade id")


def trade_number(text: str) -> int:
    """Return a trade id that is a number or a UUID, at a venue that has both.

    Examples
    --------
    >>> trade_number("2100000000188691524"), trade_number("413bca3a-34a8-50aa-a2ae-47ad720be505")
    (2100000000188691524, 2350286493715802197)
    """
    if len(text) < 20 and text.isascii() and text.isdigit():
        number = int(text)
        if number <= MAX_NS:
            return number
    return uuid_id(text)
