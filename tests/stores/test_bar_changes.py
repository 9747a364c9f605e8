"""Closed bars that change in memory: what each change does, and that each moment reads as it was."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdnb.rows import BarRow, GonePiece
from mdnb.stores.amended_bars import amended_bars
from mdnb.stores.amendments import Amendments
from mdnb.stores.bars import ROW_BYTES, BarStore
from mdnb.stores.book_tail import BookTail
from mdnb.stores.columns import (
    AMENDED,
    FILLED,
    PARTIAL,
    REPAIRING,
    BarColumns,
    columns_from_rows,
    find_bars,
    frame_of,
    join_columns,
    nth_of_start,
    same_bars,
)
from mdnb.stores.segment_file import Segment
from mdnb.stores.segment_plan import find_group, merge, place_rows, split

MINUTE = 60_000_000_000


def bar(number: int, close: float = 100.0, volume: float = 2.0) -> BarRow:
    return number * MINUTE, 100.0, 200.0, 50.0, close, volume, 3, close * volume


def flat(number: int, close: float) -> BarRow:
    return number * MINUTE, close, close, close, close, 0.0, 0, 0.0


def store_of(numbers: list[int], limit: int = 1000) -> BarStore:
    """A store of closed bars, each closed at its end."""
    made = BarStore(limit)
    for number in numbers:
        made.stage(bar(number, 100.0 + number), 0, (number + 1) * MINUTE)
    return made


def told(columns: BarColumns) -> list[tuple[Any, ...]]:
    """All that is told of bars, where nan is itself; whether a partial one may become whole is not."""
    columns = dataclasses.replace(columns, flags=columns.flags & np.uint8(~REPAIRING & 0xFF))
    names = ("time_us", "open", "high", "low", "close", "volume", "vwap", "tick_count", "flags", "closed_us")
    rows = zip(*(getattr(columns, name).tolist() for name in names), strict=True)
    return [tuple("nan" if value != value else value for value in row) for row in rows]


def held(store: BarStore) -> BarColumns:
    return store.columns(0, len(store))


def starts(store: BarStore) -> list[int]:
    return (held(store).time_us * 1000 // MINUTE).tolist()


class Changing:
    """A store to which things are done at random, each at an instant of its own."""

    def __init__(self, seed: int, kinds: Sequence[str]) -> None:
        self.random, self.kinds = random.Random(seed), ("stage", "stage", *kinds)
        self.store = BarStore(10_000)
        self.now_us = 10**9
        self.ahead_us = 0
        self.store.known_at = self.clock_ns
        self.first, self.next = 100, 101
        self.imported_us = 0

    def clock_ns(self) -> int:
        """What the clock shows by which everything is noted."""
        return (self.now_us + self.ahead_us) * 1000

    def span(self) -> tuple[int, int]:
        first, stop = sorted(self.random.sample(range(len(self.store) + 1), 2))
        return first, stop

    def price(self) -> float:
        return float(self.random.randrange(51, 199))

    def step(self) -> None:
        self.now_us += self.random.randrange(1, 50)
        store, kind = self.store, self.random.choice(self.kinds)
        if kind == "stage" or len(store) < 3:
            self.next += self.random.randrange(1, 3)
            flags = self.random.choice((0, 0, PARTIAL))
            store.stage(bar(self.next, self.price()), flags, self.clock_ns())
        elif kind == "change":
            at = self.random.randrange(len(store))
            row, flags = store.row(at)
            store.change(at, (*row[:4], self.price(), *row[5:]), flags | AMENDED)
        elif kind == "put":
            numbers = sorted(self.random.sample(range(self.first, self.next), 3))
            store.put_all([bar(number, self.price()) for number in numbers], AMENDED)
        elif kind == "mark":
            at, stop = self.span()
            store.mark(at, PARTIAL, stop)
        elif kind == "repairing":
            at, stop = self.span()
            store.mark_repairing(at, stop)
        elif kind == "repaired":
            store.end_repairing([self.span()])
        elif kind == "import":
            self.put_in(sorted(self.random.sample(range(self.first - 2, self.next), 4)))
        elif kind == "import older":
            self.put_in([self.first - 2, self.first - 1])
        else:
            at = self.random.randrange(1, len(store))
            rows = [bar(store.row(at)[0][0] // MINUTE, self.price())]
            store.replace_from(at, rows, 0, self.clock_ns())
            self.next = rows[-1][0] // MINUTE

    def put_in(self, numbers: list[int]) -> None:
        """Put in the bars of a file, which does not tell when they were closed."""
        self.first, self.imported_us = min(self.first, numbers[0]), self.now_us
        log, here = self.store.amendments, held(self.store)
        made = columns_from_rows([bar(number, self.price()) for number in numbers])
        is_lost, is_new = np.isin(here.time_us, made.time_us), ~np.isin(made.time_us, here.time_us)
        log.note_overwritten(self.clock_ns() // 1000, here.where(is_lost))
        added = made.time_us[is_new]
        log.note_added(self.clock_ns() // 1000, 10**9, added, np.zeros(len(added), dtype=np.int64))
        both = join_columns([here.where(~is_lost), made])
        self.store.rewrite(both.where(np.argsort(both.time_us)))


# On a clock late trades put bars between others; of trades all from one on are made anew.
KINDS = {
    "clock": ["change", "put", "mark", "repairing", "repaired", "import"],
    "activity": ["change", "replace", "mark", "repairing", "repaired", "import older"],
    "told": ["change", "put", "mark", "repairing", "repaired"],
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("seed", range(6))
def test_each_moment_reads_as_it_was_whatever_has_changed(seed: int, kind: str) -> None:
    changing = Changing(seed, KINDS[kind])
    was: dict[int, list[tuple[Any, ...]]] = {}
    for _ in range(60):
        changing.step()
        was[changing.now_us] = told(held(changing.store))
        assert changing.store.partial(0, 10_000) == tuple(
            np.flatnonzero(held(changing.store).flags & PARTIAL).tolist()
        )
    log = changing.store.amendments
    # Whoever is told of the changes reads the same, from the last one on that is not told bar by bar.
    changes, others = log.changes(), Amendments()
    others.take(changes)
    for at_us, rows in was.items():
        then = log.undo(held(changing.store), at_us)
        assert told(then.where(then.closed_us <= at_us)) == rows
        if at_us >= max(changes.lost_us, changing.imported_us):
            theirs = others.undo(held(changing.store), at_us)
            assert told(theirs.where(theirs.closed_us <= at_us)) == rows
    assert kind != "told" or changes.lost_us < min(was)


@pytest.mark.parametrize("kind", ["clock", "activity"])
def test_a_clock_that_was_ahead_and_is_set_back_tells_of_the_moments_as_a_right_one(kind: str) -> None:
    right, ahead = Changing(3, KINDS[kind]), Changing(3, KINDS[kind])
    since_us, by_us, moments = 0, 10_000, []
    for step in range(60):
        if step == 30:
            since_us, ahead.ahead_us = ahead.now_us + by_us, by_us
        right.step()
        ahead.step()
        moments.append(right.now_us)
    before = ahead.store.generation
    ahead.store.set_back(since_us, by_us)
    assert ahead.store.generation > before
    assert told(held(ahead.store)) == told(held(right.store))
    logs = [changing.store.amendments for changing in (right, ahead)]
    assert logs[0].changes() == logs[1].changes()
    for at_us in moments:
        assert told(logs[1].undo(held(ahead.store), at_us)) == told(logs[0].undo(held(right.store), at_us))


# -- one by one ------------------------------------------------------------------------------------------


def test_bars_are_put_between_others_and_in_the_places_of_those_of_their_starts() -> None:
    store = store_of([1, 2, 4])
    store.known_at = lambda: 99_000
    before = store.generation
    assert store.put_all([], AMENDED) == []
    assert store.generation == before
    assert store.put_all([bar(2, 150.0), bar(3, 130.0), bar(5, 140.0)], AMENDED) == []
    assert store.generation == before + 1
    assert starts(store) == [1, 2, 3, 4, 5]
    columns = held(store)
    assert columns.close.tolist() == [101.0, 150.0, 130.0, 104.0, 140.0]
    assert columns.vwap.tolist() == columns.close.tolist()
    assert columns.flags.tolist() == [0, AMENDED, AMENDED, 0, AMENDED]
    # One that is new was known from then on, one that was there since it closed.
    assert columns.closed_us.tolist() == [120_000_000, 180_000_000, 99, 300_000_000, 99]
    assert len(store.amendments) == 1


def test_flat_bars_follow_the_close_before_them() -> None:
    store = store_of([1])
    for number in (2, 3):
        store.stage(flat(number, 101.0), FILLED, 1)
    store.stage(bar(4, 104.0), 0, 1)
    store.stage(flat(5, 104.0), FILLED, 1)
    found = store.put_all([bar(1, 77.0)], AMENDED)
    assert found == [flat(2, 77.0), flat(3, 77.0)]
    assert held(store).close.tolist() == [77.0, 77.0, 77.0, 104.0, 104.0]
    # One that is traded in is flat no more, and those behind it follow it.
    found = store.put_all([bar(2, 88.0)], AMENDED)
    assert found == [flat(3, 88.0)]
    assert held(store).flags.tolist() == [AMENDED, AMENDED, FILLED, 0, FILLED]
    assert store.put_all([bar(4, 104.0)], AMENDED) == []


def test_a_bar_that_is_changed_taken_out_or_followed_by_others() -> None:
    store = store_of([1, 2, 3, 4])
    store.change(1, bar(2, 9.0), PARTIAL)
    assert store.row(1) == (bar(2, 9.0), PARTIAL)
    assert store.partial(0, 4) == (1,)
    assert store.partial(1, 4) == (0,)
    assert store.partial(2, 4) == store.partial(0, 1) == ()
    store.remove(1)
    assert (starts(store), store.partial(0, 4), store.total) == ([1, 3, 4], (), 3)
    store.replace_from(1, [bar(6), bar(7)], AMENDED, 5_000)
    assert starts(store) == [1, 6, 7]
    assert held(store).flags.tolist() == [0, AMENDED, AMENDED]
    assert held(store).closed_us.tolist() == [120_000_000, 5, 5]
    store.replace_from(0, [], 0, 0)
    assert (len(store), store.first_start_ns(), store.last_start_ns()) == (0, None, None)


def test_marks_are_of_a_stretch_and_go_or_stay() -> None:
    store = store_of(list(range(1, 7)))
    before = store.generation
    marked = store.mark_repairing(1, 4, since_ns=3 * MINUTE + 60 * MINUTE // 60)
    assert [row[0] // MINUTE for row in marked] == [3, 4], "the second one closed before"
    assert store.has_repairing
    assert store.generation == before + 1
    assert store.mark_repairing(2, 3) == []
    assert store.partial(0, 6) == (2, 3)
    store.mark(3, PARTIAL, 4)
    assert held(store).flags.tolist() == [0, 0, PARTIAL | REPAIRING, PARTIAL, 0, 0], "for good"
    assert store.end_repairing([(2, 3)]) == []
    whole = store.end_repairing()
    assert [row[0] // MINUTE for row in whole] == [3]
    assert (store.partial(0, 6), store.has_repairing) == ((3,), False)
    store.mark(4, PARTIAL)
    assert store.partial(0, 6) == (3, 4, 5)
    assert store.end_repairing() == []


def test_the_oldest_go_by_time_and_by_number() -> None:
    left: list[tuple[list[int], int]] = []
    store = store_of(list(range(1, 11)))
    store.on_leave = lambda columns, first: left.append(((columns.time_us * 1000 // MINUTE).tolist(), first))
    assert store.find(3 * MINUTE) == store.find(2 * MINUTE + 1) == 2
    assert store.find(3 * MINUTE + 1) == 3
    assert store.drop_before(3 * MINUTE) == 2
    assert store.drop_before(3 * MINUTE) == 0
    assert left == [([1, 2], 0)]
    store.set_limit(5)
    assert (starts(store), store.evicted, store.total) == ([6, 7, 8, 9, 10], 5, 10)
    assert left == [([1, 2], 0), ([3, 4, 5], 2)]
    assert store.nbytes == 5 * ROW_BYTES
    assert held(store).first == 5
    store.mark(0, PARTIAL, 1)
    assert store.partial(0, 5) == (0,)
    store.stage(bar(11), PARTIAL, 0)
    assert (len(store), store.partial(0, 5)) == (5, (4,))
    store.rewrite(columns_from_rows([bar(number) for number in range(20)]))
    assert (starts(store), store.evicted) == ([15, 16, 17, 18, 19], 6 + 15)
    assert left[-1] == (list(range(15)), 6)


def test_times_of_closing_are_noted_and_set_back() -> None:
    store = store_of([1, 2, 3])
    before = store.generation
    store.note_closed(np.array([0, 2]), np.array([7, 9]))
    assert held(store).closed_us.tolist() == store.closed_us(3).tolist() == [7, 180_000_000, 9]
    store.set_back(180_000_001, 5)
    assert store.generation == before
    store.set_back(9, 5)
    assert held(store).closed_us.tolist() == [7, 179_999_995, 4]
    assert store.generation == before + 1
    assert store.time_us(2).tolist() == [60_000_000, 120_000_000]


def test_a_fork_is_apart_until_it_is_adopted() -> None:
    store = store_of([1, 2, 3], limit=4)
    gone: list[int] = []
    store.on_leave = lambda columns, _: gone.extend((columns.time_us * 1000 // MINUTE).tolist())
    store.known_at = lambda: 5_000_000
    fork = store.fork()
    fork.rewrite(columns_from_rows([bar(number) for number in range(1, 7)]))
    fork.amendments.note(9, bar(6), 0)
    store.stage(bar(4), 0, 1)
    assert (starts(store), starts(fork), gone) == ([1, 2, 3, 4], [3, 4, 5, 6], [])
    assert fork.known_at() == 5_000_000
    other = store.fork()
    store.adopt(other)
    assert starts(store) == [1, 2, 3, 4], "it was given nothing"
    again = store.fork()
    again.rewrite(columns_from_rows([bar(number) for number in range(1, 7)], PARTIAL))
    store.adopt(again)
    assert (starts(store), gone, store.evicted, store.total) == ([3, 4, 5, 6], [1, 2], 2, 6)
    assert store.partial(0, 4) == (0, 1, 2, 3)
    store.stage(bar(7), 0, 1)
    assert (starts(store), gone[-1]) == ([4, 5, 6, 7], 3)
    assert len(store.frame(0, len(store))) == 4


# -- bars on disk with trades that were missed -------------------------------------------------------------


def piece(number: int, price: float, **more: Any) -> GonePiece:
    row = (number * MINUTE, price, price, price, price, 1.0, 1, price)
    given: dict[str, Any] = {"open": None, "close": None, "is_all": False, "whole": None}
    return GonePiece(row, **{**given, **more})


def test_what_was_missed_is_put_into_bars_that_are_there_and_flat_ones_follow() -> None:
    rows = [bar(1, 101.0), bar(2, 102.0), flat(3, 102.0), flat(4, 102.0), bar(5, 105.0), flat(6, 105.0)]
    kept = columns_from_rows(rows)
    kept.flags[:] = [0, PARTIAL, FILLED, FILLED, 0, FILLED]
    kept.closed_us[:] = range(11, 17)
    made = amended_bars(kept, [(90, piece(2, 222.0, close=222.0)), (91, piece(2, 44.0))])
    assert told(made) == [
        (120_000_000, 100.0, 222.0, 44.0, 222.0, 4.0, 470.0 / 4, 5, PARTIAL | AMENDED, 12),
        (180_000_000, 222.0, 222.0, 222.0, 222.0, 0.0, "nan", 0, FILLED, 13),
        (240_000_000, 222.0, 222.0, 222.0, 222.0, 0.0, "nan", 0, FILLED, 14),
    ]
    # The first trade of all, and one that leaves the close as it was.
    made = amended_bars(kept, [(90, piece(5, 150.0, open=150.0))])
    assert (made.open.tolist(), made.close.tolist(), len(made)) == ([150.0], [105.0], 1)
    # One that was flat, or not there, has what is new alone; where more is missing nobody can tell.
    made = amended_bars(kept, [(90, piece(3, 7.0, is_all=True)), (91, piece(9, 8.0, is_all=True))])
    assert [row[:2] + row[-2:] for row in told(made)] == [
        (180_000_000, 7.0, AMENDED, 13),
        (240_000_000, 7.0, FILLED, 14),
        (540_000_000, 8.0, AMENDED, 91),
    ]
    assert len(amended_bars(kept, [(90, piece(3, 7.0)), (90, piece(9, 7.0))])) == 0
    # What is known to be all of it counts, where as many trades make it up.
    whole = (MINUTE, 1.0, 2.0, 0.5, 1.5, 9.0, 4, 13.5)
    assert told(amended_bars(kept, [(90, piece(1, 7.0, whole=whole))]))[0][1:6] == whole[1:6]
    other = (MINUTE, 1.0, 2.0, 0.5, 1.5, 9.0, 5, 13.5)
    assert amended_bars(kept, [(90, piece(1, 7.0, whole=other))]).low.tolist() == [7.0]


# -- what amendments tell --------------------------------------------------------------------------------


def test_changes_without_a_time_are_none() -> None:
    log, bars = Amendments(), columns_from_rows([bar(1), bar(2)])
    log.note(0, bar(1), 0)
    log.note_replaced(0, 0, bars)
    log.note_overwritten(0, bars)
    log.note_marked(0, bars, nth_of_start(bars.time_us))
    log.note_added(5, 5, bars.time_us, nth_of_start(bars.time_us))
    nothing = bars.part(0, 0)
    log.note_replaced(5, 0, nothing)
    log.note_overwritten(5, nothing)
    log.note_marked(5, nothing, nth_of_start(nothing.time_us))
    log.note_added(6, 5, nothing.time_us, nth_of_start(nothing.time_us))
    assert len(log) == 0
    assert not log.were_replaced(0)
    log.note_added(6, 5, bars.time_us, nth_of_start(bars.time_us))
    assert [log.were_replaced(at) for at in (4, 5, 6)] == [False, True, False]
    assert log.added() == {MINUTE, 2 * MINUTE}
    assert (log.starts(), log.overwritten()) == (set(), set())


def test_of_added_bars_who_read_between_finds_none() -> None:
    log, bars = Amendments(), columns_from_rows([bar(1), bar(2), bar(3)])
    log.note_added(100, 50, bars.time_us[1:2], np.array([0]))
    for at, found in ((49, 3), (50, 2), (99, 2), (100, 3)):
        then = log.undo(bars, at)
        assert (len(then), then.first) == (found, 3 - found)


def test_bars_that_were_overwritten_are_told_of_by_their_start_and_place() -> None:
    log = Amendments()
    both = columns_from_rows([bar(1, 60.0), bar(1, 61.0), bar(2, 62.0)])
    log.note_overwritten(10, both.part(1, 2), np.array([1]))
    now = columns_from_rows([bar(1, 60.0), bar(1, 99.0), bar(2, 62.0)])
    assert log.undo(now, 9).close.tolist() == [60.0, 61.0, 62.0]
    assert log.undo(now, 10).close.tolist() == [60.0, 99.0, 62.0]
    assert now.close.tolist() == [60.0, 99.0, 62.0], "what is held stays"
    assert log.overwritten() == {MINUTE}


def test_what_is_dated_anew_is_that_and_nothing_else() -> None:
    log, bars = Amendments(), columns_from_rows([bar(1)])
    for known in (10, 20, 30):
        log.note(known, bar(1, 50.0 + known), 0)
    log.redate(20, 25)
    assert [one.known_us for one in log.changes().kept] == [10, 25, 30]
    assert [log.undo(bars, at).close.tolist()[0] for at in (9, 10, 24, 25, 30)] == [
        60.0,
        70.0,
        70.0,
        80.0,
        100.0,
    ]
    copied = log.copy()
    copied.note(40, bar(1), 0)
    assert (len(log), len(copied)) == (3, 4)


# -- columns ---------------------------------------------------------------------------------------------


def test_bars_are_joined_cut_and_chosen() -> None:
    one, other = columns_from_rows([bar(1), bar(2)], PARTIAL), columns_from_rows([bar(3)])
    both = join_columns([one, columns_from_rows([]), other])
    assert (told(both), both.first) == (told(one) + told(other), 0)
    assert join_columns([one]) is one
    # As of bars on disk with those in memory behind them: what becomes others there is told by the latter.
    memory = dataclasses.replace(other, first=9, forming=True, generation=5)
    joined = join_columns([dataclasses.replace(one, first=7), memory])
    assert (joined.first, joined.forming, joined.generation) == (7, True, 5)
    part = BarColumns.of([both.time_us, *both.prices, both.tick_count, both.flags], 7, 2, forming=True)
    assert (part.part(1, 3).first, part.part(1, 3).forming, part.part(0, 2).forming) == (8, True, False)
    assert part.part(3, 3).forming is False
    assert (part.where(np.array([0, 2])).first, part.where(np.array([2])).generation) == (0, 2)
    assert part.closed_us.tolist() == [0, 0, 0]
    assert math.isnan(columns_from_rows([flat(1, 5.0)]).vwap[0])
    assert both.turnover.tolist() == [200.0, 200.0, 200.0]


def test_bars_are_found_and_compared_by_start_and_place() -> None:
    times = np.array([10, 20, 20, 30])
    has, at = find_bars(times, np.array([5, 10, 20, 20, 20, 30, 40]), np.array([0, 0, 0, 1, 2, 0, 0]))
    assert has.tolist() == [False, True, True, True, False, True, False]
    assert at[has].tolist() == [0, 1, 2, 3]
    bars = columns_from_rows([bar(1), bar(2), bar(3)])
    others = columns_from_rows([bar(2), bar(3, 101.0), bar(4)])
    same, at = same_bars(bars, others)
    assert same.tolist() == [False, True, False]
    assert same_bars(bars, columns_from_rows([bar(1, volume=9.0)]), "volume")[0].tolist() == [False] * 3
    frame = frame_of(bars, "Asia/Tokyo", with_vwap=False)
    assert list(frame.columns) == ["open", "high", "low", "close", "volume", "tick_count"]
    assert (str(frame.index.tz), frame.index.name) == ("Asia/Tokyo", "timestamp")
    assert frame_of(bars, "UTC", with_vwap=True)["vwap"].tolist() == [100.0] * 3


def test_parts_of_many_bars_are_of_about_one_size_and_cut_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdnb.stores.segment_plan.MERGED_ROWS", 4)

    def sizes(numbers: list[int]) -> list[int]:
        return [len(part) for part in split(columns_from_rows([bar(number) for number in numbers]))]

    assert sizes([]) == []
    assert sizes(list(range(4))) == [4]
    assert sizes(list(range(5))) == [2, 3]
    assert sizes(list(range(12))) == [4, 4, 4]
    assert sizes([1, 2, 3, 3, 3, 3, 4, 5]) == [2, 6]
    assert sizes([1] * 9) == [9]
    made, gone = merge(
        columns_from_rows([bar(1, 60.0), bar(3, 61.0)]), columns_from_rows([bar(2, 62.0), bar(3, 63.0)])
    )
    assert (made.close.tolist(), gone) == ([60.0, 62.0, 63.0], 1)


# -- which rows go to which segment ----------------------------------------------------------------------


def segment(first: int, last: int, rows: int, *, compressed: bool = True) -> Segment:
    return Segment(Path(f"{first}-{last}"), first * MINUTE, last * MINUTE, rows, 0, 0, compressed)


def test_what_is_not_compressed_is_merged_with_neighbours_of_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mdnb.stores.segment_plan.MERGED_ROWS", 100)

    def group(*rows: int) -> list[int]:
        """Sizes of those that are merged; of those not compressed they are given below zero."""
        held = [segment(at, at, abs(count), compressed=count > 0) for at, count in enumerate(rows)]
        return [one.rows for one in find_group(held)]

    assert group() == group(5, 5) == []
    assert group(5, -5, 5) == [5, 5, 5]
    # Twice as large is small enough, more is not; what is not compressed always is.
    assert group(20, -10, 20) == [20, 10, 20]
    assert group(61, -10, 20) == [10, 20]
    assert group(60, -10, 20) == [60, 10, 20]
    assert group(-10, 21) == [10]
    assert group(-10, -50, 21) == [10, 50, 21]
    # No more than so many together.
    assert group(-50, -50, -1) == [50, 50]
    assert group(-50, -51) == [50]
    assert group(1, -50, -50) == [50, 50]
    assert group(30, 30, -40, 1) == [30, 40, 1]


def test_late_rows_go_into_a_segment_or_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdnb.stores.segment_plan._OWN_ROWS", 3)
    held = [segment(10, 20, 5), segment(30, 40, 5)]

    def placed(*numbers: int) -> tuple[dict[int, list[int]], list[list[int]]]:
        times = np.array(numbers, dtype=np.int64) * MINUTE // 1000
        into, apart = place_rows(times, held)
        return {at: list(numbers[part]) for at, part in into.items()}, [list(numbers[part]) for part in apart]

    assert placed() == ({}, [])
    assert placed(10, 20, 30, 40) == ({0: [10, 20], 1: [30, 40]}, [])
    # Fewer than three go into the one before, those before all into the first.
    assert placed(1, 2, 21, 29, 41) == ({0: [1, 2, 21, 29], 1: [41]}, [])
    assert placed(1, 2, 3) == ({}, [[1, 2, 3]])
    assert placed(1, 2, 3, 10) == ({0: [10]}, [[1, 2, 3]])
    assert placed(15, 21, 22, 29) == ({0: [15]}, [[21, 22, 29]])
    assert placed(41, 42, 43) == ({}, [[41, 42, 43]])
    assert place_rows(np.arange(4), []) == ({}, [slice(0, 4)])
    assert place_rows(np.arange(0), []) == ({}, [])


# -- a side of the book far from its top -----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_the_far_levels_are_those_of_a_plain_dict(seed: int) -> None:
    source = random.Random(seed)
    levels = [(float(source.randrange(1, 60)), float(source.randrange(0, 3))) for _ in range(40)]
    tail, refused = BookTail.of([*levels, (0.0, 1.0), (60.0, 1.0), (5.0, -1.0)], 1, 1.0, 0.5, (0.0, 60.0))
    assert refused == 3
    plain = {price * 2: (price, size, 1) for price, size in levels}
    plain = {key: level for key, level in plain.items() if level[1] > 0}
    for number in itertools.count(2):
        for _ in range(5):
            price, size = float(source.randrange(1, 60)), float(source.randrange(0, 3))
            if price * 2 <= tail.edge:
                tail.put(price * 2, (price, size, number))
                plain[price * 2] = (price, size, number)
                if not size:
                    del plain[price * 2]
        assert len(tail) == len(plain)
        if not plain:
            break
        found = tail.take(source.randrange(1, 9))
        assert list(found) == sorted(found)
        assert found == {key: level for key, level in plain.items() if key > tail.edge}
        plain = {key: level for key, level in plain.items() if key <= tail.edge}
    assert tail.edge == -math.inf


def test_keys_are_whole_ticks_where_prices_are() -> None:
    tail, _ = BookTail.of([(0.3, 1.0), (0.1, 1.0), (0.25, 1.0), (0.3, 2.0)], 1, -1.0, 0.1, (0.0, math.inf))
    found = tail.take(9)
    assert list(found) == [-3.0, -2.5, -1.0]
    assert found[-3.0] == (0.3, 2.0, 1)
    tail, refused = BookTail.of([(-2.0, 1.0), (3.0, math.inf)], 1, 1.0, None, (-math.inf, math.inf))
    assert (list(tail.take(5)), refused) == ([-2.0], 1)
