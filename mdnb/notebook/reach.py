"""``mdnb doctor kraken``: whether a venue can be reached from here, and what is in the way."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Awaitable, Callable

from mdnb.errors import MdnbError
from mdnb.feeds.base import Feed
from mdnb.feeds.connection import WebSocketFeed
from mdnb.feeds.registry import make_feed
from mdnb.feeds.venue import VenueFeed
from mdnb.runtime.feed_decoder import decoder_of

__all__ = ["reach"]

_SECONDS = 20.0
_Try = tuple[str, Callable[[], Awaitable[str]]]
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


def reach(name: str) -> tuple[list[str], list[str]]:
    """Return what is in the way of a feed, and the report as lines to print.

    Parameters
    ----------
    name
        A feed's, with options where it needs some.

    Examples
    --------
    >>> reach("sim")
    ([], ['sim needs no network: it runs on this machine'])
    >>> problems, lines = reach("kraken?url=ws://127.0.0.1:9&rest=http://127.0.0.1:9")
    >>> problems[0]
    '  its history cannot be asked: 127.0.0.1:9/0/public/AssetPairs: refused: nothing listens on that port'
    """
    feed = make_feed(name)
    if feed.is_local:
        return [], [f"{name} needs no network: it runs on this machine"]
    return asyncio.run(_reach(feed))


async def _reach(feed: Feed) -> tuple[list[str], list[str]]:
    title, tried = _tried(feed)
    lines = [title, *_environment()]
    problems = []
    try:
        for what, ask in tried:
            began = time.monotonic()
            try:
                async with asyncio.timeout(_SECONDS):
                    said = await ask()
            except (MdnbError, OSError, TimeoutError) as error:
                why = str(error) or f"no answer within {_SECONDS:g} s"
                problems.append(f"  {what} cannot be asked: {why}")
            else:
                lines.append(f"  {what}: {said} ({time.monotonic() - began:.1f} s)")
    finally:
        await feed.close()
    if problems and isinstance(feed, VenueFeed) and not feed.offers.binder:
        problems.append("  from mybinder.org it cannot be reached: only ports 80 and 443 are open there")
    return problems, lines + problems


def _tried(feed: Feed) -> tuple[str, list[_Try]]:
    """Return what a feed is called, and what is asked of it by which function."""
    if isinstance(feed, VenueFeed):
        asked: list[_Try] = [("its history", functools.partial(_history, feed))]
        asked += [(what, functools.partial(_stream, stream)) for what, stream in feed.streams().items()]
        return f"{feed.offers.title}: {feed.address}, {feed.rest.host}", asked
    # What stands behind it only it knows: its list of symbols is asked for by most.
    return repr(feed), [("what it lists", lambda: _opened(feed))]


async def _opened(feed: Feed) -> str:
    await feed.open([])
    return "it can be opened"


async def _history(feed: VenueFeed) -> str:
    return f"{len(await feed.list_symbols()):,} symbols"


async def _stream(feed: WebSocketFeed) -> str:
    up, down = asyncio.Event(), asyncio.Event()
    told: list[str] = []

    def hear(status: str, detail: str) -> None:
        told.append(detail)
        if status == "connected":
            up.set()
        elif status == "disconnected":
            down.set()

    understand = decoder_of(feed)

    def take(frame: str | bytes) -> None:
        # A login waits for its answer.
        for reply in understand.feed([frame]).replies:
            feed.on_reply(reply)

    running = asyncio.create_task(feed.run(take, hear))
    waiting = [asyncio.create_task(one.wait()) for one in (up, down)]
    try:
        await asyncio.wait({running, *waiting}, return_when=asyncio.FIRST_COMPLETED)
        if up.is_set():
            return "connected"
        if running.done():
            await running
        raise TimeoutError(next((one for one in reversed(told) if one), ""))
    finally:
        for task in (running, *waiting):
            task.cancel()
        await asyncio.gather(running, *waiting, return_exceptions=True)


def _environment() -> list[str]:
    named = [name for name in _PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    # Their addresses may hold a password.
    return [f"  by way of the proxy that {', '.join(named)} of the environment name"] if named else []
