"""Do the timeframes point the same way? One score from -1 to 1, and what it is made of."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from mdnb.analysis.trend import TimeframeTrend, trend_of
from mdnb.errors import OptionError, suggest
from mdnb.timeframes import Timeframe
from mdnb.types import Record, timestamp

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["TimeframeAlignment", "Weights", "align"]

Weights = Literal["equal", "sqrt_minutes"] | Mapping[str, float]

_CUT = 0.1
_STRONG = 0.5
_YEAR_SECONDS = 365.25 * 86_400
_KINDS = ("equal", "sqrt_minutes")


@dataclasses.dataclass(frozen=True, slots=True)
class TimeframeAlignment(Record):
    """How several timeframes agree.

    Attributes
    ----------
    score
        Weighted mean of the timeframes' tau, -1..1; 0.0 where no timeframe has enough closed bars.
    agreement
        ``|sum w sgn(tau)| / sum w``, 0..1.
    trend_direction
        ``bullish`` or ``bearish`` where the score is beyond 0.1 and at least half of the weight is a
        significant trend of that sign; ``neutral`` within 0.1; else ``mixed``.
    label
        ``strong buy``, ``buy``, ``neutral``, ``sell`` or ``strong sell``, by the score's cuts 0.1 and 0.5.
    timeframes
        The `mdnb.analysis.trend.TimeframeTrend` of each, by name.
    available
        Whether any timeframe has enough closed bars.
    time_ns
        As of when, UTC epoch nanoseconds: only bars that had closed by then are in it.
    """

    symbol: str
    time_ns: int
    score: float
    agreement: float
    trend_direction: str
    label: str
    available: bool
    timeframes: Mapping[str, TimeframeTrend] = dataclasses.field(default_factory=dict)
    tz: str = dataclasses.field(default="UTC", repr=False)

    @property
    def timestamp(self) -> pd.Timestamp:
        """`time_ns` in the suite's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)

    def __str__(self) -> str:
        when = f"{self.timestamp:%Y-%m-%d %H:%M:%S %Z}"
        verdict = f"{self.trend_direction} ({self.label}), agreement {self.agreement:.0%}"
        lines = [
            f"{self.symbol} as of {when}: score {self.score:+.2f}, {verdict}",
            f"{'':>8}{'tau':>8}{'by chance':>12}{'t':>8}{'p':>8}{'way':>8}{'weight':>8}",
        ]
        for name, one in self.timeframes.items():
            if not one.available:
                lines.append(f"{name:>8}     n/a: only {one.bars} closed bars")
                continue
            star = "*" if one.significant else " "
            lines.append(
                f"{name:>8}{one.tau:>+8.2f}{'±' + format(one.null_band, '.2f'):>12}{one.t:>+8.2f}"
                f"{one.p:>8.3f}{one.efficiency_ratio:>+8.2f}{one.weight:>8.2f}{star}"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def align(
    closes: Mapping[str, NDArray[np.float64]],
    *,
    window: int = 50,
    minimum: int = 20,
    alpha: float = 0.05,
    weights: Weights = "equal",
    as_of_ns: int = 0,
    symbol: str = "",
    tz: str = "UTC",
) -> TimeframeAlignment:
    """Score how the trends of several timeframes agree.

    ``score = sum w tau / sum w`` over the timeframes with enough bars. Timeframes overlap, so their p-values
    are not independent: each is told, none are multiplied.

    Parameters
    ----------
    closes
        By timeframe: float64, shape (n,), closes of bars that had closed by ``as_of_ns``, oldest first.
    window, minimum, alpha
        As in `mdnb.analysis.trend.trend_of`.
    weights
        ``equal``, ``sqrt_minutes`` (the root of the timeframe's minutes), or a weight for each timeframe.

    Raises
    ------
    OptionError
        When an option is outside what is allowed.

    Examples
    --------
    >>> import numpy as np
    >>> up = 100 * 1.001 ** np.arange(60)
    >>> result = align({"1min": up, "5min": up})
    >>> result.score, result.trend_direction, result.label
    (1.0, 'bullish', 'strong buy')
    """
    given = _weights(list(closes), weights)
    trends: dict[str, TimeframeTrend] = {}
    for name, close in closes.items():
        seconds = Timeframe.parse(name).seconds
        made = trend_of(
            name,
            close,
            window=window,
            minimum=minimum,
            alpha=alpha,
            bars_per_year=_YEAR_SECONDS / seconds if seconds > 0 else 252.0,
        )
        trends[name] = dataclasses.replace(made, weight=given[name] if made.available else 0.0)
    used = [one for one in trends.values() if one.weight > 0]
    total = sum(one.weight for one in used)
    score = agreement = 0.0
    if total > 0:
        score = sum(one.weight * one.tau for one in used) / total
        agreement = abs(sum(one.weight * _sign(one.tau) for one in used)) / total
    return TimeframeAlignment(
        symbol,
        as_of_ns,
        score,
        agreement,
        _direction(score, used, total),
        _label(score),
        total > 0,
        MappingProxyType(trends),
        tz,
    )


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _direction(score: float, used: list[TimeframeTrend], total: float) -> str:
    if abs(score) <= _CUT:
        return "neutral"
    sign = _sign(score)
    backed = sum(one.weight for one in used if one.significant and _sign(one.t) == sign)
    if backed >= total / 2:
        return "bullish" if sign > 0 else "bearish"
    return "mixed"


def _label(score: float) -> str:
    if abs(score) <= _CUT:
        return "neutral"
    word = "buy" if score > 0 else "sell"
    return f"strong {word}" if abs(score) > _STRONG else word


def _weights(names: list[str], weights: Weights) -> dict[str, float]:
    if isinstance(weights, str):
        if weights not in _KINDS:
            raise OptionError(f"there are no weights {weights!r}. {suggest(weights, _KINDS)}")
        if weights == "equal":
            return dict.fromkeys(names, 1.0)
        return {name: math.sqrt(max(Timeframe.parse(name).seconds, 0.0) / 60) for name in names}
    given = {Timeframe.parse(name).name: value for name, value in weights.items()}
    for name in names:
        value = given.get(name)
        if value is None or isinstance(value, bool) or not 0 <= value < math.inf:
            raise OptionError(
                f"weights must have a number of at least 0 for each of {', '.join(names)}; got {weights!r}"
            )
    return {name: float(given[name]) for name in names}
