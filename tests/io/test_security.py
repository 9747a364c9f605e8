"""Files made to harm: each is refused with a clear message, inside one gigabyte of address space."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mdnb.errors import DataImportError
from mdnb.io import (
    read_bars,
    read_csv,
    read_json,
    read_parquet,
    write_csv,
    write_json,
    write_parquet,
    write_timeframes,
)
from mdnb.io.parquet_footer import read_footer
from tests.io.frames import PROJECT, bars, timed
from tests.limits import LIMIT_SECONDS

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from mdnb.errors import DataImportError
from mdnb.io import read_bars
for name in sys.argv[1:]:
    try:
        print("READ", len(read_bars(name)))
    except DataImportError as error:
        print("REFUSED", error)
# Not ru_maxrss: a child inherits its parent's peak through exec.
status = open("/proc/self/status").read() if sys.platform == "linux" else ""
peak = int(status.split("VmHWM:")[1].split()[0]) if status else 0
print("PEAK", peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def in_one_gigabyte(*paths: Path) -> list[str]:
    """Read each file in a process that may not grow; return what it printed, a line a file."""
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, paths)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert run.returncode == 0, (run.returncode, run.stderr[-2000:])
    lines = run.stdout.splitlines()
    assert int(lines[-1].removeprefix("PEAK ")) < 700_000, lines
    return lines[:-1]


def foreign(rows: int, **columns: object) -> pa.Table:
    prices = {name: np.ones(rows) for name in ("open", "high", "low", "close", "volume")}
    times = pa.array(np.zeros(rows, np.int64)).cast(pa.timestamp("us", "UTC"))
    return pa.table({"timestamp": times, **prices, **columns})


def test_small_files_that_decode_to_gigabytes(tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    table = foreign(1_000_000)
    with pq.ParquetWriter(rows, table.schema, compression="zstd") as writer:
        for _ in range(20):
            writer.write_table(table)
    entry = pa.array(["x" * 10_000_000])
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100, np.int8)), entry)
    words = tmp_path / "words.parquet"
    pq.write_table(foreign(100).set_column(4, "close", text), words, compression="zstd")
    aside = tmp_path / "aside.parquet"
    pq.write_table(foreign(100, payload=text), aside, compression="zstd")
    frame = tmp_path / "timeframe.parquet"
    pq.write_table(foreign(100, timeframe=text), frame, compression="zstd")
    symbol = tmp_path / "symbol.parquet"
    pq.write_table(foreign(100, symbol=text), symbol, compression="zstd")
    closed = tmp_path / "closed.parquet"
    pq.write_table(foreign(100, closed_at=text), closed, compression="zstd")
    files = [rows, words, aside, frame, symbol, closed]
    assert max(path.stat().st_size for path in files) < 600_000
    told = in_one_gigabyte(*files)
    assert "claim 20,000,000 rows" in told[0]
    assert "'close' is" in told[1]
    assert told[2] == "READ 1"  # one time, a hundred rows; the payload is never decoded
    assert "'timeframe' mixes values" in told[3]
    assert "'symbol' mixes values" in told[4]
    assert told[5] == "READ 1"  # of that name another program may have anything; text is never decoded


def test_the_times_of_closing_may_not_be_larger_than_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = pa.array(np.arange(1000) * 1_000_003).cast(pa.timestamp("us", "UTC"))
    path = tmp_path / "closed.parquet"
    table = foreign(1000, closed_at=times)
    pq.write_table(table, path, use_dictionary=["timestamp", "open", "high", "low", "close", "volume"])
    assert len(read_parquet(path)) == 1
    # Such a file takes megabytes; the limits are made small instead.
    monkeypatch.setattr("mdnb.io.parquet_read._FREE_CHUNK_BYTES", 4000)
    monkeypatch.setattr("mdnb.io.parquet_read._BYTES_A_ROW", 2)
    with pytest.raises(DataImportError, match="bytes for 1,000 values of 'closed_at'"):
        read_parquet(path)


def test_packed_text_that_grows(tmp_path: Path) -> None:
    row = b"2026-03-02T09:30:00-06:00,1,2,1,2,5\n"
    head = b"timestamp,open,high,low,close,volume\n"
    table, endless, bars_json = (
        tmp_path / name for name in ("table.csv.gz", "endless.csv.gz", "bars.json.gz")
    )
    with gzip.open(table, "wb") as file:
        file.write(head)
        for _ in range(120):
            file.write(row * 50_000)
    with gzip.open(endless, "wb") as file:
        for _ in range(200):
            file.write(bytes(1_000_000))
    with gzip.open(bars_json, "wb") as file:
        for _ in range(200):
            file.write(b"[" * 1_000_000)
    assert max(path.stat().st_size for path in (table, endless, bars_json)) < 700_000
    for told in in_one_gigabyte(table, endless, bars_json):
        assert told.startswith("REFUSED")
        assert "unpack to more than" in told


def test_text_that_is_nested_long_or_one_line(tmp_path: Path) -> None:
    deep, wide, line = (tmp_path / name for name in ("deep.json", "wide.json", "line.csv"))
    deep.write_bytes(b'[{"timestamp":' + b"[" * 5_000_000)
    wide.write_bytes(b'[{"timestamp":1,"open":' + b"9" * 5_000_000 + b"}]")
    line.write_bytes(b"a," * 5_000_000)
    for told in in_one_gigabyte(deep, wide, line):
        assert told.startswith("REFUSED")


DAMAGED = """
import random, sys
from pathlib import Path
from mdnb.errors import DataImportError
from mdnb.io import read_parquet

path, target, step, often = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
whole = path.read_bytes()
good = read_parquet(path, timeframe="1min")
random.seed(5)
footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")


def plain(column):
    column = column.reset_index(drop=True)
    return column.dt.tz_convert("UTC").astype("int64") if column.dtype.kind == "M" else column


def damaged():
    for place in range(footer, len(whole) - 8, step):  # pyarrow's own access to a footer ends the process
        data = bytearray(whole)
        data[place] = 2 if data[place] != 2 else 25
        yield data
    for _ in range(often):
        yield whole[: random.randrange(len(whole))]
    for _ in range(often):
        data = bytearray(whole)
        for _ in range(random.choice([1, 1, 2, 8])):
            data[random.randrange(len(data))] = random.randrange(256)
        yield data


counts = {"refused": 0, "read": 0}
for number, data in enumerate(damaged()):
    target.write_bytes(data)
    try:
        frame = read_parquet(target, timeframe="1min")
    except DataImportError:
        counts["refused"] += 1
        continue
    counts["read"] += 1
    # The footer has no checksum: it may name another zone, or lose an optional column. Values have one.
    pairs = [(plain(frame[name]), plain(good[name])) for name in frame]
    if not all(one.equals(other) or not one.any() for one, other in pairs):
        print("WRONG", number, frame.head(3).to_string())
print(counts)
"""


@pytest.mark.parametrize(
    ("step", "often"), [(7, 100), pytest.param(1, 3_000, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_every_torn_or_altered_parquet_file_is_told_or_read_the_same(
    tmp_path: Path, step: int, often: int
) -> None:
    path = write_timeframes(
        {"1min": timed(100), "5min": bars(20)}, tmp_path / "good.parquet", compression="zstd"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", DAMAGED, path, tmp_path / "bad.parquet", str(step), str(often)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert run.returncode == 0, (run.returncode, run.stderr[-3000:])
    assert "WRONG" not in run.stdout, run.stdout[:3000]
    assert "refused" in run.stdout


def test_a_footer_that_is_no_thrift_is_told() -> None:
    for footer, message in (
        (b"", "damaged"),
        (b"\x1c" * 40, "nested too deep"),
        (b"\x19\xfc\xff\xff\xff\xff\x0f", "a list of"),
        (b"\x18\xff\xff\x03", "cut off"),
        (b"\x16" + b"\xff" * 12, "a number too large"),
        (b"\x1b", "unknown type 11"),
        (b"\x00", "a field is missing"),
    ):
        data = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
        with pytest.raises(DataImportError, match=message):
            read_footer(io.BytesIO(data), len(data), "x.parquet")


def test_torn_parquet_is_told(tmp_path: Path) -> None:
    path = write_parquet(bars(), tmp_path / "bars.parquet")
    data = path.read_bytes()
    for cut, message in (
        (data[:100], "ends in the middle"),
        (data[:-1], "ends in the middle"),
        (b"PAR1", "ends in"),
    ):
        path.write_bytes(cut)
        with pytest.raises(DataImportError, match=message):
            read_parquet(path)
    path.write_bytes(data[:-8] + (2**31 - 1).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(DataImportError, match="footer claims 2,147,483,647 bytes"):
        read_parquet(path)
    path.write_bytes(b"not parquet at all")
    with pytest.raises(DataImportError, match="is not a Parquet file"):
        read_parquet(path)


@pytest.mark.parametrize("read", [read_csv, read_json, read_parquet, read_bars])
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/a.csv",
        "https://x/a.json",
        "s3://b/a.parquet",
        "file:///etc/a.csv",
        "ftp://x/a.csv",
    ],
)
def test_no_url_is_ever_fetched(read: object, url: str) -> None:
    with pytest.raises(DataImportError, match="is a URL"):
        read(url)  # type: ignore[operator]


def test_nothing_is_unpacked_but_what_says_so(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    packed = io.BytesIO()
    with gzip.open(packed, "wb") as file:
        file.write(b"timestamp,open\n")
    path.write_bytes(packed.getvalue())
    with pytest.raises(DataImportError, match=r"compressed with gzip; its name must end in \.gz"):
        read_csv(path)


def test_a_secret_in_the_attributes_reaches_no_file(tmp_path: Path) -> None:
    frame = bars()
    frame.attrs.update({"token": "sk-SECRET", "source": "venue://user:sk-SECRET@host"})
    for text in (write_csv(frame), write_json(frame, envelope=True)):
        assert "SECRET" not in str(text)
