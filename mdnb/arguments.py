"""Arguments that callers may give in several forms: instants, counts, numbers."""

from __future__ import annotations

import datetime as dt
import math
import numbers
import re
from typing import Any

from mdnb.errors import OptionError

__all__ = ["When", "finite_number", "to_end_ns", "to_ns", "whole_number"]

When = dt.datetime | dt.date | str | int | float | None
"""An instant: a datetime (a naive one means the machine's local time), an ISO string, or epoch seconds.

A string without a zone, and a date, is of the market's zone, that of its frames."""

_NS = 1_000_000_000
_FIRST_SECOND = -2_208_988_800  # 1900-01-01
_LATEST_SECOND = 7_258_118_400  # 2200-01-01
_NOW = ("now", "today")
"""What pandas takes for the machine's time."""
_NO_DATE = re.compile(r"\s*(\d{1,2}[./-]\d{1,2}\b|\d{1,2}:\d{2})")
"""How a text begins whose day and month nobody can tell apart, or that has a time of day alone."""

_CLOCK_TIME = re.compile(
    r".*?(?<![\d:])\d{1,2}:\d{2}(?P<seconds>:\d{2}(?P<fraction>[.,]\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?\s*",
    re.IGNORECASE,
)
"""A text that ends with a time of day, perhaps with its zone."""

_UNITS = (
    ("milliseconds", "ms", 1_000),
    ("microseconds", "us", 1_000_000),
    ("nanoseconds", "ns", 1_000_000_000),
)


def to_ns(when: When, tz: str) -> int | None:
    """Return an instant as UTC epoch nanoseconds.

    Parameters
    ----------
    when
        A naive datetime means the machine's local time, as ``datetime.now()`` does.
    tz
        Zone of a string that names none. An hour that comes twice is the first one; of an hour that is
        left out, the next instant.

    Raises
    ------
    OptionError
        When it is not an instant, a string whose year does not come first, or a number that as epoch seconds
        is not of the years 1900 to 2200.

    Examples
    --------
    >>> to_ns("2026-11-23T09:30:00-06:00", "UTC"), to_ns("2026-11-23T09:30", "America/Chicago")
    (1795447800000000000, 1795447800000000000)
    >>> to_ns(None, "UTC") is None
    True
    """
    if when is None:
        return None
    # numpy's durations are numbers to it.
    if isinstance(when, bool | dt.timedelta) or getattr(getattr(when, "dtype", None), "kind", "") == "m":
        raise OptionError(f"{when!r} is not an instant")
    if isinstance(when, numbers.Real):
        # numpy's numbers too, which pandas would take for nanoseconds.
        return _of_seconds(when)
    if isinstance(when, str) and _NO_DATE.match(when):
        raise OptionError(
            f"{when!r} may be read in several ways: write it as ISO 8601 does, such as '2026-11-05 14:30'"
        )
    if _is_day(when):
        # A day is that of the market, as its text is.
        when = str(when)
    import pandas as pd

    try:
        stamp = pd.Timestamp(when)
    except (ValueError, TypeError) as error:
        raise OptionError(
            f"{when!r} is not an instant: give a datetime, an ISO string or epoch seconds"
        ) from error
    if pd.isna(stamp):
        raise OptionError("NaT is not an instant")
    try:
        stamp = stamp.as_unit("ns")
        if stamp.tzinfo is None and isinstance(when, str) and when.strip().lower() not in _NOW:
            stamp = stamp.tz_localize(tz, ambiguous=True, nonexistent="shift_forward")
        elif stamp.tzinfo is None:
            # A naive time means what datetime.now() means: the machine's local time.
            local = pd.Timestamp(stamp.to_pydatetime(warn=False).astimezone(dt.UTC))
            stamp = local.as_unit("ns") + pd.Timedelta(stamp.nanosecond, "ns")
        return int(stamp.value)
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise OptionError(f"{when!r} is too far off: instants are of the years 1678 to 2262") from error


def to_end_ns(when: When, tz: str) -> int | None:
    """Return the last instant of what is given, both ends included, as pandas' slices have it.

    A day, month, quarter or year as text, and a `datetime.date`, is all of it; so is a minute, or a second
    without a fraction. Everything else is as for `to_ns`, which tells where it begins.

    Raises
    ------
    OptionError
        As of `to_ns`.

    Examples
    --------
    >>> to_end_ns("2026-01", "UTC") == to_ns("2026-02-01", "UTC") - 1
    True
    >>> to_end_ns("2026-01-01 09:30:15.5", "UTC") == to_ns("2026-01-01 09:30:15.5", "UTC")
    True
    """
    start_ns = to_ns(when, tz)
    if start_ns is None or (not isinstance(when, str) and not _is_day(when)):
        return start_ns
    import pandas as pd

    if isinstance(when, str) and when.strip().lower() in _NOW:
        return start_ns
    clock = _CLOCK_TIME.fullmatch(when) if isinstance(when, str) else None
    if clock is not None:
        if clock["fraction"]:
            return start_ns
        return start_ns + (_NS if clock["seconds"] else 60 * _NS) - 1
    try:
        period = pd.Period(str(when))
        following = (period + 1).start_time
    except (ValueError, TypeError, OverflowError, pd.errors.OutOfBoundsDatetime):
        return start_ns
    return (to_ns(following.isoformat(), tz) or start_ns + 1) - 1


def _is_day(when: Any) -> bool:
    return isinstance(when, dt.date) and not isinstance(when, dt.datetime)


def _of_seconds(when: Any) -> int:
    """Return epoch seconds as nanoseconds; refuse what can only be meant in another unit."""
    number: float = when.item() if hasattr(when, "item") else when
    if isinstance(number, float) and not math.isfinite(number):
        raise OptionError(f"{number!r} is not an instant")
    if _FIRST_SECOND <= number < _LATEST_SECOND:
        return int(number * 1_000_000_000)
    said = f"{number!r} is not an instant: a number means epoch seconds, of the years 1900 to 2200"
    for name, unit, per_second in _UNITS:
        if _FIRST_SECOND * per_second <= number < _LATEST_SECOND * per_second:
            raise OptionError(
                f"{said}. Where these are {name}, divide by {per_second:,}, or give "
                f'pd.Timestamp({number!r}, unit="{unit}", tz="UTC").'
            )
    raise OptionError(f"{said}. Give those, a datetime or an ISO string.")


def finite_number(name: str, value: Any, what: str = "number") -> float:
    """Return a finite number, also from numpy's; ``what`` it is a refusal says.

    Raises
    ------
    OptionError
        When it is none.

    Examples
    --------
    >>> import numpy as np
    >>> finite_number("size", np.int64(2))
    2.0
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise OptionError(f"{name} must be a finite {what}; got {value!r}")
    return float(value)


def whole_number(name: str, value: Any, least: int = 0) -> int:
    """Return a whole number of at least ``least``, also from numpy's integers and floats such as 5.0.

    Raises
    ------
    OptionError
        When it is none.

    Examples
    --------
    >>> whole_number("count", 5.0)
    5
    """
    if isinstance(value, bool) or not hasattr(value, "__int__"):
        raise OptionError(f"{name} must be a whole number of at least {least}; got {value!r}")
    try:
        whole = int(value)
    except (ValueError, OverflowError) as error:
        raise OptionError(f"{name} must be a whole number of at least {least}; got {value!r}") from error
    if whole != value or whole < least:
        raise OptionError(f"{name} must be a whole number of at least {least}; got {value!r}")
    return whole
