"""The data manager of one symbol: every documented name, for callers that ``await``.

Each name is handed to the part that does it; its documentation stands there. Reads of what is in memory
never wait and never hop to another thread; the few calls that may have to wait for data take a ``timeout``.
"""

from __future__ import annotations

from mdnb.config import DataManagerConfig
from mdnb.manager.alignment import Alignment
from mdnb.manager.bar_processing import BarProcessing
from mdnb.manager.bars import BarAccess
from mdnb.manager.depth import Depth
from mdnb.manager.files import Files
from mdnb.manager.forward import Forward
from mdnb.manager.market_now import CurrentData
from mdnb.manager.memory import Memory
from mdnb.manager.part import Desk
from mdnb.manager.performance import Performance
from mdnb.manager.statistics import Statistics
from mdnb.manager.subscriptions import Subscriptions
from mdnb.manager.ticks import TickAccess
from mdnb.manager.validation import Validation
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.session import MarketSession

__all__ = ["RealtimeDataManager"]


class RealtimeDataManager:
    """Live data of one symbol.

    Made by `mdnb.TradingSuite`; use ``suite.data``.

    Attributes
    ----------
    symbol
        Whose data it is.
    """

    def __init__(self, session: MarketSession, symbol: str) -> None:
        desk = Desk(session, symbol)
        self.symbol = symbol
        self._desk = desk
        self._current = CurrentData(desk)
        self._bars = BarAccess(desk)
        self._ticks = TickAccess(desk)
        self._subscriptions = Subscriptions(desk)
        self._depth = Depth(desk)
        self._processing = BarProcessing(desk)
        self._validation = Validation(desk)
        self._memory = Memory(desk)
        self._performance = Performance(desk)
        self._alignment = Alignment(desk)
        self._files = Files(desk)
        self._statistics = Statistics(desk)

    get_current_price = Forward("_current", CurrentData.get_current_price)
    get_current_quote = Forward("_current", CurrentData.get_current_quote)
    get_latest_tick = Forward("_current", CurrentData.get_latest_tick)
    get_market_snapshot = Forward("_current", CurrentData.get_market_snapshot)

    get_data = Forward("_bars", BarAccess.get_data)
    get_all_data = Forward("_bars", BarAccess.get_all_data)
    get_timeframes = Forward("_bars", BarAccess.get_timeframes)
    has_timeframe = Forward("_bars", BarAccess.has_timeframe)
    add_timeframe = Forward("_bars", BarAccess.add_timeframe)
    remove_timeframe = Forward("_bars", BarAccess.remove_timeframe)

    get_recent_ticks = Forward("_ticks", TickAccess.get_recent_ticks)
    get_tick_statistics = Forward("_ticks", TickAccess.get_tick_statistics)

    subscribe_to_trades = Forward("_subscriptions", Subscriptions.subscribe_to_trades)
    subscribe_to_quotes = Forward("_subscriptions", Subscriptions.subscribe_to_quotes)
    subscribe_to_level2 = Forward("_subscriptions", Subscriptions.subscribe_to_level2)
    unsubscribe_from_trades = Forward("_subscriptions", Subscriptions.unsubscribe_from_trades)
    unsubscribe_from_quotes = Forward("_subscriptions", Subscriptions.unsubscribe_from_quotes)
    unsubscribe_from_level2 = Forward("_subscriptions", Subscriptions.unsubscribe_from_level2)
    get_subscriptions = Forward("_subscriptions", Subscriptions.get_subscriptions)
    get_order_book = Forward("_depth", Depth.get_order_book)

    configure_bar_processing = Forward("_processing", BarProcessing.configure_bar_processing)

    enable_validation = Forward("_validation", Validation.enable_validation)
    get_validation_stats = Forward("_validation", Validation.get_validation_stats)
    get_validation_errors = Forward("_validation", Validation.get_validation_errors)
    validate_imported_data = Forward("_validation", Validation.validate_imported_data)

    configure_memory_management = Forward("_memory", Memory.configure_memory_management)
    get_memory_stats = Forward("_memory", Memory.get_memory_stats)
    cleanup_old_data = Forward("_memory", Memory.cleanup_old_data)
    compress_data = Forward("_memory", Memory.compress_data)

    configure_performance = Forward("_performance", Performance.configure_performance)
    get_performance_metrics = Forward("_performance", Performance.get_performance_metrics)

    analyze_timeframe_alignment = Forward("_alignment", Alignment.analyze_timeframe_alignment)

    export_to_csv = Forward("_files", Files.export_to_csv)
    export_to_json = Forward("_files", Files.export_to_json)
    export_to_parquet = Forward("_files", Files.export_to_parquet)
    import_from_csv = Forward("_files", Files.import_from_csv)
    import_from_json = Forward("_files", Files.import_from_json)
    import_from_parquet = Forward("_files", Files.import_from_parquet)

    get_stats = Forward("_statistics", Statistics.get_stats)
    get_timeframe_stats = Forward("_statistics", Statistics.get_timeframe_stats)
    get_accounting = Forward("_statistics", Statistics.get_accounting)

    @property
    def engine(self) -> SymbolState:
        """The engine that holds the data; charts read it."""
        return self._desk.engine

    @property
    def config(self) -> DataManagerConfig:
        """Every option as it is now."""
        return self._desk.engine.config

    def __repr__(self) -> str:
        kept, status = ", ".join(self.get_timeframes()), self._desk.session.health.status
        return f"<{type(self).__name__} {self.symbol}: {kept}; {status}>"
