"""The code that draws, and plotly.js: sent to the page once a kernel, shared by all charts."""

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

__all__ = ["PlotlyRuntime", "plotly_runtime"]


def _module() -> str:
    """Return the drawing code as one module."""
    return join_modules("chart/drawing_code.js")


class PlotlyRuntime(anywidget.AnyWidget):
    """A widget without a view: its module draws charts, and it holds the installed plotly's plotly.js.

    Attributes
    ----------
    version
        Of plotly.js: a page that has it already does not unpack ours.
    source
        The file, gzipped: 1.5 MB in place of 4.8 MB. Empty in a notebook that runs unattended, into which it
        would be written, until a page asks for it.
    """

    _esm = _module()
    version = traitlets.Unicode("").tag(sync=True)
    source = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self) -> None:
        super().__init__(version=get_plotlyjs_version(), source=_packed() if attended() else b"")
        self.on_msg(self._on_message)

    def fill(self) -> None:
        """Give plotly.js to pages, those that open later too."""
        self.source = _packed()

    def _on_message(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if isinstance(message, dict) and message.get("kind") == "source":
            self.fill()


_ONE_AT_A_TIME = threading.Lock()


def plotly_runtime() -> PlotlyRuntime:
    """Return the kernel's one runtime, from any thread."""
    with _ONE_AT_A_TIME:
        return _runtime()


@functools.cache
def _runtime() -> PlotlyRuntime:
    return PlotlyRuntime()


@functools.cache
def _packed() -> bytes:
    path = pathlib.Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    return gzip.compress(path.read_bytes(), 4, mtime=0)
