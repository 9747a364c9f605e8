"""Number formats of a live frame: prices with their decimals, counts and whole lots without any."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mdnb.instruments import Instrument
from mdnb.number_format import SIZE_DECIMALS, decimals_needed, price_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["formatters"]

_PRICES = ("open", "high", "low", "close")


def _fixed(places: int) -> Callable[[Any], str]:
    return lambda value: f"{value:,.{places}f}" if value == value else "NaN"


def formatters(frame: pd.DataFrame, instrument: Instrument) -> dict[Any, Callable[[Any], str]]:
    """Return the formatter of each column, for ``to_string`` and ``to_html`` of pandas."""
    places = instrument.decimals
    prices = dict.fromkeys(_PRICES, lambda value: price_text(value, places))
    sizes = _fixed(decimals_needed(frame["volume"].tolist(), most=SIZE_DECIMALS))
    # A weighted price lies anywhere between two that are traded.
    made = {**prices, "vwap": _fixed(places), "volume": sizes, "tick_count": _fixed(0)}
    return {name: write for name, write in made.items() if name in frame}
