"""A chart whose timeframe is removed keeps its bars and says so; it goes on when it is kept again."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mdnb.errors import MdnbError, TimeframeError
from mdnb.market import LiveMarket
from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.page.sender import sender
from tests.manager.hand import HandFeed, minutes, open_market, trade

_BARS = 40


@pytest.fixture
def market() -> Iterator[LiveMarket]:
    with open_market(HandFeed(minutes(-_BARS, _BARS)), "1min", "5min") as made:
        yield made


def badge(chart: LiveChart) -> str:
    notes = chart.snapshot().layout.annotations
    return str(next(note.text for note in notes if note.name == "mdnb-badge"))


@pytest.mark.parametrize("frontend", ["fast", "stock"])
def test_its_badge_says_so_and_its_last_bars_stay(
    market: LiveMarket, frontend: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the stock front end, which another test is about
        chart = market.chart("5min", frontend=frontend, overlays=["ema(3)"])
    before = chart.shown()
    market.remove_timeframe("5min")
    sender()._draw_due()
    chart.draw()
    assert "5min removed" in badge(chart)
    assert "5min removed" in repr(chart)
    assert chart.shown()["close"].tolist() == before["close"].tolist()
    assert chart.data[0].close[-1] == before["close"].iloc[-1]
    assert "X" in chart.picture()
    chart.kind = "line"
    chart.draw()
    assert not chart.draw()
    assert "5min removed" in badge(chart)
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
    with pytest.raises(TimeframeError, match="keeps no 5min bars"):
        chart.set_timeframe("5min")


def test_a_page_is_told_and_one_that_opens_later_too(
    market: LiveMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = market.chart("5min")
    sent: list[dict[str, Any]] = []
    sender().remove(chart)
    monkeypatch.setitem(chart.__dict__, "send", lambda content, buffers=None: sent.append(content))
    market.remove_timeframe("5min")
    chart.draw()
    assert [one["kind"] for one in sent] == ["figure"]
    state = chart.get_state()
    assert (state["_look"]["status"], state["_look"]["tone"]) == ("5min removed", "dead")
    assert state["_look"]["left"] is None


@pytest.mark.parametrize("change", [lambda chart: chart.set_timeframe("1min"), lambda _: None])
def test_it_goes_on_in_another_timeframe_and_once_it_is_kept_again(
    market: LiveMarket, change: Callable[[LiveChart], None]
) -> None:
    chart = market.chart("5min")
    market.remove_timeframe("5min")
    chart.draw()
    change(chart)
    market.add_timeframe("5min")
    chart.draw()
    assert "live" in badge(chart)
    feed = market._parts.session.feed
    assert isinstance(feed, HandFeed)
    feed.trades(trade(1, 777.0, number=1))
    chart.draw()
    assert chart.shown()["close"].iloc[-1] == 777.0
    assert chart.data[1].close[-1] == 777.0


def test_controls_show_a_chart_whose_timeframe_was_removed(market: LiveMarket) -> None:
    panel = market.panel("5min")
    market.remove_timeframe("5min")
    panel.chart.draw()
    panel.controls.draw()
    panel.controls.timeframe.value = "1min"
    assert panel.chart.timeframe == "1min"
    assert "live" in badge(panel.chart)


@pytest.mark.parametrize(
    "ask",
    [
        lambda market: market.chart(),
        lambda market: market.panel(),
        lambda market: market.dashboard(),
        lambda market: market.frame_view(),
        lambda market: market.export("bars.csv"),
        lambda market: market.load("bars.csv"),
    ],
)
def test_a_market_without_a_timeframe_is_an_error_of_its_own(
    market: LiveMarket, ask: Callable[[LiveMarket], object], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    market.export("bars.csv", "1min")
    for name in ("1min", "5min"):
        market.remove_timeframe(name)
    with pytest.raises(MdnbError, match=r"keeps no timeframe|timeframes"):
        ask(market)
    assert str(market)
    assert market._repr_html_()
    assert market.watch().state().rows
