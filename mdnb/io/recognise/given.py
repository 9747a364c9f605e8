"""`Given`: what a caller says of a file, so that it need not be recognised."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import tzinfo
from typing import Final

from mdnb.errors import OptionError
from mdnb.io.source import check_zone

__all__ = ["CONFLICTS", "Given"]

CONFLICTS: Final = ("error", "keep", "replace")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a caller says of a file; what is left out is recognised.

    Attributes
    ----------
    timeframe, symbol
        What the bars are of; which of several symbols to take.
    tz
        The zone of times without an offset, and of the frame.
    date_format
        Of the times, as `strptime` has it, or ``epoch_s`` and so on.
    columns
        Our names of columns to the file's, or to their places from 0.
    header, separator, decimal
        Whether a line names the columns; what separates cells; the decimal sign.
    price_scale
        What prices are to be multiplied with.
    positive_prices
        Whether a price of zero or less refuses the file.
    on_conflict
        Of different rows of one time: ``"error"`` refuses the file, ``"keep"`` takes the first,
        ``"replace"`` the last.
    prefers
        Which of several timeframes is taken where none is said to be the file's.
    """

    timeframe: str | None = None
    symbol: str | None = None
    tz: str | tzinfo | None = None
    date_format: str | None = None
    columns: Mapping[str, str | int] | None = None
    header: bool | None = None
    separator: str | None = None
    decimal: str | None = None
    price_scale: float | None = None
    positive_prices: bool = True
    on_conflict: str = "error"
    prefers: str | None = None

    def __post_init__(self) -> None:
        check_zone(self.tz)
        if self.on_conflict not in CONFLICTS:
            raise OptionError(f"on_conflict={self.on_conflict!r}: one of {', '.join(CONFLICTS)} is needed.")
        scale = self.price_scale
        if scale is not None and not (
            isinstance(scale, (int, float))
            and not isinstance(scale, bool)
            and math.isfinite(scale)
            and scale > 0
        ):
            raise OptionError(f"price_scale={scale!r}: a number above 0 is needed, such as 1e-5.")
        for name, allowed in (("header", (None, True, False)), ("positive_prices", (True, False))):
            if not any(getattr(self, name) is one for one in allowed):
                raise OptionError(f"{name}={getattr(self, name)!r}: one of {allowed} is needed.")
