"""Statistics of the data: frozen records, readable by attribute and by key."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mdnb.records import Record, timestamp

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "BarRepair",
    "DataStatistics",
    "ImportResult",
    "MemoryStatistics",
    "PerformanceMetrics",
    "TickStatistics",
    "TimeframeStatistics",
    "ValidationResult",
    "ValidationStatistics",
]


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TickStatistics(Record):
    """The trades held, or the newest minutes of them.

    Attributes
    ----------
    tick_count
        Trades looked at, without those kept out of the bars.
    seconds
        Market seconds from the first to the last of them.
    ticks_per_minute
        Trades a market minute.
    avg_tick_size, min_price, max_price, vwap
        Mean size, lowest and highest price, volume-weighted price; 0.0 where there is no trade.
    volume, buy_volume, sell_volume
        Sums of sizes, by the side of the taker; sizes without a side are only in `volume`.
    outliers
        Trades held that are kept out of the bars.
    """

    symbol: str
    tick_count: int = 0
    seconds: float = 0.0
    ticks_per_minute: float = 0.0
    avg_tick_size: float = 0.0
    min_price: float = 0.0
    max_price: float = 0.0
    vwap: float = 0.0
    volume: float = 0.0
    buy_volume: float = 0.0
    sell_volume: float = 0.0
    outliers: int = 0
    decimals: int | None = dataclasses.field(default=None, repr=False, compare=False)


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ValidationStatistics(Record):
    """Counters of validation since it was enabled.

    Attributes
    ----------
    enabled
        Whether `enable_validation` was called.
    bars_validated
        Bars looked at, those held when it was enabled and those closed since.
    errors_detected
        Findings in bars, trades, quotes and gaps.
    corrections_made
        Data kept out or put right: refused and held back trades, duplicates, amended bars, crossed levels.
    success_rate
        Share of the bars validated with nothing wrong in themselves, 0..1; 1.0 where there are none.
    by_type
        Findings by type.
    """

    symbol: str
    enabled: bool
    bars_validated: int
    errors_detected: int
    corrections_made: int
    success_rate: float
    by_type: Mapping[str, int]


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BarRepair(Record):
    """One value of one bar that `validate_imported_data` put right.

    Attributes
    ----------
    type
        ``unit_change`` (a price was in another unit than the others), ``split_not_applied``, or both,
        with ``+`` between.
    field
        ``open``, ``high``, ``low``, ``close``, ``volume`` or ``vwap``.
    before, after
        The value.
    """

    type: str
    time_ns: int
    field: str
    before: float
    after: float
    tz: str = dataclasses.field(default="UTC", repr=False)

    @property
    def time(self) -> pd.Timestamp:
        """Start of the bar in the suite's zone."""
        return timestamp(self.time_ns, self.tz)


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ValidationResult(Record):
    """What `validate_imported_data` found in the bars of a timeframe.

    Attributes
    ----------
    success
        Whether nothing was found.
    bars
        Bars looked at.
    errors
        Findings, oldest first; each has ``type``, ``description``, ``time_ns``, ``values``. With
        ``repair=True`` those that are left.
    repairs
        Each value that was put right, oldest first.
    """

    timeframe: str
    success: bool
    bars: int
    errors: tuple[Any, ...]
    repairs: tuple[BarRepair, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ImportResult(Record):
    """Result of an import.

    Attributes
    ----------
    understood
        What a file of others was taken for, in one line; empty where its form was known.
    timeframe
        Which bars were imported.
    rows
        Bars in the file.
    added, replaced, kept
        Bars put where there were none; put in the place of others (``overwrite=True``, or the one held was
        partial: the feed had not covered its whole interval); left as they were since the interval had a bar
        already.
    outliers, refused
        Bars left out: far off their neighbours (``remove_outliers``); or outside the market's hours, or
        impossible (``validate_bars``).
    over_limit
        Bars older than fit into memory while nothing goes to disk; not kept.
    later
        Bars left out because they begin after the one that is being made or, where none is, are not over at
        the market's time: the market has not come so far.
    first, last
        Start of the file's first and last bar.
    findings
        What was left out, put right or assumed, and why.
    notes
        In words: why bars were refused, that the file names another symbol, which rows contradict others of
        the same time, that bars are later than the market or over the limit; these are warned of, too. Also
        how many bars that stay are held with other values, that partial bars were replaced, that the bar that
        was being made was left out, and what reading the file put right.

    Examples
    --------
    >>> import tempfile
    >>> import mdnb
    >>> with tempfile.TemporaryDirectory() as folder, mdnb.live("MNQ", "1min", initial_days=0.1) as live:
    ...     file = live.export(f"{folder}/mnq.csv", "1min")
    ...     result = live.load(file, "1min")[0]
    >>> result.kept == result.rows, result.added  # the market had each of these bars already
    (True, 0)
    """

    understood: str = ""
    symbol: str
    timeframe: str
    rows: int
    added: int
    replaced: int
    kept: int
    outliers: int
    refused: int
    over_limit: int
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    findings: tuple[Any, ...] = dataclasses.field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    later: int = 0


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MemoryStatistics(Record):
    """Memory and disk use, measured.

    Attributes
    ----------
    total_bars
        Closed bars in memory, of all timeframes.
    bars_on_disk, bars_waiting
        Bars that left memory: those that can be read from disk, which outlive this process, and those that
        wait to be written.
    total_ticks, total_quotes
        Trades and quotes in memory.
    memory_usage_mb
        10^6 bytes of all rows in memory.
    disk_usage_mb
        10^6 bytes of the files.
    compression_ratio
        Size of the rows on disk as they are in memory, over the size of their files; 1.0 without any.
    bars_evicted
        Bars that left memory since the start, to disk or for good.
    process_mb
        Resident memory of the whole process in 10^6 bytes; ``nan`` where the system does not say.
    by_timeframe
        Closed bars in memory by timeframe.
    """

    symbol: str
    total_bars: int
    bars_on_disk: int
    bars_waiting: int
    total_ticks: int
    total_quotes: int
    memory_usage_mb: float
    disk_usage_mb: float
    compression_ratio: float
    bars_evicted: int
    process_mb: float
    by_timeframe: Mapping[str, int]


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PerformanceMetrics(Record):
    """Processing speed, measured.

    Attributes
    ----------
    bars_per_second, ticks_per_second
        Bars closed and trades received a wall-clock second, history included, since the start.
    avg_access_time_ms
        Mean time that making a frame took.
    accesses, cache_hit_rate
        Frames handed out, and the share of them that came from the cache, 0..1.
    cpu_usage_percent
        CPU time of the background thread over wall time since the last call, 0..100.
    largest_batch
        Most trades handled in one go.
    worker_threads, worker_jobs
        Threads for slow work, and functions they ran.
    handler_events_dropped
        Events that slow handlers missed.
    """

    symbol: str
    bars_per_second: float
    ticks_per_second: float
    avg_access_time_ms: float
    accesses: int
    cache_hit_rate: float
    cpu_usage_percent: float
    largest_batch: int
    worker_threads: int
    worker_jobs: int
    handler_events_dropped: int


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DataStatistics(Record):
    """Statistics of one symbol's data.

    Attributes
    ----------
    total_bars_received
        Bars made or loaded since the start, of all timeframes.
    bars_per_minute
        Bars closed live a minute of wall time.
    ticks_received, quotes_received, depth_updates
        Live data received.
    data_quality_score
        0..100: 100 x `completeness` / 100 x (1 - `rejected_share`) x (1 - `late_share`) x
        (1 - `malformed_share`) x `freshness`.
    completeness
        0..100: worst of the timeframes, see `TimeframeStatistics`.
    rejected_share, late_share
        Share of the trades received that were refused or held back; that came late, whether they amended a
        bar or were too late. 0..1.
    malformed_share
        Messages of the whole connection that were not understood, as a share of its frames, 0..1.
    freshness
        1 while signs of life arrive, whether or not anybody trades, falling to 0 as the feed goes stale; 0
        where data arrives and none is accepted, none is understood, or all is of symbols not followed.
    connection_uptime
        Share of the time since the start with a connection, 0..100.
    avg_latency_ms, p99_latency_ms
        Median and 99th percentile of the newest data's delay, corrected by `clock_offset_ms`; 0.0 before any.
    clock_offset_ms
        How far the venue's clock is ahead of this computer's, as far as the data shows; negative where it is
        more than 2 s behind.
    seconds_since_data
        Wall-clock seconds since data last arrived; infinity before any.
    gaps, gaps_repaired, gaps_repairing
        Stretches that the feed did not deliver, those filled from the venue's history, and those for which it
        is being asked. The others are lost.
    troubles
        What fails in the background now, a sentence each, such as a disk that takes no bars, and each handler
        that is slow, has lost events or raised something.
    """

    symbol: str
    status: str
    total_bars_received: int
    bars_per_minute: float
    ticks_received: int
    quotes_received: int
    depth_updates: int
    data_quality_score: float
    completeness: float
    rejected_share: float
    late_share: float
    malformed_share: float
    freshness: float
    connection_uptime: float
    disconnects: int
    avg_latency_ms: float
    p99_latency_ms: float
    clock_offset_ms: float
    seconds_since_data: float
    duplicates: int
    gaps: int
    gaps_repaired: int
    gaps_repairing: int
    memory_usage_mb: float
    troubles: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TimeframeStatistics(Record):
    """Statistics of one timeframe's bars.

    Attributes
    ----------
    bars_in_memory, bars_on_disk, bars_waiting
        Bars held: in memory with the forming one; on disk those that can be read; and those that left memory
        and wait to be written.
    last_update_ns
        Market time of the newest trade in a bar.
    first_bar_ns
        Start of the oldest bar held.
    completeness
        Share of the intervals inside sessions, from the oldest bar held (in memory or on disk) to now, that
        have a bar which can be read, or in which the feed was live and nothing traded. Between older bars
        that were loaded from a file and what the market had itself nothing is expected. Of bars of trades,
        those that were held and can be read; a hole counts for one. 0..100.
    missing_bars
        The intervals that are lacking, those of bars on disk that cannot be read any more among them.
    history_missing_days
        Of the days of history asked for (``initial_days``), those that the feed did not have.
    memory_usage_mb
        10^6 bytes of the rows in memory.
    amended, filled, partial
        Closed bars in memory that late trades changed; that stand for intervals without a trade; whose
        interval the feed did not cover whole.
    """

    symbol: str
    timeframe: str
    bars_in_memory: int
    bars_on_disk: int
    bars_waiting: int
    last_update_ns: int | None
    first_bar_ns: int | None
    completeness: float
    missing_bars: int
    memory_usage_mb: float
    amended: int
    filled: int
    partial: int
    history_missing_days: float = 0.0
    tz: str = dataclasses.field(default="UTC", repr=False)

    @property
    def last_update(self) -> pd.Timestamp | None:
        """`last_update_ns` in the suite's zone; None before any data."""
        return None if self.last_update_ns is None else timestamp(self.last_update_ns, self.tz)

    @property
    def first_bar(self) -> pd.Timestamp | None:
        """`first_bar_ns` in the suite's zone; None before any bar."""
        return None if self.first_bar_ns is None else timestamp(self.first_bar_ns, self.tz)
