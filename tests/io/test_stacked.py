"""Several timeframes and symbols in one file: told apart by columns, each given back as it was."""

from __future__ import annotations

import json
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

import mdnb
from mdnb.errors import DataImportError, OptionError
from mdnb.io import read_bars, write_bars
from mdnb.io.formats import timeframes_in
from mdnb.io.stacked import stacked
from tests.io.frames import EASY, bars, same

TEXT = [".csv", ".tsv", ".csv.gz", ".csv.zst", ".json", ".jsonl", ".ndjson.gz"]
TABLES = [*TEXT, ".parquet", ".feather"]
ZONE = "America/Chicago"


def coarse(frame: pd.DataFrame, minutes: int, **attrs: object) -> pd.DataFrame:
    """Return bars of which one is partial and all have a vwap, which the finer ones have not."""
    made = frame[::minutes].copy()
    made["vwap"] = made["close"] / 3
    made["partial"] = False
    made.iloc[-1, made.columns.get_loc("partial")] = True
    made.attrs = {**frame.attrs, "timeframe": f"{minutes}min", **attrs}
    return made


def zoned(ending: str) -> dict[str, str]:
    return {} if ending in (".parquet", ".feather") else {"tz": ZONE}


@pytest.mark.parametrize("ending", TABLES)
def test_each_timeframe_is_given_back_as_it_was(tmp_path: Path, ending: str) -> None:
    frames = {"1min": bars(), "5min": coarse(bars(), 5), "15min": coarse(bars(), 15)}
    path = write_bars(frames, tmp_path / f"all{ending}")
    assert timeframes_in(path) == ("1min", "5min", "15min")
    for name, frame in frames.items():
        back = read_bars(path, name, **zoned(ending))
        same(frame, back)
        assert back.attrs["timeframe"] == name
    same(frames["5min"], read_bars(path, "5m", **zoned(ending)))
    with pytest.raises(DataImportError, match="several timeframes: 1min, 5min, 15min"):
        read_bars(path)
    with pytest.raises(DataImportError, match="does not hold '1hour', but 1min"):
        read_bars(path, "1hour")


@pytest.mark.parametrize("ending", TABLES)
def test_each_symbol_is_given_back_as_it_was(tmp_path: Path, ending: str) -> None:
    mnq, other = bars(), bars(60)
    other.attrs["symbol"] = "=BTC/USD"
    frames = {
        "MNQ": {"1min": mnq, "5min": coarse(mnq, 5)},
        "=BTC/USD": {"1min": other, "15min": coarse(other, 15)},
    }
    path = write_bars(frames, tmp_path / f"all{ending}")
    for symbol, held in frames.items():
        assert timeframes_in(path, symbol=symbol) == tuple(held)
        assert timeframes_in(path, prefers=symbol.lower()) == tuple(held)
        for name, frame in held.items():
            back = read_bars(path, name, symbol=symbol, **zoned(ending))
            same(frame, back)
            assert (back.attrs["symbol"], back.attrs["timeframe"]) == (symbol, name)
    with pytest.raises(DataImportError, match=r"several symbols: MNQ, =BTC/USD.*Give symbol="):
        read_bars(path, "1min")
    with pytest.raises(DataImportError, match="no symbol 'MES'"):
        read_bars(path, "1min", symbol="MES")


def test_pandas_reads_such_files_plainly(tmp_path: Path) -> None:
    frames = {"1min": bars(), "5min": coarse(bars(), 5)}
    read = {
        "csv": pd.read_csv(write_bars(frames, tmp_path / "x.csv")),
        "tsv": pd.read_csv(write_bars(frames, tmp_path / "x.tsv"), sep="\t"),
        "json": pd.read_json(write_bars(frames, tmp_path / "x.json")),
        "jsonl": pd.read_json(write_bars(frames, tmp_path / "x.jsonl"), lines=True),
    }
    for kind, table in read.items():
        assert list(table.columns[:3]) == ["timestamp", "timeframe", "open"], kind
        of_five = table[table["timeframe"] == "5min"]
        np.testing.assert_array_equal(of_five["close"], frames["5min"]["close"])
        assert of_five["partial"].sum() == 1
        assert table[table["timeframe"] == "1min"]["vwap"].isna().all()


@pytest.mark.parametrize("orient", ["records", "columns", "split"])
def test_every_form_of_json_holds_several(tmp_path: Path, orient: str) -> None:
    frames = {"1min": bars(), "5min": coarse(bars(), 5)}
    path = write_bars(frames, tmp_path / "x.json", orient=orient, envelope=True, pretty_format=True)
    assert json.loads(path.read_text())["timeframes"] == ["1min", "5min"]
    for name, frame in frames.items():
        back = read_bars(path, name)
        same(frame, back)
        assert back.attrs["symbol"] == "MNQ"


@pytest.mark.parametrize("ending", TABLES)
def test_mdnb_read_takes_the_one_that_is_asked_for(tmp_path: Path, ending: str) -> None:
    frames = {"MNQ": {"1min": bars(), "5min": coarse(bars(), 5)}, "MES": {"1min": bars(30)}}
    path = write_bars(frames, tmp_path / f"all{ending}")
    back = mdnb.read(path, "5m", symbol="MNQ", tz=ZONE)
    same(frames["MNQ"]["5min"], pd.DataFrame(back))
    with pytest.raises(DataImportError, match="timeframe="):
        mdnb.read(path, symbol="MNQ")
    with pytest.raises(DataImportError, match="symbol="):
        mdnb.read(path, "5min")
    assert len(mdnb.read(path, "1min", symbol="MES")) == 30


@EASY
@given(counts=st.lists(st.integers(0, 40), min_size=2, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_any_floats_come_back_to_the_bit(tmp_path: Path, counts: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    frames = {}
    for at, count in enumerate(counts):
        frame = bars(40)[:count].copy()
        price = random.random(count) * 10.0 ** random.integers(-6, 9)
        frame["open"] = frame["high"] = frame["low"] = frame["close"] = price + 1e-9
        frames[f"{at + 1}min"] = frame
    for ending in (".csv", ".json"):
        path = write_bars(frames, tmp_path / f"all{ending}")
        for name, frame in frames.items():
            if len(frame) and sum(counts) > len(frame):
                same(frame, read_bars(path, name, tz=ZONE))


def test_what_cannot_be_one_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="different zones"):
        write_bars({"1min": bars(1), "5min": bars(1, tz="UTC")}, tmp_path / "x.csv")
    with pytest.raises(OptionError, match="no timeframes"):
        write_bars({}, tmp_path / "x.csv")
    with pytest.raises(OptionError, match="a workbook holds one symbol"):
        write_bars({"MNQ": {"1min": bars(1)}}, tmp_path / "x.xlsx")
    with pytest.raises(OptionError, match="not given by timeframe"):
        stacked({"MNQ": {"1min": bars(1)}, "MES": bars(1)})  # type: ignore[dict-item]
    assert list(tmp_path.iterdir()) == []


def test_rows_of_which_nobody_says_the_timeframe_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = "timestamp,timeframe,open,high,low,close,volume,tick_count", "2026-03-02T09:30Z,5min,1,1,1,1,1,1"
    path.write_text("\n".join([*rows, "2026-03-02T09:35Z,,1,1,1,1,1,1"]))
    with pytest.raises(DataImportError, match="5min, some without a name"):
        read_bars(path)
    assert len(read_bars(path, "5min")) == 1


def test_columns_may_be_chosen(tmp_path: Path) -> None:
    frames = {"1min": bars(2), "5min": bars(1)}
    path = write_bars(frames, tmp_path / "x.csv", columns=["close"])
    assert path.read_text().splitlines()[0] == "timestamp,timeframe,close"
    path = write_bars(frames, tmp_path / "x.csv", include_volume=False)
    assert path.read_text().splitlines()[0] == "timestamp,timeframe,open,high,low,close,tick_count"
