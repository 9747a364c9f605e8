"""What both contracts were worth where a continuous symbol went from one to the next."""

from __future__ import annotations

import asyncio
import logging

from mdnb.feeds.base import Feed
from mdnb.feeds.rolls import Seam
from mdnb.rows import SeamPrices

__all__ = ["seam_prices"]

_ATTEMPTS, _SECONDS = 4, 2.0

_log = logging.getLogger("mdnb")


async def seam_prices(feed: Feed, seam: Seam) -> SeamPrices | None:
    """Ask a feed, again where it fails; None where it does not know, or failed each time."""
    for attempt in range(_ATTEMPTS):
        try:
            prices = await feed.roll_prices(seam)
        except Exception as error:  # noqa: BLE001  # an adapter may raise anything
            _log.info("what %s was worth at its roll could not be fetched: %r", seam.symbol, error)
            await asyncio.sleep(_SECONDS * 2**attempt)
            continue
        return None if prices is None else SeamPrices(seam.symbol, seam.at_ns, *prices)
    return None
