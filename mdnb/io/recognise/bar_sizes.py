"""The bar size of a file, by how far its bars are apart."""

from __future__ import annotations

from typing import Final

import numpy as np

from mdnb.io.notes import Note, note, refuse
from mdnb.ordered_times import distinct
from mdnb.timeframes import Timeframe

__all__ = ["bar_size", "off_grid", "order_of", "refuse_finer", "told_size"]

_DAY_US: Final = 86_400_000_000
_SECOND_US: Final = 1_000_000
_SHORTEST: Final = 0.85


def bar_size(time_us: np.ndarray, *, are_dates: bool) -> str | None:
    """Return the bar size that most of the times are apart; None where it does not show.

    Parameters
    ----------
    time_us
        Oldest first, UTC microseconds.
    are_dates
        Whether they are days without a time of day.

    Examples
    --------
    >>> minutes = np.array([0, 1, 2, 7, 8]) * 60_000_000
    >>> bar_size(minutes, are_dates=False), bar_size(minutes * 1440, are_dates=True)
    ('1min', '1day')
    """
    steps = np.diff(time_us)
    steps = steps[steps > 0]
    if are_dates:
        return _of_days(np.round(steps / _DAY_US).astype(np.int64))
    if not len(steps):
        return None
    usual_us = _most_common(steps)
    if usual_us % _SECOND_US or usual_us > 31 * _DAY_US:
        return None
    if usual_us % _DAY_US == 0:
        days_apart = usual_us // _DAY_US
        return {1: "1day", 7: "1week"}.get(days_apart, f"{days_apart}day")
    return str(Timeframe.of_seconds(usual_us // _SECOND_US))


def _most_common(values: np.ndarray) -> int:
    first = int(values[0])
    if 2 * np.count_nonzero(values == first) > len(values):
        return first
    known, counts = np.unique(values, return_counts=True)
    return int(known[np.argmax(counts)])


def _of_days(days: np.ndarray) -> str:
    if not len(days):
        return "1day"
    least, usual = int(days.min()), int(np.median(days))
    if least >= 28:
        return "1month" if usual <= 31 else f"{round(usual / 30.44)}month"
    return "1week" if least == usual == 7 else "1day"


def told_size(told: str | None, size: str | None) -> str | None:
    """Return the timeframe that a file says of all of its bars; None where they are of a finer one.

    Examples
    --------
    >>> told_size("5min", None), told_size("5min", "15min"), told_size("5min", "1min")
    ('5min', '5min', None)
    >>> told_size("1month", "28day"), told_size("100tick", "1sec")
    ('1month', '100tick')
    """
    if told is None or size is None:
        return told
    return None if Timeframe.parse(size).seconds < _SHORTEST * Timeframe.parse(told).seconds else told


def refuse_finer(time_us: np.ndarray, timeframe: str | None, where: str) -> None:
    """Refuse bars that are nearer to each other than bars of the size that somebody says they have.

    Raises
    ------
    DataImportError
        Most of them are. The shortest month and a day that lacks an hour are none of these.
    """
    wanted_us = 0.0 if timeframe is None else Timeframe.parse(timeframe).seconds * _SECOND_US
    steps = np.diff(distinct(time_us))
    if len(steps) and np.median(steps) < _SHORTEST * wanted_us:
        shown = bar_size(time_us, are_dates=False) or f"{np.median(steps) / _SECOND_US:g} s apart"
        raise refuse(
            where,
            f"its bars are {shown}, and not {timeframe}",
            "Leave timeframe= out: live.load puts finer bars together, and so does pandas' resample.",
        )


def off_grid(time_us: np.ndarray, timeframe: str, *, is_given: bool) -> list[Note]:
    """Return notes of bars that begin elsewhere than those of a market that never closes do.

    ``other_hours`` is of most of them, such as hours from 9:30 on, ``off_grid`` of those that begin elsewhere
    than most, such as after a break at 10:15.

    Parameters
    ----------
    is_given
        Whether somebody said the timeframe, so that where most begin tells nothing of the others.
    """
    step = Timeframe.parse(timeframe).step_ns // 1000
    if not step or step >= _DAY_US or not len(time_us):
        return []
    rests = time_us - time_us // step * step
    usual_us = 0 if is_given else _most_common(rests)
    notes: list[Note] = []
    of_other_hours = np.flatnonzero(rests if is_given else (rests == usual_us) & (usual_us > 0))
    if len(of_other_hours):
        text = (
            f"bars begin where {timeframe} bars of a market that never closes do not; they were kept. To play"
            " them, give the venue's hours (calendar=)"
        )
        notes.append(note("other_hours", text, of_other_hours))
    off = np.flatnonzero(rests != usual_us)
    if len(off) and not is_given:
        text = f"bars do not begin where {timeframe} bars do; they were kept"
        notes.append(note("off_grid", text, off))
    return notes


def order_of(time_us: np.ndarray) -> str:
    """Return in which order times are.

    Examples
    --------
    >>> order_of(np.array([3, 2, 1])), order_of(np.array([1, 3, 2]))
    ('newest first', 'unsorted')
    """
    steps = np.diff(time_us)
    if (steps >= 0).all():
        return "oldest first"
    return "newest first" if (steps <= 0).all() else "unsorted"
