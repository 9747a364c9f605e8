"""What is imported late is imported all the same, each time in a process of its own."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mdnb.widgets.page.late_import import wait_imported
from tests.limits import LIMIT_SECONDS

_PROGRAMS = {
    "executed when it is asked for something": """\
import sys
from mdnb.widgets.page.late_import import imported_late
with imported_late("nbformat"):
    import nbformat
assert "nbformat" not in sys.modules
assert nbformat.__version__
assert nbformat.v4 is sys.modules["nbformat.v4"]""",
    "others import it as ever, within too": """\
import sys
from mdnb.widgets.page.late_import import imported_late
with imported_late("nbformat"):
    import nbformat as late
    from nbformat import v4
import nbformat
assert nbformat is not late and nbformat.v4 is v4 is late.v4
assert v4.new_notebook()["nbformat"] == 4""",
    "what is loaded is left alone": """\
import nbformat
from mdnb.widgets.page.late_import import imported_late
with imported_late("nbformat"):
    import nbformat as again
assert again is nbformat""",
    "what is not installed stays so": """\
from mdnb.widgets.page.late_import import imported_late
with imported_late("nobody_has_this"):
    try:
        import nobody_has_this
    except ImportError:
        print("right")
    else:
        raise AssertionError""",
    "charts do without, and plotly's own display has it": """\
import sys
from mdnb.widgets.chart.chart import LiveChart
from tests.widgets.sources import HandSource
LiveChart(HandSource(), "1min", overlays=["ema(20)"])
assert not {"nbformat", "kaleido", "pandas"} & set(sys.modules)
import plotly.graph_objects as go
import plotly.io
plotly.io.renderers.default = "plotly_mimetype"
go.Figure(go.Bar(y=[1])).show()
assert "nbformat" in sys.modules""",
    "plotly's own front end has pandas before a thread of ours asks for it": """\
import sys, warnings
from mdnb.widgets.chart.chart import LiveChart
from tests.widgets.sources import HandSource
warnings.simplefilter("ignore")
LiveChart(HandSource(), "1min", frontend="stock")
assert "pandas" in sys.modules""",
}


@pytest.mark.parametrize("what", _PROGRAMS)
def test_late_import(what: str) -> None:
    subprocess.run([sys.executable, "-c", _PROGRAMS[what]], check=True, timeout=LIMIT_SECONDS)


def test_one_waits_for_what_another_thread_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_of_it.py").write_text("import sys\nsys.gate.wait(300)\nREST = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    begun, gate, seen = threading.Event(), threading.Event(), []
    monkeypatch.setattr(sys, "gate", _Gate(begun, gate), raising=False)

    def look() -> None:
        wait_imported("half_of_it")
        seen.append(hasattr(sys.modules["half_of_it"], "REST"))

    importing = threading.Thread(target=importlib.import_module, args=("half_of_it",))
    importing.start()
    assert begun.wait(LIMIT_SECONDS)
    looking = threading.Thread(target=look)
    looking.start()
    gate.set()
    for thread in (importing, looking):
        thread.join(LIMIT_SECONDS)
    assert seen == [True]


class _Gate:
    """An event that tells when somebody waits for it."""

    def __init__(self, begun: threading.Event, gate: threading.Event) -> None:
        self._begun = begun
        self._gate = gate

    def wait(self, seconds: float) -> None:
        self._begun.set()
        self._gate.wait(seconds)


def test_what_nobody_imports_is_left_alone() -> None:
    wait_imported("antigravity")
    assert "antigravity" not in sys.modules
