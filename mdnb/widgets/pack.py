"""Bars as bytes for the page: each column in the smallest form that loses nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from mdnb.store.columns import BarColumns

__all__ = ["pack_columns", "rows_of"]

_ALIGNMENT = 8


def pack_columns(bars: BarColumns, decimals: int) -> tuple[list[dict[str, Any]], bytes]:
    """Return time, open, high, low, close and volume packed, and how to read each.

    A value is ``number * multiply / divide``. Time is in UTC epoch milliseconds. A column begins at a
    multiple of eight bytes.

    Parameters
    ----------
    decimals
        Of prices: where all are round to so many, they travel as whole numbers.

    Examples
    --------
    >>> from mdnb.store.columns import columns_from_rows
    >>> bars = columns_from_rows([(60_000_000_000, 1.25, 2.0, 0.5, 1.5, 10.0, 3, 12.5)])
    >>> parts, packed = pack_columns(bars, 2)
    >>> [part["dtype"] for part in parts], parts[1]["divide"], len(packed)
    (['int32', 'int32', 'int32', 'int32', 'int32', 'int32'], 100, 48)
    """
    parts: list[dict[str, Any]] = []
    packed = bytearray()
    divide = 10**decimals
    columns = [
        (bars.time_us / 1e3, 1000, 1),
        *((column, 1, divide) for column in (bars.open, bars.high, bars.low, bars.close)),
        (bars.volume, 1, 1),
    ]
    for values, multiply, divisor in columns:
        part, raw = _smallest(values, multiply, divisor)
        parts.append({**part, "count": len(values)})
        packed += raw + bytes(-len(raw) % _ALIGNMENT)
    return parts, bytes(packed)


def _smallest(values: np.ndarray, multiply: int, divide: int) -> tuple[dict[str, Any], bytes]:
    whole = np.rint(values * divide / multiply)
    fits = not len(whole) or bool(np.isfinite(whole).all() and np.abs(whole).max() < 2**31)
    # Division rounds once, in the page as here: equal here is equal there, to the last bit.
    if fits and np.array_equal(whole * multiply / divide, values):
        return {"dtype": "int32", "multiply": multiply, "divide": divide}, whole.astype("<i4").tobytes()
    return {"dtype": "float64", "multiply": 1, "divide": 1}, values.astype("<f8").tobytes()


def rows_of(bars: BarColumns, start: int) -> np.ndarray:
    """Return rows from position ``start`` on: float64, shape (n, 6), as the page's columns.

    Examples
    --------
    >>> from mdnb.store.columns import columns_from_rows
    >>> rows_of(columns_from_rows([(60_000_000_000, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5)]), 0).tolist()
    [[60000.0, 1.0, 2.0, 0.5, 1.5, 10.0]]
    """
    columns = (bars.time_us / 1e3, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return np.column_stack([column[start:] for column in columns])
