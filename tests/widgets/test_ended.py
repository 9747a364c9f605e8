"""What is made after the market has ended, or was closed, shows what is held, and waits for nothing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

import mdnb
from mdnb.market import LiveMarket
from mdnb.widgets.dashboard.alignment_strip import AlignmentStrip
from mdnb.widgets.dashboard.status_strip import StatusStrip
from mdnb.widgets.page.page_probe import page_probe
from tests.manager.hand import HandFeed, open_market, trade

_RECORDING = "replay:dataset:gold-ticks?speed=max"


@pytest.fixture(params=["ended", "closed"])
def market(request: pytest.FixtureRequest) -> Iterator[LiveMarket]:
    made = mdnb.live("GC201312", ["1min", "5min"], feed=_RECORDING, initial_days=0, progress=False)
    made.wait_ended()
    if request.param == "closed":
        made.close()
    yield made
    made.close()


@pytest.mark.parametrize("frontend", ["fast", "stock"])
def test_a_chart_has_the_bars_that_are_held(market: LiveMarket, frontend: str) -> None:
    held = market["1min"].frame
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the stock front end, which another test is about
        chart = market.chart("1min", frontend=frontend)
    assert chart.shown()["close"].tolist() == held["close"].tolist()[-180:]
    assert [len(trace.x) for trace in chart.data[:2]] == [1000, 0]
    assert chart.data[0].close[-1] == held["close"].iloc[-1]
    assert repr(chart) == "<LiveChart GC201312 1min: closed>"
    assert not chart.draw()
    chart.set_timeframe("5min")
    assert chart.data[0].close[-1] == market["5min"].frame["close"].iloc[-1]
    assert "GC201312" in chart.picture()
    chart.close()


def test_a_page_is_told_that_the_market_is_closed(market: LiveMarket) -> None:
    chart = market.chart("1min")
    state = chart.get_state()
    assert (state["_look"]["status"], state["_look"]["tone"]) == ("closed", "dead")
    assert state["_look"]["columns"][4]["count"] == 1000


def test_a_chart_that_moves_no_more_can_be_changed_and_observes_nothing(market: LiveMarket) -> None:
    def observers() -> int:
        return len(page_probe()._trait_notifiers.get("theme", {}).get("change", []))

    before = observers()
    chart = market.chart("1min", theme="dark")
    chart.set_theme("auto", "colorblind")
    chart.add_overlay("vwap")
    chart.mark(market["1min"].index[-1], "the end")
    chart.pause()
    assert (chart.theme, chart.palette, chart.overlays, chart.mode) == (
        "auto",
        "colorblind",
        ("vwap",),
        "paused",
    )
    assert observers() == before
    chart.close()


def test_a_panel_and_a_dashboard_are_whole(market: LiveMarket) -> None:
    panel = market.panel("5min", overlays="ema(20)")
    panel.controls.kind.value = "line"
    assert (panel.chart.kind, panel.chart.overlays) == ("line", ("ema(20)",))
    board = market.dashboard()
    assert [chart.timeframe for chart in board.charts] == ["1min", "5min"]
    assert board.status is not None
    assert board.alignment is not None
    assert "Connection closed" in board.status.state().text()
    assert "1m" in board.alignment.state().text()
    assert board.picture().startswith("<svg")
    panel.close()
    board.close()


def test_alignment_is_that_of_the_bars_that_are_held(market: LiveMarket) -> None:
    found = market.alignment()
    assert found.timeframes["1min"].bars == 50
    assert f"{found.score:+.2f}" in AlignmentStrip(market.data).state().text()
    assert "Connection closed" in StatusStrip(market.data).state().text()


def test_tables_have_what_is_held(market: LiveMarket) -> None:
    newest = market.data.engine.recent(1)[0]
    close = market["1min"].frame["close"].iloc[-1]
    assert market.tape(rows=2).state().rows[0].cells[1].text == f"{newest['price']:,.1f}"
    assert market.frame_view("1min", rows=2).state().rows[-1].cells[4].text.endswith(f"{close:,.1f}")
    watch = market.watch().state()
    assert watch.rows[0].cells[1].text == f"{newest['price']:,.1f}"
    assert watch.badge.text == "closed"


def test_an_order_book_that_never_came_is_not_waited_for(market: LiveMarket) -> None:
    book = market.depth(levels=2)
    assert book.state().note == "waiting for the venue's whole order book"
    assert "no order book yet" in book.heat_map.picture()
    book.close()


def test_an_order_book_is_the_one_that_was_there_at_the_end() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        market.data.subscribe_to_level2()
        feed.trades(trade(0, 100.25))
        feed.depth([(100.0, 5.0)], [(100.5, 2.0)])
    book = market.depth(levels=1)
    assert [row.cells[1].text for row in book.state().rows] == ["100.50", "100.00"]
    assert "bid 100.00 · ask 100.50" in book.heat_map.picture()
    assert book.state().badge.text == "closed"
    book.close()
