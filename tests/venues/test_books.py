"""A lost change of an order book is found, told and mended at each venue that numbers or adds up.

At the others one that comes and cannot be used is.
"""

from __future__ import annotations

import functools
import json
import logging
from pathlib import Path

import pytest

import mdnb
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.venues.bybit_venue import BybitLinearDialect, BybitSpotDialect
from tests.venues.coinbase_venue import CoinbaseDialect
from tests.venues.faults import Fault, LostBook, Malformed
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.okx_venue import OkxDialect
from tests.venues.stage import Stage
from tests.venues.stand_in import StandIn, VenueDialect, changed_book, tape_of

BEGUN, TRADES = 20, 120
TAPE = tape_of(BEGUN, TRADES)
LOST = BEGUN + 40
VENUES = (KrakenDialect, OkxDialect, BybitSpotDialect, BybitLinearDialect)
WHY = {"kraken": "its checksum is"}


def followed(dialect: type[VenueDialect], *faults: Fault) -> Stage:
    """Follow the book of a venue to the end of its tape."""
    venue = StandIn(dialect(), TAPE, faults, begun=BEGUN)
    call(venue.listen())
    stage = Stage(venue, venue.feed(), dialect.symbol, {"1sec": 1}, TAPE)
    stage.market._parts.session.book_renewal.well_seconds = 0.05
    stage.market.data.subscribe_to_level2()
    stage.play()
    return stage


def levels(stage: Stage) -> tuple[list[tuple[float, float]], ...]:
    """Return the bids and asks that are held, best first."""
    return tuple(map(list, stage.pipeline.engine.depth.levels(50)))


def asked_for_book(stage: Stage) -> int:
    """Return how often the venue was asked for a book."""
    asked = [text for text in stage.stream.heard if "unsubscribe" not in text]
    return sum(any(name in text for name in ('"book"', '"books"', "orderbook.50")) for text in asked)


def was_asked(stage: Stage, times: int) -> bool:
    return asked_for_book(stage) == times


@pytest.mark.parametrize("dialect", VENUES)
def test_a_book_of_which_nothing_is_lost_holds(dialect: type[VenueDialect]) -> None:
    stage = followed(dialect)
    try:
        call(stage.until(lambda: levels(stage) == changed_book(len(TAPE))[1:]))
        assert stage.market.accounting().depth_left_out == 0
        assert stage.market.data.get_validation_errors(type="book") == []
        assert asked_for_book(stage) == 1
    finally:
        stage.close()


@pytest.mark.parametrize("dialect", VENUES)
def test_a_change_of_a_book_that_is_lost_is_found_and_the_book_is_asked_for_anew(
    dialect: type[VenueDialect], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "mdnb"):
        stage = followed(dialect, LostBook(LOST))
        try:
            call(stage.until(lambda: levels(stage) == changed_book(len(TAPE))[1:]))
            call(stage.until(lambda: stage.pipeline.quality.in_words() == ()))
            [error] = stage.market.data.get_validation_errors(type="book")
            assert WHY.get(dialect.name, "an update follows number") in error.description
            assert "it is asked for anew" in error.description
            assert stage.market.accounting().depth_left_out > 0
            assert asked_for_book(stage) == 2
        finally:
            stage.close()
    told = [message for message in caplog.messages if "order book broken" in message]
    assert [message.endswith("that is over") for message in told] == [False, True]


L2UPDATE = '{"type":"l2update","product_id":"BTC-USD","changes":%s,"time":"2026-03-02T14:00:00Z"}'


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ('[["buy","29999.00",null]]', "a change of it could not be read"),
        ('[["buy","29999.00","1.5"]', "a change of it could not be read"),
        ('[["buy","1e300","1.5"]]', "a change of it has a price or a size that there cannot be"),
        ('[["sell","-30001.00","1.5"]]', "a change of it has a price or a size that there cannot be"),
    ],
)
def test_a_book_without_numbers_is_asked_for_anew_where_a_change_cannot_be_used(
    changes: str, why: str
) -> None:
    stage = followed(CoinbaseDialect, Malformed(LOST, L2UPDATE % changes))
    try:
        call(stage.until(lambda: levels(stage) == changed_book(len(TAPE))[1:]))
        call(stage.until(lambda: stage.pipeline.quality.in_words() == ()))
        [error] = stage.market.data.get_validation_errors(type="book")
        assert error.description == f"it is asked for anew: {why}"
        asked = [json.loads(text) for text in stage.stream.heard if '"level2_batch"' in text]
        assert [one["type"] for one in asked] == ["subscribe", "unsubscribe", "subscribe"]
    finally:
        stage.close()


class HoledOnce(CoinbaseDialect):
    """Writes a level that there cannot be into its first whole book."""

    given = 0

    def book(self, at: int, *, whole: bool) -> str:
        self.given += whole
        made = super().book(at, whole=whole)
        return made.replace('"29999.75"', '"-29999.75"') if whole and self.given == 1 else made


def test_a_whole_book_with_a_level_that_there_cannot_be_is_told_and_asked_for_anew() -> None:
    stage = followed(HoledOnce)
    try:
        call(stage.until(lambda: levels(stage) == changed_book(len(TAPE))[1:]))
        call(stage.until(lambda: stage.pipeline.quality.in_words() == ()))
        [error] = stage.market.data.get_validation_errors(type="book")
        assert error.description.startswith(
            "its other levels are held, and it is asked for anew: a level of it"
        )
        asked = [json.loads(text)["type"] for text in stage.stream.heard if '"level2_batch"' in text]
        assert asked == ["subscribe", "unsubscribe", "subscribe"]
    finally:
        stage.close()


@pytest.mark.parametrize("dialect", VENUES)
def test_a_recording_that_begins_amid_changes_has_the_book_that_they_change(
    dialect: type[VenueDialect], tmp_path: Path
) -> None:
    venue = StandIn(dialect(), TAPE, begun=BEGUN)
    call(venue.listen())
    stage = Stage(venue, venue.feed(), dialect.symbol, {"1sec": 1}, TAPE)
    files = [tmp_path / f"{number}.jsonl" for number in range(2)]
    try:
        stage.market.data.subscribe_to_level2()
        call(stage.until(lambda: bool(levels(stage)[0])))
        for number, file in enumerate(files):
            stage.market.record(file)
            call(stage.until(functools.partial(was_asked, stage, 2 + number)))
            assert '"channels":["trades","quotes","depth"]' in file.read_text()
        stage.play()
        call(stage.until(lambda: levels(stage) == changed_book(len(TAPE))[1:]))
        assert stage.market.data.get_validation_errors(type="book") == []
        # Bybit's quotes are changes of a book of one level.
        quotes = sum('"subscribe"' in text and "orderbook.1." in text for text in stage.stream.heard)
        assert quotes == (3 if dialect.name == "bybit" else 0)
    finally:
        stage.close()
    for file in files:
        feed = f"replay:{file}?speed=max"
        with mdnb.live(dialect.symbol, "1sec", feed=feed, initial_days=0, progress=False) as again:
            again.data.subscribe_to_level2()
            again.wait_ended(LIMIT_SECONDS)
            book = again._parts.session.market(dialect.symbol).engine.depth.levels(50)
            assert tuple(map(list, book)) == changed_book(len(TAPE))[1:]
