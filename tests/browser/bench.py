"""A notebook to which browser tests append cells, and a chart on its page, read from the page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.browser.lab import WAIT_MS, Lab, blocking_code

__all__ = ["PICTURES", "SETUP", "WAIT_MS", "Bench", "Chart", "ShownChart", "find_view", "open_bench"]

SETUP = """\
import mdnb, time, json
from mdnb.widgets.chart.chart import LiveChart
live = mdnb.live('BTC-USD', ['1min', '5min'], feed='sim://?speed=60&seed=4', progress=False)
def make(timeframe="1min", **options):
    return LiveChart(live.data.engine, timeframe, **options)"""
PICTURES = Path(__file__).parents[2] / "build" / "pictures"
"""Git-ignored: to be looked at."""


class Bench:
    """A notebook to which tests append cells."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.page = lab.page
        self.errors: list[str] = []
        self.page.on("pageerror", self._note)

    def _note(self, error: Any) -> None:
        # ipywidgets counts the views of a displayed widget, and tells the kernel so even after it was closed.
        if str(error) != "no comm channel defined":
            self.errors.append(f"{error}\n{error.stack}")

    def add(self, source: str) -> int:
        """Append a code cell and return its number."""
        at: int = self.page.evaluate(
            """source => { const { content } = window.jupyterapp.shell.currentWidget;
            content.model.sharedModel.addCell({cell_type: 'code', source});
            return content.widgets.length - 1; }""",
            source,
        )
        return at

    def show(self, cell: int) -> None:
        """Scroll to a cell: Lab does not draw those that are far away."""
        self.page.evaluate(
            f"""() => {{ const {{ content }} = window.jupyterapp.shell.currentWidget;
            content.activeCellIndex = {cell}; return content.scrollToItem({cell}, 'center'); }}"""
        )

    def reload(self, cell: int) -> None:
        """Save the notebook and load its page anew, until that shows the chart of a cell."""
        self.lab.reload(
            f"""(() => {{ const notebook = window.jupyterapp?.shell?.currentWidget?.content;
            if (!(notebook?.widgets?.length > {cell})) return false;
            notebook.activeCellIndex = {cell};
            notebook.scrollToItem?.({cell}, 'center');
            return notebook.widgets[{cell}].node.querySelector('.mdnb-chart'); }})()"""
        )

    def do(self, source: str) -> str:
        """Run code in a new cell and return its text output."""
        cell = self.add(source)
        text = self.lab.run(cell)
        assert all(output["output_type"] != "error" for output in self.lab.outputs(cell)), text
        return text

    @contextlib.contextmanager
    def blocked(self, doing: str = "sum(range(1000))", first: str = "") -> Iterator[int]:
        """Have a new cell keep the kernel busy for as long as the body takes, which is given its number."""
        cell = self.add(first + blocking_code(doing))
        with self.lab.blocked(cell):
            yield cell

    def wait_for(self, expression: str) -> str:
        """Return an expression's text once it is true in the kernel."""
        return self.lab.wait_for(expression)


def open_bench(lab: Lab, name: str, setup: str = SETUP, theme: str = "JupyterLab Light") -> Bench:
    """Open a new notebook, its first cell run."""
    made = Bench(lab)
    lab.open(name, [setup], theme)
    assert "Error" not in lab.run(0)
    return made


def find_view(cell: int) -> str:
    """Return the page's expression for the view in a cell."""
    cells = "window.jupyterapp.shell.currentWidget.content.widgets"
    return f"{cells}[{cell}].node.querySelector('.mdnb-chart').__mdnb"


class ShownChart:
    """A chart that some page shows: ``view`` in an expression is the view of it."""

    def __init__(self, page: Page, find: str) -> None:
        self.browser = page
        self.find = find

    def page(self, expression: str) -> Any:
        """Return what an expression is in the page."""
        return self.browser.evaluate(f"() => {{ const view = {self.find}; return {expression}; }}")

    def wait(self, expression: str, timeout_ms: float = WAIT_MS) -> None:
        """Wait until an expression is true in the page."""
        self.browser.wait_for_function(
            f"() => {{ try {{ const view = {self.find}; return {expression}; }} catch {{ return false; }} }}",
            timeout=timeout_ms,
        )

    def collect_prices(self) -> None:
        """Note in the page each last price that is drawn, as the label says it."""
        self.page(
            """(() => { view.seenPrices = new Set(); const node = view.lastPrice.label.text;
            new MutationObserver(() => view.seenPrices.add(node.textContent)).observe(
              node, {childList: true, characterData: true, subtree: true}); })()"""
        )

    def prices(self) -> int:
        """Return how many different last prices were drawn since `collect_prices`."""
        count: int = self.page("view.seenPrices.size")
        return count

    def hover(self, x: float, y: float) -> None:
        """Move the pointer there, again if the page was moving under it, until the crosshair is drawn."""
        drawn = "view.crosshair.price.group.getAttribute('visibility') === 'visible'"
        for shift in range(50):
            left, top = self.at(x, y)
            self.browser.mouse.move(left + shift % 2, top)
            frames = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
            self.browser.evaluate(f"() => {frames}")
            if self.page(f"({drawn})"):
                return
        raise AssertionError("no crosshair is drawn under the pointer")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return a place in the plot, as shares of width and height, in page coordinates."""
        self.page("view.gd.scrollIntoView({block: 'center'})")
        box = self.page("view.gd.getBoundingClientRect().toJSON()")
        area = self.page("(({ left, right, top, bottom }) => ({ left, right, top, bottom }))(view.area)")
        return (
            box["x"] + area["left"] + x * (area["right"] - area["left"]),
            box["y"] + area["top"] + y * (area["bottom"] - area["top"]),
        )


class Chart(ShownChart):
    """A chart in a cell of its own, closed at the end of a test."""

    def __init__(self, bench: Bench, code: str = "chart = make()\nchart") -> None:
        self.bench = bench
        self.cell = bench.add(code)
        bench.lab.run(self.cell)
        bench.show(self.cell)
        super().__init__(bench.page, find_view(self.cell))
        # Nothing is about to be drawn anew under the test's hand.
        self.wait("view.sync.fits > 0 && view.drawn > 1 && !view.sync.fitTimer")
        self.page("view.gd.scrollIntoView({block: 'center'})")
