"""A chart that is sent to an instant shows its bar in the middle, as far zoomed as it is."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from mdnb.errors import OptionError
from mdnb.widgets.chart.chart import LiveChart
from tests.widgets.chart.charts import drawn_by_hand
from tests.widgets.sources import MINUTE_NS, HandSource, row


def at(minute: float) -> pd.Timestamp:
    return pd.Timestamp(round(minute * MINUTE_NS), tz="UTC")


@pytest.mark.parametrize(
    ("time", "bar"),
    [
        (at(10), 10),
        (at(10.9), 10),
        (at(0), 0),
        (at(50.5), 50),
        ("1970-01-01T00:20:00Z", 20),
        ("1969-12-31 18:20", 20),
    ],
)
def test_its_bar_is_in_the_middle(chart: LiveChart, time: Any, bar: int) -> None:
    chart.go_to(time)
    low, high = chart.layout.xaxis.range
    assert (low + high) / 2 == bar
    assert not chart.follows


def test_it_stays_as_far_zoomed_as_a_page_said(chart: LiveChart) -> None:
    chart.go_to(at(20))
    assert chart.layout.xaxis.range == (20 - 50, 20 + 50)  # of 100 bars at most
    chart._on_message(chart, {"kind": "follows", "follows": True, "view": [40, 6]}, [])
    chart.go_to(at(20))
    assert chart.layout.xaxis.range == (0, 40)
    chart._on_message(chart, {"kind": "follows", "follows": False, "view": [5, 15]}, [])
    chart.go_to(at(30))
    assert chart.layout.xaxis.range == (25, 35)


def test_of_a_night_it_is_the_bar_before() -> None:
    source = HandSource(10)
    source.rows += [row(1000 + minute) for minute in range(5)]
    source.now = None
    chart = drawn_by_hand(source, bars=100)
    chart.go_to(at(500))
    assert sum(chart.layout.xaxis.range) / 2 == 9
    chart.close()


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (
            at(-1),
            "is before the chart's oldest bar, 1969-12-31 18:00:00 CST; a chart with more is made with bars=",
        ),
        (at(52), "is after the chart's newest bar, 1969-12-31 18:50:00 CST"),
        (None, "go_to takes a time; got None"),
        ("some day", "'some day' is not an instant"),
    ],
)
def test_a_time_without_a_bar_is_refused_and_nothing_moves(chart: LiveChart, time: Any, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        chart.go_to(time)
    assert words in str(caught.value)
    assert chart.layout.xaxis.range is None
    assert chart.follows
