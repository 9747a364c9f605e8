"""Lines of the user's own: at any time what their function gives for the bars there are, by pandas alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mdnb.errors import OptionError
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.figure.live_expression import LiveExpression, LiveValues
from mdnb.widgets.figure.series import MOST_OVERLAYS
from tests.widgets.chart.charts import drawn_by_hand
from tests.widgets.sources import HandSource

FUNCTIONS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "mean of 5": lambda f: f["close"].rolling(5).mean(),
    "about the mean": lambda f: f["close"] - f["close"].mean(),  # each bar changes all values
    "reversed": lambda f: f["high"][::-1],
    "every other": lambda f: f["low"].iloc[::2],
    "array": lambda f: f["close"].to_numpy() * 2,
    "level": lambda _: 101.5,
}


def drawn(chart: LiveChart, name: str) -> list[float]:
    (trace,) = (trace for trace in chart.data if trace.name == name)
    return [float(value) for value in trace.y]


def expected(source: HandSource, name: str) -> list[float]:
    rows = [row for row in [*source.rows, source.now] if row]
    index = pd.DatetimeIndex([row[0] for row in rows], tz="UTC")
    frame = pd.DataFrame(
        {label: [row[at] for row in rows] for at, label in enumerate(("open", "high", "low", "close"), 1)},
        index,
    )
    made = FUNCTIONS[name](frame)
    values = pd.Series(made, frame.index) if np.ndim(made) == 0 or isinstance(made, np.ndarray) else made
    return [float(value) for value in values.reindex(frame.index)]


@pytest.mark.parametrize("name", list(FUNCTIONS))
@pytest.mark.parametrize("others", [(), ("ema(3)", "macd")], ids=["alone", "beside indicators"])
def test_it_is_what_its_function_gives_whatever_happens_to_the_bars(
    source: HandSource, name: str, others: tuple[str, ...]
) -> None:
    chart = drawn_by_hand(source, bars=100, overlays=others)
    chart.add_live(FUNCTIONS[name], name=name)
    np.testing.assert_allclose(drawn(chart, name), expected(source, name))
    for close in (99.0, 104.5, 100.25):
        source.close_bar()
        source.tick(close)
        chart.draw()
        np.testing.assert_allclose(drawn(chart, name)[:-1], expected(source, name)[:-1])
    amended = source.rows[-4]
    source.rows[-4] = (*amended[:2], 109.0, *amended[3:])
    source.generation += 1
    chart.draw()
    np.testing.assert_allclose(drawn(chart, name), expected(source, name))
    source.close_bar()
    source.now = None
    chart.draw()
    np.testing.assert_allclose(drawn(chart, name), expected(source, name))
    source.tick(105.0)  # the first trade of the next one
    chart.draw()
    np.testing.assert_allclose(drawn(chart, name), expected(source, name))
    chart.close()


@pytest.mark.parametrize(("name", "first"), [("mean of 5", 51), ("about the mean", 0)])
def test_a_page_is_sent_all_values_that_changed(
    source: HandSource, chart: LiveChart, name: str, first: int
) -> None:
    chart.add_live(FUNCTIONS[name], name=name)
    chart.draw()
    source.close_bar()
    source.close_bar()
    assert chart._mdnb.transport.held.refresh(source.version("1min")) in {first, 50}
    values = chart._mdnb.transport.held.column(f"{name} value")
    np.testing.assert_allclose(values, expected(source, name))


def test_while_a_bar_is_made_it_takes_a_twentieth_of_the_time() -> None:
    now, calls = [0.0], []

    def slow(frame: pd.DataFrame) -> pd.Series:
        calls.append(now[0])
        now[0] += 0.25
        return frame["close"]

    source = HandSource(3)
    values = LiveValues(LiveExpression("slow", slow), "UTC", lambda: now[0])
    values.all_of(source.columns("1min"))
    for tick in range(60):
        now[0] += 0.2
        source.tick(100.0 + tick)
        values.last_of(source.columns("1min"))
    assert [round(at) for at in calls] == [0, 5, 11]
    assert values.all_of(source.columns("1min"))[-1] == 159.0


def test_one_that_fails_is_told_once_and_drawn_again_once_it_succeeds(
    source: HandSource, chart: LiveChart, caplog: pytest.LogCaptureFixture
) -> None:
    fails = [False]

    def sometimes(frame: pd.DataFrame) -> pd.Series:
        if fails[0]:
            raise ZeroDivisionError("of the user's")
        return frame["close"]

    chart.add_live(sometimes)
    fails[0] = True
    with caplog.at_level(logging.ERROR, logger="mdnb"):
        for _ in range(3):
            source.close_bar()
            chart.draw()
    assert np.isnan(drawn(chart, "sometimes")).all()
    assert [record.getMessage() for record in caplog.records] == [
        "the live line 'sometimes' of a chart could not be computed, and is not drawn until it can"
    ]
    fails[0] = False
    source.close_bar()
    chart.draw()
    assert not np.isnan(drawn(chart, "sometimes")).any()


def test_it_stays_in_other_timeframes_kinds_and_among_other_overlays(chart: LiveChart) -> None:
    chart.add_live(FUNCTIONS["mean of 5"], "mean of 5")
    chart.add_live(lambda f: f["volume"], name="volume", pane="lower")
    chart.set_timeframe("5min")
    chart.set_kind("heikin-ashi")
    chart.add_overlay("ema(9)")
    assert chart.overlays == ("mean of 5", "volume", "ema(9)")
    chart.overlays = [*reversed(chart.overlays)]
    assert chart.overlays == ("ema(9)", "volume", "mean of 5")
    assert {"mean of 5", "volume", "ema(9)"} <= set(chart.shown().columns)
    (below,) = (trace for trace in chart.data if trace.name == "volume")
    assert below.yaxis == "y3"
    chart.remove_overlay("volume")
    chart.set_overlays("mean of 5")
    assert chart.overlays == ("mean of 5",)
    chart.remove_overlay("mean of 5")
    assert chart.overlays == ()
    with pytest.raises(OptionError, match=r"'mean of 5'|written like"):
        chart.remove_overlay("mean of 5")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((lambda f: f["close"],), "name of a live line is text of 1 to 40 letters; got ''"),
        ((lambda f: f["close"], "x" * 41), "name of a live line"),
        (("close", "mine"), "a live line is a function of the bars' frame"),
        ((lambda f: f["close"], "mine", "above"), "there is no pane 'above'. Allowed: price, lower"),
        (
            (lambda _: [1.0, 2.0], "mine"),
            r"a number for each of 51 bars, or one for all; got list of shape \(2,\)",
        ),
        ((lambda f: f, "mine"), "or one for all; got DataFrame"),
        ((lambda _: "text", "mine"), "or one for all; got str"),
        ((lambda f: f["close"], "ema(5)"), "the chart has a line 'ema(5)' already"),
    ],
)
def test_what_is_no_such_line_is_refused_and_changes_nothing(
    chart: LiveChart, arguments: tuple[Any, ...], words: str
) -> None:
    chart.add_overlay("ema(5)")
    with pytest.raises(OptionError) as caught:
        chart.add_live(*arguments)
    assert pd.Series([str(caught.value)]).str.contains(words.replace("(5)", r"\(5\)")).all()
    assert chart.overlays == ("ema(5)",)


def test_what_the_function_raises_at_first_reaches_who_adds_it(chart: LiveChart) -> None:
    with pytest.raises(KeyError, match="clsoe"):
        chart.add_live(lambda f: f["clsoe"], name="mine")
    assert chart.overlays == ()


def test_there_are_as_many_as_overlays(chart: LiveChart) -> None:
    for at in range(MOST_OVERLAYS):
        chart.add_live(lambda f: f["close"], name=f"line {at}")
    with pytest.raises(OptionError, match="at most 12"):
        chart.add_live(lambda f: f["close"], name="one more")
