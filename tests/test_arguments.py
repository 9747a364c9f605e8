"""Instants as callers give them: what is meant is taken, what cannot be meant is refused by name."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.arguments import to_ns
from mdnb.errors import OptionError
from tests.manager.hand import START, HandFeed, minutes, open_market

NOON = 1_381_147_200  # 2013-10-07T12:00Z
NS = 1_000_000_000


@pytest.mark.parametrize(
    "when",
    [
        NOON,
        float(NOON),
        np.int64(NOON),
        np.float64(NOON),
        pd.Timestamp(NOON * 1000, unit="ms", tz="UTC"),
        "2013-10-07T14:00:00+02:00",
        dt.datetime(2013, 10, 7, 12, tzinfo=dt.UTC),
    ],
)
def test_an_instant_may_be_given_in_each_of_its_forms(when: Any) -> None:
    assert to_ns(when, "America/Chicago") == NOON * NS


@pytest.mark.parametrize(
    ("when", "message"),
    [
        (
            NOON * 1000,
            'milliseconds, divide by 1,000, or give pd.Timestamp(1381147200000, unit="ms", tz="UTC")',
        ),
        (NOON * 10**6, "microseconds, divide by 1,000,000"),
        (NOON * NS, "nanoseconds, divide by 1,000,000,000"),
        (np.int64(NOON * NS), 'pd.Timestamp(1381147200000000000, unit="ns", tz="UTC")'),
        (NOON * 1000.0, "milliseconds"),
        (-(10**10), "a number means epoch seconds, of the years 1900 to 2200"),
        (10**30, "Give those, a datetime or an ISO string"),
        (float("nan"), "nan is not an instant"),
        (dt.datetime.max.replace(tzinfo=dt.UTC), "is too far off"),
        ("3000-01-01", "is too far off"),
        (True, "True is not an instant"),
        (np.timedelta64(5, "s"), "is not an instant"),
        (dt.timedelta(5), "is not an instant"),
        (10**400, "Give those, a datetime or an ISO string"),
        ("soon", "'soon' is not an instant"),
    ],
)
def test_what_can_be_no_instant_is_refused_by_name(when: Any, message: str) -> None:
    with pytest.raises(mdnb.OptionError, match=re.escape(message)):
        to_ns(when, "UTC")


def test_every_call_that_takes_a_time_refuses_milliseconds() -> None:
    ms = START // 1_000_000
    with open_market(HandFeed(minutes(-10, 10)), "1min") as market:
        data, chart = market.data, market.chart()
        calls: list[Callable[[], Any]] = [
            lambda: data.get_data("1min", as_of=ms),
            lambda: data.get_data("1min", start_time=ms),
            lambda: data.get_data("1min", end_time=ms),
            lambda: data.get_data("1min", start_time=ms, with_times=True),
            lambda: market.alignment(as_of=ms),
            lambda: chart.replay(ms),
            lambda: chart.mark(ms),
            lambda: chart.draw_rectangle(ms, ms, 1.0, 2.0),
        ]
        for call in calls:
            with pytest.raises(mdnb.OptionError, match="a number means epoch seconds"):
                call()
        assert len(data.get_data("1min", as_of=ms / 1000)) > 0


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine be in Tokyo."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_text_without_a_zone_is_of_the_frames_zone_and_a_naive_datetime_of_the_machines() -> None:
    feed = HandFeed(minutes(-60, 60))
    chicago: dict[str, Any] = {"tz": "America/Chicago", "initial_days": 1, "progress": False}
    with mdnb.live("X", ["1min"], feed=feed, **chicago) as market:
        data, bars = market.data, market.data.get_data("1min", closed_only=True)
        half = bars.index[30]
        for given in (
            half,
            str(half.tz_localize(None)),
            half.tz_convert("Asia/Tokyo").to_pydatetime(warn=False),
        ):
            when = (
                given.replace(tzinfo=None) if isinstance(given, dt.datetime) and given is not half else given
            )
            assert data.get_data("1min", start_time=when, closed_only=True).index[0] == half
            assert data.get_data("1min", end_time=when, with_times=True).index[-1] == half
            known = data.get_data("1min", as_of=when)
            pd.testing.assert_frame_equal(known, data.get_data("1min", as_of=half))
            assert market.alignment(as_of=when).time == market.alignment(as_of=half).time
            chart = market.chart()
            assert chart.mark(when).time == half


@pytest.mark.usefixtures("tokyo")
def test_text_without_a_zone_is_of_the_zone_given_to_play_or_else_utc() -> None:
    def first(source: str = "dataset:gold-ticks", **options: Any) -> pd.Timestamp:
        return next(mdnb.play(source, ["1min"], symbol="GC", **options)).time

    noon = pd.Timestamp("2013-10-07T12:00Z")
    expected = first(start=noon.to_pydatetime())
    assert noon < expected <= noon + pd.Timedelta(minutes=2)
    assert first(start="2013-10-07T12:00") == expected
    assert first(start="2013-10-07T07:00", tz="America/Chicago") == expected
    assert first(start=pd.Timestamp("2013-10-07T21:00").to_pydatetime()) == expected
    assert first("replay:dataset:gold-ticks?start=2013-10-07T07:00", tz="America/Chicago") == expected
    assert first("replay:dataset:gold-ticks?start=2013-10-07T07:00&tz=America/Chicago") == expected
    with pytest.raises(mdnb.OptionError, match="there is no time zone 'Chicago'"):
        mdnb.make_feed("replay:dataset:gold-ticks?start=2013-10-07T07:00&tz=Chicago")


def test_an_hour_that_comes_twice_or_not_at_all_is_some_instant() -> None:
    assert to_ns("2026-11-01T01:30", "America/Chicago") == to_ns("2026-11-01T01:30-05:00", "UTC")
    assert to_ns("2026-03-08T02:30", "America/Chicago") == to_ns("2026-03-08T03:00-05:00", "UTC")


@pytest.mark.parametrize("text", ["05.12.2026", "29/11/2026 10:00", "05-12-2026", "17:00", " 9:30", "5.12."])
def test_a_text_that_may_be_read_in_several_ways_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="may be read in several ways: write it as ISO 8601 does"):
        to_ns(text, "UTC")
    assert to_ns("2026-12-05", "UTC") == to_ns("20261205", "UTC") == to_ns("5 Dec 2026", "UTC")
