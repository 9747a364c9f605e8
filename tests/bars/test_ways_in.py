"""Trades one by one, in batches, or as arrays: bars, marks, closing and what is due next are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mdnb.bars.bars_from_arrays import BarBlock
from mdnb.bars.cascade import Cascade
from mdnb.rows import BarRow, TradeRow
from mdnb.sessions import Sessions
from mdnb.stores.bars import BarStore

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
ALWAYS = Sessions.always()
HOURS = Sessions.from_calendar("CME Globex Equity", "2026-03-02", "2026-03-06")
OPENS = int(HOURS.opens[1])
FAMILIES = [["1min"], ["1min", "5min", "1hour"], ["5min", "7min"], ["10sec", "1day"]]


def state(cascade: Cascade) -> dict[str, Any]:
    """Return all that is seen of a cascade."""
    found: dict[str, Any] = {
        "newest": cascade.newest_ns,
        "due": cascade.next_edge(),
        "refused": [row[:4] for row in cascade.refused],
        # What is out of order inside one bar is not counted in arrays.
        "counts": (cascade.late_dropped, cascade.outside_session, cascade.amended_count),
        "late": list(cascade.came_late),
    }
    for node in cascade.nodes():
        log: Any = node.log
        found[node.name] = [log.row(at) for at in range(len(log))]
        found[f"{node.name} now"] = (
            cascade.forming(node.name),
            node.as_row(),
            node.partial,
            node.edge,
            node.closed_to,
        )
    return found


def arrays(rows: list[TradeRow], counted: bool) -> tuple[Any, ...]:
    columns = [np.array(column) for column in list(zip(*rows, strict=True))[:4]]
    made = (columns[0].astype(np.int64), columns[1].astype(float), columns[2].astype(float))
    return (*made, columns[3].astype(np.int64)) if counted else made


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 5, 20, 61, 200, 1000, 4000, -1, -30, -90, 30_000]),
            st.integers(1, 40),
            st.sampled_from([0.0, 1.0, 2.0, 5.0, 0.25, 0.1]),
            st.integers(1, 3),
        ),
        min_size=1,
        max_size=40,
    ),
    st.lists(
        st.tuples(st.sampled_from(["arrays", "counted", "rows"]), st.integers(1, 25)), min_size=1, max_size=6
    ),
    st.sampled_from(FAMILIES),
    st.sampled_from([ALWAYS, HOURS]),
    st.booleans(),
    st.booleans(),
)
def test_the_way_in_makes_no_difference(
    steps: list[tuple[int, int, float, int]],
    ways: list[tuple[str, int]],
    names: list[str],
    sessions: Sessions,
    fill: bool,
    listened: bool,
) -> None:
    rows: list[TradeRow] = []
    counted = any(way == "counted" for way, _ in ways)
    now = OPENS - 100 * SECOND
    for step, price, size, count in steps:
        now += step * SECOND
        rows.append((now, float(price), size, count if counted else 1, 0, -1))

    def make() -> tuple[Cascade, list[Any]]:
        told: list[Any] = []
        on_closed = (lambda node, *row: told.append((node.name, *row))) if listened else None
        made = Cascade(
            names,
            sessions,
            lambda name: BarStore(1000),
            fill=fill,
            on_closed=on_closed,
            max_lateness_ns=60 * SECOND,
        )
        return made, told

    (one, told_one), (many, told_many) = make(), make()
    for ts_ns, price, size, count, _, _ in rows:
        one.push(ts_ns, price, size, count)
    at, turn = 0, 0
    while at < len(rows):
        way, size_of = ways[turn % len(ways)]
        part = rows[at : at + size_of]
        if way == "rows":
            many.push_rows(part)
        else:
            many.push_arrays(*arrays(part, way == "counted" or counted))
        at, turn = at + size_of, turn + 1
    assert _close(state(many), state(one))
    assert told_many == told_one
    for made in (one, many):
        made.close_until(now + 3 * MINUTE)
        made.fill_until(now + 3 * MINUTE)
    assert _close(state(many), state(one))


def _close(mine: Any, other: Any) -> bool:
    """Return whether two are equal, floats up to what a mean that is kept in place of a sum costs."""
    if isinstance(mine, dict):
        return mine.keys() == other.keys() and all(_close(value, other[key]) for key, value in mine.items())
    if isinstance(mine, (tuple, list)):
        return len(mine) == len(other) and all(map(_close, mine, other))
    return bool(mine == other or (isinstance(mine, float) and mine == pytest.approx(other, rel=1e-12)))


def test_very_many_trades_at_once_are_taken_in_pieces() -> None:
    count = 70_000
    ts_ns = OPENS + np.arange(count, dtype=np.int64) * (SECOND // 10)
    price = 100.0 + np.arange(count) % 17
    size = np.ones(count)
    counts = np.full(count, 2, dtype=np.int64)
    made = Cascade(["1min", "1hour"], ALWAYS, lambda name: BarStore(1000))
    made.push_arrays(ts_ns, price, size, counts)
    log: Any = made.node("1min").log
    rows = [log.row(at)[0] for at in range(len(log))]
    assert [row[0] for row in rows] == [OPENS + at * MINUTE for at in range(116)]
    assert {row[5:7] for row in rows} == {(600.0, 1200)}
    forming = made.forming("1min")
    assert forming is not None
    assert forming[5:7] == (400.0, 800)
    assert made.newest_ns == int(ts_ns[-1])
    plain = Cascade(["1min"], ALWAYS, lambda name: BarStore(1000))
    plain.push_arrays(ts_ns, price, size)
    assert plain.forming("1min") == (*forming[:6], 400, forming[7])


def test_a_block_of_bars_is_cut_and_read_row_by_row() -> None:
    rows: list[BarRow] = [
        (at, 1.0 + at, 2.0 + at, 3.0 + at, 4.0 + at, 5.0 + at, 6 + at, 7.0 + at) for at in range(4)
    ]
    block = BarBlock(*(np.array(column) for column in zip(*rows, strict=True)))
    assert len(block) == 4
    assert block.rows() == [block.row(at) for at in range(4)] == rows
    assert block.tail().rows() == rows[-1:]
    assert [block.head(count).rows() for count in (0, 1, 3)] == [rows[:0], rows[:1], rows[:3]]
    assert [type(value) for value in block.row(0)] == [int, *[float] * 5, int, float]


# Bars of a venue, closed as they come


def bar(minute: int, price: float = 10.0, size: float = 1.0) -> BarRow:
    return (OPENS + minute * MINUTE, price, price + 1, price - 1, price + 0.5, size, 2, price * size)


def test_bars_pushed_make_coarser_ones_and_one_that_comes_late_amends() -> None:
    made = Cascade(["1min", "5min"], HOURS, lambda name: BarStore(1000))
    made.push_bars([bar(0), bar(1, 20.0), bar(5, 12.0), bar(6, 11.0, 3.0)])
    assert [row[0][0] for row in state(made)["5min"]] == [OPENS]
    assert state(made)["5min"][0][0] == (OPENS, 10.0, 21.0, 9.0, 20.5, 2.0, 4, 30.0)
    assert made.forming("5min") == (OPENS + 5 * MINUTE, 12.0, 13.0, 10.0, 11.5, 4.0, 4, 45.0)
    assert made.newest_ns == OPENS + 6 * MINUTE
    made.push_bars([bar(1, 5.0, 2.0), bar(-1)])
    assert state(made)["5min"][0][0] == (OPENS, 10.0, 21.0, 4.0, 5.5, 4.0, 6, 40.0)
    assert (made.outside_session, made.amended_count) == (1, 1)
    # One that belongs before the open bar is no part of it.
    made.push_bars([bar(3, 7.0)])
    assert state(made)["5min"][0][0] == (OPENS, 10.0, 21.0, 4.0, 7.5, 5.0, 8, 47.0)
    assert made.forming("1min") == bar(6, 11.0, 3.0)


def test_bars_of_seconds_make_those_of_minutes_and_are_known_when_they_end() -> None:
    made = Cascade(["1min"], ALWAYS, lambda name: BarStore(1000))
    made.closing.follows_trades = True
    rows = [(OPENS + at * 20 * SECOND, 10.0, 11.0, 9.0, 10.0 + at, 1.0, 1, 10.0) for at in range(4)]
    made.push_bars(rows)
    assert state(made)["1min"] == [((OPENS, 10.0, 11.0, 9.0, 12.0, 3.0, 3, 30.0), 0)]
    assert made.forming("1min") == (OPENS + MINUTE, 10.0, 11.0, 9.0, 13.0, 1.0, 1, 10.0)
    assert made.closing.now_ns == OPENS + 2 * MINUTE


# What is due


def test_what_is_due_next_is_the_earliest_end_or_flat_bar() -> None:
    made = Cascade(["1min", "5min"], HOURS, lambda name: BarStore(1000), fill=True)
    assert made.next_edge() is None
    made.fill_until(OPENS + MINUTE)
    made.push(OPENS + MINUTE, 10.0, 1.0)
    assert made.next_edge() == OPENS + 2 * MINUTE
    made.close_until(OPENS + 2 * MINUTE)
    # A flat minute is due before the five end.
    assert made.next_edge() == OPENS + 3 * MINUTE
    made.fill_until(OPENS + 3 * MINUTE)
    assert [flags for _, flags in state(made)["1min"]] == [0, 1]
    made.set_fill(False)
    assert made.next_edge() == OPENS + 5 * MINUTE
    made.close_until(OPENS + 5 * MINUTE)
    assert made.next_edge() is None
    made.set_fill(True)
    assert made.next_edge() == OPENS + 4 * MINUTE
    # While an open bar waits, what lies behind it is not filled.
    made.push(OPENS + 7 * MINUTE, 11.0, 1.0)
    made.fill_until(OPENS + 30 * MINUTE)
    assert [row[0] for row, _ in state(made)["1min"]] == [OPENS + at * MINUTE for at in (1, 2, 3, 4, 5, 6)]


def test_flat_bars_end_with_the_session() -> None:
    closes = int(HOURS.closes[1])
    made = Cascade(["1min"], HOURS, lambda name: BarStore(1000), fill=True)
    made.push(closes - 3 * MINUTE, 10.0, 1.0)
    made.close_until(closes + 5 * MINUTE)
    made.fill_until(closes + 5 * MINUTE)
    assert [row[0] for row, _ in state(made)["1min"]] == [closes - at * MINUTE for at in (3, 2, 1)]
    assert made.next_edge() == int(HOURS.opens[2]) + MINUTE


def test_a_forming_bar_is_made_of_all_that_is_open_below_it() -> None:
    made = Cascade(["1min", "5min", "1hour"], ALWAYS, lambda name: BarStore(1000))
    assert [made.forming(name) for name in ("1min", "5min", "1hour")] == [None] * 3
    start = OPENS // (60 * MINUTE) * 60 * MINUTE
    made.push(start + 61 * SECOND, 10.0, 1.0)
    made.push(start + 62 * SECOND, 12.0, 2.0)
    row = (10.0, 12.0, 10.0, 12.0, 3.0, 2, 34.0)
    assert [made.forming(name) for name in ("1min", "5min", "1hour")] == [
        (start + MINUTE, *row),
        (start, *row),
        (start, *row),
    ]
    made.close_until(start + 2 * MINUTE)
    assert made.forming("1min") is None
    assert made.forming("5min") == made.forming("1hour") == (start, *row)
    made.close_until(start + 5 * MINUTE)
    assert made.forming("5min") is None
    made.push(start + 5 * MINUTE, 9.0, 1.0)
    assert made.forming("5min") == (start + 5 * MINUTE, 9.0, 9.0, 9.0, 9.0, 1.0, 1, 9.0)
    assert made.forming("1hour") == (start, 10.0, 12.0, 9.0, 9.0, 4.0, 3, 43.0)
    made.close_until(start + 60 * MINUTE)
    assert made.forming("1hour") is None
