"""Numbers since 1970 with fractions, to exact instants: against decimal arithmetic."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from mdnb.errors import DataImportError
from mdnb.io.instants import parse_times
from mdnb.io.json import read_json, write_json
from mdnb.io.times import time_text

UNITS = {"epoch_s": 10**6, "epoch_ms": 10**3, "epoch_us": 1}


def parsed(texts: list[str], date_format: str | None) -> tuple[list[int], list[str]]:
    made = parse_times(pa.array(texts), date_format=date_format, tz=None, where="x", column="t")
    return made.time_us.tolist(), [str(one["type"]) for one in made.notes]


@given(
    st.sampled_from(list(UNITS)),
    st.lists(
        st.tuples(st.integers(0, 2 * 10**9), st.text("0123456789", max_size=9), st.booleans()), min_size=1
    ),
)
def test_decimals_are_read_to_the_microsecond(date_format: str, parts: list[tuple[int, str, bool]]) -> None:
    texts = [f"{'-' * below}{whole}.{rest}" if rest else str(whole) for whole, rest, below in parts]
    exact = [Decimal(text) * UNITS[date_format] for text in texts]
    made, notes = parsed(texts, date_format)
    assert made == [int(value) for value in exact]
    assert notes == ["sub_microsecond"] * any(value != int(value) for value in exact)


@pytest.mark.parametrize("whole", [1_762_059_600, 1_762_059_600_000])
def test_the_size_of_the_whole_part_tells_the_unit(whole: int) -> None:
    made, _ = parsed([f"{whole}.5", str(whole)], None)
    unit = 1_762_059_600_000_000 // whole
    assert made == [1_762_059_600_000_000 + unit // 2, 1_762_059_600_000_000]


@pytest.mark.parametrize("text", ["1762059600.5.5", "1762059600,5", ".5", "1e9", "1762059600.-5", "1.5s"])
def test_what_is_no_number_is_refused_with_where_it_stands(text: str) -> None:
    with pytest.raises(
        DataImportError, match=r"\(data row 2\) is not a whole number since 1970, or a decimal"
    ):
        parsed(["1762059600.25", text], "epoch_s")


@given(st.lists(st.integers(-(10**15), 2 * 10**15), min_size=1, unique=True), st.sampled_from(list(UNITS)))
def test_what_is_written_is_the_instant(instants: list[int], date_format: str) -> None:
    index = pd.DatetimeIndex(np.array(instants).view("datetime64[us]")).tz_localize("UTC")
    texts = time_text(index, date_format)(0, len(index)).to_pylist()
    assert [Decimal(text) * UNITS[date_format] for text in texts] == instants
    assert parsed(texts, date_format) == (instants, [])


@pytest.mark.parametrize("date_format", ["epoch_s", "epoch_ms"])
def test_a_file_of_json_keeps_them_too(tmp_path: Path, date_format: str) -> None:
    index = pd.DatetimeIndex(["2026-03-02T14:00:00.000001Z", "2026-03-02T14:00:00.75Z"], name="timestamp")
    columns = {name: [1.0, 2.0] for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame(columns, index=index.as_unit("us"))
    for told in (date_format, None):
        path = write_json(frame, tmp_path / "bars.json", date_format=date_format)
        assert list(read_json(path, date_format=told).index) == list(index)
