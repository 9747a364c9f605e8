"""Files made to harm are refused by recognition, too: quickly, by name, and inside one gigabyte."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import mdnb
from mdnb.errors import DataImportError, MdnbError
from tests.io.frames import PROJECT
from tests.limits import LIMIT_SECONDS

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
import mdnb
for name in sys.argv[1:]:
    for read in (mdnb.read, mdnb.read_ticks):
        try:
            print("READ", len(read(name)))
        except mdnb.DataImportError as error:
            print("REFUSED", str(error)[:300].replace(chr(10), " "))
print("CPU", resource.getrusage(resource.RUSAGE_SELF).ru_utime)
"""
PLAIN = b"time,open,high,low,close,volume\n1709562600,10,11,9,10.5,100\n1709562660,10.5,12,10,11,90\n"


def in_one_gigabyte(*paths: Path) -> list[str]:
    """Read each file twice in a process that may not grow; return what it printed."""
    pytest.importorskip("resource", reason="no limit of memory on this system")
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, paths)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert run.returncode == 0, (run.returncode, run.stderr[-2000:])
    lines = run.stdout.splitlines()
    assert len(lines) == 2 * len(paths) + 1
    return lines[:-1]


def _packed(folder: Path, body: bytes) -> list[Path]:
    paths = [folder / name for name in ("a.gz", "a.zst", "a.zip", "a.bz2", "a.xz")]
    paths[0].write_bytes(gzip.compress(body, 1))
    with pa.CompressedOutputStream(str(paths[1]), "zstd") as out:
        out.write(body)
    with zipfile.ZipFile(paths[2], "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.csv", body)
    if len(body) < 10_000_000:
        paths[3].write_bytes(bz2.compress(body, 1))
        paths[4].write_bytes(lzma.compress(body, preset=0))
    return [path for path in paths if path.exists()]


def test_packings_that_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for told in in_one_gigabyte(*_packed(tmp_path, PLAIN * 800_000)):
        assert "unpack to more than" in told, told
    # bzip2 and xz take long to pack as much.
    monkeypatch.setattr("mdnb.io.recognise.unpacked._FREE_BYTES", 1_000_000)
    monkeypatch.setattr("mdnb.io.recognise.unpacked._HIGHEST_RATIO", 10)
    for path in _packed(tmp_path, PLAIN * 80_000):
        with pytest.raises(DataImportError, match=r"unpack to more than 1,000,000"):
            mdnb.read(path)


def test_blank_lines_without_end(tmp_path: Path) -> None:
    alone, behind = tmp_path / "blank.csv.gz", tmp_path / "behind.csv.gz"
    alone.write_bytes(gzip.compress(b"\n" * 60_000_000))
    behind.write_bytes(gzip.compress(PLAIN + b"\n" * 60_000_000))
    assert alone.stat().st_size < 130_000
    told = in_one_gigabyte(alone, behind)
    assert all("it is empty" in line for line in told[:2])
    assert told[2] == "READ 2"


def test_text_that_is_deep_long_or_wide(tmp_path: Path) -> None:
    names = (
        "deep.json",
        "objects.json",
        "digits.json",
        "line.csv",
        "wide.csv",
        "nul.csv",
        "late.csv",
        "quote.csv",
    )
    paths = [tmp_path / name for name in names]
    paths[0].write_bytes(b"[" * 5_000_000)
    paths[1].write_bytes(b'{"a":' * 200_000 + b"1" + b"}" * 200_000)
    paths[2].write_bytes(b'[{"t":' + b"9" * 5_000_000 + b',"o":1,"h":1,"l":1,"c":1}]')
    paths[3].write_bytes(b"a," * 5_000_000)
    paths[4].write_bytes(
        b"time,open,high,low,close" + b",x" * 20_000 + b"\n1,1,1,1,1" + b",1" * 20_000 + b"\n"
    )
    paths[5].write_bytes(PLAIN[:20] + b"\0" + PLAIN[20:])
    paths[6].write_bytes(PLAIN * 10_000 + b"1709562660,\0,12,10,11,90\n")
    paths[7].write_bytes(PLAIN + b'"' + b"1709562660,1,1,1,1,1\n" * 200_000)
    for told in in_one_gigabyte(*paths):
        assert told.startswith("REFUSED"), told


def test_tables_with_types_that_decode_to_gigabytes(tmp_path: Path) -> None:
    def table(rows: int, **more: object) -> pa.Table:
        prices = {name: np.ones(rows) for name in ("open", "high", "low", "close")}
        times = pa.array(np.arange(rows) % 100 * 60_000_000).cast(pa.timestamp("us", "UTC"))
        return pa.table({"time": times, **prices, **more})

    entry = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100, np.int8)), pa.array(["x" * 10_000_000]))
    paths = [tmp_path / f"{name}.parquet" for name in ("rows", "symbol", "close", "aside")]
    many = table(1_000_000)
    with pq.ParquetWriter(paths[0], many.schema, compression="zstd") as writer:
        for _ in range(20):
            writer.write_table(many)
    pq.write_table(table(100, symbol=entry), paths[1], compression="zstd")
    pq.write_table(table(100).set_column(4, "close", entry), paths[2], compression="zstd")
    pq.write_table(table(100, payload=entry), paths[3], compression="zstd")
    arrow = tmp_path / "symbol.feather"
    feather.write_feather(table(100, symbol=entry), arrow, compression="zstd")
    told = in_one_gigabyte(*paths, arrow)
    assert all("claim 20,000,000 rows" in line for line in told[:2]), told
    assert all("has 10,000,000 bytes" in line for line in (told[2], told[4], told[8])), told
    assert told[6] == "READ 100"  # what cannot be of bars is not looked at


def test_parquet_of_twenty_thousand_columns_reads_what_it_needs(tmp_path: Path) -> None:
    columns = {name: [1.0, 1.0] for name in ("open", "high", "low", "close")}
    table = pa.table(
        {"time": [1709562600, 1709562660], **columns, **{f"x{at}": [1.0, 2.0] for at in range(20_000)}}
    )
    path = tmp_path / "wide.parquet"
    pq.write_table(table, path)
    assert len(mdnb.read(path)) == 2


@pytest.mark.parametrize(
    "name", ["~nosuchuser/x.csv", "a\0b.csv", "", "https://example.org/x.csv", "/nowhere/x.csv", "."]
)
def test_names_that_are_no_files(name: str) -> None:
    for read in (mdnb.read, mdnb.read_ticks):
        with pytest.raises(MdnbError):
            read(name)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes on this system")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataImportError, match="a pipe or a device"):
        mdnb.read(tmp_path / "pipe.csv")


@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zst", "zip", "feather", "parquet", "json"])
def test_what_is_cut_off_is_refused(tmp_path: Path, how: str) -> None:
    rows = b"".join(b"%d,10.%d,11,9,10.5,100\n" % (1709562600 + 60 * at, at % 10) for at in range(5000))
    body = b"time,open,high,low,close,volume\n" + rows
    path = tmp_path / "whole"
    if how in {"feather", "parquet"}:
        table = pa.table({name: np.arange(1.0, 5001) for name in ("time", "open", "high", "low", "close")})
        (feather.write_feather if how == "feather" else pq.write_table)(table, str(path))
    elif how == "zst":
        with pa.CompressedOutputStream(str(path), "zstd") as out:
            out.write(body)
    elif how == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", body)
    elif how == "json":
        path.write_text(
            json.dumps([{"t": 1709562600 + at, "o": 1, "h": 1, "l": 1, "c": 1} for at in range(500)])
        )
    else:
        path.write_bytes({"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[how](body))
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        cut = tmp_path / "cut"
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataImportError):
            mdnb.read(cut)


DAMAGED = """
import sys
import mdnb
for name in sys.argv[1:]:
    for read in (mdnb.read, mdnb.read_ticks):
        try:
            read(name)
        except mdnb.MdnbError:
            pass
print("ALIVE")
"""


@pytest.mark.parametrize("how", ["arrow", "stream", "parquet"])
def test_altered_bytes_never_end_the_process(tmp_path: Path, how: str) -> None:
    table = pa.table(
        {
            "time": [f"2024-03-04T15:{at:02}:00Z" for at in range(60)],
            "symbol": pa.array(["AA"] * 60).dictionary_encode(),
            **{name: np.arange(1.0, 61) for name in ("open", "high", "low", "close")},
        }
    )
    sink = io.BytesIO()
    if how == "parquet":
        pq.write_table(table, sink)
    else:
        with (pa.ipc.new_file if how == "arrow" else pa.ipc.new_stream)(sink, table.schema) as out:
            out.write_table(table)
    whole, chance = sink.getvalue(), random.Random(11)
    paths = []
    for number in range(60):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(8, len(data))] = chance.randrange(256)
        paths.append(tmp_path / f"{number}.{how}")
        paths[-1].write_bytes(data)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DAMAGED, *map(str, paths)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.strip() == "ALIVE"
