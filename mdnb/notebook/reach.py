"""``mdnb doctor kraken``: whether a venue can be reached from here, and what is in the way."""

from __future__ import annotations

import asyncio
import os
import time

from mdnb.errors import MdnbError
from mdnb.feeds.registry import make_feed
from mdnb.feeds.venue import VenueFeed

__all__ = ["reach"]

_SECONDS = 20.0
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
    if not isinstance(feed, VenueFeed):
        return [], [f"{name} is a feed of another package, which does not say how to find out"]
    return asyncio.run(_reach(feed))


async def _reach(feed: VenueFeed) -> tuple[list[str], list[str]]:
    lines = [f"{feed.offers.title}: {feed.address}, {feed.rest.host}", *_environment()]
    problems = []
    try:
        for what, ask in (("its history", _history), ("its stream", _stream)):
            began = time.monotonic()
            try:
                async with asyncio.timeout(_SECONDS):
                    said = await ask(feed)
            except (MdnbError, OSError, TimeoutError) as error:
                why = str(error) or f"no answer within {_SECONDS:g} s"
                problems.append(f"  {what} cannot be asked: {why}")
            else:
                lines.append(f"  {what}: {said} ({time.monotonic() - began:.1f} s)")
    finally:
        await feed.close()
    if problems and not feed.offers.binder:
        problems.append("  from mybinder.org it cannot be reached: only ports 80 and 443 are open there")
    return problems, lines + problems


async def _history(feed: VenueFeed) -> str:
    return f"{len(await feed.list_symbols()):,} symbols"


async def _stream(feed: VenueFeed) -> str:
    up, down = asyncio.Event(), asyncio.Event()
    told: list[str] = []

    def hear(status: str, detail: str) -> None:
        told.append(detail)
        if status == "connected":
            up.set()
        elif status == "disconnected":
            down.set()

    running = asyncio.create_task(feed.run(lambda _frame: None, hear))
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
