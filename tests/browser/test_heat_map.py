"""The heat map in a real JupyterLab in a real Chromium: what it holds and paints is read from the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdnb.widgets.heatmap.scale import ramp
from tests.browser.lab import PAGE_MS, WAIT_MS, Lab, blocking_code

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / "build" / "pictures"
"""Where the screenshots are kept, to be looked at; git ignores the folder."""

# Each book that the engine ever had is noted, under the engine's own lock.
CREATE = """\
import json, time, mdnb
live = mdnb.live(["MNQ", "BTC-USD"], ["1min"], feed="sim://?speed=10&seed=4", initial_days=0, name="heat",
                 progress=False)
books = []
engine = live.data.engine
apply = engine.apply_depth
def noted(update):
    with engine.lock:
        apply(update)
        books.append([[[round(4 * price), size] for price, size in side] for side in engine.book(100)])
engine.apply_depth = noted
view = live.depth(levels=5)
sent = []
send = view.heat_map.send
view.heat_map.send = lambda content, buffers: (sent.append(len(buffers[0])), send(content, buffers))
view"""
BLOCK = blocking_code()
SLEEP = blocking_code("time.sleep(0.1)")
BOOKS = "with open('books.json', 'w') as file: json.dump(books[-600:], file)"
SENT = "print(len(sent))"
# Some columns on: there is something to send, should anybody look.
WAIT = """\
def newest():
    return view.heat_map.columns(1)[-1].index
until = newest() + 5
while newest() < until:
    time.sleep(0.01)"""
EVIL = """\
from mdnb.instruments import Instrument
from tests.manager.hand import HandFeed, trade
evil = '<img src="x" onerror="window.broken = 1">'
feed = HandFeed(instrument=Instrument(evil, 0.25))
hand = mdnb.live("X", ["1min"], feed=feed, initial_days=0, name="evil", progress=False)
feed.trades(trade(0, 100.25, 2.0, 0))
other = hand.depth()
feed.depth([(100.0, 4.0), (99.75, 9.0)], [(100.5, 1.0)])
other"""
CHANGE = "feed.depth([(100.0, 0.0)], [(100.25, 7.0)], snapshot=False)"
CLOSE = "live.close()"
CELLS = [CREATE, SLEEP, BLOCK, BOOKS, SENT, WAIT, SENT, EVIL, CHANGE, CLOSE]

_VIEWS = "[...document.querySelectorAll('.mdnb-heat')].map((root) => root.__mdnb)"
_COLUMNS = """(view, count) => view.heat.ring.columns.slice(-count).map(({ index, bids, ticks, sizes }) => {
  const levels = [...ticks].map((tick, i) => [tick, sizes[i]]);
  return { index, book: [levels.slice(0, bids), levels.slice(bids)] };
})"""


@pytest.fixture(scope="module")
def heat(lab: Lab) -> Lab:
    """A notebook with a heat map beside its ladder, some columns in."""
    # So tall that no cell scrolls the heat map out of sight.
    lab.page.set_viewport_size({"width": 1400, "height": 2400})
    lab.open("heat.ipynb", CELLS)
    assert "Error" not in lab.run(0)
    _until(lab, "views.length === 1 && views[0].heat.ring.columns.length > 12", PAGE_MS)
    return lab


def _until(lab: Lab, condition: str, timeout_ms: float = WAIT_MS) -> None:
    lab.page.wait_for_function(f"() => {{ const views = {_VIEWS}; return {condition}; }}", timeout=timeout_ms)


def _page(lab: Lab, expression: str) -> Any:
    return lab.page.evaluate(f"() => {{ const view = {_VIEWS}[0]; return {expression}; }}")


def _books(lab: Lab) -> Any:
    """Return the newest books that the engine had."""
    assert lab.run(3) == ""
    return json.loads((lab.folder / "books.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("cell", [1, 2], ids=["sleep", "busy loop"])
def test_it_moves_while_a_cell_runs_and_holds_the_books_that_the_engine_had(heat: Lab, cell: int) -> None:
    before, picture = _page(heat, "view.heat.ring.end"), _page(heat, "view.base.toDataURL()")
    with heat.blocked(cell):
        _until(heat, f"views[0].heat.ring.end >= {before} + 12")
    columns = heat.page.evaluate(f"() => ({_COLUMNS})({_VIEWS}[0], 200)")
    new = [column for column in columns if column["index"] > before]
    assert len(new) >= 10
    assert [column["index"] for column in columns] == list(
        range(columns[0]["index"], columns[0]["index"] + len(columns))
    )
    assert _page(heat, "view.base.toDataURL()") != picture
    books = _books(heat)
    places = [
        next((at for at, book in enumerate(books) if book == column["book"]), None) for column in new[-10:]
    ]
    assert None not in places, "a column that was never the engine's book"
    assert places == sorted(places)
    assert len(set(places)) > 3


def test_a_cell_is_painted_in_the_colour_of_its_size(heat: Lab) -> None:
    found = _page(
        heat,
        f"""(() => {{
          // Lines of the axes and of the prices would lie over some.
          const nothing = () => undefined;
          const only = {{ drawLines: nothing, drawBook: nothing, drawAxes: nothing }};
          const drawing = Object.assign(Object.create(view.drawing), only);
          drawing.draw(view.heat.ring);
          const {{ grid, plot, scale, base }} = drawing;
          const pen = base.getContext('2d');
          const pixels = [];
          for (let row = 0; row < grid.rows; row++) {{
            const y = plot.height * (1 - (row + 0.5) / grid.rows);
            pixels.push([...Array(8).keys()].map((back) => {{
              const x = plot.width * (1 - (back + 0.5) / grid.columns);
              return [...pen.getImageData(Math.floor(x * scale), Math.floor(y * scale), 1, 1).data];
            }}));
          }}
          const {{ low, perRow, rows, middle, top }} = grid;
          return {{ low, perRow, rows, middle, top, pixels, theme: view.theme,
            columns: ({_COLUMNS})(view, 8) }};
        }})()""",
    )
    colours = np.array(
        [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in ramp(found["theme"], "colorblind")]
    )
    right = checked = 0
    for back, column in enumerate(reversed(found["columns"])):
        sizes = np.zeros(found["rows"])
        for tick, size in (level for side in column["book"] for level in side):
            row = (tick - found["low"]) // found["perRow"]
            if 0 <= row < found["rows"]:
                sizes[row] += size
        for row in range(found["rows"]):
            place = min(
                1.0, np.log1p(sizes[row] / found["middle"]) / np.log1p(found["top"] / found["middle"])
            )
            place = (18 + 237 * place) / 255 if sizes[row] else 0.0
            wanted = [np.interp(place * 63, np.arange(64), colours[:, i]) for i in range(3)]
            pixel = found["pixels"][row][back][:3]
            right += bool(np.abs(np.array(pixel) - wanted).max() <= 6)
            checked += 1
    assert checked >= 200
    assert right == checked


def test_the_head_and_the_words_for_who_cannot_see_it_say_the_same_as_the_columns(heat: Lab) -> None:
    found = _page(
        heat,
        """(() => { view.spoken = -Infinity; view.drawing.draw(view.heat.ring); view.paintTexts();
          const { bid, ask } = view.heat.ring.newest;
          return { bid, ask, spread: view.facts.spread.textContent, role: view.plot.getAttribute('role'),
            label: view.plot.getAttribute('aria-label'),
            title: view.title.textContent, badge: view.badge.textContent,
            marks: view.marks.map(({ mark }) => mark.textContent) }; })()""",
    )
    bid, ask, spread = (
        f"{ticks / 4:,.2f}" for ticks in (found["bid"], found["ask"], found["ask"] - found["bid"])
    )
    assert found["role"] == "img"
    assert found["label"] == (f"MNQ order book over time. Best bid {bid}, best ask {ask}, spread {spread}.")
    assert (found["spread"], found["title"], found["badge"]) == (spread, "MNQ · depth", "live")
    sizes = [float(mark.replace(",", "")) for mark in found["marks"]]
    assert sizes[0] == 0
    assert sizes == sorted(set(sizes))
    before = _page(heat, "view.spoken")
    _until(heat, f"views[0].spoken > {before}")
    assert _page(heat, f"view.spoken - {before}") >= 5000, "not read aloud with each column"


def test_the_crosshair_tells_price_time_and_size(heat: Lab) -> None:
    box = _page(heat, "view.plot.getBoundingClientRect().toJSON()")
    at = _page(
        heat,
        """(() => { const { drawing } = view, { newest } = view.heat.ring;
          return { x: drawing.plot.width - 1.5 * drawing.pitch, y: drawing.y(newest.bid) }; })()""",
    )
    heat.page.mouse.move(box["x"] + at["x"], box["y"] + at["y"])
    _until(heat, "views[0].said !== null && views[0].said !== undefined")
    said = _page(heat, "view.said")
    assert set(said) == {"price", "time", "size"}
    assert float(said["price"].replace(",", "")) * 4 % 1 == 0
    assert len(said["time"].split(":")) == 3
    heat.page.mouse.move(2, 2)
    _until(heat, "!views[0].said")


def test_nothing_is_sent_while_it_is_hidden_and_what_was_missed_comes_when_it_is_back(heat: Lab) -> None:
    _page(heat, "(view.root.parentNode.style.display = 'none')")
    _until(heat, "views[0].heat.visible === false")
    before = int(heat.run(4))
    end = _page(heat, "view.heat.ring.end")
    heat.run(5)
    assert int(heat.run(6)) == before
    assert _page(heat, "view.heat.ring.end") == end
    _page(heat, "(view.root.parentNode.style.display = '')")
    _until(heat, f"views[0].heat.ring.end > {end} + 8")
    indices = _page(heat, "view.heat.ring.columns.map(({ index }) => index)")
    assert indices == list(range(indices[0], indices[0] + len(indices)))
    assert end in indices


@pytest.mark.parametrize(("kept", "older"), [(10, 0), (1, 500)], ids=["some", "all that are held"])
def test_a_page_that_lost_columns_asks_for_them_once(heat: Lab, kept: int, older: int) -> None:
    _page(
        heat,
        f"""(() => {{
          const {{ heat }} = view;
          // As if messages had been lost: some, or so many that the kernel has not all of them any more.
          heat.ring.columns = heat.ring.columns.slice(0, {kept});
          for (const column of heat.ring.columns) column.index -= {older};
          view.needs = 0;
          heat.say = (message) => {{
            view.needs += message.kind === 'need';
            Object.getPrototypeOf(heat).say.call(heat, message);
          }};
        }})()""",
    )
    heat.run(5)
    _until(heat, "views[0].heat.ring.columns.length > 20")
    indices = _page(heat, "view.heat.ring.columns.map(({ index }) => index)")
    assert indices == list(range(indices[0], indices[0] + len(indices)))
    heat.run(5)
    assert _page(heat, "view.needs") == (1 if kept > 1 else 0)


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_it_follows_the_pages_theme_and_a_picture_is_kept(heat: Lab, theme: str) -> None:
    heat.set_theme(f"JupyterLab {theme}")
    _until(heat, f"views[0].theme === '{theme.lower()}'")
    wanted = "15,17,21" if theme == "Dark" else "255,255,255"
    # Below the axis of prices: orders far from the market may stand in any other corner.
    place = "views[0].base.width - 2, views[0].base.height - 2, 1, 1"
    corner = f"views[0].base.getContext('2d').getImageData({place}).data.slice(0, 3)"
    _until(heat, f"String({corner}) === '{wanted}'")
    PICTURES.mkdir(parents=True, exist_ok=True)
    heat.page.locator(".widget-box").first.screenshot(path=PICTURES / f"heat_map_{theme.lower()}.png")


def test_html_in_a_symbol_is_text(heat: Lab) -> None:
    assert "Error" not in heat.run(7)
    _until(heat, "views.length === 2 && views[1].heat.ring.newest?.bids === 2")
    heat.run(8)
    _until(heat, "views[1].heat.ring.newest.bids === 1")
    (column,) = heat.page.evaluate(f"() => ({_COLUMNS})({_VIEWS}[1], 1)")
    assert column["book"] == [[[399, 9]], [[401, 7], [402, 1]]]
    assert heat.page.evaluate(f"{_VIEWS}[1].title.textContent").startswith("<img src=")
    assert heat.page.locator(".mdnb-heat img, .mdnb-table img").count() == 0
    assert heat.page.evaluate("document.querySelectorAll('.jp-OutputArea img[src=x]').length") == 0
    assert heat.page.evaluate("window.broken") is None


def test_a_reloaded_page_has_the_columns_held(heat: Lab) -> None:
    heat.run(5)
    end = _page(heat, "view.heat.ring.end")
    heat.reload(f"{_VIEWS}.length")
    _until(heat, "views.length === 2 && views[0].heat.ring.columns.length > 12", PAGE_MS)
    assert end in _page(heat, "view.heat.ring.columns.map(({ index }) => index)")
    _until(heat, f"views[0].heat.ring.end > {end} + 4")
    assert heat.run(9) == ""
    _until(heat, "views[0].badge.textContent === 'closed'")
    # The last column is the book as it ended.
    (column,) = heat.page.evaluate(f"() => ({_COLUMNS})({_VIEWS}[0], 1)")
    assert column["book"] == _books(heat)[-1]
