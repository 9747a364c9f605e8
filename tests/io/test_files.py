"""Files: whole or not at all, names that stay in their folder, formats by their ending."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from mdnb.errors import DataExportError, DataImportError, OptionError, SymbolError
from mdnb.io import default_name, format_of, read_bars, read_csv, safe_name, write_bars
from mdnb.io.atomic import atomic_write
from mdnb.io.paths import inside, local_path, symbol_of
from tests.io.frames import EASY, PROJECT, bars, same
from tests.limits import LIMIT_SECONDS

WRITER = """
import sys
from mdnb.io.atomic import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(b"half of it" * 100_000)
    file.flush()
    print("half", flush=True)
    sys.stdin.readline()
"""


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Whole or not at all.


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_writer_that_is_stopped_half_way_leaves_the_old_file(tmp_path: Path, sign: signal.Signals) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("old")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.send_signal(sign)
        process.wait(timeout=LIMIT_SECONDS)
    assert path.read_text() == "old"
    left = [name for name in listing(tmp_path) if name != "bars.csv"]
    assert all(name.startswith(".bars.csv.") for name in left)  # hidden, and no reader's pattern matches
    assert not left or sign != signal.SIGINT
    for name in left:
        os.utime(tmp_path / name, (0, 0))
    with atomic_write(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert listing(tmp_path) == ["bars.csv"]


def test_a_fresh_file_of_another_writer_is_not_swept(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    with atomic_write(path) as outer:
        outer.write(b"outer")
        with atomic_write(path) as inner:
            inner.write(b"inner")
        assert path.read_bytes() == b"inner"
    assert path.read_bytes() == b"outer"
    assert listing(tmp_path) == ["bars.csv"]


def test_an_error_while_writing_goes_on_unchanged_and_cleans_up(tmp_path: Path) -> None:
    class MyError(Exception):
        pass

    def write() -> None:
        with atomic_write(tmp_path / "bars.csv") as file:
            file.write(b"half")
            raise MyError

    with pytest.raises(MyError):
        write()
    assert listing(tmp_path) == []


def test_a_full_disk_is_told_and_the_old_file_stays(tmp_path: Path) -> None:
    script = """
import resource, signal, sys
from mdnb.errors import DataExportError
from mdnb.io import write_parquet, write_csv
from tests.io.frames import bars
frame = bars(20_000)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
for write in (write_csv, write_parquet):
    try:
        write(frame, sys.argv[1])
    except DataExportError as error:
        print(error)
"""
    path = tmp_path / "bars.csv"
    path.write_text("old")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    assert run.stdout.count("was not written: File too large. Nothing was changed.") == 2, (
        run.stdout + run.stderr
    )
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["bars.csv"]


def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    script = """
import os, sys
from mdnb.errors import DataExportError
from mdnb.io.atomic import atomic_write
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for name in ("new.csv", "old.csv"):
    try:
        with atomic_write(os.path.join(sys.argv[1], name)) as file:
            file.write(b"x")
    except DataExportError as error:
        print(error)
"""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "old.csv").write_text("old")
    folder.chmod(0o555)
    for parent in list(folder.parents)[:2]:  # pytest's folders are closed to others
        parent.chmod(parent.stat().st_mode | 0o755)
    try:
        run = subprocess.run(
            [sys.executable, "-c", script, str(folder)],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=True,
        )
    finally:
        folder.chmod(0o755)
    assert run.stdout.count("was not written: no permission to write there") == 2, run.stdout
    assert (folder / "old.csv").read_text() == "old"


def test_other_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, message in (
        ("missing/bars.csv", "folder .*missing does not exist"),
        ("folder", "a folder or a device"),
        ("pipe", "a folder or a device"),
        ("x" * 300, "name too long"),
    ):
        with pytest.raises(DataExportError, match=f"(?i){message}"), atomic_write(tmp_path / name):
            pass
    for url in ("https://example.org/bars.csv", "s3://bucket/bars.csv", "file:///tmp/bars.csv", "", "a\0b"):
        with pytest.raises(DataExportError), atomic_write(url):
            pass
    assert listing(tmp_path) == ["folder", "pipe"]


def test_a_link_is_followed_and_permissions_stay(tmp_path: Path) -> None:
    target = tmp_path / "real.csv"
    target.write_text("old")
    target.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(target)
    with atomic_write(tmp_path / "link.csv") as file:
        file.write(b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640
    with atomic_write(tmp_path / "fresh.csv") as file:
        file.write(b"new")
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "fresh.csv").stat().st_mode & 0o777 == 0o666 & ~mask


def test_readers_see_the_old_or_the_new_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "bars.txt"
    contents = {bytes([65 + number]) * 200_000 for number in range(20)}
    path.write_bytes(next(iter(contents)))
    seen: list[bytes] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(path.read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for content in contents:
            with atomic_write(path) as file:
                file.write(content)
    finally:
        done.set()
        watcher.join(timeout=LIMIT_SECONDS)
    assert seen
    assert set(seen) <= contents


# Names.


@given(st.text(min_size=1, max_size=20))
@settings(EASY)
def test_every_symbol_is_a_name_that_stays_in_its_folder(symbol: str) -> None:
    if symbol in {".", ".."}:
        with pytest.raises(SymbolError):
            safe_name(symbol)
        return
    try:
        name = safe_name(symbol)
    except SymbolError:
        assert len(symbol.encode("utf-8", "surrogatepass")) * 3 > 120
        return
    assert symbol_of(name) == symbol
    assert name.isascii()
    assert not set(name) & set('/\\:*?"<>| \0~')
    assert not name.startswith(".")
    assert not name.endswith(".")
    assert name.split(".")[0].upper() not in {"CON", "NUL", "AUX", "PRN", "COM1", "LPT9"}
    assert inside("/tmp", name).parent == Path("/tmp").resolve()


@pytest.mark.parametrize("symbol", ["CON", "con.txt", "Nul", "com1", "LPT9.csv", "aux", "CONIN$"])
def test_names_that_windows_reserves(symbol: str) -> None:
    assert safe_name(symbol).startswith("%")
    assert symbol_of(safe_name(symbol)) == symbol


def test_names_that_are_none() -> None:
    for symbol in ("", ".", "..", "x" * 121, "\u20ac" * 20):
        with pytest.raises(SymbolError):
            safe_name(symbol)
    assert default_name("ES/H6", "1min", ".csv") == "ES%2FH6_1min.csv"
    assert default_name("MNQ", "500tick", "parquet") == "MNQ_500tick.parquet"


def test_no_name_leads_out_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "out").symlink_to(tmp_path)
    (tmp_path / "base" / "sub").mkdir()
    for name in ("../x", "..", ".", "", "/etc/passwd", "sub/x", "out", "a\0b", "sub/../../x"):
        with pytest.raises(OptionError, match="not a plain file name"):
            inside(tmp_path / "base", name)
    assert inside(tmp_path / "base", "MNQ.csv") == tmp_path.resolve() / "base" / "MNQ.csv"


def test_the_home_folder_is_known() -> None:
    assert local_path("~/x.csv") == Path.home() / "x.csv"
    with pytest.raises(OptionError):
        local_path("~no-such-user-here/x.csv")
    with pytest.raises(OptionError, match="not a file name"):
        local_path(5)  # type: ignore[arg-type]


# By the ending.


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.json", "a.json.gz", "a.parquet", "A.PARQUET"])
def test_the_ending_tells_the_format(tmp_path: Path, name: str) -> None:
    frame = bars()
    path = write_bars(frame, tmp_path / name)
    options = {} if "parquet" in name.lower() else {"tz": "America/Chicago"}
    back = read_bars(path, "1min", **options)
    same(frame, back)
    assert back.attrs["timeframe"] == "1min"


def test_of_unknown_endings_the_known_ones_are_named(tmp_path: Path) -> None:
    path = write_bars({"5min": bars()[::5]}, tmp_path / "one.json", pretty_format=True)
    assert len(json.loads(path.read_text())) == 48
    with pytest.raises(OptionError, match=r"Known endings: \.csv"):
        format_of("bars.docx")


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name, message in (
        ("missing.csv", "No such file"),
        ("no/such.csv", "folder .*no does not exist"),
        ("pipe.csv", "a pipe or a device"),
        ("folder.csv", "folder, a pipe"),
    ):
        with pytest.raises(DataImportError, match=message):
            read_bars(tmp_path / name)
    with pytest.raises(DataImportError, match="device"):
        read_csv("/dev/zero")
