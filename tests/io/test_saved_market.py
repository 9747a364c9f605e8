"""The container of a saved market: exact, written whole or not at all, refused where it is made to harm."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from mdnb.errors import DataExportError, DataImportError
from mdnb.io.manifest import Manifest, SavedInstrument, SavedSymbol
from mdnb.io.member import Member
from mdnb.io.saved_market import is_saved_market, open_saved_market, write_saved_market
from mdnb.io.tick_members import read_tick_member, write_tick_member
from mdnb.stores.ticks import QUOTE_DTYPE, TICK_DTYPE
from tests.io.frames import PROJECT
from tests.io.hostile_markets import HOSTILE, sound, trades
from tests.limits import LIMIT_SECONDS

DECIMALS = st.integers(-(10**9), 10**9).map(lambda number: number / 1e5)
FLOATS = st.one_of(DECIMALS, st.floats(allow_nan=True, allow_infinity=True), st.just(-0.0))
INTEGERS = st.integers(-(2**63), 2**63 - 1)
TRADE = st.tuples(
    st.integers(0, 2**62), FLOATS, FLOATS, st.integers(-(2**31), 2**31 - 1), st.integers(-1, 1), INTEGERS,
    st.integers(0, 255),
)  # fmt: skip
QUOTE = st.tuples(st.integers(0, 2**62), FLOATS, FLOATS, FLOATS, FLOATS)


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    return left.dtype == right.dtype and all(
        left[name].tobytes() == right[name].tobytes() for name in left.dtype.names
    )


@given(st.lists(TRADE, min_size=1, max_size=40), st.lists(QUOTE, min_size=1, max_size=40))
def test_trades_and_quotes_come_back_to_the_bit(trade_rows: list, quote_rows: list) -> None:
    for rows, dtype in ((trade_rows, TICK_DTYPE), (quote_rows, QUOTE_DTYPE)):
        held = np.array(rows, dtype=dtype)
        write_tick_member(file := io.BytesIO(), held, "America/Chicago", {"symbol": "X"})
        assert same_bits(read_tick_member(Member("x", file.getvalue()), dtype), held)


@given(st.lists(DECIMALS, min_size=1, max_size=60))
def test_prices_as_venues_write_them_are_decimals_to_other_programs(prices: list[float]) -> None:
    held = np.zeros(len(prices), TICK_DTYPE)
    held["price"] = prices
    if (np.signbit(held["price"]) & (held["price"] == 0)).any():
        return
    write_tick_member(file := io.BytesIO(), held, "UTC", {})
    table = pq.read_table(io.BytesIO(file.getvalue()))
    assert [float(price) for price in table["price"].to_pylist()] == prices
    assert str(table.schema.field("price").type).startswith("decimal128")


def test_a_part_of_a_column_reads_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    write_tick_member(file := io.BytesIO(), trades(1000), "UTC", {})
    monkeypatch.setattr("mdnb.io.tick_members._BATCH_ROWS", 7)
    assert same_bits(read_tick_member(Member("x", file.getvalue()), TICK_DTYPE), trades(1000))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = sound(tmp_path / "x.mdnb")
    assert is_saved_market(path)
    market = open_saved_market(path)
    assert [each.symbol for each in market.manifest.symbols] == ["MNQ"]
    assert same_bits(read_tick_member(market.member("trades/0.parquet"), TICK_DTYPE), trades())
    # Of one content there is one file, and any program takes it apart.
    again = sound(tmp_path / "y.mdnb")
    assert again.read_bytes() == path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "manifest.json"
        told = json.loads(archive.read("manifest.json"))
        assert told["mdnb_market"] == 1
        frame = pd.read_parquet(io.BytesIO(archive.read("bars/0.parquet")))
    assert len(frame) == 65


def test_a_file_that_stood_there_is_intact_where_the_new_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sound(tmp_path / "x.mdnb")
    before = path.read_bytes()
    symbol = SavedSymbol(symbol="X", instrument=SavedInstrument())
    manifest = Manifest(saved_ns=1, timeframes=["1min"], symbols=[symbol])
    monkeypatch.setattr("mdnb.io.saved_market._LARGEST_MEMBER_BYTES", 10)
    with pytest.raises(DataExportError, match="at most 10 are read again"):
        write_saved_market(path, manifest, {"bars/0.parquet": bytes(11)})
    monkeypatch.undo()

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(DataExportError, match="No space left on device"):
        write_saved_market(path, manifest, {"bars/0.parquet": b"x"})
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["x.mdnb"]


def read_all(path: Path) -> None:
    market = open_saved_market(path)
    for name in market.manifest.members:
        market.member(name)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_flipped_bit_of_any_member_is_noticed(tmp_path: Path, share: float) -> None:
    path = sound(tmp_path / "x.mdnb")
    data = bytearray(path.read_bytes())
    data[int(len(data) * share)] ^= 4
    path.write_bytes(data)
    with pytest.raises(DataImportError):
        read_all(path)


LIMITED = """
import resource, sys, time, warnings
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
warnings.simplefilter("ignore")
import mdnb
from mdnb.errors import MdnbError

def replayed(path):
    return list(mdnb.play("replay:" + path, "1min", symbol="MNQ"))

def loaded(path):
    return market.load(path, "1min")

market = mdnb.live("MNQ", "1min", feed="sim://?speed=1", initial_days=0, progress=False)
for path in sys.argv[1:]:
    ways = {
        "open": lambda: mdnb.open(path, speed="max", progress=False).close(),
        "read": lambda: mdnb.read(path, "1min"),
        "load": lambda: loaded(path),
        "replay": lambda: replayed(path),
        "ticks": lambda: mdnb.read_ticks(path),
    }
    for way, do in ways.items():
        began = time.monotonic()
        try:
            do()
            print(path, way, "READ", sep="\\t")
        except MdnbError as error:
            print(path, way, "REFUSED", str(error).replace("\\n", " "), sep="\\t")
        except BaseException as error:
            print(path, way, "RAISED", repr(error), sep="\\t")
        print(path, way, "SECONDS", time.monotonic() - began, sep="\\t")
market.close()
"""


def in_one_gigabyte(*paths: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Open each in each way, in a process that may not grow; return what became of it."""
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, *paths],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert run.returncode == 0, (run.returncode, run.stderr[-3000:])
    rows = [line.split("\t") for line in run.stdout.splitlines()]
    return {(row[0], row[1]): (row[2], row[3] if len(row) > 3 else "") for row in rows if row[2] != "SECONDS"}


@pytest.mark.skipif(sys.platform != "linux", reason="an address space is limited there alone")
def test_containers_that_are_made_to_harm_are_refused(tmp_path: Path) -> None:
    import re

    paths = {}
    for name, (make, _) in HOSTILE.items():
        path = tmp_path / f"{name}.mdnb"
        make(path)
        paths[str(path)] = name
    told = in_one_gigabyte(*paths)
    assert len(told) == 5 * len(HOSTILE)
    for (path, way), (what, said) in told.items():
        name = paths[path]
        # What is wrong with the trades costs nobody who wants the bars.
        spoilt = name in {"flipped", "rows", "text"}
        if (spoilt and way in {"read", "load"}) or (name == "nested" and way == "ticks"):
            assert what == "READ", (name, way, said)
            continue
        assert what == "REFUSED", (name, way, said)
        assert re.search(HOSTILE[name][1], said), (name, way, said)


@pytest.mark.skipif(sys.platform != "linux", reason="an address space is limited there alone")
def test_names_that_are_no_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mdnb")
    (tmp_path / "folder.mdnb").mkdir()
    (tmp_path / "empty.mdnb").touch()
    names = [str(tmp_path / one) for one in ("pipe.mdnb", "folder.mdnb", "empty.mdnb", "none.mdnb")]
    names += ["~nosuchuser/x.mdnb"]
    for (name, way), (what, said) in in_one_gigabyte(*names).items():
        assert what == "REFUSED", (name, way, said)
