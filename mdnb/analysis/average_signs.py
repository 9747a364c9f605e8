"""What traders read off moving averages: whether a fast one is above a slow one.

Such a sign is a weighted sum of past returns, up or down on every random walk: it describes, and without the
rate at which chance alone gives the same it says nothing about a trend.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from mdnb.analysis.indicator_bulk import ema, macd
from mdnb.errors import OptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["READ", "AverageMethod", "AverageSign", "Method", "check_method"]

AverageMethod = Literal["ema", "macd"]
Method = Literal["tau", "ema", "macd"]

READ = 400
"""Newest closes that count at most: an average remembers more only for a few per cent of its value."""
_FAST, _SLOW = 20, 200
_MACD = (12, 26, 9)
_FEWEST = {"ema": _FAST, "macd": _MACD[1] + _MACD[2] - 1}


def check_method(given: str) -> None:
    """Raise `OptionError` where it is not what a timeframe can be read by."""
    if given not in get_args(Method):
        raise OptionError(f"method must be {', '.join(map(repr, get_args(Method)))}; got {given!r}")


class AverageSign(NamedTuple):
    """Sign of a comparison of averages over so many closes.

    Attributes
    ----------
    method
        ``ema``: EMA 20 less EMA 200; the close less EMA 20 where there are fewer than 200 closes. ``macd``:
        MACD (12, 26) less its signal line (9).
    closes
        How many there are, at most `READ`.

    Examples
    --------
    >>> rising = 100 + np.arange(300.0)
    >>> AverageSign("ema", 300).of(rising), AverageSign("macd", 40).of(-rising[:40] ** 2)
    (1, -1)
    """

    method: AverageMethod
    closes: int

    @staticmethod
    def fewest(method: AverageMethod) -> int:
        """Return how many closes it takes at least."""
        return _FEWEST[method]

    @property
    def words(self) -> str:
        """What is compared."""
        if self.method == "macd":
            return "MACD (12, 26) less its signal line (9)"
        return "EMA 20 less EMA 200" if self.closes >= _SLOW else "close less EMA 20"

    def of(self, closes: NDArray[np.float64]) -> int:
        """Return 1, 0 or -1 for the last `closes` of a series."""
        return int(np.sign(self.weights() @ np.diff(closes[-self.closes :])))

    def weights(self) -> NDArray[np.float64]:
        """Return how the comparison weighs each change of the close, oldest first, shape (closes - 1,)."""
        return _weights(self)

    def _difference(self, closes: NDArray[np.float64]) -> float:
        if self.method == "macd":
            return float(macd(closes, *_MACD)[2][-1])
        slow = ema(closes, _SLOW) if self.closes >= _SLOW else None
        fast = ema(closes, _FAST)[-1]
        return float(closes[-1] - fast if slow is None else fast - slow[-1])


@functools.lru_cache(maxsize=64)
def _weights(sign: AverageSign) -> NDArray[np.float64]:
    # It is linear in the closes: what it makes of a single change of 1 is that change's weight.
    steps = np.triu(np.ones((sign.closes - 1, sign.closes)), 1)
    return np.array([sign._difference(step) for step in steps])
