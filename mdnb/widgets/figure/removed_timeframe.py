"""What a chart shows of a timeframe that is not kept any more: its last bars, and that it was removed."""

from __future__ import annotations

import math
from collections.abc import Callable

from mdnb.instruments import Instrument
from mdnb.rows import BarRow, QuoteRow
from mdnb.stores.bars import BarColumns
from mdnb.widgets.figure.bar_source import BarSource, Handle

__all__ = ["RemovedTimeframe"]

_VERSION = (-2, 0, 0)


class RemovedTimeframe:
    """The bars of a timeframe as they were last; in all else the source that had it.

    Parameters
    ----------
    source
        Which one.
    timeframe
        As it was kept.
    bars
        The last ones; none moves any more.
    """

    def __init__(self, source: BarSource, timeframe: str, bars: BarColumns) -> None:
        self.source = source
        self.symbol, self.sessions, self.tz = source.symbol, source.sessions, source.tz
        self.venue = source.venue
        self._timeframe = timeframe
        self._bars = bars

    @property
    def instrument(self) -> Instrument:
        """What is traded."""
        return self.source.instrument

    @property
    def alerts(self) -> object:
        """The source's, where it has any."""
        return getattr(self.source, "alerts", None)

    def is_back(self) -> bool:
        """Return whether the timeframe is kept again."""
        return self._timeframe in self.source.timeframes()

    def timeframes(self) -> list[str]:
        """Return the timeframes kept."""
        return self.source.timeframes()

    def canonical(self, timeframe: object) -> str:
        """Return a kept timeframe's name."""
        return self.source.canonical(timeframe)

    def columns(self, timeframe: object, count: int | None = None) -> BarColumns:
        """Return the last bars there were."""
        held = len(self._bars)
        return self._bars.part(0 if count is None else max(0, held - count), held)

    def older(self, timeframe: object, start_ns: int, end_ns: int) -> BarColumns | None:
        """Return None: what was before the last bars nobody has any more."""
        return None

    def version(self, timeframe: object) -> tuple[int, int, int]:
        """Return one of its own: nothing changes."""
        return _VERSION

    def forming(self, timeframe: object) -> BarRow | None:
        """Return None: no bar is being made."""
        return None

    def listen(self, callback: Callable[[], None]) -> Handle:
        """Register a callback for each change of the source."""
        return self.source.listen(callback)

    def quote(self) -> QuoteRow | None:
        """Return the newest quote."""
        return self.source.quote()

    def price_ahead(self) -> float:
        """Return ``nan``: no bar waits."""
        return math.nan

    def seconds_left(self, timeframe: object) -> float:
        """Return ``nan``: no bar is being made."""
        return math.nan

    def status(self) -> str:
        """Return that the timeframe was removed; at the market's end, that."""
        status = self.source.status()
        return status if status == "closed" else f"{self._timeframe} removed"

    def latency_ms(self) -> float:
        """Return the delay of the newest data."""
        return self.source.latency_ms()
