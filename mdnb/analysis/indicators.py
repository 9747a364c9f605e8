"""Indicators by name: the list, parsing of texts such as ``ema(20)``, and values over arrays of bars.

============================ ====== ========================= ==========================================
written                      pane   lines                     first value at bar (counted from 1)
============================ ====== ========================= ==========================================
``sma(20)``                  price  sma                       20
``ema(20)``                  price  ema                       20
``vwap``                     price  vwap                      1
``bollinger(20, 2)``         price  upper, middle, lower      20
``rsi(14)``                  lower  rsi                       15
``macd(12, 26, 9)``          lower  macd, signal, histogram   26, 34, 34
``atr(14)``                  lower  atr                       14
``delta``                    lower  delta                     1
============================ ====== ========================= ==========================================

A bar that lacks what an indicator needs (``nan`` or infinite, such as the volume in a file that has none)
gets ``nan`` and counts for nothing: the next value is made as if it were not there. Live, bar by bar:
`mdnb.analysis.indicator_state.IndicatorState`.

References
----------
Appel, G. (1979). The Moving Average Convergence-Divergence Trading Method. Signalert.
Berkowitz, S., Logue, D., Noser, E. (1988). The Total Cost of Transactions on the NYSE. J. Finance 43(1).
Bollinger, J. (2001). Bollinger on Bollinger Bands. McGraw-Hill.
Chan, T., Golub, G., LeVeque, R. (1983). Algorithms for Computing the Sample Variance. Am. Stat. 37(3).
Welford, B. (1962). Note on a Method for Calculating Corrected Sums of Squares and Products. Technometrics 4.
Wilder, J. W. (1978). New Concepts in Technical Trading Systems. Trend Research.
"""

from __future__ import annotations

import dataclasses
import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mdnb.analysis import indicator_bulk as bulk
from mdnb.errors import OptionError, suggest
from mdnb.frozen import refuse_changes
from mdnb.sessions import Sessions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LONGEST", "NAMES", "Indicator"]

LONGEST = 5000
"""Most bars an average may span."""

_FIELDS = ("open", "high", "low", "close", "volume")
_WRITTEN = re.compile(r"\s*(\w+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_MOST_TEXT = 200
_Arrays = dict[str, "NDArray[np.float64]"]


@dataclasses.dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    default: float
    low: float = 1
    high: float = LONGEST
    whole: bool = True

    def check(self, given: Any, indicator: str, example: str) -> float:
        try:
            value = operator.index(given) if self.whole else float(given)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if isinstance(given, bool) or not self.low <= value <= self.high:
            kind = "a whole number" if self.whole else "a number"
            raise OptionError(
                f"{self.name} of {indicator} must be {kind} from {self.low:g} to {self.high:g}; "
                f"got {_short(given)}. Write for instance {example}"
            )
        return value


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    label: str
    pane: Literal["price", "lower"]
    lines: tuple[str, ...]
    needs: tuple[str, ...]
    bulk: Callable[..., tuple[NDArray[np.float64], ...]]
    parameters: tuple[_Parameter, ...] = ()


def _one(function: Callable[..., NDArray[np.float64]]) -> Callable[..., tuple[NDArray[np.float64], ...]]:
    return lambda *arguments: (function(*arguments),)


def _signed(
    open_: NDArray[np.float64], close: NDArray[np.float64], volume: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.sign(close - open_) * volume


_CLOSE = ("close",)
_KINDS = {
    "sma": _Kind("SMA", "price", ("sma",), _CLOSE, _one(bulk.sma), (_Parameter("length", 20),)),
    "ema": _Kind("EMA", "price", ("ema",), _CLOSE, _one(bulk.ema), (_Parameter("length", 20),)),
    "vwap": _Kind("VWAP", "price", ("vwap",), ("high", "low", "close", "volume"), _one(bulk.vwap)),
    "bollinger": _Kind(
        "Bollinger",
        "price",
        ("upper", "middle", "lower"),
        _CLOSE,
        bulk.bollinger,
        (_Parameter("length", 20, 2), _Parameter("deviations", 2, 0.01, 100, whole=False)),
    ),
    "rsi": _Kind("RSI", "lower", ("rsi",), _CLOSE, _one(bulk.rsi), (_Parameter("length", 14),)),
    "macd": _Kind(
        "MACD",
        "lower",
        ("macd", "signal", "histogram"),
        _CLOSE,
        bulk.macd,
        (_Parameter("fast", 12), _Parameter("slow", 26, 2), _Parameter("signal", 9)),
    ),
    "atr": _Kind(
        "ATR", "lower", ("atr",), ("high", "low", "close"), _one(bulk.atr), (_Parameter("length", 14),)
    ),
    "delta": _Kind("Volume delta", "lower", ("delta",), ("open", "close", "volume"), _one(_signed)),
}
NAMES = tuple(_KINDS)
"""Indicators there are."""


@refuse_changes
@dataclasses.dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator and its parameters; equal ones compare and hash equal.

    Attributes
    ----------
    name
        One of those that ``mdnb.analysis.indicators.NAMES`` lists.
    parameters
        All of them, in order; none given means the defaults.

    Raises
    ------
    OptionError
        When the name is unknown, or a parameter unknown or outside what is allowed.

    Notes
    -----
    ``vwap`` weighs each bar's typical price, ``(high + low + close) / 3``, by its volume, and begins anew
    with each trading day of the sessions (midnight UTC where a venue never closes). A bar outside every
    trading day has none.

    ``delta`` is *not* what buyers took minus what sellers took: bars do not keep sides. It is the bar's
    whole volume, positive where it closed above its open, negative below, 0 where both are equal.

    Examples
    --------
    >>> bands = Indicator.parse("bollinger(20, 2)")
    >>> bands.label, bands.pane, bands.lines
    ('Bollinger 20, 2', 'price', ('upper', 'middle', 'lower'))
    >>> Indicator.make("ema", length=50) == Indicator.parse("EMA(50)")
    True
    """

    name: str
    parameters: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        name = str(self.name).lower()
        if name not in _KINDS:
            raise OptionError(f"no indicator is called {_short(self.name)}. {suggest(name, NAMES)}")
        wanted = _KINDS[name].parameters
        given = tuple(self.parameters)
        if len(given) > len(wanted):
            names = ", ".join(parameter.name for parameter in wanted) or "none"
            raise OptionError(f"{name} takes the parameters {names}; got {len(given)}")
        given += tuple(parameter.default for parameter in wanted[len(given) :])
        example = _written(name, tuple(parameter.default for parameter in wanted))
        checked = tuple(
            parameter.check(value, name, example) for parameter, value in zip(wanted, given, strict=True)
        )
        if name == "macd" and checked[0] >= checked[1]:
            raise OptionError(
                f"fast of macd must be below slow; got fast={checked[0]:g}, slow={checked[1]:g}. "
                f"Write for instance {example}"
            )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "parameters", checked)

    @classmethod
    def make(cls, name: str, **parameters: float) -> Indicator:
        """Return the indicator of that name with parameters given by name, the others by default.

        Raises
        ------
        OptionError
            As for the class.

        Examples
        --------
        >>> str(Indicator.make("macd", signal=5))
        'macd(12, 26, 5)'
        """
        made = cls(name)
        wanted = _KINDS[made.name].parameters
        known = [parameter.name for parameter in wanted]
        for given in parameters:
            if given not in known:
                raise OptionError(f"{made.name} has no parameter {_short(given)}. {suggest(given, known)}")
        return cls(made.name, tuple(parameters.get(one.name, one.default) for one in wanted))

    @classmethod
    def parse(cls, given: str | Indicator) -> Indicator:
        """Return the indicator that a text means.

        Parameters
        ----------
        given
            Such as ``"vwap"``, ``"ema(20)"``, ``"macd(12, 26, 9)"`` or ``"bollinger(20, deviations=2.5)"``;
            capitals do not matter. An `Indicator` is returned as it is.

        Raises
        ------
        OptionError
            When the text is not understood, or as for the class.
        """
        if isinstance(given, Indicator):
            return given
        found = _WRITTEN.fullmatch(given) if isinstance(given, str) and len(given) <= _MOST_TEXT else None
        if found is None:
            raise OptionError(
                f"an indicator is written like ema(20), vwap or macd(12, 26, 9); got {_short(given)}"
            )
        made = cls(found[1])
        kind = _KINDS[made.name]
        named: dict[str, float] = {}
        by_name = False
        for at, part in enumerate(_parts(found[2])):
            name, equals, text = part.rpartition("=")
            name = name.strip().lower()
            by_name = by_name or bool(equals)
            if not equals:
                if at >= len(kind.parameters):
                    return cls(made.name, (0.0,) * (at + 1))  # raises: too many
                name = kind.parameters[at].name
                if by_name:
                    raise OptionError(f"parameters by name come last; got {_short(given)}")
            if name in named:
                raise OptionError(f"{name} of {made.name} is given twice in {_short(given)}")
            named[name] = _number(text.strip(), name, made.name)
        return cls.make(made.name, **named)

    @property
    def pane(self) -> Literal["price", "lower"]:
        """Where it is drawn: ``price``, over the bars, or ``lower``, in a pane of its own below."""
        return _KINDS[self.name].pane

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of its series."""
        return _KINDS[self.name].lines

    @property
    def label(self) -> str:
        """What a legend says, such as ``EMA 20``."""
        return f"{_KINDS[self.name].label} {_numbers(self.parameters)}".rstrip()

    @property
    def warm_up(self) -> int:
        """How many bars it takes until every line has a value.

        Examples
        --------
        >>> [Indicator(name).warm_up for name in ("ema", "rsi", "macd", "vwap")]
        [20, 15, 34, 1]
        """
        if self.name == "macd":
            return int(self.parameters[1] + self.parameters[2] - 1)
        return int(self.parameters[0]) + (self.name == "rsi") if self.parameters else 1

    def of(self, columns: bulk.Columns, sessions: Sessions | None = None) -> _Arrays:
        """Return the values at each bar.

        Parameters
        ----------
        columns
            Bars, oldest first; the forming one may be among them.
        sessions
            Where ``vwap`` begins anew. Default: at midnight UTC.

        Returns
        -------
        dict of str to NDArray[np.float64]
            One array of the bars' shape for each of `lines`, ``nan`` where there is no value.

        Raises
        ------
        OptionError
            When the arrays are not of one length.

        Examples
        --------
        >>> from mdnb.stores.columns import columns_from_rows
        >>> bars = columns_from_rows([(i * 60_000_000_000, 1., 1., 1., c, 1., 1, c) for i, c in
        ...     enumerate((1.0, 2.0, 6.0))])
        >>> {name: values.tolist() for name, values in Indicator.parse("sma(2)").of(bars).items()}
        {'sma': [nan, 1.5, 4.0]}
        """
        kind = _KINDS[self.name]
        held = {name: np.asarray(getattr(columns, name), dtype=np.float64) for name in _FIELDS}
        time_us = np.asarray(columns.time_us, dtype=np.int64)
        if {array.shape for array in held.values()} != {time_us.shape} or time_us.ndim != 1:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in held.items())
            raise OptionError(f"the columns must be of one length; got time_us {time_us.shape}, {shapes}")
        used = np.logical_and.reduce([np.isfinite(held[name]) for name in kind.needs])
        day = time_us
        if self.name == "vwap":
            day, inside = bulk.day_numbers(time_us, Sessions.always() if sessions is None else sessions)
            used &= (held["volume"] >= 0) & inside
        arguments: list[Any] = [held[name][used] for name in kind.needs]
        out: _Arrays = {}
        # As plain floats do: a number too large to be squared is infinite, and no warning.
        with np.errstate(all="ignore"):
            if self.name == "vwap":
                high, low, close, volume = arguments
                arguments = [(high + low + close) / 3.0, volume, day[used]]
            for name, values in zip(kind.lines, kind.bulk(*arguments, *self.parameters), strict=True):
                out[name] = np.full(len(used), math.nan)
                out[name][used] = values
        return out

    def __str__(self) -> str:
        return _written(self.name, self.parameters)


def _numbers(parameters: tuple[float, ...]) -> str:
    return ", ".join(repr(value).removesuffix(".0") for value in parameters)


def _written(name: str, parameters: tuple[float, ...]) -> str:
    return f"{name}({_numbers(parameters)})" if parameters else name


def _parts(inside: str | None) -> Iterator[str]:
    if inside is not None and inside.strip():
        yield from inside.split(",")


def _number(text: str, name: str, indicator: str) -> float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise OptionError(f"{name} of {indicator} must be a number; got {_short(text)}") from None


def _short(given: object) -> str:
    shown = repr(given)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
