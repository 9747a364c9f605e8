"""The log of changes in a file: all of it or the newest, and nothing of what is damaged."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from mdnb.io.change_log import changes_from_text, changes_text
from mdnb.io.parquet import read_parquet, write_parquet
from mdnb.io.parquet_read import parquet_bars
from mdnb.io.read_options import ReadOptions
from mdnb.stores.amendments import Amendment, Changes
from tests.io.frames import same, timed

PRICE = st.floats(-1e9, 1e9)
ROW = st.tuples(
    st.integers(-(10**9), 9 * 10**9).map(lambda second: second * 10**9),
    *[PRICE] * 4,
    st.floats(0, 1e12),
    st.integers(0, 2**32 - 1),
    PRICE,
)


def one(number: int = 0, **other: Any) -> Amendment:
    row = (60_000_000_000 * number, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5)
    return Amendment(200_000_000 + number, row, 0)._replace(**other)


@given(st.lists(st.tuples(st.integers(1, 2**52), ROW, st.integers(0, 7)), max_size=20), st.integers(0, 2**52))
def test_changes_come_back_exactly(drawn: list[Any], lost_us: int) -> None:
    kept = tuple(sorted((Amendment(*one) for one in drawn), key=lambda one: one.known_us))
    given_ = {"1min": Changes(kept, lost_us), "5min": Changes(())}
    assert changes_from_text(changes_text(given_).encode()) == given_


def test_a_bar_of_which_nothing_tells_the_weighted_price_comes_back() -> None:
    was = one(row=(0, 1.0, 2.0, 0.5, 1.5, 10.0, 3, float("nan")))
    told = changes_from_text(changes_text({"1min": Changes((was, one(1)))}).encode())
    assert told is not None
    assert np.isnan(told["1min"].kept[0].row[7])
    assert told["1min"].kept[1] == one(1)


def test_of_too_many_changes_the_newest_are_told_and_from_when_on() -> None:
    random = np.random.default_rng(5)
    kept = tuple(
        one(at, row=(at * 10**9, *random.random(4), 1.0, 3, random.random())) for at in range(10_000)
    )
    text = changes_text({str(name): Changes(kept) for name in range(20)})
    assert len(text) < 2_200_000
    told = changes_from_text(text.encode())
    assert told is not None
    few = told["7"]
    assert 500 < len(few.kept) < 10_000
    assert few.kept == kept[-len(few.kept) :]
    assert few.lost_us == kept[-len(few.kept) - 1].known_us


def broken(**other: Any) -> bytes:
    told = json.loads(changes_text({"1min": Changes((one(), one(1)))}))
    told["1min"].update(other)
    return json.dumps(told).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"[1]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"1min": 3}',
        b'{"1min": {}}',
        broken(rows=1),
        broken(rows=3),
        broken(rows=-1),
        broken(rows=True),
        broken(rows=10**9),
        broken(rows="2"),
        broken(lost_us=1.5),
        broken(lost_us=10**30),
        broken(data="!"),
        broken(data=""),
        broken(data=3),
        broken(data=base64.b64encode(zlib.compress(bytes(10**8))).decode()),
        broken(data=base64.b64encode(zlib.compress(b"\xff" * 162)).decode()),
        changes_text({"1min": Changes((one(1), one()))}).encode(),  # not in the order of time
        changes_text({"1min": Changes((one(flags=8),))}).encode(),
        changes_text({"1min": Changes((one(known_us=0),))}).encode(),
        changes_text({"1min": Changes((one(row=(0, float("inf"), *[1.0] * 4, 3, 1.0)),))}).encode(),
        changes_text({"1min": Changes((one(row=(0, *[1.0] * 4, -1.0, 3, 1.0)),))}).encode(),
    ],
)
def test_a_damaged_log_is_no_log_and_the_bars_are_read(raw: bytes, tmp_path: Path) -> None:
    assert changes_from_text(raw) is None
    path = write_parquet(timed(30), tmp_path / "bars.parquet")
    table = pq.read_table(path)
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"mdnb.changes": raw})
    bars = parquet_bars(path, None, ReadOptions())
    assert bars.changes is None
    assert [note["type"] for note in bars.notes] == ["damaged_changes"]
    same(read_parquet(path), timed(30))
