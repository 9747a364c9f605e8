"""Chart and tables in a real Notebook 7."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser import checks
from tests.browser.bench import Bench, Chart
from tests.browser.lab import NOTEBOOK, Lab, running_jupyter

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory, page: Page) -> Iterator[Bench]:
    with running_jupyter(tmp_path_factory.mktemp("notebook"), NOTEBOOK) as server:
        lab = Lab(server, page, NOTEBOOK)
        bench = Bench(lab)
        lab.open("hosts.ipynb", [checks.SETUP])
        assert "Error" not in lab.run(0)
        yield bench
        # Notebook 7.6 has an error of its own as it opens; our modules come from blobs.
        assert not [error for error in bench.errors if "blob:" in error]


def test_it_moves_while_a_cell_runs(notebook: Bench) -> None:
    chart = Chart(notebook, "chart = live.chart('1min')\nchart")
    checks.moves(chart)
    chart.page("view.seenPrices.clear()")
    with notebook.blocked():
        chart.wait("view.seenPrices.size >= 15")
    checks.stays_where_it_is_dragged_and_comes_back(chart)
    notebook.do("chart.close()")


def test_it_has_the_colours_of_the_page(notebook: Bench) -> None:
    chart = Chart(notebook, "chart = live.chart('1min')\nchart")
    checks.has_colours_of_the_page(chart, checks.LIGHT)
    notebook.lab.set_theme("JupyterLab Dark")
    checks.has_colours_of_the_page(chart, checks.DARK)
    checks.PICTURES.mkdir(parents=True, exist_ok=True)
    notebook.page.screenshot(path=checks.PICTURES / "notebook_dark.png")
    notebook.lab.set_theme("JupyterLab Light")
    checks.has_colours_of_the_page(chart, checks.LIGHT)
    notebook.do("chart.close()")


def test_tables_move_and_a_restart_is_told(notebook: Bench) -> None:
    chart = Chart(notebook, "from ipywidgets import VBox\nVBox([live.chart('1min'), live.tape(rows=8)])")
    checks.tables_move(chart, 1)
    notebook.lab.command("kernelmenu:restart")
    notebook.page.locator(".jp-Dialog .jp-mod-accept").click()
    chart.wait("view.legend.texts.status.textContent === 'kernel restarted'")
    badge = "document.querySelector('.mdnb-table .mdnb-badge').textContent"
    notebook.page.wait_for_function(f"{badge} === 'kernel restarted'")
    notebook.page.screenshot(path=checks.PICTURES / "notebook_restarted.png")
    notebook.lab.wait_for_kernel()
