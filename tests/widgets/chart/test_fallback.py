"""A page says that it cannot run our front end: what the chart is then, and what the page is sent."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import plotly.graph_objects as go
import pytest

from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.chart.look import look_of
from mdnb.widgets.page.theme import with_alpha
from tests.widgets.chart.charts import drawn_by_hand
from tests.widgets.sources import HandSource

_CANNOT = {"kind": "cannot", "why": "ReferenceError: DecompressionStream is not defined"}


@pytest.fixture
def source() -> HandSource:
    return HandSource(closed=6_000)


@pytest.fixture
def chart(source: HandSource) -> Iterator[LiveChart]:
    made = drawn_by_hand(source, bars=6_000, fps=30)
    yield made
    made.close()


def _keys(chart: LiveChart) -> list[Any]:
    """Note which traits are sent from now on."""
    sent: list[Any] = []
    chart.__dict__["send_state"] = lambda key=None: sent.append(key)
    return sent


def test_it_is_drawn_by_plotly_with_all_that_was_in_it(chart: LiveChart, source: HandSource) -> None:
    chart.add_scatter(x=[1.0, 2.0], y=[3.0, 4.0], name="mine")
    chart.add_hline(y=100.0, line_color="orange")
    chart.update_layout(title_text="mine too", plot_bgcolor="beige")
    sent = _keys(chart)
    with pytest.warns(UserWarning, match=r"cannot run the fast chart.*ReferenceError"):
        chart._on_message(chart, _CANNOT, [])
    assert sent[-1][:3] == ["_stock", "_widget_data", "_widget_layout"]
    state = chart.get_state()
    # Not as `_esm`: that a host may drop.
    assert state["_stock"] == str(go.FigureWidget._esm)
    assert len(state["_esm"]) < 10_000
    assert (state["_bars"], state["_look"]) == (b"", {})
    assert [trace["x"]["shape"] for trace in state["_widget_data"][:4]] == [(4_999,), (1,), (4_999,), (1,)]
    assert state["_widget_data"][4]["name"] == "mine"
    assert state["_widget_data"][0]["open"]["shape"] == (4_999,)
    layout = state["_widget_layout"]
    assert (layout["title"]["text"], layout["plot_bgcolor"]) == ("mine too", "beige")
    assert [shape["line"]["color"] for shape in layout["shapes"]][-1] == "orange"
    assert any(note["text"].startswith("this page cannot run") for note in layout["annotations"])
    assert chart.fps == 2.0
    source.tick(103.5)
    chart.draw()
    assert chart.data[1].close.tolist() == [103.5]
    assert any(note.name == "mdnb-note" for note in chart.layout.annotations)


def test_what_one_trace_sets_leaves_the_others_whole(chart: LiveChart, source: HandSource) -> None:
    with pytest.warns(UserWarning, match="cannot run the fast chart"):
        chart._on_message(chart, _CANNOT, [])
    sent: list[dict[str, Any]] = []
    chart.__dict__["_send_update_msg"] = lambda restyle_data, **_more: sent.append(restyle_data)
    source.close_bar()
    chart.draw()
    # Plotly's page notes what is not set for a trace as undefined, which a `marker` must not be.
    assert {"close", "marker.color"} <= set(sent[-1])
    assert not [value for values in sent[-1].values() for value in values if isinstance(value, dict)]
    rising = [close >= open_ for _, open_, _, _, close, *_ in source.rows[-100:]]
    theme = look_of(chart._mdnb.state).theme
    # As text: plotly's page writes a warning for each number, with each drawing.
    colours = [with_alpha(theme.up if rises else theme.down, 0.45) for rises in rising]
    assert list(chart.data[2].marker.color[-100:]) == colours
    assert len(set(colours)) == 2


def test_it_changes_over_and_warns_once(chart: LiveChart) -> None:
    sent = _keys(chart)
    with pytest.warns(UserWarning, match="plotly's own"):
        chart._on_message(chart, _CANNOT, [])
    sent.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for told in (_CANNOT, {"kind": "hello", "page": "b"}, {"kind": "visible", "page": "b"}, "odd"):
            chart._on_message(chart, told, [])
    assert not sent


def test_a_page_that_has_just_begun_is_sent_every_bar_once(chart: LiveChart, source: HandSource) -> None:
    with pytest.warns(UserWarning, match="plotly's own"):
        chart._on_message(chart, _CANNOT, [])
    source.close_bar()
    chart.draw()
    sent: dict[int, list[float]] = {}

    def note(restyle_data: dict[str, Any], trace_indexes: list[int]) -> None:
        (at,) = trace_indexes
        assert at not in sent
        (sent[at],) = restyle_data["close" if at < 2 else "y"]

    chart.__dict__["_send_restyle_msg"] = note
    # Plotly tells of its first drawing, and then after each edit.
    for _ in range(2):
        chart._js2py_traceDeltas = {"trace_deltas": [], "trace_edit_id": chart._last_trace_edit_id}
    assert [len(sent[at]) for at in range(4)] == [4_999, 1, 4_999, 1]
    assert sent[0][-1] == 101.0


def test_a_closed_chart_does_not_change_over(source: HandSource) -> None:
    chart = LiveChart(source, "1min", theme="light")
    chart.close()
    chart._on_message(chart, _CANNOT, [])
    assert not chart._stock


def test_a_quiet_market_lets_the_page_hear_of_the_kernel(
    chart: LiveChart, source: HandSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    chart.__dict__["send"] = lambda content, buffers: sent.append((content, buffers))
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    chart.draw()
    for _ in range(4):
        now[0] += 1.1
        chart.draw()
    # Every two seconds, and nothing but where the market stands.
    assert [content["kind"] for content, _ in sent] == ["delta", "delta"]
    assert all(len(buffers[0]) == 7 * 8 for _, buffers in sent)
    chart._on_message(chart, {"kind": "visible", "page": "a", "visible": False}, [])
    for _ in range(4):
        now[0] += 1.1
        chart.draw()
    assert len(sent) == 2
