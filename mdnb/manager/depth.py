"""The order book."""

from __future__ import annotations

from mdnb.arguments import whole_number
from mdnb.depth import OrderBookView
from mdnb.errors import NoDataError
from mdnb.runtime.symbol_market import DEFAULT_TIMEOUT, SymbolMarket

__all__ = ["Depth"]


class Depth:
    """Order book of one symbol."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    async def get_order_book(self, levels: int = 10, timeout: float = DEFAULT_TIMEOUT) -> OrderBookView:
        """Return the best levels of the order book.

        Parameters
        ----------
        levels
            At most so many a side.
        timeout
            Seconds to wait for the first snapshot.

        Raises
        ------
        NoDataError
            When the order book is not subscribed, or nothing came in time.
        OptionError
            When ``levels`` is less than 1.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     market.data.subscribe_to_level2()
        ...     book = market.data.get_order_book(5)
        >>> book.best_bid < book.best_ask, len(book.bids), -1 <= book.imbalance <= 1
        (True, 5, True)
        """
        market = self._market
        count = whole_number("levels", levels, 1)
        engine = market.open()
        market.refuse_lacking("depth", "order book")
        if "depth" not in market.pipeline.subscribed:
            raise NoDataError(
                f"the order book of {market.symbol} is not received; call subscribe_to_level2() first"
            )
        book = engine.depth
        await market.first(lambda: book if book.ready else None, "order book", timeout)
        return engine.order_book(count, market.age(book.time_ns))
