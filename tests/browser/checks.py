"""What a chart and tables have to do in every host."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from tests.browser.bench import ShownChart
from tests.browser.server import PAGE_MS

__all__ = [
    "DARK",
    "LIGHT",
    "PICTURES",
    "SETUP",
    "chart_at",
    "find_all",
    "has_colours_of_the_page",
    "heat_map_moves",
    "moves",
    "stays_where_it_is_dragged_and_comes_back",
    "tables_move",
]

SETUP = """\
import mdnb, time
live = mdnb.live('BTC-USD', ['1min', '5min'], feed='sim://?speed=60&seed=4', progress=False)"""
PICTURES = Path(__file__).parents[2] / "build" / "pictures"
"""Git ignores the folder; what is in it is to be looked at."""

_FIND_ALL = """\
((selector) => {
  const within = (root) => [...root.querySelectorAll(selector),
    ...[...root.querySelectorAll('*')].flatMap((one) => one.shadowRoot ? within(one.shadowRoot) : [])];
  return within(document);
})"""

DARK, LIGHT = "rgb(15, 17, 21)", "rgb(255, 255, 255)"


def find_all(selector: str) -> str:
    """Return the page's expression for all elements of a selector, those in shadow roots too."""
    return f"{_FIND_ALL}('{selector}')"


def chart_at(page: Page, number: int) -> ShownChart:
    """Return one of the charts that a page shows."""
    return ShownChart(page, f"{find_all('.mdnb-chart')}[{number}].__mdnb")


def moves(chart: ShownChart) -> None:
    """Check that prices and bars arrive."""
    chart.collect_prices()
    end = chart.page("view.bars.end")
    chart.wait(f"view.seenPrices.size >= 10 && view.bars.end >= {end} + 2")
    assert chart.page("view.legend.texts.status.textContent").startswith("live")


def has_colours_of_the_page(chart: ShownChart, background: str) -> None:
    """Check that the chart took the colours of the page's theme."""
    drawn = "getComputedStyle(view.gd.querySelector('.main-svg')).backgroundColor"
    chart.wait(f"{drawn} === '{background}'")


def stays_where_it_is_dragged_and_comes_back(chart: ShownChart) -> None:
    """Check that the chart stays where it is dragged to, and goes back by its button."""
    x, y = chart.at(0.3, 0.5)
    mouse = chart.browser.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 300, y, steps=5)
    mouse.up()
    chart.wait("view.viewport.follow === false && view.sync.fits > 1")
    kept, end = chart.page("[...view.viewport.range]"), chart.page("view.bars.end")
    chart.wait(f"view.bars.end >= {end} + 2")
    assert chart.page("[...view.gd._fullLayout.xaxis.range]") == kept
    chart.wait("!view.latest.hidden")
    chart.page("view.latest.click()")
    chart.wait("view.viewport.follow && view.gd._fullLayout.xaxis.range[1] > view.bars.end")


def tables_move(chart: ShownChart, count: int) -> None:
    """Check that so many tables change, and look as tables do."""
    page = chart.browser
    bodies = find_all(".mdnb-table tbody")
    page.wait_for_function(f"{bodies}.length >= {count}", timeout=PAGE_MS)
    page.evaluate(
        f"""() => {{ window.moved = {bodies}.map((body) => {{
        const seen = new Set(); new MutationObserver(() => seen.add(body.textContent)).observe(
          body, {{childList: true, characterData: true, subtree: true}}); return seen; }}); }}"""
    )
    page.wait_for_function("window.moved.every((seen) => seen.size >= 3)")
    # The chart's style sheet is the whole page's; a table's badge has its place in the table's head.
    badge = f"{find_all('.mdnb-table .mdnb-badge')}[0]"
    assert page.evaluate(f"getComputedStyle({badge}).position") == "static"


def heat_map_moves(page: Page) -> None:
    """Check that the heat map gets columns, each with a book that is not empty, and paints them."""
    heat = f"{find_all('.mdnb-heat')}[0].__mdnb"
    page.wait_for_function(f"{find_all('.mdnb-heat')}.length === 1", timeout=PAGE_MS)
    end = page.evaluate(f"{heat}.heat.ring.end")
    page.wait_for_function(f"{heat}.heat.ring.end >= {end} + 4")
    assert page.evaluate(f"{heat}.heat.ring.columns.at(-1).ticks.length") > 0
    pixels = f"{heat}.base.getContext('2d').getImageData(0, 0, {heat}.base.width, {heat}.base.height).data"
    assert page.evaluate(f"new Set(new Uint32Array({pixels}.buffer)).size") > 10
