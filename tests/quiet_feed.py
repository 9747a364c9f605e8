"""The base of feeds that deliver by themselves, whatever is subscribed."""

from __future__ import annotations

from collections.abc import Sequence

from mdnb.feeds.base import Channel, Feed

__all__ = ["QuietFeed"]


class QuietFeed(Feed):
    """Needs nothing, is asked for nothing, and holds nothing: `run` is what a feed derived from it has."""

    ids = "sequential"

    async def open(self, symbols: Sequence[str]) -> None:
        """Need nothing."""

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Send everything anyway."""

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Send everything anyway."""

    async def close(self) -> None:
        """Hold nothing."""
