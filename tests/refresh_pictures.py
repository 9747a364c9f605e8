"""``python -m tests.refresh_pictures``: take the README's pictures anew, of 1,000 bars in JupyterLab."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.browser.bench import Bench, Chart, open_bench
from tests.browser.lab import Lab, running_lab
from tests.chromium import find_chromium, how_to_install

PICTURES = Path(__file__).parents[1] / "notebooks" / "pictures"
_SIZE = {"width": 1250, "height": 1150}
# The market is the same each time: only how far it goes on meanwhile is the machine's.
_SETUP = """\
import mdnb
feed = "sim://?speed=5&seed=4&start=2026-03-05T19:52&hours=venue"
live = mdnb.live(["MNQ", "MES"], ["1min", "5min", "15min"], feed=feed, initial_days=16, progress=False)"""
_CHART = """\
chart = live.chart("5min", overlays=["ema(20)", "vwap", "rsi(14)"], height=560)
chart.mark(chart.shown().index[-62], "Buy", side="buy")
chart.mark(chart.shown().index[-14], "Sell", side="sell")
"""
_BOARD = "live.dashboard(overlays=['ema(20)'])"
_DRAWN = """(cell) => {
  const box = window.jupyterapp.shell.currentWidget.content.widgets[cell].node;
  const views = [...box.querySelectorAll('.mdnb-chart')].map((node) => node.__mdnb);
  const drawn = (view) => view?.sync.fits > 0 && view.bars.end - view.bars.first >= 1000;
  return views.length && views.every(drawn);
}"""
_FIND = """([cell, name]) =>
  window.jupyterapp.shell.currentWidget.content.widgets[cell].node.querySelector(`.mdnb-${name}`)"""


def take(lab: Lab, theme: str) -> None:
    """Take chart and dashboard in one theme, the pointer on the chart."""
    bench = open_bench(lab, f"{theme}.ipynb", _SETUP, f"JupyterLab {theme.title()}")
    bench.do(_CHART)
    chart = Chart(bench, "chart")
    chart.wait("view.bars.end - view.bars.first >= 1000")
    chart.hover(0.6, 0.55)
    _keep(bench, chart.cell, "chart", PICTURES / f"chart-{theme}.png")
    cell = bench.add(_BOARD)
    lab.run(cell)
    bench.show(cell)
    lab.page.wait_for_function(_DRAWN, arg=cell)
    lab.page.mouse.move(2, 2)
    _keep(bench, cell, "surface", PICTURES / f"dashboard-{theme}.png")
    bench.do("live.close()")
    assert not bench.errors, bench.errors


def _keep(bench: Bench, cell: int, name: str, path: Path) -> None:
    found = bench.page.evaluate_handle(_FIND, [cell, name]).as_element()
    assert found is not None
    found.screenshot(path=path)
    sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    chromium = find_chromium()
    if chromium is None:
        sys.exit(how_to_install())
    with tempfile.TemporaryDirectory() as folder, running_lab(Path(folder), chromium) as opened:
        opened.page.set_viewport_size(_SIZE)
        for each in ("dark", "light"):
            take(opened, each)
