"""Venues by ccxt's own client, against Kraken's stand-in; without ccxt, what is said then."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mdnb.clock import EventClock
from mdnb.errors import FeedError, FeedRefusedError, MissingExtraError, SymbolError
from mdnb.feeds.registry import make_feed
from mdnb.feeds.timeouts import Backoff, Liveness
from mdnb.feeds.venues.ccxt import CcxtFeed, trade_id
from mdnb.rows import TradeRow
from mdnb.runtime.process.bridge import call
from tests.venues import faults
from tests.venues.bars import bars_of
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.stage import Stage
from tests.venues.stand_in import StandIn, tape_of

BEFORE = 600
TAPE: list[TradeRow] = tape_of(BEFORE, 300)


def test_without_ccxt_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mdnb\[ccxt\]'"):
        make_feed("ccxt:bybit")


def test_ids_that_are_whole_numbers_stay_and_others_become_some() -> None:
    texts = [
        "2290000000007764263",
        "d3a9f0c0-8a6e-5a54-8b7a-2f6f9b1b9d11",
        "0x1f",
        "18446744073709551616",
        "٤",
    ]
    ids = [trade_id(text) for text in texts]
    assert ids[0] == 2290000000007764263
    assert ids == [trade_id(text) for text in texts]
    assert len(set(ids)) == len(ids)
    assert all(0 <= one < 2**63 for one in ids)
    assert (trade_id(None), trade_id("")) == (-1, -1)


class KrakenForCcxt(KrakenDialect):
    """Kraken with a quote and a book."""

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | tuple[str, ...] | None:
        assert '"symbol":["BTC/USD"]' in text or '"ping"' in text
        if '"subscribe"' in text and '"ticker"' in text:
            return json.dumps({"channel": "ticker", "type": "snapshot", "data": [_TICKER]})
        if '"subscribe"' in text and '"book"' in text:
            return json.dumps({"channel": "book", "type": "snapshot", "data": [_BOOK]})
        return super().hear(text)


_AT = "2026-03-02T14:50:00.123456Z"
_TICKER = {
    "symbol": "BTC/USD",
    "bid": 30000.5,
    "bid_qty": 0.25,
    "ask": 30001.0,
    "ask_qty": 2.0,
    "last": 30000.75,
}
_BOOK = {
    "symbol": "BTC/USD",
    "bids": [{"price": 30000.5, "qty": 0.25}, {"price": 30000.0, "qty": 1.5}],
    "asks": [{"price": 30001.0, "qty": 2.0}, {"price": 30002.5, "qty": 3.0}],
    "checksum": 0,
    "timestamp": _AT,
}


@pytest.fixture
def staged() -> Iterator[Callable[..., Stage]]:
    pro = pytest.importorskip("ccxt.pro", reason="the extra ccxt is not installed: pip install 'mdnb[ccxt]'")
    stages: list[Stage] = []

    def stage(*wrong: faults.Fault, kept: int = 1000, pace: float = 0.001, **options: Any) -> Stage:
        venue = StandIn(KrakenForCcxt(), TAPE, wrong, begun=BEFORE, pace=pace)
        call(venue.listen())
        client = pro.kraken({"options": {"tradesLimit": kept}, "enableRateLimit": False, "timeout": 5000})
        client.urls["api"]["ws"]["publicV2"] = venue.stream.url
        client.urls["api"]["public"] = venue.rest.url
        alive = Liveness("frames", stale_seconds=3.0, dead_seconds=4.0)
        feed = CcxtFeed("kraken", client=client, backoff=Backoff(0.001, 1.0, 0.001), liveness=alive)
        feed.clock = EventClock(venue.now_ns)
        made = Stage(venue, feed, "BTC/USD", {"1min": 60, "5min": 300}, TAPE, **options)
        stages.append(made)
        return made

    yield stage
    for one in stages:
        one.close()


def test_why_there_is_no_connection_is_told_in_plain_words() -> None:
    pro = pytest.importorskip("ccxt.pro", reason="the extra ccxt is not installed: pip install 'mdnb[ccxt]'")

    async def main() -> None:
        client = pro.kraken()
        # Nothing listens on the port that only root may open.
        client.urls["api"]["public"] = "http://127.0.0.1:1"
        async with CcxtFeed("kraken", client=client) as feed:
            with pytest.raises(FeedError, match="refused: nothing listens on that port") as caught:
                await feed.open(["BTC/USD"])
            assert type(caught.value) is FeedError

    asyncio.run(main())


def test_history_and_live_join_without_a_lost_or_doubled_trade(staged: Callable[..., Stage]) -> None:
    stage = staged(initial_days=1)
    assert stage.feed.instrument("BTC/USD").tick_size == 0.01
    assert stage.market.data.engine.venue == "Kraken (ccxt)"
    stage.play()
    stage.check_candles()
    assert stage.market.accounting().balanced


@pytest.mark.parametrize(
    "wrong",
    [faults.Drop(BEFORE + 100, 60), faults.Restart(BEFORE + 100, 60)],
    ids=str,
)
def test_what_an_outage_cost_is_fetched(wrong: faults.Fault, staged: Callable[..., Stage]) -> None:
    stage = staged(wrong, initial_days=1)
    stage.play()
    assert [gap[-1].state for gap in stage.gaps()] == ["repaired"]
    stage.check_candles()
    assert stage.stream.connections > 1


def test_a_connection_over_which_nothing_comes_is_dropped_and_made_anew(staged: Callable[..., Stage]) -> None:
    # Trades still come when it is back: without them nobody knows what time it is in this market.
    stage = staged(faults.HalfOpen(BEFORE + 20), pace=0.03, initial_days=1)
    stage.play()
    assert [gap[-1].state for gap in stage.gaps()] == ["repaired"]
    assert stage.candles("1min") == [bar[:6] for bar in bars_of(TAPE, 60)]
    assert stage.stream.connections == 2


def test_more_trades_at_once_than_ccxt_keeps_are_an_outage_that_is_told_and_fetched(
    staged: Callable[..., Stage],
) -> None:
    stage = staged(faults.Mute(BEFORE + 100, 50), kept=20, initial_days=1)
    stage.play()
    gaps = stage.gaps()
    assert gaps
    assert all(gap[-1].repaired for gap in gaps)
    stage.check_candles()
    assert stage.stream.connections == 1


def test_quotes_and_books_are_those_of_the_venue(staged: Callable[..., Stage]) -> None:
    stage = staged()
    call(stage.feed.subscribe("BTC/USD", ["quotes", "depth"]))
    engine, ledger = stage.pipeline.engine, stage.pipeline.ledger
    call(stage.until(lambda: engine.last_quote is not None and ledger.depth_updates > 0))
    assert engine.last_quote is not None
    assert engine.last_quote[1:] == (30000.5, 0.25, 30001.0, 2.0)


def test_what_ccxt_or_the_venue_does_not_have_is_refused(staged: Callable[..., Stage]) -> None:
    feed = staged().feed
    with pytest.raises(SymbolError, match=r"kraken does not list 'BTC/UST'. Did you mean"):
        call(feed.open(["BTC/UST"]))
    with pytest.raises(SymbolError, match="name it once"):
        call(feed.open(["btcusd"]))
    with pytest.raises(FeedRefusedError, match="ccxt has no bars of kraken"):
        call(feed.subscribe("BTC/USD", ["bars"]))
    with pytest.raises(FeedError, match=r"ccxt.pro has no venue 'krakken'. Did you mean 'kraken'"):
        call(make_feed("ccxt:krakken").open(["BTC/USD"]))
