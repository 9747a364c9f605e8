"""Memory limits, disk overflow and cleanup."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

from mdnb.config import DataManagerConfig
from mdnb.errors import OptionError
from mdnb.manager.bar_processing import change_config
from mdnb.manager.forward import immediate
from mdnb.options import documented_by
from mdnb.records import FrozenDict
from mdnb.runtime.disk_overflow import CleanupReport
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.statistics import MemoryStatistics

__all__ = ["Memory"]

_MB = 1e6
_SECOND_NS = 1_000_000_000


class Memory:
    """Memory and disk of one symbol's data."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    @documented_by(DataManagerConfig)
    async def configure_memory_management(
        self,
        max_bars_per_timeframe: int | None = None,
        enable_disk_overflow: bool | None = None,
        cleanup_frequency: float | None = None,
        compression_enabled: bool | None = None,
        *,
        max_ticks: int | None = None,
        auto_cleanup: bool | None = None,
        disk_cache_enabled: bool | None = None,
        cleanup_interval_minutes: float | None = None,
        max_disk_cache_gb: float | None = None,
        disk_cache_path: str | os.PathLike[str] | None = None,
    ) -> DataManagerConfig:
        """Set limits and what happens to data beyond them; what is not given stays as it is.

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
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=2) as market:
        ...     market.data.configure_memory_management(max_bars_per_timeframe=500, enable_disk_overflow=True)
        ...     len(market.data.get_data("1min")), len(market.data.get_all_data("1min")) > 1000
        DataManagerConfig(max_bars_per_timeframe=500, ...
        (500, True)
        """
        return await change_config(self._market, locals())

    @immediate
    async def get_memory_stats(self) -> MemoryStatistics:
        """Return how much data is in memory and on disk, measured.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=1) as market:
        ...     used = market.data.get_memory_stats()
        >>> used.total_bars > 100, used.memory_usage_mb > 0, used.disk_usage_mb
        (True, True, 0.0)
        """
        engine = self._market.open()
        with engine.lock:
            held = {name: len(engine.log(name)) for name in engine.timeframes()}
            evicted = sum(engine.log(name).evicted for name in held)
            stores = [(one, engine.reader.first_ns(name)) for name, one in engine.overflow.items()]
            ticks, quotes = len(engine.ticks), len(engine.quotes)
        for overflow, _ in stores:
            overflow.look()
        on_disk = sum(overflow.segments.nbytes for overflow, _ in stores)
        raw = sum(overflow.segments.raw_bytes for overflow, _ in stores)
        return MemoryStatistics(
            symbol=self._market.symbol,
            total_bars=sum(held.values()),
            bars_on_disk=sum(overflow.rows_on_disk(first_ns) for overflow, first_ns in stores),
            bars_waiting=sum(overflow.waiting_rows for overflow, _ in stores),
            total_ticks=ticks,
            total_quotes=quotes,
            memory_usage_mb=engine.nbytes() / _MB,
            disk_usage_mb=on_disk / _MB,
            compression_ratio=raw / on_disk if on_disk else 1.0,
            bars_evicted=evicted,
            process_mb=_resident_mb(),
            by_timeframe=FrozenDict(held),
        )

    async def cleanup_old_data(
        self, days: float | None = None, hours: float | None = None, minutes: float | None = None
    ) -> CleanupReport:
        """Delete bars, trades and quotes older than given, from memory and disk, and clean up the disk.

        Parameters
        ----------
        days, hours, minutes
            Age in market time, added up. None of them: only the disk is tidied and its limit kept.

        Returns
        -------
        CleanupReport
            What was removed and written.

        Raises
        ------
        OptionError
            When an age is negative or not a number.
        DataExportError
            When the disk does not take what is to be written.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     removed = market.data.cleanup_old_data(hours=1).bars_removed
        ...     removed > 60, len(market.data.get_all_data("1min")) <= 62
        (True, True)
        """
        age = 0.0
        for name, value, seconds in (("days", days, 86400), ("hours", hours, 3600), ("minutes", minutes, 60)):
            if value is None:
                continue
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not 0 <= value < float("inf")
            ):
                raise OptionError(f"{name} must be a number, 0 or more; got {value!r}")
            age += value * seconds
        self._market.open()
        given = any(value is not None for value in (days, hours, minutes))
        return await await_call(self._clean(age if given else None))

    async def _clean(self, age: float | None) -> CleanupReport:
        market = self._market
        engine = market.engine
        bars = ticks = 0
        if age is not None:
            before = market.feed.clock.now_ns() - int(age * _SECOND_NS)
            with engine.lock:
                bars = sum(engine.log(name).drop_before(before) for name in engine.all_names())
                ticks = engine.ticks.drop_before(before) + engine.quotes.drop_before(before)
                engine.updates += 1
            for overflow in engine.overflow.values():
                bars += await market.workers.run(functools.partial(overflow.drop_before, before))
            engine.notify()
        report = await market.tidy()
        return CleanupReport(
            bars_written=report.bars_written,
            bars_removed=report.bars_removed + bars,
            ticks_removed=ticks,
            bytes_before=report.bytes_before,
            bytes_after=report.bytes_after,
        )

    async def compress_data(self) -> CleanupReport:
        """Write bars that left memory to disk, and compress everything on disk.

        Bars in memory are in use and stay as they are; no bar is ever thinned out. Without disk overflow
        there is nothing to compress, and the report says 0 bytes.

        Returns
        -------
        CleanupReport
            With the measured ``compression_ratio``.

        Raises
        ------
        DataExportError
            When the disk does not take it; nothing is lost.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     config = market.data.configure_memory_management(
        ...         max_bars_per_timeframe=20, enable_disk_overflow=True
        ...     )
        ...     market.data.compress_data().bytes_after > 0
        True
        """
        self._market.open()
        return await await_call(self._market.tidy(compress=True))


def _resident_mb() -> float:
    if not sys.platform.startswith("linux"):
        return float("nan")
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / _MB
