"""A page shows what is made after the market has ended: the bars that are held, and that it is closed."""

from __future__ import annotations

import pytest

from tests.browser.bench import Bench, ShownChart, find_view, open_bench
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

_SETUP = """\
import mdnb
feed = 'replay:dataset:gold-ticks?speed=max'
live = mdnb.live('GC201312', ['1min'], feed=feed, initial_days=0, progress=False)
live.wait_ended()"""


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    return open_bench(lab, "ended.ipynb", _SETUP)


def test_a_chart_of_a_recording_that_was_played_shows_its_last_bars(bench: Bench) -> None:
    cell = bench.add("chart = live.chart('1min', theme='light')\nchart")
    bench.lab.run(cell)
    bench.show(cell)
    chart = ShownChart(bench.page, find_view(cell))
    last = bench.do("print(f\"{live['1min'].frame['close'].iloc[-1]:,.1f}\")").strip()
    chart.wait(f"view.lastPrice.label.text.textContent === '{last}'")
    chart.wait("view.gd.closest('.mdnb-chart').textContent.includes('closed')")
    bench.do("live.close(); chart.close()")
    assert not bench.errors


def test_a_dashboard_of_a_market_that_was_closed_shows_its_charts(bench: Bench) -> None:
    cell = bench.add("board = live.dashboard(theme='light')\nboard")
    bench.lab.run(cell)
    bench.show(cell)
    chart = ShownChart(bench.page, find_view(cell))
    chart.wait("view.lastPrice.label.text.textContent !== ''")
    chart.wait("document.querySelector('.mdnb-strips').textContent.includes('closed')")
    bench.do("board.close()")
    assert not bench.errors
