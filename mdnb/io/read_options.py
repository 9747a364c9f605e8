"""`ReadOptions`: how a file of bars is read, whatever its format."""

from __future__ import annotations

import dataclasses
from datetime import tzinfo

from mdnb.io.source import check_zone

__all__ = ["ReadOptions"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a caller says of a file of bars whose format is known.

    Attributes
    ----------
    tz
        The zone of times without an offset, and of the bars.
    date_format
        Of times that are text, as in `mdnb.io.csv.read_csv`.
    positive_prices
        Whether a price of zero or less refuses the file.
    symbol
        Which one, where the file holds several.
    prefers
        Which of several symbols is taken where none is asked for.
    first_counts
        Of different rows of one time the first counts, and not the last.
    keeps_order
        Whether bars of trades stay in the order in which they are in a Parquet file, as `to_bars` has it.

    Raises
    ------
    OptionError
        ``tz`` is no zone.
    """

    tz: str | tzinfo | None = None
    date_format: str | None = None
    positive_prices: bool = True
    symbol: str | None = None
    prefers: str | None = None
    first_counts: bool = False
    keeps_order: bool = False

    def __post_init__(self) -> None:
        check_zone(self.tz)
