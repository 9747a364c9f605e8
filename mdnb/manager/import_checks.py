"""Checks of bars before they are imported: on the grid, inside sessions, valid prices, no outliers."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from mdnb.errors import DataImportError
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import DAY_NS
from mdnb.stores.columns import BarColumns
from mdnb.timeframes import Grid, Timeframe
from mdnb.types import timestamp
from mdnb.validate.centred_outlier_rules import keep_near_mids
from mdnb.validate.findings import QualityFinding
from mdnb.validate.live_checks import bar_faults

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_to_grid", "leave_out_impossible", "leave_out_outliers", "leave_out_uncountable"]

_SHOWN = 3
_NOISE_ULPS = 8
_NS = 1_000_000_000
_SECONDS_A_MINUTE = 60
_MOST_TRADES = 2**32
"""More than a bar's count of trades can hold."""


def fit_to_grid(
    engine: SymbolState, name: str, columns: BarColumns, where: str, *, may_be_off: bool = False
) -> tuple[BarColumns, list[QualityFinding]]:
    """Return the bars inside sessions, and a finding for those outside.

    Parameters
    ----------
    may_be_off
        Whether bars may begin between those of the grid, each less than a bar after the one before and fewer
        than the others: as where an exchange has a break of a quarter of an hour at 10:15.

    Raises
    ------
    DataImportError
        When the bars are of another timeframe: off its grid, or a multiple of it apart.
    """
    grid = engine.grid(name)
    if grid is None or not len(columns):
        return columns, []
    time = columns.time_us * 1000
    starts, inside = grid.starts(time)
    off = inside & (starts != time)
    if off.any() and not (may_be_off and _are_after_breaks(time, off, grid.timeframe.step_ns)):
        shown = ", ".join(timestamp(int(at), engine.tz).isoformat() for at in time[off][:_SHOWN])
        raise DataImportError(
            f"{where}: {int(off.sum()):,} of {len(columns):,} bars do not start where {name} bars of"
            f" {engine.symbol} do ({shown}). {_how_to_load(grid, time, starts)}"
        )
    step = grid.timeframe.step_ns
    steps = np.diff(time[~off] if off.any() else time)
    # One step of a bar shows that they are no multiples of it, which the common divisor finds out slowly.
    apart = int(np.gcd.reduce(steps)) if len(time) > _SHOWN and not (steps == step).any() else 0
    if step and apart > step:
        raise DataImportError(
            f"{where}: its bars are {apart / 1e9:g} s apart or multiples of that, not {name};"
            " import them into the timeframe they are of."
        )
    if inside.all():
        return columns, []
    count, first = int(np.count_nonzero(~inside)), int(time[~inside][0])
    finding = QualityFinding("session_closed", "starts while the venue is closed", first, {}, count)
    return columns.where(inside), [finding]


def _are_after_breaks(time: NDArray[np.int64], off: NDArray[np.bool_], step: int) -> bool:
    """Whether the file's own spacing explains bars off the grid: a bar before each was cut short."""
    if not step or 2 * np.count_nonzero(off) > len(time):
        return False
    before = np.diff(time, prepend=time[0] - step)
    first = off & np.concatenate(([True], ~off[:-1]))
    return bool((before[first] < step).all())


def _how_to_load(grid: Grid, time: NDArray[np.int64], starts: NDArray[np.int64]) -> str:
    """Return what to do with bars that begin elsewhere than those of a market do."""
    step = grid.timeframe.step_ns
    rests = (time - starts)[time != starts]
    of_size = step > 0 and 2 * np.count_nonzero(np.diff(time) == step) > len(time) - 1 > 0
    if not of_size or 2 * len(rests) < len(time):
        return "Is it another timeframe, or are the times in another zone (tz=)?"
    apart_s = math.gcd(step, *rests.tolist()) // _NS
    how = "mdnb.read() gives them as a frame, and replay:PATH?calendar= plays them by a venue's hours."
    if apart_s >= _SECONDS_A_MINUTE:
        finer = Timeframe.parse(f"{apart_s}sec").name
        made = f"{grid.timeframe} bars are made of {finer} or finer bars"
        how = f"Load finer ones instead: {made}. {how}"
    return (
        f"They are {grid.timeframe} bars by other hours than this market's. {how} Or are the times in another"
        " zone (tz=)?"
    )


def leave_out_impossible(
    columns: BarColumns, *, positive_prices: bool
) -> tuple[BarColumns, list[QualityFinding]]:
    """Return the valid bars, and a finding for each invalid one.

    A high or low that misses open or close by the last bits of a float is widened to it: prices that were
    scaled or adjusted are so.
    """
    top = np.maximum(columns.open, columns.close)
    bottom = np.minimum(columns.open, columns.close)
    good = (columns.high >= top) & (columns.low <= bottom)
    if not good.all():
        columns = _widened(columns, top, bottom)
        good = (columns.high >= top) & (columns.low <= bottom)
    good &= columns.volume >= 0
    good &= np.isfinite(columns.high) & np.isfinite(columns.low) & np.isfinite(columns.volume)
    if positive_prices:
        good &= columns.low > 0
    found = []
    for at in np.flatnonzero(~good).tolist():
        prices = (columns.open, columns.high, columns.low, columns.close, columns.volume)
        o, h, low, c, v = (float(column[at]) for column in prices)
        time_ns = int(columns.time_us[at]) * 1000
        row = time_ns, o, h, low, c, v, 0, math.nan
        kind = bar_faults(row, positive_prices=positive_prices) or "ohlc_inconsistent"
        values = {"open": o, "high": h, "low": low, "close": c, "volume": v}
        found.append(QualityFinding(kind, f"a bar was refused: {kind}", time_ns, values))
    return (columns if good.all() else columns.where(good)), found


def leave_out_uncountable(columns: BarColumns) -> tuple[BarColumns, list[QualityFinding]]:
    """Return the bars whose trades a bar can count, and a finding of the others."""
    good = columns.tick_count < _MOST_TRADES
    if good.all():
        return columns, []
    first, count = int(columns.time_us[np.argmin(good)]) * 1000, int(np.count_nonzero(~good))
    text = f"a bar counts up to {_MOST_TRADES - 1:,} trades"
    return columns.where(good), [QualityFinding("too_many_trades", text, first, {}, count)]


def _widened(columns: BarColumns, top: NDArray[np.float64], bottom: NDArray[np.float64]) -> BarColumns:
    slack = _NOISE_ULPS * np.spacing(np.maximum(np.abs(top), np.abs(bottom)))
    above = (columns.high < top) & (columns.high >= top - slack)
    below = (columns.low > bottom) & (columns.low <= bottom + slack)
    if not (above | below).any():
        return columns
    high, low = np.where(above, top, columns.high), np.where(below, bottom, columns.low)
    return dataclasses.replace(columns, high=high, low=low)


def leave_out_outliers(
    engine: SymbolState, name: str, columns: BarColumns
) -> tuple[BarColumns, list[QualityFinding]]:
    """Return the bars without outliers, and a finding for each outlier.

    Each of the four prices is judged by rule Q4 of Barndorff-Nielsen, Hansen, Lunde and Shephard (2009), with
    the 50 bars around and 10 mean absolute deviations, within a trading day for intraday bars. Half a tick is
    the least deviation, so that a market that hardly moved does not make an outlier of its next tick.
    """
    days = _days(engine, name, columns.time_us * 1000)
    keep = np.ones(len(columns), dtype=bool)
    for price in (columns.open, columns.high, columns.low, columns.close):
        keep &= keep_near_mids(price, price, days)
    tick = engine.instrument.tick_size or 0.0
    out = np.flatnonzero(~keep)
    if len(out) and tick:
        near = np.median(
            columns.close[np.clip(out[:, None] + np.arange(-25, 26), 0, len(columns) - 1)], axis=1
        )
        far = np.maximum(np.abs(columns.high[out] - near), np.abs(columns.low[out] - near))
        keep[out[far <= 10 * tick / 2]] = True
        out = np.flatnonzero(~keep)
    found = [
        QualityFinding(
            "price_outlier",
            "far off the bars around it: left out",
            int(columns.time_us[at]) * 1000,
            {"high": float(columns.high[at]), "low": float(columns.low[at])},
        )
        for at in out.tolist()
    ]
    return (columns.where(keep) if found else columns), found


def _days(engine: SymbolState, name: str, time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the trading day of each bar; one and the same for timeframes of a day and more."""
    grid = engine.grid(name)
    if grid is None or grid.timeframe.step_ns == 0:
        return np.zeros(len(time_ns), dtype=np.int64)
    if engine.sessions.always_open:
        return time_ns // DAY_NS
    opens, _, days = engine.sessions.trading_days()
    return days[np.clip(np.searchsorted(opens, time_ns, side="right") - 1, 0, None)]
