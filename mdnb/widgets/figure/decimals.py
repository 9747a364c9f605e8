"""How many decimals prices and sizes are shown with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal

from mdnb.instruments import Instrument

__all__ = ["PriceDecimals", "decimals_of"]

_MOST = 8
_MOST_OF_PRICES = 12
# Floats carry 15 digits for certain: a 16th is the rounding of whoever computed the value.
_DIGITS = ".15g"


def decimals_of(values: Iterable[float], least: int = 0, most: int = _MOST) -> int:
    """Return the decimals that show all values as they were written, at least and at most so many.

    Examples
    --------
    >>> decimals_of([1.0, 2.0]), decimals_of([0.015, 2.5]), decimals_of([0.1 + 0.2])
    (0, 3, 1)
    """
    found = least
    for value in values:
        if found >= most:
            break
        if math.isfinite(value):
            exponent = Decimal(format(round(value, most), _DIGITS)).normalize().as_tuple().exponent
            found = max(found, -exponent if isinstance(exponent, int) else 0)
    return min(found, most)


class PriceDecimals:
    """The decimals of an instrument's prices: of its ticks, or where those are unknown of the prices seen.

    Never fewer than before: columns that change their width cannot be read.

    Examples
    --------
    >>> unknown, places = Instrument("PEPE-BTC"), PriceDecimals()
    >>> places.of(unknown, []), places.of(unknown, [1.2e-05, 3e-06]), places.of(unknown, [75888.1])
    (2, 6, 6)
    >>> PriceDecimals().of(Instrument("MNQ", 0.25), [21589.5])
    2
    """

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: int | None = None

    def of(self, instrument: Instrument, prices: Iterable[float]) -> int:
        """Return the decimals that show these prices, and those before."""
        if instrument.tick_size:
            return instrument.decimals
        shown = [price for price in prices if math.isfinite(price)]
        if shown:
            self._seen = decimals_of(shown, self._seen or 0, _MOST_OF_PRICES)
        return instrument.decimals if self._seen is None else self._seen
