"""How many decimals the prices of a chart or table are shown with."""

from __future__ import annotations

import math
from collections.abc import Iterable

from mdnb.instruments import Instrument
from mdnb.number_format import decimals_needed

__all__ = ["PriceDecimals"]


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
            self._seen = decimals_needed(shown, self._seen or 0)
        return instrument.decimals if self._seen is None else self._seen
