"""Drawings without a page: shapes of the figure, found by their names, carried by their times."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mdnb.errors import OptionError
from mdnb.stores.columns import columns_from_rows
from mdnb.widgets.chart.anchors import ordinals_of, times_of
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.figure.drawn import DrawnLine
from mdnb.widgets.page.sender import sender
from mdnb.widgets.page.theme import theme_of
from tests.widgets.sources import MINUTE_NS, HandSource, TwoFrames, row


def _at(minute: float) -> pd.Timestamp:
    return pd.Timestamp(int(minute * MINUTE_NS), tz="UTC")


@pytest.fixture
def source() -> HandSource:
    return TwoFrames()


def _names(chart: LiveChart) -> list[str]:
    return [shape.name or "theirs" for shape in chart.layout.shapes]


def _tell(chart: LiveChart, shapes: list[dict[str, Any]], **more: Any) -> None:
    """Say what a page says when somebody drew there."""
    told = {"relayout_data": {"shapes": shapes}, "source_view_id": "v", "drawn": True, **more}
    chart._on_message(chart, {"kind": "relayout", "told": told}, [])


def test_what_is_drawn_from_python(chart: LiveChart) -> None:
    chart.add_hline(y=1.0)
    line = chart.draw_line(101.25)
    box = chart.draw_rectangle(_at(10), _at(20), 99, 103.5)
    assert chart.drawings == (line, box)
    assert line.price == 101.25
    assert box[1:] == (_at(10), _at(20), 99.0, 103.5)
    assert str(box.start.tz) == "America/Chicago"
    shape = chart.layout.shapes[2]
    assert (shape.x0, shape.x1, shape.y0, shape.y1) == (10, 20, 99, 103.5)
    chart.clear_drawings()
    assert _names(chart) == ["theirs"]
    assert chart.drawings == ()


def test_a_rectangle_may_reach_beyond_the_bars(chart: LiveChart) -> None:
    box = chart.draw_rectangle(_at(-10), _at(60), 99, 103)
    shape = chart.layout.shapes[0]
    assert (shape.x0, shape.x1) == (-10, 60)
    assert chart.drawings == (box,)


def test_every_kind_is_drawn_told_set_and_carried(chart: LiveChart) -> None:
    chart.add_hline(y=1.0)
    made = (
        chart.draw_line(100),
        chart.draw_vertical(_at(12)),
        chart.draw_rectangle(_at(10), _at(20), 99, 103),
        chart.draw_trend(_at(20), 99, _at(10), 103),
        chart.draw_ray(_at(10), 99, _at(20), 103),
        chart.draw_fibonacci(_at(10), 100, _at(20), 110),
        chart.draw_measure(_at(20), 100, _at(10), 98),
        chart.draw_text(_at(15), 101, "a <b> & c"),
    )
    assert chart.drawings == made
    assert made[1].time == _at(12)
    assert made[3][1:] == (_at(20), 99, _at(10), 103), "it keeps its direction"
    assert (made[5].levels[0.5], made[5].levels[0.0]) == (105, 110)
    assert made[7].text == "a <b> & c"
    measured = made[6]
    assert (measured.bars, measured.change, measured.percent) == (-10, -2, -2)
    assert measured.duration == pd.Timedelta(minutes=-10)
    chart.set_timeframe("5min")
    assert [one._replace(bars=-10) if one == chart.drawings[6] else one for one in chart.drawings] == [*made]
    assert chart.drawings[6].bars == -2
    chart.set_timeframe("1min")
    assert chart.drawings == made
    before = chart.layout.shapes
    chart.drawings = chart.drawings
    assert chart.layout.shapes == before
    chart.drawings = made[3:5]
    assert chart.drawings == made[3:5]
    assert _names(chart) == ["theirs", made[3].name, made[4].name]


def test_drawings_are_those_of_another_chart(chart: LiveChart, source: HandSource) -> None:
    other = LiveChart(source, "5min", theme="dark")
    sender().remove(other)
    trend = chart.draw_trend(_at(11), 99, _at(20), 103)
    other.drawings = [*chart.drawings, DrawnLine("", 7.0), DrawnLine("mdnb-draw-trend-1", 8.0)]
    assert other.drawings[0] == trend
    assert (other.layout.shapes[0].x0, other.layout.shapes[0].line.color) == (2.2, theme_of("dark").drawn)
    assert [one.price for one in other.drawings[1:]] == [7, 8]
    assert other.drawings[2].name.startswith("mdnb-draw-line-")
    with pytest.raises(OptionError, match="is no drawing"):
        other.drawings = [trend, (1, 2)]
    with pytest.raises(OptionError, match="takes a list"):
        other.drawings = trend
    assert len(other.drawings) == 3, "nothing is changed then"
    other.close()


def test_one_name_is_one_drawing(chart: LiveChart) -> None:
    line = chart.draw_line(100)
    chart.drawings = [line, line._replace(price=101)]
    assert [one.price for one in chart.drawings] == [100, 101]
    assert len({one.name for one in chart.drawings}) == 2


def test_what_a_page_drew_is_told_with_times_and_prices(chart: LiveChart) -> None:
    line = {"type": "line", "name": "mdnb-draw-line-1", "xref": "paper", "x0": 0, "x1": 1, "y0": 7, "y1": 7}
    box = {"type": "rect", "name": "mdnb-draw-rect-1", "x0": 20, "x1": 10, "y0": 103, "y1": 99}
    changes = []
    chart.layout.on_change(lambda _layout, shapes: changes.append(len(shapes)), "shapes")
    _tell(chart, [line, box])
    assert changes == [2]
    assert [tuple(drawn) for drawn in chart.drawings] == [
        ("mdnb-draw-line-1", 7.0),
        ("mdnb-draw-rect-1", _at(10), _at(20), 99.0, 103.0),
    ]


def test_shapes_that_python_added_meanwhile_stay(chart: LiveChart) -> None:
    box = {"type": "rect", "name": "mdnb-draw-rect-1", "x0": 10, "x1": 20, "y0": 99, "y1": 103}
    chart.add_vline(x=30)
    told = []
    chart.observe(lambda change: change["new"] and told.append(change["new"]), "_py2js_relayout")
    _tell(chart, [box])  # of a page that has not heard of the line yet
    assert _names(chart) == ["theirs", "mdnb-draw-rect-1"]
    (edit,) = told
    assert edit["source_view_id"] is None, "that page lacks the line"
    _tell(chart, [chart.layout.shapes[0].to_plotly_json()])
    assert _names(chart) == ["theirs"]
    assert told[-1]["source_view_id"] == "v"


def test_shapes_that_plotly_drew_are_taken_as_they_are(chart: LiveChart) -> None:
    chart.add_vline(x=30)
    _tell(chart, [{"type": "rect", "x0": 1, "x1": 2, "y0": 3, "y1": 4}], drawn=False)
    assert [shape.type for shape in chart.layout.shapes] == ["rect"]


def test_rectangles_are_carried_to_another_timeframe_and_back(chart: LiveChart) -> None:
    line, box = chart.draw_line(100), chart.draw_rectangle(_at(11), _at(20), 99, 103)
    chart.set_timeframe("5min")
    shape = chart.layout.shapes[1]
    assert (shape.x0, shape.x1) == (2.2, 4)
    assert chart.drawings == (line, box)
    chart.set_timeframe("1min")
    assert (chart.layout.shapes[1].x0, chart.layout.shapes[1].x1) == (11, 20)
    chart.layout.shapes[1].x0 = 15
    assert chart.drawings[1].start == _at(15)


def test_each_symbol_has_drawings_of_its_own(source: HandSource) -> None:
    other = TwoFrames(symbol="MES")
    other.rows = [row(i - 20) for i in range(20)] + other.rows
    chart = LiveChart(source, "1min", theme="light", sources={"MNQ": source, "MES": other})
    sender().remove(chart)
    chart.add_hline(y=1.0)
    line, box = chart.draw_line(100), chart.draw_rectangle(_at(11), _at(20), 99, 103)
    chart.set_symbol("MES")
    assert chart.drawings == ()
    assert _names(chart) == ["theirs"], "other shapes are the user's own affair"
    there = chart.draw_rectangle(_at(11), _at(20), 5, 6)
    assert (chart.layout.shapes[1].x0, chart.layout.shapes[1].x1) == (31, 40)
    chart.set_theme("dark")
    chart.set_timeframe("5min")
    chart.set_symbol("MNQ")
    assert chart.drawings == (line, box)
    assert chart.layout.shapes[1].line.color == theme_of("dark").drawn
    assert (chart.layout.shapes[2].x0, chart.layout.shapes[2].x1) == (2.2, 4)
    chart.clear_drawings()
    chart.set_symbol("MES")
    assert chart.drawings == (there,)
    chart.close()


def test_bars_put_in_before_a_rectangle_move_it(chart: LiveChart, source: HandSource) -> None:
    box = chart.draw_rectangle(_at(10), _at(20), 99, 103)
    source.rows = [row(i - 20) for i in range(20)] + source.rows
    source.generation += 1
    chart.draw()
    assert (chart.layout.shapes[0].x0, chart.layout.shapes[0].x1) == (30, 40)
    assert chart.drawings == (box,)


def test_themes_colour_what_is_drawn_unless_the_user_chose(chart: LiveChart) -> None:
    chart.draw_line(100)
    chart.draw_line(101)
    chart.add_hline(y=99, line_color=theme_of("light").drawn)
    chart.layout.shapes[1].line.color = "red"
    chart.draw_text(_at(5), 100, "x")
    chart.set_theme("dark")
    dark, light = theme_of("dark").drawn, theme_of("light").drawn
    assert [shape.line.color for shape in chart.layout.shapes] == [dark, "red", light, dark]
    assert chart.layout.shapes[3].label.font.color == dark
    chart.drawings = [one._replace(price=7) for one in chart.drawings]
    assert [shape.line.color for shape in chart.layout.shapes] == [light, dark, "red", dark]


def test_copies_have_the_drawings_once(chart: LiveChart) -> None:
    line = chart.draw_line(100)
    chart.add_hline(y=99.5, line_width=3)
    shapes = chart.snapshot().layout.shapes
    assert [(shape.name, shape.y0) for shape in shapes] == [
        ("mdnb-last", 101),
        (line.name, 100),
        (None, 99.5),
    ]
    assert [shape.line.width for shape in shapes] == [1, 1.5, 3]
    assert chart.get_state()["_widget_layout"]["shapes"][0]["y0"] == 100


def test_copies_have_what_plotly_does_not_draw(chart: LiveChart) -> None:
    chart.draw_ray(_at(10), 100, _at(20), 101)
    chart.draw_fibonacci(_at(10), 100, _at(20), 110)
    chart.draw_measure(_at(10), 100, _at(20), 102.5)
    chart.draw_text(_at(12), 101, "a <b> & c")
    plain = chart.snapshot().layout
    made = [shape for shape in plain.shapes if shape.name is None]
    (ray, *levels) = [(shape.x0, shape.y0, shape.x1, shape.y1) for shape in made]
    assert ray[:2] == (20, 101)
    assert (ray[3] - 101) / (ray[2] - 20) == pytest.approx(0.1), "it goes on as it was"
    assert ray[2] > 400, "far beyond the newest bar"
    assert [level[1] for level in levels] == pytest.approx([110, 107.64, 106.18, 105, 103.82, 102.14, 100])
    said = [note.text for note in plain.annotations]
    assert "0.618  103.82" in said
    assert "+2.50 · +2.50% · +10 ticks<br>+10 bars · 10m" in said
    picture = ET.fromstring(chart.picture())
    texts = [one.text for one in picture.iter() if one.tag.endswith("text")]
    assert {"a <b> & c", "0.618  103.82", "+10 bars · 10m"} <= set(texts)
    (cut,) = [one for one in picture if one.tag.endswith("svg")]
    assert len(list(cut)) > len(levels)
    assert len(chart.layout.shapes) == 4, "the chart itself has them no more than before"


def test_a_ray_is_straight_on_a_logarithmic_axis(chart: LiveChart) -> None:
    chart.update_layout(yaxis_type="log")
    chart.draw_ray(_at(10), 100, _at(20), 110)
    (far,) = [shape for shape in chart.snapshot().layout.shapes if shape.name is None]
    slope = np.log(110 / 100) / 10
    assert np.log(far.y1 / 110) / (far.x1 - 20) == pytest.approx(slope)
    ET.fromstring(chart.picture())


def test_the_stock_front_end_keeps_shapes_apart(source: HandSource) -> None:
    with pytest.warns(UserWarning, match="refreshes"):
        chart = LiveChart(source, "1min", frontend="stock", theme="light")
    sender().remove(chart)
    chart.add_hline(y=99.5, line_width=3)
    box = chart.draw_rectangle(_at(11), _at(20), 99, 103)
    for price in (101.5, 102.0):
        source.tick(price)
        chart.draw()
        assert [shape.name for shape in chart.layout.shapes] == ["mdnb-last", None, box.name]
        assert [shape.y0 for shape in chart.layout.shapes] == [price, 99.5, 99]
    chart.set_timeframe("5min")
    assert chart.drawings == (box,)
    chart.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10, 10, 1, 2), "start must be before end"),
        ((None, 10, 1, 2), "start must be before end"),
        (("then", 10, 1, 2), "not an instant"),
        ((0, 10, 2, 1), "low must be below high; got 2 and 1"),
        ((0, 10, float("nan"), 1), "low must be a finite price"),
        ((0, 10, 0, "1"), "high must be a finite price; got '1'"),
    ],
)
def test_what_cannot_be_drawn(chart: LiveChart, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        chart.draw_rectangle(*arguments)
    with pytest.raises(OptionError, match="price must be a finite price"):
        chart.draw_line(True)
    with pytest.raises(OptionError, match="time must be an instant"):
        chart.draw_vertical(None)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="at one place"):
        chart.draw_ray(5, 1, 5, 1)
    with pytest.raises(OptionError, match="1 to 200 letters"):
        chart.draw_text(5, 1, " ")
    assert not chart.layout.shapes


@given(gaps=st.lists(st.integers(1, 1_000_000), min_size=2, max_size=40), place=st.floats(-20, 60))
def test_times_of_ordinals_are_ordinals_of_times(gaps: list[int], place: float) -> None:
    starts = np.cumsum(gaps) * 60_000_000  # minutes, as many apart as it happens
    rows = [row(0)] * len(gaps)
    bars = columns_from_rows([(int(us) * 1000, *one[1:]) for us, one in zip(starts, rows, strict=True)])
    ordinal = bars.first + place
    (time,) = times_of([ordinal], bars)
    (again,) = ordinals_of([time], bars)
    assert again == pytest.approx(ordinal, abs=1e-4)
