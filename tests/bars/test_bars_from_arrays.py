"""Trades as arrays make the bars that trades one by one make, also inside a bar that is open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mdnb.bars.cascade import Cascade
from mdnb.rows import TradeRow
from mdnb.stores.bars import BarStore
from tests.bars.test_cascade import ALWAYS, LATENESS, SECOND

MINUTE = 60 * SECOND
EDGE = 1_700_000_100 * SECOND  # on the minute and on five
NAMES = ["1min", "5min", "15min"]


def make(*, heard: bool, fill: bool) -> tuple[Cascade, list[Any]]:
    told: list[Any] = []

    def tell(node: Any, row: Any, flags: int, end_ns: int, closed_ns: int) -> None:
        told.append((node.name, row, flags, end_ns))

    cascade = Cascade(
        NAMES,
        ALWAYS,
        lambda name: BarStore(1_000_000),
        max_lateness_ns=LATENESS,
        fill=fill,
        on_closed=tell if heard else None,
    )
    return cascade, told


def push_arrays(cascade: Cascade, rows: list[TradeRow], *, counted: bool = True) -> None:
    if rows:
        ts, price, size, count, _, _ = (np.array(column) for column in zip(*rows, strict=True))
        cascade.push_arrays(ts, price, size, count if counted else None)


def outcome(cascade: Cascade) -> Any:
    made: dict[str, Any] = {"newest": cascade.newest_ns, "late": cascade.late_dropped}
    for node in cascade.nodes():
        log = node.log
        rows = [log.row(at) for at in range(len(log))]
        # The turnover of a closed bar comes from its stored vwap, which rounds.
        made[node.name] = (
            [(*row[:7], round(row[7], 6), flags) for row, flags in rows],
            cascade.forming(node.name),
            node.partial,
        )
    return made


def trades(begin: int, steps: list[int]) -> list[TradeRow]:
    rows, at = [], begin
    for number, step in enumerate(steps):
        at += step
        rows.append((at, 100.0 + 0.25 * (number * 7 % 13), float(1 + number % 3), 1 + number % 2, 0, number))
    return rows


_steps = st.lists(st.sampled_from([0, 1, SECOND, 20 * SECOND, MINUTE, 2 * MINUTE, 6 * MINUTE]), max_size=25)


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("fill", [True, False])
@given(
    st.sampled_from([EDGE, EDGE + 1, EDGE + MINUTE, EDGE + MINUTE - 1, EDGE + 7 * SECOND]),
    _steps,
    st.lists(_steps.filter(len), max_size=3),
)
def test_arrays_go_on_in_the_bar_that_is_open(
    heard: bool, fill: bool, begin: int, before: list[int], after: list[list[int]]
) -> None:
    one, told_one = make(heard=heard, fill=fill)
    arrays, told = make(heard=heard, fill=fill)
    steps = [*before, *(step for part in after for step in part)]
    rows = trades(begin, steps)
    for row in rows:
        one.push(*row[:4])
    arrays.push_rows(rows[: len(before)])
    at = len(before)
    for part in after:
        push_arrays(arrays, rows[at : at + len(part)])
        at += len(part)
    assert outcome(arrays) == outcome(one)
    assert told == told_one


@pytest.mark.parametrize("begin", [EDGE, EDGE + 1])
@pytest.mark.parametrize("inside", [1, 3])
def test_a_first_bar_that_began_with_the_data_is_whole(begin: int, inside: int) -> None:
    cascade, _ = make(heard=False, fill=False)
    cascade.push(begin, 100.0, 1.0)
    push_arrays(cascade, trades(begin + SECOND, [0] * inside + [MINUTE, 10 * MINUTE]), counted=False)
    partial = [
        (node.name, at) for node in cascade.nodes() for at in range(len(node.log)) if node.log.row(at)[1] & 4
    ]
    assert partial == ([] if begin == EDGE else [("1min", 0), ("5min", 0)])
    row = cascade.node("1min").log.row(0)[0]
    assert (row[1], row[6]) == (100.0, 1 + inside)
