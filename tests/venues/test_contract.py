"""What every adapter of a venue has to do, against a stand-in of that venue on real sockets."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

import mdnb
from mdnb.decode import decoder
from mdnb.decode.renaming import RenamingDecoder
from mdnb.feeds.registry import make_feed
from mdnb.feeds.timeouts import Liveness
from mdnb.rows import TradeRow
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.venues import faults
from tests.venues.bars import bars_of
from tests.venues.dialects import DIALECTS
from tests.venues.stage import Stage
from tests.venues.stand_in import StandIn, VenueDialect, tape_of

BEFORE, LIVE = 3_000, 600
TAPE = tape_of(BEFORE, LIVE)
SECONDS = {"1sec": 1, "5sec": 5, "1min": 60}

pytestmark = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


def _with_repeats(wrong: Sequence[faults.Fault]) -> list[TradeRow]:
    """Return the tape as it is heard: of a trade without an id nobody can tell that it came before."""
    times = {one.at: 1 + one.times for one in wrong if isinstance(one, faults.Duplicate)}
    return [row for place, row in enumerate(TAPE) for _ in range(times.get(place, 1))]


@pytest.fixture
def staged() -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def stage(dialect: type[VenueDialect], *wrong: faults.Fault, **options: Any) -> Stage:
        venue = StandIn(dialect(), TAPE, wrong, begun=BEFORE)
        call(venue.listen())
        given = {"timeframes": SECONDS, "symbol": dialect.symbol} | options
        feed = venue.feed(**given.pop("feed", {}))
        tape = TAPE if feed.ids != "none" else _with_repeats(wrong)
        made = Stage(venue, feed, given.pop("symbol"), given.pop("timeframes"), tape, **given)
        stages.append(made)
        return made

    yield stage
    for one in stages:
        one.close()


def test_it_is_found_by_its_name_and_says_what_it_offers(dialect: type[VenueDialect]) -> None:
    feed = make_feed(f"{dialect.name}://?url=ws://127.0.0.1:9&rest=http://127.0.0.1:9")
    assert type(feed) is dialect.adapter
    assert feed.offers.title
    assert str(feed.address) == "ws://127.0.0.1:9"  # type: ignore[attr-defined]
    with pytest.raises(mdnb.FeedError, match="plain ws:// is for this machine only"):
        make_feed(f"{dialect.name}://?url=ws://venue.example/v2")


def test_the_instrument_is_the_venues_own(dialect: type[VenueDialect], staged: Callable[..., Stage]) -> None:
    stage = staged(dialect)
    instrument = stage.feed.instrument(dialect.symbol)
    assert (instrument.symbol, instrument.tick_size) == (dialect.symbol, dialect.tick_size)


def test_history_of_three_timeframes_is_what_the_venue_has(
    dialect: type[VenueDialect], staged: Callable[..., Stage]
) -> None:
    names = {"1min": 60, "5min": 300, "1hour": 3600}
    assert set(dialect.timeframes) == set(names)
    stage = staged(dialect, timeframes=names, initial_days=2)
    for name, seconds in names.items():
        # Before the first trade of the tape the venue has nothing, so that its first bar is whole.
        assert stage.candles(name) == [bar[:6] for bar in bars_of(TAPE[:BEFORE], seconds)], name


def test_history_and_live_join_without_a_lost_or_doubled_trade(
    dialect: type[VenueDialect], staged: Callable[..., Stage]
) -> None:
    stage = staged(dialect, timeframes={"1min": 60, "5min": 300, "1hour": 3600}, initial_days=2)
    stage.play()
    stage.check_candles()
    assert stage.market.accounting().balanced


def test_what_an_outage_cost_is_in_the_bars_or_told(
    dialect: type[VenueDialect], staged: Callable[..., Stage]
) -> None:
    wrong = faults.Drop(BEFORE + 100, 60), faults.Busy(0, 2, 429, 0.01), faults.Busy(3, 1, 503)
    stage = staged(dialect, *wrong)
    stage.play()
    stage.check_outages(BEFORE, repairs=dialect.has_trades_history)


def test_a_symbol_that_it_does_not_list_is_refused_with_what_is_near(
    dialect: type[VenueDialect], staged: Callable[..., Stage]
) -> None:
    with pytest.raises(mdnb.SymbolError, match=rf"does not list '{dialect.unlisted}'. Did you mean"):
        staged(dialect, symbol=dialect.unlisted)


def test_a_quiet_market_stays_connected(dialect: type[VenueDialect], staged: Callable[..., Stage]) -> None:
    signs = dialect.adapter.liveness.signs
    stage = staged(dialect, feed={"liveness": Liveness(signs, stale_seconds=1.0, dead_seconds=2.0)})
    stage.play()
    # Longer than a stream that is silent is taken for alive.
    call(stage.stream.quiet_beats(50))
    call(stage.until(lambda: stage.market.status == "connected"))
    assert stage.stream.connections == dialect.connections


def test_unsubscribing_ends_the_trades_and_closing_ends_all(
    dialect: type[VenueDialect], staged: Callable[..., Stage]
) -> None:
    stage = staged(dialect)
    stage.begin()
    call(stage.stream.reach(BEFORE + 100))
    call(stage.feed.unsubscribe(dialect.symbol, ["trades"]))
    call(stage.stream.until_listeners(0))
    call(stage.feed.subscribe(dialect.symbol, ["trades"]))
    call(stage.stream.until_listeners(1))
    stage.market.close()
    call(stage.stream.until_listeners(0))


def test_two_symbols_are_subscribed_in_one_go(dialect: type[VenueDialect]) -> None:
    async def main() -> int:
        venue = StandIn(dialect(), TAPE, begun=BEFORE)
        await venue.listen()
        feed = venue.feed()
        up = asyncio.Event()
        understand = RenamingDecoder(decoder(feed.dialect), feed.names)

        def take(frame: str | bytes) -> None:
            for reply in understand.feed([frame]).replies:
                feed.on_reply(reply)

        await feed.open([dialect.symbol, dialect.other])
        for symbol in (dialect.symbol, dialect.other):
            await feed.subscribe(symbol, ["trades"])
        running = asyncio.create_task(
            feed.run(take, lambda status, _: up.set() if status == "connected" else None)
        )
        async with asyncio.timeout(LIMIT_SECONDS):
            await up.wait()
        await feed.close()
        await running
        await venue.close()
        return sum("subscribe" in text.lower() for text in venue.stream.heard)

    assert call(main()) == math.ceil(2 / dialect.symbols_a_message)


def test_a_depth_that_there_is_not_is_refused(dialect: type[VenueDialect]) -> None:
    if dialect.adapter.depths:
        deepest = max(dialect.adapter.depths)
        made = make_feed(f"{dialect.name}://?url=ws://127.0.0.1:9&rest=http://127.0.0.1:9&depth={deepest}")
        assert made.book_levels == deepest
    with pytest.raises((mdnb.OptionError, mdnb.FeedError), match=r"depth"):
        make_feed(f"{dialect.name}://?url=ws://127.0.0.1:9&rest=http://127.0.0.1:9&depth=7")
