"""What no venue should do, done to every adapter: it neither hangs nor grows, and what is lost is told."""

from __future__ import annotations

import queue
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mdnb
from mdnb.feeds.timeouts import Liveness
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.venues import faults
from tests.venues.certificates import unsigned
from tests.venues.dialects import DIALECTS
from tests.venues.stage import Stage
from tests.venues.stand_in import StandIn, VenueDialect, tape_of

BEFORE, LIVE = 100, 200
TAPE = tape_of(BEFORE, LIVE)
SECONDS = {"1sec": 1, "5sec": 5}
# Less than what a fault would have it hold, more than all else takes.
_MOST_BYTES = 24e6


def of(*dialects: type[VenueDialect]) -> pytest.MarkDecorator:
    """Run a test for each of some venues."""
    return pytest.mark.parametrize("dialect", dialects, ids=lambda dialect: dialect.name)


each = of(*DIALECTS)


class Told:
    """What a market tells of its connection."""

    def __init__(self, stage: Stage) -> None:
        self.events: queue.Queue[mdnb.Event] = queue.Queue()
        stage.market.on("connection_status_changed", self.events.put)

    def until(self, status: str) -> str:
        """Wait until a status is told; return its detail."""
        while (event := self.events.get(timeout=LIMIT_SECONDS)).data["status"] != status:
            pass
        return str(event.data["detail"])


@pytest.fixture
def venues() -> Iterator[Callable[..., StandIn]]:
    made: list[StandIn] = []

    def venue(dialect: type[VenueDialect], *wrong: faults.Fault, **options: Any) -> StandIn:
        one = StandIn(dialect(), TAPE, wrong, begun=BEFORE, **options)
        call(one.listen())
        made.append(one)
        return one

    yield venue
    for one in made:
        call(one.close())


@pytest.fixture
def staged(venues: Callable[..., StandIn]) -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def stage(dialect: type[VenueDialect], *wrong: faults.Fault, **options: Any) -> Stage:
        venue = venues(dialect, *wrong)
        made = Stage(venue, venue.feed(**options), dialect.symbol, SECONDS, TAPE)
        stages.append(made)
        return made

    yield stage
    for one in stages:
        one.close()


def patient(dialect: type[VenueDialect]) -> Liveness:
    """Return signs of life that a busy machine does not miss."""
    return Liveness(dialect.adapter.liveness.signs, stale_seconds=30.0, dead_seconds=60.0)


@each
def test_how_the_line_cuts_what_is_sent_changes_nothing(
    dialect: type[VenueDialect], staged: Callable[..., Stage]
) -> None:
    wrong = faults.Split(BEFORE + 10, 50), faults.Merge(BEFORE + 70, 50), faults.Fragment(BEFORE + 130, 50)
    stage = staged(dialect, *wrong, liveness=patient(dialect))
    stage.play()
    stage.check_bars(since=BEFORE)
    assert not stage.not_held(BEFORE)
    assert stage.market.accounting().malformed == 0
    assert stage.stream.connections == dialect.connections


@each
@pytest.mark.parametrize(
    ("wrong", "why"),
    [(faults.Oversize(BEFORE + 100), "1009"), (faults.Bomb(BEFORE + 100), "1002")],
    ids=["oversize", "bomb"],
)
def test_a_frame_that_would_fill_the_memory_costs_the_connection_and_is_told(
    dialect: type[VenueDialect], wrong: faults.Fault, why: str, staged: Callable[..., Stage]
) -> None:
    stage = staged(dialect, wrong, liveness=patient(dialect))
    told = Told(stage)
    call(stage.stream.until_listeners(1))
    if isinstance(wrong, faults.Bomb):
        # What an oversize frame holds is held at the other end, which is here, too.
        tracemalloc.start()
    try:
        stage.play()
        if tracemalloc.is_tracing():
            held, most = tracemalloc.get_traced_memory()
            assert most - held < _MOST_BYTES
    finally:
        tracemalloc.stop()
    assert why in told.until("disconnected")
    assert told.until("reconnected") == ""
    stage.check_outages(BEFORE, repairs=dialect.has_trades_history)


# A trade without an id cannot be known again.
@of(*(dialect for dialect in DIALECTS if dialect.adapter.ids != "none"))
def test_what_the_venue_repeats_after_a_new_subscription_counts_once(
    dialect: type[VenueDialect], staged: Callable[..., Stage]
) -> None:
    stage = staged(dialect, faults.Repeat(BEFORE), faults.Drop(BEFORE + 80, 20), liveness=patient(dialect))
    stage.play()
    stage.check_outages(BEFORE, repairs=dialect.has_trades_history)
    accounting = stage.market.accounting()
    assert accounting.duplicate > 0


def why_refused(dialect: type[VenueDialect], status: int) -> str:
    """Return what a refusal is told to mean: who has given no key has none to check."""
    offers = dialect.adapter.offers
    if offers is None or offers.key:
        return "check the credentials"
    return "refused from here, and no key is asked for" if status == 403 else "it wants credentials"


@each
@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_is_told_why_at_once(
    dialect: type[VenueDialect], status: int, venues: Callable[..., StandIn]
) -> None:
    venue = venues(dialect)
    venue.stream.refusing = status
    with pytest.raises(mdnb.FeedRefusedError, match=rf"HTTP {status}: {why_refused(dialect, status)}"):
        mdnb.live(dialect.symbol, "1sec", feed=venue.feed(), initial_days=0, progress=False)
    assert venue.stream.connections == 0
    venue.refusing = status
    with pytest.raises(mdnb.FeedRefusedError, match=rf"check the key|{why_refused(dialect, status)}"):
        mdnb.live(dialect.symbol, "1sec", feed=venue.feed(), initial_days=0, progress=False)


@each
@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_again_is_told_why_and_finds_what_came_before(
    dialect: type[VenueDialect], status: int, staged: Callable[..., Stage]
) -> None:
    stage = staged(dialect, faults.Refuse(BEFORE + 100, LIVE, status), liveness=patient(dialect))
    told = Told(stage)
    stage.begin()
    assert f"HTTP {status}: {why_refused(dialect, status)}" in told.until("closed")
    stage.market.wait_ended(timeout=LIMIT_SECONDS)
    (ended,) = stage.market.data.get_validation_errors(type="feed_ended")
    assert f"HTTP {status}" in str(ended)
    assert stage.market.accounting().balanced
    assert [row[5] for row in stage.not_held(BEFORE)] == [row[5] for row in TAPE[BEFORE + 100 :]]
    # What is lost from here on nobody can count: whoever waits for data is told that none will come.
    with pytest.raises(mdnb.MdnbError, match=f"HTTP {status}"):
        stage.market.wait_for("new_bar", timeout=LIMIT_SECONDS)


@each
def test_a_server_in_trouble_is_asked_again_and_what_was_missed_is_made_good_or_told(
    dialect: type[VenueDialect], staged: Callable[..., Stage]
) -> None:
    stage = staged(dialect, faults.Refuse(BEFORE + 60, 60, 500), liveness=patient(dialect))
    told = Told(stage)
    stage.play()
    stage.check_outages(BEFORE, repairs=dialect.has_trades_history)
    assert stage.stream.handshakes > stage.stream.connections
    told.until("disconnected")
    assert told.until("disconnected") == "HTTP 500"


@each
@pytest.mark.parametrize("status", [500, 503])
def test_a_history_in_trouble_is_named_with_its_status(
    dialect: type[VenueDialect], status: int, venues: Callable[..., StandIn]
) -> None:
    venue = venues(dialect)
    venue.refusing = status
    with pytest.raises(mdnb.FeedError, match=rf"HTTP {status}"):
        mdnb.live(dialect.symbol, "1sec", feed=venue.feed(), initial_days=0, progress=False)
    assert len(venue.rest.requests) == 3


@each
def test_who_is_told_to_wait_for_longer_than_there_is_time_is_told_so(
    dialect: type[VenueDialect], venues: Callable[..., StandIn]
) -> None:
    venue = venues(dialect)
    venue.refusing = 429
    feed = venue.feed()
    feed.rest.ban_seconds = 600.0
    with pytest.raises(mdnb.FeedError, match=r"within 1 s: .*HTTP 429"):
        mdnb.live(dialect.symbol, "1sec", feed=feed, initial_days=0, progress=False, connect_timeout=1)
    assert len(venue.rest.requests) == 1


@each
def test_all_markets_of_a_venue_keep_to_its_rate_limit_together(
    dialect: type[VenueDialect], venues: Callable[..., StandIn]
) -> None:
    one, same = venues(dialect), venues(dialect)
    feeds = [one.feed(), one.feed(), same.feed()]
    assert feeds[0].rest.limiter is feeds[1].rest.limiter
    assert feeds[0].rest.limiter is not feeds[2].rest.limiter


@each
@pytest.mark.parametrize("port", ["stream", "rest"])
def test_a_certificate_that_nobody_signed_is_refused(
    dialect: type[VenueDialect], port: str, venues: Callable[..., StandIn], tmp_path: Path
) -> None:
    venue = venues(dialect, **{f"{port}_tls": unsigned(tmp_path)})
    with pytest.raises(mdnb.FeedRefusedError, match=r"the certificate does not hold: self.signed"):
        mdnb.live(dialect.symbol, "1sec", feed=venue.feed(), initial_days=0, progress=False)
    # Not a byte of ours was sent to whoever it is.
    assert (venue.stream.handshakes, venue.rest.requests == []) == (0, port == "rest")


@of(*(dialect for dialect in DIALECTS if dialect.has_tokens))
def test_a_token_that_expires_is_renewed(dialect: type[VenueDialect], staged: Callable[..., Stage]) -> None:
    stage = staged(dialect, faults.Expiry(BEFORE + 50), faults.Drop(BEFORE + 100, 20))
    stage.play()
    stage.check_outages(BEFORE, repairs=dialect.has_trades_history)
    assert stage.market.status == "reconnected"
