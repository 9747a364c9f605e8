"""The trades in memory, and statistics of them."""

from __future__ import annotations

from mdnb.arguments import whole_number
from mdnb.errors import OptionError
from mdnb.manager.forward import immediate
from mdnb.runtime.live.records import tick_of
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.statistics import TickStatistics
from mdnb.stores.ticks import CANCELLED, OUTLIER, STATUS
from mdnb.types import Tick

__all__ = ["TickAccess"]

_MINUTE_NS = 60 * 1_000_000_000


class TickAccess:
    """Trades of one symbol."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    @immediate
    async def get_recent_ticks(self, count: int = 100) -> list[Tick]:
        """Return the newest trades in memory, oldest first.

        Each says by its ``flag`` whether it is in the bars: ``ok``, ``refused`` (too late, or outside the
        sessions), ``outlier``, ``waiting`` for those before it that an outage cost, ``cancelled`` or
        ``corrected`` by the venue, or for what it counts by its sale conditions, such as ``volume_only``.

        Raises
        ------
        OptionError
            When ``count`` is negative.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     ticks = market.data.get_recent_ticks(count=5)
        ...     len(ticks), ticks[-1].price > 0, ticks[-1].flag
        (5, True, 'ok')
        """
        engine = self._market.open()
        rows = engine.recent(whole_number("count", count)).tolist()
        if engine.contracts:
            return [engine.tick(tuple(row), flag) for *row, flag in rows]
        instrument, tz = engine.instrument, engine.tz
        return [tick_of(row, instrument, tz, flag) for *row, flag in rows]

    @immediate
    async def get_tick_statistics(self, minutes: float | None = None) -> TickStatistics:
        """Return statistics of the trades in memory; those that the venue has cancelled are none.

        Parameters
        ----------
        minutes
            Only the newest so many market minutes; None for all held.

        Raises
        ------
        OptionError
            When ``minutes`` is not positive.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     figures = market.data.get_tick_statistics()
        >>> figures.min_price <= figures["vwap"] <= figures.max_price
        True
        """
        if minutes is not None and (isinstance(minutes, bool) or not 0 < minutes < float("inf")):
            raise OptionError(f"minutes must be a positive number, or None for all; got {minutes!r}")
        engine = self._market.open()
        rows = engine.recent(len(engine.ticks))
        if minutes is not None and len(rows):
            rows = rows[rows["ts_ns"] >= rows["ts_ns"].max() - int(minutes * _MINUTE_NS)]
        status = rows["flag"] & STATUS
        good = rows[(status != OUTLIER) & (status != CANCELLED)]
        outliers = int((status == OUTLIER).sum())
        if not len(good):
            return TickStatistics(symbol=self._market.symbol, outliers=outliers)
        seconds = (int(good["ts_ns"].max()) - int(good["ts_ns"].min())) / 1e9
        trades, volume, price = int(good["count"].sum()), float(good["size"].sum()), good["price"]
        return TickStatistics(
            symbol=self._market.symbol,
            tick_count=trades,
            seconds=seconds,
            ticks_per_minute=trades * 60 / seconds if seconds > 0 else float(trades),
            avg_tick_size=volume / trades,
            min_price=float(price.min()),
            max_price=float(price.max()),
            vwap=float((price * good["size"]).sum()) / volume if volume else float(price.mean()),
            volume=volume,
            buy_volume=float(good["size"][good["side"] > 0].sum()),
            sell_volume=float(good["size"][good["side"] < 0].sum()),
            outliers=outliers,
            decimals=engine.instrument.decimals,
        )
