"""Whatever is done to a chart, the browser draws what the engine holds: read back from the page's SVG."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mdnb.widgets.page.theme import theme_of
from tests.browser.drawn import READ, differences
from tests.browser.lab import Lab
from tests.limits import LIMIT_SECONDS

pytestmark = pytest.mark.browser

_PICTURES = Path(__file__).parents[2] / "build" / "pictures"  # git-ignored: to be looked at
_SEED = 20260302
_LIMIT = 150  # bars held: small, so that many are dropped
_SETUP = """\
from mdnb.widgets.chart.chart import LiveChart
from tests.browser.hand_market import HandMarket
market = HandMarket({seed})
market.ticks(200, 6)
chart = LiveChart(market.engine, "1min", bars={limit}, height=300)"""
_NOTEBOOK = "window.jupyterapp.shell.currentWidget.content"
# Plotly tells of a wheel's turn this long after it; here it waits for `go` to be called.
_HOLD = """() => {
  const { setTimeout } = window;
  window.held = [];
  window.setTimeout = (task, ms, ...more) => (
    ms === 50 ? held.push(() => task(...more)) : setTimeout(task, ms, ...more));
  window.go = () => { window.setTimeout = setTimeout; held.forEach((task) => task()); };
}"""
_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Play:
    """One notebook with a chart in one or two views, and everything that may be done to it."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self.lab = lab
        self.page = lab.page
        self.dice = random.Random(seed)
        self.seed = seed
        self.log: list[str] = []
        self.timeframe = "1min"
        self.theme, self.palette = "auto", "default"
        self.second = self.hidden = self.extra = False
        self.errors: list[str] = []
        self.page.on("pageerror", self._note)
        lab.open(f"pixels{seed}.ipynb", [_SETUP.format(seed=seed, limit=_LIMIT), "chart", "chart"])
        assert "Error" not in lab.run(0)
        lab.run(1)
        self.wait_drawn()

    def _note(self, error: Any) -> None:
        # ipywidgets counts the views of a displayed widget, and tells the kernel so even after it was closed.
        if str(error) != "no comm channel defined":
            self.errors.append(f"{error}\n{error.stack}")

    # -- the page ---------------------------------------------------------------------------------------

    def view(self, cell: int = 1) -> str:
        return f"{_NOTEBOOK}.widgets[{cell}].node.querySelector('.mdnb-chart').__mdnb"

    def js(self, expression: str, cell: int = 1) -> Any:
        return self.page.evaluate(f"() => {{ const view = {self.view(cell)}; return {expression}; }}")

    def wait(self, expression: str, cell: int = 1) -> None:
        found = f"const view = {self.view(cell)}; return {expression};"
        self.page.wait_for_function(
            f"() => {{ try {{ {found} }} catch {{ return false; }} }}", timeout=LIMIT_SECONDS * 1000
        )

    def wait_drawn(self, cell: int = 1) -> None:
        # Where somebody looks at none of the bars held, or at those only that we draw, plotly draws none.
        first, end = (
            "Math.max(view.viewport.range[0], view.bars.first)",
            "Math.min(view.viewport.range[1] + 1, view.sync.drawnTo)",
        )
        box = f"({end} - {first} < 2 * view.sync.size || view.gd.querySelector('.boxlayer path.box'))"
        self.wait(f"view.ready && {box} && view.lastPrice.label.text.textContent", cell)

    def page_theme(self) -> str:
        return {"true": "light", "false": "dark"}[self.page.evaluate("document.body.dataset.jpThemeLight")]

    def place(self) -> tuple[float, float]:
        """Return a place in the plot, in page coordinates."""
        box = self.js("view.gd.querySelector('.nsewdrag').getBoundingClientRect().toJSON()")
        return (
            box["x"] + self.dice.uniform(0.3, 0.7) * box["width"],
            box["y"] + self.dice.uniform(0.2, 0.6) * box["height"],
        )

    # -- what may be done -------------------------------------------------------------------------------

    def kernel(self, code: str) -> None:
        self.log.append(code)
        self.lab.ask(code)

    def ticks(self) -> None:
        self.kernel(f"market.ticks({self.dice.randint(1, 25)}, {self.dice.choice((0.2, 2, 5))})")

    def several_bars(self) -> None:
        self.kernel(f"market.ticks({self.dice.randint(2, 12)}, {self.dice.choice((30, 60, 200))})")

    def close_bar(self) -> None:
        self.kernel("market.close_bar()")

    def close_and_begin(self) -> None:
        self.kernel("market.close_bar()")
        self.kernel("market.ticks(1, 0.1)")

    def many_bars(self) -> None:
        self.kernel(f"market.ticks({self.dice.choice((150, 450))}, 50)")

    def late(self) -> None:
        self.kernel(f"market.late({self.dice.randint(1, 3)}, {self.dice.choice((60, 400, 4000, 20_000))})")

    def drag(self) -> None:
        x, y = self.place()
        by = self.dice.choice((-250, -40, 60, 300))
        self.log.append(f"drag by {by} px")
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + by, y, steps=3)
        self.page.mouse.up()

    def wheel(self) -> None:
        x, y = self.place()
        by = self.dice.choice((-300, -120, 120, 300))
        self.log.append(f"wheel by {by}")
        self.page.mouse.move(x, y)
        self.page.mouse.wheel(0, by)

    def double_click(self) -> None:
        self.log.append("double click")
        self.page.mouse.dblclick(*self.place())

    def follow(self) -> None:
        if self.dice.random() < 0.5:
            self.latest()
        else:
            self.log.append("click on »")
            self.js("view.latest.click()")

    def latest(self) -> None:
        self.kernel("chart.follow()")

    def left_key(self) -> None:
        self.log.append("arrow key to the left")
        self.js("view.gd.focus()")
        self.page.keyboard.press("ArrowLeft")

    def turn_and_hold(self) -> None:
        """Zoom, and turn the wheel."""
        end = self.js("view.bars.end")
        self.kernel(f"chart.update_layout(xaxis_range=[{end - 90}, {end + 9}])")
        self.wait(f"view.viewport.range[1] === {end + 9} && !view.sync.fitTimer")
        self.hold_wheel(self.dice.choice((-120, 120)))
        self.js("(window.before = [...view.viewport.range])")

    def hold_wheel(self, by: int) -> None:
        """Turn the wheel; of that plotly tells when the page calls `go`."""
        self.page.evaluate(_HOLD)
        self.page.mouse.move(*self.place())
        self.page.mouse.wheel(0, by)
        self.wait("held.length > 0")

    def watch_relayout(self) -> None:
        """Let the page note in `told` that plotly told of new ranges; the view has heard of it before."""
        hear = "view.gd.once('plotly_relayout', () => { window.told = true; })"
        self.js(f"(window.told = false, {hear}, 0)")

    def first_bars(self) -> None:
        self.kernel("chart.update_layout(xaxis_range=[60, 90])")

    def zoom(self) -> None:
        end = self.js("view.bars.end")
        left = max(0, end - self.dice.randint(20, 2 * _LIMIT))
        right = left + self.dice.choice((15, 60, 200, 900))
        self.kernel(f"chart.update_layout(xaxis_range=[{left}, {right}])")

    def zoom_prices(self) -> None:
        price = float(self.js("view.lastPrice.label.text.textContent.replace(',', '')"))
        self.kernel(f"chart.update_layout(yaxis_range=[{price - 20}, {price + 12}])")

    def switch(self) -> None:
        self.timeframe = "5min" if self.timeframe == "1min" else "1min"
        self.kernel(f"chart.set_timeframe({self.timeframe!r})")

    def colours(self) -> None:
        self.theme = self.dice.choice(("auto", "dark", "light"))
        self.palette = self.dice.choice(("default", "colorblind"))
        self.kernel(f"chart.set_theme({self.theme!r}, {self.palette!r})")

    def page_colours(self) -> None:
        theme = "dark" if self.page_theme() == "light" else "light"
        self.log.append(f"the page turns {theme}")
        self.lab.set_theme(f"JupyterLab {theme.title()}")

    def width(self) -> None:
        width = self.dice.choice(("", "420px", "700px", "930px"))
        self.log.append(f"width {width or 'of the cell'}")
        self.js(f"(view.el.style.width = '{width}')")

    def hide_or_show(self) -> None:
        self.hidden = not self.hidden
        self.log.append("hide" if self.hidden else "show")
        self.js(f"(view.el.style.display = '{'none' if self.hidden else ''}')")
        if not self.second:
            self.wait(f"view.chart.visible === {str(not self.hidden).lower()}")

    def second_view(self) -> None:
        self.second = not self.second
        self.log.append("open a second view" if self.second else "close the second view")
        if self.second:
            self.lab.run(2)
            self.wait_drawn(2)
        else:
            self.page.evaluate(f"() => {_NOTEBOOK}.widgets[2].model.outputs.clear()")

    def trace(self) -> None:
        self.extra = not self.extra
        if self.extra:
            self.kernel("chart.add_scatter(x=[5, 9], y=[1000, 1001])")
        else:
            self.kernel("chart.data = chart.data[:4]")

    def reload(self) -> None:
        self.log.append("reload")
        self.hidden = False
        self.lab.reload("document.querySelector('.mdnb-chart')")
        for cell in [1, 2] if self.second else [1]:
            self.wait_drawn(cell)

    # -- the comparison ---------------------------------------------------------------------------------

    def check(self) -> None:
        """Hold what each view shows against the engine, as soon as the page has drawn it."""
        # Under the pointer the legend tells of the bar there, not of the newest one.
        self.page.mouse.move(2, 2)
        rows = json.loads(self.lab.ask(f"print(market.state({self.timeframe!r}))"))
        cells = [cell for cell, shown in ((1, not self.hidden), (2, self.second)) if shown]
        for cell in cells:
            limit = time.monotonic() + LIMIT_SECONDS
            while True:
                drawn = self.page.evaluate(f"() => ({READ})({self.view(cell)})")
                theme = theme_of(self.page_theme() if self.theme == "auto" else self.theme, self.palette)
                found = differences(drawn, rows, _LIMIT, (theme.up, theme.down))
                if not found:
                    break
                if time.monotonic() > limit:
                    self.fail(cell, found)
                self.page.evaluate(_FRAMES)
        assert not self.errors, self.told()

    def fail(self, cell: int, found: list[str]) -> None:
        _PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=_PICTURES / "pixels_failed.png")
        lines = [f"view in cell {cell}, {self.timeframe}, {len(found)} differences", *found[:12], self.told()]
        raise AssertionError("\n".join(lines))

    def told(self) -> str:
        last = "\n  ".join(self.log[-30:])
        return f"seed {self.seed}, {len(self.log)} operations, the last ones:\n  {last}\n{self.errors}"


_COMMON: tuple[tuple[Callable[[Play], None], int], ...] = (
    (Play.ticks, 22),
    (Play.several_bars, 12),
    (Play.close_bar, 5),
    (Play.close_and_begin, 6),
    (Play.many_bars, 2),
    (Play.late, 12),
    (Play.drag, 8),
    (Play.wheel, 8),
    (Play.double_click, 3),
    (Play.follow, 3),
    (Play.zoom, 5),
    (Play.zoom_prices, 1),
    (Play.switch, 4),
    (Play.colours, 2),
    (Play.page_colours, 1),
    (Play.width, 3),
    (Play.hide_or_show, 4),
    (Play.second_view, 2),
    (Play.trace, 2),
)


def _play(lab: Lab, seed: int, operations: int, reload_every: int) -> None:
    play = Play(lab, seed)
    kinds, weights = zip(*_COMMON, strict=True)
    play.check()
    for number in range(1, operations + 1):
        if number % reload_every == 0:
            play.reload()
        else:
            play.dice.choices(kinds, weights)[0](play)
        if number % 25 == 0:
            play.check()
    play.check()


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Play:
    lab.page.set_viewport_size({"width": 1280, "height": 1400})
    return Play(lab, 1)


@pytest.fixture
def play(notebook: Play) -> Play:
    """A chart of 200 minutes, made anew."""
    made = notebook
    made.log.clear()
    made.timeframe, made.theme, made.palette, made.hidden = "1min", "auto", "default", False
    if made.second:
        made.second_view()
    made.kernel(
        "chart.close(); market.live.close(); market = HandMarket(1); market.ticks(200, 60)\n"
        f"chart = LiveChart(market.engine, '1min', bars={_LIMIT}, height=300)"
    )
    made.lab.run(1)
    made.wait_drawn()
    return made


def test_a_bar_without_a_body_rises_in_every_part_of_the_chart(play: Play) -> None:
    play.kernel("market.close_bar(); market.prices(1010, 1005); market.close_bar(); market.prices(1000)")
    play.check()
    play.kernel("market.close_bar(); market.prices(1001)")
    play.check()


def test_another_palette_reaches_bars_that_are_drawn_and_views_that_open_later(play: Play) -> None:
    play.palette = "colorblind"
    play.kernel("chart.set_theme('auto', 'colorblind')")
    play.check()
    play.second_view()
    play.check()


def test_a_bar_that_begins_after_the_clock_closed_the_one_before_is_drawn(play: Play) -> None:
    play.close_bar()
    play.check()
    play.kernel("market.prices(1003, 1001)")
    play.check()


def test_a_view_that_opens_after_another_timeframe_has_not_the_zoom_of_the_one_before(play: Play) -> None:
    end = play.js("view.bars.end")
    # It has the newest bar in it, so that the view goes along with the bars.
    play.kernel(f"chart.update_layout(xaxis_range=[{end - 40}, {end + 60}])")
    play.wait(f"view.viewport.follow && view.viewport.range[1] === {end + 60}")
    play.switch()
    play.wait("view.chart.look.timeframe === '5m' && view.viewport.pad === 6")
    play.wait("!view.chart.layout.xaxis.range")
    play.second_view()
    play.wait("view.viewport.follow", 2)
    play.check()


@pytest.mark.parametrize(
    ("then", "shown"),
    [
        (
            Play.switch,
            "view.chart.look.timeframe === '5m' && view.viewport.follow && view.viewport.pad === 6",
        ),
        (Play.double_click, "view.viewport.follow && view.viewport.pad === 6"),
        (Play.latest, "view.viewport.follow && view.viewport.pad === 6"),
        (Play.left_key, "view.viewport.range[0] < before[0] && view.viewport.range[1] < before[1]"),
        (Play.first_bars, "view.viewport.range[0] === 60 && view.viewport.range[1] === 90"),
    ],
    ids=["another timeframe", "double click", "chart.follow()", "arrow key", "xaxis_range"],
)
def test_what_is_asked_for_while_the_wheel_still_turns_stands(
    play: Play, then: Callable[[Play], None], shown: str
) -> None:
    play.turn_and_hold()
    then(play)
    play.wait(shown)
    play.watch_relayout()
    play.page.evaluate("() => go()")
    play.wait("window.told")
    assert play.js(shown)
    play.check()


def test_a_drag_that_began_before_the_timeframe_changed_does_not_move_its_bars(play: Play) -> None:
    x, y = play.place()
    play.page.mouse.move(x, y)
    play.page.mouse.down()
    play.page.mouse.move(x + 120, y, steps=3)
    play.switch()
    play.wait("view.chart.look.timeframe === '5m'")
    play.page.mouse.move(x + 160, y, steps=2)
    play.watch_relayout()
    play.page.mouse.up()
    play.wait("window.told")
    assert play.js("view.viewport.follow && view.viewport.pad === 6")
    play.check()
    play.drag()
    play.wait("!view.viewport.follow || view.viewport.pad !== 6")
    play.check()


def test_a_zoom_on_its_way_to_the_kernel_is_over_when_the_timeframe_changes(play: Play) -> None:
    play.kernel("told = []; chart.layout.on_change(lambda layout, *_: told.append(layout), 'xaxis.range')")
    play.hold_wheel(120)
    play.timeframe = "5min"
    kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    play.js(f"(({kernel}.requestExecute({{ code: 'chart.set_timeframe(\"5min\")' }})), go())")
    play.wait("view.chart.look.timeframe === '5m' && view.viewport.follow && view.viewport.pad === 6")
    play.lab.wait_for("len(told) >= 2 and chart.layout.xaxis.range is None")
    play.second_view()
    play.check()


@pytest.mark.parametrize("width", [30, 900], ids=["one by one", "merged"])
def test_a_late_trade_changes_a_bar_that_somebody_looks_at(play: Play, width: int) -> None:
    end = play.js("view.bars.end")
    play.kernel(f"chart.update_layout(xaxis_range=[{end - 40 - width}, {end - 20}])")
    play.check()
    play.kernel(f"market.late_at({end - 45}, 1100); market.late_at({end - 30}, 900)")
    play.check()


def test_bars_that_the_kernel_no_longer_looks_after_are_not_drawn_as_they_were(play: Play) -> None:
    play.kernel("market.ticks(40, 60)")
    play.check()
    end = play.js("view.bars.end")
    oldest = end - _LIMIT
    play.kernel(f"chart.update_layout(xaxis_range=[{oldest - 30}, {oldest + 30}])")
    play.check()
    play.kernel(f"market.late_at({oldest - 10}, 1100); market.prices(1000)")
    play.check()


def test_another_timeframe_is_shown_where_it_has_bars(play: Play) -> None:
    play.kernel("chart.update_layout(xaxis_range=[90, 120])")
    play.check()
    play.switch()
    play.wait("view.gd._fullLayout.xaxis.range[0] < 40")
    play.check()
    assert play.js("view.gd.querySelectorAll('.boxlayer path.box').length") > 20
    play.lab.wait_for("chart.follows and chart.layout.xaxis.range is None")


@pytest.mark.parametrize("follows", [True, False])
def test_a_zoom_outlives_that_nobody_looked_for_a_while(play: Play, follows: bool) -> None:
    end = play.js("view.bars.end")
    play.kernel(f"chart.update_layout(xaxis_range=[{end - 40}, {end + 3 if follows else end - 10}])")
    play.check()
    play.hide_or_show()
    play.several_bars()
    play.hide_or_show()
    play.check()
    left, right = play.js("view.gd._fullLayout.xaxis.range")
    assert right - left == pytest.approx(43 if follows else 30)


def test_after_fifty_random_operations_the_page_draws_what_the_engine_holds(lab: Lab) -> None:
    _play(lab, _SEED, 50, 30)


@pytest.mark.slow
def test_after_a_thousand_random_operations_the_page_draws_what_the_engine_holds(lab: Lab) -> None:
    _play(lab, random.SystemRandom().randrange(10**6), 1_000, 140)
