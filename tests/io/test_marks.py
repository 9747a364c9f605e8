"""Columns that mark bars which are no whole ones: out and back in by every format, judged by pandas too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mdnb.io.csv import read_csv, write_csv
from mdnb.io.formats import read_bars, write_bars
from mdnb.io.json import write_json
from mdnb.io.marks import parse_marks
from mdnb.io.parquet import read_timeframes, write_timeframes
from mdnb.io.schema import MARKS
from tests.io.frames import bars, same, timed


def marked(count: int = 40, names: tuple[str, ...] = MARKS) -> pd.DataFrame:
    random = np.random.default_rng(11)
    frame = timed(count)
    closed = frame.pop("closed_at")
    frame = frame.assign(**{name: random.random(count) < 0.3 for name in names}, closed_at=closed)
    frame.attrs["forming"] = "forming" in names and bool(frame["forming"].iloc[-1])
    return frame


@pytest.mark.parametrize("names", [MARKS, ("partial",), ("filled", "forming")])
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "json", "jsonl", "parquet"])
def test_marks_come_back(ending: str, names: tuple[str, ...], tmp_path: Path) -> None:
    frame = marked(names=names)
    path = write_bars(frame, tmp_path / f"bars.{ending}")
    zone: dict[str, Any] = {} if ending == "parquet" else {"tz": "America/Chicago"}
    back = read_bars(path, **zone)
    same(frame, back)
    if "forming" in names:
        assert back.attrs["forming"] == frame["forming"].iloc[-1]
    if ending == "csv":
        judge = pd.read_csv(path)
        assert {name: judge[name].tolist() for name in names} == {
            name: frame[name].tolist() for name in names
        }


@pytest.mark.parametrize("orient", ["records", "columns", "split"])
@pytest.mark.parametrize("envelope", [False, True])
def test_marks_come_back_from_every_form_of_json(orient: str, envelope: bool, tmp_path: Path) -> None:
    frame = marked()
    write_json(frame, tmp_path / "bars.json", orient=orient, envelope=envelope, pretty_format=envelope)
    same(frame, read_bars(tmp_path / "bars.json", tz="America/Chicago"))


def test_a_timeframe_without_a_mark_gets_none_from_another(tmp_path: Path) -> None:
    frames = {"1min": marked(names=("partial",)), "5min": timed(8), "1hour": bars(1)}
    path = write_timeframes(frames, tmp_path / "bars.parquet")
    for name, frame in read_timeframes(path).items():
        same(frames[name], frame)
    judge = pd.read_parquet(path)
    assert judge.loc[judge["timeframe"] != "1min", "partial"].tolist() == [False] * 9


def test_without_a_header_nothing_is_taken_for_something_else(tmp_path: Path) -> None:
    frame = marked(names=("partial", "forming"))
    frame.insert(6, "vwap", frame["close"])
    write_csv(frame, tmp_path / "bars.csv", include_header=False)
    back = read_csv(tmp_path / "bars.csv", header=False, tz="America/Chicago")
    pd.testing.assert_frame_equal(
        back[["open", "close", "tick_count"]], frame[["open", "close", "tick_count"]], check_freq=False
    )
    assert not set(MARKS) & set(back)


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (["true", "FALSE", None, ""], [True, False, False, False]),
        ([1, 0, None, 0], [True, False, False, False]),
        (pa.array([True, None, False]), [True, False, False]),
        (pa.chunked_array([["True", " false "], ["1"]]), [True, False, True]),
        ([], []),
        (["yes"], None),
        ([2], None),
        ([[True]], None),
        (None, None),
    ],
)
def test_what_counts_as_a_mark(column: Any, wanted: list[bool] | None) -> None:
    made = parse_marks({"partial": column})
    assert (made.values["partial"].tolist() if wanted is not None else None) == wanted
    assert [note["type"] for note in made.notes] == ([] if wanted is not None else ["odd_mark"])


def test_a_later_bar_may_be_the_first_that_is_marked(tmp_path: Path) -> None:
    rows = json.loads(str(write_json(bars(3))))
    rows[2]["partial"] = True
    (tmp_path / "bars.json").write_text(json.dumps(rows))
    assert read_bars(tmp_path / "bars.json")["partial"].tolist() == [False, False, True]
