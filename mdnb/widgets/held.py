"""The bars a chart holds, and what is made of them: indicators and Heikin-Ashi, followed bar by bar."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mdnb.analysis.heikin_ashi import HeikinAshi
from mdnb.analysis.indicator_state import IndicatorState
from mdnb.analysis.indicators import Indicator
from mdnb.store.columns import BarColumns
from mdnb.timeframes import Timeframe
from mdnb.widgets.source import BarSource

if TYPE_CHECKING:
    from mdnb.widgets.state import ChartState

__all__ = ["Derived", "HeldBars"]

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
        """Take in a closed bar and return its values."""
        ...

    def peek(self, row: Any) -> dict[str, float]:
        """Return what appending the bar would give."""
        ...

    def rebuild(self, columns: BarColumns) -> dict[str, NDArray[np.float64]]:
        """Take in other bars than before."""
        ...

    def checkpoint(self) -> object:
        """Return what can be gone back to."""
        ...

    def restore(self, checkpoint: Any) -> None:
        """Go back."""
        ...


class HeldBars:
    """The newest bars of a timeframe, with a column for each derived line.

    Parameters
    ----------
    source, timeframe
        Where the bars come from.
    limit
        How many are held.
    indicators
        What is made of them.
    heikin
        Whether their Heikin-Ashi prices are held too.

    Attributes
    ----------
    columns
        The bars.
    derived
        float64, shape (bars, lines): the Heikin-Ashi prices if held, then each indicator's lines in order.
    """

    def __init__(
        self, source: BarSource, timeframe: str, limit: int, indicators: Sequence[Indicator], *, heikin: bool
    ) -> None:
        self._source = source
        self._timeframe = timeframe
        self._limit = limit
        states: list[tuple[str, Derived]] = [("heikin", HeikinAshi())] if heikin else []
        states += [(str(one), IndicatorState(one, source.sessions)) for one in indicators]
        self._states = tuple(states)
        self.names = tuple(f"{name} {line}" for name, state in states for line in state.lines)
        self._before = _lookback(indicators, timeframe)
        # Ordinal of a closed bar, and the states before it was taken in.
        self._checkpoints: deque[tuple[int, list[object]]] = deque(maxlen=_CHECKPOINTS)
        self.columns: BarColumns
        self.derived: NDArray[np.float64]
        self.reload()

    @classmethod
    def of(cls, state: ChartState, limit: int | None = None) -> HeldBars:
        """Return the bars that a chart holds, or so many of the newest."""
        heikin = state.kind == "heikin-ashi"
        count = state.bars if limit is None else limit
        return cls(state.source, state.timeframe, count, state.indicators, heikin=heikin)

    @property
    def end(self) -> int:
        """Ordinal behind the newest bar."""
        return self.columns.first + len(self.columns)

    @property
    def closed_end(self) -> int:
        """Ordinal behind the newest closed bar."""
        return self.end - self.columns.forming

    def column(self, name: str) -> NDArray[np.float64]:
        """Return a derived line."""
        values: NDArray[np.float64] = self.derived[:, self.names.index(name)]
        return values

    def reload(self) -> None:
        """Take everything anew."""
        whole = self._source.columns(self._timeframe, self._limit + self._before)
        start = max(0, len(whole) - self._limit)
        self.columns = whole.part(start, len(whole))
        self._checkpoints.clear()
        parts = [state.rebuild(whole)[line] for _, state in self._states for line in state.lines]
        table = np.column_stack(parts) if parts else np.empty((len(whole), 0))
        self.derived = table[start:]

    def refresh(self, version: tuple[int, int, int]) -> int:
        """Take in what the source has now; return the ordinal of the first bar that differs."""
        before = self.columns
        closed = self.closed_end
        if version[:2] == (before.generation, closed):
            now = self._source.columns(self._timeframe, 1)
            if now.forming and (now.first, now.generation) == (closed, before.generation):
                self._take_forming(now)
                return closed
        now = self._source.columns(self._timeframe, self._limit)
        changed = _first_change(before, now)
        if not self._states:
            self.columns, self.derived = now, np.empty((len(now), 0))
        elif (now.generation == before.generation or changed < closed) and self._go_back(changed, now):
            self._follow(changed, now)
        else:
            # What changed may lie before the bars held: the indicators know it all the same.
            self.reload()
        return changed

    def _take_forming(self, row: BarColumns) -> None:
        held = self.columns
        if not held.forming:
            # The first trade of a bar: the row is new.
            joined = [np.append(getattr(held, name), getattr(row, name)) for name in _arrays()]
            cut = max(0, len(joined[0]) - self._limit)
            self.columns = BarColumns.of(
                [array[cut:] for array in joined], held.first + cut, held.generation, forming=True
            )
            self.derived = np.vstack([self.derived, self._peek(row, 0)[None]])[cut:]
            return
        for name in _arrays():
            getattr(held, name)[-1] = getattr(row, name)[0]
        if self._states:
            self.derived[-1] = self._peek(row, 0)

    def _peek(self, columns: BarColumns, i: int) -> NDArray[np.float64]:
        row = _row(columns, i)
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
        old = self.derived[now.first - self.columns.first : ordinal - self.columns.first]
        made: list[list[float]] = []
        closed = len(now) - now.forming
        for i in range(ordinal - now.first, closed):
            self._checkpoints.append((now.first + i, [state.checkpoint() for _, state in self._states]))
            row = _row(now, i)
            made.append([value for _, state in self._states for value in state.append(row).values()])
        table = np.array(made, dtype=np.float64).reshape(len(made), len(self.names))
        last = [self._peek(now, closed)[None]] if now.forming else []
        self.columns, self.derived = now, np.vstack([old, table, *last])

    def rows(self, ordinal: int) -> NDArray[np.float64]:
        """Return the rows from an ordinal on: time (UTC epoch ms), prices, volume, derived lines."""
        start = ordinal - self.columns.first
        held = self.columns
        columns = [held.time_us[start:] / 1e3, *(getattr(held, name)[start:] for name in _COLUMNS[1:])]
        return np.column_stack([*columns, self.derived[start:]])


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
