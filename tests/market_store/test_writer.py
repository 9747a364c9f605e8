"""The writer of a store: what it tells when the disk does not take what it has, and that it goes on."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.errors import ClosedError, DataExportError
from mdnb.market_store.layout import Series
from mdnb.market_store.reading import TailsOfNow, read_bars, read_rows
from mdnb.market_store.schemas import bars_table, rows_table
from mdnb.market_store.store import MarketStore
from mdnb.market_store.tails import Tail, read_tail, tail_name
from mdnb.market_store.writer import StoreBusyError, StoreWriter
from mdnb.stores.ticks import TICK_DTYPE
from tests.limits import LIMIT_SECONDS
from tests.market_store.keep_numbered import BARS, FIRST_US, STEP_US, TICKS, numbered, trades

DAY_NS = 86_400_000_000_000


def some(first: int, count: int) -> object:
    """Bars from a number on."""
    return bars_table(numbered(np.arange(first, first + count, dtype="i8")))


def held(folder: Path) -> list[int]:
    """Return the numbers of the bars that are read."""
    with MarketStore(folder) as store:
        if not store.symbols():
            return []
        return ((store.frame("BTC/USD", "1min").index.asi8 - FIRST_US) // STEP_US).tolist()


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rows_go_into_parquet_when_there_are_enough_or_when_time_is_over(tmp_path: Path) -> None:
    clock = Clock()
    writer = StoreWriter(tmp_path, segment_rows=10, seal_seconds=60.0, now=clock)
    writer.append(BARS, some(0, 4))
    assert not writer.is_due
    assert held(tmp_path) == [0, 1, 2, 3], "what is in the tail is read"
    assert not list(tmp_path.rglob("*.parquet"))
    clock.now = 59.0
    assert not writer.is_due
    clock.now = 60.0
    assert writer.is_due
    assert writer.seal()
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    assert not writer.is_due
    writer.append(BARS, some(4, 10))
    assert writer.is_due
    writer.close()
    assert held(tmp_path) == list(range(14))
    assert not list((tmp_path / ".mdnb").glob("*.arrows"))
    with pytest.raises(ClosedError):
        writer.append(BARS, some(14, 1))
    writer.close()


def test_sealing_stops_when_its_time_is_over_and_goes_on(tmp_path: Path) -> None:
    clock = Clock()
    writer = StoreWriter(tmp_path, now=clock)
    others = [Series(f"S{at}", "1min") for at in range(5)]
    for series in others:
        writer.append(series, some(0, 3))
    turns = 1
    while not writer.seal(seconds=0.0):
        turns += 1
        with MarketStore(tmp_path) as store:
            assert [len(store.frame(series.symbol, "1min")) for series in others] == [3] * 5
    assert turns == 5
    writer.close()


def test_one_writes_and_whoever_comes_second_is_told_by_whom(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    writer.append(BARS, some(0, 3))
    with pytest.raises(StoreBusyError, match=f"process {os.getpid()}"):
        StoreWriter(tmp_path)
    with mdnb.store(tmp_path) as store:
        assert store.read_only
        assert f"written by process {os.getpid()}" in repr(store)
        frame = store.frame("BTC/USD", "1min")
        with pytest.raises(DataExportError, match="being written"):
            store.write("BTC/USD", "1min", frame, positive_prices=False)
        writer.close()
        assert not store.read_only
        assert store.write("BTC/USD", "1min", frame, positive_prices=False).kept == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_neither_keeps_the_store_nor_lets_go_of_it(tmp_path: Path) -> None:
    script = f"""
import os, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from mdnb.errors import RuntimeUseError
from mdnb.market_store.writer import StoreBusyError, StoreWriter
from mdnb.stores.ticks import TICK_DTYPE
folder = Path({str(tmp_path)!r})
writer = StoreWriter(folder)
wait, go = os.pipe()
done, tell = os.pipe()
if os.fork() == 0:
    for use in ("close", "seal", "flush"):
        try:
            getattr(writer, use)()
        except RuntimeUseError as error:
            os.write(tell, b"r")
    os.write(tell, b".")
    os.close(go)
    os.read(wait, 1)
    os._exit(0)
refused = b""
while not refused.endswith(b"."):
    refused += os.read(done, 4)
assert refused == b"rrr."
try:
    StoreWriter(folder)
except StoreBusyError:
    print("busy")
writer.close()
StoreWriter(folder).close()
print("free")
os.close(go)
"""
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert (ended.stdout.split(), ended.stderr) == (["busy", "free"], "")


def test_a_file_that_cannot_be_opened_just_now_stays_where_it_is(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    writer.append(BARS, some(0, 50))
    writer.seal()
    writer.append(BARS, bars_table(numbered(np.arange(1), 1.0)))
    files = sorted(tmp_path.rglob("*.parquet"))
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, usual[1]))
    try:
        with pytest.raises(DataExportError):
            writer.seal()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)
    assert sorted(tmp_path.rglob("*.parquet")) == files
    writer.close()
    assert not writer.notes
    assert held(tmp_path) == list(range(50))
    with MarketStore(tmp_path) as store:
        assert store.frame("BTC/USD", "1min")["volume"].iloc[0] == 1.0


def test_who_opens_one_by_one_what_was_listed_before_a_day_was_joined_finds_nothing_twice(
    tmp_path: Path,
) -> None:
    writer = StoreWriter(tmp_path)
    for first in range(0, 400, 100):
        writer.append(BARS, some(first, 100))
        writer.seal()
    [day] = (tmp_path / "symbol=BTC%2FUSD" / "timeframe=1min").iterdir()
    listed = sorted(day.glob("*.parquet"))
    assert len(listed) == 4
    writer.append(BARS, some(2000, 100))
    writer.close()
    assert len(list(day.glob("*.parquet"))) == 1
    assert not any(path.exists() for path in listed)
    assert held(tmp_path) == [*range(400), *range(2000, 2100)]


def test_what_is_no_file_of_the_store_does_not_end_the_joining_of_other_days(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    for first in range(0, 2500, 100):
        writer.append(BARS, some(first, 100))
        writer.seal()
        if first == 100:
            foreign = next((tmp_path / "symbol=BTC%2FUSD" / "timeframe=1min").iterdir()) / "note.txt"
            foreign.write_text("mine")
    days = sorted((tmp_path / "symbol=BTC%2FUSD" / "timeframe=1min").iterdir())
    writer.close()
    assert [len(list(day.glob("*.parquet"))) == 1 for day in days[:2]] == [False, True]
    assert foreign.read_text() == "mine"
    assert held(tmp_path) == list(range(2500))


def test_amended_bars_and_those_that_are_none_any_more(tmp_path: Path) -> None:
    for seals in (True, False):
        folder = tmp_path / str(seals)
        writer = StoreWriter(folder)
        writer.append(BARS, some(0, 2000))
        if seals:
            writer.seal()
        writer.append(BARS, bars_table(numbered(np.array([5, 1999], dtype="i8"), 0.25)))
        gone = bars_table(numbered(np.array([7, 1500], dtype="i8")), gone=True)
        writer.append(BARS, gone)
        for closes in (False, True):
            if closes:
                writer.close()
            with MarketStore(folder) as store:
                frame = store.frame("BTC/USD", "1min")
            number = (frame.index.asi8 - FIRST_US) // STEP_US
            assert number.tolist() == [at for at in range(2000) if at not in (7, 1500)]
            assert (frame["volume"] - number).to_numpy().nonzero()[0].tolist() == [5, len(frame) - 1]


def test_bars_of_one_instant_keep_their_order(tmp_path: Path) -> None:
    series = Series("X", "10tick")
    same = numbered(np.arange(4, dtype="i8"))
    same.time_us[:] = FIRST_US
    writer = StoreWriter(tmp_path)
    writer.append(series, bars_table(same.part(0, 2), nth=np.array([0, 1])))
    writer.seal()
    writer.append(series, bars_table(same.part(2, 4), nth=np.array([2, 3])))
    other = numbered(np.array([9], dtype="i8"))
    other.time_us[:] = FIRST_US
    writer.append(series, bars_table(other, nth=np.array([1])))
    for closes in (False, True):
        if closes:
            writer.close()
        with MarketStore(tmp_path) as store:
            assert store.frame("X", "10tick")["tick_count"].tolist() == [0, 9, 2, 3]


def test_days_that_are_over_become_one_file_each(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    for first in range(0, 3000, 100):
        writer.append(BARS, some(first, 100))
        writer.append(TICKS, rows_table(trades(np.arange(first, first + 100)), "ticks"))
        writer.seal()
    days = sorted((tmp_path / "symbol=BTC%2FUSD" / "timeframe=1min").iterdir())
    assert [len(list(day.iterdir())) for day in days[:-1]] == [1, 1]
    assert len(list(days[-1].iterdir())) > 1
    writer.close()
    assert held(tmp_path) == list(range(3000))
    with MarketStore(tmp_path) as store:
        assert store.ticks("BTC/USD")["trade_id"].tolist() == list(range(12_000))


# -- a disk that takes no more ---------------------------------------------------------------------------


def test_the_oldest_days_go_first_and_it_is_told(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path, max_bytes=60_000)
    for day in range(8):
        writer.append(BARS, some(day * 1440, 1440))
        writer.seal()
    total = sum(path.stat().st_size for path in tmp_path.rglob("*.parquet"))
    left = held(tmp_path)
    assert total <= 60_000
    assert left[-1] == 8 * 1440 - 1
    assert left == list(range(left[0], 8 * 1440))
    assert writer.dropped.rows == left[0] > 0
    assert any("the oldest first" in note for note in writer.notes)
    writer.close()


def test_what_is_there_already_counts_for_the_limit(tmp_path: Path) -> None:
    with_none = StoreWriter(tmp_path)
    for day in range(8):
        with_none.append(BARS, some(day * 1440, 1440))
    with_none.close()
    total = sum(path.stat().st_size for path in tmp_path.rglob("*.parquet"))
    writer = StoreWriter(tmp_path, max_bytes=total // 2)
    writer.append(BARS, some(8 * 1440, 10))
    writer.close()
    assert 0 < sum(path.stat().st_size for path in tmp_path.rglob("*.parquet")) <= total // 2
    assert writer.dropped.rows == held(tmp_path)[0] >= 4 * 1440


def test_a_folder_that_was_made_anew_keeps_its_limit(tmp_path: Path) -> None:
    folder = tmp_path / "markets"
    writer = StoreWriter(folder, max_bytes=60_000)
    writer.append(BARS, some(0, 10))
    shutil.rmtree(folder)
    writer.sync()
    for day in range(8):
        writer.append(BARS, some(day * 1440, 1440))
        writer.seal()
    writer.close()
    assert sum(path.stat().st_size for path in folder.rglob("*.parquet")) <= 60_000
    assert held(folder)[0] > 0
    assert held(folder)[-1] == 8 * 1440 - 1


def test_a_tail_of_which_one_day_is_in_parquet_has_the_first_moment_of_the_next(tmp_path: Path) -> None:
    rows = np.zeros(3, TICK_DTYPE)
    rows["ts_ns"] = np.array([DAY_NS - 1, DAY_NS, DAY_NS + 1])
    rows["trade_id"] = [1, 2, 3]
    series = Series("X", "ticks")
    writer = StoreWriter(tmp_path)
    writer.append(series, rows_table(rows, "ticks"))
    (tail,) = (tmp_path / ".mdnb").glob("tail-*")
    content = tail.read_bytes()
    writer.close()
    # As a kill between the files of both days leaves it.
    tail.write_bytes(content)
    shutil.rmtree(tmp_path / "symbol=X" / "timeframe=ticks" / "date=1970-01-02")
    found = read_rows(tmp_path, series, tails=TailsOfNow(tmp_path))
    assert found["trade_id"].to_pylist() == [1, 2, 3]
    StoreWriter(tmp_path).close()
    assert read_rows(tmp_path, series, tails=TailsOfNow(tmp_path))["trade_id"].to_pylist() == [1, 2, 3]


def test_a_limit_that_the_newest_day_alone_is_over_is_told_once(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path, max_bytes=1000)
    for first in range(0, 90, 30):
        writer.append(BARS, some(first, 30))
        writer.seal()
    assert [note for note in writer.notes if "Allow more" in note] == writer.notes
    assert len(writer.notes) == 1
    assert held(tmp_path) == list(range(90))
    writer.close()


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk, which only root may")
def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        writer = StoreWriter(disk / "markets", segment_rows=100)
        writer.append(BARS, some(0, 50))
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            while True:
                try:
                    file.write(b"x" * 4096)
                except OSError:
                    break
        until = 50
        while not writer.rows_waiting:
            try:
                writer.append(BARS, some(until, 50))
            except DataExportError as error:
                assert "Free some space" in str(error)  # noqa: PT017  # which one of them it meets is the disk's
            until += 50
        with pytest.raises(DataExportError, match="wait in memory"):
            writer.append(BARS, some(until, 50))
        with pytest.raises(DataExportError, match="No space left"):
            writer.seal()
        assert held(disk / "markets") == list(range(len(held(disk / "markets"))))
        ballast.unlink()
        writer.close()
        assert held(disk / "markets") == list(range(until + 50))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


LIMITED = """
import resource, sys
from pathlib import Path
from mdnb.errors import DataExportError
from mdnb.market_store.writer import StoreWriter
from tests.market_store.test_writer import some, held, BARS
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
writer = StoreWriter(folder)
writer.append(BARS, some(0, 20))
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, before[1]))
told = 0
for first in range(20, 400, 20):
    try:
        writer.append(BARS, some(first, 20))
    except DataExportError:
        told += 1
assert told > 5, told
assert held(folder) == list(range(len(held(folder)))) and len(held(folder)) >= 20
resource.setrlimit(resource.RLIMIT_FSIZE, before)
writer.close()
assert held(folder) == list(range(400)), held(folder)
print("done")
"""


def test_a_file_that_must_not_grow_is_told_and_taken_up_again(tmp_path: Path) -> None:
    assert resource.RLIMIT_FSIZE
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.stdout == "done\n", done.stderr


def test_rows_that_wait_for_a_disk_are_bounded_and_those_that_went_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = StoreWriter(tmp_path, most_waiting=100)
    writer.append(BARS, some(0, 10))
    real = os.write

    def full(descriptor: int, content: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mdnb.market_store.tails.os.write", full)
    most = 0
    for first in range(10, 1000, 10):
        with pytest.raises(DataExportError, match="wait in memory"):
            writer.append(BARS, some(first, 10))
        most = max(most, writer.rows_waiting)
    assert 80 <= most <= 110
    waiting, lost = writer.rows_waiting, writer.lost_rows
    assert waiting + lost == 990
    told = [note for note in writer.notes if "are lost so far, the oldest first" in note]
    assert 1 < len(told) < 10, "each time it is twice as much"
    monkeypatch.setattr("mdnb.market_store.tails.os.write", real)
    writer.close()
    assert held(tmp_path) == [*range(10), *range(1000 - waiting, 1000)]


@pytest.mark.parametrize("segment_rows", [20, 1_000_000])
def test_rows_that_cannot_go_into_parquet_are_bounded_with_their_tails(
    tmp_path: Path, segment_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mdnb.market_store.sealing.write_part", full)
    writer = StoreWriter(tmp_path, segment_rows=segment_rows, most_waiting=100)
    most = 0
    for first in range(0, 1000, 10):
        writer.append(BARS, some(first, 10))
        with pytest.raises(DataExportError, match="could not be put into Parquet"):
            writer.seal()
        # Nothing but tails holds them.
        most = max(most, len(read_bars(tmp_path, BARS, tails=TailsOfNow(tmp_path))))
        assert most <= 100
    assert most >= 80
    assert writer.rows_waiting == 0, "all are in tails"
    told = [note for note in writer.notes if "are lost so far, the oldest first" in note]
    assert 1 < len(told) < 10, "each time it is twice as much"
    monkeypatch.undo()
    writer.close()
    assert held(tmp_path) == list(range(writer.lost_rows, 1000))
    assert len(held(tmp_path)) >= 80


def test_rows_whose_folder_has_gone_are_bounded(tmp_path: Path) -> None:
    folder = tmp_path / "markets"
    writer = StoreWriter(folder, segment_rows=20, most_waiting=100)
    writer.append(BARS, some(0, 10))
    shutil.rmtree(folder)
    folder.write_text("in the way")
    for first in range(10, 1000, 10):
        with contextlib.suppress(DataExportError):
            writer.append(BARS, some(first, 10))
        with pytest.raises(DataExportError):
            writer.sync()
    folder.unlink()
    writer.close()
    assert held(folder) == list(range(writer.lost_rows, 1000))
    assert 50 <= len(held(folder)) <= 120


def test_a_folder_that_is_deleted_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "markets"
    writer = StoreWriter(folder)
    writer.append(BARS, some(0, 10))
    writer.seal()
    writer.append(BARS, some(10, 10))
    shutil.rmtree(folder)
    writer.append(BARS, some(20, 10))
    writer.sync()
    assert ["deleted" in note for note in writer.notes] == [True]
    assert held(folder) == list(range(10, 30)), "what was in Parquet went with the folder"
    shutil.rmtree(folder)
    writer.close()
    assert held(folder) == list(range(10, 30))


def test_of_a_hidden_folder_that_is_deleted_nothing_else_is_said_to_be_lost(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    writer.append(BARS, some(0, 10))
    writer.seal()
    writer.append(BARS, some(10, 10))
    shutil.rmtree(tmp_path / ".mdnb")
    writer.sync()
    assert len(writer.notes) == 1
    assert "The files beside it are as they are" in writer.notes[0]
    assert held(tmp_path) == list(range(20))
    writer.close()
    assert held(tmp_path) == list(range(20))


@pytest.mark.parametrize("name", ["tail-*-ticks.arrows", "tail-*-bars.arrows", "lock", "tail-*"])
def test_of_a_tail_that_is_deleted_alone_the_rows_are_written_again(tmp_path: Path, name: str) -> None:
    writer = StoreWriter(tmp_path)
    writer.append(BARS, some(0, 10))
    writer.append(TICKS, rows_table(trades(np.arange(3)), "ticks"))
    for path in (tmp_path / ".mdnb").glob(name):
        path.unlink()
    writer.sync()
    writer.append(BARS, some(10, 5))
    assert held(tmp_path) == list(range(15))
    ticks = read_rows(tmp_path, TICKS, tails=TailsOfNow(tmp_path))
    assert ticks["trade_id"].to_pylist() == list(range(12))
    writer.close()
    assert held(tmp_path) == list(range(15))


def test_a_folder_that_cannot_be_made_anew_is_told_until_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "markets"
    writer = StoreWriter(folder)
    writer.append(BARS, some(0, 10))
    shutil.rmtree(folder)
    folder.write_text("in the way")
    for _ in range(2):
        with pytest.raises(DataExportError, match="markets"):
            writer.sync()
        assert not writer.closed
    folder.unlink()
    writer.sync()
    writer.close()
    assert held(folder) == list(range(10))


def test_a_folder_that_must_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataExportError, match="could not be opened"):
        StoreWriter(tmp_path / "file")
    with pytest.raises(DataExportError, match="could not be opened"):
        StoreWriter(tmp_path / "file" / "markets")


# -- what a kill leaves ----------------------------------------------------------------------------------


def test_a_tail_torn_at_any_byte_is_read_to_its_last_whole_batch(tmp_path: Path) -> None:
    path = tmp_path / tail_name(1, "bars")
    tail, ends = Tail(path, "bars"), []
    for at in range(3):
        tail.append(BARS, some(at * 5, 5))
        ends.append(path.stat().st_size)
    tail.close()
    content = path.read_bytes()
    for size in {*range(0, len(content), 97), *(end + by for end in ends for by in (-1, 0, 1))}:
        path.write_bytes(content[:size])
        found = read_tail(path, "bars")
        assert len(found.batches) == sum(end <= size for end in ends)
        assert found.good_bytes + found.torn_bytes == min(size, len(content))


SPOILED = """
import sys
from pathlib import Path
from mdnb.market_store.tails import read_tail
print(len(read_tail(Path(sys.argv[1]), "bars").batches))
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_tail_with_altered_bytes_ends_no_process(tmp_path: Path, seed: int) -> None:
    path = tmp_path / tail_name(1, "bars")
    tail = Tail(path, "bars")
    for at in range(4):
        tail.append(BARS, some(at * 50, 50))
    tail.close()
    draw = np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    for at in draw.integers(0, len(content), 40).tolist():
        content[at] = int(draw.integers(0, 256))
    path.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", SPOILED, str(path)],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 0 <= int(done.stdout) <= 4


def killed_between(folder: Path, until: Callable[[StoreWriter], None]) -> None:
    """Leave a store as a process that was killed does: nothing is closed, only its lock is let go of."""
    writer = StoreWriter(folder)
    writer.append(BARS, some(0, 2000))
    writer.append(TICKS, rows_table(trades(np.arange(500)), "ticks"))
    until(writer)
    os.close(writer._lock)
    writer._lock = -1


def test_a_kill_between_parquet_and_the_end_of_the_tail_leaves_nothing_twice(tmp_path: Path) -> None:
    killed_between(tmp_path, lambda writer: writer.seal(seconds=0.0))
    tails = {path: path.read_bytes() for path in (tmp_path / ".mdnb").glob("*.arrows")}
    assert len(tails) == 2
    # As if everything had been put into Parquet, and no tail been deleted yet.
    StoreWriter(tmp_path).close()
    for path, content in tails.items():
        path.write_bytes(content)
    stray = tmp_path / ".mdnb" / "half.mdnb-tmp"
    stray.write_bytes(b"half")
    for _ in range(2):
        assert held(tmp_path) == list(range(2000))
        with MarketStore(tmp_path) as store:
            assert store.ticks("BTC/USD")["trade_id"].tolist() == list(range(2000))
            assert {one.timeframe: one.rows for one in store.contents()} == {"1min": 2000, "ticks": 2000}
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
        StoreWriter(tmp_path).close()
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before
    assert not stray.exists()


def test_many_days_at_once_and_in_any_order_are_each_in_their_file(tmp_path: Path) -> None:
    order = np.random.default_rng(5).permutation(30 * 1440).astype("i8")
    with contextlib.closing(StoreWriter(tmp_path)) as writer:
        writer.append(BARS, bars_table(numbered(order)))
        writer.append(BARS, some(700, 1440))  # the same bars once more
    assert held(tmp_path) == list(range(30 * 1440))
    files = sorted(tmp_path.rglob("*.parquet"))
    frames = [pd.read_parquet(path) for path in files]
    days = [set(frame["timestamp"].dt.strftime("date=%Y-%m-%d")) for frame in frames]
    assert [{path.parent.name} for path in files] == days
    assert sum(map(len, frames)) == 30 * 1440


def test_of_many_days_one_that_does_not_fit_is_told_and_the_others_wait_in_the_tail(tmp_path: Path) -> None:
    with contextlib.closing(StoreWriter(tmp_path)) as writer:
        writer.append(BARS, some(0, 20))
    (folder,) = {path.parent for path in tmp_path.rglob("*.parquet")}
    # Where the folder of a later day would be there is a file.
    in_the_way = folder.with_name("date=" + str(np.datetime64(folder.name.removeprefix("date=")) + 5))
    in_the_way.write_text("x")
    writer = StoreWriter(tmp_path)
    writer.append(BARS, some(20, 20 * 1440))
    with pytest.raises(DataExportError):
        writer.close()
    in_the_way.unlink()
    assert held(tmp_path) == list(range(20 * 1440 + 20))
