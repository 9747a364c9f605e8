"""The newest values of one symbol by their usual names: price, last, bid, ask, quote."""

from __future__ import annotations

from mdnb.manager.market_now import CurrentData
from mdnb.runtime.live.records import price_of
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.types import Price, Quote

__all__ = ["NewestValues"]


class NewestValues:
    """Newest values of one symbol; each waits up to 10 s for the first data."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market
        self._current = CurrentData(market)

    async def price(self) -> Price:
        """Return the last traded price; ``age`` says how old it is, in seconds.

        Raises
        ------
        NoDataError
            When nothing came in time.
        ClosedError
            After the market was closed.
        """
        return await self._current.get_current_price()

    async def last(self) -> Price:
        """Return the last traded price, as ``price`` does."""
        return await self._current.get_current_price()

    async def quote(self) -> Quote:
        """Return the newest best bid and ask, with their sizes; see ``data.get_current_quote``."""
        return await self._current.get_current_quote()

    async def bid(self) -> Price:
        """Return the best bid, ``nan`` where that side is empty; ``age`` says how old it is, in seconds."""
        return self._of(await self._current.get_current_quote(), "bid")

    async def ask(self) -> Price:
        """Return the best ask, ``nan`` where that side is empty; ``age`` says how old it is, in seconds."""
        return self._of(await self._current.get_current_quote(), "ask")

    def _of(self, quote: Quote, side: str) -> Price:
        engine = self._market.engine
        return price_of(quote[side], quote.time_ns, engine.instrument, engine.tz, quote.age)
