"""Prepares the first chart while history is loaded: imports and plotly.js are ready when it is made."""

from __future__ import annotations

import contextlib
import contextvars
import sys
import threading

from mdnb.widgets.page.display_policy import in_notebook
from mdnb.widgets.page.late_import import wait_imported

__all__ = ["preload"]

_CHART = "mdnb.widgets.chart.chart"
_THREAD = "mdnb-preload"


def preload() -> None:
    """Send plotly.js to the page, and import what draws charts, in a thread; in a notebook only, and once."""
    if not in_notebook() or _CHART in sys.modules:
        return
    if all(thread.name != _THREAD for thread in threading.enumerate()):
        # In the cell's context, which knows whether a page may be there.
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(_make_ready,), name=_THREAD, daemon=True).start()


def _make_ready() -> None:
    from mdnb.widgets.page.page_assets import plotly_runtime

    # First: the page takes longer to load it than the kernel takes for all the rest.
    plotly_runtime()
    __import__(_CHART)
    import plotly.graph_objects as go

    wait_imported("pandas")
    # Plotly loads what checks a trace with the first one of its kind. Should somebody begin to import pandas
    # just now, the first chart does it.
    with contextlib.suppress(AttributeError):
        go.Figure([go.Candlestick(), go.Bar()], go.Layout(xaxis={}, yaxis={}, shapes=[{}], annotations=[{}]))
