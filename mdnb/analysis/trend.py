"""Trend of one series of closes: strength, significance and efficiency.

Strength is Kendall's tau of the closes against time. It is a description, and no test: on a random walk
without drift the p-value of Mann and Kendall is below 0.05 four times out of five, because prices are sums
of their returns. Whether a trend is significant is therefore asked of the returns: does their mean differ
from zero, by a t statistic that allows for autocorrelation and changing volatility.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from mdnb.analysis.tau_null_distribution import null_band
from mdnb.analysis.trend_measures import (
    FEWEST,
    MOST,
    HacTest,
    Momentum,
    as_closes,
    efficiency_ratio,
    hac_t,
    kendall_tau,
    log_returns,
    momentum,
)
from mdnb.errors import OptionError
from mdnb.records import Record, timestamp

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

__all__ = ["ONE_WAY", "TimeframeTrend", "TrendWord", "check_options", "direction_of", "trend_of"]

TrendWord = Literal["bullish", "bearish", "neutral", "n/a"]
ONE_WAY = 0.05
"""A trend reads up where its strength is above, down where it is below minus this."""

_NAN = math.nan


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TimeframeTrend(Record):
    """Trend of one timeframe over its last closed bars.

    Attributes
    ----------
    timeframe
        Canonical name.
    bars
        Closes that were used.
    available
        False where there were too few; then all figures below are ``nan`` and `significant` is False.
    tau
        Strength, from -1 to 1: Kendall's tau-b of close against time.
    null_band
        Range of tau for that many closes in nine of ten markets without a trend.
    t, p_value
        Test of the mean log return, Newey and West. ``nan`` where a close is not positive.
    significant
        True where `p_value` is below the level asked for.
    efficiency_ratio
        Net change over the sum of all changes, from -1 to 1 (Kaufman).
    momentum
        Sign of the return over the window: 1, 0 or -1.
    sigma
        Volatility a year as a fraction; ``nan`` where the bars per year are unknown.
    position
        `momentum` scaled to 40 % volatility a year, as a fraction of the capital.
    end_ns
        End of the newest bar used, UTC epoch nanoseconds; 0 where it was not given.
    """

    timeframe: str
    bars: int
    available: bool
    tau: float = _NAN
    null_band: tuple[float, float] = (_NAN, _NAN)
    t: float = _NAN
    p_value: float = _NAN
    significant: bool = False
    efficiency_ratio: float = _NAN
    momentum: float = _NAN
    sigma: float = _NAN
    position: float = _NAN
    end_ns: int = 0
    tz: str = dataclasses.field(default="UTC", repr=False)

    @property
    def direction(self) -> TrendWord:
        """Which way tau points: ``bullish`` above 0.05, ``bearish`` below -0.05, else ``neutral``.

        It describes what was; whether more than chance was at work is `significant`.
        """
        return direction_of(self.tau)

    @property
    def end(self) -> pd.Timestamp:
        """`end_ns` in the record's zone."""
        return timestamp(self.end_ns, self.tz)

    @property
    def timestamp(self) -> pd.Timestamp:
        """Same as `end`."""
        return timestamp(self.end_ns, self.tz)


def trend_of(
    close: ArrayLike,
    *,
    window: int = 50,
    minimum: int = 20,
    alpha: float = 0.05,
    bars_per_year: float = _NAN,
    timeframe: str = "",
    end_ns: int = 0,
    tz: str = "UTC",
) -> TimeframeTrend:
    """Return the trend of a series of closes.

    Parameters
    ----------
    close
        Closes of closed bars, oldest first, shape (n,). Only the last ``window`` count.
    window
        How many closes to look at, from ``minimum`` to 5000.
    minimum
        With fewer there is no trend; at least 3.
    alpha
        Level of significance, between 0 and 1. At 0.05 driftless random walks of 20, 30, 50, 100 and 200
        closes are found significant at a rate of 0.11, 0.10, 0.07, 0.07 and 0.06; 50 closes whose returns are
        autocorrelated, an AR(1) of 0.5, at one of 0.147.
    bars_per_year
        How many bars a year has, for `TimeframeTrend.sigma` and `TimeframeTrend.position`.
    timeframe, end_ns, tz
        Handed on.

    Raises
    ------
    OptionError
        When an option is outside what is allowed, or a close is not a finite number.

    Examples
    --------
    >>> trend = trend_of(100 * 1.01 ** np.arange(50))
    >>> trend.tau, trend.significant, trend.direction
    (1.0, True, 'bullish')
    >>> trend_of([100.0, 101.0]).available
    False
    """
    check_options(window, minimum, alpha)
    closes = as_closes(close)[-window:]
    n = len(closes)
    if n < minimum:
        return TimeframeTrend(timeframe=timeframe, bars=n, available=False, end_ns=end_ns, tz=tz)
    test, moved = HacTest(_NAN, _NAN, 0), Momentum(int(np.sign(closes[-1] - closes[0])), _NAN, _NAN)
    if closes.min() > 0:
        test = hac_t(log_returns(closes))
        moved = momentum(closes, bars_per_year=bars_per_year)
    return TimeframeTrend(
        timeframe=timeframe,
        bars=n,
        available=True,
        tau=kendall_tau(closes).tau,
        null_band=null_band(n),
        t=test.t,
        p_value=test.p,
        significant=test.p < alpha,
        efficiency_ratio=efficiency_ratio(closes),
        momentum=float(moved.sign),
        sigma=moved.sigma,
        position=moved.position,
        end_ns=end_ns,
        tz=tz,
    )


def direction_of(reading: float) -> TrendWord:
    """Return which way a strength points; ``n/a`` for ``nan``.

    Examples
    --------
    >>> direction_of(0.4), direction_of(-0.06), direction_of(0.05), direction_of(math.nan)
    ('bullish', 'bearish', 'neutral', 'n/a')
    """
    if math.isnan(reading):
        return "n/a"
    if abs(reading) <= ONE_WAY:
        return "neutral"
    return "bullish" if reading > 0 else "bearish"


def check_options(window: int, minimum: int, alpha: float) -> None:
    """Raise `OptionError` where an option of `trend_of` is outside what is allowed."""
    if not FEWEST <= minimum <= window <= MOST:
        raise OptionError(
            f"minimum must be at least {FEWEST}, window at least minimum and at most {MOST}; "
            f"got window={window!r}, minimum={minimum!r}"
        )
    if not 0 < alpha < 1:
        raise OptionError(f"alpha must lie between 0 and 1, such as 0.05; got {alpha!r}")
