"""Checks of bars, quotes and trades as they come: each fault is told once, by its name, and nothing else."""

from __future__ import annotations

import datetime as dt
import statistics
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb.errors import OptionError
from mdnb.instruments import Instrument, known_instrument
from mdnb.rows import BarRow, QuoteRow, TradeRow
from mdnb.runtime.live.data_quality import Quality, QualityAlerts
from mdnb.sessions import Sessions
from mdnb.timeframes import Grid, Timeframe
from mdnb.validate.live_checks import BarChecks, QuoteChecks, bar_faults, out_of_order
from mdnb.validate.rules import ValidationRules

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
# A Wednesday at noon of New York, and the Saturday after it.
OPEN = int(dt.datetime(2025, 11, 19, 17, tzinfo=dt.UTC).timestamp()) * SECOND
SATURDAY = OPEN + 3 * 24 * 60 * MINUTE
HOURS = Sessions.from_calendar("CME Globex Equity", "2025-11-17", "2025-11-25")
NAMES = ("start", "open", "high", "low", "close", "volume", "count", "turnover")
NAN, INFINITE = float("nan"), float("inf")


def bar(number: int = 0, **changes: Any) -> BarRow:
    """Return the bar of a quiet minute, with some of its fields changed."""
    row = dict(zip(NAMES, (OPEN + number * MINUTE, 100.0, 100.5, 99.5, 100.0, 10.0, 5, 1000.0), strict=True))
    assert changes.keys() <= row.keys()
    return tuple((row | changes).values())


def checks(grid: bool = True, **rules: bool) -> BarChecks:
    held = Grid(Timeframe.parse("1min"), HOURS) if grid else None
    return BarChecks(held, known_instrument("MNQ"), ValidationRules(**rules))


FAULTS = [
    ({"close": NAN}, "price_not_finite"),
    ({"high": INFINITE}, "price_not_finite"),
    ({"low": 0.0}, "price_not_positive"),
    ({"open": -100.0}, "price_not_positive"),
    ({"high": 99.75}, "ohlc_inconsistent"),
    ({"close": 101.0}, "ohlc_inconsistent"),
    ({"volume": INFINITE}, "volume_not_finite"),
    ({"volume": -1.0}, "volume_negative"),
]


@pytest.mark.parametrize(("changes", "fault"), FAULTS)
def test_a_bar_that_cannot_be_is_told_by_one_name(changes: dict[str, Any], fault: str) -> None:
    assert bar_faults(bar()) is None
    assert bar_faults(bar(**changes)) == fault
    (found,) = checks().check(bar(**changes))
    assert (found.type, found.time_ns) == (fault, OPEN)
    # The values are those that are meant.
    assert set(found.values) == ({"volume"} if "volume" in fault else {"open", "high", "low", "close"})


@pytest.mark.parametrize(
    ("changes", "fault", "switch"),
    [
        ({"volume": 10.5}, "volume_not_whole", "check_volume_sanity"),
        ({"close": 100.1}, "price_off_tick", "check_tick_size"),
        ({"start": OPEN + SECOND}, "time_off_grid", "check_timestamp_order"),
        ({"start": SATURDAY}, "session_closed", "check_timestamp_order"),
    ],
)
def test_a_bar_that_does_not_fit_the_market_is_told(changes: dict[str, Any], fault: str, switch: str) -> None:
    assert [found.type for found in checks().check(bar(**changes))] == [fault]
    assert checks(**{switch: False}).check(bar(**changes)) == []
    assert checks().check(bar()) == []


def test_a_bar_from_the_future_is_told_with_how_far() -> None:
    (found,) = checks().check(bar(), now_ns=OPEN - 5 * SECOND)
    assert (found.type, found.values) == ("time_in_future", {"seconds": 5.0})
    assert checks().check(bar(), now_ns=OPEN) == []


@pytest.mark.parametrize("grid", [True, False])
@pytest.mark.parametrize(
    ("second", "fault"),
    [
        (bar(1), "duplicate_equal"),
        (bar(1, close=99.75), "duplicate_conflicting"),
        (bar(0), "time_backwards"),
    ],
)
def test_a_bar_that_does_not_start_later_is_told(second: BarRow, fault: str, grid: bool) -> None:
    live = checks(grid=grid)
    assert live.check(bar(1)) == []
    assert [found.type for found in live.check(second)] == [fault]


def test_bars_that_are_missing_are_told_once_with_their_number() -> None:
    live = checks()
    live.seed([bar(0), bar(1)])
    (found,) = live.check(bar(5))
    assert (found.type, found.count, found.time_ns) == ("gap_missing", 3, OPEN + 2 * MINUTE)
    assert live.check(bar(6)) == []


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"volume": 100_000.0}, ["volume_spike"]),
        ({"high": 190.0}, ["price_spike"]),
        # It never left its open: no spike.
        (dict.fromkeys(("open", "high", "low", "close"), 10_000.0), ["unit_change"]),
    ],
)
def test_a_bar_far_off_those_before_it_is_told(changes: dict[str, Any], faults: list[str]) -> None:
    live = checks()
    for number in range(30):
        assert live.check(bar(number, close=100.0 + 0.25 * (number % 2))) == []
    assert [found.type for found in live.check(bar(30, **changes))] == faults


def test_prices_that_stand_still_are_told_at_the_thirtieth_bar() -> None:
    live = checks()
    still = {"high": 100.0, "low": 100.0}
    told = [[found.type for found in live.check(bar(number, **still))] for number in range(40)]
    # The first has none before it that it could equal.
    assert [number for number, types in enumerate(told) if types] == [30]
    assert told[30] == ["flat_run"]


def test_quotes_are_told_a_kind_at_a_time_with_their_count() -> None:
    def quote(number: int, bid: float, ask: float) -> QuoteRow:
        return (OPEN + number, bid, 1.0, ask, 1.0)

    live = QuoteChecks(ValidationRules())
    assert live.check([quote(number, 100.0, 100.25) for number in range(60)]) == []
    bad = [
        quote(60, 100.5, 100.25),
        quote(61, 100.25, 100.25),
        quote(62, 101.0, 100.0),
        quote(63, 50.0, 150.0),
    ]
    found = {one.type: (one.count, one.time_ns - OPEN, one.values) for one in live.check(bad)}
    assert found == {
        "quote_crossed": (2, 60, {"bid": 100.5, "ask": 100.25}),
        "quote_locked": (1, 61, {"bid": 100.25, "ask": 100.25}),
        "spread_wide": (1, 63, {"bid": 50.0, "ask": 150.0}),
    }


def test_trades_are_late_when_they_are_a_minute_behind_the_newest() -> None:
    def trade(seconds: int) -> TradeRow:
        return (OPEN - seconds * SECOND, 100.0, 1.0, 1, 0, -1)

    assert out_of_order([trade(0), trade(60)], OPEN) == []
    (found,) = out_of_order([trade(1), trade(61), trade(90)], OPEN)
    assert (found.type, found.count, found.values) == (
        "trade_out_of_order",
        2,
        {"seconds_late": 61.0, "price": 100.0},
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"check_gaps": "no"}, "check_gaps must be True or False; got 'no'"),
        ({"check_units": None}, "check_units must be True or False; got None"),
        ({"max_price_deviation": 5}, "max_price_deviation must be above 0 and below 1, or None; got 5"),
        ({"max_price_deviation": True}, "max_price_deviation must be above 0"),
    ],
)
def test_rules_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ValidationRules(**options)


def test_prices_at_and_below_zero_are_no_fault_where_the_instrument_has_them() -> None:
    spread = Instrument("CLK0-CLM0", 0.01, positive_prices=False)
    live = BarChecks(None, spread, ValidationRules())
    for number in range(60):
        # Passing through zero, by factors of hundreds.
        close = round(0.4 - 0.01 * number, 2)
        row = bar(number, open=close + 0.01, high=close + 0.01, low=close, close=close)
        assert bar_faults(row, positive_prices=False) is None
        assert live.check(row) == []
    assert bar_faults(bar(low=-1.0, high=-2.0), positive_prices=False) == "ohlc_inconsistent"


def flat_stretches(lengths: list[int]) -> list[BarRow]:
    """Bars without a move, stretches of so many that equal the close before them; a move between each two."""
    rows: list[BarRow] = [bar(0)]
    price = 100.0
    for length in lengths:
        price += 0.25
        # The first of a price is a move; those after it are the stretch.
        for _ in range(length + 1):
            prices = dict.fromkeys(("open", "high", "low", "close"), price)
            rows.append(bar(len(rows), **prices))
    return rows


@given(
    st.lists(st.one_of(st.integers(0, 40), st.sampled_from([29, 30, 31, 59, 60, 61, 90, 120])), max_size=6)
)
def test_each_flat_stretch_is_told_exactly_once(lengths: list[int]) -> None:
    rows = flat_stretches(lengths)
    live = BarChecks(None, known_instrument("MNQ"), ValidationRules())
    told = [row[0] for row in rows if "flat_run" in [found.type for found in live.check(row)]]
    # By the pandas way: runs of equal closes.
    closes = pd.Series([row[4] for row in rows])
    run = (closes != closes.shift()).cumsum()
    expected = [rows[int(group.index[30])][0] for _, group in closes.groupby(run) if len(group) > 30]
    assert told == expected


def test_each_timeframe_tells_its_own_flat_stretch_once() -> None:
    emitted: list[dict[str, Any]] = []
    clock = [0.0]
    alerts = QualityAlerts(lambda _, data: emitted.append(data), lambda: clock[0])
    quality = Quality("MNQ", known_instrument("MNQ"), "UTC", alerts)
    rules = ValidationRules()
    quality.enable(rules, {"1min": None, "5min": None})
    rows = flat_stretches([100, 5, 40])
    for number, row in enumerate(rows):
        clock[0] = float(number)
        for name in ("1min", "5min") if number < 50 else ("1min",):
            quality.bar(name, row, None, rules)
    alerts.flush()
    assert [fault.timeframe for fault in quality.errors if fault.type == "flat_run"] == [
        "1min",
        "5min",
        "1min",
    ]
    assert sum(data["count"] for data in emitted if data["alert_type"] == "flat_run") == 3 * 30


@pytest.mark.parametrize(("high", "spike"), [(100.0 + 10 * 2.0, False), (100.25 + 10 * 2.0, True)])
def test_a_high_is_a_spike_beyond_ten_usual_ranges(high: float, spike: bool) -> None:
    live = checks()
    # Closes that hardly move within bars of two points.
    for number in range(60):
        assert live.check(bar(number, high=101.0, low=99.0)) == []
    assert [found.type for found in live.check(bar(60, high=high))] == ["price_spike"] * spike


def test_what_was_seeded_counts_by_its_newest_bars() -> None:
    live = checks()
    rows = [bar(number, high=100.25, low=99.75) for number in range(150)]
    rows += [bar(150 + number, high=110.0, low=90.0) for number in range(100)]
    live.seed(rows)
    # Of twenty points a bar is usual by now; it was half a point.
    assert live.check(bar(250, high=150.0, low=90.0)) == []
    assert [found.type for found in live.check(bar(252))] == ["gap_missing"]


def test_a_bar_around_the_close_before_it_is_no_spike_wherever_it_opens() -> None:
    live = checks()
    for number in range(60):
        assert live.check(bar(number, high=101.0, low=99.0)) == []
    moved = dict.fromkeys(("open", "high", "low", "close"), 200.0)
    assert live.check(bar(60, **moved)) == [], "a true jump opens where it is"
    assert live.check(bar(61, open=188.0, low=188.0, high=212.0, close=200.0)) == []


@pytest.mark.parametrize(("factor", "told"), [(100.0, True), (0.01, True), (29.0, False), (0.04, False)])
def test_a_unit_may_change_up_and_down(factor: float, told: bool) -> None:
    live = checks(check_tick_size=False)
    for number in range(30):
        live.check(bar(number))
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0 * factor)
    assert [found.type for found in live.check(bar(30, **prices))] == ["unit_change"] * told


def test_bars_in_which_nobody_traded_say_nothing_of_the_usual_volume() -> None:
    live = checks()
    for number in range(100):
        assert live.check(bar(number, volume=0.0 if number % 2 else 10.0)) == []
    assert live.check(bar(100, volume=80.0)) == []
    assert [found.type for found in live.check(bar(101, volume=100_000.0))] == ["volume_spike"]


@given(
    st.lists(
        st.tuples(
            st.integers(-8, 8), st.sampled_from([0, 1, 1, 2, 9, 40]), st.sampled_from([0, 1, 8, 40, 90])
        ),
        min_size=20,
        max_size=70,
    ),
    st.booleans(),
)
def test_a_spike_is_one_by_the_medians_of_the_bars_before_it(
    steps: list[tuple[int, int, int]], calm: bool
) -> None:
    """Against the rule as it is written: no state, each bar judged from the list of those before it."""
    bars: list[BarRow] = []
    close = 1_000.0
    for number, (step, wide, spike) in enumerate(steps):
        open_, close = close, close + step * (0.25 if calm else 2.0)
        top = max(open_, close) + wide * 0.25 + (spike if number % 9 == 8 else 0)
        bars.append((number * MINUTE, open_, top, min(open_, close) - wide * 0.25, close, 5.0, 1, 5.0))
    made = BarChecks(None, Instrument("X", 0.25), ValidationRules())
    for number, bar in enumerate(bars):
        before = bars[max(0, number - 50) : number]
        expected = []
        if len(before) >= 25:
            closes = [one[4] for one in before]
            middle = statistics.median_high(closes)
            deviation = statistics.fmean(abs(one - middle) for one in closes)
            usual = statistics.median_high([one[2] - one[3] for one in before])
            off = min(max(bar[2] - level, level - bar[3]) for level in (middle, closes[-1], bar[1]))
            if off > 10 * max(deviation, usual, 0.125):
                expected = [{"off": off}]
        found = [dict(one.values) for one in made.check(bar) if one.type == "price_spike"]
        assert found == expected


def test_a_bar_with_an_infinite_price_teaches_nothing() -> None:
    good = [(at * MINUTE, 100.0, 100.5, 100.0, 100.25, 5.0, 1, 5.0) for at in range(30)]
    for place in (2, 3, 4):
        for wrong in (INFINITE, -INFINITE, NAN):
            made = BarChecks(None, Instrument("X", 0.25), ValidationRules())
            made.seed(good)
            for at in range(30, 60):
                bad = list(good[0])
                bad[0], bad[place] = at * MINUTE, wrong
                made.check(tuple(bad))  # type: ignore[arg-type]  # a row
            far = made.check((60 * MINUTE, 100.0, 140.0, 100.0, 100.25, 5.0, 1, 5.0))
            assert [one.type for one in far] == ["price_spike"]
