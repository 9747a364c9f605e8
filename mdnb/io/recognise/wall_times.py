"""Times of every kind that a file may hold, to UTC instants; what cannot be known is asked for."""

from __future__ import annotations

import dataclasses
import re
from datetime import tzinfo
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.io.instants import Instants, parse_times
from mdnb.io.notes import Note, note, refuse
from mdnb.io.times import EPOCHS

__all__ = ["FileTimes", "read_times"]

_DAY_US: Final = 86_400_000_000
_EPOCH_NUMBER: Final = r"^-?\d+(?:\.\d*)?$"
_EXCEL_FROM, _EXCEL_TO = 18_264, 109_576  # 1950 to 2200, days since 1899-12-30
_OFFSET: Final = r"(?:[zZ]|(?:UTC|GMT)|[+-]\d{2}:?\d{2})$"
# Text that is no digit, in the order of the forms that follow.
_ORDERED: Final[tuple[tuple[str, str], ...]] = (
    # (what it looks like, the strptime format of its date)
    (r"^\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d"),
    (r"^\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"^\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    (r"^\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),  # nobody writes the month first with dots
    (r"^\d{1,2}-[A-Za-z]{3}-\d{4}", "%d-%b-%Y"),
    (r"^\d{1,2}-[A-Za-z]{3}-\d{2}(?!\d)", "%d-%b-%y"),
    (r"^\d{1,2} [A-Za-z]{3} \d{4}", "%d %b %Y"),
    (r"^[A-Za-z]{3} \d{1,2},? \d{4}", "%b %d %Y"),
    (r"^[A-Za-z]{4,9} \d{1,2},? \d{4}", "%B %d %Y"),
    (r"^\d{8}", "%Y%m%d"),
)
_UNCLEAR: Final = r"^(\d{1,2})([/\-])(\d{1,2})[/\-](\d{4}|\d{2})(?!\d)"
_CLOCKS: Final[tuple[tuple[str, str], ...]] = (
    (r"^$", ""),
    (r"^\d{1,2}:\d{2}$", "%H:%M"),
    (r"^\d{1,2}:\d{2}:\d{2}$", "%H:%M:%S"),
    (r"^\d{1,2}:\d{2}:\d{2}[.,]\d{1,9}$", "%H:%M:%S.%f"),
    (r"^\d{1,2}:\d{2} ?[AaPp][Mm]$", "%I:%M %p"),
    (r"^\d{1,2}:\d{2}:\d{2} ?[AaPp][Mm]$", "%I:%M:%S %p"),
    (r"^\d{1,2}[- ]?[AaPp][Mm]$", "%I %p"),
    (r"^\d{4}$", "%H%M"),
    (r"^\d{6}$", "%H%M%S"),
    (r"^\d{9}$", "%H%M%S%f"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class FileTimes:
    """What a file's times are.

    Attributes
    ----------
    time_us
        int64, UTC epoch microseconds.
    said
        How they were understood, for people.
    notes
        What was put right or assumed.
    are_dates
        Whether they are dates alone: midnight UTC of the day that is meant.
    """

    time_us: np.ndarray
    said: str
    notes: tuple[Note, ...] = ()
    are_dates: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    date_format: str | None
    tz: str | tzinfo | None
    known_zone: str | None
    where: str
    column: str


def read_times(
    column: Any,
    clock: Any | None,
    *,
    date_format: str | None,
    tz: str | tzinfo | None,
    known_zone: str | None,
    where: str,
    name: str,
) -> FileTimes:
    """Return the instants of a column of times, or of one of dates and one of times of day.

    Parameters
    ----------
    column, clock
        Arrays of pyarrow.
    date_format
        A ``strptime`` format, or one of ``epoch_s``, ``epoch_ms``, ``epoch_us``, ``epoch_ns``, where the caller
        says it.
    tz
        The zone of times without an offset, where the caller says it.
    known_zone
        That in which this vendor is known to write them.

    Raises
    ------
    DataImportError
        When day and month, the zone or the format cannot be known: the message names the argument to give.
    """
    asked = _Asked(date_format, tz, known_zone, where, name)
    if clock is None and not pa.types.is_string(column.type):
        return _of_numbers_or_times(column, asked)
    texts = pc.utf8_trim_whitespace(_text(column))
    if texts.null_count:
        raise refuse(where, f"{name!r} is empty in {texts.null_count:,} rows", "Every row needs its time.")
    if clock is None:
        if date_format in EPOCHS:
            return _parsed(texts, asked, date_format, f"counts since 1970 ({date_format})")
        if date_format is None and pc.all(pc.match_substring_regex(texts, _EPOCH_NUMBER)).as_py():
            return _of_digits(texts, asked)
        return _of_text(texts, asked)
    clocks = pc.utf8_trim_whitespace(_text(clock))
    if clocks.null_count:
        raise refuse(
            where, f"the time of day is empty in {clocks.null_count:,} rows", "Every row needs its time."
        )
    clocks = _padded(clocks)
    joined = pc.binary_join_element_wise(texts, clocks, " ")
    return _of_text(joined, asked)


def _text(column: Any) -> Any:
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _padded(clocks: Any) -> Any:
    """Return times of day in digits with their leading noughts: 93000 is half past nine."""
    digits = pc.all(pc.match_substring_regex(clocks, r"^\d{1,6}$")).as_py()
    if not digits:
        return clocks
    most = int(pc.max(pc.utf8_length(clocks)).as_py() or 0)
    return pc.utf8_lpad(clocks, 4 if most <= 4 else 6, "0")


def _of_numbers_or_times(column: Any, asked: _Asked) -> FileTimes:
    kind = column.type
    if pa.types.is_date(kind):
        days = column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
        return FileTimes(days, "dates", are_dates=True)
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            # As text, so that one way asks for the zone.
            return _naive(column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy(), "times", asked)
        made = parse_times(column, date_format=None, tz=asked.tz, where=asked.where, column=asked.column)
        return _whole_days(made, column, f"times with the zone {kind.tz}", asked)
    if pa.types.is_floating(kind):
        return _of_digits(_decimals(column), asked)
    if pa.types.is_integer(kind):
        return _of_digits(column.cast(pa.string()), asked)
    raise refuse(
        asked.where, f"the column {asked.column!r} holds no times ({kind})", "Name another one: columns=."
    )


def _decimals(column: Any) -> Any:
    numbers = column.to_numpy(zero_copy_only=False)
    return pa.array([format(number, ".9f").rstrip("0").rstrip(".") for number in numbers.tolist()])


def _of_digits(texts: Any, asked: _Asked) -> FileTimes:
    """Take counts since 1970, days of a spreadsheet, or dates that are written without signs."""
    lengths = {int(length) for length in pc.unique(pc.utf8_length(texts)).to_pylist()}
    whole = not pc.any(pc.match_substring(texts, ".")).as_py()
    if whole and len(lengths) == 1 and asked.date_format is None:
        length = lengths.pop()
        form = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(length)
        if form is not None and (wall := _wall(texts, form)) is not None:
            if length == 8:
                return FileTimes(wall, "dates written as 20240304", are_dates=True)
            return _naive(wall, f"times written as {texts[0].as_py()}", asked)
    numbers = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    if (
        asked.date_format is None
        and len(numbers)
        and numbers.min() >= _EXCEL_FROM
        and numbers.max() < _EXCEL_TO
    ):
        # Days since 1899-12-30; a tenth of a millisecond is what their decimals keep.
        wall = np.round((numbers - 25_569) * 86_400_000).astype(np.int64) * 1000
        if not (wall % _DAY_US).any():
            return FileTimes(wall, "dates as a spreadsheet counts them", are_dates=True)
        return _naive(wall, "times as a spreadsheet counts them", asked)
    return _parsed(texts, asked, asked.date_format, "counts since 1970")


def _parsed(texts: Any, asked: _Asked, form: str | None, said: str) -> FileTimes:
    made = parse_times(texts, date_format=form, tz=asked.tz, where=asked.where, column=asked.column)
    if said == "counts since 1970":
        said = f"{_unit(texts)} since 1970"
    return FileTimes(made.time_us, said, tuple(made.notes))


def _unit(texts: Any) -> str:
    digits = len((texts[0].as_py() if len(texts) else "").partition(".")[0].lstrip("-"))
    return {
        13: "milliseconds",
        12: "milliseconds",
        16: "microseconds",
        15: "microseconds",
        19: "nanoseconds",
        18: "nanoseconds",
    }.get(digits, "seconds")


def _of_text(texts: Any, asked: _Asked) -> FileTimes:
    if asked.date_format is not None:
        made = parse_times(
            texts,
            date_format=asked.date_format,
            tz=asked.tz or _zone_for(asked),
            where=asked.where,
            column=asked.column,
        )
        if not re.search(r"%[zZ]", asked.date_format):
            dates = not re.search(r"%[HIMSTXcfrRsp]", asked.date_format)
            wall = _wall(texts, asked.date_format)
            if wall is not None:
                return (
                    FileTimes(wall, f"dates, {asked.date_format}", are_dates=True)
                    if dates
                    else _naive(wall, f"times, {asked.date_format}", asked)
                )
        return FileTimes(made.time_us, f"times, {asked.date_format}", tuple(made.notes))
    if pc.all(pc.match_substring_regex(texts, r"^\d{4}-\d{2}-\d{2}[T ].*" + _OFFSET)).as_py():
        made = parse_times(texts, date_format=None, tz=asked.tz, where=asked.where, column=asked.column)
        return _whole_days(made, texts, "times with their offset", asked)
    first = texts[0].as_py() if len(texts) else ""
    form = _date_form(texts, first, asked)
    date_end = re.match(_shape_of(form, first), first)
    rest = first[date_end.end() :] if date_end else ""
    between = re.match(r"^(?:[T, ]+)?", rest)
    clock = rest[between.end() :] if between else rest
    joint = rest[: len(rest) - len(clock)]
    clock_form = next((made for shape, made in _CLOCKS if re.match(shape, clock)), None)
    if clock_form is None:
        raise _not_understood(first, asked)
    wanted = form + joint + clock_form.replace(" %p", clock[-3:-2] + "%p" if clock[-3:-2] in " -" else "%p")
    cleaned = pc.replace_substring(texts, ",", ".") if ".%f" in wanted and "," in clock else texts
    if form in ("%b %d %Y", "%B %d %Y"):
        cleaned = pc.replace_substring_regex(cleaned, r"^(\w+ \d{1,2}),", r"\1")
    wall = _wall(cleaned, wanted)
    if wall is None:
        wall = _mixed(cleaned, form + joint)
    if wall is None:
        raise _not_understood(_first_bad(cleaned, wanted), asked)
    if not clock_form or not (wall % _DAY_US).any():
        return FileTimes(wall, "dates", are_dates=True)
    return _naive(wall, "times", asked)


def _mixed(texts: Any, start: str) -> np.ndarray | None:
    """Try times with and without their last parts: some programs leave out seconds that are nought."""
    values = np.full(len(texts), np.iinfo(np.int64).min)
    for clock in ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M", ""):
        form = start + clock if clock else start.rstrip("T, ")
        made = pd.DatetimeIndex(pd.to_datetime(texts.to_pandas(), format=form, errors="coerce"))
        fits = ~made.isna() & (values == np.iinfo(np.int64).min)
        values[fits] = made.as_unit("us").asi8[fits]
    return None if (values == np.iinfo(np.int64).min).any() else values


def _shape_of(form: str, first: str) -> str:
    for shape, made in _ORDERED:
        if made == form and re.match(shape, first):
            return shape
    return _UNCLEAR


def _date_form(texts: Any, first: str, asked: _Asked) -> str:
    for shape, form in _ORDERED:
        if re.match(shape, first):
            return form
    unclear = re.match(_UNCLEAR, first)
    if unclear is None:
        raise _not_understood(first, asked)
    sign, year = unclear[2], "%Y" if len(unclear[4]) == 4 else "%y"
    parts = pc.extract_regex(texts, r"^(?P<a>\d{1,2})[/\-](?P<b>\d{1,2})[/\-]")
    if parts.null_count:
        raise _not_understood(_first_null(texts, parts), asked)
    one, two = (parts.field(name).cast(pa.int64()).to_numpy() for name in "ab")
    if one.max() > 12 and two.max() > 12:
        raise _not_understood(first, asked)
    if one.max() > 12:
        return f"%d{sign}%m{sign}{year}"
    if two.max() > 12:
        return f"%m{sign}%d{sign}{year}"
    day_first, month_first = f"%d{sign}%m{sign}{year}", f"%m{sign}%d{sign}{year}"
    raise refuse(
        asked.where,
        f"{first!r} in {asked.column!r} may begin with the day or with the month",
        f"Give date_format={day_first + _clock_of(first)!r} or date_format={month_first + _clock_of(first)!r}.",
    )


def _clock_of(first: str) -> str:
    rest = re.sub(_UNCLEAR, "", first)
    clock = rest.lstrip("T, ")
    form = next((made for shape, made in _CLOCKS if re.match(shape, clock)), "")
    return rest[: len(rest) - len(clock)] + form


def _first_null(texts: Any, parts: Any) -> str:
    at = int(np.flatnonzero(parts.is_null().to_numpy(zero_copy_only=False))[0])
    return str(texts[at].as_py())


def _first_bad(texts: Any, form: str) -> str:
    made = pd.DatetimeIndex(pd.to_datetime(texts.to_pandas(), format=form, errors="coerce"))
    bad = np.flatnonzero(made.isna())
    return str(texts[int(bad[0])].as_py()) if len(bad) else str(texts[0].as_py())


def _not_understood(shown: str, asked: _Asked) -> Exception:
    return refuse(
        asked.where,
        f"the time {shown[:60]!r} in {asked.column!r} is not understood",
        "Give date_format=, such as '%d.%m.%Y %H:%M'.",
    )


def _wall(texts: Any, form: str) -> np.ndarray | None:
    """Return wall-clock microseconds, or None where some do not match or are no dates of markets."""
    made = pd.DatetimeIndex(pd.to_datetime(texts.to_pandas(), format=form, errors="coerce"))
    if made.isna().any() or (len(made) and (made.year.min() < 1800 or made.year.max() > 2200)):
        return None
    values: np.ndarray = made.as_unit("us").asi8
    return values


def _zone_for(asked: _Asked) -> str:
    return asked.known_zone or "UTC"


def _naive(wall: np.ndarray, said: str, asked: _Asked) -> FileTimes:
    """Take wall-clock times of a zone that was given, or is known of the vendor; else ask for it."""
    zone = asked.tz if asked.tz is not None else asked.known_zone
    if zone is None:
        moment = pd.Timestamp(int(wall[0]), unit="us") if len(wall) else "its times"
        raise refuse(
            asked.where,
            f"the times in {asked.column!r} ({moment}) do not say their zone",
            "Give tz=, such as tz='America/New_York', or tz='UTC'.",
        )
    made: Instants = parse_times(
        pa.array(wall.view("datetime64[us]")),
        date_format=None,
        tz=zone,
        where=asked.where,
        column=asked.column,
    )
    notes = list(made.notes)
    if asked.tz is None:
        text = f"the times do not say their zone; {zone} was assumed, in which this vendor writes them: tz= says otherwise"
        notes.append(note("assumed_zone", text, count=len(wall)))
        return FileTimes(made.time_us, f"{said} in {zone} (assumed)", tuple(notes))
    return FileTimes(made.time_us, f"{said} in {zone}", tuple(notes))


def _whole_days(made: Instants, texts: Any, said: str, asked: _Asked) -> FileTimes:
    """Take midnights of a changing offset for the days that they are of, as yfinance writes daily bars."""
    if not len(made.time_us):
        return FileTimes(made.time_us, said, tuple(made.notes))
    if pa.types.is_string(texts.type):
        wall = pc.utf8_slice_codeunits(texts, 0, 19)
        midnight = pc.all(pc.match_substring_regex(wall, r"^\d{4}-\d{2}-\d{2}[T ]00:00(?::00)?")).as_py()
        offsets = pc.unique(pc.replace_substring_regex(texts, r"^.*?((?:[zZ]|[+-]\d{2}:?\d{2}))$", r"\1"))
        if not midnight or len(made.time_us) < 2:
            return FileTimes(made.time_us, said, tuple(made.notes))
        days = pc.utf8_slice_codeunits(texts, 0, 10).cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
        offset = offsets[0].as_py()
    else:
        local = (
            pd.DatetimeIndex(made.time_us.view("datetime64[us]")).tz_localize("UTC").tz_convert(texts.type.tz)
        )
        days = local.tz_localize(None).as_unit("us").asi8
        if (days % _DAY_US).any() or len(days) < 2:
            return FileTimes(made.time_us, said, tuple(made.notes))
        offset = str(texts.type.tz)
    if offset in {"Z", "z", "+00:00", "+0000", "UTC"}:
        return FileTimes(made.time_us, said, tuple(made.notes), are_dates=True)
    text = f"midnights of another zone ({offset}) were taken as the days that they are of"
    return FileTimes(
        days,
        "days at local midnight",
        (*made.notes, note("local_midnights", text, count=len(days))),
        are_dates=True,
    )
