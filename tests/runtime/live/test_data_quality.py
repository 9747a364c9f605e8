"""Checks of live bars, as a market runs them."""

from __future__ import annotations

from tests.manager.hand import HandFeed, open_market, trade


def test_a_timeframe_added_after_validation_was_enabled_is_checked_too() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        market.data.enable_validation()
        market.data.add_timeframe("5min")
        # Prices are multiples of 0.25.
        feed.trades(trade(0, 100.1, 1.0, 0), trade(300, 100.0, 1.0, 1))
        found = {(error.timeframe, error.type) for error in market.data.get_validation_errors()}
        assert found == {("1min", "price_off_tick"), ("5min", "price_off_tick")}
        assert market.data.get_validation_stats().bars_validated == 2
