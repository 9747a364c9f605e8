"""A watch list's change over the end of a session: it counts from the open of the one that is on."""

from __future__ import annotations

import datetime as dt

import pytest

from mdnb.rows import TradeRow
from mdnb.sessions import Sessions
from mdnb.widgets.page.sender import sender
from tests.manager.hand import SECOND, HandFeed, open_market

HOURS = Sessions.from_calendar("CME Globex Equity", "2026-03-02", "2026-03-10")


def ns(day: int, hour: int, minute: int = 0, second: int = 0) -> int:
    return int(dt.datetime(2026, 3, day, hour, minute, second, tzinfo=dt.UTC).timestamp()) * SECOND


CLOSES, OPENS = ns(3, 22), ns(3, 23)
"""The session of Tuesday ends at 16:00 of Chicago, that of Wednesday begins an hour later."""


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(sender()), "add", lambda self, chart: None)


def at(time_ns: int, price: float, number: int) -> TradeRow:
    return (time_ns, price, 1.0, 1, 1, number)


@pytest.mark.parametrize("timeframes", [["1min"], ["1hour", "4hour"], ["5tick", "15min"]])
@pytest.mark.parametrize("first", [OPENS, OPENS + 1, OPENS + 90 * SECOND])
def test_each_session_counts_from_its_own_open(timeframes: list[str], first: int) -> None:
    feed = HandFeed(sessions=HOURS)
    with open_market(feed, *timeframes, max_lateness_seconds=60) as market:
        watch = market.watch()

        def change() -> tuple[str, str]:
            cells = watch.state().rows[0].cells
            return cells[2].text, cells[3].text

        feed.trades(at(ns(3, 15), 100.0, 1), at(ns(3, 15, 30), 104.0, 2))
        assert change() == ("▲ +4.00", "+4.00 %")
        # The last instant of the session is its own.
        feed.trades(at(CLOSES - 1, 90.0, 3))
        assert change() == ("▼ -10.00", "-10.00 %")
        feed.trades(at(first, 200.0, 4))
        assert change() == ("0.00", "0.00 %")
        feed.trades(at(first + 60 * SECOND, 201.0, 5))
        assert change() == ("▲ +1.00", "+0.50 %")
        # And so on, over the weekend too.
        feed.trades(at(ns(6, 16), 400.0, 6), at(ns(6, 21, 30), 300.0, 7))
        assert change() == ("▼ -100.00", "-25.00 %")
        feed.trades(at(ns(8, 22), 310.0, 8), at(ns(8, 22, 0, 1), 341.0, 9))
        assert change() == ("▲ +31.00", "+10.00 %")


def test_a_late_trade_before_the_open_changes_what_is_counted_from() -> None:
    feed = HandFeed(sessions=HOURS)
    with open_market(feed, "1min", max_lateness_seconds=600) as market:
        watch = market.watch()
        feed.trades(at(OPENS + 70 * SECOND, 200.0, 1), at(OPENS + 130 * SECOND, 210.0, 2))
        assert watch.state().rows[0].cells[2].text == "▲ +10.00"
        feed.trades(at(OPENS + 5 * SECOND, 190.0, 3))
        assert watch.state().rows[0].cells[2].text == "▲ +20.00"
