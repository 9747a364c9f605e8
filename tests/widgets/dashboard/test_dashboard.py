"""The dashboard over a real engine: what is on it, which options it takes, and what a still page shows."""

from __future__ import annotations

import asyncio
import html.parser
import importlib.util
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

import mdnb
from mdnb.errors import OptionError, TimeframeError
from mdnb.market import LiveMarket
from mdnb.widgets.page.sender import sender
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, minutes, open_market

_KEPT = ["1min", "5min", "15min"]


@pytest.fixture
def market() -> Iterator[LiveMarket]:
    with mdnb.live(["MNQ", "MES"], _KEPT, feed="sim://?seed=3", initial_days=2, progress=False) as made:
        yield made


def _classes(chart: Any) -> tuple[str, ...]:
    return tuple(chart._dom_classes)


def test_all_timeframes_are_there_the_coarsest_wide_where_one_is_left_over(market: LiveMarket) -> None:
    board = market.dashboard()
    assert [chart.timeframe for chart in board.charts] == ["15min", "1min", "5min"]
    assert ["mdnb-wide" in _classes(chart) for chart in board.charts] == [True, False, False]
    assert board.symbol == "MNQ"
    four = market.dashboard(["5min", "1min"])
    assert [chart.timeframe for chart in four.charts] == ["1min", "5min"]
    assert not any("mdnb-wide" in _classes(chart) for chart in four.charts)
    single = market.dashboard("5min", columns=1, height=280)
    assert [chart.layout.height for chart in single.charts] == [280]


def test_each_option_is_obeyed(market: LiveMarket) -> None:
    full = market.dashboard(theme="dark", kind="line", overlays=["vwap"])
    assert full.controls is not None
    assert full.alignment is not None
    assert full.status is not None
    assert {(chart.theme, chart.kind, chart.overlays) for chart in full.charts} == {
        ("dark", "line", ("vwap",))
    }
    groups = {chart._mdnb.state.link["group"] for chart in full.charts}
    assert len(groups) == 1
    bare = market.dashboard(link=False, controls=False, alignment=False, status=False)
    assert (bare.controls, bare.alignment, bare.status, bare.strips) == (None, None, None, ())
    assert {chart._mdnb.state.link for chart in bare.charts} == {None}
    other = market.dashboard()
    assert {chart._mdnb.state.link["group"] for chart in other.charts} & groups == set(), "a group of its own"
    columns = market.dashboard(columns=3)
    (grid,) = (child for child in columns.children if "mdnb-grid" in getattr(child, "_dom_classes", ()))
    assert "25.00%" in grid.layout.grid_template_columns


def test_alignment_is_of_the_timeframes_shown(market: LiveMarket) -> None:
    board = market.dashboard(["1min", "15min"])
    assert board.alignment is not None
    assert [tile.label for tile in board.alignment.state().tiles] == ["Alignment", "1m", "15m"]
    found = market.alignment(["1min", "15min"])
    gauge = board.alignment.state().tiles[0].gauge
    assert gauge is not None
    assert gauge.value == pytest.approx(found.score, abs=0.2)


def test_controls_act_on_all_charts_and_alignment_and_status_follow_the_symbol(market: LiveMarket) -> None:
    board = market.dashboard()
    assert board.controls is not None
    assert board.alignment is not None
    assert board.status is not None
    board.controls.kind.value = "area"
    board.controls.symbol.value = "MES"
    board.controls.look.theme.value = "dark"
    assert {(chart.kind, chart.symbol, chart.theme) for chart in board.charts} == {("area", "MES", "dark")}
    assert "mdnb-theme-dark" in _classes(board)
    board.draw()
    assert (board.alignment.symbol, board.status.symbol) == ("MES", "MES")
    assert board.alignment.state().title == "MES · timeframe alignment"


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((), {"columns": 0}, OptionError, "columns must be a whole number from 1 to 4"),
        ((), {"columns": True}, OptionError, "columns"),
        ((), {"link": 1}, OptionError, "link must be True or False"),
        ((), {"status": "yes"}, OptionError, "status must be True or False"),
        ((), {"height": 20}, OptionError, "height"),
        ((), {"collumns": 2}, OptionError, "no option 'collumns'"),
        ((["2min"],), {}, TimeframeError, "2min"),
        (([],), {}, OptionError, "1 to 12 timeframes"),
    ],
)
def test_what_is_not_allowed_is_refused_and_nothing_is_left(
    market: LiveMarket,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    drawn = set(sender()._charts)
    with pytest.raises(error, match=words):
        market.dashboard(*arguments, **options)
    assert set(sender()._charts) <= drawn


def test_closing_closes_all_of_it(market: LiveMarket) -> None:
    drawn = set(sender()._charts)
    board = market.dashboard()
    assert len(set(sender()._charts) - drawn) == 7  # itself, controls, two strips, three charts
    board.close()
    assert set(sender()._charts) <= drawn
    assert all(chart._mdnb.state.closed for chart in board.charts)


def test_a_still_page_has_pictures_of_all_charts_and_is_small(market: LiveMarket) -> None:
    board = market.dashboard(overlays=["ema(20)"])
    bundle = board._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == board.model_id
    assert len(bundle["image/png"]) < 3 * 200_000
    root = ET.fromstring(board.picture())
    inner = [node for node in root.iter("{http://www.w3.org/2000/svg}svg") if node is not root]
    assert len(inner) == 3
    words = " ".join(root.itertext())
    for text in ("MNQ · 15m", "MNQ · 1m", "MNQ · 5m", "Alignment", "Quality"):
        assert text in words
    still = market.dashboard(static=False)._repr_mimebundle_()
    assert not any(kind.startswith("image/") for kind in still)
    page = board.to_html()
    assert page.count("<table>") == 2
    assert "<script" not in page


def test_alignment_and_status_move_before_the_kernel_hears_of_their_views(market: LiveMarket) -> None:
    board = market.dashboard()
    assert not any(strip._is_looked_at() for strip in board.strips)
    # A cell that displays a dashboard and goes on keeps the kernel from hearing of anything.
    board._repr_mimebundle_()
    assert all(strip._is_looked_at() for strip in board.strips)


def test_texts_of_a_feed_are_text_in_a_still_page() -> None:
    evil = '<img src=x onerror="alert(1)">'

    class Tags(html.parser.HTMLParser):
        seen: ClassVar[set[str]] = set()

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.seen.add(tag)

    feed = HandFeed(minutes(-60, 60), instrument=mdnb.instruments.Instrument(evil, 0.25))
    with open_market(feed) as market:
        board = market.dashboard()
        Tags().feed(board.to_html() + board.picture())
        assert "img" not in Tags.seen


def test_a_dashboard_is_opened_from_all_that_has_charts(market: LiveMarket) -> None:
    assert market.of("MES").dashboard("1min").symbol == "MES"
    assert market.of("MNQ").dashboard("1min").symbol == "MNQ"

    async def opened() -> tuple[str, str]:
        async with await mdnb.TradingSuite.create(["MNQ", "MES"], ["1min"], initial_days=0.1) as suite:
            return suite.dashboard().symbol, suite["MES"].dashboard().symbol

    assert asyncio.run(opened()) == ("MNQ", "MES")


def test_a_closed_market_leaves_a_dashboard_that_says_so(market: LiveMarket) -> None:
    board = market.dashboard()
    market.close()
    board.draw()
    assert board.status is not None
    assert board.status.state().tiles[0].value == "closed"
    assert "closed" in board.picture()


# In a process of its own: once marimo has shown a widget, it connects and holds each that is made.
_IN_MARIMO = """
import mdnb
with mdnb.live("MNQ", ["1min", "5min"], feed="sim://?seed=3", initial_days=2, progress=False) as market:
    board = market.dashboard()
    text = board._display_().text
    assert text.count("<marimo-anywidget") == len(board.charts) + len(board.strips)
    # Looked at until the page tells otherwise, so that both are sent what is new.
    assert all(strip._life.is_looked_at(0) for strip in board.strips)
"""


def test_marimo_is_given_all_of_it_in_one_box() -> None:
    if importlib.util.find_spec("marimo") is None:
        pytest.skip("marimo is not installed")
    subprocess.run([sys.executable, "-c", _IN_MARIMO], check=True, timeout=LIMIT_SECONDS)
