"""Plotly.js has every private name that the chart reads; where one is gone, this says which."""

from __future__ import annotations

import pytest

from tests.browser.bench import Bench, Chart, open_bench
from tests.browser.lab import Lab
from tests.frontend.plotly_names import BY_HAND, PRIVATE_NAMES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    return open_bench(lab, "canary.ipynb")


def test_plotly_has_the_names_that_the_chart_reads(bench: Bench, chart: Chart) -> None:
    bench.do("chart.add_hline(y=float(chart.data[0].close[-1]))")
    chart.wait("view.gd.layout.shapes?.length === 1 && view.gd.querySelector('path[fill-rule]')")
    found = ", ".join(f"{name!r}: () => {check}" for name, check in PRIVATE_NAMES.items())
    gone = chart.page(
        f"(({{ gd }}, candles) => Object.entries({{ {found} }}).filter(([, has]) => {{"
        " try { return !has(); } catch { return true; } }).map(([name]) => name))"
        "(view, view.place('mdnb-candles'))"
    )
    assert not gone, f"this plotly.js has no {', '.join(gone)}; static/chart/plotly_private.js reads it"


def test_plotly_says_what_the_pointer_does_to_it(bench: Bench, chart: Chart) -> None:
    chart.page("(view.chart.modes.pause(), 0)")
    end = chart.page("view.bars.end")
    # The label with a bar's number stands where a trace says its x, and none of ours, which do not, is near.
    bench.do(
        f"chart.add_scatter(x=[{end} + 20, {end} + 21], y=list(chart.data[0].close[-2:]), mode='markers')\n"
        f"chart.update_layout(xaxis_range=[{end} - 20, {end} + 40])"
    )
    chart.wait(f"view.gd.data.length === 5 && view.gd._fullLayout.xaxis.range[1] === {end} + 40")
    chart.wait("!view.sync.fitTimer && !view.frame")
    chart.hover(0.67, 0.5)
    chart.wait(f"(({{ gd }}) => {BY_HAND['axistext']})(view)")
    x, y = chart.at(0.5, 0.5)
    bench.page.mouse.move(x, y)
    bench.page.mouse.down()
    bench.page.mouse.move(x + 60, y, steps=3)
    chart.wait(f"(({{ gd }}) => {BY_HAND['_dragging']})(view)")
    bench.page.mouse.up()
    chart.wait(f"(({{ gd }}) => !({BY_HAND['_dragging']}))(view)")
