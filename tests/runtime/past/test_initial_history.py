"""What is loaded before a market is live."""

from __future__ import annotations

import asyncio

from mdnb.clock import EventClock
from mdnb.suite import TradingSuite
from tests.manager.hand import HandFeed, minutes, open_market, trade


def test_each_symbol_is_told_before_its_history_is_loaded_and_the_end_after_the_last() -> None:
    told: list[tuple[int, int, str]] = []

    async def main() -> None:
        feed = HandFeed(minutes(-30, 30))
        async with await TradingSuite.create(
            ["X", "Y"], ["1min"], feed=feed, initial_days=1, progress=lambda *given: told.append(given)
        ) as suite:
            assert len(await suite.of("Y").data.get_data("1min")) == 30

    asyncio.run(main())
    assert told == [(0, 2, "history of X"), (1, 2, "history of Y"), (2, 2, "live")]


def test_trades_of_the_history_are_in_bars_of_so_many_and_in_the_bar_that_is_being_made() -> None:
    past = [trade(-130 + 20 * i, 100.0 + i, 1.0, i) for i in range(8)]
    feed = HandFeed(minutes(-30, 30), trades=past, clock=EventClock(past[-1][0]))
    with open_market(feed, "1min", "3tick") as market:
        assert market.data.get_data("3tick")["close"].tolist() == [102.0, 105.0, 107.0]
        # The first comes live too.
        feed.trades(past[-1], trade(30, 108.0, 1.0, 8))
        assert market.data.get_data("3tick")["close"].tolist() == [102.0, 105.0, 108.0]
        frame = market.data.get_data("1min")
        assert len(frame) == 31
        assert frame.iloc[-1][["open", "close", "volume"]].tolist() == [107.0, 108.0, 2.0]
        assert market.accounting().duplicate == 1


def test_where_the_history_has_no_bars_they_are_made_of_its_trades() -> None:
    class TradesAlone(HandFeed):
        async def history_bars(self, *_: object) -> None:
            return None

    past = [trade(-130 + 20 * i, 100.0 + i, 1.0, i) for i in range(8)]
    feed = TradesAlone(minutes(-30, 30), trades=past, clock=EventClock(past[-1][0]))
    with open_market(feed, "1min") as market:
        assert market.data.get_data("1min")["close"].tolist() == [100.0, 103.0, 106.0, 107.0]
