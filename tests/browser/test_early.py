"""What a chart shows while plotly.js is still on its way: the same picture, on axes of our own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mdnb.widgets.page.theme import theme_of
from tests.browser.bench import PICTURES, Bench, ShownChart, find_view
from tests.browser.drawn import READ, differences
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

_BARS = 1000
_SETUP = f"""\
from mdnb.widgets.chart.chart import LiveChart
from tests.browser.hand_market import HandMarket
market = HandMarket(7)
market.ticks(3000, 3)
chart = LiveChart(market.engine, "1min", bars={_BARS}, overlays=["ema(20)", "rsi(14)"])
log = LiveChart(market.engine, "1min", bars={_BARS})
log.update_layout(yaxis_type="log")"""
# Plotly.js is loaded as ever, but whoever waits for it is told only when `release` is called.
_HOLD = """() => {
  const gate = new Promise((resolve) => (window.release = resolve));
  const held = (window.__mdnbPlotly = new Map());
  const set = held.set.bind(held);
  held.set = (version, loading) => {
    const late = Promise.all([loading, gate]).then(([plotly]) => plotly);
    late.hurry = loading.hurry;
    loading.then(() => (window.loaded = true));
    return set(version, late);
  };
}"""
_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


class _EarlyChart(ShownChart):
    """A chart whose plotly.js is held back."""

    def __init__(self, lab: Lab, name: str, theme: str) -> None:
        self.bench = Bench(lab)
        lab.open(name, [_SETUP, "chart", "log"], theme)
        lab.page.evaluate(_HOLD)
        assert "Error" not in lab.run(0)
        super().__init__(lab.page, find_view(1))

    def show(self) -> None:
        self.bench.lab.run(1)
        self.wait("view.firstPaint.shows && view.drawn > 0")

    def release(self) -> None:
        self.browser.wait_for_function("window.loaded")
        self.browser.evaluate("window.release()")
        self.wait("view.ready && view.sync.fits > 0 && view.drawn > 1 && !view.sync.fitTimer")

    def read(self) -> dict[str, Any]:
        self.browser.evaluate(_FRAMES)
        found: dict[str, Any] = self.browser.evaluate(f"() => ({READ})({self.find})")
        return found

    def wrong(self, timeframe: str = "1min") -> list[str]:
        """Return in what the picture differs from the engine's bars, which rest."""
        rows = json.loads(self.bench.lab.ask(f"print(market.state({timeframe!r}))"))
        self.wait(f"view.lastPrice.label.text.textContent === '{rows[-1][4]:,.2f}'")
        theme = theme_of("dark" if "Dark" in self.theme() else "light")
        return differences(self.read(), rows, _BARS, (theme.up, theme.down))

    def theme(self) -> str:
        dark = self.browser.evaluate("document.body.dataset.jpThemeLight") == "false"
        return "Dark" if dark else "Light"


@pytest.fixture(scope="module")
def chart(lab: Lab) -> _EarlyChart:
    made = _EarlyChart(lab, "early.ipynb", "JupyterLab Dark")
    made.show()
    return made


# In this order: the last one lets plotly come.


def test_all_bars_are_there_without_plotly(chart: _EarlyChart) -> None:
    assert chart.page("view.gd._fullLayout === undefined && !view.ready")
    assert chart.wrong() == []
    drawn = chart.read()
    assert {candle["by"] for candle in drawn["candles"]} == {"ours"}
    assert len(drawn["labels"]) >= 4
    assert len(drawn["times"]) >= 3
    PICTURES.mkdir(parents=True, exist_ok=True)
    chart.browser.screenshot(path=PICTURES / "early-dark.png")


def test_it_moves_without_plotly(chart: _EarlyChart) -> None:
    ask = chart.bench.lab.ask
    ask("market.prices(1005.25)")
    assert chart.wrong() == []
    # Far out of the prices in view, then on to further bars.
    ask("market.prices(1200.0, 1210.5); market.ticks(5, 120)")
    assert chart.wrong() == []
    chart.bench.lab.set_theme("JupyterLab Light")
    chart.wait("view.appearance.theme === 'light'")
    assert chart.wrong() == []
    chart.bench.lab.set_theme("JupyterLab Dark")


def test_another_timeframe_is_shown_without_plotly(chart: _EarlyChart) -> None:
    chart.bench.lab.ask("chart.set_timeframe('5min')")
    chart.wait("view.chart.look.timeframe === '5m'")
    assert chart.wrong("5min") == []
    chart.bench.lab.ask("chart.set_timeframe('1min')")
    chart.wait("view.chart.look.timeframe === '1m'")
    assert chart.wrong() == []


def test_an_axis_that_only_plotly_knows_waits_for_it(chart: _EarlyChart) -> None:
    chart.bench.lab.run(2)
    chart.bench.show(2)
    log = ShownChart(chart.browser, find_view(2))
    chart.browser.wait_for_function("window.loaded")
    log.wait("!view.firstPaint.shows && view.drawn === 0")
    chart.bench.show(1)


def test_plotly_draws_the_same_picture(chart: _EarlyChart) -> None:
    before = chart.read()
    box = chart.page("view.gd.getBoundingClientRect().toJSON()")
    chart.release()
    assert chart.wrong() == []
    after = chart.read()
    assert {candle["by"] for candle in after["candles"]} == {"ours", "plotly"}
    # Where the axes are, what is in view, and what they say.
    for name in ("range", "width", "perBar", "perPrice", "perVolume"):
        assert after[name] == pytest.approx(before[name]), name
    assert after["legend"] == before["legend"]
    assert [says for says, _ in after["labels"]] == [says for says, _ in before["labels"]]
    for (_, at), (_, was) in zip(after["labels"], before["labels"], strict=True):
        assert abs(at - was) < 1.5 * after["perPrice"]
    assert [says for says, _ in after["times"]] == [says for says, _ in before["times"]]
    assert chart.page("view.gd.getBoundingClientRect().toJSON()") == pytest.approx(box, abs=1)
    chart.bench.show(2)
    ShownChart(chart.browser, find_view(2)).wait("view.ready && view.sync.fits > 0 && view.drawn > 0")
    assert not chart.bench.errors
