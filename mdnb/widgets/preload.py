"""Making ready for the first chart while history is loaded: it waits for no import and no plotly.js then."""

from __future__ import annotations

import os
import sys
import threading

from mdnb.widgets.progress import in_notebook

__all__ = ["preload"]

_CHART = "mdnb.widgets.chart"
_SESSION = "JPY_SESSION_NAME"
"""In the environment of a kernel that a Jupyter server started for a notebook that is open in a page."""


def preload() -> None:
    """Send plotly.js to the page, and import what draws charts in a thread; in a notebook only, and once.

    Where nobody may be looking, as under nbclient or papermill, plotly.js waits for a chart: they would write
    it into the notebook.
    """
    if not in_notebook() or _CHART in sys.modules:
        return
    if _SESSION in os.environ:
        from mdnb.widgets.runtime import plotly_runtime

        # At once: the page takes longer to load it than the kernel takes for all the rest.
        plotly_runtime()
    threading.Thread(target=_import_charts, name="mdnb-preload", daemon=True).start()


def _import_charts() -> None:
    # Before plotly's figures: they take a pandas that another thread is still importing for a whole one.
    import pandas as pd  # noqa: F401
    import plotly.graph_objects as go

    # Plotly loads what checks a trace with the first one of its kind.
    go.Figure([go.Candlestick(), go.Bar()], go.Layout(xaxis={}, yaxis={}, shapes=[{}], annotations=[{}]))
    __import__(_CHART)
