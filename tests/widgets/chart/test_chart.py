"""The fast chart without a page: what it sends, what Python sees, which options it takes."""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from typing import Any

import ipywidgets
import plotly.graph_objects as go
import pytest
from comm.base_comm import BaseComm

from mdnb.errors import OptionError, TimeframeError
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.page.sender import sender
from mdnb.widgets.page.theme import theme_of
from tests.limits import LIMIT_SECONDS
from tests.widgets.chart.charts import Wire, drawn_by_hand
from tests.widgets.sources import HandSource, row


def test_a_tick_sends_one_row(chart: LiveChart, source: HandSource) -> None:
    wire = Wire(chart)
    chart.draw()
    assert not wire.messages
    source.left = 12.5
    source.tick(102.5)
    chart.draw()
    header, rows = wire.delta()
    assert header == [50, 1, 42, 99.75, 100.25, 0, 12.5]
    assert rows == [(50 * 60_000, 100, 102.5, 100, 102.5, 10)]
    assert len(wire.messages[-1][1]) == 104
    assert chart.data[1].close.tolist() == [102.5]


def test_while_the_bars_wait_the_newest_price_is_sent(chart: LiveChart, source: HandSource) -> None:
    wire = Wire(chart)
    for ahead in (103.25, 104.0, float("nan")):
        source.ahead = ahead
        source.updates += 1
        chart.draw()
    assert [content.get("ahead") for content, _ in wire.messages] == [103.25, 104.0, None]


def test_a_closed_bar_comes_with_the_next_one(chart: LiveChart, source: HandSource) -> None:
    wire = Wire(chart)
    source.tick(103)
    source.close_bar()
    source.close_bar()
    chart.draw()
    header, rows = wire.delta()
    assert header[0] == 50
    assert [bar[4] for bar in rows] == [103, 100, 100]
    assert chart.data[0].close[-2:].tolist() == [103, 100]
    assert chart.data[2].y.tolist() == [10.0] * 52


def test_an_amended_bar_is_sent_from_there_on(chart: LiveChart, source: HandSource) -> None:
    wire = Wire(chart)
    source.rows[45] = row(45, 250.0)
    source.generation += 1
    chart.draw()
    header, rows = wire.delta()
    assert header[0] == 45
    assert header[5] == 1
    assert rows[0][4] == 250
    assert len(rows) == 6


def test_older_history_is_sent_as_a_whole(chart: LiveChart, source: HandSource) -> None:
    wire = Wire(chart)
    source.rows = [row(i - 20) for i in range(20)] + source.rows
    source.generation += 1
    chart.draw()
    content, _packed = wire.messages[-1]
    assert content["kind"] in {"bars", "delta"}
    assert len(chart.data[0].x) == 70


def test_nothing_is_sent_while_nobody_looks_and_all_when_somebody_does(
    chart: LiveChart, source: HandSource
) -> None:
    wire = Wire(chart)
    chart._on_message(chart, {"kind": "visible", "page": "a", "visible": False}, [])
    source.tick(104)
    chart.draw()
    assert not wire.messages
    assert chart.data[1].close.tolist() == [104]
    chart._on_message(chart, {"kind": "visible", "page": "a", "visible": True}, [])
    assert [content["kind"] for content, _ in wire.messages] == ["bars"]


def test_a_page_that_lacks_bars_gets_them(chart: LiveChart) -> None:
    wire = Wire(chart)
    chart._on_message(chart, {"kind": "hello", "page": "a", "generation": 0, "end": 49}, [])
    chart._on_message(chart, {"kind": "need"}, [])
    assert [content["kind"] for content, _ in wire.messages] == ["delta", "bars"]
    for odd in (None, "x", {"kind": "unknown"}, {}):
        chart._on_message(chart, odd, [])
    assert len(wire.messages) == 2


def test_a_page_is_told_how_its_last_bar_moved_while_it_was_made(
    chart: LiveChart, source: HandSource
) -> None:
    chart.get_state()
    source.tick(104)
    chart.draw()
    wire = Wire(chart)
    chart._on_message(chart, {"kind": "hello", "page": "a", "generation": 0, "end": 51}, [])
    header, rows = wire.delta()
    assert (header[0], [bar[4] for bar in rows]) == (50, [104])
    chart._on_message(chart, {"kind": "visible", "page": "a", "visible": False}, [])
    source.tick(105)
    chart.draw()
    chart._on_message(chart, {"kind": "hello", "page": "b", "generation": 0, "end": 51}, [])
    assert wire.delta()[1][0][4] == 105


def test_the_state_of_a_reloaded_page_is_the_present(chart: LiveChart, source: HandSource) -> None:
    source.tick(105)
    chart.add_scatter(x=[1.0, 2.0], y=[3.0, 4.0], name="mine")
    state = chart.get_state()
    assert state["_look"]["columns"][4]["count"] == 51
    assert [trace.get("name") for trace in state["_widget_data"]][-1] == "mine"
    assert all("open" not in trace for trace in state["_widget_data"])
    assert len(state["_widget_data"][4]["x"]) == 2


@pytest.mark.parametrize("amended", [False, True], ids=["closed", "amended"])
def test_the_state_for_a_second_page_keeps_nothing_from_the_first(
    chart: LiveChart, source: HandSource, amended: bool
) -> None:
    wire = Wire(chart)
    source.tick(103)
    if amended:
        source.rows[48] = row(48, 250.0)
        source.generation += 1
    source.close_bar()
    assert chart.get_state()["_look"]["columns"][4]["count"] == 52
    chart.draw()
    header, rows = wire.delta()
    assert header[0] == (48 if amended else 50)
    assert [bar[4] for bar in rows] == ([250, source.rows[49][4]] if amended else []) + [103, 100]


def test_it_is_a_figure_widget_whose_copies_are_still(chart: LiveChart, source: HandSource) -> None:
    assert isinstance(chart, go.FigureWidget)
    chart.add_hline(y=100.0)
    still = chart.snapshot()
    assert not isinstance(still, go.FigureWidget)
    assert [len(trace.x) for trace in still.data] == [50, 1, 50, 1]
    assert len(still.layout.shapes) == 2
    source.tick(106)
    chart.draw()
    assert still.data[1].close[0] == 101
    assert "plotly" in chart.to_html(include_plotlyjs=False)


def test_colours_change_except_those_the_user_chose(chart: LiveChart) -> None:
    chart.layout.plot_bgcolor = "beige"
    chart.set_theme("dark")
    dark = theme_of("dark")
    assert chart.layout.paper_bgcolor == dark.background
    assert chart.layout.plot_bgcolor == "beige"
    assert chart.data[0].increasing.line.color == dark.up
    chart.set_theme("dark", "colorblind")
    assert chart.data[0].increasing.line.color == theme_of("dark", "colorblind").up
    with pytest.raises(OptionError, match="theme"):
        chart.set_theme("blue")


def test_another_timeframe_is_sent_as_a_whole(chart: LiveChart) -> None:
    wire = Wire(chart)
    chart.set_timeframe("5min")
    assert wire.messages[-1][0] == {"kind": "figure"}
    assert chart.get_state(["_look"])["_look"]["timeframe"] == "5m"
    assert chart.timeframe == "5min"
    with pytest.raises(TimeframeError):
        chart.set_timeframe("7min")


def test_the_state_is_told_when_it_changes_and_to_whoever_may_not_know_it(
    chart: LiveChart, source: HandSource
) -> None:
    wire = Wire(chart)

    def told() -> object:
        source.tick(100.0 + len(wire.messages) % 2)
        chart.draw()
        content, _ = wire.messages[-1]
        return content.get("status")

    # The page began with that of then.
    assert [told(), told()] == [None, None]
    source.state = "stale"
    assert [told(), told()] == ["stale", None]
    # A page that was made a moment ago, with the state of then.
    chart._on_message(None, {"kind": "hello", "page": "b", "generation": 0, "end": 51}, None)
    assert wire.messages[-1][0]["status"] == "stale"
    assert told() is None
    # What is sent as a whole names it too.
    chart._on_message(None, {"kind": "need"}, None)
    assert wire.messages[-1][0]["look"]["status"] == "stale"
    source.state = "connected"
    assert [told(), told()] == ["connected", None]


def test_the_figures_data_is_current_when_it_is_read(chart: LiveChart, source: HandSource) -> None:
    closed, forming = chart.data[0], chart.data[1]
    count = len(closed.x)
    # While ticks are drawn and nobody reads it, it is left alone.
    for close in (107.0, 108.0):
        source.tick(close)
        chart.draw()
    assert chart.__dict__["_mdnb_data"][1]["close"].tolist() == [101.0]
    assert forming.close[-1] == 108.0
    source.close_bar()
    chart.draw()
    source.tick(99.0)
    chart.draw()
    assert (len(closed.x), closed.close[-1], forming.close[-1]) == (count + 1, 108.0, 99.0)
    assert go.Figure(chart).data[0].close[-1] == 108.0


def test_a_closed_market_is_told_and_the_chart_stops(chart: LiveChart, source: HandSource) -> None:
    wire = Wire(chart)
    source.state = "closed"
    chart.draw()
    assert wire.messages[-1][0] == {"kind": "delta", "status": "closed", "tone": "dead"}
    assert not source.listeners
    source.tick(107)
    chart.draw()
    assert len(wire.messages) == 1


def test_a_picture_is_well_formed_whatever_the_symbol() -> None:
    chart = LiveChart(HandSource(symbol="<img src=x>&"), "1min", theme="dark")
    bundle = chart._repr_mimebundle_()
    assert set(bundle) == {
        "application/vnd.jupyter.widget-view+json",
        "image/png",
        "text/plain",
    }
    tree = ET.fromstring(chart.picture())  # our own text
    assert not [node for node in tree.iter() if node.tag.endswith("img")]
    assert "<img src=x>& · 1m" in "".join(tree.itertext())
    chart.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bars": 1}, "bars must be a whole number from 2 to 50000; got 1"),
        ({"bars": 50_001}, "from 2 to 50000"),
        ({"bars": True}, "bars must"),
        ({"bars": 5_001, "frontend": "stock"}, "from 2 to 5000"),
        ({"fps": 0}, "fps must be above 0"),
        ({"height": 10}, "height must"),
        ({"theme": "darkk"}, "dark"),
        ({"palette": "x"}, "palette"),
        ({"frontend": "slow"}, "front end"),
        ({"quotes": 1}, "quotes must be True or False"),
        ({"heigth": 300}, "heigth"),
    ],
)
def test_options_are_checked(source: HandSource, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        LiveChart(source, "1min", **options)
    assert not source.listeners


def test_the_stock_front_end_warns_and_is_slow(source: HandSource) -> None:
    with pytest.warns(UserWarning, match="at most 2 refreshes a second"):
        chart = LiveChart(source, "1min", frontend="stock", theme="light")
    sender().remove(chart)
    assert chart.fps == 2.0
    chart.add_annotation(text="mine", x=1, y=100)
    source.tick(109)
    chart.draw()
    assert chart.data[1].close[0] == 109
    assert [note.text for note in chart.layout.annotations][-1] == "mine"
    source.close_bar()
    chart.draw()
    assert len(chart.data[0].x) == 51
    chart.set_theme("dark")
    assert chart.layout.paper_bgcolor == theme_of("dark").background
    chart.close()


def test_the_stock_front_end_keeps_a_logarithmic_price_axis(source: HandSource) -> None:
    with pytest.warns(UserWarning, match="refreshes a second"):
        chart = LiveChart(source, "1min", frontend="stock", theme="light")
    sender().remove(chart)
    chart.update_layout(yaxis_type="log")
    for price in (109, 150, 400):
        source.tick(price)
        chart.draw()
        low, high = (10**power for power in chart.layout.yaxis.range)
        assert 0 < low < 97
        assert price < high < 2 * price
        (label,) = (note for note in chart.layout.annotations if note.name == "mdnb-last")
        assert 10**label.y == pytest.approx(price)
    chart.follow()
    assert 10 ** chart.layout.yaxis.range[1] > 400
    chart.close()


def test_the_sender_draws_it_and_lets_go(source: HandSource) -> None:
    chart = LiveChart(source, "1min", theme="light", fps=120)
    sent = threading.Event()
    chart.__dict__["send"] = lambda *_: sent.set()
    source.tick(110)
    for listener in source.listeners:
        listener()
    assert sent.wait(LIMIT_SECONDS)
    chart.close()
    assert not source.listeners


def test_a_page_whose_connection_is_open_before_the_chart_is_made_gets_all_of_it(source: HandSource) -> None:
    # As marimo does it: https://github.com/marimo-team/marimo, `init_marimo_widget`.
    sent: list[dict[str, Any]] = []

    class Connection(BaseComm):
        def publish_msg(self, msg_type: str, data: Any = None, *args: Any, **more: Any) -> None:
            sent.append({"type": msg_type, **(data or {})})

    def connect(widget: ipywidgets.Widget) -> None:
        if isinstance(widget, LiveChart):
            widget.comm = Connection(target_name="jupyter.widget", data={"state": widget.get_state()})

    ipywidgets.Widget.on_widget_constructed(connect)
    try:
        chart = LiveChart(source, "1min", theme="light", bars=100)
    finally:
        ipywidgets.Widget.on_widget_constructed(None)
    sender().remove(chart)
    first = sent[0]["state"]
    assert (sent[0]["type"], first["_look"], first["_bars"], first["_runtime"]) == ("comm_open", {}, b"", "")
    page: dict[str, Any] = {}
    for message in sent:
        page |= message.get("state", {})
    whole = chart.get_state()
    assert page["_look"] == whole["_look"] != {}
    assert page["_runtime"] == whole["_runtime"] != ""
    assert page["_widget_layout"] == whole["_widget_layout"]
    # Such a host takes no other code for a widget that is there, and that is not sent twice.
    assert [message for message in sent if "_esm" in message.get("state", {})] == sent[:1]
    paths = [path for message in sent[1:] for path in message.get("buffer_paths", [])]
    assert ["_bars"] in paths
    chart.close()


def test_the_page_tells_its_theme_where_no_probe_does(source: HandSource) -> None:
    chart = LiveChart(source, "1min", bars=100)
    sender().remove(chart)
    for theme, background in (("dark", "dark"), ("odd", "dark"), ([], "dark"), ("light", "light")):
        chart._on_message(chart, {"kind": "theme", "theme": theme}, [])
        assert chart.layout.paper_bgcolor == theme_of(background).background
    chart.set_theme("dark")
    chart._on_message(chart, {"kind": "theme", "theme": "light"}, [])
    assert chart.layout.paper_bgcolor == theme_of("dark").background
    chart.close()


def test_a_zoom_is_kept_when_lines_kind_and_colours_change(source: HandSource) -> None:
    chart = drawn_by_hand(source)
    chart.update_layout(xaxis_range=[10, 30], yaxis_range=[95, 105])
    for change in (
        lambda: chart.set_overlays(["ema(9)", "rsi(14)"]),
        lambda: chart.set_overlays([]),
        lambda: setattr(chart, "kind", "line"),
        lambda: chart.set_theme("dark"),
    ):
        change()
        chart.draw()
        assert tuple(chart.layout.xaxis.range) == (10, 30)
        assert tuple(chart.layout.yaxis.range) == (95, 105)
    chart.close()
