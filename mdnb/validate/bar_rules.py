"""Checks of bars, one function each, and `check_bars`, which runs them all.

A check reports and changes nothing. Those of time are in `mdnb.validate.bar_times`, those of unit and splits
in `mdnb.validate.scale_rules`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mdnb.instruments import Instrument
from mdnb.timeframes import Grid
from mdnb.validate import bar_times
from mdnb.validate.centred_outlier_rules import neighbour_rows
from mdnb.validate.findings import Bars, QualityFinding, findings_of, start_ns
from mdnb.validate.scale_rules import check_splits, check_units

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "check_bars",
    "check_consistency",
    "check_finite",
    "check_flat_runs",
    "check_price_spikes",
    "check_ticks",
    "check_volume",
    "check_volume_spikes",
]

_PRICES = ("open", "high", "low", "close")
# How far off a tick a price may be, in ticks: float noise of prices that were scaled.
_TICK_SLACK = 1e-6


def _prices(bars: Bars) -> dict[str, NDArray[np.float64]]:
    return {name: getattr(bars, name) for name in _PRICES}


def check_consistency(bars: Bars) -> list[QualityFinding]:
    """Find bars whose high is not the highest or whose low is not the lowest (``ohlc_inconsistent``)."""
    top = np.maximum(bars.open, bars.close)
    bottom = np.minimum(bars.open, bars.close)
    bad = (bars.high < top) | (bars.low > bottom) | (bars.high < bars.low)
    return findings_of(
        "ohlc_inconsistent", "low <= open, close <= high does not hold", start_ns(bars), bad, _prices(bars)
    )


def check_finite(bars: Bars, positive_prices: bool = True) -> list[QualityFinding]:
    """Find prices that are not finite (``price_not_finite``), zero or negative (``price_not_positive``).

    Parameters
    ----------
    positive_prices
        False where prices may be zero and negative.
    """
    time, prices = start_ns(bars), _prices(bars)
    table = np.column_stack(tuple(prices.values()))
    odd = np.logical_or.reduce(~np.isfinite(table), axis=1)
    low = np.logical_or.reduce(table <= 0, axis=1) & ~odd & positive_prices
    return [
        *findings_of("price_not_finite", "a price is missing or infinite", time, odd, prices),
        *findings_of("price_not_positive", "a price is zero or negative", time, low, prices),
    ]


def check_volume(bars: Bars, whole_lots: bool = False) -> list[QualityFinding]:
    """Find invalid volumes: negative, not finite, or fractions of a lot.

    ``volume_not_finite``, ``volume_negative``, and where the instrument trades whole lots
    ``volume_not_whole``.
    """
    time, volume = start_ns(bars), bars.volume
    finite = np.isfinite(volume)
    values = {"volume": volume}
    broken = finite & (volume != np.rint(volume)) if whole_lots else np.zeros(len(volume), dtype=bool)
    return [
        *findings_of("volume_not_finite", "volume is missing or infinite", time, ~finite, values),
        *findings_of("volume_negative", "volume is negative", time, finite & (volume < 0), values),
        *findings_of("volume_not_whole", "volume is not a whole number of lots", time, broken, values),
    ]


def check_ticks(bars: Bars, tick_size: float) -> list[QualityFinding]:
    """Find prices that are no multiple of the tick size (``price_off_tick``), but for rounding."""
    table = np.column_stack(tuple(_prices(bars).values())) / tick_size
    finite = np.isfinite(table)
    off = np.abs(table - np.rint(table, where=finite, out=np.zeros_like(table)))
    # A price of many ticks cannot be nearer to a multiple than its own last bits.
    slack = np.maximum(_TICK_SLACK, np.abs(table) * 4 * np.finfo(float).eps)
    bad = np.logical_or.reduce(finite & (off > slack), axis=1)
    return findings_of(
        "price_off_tick", f"a price is no multiple of {tick_size:g}", start_ns(bars), bad, _prices(bars)
    )


def check_price_spikes(
    bars: Bars, tick_size: float | None = None, window: int = 50, limit: float = 10.0
) -> list[QualityFinding]:
    """Find bars whose high or low lies far off the bars around them (``price_spike``).

    Far is more than ``limit`` times the larger of mean absolute deviation of the closes around, median range
    of the bars around, and half a tick, measured from the nearest of three medians of closes: around, before
    and after (so that the first bar after a true jump is none).

    Parameters
    ----------
    window
        Bars around, half before and half after.
    """
    mask = np.zeros(len(bars.close), dtype=bool)
    good = np.flatnonzero(np.isfinite(bars.high) & np.isfinite(bars.low) & np.isfinite(bars.close))
    high, low, close = bars.high[good], bars.low[good], bars.close[good]
    off = np.zeros(len(good))
    if len(good) > window // 2:
        for rows, near in neighbour_rows(len(good), window):
            around = close[near]
            middle = np.median(around, axis=1)
            scale = np.maximum(
                np.abs(around - middle[:, None]).mean(axis=1), np.median((high - low)[near], axis=1)
            )
            half = near.shape[1] // 2
            nearest = np.full(len(middle), np.inf)
            for level in (middle, np.median(around[:, :half], axis=1), np.median(around[:, half:], axis=1)):
                nearest = np.minimum(nearest, np.maximum(high[rows] - level, level - low[rows]))
            floor = (tick_size or 0.0) / 2
            excess = nearest > limit * np.maximum(scale, floor)
            mask[good[rows]] = excess
            off[rows] = nearest
    shown = np.full(len(bars.close), np.nan)
    shown[good] = off
    return findings_of(
        "price_spike",
        "high or low is far off the bars around it",
        start_ns(bars),
        mask,
        {"off": shown, **_prices(bars)},
    )


def check_volume_spikes(bars: Bars, window: int = 50, limit: float = 6.0) -> list[QualityFinding]:
    """Find bars with far more volume than those around (``volume_spike``).

    Volumes spread over orders of magnitude, so it is their logarithms that are compared: more than ``limit``
    mean absolute deviations (of at least a factor of two) above the median of the bars around. Bars without
    volume count neither way.
    """
    mask = np.zeros(len(bars.volume), dtype=bool)
    times = np.full(len(bars.volume), np.nan)
    traded = np.flatnonzero(np.isfinite(bars.volume) & (bars.volume > 0))
    logs = np.log(bars.volume[traded])
    if len(traded) > window // 2:
        for rows, near in neighbour_rows(len(traded), window):
            around = logs[near]
            middle = np.median(around, axis=1)
            scale = np.maximum(np.abs(around - middle[:, None]).mean(axis=1), np.log(2.0))
            mask[traded[rows]] = logs[rows] - middle > limit * scale
            times[traded[rows]] = np.exp(np.minimum(logs[rows] - middle, 700.0))
    return findings_of(
        "volume_spike",
        "volume is far above that of the bars around it",
        start_ns(bars),
        mask,
        {"volume": bars.volume, "times_median": times},
    )


def check_flat_runs(bars: Bars, at_least: int = 30) -> list[QualityFinding]:
    """Find runs of bars in which no price moved (``flat_run``): a frozen feed.

    Counted are successive bars whose four prices all equal the close before them, ``at_least`` of them.
    """
    before = np.concatenate((bars.close[:1] * np.nan, bars.close[:-1]))
    flat = np.ones(len(before), dtype=bool)
    for column in _prices(bars).values():
        flat &= column == before
    found = findings_of(
        "flat_run", "no price moved", start_ns(bars), flat, {"close": bars.close, "volume": bars.volume}
    )
    return [one for one in found if one.count >= at_least]


def check_bars(
    bars: Bars,
    grid: Grid | None = None,
    instrument: Instrument | None = None,
    now_ns: int | None = None,
    children: Bars | None = None,
    child_grid: Grid | None = None,
    stamps: Any = None,
) -> list[QualityFinding]:
    """Run every check that what is given allows.

    Parameters
    ----------
    bars
        Bars as columns, in the order of their source.
    grid
        Their timeframe under the venue's sessions: start times and gaps are checked.
    instrument
        Its tick size and whole lots are checked where known. Where its prices may be zero and negative,
        they are, and their unit and splits, which are told by ratios, are not looked for.
    now_ns
        UTC epoch nanoseconds; bars that start later are from the future.
    children, child_grid
        Bars of a finer timeframe: the bars must be what these add up to.
    stamps
        The time stamps as the source had them: they must know their zone.

    Returns
    -------
    list of QualityFinding
        By time, then by type. Empty where nothing is wrong.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> bars = SimpleNamespace(
    ...     time_us=np.array([0, 60_000_000]),
    ...     open=np.array([1.0, 2.0]),
    ...     high=np.array([2.0, 1.0]),
    ...     low=np.array([1.0, 1.0]),
    ...     close=np.array([2.0, 1.0]),
    ...     volume=np.array([5.0, -1.0]),
    ... )
    >>> for finding in check_bars(bars):
    ...     print(finding)
    ohlc_inconsistent at 1970-01-01 00:01:00+00:00: low <= open, close <= high does not hold
    volume_negative at 1970-01-01 00:01:00+00:00: volume is negative
    """
    tick = None if instrument is None else instrument.tick_size
    positive = instrument is None or instrument.positive_prices
    found = [
        *check_consistency(bars),
        *check_finite(bars, positive),
        *check_volume(bars, instrument is not None and instrument.whole_lots),
        *check_price_spikes(bars, tick),
        *check_volume_spikes(bars),
        *check_flat_runs(bars),
        *(check_units(bars) + check_splits(bars) if positive else ()),
        *bar_times.check_order(bars),
        *bar_times.check_duplicates(bars),
    ]
    if tick:
        found += check_ticks(bars, tick)
    if grid is not None:
        found += bar_times.check_grid(bars, grid) + bar_times.check_gaps(bars, grid, children)
        if children is not None and child_grid is not None:
            found += bar_times.check_children(bars, grid, children, child_grid)
    if now_ns is not None:
        found += bar_times.check_future(bars, now_ns)
    if stamps is not None:
        found += bar_times.check_zone(stamps)
    return sorted(found, key=lambda one: (one.time_ns, one.type))
