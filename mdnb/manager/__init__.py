"""The data manager of one symbol: every documented name, for callers that ``await``.

Each name is handed to the part that does it; its documentation stands there. Reads of what is in memory
never wait and never hop to another thread; the few calls that may have to wait for data take a ``timeout``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from mdnb.config import DataManagerConfig
from mdnb.manager.alignment import Alignment
from mdnb.manager.bar_processing import BarProcessing
from mdnb.manager.bars import BarAccess
from mdnb.manager.depth import Depth
from mdnb.manager.files import Files
from mdnb.manager.forward import Forward
from mdnb.manager.market_now import CurrentData
from mdnb.manager.memory import Memory
from mdnb.manager.parts import ManagerParts
from mdnb.manager.performance import Performance
from mdnb.manager.statistics import Statistics
from mdnb.manager.subscriptions import Subscriptions
from mdnb.manager.ticks import TickAccess
from mdnb.manager.validation import Validation
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.uncopied import refuse_copies
from mdnb.wrong_names import missing_data_name, not_to_be_deleted, not_to_be_set

__all__ = ["RealtimeDataManager"]


class RealtimeDataManager:
    """Live data of one symbol.

    Made by `mdnb.TradingSuite`; use ``suite.data``.

    Attributes
    ----------
    symbol
        Whose data it is.

    Examples
    --------
    >>> import asyncio
    >>> import mdnb
    >>> async def main():
    ...     async with await mdnb.TradingSuite.create("MNQ", "1min", initial_days=0.1) as suite:
    ...         return len(await suite.data.get_data("1min", count=3)), suite.data.get_timeframes()
    >>> asyncio.run(main())
    (3, ['1min'])
    """

    symbol: str

    def __init__(self, parts: ManagerParts) -> None:
        self._parts = parts
        vars(self)["symbol"] = parts.market.symbol

    get_current_price = Forward("_parts.current", CurrentData.get_current_price)
    get_current_quote = Forward("_parts.current", CurrentData.get_current_quote)
    get_latest_tick = Forward("_parts.current", CurrentData.get_latest_tick)
    get_market_snapshot = Forward("_parts.current", CurrentData.get_market_snapshot)

    get_data = Forward("_parts.bars", BarAccess.get_data)
    get_all_data = Forward("_parts.bars", BarAccess.get_all_data)
    get_timeframes = Forward("_parts.bars", BarAccess.get_timeframes)
    has_timeframe = Forward("_parts.bars", BarAccess.has_timeframe)
    add_timeframe = Forward("_parts.bars", BarAccess.add_timeframe)
    remove_timeframe = Forward("_parts.bars", BarAccess.remove_timeframe)

    get_recent_ticks = Forward("_parts.ticks", TickAccess.get_recent_ticks)
    get_tick_statistics = Forward("_parts.ticks", TickAccess.get_tick_statistics)

    subscribe_to_trades = Forward("_parts.subscriptions", Subscriptions.subscribe_to_trades)
    subscribe_to_quotes = Forward("_parts.subscriptions", Subscriptions.subscribe_to_quotes)
    subscribe_to_level2 = Forward("_parts.subscriptions", Subscriptions.subscribe_to_level2)
    unsubscribe_from_trades = Forward("_parts.subscriptions", Subscriptions.unsubscribe_from_trades)
    unsubscribe_from_quotes = Forward("_parts.subscriptions", Subscriptions.unsubscribe_from_quotes)
    unsubscribe_from_level2 = Forward("_parts.subscriptions", Subscriptions.unsubscribe_from_level2)
    get_subscriptions = Forward("_parts.subscriptions", Subscriptions.get_subscriptions)
    get_order_book = Forward("_parts.depth", Depth.get_order_book)

    configure_bar_processing = Forward("_parts.processing", BarProcessing.configure_bar_processing)

    enable_validation = Forward("_parts.validation", Validation.enable_validation)
    get_validation_stats = Forward("_parts.validation", Validation.get_validation_stats)
    get_validation_errors = Forward("_parts.validation", Validation.get_validation_errors)
    validate_imported_data = Forward("_parts.validation", Validation.validate_imported_data)

    configure_memory_management = Forward("_parts.memory", Memory.configure_memory_management)
    get_memory_stats = Forward("_parts.memory", Memory.get_memory_stats)
    cleanup_old_data = Forward("_parts.memory", Memory.cleanup_old_data)
    compress_data = Forward("_parts.memory", Memory.compress_data)

    configure_performance = Forward("_parts.performance", Performance.configure_performance)
    get_performance_metrics = Forward("_parts.performance", Performance.get_performance_metrics)

    analyze_timeframe_alignment = Forward("_parts.alignment", Alignment.analyze_timeframe_alignment)

    export_to_csv = Forward("_parts.files", Files.export_to_csv)
    export_to_json = Forward("_parts.files", Files.export_to_json)
    export_to_parquet = Forward("_parts.files", Files.export_to_parquet)
    import_from_csv = Forward("_parts.files", Files.import_from_csv)
    import_from_json = Forward("_parts.files", Files.import_from_json)
    import_from_parquet = Forward("_parts.files", Files.import_from_parquet)

    get_stats = Forward("_parts.statistics", Statistics.get_stats)
    get_timeframe_stats = Forward("_parts.statistics", Statistics.get_timeframe_stats)
    get_accounting = Forward("_parts.statistics", Statistics.get_accounting)

    __reduce_ex__ = refuse_copies

    @property
    def engine(self) -> SymbolState:
        """The ``SymbolState`` that holds the data; charts read it."""
        return self._parts.market.engine

    @property
    def config(self) -> DataManagerConfig:
        """Every option as it is now."""
        return self._parts.market.engine.config

    @property
    def closed(self) -> bool:
        """Whether the market was closed."""
        return self._parts.market.closed

    def __getattr__(self, name: str) -> NoReturn:
        # Only reached for names that are not there.
        raise AttributeError(name if name.startswith("_") else missing_data_name(self, name))

    if not TYPE_CHECKING:  # a type checker would take it for leave to set anything

        def __setattr__(self, name: str, value: object) -> None:
            if not name.startswith("_"):
                raise AttributeError(not_to_be_set(self, "suite.data", name, value))
            super().__setattr__(name, value)

        def __delattr__(self, name: str) -> None:
            if not name.startswith("_"):
                raise AttributeError(not_to_be_deleted("suite.data", name))
            super().__delattr__(name)

    def __repr__(self) -> str:
        market = self._parts.market
        kept = ", ".join(market.engine.timeframes())
        return f"<{type(self).__name__} {self.symbol}: {kept}; {market.health.status}>"
