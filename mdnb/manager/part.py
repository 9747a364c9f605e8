"""What every part of a data manager works on: one symbol of a running session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from mdnb.errors import ClosedError, NoDataError
from mdnb.interruptible_wait import wakeful
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.session import MarketSession

__all__ = ["DEFAULT_TIMEOUT", "Desk"]

T = TypeVar("T")

DEFAULT_TIMEOUT = 10.0
"""Seconds that single values are waited for."""


class Desk:
    """One symbol of a session, and waiting for its data.

    Attributes
    ----------
    session, symbol, engine
        Whose data it is and where it is held.
    """

    __slots__ = ("engine", "session", "symbol")

    def __init__(self, session: MarketSession, symbol: str) -> None:
        self.session = session
        self.symbol = symbol
        self.engine: SymbolState = session.engine(symbol)

    @property
    def pipeline(self) -> Pipeline:
        """What the symbol's data passes through."""
        return self.session.pipelines[self.symbol]

    def open(self) -> SymbolState:
        """Return the engine.

        Raises
        ------
        ClosedError
            After the suite was closed.
        """
        if self.session.closed:
            raise ClosedError(f"the suite of {self.symbol} was closed; create a new one")
        return self.engine

    def age(self, time_ns: int) -> float:
        """Return the seconds of wall time since the market stood at ``time_ns``, at least 0."""
        return max(0.0, self.session.feed.clock.lag_ms(time_ns) / 1e3)

    async def first(self, read: Callable[[], T | None], what: str, timeout: float) -> T:
        """Return what ``read`` gives as soon as it gives anything.

        Raises
        ------
        NoDataError
            When that took longer than ``timeout`` seconds.
        """
        engine = self.open()
        value = read()
        if value is not None:
            return value
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(arrived.set)

        listener = engine.listen(wake)
        try:
            async with asyncio.timeout(timeout):
                while (value := read()) is None:
                    self.open()
                    await wakeful(arrived.wait())
                    arrived.clear()
                return value
        except TimeoutError as error:
            health = self.session.health
            detail = f" ({health.detail})" if health.detail else ""
            raise NoDataError(
                f"no {what} of {self.symbol} within {timeout:g} s; the connection is {health.status}{detail}."
                " The market may be closed; wait longer with timeout=, or check suite.status."
            ) from error
        finally:
            listener.close()
