"""What is particular to Hyperliquid: its subscriptions, refusals, spellings, pages, and repeated trades."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest

from mdnb.clock import EventClock
from mdnb.decode import decoder
from mdnb.errors import FeedRefusedError, SymbolError
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.timeouts import Liveness, Timeouts
from mdnb.feeds.venues.hyperliquid import HyperliquidFeed
from mdnb.rows import TradeRow
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.venues import faults
from tests.venues.bars import bars_of
from tests.venues.faulty_server import Question, Subscribe, Unsubscribe
from tests.venues.hyperliquid_venue import HyperliquidDialect, candle, trade_id
from tests.venues.rest_server import HttpAnswer, HttpRequest, serving
from tests.venues.stage import Stage
from tests.venues.stand_in import SECOND, START, StandIn, tape_of

TAPE = tape_of(600, 200, apart=1.0, live_apart=1.0)
BARS = bars_of(tape_of(3_000, 0), 60)


class Picky(HyperliquidDialect):
    """Refuses a coin that it lists, and says of another that it is subscribed already."""

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | None:
        wanted = json.loads(text).get("subscription", {})
        if wanted.get("coin") == "ETH":
            return json.dumps({"channel": "error", "data": f"Already subscribed: {json.dumps(wanted)}"})
        return super().hear(text)


class Repeating(HyperliquidDialect):
    """Remembers what it repeated."""

    def __init__(self) -> None:
        self.repeated: list[TradeRow] = []

    def at_subscribe(self, past: Sequence[TradeRow]) -> Sequence[str]:
        self.repeated = list(past[-30:])
        return super().at_subscribe(past)


class PongsOnly(HyperliquidDialect):
    """Says nothing that it was not asked."""

    def __init__(self) -> None:
        self.pings = 0
        self.many = asyncio.Event()

    def hear(self, text: str) -> Subscribe | Unsubscribe | Question | str | None:
        self.pings += '"ping"' in text
        if self.pings == 50:
            self.many.set()
        return super().hear(text)

    def heartbeat(self, now_ns: int) -> str | None:  # type: ignore[override]
        return None


@contextlib.asynccontextmanager
async def connected(
    dialect: HyperliquidDialect, symbols: Sequence[str], **options: Any
) -> AsyncIterator[tuple[StandIn, Any]]:
    """Give a stand-in and a feed that is connected to it."""
    venue = StandIn(dialect, TAPE, begun=600)
    await venue.listen()
    feed = venue.feed(**options)
    understand, up = decoder(feed.dialect), asyncio.Event()

    def take(frame: str | bytes) -> None:
        for reply in understand.feed([frame]).replies:
            feed.on_reply(reply)

    await feed.open(symbols)
    running = asyncio.create_task(
        feed.run(take, lambda status, _: up.set() if status == "connected" else None)
    )
    async with asyncio.timeout(LIMIT_SECONDS):
        await up.wait()
        yield venue, feed
    await feed.close()
    await running
    await venue.close()


def test_subscriptions_are_as_documented_one_a_coin_and_channel() -> None:
    async def main() -> list[Any]:
        async with connected(HyperliquidDialect(), ["BTC"]) as (venue, feed):
            await feed.subscribe("BTC", ["trades", "quotes", "depth", "bars"])
            await feed.unsubscribe("BTC", ["quotes"])
            return [json.loads(text) for text in venue.stream.heard]

    asked = call(main())
    assert [message["method"] for message in asked] == ["subscribe"] * 4 + ["unsubscribe"]
    assert [message["subscription"] for message in asked] == [
        {"type": "trades", "coin": "BTC"},
        {"type": "bbo", "coin": "BTC"},
        {"type": "l2Book", "coin": "BTC"},
        {"type": "candle", "coin": "BTC", "interval": "1m"},
        {"type": "bbo", "coin": "BTC"},
    ]


def test_a_coin_that_is_refused_says_why_and_one_that_is_subscribed_already_is_well() -> None:
    async def main() -> None:
        async with connected(Picky(), ["BTC", "ETH", "kPEPE"]) as (_, feed):
            await feed.subscribe("ETH", ["trades"])
            with pytest.raises(FeedRefusedError, match="Invalid subscription"):
                await feed.subscribe("kPEPE", ["trades", "quotes"])
            await feed.subscribe("BTC", ["trades"])

    call(main())


def asked_of(
    answer: Callable[[HttpRequest], HttpAnswer], ask: Callable[[Any], Coroutine[Any, Any, Any]]
) -> Any:
    """Return what a feed makes of answers, opened for BTC."""

    async def handle(request: HttpRequest) -> HttpAnswer:
        body = HyperliquidDialect().asked(request) if b"eta" in request.body else None
        return HttpAnswer(body) if isinstance(body, bytes) else answer(request)

    async def main() -> Any:
        async with serving(handle) as server:
            feed = HyperliquidFeed(rest=server.url)
            feed.clock = EventClock(START + 3_000 * 5 * SECOND)
            feed.rest.limiter.limit = RateLimit(10**6, 1.0)
            try:
                await feed.open(["BTC"])
                return await ask(feed)
            finally:
                await feed.close()

    return call(main())


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("BTC", "BTC"),
        ("BTC/USD", "BTC"),
        ("btc-usd", "BTC"),
        ("BTC/USDC:USDC", "BTC"),
        ("kPEPE", "kPEPE"),
        ("KPEPE/USD", "kPEPE"),
        ("PURR/USDC", "PURR/USDC"),
        ("UBTC/USDC", "@142"),
        ("@142", "@142"),
    ],
)
def test_spellings_of_one_symbol(spelling: str, name: str) -> None:
    async def ask(feed: HyperliquidFeed) -> Any:
        feed.names.clear()
        await feed.open([spelling])
        return feed.listed(spelling).name, feed.names[name]

    assert asked_of(lambda _: HttpAnswer(b"[]"), ask) == (name, spelling)


def test_what_is_not_listed_any_more_and_what_is_one_symbol_are_refused() -> None:
    async def ask(feed: HyperliquidFeed) -> None:
        with pytest.raises(SymbolError, match="does not list 'MATIC'"):
            await feed.open(["MATIC"])
        with pytest.raises(SymbolError, match="one symbol of Hyperliquid; name it once"):
            await feed.open(["BTC/USDC:USDC"])

    asked_of(lambda _: HttpAnswer(b"[]"), ask)


def test_there_is_no_tick_size_and_the_words_say_how_prices_are_rounded() -> None:
    async def ask(feed: HyperliquidFeed) -> Any:
        await feed.open(["PURR/USDC"])
        instruments = [feed.instrument(symbol) for symbol in ("BTC", "PURR/USDC")]
        return [(one.tick_size, one.description) for one in instruments], feed.listed("BTC").lot_size

    (bitcoin, purr), lot = asked_of(lambda _: HttpAnswer(b"[]"), ask)
    assert bitcoin == (None, "BTC perpetual, prices of 5 significant figures and at most 1 decimals")
    assert purr == (None, "PURR/USDC spot, prices of 5 significant figures and at most 8 decimals")
    assert lot == pytest.approx(1e-5)


@pytest.mark.parametrize(("most", "pages"), [(5000, 1), (100, 3), (125, 2)])
def test_a_history_that_comes_in_pages_is_whole_and_each_bar_is_there_once(most: int, pages: int) -> None:
    asked = []

    def answer(request: HttpRequest) -> HttpAnswer:
        req = json.loads(request.body)["req"]
        asked.append(req)
        held = [candle(bar, 60) for bar in BARS if req["startTime"] <= bar[0] // 10**6 <= req["endTime"]]
        return HttpAnswer(json.dumps(held[:most]).encode())

    async def ask(feed: HyperliquidFeed) -> Any:
        return await feed.history_bars("BTC", "1min", START, START + 3_000 * 5 * SECOND)

    rows = asked_of(answer, ask)
    assert [row[:6] for row in rows] == [bar[:6] for bar in BARS]
    assert [row[6] for row in rows] == [12] * len(BARS)
    assert len(asked) == pages
    assert all((req["coin"], req["interval"]) == ("BTC", "1m") for req in asked)


def test_the_bar_that_is_being_made_is_left_out() -> None:
    made = [candle(bar, 60) for bar in BARS]

    async def ask(feed: HyperliquidFeed) -> Any:
        for seconds in (1, 59):
            feed.clock = EventClock(BARS[-1][0] + seconds * SECOND)
            rows = await feed.history_bars("BTC", "1min", START, BARS[-1][0] + 60 * SECOND)
            assert rows is not None
            assert rows[-1][0] == BARS[-2][0]

    asked_of(lambda _: HttpAnswer(json.dumps(made).encode()), ask)


def test_a_question_that_cannot_be_read_is_refused_in_the_venues_words() -> None:
    words = b"Failed to deserialize the JSON body into the target type"

    async def ask(feed: HyperliquidFeed) -> None:
        with pytest.raises(FeedRefusedError, match="Hyperliquid says Failed to deserialize the JSON body"):
            await feed.history_bars("BTC", "1min", START, START + 60 * SECOND)

    asked_of(lambda _: HttpAnswer(words, 422), ask)


def test_its_own_pings_keep_a_quiet_connection_alive() -> None:
    async def main() -> int:
        patience = {
            "timeouts": Timeouts(heartbeat=0.05),
            "liveness": Liveness("frames", stale_seconds=1.0, dead_seconds=2.0),
        }
        dialect = PongsOnly()
        async with connected(dialect, ["BTC"], **patience) as (venue, _):
            await dialect.many.wait()
            return venue.stream.connections

    assert call(main()) == 1


def test_how_patient_it_is_follows_from_how_often_it_pings() -> None:
    assert HyperliquidFeed().timeouts.heartbeat == 5.0
    often = HyperliquidFeed(timeouts=Timeouts(heartbeat=20.0))
    for feed in (HyperliquidFeed(), often):
        beat = feed.timeouts.heartbeat
        assert beat < feed.liveness.stale_seconds < feed.liveness.dead_seconds <= 5 * beat


@pytest.mark.parametrize("missed", [20, 45])
def test_trades_that_are_repeated_after_an_outage_go_into_their_own_bars_by_their_ids(missed: int) -> None:
    dialect = Repeating()
    venue = StandIn(dialect, TAPE, [faults.Drop(610, missed)], begun=600)
    call(venue.listen())
    stage = Stage(venue, venue.feed(), "BTC/USD", {"1sec": 1, "5sec": 5, "1min": 60}, TAPE)
    try:
        stage.play()
        lost = stage.not_held(since=600)
        assert dialect.repeated[-1][0] > TAPE[610][0]
        assert not {*lost} & {*dialect.repeated}
        told = [gap[-1].data for gap in stage.gaps() if not gap[-1].repaired]
        assert all(
            any(gap["gap_start"].value < row[0] < gap["gap_end"].value for gap in told) for row in lost
        )
        stage.check_bars(frozenset(row[5] for row in lost), since=600)
        assert stage.market.accounting().late_dropped == 0
    finally:
        stage.close()


def test_trades_of_before_the_history_ended_are_in_its_bars_already() -> None:
    venue = StandIn(HyperliquidDialect(), TAPE, begun=600)
    call(venue.listen())
    stage = Stage(venue, venue.feed(), "BTC/USD", {"1min": 60, "5min": 300}, TAPE, initial_days=1)
    try:
        stage.play()
        stage.check_candles()
        accounting = stage.market.accounting()
        assert (accounting.duplicate, accounting.in_bars) == (30, 200)
    finally:
        stage.close()


def test_ids_of_the_stand_in_differ_and_do_not_rise() -> None:
    ids = [trade_id(row[5]) for row in tape_of(3_000, 600)]
    assert len(set(ids)) == len(ids)
    assert ids != sorted(ids)
