"""A book that broke is asked for until it holds, ever more seldom, and its trouble lasts as long."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence

import pytest

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


class Channels(QuietFeed):
    """Notes what is asked for; some of it fails, and somebody may end a subscription meanwhile."""

    def __init__(self, changing: set[Channel], fails: set[tuple[str, Channel]] | None = None) -> None:
        super().__init__()
        self.changing = frozenset(changing)
        self.fails = fails or set()
        self.asked: list[tuple[str, str, tuple[Channel, ...]]] = []
        self.pipeline: Pipeline | None = None
        self.ends: Channel | None = None

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Deliver nothing."""

    async def _ask(self, what: str, symbol: str, channels: Sequence[Channel]) -> None:
        self.asked.append((what, symbol, tuple(channels)))
        await asyncio.sleep(0)
        if (what, channels[0]) in self.fails:
            raise OSError("busy")

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Note it."""
        await self._ask("on", symbol, channels)

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Note it."""
        await self._ask("off", symbol, channels)
        if self.ends is not None and self.pipeline is not None:
            self.pipeline.subscribed.discard(self.ends)


def asked_again(feed: Channels, *subscribed: Channel) -> tuple[list[str], list[str]]:
    """Ask once more for what is subscribed to; return what the tasks are called meanwhile and after."""

    async def main() -> tuple[list[str], list[str]]:
        engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
        pipeline = Pipeline(engine, EventBus(), VirtualClock(START))
        pipeline.subscribed = set(subscribed)
        feed.pipeline = pipeline
        renewal = BookRenewal(feed, {"X": pipeline})
        renewal.ask_again("X")
        during = [task.get_name() for task in renewal._asking]
        await asyncio.sleep(1.0)
        assert not renewal._asking, "what is done is not kept"
        after = [task.get_name() for task in renewal._tasks.values()]
        renewal.close()
        return during, after

    return run_virtually(main())


def test_what_changes_go_on_from_is_asked_for_once_more_channel_by_channel() -> None:
    feed = Channels({"quotes", "depth"})
    during, after = asked_again(feed, "trades", "quotes", "depth")
    assert feed.asked == [
        ("off", "X", ("depth",)),
        ("on", "X", ("depth",)),
        ("off", "X", ("quotes",)),
        ("on", "X", ("quotes",)),
    ]
    assert (during, after) == (["mdnb-book"], [])
    none = Channels({"depth"})
    asked_again(none, "trades", "quotes")
    assert none.asked == []


def test_what_nobody_wants_any_more_is_not_asked_for_again() -> None:
    feed = Channels({"quotes", "depth"})
    feed.ends = "depth"
    asked_again(feed, "quotes", "depth")
    assert feed.asked == [("off", "X", ("depth",)), ("off", "X", ("quotes",)), ("on", "X", ("quotes",))]


@pytest.mark.parametrize("fails", ["on", "off"])
@pytest.mark.parametrize("channel", ["depth", "quotes"])
def test_what_fails_is_logged_and_of_a_book_asked_for_until_it_comes(
    fails: str, channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="mdnb")
    feed = Channels({"quotes", "depth"}, {(fails, channel)})
    _, after = asked_again(feed, "quotes", "depth")
    assert [(record.levelname, record.getMessage()) for record in caplog.records][:1] == [
        ("WARNING", f"{channel} of X could not be asked for anew: OSError('busy')")
    ]
    # The other one is asked for all the same.
    other = "quotes" if channel == "depth" else "depth"
    assert ("on", "X", (other,)) in feed.asked
    assert after == (["mdnb-book"] if channel == "depth" else [])


def test_a_book_is_asked_for_by_one_at_a_time_and_not_once_it_is_closed() -> None:
    async def main() -> None:
        engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
        pipeline = Pipeline(engine, EventBus(), VirtualClock(START))
        pipeline.subscribed.add("depth")
        feed = Channels({"depth"})
        renewal = BookRenewal(feed, {"X": pipeline})
        renewal.renew("X")
        renewal.renew("X")
        (task,) = renewal._tasks.values()
        assert task.get_name() == "mdnb-book"
        await asyncio.sleep(4.9)
        assert feed.asked == [("off", "X", ("depth",)), ("on", "X", ("depth",))]
        assert not task.done(), "whether it holds is known after five seconds"
        await asyncio.sleep(0.2)
        assert task.done()
        # It may break again.
        renewal.renew("X")
        await asyncio.sleep(0.1)
        assert len(feed.asked) == 4
        renewal.ask_again("X")
        again = next(iter(renewal._asking))
        renewal.close()
        await asyncio.sleep(0.1)
        assert again.cancelled()
        assert all(one.cancelled() for one in renewal._tasks.values())
        assert len(feed.asked) == 4

    run_virtually(main())


def test_the_pauses_between_questions_double_from_a_second_on() -> None:
    asked, told, _ = played(Books(10**9, frozenset(range(1, 8))), 62.0)
    assert [round(at, 3) for at in asked] == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0]
    # Why it broke is told still, though what failed last is that nobody answers.
    assert told == (
        "order book broken: it is asked for anew: an update follows number 5, and the newest that came is 1",
    )


def test_a_question_that_fails_is_a_trouble_of_when_it_did() -> None:
    async def main() -> None:
        engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
        pipeline = Pipeline(engine, EventBus(), VirtualClock(START))
        pipeline.subscribed.add("depth")
        feed = Books(10**9, frozenset({1, 2, 3}))
        renewal = BookRenewal(feed, {"X": pipeline})
        await asyncio.sleep(7.0)
        renewal.renew("X")
        await asyncio.sleep(2.0)
        assert pipeline.quality.in_words() == ("order book broken: ValueError: <html>",)
        (fault,) = pipeline.quality.errors
        assert (fault.type, fault.time_ns) == ("book", START + 7 * 10**9)
        renewal.close()

    run_virtually(main())
