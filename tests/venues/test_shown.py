"""A venue's name: while it is connected to, on the card, and in the badge of a chart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

import mdnb
from mdnb.feeds.timeouts import Liveness
from mdnb.market import LiveMarket
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, minutes, open_market
from tests.venues.faults import Busy, Drop
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
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


class Refusing(KrakenDialect):
    """Refuses one of its symbols on the first connection."""

    refusals = 0

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | tuple[str, ...] | None:
        """Answer symbol by symbol."""
        asked = json.loads(text)
        if self.other not in asked.get("params", {}).get("symbol", ()) or self.refusals:
            return super().hear(text)
        # Asked for with others first, then by itself.
        self.refusals += asked["params"]["symbol"] == [self.other]
        said = {"method": "subscribe", "req_id": asked["req_id"], "success": False, "error": "not now"}
        return json.dumps(said)


def test_a_symbol_that_the_venue_refuses_is_a_trouble_of_that_symbol_until_it_is_taken() -> None:
    tape = tape_of(50, 40)
    made = StandIn(Refusing(), tape, [Drop(70, 1)], begun=50)
    call(made.listen())
    dialect = made.dialect
    feed = made.feed(liveness=Liveness("frames", stale_seconds=600.0, dead_seconds=1200.0))
    with mdnb.live([dialect.symbol, dialect.other], "1min", feed=feed, initial_days=0) as market:
        other = market[dialect.other]
        [error] = other.data.get_validation_errors()
        assert (error.type, error.description) == ("subscription", "the venue refused 'subscribe': not now")
        assert market[dialect.symbol].data.get_validation_errors() == []
        assert str(market).count("subscription refused: the venue refused") == 1

        async def play() -> None:
            made.stream.play()
            await made.stream.over.wait()
            quality = market._parts.session.market(dialect.other).pipeline.quality
            async with asyncio.timeout(LIMIT_SECONDS):
                while quality.troubles:  # noqa: ASYNC110  # nobody tells of it
                    await asyncio.sleep(0)

        call(play())
        assert "subscription refused" not in str(market)
    call(made.close())


def test_what_is_made_or_played_here_is_named_on_the_card_alone() -> None:
    with mdnb.live("MNQ", "1min", feed="sim://?seed=4", initial_days=0.1) as simulated:
        assert "  feed        Embedded simulator\n" in str(simulated)
        assert "simulator" not in _badge(simulated)


def test_a_feed_that_does_not_say_what_it_offers_is_not_named() -> None:
    with open_market(HandFeed(minutes(-5, 5)), "1min") as market:
        assert "  feed " not in str(market)
        assert "</span> live" in _badge(market)
