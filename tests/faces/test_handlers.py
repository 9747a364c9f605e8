"""Handlers of a market: none holds up another, the feed or the end, and what is wrong with one is shown."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from collections.abc import Iterator

import pytest

import mdnb
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, open_market, trade


class Stuck:
    """A handler that does not return until it is let go."""

    def __init__(self) -> None:
        self.at_work, self.go = threading.Event(), threading.Event()

    def __call__(self, event: mdnb.Event) -> None:
        self.at_work.set()
        self.go.wait(LIMIT_SECONDS)


@pytest.fixture
def stuck(no_thread_leak: None) -> Iterator[Stuck]:
    made = Stuck()
    yield made
    made.go.set()


def test_every_trade_reaches_a_handler_while_another_sits_in_the_first_one(stuck: Stuck) -> None:
    feed, prices = HandFeed(), queue.SimpleQueue[float]()
    with open_market(feed) as live:
        live.on("tick_data", stuck)
        live.on("tick_data", lambda event: prices.put(event.price))
        live.on("new_bar", stuck)
        feed.trades(trade(0, 100.0, number=0))
        assert stuck.at_work.wait(LIMIT_SECONDS)
        feed.trades(*(trade(i / 100, 100.0 + i, number=i) for i in range(1, 5000)))
        assert [prices.get(timeout=LIMIT_SECONDS) for _ in range(5000)] == [100.0 + i for i in range(5000)]


def test_a_market_closes_while_a_handler_does_not_return(stuck: Stuck) -> None:
    feed = HandFeed()
    live = open_market(feed)
    live.on("tick_data", stuck)
    feed.trades(trade(0, 100.0, number=0))
    assert stuck.at_work.wait(LIMIT_SECONDS)
    live.close()
    assert live.status == "closed"
    assert not stuck.go.is_set(), "nobody waited for it"


@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt, asyncio.CancelledError, BaseException])
def test_a_handler_that_would_end_its_thread_goes_on_being_called_and_is_shown(
    raised: type[BaseException], caplog: pytest.LogCaptureFixture, no_thread_leak: None
) -> None:
    feed, calls, others = HandFeed(), queue.SimpleQueue[float](), queue.SimpleQueue[float]()

    def ending(event: mdnb.Event) -> None:
        calls.put(event.price)
        raise raised

    with open_market(feed) as live:
        handle = live.on("tick_data", ending)
        live.on("tick_data", lambda event: others.put(event.price))
        for i in range(3):
            feed.trades(trade(i, 100.0 + i, number=i))
            assert calls.get(timeout=LIMIT_SECONDS) == others.get(timeout=LIMIT_SECONDS) == 100.0 + i
        assert live.status == "connected"
        assert handle.errors >= 2
        assert f"ending raised {raised.__name__}; it goes on being called" in caplog.text
        for card in (str(live), live._repr_html_()):
            _, _, told = card.partition("ending: ")
            assert raised.__name__ in told.splitlines()[0]
        handle.off()
        assert "ending" not in str(live)


def test_a_slow_handler_is_told_of_by_an_alert_and_on_the_card(stuck: Stuck) -> None:
    feed, told = HandFeed(), queue.SimpleQueue[mdnb.Event]()
    with open_market(feed) as live:
        live.on("data_quality_alert", told.put)
        live.on("tick_data", stuck)
        feed.trades(trade(0, 100.0, number=0))
        assert stuck.at_work.wait(LIMIT_SECONDS)
        feed.trades(*(trade(i / 1000, 100.0, number=i) for i in range(1, 5002)))
        alert = told.get(timeout=LIMIT_SECONDS)
        assert alert.alert_type == "slow_handler"
        assert alert.description.startswith(
            "TICK_DATA handler Stuck is slow: 5,001 events wait, the oldest for"
        )
        assert "handler     TICK_DATA handler Stuck: 5,001 events wait" in str(live)
        assert call(_look(live)) is None
        assert told.empty(), "once"


async def _look(live: mdnb.LiveMarket) -> None:
    await live._parts.session.housekeeping.look()


def test_the_market_itself_looks_for_handlers_whose_events_wait(stuck: Stuck) -> None:
    feed, told = HandFeed(), queue.SimpleQueue[mdnb.Event]()
    with open_market(feed) as live:
        live.on("data_quality_alert", told.put)
        live.on("tick_data", stuck)
        feed.trades(*(trade(i, 100.0, number=i) for i in range(3)))
        assert stuck.at_work.wait(LIMIT_SECONDS)
        alert = told.get(timeout=LIMIT_SECONDS)
        assert alert.alert_type == "slow_handler"
        assert "2 events wait, the oldest for " in alert.description


def test_a_handler_of_one_symbol_is_told_of_with_that_symbol_and_on_its_card() -> None:
    def fails(event: mdnb.Event) -> None:
        called.set()
        raise ValueError("not my day")

    called = threading.Event()
    with mdnb.live(["MNQ", "MES"], "1min", feed="sim://?speed=60", initial_days=0) as live:
        live["MES"].on("tick_data", fails)
        live.wait_for("tick_data", timeout=LIMIT_SECONDS)
        assert called.wait(LIMIT_SECONDS)
        live["MES"].wait_for("tick_data", timeout=LIMIT_SECONDS)
        live["MES"].wait_for("tick_data", timeout=LIMIT_SECONDS)
        assert "fails of MES" in str(live["MES"])
        assert "fails of MES" in str(live)
        assert "fails" not in str(live["MNQ"])


def test_on_the_async_face_whatever_a_handler_raises_the_callers_loop_goes_on() -> None:
    async def main() -> int:
        called = asyncio.Event()

        def ends(event: mdnb.Event) -> None:
            called.set()
            sys.exit(3)

        feed = "sim://?speed=60"
        async with await mdnb.TradingSuite.create("MNQ", "1min", feed=feed, initial_days=0) as suite:
            handle = await suite.on("tick_data", ends)
            await called.wait()
            for _ in range(3):
                await suite.wait_for("tick_data", timeout=LIMIT_SECONDS)
            return handle.errors

    assert asyncio.run(main()) >= 2
