"""What others see of a notebook: in a page without a kernel, without network, before it is trusted."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import nbformat as _nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import BrowserContext, Page

from mdnb.widgets.static_output.static_output import png_picture
from tests.browser.bench import Bench, ShownChart, find_view
from tests.browser.lab import Lab
from tests.browser.server import PAGE_MS
from tests.limits import LIMIT_SECONDS

nbformat: Any = _nbformat
pytestmark = pytest.mark.browser

LIVE = """\
import mdnb
live = mdnb.live("MNQ", ["1min", "5min"], feed="sim://?speed=60&seed=7", initial_days=0.5)
live.chart("1min", overlays=["ema(20)"])"""
_CELLS = [LIVE, "live.panel('5min')", "live.dashboard()", "live.depth()"]
# Share of the pixels where two pictures, drawn to one size, are clearly of another colour.
_UNLIKE = """async ([first, second]) => {
  const pixels = async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const { naturalWidth: width, naturalHeight: height } = image;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(image, 0, 0);
    return [width, height, context.getImageData(0, 0, width, height).data];
  };
  const [width, height, one] = await pixels(first);
  const [wide, tall, other] = await pixels(second);
  if (width !== wide || height !== tall) return [width, height, wide, tall];
  let unlike = 0;
  for (let i = 0; i < one.length; i += 4) {
    unlike += Math.max(...[0, 1, 2].map((at) => Math.abs(one[i + at] - other[i + at]))) > 64;
  }
  return unlike / (width * height);
}"""
_IMAGES = "[...document.querySelectorAll('.jp-OutputArea-output img')]"
_DRAWN = f"{_IMAGES}.filter((one) => one.naturalWidth > 0 && one.getBoundingClientRect().width > 500)"
_LOOKS: tuple[dict[str, Any], ...] = (
    {"kind": "candles"},
    {"kind": "area", "theme": "dark"},
    {"overlays": ["ema(20)", "rsi(14)"]},
)


def test_the_two_pictures_kept_of_a_chart_are_the_same_to_the_eye(page: Page) -> None:
    """Chromium draws the SVG, in a font of its own."""
    from mdnb.market import live

    with live("MNQ", ["1min"], feed="sim://?speed=60&seed=7", initial_days=0.5, name="two") as market:
        for look in _LOOKS:
            svg = market.chart("1min", **look).picture()
            forms = {"svg+xml": svg.encode(), "png": png_picture(svg)}
            coded = [f"data:image/{form};base64,{base64.b64encode(forms[form]).decode()}" for form in forms]
            page.goto("about:blank")
            unlike = page.evaluate(_UNLIKE, coded)
            assert unlike < 0.015


def test_a_notebook_that_was_run_unattended_shows_all_of_it_as_a_page_without_network(
    browser: BrowserContext, tmp_path: Path
) -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in _CELLS])
    NotebookClient(book, timeout=int(LIMIT_SECONDS), kernel_name="python3").execute()
    exported, _ = HTMLExporter().from_notebook_node(book)
    path = tmp_path / "shared.html"
    path.write_text(exported, encoding="utf-8")
    page = browser.new_page()
    try:
        page.route("http*://**", lambda route: route.abort())
        page.goto(path.as_uri())
        page.wait_for_function(f"{_DRAWN}.length === 4")
        assert page.locator(".jp-OutputArea-output table").count() == 1
        widest = page.evaluate(f"Math.max(...{_DRAWN}.map((one) => one.getBoundingClientRect().right))")
        assert widest <= page.evaluate("document.documentElement.clientWidth")
    finally:
        page.close()


def test_a_notebook_from_somebody_else_shows_its_charts_before_it_is_trusted(lab: Lab) -> None:
    lab.open("mine.ipynb", _CELLS)
    for cell in range(len(_CELLS)):
        assert "Error" not in lab.run(cell)
    lab.page.evaluate("window.jupyterapp.shell.currentWidget.context.save()")
    book = json.loads((lab.folder / "mine.ipynb").read_text(encoding="utf-8"))
    # A notebook that this server has not run itself: changed since, it is not the one that was signed.
    book["cells"][0]["source"] = "# received by e-mail"
    (lab.folder / "theirs.ipynb").write_text(json.dumps(book), encoding="utf-8")
    lab.page.goto(f"{lab.url}/doc/tree/theirs.ipynb?token={lab.token}&reset", timeout=PAGE_MS)
    lab.wait_for_kernel()
    trusted = "window.jupyterapp.shell.currentWidget.content.widgets.some((cell) => cell.model.trusted)"
    assert lab.page.evaluate(trusted) is False
    lab.page.wait_for_function(f"{_DRAWN}.length === {len(_CELLS)}")


def test_a_page_that_comes_later_is_sent_plotly_js(lab: Lab) -> None:
    """Whoever ran the first cells said that nobody looks, as a server that runs cells by itself may do."""
    bench = Bench(lab)
    lab.open("later.ipynb", ["live.chart('1min', theme='light')"])
    made = LIVE.replace("live.chart", "kept = live.chart")
    assets = "from mdnb.widgets.page.page_assets import plotly_runtime"
    code = f"{made}\n{assets}\nprint(len(plotly_runtime().source))"
    told = lab.page.evaluate(
        """async (code) => {
          const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
          const future = kernel.requestExecute({ code, allow_stdin: false });
          let text = "";
          future.onIOPub = ({ content }) => (text += content.text ?? "");
          await future.done;
          return text;
        }""",
        code,
    )
    assert told.strip() == "0"
    lab.run(0)
    chart = ShownChart(lab.page, find_view(0))
    chart.wait("view.ready && view.drawn > 2")
    assert int(lab.ask("print(len(plotly_runtime().source))")) > 1_000_000
    assert not bench.errors
