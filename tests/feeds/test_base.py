"""What a feed has that gives no more than it must."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mdnb.clock import MarketClock
from mdnb.feeds.base import Channel, Feed, OnFrame, OnStatus
from mdnb.feeds.endpoint import after
from mdnb.feeds.replay.feed import ReplayFeed
from mdnb.instruments import known_instrument
from mdnb.rows import Reply


class Bare(Feed):
    """The methods that every feed must have, and no other."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = 0

    async def open(self, symbols: Sequence[str]) -> None:
        """There is nothing to open."""

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Deliver nothing."""
        on_status("closed", "")

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """There is nobody to ask."""

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """There is nobody to ask."""

    async def close(self) -> None:
        self.closed += 1


def test_a_feed_that_says_nothing_of_a_symbol_has_what_is_commonly_known_of_it() -> None:
    feed = Bare()
    assert feed.instrument("MNQ") == known_instrument("MNQ")
    assert feed.instrument("MNQ").tick_size == 0.25
    assert feed.sessions("MNQ").always_open
    assert feed.own_bars("MNQ") == ()
    assert isinstance(feed.clock, MarketClock)


def test_a_feed_has_no_history_and_ignores_replies_unless_it_says_otherwise() -> None:
    async def main() -> None:
        async with Bare() as feed:
            assert await feed.history_bars("MNQ", "1min", 0, 2**62) is None
            assert await feed.history_trades("MNQ", 0, 2**62) is None
            feed.on_reply(Reply(1, ok=True, error="", payload={}))
        assert isinstance(feed, Bare)
        assert feed.closed == 1

    asyncio.run(main())


def test_a_live_feed_is_not_played_and_a_recording_is() -> None:
    assert Bare().playback is None
    playback = ReplayFeed("dataset:gold-ticks", speed="max").playback
    assert playback is not None
    assert playback.begun.is_set()
    assert playback.flowing.is_set()
    assert not playback.in_single_rows()
    assert playback.pass_time(5) is None  # type: ignore[func-returns-value]  # nobody listens yet


def test_a_pause_that_nobody_names_is_none() -> None:
    assert after(None) == after("soon") == 0.0
    assert after(7) == after("7") == 7.0
