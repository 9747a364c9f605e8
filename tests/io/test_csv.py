"""CSV: round trips, pandas and polars as judges, and what a file may not hold."""

from __future__ import annotations

import gzip
import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from mdnb.errors import DataExportError, DataImportError, OptionError
from mdnb.io import read_csv, write_csv
from tests.io.frames import (
    EASY,
    SHARED,
    bar_frames,
    bars,
    same,
    timed,
    timed_frames,
    without_seconds_in_offsets,
)

HEADER = "timestamp,open,high,low,close,volume\n"
ROW = "2026-03-02T09:30:00-06:00,1,2,1,2,5\n"
EXACT = ("iso", "epoch_us", "epoch_ns", "%Y-%m-%d %H:%M:%S.%f%z")


def put(folder: Path, text: str | bytes, name: str = "bars.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@given(
    bar_frames(),
    st.sampled_from(EXACT),
    st.booleans(),
    st.sampled_from(["bars.csv", "bars.csv.gz"]),
)
@settings(EASY)
def test_every_frame_comes_back_exactly(
    tmp_path: Path, frame: pd.DataFrame, date_format: str, header: bool, name: str
) -> None:
    if "%z" in date_format:
        frame = without_seconds_in_offsets(frame)
    path = write_csv(frame, tmp_path / name, date_format=date_format, include_header=header)
    assert path == tmp_path / name
    if not header and not len(frame):
        with pytest.raises(DataImportError, match="empty"):
            read_csv(path, header=False)
        return
    back = read_csv(
        path,
        tz=str(frame.index.tz),
        date_format=None if date_format == "iso" else date_format,
        header=header,
        positive_prices=False,
    )
    same(frame, back)


@given(bar_frames(seconds=True), st.sampled_from(["epoch_s", "epoch_ms"]))
@settings(EASY, max_examples=40)
def test_whole_seconds_come_back_from_coarse_epochs(
    tmp_path: Path, frame: pd.DataFrame, date_format: str
) -> None:
    path = write_csv(frame, tmp_path / "bars.csv", date_format=date_format)
    same(frame, read_csv(path, tz=str(frame.index.tz), date_format=date_format, positive_prices=False))


@given(bar_frames(), st.sampled_from(["epoch_s", "epoch_ms", "epoch_us"]), st.booleans())
@settings(EASY, max_examples=40)
def test_fractions_of_a_unit_are_written_and_come_back(
    tmp_path: Path, frame: pd.DataFrame, date_format: str, told: bool
) -> None:
    path = write_csv(frame, tmp_path / "bars.csv", date_format=date_format)
    texts = [line.split(",")[0] for line in Path(path).read_text("utf-8").splitlines()[1:]]
    unit = {"epoch_s": 10**6, "epoch_ms": 10**3, "epoch_us": 1}[date_format]
    # To the microsecond, by decimal arithmetic.
    assert [Decimal(text) * unit for text in texts] == frame.index.asi8.tolist()
    # The unit of times around 1970 has to be named.
    named = date_format if told or not (frame.index.asi8 > 2 * 10**14).all() else None
    same(frame, read_csv(path, tz=str(frame.index.tz), date_format=named, positive_prices=False))


@given(bar_frames())
@settings(EASY, max_examples=60)
def test_pandas_reads_the_same_from_our_text(frame: pd.DataFrame) -> None:
    text = write_csv(frame)
    assert isinstance(text, str)
    judge = pd.read_csv(io.StringIO(text), dtype=dict.fromkeys(frame, float))
    assert list(judge) == ["timestamp", *frame.columns]
    instants = pd.to_datetime(judge["timestamp"], utc=True, format="ISO8601").dt.as_unit("us")
    assert list(instants) == list(frame.index.tz_convert("UTC"))
    for name in frame:
        np.testing.assert_array_equal(judge[name].to_numpy(), frame[name].to_numpy(np.float64))


@given(bar_frames(seconds=True, positive=True))
@settings(EASY, max_examples=60)
def test_we_read_the_same_as_was_in_pandas_own_text(tmp_path: Path, frame: pd.DataFrame) -> None:
    frame = without_seconds_in_offsets(frame)
    frame.to_csv(tmp_path / "bars.csv")
    same(frame, read_csv(tmp_path / "bars.csv", tz=str(frame.index.tz)))


@pytest.mark.parametrize(
    "date_format",
    [
        "%Y-%m-%d %H:%M:%S",
        "%d.%m.%Y",
        "%H:%M on %A, %d %B",
        "%y%j %I%p",
        "100%% %S %f|%z|%Y",
        "%c",
        "%-d/%-m/%Y",
        "%Y-%m-%dT%H:%M:%S%z",
        "%Z %Y",
        "%f",
        "Tag %d",
    ],
)
@given(frame=bar_frames())
@settings(EASY, max_examples=15)
def test_strftime_formats_are_those_of_pandas(date_format: str, frame: pd.DataFrame) -> None:
    text = write_csv(frame, date_format=date_format, columns=["close"])
    assert isinstance(text, str)
    judge = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    assert list(judge["timestamp"]) == list(frame.index.strftime(date_format))


@given(timed_frames(), st.sampled_from(EXACT), st.booleans())
@settings(EASY)
def test_when_bars_were_closed_comes_back_exactly(
    tmp_path: Path, frame: pd.DataFrame, date_format: str, header: bool
) -> None:
    if "%z" in date_format:
        frame = without_seconds_in_offsets(frame)
    header = header or "vwap" not in frame or not len(frame)
    path = write_csv(frame, tmp_path / "bars.csv", date_format=date_format, include_header=header)
    back = read_csv(
        path,
        tz=str(frame.index.tz),
        date_format=None if date_format == "iso" else date_format,
        header=header,
        positive_prices=False,
    )
    same(frame, back)


@given(timed_frames())
@settings(EASY, max_examples=60)
def test_pandas_reads_the_same_times_of_closing(frame: pd.DataFrame) -> None:
    judge = pd.read_csv(io.StringIO(str(write_csv(frame))), dtype={"closed_at": str}, keep_default_na=False)
    assert list(judge) == ["timestamp", *frame.columns]
    told = pd.to_datetime(judge["closed_at"].replace("", None), utc=True, format="ISO8601").dt.as_unit("us")
    pd.testing.assert_index_equal(
        pd.DatetimeIndex(told), pd.DatetimeIndex(frame["closed_at"]).tz_convert("UTC"), check_names=False
    )


def test_a_bar_whose_closing_is_unknown_has_an_empty_cell() -> None:
    frame = timed(3)
    for date_format, around in (("iso", ""), ("%Y-%m-%d %H:%M:%S", ""), ("%b %d, %Y %H:%M:%S", '"')):
        lines = str(write_csv(frame, date_format=date_format, columns=["close", "closed_at"])).splitlines()
        assert lines[0] == "timestamp,close,closed_at"
        assert lines[3].endswith(",")
        first = frame["closed_at"].iloc[0]
        text = (
            first.isoformat(timespec="microseconds") if date_format == "iso" else first.strftime(date_format)
        )
        assert lines[1].endswith(f",{around}{text}{around}")
    nobody = frame.assign(closed_at=pd.NaT)
    assert str(write_csv(nobody)).splitlines()[1].endswith(",")


@pytest.mark.parametrize("tz", ["America/Chicago", "Europe/Dublin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("step", [1, 15, 60])
@pytest.mark.parametrize("late", [-1, 0, 2, 900])
def test_local_times_of_closing_over_both_clock_changes(
    tmp_path: Path, tz: str, step: int, late: int
) -> None:
    nights = ("2025-11-02", "2026-03-08") if tz.startswith("America") else ("2025-10-26", "2026-03-29")
    nights = ("2026-04-05", "2025-10-05") if tz.startswith("Australia") else nights
    if step == 60 and tz.startswith("Australia"):
        step = 30  # there the clocks change by half an hour
    if late == 900 and tz.startswith("Australia"):
        late = 800
    for night in nights:
        frame = bars(400, tz=tz, start=f"{night} 00:00")[::step]
        closed = frame.index + pd.Timedelta(minutes=step, seconds=late)
        frame["closed_at"] = closed.where(np.arange(len(frame)) % 4 > 0).as_unit("us")
        path = write_csv(frame, tmp_path / "bars.csv", date_format="%Y-%m-%d %H:%M:%S")
        same(frame, read_csv(path, tz=tz))


def test_polars_reads_the_instants() -> None:
    polars = pytest.importorskip("polars")
    frame = bars()
    text = write_csv(frame)
    assert isinstance(text, str)
    judge = polars.read_csv(io.StringIO(text), try_parse_dates=True, infer_schema_length=None)
    assert judge["timestamp"].dt.convert_time_zone("UTC").to_list() == list(frame.index.tz_convert("UTC"))
    assert judge["volume"].to_list() == frame["volume"].to_list()


def test_the_page_runs() -> None:
    text = write_csv(bars(3), include_volume=True, date_format="%Y-%m-%d %H:%M:%S")
    assert str(text).splitlines()[1].startswith("2025-11-02 00:00:00,2000")


def test_many_chunks_make_one_file(tmp_path: Path) -> None:
    frame = bars(150_000, tz="Europe/London", start="2025-01-01")
    same(frame, read_csv(write_csv(frame, tmp_path / "bars.csv"), tz="Europe/London"))


def test_each_option_shows() -> None:
    frame = bars(2).assign(sma=1.5, signal=["up", "=1+1"])
    plain = str(write_csv(frame))
    assert plain.splitlines()[0] == "timestamp,open,high,low,close,volume,tick_count"
    assert "volume" not in str(write_csv(frame, include_volume=False))
    assert str(write_csv(frame, include_header=False)) == plain.split("\n", 1)[1]
    assert str(write_csv(frame, columns=["close", "sma", "signal"])).splitlines() == [
        "timestamp,close,sma,signal",
        f"2025-11-02T00:00:00-05:00,{frame['close'].iloc[0]:g},1.5,up",
        f"2025-11-02T00:01:00-05:00,{frame['close'].iloc[1]:.10g},1.5,'=1+1",
    ]
    assert str(write_csv(frame, date_format="epoch_s")).splitlines()[1].startswith("1762059600,")


def test_texts_that_look_like_formulas_do_not_go_out_raw() -> None:
    evil = ['=HYPERLINK("http://x")', "+1", "-1", "@a", "\tx", "\rx", "\uff1d1", "plain", 'a "b", c', "x\ny"]
    frame = bars(len(evil)).assign(**{"note": evil, "=cmd": 1})
    text = str(write_csv(frame, columns=["close", "note", "=cmd"]))
    back = pd.read_csv(io.StringIO(text), lineterminator="\n")
    assert list(back) == ["timestamp", "close", "note", "'=cmd"]
    assert list(back["note"]) == [f"'{cell}" for cell in evil[:7]] + evil[7:]
    negative = bars(1).assign(close=-37.63)
    assert str(write_csv(negative, columns=["close"])).splitlines()[1].endswith(",-37.63")


@pytest.mark.parametrize("date_format", ["=%Y", "%z %Y", "+%Y", "@%Y"])
def test_a_date_format_cannot_make_a_formula(date_format: str) -> None:
    with pytest.raises(OptionError, match="formula"):
        write_csv(bars(1), date_format=date_format)


@pytest.mark.parametrize("date_format", ["", "ISO", "epoch", 'a"%Y', "%Y\\", "%Y\n", 5])
def test_a_date_format_that_is_none_is_refused(date_format: str) -> None:
    with pytest.raises(OptionError, match="date_format="):
        write_csv(bars(1), date_format=date_format)


def test_infinity_is_not_exported(tmp_path: Path) -> None:
    path = put(tmp_path, "old")
    frame = bars(3)
    frame.iloc[1, 3] = np.inf
    with pytest.raises(DataExportError, match="'close' is infinite in row 2"):
        write_csv(frame, path)
    assert path.read_text() == "old"


def test_local_times_over_both_clock_changes(tmp_path: Path) -> None:
    for start in ("2025-11-02 00:00", "2026-03-08 00:00"):
        frame = bars(300, start=start)
        path = write_csv(frame, tmp_path / "bars.csv", date_format="%Y-%m-%d %H:%M:%S")
        same(frame, read_csv(path, tz="America/Chicago"))
        newest_first = frame.iloc[::-1]
        path = write_csv(newest_first, tmp_path / "bars.csv", date_format="%Y-%m-%d %H:%M:%S")
        same(frame, read_csv(path, tz="America/Chicago"))


def test_a_local_time_that_is_not_unique_or_does_not_exist_is_named(tmp_path: Path) -> None:
    rows = "2025-11-02 00:30:00,1,2,1,2,5\n2025-11-02 01:30:00,1,2,1,2,5\n"
    with pytest.raises(
        DataImportError, match=r"01:30:00 in 'timestamp' .data row 2. does not exist or is not"
    ):
        read_csv(put(tmp_path, HEADER + rows), tz="America/Chicago")
    with pytest.raises(DataImportError, match=r"02:30:00 .*data row 1"):
        read_csv(put(tmp_path, HEADER + "2026-03-08 02:30:00,1,2,1,2,5\n"), tz="America/Chicago")


def test_naive_times_are_utc_and_said_to_be(tmp_path: Path) -> None:
    path = put(tmp_path, HEADER + "2026-03-02 09:30,1,2,1,2,5\n")
    frame = read_csv(path)
    assert frame.index[0] == pd.Timestamp("2026-03-02 09:30", tz="UTC")
    assert [note["type"] for note in frame.attrs["notes"]] == ["naive_times"]
    local = read_csv(path, tz="America/Chicago")
    assert local.index[0] == pd.Timestamp("2026-03-02 09:30", tz="America/Chicago")
    assert local.attrs["notes"] == []


def test_newest_first_and_unsorted_files_are_sorted(tmp_path: Path) -> None:
    frame = bars(50)
    for order, kind in ((slice(None, None, -1), "newest_first"), ([3, 1, 2, 0, *range(4, 50)], "unsorted")):
        back = read_csv(write_csv(frame.iloc[order], tmp_path / "bars.csv"), tz="America/Chicago")
        same(frame, back)
        assert [note["type"] for note in back.attrs["notes"]] == [kind]


def test_duplicates_are_reported_and_the_later_row_counts(tmp_path: Path) -> None:
    text = HEADER + ROW + ROW + ROW.replace(",5\n", ",6\n") + ROW.replace("09:30", "09:31")
    frame = read_csv(put(tmp_path, text))
    assert list(frame["volume"]) == [6, 5]
    notes = {note["type"]: note["rows"] for note in frame.attrs["notes"]}
    assert notes == {"duplicate": [2], "conflicting_duplicate": [3]}


def test_renamed_columns_and_case_and_blanks(tmp_path: Path) -> None:
    text = " Date , O,H,L,C,Vol, Tick_Count ,other\n2026-03-02 09:30:00+00:00, 1, 3, 1, 2, 5, 4,x\n"
    frame = read_csv(
        put(tmp_path, text), date_column="date", price_columns=["O", "H", "L", "C"], volume_column="Vol"
    )
    assert frame.iloc[0].to_dict() == {
        "open": 1,
        "high": 3,
        "low": 1,
        "close": 2,
        "volume": 5,
        "tick_count": 4,
    }
    without = read_csv(
        put(tmp_path, text), date_column="date", price_columns=["O", "H", "L", "C"], volume_column=None
    )
    assert without["volume"].iloc[0] == 0


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_other_delimiters_line_ends_and_a_byte_order_mark(tmp_path: Path, delimiter: str, end: str) -> None:
    text = "\ufeff" + (HEADER + ROW).replace(",", delimiter).replace("\n", end) + end
    assert len(read_csv(put(tmp_path, text))) == 1


CLOSED = HEADER.replace("\n", ",closed_at\n")


def closed(*cells: str) -> str:
    return CLOSED + "".join(
        ROW.replace("09:30", f"09:{30 + at}").replace("\n", f",{cell}\n") for at, cell in enumerate(cells)
    )


@pytest.mark.parametrize(
    "cells", [("yes", "no"), ("1", "0"), ("1.5", ""), ("open", "2026-03-02T09:32:00-06:00"), ("$", "")]
)
def test_a_column_of_that_name_that_holds_no_times_is_left_alone(
    tmp_path: Path, cells: tuple[str, ...]
) -> None:
    frame = read_csv(put(tmp_path, closed(*cells)))
    assert list(frame) == list(bars(0))
    assert [note["type"] for note in frame.attrs["notes"]] == ["no_closing_times"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("2026-03-02T09:31:00-06:00", "soon"), "'soon' in 'closed_at' .data row 2. is not understood"),
        (("", "2026-03-02T09:31:00-06:00", "x"), "'x' in 'closed_at'"),
        (("2026-03-02T09:31:00-06:00", "2026-03-02T09:32:00"), "have a UTC offset, others .data row 2."),
        (("2026-03-02T08:30:00-06:00",), "before the bar begins in data row 1"),
        (("2026-03-02T09:31:00",), "before the bar begins in data row 1"),
        (("", "1772465460"), "before the bar begins in data row 2"),
        (("9999-03-02T09:31:00-06:00",), "outside the years 1678 to 2261 in 'closed_at'"),
        (("2026-03-02T09:31:00-06:00", "0" * 100_000), "'closed_at'"),
    ],
)
def test_times_of_closing_that_cannot_be_refuse_the_file(
    tmp_path: Path, cells: tuple[str, ...], message: str
) -> None:
    cells = tuple(cell.replace("1772465460", "1772460000") for cell in cells)
    with pytest.raises(DataImportError, match=message) as caught:
        read_csv(put(tmp_path, closed(*cells)))
    assert len(str(caught.value)) < 600


def test_a_local_time_of_closing_that_does_not_exist_is_named(tmp_path: Path) -> None:
    text = CLOSED + "2026-03-08 01:59:00,1,2,1,2,5,2026-03-08 02:00:01\n"
    with pytest.raises(DataImportError, match=r"02:00:01 in 'closed_at' .data row 1. does not exist"):
        read_csv(put(tmp_path, text), tz="America/Chicago")


def test_times_of_closing_without_offset_are_those_of_the_zone(tmp_path: Path) -> None:
    path = put(tmp_path, closed("2026-03-02T09:31:02").replace("09:30:00-06:00", "09:30:00"))
    frame = read_csv(path, tz="America/Chicago")
    assert frame["closed_at"].tolist() == [pd.Timestamp("2026-03-02T09:31:02-06:00")]
    frame = read_csv(path)
    assert frame["closed_at"].tolist() == [pd.Timestamp("2026-03-02T09:31:02Z")]
    assert [note["type"] for note in frame.attrs["notes"]] == ["naive_times"] * 2


def test_an_empty_table_is_a_frame(tmp_path: Path) -> None:
    frame = read_csv(put(tmp_path, HEADER), tz="Asia/Kolkata")
    assert len(frame) == 0
    same(frame, bars(0, tz="Asia/Kolkata"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + ROW.replace(",2,5", ",nan,5"), "'close' is missing or not finite in data row 1"),
        (HEADER + ROW + ROW.replace(",2,5", ",inf,5"), "'close' is missing or not finite in data row 2"),
        (HEADER + ROW.replace(",2,5", ",,5"), "'close' is missing or not finite in data row 1"),
        (HEADER + ROW.replace(",2,5", ",1e999,5"), "'close' is missing or not finite"),
        (HEADER + ROW.replace(",2,5", ",-2,5"), "'close' is zero or negative in data row 1.*positive_prices"),
        (HEADER + ROW.replace(",2,5", ",0,5"), "'close' is zero or negative"),
        (HEADER + ROW.replace(",5\n", ",-5\n"), "'volume' is negative in data row 1"),
        (HEADER + ROW * 12 + ROW.replace(",2,5", ",2$,5"), r"'2\$' in 'close' .data row 13. is not a number"),
        (HEADER + ROW.replace(",2,5", ",1_0,5"), "'1_0' in 'close'"),
        (HEADER + ROW.replace(",2,5", ",0x10,5"), "'0x10' in 'close'"),
        (HEADER + ROW + "2026-03-02T09:31:00-06:00,1,2,1\n", "first line has 6 cells, but line 3 has 4"),
        (HEADER + ROW.replace("\n", ",9\n"), "first line has 6 cells, but line 2 has 7"),
        (HEADER + ROW.replace("2026-03-02T09:30:00-06:00", ""), "'timestamp' is empty in data row 1"),
        (HEADER + ROW.replace("2026", "0026"), "outside the years"),
        (
            HEADER + ROW + ROW.replace("2026-03-02T", "03/02/2026 "),
            "data row 2. is not understood.*date_format",
        ),
        (
            HEADER + ROW + ROW.replace("-06:00", ""),
            "some times .* have a UTC offset, others .data row 2. have none",
        ),
        (HEADER + ROW.replace("2026-03-02T09:30:00-06:00", "20260302"), "do not tell their unit"),
        (HEADER + ROW.replace("2026-03-02T09:30:00-06:00", "9" * 25), "is not a whole number"),
        (
            HEADER.replace("close", "last") + ROW,
            "no column 'close'; found 'timestamp', .*'last'.*price_columns",
        ),
        (HEADER.replace("timestamp", "Date") + ROW, "no column 'timestamp'.*date_column="),
        (HEADER.replace("volume", "vol") + ROW, "no column 'volume'.*volume_column="),
        (ROW, "header=False"),
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"PAR1", "Parquet"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (HEADER.encode("utf-16"), "UTF-16"),
        (b"a\0b", "NUL"),
        (b"\xff\xfbx,\xe9\n", "UTF-8"),
        (b"x" * 100_000, "first line has more than"),
        (HEADER.encode() + b"\xe9" + ROW.encode(), "not CSV"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataImportError, match=message) as caught:
        read_csv(put(tmp_path, text))
    assert "bars.csv" in str(caught.value)
    assert "Nothing was imported" in str(caught.value)


def test_negative_prices_come_in_where_asked_for(tmp_path: Path) -> None:
    path = put(tmp_path, HEADER + ROW.replace(",1,2,1,2,5", ",-37,0,-40.5,-38,5"))
    assert read_csv(path, positive_prices=False)["low"].iloc[0] == -40.5


@pytest.mark.parametrize(
    ("text", "date_format", "tz"),
    [
        ("11/5/2019 9:30", "%m/%d/%Y %H:%M", "America/New_York"),
        ("20191105 093000", "%Y%m%d %H%M%S", "America/New_York"),
        ("20191105", "%Y%m%d", None),
        ("5 Nov 2019 09:30 +0100", "%d %b %Y %H:%M %z", "UTC"),
    ],
)
def test_other_dates_are_read_as_told_and_never_guessed(
    tmp_path: Path, text: str, date_format: str, tz: str | None
) -> None:
    path = put(tmp_path, HEADER + ROW.replace("2026-03-02T09:30:00-06:00", text))
    with pytest.raises(DataImportError, match="date_format="):
        read_csv(path)
    stamp = read_csv(path, date_format=date_format, tz=tz).index[0]
    judge = pd.to_datetime(text, format=date_format)
    assert stamp == (judge if judge.tz is not None else judge.tz_localize(tz or "UTC"))
    assert stamp.tz_localize(None).date() == date(2019, 11, 5)


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
def test_counts_since_1970_tell_their_unit(tmp_path: Path, factor: int) -> None:
    stamp = pd.Timestamp("2026-03-02 15:30", tz="UTC")
    text = HEADER + ROW.replace("2026-03-02T09:30:00-06:00", str(int(stamp.timestamp()) * factor))
    assert read_csv(put(tmp_path, text)).index[0] == stamp


def test_nanoseconds_are_cut_and_said_to_be(tmp_path: Path) -> None:
    row = ROW.replace("09:30:00-06:00", "09:30:00.123456789-06:00")
    frame = read_csv(put(tmp_path, HEADER + row))
    assert frame.index[0] == pd.Timestamp("2026-03-02T15:30:00.123456Z")
    assert frame.attrs["notes"][0]["type"] == "sub_microsecond"


def test_options_that_cannot_be(tmp_path: Path) -> None:
    path = put(tmp_path, HEADER + ROW)
    with pytest.raises(OptionError, match="Mars"):
        read_csv(path, tz="Mars/Olympus")
    with pytest.raises(OptionError, match="four names"):
        read_csv(path, price_columns=["open", "close"])
    with pytest.raises(OptionError, match="twice"):
        read_csv(path, volume_column="open")
    with pytest.raises(DataImportError, match="Without a header"):
        read_csv(put(tmp_path, "2026-03-02,1,2\n"), header=False)
    for columns in ([], ["nix"], ["close", "close"]):
        with pytest.raises(OptionError):
            write_csv(bars(1), columns=columns)
    with pytest.raises(OptionError, match="include_volume"):
        write_csv(bars(1), columns=["volume"], include_volume=False)


def test_a_gz_file_may_have_several_members_but_must_be_whole(tmp_path: Path) -> None:
    packed = gzip.compress(HEADER.encode()) + gzip.compress(ROW.encode())
    assert len(read_csv(put(tmp_path, packed, "bars.csv.gz"))) == 1
    with pytest.raises(DataImportError, match="not a sound gzip"):
        read_csv(put(tmp_path, packed[:-3], "bars.csv.gz"))
    with pytest.raises(DataImportError, match="not a sound gzip"):
        read_csv(put(tmp_path, HEADER, "bars.csv.gz"))


def test_the_same_bars_give_the_same_packed_file(tmp_path: Path) -> None:
    one, two = (write_csv(bars(), tmp_path / name) for name in ("one.csv.gz", "two.csv.gz"))
    assert Path(one).read_bytes() == Path(two).read_bytes()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dialects/alphavantage.csv", {"date_column": "date"}),
        ("dialects/yahoo_spy.csv", {"date_column": "Date"}),
        ("dialects/yfinance_tz.csv", {"date_column": "Date"}),
        ("dialects/databento_pretty.csv", {"date_column": "ts_event"}),
        ("dialects/mt5_python.csv.gz", {"date_column": "Date", "volume_column": "tick_volume"}),
        ("dialects/us_dates_ochl.csv.gz", {"date_column": "Date", "date_format": "%m/%d/%Y %H:%M"}),
        ("dialects/iso_ms_ticks.csv", {"date_column": "Datetime"}),
        ("defects/padded_headers.csv", {"date_column": "Date"}),
        ("defects/duplicate_date_column.csv", {"date_column": "Date"}),
        ("defects/ASAI-L-1h-bad-unit.csv", {"date_column": "Datetime"}),
    ],
)
def test_real_files_read_as_pandas_reads_them(name: str, options: dict[str, str]) -> None:
    path = SHARED / name
    if not path.is_file():
        pytest.skip("the shared recordings are not here")
    frame = read_csv(path, **options)  # type: ignore[arg-type]
    judge = pd.read_csv(path, skipinitialspace=True)
    judge.columns = [column.strip().lower() for column in judge.columns]
    times = judge[options["date_column"].lower()].str.strip()
    mixed = options.get("date_format", "ISO8601")
    instants = pd.DatetimeIndex(pd.to_datetime(times, utc=True, format=mixed)).as_unit("us")
    judge = judge.set_axis(instants, axis=0)
    judge = judge[~judge.index.duplicated(keep="last")].sort_index(kind="stable")
    assert list(frame.index) == list(judge.index)
    for column in ("open", "high", "low", "close"):
        assert list(frame[column]) == list(judge[column])
    assert list(frame["volume"]) == list(judge[options.get("volume_column", "volume").lower()])


@pytest.mark.parametrize("name", ["bars.tsv", "bars.tsv.gz"])
def test_a_file_whose_name_says_tabs_has_tabs(tmp_path: Path, name: str) -> None:
    frame = bars(50)
    path = write_csv(frame, tmp_path / name)
    held = pd.read_csv(path, sep="\t")
    assert list(held.columns) == ["timestamp", *frame.columns]
    assert held["close"].tolist() == frame["close"].tolist()
    same(read_csv(path, tz="America/Chicago"), frame)
    with_comma = write_csv(frame, tmp_path / name, date_format="%Y-%m-%d, %H:%M:%S%z")
    same(read_csv(with_comma, tz="America/Chicago", date_format="%Y-%m-%d, %H:%M:%S%z"), frame)
