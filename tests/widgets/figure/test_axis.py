"""Labels of the time axis against pandas; the price range as a property."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, strategies as st

from mdnb.widgets.figure.axis import price_range, round_numbers, time_labels


@pytest.mark.parametrize("tz", ["UTC", "America/Chicago", "Asia/Kolkata", "Australia/Lord_Howe"])
@pytest.mark.parametrize("frequency", ["1min", "5min", "1h", "1D", "7s"])
@pytest.mark.parametrize("start", ["2024-03-09 20:00", "2024-11-02 23:30", "2025-12-31 21:00"])
def test_each_label_is_the_time_of_its_bar(tz: str, frequency: str, start: str) -> None:
    index = pd.date_range(start, periods=180, freq=frequency, tz="UTC")
    where, labels = time_labels(index.as_unit("us").asi8.tolist(), 1000, tz, bold=True)
    local = index.tz_convert(tz)
    assert where == sorted(set(where))
    assert 1 < len(where) <= 24
    for at, label in zip(where, labels, strict=True):
        stamp = local[at - 1000]
        day = f"{stamp:%a} {stamp.day}"
        allowed = {f"{stamp:%H:%M}", f"{stamp:%H:%M:%S}", f"<b>{day}</b>"}
        allowed |= {day, f"{stamp:%b} {stamp.day}, {stamp.year}"}
        assert label in allowed
    days = [i for i in range(1, 180) if local[i].date() != local[i - 1].date()]
    if len(days) <= 8:
        bold = [
            at - 1000 for at, label in zip(where, labels, strict=True) if re.fullmatch("<b>.*</b>", label)
        ]
        assert bold == days


def test_no_bars_have_no_labels() -> None:
    assert time_labels([], 0, "UTC") == ([], [])


_PRICE = st.floats(1e-6, 1e9)


@given(st.lists(st.tuples(_PRICE, _PRICE), min_size=1, max_size=30), st.tuples(_PRICE, _PRICE))
def test_a_range_holds_every_bar_and_stays_while_it_does(
    bars: list[tuple[float, float]], some: tuple[float, float]
) -> None:
    low, high = (np.array([pick(bar) for bar in bars]) for pick in (min, max))
    first = price_range(low, high, None)
    assert first[0] < low.min()
    assert high.max() < first[1]
    assert price_range(low, high, first) == first
    held = (min(some), max(some))
    again = price_range(low, high, held)
    assert again in {held, first}
    assert again[0] <= low.min()
    assert high.max() <= again[1]


@example(low=64.0, height=1e-6, length=360.0)
@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(1e-6, 1e6),
    st.floats(20, 2000),
)
def test_prices_are_labelled_at_multiples_of_a_round_step(low: float, height: float, length: float) -> None:
    high = low + height
    if high - low < 1e-9 * max(abs(low), abs(high)):
        return
    found = round_numbers(low, high, length)
    slack = 1e-9 * max(abs(low), abs(high), 1.0)
    assert all(low - slack <= price <= high + slack for price in found)
    assert len(found) <= 11
    steps = np.diff(found)
    assert len(steps) >= 1
    step = float(steps[0])
    assert np.allclose(steps, step, rtol=1e-6, atol=slack)
    # A step so small beside its prices has few digits of its own: 9.99999e-8 is 1e-7.
    first = step / 10 ** np.floor(np.log10(step * (1 + 1e-4)))
    assert min(abs(first - round_one) for round_one in (1, 2, 5)) < 1e-3


def test_a_day_of_a_few_bars_leaves_the_labels_room_to_the_next_one() -> None:
    # Sunday's last hour, then Monday: as futures begin their week.
    friday = pd.date_range("2026-11-27", periods=200, freq="5min", tz="UTC")
    sunday = pd.date_range("2026-11-29 23:00", periods=120, freq="5min", tz="UTC")
    times = friday.append(sunday).as_unit("us").asi8.tolist()
    _, texts = time_labels(times, 0, "UTC", 8)
    assert [text for text in texts if text.startswith("<b>")] == ["<b>Mon 30</b>"]
    _, wide = time_labels(times, 0, "UTC", 40)
    assert [text for text in wide if text.startswith("<b>")] == ["<b>Sun 29</b>", "<b>Mon 30</b>"]
