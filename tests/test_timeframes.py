"""Timeframes against pandas and against the exchange's own calendar."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb.errors import OptionError, TimeframeError
from mdnb.sessions import DAY_NS, Sessions
from mdnb.timeframes import Grid, Timeframe

ALWAYS = Sessions.always()


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("1m", "1min"), ("5T", "5min"), ("1h", "1hour"), ("D", "1day"), ("1d", "1day"), ("W", "1week"),
        ("1M", "1month"), ("ME", "1month"), ("15sec", "15sec"), ("15s", "15sec"), ("60sec", "1min"),
        ("240min", "4hour"), ("24h", "1day"), ("90min", "90min"), ("4 hours", "4hour"),
        ("500tick", "500tick"),
        ("1000vol", "1000vol"), ("10kvol", "10000vol"), ("1Mdollar", "1Mdollar"),
        (dt.timedelta(minutes=7), "7min"),
        (pd.Timedelta("5min"), "5min"), (pd.tseries.frequencies.to_offset("15min"), "15min"),
        (pd.tseries.frequencies.to_offset("D"), "1day"),
    ],
)  # fmt: skip
def test_names_and_aliases(given_name: object, name: str) -> None:
    assert Timeframe.parse(given_name).name == name
    assert Timeframe.parse(Timeframe.parse(given_name).name) == Timeframe.parse(given_name)


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "min1",
        "0min",
        "-5min",
        "1.5min",
        "5fortnights",
        "25h",
        "1y",
        None,
        5,
        True,
        "99999day",
        "1e3s",
        dt.timedelta(0),
    ],
)
def test_nonsense_is_refused_with_what_is_understood(nonsense: object) -> None:
    with pytest.raises(TimeframeError, match="Understood"):
        Timeframe.parse(nonsense)


@given(
    st.sampled_from([("15sec", "15s"), ("5min", "5min"), ("1hour", "1h"), ("4hour", "4h"), ("1day", "1D")]),
    st.integers(0, 2_000_000_000).map(lambda s: s * 1_000_000_000 + 123_456_789),
)
def test_a_venue_that_never_closes_is_floored_as_pandas_does(names: tuple[str, str], ts_ns: int) -> None:
    span = Grid(Timeframe.parse(names[0]), ALWAYS).span(ts_ns)
    assert span is not None
    stamp = pd.Timestamp(ts_ns, tz="UTC")
    assert span[0] == stamp.floor(names[1]).value
    assert span[1] == (stamp.floor(names[1]) + pd.Timedelta(names[1])).value


@given(st.integers(0, 2_000_000_000).map(lambda s: s * 1_000_000_000))
def test_weeks_begin_on_monday_and_months_on_the_first(ts_ns: int) -> None:
    stamp = pd.Timestamp(ts_ns, tz="UTC")
    week = Grid(Timeframe.parse("1week"), ALWAYS).span(ts_ns)
    month = Grid(Timeframe.parse("1month"), ALWAYS).span(ts_ns)
    assert week is not None
    assert month is not None
    monday = stamp.normalize() - pd.Timedelta(stamp.weekday(), "D")
    assert week == (monday.value, (monday + pd.Timedelta(7, "D")).value)
    first = stamp.normalize().replace(day=1)
    assert month == (first.value, (first + pd.offsets.MonthBegin(1)).value)


@given(
    st.sampled_from(["15sec", "7min", "4hour", "1day", "2day", "1week", "1month", "3month"]),
    st.lists(st.integers(0, 2_000_000_000), min_size=1, max_size=20),
    st.booleans(),
)
def test_arrays_are_floored_as_single_times_are(name: str, seconds: list[int], futures: bool) -> None:
    sessions = Sessions.from_calendar("CME Globex Equity", "2026-02-02", "2026-12-31") if futures else ALWAYS
    if futures:
        base = int(sessions.opens[0])
        seconds = [base // 10**9 + s % 28_000_000 - 86_400 for s in seconds]
    ts = np.array(seconds, dtype=np.int64) * 10**9
    grid = Grid(Timeframe.parse(name), sessions)
    starts, inside = grid.starts(ts)
    for at, start, held in zip(ts.tolist(), starts.tolist(), inside.tolist(), strict=True):
        span = grid.span(at)
        assert held == (span is not None)
        if span is not None:
            assert start == span[0]
            assert span[0] <= at < span[1]


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_counting_bars_is_counting_them_one_by_one(a: int, b: int) -> None:
    hours = Sessions([0, 500_000 * 10**9], [400_000 * 10**9, 900_000 * 10**9])
    start, end = min(a, b) * 10**9, max(a, b) * 10**9
    for sessions in (ALWAYS, hours):
        grid = Grid(Timeframe.parse("4hour"), sessions)
        count, at = 0, grid.after(start)
        while at is not None and at[0] < end:
            count, at = count + 1, grid.after(at[1])
        assert grid.count(start, end) == count


def test_the_exchanges_days_over_a_change_of_the_clocks() -> None:
    sessions = Sessions.from_calendar("CME Globex Equity", "2026-10-26", "2026-11-06")
    grid = Grid(Timeframe.parse("1day"), sessions)
    for opened in sessions.opens.tolist():
        local = pd.Timestamp(opened, tz="UTC").tz_convert("America/Chicago")
        assert (local.hour, local.minute) == (17, 0)
        span = grid.span(opened + 3600 * 10**9)
        assert span is not None
        assert span[0] == opened
    weeks = {Grid(Timeframe.parse("1week"), sessions).span(t) for t in sessions.opens.tolist()}
    assert len(weeks) == 2


def test_closed_hours_have_no_bar() -> None:
    sessions = Sessions.from_calendar("CME Globex Equity", "2026-03-02", "2026-03-13")
    grid = Grid(Timeframe.parse("1min"), sessions)
    saturday = pd.Timestamp("2026-03-07T12:00Z").value
    assert grid.span(saturday) is None
    following = grid.after(saturday)
    assert following is not None
    assert following[0] == pd.Timestamp("2026-03-08T17:00", tz="America/Chicago").value
    assert sessions.open_ns(saturday, saturday + DAY_NS) == 0


def test_unknown_calendars_and_disordered_sessions_are_refused() -> None:
    with pytest.raises(OptionError, match="no calendar"):
        Sessions.from_calendar("CMEE", "2026-01-01", "2026-01-05")
    with pytest.raises(OptionError, match="in order"):
        Sessions([10, 5], [20, 9])
    with pytest.raises(OptionError, match="one close"):
        Sessions([1, 2], [3])


@pytest.mark.parametrize("name", ["CME_Equity", "CME Globex Equity", "CMEGlobex_Gold", "LSE", "HKEX", "JPX"])
def test_a_year_of_every_calendar_is_in_order_with_its_breaks_and_short_days(name: str) -> None:
    hours = Sessions.from_calendar(name, "2026-01-01", "2026-12-31")
    assert (hours.opens < hours.closes).all()
    assert (hours.closes[:-1] <= hours.opens[1:]).all()
    good_friday = pd.Timestamp("2026-04-03T12:00", tz="America/Chicago").value
    assert not hours.contains(good_friday) or name == "JPX"


# Where names are understood


_COUNTED = """
import collections, json, sys, threading

asked = collections.Counter()


def count(frame, event, _):
    if event == "call" and frame.f_code.co_qualname == "Timeframe.parse":
        name, caller = frame.f_locals.get("given"), frame.f_back.f_code.co_filename.replace(chr(92), "/")
        # A feed's protocol, and histories of venues, have names of their own: they are read at that edge.
        if isinstance(name, str) and "/mdnb/feeds/" not in caller and "/runtime/past/" not in caller:
            asked[name] += 1


threading.setprofile(count)
sys.setprofile(count)

import mdnb

with mdnb.live("MNQ", ["1m", "5T"], initial_days=0.2, progress=False) as market:
    market.price
    started = dict(asked)
    asked.clear()
    market.alignment()
    market.data.get_market_snapshot()
    sys.setprofile(None)
print(json.dumps([started, dict(asked)]))
"""


def test_a_name_is_understood_once_where_the_caller_gives_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _COUNTED], capture_output=True, text=True, check=True, timeout=300
    )
    started, later = json.loads(done.stdout)
    assert started == {"1m": 1, "5T": 1}
    assert later == {}


@pytest.mark.parametrize("text", ["ticks", "Ticks"])
def test_ticks_are_no_bars(text: str) -> None:
    with pytest.raises(TimeframeError, match=r"names trades, not bars.*1tick.*what='ticks'"):
        Timeframe.parse(text)
    assert Timeframe.parse("1ticks").name == Timeframe.parse("tick").name == "1tick"
