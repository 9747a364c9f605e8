"""Trades that are refused: a flood is one entry, and whoever asks for the price hears of it."""

from __future__ import annotations

import logging

import pytest

from mdnb.errors import NoDataError
from mdnb.rows import TradeRow
from mdnb.runtime.housekeeping import Housekeeping
from mdnb.runtime.process.bridge import call
from tests.manager.hand import SECOND, HandFeed, open_market, trade


def halves(count: int) -> list[TradeRow]:
    """Return trades of which every second one has a price below zero."""
    return [trade(i / 100, -1.0 if i % 2 else 100.0, number=i) for i in range(count)]


def test_a_flood_of_refused_trades_is_one_entry_and_pushes_out_no_other() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        feed.send("no message")
        for row in halves(4000):
            feed.trades(row)
        [first] = market.data.get_validation_errors(type="price_not_positive")
        assert first.count == 2000
        assert "malformed" in [one.type for one in market.data.get_validation_errors()]
        assert first.last - first.time == first["last"] - first["timestamp"]
        assert (first.last_ns - first.time_ns) / SECOND == pytest.approx(39.98)
        assert "2,000 times until 2026-03-02 14:00:39.99" in str(first)
        assert market.data.get_validation_stats().by_type["price_not_positive"] == 2000


def test_those_of_another_kind_between_make_no_more_entries_and_a_pause_does() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        for i in range(6):
            feed.trades(trade(i, -1.0, number=2 * i), trade(i, 100.0, -1.0, number=2 * i + 1))
        kinds = [(one.type, one.count) for one in market.data.get_validation_errors()]
        assert sorted(kinds) == [("price_not_positive", 6), ("size_negative", 6)]
        feed.trades(trade(300, 100.0, number=20), trade(301, -1.0, number=21))
        kinds = [(one.type, one.count) for one in market.data.get_validation_errors()]
        assert kinds[0] == ("price_not_positive", 1)
        assert ("price_not_positive", 6) in kinds


def test_a_large_share_that_is_refused_is_told_once_until_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    feed = HandFeed()
    with open_market(feed) as market, caplog.at_level(logging.WARNING, "mdnb"):
        looker = Housekeeping(market._parts.session.markets)
        feed.trades(*halves(90))
        call(looker.look())
        assert market.data.get_stats().troubles == ()
        for _ in range(2):
            feed.trades(*halves(220)[90:])
            call(looker.look())
        [sentence] = market.data.get_stats().troubles
        assert sentence.startswith(
            "trades refused: 110 of the last 220 were refused: 110 'price_not_positive'"
        )
        assert "positive_prices=False" in sentence
        assert sentence in str(market)
        [record] = [one for one in caplog.records if "trades refused" in one.getMessage()]
        assert record.levelno >= logging.WARNING
        feed.trades(*(trade(2.2 + i / 100, 100.0, number=220 + i) for i in range(200)))
        call(looker.look())
        assert market.data.get_stats().troubles == ()


def test_whoever_asks_for_the_price_hears_that_all_trades_were_refused() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        feed.trades(*(trade(i, -1.0, number=i) for i in range(5)))
        with pytest.raises(
            NoDataError, match="all that has come was refused: 5 'price_not_positive'"
        ) as told:
            market.data.get_current_price(timeout=0.01)
        assert "positive_prices=False" in str(told.value)
