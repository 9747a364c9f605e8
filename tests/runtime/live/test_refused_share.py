"""Trades that are refused: a flood is one entry, and whoever asks for the price hears of it."""

from __future__ import annotations

import logging

import pytest

from mdnb.errors import NoDataError
from mdnb.events.bus import EventBus
from mdnb.instruments import Instrument
from mdnb.rows import TradeRow
from mdnb.runtime.housekeeping import Housekeeping
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.refused_share import RefusedShare
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.process.bridge import call
from mdnb.sessions import Sessions
from tests.manager.hand import SECOND, START, HandFeed, open_market, trade
from tests.virtual_time import HandClock


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


class Judged:
    """A symbol of whose trades so many come and are refused."""

    def __init__(self) -> None:
        engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
        self.pipeline = Pipeline(engine, EventBus(), HandClock(START + SECOND))
        self.share = RefusedShare()

    def look(self, good: int, bad: int, *, at_end: bool = False) -> str | None:
        rows = [trade(0, 100.0)] * good + [trade(0, -1.0)] * bad
        if rows:
            self.pipeline.take(rows)
        return self.share.look(self.pipeline, at_end=at_end)


def test_trades_are_judged_a_hundred_or_more_at_a_time_and_a_quarter_is_a_large_share() -> None:
    judged = Judged()
    assert judged.look(0, 99) is None
    assert not judged.share.is_large
    assert str(judged.look(1, 0)).startswith("99 of the last 100 were refused: 99 'price_not_positive'")
    # That stays as it was until enough have come.
    assert judged.look(99, 0) is None
    assert judged.share.is_large
    assert judged.look(1, 0) is None
    assert not judged.share.is_large
    assert judged.look(76, 24) is None
    assert str(judged.look(75, 25)).startswith("25 of the last 100 were refused: 25 'price_not_positive'")


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        (0, 0, None),
        (0, 1, "1 of the last 1 "),
        (0, 9, "9 of the last 9 "),
        (1, 8, None),
        (1, 9, "9 of the last 10 "),
        (5, 5, "5 of the last 10 "),
        (9, 3, "3 of the last 12 "),
        (10, 3, None),
    ],
)
def test_at_the_end_ten_are_enough_and_one_where_none_was_accepted(
    good: int, bad: int, told: str | None
) -> None:
    found = Judged().look(good, bad, at_end=True)
    assert found is None if told is None else str(found).startswith(told)
    assert Judged().look(good, bad) is None


def test_what_came_before_or_nobody_wanted_does_not_count_and_what_is_late_or_held_back_does() -> None:
    judged = Judged()
    ledger = judged.pipeline.ledger
    ledger.received, ledger.duplicate, ledger.unsubscribed = 200, 60, 41
    assert judged.look(0, 0) is None, "that are 99"
    ledger.received += 1
    judged.pipeline.engine.cascade.late_dropped = 20
    ledger.held_back = 5
    assert str(judged.look(0, 0)).startswith("25 of the last 100 were refused: 20 'late', 5 'held_back'")
    # Those that were let in since are none of the next ones.
    ledger.held_back = -3
    ledger.received += 100
    assert judged.look(0, 0) is None
    assert not judged.share.is_large
