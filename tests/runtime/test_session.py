"""How a session begins and ends, whatever its feed does."""

from __future__ import annotations

import asyncio
import logging
import queue
import time

import pytest

import mdnb
from mdnb.clock import SystemClock
from mdnb.errors import FeedError, FeedRefusedError, OptionError, WaitTimeoutError
from mdnb.feeds.base import OnFrame, OnStatus
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, HandFeed, open_market, trade


def test_a_market_of_no_timeframe_is_refused() -> None:
    with pytest.raises(OptionError, match="name at least one timeframe, such as '1min'"):
        mdnb.live("X", iter(()), feed=HandFeed())  # type: ignore[arg-type]  # names that were all filtered out


class NeverConnected(HandFeed):
    """Gives up, with a reason or an error."""

    def __init__(self, detail: str = "", error: FeedError | None = None) -> None:
        super().__init__()
        self.detail, self.error = detail, error

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        on_status("disconnected", self.detail)
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(("detail", "reason"), [("no route", "no route"), ("", "no reason given")])
def test_a_feed_that_ends_before_it_is_connected_is_an_error_that_says_why(detail: str, reason: str) -> None:
    with pytest.raises(FeedError, match=f"^the feed ended before it was connected: {reason}$"):
        open_market(NeverConnected(detail))


def test_a_venue_that_refuses_the_connection_is_heard() -> None:
    error = FeedRefusedError("the key is of another account")
    with pytest.raises(FeedRefusedError, match="another account") as caught:
        open_market(NeverConnected(error=error))
    assert caught.value is error


class Ending(HandFeed):
    """Is connected until told to end, with an error or without."""

    def __init__(self, error: FeedError | None = None) -> None:
        super().__init__(clock=SystemClock())
        self.error = error

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        await super().run(on_frame, on_status)
        if self.error is not None:
            raise self.error

    def end(self) -> None:
        """Let `run` end."""

        async def done() -> None:
            self._done.set()

        call(done())


@pytest.mark.parametrize("error", [None, FeedError("the venue has shut down")])
def test_a_feed_that_ends_closes_its_bars_and_waits_for_none(
    error: FeedError | None, caplog: pytest.LogCaptureFixture
) -> None:
    feed = Ending(error)
    with open_market(feed, "1day") as market, caplog.at_level(logging.ERROR, "mdnb"):
        session = market._parts.session
        feed.trades((time.time_ns() - SECOND, 100.0, 1.0, 1, 1, 0))
        assert session._timer is not None
        feed.end()
        market.wait_ended(LIMIT_SECONDS)
        assert session._timer is None
        frame = market.data.get_data("1day", closed_only=True)
        assert frame["close"].tolist() == [100.0]
        assert frame.attrs["partial"] == (0,)
    told = [record.getMessage() for record in caplog.records]
    assert told == ([] if error is None else ["the feed ended: the venue has shut down"])


def test_a_feed_that_goes_on_after_it_was_closed_is_stopped() -> None:
    class Deaf(HandFeed):
        async def close(self) -> None:
            """Go on."""

    market = open_market(Deaf())
    run = market._parts.session._run
    assert run is not None
    market.close()
    call(asyncio.wait({run}))
    assert run.cancelled()
    assert market.status == "closed"


def test_events_that_nobody_takes_are_told_of_by_an_alert() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("data_quality_alert", told.put)
        waiting = market.events("tick_data")
        feed.trades(*(trade(i / 1000, 100.0, 1.0, i) for i in range(10_001)))
        event = told.get(timeout=LIMIT_SECONDS)
        assert event.alert_type == "slow_handler"
        assert event.description == "a listener to TICK_DATA is too slow: 1 events dropped"
        assert next(waiting).time_ns == trade(1 / 1000, 100.0)[0], "the oldest is the one that is lost"


def test_a_message_that_is_not_understood_is_told_of_and_the_feed_goes_on() -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("data_quality_alert", told.put)
        feed.send("{oops")
        event = told.get(timeout=LIMIT_SECONDS)
        assert event.alert_type == "malformed"
        assert "was not understood" in event.description
        feed.trades(trade(0, 100.0, 1.0, 0))
        assert market.data.get_data("1min")["close"].tolist() == [100.0]


def test_waiting_for_the_end_of_a_feed_that_goes_on_says_for_how_long() -> None:
    with open_market(HandFeed()) as market, pytest.raises(WaitTimeoutError, match=r"goes on after 0\.01 s"):
        market.wait_ended(0.01)
