"""Bar frames for the tests of export and import: a plain one, and any that hypothesis can think of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings

from mdnb.io import normalise

EASY = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
"""A folder of the test may be written to by each example anew."""
ZONES = ("UTC", "America/Chicago", "Asia/Kolkata", "Australia/Lord_Howe", "+05:30", "Europe/London")
PROJECT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("MDNB_SHARED_DATA", PROJECT.parent / "shared" / "data"))
EARLIEST_US = -9_214_560_000_000_000
LATEST_US = 9_214_646_400_000_000 - 1


def bars(count: int = 240, tz: str = "America/Chicago", start: str = "2025-11-02 00:00") -> pd.DataFrame:
    """Return ``count`` one-minute bars on a quarter grid; the default ones span the end of summer time."""
    random = np.random.default_rng(7)
    index = pd.date_range(start, periods=count, freq="1min", tz=tz).as_unit("us").rename("timestamp")
    close = np.round((20_000 + np.cumsum(random.normal(0, 2, count))) * 4) / 4
    open_ = np.concatenate([close[:1], close[:-1]])
    frame = pd.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) + random.integers(0, 4, count) / 4,
            "low": np.minimum(open_, close) - random.integers(0, 4, count) / 4,
            "close": close,
            "volume": random.integers(0, 900, count).astype(np.float64),
            "tick_count": random.integers(0, 500, count).astype(np.float64),
        },
        index=index,
    )
    frame.attrs.update({"symbol": "MNQ", "timeframe": "1min", "forming": True, "source": "trades"})
    return frame


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    """Assert that values, bit for bit, instants, zone and dtypes are equal."""
    pd.testing.assert_frame_equal(left, right, check_exact=True, check_freq=False)
    for name in left.columns:
        if left[name].dtype == np.float64:
            assert (np.signbit(left[name]) == np.signbit(right[name])).all(), name


def without_seconds_in_offsets(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame in UTC where its zone had an offset like -05:50:36, which no reader understands."""
    times = [frame.index, *(pd.DatetimeIndex(frame[name].dropna()) for name in frame if name == "closed_at")]
    odd = any(((given.tz_localize(None).asi8 - given.asi8) % 60_000_000).any() for given in times)
    return normalise(frame, tz="UTC") if odd else frame


@st.composite
def bar_frames(draw: st.DrawFn, *, seconds: bool = False, positive: bool = False) -> pd.DataFrame:
    """Draw a bar frame: any zone, any distinct times, any finite numbers, with or without ``vwap``."""
    count = draw(st.integers(0, 12))
    unit = 1_000_000 if seconds else 1
    times = st.one_of(
        st.integers(EARLIEST_US // unit + 1, LATEST_US // unit),
        st.integers(1_600_000_000_000_000 // unit, 1_800_000_000_000_000 // unit),
        st.integers(1_762_063_200_000_000 // unit, 1_762_077_600_000_000 // unit),  # a night in November
    )
    stamps = sorted(draw(st.lists(times, min_size=count, max_size=count, unique=True)))
    price: Any = st.floats(allow_nan=False, allow_infinity=False, width=64)
    if positive:
        price = st.floats(min_value=5e-324, allow_nan=False, allow_infinity=False)
    numbers = st.lists(price, min_size=count, max_size=count)
    volume = st.lists(st.floats(0, allow_infinity=False), min_size=count, max_size=count)
    columns: dict[str, Any] = {
        name: np.array(draw(numbers), np.float64) for name in ("open", "high", "low", "close")
    }
    columns["volume"] = np.array(draw(volume), np.float64)
    columns["tick_count"] = np.array(
        draw(st.lists(st.integers(0, 2**53 - 1), min_size=count, max_size=count)), np.float64
    )
    if draw(st.booleans()):
        maybe = st.one_of(price, st.just(float("nan")))
        columns["vwap"] = np.array(draw(st.lists(maybe, min_size=count, max_size=count)), np.float64)
    dtype = pd.DatetimeTZDtype("us", draw(st.sampled_from(ZONES)))
    index = pd.DatetimeIndex(np.array(stamps, np.int64) * unit, dtype=dtype, name="timestamp")
    return pd.DataFrame(columns, index=index)


@st.composite
def timed_frames(draw: st.DrawFn, *, positive: bool = False) -> pd.DataFrame:
    """Draw a bar frame that tells of some bars, or of none, when they were closed."""
    frame = draw(bar_frames(positive=positive))
    # Up to ten minutes before the bar began: a clock may be wrong.
    late = st.one_of(
        st.none(), st.integers(-600_000_000, 4_000_000_000_000), st.sampled_from([60_000_000, 0])
    )
    drawn = draw(st.lists(late, min_size=len(frame), max_size=len(frame)))
    closed = [
        pd.NaT if by is None else min(max(at + by, EARLIEST_US), LATEST_US)
        for at, by in zip(frame.index.asi8.tolist(), drawn, strict=True)
    ]
    instants = pd.to_datetime(pd.Series(closed, dtype=object), unit="us", utc=True)
    return frame.assign(closed_at=pd.DatetimeIndex(instants).astype(frame.index.dtype))


def timed(count: int = 240, tz: str = "America/Chicago", start: str = "2025-11-02 00:00") -> pd.DataFrame:
    """Return `bars` that tell when they were closed: some at their end, some later, one unknown."""
    frame = bars(count, tz, start)
    late = np.random.default_rng(3).integers(0, 3_000_000, count) * (np.arange(count) % 3 > 0)
    closed = frame.index + pd.Timedelta("1min") + pd.to_timedelta(late, unit="us")
    frame["closed_at"] = closed.where(np.arange(count) < count - 1).as_unit("us")
    return frame
