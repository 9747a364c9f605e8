"""Channels of the feed: subscribing and unsubscribing."""

from __future__ import annotations

from mdnb.errors import MdnbError
from mdnb.feeds.base import Channel
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.symbol_market import SymbolMarket

__all__ = ["Subscriptions"]


class Subscriptions:
    """Channels of one symbol; trades and quotes are on from the start."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    async def subscribe_to_trades(self) -> None:
        """Receive trades; on from the start.

        Raises
        ------
        FeedRefusedError
            When the venue says no.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     market.data.subscribe_to_trades()
        ...     "trades" in market.data.get_subscriptions()
        True
        """
        await self._subscribe("trades")

    async def subscribe_to_quotes(self) -> None:
        """Receive best bid and ask; on from the start.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     market.data.subscribe_to_quotes()
        ...     "quotes" in market.data.get_subscriptions()
        True
        """
        await self._subscribe("quotes")

    async def subscribe_to_level2(self) -> None:
        """Receive the order book, for `get_order_book` and the event ``MARKET_DEPTH_UPDATE``.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     market.data.subscribe_to_level2()
        ...     "depth" in market.data.get_subscriptions()
        True
        """
        await self._subscribe("depth")

    async def unsubscribe_from_trades(self) -> None:
        """Stop receiving trades: no bar moves until `subscribe_to_trades`.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     market.data.unsubscribe_from_trades()
        ...     "trades" in market.data.get_subscriptions()
        False
        """
        await self._unsubscribe("trades")

    async def unsubscribe_from_quotes(self) -> None:
        """Stop receiving quotes.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     market.data.unsubscribe_from_quotes()
        ...     "quotes" in market.data.get_subscriptions()
        False
        """
        await self._unsubscribe("quotes")

    async def unsubscribe_from_level2(self) -> None:
        """Stop receiving the order book.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     market.data.unsubscribe_from_level2()
        ...     "depth" in market.data.get_subscriptions()
        False
        """
        await self._unsubscribe("depth")
        self._market.pipeline.reset_depth()

    def get_subscriptions(self) -> list[str]:
        """Return the channels received: ``trades``, ``quotes``, ``depth``, ``bars``.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=0.1) as market:
        ...     market.data.get_subscriptions()
        ['quotes', 'trades']
        """
        return sorted(self._market.pipeline.subscribed)

    async def _subscribe(self, channel: Channel) -> None:
        market = self._market
        market.open()
        # Before the venue agrees: its first message may come before its yes.
        new = channel not in market.pipeline.subscribed
        market.pipeline.subscribed.add(channel)
        try:
            await await_call(market.feed.subscribe(market.symbol, [channel]))
        except MdnbError:
            if new:
                market.pipeline.subscribed.discard(channel)
            raise

    async def _unsubscribe(self, channel: Channel) -> None:
        market = self._market
        market.open()
        await await_call(market.feed.unsubscribe(market.symbol, [channel]))
        market.pipeline.subscribed.discard(channel)
