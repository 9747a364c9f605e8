"""When bars count as closed, and what of them was known at a past moment."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from mdnb.bars.cascade import Cascade
from mdnb.errors import NoDataError
from mdnb.rows import TradeRow
from mdnb.sessions import Sessions
from mdnb.stores.amendments import Amendments
from mdnb.stores.bars import BarStore
from mdnb.stores.columns import columns_from_rows

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def recorded(timeframes: list[str]) -> tuple[Cascade, list[tuple[str, int, int]]]:
    """Return a cascade that takes its time from the trades, and what it told of bars that closed."""
    told: list[tuple[str, int, int]] = []
    cascade = Cascade(
        timeframes,
        Sessions.always(),
        lambda name: BarStore(1000),
        on_closed=lambda node, row, flags, end, closed: told.append((node.name, end, closed)),
    )
    cascade.closing.follows_trades = True
    return cascade, told


def test_a_bar_closes_with_the_first_trade_beyond_it_in_whole_microseconds() -> None:
    cascade, told = recorded(["1min", "2min"])
    cascade.push(10 * SECOND, 100.0, 1.0)
    cascade.push(MINUTE + SECOND // 10, 101.0, 1.0)
    cascade.push(2 * MINUTE + 30 * SECOND + 1, 102.0, 1.0)
    after = 2 * MINUTE + 30 * SECOND + 1000
    assert told == [
        ("1min", MINUTE, MINUTE + SECOND // 10),
        ("1min", 2 * MINUTE, after),
        ("2min", 2 * MINUTE, after),
    ]
    closed_us = [(MINUTE + SECOND // 10) // 1000, after // 1000]
    held = cascade.node("1min").log.columns(0, 2)  # type: ignore[attr-defined]
    assert held.closed_us.tolist() == closed_us


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(90, 110)), min_size=1, max_size=80),
    st.lists(st.integers(1, 9), min_size=1, max_size=20),
)
def test_closing_times_do_not_depend_on_how_trades_are_cut_into_batches(
    steps: list[tuple[int, int]], cuts: list[int]
) -> None:
    rows: list[TradeRow] = []
    now = 0
    for step, price in steps:
        now += step * SECOND
        rows.append((now, float(price), 1.0, 1, 0, len(rows)))
    whole, told = recorded(["15sec", "1min", "5min"])
    whole.push_rows(rows)
    parts, told_in_parts = recorded(["15sec", "1min", "5min"])
    at = 0
    for turn in range(len(rows)):
        size = cuts[turn % len(cuts)]
        parts.push_rows(rows[at : at + size])
        at += size
    assert told_in_parts == told
    assert all(closed >= end for _, end, closed in told)


def test_history_and_timeframes_added_later_have_no_closing_time_of_their_own() -> None:
    cascade = Cascade(["1min"], Sessions.always(), lambda name: BarStore(1000))
    for at in range(10):
        cascade.push(at * MINUTE, 100.0 + at, 1.0)
    cascade.closing.advance(10 * MINUTE)
    cascade.close_until(10 * MINUTE)
    from mdnb.timeframes import Timeframe

    added = cascade.add(Timeframe.parse("2min"), lambda: ([], False))
    assert added.log.columns(0, 5).closed_us.tolist() == [0] * 5  # type: ignore[attr-defined]
    assert cascade.node("1min").log.columns(0, 10).closed_us.tolist()[-1] == 10 * MINUTE // 1000  # type: ignore[attr-defined]


def test_more_amendments_than_are_kept_are_no_silent_lie() -> None:
    log = Amendments(limit=2)
    was = [(at * MINUTE, 1.0, 2.0, 1.0, 1.5, 10.0, 3, 12.5) for at in range(3)]
    for at, row in enumerate(was):
        log.note(100 + at, row, 0)
    now = columns_from_rows([(row[0], 1.0, 9.0, 1.0, 1.5, 10.0, 3, 12.5) for row in was])
    assert log.undo(now, 100).high.tolist() == [9.0, 2.0, 2.0]
    with pytest.raises(NoDataError, match="more than 2 closed bars were amended"):
        log.undo(now, 99)
    log.note(0, was[0], 0)
    assert len(log) == 2
