"""The data manager for plain calls: the same names, no ``await``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from mdnb.errors import RuntimeUseError
from mdnb.manager import RealtimeDataManager, is_immediate
from mdnb.runtime.bridge import call
from mdnb.runtime.engine import Engine

__all__ = ["PlainDataManager"]

P = ParamSpec("P")
R = TypeVar("R")
_Method = Callable[Concatenate[RealtimeDataManager, P], Coroutine[Any, Any, R]]


def _run_here(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that never waits, right here: no thread, no loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: R = end.value
        return result
    coroutine.close()
    raise RuntimeUseError(f"{coroutine!r} was marked as never waiting, and waits")


def _plain(method: _Method[P, R]) -> Callable[Concatenate[PlainDataManager, P], R]:
    """Return a method that does the same for a caller that does not ``await``."""

    @functools.wraps(method)
    def plain(self: PlainDataManager, *args: P.args, **kwargs: P.kwargs) -> R:
        coroutine = method(self._manager, *args, **kwargs)
        return _run_here(coroutine) if is_immediate(method) else call(coroutine)

    # Without this, tools would take it for the coroutine function that it wraps.
    del plain.__wrapped__
    return cast("Callable[Concatenate[PlainDataManager, P], R]", plain)


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
    def engine(self) -> Engine:
        """The engine that holds the data; charts read it."""
        return self._manager.engine

    get_current_price = _plain(RealtimeDataManager.get_current_price)
    get_current_quote = _plain(RealtimeDataManager.get_current_quote)
    get_latest_tick = _plain(RealtimeDataManager.get_latest_tick)
    get_market_snapshot = _plain(RealtimeDataManager.get_market_snapshot)
    get_data = _plain(RealtimeDataManager.get_data)
    get_all_data = _plain(RealtimeDataManager.get_all_data)
    add_timeframe = _plain(RealtimeDataManager.add_timeframe)
    remove_timeframe = _plain(RealtimeDataManager.remove_timeframe)
    get_recent_ticks = _plain(RealtimeDataManager.get_recent_ticks)
    subscribe_to_trades = _plain(RealtimeDataManager.subscribe_to_trades)
    subscribe_to_quotes = _plain(RealtimeDataManager.subscribe_to_quotes)
    subscribe_to_level2 = _plain(RealtimeDataManager.subscribe_to_level2)
    unsubscribe_from_trades = _plain(RealtimeDataManager.unsubscribe_from_trades)
    unsubscribe_from_quotes = _plain(RealtimeDataManager.unsubscribe_from_quotes)
    unsubscribe_from_level2 = _plain(RealtimeDataManager.unsubscribe_from_level2)
    get_accounting = _plain(RealtimeDataManager.get_accounting)

    def get_timeframes(self) -> list[str]:
        """Return the timeframes kept, fine to coarse, activity bars last."""
        return self._manager.get_timeframes()

    def has_timeframe(self, timeframe: str) -> bool:
        """Return whether bars of a timeframe are kept; False for names that are not understood."""
        return self._manager.has_timeframe(timeframe)

    def __repr__(self) -> str:
        return repr(self._manager)
