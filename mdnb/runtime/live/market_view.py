"""`MarketView`: the closed bars of one symbol as they were known at an instant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mdnb.records import timestamp

if TYPE_CHECKING:
    import pandas as pd

    from mdnb.runtime.live.symbol_state import SymbolState

__all__ = ["MarketView"]


class MarketView:
    """What was known of one symbol's bars at an instant: those closed by then, as they were then.

    ``view["5min"]`` is a frame as `get_data` returns it. It is read when it is asked for, and what came later
    is left out or taken back, however late that is.

    Attributes
    ----------
    time_ns
        The instant, UTC epoch nanoseconds.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", ["1min", "5min"], feed="sim://?speed=600", initial_days=0.1) as live:
    ...     event = live.wait_for("bars_closed", timeout=60)
    ...     first = event.bars["1min"].time
    ...     list(event.view), first in event.view["1min"].index
    (['1min', '5min'], True)
    """

    __slots__ = ("_engine", "time_ns")

    def __init__(self, engine: SymbolState, time_ns: int) -> None:
        self._engine = engine
        self.time_ns = time_ns

    @property
    def time(self) -> pd.Timestamp:
        """The instant in the suite's zone."""
        return timestamp(self.time_ns, self._engine.tz)

    def __getitem__(self, timeframe: str) -> pd.DataFrame:
        return self.bars(timeframe)

    def bars(self, timeframe: str, count: int | None = None) -> pd.DataFrame:
        """Return the newest ``count`` bars known then, all that are held where it is None.

        Raises
        ------
        TimeframeError
            When the timeframe is not kept.
        NoDataError
            When more bars were amended since than is kept, or bars known then have left memory.
        """
        return self._engine.known(timeframe, self.time_ns, count)

    def __iter__(self) -> Iterator[str]:
        return iter(self._engine.timeframes())

    def __contains__(self, timeframe: object) -> bool:
        return self._engine.has_timeframe(timeframe)

    def __repr__(self) -> str:
        return f"<MarketView {self._engine.symbol} as of {self.time}>"
