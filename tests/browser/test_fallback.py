"""A page that cannot run our front end changes over to plotly's own, by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.bench import WAIT_MS, Bench
from tests.browser.lab import Lab
from tests.browser.server import PAGE_MS

pytestmark = pytest.mark.browser

_SETUP = """\
import mdnb, time
live = mdnb.live('BTC-USD', ['1min'], feed='sim://?speed=60&seed=4', progress=False)
chart = live.chart('1min', bars=60)
chart.add_scatter(x=chart.data[0].x[-20:], y=chart.data[0].close[-20:], mode='lines', name='mine')
chart.add_hline(y=float(chart.data[0].close[-1]), line_color='orange')
chart.layout.title.text = 'mine too'"""
_TOLD = """\
import warnings
caught = []
warnings.showwarning = lambda message, *_: caught.append(str(message))"""
_PICTURES = Path(__file__).parents[2] / "build" / "pictures"  # git-ignored: to be looked at
_FIND = "[...document.querySelectorAll('.js-plotly-plot')].find(gd => gd.data?.length === 5)"
_BREAKS = {
    "no DecompressionStream": "() => { delete window.DecompressionStream; delete window.Plotly; }",
    # Every try to load plotly.js for our front end, which draws bars until it fails; not plotly's own module.
    "scripts are not loaded": """() => { delete window.Plotly;
      const [make, Made] = [URL.createObjectURL, Blob];
      window.Blob = class extends Made {
        constructor(parts = [], ...more) {
          super(parts, ...more);
          this.head = String(parts[0]).slice(0, 40); } };
      URL.createObjectURL = (blob) =>
        blob.head?.startsWith('//# allFunctionsCalledOnLoad') ? 'blob:nowhere' : make.call(URL, blob); }""",
}


@pytest.fixture(scope="module")
def bench(lab: Lab) -> Bench:
    return Bench(lab)


@pytest.mark.parametrize(
    "broken", ["no DecompressionStream", pytest.param("scripts are not loaded", marks=pytest.mark.slow)]
)
def test_plotlys_own_front_end_takes_over_and_moves(bench: Bench, broken: str) -> None:
    page = bench.page
    warned: list[str] = []
    page.on("console", lambda message: warned.append(message.text) if message.type == "trace" else None)
    bench.lab.open(f"{broken}.ipynb", [_TOLD, _SETUP, "chart"])
    page.evaluate(_BREAKS[broken])
    for cell in range(3):
        assert "Error" not in bench.lab.run(cell)
    page.wait_for_function(f"() => {_FIND}", timeout=PAGE_MS)
    page.evaluate(f"() => {{ window.gd = {_FIND}; window.closes = new Set(); }}")
    page.wait_for_function(
        "() => { closes.add(gd.data[1].close[0]); return closes.size >= 4; }", timeout=WAIT_MS
    )
    last = page.evaluate("gd.data[0].x.at(-1)")
    page.wait_for_function(f"() => gd.data[0].x.at(-1) >= {last} + 2", timeout=WAIT_MS)
    # A bar that closed while plotly's module was on its way is there too.
    assert page.evaluate("[...gd.data[0].x].every((x, i, all) => !i || x === all[i - 1] + 1)")
    assert page.evaluate("gd.data[0].x.length") == 59
    shown = page.evaluate("[gd.data[4].name, gd.layout.shapes.map(s => s.line.color), gd.layout.title.text]")
    assert shown[0] == "mine"
    assert "orange" in shown[1]
    assert shown[2] == "mine too"
    assert page.evaluate("gd.layout.annotations.some(a => a.text.startsWith('this page cannot run'))")
    told = bench.do("print(len(caught), caught[0], chart.fps)")
    assert told.startswith(
        "1 this page cannot run the fast chart: plotly's own, at most 2 refreshes a second ("
    )
    assert told.endswith(" 2.0\n")
    same = "chart.data[0].close[-3:].tolist() == live['1min'].frame['close'].iloc[-4:-1].tolist()"
    bench.wait_for(same)
    _PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=_PICTURES / "fallback.png")
    # Plotly's page would warn of each bar whose colour it cannot read, with each drawing.
    assert not warned
    bench.do("live.close()")
