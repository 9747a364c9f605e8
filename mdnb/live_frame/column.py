"""A column of live bars: a series that can be compared with a column of another moment."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import pandas as pd

__all__ = ["LiveColumn", "column_of"]


def _compared(operate: Callable[[Any, Any], Any]) -> Callable[[pd.Series[Any], Any], pd.Series[Any]]:
    def compare(self: pd.Series[Any], other: Any) -> pd.Series[Any]:
        made: pd.Series[Any] = operate(*_of_one_moment(_plain(self), _plain(other)))
        return made

    return compare


def _plain(given: Any) -> Any:
    return given.copy(deep=False) if isinstance(given, LiveColumn) else given


def _of_one_moment(mine: pd.Series[Any], other: Any) -> tuple[pd.Series[Any], Any]:
    """Return both on the rows they share, where the other one is a column of the same bars, too."""
    if not isinstance(other, pd.Series) or mine.index.equals(other.index) or not _same_bars(mine, other):
        return mine, other
    shared = mine.index.intersection(other.index)
    return mine.loc[shared], other.loc[shared]


def _same_bars(one: pd.Series[Any], other: pd.Series[Any]) -> bool:
    made_of = [[column.attrs.get(what) for what in ("symbol", "timeframe")] for column in (one, other)]
    return made_of[0] == made_of[1] and None not in made_of[0]


class LiveColumn(pd.Series):
    """A column as it was when it was asked for.

    ``live["1min"]["close"] > live["1min"]["open"]`` asks twice, and a bar may begin in between. pandas
    compares series of equal rows only; columns of the same bars are compared on the rows that both have.
    What is computed of it is a plain ``pandas.Series``.
    """

    @property
    def _constructor(self) -> Callable[..., pd.Series[Any]]:
        return pd.Series

    __eq__ = _compared(operator.eq)
    __ne__ = _compared(operator.ne)
    __lt__ = _compared(operator.lt)
    __le__ = _compared(operator.le)
    __gt__ = _compared(operator.gt)
    __ge__ = _compared(operator.ge)
    __hash__ = None

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        # Whoever reads it needs no mdnb: it is a series then.
        return copy.copy, (_plain(self),)


def column_of(made: Any) -> Any:
    """Return a series as a `LiveColumn`, anything else as it is."""
    if type(made) is pd.Series:
        # Just read of a frame, and nobody else's: to make another of it would lose its `attrs`.
        made.__class__ = LiveColumn
    return made
