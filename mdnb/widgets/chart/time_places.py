"""Gives what the user adds at times its places on the axis of bars: a place there is a bar's ordinal.

Between two bars a time has its place by proportion; beyond them, as if bars went on at the usual distance.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import numbers
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdnb.arguments import to_ns
from mdnb.errors import OptionError
from mdnb.stores.columns import BarColumns
from mdnb.timeframes import Timeframe
from mdnb.widgets.chart.state import ChartState
from mdnb.widgets.figure.figure import is_ours
from mdnb.widgets.figure.plotly_private import SilentFigure, layout_of, traces_of

__all__ = ["TimePlaces", "instants"]

_Times = NDArray[np.float64]
"""UTC epoch microseconds; ``nan`` is no time."""

_PARTS = {"shapes": ("x0", "x1", "xanchor"), "annotations": ("x", "ax"), "images": ("x",)}
_MINUTE_US = 60_000_000.0


@dataclasses.dataclass(frozen=True, slots=True)
class _PlacedTrace:
    """The times of a trace, and the places that it was given for them."""

    times: _Times
    places: NDArray[np.float64]


class TimePlaces:
    """The times of a chart's traces, shapes, annotations and images of the user's own.

    Parameters
    ----------
    figure
        The chart.
    state
        Its source and zone.
    """

    __slots__ = ("_beyond_us", "_figure", "_parts", "_state", "_traces")

    def __init__(self, figure: SilentFigure, state: ChartState) -> None:
        self._figure = figure
        self._state = state
        self._traces: dict[str, _PlacedTrace] = {}
        # Where a part's attribute was placed, and for which time.
        self._parts: dict[tuple[str, str, float], float] = {}
        # The latest time that was placed beyond the newest bar.
        self._beyond_us = -np.inf

    # -- what is added or changed ---------------------------------------------------------------------

    def check(self, traces: Sequence[Mapping[str, Any]]) -> None:
        """Refuse traces whose ``x`` is neither times nor ordinals, before they are in the figure.

        Raises
        ------
        OptionError
            When one has neither.
        """
        for trace in traces:
            if _is_by_bars(trace):
                self._instants(trace["x"], f"x of the trace {trace.get('name') or trace.get('type')!r}")

    def take_traces(self, traces: Sequence[dict[str, Any]]) -> bool:
        """Place traces of the figure's data that have times; return whether one had."""
        any_placed = False
        for trace in traces:
            uid, x = trace.get("uid"), trace.get("x")
            if is_ours(uid) or not _is_by_bars(trace):
                continue
            held = self._traces.get(str(uid))
            if held is not None and x is held.places:
                continue
            times = self._instants(x, "x of a trace")
            if times is None:
                self._traces.pop(str(uid), None)
                continue
            placed = self._places(times)
            self._traces[str(uid)] = _PlacedTrace(times, placed)
            trace["x"] = placed
            any_placed = True
        return any_placed

    def restyled(self, changes: Mapping[str, Any], indexes: Sequence[int]) -> Mapping[str, Any]:
        """Return changes of traces, which the figure has already, with places instead of times."""
        held = traces_of(self._figure)
        if "x" not in changes or not self.take_traces([held[at] for at in indexes]):
            return changes
        return {**changes, "x": [held[at]["x"] for at in indexes]}

    def relaid(self, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return changes of the layout, which the figure has already, with places instead of times."""
        layout = layout_of(self._figure)
        timed = list(_timed_parts(layout))
        try:
            times = [
                self._instant(part[attribute], f"{attribute} of {name}") for name, part, attribute in timed
            ]
            across = self._range(layout)
        except OptionError:
            self._take_back(layout)
            raise
        if not timed and across is None:
            return changes
        for (name, part, attribute), time in zip(timed, times, strict=True):
            part[attribute] = place = self._place(time)
            self._parts[name, attribute, place] = time
        if across is not None:
            layout["xaxis"]["range"] = across
        return {path: _at(layout, path, value) for path, value in changes.items()}

    def _range(self, layout: Mapping[str, Any]) -> list[Any] | None:
        """Return the range of the axis where an end of it is a time."""
        ends = layout.get("xaxis", {}).get("range")
        if ends is None or not any(map(_is_time, ends)):
            return None
        what = "range of xaxis"
        return [self._place(self._instant(end, what)) if _is_time(end) else end for end in ends]

    def _take_back(self, layout: dict[str, Any]) -> None:
        """Take what cannot be placed out of the figure."""
        wrong = {
            id(part) for _, part, attribute in _timed_parts(layout) if not self._is_right(part[attribute])
        }
        with self._figure.quiet():
            for name in _PARTS:
                held, shown = layout.get(name) or [], self._figure.layout[name]
                if not any(id(part) in wrong for part in held):
                    continue
                if len(shown) == len(held):
                    pairs = zip(held, shown, strict=True)
                    self._figure.layout[name] = [one for part, one in pairs if id(part) not in wrong]
                else:
                    # It is about to be added: plotly has it in the data alone.
                    layout[name] = [part for part in held if id(part) not in wrong]
            if not all(map(self._is_right, layout.get("xaxis", {}).get("range") or ())):
                self._figure.layout.xaxis.range = None

    def _is_right(self, value: Any) -> bool:
        try:
            instants([value], self._state.zone)
        except OptionError:
            return False
        return True

    def _instant(self, value: Any, what: str) -> float:
        times = self._instants([value], what)
        assert times is not None
        return float(times[0])

    def _place(self, time: float, bars: BarColumns | None = None) -> float:
        return float(self._places(np.array([time]), bars)[0])

    def _bars(self) -> BarColumns:
        return self._state.source.columns(self._state.timeframe, self._state.options.bars)

    # -- other bars than before -----------------------------------------------------------------------

    def go_along(self) -> None:
        """Place anew what was placed beyond the newest bar: bars have been added."""
        if self._beyond_us > -np.inf:
            self.move()

    def move(self) -> None:
        """Place everything anew: another timeframe or symbol, or bars put in between."""
        self._beyond_us = -np.inf
        if self._traces or self._parts:
            bars = self._bars()
            self._move_traces(bars)
            self._move_parts(bars)

    def _move_traces(self, bars: BarColumns) -> None:
        moved: dict[int, NDArray[np.float64]] = {}
        stay: dict[str, _PlacedTrace] = {}
        for at, trace in enumerate(traces_of(self._figure)):
            uid = str(trace.get("uid"))
            held = self._traces.get(uid)
            if held is None:
                continue
            places = self._places(held.times, bars)
            stay[uid] = _PlacedTrace(held.times, places)
            if not np.array_equal(places, held.places, equal_nan=True):
                moved[at] = places
            else:
                stay[uid] = held
        self._traces = stay
        if moved:
            self._figure.plotly_restyle({"x": list(moved.values())}, list(moved))

    def _move_parts(self, bars: BarColumns) -> None:
        changes: dict[str, float] = {}
        stay: dict[tuple[str, str, float], float] = {}
        layout = layout_of(self._figure)
        for name in _PARTS:
            for at, part in enumerate(layout.get(name) or ()):
                for attribute in _attributes(name, part):
                    place = part[attribute]
                    time = self._parts.get((name, attribute, place)) if _is_number(place) else None
                    if time is None:
                        continue
                    now = self._place(time, bars)
                    stay[name, attribute, now] = time
                    if now != place:
                        changes[f"{name}[{at}].{attribute}"] = now
        self._parts = stay
        if changes:
            self._figure.plotly_relayout(changes)

    # -- places ---------------------------------------------------------------------------------------

    def _instants(self, values: Any, what: str) -> _Times | None:
        try:
            return instants(values, self._state.zone)
        except OptionError as error:
            raise OptionError(
                f"{what}: {error}. A chart's x is a time, or a bar's ordinal as in chart.data[0].x"
            ) from None

    def _places(self, times: _Times, bars: BarColumns | None = None) -> NDArray[np.float64]:
        bars = self._bars() if bars is None else bars
        newest = float(bars.time_us[-1]) if len(bars) else -np.inf
        latest = float(np.nanmax(times, initial=-np.inf))
        if latest > newest:
            self._beyond_us = max(self._beyond_us, latest)
        return _places_of(times, bars, Timeframe.parse(self._state.timeframe))


def _places_of(times: _Times, bars: BarColumns, timeframe: Timeframe) -> NDArray[np.float64]:
    """Return the ordinals at times: between bars by proportion, beyond them at the usual distance."""
    known = bars.time_us.astype(np.float64)
    if not len(known):
        return np.zeros(len(times))
    at = bars.first + np.arange(len(known), dtype=np.float64)
    usual = float(np.median(np.diff(known))) if len(known) > 1 else timeframe.seconds * 1e6
    # Of bars of trades several may begin at one instant; alone, one has no length.
    usual = usual if usual > 0 else _MINUTE_US
    places = np.interp(times, known, at)
    before, after = times < known[0], times > known[-1]
    places[before] = at[0] - (known[0] - times[before]) / usual
    places[after] = at[-1] + (times[after] - known[-1]) / usual
    # An axis needs no millionths of a bar; whole bars are whole numbers.
    return np.round(places, 6)


def instants(values: Any, zone: str) -> _Times | None:
    """Return the times among what may be an ``x`` of plotly; None where it is numbers.

    Parameters
    ----------
    values
        A list or array. What has no zone is in ``zone``: text, days, and numpy's datetime64, which is also
        what plotly makes of a pandas Series of times. A naive datetime means the machine's local time, as in
        all of mdnb.

    Returns
    -------
    numpy.ndarray or None
        Float64 (n,), UTC epoch microseconds, ``nan`` where there is no time.

    Raises
    ------
    OptionError
        When one of them is neither a time nor a number.

    Examples
    --------
    >>> instants(["2026-03-02 14:30", None], "UTC")
    array([1.7724618e+15,           nan])
    >>> instants([1, 2.5], "UTC") is None
    True
    """
    if isinstance(values, Mapping):
        return None  # numbers that plotly has packed
    kind = getattr(getattr(values, "dtype", None), "kind", "O")
    if kind in "iufb":
        return None
    if kind == "M":
        return _of_datetime64(values, zone)
    found = [one for one in values if not _is_nothing(one)]
    if all(_is_number(one) for one in found):
        return None
    if all(getattr(one, "tzinfo", None) is not None for one in found):
        import pandas as pd

        stamps = pd.Series([None if _is_nothing(one) else one for one in values], dtype="object")
        return _microseconds(pd.DatetimeIndex(pd.to_datetime(stamps, utc=True)))
    # A number among times is none: epoch seconds would be taken for ordinals elsewhere.
    wrong = next((one for one in found if _is_number(one)), None)
    if wrong is not None:
        raise OptionError(f"{wrong!r} is an ordinal among times")
    return np.array(
        [np.nan if _is_nothing(one) else (to_ns(_plain(one), zone) or 0) / 1000 for one in values],
        dtype=np.float64,
    )


def _of_datetime64(values: Any, zone: str) -> _Times:
    import pandas as pd

    stamps = pd.DatetimeIndex(values)
    if stamps.tz is not None:
        return _microseconds(stamps)
    # Of an hour that comes twice the first one, as everywhere.
    first = np.ones(len(stamps), dtype=bool)
    return _microseconds(stamps.tz_localize(zone, ambiguous=first, nonexistent="shift_forward"))


def _microseconds(stamps: Any) -> _Times:
    times: _Times = stamps.as_unit("us").asi8.astype(np.float64)
    times[np.asarray(stamps.isna())] = np.nan
    return times


def _plain(value: Any) -> Any:
    """Return a pandas period's first instant; anything else as it is."""
    return value.start_time.isoformat() if hasattr(value, "start_time") else value


_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


def _is_number(value: Any) -> bool:
    """Return whether plotly takes something for a number: text of one, too."""
    return (isinstance(value, numbers.Real) and not isinstance(value, bool)) or (
        isinstance(value, str) and _NUMBER.fullmatch(value) is not None
    )


def _is_nothing(value: Any) -> bool:
    return value is None or value != value  # neither nan nor NaT equals itself


def _is_time(value: Any) -> bool:
    return isinstance(value, dt.date | np.datetime64 | str) and not _is_number(value)


def _is_by_bars(trace: Mapping[str, Any]) -> bool:
    """Return whether a trace has an ``x`` on the axis of bars, and no axis of its own."""
    return trace.get("x") is not None and trace.get("xaxis") in {None, "x"}


def _attributes(name: str, part: Mapping[str, Any]) -> Iterator[str]:
    """Give what of a shape, annotation or image is on the axis of bars."""
    for attribute in _PARTS[name]:
        if attribute not in part:
            continue
        reference = part.get("axref") if attribute == "ax" else part.get("xref", "x")
        in_pixels = part.get("xsizemode") == "pixel"
        if reference == "x" and in_pixels == (attribute == "xanchor"):
            yield attribute


def _timed_parts(layout: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    for name in _PARTS:
        for part in layout.get(name) or ():
            for attribute in _attributes(name, part):
                if _is_time(part[attribute]):
                    yield name, part, attribute


def _at(layout: Mapping[str, Any], path: str, given: Any) -> Any:
    """Return what a layout has at a plotly path such as ``shapes[0].x0``; ``given`` where it has nothing."""
    held: Any = layout
    for name in re.findall(r"[^.\[\]]+", path):
        try:
            held = held[int(name)] if isinstance(held, list | tuple) else held[name]
        except (KeyError, IndexError, ValueError):
            return given
    return copy.deepcopy(held)
