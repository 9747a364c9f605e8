"""Bars on disk: bit for bit what was given, found as numpy finds it, whole after a kill at any moment."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mdnb.errors import DataExportError
from mdnb.store.columns import BarColumns, join_columns
from mdnb.store.segment_file import read_bars, write_bars
from mdnb.store.segments import SegmentStore

MINUTE_US = 60_000_000
ARRAYS = ("time_us", "open", "high", "low", "close", "volume", "vwap", "tick_count", "flags")


def bars(first: int, count: int, seed: int = 0) -> BarColumns:
    rng = np.random.default_rng(seed + first)
    floats = rng.normal(100, 1, (6, count))
    floats[5, ::3] = np.nan
    floats[4, ::4] = -0.0
    return BarColumns.of(
        [
            np.arange(first, first + count, dtype=np.int64) * MINUTE_US,
            *floats,
            rng.integers(0, 2**31, count).astype(np.int64),
            rng.integers(0, 8, count).astype(np.uint8),
        ]
    )


def assert_same(mine: BarColumns, theirs: BarColumns) -> None:
    for name in ARRAYS:
        ours, other = getattr(mine, name), getattr(theirs, name)
        assert ours.dtype == other.dtype, name
        assert ours.tobytes() == other.tobytes(), name


@pytest.mark.parametrize("ending", [".arrow", ".parquet"])
@pytest.mark.parametrize("memory_map", [False, True])
def test_every_bit_survives_a_file(tmp_path: Path, ending: str, memory_map: bool) -> None:
    columns = bars(0, 1000)
    for array in (columns.open, columns.close):
        array[:4] = [np.nan, -0.0, np.inf, 5e-324]
    path = tmp_path / f"bars{ending}"
    assert write_bars(path, columns) == path.stat().st_size
    assert_same(read_bars(path, memory_map=memory_map), columns)


ops = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 60)),
        st.tuples(st.just("compress"), st.just(0)),
        st.tuples(st.just("drop"), st.integers(0, 300)),
        st.tuples(st.just("replace"), st.integers(0, 300)),
        st.tuples(st.just("reopen"), st.integers(0, 1)),
        st.tuples(st.just("read"), st.integers(0, 300)),
    ),
    max_size=25,
)


@settings(max_examples=40)
@given(ops)
def test_whatever_is_done_it_holds_what_a_plain_array_would(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, model, number = SegmentStore(Path(folder)), bars(0, 0), 0
        for what, at in steps:
            if what == "append":
                more = bars(number, at)
                number += at + at % 3
                store.append(more)
                model = join_columns([model, more])
            elif what == "compress":
                before, after = store.compress()
                assert (before == 0) == (after == 0)
            elif what == "drop":
                gone = store.drop_before(at * MINUTE_US * 1000)
                kept = model.where(model.time_us >= at * MINUTE_US)
                assert gone == len(model) - len(kept)
                model = kept
            elif what == "replace" and len(model):
                new = bars(at, 20, seed=77)
                new = new.where(new.time_us <= model.time_us[-1])
                known = np.isin(new.time_us, model.time_us)
                assert store.replace(new) == known.sum()
                model = join_columns([model.where(~np.isin(model.time_us, new.time_us)), new])
                model = model.where(np.argsort(model.time_us, kind="stable"))
            elif what == "reopen":
                store = SegmentStore(Path(folder), memory_map=bool(at))
            start, stop = at * MINUTE_US * 1000, (at + 50) * MINUTE_US * 1000
            inside = (model.time_us * 1000 >= start) & (model.time_us * 1000 <= stop)
            assert_same(store.read(start, stop), model.where(inside))
            assert_same(store.tail(at), model.part(max(0, len(model) - at), len(model)))
            assert len(store) == len(model)
        assert_same(store.read(), model)
        assert store.nbytes == sum(path.stat().st_size for path in Path(folder).iterdir())
        assert not store.damaged


def test_compression_is_measured_and_keeps_every_bit(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path)
    price = np.round(100 + np.cumsum(np.random.default_rng(1).normal(0, 0.1, 50_000)) * 4) / 4
    for first in range(0, 50_000, 5000):
        columns = bars(first, 5000)
        part = price[first : first + 5000]
        store.append(
            BarColumns.of([columns.time_us, part, part, part, part, np.abs(part), part, *columns_of(columns)])
        )
    whole, raw = store.read(), store.nbytes
    assert raw >= store.raw_bytes, "as in memory, with the counts as int64"
    before, after = store.compress()
    assert before == raw
    assert after == store.nbytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert after < before / 3
    assert len(store.segments()) == 1
    assert_same(store.read(), whole)
    assert store.compress() == (0, 0)


def columns_of(columns: BarColumns) -> list[Any]:
    return [columns.tick_count % 7, columns.flags]


def test_a_bar_is_rewritten_a_few_times_only_however_often_files_come(tmp_path: Path) -> None:
    store, written = SegmentStore(tmp_path), 0
    real = store._write

    def counting(columns: BarColumns, layout: str) -> Any:
        nonlocal written
        written += len(columns)
        return real(columns, layout)

    store._write = counting  # type: ignore[method-assign]  # counts what it hands on
    for first in range(0, 20_000, 50):
        store.append(bars(first, 50))
        store.compress()
    assert len(store) == 20_000
    assert written / 20_000 <= 2 + np.log(400) / np.log(8) + 1
    assert len(store.segments()) < 40


def test_the_size_is_kept_by_dropping_the_oldest_files(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path)
    for first in range(0, 1000, 100):
        store.append(bars(first, 100))
    one = store.segments()[0].bytes
    dropped = store.shrink_to(3 * one + one // 2)
    assert dropped == 700
    assert int(store.read().time_us[0]) == 700 * MINUTE_US
    assert store.shrink_to(0) == 300
    assert len(store) == 0
    assert store.read().time_us.tolist() == []


def test_older_bars_are_not_appended(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path)
    store.append(bars(10, 5))
    with pytest.raises(DataExportError, match="newer"):
        store.append(bars(14, 5))


def test_damaged_files_are_left_out_left_there_and_named(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path)
    for first in (0, 100, 200, 300):
        store.append(bars(first, 100))
    store.compress()
    store.append(bars(400, 100))
    paths = sorted(tmp_path.iterdir())
    for path, damage in zip(paths, ("cut", "noise"), strict=True):
        content = bytearray(path.read_bytes())
        if damage == "cut":
            path.write_bytes(content[: len(content) // 2])
        else:
            middle = len(content) // 2
            content[middle - 200 : middle + 200] = bytes(400)
            content[-30:] = bytes(30)
            path.write_bytes(content)
    again = SegmentStore(tmp_path)
    assert set(again.damaged) == {path.name for path in paths}
    assert len(again) == 0
    again.append(bars(500, 10))
    assert len(SegmentStore(tmp_path)) == 10
    assert sum(path.exists() for path in paths) == 2


def test_a_file_that_says_other_than_its_name_is_left_out(tmp_path: Path) -> None:
    write_bars(tmp_path / f"bars-0-{99 * MINUTE_US}-50-1.arrow", bars(0, 100))
    assert len(SegmentStore(tmp_path)) == 0
    (tmp_path / "notes.txt").write_text("not ours")
    assert len(SegmentStore(tmp_path).damaged) == 1
    assert (tmp_path / "notes.txt").exists()


def test_leftovers_of_a_crash_are_swept(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path)
    store.append(bars(0, 100))
    store.append(bars(100, 100))
    old = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    names = [path.name for path in sorted(tmp_path.iterdir())]
    store.compress()
    # As if the process had died after writing the new file and before removing the old ones.
    for name, content in zip(names, old, strict=True):
        (tmp_path / name).write_bytes(content)
    (tmp_path / ".bars-1-2-3-9.arrow.4711.tmp").write_bytes(b"half")
    again = SegmentStore(tmp_path)
    assert_same(again.read(), join_columns([bars(0, 100), bars(100, 100)]))
    assert len(list(tmp_path.iterdir())) == 1


def test_readers_see_the_same_bars_while_files_are_rewritten(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path)
    for first in range(0, 2000, 50):
        store.append(bars(first, 50))
    expected, stop, wrong = store.read().close.tobytes(), threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            if store.read().close.tobytes() != expected:
                wrong.append(1)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for round_ in range(6):
        store.compress()
        store.replace(store.read(round_ * 60 * MINUTE_US * 1000, (round_ * 60 + 30) * MINUTE_US * 1000))
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong


WRITER = """
import sys
from pathlib import Path
from tests.store.test_segments import bars
from mdnb.store.segments import SegmentStore
store = SegmentStore(Path(sys.argv[1]))
for first in range(0, 1_000_000, 500):
    store.append(bars(first, 500))
    print(first + 500, flush=True)
    if first % 2500 == 2000:
        store.compress()
"""


def kill_at_random(folder: Path, times: int) -> None:
    dice = random.Random(4)
    for attempt in range(times):
        place = folder / str(attempt)
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(place)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as writer:
            assert writer.stdout is not None
            said = 0
            for _ in range(dice.randint(1, 30)):
                said = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split()
        said = int(rest[-1]) if rest else said
        store = SegmentStore(place)
        assert not store.damaged
        held = store.read()
        assert len(held) >= said, "nothing that was acknowledged is lost"
        assert len(held) % 500 == 0
        assert_same(held, join_columns([bars(first, 500) for first in range(0, len(held), 500)]))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_kill_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 4)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_sixty_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 60)
