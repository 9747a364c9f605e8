"""Recording frames, and playing them again: what was decoded once is decoded again, to the last row."""

from __future__ import annotations

import asyncio
import errno
import gc
import gzip
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from mdnb.decode import decoder
from mdnb.errors import DataExportError, FeedError
from mdnb.feeds.recorder import Recorder
from mdnb.feeds.replay import ReplayFeed, open_recording
from mdnb.rows import LOST_LINE, Batch
from tests.limits import LIMIT_SECONDS
from tests.venues.recordings import RECORDINGS, ROOT, received, recording

TRADE = '{"e":"trade","E":1,"s":"A","t":1,"p":"1","q":"1","T":1,"m":true}'


def played(path: Path, symbol: str) -> list[str | bytes]:
    async def main() -> list[str | bytes]:
        frames: list[str | bytes] = []
        async with ReplayFeed(path, speed="max") as feed:
            await feed.open([symbol])
            await feed.subscribe(symbol, ["trades"])
            await asyncio.wait_for(feed.run(frames.append, lambda status, detail: None), LIMIT_SECONDS)
        return frames

    return asyncio.run(main())


def read(path: Path) -> list[tuple[int, str | bytes]]:
    opened = open_recording(path)
    assert opened.frames is not None
    return list(opened.frames())


def shown(batch: Batch) -> str:
    # As text, for nan is not equal to itself.
    return str([getattr(batch, name) for name in Batch.__slots__])


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
@pytest.mark.parametrize("name", sorted(set(RECORDINGS) - {"binance_spot_btcusdt_20240808T2354"}))
def test_a_recording_replayed_gives_the_same_batches(tmp_path: Path, name: str, suffix: str) -> None:
    lines = received(recording(name))
    symbols = open_recording(recording(name)).symbols
    path = tmp_path / f"day{suffix}"
    with Recorder(path, RECORDINGS[name], symbols) as recorder:
        for at_ns, frame in lines:
            recorder.frame(at_ns, frame)
    assert recorder.frames == len(lines)
    assert read(path) == lines
    frames = played(path, symbols[0])
    assert frames == [frame for _, frame in lines]
    first = decoder(RECORDINGS[name]).feed([frame for _, frame in lines])
    again = decoder(open_recording(path).dialect).feed(frames)
    assert shown(again) == shown(first)


@given(
    st.lists(st.tuples(st.integers(0, 2**63 - 1), st.one_of(st.text(), st.binary())), max_size=20),
    st.booleans(),
)
def test_any_frame_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, frames: list[tuple[int, str | bytes]], packed: bool
) -> None:
    path = tmp_path_factory.mktemp("any") / ("x.jsonl.gz" if packed else "x.jsonl")
    with Recorder(path, "binance") as recorder:
        for at_ns, frame in frames:
            recorder.frame(at_ns, frame)
    # Text that UTF-8 cannot carry never comes from a socket; it is kept as bytes.
    assert read(path) == [
        (
            at_ns,
            frame
            if isinstance(frame, bytes) or frame.isascii() or _encodes(frame)
            else frame.encode("utf-8", "surrogatepass"),
        )
        for at_ns, frame in frames
    ]


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def test_a_dialect_of_another_package_is_played_too(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    with Recorder(path, "elsewhere", ["A/B"]) as recorder:
        recorder.frame(10**18, "a frame that only its own decoder understands")
    opened = open_recording(path)
    assert (opened.dialect, opened.symbols, opened.has_trades) == ("elsewhere", ("A/B",), True)
    assert played(path, "A/B") == ["a frame that only its own decoder understands"]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_going_on_with_a_recording(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"day{suffix}"
    for number in range(3):
        with Recorder(path, "binance", ["A"], append=number > 0) as recorder:
            recorder.frame(10**18 + number, TRADE)
    # Between two runs the line was not there.
    assert read(path) == [
        (10**18, TRADE),
        (10**18, LOST_LINE),
        (10**18 + 1, TRADE),
        (10**18 + 1, LOST_LINE),
        (10**18 + 2, TRADE),
    ]


def test_a_torn_last_line_is_left_out_with_a_count_and_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    with Recorder(path, "binance") as recorder:
        for number in range(3):
            recorder.frame(10**18 + number, TRADE)
    path.write_bytes(path.read_bytes()[:-20])
    opened = open_recording(path)
    assert opened.frames is not None
    assert len(list(opened.frames())) == 2
    assert str(opened.damage) == "1 unreadable left out, the first: line 4 of day.jsonl"
    with Recorder(path, "binance", append=True) as recorder:
        recorder.frame(10**18 + 9, TRADE)
    assert [at_ns for at_ns, frame in read(path) if frame == TRADE] == [10**18, 10**18 + 1, 10**18 + 9]


@pytest.mark.skipif(sys.platform == "win32", reason="there a file that is locked cannot be read")
@pytest.mark.parametrize("name", ["day.jsonl", "day.jsonl.gz"])
def test_a_recording_that_goes_on_is_played_up_to_now_and_is_not_torn(name: str, tmp_path: Path) -> None:
    path, dice = tmp_path / name, random.Random(7)

    async def main() -> None:
        with Recorder(path, "binance", ["A"]) as recorder:
            recorder.frame(10**18, TRADE)
            recorder.flush()
            # What the buffer does not hold is written; packed it ends anywhere.
            for number in range(100):
                recorder.frame(10**18 + number, TRADE.replace("A", dice.randbytes(500).hex()))
            opened = open_recording(path)
            assert opened.frames is not None
            assert next(opened.frames()) == (10**18, TRADE)
            assert 1 <= len(list(opened.frames())) < 101
            assert opened.damage.count == 0

    asyncio.run(main())
    assert len(read(path)) == 101
    path.write_bytes(path.read_bytes()[:-20])
    opened = open_recording(path)
    assert opened.frames is not None
    assert len(list(opened.frames())) >= 100
    assert opened.damage.count == 1


def torn(folder: Path, tear: Callable[[bytes], bytes]) -> Path:
    path = folder / "day.jsonl.gz"
    with Recorder(path, "binance", ["A"]) as recorder:
        for number in range(3):
            recorder.frame(10**18 + number, TRADE)
    path.write_bytes(tear(path.read_bytes()))
    return path


def test_a_torn_packed_recording_is_played_and_continued(tmp_path: Path) -> None:
    path = torn(tmp_path, lambda packed: packed[:-4])
    assert len(read(path)) == 3
    assert played(path, "A") == [TRADE] * 3
    with Recorder(path, "binance", ["A"], append=True) as recorder:
        recorder.frame(10**18 + 3, TRADE)
    assert played(path, "A") == [TRADE, TRADE, TRADE, LOST_LINE, TRADE]


def test_a_damaged_packed_recording_is_played_up_to_there_and_not_continued(tmp_path: Path) -> None:
    path = torn(tmp_path, lambda packed: packed[:-8] + bytes(8))
    before = path.read_bytes()
    assert len(read(path)) == 3
    with pytest.raises(DataExportError, match=r"is damaged: .* not continued; record to another file"):
        Recorder(path, "binance", append=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"my notes\n", r"is no recording of mdnb; record B \(kraken\) to another file"),
        (
            b'{"mdnb_recording":1,"dialect":"okx"}\n',
            r"is a recording of frames \(okx\); record B \(kraken\) to another file",
        ),
        (
            b'{"mdnb_recording":1,"dialect":"kraken","symbols":["A"]}\n',
            r"is a recording of A \(kraken\); record B \(kraken\) to another file",
        ),
        (b'{"mdnb_recording":7,"dialect":"kraken"}\n', "is no recording of mdnb"),
        # The hour of packing is part of what gzip writes, and this is part of the test's name.
        (gzip.compress(b"my notes\n", mtime=0), "is no recording of mdnb"),
    ],
)
def test_what_is_there_already_is_never_touched(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    for append in (False, True):
        with pytest.raises(DataExportError, match=message):
            Recorder(path, "kraken", ["B"], append=append)
        assert path.read_bytes() == content


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_recording_is_continued_only_where_that_was_said(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"day{suffix}"
    with Recorder(path, "binance", ["A"]) as recorder:
        recorder.frame(10**18, TRADE)
    before = path.read_bytes()
    with pytest.raises(DataExportError, match=r"is there already; .*to another file, or go on.*--append"):
        Recorder(path, "binance", ["A"])
    assert path.read_bytes() == before


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataExportError, match=r"cannot record to .*absent.*No such file"):
        Recorder(tmp_path / "absent" / "x.jsonl", "kraken")
    with pytest.raises(DataExportError, match="is there already and is no recording of mdnb"):
        Recorder(tmp_path, "kraken")


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_full_disk_stops_the_recording_and_not_the_feed(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(tmp_path / f"day{suffix}", "binance")

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    recorder.frame(1, TRADE)
    monkeypatch.setattr(recorder._file, "flush", full)
    for number in range(5):
        recorder.frame(number, TRADE)
    assert recorder.frames == 2
    assert len(caplog.records) == 1
    monkeypatch.undo()
    with pytest.raises(DataExportError, match="stopped after 2 frames: No space left on device"):
        recorder.close()
    recorder.close()


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes with a path")
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_pipe_that_nobody_reads_any_more_stops_the_recording(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"pipe{suffix}"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    recorder = Recorder(path, "binance")
    os.close(reader)

    async def main() -> None:
        # More than any buffer holds, and nothing that can be packed: it is written at once.
        recorder.frame(1, random.Random(1).randbytes(2**20))
        recorder.frame(2, TRADE)

    asyncio.run(main())
    assert recorder.frames == 0
    with pytest.raises(DataExportError, match="stopped after 0 frames: Broken pipe"):
        recorder.close()
    assert recorder._raw.closed
    recorder.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_disk_that_is_full_already_is_told_at_once(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"full{suffix}"
    path.symlink_to("/dev/full")
    with pytest.raises(DataExportError, match=r"cannot record to .*full.*: No space left on device"):
        Recorder(path, "binance")
    # A file that was left open would say so now.
    gc.collect()


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes with a path")
def test_what_is_lost_in_closing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "pipe.jsonl.gz"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    recorder = Recorder(path, "binance")
    os.close(reader)
    # Nothing waits to be flushed, but the end of what is packed is still to be written.
    with pytest.raises(DataExportError, match="stopped after 0 frames: Broken pipe"):
        recorder.close()
    assert recorder._raw.closed


def test_frames_after_close_are_ignored_and_closing_twice_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    recorder = Recorder(path, "binance")
    recorder.close()
    recorder.frame(1, TRADE)
    recorder.flush()
    recorder.close()
    assert read_header_only(path)


def read_header_only(path: Path) -> bool:
    return path.read_text() == '{"mdnb_recording":1,"dialect":"binance","symbols":[]}\n'


def test_outside_a_loop_each_frame_is_on_its_way_at_once(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl.gz"
    with Recorder(path, "binance", ["A"]) as recorder:
        recorder.frame(10**18, TRADE)
        assert read(path) == [(10**18, TRADE)]


def test_within_a_loop_writing_is_put_off_and_closing_takes_the_timer_along(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"

    async def main() -> None:
        recorder = Recorder(path, "binance")
        recorder.frame(10**18, TRADE)
        assert read_header_only(path)
        recorder.flush()
        assert not read_header_only(path)
        recorder.frame(10**18, TRADE)
        recorder.close()
        assert recorder._timer is None

    asyncio.run(main())
    assert len(path.read_text().splitlines()) == 3


CHILD = """
import asyncio, sys
from mdnb.feeds.recorder import FLUSH_SECONDS, Recorder

async def main():
    recorder = Recorder(sys.argv[1], "binance", ["A"])
    loop = asyncio.get_running_loop()
    for number in range(100):
        recorder.frame(10**18 + number, sys.argv[2])
    # This timer was set after the recorder's, for a later time: when it fires, the recorder's has.
    flushed = asyncio.Event()
    loop.call_later(FLUSH_SECONDS * 1.2, flushed.set)
    await flushed.wait()
    for number in range(100, 150):
        recorder.frame(10**18 + number, sys.argv[2])
    print("written", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".mdnb"])
def test_a_killed_process_loses_the_last_second_at_most(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"day{suffix}"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), TRADE], stdout=subprocess.PIPE, cwd=ROOT
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        child.send_signal(signal.SIGKILL)
    times = [at_ns for at_ns, _ in read(path)]
    assert times == [10**18 + number for number in range(len(times))]
    assert 100 <= len(times) <= 150


def test_a_damaged_header_says_so(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text('{"mdnb_recording":"one"}\n')
    with pytest.raises(FeedError, match=r"day\.jsonl: the header of this recording is damaged"):
        open_recording(path)


def test_text_that_utf_8_cannot_carry_is_kept_as_bytes(tmp_path: Path) -> None:
    with Recorder(tmp_path / "x.jsonl", "binance") as recorder:
        recorder.frame(1, "half a pair: \ud83d")
        recorder.frame(2, "whole: \U0001f600")
    assert read(tmp_path / "x.jsonl") == [(1, b"half a pair: \xed\xa0\xbd"), (2, "whole: \U0001f600")]


def test_a_file_has_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with Recorder(path, "binance", ["A"]) as recorder:
        recorder.frame(5, "{}")
        recorder.flush()
        for append in (True, False):
            with pytest.raises(DataExportError, match=r"by somebody else|is there already"):
                Recorder(path, "binance", ["A"], append=append)
    with Recorder(path, "binance", ["A"], append=True) as recorder:
        recorder.frame(6, "{}")
    assert [line[:3] for line in path.read_text().splitlines()] == ['{"m', "[5,", '{"m', "[6,"]


def test_a_venues_names_are_known_to_a_replay(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    frame = (
        '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":77120.0,'
        '"qty":0.5,"ord_type":"limit","trade_id":7,"timestamp":"2026-08-22T17:30:53.355059Z"}]}'
    )
    names = {"BTC/USD": "my-bitcoin"}
    with Recorder(
        path, "kraken", ["my-bitcoin"], names=names, venue="Kraken", channels=["trades"]
    ) as recorder:
        recorder.frame(5, frame)
    feed = ReplayFeed(path)
    assert feed.known_symbols() == ("my-bitcoin",)
    assert feed.names == names


@pytest.mark.parametrize("words", ["deleted", "cut"])
def test_a_file_that_somebody_takes_away_is_told_of(tmp_path: Path, words: str) -> None:
    path = tmp_path / "x.jsonl"
    failed: list[bool] = []
    recorder = Recorder(path, "binance", ["A"], on_failure=lambda: failed.append(True))
    recorder.frame(5, "{}")
    if words == "deleted":
        path.unlink()
    else:
        os.truncate(path, 10)
    recorder.frame(6, "{}")
    assert failed == [True]
    with pytest.raises(DataExportError, match=f"the file was {words} meanwhile"):
        recorder.close()


def test_a_disk_that_cannot_lock_refuses_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("mdnb.feeds.recorder.lock_for_writing", broken)
    with pytest.raises(DataExportError, match=r"cannot record to .*: Input/output error"):
        Recorder(tmp_path / "x.jsonl", "binance")
