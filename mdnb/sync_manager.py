"""The data manager for plain calls: the same names, no ``await``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from mdnb.config import DataManagerConfig
from mdnb.errors import RuntimeUseError
from mdnb.manager import RealtimeDataManager
from mdnb.manager.alignment import Alignment
from mdnb.manager.bar_processing import BarProcessing
from mdnb.manager.bars import BarAccess
from mdnb.manager.depth import Depth
from mdnb.manager.files import Files
from mdnb.manager.forward import is_immediate
from mdnb.manager.market_now import CurrentData
from mdnb.manager.memory import Memory
from mdnb.manager.performance import Performance
from mdnb.manager.statistics import Statistics
from mdnb.manager.subscriptions import Subscriptions
from mdnb.manager.ticks import TickAccess
from mdnb.manager.validation import Validation
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.process.bridge import call

__all__ = ["PlainDataManager"]

P = ParamSpec("P")
R = TypeVar("R")
Part = TypeVar("Part")


def _run_here(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that never waits, right here: no thread, no loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: R = end.value
        return result
    coroutine.close()
    raise RuntimeUseError(f"{coroutine!r} was marked as never waiting, and waits")


class _Plain(Generic[Part, P, R]):
    """A coroutine method of the manager as a plain one of the same name and documentation."""

    def __init__(self, method: Callable[Concatenate[Part, P], Coroutine[Any, Any, R]]) -> None:
        self.name = method.__name__
        self.here = is_immediate(method)
        self.__doc__ = method.__doc__
        self._method = method

    @overload
    def __get__(self, owner: None, kind: type) -> _Plain[Part, P, R]: ...
    @overload
    def __get__(self, owner: PlainDataManager, kind: type) -> Callable[P, R]: ...
    def __get__(self, owner: PlainDataManager | None, kind: type) -> Any:
        if owner is None:
            return self
        method: Callable[P, Coroutine[Any, Any, R]] = getattr(owner._manager, self.name)
        return _Bound(method, self.name, self.__doc__, here=self.here)


class _Bound(Generic[P, R]):
    """A plain method of one manager."""

    def __init__(
        self, method: Callable[P, Coroutine[Any, Any, R]], name: str, doc: str | None, *, here: bool
    ) -> None:
        self._method = method
        self._here = here
        self.__name__ = name
        self.__doc__ = doc

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._method)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        coroutine = self._method(*args, **kwargs)
        return _run_here(coroutine) if self._here else call(coroutine)

    def __repr__(self) -> str:
        return f"<plain method {self.__name__}{self.__signature__}>"


class PlainDataManager:
    """Live data of one symbol; each method does what the one of that name in `RealtimeDataManager` does.

    Made by `mdnb.live`; use ``live.data``.
    """

    def __init__(self, manager: RealtimeDataManager) -> None:
        self._manager = manager

    @property
    def symbol(self) -> str:
        """Whose data it is."""
        return self._manager.symbol

    @property
    def engine(self) -> SymbolState:
        """The engine that holds the data; charts read it."""
        return self._manager.engine

    @property
    def config(self) -> DataManagerConfig:
        """Every option as it is now."""
        return self._manager.config

    get_current_price = _Plain(CurrentData.get_current_price)
    get_current_quote = _Plain(CurrentData.get_current_quote)
    get_latest_tick = _Plain(CurrentData.get_latest_tick)
    get_market_snapshot = _Plain(CurrentData.get_market_snapshot)

    get_data = _Plain(BarAccess.get_data)
    get_all_data = _Plain(BarAccess.get_all_data)
    add_timeframe = _Plain(BarAccess.add_timeframe)
    remove_timeframe = _Plain(BarAccess.remove_timeframe)

    get_recent_ticks = _Plain(TickAccess.get_recent_ticks)
    get_tick_statistics = _Plain(TickAccess.get_tick_statistics)

    subscribe_to_trades = _Plain(Subscriptions.subscribe_to_trades)
    subscribe_to_quotes = _Plain(Subscriptions.subscribe_to_quotes)
    subscribe_to_level2 = _Plain(Subscriptions.subscribe_to_level2)
    unsubscribe_from_trades = _Plain(Subscriptions.unsubscribe_from_trades)
    unsubscribe_from_quotes = _Plain(Subscriptions.unsubscribe_from_quotes)
    unsubscribe_from_level2 = _Plain(Subscriptions.unsubscribe_from_level2)

    get_order_book = _Plain(Depth.get_order_book)

    configure_bar_processing = _Plain(BarProcessing.configure_bar_processing)

    enable_validation = _Plain(Validation.enable_validation)
    get_validation_stats = _Plain(Validation.get_validation_stats)
    get_validation_errors = _Plain(Validation.get_validation_errors)
    validate_imported_data = _Plain(Validation.validate_imported_data)

    configure_memory_management = _Plain(Memory.configure_memory_management)
    get_memory_stats = _Plain(Memory.get_memory_stats)
    cleanup_old_data = _Plain(Memory.cleanup_old_data)
    compress_data = _Plain(Memory.compress_data)

    configure_performance = _Plain(Performance.configure_performance)
    get_performance_metrics = _Plain(Performance.get_performance_metrics)

    analyze_timeframe_alignment = _Plain(Alignment.analyze_timeframe_alignment)

    export_to_csv = _Plain(Files.export_to_csv)
    export_to_json = _Plain(Files.export_to_json)
    export_to_parquet = _Plain(Files.export_to_parquet)
    import_from_csv = _Plain(Files.import_from_csv)
    import_from_json = _Plain(Files.import_from_json)
    import_from_parquet = _Plain(Files.import_from_parquet)

    get_stats = _Plain(Statistics.get_stats)
    get_timeframe_stats = _Plain(Statistics.get_timeframe_stats)
    get_accounting = _Plain(Statistics.get_accounting)

    def get_timeframes(self) -> list[str]:
        """Return the timeframes kept, fine to coarse, activity bars last."""
        return self._manager.get_timeframes()

    def get_subscriptions(self) -> list[str]:
        """Return the channels received: ``trades``, ``quotes``, ``depth``, ``bars``."""
        return self._manager.get_subscriptions()

    def has_timeframe(self, timeframe: str) -> bool:
        """Return whether bars of a timeframe are kept; False for names that are not understood."""
        return self._manager.has_timeframe(timeframe)

    def __repr__(self) -> str:
        return repr(self._manager)
