"""How a live frame writes its figures: prices with their decimals, counts and whole lots without any."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mdnb.instruments import Instrument

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["decimals_seen", "formatters", "price_decimals"]

_PRICES = ("open", "high", "low", "close")
_MOST_DECIMALS = 12
_MOST_SIZE_DECIMALS = 8
_FEWEST = 2


def decimals_seen(values: Iterable[float], fewest: int = 0, most: int = _MOST_DECIMALS) -> int:
    """Return the decimals that show every value, at least and at most so many.

    Examples
    --------
    >>> decimals_seen([1.2e-05, 3e-06]), decimals_seen([100.5, 101.0]), decimals_seen([3.0], fewest=2)
    (6, 1, 2)
    """
    places = fewest
    for value in values:
        if math.isfinite(value):
            exponent = Decimal(repr(round(float(value), most))).normalize().as_tuple().exponent
            places = max(places, -exponent if isinstance(exponent, int) else 0)
    return places


def price_decimals(instrument: Instrument, seen: Callable[[], Iterable[float]]) -> int:
    """Return the decimals of an instrument's prices; of those seen where its tick size is not known."""
    return instrument.decimals if instrument.tick_size else decimals_seen(seen(), _FEWEST)


def _fixed(places: int) -> Callable[[Any], str]:
    return lambda value: f"{value:,.{places}f}" if math.isfinite(value) else "NaN"


def formatters(frame: pd.DataFrame, instrument: Instrument) -> dict[Any, Callable[[Any], str]]:
    """Return what writes each column of bars, for ``to_string`` and ``to_html`` of pandas."""
    price = _fixed(price_decimals(instrument, lambda: frame[list(_PRICES)].to_numpy().ravel().tolist()))
    sizes = _fixed(decimals_seen(frame["volume"].tolist(), most=_MOST_SIZE_DECIMALS))
    made = dict.fromkeys((*_PRICES, "vwap"), price) | {"volume": sizes, "tick_count": _fixed(0)}
    return {name: write for name, write in made.items() if name in frame}
