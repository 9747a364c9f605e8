"""Applies a configuration to a running market; each option takes effect here, and only here.

`EFFECTS` is the table of those that are one step, `IN_ORDER` those that have to come before or after it, and
`READ_WHERE_USED` those that need nothing done, since whoever they concern looks them up each time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

from mdnb.config import DataManagerConfig
from mdnb.runtime.cache_folder import CacheFolder
from mdnb.runtime.live.bar_source_switch import switch_source
from mdnb.runtime.live.outlier_gate import OutlierGate
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.stores.ticks import TICK_DTYPE, RowStore

__all__ = ["EFFECTS", "IN_ORDER", "READ_WHERE_USED", "apply_config", "begin_config"]


def begin_config(market: SymbolMarket) -> None:
    """Set up what is needed before the first bar: disk, cache and buffer sizes."""
    config = market.engine.config
    for name in _SIZES:
        EFFECTS[name](market, config)
    if config.disk_cache_enabled:
        market.disk.start()


async def apply_config(market: SymbolMarket, config: DataManagerConfig, *, first: bool = False) -> None:
    """Apply a configuration; runs on the background loop.

    Parameters
    ----------
    first
        The session has just begun: everything that is not as a bare session is set.

    Raises
    ------
    OptionError
        When the feed has no bars of its own to build from; nothing was changed.
    DataExportError
        When the folder on disk cannot be opened, or does not take the bars that are to go there; nothing was
        changed, and what was held on disk is read where it is.
    FeedRefusedError
        When the venue refuses the order book; nothing was changed.
    """
    old = DataManagerConfig() if first else market.engine.config
    # What may be refused comes before anything is changed.
    folder = None if first else await _folder_of(market, old, config)
    try:
        if config.use_tick_data != old.use_tick_data:
            await switch_source(market.feed, market.pipeline, "trades" if config.use_tick_data else "bars")
        if first and config.enable_level2_data:
            market.pipeline.subscribed.add("depth")
            await market.feed.subscribe(market.symbol, ["depth"])
        if folder is not None and old.disk_cache_enabled:
            await market.workers.run(functools.partial(market.disk.move, folder))
    except BaseException:
        if folder is not None:
            folder.close()
        raise
    _take_effect(market, old, config, folder)
    if config.disk_cache_enabled and (first or folder is not None):
        # A folder that was used before may hold files that do not read: whoever asks next is to know.
        await market.look_at_disk()


async def _folder_of(
    market: SymbolMarket, old: DataManagerConfig, config: DataManagerConfig
) -> CacheFolder | None:
    """Return the folder, opened, into which bars are to go from now on; None where it stays as it is."""
    if not config.disk_cache_enabled or _disk_of(old) == _disk_of(config):
        return None
    return await market.workers.run(functools.partial(market.disk.open_folder, config))


def _take_effect(
    market: SymbolMarket, old: DataManagerConfig, config: DataManagerConfig, folder: CacheFolder | None
) -> None:
    engine, disk = market.engine, market.disk
    if old.disk_cache_enabled and not config.disk_cache_enabled:
        disk.stop()
    with engine.lock:
        if folder is not None and not old.disk_cache_enabled:
            # Before the limit falls, so that what it drives out has a place to go.
            disk.begin(folder)
        engine.config = config
        for name, effect in EFFECTS.items():
            if getattr(config, name) != getattr(old, name):
                effect(market, config)
        engine.updates += 1
    disk.set_memory_map(config.use_memory_mapping)


def _disk_of(config: DataManagerConfig) -> tuple[bool, str]:
    """Return what decides where bars go that leave memory."""
    return config.disk_cache_enabled, str(config.disk_cache_path)


# -- one step each, under the engine's lock -------------------------------------------------------------


def _hold_bars(market: SymbolMarket, config: DataManagerConfig) -> None:
    engine = market.engine
    for name in engine.all_names():
        engine.log(name).set_limit(config.max_bars_per_timeframe)
    engine.reader.forget()


def _hold_ticks(market: SymbolMarket, config: DataManagerConfig) -> None:
    engine = market.engine
    engine.ticks.set_limit(config.max_ticks)
    engine.quotes.set_limit(config.max_ticks)


def _forget_ticks(market: SymbolMarket, config: DataManagerConfig) -> None:
    if not config.enable_tick_data:
        market.engine.ticks = RowStore(TICK_DTYPE, config.max_ticks)


def _gate_outliers(market: SymbolMarket, config: DataManagerConfig) -> None:
    gate = OutlierGate(market.engine) if config.remove_outliers else None
    market.pipeline.outlier_gate = gate


def _fill_gaps(market: SymbolMarket, config: DataManagerConfig) -> None:
    engine = market.engine
    engine.cascade.set_fill(config.fill_gaps)
    if engine.on_due is not None:
        engine.on_due()


def _take_late(market: SymbolMarket, config: DataManagerConfig) -> None:
    market.engine.cascade.max_lateness_ns = int(config.max_lateness_seconds * 1e9)


def _cut_batches(market: SymbolMarket, config: DataManagerConfig) -> None:
    market.batcher.batch_size = config.batch_size
    market.pipeline.batch_size = config.batch_size


def _employ_workers(market: SymbolMarket, config: DataManagerConfig) -> None:
    market.workers.set_parallel(config.parallel_processing)


def _cache_frames(market: SymbolMarket, config: DataManagerConfig) -> None:
    market.engine.reader.caching = config.cache_frequently_accessed


EFFECTS: Final[dict[str, Callable[[SymbolMarket, DataManagerConfig], None]]] = {
    "batch_size": _cut_batches,
    "parallel_processing": _employ_workers,
    "cache_frequently_accessed": _cache_frames,
    "max_bars_per_timeframe": _hold_bars,
    "max_ticks": _hold_ticks,
    "enable_tick_data": _forget_ticks,
    "remove_outliers": _gate_outliers,
    "fill_gaps": _fill_gaps,
    "max_lateness_seconds": _take_late,
}
"""What a changed option does, in this order."""

IN_ORDER: Final = frozenset(
    {"use_tick_data", "enable_level2_data", "disk_cache_enabled", "disk_cache_path", "use_memory_mapping"}
)
"""Options that may be refused, and those of the disk: `apply_config` says when they come true."""

READ_WHERE_USED: Final = frozenset(
    {
        "data_validation",
        "validate_bars",
        "auto_cleanup",
        "cleanup_interval_minutes",
        "compression_enabled",
        "max_disk_cache_gb",
        "grace_ms",
    }
)

_SIZES = ("batch_size", "parallel_processing", "cache_frequently_accessed")
