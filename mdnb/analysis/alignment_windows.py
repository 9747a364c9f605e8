"""Windows of several timeframes beside one another: which take part, how long they are, the longest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mdnb.analysis.average_signs import READ, AverageSign, Method, check_method
from mdnb.analysis.nested_walks import Window
from mdnb.analysis.trend_measures import FEWEST

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mdnb.timeframes import Timeframe

__all__ = ["closes_read", "closes_wanted", "finest_and_longest", "pooled_closes", "windows_of"]

# Coarse bars are told apart to so many digits: a day with a holiday near has the walks of any other day.
_EXACT = 100


def closes_read(method: Method, window: int) -> int:
    """Return how many of the newest closes of a timeframe count at most."""
    check_method(method)
    return window if method == "tau" else max(window, READ)


def closes_wanted(method: Method, minimum: int) -> int:
    """Return with how many closes a timeframe takes part.

    Examples
    --------
    >>> closes_wanted("tau", 20), closes_wanted("macd", 20)
    (20, 34)
    """
    check_method(method)
    return minimum if method == "tau" else max(minimum, AverageSign.fewest(method))


def finest_and_longest(
    bars: Mapping[Timeframe, int], per_year: Mapping[str, float]
) -> tuple[Timeframe, Timeframe] | None:
    """Return the timeframe of the shortest bars and that of the longest window, of those that take part.

    Parameters
    ----------
    bars
        How many closes the window of each has.
    per_year
        Bars a year by name, ``nan`` where unknown.

    Returns
    -------
    tuple or None
        None where the lengths of the bars cannot be compared, or there are none.
    """
    lengths = _lengths(bars, per_year)
    if not lengths:
        return None
    return min(bars, key=lambda one: lengths[one]), max(bars, key=lambda one: (bars[one] - 1) * lengths[one])


def windows_of(
    bars: Mapping[Timeframe, int], per_year: Mapping[str, float], signs: Mapping[Timeframe, AverageSign]
) -> tuple[Window, ...]:
    """Return what `mdnb.analysis.nested_walks` simulates; nothing where lengths cannot be compared."""
    lengths = _lengths(bars, per_year)
    return tuple(Window(bars[one], _rounded(length), signs.get(one)) for one, length in lengths.items())


def pooled_closes(
    closes: Mapping[Timeframe, NDArray[np.float64]],
    bars: Mapping[Timeframe, int],
    per_year: Mapping[str, float],
) -> NDArray[np.float64] | None:
    """Return the finest closes over the nominal length of the longest window; None where there are fewer."""
    found = finest_and_longest(bars, per_year)
    if found is None:
        return None
    finest, longest = found
    lengths = _lengths(bars, per_year)
    wanted = max(round((bars[longest] - 1) * lengths[longest]) + 1, FEWEST)
    held = closes[finest]
    return held[-wanted:] if len(held) >= wanted else None


def _lengths(bars: Mapping[Timeframe, int], per_year: Mapping[str, float]) -> dict[Timeframe, float]:
    """Return how many of the finest bars each bar is long; nothing where that is unknown."""
    lengths = {one: 1 / per_year[one.name] for one in bars}
    if any(math.isnan(length) for length in lengths.values()):
        # Bars of so many trades are comparable among themselves.
        if len({one.kind for one in bars}) > 1:
            return {}
        lengths = {one: float(one.size) for one in bars}
    shortest = min(lengths.values(), default=1.0)
    return {one: length / shortest for one, length in lengths.items()}


def _rounded(length: float) -> float:
    if length <= _EXACT:
        return round(length, 2)
    return round(length, 1 - math.floor(math.log10(length)))
