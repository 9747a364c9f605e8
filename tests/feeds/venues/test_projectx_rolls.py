"""A market of ProjectX goes from one contract to the next, live, in a recording, and in its history."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import mdnb
from mdnb.events.types import Event, EventType
from mdnb.feeds.timeouts import Liveness
from mdnb.feeds.venues.projectx import ProjectXFeed
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.venues.projectx_venue import ProjectXDialect, contract
from tests.venues.stage import Stage
from tests.venues.stand_in import SECOND, StandIn, tape_of

OLD, NEW = "CON.F.US.MNQ.H26", "CON.F.US.MNQ.M26"
BEFORE, LIVE = 600, 200
TAPE = tape_of(BEFORE, LIVE, live_apart=0.5)
BASIS = 250.0
SECONDS = {"1sec": 1, "1min": 60}
DAY = 86_400 * SECOND
# No outage is meant, however slow the machine is.
PATIENT = Liveness("frames", stale_seconds=100.0, dead_seconds=200.0)


async def _roll(stage: Stage, dialect: ProjectXDialect) -> None:
    """Let the next contract be the active one, and wait until it is followed and told of."""
    told = asyncio.Event()
    tap = stage.market._parts.session.bus.tap(EventType.ROLL, lambda _event: told.set())
    feed = stage.feed
    assert isinstance(feed, ProjectXFeed)
    for listed in dialect.contracts:
        if listed["symbolId"] == "F.US.MNQ":
            listed["activeContract"] = listed["id"] == NEW
    dialect.trading = NEW
    feed._is_back.set()
    async with asyncio.timeout(LIMIT_SECONDS):
        await told.wait()
    tap.cancel()


def test_a_market_rolls_with_its_contract_and_its_recording_rolls_too(tmp_path: Path) -> None:
    file = tmp_path / "mnq.jsonl"
    dialect = ProjectXDialect()
    dialect.basis = {NEW: BASIS}
    venue = StandIn(dialect, TAPE, begun=BEFORE)
    call(venue.listen())
    stage = Stage(venue, venue.feed(liveness=PATIENT), "MNQ", SECONDS, TAPE)
    told: list[Event] = []
    stage.market._parts.session.bus.tap(EventType.ROLL, told.append)
    try:
        with stage.market.record(file):

            async def play() -> None:
                stage.stream.play()
                await stage.until(lambda: len(stage.pipeline.engine.ticks) >= LIVE // 4)

            call(play())
            call(_roll(stage, dialect))
            call(stage.until(lambda: stage.stream.at == len(TAPE) and _last(stage) == TAPE[-1][0]))
            # The venue's word of what both were worth; until it comes their newest prices stand in.
            call(stage.until(lambda: stage.market.rolls()[0].difference == BASIS))
        market = stage.market
        (roll,) = market.rolls()
        assert (roll.old, roll.new) == (OLD, NEW)
        assert [(event.old, event.new) for event in told] == [(OLD, NEW)]
        ticks = market.data.get_recent_ticks(count=1000)
        names = [tick.contract for tick in ticks]
        assert set(names) == {OLD, NEW}
        plain = {row[0]: row[1] for row in TAPE}
        off = {tick.contract: tick.price - plain[tick.time_ns] for tick in ticks[5:-5]}
        assert off == {OLD: 0.0, NEW: BASIS}
        assert {tick.flag for tick in ticks} == {"ok"}
        assert market.accounting().balanced
        live = market.data.get_data("1sec", with_contract=True)
        seams = market.data.get_validation_errors(type="roll")
        assert len(seams) == 1
        marks = market.chart("1sec")._mdnb.annotations.marks.held()[1]
        assert [(mark.time_ns, mark.text) for mark in marks] == [(roll.time_ns, f"{OLD} → {NEW}")]
    finally:
        stage.close()
    with mdnb.live("MNQ", list(SECONDS), feed=f"replay:{file}?speed=max", initial_days=0) as again:
        again.start()
        again.wait_ended()
        (played,) = again.rolls()
        assert played == roll
        frame = again.data.get_data("1sec", with_contract=True)
        assert frame["contract"].tolist()[:-1] == live["contract"].tolist()[: len(frame) - 1]
        # The first and the last second may have begun or ended elsewhere.
        assert frame["close"].tolist()[1:-1] == live["close"].tolist()[1 : len(frame) - 1]
        assert again.accounting().in_bars == len(ticks)
        closes = frame["close"].tolist()
    steps = [bars["1sec"] for _, _, bars in mdnb.play(file, ["1sec"], symbol="MNQ") if "1sec" in bars]
    assert [bar.close for bar in steps] == closes
    assert [bar.contract for bar in steps] == frame["contract"].tolist()
    assert [bar.partial for bar in steps] == [at in frame.attrs["partial"] for at in range(len(frame))]


def _last(stage: Stage) -> int:
    last = stage.pipeline.engine.last_trade
    return 0 if last is None else last[0]


@pytest.mark.parametrize("back_adjust", [False, True])
def test_the_first_load_reaches_over_the_contract_of_before(back_adjust: bool) -> None:
    # Five days of a trade each five minutes; since the third one more is traded of the next contract.
    tape = tape_of(5 * 288, 10, apart=300.0)
    first = tape[0][0]
    dialect = ProjectXDialect()
    dialect.contracts = [contract("MNQ", "H26"), contract("MNQ", "Z25", active=False)]
    dialect.basis = {OLD: BASIS}
    old = "CON.F.US.MNQ.Z25"
    seam = first + 3 * DAY

    def share(contract_id: str, start_ns: int) -> float:
        return 4.0 if (contract_id == OLD) is (start_ns >= seam) else 1.0

    dialect.share = share
    venue = StandIn(dialect, tape, begun=5 * 288)
    call(venue.listen())
    stage = Stage(venue, venue.feed(liveness=PATIENT), "MNQ", {"5min": 300}, tape, initial_days=4.9)
    try:
        (roll,) = stage.market.rolls()
        assert (roll.old, roll.new, roll.difference) == (old, OLD, BASIS)
        assert abs(roll.time_ns - seam) < DAY
        frame = stage.market.data.get_data("5min", back_adjust=back_adjust, with_contract=True)
        closes = {row[0] // (300 * SECOND) * 300 * SECOND: row[1] for row in tape}
        wanted = [
            closes[start] + BASIS * (back_adjust or start >= roll.time_ns)
            for start in frame.index.as_unit("ns").asi8.tolist()
        ]
        assert frame["close"].tolist() == wanted
        assert frame["contract"].tolist() == [
            OLD if start >= roll.time_ns else old for start in frame.index.as_unit("ns").asi8.tolist()
        ]
        assert {old, OLD} == set(frame["contract"])
    finally:
        stage.close()
