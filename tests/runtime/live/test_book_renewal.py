"""A book that broke is asked for until it holds, ever more seldom, and its trouble lasts as long."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from mdnb.events.bus import EventBus
from mdnb.feeds.base import Channel, OnFrame, OnStatus
from mdnb.instruments import Instrument
from mdnb.rows import DepthUpdate
from mdnb.runtime.live.book_renewal import BookRenewal
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from tests.quiet_feed import QuietFeed
from tests.virtual_time import VirtualClock, run_virtually

START = 1_772_460_000 * 10**9


class Books(QuietFeed):
    """Sends a book at each subscription: a whole one from some question on, and fails at some before."""

    def __init__(self, whole_from: int, fails: frozenset[int] = frozenset(), silent: bool = False) -> None:
        super().__init__()
        self.whole_from, self.fails, self.silent = whole_from, fails, silent
        self.asked: list[float] = []
        self.pipeline: Pipeline | None = None

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Deliver nothing: `subscribe` does."""

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Send a snapshot, and what breaks it."""
        self.asked.append(asyncio.get_running_loop().time())
        number = len(self.asked)
        if number in self.fails:
            raise ValueError("<html>")
        assert self.pipeline is not None
        if self.silent and number < self.whole_from:
            return
        self.pipeline.take(depth=[DepthUpdate(0, True, [(99.0, 1.0)], [(101.0, 1.0)], last_id=10)])
        if number < self.whole_from:
            self.pipeline.take(depth=[DepthUpdate(0, False, [], [], 20, 21)])


def played(feed: Books, seconds: float) -> tuple[list[float], tuple[str, ...], Pipeline]:
    """Break a book, let so many seconds pass, and return when it was asked for, and what is told."""

    async def main() -> tuple[list[float], tuple[str, ...], Pipeline]:
        engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
        pipeline = Pipeline(engine, EventBus(), VirtualClock(START))
        pipeline.subscribed.add("depth")
        feed.pipeline = pipeline
        renewal = BookRenewal(feed, {"X": pipeline})
        pipeline.on_broken_book = renewal.renew
        pipeline.take(depth=[DepthUpdate(0, True, [], [], last_id=1)])
        pipeline.take(depth=[DepthUpdate(0, False, [], [], 5, 6), DepthUpdate(0, False, [], [], 6, 7)])
        assert pipeline.ledger.depth_left_out == 2
        await asyncio.sleep(seconds)
        told = pipeline.quality.in_words()
        renewal.close()
        return feed.asked, told, pipeline

    return run_virtually(main())


def test_a_book_that_comes_whole_is_asked_for_once_and_its_trouble_ends() -> None:
    asked, told, pipeline = played(Books(1), 60.0)
    assert asked == [0.0]
    assert told == ()
    assert pipeline.engine.depth.ready


def test_a_book_that_breaks_again_and_again_is_asked_for_ever_more_seldom_and_stays_a_trouble() -> None:
    asked, told, _ = played(Books(10**9), 3600.0)
    pauses = [after - before for before, after in itertools.pairwise(asked)]
    assert pauses == sorted(pauses)
    assert len(asked) < 65
    assert told[0].startswith("order book broken: it is asked for anew: an update follows number 5")


def test_questions_that_fail_and_books_that_never_come_are_asked_again() -> None:
    for feed in (Books(1, frozenset({1, 2, 3})), Books(4, silent=True)):
        asked, told, pipeline = played(feed, 120.0)
        assert len(asked) == 4
        assert told == ()
        assert pipeline.engine.depth.ready
