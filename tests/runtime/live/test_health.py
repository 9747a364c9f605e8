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


def test_one_refused_trade_in_a_quiet_market_is_not_held_against_it_for_ever() -> None:
    clock = Clock()
    health = Health(clock, stale_seconds=10.0, silent_seconds=lambda: 0.5)
    health.change("connected", "")
    health.data(1.0, "X")
    clock.now = 30.0
    health.refused("X")
    assert health.freshness("X", is_open=True) == 0.0
    clock.now = 41.0
    assert (health.freshness("X", is_open=True), health.seconds_refused("X")) == (1.0, 0.0)
    # The next one, an hour later, is another matter.
    clock.now = 3630.0
    health.refused("X")
    clock.now = 3641.0
    assert health.freshness("X", is_open=True) == 1.0


def test_trades_that_come_seldom_and_are_all_refused_are_fresh_at_no_time() -> None:
    clock = Clock()
    health = Health(clock, stale_seconds=10.0, silent_seconds=lambda: 0.5)
    health.change("connected", "")
    freshness = []
    for second in range(600):
        clock.now = float(second)
        if second % 60 in (0, 8, 16, 24, 32):
            health.refused("X")
        freshness.append(health.freshness("X", is_open=True))
    assert set(freshness) == {0.0}
