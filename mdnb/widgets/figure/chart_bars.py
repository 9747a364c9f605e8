"""The bars of a chart with its indicators and Heikin-Ashi, updated bar by bar."""

from __future__ import annotations

import dataclasses
import math
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mdnb.analysis.heikin_ashi import HeikinAshi
from mdnb.analysis.indicator_state import IndicatorState
from mdnb.analysis.indicators import Indicator
from mdnb.errors import TimeframeError
from mdnb.rows import BarRow
from mdnb.stores.columns import BarColumns, join_columns
from mdnb.timeframes import Timeframe
from mdnb.widgets.figure.bar_source import BarSource
from mdnb.widgets.figure.live_expression import LiveExpression, LiveValues

__all__ = ["ChartBars", "Derived"]

_COLUMNS = ("time_us", "open", "high", "low", "close", "volume")
_CHECKPOINTS = 256
"""A late trade amends one of the newest bars: so many can be gone back."""
_MOST_BEFORE = 100_000  # a day of seconds
_DAY_SECONDS = 86_400


class Derived(Protocol):
    """A series of values that follows the bars."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of its values."""
        ...

    def append(self, row: Any) -> dict[str, float]:
        """Append a closed bar and return the indicator's values at it."""
        ...

    def peek(self, row: Any) -> dict[str, float]:
        """Return what appending the bar would give."""
        ...

    def rebuild(self, columns: BarColumns) -> dict[str, NDArray[np.float64]]:
        """Start over with other bars."""
        ...

    def checkpoint(self) -> object:
        """Return a checkpoint for `restore`."""
        ...

    def restore(self, checkpoint: Any) -> None:
        """Go back to a checkpoint."""
        ...


class ChartBars:
    """The newest bars of a timeframe, with a column for each derived line.

    Parameters
    ----------
    source, timeframe
        Where the bars come from.
    limit
        How many are held.
    overlays
        What is made of them.
    heikin
        Whether their Heikin-Ashi prices are held too.

    Attributes
    ----------
    derived
        float64, shape (bars, lines): the Heikin-Ashi prices if held, each indicator's lines in order, and
        each live line.
    """

    def __init__(
        self,
        source: BarSource,
        timeframe: str,
        limit: int,
        overlays: Sequence[Indicator | LiveExpression],
        *,
        heikin: bool,
    ) -> None:
        self._source = source
        self._timeframe = timeframe
        self._limit = limit
        indicators = [one for one in overlays if isinstance(one, Indicator)]
        states: list[tuple[str, Derived]] = [("heikin", HeikinAshi())] if heikin else []
        states += [(str(one), IndicatorState(one, source.sessions)) for one in indicators]
        self._states = tuple(states)
        self._live = tuple(LiveValues(one, source.tz) for one in overlays if isinstance(one, LiveExpression))
        names = [f"{name} {line}" for name, state in states for line in state.lines]
        # Those of live lines come last.
        self._made = len(names)
        names += [f"{one.expression} {line}" for one in self._live for line in one.expression.lines]
        self.names = tuple(names)
        self._before = _lookback(indicators, timeframe)
        self._is_of_days = any(one.name == "vwap" for one in indicators)
        # Ordinal of a closed bar, and the states before it was taken in.
        self._checkpoints: deque[tuple[int, list[object]]] = deque(maxlen=_CHECKPOINTS)
        self._row = struct.Struct(f"<{len(_COLUMNS) + len(self.names)}d")
        self._columns: BarColumns
        # Generation, ordinal behind the newest closed bar, start of the bar being made (-1: there is none).
        self._at = (0, 0, -1)
        # What the bar being made has become, where nothing else changed; written into the columns when read.
        self._newest: BarRow | None = None
        self._unwritten = False
        self.derived: NDArray[np.float64]
        self.reload()

    @property
    def columns(self) -> BarColumns:
        """The bars."""
        if self._unwritten and self._newest is not None:
            self._unwritten = False
            _, open_, high, low, close, volume, count, turnover = self._newest
            held = self._columns
            held.open[-1], held.high[-1], held.low[-1], held.close[-1] = open_, high, low, close
            held.volume[-1], held.tick_count[-1] = volume, count
            held.vwap[-1] = turnover / volume if volume else math.nan
        return self._columns

    def _hold(self, columns: BarColumns, derived: NDArray[np.float64]) -> None:
        self._columns, self.derived = columns, derived
        if self._live:
            values = [one.all_of(columns) for one in self._live]
            self.derived = np.column_stack([derived, *values])
        self._newest, self._unwritten = None, False
        closed = columns.first + len(columns) - columns.forming
        self._at = (columns.generation, closed, int(columns.time_us[-1]) * 1000 if columns.forming else -1)

    @property
    def first(self) -> int:
        """Ordinal of the oldest bar."""
        return self._columns.first

    @property
    def forming(self) -> bool:
        """Whether the newest bar is forming."""
        return self._at[2] >= 0

    @property
    def generation(self) -> int:
        """The source's, as of the bars."""
        return self._at[0]

    @property
    def end(self) -> int:
        """Ordinal after the newest bar."""
        return self._at[1] + self.forming

    @property
    def closed_end(self) -> int:
        """Ordinal after the newest closed bar."""
        return self._at[1]

    def column(self, name: str) -> NDArray[np.float64]:
        """Return a derived line."""
        values: NDArray[np.float64] = self.derived[:, self.names.index(name)]
        return values

    def whole(self) -> tuple[BarColumns, bool]:
        """Return the bars and those before them that all is made of; and whether from a day's begin on."""
        try:
            held = self._source.columns(self._timeframe, self._limit + self._before)
        except TimeframeError:
            return self.columns, False
        bars, lacks = self._from_the_days_begin(held)
        return bars, self._is_of_days and not lacks

    def read_from(self, source: BarSource) -> None:
        """Read from another source of the same bars from now on."""
        self._source = source

    def reload(self) -> None:
        """Read everything again."""
        held = self._source.columns(self._timeframe, self._limit + self._before)
        whole, cut = self._from_the_days_begin(held)
        start = max(len(whole) - len(held), len(whole) - self._limit)
        self._checkpoints.clear()
        made = [
            state.rebuild(whole, cut=cut) if isinstance(state, IndicatorState) else state.rebuild(whole)
            for _, state in self._states
        ]
        parts = [
            values[line]
            for (_, state), values in zip(self._states, made, strict=True)
            for line in state.lines
        ]
        table = np.column_stack(parts) if parts else np.empty((len(whole), 0))
        self._hold(whole.part(start, len(whole)), table[start:])

    def _from_the_days_begin(self, held: BarColumns) -> tuple[BarColumns, bool]:
        """Return bars from their first day's begin on, where that matters, and whether some lack."""
        first_ns = int(held.time_us[0]) * 1000 if self._is_of_days and len(held) else None
        day = None if first_ns is None else self._source.sessions.day_span(first_ns)
        if first_ns is None or day is None or first_ns <= day[0]:
            return held, False
        older = self._source.older(self._timeframe, day[0], first_ns)
        if older is None or not len(older):
            return held, older is None
        joined = join_columns([older, held])
        first = held.first - len(older)
        return dataclasses.replace(
            joined, first=first, forming=held.forming, generation=held.generation
        ), False

    def refresh(self, version: tuple[int, int, int]) -> int:
        """Update from the source; return the ordinal of the first bar that changed."""
        generation, closed, start = self._at
        if version[:2] == (generation, closed):
            row = self._source.forming(self._timeframe)
            if row is not None and row[0] == start:
                self._newest, self._unwritten = row, True
                if self._states:
                    self.derived[-1, : self._made] = self._peek(row[:6])
                if self._live:
                    self.derived[-1, self._made :] = [one.last_of(self.columns) for one in self._live]
                return closed
            now = self._source.columns(self._timeframe, 1)
            if start < 0 and now.forming and (now.first, now.generation) == (closed, generation):
                before, derived = self.columns, self.derived
                self._begin_forming(now)
                return min(closed, self._live_change(before, derived))
        before, derived = self.columns, self.derived
        now = self._source.columns(self._timeframe, self._limit)
        changed = _first_change(before, now)
        if not self._states:
            self._hold(now, np.empty((len(now), 0)))
        elif (now.generation == before.generation or changed < closed) and self._go_back(changed, now):
            self._follow(changed, now)
        else:
            # What changed may lie before the bars held: the indicators know it all the same.
            self.reload()
        return min(changed, self._live_change(before, derived))

    def _live_change(self, before: BarColumns, derived: NDArray[np.float64]) -> int:
        """Return the ordinal of the first bar at which a live line has another value than before."""
        now = self._columns
        start, end = max(before.first, now.first), min(before.first + len(before), now.first + len(now))
        if not self._live or start >= end:
            return end
        was = derived[start - before.first : end - before.first, self._made :]
        become = self.derived[start - now.first : end - now.first, self._made :]
        differs = ((was != become) & ~(np.isnan(was) & np.isnan(become))).any(axis=1)
        return start + int(np.argmax(differs)) if differs.any() else end

    def _begin_forming(self, row: BarColumns) -> None:
        """Take in the first trade of a bar: a row more."""
        held = self.columns
        joined = [np.append(getattr(held, name), getattr(row, name)) for name in _arrays()]
        cut = max(0, len(joined[0]) - self._limit)
        arrays = [array[cut:] for array in joined]
        peeked = self._peek(_row(row, 0))
        self._hold(
            BarColumns.of(arrays, held.first + cut, held.generation, forming=True),
            np.vstack([self.derived[:, : self._made], peeked[None]])[cut:],
        )

    def _peek(self, row: tuple[Any, ...]) -> NDArray[np.float64]:
        return np.array([value for _, state in self._states for value in state.peek(row).values()])

    def _go_back(self, ordinal: int, now: BarColumns) -> bool:
        """Bring the states to where they were before a bar was taken in; False where that is forgotten."""
        held = self.columns
        if ordinal < max(held.first, now.first) or now.first < held.first:
            return False
        if ordinal >= self.closed_end:
            return ordinal == self.closed_end
        while self._checkpoints and self._checkpoints[-1][0] > ordinal:
            self._checkpoints.pop()
        if not self._checkpoints or self._checkpoints[-1][0] != ordinal:
            return False
        for (_, state), checkpoint in zip(self._states, self._checkpoints.pop()[1], strict=True):
            state.restore(checkpoint)
        return True

    def _follow(self, ordinal: int, now: BarColumns) -> None:
        """Take in the bars from an ordinal on."""
        old = self.derived[now.first - self.columns.first : ordinal - self.columns.first, : self._made]
        made: list[list[float]] = []
        closed = len(now) - now.forming
        for i in range(ordinal - now.first, closed):
            self._checkpoints.append((now.first + i, [state.checkpoint() for _, state in self._states]))
            row = _row(now, i)
            made.append([value for _, state in self._states for value in state.append(row).values()])
        table = np.array(made, dtype=np.float64).reshape(len(made), self._made)
        last = [self._peek(_row(now, closed))[None]] if now.forming else []
        self._hold(now, np.vstack([old, table, *last]))

    def packed(self, ordinal: int) -> bytes:
        """Return the rows from an ordinal on, float64: time (UTC epoch ms), prices, volume, derived lines."""
        newest = self._newest
        if newest is not None and ordinal == self._at[1]:
            # With each tick: an array made of arrays takes longer than all the rest.
            lines = self.derived[-1].tolist() if self.names else ()
            return self._row.pack(newest[0] // 1000 / 1e3, *newest[1:6], *lines)
        held = self.columns
        start = ordinal - held.first
        columns = [held.time_us[start:] / 1e3, *(getattr(held, name)[start:] for name in _COLUMNS[1:])]
        return np.column_stack([*columns, self.derived[start:]]).astype("<f8").tobytes()


def _arrays() -> tuple[str, ...]:
    return ("time_us", "open", "high", "low", "close", "volume", "vwap", "tick_count", "flags")


def _row(columns: BarColumns, i: int) -> tuple[Any, ...]:
    prices = (float(getattr(columns, name)[i]) for name in _COLUMNS[1:])
    return (int(columns.time_us[i]) * 1000, *prices)


def _lookback(indicators: Sequence[Indicator], timeframe: str) -> int:
    """Return how many bars before those shown it takes until an indicator's begin is forgotten."""
    before = max((5 * one.warm_up for one in indicators if one.warm_up > 1), default=0)
    if any(one.name == "vwap" for one in indicators):
        seconds = Timeframe.parse(timeframe).seconds
        before = max(before, _MOST_BEFORE if math.isnan(seconds) else math.ceil(_DAY_SECONDS / seconds))
    return min(before, _MOST_BEFORE)


def _first_change(before: BarColumns, now: BarColumns) -> int:
    """Return the ordinal of the first bar that differs, or the one behind the last closed one before."""
    start = before.first + len(before) - before.forming
    if before.generation == now.generation:
        return start
    if now.first < before.first:
        return now.first - 1
    count = min(before.first + len(before), now.first + len(now)) - now.first
    skip = now.first - before.first
    if count <= 0:
        return now.first - 1
    differs = np.zeros(count, dtype=bool)
    for name in _COLUMNS:
        differs |= getattr(before, name)[skip : skip + count] != getattr(now, name)[:count]
    found = np.flatnonzero(differs)
    return min(start, now.first + int(found[0])) if len(found) else start
