"""Indicators bar by bar: each new value in constant time, from a small running state.

What is kept is never changed, only replaced: the forming bar is tried on it and the result thrown away, and
the newest bar can be taken back. The sums are those of `mdnb.analysis.indicator_bulk`, in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mdnb.analysis.indicator_bulk import Columns, add, merge
from mdnb.analysis.indicators import Indicator
from mdnb.errors import NoDataError, OptionError
from mdnb.sessions import Sessions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mdnb.types import Bar

    Given = Bar | tuple[int, float, float, float, float, float, *tuple[Any, ...]]

__all__ = ["IndicatorState"]

_NAN = math.nan
# Start of the bar in UTC epoch nanoseconds, open, high, low, close, volume.
_Row = tuple[int, float, float, float, float, float]
_Values = tuple[float, ...]
# What was kept and a bar make what is kept next and the bar's values.
_Step = Callable[[Any, _Row], tuple[Any, _Values]]


class IndicatorState:
    """An indicator that follows a live series of bars.

    Parameters
    ----------
    indicator
        An `Indicator`, or a text that it understands.
    sessions
        Where ``vwap`` begins anew. Default: at midnight UTC.

    Attributes
    ----------
    indicator, sessions
        As given.
    bars
        How many closed bars it has seen.

    Raises
    ------
    OptionError
        When the indicator is not understood.

    Notes
    -----
    Bars are `mdnb.types.Bar` records or rows that begin with start (UTC epoch nanoseconds), open, high,
    low, close and volume. Values come as a dictionary with one float for each of the indicator's lines,
    ``nan`` until there are enough bars, and equal those of `Indicator.of` to the last bit.

    Appending takes constant time but for ``sma`` and ``bollinger``, where once in ``length`` bars there
    are ``length`` steps to do.

    Examples
    --------
    >>> state = IndicatorState("sma(2)")
    >>> [state.append((i * 60_000_000_000, 1.0, 6.0, 1.0, close, 1.0))["sma"] for i, close in
    ...     enumerate((1.0, 2.0))]
    [nan, 1.5]
    >>> state.peek((120_000_000_000, 2.0, 6.0, 2.0, 6.0, 1.0)), state.bars
    ({'sma': 4.0}, 2)
    """

    __slots__ = ("_before", "_kept", "_lines", "_start", "_step", "_time_ns", "bars", "indicator", "sessions")

    def __init__(self, indicator: Indicator | str, sessions: Sessions | None = None) -> None:
        self.indicator = Indicator.parse(indicator)
        self.sessions = Sessions.always() if sessions is None else sessions
        self._lines = self.indicator.lines
        self._reset()

    def _reset(self) -> None:
        self._start, self._step = _steps(self.indicator, self.sessions)
        self._kept = self._before = self._start
        self._time_ns: int | None = None
        self.bars = 0

    def append(self, bar: Given) -> dict[str, float]:
        """Append a closed bar and return the indicator's values at it.

        Raises
        ------
        OptionError
            When it starts before the newest one taken in.
        """
        row = _row(bar)
        if self._time_ns is not None and row[0] < self._time_ns:
            raise OptionError(
                f"bars are appended oldest first; got one that starts at {row[0]} ns after one at "
                f"{self._time_ns} ns. Where history changed call rebuild(columns)"
            )
        kept, values = self._step(self._kept, row)
        self._before, self._kept, self._time_ns = self._kept, kept, row[0]
        self.bars += 1
        return dict(zip(self._lines, values, strict=True))

    def peek(self, bar: Given) -> dict[str, float]:
        """Return the values that appending the bar would give, and change nothing."""
        return dict(zip(self._lines, self._step(self._kept, _row(bar))[1], strict=True))

    def amend(self, bar: Given) -> dict[str, float]:
        """Replace the newest closed bar, such as after a late trade, and return its values.

        Raises
        ------
        NoDataError
            When no bar was taken in yet.
        OptionError
            When the bar does not start where the newest one does.
        """
        row = _row(bar)
        if self._time_ns is None:
            raise NoDataError("there is no bar to amend; append one first")
        if row[0] != self._time_ns:
            raise OptionError(
                f"only the newest bar can be amended, which starts at {self._time_ns} ns; got one at "
                f"{row[0]} ns. For others call rebuild(columns)"
            )
        self._kept, values = self._step(self._before, row)
        return dict(zip(self._lines, values, strict=True))

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the indicator's series."""
        return self._lines

    def checkpoint(self) -> object:
        """Return a checkpoint for `restore`; cheap, since the state is immutable.

        Examples
        --------
        >>> state = IndicatorState("sma(1)")
        >>> held = state.checkpoint()
        >>> state.append((0, 1.0, 1.0, 1.0, 1.0, 1.0)), state.bars
        ({'sma': 1.0}, 1)
        >>> state.restore(held)
        >>> state.bars
        0
        """
        return self._before, self._kept, self._time_ns, self.bars

    def restore(self, checkpoint: Any) -> None:
        """Go back to a checkpoint of this state; bars appended since are dropped."""
        self._before, self._kept, self._time_ns, self.bars = checkpoint

    def rebuild(self, columns: Columns, *, cut: bool = False) -> dict[str, NDArray[np.float64]]:
        """Start over with the bars of the columns, such as after history changed.

        Parameters
        ----------
        columns
            Bars, oldest first. A forming one (`Columns.forming`) is not taken in.
        cut
            Whether bars of the first one's trading day are missing before it: it has no ``vwap`` then.

        Returns
        -------
        dict of str to NDArray[np.float64]
            For each line the values at each row; at a forming bar what `peek` gives.

        Raises
        ------
        OptionError
            When the arrays are not of one length; the state is as before then.
        """
        held = [columns.open, columns.high, columns.low, columns.close, columns.volume]
        if {len(array) for array in held} != {len(columns.time_us)}:
            lengths = [len(columns.time_us), *map(len, held)]
            raise OptionError(f"the columns must be of one length; got {lengths}")
        self._reset()
        starts = (np.asarray(columns.time_us, dtype=np.int64) * 1000).tolist()
        rows = list(zip(starts, *(np.asarray(one, dtype=np.float64).tolist() for one in held), strict=True))
        closed = len(rows) - bool(columns.forming and rows)
        step, kept = self._step, self._kept
        if cut and rows and self.indicator.name == "vwap":
            day = self.sessions.day_span(rows[0][0])
            # What is added to no number is none, until the next day begins.
            kept = self._start if day is None else (*day, _NAN, _NAN)
        made: list[_Values] = []
        for row in rows[:closed]:
            self._before = kept
            kept, values = step(kept, row)
            made.append(values)
        self._kept, self.bars = kept, closed
        self._time_ns = rows[closed - 1][0] if closed else None
        made += [step(kept, row)[1] for row in rows[closed:]]
        table = np.array(made, dtype=np.float64).reshape(len(rows), len(self._lines))
        return {name: table[:, i].copy() for i, name in enumerate(self._lines)}

    def __repr__(self) -> str:
        return f"IndicatorState({self.indicator}, {self.bars} bars)"


def _row(bar: Given) -> _Row:
    if isinstance(bar, tuple):
        return bar[:6]
    return bar.time_ns, bar.open, bar.high, bar.low, bar.close, float(bar.volume)


# Smoothing. Kept: how many values there were (at most `length`), and their mean or average.

_Average = tuple[int, float]
_EMPTY: _Average = (0, 0.0)


def _smoothed(kept: _Average, x: float, length: int, alpha: float) -> _Average:
    count, value = kept
    if count < length:
        count += 1
        return count, value + (x - value) / count
    return count, value + alpha * (x - value)


def _ema(length: int) -> tuple[Any, _Step]:
    alpha = 2.0 / (length + 1)

    def step(kept: _Average, row: _Row) -> tuple[_Average, _Values]:
        if not math.isfinite(row[4]):
            return kept, (_NAN,)
        kept = _smoothed(kept, row[4], length, alpha)
        return kept, (kept[1] if kept[0] == length else _NAN,)

    return _EMPTY, step


def _macd(fast: int, slow: int, signal: int) -> tuple[Any, _Step]:
    of_fast, of_slow, of_signal = (2.0 / (length + 1) for length in (fast, slow, signal))
    nothing = (_NAN, _NAN, _NAN)

    def step(kept: tuple[_Average, ...], row: _Row) -> tuple[tuple[_Average, ...], _Values]:
        close = row[4]
        if not math.isfinite(close):
            return kept, nothing
        quick, slack = _smoothed(kept[0], close, fast, of_fast), _smoothed(kept[1], close, slow, of_slow)
        if slack[0] < slow:
            return (quick, slack, kept[2]), nothing
        line = quick[1] - slack[1]
        smooth = _smoothed(kept[2], line, signal, of_signal)
        if smooth[0] < signal:
            return (quick, slack, smooth), (line, _NAN, _NAN)
        return (quick, slack, smooth), (line, smooth[1], line - smooth[1])

    return (_EMPTY, _EMPTY, _EMPTY), step


def _rsi(length: int) -> tuple[Any, _Step]:
    alpha = 1.0 / length

    def step(kept: tuple[float | None, _Average, _Average], row: _Row) -> tuple[Any, _Values]:
        before, gain, loss = kept
        close = row[4]
        if not math.isfinite(close):
            return kept, (_NAN,)
        if before is None:
            return (close, gain, loss), (_NAN,)
        change = close - before
        gain = _smoothed(gain, max(change, 0.0), length, alpha)
        loss = _smoothed(loss, max(-change, 0.0), length, alpha)
        kept = (close, gain, loss)
        if gain[0] < length:
            return kept, (_NAN,)
        total = gain[1] + loss[1]
        return kept, (100.0 * gain[1] / total if total > 0 else 50.0,)

    return (None, _EMPTY, _EMPTY), step


def _atr(length: int) -> tuple[Any, _Step]:
    alpha = 1.0 / length

    def step(kept: tuple[float | None, _Average], row: _Row) -> tuple[Any, _Values]:
        before, average = kept
        _, _, high, low, close, _ = row
        if not (math.isfinite(high) and math.isfinite(low) and math.isfinite(close)):
            return kept, (_NAN,)
        reach = high - low
        if before is not None:
            reach = max(reach, abs(high - before), abs(low - before))
        average = _smoothed(average, reach, length, alpha)
        return (close, average), (average[1] if average[0] == length else _NAN,)

    return (None, _EMPTY), step


# Windows. Kept: the ends of the block before (mean and squares of its last 1, 2.. values), and of the block
# being filled how many values, their mean and squares, and the values, linked from the newest.

_Ends = tuple[tuple[float, float], ...]
_Linked = tuple[float, Any] | None


def _ends(linked: _Linked) -> _Ends:
    """Return mean and squared deviations of the newest, the two newest.. values of a block."""
    made: list[tuple[float, float]] = []
    mean = m2 = 0.0
    while linked is not None:
        x, linked = linked
        mean, m2 = add(len(made) + 1, mean, m2, x)
        made.append((mean, m2))
    return tuple(made)


def _bands(length: int, deviations: float | None = None) -> tuple[Any, _Step]:
    nothing = (_NAN,) if deviations is None else (_NAN, _NAN, _NAN)

    def step(kept: tuple[_Ends, int, float, float, _Linked], row: _Row) -> tuple[Any, _Values]:
        ends, count, mean, m2, linked = kept
        close = row[4]
        if not math.isfinite(close):
            return kept, nothing
        count += 1
        mean, m2 = add(count, mean, m2, close)
        linked = (close, linked)
        if count == length:
            kept = (_ends(linked), 0, 0.0, 0.0, None)
        else:
            kept = (ends, count, mean, m2, linked)
            if not ends:
                return kept, nothing
            left = length - count
            mean, m2 = merge(left, *ends[left - 1], count, mean, m2)
        if deviations is None:
            return kept, (mean,)
        reach = deviations * math.sqrt(max(m2, 0.0) / length)
        return kept, (mean + reach, mean, mean - reach)

    return ((), 0, 0.0, 0.0, None), step


# Volume.


def _vwap(sessions: Sessions) -> tuple[Any, _Step]:
    def step(kept: tuple[int, int, float, float], row: _Row) -> tuple[Any, _Values]:
        start, end, total, mean = kept
        at, _, high, low, close, volume = row
        if not (
            math.isfinite(high) and math.isfinite(low) and math.isfinite(close) and 0 <= volume < math.inf
        ):
            return kept, (_NAN,)
        if not start <= at < end:
            day = sessions.day_span(at)
            if day is None:
                return kept, (_NAN,)
            start, end = day
            total = mean = 0.0
        if volume:
            total += volume
            mean += ((high + low + close) / 3.0 - mean) * (volume / total)
        return (start, end, total, mean), (mean if total else _NAN,)

    return (0, 0, 0.0, 0.0), step


def _delta() -> tuple[Any, _Step]:
    def step(kept: Any, row: _Row) -> tuple[Any, _Values]:
        _, start, _, _, close, volume = row
        if not (math.isfinite(start) and math.isfinite(close) and math.isfinite(volume)):
            return kept, (_NAN,)
        return kept, (volume if close > start else -volume if close < start else 0.0,)

    return None, step


_STEPS: dict[str, Callable[..., tuple[Any, _Step]]] = {
    "sma": _bands,
    "ema": _ema,
    "bollinger": _bands,
    "rsi": _rsi,
    "macd": _macd,
    "atr": _atr,
    "delta": _delta,
}


def _steps(indicator: Indicator, sessions: Sessions) -> tuple[Any, _Step]:
    """Return what is kept before the first bar, and the step that replaces it."""
    if indicator.name == "vwap":
        return _vwap(sessions)
    return _STEPS[indicator.name](*indicator.parameters)
