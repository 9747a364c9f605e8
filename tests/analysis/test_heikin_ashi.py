"""Heikin-Ashi against a transcription in pandas, and bar by bar against itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, strategies as st

from mdnb.analysis.heikin_ashi import HeikinAshi
from mdnb.stores.columns import columns_from_rows

_PRICES = st.floats(1.0, 1000.0)


@st.composite
def _rows(draw: Any) -> list[tuple[Any, ...]]:
    closes = draw(st.lists(st.tuples(_PRICES, _PRICES, st.floats(0, 5), st.floats(0, 5)), max_size=40))
    return [
        (i * 60_000_000_000, o, max(o, c) + up, min(o, c) - down, c, 1.0, 1, c)
        for i, (o, c, up, down) in enumerate(closes)
    ]


def _by_pandas(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame([row[1:5] for row in rows], columns=["open", "high", "low", "close"], dtype=float)
    out = pd.DataFrame(index=frame.index)
    out["close"] = frame.mean(axis=1)
    opens: list[float] = []
    for i in range(len(frame)):
        opens.append(
            (frame["open"].iloc[0] + frame["close"].iloc[0]) / 2
            if i == 0
            else (opens[-1] + out["close"].iloc[i - 1]) / 2
        )
    out["open"] = opens
    out["high"] = pd.concat([frame["high"], out["open"], out["close"]], axis=1).max(axis=1)
    out["low"] = pd.concat([frame["low"], out["open"], out["close"]], axis=1).min(axis=1)
    return out


@given(_rows())
def test_equals_pandas(rows: list[tuple[Any, ...]]) -> None:
    made = HeikinAshi().rebuild(columns_from_rows(rows))
    wanted = _by_pandas(rows)
    for name, values in made.items():
        np.testing.assert_allclose(values, wanted[name].to_numpy(dtype=float), rtol=1e-12)


@given(_rows(), st.data())
def test_bar_by_bar_is_the_same_and_can_go_back(rows: list[tuple[Any, ...]], data: Any) -> None:
    made = HeikinAshi().rebuild(columns_from_rows(rows))
    state = HeikinAshi()
    for i, row in enumerate(rows):
        held = state.checkpoint()
        tried = state.peek(row)
        state.append((0, *(data.draw(_PRICES) for _ in range(4)), 1.0))
        state.restore(held)
        assert state.append(row) == tried == {name: values[i] for name, values in made.items()}


def test_a_bar_without_a_price_is_left_out() -> None:
    state = HeikinAshi()
    state.append((0, 1.0, 4.0, 1.0, 2.0, 5.0))
    lacking = state.append((1, math.nan, 4.0, 1.0, 2.0, 5.0))
    assert all(math.isnan(value) for value in lacking.values())
    assert state.peek((2, 2.0, 3.0, 2.0, 3.0, 5.0))["open"] == 1.75
