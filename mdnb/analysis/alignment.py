"""Agreement of one market's timeframes on a trend: one score, and its parts."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np

from mdnb.analysis.alignment_windows import (
    closes_wanted,
    pooled_closes,
    windows_of,
)
from mdnb.analysis.average_signs import READ, AverageSign, Method
from mdnb.analysis.score_null_distribution import SIZE, ScoreNull, score_null
from mdnb.analysis.trend import TimeframeTrend, check_options, direction_of, trend_of
from mdnb.analysis.trend_measures import FEWEST, as_closes, hac_t, log_returns
from mdnb.errors import OptionError, suggest
from mdnb.records import FrozenDict, Record, timestamp
from mdnb.timeframes import Timeframe

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Direction", "TimeframeAlignment", "Weights", "align", "bars_per_year_of", "weights_of"]

Direction = Literal["bullish", "bearish", "neutral", "mixed"]
Weights = Literal["equal", "sqrt_minutes"]

_T = TypeVar("_T")
# Under any name of a timeframe, or the timeframe itself where it is known already.
_ByTimeframe: TypeAlias = Mapping[str, _T] | Mapping[Timeframe, _T]
_YEAR_SECONDS = 365.25 * 86_400
_NAN = math.nan
_HEADS = ("timeframe", "bars", "weight", "tau", "by chance", "t", "p", "trend", "efficiency")
_COMPARED = {
    "ema": "EMA 20 less EMA 200, or close less EMA 20 of fewer than 200 closes",
    "macd": "MACD (12, 26) less its signal line (9)",
}
_OF_TREND = (
    *("bars", "available", "tau", "t", "p_value", "significant"),
    *("efficiency_ratio", "momentum", "sigma", "position"),
)
_COLUMNS = [
    *("bars", "available", "weight", "reading", "direction", "tau", "null_low", "null_high"),
    *("t", "p_value", "significant", "efficiency_ratio", "momentum", "sigma", "position"),
]


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
        Weighted mean of what is read of each timeframe, which is its tau unless `method` says otherwise: from
        -1 (all closes fall) to 1 (all rise). Always finite: 0 where no timeframe is available.
    agreement
        ``|sum of w sgn(reading)| / sum of w``, from 0 (as much weight up as down) to 1 (all one way).
    trend_direction
        In words, from the signs alone: ``bullish`` where every timeframe reads above 0.05, ``bearish`` where
        every one reads below -0.05, ``neutral`` where all lie between, else ``mixed``. It describes, and
        claims nothing: see `direction_null_rate`.
    confirmed
        True where the score lies at the ends of `null_band` or beyond, and the finest returns over the
        longest window have a mean of the same sign with `p_value` below 0.05. Both together happen in 5 % of
        markets without a trend, whatever the set of timeframes. None where it cannot be told: those returns
        are not held, a price is not positive, or the lengths of the bars cannot be compared.
    available
        False where no timeframe with a weight has enough closed bars.
    null_band
        The score's own range in nine of ten markets without a trend, of these timeframes with these weights.
        They overlap, so it is simulated for the set; narrower the more timeframes there are. Where bars of
        trades stand beside bars of time their overlap is unknown, and it is that of timeframes that move as
        one.
    t
        Test of the mean of the finest returns over the longest window, Newey and West; ``nan`` where
        `confirmed` is None.
    p_value
        Share of markets without a trend whose score lies at the band's ends or beyond while their `t` has the
        same sign and is as large as this one.
    significance_null_rate
        How often chance alone makes at least one of these timeframes significant: 0.3 for five.
    direction_null_rate
        How often chance alone makes `trend_direction` bullish or bearish.
    method
        What is read of each timeframe: ``tau``, ``ema`` or ``macd``.
    readings
        What was read of each timeframe by name: tau, or the sign of averages; ``nan`` where it takes no part.
    timeframes
        Trend of each timeframe by name, fine to coarse.
    weights
        Share of each timeframe in the score by name: sums to 1, and is 0 where a timeframe is not available.
    window, minimum, alpha
        What was asked for.

    Notes
    -----
    `confirmed` has its size of 5 % on random walks whose volatility is constant or changes, GARCH(1,1). Where
    returns depend on those before, the tests find more than there is: of an AR(1) of 0.5 without drift, 50
    closes of a timeframe are significant at a rate of 14.7 %.

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
    confirmed: bool | None
    available: bool
    null_band: tuple[float, float]
    t: float
    p_value: float
    significance_null_rate: float
    direction_null_rate: float
    method: Method
    readings: Mapping[str, float]
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

    @property
    def verdict(self) -> Literal["confirmed", "not confirmed", "confirmation unknown"]:
        """`confirmed` in words."""
        if self.confirmed is None:
            return "confirmation unknown"
        return "confirmed" if self.confirmed else "not confirmed"

    @property
    def wanted(self) -> int:
        """With how many closed bars a timeframe takes part."""
        return closes_wanted(self.method, self.minimum)

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each timeframe, fine to coarse; the score and what goes with it in ``attrs``.

        Examples
        --------
        >>> frame = align({"1min": range(1, 51), "5min": range(1, 31)}).to_frame()
        >>> frame["tau"].to_dict(), frame.attrs["trend_direction"]
        ({'1min': 1.0, '5min': 1.0}, 'bullish')
        """
        import pandas as pd

        rows = [
            {
                "weight": self.weights[name],
                "reading": self.readings[name],
                "direction": self._word(name),
                "null_low": trend.null_band[0],
                "null_high": trend.null_band[1],
            }
            | {column: trend[column] for column in _OF_TREND}
            for name, trend in self.timeframes.items()
        ]
        index = pd.Index(list(self.timeframes), name="timeframe", dtype="object")
        frame = pd.DataFrame(rows, index=index, columns=_COLUMNS)
        frame.attrs = {
            field.name: self[field.name]
            for field in dataclasses.fields(self)
            if field.name not in ("timeframes", "weights", "readings")
        }
        return frame

    def _word(self, name: str) -> str:
        return direction_of(self.readings[name])

    def _head(self) -> str:
        when = f" · {self.timestamp:%Y-%m-%d %H:%M:%S %Z}" if self.time_ns else ""
        return f"timeframe alignment{f' · {self.symbol}' if self.symbol else ''}{when}"

    def _summary(self) -> str:
        if not self.available:
            return f"not available: no timeframe with a weight has {self.wanted} closed bars"
        score = f"score {self.score:+z.2f}, by chance {_range(self.null_band)}"
        words = f"{self.trend_direction}, {self.verdict} · agreement {self.agreement:.2f}"
        return f"{score} · {words}{self._by_chance()}"

    def _by_chance(self) -> str:
        if math.isnan(self.significance_null_rate):
            return ""
        method = "" if self.method == "tau" else f"{self.method} "
        return (
            f" · by chance some timeframe is significant in {100 * self.significance_null_rate:.0f} %, "
            f"{method}all one way in {100 * self.direction_null_rate:.0f} %"
        )

    def _note(self) -> str:
        note = (
            f"last {self.window} closed bars each; by chance: 90 % of markets without a trend; "
            f"p* < {self.alpha:g}, timeframes overlap, so their p do not multiply; "
            f"confirmed: what {100 * SIZE:g} % of markets without a trend are"
        )
        if self.method == "tau":
            return note
        return f"{note}; {self.method}: {_COMPARED[self.method]}, up or down in every market without a trend"

    def _heads(self) -> tuple[str, ...]:
        return _HEADS if self.method == "tau" else (*_HEADS[:3], self.method, *_HEADS[3:])

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for name, trend in self.timeframes.items():
            reading = () if self.method == "tau" else (f"{self.readings[name]:+z.0f}",)
            if math.isnan(self.readings[name]):
                rows.append((name, str(trend.bars), "-", *("",) * len(reading), "n/a", "", "", "", "n/a", ""))
                continue
            figures = (
                f"{trend.tau:+z.2f}",
                _range(trend.null_band),
                f"{trend.t:+z.2f}",
                f"{trend.p_value:.3f}{'*' if trend.significant else ' '}",
            )
            share = f"{self.weights[name]:.2f}"
            efficiency = f"{trend.efficiency_ratio:+z.2f}"
            rows.append((name, str(trend.bars), share, *reading, *figures, self._word(name), efficiency))
        return rows

    def __repr__(self) -> str:
        symbol = f"{self.symbol}: " if self.symbol else ""
        return f"<{type(self).__name__} {symbol}{self._summary()}>"

    def __str__(self) -> str:
        rows = [self._heads(), *self._rows()]
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
        heads = "".join(f"<th>{html.escape(head)}</th>" for head in self._heads())
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
    method: Method = "tau",
    as_of_ns: int = 0,
    symbol: str = "",
    tz: str = "UTC",
    ends: Mapping[str, int] | None = None,
    bars_per_year: _ByTimeframe[float] | None = None,
    finest: ArrayLike | None = None,
) -> TimeframeAlignment:
    """Return a score of how far timeframes agree on a trend.

    ``score = sum of w tau / sum of w`` over the timeframes that have enough bars. See `TimeframeAlignment`
    for what is returned, and `mdnb.analysis.trend.trend_of` for a single timeframe.

    What chance alone gives is simulated for the timeframes and numbers of bars that there are, and kept: the
    first call for them takes 0.1 to 0.3 s, later ones do not.

    Parameters
    ----------
    closes
        By timeframe: closes of closed bars that ended at or before ``as_of_ns``, oldest first, shape (n,).
        Only the last ``window`` count; the last 400 for averages, and those of the finest timeframe for
        ``finest``.
    window, minimum, alpha
        How many closes to look at; with fewer than ``minimum`` a timeframe counts for nothing; level of
        significance.
    weights
        ``equal``; ``sqrt_minutes``, the square root of the timeframe's length; or a weight of each timeframe,
        none negative.
    method
        ``tau``, or what traders look at, of which only the sign counts: ``ema``, EMA 20 less EMA 200 (the
        close less EMA 20 where there are fewer than 200 closes), or ``macd``, MACD (12, 26) less its signal
        line (9). Both go up or down in every market without a trend; `TimeframeAlignment.direction_null_rate`
        says how often chance alone makes all of them agree.
    as_of_ns
        The instant it holds for, UTC epoch nanoseconds.
    symbol, tz
        Handed on.
    ends
        By timeframe: end of the newest bar given, UTC epoch nanoseconds. Where given, one after ``as_of_ns``
        is refused, as it would be knowledge of the future.
    bars_per_year
        By timeframe, for volatility and position. By default that of a market that never closes; ``nan`` for
        activity bars, whose number nobody knows. How many fine bars one coarse bar is long follows from it.
    finest
        Closes of the finest timeframe that counts, from the first close of the longest window on; by default
        as many of ``closes`` as that window is nominally long. `TimeframeAlignment.confirmed` is None where
        there are fewer.

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
    >>> found.score, found.trend_direction, found.confirmed, found.timeframes["1hour"].available
    (1.0, 'bullish', None, False)
    >>> align({"1min": [100.0 + i for i in range(146)], "5min": rising[:30]}).confirmed
    True
    """
    check_options(window, minimum, alpha)
    wanted = closes_wanted(method, minimum)
    series = {one: as_closes(close) for one, close in _by_timeframe(closes, "closes").items()}
    newest = _ends(ends, series, as_of_ns)
    asked = weights_of(weights, series)
    yearly = bars_per_year_of(bars_per_year, series)
    trends = {
        one.name: trend_of(
            close,
            window=window,
            minimum=minimum,
            alpha=alpha,
            bars_per_year=yearly[one.name],
            timeframe=one.name,
            end_ns=newest.get(one.name, 0),
            tz=tz,
        )
        for one, close in series.items()
    }
    signs = _signs(method, series, wanted)
    readings = _readings(trends, signs, series, method)
    counting = {
        name: asked[name] for name, read in readings.items() if asked[name] > 0 and not math.isnan(read)
    }
    total = math.fsum(counting.values())
    score = _mean({name: readings[name] for name in counting}, counting)
    part = {one: trends[one.name].bars for one in series if one.name in counting}
    windows = windows_of(part, yearly, signs)
    null = score_null(windows, tuple(counting.values())) if windows else None
    pooled = pooled_closes(series, part, yearly) if finest is None else as_closes(finest)
    judged = _judge(score, null, _pooled_t(pooled), alpha)
    band = judged.band or _band_of_one({name: trends[name] for name in counting}, counting, method)
    return TimeframeAlignment(
        symbol=symbol,
        time_ns=as_of_ns,
        score=score,
        agreement=abs(_mean({name: float(np.sign(readings[name])) for name in counting}, counting)),
        trend_direction=_direction([readings[name] for name in counting]),
        confirmed=judged.confirmed,
        available=bool(counting),
        null_band=band,
        t=judged.t,
        p_value=judged.p_value,
        significance_null_rate=judged.significance_rate,
        direction_null_rate=judged.direction_rate,
        method=method,
        readings=FrozenDict(readings),
        timeframes=FrozenDict(trends),
        weights=FrozenDict({name: counting.get(name, 0.0) / total if total else 0.0 for name in trends}),
        window=window,
        minimum=minimum,
        alpha=alpha,
        tz=tz,
    )


class _Verdict(NamedTuple):
    """What chance says of a score."""

    band: tuple[float, float] | None
    confirmed: bool | None
    t: float
    p_value: float
    significance_rate: float
    direction_rate: float


def _judge(score: float, null: ScoreNull | None, t: float, alpha: float) -> _Verdict:
    if null is None:
        return _Verdict(None, None, _NAN, _NAN, _NAN, _NAN)
    rates = null.some_significant(alpha), null.one_way
    band = -null.end, null.end
    if math.isnan(t):
        return _Verdict(band, None, _NAN, _NAN, *rates)
    return _Verdict(band, bool(null.confirms(score, t)), t, float(null.p_value(t)), *rates)


def _pooled_t(closes: NDArray[np.float64] | None) -> float:
    """Return t of the mean return; ``nan`` where there are no closes, or one is not positive."""
    if closes is None or len(closes) < FEWEST or not closes.min() > 0:
        return _NAN
    return hac_t(log_returns(closes)).t


def _band_of_one(
    trends: Mapping[str, TimeframeTrend], weights: Mapping[str, float], method: Method
) -> tuple[float, float]:
    """Return the band of timeframes that move as one."""
    if not trends:
        return _NAN, _NAN
    ends = {name: trend.null_band[1] if method == "tau" else 1.0 for name, trend in trends.items()}
    end = _mean(ends, weights)
    return -end, end


def _signs(
    method: Method, closes: Mapping[Timeframe, NDArray[np.float64]], wanted: int
) -> dict[Timeframe, AverageSign]:
    if method == "tau":
        return {}
    return {
        one: AverageSign(method, min(READ, len(close)))
        for one, close in closes.items()
        if len(close) >= wanted
    }


def _readings(
    trends: Mapping[str, TimeframeTrend],
    signs: Mapping[Timeframe, AverageSign],
    closes: Mapping[Timeframe, NDArray[np.float64]],
    method: Method,
) -> dict[str, float]:
    if method == "tau":
        return {name: trend.tau for name, trend in trends.items()}
    return {one.name: float(signs[one].of(close)) if one in signs else _NAN for one, close in closes.items()}


def _mean(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the weighted mean, 0 of nothing; exactly 1 of ones whatever the weights."""
    total = math.fsum(weights.values())
    if not total:
        return 0.0
    return min(1.0, max(-1.0, math.fsum(weights[name] * value for name, value in values.items()) / total))


def _direction(readings: list[float]) -> Direction:
    words = {direction_of(reading) for reading in readings}
    if len(words) > 1:
        return "mixed"
    if "bullish" in words:
        return "bullish"
    return "bearish" if "bearish" in words else "neutral"


def _range(band: tuple[float, float]) -> str:
    return f"{band[0]:+z.2f}..{band[1]:+z.2f}"


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


def weights_of(given: Weights | Mapping[str, float], timeframes: Iterable[Timeframe]) -> dict[str, float]:
    """Return the weight of each timeframe by name, as `align` takes them."""
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


def bars_per_year_of(given: _ByTimeframe[float] | None, timeframes: Iterable[Timeframe]) -> dict[str, float]:
    """Return the bars a year of each timeframe by name, as `align` takes them."""
    found = _options(given, timeframes, "bars_per_year") if given else {}
    return {one.name: found.get(one.name, _YEAR_SECONDS / one.seconds) for one in timeframes}
