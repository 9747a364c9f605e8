"""Number formats: prices with their decimals, sizes with no more than they need.

Where a tick size is known its decimals are shown; where none is known, those of the prices seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal

__all__ = ["DASH", "SIZE_DECIMALS", "decimals_needed", "number_text", "price_text", "size_text"]

DASH = "–"
"""What stands where there is no value."""

_MOST_DECIMALS = 12
SIZE_DECIMALS = 8
"""At most so many decimals of a size are shown."""
# Floats carry 15 digits for certain: a 16th is the rounding of whoever computed the price.
_DIGITS = ".15g"


def decimals_needed(values: Iterable[float], least: int = 0, most: int = _MOST_DECIMALS) -> int:
    """Return the decimals needed to show all values exactly, within bounds.

    Examples
    --------
    >>> decimals_needed([75888.17, 75888.2]), decimals_needed([1.2e-5]), decimals_needed([0.1 + 0.2])
    (2, 6, 1)
    """
    needed = least
    for value in values:
        if needed >= most:
            break
        if math.isfinite(value):
            exponent = Decimal(format(round(value, most), _DIGITS)).normalize().as_tuple().exponent
            needed = max(needed, -exponent if isinstance(exponent, int) else 0)
    return min(needed, most)


def price_text(price: float, decimals: int, *, thousands: bool = True) -> str:
    """Return a price with the given decimals; one more where it needs it, as a mid may.

    Examples
    --------
    >>> price_text(20959.75, 2), price_text(21589.125, 2), price_text(75888.1, 2, thousands=False)
    ('20,959.75', '21,589.125', '75888.10')
    """
    if not math.isfinite(price):
        return DASH
    if 0 < abs(price) < 10.0**-(_MOST_DECIMALS) / 2:
        return f"{price:.6g}"
    between = abs(round(price, decimals) - price) > 10.0**-decimals / 1000
    text = f"{price + 0.0:,.{decimals + between}f}"  # of -0.0 a plain 0
    return text if thousands else text.replace(",", "")


def size_text(size: float) -> str:
    """Return a size or volume with the decimals it needs: whole lots without any.

    Examples
    --------
    >>> size_text(1200.0), size_text(0.1 + 0.2), size_text(0.00000001)
    ('1,200', '0.3', '0.00000001')
    """
    if not math.isfinite(size):
        return DASH
    if size and abs(size) < 10.0**-SIZE_DECIMALS:
        return f"{size:.3g}"
    text = f"{size + 0.0:,.{SIZE_DECIMALS}f}"
    return text.rstrip("0").rstrip(".")


def number_text(value: float) -> str:
    """Return a number without a unit, to six digits.

    Examples
    --------
    >>> number_text(0.123456789), number_text(1234.5), number_text(float("nan"))
    ('0.123457', '1,234.5', '–')
    """
    if not math.isfinite(value):
        return DASH
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.2f}"
