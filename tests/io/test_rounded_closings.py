"""A file that tells times in whole seconds makes no bar known before its time."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb.io.csv import read_csv, write_csv
from mdnb.io.times import rounded_up, time_text

FORMATS = ("iso", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M")


@pytest.mark.parametrize("date_format", FORMATS)
def test_closings_are_rounded_up_and_no_further_than_the_format_tells(
    tmp_path: Path, date_format: str
) -> None:
    index = pd.date_range("2026-03-02 14:00", periods=3, freq="1min", tz="UTC", name="timestamp").as_unit(
        "us"
    )
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index=index)
    frame["closed_at"] = (index + pd.Timedelta("61.9s")).as_unit("us")
    columns = list(frame.columns)
    path = write_csv(frame, tmp_path / "bars.csv", date_format=date_format, columns=columns)
    assert isinstance(path, Path)
    read = read_csv(path, date_format=None if date_format == "iso" else date_format)
    late = (read["closed_at"] - frame["closed_at"]).dt.total_seconds()
    unit = {"epoch_s": 1.0, "%Y-%m-%d %H:%M:%S": 1.0, "%Y-%m-%dT%H:%M": 60.0}.get(date_format, 1e-9)
    assert (late >= 0).all()
    assert (late < unit).all()
    assert (read.index == index).all()


@given(
    st.integers(0, 2**51),
    st.sampled_from(["%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M %z", "%Y-%m-%dT%H%z", "%Y-%m-%d %T.%f%z"]),
    st.sampled_from(["UTC", "America/Chicago", "Asia/Kolkata"]),
)
def test_what_is_rounded_up_is_what_the_format_tells(us: int, date_format: str, zone: str) -> None:
    index = pd.DatetimeIndex([us], dtype=pd.DatetimeTZDtype("us", zone))
    up = rounded_up(index, date_format)
    assert up[0] >= index[0]
    told = time_text(up, date_format)(0, 1).to_pylist()
    assert told == up.strftime(date_format).tolist()
    # Told again, nothing is left to be rounded.
    assert rounded_up(up, date_format)[0] == up[0] or up[0].utcoffset() != index[0].utcoffset()


def test_a_closing_told_in_nanoseconds_is_no_earlier(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    times = "2026-03-02T14:00:00Z", "2026-03-02T14:01:00.000000001Z"
    path.write_text(f"timestamp,open,high,low,close,closed_at\n{times[0]},1,1,1,1,{times[1]}\n")
    read = read_csv(path, volume_column=None)
    assert read["closed_at"].iloc[0] == pd.Timestamp("2026-03-02T14:01:00.000001Z")
