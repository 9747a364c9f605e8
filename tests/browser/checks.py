"""What a chart and tables have to do in every host."""

from __future__ import annotations

from pathlib import Path

from tests.browser.bench import ShownChart
from tests.browser.server import PAGE_MS

__all__ = [
    "DARK",
    "LIGHT",
    "PICTURES",
    "SETUP",
    "has_colours_of_the_page",
    "moves",
    "stays_where_it_is_dragged_and_comes_back",
    "tables_move",
]

SETUP = """\
import mdnb, time
live = mdnb.live('BTC-USD', ['1min', '5min'], feed='sim://?speed=60&seed=4', progress=False)"""
PICTURES = Path(__file__).parents[2] / "build" / "pictures"
"""Git ignores the folder; what is in it is to be looked at."""

DARK, LIGHT = "rgb(15, 17, 21)", "rgb(255, 255, 255)"


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
    page.wait_for_function(
        f"document.querySelectorAll('.mdnb-table tbody').length >= {count}", timeout=PAGE_MS
    )
    page.evaluate(
        """() => { window.moved = [...document.querySelectorAll('.mdnb-table tbody')].map((body) => {
        const seen = new Set(); new MutationObserver(() => seen.add(body.textContent)).observe(
          body, {childList: true, characterData: true, subtree: true}); return seen; }); }"""
    )
    page.wait_for_function("window.moved.every((seen) => seen.size >= 3)")
    # The chart's style sheet is the whole page's; a table's badge has its place in the table's head.
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.mdnb-table .mdnb-badge')).position")
        == "static"
    )
