"""Several charts at once, each on its own market with 100 ticks a second: the page answers, no bar is lost.

How busy page and kernel are is printed (``pytest -s``): only what does not depend on the machine is asserted.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from mdnb.widgets.page.theme import theme_of
from tests.browser.drawn import READ, differences
from tests.browser.lab import PAGE_MS, Lab
from tests.limits import LIMIT_SECONDS

pytestmark = pytest.mark.browser

_SETUP = """\
from ipywidgets import GridBox, Layout
from mdnb.widgets.chart.chart import LiveChart
from tests.browser.many_markets import ManyMarkets
markets = ManyMarkets({count})"""
_SHOW = """\
charts = [LiveChart(engine, "1min", height=240, bars=300) for engine in markets.engines]
GridBox(charts, layout=Layout(grid_template_columns="repeat(2, 50%)"))"""
_VIEWS = "[...document.querySelectorAll('.mdnb-chart')].map((node) => node.__mdnb)"
_WATCH = """() => {
  window.tasks = []; window.frames = 0;
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ type: "longtask" });
  const count = () => { window.frames += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
}"""
_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def _run(lab: Lab, count: int, seconds: float) -> dict[str, Any]:
    """Let so many charts run; return the figures, once every bar on the page was compared."""
    page = lab.page
    page.set_viewport_size({"width": 1500, "height": 1600})
    lab.open(f"many{count}.ipynb", [_SETUP.format(count=count), _SHOW])
    assert "Error" not in lab.run(0)
    lab.ask("markets.start()")
    alone = float(lab.ask(f"print(markets.share({seconds / 2}))"))
    lab.run(1)
    ready = f"{_VIEWS}.length === {count} && {_VIEWS}.every((view) => view.sync.fits > 0 && view.visible)"
    page.wait_for_function(f"() => {ready}", timeout=PAGE_MS)
    page.evaluate(_WATCH)
    before = page.evaluate(
        f"() => [performance.now(), {_VIEWS}.map((view) => [view.drawn, view.sync.fits, view.bars.end])]"
    )
    shown = float(lab.ask(f"print(markets.share({seconds}))"))
    closed = f"(ends) => {_VIEWS}.every((view, i) => view.bars.end > ends[i])"
    page.wait_for_function(closed, arg=[end for _, _, end in before[1]], timeout=PAGE_MS)
    after = page.evaluate(
        f"() => [performance.now(), {_VIEWS}.map((view) => [view.drawn, view.sync.fits, view.bars.end])]"
    )
    tasks, frames = page.evaluate("() => [window.tasks, window.frames]")
    rate = float(lab.ask("print(markets.stop())"))
    for i in range(count):
        _compare(lab, i)
    wall = (after[0] - before[0]) / 1000
    each = [[b - a for a, b in zip(*pair, strict=True)] for pair in zip(before[1], after[1], strict=True)]
    return {
        "ticks a second of each": round(rate, 1),
        "kernel alone, share of a core": round(alone, 3),
        "kernel with charts, share of a core": round(shown, 3),
        "the charts' share of a core": round(shown - alone, 3),
        "drawn a second of each": round(statistics.mean(drawn for drawn, _, _ in each) / wall, 1),
        "plotly's redraws a second of each": round(statistics.mean(fits for _, fits, _ in each) / wall, 2),
        "frames a second": round(frames / wall, 1),
        "long tasks a second": round(len(tasks) / wall, 2),
        "long tasks, share of the time": round(sum(tasks) / 1000 / wall, 3),
        "long tasks, ms: median, p95, longest": _spread(tasks),
    }


def _spread(tasks: list[float]) -> list[float]:
    if len(tasks) < 2:
        return tasks
    cuts = statistics.quantiles(tasks, n=20, method="inclusive")
    return [round(statistics.median(tasks)), round(cuts[-1]), round(max(tasks))]


def _compare(lab: Lab, i: int) -> None:
    rows = json.loads(lab.ask(f"print(markets.state({i}))"))
    theme = theme_of("light")
    limit = time.monotonic() + LIMIT_SECONDS
    while True:
        drawn = lab.page.evaluate(f"() => ({READ})({_VIEWS}[{i}])")
        found = differences(drawn, rows, 300, (theme.up, theme.down))
        held = lab.page.evaluate(
            f"() => {{ const {{ bars }} = {_VIEWS}[{i}]; return Array.from({{ length: bars.count }},"
            " (_, k) => [bars.first + k, ...[0, 1, 2, 3, 4, 5].map((c) => bars.at(bars.first + k, c))]); }"
        )
        found += [f"bar {row[0]} is {row[1:]}" for row in held if rows[row[0]] != row[1:]]
        found += [] if held[-1][0] == len(rows) - 1 else [f"the page ends at bar {held[-1][0]}"]
        if not found:
            return
        assert time.monotonic() < limit, "\n".join([f"chart {i}", *found[:10]])
        lab.page.evaluate(_FRAMES)


def _tell(figures: dict[str, Any]) -> None:
    print()  # noqa: T201  # figures are what the test is for
    for name, value in figures.items():
        print(f"  {name}: {value}")  # noqa: T201


def test_three_charts_of_busy_markets_lose_no_bar(lab: Lab) -> None:
    _tell(_run(lab, 3, 2))


@pytest.mark.slow
def test_ten_charts_of_busy_markets_lose_no_bar(lab: Lab) -> None:
    _tell(_run(lab, 10, 24))
    lab.page.screenshot(path=Path(__file__).parents[2] / "build" / "pictures" / "ten_charts.png")
