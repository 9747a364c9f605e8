"""Timeframes: their names, and the span of time (or trades) that one bar covers.

A bar is left-closed and labelled by its opening time, ``[start, end)``. Intraday bars of a venue that
never closes are floored in the UTC epoch; of a venue with sessions, at each session's open, so that
``4hour`` and ``1day`` equal the venue's over a change of the clocks too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mdnb.errors import TimeframeError
from mdnb.frozen import refuse_changes
from mdnb.sessions import DAY_NS, Sessions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Grid", "Timeframe", "TimeframeName", "in_order", "is_same_timeframe", "named_timeframes"]

TimeframeName = Literal[
    "1sec", "5sec", "10sec", "15sec", "30sec",
    "1min", "2min", "3min", "5min", "10min", "15min", "30min", "45min",
    "1hour", "2hour", "3hour", "4hour", "6hour", "8hour", "12hour",
    "1day", "1week", "1month",
    "1s", "5s", "15s", "30s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w",
]  # fmt: skip
"""The usual names, for type checkers alone: `Timeframe.parse` understands many more."""

_Kind = Literal["intraday", "day", "week", "month", "tick", "volume", "dollar"]

_SECOND_NS = 1_000_000_000
_UNITS: dict[str, str] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "sec"),
    **dict.fromkeys(("m", "t", "min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hour"),
    **dict.fromkeys(("d", "day", "days"), "day"),
    **dict.fromkeys(("w", "wk", "week", "weeks", "w-mon"), "week"),
    **dict.fromkeys(("mo", "mon", "month", "months", "me", "ms"), "month"),
    **dict.fromkeys(("tick", "ticks"), "tick"),
    **dict.fromkeys(("vol", "volume"), "vol"),
    **dict.fromkeys(("dollar", "dollars", "usd", "$"), "dollar"),
}
_SCALES = {"": 1, "k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
_STEP_SECONDS = {"sec": 1, "min": 60, "hour": 3600}
_PATTERN = re.compile(r"^\s*(\d*)\s*([A-Za-z$][A-Za-z$-]*)\s*$")
_SCALED = re.compile(r"^([kmb])?(tick|ticks|vol|volume|dollar|dollars|usd|\$)$")
_UNDERSTOOD = (
    "N followed by sec, min, hour, day, week or month (15sec 30sec 1min 5min 15min 1hour 4hour 1day 1week "
    "1month; also 1m, 5T, 1h, D, W, 1M, pandas offsets and timedeltas), or an activity bar: "
    "500tick, 1000vol, 1Mdollar"
)
# Mondays: 1970-01-01 was a Thursday.
_WEEK_SHIFT_DAYS = 4


@refuse_changes
@dataclasses.dataclass(frozen=True, slots=True)
class Timeframe:
    """A bar's extent: ``size`` units of time, or of trades, volume or money.

    Use `Timeframe.parse`. Two names of the same extent are equal.

    Attributes
    ----------
    name
        Canonical name, such as ``"5min"``.
    kind
        ``intraday``, ``day``, ``week``, ``month``, or an activity: ``tick``, ``volume``, ``dollar``.
    size
        Seconds for ``intraday``; days, weeks, months; trades, base units or money for activity bars.

    Examples
    --------
    >>> Timeframe.parse("5T") == Timeframe.parse("300s") == Timeframe.parse("5min")
    True
    >>> Timeframe.parse("1M").name, Timeframe.parse("1m").name, Timeframe.parse("1Mdollar").size
    ('1month', '1min', 1000000)
    """

    name: str
    kind: _Kind
    size: int

    @classmethod
    def parse(cls, given: Any) -> Timeframe:
        """Parse a name, a timedelta, a pandas offset or a Timeframe.

        Raises
        ------
        TimeframeError
            When it is not understood or makes no sense; the message lists what is understood.
        """
        if isinstance(given, Timeframe):
            return given
        if isinstance(given, dt.timedelta):
            return _from_seconds(given.total_seconds(), given)
        if isinstance(given, str):
            return _parse_text(given)
        text = getattr(given, "freqstr", None)
        if isinstance(text, str):
            return _parse_text(text)
        raise TimeframeError(f"{given!r} is not a timeframe. Understood: {_UNDERSTOOD}.")

    @classmethod
    def of_seconds(cls, seconds: int) -> Timeframe:
        """Return the timeframe of so many seconds.

        Raises
        ------
        TimeframeError
            When that makes no sense as a bar.

        Examples
        --------
        >>> Timeframe.of_seconds(300).name
        '5min'
        """
        return _make("sec", seconds, f"{seconds} s")

    @property
    def is_activity(self) -> bool:
        """True for bars that close by trades, volume or money and not by the clock."""
        return self.kind in ("tick", "volume", "dollar")

    @property
    def seconds(self) -> float:
        """Nominal length in seconds (a month counts 30.4375 days); ``nan`` for activity bars."""
        if self.kind == "intraday":
            return float(self.size)
        days = {"day": 1.0, "week": 7.0, "month": 30.4375}.get(self.kind)
        return float("nan") if days is None else self.size * days * 86_400.0

    @property
    def step_ns(self) -> int:
        """Length in nanoseconds of an intraday bar, 0 for all others."""
        return self.size * _SECOND_NS if self.kind == "intraday" else 0

    @property
    def sort_key(self) -> tuple[int, float, str]:
        """Orders timeframes from fine to coarse, activity bars last."""
        return (1, 0.0, self.name) if self.is_activity else (0, self.seconds, self.name)

    def __str__(self) -> str:
        return self.name


def _from_seconds(seconds: float, given: object) -> Timeframe:
    if seconds != int(seconds) or seconds <= 0:
        raise TimeframeError(
            f"{given!r} is not a whole, positive number of seconds. Understood: {_UNDERSTOOD}."
        )
    return _make("sec", int(seconds), str(given))


@functools.lru_cache(maxsize=512)
def _parse_text(text: str) -> Timeframe:
    match = _PATTERN.match(text)
    if not match:
        raise TimeframeError(f"{text!r} is not a timeframe. Understood: {_UNDERSTOOD}.")
    number, word = match.groups()
    if not number and word.lower() == "ticks":
        # Whoever says so means trades; a bar of each would be written, and nobody be told.
        raise TimeframeError(
            f"{text!r} names trades, not bars. Bars of them are 1tick, 100tick and so on; trades themselves"
            " are exported with what='ticks', and read with get_recent_ticks() and a store's ticks()."
        )
    size = int(number) if number else 1
    if word == "M":
        return _make("month", size, text)
    scaled = _SCALED.match(word.lower())
    if scaled:
        return _make(_UNITS[scaled.group(2)], size * _SCALES[scaled.group(1) or ""], text)
    unit = _UNITS.get(word.lower())
    if unit is None:
        raise TimeframeError(f"{text!r} is not a timeframe. Understood: {_UNDERSTOOD}.")
    return _make(unit, size, text)


def _make(unit: str, size: int, given: str) -> Timeframe:
    if size <= 0 or size > 10**15:
        raise TimeframeError(
            f"{given!r} makes no sense: a bar needs a positive extent. Understood: {_UNDERSTOOD}."
        )
    if unit in ("tick", "vol", "dollar"):
        kind: _Kind = {"tick": "tick", "vol": "volume", "dollar": "dollar"}[unit]  # type: ignore[assignment]  # a dict of literals widens to str
        return Timeframe(f"{_scaled_name(size)}{unit}", kind, size)
    if unit in _STEP_SECONDS:
        seconds = size * _STEP_SECONDS[unit]
        if seconds < 86_400:
            return Timeframe(_intraday_name(seconds), "intraday", seconds)
        if seconds % 86_400:
            raise TimeframeError(
                f"{given!r} makes no sense: above a day, bars are whole days. Understood: {_UNDERSTOOD}."
            )
        unit, size = "day", seconds // 86_400
    if size * {"day": 1, "week": 7, "month": 31}[unit] > 3660:
        raise TimeframeError(f"{given!r} makes no sense: longer than ten years. Understood: {_UNDERSTOOD}.")
    return Timeframe(f"{size}{unit}", unit, size)  # type: ignore[arg-type]  # unit is day, week or month here


def _scaled_name(size: int) -> str:
    if size >= 1_000_000 and size % 1_000_000 == 0:
        return f"{size // 1_000_000}M"
    return str(size)


def _intraday_name(seconds: int) -> str:
    for unit, length in (("hour", 3600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}sec"


class Grid:
    """The spans that the bars of one clock timeframe cover under given sessions.

    Parameters
    ----------
    timeframe
        Any but an activity bar.
    sessions
        The venue's hours.

    Examples
    --------
    >>> grid = Grid(Timeframe.parse("5min"), Sessions.always())
    >>> grid.span(301_000_000_000)
    (300000000000, 600000000000)
    """

    __slots__ = ("_close", "_open", "sessions", "timeframe")

    def __init__(self, timeframe: Timeframe, sessions: Sessions) -> None:
        if timeframe.is_activity:
            raise TimeframeError(f"{timeframe.name} bars are not on a clock: they have no grid")
        self.timeframe = timeframe
        self.sessions = sessions
        self._open, self._close = _calendar_edges(timeframe, sessions)

    def span(self, ts_ns: int) -> tuple[int, int] | None:
        """Return ``(start, end)`` of the bar that holds ``ts_ns``; None while the venue is closed."""
        timeframe, sessions = self.timeframe, self.sessions
        if timeframe.kind == "intraday":
            step = timeframe.step_ns
            if sessions.always_open:
                start = ts_ns - ts_ns % step
                return start, start + step
            held = sessions.span(ts_ns)
            if held is None:
                return None
            start = held[0] + (ts_ns - held[0]) // step * step
            return start, min(start + step, held[1])
        if sessions.always_open:
            return _utc_span(timeframe, ts_ns)
        if not sessions.contains(ts_ns):
            return None
        i = int(np.searchsorted(self._open, ts_ns, side="right")) - 1
        return (int(self._open[i]), int(self._close[i])) if i >= 0 and ts_ns < int(self._close[i]) else None

    def after(self, end_ns: int) -> tuple[int, int] | None:
        """Return the first bar span that starts at or after ``end_ns``; None beyond the calendar."""
        opening = self.sessions.next_open(end_ns)
        if opening is None:
            return None
        held = self.span(opening)
        if held is not None and held[0] < end_ns:
            return self.after(held[1])
        return held

    def starts(self, ts_ns: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return each time's bar start, and whether the venue was open.

        Parameters
        ----------
        ts_ns
            int64, shape (n,).

        Returns
        -------
        starts
            int64, shape (n,); meaningless where the venue was closed.
        inside
            bool, shape (n,).
        """
        timeframe, sessions = self.timeframe, self.sessions
        if sessions.always_open:
            return _utc_starts(timeframe, ts_ns), np.ones(len(ts_ns), dtype=bool)
        if not len(sessions.opens):
            return ts_ns.copy(), np.zeros(len(ts_ns), dtype=bool)
        i = np.searchsorted(sessions.opens, ts_ns, side="right") - 1
        inside = (i >= 0) & (ts_ns < sessions.closes[i])
        if timeframe.kind == "intraday":
            opened = sessions.opens[i]
            return opened + (ts_ns - opened) // timeframe.step_ns * timeframe.step_ns, inside
        return self._open[np.searchsorted(self._open, ts_ns, side="right") - 1], inside

    def ends(self, starts_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the end of the bar of each start.

        Parameters
        ----------
        starts_ns
            int64, shape (n,): starts of bars, as `starts` gives them.

        Returns
        -------
        numpy.ndarray
            int64, shape (n,).

        Examples
        --------
        >>> Grid(Timeframe.parse("5min"), Sessions.always()).ends(np.array([300_000_000_000])).tolist()
        [600000000000]
        """
        timeframe, sessions = self.timeframe, self.sessions
        if timeframe.kind == "intraday":
            made: NDArray[np.int64] = starts_ns + timeframe.step_ns
            if sessions.always_open or not len(sessions.opens):
                return made
            i = np.searchsorted(sessions.opens, starts_ns, side="right") - 1
            inside = (i >= 0) & (starts_ns < sessions.closes[i])
            return np.where(inside, np.minimum(made, sessions.closes[i]), made)
        spans = [self.span(start) for start in starts_ns.tolist()]
        return np.array(
            [
                start if span is None else span[1]
                for start, span in zip(starts_ns.tolist(), spans, strict=True)
            ],
            dtype=np.int64,
        )

    def count(self, start_ns: int, end_ns: int) -> int:
        """Return how many bars start in ``[start_ns, end_ns)`` if each interval had a trade.

        Examples
        --------
        >>> Grid(Timeframe.parse("1min"), Sessions.always()).count(0, 3_600_000_000_000)
        60
        """
        if end_ns <= start_ns:
            return 0
        if self.timeframe.kind != "intraday":
            total, at = 0, self.after(start_ns)
            while at is not None and at[0] < end_ns:
                total, at = total + 1, self.after(at[1])
            return total
        step = self.timeframe.step_ns
        if self.sessions.always_open:
            return -(-end_ns // step) - -(-start_ns // step)
        spans = self.sessions.within(start_ns, end_ns)
        opens = self.sessions.opens[spans]
        low = np.maximum(opens, start_ns)
        high = np.minimum(self.sessions.closes[spans], end_ns)
        held = high > low
        first = -(-(low - opens) // step)
        last = -(-(high - opens) // step)
        return int((last - first)[held].sum())


def _utc_span(timeframe: Timeframe, ts_ns: int) -> tuple[int, int]:
    day = ts_ns // DAY_NS
    if timeframe.kind == "day":
        start = day - day % timeframe.size
        return start * DAY_NS, (start + timeframe.size) * DAY_NS
    if timeframe.kind == "week":
        width = 7 * timeframe.size
        start = day - (day - _WEEK_SHIFT_DAYS) % width
        return start * DAY_NS, (start + width) * DAY_NS
    months = _month_number(day)
    first = months - months % timeframe.size
    return _month_day(first) * DAY_NS, _month_day(first + timeframe.size) * DAY_NS


def _utc_starts(timeframe: Timeframe, ts_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    if timeframe.kind == "intraday":
        return ts_ns // timeframe.step_ns * timeframe.step_ns  # several times as fast as a remainder
    day = ts_ns // DAY_NS
    if timeframe.kind == "day":
        return (day - day % timeframe.size) * DAY_NS
    if timeframe.kind == "week":
        return (day - (day - _WEEK_SHIFT_DAYS) % (7 * timeframe.size)) * DAY_NS
    months = day.astype("M8[D]").astype("M8[M]").astype(np.int64)
    first = months - months % timeframe.size
    return first.astype("M8[M]").astype("M8[D]").astype(np.int64) * DAY_NS


def _month_number(day: int) -> int:
    date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
    return (date.year - 1970) * 12 + date.month - 1


def _month_day(months: int) -> int:
    return (dt.date(1970 + months // 12, months % 12 + 1, 1) - dt.date(1970, 1, 1)).days


def _calendar_edges(timeframe: Timeframe, sessions: Sessions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    empty = np.empty(0, dtype=np.int64)
    if timeframe.kind == "intraday" or sessions.always_open:
        return empty, empty
    opened, closed, days = sessions.trading_days()
    if not len(days):
        return empty, empty
    if timeframe.kind == "day":
        # Counted in calendar days since 1970, so that a calendar that begins elsewhere gives the same bars.
        group = days // timeframe.size
    elif timeframe.kind == "week":
        group = (days - _WEEK_SHIFT_DAYS) // (7 * timeframe.size)
    else:
        group = days.astype("M8[D]").astype("M8[M]").astype(np.int64) // timeframe.size
    first = np.flatnonzero(np.diff(group, prepend=group[:1] - 1))
    last = np.append(first[1:], len(group)) - 1
    return opened[first], closed[last]


def is_same_timeframe(one: str, other: str) -> bool:
    """Return whether two names mean one timeframe; what is none is the same as itself alone.

    Examples
    --------
    >>> is_same_timeframe("1m", "1min"), is_same_timeframe("1m", "none"), is_same_timeframe("none", "none")
    (True, False, True)
    """
    if one == other:
        return True
    try:
        return Timeframe.parse(one).name == Timeframe.parse(other).name
    except TimeframeError:
        return False


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that are timeframes, as they are called here, finest first.

    Examples
    --------
    >>> in_order(["1h", "notes", "1m"])
    ('1min', '1hour')
    """
    known: set[Timeframe] = set()
    for name in names:
        with contextlib.suppress(TimeframeError):
            known.add(Timeframe.parse(name))
    return tuple(one.name for one in sorted(known, key=lambda one: one.sort_key))


def named_timeframes(timeframes: object) -> tuple[Timeframe, ...]:
    """Return the timeframes that one name or several mean.

    Raises
    ------
    TimeframeError
        When that is neither a name nor a list of them, or one is not understood.

    Examples
    --------
    >>> [one.name for one in named_timeframes(["1m", "1h"])]
    ['1min', '1hour']
    """
    if isinstance(timeframes, str):
        return (Timeframe.parse(timeframes),)
    if not isinstance(timeframes, Iterable):
        raise TimeframeError(
            f"timeframes takes a name such as '1min', or several: ['1min', '5min']; got {timeframes!r}"
        )
    return tuple(map(Timeframe.parse, timeframes))
