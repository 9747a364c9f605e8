"""The live tables in a real JupyterLab in a real Chromium: what they show is read from the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import PAGE_MS, Lab, blocking_code

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / "demo" / "pictures"
"""Where the screenshots are kept, to be looked at; git ignores the folder."""

CREATE = """\
import json, time, mdnb
from ipywidgets import HBox, VBox
live = mdnb.live(["BTC-USD", "MNQ", "ETH-USD"], ["1min", "5min"], feed="sim://?speed=60&seed=4",
                 initial_days=0.5, name="tables", tz="America/Chicago")
tape, depth = live.tape(rows=30), live.depth(levels=8, heat_map=False)
watch, bars = live.watch(), live.frame_view(rows=8)
HBox([tape, depth, VBox([watch, bars])])"""

BLOCK = blocking_code()

TRADES = """\
engine = live.data.engine
rows = engine.recent(engine.ticks.total)
print(json.dumps([f"{row['price']:,.2f}" for row in rows]))"""

END = """\
live.close()
def texts(engine):
    trade = [f"{row['price']:,.2f}" for row in engine.recent(30)[::-1]]
    book = engine.order_book(8)
    prices = [f"{level.price:,.2f}" for level in (*book.asks[::-1], *book.bids)]
    frame = engine.frame("1min", 8)
    closes = [f"{close:,.2f}" for close in frame["close"]]
    lasts = [f"{live.of(symbol).data.engine.last_trade[1]:,.2f}" for symbol in live.symbols]
    return {"tape": trade, "depth": prices, "bars": closes, "watch": lasts, "spread": f"{book.spread:,.2f}"}
print(json.dumps(texts(live.data.engine)))"""

EVIL = """\
from mdnb.instruments import Instrument
from tests.manager.hand import HandFeed, trade
evil = '<img src="x" onerror="window.broken = 1">'
feed = HandFeed(instrument=Instrument(evil, 0.25))
hand = mdnb.live("X", ["1min"], feed=feed, initial_days=0, name="evil", progress=False)
feed.trades(trade(0, 100.25, 2.0, 0))
VBox([hand.tape(), hand.depth(heat_map=False), hand.watch(), hand.frame_view()])"""

MOVE = "feed.trades(trade(1, 101.75, 3.0, 1, side=-1)); feed.depth([(101.5, 4.0)], [(101.75, 1.0)])"

PLAIN = "hand.watch()"

_TABLES = "[...document.querySelectorAll('.mdnb-table')]"
_CELLS = """(name, column) => [...document.querySelectorAll('.mdnb-table')]
  .find((table) => table.querySelector('thead').textContent.includes(name))
  .querySelectorAll(`tbody tr:not(.mdnb-blank) > :nth-child(${column})`)"""
_READ = f"([name, column]) => [...({_CELLS})(name, column)].map((cell) => cell.textContent)"
_WATCH = f"""() => {{
  const cells = {_CELLS};
  const read = {{
    tape: () => cells('Side', 2)[0].textContent,
    depth: () => [...cells('Sum', 3)].map((cell) => cell.textContent).join(),
    watch: () => cells('Symbol', 2)[0].textContent,
    spark: () => document.querySelector('.mdnb-table polyline').getAttribute('points'),
    bars: () => [...cells('Open', 5)].at(-1).textContent,
  }};
  window.seen = Object.fromEntries(Object.keys(read).map((name) => [name, []]));
  window.rows = new Set();
  const look = () => {{
    for (const [name, now] of Object.entries(read)) {{
      const text = now();
      if (window.seen[name].at(-1) !== text) window.seen[name].push(text);
    }}
    window.rows.add(document.querySelectorAll('.mdnb-table tbody tr').length);
    requestAnimationFrame(look);
  }};
  look();
}}"""


@pytest.fixture(scope="module")
def tables(lab: Lab) -> Lab:
    """A notebook with all four tables."""
    lab.page.set_viewport_size({"width": 1500, "height": 900})
    lab.open("tables.ipynb", [CREATE, BLOCK, TRADES, END, EVIL, MOVE, PLAIN])
    assert "Error" not in lab.run(0)
    lab.page.wait_for_function(f"{_TABLES}.length === 4", timeout=PAGE_MS)
    lab.page.wait_for_function(f"({_CELLS})('Side', 2).length === 30", timeout=PAGE_MS)
    lab.page.wait_for_function(f"({_CELLS})('Sum', 2).length === 16", timeout=PAGE_MS)
    return lab


def _read(lab: Lab, name: str, column: int) -> list[str]:
    texts: list[str] = lab.page.evaluate(_READ, [name, column])
    return texts


def test_all_four_move_while_a_cell_blocks_and_do_not_grow(tables: Lab) -> None:
    tables.page.evaluate(_WATCH)
    with tables.blocked(1):
        tables.page.wait_for_function(
            "Object.values(window.seen).every((texts) => new Set(texts).size >= 8)", timeout=PAGE_MS
        )
    seen: dict[str, list[str]] = tables.page.evaluate("window.seen")
    engine = set(json.loads(tables.run(2).splitlines()[-1]))
    assert set(seen["tape"]) <= engine
    assert {text.split()[-1] for text in seen["bars"]} <= engine
    # 30 trades, 16 levels, 3 symbols, 8 bars.
    assert tables.page.evaluate("[...window.rows]") == [57]


def test_what_reads_a_page_aloud_finds_headings_captions_and_signs(tables: Lab) -> None:
    found: dict[str, Any] = tables.page.evaluate(
        f"""() => {{ const all = {_TABLES}; return {{
          captions: all.map((table) => table.querySelector('caption').textContent),
          columns: all.every((table) => !table.querySelector('thead th:not([scope=col])')),
          rows: all.every((table) => [...table.querySelectorAll('tbody tr')]
            .every((row) => row.querySelectorAll('th[scope=row]').length === 1)),
          labels: all.map((table) => table.getAttribute('aria-label')),
          keyboard: all.every((table) => table.tabIndex === 0),
          live: document.querySelectorAll('.mdnb-table [aria-live]').length,
        }}; }}"""
    )
    assert found["columns"]
    assert found["rows"]
    assert found["keyboard"]
    assert found["live"] == 0
    assert found["labels"] == ["BTC-USD · trades", "BTC-USD · order book", "Watch list", "BTC-USD · 1min"]
    assert all(
        caption.startswith(label) for caption, label in zip(found["captions"], found["labels"], strict=True)
    )
    assert {text.split()[0] for text in _read(tables, "Side", 4)} <= {"▲", "▼", "–", "ask", "bid"}


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_text_can_be_read_on_the_pages_theme_and_a_picture_is_kept(tables: Lab, theme: str) -> None:
    page = tables.page
    was = page.evaluate("getComputedStyle(document.body).getPropertyValue('--jp-layout-color0')")
    tables.set_theme(f"JupyterLab {theme}")
    if theme == "Dark":
        page.wait_for_function(
            "(was) => getComputedStyle(document.body).getPropertyValue('--jp-layout-color0') !== was",
            arg=was,
            timeout=PAGE_MS,
        )
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"tables_{theme.lower()}.png")
    worst = page.evaluate(_CONTRAST)
    assert min(worst.values()) >= 4.5, worst  # WCAG 2.1, 1.4.3


_CONTRAST = f"""() => {{
  const canvas = document.createElement('canvas').getContext('2d', {{ willReadFrequently: true }});
  // Painted, so that mixed colours count as they are seen.
  const paint = (...colours) => {{
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {{ canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }}
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => value / 255);
  }};
  const light = (rgb) => {{
    const [r, g, b] = rgb.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }};
  const worst = {{}};
  for (const table of {_TABLES}) {{
    const paper = getComputedStyle(table).backgroundColor;
    for (const cell of table.querySelectorAll('th, td, caption span')) {{
      if (!cell.textContent) continue;
      const [a, b] = [light(paint(paper, getComputedStyle(cell).color)), light(paint(paper))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const name = `${{cell.tagName}}.${{cell.className}}`;
      worst[name] = Math.min(worst[name] ?? 99, ratio);
    }}
  }}
  return worst;
}}"""


def test_in_the_end_the_page_shows_the_newest_values_of_the_engine(tables: Lab) -> None:
    engine = json.loads(tables.run(3).splitlines()[-1])
    tables.page.wait_for_function(
        f"{_TABLES}.every((table) => table.querySelector('.mdnb-badge').textContent === 'closed')",
        timeout=PAGE_MS,
    )
    assert _read(tables, "Open", 5) == [
        text for text in _read(tables, "Open", 5) if text[0] in "▲▼0123456789"
    ]
    shown = {
        "tape": _read(tables, "Time", 2),
        "depth": _read(tables, "Sum", 2),
        "bars": [text.split()[-1] for text in _read(tables, "Open", 5)],
        "watch": _read(tables, "Symbol", 2),
        "spread": tables.page.evaluate(
            "document.querySelector('.mdnb-facts .mdnb-label + span').textContent"
        ),
    }
    assert shown == engine
    assert _read(tables, "Open", 7)[-1] in ("", "forming")


def test_html_in_a_symbol_is_text_on_the_page(tables: Lab) -> None:
    page = tables.page
    assert "Error" not in tables.run(4)
    page.wait_for_function(f"{_TABLES}.length === 8", timeout=PAGE_MS)
    tables.run(5)
    page.wait_for_function(
        f"{_TABLES}.slice(4).every((table) => table.textContent.includes('101.75'))", timeout=PAGE_MS
    )
    assert "Error" not in tables.run(6)
    page.wait_for_function(f"{_TABLES}.length === 9", timeout=PAGE_MS)
    assert page.evaluate(f"{_TABLES}.slice(4).every((table) => table.textContent.includes('<img src='))")
    assert page.locator(".mdnb-table img").count() == 0
    assert page.evaluate("document.querySelectorAll('.jp-OutputArea img[src=x]').length") == 0
    assert page.evaluate("window.broken") is None
    page.screenshot(path=PICTURES / "tables_evil.png")


def test_the_notebook_file_keeps_text_and_html_beside_the_view(tables: Lab) -> None:
    (output,) = tables.outputs(6)
    data = output["data"]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "101.75" in "".join(data["text/plain"])
    html = "".join(data["text/html"])
    assert "101.75" in html
    assert "&lt;img" in html
    assert "<img" not in html
