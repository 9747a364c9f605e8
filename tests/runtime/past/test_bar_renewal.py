"""A trade is taken back that is not in memory any more: its bar is made of the history, or marked."""

from __future__ import annotations

import threading

import pytest

from mdnb.clock import EventClock
from mdnb.events.types import EventType
from mdnb.rows import TradeRow
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, open_market, trade

ROWS = [trade(i * 0.04, 100.0 + i % 5, 2.0, i) for i in range(1400)]
LATER = [trade(70 + i * 0.04, 101.0, 1.0, 1400 + i) for i in range(1000)]


@pytest.mark.parametrize(("has_history", "is_behind"), [(True, False), (True, True), (False, False)])
def test_the_bar_of_a_cancelled_trade_is_made_of_the_history_or_marked(
    has_history: bool, is_behind: bool
) -> None:
    clock = EventClock(START)
    busted: TradeRow = ROWS[0]
    feed = HandFeed(clock=clock, trades=[*ROWS[not is_behind :], *LATER] if has_history else None)
    told, said = threading.Event(), []
    with open_market(feed, "1min", "5min", max_ticks=1000) as market:
        bus = market._parts.session.bus
        bus.tap(EventType.DATA_QUALITY_ALERT, lambda event: said.append(event.alert_type))
        for at in range(0, 1400, 100):
            feed.trades(*ROWS[at : at + 100])
        clock.advance(LATER[0][0])
        feed.trades(*LATER)
        before = market["1min"].frame
        assert before["tick_count"].iloc[0] == 1400

        def look(event: object) -> None:
            frame = market["1min"].frame
            if has_history == (frame["tick_count"].iloc[0] == 1399):
                told.set()

        bus.tap(EventType.BAR_AMENDED, look)
        feed.send({"e": "changes", "s": "X", "r": [[START + SECOND, 0, busted[1], busted[2], None]]})
        assert told.wait(LIMIT_SECONDS)
        frame = market["1min"].frame
        if has_history:
            assert frame["open"].iloc[0] == ROWS[1][1]
            assert frame["volume"].iloc[0] == 2.0 * 1399
            assert market["5min"].frame["tick_count"].iloc[0] == 1399 + 1000
        flags = market._parts.session.market("X").engine.flags_of("1min", START)
        assert bool(flags & 4) is not has_history
        assert said == ["trade_change_unmatched"]
        (fault,) = market.data.get_validation_errors(type="trade_change_unmatched")
        assert dict(fault.values) == {"trade_id": 0, "price": busted[1], "size": busted[2]}
        accounting = market.accounting()
        assert (accounting.unmatched, accounting.balanced) == (1, True)
