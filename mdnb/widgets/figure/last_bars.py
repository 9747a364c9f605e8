"""What a chart has of a market that is over: the bars it drew, and the market while somebody holds it."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable

import numpy as np

from mdnb.errors import ClosedError, MdnbError
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, QuoteRow
from mdnb.stores.bars import BarColumns
from mdnb.timeframes import Timeframe
from mdnb.widgets.figure.bar_source import BarSource, Handle

__all__ = ["LastBars"]

_NS_PER_US = 1000


class _Nothing:
    def close(self) -> None:
        """Do nothing: nobody listens."""


class LastBars:
    """The source of a chart as long as it is there, and the bars the chart drew ever after.

    Parameters
    ----------
    source
        The chart's, which is held weakly.
    timeframe
        The one drawn, as the source names it.
    bars
        Those drawn and those before them that its indicators are made of.
    is_from_days_begin
        Whether these reach back to the begin of a day.
    """

    def __init__(
        self, source: BarSource, timeframe: str, bars: BarColumns, *, is_from_days_begin: bool
    ) -> None:
        self._source = weakref.ref(source)
        self.symbol, self.sessions, self.tz, self.venue = (
            source.symbol,
            source.sessions,
            source.tz,
            source.venue,
        )
        self.alerts = getattr(source, "alerts", None)
        self.contracts = getattr(source, "contracts", None)
        self._instrument = source.instrument
        self._quote = source.quote()
        self._timeframe = timeframe
        self._bars = bars
        self._is_from_days_begin = is_from_days_begin

    def alive(self) -> BarSource | None:
        """Return the source, if it is there still."""
        return self._source()

    @property
    def instrument(self) -> Instrument:
        """What is traded."""
        source = self._source()
        return self._instrument if source is None else source.instrument

    def timeframes(self) -> list[str]:
        """Return the timeframes that can be shown."""
        source = self._source()
        return [self._timeframe] if source is None else source.timeframes()

    def canonical(self, timeframe: object) -> str:
        """Return the name of a timeframe that can be shown.

        Raises
        ------
        ClosedError
            When it is another than the one drawn, and the market is gone.
        """
        source = self._source()
        if source is not None:
            return source.canonical(timeframe)
        if timeframe != self._timeframe and _name(timeframe) != self._timeframe:
            raise ClosedError(
                f"the market of {self.symbol} was closed and is gone: its chart has the {self._timeframe} "
                f"bars that it showed last, and no {timeframe!r}. Make a new market, and a chart of it."
            )
        return self._timeframe

    def columns(self, timeframe: object, count: int | None = None) -> BarColumns:
        """Return the newest bars there are."""
        source = self._source()
        if source is not None:
            return source.columns(timeframe, count)
        self.canonical(timeframe)
        held = len(self._bars)
        return self._bars.part(0 if count is None else max(0, held - count), held)

    def older(self, timeframe: object, start_ns: int, end_ns: int) -> BarColumns | None:
        """Return the closed bars of ``[start_ns, end_ns)``; None where some are gone."""
        source = self._source()
        if source is not None:
            return source.older(timeframe, start_ns, end_ns)
        if not self._is_from_days_begin:
            return None
        edges = [start_ns / _NS_PER_US, end_ns / _NS_PER_US]
        first, end = np.searchsorted(self._bars.time_us, edges).tolist()
        return self._bars.part(first, end)

    def version(self, timeframe: object) -> tuple[int, int, int]:
        """Return generation, bars closed, updates: nothing changes any more."""
        source = self._source()
        if source is not None:
            return source.version(timeframe)
        bars = self._bars
        return bars.generation, bars.first + len(bars) - bars.forming, 0

    def forming(self, timeframe: object) -> BarRow | None:
        """Return the bar that was being made."""
        source = self._source()
        return None if source is None else source.forming(timeframe)

    def listen(self, callback: Callable[[], None]) -> Handle:
        """Register nothing: nothing changes any more."""
        return _Nothing()

    def quote(self) -> QuoteRow | None:
        """Return the newest quote there was."""
        source = self._source()
        return self._quote if source is None else source.quote()

    def price_ahead(self) -> float:
        """Return ``nan``: no bar waits."""
        return math.nan

    def seconds_left(self, timeframe: object) -> float:
        """Return ``nan``: no bar is being made."""
        return math.nan

    def status(self) -> str:
        """Return the connection's state."""
        source = self._source()
        return "closed" if source is None else source.status()

    def latency_ms(self) -> float:
        """Return the delay of the newest data; ``nan`` where there is none any more."""
        source = self._source()
        return math.nan if source is None else source.latency_ms()


def _name(timeframe: object) -> str:
    try:
        return Timeframe.parse(timeframe).name
    except MdnbError:
        return ""
