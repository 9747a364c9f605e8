"""What the engine says of itself."""

from __future__ import annotations

import math

import pytest

from mdnb.clock import EventClock, ScaledClock
from mdnb.instruments import Instrument
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions

MINUTE = 60 * 1_000_000_000
START = 1_700_000_040 * 1_000_000_000


def test_the_seconds_until_a_bar_ends_are_those_of_the_wall() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "1hour", "5tick"])
    engine.bind_state(lambda: ("connected", 0.0), lambda: ScaledClock(START + MINUTE // 2, 2.0))
    assert math.isnan(engine.seconds_left("1min")), "no bar is being made"
    engine.cascade.push(START + 1, 100.0, 1.0)
    assert engine.seconds_left("1min") == pytest.approx(15.0, abs=0.1)
    hour_ends = START - START % (60 * MINUTE) + 60 * MINUTE
    assert engine.seconds_left("1hour") == pytest.approx((hour_ends - START - MINUTE // 2) / 2e9, abs=0.1)
    assert math.isnan(engine.seconds_left("5tick"))


def test_nobody_counts_down_where_time_stands_still_or_runs_too_fast() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    engine.cascade.push(START + 1, 100.0, 1.0)
    assert math.isnan(engine.seconds_left("1min")), "nobody has told it the time"
    engine.bind_state(lambda: ("connected", 0.0), lambda: EventClock(START))
    assert math.isnan(engine.seconds_left("1min"))
    engine.bind_state(lambda: ("connected", 0.0), lambda: ScaledClock(START, 60.0))
    assert math.isnan(engine.seconds_left("1min"))
