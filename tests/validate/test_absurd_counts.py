"""One trade that stands for more trades than there can be is refused, and bars that count so many."""

from __future__ import annotations

import pytest

from mdnb.clock import EventClock
from mdnb.rows import TradeRow
from mdnb.validate.live_checks import bar_faults
from mdnb.validate.tick_rules import MOST_TRADES, TickRules
from tests.manager.hand import SECOND, START, HandFeed, minutes, open_market, trade


def many(seconds: float, count: int, number: int = -1) -> TradeRow:
    return (START + round(seconds * SECOND), 100.0, 1.0, count, 0, number)


@pytest.mark.parametrize("seeded", [True, False])
def test_a_trade_may_stand_for_so_many_and_no_more(seeded: bool) -> None:
    rules = TickRules()
    rules.seed([100.0] if seeded else [])
    rows = [many(1, MOST_TRADES), many(2, MOST_TRADES + 1), many(3, 1)]
    assert rules.split(rows) == ([rows[0], rows[2]], [("count_absurd", rows[1])])


@pytest.mark.parametrize("count", [MOST_TRADES + 1, 2**31, 2**32, 2**53])
@pytest.mark.parametrize("before", [0, 20])
def test_live_it_is_refused_and_the_bars_go_on(count: int, before: int) -> None:
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "1min") as live:
        for number in range(1, 1 + before):
            feed.trades(trade(number / 20, 100.0, 1.0, number))
        feed.trades(many(2, count, before + 1))
        feed.trades(*(trade(3 + second, 100.0, 1.0, before + 2 + second) for second in range(120)))
        taken = live.accounting()
        assert (dict(taken.rejected), taken.failed, taken.balanced) == ({"count_absurd": 1}, 0, True)
        assert live.data.get_data("1min")["tick_count"].tolist() == [before + 57.0, 60.0, 3.0]


def test_in_the_history_it_is_refused_too() -> None:
    past = [trade(-40, 100.0, 1.0, 5), many(-30, 2**40, 6), trade(-20, 100.0, 1.0, 7)]
    bars = minutes(-30, 29)
    bars[3] = (*bars[3][:6], 2**40, bars[3][7])
    feed = HandFeed(bars, trades=past, clock=EventClock(START))
    with open_market(feed, "1min") as live:
        taken = live.accounting()
        assert dict(taken.rejected) == {"count_absurd": 1, "bar_count_absurd": 1}
        assert taken.balanced
        assert len(live.data.get_data("1min")) == 29


def test_a_bar_counts_as_many_as_there_is_room_for() -> None:
    row = minutes(0, 1)[0]
    faults = [bar_faults((*row[:6], count, row[7])) for count in (0, 2**32 - 1, 2**32, -1)]
    assert faults == [None, None, "count_absurd", "count_absurd"]
