"""Notebooks that nobody looks at while they run: what they keep of charts can be seen wherever they are."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat as _nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from tests.kernel.driver import Kernel, running_kernel
from tests.limits import LIMIT_SECONDS

nbformat: Any = _nbformat
pytestmark = pytest.mark.kernel
WIDGET = "application/vnd.jupyter.widget-view+json"
LIVE = """\
import mdnb
live = mdnb.live("MNQ", ["1min", "5min"], feed="sim://?speed=60&seed=7", initial_days=0.5)
live.chart("1min")"""
SHOWN = ("live.chart('5min')", "live.panel('1min')", "live.dashboard()", "live.depth()", "live.tape()")


def _run(cells: tuple[str, ...]) -> Any:
    """Run a notebook as ``jupyter execute``, nbconvert and papermill do, widgets' state and all."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    limit = int(LIMIT_SECONDS)
    NotebookClient(book, timeout=limit, startup_timeout=limit, kernel_name="python3").execute()
    return book


@pytest.fixture(scope="module")
def book() -> Any:
    return _run((LIVE, *SHOWN, "live.close()"))


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    with running_kernel(tmp_path) as made:
        yield made


def test_pictures_and_tables_are_kept_and_no_link_to_a_widget_that_is_gone(book: Any) -> None:
    for cell in book.cells[:-1]:
        (output,) = cell.outputs  # not one more, such as the line that told what is being loaded
        assert WIDGET not in output.data
        if "text/html" in output.data:
            assert "<table" in output.data["text/html"]
        else:
            assert output.data["image/svg+xml"].startswith("<svg ")
            assert base64.b64decode(output.data["image/png"]).startswith(b"\x89PNG")


def test_three_charts_take_under_a_megabyte_though_the_state_of_all_widgets_is_written_too() -> None:
    book = _run((LIVE, "live.chart('5min')", "live.panel('1min', overlays=['ema(20)', 'rsi(14)'])"))
    assert "application/vnd.jupyter.widget-state+json" in book.metadata.widgets
    assert len(nbformat.writes(book)) < 1_000_000


def test_a_page_made_of_it_shows_them_without_a_widget_manager(book: Any) -> None:
    page, _ = HTMLExporter().from_notebook_node(book)
    assert len(re.findall(r'<img[^>]* src="data:image/svg\+xml;base64,', page)) == 4
    assert len(re.findall(r'<img[^>]* src="data:image/png;base64,', page)) == 1  # the heat map by the ladder
    assert f'<script type="{WIDGET}">' not in page


def test_without_a_picture_the_widget_itself_is_kept_with_all_it_needs() -> None:
    book = _run((LIVE, "live.chart('5min', static=False)", "live.dashboard(static=False)", "live.close()"))
    for cell in book.cells[1:3]:
        assert WIDGET in cell.outputs[0].data
        assert not any(kind.startswith("image/") for kind in cell.outputs[0].data)
    states = book.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    (runtime,) = [one for one in states if one["state"].get("_anywidget_id", "").endswith("PlotlyRuntime")]
    assert len(runtime["buffers"][0]["data"]) > 1_000_000


def test_a_page_that_has_spoken_counts_whoever_runs_the_cells(kernel: Kernel) -> None:
    kernel.attended = False
    kernel.value("from mdnb.widgets.page.display_policy import attended")
    kernel.value("from mdnb.widgets.page.page_probe import page_probe")
    assert kernel.value("print(attended())") == "False"
    kernel.value("page_probe()")
    assert kernel.value("print(attended())") == "False"
    kernel.value("page_probe().theme = 'dark'")
    assert kernel.value("print(attended())") == "True"


def test_a_cell_of_a_page_and_a_kernel_of_voila_are_attended(kernel: Kernel) -> None:
    kernel.value("from mdnb.widgets.page.display_policy import attended")
    assert kernel.value("print(attended())") == "True"
    kernel.attended = False
    assert kernel.value("print(attended())") == "False"
    kernel.value("import os; os.environ['VOILA_BASE_URL'] = '/'")
    assert kernel.value("print(attended())") == "True"


def test_plotly_js_is_sent_to_a_page_that_asks_for_it(kernel: Kernel) -> None:
    kernel.attended = False
    kernel.value("from mdnb.widgets.page.page_assets import plotly_runtime\nmade = plotly_runtime()")
    assert kernel.value("print(len(made.source))") == "0"
    asked = {"method": "custom", "content": {"kind": "source"}}
    comm = kernel.value("print(made.model_id)")
    kernel.client.shell_channel.send(kernel.client.session.msg("comm_msg", {"comm_id": comm, "data": asked}))
    assert int(kernel.value("print(len(made.source))")) > 1_000_000
