"""The dashboard in a real JupyterLab and a real Chromium: read back from the page."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.browser.bench import WAIT_MS, Bench, open_bench
from tests.browser.lab import PAGE_MS, Lab
from tests.limits import LIMIT_SECONDS

pytestmark = pytest.mark.browser

_PICTURES = Path(__file__).parents[2] / "build" / "pictures"  # git-ignored: to be looked at
_SETUP = """\
import json, time, mdnb
kept = ["1min", "5min", "15min"]
live = mdnb.live(["MNQ", "MES"], kept, feed="sim://?speed=60&seed=11", initial_days=5, progress=False)
board = live.dashboard(overlays=["ema(20)"], height=260)"""
_STRIPS = """print(json.dumps([[[tile.label, tile.value] for tile in strip.state().tiles]
                        for strip in board.strips]))"""


class Board:
    """A dashboard in a cell of its own."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.cell = bench.add("board")
        bench.lab.run(self.cell)
        bench.show(self.cell)
        self.wait_drawn()

    def wait_drawn(self) -> None:
        """Wait until all three charts are drawn."""
        self.wait("views.length === 3 && views.every((view) => view.sync.fits > 0)", PAGE_MS)

    def _script(self, expression: str) -> str:
        return (
            f"() => {{ const box = window.jupyterapp.shell.currentWidget.content.widgets[{self.cell}].node;"
            "const nodes = [...box.querySelectorAll('.mdnb-chart')];"
            "const views = nodes.map((node) => node.__mdnb).filter(Boolean);"
            "const text = (tile, name) => tile.querySelector(`.mdnb-${name}`).textContent;"
            "const tiles = (strip) => [...box.querySelectorAll('.mdnb-strip')[strip].children]"
            "  .map((tile) => [text(tile, 'label'), text(tile, 'value')]);"
            f"return {expression}; }}"
        )

    def page(self, expression: str) -> Any:
        return self.bench.page.evaluate(self._script(expression))

    def wait(self, expression: str, timeout_ms: float = WAIT_MS) -> None:
        script = self._script(expression)
        self.bench.page.wait_for_function(
            f"() => {{ try {{ return ({script})(); }} catch {{ return false; }} }}", timeout=timeout_ms
        )


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    lab.page.set_viewport_size({"width": 1680, "height": 1100})
    return open_bench(lab, "dashboard.ipynb", _SETUP)


@pytest.fixture(scope="module")
def board(bench: Bench) -> Board:
    return Board(bench)


_BOXES = "nodes.map((node) => node.getBoundingClientRect().toJSON())"


def test_two_columns_where_there_is_room_and_one_where_there_is_none(board: Board) -> None:
    wide, left, right = board.page(_BOXES)
    assert wide["width"] > 900
    assert left["top"] == right["top"] > wide["bottom"] - 2
    assert abs(left["width"] - right["width"]) <= 1
    assert wide["width"] >= left["width"] + right["width"]
    assert board.page("views.map((view) => view.chart.look.timeframe)") == ["15m", "1m", "5m"]
    board.bench.page.set_viewport_size({"width": 1000, "height": 1100})
    board.wait(f"new Set({_BOXES}.map((one) => Math.round(one.left))).size === 1")
    board.wait(f"new Set({_BOXES}.map((one) => Math.round(one.width))).size === 1")
    board.wait("views.every((view) => Math.abs(view.gd._fullLayout.width - view.el.clientWidth) <= 1)")
    board.bench.page.set_viewport_size({"width": 1680, "height": 1100})
    board.wait(f"new Set({_BOXES}.map((one) => Math.round(one.left))).size === 2")


def test_the_strips_are_seen_beside_charts_that_have_buttons(board: Board) -> None:
    shown = board.page(
        """[...box.querySelectorAll('.mdnb-strip')].map((strip) => {
        const { opacity, position } = getComputedStyle(strip);
        return [opacity, position !== 'absolute', strip.getBoundingClientRect().width > 150]; })"""
    )
    assert shown == [["1", True, True]] * 2


def test_alignment_and_status_move_while_a_cell_runs_and_say_what_python_says(board: Board) -> None:
    board.page(
        """(() => { window.seenStrips = [new Set(), new Set()];
        const note = () => [0, 1].forEach((i) => window.seenStrips[i].add(JSON.stringify(tiles(i))));
        for (const strip of box.querySelectorAll('.mdnb-strip')) {
          new MutationObserver(note).observe(strip, {childList: true, characterData: true, subtree: true});
        } })()"""
    )
    with board.bench.blocked():
        board.bench.show(board.cell)
        board.wait("window.seenStrips[0].size >= 2 && window.seenStrips[1].size >= 3")
    limit = time.monotonic() + LIMIT_SECONDS
    while True:
        python = json.loads(board.bench.do(_STRIPS))
        board.bench.show(board.cell)
        if (shown := board.page("tiles(0)")) == python[0]:
            break
        assert time.monotonic() < limit, f"the page has {shown}, Python {python[0]}"
    assert [label for label, _ in board.page("tiles(1)")] == [label for label, _ in python[1]]


def test_the_controls_act_on_all_charts(board: Board) -> None:
    page = board.bench.page
    find = "[...box.querySelectorAll('.mdnb-bar select')]"
    board.page(f"{find}.at(1).focus()")
    page.keyboard.press("End")
    board.wait("views.every((view) => view.chart.look.kind === 'heikin-ashi')")
    page.keyboard.press("Home")
    board.wait("views.every((view) => view.chart.look.kind === 'candles')")
    board.page(f"{find}.at(0).focus()")
    page.keyboard.press("ArrowDown")
    board.wait("views.every((view) => view.chart.look.symbol === 'MES')")
    board.wait("[...box.querySelectorAll('.mdnb-strip')].every((one) => one.ariaLabel.startsWith('MES'))")
    page.keyboard.press("ArrowUp")
    board.wait("views.every((view) => view.chart.look.symbol === 'MNQ')")
    board.wait("views.every((view) => view.indicators.lines.length === 1)")


def test_the_charts_are_linked(board: Board) -> None:
    page = board.bench.page
    box = board.page("nodes[1].getBoundingClientRect().toJSON()")
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.move(box["x"] + 202, box["y"] + 100)
    board.wait("views[0].crosshair.pointer?.guest && views[2].crosshair.pointer?.guest")
    page.mouse.move(2, 2)
    board.wait("views.every((view) => !view.crosshair.pointer)")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_texts_can_be_read_in_both_themes_and_a_picture_is_kept(board: Board, theme: str) -> None:
    board.bench.lab.set_theme(f"JupyterLab {theme}")
    board.wait(f"views.every((view) => view.appearance.theme === '{theme.lower()}')")
    board.wait(
        "getComputedStyle(box.querySelector('.mdnb-surface')).backgroundColor"
        " === getComputedStyle(nodes[0].querySelector('.main-svg')).backgroundColor"
    )
    worst = board.page(_CONTRAST)
    assert len(worst) > 10
    assert min(worst.values()) >= 4.5, worst  # WCAG 2.1, 1.4.3
    _PICTURES.mkdir(parents=True, exist_ok=True)
    surface = board.bench.page.evaluate_handle(board._script("box.querySelector('.mdnb-surface')"))
    element = surface.as_element()
    assert element is not None
    element.screenshot(path=_PICTURES / f"dashboard_{theme.lower()}.png")


_CONTRAST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  // Painted, so that mixed colours count as they are seen.
  const paint = (...colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const surface = getComputedStyle(box.querySelector('.mdnb-surface')).backgroundColor;
  const worst = {};
  for (const one of box.querySelectorAll('.mdnb-bar :is(button, select), .mdnb-strip :is(div, span)')) {
    const text = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!one.offsetParent || !(text || one.tagName === 'SELECT')) continue;
    const { backgroundColor, color } = getComputedStyle(one);
    const [a, b] = [light(paint(surface, backgroundColor, color)), light(paint(surface, backgroundColor))];
    worst[one.textContent] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  return worst;
})()"""


def test_a_page_that_is_loaded_again_has_all_of_it_linked(board: Board) -> None:
    board.bench.reload(board.cell)
    board.wait_drawn()
    assert len(board.page("[...new Set(views.map((view) => view.chart.look.link.group))]")) == 1
    board.wait("tiles(1).find(([label]) => label === 'Connection')[1] === 'live'")
    assert board.page("tiles(0).map(([label]) => label)") == ["Alignment", "1m", "5m", "15m"]


def test_a_market_that_was_closed_says_so(board: Board) -> None:
    board.bench.do("live.close()")
    board.bench.show(board.cell)
    board.wait("tiles(1).find(([label]) => label === 'Connection')[1] === 'closed'")
    assert not board.bench.errors
