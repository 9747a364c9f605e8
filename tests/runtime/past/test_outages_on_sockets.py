"""Outages of a venue on real sockets: the bars are the tape's own, and each hole is told in its bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from mdnb.feeds.timeouts import Backoff, Liveness
from mdnb.rows import TradeRow
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.runtime.past.outages import SECOND, START, held_bars
from tests.venues import faults
from tests.venues.faulty_server import FaultyServer
from tests.venues.mdnb_venue import SYMBOL, MdnbDialect, VenueFeed
from tests.venues.stage import Stage

# Twenty trades a second of the market, a thousand a second of the wall.
TAPE: list[TradeRow] = [
    (START + i * SECOND // 20, 100.0 + 0.25 * ((i * 7) % 11), 1.0 + i % 4, 1, 1, i) for i in range(700)
]
NAMES = {"1sec": 1, "5sec": 5, "1min": 60}


def staging(wrong: Sequence[faults.Fault], *, rest: bool, **patience: Any) -> Stage:
    """Return a market that follows a server with faults, which speaks mdnb's own protocol."""
    server = FaultyServer(MdnbDialect(), TAPE, wrong)
    call(server.listen())
    feed = VenueFeed(server, rest=rest)
    feed.liveness = Liveness(signs="frames", stale_seconds=0.2, dead_seconds=0.4)
    feed.backoff = Backoff(0.001, 1.0, 0.001)
    return Stage(server, feed, SYMBOL, NAMES, TAPE, **patience)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    wrong, options = request.param
    made = staging(wrong, **{"rest": True, **options})
    yield made
    made.close()


def staged(*wrong: faults.Fault, **options: Any) -> tuple[tuple[faults.Fault, ...], dict[str, Any]]:
    return wrong, options


WITHIN = (faults.Drop(100, 40), faults.SlowHistory(0, 1, 200), faults.Drop(220, 30))


@pytest.mark.parametrize(
    "stage",
    [
        staged(faults.Drop(100, 60)),
        staged(faults.Drop(100, 60), rest=False),
        staged(faults.Restart(100, 60)),
        staged(faults.HalfOpen(100)),
        staged(*WITHIN),
        staged(*WITHIN, bars_wait=0.05),
        staged(*WITHIN, most_trades=20),
        staged(
            faults.Drop(100, 40),
            faults.Drop(300, 5),
            faults.Drop(310, 5),
            faults.Drop(330, 40),
            faults.SlowHistory(0, 9, 15),
            bars_wait=0.02,
        ),
        staged(
            faults.Mute(100, 50),
            faults.Slow(200, 5, 0.02),
            faults.Malformed(250),
            faults.Duplicate(300, 3),
            faults.Reorder(405, 3),
        ),
        staged(faults.SequenceGap(100, 7), faults.SequenceGap(300), faults.Busy(0, 1, 503)),
    ],
    indirect=True,
    ids=str,
)
def test_whatever_happens_the_bars_are_those_of_the_tape(stage: Stage) -> None:
    stage.play()
    stage.check_bars()
    for gap in stage.gaps():
        assert [(event.state, event.repaired) for event in gap] == [("repairing", False), ("repaired", True)]
    stats = stage.market.data.get_stats()
    assert (stats.gaps - stats.gaps_repaired, stats.gaps_repairing, stats.completeness) == (0, 0, 100.0)


@pytest.mark.parametrize("rest", [True, False])
@pytest.mark.parametrize(
    "busy", [faults.Busy(0, 4, 429, 0.05), faults.Busy(0, 4, 503, 0.0)], ids=lambda busy: str(busy.status)
)
def test_a_history_that_fails_for_a_while_is_asked_until_it_is_well(busy: faults.Busy, rest: bool) -> None:
    stage = staging([faults.Drop(100, 100), busy], rest=rest)
    try:
        stage.play()
        stage.check_bars()
        (gap,) = stage.gaps()
        assert [event.state for event in gap] == ["repairing", "repaired"]
        assert gap[1].data["gap_start"].value == TAPE[99][0]
        assert gap[1].trades >= 100
        assert len(stage.stream.questions) >= 5
    finally:
        stage.close()


@pytest.mark.parametrize(
    "stage",
    [
        staged(
            faults.Drop(100, 50), faults.Busy(0, 1, 503), faults.SequenceGap(500, 15), faults.Lacks(500, 15)
        )
    ],
    indirect=True,
)
def test_what_is_lost_for_good_is_told_by_the_trades_around_it(stage: Stage) -> None:
    stage.play()
    stage.check_bars(frozenset(range(500, 515)))
    repaired, lost = stage.gaps()
    assert [event.state for event in repaired] == ["repairing", "repaired"]
    assert [event.state for event in lost] == ["repairing", "lost"]
    edges = lost[1].data["gap_start"].value, lost[1].data["gap_end"].value
    assert edges == (TAPE[499][0], TAPE[515][0])
    assert repaired[1].data["gap_end"].value <= edges[0]
    text = stage.market._repr_html_()
    assert "2, 1 repaired, 1 lost" in text


def test_only_the_bars_wait_for_the_history() -> None:
    stage = staging([faults.Drop(100, 40), faults.SlowHistory(0, 1, 10**6)], rest=True)

    async def until_late() -> tuple[float, int, int]:
        stage.stream.play()
        async with asyncio.timeout(LIMIT_SECONDS):
            await stage.stream.reach(400)
            await stage.until(lambda: stage.pipeline.duplicates.highest >= 399)
        last = stage.pipeline.engine.last_trade
        assert last is not None
        return last[1], last[5], stage.pipeline.ledger.waiting

    try:
        price, number, waiting = call(until_late())
        assert number >= 399
        assert price == TAPE[number][1]
        assert waiting > 0
        assert held_bars(stage.pipeline, "1sec")[-1][0] == TAPE[99][0] // SECOND * SECOND
        stage.play_on()
        stage.check_bars()
    finally:
        stage.close()
