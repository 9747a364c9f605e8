"""A feed over two connections fails by what fails on either of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from mdnb.feeds.timeouts import Backoff, Timeouts
from mdnb.feeds.venues.okx import OkxFeed
from tests.feeds.venue_ends import asking
from tests.limits import LIMIT_SECONDS
from tests.venues.okx_venue import OkxDialect
from tests.venues.rest_server import HttpAnswer, HttpRequest

BAD = "this frame is one that on_frame cannot take"


def page(request: HttpRequest) -> Any:
    answer = OkxDialect().asked(request)
    assert isinstance(answer, bytes)
    return HttpAnswer(answer)


@pytest.mark.parametrize(("path", "channel"), [("/business", "trades"), ("/public", "depth")])
def test_what_taking_a_frame_raises_ends_the_feed_on_either_connection(path: str, channel: Any) -> None:
    told: list[tuple[str, str]] = []

    async def venue(socket: ServerConnection) -> None:
        assert socket.request is not None
        async for text in socket:
            asked = json.loads(text) if str(text).startswith("{") else {}
            for arg in asked.get("args", ()):
                await socket.send(json.dumps({"id": asked["id"], "event": asked["op"], "arg": arg}))
            if socket.request.path == path:
                await socket.send(BAD)

    def take(frame: str | bytes) -> None:
        if frame == BAD:
            raise ZeroDivisionError(BAD)

    async def main() -> None:
        async with serve(venue, "127.0.0.1", 0) as server, asyncio.timeout(LIMIT_SECONDS):
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            quick: dict[str, Any] = {"backoff": Backoff(0.001, 1.0, 0.001), "timeouts": Timeouts()}
            async with asking(OkxFeed, page, ["BTC/USDT"], url=url, **quick) as (feed, _):
                await feed.subscribe("BTC/USDT", [channel])
                with pytest.raises(ZeroDivisionError, match=BAD):
                    await feed.run(take, lambda *status: told.append(status))

    asyncio.run(main())
    assert told[-1] == ("closed", "")


def test_whoever_cancels_it_ends_both_connections() -> None:
    async def main() -> None:
        connected = asyncio.Event()

        async def venue(socket: ServerConnection) -> None:
            async for _ in socket:
                connected.set()

        async with serve(venue, "127.0.0.1", 0) as server, asyncio.timeout(LIMIT_SECONDS):
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with asking(OkxFeed, page, ["BTC/USDT"], url=url) as (feed, _):
                await feed.subscribe("BTC/USDT", ["trades", "depth"])
                running = asyncio.create_task(feed.run(lambda frame: None, lambda status, detail: None))
                await connected.wait()
                running.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await running

    asyncio.run(main())
