"""How late data came is told for each symbol of a batch, by its own newest trade."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence

import pytest

from mdnb.clock import Clock, EventClock, MarketClock, ScaledClock
from mdnb.decode import decoder
from mdnb.events.bus import EventBus
from mdnb.instruments import Instrument
from mdnb.rows import NOT_LAST, Batch
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from tests.virtual_time import HandClock, run_virtually

START = 1_772_460_000 * 10**9
SECOND = 10**9


def taken(clock: Clock, ages: Mapping[str, float]) -> tuple[dict[str, Pipeline], Health]:
    """Take one trade of each symbol in one batch, so many seconds of market time old."""
    pipelines = {
        symbol: Pipeline(SymbolState(Instrument(symbol), Sessions.always(), ["1min"]), EventBus(), clock)
        for symbol in ages
    }
    health = Health()
    health.change("connected", "")
    now = clock.now_ns()

    async def main() -> None:
        batcher = FrameBatcher(decoder("mdnb"), pipelines, lambda: clock, health, lambda batch: None)
        for symbol, age in ages.items():
            row = [now - round(age * SECOND), 100.0, 1.0, 1, 0, 1]
            batcher.on_frame(json.dumps({"e": "trades", "s": symbol, "r": [row]}))
        await batcher.finish()

    asyncio.run(main())
    return pipelines, health


def closed(pipelines: Mapping[str, Pipeline]) -> dict[str, int]:
    """Close what is due, and count the bars."""
    for pipeline in pipelines.values():
        pipeline.close_due()
    return {symbol: len(pipeline.engine.closed_columns("1min")) for symbol, pipeline in pipelines.items()}


def test_the_bar_of_a_symbol_whose_data_is_late_waits_for_as_long_and_no_others_does() -> None:
    clock = HandClock(START + 50 * SECOND)
    pipelines, health = taken(clock, {"A": 4.0, "B": 0.0, "C": 2.0, "D": -1.0})
    assert health.latency_ms() == pytest.approx(4000.0), "that of the first one"
    waits = {symbol: pipeline._grace_market_ns() for symbol, pipeline in pipelines.items()}
    assert waits == pytest.approx({"A": 4.5e9, "B": 0.5e9, "C": 2.5e9, "D": 0.5e9}, abs=100)
    found = []
    for seconds in (60.4, 60.6, 62.4, 62.6, 64.4, 64.6):
        clock.now = START + round(seconds * SECOND)
        found.append(closed(pipelines))
    assert [[one[symbol] for one in found] for symbol in "ABCD"] == [
        [0, 0, 0, 0, 0, 1],
        [0, 1, 1, 1, 1, 1],
        [0, 0, 0, 1, 1, 1],
        [0, 1, 1, 1, 1, 1],
    ]
    assert all(health.seconds_since_data(symbol) < 60 for symbol in "ABCD")


@pytest.mark.parametrize("absurd", [2**63, 2**70, -5])
def test_a_time_that_64_bits_do_not_hold_moves_no_clock(absurd: int) -> None:
    class Odd:
        """A decoder of somebody's own."""

        def feed(self, frames: Sequence[str | bytes]) -> Batch:
            made = Batch()
            made.trades["A"] = [(made_ns := int(frames[0]), 100.0, 1.0, 1, 0, -1)]
            made.clock_ns = made_ns
            return made

    clock = EventClock(START)
    pipeline = Pipeline(SymbolState(Instrument("A"), Sessions.always(), ["1min"]), EventBus(), clock)
    batcher = FrameBatcher(Odd(), {"A": pipeline}, lambda: clock, Health(), lambda batch: None)

    async def main() -> None:
        for at in (START, absurd, START + 90 * SECOND):
            batcher.on_frame(str(at))
            await batcher.finish()

    asyncio.run(main())
    assert clock.now_ns() == START + 90 * SECOND
    assert pipeline.accounting(0, 0, 0, batcher.counts).in_bars == 2
    assert len(pipeline.engine.closed_columns("1min")) == 1


def test_in_a_market_that_runs_faster_it_is_wall_time_that_counts() -> None:
    clock = ScaledClock(START + 50 * SECOND, 60.0)
    pipelines, health = taken(clock, {"A": 30.0, "B": 0.0})
    # Half a minute of the market is half a second; the test itself takes some.
    assert 500.0 <= health.latency_ms() < 10_000.0
    late, in_time = (pipeline._grace_market_ns() for pipeline in pipelines.values())
    assert late - in_time == pytest.approx(30 * SECOND, rel=1e-3)


def test_a_recording_played_as_fast_as_possible_is_never_late() -> None:
    clock = EventClock(START + 50 * SECOND)
    pipelines, health = taken(clock, {"A": 30.0, "B": 0.0})
    assert health.latency_ms() == 0.0
    assert {pipeline._grace_market_ns() for pipeline in pipelines.values()} == {0}


@pytest.mark.parametrize("fast", [90, 3600])
def test_bars_that_began_by_a_fast_clock_close_by_the_venues_once_that_is_known(fast: int) -> None:
    now = START
    clock = MarketClock(wall=lambda: now + fast * SECOND, steady=lambda: now)
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1sec", "5sec"])
    pipeline = Pipeline(engine, EventBus(), clock)
    health = Health()

    async def main() -> None:
        nonlocal now
        batcher = FrameBatcher(decoder("mdnb"), {"X": pipeline}, lambda: clock, health, lambda batch: None)
        with engine.lock:
            # Somebody looks at the market before anything is known of its time.
            pipeline.set_time()
        for number in range(30):
            now += SECOND
            row = [now, 100.0, 1.0, 1, 0, number]
            batcher.on_frame(json.dumps({"e": "trades", "s": "X", "r": [row]}))
            await batcher.finish()

    asyncio.run(main())
    assert clock.is_known
    for name, seconds in (("1sec", 1), ("5sec", 5)):
        bars = engine.closed_columns(name)
        late_us = bars.closed_us - bars.time_us - seconds * 1_000_000
        known = bars.time_us >= (START + 4 * SECOND) // 1000
        assert known.sum() >= 4
        assert abs(late_us[known]).max() <= 1_000_000, late_us


class Line:
    """A batcher of two symbols that frames are handed to by hand."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or HandClock(START + 50 * SECOND)
        self.pipelines = {
            symbol: Pipeline(
                SymbolState(Instrument(symbol), Sessions.always(), ["1min"]), EventBus(), self.clock
            )
            for symbol in "XY"
        }
        self.health = Health()
        self.health.change("connected", "")
        self.batches: list[Batch] = []
        self.failed: list[tuple[Pipeline, Exception]] = []
        self.batcher = FrameBatcher(
            decoder("mdnb"),
            self.pipelines,
            lambda: self.clock,
            self.health,
            self.batches.append,
            lambda pipeline, error: self.failed.append((pipeline, error)),
        )

    def come(self, *frames: str) -> None:
        """Let frames come together."""
        self.batcher._waiting.extend(frames)
        self.batcher.flush_all()

    def counts(self) -> dict[str, int]:
        return {symbol: pipeline.ledger.received for symbol, pipeline in self.pipelines.items()}


def trades(symbol: str, *seconds: float, price: float = 100.0, number: int = 1) -> str:
    rows = [
        [START + round(at * SECOND), price, 1.0, 1, 0, number + place] for place, at in enumerate(seconds)
    ]
    return json.dumps({"e": "trades", "s": symbol, "r": rows})


QUOTES_OF_Z = json.dumps({"e": "quotes", "s": "Z", "r": [[START, 9.0, 1.0, 10.0, 1.0]] * 2})
BARS_OF_Z = json.dumps(
    {"e": "bars", "s": "Z", "tf": "1min", "closed": True, "r": [[START, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 15.0]]}
)
DEPTH_OF_Z = json.dumps({"e": "depth", "s": "Z", "t": START, "snap": True, "b": [], "a": []})
CHANGES_OF_Z = json.dumps({"e": "changes", "s": "Z", "r": [[START, 5, 9.0, 1.0, None]]})


def test_what_is_of_symbols_that_nobody_follows_is_counted_record_by_record() -> None:
    line = Line()
    assert not line.batcher.gets_only_others
    line.come(trades("Z", 1, 2, 3), QUOTES_OF_Z, BARS_OF_Z, DEPTH_OF_Z, CHANGES_OF_Z)
    assert (line.batcher.unknown_symbol, line.batcher.last_unknown) == (1, "Z")
    assert dict(line.batcher.counts.others) == {"Z": 8}
    assert line.batcher.gets_only_others
    assert line.counts() == {"X": 0, "Y": 0}
    line.come(trades("Q", 1), trades("X", 1))
    assert (line.batcher.unknown_symbol, line.batcher.last_unknown) == (2, "Q")
    assert not line.batcher.gets_only_others
    assert line.counts() == {"X": 1, "Y": 0}


def test_frames_are_counted_and_handed_on_as_one_batch() -> None:
    line = Line()
    seen: list[list[str | bytes]] = []
    line.batcher.taps.append(seen.append)
    frames = [trades("X", 1, 2), "{oops", trades("Y", 3), '{"e":"clock","t":1700000000000000000}']
    line.come(*frames)
    assert (line.batcher.frames, line.batcher.malformed, line.batcher.largest_batch) == (4, 1, 4)
    assert len(line.batches) == 1
    assert seen == [frames]
    assert line.counts() == {"X": 2, "Y": 1}
    assert sum(line.batcher.counts.reasons.values()) == 1
    assert line.batcher.counts.last_malformed
    line.come(trades("X", 4, number=9))
    assert (line.batcher.frames, line.batcher.largest_batch, len(line.batches)) == (5, 4, 2)
    assert line.batcher.newest_ns() == START + 50 * SECOND, "the market's time"


def test_a_flood_is_taken_in_pieces() -> None:
    line = Line()
    line.batcher.batch_size = 3

    async def main() -> None:
        for at in range(1, 9):
            line.batcher.on_frame(trades("X", at, number=at))
        await asyncio.sleep(0)
        assert line.counts()["X"] == 3
        await line.batcher.finish()

    asyncio.run(main())
    assert [sum(map(len, batch.trades.values())) for batch in line.batches] == [3, 3, 2]
    assert line.batcher.largest_batch == 3
    assert line.counts() == {"X": 8, "Y": 0}


def test_what_comes_while_history_is_loaded_waits_in_its_order() -> None:
    line = Line()
    calls: list[tuple[str, int]] = []
    batcher = line.batcher

    def note(name: str) -> None:
        calls.append((name, line.counts()["X"]))

    batcher.in_order(lambda: note("at once"))
    assert not batcher.is_holding
    batcher.hold()
    assert batcher.is_holding
    line.come(trades("X", 1))
    batcher.in_order(lambda: note("between"))
    batcher.hold()
    line.come(trades("X", 2, number=2))
    batcher.in_order(lambda: note("behind"))
    assert (line.counts()["X"], batcher.frames, calls) == (0, 2, [("at once", 0)])
    batcher.release()
    assert calls == [("at once", 0), ("between", 1), ("behind", 2)]
    assert not batcher.is_holding
    assert math.isnan(line.health.latency_ms()), "how long it was held back is no delay of the line"
    batcher.release()
    line.come(trades("X", 3, number=3))
    assert line.counts()["X"] == 3
    assert line.health.latency_ms() == pytest.approx(47_000.0)


def test_what_one_symbol_fails_at_is_counted_as_failed_and_the_others_go_on() -> None:
    line = Line()
    failing = line.pipelines["X"]

    def fail(pipeline: Pipeline) -> None:
        raise ValueError("no")

    failing.on_edge = fail
    line.come(trades("X", 1, 2), trades("Y", 3))
    assert [(pipeline is failing, str(error)) for pipeline, error in line.failed] == [(True, "no")]
    assert line.counts() == {"X": 2, "Y": 1}
    made = failing.accounting(0, 0, 0)
    assert made.balanced
    assert (made.received, made.in_bars + made.failed) == (2, 2)
    assert line.health.latency_ms() == pytest.approx(47_000.0), "that of the one that went well"
    work: list[int] = []
    assert line.batcher.attempt(failing, lambda: work.append(1)) is True
    assert line.batcher.attempt(failing, lambda: fail(failing)) is False
    assert (work, len(line.failed)) == ([1], 2)


def test_odd_frames_are_counted_in_a_row_until_data_comes() -> None:
    line = Line()
    for _ in range(2):
        line.come("{oops")
    assert line.batcher._in_a_row[0] == 2
    line.come(trades("X", 1))
    line.come("{oops", "{oops")
    assert line.batcher._in_a_row[0] == 2, "data has come"
    line.come("{oops", "{oops")
    assert line.batcher._in_a_row[0] == 4
    assert line.batcher.malformed == 6


def test_marked_trades_and_corrections_to_such_are_known_before_they_are_taken() -> None:
    row = [START + SECOND, 100.0, 1.0, 1, 0, 1, NOT_LAST]
    marked = json.dumps({"e": "marked", "s": "X", "r": [row]})
    line = Line()
    line.come(trades("X", 1), trades("Y", 1))
    assert not any(pipeline.engine.has_marks for pipeline in line.pipelines.values())
    line.come(marked)
    assert {symbol: one.engine.has_marks for symbol, one in line.pipelines.items()} == {"X": True, "Y": False}
    other = Line()
    other.come(trades("Y", 1))
    other.come(json.dumps({"e": "changes", "s": "Y", "r": [[START, 1, 100.0, 1.0, row]]}))
    assert {symbol: one.engine.has_marks for symbol, one in other.pipelines.items()} == {
        "X": False,
        "Y": True,
    }
    assert other.pipelines["Y"].ledger.corrected == 1
    plain = Line()
    plain.come(trades("Y", 1))
    plain.come(json.dumps({"e": "changes", "s": "Y", "r": [[START, 1, 100.0, 1.0, None]]}))
    assert not plain.pipelines["Y"].engine.has_marks
    assert plain.pipelines["Y"].ledger.cancelled == 1


def test_a_book_alone_tells_nothing_of_how_late_trades_are() -> None:
    line = Line()
    line.pipelines["X"].subscribed.add("depth")
    line.come(trades("X", 46))
    assert line.pipelines["X"]._grace_market_ns() == pytest.approx(4.5 * SECOND, abs=100)
    data = line.health.newest_data()
    book = {"e": "depth", "s": "X", "t": START + 50 * SECOND, "snap": True, "b": [[9.0, 1.0]], "a": []}
    line.come(json.dumps(book))
    assert line.pipelines["X"].engine.book() == ([(9.0, 1.0)], [])
    assert line.pipelines["X"]._grace_market_ns() == pytest.approx(4.5 * SECOND, abs=100)
    assert line.health.newest_data() == data


def test_frames_wait_while_somebody_holds_the_symbols_and_are_taken_soon_afterwards() -> None:
    line = Line()

    async def main() -> None:
        assert not line.batcher.gives_way
        with line.batcher.giving_way(), line.batcher.giving_way():
            assert line.batcher.gives_way
            line.batcher.on_frame(trades("X", 1))
            await asyncio.sleep(0.02)
            line.batcher.on_frame(trades("X", 2, number=2))
            assert line.counts()["X"] == 0
        assert not line.batcher.gives_way
        await asyncio.sleep(0.006)
        assert line.counts()["X"] == 2
        line.batcher.on_frame(trades("X", 3, number=3))
        await asyncio.sleep(0)
        assert line.counts()["X"] == 3

    run_virtually(main())


def test_what_fails_is_told_of_its_symbol_and_nothing_is_counted_before_anything_came() -> None:
    line = Line()
    batcher = line.batcher
    counts = (
        batcher.frames,
        batcher.largest_batch,
        batcher.control,
        batcher.malformed,
        batcher.unknown_symbol,
    )
    assert counts == (0, 0, 0, 0, 0)
    done: list[str] = []
    assert batcher.attempt(line.pipelines["Y"], lambda: done.append("Y"))
    error = ValueError("none")

    def fail() -> None:
        raise error

    assert not batcher.attempt(line.pipelines["X"], fail)
    assert (done, line.failed) == (["Y"], [(line.pipelines["X"], error)])
