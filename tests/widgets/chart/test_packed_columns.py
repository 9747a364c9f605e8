"""Packed bars, unpacked by an independent reader, are the bars to the last bit."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from hypothesis import given, strategies as st

from mdnb.stores.columns import columns_from_rows
from mdnb.widgets.chart.packed_columns import pack_columns

_CODES = {"int32": ("i", 4), "float64": ("d", 8)}


def _unpack(parts: list[dict[str, Any]], packed: bytes) -> list[list[float]]:
    """Read as ``messages.js`` does, with `struct` and Python's own arithmetic."""
    at, out = 0, []
    for part in parts:
        code, size = _CODES[part["dtype"]]
        numbers = struct.unpack_from(f"<{part['count']}{code}", packed, at)
        at += -(-part["count"] * size // 8) * 8
        out.append([number * part["multiply"] / part["divide"] for number in numbers])
    assert at == len(packed)
    return out


_PRICES = st.one_of(
    st.integers(1, 10**9).map(lambda cents: cents / 100),
    st.floats(1e-9, 1e12, allow_nan=False, allow_infinity=False),
)
_BARS = st.lists(
    st.tuples(st.integers(0, 2 * 10**15), _PRICES, _PRICES, _PRICES, _PRICES, st.floats(0, 1e9)), max_size=12
)


@given(_BARS)
def test_nothing_is_lost(rows: list[tuple[int, float, float, float, float, float]]) -> None:
    bars = columns_from_rows([(us * 1000, o, h, low, c, v, 1, 0.0) for us, o, h, low, c, v in rows])
    found = _unpack(*pack_columns(bars, 2))
    assert found[0] == [us / 1000 for us, *_ in rows]
    assert found[1:] == [[row[i] for row in rows] for i in range(1, 6)]


def test_prices_on_the_tick_take_four_bytes() -> None:
    rng = np.random.default_rng(1)
    prices = (21_000 + rng.integers(0, 4000, (1000, 4)) / 4).tolist()
    bars = columns_from_rows(
        [(i * 60_000_000_000, o, h, low, c, 12.0, 3, 0.0) for i, (o, h, low, c) in enumerate(prices)]
    )
    assert len(pack_columns(bars, 2)[1]) == 24_000


def test_derived_lines_travel_as_they_are() -> None:
    bars = columns_from_rows([(0, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 0.0)] * 3)
    lines = np.array([[np.nan, 0.1], [1 / 3, 2.0], [4.0, -5.5]])
    parts, packed = pack_columns(bars, 2, lines)
    assert [part["dtype"] for part in parts[6:]] == ["float64", "float64"]
    assert np.array_equal(np.frombuffer(packed[-48:]).reshape(2, 3).T, lines, equal_nan=True)
