"""Prices, volumes and counts of a table of bars, with the unit of its prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa

from mdnb.io.notes import Note, note, refuse
from mdnb.io.recognise.given import Given
from mdnb.io.recognise.numbers import Style, style_of, to_numbers
from mdnb.io.recognise.roles import BAR_PRICES
from mdnb.io.recognise.table import Table
from mdnb.io.recognise.vendors import LEAN, UNKNOWN, Vendor

__all__ = ["numbers_of", "scaled", "values_of"]

_READ: Final = (*BAR_PRICES, "volume", "tick_volume", "tick_count", "vwap")


def numbers_of(
    table: Table, places: Mapping[str, int], names: tuple[str, ...], vendor: Vendor, given: Given, where: str
) -> tuple[dict[str, np.ndarray], Style]:
    """Return those of the named columns that are there as float64, and how they are written."""
    columns = {name: table.column(places[name]) for name in names if name in places}
    columns = {
        name: column.cast(pa.string()) if pa.types.is_null(column.type) else column
        for name, column in columns.items()
    }
    may_be_european = table.commas_are_free and vendor == UNKNOWN
    style = style_of(columns, given.decimal, where, may_be_european=may_be_european)
    return to_numbers(columns, style, where), style


def values_of(
    table: Table, places: dict[str, int], vendor: Vendor, given: Given, where: str
) -> tuple[dict[str, np.ndarray], Style, list[Note]]:
    """Return the columns of bars as float64, how they are written, and what was assumed.

    Raises
    ------
    DataImportError
        A cell is no number, or the unit of the prices cannot be known.
    """
    values, style = numbers_of(table, places, _READ, vendor, given, where)
    notes: list[Note] = []
    ticks = values.pop("tick_volume", None)
    if ticks is not None and _is_mostly_nought(values.get("volume"), ticks):
        if "volume" in values:
            text = "the volume is nought in most rows; the tick volume was taken for it in all"
            notes.append(note("tick_volume", text, count=len(ticks)))
        values["volume"] = ticks
        places["volume"] = places["tick_volume"]
    scale = given.price_scale
    if scale is None:
        scale = _known_scale(values, vendor, where, has_tick_volume=ticks is not None)
        if scale is not None:
            text = f"prices were multiplied by {scale:g}: {vendor.name} writes whole numbers"
            notes.append(note("price_scale", text, count=len(table)))
    if scale is not None:
        values |= {name: scaled(values[name], scale) for name in (*BAR_PRICES, "vwap") if name in values}
    for name in ("volume", "tick_count"):
        if name in values and (missing := np.isnan(values[name])).any():
            notes.append(note("no_volume", f"{name!r} is empty and counts as 0", np.flatnonzero(missing)))
            values[name] = np.where(missing, 0.0, values[name])
    if "tick_count" in values and not (values["tick_count"] == np.floor(values["tick_count"])).all():
        del values["tick_count"]
        places.pop("tick_count")
    if "vwap" in values and "volume" in values:
        # Kraken's minutes without a trade
        values["vwap"] = np.where((values["vwap"] == 0) & (values["volume"] == 0), np.nan, values["vwap"])
    return values, style, notes


def _is_mostly_nought(volume: np.ndarray | None, ticks: np.ndarray) -> bool:
    """Whether a broker writes no real volume: MetaTrader's column of it is there all the same."""
    if volume is None:
        return True
    nought = (np.nan_to_num(volume) == 0) & (ticks > 0)
    return 2 * int(nought.sum()) > len(ticks)


def _known_scale(
    values: Mapping[str, np.ndarray], vendor: Vendor, where: str, *, has_tick_volume: bool
) -> float | None:
    first = values["open"][:1000]
    if (np.abs(first - np.round(first)) > 1e-6).any():
        return None
    prices = np.concatenate([values[name] for name in BAR_PRICES])
    prices = prices[np.isfinite(prices)]
    if not len(prices) or (np.abs(prices - np.round(prices)) > 1e-6).any():
        return None
    least = float(np.abs(prices[prices != 0]).min()) if prices.any() else 0.0
    if vendor.price_scale is not None and least > 1e6:
        return vendor.price_scale
    if vendor == LEAN and least > 1e3:
        problem = f"LEAN writes shares as whole numbers, times 10,000; {float(prices[0])!r} may be one or not"
        raise refuse(where, problem, "Give price_scale=1e-4, or price_scale=1 where it is the price.")
    if has_tick_volume and (prices != np.round(prices)).any():
        problem = (
            f"its prices ({float(prices[0])!r}) are points of MetaTrader, whose size the file does not say"
        )
        raise refuse(
            where, problem, "Give price_scale=, such as price_scale=1e-5; price_scale=1 leaves them."
        )
    return None


def scaled(prices: np.ndarray, scale: float) -> np.ndarray:
    """Multiply; by a power of ten below one divide, which gives the number nearest to the decimal meant.

    Examples
    --------
    >>> scaled(np.array([3702750000003.0]), 1e-9).tolist()
    [3702.750000003]
    """
    inverse = 1.0 / scale
    whole = round(inverse)
    return prices / whole if scale < 1 and abs(inverse - whole) < 1e-3 else prices * scale
