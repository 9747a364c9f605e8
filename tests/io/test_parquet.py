"""Parquet: exact round trips, pandas and polars as second readers, several timeframes in one file."""

from __future__ import annotations

import decimal
import json
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from mdnb.errors import DataExportError, DataImportError, OptionError
from mdnb.io import normalise, read_parquet, read_timeframes, write_parquet, write_timeframes
from tests.io.frames import EASY, bar_frames, bars, same, timed, timed_frames

FIRST = 1_772_465_400_000_000  # 2026-03-02 15:30 UTC
COMPRESSIONS = ("snappy", "zstd", "gzip", "brotli", "lz4", "none")


@given(bar_frames(), st.sampled_from(COMPRESSIONS))
@settings(EASY)
def test_every_frame_comes_back_exactly(tmp_path: Path, frame: pd.DataFrame, compression: str) -> None:
    path = write_parquet(frame, tmp_path / "bars.parquet", compression=compression)
    same(frame, read_parquet(path, positive_prices=False))
    same(frame, pd.read_parquet(path))


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_many_row_groups_and_grid_prices(tmp_path: Path, compression: str) -> None:
    frame = bars(300_000)
    frame["vwap"] = frame["close"] + np.random.default_rng(1).normal(0, 1, len(frame))
    path = write_parquet(frame, tmp_path / "bars.parquet", compression=compression)
    same(frame, read_parquet(path))
    metadata = pq.ParquetFile(path).metadata
    assert metadata.num_row_groups == 3
    name = metadata.row_group(0).column(1).compression.lower()
    assert name.startswith({"none": "uncompressed"}.get(compression, compression))


def test_polars_reads_the_same(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = bars()
    for compression in ("snappy", "zstd"):
        judge = polars.read_parquet(write_parquet(frame, tmp_path / "bars.parquet", compression=compression))
        assert judge.columns == ["timestamp", *frame.columns]
        assert judge["timestamp"].dtype == polars.Datetime("us", "America/Chicago")
        assert judge["timestamp"].to_list() == list(frame.index.to_pydatetime())
        for name in frame:
            assert judge[name].to_list() == frame[name].tolist()


@pytest.mark.parametrize("compression", ["snappy", "zstd", "uncompressed"])
def test_what_polars_writes_is_read(tmp_path: Path, compression: str) -> None:
    polars = pytest.importorskip("polars")
    frame = bars(3_000)
    table = polars.from_pandas(frame.reset_index())
    table.write_parquet(tmp_path / "bars.parquet", compression=compression)
    same(frame, read_parquet(tmp_path / "bars.parquet"))
    named = table.with_columns(timeframe=polars.lit("1min"), symbol=polars.lit("MNQ"))
    named.write_parquet(tmp_path / "named.parquet", row_group_size=1_000)
    same(frame, read_timeframes(tmp_path / "named.parquet")["1min"])


def test_the_metadata_says_what_it_is_and_no_more(tmp_path: Path) -> None:
    frame = bars()
    frame.attrs.update(
        {"api_key": "sk-SECRET", "source": "projectx://?key=sk-SECRET", "notes": ["sk-SECRET"]}
    )
    single = write_parquet(frame, tmp_path / "one.parquet")
    several = write_timeframes({"1min": frame, "5min": frame[::5]}, tmp_path / "all.parquet")
    for path in (single, several):
        assert b"SECRET" not in path.read_bytes()
    about = json.loads(pq.read_schema(single).metadata[b"mdnb"])
    assert {name: about[name] for name in ("symbol", "timeframe", "forming")} == {
        "symbol": "MNQ",
        "timeframe": "1min",
        "forming": True,
    }
    assert read_parquet(single).attrs["symbol"] == "MNQ"
    assert pd.read_parquet(single).attrs == {"symbol": "MNQ", "timeframe": "1min", "forming": True}


def test_bad_options_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    path.write_text("old")
    for call in (
        lambda: write_parquet(bars(1), path, compression="snapy"),
        lambda: write_parquet(bars(1).tz_localize(None), path),
        lambda: write_timeframes({}, path),
        lambda: write_timeframes({"": bars(1)}, path),
        lambda: write_timeframes({"1min": bars(1), "5min": bars(1, tz="UTC")}, path),
    ):
        with pytest.raises(OptionError):
            call()
    with pytest.raises(OptionError, match="Did you mean 'snappy'"):
        write_parquet(bars(1), path, compression="snapy")
    other = bars(1)
    other.attrs["symbol"] = "MES"
    with pytest.raises(OptionError, match="several symbols"):
        write_timeframes({"1min": bars(1), "5min": other}, path)
    with pytest.raises(DataExportError, match="URL"):
        write_parquet(bars(1), "s3://bucket/bars.parquet")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["bars.parquet"]


def test_a_zone_that_parquet_cannot_name(tmp_path: Path) -> None:
    odd = timezone(timedelta(hours=5, minutes=30, seconds=7))
    with pytest.raises(OptionError, match="tz_convert"):
        write_parquet(bars(2, tz="UTC").tz_convert(odd), tmp_path / "bars.parquet")


# When bars were closed.


@given(timed_frames(), st.sampled_from(COMPRESSIONS))
@settings(EASY)
def test_when_bars_were_closed_comes_back_exactly(
    tmp_path: Path, frame: pd.DataFrame, compression: str
) -> None:
    path = write_parquet(frame, tmp_path / "bars.parquet", compression=compression)
    same(frame, read_parquet(path, positive_prices=False))
    same(frame, pd.read_parquet(path))
    field = pq.read_schema(path).field("closed_at")
    assert field.type == pa.timestamp("us", pq.read_schema(path).field("timestamp").type.tz)
    assert field.nullable


def test_the_times_of_closing_are_stored_as_differences(tmp_path: Path) -> None:
    frame = timed(200_000, start="2025-01-01 00:00")
    bare = frame.drop(columns="closed_at")
    for path in (
        write_parquet(frame, tmp_path / "one.parquet"),
        write_timeframes({"1min": bare, "5min": frame[::5]}, tmp_path / "all.parquet"),
    ):
        group = pq.ParquetFile(path).metadata.row_group(0)
        about = next(
            group.column(at)
            for at in range(group.num_columns)
            if group.column(at).path_in_schema == "closed_at"
        )
        assert "DELTA_BINARY_PACKED" in about.encodings
    plain = write_parquet(bare, tmp_path / "bare.parquet")
    same(bare, pd.read_parquet(plain))
    assert "closed_at" not in pq.read_schema(plain).names


@given(st.lists(st.one_of(bar_frames(), timed_frames()), min_size=1, max_size=4))
@settings(EASY, max_examples=60)
def test_of_each_timeframe_it_comes_back_as_it_was_told(tmp_path: Path, drawn: list[pd.DataFrame]) -> None:
    zone = drawn[0].index.tz
    frames = {f"{number + 1}min": normalise(frame, tz=zone) for number, frame in enumerate(drawn)}
    path = write_timeframes(frames, tmp_path / "all.parquet")
    back = read_timeframes(path, positive_prices=False)
    judge = pd.read_parquet(path)
    for name, frame in frames.items():
        same(frame, back[name])
        if "closed_at" in frame:
            told = judge.loc[judge["timeframe"] == name, "closed_at"]
            pd.testing.assert_series_equal(told, frame["closed_at"], check_freq=False)


@pytest.mark.parametrize(
    "column",
    [
        ["2026-03-02T15:31:00Z", "2026-03-02T15:32:00Z"],
        [True, False],
        [1.0, None],
        [1_772_465_460, 1_772_465_520],
        pa.array([20_000, 20_001], pa.date32()),
        [{"a": 1}, {"a": 2}],
        [[1], [2]],
        pa.nulls(2),
    ],
)
def test_a_column_of_that_name_that_holds_no_times_is_left_alone(tmp_path: Path, column: Any) -> None:
    frame = read_parquet(written(tmp_path, foreign(closed_at=column)))
    assert "closed_at" not in frame
    assert [note["type"] for note in frame.attrs["notes"]] == ["no_closing_times"]


@pytest.mark.parametrize(
    ("kind", "factor"),
    [
        (pa.timestamp("us", "UTC"), 1),
        (pa.timestamp("us", "Asia/Tokyo"), 1),
        (pa.timestamp("us", "Mars/Olympus"), 1),
        (pa.timestamp("ns", "UTC"), 1000),
        (pa.timestamp("us"), 1),
    ],
)
def test_times_of_closing_of_others_are_read(tmp_path: Path, kind: pa.DataType, factor: int) -> None:
    # One of them is closed a moment before it ends, as where two clocks differ.
    given = pa.array([(FIRST + 59_999_000) * factor, None]).cast(kind)
    frame = read_parquet(written(tmp_path, foreign(closed_at=given)))
    assert frame["closed_at"].dtype == frame.index.dtype
    assert frame["closed_at"].iloc[0] == pd.Timestamp("2026-03-02T15:30:59.999Z")
    assert frame["closed_at"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([FIRST, FIRST - 10**9], pa.timestamp("us", "UTC")), "before the bar begins in data row 2"),
        (pa.array([0, 0], pa.timestamp("us", "UTC")), "before the bar begins in data rows 1, 2"),
        (pa.array([2**62, None], pa.timestamp("us", "UTC")), "outside the years 1678 to 2261 in 'closed_at'"),
        (pa.array([2**62, None], pa.timestamp("ms", "UTC")), "'closed_at' is out of range"),
        (pa.array([-(2**63), None], pa.timestamp("us")), "'closed_at'"),
    ],
)  # fmt: skip
def test_times_of_closing_that_cannot_be_refuse_the_file(tmp_path: Path, column: Any, message: str) -> None:
    with pytest.raises(DataImportError, match=message):
        read_parquet(written(tmp_path, foreign(closed_at=column)))


def test_times_of_closing_follow_their_rows(tmp_path: Path) -> None:
    frame = timed(10, tz="UTC")
    table = pd.concat([frame.iloc[::-1], frame.iloc[[0]]])
    back = read_parquet(write_parquet(table, tmp_path / "bars.parquet"))
    same(frame, back)
    assert [note["type"] for note in back.attrs["notes"]] == ["newest_first", "duplicate"]
    later = frame.iloc[[0]].assign(closed_at=frame["closed_at"].iloc[5])
    back = read_parquet(write_parquet(pd.concat([frame, later]), tmp_path / "bars.parquet"))
    assert back["closed_at"].iloc[0] == frame["closed_at"].iloc[5]
    assert [note["type"] for note in back.attrs["notes"]] == ["unsorted", "conflicting_duplicate"]


def test_the_times_of_bars_may_themselves_be_called_so(tmp_path: Path) -> None:
    table = foreign().rename_columns(["closed_at", *foreign().column_names[1:]])
    frame = read_parquet(written(tmp_path, table), date_column="closed_at")
    assert len(frame) == 2
    assert "closed_at" not in frame


# Several timeframes.


@given(st.lists(bar_frames(), min_size=1, max_size=4), st.sampled_from(COMPRESSIONS))
@settings(EASY)
def test_every_timeframe_comes_back_exactly(
    tmp_path: Path, drawn: list[pd.DataFrame], compression: str
) -> None:
    zone = drawn[0].index.tz
    frames = {f"{number + 1}min": frame.tz_convert(zone) for number, frame in enumerate(drawn)}
    path = write_timeframes(frames, tmp_path / "all.parquet", compression=compression)
    back = read_timeframes(path, positive_prices=False)
    assert list(back) == list(frames)
    for name, frame in frames.items():
        same(frame, back[name])
        same(frame, read_parquet(path, timeframe=name, positive_prices=False))


def test_other_readers_read_all_timeframes_plainly(tmp_path: Path) -> None:
    frame = bars(200_000)
    frames = {"1min": frame, "5min": frame[::5], "1hour": frame[::60], "1day": frame[:0]}
    frames["5min"].attrs["forming"] = False
    path = write_timeframes(frames, tmp_path / "mnq.parquet")
    judge = pd.read_parquet(path)
    assert judge.index.dtype == frame.index.dtype
    for name, expected in frames.items():
        same(expected, judge[judge["timeframe"] == name].drop(columns="timeframe"))
    back = read_timeframes(path)
    assert back["1min"].attrs == {**frame.attrs, "notes": []}
    assert back["5min"].attrs["forming"] is False
    assert back["1day"].attrs["timeframe"] == "1day"
    polars = pytest.importorskip("polars")
    table = polars.read_parquet(path)
    assert (
        table.filter(polars.col("timeframe") == "1hour")["close"].to_list()
        == frames["1hour"]["close"].tolist()
    )


def test_one_of_several_must_be_named(tmp_path: Path) -> None:
    path = write_timeframes({"1min": bars(), "5min": bars()[::5]}, tmp_path / "all.parquet")
    with pytest.raises(DataImportError, match=r"several timeframes: 1min, 5min.*timeframe="):
        read_parquet(path)
    with pytest.raises(DataImportError, match="does not hold '1hour', but 1min, 5min"):
        read_parquet(path, timeframe="1hour")
    single = write_parquet(bars(), tmp_path / "one.parquet")
    assert len(read_parquet(single, timeframe="1min")) == 240
    assert list(read_timeframes(single)) == ["1min"]
    with pytest.raises(DataImportError, match="does not hold '5min', but 1min"):
        read_parquet(single, timeframe="5min")
    bars().to_parquet(tmp_path / "foreign.parquet")
    assert len(read_parquet(tmp_path / "foreign.parquet", timeframe="5min")) == 240  # it names none
    with pytest.raises(DataImportError, match="does not say of which timeframe"):
        read_timeframes(tmp_path / "foreign.parquet")


def test_reading_one_timeframe_does_not_touch_the_others(tmp_path: Path) -> None:
    path = write_timeframes({"1min": bars(5_000), "5min": bars(1_000)}, tmp_path / "all.parquet")
    data = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(0).column(3)
    data[column.data_page_offset + column.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(data)
    same(bars(1_000), read_parquet(path, timeframe="5min"))
    with pytest.raises(DataImportError, match="not a sound Parquet file"):
        read_parquet(path, timeframe="1min")


# Files of others.


def written(folder: Path, table: pa.Table, **options: Any) -> Path:
    path = folder / "foreign.parquet"
    pq.write_table(table, path, **options)
    return path


def foreign(**columns: Any) -> pa.Table:
    times = pa.array([FIRST, FIRST + 60_000_000]).cast(pa.timestamp("us", "UTC"))
    given = {"timestamp": times, "open": [1.0, 2], "high": [3.0, 3], "low": [1.0, 1], "close": [2.0, 2]}
    return pa.table({**given, "volume": [5.0, 6], **columns})


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"close": pa.array([2, 2], pa.int32())},
        {"close": pa.array([2, 2], pa.float32())},
        {"volume": pa.array([5, 6], pa.uint64())},
        {"close": pa.array([decimal.Decimal("2.00")] * 2, pa.decimal128(10, 2))},
        {"timestamp": pa.array([1_772_465_400_000, 1_772_465_460_000])},
        {"timestamp": pa.array([1_772_465_400_000, 1_772_465_460_000]).cast(pa.timestamp("ms"))},
        {"timestamp": pa.array([FIRST * 1000, (FIRST + 60_000_000) * 1000]).cast(pa.timestamp("ns", "UTC"))},
        {"symbol": ["MNQ", "MNQ"]},
        {"timeframe": ["1min", "1min"]},
        {"note": ["=1+1", "<script>"], "nested": [{"a": 1}, {"a": 2}]},
    ],
)  # fmt: skip
def test_files_of_others_are_read(tmp_path: Path, columns: dict[str, Any]) -> None:
    frame = read_parquet(written(tmp_path, foreign(**columns)))
    assert list(frame.index) == list(pd.to_datetime(["2026-03-02T15:30Z", "2026-03-02T15:31Z"]))
    assert frame.to_numpy().tolist() == [[1, 3, 1, 2, 5, 0], [2, 3, 1, 2, 6, 0]]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"close": ["1", "2"]}, "the column 'close' is string.*Numbers are needed"),
        ({"close": pa.array(["1", "2"]).dictionary_encode()}, "the column 'close' is dictionary"),
        ({"close": [[1.0], [2.0]]}, "the column 'close' is list"),
        ({"close": [{"x": 1.0}, {"x": 2.0}]}, "the column 'close' is struct"),
        ({"close": [True, False]}, "'close' is bool"),
        ({"close": [1.0, None]}, "'close' is missing or not finite in data row 2"),
        ({"close": [1.0, float("inf")]}, "'close' is missing or not finite in data row 2"),
        ({"low": [1.0, -1]}, "'low' is zero or negative in data row 2"),
        ({"volume": [1.0, -1]}, "'volume' is negative in data row 2"),
        ({"tick_count": [1.5, 1]}, "'tick_count' is not a whole number"),
        ({"timestamp": ["2026-03-02", "2026-03-03"]}, "the column 'timestamp' is string"),
        ({"timestamp": pa.array([None, 1], pa.timestamp("us", "UTC"))}, "'timestamp' is empty in data row 1"),
        ({"timestamp": pa.array([0, 2**62], pa.timestamp("ms", "UTC"))}, "out of range"),
        ({"timestamp": pa.array([0, 2**62], pa.timestamp("us", "UTC"))}, "outside the years"),
        ({"timestamp": pa.array([0, 1], pa.timestamp("us", "Mars/Olympus"))}, "the zone 'Mars/Olympus'"),
        ({"symbol": ["MNQ", "MES"]}, "'symbol' mixes values"),
        ({"timeframe": ["1min", "5min"]}, "'timeframe' mixes values"),
        ({"timeframe": pa.array([None, "5min"])}, "'timeframe' mixes values"),
    ],
)  # fmt: skip
def test_files_that_are_no_bars_are_refused(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataImportError, match=message) as caught:
        read_parquet(written(tmp_path, foreign(**columns)))
    assert "foreign.parquet" in str(caught.value)


def test_several_symbols_in_row_groups_of_their_own_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "two.parquet"
    with pq.ParquetWriter(path, foreign(symbol=["MNQ", "MNQ"]).schema) as writer:
        for symbol in ("MNQ", "MES"):
            writer.write_table(foreign(symbol=[symbol] * 2))
    with pytest.raises(DataImportError, match="several symbols: MNQ, MES"):
        read_parquet(path)
    assert len(read_parquet(path, symbol="MES")) == 2
    with pytest.raises(DataImportError, match=r"no symbol 'ES'\. It has MNQ, MES"):
        read_parquet(path, symbol="ES")


def test_missing_and_doubled_columns(tmp_path: Path) -> None:
    with pytest.raises(DataImportError, match="no column 'close'"):
        read_parquet(written(tmp_path, foreign().drop_columns(["close"])))
    table = foreign()
    doubled = pa.Table.from_arrays([*table.columns, table["close"]], [*table.column_names, "close"])
    with pytest.raises(DataImportError, match="two columns 'close'"):
        read_parquet(written(tmp_path, doubled))
    renamed = table.rename_columns([name[0] for name in table.column_names])
    frame = read_parquet(
        written(tmp_path, renamed), date_column="t", price_columns=["o", "h", "l", "c"], volume_column="v"
    )
    assert frame["close"].tolist() == [2, 2]
    naive = foreign(timestamp=pa.array([0, 60_000_000], pa.timestamp("us")))
    assert read_parquet(written(tmp_path, naive)).attrs["notes"][0]["type"] == "naive_times"
    assert read_parquet(written(tmp_path, naive), tz="Asia/Kolkata").index[0].utcoffset() == timedelta(
        hours=5.5
    )


def test_newest_first_and_duplicates_as_from_csv(tmp_path: Path) -> None:
    frame = bars(10)
    table = pd.concat([frame.iloc[::-1], frame.iloc[[0]]])
    back = read_parquet(write_parquet(table, tmp_path / "bars.parquet"))
    same(frame, back)
    assert [note["type"] for note in back.attrs["notes"]] == ["newest_first", "duplicate"]
