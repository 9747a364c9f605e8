"""Calls that nobody can mean as they stand are answered at once, and with what is meant."""

from __future__ import annotations

import asyncio
import logging
import queue
import re
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mdnb
from mdnb.errors import (
    ClosedError,
    FeedError,
    NoDataError,
    OptionError,
    SymbolError,
    TimeframeError,
    WaitTimeoutError,
)
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, bar, open_market, trade

GOLD = "replay:dataset:gold-ticks?speed=max"
QUIET: dict[str, Any] = {"initial_days": 0, "progress": False}


def gold(feed: str = GOLD) -> mdnb.LiveMarket:
    return mdnb.live("GC", "1min", feed=feed, **QUIET)


class NoInit(HandFeed):
    def __init__(self) -> None:  # as somebody forgets it
        self.offered = ()


# -- feeds ------------------------------------------------------------------------------------------------


def test_a_feed_is_one_markets_alone() -> None:
    feed = HandFeed()
    with open_market(feed) as first:
        for _ in range(2):
            with pytest.raises(
                FeedError, match=r"this HandFeed is, or was, the feed of another market: make"
            ):
                mdnb.live("Y", "1sec", feed=feed, **QUIET)
        feed.trades(trade(1, 100.0))
        assert (first.status, first.price) == ("connected", 100.0)
    with pytest.raises(FeedError, match="is, or was, the feed of another market"):
        mdnb.live("X", "1sec", feed=feed, **QUIET)


@pytest.mark.parametrize(
    ("feed", "said"),
    [
        (HandFeed, r"feed= takes a feed, not its class: feed=HandFeed\(...\)"),
        (NoInit(), r"NoInit is not made whole: its __init__ has to call super\(\).__init__\(\) first"),
        (42, "feed= takes a feed's name such as 'sim://"),
    ],
)
def test_what_is_no_feed_is_refused_by_name(feed: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        mdnb.live("X", "1sec", feed=feed, **QUIET)


def test_arguments_of_other_packages_are_answered_with_ours() -> None:
    for call, said in (
        (
            lambda: mdnb.live("MNQ", ["1min"], days=1),
            "live() has no argument 'days'. Did you mean 'initial_days'?",
        ),
        (lambda: mdnb.live("MNQ", timeframe="1min"), "'timeframe'. Did you mean 'timeframes'?"),
        (
            lambda: asyncio.run(mdnb.TradingSuite.create("MNQ", timeframe="1min")),
            "create() has no argument 'timeframe'. Did you mean 'timeframes'?",
        ),
    ):
        with pytest.raises(TypeError, match=re.escape(said)):
            call()


def test_recordings_and_symbols_that_are_meant_are_named(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="Did you mean 'dataset:gold-ticks'"):
        mdnb.play("gold-ticks", ["1min"], symbol="GC")
    with pytest.raises(SymbolError, match=r"does not hold 'MNQ'\. Allowed: GC, "):
        mdnb.play("dataset:gold-ticks", ["1min"], symbol="MNQ")
    with open_market(HandFeed([bar(i, 100.0) for i in range(-5, 0)]), "1min") as market:
        path = market.export(tmp_path / "g.parquet")
    with pytest.raises(SymbolError, match=r"g.parquet does not hold 'GC'\. Allowed: X\."):
        gold(f"replay:{path}")


def test_a_view_of_play_names_its_own_way_to_a_timeframe() -> None:
    step = next(mdnb.play("dataset:gold-ticks", ["1min"], symbol="GC"))
    with pytest.raises(TimeframeError, match=r"Kept: 1min. Name it in the timeframes= of mdnb.play"):
        step.view["5min"]


# -- handlers and waits -----------------------------------------------------------------------------------


def slow(event: mdnb.Event) -> None: ...


class Takes:
    def one(self, event: mdnb.Event) -> None: ...
    def none(self) -> None: ...


def test_a_handler_takes_one_event() -> None:
    with open_market(HandFeed()) as market:
        for handler in (lambda: None, lambda a, b: None, Takes().none):
            with pytest.raises(OptionError, match="a handler is called with one event"):
                market.on("new_bar", handler)
        for fits in (slow, print, [].append, Takes().one, lambda event, more=1: None, lambda *all_: None):
            market.on("new_bar", fits).off()
        with pytest.raises(OptionError, match=r"subscription.off\(\), or off\('new_bar', slow\)"):
            market.off(slow)  # type: ignore[arg-type]
        with pytest.raises(OptionError, match="a condition is given by its name: where=slow"):
            market.wait_for("new_bar", slow)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="in this order they are type, timeout, where"):
            market.wait_for("new_bar", slow, timeout=1)  # type: ignore[misc]


def test_waits_one_by_one_on_a_replay_as_fast_as_possible_are_warned_of_once() -> None:
    with gold() as live, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        live.wait_for("new_bar", LIMIT_SECONDS)
        live.wait_ended(LIMIT_SECONDS)
        for _ in range(2):
            with pytest.raises(ClosedError):
                live.wait_for("new_bar", LIMIT_SECONDS)
    missed = [one for one in told if "which is no handler" in str(one.message)]
    assert len(missed) == 1
    assert missed[0].filename == __file__
    assert "mdnb.play" in str(missed[0].message)


def test_waits_at_a_speed_of_its_own_or_for_the_first_time_are_not() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with gold() as live:
            live.wait_for("new_bar", LIMIT_SECONDS)
        with gold("replay:dataset:gold-ticks?speed=100000") as live:
            for _ in range(3):
                live.wait_for("bar_updated", LIMIT_SECONDS)


class Lines(logging.Handler):
    """Hands on what is logged of handlers that raised something."""

    def __init__(self) -> None:
        super().__init__()
        self.held: queue.Queue[logging.LogRecord] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record on."""
        if "raised" in record.getMessage():
            self.held.put(record)


@pytest.fixture
def lines() -> Iterator[Lines]:
    made = Lines()
    logging.getLogger("mdnb").addHandler(made)
    yield made
    logging.getLogger("mdnb").removeHandler(made)


def test_a_handler_that_waits_for_an_event_when_the_market_closes_is_told_of_in_a_line(lines: Lines) -> None:
    feed, waits = HandFeed(), threading.Event()

    def handler(_event: mdnb.Event) -> None:
        waits.set()
        live.wait_for("new_bar")

    with open_market(feed, "1sec") as live:
        live.on("tick_data", handler)
        feed.trades(trade(1, 100.0))
        assert waits.wait(LIMIT_SECONDS)
    line = lines.held.get(timeout=LIMIT_SECONDS)
    assert (line.exc_info, line.exc_text) == (None, None)
    assert "ClosedError" in line.getMessage()
    assert "Traceback" not in line.getMessage()
    assert lines.held.empty()


# -- what will not come -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (lambda live: live.bid, "quote"),
        (lambda live: live.quote, "quote"),
        (lambda live: live.data.get_order_book(), "order book"),
    ],
)
def test_a_recording_of_trades_says_at_once_that_it_has_no_quotes(
    read: Callable[[mdnb.LiveMarket], object], what: str
) -> None:
    said = f"no {what} of GC: it comes from a recording that holds none"
    with gold("replay:dataset:gold-ticks?speed=1") as live, pytest.raises(NoDataError, match=said):
        read(live)


def test_a_wait_that_ends_has_one_traceback_and_says_what_came() -> None:
    feed = HandFeed()
    with open_market(feed) as live:
        feed.trades(trade(1, 100.0))
        for read, said in (
            (
                lambda: live.data.get_current_quote(timeout=0.01),
                "Trades came, and no quote: the feed may have none",
            ),
            (lambda: live.wait_for("new_bar", 0.01), "no NEW_BAR event within 0.01 s"),
            (lambda: live.wait_ended(0.01), "the feed goes on after 0.01 s"),
        ):
            with pytest.raises((NoDataError, WaitTimeoutError), match=said) as caught:
                read()
            text = "".join(traceback.format_exception(caught.value))
            assert text.count("Traceback") == 1, text
        live.data.unsubscribe_from_quotes()
        with pytest.raises(NoDataError, match=r"quotes of X are not received; call subscribe_to_quotes"):
            live.data.get_current_quote()


# -- warnings ---------------------------------------------------------------------------------------------


def test_a_warning_of_load_names_the_line_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    rows = ["timestamp,open,high,low,close,volume", "2030-01-01T00:00:00Z,1,1,1,1,1"]
    path.write_text("\n".join(rows))
    with open_market(HandFeed(), "1min") as live:
        with pytest.warns(UserWarning, match="left out") as told:
            live.load(path, lenient=True)
        assert [one.filename for one in told] == [__file__]

    async def main() -> None:
        async with await mdnb.TradingSuite.create("X", "1min", feed=HandFeed(), initial_days=0) as suite:
            await suite.load(path, lenient=True)

    for run in (asyncio.run, mdnb.run):
        with pytest.warns(UserWarning, match="left out") as told:
            run(main())  # type: ignore[operator]
        assert [one.filename for one in told] == [__file__]
