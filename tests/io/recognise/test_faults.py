"""Small files after faults that people met: each gives what it must, or asks for what it does not tell."""

from __future__ import annotations

import bz2
import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.errors import DataImportError

_SAID: dict[str, Any] = {
    "tz": "UTC",
    "symbol": "AA",
    "on_conflict": "keep",
    "positive_prices": False,
    "date_format": "%m/%d/%Y",
}


def _expected(folder: Path) -> dict[str, dict[str, Any]]:
    held: dict[str, dict[str, Any]] = json.loads((folder / "EXPECTED.json").read_text())
    return held


@pytest.fixture(scope="module")
def faults(shared_data: Path) -> Path:
    return shared_data / "faults"


def _read(path: Path, wanted: dict[str, Any]) -> pd.DataFrame:
    """Read a file, asked for what it has to ask for."""
    ask = wanted.get("ask")
    if ask is None:
        return mdnb.read(path)
    with pytest.raises(DataImportError, match=rf"\b{ask}="):
        mdnb.read(path)
    return mdnb.read(path, **{ask: _SAID[ask]})


def test_each_gives_what_it_must(faults: Path) -> None:
    looked_at = []
    for name, wanted in _expected(faults).items():
        if wanted.get("kind") == "ticks":
            continue
        frame = _read(faults / name, wanted)
        looked_at.append(name)
        rows = wanted.get("rows", wanted.get("rows_of_AA", 2))
        assert len(frame) == rows, name
        assert frame.attrs.get("timeframe") == wanted.get("timeframe", frame.attrs.get("timeframe")), name
        for column in ("close", "volume"):
            assert (
                column not in wanted
                or frame[column].tolist() == sorted(wanted[column])
                or (frame[column].tolist() == wanted[column])
            ), name
        first = wanted.get("first") or wanted.get("first_naive")
        assert first is None or frame.index[0].isoformat()[:19] == first[:19], name
        if "days" in wanted:
            assert [str(day.date()) for day in frame.index] == wanted["days"]
    assert len(looked_at) == 18


def test_money_words_keep_each_volume_with_its_close(faults: Path) -> None:
    frame = mdnb.read(faults / "money_words.csv", date_format="%m/%d/%Y")
    held = list(zip(frame.index.strftime("%Y-%m-%d"), frame["close"], frame["volume"], strict=True))
    assert held == [("2024-03-04", 1230.0, 1_200_000.0), ("2024-03-05", 1234.5, 70_210.0)]
    other = mdnb.read(faults / "money_words.csv", date_format="%d/%m/%Y")
    assert list(other.index.strftime("%Y-%m-%d")) == ["2024-04-03", "2024-05-03"]


def test_date_and_time_in_two_columns_of_a_zone(faults: Path) -> None:
    wanted = _expected(faults)["date_and_time_columns.csv"]
    frame = mdnb.read(faults / "date_and_time_columns.csv", tz="Europe/Berlin")
    assert list(frame.index) == list(pd.DatetimeIndex(wanted["with_tz_Europe_Berlin"]))
    assert str(frame.index.tz) == "Europe/Berlin"


def test_the_symbols_are_listed_and_one_may_be_picked(faults: Path) -> None:
    with pytest.raises(DataImportError, match="2 symbols: AA, BB"):
        mdnb.read(faults / "two_symbols.csv")
    assert mdnb.read(faults / "two_symbols.csv", symbol="BB")["close"].tolist() == [205.0, 205.0]
    with pytest.raises(DataImportError, match="no symbol 'CC'"):
        mdnb.read(faults / "two_symbols.csv", symbol="CC")


def test_contradictions_are_counted(faults: Path) -> None:
    path = faults / "conflicting_duplicates.csv"
    for choice, close in (("keep", 10.5), ("replace", 555.0)):
        frame = mdnb.read(path, on_conflict=choice)
        (said,) = [one for one in frame.attrs["notes"] if one["type"] == "conflicting_duplicate"]
        assert said["count"] == 1
        assert frame["close"].iloc[0] == close


def test_float_noise_is_kept_and_said(faults: Path) -> None:
    frame = mdnb.read(faults / "float_noise.csv")
    assert frame["high"].iloc[0] == frame["close"].iloc[0] == 151.23456789012349
    assert [one["type"] for one in frame.attrs["notes"]] == ["float_noise"]


def test_a_bar_after_a_break_is_kept_in_order_and_said(faults: Path) -> None:
    frame = mdnb.read(faults / "off_grid_breaks.csv", tz="Asia/Shanghai")
    assert [f"{time:%H:%M}" for time in frame.index][2:5] == ["10:00", "10:15", "10:30"]
    assert {one["type"] for one in frame.attrs["notes"]} == {"unsorted", "off_grid"}
    assert frame.attrs["timeframe"] == "30min"


def test_the_last_row_of_krakens_answer_may_be_in_the_making(faults: Path) -> None:
    frame = mdnb.read(faults / "wrapped.json")
    assert [one["type"] for one in frame.attrs["notes"]] == ["may_be_forming"]
    assert frame["vwap"].tolist() == [10.2, 11.0]
    assert frame["volume"].tolist() == [100.0, 90.0]
    assert frame["tick_count"].tolist() == [12.0, 9.0]


def test_ticks_are_told_apart(faults: Path) -> None:
    with pytest.raises(DataImportError, match=r"holds trades, not bars .*mdnb\.read_ticks"):
        mdnb.read(faults / "ticks_side.csv")


_FRAME = '{"e":"trades","s":"X","r":[[1700000000000000000,1.5,2.0,1,0,7]]}'
_OWN = (
    f'{{"mdnb_recording":1,"dialect":"mdnb","symbols":["X"]}}\n[1700000000000000000,{json.dumps(_FRAME)}]\n'
)


@pytest.mark.parametrize(
    "data",
    [
        _OWN.encode(),
        b"\xef\xbb\xbf" + _OWN.encode(),
        # Its writer goes on, or was killed.
        gzip.compress((_OWN * 9).encode())[:-12],
        f"1700000000000000000 {_FRAME}\n".encode(),
        f"1700000000.125: {_FRAME}\n".encode(),
        f"wss://example.com <- 1700000000.125: {_FRAME}\n1700000000.125: {_FRAME}\n".encode(),
        bz2.compress(f"1700000000.125: {_FRAME}\n".encode()),
    ],
)
def test_a_recording_is_told_to_be_one(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.dat"
    path.write_bytes(data)
    for read in (mdnb.read, mdnb.read_ticks):
        with pytest.raises(DataImportError, match=r"recording of a feed's messages\. Play it: feed='replay:"):
            read(path)


def test_a_recording_longer_than_any_file_of_bars_is_told_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(_OWN.encode() + b"\n" * 80_000_000, 1))
    with pytest.raises(DataImportError, match="is a recording of a feed"):
        mdnb.read(path)


def test_any_recording_of_a_venue_is_told_to_be_one(shared_data: Path) -> None:
    for path in sorted((shared_data / "ws").glob("*.gz")):
        with pytest.raises(DataImportError, match="is a recording of a feed"):
            mdnb.read(path)
