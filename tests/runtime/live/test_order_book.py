"""The order book in the running session: what events tell, and what a lost connection leaves of it."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from websockets.asyncio.server import ServerConnection

from mdnb.clock import EventClock
from mdnb.decode import decoder
from mdnb.events.bus import EventBus
from mdnb.events.types import Event, EventType
from mdnb.feeds.base import Channel, Feed, OnFrame, OnStatus
from mdnb.feeds.connection import Endpoint, Wall, WebSocketFeed
from mdnb.feeds.wire import WireFeed
from mdnb.instruments import Instrument
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.session import MarketSession, SessionOptions
from mdnb.sessions import Sessions
from mdnb.timeframes import Timeframe
from tests.feeds.scripted import scripted
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, open_market

NOW = 1_700_000_000_000_000_000
OPTIONS = SessionOptions(timeframes=(Timeframe.parse("1min"),), initial_days=0)
TIMEOUT = LIMIT_SECONDS


def depth(
    bids: list[tuple[float, float]], asks: list[tuple[float, float]], ts_ns: int = NOW, snap: bool = True
) -> str:
    return json.dumps({"e": "depth", "s": "X", "t": ts_ns, "snap": snap, "b": bids, "a": asks})


WHOLE = depth([(99.75, 6.0), (99.5, 1.0)], [(100.0, 2.0)])


# -- events --------------------------------------------------------------------------------------------------


def told_by(frames: Sequence[str]) -> tuple[list[Event], SymbolState]:
    """Return the events of these frames, each taken as a batch of its own."""
    engine = SymbolState(Instrument("X", 0.25), Sessions.always(), ["1min"])
    events: list[Event] = []

    async def main() -> None:
        bus = EventBus()
        complete = asyncio.Event()

        def keep(event: Event) -> None:
            events.append(event)
            if len(events) == len(frames):
                complete.set()

        bus.on(EventType.MARKET_DEPTH_UPDATE, keep)
        clock = EventClock()
        clock.advance(NOW + 5)
        pipeline = Pipeline(engine, bus, clock)
        pipeline.subscribed.add("depth")
        decode = decoder("mdnb")
        for frame in frames:
            pipeline.take(depth=decode.feed([frame]).depth["X"])
        async with asyncio.timeout(TIMEOUT):
            await complete.wait()

    asyncio.run(main())
    return events, engine


def test_an_event_tells_the_top_and_how_the_book_came_about() -> None:
    change = depth([(100.0, 1.0)], [(100.5, 3.0)], NOW + 1, snap=False)
    (first, second), engine = told_by([WHOLE, change])
    assert first.data == {
        "best_bid": 99.75,
        "best_bid_size": 6.0,
        "best_ask": 100.0,
        "best_ask_size": 2.0,
        "spread": 0.25,
        "imbalance": 5 / 9,
        "updates": 1,
        "snapshot": True,
        "ready": True,
        "crossed_removed": 0,
    }
    assert (first.time_ns, second.time_ns) == (NOW, NOW + 1)
    assert (second.best_bid, second["best_ask"], second.snapshot) == (100.0, 100.5, False)
    assert second.crossed_removed == 1
    assert engine.book(1) == ([(100.0, 1.0)], [(100.5, 3.0)])


def test_an_event_of_half_a_book_says_what_is_missing() -> None:
    ((event,), _) = told_by([depth([], [(100.0, 2.0)], ts_ns=0, snap=False)])
    assert math.isnan(event.best_bid)
    assert math.isnan(event.spread)
    assert (event.best_bid_size, event.best_ask, event.imbalance, event.ready) == (0.0, 100.0, -1.0, False)
    assert event.time_ns == NOW + 5, "a venue that gives no time is told at the clock's"


def test_the_engine_gives_the_book_as_a_record() -> None:
    _, engine = told_by([WHOLE])
    view = engine.order_book(1, age=0.5)
    assert (view.symbol, view.time_ns, view.ready, view.age) == ("X", NOW, True, 0.5)
    assert (view.best_bid, view.best_ask, len(view.bids), view.imbalance) == (99.75, 100.0, 1, 0.5)
    assert engine.order_book().bid_volume == 7.0


# -- a lost connection ---------------------------------------------------------------------------------------


class Abrupt(Feed):
    """Delivers a whole book and is cut off in the same moment, before anything could be decoded."""

    def __init__(self) -> None:
        super().__init__()
        self.go, self.cut, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def open(self, symbols: Sequence[str]) -> None:
        """There is nothing to open."""

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        on_status("connected", "")
        await self.go.wait()
        on_frame(WHOLE)
        on_status("disconnected", "cut")
        self.cut.set()
        await self.over.wait()

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Agree."""

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Agree."""

    async def close(self) -> None:
        self.over.set()


def test_a_book_that_was_on_its_way_when_the_connection_was_lost_does_not_come_back() -> None:
    async def main() -> None:
        feed = Abrupt()
        session = MarketSession(feed, ["X"], OPTIONS)
        await session.start()
        session.market("X").pipeline.subscribed.add("depth")
        feed.go.set()
        await feed.cut.wait()
        # A callback scheduled now runs after every one that was scheduled before.
        passed = asyncio.Event()
        asyncio.get_running_loop().call_soon(passed.set)
        await passed.wait()
        engine = session.market("X").engine
        assert engine.depth.snapshots == 1, "it was taken, in its turn"
        assert (engine.book(), engine.depth.ready) == (([], []), False)
        await session.close()

    asyncio.run(main())


class Venue(WireFeed):
    """A feed of a scripted server, which looks at the book whenever its connection changes."""

    def __init__(self, url: str) -> None:
        WebSocketFeed.__init__(self, wall=Wall(dice=lambda: 0.0))
        self._url = url
        self.look: Callable[[], Any] = lambda: None
        self.seen: list[tuple[str, Any]] = []

    async def open(self, symbols: Sequence[str]) -> None:
        """There is nothing to open."""

    async def endpoint(self) -> Endpoint:
        return Endpoint(self._url)

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        def watched(status: str, detail: str) -> None:
            on_status(status, detail)
            self.seen.append((status, self.look()))

        await super().run(on_frame, watched)


def sending(book: str, until: asyncio.Event) -> Callable[[ServerConnection], Awaitable[None]]:
    """Agree to everything, send a book to who asks for depth, and cut the connection when told to."""

    async def serve(connection: ServerConnection) -> None:
        async for frame in connection:
            asked = json.loads(frame)
            await connection.send(json.dumps({"e": "reply", "id": asked["id"], "ok": True}))
            if "depth" in asked.get("channels", ()):
                await connection.send(book)

    async def act(connection: ServerConnection) -> None:
        serving = asyncio.create_task(serve(connection))
        waiting = asyncio.create_task(until.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        connection.transport.abort()
        await asyncio.wait({serving})

    return act


def test_after_a_drop_the_book_is_empty_until_the_venue_sends_it_again() -> None:
    async def main() -> None:
        cut = asyncio.Event()
        again = depth([(90.0, 1.0)], [(91.0, 1.0)], NOW + 9)
        async with (
            asyncio.timeout(TIMEOUT),
            scripted([sending(WHOLE, cut), sending(again, asyncio.Event())]) as server,
        ):
            feed = Venue(server.url)
            session = MarketSession(feed, ["X"], OPTIONS)
            await session.start()
            engine = session.market("X").engine
            changed = asyncio.Event()
            engine.listen(changed.set)
            feed.look = lambda: (engine.book(), engine.depth.ready)

            async def until(snapshots: int) -> None:
                while engine.depth.snapshots < snapshots:
                    changed.clear()
                    await changed.wait()

            session.market("X").pipeline.subscribed.add("depth")
            await feed.subscribe("X", ["depth"])
            await until(snapshots=1)
            assert engine.book(1) == ([(99.75, 6.0)], [(100.0, 2.0)])
            cut.set()
            await until(snapshots=2)
            assert engine.book() == ([(90.0, 1.0)], [(91.0, 1.0)])
            assert dict(feed.seen)["disconnected"] == (([], []), False)
            assert engine.depth.ready
            await session.close()

    asyncio.run(main())


def test_as_many_levels_are_kept_as_the_feed_has_subscribed() -> None:
    levels = 3_000
    bids, asks = ([[100.0 + sign * (at + 1) / 4, 1.0] for at in range(levels)] for sign in (-0.01, 1.0))
    frame = json.dumps({"e": "depth", "s": "X", "t": NOW, "snap": True, "b": bids, "a": asks})
    for subscribed, kept in ((25, 25), (None, levels)):
        feed = HandFeed(instrument=Instrument("X", None))
        feed.book_levels = subscribed
        with open_market(feed, "1min") as market:
            market.data.subscribe_to_level2()
            feed.send(frame)
            book = market.data.get_order_book(levels)
            assert (len(book.bids), len(book.asks)) == (kept, kept)
            assert (book.best_bid, book.best_ask) == (bids[0][0], asks[0][0])
