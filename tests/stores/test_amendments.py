"""The log of amendments: a past moment reads as it was, whatever changed since."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from mdnb.errors import NoDataError
from mdnb.rows import BarRow
from mdnb.stores.amendments import Amendment, Amendments, Changes
from mdnb.stores.columns import AMENDED, FILLED, columns_from_rows

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


def test_of_more_changes_than_are_kept_that_others_tell_the_newest_stay() -> None:
    log = Amendments(limit=2)
    log.note(20, bar(1, 120.0), 0)
    log.take(Changes(tuple(Amendment(known, bar(0, 100.0 + known), 0) for known in (10, 30))))
    held = columns_from_rows([bar(0, 170.0), bar(1, 180.0)])
    assert [log.undo(held, at).close.tolist() for at in (10, 20, 30)] == [
        [130.0, 120.0],
        [130.0, 180.0],
        [170.0, 180.0],
    ]
    with pytest.raises(NoDataError, match="more than 2 closed bars were amended since then"):
        log.undo(held, 9)


def test_bars_that_others_took_the_places_of_are_not_told() -> None:
    log, former = Amendments(), columns_from_rows([bar(1, 100.0), bar(2, 100.0)])
    log.note(10, bar(1, 99.0), 0)
    log.note_overwritten(20, former)
    assert log.overwritten() == {MINUTE, 2 * MINUTE}
    assert log.changes() == Changes((Amendment(10, bar(1, 99.0), 0),), 20)
    # Of a file that begins after them nothing is lost.
    assert log.changes(3 * MINUTE) == Changes(())
    assert log.changes(2 * MINUTE) == Changes((), 20)


def test_at_no_time_what_bars_were_is_forgotten_with_them() -> None:
    log = Amendments()
    log.note(10, bar(1, 99.0), 0)
    log.note(11, bar(2, 98.0), 0)
    log.note_overwritten(0, columns_from_rows([bar(1, 100.0)]))
    assert log.changes() == Changes((Amendment(11, bar(2, 98.0), 0),))


def test_bars_that_late_trades_made_had_not_closed_before() -> None:
    log = Amendments()
    for known, number, flags in ((10, 1, 0), (11, 2, AMENDED), (12, 1, AMENDED), (13, 3, FILLED)):
        log.note(known, bar(number, 99.0), flags)
    assert log.closed_before().tolist() == [MINUTE // 1000, 3 * MINUTE // 1000]
