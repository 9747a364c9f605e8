"""Figures that tell the truth, above all when the feed is sick."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np
import pytest

import mdnb
from mdnb.runtime.live.health import Health
from mdnb.sessions import Sessions
from tests.manager.hand import MINUTE, START, HandFeed, minutes, open_market, trade


class Wall:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_uptime_is_the_share_of_time_with_a_connection() -> None:
    wall = Wall()
    health = Health(wall)
    wall.now += 50
    for status, seconds in (("connecting", 10), ("connected", 60), ("disconnected", 20), ("reconnected", 10)):
        health.change(status, "")
        wall.now += seconds
    assert health.uptime_percent() == pytest.approx(70.0)
    assert health.disconnects == 1


def test_latency_is_never_negative_where_the_venues_clock_is_ahead() -> None:
    wall = Wall()
    health = Health(wall)
    rng = np.random.default_rng(5)
    # The clock of the Binance recordings is 1.27 s ahead; the line takes 40 to 80 ms.
    for delay in rng.uniform(40, 80, 400):
        wall.now += 0.02
        health.data(delay - 1270.0, "X")
    assert health.clock_offset_ms() == pytest.approx(1230.0, abs=2)
    assert 0 <= health.latency_ms() <= 40
    assert 0 <= health.latency_quantile_ms(0.99) <= 41


def test_latency_is_as_measured_where_the_clock_is_not_ahead() -> None:
    wall = Wall()
    health = Health(wall)
    for delay in range(50, 150):
        wall.now += 0.02
        health.data(float(delay), "X")
    assert health.clock_offset_ms() == 0.0
    assert health.latency_ms() == 100.0


def test_an_offset_that_ends_is_forgotten() -> None:
    wall = Wall()
    health = Health(wall)
    health.data(-500.0, "X")
    for _ in range(1300):
        wall.now += 1.0
        health.data(20.0, "X")
    assert health.clock_offset_ms() == 0.0
    assert health.latency_ms() == 20.0


@pytest.mark.parametrize("status", ["disconnected", "reconnecting", "stale", "closed"])
def test_a_dead_feed_never_scores_a_hundred(status: str) -> None:
    wall = Wall()
    health = Health(wall, stale_seconds=10)
    health.change("connected", "")
    health.data(5.0, "X")
    assert health.freshness("X", is_open=True) == 1.0
    health.change(status, "")
    assert health.freshness("X", is_open=True) < 1.0
    wall.now += 5
    assert health.freshness("X", is_open=True) <= 0.5
    wall.now += 5
    assert health.freshness("X", is_open=True) == 0.0
    assert health.freshness("X", is_open=False) == 0.0


def test_a_connection_that_is_up_and_mute_goes_stale_while_the_market_is_open_only() -> None:
    wall = Wall()
    health = Health(wall, stale_seconds=10)
    health.change("connected", "")
    health.frame()
    health.data(5.0, "X")
    wall.now += 10
    assert health.freshness("X", is_open=True) == 1.0
    wall.now += 5
    assert health.freshness("X", is_open=True) == pytest.approx(0.5)
    wall.now += 5
    assert health.freshness("X", is_open=True) == 0.0
    assert health.freshness("X", is_open=False) == 1.0
    health.frame()
    assert health.freshness("X", is_open=True) == 1.0


def test_a_market_in_which_nobody_trades_is_fresh_while_the_feed_shows_that_it_lives() -> None:
    wall = Wall()
    pongs = [0.0]
    health = Health(wall, stale_seconds=10, silent_seconds=lambda: wall.now - pongs[0])
    health.change("connected", "")
    for pongs[0] in range(0, 3600, 4):
        wall.now = pongs[0] + 3.9
        assert health.freshness("X", is_open=True) == 1.0
    wall.now += 20
    assert health.freshness("X", is_open=True) < 0.1


def test_where_data_comes_and_none_is_accepted_nothing_is_fresh() -> None:
    wall = Wall()
    health = Health(wall, stale_seconds=10)
    health.change("connected", "")
    health.frame()
    health.refused("X")
    assert health.freshness("X", is_open=True) == 0.0, "it never had good data"
    assert health.freshness("Y", is_open=True) == 1.0
    health.data(5.0, "X")
    assert health.freshness("X", is_open=True) == 1.0
    wall.now += 1
    health.refused("X")
    assert health.freshness("X", is_open=True) == 1.0, "one that is bad among many says nothing"
    for _ in range(12):
        wall.now += 1
        health.frame()
        health.refused("X")
    assert health.freshness("X", is_open=True) == 0.0
    assert health.seconds_refused("X") == 12
    health.data(5.0, "X")
    assert health.freshness("X", is_open=True) == 1.0


def test_the_score_is_the_product_of_what_stands_beside_it() -> None:
    feed = HandFeed(minutes(-100, 90))
    with open_market(feed, "1min", "5min") as market:
        good = [trade(i, 100.0, 1.0, i) for i in range(90)]
        feed.trades(*good, trade(91, -1.0, 1.0, 90), trade(80, 100.0, 1.0, 91), trade(2, 100.0, 1.0, 92))
        stats = market.data.get_stats()
        expected = stats.completeness * (1 - stats.rejected_share) * (1 - stats.late_share) * stats.freshness
        assert stats.data_quality_score == pytest.approx(expected)
        assert stats["rejected_share"] == pytest.approx(1 / 93)
        assert stats.late_share == pytest.approx(1 / 93)
        # Ten minutes before the live data began are missing.
        assert 85 < stats.completeness < 95
        assert market.data.get_timeframe_stats("1min").missing_bars == 10
        assert stats.total_bars_received == 91 + 18
        assert stats["bars_per_minute"] > 0
        assert stats.ticks_received == 93


def test_each_ill_lowers_the_score() -> None:
    def score(*rows: Any) -> float:
        feed = HandFeed(minutes(-100, 100))
        with open_market(feed) as market:
            feed.trades(*(trade(i, 100.0, 1.0, i) for i in range(100)), *rows)
            return market.data.get_stats().data_quality_score

    healthy = score()
    assert healthy == 100.0
    assert score(trade(100, -5.0, 1.0, 100)) < healthy
    assert score(trade(120, 100.0, 1.0, 100), trade(10, 100.0, 1.0, 101)) < healthy
    feed = HandFeed(minutes(-100, 100))
    with open_market(feed) as market:
        feed.trades(*(trade(i, 100.0, 1.0, i) for i in range(100)))
        feed.status("disconnected")
        stats = market.data.get_stats()
        assert stats.data_quality_score < healthy
        assert stats.status == "disconnected"


def test_completeness_knows_closed_hours_silent_minutes_and_outages() -> None:
    hours = Sessions([START - 600 * MINUTE, START], [START - 400 * MINUTE, START + 600 * MINUTE])
    feed = HandFeed(minutes(-500, 100), sessions=hours)
    with open_market(feed, "1min", "5min") as market:
        # The venue was closed in between: nothing is missing.
        feed.trades(trade(1, 100.0, 1.0, 0))
        assert market.data.get_timeframe_stats("1min").completeness == 100.0
        # Live, and nothing traded for ten minutes: nothing is missing either.
        feed.trades(trade(660, 100.0, 1.0, 1))
        stats = market.data.get_timeframe_stats("1min")
        assert (stats.completeness, stats.missing_bars) == (100.0, 0)
        # Disconnected for ten minutes, and the venue has no history.
        feed.status("disconnected")
        feed.clock.advance(START + 1320 * 1_000_000_000)  # type: ignore[attr-defined]
        stats = market.data.get_timeframe_stats("1min")
        assert stats.missing_bars in (9, 10)
        assert stats.completeness < 100
        assert market.data.get_timeframe_stats("5min").missing_bars in (1, 2)


def test_a_timeframe_at_a_glance() -> None:
    feed = HandFeed(minutes(-100, 100))
    with open_market(feed, "1min", fill_gaps=True) as market:
        feed.trades(trade(5, 100.0, 1.0, 0), trade(200, 101.0, 1.0, 1), trade(198, 99.0, 1.0, 2))
        feed.trades(trade(250, 101.0, 1.0, 3), trade(239, 98.0, 1.0, 4))
        stats = market.data.get_timeframe_stats("1m")
        assert stats["timeframe"] == "1min"
        assert stats["bars_in_memory"] == 105
        assert stats.filled == 2
        assert stats.amended == 0 or stats.amended == 1
        assert stats.last_update == market.data.get_latest_tick().timestamp
        assert stats.first_bar == market.data.get_data("1min").index[0]
        assert stats["memory_usage_mb"] == pytest.approx(104 * 69 / 1e6)


def test_a_market_without_data_has_figures_too() -> None:
    with open_market(HandFeed()) as market:
        stats = market.data.get_stats()
        assert all(math.isfinite(value) for value in (stats.avg_latency_ms, stats.data_quality_score))
        assert stats.seconds_since_data == math.inf
        frame = market.data.get_timeframe_stats("1min")
        assert (frame.bars_in_memory, frame.last_update, frame.first_bar, frame.completeness) == (
            0,
            None,
            None,
            100.0,
        )
        assert market.data.get_tick_statistics().ticks_per_minute == 0.0
        assert market.data.get_memory_stats().compression_ratio == 1.0
        metrics = market.data.get_performance_metrics()
        assert (metrics.avg_access_time_ms, metrics.cache_hit_rate) == (0.0, 0.0)


def test_ticks_in_figures_are_what_numpy_says() -> None:
    rows = [trade(i * 0.7, 100.0 + (i % 5), 1.0 + i % 4, i, 1 if i % 3 else -1) for i in range(200)]
    feed = HandFeed()
    with open_market(feed) as market:
        feed.trades(*rows)
        for minutes_ in (None, 1):
            stats = market.data.get_tick_statistics(minutes_)
            chosen = [row for row in rows if minutes_ is None or row[0] >= rows[-1][0] - MINUTE]
            price, size = np.array([r[1] for r in chosen]), np.array([r[2] for r in chosen])
            side = np.array([r[4] for r in chosen])
            assert stats.tick_count == len(chosen)
            assert (stats.min_price, stats.max_price) == (price.min(), price.max())
            assert stats.avg_tick_size == pytest.approx(size.mean())
            assert stats.vwap == pytest.approx((price * size).sum() / size.sum())
            assert (stats.buy_volume, stats.sell_volume) == (size[side > 0].sum(), size[side < 0].sum())
            seconds = (chosen[-1][0] - chosen[0][0]) / 1e9
            assert stats["ticks_per_minute"] == pytest.approx(len(chosen) * 60 / seconds)


# Cards


def test_the_last_line_of_a_cell_shows_a_card_with_everything_escaped() -> None:
    evil = "<img src=x onerror=alert(1)>"
    feed = HandFeed(minutes(-50, 50))
    with mdnb.live("X", ["1min", "5min"], feed=feed, initial_days=1, name=evil, progress=False) as market:
        feed.trades(trade(1, 100.0, 1.0, 0))
        feed.status("disconnected")
        market._parts.session.health.change("disconnected", evil)
        for shown in (market._repr_html_(), market.data.get_stats()._repr_html_()):
            assert "<img" not in shown
        card = market._repr_html_()
        assert html.escape(evil) in card
        for text in ("disconnected", "1min", "5min", "quality", "1 received", "uptime"):
            assert text in card
        text = str(market)
        assert "1min" in text
        assert "<table" not in text
        assert repr(market).startswith("<live X")
    assert "closed" in market._repr_html_()
    assert "closed" in str(market)


def test_a_suite_has_the_card_too() -> None:
    import asyncio

    async def main() -> tuple[str, str]:
        suite = await mdnb.TradingSuite.create("X", ["1min"], feed=HandFeed(minutes(-5, 5)), initial_days=1)
        async with suite:
            return suite._repr_html_(), str(suite)

    card, text = asyncio.run(main())
    assert "TradingSuite X" in card
    assert "connection" in text
