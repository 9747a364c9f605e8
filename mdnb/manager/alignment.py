"""Cross-timeframe alignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mdnb.analysis.alignment import TimeframeAlignment, Weights, align
from mdnb.manager.arguments import When, to_ns, whole_number
from mdnb.manager.forward import immediate
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.sessions import DAY_NS
from mdnb.timeframes import Timeframe

__all__ = ["Alignment"]

_YEAR_SECONDS = 365.25 * 86_400


class Alignment:
    """Cross-timeframe analysis of one symbol."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    @immediate
    async def analyze_timeframe_alignment(
        self,
        timeframes: Sequence[str] | str | None = None,
        *,
        window: int = 50,
        minimum: int = 20,
        alpha: float = 0.05,
        weights: Weights | Mapping[str, float] = "equal",
        as_of: When = None,
    ) -> TimeframeAlignment:
        """Score how the trends of the timeframes agree, from closed bars only.

        Parameters
        ----------
        timeframes
            Those to look at; default all clock timeframes kept.
        window, minimum
            The newest ``window`` closes of each; with fewer than ``minimum`` it is left out.
        alpha
            A trend with p below this is significant.
        weights
            ``equal``, ``sqrt_minutes``, or a weight for each timeframe.
        as_of
            Only what was known then: bars that had been closed here by then, as they were; default now. What
            it gave live at that time it gives later.

        Returns
        -------
        TimeframeAlignment
            ``score`` -1..1, ``agreement`` 0..1, ``trend_direction`` bullish, bearish, mixed or neutral, and
            the trend of each timeframe. The definition and its sources: `mdnb.analysis.trend`.

        Raises
        ------
        TimeframeError
            When a timeframe is not kept.
        OptionError
            When an option is outside what is allowed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min", "15min"], initial_days=2) as market:
        ...     result = market.data.analyze_timeframe_alignment()
        >>> -1 <= result.score <= 1, list(result.timeframes)
        (True, ['1min', '5min', '15min'])
        """
        # Not only of a market that is open: what is held at its end can still be looked at.
        engine = self._market.engine
        window = whole_number("window", window, 3)
        until = to_ns(as_of)
        with engine.lock:
            now = engine.read_ns()
            instant = now if until is None else until
            # In one go: another thread may remove a timeframe.
            if timeframes is None:
                names = [name for name in engine.timeframes() if name not in engine.activity]
            else:
                given = [timeframes] if isinstance(timeframes, str) else timeframes
                names = [engine.canonical(one) for one in given]
            asked = [engine.timeframe(name) for name in names]
            closes = {one: engine.reader.known(one.name, instant, window).close for one in asked}
        return align(
            closes,
            window=window,
            minimum=whole_number("minimum", minimum, 3),
            alpha=alpha,
            weights=weights,
            as_of_ns=instant,
            symbol=self._market.symbol,
            tz=engine.tz,
            bars_per_year=_bars_per_year(engine, asked, now),
        )


def _bars_per_year(
    engine: SymbolState, timeframes: Sequence[Timeframe], now_ns: int
) -> dict[Timeframe, float] | None:
    """Return how many bars a year of the venue's hours has, by timeframe; None where it never closes."""
    if engine.sessions.always_open:
        return None
    week = 7 * DAY_NS
    open_share = engine.sessions.open_ns(now_ns - 4 * week, now_ns) / (4 * week)
    made = {}
    for timeframe in timeframes:
        whole_days = timeframe.step_ns == 0
        year = _YEAR_SECONDS * (5 / 7 if whole_days and timeframe.kind == "day" else 1.0)
        made[timeframe] = year * (1.0 if whole_days else open_share) / timeframe.seconds
    return made
