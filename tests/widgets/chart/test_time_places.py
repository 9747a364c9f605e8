"""What is added at times stands at their bars, and stays there: minutes since 1970 tell which these are."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
import pytest
from hypothesis import given, strategies as st

from mdnb.errors import OptionError
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.chart.time_places import instants
from tests.widgets.chart.charts import drawn_by_hand
from tests.widgets.sources import MINUTE_NS, HandSource, TwoFrames, row

ZONE = "America/Chicago"


@pytest.fixture
def source() -> HandSource:
    return TwoFrames()


def at(minute: float) -> pd.Timestamp:
    return pd.Timestamp(round(minute * MINUTE_NS), tz="UTC").tz_convert(ZONE)


AT = pd.DatetimeIndex([at(minute) for minute in (10, 11, 12)])


@pytest.mark.parametrize(
    "x",
    [
        AT,
        AT.tz_convert("UTC"),
        list(AT),
        AT.to_pydatetime(),
        [one.isoformat() for one in AT],
        [one.strftime("%Y-%m-%d %H:%M") for one in AT],  # without a zone the chart's
        pd.Series(AT),
        AT.tz_localize(None),
        [one.tz_convert("UTC").to_pydatetime().astimezone().replace(tzinfo=None) for one in AT],
        [10, 11.0, "12"],
        np.array([10, 11, 12]),
        pd.RangeIndex(10, 13),
    ],
    ids=lambda x: type(x).__name__,
)
def test_a_trace_stands_at_its_bars(chart: LiveChart, x: Any) -> None:
    chart.add_scatter(x=x, y=[1, 2, 3], name="mine")
    assert [float(place) for place in chart.data[-1].x] == [10, 11, 12]
    chart.add_trace(go.Bar(x=x, y=[1, 2, 3]))
    assert [float(place) for place in chart.data[-1].x] == [10, 11, 12]


def test_between_bars_by_proportion_and_beyond_them_as_they_went_on(chart: LiveChart) -> None:
    times = [at(minute) for minute in (-3, 0, 7.5, 50, 52.5)]
    chart.add_scatter(x=[*times, None, pd.NaT], y=[1] * 7)
    assert chart.data[-1].x.tolist()[:5] == [-3, 0, 7.5, 50, 52.5]
    assert np.isnan(chart.data[-1].x[5:]).all()


def test_a_night_between_two_bars_is_as_wide_as_a_minute() -> None:
    source = HandSource(10)
    source.rows += [row(1000 + minute) for minute in range(5)]
    source.now = None
    chart = drawn_by_hand(source, bars=100)
    chart.add_scatter(x=[at(9), at(9 + 991 / 2), at(1000)], y=[1, 1, 1])
    assert chart.data[-1].x.tolist() == [9, 9.5, 10]
    chart.close()


def test_what_plotly_express_makes(chart: LiveChart) -> None:
    frame = pd.DataFrame({"time": AT, "price": [1.0, 2.0, 3.0]})
    for made in (px.line(frame, x="time", y="price"), px.scatter(frame.set_index("time"))):
        chart.add_traces(made.data)
        assert chart.data[-1].x.tolist() == [10, 11, 12]


def test_lines_rectangles_annotations_images_and_the_range(chart: LiveChart) -> None:
    chart.add_vline(x=at(10), annotation_text="here")
    chart.add_vrect(x0=at(20), x1=at(25), annotation_text="there")
    chart.add_shape(type="line", x0=at(1), x1=at(2), y0=1, y1=2)
    chart.add_shape(type="rect", xsizemode="pixel", xanchor=at(3), x0=0, x1=10, y0=1, y1=2)
    chart.add_annotation(x=at(30), y=1, ax=at(31), axref="x", ay=2, ayref="y", text="both")
    chart.add_annotation(x=0.5, xref="paper", y=0.5, yref="paper", text="of the page")
    chart.add_layout_image(
        x=at(4), y=1, xref="x", yref="y", source="data:image/png;base64,", sizex=1, sizey=1
    )
    chart.update_xaxes(range=[at(5), at(45)])
    shapes = [(shape.xanchor, shape.x0, shape.x1) for shape in chart.layout.shapes]
    assert shapes == [(None, 10, 10), (None, 20, 25), (None, 1, 2), (3, 0, 10)]
    notes = [(note.x, note.ax) for note in chart.layout.annotations if note.name is None]
    assert notes == [(10, None), (25, None), (30, 31), (0.5, None)]
    assert chart.layout.images[0].x == 4
    assert chart.layout.xaxis.range == (5, 45)
    chart.layout.shapes[0].x0 = at(11)
    chart.layout.xaxis.range = (at(6), 45)
    assert (chart.layout.shapes[0].x0, chart.layout.xaxis.range) == (11, (6, 45))


def test_each_way_to_change_a_figure(chart: LiveChart) -> None:
    chart.add_scatter(x=AT, y=[1, 2, 3])
    uid, mine = chart.data[-1].uid, len(chart.data) - 1

    def placed() -> list[float]:
        (trace,) = (one for one in chart.data if one.uid == uid)
        return list(map(float, trace.x))

    chart.data[mine].x = [at(1), at(2), at(3)]
    assert placed() == [1, 2, 3]
    chart.update_traces({"x": [at(4), at(5), at(6)]}, selector={"uid": uid})
    assert placed() == [4, 5, 6]
    chart.plotly_restyle({"x": [[at(7), at(8), at(9)]]}, mine)
    assert placed() == [7, 8, 9]
    with chart.batch_update():
        chart.data[mine].x = AT
        chart.layout.annotations = [{"x": at(2), "y": 1, "text": "a"}]
    assert placed() == [10, 11, 12]
    assert [note.x for note in chart.layout.annotations] == [2]
    chart.plotly_relayout({"annotations[0].x": at(3)})
    assert [note.x for note in chart.layout.annotations] == [3]
    chart.plotly_update({"x": [[at(1), at(2), at(4)]]}, {"xaxis.range": [at(1), at(9)]}, [mine])
    assert (placed(), chart.layout.xaxis.range) == ([1, 2, 4], (1, 9))


def test_a_page_is_told_places_and_no_times(chart: LiveChart) -> None:
    told: list[Any] = []
    for name in ("addTraces", "restyle", "relayout", "update"):
        chart.observe(lambda change: told.append(change["new"]), f"_py2js_{name}")
    chart.add_scatter(x=AT, y=[1, 2, 3])
    chart.data[-1].x = AT.shift(1, "min")
    chart.add_vline(x=AT[0])
    with chart.batch_update():
        chart.data[-1].x = AT
        chart.layout.xaxis.range = [AT[0], AT[2]]
    said = [one for one in told if one is not None]
    assert len(said) >= 4
    text = json.dumps(said, default=lambda value: value.tolist())  # a time would be no JSON
    assert "[10.0, 11.0, 12.0]" in text
    assert "[11.0, 12.0, 13.0]" in text
    assert '"range": [10.0, 12.0]' in text.replace("xaxis.", "")
    buffered = chart.get_state()["_widget_data"][-1]["x"]
    assert np.frombuffer(buffered["buffer"], buffered["dtype"]).tolist() == [10, 11, 12]


@pytest.mark.parametrize("frontend", ["own", "stock"])
@pytest.mark.filterwarnings("ignore:frontend='stock'")
def test_what_was_placed_goes_along_with_the_timeframe(source: HandSource, frontend: str) -> None:
    options = {"frontend": "stock"} if frontend == "stock" else {}
    chart = drawn_by_hand(source, bars=100, **options)
    chart.add_scatter(x=[at(10), at(12), at(60)], y=[1, 2, 3], name="mine")
    chart.add_scatter(x=[10, 12, 60], y=[1, 2, 3], name="ordinals")
    chart.add_vline(x=at(20), annotation_text="here")
    mine, ordinals = (
        next(trace for trace in chart.data if trace.name == name) for name in ("mine", "ordinals")
    )
    for timeframe, minutes in (("5min", 5), ("1min", 1), ("5min", 5)):
        chart.set_timeframe(timeframe)
        assert mine.x.tolist() == [10 / minutes, 12 / minutes, 60 / minutes]
        assert list(map(float, ordinals.x)) == [10, 12, 60]
        (line,) = (shape for shape in chart.layout.shapes if not (shape.name or "").startswith("mdnb"))
        (note,) = (note for note in chart.layout.annotations if note.text == "here")
        assert (line.x0, line.x1, note.x) == (20 / minutes, 20 / minutes, 20 / minutes)
    chart.close()


def test_what_lies_ahead_stands_at_its_bar_once_that_has_come(source: HandSource, chart: LiveChart) -> None:
    source.close_bar()
    chart.draw()
    # Nobody trades for four minutes: the next bar is another one than it seemed.
    chart.add_vline(x=at(55))
    chart.add_scatter(x=[at(51), at(55)], y=[1, 2])
    assert chart.layout.shapes[0].x0 == 55
    assert source.now is not None
    source.rows.append(source.now)
    source.now = row(55)
    source.updates += 1
    chart.draw()
    assert chart.layout.shapes[0].x0 == chart.layout.shapes[0].x1 == 52
    assert chart.data[-1].x.tolist() == [51, 52]


def test_bars_put_in_between_move_it(source: HandSource, chart: LiveChart) -> None:
    del source.rows[20:30]
    source.generation += 1
    chart.draw()
    chart.add_scatter(x=[at(10), at(40)], y=[1, 2])
    assert chart.data[-1].x.tolist() == [10, 30]
    source.rows[20:20] = [row(minute) for minute in range(20, 30)]
    source.generation += 1
    chart.draw()
    assert chart.data[-1].x.tolist() == [10, 40]


def test_ordinals_given_later_are_no_times_any_more(chart: LiveChart) -> None:
    chart.add_scatter(x=AT, y=[1, 2, 3])
    chart.data[-1].x = [10, 11, 13]
    chart.set_timeframe("5min")
    assert list(chart.data[-1].x) == [10, 11, 13]


def test_an_axis_of_its_own_is_its_own_affair(chart: LiveChart) -> None:
    chart.add_scatter(x=["a", "b"], y=[1, 2], xaxis="x2", yaxis="y9")
    chart.add_pie(values=[1, 2], labels=["a", "b"])
    assert list(chart.data[-2].x) == ["a", "b"]


@pytest.mark.parametrize(
    "x", [["a", "b"], [at(1), 2], ["3/2/2026", "3/3/2026"]], ids=["text", "mixed", "unclear"]
)
def test_what_is_neither_is_refused_and_not_in_the_figure(chart: LiveChart, x: list[Any]) -> None:
    before = len(chart.data)
    with pytest.raises(OptionError, match=r"A chart's x is a time, or a bar's ordinal"):
        chart.add_scatter(x=x, y=[1, 2], name="mine")
    assert len(chart.data) == before
    chart.add_shape(type="line", x0=1, x1=2, y0=1, y1=2)
    for add in (
        lambda: chart.add_vline(x="some day"),
        lambda: chart.add_annotation(x="some day", y=1, text="a"),
        lambda: chart.update_xaxes(range=["some day", "another"]),
    ):
        with pytest.raises(OptionError, match="'some day' is not an instant"):
            add()
    assert [(shape.x0, shape.x1) for shape in chart.layout.shapes] == [(1, 2)]
    assert [note.text for note in chart.layout.annotations] == []
    assert chart.layout.xaxis.range is None
    chart.add_vline(x=at(3))
    assert chart.layout.shapes[-1].x0 == 3


@given(
    st.lists(st.datetimes(pd.Timestamp(1990, 1, 1), pd.Timestamp(2100, 1, 1)), max_size=20),
    st.sampled_from(["UTC", ZONE]),
)
def test_times_are_those_of_pandas(naive: list[dt.datetime], zone: str) -> None:
    stamps = pd.DatetimeIndex(naive).tz_localize(
        zone, ambiguous=np.ones(len(naive), bool), nonexistent="shift_forward"
    )
    expected = stamps.as_unit("us").asi8.astype(float).tolist()
    for given_ in (stamps, list(stamps), pd.DatetimeIndex(naive).values, [str(one) for one in naive]):
        if len(naive):
            found = instants(given_, zone)
            assert found is not None
            assert found.tolist() == expected
