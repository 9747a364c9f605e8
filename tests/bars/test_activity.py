"""Tick, volume and dollar bars against a plain loop."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mdnb.bars.activity import ActivityBars
from mdnb.errors import TimeframeError
from mdnb.rows import BarRow, TradeRow
from mdnb.store.bars import BarStore
from mdnb.timeframes import Timeframe

trades = st.lists(
    st.tuples(
        st.integers(0, 10**6), st.integers(1, 40).map(float), st.integers(0, 9).map(float), st.integers(1, 3)
    ),
    max_size=80,
).map(lambda rows: [(ts, price, size, count, 0, i) for i, (ts, price, size, count) in enumerate(rows)])


def reference(rows: list[TradeRow], measure: str, threshold: int) -> list[list[TradeRow]]:
    groups: list[list[TradeRow]] = [[]]
    total = 0.0
    for row in rows:
        groups[-1].append(row)
        total += {"tick": row[3], "vol": row[2], "dollar": row[1] * row[2]}[measure]
        if total >= threshold:
            groups.append([])
            total = 0.0
    return [group for group in groups if group]


def bar(group: list[TradeRow]) -> BarRow:
    prices = [row[1] for row in group]
    return (
        group[0][0],
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum(row[2] for row in group),
        sum(row[3] for row in group),
        sum(row[1] * row[2] for row in group),
    )


@given(trades, st.sampled_from([("tick", 7), ("vol", 20), ("dollar", 300)]), st.integers(1, 20))
def test_bars_close_with_the_trade_that_reaches_the_threshold(
    rows: list[TradeRow], kind: tuple[str, int], step: int
) -> None:
    measure, threshold = kind
    closed: list[BarRow] = []
    log = BarStore(1000)
    bars = ActivityBars(
        Timeframe.parse(f"{threshold}{measure}"), log, lambda _, row, *_ends: closed.append(row)
    )
    for at in range(0, len(rows), step):
        bars.push_rows(rows[at : at + step])
    forming = bars.forming()
    made = closed + ([forming] if forming else [])
    assert made == [bar(group) for group in reference(rows, measure, threshold)]
    assert len(log) == len(closed)
    assert sum(row[6] for row in made) == sum(row[3] for row in rows)


def test_a_clock_timeframe_is_refused() -> None:
    with pytest.raises(TimeframeError, match="500tick"):
        ActivityBars(Timeframe.parse("5min"), BarStore(10))
