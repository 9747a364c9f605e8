"""The names of plotly's that begin with an underscore: each is still there, and used in one file only."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from plotly.basedatatypes import BaseFigure
from plotly.basewidget import BaseFigureWidget

import mdnb
from mdnb.widgets.figure import plotly_private

_PACKAGE = Path(mdnb.__file__).parent
_FENCE = Path(plotly_private.__file__)
_FIGURE = {
    "_config",
    "_data",
    "_esm",
    "_handler_js2py_pointsCallback",
    "_handler_js2py_relayout",
    "_js2py_pointsCallback",
    "_js2py_relayout",
    "_js2py_traceDeltas",
    "_last_layout_edit_id",
    "_last_trace_edit_id",
    "_layout",
    "_layout_edit_in_process",
    "_send_addTraces_msg",
    "_send_deleteTraces_msg",
    "_send_moveTraces_msg",
    "_send_relayout_msg",
    "_send_restyle_msg",
    "_send_update_msg",
    "_set_in",
    "_trace_edit_in_process",
    "_view_count",
    "_waiting_edit_callbacks",
    "_widget_data",
    "_widget_layout",
}
_TRACE = {"_hover_callbacks", "_unhover_callbacks", "_click_callbacks", "_select_callbacks"}
_LAYOUT = {"_compound_array_props", "_get_validator"}
_SHAPE = {"_orphan_props", "_parent"}
_ALL = _FIGURE | _TRACE | _LAYOUT | _SHAPE
# Names that plotly shares with ipywidgets or anywidget, which others of our widgets have too.
_SHARED = {"_esm", "_view_count"}
# Words of ours that happen to be plotly's as well.
_OURS = {"_data", "_layout", "_config", "_parent"}


def _figure() -> Any:
    return go.FigureWidget([go.Candlestick(x=[1.0]), go.Bar()], go.Layout(shapes=[{"type": "line"}]))


@pytest.mark.parametrize("name", sorted(_ALL))
def test_plotly_still_has_the_name(name: str) -> None:
    figure = _figure()
    owner = (
        figure
        if name in _FIGURE
        else figure.data[0]
        if name in _TRACE
        else figure.layout
        if name in _LAYOUT
        else figure.layout.shapes[0]
    )
    assert hasattr(owner, name), f"plotly's {type(owner).__name__} has no {name} any more: see {_FENCE.name}"


def test_the_names_have_the_forms_that_are_relied_on() -> None:
    figure = _figure()
    assert isinstance(figure._data, list)
    assert isinstance(figure._data[0], dict)
    assert isinstance(figure._layout, dict)
    assert figure._layout["shapes"] == [{"type": "line"}]
    assert isinstance(figure._waiting_edit_callbacks, list)
    assert isinstance(figure._layout_edit_in_process, bool)
    assert isinstance(figure._trace_edit_in_process, bool)
    assert isinstance(figure.layout._compound_array_props["shapes"], (list, tuple))
    traits = figure.traits(sync=True)
    assert {"_config", "_widget_data", "_widget_layout", "_js2py_relayout", "_js2py_traceDeltas"} <= set(
        traits
    )
    # What is overridden is called by plotly itself under that name.
    made: list[str] = []
    for name in sorted(name for name in _FIGURE if name.startswith("_send_")):
        assert name in vars(BaseFigureWidget), name
        assert callable(getattr(BaseFigure, name, None)), f"plotly's figures do not call {name}"
        made.append(name)
    assert len(made) == 6


def test_a_figure_of_ours_can_do_what_the_names_are_used_for() -> None:
    figure = plotly_private.SilentFigure([go.Bar(x=[1.0], y=[2.0])], go.Layout(shapes=[{"type": "line"}]))
    plotly_private.set_ids(figure, ["mine"])
    assert figure.data[0].uid == "mine"
    plotly_private.put(figure, plotly_private.traces_of(figure)[0], "marker.color", "red")
    assert figure.data[0].marker.color == "red"
    plotly_private.layout_of(figure)["shapes"] = [{"type": "rect"}, {"type": "line"}]
    plotly_private.adopt_shapes(figure.layout, plotly_private.layout_of(figure)["shapes"])
    assert [shape.type for shape in figure.layout.shapes] == ["rect", "line"]
    plotly_private.set_config(figure, {"scrollZoom": True})
    assert plotly_private.config_of(figure) == {"scrollZoom": True}
    sent: list[dict[str, Any]] = []
    figure.send_state = lambda key=None: sent.append(key)
    with figure.quiet():
        figure.update_layout(title_text="quiet")
    assert not sent
    done: list[bool] = []
    figure.update_layout(title_text="told")
    figure.on_edits_completed(lambda: done.append(True))
    assert not done
    plotly_private.edits_were_drawn(figure, figure._last_layout_edit_id, -1)
    assert done == [True]


def test_no_other_file_uses_one() -> None:
    found = []
    for path in sorted(_PACKAGE.rglob("*.py")):
        if path == _FENCE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = None
            if isinstance(node, ast.Attribute):
                of_self = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
                name = node.attr if not (of_self and node.attr in _OURS | _SHARED) else None
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                name = node.value
            if name in _ALL - _SHARED:
                found.append(f"{path.relative_to(_PACKAGE)}:{node.lineno} {name}")
    assert not found
