"""Indicators: equal to pandas and to published figures; live and in bulk the same to the last bit."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
import zoneinfo
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from mdnb.analysis.indicator_state import IndicatorState
from mdnb.analysis.indicators import LONGEST, NAMES, Indicator
from mdnb.errors import NoDataError, OptionError
from mdnb.sessions import Sessions
from mdnb.stores.columns import BarColumns, columns_from_rows
from mdnb.types import Bar
from tests.limits import LIMIT_SECONDS

_ROOT = Path(__file__).parents[2]
_MINUTE = 60_000_000_000
_START = 1_772_700_000_000_000_000  # 2026-03-05 08:40 UTC
_CLOSE = 1e-10  # relative, to pandas
_NAN = math.nan

_Row = tuple[int, float, float, float, float, float]

_lengths = st.integers(1, 12)
_indicators = st.one_of(
    st.builds(Indicator, st.sampled_from(["sma", "ema", "rsi", "atr"]), st.tuples(_lengths)),
    st.builds(Indicator, st.just("bollinger"), st.tuples(st.integers(2, 12), st.floats(0.1, 5))),
    st.tuples(_lengths, _lengths, _lengths)
    .filter(lambda lengths: lengths[0] < lengths[1])
    .map(lambda lengths: Indicator("macd", lengths)),
    st.sampled_from([Indicator("vwap"), Indicator("delta")]),
)
_ticks = st.integers(1, 400).map(lambda ticks: 0.25 * ticks)
# What files and late trades can bring: any size of number, and none at all.
_wild = st.one_of(_ticks, st.floats(-1e12, 1e12), st.just(1e300), st.sampled_from([_NAN, math.inf]))


def _bars(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[list[_Row]]:
    gap = st.sampled_from([0, 1, 1, 1, 1, 240, 1500])
    one = st.tuples(gap, numbers, numbers, numbers, numbers, numbers)

    def at_times(made: list[_Row]) -> list[_Row]:
        minutes = np.cumsum([row[0] for row in made]).tolist()
        return [(_START + minute * _MINUTE, *row[1:]) for minute, row in zip(minutes, made, strict=True)]

    return st.lists(one, max_size=60).map(at_times)


def _columns(rows: list[_Row], forming: bool = False) -> BarColumns:
    held = columns_from_rows([(*row, 1, _NAN) for row in rows])
    return dataclasses.replace(held, forming=forming)


def _walk(n: int = 400, seed: int = 3) -> BarColumns:
    """Return minutes of a market, over some midnights."""
    rng = np.random.default_rng(seed)
    close = np.round(21_000 * np.exp(np.cumsum(rng.normal(0, 5e-4, n))) / 0.25) * 0.25
    opens = np.concatenate(([21_000.0], close[:-1])) + 0.25 * rng.integers(-4, 5, n)
    high = np.maximum(opens, close) + 0.25 * rng.integers(0, 9, n)
    low = np.minimum(opens, close) - 0.25 * rng.integers(0, 9, n)
    volume = rng.integers(0, 50, n).astype(float)
    times = _START + 7 * _MINUTE * np.arange(n)
    return _columns(
        list(zip(times.tolist(), *(x.tolist() for x in (opens, high, low, close, volume)), strict=True))
    )


def _rows(held: BarColumns) -> list[_Row]:
    starts = (held.time_us * 1000).tolist()
    fields = (held.open, held.high, held.low, held.close, held.volume)
    return list(zip(starts, *(field.tolist() for field in fields), strict=True))


def _appended(
    state: IndicatorState, rows: list[_Row], check_peek: bool = False
) -> dict[str, NDArray[np.float64]]:
    made = []
    for row in rows:
        peeked = state.peek(row) if check_peek else None
        made.append(state.append(row))
        if peeked is not None:
            np.testing.assert_equal(peeked, made[-1])
    return {line: np.array([values[line] for values in made]) for line in state.indicator.lines}


def _same(found: dict[str, NDArray[np.float64]], wanted: dict[str, NDArray[np.float64]]) -> None:
    assert list(found) == list(wanted)
    for line, values in wanted.items():
        np.testing.assert_array_equal(found[line], values, err_msg=line)


def _near(found: NDArray[np.float64], wanted: pd.Series, scale: float = 0.0) -> None:
    """Compare with pandas; ``scale`` where a difference of two large numbers is small itself."""
    np.testing.assert_allclose(found, wanted.to_numpy(), rtol=_CLOSE, atol=_CLOSE * scale)


def _smoothed(x: pd.Series, length: int, **how: float) -> pd.Series:
    """Return pandas' exponential mean, begun with the plain mean of the first values."""
    first = x.first_valid_index()
    if first is None or len(x) - first < length:
        return x * _NAN
    seeded = x.copy()
    seeded[: first + length - 1] = _NAN
    seeded[first + length - 1] = x[first : first + length].mean()
    return seeded.ewm(adjust=False, **how).mean()


# Equal to others' implementations


@pytest.mark.parametrize("length", [1, 2, 3, 20, 399, 400, 401])
def test_moving_averages_equal_pandas(length: int) -> None:
    held = _walk()
    close = pd.Series(held.close)
    _near(Indicator("sma", (length,)).of(held)["sma"], close.rolling(length).mean())
    _near(Indicator("ema", (length,)).of(held)["ema"], _smoothed(close, length, span=length))


@pytest.mark.parametrize(("length", "deviations"), [(2, 1.0), (20, 2.0), (33, 2.5), (400, 3.0)])
def test_bollinger_equals_pandas(length: int, deviations: float) -> None:
    held = _walk()
    rolling = pd.Series(held.close).rolling(length)
    found = Indicator("bollinger", (length, deviations)).of(held)
    reach = deviations * rolling.std(ddof=0)
    _near(found["middle"], rolling.mean())
    _near(found["upper"], rolling.mean() + reach)
    _near(found["lower"], rolling.mean() - reach)
    np.testing.assert_array_equal(found["middle"], Indicator("sma", (length,)).of(held)["sma"])


@pytest.mark.parametrize("length", [1, 2, 14, 399])
def test_rsi_equals_pandas(length: int) -> None:
    held = _walk()
    change = pd.Series(held.close).diff()
    gain, loss = (
        _smoothed(one, length, alpha=1 / length) for one in (change.clip(lower=0), -change.clip(upper=0))
    )
    strength = 100 - 100 / (1 + gain / loss)
    _near(
        Indicator("rsi", (length,)).of(held)["rsi"],
        strength.where(gain + loss != 0, 50.0).where(gain.notna()),
        1,
    )


def test_rsi_equals_the_published_example() -> None:
    # ChartSchool's worked example, "Relative Strength Index (RSI)", stockcharts.com.
    closes = [44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826]
    closes += [45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439]
    held = _columns([(_START + i * _MINUTE, c, c, c, c, 1.0) for i, c in enumerate(closes)])
    found = Indicator.parse("rsi(14)").of(held)["rsi"]
    assert np.isnan(found[:14]).all()
    np.testing.assert_allclose(found[14:], [70.53, 66.32, 66.55, 69.41, 66.36, 57.97], atol=0.005)


@pytest.mark.parametrize("lengths", [(12, 26, 9), (1, 2, 1), (3, 10, 16)])
def test_macd_equals_pandas(lengths: tuple[int, int, int]) -> None:
    held = _walk()
    close = pd.Series(held.close)
    fast, slow, signal = lengths
    line = _smoothed(close, fast, span=fast) - _smoothed(close, slow, span=slow)
    smooth = _smoothed(line, signal, span=signal)
    found = Indicator("macd", lengths).of(held)
    for name, wanted in (("macd", line), ("signal", smooth), ("histogram", line - smooth)):
        _near(found[name], wanted, held.close[0])


@pytest.mark.parametrize("length", [1, 14, 400])
def test_atr_equals_pandas(length: int) -> None:
    held = _walk()
    before = pd.Series(held.close).shift()
    reach = pd.concat(
        [
            pd.Series(held.high - held.low),
            (pd.Series(held.high) - before).abs(),
            (pd.Series(held.low) - before).abs(),
        ],
        axis=1,
    ).max(axis=1)
    _near(Indicator("atr", (length,)).of(held)["atr"], _smoothed(reach, length, alpha=1 / length))


def test_vwap_equals_pandas_and_begins_anew_at_midnight_utc() -> None:
    held = _walk()
    day = pd.Series(pd.to_datetime(held.time_us, unit="us")).dt.date
    assert day.nunique() > 2
    volume = pd.Series(held.volume)
    worth = pd.Series((held.high + held.low + held.close) / 3) * volume
    wanted = worth.groupby(day).cumsum() / volume.groupby(day).cumsum()
    _near(Indicator("vwap").of(held)["vwap"], wanted)


def test_delta_is_the_volume_with_the_sign_of_the_bar() -> None:
    prices = [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0)]
    held = _columns([(_START + i * _MINUTE, o, 2.0, 1.0, c, 7.0) for i, (o, c) in enumerate(prices)])
    assert Indicator("delta").of(held)["delta"].tolist() == [7.0, -7.0, 0.0]


def test_an_outlier_leaves_no_trace_in_a_window() -> None:
    close = np.full(200, 100.25)
    close[60] = 1e15
    held = _columns([(_START + i * _MINUTE, c, c, c, c, 1.0) for i, c in enumerate(close.tolist())])
    found = Indicator.parse("bollinger(20, 2)").of(held)
    for line in ("upper", "middle", "lower"):
        assert set(found[line][80:].tolist()) == {100.25}


# Sessions


def _globex(first: str, last: str) -> tuple[Sessions, BarColumns, NDArray[np.int64]]:
    """Return the sessions, half hours of bars while open, and the trading day told by Chicago's clock."""
    sessions = Sessions.from_calendar("CME Globex Equity", first, last)
    step = 30 * _MINUTE
    starts = [
        ts
        for begin, end in zip(sessions.opens.tolist(), sessions.closes.tolist(), strict=True)
        for ts in range(begin, end, step)
    ]
    rng = np.random.default_rng(5)
    close = 21_000 + np.cumsum(rng.normal(0, 5, len(starts)))
    rows = [
        (ts, c, c + 1, c - 2, c, float(v))
        for ts, c, v in zip(starts, close.tolist(), rng.integers(1, 9, len(starts)), strict=True)
    ]
    chicago = zoneinfo.ZoneInfo("America/Chicago")
    # The trading day begins at 17:00 the evening before.
    days = [
        (datetime.fromtimestamp(ts // 10**9, chicago).replace(tzinfo=None) + timedelta(hours=7)).toordinal()
        for ts in starts
    ]
    return sessions, _columns(rows), np.array(days)


def test_vwap_begins_anew_with_each_session_over_a_change_of_the_clocks() -> None:
    sessions, held, days = _globex("2026-03-04", "2026-03-11")  # clocks went forward on 8 March
    begins = np.flatnonzero(np.diff(days, prepend=0))
    hours = {datetime.fromtimestamp(held.time_us[i] / 1e6, zoneinfo.ZoneInfo("UTC")).hour for i in begins}
    assert hours == {22, 23}
    found = Indicator("vwap").of(held, sessions)["vwap"]
    price = (held.high + held.low + held.close) / 3
    np.testing.assert_allclose(found[begins], price[begins], rtol=1e-15)
    worth, volume = (pd.Series(one).groupby(days).cumsum() for one in (price * held.volume, held.volume))
    _near(found, worth / volume)
    _same(_appended(IndicatorState("vwap", sessions), _rows(held), check_peek=True), {"vwap": found})
    assert not np.allclose(found, Indicator("vwap").of(held)["vwap"])


def test_vwap_goes_on_after_lunch_and_has_no_value_while_closed() -> None:
    at = [0, 4, 5, 6, 10, 12, 20]  # minutes; open 0 to 5 and 6 to 10, the next day 20 to 30
    sessions = Sessions(
        [0, 6 * _MINUTE, 20 * _MINUTE], [5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE], days=[0, 0, 1]
    )
    rows = [
        (minute * _MINUTE, p, p, p, p, 1.0)
        for minute, p in zip(at, (1.0, 2.0, 3.0, 6.0, 9.0, 9.0, 5.0), strict=True)
    ]
    found = Indicator("vwap").of(_columns(rows), sessions)
    np.testing.assert_array_equal(found["vwap"], [1.0, 1.5, 2.0, 3.0, _NAN, _NAN, 5.0])
    _same(_appended(IndicatorState("vwap", sessions), rows, check_peek=True), found)


def test_vwap_without_any_session_has_no_value() -> None:
    rows = _rows(_walk(3))
    empty = Sessions([], [])
    assert np.isnan(Indicator("vwap").of(_columns(rows), empty)["vwap"]).all()
    assert math.isnan(IndicatorState("vwap", empty).append(rows[0])["vwap"])


def test_vwap_before_1970() -> None:
    rows = [(-_MINUTE, 2.0, 2.0, 2.0, 2.0, 1.0), (0, 4.0, 4.0, 4.0, 4.0, 1.0)]
    assert Indicator("vwap").of(_columns(rows))["vwap"].tolist() == [2.0, 4.0]
    assert _appended(IndicatorState("vwap"), rows)["vwap"].tolist() == [2.0, 4.0]


# Live and in bulk


@given(_indicators, _bars(_ticks))
def test_bar_by_bar_equals_bulk_to_the_last_bit(indicator: Indicator, rows: list[_Row]) -> None:
    state = IndicatorState(indicator)
    _same(_appended(state, rows, check_peek=True), indicator.of(_columns(rows)))
    assert state.bars == len(rows)


@given(_indicators, _bars(_wild))
def test_bar_by_bar_equals_bulk_whatever_the_numbers(indicator: Indicator, rows: list[_Row]) -> None:
    _same(_appended(IndicatorState(indicator), rows, check_peek=True), indicator.of(_columns(rows)))


@given(_indicators, _bars(_ticks), st.data())
def test_peeking_changes_nothing_and_amending_is_as_if_it_had_been_so(
    indicator: Indicator, rows: list[_Row], data: st.DataObject
) -> None:
    state, others = IndicatorState(indicator), data.draw(_bars(_ticks))
    for i, row in enumerate(rows):
        for other in others[:2]:
            state.peek((row[0], *other[1:]))
            if i % 3 == 0:
                state.append((row[0], *other[1:]))
                np.testing.assert_equal(state.amend(row), state.amend(row))
                break
        else:
            state.append(row)
    fresh = IndicatorState(indicator)
    fresh.rebuild(_columns(rows))
    following = [(_START + 100_000 * _MINUTE, *other[1:]) for other in others]
    _same(_appended(state, following), _appended(fresh, following))
    assert (state.bars, fresh.bars) == (len(rows) + len(others),) * 2


@given(_indicators, _bars(_wild), st.booleans())
def test_rebuilding_gives_the_bulk_and_leaves_the_forming_bar_out(
    indicator: Indicator, rows: list[_Row], forming: bool
) -> None:
    state = IndicatorState(indicator)
    _appended(state, _rows(_walk(30)))
    held = _columns(rows, forming)
    _same(state.rebuild(held), indicator.of(held))
    closed = len(rows) - (forming and bool(rows))
    assert state.bars == closed
    fresh = IndicatorState(indicator)
    _appended(fresh, rows[:closed])
    _same(_appended(state, rows[closed:]), _appended(fresh, rows[closed:]))
    if closed and closed == len(rows):
        np.testing.assert_equal(state.amend(rows[-1]), fresh.amend(rows[-1]))


@pytest.mark.parametrize("text", ["sma(200)", "bollinger(200, 2)", "ema(200)", "rsi(200)", "atr(200)"])
def test_long_series_stay_equal(text: str) -> None:
    held = _walk(5_000)
    _same(_appended(IndicatorState(text), _rows(held)), Indicator.parse(text).of(held))


def test_records_and_rows_are_the_same_bar() -> None:
    row = (_START, 1.0, 3.0, 0.5, 2.0, 7.0)
    bar = Bar("MNQ", "1min", row[0], *row[1:5], volume=7, tick_count=3)
    for name in NAMES:
        one, other = IndicatorState(name), IndicatorState(name)
        np.testing.assert_equal(one.append(bar), other.append((*row, 3, 14.0)))
        assert all(isinstance(value, float) for value in one.peek(bar).values())


# Few bars, flat prices, gaps


@pytest.mark.parametrize("name", NAMES)
def test_no_bar_and_one_bar(name: str) -> None:
    indicator = Indicator(name)
    assert {line: len(values) for line, values in indicator.of(_columns([])).items()} == dict.fromkeys(
        indicator.lines, 0
    )
    row = (_START, 1.0, 3.0, 2.0, 2.0, 7.0)
    values = indicator.of(_columns([row]))
    assert all(np.isnan(one[0]) == (indicator.warm_up > 1) for one in values.values())
    state = IndicatorState(name)
    assert {line: len(made) for line, made in state.rebuild(_columns([])).items()} == dict.fromkeys(
        indicator.lines, 0
    )
    with pytest.raises(NoDataError, match="append one first"):
        state.amend(row)


@given(_indicators)
def test_the_warm_up_ends_when_it_says(indicator: Indicator) -> None:
    held = _walk(60)
    values = np.array(list(indicator.of(held).values()))
    ready = ~np.isnan(values).any(axis=0)
    assert int(np.argmax(ready)) == indicator.warm_up - 1
    assert ready[indicator.warm_up - 1 :].all()


@pytest.mark.parametrize("price", [0.1, 100.25, 64_123.37, 1e-8])
def test_flat_prices_are_exact(price: float) -> None:
    rows = [(_START + i * _MINUTE, price, price, price, price, 3.7) for i in range(100)]
    held = _columns(rows)
    wanted = {"vwap": 3 * price / 3, "rsi": 50.0}
    wanted |= dict.fromkeys(("sma", "ema", "upper", "middle", "lower"), price)
    for name in NAMES:
        indicator = Indicator(name)
        for line, values in indicator.of(held).items():
            ready = values[indicator.warm_up - 1 :]
            np.testing.assert_allclose(ready, wanted.get(line, 0.0), rtol=3e-16, err_msg=line)
            assert len(set(ready.tolist())) == 1


def test_a_market_that_only_rises_or_falls_has_an_rsi_at_its_end() -> None:
    for sign, wanted in ((1.0, 100.0), (-1.0, 0.0)):
        closes = 1000 + sign * np.arange(40.0)
        held = _columns([(_START + i * _MINUTE, c, c, c, c, 1.0) for i, c in enumerate(closes.tolist())])
        assert set(Indicator("rsi").of(held)["rsi"][14:].tolist()) == {wanted}


@pytest.mark.parametrize("name", ["vwap", "delta"])
@pytest.mark.parametrize("missing", [_NAN, math.inf])
def test_a_bar_without_volume_counts_for_nothing(name: str, missing: float) -> None:
    rows = _rows(_walk(40))
    holes = {0, 7, 8, 39}
    gaps = [(*row[:5], missing) if i in holes else row for i, row in enumerate(rows)]
    found = Indicator(name).of(_columns(gaps))[name]
    without = Indicator(name).of(_columns([row for i, row in enumerate(rows) if i not in holes]))[name]
    np.testing.assert_array_equal(np.delete(found, sorted(holes)), without)
    assert np.isnan(found[sorted(holes)]).all()
    _same(_appended(IndicatorState(name), gaps, check_peek=True), {name: found})


@pytest.mark.parametrize("name", ["sma", "ema", "bollinger", "rsi", "macd", "atr"])
def test_indicators_of_prices_need_no_volume(name: str) -> None:
    held = _walk(60)
    without = dataclasses.replace(held, volume=np.full(60, _NAN))
    _same(Indicator(name).of(without), Indicator(name).of(held))


def test_no_volume_has_no_mean_price_until_there_is_some() -> None:
    rows = [(_START + i * _MINUTE, 2.0, 2.0, 2.0, 2.0, v) for i, v in enumerate((0.0, -1.0, 3.0, 0.0))]
    found = Indicator("vwap").of(_columns(rows))
    np.testing.assert_array_equal(found["vwap"], [_NAN, _NAN, 2.0, 2.0])
    _same(_appended(IndicatorState("vwap"), rows, check_peek=True), found)


# Texts and parameters


@pytest.mark.parametrize(
    ("text", "written", "label", "pane", "lines"),
    [
        ("ema(20)", "ema(20)", "EMA 20", "price", ("ema",)),
        (" SMA ( 50 ) ", "sma(50)", "SMA 50", "price", ("sma",)),
        ("ema", "ema(20)", "EMA 20", "price", ("ema",)),
        ("vwap()", "vwap", "VWAP", "price", ("vwap",)),
        ("bollinger(20, 2)", "bollinger(20, 2)", "Bollinger 20, 2", "price", ("upper", "middle", "lower")),
        ("Bollinger(deviations = 2.5)", "bollinger(20, 2.5)", "Bollinger 20, 2.5", "price", None),
        ("rsi(14)", "rsi(14)", "RSI 14", "lower", ("rsi",)),
        ("macd(12,26,9)", "macd(12, 26, 9)", "MACD 12, 26, 9", "lower", ("macd", "signal", "histogram")),
        ("macd(5, signal=3)", "macd(5, 26, 3)", "MACD 5, 26, 3", "lower", None),
        ("atr(length=7)", "atr(7)", "ATR 7", "lower", ("atr",)),
        ("delta", "delta", "Volume delta", "lower", ("delta",)),
    ],
)
def test_what_a_text_means(
    text: str, written: str, label: str, pane: str, lines: tuple[str, ...] | None
) -> None:
    found = Indicator.parse(text)
    assert (str(found), found.label, found.pane) == (written, label, pane)
    assert lines is None or found.lines == lines
    assert Indicator.parse(found) is found
    assert Indicator.parse(str(found)) == found
    assert hash(Indicator.parse(str(found))) == hash(found)


@given(_indicators)
def test_an_indicator_is_understood_as_it_is_written(indicator: Indicator) -> None:
    assert Indicator.parse(str(indicator)) == indicator
    assert Indicator.parse(repr(str(indicator)).strip("'").upper()) == indicator


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("emma(20)", "no indicator is called 'emma'. Did you mean 'ema'"),
        ("supertrend", "Allowed: sma, ema, vwap, bollinger, rsi, macd, atr, delta"),
        (
            "ema(0)",
            f"length of ema must be a whole number from 1 to {LONGEST}; got 0. Write for instance ema",
        ),
        ("ema(5001)", "got 5001"),
        ("ema(-3)", "got -3"),
        ("ema(20.5)", "got 20.5"),
        ("ema(nan)", "must be a whole number"),
        ("ema(" + "9" * 100 + ")", "must be a whole number"),
        ("ema(twenty)", "length of ema must be a number; got 'twenty'"),
        ("ema(,)", "must be a number; got ''"),
        ("ema(20, 3)", "ema takes the parameters length; got 2"),
        ("vwap(1)", "vwap takes the parameters none; got 1"),
        ("ema(lenght=20)", "ema has no parameter 'lenght'. Did you mean 'length'"),
        ("macd(fast=3, 10)", "parameters by name come last"),
        ("macd(3, fast=4)", "fast of macd is given twice"),
        (
            "macd(26, 12, 9)",
            r"fast of macd must be below slow; got fast=26, slow=12. Write for instance macd\(12, 26, 9\)",
        ),
        ("bollinger(1)", "length of bollinger must be a whole number from 2"),
        ("bollinger(20, 0)", "deviations of bollinger must be a number from 0.01 to 100"),
        ("bollinger(20, nan)", "must be a number from 0.01"),
        ("bollinger(20, inf)", "must be a number from 0.01"),
        ("", "is written like ema"),
        ("ema 20", "is written like ema"),
        ("ema(20", "is written like ema"),
        ("ema(20) vwap", "is written like ema"),
        ("ema(" + " " * 1000 + "20)", "is written like ema"),
        (None, "is written like ema"),
        (20, "is written like ema"),
    ],
)
def test_what_is_not_understood_is_said(text: object, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Indicator.parse(text)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match=message):
        IndicatorState(text)  # type: ignore[arg-type]


@given(st.text(max_size=30) | st.from_regex(r"(ema|macd|bollinger)\(.{0,12}\)"))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        found = Indicator.parse(text)
    except OptionError:
        return
    assert Indicator.parse(str(found)) == found


def test_parameters_by_keyword() -> None:
    assert Indicator.make("MACD", fast=5, slow=20) == Indicator("macd", (5, 20, 9))
    assert Indicator.make("ema", length=np.int64(9)) == Indicator.parse("ema(9)")
    for wrong in (True, "20", None, 20.0, [20]):
        with pytest.raises(OptionError, match="length of ema must be a whole number"):
            Indicator.make("ema", length=wrong)
    with pytest.raises(OptionError, match="has no parameter 'period'"):
        Indicator.make("ema", period=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Indicator("ema").name = "sma"  # type: ignore[misc]


def test_bars_in_the_wrong_order_are_refused() -> None:
    state = IndicatorState("ema(2)")
    rows = _rows(_walk(3))
    _appended(state, rows)
    with pytest.raises(OptionError, match=r"oldest first.*rebuild"):
        state.append(rows[0])
    with pytest.raises(OptionError, match=r"only the newest bar.*rebuild"):
        state.amend(rows[0])
    assert state.bars == 3
    state.append(rows[2])  # bars of equal volume may start at one instant


def test_columns_of_different_lengths_are_refused() -> None:
    held = dataclasses.replace(_walk(5), close=np.ones(4))
    state = IndicatorState("vwap")
    state.append((_START, 1.0, 1.0, 1.0, 1.0, 1.0))
    with pytest.raises(OptionError, match="must be of one length"):
        Indicator("vwap").of(held)
    with pytest.raises(OptionError, match="must be of one length"):
        state.rebuild(held)
    assert state.bars == 1


def test_no_pandas_is_loaded() -> None:
    code = "import sys, mdnb.analysis.indicator_state as made\n"
    code += "made.IndicatorState('macd').append((0, 1.0, 1.0, 1.0, 1.0, 1.0))\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print('pandas' in sys.modules)"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    assert done.stdout.strip() == "False"
