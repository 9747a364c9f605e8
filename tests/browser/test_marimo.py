"""Chart, panel, depth and tables in a real marimo: as an app, which shows results alone, and in its editor.

Marimo puts each widget into a shadow root, draws no ipywidgets but those of anywidget, and closes what a cell
made when that cell runs again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page

from tests.browser import checks
from tests.browser.bench import WAIT_MS
from tests.browser.marimo import Marimo, running_marimo
from tests.browser.server import PAGE_MS

pytestmark = pytest.mark.browser

_ANSWER = """\
def answer_to(question):
    try:
        return eval(question)
    except Exception as error:
        return repr(error)"""
_CELLS = [
    f"{checks.SETUP}\nimport marimo as mo\ncharts = []\nagain = mo.ui.button(label='once more')\n{_ANSWER}",
    "again\ncharts.append(live.chart('1min', bars=200))\ncharts[-1]",
    "panel = live.panel('1min', bars=200, height=300)\npanel",
    "live.depth(5)",
    "live.tape(rows=4)",
    "live.watch()",
    "live.frame_view('1min', rows=3)",
    "board = live.dashboard(bars=200, height=200)\nboard",
    "mo.vstack([again])",
    # Apart: a cell that shows the button runs again with it, and would empty the field that is being filled.
    "ask = mo.ui.text(label='ask')\nask",
    """mo.Html(f'<pre id="answer">{ask.value}\\n{answer_to(ask.value or "0")}</pre>')""",
]
_CHART, _PANEL, _BOARD = 0, 1, 2
_CHARTS = 4
_TABLES = 4
_THEMES = {"run": "dark", "edit": "light"}
_BACKGROUNDS = {"dark": checks.DARK, "light": checks.LIGHT}


class Notebook:
    """The notebook in a page, its kernel asked by an element of marimo's."""

    ANSWER = f"{checks.find_all('#answer')}[0]?.textContent ?? ''"

    def __init__(self, mode: str, marimo: Marimo) -> None:
        self.mode = mode
        self.theme = _THEMES[mode]
        self.marimo = marimo
        self.page = marimo.page
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        self.page.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        # Of marimo's own requests one may fail on a busy machine; it is no error of ours.
        ours = any(part in message.location["url"] for part in ("/@file/", "blob:"))
        if message.type == "error" and (ours or "Model not found" in message.text):
            self.errors.append(f"{message.text} ({message.location})")

    def no_errors(self) -> bool:
        """Return whether nothing of ours failed in the page since this was asked last."""
        errors, self.errors = self.errors, []
        assert errors == []
        return True

    def open(self) -> None:
        """Open the notebook and wait until all of its charts are drawn."""
        self.marimo.open()
        for number in range(_CHARTS):
            checks.chart_at(self.page, number).wait("view.sync.fits > 0", PAGE_MS)

    def begin_to_ask(self, expression: str) -> None:
        """Let the kernel run a cell that answers."""
        field = self.page.get_by_label("ask", exact=True)
        field.fill(expression)
        field.press("Enter")

    def answer(self, expression: str) -> str:
        """Return the text of what was asked."""
        self.page.wait_for_function(
            f"(asked) => ({self.ANSWER}).startsWith(asked + '\\n')", arg=expression, timeout=PAGE_MS
        )
        text: str = self.page.evaluate(self.ANSWER)
        return text.split("\n", 1)[1]

    def ask(self, expression: str) -> str:
        """Return an expression's text in the kernel."""
        self.begin_to_ask(expression)
        return self.answer(expression)

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true in the kernel."""
        for turn in range(50):
            if self.ask(f"{expression} #{turn}") == "True":
                return
        raise AssertionError(f"{expression} does not come true")


@pytest.fixture(scope="module", params=["run", "edit"])
def notebook(request: Any, tmp_path_factory: pytest.TempPathFactory, page: Page) -> Iterator[Notebook]:
    mode = request.param
    page.set_viewport_size({"width": 1280, "height": 3200})
    with running_marimo(mode, tmp_path_factory.mktemp(mode), page, _CELLS, _THEMES[mode]) as marimo:
        made = Notebook(mode, marimo)
        made.open()
        yield made


def test_charts_depth_and_tables_move(notebook: Notebook) -> None:
    page = notebook.page
    for number in range(_CHARTS):
        checks.has_colours_of_the_page(checks.chart_at(page, number), _BACKGROUNDS[notebook.theme])
    for number in (_CHART, _PANEL, _BOARD):
        checks.moves(checks.chart_at(page, number))
    checks.heat_map_moves(page)
    checks.tables_move(checks.chart_at(page, _CHART), _TABLES)
    checks.PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=checks.PICTURES / f"marimo_{notebook.mode}.png")
    assert notebook.no_errors()


def test_the_chart_takes_mouse_and_keys(notebook: Notebook) -> None:
    chart = checks.chart_at(notebook.page, _CHART)
    checks.stays_where_it_is_dragged_and_comes_back(chart)
    chart.page("view.gd.focus()")
    notebook.page.keyboard.press("ArrowLeft")
    chart.wait("view.viewport.follow === false")
    notebook.wait_for("not charts[-1].follows")
    chart.page("view.gd.focus()")
    notebook.page.keyboard.press("End")
    chart.wait("view.viewport.follow")
    notebook.wait_for("charts[-1].follows")
    assert notebook.no_errors()


def test_the_chart_moves_while_a_cell_runs(notebook: Notebook) -> None:
    chart = checks.chart_at(notebook.page, _CHART)
    chart.collect_prices()
    notebook.begin_to_ask("time.sleep(3) or 7")
    chart.wait(f"view.seenPrices.size >= 5 && !({notebook.ANSWER}).startsWith('time.sleep')")
    assert notebook.answer("time.sleep(3) or 7") == "7"


def test_the_kernel_knows_the_pages_theme(notebook: Notebook) -> None:
    notebook.wait_for(f"charts[-1]._mdnb.state.theme == {notebook.theme!r}")
    assert notebook.no_errors()


def test_the_panel_has_marimos_controls(notebook: Notebook) -> None:
    chart = checks.chart_at(notebook.page, _PANEL)
    notebook.page.get_by_label("Chart type").first.select_option(label="Line")
    chart.wait("view.chart.look.kind === 'line'")
    notebook.page.get_by_label("Timeframe").first.select_option(label="5m")
    chart.wait("view.chart.look.timeframe === '5m'")
    assert notebook.ask("panel.chart.timeframe, panel.chart.kind") == "('5min', 'line')"
    assert notebook.no_errors()


def test_charts_of_a_cell_share_what_draws_them(notebook: Notebook) -> None:
    # By names of marimo's that are not documented: see `mdnb.widgets.page.marimo_host`.
    assert notebook.ask("len({one._runtime for one in board.charts})") == "1"
    assert notebook.ask("board.charts[0]._runtime == panel.chart._runtime") == "False"


def test_a_cell_that_runs_again_ends_what_it_showed(notebook: Notebook) -> None:
    page = notebook.page
    page.get_by_role("button", name="once more").click()
    notebook.wait_for("len(charts) == 2")
    chart = checks.chart_at(page, _CHART)
    chart.wait("view.sync.fits > 0 && view.chart.model && !view.closed")
    checks.moves(chart)
    notebook.wait_for("charts[0]._mdnb.state.closed and not charts[1]._mdnb.state.closed")
    assert notebook.no_errors()


@pytest.mark.parametrize(
    "notebook", [pytest.param("run", marks=pytest.mark.slow), "edit"], indirect=True, scope="module"
)
def test_a_reloaded_page_shows_the_present(notebook: Notebook) -> None:
    # The editor has the same kernel then; an app a new one, as if it were opened.
    notebook.errors.clear()
    notebook.open()
    checks.moves(checks.chart_at(notebook.page, _CHART))
    checks.moves(checks.chart_at(notebook.page, _PANEL))
    assert notebook.no_errors()


def test_plotlys_own_front_end_takes_over_where_ours_cannot_run(
    page: Page, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # As an app: there marimo drops other code for a widget, so that what takes over has to come as data.
    cells = [checks.SETUP, "live.chart('1min', bars=60)"]
    figure = f"{checks.find_all('.js-plotly-plot')}[0]"
    broken = page.context.new_page()
    broken.add_init_script("delete window.DecompressionStream;")
    with running_marimo("run", tmp_path_factory.mktemp("broken"), broken, cells) as marimo:
        marimo.open()
        broken.wait_for_function(f"{figure}?.data?.length === 4", timeout=PAGE_MS)
        broken.evaluate("() => { window.closes = new Set(); }")
        broken.wait_for_function(
            f"() => {{ closes.add({figure}.data[1].close[0]); return closes.size >= 4; }}", timeout=PAGE_MS
        )
        last = broken.evaluate(f"{figure}.data[0].x.at(-1)")
        broken.wait_for_function(f"{figure}.data[0].x.at(-1) >= {last} + 2", timeout=WAIT_MS)
        said = f"{figure}.layout.annotations.some((one) => one.text.startsWith('this page cannot run'))"
        assert broken.evaluate(said)
        checks.PICTURES.mkdir(parents=True, exist_ok=True)
        broken.screenshot(path=checks.PICTURES / "marimo_fallback.png")
    broken.close()
