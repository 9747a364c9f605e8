"""Each venue's stand-in with faults at random: the bars are the tape's, or every hole is told, once."""

from __future__ import annotations

import itertools
import random
import threading

import psutil
import pytest

import mdnb
from mdnb.runtime.process.bridge import call
from tests.venues import faults
from tests.venues.dialects import DIALECTS
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.okx_venue import OkxDialect
from tests.venues.projectx_venue import ProjectXDialect
from tests.venues.stage import Stage
from tests.venues.stand_in import SECOND, START, StandIn, VenueDialect, tape_of

BEFORE = 200
SECONDS = {"1sec": 1, "5sec": 5, "1min": 60}
# Ticks that may wait for a slow consumer.
_WAIT = 100
_APART = 70
_QUIET_END = 800
# Midnight in UTC: the futures' exchange is open for 22 hours then. What comes in its pause is no loss.
_OPEN_NS = START - 14 * 3600 * SECOND


def chaos(seed: int, live: int, ids: str, apart: int = _APART) -> list[faults.Fault]:
    """Return faults of every kind, one after the other, about so many trades apart."""
    dice = random.Random(seed)
    # A connection that is dead is noticed some hundred trades later, and what it cost by the trades after it.
    places = range(BEFORE + apart, BEFORE + live - _QUIET_END, apart)
    wrong: list[faults.Fault] = []
    kinds: list[int] = []
    for place in places:
        at = place + dice.randrange(apart // 3)
        missed = dice.randrange(apart // 3)
        made = [
            faults.Drop(at, missed),
            faults.Restart(at, missed),
            faults.HalfOpen(at),
            faults.Mute(at, missed + 1),
            faults.Malformed(at),
        ]
        if ids != "none":
            made.append(faults.Duplicate(at, 1 + missed % 4))
        if ids == "sequential":
            # Elsewhere nothing shows it.
            made.append(faults.SequenceGap(at, 1 + missed % 5))
        # Each kind once before any comes again.
        kinds = kinds or dice.sample(range(len(made)), len(made))
        wrong.append(made[kinds.pop()])
    questions = itertools.count(dice.randrange(3), 7)
    wrong += [
        dice.choice(
            [faults.Busy(first, 2, 429, 0.01), faults.Busy(first, 2, 503), faults.SlowHistory(first, 1, 20)]
        )
        for first in itertools.islice(questions, 1 + len(places) // 4)
    ]
    return wrong


class Consumers:
    """One that takes each tick at once, and one that takes a tick in the time in which ten are traded.

    Attributes
    ----------
    most
        How many ticks waited for the slow one at most.
    """

    def __init__(self, stage: Stage) -> None:
        self.most = 0
        self._stage = stage
        bus = stage.market._parts.session.bus
        self._quick = bus.on_thread("tick_data", lambda _: None)
        self._slow = bus.on_thread("tick_data", self._take, limit=_WAIT)

    def _take(self, _: mdnb.Event) -> None:
        self.most = max(self.most, self._slow.waiting)
        stream = self._stage.stream
        call(stream.reach(stream.at + 10))

    def check(self) -> None:
        """Check that the slow one held nobody up, and that what it missed was counted."""
        assert self.most <= _WAIT
        slow, quick = self._slow, self._quick
        call(self._stage.until(lambda: not slow.waiting and not quick.waiting))
        assert quick.dropped == 0
        assert slow.dropped > 0
        # A tick may be under way.
        assert abs(slow.delivered + slow.dropped - quick.delivered) <= 1


def played(dialect: type[VenueDialect], live: int, seed: int) -> None:
    """Play a tape with faults, and check all that has to hold."""
    tape = tape_of(BEFORE, live)
    venue = StandIn(dialect(), tape, chaos(seed, live, dialect.adapter.ids), begun=BEFORE)
    call(venue.listen())
    stage = Stage(venue, venue.feed(), dialect.symbol, SECONDS, tape)
    consumers = Consumers(stage)
    try:
        stage.play()
        stage.check_outages(BEFORE, repairs=dialect.has_trades_history)
        consumers.check()
    finally:
        stage.close()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_two_thousand_trades_with_faults_of_every_kind(dialect: type[VenueDialect]) -> None:
    played(dialect, 2_000, seed=sum(map(ord, dialect.name)))


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_two_hundred_thousand_trades_with_hundreds_of_faults(dialect: type[VenueDialect]) -> None:
    # In parts, each a market of its own: 20 of 10,000 trades, with some 140 faults each.
    process, held = psutil.Process(), 0
    for seed in range(20):
        played(dialect, 10_000, seed)
        held = held or process.memory_info().rss
    assert process.memory_info().rss - held < 150e6


@pytest.mark.slow
@pytest.mark.parametrize(
    "dialect", [KrakenDialect, OkxDialect, ProjectXDialect], ids=lambda dialect: dialect.name
)
def test_hours_with_a_fault_a_minute_leave_nothing_behind(dialect: type[VenueDialect]) -> None:
    # Two trades a second of the market, 10 hours of it; a fault each 120 trades.
    live = 72_000
    tape = tape_of(BEFORE, live, live_apart=0.5, start_ns=_OPEN_NS)
    venue = StandIn(dialect(), tape, chaos(7, live, dialect.adapter.ids, 120), begun=BEFORE)
    call(venue.listen())
    stage = Stage(venue, venue.feed(), dialect.symbol, SECONDS, tape)
    process = psutil.Process()

    def used() -> tuple[int, int, int]:
        return threading.active_count(), process.num_fds(), process.memory_info().rss

    try:
        stage.begin()
        call(stage.stream.reach(BEFORE + live // 4))
        threads, files, memory = used()
        stage.play_on()
        later = used()
        stage.check_outages(BEFORE, repairs=dialect.has_trades_history)
    finally:
        stage.close()
    assert later[0] <= threads + 2
    assert later[1] <= files + 10
    # What bars and trades are held grows to its limits; nothing else may.
    assert later[2] - memory < 150e6
