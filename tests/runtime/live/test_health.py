"""A connection's health by a clock that the test moves."""

from __future__ import annotations

import math

import pytest

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


def test_attempts_that_fail_are_one_loss_from_which_on_it_is_not_fresh() -> None:
    clock = Clock()
    health = Health(clock, stale_seconds=10.0)
    health.change("connected", "")
    freshness = []
    for second in range(8):
        clock.now = float(second)
        health.change(("disconnected", "reconnecting")[second % 2], "")
        freshness.append(health.freshness("X", is_open=True))
    assert health.disconnects == 1
    assert freshness == pytest.approx([1.0 - second / 10 for second in range(8)])


def test_a_quantile_of_the_latency_is_one_of_the_delays_as_the_venues_clock_is_put_right() -> None:
    clock = Clock()
    health = Health(clock)
    for at, delay in enumerate([40.0, 10.0, -5.0, 20.0, 30.0]):
        clock.now = float(at)
        health.data(delay)
    # The venue's clock is at least 5 ms ahead.
    assert [health.latency_quantile_ms(share) for share in (0.0, 0.5, 0.8, 1.0)] == [0.0, 25.0, 45.0, 45.0]
    assert health.latency_ms() == 25.0


def test_of_a_rush_of_data_a_hundred_delays_a_second_are_looked_at() -> None:
    clock = Clock()
    health = Health(clock)
    for at, delay in enumerate([10.0, 99.0, 99.0, 99.0, 30.0]):
        clock.now = at * 0.0025
        health.data(delay)
    assert [health.latency_quantile_ms(share) for share in (0.0, 1.0)] == [10.0, 30.0]


def test_the_seconds_since_data_are_those_of_the_symbol_or_of_whatever_came_last() -> None:
    clock = Clock()
    health = Health(clock)
    for symbol, when in (("X", 3.0), ("Y", 5.0)):
        clock.now = when
        health.data(None, symbol)
    clock.now = 9.0
    assert [health.seconds_since_data(symbol) for symbol in ("X", "Y", None)] == [6.0, 4.0, 4.0]
    assert health.seconds_since_data("Z") == math.inf
    assert health.newest_data() == 5.0


def test_the_uptime_is_the_share_since_the_first_attempt_to_connect() -> None:
    clock = Clock()
    health = Health(clock)
    assert health.uptime_percent() == 0.0
    for status, when in (
        ("connecting", 10.0),
        ("connected", 20.0),
        ("disconnected", 40.0),
        ("reconnected", 50.0),
    ):
        clock.now = when
        health.change(status, f"at {when}")
    assert (health.status, health.detail) == ("reconnected", "at 50.0")
    clock.now = 60.0
    assert health.seconds_since_start() == 50.0
    assert health.uptime_percent() == 100.0 * (20.0 + 10.0) / 50.0
    health.change("disconnected", "")
    clock.now = 70.0
    assert health.uptime_percent() == 100.0 * (20.0 + 10.0) / 60.0


def test_a_connection_that_is_up_at_once_was_up_all_the_time() -> None:
    health = Health(Clock())
    health.change("connected", "")
    assert health.uptime_percent() == 100.0


def test_a_recording_that_was_delivered_whole_is_fresh_while_it_is_played() -> None:
    clock = Clock()
    health = Health(clock)
    health.change("connected", "")
    clock.now = 100.0
    assert health.freshness("X", is_open=True) == 0.0
    health.has_all = True
    assert health.freshness("X", is_open=True) == 1.0
