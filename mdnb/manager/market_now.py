"""The market now: price, quote, latest tick, snapshot."""

from __future__ import annotations

from mdnb.errors import NoDataError
from mdnb.runtime.live.records import price_of, quote_of, volume_of
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.symbol_market import DEFAULT_TIMEOUT, SymbolMarket
from mdnb.stores.columns import columns_from_rows
from mdnb.types import MarketSnapshot, Price, Quote, Tick

__all__ = ["CurrentData"]


class CurrentData:
    """Newest values of one symbol; each waits for the first data."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    async def get_current_price(self, timeout: float = DEFAULT_TIMEOUT) -> Price:
        """Return the last traded price (the last quote's, where bars are built from quotes).

        Parameters
        ----------
        timeout
            Seconds to wait for the first data.

        Returns
        -------
        Price
            A ``float`` in price units that also has ``age`` (seconds since it was made), ``time_ns`` and
            ``symbol``.

        Raises
        ------
        NoDataError
            When nothing came in time.
        ClosedError
            After the suite was disconnected.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     price = market.data.get_current_price()
        >>> price > 0, price.symbol
        (True, 'MNQ')
        """
        market = self._market
        row = await market.first(lambda: market.engine.last_trade, "price", timeout)
        engine = market.engine
        return price_of(row[1], row[0], engine.instrument, engine.tz, market.age(row[0]))

    async def get_current_quote(self, timeout: float = DEFAULT_TIMEOUT) -> Quote:
        """Return the newest best bid and ask, in price units, with their sizes.

        Raises
        ------
        NoDataError
            When no quote came in ``timeout`` seconds; at once where the feed has none, or they are not
            subscribed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     quote = market.data.get_current_quote()
        >>> quote.ask - quote.bid == quote.spread
        True
        """
        market = self._market
        market.open()
        market.refuse_lacking("quotes", "quote")
        if "quotes" not in market.pipeline.subscribed and market.engine.last_quote is None:
            raise NoDataError(f"quotes of {market.symbol} are not received; call subscribe_to_quotes() first")
        row = await market.first(lambda: market.engine.last_quote, "quote", timeout)
        return quote_of(row, market.engine.instrument, market.engine.tz, market.age(row[0]))

    async def get_latest_tick(self, timeout: float = DEFAULT_TIMEOUT) -> Tick:
        """Return the newest trade.

        Raises
        ------
        NoDataError
            When no trade came in ``timeout`` seconds.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     tick = market.data.get_latest_tick()
        >>> tick.price > 0 and tick.size >= 1 and tick["side"] in ("buy", "sell")
        True
        """
        market = self._market
        row = await market.first(lambda: market.engine.last_trade, "tick", timeout)
        return market.engine.tick(row)

    async def get_market_snapshot(self, timeout: float = DEFAULT_TIMEOUT) -> MarketSnapshot:
        """Return the current session at a glance: open, high, low, close, volume, last, bid, ask, time.

        Where memory does not hold all of its finest bars any more they are read from disk, or coarser ones
        tell; ``since`` is from when on open, high, low and volume are.

        Raises
        ------
        NoDataError
            When no trade came in ``timeout`` seconds.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=1) as market:
        ...     now = market.data.get_market_snapshot()
        >>> now.low <= now.last <= now.high and now.volume > 0
        True
        """
        market = self._market
        engine = market.engine
        last = await market.first(lambda: engine.last_trade, "trade", timeout)
        session = await await_call(market.workers.run(lambda: engine.session_bars(last[0])))
        start = since = last[0]
        columns = columns_from_rows([])
        if session is not None:
            start, columns, since = session
        quote = engine.last_quote
        volume = float(columns.volume.sum())
        return MarketSnapshot(
            symbol=market.symbol,
            time_ns=last[0],
            open=float(columns.open[0]) if len(columns) else last[1],
            high=float(columns.high.max()) if len(columns) else last[1],
            low=float(columns.low.min()) if len(columns) else last[1],
            close=last[1],
            volume=volume_of(volume, engine.instrument),
            last=last[1],
            bid=quote[1] if quote else float("nan"),
            ask=quote[3] if quote else float("nan"),
            session_start_ns=start,
            since_ns=since,
            age=market.age(last[0]),
            tz=engine.tz,
            decimals=engine.instrument.decimals,
        )
