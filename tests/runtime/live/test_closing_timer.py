"""Bars close by the clock alone: each in time, whatever else is open, and only who has one due is asked."""

from __future__ import annotations

import asyncio
import json
import queue
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import mdnb
from mdnb.clock import Clock, ScaledClock
from mdnb.config import DataManagerConfig
from mdnb.events.bus import EventBus
from mdnb.feeds.base import OnFrame, OnStatus
from mdnb.instruments import Instrument
from mdnb.runtime.live.closing_timer import ClosingTimer
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.session import MarketSession, SessionOptions
from mdnb.sessions import Sessions
from mdnb.timeframes import Timeframe
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, open_market, trade
from tests.quiet_feed import QuietFeed
from tests.virtual_time import VirtualClock, run_virtually

_GRACE = DataManagerConfig().grace_ms * 1_000_000
_SECONDS = {"15sec": 15, "1min": 60, "5min": 300}

Sent = tuple[float, str]
"""When a trade is made, in seconds after the start, and of which symbol."""


class Timed(QuietFeed):
    """Sends trades when they are made, or were made before, and ends so many seconds after the last one."""

    def __init__(
        self,
        sent: Sequence[Sent],
        rest: float,
        *,
        made: Sequence[float] | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        self.clock = clock or VirtualClock(START)
        self.sent = sent
        self.made = [at for at, _ in sent] if made is None else made
        self.rest = rest

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        on_status("connected", "")
        now = 0.0
        numbers = dict.fromkeys((symbol for _, symbol in self.sent), 0)
        for (at, symbol), made in zip(self.sent, self.made, strict=True):
            await asyncio.sleep(at - now)
            now = at
            numbers[symbol] += 1
            row = [START + round(made * SECOND), 100.0, 1.0, 1, 1, numbers[symbol]]
            on_frame(json.dumps({"e": "trades", "s": symbol, "r": [row]}))
        await asyncio.sleep(self.rest)
        on_status("closed", "")


async def _closings(feed: Timed, names: Sequence[str]) -> dict[tuple[str, str, int], int]:
    """Return when the bars closed, by symbol, timeframe and end."""
    symbols = list(dict.fromkeys(symbol for _, symbol in feed.sent))
    options = SessionOptions(timeframes=tuple(map(Timeframe.parse, names)), initial_days=0)
    session = MarketSession(feed, symbols, options)
    closed: dict[tuple[str, str, int], int] = {}
    session.bus.tap(
        "bars_closed",
        lambda event: closed.update(
            {(event.symbol, name, event.time_ns): event.closed_ns for name in event.bars}
        ),
    )
    await session.start()
    await session.wait_ended()
    await session.close()
    return closed


def test_a_bar_that_opens_while_a_coarser_one_is_open_closes_in_time() -> None:
    closed = run_virtually(_closings(Timed([(0.0, "A"), (20.0, "A")], rest=50.0), ["15sec", "1min"]))
    ends = {(name, (end - START) // SECOND): at - end for (_, name, end), at in closed.items()}
    assert ends.keys() == {("15sec", 15), ("15sec", 30), ("1min", 60)}
    assert all(_GRACE <= late <= _GRACE + 10_000_000 for late in ends.values())


class Jumping(VirtualClock):
    """Jumps ahead once, as the time of a computer does that slept."""

    def __init__(self, at: float, by: float) -> None:
        super().__init__(START)
        self.at, self.by = at, by

    def now_ns(self) -> int:
        is_past = asyncio.get_running_loop().time() >= self.at
        return super().now_ns() + is_past * round(self.by * SECOND)


def test_after_a_jump_of_the_clock_a_bar_closes_within_a_second() -> None:
    closed = run_virtually(
        _closings(Timed([(0.0, "A")], rest=60.0, clock=Jumping(at=20.0, by=270.0)), ["5min"])
    )
    ((_, end), at) = next(((key[1:], at) for key, at in closed.items()))
    # After 20 s it is 290 s; the end and the grace come 10.5 s later.
    assert _GRACE <= at - end <= _GRACE + 1_100_000_000


sent = st.lists(
    st.tuples(st.integers(0, 4_000).map(lambda tenths: tenths / 10), st.sampled_from("ABC")), min_size=1
).map(sorted)


@given(sent)
@settings(max_examples=25, deadline=None)
def test_every_bar_closes_at_its_end_and_the_grace_or_with_the_next_trade(sent: list[Sent]) -> None:
    closed = run_virtually(_closings(Timed(sent, rest=301.0), list(_SECONDS)))
    expected = {}
    for symbol in {symbol for _, symbol in sent}:
        made = [at for at, one in sent if one == symbol]
        for name, length in _SECONDS.items():
            for start in {at // length * length for at in made}:
                end = start + length
                # The next trade shows that the bar is over, if it comes before the grace has passed.
                after = min((at for at in made if at >= end), default=float("inf"))
                known = min(after, end + _GRACE / SECOND)
                expected[symbol, name, START + round(end * SECOND)] = known
    assert closed.keys() == expected.keys()
    for key, at in closed.items():
        assert (at - START) / SECOND == pytest.approx(expected[key], abs=0.02)


def test_of_a_thousand_symbols_only_those_are_asked_that_have_a_bar_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    close_due = Pipeline.close_due

    def counted(pipeline: Pipeline) -> None:
        asked.append(pipeline.engine.symbol)
        close_due(pipeline)

    monkeypatch.setattr(Pipeline, "close_due", counted)
    # Each trades once: it has one bar of its own.
    sent = [(0.05 * number, f"S{number}") for number in range(1_000)]
    closed = run_virtually(_closings(Timed(sent, rest=20.0), ["15sec"]))
    assert len(closed) == 1_000
    assert len(asked) == 1_000


def test_flat_bars_are_made_in_a_quiet_market_from_the_moment_they_are_wanted() -> None:
    feed = HandFeed(clock=ScaledClock(START, 600.0))
    closed: queue.Queue[mdnb.Event] = queue.Queue()
    with open_market(feed, "1min") as market:
        market.on("new_bar", closed.put)
        feed.trades(trade(0.0, 100.0, number=1))
        assert closed.get(timeout=LIMIT_SECONDS).tick_count == 1
        market.data.configure_bar_processing(fill_gaps=True)
        assert [closed.get(timeout=LIMIT_SECONDS).tick_count for _ in range(3)] == [0, 0, 0]


def test_a_bar_that_a_backlog_opened_closes_in_time_when_nothing_lags_any_more() -> None:
    # At 14 s come trades that were made fourteen seconds before, and then one that is fresh.
    backlog = Timed([(14.0, "A"), (14.01, "A"), (14.02, "A")], rest=10.0, made=[-0.5, 0.5, 14.0])
    closed = run_virtually(_closings(backlog, ["15sec"]))
    assert closed.keys() == {("A", "15sec", START), ("A", "15sec", START + 15 * SECOND)}
    # While anything lags it is looked again each quarter of a second.
    late = closed["A", "15sec", START + 15 * SECOND] - (START + 15 * SECOND)
    assert _GRACE <= late <= _GRACE + 260_000_000


class Timed10:
    """A timer of ten symbols, of which each has one trade, a second after the one before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unsure = False
        self.failing: set[str] = set()
        self.asked: list[tuple[float, str]] = []
        self.clock = VirtualClock(START)
        self.timer = ClosingTimer(lambda: self.clock, lambda: self.unsure)
        self.pipelines = [
            Pipeline(
                SymbolState(Instrument(f"S{at}"), Sessions.always(), ["15sec"]),
                EventBus(),
                self.clock,
                "none",
            )
            for at in range(10)
        ]
        close_due = Pipeline.close_due

        def counted(pipeline: Pipeline) -> None:
            name = pipeline.engine.symbol
            self.asked.append((round(asyncio.get_running_loop().time(), 2), name))
            if name in self.failing:
                raise ValueError(name)
            close_due(pipeline)

        monkeypatch.setattr(Pipeline, "close_due", counted)

    async def trade(self) -> None:
        """Let each trade, a second after the one before."""
        for pipeline in self.pipelines:
            pipeline.take([(self.clock.now_ns(), 100.0, 1.0, 1, 0, -1)])
            await asyncio.sleep(1.0)

    def closed(self) -> list[int]:
        return [len(pipeline.engine.closed_columns("15sec")) for pipeline in self.pipelines]


def run_of(monkeypatch: pytest.MonkeyPatch, main: Callable[[Timed10], Coroutine[Any, Any, None]]) -> None:
    async def made() -> None:
        await main(Timed10(monkeypatch))

    run_virtually(made())


def test_each_symbol_is_asked_once_its_bar_is_due_and_the_timer_rests_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main(ten: Timed10) -> None:
        assert not ten.timer.is_set
        ten.timer.look_at(ten.pipelines[0])
        ten.timer.start(ten.pipelines)
        assert not ten.timer.is_set, "no bar is open"
        await ten.trade()
        assert ten.timer.is_set
        await asyncio.sleep(20.0)
        due = 15.0 + _GRACE / SECOND
        assert [at for at, _ in ten.asked] == pytest.approx([due] * 10, abs=0.03)
        assert sorted(name for _, name in ten.asked) == [f"S{at}" for at in range(10)]
        assert ten.closed() == [1] * 10
        assert not ten.timer.is_set
        # Nothing is held of what is over.
        assert (len(ten.timer._heap), len(ten.timer._due)) == (0, 0)

    run_of(monkeypatch, main)


def test_what_has_stopped_closes_nothing_and_looks_at_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(ten: Timed10) -> None:
        ten.timer.start(ten.pipelines)
        await ten.trade()
        ten.timer.stop()
        assert not ten.timer.is_set
        assert all(pipeline.on_edge is None for pipeline in ten.pipelines)
        ten.timer.look_at(ten.pipelines[0])
        await asyncio.sleep(60.0)
        assert (ten.asked, ten.closed()) == ([], [0] * 10)

    run_of(monkeypatch, main)


def test_while_the_time_is_not_known_no_bar_closes_and_soon_after_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main(ten: Timed10) -> None:
        ten.timer.start(ten.pipelines)
        await ten.trade()
        ten.unsure = True
        await asyncio.sleep(20.0)
        assert ten.asked == []
        ten.unsure = False
        await asyncio.sleep(0.26)
        assert ten.closed() == [1] * 10

    run_of(monkeypatch, main)


def test_a_symbol_that_fails_is_asked_again_a_minute_later_and_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main(ten: Timed10) -> None:
        ten.failing = {"S3"}
        ten.timer.start(ten.pipelines)
        await ten.trade()
        await asyncio.sleep(10.0)
        assert ten.closed() == [1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
        assert ten.pipelines[3].failures == 1
        ten.failing = set()
        await asyncio.sleep(40.0)
        assert ten.closed()[3] == 0
        await asyncio.sleep(30.0)
        assert ten.closed()[3] == 1
        assert [name for _, name in ten.asked].count("S3") == 2

    run_of(monkeypatch, main)
