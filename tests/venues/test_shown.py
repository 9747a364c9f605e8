"""A venue's name: while it is connected to, on the card, and in the badge of a chart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import mdnb
from mdnb.feeds.timeouts import Liveness
from mdnb.market import LiveMarket
from mdnb.runtime.process.bridge import call
from tests.manager.hand import HandFeed, minutes, open_market
from tests.venues.faults import Busy
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.stand_in import StandIn, tape_of

_BEFORE = 1_200


@pytest.fixture
def venue() -> Iterator[StandIn]:
    made = StandIn(KrakenDialect(), tape_of(_BEFORE, 10), [Busy(0, 1, 503)], begun=_BEFORE)
    call(made.listen())
    yield made
    call(made.close())


@pytest.fixture
def market(venue: StandIn) -> Iterator[LiveMarket]:
    feed = venue.feed(liveness=Liveness("frames", stale_seconds=600.0, dead_seconds=1200.0))
    with mdnb.live("BTC/USD", ["1min", "5min"], feed=feed, initial_days=0.05) as made:
        yield made


def _badge(market: LiveMarket) -> str:
    notes = market.chart("1min").snapshot().layout.annotations
    return str(next(note.text for note in notes if note.name == "mdnb-badge"))


def test_what_is_being_done_is_told_from_the_first_question_on(venue: StandIn) -> None:
    told: list[tuple[int, int, str]] = []

    async def main() -> None:
        feed = venue.feed()
        made = mdnb.TradingSuite.create(
            "BTC/USD", ["1min"], feed=feed, initial_days=0.05, progress=lambda *given: told.append(given)
        )
        async with await made:
            assert venue.rest.requests[0].path == "/0/public/AssetPairs"

    asyncio.run(main())
    assert told[:2] == [(0, 1, "Kraken: connecting"), (0, 1, "history of BTC/USD")]
    assert told[2][2].startswith("history of BTC/USD, asked again: 127.0.0.1:")
    assert (0, 1, "history of BTC/USD, page 1") in told
    assert told[-1] == (1, 1, "live")


def test_why_there_is_no_connection_is_told_while_it_is_tried(venue: StandIn) -> None:
    told: list[str] = []
    feed = venue.feed()
    call(venue.stream.deafen())

    async def main() -> None:
        await mdnb.TradingSuite.create(
            "BTC/USD", "1min", feed=feed, connect_timeout=0.5, progress=lambda *given: told.append(given[2])
        )

    with pytest.raises(mdnb.FeedError, match="refused"):
        asyncio.run(main())
    assert told[0] == "Kraken: connecting"
    assert told[1] == "Kraken: connecting again: refused: nothing listens on that port"


def test_the_card_and_the_charts_badge_name_the_venue(market: LiveMarket) -> None:
    assert "  feed        Kraken\n" in str(market)
    assert ">feed</td>" in market._repr_html_()
    assert ">Kraken</td>" in market._repr_html_()
    assert " Kraken · live" in _badge(market)
    assert market.chart("1min").get_state(["_look"])["_look"]["venue"] == "Kraken"


def test_what_is_made_or_played_here_is_named_on_the_card_alone() -> None:
    with mdnb.live("MNQ", "1min", feed="sim://?seed=4", initial_days=0.1) as simulated:
        assert "  feed        Embedded simulator\n" in str(simulated)
        assert "simulator" not in _badge(simulated)


def test_a_feed_that_does_not_say_what_it_offers_is_not_named() -> None:
    with open_market(HandFeed(minutes(-5, 5)), "1min") as market:
        assert "  feed " not in str(market)
        assert "</span> live" in _badge(market)
