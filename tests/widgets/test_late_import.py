"""What is imported late is imported all the same, each time in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAMS = {
    "executed when it is asked for something": """\
import sys
from mdnb.widgets.late_import import imported_late
with imported_late("nbformat"):
    import nbformat
assert "nbformat" not in sys.modules
assert nbformat.__version__
assert nbformat.v4 is sys.modules["nbformat.v4"]""",
    "others import it as ever, within too": """\
import sys
from mdnb.widgets.late_import import imported_late
with imported_late("nbformat"):
    import nbformat as late
    from nbformat import v4
import nbformat
assert nbformat is not late and nbformat.v4 is v4 is late.v4
assert v4.new_notebook()["nbformat"] == 4""",
    "what is loaded is left alone": """\
import nbformat
from mdnb.widgets.late_import import imported_late
with imported_late("nbformat"):
    import nbformat as again
assert again is nbformat""",
    "what is not installed stays so": """\
from mdnb.widgets.late_import import imported_late
with imported_late("nobody_has_this"):
    try:
        import nobody_has_this
    except ImportError:
        print("right")
    else:
        raise AssertionError""",
    "charts do without, and plotly's own display has it": """\
import sys
import mdnb.widgets.chart
assert "nbformat" not in sys.modules
import plotly.graph_objects as go
import plotly.io
plotly.io.renderers.default = "plotly_mimetype"
go.Figure(go.Bar(y=[1])).show()
assert "nbformat" in sys.modules""",
}


@pytest.mark.parametrize("what", _PROGRAMS)
def test_late_import(what: str) -> None:
    subprocess.run([sys.executable, "-c", _PROGRAMS[what]], check=True, timeout=120)
