"""Processing speed: metrics, and the options that change it."""

from __future__ import annotations

import time

from mdnb.config import DataManagerConfig
from mdnb.manager.bar_processing import change_config
from mdnb.options import documented_by
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.statistics import PerformanceMetrics

__all__ = ["Performance"]


class Performance:
    """Processing speed of one symbol's data."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market
        self._last: tuple[float, float] | None = None

    @documented_by(DataManagerConfig)
    async def configure_performance(
        self,
        use_memory_mapping: bool | None = None,
        batch_size: int | None = None,
        parallel_processing: bool | None = None,
        cache_frequently_accessed: bool | None = None,
    ) -> DataManagerConfig:
        """Set options of speed; what is not given stays as it is.

        Parameters
        ----------
        {options}

        Returns
        -------
        DataManagerConfig
            All options as they are now.

        Raises
        ------
        OptionError
            When a value is outside what is allowed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     market.data.configure_performance(batch_size=100).batch_size
        100
        """
        return await change_config(self._market, locals())

    async def get_performance_metrics(self) -> PerformanceMetrics:
        """Return metrics of processing speed, measured.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     metrics = market.data.get_performance_metrics()
        >>> metrics.bars_per_second > 0, 0 <= metrics.cpu_usage_percent <= 100
        (True, True)
        """
        self._market.open()
        return await await_call(self._measure())

    async def _measure(self) -> PerformanceMetrics:
        market = self._market
        engine, pipeline = market.engine, market.pipeline
        # On the background loop's own thread, so that it is that thread's time.
        now, cpu = time.monotonic(), time.thread_time()
        began, cpu_began = self._last or market.began
        self._last = (now, cpu)
        wall = max(now - began, 1e-9)
        seconds = max(market.health.seconds_since_start(), 1e-9)
        reader = engine.reader
        with engine.lock:
            bars = sum(engine.log(name).total for name in engine.timeframes())
        dropped = sum(subscription.dropped for subscription in market.bus.subscriptions())
        return PerformanceMetrics(
            symbol=market.symbol,
            bars_per_second=bars / seconds,
            ticks_per_second=pipeline.ledger.received / seconds,
            avg_access_time_ms=reader.seconds / reader.accesses * 1e3 if reader.accesses else 0.0,
            accesses=reader.accesses,
            cache_hit_rate=reader.hits / reader.accesses if reader.accesses else 0.0,
            cpu_usage_percent=min(100.0, 100.0 * max(0.0, cpu - cpu_began) / wall),
            largest_batch=pipeline.largest_batch,
            worker_threads=market.workers.threads,
            worker_jobs=market.workers.jobs,
            handler_events_dropped=dropped,
        )
