"""The newest values of one symbol by their usual names: price, last, bid, ask, quote."""

from __future__ import annotations

from mdnb.manager.market_now import CurrentData
from mdnb.runtime.live.records import price_of, quote_of
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.types import Price, Quote

__all__ = ["NewestValues"]


class NewestValues:
    """Newest values of one symbol; each waits up to 10 s for the first data."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market
        self._current = CurrentData(market)

    def at_once(self, name: str) -> Price | Quote | None:
        """Return one of them that is held, by its name, without the background loop; None: it is waited for.

        Whoever asks for the price does not wait until a loop is free that is busy with something else.
        """
        engine = self._market.open()
        engine.wanted()
        trade, best = engine.last_trade, engine.last_quote
        if name in ("price", "last"):
            if trade is None:
                return None
            age = self._market.age(trade[0])
            return price_of(trade[1], trade[0], engine.instrument, engine.tz, age)
        if best is None:
            return None
        quote = quote_of(best, engine.instrument, engine.tz, self._market.age(best[0]))
        return quote if name == "quote" else self._of(quote, name)

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
