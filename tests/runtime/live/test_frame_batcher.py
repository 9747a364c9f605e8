"""How late data came is told for each symbol of a batch, by its own newest trade."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest

from mdnb.clock import Clock, EventClock, MarketClock, ScaledClock
from mdnb.decode import decoder
from mdnb.events.bus import EventBus
from mdnb.instruments import Instrument
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from tests.virtual_time import HandClock

START = 1_772_460_000 * 10**9
SECOND = 10**9


def taken(clock: Clock, ages: Mapping[str, float]) -> tuple[dict[str, Pipeline], Health]:
    """Take one trade of each symbol in one batch, so many seconds of market time old."""
    pipelines = {
        symbol: Pipeline(SymbolState(Instrument(symbol), Sessions.always(), ["1min"]), EventBus(), clock)
        for symbol in ages
    }
    health = Health()
    health.change("connected", "")
    now = clock.now_ns()

    async def main() -> None:
        batcher = FrameBatcher(decoder("mdnb"), pipelines, lambda: clock, health, lambda batch: None)
        for symbol, age in ages.items():
            row = [now - round(age * SECOND), 100.0, 1.0, 1, 0, 1]
            batcher.on_frame(json.dumps({"e": "trades", "s": symbol, "r": [row]}))
        await batcher.finish()

    asyncio.run(main())
    return pipelines, health


def closed(pipelines: Mapping[str, Pipeline]) -> dict[str, int]:
    """Close what is due, and count the bars."""
    for pipeline in pipelines.values():
        pipeline.close_due()
    return {symbol: len(pipeline.engine.closed_columns("1min")) for symbol, pipeline in pipelines.items()}


def test_the_bar_of_a_symbol_whose_data_is_late_waits_for_as_long_and_no_others_does() -> None:
    clock = HandClock(START + 50 * SECOND)
    pipelines, health = taken(clock, {"A": 4.0, "B": 0.0, "C": 2.0, "D": -1.0})
    assert health.latency_ms() == pytest.approx(4000.0), "that of the first one"
    found = []
    for seconds in (60.4, 60.6, 62.4, 62.6, 64.4, 64.6):
        clock.now = START + round(seconds * SECOND)
        found.append(closed(pipelines))
    assert [[one[symbol] for one in found] for symbol in "ABCD"] == [
        [0, 0, 0, 0, 0, 1],
        [0, 1, 1, 1, 1, 1],
        [0, 0, 0, 1, 1, 1],
        [0, 1, 1, 1, 1, 1],
    ]
    assert all(health.seconds_since_data(symbol) < 60 for symbol in "ABCD")


def test_in_a_market_that_runs_faster_it_is_wall_time_that_counts() -> None:
    clock = ScaledClock(START + 50 * SECOND, 60.0)
    pipelines, health = taken(clock, {"A": 30.0, "B": 0.0})
    # Half a minute of the market is half a second; the test itself takes some.
    assert 500.0 <= health.latency_ms() < 10_000.0
    late, in_time = (pipeline._grace_market_ns() for pipeline in pipelines.values())
    assert late - in_time == pytest.approx(30 * SECOND, rel=1e-3)


def test_a_recording_played_as_fast_as_possible_is_never_late() -> None:
    clock = EventClock(START + 50 * SECOND)
    pipelines, health = taken(clock, {"A": 30.0, "B": 0.0})
    assert health.latency_ms() == 0.0
    assert {pipeline._grace_market_ns() for pipeline in pipelines.values()} == {0}


@pytest.mark.parametrize("fast", [90, 3600])
def test_bars_that_began_by_a_fast_clock_close_by_the_venues_once_that_is_known(fast: int) -> None:
    now = START
    clock = MarketClock(wall=lambda: now + fast * SECOND, steady=lambda: now)
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1sec", "5sec"])
    pipeline = Pipeline(engine, EventBus(), clock)
    health = Health()

    async def main() -> None:
        nonlocal now
        batcher = FrameBatcher(decoder("mdnb"), {"X": pipeline}, lambda: clock, health, lambda batch: None)
        with engine.lock:
            # Somebody looks at the market before anything is known of its time.
            pipeline.set_time()
        for number in range(30):
            now += SECOND
            row = [now, 100.0, 1.0, 1, 0, number]
            batcher.on_frame(json.dumps({"e": "trades", "s": "X", "r": [row]}))
            await batcher.finish()

    asyncio.run(main())
    assert clock.is_known
    for name, seconds in (("1sec", 1), ("5sec", 5)):
        bars = engine.closed_columns(name)
        late_us = bars.closed_us - bars.time_us - seconds * 1_000_000
        known = bars.time_us >= (START + 4 * SECOND) // 1000
        assert known.sum() >= 4
        assert abs(late_us[known]).max() <= 1_000_000, late_us
