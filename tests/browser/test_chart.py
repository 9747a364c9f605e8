"""The chart in a real JupyterLab in a real Chromium: what is drawn is read from the page, not from Python."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.lab import PAGE_MS, Lab, running_lab

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / "demo" / "pictures"
"""Where the screenshots are kept, to be looked at; git ignores the folder."""

CREATE = """\
import mdnb
live = mdnb.live("BTC-USD", ["1min", "5min"], feed="sim://?speed=60&seed=4", initial_days=0.5, name="test")
chart = live.chart("1min", bars=120)
chart"""

BARS = """\
import json
frame = live.data.get_data("1min", count=120, closed_only=True)
print(json.dumps([frame.index.asi8.tolist(), frame[["open", "high", "low", "close"]].values.tolist()]))"""

ADD = """\
chart.add_scatter(x=[0, 1], y=[1, 2], name="mine")
chart.add_hline(float(live.price), name="my-line")
len(chart.data)"""

_GRAPH = "[...document.querySelectorAll('.js-plotly-plot')].find((graph) => graph.__mdnb)"
_WATCH = """() => {
  window.seen = [];
  const look = () => {
    const price = document.querySelector('.mdnb-price').textContent;
    if (window.seen.at(-1) !== price) window.seen.push(price);
    requestAnimationFrame(look);
  };
  look();
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: Path) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("lab"), chromium) as made:
        yield made


@pytest.fixture(scope="module")
def chart(lab: Lab) -> Lab:
    """A notebook with a chart that is drawn."""
    cells = [
        CREATE,
        "import time; time.sleep(4)",
        "end = time.monotonic() + 4\nwhile time.monotonic() < end: sum(range(1000))",
        BARS,
        ADD,
        "chart",
        "live.close()",
        "chart.follow()",
    ]
    lab.open("chart.ipynb", cells, theme="JupyterLab Dark")
    assert "Error" not in lab.run(0)
    lab.page.wait_for_selector(".mdnb-price", state="attached", timeout=PAGE_MS)
    return lab


def _ink(png: bytes) -> int:
    """Return how many different bytes the rows of a PNG have: a blank picture has hardly any."""
    chunks, at, data = {}, 8, b""
    while at < len(png):
        length = struct.unpack(">I", png[at : at + 4])[0]
        kind = png[at + 4 : at + 8]
        if kind == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        chunks[kind] = True
        at += 12 + length
    return len(set(zlib.decompress(data)))


@pytest.mark.parametrize(("cell", "what"), [(1, "time.sleep"), (2, "a loop in Python")])
def test_the_chart_moves_while_a_cell_blocks_for_four_seconds(chart: Lab, cell: int, what: str) -> None:
    chart.page.evaluate(_WATCH)
    before = chart.page.evaluate(f"{_GRAPH}.__mdnb.drawn")
    chart.run(cell)
    prices = chart.page.evaluate("window.seen")
    assert len(set(prices)) >= 20, f"during {what}: {prices}"
    assert chart.page.evaluate(f"{_GRAPH}.__mdnb.drawn") - before >= 20


def test_the_closed_bars_drawn_are_those_of_the_engine(chart: Lab) -> None:
    ours = json.loads(chart.run(3).splitlines()[-1])
    drawn = chart.page.evaluate(
        f"(() => {{ const t = {_GRAPH}.data[0]; const list = (a) => Array.from(a);"
        " return list(t.open).map((o, i) => [o, t.high[i], t.low[i], t.close[i]]); })()"
    )
    assert len(drawn) > 100
    # The page may be a bar ahead or behind by now: compare the longest stretch that both have.
    rows = [tuple(row) for row in ours[1]]
    start = rows.index(tuple(drawn[10]))
    both = min(len(rows) - start, len(drawn) - 10)
    assert both > 80
    assert [tuple(row) for row in drawn[10 : 10 + both]] == rows[start : start + both]


def test_the_forming_bar_is_drawn_at_its_prices(chart: Lab) -> None:
    """The layer's shapes, turned back into prices by the axis, are a bar whose close is the label."""
    chart.page.wait_for_function(
        f"""() => {{ const graph = {_GRAPH}; const axis = graph._fullLayout.yaxis;
        const [, top, bottom] = /M[^ ]+ ([^V]+)V(.+)/.exec(graph.__mdnb.wick.getAttribute('d'));
        const line = / (.+)H/.exec(graph.__mdnb.line.getAttribute('d'))[1];
        const price = (y) => axis.p2l(Number(y) - axis._offset);
        const shown = Number(graph.__mdnb.label.textContent.replaceAll(',', ''));
        return Math.abs(price(line) - shown) < 0.01 && price(bottom) - 0.01 <= shown
          && shown <= price(top) + 0.01 && price(top) > price(bottom); }}""",
        timeout=20_000,
    )


def test_what_a_user_adds_stays_and_a_second_view_shows_the_same(chart: Lab) -> None:
    assert chart.run(4).strip() == "5"
    chart.run(5)
    chart.page.wait_for_function("document.querySelectorAll('.mdnb-price').length === 2", timeout=PAGE_MS)
    chart.run(1)
    views = chart.page.evaluate(
        "[...document.querySelectorAll('.js-plotly-plot')].map((graph) => [graph.data.length,"
        " graph.layout.shapes.map((shape) => shape.name), graph.__mdnb.label.textContent])"
    )
    assert len(views) == 2
    for traces, shapes, _ in views:
        assert traces == 5
        assert "my-line" in shapes
    assert views[0][2] == views[1][2]


def test_a_zoom_is_kept_while_bars_arrive_until_the_chart_is_told_to_follow(chart: Lab) -> None:
    page = chart.page
    shown = f"{_GRAPH}._fullLayout.xaxis.range.map((value) => Math.round(value))"
    surface = page.locator(".nsewdrag").first
    surface.scroll_into_view_if_needed()
    box = surface.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 150, y, steps=5)
    page.mouse.up()
    panned = page.evaluate(shown)
    bars = page.evaluate(f"{_GRAPH}.data[0].x[0]")
    page.wait_for_function(f"{_GRAPH}.data[0].x[0] >= {bars + 3}", timeout=PAGE_MS)
    assert page.evaluate(shown) == panned
    chart.run(7)
    page.wait_for_function(f"{_GRAPH}._fullLayout.xaxis.range[1] > {panned[1] + 5}", timeout=PAGE_MS)
    # It follows again: the range moves on with the bars.
    following = page.evaluate(shown)
    page.wait_for_function(f"{_GRAPH}._fullLayout.xaxis.range[1] > {following[1] + 1}", timeout=PAGE_MS)


@pytest.mark.parametrize(
    ("theme", "background"), [("Dark", "rgb(15, 17, 21)"), ("Light", "rgb(255, 255, 255)")]
)
def test_the_theme_follows_the_page_and_the_picture_is_kept(chart: Lab, theme: str, background: str) -> None:
    page = chart.page
    page.evaluate(
        f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})"
    )
    page.wait_for_function(
        f"getComputedStyle({_GRAPH}.querySelector('.main-svg')).backgroundColor === '{background}'",
        timeout=PAGE_MS,
    )
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = page.screenshot(path=PICTURES / f"chart_{theme.lower()}.png")
    assert _ink(picture) > 50
    assert page.evaluate(f"{_GRAPH}._context.showSendToCloud") is False


def test_a_closed_market_says_so_on_its_chart(chart: Lab) -> None:
    chart.run(6)
    chart.page.wait_for_function(f"{_GRAPH}.__mdnb.badge.textContent.includes('closed')", timeout=PAGE_MS)
