"""What a market is made of, and that one that nobody gets is closed."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

import pytest

import mdnb
from mdnb.config import DataManagerConfig
from mdnb.errors import MdnbError, RuntimeUseError, SymbolError
from mdnb.faces.face_parts import all_parts
from mdnb.runtime.process.bridge import call
from mdnb.runtime.process.registry import running_markets
from mdnb.runtime.session import MarketSession
from mdnb.runtime.session_factory import drop_session, dropped_on_error, make_session, start_session
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, open_market


async def _closed_in_time(sessions: set[MarketSession]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        for session in sessions:
            await session.ended.wait()
            assert session._closing is not None
            await session._closing


def test_an_interrupt_just_before_the_market_is_returned_leaves_none_running() -> None:
    before = set(running_markets().running())
    started: set[MarketSession] = set()

    def interrupt(frame: FrameType, event: str, _arg: object) -> None:
        if event == "call" and frame.f_code is all_parts.__code__:
            sys.setprofile(None)
            started.update(set(running_markets().running()) - before)
            raise KeyboardInterrupt

    sys.setprofile(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            mdnb.live("MNQ", "1min", initial_days=0, progress=False)
    finally:
        sys.setprofile(None)
    assert len(started) == 1
    call(_closed_in_time(started))


def test_a_suite_whose_maker_is_cancelled_when_it_has_just_been_started_is_closed() -> None:
    before = set(running_markets().running())
    is_loaded, stands_still = threading.Event(), threading.Event()

    def progress(_done: int, _total: int, text: str) -> None:
        if text == "live":
            is_loaded.set()
            stands_still.wait(LIMIT_SECONDS)

    async def main() -> set[MarketSession]:
        task = asyncio.create_task(
            mdnb.TradingSuite.create("MNQ", ["1min"], initial_days=0.01, progress=progress)
        )
        assert await asyncio.to_thread(is_loaded.wait, LIMIT_SECONDS)
        # This loop stands still from here on, and does not hear of the end.
        stands_still.set()
        (session,) = set(running_markets().running()) - before
        while session._housekeeping_task is None:
            call(asyncio.sleep(0))
        call(asyncio.sleep(0))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return {session}

    call(_closed_in_time(asyncio.run(main())))


# -- what is given ------------------------------------------------------------------------------------------


def refused(**given: Any) -> str:
    """Return why something that is given to a market is refused."""
    with pytest.raises(MdnbError) as caught:
        mdnb.live(given.pop("symbol", "X"), "1min", initial_days=0, progress=False, **given)
    return str(caught.value)


class Unmade(HandFeed):
    """Forgets what it is made of."""

    def __init__(self) -> None:  # is the matter
        pass


def test_what_is_no_feed_is_refused_in_whole_sentences() -> None:
    assert refused(feed=HandFeed) == "feed= takes a feed, not its class: feed=HandFeed(...)"
    for given in (5, dict, ["sim://"]):
        assert refused(feed=given) == (
            "feed= takes a feed's name such as 'sim://?speed=60', or an instance of a class that derives from"
            f" mdnb.Feed; got {given!r}"
        )
    assert refused(feed=Unmade()) == (
        "Unmade is not made whole: its __init__ has to call super().__init__() first"
    )
    feed = HandFeed()
    assert not feed.is_taken
    with open_market(feed):
        assert feed.is_taken
    assert refused(feed=feed) == (
        "this HandFeed is, or was, the feed of another market: make one for each, feed=HandFeed(...), or name"
        " all symbols of one market, mdnb.live(['A', 'B'], feed=...)"
    )


def test_what_is_no_symbol_and_no_configuration_is_refused_in_whole_sentences() -> None:
    for symbol in (None, 5, [], "", ["X", ""], ["X", 5], ["X", ["Y"]], [b"X"]):
        said = f"name one symbol such as 'MNQ', or a list of them; got {symbol!r}"
        assert refused(symbol=symbol, feed=HandFeed()) == said
    given = {"max_ticks": 5}
    assert refused(feed=HandFeed(), data_manager_config=given) == (
        f"data_manager_config must be a DataManagerConfig; got {given!r}"
    )


def test_whether_prices_are_positive_is_taken_for_all_symbols_or_for_each() -> None:
    def made(symbols: str | list[str], given: Any) -> dict[str, bool]:
        session = make_session(symbols, "1min", HandFeed(), 0, "UTC", None, None, 20.0, given)
        return dict(session.options.positive_prices)

    assert made(["X", "Y"], None) == {}
    assert made(["X", "Y"], False) == {"X": False, "Y": False}
    assert made("X", True) == {"X": True}
    assert made(["X", "Y"], {"Y": False}) == {"Y": False}
    for given in (1, "no", {"X": None}):
        assert refused(feed=HandFeed(), positive_prices=given) == (
            "positive_prices must be True, False or None, or a mapping of symbols to True or False; got"
            f" {given!r}"
        )
    said = refused(feed=HandFeed(), positive_prices={"Z": True})
    assert said.startswith("'Z' is not followed here.")
    assert said.endswith("Allowed: X.")


def test_a_market_has_the_usual_timeframes_and_options_where_none_are_named() -> None:
    session = make_session("X", None, HandFeed(), 0.5, "Asia/Tokyo", None, None, None)
    options = session.options
    assert [timeframe.name for timeframe in options.timeframes] == ["1min", "5min", "15min"]
    assert (options.config, options.tz, options.initial_days) == (DataManagerConfig(), "Asia/Tokyo", 0.5)
    assert (options.connect_timeout, options.progress, options.waits_to_begin) == (None, None, True)
    config = DataManagerConfig(max_ticks=5)
    assert make_session("X", "1sec", HandFeed(), 0, "UTC", config, print, 3.0).options.config is config


def test_a_market_takes_the_place_of_the_earlier_one_of_its_key() -> None:
    made = [make_session("X", "1min", HandFeed(), 0, "UTC", None, None, 20.0) for _ in range(4)]
    for session, key in zip(made, ("a", "b", None, "a"), strict=True):
        call(start_session(session, ("of this test", key) if key else None))
    assert [session.closed for session in made] == [True, False, False, False]
    for session in made:
        call(session.close())


def test_a_market_that_cannot_be_opened_leaves_the_earlier_one_running() -> None:
    class Wrong(HandFeed):
        async def open(self, symbols: Sequence[str]) -> None:
            raise SymbolError("no X here")

    first = make_session("X", "1min", HandFeed(), 0, "UTC", None, None, 20.0)
    second = make_session("X", "1min", Wrong(), 0, "UTC", None, None, 20.0)
    key = ("of this test", "kept")
    call(start_session(first, key))
    with pytest.raises(SymbolError, match="no X here"):
        call(start_session(second, key))
    assert (first.closed, second.closed) == (False, True)
    call(first.close())


def test_a_market_of_the_parent_is_let_go_of_in_a_child() -> None:
    class OfTheParent:
        async def close(self) -> None:
            """Not reached."""

        def __getattribute__(self, name: str) -> Any:
            raise RuntimeUseError("this market belongs to another process")

    drop_session(OfTheParent())  # type: ignore[arg-type]  # as it is after a fork
    with pytest.raises(LookupError), dropped_on_error(OfTheParent()):  # type: ignore[arg-type]  # the same
        raise LookupError
