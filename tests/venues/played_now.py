"""Kraken's stand-in with the time of now, for those who name the venue and nothing of a stand-in."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mdnb.feeds.venues.kraken import KrakenFeed
from mdnb.runtime.process.bridge import call
from tests.venues.faults import Fault
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.stand_in import SECOND, StandIn, tape_of

__all__ = ["BEFORE", "kraken_here", "kraken_now"]

BEFORE = 7_300
"""How many trades have been, one a minute: somewhat more than five days."""

_LIVE, _APART = 4_000, 0.05


def kraken_now(wrong: Sequence[Fault] = ()) -> StandIn:
    """Return a stand-in that listens, and plays from the first subscription on, twenty trades a second."""
    start_ns = time.time_ns() // SECOND * SECOND - 60 * BEFORE * SECOND
    tape = tape_of(BEFORE, _LIVE, apart=60.0, live_apart=_APART, start_ns=start_ns)
    venue = StandIn(KrakenDialect(), tape, wrong, begun=BEFORE, pace=_APART)
    call(_play(venue))
    return venue


def kraken_here() -> StandIn:
    """Have ``feed="kraken"`` of this process be a stand-in, and return it."""
    venue = kraken_now()
    KrakenFeed.stream_url, KrakenFeed.rest_url = venue.stream.url, venue.rest.url
    return venue


async def _play(venue: StandIn) -> None:
    await venue.listen()
    venue.stream.play()
