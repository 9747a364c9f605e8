"""Packs bars as bytes for the page: each column in the smallest lossless type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdnb.stores.columns import BarColumns

__all__ = ["pack_columns"]

_ALIGNMENT = 8


def pack_columns(
    bars: BarColumns, decimals: int, derived: NDArray[np.float64] | None = None
) -> tuple[list[dict[str, Any]], bytes]:
    """Return time, open, high, low, close, volume and derived lines packed, and how to read each.

    A value is ``number * multiply / divide``. Time is in UTC epoch milliseconds. A column begins at a
    multiple of eight bytes.

    Parameters
    ----------
    decimals
        Of prices: where all are round to so many, they travel as whole numbers.
    derived
        float64, shape (bars, lines): more columns, as they are.

    Examples
    --------
    >>> from mdnb.stores.columns import columns_from_rows
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
    for values in [] if derived is None else derived.T:
        parts.append({"dtype": "float64", "multiply": 1, "divide": 1, "count": len(values)})
        packed += values.astype("<f8").tobytes()
    return parts, bytes(packed)


def _smallest(values: NDArray[np.float64], multiply: int, divide: int) -> tuple[dict[str, Any], bytes]:
    whole = np.rint(values * divide / multiply)
    fits = not len(whole) or bool(np.isfinite(whole).all() and np.abs(whole).max() < 2**31)
    # Division rounds once, in the page as here: equal here is equal there, to the last bit.
    if fits and np.array_equal(whole * multiply / divide, values):
        return {"dtype": "int32", "multiply": multiply, "divide": divide}, whole.astype("<i4").tobytes()
    return {"dtype": "float64", "multiply": 1, "divide": 1}, values.astype("<f8").tobytes()
