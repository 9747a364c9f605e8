"""Checks of bars: each finds what was planted and nothing else; real defects equal their repaired twins."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from mdnb.instruments import Instrument
from mdnb.sessions import Sessions
from mdnb.timeframes import Grid, Timeframe
from mdnb.types import Record
from mdnb.validate import bar_rules, bar_times, scale_rules
from mdnb.validate.findings import QualityFinding, findings_of
from tests.validate.bars import Bars

_MINUTE_US = 60_000_000
_MONDAY_US = 1_772_409_600_000_000  # 2026-03-02 00:00 UTC
_COLUMNS = ("open", "high", "low", "close", "volume")


def _bars(count: int = 300, seed: int = 1) -> Bars:
    """Return good minute bars on a quarter tick."""
    rng = np.random.default_rng(seed)
    close = 21_000 + 0.25 * np.cumsum(rng.integers(-8, 9, count))
    open_ = np.concatenate((close[:1], close[:-1])) + 0.25 * rng.integers(-1, 2, count)
    high = np.maximum(open_, close) + 0.25 * rng.integers(0, 8, count)
    low = np.minimum(open_, close) - 0.25 * rng.integers(0, 8, count)
    volume = np.round(np.exp(rng.normal(5, 0.7, count)))
    return Bars(_MONDAY_US + _MINUTE_US * np.arange(count), open_, high, low, close, volume)


def _grid(name: str = "1min", sessions: Sessions | None = None) -> Grid:
    return Grid(Timeframe.parse(name), sessions or Sessions.always())


def _rows(bars: Bars, found: list[QualityFinding], type: str) -> list[int]:
    """Return the row numbers that findings of a type speak of."""
    rows: list[int] = []
    for one in found:
        if one.type == type:
            first = int(np.flatnonzero(bars.time_us * 1000 == one.time_ns)[0])
            rows += range(first, first + one.count)
    return rows


_INSTRUMENT = Instrument("MNQ", 0.25, whole_lots=True)
_NOW_NS = (_MONDAY_US + 300 * _MINUTE_US) * 1000


def test_good_bars_have_no_findings() -> None:
    for seed in range(5):
        assert bar_rules.check_bars(_bars(seed=seed), _grid(), _INSTRUMENT, _NOW_NS) == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_bars_are_no_trouble(count: int) -> None:
    bars = _bars(count)
    assert bar_rules.check_bars(bars, _grid(), _INSTRUMENT, _NOW_NS, bars, _grid()) == []


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("high", 20_000.0, {"ohlc_inconsistent"}),
        ("low", 22_000.0, {"ohlc_inconsistent"}),
        ("open", float("nan"), {"price_not_finite"}),
        ("low", float("-inf"), {"price_not_finite"}),
        ("low", 0.0, {"price_not_positive", "price_spike"}),
        ("low", -1.0, {"price_not_positive", "price_spike"}),
        ("high", 22_000.0, {"price_spike"}),
        ("volume", -3.0, {"volume_negative"}),
        ("volume", 3.5, {"volume_not_whole"}),
        ("volume", float("nan"), {"volume_not_finite"}),
        ("volume", 1e6, {"volume_spike"}),
        ("high", 21_900.1, {"price_off_tick", "price_spike"}),
        ("high", 2_100_000.0, {"unit_change", "price_spike"}),
    ],
)
def test_one_bad_value_is_found_and_nothing_else(column: str, value: float, expected: set[str]) -> None:
    bars = _bars()
    getattr(bars, column)[120] = value
    found = bar_rules.check_bars(bars, _grid(), _INSTRUMENT, _NOW_NS)
    assert {one.type for one in found} - {"ohlc_inconsistent"} == expected - {"ohlc_inconsistent"}
    assert expected <= {one.type for one in found}
    assert all(_rows(bars, found, one.type) == [120] for one in found)


@given(st.lists(st.tuples(*[st.integers(1, 4)] * 4), max_size=40))
def test_consistency_is_its_definition(rows: list[tuple[int, int, int, int]]) -> None:
    bars = _bars(len(rows))
    bars.open, bars.high, bars.low, bars.close = np.array(rows, dtype=float).reshape(-1, 4).T
    expected = [i for i, row in enumerate(rows) if row[1] != max(row) or row[2] != min(row)]
    assert _rows(bars, bar_rules.check_consistency(bars), "ohlc_inconsistent") == expected


def test_where_prices_pass_through_zero_neither_they_nor_their_ratios_are_faults() -> None:
    fall = np.linspace(1.0, -1.0, 300).round(2)
    bars = dataclasses.replace(_bars(), open=fall, high=fall + 0.02, low=fall - 0.02, close=fall)
    spread = Instrument("CLK0-CLM0", 0.01, positive_prices=False)
    kinds = {"price_not_positive", "unit_change", "split_not_applied"}
    assert not {one.type for one in bar_rules.check_bars(bars, instrument=spread)} & kinds
    positive = dataclasses.replace(spread, positive_prices=True)
    found = [
        one for one in bar_rules.check_bars(bars, instrument=positive) if one.type == "price_not_positive"
    ]
    assert len(found) > 0


def test_noise_of_scaled_prices_is_not_off_the_tick() -> None:
    bars = _bars()
    bars.close += 1e-8
    assert bar_rules.check_ticks(bars, 0.25) == []
    bars.close += 1e-5
    assert [one.count for one in bar_rules.check_ticks(bars, 0.25)] == [300]


def test_a_true_jump_is_no_spike_and_no_split() -> None:
    bars = _bars()
    for column in ("open", "high", "low", "close"):
        getattr(bars, column)[150:] += 500.0
    assert bar_rules.check_bars(bars, _grid(), _INSTRUMENT, _NOW_NS) == []


@given(st.integers(0, 1_000_000), st.sampled_from([0.25, 0.1, 0.01, 1e-8, 0.0001, 5.0]))
def test_a_price_on_its_tick_is_never_off_it(ticks: int, tick: float) -> None:
    bars = _bars(2)
    for column in ("open", "high", "low", "close"):
        getattr(bars, column)[:] = [ticks * tick, round(ticks * tick, 8)]
    assert bar_rules.check_ticks(bars, tick) == []
    bars.close[1] += tick / 3
    assert [one.count for one in bar_rules.check_ticks(bars, tick)] == [1]


def test_a_feed_that_stands_still_is_a_flat_run() -> None:
    bars = _bars()
    for column in ("open", "high", "low", "close"):
        getattr(bars, column)[100:140] = bars.close[99]
        getattr(bars, column)[200:220] = bars.close[199]
    found = bar_rules.check_flat_runs(bars)
    assert [(one.type, one.count) for one in found] == [("flat_run", 40)]
    assert _rows(bars, found, "flat_run") == list(range(100, 140))


# Time


def test_order_and_duplicates_are_told_apart() -> None:
    order = [0, 1, 2, 2, 3, 5, 4, 6, 7, 3]
    bars = _bars(10).take(order)
    bars.close[9] += 0.25
    found = bar_rules.check_bars(bars)
    by_type = {one.type: one for one in found}
    assert set(by_type) == {"time_backwards", "duplicate_equal", "duplicate_conflicting"}
    assert by_type["duplicate_equal"].time_ns == int(bars.time_us[3]) * 1000
    assert by_type["duplicate_conflicting"].values["first_close"] == bars.close[4]
    assert [one.time_ns // 1000 for one in found if one.type == "time_backwards"] == [
        int(bars.time_us[9]),
        int(bars.time_us[6]),
    ]


@given(st.lists(st.integers(0, 12), max_size=40))
def test_duplicates_agree_with_pandas(minutes: list[int]) -> None:
    bars = _bars(13).take(np.array(minutes, dtype=np.intp))
    again = pd.Series(bars.time_us).duplicated()
    found = bar_times.check_duplicates(bars)
    assert sum(one.count for one in found) == again.sum()
    assert {one.type for one in found} <= {"duplicate_equal"}


def test_bars_off_the_grid_and_in_closed_hours() -> None:
    hours = Sessions.from_calendar("CME Globex Equity", "2026-03-05", "2026-03-11")
    opens = pd.to_datetime(hours.opens, utc=True)
    stamps = [
        opens[0],
        opens[0] + pd.Timedelta("5min"),
        opens[0] + pd.Timedelta("6min"),
        opens[1] - pd.Timedelta("30min"),  # the daily pause
        opens[2],  # after the change of the clocks
    ]
    bars = _bars(5)
    bars.time_us[:] = [stamp.value // 1000 for stamp in stamps]
    found = bar_times.check_grid(bars, _grid("5min", hours))
    assert [(one.type, one.time_ns) for one in found] == [
        ("time_off_grid", stamps[2].value),
        ("session_closed", stamps[3].value),
    ]
    assert found[0].values == {"seconds_late": 60.0}


def test_gaps_are_what_the_calendar_holds_and_the_bars_do_not() -> None:
    hours = Sessions.from_calendar("CME Globex Equity", "2026-03-05", "2026-03-11")
    every = pd.DatetimeIndex([], tz="UTC")
    for start, end in zip(hours.opens, hours.closes, strict=True):
        span = pd.date_range(pd.Timestamp(start, tz="UTC"), pd.Timestamp(end, tz="UTC"), freq="5min")
        every = every.append(span[:-1])
    rng = np.random.default_rng(2)
    gone = np.sort(rng.choice(np.arange(1, len(every) - 1), 60, replace=False))
    held = np.delete(np.arange(len(every)), gone)
    bars = _bars(len(held))
    bars.time_us[:] = every.as_unit("us").asi8[held]
    grid = _grid("5min", hours)
    found = bar_times.check_gaps(bars, grid)
    runs = np.split(gone, np.flatnonzero(np.diff(gone) > 1) + 1)
    assert [(one.type, one.time_ns, one.count) for one in found] == [
        ("gap_missing", every[run[0]].value, len(run)) for run in runs
    ]
    assert sum(one.values["seconds"] for one in found) == 60 * 300
    whole = _bars(len(every))
    whole.time_us[:] = every.as_unit("us").asi8
    assert bar_times.check_gaps(whole, grid) == []
    # With finer bars that show a trade in some of the gaps, only these are missing.
    some = _bars(len(every) - 30)
    some.time_us[:] = np.delete(every.as_unit("us").asi8, gone[:30])
    told = bar_times.check_gaps(bars, grid, some)
    traded = set(gone[30:].tolist())
    assert [one.type for one in told] == [
        "gap_missing" if traded & set(run.tolist()) else "gap_no_trade" for run in runs
    ]
    assert {one.type for one in told} == {"gap_missing", "gap_no_trade"}


def test_gaps_of_days_over_a_weekend_and_a_holiday() -> None:
    hours = Sessions.from_calendar("LSE", "2026-03-30", "2026-04-10")  # Good Friday is 2026-04-03
    bars = _bars(len(hours.opens))
    bars.time_us[:] = hours.opens // 1000
    assert bar_times.check_gaps(bars, _grid("1day", hours)) == []
    (gap,) = bar_times.check_gaps(bars.take([0, 1, 2, 5, 6]), _grid("1day", hours))
    assert (gap.type, gap.count, gap.time_ns) == ("gap_missing", 2, int(hours.opens[3]))


def test_the_future_is_not_data_yet() -> None:
    bars = _bars(10)
    now_ns = int(bars.time_us[6]) * 1000
    assert _rows(bars, bar_times.check_future(bars, now_ns), "time_in_future") == [7, 8, 9]


def test_stamps_without_a_zone_are_told() -> None:
    naive = pd.date_range("2026-03-05", periods=4, freq="1min")
    for stamps in (naive, pd.Series(naive), naive.to_numpy(), naive.to_pydatetime(), list(naive)):
        (one,) = bar_times.check_zone(stamps)
        assert (one.type, one.count) == ("time_without_zone", 4)
    aware = naive.tz_localize("America/Chicago")
    for known in (aware, pd.Series(aware), aware.to_pydatetime(), []):
        assert bar_times.check_zone(known) == []
    assert bar_times.check_zone([naive[0], dt.datetime(2026, 3, 5, tzinfo=dt.UTC)])[0].count == 1
    assert [one.type for one in bar_rules.check_bars(_bars(4), stamps=naive)] == ["time_without_zone"]


def test_a_finding_tells_its_time_in_its_zone() -> None:
    found = QualityFinding("any", "words", _MONDAY_US * 1000, tz="America/Chicago")
    assert found.time == found.timestamp == pd.Timestamp("2026-03-01 18:00", tz="America/Chicago")


# Children


def _aggregate(bars: Bars, rule: str) -> Bars:
    frame = pd.DataFrame({name: getattr(bars, name) for name in _COLUMNS})
    frame.index = pd.to_datetime(bars.time_us, unit="us", utc=True)
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    made = frame.resample(rule).agg(how).dropna()
    return Bars(made.index.as_unit("us").asi8, *(made[name].to_numpy(float).copy() for name in _COLUMNS))


def test_bars_are_held_against_what_they_are_made_of() -> None:
    children = _bars(300).take(np.delete(np.arange(300), [7, 20, 21, 22, 23, 24]))
    bars = _aggregate(children, "5min")
    grids = _grid("5min"), _grid("1min")
    assert bar_times.check_children(bars, grids[0], children, grids[1]) == []
    for row, name in enumerate(_COLUMNS, start=10):
        changed = _aggregate(children, "5min")
        getattr(changed, name)[row] += 0.25
        found = bar_times.check_children(changed, grids[0], children, grids[1])
        assert _rows(changed, found, "children_differ") == [row]
        assert found[0].values[name] == found[0].values[f"children_{name}"] + 0.25


def test_bars_that_their_children_cover_in_part_are_not_compared() -> None:
    children = _bars(300)
    bars = _aggregate(children, "5min")
    bars.close[[0, 59]] += 1
    part = children.take(slice(2, 298))
    assert bar_times.check_children(bars, _grid("5min"), part, _grid("1min")) == []
    found = bar_times.check_children(bars, _grid("5min"), children, _grid("1min"))
    assert _rows(bars, found, "children_differ") == [0, 59]


def _lean(path: Path, scale: float = 1.0) -> dict[str, Bars]:
    made = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            table = np.loadtxt(io.BytesIO(archive.read(member)), delimiter=",", ndmin=2)
            made[member] = Bars(
                (table[:, 0] * 1000).astype(np.int64),
                *(table[:, i] * scale for i in range(1, 5)),
                table[:, 5],
            )
    return made


def test_a_venues_minutes_are_what_its_seconds_add_up_to(shared_data: Path) -> None:
    folder = shared_data / "bars"
    (minutes,) = _lean(folder / "lean_coinbase_btcusd_minute_20161008_trade.zip").values()
    (seconds,) = _lean(folder / "lean_coinbase_btcusd_second_20161008_trade.zip").values()
    grids = _grid("1min"), _grid("1sec")
    assert bar_times.check_children(minutes, grids[0], seconds, grids[1]) == []
    gaps = bar_times.check_gaps(minutes, grids[0], seconds)
    assert sum(one.count for one in gaps) == int(
        (minutes.time_us[-1] - minutes.time_us[0]) // _MINUTE_US + 1 - len(minutes.time_us)
    )
    assert {one.type for one in gaps} == {"gap_no_trade"}
    minutes.high[400] += 0.01
    found = bar_times.check_children(minutes, grids[0], seconds, grids[1])
    assert _rows(minutes, found, "children_differ") == [400]


# Units and splits: the repaired twin is the truth


def _yahoo(path: Path) -> Bars:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows.sort(key=lambda row: dt.datetime.fromisoformat(row.get("Date") or row["Datetime"]))
    stamps = [dt.datetime.fromisoformat(row.get("Date") or row["Datetime"]) for row in rows]
    return Bars(
        np.array([int(stamp.timestamp()) * 1_000_000 for stamp in stamps]),
        *(np.array([float(row[name.capitalize()]) for row in rows]) for name in _COLUMNS),
    )


def _pair(shared_data: Path, name: str) -> tuple[Bars, Bars, NDArray[np.bool_]]:
    """Return the bad bars, their twin, and which of the prices (n, 4) differ by more than rounding."""
    folder = shared_data / "defects"
    bad, good = _yahoo(folder / f"{name}.csv"), _yahoo(folder / f"{name}-fixed.csv")
    assert bad.time_us.tolist() == good.time_us.tolist()
    tables = [np.column_stack([getattr(one, column) for column in _COLUMNS[:4]]) for one in (bad, good)]
    return bad, good, ~np.isclose(*tables, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("SSW-JO-1d-100x-error", 22), ("ASAI-L-1h-bad-unit", 1), ("4063-T-1d-bad-stock-split", 0)],
)
def test_hundredfold_prices_are_those_that_the_repair_changed(
    shared_data: Path, name: str, rows: int
) -> None:
    bad, good, differs = _pair(shared_data, name)
    factors = scale_rules.unit_factors(bad)
    if rows:
        assert (factors != 1).tolist() == differs.tolist()
        assert np.allclose(bad.close / factors[:, 3], good.close, rtol=1e-6)
    found = scale_rules.check_units(bad)
    assert sum(one.count for one in found) == rows
    assert _rows(bad, found, "unit_change") == (np.flatnonzero(differs.any(axis=1)).tolist() if rows else [])
    assert scale_rules.check_units(good) == scale_rules.check_splits(good) == []
    if rows:
        assert scale_rules.check_splits(bad) == []


def test_bars_before_a_split_are_those_that_the_repair_changed(shared_data: Path) -> None:
    bad, good, differs = _pair(shared_data, "4063-T-1d-bad-stock-split")
    factors = scale_rules.split_factors(bad)
    assert (factors != 1).tolist() == differs.any(axis=1).tolist() == differs.all(axis=1).tolist()
    assert set(factors.tolist()) == {1.0, 5.0}
    assert np.allclose(bad.close / factors, good.close)
    assert np.allclose(bad.volume * factors, good.volume)
    (found,) = scale_rules.check_splits(bad)
    assert (found.count, found.values["factor"]) == (9, 5.0)


@pytest.mark.parametrize(("ratio", "factor"), [(2.0, 2.0), (1.5, 1.5), (0.1, 0.1), (0.05, 0.05), (7.0, 7.0)])
def test_splits_multiply_backwards(ratio: float, factor: float) -> None:
    bars = _bars()
    for column in ("open", "high", "low", "close"):
        getattr(bars, column)[:200] *= ratio
        getattr(bars, column)[:50] *= 3
    expected = np.repeat([3 * factor, factor, 1.0], [50, 150, 100])
    assert np.allclose(scale_rules.split_factors(bars), expected)
    # Whatever a share costs: a cent, or a hundred thousand.
    for scale in (1e-4, 1e3):
        scaled = dataclasses.replace(
            bars, **{name: getattr(bars, name) * scale for name in ("open", "high", "low", "close")}
        )
        assert np.allclose(scale_rules.split_factors(scaled), expected)
        assert np.array_equal(scale_rules.unit_factors(scaled), scale_rules.unit_factors(bars))


# Findings


def test_a_finding_is_a_record_and_findings_are_bounded() -> None:
    bad = np.arange(10_000) % 2 == 0
    found = findings_of("odd", "is odd", np.arange(10_000), bad, {"close": np.ones(10_000)})
    assert len(found) == 1000
    assert sum(one.count for one in found) == 5000
    assert isinstance(found[0], Record)
    assert found[0]["type"] == found[0].type == "odd"
    assert str(found[0]) == "odd at 1970-01-01 00:00:00+00:00: is odd"
    with pytest.raises(dataclasses.FrozenInstanceError):
        found[0].count = 2  # type: ignore[misc]


def test_findings_come_in_the_order_of_time() -> None:
    bars = _bars()
    bars.high[200] = 20_000.0
    bars.volume[50] = -1.0
    found = bar_rules.check_bars(bars)
    assert [one.type for one in found] == ["volume_negative", "ohlc_inconsistent"]
    assert found[0].get("timestamp") == pd.Timestamp(_MONDAY_US + 50 * _MINUTE_US, unit="us", tz="UTC")


@pytest.mark.parametrize(("length", "told"), [(29, []), (30, [30]), (31, [31])])
@pytest.mark.parametrize("first", [1, 100])
def test_thirty_bars_without_a_move_are_a_flat_run_and_twenty_nine_are_not(
    length: int, told: list[int], first: int
) -> None:
    bars = _bars()
    for column in ("open", "high", "low", "close"):
        getattr(bars, column)[first : first + length] = bars.close[first - 1]
    # Where the bar before is flat in itself it moved from the one before that.
    assert [one.count for one in bar_rules.check_flat_runs(bars)] == told
