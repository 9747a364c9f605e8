"""A market that began by a fast clock is, once the venue's time is known, as if that clock had been right."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from mdnb.clock import MarketClock
from mdnb.config import DataManagerConfig
from mdnb.decode import decoder
from mdnb.errors import NoDataError
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.instruments import Instrument
from mdnb.runtime.disk_overflow import DiskOverflow
from mdnb.runtime.feed_on_disk import FeedMark
from mdnb.runtime.live.frame_batcher import FrameBatcher
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.kept_bars import BarWatch
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.set_back import set_back
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.sessions import Sessions
from mdnb.types import Gap
from tests.virtual_time import HandClock

START = 1_772_460_000 * 10**9
SECOND = 10**9
STEP = 400_000_000
TIMEFRAMES = ("1sec", "2sec", "3tick")


class Begun:
    """One symbol whose computer's clock is ahead by so many seconds, fed a trade every 0.4 seconds."""

    def __init__(self, fast: int, bars: int | None = None, *, hinted_at: int | None = None) -> None:
        self.now = START
        self.clock = MarketClock(wall=lambda: self.now + fast * SECOND, steady=lambda: self.now)
        config = DataManagerConfig() if bars is None else DataManagerConfig(max_bars_per_timeframe=bars)
        self.engine = SymbolState(Instrument("X"), Sessions.always(), TIMEFRAMES, config)
        self.disk = DiskOverflow(self.engine, FeedMark("by hand", "trades"))
        if bars is not None:
            self.disk.start()
        self.pipeline = Pipeline(self.engine, EventBus(), self.clock)
        self.engine.bind_state(lambda: ("connected", 0.0), lambda: self.clock)
        self.watches = {name: BarWatch(self.engine.log(name)) for name in TIMEFRAMES}
        self.kept: dict[str, dict[tuple[int, int], int]] = {name: {} for name in TIMEFRAMES}
        # Of each time that bars closed: how many there were in the view that was told, and in all.
        self.views: list[tuple[int, int]] = []
        self.pipeline.bus.tap(EventType.BARS_CLOSED, self._look, symbol="X")
        asyncio.run(self._play(hinted_at))

    async def _play(self, hinted_at: int | None) -> None:
        batcher = FrameBatcher(
            decoder("mdnb"), {"X": self.pipeline}, lambda: self.clock, Health(), lambda batch: None
        )
        with self.engine.lock:
            self.pipeline.set_time()
        for number in range(30):
            self.now += STEP
            if number == hinted_at:
                self.clock.hint(self.now)
            # Some come late, and amend a bar that has closed.
            at = self.now - (SECOND if number % 6 == 5 else 0)
            rows = [
                [self.now, 100.0 + number % 3, 1.0, 1, 0, 2 * number],
                [at, 101.0, 1.0, 1, 0, 2 * number + 1],
            ]
            batcher.on_frame(json.dumps({"e": "trades", "s": "X", "r": rows}))
            await batcher.finish()
            if number % 4 == 1:
                for overflow in self.engine.overflow.values():
                    overflow.flush()
            with self.engine.lock:
                for name, watch in self.watches.items():
                    for told in watch.changes():
                        keys = zip(told.columns.time_us.tolist(), told.nth.tolist(), strict=True)
                        self.kept[name].update(zip(keys, told.columns.closed_us.tolist(), strict=True))
        assert self.clock.is_known

    def _look(self, event: Event) -> None:
        assert event.view is not None
        self.views.append((len(event.view["1sec"]), len(self.engine.log("1sec"))))

    def close(self) -> None:
        self.disk.close()

    def bars(self, name: str) -> list[tuple[object, ...]]:
        """Return all bars, in memory and on disk, with when they closed."""
        found = self.engine.reader.everything(name)
        return list(
            zip(
                found.time_us.tolist(),
                found.close.tolist(),
                found.tick_count.tolist(),
                found.closed_us.tolist(),
                strict=True,
            )
        )

    def known(self, name: str, at_ns: int) -> list[tuple[object, ...]] | str:
        """Return what was known at an instant."""
        try:
            found = self.engine.reader.known(name, at_ns)
        except NoDataError as error:
            return str(error)
        return list(
            zip(found.time_us.tolist(), found.tick_count.tolist(), found.closed_us.tolist(), strict=True)
        )


@pytest.fixture(params=[None, 3], ids=["in memory", "on disk"])
def right(request: pytest.FixtureRequest) -> Iterator[tuple[Begun, int | None]]:
    made = Begun(0, request.param)
    yield made, request.param
    made.close()


@pytest.mark.parametrize(("fast", "hinted_at"), [(3, None), (5, None), (90, None), (3600, None), (90, 2)])
def test_all_that_closed_by_a_fast_clock_closed_when_a_right_one_would_have_said(
    right: tuple[Begun, int | None], fast: int, hinted_at: int | None
) -> None:
    wanted, bars = right
    made = Begun(fast, bars, hinted_at=hinted_at)
    assert made.clock.now_ns() == wanted.clock.now_ns()
    for name in TIMEFRAMES:
        assert made.bars(name) == wanted.bars(name)
        assert len(made.bars(name)) > 5
        for at_ns in range(START, made.now, SECOND // 5):
            assert made.known(name, at_ns) == wanted.known(name, at_ns), (name, (at_ns - START) / SECOND)
        told, right_ones = (one.engine.log(name).amendments.changes().kept for one in (made, wanted))
        assert told == right_ones
    made.close()


def test_whoever_keeps_the_bars_elsewhere_is_told_when_they_closed() -> None:
    made = Begun(90)
    for name in TIMEFRAMES:
        found = made.engine.reader.everything(name)
        assert sorted(made.kept[name].values()) == sorted(found.closed_us.tolist())


def test_a_view_has_all_that_closed_before() -> None:
    made = Begun(90)
    assert len(made.views) > 5
    # The last of those before the venue's time was known is told by the fast clock.
    assert [seen for seen, held in made.views] == [held for seen, held in made.views]


def test_bars_of_a_venue_whose_clock_jumps_ahead_are_known_when_they_close() -> None:
    clock = HandClock(START)
    engine = SymbolState(Instrument("X"), Sessions.always(), TIMEFRAMES)
    pipeline = Pipeline(engine, EventBus(), clock)
    engine.bind_state(lambda: ("connected", 0.0), lambda: clock)
    views: list[tuple[int, int]] = []

    def look(event: Event) -> None:
        assert event.view is not None
        views.extend((len(event.view[name]), len(engine.log(name))) for name in ("1sec", "2sec"))

    pipeline.bus.tap(EventType.BARS_CLOSED, look, symbol="X")
    polls: list[tuple[str, int, list[int]]] = []
    for number in range(60):
        clock.now += STEP
        ahead = 40 * SECOND if number > 20 else 0
        pipeline.take([(clock.now + ahead, 100.0, 1.0, 1, 0, number)])
        for name in TIMEFRAMES:
            with engine.lock:
                polls.append((name, engine.read_ns(), engine.closed_columns(name).time_us.tolist()))
    for name, at_ns, held in polls:
        assert engine.reader.known(name, at_ns).time_us.tolist() == held, (name, (at_ns - START) / SECOND)
    assert len(views) > 20
    assert all(seen == held for seen, held in views)


@pytest.mark.parametrize("has_trade", [True, False])
def test_what_the_clock_told_lies_earlier_and_what_a_trade_told_stays(has_trade: bool) -> None:
    def at(seconds: float) -> int:
        return START + round(seconds * SECOND)

    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min"])
    pipeline = Pipeline(engine, EventBus(), HandClock(at(99)))
    if has_trade:
        pipeline.take([(at(50), 100.0, 1.0, 1, 0, -1)])
    spans = [(40, 45), (45, 90), (49, 51), (80, 90), (50, 50)]
    engine.lost.extend((at(a), at(b)) for a, b in spans)
    pipeline.gaps.put(
        Gap("X", at(50), at(90), repaired=False, reason="reconnect", gap_id="X-1", state="lost")
    )
    pipeline.outage_ns, pipeline.back_ns = at(50), at(95)
    told: list[int] = []
    pipeline.on_set_back = told.append
    updates = engine.updates
    set_back(pipeline, 35 * SECOND)
    kept = [(40, 45), (45, 55), (49, 49), (45, 55), (50, 50)]
    moved = [(a - 35, b - 35) for a, b in spans]
    assert [((a - START) // SECOND, (b - START) // SECOND) for a, b in engine.lost] == (
        kept if has_trade else moved
    )
    assert pipeline.gaps.lacking() == [(at(50), at(55)) if has_trade else (at(15), at(55))]
    assert (pipeline.outage_ns, pipeline.back_ns) == (at(50 if has_trade else 15), at(60))
    assert pipeline.live_since_ns == at(99 - 35)
    assert told == [35 * SECOND]
    assert engine.updates == updates + 1
    pipeline.outage_ns, pipeline.back_ns, pipeline.on_set_back = at(51), None, None
    set_back(pipeline, SECOND)
    assert (pipeline.outage_ns, pipeline.back_ns) == (at(50), None)
