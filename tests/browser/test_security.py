"""Names, texts and errors of a feed that look like HTML stay texts: on the page, and in what is saved."""

from __future__ import annotations

import json
import re

import pytest

from tests.browser.lab import PAGE_MS, Lab

pytestmark = pytest.mark.browser

_EVILS = (
    '<img src=x onerror="window.hacked = 1">',
    "</script><script>window.hacked = 2</script>",
    '<a href="javascript:window.hacked = 3">go</a>',
    '"><svg onload="window.hacked = 4">',
    "&lt;img src=x onerror=window.hacked=5&gt;",
    "'-window.hacked-'",
    "]]><script>window.hacked = 6</script>",
)
_EVIL = " ".join(_EVILS)
_SETUP = f"""\
import json, pathlib
from IPython.display import HTML, SVG, display
from ipywidgets import VBox
from mdnb.instruments import Instrument
from mdnb.runtime.process.bridge import call
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.page.progress import progress_line
from tests.manager.hand import HandFeed, minutes, open_market, trade
EVIL = {_EVIL!r}
feed = HandFeed(minutes(-40, 40), instrument=Instrument(EVIL, 0.25))
hand = open_market(feed, "1min")
feed.trades(*(trade(i, 100 + i % 5, 2.0, i, side=i % 3 - 1) for i in range(150)))
async def fail():
    feed._on_status("reconnecting", EVIL)
call(fail())
class Renamed:
    symbol, tz = EVIL, "UTC"
    def status(self):
        return EVIL
    def __getattr__(self, name):
        return getattr(hand.data.engine, name)
chart = LiveChart(Renamed(), "1min")"""
_CELLS = {
    "chart": "chart",
    "tables": "VBox([hand.tape(), hand.depth(), hand.watch(), hand.frame_view()])",
    "one table": "hand.watch()",
    "card": "hand",
    "progress": "held = progress_line(); tell = held.__enter__(); tell(1, 2, EVIL)",
    "picture in HTML": "HTML(chart.picture())",
}
_PAGES = {
    "chart.html": "chart.to_html()",
    "part.html": "'<!doctype html><body>' + chart.to_html(full_html=False)",
    "snapshot.html": "chart.snapshot().to_html()",
    "picture.html": "'<!doctype html><body>' + chart.picture()",
    "picture.svg": "chart.picture()",
    "card.html": "'<!doctype html><body>' + hand._repr_html_()",
    "table.html": "'<!doctype html><body>' + hand.watch()._repr_mimebundle_()[0]['text/html']",
}
_PARTS = "img, iframe, [onerror], [onload], a[href^='javascript'], script:not([src])"
_OUTPUTS = "[...document.querySelectorAll('.jp-OutputArea-output')]"


@pytest.fixture(scope="module")
def evil(lab: Lab) -> Lab:
    lab.page.set_viewport_size({"width": 1280, "height": 3000})
    lab.open("evil.ipynb", [_SETUP, *_CELLS.values()])
    assert "Error" not in lab.run(0)
    return lab


def test_what_is_shown_live_is_text(evil: Lab) -> None:
    page = evil.page
    for cell in range(1, len(_CELLS) + 1):
        assert "Traceback" not in evil.text(cell)
        evil.run(cell)
    for cell, name in enumerate(_CELLS, 1):
        node = f"window.jupyterapp.shell.currentWidget.content.widgets[{cell}].node"
        page.wait_for_function(
            f"() => {node}.querySelector('.jp-OutputArea')?.textContent.includes('<img src=x')",
            timeout=PAGE_MS,
        )
        found = page.evaluate(
            f"() => [...{node}.querySelector('.jp-OutputArea').querySelectorAll(\"{_PARTS}\")]"
            ".map((part) => part.outerHTML.slice(0, 200))"
        )
        assert not found, name
    evil.ask("feed.trades(trade(151, 104.25, 2.0, 151))")
    page.wait_for_function(
        f"() => {_OUTPUTS}.some((node) => node.textContent.includes('104.25'))", timeout=PAGE_MS
    )
    assert page.evaluate("window.hacked") is None


def test_what_is_kept_in_the_notebook_is_text(evil: Lab) -> None:
    for cell, name in enumerate(_CELLS, 1):
        for output in evil.outputs(cell):
            for kind in ("text/html", "image/svg+xml"):
                kept = "".join(output.get("data", {}).get(kind, ""))
                sources = set(re.findall(r"<img\b[^>]*?\bsrc=(.{11})", kept, re.IGNORECASE))
                assert sources <= {'"data:image'}, (name, kind)
                assert "<script" not in kept.lower(), (name, kind)


@pytest.mark.parametrize("name", _PAGES)
def test_a_page_that_was_saved_runs_nothing_of_it(evil: Lab, name: str) -> None:
    path = evil.folder / name
    evil.ask(f"_ = pathlib.Path({str(path)!r}).write_text({_PAGES[name]}, encoding='utf-8')")
    context = evil.page.context.browser.new_context()
    page = context.new_page()
    try:
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri(), timeout=PAGE_MS)
        shown = "document.documentElement.textContent"
        if "to_html" in _PAGES[name]:
            shown = (
                "[...document.querySelectorAll('.annotation-text')].map((node) => node.textContent).join()"
            )
        page.wait_for_function(f"() => {shown}.includes('<img src=x')", timeout=PAGE_MS)
        parts = page.evaluate(
            f'() => [...document.querySelectorAll("{_PARTS}")].map((part) => part.outerHTML)'
        )
        theirs = [part[:200] for part in parts if "hacked" in part and not part.startswith("<script")]
        assert not theirs
        # A script of plotly's holds the figure: the texts in it are strings of it, and end nothing.
        assert all("window.hacked = 2</script>" not in part.removesuffix("</script>") for part in parts)
        assert page.evaluate("window.hacked") is None
        assert not errors
    finally:
        context.close()


def test_what_a_page_says_to_the_kernel_is_data(evil: Lab) -> None:
    told = json.dumps({"kind": _EVIL, "page": _EVIL, "view": [_EVIL], "generation": _EVIL, "end": _EVIL})
    evil.ask(
        f"chart._on_message(chart, json.loads({told!r}), [])\n"
        "for kind in ('hello', 'visible', 'follows', 'need', 'applied'):\n"
        f"    chart._on_message(chart, {{**json.loads({told!r}), 'kind': kind}}, [])"
    )
    assert evil.ask("print(chart.timeframe)") == "1min\n"
