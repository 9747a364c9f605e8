"""A chart's controls in a real JupyterLab, operated by keyboard; the chart is read back from the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.bench import WAIT_MS, Bench, ShownChart, find_view, open_bench
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

_SETUP = """\
import json, mdnb
kept = ["1min", "5min", "15min"]
live = mdnb.live(["MNQ", "MES"], kept, feed="sim://?speed=60&seed=4", initial_days=2, progress=False)
panel = live.panel("1min", height=320)
chart = panel.chart"""
_NAMES = ["Symbol", "1m", "5m", "15m", "Chart type", "Indicators", "Pause", "Follow", "»", "Look", "Export"]
_FOCUSED = """() => { const held = document.activeElement;
  return held.labels?.[0]?.textContent || held.textContent || held.title; }"""


class Panel(ShownChart):
    """The panel in a cell of its own."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.cell = bench.add("panel")
        bench.lab.run(self.cell)
        bench.show(self.cell)
        super().__init__(bench.page, find_view(self.cell))
        self.wait("view.sync.fits > 0")
        self.box = f"window.jupyterapp.shell.currentWidget.content.widgets[{self.cell}].node"

    def focus(self, name: str) -> None:
        """Go to a control by Tab, from the first one on, as soon as it is there."""
        self.bench.page.wait_for_function(
            f"""(name) => [...{self.box}.querySelectorAll('.mdnb-bar :is(button, select, input)')]
                .some((held) => held.offsetParent
                  && (held.labels?.[0]?.textContent || held.textContent || held.title) === name)""",
            arg=name,
            timeout=WAIT_MS,
        )
        self.bench.page.evaluate(f"() => {self.box}.querySelector('.mdnb-bar select').focus()")
        for _ in range(40):
            if self.bench.page.evaluate(_FOCUSED) == name:
                return
            self.bench.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {name!r}")

    def press(self, name: str, key: str = "Space") -> None:
        """Go to a control and press a key there."""
        self.focus(name)
        self.bench.page.keyboard.press(key)

    def open_row(self, name: str) -> None:
        """Open a row, if it is not open."""
        if not self.is_pressed(name):
            self.press(name)
        self.wait_pressed(name)

    def _button(self, name: str) -> str:
        return f"[...{self.box}.querySelectorAll('button')].find((one) => one.textContent === '{name}')"

    def is_pressed(self, name: str) -> bool:
        return bool(self.bench.page.evaluate(f"() => {self._button(name)}?.classList.contains('mod-active')"))

    def wait_pressed(self, name: str, *, pressed: bool = True) -> None:
        said = "" if pressed else "!"
        self.bench.page.wait_for_function(
            f"""() => {{ const one = {self._button(name)};
                return one && {said}one.classList.contains('mod-active'); }}""",
            timeout=WAIT_MS,
        )

    def note(self) -> str:
        """Return what is said beside the controls."""
        said: str = self.bench.page.evaluate(
            f"""() => [...{self.box}.querySelectorAll('.mdnb-note')].filter((note) => note.offsetParent)
                .map((note) => note.textContent).join('|')"""
        )
        return said

    def wait_note(self, words: str) -> None:
        self.bench.page.wait_for_function(
            f"""(words) => [...{self.box}.querySelectorAll('.mdnb-note')]
                .some((note) => note.offsetParent && note.textContent.includes(words))""",
            arg=words,
            timeout=WAIT_MS,
        )


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    lab.page.set_viewport_size({"width": 1400, "height": 900})
    return open_bench(lab, "controls.ipynb", _SETUP)


@pytest.fixture(scope="module")
def panel(bench: Bench) -> Panel:
    return Panel(bench)


def _python(panel: Panel, expression: str) -> Any:
    text = panel.bench.do(f"print(json.dumps({expression}))")
    panel.bench.show(panel.cell)
    return json.loads(text)


def test_tab_leads_through_all_controls_from_left_to_right_and_each_has_a_name(panel: Panel) -> None:
    panel.focus("Symbol")
    seen = []
    for _ in _NAMES:
        seen.append(panel.bench.page.evaluate(_FOCUSED))
        panel.bench.page.keyboard.press("Tab")
    assert seen == _NAMES


def test_timeframe_kind_and_symbol_are_chosen_by_keyboard(panel: Panel) -> None:
    panel.press("5m")
    panel.wait("view.chart.look.timeframe === '5m'")
    assert panel.page("(view.bars.at(view.bars.end - 2, 0) - view.bars.at(view.bars.end - 3, 0))") == 300_000
    panel.press("Chart type", "ArrowDown")
    panel.wait("view.chart.look.kind === 'hollow'")
    panel.press("Chart type", "ArrowDown")
    panel.wait("view.chart.look.kind === 'ohlc'")
    panel.press("Symbol", "ArrowDown")
    panel.wait("view.chart.look.symbol === 'MES'")
    assert _python(panel, "[chart.timeframe, chart.kind, chart.symbol]") == ["5min", "ohlc", "MES"]
    panel.press("Chart type", "Home")
    panel.wait("view.chart.look.kind === 'candles'")


def test_indicators_are_drawn_and_one_that_is_not_understood_is_said_beside_the_field(panel: Panel) -> None:
    panel.open_row("Indicators")
    panel.press("VWAP")
    panel.wait("view.indicators.lines.length === 1")
    keyboard = panel.bench.page.keyboard
    panel.focus("Add an indicator")
    keyboard.type("rsi(7)")
    keyboard.press("Enter")
    panel.wait("view.indicators.lines.length === 2")
    assert _python(panel, "chart.overlays") == ["vwap", "rsi(7)"]
    panel.focus("Add an indicator")
    keyboard.type("<img src=x onerror=alert(1)>")
    keyboard.press("Enter")
    panel.wait_note("an indicator is written like ema(20)")
    assert "<img" in panel.note()
    assert panel.bench.page.evaluate(f"() => {panel.box}.querySelectorAll('.mdnb-note img').length") == 0
    assert panel.page("view.indicators.lines.length") == 2
    panel.focus("Add an indicator")
    keyboard.press("Control+A")
    keyboard.press("Delete")
    keyboard.press("Enter")
    panel.press("rsi(7)")
    panel.press("VWAP")
    panel.wait("view.indicators.lines.length === 0")
    assert panel.note() == ""


def test_follow_shows_what_was_done_in_the_page_and_brings_it_back(panel: Panel) -> None:
    panel.wait_pressed("Follow")
    panel.press("Follow")
    panel.wait("!view.viewport.follow")
    panel.wait_pressed("Follow", pressed=False)
    panel.press("»", "Enter")
    panel.wait("view.viewport.follow")
    panel.wait_pressed("Follow")
    # Panned in the page: told by the page, shown by the button.
    panel.page("view.gd.scrollIntoView({block: 'center'})")
    box = panel.page("view.gd.getBoundingClientRect().toJSON()")
    mouse = panel.bench.page.mouse
    mouse.move(box["x"] + 200, box["y"] + 120)
    mouse.down()
    mouse.move(box["x"] + 400, box["y"] + 120, steps=5)
    mouse.move(box["x"] + 600, box["y"] + 120, steps=5)
    mouse.up()
    panel.wait("!view.viewport.follow")
    panel.wait_pressed("Follow", pressed=False)
    panel.press("Follow")
    panel.wait("view.viewport.follow")


def test_pause_and_resume(panel: Panel) -> None:
    panel.press("Pause")
    panel.wait_pressed("Resume")
    assert _python(panel, "chart.mode") == "paused"
    panel.press("Resume")
    panel.wait_pressed("Pause", pressed=False)
    assert _python(panel, "chart.mode") == "live"


def test_theme_and_colours_change_chart_and_controls_alike(panel: Panel) -> None:
    panel.open_row("Look")
    for theme, name in (("Dark", "dark"), ("Light", "light")):
        panel.press(theme)
        panel.wait(f"view.appearance.theme === '{name}'")
        panel.bench.page.wait_for_function(
            f"""() => {{ const box = {panel.box}.querySelector('.mdnb-surface');
                const view = {panel.find};
                return getComputedStyle(box).backgroundColor === getComputedStyle(
                  view.gd.querySelector('.main-svg')).backgroundColor; }}""",
            timeout=WAIT_MS,
        )
    panel.press("Colour-blind safe")
    panel.wait("view.appearance.colours.up === '#56b4e9'")
    panel.press("Standard")
    panel.press("Auto")
    panel.wait("view.chart.look.follows_page && view.appearance.colours.up !== '#56b4e9'")
    assert _python(panel, "[chart.theme, chart.palette]") == ["auto", "default"]
    panel.press("Look")


def test_what_is_shown_can_be_saved(panel: Panel) -> None:
    panel.open_row("Export")
    page = panel.bench.page
    with page.expect_download(timeout=WAIT_MS) as told:
        panel.press("PNG")
    assert Path(told.value.path()).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with page.expect_download(timeout=WAIT_MS) as told:
        panel.press("CSV")
    text = Path(told.value.path()).read_text(encoding="utf-8")
    assert text.splitlines()[0].split(",")[1:5] == ["open", "high", "low", "close"]
    panel.wait_note("Saved as ")
    path = panel.note().removeprefix("Saved as ").partition(";")[0]
    assert _python(panel, f"open({path!r}).readline().split(',')[1:5]") == ["open", "high", "low", "close"]


def test_the_controls_follow_python(panel: Panel) -> None:
    panel.bench.do("chart.set_timeframe('15min'); chart.set_kind('line')")
    panel.bench.show(panel.cell)
    panel.wait_pressed("15m")
    panel.bench.page.wait_for_function(
        f"""() => [...{panel.box}.querySelectorAll('.mdnb-bar select')]
            .some((one) => one.selectedOptions[0]?.textContent.trim() === 'Line')""",
        timeout=WAIT_MS,
    )
    assert not panel.bench.errors
