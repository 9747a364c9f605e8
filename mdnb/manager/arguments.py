"""Arguments that callers may give in several forms: instants, counts, numbers."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from mdnb.errors import OptionError

__all__ = ["When", "to_ns", "whole_number"]

When = dt.datetime | dt.date | str | int | float | None
"""An instant: a datetime (a naive one means the machine's local time), an ISO string, or epoch seconds."""


def to_ns(when: When) -> int | None:
    """Return an instant as UTC epoch nanoseconds.

    Raises
    ------
    OptionError
        When it is not an instant.

    Examples
    --------
    >>> to_ns("2026-11-23T09:30:00-06:00")
    1795447800000000000
    >>> to_ns(None) is None
    True
    """
    if when is None:
        return None
    if isinstance(when, bool):
        raise OptionError(f"{when!r} is not an instant")
    if isinstance(when, (int, float)):
        if not math.isfinite(when):
            raise OptionError(f"{when!r} is not an instant")
        return int(when * 1_000_000_000)
    import pandas as pd

    try:
        stamp = pd.Timestamp(when)
    except (ValueError, TypeError) as error:
        raise OptionError(
            f"{when!r} is not an instant: give a datetime, an ISO string or epoch seconds"
        ) from error
    if pd.isna(stamp):
        raise OptionError("NaT is not an instant")
    if stamp.tzinfo is None:
        # A naive time means what datetime.now() means: the machine's local time.
        stamp = pd.Timestamp(stamp.to_pydatetime().astimezone(dt.UTC)) + pd.Timedelta(stamp.nanosecond, "ns")
    return int(stamp.as_unit("ns").value)


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
