"""A server, or what stands before it, whose ``Date`` is off: the seam of history and live is where it is."""

from __future__ import annotations

import email.utils
import time

import pytest

import mdnb
from mdnb.runtime.process.bridge import call
from tests.venues.bars import bars_of
from tests.venues.coinbase_venue import CoinbaseDialect
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.stage import Stage
from tests.venues.stand_in import SECOND, StandIn, VenueDialect, tape_of

_BEFORE, _LIVE, _APART = 100, 40, 0.05


@pytest.mark.parametrize("dialect", [CoinbaseDialect, KrakenDialect])
@pytest.mark.parametrize("off", [600, -600])
def test_a_date_that_is_minutes_off_costs_no_bar_its_trades(
    dialect: type[VenueDialect], off: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        email.utils,
        "formatdate",
        lambda **_: time.strftime("%a, %d %b %Y %X GMT", time.gmtime(time.time() + off)),
    )
    start_ns = (time.time_ns() // SECOND - 10 * _BEFORE) * SECOND
    tape = tape_of(_BEFORE, _LIVE, apart=10.0, live_apart=_APART, start_ns=start_ns)
    venue = StandIn(dialect(), tape, begun=_BEFORE, pace=_APART)
    call(venue.listen())
    feed = mdnb.make_feed(dialect.name, url=venue.stream.url, rest=venue.rest.url)
    call(_play(venue))
    stage = Stage(venue, feed, dialect.symbol, {"1min": 60}, tape, initial_days=600 / 86_400)
    try:
        stage.play_on()
        found = stage.candles("1min")
        assert len(found) >= 10
        assert found == [bar[:6] for bar in bars_of(tape, 60)][-len(found) :]
    finally:
        stage.close()


async def _play(venue: StandIn) -> None:
    venue.stream.play()
