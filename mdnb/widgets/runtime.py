"""The code that draws, and plotly.js: sent to the page once a kernel, shared by all charts."""

from __future__ import annotations

import functools
import gzip
import pathlib
import threading

import anywidget
import plotly
import traitlets
from plotly.offline import get_plotlyjs_version

__all__ = ["PlotlyRuntime", "plotly_runtime"]


_STATIC = pathlib.Path(__file__).parent / "static"
_PARTS = (
    "messages",
    "plotly",
    "edits",
    "bars",
    "time_axis",
    "kernel_end",
    "kernel_watch",
    "modes",
    "chart",
    "drawing",
    "marks",
    "kinds",
    "series",
    "link",
    "keys",
    "pointer",
    "picture",
    "strip",
    "tools",
    "early",
    "fitting",
    "view",
)


# Unpacked on arrival: the kernel is still making the figure then. What goes wrong, the chart says.
_ENDS = """\
export { Chart, View, plotlyOf };
export default { initialize({ model }) { plotlyOf(model).catch(() => {}); } };
"""


def _module() -> str:
    """Return the drawing code as one module; its files are plain JavaScript, each by itself readable."""
    parts = [(_STATIC / f"{name}.js").read_text(encoding="utf-8") for name in _PARTS]
    return "\n".join([*parts, _ENDS])


class PlotlyRuntime(anywidget.AnyWidget):
    """A widget without a view: its module draws charts, and it holds the installed plotly's plotly.js.

    Attributes
    ----------
    version
        Of plotly.js: a page that has it already does not unpack ours.
    source
        The file, gzipped: 1.5 MB in place of 4.8 MB.
    """

    _esm = _module()
    version = traitlets.Unicode("").tag(sync=True)
    source = traitlets.Bytes(b"").tag(sync=True)


_ONE_AT_A_TIME = threading.Lock()


def plotly_runtime() -> PlotlyRuntime:
    """Return the kernel's one runtime, from any thread."""
    with _ONE_AT_A_TIME:
        return _runtime()


@functools.cache
def _runtime() -> PlotlyRuntime:
    path = pathlib.Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    return PlotlyRuntime(version=get_plotlyjs_version(), source=gzip.compress(path.read_bytes(), 4, mtime=0))
