"""The bar store against a plain list, through every kind of change."""

from __future__ import annotations

import types

import numpy as np
import pandas as pd
from hypothesis import given, settings, strategies as st

from mdnb.rows import BarRow, TradeRow
from mdnb.stores.bars import AMENDED, PARTIAL, BarColumns, BarStore
from mdnb.stores.columns import columns_from_rows, join_columns
from mdnb.stores.ticks import IN_BARS, TICK_DTYPE, WAITING, RowStore

MINUTE = 60_000_000_000


def row(number: int, price: float = 1.0) -> BarRow:
    """A bar whose prices tell which one it is."""
    value = number + price
    return (number * MINUTE, value, value + 1, value - 1, value + 0.5, 2.0, 3, 2 * value)


def check(store: BarStore, model: list[BarRow], forming: BarRow | None) -> pd.DataFrame:
    frame = store.frame(0, len(store), forming)
    shown = [*model, forming] if forming else model
    assert (frame.index.as_unit("ns").asi8).tolist() == [held[0] for held in shown]
    assert frame["open"].tolist() == [held[1] for held in shown]
    assert frame["close"].tolist() == [held[4] for held in shown]
    assert frame["tick_count"].tolist() == [held[6] for held in shown]
    assert len(store) == len(model)
    return frame


def check_generation(before: BarColumns, now: BarColumns) -> None:
    """Where the generation is the same, the bars that both have are: of which only some are drawn anew."""
    first, stop = max(before.first, now.first), min(before.first + len(before), now.first + len(now))
    if now.generation == before.generation and first < stop:
        then, here = (one.part(first - one.first, stop - one.first) for one in (before, now))
        assert then.time_us.tolist() == here.time_us.tolist()
        assert then.close.tolist() == here.close.tolist()


actions = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 700)),
        st.tuples(st.just("read"), st.just(0)),
        st.tuples(st.just("amend"), st.integers(0, 30)),
        st.tuples(st.just("insert"), st.integers(1, 30)),
        st.tuples(st.just("drop"), st.integers(0, 60)),
        st.tuples(st.just("limit"), st.integers(1, 2500)),
    ),
    max_size=25,
)


@given(actions, st.integers(1, 2500))
@settings(max_examples=60)
def test_the_store_holds_the_newest_bars_and_frames_never_change(
    given_actions: list[tuple[str, int]], limit: int
) -> None:
    store, model, number = BarStore(limit), [], 0
    total = 0
    handed: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    columns = store.columns(0, 0)
    for action, size in given_actions:
        if action == "append":
            for _ in range(size):
                # Every third interval is left empty, so that something can be put there later.
                number += 2 if number % 3 == 0 else 1
                store.stage(row(number))
                model.append(row(number))
                total += 1
        elif action == "limit":
            limit = size
            store.set_limit(limit)
        elif action == "drop" and model:
            gone = model[min(size, len(model) - 1)][0]
            store.settle()
            store.drop_before(gone)
            model = [held for held in model[-limit:] if held[0] >= gone]
        elif action == "amend" and model:
            store.settle()
            model = model[-limit:]
            at = max(0, len(model) - 1 - size)
            changed = row(model[at][0] // MINUTE, 7.0)
            store.change(at, changed, AMENDED)
            model[at] = changed
        elif action == "insert" and model:
            store.settle()
            model = model[-limit:]
            wanted = number - size
            first = model[0][0] // MINUTE
            made = [row(at, 5.0) for at in range(wanted, wanted + size, 2) if first < at <= number]
            store.put_all(made, AMENDED)
            model = sorted({held[0]: held for held in [*model, *made]}.values())
        store.settle()
        model = model[-limit:]
        forming = row(number + 1, 9.0)
        frame = check(store, model, forming if action == "read" else None)
        handed.append((frame, frame.copy(deep=True)))
        assert store.evicted + len(store) == store.total
        before, columns = columns, store.columns(0, len(store))
        check_generation(before, columns)
        assert action != "append" or columns.generation == before.generation
    for frame, then in handed:
        assert frame.index.asi8.tolist() == then.index.asi8.tolist()
        pd.testing.assert_frame_equal(frame, then)


def test_reading_with_a_forming_bar_at_every_size_around_the_buffers_ends() -> None:
    store, model = BarStore(50), []
    for number in range(2500):
        store.stage(row(number))
        model.append(row(number))
        store.settle()
        model = model[-50:]
        check(store, model, row(number + 1, 3.0))
        columns = store.columns(0, len(store), row(number + 1, 3.0))
        assert columns.open.tolist() == [held[1] for held in [*model, row(number + 1, 3.0)]]
        assert columns.first == number + 1 - len(model)


def test_bars_written_anew_keep_to_the_limit_and_the_oldest_are_handed_on() -> None:
    store, gone = BarStore(10), []
    store.on_evict = lambda columns: gone.extend((columns.time_us * 1000).tolist())
    for number in range(100, 104):
        store.stage(row(number))
    older = columns_from_rows([row(number) for number in range(80, 100)], PARTIAL)
    store.rewrite(join_columns([older, store.columns(0, 4)]))
    check(store, [row(number) for number in range(94, 104)], None)
    assert store.partial(0, 10) == (0, 1, 2, 3, 4, 5)
    assert gone == [row(number)[0] for number in range(80, 94)]


def test_a_block_of_bars_is_its_bars() -> None:
    rows = [row(1), (2 * MINUTE, 5.0, 5.0, 5.0, 5.0, 0.0, 0, 0.0), row(3)]
    names = ("start", "open", "high", "low", "close", "volume", "count", "turnover")
    block = types.SimpleNamespace(
        **{name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    )
    whole, single = BarStore(10), BarStore(10)
    whole.extend_block(block, PARTIAL)
    for at, each in enumerate(rows):
        single.stage(each, 0 if at else PARTIAL)
    assert [whole.row(at) for at in range(3)] == [
        (each, 0 if at else PARTIAL) for at, each in enumerate(rows)
    ]
    pd.testing.assert_frame_equal(whole.frame(0, 3), single.frame(0, 3))


def test_blocks_as_large_as_the_limit_take_the_places_of_others_as_large() -> None:
    """Of megabytes, each with memory of its own."""
    limit, number = 9_000, 0
    bars, rows, arrays = BarStore(limit), RowStore(TICK_DTYPE, limit), RowStore(TICK_DTYPE, limit)
    for size in (limit, limit, 5, limit - 1, limit + 7, 4_500):
        ticks = [(number + i, 1.0, 2.0, 1, 1, number + i) for i in range(size)]
        bars.extend(columns_from_rows([(i * 1000, 1.0, 1.0, 1.0, float(i), 1.0, 1, 1.0) for i, *_ in ticks]))
        rows.extend(ticks)
        arrays.extend_array(np.array([(*tick, IN_BARS) for tick in ticks], dtype=TICK_DTYPE))
        number += size
        newest = list(range(max(0, number - limit), number))
        held = bars.columns(0, len(bars))
        assert held.time_us.tolist() == held.close.tolist() == newest
        for store in (rows, arrays):
            assert store.tail(limit)["ts_ns"].tolist() == store.tail(limit)["trade_id"].tolist() == newest
        assert bars.total == rows.total == arrays.total == number


@given(st.lists(st.integers(1, 40), max_size=12), st.integers(1, 30))
def test_what_leaves_memory_and_what_stays_is_everything_in_order(sizes: list[int], limit: int) -> None:
    store, gone, number = BarStore(limit), [], 0
    store.on_evict = lambda columns: gone.extend((columns.time_us * 1000).tolist())
    for at, size in enumerate(sizes):
        rows = [row(number + i) for i in range(size)]
        number += size
        if at % 2:
            store.extend(columns_from_rows(rows))
        else:
            for each in rows:
                store.stage(each)
    held = (store.columns(0, len(store)).time_us * 1000).tolist()
    assert gone + held == [row(i)[0] for i in range(number)]
    assert len(held) <= limit
    assert store.total == number


@given(st.lists(st.integers(0, 300), max_size=20), st.integers(1, 400))
def test_ticks_are_the_newest_rows_in_order(sizes: list[int], limit: int) -> None:
    store, model, number = RowStore(TICK_DTYPE, limit), [], 0
    for size in sizes:
        rows = [(number + i, 1.0, 2.0, 1, 1, number + i) for i in range(size)]
        number += size
        store.extend(rows)
        model = [*model, *rows][-limit:]
        held = store.tail(10_000)
        assert held["trade_id"].tolist() == [each[5] for each in model]
        assert store.total == number
        assert store.nbytes == len(model) * TICK_DTYPE.itemsize


def test_bars_that_were_just_closed_count_before_they_are_in_the_columns() -> None:
    store = BarStore(10)
    assert (store.first_start_ns(), store.last_start_ns()) == (None, None)
    for number in (3, 4):
        store.stage(row(number))
    assert (store.first_start_ns(), store.last_start_ns()) == (3 * MINUTE, 4 * MINUTE)
    assert check(store, [row(3), row(4)], None) is not None
    assert (store.first_start_ns(), store.last_start_ns()) == (3 * MINUTE, 4 * MINUTE)
    store.stage(row(5))
    assert store.frame(0, 3, None)["open"].tolist() == [4.0, 5.0, 6.0]


def test_ticks_put_in_as_an_array_are_those_put_in_as_rows() -> None:
    rows = [(number, 100.0 + number, 1.0, 1, 0, number) for number in range(25)]
    one, other = RowStore(TICK_DTYPE, 10), RowStore(TICK_DTYPE, 10)
    assert one.last() is None
    one.extend(rows)
    given = RowStore(TICK_DTYPE, 25)
    given.extend(rows)
    other.extend_array(given.tail(25))
    assert one.tail(99).tolist() == other.tail(99).tolist()
    assert one.last() == other.last() == one.tail(1)[0].item()
    assert (other.total, len(other), other.reaches(14), other.reaches(15)) == (25, 10, False, True)


def test_of_ticks_that_came_late_it_is_known_whether_newer_ones_are_gone() -> None:
    def rows(*times: int) -> list[TradeRow]:
        return [(time, 100.0, 1.0, 1, 0, time) for time in times]

    store = RowStore(TICK_DTYPE, 4)
    store.extend(rows(1, 2, 50, 60, 3, 4))
    # The oldest one held is from before 5, and yet 50 would be lacking soon.
    assert (store.reaches(3), store.reaches(2)) == (True, False)
    store.extend(rows(70))
    assert (store.reaches(50), store.reaches(51)) == (False, True)
    store.set_limit(2)
    assert (store.reaches(60), store.reaches(61)) == (False, True)
    store.drop_before(70)
    assert store.tail(9)["ts_ns"].tolist() == [70]
    store.extend(rows(80, 90, 65))
    assert (store.reaches(80), store.reaches(81)) == (False, True)


def test_ticks_taken_out_count_as_never_added() -> None:
    store = RowStore(TICK_DTYPE, 100)
    rows: list[TradeRow] = [(number, 100.0, 1.0, 1, 0, number) for number in range(20)]
    for at in range(0, 20, 5):
        store.extend(rows[at : at + 5], flag=WAITING if at % 2 else IN_BARS)
    store.take_out(WAITING)
    assert store.tail(99)["ts_ns"].tolist() == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    assert (store.total, len(store), store.reaches(0)) == (10, 10, True)


def test_what_ticks_drove_out_that_are_taken_out_is_known_to_be_gone() -> None:
    store = RowStore(TICK_DTYPE, 3)
    rows: list[TradeRow] = [(number, 100.0, 1.0, 1, 0, number) for number in range(5)]
    store.extend(rows[:3])
    store.extend(rows[3:], flag=WAITING)
    store.take_out(WAITING)
    assert store.tail(9)["ts_ns"].tolist() == [2]
    assert (store.reaches(1), store.reaches(2)) == (False, True)


def test_ticks_put_between_others_drive_out_the_oldest() -> None:
    store = RowStore(TICK_DTYPE, 4)
    rows: list[TradeRow] = [(number, 100.0, 1.0, 1, 0, number) for number in range(9)]
    store.extend([rows[1], rows[3], rows[8]])
    assert store.insert([rows[0], rows[5], rows[6]], [0, 2, 2], WAITING).tolist() == [
        False,
        True,
        True,
        False,
    ]
    assert store.tail(9)[["ts_ns", "flag"]].tolist() == [
        (3, IN_BARS),
        (5, WAITING),
        (6, WAITING),
        (8, IN_BARS),
    ]
    assert (store.total, store.reaches(1), store.reaches(2)) == (6, False, True)


def test_one_bar_is_the_first_and_the_last_staged_or_settled() -> None:
    store = BarStore(10)
    assert (store.first_start_ns(), store.last_start_ns()) == (None, None)
    for start in (60_000_000_000, 120_000_000_000):
        store.stage((start, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0))
        assert (store.first_start_ns(), store.last_start_ns()) == (60_000_000_000, start)
        store.settle()
        assert (store.first_start_ns(), store.last_start_ns()) == (60_000_000_000, start)


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 10**6), st.booleans()), max_size=30),
    st.integers(3, 40),
)
def test_each_bar_keeps_its_own_flags_and_closing_time(bars: list[tuple[int, int, bool]], limit: int) -> None:
    store = BarStore(limit)
    for number, (flags, closed_us, settles) in enumerate(bars):
        store.stage(row(number), flags, closed_us * 1000)
        if settles:
            store.settle()
    held = len(store)
    assert min(len(bars), limit) <= held <= len(bars)
    assert store.total == len(bars)
    kept = bars[len(bars) - held :]
    assert [store.row(at)[1] for at in range(held)] == [flags for flags, _, _ in kept]
    assert store.closed_us(held).tolist() == [closed_us for _, closed_us, _ in kept]
    partial = tuple(at for at, (flags, _, _) in enumerate(kept) if flags & PARTIAL)
    assert store.partial(0, held) == partial
    assert store.columns(0, held).flags.tolist() == [flags for flags, _, _ in kept]
