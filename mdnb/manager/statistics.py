"""Statistics of the data: quality, completeness, speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mdnb.manager.forward import immediate
from mdnb.runtime.live.accounting import Accounting
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.statistics import DataStatistics, TimeframeStatistics
from mdnb.stores.bars import ROW_BYTES
from mdnb.stores.columns import AMENDED, FILLED, PARTIAL
from mdnb.stores.overflow import Overflow
from mdnb.timeframes import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Statistics", "completeness"]

_MB = 1e6


class Statistics:
    """Statistics of one symbol's data."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    @immediate
    async def get_stats(self) -> DataStatistics:
        """Return statistics of the symbol's data; every figure is measured.

        The quality score is 100 x completeness x (1 - rejected share) x (1 - late share) x (1 - malformed
        share) x freshness; each factor stands beside it. A feed that is down loses its freshness within
        seconds, so a dead feed never scores 100.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=1) as market:
        ...     _ = market.price
        ...     stats = market.data.get_stats()
        >>> stats["total_bars_received"] > 100, 0 <= stats.data_quality_score <= 100
        (True, True)
        """
        market = self._market
        engine, pipeline, health = market.engine, market.pipeline, market.health
        taken = market.accounting()
        seconds = max(health.seconds_since_start(), 1e-9)
        _look_at_disk(engine)
        with engine.lock:
            # In one go: another thread may remove a timeframe.
            names = engine.timeframes()
            bars = sum(engine.log(name).total for name in names)
            complete = min((self._timeframe(name).completeness for name in names), default=100.0)
        received = max(1, taken.received)
        rejected = min(1.0, (taken.rejected_total + taken.held_back) / received)
        late = min(1.0, (taken.late_dropped + pipeline.late_amended) / received)
        playback = self._market.feed.playback
        # A recording of rows has them in frames of its own.
        in_rows = playback is not None and playback.dated_rows
        of = taken.received + taken.malformed if in_rows else taken.frames
        malformed = min(1.0, taken.malformed / max(1, of))
        fresh = market.freshness()
        latency, worst = health.latency_ms(), health.latency_quantile_ms(0.99)
        gaps = list(pipeline.gaps)
        return DataStatistics(
            symbol=market.symbol,
            status=health.status,
            total_bars_received=bars,
            bars_per_minute=pipeline.bars_closed * 60 / seconds,
            ticks_received=taken.received,
            quotes_received=taken.quotes,
            depth_updates=taken.depth_updates,
            data_quality_score=complete * (1 - rejected) * (1 - late) * (1 - malformed) * fresh,
            completeness=complete,
            rejected_share=rejected,
            late_share=late,
            malformed_share=malformed,
            freshness=fresh,
            connection_uptime=health.uptime_percent(),
            disconnects=health.disconnects,
            avg_latency_ms=0.0 if np.isnan(latency) else latency,
            p99_latency_ms=0.0 if np.isnan(worst) else worst,
            clock_offset_ms=market.clock_offset_ms(),
            seconds_since_data=health.seconds_since_data(market.symbol),
            duplicates=taken.duplicate,
            gaps=len(gaps),
            gaps_repaired=sum(gap.repaired for gap in gaps),
            gaps_repairing=sum(gap.state == "repairing" for gap in gaps),
            memory_usage_mb=engine.nbytes() / _MB,
            troubles=(*pipeline.quality.in_words(), *pipeline.bus.troubles(market.symbol)),
        )

    @immediate
    async def get_timeframe_stats(self, timeframe: str) -> TimeframeStatistics:
        """Return statistics of a timeframe's bars.

        Raises
        ------
        TimeframeError
            When the timeframe is not kept.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=1) as market:
        ...     stats = market.data.get_timeframe_stats("1min")
        >>> stats["bars_in_memory"] > 100, 0 < stats.completeness <= 100
        (True, True)
        """
        engine = self._market.open()
        _look_at_disk(engine)
        with engine.lock:
            return self._timeframe(engine.canonical(timeframe))

    def _timeframe(self, name: str) -> TimeframeStatistics:
        market = self._market
        engine = market.engine
        with engine.lock:
            log, forming = engine.log(name), engine.forming_of(name)
            flags = log.columns(0, len(log)).flags
            first = log.first_start_ns()
            last = engine.last_trade
            overflow = engine.overflow.get(name)
            before = engine.reader.first_ns(name)
        now = market.feed.clock.now_ns()
        share, missing = completeness(engine, name, market.pipeline.live_spans(now), now)
        return TimeframeStatistics(
            symbol=market.symbol,
            timeframe=name,
            bars_in_memory=min(len(flags) + (forming is not None), log.limit),
            bars_on_disk=0 if overflow is None else overflow.rows_on_disk(before),
            bars_waiting=0 if overflow is None else overflow.waiting_rows,
            last_update_ns=None if last is None else last[0],
            first_bar_ns=forming[0] if first is None and forming is not None else first,
            completeness=100.0 * share,
            missing_bars=missing,
            memory_usage_mb=len(flags) * ROW_BYTES / _MB,
            amended=int(np.count_nonzero(flags & AMENDED)),
            filled=int(np.count_nonzero(flags & FILLED)),
            partial=int(np.count_nonzero(flags & PARTIAL)),
            history_missing_days=market.pipeline.history_missing.get(name, 0.0),
            tz=engine.tz,
        )

    @immediate
    async def get_accounting(self) -> Accounting:
        """Return the accounting: each trade that arrived is in a bar or in a named counter.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     market.data.get_accounting().balanced
        True
        """
        return self._market.accounting()


def completeness(
    engine: SymbolState, name: str, live: list[tuple[int, int]], now_ns: int
) -> tuple[float, int]:
    """Return the share of a timeframe's intervals that are known, and how many are not.

    Counted are the intervals inside sessions from the oldest bar held, in memory or on disk, to the one that
    is being made. An interval is known when it has a bar that can be read, or when the feed was live through
    all of it and nothing traded. Between bars that were loaded from a file and what the market itself had,
    no interval is expected; nor is anything known of the time before.

    Parameters
    ----------
    live
        Stretches of market time through which the feed was live, UTC epoch nanoseconds.
    now_ns
        The market's time.
    """
    grid = engine.grid(name)
    with engine.lock:
        log = engine.log(name)
        forming = engine.forming_of(name)
        time = log.columns(0, len(log), forming).time_us * 1000
        overflow, apart = engine.overflow.get(name), list(engine.apart.get(name, ()))
        holes = list(engine.holes.get(name, ()))
    first = int(time[0]) if len(time) else None
    lost = [] if overflow is None else _lost_bars(overflow, grid)
    missed = sum(rows for *_, rows in lost)
    if grid is None:
        older = None if overflow is None else overflow.first_ns(first)
        # Nobody knows how many bars of trades a hole would have held: each counts for one.
        missed += sum(older is not None and after >= older for after in holes)
        rows = 0 if overflow is None else overflow.rows_on_disk(first) + overflow.waiting_rows
        return 1.0 - missed / max(1, len(time) + rows + missed), missed
    held = _HeldIntervals(time, overflow, first, lost)
    begin = min([one[0] for one in lost] + held.firsts, default=None)
    if begin is None:
        return 1.0, 0
    now = grid.span(now_ns)
    end = max(held.last_ns + 1, now[0] if now is not None else now_ns)
    expected = grid.count(begin, end) - sum(held.lacking(grid, a, b) for a, b in _within(apart, begin, end))
    missing = held.lacking(grid, begin, end)
    # Where the feed was live, an interval without a bar had no trade.
    for a, b in _within([*live, *apart], begin, end) if missing > 0 else ():
        missing -= held.lacking(grid, a, b)
    missing = max(0, missing) + missed
    return 1.0 - missing / max(1, expected), missing


class _HeldIntervals:
    """The intervals of a timeframe that have a bar, or had one that is lost on disk."""

    def __init__(
        self,
        time_ns: NDArray[np.int64],
        overflow: Overflow | None,
        first_ns: int | None,
        lost: list[tuple[int, int, int]],
    ) -> None:
        self._time, self._overflow, self._first, self._lost = time_ns, overflow, first_ns, lost
        older = None if overflow is None else overflow.first_ns(first_ns)
        self.firsts = [one for one in (first_ns, older) if one is not None]
        self.last_ns = max([first_ns or 0, *(last for _, last, _ in lost)])
        if len(time_ns):
            self.last_ns = int(time_ns[-1])
        elif overflow is not None:
            self.last_ns = max(self.last_ns, overflow.last_ns() or 0)

    def lacking(self, grid: Grid, start_ns: int, end_ns: int) -> int:
        """Return how many intervals that begin in ``[start_ns, end_ns)`` have and had no bar."""
        first, stop = (int(at) for at in np.searchsorted(self._time, [start_ns, end_ns]))
        held = stop - first
        if self._overflow is not None:
            held += self._overflow.count(start_ns, end_ns, self._first)
        for begin, last, rows in self._lost:
            a, b = max(begin, start_ns), min(last + 1, end_ns)
            held += min(rows, grid.count(a, b)) if a < b else 0
        return max(0, grid.count(start_ns, end_ns) - held)


def _within(spans: Sequence[tuple[int, int]], begin: int, end: int) -> list[tuple[int, int]]:
    """Return stretches of time as far as they lie in one, those that meet joined into one."""
    joined: list[tuple[int, int]] = []
    for a, b in sorted((max(a, begin), min(b, end)) for a, b in spans):
        if a < b and joined and a <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(b, joined[-1][1])
        elif a < b:
            joined.append((a, b))
    return joined


def _lost_bars(overflow: Overflow, grid: Grid | None) -> list[tuple[int, int, int]]:
    """Return which bars were written to disk and cannot be read, as far as it was looked at."""
    # Of a file of which the older part would have been deleted by now no more than there are intervals left.
    return [
        (first, last, rows if grid is None else min(rows, grid.count(first, last + 1)))
        for first, last, rows in overflow.lost()
    ]


def _look_at_disk(engine: SymbolState) -> None:
    """Find out what can be read of the bars on disk; before the lock is taken, for a disk may be slow."""
    for overflow in list(engine.overflow.values()):
        overflow.look()
