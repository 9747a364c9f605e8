"""Bars of the past: from the plans alone where a bar is whole minutes, from the trades where it is finer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mdnb.feeds.simulator.minute_plan import MINUTE_NS
from mdnb.rows import BarRow
from mdnb.timeframes import Grid, Timeframe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mdnb.feeds.simulator.tape import TradeTape

__all__ = ["closed_bars"]

_PLAN_CHUNK = 20 * 1440
_CHUNK_TRADES = 60_000
"""Made at a time: few enough for the processor's cache, many enough for numpy."""

# start, open, high, low, close, volume, count, turnover: int64 of shape (n,); ticks and lots.
_Columns = list["NDArray[np.int64]"]


def closed_bars(
    tape: TradeTape, timeframe: Timeframe, start_ns: int, end_ns: int, now_ns: int, limit: int
) -> tuple[list[BarRow], bool]:
    """Return bars that start in ``[start_ns, end_ns)`` and are over, and whether there are more.

    Parameters
    ----------
    timeframe
        Any but an activity bar.
    now_ns
        The market's time: a bar that ends later is not over.
    limit
        At most so many.
    """
    grid = Grid(timeframe, tape.market.sessions)
    start_ns = max(start_ns, tape.market.first_minute * MINUTE_NS)
    end_ns = min(end_ns, now_ns)
    if end_ns <= start_ns:
        return [], False
    last = grid.span(end_ns - 1)
    minute, last_minute = start_ns // MINUTE_NS, -(-(last[1] if last else end_ns) // MINUTE_NS)
    whole_minutes = timeframe.step_ns % MINUTE_NS == 0
    chunk = _PLAN_CHUNK
    if not whole_minutes:
        chunk = max(15, round(_CHUNK_TRADES / tape.market.trades_per_minute))
    held: _Columns = [np.empty(0, dtype=np.int64) for _ in range(8)]
    # One bar beyond the limit has begun: so the last one within it is whole.
    while minute < last_minute and np.count_nonzero(held[0] >= start_ns) <= limit:
        until = min(minute + chunk, last_minute)
        part = (_from_plan if whole_minutes else _from_ticks)(tape, grid, minute, until)
        held = _merged([np.concatenate(pair) for pair in zip(held, part, strict=True)])
        minute = until
    first = int(np.searchsorted(held[0], start_ns))
    stop = int(np.searchsorted(held[0], end_ns))
    # Only the last bar can reach beyond now.
    while stop > first and _end(grid, int(held[0][stop - 1])) > now_ns:
        stop -= 1
    more = stop - first > limit or minute < last_minute
    return _rows(tape, [column[first : min(stop, first + limit)] for column in held]), more


def _end(grid: Grid, start_ns: int) -> float:
    held = grid.span(start_ns)
    return held[1] if held else math.inf


def _from_plan(tape: TradeTape, grid: Grid, first_minute: int, last_minute: int) -> _Columns:
    plan = tape.market.plan(first_minute, last_minute)
    starts, _ = grid.starts(plan.minute * MINUTE_NS)
    return [starts, plan.open, plan.high, plan.low, plan.close, plan.volume, plan.count, plan.turnover]


def _from_ticks(tape: TradeTape, grid: Grid, first_minute: int, last_minute: int) -> _Columns:
    ticks = tape.minutes(first_minute, last_minute)
    starts, _ = grid.starts(ticks.ts_ns)
    price, lots = ticks.price, ticks.lots
    return _merged([starts, price, price, price, price, lots, np.ones_like(lots), price * lots])


def _merged(columns: _Columns) -> _Columns:
    """Return one row for each start; the rows of one start lie together, in order of time."""
    starts, opens, highs, lows, closes, *sums = columns
    if not len(starts):
        return columns
    first = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
    last = np.append(first[1:], len(starts)) - 1
    return [
        starts[first],
        opens[first],
        np.maximum.reduceat(highs, first),
        np.minimum.reduceat(lows, first),
        closes[last],
        *(np.add.reduceat(column, first) for column in sums),
    ]


def _rows(tape: TradeTape, columns: _Columns) -> list[BarRow]:
    point, unit = tape.model.ticks_per_point, tape.model.lots_per_unit
    starts, opens, highs, lows, closes, volume, count, turnover = columns
    prices = [(column / point).tolist() for column in (opens, highs, lows, closes)]
    money = (turnover / (point * unit)).tolist()
    return list(zip(starts.tolist(), *prices, (volume / unit).tolist(), count.tolist(), money, strict=True))
