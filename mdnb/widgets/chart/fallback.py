"""A page that cannot run our front end is given plotly's own, by itself.

It travels in a trait of its own, ``_stock``, empty until then, and our front end gives way to it: not every
host takes another ``_esm`` for a widget that is there; marimo drops it outside its editor.
"""

from __future__ import annotations

import warnings
from typing import Any

import plotly.graph_objects as go

from mdnb.widgets.chart.chart_content import ChartContent
from mdnb.widgets.chart.chart_files import ChartFiles
from mdnb.widgets.chart.options import MOST_BARS
from mdnb.widgets.chart.plotly_transport import MOST_FPS, PlotlyTransport
from mdnb.widgets.chart.state import ChartState

__all__ = ["fall_back", "is_cannot"]

_NOTE = f"this page cannot run the fast chart: plotly's own, at most {MOST_FPS:g} refreshes a second"
_LONGEST_REASON = 200
_OURS: dict[str, Any] = {"_bars": b"", "_look": {}}


def is_cannot(message: Any) -> bool:
    """Return whether a page says that it cannot run our front end.

    Examples
    --------
    >>> is_cannot({"kind": "cannot", "why": "ReferenceError"}), is_cannot({"kind": "hello"}), is_cannot(None)
    (True, False, False)
    """
    return isinstance(message, dict) and message.get("kind") == "cannot"


def fall_back(figure: Any, state: ChartState, message: dict[str, Any]) -> None:
    """Let a chart be drawn by plotly's own front end from now on, on every page that shows it.

    What the user added to the figure stays. Further messages of the kind, from a second view, do nothing.

    Parameters
    ----------
    figure
        The chart.
    message
        What the page said; ``why`` is its reason.

    Warns
    -----
    UserWarning
        Once a chart, with the page's reason.
    """
    with state.lock:
        if state.closed or isinstance(figure._mdnb_transport, PlotlyTransport):
            return
        state.bars = min(state.bars, MOST_BARS["stock"])
        transport = PlotlyTransport(figure, state, _NOTE)
        figure.__dict__.update(
            fps=min(figure.fps, MOST_FPS),
            _mdnb_transport=transport,
            _mdnb_composition=ChartContent(state, transport),
            _mdnb_files=ChartFiles(figure, state, transport),
        )
        figure.read_through(None)
        with figure.quiet():
            transport.take_over()
        esm = str(go.FigureWidget._esm)
        figure._trait_values.update(_OURS, **transport.traits(), _stock=esm)
        # In one message with the figure, which it begins with.
        figure.send_state(["_stock", "_widget_data", "_widget_layout", *_OURS])
        _send_all_once_drawn(figure, transport)
    why = str(message.get("why"))[:_LONGEST_REASON]
    warnings.warn(f"{_NOTE} ({why})", UserWarning, stacklevel=2)


def _send_all_once_drawn(figure: Any, transport: PlotlyTransport) -> None:
    # Plotly's module is megabytes: what is sent while the page still loads it is lost there.
    def on_drawn(change: dict[str, Any]) -> None:
        if change["new"]:
            figure.unobserve(on_drawn, "_js2py_traceDeltas")
            transport.send_all()

    figure.observe(on_drawn, "_js2py_traceDeltas")
