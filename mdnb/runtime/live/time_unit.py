"""Times in another unit than nanoseconds: what a feed of one's own gets wrong first, and no rule refuses.

Milliseconds taken for nanoseconds lie in the first hour of 1970, where a trade may be as well as anywhere.
"""

from __future__ import annotations

import datetime as dt
import time

__all__ = ["wrong_unit"]

_UNITS = {"microseconds": 1_000, "milliseconds": 1_000_000, "seconds": 1_000_000_000}
_NEAR_NS = 20 * 365 * 86_400 * 1_000_000_000


def wrong_unit(rows: object, now_ns: int | None = None) -> str | None:
    """Return a sentence on the first row's time where it makes sense only in another unit; None otherwise.

    Parameters
    ----------
    rows
        A list of rows, each of which begins with its time; of anything else nothing is said.
    now_ns
        Today; this computer's clock is good enough.

    Examples
    --------
    >>> print(wrong_unit([(1_772_460_000_123, 100.25)], 1_772_460_001 * 10**9))
    a time of 1772460000123 is 1970-01-01 00:29:32: times are nanoseconds ... look like milliseconds; ...
    >>> wrong_unit([(1_772_460_000_123_000_000, 100.25)], 1_772_460_001 * 10**9)
    """
    first = rows[0] if isinstance(rows, (tuple, list)) and rows else ()
    given = first[0] if isinstance(first, (tuple, list)) and first else None
    if isinstance(given, bool) or not isinstance(given, int) or given <= 0:
        return None
    now = time.time_ns() if now_ns is None else now_ns
    if abs(given - now) < _NEAR_NS:
        return None
    for unit, factor in _UNITS.items():
        if abs(given * factor - now) < _NEAR_NS:
            read = dt.datetime.fromtimestamp(given // 1_000_000_000, dt.UTC)
            return (
                f"a time of {given} is {read:%Y-%m-%d %H:%M:%S}: times are nanoseconds since 1970 (UTC), and "
                f"these look like {unit}; multiply them by {factor:,}"
            )
    return None
