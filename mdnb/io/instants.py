"""The times of a file, text or numbers, to exact UTC instants."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import DataImportError
from mdnb.io.notes import Note, note, refuse, row_list
from mdnb.io.schema import CLOSED_AT, NOT_A_TIME, check_times, zone_dtype
from mdnb.io.source import AssumedZone
from mdnb.io.times import EPOCHS

__all__ = ["Closings", "Instants", "parse_closings", "parse_times"]

_ISO_KINDS: Final = tuple(pa.timestamp(unit, zone) for unit in ("us", "ns") for zone in ("UTC", None))
_OFFSET: Final = r"(?:[zZ]|[+-]\d{2}(?::?\d{2})?)$"
_DATE_ONLY: Final = r"^\d{4}-\d{2}-\d{2}$"
_EPOCH_FROM_S: Final = 150_000_000  # 1974: below it, a count of seconds could be a date written as 20220103
_EPOCH_TO_S: Final = 10_000_000_000  # 2286
_INT64: Final = 2**63
_LOOKED_AT: Final = 100_000  # rows gone through one by one, once a file is refused anyway
_SHOWN: Final = 60
_WRONG_CLOCK_US: Final = 15 * 60_000_000
"""A bar may be closed before it began where our clock was behind the venue's; zones differ by more."""


class _Asked(NamedTuple):
    """What a caller said about a column of times."""

    date_format: str | None
    tz: str | tzinfo | None
    where: str
    column: str
    near: np.ndarray | None = None  # UTC microseconds: which of the two hours is meant where one repeats

    def refuse(self, problem: str, remedy: str) -> DataImportError:
        return refuse(self.where, problem, remedy)


class Instants(NamedTuple):
    """UTC microseconds (int64), and what there is to say about them."""

    time_us: np.ndarray
    notes: list[Note]


class Closings(NamedTuple):
    """When bars were closed: UTC microseconds (int64), `NOT_A_TIME` where unknown; what there is to say."""

    time_us: np.ndarray | None  # None: the column holds no times
    notes: list[Note]


def parse_times(
    values: Any, *, date_format: str | None, tz: str | tzinfo | None, where: str, column: str
) -> Instants:
    """Return the instants that a column of times stands for.

    Parameters
    ----------
    values
        An array of pyarrow: text, whole numbers, timestamps or dates.
    date_format
        None or ``"iso"``: ISO 8601, or whole numbers since 1970 whose size tells the unit; ``"epoch_s"``,
        ``"epoch_ms"``, ``"epoch_us"``, ``"epoch_ns"``; or a ``strptime`` format.
    tz
        The zone of times without an offset; None: UTC.
    where, column
        The file and the column, for messages.

    Raises
    ------
    DataImportError
        A time is missing or not understood, some have an offset and some not, or a wall-clock time does not
        exist or is not unique in ``tz``.

    Examples
    --------
    >>> parse_times(pa.array(["2026-03-08T01:59:00-06:00"]), date_format=None, tz=None, where="x", column="t")
    Instants(time_us=array([1772956740000000]), notes=[])
    """
    asked = _Asked(date_format, tz, where, column)
    array = _one_array(values)
    if array.null_count:
        missing = np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))
        raise asked.refuse(f"{column!r} is empty in {row_list(missing)}", "Every bar needs its time.")
    return _checked(array, asked)


def parse_closings(
    values: Any, starts_us: np.ndarray, *, date_format: str | None, tz: str | tzinfo | None, where: str
) -> Closings:
    """Return when bars were closed, of a column that may lack some times, or hold something else.

    Another program may mean anything by the name of the column. It is taken where its first value is a time
    of the file's format; then each of them must be one.

    Parameters
    ----------
    values
        As for `parse_times`; null where it is unknown. None where the file has another type there.
    starts_us
        Opening times of the bars, UTC microseconds.
    date_format, tz, where
        As for `parse_times`. Of an hour that occurs twice, the time nearer to the bar's end is meant.

    Raises
    ------
    DataImportError
        As `parse_times`; also where a bar was closed before it began.

    Examples
    --------
    >>> texts, starts = pa.array(["1970-01-01T00:01:00.5Z", None]), np.array([0, 60_000_000])
    >>> made = parse_closings(texts, starts, date_format=None, tz=None, where="x").time_us
    >>> made.tolist() == [60_500_000, NOT_A_TIME]
    True
    """
    asked = _Asked(date_format, tz, where, CLOSED_AT)
    array = None if values is None else _one_array(values)
    if array is None or not _starts_with_time(array.drop_null(), asked):
        text = f"the column {CLOSED_AT!r} holds no times and was not read"
        return Closings(None, [note("no_closing_times", text)])
    known = ~array.is_null().to_numpy(zero_copy_only=False)
    made = np.full(len(array), NOT_A_TIME)
    if not known.any():
        return Closings(made, [])
    instants = _checked(array.drop_null(), asked._replace(near=(starts_us + _shortest(starts_us))[known]))
    made[known] = instants.time_us
    early = np.flatnonzero(known & (made < starts_us - _WRONG_CLOCK_US))
    if len(early):
        raise asked.refuse(
            f"{CLOSED_AT!r} is before the bar begins in {row_list(early)}",
            "Put it right, also its zone, or leave the column out.",
        )
    return Closings(made, instants.notes)


def _starts_with_time(known: Any, asked: _Asked) -> bool:
    if not len(known):
        return True
    try:
        _instants(known[:1], asked._replace(tz=None))
    except DataImportError:
        return False
    except pa.ArrowInvalid:  # a time, but out of range
        return True
    return True


def _shortest(starts_us: np.ndarray) -> int:
    """Return how far two bars are apart at least: the length of a bar, as far as a file tells it."""
    steps = np.diff(np.sort(starts_us))
    steps = steps[steps > 0]
    return int(steps.min()) if len(steps) else 0


def _one_array(values: Any) -> Any:
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(array, pa.ChunkedArray):  # combining no chunks, or very large ones, gives chunks again
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array


def _checked(array: Any, asked: _Asked) -> Instants:
    column = asked.column
    try:
        instants = _instants(array, asked)
    except pa.ArrowInvalid as error:  # a timestamp or number too large for the next unit
        raise asked.refuse(f"a time in {column!r} is out of range: {error}", "Check the column.") from error
    problem = check_times(instants.time_us)
    if problem:
        raise asked.refuse(f"{problem} in {column!r}", "Check the column and date_format=.")
    return instants


def _instants(array: Any, asked: _Asked) -> Instants:
    if pa.types.is_integer(array.type):
        return _from_epoch(array.cast(pa.int64()).to_numpy(), asked)
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        return _from_timestamps(array, asked)
    if asked.date_format in EPOCHS:
        return _from_numbers(pc.utf8_trim_whitespace(array), asked)
    if asked.date_format in {None, "iso"}:
        return _from_iso(array, asked)
    return _from_format(array, asked)


def _from_iso(array: Any, asked: _Asked) -> Instants:
    for texts in (array, pc.utf8_trim_whitespace(array)):
        for kind in _ISO_KINDS:
            # A cast of a whole column that fails takes longer than one that works: try the first time alone.
            if _cast(texts[:1], kind) is not None and (times := _cast(texts, kind)) is not None:
                return _from_timestamps(times, asked)
    texts = pc.utf8_trim_whitespace(array)
    if pc.all(pc.match_substring_regex(texts, r"^-?\d+(\.\d+)?$")).as_py():
        return _from_numbers(texts, asked)
    raise _not_iso(texts, asked)


def _not_iso(texts: Any, asked: _Asked) -> DataImportError:
    understood = np.array([_is_iso(text) for text in texts[:_LOOKED_AT].to_pylist()], bool)
    if not understood.all():
        bad = np.flatnonzero(~understood)
        first = texts[int(bad[0])].as_py()[:_SHOWN]
        return asked.refuse(
            f"the time {first!r} in {asked.column!r} ({row_list(bad)}) is not understood",
            "Times are ISO 8601 (2026-03-02T09:30:00-06:00) or whole numbers since 1970; for others give "
            "date_format=, such as '%m/%d/%Y %H:%M'.",
        )
    has_offset = pc.match_substring_regex(texts, _OFFSET)
    is_date = pc.match_substring_regex(texts, _DATE_ONLY)  # whose last part looks like an offset
    without = np.flatnonzero(pc.or_(is_date, pc.invert(has_offset)).to_numpy(zero_copy_only=False))
    return asked.refuse(
        f"some times in {asked.column!r} have a UTC offset, others ({row_list(without)}) have none",
        "Write all of them with an offset.",
    )


def _is_iso(text: str) -> bool:
    return any(_cast(pa.scalar(text), kind) is not None for kind in _ISO_KINDS)


def _cast(texts: Any, kind: Any) -> Any:
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None


def _from_timestamps(array: Any, asked: _Asked) -> Instants:
    aware = pa.types.is_timestamp(array.type) and array.type.tz is not None
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        values, notes = _from_nanoseconds(array.cast(pa.int64()).to_numpy(), asked)
    else:
        values = array.cast(pa.timestamp("us", array.type.tz if aware else None)).cast(pa.int64()).to_numpy()
        notes = []
    if aware:
        return Instants(values, notes)
    local = _localised(values, asked)
    return Instants(local.time_us, notes + local.notes)


def _from_nanoseconds(values: np.ndarray, asked: _Asked) -> Instants:
    finer = np.flatnonzero(values % 1000)
    notes = [note("sub_microsecond", "times were cut to whole microseconds", finer)] if len(finer) else []
    # A bar is not known before it was closed.
    return Instants(values // 1000 if asked.near is None else -(-values // 1000), notes)


def _from_format(array: Any, asked: _Asked) -> Instants:
    texts = pc.utf8_trim_whitespace(array)
    form = str(asked.date_format)
    aware = "%z" in form or "%Z" in form
    try:
        times = pd.to_datetime(texts.to_pandas(), format=form, utc=aware, errors="coerce")
    except (ValueError, TypeError) as error:
        raise asked.refuse(
            f"date_format={form!r} is of no use here: {error}", "Give a strptime format."
        ) from error
    index = pd.DatetimeIndex(times)
    bad = np.flatnonzero(index.isna())
    if len(bad):
        first = texts[int(bad[0])].as_py()[:_SHOWN]
        raise asked.refuse(
            f"the time {first!r} in {asked.column!r} ({row_list(bad)}) does not match date_format={form!r}",
            "Give the format the file has.",
        )
    values = index.as_unit("us").asi8
    return Instants(values, []) if aware else _localised(values, asked)


def _localised(wall_us: np.ndarray, asked: _Asked) -> Instants:
    """Take wall-clock times for those of the zone; in a repeated hour, the order of rows counts."""
    taken = "UTC" if asked.tz is None else f"those of {asked.tz}"
    text = f"the times in {asked.column!r} have no UTC offset and were taken as {taken}; tz= says otherwise"
    if asked.tz is None:
        if not len(wall_us):
            return Instants(wall_us, [])
        return Instants(wall_us, [note("naive_times", text, count=len(wall_us))])
    notes = [note("naive_times", text, count=len(wall_us))] if isinstance(asked.tz, AssumedZone) else []
    zone = zone_dtype(asked.tz).tz
    wall = pd.DatetimeIndex(wall_us.view("datetime64[us]"))
    if asked.near is not None:
        return _nearest(wall, zone, asked.near, asked)
    newest_first = len(wall) > 1 and wall[0] > wall[-1]
    ordered = wall[::-1] if newest_first else wall
    try:
        local = ordered.tz_localize(zone, ambiguous="infer")
    except ValueError:
        unclear = np.flatnonzero(wall.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").isna())
        first = wall[unclear[0]] if len(unclear) else wall[0]
        raise asked.refuse(
            f"{first} in {asked.column!r} ({row_list(unclear)}) does not exist or is not unique in "
            f"{asked.tz}, where the clocks change",
            "Write the times with their UTC offset.",
        ) from None
    instants = local[::-1] if newest_first else local
    return Instants(instants.as_unit("us").asi8, notes)


def _nearest(wall: pd.DatetimeIndex, zone: Any, near_us: np.ndarray, asked: _Asked) -> Instants:
    """Take wall-clock times for those of the zone, in a repeated hour the one nearer to an instant."""
    first, second = (
        wall.tz_localize(zone, ambiguous=np.full(len(wall), summer), nonexistent="NaT") for summer in (1, 0)
    )
    unclear = np.flatnonzero(first.isna())
    if len(unclear):
        raise asked.refuse(
            f"{wall[unclear[0]]} in {asked.column!r} ({row_list(unclear)}) does not exist in {asked.tz}, "
            "where the clocks change",
            "Write the times with their UTC offset.",
        )
    one, other = (made.as_unit("us").asi8 for made in (first, second))
    return Instants(np.where(abs(one - near_us) <= abs(other - near_us), one, other), [])


def _from_numbers(texts: Any, asked: _Asked) -> Instants:
    """Take counts since 1970, whole ones or decimals; what is beyond the microsecond is cut."""
    if not pc.any(pc.match_substring(texts, ".")).as_py():
        return _from_epoch(_whole_numbers(texts, asked), asked)
    parts = pc.extract_regex(texts, r"^(?P<whole>-?\d{1,19})(?:\.(?P<rest>\d*))?$")
    odd = np.flatnonzero(parts.is_null().to_numpy(zero_copy_only=False))
    if len(odd):
        raise _no_number(texts, odd, asked)
    whole = _whole_numbers(parts.field("whole"), asked)
    made = _from_epoch(whole, asked)
    unit_us = EPOCHS[str(asked.date_format)] if asked.date_format in EPOCHS else _unit_of(whole, asked)
    places = len(str(unit_us)) - 1 if unit_us else 0
    digits = pc.utf8_rpad(parts.field("rest"), places + 1, "0")
    beyond = pc.match_substring_regex(pc.utf8_slice_codeunits(digits, places), "[1-9]")
    finer = np.flatnonzero(beyond.to_numpy(zero_copy_only=False))
    notes = [note("sub_microsecond", "times were cut to whole microseconds", finer)] if len(finer) else []
    if not places:
        return Instants(made.time_us, made.notes or notes)
    rest = pc.utf8_slice_codeunits(digits, 0, places).cast(pa.int64()).to_numpy()
    below = pc.starts_with(texts, "-").to_numpy(zero_copy_only=False)
    return Instants(np.where(below, made.time_us - rest, made.time_us + rest), made.notes + notes)


def _whole_numbers(array: Any, asked: _Asked) -> np.ndarray:
    texts = pc.utf8_trim_whitespace(array)
    fits = pc.match_substring_regex(texts, r"^-?\d{1,19}$").to_numpy(zero_copy_only=False)
    if fits.all():
        try:
            numbers: np.ndarray = texts.cast(pa.int64()).to_numpy()
        except pa.ArrowInvalid:  # nineteen digits may still be too many
            fits = np.array([-_INT64 <= int(text) < _INT64 for text in texts.to_pylist()], bool)
        else:
            return numbers
    raise _no_number(texts, np.flatnonzero(~fits), asked)


def _no_number(texts: Any, bad: np.ndarray, asked: _Asked) -> DataImportError:
    first = texts[int(bad[0])].as_py()[:_SHOWN]
    return asked.refuse(
        f"{first!r} in {asked.column!r} ({row_list(bad)}) is not a whole number since 1970, or a decimal",
        "Give date_format= as the file has it.",
    )


def _from_epoch(values: np.ndarray, asked: _Asked) -> Instants:
    if asked.date_format in EPOCHS:
        unit_us = EPOCHS[asked.date_format]
    elif asked.date_format in {None, "iso"}:
        unit_us = _unit_of(values, asked)
    else:
        return _from_format(pa.array(values).cast(pa.string()), asked)  # such as 20220103, read as a number
    if not unit_us:
        return _from_nanoseconds(values, asked)
    limit = _INT64 // unit_us
    if len(values) and (int(values.min()) < -limit or int(values.max()) >= limit):
        raise asked.refuse(
            f"a time in {asked.column!r} is out of range", "Give date_format= with the right unit."
        )
    return Instants(values * unit_us, [])


def _unit_of(values: np.ndarray, asked: _Asked) -> int:
    """Tell the unit of counts since 1970 by their size; the four ranges do not touch."""
    if not len(values):
        return 1
    low, high = int(values.min()), int(values.max())
    for unit_us, per_second in ((1_000_000, 1), (1_000, 10**3), (1, 10**6), (0, 10**9)):
        if low >= _EPOCH_FROM_S * per_second and high < _EPOCH_TO_S * per_second:
            return unit_us
    raise asked.refuse(
        f"the numbers in {asked.column!r} ({low} to {high}) do not tell their unit",
        f"Give date_format= as one of {', '.join(EPOCHS)}, or as a format such as '%Y%m%d'.",
    )
