"""The time axis of a chart: bars side by side, without gaps for closed hours, with time labels."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import zoneinfo
from collections.abc import Sequence

import numpy as np

__all__ = ["UNPLACED", "price_range", "round_numbers", "time_labels", "to_axis"]

UNPLACED = "log axis: not drawn at zero and below"
"""What is said where a logarithmic axis has no place for a bar."""

_LEAST = 1e-12  # no price, where a logarithm is taken
_STEPS_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720)


def time_labels(
    time_us: Sequence[int], first: int, tz: str, wanted: int = 8, *, bold: bool = True
) -> tuple[list[int], list[str]]:
    """Return the positions of labels, as bar ordinals, and their texts.

    Round times are labelled; the first bar of a day carries the day instead, in bold.

    Parameters
    ----------
    time_us
        Bar starts of the visible bars, UTC epoch microseconds, ascending.
    first
        Ordinal of the first of them.
    tz
        Zone of the labels.
    wanted
        About how many labels fit.

    Examples
    --------
    >>> hour = 3_600_000_000
    >>> time_labels([22 * hour, 23 * hour, 24 * hour, 25 * hour], 0, "UTC", bold=False)
    ([0, 1, 2, 3], ['22:00', '23:00', 'Fri 2', '01:00'])
    """
    count = len(time_us)
    if not count:
        return [], []
    zone = zoneinfo.ZoneInfo(tz)
    stamps = [dt.datetime.fromtimestamp(us / 1e6, zone) for us in time_us]
    days = [i for i in range(1, count) if stamps[i].date() != stamps[i - 1].date()]
    ticks: dict[int, str] = {}
    if len(days) > wanted:
        step = -(-len(days) // wanted)
        for i in days[::step]:
            ticks[i] = _date(stamps[i], stamps[i].year != stamps[0].year)
        return [first + i for i in ticks], list(ticks.values())
    gap = max(1, count // (2 * wanted))
    for i, following in itertools.zip_longest(days, days[1:]):
        if following is not None and following - i < gap:
            continue  # no room for the label of a day of a few bars, as a Sunday evening's
        text = _date(stamps[i], long=False)
        ticks[i] = f"<b>{text}</b>" if bold else text
    for step in _STEPS_MINUTES:
        marks = [
            i for i, at in enumerate(stamps) if (at.hour * 60 + at.minute) % step == 0 and at.second == 0
        ]
        if len(marks) + len(days) <= wanted:
            break
    for i in marks:
        if all(abs(i - other) >= gap for other in (*ticks, *days)):
            ticks[i] = stamps[i].strftime("%H:%M")
    if not ticks:
        step = max(1, count // wanted)
        ticks = {i: stamps[i].strftime("%H:%M:%S") for i in range(0, count, step)}
    ordered = sorted(ticks)
    return [first + i for i in ordered], [ticks[i] for i in ordered]


def _date(at: dt.datetime, long: bool) -> str:
    return f"{at:%b} {at.day}, {at.year}" if long else f"{at:%a} {at.day}"


def round_numbers(low: float, high: float, length: float) -> list[float]:
    """Return the round numbers of a range that an axis so long is labelled with, as plotly chooses them.

    Parameters
    ----------
    length
        In pixels: about one label in 40, from four to nine of them.

    Examples
    --------
    >>> round_numbers(20_861.5, 20_924.2, 300)
    [20870.0, 20880.0, 20890.0, 20900.0, 20910.0, 20920.0]
    >>> round_numbers(0.48, 0.62, 160)
    [0.5, 0.55, 0.6]
    >>> round_numbers(1.18e-13, 1.22e-13, 160)
    [1.18e-13, 1.19e-13, 1.2e-13, 1.21e-13, 1.22e-13]
    """
    rough = (high - low) / (min(max(length / 40, 4), 9) + 1)
    base = 10.0 ** math.floor(math.log10(rough))
    step = base * next(many for many in (2, 5, 10) if rough / base <= many)
    first, last = math.ceil(low / step), math.floor(high / step)
    # The step has one digit: what is behind that is the rounding of floats.
    places = max(0, 1 - math.floor(math.log10(step)))
    return [round(n * step, places) for n in range(first, last + 1)]


def to_axis(price: float, log: bool) -> float:
    """Return where plotly places a range's end or an annotation: on a logarithmic axis, a power of ten.

    Examples
    --------
    >>> to_axis(1000.0, log=True), to_axis(1000.0, log=False)
    (3.0, 1000.0)
    """
    return math.log10(max(price, _LEAST)) if log else price


def price_range(
    low: np.ndarray, high: np.ndarray, held: tuple[float, float] | None, log: bool = False
) -> tuple[float, float]:
    """Return a y range with headroom; the current one while every bar fits and fills enough of it.

    The range moves in steps, not with each tick, so that the chart does not breathe.

    Parameters
    ----------
    log
        The axis is logarithmic: as much headroom to see, and above zero. The range is in prices, too.

    Examples
    --------
    >>> price_range(np.array([100.0]), np.array([110.0]), None)
    (99.2, 110.8)
    >>> price_range(np.array([100.0]), np.array([110.5]), (99.2, 110.8))
    (99.2, 110.8)
    >>> [round(end, 1) for end in price_range(np.array([10.0]), np.array([1000.0]), None, log=True)]
    [6.9, 1445.4]
    """
    bottom, top = float(low.min()), float(high.max())
    if log:
        top = max(top, _LEAST)
        powers = np.log10([max(bottom, top / 1000), top])
        held_powers = (math.log10(held[0]), math.log10(held[1])) if held else None
        made = price_range(powers[:1], powers[1:], held_powers)
        return held if held and made is held_powers else (10.0 ** made[0], 10.0 ** made[1])
    height = max(top - bottom, abs(top) * 1e-6, _LEAST)
    if held is not None and held[0] <= bottom and top <= held[1] and held[1] - held[0] < 2.5 * height:
        return held
    return bottom - 0.08 * height, top + 0.08 * height
