"""What the page says of its kernel in a real JupyterLab: restarted, gone, silent, or merely busy."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.bench import Bench, Chart
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

_SETUP = """\
import mdnb, os, time
from mdnb.widgets.chart.chart import LiveChart
live = mdnb.live('BTC-USD', ['1min'], feed='sim://?speed=60&seed=4', progress=False)
def make(**options):
    return LiveChart(live.data.engine, '1min', **options)"""
_STATUS = "view.legend.texts.status.textContent"
_DIMMED = "getComputedStyle(view.gd.querySelector('.main-svg')).opacity < 0.6"
_PICTURES = Path(__file__).parents[2] / "build" / "pictures"  # git-ignored: to be looked at


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Iterator[Bench]:
    made = Bench(lab)
    lab.open("kernel.ipynb", [_SETUP])
    yield made
    assert not made.errors


@pytest.fixture
def chart(bench: Bench) -> Chart:
    bench.lab.run(0)
    made = Chart(bench)
    made.wait(f"{_STATUS}.startsWith('live')")
    return made


def test_a_kernel_that_is_busy_for_long_is_neither_gone_nor_silent(bench: Bench, chart: Chart) -> None:
    second = Chart(bench)
    for shown in (chart, second):
        shown.collect_prices()
        shown.page(
            f"(view.said = new Set([{_STATUS}.slice(0, 4)]),"
            f" new MutationObserver(() => view.said.add({_STATUS}.slice(0, 4)))"
            ".observe(view.legend.texts.status, {childList: true, characterData: true, subtree: true}))"
        )
    with bench.blocked():
        # One of which nothing is heard is called silent after 6.5 seconds.
        bench.page.wait_for_function(
            "(end) => performance.now() > end", arg=bench.page.evaluate("performance.now() + 7_500")
        )
        for shown in (chart, second):
            shown.wait("view.seenPrices.size >= 50")
    for shown in (chart, second):
        assert shown.page("[...view.said]") == ["live"]
    bench.do("chart.close()")


@pytest.mark.slow
def test_a_market_without_trades_says_that_its_kernel_is_there(bench: Bench, chart: Chart) -> None:
    bench.do("from tests.widgets.sources import HandSource\nquiet = HandSource()")
    still = Chart(bench, "chart = LiveChart(quiet, '1min')\nchart")
    still.page("(view.heard = 0, view.chart.kernel.heard = () => { view.heard += 1; })")
    still.wait("view.heard >= 2")
    assert still.page("view.bars.end") == 51
    assert still.page(_STATUS) == "live · 42 ms"
    bench.do("chart.close()")


@pytest.mark.slow
def test_a_silent_kernel_is_told_and_its_return_too(bench: Bench, chart: Chart) -> None:
    kernel = int(bench.do("print(os.getpid())"))
    os.kill(kernel, signal.SIGSTOP)
    try:
        chart.wait(f"{_STATUS} === 'no word from the kernel'")
    finally:
        os.kill(kernel, signal.SIGCONT)
    end = chart.page("view.bars.end")
    chart.wait(f"{_STATUS}.startsWith('live') && view.bars.end > {end}")


def _wait_for_end(chart: Chart, words: str) -> None:
    chart.wait(f"{_STATUS} === '{words}' && {_DIMMED}")
    drawn = chart.page(
        "[view.legend.texts.dot.style.color, view.lastPrice.left.group.getAttribute('visibility')]"
    )
    assert drawn == ["rgb(211, 47, 47)", "hidden"]
    # Nothing is said to the kernel that came in its place.
    chart.page("view.goLatest()")


def test_a_restart_from_the_menu_is_told(bench: Bench, chart: Chart) -> None:
    bench.lab.command("kernelmenu:restart")
    bench.page.locator(".jp-Dialog .jp-mod-accept").click()
    _wait_for_end(chart, "kernel restarted")
    _PICTURES.mkdir(parents=True, exist_ok=True)
    bench.page.screenshot(path=_PICTURES / "kernel_restarted.png")
    bench.lab.wait_for_kernel()
    bench.lab.run(0)
    bench.lab.run(chart.cell)
    chart.wait(f"{_STATUS}.startsWith('live') && !({_DIMMED})")


@pytest.mark.slow
def test_a_restart_by_somebody_else_is_told(bench: Bench, chart: Chart) -> None:
    # As when it is asked while it is being restarted: the first question is lost.
    chart.page(
        "(() => { const { kernel } = view.chart.kernel; const ask = kernel.requestCommInfo.bind(kernel);"
        " kernel.requestCommInfo = () => { kernel.requestCommInfo = ask; return new Promise(() => {}); };"
        " })()"
    )
    (kernel,) = bench.lab.server.call("/api/kernels")
    bench.lab.server.call(f"/api/kernels/{kernel['id']}/restart", "POST")
    _wait_for_end(chart, "kernel restarted")


def test_a_kernel_that_was_killed_is_told(bench: Bench, chart: Chart) -> None:
    os.kill(int(bench.do("print(os.getpid())")), signal.SIGKILL)
    _wait_for_end(chart, "kernel restarted")
    bench.lab.wait_for_kernel()


def test_a_kernel_that_was_shut_down_is_told(bench: Bench, chart: Chart) -> None:
    bench.lab.command("kernelmenu:shutdown")
    _wait_for_end(chart, "kernel gone")
