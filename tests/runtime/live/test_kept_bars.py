"""Whatever happens to bars in memory, who is told of the changes has them as they are, and those gone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

from mdnb.rows import BarRow
from mdnb.runtime.live.kept_bars import BarWatch, _sums
from mdnb.stores.bars import BarStore
from mdnb.stores.columns import PARTIAL, BarColumns, columns_from_rows, nth_of_start

MINUTE = 60_000_000_000
ARRAYS = ("open", "high", "low", "close", "volume", "vwap", "tick_count", "flags", "closed_us")
Key = tuple[int, int]


def bar(minute: int, price: float, count: int = 3) -> BarRow:
    """A bar of a minute."""
    return (minute * MINUTE, price, price + 1, price - 1, price, 10.0, count, 10.0 * price)


def rows_of(columns: BarColumns, nth: np.ndarray) -> dict[Key, tuple[float, ...]]:
    """Bars by start and by which of its start each is."""
    keys = zip(columns.time_us.tolist(), nth.tolist(), strict=True)
    values = zip(*(getattr(columns, name).tolist() for name in ARRAYS), strict=True)
    return dict(zip(keys, values, strict=True))


class Kept:
    """What somebody has who is told of changes."""

    def __init__(self, log: BarStore) -> None:
        self.watch = BarWatch(log)
        self.bars: dict[Key, tuple[float, ...]] = {}

    def look(self) -> int:
        """Take what changed; return how many bars were told of."""
        told = 0
        for change in self.watch.changes():
            made = rows_of(change.columns, change.nth)
            told += len(made)
            for key, values in made.items():
                if change.gone:
                    del self.bars[key]
                else:
                    self.bars[key] = values
        return told


class Both:
    """A log with a limit, which is watched, and one that keeps all."""

    def __init__(self, limit: int) -> None:
        self.log, self.whole = BarStore(limit), BarStore(10_000)
        self.kept = Kept(self.log)
        self.next = 1

    def both(self, at: int) -> list[tuple[BarStore, int]]:
        """Return both, with the places of a bar counted from the newest."""
        return [(one, len(one) - 1 - at) for one in (self.log, self.whole)]

    def do(self, action: str, at: int, price: float) -> None:
        """Let something happen to both."""
        held = len(self.log)
        at = min(at, held - 1)
        if action == "close" or held < 2:
            self.next += 1 + int(price) % 3
            for log in (self.log, self.whole):
                log.stage(bar(self.next, price), PARTIAL if price < 3 else 0, self.next * MINUTE + 5000)
        elif action == "put":
            # Between the oldest one in memory and the newest.
            first, last = (self.log.row(place)[0][0] // MINUTE for place in (0, held - 1))
            for log in (self.log, self.whole):
                log.put_all([bar(first + (at * 7) % (last - first + 1), price)], 0)
        elif action == "forget":
            self.log.drop_before(self.log.row(held - 1 - at)[0][0])
        elif action == "limit":
            self.log.set_limit(2 + at)
        else:
            for log, place in self.both(at):
                _ONE[action](log, place, price)


def change(log: BarStore, place: int, price: float) -> None:
    """Overwrite a bar."""
    row, flags = log.row(place)
    log.change(place, bar(row[0] // MINUTE, price), flags)


_ONE = {
    "change": change,
    "remove": lambda log, place, _: log.remove(place),
    "mark": lambda log, place, _: log.mark(place, PARTIAL, place + 1),
}
ACTIONS = ("close", "close", "close", "change", "put", "remove", "mark", "forget", "limit", "look")


@given(
    limit=st.integers(2, 12),
    script=st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, 12), st.integers(2, 40).map(float)), max_size=60
    ),
)
@example(limit=2, script=[("close", 0, 2.0), ("close", 0, 2.0), ("remove", 1, 2.0)])
@example(limit=2, script=[("close", 0, 2.0), ("close", 0, 2.0), ("remove", 0, 2.0), *[("close", 0, 2.0)] * 3])
def test_who_is_told_has_all_bars_as_they_are(limit: int, script: list[tuple[str, int, float]]) -> None:
    both = Both(limit)
    for action, at, price in script:
        if action == "look":
            both.kept.look()
        else:
            if action in ("change", "remove", "mark", "put", "forget"):
                both.kept.look()  # who writes does so before more leaves memory than it holds
            both.do(action, at, price)
    both.kept.look()
    columns = both.whole.columns(0, len(both.whole))
    assert both.kept.bars == rows_of(columns, nth_of_start(columns.time_us))
    assert both.kept.look() == 0


def test_bars_of_one_instant_are_numbered_over_looks_and_after_they_left() -> None:
    log = BarStore(2)
    kept = Kept(log)
    for at in range(9):
        log.stage(bar(5, float(at), at))
        if at in (0, 4, 5):
            kept.look()
    kept.look()
    assert sorted(kept.bars) == [(5 * 60_000_000, at) for at in range(9)]
    assert [kept.bars[key][0] for key in sorted(kept.bars)] == [float(at) for at in range(9)]
    log.change(1, bar(5, 99.0, 8), 0)
    kept.look()
    assert [kept.bars[key][0] for key in sorted(kept.bars)] == [*map(float, range(8)), 99.0]


def test_only_what_changed_is_told() -> None:
    log = BarStore(1000)
    kept = Kept(log)
    for at in range(500):
        log.stage(bar(at, 5.0 + at))
    assert kept.look() == 500
    assert kept.look() == 0
    log.change(7, bar(7, 1.0), 0)
    assert kept.look() == 1
    log.stage(bar(500, 5.0))
    assert kept.look() == 1
    log.remove(7)
    assert kept.look() == 1
    # As of a bar that is put anew just as it is.
    log.change(9, log.row(9)[0], log.row(9)[1])
    assert kept.look() == 0


@pytest.mark.parametrize("name", ARRAYS)
def test_a_difference_in_any_column_is_seen(name: str) -> None:
    log, other = BarStore(10), BarStore(10)
    for at in range(3):
        log.stage(bar(at, 5.0))
        other.stage(bar(at, 5.0))
    columns = other.columns(0, 3)
    watch = BarWatch(log)
    values = getattr(columns, name)
    values[1] = values[1] + 1
    watch.seed(columns)
    (change,) = watch.changes()
    assert change.columns.time_us.tolist() == [60_000_000]
    watch.close()
    assert log.on_leave is None


def test_a_bar_beside_others_of_its_start_that_have_left_keeps_its_number() -> None:
    log = BarStore(2)
    kept = Kept(log)
    for minute in (5, 5, 5, 6):
        log.stage(bar(minute, float(minute)))
    kept.look()
    assert sorted(kept.bars) == [
        (5 * 60_000_000, 0),
        (5 * 60_000_000, 1),
        (5 * 60_000_000, 2),
        (6 * 60_000_000, 0),
    ]
    # Of the start of two that left, and alone in memory with a later one.
    log.change(0, bar(5, 99.0), 0)
    (change,) = kept.watch.changes()
    assert (change.columns.close.tolist(), change.nth.tolist(), change.gone) == ([99.0], [2], False)
    log.change(1, bar(6, 98.0), 0)
    (change,) = kept.watch.changes()
    assert (change.columns.close.tolist(), change.nth.tolist()) == ([98.0], [0])


def test_a_log_that_changed_before_it_was_watched_has_to_be_looked_at_whole() -> None:
    log = BarStore(10)
    log.stage(bar(1, 5.0))
    log.change(0, bar(1, 6.0), 0)
    watch = BarWatch(log)
    assert (watch.is_new, watch.has_changed) == (True, True)
    (change,) = watch.changes()
    assert (change.columns.close.tolist(), watch.is_new, watch.has_changed) == ([6.0], False, False)
    log.change(0, bar(1, 7.0), 0)
    assert watch.has_changed
    other = BarWatch(log)
    other.seed(log.columns(0, 1))
    assert other.is_new is False
    assert other.changes() == []


def test_what_left_unasked_for_may_be_forgotten() -> None:
    log = BarStore(2)
    watch = BarWatch(log)
    for minute in range(6):
        log.stage(bar(minute, 5.0 + minute))
        log.settle()
    assert [len(change.columns) for change in watch._left] == [1, 1, 1, 1]
    watch.forget_left()
    (change,) = watch.changes()
    assert change.columns.close.tolist() == [9.0, 10.0]
    log.stage(bar(6, 11.0))
    assert [one.gone for one in watch.changes()] == [False]


def test_bars_that_differ_in_several_columns_at_once_are_told_apart() -> None:
    prices = [float(price) for price in range(1, 101)]
    rows = [
        (MINUTE, 50.0, high, low, 50.0, volume, 3, 1.0)
        for high in prices[::2]
        for low in prices[::2]
        for volume in prices[::10]
    ]
    columns = columns_from_rows(rows)
    assert len(np.unique(_sums(columns))) == len(rows)


def test_of_the_last_of_many_bars_of_one_instant_it_is_told_which_is_gone() -> None:
    log = BarStore(100)
    for number in range(9):
        log.stage(bar(29_541_000, float(number)))
    watch = BarWatch(log)
    assert [len(change.columns) for change in watch.changes()] == [9]
    log.remove(8)
    (change,) = watch.changes()
    assert (change.gone, change.nth.tolist()) == (True, [8])
    assert change.columns.time_us.tolist() == [29_541_000 * 60_000_000]


def test_of_bars_that_left_no_more_is_remembered_than_memory_holds_a_few_times() -> None:
    log = BarStore(10)
    watch = BarWatch(log)
    watch.changes()
    for minute in range(500):
        log.stage(bar(minute, 5.0 + minute))
        log.settle()
        watch.forget_left()
    assert len(watch._known[0]) + sum(len(part[0]) for part in watch._tail) <= 40
    watch.changes()
    log.change(9, bar(499, 1.0), 0)
    log.change(8, bar(498, 503.0), 0)
    told = [(change.columns.time_us // 60_000_000).tolist() for change in watch.changes()]
    assert told == [[499]]
