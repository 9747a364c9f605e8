"""Findings: what a check of bars reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from mdnb.records import Record, timestamp

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["FINDING_TYPES", "Bars", "QualityFinding", "findings_of", "start_ns"]

_NS_PER_US = 1000
_MOST = 1000
FINDING_TYPES: Final = frozenset(
    (
        # of bars
        "ohlc_inconsistent",
        "price_not_finite",
        "price_not_positive",
        "volume_not_finite",
        "volume_negative",
        "volume_not_whole",
        "volume_spike",
        "count_absurd",
        "time_backwards",
        "duplicate_equal",
        "duplicate_conflicting",
        "time_off_grid",
        "session_closed",
        "time_in_future",
        "time_without_zone",
        "price_off_tick",
        "price_spike",
        "flat_run",
        "gap_missing",
        "gap_no_trade",
        "children_differ",
        "unit_change",
        "split_not_applied",
        # of trades, quotes and the order book
        "not_finite",
        "size_negative",
        "time_not_positive",
        "price_absurd",
        "price_deviation",
        "price_outlier",
        "trade_out_of_order",
        "odd_trade_id",
        "before_roll",
        "trade_change_unmatched",
        "trade_change_unsure",
        "quote_not_finite",
        "quote_not_positive",
        "quote_size_negative",
        "quote_crossed",
        "quote_locked",
        "spread_wide",
        "depth_refused",
        # of a feed, its connection and history
        "all_refused",
        "feed_stale",
        "feed_ended",
        "unknown_status",
        "malformed",
        "clock_offset",
        "time_unit",
        "other_symbols",
        "unused_bars",
        "data_gap",
        "history_failed",
        "odd_history_ids",
        "missed_trades_undecided",
        "bars_not_rebuilt",
        "roll",
        # of what fails in the background
        "background",
        "intake",
        "refused",
        "book",
        "subscription",
        "disk",
        "disk_unreadable",
        "disk_dropped",
        "store",
        "store_busy",
        "store_lost",
        "store_unreadable",
        "handler_failed",
        "handler_dropped",
        # of stores and saved markets
        "written_bars",
        "future_bars",
        "off_grid_bars",
        "as_saved",
        "saved_rows_refused",
        # of imports
        "after_the_market",
        "assumed_zone",
        "conflicting_duplicate",
        "contradicts_held",
        "damaged_changes",
        "duplicate",
        "float_noise",
        "forming",
        "lines_before",
        "lines_left_out",
        "local_midnights",
        "may_be_forming",
        "naive_times",
        "newest_first",
        "no_closing_times",
        "no_trading_day",
        "no_volume",
        "not_full",
        "odd_contract",
        "odd_mark",
        "off_grid",
        "off_level",
        "other_hours",
        "over_limit",
        "price_scale",
        "put_together",
        "repeated_column",
        "rows_without_prices",
        "sheets",
        "sub_microsecond",
        "tick_volume",
        "too_many_trades",
        "unfinished",
        "unsorted",
    )
)
"""All types of what is kept: `get_validation_errors` knows no others."""


class Bars(Protocol):
    """Bars as columns, oldest first: what the checks read of `mdnb.stores.columns.BarColumns`.

    Attributes
    ----------
    time_us
        int64, shape (n,): bar start in UTC epoch microseconds.
    open, high, low, close, volume
        float64, shape (n,).
    """

    @property
    def time_us(self) -> NDArray[np.int64]:
        """Bar starts."""

    @property
    def open(self) -> NDArray[np.float64]:
        """Prices."""

    @property
    def high(self) -> NDArray[np.float64]:
        """Prices."""

    @property
    def low(self) -> NDArray[np.float64]:
        """Prices."""

    @property
    def close(self) -> NDArray[np.float64]:
        """Prices."""

    @property
    def volume(self) -> NDArray[np.float64]:
        """Sums of sizes."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class QualityFinding(Record):
    """A problem found in one or more consecutive bars.

    Attributes
    ----------
    type
        Name of the check that failed, such as ``ohlc_inconsistent`` or ``gap_missing``.
    description
        A sentence for people.
    time_ns
        Start of the first bar concerned, UTC epoch nanoseconds; of a gap, its first instant.
    values
        The figures of that first bar that led to it.
    count
        How many bars are concerned; of a gap, how many are not there.
    tz, decimals
        How times and prices are shown; None takes as many decimals as the prices need.
    """

    type: str
    description: str
    time_ns: int
    values: Mapping[str, float] = dataclasses.field(default_factory=dict)
    count: int = 1
    tz: str = dataclasses.field(default="UTC", repr=False)
    decimals: int | None = dataclasses.field(default=None, repr=False, compare=False, kw_only=True)

    @property
    def timestamp(self) -> pd.Timestamp:
        """`time_ns` in the finding's zone."""
        return timestamp(self.time_ns, self.tz)

    @property
    def time(self) -> pd.Timestamp:
        """Same as `timestamp`."""
        return timestamp(self.time_ns, self.tz)

    def __str__(self) -> str:
        more = f" ({self.count:,} bars from there on)" if self.count > 1 else ""
        return f"{self.type} at {self.timestamp}: {self.description}{more}"


def start_ns(bars: Bars) -> NDArray[np.int64]:
    """Return bar starts as int64 UTC epoch nanoseconds, shape (n,)."""
    return np.asarray(bars.time_us * _NS_PER_US, dtype=np.int64)


def findings_of(
    type: str,
    description: str,
    time_ns: NDArray[np.int64],
    bad: NDArray[np.bool_],
    values: Mapping[str, NDArray[np.float64]],
) -> list[QualityFinding]:
    """Return one finding for each run of consecutive bad rows.

    Parameters
    ----------
    type, description
        Of every finding.
    time_ns
        int64, shape (n,).
    bad
        bool, shape (n,).
    values
        Columns, shape (n,) each, of which the finding shows the run's first row.

    Returns
    -------
    list of QualityFinding
        Oldest first, at most 1000; the last then counts the bad rows of all further runs too.

    Examples
    --------
    >>> bad = np.array([True, True, False, True])
    >>> found = findings_of("odd", "is odd", np.arange(4), bad, {"close": np.arange(4.0)})
    >>> [(one.time_ns, one.count, one.values) for one in found]
    [(0, 2, {'close': 0.0}), (3, 1, {'close': 3.0})]
    """
    edges = np.flatnonzero(np.diff(bad.astype(np.int8), prepend=0, append=0))
    firsts, ends = edges[::2], edges[1::2]
    counts = ends - firsts
    if len(firsts) > _MOST:
        counts[_MOST - 1] = counts[_MOST - 1 :].sum()
    return [
        QualityFinding(
            type,
            description,
            int(time_ns[first]),
            {name: float(column[first]) for name, column in values.items()},
            int(count),
        )
        for first, count in zip(firsts[:_MOST], counts[:_MOST], strict=True)
    ]
