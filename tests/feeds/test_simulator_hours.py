"""When the simulated market is open: the calendar's hours, and what `auto` holds open beside them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pandas_market_calendars as calendars
import pytest
from hypothesis import given, settings, strategies as st

from mdnb.feeds.simulator.hours import market_sessions
from mdnb.feeds.simulator.intraday_profile import local_minutes
from mdnb.feeds.simulator.symbols import MODELS, model_of
from mdnb.sessions import FIRST_CALENDAR_DAY, Sessions
from tests.feeds.simulated import DAY, HOUR, SECOND, instant, tape_of

FUTURES = [symbol for symbol, model in MODELS.items() if model.instrument.calendar]
SUNDAY = instant("2025-11-23T12:00")


def spans(sessions: Sessions, low: int, high: int) -> list[tuple[str, str]]:
    inside = (sessions.closes > low) & (sessions.opens < high)
    shown = [
        pd.to_datetime(edges[inside], utc=True).strftime("%m-%dT%H:%M").tolist()
        for edges in (sessions.opens, sessions.closes)
    ]
    return list(zip(*shown, strict=True))


@pytest.mark.parametrize("symbol", FUTURES)
def test_venue_hours_are_the_calendar(symbol: str) -> None:
    model = model_of(symbol)
    sessions = market_sessions(model, SUNDAY, "venue")
    table = calendars.get_calendar(model.instrument.calendar).schedule(FIRST_CALENDAR_DAY, "2027-12-31")
    assert (pd.to_datetime(sessions.opens[: len(table)], utc=True) == table["market_open"].to_numpy()).all()
    assert (pd.to_datetime(sessions.closes[: len(table)], utc=True) == table["market_close"].to_numpy()).all()


@pytest.mark.parametrize("symbol", FUTURES)
def test_hours_lie_on_quarters_of_an_hour(symbol: str) -> None:
    for hours in ("auto", "venue"):
        sessions = market_sessions(model_of(symbol), SUNDAY, hours)
        assert not (sessions.opens % (15 * 60 * SECOND)).any()
        assert not (sessions.closes % (15 * 60 * SECOND)).any()


def test_auto_trades_through_a_weekend_in_days_of_the_exchange() -> None:
    sessions = market_sessions(model_of("MNQ"), SUNDAY, "auto")
    assert spans(sessions, SUNDAY - 3 * DAY, SUNDAY + 2 * DAY) == [
        ("11-19T23:00", "11-20T22:00"),
        ("11-20T23:00", "11-21T23:00"),  # Friday goes on through the hour before the new day
        ("11-21T23:00", "11-22T23:00"),
        ("11-22T23:00", "11-23T23:00"),
        ("11-23T23:00", "11-24T22:00"),
        ("11-24T23:00", "11-25T22:00"),
    ]
    weekdays = [dt.date(1970, 1, 1) + dt.timedelta(days=int(day)) for day in sessions.days]
    assert len(set(weekdays)) == len(weekdays), "each trading day has one session"


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        # The night in which clocks go forward (8 March 2026): the held Sunday has 23 hours.
        ("2026-03-07T20:00", [("03-06T23:00", "03-07T23:00"), ("03-07T23:00", "03-08T22:00")]),
        # And back (1 November 2026): 25 hours.
        ("2026-10-31T20:00", [("10-30T22:00", "10-31T22:00"), ("10-31T22:00", "11-01T23:00")]),
    ],
)
def test_held_days_follow_the_clocks(start: str, expected: list[tuple[str, str]]) -> None:
    now = instant(start)
    assert spans(market_sessions(model_of("MNQ"), now, "auto"), now, now + 12 * HOUR) == expected


def test_a_holiday_is_held_open_too() -> None:
    christmas = instant("2025-12-25T15:00")
    assert not market_sessions(model_of("MNQ"), christmas, "venue").contains(christmas)
    assert market_sessions(model_of("MNQ"), christmas, "auto").contains(christmas)


@settings(max_examples=25)
@given(st.integers(instant("2020-01-01T00:00"), instant("2029-12-31T00:00")), st.sampled_from(["MNQ", "GC"]))
def test_auto_leaves_no_gap_near_the_start_and_changes_nothing_far_from_it(start: int, symbol: str) -> None:
    venue, auto = (market_sessions(model_of(symbol), start, hours) for hours in ("venue", "auto"))
    low, high = start - 5 * HOUR, start + 24 * HOUR
    assert auto.open_ns(low, high) == high - low
    for far_low, far_high in ((start - 60 * DAY, start - 8 * DAY), (start + 8 * DAY, start + 60 * DAY)):
        assert spans(auto, far_low, far_high) == spans(venue, far_low, far_high)
    near = np.abs(venue.opens - start) < 9 * DAY
    for opens, closes in zip(venue.opens[near].tolist(), venue.closes[near].tolist(), strict=True):
        assert auto.open_ns(opens, closes) == closes - opens
    # Each session begins where one of the exchange's days does.
    nearby = auto.opens[np.abs(auto.opens - start) < 30 * DAY]
    opened = pd.to_datetime(nearby, utc=True).tz_convert("America/Chicago")
    assert set(opened.strftime("%H:%M")) == {"17:00"}


def test_a_market_without_close_has_no_sessions_to_hold() -> None:
    assert market_sessions(model_of("BTC-USD"), SUNDAY, "auto").always_open


@pytest.mark.parametrize("week", ["2026-03-06T12:00", "2025-10-31T12:00"])
@pytest.mark.parametrize("hours", ["auto", "venue"])
def test_trades_happen_in_the_sessions_and_nowhere_else(week: str, hours: str) -> None:
    tape = tape_of("CL", start=week, hours=hours, rate=0.5)  # type: ignore[arg-type]
    sessions = tape.market.sessions
    low = instant(week)
    minutes = tape.market.plan(low // 60_000_000_000, (low + 4 * DAY) // 60_000_000_000).minute * 60 * SECOND
    inside = [sessions.contains(int(minute)) for minute in minutes]
    assert all(inside)
    assert len(minutes) == sessions.open_ns(low, low + 4 * DAY) // (60 * SECOND)


@given(
    st.integers(25_000_000, 32_000_000),
    st.sampled_from(["America/Chicago", "Europe/Berlin", "Asia/Kolkata", "UTC"]),
)
def test_local_minutes_are_those_of_pandas(minute: int, zone: str) -> None:
    minutes = np.arange(minute, minute + 4 * 1440, 15)
    local = pd.to_datetime(minutes * 60, unit="s", utc=True).tz_convert(zone).tz_localize(None)
    assert local_minutes(minutes, zone).tolist() == (local.as_unit("s").astype("int64") // 60).tolist()
