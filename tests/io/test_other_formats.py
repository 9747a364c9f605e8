"""Arrow (Feather 2), workbooks and text packed with zstd: the same bars come back."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given

import mdnb
from mdnb.errors import DataImportError, OptionError
from mdnb.io import read_arrow, read_bars, write_arrow, write_bars, write_parquet, write_xlsx
from tests.io.frames import EASY, bar_frames, bars, same, timed, timed_frames, without_seconds_in_offsets

PACKED = [f"{ending}{packed}" for ending in (".csv", ".tsv", ".json") for packed in (".gz", ".zst")]


@EASY
@given(frame=timed_frames(positive=True))
def test_any_bars_come_back_from_arrow(tmp_path: Path, frame: pd.DataFrame) -> None:
    path = write_arrow(frame, tmp_path / "bars.arrow")
    same(read_arrow(path), frame)


@pytest.mark.parametrize("compression", ["lz4", "zstd", "none"])
@pytest.mark.parametrize("count", [0, 1, 240])
def test_pandas_reads_it_as_it_reads_parquet(tmp_path: Path, count: int, compression: str) -> None:
    frame = timed(count) if count else bars(0)
    path = write_arrow(frame, tmp_path / "bars.feather", compression=compression)
    plain = pd.read_parquet(write_parquet(frame, tmp_path / "bars.parquet"))
    pd.testing.assert_frame_equal(pd.read_feather(path), plain, check_freq=False)
    same(read_bars(path), frame)


def test_several_timeframes_stand_in_one_arrow_file(tmp_path: Path) -> None:
    frames = {"1min": timed(), "5min": bars(240)[::5].assign(vwap=1.5), "1hour": bars(0)}
    path = write_bars(frames, tmp_path / "all.arrow")
    for name, frame in frames.items():
        same(read_bars(path, name), frame)
    held = pd.read_feather(path)
    assert held.groupby("timeframe", observed=True).size().to_dict() == {"1min": 240, "5min": 48}
    with pytest.raises(DataImportError, match="several timeframes: 1min, 5min, 1hour"):
        read_bars(path)
    frame = mdnb.read(path, timeframe="5min")
    assert len(frame) == 48


def test_metadata_and_marks_come_along(tmp_path: Path) -> None:
    frame = bars(5).assign(partial=[True, False, False, False, True])
    frame.attrs["forming"] = False
    made = read_arrow(write_arrow(frame, tmp_path / "bars.arrow"))
    assert made["partial"].tolist() == frame["partial"].tolist()
    assert {name: made.attrs[name] for name in ("symbol", "timeframe", "forming", "source")} == frame.attrs


@EASY
@given(frame=bar_frames(positive=True))
@pytest.mark.parametrize("ending", [".csv.zst", ".tsv.zst", ".json.zst"])
def test_any_bars_come_back_from_text_packed_with_zstd(
    tmp_path: Path, ending: str, frame: pd.DataFrame
) -> None:
    frame = without_seconds_in_offsets(frame)
    # A list of no objects names no column.
    frame = frame[bars(0).columns] if ending == ".json.zst" and frame.empty else frame
    path = write_bars(frame, tmp_path / f"bars{ending}")
    assert path.read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    same(read_bars(path, tz=str(frame.index.tz)), frame)  # type: ignore[attr-defined]  # a DatetimeIndex


@pytest.mark.parametrize("ending", PACKED)
def test_what_is_packed_is_the_plain_text(tmp_path: Path, ending: str) -> None:
    frame = bars()
    plain = write_bars(frame, tmp_path / f"bars{ending.rsplit('.', 1)[0]}").read_bytes()
    path = write_bars(frame, tmp_path / f"bars{ending}")
    kind = "gzip" if ending.endswith("gz") else "zstd"
    with pa.input_stream(str(path), compression=kind) as packed:
        assert packed.read() == plain
    found = mdnb.read(path)
    same(found[frame.columns].tz_convert("America/Chicago"), frame)


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.zst"
    with pa.output_stream(str(path), compression="zstd") as file:
        file.write(b"timestamp,open,high,low,close,volume\n")
        for _ in range(80):
            file.write(b"\n" * 1024**2)
    with pytest.raises(DataImportError, match="unpack to more than"):
        read_bars(path)


@pytest.mark.parametrize("ending", [".csv.zst", ".arrow"])
def test_a_damaged_file_is_refused_whatever_is_wrong(tmp_path: Path, ending: str) -> None:
    whole = write_bars(bars(), tmp_path / f"bars{ending}").read_bytes()
    draw = random.Random(3)
    path = tmp_path / f"damaged{ending}"
    for _ in range(150):
        content = bytearray(whole)
        if draw.random() < 0.3:
            del content[draw.randrange(len(content)) :]
        else:
            for _ in range(draw.randrange(1, 4)):
                content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content)
        try:
            read_bars(path, "1min")  # what was changed may not matter
        except DataImportError:
            continue


# -- workbooks ----------------------------------------------------------------------------------------------


def test_a_workbook_has_a_sheet_a_timeframe(tmp_path: Path) -> None:
    frames = {"1min": timed(), "5min": bars(48)}
    path = write_bars(frames, tmp_path / "all.xlsx")
    sheets = pd.read_excel(path, sheet_name=None)
    assert {name: len(sheet) for name, sheet in sheets.items()} == {"1min": 240, "5min": 48}
    for name, frame in frames.items():
        sheet = sheets[name].set_index("timestamp")
        sheet.index = pd.to_datetime(sheet.index, utc=True)
        for column in ("open", "high", "low", "close", "volume", "tick_count"):
            assert sheet[column].astype(float).tolist() == frame[column].tolist()
        assert (sheet.index == frame.index).all()
    assert openpyxl.load_workbook(path).properties.title == "MNQ"
    same(mdnb.read(path, timeframe="1min")[bars().columns].tz_convert("America/Chicago"), bars())


def test_floats_in_a_workbook_are_the_same_to_the_bit(tmp_path: Path) -> None:
    frame = bars(50)
    values = np.random.default_rng(5).uniform(1e-300, 1e300, 50)
    frame = frame.assign(open=values, high=values * 1.1, low=values / 1.1, close=values, vwap=np.nan)
    found = pd.read_excel(write_xlsx(frame, tmp_path / "bars.xlsx"))
    assert found["open"].tolist() == frame["open"].tolist()
    assert found["low"].tolist() == frame["low"].tolist()
    assert found["vwap"].isna().all()


def test_text_in_a_workbook_is_never_a_formula(tmp_path: Path) -> None:
    path = write_xlsx({"=1+1": bars(2)}, tmp_path / "bars.xlsx")
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}


def test_more_bars_than_a_sheet_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdnb.io.xlsx._MOST_ROWS", 100)
    with pytest.raises(OptionError, match="240 bars; a sheet holds 100"):
        write_xlsx(bars(), tmp_path / "bars.xlsx")
    assert list(tmp_path.iterdir()) == []
