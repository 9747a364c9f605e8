"""Options of a data manager: frozen, validated, one place."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from mdnb.errors import OptionError, suggest

__all__ = ["TWINS", "DataManagerConfig"]

TWINS = {"enable_disk_overflow": "disk_cache_enabled", "cleanup_frequency": "cleanup_interval_minutes"}
"""Second spellings; ``cleanup_frequency`` is in seconds, what it sets is in minutes."""

_WHOLE = {"max_bars_per_timeframe": 1, "max_ticks": 1, "batch_size": 1}
_NUMBERS = {
    "grace_ms": (0.0, True),
    "max_lateness_seconds": (0.0, True),
    "cleanup_interval_minutes": (0.0, False),
    "max_disk_cache_gb": (0.0, False),
}


@dataclasses.dataclass(frozen=True, slots=True, init=False)
class DataManagerConfig:
    """How a data manager keeps its data.

    Parameters
    ----------
    max_bars_per_timeframe
        Bars held in memory for each timeframe, the forming one included, at least 1.
    max_ticks
        Trades held in memory, at least 1; quotes likewise.
    enable_tick_data
        Keep trades; False keeps none (bars are built all the same).
    enable_level2_data
        Receive the order book from the start.
    data_validation
        Check trades before they reach a bar: finite, positive, plausible.
    use_tick_data
        Build bars from trades; False builds them from the feed's own bars where it sends them.
    fill_gaps
        Add flat bars for intervals inside a session that had no trade.
    validate_bars
        Refuse bars of the feed (live or history) that cannot be: high below close, not finite, negative.
    remove_outliers
        Keep trades far off the market out of bars until the next ones confirm them.
    auto_cleanup, cleanup_interval_minutes
        Move what left memory to disk, compress it and keep the disk limit, every so many minutes of wall
        time. ``cleanup_frequency``, in seconds, is the same option.
    compression_enabled
        Compress what is on disk.
    disk_cache_enabled
        Bars that leave memory go to disk and can still be read. ``enable_disk_overflow`` is the same option.
    max_disk_cache_gb
        Largest size on disk in 10^9 bytes, of one symbol; the oldest bars go first.
    disk_cache_path
        Folder for it, kept when the suite closes; None is a temporary folder that goes with it.
    use_memory_mapping
        Read what is on disk through memory-mapped files.
    batch_size
        Most frames and trades handled in one go, before the background loop turns to others.
    parallel_processing
        Use worker threads for import, compression and resampling.
    cache_frequently_accessed
        Keep the frames asked for, and hand out copies until the data changes.
    grace_ms
        A bar is closed this many milliseconds after its interval even if no trade comes.
    max_lateness_seconds
        A trade this much older than the newest one no longer amends a closed bar.

    Raises
    ------
    OptionError
        When a value is outside what is allowed, or two spellings of one option disagree.

    Examples
    --------
    >>> config = DataManagerConfig(max_bars_per_timeframe=2000, cleanup_frequency=300)
    >>> config.max_bars_per_timeframe, config.cleanup_interval_minutes
    (2000, 5.0)
    >>> config.replace(enable_disk_overflow=True).disk_cache_enabled
    True
    """

    max_bars_per_timeframe: int
    max_ticks: int
    enable_tick_data: bool
    enable_level2_data: bool
    data_validation: bool
    use_tick_data: bool
    fill_gaps: bool
    validate_bars: bool
    remove_outliers: bool
    auto_cleanup: bool
    cleanup_interval_minutes: float
    compression_enabled: bool
    disk_cache_enabled: bool
    max_disk_cache_gb: float
    disk_cache_path: Path | None
    use_memory_mapping: bool
    batch_size: int
    parallel_processing: bool
    cache_frequently_accessed: bool
    grace_ms: float
    max_lateness_seconds: float

    def __init__(
        self,
        *,
        max_bars_per_timeframe: int = 50_000,
        max_ticks: int = 200_000,
        enable_tick_data: bool = True,
        enable_level2_data: bool = False,
        data_validation: bool = True,
        use_tick_data: bool = True,
        fill_gaps: bool = False,
        validate_bars: bool = True,
        remove_outliers: bool = False,
        auto_cleanup: bool = True,
        cleanup_interval_minutes: float | None = None,
        compression_enabled: bool = False,
        disk_cache_enabled: bool | None = None,
        max_disk_cache_gb: float = 1.0,
        disk_cache_path: str | os.PathLike[str] | None = None,
        use_memory_mapping: bool = False,
        batch_size: int = 5000,
        parallel_processing: bool = False,
        cache_frequently_accessed: bool = False,
        grace_ms: float = 500.0,
        max_lateness_seconds: float = 5.0,
        enable_disk_overflow: bool | None = None,
        cleanup_frequency: float | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", *TWINS)}
        if cleanup_frequency is not None:
            minutes = _number("cleanup_frequency", cleanup_frequency, 0.0, allow_least=False) / 60
            given["cleanup_interval_minutes"] = _one(
                "cleanup_frequency", minutes, "cleanup_interval_minutes", cleanup_interval_minutes
            )
        if enable_disk_overflow is not None:
            given["disk_cache_enabled"] = _one(
                "enable_disk_overflow", enable_disk_overflow, "disk_cache_enabled", disk_cache_enabled
            )
        if given["cleanup_interval_minutes"] is None:
            given["cleanup_interval_minutes"] = 5.0
        if given["disk_cache_enabled"] is None:
            given["disk_cache_enabled"] = False
        for name, value in given.items():
            object.__setattr__(self, name, _checked(name, value))

    @property
    def enable_disk_overflow(self) -> bool:
        """Same as `disk_cache_enabled`."""
        return self.disk_cache_enabled

    @property
    def cleanup_frequency(self) -> float:
        """`cleanup_interval_minutes` in seconds."""
        return self.cleanup_interval_minutes * 60

    def replace(self, **changes: Any) -> DataManagerConfig:
        """Return a copy with other values, under either spelling.

        Raises
        ------
        OptionError
            When an option is unknown or a value is not allowed.
        """
        names = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in names and name not in TWINS:
                raise OptionError(f"there is no option {name!r}. {suggest(name, [*names, *TWINS])}")
        replaced = {TWINS.get(name, name) for name in changes}
        kept = {name: getattr(self, name) for name in names if name not in replaced}
        return DataManagerConfig(**kept, **changes)


def _one(twin: str, value: Any, name: str, other: Any) -> Any:
    if other is not None and other != value:
        raise OptionError(f"{twin} and {name} are the same option; given were {value!r} and {other!r}")
    return value


def _checked(name: str, value: Any) -> Any:
    if name == "disk_cache_path":
        if value is not None and not isinstance(value, (str, os.PathLike)):
            raise OptionError(f"{name} must be a folder, or None for a temporary one; got {value!r}")
        return None if value is None else Path(value)
    if name in _WHOLE:
        if isinstance(value, bool) or not isinstance(value, int) or value < _WHOLE[name]:
            raise OptionError(f"{name} must be a whole number of at least {_WHOLE[name]}; got {value!r}")
        return value
    if name in _NUMBERS:
        least, allow_least = _NUMBERS[name]
        return _number(name, value, least, allow_least=allow_least)
    if not isinstance(value, bool):
        raise OptionError(f"{name} must be True or False; got {value!r}")
    return value


def _number(name: str, value: Any, least: float, *, allow_least: bool) -> float:
    bad = isinstance(value, bool) or not isinstance(value, (int, float))
    if bad or not least <= value < float("inf") or (value == least and not allow_least):
        allowed = f"{least:g} or more" if allow_least else f"above {least:g}"
        raise OptionError(f"{name} must be a number, {allowed}; got {value!r}")
    return float(value)
