"""What a session does when a symbol goes over to another contract: what it tells, asks and records."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import queue
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.feeds.base import Channel
from mdnb.feeds.rolls import ContractHistory, Seam
from mdnb.market import LiveMarket
from mdnb.runtime import seam_prices as seam_prices_module
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, open_market, trade


class Rolling(HandFeed):
    """Two symbols that stand for contracts; says what both of a roll were worth when it is asked."""

    def __init__(self, *answers: tuple[float, float] | Exception | None, symbols: str = "X") -> None:
        super().__init__(clock=EventClock(START))
        self.contracts = ContractHistory()
        for symbol in symbols:
            self.contracts.begin(symbol, f"{symbol}.Z25")
        self.answers = list(answers)
        self.asked_of: queue.Queue[Seam] = queue.Queue()
        self.asked_by: list[str] = []
        self.books: list[str] = []

    async def roll_prices(self, roll: Seam) -> tuple[float, float] | None:
        task = asyncio.current_task()
        self.asked_by.append("" if task is None else task.get_name())
        answer = self.answers.pop(0) if self.answers else None
        self.asked_of.put(roll)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        await super().subscribe(symbol, channels)
        self.books += [symbol] if "depth" in channels else []

    def go_over(self, symbol: str, contract: str, minute: int) -> Seam:
        """Roll at a minute after `START`; return the seam once everything of it is done."""

        async def roll() -> Seam:
            return self.begin_roll(symbol, contract, minute)

        return call(roll())

    def begin_roll(self, symbol: str, contract: str, minute: int) -> Seam:
        """Do that on the loop: what is asked of it is not answered yet."""
        assert isinstance(self.clock, EventClock)
        assert self.contracts is not None
        self.clock.advance(START + minute * MINUTE)
        seam = self.contracts.roll(symbol, contract, self.clock.now_ns())
        self.on_roll(symbol, False)
        self.on_roll(symbol, True)
        return seam


def settled(market: LiveMarket, is_so: Callable[[], bool]) -> None:
    """Let the loop go round until something is so."""

    async def wait() -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not is_so():  # noqa: ASYNC110  # nobody tells of it
                await asyncio.sleep(0)

    call(wait())


def test_a_roll_is_kept_told_and_priced_by_what_the_venue_says() -> None:
    feed = Rolling((100.0, 103.5), None, (200.0, 201.0))
    with open_market(feed, "1min") as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("roll", told.put)
        alerted: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("data_quality_alert", alerted.put)
        seams = [feed.go_over("X", "X.H26", 1)]
        [kept] = market.data.get_validation_errors()
        said = "X rolled from X.Z25 to X.H26; prices are as they were traded"
        assert (kept.type, kept.description, kept.count) == ("roll", said, 1)
        assert (kept.time_ns, dict(kept.values)) == (seams[0].at_ns, {})
        settled(market, lambda: not math.isnan(market.rolls()[0].old_price))
        seams.append(feed.go_over("X", "X.M26", 2))
        settled(market, lambda: len(feed.asked_by) == 2)
        seams.append(feed.go_over("X", "X.U26", 3))
        settled(market, lambda: not math.isnan(market.rolls()[2].old_price))
        assert [feed.asked_of.get(timeout=LIMIT_SECONDS) for _ in seams] == seams
        found = [(roll.old, roll.new, roll.old_price, roll.new_price) for roll in market.rolls()]
        assert (found[0], found[2]) == (
            ("X.Z25", "X.H26", 100.0, 103.5),
            ("X.M26", "X.U26", 200.0, 201.0),
        )
        assert found[1][:2] == ("X.H26", "X.M26")
        assert all(map(math.isnan, found[1][2:])), "nobody knows what these were worth"
        events = [told.get(timeout=LIMIT_SECONDS) for _ in seams]
        assert [(event.symbol, event.old, event.new, event.time_ns) for event in events] == [
            ("X", seam.old, seam.new, seam.at_ns) for seam in seams
        ]
        assert alerted.empty(), "it is no fault"
    assert feed.asked_by == ["mdnb-roll"] * 3


def test_what_a_contract_was_worth_is_asked_again_where_the_venue_fails_and_no_more_than_four_times(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(seam_prices_module, "_SECONDS", 0.0)
    failures = [OSError("no route"), *(ValueError(number) for number in range(6))]
    feed = Rolling(*failures[:3], (1.0, 2.0), *failures[:5])
    with open_market(feed, "1min") as market, caplog.at_level(logging.INFO, "mdnb"):
        feed.go_over("X", "X.H26", 1)
        settled(market, lambda: not math.isnan(market.rolls()[0].old_price))
        assert (market.rolls()[0].old_price, market.rolls()[0].new_price) == (1.0, 2.0)
        assert caplog.messages == [
            f"what X was worth at its roll could not be fetched: {error!r}" for error in failures[:3]
        ]
        feed.go_over("X", "X.M26", 2)
        session = market._parts.session
        settled(market, lambda: all(task.done() for task in session._pricing))
        assert math.isnan(market.rolls()[1].old_price)
    assert len(feed.asked_by) == 8


def test_each_of_two_symbols_rolls_by_itself(tmp_path: Path) -> None:
    feed = Rolling((1.0, 2.0), (3.0, 5.0), symbols="XY")
    with mdnb.live(["X", "Y"], "1min", feed=feed, initial_days=0, progress=False) as market:
        both, one = market.record(tmp_path / "both.jsonl"), market["X"].record(tmp_path / "x.jsonl")
        feed.go_over("Y", "Y.H26", 1)
        feed.go_over("X", "X.H26", 2)
        settled(market["X"], lambda: market["X"].rolls()[0].old_price == 3.0)
        assert [(roll.old, roll.new, roll.new_price) for roll in market["Y"].rolls()] == [
            ("Y.Z25", "Y.H26", 2.0)
        ]
        assert [(roll.old, roll.new, roll.new_price) for roll in market["X"].rolls()] == [
            ("X.Z25", "X.H26", 5.0)
        ]
        for symbol in "XY":
            [found] = market[symbol].data.get_validation_errors(type="roll")
            assert found.description.startswith(f"{symbol} rolled from {symbol}.Z25 to {symbol}.H26;")
        # Of a symbol that nobody follows nothing is to be done.
        call(_roll_of_another(feed))
    rolls = [["Y", START + MINUTE, "Y.Z25", "Y.H26"], ["X", START + 2 * MINUTE, "X.Z25", "X.H26"]]
    worth = [["Y", START + MINUTE, 1.0, 2.0], ["X", START + 2 * MINUTE, 3.0, 5.0]]
    frames = [
        [{"mdnb_roll": roll}, {"mdnb_roll_prices": each}] for roll, each in zip(rolls, worth, strict=True)
    ]
    assert written(both.path) == [*frames[0], *frames[1]]
    assert written(one.path) == frames[1]


def test_of_two_rolls_at_once_each_is_priced_by_what_the_venue_says_of_it() -> None:
    feed = Rolling((1.0, 2.0), (3.0, 5.0))
    with open_market(feed, "1min") as market:

        async def both() -> None:
            for minute in (1, 2):
                feed.begin_roll("X", f"X.{minute}", minute)

        call(both())
        settled(market, lambda: all(math.isfinite(roll.difference) for roll in market.rolls()))
        found = [(roll.new, roll.old_price, roll.new_price) for roll in market.rolls()]
        assert found == [("X.1", 1.0, 2.0), ("X.2", 3.0, 5.0)]


def test_a_replay_has_the_prices_of_a_seam_that_the_venue_said(tmp_path: Path) -> None:
    feed = Rolling((90.0, 190.5))
    file = tmp_path / "x.jsonl"
    with open_market(feed, "1min") as market:
        market.record(file)
        feed.trades(trade(1, 100.0, number=1))
        feed.go_over("X", "X.H26", 1)
        settled(market, lambda: not math.isnan(market.rolls()[0].old_price))
        feed.trades((START + MINUTE + SECOND, 200.0, 1.0, 1, 1, 2))
        feed.trades((START + 3 * MINUTE, 201.0, 1.0, 1, 1, 3))
        wanted = market.data.get_data("1min", back_adjust=True)["close"].tolist()
        assert wanted[:2] == [200.5, 200.0]
    with mdnb.live("X", "1min", feed=f"replay:{file}?speed=max", initial_days=0) as again:
        again.wait_ended(LIMIT_SECONDS)
        [roll] = again.rolls()
        assert (roll.old_price, roll.new_price) == (90.0, 190.5)
        assert again.data.get_data("1min", back_adjust=True)["close"].tolist() == wanted


def test_a_roll_that_is_taken_back_is_recorded_at_its_own_time(tmp_path: Path) -> None:
    feed = Rolling()
    with open_market(feed, "1min") as market:
        recording = market.record(tmp_path / "x.jsonl")
        for minute, contract in enumerate(("X.H26", "X.M26"), 1):
            feed.go_over("X", contract, minute)

        async def take_back() -> None:
            assert feed.contracts is not None
            assert isinstance(feed.clock, EventClock)
            feed.clock.advance(START + 3 * MINUTE)
            feed.contracts.take_back("X")
            feed.on_roll("X", False)

        call(take_back())
    assert written(recording.path)[2:] == [{"mdnb_roll": ["X", START + 3 * MINUTE, "X.M26", "X.H26"]}]


def test_a_step_replay_of_one_symbol_passes_the_roll_of_another_by(tmp_path: Path) -> None:
    feed = Rolling(symbols="XY")
    file = tmp_path / "xy.jsonl"
    with mdnb.live(["X", "Y"], "1min", feed=feed, initial_days=0, progress=False) as market:
        market.record(file)
        feed.trades(trade(1, 100.0, number=1))
        feed.go_over("Y", "Y.H26", 1)
        feed.trades((START + MINUTE + SECOND, 101.0, 1.0, 1, 1, 2))
        feed.trades((START + 3 * MINUTE, 102.0, 1.0, 1, 1, 3))
    bars = [step.bars["1min"] for step in mdnb.play(file, "1min", symbol="X")]
    assert {bar.contract for bar in bars} == {"X.Z25"}
    assert not bars[1].partial


async def _roll_of_another(feed: HandFeed) -> None:
    feed.on_roll("Z", False)
    feed.on_roll("Z", True)


def written(path: Path) -> list[dict[str, object]]:
    """Return the frames of a recording."""
    return [json.loads(json.loads(line)[1]) for line in path.read_text().splitlines()[1:]]


def test_a_recording_has_each_roll_with_the_time_of_its_seam_and_both_contracts(tmp_path: Path) -> None:
    feed = Rolling()
    with open_market(feed, "1min") as market:
        recording = market.record(tmp_path / "x.jsonl")
        seams = [
            feed.go_over("X", contract, minute) for minute, contract in enumerate(("H26", "M26", "U26"), 1)
        ]
    assert written(recording.path) == [{"mdnb_roll": ["X", seam.at_ns, seam.old, seam.new]} for seam in seams]
    times = [int(json.loads(line)[0]) for line in recording.path.read_text().splitlines()[1:]]
    assert times == [seam.at_ns for seam in seams]


@pytest.mark.parametrize("depth", [True, False])
def test_of_a_roll_that_does_not_come_off_the_book_is_asked_for_again(depth: bool) -> None:
    feed = Rolling()
    with open_market(feed, "1min", enable_level2_data=depth) as market:
        assert feed.books == ["X"] * depth
        feed.go_over("X", "X.H26", 1)
        assert feed.books == ["X"] * depth, "of the next contract it comes by itself"

        async def take_back() -> None:
            assert feed.contracts is not None
            feed.contracts.take_back("X")
            feed.on_roll("X", False)
            for _ in range(5):
                await asyncio.sleep(0)

        call(take_back())
        assert market.rolls() == ()
        assert feed.books == ["X", "X"] * depth


def test_what_came_before_a_roll_is_of_the_former_contract() -> None:
    feed = Rolling()
    with open_market(feed, "1min") as market:
        feed.trades(trade(1, 100.0, number=1))
        feed.go_over("X", "X.H26", 1)
        feed.trades((START + MINUTE + SECOND, 200.0, 1.0, 1, 1, 2))
        frame = market.data.get_data("1min", with_contract=True)
        assert list(zip(frame["close"], frame["contract"], strict=True)) == [
            (100.0, "X.Z25"),
            (200.0, "X.H26"),
        ]
