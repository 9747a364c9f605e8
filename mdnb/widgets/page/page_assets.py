"""The drawing code and plotly.js: sent to the page once per kernel, shared by all charts."""

from __future__ import annotations

import functools
import gzip
import pathlib
import threading
from typing import Any

import anywidget
import plotly
import traitlets
from plotly.offline import get_plotlyjs_version

from mdnb.widgets.page.display_policy import attended
from mdnb.widgets.page.join_modules import join_modules
from mdnb.widgets.page.marimo_host import CellRun, marimo_cell_run

__all__ = ["PlotlyRuntime", "plotly_runtime"]


class PlotlyRuntime(anywidget.AnyWidget):
    """A widget without a view: it holds the code that draws charts, and the installed plotly's plotly.js.

    Attributes
    ----------
    code
        What draws, as a module. Not the widget's own ``_esm``, which marimo keeps from other widgets.
    version
        Of plotly.js: a page that has it already does not unpack ours.
    source
        The file, gzipped: 1.5 MB in place of 4.8 MB. Empty in a notebook that runs unattended, into which it
        would be written, until a page asks for it.
    """

    _esm = join_modules("plotly_runtime.js")
    code = traitlets.Unicode("").tag(sync=True)
    version = traitlets.Unicode("").tag(sync=True)
    source = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self) -> None:
        super().__init__(
            code=join_modules("chart/drawing_code.js"),
            version=get_plotlyjs_version(),
            source=_packed() if attended() else b"",
        )
        self.on_msg(self._on_message)

    def fill(self) -> None:
        """Send plotly.js to pages, also to those opened later."""
        self.source = _packed()

    def _on_message(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if isinstance(message, dict) and message.get("kind") == "source":
            self.fill()


_ONE_AT_A_TIME = threading.Lock()


def plotly_runtime() -> PlotlyRuntime:
    """Return the kernel's one runtime, from any thread; in marimo that of the cell that runs."""
    with _ONE_AT_A_TIME:
        return _runtime(marimo_cell_run())


@functools.lru_cache(maxsize=32)
def _runtime(_run: CellRun | None) -> PlotlyRuntime:
    # Of a marimo cell that is no longer among the last ones, the next chart brings its own.
    return PlotlyRuntime()


@functools.cache
def _packed() -> bytes:
    path = pathlib.Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    return gzip.compress(path.read_bytes(), 4, mtime=0)
