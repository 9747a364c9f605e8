"""Options of a data manager: frozen and validated, each declared once."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from mdnb.errors import OptionError, suggest
from mdnb.frozen import refuse_changes
from mdnb.options import check_options, documented, option, options_of, twin

__all__ = ["TWINS", "DataManagerConfig"]


@documented
@refuse_changes
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DataManagerConfig:
    """How a data manager keeps its data.

    Parameters
    ----------
    {options}

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

    max_bars_per_timeframe: int = option(
        50_000, "Bars held in memory for each timeframe, the forming one included, at least 1.", least=1
    )
    max_ticks: int = option(200_000, "Trades held in memory, at least 1; quotes likewise.", least=1)
    enable_tick_data: bool = option(True, "Keep trades; False keeps none (bars are built all the same).")
    enable_level2_data: bool = option(False, "Receive the order book from the start.")
    data_validation: bool = option(True, "Check trades before they reach a bar: finite, positive, plausible.")
    use_tick_data: bool = option(
        True,
        "Build bars from trades; False builds them from the feed's own bars where it sends them, on a running"
        " market from the next bar of the finest timeframe on.",
    )
    fill_gaps: bool = option(
        False,
        "Add flat bars (open = high = low = close = the close before, volume 0) for intervals inside a"
        " session that had no trade.",
    )
    validate_bars: bool = option(
        True,
        "Refuse bars of the feed (live or history) that cannot be: high below close, not finite, negative."
        " They count as rejected.",
    )
    remove_outliers: bool = option(
        False,
        "Keep trades far off the market out of bars, flagged"
        " ``outlier`` among the ticks; when the next trades confirm them the bars are amended. Imports leave"
        " out bars by the published centred rule.",
    )
    auto_cleanup: bool = option(
        True,
        "Move what left memory to disk, compress it and keep the disk limit, every"
        " ``cleanup_interval_minutes``; False: only `cleanup_old_data` and `compress_data` tidy the disk.",
    )
    cleanup_interval_minutes: float = option(
        5.0, "How often the disk is tidied, in minutes of wall time.", above=True, has_twin=True
    )
    compression_enabled: bool = option(False, "Compress what is on disk at each cleanup.")
    disk_cache_enabled: bool = option(
        False, "Bars that leave memory go to disk, and `get_data` reads them there.", has_twin=True
    )
    max_disk_cache_gb: float = option(
        1.0, "Largest size on disk in 10^9 bytes, of one symbol; the oldest bars go first.", above=True
    )
    disk_cache_path: str | os.PathLike[str] | None = option(  # noqa: RUF009  # the call makes the field
        None,
        "Folder for it, kept when the suite closes; None is a temporary folder that goes with it. The bars of"
        " a symbol in it are of one feed; another one is refused. Held as a ``pathlib.Path``.",
    )
    use_memory_mapping: bool = option(
        False, "Read bars that are on disk through memory-mapped files instead of whole."
    )
    batch_size: int = option(
        5000,
        "Most frames and trades handled in one go, before the background loop turns to others. Small: others"
        " wait less. Large: a flood is handled faster.",
        least=1,
    )
    parallel_processing: bool = option(
        False, "Several worker threads for import, compression and resampling, instead of one."
    )
    cache_frequently_accessed: bool = option(
        False, "Keep the frames asked for, and hand out copies (on write) until the data changes."
    )
    grace_ms: float = option(
        500.0, "A bar is closed this many milliseconds after its interval even if no trade comes."
    )
    max_lateness_seconds: float = option(
        5.0, "A trade this much older than the newest one no longer amends a closed bar."
    )
    enable_disk_overflow: bool = twin("disk_cache_enabled", "Same as ``disk_cache_enabled``.")
    cleanup_frequency: float = twin(
        "cleanup_interval_minutes", "Same as ``cleanup_interval_minutes``, in seconds.", factor=60, above=True
    )

    def __post_init__(self) -> None:
        check_options(self)

    def replace(self, **changes: Any) -> DataManagerConfig:
        """Return a copy with other values, under either spelling.

        Raises
        ------
        OptionError
            When an option is unknown or a value is not allowed.
        """
        known = options_of(DataManagerConfig)
        for name in changes:
            if name not in known:
                raise OptionError(f"there is no option {name!r}. {suggest(name, known)}")
        replaced = {TWINS.get(name, name) for name in changes}
        kept = {name: getattr(self, name) for name in known if TWINS.get(name, name) not in replaced}
        return DataManagerConfig(**kept, **changes)


TWINS = {name: one.twin_of for name, one in options_of(DataManagerConfig).items() if one.twin_of}
"""Second spellings, each with the option that it sets."""
