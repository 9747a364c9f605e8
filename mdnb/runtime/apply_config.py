"""Making a configuration come true on a running session: each option has its effect here, and only here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdnb.config import DataManagerConfig
from mdnb.runtime.live.bar_source_switch import switch_source
from mdnb.runtime.live.outlier_gate import OutlierGate
from mdnb.store.columns import BarColumns
from mdnb.store.ticks import TICK_DTYPE, RowStore

if TYPE_CHECKING:
    from mdnb.runtime.session import MarketSession

__all__ = ["apply_config", "begin_config"]


def begin_config(session: MarketSession, symbol: str) -> None:
    """Set up what has to be there before the first bar: the disk, the cache, the sizes."""
    config = session.engine(symbol).config
    _set_sizes(session, symbol, config)
    if config.disk_cache_enabled:
        session.disks[symbol].start()


async def apply_config(
    session: MarketSession, symbol: str, config: DataManagerConfig, *, first: bool = False
) -> None:
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
    engine = session.engine(symbol)
    old = DataManagerConfig() if first else engine.config
    if config.use_tick_data != old.use_tick_data:
        await switch_source(session, symbol, "trades" if config.use_tick_data else "bars")
    if config.enable_level2_data != old.enable_level2_data:
        if config.enable_level2_data:
            session.pipelines[symbol].subscribed.add("depth")
            await session.feed.subscribe(symbol, ["depth"])
        else:
            await session.feed.unsubscribe(symbol, ["depth"])
            session.pipelines[symbol].subscribed.discard("depth")
            engine.reset_depth()
    disk = session.disks[symbol]
    carried: dict[str, BarColumns] = {}
    if not first and _disk_of(old) != _disk_of(config) and old.disk_cache_enabled:
        if config.disk_cache_enabled:
            carried = await session.workers.run(disk.everything)
        disk.stop()
    with engine.lock:
        engine.config = config
        _set_sizes(session, symbol, config)
        _set_memory(session, symbol, old, config)
        if config.remove_outliers != old.remove_outliers:
            session.pipelines[symbol].outlier_gate = OutlierGate(engine) if config.remove_outliers else None
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


def _set_memory(
    session: MarketSession, symbol: str, old: DataManagerConfig, config: DataManagerConfig
) -> None:
    engine = session.engine(symbol)
    if config.max_bars_per_timeframe != old.max_bars_per_timeframe:
        if config.disk_cache_enabled:
            # Before the limit falls, so that what it drives out has a place to go.
            session.disks[symbol].start()
        for name in engine.all_names():
            engine.log(name).set_limit(config.max_bars_per_timeframe)
        engine.reader.forget()
    if config.max_ticks != engine.ticks.limit:
        engine.ticks.set_limit(config.max_ticks)
        engine.quotes.set_limit(config.max_ticks)
    if old.enable_tick_data and not config.enable_tick_data:
        engine.ticks = RowStore(TICK_DTYPE, config.max_ticks)


def _set_sizes(session: MarketSession, symbol: str, config: DataManagerConfig) -> None:
    session.set_batch_size(config.batch_size)
    session.workers.set_parallel(config.parallel_processing)
    session.pipelines[symbol].batch_size = config.batch_size
    session.engine(symbol).reader.caching = config.cache_frequently_accessed
