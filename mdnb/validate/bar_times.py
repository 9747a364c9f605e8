"""Checks of bar times: order, duplicates, grid, gaps, the future, and agreement with finer bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mdnb.ordered_times import distinct
from mdnb.timeframes import Grid
from mdnb.validate.findings import Bars, QualityFinding, findings_of, start_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "check_children",
    "check_duplicates",
    "check_future",
    "check_gaps",
    "check_grid",
    "check_order",
    "check_zone",
]

_PRICES = ("open", "high", "low", "close")
_COLUMNS = (*_PRICES, "volume")
# Volumes of children are summed in another order than those of the parent were.
_VOLUME_TOLERANCE = 1e-9


def check_order(bars: Bars) -> list[QualityFinding]:
    """Find bars that start before the one above them (``time_backwards``)."""
    time = start_ns(bars)
    back = np.diff(time, prepend=time[:1]) < 0
    return findings_of("time_backwards", "starts before the bar above it", time, back, {"close": bars.close})


def check_duplicates(bars: Bars) -> list[QualityFinding]:
    """Find bars whose start occurred before.

    ``duplicate_equal`` has the content of the first bar of that start, ``duplicate_conflicting`` has not.
    """
    time = start_ns(bars)
    order = np.argsort(time, kind="stable")
    ranked = time[order]
    fresh = np.diff(ranked, prepend=ranked[:1] - 1) != 0
    first = np.empty(len(time), dtype=np.intp)
    first[order] = order[np.flatnonzero(fresh)[np.cumsum(fresh) - 1]] if len(time) else order
    again = first != np.arange(len(time))
    same = np.ones(len(time), dtype=bool)
    for name in _COLUMNS:
        column = getattr(bars, name)
        same &= (column == column[first]) | (np.isnan(column) & np.isnan(column[first]))
    values = {"close": bars.close, "first_close": bars.close[first]}
    return [
        *findings_of("duplicate_equal", "repeats an earlier bar", time, again & same, values),
        *findings_of(
            "duplicate_conflicting", "differs from an earlier bar of that start", time, again & ~same, values
        ),
    ]


def check_grid(bars: Bars, grid: Grid) -> list[QualityFinding]:
    """Find bars that are not on the timeframe's grid.

    ``time_off_grid`` starts between two edges of the timeframe, ``session_closed`` while the venue is closed.
    """
    time = start_ns(bars)
    starts, inside = grid.starts(time)
    off = inside & (starts != time)
    return [
        *findings_of(
            "time_off_grid",
            f"does not start on the {grid.timeframe.name} grid",
            time,
            off,
            {"seconds_late": (time - starts) / 1e9},
        ),
        *findings_of(
            "session_closed", "starts while the venue is closed", time, ~inside, {"volume": bars.volume}
        ),
    ]


def check_gaps(bars: Bars, grid: Grid, children: Bars | None = None) -> list[QualityFinding]:
    """Find intervals inside sessions that have no bar.

    ``gap_missing`` is an interval without a bar; ``gap_no_trade`` one in which the ``children`` show that
    nothing traded. While the venue is closed nothing is missing. Without children the two cannot be told
    apart, and all are ``gap_missing``.

    Parameters
    ----------
    children
        Bars of a finer timeframe over the same time.

    Returns
    -------
    list of QualityFinding
        ``time_ns`` is the gap's first instant, ``count`` the bars it lacks.
    """
    time = distinct(start_ns(bars))
    traded = None if children is None else distinct(start_ns(children))
    found: list[QualityFinding] = []
    step = grid.timeframe.step_ns
    # Where bars of a clock timeframe touch there is nothing to ask the calendar.
    wide = np.flatnonzero(np.diff(time) != step) if step else np.arange(len(time) - 1)
    for i in wide:
        before, after = int(time[i]), int(time[i + 1])
        held = grid.span(before)
        begin = before + 1 if held is None else held[1]
        lacking = grid.count(begin, after)
        if lacking <= 0:
            continue
        first = grid.after(begin)
        silent = traded is not None and _covers(traded, begin, after) and not _any_in(traded, begin, after)
        found.append(
            QualityFinding(
                "gap_no_trade" if silent else "gap_missing",
                "nothing traded" if silent else "no bar inside the session",
                begin if first is None else first[0],
                {"seconds": grid.sessions.open_ns(begin, after) / 1e9},
                lacking,
            )
        )
    return found


def _any_in(time: NDArray[np.int64], start_ns: int, end_ns: int) -> bool:
    return bool(np.searchsorted(time, start_ns) < np.searchsorted(time, end_ns))


def _covers(time: NDArray[np.int64], start_ns: int, end_ns: int) -> bool:
    return len(time) > 0 and int(time[0]) < start_ns and int(time[-1]) >= end_ns


def check_future(bars: Bars, now_ns: int) -> list[QualityFinding]:
    """Find bars that start after ``now_ns`` (``time_in_future``)."""
    time = start_ns(bars)
    return findings_of(
        "time_in_future", "starts in the future", time, time > now_ns, {"seconds": (time - now_ns) / 1e9}
    )


def check_zone(stamps: Any) -> list[QualityFinding]:
    """Find time stamps of a file that lack a time zone (``time_without_zone``).

    Parameters
    ----------
    stamps
        A ``pandas.DatetimeIndex`` or Series, an array of ``datetime64``, or a sequence of ``datetime``.

    Returns
    -------
    list of QualityFinding
        Empty, or one finding that counts the stamps without a zone.

    Examples
    --------
    >>> import datetime as dt
    >>> [one.count for one in check_zone([dt.datetime(2026, 3, 5), dt.datetime(2026, 3, 5, tzinfo=dt.UTC)])]
    [1]
    """
    kind = str(getattr(stamps, "dtype", "object"))
    if kind == "object":
        naive = sum(1 for stamp in stamps if getattr(stamp, "tzinfo", None) is None)
    else:
        naive = len(stamps) if kind.startswith("datetime64") and "," not in kind else 0
    if not naive:
        return []
    description = "time stamps without a zone: say which one they are in"
    return [QualityFinding("time_without_zone", description, 0, {}, naive)]


def check_children(bars: Bars, grid: Grid, children: Bars, child_grid: Grid) -> list[QualityFinding]:
    """Find bars that differ from the aggregate of their finer bars (``children_differ``).

    Open of the first, highest high, lowest low, close of the last must be equal; volume up to rounding. Only
    bars that the children cover from start to end are compared; a bar without any child is not.

    Parameters
    ----------
    grid, child_grid
        Of the bars, and of the children.
    """
    child_time = start_ns(children)
    starts, inside = grid.starts(child_time)
    rows = np.flatnonzero(inside)
    time = start_ns(bars)
    if not len(rows) or not len(time):
        return []
    first = rows[np.flatnonzero(np.diff(starts[rows], prepend=starts[rows[0]] - 1))]
    group = starts[first]
    last = np.append(rows[np.searchsorted(rows, first[1:]) - 1], rows[-1])
    whole = np.ones(len(group), dtype=bool)
    whole[0] = int(child_time[first[0]]) == int(group[0])
    whole[-1] &= _ends(child_grid, int(child_time[last[-1]])) >= _ends(grid, int(group[-1]))
    made = {
        "open": children.open[first],
        "high": np.maximum.reduceat(children.high[rows], np.searchsorted(rows, first)),
        "low": np.minimum.reduceat(children.low[rows], np.searchsorted(rows, first)),
        "close": children.close[last],
        "volume": np.add.reduceat(children.volume[rows], np.searchsorted(rows, first)),
    }
    _, mine, theirs = np.intersect1d(time, group[whole], return_indices=True)
    theirs = np.flatnonzero(whole)[theirs]
    differs = np.zeros(len(time), dtype=bool)
    values: dict[str, NDArray[np.float64]] = {}
    for name in _COLUMNS:
        own, sum_of = getattr(bars, name), made[name][theirs]
        tolerance = _VOLUME_TOLERANCE if name == "volume" else 0.0
        differs[mine] |= ~np.isclose(own[mine], sum_of, rtol=tolerance, atol=0.0, equal_nan=True)
        values[name] = own
        values[f"children_{name}"] = np.full(len(time), np.nan)
        values[f"children_{name}"][mine] = sum_of
    description = f"differs from what its {child_grid.timeframe.name} bars add up to"
    return findings_of("children_differ", description, time, differs, values)


def _ends(grid: Grid, time_ns: int) -> int:
    span = grid.span(time_ns)
    return time_ns if span is None else span[1]
