"""Falls back to plotly's own front end on a page that cannot run ours.

It travels in a trait of its own, ``_stock``, empty until then, and our front end gives way to it: not every
host takes another ``_esm`` for a widget that is there; marimo drops it outside its editor.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

from mdnb.widgets.chart.core import ChartCore
from mdnb.widgets.chart.options import MOST_BARS
from mdnb.widgets.chart.plotly_transport import MOST_FPS, PlotlyTransport
from mdnb.widgets.figure.plotly_private import DATA_TRAIT, LAYOUT_TRAIT, once_drawn, plotly_module

__all__ = ["fall_back", "is_cannot"]

_NOTE = f"this page cannot run the fast chart: plotly's own, at most {MOST_FPS:g} refreshes a second"
_LONGEST_REASON = 200
_OURS: dict[str, Any] = {"_bars": b"", "_look": {}}


def is_cannot(message: Any) -> bool:
    """Return whether a message says that the page cannot run our front end.

    Examples
    --------
    >>> is_cannot({"kind": "cannot", "why": "ReferenceError"}), is_cannot({"kind": "hello"}), is_cannot(None)
    (True, False, False)
    """
    return isinstance(message, dict) and message.get("kind") == "cannot"


def fall_back(core: ChartCore, message: dict[str, Any]) -> None:
    """Switch a chart to plotly's own front end, on every page that shows it.

    What the user added to the figure stays. Further messages of the kind, from a second view, do nothing.

    Parameters
    ----------
    core
        Of the chart.
    message
        What the page said; ``why`` is its reason.

    Warns
    -----
    UserWarning
        Once a chart, with the page's reason.
    """
    figure: Any = core.figure
    state = core.state
    with state.lock:
        if state.closed or isinstance(core.transport, PlotlyTransport):
            return
        bars, fps = min(state.options.bars, MOST_BARS["stock"]), min(state.options.fps, MOST_FPS)
        state.options = dataclasses.replace(state.options, frontend="stock", bars=bars, fps=fps)
        core.transport = transport = PlotlyTransport(figure, state, _NOTE)
        figure.fps = fps
        figure.read_through(None)
        with figure.quiet():
            transport.take_over()
        figure._trait_values.update(_OURS, **transport.traits(), _stock=str(plotly_module()))
        # In one message with the figure, which it begins with.
        figure.send_state(["_stock", DATA_TRAIT, LAYOUT_TRAIT, *_OURS])
        # Plotly's module is megabytes: what is sent while the page still loads it is lost there.
        once_drawn(figure, transport.send_all)
    why = str(message.get("why"))[:_LONGEST_REASON]
    warnings.warn(f"{_NOTE} ({why})", UserWarning, stacklevel=2)
