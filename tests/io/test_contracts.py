"""Files of a continuous symbol's bars say of which contract each bar is, and tell it when they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mdnb.io.formats import read_bars, write_bars
from mdnb.io.parquet import read_timeframes
from mdnb.io.schema import CONTRACT

NAMES = ["CON.Z25"] * 3 + ["CON.H26"] * 2
ENDINGS = [".csv", ".csv.gz", ".tsv", ".json", ".jsonl", ".ndjson.gz", ".parquet", ".arrow"]
BINARY = (".parquet", ".arrow")


def bars(names: list[Any] | None = None, *, minutes: int = 1, **more: Any) -> pd.DataFrame:
    count = 5 if names is None else len(names)
    times = pd.date_range(
        "2026-03-02 09:30", periods=count, freq=f"{minutes}min", tz="America/Chicago", unit="us"
    )
    numbers = np.arange(1.0, count + 1)
    made = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), numbers), index=times)
    made.index.name = "timestamp"
    made["tick_count"] = numbers
    if names is not None:
        made[CONTRACT] = pd.Series(names, index=times, dtype="str")
    return made.assign(**more)


@pytest.mark.parametrize("ending", ENDINGS)
def test_contracts_come_back_from_every_format(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"mnq{ending}"
    given = bars(NAMES)
    write_bars(given, path)
    made = read_bars(path, **({} if ending in BINARY else {"tz": "America/Chicago"}))
    pd.testing.assert_frame_equal(made, given, check_freq=False)
    write_bars(bars(), path)
    assert CONTRACT not in read_bars(path)


def test_other_programs_read_the_column(tmp_path: Path) -> None:
    given = bars(NAMES)
    for kind, read in (("csv", pd.read_csv), ("json", pd.read_json), ("parquet", pd.read_parquet)):
        path = tmp_path / f"mnq.{kind}"
        write_bars(given, path)
        assert read(path)[CONTRACT].tolist() == NAMES


def test_each_timeframe_of_a_file_has_its_own(tmp_path: Path) -> None:
    path = tmp_path / "mnq.parquet"
    frames = {"1min": bars(NAMES), "5min": bars(NAMES[2:4], minutes=5)}
    write_bars(frames, path)
    for name, made in read_timeframes(path).items():
        pd.testing.assert_frame_equal(made, frames[name], check_freq=False)
    assert pd.read_parquet(path)[CONTRACT].tolist() == [*NAMES, *NAMES[2:4]]


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_no_name_of_a_contract_is_not_taken_for_one(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"mnq{ending}"
    odd = ["x" * 65, "a\u0007b", "y"]
    frame = bars().iloc[:3].assign(contract=odd)
    if ending == ".parquet":
        frame.to_parquet(path)
    elif ending == ".arrow":
        frame.reset_index().to_feather(path)
    else:
        write_bars(frame, path)
    made = read_bars(path)
    assert CONTRACT not in made
    if ending not in BINARY:
        assert [one["type"] for one in made.attrs["notes"] if one["type"] == "odd_contract"]


def test_a_contract_that_a_spreadsheet_takes_for_a_formula_is_none(tmp_path: Path) -> None:
    path = tmp_path / "mnq.csv"
    write_bars(bars(["=cmd()", "=cmd()"]), path)
    assert "'=cmd()" in path.read_text()


def test_rows_that_are_sorted_and_left_out_keep_their_contracts(tmp_path: Path) -> None:
    path = tmp_path / "mnq.json"
    given = bars(NAMES)
    write_bars(given, path)
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([*rows[::-1], rows[0]]))
    assert read_bars(path)[CONTRACT].tolist() == NAMES
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns[CONTRACT][1] = None
    path.write_text(json.dumps(columns))
    assert read_bars(path)[CONTRACT].tolist() == [NAMES[0], "", *NAMES[2:]]
    columns[CONTRACT] = [[name] for name in NAMES]
    path.write_text(json.dumps(columns))
    assert CONTRACT not in read_bars(path)


@pytest.mark.parametrize("ending", BINARY)
def test_a_file_of_decades_of_monthly_contracts_tells_them_all(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"cl{ending}"
    names = [f"CON.F.US.CL.{number:016}" for number in range(300) for _ in range(2)]
    given = {f"{minutes}min": bars(names, minutes=minutes) for minutes in (1, 2, 3, 5, 10, 15, 30)}
    write_bars(given, path)
    for name, frame in given.items():
        made = read_bars(path, name)
        pd.testing.assert_frame_equal(made, frame, check_freq=False)
