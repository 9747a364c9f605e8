"""Activity and volatility over the day: the well-known U shape, in the exchange's local time.

Two curves: trades (mean 1 over the day) and volatility, which swings about half as much.
"""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DAY_MINUTES", "activity_curve", "local_minutes", "volatility_curve"]

DAY_MINUTES = 1440

# (local hour, activity); linear in between. Chicago: Globex opens 17:00, the cash market 8:30 to 15:00.
_FUTURES = (
    (0.0, 0.30), (1.5, 0.32), (2.0, 0.60), (3.0, 0.72), (5.0, 0.48), (7.0, 0.62), (7.5, 1.25), (8.45, 1.15),
    (8.5, 5.2), (8.75, 4.4), (9.5, 3.1), (10.5, 2.1), (12.0, 1.45), (13.0, 1.7), (14.0, 2.3), (14.75, 3.6),
    (15.0, 4.9), (15.02, 1.3), (15.5, 0.5), (16.0, 0.42), (16.02, 0.22), (17.0, 0.25), (17.02, 0.85),
    (17.5, 0.50), (19.0, 0.42), (20.0, 0.50), (22.0, 0.33), (24.0, 0.30),
)  # fmt: skip
# UTC; no close, but Asia, Europe and the American cash market are plain to see.
_AROUND_THE_CLOCK = (
    (0.0, 1.05), (1.0, 1.10), (4.0, 0.70), (7.0, 0.85), (9.0, 0.90), (12.0, 0.95), (13.5, 1.55), (15.0, 1.70),
    (17.0, 1.35), (20.0, 1.15), (22.0, 0.75), (24.0, 1.05),
)  # fmt: skip


@functools.cache
def activity_curve(has_close: bool) -> NDArray[np.float64]:
    """Return the relative number of trades of each minute of the local day: float64[1440], mean 1.

    Examples
    --------
    >>> curve = activity_curve(True)
    >>> round(float(curve[8 * 60 + 30] / curve[22 * 60]))  # the cash open against the quiet night
    16
    """
    hours, levels = zip(*(_FUTURES if has_close else _AROUND_THE_CLOCK), strict=True)
    curve = np.interp((np.arange(DAY_MINUTES) + 0.5) / 60, hours, levels)
    return np.asarray(curve / curve.mean(), dtype=np.float64)


@functools.cache
def volatility_curve(has_close: bool) -> NDArray[np.float64]:
    """Return the relative standard deviation of each minute's return: float64[1440]."""
    # Variance a trade is about constant through the day, so variance follows the number of trades.
    return np.asarray(activity_curve(has_close) ** 0.5, dtype=np.float64)


def local_minutes(minutes: NDArray[np.int64], timezone: str) -> NDArray[np.int64]:
    """Return the exchange's minutes for UTC minutes, both counted from 1970 by the clock on the wall.

    Parameters
    ----------
    minutes
        int64, any shape, ascending; a change of the clocks is found to the quarter of an hour.
    timezone
        A zone of the IANA data base.

    Examples
    --------
    >>> clocks_go_back = np.array([29_367_720, 29_367_780])  # 2025-11-02 06:00 and 07:00 UTC
    >>> (local_minutes(clocks_go_back, "America/Chicago") % 1440 // 60).tolist()
    [1, 1]
    """
    if timezone == "UTC":
        return minutes
    quarters = minutes // 15
    low, high = int(quarters.min()), int(quarters.max()) + 1
    changes, offsets = _offsets(timezone, low // 96, high // 96 + 1)
    return minutes + offsets[np.searchsorted(changes, quarters, side="right") - 1]


@functools.lru_cache(maxsize=64)
def _offsets(timezone: str, first_day: int, last_day: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the quarters of an hour at which the offset from UTC changes, and the offsets in minutes."""
    zone = zoneinfo.ZoneInfo(timezone)
    changes, offsets = [first_day * 96], [_offset(zone, first_day * 96)]
    for day in range(first_day, last_day):
        if _offset(zone, (day + 1) * 96) == offsets[-1]:
            continue
        for quarter in range(day * 96, (day + 1) * 96 + 1):
            if (offset := _offset(zone, quarter)) != offsets[-1]:
                changes.append(quarter)
                offsets.append(offset)
    return np.array(changes, dtype=np.int64), np.array(offsets, dtype=np.int64)


def _offset(zone: zoneinfo.ZoneInfo, quarter: int) -> int:
    moment = dt.datetime.fromtimestamp(quarter * 900, zone)
    return round((moment.utcoffset() or dt.timedelta()).total_seconds() / 60)
