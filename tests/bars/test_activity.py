"""Tick, volume and dollar bars against a plain loop."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, strategies as st

from mdnb.bars.activity import ActivityBars
from mdnb.errors import TimeframeError
from mdnb.rows import BarRow, TradeRow
from mdnb.stores.bars import BarStore
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


def labelled(groups: list[list[TradeRow]]) -> list[BarRow]:
    """Return the bars of groups of trades; one that a late trade opens has the label of the one before it."""
    labels = itertools.accumulate((group[0][0] for group in groups), max)
    return [(label, *bar(group)[1:]) for label, group in zip(labels, groups, strict=True)]


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
    assert made == labelled(reference(rows, measure, threshold))
    assert len(log) == len(closed)
    assert sum(row[6] for row in made) == sum(row[3] for row in rows)


@given(trades, st.sampled_from([("tick", 3), ("vol", 9), ("dollar", 90)]), st.data())
def test_bars_made_anew_are_those_of_all_trades_and_only_what_changed_is_told(
    rows: list[TradeRow], kind: tuple[str, int], data: st.DataObject
) -> None:
    measure, threshold = kind
    # Stores keep microseconds.
    rows = [(row[0] * 1000, *row[1:]) for row in rows]
    missed = data.draw(st.sets(st.integers(0, max(0, len(rows) - 1)), max_size=3))
    told: list[BarRow] = []
    log = BarStore(1000)
    timeframe = Timeframe.parse(f"{threshold}{measure}")
    bars = ActivityBars(timeframe, log, lambda _, row, *_ends: told.append(row))
    bars.push_rows([row for at, row in enumerate(rows) if at not in missed])
    before = list(told)
    told.clear()
    changed = bars.rebuild(0, rows)

    groups = labelled(reference(rows, measure, threshold))
    forming = bars.forming()
    closed = [log.row(at)[0] for at in range(len(log))]
    for mine, true in zip([*closed, *([forming] if forming else [])], groups, strict=True):
        assert mine == pytest.approx(true, rel=1e-12)
    after = groups[: len(closed)]
    same = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    assert changed == after[same : len(before)]
    assert told == after[len(before) :]


def test_a_missed_trade_like_the_one_that_closed_a_bar_leaves_that_bar_as_it_was() -> None:
    rows = [(at * 1000, price, 1.0, 1, 0, at) for at, price in enumerate((9.0, 8.0, 8.0, 7.0, 6.0))]
    log = BarStore(10)
    bars = ActivityBars(Timeframe.parse("2tick"), log)
    bars.push_rows([rows[0], *rows[2:]])
    first = log.row(0)
    assert bars.rebuild(0, rows) == [(2000, 8.0, 8.0, 7.0, 7.0, 2.0, 2, 15.0)]
    assert log.row(0) == first
    assert bars.forming() == (4000, 6.0, 6.0, 6.0, 6.0, 1.0, 1, 6.0)


def test_bars_that_have_left_memory_hold_no_trades() -> None:
    bars = ActivityBars(Timeframe.parse("2tick"), BarStore(2))
    bars.push_rows([(at * 1000, 9.0, 1.0, 1, 0, at) for at in range(9)])
    # Of four bars and a half the newest two and the half are held.
    assert [bars.holding(newest) for newest in range(7)] == [
        *[(2, 1)] * 2,
        *[(1, 3)] * 2,
        *[(0, 5)] * 2,
        None,
    ]


def test_a_clock_timeframe_is_refused() -> None:
    with pytest.raises(TimeframeError, match="500tick"):
        ActivityBars(Timeframe.parse("5min"), BarStore(10))


def test_money_is_counted_without_its_sign() -> None:
    log = BarStore(10)
    bars = ActivityBars(Timeframe.parse("300dollar"), log)
    prices = [-100.0, 50.0, -150.0, -20.0, 0.0, 280.0, -299.0]
    bars.push_rows([(i, price, 1.0, 1, 1, -1) for i, price in enumerate(prices)])
    assert [log.row(i)[0][4] for i in range(len(log))] == [-150.0, 280.0]
    assert log.row(0)[0][7] == pytest.approx(-200.0)
    assert bars.forming() == (6, -299.0, -299.0, -299.0, -299.0, 1.0, 1, -299.0)
    bars.push_rows([(7, -1.0, 1.0, 1, 1, -1)])
    assert len(log) == 3
