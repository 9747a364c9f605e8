"""What a chart reads bars from; `mdnb.runtime.live.symbol_state.SymbolState` is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mdnb.instruments import Instrument
from mdnb.rows import BarRow, QuoteRow
from mdnb.sessions import Sessions
from mdnb.stores.bars import BarColumns

__all__ = ["BarSource", "Handle"]


class Handle(Protocol):
    """Ends a registration."""

    def close(self) -> None:
        """End it."""
        ...


class BarSource(Protocol):
    """Live bars of one symbol, read by copies, from any thread."""

    symbol: str
    sessions: Sessions
    tz: str
    venue: str
    """Whose data it is, in a word or two; empty where that need not be said."""

    @property
    def instrument(self) -> Instrument:
        """What is traded."""

    def timeframes(self) -> list[str]:
        """Return the timeframes kept."""
        ...

    def canonical(self, timeframe: object) -> str:
        """Return a kept timeframe's name."""
        ...

    def columns(self, timeframe: object, count: int | None = None) -> BarColumns:
        """Return the newest bars, the forming one last."""
        ...

    def older(self, timeframe: object, start_ns: int, end_ns: int) -> BarColumns | None:
        """Return the closed bars of ``[start_ns, end_ns)``, of memory and disk; None where some are gone."""
        ...

    def version(self, timeframe: object) -> tuple[int, int, int]:
        """Return generation, bars closed, updates."""
        ...

    def forming(self, timeframe: object) -> BarRow | None:
        """Return the forming bar."""
        ...

    def listen(self, callback: Callable[[], None]) -> Handle:
        """Register a callback for each change."""
        ...

    def quote(self) -> QuoteRow | None:
        """Return the newest quote."""
        ...

    def price_ahead(self) -> float:
        """Return the newest price while the bars wait for trades that were missed; else ``nan``."""
        ...

    def seconds_left(self, timeframe: object) -> float:
        """Return the wall-clock seconds until the bar that is being made ends; ``nan`` where not known."""
        ...

    def status(self) -> str:
        """Return the connection's state."""
        ...

    def latency_ms(self) -> float:
        """Return the delay of the newest data."""
        ...
