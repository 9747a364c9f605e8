"""Dates and times of a wall clock as text, to microseconds of that clock."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import DataImportError
from mdnb.io.notes import refuse

__all__ = ["date_form", "not_understood", "wall_of", "wall_times"]

_FORMS: Final[tuple[tuple[str, str], ...]] = (
    # (what a date looks like, its strptime format)
    (r"^\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d"),
    (r"^\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"^\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    (r"^\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),  # nobody writes the month first with dots
    (r"^\d{1,2}-[A-Za-z]{3}-\d{4}", "%d-%b-%Y"),
    (r"^\d{1,2}-[A-Za-z]{3}-\d{2}(?!\d)", "%d-%b-%y"),
    (r"^\d{1,2} [A-Za-z]{3} \d{4}", "%d %b %Y"),
    (r"^\d{1,2} [A-Za-z]{4,9} \d{4}", "%d %B %Y"),
    (r"^[A-Za-z]{3} \d{1,2},? \d{4}", "%b %d %Y"),
    (r"^[A-Za-z]{4,9} \d{1,2},? \d{4}", "%B %d %Y"),
    (r"^\d{8}", "%Y%m%d"),
)
_SHAPES: Final = {form: shape for shape, form in _FORMS}
_UNCLEAR: Final = r"^(\d{1,2})([/\-])(\d{1,2})[/\-](\d{4}|\d{2})(?!\d)"
_CLOCKS: Final[tuple[tuple[str, str], ...]] = (
    (r"^$", ""),
    (r"^\d{1,2}:\d{2}$", "%H:%M"),
    (r"^\d{1,2}:\d{2}:\d{2}$", "%H:%M:%S"),
    (r"^\d{1,2}:\d{2}:\d{2}[.,]\d{1,9}$", "%H:%M:%S.%f"),
    (r"^\d{1,2}:\d{2} [AaPp][Mm]$", "%I:%M %p"),
    (r"^\d{1,2}:\d{2}[AaPp][Mm]$", "%I:%M%p"),
    (r"^\d{1,2}:\d{2}:\d{2} [AaPp][Mm]$", "%I:%M:%S %p"),
    (r"^\d{1,2}:\d{2}:\d{2}[AaPp][Mm]$", "%I:%M:%S%p"),
    (r"^\d{1,2}-[AaPp][Mm]$", "%I-%p"),  # CryptoDataDownload
    (r"^\d{1,2} ?[AaPp][Mm]$", "%I %p"),
    (r"^\d{4}$", "%H%M"),
    (r"^\d{6}$", "%H%M%S"),
    (r"^\d{9}$", "%H%M%S%f"),
)
_BETWEEN: Final = re.compile(r"^[T, \-]{0,3}")
_FIRST_YEAR, _LAST_YEAR = 1800, 2200


def date_form(texts: Any, where: str, column: str) -> str:
    """Return the strptime format of the dates with which texts begin.

    Raises
    ------
    DataImportError
        It is none that is known, or day and month cannot be told apart.

    Examples
    --------
    >>> date_form(pa.array(["03/25/2024", "03/26/2024"]), "x.csv", "Date")
    '%m/%d/%Y'
    """
    first = texts[0].as_py()
    for shape, form in _FORMS:
        if re.match(shape, first):
            return form
    unclear = re.match(_UNCLEAR, first)
    if unclear is None:
        raise not_understood(first, where, column)
    sign, year = unclear[2], "%Y" if len(unclear[4]) == 4 else "%y"
    parts = pc.extract_regex(texts, r"^(?P<a>\d{1,2})[/\-](?P<b>\d{1,2})[/\-]")
    if parts.null_count:
        at = int(np.flatnonzero(parts.is_null().to_numpy(zero_copy_only=False))[0])
        raise not_understood(str(texts[at].as_py()), where, column)
    one, two = (parts.field(name).cast(pa.int64()).to_numpy() for name in "ab")
    day_first, month_first = f"%d{sign}%m{sign}{year}", f"%m{sign}%d{sign}{year}"
    if one.max() > 12 and two.max() > 12:
        raise not_understood(first, where, column)
    if one.max() > 12:
        return day_first
    if two.max() > 12:
        return month_first
    clock = _clock_form(first[unclear.end() :])
    raise refuse(
        where,
        f"{first!r} in {column!r} may begin with the day or with the month",
        f"Give date_format={day_first + clock!r} or date_format={month_first + clock!r}.",
    )


def _clock_form(rest: str) -> str:
    between = _BETWEEN.match(rest)
    joint = between.group() if between else ""
    clock = rest[len(joint) :]
    form = next((made for shape, made in _CLOCKS if re.match(shape, clock)), None)
    return "" if form is None else joint + form


def wall_times(texts: Any, form: str, where: str, column: str) -> tuple[np.ndarray, bool]:
    """Return wall-clock microseconds of texts whose dates are of a format, and whether they have a clock.

    Raises
    ------
    DataImportError
        One of them is not understood.

    Examples
    --------
    >>> texts = pa.array(["1970-01-02 00:01", "1970-01-02 00:02:30"])
    >>> wall, has_clock = wall_times(texts, "%Y-%m-%d", "x.csv", "time")
    >>> (wall / 60e6).tolist(), has_clock
    ([1441.0, 1442.5], True)
    """
    if form == "%Y-%m-%d" and (quick := _iso(texts)) is not None:
        return quick, bool(pc.any(pc.match_substring(texts, ":")).as_py())
    if form in {"%b %d %Y", "%B %d %Y"}:
        texts = pc.replace_substring_regex(texts, r"^(\w+ \d{1,2}),", r"\1")
    first = texts[0].as_py()
    begin = re.match(_SHAPES.get(form, _UNCLEAR), first)
    rest = first[begin.end() :] if begin else first
    clock = _clock_form(rest)
    if rest and not clock:
        raise not_understood(first, where, column)
    if ".%f" in clock and "," in rest.lstrip(", "):
        texts = pc.replace_substring_regex(texts, r",(\d{1,9})$", r".\1")
    wall = wall_of(texts, form + clock)
    if wall is None:
        wall = _of_several(texts, form, clock)
    if wall is None:
        raise not_understood(_first_bad(texts, form + clock), where, column)
    return wall, bool(clock)


def _iso(texts: Any) -> np.ndarray | None:
    for unit in ("us", "ns"):
        try:
            made = texts.cast(pa.timestamp(unit))
        except pa.ArrowInvalid:
            continue
        wall: np.ndarray = made.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_numpy()
        return (
            wall
            if _is_of_markets(pd.DatetimeIndex(wall[[wall.argmin(), wall.argmax()]].view("M8[us]")))
            else None
        )
    return None


def _of_several(texts: Any, form: str, clock: str) -> np.ndarray | None:
    """Try times with and without their last parts: some programs leave out seconds that are nought."""
    joint = clock.partition("%")[0] or " "
    values = np.full(len(texts), np.iinfo(np.int64).min)
    for tail in ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M", ""):
        made = pd.DatetimeIndex(
            pd.to_datetime(texts.to_pandas(), format=form + joint + tail if tail else form, errors="coerce")
        )
        fits = ~np.asarray(made.isna()) & (values == np.iinfo(np.int64).min)
        values[fits] = made.as_unit("us").asi8[fits]
    return None if (values == np.iinfo(np.int64).min).any() else values


def _first_bad(texts: Any, form: str) -> str:
    made = pd.DatetimeIndex(pd.to_datetime(texts.to_pandas(), format=form, errors="coerce"))
    bad = np.flatnonzero(made.isna())
    return str(texts[int(bad[0]) if len(bad) else 0].as_py())


def not_understood(shown: str, where: str, column: str) -> DataImportError:
    """Return the error of a time that nobody understands."""
    problem = f"the time {shown[:60]!r} in {column!r} is not understood"
    return refuse(where, problem, "Give date_format=, such as '%d.%m.%Y %H:%M'.")


def wall_of(texts: Any, form: str) -> np.ndarray | None:
    """Return wall-clock microseconds, or None where some do not match or are no dates of markets."""
    if (parts := _by_parts(texts, form)) is not None:
        return parts
    try:
        made = pd.DatetimeIndex(pd.to_datetime(texts.to_pandas(), format=form, errors="coerce"))
    except (ValueError, TypeError):
        return None
    if made.isna().any() or not _is_of_markets(made):
        return None
    values: np.ndarray = made.as_unit("us").asi8
    return values


def _is_of_markets(times: pd.DatetimeIndex) -> bool:
    return not len(times) or (times.year.min() >= _FIRST_YEAR and times.year.max() <= _LAST_YEAR)


def _by_parts(texts: Any, form: str) -> np.ndarray | None:
    """Return the same quicker where it can be: each day and each time of day that occurs is parsed once."""
    at = min((place for sign in ("%H", "%I") if (place := form.find(sign)) > 0), default=0)
    if not at or not len(texts):
        return None
    clock = re.search(r"\d{1,2}:.*$|\d{4,9}$", str(texts[0].as_py()))
    widths = pc.min_max(pc.utf8_length(texts)).as_py()
    if clock is None or not clock.start() or widths["min"] != widths["max"]:
        return None
    total = np.zeros(len(texts), np.int64)
    halves = ((0, clock.start(), form[:at], ""), (clock.start(), None, form[at:], "1970-01-01 "))
    for start, stop, half, before in halves:
        held = pc.utf8_slice_codeunits(texts, start, stop).dictionary_encode()
        words = [before + word for word in held.dictionary.to_pylist()]
        try:
            made = pd.DatetimeIndex(
                pd.to_datetime(words, format=("%Y-%m-%d " if before else "") + half, errors="coerce")
            )
        except (ValueError, TypeError):
            return None
        if made.isna().any() or not (before or _is_of_markets(made)):
            return None
        total += made.as_unit("us").asi8[held.indices.to_numpy(zero_copy_only=False)]
    return total
