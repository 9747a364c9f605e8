"""Findings of live bars and quotes as a whole, and the limits at which they begin."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest

from mdnb.errors import OptionError
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, QuoteRow
from mdnb.sessions import Sessions
from mdnb.timeframes import Grid, Timeframe
from mdnb.validate.findings import QualityFinding
from mdnb.validate.live_checks import BarChecks, QuoteChecks, bar_faults, out_of_order, seed_rows
from mdnb.validate.rules import ValidationRules

MINUTE = 60_000_000_000
START = 1_772_409_600 * 1_000_000_000  # 2026-03-02 00:00 UTC
PRICES = ("open", "high", "low", "close")
NAN, INFINITE = math.nan, math.inf


def bar(number: int = 0, **changes: Any) -> BarRow:
    usual = (START + number * MINUTE, 100.0, 100.5, 99.5, 100.0, 10.0, 5, 1000.0)
    names = ("start", *PRICES, "volume", "count", "turnover")
    row = dict(zip(names, usual, strict=True))
    assert changes.keys() <= row.keys()
    return tuple((row | changes).values())


def checks(
    tick: float | None = 0.25, whole_lots: bool = True, sessions: Sessions | None = None, **rules: bool
) -> BarChecks:
    held = Grid(Timeframe.parse("1min"), sessions or Sessions.always())
    return BarChecks(held, Instrument("X", tick, whole_lots=whole_lots), ValidationRules(**rules))


def whole(found: list[QualityFinding]) -> list[tuple[Any, ...]]:
    return [(one.type, one.description, one.time_ns, dict(one.values), one.count) for one in found]


@pytest.mark.parametrize(
    ("changes", "type", "words", "values"),
    [
        ({"close": 101.0}, "ohlc_inconsistent", "low <= open, close <= high does not hold", PRICES),
        ({"low": -INFINITE}, "price_not_finite", "a price is missing or infinite", PRICES),
        ({"close": 0.0}, "price_not_positive", "a price is zero or negative", PRICES),
        ({"volume": NAN}, "volume_not_finite", "volume is missing or infinite", ("volume",)),
        ({"volume": -1.0}, "volume_negative", "volume is negative", ("volume",)),
        ({"volume": 1.5}, "volume_not_whole", "volume is not a whole number of lots", ("volume",)),
        ({"open": 100.1}, "price_off_tick", "a price is no multiple of 0.25", PRICES),
        # Told once, however many of them are off.
        ({"high": 100.6, "low": 99.4}, "price_off_tick", "a price is no multiple of 0.25", PRICES),
    ],
)
def test_what_is_wrong_with_a_bar_has_its_words_and_figures(
    changes: dict[str, float], type: str, words: str, values: tuple[str, ...]
) -> None:
    row = bar(**changes)
    figures = dict(zip((*PRICES, "volume"), row[1:6], strict=True))
    expected = pytest.approx({name: figures[name] for name in values}, nan_ok=True)
    assert whole(checks().check(row)) == [(type, words, START, expected, 1)]


@pytest.mark.parametrize("name", PRICES)
@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (NAN, "price_not_finite"),
        (INFINITE, "price_not_finite"),
        (0.0, "price_not_positive"),
        (-1.0, "price_not_positive"),
    ],
)
def test_each_of_the_four_prices_must_be_one(name: str, value: float, fault: str) -> None:
    assert bar_faults(bar(**{name: value})) == fault


@pytest.mark.parametrize(
    "changes",
    [
        {"open": 100.5, "close": 100.5},
        {"open": 99.5, "close": 99.5},
        {"open": 0.5, "high": 0.5, "low": 0.5, "close": 0.5},
        {"volume": 0.0},
    ],
)
def test_a_price_may_be_the_highest_the_lowest_or_below_one_and_a_volume_zero(
    changes: dict[str, float],
) -> None:
    assert bar_faults(bar(**changes)) is None


@pytest.mark.parametrize("changes", [{"open": 99.25}, {"open": 100.75}, {"close": 99.25}, {"close": 100.75}])
def test_open_and_close_lie_between_the_two_others(changes: dict[str, float]) -> None:
    assert bar_faults(bar(**changes)) == "ohlc_inconsistent"


def test_ticks_and_lots_are_asked_for_only_where_they_are_known_and_the_bar_can_be() -> None:
    assert checks(tick=None).check(bar(close=100.1)) == []
    assert checks(whole_lots=False).check(bar(volume=10.5)) == []
    assert [one.type for one in checks().check(bar(volume=INFINITE, close=100.1))] == ["volume_not_finite"]
    assert [one.type for one in checks().check(bar(volume=-1.5))] == ["volume_negative", "volume_not_whole"]


@pytest.mark.parametrize(
    ("off", "told"), [(2.4e-7, False), (2.6e-7, True), (-2.4e-7, False), (-2.6e-7, True)]
)
def test_a_millionth_of_a_tick_is_no_fault(off: float, told: bool) -> None:
    assert bool(checks().check(bar(close=100.0 + off))) is told
    # The last bits of a price of very many ticks are no fault either.
    many = 123_456_789.01
    row = bar(**dict.fromkeys(PRICES, many))
    assert checks(tick=1e-8).check(row) == []


# Order


def test_what_is_wrong_with_its_time_has_its_words_and_figures() -> None:
    words = "does not start later than the bar before"
    for row, kind in (
        (bar(1), "duplicate_equal"),
        (bar(1, close=99.75), "duplicate_conflicting"),
        (bar(0, close=100.25), "time_backwards"),
    ):
        live = checks()
        live.check(bar(1))
        assert whole(live.check(row)) == [(kind, words, row[0], {"close": row[4]}, 1)]
        # What follows is held against the one that came last.
        assert live.check(bar(2)) == [] or kind == "time_backwards"
    late = bar(start=START + MINUTE + 1_500_000_000)
    assert whole(checks().check(late)) == [
        ("time_off_grid", "does not start on the 1min grid", late[0], {"seconds_late": 1.5}, 1)
    ]
    assert whole(checks().check(bar(2), START + MINUTE)) == [
        ("time_in_future", "starts in the future", START + 2 * MINUTE, {"seconds": 60.0}, 1)
    ]


def test_a_bar_of_closed_hours_and_the_gap_after_it() -> None:
    hours = Sessions.from_calendar("CME Globex Equity", "2026-03-05", "2026-03-11")
    opens = int(hours.opens[1])
    live = checks(sessions=hours)
    early = opens - 10 * MINUTE
    assert whole(live.check(bar(start=early))) == [
        ("session_closed", "starts while the venue is closed", early, {"volume": 10.0}, 1)
    ]
    assert whole(live.check(bar(start=opens + 2 * MINUTE))) == [
        ("gap_missing", "no bar inside the session", opens, {"seconds": 120.0}, 2)
    ]
    # Over the pause nothing is missing.
    live = checks(sessions=hours)
    live.check(bar(start=int(hours.closes[0]) - MINUTE))
    assert live.check(bar(start=opens)) == []


def test_gaps_are_told_with_words_and_figures_and_only_where_they_are_asked_for() -> None:
    for asked in (True, False):
        live = checks(check_gaps=asked)
        live.check(bar(0))
        found = whole(live.check(bar(2)))
        expected = ("gap_missing", "no bar inside the session", START + MINUTE, {"seconds": 60.0}, 1)
        assert found == ([expected] if asked else [])
        # A bar that comes late leaves none, nor does the one after it that was there before.
        assert "gap_missing" not in [one.type for one in live.check(bar(1))]


def test_a_gap_ends_where_the_next_bar_begins_also_after_one_off_the_grid() -> None:
    live = checks(check_timestamp_order=False)
    live.check(bar(0))
    # Inside the bar before, and beside its end.
    assert live.check(bar(start=START + MINUTE // 2)) == []
    assert live.check(bar(1)) == []


# Spikes


def calm(count: int = 30, **changes: Any) -> BarChecks:
    live = checks(tick=None, whole_lots=False)
    for number in range(count):
        assert live.check(bar(number, **changes)) == []
    return live


def test_spikes_have_their_words_and_figures() -> None:
    assert whole(calm().check(bar(30, high=150.0))) == [
        ("price_spike", "high or low is far off the bars before it", START + 30 * MINUTE, {"off": 50.0}, 1)
    ]
    assert whole(calm().check(bar(30, low=50.0))) == [
        ("price_spike", "high or low is far off the bars before it", START + 30 * MINUTE, {"off": 50.0}, 1)
    ]
    assert whole(calm().check(bar(30, volume=1e6))) == [
        ("volume_spike", "volume is far above the bars before it", START + 30 * MINUTE, {"volume": 1e6}, 1)
    ]
    unit = bar(30, **dict.fromkeys(PRICES, 10_000.0))
    assert whole(calm().check(unit)) == [
        (
            "unit_change",
            "price jumped by a factor of about 100",
            START + 30 * MINUTE,
            {"factor": 100.0, "close": 10_000.0},
            1,
        )
    ]


@pytest.mark.parametrize(("count", "told"), [(24, False), (25, True)])
def test_spikes_are_looked_for_after_half_a_window(count: int, told: bool) -> None:
    for changes in ({"high": 150.0}, {"volume": 1e6}, dict.fromkeys(PRICES, 10_000.0)):
        assert bool(calm(count).check(bar(count, **changes))) is told


@pytest.mark.parametrize(("off", "told"), [(10.0, False), (10.25, True)])
@pytest.mark.parametrize("side", [1, -1])
def test_ten_usual_ranges_off_are_no_spike_yet(off: float, told: bool, side: int) -> None:
    name = "high" if side > 0 else "low"
    assert bool(calm().check(bar(30, **{name: 100.0 + side * off}))) is told
    # Ten mean deviations: closes of 98 and 102 in turn.
    live = checks(tick=None)
    for number in range(50):
        close = 98.0 if number % 2 else 102.0
        live.check(bar(number, open=close, close=close, high=close, low=close))
    # The least level of three: the middle (98 or 102), the last close, the open.
    wide = bar(50, open=98.0, close=98.0, high=98.0, low=98.0)
    assert [one.type for one in live.check(wide)] == []
    # Half a tick is the least that counts as usual.
    still = BarChecks(None, Instrument("X", 2.0), ValidationRules(check_stale=False, check_tick_size=False))
    for number in range(29):
        still.check(bar(number, **dict.fromkeys(PRICES, 100.0)))
    assert bool(still.check(bar(30, **(dict.fromkeys(PRICES, 100.0) | {name: 100.0 + side * off})))) is told


def spike(closes: list[float], ranges: list[float], row: BarRow, tick: float) -> float | None:
    """Return how far off a bar is, None where that is not far: the documented rule on plain lists."""
    closes, ranges = closes[-50:], ranges[-50:]
    middle = statistics.median_high(closes)
    scale = max(
        statistics.fmean(abs(close - middle) for close in closes), statistics.median_high(ranges), tick / 2
    )
    off = min(max(row[2] - level, level - row[3]) for level in (middle, closes[-1], row[1]))
    return off if off > 10 * scale else None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("tick", [0.25, 6.0])
def test_spikes_are_held_against_the_fifty_bars_before(seed: int, tick: float) -> None:
    rng = np.random.default_rng(seed)
    live = BarChecks(None, Instrument("X", tick), ValidationRules(check_tick_size=False, check_stale=False))
    closes, ranges, logs = [], [], []
    level, told = 500.0, 0
    for number in range(300):
        level += 0.25 * int(rng.integers(-3, 4)) + 40.0 * (number == 150)
        open_ = level - 0.25 * int(rng.integers(-2, 3))
        high, low = max(open_, level) + 0.25 * int(rng.integers(0, 4)), min(open_, level)
        volume = float(np.round(np.exp(rng.normal(4, 0.5))))
        if number % 11 == 3:
            high += float(rng.uniform(1, 60))
        if number % 13 == 5:
            low -= float(rng.uniform(1, 60))
        if number % 17 == 7:
            volume *= float(rng.uniform(1, 2_000))
        if number % 19 == 4:
            volume = 0.0
        row = bar(number, open=open_, high=high, low=low, close=level, volume=volume)
        expected = {}
        if len(closes) >= 25 and (off := spike(closes, ranges, row, tick)) is not None:
            expected["price_spike"] = off
        if len(logs) >= 25 and volume > 0:
            usual = statistics.median_high(logs[-50:])
            scale = max(statistics.fmean(abs(one - usual) for one in logs[-50:]), math.log(2))
            if math.log(volume) - usual > 6 * scale:
                expected["volume_spike"] = volume
        found = {one.type: one.values.get("off", one.values.get("volume")) for one in live.check(row)}
        assert found == pytest.approx(expected)
        told += len(expected)
        closes.append(level)
        ranges.append(high - low)
        if volume > 0:
            logs.append(math.log(volume))
    assert told > (20 if tick == 0.25 else 5)


@pytest.mark.parametrize(("factor", "told"), [(29.9, False), (30.0, True), (30.1, True)])
def test_thirtyfold_is_a_change_of_unit(factor: float, told: bool) -> None:
    for price in (100.0 * factor, 100.0 / factor):
        row = bar(30, **dict.fromkeys(PRICES, price))
        types = [one.type for one in calm().check(row)]
        # A thirtieth is no exact number; what is told for the one is told for the other beside it.
        if factor != 30.0 or price > 100:
            assert types == (["unit_change"] if told else [])
    assert "unit_change" not in [one.type for one in calm().check(bar(30, close=-5.0))]
    low = {"open": 0.5, "high": 0.51, "low": 0.49, "close": 0.5}
    assert [one.type for one in calm(**low).check(bar(30, **dict.fromkeys(PRICES, 50.0)))] == ["unit_change"]


@pytest.mark.parametrize(("times", "told"), [(63.9, False), (64.1, True)])
def test_six_doublings_of_a_steady_volume_are_the_limit(times: float, told: bool) -> None:
    assert bool(calm().check(bar(30, volume=10.0 * times))) is told
    assert bool(calm(volume=0.5).check(bar(30, volume=0.5 * times))) is told
    assert bool(calm(volume=0.001).check(bar(30, volume=0.001 * times))) is told


def test_bars_that_cannot_be_are_no_measure_for_others() -> None:
    live = calm()
    for number in range(30, 80):
        live.check(bar(number, **{("high", "low", "close")[number % 3]: NAN}))
        live.check(bar(number, volume=NAN))
        live.check(bar(number, volume=INFINITE))
        live.check(bar(number, volume=-1.0))
    found = {one.type for one in live.check(bar(80, high=150.0, volume=1e6))}
    assert found == {"price_spike", "volume_spike"}


def test_seeded_bars_are_those_before() -> None:
    live = checks()
    live.seed(
        [bar(number, high=160.0, low=40.0) for number in range(100)] + [bar(n) for n in range(100, 150)]
    )
    assert [one.type for one in live.check(bar(150, high=150.0))] == ["price_spike"]
    again = checks()
    again.seed([bar(number) for number in range(25)])
    assert [one.type for one in again.check(bar(25, high=150.0))] == ["price_spike"]
    # Volumes were none for the last fifty: older ones are what is known.
    quiet = checks(check_stale=False)
    quiet.seed([bar(n) for n in range(30)] + [bar(n, volume=0.0) for n in range(30, 90)])
    assert [one.type for one in quiet.check(bar(90, volume=1e6))] == ["volume_spike"]


def test_columns_become_the_rows_that_checks_are_seeded_with() -> None:
    time = np.array([60_000_000, 120_000_000], dtype=np.int64)
    columns = [np.array([first, first + 10.0]) for first in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert seed_rows(time, *columns) == [
        (60_000_000_000, 1.0, 2.0, 3.0, 4.0, 5.0, 0, 0.0),
        (120_000_000_000, 11.0, 12.0, 13.0, 14.0, 15.0, 0, 0.0),
    ]
    with pytest.raises(ValueError, match="zip"):
        seed_rows(time, *columns[:4], columns[4][:1])


def test_a_flat_run_is_told_again_after_a_move() -> None:
    live = checks()
    still = {"high": 100.0, "low": 100.0}
    told = {}
    for number in range(100):
        moved = number == 50
        row = bar(number) if moved else bar(number, **still)
        for one in live.check(row):
            told[number] = whole([one])
    expected = {
        number: [("flat_run", "no price moved", START + number * MINUTE, {"close": 100.0}, 30)]
        for number in (30, 80)
    }
    assert told == expected


@pytest.mark.parametrize("name", PRICES)
def test_one_price_that_moves_ends_a_run(name: str) -> None:
    live = checks(tick=None)
    still = dict.fromkeys(PRICES, 100.0)
    live.check(bar(0, **still))
    for number in range(1, 30):
        assert live.check(bar(number, **still)) == []
    moved = still | {name: 100.01}
    assert "flat_run" not in [one.type for one in live.check(bar(30, **moved))]


def test_a_bar_off_the_grid_after_a_gap_is_told_for_both() -> None:
    live = checks()
    live.check(bar(0))
    found = live.check(bar(start=START + 3 * MINUTE - 1))
    assert [(one.type, one.count) for one in found] == [("time_off_grid", 1), ("gap_missing", 2)]


def test_a_volume_has_no_ticks() -> None:
    assert checks(whole_lots=False).check(bar(volume=10.1)) == []


def test_a_jump_of_unit_is_measured_from_the_last_close() -> None:
    live = calm(28)
    for number, close in ((28, 100.25), (29, 99.75)):
        live.check(bar(number, close=close))
    for price, factor in ((99.75 * 29.99, None), (99.75 * 30.01, 30.01), (0.5, 0.5 / 99.75)):
        again = calm(28)
        again.seed([bar(28, close=100.25), bar(29, close=99.75)])
        found = again.check(bar(30, **dict.fromkeys(PRICES, price)))
        told = {one.type: dict(one.values) for one in found if one.type == "unit_change"}
        assert told == (
            {} if factor is None else {"unit_change": pytest.approx({"factor": factor, "close": price})}
        )
    # Nothing is a multiple of zero, nor zero of anything.
    none = calm()
    assert "unit_change" not in [one.type for one in none.check(bar(30, low=0.0, close=0.0))]
    assert "unit_change" not in [one.type for one in none.check(bar(31))]


def test_the_usual_range_and_volume_are_the_middle_ones() -> None:
    live = checks(tick=None, whole_lots=False)
    for number in range(51):
        wide = number % 3 > 0
        live.check(
            bar(
                number,
                high=101.5 if wide else 100.5,
                low=98.5 if wide else 99.5,
                volume=90.0 if wide else 10.0,
            )
        )
    assert live.check(bar(51, high=125.0)) == []
    # Of ten a factor of 600 would be too much, of ninety it is not.
    assert live.check(bar(52, volume=6_000.0)) == []


def test_where_no_tick_is_known_a_still_market_makes_any_move_a_spike() -> None:
    live = BarChecks(None, Instrument("X", None), ValidationRules(check_stale=False))
    live.seed([bar(number, **dict.fromkeys(PRICES, 100.0)) for number in range(30)])
    assert [one.type for one in live.check(bar(30, open=100.0, close=100.0, low=100.0, high=104.0))] == [
        "price_spike"
    ]


def test_no_more_than_a_hundred_bars_are_seeded() -> None:
    live = checks()
    live.seed([bar(number) for number in range(50)] + [bar(number, volume=0.0) for number in range(50, 150)])
    # What was traded before that is not looked at any more.
    assert live.check(bar(150, volume=1e6)) == []


# Quotes


def quote(bid: float, ask: float, number: int = 0) -> QuoteRow:
    return (START + number, bid, 1.0, ask, 2.0)


def test_quotes_that_are_off_have_their_words_and_figures() -> None:
    live = QuoteChecks(ValidationRules())
    live.check([quote(100.0, 100.5, number) for number in range(25)])
    found = live.check(
        [quote(101.0, 100.0, 1), quote(100.0, 100.0, 2), quote(100.0, 125.5, 3), quote(90.0, 125.5, 4)]
    )
    assert whole(found) == [
        ("quote_crossed", "the bid is above the ask", START + 1, {"bid": 101.0, "ask": 100.0}, 1),
        ("quote_locked", "the bid equals the ask", START + 2, {"bid": 100.0, "ask": 100.0}, 1),
        (
            "spread_wide",
            "the spread is more than 50 times the usual one",
            START + 3,
            {"bid": 100.0, "ask": 125.5},
            2,
        ),
    ]
    assert live.check([quote(100.0, 125.0)]) == []
    off = QuoteChecks(ValidationRules(check_quotes=False))
    assert off.check([quote(101.0, 100.0)]) == []


@pytest.mark.parametrize(("count", "told"), [(24, False), (25, True)])
def test_what_spread_is_usual_is_known_from_twenty_five_quotes_on(count: int, told: bool) -> None:
    live = QuoteChecks(ValidationRules())
    # Crossed and locked ones say nothing about it.
    live.check([quote(100.0, 100.0), quote(101.0, 100.0)] * 30)
    live.check([quote(100.0, 100.5)] * count)
    assert bool(live.check([quote(100.0, 200.0)])) is told


def test_the_usual_spread_is_the_middle_one_and_looked_at_anew_every_fifty_quotes() -> None:
    live = QuoteChecks(ValidationRules())
    # 0.25 up to 6.25, of which the middle one is 3.25.
    live.check([quote(100.0, 100.0 + 0.25 * step) for step in range(1, 26)])
    assert live.check([quote(100.0, 100.0 + 50 * 3.25)]) == []
    assert len(live.check([quote(100.0, 100.5 + 50 * 3.25)])) == 1
    # One wide quote was taken above; of 74 the middle one is 0.25, of 73 nobody has asked.
    live.check([quote(100.0, 100.25)] * 48)
    assert live.check([quote(100.0, 100.0 + 50 * 3.25)]) == []
    live.check([quote(100.0, 100.25)])
    assert len(live.check([quote(100.0, 100.0 + 50 * 3.25)])) == 1


def test_the_usual_spread_is_that_of_the_last_four_hundred_quotes() -> None:
    live = QuoteChecks(ValidationRules())
    live.check([quote(100.0, 101.0)] * 1000)
    live.check([quote(100.0, 103.0)] * 500)
    assert live.check([quote(100.0, 249.0)]) == []
    assert len(live.check([quote(100.0, 251.0)])) == 1


def test_late_trades_have_their_words_and_figures() -> None:
    rows = [(START - 61_500_000_000, 99.0, 1.0, 1, 0, -1), (START - 90 * 10**9, 98.0, 1.0, 1, 0, -1)]
    assert whole(out_of_order(rows, START)) == [
        (
            "trade_out_of_order",
            "a trade is stamped more than a minute before the newest one",
            START - 61_500_000_000,
            {"seconds_late": 61.5, "price": 99.0},
            2,
        )
    ]
    assert out_of_order([(START - 60 * 10**9, 99.0, 1.0, 1, 0, -1)], START) == []


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 1.5, "0.05", True, math.nan])
def test_a_deviation_is_above_zero_and_below_one(value: Any) -> None:
    with pytest.raises(OptionError) as raised:
        ValidationRules(max_price_deviation=value)
    assert str(raised.value) == f"max_price_deviation must be above 0 and below 1, or None; got {value!r}"
    for good in (None, 0.5, 1e-9):
        assert ValidationRules(max_price_deviation=good).max_price_deviation == good


def test_a_kind_without_an_option_is_always_wanted() -> None:
    rules = ValidationRules(check_spikes=False)
    assert (rules.allows("price_spike"), rules.allows("flat_run"), rules.allows("no such kind")) == (
        False,
        True,
        True,
    )
