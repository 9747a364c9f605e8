"""Indicators over whole arrays: numpy where the formula allows, one pass of plain Python where it recurs.

Each function takes arrays without gaps, oldest first, and returns arrays of the same length that are
``nan`` until there are enough values. `mdnb.analysis.indicator_state` does the same sums in the same order,
bar by bar, so that both agree to the last bit and a chart does not move when it is drawn anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from mdnb.sessions import DAY_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mdnb.sessions import Sessions

__all__ = [
    "Columns",
    "add",
    "atr",
    "bollinger",
    "day_numbers",
    "ema",
    "macd",
    "merge",
    "moments",
    "rsi",
    "sma",
    "vwap",
]

_NAN = float("nan")
_Number = TypeVar("_Number", float, "NDArray[np.float64]")


class Columns(Protocol):
    """Bars as arrays, oldest first; `mdnb.stores.columns.BarColumns` is one.

    Attributes
    ----------
    time_us
        int64, shape (n,): bar start in UTC epoch microseconds.
    open, high, low, close, volume
        float64, shape (n,).
    forming
        True when the last row is the forming bar.
    """

    @property
    def time_us(self) -> NDArray[np.int64]:
        """Bar starts."""
        ...

    @property
    def open(self) -> NDArray[np.float64]:
        """First prices."""
        ...

    @property
    def high(self) -> NDArray[np.float64]:
        """Highest prices."""
        ...

    @property
    def low(self) -> NDArray[np.float64]:
        """Lowest prices."""
        ...

    @property
    def close(self) -> NDArray[np.float64]:
        """Last prices."""
        ...

    @property
    def volume(self) -> NDArray[np.float64]:
        """Sums of sizes."""
        ...

    @property
    def forming(self) -> bool:
        """Whether the last row may still change."""
        ...


def ema(x: NDArray[np.float64], length: int, alpha: float | None = None) -> NDArray[np.float64]:
    """Return the exponential moving average, seeded with the mean of the first ``length`` values.

    ``e[i] = e[i-1] + alpha (x[i] - e[i-1])`` with ``alpha = 2 / (length + 1)``; ``alpha = 1 / length`` is
    Wilder's smoothing. The seed is TA-Lib's ("classic"); the first value stands at index ``length - 1``.

    Examples
    --------
    >>> ema(np.array([1.0, 2.0, 3.0, 8.0]), 3).tolist()
    [nan, nan, 2.0, 5.0]
    """
    out = np.full(len(x), _NAN)
    if len(x) < length:
        return out
    weight = 2.0 / (length + 1) if alpha is None else alpha
    values = x.tolist()
    value = 0.0
    for count, one in enumerate(values[:length], 1):
        value += (one - value) / count
    made = [value]
    for one in values[length:]:
        value += weight * (one - value)
        made.append(value)
    out[length - 1 :] = made
    return out


def add(count: int, mean: _Number, m2: _Number, x: _Number) -> tuple[_Number, _Number]:
    """Return mean and sum of squared deviations after one more value (Welford 1962).

    Parameters
    ----------
    count
        How many values there are with ``x``.
    mean, m2
        Of those before it; 0 and 0 where there were none.
    """
    step = x - mean
    after = mean + step / count
    return after, m2 + step * (x - after)


def merge(
    count: int, mean: _Number, m2: _Number, other_count: int, other_mean: _Number, other_m2: _Number
) -> tuple[_Number, _Number]:
    """Return mean and sum of squared deviations of two sets together (Chan, Golub and LeVeque 1983)."""
    total = count + other_count
    gap = other_mean - mean
    together = mean + gap * (other_count / total)
    return together, m2 + other_m2 + gap * gap * (count * other_count / total)


def moments(x: NDArray[np.float64], length: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance (of the population) of each ``length`` values.

    The series is cut into blocks of ``length``; a window is the end of one block and the beginning of the
    next. Nothing is ever subtracted from a running sum, so an outlier leaves no trace once it is out of the
    window, and equal values have a variance of exactly 0.

    Examples
    --------
    >>> mean, variance = moments(np.array([1.0, 3.0, 5.0, 5.0]), 2)
    >>> mean.tolist(), variance.tolist()
    ([nan, 2.0, 4.0, 5.0], [nan, 1.0, 1.0, 0.0])
    """
    n = len(x)
    if n < length:
        return np.full(n, _NAN), np.full(n, _NAN)
    blocks = -(-n // length)
    rows = np.full(blocks * length, x[-1])
    rows[:n] = x
    rows = np.ascontiguousarray(rows.reshape(blocks, length).T)  # row j: the j-th value of each block
    mean, m2 = np.full((length, blocks), _NAN), np.full((length, blocks), _NAN)
    ends = np.zeros((length, blocks - 1)), np.zeros((length, blocks - 1))
    part = np.zeros(blocks - 1), np.zeros(blocks - 1)
    for j in range(length - 1, 0, -1):
        part = add(length - j, *part, rows[j, :-1])
        ends[0][j], ends[1][j] = part
    part = np.zeros(blocks), np.zeros(blocks)
    for j in range(length):
        part = add(j + 1, *part, rows[j])
        if j + 1 < length:
            new = part[0][1:], part[1][1:]
            mean[j, 1:], m2[j, 1:] = merge(length - 1 - j, ends[0][j + 1], ends[1][j + 1], j + 1, *new)
    mean[-1], m2[-1] = part
    return mean.T.ravel()[:n], np.maximum(m2.T.ravel()[:n], 0.0) / length


def sma(close: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the mean of the last ``length`` closes."""
    return moments(close, length)[0]


def bollinger(close: NDArray[np.float64], length: int, deviations: float) -> tuple[NDArray[np.float64], ...]:
    """Return upper, middle and lower band (Bollinger 2001).

    The middle is the mean of the last ``length`` closes; the bands lie ``deviations`` standard deviations
    of those closes from it. The deviation is the population's (divided by ``length``), as in the book.
    """
    mean, variance = moments(close, length)
    reach = deviations * np.sqrt(variance)
    return mean + reach, mean, mean - reach


def rsi(close: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the relative strength index, 0 to 100 (Wilder 1978).

    ``100 gain / (gain + loss)``, equal to his ``100 - 100 / (1 + gain / loss)``, of the smoothed gains and
    losses from close to close. Both begin as the mean of the first ``length`` changes, so the first value
    stands at index ``length``. Without any change there is neither gain nor loss: 50.
    """
    change = np.diff(close)
    gain, loss = (ema(np.maximum(one, 0.0), length, 1.0 / length) for one in (change, -change))
    total = gain + loss
    value = np.where(np.isnan(total), _NAN, 50.0)
    np.divide(100.0 * gain, total, out=value, where=total > 0)
    return np.concatenate((np.full(min(1, len(close)), _NAN), value))


def macd(close: NDArray[np.float64], fast: int, slow: int, signal: int) -> tuple[NDArray[np.float64], ...]:
    """Return line, signal and histogram (Appel 1979).

    The line is the fast EMA of the closes minus the slow one, the signal the line's own EMA, the histogram
    line minus signal. Each EMA is seeded with the mean of its own first values, so the line begins at index
    ``slow - 1``, the signal ``signal - 1`` later. (TA-Lib seeds the fast EMA later, to begin with the slow
    one: its first values differ.)
    """
    line = ema(close, fast) - ema(close, slow)
    smooth = np.full(len(close), _NAN)
    smooth[slow - 1 :] = ema(line[slow - 1 :], signal)
    return line, smooth, line - smooth


def atr(
    high: NDArray[np.float64], low: NDArray[np.float64], close: NDArray[np.float64], length: int
) -> NDArray[np.float64]:
    """Return the average true range, in price units (Wilder 1978).

    The true range is the largest of high minus low and the distances of both from the close before; of the
    first bar it is high minus low. Smoothed as Wilder does, seeded with the mean of the first ``length``,
    so the first value stands at index ``length - 1`` (TA-Lib leaves the first bar out and begins one later).
    """
    ranges = high - low
    gaps = np.maximum(np.abs(high[1:] - close[:-1]), np.abs(low[1:] - close[:-1]))
    ranges[1:] = np.maximum(ranges[1:], gaps)
    return ema(ranges, length, 1.0 / length)


def vwap(
    price: NDArray[np.float64], volume: NDArray[np.float64], day: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the volume-weighted mean price since the trading day began (Berkowitz, Logue, Noser 1988).

    Parameters
    ----------
    price
        Of each bar.
    volume
        Not negative. ``nan`` results until there is some.
    day
        int64: a number for each trading day, see `day_numbers`; the mean begins anew where it changes.
    """
    out = np.full(len(price), _NAN)
    now, total, mean = None, 0.0, 0.0
    for i, (one, size, its_day) in enumerate(zip(price.tolist(), volume.tolist(), day.tolist(), strict=True)):
        if its_day != now:
            now, total, mean = its_day, 0.0, 0.0
        if size:
            total += size
            mean += (one - mean) * (size / total)
        if total:
            out[i] = mean
    return out


def day_numbers(
    time_us: NDArray[np.int64], sessions: Sessions
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return a number for the trading day of each instant, and whether it is in a trading day at all.

    Examples
    --------
    >>> from mdnb.sessions import Sessions
    >>> hours = Sessions([0, 20_000], [10_000, 30_000], [0, 1])
    >>> [one.tolist() for one in day_numbers(np.array([0, 9, 10, 25]), hours)]
    [[0, 0, 0, 1], [True, True, False, True]]
    """
    ns = np.asarray(time_us, dtype=np.int64) * 1000
    if sessions.always_open:
        return ns // DAY_NS, np.ones(len(ns), dtype=np.bool_)
    opens, closes, _ = sessions.trading_days()
    at = np.searchsorted(opens, ns, side="right") - 1
    inside = at >= 0
    inside[inside] = ns[inside] < closes[at[inside]]
    return at, inside
