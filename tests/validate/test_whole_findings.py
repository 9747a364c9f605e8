"""Findings of bars as a whole: words, time, figures and count, figures worked out anew from plain lists."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb.instruments import Instrument
from mdnb.sessions import Sessions
from mdnb.timeframes import Grid, Timeframe
from mdnb.validate import bar_rules, bar_times, scale_rules
from mdnb.validate.findings import QualityFinding, findings_of
from tests.validate.bars import Bars

MINUTE_US = 60_000_000
MINUTE_NS = MINUTE_US * 1000
MONDAY_US = 1_772_409_600_000_000  # 2026-03-02 00:00 UTC
MONDAY_NS = MONDAY_US * 1000
PRICES = ("open", "high", "low", "close")
NAN = math.nan


def flat(count: int, price: float = 100.0, half_range: float = 0.5) -> Bars:
    """Return minute bars that open and close at one price."""
    level = np.full(count, price)
    time = MONDAY_US + MINUTE_US * np.arange(count)
    return Bars(time, level.copy(), level + half_range, level - half_range, level.copy(), np.full(count, 8.0))


def grid(name: str = "1min") -> Grid:
    return Grid(Timeframe.parse(name), Sessions.always())


def at(minute: int) -> int:
    return MONDAY_NS + minute * MINUTE_NS


def whole(found: list[QualityFinding]) -> list[tuple[Any, ...]]:
    return [(one.type, one.description, one.time_ns, dict(one.values), one.count) for one in found]


PLANTED = [
    ("high", 99.75, "ohlc_inconsistent", "low <= open, close <= high does not hold"),
    ("low", 100.25, "ohlc_inconsistent", "low <= open, close <= high does not hold"),
    ("close", math.inf, "price_not_finite", "a price is missing or infinite"),
    ("low", 0.0, "price_not_positive", "a price is zero or negative"),
    ("low", -0.5, "price_not_positive", "a price is zero or negative"),
    ("high", 100.6, "price_off_tick", "a price is no multiple of 0.25"),
    ("volume", NAN, "volume_not_finite", "volume is missing or infinite"),
    ("volume", -8.0, "volume_negative", "volume is negative"),
    ("volume", 8.5, "volume_not_whole", "volume is not a whole number of lots"),
]


@pytest.mark.parametrize(("column", "value", "type", "words"), PLANTED)
def test_a_finding_has_its_words_and_the_figures_of_its_first_bar(
    column: str, value: float, type: str, words: str
) -> None:
    bars = flat(4)
    getattr(bars, column)[1:3] = value
    found = bar_rules.check_bars(bars, instrument=Instrument("X", 0.25, whole_lots=True))
    names = ("volume",) if column == "volume" else PRICES
    values = {name: float(getattr(bars, name)[1]) for name in names}
    assert [one for one in whole(found) if one[0] == type] == [
        (type, words, at(1), pytest.approx(values, nan_ok=True), 2)
    ]


def test_a_volume_of_zero_and_a_price_of_next_to_nothing_are_good() -> None:
    bars = flat(3, price=1e-9, half_range=0.0)
    bars.volume[:] = 0.0
    assert bar_rules.check_bars(bars, instrument=Instrument("X", None, whole_lots=True)) == []


def test_fractions_of_a_lot_are_asked_for_only_where_lots_are_whole() -> None:
    bars = flat(3)
    bars.volume[1] = 8.5
    assert bar_rules.check_volume(bars) == []
    for instrument in (None, Instrument("X", None)):
        assert bar_rules.check_bars(bars, instrument=instrument) == []
    bars.volume[1] = math.inf
    assert [one.type for one in bar_rules.check_volume(bars, whole_lots=True)] == ["volume_not_finite"]
    # A volume below nothing is told for itself, whole or not.
    bars.volume[1] = -8.5
    assert [one.type for one in bar_rules.check_volume(bars, True)] == ["volume_negative", "volume_not_whole"]


def test_a_price_that_is_no_number_is_off_no_tick() -> None:
    bars = flat(4)
    bars.open[1], bars.high[2] = NAN, math.inf
    assert bar_rules.check_ticks(bars, 0.25) == []
    bars.close[1] = 100.1
    assert [one.time_ns for one in bar_rules.check_ticks(bars, 0.25)] == [at(1)]


@pytest.mark.parametrize(("price", "off"), [(1e9, 1e-7), (100.0, 1e-7), (100.0, 2.4e-7)])
def test_a_millionth_of_a_tick_or_the_last_bits_of_a_price_are_no_fault(price: float, off: float) -> None:
    bars = flat(3, price)
    bars.close[1] = price + off
    assert bar_rules.check_ticks(bars, 0.25) == []


@pytest.mark.parametrize(
    ("price", "tick", "off"), [(100.0, 0.25, 3e-7), (100.0, 0.25, 0.125), (1e6, 0.25, 1e-5)]
)
def test_more_than_that_is_one(price: float, tick: float, off: float) -> None:
    bars = flat(3, price, 0.0)
    bars.close[1] = price + off
    assert [(one.type, one.time_ns) for one in bar_rules.check_ticks(bars, tick)] == [
        ("price_off_tick", at(1))
    ]


# Spikes


def nearest(i: int, count: int, k: int) -> list[int]:
    """Return the k rows nearest to one: half before and half after, and further on at an end."""
    k = min(k, count - 1)
    first = min(max(i - k // 2, 0), count - 1 - k)
    return [row for row in range(first, first + k + 1) if row != i]


def spikes(bars: Bars, tick: float | None, window: int, limit: float) -> list[tuple[int, float]]:
    """Return the rows that are price spikes, and how far off, as the documentation words it."""
    good = [
        i
        for i in range(len(bars.close))
        if all(map(math.isfinite, (bars.high[i], bars.low[i], bars.close[i])))
    ]
    if len(good) <= window // 2:
        return []
    out = []
    for place, row in enumerate(good):
        near = [good[j] for j in nearest(place, len(good), window)]
        closes = [float(bars.close[j]) for j in near]
        middle = statistics.median(closes)
        scale = max(
            statistics.fmean(abs(close - middle) for close in closes),
            statistics.median(float(bars.high[j] - bars.low[j]) for j in near),
            (tick or 0.0) / 2,
        )
        half = len(near) // 2
        off = min(
            max(float(bars.high[row]) - level, level - float(bars.low[row]))
            for level in (middle, statistics.median(closes[:half]), statistics.median(closes[half:]))
        )
        if off > limit * scale:
            out.append((row, off))
    return out


def rows_of(found: list[QualityFinding]) -> list[int]:
    first = [(one.time_ns - MONDAY_NS) // MINUTE_NS for one in found]
    return [row for begin, one in zip(first, found, strict=True) for row in range(begin, begin + one.count)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tick", [None, 0.25, 8.0])
def test_price_spikes_are_what_their_words_say(seed: int, tick: float | None) -> None:
    rng = np.random.default_rng(seed)
    count = 140
    bars = flat(count)
    walk = 0.25 * np.cumsum(rng.integers(-3, 4, count)) + np.where(np.arange(count) < 70, 0.0, 15.0)
    bars.close += walk
    bars.open += walk
    bars.high += walk + 0.25 * rng.integers(0, 3, count)
    bars.low += walk - 0.25 * rng.integers(0, 3, count)
    for row in rng.choice(count, 12, replace=False):
        name = rng.choice(["high", "low"])
        getattr(bars, name)[row] += (1 if name == "high" else -1) * rng.uniform(2, 60)
    bars.low[rng.integers(0, count)] = NAN
    bars.close[rng.integers(0, count)] = NAN
    expected = spikes(bars, tick, 50, 10.0)
    found = bar_rules.check_price_spikes(bars, tick)
    assert rows_of(found) == [row for row, _ in expected]
    offs = dict(expected)
    for one in found:
        row = rows_of([one])[0]
        assert one.type == "price_spike"
        assert one.description == "high or low is far off the bars around it"
        assert one.values == pytest.approx(
            {"off": offs[row], **{name: float(getattr(bars, name)[row]) for name in PRICES}}, nan_ok=True
        )
    assert tick == 8.0 or expected
    narrow = spikes(bars, tick, 8, 3.0)
    assert rows_of(bar_rules.check_price_spikes(bars, tick, window=8, limit=3.0)) == [
        row for row, _ in narrow
    ]


@pytest.mark.parametrize(("count", "told"), [(25, False), (26, True)])
def test_spikes_are_looked_for_from_half_a_window_on(count: int, told: bool) -> None:
    bars = flat(count)
    bars.high[10] = 200.0
    bars.volume[10] = 1e9
    assert bool(bar_rules.check_price_spikes(bars)) is told
    assert bool(bar_rules.check_volume_spikes(bars)) is told


@pytest.mark.parametrize(("off", "told"), [(10.0, False), (10.25, True)])
@pytest.mark.parametrize("side", [1, -1])
def test_ten_usual_ranges_off_are_no_spike_yet(off: float, told: bool, side: int) -> None:
    bars = flat(60)
    (bars.high if side > 0 else bars.low)[30] = 100.0 + side * off
    assert bool(bar_rules.check_price_spikes(bars)) is told
    # Half a tick is the least that counts as usual.
    still = flat(60, half_range=0.0)
    (still.high if side > 0 else still.low)[30] = 100.0 + side * off
    assert bool(bar_rules.check_price_spikes(still, 2.0)) is told
    assert bar_rules.check_price_spikes(still)


def test_volume_spikes_are_what_their_words_say() -> None:
    rng = np.random.default_rng(8)
    bars = flat(150)
    bars.volume[:] = np.round(np.exp(rng.normal(4, 1.0, 150)))
    bars.volume[rng.choice(150, 10, replace=False)] *= 5_000
    bars.volume[[3, 77]] = 0.0
    bars.volume[[20, 140]] = NAN
    bars.volume[60] = -5.0
    traded = [i for i in range(150) if bars.volume[i] > 0]
    logs = [math.log(bars.volume[i]) for i in traded]
    expected = {}
    for place, row in enumerate(traded):
        near = [logs[j] for j in nearest(place, len(traded), 50)]
        middle = statistics.median(near)
        scale = max(statistics.fmean(abs(one - middle) for one in near), math.log(2))
        if logs[place] - middle > 6 * scale:
            expected[row] = math.exp(logs[place] - middle)
    found = bar_rules.check_volume_spikes(bars)
    assert rows_of(found) == list(expected)
    assert 4 <= len(expected) <= 10
    for one in found:
        row = rows_of([one])[0]
        assert (one.type, one.description) == (
            "volume_spike",
            "volume is far above that of the bars around it",
        )
        assert one.values == pytest.approx({"volume": bars.volume[row], "times_median": expected[row]})


@pytest.mark.parametrize(("times", "told"), [(63.9, False), (64.1, True)])
def test_six_doublings_of_a_steady_volume_are_the_limit(times: float, told: bool) -> None:
    bars = flat(60)
    bars.volume[30] = 8.0 * times
    assert bool(bar_rules.check_volume_spikes(bars)) is told
    # As the first of all it has no bars before it, and is told all the same; one of next to nothing counts.
    bars.volume[:] = 0.5
    bars.volume[0] = 0.5 * times
    assert bool(bar_rules.check_volume_spikes(bars)) is told


def test_a_volume_beyond_all_measure_is_told_as_a_figure() -> None:
    bars = flat(60)
    bars.volume[:] = 5e-324
    bars.volume[30] = 1.7e308
    (found,) = bar_rules.check_volume_spikes(bars)
    assert found.values["times_median"] == pytest.approx(math.exp(700.0))


@pytest.mark.parametrize(("bars_flat", "told"), [(29, False), (30, True)])
def test_thirty_bars_without_a_move_are_a_flat_run(bars_flat: int, told: bool) -> None:
    bars = flat(50)
    for name in PRICES:
        getattr(bars, name)[5 : 5 + bars_flat] = 100.0
    expected = [("flat_run", "no price moved", at(5), {"close": 100.0, "volume": 8.0}, 30)] if told else []
    assert whole(bar_rules.check_flat_runs(bars)) == expected
    assert bar_rules.check_flat_runs(bars, at_least=bars_flat + 1) == []


@pytest.mark.parametrize("name", PRICES)
def test_one_price_that_moves_ends_a_flat_run(name: str) -> None:
    bars = flat(61, half_range=0.0)
    getattr(bars, name)[31] += 0.25 if name != "low" else -0.25
    found = bar_rules.check_flat_runs(bars)
    # The bar after a close that moved is another one than the close before it.
    assert rows_of(found) == [*range(1, 31), *(range(32, 61) if name != "close" else ())][:30]


# Times


def test_times_are_told_with_their_words_and_figures() -> None:
    bars = flat(6)
    bars.close += np.arange(6)
    bars.time_us = MONDAY_US + MINUTE_US * np.array([0, 2, 1, 1, 2, 4])
    bars.close[3] = bars.close[2]
    for name in ("open", "high", "low"):
        getattr(bars, name)[:] = bars.close
    assert whole(bar_times.check_order(bars)) == [
        ("time_backwards", "starts before the bar above it", at(1), {"close": 102.0}, 1)
    ]
    assert whole(bar_times.check_duplicates(bars)) == [
        ("duplicate_equal", "repeats an earlier bar", at(1), {"close": 102.0, "first_close": 102.0}, 1),
        (
            "duplicate_conflicting",
            "differs from an earlier bar of that start",
            at(2),
            {"close": 104.0, "first_close": 101.0},
            1,
        ),
    ]
    assert whole(bar_times.check_future(bars, at(2))) == [
        ("time_in_future", "starts in the future", at(4), {"seconds": 120.0}, 1)
    ]
    (zone,) = bar_times.check_zone(pd.date_range("2026-03-05", periods=2))
    assert whole([zone]) == [
        ("time_without_zone", "time stamps without a zone: say which one they are in", 0, {}, 2)
    ]


@pytest.mark.parametrize("name", [*PRICES, "volume"])
def test_a_bar_told_twice_conflicts_where_any_figure_differs(name: str) -> None:
    bars = flat(4)
    bars.time_us[2] = bars.time_us[0]
    column = getattr(bars, name)
    column[[0, 2]] = NAN
    assert [one.type for one in bar_times.check_duplicates(bars)] == ["duplicate_equal"]
    for pair in ((NAN, 1.0), (1.0, NAN), (1.0, 2.0)):
        column[[0, 2]] = pair
        assert [one.type for one in bar_times.check_duplicates(bars)] == ["duplicate_conflicting"]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), max_size=25))
def test_bars_told_again_are_held_against_the_first_of_their_start(rows: list[tuple[int, int]]) -> None:
    bars = flat(len(rows))
    bars.time_us = np.array([MONDAY_US + MINUTE_US * minute for minute, _ in rows], dtype=np.int64)
    bars.close[:] = [100.0 + close for _, close in rows]
    first: dict[int, int] = {}
    expected = {"duplicate_equal": 0, "duplicate_conflicting": 0}
    for minute, close in rows:
        if minute in first:
            expected["duplicate_equal" if first[minute] == close else "duplicate_conflicting"] += 1
        first.setdefault(minute, close)
    told = dict.fromkeys(expected, 0)
    for one in bar_times.check_duplicates(bars):
        told[one.type] += one.count
    assert told == expected
    back = [now < before for (before, _), (now, _) in itertools.pairwise(rows)]
    assert sum(one.count for one in bar_times.check_order(bars)) == sum(back)


HOURS = Sessions.from_calendar("CME Globex Equity", "2026-03-05", "2026-03-11")


def test_bars_off_the_grid_have_their_words_and_figures() -> None:
    bars = flat(3)
    opens = int(HOURS.opens[0])
    bars.time_us = np.array([opens, opens + 61 * 10**9, opens - MINUTE_NS]) // 1000
    assert whole(bar_times.check_grid(bars, Grid(Timeframe.parse("1min"), HOURS))) == [
        ("time_off_grid", "does not start on the 1min grid", opens + 61 * 10**9, {"seconds_late": 1.0}, 1),
        ("session_closed", "starts while the venue is closed", opens - MINUTE_NS, {"volume": 8.0}, 1),
    ]


def taken(bars: Bars, rows: list[int]) -> Bars:
    return Bars(**{one.name: getattr(bars, one.name)[rows] for one in dataclasses.fields(bars)})


@pytest.mark.parametrize(
    ("children", "type", "words"),
    [
        (None, "gap_missing", "no bar inside the session"),
        ([], "gap_missing", "no bar inside the session"),
        # They show trades in it, or do not reach over it, so nobody knows.
        ([*range(8)], "gap_missing", "no bar inside the session"),
        ([0, 1, 2, 4, 6, 7], "gap_missing", "no bar inside the session"),
        ([0, 1, 2, 3, 6, 7], "gap_missing", "no bar inside the session"),
        ([0, 1, 2, 5, 6, 7], "gap_missing", "no bar inside the session"),
        ([3, 6, 7], "gap_missing", "no bar inside the session"),
        ([0, 1, 2], "gap_missing", "no bar inside the session"),
        ([6, 7], "gap_missing", "no bar inside the session"),
        ([0, 6], "gap_no_trade", "nothing traded"),
        ([2, 6], "gap_no_trade", "nothing traded"),
        ([2, 7], "gap_no_trade", "nothing traded"),
    ],
)
def test_a_gap_is_silent_where_finer_bars_reach_over_it_and_show_none(
    children: list[int] | None, type: str, words: str
) -> None:
    bars = taken(flat(8), [0, 1, 2, 6, 7])
    finer = None if children is None else taken(flat(8), children)
    found = bar_times.check_gaps(bars, grid(), finer)
    assert whole(found) == [(type, words, at(3), {"seconds": 180.0}, 3)]
    both = bar_rules.check_bars(bars, grid(), children=finer)
    assert whole(both) == whole(found)


def test_a_gap_after_a_bar_outside_all_sessions_begins_with_the_session() -> None:
    opens = int(HOURS.opens[1])
    bars = flat(2)
    bars.time_us = np.array([opens - 10 * MINUTE_NS, opens + 2 * MINUTE_NS]) // 1000
    assert whole(bar_times.check_gaps(bars, Grid(Timeframe.parse("1min"), HOURS))) == [
        ("gap_missing", "no bar inside the session", opens, {"seconds": 120.0}, 2)
    ]


def test_bars_that_differ_from_their_children_show_both() -> None:
    children = flat(10)
    children.close[:] = 100.0 + 0.25 * np.array([0, 1, -1, 1, 0, 0, 2, -2, 1, 1])
    children.open[:] = 100.0 + 0.25 * np.array([1, 1, -1, 1, 0, -1, 2, -2, 1, 1])
    children.high[3], children.low[6] = 103.0, 97.0
    children.volume[:] = np.arange(10)
    bars = flat(2)
    bars.time_us = children.time_us[[0, 5]].copy()
    bars.open[:] = [100.25, 99.75]
    bars.high[:] = [103.0, 100.5]
    bars.low[:] = [99.5, 97.0]
    bars.close[:] = [100.0, 100.25]
    bars.volume[:] = [10.0, 35.0]
    assert bar_times.check_children(bars, grid("5min"), children, grid()) == []
    bars.high[1] = 101.0
    expected: dict[str, float] = {}
    for name, theirs in zip((*PRICES, "volume"), (99.75, 100.5, 97.0, 100.25, 35.0), strict=True):
        expected |= {name: float(getattr(bars, name)[1]), f"children_{name}": theirs}
    found = bar_times.check_children(bars, grid("5min"), children, grid())
    assert whole(found) == [
        ("children_differ", "differs from what its 1min bars add up to", at(5), expected, 1)
    ]
    told = bar_rules.check_bars(bars, grid("5min"), children=children, child_grid=grid())
    assert whole(told) == whole(found)
    assert bar_rules.check_bars(bars, grid("5min"), children=children) == []


@pytest.mark.parametrize(("off", "told"), [(0.5e-9, False), (1e-8, True)])
def test_sums_of_volumes_are_equal_up_to_their_last_bits(off: float, told: bool) -> None:
    children = flat(10)
    bars = flat(2)
    bars.time_us = children.time_us[[0, 5]].copy()
    bars.volume[:] = 40.0 * (1 + off)
    assert bool(bar_times.check_children(bars, grid("5min"), children, grid())) is told
    # Prices to the last bit.
    bars.volume[:] = 40.0
    bars.close[1] = np.nextafter(100.0, 200.0)
    assert len(bar_times.check_children(bars, grid("5min"), children, grid())) == 1


@pytest.mark.parametrize(("last", "told"), [(8, False), (9, True)])
@pytest.mark.parametrize(("first", "early"), [(1, False), (0, True)])
def test_a_bar_is_compared_when_its_children_reach_from_its_start_to_its_end(
    first: int, early: bool, last: int, told: bool
) -> None:
    children = taken(flat(10), list(range(first, last + 1)))
    bars = flat(2)
    bars.time_us = MONDAY_US + MINUTE_US * np.array([0, 5])
    bars.open[:] = 101.0
    found = bar_times.check_children(bars, grid("5min"), children, grid())
    assert sum(one.count for one in found) == early + told
    alone = taken(bars, [1])
    assert len(bar_times.check_children(alone, grid("5min"), children, grid())) == told


def test_children_outside_all_sessions_belong_to_no_bar() -> None:
    opens = int(HOURS.opens[1])
    grids = Grid(Timeframe.parse("5min"), HOURS), Grid(Timeframe.parse("1min"), HOURS)
    children = flat(12)
    children.time_us = (opens + MINUTE_NS * np.arange(-2, 10)) // 1000
    children.high[:2] = 999.0
    bars = flat(2)
    bars.time_us = (opens + 5 * MINUTE_NS * np.arange(2)) // 1000
    bars.volume[:] = 40.0
    assert bar_times.check_children(bars, grids[0], children, grids[1]) == []
    bars.volume[:] = 41.0
    assert [one.count for one in bar_times.check_children(bars, grids[0], children, grids[1])] == [2]
    assert bar_times.check_children(bars, grids[0], taken(children, [0, 1]), grids[1]) == []


def test_a_bar_whose_only_children_came_late_is_not_compared() -> None:
    children = taken(flat(10), [6, 7, 8, 9])
    bars = flat(1)
    bars.time_us = MONDAY_US + MINUTE_US * np.array([5])
    bars.open[:] = 101.0
    assert bar_times.check_children(bars, grid("5min"), children, grid()) == []


def test_what_is_no_number_in_both_is_equal() -> None:
    children = flat(5)
    children.open[0] = children.volume[2] = NAN
    bars = flat(1)
    bars.open[:] = bars.volume[:] = NAN
    assert bar_times.check_children(bars, grid("5min"), children, grid()) == []
    bars.open[:] = 100.0
    (found,) = bar_times.check_children(bars, grid("5min"), children, grid())
    assert math.isnan(found.values["children_open"])


def test_a_bar_is_covered_only_as_far_as_the_hours_of_its_children_reach() -> None:
    # The last of the children lies in hours that their own venue does not know.
    narrow = Grid(Timeframe.parse("1min"), HOURS)
    closes = int(HOURS.closes[0])
    children = flat(5)
    children.time_us = (closes + MINUTE_NS * np.arange(5)) // 1000
    bars = flat(1)
    bars.time_us = children.time_us[:1].copy()
    bars.open[:] = 101.0
    assert bar_times.check_children(bars, grid("5min"), children, narrow) == []
    assert len(bar_times.check_children(bars, grid("5min"), children, grid())) == 1


def test_only_times_can_lack_a_zone() -> None:
    assert bar_times.check_zone(np.arange(4)) == []
    moments = list(np.array(["2026-03-05", "2026-03-06"], dtype="datetime64[s]"))
    assert [one.count for one in bar_times.check_zone(moments)] == [2]


# Units and splits


def test_units_and_splits_have_their_words_and_figures() -> None:
    bars = flat(10)
    bars.high[3] *= 100
    bars.close[4] /= 10_000
    assert whole(scale_rules.check_units(bars)) == [
        (
            "unit_change",
            "a price is off the newest bars' unit by a power of 100",
            at(3),
            {"factor": 100.0, "close": 100.0},
            2,
        )
    ]
    factors = scale_rules.unit_factors(bars)
    assert (factors[3].tolist(), factors[4].tolist()) == ([1, 100, 1, 1], [1, 1, 1, 1e-4])
    assert factors.sum() == 40 + 99 - (1 - 1e-4)
    split = flat(10)
    for name in PRICES:
        getattr(split, name)[:4] *= 3
    assert whole(scale_rules.check_splits(split)) == [
        (
            "split_not_applied",
            "prices step by the ratio of a split after these bars",
            at(0),
            {"factor": 3.0, "close": 300.0},
            4,
        )
    ]
    assert {one.type for one in bar_rules.check_bars(split)} == {"split_not_applied"}


@pytest.mark.parametrize(
    ("step", "factor"),
    [(199.0, 100.0), (201.0, 1.0), (51.0, 100.0), (49.0, 1.0), (19_900.0, 1e4), (1.9, 1.0)],
)
@pytest.mark.parametrize("up", [True, False])
def test_a_step_of_unit_may_be_off_by_a_factor_of_two(step: float, factor: float, up: bool) -> None:
    bars = flat(6)
    for name in PRICES:
        getattr(bars, name)[:2] *= step if up else 1 / step
    expected = np.repeat([factor if up else 1 / factor, 1.0], [2, 4])
    assert np.allclose(scale_rules.unit_factors(bars), expected[:, None], rtol=1e-12)


@pytest.mark.parametrize("count", [0, 1])
def test_one_price_alone_has_the_unit_it_has(count: int) -> None:
    bars = flat(count)
    for name in ("open", "high", "low"):
        getattr(bars, name)[:] = 0.0
    assert scale_rules.unit_factors(bars).tolist() == [[1.0] * 4] * count
    # With a second one there is a step; a price of zero and one that is no number are passed over.
    for price in (0.0, NAN, -5.0, math.inf):
        two = flat(2)
        two.open[0], two.high[0], two.low[0], two.close[0] = price, price, price, 10_000.0
        assert scale_rules.unit_factors(two).tolist() == [[1.0, 1.0, 1.0, 100.0], [1.0] * 4]
    small = flat(2, 0.5, 0.0)
    for name in PRICES:
        getattr(small, name)[0] = 50.0
    assert scale_rules.unit_factors(small).tolist() == [[100.0] * 4, [1.0] * 4]


RATIOS = (1.5, 2.5, *range(2, 51))


@pytest.mark.parametrize(
    "ratio", [1.3, 1.42, 1.43, 1.57, 1.58, 2.0, 2.09, 2.11, 2.2, 2.24, 5.2, 49.0, 52.5, 53.0]
)
@pytest.mark.parametrize("up", [True, False])
def test_a_step_is_a_split_within_five_percent_of_a_customary_ratio(ratio: float, up: bool) -> None:
    bars = flat(8)
    for name in PRICES:
        getattr(bars, name)[:3] *= ratio if up else 1 / ratio
    near = [one for one in RATIOS if abs(math.log(one) - math.log(ratio)) <= 0.05]
    best = min(near, key=lambda one: abs(math.log(one / ratio)), default=1.0)
    expected = np.repeat([best if up else 1 / best, 1.0], [3, 5])
    assert np.allclose(scale_rules.split_factors(bars), expected, rtol=1e-12)


@pytest.mark.parametrize(("usual", "told"), [(0.068, True), (0.0692, True), (0.0700, False), (0.2, False)])
def test_a_split_is_ten_usual_moves_at_least(usual: float, told: bool) -> None:
    bars = flat(9)
    # From close to open, up and down in turn; the median is over all moves, that of the split among them.
    bars.open[1:] = bars.close[:-1] * np.exp(usual * np.where(np.arange(8) % 2, 1, -1))
    assert scale_rules.split_factors(bars).tolist() == [1.0] * 9
    bars.close[3] = bars.open[4] * 2
    moves = np.abs(np.log(bars.close[:-1]) - np.log(bars.open[1:]))
    assert (math.log(2) > 10 * float(np.median(moves))) is told
    assert scale_rules.split_factors(bars).tolist() == [2.0] * 4 * told + [1.0] * (9 - 4 * told)


@pytest.mark.parametrize("price", [NAN, 0.0, -1.0, math.inf])
@pytest.mark.parametrize("name", ["open", "close"])
def test_a_split_is_seen_across_a_bar_without_prices(price: float, name: str) -> None:
    bars = flat(8)
    for column in PRICES:
        getattr(bars, column)[:3] *= 2
    getattr(bars, name)[3] = price
    assert scale_rules.split_factors(bars).tolist() == [2.0] * 3 + [1.0] * 5
    assert scale_rules.split_factors(taken(bars, [0, 4])).tolist() == [1.0, 1.0]
    assert scale_rules.split_factors(taken(bars, [0, 4, 5])).tolist() in ([2.0, 1.0, 1.0], [1.0] * 3)


# Findings


@pytest.mark.parametrize("runs", [999, 1000, 1001, 1500])
def test_the_last_of_a_thousand_findings_counts_the_rest(runs: int) -> None:
    bad = np.zeros(3 * runs, dtype=bool)
    bad[::3] = True
    bad[1::3] = True
    found = findings_of("odd", "is odd", np.arange(3 * runs) * 7, bad, {"close": np.arange(3.0 * runs)})
    assert [one.count for one in found] == [2] * min(runs, 999) + [2 * (runs - 999)] * (runs >= 1000)
    assert [one.time_ns for one in found] == [21 * run for run in range(min(runs, 1000))]
    assert [one.values["close"] for one in found] == [3.0 * run for run in range(min(runs, 1000))]


def test_a_finding_says_how_many_bars_it_speaks_of() -> None:
    words = [str(QualityFinding("odd", "is odd", MONDAY_NS, {}, count)) for count in (1, 2, 1234)]
    stem = "odd at 2026-03-02 00:00:00+00:00: is odd"
    assert words == [stem, f"{stem} (2 bars from there on)", f"{stem} (1,234 bars from there on)"]


def test_all_that_is_asked_for_is_told_together() -> None:
    bars = taken(flat(12), [0, 1, 2, 3, 4, 5, 10])
    bars.volume[0] = -1.0
    children = flat(12)
    coarse = flat(2)
    coarse.time_us = children.time_us[[0, 10]].copy()
    coarse.open[0] = 100.25
    coarse.volume[:] = [-40.0, 16.0]
    stamps = pd.date_range("2026-03-02", periods=2)
    found = bar_rules.check_bars(coarse, grid("5min"), None, at(0), children, grid(), stamps)
    assert [one.type for one in found] == [
        "time_without_zone",
        "children_differ",
        "volume_negative",
        "gap_missing",
        "time_in_future",
    ]
    found = bar_rules.check_bars(bars, grid(), None, at(5), None, None, stamps)
    assert [one.type for one in found] == [
        "time_without_zone",
        "volume_negative",
        "gap_missing",
        "time_in_future",
    ]


def test_half_a_tick_of_the_instrument_is_the_least_that_counts_as_usual() -> None:
    still = flat(60, half_range=0.0)
    still.high[30] = 110.0
    for tick, told in ((2.0, False), (1.0, True), (None, True)):
        found = bar_rules.check_bars(still, instrument=Instrument("X", tick))
        assert ("price_spike" in [one.type for one in found]) is told


def test_findings_of_one_bar_come_by_their_type() -> None:
    bars = flat(60)
    bars.high[40], bars.volume[40] = 50.0, -1.5
    bars.low[40] = -5_000.0
    found = bar_rules.check_bars(bars, instrument=Instrument("X", 0.25, whole_lots=True), now_ns=at(39))
    types = [one.type for one in found]
    assert types == sorted(types)
    assert set(types) == {
        "ohlc_inconsistent",
        "price_not_positive",
        "price_spike",
        "time_in_future",
        "volume_negative",
        "volume_not_whole",
    }
