"""A replay as fast as possible waits until it is wanted, and for its handlers: they cannot see the future."""

from __future__ import annotations

import asyncio
import collections
import logging
import threading
import warnings
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.errors import RuntimeUseError
from mdnb.runtime import session as session_module
from mdnb.runtime.live import recorded_batcher
from tests.limits import LIMIT_SECONDS

GOLD = "replay:dataset:gold-ticks?speed=max&start=2013-10-07T12:00&end=2013-10-07T15:00"
TIMEFRAMES = ["1min", "5min"]


def gold() -> mdnb.LiveMarket:
    return mdnb.live("GC", TIMEFRAMES, feed=GOLD, initial_days=0, progress=False)


@pytest.fixture(scope="module")
def ends() -> list[pd.Timestamp]:
    """When bars ended, by a replay that was pulled step by step."""
    steps = mdnb.play(
        "dataset:gold-ticks", TIMEFRAMES, symbol="GC", start="2013-10-07T12:00", end="2013-10-07T15:00"
    )
    return [step.time for step in steps]


def test_nothing_is_played_before_somebody_wants_it(ends: list[pd.Timestamp]) -> None:
    with gold() as live:
        assert live.status == "connected"
        assert "no data yet" in str(live)
        assert live.timeframes == TIMEFRAMES
        assert live._repr_html_()
        assert live["1min"]._ipython_key_completions_()[:4] == ["open", "high", "low", "close"]
        assert live._parts.session._waiting is not None
        assert live.accounting().received == 0
        told: list[pd.Timestamp] = []
        live.on("bars_closed", lambda event: told.append(event.time))
        live.start()
        live.start()
        live.wait_ended(LIMIT_SECONDS)
        assert told == ends


@pytest.mark.parametrize("speed", ["max", "100000"])
def test_the_end_is_told_after_the_last_bars(ends: list[pd.Timestamp], speed: str) -> None:
    feed = GOLD.replace("speed=max", f"speed={speed}")
    with mdnb.live("GC", TIMEFRAMES, feed=feed, initial_days=0, progress=False) as live:
        told: list[tuple[str, pd.Timestamp, int]] = []
        session = live._parts.session

        def on_status(event: mdnb.Event) -> None:
            told.append((event.status, event.time, session.markets["GC"].pipeline.bars_closed))

        session.bus.tap(mdnb.EventType.CONNECTION_STATUS_CHANGED, on_status)
        live.wait_ended(LIMIT_SECONDS)
        last = live.data.get_recent_ticks(1)[0].time
        assert [(status, time >= last) for status, time, _ in told] == [("closed", True)]
        # A bar that the recording ends in closes with it.
        assert told[0][2] == session.markets["GC"].pipeline.bars_closed > len(ends)
        assert live.status == "closed"


@pytest.mark.parametrize(
    "wanted",
    [
        lambda live: live.wait_for("new_bar", timeout=LIMIT_SECONDS),
        lambda live: next(iter(live.events("new_bar", timeout=LIMIT_SECONDS))),
        lambda live: live.price,
        lambda live: live["1min"].tail(),
        lambda live: live.data.get_data("1min"),
        lambda live: live.data.get_recent_ticks(5),
        lambda live: live.data.get_tick_statistics(),
        lambda live: live["1min"].forming,
        lambda live: live.alignment(),
        lambda live: live.chart("1min"),
    ],
)
def test_whoever_wants_its_data_has_it_played(wanted: Any) -> None:
    with gold() as live:
        session = live._parts.session
        wanted(live)
        asyncio.run_coroutine_threadsafe(session.ended.wait(), session._loop).result(LIMIT_SECONDS)
        assert live.accounting().received > 1000


def test_a_handler_in_a_script_has_it_played_from_its_beginning(ends: list[pd.Timestamp]) -> None:
    with gold() as live:
        session = live._parts.session
        first: list[pd.Timestamp] = []
        second: list[pd.Timestamp] = []
        live.on("bars_closed", lambda event: first.append(event.time))
        live.on("bars_closed", lambda event: second.append(event.time))
        asyncio.run_coroutine_threadsafe(session.ended.wait(), session._loop).result(LIMIT_SECONDS)
        assert first == second == ends


def test_a_handler_finds_nothing_later_than_its_event(ends: list[pd.Timestamp]) -> None:
    later: list[tuple[pd.Timestamp, str, pd.Timestamp]] = []
    told: list[pd.Timestamp] = []

    def look(event: mdnb.Event) -> None:
        told.append(event.time)
        known = event.view.time
        newest = live["1min"].frame.index[-1]
        if newest > known:
            later.append((known, "start", newest))
        for name in TIMEFRAMES:
            closed_at = live.data.get_data(name, closed_only=True, with_times=True)["closed_at"]
            later.extend((known, name, at) for at in closed_at if at > known)
        if (now := live.alignment().time) != known:
            later.append((known, "alignment", now))

    with gold() as live:
        live.on("bars_closed", look)
        live.wait_ended(LIMIT_SECONDS)
        assert told == ends
        assert later == []


def test_an_async_handler_is_waited_for_too(ends: list[pd.Timestamp]) -> None:
    async def main() -> None:
        suite = await mdnb.TradingSuite.create("GC", TIMEFRAMES, feed=GOLD, initial_days=0)
        told: list[tuple[pd.Timestamp, bool]] = []

        async def look(event: mdnb.Event) -> None:
            await asyncio.sleep(0)
            frame = await suite.data.get_data("1min")
            told.append((event.time, frame.index[-1] <= event.view.time))

        await suite.on("bars_closed", look)
        await suite.wait_ended(LIMIT_SECONDS)
        await suite.disconnect()
        assert told == [(end, True) for end in ends]

    asyncio.run(main())


def test_a_handler_that_waits_for_events_is_refused_and_holds_nothing_up(ends: list[pd.Timestamp]) -> None:
    refused: list[str] = []

    def waits(event: mdnb.Event) -> None:
        for wait in (
            lambda: live.wait_for("new_bar"),
            live.wait_ended,
            lambda: next(iter(live.events("new_bar"))),
        ):
            with pytest.raises(RuntimeUseError, match="cannot wait for events") as caught:
                wait()
            refused.append(str(caught.value))

    with gold() as live:
        live.on("bars_closed", waits)
        live.wait_ended(LIMIT_SECONDS)
    assert len(refused) == 3 * len(ends)


def test_a_handler_that_takes_too_long_leaves_step_and_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ends: list[pd.Timestamp]
) -> None:
    monkeypatch.setattr(recorded_batcher, "STEP_SECONDS", 0.05)
    monkeypatch.setattr(session_module, "STEP_SECONDS", 0.05)
    go_on = threading.Event()
    views: list[int] = []

    def stuck(event: mdnb.Event) -> None:
        go_on.wait(LIMIT_SECONDS)
        views.append(len(event.view["1min"]))

    with caplog.at_level(logging.WARNING, "mdnb"), gold() as live:
        subscription = live.on("bars_closed", stuck)
        live.wait_ended(LIMIT_SECONDS)
        go_on.set()
        done = threading.Event()
        live._parts.session.bus.on_caught_up = lambda: subscription.waiting or done.set()
        assert subscription.waiting == 0 or done.wait(LIMIT_SECONDS)
    assert [record for record in caplog.records if "goes on without it" in record.getMessage()]
    assert views[:3] == [1, 2, 3]


def test_an_iterator_from_outside_is_refused_in_a_handler(ends: list[pd.Timestamp]) -> None:
    refused: list[str] = []

    def waits(_event: mdnb.Event) -> None:
        # What is there already is had.
        with pytest.raises(RuntimeUseError, match="cannot wait for events") as caught:
            collections.deque(events, maxlen=0)
        refused.append(str(caught.value))

    with gold() as live:
        live.on("bars_closed", waits)
        events = live.events("bars_closed")
        live.wait_ended(LIMIT_SECONDS)
    assert len(refused) == len(ends)


def test_a_replay_at_a_given_speed_begins_at_once() -> None:
    feed = "replay:dataset:gold-ticks?speed=100000"
    with mdnb.live("GC", "1min", feed=feed, initial_days=0, progress=False) as live:
        session = live._parts.session
        asyncio.run_coroutine_threadsafe(session.ended.wait(), session._loop).result(LIMIT_SECONDS)
        assert live.accounting().received > 1000


def test_a_handler_that_closes_the_market_is_not_waited_for(ends: list[pd.Timestamp]) -> None:
    told: list[pd.Timestamp] = []
    cancelled: list[bool] = []
    done = threading.Event()
    live = gold()
    session = live._parts.session

    def close(event: mdnb.Event) -> None:
        told.append(event.time)
        live.close()
        assert session._run is not None
        cancelled.append(session._run.cancelled())
        done.set()

    live.on("bars_closed", close)
    live.start()
    assert done.wait(LIMIT_SECONDS)
    assert told == ends[:1]
    # What plays came to its end by itself.
    assert cancelled == [False]


def until_ended(live: mdnb.LiveMarket) -> None:
    session = live._parts.session
    assert session._loop is not None
    asyncio.run_coroutine_threadsafe(session.ended.wait(), session._loop).result(LIMIT_SECONDS)


LATE: list[Any] = [
    lambda live: live.on("bars_closed", print),
    lambda live: live.once("new_bar", print),
    lambda live: live["GC"].on("tick_data", print),
    lambda live: live.alert(above=1e9),
]


@pytest.mark.parametrize("register", LATE)
def test_what_is_registered_after_the_end_is_warned_of_once(register: Any) -> None:
    with gold() as live:
        live.chart("1min")
        until_ended(live)
        with pytest.warns(
            UserWarning, match=r"began at 2013-10-07 12:0.* and has ended: the .* gets none"
        ) as told:
            register(live)
        (warning,) = told
        assert "mdnb.play" in str(warning.message)
        # It names the line of the one who registers.
        assert warning.filename == __file__


def test_on_the_async_face_as_well() -> None:
    async def main() -> None:
        suite = await mdnb.TradingSuite.create("GC", TIMEFRAMES, feed=GOLD, initial_days=0)
        await suite.wait_ended(LIMIT_SECONDS)
        with pytest.warns(UserWarning, match="has ended: the NEW_BAR handler gets none") as told:
            await suite.on("new_bar", print)
        assert told[0].filename == __file__
        await suite.disconnect()

    asyncio.run(main())


@pytest.mark.parametrize("register", LATE)
def test_what_is_registered_while_it_plays_is_warned_of_what_it_misses(
    register: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_batcher, "STEP_SECONDS", LIMIT_SECONDS)
    at_work, go_on = threading.Event(), threading.Event()

    def first(event: mdnb.Event) -> None:
        at_work.set()
        go_on.wait(LIMIT_SECONDS)

    with gold() as live:
        live.on("bars_closed", first)
        live.start()
        assert at_work.wait(LIMIT_SECONDS)
        with pytest.warns(UserWarning, match=r"is at 2013-10-07 12:0.*: the .* sees events from then on"):
            register(live)
        go_on.set()


def test_nothing_is_warned_of_before_it_begins_nor_what_a_handler_registers() -> None:
    told: list[Any] = []

    def first(event: mdnb.Event) -> None:
        if not told:
            told.append(live.on("new_bar", told.append))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with gold() as live:
            assert str(live)
            for register in LATE:
                register(live)
            handle = live.on("bars_closed", first)
            live.wait_ended(LIMIT_SECONDS)
            assert handle.errors == 0
            assert len(told) > 1


def test_at_a_speed_of_its_own_it_is_warned_of_after_the_end_only() -> None:
    feed = "replay:dataset:gold-ticks?speed=100&start=2013-10-07T12:00"
    with mdnb.live("GC", "1min", feed=feed, initial_days=0, progress=False) as live:
        live.wait_for("tick_data", timeout=LIMIT_SECONDS)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for register in LATE:
                register(live)
