"""Bars that have left memory and get what was missed, while they wait and on disk."""

from __future__ import annotations

import dataclasses
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from mdnb.errors import DataExportError
from mdnb.rows import BarRow, GonePiece
from mdnb.stores.columns import AMENDED, FILLED, BarColumns, columns_from_rows
from mdnb.stores.overflow import Overflow
from mdnb.stores.segments import SegmentStore

MINUTE = 60_000_000_000
FIVE: BarRow = (5 * MINUTE, 10.0, 12.0, 9.0, 11.0, 4.0, 3, 42.0)
SEVEN: BarRow = (7 * MINUTE, 20.0, 22.0, 19.0, 21.0, 4.0, 3, 82.0)
EIGHT: BarRow = (8 * MINUTE, 21.0, 21.0, 21.0, 21.0, 0.0, 0, 0.0)


def new_at(minute: int, price: float) -> BarRow:
    return (minute * MINUTE, price, price, price, price, 1.0, 1, price)


@pytest.fixture(params=["waiting", "on disk"])
def overflow(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Overflow]:
    made = Overflow(SegmentStore(tmp_path / "1min"))
    columns = columns_from_rows([FIVE, SEVEN, EIGHT])
    columns.flags[2] = FILLED
    made.take(columns)
    if request.param == "on disk":
        made.flush()
    yield made
    made.segments.close()


def rows_of(columns: BarColumns) -> list[BarRow]:
    prices = (c.tolist() for c in (columns.open, columns.high, columns.low, columns.close, columns.volume))
    money = [round(x, 6) if x == x else 0.0 for x in columns.turnover.tolist()]
    return list(
        zip((columns.time_us * 1000).tolist(), *prices, columns.tick_count.tolist(), money, strict=True)
    )


def seen_twice(overflow: Overflow) -> list[BarRow]:
    """Return the bars, which are the same before and after they are written, and read in parts."""
    rows = rows_of(overflow.before(None))
    parts = [overflow.before(None, row[0], row[0]) for row in rows]
    assert [row for part in parts for row in rows_of(part)] == rows
    overflow.flush()
    assert rows_of(overflow.before(None)) == rows == rows_of(overflow.segments.read())
    return rows


def test_a_piece_is_counted_once_and_opens_and_closes_where_it_does(overflow: Overflow) -> None:
    overflow.amend([GonePiece(new_at(5, 14.0), None, 14.0, False, None)], 99 * MINUTE)
    overflow.amend([GonePiece(new_at(5, 8.0), 8.0, None, False, None)], 99 * MINUTE)
    assert seen_twice(overflow) == [(5 * MINUTE, 8.0, 14.0, 8.0, 14.0, 6.0, 5, 64.0), SEVEN, EIGHT]
    assert overflow.segments.read().flags.tolist() == [AMENDED, 0, FILLED]


def test_an_interval_without_a_bar_gets_one_where_it_is_whole(overflow: Overflow) -> None:
    pieces = [
        GonePiece(new_at(6, 15.0), 15.0, 15.0, True, None),
        # Other trades of it came: without them it would be half a bar.
        GonePiece(new_at(4, 15.0), None, None, False, None),
    ]
    overflow.amend(pieces, 99 * MINUTE)
    assert seen_twice(overflow) == [FIVE, new_at(6, 15.0), SEVEN, EIGHT]
    assert overflow.segments.read().closed_us.tolist() == [0, 99 * MINUTE // 1000, 0, 0]


def test_a_bar_made_of_the_trades_held_counts_where_these_are_all(overflow: Overflow) -> None:
    whole = (5 * MINUTE, 10.0, 13.0, 9.0, 11.0, 5.0, 4, 55.0)
    few = (7 * MINUTE, 99.0, 99.0, 99.0, 99.0, 2.0, 2, 198.0)
    overflow.amend(
        [
            GonePiece(new_at(5, 13.0), None, 13.0, False, whole),
            GonePiece(new_at(7, 23.0), None, None, False, few),
        ],
        99 * MINUTE,
    )
    seven = (7 * MINUTE, 20.0, 23.0, 19.0, 21.0, 5.0, 4, 105.0)
    assert seen_twice(overflow) == [whole, seven, EIGHT]


def test_flat_bars_follow_the_close_of_the_bar_before_them(overflow: Overflow) -> None:
    overflow.amend([GonePiece(new_at(7, 30.0), None, 30.0, False, None)], 99 * MINUTE)
    flat = (8 * MINUTE, 30.0, 30.0, 30.0, 30.0, 0.0, 0, 0.0)
    assert seen_twice(overflow)[2] == flat


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=12),
    st.integers(0, 60),
    st.integers(0, 70),
    st.tuples(st.none() | st.integers(0, 90), st.none() | st.integers(0, 90)),
    st.sets(st.integers(0, 80), max_size=4),
)
def test_the_newest_are_the_last_ones_of_all(
    parts: list[tuple[int, bool]],
    count: int,
    first: int,
    span: tuple[int | None, int | None],
    amended: set[int],
) -> None:
    """Some on disk, some waiting, some changed since: as of the whole list."""
    with tempfile.TemporaryDirectory() as folder:
        overflow = Overflow(SegmentStore(Path(folder) / "1min"))
        minute = 0
        for rows, is_written in parts:
            overflow.take(columns_from_rows([new_at(minute + at, 10.0) for at in range(rows)]))
            minute += rows
            if is_written:
                overflow.flush()
        for at in sorted(amended):
            if at < minute:
                overflow.amend([GonePiece(new_at(at, 14.0), None, 14.0, False, None)], 99 * MINUTE)
        start_ns, end_ns = (None if at is None else at * MINUTE for at in span)
        # A folder that was used before may hold those that are in memory, too.
        first_ns = minute * MINUTE if overflow.waiting_rows else first * MINUTE
        whole = rows_of(overflow.before(first_ns, start_ns, end_ns))
        newest = overflow.newest_before(first_ns, count, start_ns, end_ns)
        assert rows_of(newest) == (whole[-count:] if count else [])
        every = [row[0] for row in rows_of(overflow.before(first_ns))]
        low, stop = start_ns or 0, 99 * MINUTE if end_ns is None else end_ns
        assert overflow.count(low, stop, first_ns) == sum(low <= at < stop for at in every)
        assert overflow.rows_on_disk(first_ns) == len(every) - overflow.waiting_rows
        assert overflow.first_ns(first_ns) == (every[0] if every else None)
        overflow.segments.close()


@pytest.mark.parametrize("flushed", [(), (1,), (1, 2, 3)])
def test_bars_noted_by_a_clock_that_was_ahead_and_is_set_back_are_those_of_a_right_one(
    tmp_path: Path, flushed: tuple[int, ...]
) -> None:
    told = []
    for ahead_us in (0, 7_000_000):
        overflow = Overflow(SegmentStore(tmp_path / str(ahead_us)))
        # Of the third bar on the clock is ahead by that.
        for at, closed_us in enumerate((10, 20, 30 + ahead_us, 40 + ahead_us), start=1):
            columns = columns_from_rows([new_at(2 * at, 5.0)])
            overflow.take(dataclasses.replace(columns, closed_us=np.array([closed_us])))
            if at in flushed:
                overflow.flush()
        overflow.amend([GonePiece(new_at(3, 6.0), 6.0, 6.0, True, None)], 15_000)
        overflow.before(None)
        overflow.amend([GonePiece(new_at(5, 6.0), 6.0, 6.0, True, None)], (50 + ahead_us) * 1000)
        if ahead_us:
            before = overflow.changes
            overflow.set_back(30 + ahead_us, ahead_us)
            assert overflow.changes == before + 1
        rows = overflow.before(None)
        told.append((rows_of(rows), rows.closed_us.tolist()))
        overflow.flush()
        assert overflow.segments.read().closed_us.tolist() == rows.closed_us.tolist()
        overflow.segments.close()
    assert told[0] == told[1]
    assert told[0][1] == [10, 15, 20, 50, 30, 40]


def test_bars_that_wait_for_a_disk_are_bounded_and_those_that_went_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overflow = Overflow(SegmentStore(tmp_path / "1min"), most_waiting=80)
    overflow.take(columns_from_rows([new_at(at, 5.0) for at in range(10)]))
    overflow.flush()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        for at in range(10, 500):
            overflow.take(columns_from_rows([new_at(at, 5.0)]))
            assert overflow.waiting_rows <= 80
            if at % 20 == 0:
                with pytest.raises(DataExportError):
                    overflow.flush()
    waiting = overflow.waiting_rows
    assert waiting + overflow.dropped == 490
    assert sum(rows for _, _, rows in overflow.lost()) == overflow.dropped
    overflow.flush()
    minutes = [row[0] // MINUTE for row in rows_of(overflow.before(500 * MINUTE))]
    assert minutes == [*range(10), *range(500 - waiting, 500)]
    assert overflow.lost()[0][0] == 10 * MINUTE
    overflow.segments.close()


def test_bars_that_leave_memory_while_others_are_written_are_written_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overflow = Overflow(SegmentStore(tmp_path / "1min"))
    overflow.take(columns_from_rows([new_at(1, 5.0), new_at(2, 5.0)]))
    real, left = os.fsync, iter([columns_from_rows([new_at(3, 5.0)]), columns_from_rows([new_at(4, 5.0)])])

    def forced(descriptor: int) -> None:
        for columns in left:
            overflow.take(columns)
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", forced)
        assert overflow.flush() == 2
    assert [row[0] // MINUTE for row in rows_of(overflow.segments.read())] == [1, 2]
    assert overflow.waiting_rows == 2
    assert [row[0] // MINUTE for row in rows_of(overflow.before(None))] == [1, 2, 3, 4]
    assert overflow.flush() == 2
    assert [row[0] // MINUTE for row in rows_of(overflow.segments.read())] == [1, 2, 3, 4]
    overflow.segments.close()
