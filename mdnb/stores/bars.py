"""The bars of one timeframe, in columns (hot path, guarded by ``tests/benchmarks``).

A closed bar costs 69 bytes: int64 start and closing time, six float64 columns, uint32 count, uint8 flags.
Rows are staged in a list while a batch is handled and written to the columns at once. Appending writes in
place; every other change (a late trade, older history, sliding at the limit) makes new buffers, because
frames that were handed out share the old time column. Not thread-safe: the engine holds its lock around
every call.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mdnb.ordered_times import is_among
from mdnb.rows import BarRow
from mdnb.stores.amendments import Amendments
from mdnb.stores.buffers import allocate
from mdnb.stores.columns import (
    AMENDED,
    COLUMNS,
    FILLED,
    PARTIAL,
    REPAIRING,
    BarColumns,
    columns_from_rows,
    nth_of_start,
    vwap_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "AMENDED",
    "COLUMNS",
    "FILLED",
    "PARTIAL",
    "ROW_BYTES",
    "BarColumns",
    "BarStore",
    "columns_from_rows",
]


_NS_PER_US = 1000
_FLOATS = 6
ROW_BYTES = 8 + 8 + 8 * _FLOATS + 4 + 1
"""What a closed bar takes in memory."""

_FIRST_CAPACITY = 1024
_STAGE_LIMIT = 512
_NAN = float("nan")
_INDEX_NAME = "timestamp"
_HELD = (
    *("_time", "_floats", "_count", "_flags", "_closed", "_capacity", "_from", "_n"),
    *("_partial", "has_repairing", "evicted"),
)


class BarStore:
    """Bars of one timeframe, bounded to the newest ``limit``.

    Parameters
    ----------
    limit
        How many closed bars are held, at least 1.
    tz
        Zone of the frames' index.
    with_vwap
        Whether frames carry the ``vwap`` column.

    Attributes
    ----------
    on_evict
        Is handed the oldest bars that the limit drives out, oldest first; None lets them go.
    evicted
        How many went.
    on_leave
        Is handed the same bars, and the ordinal of the first; None where nobody else keeps them.
    known_at
        Gives the market's time (UTC epoch nanoseconds) when a closed bar changes; 0 where that is not noted.
    amendments
        What closed bars were before they changed.
    has_repairing
        Whether bars held are partial only until `end_repairing`.
    """

    def __init__(self, limit: int, tz: str = "UTC", with_vwap: bool = True) -> None:
        self.limit = limit
        self.tz = tz
        self.with_vwap = with_vwap
        self.on_evict: Callable[[BarColumns], None] | None = None
        self.on_leave: Callable[[BarColumns, int], None] | None = None
        self.known_at: Callable[[], int] = int
        self.amendments = Amendments()
        self.generation = 0
        self.staged: list[BarRow] = []
        self.evicted = 0
        self._staged_flags: dict[int, int] = {}
        self._staged_closed: list[int] = []
        self._partial: list[int] = []
        self._gone: list[tuple[BarColumns, int]] = []
        self.has_repairing = False
        self._n = 0
        self._from = 0
        self._columns: pd.Index | None = None
        self._places: NDArray[np.intp] | None = None
        self._make_frame: Callable[..., pd.DataFrame] | None = None
        self._index: pd.DatetimeIndex | None = None
        self._sliced: tuple[int, int, pd.DatetimeIndex] | None = None
        self._allocate(min(_FIRST_CAPACITY, self._largest()))

    # -- size ---------------------------------------------------------------------------------------

    def __len__(self) -> int:
        # Settling may drive out the oldest bars: positions counted before it would be off after it.
        if self.staged:
            self.settle()
        return self._n - self._from

    @property
    def total(self) -> int:
        """How many bars were ever held: the ordinal of the next one."""
        return self.evicted + self._n - self._from + len(self.staged)

    @property
    def nbytes(self) -> int:
        """Bytes of the rows held (the buffers' slack is never touched, so it is not resident)."""
        return (self._n - self._from) * ROW_BYTES

    def last_start_ns(self) -> int | None:
        """Return the start of the newest closed bar."""
        if self.staged:
            return self.staged[-1][0]
        return int(self._time[self._n - 1]) * _NS_PER_US if self._n > self._from else None

    def first_start_ns(self) -> int | None:
        """Return the start of the oldest closed bar held."""
        if self._n > self._from:
            return int(self._time[self._from]) * _NS_PER_US
        return self.staged[0][0] if self.staged else None

    # -- writing ------------------------------------------------------------------------------------

    def stage(self, row: BarRow, flags: int = 0, closed_ns: int = 0) -> None:
        """Append one bar, closed at an instant (UTC epoch nanoseconds); 0 where that was not noted."""
        if flags:
            self._staged_flags[len(self.staged)] = flags
            if flags & PARTIAL:
                self._partial.append(self.total)
        self.staged.append(row)
        self._staged_closed.append(closed_ns)
        if len(self.staged) >= _STAGE_LIMIT:
            self.settle()

    def settle(self) -> None:
        """Write the staged bars to the columns."""
        rows = self.staged
        if not rows:
            return
        count = len(rows)
        self._reserve(count)
        a, b = self._n, self._n + count
        start, o, h, low, c, v, n, turnover = zip(*rows, strict=True)
        self._time[a:b] = np.array(start, dtype=np.int64) // _NS_PER_US
        self._floats[:5, a:b] = (o, h, low, c, v)
        self._floats[5, a:b] = vwap_of(np.array(turnover), self._floats[4, a:b])
        self._count[a:b] = n
        self._flags[a:b] = 0
        for at, flags in self._staged_flags.items():
            self._flags[a + at] = flags
        self._closed[a:b] = np.array(self._staged_closed, dtype=np.int64) // _NS_PER_US
        self._staged_flags.clear()
        self._staged_closed.clear()
        self._n = b
        rows.clear()
        self._trim()

    def extend(self, columns: BarColumns) -> None:
        """Append many closed bars from columns; they are newer than all that is held."""
        self.settle()
        keep = min(len(columns), self.limit)
        if keep < len(columns):
            self._evict(self._n - self._from)
            if self.on_evict is not None:
                self.on_evict(columns.part(0, len(columns) - keep))
            if self.on_leave is not None:
                self.on_leave(columns.part(0, len(columns) - keep), self.evicted)
            self.evicted += len(columns) - keep
        part = slice(len(columns) - keep, None)
        self._reserve(keep)
        a, b = self._n, self._n + keep
        self._write(slice(a, b), columns, part)
        self._n = b
        if columns.flags[part].any():
            self._find_partial()
        self._trim()

    def extend_block(self, block: Any, first_flags: int = 0) -> None:
        """Append closed bars whose columns are the block's attributes, with flags for the first one."""
        volume = block.volume
        flags = np.zeros(len(volume), dtype=np.uint8)
        flags[0] = first_flags
        self.extend(
            BarColumns(
                time_us=block.start // _NS_PER_US,
                open=block.open,
                high=block.high,
                low=block.low,
                close=block.close,
                volume=volume,
                vwap=vwap_of(block.turnover, volume),
                tick_count=block.count,
                flags=flags,
            )
        )

    def closed_us(self, stop: int) -> NDArray[np.int64]:
        """Return when the first ``stop`` bars were closed: UTC epoch microseconds, 0 not noted; a view."""
        return self._closed[self._from : self._from + stop]

    def time_us(self, stop: int) -> NDArray[np.int64]:
        """Return when the first ``stop`` bars begin: UTC epoch microseconds; a view."""
        return self._time[self._from : self._from + stop]

    def rewrite(self, columns: BarColumns) -> None:
        """Hold these closed bars instead, oldest first; of more than the limit, the oldest are driven out."""
        self.settle()
        before = self.total
        self._allocate(min(max(_FIRST_CAPACITY, 2 * len(columns)), max(self._largest(), _FIRST_CAPACITY)))
        self._n = 0
        self.generation += 1
        self.extend(columns)
        self._find_partial()
        self.amendments.shift(self.total - before)

    def fork(self) -> BarStore:
        """Return another store of the same bars, to which others are given by `rewrite` alone.

        What this one is given meanwhile does not show there, nor the other way round, and nothing is handed
        to `on_evict` and `on_leave`.
        """
        self.settle()
        made = copy.copy(self)
        made.amendments = self.amendments.copy()
        made.staged, made._staged_flags, made._staged_closed = [], {}, []
        made._partial = self._partial.copy()
        made.on_evict, made._index, made._sliced = None, None, None
        made._gone = []
        made.on_leave = lambda columns, first: made._gone.append((columns, first))
        # Nothing that it notes is of another time than the rest.
        known_ns = self.known_at()
        made.known_at = lambda: known_ns
        return made

    def adopt(self, fork: BarStore) -> None:
        """Hold what a fork of this one was given; nothing has changed here since."""
        self.amendments = fork.amendments
        if fork.generation == self.generation:
            return
        # Who is told of bars that leave finds it as `rewrite` leaves it then.
        self.settle()
        self.generation, self._n = fork.generation, self._from
        if self.on_leave is not None:
            for columns, first in fork._gone:
                self.on_leave(columns, first)
        for name in _HELD:
            setattr(self, name, getattr(fork, name))
        self._index = self._sliced = None

    def put_all(self, rows: Sequence[BarRow], flags: int) -> list[BarRow]:
        """Write bars at their places among the closed ones: replace those of the same starts, insert others.

        Parameters
        ----------
        rows
            Oldest first, each start once.
        flags
            Are added to those of the bars; no one of them is a flat one any more.

        Returns
        -------
        list of BarRow
            The flat bars behind them, as they are where they follow another close now.
        """
        self.settle()
        if not rows:
            return []
        made = columns_from_rows(rows, flags)
        known_us = self.known_at() // _NS_PER_US
        held = self._time[self._from : self._n]
        at = np.searchsorted(held, made.time_us)
        has = np.zeros(len(made), dtype=bool)
        inside = at < len(held)
        has[inside] = held[at[inside]] == made.time_us[inside]
        for place in at[has].tolist():
            self.amendments.note(known_us, *self.row(place))
        i = at[has] + self._from
        made.flags[has] |= self._flags[i] & ~np.uint8(FILLED)
        made.closed_us[:] = known_us
        made.closed_us[has] = self._closed[i]
        values: tuple[NDArray[Any], ...] = (made.prices, made.tick_count, made.flags, made.closed_us)
        columns: tuple[NDArray[Any], ...] = (self._floats, self._count, self._flags, self._closed)
        for column, value in zip(columns, values, strict=True):
            column[..., i] = value[..., has]
        if not has.all():
            new, old = ~has, self._views()
            count = len(held) + int(np.count_nonzero(new))
            self._allocate(self._capacity if count < self._capacity else count + _FIRST_CAPACITY)
            inserted = [
                np.insert(view, at[new], value[..., new], axis=-1)
                for view, value in zip(old, (made.time_us, *values), strict=True)
            ]
            self._copy_views(inserted, 0)
            self._n = count
        self.generation += 1
        flats = self._follow(made.time_us, known_us)
        self._find_partial()
        self._trim()
        return flats

    def _follow(self, changed_us: NDArray[np.int64], known_us: int) -> list[BarRow]:
        """Let flat bars follow the closes of bars that changed; return those that are others now."""
        first = self._from + int(np.searchsorted(self._time[self._from : self._n], changed_us[0]))
        flat = (self._flags[first : self._n] & FILLED) > 0
        if not flat.any():
            return []
        places = np.arange(first, self._n)
        # Of each the bar that it repeats; the first one has changed, and is none itself.
        behind = np.maximum.accumulate(np.where(flat, first, places))
        close = self._floats[3]
        follows = flat & is_among(self._time[behind], changed_us) & (close[behind] != close[places])
        for i, own in zip(places[follows].tolist(), behind[follows].tolist(), strict=True):
            self.amendments.note(known_us, *self.row(i - self._from))
            self._floats[:4, i] = close[own]
        return [self.row(i - self._from)[0] for i in places[follows].tolist()]

    def change(self, at: int, row: BarRow, flags: int) -> None:
        """Overwrite prices and counts of the bar at a position; its start and closing time stay."""
        self.amendments.note(self.known_at() // _NS_PER_US, *self.row(at))
        self._set(self._from + at, row, flags)
        self.generation += 1
        self._find_partial()

    def remove(self, at: int) -> None:
        """Take the bar at a position out: from an instant on it was none."""
        former = self.columns(at, len(self))
        self.amendments.note_replaced(self.known_at() // _NS_PER_US, former.first, former)
        kept = [np.delete(view, at, axis=-1) for view in self._views()]
        self._allocate(self._capacity)
        self._copy_views(kept, 0)
        self._n = len(kept[0])
        self.generation += 1
        self._find_partial()

    def replace_from(self, at: int, rows: Sequence[BarRow], flags: int, closed_ns: int) -> None:
        """Hold other bars instead of those at a position and behind it: they are known from an instant on."""
        former = self.columns(at, len(self))
        self.amendments.note_replaced(self.known_at() // _NS_PER_US, former.first, former)
        head = tuple(view[..., :at] for view in self._views())
        self._allocate(max(self._capacity, at + _FIRST_CAPACITY))
        self._copy_views(head, 0)
        self._n = at
        self.generation += 1
        for row in rows:
            self.stage(row, flags, closed_ns)
        self.settle()
        self._find_partial()

    def note_closed(self, places: NDArray[np.int64], closed_us: NDArray[np.int64]) -> None:
        """Note when the bars at some positions were closed, UTC epoch microseconds."""
        self.settle()
        self._closed[self._from + places] = closed_us

    def mark(self, at: int, flags: int, stop: int | None = None) -> None:
        """Add flags to the bars at positions ``[at, stop)``; by default to all from a position on."""
        self.settle()
        stop = self._n - self._from if stop is None else stop
        held = self._flags[self._from + at : self._from + stop]
        self._note_marked(at, stop, held & flags != flags)
        held |= flags
        if flags & PARTIAL:
            # For good.
            held &= np.uint8(~REPAIRING & 0xFF)
        self.generation += 1
        self._find_partial()

    def mark_repairing(self, at: int, stop: int, since_ns: int = 0) -> list[BarRow]:
        """Mark whole bars at positions ``[at, stop)`` as partial until `end_repairing`; return them.

        Parameters
        ----------
        since_ns
            Only those that closed at this instant or later.
        """
        self.settle()
        here = slice(self._from + at, self._from + stop)
        held, closed = self._flags[here], self._closed[here]
        fresh = (held & PARTIAL == 0) & (closed >= since_ns // _NS_PER_US)
        if not fresh.any():
            return []
        # Those that close at this instant nobody has read as whole ones.
        self._note_marked(at, stop, fresh & (closed < self.known_at() // _NS_PER_US))
        held[fresh] |= PARTIAL | REPAIRING
        self.generation += 1
        self._find_partial()
        return [self.row(at + place)[0] for place in np.flatnonzero(fresh).tolist()]

    def end_repairing(self, kept: Sequence[tuple[int, int]] = ()) -> list[BarRow]:
        """Take the marks of `mark_repairing` off again; return the bars that are whole now.

        Parameters
        ----------
        kept
            Positions ``[at, stop)`` of bars that stay as they are.
        """
        self.settle()
        if not self.has_repairing:
            return []
        held = self._flags[self._from : self._n]
        over = (held & REPAIRING) > 0
        for at, stop in kept:
            over[at:stop] = False
        if not over.any():
            return []
        self._note_marked(0, len(held), over)
        held[over] &= np.uint8(~(PARTIAL | REPAIRING) & 0xFF)
        self.generation += 1
        self._find_partial()
        return [self.row(place)[0] for place in np.flatnonzero(over).tolist()]

    def set_back(self, since_us: int, by_us: int) -> None:
        """Let what was noted at an instant or later (UTC epoch microseconds) have been so much earlier.

        The clock by which it was noted was ahead by that.
        """
        self.settle()
        held = self._closed[self._from : self._n]
        late = held >= since_us
        self.amendments.set_back(since_us, by_us)
        if late.any():
            held[late] -= by_us
            self.generation += 1

    def _note_marked(self, at: int, stop: int, changing: NDArray[np.bool_]) -> None:
        """Note what some of the bars at positions ``[at, stop)`` were before their flags change."""
        if not changing.any():
            return
        times = self._time[self._from : self._from + stop]
        # Of one start trades may have made several, the first of them before those that are marked.
        begin = int(np.searchsorted(times, times[at]))
        nth = nth_of_start(times[begin:])[at - begin :][changing]
        former = self.columns(at, stop).where(changing)
        self.amendments.note_marked(self.known_at() // _NS_PER_US, former, nth)

    def _set(self, i: int, row: BarRow, flags: int) -> None:
        start, o, h, low, c, v, n, turnover = row
        self._time[i] = start // _NS_PER_US
        self._floats[:, i] = (o, h, low, c, v, turnover / v if v else _NAN)
        self._count[i] = n
        self._flags[i] = flags

    def drop_before(self, ts_ns: int) -> int:
        """Forget bars that start before an instant; return how many."""
        self.settle()
        gone = self.find(ts_ns)
        if self.on_leave is not None and gone:
            self.on_leave(self.columns(0, gone), self.evicted)
        self._from += gone
        self.evicted += gone
        return gone

    def set_limit(self, limit: int) -> None:
        """Hold at most ``limit`` bars from now on."""
        self.settle()
        self.limit = limit
        self._trim()

    # -- reading ------------------------------------------------------------------------------------

    def find(self, ts_ns: int) -> int:
        """Return the position of the first bar that starts at or after an instant."""
        self.settle()
        held = self._time[self._from : self._n]
        return int(np.searchsorted(held, -(-ts_ns // _NS_PER_US), side="left"))

    def row(self, at: int) -> tuple[BarRow, int]:
        """Return the bar at a position, and its flags."""
        self.settle()
        i = self._from + at
        o, h, low, c, v, vwap = self._floats[:, i].tolist()
        turnover = vwap * v if v else 0.0
        return (int(self._time[i]) * _NS_PER_US, o, h, low, c, v, int(self._count[i]), turnover), int(
            self._flags[i]
        )

    def columns(self, start: int, stop: int, forming: BarRow | None = None) -> BarColumns:
        """Return copies of the bars at positions ``[start, stop)``, and of the forming one behind them."""
        self.settle()
        # First, for it may move the rows to new buffers.
        if forming is not None:
            self._place(forming)
            self._closed[self._n] = 0
        a, b = self._from + start, self._from + stop + (forming is not None)
        o, h, low, c, v, vwap = self._floats[:, a:b].copy()
        return BarColumns(
            time_us=self._time[a:b].copy(),
            open=o,
            high=h,
            low=low,
            close=c,
            volume=v,
            vwap=vwap,
            tick_count=self._count[a:b].astype(np.int64),
            flags=self._flags[a:b].copy(),
            closed_us=self._closed[a:b].copy(),
            first=self.evicted + start,
            forming=forming is not None,
            generation=self.generation,
        )

    def frame(self, start: int, stop: int, forming: BarRow | None = None) -> pd.DataFrame:
        """Return a frame of the bars at positions ``[start, stop)``, and of the forming one behind them.

        The caller owns the frame: nothing that happens later changes it, and nothing done to it comes back.
        """
        if self.staged:
            self.settle()
        # First, for it may move the rows to new buffers.
        if forming is not None:
            self._place(forming)
        a, b = self._from + start, self._from + stop + (forming is not None)
        names = len(COLUMNS) if self.with_vwap else len(COLUMNS) - 1
        floats = np.empty((names, b - a))
        floats[:5] = self._floats[:5, a:b]
        floats[5] = self._count[a:b]
        if self.with_vwap:
            floats[6] = self._floats[5, a:b]
        if self._make_frame is None:
            import pandas as pd
            from pandas.api.internals import create_dataframe_from_blocks  # type: ignore[import-not-found]  # not in pandas-stubs yet

            self._columns = pd.Index(COLUMNS[:names])
            self._places = np.arange(names)
            self._make_frame = create_dataframe_from_blocks
        # Half the price of DataFrame(...): one block, nothing to infer.
        assert self._columns is not None
        if self._columns.name is not None:
            # A name that somebody has given the columns of his frame is no later frame's.
            self._columns = self._columns.rename(None)
        return self._make_frame([(floats, self._places)], self._index_of(a, b), self._columns)

    def _index_of(self, a: int, b: int) -> pd.DatetimeIndex:
        """Return the index of the rows ``[a, b)``: a view of the time column, written once."""
        held = self._sliced
        # One for all frames of a moment, as plotly knows an index by being the very same; unless somebody has
        # given it another name.
        if held is not None and held[0] == a and held[1] == b and held[2].name == _INDEX_NAME:
            return held[2]
        if self._index is None:
            import pandas as pd

            # From int64: other ways of making a zone-aware index copy the column.
            kind = pd.DatetimeTZDtype("us", self.tz)
            self._index = pd.DatetimeIndex(self._time, dtype=kind, copy=False, name=_INDEX_NAME)
        made: pd.DatetimeIndex = self._index[a:b]
        self._sliced = (a, b, made)
        return made

    def partial(self, start: int, stop: int) -> tuple[int, ...]:
        """Return which of the bars at positions ``[start, stop)`` are partial, counted from ``start``."""
        if not self._partial:
            return ()
        base = self.evicted + start
        return tuple(at - base for at in self._partial if base <= at < self.evicted + stop)

    def _find_partial(self) -> None:
        held = self._flags[self._from : self._n]
        self._partial = (np.flatnonzero(held & PARTIAL) + self.evicted).tolist()
        self.has_repairing = bool((held & REPAIRING).any())

    def _place(self, forming: BarRow) -> None:
        if self._n + 1 >= self._capacity:
            self._reserve(1)
        self._set(self._n, forming, 0)

    # -- buffers ------------------------------------------------------------------------------------

    def _largest(self) -> int:
        return self.limit + max(_FIRST_CAPACITY, self.limit // 64) + 1

    def _allocate(self, capacity: int) -> None:
        self._capacity = capacity
        self._time: NDArray[np.int64] = allocate("i8", capacity)
        self._floats: NDArray[np.float64] = allocate("f8", (_FLOATS, capacity))
        self._count: NDArray[np.uint32] = allocate("u4", capacity)
        self._flags: NDArray[np.uint8] = allocate("u1", capacity)
        self._closed: NDArray[np.int64] = allocate("i8", capacity)
        self._from = 0
        self._index = None
        self._sliced = None

    def _views(self) -> tuple[NDArray[np.generic], ...]:
        held = slice(self._from, self._n)
        return (
            self._time[held],
            self._floats[:, held],
            self._count[held],
            self._flags[held],
            self._closed[held],
        )

    def _copy_views(self, views: Sequence[NDArray[np.generic]], at: int) -> None:
        stop = at + views[0].shape[-1]
        targets: tuple[NDArray[Any], ...] = (
            self._time,
            self._floats,
            self._count,
            self._flags,
            self._closed,
        )
        for target, view in zip(targets, views, strict=True):
            target[..., at:stop] = view

    def _write(self, to: slice, columns: BarColumns, part: slice) -> None:
        self._time[to] = columns.time_us[part]
        names = ("open", "high", "low", "close", "volume", "vwap")
        for i, name in enumerate(names):
            self._floats[i, to] = getattr(columns, name)[part]
        self._count[to] = columns.tick_count[part]
        self._flags[to] = columns.flags[part]
        self._closed[to] = columns.closed_us[part]

    def _reserve(self, count: int) -> None:
        # One row more than asked is kept free: the forming bar is written there when a frame is made.
        if self._n + count < self._capacity:
            return
        held = min(self._n - self._from, self.limit)
        views = tuple(view[..., view.shape[-1] - held :] for view in self._views())
        self.evicted += self._n - self._from - held
        self._allocate(max(min(2 * (held + count) + 1, self._largest()), held + count + 1, _FIRST_CAPACITY))
        self._copy_views(views, 0)
        self._n = held

    def _trim(self) -> None:
        over = self._n - self._from - self.limit
        if over > 0:
            self._evict(over)

    def _evict(self, count: int) -> None:
        if self.on_evict is not None and count:
            self.on_evict(self.columns(0, count))
        if self.on_leave is not None and count:
            self.on_leave(self.columns(0, count), self.evicted)
        self._from += count
        self.evicted += count
