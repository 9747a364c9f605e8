"""Strips of alignment and status: what they show, against the figures themselves; when they send."""

from __future__ import annotations

import html.parser
from typing import Any, ClassVar

import numpy as np
import pytest

import mdnb
from mdnb.errors import OptionError, TimeframeError
from mdnb.instruments import Instrument
from mdnb.widgets.dashboard.alignment_strip import AlignmentStrip
from mdnb.widgets.dashboard.live_strip import LiveStrip
from mdnb.widgets.dashboard.status_strip import StatusStrip
from mdnb.widgets.dashboard.strip_state import Gauge, StripState, Tile
from mdnb.widgets.page.sender import sender
from tests.manager.hand import HandFeed, minutes, open_market, trade

_EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let strips be drawn by the test and not by the sender's thread, so that what is sent can be counted."""
    monkeypatch.setattr(type(sender()), "add", lambda self, chart: None)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []

    def send(self: LiveStrip, message: dict[str, Any], buffers: object = None) -> None:
        if self._is_begun() and message["state"].keys() == {"_table"}:
            made.append(message["state"]["_table"])

    monkeypatch.setattr(LiveStrip, "_send", send)
    return made


def _tile(state: StripState, label: str) -> Tile:
    return next(tile for tile in state.tiles if tile.label == label)


def _rising(i: int) -> float:
    return 100.0 + i * 0.25 + (i % 3) * 0.25


def test_alignment_shows_the_figures_of_the_analysis() -> None:
    feed = HandFeed(minutes(-400, 400, _rising))
    with open_market(feed, "1min", "5min", "1hour") as market:
        state = AlignmentStrip(market.data).state()
        found = market.alignment()
        assert [tile.label for tile in state.tiles] == ["Alignment", "1m", "5m", "1h"]
        overall = state.tiles[0]
        assert overall.value == f"▲ {found.score:+.2f}"
        assert (found.trend_direction, found.confirmed) == ("bullish", True)
        assert (overall.small, overall.tone) == ("bullish, confirmed", "up")
        assert overall.gauge == Gauge(found.score, found.null_band)
        trend = found.timeframes["1min"]
        assert trend.significant
        tile = _tile(state, "1m")
        assert (tile.value, tile.tone) == (f"▲ {trend.tau:+.2f}", "up")
        assert f"{trend.tau:+.2f} over 50 closed bars" in tile.hint
        assert "significant at 5 %" in tile.hint
        assert "not significant" not in tile.hint


def test_a_trend_that_may_be_chance_has_a_hollow_arrow_and_no_colour() -> None:
    feed = HandFeed(minutes(-100, 100, lambda i: 100.0 + (i * 7919 % 13) * 0.25 + i * 0.003))
    with open_market(feed, "1min", "5min") as market:
        state, found = AlignmentStrip(market.data).state(), market.alignment()
        trend, tile = found.timeframes["1min"], _tile(state, "1m")
        assert not trend.significant
        assert tile.value == f"{'△' if trend.tau > 0 else '▽'} {trend.tau:+.2f}"
        assert tile.tone == "muted"
        assert tile.small == f"p {trend.p_value:.3f}"


def test_what_all_timeframes_say_and_chance_says_too_is_hollow() -> None:
    prices = 100.0 + np.cumsum(np.random.default_rng(3).normal(0.02, 1.0, 400)).round(2)
    with open_market(HandFeed(minutes(-400, 400, lambda i: float(prices[i]))), "1min", "5min") as market:
        overall, found = AlignmentStrip(market.data).state().tiles[0], market.alignment()
        assert found.confirmed is False
        assert overall.value[0] in "△▽"
        assert (overall.small, overall.tone) == (found.trend_direction, "")
        assert "not confirmed" in overall.hint


@pytest.mark.parametrize("method", ["ema", "macd"])
def test_signs_of_averages_have_an_arrow_each(method: str) -> None:
    feed = HandFeed(minutes(-400, 400, _rising))
    with open_market(feed, "1min", "5min", "1hour") as market:
        state, found = AlignmentStrip(market.data, method=method).state(), market.alignment(method=method)
        assert state.tiles[0].gauge == Gauge(found.score, found.null_band)
        for name, label in (("1min", "1m"), ("5min", "5m")):
            assert _tile(state, label).value.endswith(f" {found.readings[name]:+.0f}")
        assert (_tile(state, "1h").value, _tile(state, "1h").small) == ("–", f"7 of {found.wanted} bars")


def test_too_few_bars_are_counted() -> None:
    feed = HandFeed(minutes(-30, 30))
    with open_market(feed, "1min", "5min") as market:
        state = AlignmentStrip(market.data).state()
        tile = _tile(state, "5m")
        # The last one has ended this moment; of a history it counts as soon as it can be read.
        assert (tile.value, tile.small, tile.tone) == ("–", "6 of 20 bars", "muted")
        with open_market(HandFeed(), "1min") as empty:
            (overall, _) = AlignmentStrip(empty.data).state().tiles
            assert (overall.value, overall.gauge) == ("–", None)


def test_options_of_the_analysis_and_timeframes_are_obeyed() -> None:
    feed = HandFeed(minutes(-400, 400, _rising))
    with open_market(feed, "1min", "5min", "1hour") as market:
        strip = AlignmentStrip(market.data, ["1min", "5min"], window=30, weights={"1min": 3, "5min": 1})
        found = market.alignment(["1min", "5min"], window=30, weights={"1min": 3, "5min": 1})
        assert [tile.label for tile in strip.state().tiles] == ["Alignment", "1m", "5m"]
        assert strip.state().tiles[0].gauge == Gauge(found.score, found.null_band)
        with pytest.raises(OptionError):
            AlignmentStrip(market.data, window=1)
        with pytest.raises(TimeframeError):
            AlignmentStrip(market.data, ["4hour"])
        market.data.remove_timeframe("5min")
        assert [tile.label for tile in strip.state().tiles] == ["Alignment", "1m"]


@pytest.mark.parametrize("weights", ["equal", {"1min": 1.0, "5min": 2.0}])
def test_a_timeframe_that_goes_while_it_is_looked_at_is_left_out(weights: object) -> None:
    with open_market(HandFeed(minutes(-400, 400, _rising)), "1min", "5min") as market:
        strip = AlignmentStrip(market.data, ["1min", "5min"], weights=weights)
        engine = market.data.engine
        asked = engine.has_timeframe

        def has(name: object) -> bool:
            found = asked(name)
            if name == "5min" and found:
                # As another thread does that was a moment later.
                engine.remove_timeframe("5min")
            return found

        engine.has_timeframe = has  # type: ignore[method-assign]
        assert [tile.label for tile in strip.state().tiles] == ["Alignment", "1m"]


def test_alignment_is_sent_when_a_bar_closes_and_not_before(sent: list[dict[str, Any]]) -> None:
    feed = HandFeed(minutes(-100, 100, _rising))
    with open_market(feed, "1min", "5min") as market:
        strip = AlignmentStrip(market.data)
        strip._view_count = 1
        feed.trades(trade(1, 130.0, number=0))
        strip.draw()
        sent.clear()
        feed.trades(*(trade(2 + at, 90.0 - at, number=1 + at) for at in range(20)))
        strip.draw()
        assert not sent
        feed.trades(trade(61, 70.0, number=30))
        strip.draw()
        (message,) = sent
        assert message == strip.state().message()
        strip._view_count = 0
        feed.trades(trade(122, 200.0, number=31))
        strip.draw()
        assert len(sent) == 1, "nobody looks"


def test_status_shows_the_figures_of_the_statistics() -> None:
    feed = HandFeed(minutes(-60, 60))
    with open_market(feed, "1min", "5min") as market:
        strip = StatusStrip(market.data)
        feed.trades(trade(0, 100.0, number=0), trade(1, 100.25, number=1))
        state, stats = strip.state(), market.data.get_stats()
        assert (_tile(state, "Connection").value, _tile(state, "Connection").tone) == ("live", "live")
        assert _tile(state, "Quality").value == f"{stats.data_quality_score:.1f}"
        held = sum(market.data.get_timeframe_stats(name).bars_in_memory for name in ("1min", "5min"))
        assert _tile(state, "Bars").value == f"{held:,}"
        assert _tile(state, "Gaps").value == "none"
        feed.status("disconnected")
        assert _tile(strip.state(), "Connection").value == "disconnected"
    state = strip.state()
    assert _tile(state, "Connection").value == "closed"
    assert (_tile(state, "Quality").value, _tile(state, "Quality").tone) == ("0.0", "dead")


def test_trades_a_second_count_the_trades_and_a_silent_second_counts_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        now = [0.0]
        monkeypatch.setattr("mdnb.widgets.dashboard.status_strip.time.monotonic", lambda: now[0])
        strip = StatusStrip(market.data)
        assert _tile(strip.state(), "Trades/s").value == "…"
        number = 0
        for now[0] in (1.0, 2.0, 3.0):
            feed.trades(*(trade(now[0] + at / 100, 100.0, number=number + at) for at in range(12)))
            number += 12
            shown = _tile(strip.state(), "Trades/s").value
        assert shown == "12.0"
        for now[0] in (4.0, 5.0, 6.0, 7.0, 8.0):
            shown = _tile(strip.state(), "Trades/s").value
        assert shown == "0.0"


def test_another_symbol_can_be_shown(sent: list[dict[str, Any]]) -> None:
    with mdnb.live(
        ["MNQ", "MES"], ["1min"], feed="sim://?seed=3", initial_days=0.5, progress=False
    ) as market:
        one, two = market.of("MNQ").data, market.of("MES").data
        for strip in (AlignmentStrip(one), StatusStrip(one)):
            strip._view_count = 1
            before = len(one.engine._listeners), len(two.engine._listeners)
            strip.show(two)
            after = len(one.engine._listeners), len(two.engine._listeners)
            assert after == (before[0] - 1, before[1] + 1)
            assert strip.symbol == "MES"
            assert sent[-1]["title"] == strip.state().title
            assert sent[-1]["title"].startswith("MES · ")


def test_texts_of_a_feed_are_escaped_where_a_page_has_no_kernel() -> None:
    class Tags(html.parser.HTMLParser):
        seen: ClassVar[set[str]] = set()

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.seen.add(tag)

    feed = HandFeed(instrument=Instrument(_EVIL, 0.25))
    with open_market(feed, "1min") as market:
        for strip in (AlignmentStrip(market.data), StatusStrip(market.data)):
            data, _ = strip._repr_mimebundle_()
            Tags().feed(data["text/html"])
            assert data["text/plain"] == strip.state().text() == str(strip)
    state = StripState(_EVIL, (Tile(_EVIL, _EVIL, small=_EVIL),))
    Tags().feed(state.html())
    assert Tags.seen == {"table", "caption", "tr", "th", "td", "small"}


def test_a_gauge_stays_on_its_scale() -> None:
    assert Gauge(2.0, (-0.5, 0.5)).message() == {"value": 1.0, "low": 0.25, "high": 0.75}
    assert Gauge(float("nan")).message()["value"] == 0.5
