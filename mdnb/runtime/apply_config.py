"""Making a configuration come true on a running market: each option has its effect here, and only here."""

from __future__ import annotations

from mdnb.config import DataManagerConfig
from mdnb.runtime.live.bar_source_switch import switch_source
from mdnb.runtime.live.outlier_gate import OutlierGate
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.store.columns import BarColumns
from mdnb.store.ticks import TICK_DTYPE, RowStore

__all__ = ["apply_config", "begin_config"]


def begin_config(market: SymbolMarket) -> None:
    """Set up what has to be there before the first bar: the disk, the cache, the sizes."""
    config = market.engine.config
    _set_sizes(market, config)
    if config.disk_cache_enabled:
        market.disk.start()


async def apply_config(market: SymbolMarket, config: DataManagerConfig, *, first: bool = False) -> None:
    """Put a configuration into effect; runs on the background loop.

    Parameters
    ----------
    first
        The session has just begun: everything that is not as a bare session is set.

    Raises
    ------
    OptionError
        When the feed has no bars of its own to build from; nothing was changed.
    FeedRefusedError
        When the venue refuses the order book; nothing was changed.
    """
    engine = market.engine
    old = DataManagerConfig() if first else engine.config
    if config.use_tick_data != old.use_tick_data:
        await switch_source(market.feed, market.pipeline, "trades" if config.use_tick_data else "bars")
    if config.enable_level2_data != old.enable_level2_data:
        if config.enable_level2_data:
            market.pipeline.subscribed.add("depth")
            await market.feed.subscribe(market.symbol, ["depth"])
        else:
            await market.feed.unsubscribe(market.symbol, ["depth"])
            market.pipeline.subscribed.discard("depth")
            engine.reset_depth()
    disk = market.disk
    carried: dict[str, BarColumns] = {}
    if not first and _disk_of(old) != _disk_of(config) and old.disk_cache_enabled:
        if config.disk_cache_enabled:
            carried = await market.workers.run(disk.everything)
        disk.stop()
    with engine.lock:
        engine.config = config
        _set_sizes(market, config)
        _set_memory(market, old, config)
        if config.remove_outliers != old.remove_outliers:
            market.pipeline.outlier_gate = OutlierGate(engine) if config.remove_outliers else None
        engine.cascade.set_fill(config.fill_gaps)
        engine.cascade.max_lateness_ns = int(config.max_lateness_seconds * 1e9)
        engine.updates += 1
    if config.disk_cache_enabled:
        disk.start()
        disk.carry(carried)
    disk.set_memory_map(config.use_memory_mapping)


def _disk_of(config: DataManagerConfig) -> tuple[bool, str]:
    """Return what decides where bars go that leave memory."""
    return config.disk_cache_enabled, str(config.disk_cache_path)


def _set_memory(market: SymbolMarket, old: DataManagerConfig, config: DataManagerConfig) -> None:
    engine = market.engine
    if config.max_bars_per_timeframe != old.max_bars_per_timeframe:
        if config.disk_cache_enabled:
            # Before the limit falls, so that what it drives out has a place to go.
            market.disk.start()
        for name in engine.all_names():
            engine.log(name).set_limit(config.max_bars_per_timeframe)
        engine.reader.forget()
    if config.max_ticks != engine.ticks.limit:
        engine.ticks.set_limit(config.max_ticks)
        engine.quotes.set_limit(config.max_ticks)
    if old.enable_tick_data and not config.enable_tick_data:
        engine.ticks = RowStore(TICK_DTYPE, config.max_ticks)


def _set_sizes(market: SymbolMarket, config: DataManagerConfig) -> None:
    market.batcher.batch_size = config.batch_size
    market.workers.set_parallel(config.parallel_processing)
    market.pipeline.batch_size = config.batch_size
    market.engine.reader.caching = config.cache_frequently_accessed
