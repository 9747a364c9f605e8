"""What a session has been so far: of its finest bars, or of coarser ones where memory does not hold these."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mdnb.config import DataManagerConfig
from mdnb.instruments import Instrument
from mdnb.runtime.live.session_bars import SessionBars
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from mdnb.stores.overflow import Overflow
from mdnb.stores.segments import SegmentStore

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 1_772_409_600 * SECOND  # 2026-03-02 00:00 UTC
NAMES = ("1min", "5min", "15min", "1hour")


def price(minute: int) -> float:
    return 100.0 + (minute * 7) % 23


def engine_of(
    begin: int, end: int, limit: int, names: tuple[str, ...] = NAMES, folder: Path | None = None
) -> SymbolState:
    """A market with one trade in the middle of each minute, counted from the day's begin."""
    config = DataManagerConfig(max_bars_per_timeframe=limit)
    engine = SymbolState(Instrument("X"), Sessions.always(), names, config)
    if folder is not None:
        engine.open_overflow = lambda name: Overflow(SegmentStore(folder / name))
        with engine.lock:
            for name in engine.all_names():
                engine.attach_overflow(name)
    for minute in range(begin, end):
        engine.cascade.push(DAY + minute * MINUTE + MINUTE // 2, price(minute), 1.0)
    return engine


def told(engine: SymbolState, at: int) -> SessionBars:
    """Return what is told at a minute of the day, and check each bar against the trades in it."""
    found = engine.session_bars(DAY + at * MINUTE)
    assert found is not None
    assert found.start_ns == DAY
    bars = found.bars
    starts = [(us * 1000 - DAY) // MINUTE for us in bars.time_us.tolist()]
    assert starts == sorted(set(starts))
    for at_bar, (start, stop) in enumerate(itertools.pairwise([*starts, at + 1])):
        inside = [price(minute) for minute in range(start, stop)]
        values = [getattr(bars, name)[at_bar] for name in ("open", "high", "low", "close", "volume")]
        assert values == [inside[0], max(inside), min(inside), inside[-1], len(inside)]
    return found


@pytest.mark.parametrize("first", [-90, 0])
def test_where_memory_holds_the_finest_bars_they_tell_all_of_it(first: int) -> None:
    engine = engine_of(first, 200, 1000)
    found = told(engine, 199)
    assert found.bars.volume.tolist() == [1.0] * 200
    assert found.bars.forming
    assert found.since_ns == DAY


def test_a_session_that_was_joined_late_is_told_since_then() -> None:
    engine = engine_of(63, 70, 1000)
    found = told(engine, 69)
    assert found.since_ns == DAY + 63 * MINUTE
    assert len(found.bars) == 7


@pytest.mark.parametrize("limit", [10, 1000])
def test_a_bar_of_the_session_before_that_is_open_still_is_no_part_of_it(limit: int) -> None:
    engine = engine_of(-30, 0, limit)
    assert engine.forming("1min") is not None
    found = engine.session_bars(DAY + 5 * MINUTE)
    assert found is not None
    assert (found.start_ns, len(found.bars), found.since_ns) == (DAY, 0, DAY)


def test_the_older_part_is_told_by_coarser_bars_as_coarse_as_they_may_be() -> None:
    # Twelve bars of each: of the finest the last ones, of five minutes the last hour's, of the hour all.
    found = told(engine_of(-180, 200, 12), 199)
    lengths = np.diff(found.bars.time_us, append=found.bars.time_us[-1] + 60_000_000) // 60_000_000
    assert lengths.tolist() == [60, 60, 60, 15, *[1] * 5]
    assert found.since_ns == DAY
    assert found.bars.forming
    # Of the order in which timeframes were asked for nothing depends.
    mixed = told(engine_of(-180, 200, 12, ("15min", "1min", "1hour", "5min")), 199)
    assert mixed.bars.time_us.tolist() == found.bars.time_us.tolist()


def test_at_an_edge_of_all_no_bar_is_told_twice_and_the_forming_one_is_the_last() -> None:
    found = told(engine_of(-180, 181, 12), 180)
    lengths = np.diff(found.bars.time_us, append=found.bars.time_us[-1] + 60_000_000) // 60_000_000
    assert lengths.tolist() == [60, 60, 60, 1]


@pytest.mark.parametrize("names", [("1min",), ("1min", "5min")])
def test_where_coarser_ones_lack_some_too_what_is_held_is_told(names: tuple[str, ...]) -> None:
    found = told(engine_of(-180, 200, 12, names), 199)
    # The store drives bars out when it is asked; the forming one is beyond its limit.
    assert len(found.bars) == 13
    assert found.since_ns == DAY + 187 * MINUTE


@given(minutes=st.integers(1, 400), limit=st.integers(10, 40), before=st.integers(0, 200))
def test_whatever_memory_holds_nothing_is_told_twice_or_left_out(
    minutes: int, limit: int, before: int
) -> None:
    found = told(engine_of(-before, minutes, limit), minutes - 1)
    assert found.since_ns == DAY
    assert found.bars.volume.sum() == minutes


@pytest.mark.parametrize("limit", [12, 1000])
def test_what_has_gone_to_disk_is_read_back(tmp_path: Path, limit: int) -> None:
    engine = engine_of(-180, 200, limit, folder=tmp_path)
    found = told(engine, 199)
    assert found.bars.volume.tolist() == [1.0] * 200
    assert found.since_ns == DAY
    assert found.bars.forming
    with engine.lock:
        for held in engine.overflow.values():
            held.segments.close()


def test_outside_sessions_nothing_is_told() -> None:
    hours = Sessions([DAY], [DAY + 8 * HOUR])
    engine = SymbolState(Instrument("X"), hours, ["1min"])
    engine.cascade.push(DAY + MINUTE, 5.0, 1.0)
    found = engine.session_bars(DAY + 2 * MINUTE)
    assert found is not None
    assert (found.start_ns, found.since_ns) == (DAY, DAY + MINUTE)
    assert engine.session_bars(DAY + 9 * HOUR) is None
