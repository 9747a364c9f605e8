"""Agreement of one market's timeframes on a trend: one score, and its parts."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from mdnb.analysis.trend import TimeframeTrend, check_options, trend_of
from mdnb.errors import OptionError, suggest
from mdnb.records import FrozenDict, Record, timestamp
from mdnb.timeframes import Timeframe

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

__all__ = ["Direction", "Label", "TimeframeAlignment", "Weights", "align"]

Direction = Literal["bullish", "bearish", "neutral", "mixed"]
Label = Literal["strong buy", "buy", "neutral", "sell", "strong sell"]
Weights = Literal["equal", "sqrt_minutes"]

_T = TypeVar("_T")
# Under any name of a timeframe, or the timeframe itself where it is known already.
_ByTimeframe: TypeAlias = Mapping[str, _T] | Mapping[Timeframe, _T]
# Beyond these a score is called "buy" or "strong buy", as TradingView's technical ratings are.
_SOME, _STRONG = 0.1, 0.5
_YEAR_SECONDS = 365.25 * 86_400
_ROUNDING = 1e-12
_HEADS = ("timeframe", "bars", "weight", "tau", "by chance", "t", "p", "trend", "efficiency")


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TimeframeAlignment(Record):
    """Trends of several timeframes of one market, and how far they agree.

    Attributes
    ----------
    symbol
        As the feed writes it.
    time_ns
        The instant it holds for, UTC epoch nanoseconds: bars that closed later play no part. 0 where it was
        not given.
    score
        Weighted mean of the timeframes' tau, from -1 (all closes fall) to 1 (all rise). Always finite: 0
        where no timeframe is available.
    agreement
        ``|sum of w sgn(tau)| / sum of w``, from 0 (as much weight up as down) to 1 (all one way).
    trend_direction
        ``neutral`` where ``|score| <= 0.1``. Beyond, ``bullish`` or ``bearish`` where at least half of the
        weight is on timeframes that are significant in the score's direction
        (`TimeframeTrend.direction`), else ``mixed``.
    label
        The score in words: ``strong buy`` above 0.5, ``buy`` above 0.1, ``neutral``, ``sell`` below -0.1,
        ``strong sell`` below -0.5. A name for its size and no advice; it does not ask for significance.
    available
        False where no timeframe with a weight has enough closed bars.
    null_band
        Weighted mean of the timeframes' `TimeframeTrend.null_band`: the range of the score in nine of ten
        markets without a trend if all timeframes moved as one. They overlap only in part, so the score's
        own range is narrower: simulated, -0.46 to 0.46 for 1min, 5min, 15min, 1hour, 4hour of equal weight.
    timeframes
        Trend of each timeframe by name, fine to coarse.
    weights
        Share of each timeframe in the score by name: sums to 1, and is 0 where a timeframe is not available.
    window, minimum, alpha
        What was asked for.

    Examples
    --------
    >>> import mdnb
    >>> with mdnb.live("MNQ", ["1min", "5min"], initial_days=1) as live:
    ...     alignment = live.alignment()
    >>> -1 <= alignment.score <= 1, list(alignment.timeframes)
    (True, ['1min', '5min'])
    """

    symbol: str
    time_ns: int
    score: float
    agreement: float
    trend_direction: Direction
    label: Label
    available: bool
    null_band: tuple[float, float]
    timeframes: Mapping[str, TimeframeTrend]
    weights: Mapping[str, float]
    window: int = 50
    minimum: int = 20
    alpha: float = 0.05
    tz: str = dataclasses.field(default="UTC", repr=False)

    @property
    def timestamp(self) -> pd.Timestamp:
        """`time_ns` in the record's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)

    def _head(self) -> str:
        when = f" · {self.timestamp:%Y-%m-%d %H:%M:%S %Z}" if self.time_ns else ""
        return f"timeframe alignment{f' · {self.symbol}' if self.symbol else ''}{when}"

    def _summary(self) -> str:
        if not self.available:
            return f"not available: no timeframe with a weight has {self.minimum} closed bars"
        return (
            f"score {self.score:+.2f} ({self.label}), by chance {_range(self.null_band)} · "
            f"{self.trend_direction} · agreement {self.agreement:.2f}"
        )

    def _note(self) -> str:
        return (
            f"last {self.window} closed bars each; by chance: 90 % of markets without a trend; "
            f"trend: p < {self.alpha:g}, timeframes overlap, so their p do not multiply"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for name, trend in self.timeframes.items():
            if not trend.available:
                rows.append((name, str(trend.bars), "-", "n/a", "", "", "", "n/a", ""))
                continue
            figures = (
                f"{trend.tau:+.2f}",
                _range(trend.null_band),
                f"{trend.t:+.2f}",
                f"{trend.p_value:.3f}",
            )
            share = f"{self.weights[name]:.2f}"
            efficiency = f"{trend.efficiency_ratio:+.2f}"
            rows.append((name, str(trend.bars), share, *figures, trend.direction, efficiency))
        return rows

    def __repr__(self) -> str:
        symbol = f"{self.symbol}: " if self.symbol else ""
        return f"<{type(self).__name__} {symbol}{self._summary()}>"

    def __str__(self) -> str:
        rows = [_HEADS, *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([self._head(), self._summary(), *lines, self._note()])

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{html.escape(head)}</th>" for head in _HEADS)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in self._rows()
        )
        return (
            f"<div><strong>{html.escape(self._head())}</strong><br>{html.escape(self._summary())}"
            f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
            f"<small>{html.escape(self._note())}</small></div>"
        )


def align(
    closes: _ByTimeframe[ArrayLike],
    *,
    window: int = 50,
    minimum: int = 20,
    alpha: float = 0.05,
    weights: Weights | Mapping[str, float] = "equal",
    as_of_ns: int = 0,
    symbol: str = "",
    tz: str = "UTC",
    ends: Mapping[str, int] | None = None,
    bars_per_year: _ByTimeframe[float] | None = None,
) -> TimeframeAlignment:
    """Return a score of how far timeframes agree on a trend.

    ``score = sum of w tau / sum of w`` over the timeframes that have enough bars. See `TimeframeAlignment`
    for what is returned, and `mdnb.analysis.trend.trend_of` for a single timeframe.

    Parameters
    ----------
    closes
        By timeframe: closes of closed bars that ended at or before ``as_of_ns``, oldest first, shape (n,).
        Only the last ``window`` count.
    window, minimum, alpha
        How many closes to look at; with fewer than ``minimum`` a timeframe counts for nothing; level of
        significance.
    weights
        ``equal``; ``sqrt_minutes``, the square root of the timeframe's length; or a weight of each timeframe,
        none negative.
    as_of_ns
        The instant it holds for, UTC epoch nanoseconds.
    symbol, tz
        Handed on.
    ends
        By timeframe: end of the newest bar given, UTC epoch nanoseconds. Where given, one after ``as_of_ns``
        is refused, as it would be knowledge of the future.
    bars_per_year
        By timeframe, for volatility and position. By default that of a market that never closes; ``nan`` for
        activity bars, whose number nobody knows.

    Raises
    ------
    TimeframeError
        When a name is not a timeframe.
    OptionError
        When an option is outside what is allowed, a close is not a finite number, or a bar ends after
        ``as_of_ns``.

    Examples
    --------
    >>> rising = [100.0 + i for i in range(50)]
    >>> found = align({"1min": rising, "5min": rising[:30], "1hour": rising[:5]})
    >>> found.score, found.trend_direction, found.label, found.timeframes["1hour"].available
    (1.0, 'bullish', 'strong buy', False)
    """
    check_options(window, minimum, alpha)
    series = _by_timeframe(closes, "closes")
    newest = _ends(ends, series, as_of_ns)
    asked = _weights(weights, series)
    yearly = _yearly(bars_per_year, series)
    trends = {
        timeframe.name: trend_of(
            close,
            window=window,
            minimum=minimum,
            alpha=alpha,
            bars_per_year=yearly[timeframe.name],
            timeframe=timeframe.name,
            end_ns=newest.get(timeframe.name, 0),
            tz=tz,
        )
        for timeframe, close in series.items()
    }
    counting = {name: asked[name] for name, trend in trends.items() if trend.available and asked[name] > 0}
    total = math.fsum(counting.values())
    score = _mean({name: trends[name].tau for name in counting}, counting)
    signs = {name: float((trends[name].tau > 0) - (trends[name].tau < 0)) for name in counting}
    edge = _mean({name: trends[name].null_band[1] for name in counting}, counting)
    return TimeframeAlignment(
        symbol=symbol,
        time_ns=as_of_ns,
        score=score,
        agreement=abs(_mean(signs, counting)),
        trend_direction=_direction(score, trends, counting),
        label=_label(score),
        available=bool(counting),
        null_band=(-edge, edge) if counting else (math.nan, math.nan),
        timeframes=FrozenDict(trends),
        weights=FrozenDict({name: counting.get(name, 0.0) / total if total else 0.0 for name in trends}),
        window=window,
        minimum=minimum,
        alpha=alpha,
        tz=tz,
    )


def _mean(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the weighted mean, 0 of nothing; exactly 1 of ones whatever the weights."""
    total = math.fsum(weights.values())
    if not total:
        return 0.0
    return min(1.0, max(-1.0, math.fsum(weights[name] * value for name, value in values.items()) / total))


def _direction(score: float, trends: Mapping[str, TimeframeTrend], weights: Mapping[str, float]) -> Direction:
    if abs(score) <= _SOME:
        return "neutral"
    wanted: Direction = "bullish" if score > 0 else "bearish"
    agreeing = math.fsum(weight for name, weight in weights.items() if trends[name].direction == wanted)
    return wanted if 2 * agreeing >= math.fsum(weights.values()) * (1 - _ROUNDING) else "mixed"


def _label(score: float) -> Label:
    if abs(score) <= _SOME:
        return "neutral"
    if score > 0:
        return "strong buy" if score > _STRONG else "buy"
    return "strong sell" if score < -_STRONG else "sell"


def _range(band: tuple[float, float]) -> str:
    return f"{band[0]:+.2f}..{band[1]:+.2f}"


def _by_timeframe(given: _ByTimeframe[_T], what: str) -> dict[Timeframe, _T]:
    """Return the mapping by timeframe, fine to coarse."""
    held: dict[Timeframe, _T] = {}
    for key, value in given.items():
        timeframe = Timeframe.parse(key)
        if timeframe in held:
            raise OptionError(f"{what} names {timeframe.name} twice: {', '.join(map(repr, given))}")
        held[timeframe] = value
    return dict(sorted(held.items(), key=lambda entry: entry[0].sort_key))


def _options(given: _ByTimeframe[_T], timeframes: Iterable[Timeframe], what: str) -> dict[str, _T]:
    """Return an option that is given by timeframe, and refuse timeframes that have no closes."""
    names = [timeframe.name for timeframe in timeframes]
    found = {timeframe.name: value for timeframe, value in _by_timeframe(given, what).items()}
    for name in found:
        if name not in names:
            raise OptionError(f"{what} names {name}, of which there are no closes. {suggest(name, names)}")
    return found


def _weights(given: Weights | Mapping[str, float], timeframes: Iterable[Timeframe]) -> dict[str, float]:
    names = [timeframe.name for timeframe in timeframes]
    if given == "equal":
        return dict.fromkeys(names, 1.0)
    if given == "sqrt_minutes":
        found = {one.name: math.sqrt(one.seconds / 60) for one in timeframes}
        endless = [name for name, weight in found.items() if math.isnan(weight)]
        if endless:
            raise OptionError(
                f"'sqrt_minutes' cannot weigh {', '.join(endless)}: activity bars have no length; "
                "give weights={timeframe: weight} or 'equal'"
            )
        return found
    if not isinstance(given, Mapping):
        raise OptionError(
            f"weights must be 'equal', 'sqrt_minutes' or a weight of each timeframe; got {given!r}"
        )
    found = _options(given, timeframes, "weights")
    missing = [name for name in names if name not in found]
    if missing:
        raise OptionError(f"weights has none for {', '.join(missing)}; 0 leaves a timeframe out")
    if any(not 0 <= weight < math.inf for weight in found.values()) or not any(found.values()):
        raise OptionError(f"weights must be finite, none negative and one positive; got {dict(given)!r}")
    return found


def _ends(given: Mapping[str, int] | None, timeframes: Iterable[Timeframe], as_of_ns: int) -> dict[str, int]:
    found = _options(given, timeframes, "ends") if given else {}
    for name, end in found.items():
        if end > as_of_ns:
            raise OptionError(
                f"the newest {name} bar ends at {end} ns, after as_of_ns={as_of_ns}: "
                "give only bars that had closed by then"
            )
    return found


def _yearly(given: _ByTimeframe[float] | None, timeframes: Iterable[Timeframe]) -> dict[str, float]:
    found = _options(given, timeframes, "bars_per_year") if given else {}
    return {one.name: found.get(one.name, _YEAR_SECONDS / one.seconds) for one in timeframes}
