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

from mdnb.io.instants import parse_times
from mdnb.io.notes import Note, note, refuse
from mdnb.io.recognise.wall_clocks import date_form, wall_of, wall_times
from mdnb.io.times import EPOCHS

__all__ = ["FileTimes", "read_times"]

_DAY_US: Final = 86_400_000_000
_EPOCH_NUMBER: Final = r"^-?\d+(?:\.\d*)?$"
_EXCEL_FROM, _EXCEL_TO = 18_264, 109_576  # 1950 to 2200, days since 1899-12-30
_ISO: Final = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}"
_MIDNIGHT: Final = r"[T ]00:00(?::00(?:\.0+)?)?(?:[zZ]|[+-]\d{2}:?\d{2})$"
_OFFSET: Final = r"(?:[zZ]|[+-]\d{2}:?\d{2})$"
_SPELLED: Final = (
    # What ISO 8601 has not, as it has it: "15:00 UTC", "15:00 +01:00", "15:00 GMT+0100", "15:00+01"
    (r"\s*(?:UTC|GMT)$", "Z"),
    (r"\s*(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})$", r"\1\2:\3"),
    (r"(:\d{2}(?:\.\d+)?)([+-]\d{2})$", r"\1\2:00"),
)
_WITH_CLOCK: Final = r"\d{1,2}:\d{2}.*(?:[zZ]|UTC|GMT|[+-]\d{2}:?\d{2}|:\d{2}(?:\.\d+)?[+-]\d{2})$"
_ZONE: Final = r"[A-Z][A-Za-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?"
_UTC: Final = frozenset({"Z", "z", "+00:00", "+0000", "-00:00"})


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
    told_zone: str | None
    known_zone: str | None
    hint: str
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
    told_zone: str | None = None,
    hint: str = "",
) -> FileTimes:
    """Return the instants of a column of times, or of one of dates and one of times of day.

    Parameters
    ----------
    column, clock
        Arrays of pyarrow.
    date_format
        A ``strptime`` format, or one of ``epoch_s``, ``epoch_ms``, ``epoch_us``, ``epoch_ns``, where the
        caller says it.
    tz
        The zone of times without an offset, where the caller says it.
    known_zone
        That in which this vendor is known to write them.
    told_zone
        That which the file itself tells.
    hint
        What helps to say the zone, where it is asked for: half a sentence.

    Raises
    ------
    DataImportError
        When day and month, the zone or the format cannot be known: the message names the argument to give.
    """
    asked = _Asked(
        date_format=date_format,
        tz=tz,
        told_zone=told_zone,
        known_zone=known_zone,
        hint=hint,
        where=where,
        column=name,
    )
    if clock is None and not pa.types.is_string(column.type):
        return _of_numbers_or_times(column, asked)
    texts = pc.utf8_trim_whitespace(_text(column))
    _refuse_empty(texts, name, where)
    if clock is not None:
        clocks = pc.utf8_trim_whitespace(_text(clock))
        _refuse_empty(clocks, "the time of day", where)
        return _of_text(pc.binary_join_element_wise(texts, _padded(clocks), " "), asked)
    if date_format in EPOCHS:
        return _parsed(texts, asked, date_format, f"counts since 1970 ({date_format})")
    if date_format is None and (quick := _quickly(texts, asked)) is not None:
        return quick
    if date_format is None and pc.all(pc.match_substring_regex(texts, _EPOCH_NUMBER)).as_py():
        return _of_digits(texts, asked)
    return _of_text(texts, asked)


def _quickly(texts: Any, asked: _Asked) -> FileTimes | None:
    """Take the two forms of long files at once: ISO 8601 with offsets, and whole counts since 1970."""
    first = str(texts[0].as_py()) if len(texts) else ""
    # Midnights of a zone, all of them, are days.
    is_clock = not all(re.search(_MIDNIGHT, str(text)) for text in texts[:2].to_pylist())
    if is_clock and re.match(_ISO + ".*" + _OFFSET, first):
        try:
            held = texts.cast(pa.timestamp("us", "UTC"))
        except pa.ArrowInvalid:
            return None
        return FileTimes(held.cast(pa.int64()).to_numpy(), "times with their offset")
    if not re.match(r"^\d{9,19}$", first):
        return None
    try:
        counts = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    lengths = {len(str(one)) for one in pc.min_max(counts).as_py().values()}
    # Of other lengths they may be dates.
    if not lengths <= {9, 13, 15, 16, 18, 19}:
        return None
    made = parse_times(counts, date_format=None, tz=asked.tz, where=asked.where, column=asked.column)
    return FileTimes(made.time_us, f"{_unit(texts)} since 1970", tuple(made.notes))


def _refuse_empty(texts: Any, name: str, where: str) -> None:
    count = texts.null_count + (pc.sum(pc.equal(texts, "")).as_py() or 0)
    if count:
        raise refuse(where, f"{name!r} is empty in {count:,} rows", "Every row needs its time.")


def _text(column: Any) -> Any:
    if pa.types.is_floating(column.type):
        return _decimals(column)
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
    if column.null_count:
        raise refuse(
            asked.where,
            f"{asked.column!r} is empty in {column.null_count:,} rows",
            "Every row needs its time.",
        )
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            wall = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_numpy()
            return _dates_or_times(wall, "times", asked)
        made = parse_times(column, date_format=None, tz=asked.tz, where=asked.where, column=asked.column)
        said = f"times with the zone {kind.tz}"
        local = pd.DatetimeIndex(made.time_us.view("datetime64[us]")).tz_localize("UTC").tz_convert(kind.tz)
        days = local.tz_localize(None).as_unit("us").asi8
        return _whole_days(FileTimes(made.time_us, said, tuple(made.notes)), days, str(kind.tz))
    if pa.types.is_floating(kind):
        return _of_digits(_decimals(column), asked)
    if pa.types.is_integer(kind):
        return _of_digits(column.cast(pa.string()), asked)
    raise refuse(
        asked.where, f"the column {asked.column!r} holds no times ({kind})", "Name another one: columns=."
    )


def _decimals(column: Any) -> Any:
    """Return floats as text with the decimals that a float of that size has, and no more."""
    numbers = column.to_numpy(zero_copy_only=False)
    top = float(np.nanmax(np.abs(numbers))) if len(numbers) else 0.0
    places = next((places for size, places in ((1e7, 9), (1e11, 6), (1e14, 3)) if top < size), 0)
    made = (format(number, f".{places}f") for number in numbers.tolist())
    return pa.array([text.rstrip("0").rstrip(".") if "." in text else text for text in made], pa.string())


def _of_digits(texts: Any, asked: _Asked) -> FileTimes:
    """Take counts since 1970, days of a spreadsheet, or dates that are written without signs."""
    if not len(texts):
        return FileTimes(np.empty(0, np.int64), "no times")
    lengths = {int(length) for length in pc.unique(pc.utf8_length(texts)).to_pylist()}
    whole = not pc.any(pc.match_substring(texts, ".")).as_py()
    if asked.date_format not in {None, *EPOCHS}:
        return _of_text(texts, asked)
    if whole and len(lengths) == 1 and asked.date_format is None:
        form = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 10: "%Y%m%d%H"}.get(lengths.pop())
        if form is not None and (wall := wall_of(texts, form)) is not None:
            if form == "%Y%m%d":
                return FileTimes(wall, "dates written as 20240304", are_dates=True)
            if form == "%Y%m%d%H":
                shown = texts[0].as_py()
                raise refuse(
                    asked.where,
                    f"{shown} in {asked.column!r} may be an hour, or count seconds since 1970",
                    "Give date_format='%Y%m%d%H' or date_format='epoch_s'.",
                )
            return _naive(wall, f"times written as {texts[0].as_py()}", asked)
    numbers = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    if asked.date_format is None and numbers.min() >= _EXCEL_FROM and numbers.max() < _EXCEL_TO:
        # Days since 1899-12-30; a tenth of a millisecond is what their decimals keep.
        wall = np.round((numbers - 25_569) * 86_400_000).astype(np.int64) * 1000
        return _dates_or_times(wall, "times as a spreadsheet counts them", asked)
    return _parsed(texts, asked, asked.date_format, "counts since 1970")


def _parsed(texts: Any, asked: _Asked, form: str | None, said: str) -> FileTimes:
    made = parse_times(texts, date_format=form, tz=asked.tz, where=asked.where, column=asked.column)
    if form is None:
        said = f"{_unit(texts)} since 1970"
    return FileTimes(made.time_us, said, tuple(made.notes))


def _unit(texts: Any) -> str:
    digits = len(texts[0].as_py().partition(".")[0].lstrip("-")) if len(texts) else 10
    return ("seconds", "milliseconds", "microseconds", "nanoseconds")[min(max(digits - 9, 0) // 3, 3)]


def _of_text(texts: Any, asked: _Asked) -> FileTimes:
    if not len(texts):
        return FileTimes(np.empty(0, np.int64), "no times")
    if asked.date_format is not None:
        return _of_format(texts, asked.date_format, asked)
    if pc.all(pc.match_substring_regex(texts, _WITH_CLOCK)).as_py():
        return _with_offsets(texts, asked)
    zones = pc.extract_regex(texts, rf"\s(?P<zone>{_ZONE})$")
    if not zones.null_count and len(held := pc.unique(zones.field("zone")).to_pylist()) == 1:
        # As TWS writes them: "20240304 09:30:00 US/Eastern".
        asked = dataclasses.replace(asked, tz=held[0])
        texts = pc.replace_substring_regex(texts, rf"\s+{_ZONE}$", "")
    form = date_form(texts, asked.where, asked.column)
    wall, has_clock = wall_times(texts, form, asked.where, asked.column)
    return _dates_or_times(wall, "times", asked) if has_clock else FileTimes(wall, "dates", are_dates=True)


def _of_format(texts: Any, form: str, asked: _Asked) -> FileTimes:
    if not re.search(r"%[zZ]", form) and "%" in form:
        wall = wall_of(texts, form)
        if wall is not None and not re.search(r"%[HIMSTXcfrRsp]", form):
            return FileTimes(wall, f"dates, {form}", are_dates=True)
        if wall is not None:
            return _naive(wall, f"times, {form}", asked)
    made = parse_times(texts, date_format=form, tz=asked.tz, where=asked.where, column=asked.column)
    return FileTimes(made.time_us, f"times, {form}", tuple(made.notes))


def _with_offsets(texts: Any, asked: _Asked) -> FileTimes:
    """Take times that say how far they are from UTC, each by itself."""
    for pattern, iso in _SPELLED:
        texts = pc.replace_substring_regex(texts, pattern, iso)
    offset = pc.replace_substring_regex(texts, r"^.*?([zZ]|[+-]\d{1,2}:?\d{2})$", r"\1")
    rest = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"(?:[zZ]|[+-]\d{1,2}:?\d{2})$", ""))
    said, notes = "times with their offset", tuple[Note, ...]()
    offsets = {one: _offset_us(one) for one in pc.unique(offset).to_pylist()}
    if pc.all(pc.match_substring_regex(texts, _ISO + r".*" + _OFFSET)).as_py():
        made = parse_times(texts, date_format=None, tz=asked.tz, where=asked.where, column=asked.column)
        time_us, notes = made.time_us, tuple(made.notes)
        wall = None
    else:
        form = date_form(rest, asked.where, asked.column)
        wall, _ = wall_times(rest, form, asked.where, asked.column)
        keys = offset.dictionary_encode()
        shifts = np.array([offsets[one] for one in keys.dictionary.to_pylist()], np.int64)
        time_us = wall - shifts[keys.indices.to_numpy(zero_copy_only=False)]
    times = FileTimes(time_us, said, notes)
    if wall is None and pc.all(pc.match_substring_regex(rest, r"[T ]00:00(?::00(?:\.0+)?)?$")).as_py():
        wall = pc.utf8_slice_codeunits(rest, 0, 10).cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    return times if wall is None else _whole_days(times, wall, ", ".join(map(str, sorted(offsets))))


def _offset_us(text: str) -> int:
    if text in _UTC:
        return 0
    digits = text[1:].replace(":", "").rjust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return (-minutes if text[0] == "-" else minutes) * 60_000_000


def _whole_days(times: FileTimes, wall: np.ndarray, offset: str) -> FileTimes:
    """Take midnights of another zone than UTC for the days that they are of: so yfinance writes days."""
    if len(wall) < 2 or (wall % _DAY_US).any() or (wall == times.time_us).all():
        return times
    text = f"midnights of another zone ({offset}) were taken as the days that they are of"
    said = note("local_midnights", text, count=len(wall))
    return FileTimes(wall, "days at local midnight", (*times.notes, said), are_dates=True)


def _dates_or_times(wall: np.ndarray, said: str, asked: _Asked) -> FileTimes:
    if not (wall % _DAY_US).any():
        return FileTimes(wall, said.replace("times", "dates"), are_dates=True)
    return _naive(wall, said, asked)


def _naive(wall: np.ndarray, said: str, asked: _Asked) -> FileTimes:
    """Take wall-clock times of a zone that was given, or is known of the vendor; else ask for it."""
    zone = asked.tz if asked.tz is not None else asked.told_zone or asked.known_zone
    if zone is None:
        moment = pd.Timestamp(int(wall[0]), unit="us") if len(wall) else "its times"
        hint = f" ({asked.hint})" if asked.hint else ""
        raise refuse(
            asked.where,
            f"the times in {asked.column!r} ({moment}) do not say their zone",
            f"Give tz=, such as tz='America/New_York', or tz='UTC'{hint}.",
        )
    made = parse_times(
        pa.array(wall.view("datetime64[us]")),
        date_format=None,
        tz=zone,
        where=asked.where,
        column=asked.column,
    )
    if asked.tz is not None:
        return FileTimes(made.time_us, f"{said} in {zone}", tuple(made.notes))
    if asked.told_zone is not None:
        return FileTimes(made.time_us, f"{said} in {zone}, as the file says", tuple(made.notes))
    text = f"the times do not say their zone; {zone} was assumed, as is usual here: tz= says otherwise"
    notes = (*made.notes, note("assumed_zone", text, count=len(wall)))
    return FileTimes(made.time_us, f"{said} in {zone} (assumed)", notes)
