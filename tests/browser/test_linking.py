"""Linked charts in a real JupyterLab and a real Chromium: what the others show when one is moved."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.bench import Bench, open_bench
from tests.browser.lab import Lab
from tests.limits import LIMIT_SECONDS

pytestmark = pytest.mark.browser

_WAIT_MS = LIMIT_SECONDS * 1000
_SETUP = """\
import json, time, mdnb
from ipywidgets import VBox
kept = ["1min", "5min", "1hour"]
live = mdnb.live("MNQ", kept, feed="sim://?speed=60&seed=4", initial_days=5, progress=False)
fine, mid, coarse = charts = [live.chart(name, height=230) for name in kept]
for chart in charts:
    chart.link("desk")"""
_SHOW = "box = VBox(charts)\nbox"
_RANGES = "print(json.dumps([[f'{end:.3f}' for end in chart.layout.xaxis.range or ()] for chart in charts]))"


class Linked:
    """Three linked charts in one cell."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.cell = bench.add(_SHOW)
        bench.lab.run(self.cell)
        bench.show(self.cell)
        self.wait("views.length === 3 && views.every((view) => view.sync.fits > 0)")

    def _script(self, expression: str) -> str:
        return (
            f"() => {{ const cell = window.jupyterapp.shell.currentWidget.content.widgets[{self.cell}];"
            "const views = [...cell.node.querySelectorAll('.mdnb-chart')].map((node) => node.__mdnb);"
            "const timeOf = ({ bars }, x) =>"
            "  bars.at(Math.min(Math.max(Math.round(x), bars.first), bars.end - 1), 0);"
            f"return {expression}; }}"
        )

    def page(self, expression: str) -> Any:
        return self.bench.page.evaluate(self._script(expression))

    def wait(self, expression: str) -> None:
        script = self._script(expression).removeprefix("() => ")
        self.bench.page.wait_for_function(
            f"() => {{ try {{ return (() => {script})(); }} catch {{ return false; }} }}", timeout=_WAIT_MS
        )

    def at(self, chart: int, x: float, y: float) -> tuple[float, float]:
        """Return a place in a chart's prices, as shares of width and height, in page coordinates."""
        self.page(f"views[{chart}].gd.scrollIntoView({{block: 'center'}})")
        box = self.page(f"views[{chart}].gd.getBoundingClientRect().toJSON()")
        edges = "({ left, right, top, bottom }) => ({ left, right, top, bottom })"
        area = self.page(f"({edges})(views[{chart}].area)")
        across = area["left"] + x * (area["right"] - area["left"])
        return box["x"] + across, box["y"] + area["top"] + y * (area["bottom"] - area["top"])

    def point(self, chart: int, x: float, y: float) -> None:
        """Move the pointer there, again if the page was moving under it, until it is in the chart."""
        for shift in range(50):
            left, top = self.at(chart, x, y)
            self.bench.page.mouse.move(left + shift % 2, top)
            if self.page(f"!!views[{chart}].crosshair.pointer && !views[{chart}].crosshair.pointer.guest"):
                return
        raise AssertionError("the pointer is not in the chart")

    def drag(self, chart: int, share: float) -> None:
        """Pan a chart to the right by a share of its width."""
        self.point(chart, 0.3, 0.5)
        mouse = self.bench.page.mouse
        mouse.down()
        for step in range(1, 6):
            left, top = self.at(chart, 0.3 + share * step / 5, 0.5)
            mouse.move(left, top)
        mouse.up()

    def settle(self) -> None:
        """Wait until every chart has drawn the range it is to show."""
        self.wait(
            "views.every((view) => !view.sync.fitTimer && performance.now() > (view.sync.busyUntil || 0)"
            " && Math.abs(view.gd._fullLayout.xaxis.range[0] - view.viewport.range[0]) < 1e-6)"
        )


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    lab.page.set_viewport_size({"width": 1100, "height": 1000})
    return open_bench(lab, "linked.ipynb", _SETUP)


@pytest.fixture(scope="module")
def charts(bench: Bench) -> Linked:
    return Linked(bench)


@pytest.fixture(autouse=True)
def at_the_newest_bar(charts: Linked) -> Iterator[None]:
    charts.page("views.forEach((view) => view.goLatest())")
    charts.wait("views.every((view) => view.viewport.follow)")
    charts.settle()
    charts.bench.errors.clear()
    yield
    charts.bench.page.mouse.move(2, 2)
    assert not charts.bench.errors


def test_the_crosshair_stands_on_the_bar_that_holds_the_time_and_at_the_price(charts: Linked) -> None:
    charts.point(0, 0.6, 0.4)
    charts.wait("views[1].crosshair.pointer?.guest && views[2].crosshair.pointer?.guest")
    seen = charts.page("views.map((view) => timeOf(view, view.crosshair.pointer.ordinal))")
    assert seen[1] == seen[0] // 300_000 * 300_000
    assert seen[2] == seen[0] // 3_600_000 * 3_600_000
    charts.wait("views.every((view) => view.crosshair.time.group.getAttribute('visibility') === 'visible')")
    # At one price, wherever a chart has it in view.
    prices = charts.page(
        "views.map((view) => view.crosshair.price.group.getAttribute('visibility') === 'visible'"
        " ? view.crosshair.price.text.textContent : null)"
    )
    assert prices[0] is not None
    numbers = [float(price.replace(",", "")) for price in prices if price]
    assert max(numbers) - min(numbers) <= 0.25


def test_the_crosshair_is_gone_when_the_pointer_has_left(charts: Linked) -> None:
    charts.point(2, 0.5, 0.4)
    charts.wait("views[0].crosshair.pointer?.guest || views[1].crosshair.pointer?.guest")
    charts.bench.page.mouse.move(2, 2)
    charts.wait("views.every((view) => !view.crosshair.pointer)")
    charts.wait("views.every((view) => !view.crosshair.path.getAttribute('d'))")


def test_a_time_that_another_chart_does_not_hold_shows_no_crosshair_there(charts: Linked) -> None:
    charts.point(2, 0.05, 0.4)
    # 180 hours back: a minute chart holds 1,000 bars.
    charts.wait("views[1].crosshair.pointer?.guest || views[2].crosshair.pointer")
    assert charts.page("views[0].crosshair.pointer") is None


def test_zooming_shows_the_same_time_on_all_by_a_least_number_of_bars(charts: Linked) -> None:
    charts.point(1, 0.5, 0.5)
    charts.bench.page.mouse.wheel(0, 240)
    charts.wait("views[1].viewport.span > 200")
    charts.settle()
    starts = charts.page("views.map((view) => timeOf(view, view.viewport.range[0]))")
    ends = charts.page("views.map((view) => timeOf(view, view.viewport.range[1]))")
    assert abs(starts[0] - starts[1]) <= 300_000
    assert charts.page("views[2].viewport.span") >= 30
    assert ends[2] >= ends[1] - 3_600_000
    assert (
        charts.page("views.map((view) => view.viewport.follow)")
        == [charts.page("views[1].viewport.follow")] * 3
    )


def test_panning_moves_all_and_ends_following_and_the_button_brings_all_back(charts: Linked) -> None:
    charts.drag(0, 0.5)
    charts.wait("views.every((view) => !view.viewport.follow)")
    charts.settle()
    starts = charts.page("views.map((view) => timeOf(view, view.viewport.range[0]))")
    assert abs(starts[0] - starts[1]) <= 300_000
    charts.bench.wait_for("not any(chart.follows for chart in charts)")
    charts.wait("views.every((view) => !view.latest.hidden)")
    charts.page("views[2].latest.click()")
    charts.wait("views.every((view) => view.viewport.follow)")
    charts.wait("views.every((view) => view.latest.hidden)")
    charts.bench.wait_for("all(chart.follows for chart in charts)")


def test_it_works_while_the_kernel_is_busy_and_python_hears_of_it_later(charts: Linked) -> None:
    with charts.bench.blocked():
        charts.bench.show(charts.cell)
        charts.drag(0, 0.4)
        charts.wait("views.every((view) => !view.viewport.follow)")
        charts.settle()
    seen = charts.page(
        "views.map((view) => [view.viewport.range[0].toFixed(3), view.viewport.range[1].toFixed(3)])"
    )
    # The page holds back what it has to say while the kernel is busy, and says it one by one.
    limit = time.monotonic() + LIMIT_SECONDS
    while (told := json.loads(charts.bench.do(_RANGES))) != seen:
        assert time.monotonic() < limit, f"Python has {told}, the page {seen}"


def test_a_link_is_part_of_the_state_and_unlinking_ends_it(charts: Linked) -> None:
    page = charts.bench.page
    charts.bench.do("mid.unlink()")
    charts.wait("views[1].chart.look.link === null")
    charts.drag(0, 0.4)
    charts.wait("!views[0].viewport.follow && !views[2].viewport.follow")
    assert charts.page("views[1].viewport.follow")
    charts.point(0, 0.6, 0.4)
    charts.wait("views[2].crosshair.pointer?.guest")
    assert charts.page("views[1].crosshair.pointer") is None
    charts.bench.do("mid.link('desk', zoom=False)")
    charts.bench.show(charts.cell)
    charts.page("views[0].latest.click()")
    charts.wait("views[0].viewport.follow && views[2].viewport.follow")
    charts.drag(0, 0.4)
    charts.wait("!views[0].viewport.follow && !views[2].viewport.follow")
    assert charts.page("views[1].viewport.follow")
    # A second view that opens later is linked as well.
    again = charts.bench.add("mid")
    charts.bench.lab.run(again)
    page.wait_for_function(
        f"""() => {{ const cell = window.jupyterapp.shell.currentWidget.content.widgets[{again}];
            const view = cell.node.querySelector('.mdnb-chart')?.__mdnb;
            return view?.sync.fits > 0 && view.chart.look.link.group === 'desk'; }}""",
        timeout=_WAIT_MS,
    )
    charts.bench.do("mid.link('desk')")
