"""Windows beside one another: how long bars are, which window is the longest, and which closes lie in it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mdnb.analysis.alignment import bars_per_year_of
from mdnb.analysis.alignment_windows import (
    closes_read,
    closes_wanted,
    finest_and_longest,
    pooled_closes,
    windows_of,
)
from mdnb.analysis.nested_walks import Window
from mdnb.errors import OptionError
from mdnb.timeframes import Timeframe


def _frames(**bars: int) -> dict[Timeframe, int]:
    return {Timeframe.parse(name.strip("_")): count for name, count in bars.items()}


def _named(given: tuple[Timeframe, Timeframe] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(one.name for one in given)


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        ({"_1min": 50, "_5min": 50, "_15min": 50}, ("1min", "15min")),
        ({"_1min": 50, "_5min": 20, "_15min": 20}, ("1min", "15min")),
        ({"_5min": 50, "_15min": 17}, ("5min", "5min")),  # 245 and 240 minutes
        ({"_1week": 20, "_1hour": 50}, ("1hour", "1week")),
        ({"_500tick": 50, "_1000tick": 50}, ("500tick", "1000tick")),
        ({"_500tick": 50, "_1min": 50}, None),
        ({"_500tick": 50, "_1000vol": 50}, None),
        ({}, None),
    ],
)
def test_the_finest_bars_and_the_longest_window(
    bars: dict[str, int], expected: tuple[str, str] | None
) -> None:
    frames = _frames(**bars)
    per_year = bars_per_year_of(None, frames)
    assert _named(finest_and_longest(frames, per_year)) == expected
    assert bool(windows_of(frames, per_year, {})) == (expected is not None)


def test_a_bar_is_so_many_of_the_finest_long() -> None:
    frames = _frames(_5min=50, _15min=40, _1day=30)
    assert windows_of(frames, bars_per_year_of(None, frames), {}) == (
        Window(50, 1.0),
        Window(40, 3.0),
        Window(30, 290.0),  # 288: days differ by holidays, and what chance gives hardly does
    )
    hours = windows_of(
        frames, bars_per_year_of({"5min": 252 * 78, "15min": 252 * 26, "1day": 252}, frames), {}
    )
    assert hours == (Window(50, 1.0), Window(40, 3.0), Window(30, 78.0))


@pytest.mark.parametrize("held", [0, 245, 246, 1000])
def test_the_closes_of_the_longest_window(held: int) -> None:
    frames = _frames(_1min=50, _5min=50)
    closes = {one: np.arange(float(held if one.name == "1min" else 50)) for one in frames}
    found = pooled_closes(closes, frames, bars_per_year_of(None, frames))
    if held < 246:
        assert found is None
    else:
        assert found is not None
        assert found.tolist() == closes[next(iter(frames))][-246:].tolist()


def test_how_many_closes_are_read_and_wanted() -> None:
    assert (closes_read("tau", 50), closes_wanted("tau", 3)) == (50, 3)
    assert (closes_read("ema", 50), closes_wanted("ema", 3), closes_wanted("ema", 25)) == (400, 20, 25)
    assert (closes_read("macd", 5000), closes_wanted("macd", 20)) == (5000, 34)
    for call in (closes_read, closes_wanted):
        with pytest.raises(OptionError, match="got 'sma'"):
            call("sma", 50)  # type: ignore[arg-type]
    assert math.isnan(bars_per_year_of(None, _frames(_500tick=1))["500tick"])
