"""Price decimals of a symbol whose feed names no tick size: those of the prices seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from mdnb.instruments import Instrument
from mdnb.number_format import decimals_needed

__all__ = ["InstrumentDecimals"]

_UPDATES = 64


class InstrumentDecimals:
    """Tracks an instrument's price decimals as prices arrive; they never decrease.

    Parameters
    ----------
    instrument
        One without a tick size.

    Examples
    --------
    >>> decimals = InstrumentDecimals(Instrument("SHIB-USD"))
    >>> decimals.instrument(1, lambda: [1.2e-5]).decimals
    6
    """

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._looked_at = 0

    def instrument(self, updates: int, prices: Callable[[], Iterable[float]]) -> Instrument:
        """Return the instrument; ``prices`` is asked at most once in 64 updates."""
        known = self._instrument.price_decimals
        if known is None or updates - self._looked_at >= _UPDATES:
            seen = list(prices())
            if seen:
                self._looked_at = updates
                most = max(known or 0, decimals_needed(seen))
                if most != known:
                    self._instrument = dataclasses.replace(self._instrument, price_decimals=most)
        return self._instrument
