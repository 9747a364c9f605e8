"""Which bars a start and an end choose: in a store, of a market and in pandas' slices the same."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.arguments import to_end_ns, to_ns
from mdnb.clock import EventClock
from mdnb.errors import OptionError
from tests.manager.hand import MINUTE, START, HandFeed, minutes
from tests.runtime.test_store_keeper import kept_market, look

ZONE = "America/New_York"


@pytest.fixture(scope="module")
def hours(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[mdnb.market_store.store.MarketStore, pd.DataFrame]:
    """A store with the hours of some days around a year's end."""
    times = pd.date_range("2018-12-30", "2019-02-02", freq="30min", tz=ZONE)
    bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index=times)
    store = mdnb.store(tmp_path_factory.mktemp("store"), tz=ZONE)
    store.write("X", "30min", bars)
    return store, store.frame("X", "30min")


@pytest.mark.parametrize(
    "when",
    [
        "2019",
        "2019-01",
        "2019-01-01",
        "20190101",
        "Jan 2019",
        "2019-01-01 05",
        "2019-01-01T05:30",
        "2019-01-01T05:29:59",
        "2019-01-01T05:30:00.000001",
        "2019-01-01T05:30Z",
        "2019-01-01T05:30:00+01:00",
        "2018-12-30T23:59",
        "2030",
        "1999-05",
        pd.Timestamp("2019-01-01 05:30", tz="UTC"),
        pd.Timestamp("2019-01-01 05:30:00.000000001", tz=ZONE),
        dt.datetime(2019, 1, 1, 5, 30, tzinfo=dt.UTC),
    ],
)
def test_spans_are_those_of_pandas_slices(hours: Any, when: Any) -> None:
    store, frame = hours
    pd.testing.assert_frame_equal(store.frame("X", "30min", start=when), frame.loc[when:])
    pd.testing.assert_frame_equal(store.frame("X", "30min", end=when), frame.loc[:when])
    pd.testing.assert_frame_equal(store.frame("X", "30min", when, when), frame.loc[when:when])


def test_numbers_days_and_naive_times_are_instants_too(hours: Any) -> None:
    store, frame = hours
    at = 1_546_342_200  # 2019-01-01T11:30Z
    stamp = pd.Timestamp(at, unit="s", tz="UTC")
    # A naive time is of this machine, as of datetime.now().
    for when in (at, float(at), np.int64(at), dt.datetime.fromtimestamp(at)):  # noqa: DTZ006
        pd.testing.assert_frame_equal(store.frame("X", "30min", start=when), frame.loc[stamp:])
        pd.testing.assert_frame_equal(store.frame("X", "30min", end=when), frame.loc[:stamp])
    day = dt.date(2019, 1, 1)
    pd.testing.assert_frame_equal(store.frame("X", "30min", day, day), frame.loc["2019-01-01"])
    with pytest.raises(OptionError, match="milliseconds, divide by 1,000"):
        store.frame("X", "30min", start=at * 1000)
    with pytest.raises(OptionError, match="is after end='2018'"):
        store.frame("X", "30min", "2019", "2018")


@hypothesis.given(
    at=st.integers(0, 36 * 86_400).map(
        lambda seconds: pd.Timestamp("2018-12-29") + pd.Timedelta(seconds, "s")
    ),
    form=st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d %H", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]),
)
def test_any_text_ends_where_pandas_ends_it(at: pd.Timestamp, form: str) -> None:
    text = at.strftime(form)
    index = pd.DatetimeIndex([pd.Timestamp(to_end_ns(text, ZONE), tz="UTC")]).tz_convert(ZONE)
    one = pd.Series(1, index=index)
    assert len(one.loc[text:text]) == 1
    after = pd.Series(1, index=index + pd.Timedelta(1, "ns"))
    assert len(after.loc[:text]) == 0
    before = pd.Timestamp(to_ns(text, ZONE), tz="UTC").tz_convert(ZONE)
    assert len(pd.Series(1, index=pd.DatetimeIndex([before])).loc[text:]) == 1


def test_a_market_and_its_store_mean_the_same_and_give_the_same_index(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-3000, 3000), clock=EventClock(START))
    with kept_market(feed, tmp_path, "1min", days=3, max_bars_per_timeframe=5000) as market:
        look(market)
        whole = market.data.get_data("1min", count=5000, closed_only=True)
        with mdnb.store(tmp_path) as store:
            for start, end in (
                ("2026-03-01", "2026-03-01"),
                ("2026-03-01", None),
                (None, "2026-03-01 12"),
                (dt.date(2026, 3, 1), dt.date(2026, 3, 1)),
                ((START - 90 * MINUTE) // 10**9, "2026-03-02T13:00:30"),
                ("2026", "2026-03"),
            ):
                mine = store.frame("X", "1min", start, end)
                live = market.data.get_data("1min", start_time=start, end_time=end, closed_only=True)
                pd.testing.assert_frame_equal(mine[list(live.columns)], live, check_freq=False)
                assert mine.index.dtype == live.index.dtype == whole.index.dtype
                assert len(mine) > 0
        saved = market.save(tmp_path / "x.mdnb")
        files = [
            market.export(tmp_path / f"x.{kind}", "1min") for kind in ("csv", "parquet", "json", "feather")
        ]
    for file in files:
        assert mdnb.read(file).index.dtype == whole.index.dtype
    with pytest.warns(UserWarning, match="could be played"), mdnb.open(saved) as again:
        assert again["1min"].index.dtype == whole.index.dtype
