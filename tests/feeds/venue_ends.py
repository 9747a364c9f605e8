"""The two ends of a venue that a test scripts itself: its history, and its stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

from websockets.asyncio.server import ServerConnection, serve

from mdnb.decode import decoder
from mdnb.decode.renaming import RenamingDecoder
from mdnb.feeds.base import Channel
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.venue import VenueFeed
from mdnb.rows import TradeRow
from tests.limits import LIMIT_SECONDS
from tests.venues.rest_server import HttpAnswer, HttpRequest, serving

__all__ = ["Follower", "Page", "asking", "followed", "streaming"]

Page = Callable[[HttpRequest], object]
"""Returns what a request is answered: an `HttpAnswer`, or what is written as JSON."""

_Feed = TypeVar("_Feed", bound=VenueFeed)


@contextlib.asynccontextmanager
async def asking(
    adapter: type[_Feed], page: Page, symbols: Sequence[str], **options: Any
) -> AsyncIterator[tuple[_Feed, list[HttpRequest]]]:
    """Give a feed that has opened symbols, whose requests a page answers; and what it asks from then on."""

    async def answer(request: HttpRequest) -> HttpAnswer:
        made = page(request)
        return made if isinstance(made, HttpAnswer) else HttpAnswer(json.dumps(made).encode())

    async with serving(answer) as server:
        feed = adapter(**({"url": "ws://127.0.0.1:9", "rest": server.url} | options))
        feed.rest.limiter.limit = RateLimit(10**6, 1.0)
        async with asyncio.timeout(LIMIT_SECONDS), feed:
            await feed.open(symbols)
            del server.requests[:]
            yield feed, server.requests


class Follower:
    """Takes what a feed delivers, and keeps it.

    Attributes
    ----------
    statuses
        What the feed told.
    trades
        What was decoded of them, with their symbols.
    """

    def __init__(self) -> None:
        self.statuses: list[tuple[str, str]] = []
        self.trades: list[tuple[str, TradeRow]] = []
        self._news = asyncio.Event()

    def tell(self, status: str, detail: str) -> None:
        """Take a status."""
        self.statuses.append((status, detail))
        self._news.set()

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def until_told(self, status: str) -> str:
        """Wait until a status was told; return its detail."""
        await self.until(lambda: any(told == status for told, _ in self.statuses))
        return next(detail for told, detail in self.statuses if told == status)

    def taker(self, feed: VenueFeed) -> Callable[[str | bytes], None]:
        """Return what takes the frames of a feed."""
        understand = RenamingDecoder(decoder(feed.dialect), feed.names)

        def take(frame: str | bytes) -> None:
            batch = understand.feed([frame])
            assert batch.malformed == []
            self.trades += [(symbol, row) for symbol, rows in batch.trades.items() for row in rows]
            for reply in batch.replies:
                feed.on_reply(reply)
            self._news.set()

        return take


@contextlib.asynccontextmanager
async def followed(
    feed: VenueFeed, symbols: Sequence[str], channels: Sequence[Channel]
) -> AsyncIterator[Follower]:
    """Let a feed run that has subscribed channels of symbols, and give what follows it."""
    follower = Follower()
    await feed.open(symbols)
    for symbol in symbols:
        await feed.subscribe(symbol, channels)
    running = asyncio.create_task(feed.run(follower.taker(feed), follower.tell))
    try:
        yield follower
    finally:
        await feed.close()
        await running


class Streaming(Follower):
    """A venue's stream, and what a feed delivers of it.

    Attributes
    ----------
    heard
        By path, what clients sent.
    sockets
        By path, the newest connection.
    """

    def __init__(self, reply: Callable[[str], Sequence[str]]) -> None:
        super().__init__()
        self.heard: dict[str, list[Any]] = {}
        self.sockets: dict[str, ServerConnection] = {}
        self._reply = reply

    async def serve(self, socket: ServerConnection) -> None:
        """Answer a client."""
        assert socket.request is not None
        path = socket.request.path
        self.sockets[path] = socket
        async for frame in socket:
            text = frame if isinstance(frame, str) else frame.decode()
            self.heard.setdefault(path, []).append(json.loads(text) if text.startswith("{") else text)
            self._news.set()
            for answer in self._reply(text):
                await socket.send(answer)


@contextlib.asynccontextmanager
async def streaming(
    adapter: type[_Feed],
    page: Page,
    reply: Callable[[str], Sequence[str]],
    wanted: dict[str, list[Any]],
    **options: Any,
) -> AsyncIterator[tuple[_Feed, Streaming]]:
    """Give a feed that runs and has subscribed what is wanted, and the stream at its other end."""
    stream = Streaming(reply)
    async with (
        serve(stream.serve, "127.0.0.1", 0, compression=None) as server,
        asking(
            adapter,
            page,
            list(wanted),
            url=f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            **options,
        ) as (feed, _),
    ):
        for symbol, channels in wanted.items():
            await feed.subscribe(symbol, channels)
        running = asyncio.create_task(feed.run(stream.taker(feed), stream.tell))
        await stream.until_told("connected")
        yield feed, stream
        await feed.close()
        await running
