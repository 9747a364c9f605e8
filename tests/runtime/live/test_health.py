"""A connection's health by a clock that the test moves."""

from __future__ import annotations

import math

from mdnb.runtime.live.health import Health


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_venues_clock_that_was_put_right_is_believed_after_some_minutes() -> None:
    clock = Clock()
    health = Health(clock)
    offsets = []
    for minute in range(21):
        clock.now = minute * 60.0
        # Ahead by 300 ms for the first four minutes.
        health.data(-300.0 if minute < 4 else 20.0)
        offsets.append(health.clock_offset_ms())
    assert offsets[:5] == [300.0] * 5
    assert offsets[9] == 300.0
    assert offsets[-1] == 0.0
    assert offsets == sorted(offsets, reverse=True)


def test_before_any_data_no_delay_is_known() -> None:
    health = Health(Clock())
    assert math.isnan(health.latency_ms())
    assert health.seconds_since_data() == math.inf


def test_silence_of_a_closed_market_is_fresh() -> None:
    clock = Clock()
    health = Health(clock, stale_seconds=10.0)
    health.change("connecting", "")
    health.change("connected", "")
    clock.now = 1000.0
    assert (health.freshness("X", is_open=False), health.freshness("X", is_open=True)) == (1.0, 0.0)
