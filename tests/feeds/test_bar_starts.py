"""Files of bars that begin by a venue's hours: refused without these, else played as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.errors import FeedError
from tests.limits import LIMIT_SECONDS


def bars_from(starts: pd.DatetimeIndex) -> pd.DataFrame:
    close = [10.5 + number for number in range(len(starts))]
    values = {"open": close, "high": close, "low": close, "close": close, "volume": 1.0}
    return pd.DataFrame(values, index=starts.rename("timestamp"))


def hours_of_a_share() -> pd.DataFrame:
    """Two trading days of hours from 9:30 on, as Yahoo gives them; the last of a day is half as long."""
    days = pd.date_range("2024-03-04 09:30", periods=2, freq="D", tz="America/New_York")
    return bars_from(pd.DatetimeIndex([day + pd.Timedelta(hours=hour) for day in days for hour in range(7)]))


FILES = {
    "hours from half past nine": (hours_of_a_share(), "1hour"),
    "four hours from 22:00": (bars_from(pd.date_range("2024-03-04 22:00Z", periods=12, freq="4h")), "4hour"),
    "half hours from a quarter past": (
        bars_from(pd.date_range("2024-03-04 10:15Z", periods=8, freq="30min")),
        "30min",
    ),
    "minutes from the seventh second": (
        bars_from(pd.date_range("2024-03-04 10:00:07Z", periods=8, freq="1min")),
        "1min",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_bars_that_begin_elsewhere_are_neither_played_nor_read_without_a_word(
    name: str, tmp_path: Path
) -> None:
    frame, timeframe = FILES[name]
    path = tmp_path / "bars.csv"
    frame.to_csv(path)
    said = f"{len(frame)} of {len(frame)} bars do not start where {timeframe} bars .*calendar='NYSE'"
    with pytest.raises(FeedError, match=said):
        mdnb.play(path, timeframe, symbol="X")
    with pytest.raises(FeedError, match=said):
        mdnb.live("X", timeframe, feed=f"replay:{path}?speed=max", initial_days=0, progress=False)
    for given in (None, timeframe):
        read = mdnb.read(path, given)
        (note,) = read.attrs["notes"]
        assert (note["type"], note["count"]) == ("other_hours", len(frame))
        assert (read.index == frame.index).all()


def test_one_bar_amid_the_others_is_no_less_off(tmp_path: Path) -> None:
    frame = bars_from(pd.date_range("2024-03-04 10:00Z", periods=8, freq="1h"))
    late = frame.index[6]
    frame.index = frame.index.where(frame.index != late, late + pd.Timedelta("10min"))
    path = tmp_path / "bars.csv"
    frame.rename_axis("timestamp").to_csv(path)
    with pytest.raises(FeedError, match=r"1 of 8 bars do not start where 1hour bars .*16:10"):
        mdnb.play(path, "1hour", symbol="X")
    # What is not played matters to nobody.
    assert len(list(mdnb.play(path, "1hour", symbol="X", end="2024-03-04T16:30"))) == 6


def test_a_list_of_candles_is_judged_alike(tmp_path: Path) -> None:
    frame, _ = FILES["four hours from 22:00"]
    rows = [
        [int(at.timestamp() * 1000), *values] for at, *values in frame.astype(float).itertuples(name=None)
    ]
    path = tmp_path / "candles.json"
    path.write_text(json.dumps(rows))
    with pytest.raises(FeedError, match="12 of 12 bars do not start where 4hour bars"):
        mdnb.play(path, "4hour", symbol="X")


@pytest.mark.parametrize("timeframes", [["1hour"], ["1hour", "2hour"], ["1hour", "1day"]], ids=str)
def test_by_the_venues_hours_each_bar_is_the_files_own(timeframes: list[str], tmp_path: Path) -> None:
    frame, path = hours_of_a_share(), tmp_path / "bars.csv"
    frame.to_csv(path)
    closes = frame.index.normalize() + pd.Timedelta(hours=16)
    ends = [min(start + pd.Timedelta("1h"), close) for start, close in zip(frame.index, closes, strict=True)]
    steps = mdnb.play(path, timeframes, symbol="SPY", tz="America/New_York", calendar="NYSE")
    bars = [(step, step.bars["1hour"]) for step in steps if "1hour" in step.bars]
    assert [(bar.time, bar.end, bar.close) for _, bar in bars] == list(
        zip(frame.index, ends, frame["close"], strict=True)
    )
    assert all(step.time == bar.end <= step.view.time for step, bar in bars)


@pytest.mark.parametrize("speed", ["max", 36_000])
def test_at_any_speed_no_bar_is_amended_by_the_short_one_at_the_close(
    speed: str | float, tmp_path: Path
) -> None:
    frame, path = hours_of_a_share(), tmp_path / "bars.csv"
    frame.to_csv(path)
    feed = f"replay:{path}?speed={speed}&calendar=NYSE"
    with mdnb.live("SPY", ["1hour", "1day"], feed=feed, initial_days=0, progress=False) as market:
        new: list[tuple[str, float]] = []
        amended: list[str] = []
        market.on("new_bar", lambda event: new.append((event.timeframe, event.close)))
        market.on("bar_amended", lambda event: amended.append(event.timeframe))
        market.wait_ended(LIMIT_SECONDS)
        assert market["1hour"].frame["close"].tolist() == frame["close"].tolist()
        assert market["1day"].frame["close"].tolist() == [16.5, 23.5]
    assert not amended
    # At a speed of its own the first may have come before the handler.
    seen = [close for name, close in new if name == "1hour"]
    assert seen == frame["close"].tolist()[len(frame) - len(seen) :]
