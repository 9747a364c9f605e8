"""Drawings in a real page: made, moved and taken away by hand, and kept."""

from __future__ import annotations

import ast
import time
from typing import Any

import pytest

from tests.browser.bench import PICTURES, Bench, Chart, open_bench
from tests.browser.lab import Lab
from tests.limits import LIMIT_SECONDS

pytestmark = pytest.mark.browser

_SHAPES = "view.gd.layout.shapes ?? []"
_OURS = "view.tools.drawnShapes()"


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    return open_bench(lab, "drawings.ipynb")


class Hand:
    """A pointer over a chart that stands still, so that a place stays what it is."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.mouse = chart.bench.page.mouse
        chart.page("(view.chart.modes.pause(), 0)")
        chart.wait("view.chart.modes.name === 'paused' && !view.sync.fitTimer && !view.frame")

    def line(self, x: float, y: float) -> None:
        """Draw a line with one click."""
        self.chart.page("(view.drawingStrip.buttons.line.click(), 0)")
        self.mouse.click(*self.chart.at(x, y))

    def rectangle(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        self.chart.page("(view.drawingStrip.buttons.rectangle.click(), 0)")
        self.drag(begin, end)

    def draw(self, tool: str, *places: tuple[float, float]) -> None:
        """Draw with one click a place."""
        self.chart.page(f"(view.drawingStrip.buttons.{tool}.click(), 0)")
        assert self.chart.page(f"view.drawingStrip.buttons.{tool}.getAttribute('aria-pressed')") == "true"
        for place in places:
            self.mouse.move(*self.chart.at(*place))
            self.mouse.click(*self.chart.at(*place))

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        self.mouse.move(*self.chart.at(*begin))
        self.mouse.down()
        self.mouse.move(*self.chart.at(*end), steps=4)
        self.mouse.up()


def _python(bench: Bench, expression: str) -> Any:
    return ast.literal_eval(bench.do(f"print({expression})"))


def _drawn(chart: Chart) -> list[list[Any]]:
    """Return what Python has: a line's price, or a rectangle's times and prices."""
    return _python(
        chart.bench,
        "[[one.price] if len(one) == 2 else [one.start.timestamp() * 1000, one.end.timestamp() * 1000,"
        " one.low, one.high] for one in chart.drawings]",
    )


def _wait_drawn(chart: Chart, expected: list[list[Any]]) -> None:
    """Wait until Python has this: what a page says and what a cell asks may be taken by two threads."""
    limit = time.monotonic() + LIMIT_SECONDS
    while (found := _drawn(chart)) != expected:
        assert time.monotonic() < limit, f"Python has {found}, not {expected}"


def _price(chart: Chart, y: float) -> float:
    low, high = chart.page("view.gd._fullLayout.yaxis.range")
    return high - y * (high - low)


def test_a_line_is_drawn_moved_and_deleted(bench: Bench, chart: Chart) -> None:
    bench.do("chart.add_hline(y=float(chart.data[0].close[-1]), line_width=3)")
    chart.wait(f"({_SHAPES}).length === 1")
    hand = Hand(chart)
    hand.line(0.5, 0.3)
    chart.wait(f"{_OURS}.length === 1 && view.tools.tool === null")
    (shape,) = chart.page(_OURS)
    assert shape["y0"] == round(shape["y0"], 2)
    half_a_pixel = (_price(chart, 0) - _price(chart, 1)) / 300
    assert abs(shape["y0"] - _price(chart, 0.3)) <= half_a_pixel + 0.01
    _wait_drawn(chart, [[shape["y0"]]])
    bench.wait_for("[shape.line.width for shape in chart.layout.shapes] == [3, 1.5]")
    said = chart.page("view.tools.layer.levels.textContent.replaceAll(',', '')")
    assert float(said) == shape["y0"]

    bench.show(chart.cell)
    hand.drag((0.4, 0.3), (0.45, 0.6))
    chart.wait(f"{_OURS}[0].y0 < {shape['y0']}")
    (moved,) = chart.page(_OURS)
    assert abs(moved["y0"] - _price(chart, 0.6)) <= half_a_pixel * 2 + 0.01
    _wait_drawn(chart, [[moved["y0"]]])
    bench.show(chart.cell)
    chart.page("(view.gd.focus(), 0)")
    bench.page.keyboard.press("ArrowUp")
    chart.wait(f"{_OURS}[0].y0 > {moved['y0']}")
    assert chart.page(f"{_OURS}[0].y0") == pytest.approx(moved["y0"] + 0.01)
    bench.page.keyboard.press("Delete")
    chart.wait(f"{_OURS}.length === 0")
    _wait_drawn(chart, [])
    bench.wait_for("[shape.line.width for shape in chart.layout.shapes] == [3]")


def test_a_rectangle_is_drawn_picked_moved_and_made_larger(bench: Bench, chart: Chart) -> None:
    hand = Hand(chart)
    kept = chart.page("[...view.viewport.range]")
    hand.rectangle((0.3, 0.3), (0.5, 0.6))
    chart.wait(f"{_OURS}.length === 1")
    assert chart.page("[...view.viewport.range]") == kept, "the chart was panned"
    (shape,) = chart.page(_OURS)
    times = chart.page(f"[view.bars.at({shape['x0']}, 0), view.bars.at({shape['x1']}, 0)]")
    _wait_drawn(chart, [[*times, shape["y0"], shape["y1"]]])
    bench.show(chart.cell)
    hand.mouse.click(*chart.at(0.8, 0.2))
    chart.wait("view.tools.picked === null")
    hand.mouse.click(*chart.at(0.4, 0.45))
    chart.wait(f"view.tools.picked === '{shape['name']}'")
    hand.drag((0.4, 0.45), (0.45, 0.35))
    chart.wait(f"{_OURS}[0].x0 > {shape['x0']}")
    (moved,) = chart.page(_OURS)
    assert moved["x1"] - moved["x0"] == shape["x1"] - shape["x0"]
    assert moved["y1"] - moved["y0"] == pytest.approx(shape["y1"] - shape["y0"], abs=0.03)
    corner = chart.page(
        f"(() => {{ const [l, b, r, t] = view.tools.layer.endsOf({_OURS}[0]); return [r, b]; }})()"
    )
    box = chart.page("view.gd.getBoundingClientRect().toJSON()")
    hand.mouse.move(box["x"] + corner[0], box["y"] + corner[1])
    hand.mouse.down()
    hand.mouse.move(box["x"] + corner[0] + 60, box["y"] + corner[1] + 40, steps=3)
    hand.mouse.up()
    chart.wait(f"{_OURS}[0].x1 > {moved['x1']} && {_OURS}[0].y0 < {moved['y0']}")
    assert chart.page(f"{_OURS}[0].x0") == moved["x0"]
    assert chart.page("[...view.viewport.range]") == kept


def test_escape_puts_a_tool_away_and_a_button_clears(bench: Bench, chart: Chart) -> None:
    bench.do("chart.add_vline(x=float(chart.data[0].x[-20]))\nchart.draw_line(float(chart.data[0].low[-9]))")
    chart.wait(f"({_SHAPES}).length === 2")
    hand = Hand(chart)
    chart.page("(view.drawingStrip.buttons.rectangle.click(), view.gd.focus(), 0)")
    assert chart.page("view.drawingStrip.buttons.rectangle.getAttribute('aria-pressed')") == "true"
    hand.mouse.move(*chart.at(0.3, 0.3))
    hand.mouse.down()
    hand.mouse.move(*chart.at(0.5, 0.5), steps=3)
    chart.wait("view.tools.layer.preview.getAttribute('d') !== ''")
    bench.page.keyboard.press("Escape")
    hand.mouse.up()
    chart.wait(
        "(({ tool, gesture, layer }) =>"
        " tool === null && gesture === null && layer.preview.getAttribute('d') === '')(view.tools)"
    )
    assert chart.page(f"({_SHAPES}).length") == 2
    assert chart.page("view.chart.modes.name") == "paused", "that Escape was the tool's"
    hand.line(0.4, 0.4)
    chart.wait(f"{_OURS}.length === 2")
    chart.page("(view.drawingStrip.buttons.clear.click(), 0)")
    chart.wait(f"({_SHAPES}).length === 1 && {_OURS}.length === 0")
    _wait_drawn(chart, [])
    bench.wait_for("len(chart.layout.shapes) == 1")


def test_a_line_is_drawn_without_a_pointer(bench: Bench, chart: Chart) -> None:
    Hand(chart)
    bench.page.mouse.move(2, 2)
    chart.page("(view.drawingStrip.buttons.line.focus(), 0)")
    bench.page.keyboard.press("Enter")
    assert chart.page("[view.tools.tool, document.activeElement === view.gd]") == ["line", True]
    bench.page.keyboard.press("Enter")
    close = chart.page("view.bars.at(view.bars.end - 1, 4)")
    chart.wait(f"{_OURS}.length === 1 && {_OURS}[0].y0 === {close}")
    bench.page.keyboard.press("Shift+ArrowDown")
    chart.wait(f"Math.abs({_OURS}[0].y0 - {close} + 0.1) < 1e-6")
    _wait_drawn(chart, [[chart.page(f"{_OURS}[0].y0")]])


_SIDES = "(({ x0, x1, y0, y1 }) => [x0, x1, y0, y1])"
_TWO_PLACES = ("trend", "ray", "fibonacci", "measure")


def test_each_tool_draws_with_clicks_and_every_step_is_undone(bench: Bench, chart: Chart) -> None:
    hand = Hand(chart)
    for at, tool in enumerate(_TWO_PLACES):
        hand.draw(tool, (0.4, 0.2 + at / 20), (0.6, 0.5))
        chart.wait(f"{_OURS}.length === {at + 1} && view.tools.tool === null")
        x0, x1, y0, y1 = chart.page(f"{_SIDES}({_OURS}.at(-1))")
        assert x0 < x1
        assert y0 > y1, "from where it was begun"
    change, said = chart.page("view.tools.layer.told.made[0].lines.map(line => line.textContent)")
    assert f"−{-(y1 - y0):,.2f} · " in change, change
    assert said == f"+{x1 - x0} bars · {x1 - x0}m"
    hand.draw("vertical", (0.3, 0.5))
    chart.wait(f"{_OURS}.length === 5")
    hand.draw("text", (0.2, 0.4))
    bench.page.keyboard.type("r <i>")  # keys of the chart and of the notebook, too
    bench.page.keyboard.press("Enter")
    chart.wait(f"{_OURS}.length === 6 && document.activeElement === view.gd")
    chart.wait("view.gd.querySelector('.shape-label').textContent === 'r <i>'")
    bench.wait_for("len(chart.drawings) == 6")
    kinds = ["trend", "ray", "fibonacci", "measure", "vertical", "text"]
    assert [name.split("-")[2] for name in _python(bench, "[one.name for one in chart.drawings]")] == kinds
    assert _python(bench, "[chart.drawings[-1].text]") == ["r <i>"]
    assert _python(bench, "(chart.drawings[3].bars, chart.drawings[3].start_price)") == (x1 - x0, y0)
    bench.show(chart.cell)
    # The end of the trend line, by its handle.
    hand.mouse.click(*chart.at(0.44, 0.26))
    chart.wait("view.tools.picked?.includes('trend')")
    before = chart.page(f"{_SIDES}({_OURS}[0])")
    hand.drag((0.6, 0.5), (0.7, 0.6))
    chart.wait(f"{_OURS}[0].x1 > {before[1]} && {_OURS}[0].y1 < {before[3]}")
    assert chart.page(f"[{_OURS}[0].x0, {_OURS}[0].y0]") == [before[0], before[2]]
    for left in (6, 5, 4, 3, 2, 1, 0):
        bench.page.keyboard.press("Control+z")
        chart.wait(f"{_OURS}.length === {left}")
        if left == 6:
            assert chart.page(f"{_SIDES}({_OURS}[0])") == before
    assert chart.page("view.drawingStrip.buttons.undo.disabled")
    for _ in range(7):
        bench.page.keyboard.press("Control+Shift+Z")
    chart.wait(f"{_OURS}.length === 6 && {_OURS}[0].x1 > {before[1]}")
    bench.wait_for("len(chart.drawings) == 6")
    drawn = "[tuple(one)[1:4] for one in chart.drawings if 'measure' not in one.name]"
    bench.do(f"kept = {drawn}\nchart.set_timeframe('5min')")
    chart.wait("view.chart.look.timeframe === '5m'")
    bench.wait_for(f"kept == {drawn}")


@pytest.mark.parametrize("tool", ["vertical", "rectangle", "text", *_TWO_PLACES])
def test_each_tool_draws_without_a_pointer(bench: Bench, chart: Chart, tool: str) -> None:
    Hand(chart)
    bench.page.mouse.move(2, 2)
    chart.page(f"(view.drawingStrip.buttons.{tool}.focus(), 0)")
    keys = ["Enter", "Shift+ArrowLeft", "ArrowUp", "Enter"]
    if tool not in {"vertical", "text"}:
        keys += ["Shift+ArrowLeft", "ArrowDown", "ArrowDown", "Enter"]
    elif tool == "text":
        keys += ["x", "Enter"]
    for key in keys:
        bench.page.keyboard.press(key)
    chart.wait(f"{_OURS}.length === 1 && view.tools.tool === null")
    end = chart.page("view.bars.end")
    x0, x1, y0, y1 = chart.page(f"{_SIDES}({_OURS}[0])")
    if tool in {"vertical", "text"}:
        assert (x0, x1) == (end - 11, end - 11)
    else:
        assert {x0, x1} == {end - 11, end - 21}
        assert (y0 > y1) == (tool != "rectangle")
    for key in ("Escape", "d", "ArrowRight", "Delete"):
        if key == "Delete":
            assert chart.page(f"{_OURS}[0].x0") == x0 + 1
        bench.page.keyboard.press(key)
    chart.wait(f"{_OURS}.length === 0")
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    held = chart.page(cells)
    for key in "dd":
        bench.page.keyboard.press(key)
    assert chart.page(cells) == held, "that is the notebook's way to take away a cell"


def test_a_magnet_snaps_to_prices_of_the_bar(bench: Bench, chart: Chart) -> None:
    hand = Hand(chart)
    chart.page("(view.drawingStrip.buttons.magnet.click(), 0)")
    assert chart.page("view.drawingStrip.buttons.magnet.getAttribute('aria-pressed')") == "true"
    bar = chart.page("view.bars.end - 40")
    x, y = chart.page(f"[view.area.x.across({bar}), view.area.prices.up(view.bars.at({bar}, 2)) - 9]")
    box = chart.page("view.gd.getBoundingClientRect().toJSON()")
    chart.page("(view.drawingStrip.buttons.trend.click(), 0)")
    hand.mouse.move(box["x"] + x, box["y"] + y)
    hand.mouse.down()
    hand.mouse.move(box["x"] + x + 80, box["y"] + 30, steps=3)
    hand.mouse.up()
    chart.wait(f"{_OURS}.length === 1")
    assert chart.page(f"[{_OURS}[0].x0, {_OURS}[0].y0]") == [bar, chart.page(f"view.bars.at({bar}, 2)")]


def test_drawings_stay_while_bars_close_and_the_user_zooms(bench: Bench, chart: Chart) -> None:
    hand = Hand(chart)
    hand.line(0.5, 0.5)
    hand.rectangle((0.4, 0.3), (0.7, 0.6))
    chart.wait(f"{_OURS}.length === 2")
    before = chart.page(f"JSON.stringify({_OURS})")
    chart.page("(view.chart.modes.resume(), 0)")
    end, fits = chart.page("[view.bars.end, view.sync.fits]")
    chart.wait(f"view.bars.end >= {end} + 3 && view.sync.fits >= {fits} + 3")
    chart.page("(view.gd.focus(), 0)")
    for key in ("Escape", "+", "+", "ArrowLeft"):
        bench.page.keyboard.press(key)
    chart.wait("!view.viewport.follow && view.gd._fullLayout.xaxis.range[1] === view.viewport.range[1]")
    assert chart.page(f"JSON.stringify({_OURS})") == before
    places = (
        "(() => { const box = view.gd.getBoundingClientRect();"
        f" return {_OURS}.map((shape, i) => {{ const path ="
        ' view.gd.querySelector(`.shapelayer path[data-index="${i}"]`).getBoundingClientRect();'
        " const [, a, , b] = view.tools.layer.endsOf(shape);"
        " return [path.top - box.top, Math.min(a, b)]; }); })()"
    )
    assert all(abs(drawn - meant) < 2 for drawn, meant in chart.page(places))


def test_what_is_drawn_while_the_kernel_is_busy_is_not_lost(bench: Bench, chart: Chart) -> None:
    hand = Hand(chart)
    with bench.blocked("time.sleep(0.1)", "print('begun')\n") as cell:
        bench.lab.wait_for_output(cell)
        bench.show(chart.cell)
        hand.line(0.5, 0.4)
        hand.line(0.5, 0.7)
        chart.wait(f"{_OURS}.length === 2")
        chart.page("(view.gd.focus(), 0)")
        bench.page.keyboard.press("Escape")
        bench.page.keyboard.press("ArrowLeft")  # told after it, and not in its place
        chart.wait("!view.viewport.follow")
        kept = chart.page("[...view.viewport.range]")
    _wait_drawn(chart, [[price] for price in chart.page(f"{_OURS}.map(shape => shape.y0)")])
    bench.wait_for(f"list(chart.layout.xaxis.range or []) == {kept}")


def test_python_draws_and_a_second_view_shows_it_all(bench: Bench, chart: Chart) -> None:
    again = Chart(bench, "chart")
    bench.do("frame = live['1min'].frame\nprice = float(frame['close'].iloc[-2])")
    bench.do("line = chart.draw_line(price)")
    bench.do("box = chart.draw_rectangle(frame.index[-50], frame.index[-20], price * 0.999, price * 1.001)")
    for one in (chart, again):
        one.wait(f"{_OURS}.length === 2 && view.gd.querySelectorAll('.shapelayer path').length === 2")
    shown = chart.page(
        f"(() => {{ const {{ x0, x1 }} = {_OURS}[1]; return [x0, x1].map(x => view.bars.at(x, 0)); }})()"
    )
    assert _drawn(chart)[1][:2] == shown
    bench.show(chart.cell)
    hand = Hand(chart)
    hand.line(0.3, 0.2)
    again.wait(f"{_OURS}.length === 3")
    bench.wait_for("len(chart.drawings) == 3")
    assert again.page(f"{_OURS}[2].y0") == chart.page(f"{_OURS}[2].y0")
    bench.do("chart.clear_drawings()")
    for one in (chart, again):
        one.wait(f"{_OURS}.length === 0 && view.gd.querySelectorAll('.shapelayer path').length === 0")


def test_a_rectangle_is_carried_through_timeframes_by_its_times(bench: Bench, chart: Chart) -> None:
    hand = Hand(chart)
    hand.rectangle((0.4, 0.3), (0.6, 0.6))
    chart.wait(f"{_OURS}.length === 1")
    times = f"(({{ x0, x1 }}) => [x0, x1].map(x => view.bars.at(Math.floor(x), 0)))({_OURS}[0])"
    before = chart.page(times)
    bench.wait_for("len(chart.drawings) == 1")
    (drawn,) = _drawn(chart)
    bench.do("chart.set_timeframe('5min')")
    chart.wait("view.chart.look.timeframe === '5m'")
    chart.wait(f"(([start]) => start === {before[0]} - {before[0]} % 300000)({times})")
    assert chart.page(times)[1] == before[1] - before[1] % 300_000
    _wait_drawn(chart, [drawn])
    bench.do("chart.set_timeframe('1min')")
    chart.wait(f"(([start, end]) => start === {before[0]} && end === {before[1]})({times})")
    _wait_drawn(chart, [drawn])


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_drawings_take_the_colour_of_the_theme(bench: Bench, chart: Chart, theme: str) -> None:
    hand = Hand(chart)
    hand.rectangle((0.3, 0.25), (0.55, 0.6))
    hand.line(0.5, 0.75)
    chart.wait(f"{_OURS}.length === 2")
    bench.wait_for("len(chart.drawings) == 2")
    chart.page("(view.chart.modes.resume(), 0)")
    bench.lab.set_theme(f"JupyterLab {theme.title()}")
    colour = {"dark": "#5b9cf6", "light": "#2962ff"}[theme]
    chart.wait(
        f"view.appearance.theme === '{theme}' && {_OURS}.every(shape => shape.line.color === '{colour}')"
    )
    bench.wait_for(f"{{shape.line.color for shape in chart.layout.shapes}} == {{{colour!r}}}")
    hand.mouse.click(*chart.at(0.4, 0.4))
    chart.wait("view.tools.picked && view.tools.layer.handles.getAttribute('d')")
    PICTURES.mkdir(parents=True, exist_ok=True)
    bench.page.screenshot(path=PICTURES / f"drawings_{theme}.png")


def test_drawings_are_there_after_a_reload(bench: Bench) -> None:
    chart = Chart(bench)
    hand = Hand(chart)
    hand.line(0.5, 0.4)
    hand.rectangle((0.4, 0.3), (0.7, 0.6))
    chart.wait(f"{_OURS}.length === 2")
    before = chart.page(_OURS)
    bench.wait_for("len(chart.drawings) == 2")
    bench.reload(chart.cell)
    chart.wait(f"view.sync.fits > 0 && {_OURS}.length === 2")
    assert chart.page(_OURS) == before
    bench.do("chart.close()")
    assert not bench.errors
