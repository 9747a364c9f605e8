"""Imported bars older than memory: on disk where there is one, else over the limit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from mdnb.config import DataManagerConfig
from mdnb.instruments import Instrument
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import Merged, fold_to, merge_bars
from mdnb.sessions import Sessions
from mdnb.stores.columns import AMENDED, FILLED, BarColumns, columns_from_rows
from mdnb.timeframes import Grid, Timeframe
from tests.manager.hand import MINUTE, START, HandFeed, bar, minutes, open_market

SUMS = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "tick_count": "sum"}


@pytest.mark.parametrize("written", [False, True])
def test_bars_missing_on_disk_are_put_there_and_into_the_coarser_ones(written: bool) -> None:
    # Ten minutes are missing, of those that have left memory.
    held = [row for at, row in enumerate(minutes(-300, 300)) if not 100 <= at < 110]
    with open_market(
        HandFeed(held), "1min", "5min", max_bars_per_timeframe=30, disk_cache_enabled=True
    ) as market:
        engine = market.data.engine
        if written:
            market.data.cleanup_old_data()
        given = columns_from_rows(minutes(-201, 12) + minutes(-10, 5))
        for overwrite, merged in ((False, Merged(added=10, kept=7)), (True, Merged(replaced=17))):
            assert merge_bars(engine, "1min", given, overwrite=overwrite) == merged
            fine = market.data.get_all_data("1min")
            assert len(fine) == 300
            assert len(market.data.get_data("1min")) == 30
            expected = fine.resample("5min").agg(SUMS)
            mine = market.data.get_all_data("5min")[list(SUMS)]
            pd.testing.assert_frame_equal(mine, expected, check_freq=False)
        times = pd.to_datetime(given.time_us, unit="us", utc=True)
        assert fine.loc[times, "close"].tolist() == given.close.tolist()


def test_bars_for_which_there_is_no_room_change_nothing() -> None:
    config = DataManagerConfig(max_bars_per_timeframe=20)
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min"], config)
    engine.cascade.push_bars(minutes(0, 30))
    before = engine.frame("1min"), engine.frame("5min")
    older = columns_from_rows([bar(minute, 900.0) for minute in range(-10, 0)])
    assert merge_bars(engine, "1min", older) == Merged(over_limit=10)
    for frame in before:
        pd.testing.assert_frame_equal(engine.frame(frame.attrs["timeframe"]), frame)


def test_bars_before_the_one_that_is_being_made_are_in_the_coarser_ones_that_are_open() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min", "15min"])
    engine.cascade.push_bars(minutes(7, 1))
    assert merge_bars(engine, "1min", columns_from_rows(minutes(3, 5))) == Merged(added=4, kept=1, begun=1)
    fine = engine.frame("1min")
    assert len(fine) == 5
    for name, partial in (("5min", (0,)), ("15min", ())):
        frame = engine.frame(name)
        assert frame.attrs["forming"]
        assert frame.attrs["partial"] == partial, "the import begins amid the first one that is closed"
        pd.testing.assert_frame_equal(frame[list(SUMS)], fine.resample(name).agg(SUMS), check_freq=False)


def noted(bars: BarColumns, *minutes_: float | None) -> BarColumns:
    """Return bars that were closed so many minutes after `START`; None where that is not noted."""
    us = [0 if at is None else (START + round(at * MINUTE)) // 1000 for at in minutes_]
    return dataclasses.replace(bars, closed_us=np.array(us, dtype=np.int64))


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        ((1.1, 2.1, 3.1, 4.1, 5.1), 5.1),
        ((1.1, 6.0, 3.1, 4.1, 5.1), 6.0),  # one was put in later
        ((None, None, None, None, 5.1), 5.1),
        ((1.1, 2.1, 3.1, 4.1, None), None),
        ((1.1, 2.1, 3.1, 4.1), None),  # nobody traded in the last minute
        ((1.1, 2.1, 3.1, 5.5), 5.5),
        ((1.1, 2.1, 3.1, 4.1, 5.0), 5.0),
        ((None,) * 5, None),
    ],
)
def test_a_coarser_bar_is_known_when_the_last_of_its_finer_ones_is(
    closed: tuple[float | None, ...], expected: float | None
) -> None:
    given = noted(columns_from_rows(minutes(0, len(closed))), *closed)
    made = fold_to(given, Grid(Timeframe.parse("5min"), Sessions.always()))
    assert made.closed_us.tolist() == noted(made, expected).closed_us.tolist()
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min", "15min"])
    merge_bars(engine, "1min", given)
    assert engine.columns("1min").closed_us.tolist() == given.closed_us.tolist()
    assert engine.columns("5min").closed_us.tolist() == made.closed_us.tolist()


@pytest.mark.parametrize(
    ("closed", "amended", "closed_before", "expected"),
    [
        ((1.1, 9.0, 3.1, 4.1, 5.1), {1}, set(), 5.1),  # put in when the coarser one had closed
        ((1.1, 5.05, 3.1, 4.1, 5.1), {1}, set(), 5.1),  # and before
        ((1.1, 9.0, 3.1, 4.1, 8.0), {1}, set(), 8.0),
        ((1.1, 7.0, 3.1, 4.1, 8.0), {1}, set(), 8.0),
        ((1.1, 2.1, 3.1, 4.1, 8.0), {4}, {4}, 8.0),  # closed late, and amended later
        ((9.0, 8.0, 10.0), {0, 1, 2}, set(), 8.0),  # the first of them made the coarser one
        ((1.1, 9.0), {1}, set(), None),
    ],
)
def test_what_a_late_trade_put_in_did_not_keep_the_coarser_bar_open(
    closed: tuple[float, ...], amended: set[int], closed_before: set[int], expected: float | None
) -> None:
    given = noted(columns_from_rows(minutes(0, len(closed))), *closed)
    given.flags[sorted(amended)] = AMENDED
    before = given.time_us[sorted(closed_before)]
    grid = Grid(Timeframe.parse("5min"), Sessions.always())
    made = fold_to(given, grid, before, 2 * MINUTE // 60)
    assert made.closed_us.tolist() == noted(made, expected).closed_us.tolist()
    assert made.flags.tolist() == [AMENDED if len(amended) == len(closed) else 0]


def test_a_bar_held_takes_over_only_when_it_was_closed_and_only_from_the_same_bar() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"], DataManagerConfig(fill_gaps=True))
    engine.cascade.push_bars([*minutes(0, 2), *minutes(4, 3)])
    before = engine.columns("1min")
    flat = before.flags.tolist()
    assert flat.count(FILLED) == 2
    other = before.close + 0.25 * (np.arange(len(before)) == 1)
    given = dataclasses.replace(before, close=other, flags=np.zeros(len(before), np.uint8), forming=False)
    given = noted(given, *(at + 1.5 for at in range(len(before)))).part(0, len(before) - 1)
    assert merge_bars(engine, "1min", given) == Merged(kept=len(given))
    held = engine.columns("1min")
    assert held.flags.tolist() == flat
    assert held.close.tolist() == before.close.tolist()
    assert held.closed_us.tolist() == [
        0 if at in (1, len(given)) else (START + round((at + 1.5) * MINUTE)) // 1000
        for at in range(len(given) + 1)
    ]


@pytest.mark.parametrize(
    ("volumes", "vwaps", "expected"),
    [
        ([1.0, 3.0, 4.0], [100.0, 104.0, 101.5], 102.25),
        # Where nothing was traded there is no price, and none is lacking.
        ([1.0, 0.0, 3.0], [100.0, np.nan, 104.0], 103.0),
        ([1.0, 2.0, 3.0], [100.0, np.nan, 104.0], np.nan),
        ([1.0, 2.0, 3.0], [np.nan, np.nan, 104.0], np.nan),
        ([0.0, 0.0, 0.0], [np.nan, np.nan, np.nan], np.nan),
    ],
)
def test_a_coarser_bar_has_a_vwap_where_all_of_its_volume_has_one(
    volumes: list[float], vwaps: list[float], expected: float
) -> None:
    # The second bar is as ever: one does not spoil the other.
    given = columns_from_rows(minutes(2, 3) + minutes(5, 5))
    volume, vwap = given.volume.copy(), given.vwap.copy()
    volume[:3], vwap[:3] = volumes, vwaps
    given = dataclasses.replace(given, volume=volume, vwap=vwap)
    made = fold_to(given, Grid(Timeframe.parse("5min"), Sessions.always()))
    assert made.volume.tolist() == [sum(volumes), volume[3:].sum()]
    later = (vwap[3:] * volume[3:]).sum() / volume[3:].sum()
    np.testing.assert_allclose(made.vwap, [expected, later], rtol=1e-12)


@pytest.mark.parametrize(
    ("first", "count", "partial"),
    [(0, 9, False), (5, 4, False), (3, 6, False), (6, 3, True), (5, 3, True), (0, 8, True), (8, 1, True)],
)
def test_an_open_bar_of_an_import_is_partial_where_finer_ones_up_to_now_are_lacking(
    first: int, count: int, partial: bool
) -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min"])
    until_ns = START + 9 * MINUTE + MINUTE // 2
    merge_bars(engine, "1min", columns_from_rows(minutes(first, count)), until_ns=until_ns)
    forming = engine.cascade.node("5min")
    assert (forming.is_open, forming.start, forming.partial) == (True, START + 5 * MINUTE, partial)


def test_bars_that_are_not_over_and_later_ones_are_left_out_and_told() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min"])
    given = columns_from_rows(minutes(0, 8))
    until_ns = START + 5 * MINUTE + MINUTE // 2
    told = merge_bars(engine, "1min", given, until_ns=until_ns)
    first_later_us = (START + 5 * MINUTE) // 1000
    assert told == Merged(added=5, later=3, later_us=first_later_us, until_ns=until_ns)
    engine.cascade.push_bars(minutes(5, 1))
    told = merge_bars(engine, "1min", given, until_ns=START + 8 * MINUTE)
    # The bar that is being made is no later one.
    assert told == Merged(kept=6, later=2, later_us=first_later_us + 60_000_000, begun=1)
    assert len(engine.frame("1min")) == 6
