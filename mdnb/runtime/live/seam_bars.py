"""Bars of two contracts in a series that is shifted by its seams: of each the part before a seam alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.stores.ticks import counts_in_full
from mdnb.timeframes import Timeframe
from mdnb.types import Roll

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["shift_seam_bars"]

_FIELDS = ("open", "high", "low", "close")
_NO_LIMIT = 2**63 - 1


def shift_seam_bars(
    engine: SymbolState,
    timeframe: str,
    plain: pd.DataFrame,
    shifted: pd.DataFrame,
    rolls: Sequence[Roll],
    how: Literal["difference", "ratio"],
) -> None:
    """Shift bars in which a seam lies as their parts are to be, in place; hold the symbol's lock.

    They are made anew of their ticks. Where these have left memory, a price that is nearer to what the next
    contract was worth than to what the former one was is taken for one of the next; tick, volume and dollar
    bars are then left as they are.

    Parameters
    ----------
    engine, timeframe
        Has the ticks, and of which bars.
    plain, shifted
        Prices as they were traded, and shifted as those of the bars' beginnings.
    rolls
        The seams, oldest first, all of them with prices.
    """
    times = plain.index.as_unit("ns").asi8  # type: ignore[attr-defined]  # the index of bars is of times
    nexts = np.append(times[1:], _NO_LIMIT)
    name = Timeframe.parse(timeframe).name
    grid = engine.grid(name) if name in engine.all_names() else None
    for row in sorted({int(np.searchsorted(times, roll.time_ns)) - 1 for roll in rolls}):
        start, end = int(times[row]), int(nexts[row])
        if grid is not None and (span := grid.span(start)) is not None:
            end = span[1]
        inside = [roll for roll in rolls if row >= 0 and start < roll.time_ns < end]
        if not inside:
            continue
        was = tuple(float(plain[name].iloc[row]) for name in _FIELDS)
        made = _of_ticks(engine, was, start, end, rolls, how)
        if made is None and grid is not None:
            made = _of_nearness(was, inside, [roll for roll in rolls if roll.time_ns >= end], how)
        for field, value in zip((*_FIELDS, "vwap"), made or (), strict=False):
            if field in shifted:
                shifted.iat[row, list(shifted.columns).index(field)] = value


def _of_ticks(
    engine: SymbolState,
    was: tuple[float, ...],
    start_ns: int,
    end_ns: int,
    rolls: Sequence[Roll],
    how: Literal["difference", "ratio"],
) -> tuple[float, ...] | None:
    """Return a bar's prices of its ticks, each shifted by the seams behind it; None where some are gone."""
    if not engine.config.enable_tick_data or not engine.ticks.reaches(start_ns):
        return None
    held = engine.ticks.between(start_ns, end_ns)
    held = held[counts_in_full(held["flag"])]
    if not len(held) or _prices(held["price"]) != was:
        return None
    prices = held["price"].copy()
    for roll in rolls:
        before = held["ts_ns"] < roll.time_ns
        prices[before] = _shift(prices[before], roll, how)
    size = held["size"]
    vwap = float((prices * size).sum() / size.sum()) if size.sum() > 0 else float("nan")
    return (*_prices(prices), vwap)


def _prices(prices: NDArray[np.float64]) -> tuple[float, ...]:
    return float(prices[0]), float(prices.max()), float(prices.min()), float(prices[-1])


def _of_nearness(
    was: Sequence[float], inside: Sequence[Roll], later: Sequence[Roll], how: Literal["difference", "ratio"]
) -> tuple[float, ...]:
    made = []
    for price in was:
        value = np.array([price])
        for roll in inside:
            if abs(price - roll.old_price) <= abs(price - roll.new_price):
                value = _shift(value, roll, how)
        for roll in later:
            value = _shift(value, roll, how)
        made.append(float(value[0]))
    return made[0], max(made), min(made), made[-1]


def _shift(
    prices: NDArray[np.float64], roll: Roll, how: Literal["difference", "ratio"]
) -> NDArray[np.float64]:
    return prices + roll.difference if how == "difference" else prices * roll.ratio
