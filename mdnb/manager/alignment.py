"""Cross-timeframe alignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mdnb.analysis.alignment import TimeframeAlignment, Weights, align, bars_per_year_of, weights_of
from mdnb.analysis.alignment_windows import closes_read, closes_wanted, finest_and_longest
from mdnb.analysis.average_signs import Method
from mdnb.arguments import When, to_ns, whole_number
from mdnb.errors import OptionError
from mdnb.manager.forward import immediate
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.sessions import DAY_NS
from mdnb.timeframes import Timeframe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mdnb.stores.columns import BarColumns

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
        method: Method = "tau",
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
        method
            What is read of each timeframe: ``tau``, or the sign of ``ema`` (EMA 20 less EMA 200) or ``macd``.
        as_of
            Only what was known then: bars that had been closed here by then, as they were; default now. What
            it gave live at that time it gives later. A string without a zone is of the frames' zone.

        Returns
        -------
        TimeframeAlignment
            ``score`` -1..1 beside the band that chance alone gives it, ``agreement`` 0..1,
            ``trend_direction`` bullish, bearish, mixed or neutral by the signs, ``confirmed`` where the score
            is more than chance (wrong in 5 % of markets without a trend; None where the finest bars in memory
            do not reach back over the longest window), and the trend of each timeframe. The first call for a
            set of timeframes takes 0.1 to 0.3 s. The definition and its sources: ``mdnb.analysis.trend`` and
            ``mdnb.analysis.score_null_distribution``.

        Raises
        ------
        TimeframeError
            When a timeframe is not kept.
        OptionError
            When an option is outside what is allowed, ``timeframes`` names none, or ``as_of`` is later than
            the market's time.

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
        window, minimum = whole_number("window", window, 3), whole_number("minimum", minimum, 3)
        until = to_ns(as_of, engine.tz)
        if until is not None:
            self._market.refuse_future(until)
        with engine.lock:
            now = engine.read_ns()
            instant = now if until is None else until
            # In one go: another thread may remove a timeframe.
            if timeframes is None:
                names = [name for name in engine.timeframes() if name not in engine.activity]
            else:
                given = [timeframes] if isinstance(timeframes, str) else timeframes
                if not given:
                    kept = ", ".join(name for name in engine.timeframes() if name not in engine.activity)
                    raise OptionError(
                        f"timeframes names none to look at; got {timeframes!r}. Leave it out for all, or name"
                        f" some of {kept or 'those that add_timeframe adds'}."
                    )
                names = [engine.canonical(one) for one in given]
            asked = [engine.timeframe(name) for name in names]
            count = closes_read(method, window)
            bars = {one: engine.reader.known(one.name, instant, count) for one in asked}
            yearly = _bars_per_year(engine, asked, instant, now)
            wanted = closes_wanted(method, minimum)
            sure = weights_of(weights, asked)
            part = {
                one: min(len(held), window)
                for one, held in bars.items()
                if len(held) >= wanted and sure[one.name] > 0
            }
            ends = finest_and_longest(part, bars_per_year_of(yearly, asked))
            finest = _finest(engine, instant, ends, bars, part) if ends else None
        return align(
            {one: held.close for one, held in bars.items()},
            window=window,
            minimum=minimum,
            alpha=alpha,
            weights=weights,
            method=method,
            as_of_ns=instant,
            symbol=self._market.symbol,
            tz=engine.tz,
            bars_per_year=yearly,
            finest=() if finest is None else finest,
        )


def _finest(
    engine: SymbolState,
    instant: int,
    which: tuple[Timeframe, Timeframe],
    bars: Mapping[Timeframe, BarColumns],
    part: Mapping[Timeframe, int],
) -> NDArray[np.float64] | None:
    """Return the finest closes from the first close of the longest window on; None where not held."""
    finest, longest = which
    own = bars[finest].close[-part[finest] :]
    if finest == longest:
        return own
    begins = _ends(engine, longest, bars[longest])[-part[longest]]
    held = engine.reader.known(finest.name, instant)
    first = int(np.searchsorted(_ends(engine, finest, held), begins, side="right")) - 1
    return held.close[first:] if first >= 0 else None


def _ends(engine: SymbolState, timeframe: Timeframe, bars: BarColumns) -> NDArray[np.int64]:
    """Return when each bar was over; the newest of trades, which is over when the next begins, at last."""
    grid = engine.grid(timeframe.name)
    if grid is None:
        return np.append(bars.time_us[1:], np.iinfo(np.int64).max)
    return grid.ends(bars.time_us * 1000) // 1000


def _bars_per_year(
    engine: SymbolState, timeframes: Sequence[Timeframe], instant_ns: int, now_ns: int
) -> dict[Timeframe, float] | None:
    """Return how many bars a year of the venue's hours has, by timeframe; None where it never closes."""
    if engine.sessions.always_open:
        return None
    week = 7 * DAY_NS
    # Of the weeks before the instant, so that it is later what it was then; unless the calendar begins later.
    spans = [(until - 4 * week, until) for until in (instant_ns, now_ns)]
    opened = next(filter(None, (engine.sessions.open_ns(*span) for span in spans)), 4 * week)
    open_share = opened / (4 * week)
    made = {}
    for timeframe in timeframes:
        whole_days = timeframe.step_ns == 0
        year = _YEAR_SECONDS * (5 / 7 if whole_days and timeframe.kind == "day" else 1.0)
        made[timeframe] = year * (1.0 if whole_days else open_share) / timeframe.seconds
    return made
