"""Chart, panel, depth and tables in a real Voila, which runs a notebook and shows what it displays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser import checks
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
def test_chart_panel_depth_and_tables_move(voila: Voila, theme: str, background: str) -> None:
    errors: list[str] = []
    voila.page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    cells = [checks.SETUP, "live.chart('1min')", "live.panel('1min', height=300)", "live.depth(5)"]
    tables = ["live.tape(rows=8)", "live.watch()", "live.frame_view('1min', rows=3)"]
    voila.page.set_viewport_size({"width": 1280, "height": 2600})
    voila.open(f"{theme}.ipynb", [*cells, *tables], theme)
    chart, panel = checks.chart_at(voila.page, 0), checks.chart_at(voila.page, 1)
    for shown in (chart, panel):
        shown.wait("view.sync.fits > 0", PAGE_MS)
        checks.moves(shown)
    voila.page.get_by_label("Chart type").select_option(label="Line")
    panel.wait("view.chart.look.kind === 'line'")
    checks.heat_map_moves(voila.page)
    checks.has_colours_of_the_page(chart, background)
    checks.stays_where_it_is_dragged_and_comes_back(chart)
    checks.tables_move(chart, 4)
    checks.PICTURES.mkdir(parents=True, exist_ok=True)
    voila.page.screenshot(path=checks.PICTURES / f"voila_{theme}.png")
    assert not errors
