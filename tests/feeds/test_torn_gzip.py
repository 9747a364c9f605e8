"""Files whose writer was killed are closed where it last flushed, and other programs read them to the end."""

from __future__ import annotations

import gzip
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from mdnb.feeds import torn_gzip
from mdnb.feeds.torn_gzip import close_torn_gzip


def packed_parts(path: Path, parts: list[list[bytes]], close: bool) -> list[int]:
    """Write lines, flushed after each part; return where each flush ended."""
    ends = []
    with path.open("ab") as raw:
        packed = gzip.GzipFile("", "ab", 6, raw, mtime=0)
        for part in parts:
            for line in part:
                packed.write(line)
            packed.flush()
            raw.flush()
            ends.append(raw.tell())
        if close:
            packed.close()
        else:
            packed.fileobj = None
    return ends


def mended(path: Path) -> bytes | None:
    with path.open("ab") as file:
        return close_torn_gzip(file, path)


def lines_of(seed: int, count: int) -> list[bytes]:
    random_ = random.Random(seed)
    return [b"%d %d\n" % (number, random_.getrandbits(random_.choice((8, 200)))) for number in range(count)]


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=6),
    st.integers(0, 2),
    st.floats(0.0, 1.0),
    st.integers(0, 2**32),
)
def test_wherever_it_is_torn_nothing_flushed_is_lost(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], whole: int, share: float, seed: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "file.gz"
    for _ in range(whole):
        packed_parts(path, [[b"whole\n"]], close=True)
    begin = path.stat().st_size if whole else 0
    parts = [lines_of(seed + number, count) for number, count in enumerate(counts)]
    ends = packed_parts(path, parts, close=False)
    cut = begin + round(share * (path.stat().st_size - begin))
    path.write_bytes(path.read_bytes()[:cut])
    rest = mended(path)
    assert rest is not None
    packed_parts(path, [[rest, b"more\n"]], close=True)
    flushed = [line for part, end in zip(parts, ends, strict=True) if end <= cut for line in part]
    written = b"".join(line for part in parts for line in part)
    # Read by the standard library, which knows nothing of ours.
    held = gzip.decompress(path.read_bytes())
    assert held.startswith(b"whole\n" * whole + b"".join(flushed))
    assert held.endswith(b"more\n")
    assert written.startswith(held[6 * whole : -5])


def test_an_unhurt_file_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    packed_parts(path, [[b"one\n"]], close=True)
    packed_parts(path, [[b"two\n"]], close=True)
    before = path.read_bytes()
    assert mended(path) == b""
    assert path.read_bytes() == before


def test_a_file_with_what_no_writer_wrote_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    packed_parts(path, [lines_of(1, 400)], close=False)
    # A kind of block that there is not: RFC 1951, 3.2.3.
    hurt = path.read_bytes() + b"\xff" * 40
    path.write_bytes(hurt)
    assert mended(path) is None
    assert path.read_bytes() == hurt


def test_bytes_that_look_like_a_flush_by_chance_are_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    # What cannot be packed is stored as it is, the four bytes within.
    noise = random.Random(2).randbytes(3000) + b"\x00\x00\xff\xff" + random.Random(3).randbytes(3000)
    packed_parts(path, [[b"one\n"], [noise]], close=False)
    path.write_bytes(path.read_bytes()[:-5])
    rest = mended(path)
    assert gzip.decompress(path.read_bytes()) == b"one\n"
    assert noise.startswith(rest or b"none")


def test_the_last_flush_is_found_however_much_came_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torn_gzip, "_WINDOW", 64)
    path = tmp_path / "file.gz"
    noise = random.Random(4).randbytes(2000)
    packed_parts(path, [[b"one\n"], [noise]], close=False)
    path.write_bytes(path.read_bytes()[:-5])
    rest = mended(path)
    assert gzip.decompress(path.read_bytes()) == b"one\n"
    assert noise.startswith(rest or b"none")


@pytest.mark.skipif(shutil.which("gzip") is None, reason="there is no gzip here")
def test_the_program_gzip_finds_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    packed_parts(path, [lines_of(5, 100), lines_of(6, 100)], close=False)
    path.write_bytes(path.read_bytes()[:-1])
    mended(path)
    subprocess.run(["gzip", "-t", path], check=True)
