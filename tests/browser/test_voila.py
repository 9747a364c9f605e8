"""Chart and tables in a real Voila, which runs a notebook and shows what it displays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser import checks
from tests.browser.bench import ShownChart
from tests.browser.server import PAGE_MS
from tests.browser.voila import Voila, running_voila

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def voila(tmp_path_factory: pytest.TempPathFactory, page: Page) -> Iterator[Voila]:
    with running_voila(tmp_path_factory.mktemp("voila"), page) as made:
        yield made


@pytest.mark.parametrize(
    ("theme", "background"),
    [("light", checks.LIGHT), pytest.param("dark", checks.DARK, marks=pytest.mark.slow)],
)
def test_chart_and_tables_move(voila: Voila, theme: str, background: str) -> None:
    errors: list[str] = []
    voila.page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    cells = [checks.SETUP, "live.chart('1min')", "live.tape(rows=8)", "live.watch()"]
    voila.open(f"{theme}.ipynb", cells, theme)
    chart = ShownChart(voila.page, "document.querySelector('.mdnb-chart').__mdnb")
    chart.wait("view.sync.fits > 0", PAGE_MS)
    checks.moves(chart)
    checks.has_colours_of_the_page(chart, background)
    checks.stays_where_it_is_dragged_and_comes_back(chart)
    checks.tables_move(chart, 2)
    checks.PICTURES.mkdir(parents=True, exist_ok=True)
    voila.page.screenshot(path=checks.PICTURES / f"voila_{theme}.png")
    assert not errors
