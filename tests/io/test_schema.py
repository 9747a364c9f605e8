"""The form of a bar frame: what is brought to it, and what is told why not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from mdnb.errors import OptionError
from mdnb.io import empty_frame, normalise
from mdnb.io.schema import plain_attributes
from tests.io.frames import EASY, bar_frames, bars, same, timed, timed_frames


@given(bar_frames())
@settings(EASY, max_examples=60)
def test_a_bar_frame_stays_what_it_is(frame: pd.DataFrame) -> None:
    same(frame, normalise(frame))


def test_an_empty_frame_concatenates_with_a_full_one() -> None:
    empty = empty_frame("America/Chicago")
    same(empty, bars(0))
    assert len(empty) == 0
    assert empty.index.name == "timestamp"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_units_and_dtypes_are_brought_to_form(unit: str) -> None:
    frame = bars()
    other = frame.astype({"open": "float32", "volume": "int32", "tick_count": "int64"})
    other.index = other.index.as_unit(unit)
    other["sma"] = 1.0
    same(frame, normalise(other[["sma", "tick_count", "volume", "close", "low", "high", "open"]]))
    same(frame, normalise(other.reset_index()))
    same(frame.tz_convert("UTC"), normalise(frame, tz="UTC"))
    missing = normalise(frame.drop(columns="tick_count"))
    assert missing["tick_count"].tolist() == [0] * len(frame)


def test_what_comes_out_is_not_tied_to_what_went_in() -> None:
    frame = bars()
    result = normalise(frame)
    result.iloc[0, 0] = -1.0
    assert frame.iloc[0, 0] > 0
    assert result.attrs == frame.attrs


@given(timed_frames())
@settings(EASY, max_examples=40)
def test_when_bars_were_closed_stays_what_it_is(frame: pd.DataFrame) -> None:
    same(frame, normalise(frame))
    other = normalise(frame, tz="Asia/Kolkata")
    assert other["closed_at"].dtype == other.index.dtype
    same(frame, normalise(other, tz=frame.index.tz))


def test_a_column_called_closed_at_that_holds_no_times_is_left_out() -> None:
    for column in ("yes", 5, 1.5, True, [object()] * 3):
        same(bars(3), normalise(bars(3).assign(closed_at=column)))
    doubled = pd.concat([timed(3), timed(3)[["closed_at"]]], axis=1)
    same(bars(3), normalise(doubled))
    other = timed(3)
    other["closed_at"] = other["closed_at"].astype("datetime64[ns, UTC]")
    same(timed(3), normalise(other))


def nanosecond(frame: pd.DataFrame) -> pd.DataFrame:
    index = pd.DatetimeIndex(frame.index.as_unit("ns").asi8 + 1).tz_localize("UTC")
    return frame.set_axis(index, axis=0)


def year(frame: pd.DataFrame, number: int) -> pd.DataFrame:
    stamps = np.array([f"{number}-01-01"] * len(frame), "datetime64[us]")
    return frame.set_axis(pd.DatetimeIndex(stamps).tz_localize("UTC"), axis=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.tz_localize(None), "no zone"),
        (lambda frame: frame.reset_index(drop=True), "times are missing"),
        (lambda frame: frame.drop(columns=["high", "low"]), "no column high, low"),
        (lambda frame: frame.assign(close="x"), "'close' is str"),
        (lambda frame: frame.assign(close=True), "'close' is bool"),
        (lambda frame: frame.assign(tick_count=1.5), "whole numbers"),
        (lambda frame: frame.assign(tick_count=np.nan), "whole numbers"),
        (lambda frame: pd.concat([frame, frame[["close"]]], axis=1), "two columns 'close'"),
        (nanosecond, "finer than a microsecond"),
        (lambda frame: frame.assign(closed_at=frame.index.tz_localize(None)), "'closed_at' carry no zone"),
        (lambda frame: frame.assign(closed_at=nanosecond(frame).index), "'closed_at' are finer than a micro"),
        (lambda frame: frame.assign(closed_at=year(frame, 3000).index), "2261 in 'closed_at'"),
        (lambda frame: year(frame, 1500), "1678"),
        (lambda frame: year(frame, 3000), "2261"),
        (lambda frame: frame.set_axis(frame.index.where(frame.index > frame.index[0]), axis=0), "NaT"),
        (lambda frame: frame["close"], "Series"),
    ],
)
def test_what_is_no_bar_frame_is_told_why(change: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        normalise(change(bars(3)))


def test_only_short_plain_words_leave_or_enter() -> None:
    given = {"symbol": "ES=F", "timeframe": "x" * 65, "forming": 1, "source": "a://b?key=c", "key": "secret"}
    assert plain_attributes(given) == {"symbol": "ES=F"}
    assert plain_attributes({"symbol": "<b>", "source": "quotes"}) == {"source": "quotes"}
    assert plain_attributes(["symbol"]) == {}
