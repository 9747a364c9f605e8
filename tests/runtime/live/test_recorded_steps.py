"""A recording taken in step by step: when its frames come, what closes between them, and what waits."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from mdnb.bars.noted_closings import NotedClosings
from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.decode import decoder
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.feeds.playback import Playback
from mdnb.instruments import Instrument
from mdnb.rows import Batch
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.recorded_batcher import Received, RecordedBatcher
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from tests.virtual_time import run_virtually

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_772_460_000 * SECOND
GRACE = 150_000_000


def at(seconds: float) -> int:
    return START + round(seconds * SECOND)


def trades(symbol: str, *seconds: float) -> str:
    return json.dumps(
        {"e": "trades", "s": symbol, "r": [[at(one), 100.0 + one, 1.0, 1, 1, -1] for one in seconds]}
    )


def quotes(symbol: str, *seconds: float) -> str:
    return json.dumps(
        {"e": "quotes", "s": symbol, "r": [[at(one), 99.0, 1.0, 101.0 + one, 1.0] for one in seconds]}
    )


class Recorded:
    """Symbols whose data is taken from a recording by hand."""

    def __init__(self, *symbols: str, dated: bool = False, source: str = "trades") -> None:
        self.bus = EventBus()
        self.clock = EventClock()
        config = DataManagerConfig(grace_ms=GRACE / 1e6)
        self.pipelines = {}
        for symbol in symbols or ("X",):
            engine = SymbolState(
                Instrument(symbol), Sessions.always(), ["1min", "5min"], config, source=source
            )
            engine.recorded = True
            self.pipelines[symbol] = Pipeline(engine, self.bus, self.clock)
        self.playback = Playback(dated_rows=dated)
        self.batches: list[Batch] = []
        self.batcher = RecordedBatcher(
            decoder("mdnb"),
            self.pipelines,
            lambda: self.clock,
            Health(),
            self.batches.append,
            self.playback,
        )
        self.told: list[Event] = []
        self.bus.tap(EventType.NEW_BAR, self.told.append)

    def take(self, *received: Received) -> list[dict[str, int]]:
        """Take frames; return the market's time of each symbol wherever bars may have closed."""
        return [self.now() for _ in self.batcher.steps(received)]

    def now(self) -> dict[str, int]:
        return {symbol: one.engine.cascade.closing.now_ns - START for symbol, one in self.pipelines.items()}

    def closed(self) -> list[tuple[str, str, int, int]]:
        """Return symbol, timeframe, start and closing time of what was told, both since the beginning."""
        return [(one.symbol, one.timeframe, one.time_ns - START, one.closed_ns - START) for one in self.told]


def test_a_frame_came_when_it_was_received_and_bars_close_in_the_pause_before() -> None:
    rig = Recorded()
    assert rig.take((at(11), at(11), trades("X", 10))) == [{"X": 11 * SECOND}]
    assert rig.batcher.began_ns == at(11)
    # Until 61 s nothing else came; then a frame.
    rig.take((at(50), at(59), trades("X", 49)))
    assert (rig.closed(), rig.now()) == ([], {"X": 59 * SECOND - 1000})
    moments = rig.take((at(70), at(400), trades("X", 69.5)))
    assert moments == [
        {"X": 60 * SECOND + GRACE},
        {"X": 70 * SECOND},
        {"X": 120 * SECOND + GRACE},
        {"X": 300 * SECOND + GRACE},
    ]
    assert rig.closed() == [
        ("X", "1min", 0, 60 * SECOND + GRACE),
        ("X", "1min", MINUTE, 120 * SECOND + GRACE),
        ("X", "5min", 0, 300 * SECOND + GRACE),
    ]
    assert rig.now() == {"X": 400 * SECOND - 1000}
    assert rig.batcher.began_ns == at(11), "that of the first one"
    assert rig.pipelines["X"].ledger.received == 3


def test_what_is_stamped_ahead_of_the_receivers_clock_came_no_sooner_by_two_seconds_at_most() -> None:
    for ahead, came in ((0.5, 10.5), (2.0, 12.0), (50.0, 12.0), (-5.0, 10.0)):
        rig = Recorded()
        assert rig.take((at(10), at(10), trades("X", 10 + ahead))) == [{"X": round(came * SECOND)}]
    # Of quotes that counts only where bars are made of them.
    rig = Recorded()
    assert rig.take((at(10), at(10), quotes("X", 11))) == [{"X": 10 * SECOND}]
    rig = Recorded(source="quotes")
    assert rig.take((at(10), at(10), quotes("X", 11))) == [{"X": 11 * SECOND}]


def test_each_frame_is_later_than_the_one_before_though_they_came_together() -> None:
    rig = Recorded()
    moments = rig.take(*((at(10), at(10), trades("X", 9 + one / 10)) for one in range(3)))
    assert [one["X"] for one in moments] == [10 * SECOND, 10 * SECOND + 1000, 10 * SECOND + 2000]


def test_several_symbols_pass_through_the_pause_together() -> None:
    rig = Recorded("X", "Y")
    rig.take((at(10), at(10), trades("X", 10)), (at(61), at(61), trades("Y", 60.9)))
    assert rig.closed() == [("X", "1min", 0, 60 * SECOND + GRACE)]
    rig.told.clear()
    moments = rig.take((at(400), at(400), trades("X", 399)))
    # Whoever is told of a bar finds all of them at its time.
    assert [set(one.values()) for one in moments[:2]] == [{120 * SECOND + GRACE}, {300 * SECOND + GRACE}]
    assert [one[:3] for one in rig.closed()] == [("Y", "1min", MINUTE), ("X", "5min", 0), ("Y", "5min", 0)]
    assert rig.pipelines["X"].ledger.received == 2


def test_a_symbol_that_fails_in_a_pause_costs_the_others_nothing() -> None:
    rig = Recorded("X", "Y")
    rig.take((at(10), at(10), trades("X", 10)), (at(11), at(11), trades("Y", 10)))

    def fail(pipeline: Pipeline) -> None:
        raise ValueError("no")

    rig.pipelines["X"].on_edge = fail
    rig.take((at(70), at(70), trades("Y", 69)))
    assert [one[:2] for one in rig.closed()] == [("Y", "1min")]
    assert rig.pipelines["X"].failures == 1
    assert rig.pipelines["Y"].failures == 0


def test_rows_that_came_at_their_own_times_are_taken_together_only_where_none_can_tell() -> None:
    rig = Recorded(dated=True)
    moments = rig.take((at(1), at(130), trades("X", 1, 2, 3, 61, 62, 125)))
    assert [one["X"] for one in moments] == [
        1 * SECOND,
        60 * SECOND + GRACE,
        61 * SECOND,
        120 * SECOND + GRACE,
        125 * SECOND,
    ]
    assert [one[2:] for one in rig.closed()] == [
        (0, 60 * SECOND + GRACE),
        (MINUTE, 120 * SECOND + GRACE),
    ]
    assert rig.now() == {"X": 130 * SECOND - 1000}
    assert rig.pipelines["X"].engine.frame("1min")["tick_count"].tolist() == [3, 2, 1]
    quoted = Recorded(dated=True, source="quotes")
    moments = quoted.take((at(1), at(70), quotes("X", 1, 2, 61)))
    assert [one["X"] for one in moments] == [1 * SECOND, 60 * SECOND + GRACE, 61 * SECOND]
    assert quoted.pipelines["X"].engine.frame("1min")["tick_count"].tolist() == [2, 1]


def test_own_bars_that_came_at_their_own_times_came_when_they_ended() -> None:
    rig = Recorded(dated=True, source="bars")
    rows = [[at(60 * one), 1.0, 2.0, 0.5, 1.5, 10.0, 3, 15.0] for one in range(2)]
    told = {"e": "bars", "s": "X", "tf": "1min", "closed": True, "r": rows}
    changes = {"e": "changes", "s": "X", "r": [[at(200), 5, 9.0, 1.0, None]]}
    moments = rig.take((at(1), at(1), json.dumps(told)), (at(130), at(130), json.dumps(changes)))
    assert [one["X"] for one in moments] == [60 * SECOND, 120 * SECOND, 200 * SECOND]
    assert [one[2:] for one in rig.closed()] == [(0, 60 * SECOND), (MINUTE, 120 * SECOND)]


def test_rows_of_symbols_that_nobody_follows_are_counted() -> None:
    for dated in (False, True):
        rig = Recorded(dated=dated)
        rig.take((at(1), at(1), trades("Z", 1, 2)), (at(2), at(2), quotes("Z", 1)))
        assert dict(rig.batcher.counts.others) == {"Z": 3}
        assert rig.pipelines["X"].ledger.received == 0


def test_what_the_recording_could_not_read_is_counted_once_and_said() -> None:
    rig = Recorded()
    left_out = (0, "")
    rig.playback.unreadable = lambda: left_out
    rig.batcher.tell_unreadable()
    assert (rig.batcher.frames, rig.batcher.malformed, rig.batches) == (0, 0, [])
    left_out = (3, "line 7: {oops")
    rig.batcher.tell_unreadable()
    rig.batcher.tell_unreadable()
    assert (rig.batcher.frames, rig.batcher.malformed) == (3, 3)
    (batch,) = rig.batches
    assert batch.malformed == ["the recording has it as nothing that can be read"] * 3
    assert batch.last_malformed == rig.batcher.counts.last_malformed == "line 7: {oops"
    assert dict(rig.batcher.counts.reasons) == {"the recording has it as nothing that can be read": 3}
    left_out = (5, "line 7: {oops")
    rig.take((at(1), at(1), trades("X", 1)))
    assert (rig.batcher.frames, rig.batcher.malformed) == (6, 5)


def test_what_is_kept_back_while_the_market_begins_is_taken_in_its_order() -> None:
    async def main() -> None:
        rig = Recorded()
        rig.batcher.hold()
        assert rig.take((at(1), at(2), trades("X", 1)), (at(3), at(4), trades("X", 3))) == []
        assert (rig.pipelines["X"].ledger.received, len(rig.batches)) == (0, 2), "replies are known at once"
        rig.batcher.release()
        assert rig.pipelines["X"].ledger.received == 2
        assert rig.pipelines["X"].engine.ticks.tail(9)["ts_ns"].tolist() == [at(1), at(3)]
        assert rig.now() == {"X": 4 * SECOND - 1000}
        assert rig.batcher.began_ns == at(1)

    run_virtually(main())


def test_a_line_that_was_lost_leaves_no_book_of_any_symbol() -> None:
    rig = Recorded("X", "Y")
    for symbol in "XY":
        rig.pipelines[symbol].subscribed.add("depth")
        depth = {"e": "depth", "s": symbol, "t": at(1), "snap": True, "b": [[99.0, 1.0]], "a": [[101.0, 1.0]]}
        rig.take((at(1), at(1), json.dumps(depth)))
    lost = Batch()
    lost.has_lost_line = True
    rig.take((at(2), at(2), lost))
    assert all(one.engine.book() == ([], []) for one in rig.pipelines.values())


def test_frames_and_time_are_taken_as_they_were_delivered_and_who_waits_for_them_goes_on() -> None:
    async def main() -> None:
        rig = Recorded()
        reached: list[str] = []

        async def wait(name: str, time_ns: int) -> None:
            await rig.batcher.wait_until(time_ns)
            reached.append(name)

        waiting = [asyncio.create_task(wait("5 s", at(5))), asyncio.create_task(wait("70 s", at(70)))]
        await asyncio.sleep(0)
        rig.playback.arrivals.extend([(at(1), at(1)), (at(4), at(5))])
        rig.batcher.on_frame(trades("X", 1))
        rig.batcher.on_frame(trades("X", 4))
        await asyncio.sleep(0.1)
        assert (reached, rig.now(), rig.closed()) == (["5 s"], {"X": 5 * SECOND - 1000}, [])
        rig.batcher.on_time(at(80))
        await asyncio.sleep(0.1)
        assert reached == ["5 s", "70 s"]
        assert rig.closed() == [("X", "1min", 0, 60 * SECOND + GRACE)]
        await rig.batcher.wait_until(at(80))
        await rig.batcher.finish()
        assert rig.batcher.frames == 2, "time is no frame"
        await asyncio.gather(*waiting)

    run_virtually(main())


def test_what_is_later_than_a_paused_recording_may_play_waits_until_it_goes_on() -> None:
    async def main() -> None:
        rig = Recorded()
        rig.playback.paused, rig.playback.limit_ns = True, at(2)
        rig.playback.arrivals.extend([(at(one), at(one)) for one in (1, 2, 3)])
        for one in (1, 2, 3):
            rig.batcher.on_frame(trades("X", one))
        await asyncio.sleep(0.1)
        assert rig.pipelines["X"].ledger.received == 2
        rig.playback.limit_ns = at(3)
        rig.batcher.go_on()
        assert rig.pipelines["X"].ledger.received == 3
        rig.batcher.on_frame(trades("X", 4))
        rig.batcher.leave()
        await asyncio.sleep(0.1)
        await rig.batcher.finish()

    run_virtually(main())


@pytest.mark.parametrize("dated", [True, False])
def test_however_frames_are_cut_the_bars_are_the_same(dated: bool) -> None:
    seconds = [1.0, 2.5, 30.0, 59.9, 60.2, 61.0, 200.0, 301.0, 302.0]
    found = []
    for cut in (1, 2, 9):
        rig = Recorded(dated=dated)
        for part in _batched(seconds, cut):
            rig.take((at(part[0] if dated else part[-1]), at(part[-1]), trades("X", *part)))
        found.append(rig.pipelines["X"].engine.frame("1min")[["open", "close", "tick_count"]].values.tolist())
    assert found[0] == found[1] == found[2]
    assert [row[2] for row in found[0]] == [4.0, 2.0, 1.0, 2.0]


def _batched(values: list[float], size: int) -> list[tuple[float, ...]]:
    return [tuple(values[begin : begin + size]) for begin in range(0, len(values), size)]


def test_rows_of_a_market_that_was_noted_come_when_the_bars_before_them_had_closed() -> None:
    rig = Recorded(dated=True)
    closed = np.array([at(60) + 3 * SECOND, at(120) + 5 * SECOND])
    rig.pipelines["X"].noted = NotedClosings(np.array([at(60), at(120)]), closed)
    moments = rig.take((at(1), at(130), trades("X", 1, 61, 62, 66, 125)))
    assert [one["X"] for one in moments if one["X"]] == [
        1 * SECOND,
        63 * SECOND,
        63 * SECOND + 1000,
        125 * SECOND,
        125 * SECOND + 1000,
    ]
    assert [one[2:] for one in rig.closed()] == [(0, 63 * SECOND), (MINUTE, 125 * SECOND)]
