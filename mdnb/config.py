"""Options of a data manager: frozen, validated, one place."""

from __future__ import annotations

import dataclasses
from typing import Any

from mdnb.errors import OptionError, suggest

__all__ = ["DataManagerConfig"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DataManagerConfig:
    """How a data manager keeps its data.

    Parameters
    ----------
    max_bars_per_timeframe
        Closed bars held in memory for each timeframe, at least 1.
    max_ticks
        Trades held in memory, at least 1; quotes likewise.
    enable_tick_data
        Keep trades; False keeps none (bars are built all the same).
    data_validation
        Check trades before they reach a bar: finite, positive, plausible.
    fill_gaps
        Add flat bars for intervals inside a session that had no trade.
    grace_ms
        A bar is closed this many milliseconds (of market time) after its interval even if no trade comes.
    max_lateness_seconds
        A trade this much older than the newest one no longer amends a closed bar.

    Raises
    ------
    OptionError
        When a value is outside what is allowed.

    Examples
    --------
    >>> DataManagerConfig(max_bars_per_timeframe=2000).max_bars_per_timeframe
    2000
    """

    max_bars_per_timeframe: int = 50_000
    max_ticks: int = 200_000
    enable_tick_data: bool = True
    data_validation: bool = True
    fill_gaps: bool = False
    grace_ms: float = 500.0
    max_lateness_seconds: float = 5.0

    def __post_init__(self) -> None:
        for name in ("max_bars_per_timeframe", "max_ticks"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise OptionError(f"{name} must be a whole number of at least 1; got {value!r}")
        for name in ("enable_tick_data", "data_validation", "fill_gaps"):
            if not isinstance(getattr(self, name), bool):
                raise OptionError(f"{name} must be True or False; got {getattr(self, name)!r}")
        for name in ("grace_ms", "max_lateness_seconds"):
            value = getattr(self, name)
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not 0 <= value < float("inf")
            ):
                raise OptionError(f"{name} must be a number, 0 or more; got {value!r}")

    def replace(self, **changes: Any) -> DataManagerConfig:
        """Return a copy with other values.

        Raises
        ------
        OptionError
            When an option is unknown or a value is not allowed.
        """
        names = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in names:
                raise OptionError(f"there is no option {name!r}. {suggest(name, names)}")
        return dataclasses.replace(self, **changes)
