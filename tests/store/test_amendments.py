"""The log of amendments: a past moment reads as it was, whatever changed since."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from mdnb.errors import NoDataError
from mdnb.rows import BarRow
from mdnb.store.amendments import Amendments
from mdnb.store.columns import columns_from_rows

MINUTE = 60_000_000_000


def bar(number: int, close: float) -> BarRow:
    return (number * MINUTE, 100.0, 200.0, 50.0, close, 10.0, 3, 1000.0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(51, 199)), max_size=20))
def test_each_moment_reads_as_it_was(changes: list[tuple[int, int, int]]) -> None:
    held = [bar(number, 100.0) for number in range(4)]
    log, now = Amendments(), 1
    was: dict[int, list[Any]] = {}
    for number, later, close in changes:
        # What is read at an instant is what holds once all that happens at it has happened.
        now += later
        log.note(now, held[number], 0)
        was.setdefault(now - 1, [row[4] for row in held])
        held[number] = bar(number, float(close))
        was[now] = [row[4] for row in held]
    for as_of, closes in was.items():
        assert log.undo(columns_from_rows(held), as_of).close.tolist() == closes
    assert len(log) == len(changes)


def test_a_moment_before_what_is_kept_is_refused() -> None:
    log = Amendments(limit=2)
    for known in (10, 20, 30):
        log.note(known, bar(0, 100.0 + known), 0)
    held = columns_from_rows([bar(0, 170.0)])
    assert log.undo(held, 10).close.tolist() == [120.0]
    with pytest.raises(NoDataError, match="more than 2 closed bars were amended since then"):
        log.undo(held, 9)
