"""Bars on disk against plain numpy arrays, through every kind of change."""

from __future__ import annotations

import itertools
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings, strategies as st
from numpy.typing import NDArray

from mdnb.errors import ClosedError, DataExportError, OptionError
from mdnb.stores.columns import BarColumns
from mdnb.stores.overflow import Overflow
from mdnb.stores.segments import SegmentStore
from tests.limits import LIMIT_SECONDS

MINUTE_US = 60_000_000
FLOATS = ("open", "high", "low", "close", "volume", "vwap")
ROW = np.dtype([("time_us", "i8"), *((name, "u8") for name in FLOATS), ("tick_count", "i8"), ("flags", "u1")])
Rows = NDArray[np.void]  # prices as their bits, so that equal means equal bit by bit
ODD = np.array([np.nan, -np.nan, 0.0, -0.0, np.inf, -np.inf, 5e-324], dtype="f8").view("u8")
SIGNALLING = np.array([0x7FF0000000000001, 0xFFF8000000000ABC], dtype="u8")


def rows_at(times_us: NDArray[np.int64], seed: int = 0) -> Rows:
    """Rows of random bits, of which a tenth are values that compare oddly."""
    chance = np.random.default_rng(seed)
    rows = np.zeros(len(times_us), dtype=ROW)
    rows["time_us"] = times_us
    odd = np.concatenate([ODD, SIGNALLING])
    for name in FLOATS:
        bits = chance.integers(0, 2**64, len(rows), dtype="u8")
        strange = chance.random(len(rows)) < 0.1
        bits[strange] = chance.choice(odd, int(strange.sum()))
        rows[name] = bits
    rows["tick_count"] = chance.integers(-(2**63), 2**63 - 1, len(rows), dtype="i8", endpoint=True)
    rows["flags"] = chance.integers(0, 8, len(rows), dtype="u1")
    return rows


def minutes(begin: int, end: int, seed: int = 0) -> Rows:
    return rows_at(np.arange(begin, end, dtype="i8") * MINUTE_US, seed)


def columns_of(rows: Rows) -> BarColumns:
    floats = {name: np.ascontiguousarray(rows[name]).view("f8") for name in FLOATS}
    whole = {name: np.ascontiguousarray(rows[name]) for name in ("time_us", "tick_count", "flags")}
    return BarColumns(**floats, **whole, first=0, forming=False, generation=0)


def rows_of(columns: BarColumns) -> Rows:
    rows = np.zeros(len(columns), dtype=ROW)
    for name, wanted in (("time_us", "i8"), ("tick_count", "i8"), ("flags", "u1")):
        assert getattr(columns, name).dtype == np.dtype(wanted)
        rows[name] = getattr(columns, name)
    for name in FLOATS:
        assert getattr(columns, name).dtype == np.dtype("f8")
        rows[name] = getattr(columns, name).view("u8")
    return rows


def same(columns: BarColumns, rows: Rows) -> bool:
    return rows_of(columns).tobytes() == rows.tobytes()


def between(rows: Rows, start_ns: int | None, end_ns: int | None) -> Rows:
    times = [int(time) * 1000 for time in rows["time_us"]]
    wanted = [(start_ns is None or time >= start_ns) and (end_ns is None or time <= end_ns) for time in times]
    return rows[np.array(wanted, dtype=bool)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SegmentStore]:
    store = SegmentStore(tmp_path / "1min")
    yield store
    store.close()


def on_disk(store: SegmentStore) -> int:
    return sum(
        path.stat().st_size for path in store.folder.iterdir() if path.suffix in {".arrow", ".parquet"}
    )


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


# Round trips


@given(
    times=st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=60, unique=True).map(sorted),
    seed=st.integers(0, 2**32),
    memory_map=st.booleans(),
)
@settings(max_examples=40)
def test_every_bit_comes_back_in_both_layouts(times: list[int], seed: int, memory_map: bool) -> None:
    rows = rows_at(np.array(times, dtype="i8"), seed)
    with tempfile.TemporaryDirectory() as folder:
        store = SegmentStore(Path(folder), memory_map=memory_map)
        made = store.append(columns_of(rows))
        assert (made.first_ns, made.last_ns) == (times[0] * 1000, times[-1] * 1000)
        assert (made.rows, made.raw_bytes, made.compressed) == (len(times), 69 * len(times), False)
        assert same(store.read(), rows)
        store.compress()
        assert [segment.compressed for segment in store.segments()] == [True]
        assert same(store.read(), rows)
        store.close()
        again = SegmentStore(Path(folder), memory_map=memory_map)
        assert same(again.read(), rows)
        again.close()


def test_another_reader_finds_in_a_compressed_file_the_columns_and_nothing_to_trip_over(
    store: SegmentStore,
) -> None:
    rows = minutes(0, 300)
    store.append(columns_of(rows))
    store.compress()
    file = pq.ParquetFile(store.segments()[0].path)
    found = file.metadata
    assert (found.num_row_groups, found.num_rows, found.metadata) == (1, 300, None)
    assert file.read(["time_us"])["time_us"].to_pylist() == rows["time_us"].tolist()
    for column in (found.row_group(0).column(at) for at in range(found.num_columns)):
        # Statistics that are damaged end the process that reads them.
        assert (column.compression, column.is_stats_set) == ("ZSTD", False)
        # A dictionary takes every NaN for the same one.
        assert column.has_dictionary_page == (column.path_in_schema == "flags")


def test_prices_that_repeat_keep_their_odd_bits(store: SegmentStore) -> None:
    # What repeats is what an encoder would put in a dictionary, where one NaN is as good as another.
    rows = minutes(0, 5000)
    for name in FLOATS:
        rows[name] = np.resize(np.concatenate([ODD, SIGNALLING]), len(rows))
    store.append(columns_of(rows))
    store.compress()
    assert same(store.read(), rows)


def test_narrower_columns_are_widened(store: SegmentStore) -> None:
    columns = columns_of(minutes(0, 3))
    narrow = {name: getattr(columns, name) for name in (*FLOATS, "time_us", "flags")}
    count = np.array([1, 2, 3], dtype="i4")
    store.append(BarColumns(**narrow, tick_count=count, first=9, forming=False, generation=4))
    back = store.read()
    assert back.tick_count.tolist() == [1, 2, 3]
    assert (back.tick_count.dtype, back.first, back.forming) == (np.dtype("i8"), 0, False)


@pytest.mark.parametrize("memory_map", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_read_belongs_to_the_caller(store: SegmentStore, memory_map: bool, compressed: bool) -> None:
    rows = minutes(0, 100)
    store.append(columns_of(rows))
    if compressed:
        store.compress()
    store.memory_map = memory_map
    for columns in (store.read(), store.tail(10), store.read(start_ns=0, end_ns=10 * MINUTE_US * 1000)):
        columns.close[:] = 1.0
        columns.time_us[:] = 2
    assert same(store.read(), rows)


# Ranges and tails


@given(data=st.data())
@settings(max_examples=40)
def test_ranges_and_tails_are_those_of_a_plain_array(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=6))
    gaps = data.draw(st.lists(st.integers(1, 50), min_size=sum(sizes), max_size=sum(sizes)))
    times = np.cumsum(np.array(gaps, dtype="i8")) - 300
    rows = rows_at(times)
    with tempfile.TemporaryDirectory() as folder:
        store = SegmentStore(Path(folder), memory_map=data.draw(st.booleans()))
        at = 0
        for size in sizes:
            store.append(columns_of(rows[at : at + size]))
            at += size
            if data.draw(st.integers(0, 4)) == 0:
                store.compress()
        instant = st.none() | st.integers(int(times[0]) * 1000 - 3000, int(times[-1]) * 1000 + 3000)
        for _ in range(10):
            start, end = data.draw(instant), data.draw(instant)
            assert same(store.read(start, end), between(rows, start, end))
            count = data.draw(st.integers(0, len(rows) + 5))
            assert same(store.tail(count), rows[len(rows) - min(count, len(rows)) :])
        store.close()


def test_an_empty_store_has_nothing_and_says_so(store: SegmentStore) -> None:
    assert (len(store), store.nbytes, store.raw_bytes) == (0, 0, 0)
    assert (store.first_ns, store.last_ns, store.segments(), store.damaged) == (None, None, [], {})
    assert len(store.read()) == len(store.tail(5)) == 0
    assert same(store.read(), minutes(0, 0))
    assert store.compress() == (0, 0)
    assert store.drop_before(10**18) == store.shrink_to(0) == 0
    store.clear()


# Changes, against a model


class Model:
    """What a store should hold."""

    def __init__(self) -> None:
        self.rows = minutes(0, 0)

    def replace(self, new: Rows) -> int:
        known = np.isin(self.rows["time_us"], new["time_us"])
        both = np.concatenate([self.rows[~known], new])
        self.rows = both[np.argsort(both["time_us"])]
        return int(known.sum())

    def drop_before(self, ts_ns: int) -> int:
        stay = between(self.rows, ts_ns, None)
        gone = len(self.rows) - len(stay)
        self.rows = stay
        return gone


def check(store: SegmentStore, model: Model) -> None:
    rows = model.rows
    assert same(store.read(), rows)
    assert len(store) == len(rows)
    assert store.raw_bytes == 69 * len(rows)
    assert store.first_ns == (int(rows["time_us"][0]) * 1000 if len(rows) else None)
    assert store.last_ns == (int(rows["time_us"][-1]) * 1000 if len(rows) else None)
    held = store.segments()
    assert [segment.rows for segment in held if not segment.rows] == []
    assert all(a.last_ns < b.first_ns for a, b in itertools.pairwise(held))
    assert {segment.path.name for segment in held} == set(visible(store.folder))
    assert store.nbytes == on_disk(store) == sum(segment.bytes for segment in held)


steps = st.lists(
    st.tuples(
        st.sampled_from(["append", "append", "append", "replace", "drop", "shrink", "compress", "reopen"]),
        st.integers(0, 2**32),
    ),
    min_size=1,
    max_size=14,
)


@given(steps, st.booleans())
@example([("append", 1), ("compress", 0), ("replace", 1647), ("compress", 0)], False)  # two groups meet
@settings(max_examples=50)
def test_a_store_holds_what_a_plain_array_would(given_steps: list[tuple[str, int]], memory_map: bool) -> None:
    model = Model()
    newest = 0
    with tempfile.TemporaryDirectory() as folder:
        store = SegmentStore(Path(folder), memory_map=memory_map)
        for step, seed in given_steps:
            chance = np.random.default_rng(seed)
            if step == "append":
                begin = newest + 1 + int(chance.choice([0, 5, 3000]))
                newest = begin + int(chance.choice([1, 7, 100, 1500]))
                # Every third minute is left empty, so that something can be put there later.
                times = np.array([n for n in range(begin, newest + 1) if n % 3], dtype="i8")
                rows = rows_at(times * MINUTE_US, seed)
                if len(rows):
                    store.append(columns_of(rows))
                    model.rows = np.concatenate([model.rows, rows])
            elif step == "replace":
                low = int(chance.integers(-2000, newest + 50))
                high = low + int(chance.choice([1, 10, 4000]))
                picked = np.flatnonzero(chance.random(high - low) < chance.choice([0.1, 1.0])) + low
                rows = rows_at(picked * MINUTE_US, seed)
                assert store.replace(columns_of(rows)) == model.replace(rows)
                newest = max(newest, high)
            elif step == "drop":
                instant = int(chance.integers(-2000, newest + 50)) * MINUTE_US * 1000 + int(
                    chance.choice([-1, 0, 1])
                )
                assert store.drop_before(instant) == model.drop_before(instant)
            elif step == "shrink":
                limit = int(chance.integers(0, on_disk(store) + 1))
                smallest = store.segments()
                dropped = store.shrink_to(limit)
                assert on_disk(store) <= limit
                # No more than needed: with the newest of those dropped it would be too much.
                gone = [segment for segment in smallest if segment not in store.segments()]
                assert dropped == sum(segment.rows for segment in gone)
                assert not gone or on_disk(store) + gone[-1].bytes > limit
                model.rows = model.rows[dropped:]
            elif step == "compress":
                sizes = {segment.path: segment.bytes for segment in store.segments()}
                before, after = store.compress()
                rest = {segment.path: segment.bytes for segment in store.segments()}
                assert before == sum(size for path, size in sizes.items() if path not in rest)
                assert after == sum(size for path, size in rest.items() if path not in sizes)
                assert all(segment.compressed for segment in store.segments())
            else:
                store.close()
                store = SegmentStore(Path(folder), memory_map=memory_map)
            check(store, model)
        store.clear()
        assert visible(store.folder) == []
        store.close()


def test_many_small_segments_become_few_large_ones(store: SegmentStore) -> None:
    rows = minutes(0, 250_000)
    edges = [0, *range(5000, 120_001, 5000), 250_000]
    for begin, end in itertools.pairwise(edges):
        store.append(columns_of(rows[begin:end]))
    store.compress()
    assert [segment.rows for segment in store.segments()] == [100_000, 20_000, 65_000, 65_000]
    assert same(store.read(), rows)
    assert same(store.tail(70_000), rows[-70_000:])


def test_compressing_a_little_at_a_time_merges_as_well(store: SegmentStore) -> None:
    rows = minutes(0, 4000)
    written = 0
    for begin in range(0, 4000, 50):
        store.append(columns_of(rows[begin : begin + 50]))
        store.compress()
        written += store.segments()[-1].rows
    assert same(store.read(), rows)
    assert len(store.segments()) <= 12
    assert written <= 4000 * 12  # a row is written again a logarithmic number of times


def test_the_ratio_is_that_of_the_files(store: SegmentStore) -> None:
    chance = np.random.default_rng(5)
    closes = 20_000 + 0.25 * np.cumsum(chance.integers(-4, 5, 50_000))
    rows = minutes(0, 50_000)
    for name in ("open", "high", "low", "close"):
        rows[name] = closes.view("u8")
    rows["volume"] = rows["vwap"] = np.round(closes / 100).view("u8")
    rows["tick_count"] = rows["flags"] = 1
    store.append(columns_of(rows))
    before = on_disk(store)
    assert store.compress() == (before, on_disk(store))
    assert on_disk(store) * 4 < before
    assert before < 50_000 * 74 < 50_000 * 78


def test_older_bars_are_put_before_and_between(store: SegmentStore) -> None:
    model = Model()
    for begin in (10_000, 30_000):
        rows = minutes(begin, begin + 100)
        store.append(columns_of(rows))
        model.rows = np.concatenate([model.rows, rows])
    store.compress()
    store.append(columns_of(minutes(40_000, 40_010)))
    model.rows = np.concatenate([model.rows, minutes(40_000, 40_010)])
    for begin, end in ((0, 150_000), (9_999, 10_001), (40_010, 40_020), (-3, 0)):
        rows = minutes(begin, end, seed=begin + 9)
        assert store.replace(columns_of(rows)) == model.replace(rows)
        check(store, model)


def test_bars_put_into_an_empty_store_are_all_new(store: SegmentStore) -> None:
    assert store.replace(columns_of(minutes(0, 0))) == 0
    assert store.segments() == []
    rows = minutes(0, 10)
    assert store.replace(columns_of(rows)) == 0
    assert same(store.read(), rows)


def test_bars_that_left_memory_are_written_anew_and_in_between(store: SegmentStore) -> None:
    overflow = Overflow(store)
    rows = minutes(0, 100)
    rows = rows[rows["time_us"] // MINUTE_US % 10 > 0]
    overflow.take(columns_of(rows[:50]))
    overflow.take(columns_of(rows[50:]))
    new = minutes(5, 25, seed=3)
    # Two of the twenty minutes were empty.
    assert overflow.replace(columns_of(new)) == 2
    assert (overflow.waiting_rows, len(overflow)) == (0, 92)
    older, newer = rows["time_us"] < 5 * MINUTE_US, rows["time_us"] >= 25 * MINUTE_US
    assert same(overflow.before(None), np.concatenate([rows[older], new, rows[newer]]))


# What is refused


def test_bars_that_are_not_newer_or_not_in_order_are_refused(store: SegmentStore) -> None:
    store.append(columns_of(minutes(0, 10)))
    before = visible(store.folder)
    with pytest.raises(OptionError, match="newer ones only"):
        store.append(columns_of(minutes(9, 12)))
    with pytest.raises(OptionError, match="no bars"):
        store.append(columns_of(minutes(0, 0)))
    backwards = columns_of(minutes(20, 30)[::-1])
    for write in (store.append, store.replace):
        with pytest.raises(OptionError, match="not in order"):
            write(backwards)
    with pytest.raises(OptionError, match="0 or more"):
        store.tail(-1)
    with pytest.raises(OptionError, match="0 or more"):
        store.shrink_to(-1)
    assert visible(store.folder) == before


def test_a_closed_store_says_so_and_lets_another_in(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path)
    store.append(columns_of(minutes(0, 10)))
    with pytest.raises(DataExportError, match="in use"):
        SegmentStore(tmp_path)
    assert not store.closed
    store.close()
    store.close()
    assert store.closed
    for call in (store.read, store.compress, store.clear, lambda: store.tail(1)):
        with pytest.raises(ClosedError, match="Open them again"):
            call()
    with pytest.raises(ClosedError):
        store.append(columns_of(minutes(10, 11)))
    again = SegmentStore(tmp_path)
    assert same(again.read(), minutes(0, 10))
    again.close()


def test_a_store_that_is_forgotten_lets_another_in(tmp_path: Path) -> None:
    SegmentStore(tmp_path)
    SegmentStore(tmp_path).close()


# Threads


@pytest.mark.parametrize("memory_map", [False, True])
def test_a_reader_sees_the_same_bars_while_they_are_compressed(tmp_path: Path, memory_map: bool) -> None:
    rows = minutes(0, 6000)
    store = SegmentStore(tmp_path, memory_map=memory_map)
    started, stop = threading.Event(), threading.Event()
    wrong: list[str] = []
    reads = 0

    def look() -> None:
        nonlocal reads
        while not stop.is_set():
            base = store.read(None, 2999 * MINUTE_US * 1000)
            if not same(base, rows[:3000]):
                wrong.append(f"{len(base)} rows")
            if store.nbytes <= 0 or len(store) < 3000 or store.damaged:
                wrong.append("sizes")
            reads += 1
            started.set()

    for begin in range(0, 3000, 100):
        store.append(columns_of(rows[begin : begin + 100]))
    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        assert started.wait(LIMIT_SECONDS)
        for begin in range(3000, 6000, 100):
            store.append(columns_of(rows[begin : begin + 100]))
            store.compress()
            store.replace(columns_of(rows[begin - 2000 : begin - 1990]))
    finally:
        stop.set()
        for reader in readers:
            reader.join(LIMIT_SECONDS)
    assert not wrong
    assert reads > 0
    assert same(store.read(), rows)
    store.close()


def test_writers_on_several_threads_wait_for_each_other(store: SegmentStore) -> None:
    rows = minutes(0, 2000)
    store.append(columns_of(rows[:500]))
    workers = [
        threading.Thread(target=work)
        for work in (
            lambda: [store.append(columns_of(rows[at : at + 100])) for at in range(500, 2000, 100)],
            lambda: [store.compress() for _ in range(20)],
            lambda: [store.replace(columns_of(rows[at : at + 3])) for at in range(0, 500, 50)],
        )
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(LIMIT_SECONDS)
    assert same(store.read(), rows)
    assert {segment.path.name for segment in store.segments()} == set(visible(store.folder))
