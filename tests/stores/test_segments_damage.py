"""Bars on disk after damage: killed processes, torn files, altered bytes, full disks, strangers."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mdnb.errors import DataExportError, DataImportError
from mdnb.stores import segment_folder
from mdnb.stores.segment_file import DamagedSegmentError, check_segment, read_segment
from mdnb.stores.segments import SegmentStore
from tests.limits import LIMIT_SECONDS
from tests.stores.append_numbered import ROWS, numbered
from tests.stores.test_segments import MINUTE_US, columns_of, minutes, same, visible

ROOT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


# kill -9


def kill_and_reopen(folder: Path, chance: random.Random) -> int:
    """Kill a process that appends, at a random byte of its life; return how many segments it acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.stores.append_numbered", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        # Where in the life of a segment the signal arrives is left to chance; after how many is not.
        last = ""
        for _ in range(chance.randint(1, 40)):
            last = child.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(chance.random() * 0.02)
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:
            last = line if line.endswith("\n") else last
        child.wait(LIMIT_SECONDS)
    acknowledged = int(last) + 1
    store = SegmentStore(folder, memory_map=chance.random() < 0.5)
    columns = store.read()
    segments = len(columns) // ROWS
    assert segments in {acknowledged, acknowledged + 1}  # it may have been killed before it could tell
    assert len(columns) == segments * ROWS
    wanted = np.arange(segments * ROWS)
    assert np.array_equal(columns.tick_count, wanted)
    assert np.array_equal(columns.vwap, wanted / 4)
    assert store.damaged == {}
    assert {segment.path.name for segment in store.segments()} == set(visible(folder))
    store.close()
    return acknowledged


@POSIX
def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    chance = random.Random()
    before = 0
    for _ in range(8):  # of the same folder: what one run leaves, the next one goes on with
        acknowledged = kill_and_reopen(tmp_path, chance)
        assert acknowledged > before
        before = acknowledged


@POSIX
@pytest.mark.slow
def test_what_was_acknowledged_outlives_kill_9_often(tmp_path: Path) -> None:
    chance = random.Random()
    for number in range(60):
        kill_and_reopen(tmp_path / str(number // 4), chance)


# Files of a killed process, each moment of it


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five segments of 100 bars, the first two compressed."""
    store = SegmentStore(tmp_path / "1min")
    rows = minutes(0, 500)
    for begin in range(0, 500, 100):
        store.append(columns_of(rows[begin : begin + 100]))
        if begin == 100:
            store.compress()
    store.close()
    return store.folder


@contextlib.contextmanager
def opened(folder: Path, **options: bool) -> Iterator[SegmentStore]:
    store = SegmentStore(folder, **options)
    yield store
    store.close()


def test_half_written_files_are_swept_and_others_are_left(folder: Path) -> None:
    names = visible(folder)
    (folder / f".{names[0]}.tmp").write_bytes(b"half")
    (folder / ".bars-1-2-9-2-00000000.arrow.tmp").write_bytes(b"")
    (folder / "notes.txt").write_text("mine")
    (folder / ".hidden").write_text("mine")
    with opened(folder) as store:
        assert same(store.read(), minutes(0, 500))
        assert store.damaged == {}
    assert visible(folder) == sorted([*names, "notes.txt", ".hidden"])


@pytest.mark.parametrize("survivors", [0, 1, 2, 3])
def test_a_merged_file_beside_the_old_ones_counts_once(folder: Path, tmp_path: Path, survivors: int) -> None:
    shutil.copytree(folder, tmp_path / "before")
    with opened(folder) as store:
        new = minutes(150, 160, seed=77)
        store.replace(columns_of(new))
        store.compress()
        wanted = store.read()
        kept = store.segments()
    old = sorted(set(visible(tmp_path / "before")) - set(visible(folder)))
    for name in old[survivors:]:
        shutil.copy(tmp_path / "before" / name, folder)
    with opened(folder) as store:
        assert store.segments() == kept
        assert store.read().close.tobytes() == wanted.close.tobytes()
        assert store.damaged == {}
    assert set(visible(folder)) == {segment.path.name for segment in kept}


@pytest.mark.parametrize("there", [(0,), (1,), (2,), (0, 2), (0, 1), (1, 2), (0, 1, 2)])
def test_of_a_half_done_rewrite_every_row_is_there_once(tmp_path: Path, there: tuple[int, ...]) -> None:
    rows = minutes(0, 250_000)
    before, after = tmp_path / "before", tmp_path / "after"
    with opened(before) as store:
        store.append(columns_of(rows))
    shutil.copytree(before, after)
    with opened(after) as store:
        store.compress()
        made = [segment.path for segment in store.segments()]
    assert len(made) == 3
    for number in there:
        shutil.copy(made[number], before)
    for _ in range(2):
        with opened(before) as store:
            assert same(store.read(), rows)
            assert {segment.path.name for segment in store.segments()} == set(visible(before))


# Damage


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "torn":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "bit":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif how == "longer":
        path.write_bytes(content + b"more")
    elif how == "gone":
        path.unlink()
    elif how == "link":
        path.rename(path.with_name("elsewhere"))
        path.symlink_to(path.with_name("elsewhere"))
    elif how == "folder":
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize("how", ["torn", "empty", "bit", "longer", "link", "folder"])
@pytest.mark.parametrize("number", [0, 2, 3])
def test_a_damaged_segment_is_skipped_told_and_kept(folder: Path, how: str, number: int) -> None:
    with opened(folder) as store:
        held = store.segments()
    victim = held[number]
    damage(victim.path, how)
    names = visible(folder)
    rows = minutes(0, 500)
    lost = (rows["time_us"] * 1000 >= victim.first_ns) & (rows["time_us"] * 1000 <= victim.last_ns)
    with opened(folder) as store:
        assert list(store.damaged) == [victim.path]
        assert store.damaged[victim.path]
        assert same(store.read(), rows[~lost])
        assert same(store.tail(1000), rows[~lost])
        store.append(columns_of(minutes(500, 510)))
        store.compress()
        assert same(store.read(), np.concatenate([rows[~lost], minutes(500, 510)]))
        assert victim.path.name in visible(folder)
        store.clear()
        assert visible(folder) == sorted({*names} & {victim.path.name, "elsewhere"})


@pytest.mark.parametrize("memory_map", [False, True])
@pytest.mark.parametrize("how", ["torn", "gone", "link"])
@pytest.mark.parametrize("number", [0, 2])
def test_damage_while_the_store_is_open_is_found(
    folder: Path, how: str, number: int, memory_map: bool
) -> None:
    rows = minutes(0, 500)
    for call in ("read", "tail", "compress", "replace", "drop_before", "nbytes"):
        if call == "nbytes" and how != "gone":
            continue
        place = folder.with_name(f"{call}")
        shutil.copytree(folder, place)
        with opened(place, memory_map=memory_map) as store:
            victim = store.segments()[number]
            damage(victim.path, how)
            lost = (rows["time_us"] * 1000 >= victim.first_ns) & (rows["time_us"] * 1000 <= victim.last_ns)
            at = int(np.flatnonzero(lost)[50])
            if call == "read":
                store.read()
            elif call == "tail":
                store.tail(500)
            elif call == "compress":
                store.compress()
            elif call == "replace":
                store.replace(columns_of(rows[at : at + 1]))
                lost[at] = False
            elif call == "drop_before":
                store.drop_before(int(rows["time_us"][at]) * 1000)
                lost[:at] = True
            else:
                assert store.nbytes == sum(segment.bytes for segment in store.segments())
            assert same(store.read(), rows[~lost])
            assert same(store.read(), rows[~lost])
            assert list(store.damaged) == [victim.path]


def test_an_overlapping_file_that_turns_out_damaged_is_set_aside(tmp_path: Path) -> None:
    names = []
    for begin in (0, 50):
        with opened(tmp_path / str(begin)) as store:
            made = store.append(columns_of(minutes(begin, begin + 100)))
            names.append(made.path.name.split("-"))
    folder = tmp_path / "both"
    folder.mkdir()
    # By its name the older file begins a minute later than it does; all else of it is sound.
    older, newer = names
    older[1] = str(int(older[1]) + MINUTE_US)
    newer[3] = "2"
    shutil.copy(next((tmp_path / "0").glob("bars-*")), folder / "-".join(older))
    shutil.copy(next((tmp_path / "50").glob("bars-*")), folder / "-".join(newer))
    with opened(folder) as store:
        assert store.damaged == {
            folder / "-".join(older): "its first or last bar is not the one its name tells"
        }
        assert same(store.read(), minutes(50, 150))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_files_that_are_there_again_are_read_again_in_their_order(
    folder: Path, tmp_path: Path, order: tuple[int, ...]
) -> None:
    with opened(folder) as store:
        held = store.segments()
        assert len(held) == 4, "the first two were made one"
        for at in range(3):
            held[at].path.rename(tmp_path / held[at].path.name)
        store.look()
        assert list(store.damaged) == [one.path for one in held[:3]]
        assert [first // 1000 // MINUTE_US for first, _, _ in store.lost()] == [0, 200, 300]
        # What was written in the place of one meanwhile is newer.
        newer = minutes(200, 210, seed=5)
        store.replace(columns_of(newer))
        for at in order:
            (tmp_path / held[at].path.name).rename(held[at].path)
            store.look()
        rows = minutes(0, 500)
        assert same(store.read(), np.concatenate([rows[:200], newer, rows[300:]]))
        assert list(store.damaged) == [held[1].path]
        assert store.lost() == [(held[1].first_ns, held[1].last_ns, 90)]
    with opened(folder) as store:
        assert same(store.read(), np.concatenate([rows[:200], newer, rows[210:]]))


def test_a_file_that_is_back_was_not_replaced_by_one_of_its_neighbours(folder: Path, tmp_path: Path) -> None:
    rows = minutes(0, 500)
    with opened(folder) as store:
        lost = store.segments()[2].path
        lost.rename(tmp_path / lost.name)
        store.look()
        # Its neighbours are written anew, with bars that are put before and behind it.
        store.replace(columns_of(np.concatenate([rows[250:260], rows[450:460]])))
        assert store.compress() != (0, 0)
        assert same(store.read(), np.concatenate([rows[:300], rows[400:]]))
        (tmp_path / lost.name).rename(lost)
        store.look()
        assert same(store.read(), rows)
        assert store.damaged == {}
    with opened(folder) as store:
        assert same(store.read(), rows)


def test_looking_does_not_wait_for_whoever_is_writing(folder: Path, tmp_path: Path) -> None:
    with opened(folder) as store:
        lost = store.segments()[0].path
        lost.rename(tmp_path / lost.name)
        store.look()
        (tmp_path / lost.name).rename(lost)
        looking = threading.Thread(target=store.look)

        def write() -> bool:
            looking.start()
            looking.join(2)
            return looking.is_alive()

        assert not store._held.alone(write)
        assert list(store.damaged) == [lost], "whoever writes goes first"
        store.look()
        assert store.damaged == {}
        assert same(store.read(), minutes(0, 500))


def test_what_cannot_be_deleted_is_told_and_deleted_later(folder: Path) -> None:
    with opened(folder) as store:
        victim = store.segments()[0].path
        damage(victim, "folder")
        with pytest.raises(DataExportError, match=f"{victim.name} cannot be deleted"):
            store.clear()
        assert len(store.read()) == 0
        assert visible(folder) == [victim.name]
        victim.rmdir()
        store.clear()


def test_a_file_that_the_disk_does_not_give_is_told_and_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(folder) as store:
        victim = store.segments()[1].path
    open_ = os.open

    def fail(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if Path(path) == victim:
            raise OSError(errno.EIO, "Input/output error")
        return open_(path, flags, mode)

    monkeypatch.setattr(os, "open", fail)
    with opened(folder) as store:
        assert store.damaged == {victim: "Input/output error"}
        assert len(store) == 400
    monkeypatch.undo()
    with opened(folder) as store:
        assert same(store.read(), minutes(0, 500))


def test_a_name_that_tells_nothing_is_damage_too(folder: Path) -> None:
    store = SegmentStore(folder)
    good = store.segments()[0].path
    store.close()
    strange = ["bars-1.arrow", "bars-5-1-1-3-00000000.arrow", "bars-1-1-1-0-00000000.parquet", "bars-.arrow"]
    for name in (*strange, good.name.replace("bars-0-", "bars-00-")):
        shutil.copy(good, folder / name)
    with opened(folder) as store:
        assert len(store.damaged) == 5
        assert same(store.read(), minutes(0, 500))


def forged(folder: Path, content: bytes, name: str) -> Path:
    """A file whose checksum is right, whatever is in it."""
    stem, suffix = name.rsplit(".", 1)
    path = folder / f"{stem.rsplit('-', 1)[0]}-{zlib.crc32(content):08x}.{suffix}"
    path.write_bytes(content)
    return path


def parquet_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def arrow_bytes(table: pa.Table, batches: int = 1, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=-(-table.num_rows // batches))
    return sink.getvalue().to_pybytes()


_FORGERIES = ("text", "fewer", "more", "narrow", "missing", "renamed", "null", "times")


@pytest.mark.parametrize(
    ("how", "suffix"),
    [*itertools.product(_FORGERIES, ("arrow", "parquet")), ("batches", "arrow"), ("packed", "arrow")],
)
def test_a_forged_file_is_refused_before_it_is_decoded(tmp_path: Path, how: str, suffix: str) -> None:
    columns = numbered(0)
    names = ("time_us", "open", "high", "low", "close", "volume", "vwap", "tick_count", "flags", "closed_us")
    arrays = {name: pa.array(getattr(columns, name)) for name in names}
    rows = ROWS
    batches, compression = 1, None
    if how == "text":
        arrays["flags"] = pa.array(["x" * 1000] * ROWS).dictionary_encode()
    elif how in {"fewer", "more"}:
        rows += -1 if how == "fewer" else 1
    elif how == "narrow":
        arrays["tick_count"] = arrays["tick_count"].cast(pa.int32())
    elif how == "missing":
        del arrays["vwap"]
    elif how == "renamed":
        arrays["VWAP"] = arrays.pop("vwap")
    elif how == "null":
        arrays["close"] = pa.array([None, *columns.close[1:]])
    elif how == "times":
        arrays["time_us"] = pa.array(columns.time_us + 1)
    elif how == "batches":
        batches = 3
    else:
        compression = "zstd"
    fields = [pa.field(name, array.type, nullable=how == "null") for name, array in arrays.items()]
    table = pa.Table.from_arrays(list(arrays.values()), schema=pa.schema(fields))
    content = parquet_bytes(table) if suffix == "parquet" else arrow_bytes(table, batches, compression)
    name = f"bars-0-{int(columns.time_us[-1])}-1-{rows}-00000000.{suffix}"
    path = forged(tmp_path, content, name)
    with opened(tmp_path) as store:
        assert len(store.read()) == 0
        assert list(store.damaged) == [path]


@pytest.mark.parametrize("rows", [1_000_001, 4_000])
def test_a_parquet_file_that_would_take_too_much_memory_is_not_decoded(tmp_path: Path, rows: int) -> None:
    names = ("time_us", "open", "high", "low", "close", "volume", "vwap", "tick_count", "flags", "closed_us")
    columns = columns_of(minutes(0, 4_000))
    arrays = [pa.array(getattr(columns, name)) for name in names]
    fields = [pa.field(name, array.type, nullable=False) for name, array in zip(names, arrays, strict=True)]
    sink = pa.BufferOutputStream()
    # Each row a group of its own: what is written around it is larger than it is.
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), sink, row_group_size=1)
    path = forged(tmp_path, sink.getvalue().to_pybytes(), f"bars-0-{10**15}-1-{rows}-00000000.parquet")
    with opened(tmp_path) as store:
        assert list(store.damaged) == [path]
        told = {1_000_001: "more than were ever written", 4_000: r"it states [\d,]+ bytes for 4,000 rows"}
        assert re.search(told[rows], store.damaged[path])


_FUZZ = """
import random, sys, zlib
from pathlib import Path
from mdnb.stores.segment_file import DamagedSegmentError, check_segment, read_segment
source, folder, rounds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
whole = source.read_bytes()
ends = [*range(0, 1200), *range(len(whole) - 1200, len(whole))]
chance = random.Random(int(sys.argv[4]))
refused = 0
for _ in range(rounds):
    content = bytearray(whole)
    for _ in range(chance.choice([1, 1, 2, 8])):
        content[chance.choice(ends)] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
    stem, suffix = source.name.rsplit(".", 1)
    path = folder / f"{stem.rsplit('-', 1)[0]}-{zlib.crc32(content):08x}.{suffix}"
    path.write_bytes(content)
    for memory_map in (False, True):
        try:
            columns = read_segment(check_segment(path), memory_map=memory_map)
            sum(float(getattr(columns, name).sum()) for name in ("time_us", "close", "tick_count", "flags"))
        except DamagedSegmentError:
            refused += 1
    path.unlink()
print("alive", refused)
"""


@pytest.mark.parametrize("number", [0, 2])
def test_no_forged_byte_ends_the_interpreter(folder: Path, tmp_path: Path, number: int) -> None:
    with opened(folder) as store:
        path = store.segments()[number].path
    done = run(_FUZZ, path, tmp_path, 400, random.randrange(2**32))
    assert done.returncode == 0, done.stderr
    word, refused = done.stdout.split()
    assert word == "alive"
    assert int(refused) > 100


def test_a_single_segment_says_what_is_wrong_with_it(folder: Path) -> None:
    with opened(folder) as store:
        segment = store.segments()[2]
    damage(segment.path, "bit")
    with pytest.raises(DamagedSegmentError, match="not those that were written"):
        check_segment(segment.path)
    with pytest.raises(DataImportError, match=r"damaged: .* left as it is"):
        read_segment(segment, memory_map=False)


# What cannot be written

_FULL = """
import resource, sys
from pathlib import Path
import pytest
from mdnb.errors import DataExportError
from mdnb.stores.segments import SegmentStore
from tests.stores.test_segments import columns_of, minutes, same, visible

store = SegmentStore(Path(sys.argv[1]))
rows = minutes(0, 500)
before = visible(store.folder)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
new = minutes(0, 5_000, seed=4)
for call in (
    lambda: store.append(columns_of(minutes(500, 5_000))),
    lambda: store.replace(columns_of(new)),
    store.compress,
    lambda: store.drop_before(1),
):
    with pytest.raises(DataExportError, match="What was there is intact"):
        call()
    assert visible(store.folder) == before
    assert same(store.read(), rows)
store.append(columns_of(minutes(500, 510)))
assert same(store.tail(10), minutes(500, 510))
store.close()
print("done")
"""


@POSIX
def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    # A limit on the size of files stands in for the disk: the write fails half-way.
    with opened(tmp_path) as store:
        store.append(columns_of(minutes(0, 500)))
    done = run(_FULL, tmp_path)
    assert done.stdout == "done\n", done.stderr


@contextlib.contextmanager
def limited(what: str, most: int) -> Iterator[None]:
    """Let this process have less of something for a moment."""
    import resource

    kind = getattr(resource, f"RLIMIT_{what}")
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


@contextlib.contextmanager
def files_left(count: int) -> Iterator[None]:
    """Let this process open so many more files at once."""
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(64)]
    most = held[-1] + 1
    for descriptor in held[len(held) - count :]:
        os.close(descriptor)
    try:
        with limited("NOFILE", most):
            yield
    finally:
        for descriptor in held[: len(held) - count]:
            os.close(descriptor)


@POSIX
@pytest.mark.parametrize("memory_map", [False, True])
def test_bars_that_cannot_be_read_for_want_of_descriptors_are_not_damaged(
    folder: Path, memory_map: bool
) -> None:
    with opened(folder, memory_map=memory_map) as store:
        with (
            files_left(0),
            pytest.raises(DataImportError, match=r"Too many open files\. Nothing was changed"),
        ):
            store.read()
        assert store.damaged == {}
        assert same(store.read(), minutes(0, 500))


@POSIX
def test_a_folder_that_cannot_be_listed_is_told_and_let_go_of(folder: Path) -> None:
    # One for the lock; none for the list.
    with files_left(1), pytest.raises(DataImportError, match="cannot be listed: Too many open files"):
        SegmentStore(folder)
    with opened(folder) as store:
        assert same(store.read(), minutes(0, 500))


def test_an_interrupt_while_bars_are_written_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = visible(folder)

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    with opened(folder) as store:
        monkeypatch.setattr(os, "fsync", interrupted)
        for call in (lambda: store.append(columns_of(minutes(500, 510))), store.compress):
            with pytest.raises(KeyboardInterrupt):
                call()
            assert visible(folder) == before
        monkeypatch.undo()
        assert same(store.read(), minutes(0, 500))


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO])
def test_a_folder_that_is_not_forced_to_disk_counts_where_the_file_system_could(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    sync = os.fsync

    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    before = visible(folder)
    with opened(folder) as store:
        monkeypatch.setattr(os, "fsync", fail)
        if code == errno.EINVAL or os.name == "nt":
            store.append(columns_of(minutes(500, 510)))
            assert len(store) == 510
            return
        with pytest.raises(DataExportError, match=r"Input/output error\. What was there is intact"):
            store.append(columns_of(minutes(500, 510)))
        assert visible(folder) == before


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataExportError, match="cannot be made"):
        SegmentStore(tmp_path / "file" / "1min")
    with pytest.raises(DataExportError, match="cannot be made"):
        SegmentStore(tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path / "else", target_is_directory=True)
    (tmp_path / "else").mkdir()
    with pytest.raises(DataExportError, match="is a link"):
        SegmentStore(tmp_path / "link")


@POSIX
@pytest.mark.parametrize("masked", [0o000, 0o027])
def test_who_may_read_the_files_is_as_the_system_is_set(tmp_path: Path, masked: int) -> None:
    before = os.umask(masked)
    try:
        with opened(tmp_path) as store:
            store.append(columns_of(minutes(0, 3)))
            store.compress()
            store.append(columns_of(minutes(3, 6)))
            modes = [segment.path.stat().st_mode & 0o777 for segment in store.segments()]
    finally:
        os.umask(before)
    assert modes == [0o666 & ~masked] * 2


@POSIX
def test_a_folder_that_was_taken_away_is_made_anew_and_what_was_in_it_is_told(folder: Path) -> None:
    with opened(folder) as store:
        shutil.rmtree(folder)
        store.append(columns_of(minutes(500, 510)))
        assert len(store.read()) == 10
        assert list(store.damaged.values()) == ["it has gone"] * 4
        with pytest.raises(DataExportError, match="in use"):
            SegmentStore(folder)


@POSIX
def test_another_process_is_kept_out(folder: Path) -> None:
    code = "import sys; from pathlib import Path; from mdnb.stores.segments import SegmentStore\n"
    code += "SegmentStore(Path(sys.argv[1]))"
    with opened(folder):
        done = run(code, folder)
        assert "in use by another process" in done.stderr
    assert run(code, folder).returncode == 0


class RegionLocks:
    """Locks of regions as Windows has them: of some bytes, refused at once to anybody else."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self._locked: set[tuple[int, int]] = set()

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        status = os.fstat(descriptor)
        file = status.st_dev, status.st_ino
        if file in self._locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        self._locked.add(file)


def test_another_store_is_kept_out_by_locks_of_windows_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "msvcrt", RegionLocks())
    monkeypatch.setitem(segment_folder._LOCKS, os.name, segment_folder._LOCKS["nt"])
    refused = pytest.raises(DataExportError, match="in use by another process or another store")
    with opened(tmp_path / "one"), opened(tmp_path / "other"), refused:
        SegmentStore(tmp_path / "one")


def test_bars_before_1970_have_a_name_too(tmp_path: Path) -> None:
    rows = minutes(-500, -100)
    with opened(tmp_path) as store:
        store.append(columns_of(rows))
        store.append(columns_of(minutes(-100, 0)))
    with opened(tmp_path) as store:
        assert same(store.read(end_ns=-101 * MINUTE_US * 1000), rows)
        assert store.first_ns == -500 * MINUTE_US * 1000


def test_a_lock_that_cannot_be_written_is_told(folder: Path) -> None:
    (folder / ".lock").unlink()
    (folder / ".lock").mkdir()
    with pytest.raises(DataExportError, match="cannot be written to"):
        SegmentStore(folder)
    (folder / ".lock").rmdir()
    with opened(folder) as store:
        assert same(store.read(), minutes(0, 500))
