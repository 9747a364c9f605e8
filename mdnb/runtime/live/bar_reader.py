"""Reads bars as frames and columns, from memory and, further back, from disk (hot path)."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mdnb.errors import NoDataError
from mdnb.rows import BarRow
from mdnb.stores.amendments import Changes
from mdnb.stores.bars import BarStore
from mdnb.stores.columns import AMENDED, FILLED, PARTIAL, BarColumns, frame_of, join_columns

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from mdnb.runtime.live.contracts import Contracts
    from mdnb.stores.overflow import Overflow
    from mdnb.timeframes import Grid

__all__ = ["BarReader", "HeldBars", "Window"]

_MOST_CACHED = 64
_NS_PER_US = 1000
_NAT = -(2**63)
_NEVER = 2**63

Window = tuple[int | None, int | None, int | None, bool]
"""``(count, start_ns, end_ns, closed_only)``: what is asked for."""


class HeldBars(Protocol):
    """The bars of one symbol, in memory and on disk."""

    symbol: str
    tz: str
    source: str
    lock: threading.RLock
    contracts: Contracts

    @property
    def overflow(self) -> Mapping[str, Overflow]:
        """The bars that left memory, by timeframe."""
        ...

    def canonical(self, timeframe: object) -> str:
        """Return a kept timeframe's name."""
        ...

    def log(self, name: str) -> BarStore:
        """Return the store of a timeframe by its canonical name."""
        ...

    def forming_of(self, name: str) -> BarRow | None:
        """Return the open bar by a canonical name."""
        ...

    def version(self, timeframe: object) -> tuple[int, int, int]:
        """Return generation, bars closed, updates."""
        ...

    def wanted(self) -> None:
        """Tell once that somebody wants the data."""
        ...

    def grid(self, name: str) -> Grid | None:
        """Return where the bars of a timeframe start and end; None for activity bars."""
        ...

    @property
    def grace_ns(self) -> int:
        """Nanoseconds after its end at which a bar counts as known where its closing was not noted."""
        ...


class BarReader:
    """Makes frames and columns of one engine's bars, and measures how long that takes.

    Attributes
    ----------
    accesses, seconds, hits
        Frames made or handed out, the time it took in all, and how many came from the cache.
    """

    def __init__(self, engine: HeldBars) -> None:
        self.accesses = 0
        self.seconds = 0.0
        self.hits = 0
        self.caching = False
        self._engine = engine
        self._known: dict[Hashable, tuple[str, BarStore]] = {}
        self._cache: dict[tuple[Hashable, Window], tuple[tuple[int, int, int], pd.DataFrame]] = {}

    def forget(self) -> None:
        """Forget which timeframe has which store, and every frame kept."""
        self._known.clear()
        self._cache.clear()

    def frame(self, timeframe: Hashable, window: Window, *, with_disk: bool = False) -> pd.DataFrame:
        """Return bars as a frame that the caller owns; see `SymbolState.frame`."""
        began = time.perf_counter()
        if window[0] != 0:
            # Of no bars somebody wants the columns alone, as the Tab key does.
            self._engine.wanted()
        made = self._cached(timeframe, window) if self.caching else None
        if made is None:
            made = self._frame(timeframe, window, with_disk=with_disk)
        self.accesses += 1
        self.seconds += time.perf_counter() - began
        return made

    def _cached(self, timeframe: Hashable, window: Window) -> pd.DataFrame | None:
        engine = self._engine
        key = (timeframe, window)
        version = engine.version(timeframe)
        held = self._cache.get(key)
        if held is not None and held[0] == version:
            self.hits += 1
            # The copy shares its memory until somebody writes to either (pandas copies on write).
            return held[1].copy(deep=False)
        made = self._frame(timeframe, window)
        if len(self._cache) >= _MOST_CACHED:
            self._cache.clear()
        self._cache[key] = (version, made)
        return made.copy(deep=False)

    def _frame(self, timeframe: Hashable, window: Window, *, with_disk: bool = False) -> pd.DataFrame:
        engine = self._engine
        with engine.lock:
            name, log = self._store(timeframe)
            start, stop, forming = self._place(name, log, window)
            if not (
                name in engine.overflow
                and (with_disk or self._is_short(name, log, start, stop, forming, window))
            ):
                made = log.frame(start, stop, forming)
                return _labelled(made, engine, name, forming is not None, log.partial(start, stop))
        columns = self._columns(name, log, window, with_disk=with_disk)
        return self._frame_of(name, log, columns)

    def frame_with_times(
        self, timeframe: Hashable, window: Window, *, with_disk: bool = False
    ) -> pd.DataFrame:
        """Return bars as a frame with columns ``end`` and ``closed_at``, datetime64[us, tz].

        The latter is ``NaT`` for the forming bar; where it was not noted it is the end and the grace.
        """
        engine = self._engine
        engine.wanted()
        with engine.lock:
            name, log = self._store(timeframe)
            grid, grace_us = engine.grid(name), engine.grace_ns // _NS_PER_US
        columns = self._columns(name, log, window, with_disk=with_disk)
        return _timed(self._frame_of(name, log, columns), columns, grid, grace_us)

    def frame_for_file(
        self, timeframe: Hashable, count: int | None = None, *, closed_only: bool, with_times: bool
    ) -> pd.DataFrame:
        """Return bars from memory and disk as a frame, with the column ``closed_at`` where asked for.

        One of a symbol that stands for contracts has the column ``contract``.
        Columns of bool mark bars that are no whole ones: ``partial``, ``filled`` and ``forming``, and with
        the times ``amended``; each is there only where it is true of a bar.
        """
        engine = self._engine
        engine.wanted()
        with engine.lock:
            name, log = self._store(timeframe)
            grid, grace_us = engine.grid(name), engine.grace_ns // _NS_PER_US
        columns = self._columns(name, log, (count, None, None, closed_only), with_disk=True)
        made = self._frame_of(name, log, columns)
        for mark, bars in _marks(columns, with_amended=with_times).items():
            made[mark] = bars
        if engine.contracts:
            made["contract"] = engine.contracts.column(columns.time_us * _NS_PER_US)
            made["contract"] = made["contract"].astype("str")
        if with_times:
            _timed(made, columns, grid, grace_us)
            del made["end"]  # the timeframe tells it
        return made

    def changes_for_file(self, name: str, frame: pd.DataFrame) -> Changes | None:
        """Return what the bars of a frame for a file were before they changed; None without their times."""
        if "closed_at" not in frame or not len(frame):
            return None
        first_ns = frame.index[0].value
        with self._engine.lock:
            return self._engine.log(name).amendments.changes(first_ns)

    def _store(self, timeframe: Hashable) -> tuple[str, BarStore]:
        known = self._known.get(timeframe)
        if known is None:
            name = self._engine.canonical(timeframe)
            known = self._known[timeframe] = (name, self._engine.log(name))
        return known

    def _place(
        self, name: str, log: BarStore, window: Window, *, limited: bool = True
    ) -> tuple[int, int, BarRow | None]:
        count, start_ns, end_ns, closed_only = window
        forming = None if closed_only else self._engine.forming_of(name)
        return _positions(log, forming, count, start_ns, end_ns, limited=limited)

    def _is_short(
        self, name: str, log: BarStore, start: int, stop: int, forming: BarRow | None, window: Window
    ) -> bool:
        """Return whether more is asked for than memory holds."""
        count, start_ns, end_ns, _ = window
        found = stop - start + (forming is not None)
        if start_ns is not None:
            first = log.first_start_ns()
            # Of bars of trades others may have begun with the first one.
            before = (
                first is None or start_ns < first or (start_ns == first and self._engine.grid(name) is None)
            )
            return before and (count is None or found < count)
        return found < count if count is not None else end_ns is not None

    def _columns(self, name: str, log: BarStore, window: Window, *, with_disk: bool = False) -> BarColumns:
        """Return bars from memory, and from disk where memory does not hold what is asked for."""
        engine = self._engine
        count, start_ns, end_ns, closed_only = window
        with engine.lock:
            start, stop, forming = self._place(name, log, window)
            older = engine.overflow.get(name)
            if older is None or not (with_disk or self._is_short(name, log, start, stop, forming, window)):
                return log.columns(start, stop, forming)
            whole: Window = (None, start_ns, end_ns, closed_only)
            start, stop, forming = self._place(name, log, whole, limited=False)
            held = log.columns(start, stop, forming)
            first, gone = self.first_ns(name), older.gone()
        if count is None:
            return join_columns([older.before(first, start_ns, end_ns, gone), held])
        rest = count - len(held)
        if rest <= 0:
            return held.part(len(held) - count, len(held))
        return join_columns([older.newest_before(first, rest, start_ns, end_ns, gone), held])

    def _frame_of(self, name: str, log: BarStore, columns: BarColumns) -> pd.DataFrame:
        made = frame_of(columns, self._engine.tz, log.with_vwap)
        flagged = tuple(np.flatnonzero(columns.flags & PARTIAL).tolist())
        return _labelled(made, self._engine, name, columns.forming, flagged)

    def columns(self, timeframe: object, count: int | None = None) -> BarColumns:
        """Return the newest ``count`` bars in memory as numpy copies, the forming one last."""
        engine = self._engine
        engine.wanted()
        with engine.lock:
            name = engine.canonical(timeframe)
            log, forming = engine.log(name), engine.forming_of(name)
            start, stop, forming = _positions(log, forming, count, None, None)
            return log.columns(start, stop, forming)

    def older(self, name: str, start_ns: int, end_ns: int) -> BarColumns | None:
        """Return the closed bars that start in ``[start_ns, end_ns)``, of memory and disk.

        None where some went for good. Slow where the disk has them.
        """
        engine = self._engine
        with engine.lock:
            log = engine.log(name)
            first_ns = log.first_start_ns() if len(log) else None
            is_held = not log.evicted or (first_ns is not None and first_ns <= start_ns)
            if not is_held and name not in engine.overflow:
                return None
        return self._columns(name, log, (None, start_ns, end_ns - 1, True))

    def known(
        self,
        name: str,
        as_of_ns: int,
        count: int | None = None,
        span: tuple[int | None, int | None] | None = None,
    ) -> BarColumns:
        """Return the newest closed bars that were known at an instant, as they were then.

        Bars on disk are looked for where memory holds none that were known, fewer than ``count``, or not all
        of a span.

        Parameters
        ----------
        as_of_ns
            UTC epoch nanoseconds.
        count
            How many at most; None for all in memory, or as many on disk as memory may hold.
        span
            Start and end, UTC epoch nanoseconds, both included, of what is wanted at least; None is no bound.

        Raises
        ------
        NoDataError
            When more bars were amended since than is kept, or bars that were known then have left memory
            and disk does not tell how they were.
        """
        engine = self._engine
        engine.wanted()
        start_ns, end_ns = span or (None, None)
        with engine.lock:
            log, first = engine.log(name), self.first_ns(name)
            held = self._known_in_memory(name, log, as_of_ns, count)
            older = engine.overflow.get(name)
            wanted = 1 if count is None else min(count, log.limit)
            is_short = len(held) < wanted
            if older is None:
                if log.evicted and is_short:
                    raise _no_more_held(name, log, as_of_ns)
                return held
            reaches = first is not None and start_ns is not None and first <= start_ns
            if not is_short and (span is None or reaches):
                return held
            gone = older.gone()
        until_ns = as_of_ns if end_ns is None else min(end_ns, as_of_ns)
        disk = older.before(first, start_ns, until_ns, gone)
        is_lost = any(begin <= until_ns for begin, _, _ in older.lost())
        with engine.lock:
            found = self._known_on_disk(name, log, disk, as_of_ns)
            if is_short and (log.evicted or is_lost) and not len(found) + len(held):
                raise _no_more_held(name, log, as_of_ns)
        columns = join_columns([found, held])
        most = count if count is not None else None if span else log.limit
        return columns if most is None else columns.part(max(0, len(columns) - most), len(columns))

    def _known_on_disk(self, name: str, log: BarStore, disk: BarColumns, as_of_ns: int) -> BarColumns:
        """Return those of the bars from disk that were known at an instant; hold the lock."""
        as_of_us = as_of_ns // _NS_PER_US
        was_known = disk.closed_us <= as_of_us
        was_known[_not_over(self._engine, name, disk.time_us, disk.closed_us, as_of_ns)] = False
        disk = disk.where(was_known)
        changed_us = disk.time_us[disk.flags & AMENDED > 0]
        told = [ns // _NS_PER_US for ns in log.amendments.starts()]
        # What an earlier process changed, and what was imported since, is not told bar by bar.
        if len(disk) and (
            log.amendments.were_replaced(as_of_us) or not bool(np.isin(changed_us, told).all())
        ):
            raise _not_told(name, as_of_ns)
        return log.amendments.undo(disk, as_of_us) if len(disk) else disk

    def _known_in_memory(self, name: str, log: BarStore, as_of_ns: int, count: int | None) -> BarColumns:
        engine, as_of_us = self._engine, as_of_ns // _NS_PER_US
        if log.amendments.were_replaced(as_of_us):
            # Which bars stood then, and when they were closed, comes before what of them was known.
            stood = log.amendments.undo(log.columns(0, len(log)), as_of_us)
            was_known = stood.closed_us <= as_of_us
            was_known[_not_over(engine, name, stood.time_us, stood.closed_us, as_of_ns)] = False
            stood = stood.where(was_known)
            return stood if count is None else stood.part(max(0, len(stood) - count), len(stood))
        # Of one instant bars of trades may begin and end.
        stop = len(log) if engine.grid(name) is None else log.find(as_of_ns)
        closed = log.closed_us(len(log))
        was_known = closed <= as_of_us
        # A venue whose clock has jumped ahead stamps trades later than it is: bars of these begin then.
        was_known[stop:] &= closed[stop:] > 0
        was_known[_not_over(engine, name, log.time_us(len(log)), closed[:stop], as_of_ns)] = False
        known = np.flatnonzero(was_known)
        if count is not None:
            known = known[max(0, len(known) - count) :]
        first, last = (int(known[0]), int(known[-1]) + 1) if len(known) else (0, 0)
        columns = log.columns(first, last)
        if len(known) < last - first:
            columns = columns.where(known - first)
        return log.amendments.undo(columns, as_of_us)

    def note_known(self, names: Iterable[str], now_ns: int) -> None:
        """Let the closed bars of timeframes count as known by an instant at the latest; hold the lock.

        Whoever reads from then on finds them closed. Bars that begin later than that stay as they are.

        Parameters
        ----------
        now_ns
            UTC epoch nanoseconds; 0 is no time, and nothing is noted.
        """
        now_us = now_ns // _NS_PER_US
        for name in names if now_us else ():
            log = self._engine.log(name)
            times, closed = log.time_us(len(log)), log.closed_us(len(log))
            late = np.array(_not_over(self._engine, name, times, closed, now_ns), dtype=np.intp)
            closed[late[times[late] <= now_us]] = now_us
            # What tells when it closed is not over before its end.
            later, grid = np.flatnonzero(closed > now_us), self._engine.grid(name)
            ends = times[later] if grid is None else grid.ends(times[later] * _NS_PER_US) // _NS_PER_US
            closed[later[ends <= now_us]] = now_us

    def known_frame(
        self, timeframe: Hashable, as_of_ns: int, window: Window, *, with_times: bool = False
    ) -> pd.DataFrame:
        """Return what `known` does as a frame; ``window`` as for `frame`, but no bar is forming."""
        engine = self._engine
        count, start_ns, end_ns, _ = window
        with engine.lock:
            name, log = self._store(timeframe)
            grid, grace_us = engine.grid(name), engine.grace_ns // _NS_PER_US
        if start_ns is None is end_ns:
            columns = self.known(name, as_of_ns, count)
        else:
            columns = self.known(name, as_of_ns, span=(start_ns, end_ns))
        time_us = columns.time_us
        first = 0 if start_ns is None else int(np.searchsorted(time_us, -(-start_ns // _NS_PER_US)))
        last = (
            len(columns) if end_ns is None else int(np.searchsorted(time_us, end_ns // _NS_PER_US, "right"))
        )
        if count is not None:
            first = max(first, last - count)
        columns = columns.part(min(first, last), last)
        made = self._frame_of(name, log, columns)
        return _timed(made, columns, grid, grace_us) if with_times else made

    def last_known_ns(self, names: Iterable[str]) -> int:
        """Return when the newest closed bar of timeframes was known, 0 where none is held; hold the lock."""
        engine, latest = self._engine, 0
        for name in names:
            log, grid = engine.log(name), engine.grid(name)
            held = log.columns(max(0, len(log) - 1), len(log))
            span = None if grid is None or not len(held) else grid.span(int(held.time_us[0]) * _NS_PER_US)
            if len(held) and held.closed_us[0]:
                latest = max(latest, int(held.closed_us[0]) * _NS_PER_US)
            elif span is not None:
                latest = max(latest, span[1] + engine.grace_ns)
        return latest

    def first_ns(self, name: str) -> int | None:
        """Return the start of the oldest bar in memory, the forming one included; hold the lock.

        Bars on disk come before it: a folder that was used before may hold later ones, as of a recording
        that is played again.
        """
        first = self._engine.log(name).first_start_ns()
        if first is not None:
            return first
        forming = self._engine.forming_of(name)
        return None if forming is None else forming[0]

    def everything(self, name: str) -> BarColumns:
        """Return every closed bar of a timeframe, on disk and in memory, oldest first."""
        engine = self._engine
        with engine.lock:
            log = engine.log(name)
            held = log.columns(0, len(log))
            first = self.first_ns(name)
            older = engine.overflow.get(name)
            gone = None if older is None else older.gone()
        return held if older is None else join_columns([older.before(first, gone=gone), held])


def _timed(made: pd.DataFrame, columns: BarColumns, grid: Grid | None, grace_us: int) -> pd.DataFrame:
    """Add the columns ``end`` and ``closed_at`` to a frame of bars."""
    import pandas as pd

    if grid is not None:
        ends = grid.ends(columns.time_us * _NS_PER_US) // _NS_PER_US
    else:
        # A bar of trades is over when the next one begins.
        ends = np.append(columns.time_us[1:], _NAT) if len(columns) else columns.time_us
    noted = columns.closed_us
    closed = np.where(noted, noted, np.where(ends == _NAT, _NAT, ends + grace_us))
    if columns.forming:
        closed[-1] = _NAT
    kind = made.index.dtype
    assert isinstance(kind, pd.DatetimeTZDtype)
    for label, values in (("end", ends), ("closed_at", closed)):
        made[label] = pd.DatetimeIndex(values, dtype=kind)
    return made


def _marks(columns: BarColumns, *, with_amended: bool) -> dict[str, NDArray[np.bool_]]:
    """Return which bars are no whole ones, by the columns of files; only what is true of any."""
    flags = columns.flags
    forming = np.zeros(len(columns), dtype=bool)
    forming[-1:] = columns.forming
    marks = {"partial": flags & PARTIAL > 0, "filled": flags & FILLED > 0, "forming": forming}
    if with_amended:
        marks["amended"] = flags & AMENDED > 0
    return {mark: bars for mark, bars in marks.items() if bars.any()}


def _not_over(
    engine: HeldBars, name: str, time_us: NDArray[np.int64], closed_us: NDArray[np.int64], as_of_ns: int
) -> list[int]:
    """Return which of the bars that began before an instant were not over then, of those not noted.

    Such a bar counts as closed at its end and the grace, so only the newest can be among them.
    """
    grid, grace_ns = engine.grid(name), engine.grace_ns
    found: list[int] = []
    not_noted = np.flatnonzero(closed_us == 0)
    for place in range(len(not_noted) - 1, -1, -1):
        at = int(not_noted[place])
        if grid is not None:
            span = grid.span(int(time_us[at]) * _NS_PER_US)
            end = None if span is None else span[1]
        else:
            # A bar of trades is over when the next one begins, where nothing else is known of it.
            end = int(time_us[at + 1]) * _NS_PER_US if at + 1 < len(time_us) else _NEVER
        if end is None or end + grace_ns <= as_of_ns:
            break
        found.append(at)
    return found


def _no_more_held(name: str, log: BarStore, as_of_ns: int) -> NoDataError:
    first = log.first_start_ns()
    held = "" if first is None else f"; they are held from {np.datetime64(first // _NS_PER_US, 'us')} UTC on"
    asked = np.datetime64(as_of_ns // _NS_PER_US, "us")
    return NoDataError(
        f"the {name} bars that were known at {asked} UTC have left memory{held}."
        " Hold more with DataManagerConfig(max_bars_per_timeframe=...)."
    )


def _not_told(name: str, as_of_ns: int) -> NoDataError:
    asked = np.datetime64(as_of_ns // _NS_PER_US, "us")
    return NoDataError(
        f"the {name} bars that were known at {asked} UTC have left memory, and some of those on disk were"
        " amended: when, and how they were before, the disk does not tell. Ask for others with start_time="
        " and end_time=, or without as_of= for the bars as they are now."
    )


def _labelled(
    made: pd.DataFrame, engine: HeldBars, name: str, forming: bool, partial: tuple[int, ...]
) -> pd.DataFrame:
    attrs: dict[Any, Any] = made.attrs
    attrs["symbol"] = engine.symbol
    attrs["timeframe"] = name
    attrs["forming"] = forming
    attrs["source"] = engine.source
    attrs["partial"] = partial
    if engine.contracts:
        attrs["contracts"] = engine.contracts.stretches(engine.tz)
    return made


def _positions(
    log: BarStore,
    forming: BarRow | None,
    count: int | None,
    start_ns: int | None,
    end_ns: int | None,
    *,
    limited: bool = True,
) -> tuple[int, int, BarRow | None]:
    """Return the positions of the closed bars asked for, and the forming one if it belongs to them."""
    stop = len(log)
    if start_ns is None and end_ns is None:
        # The limit counts the forming bar too.
        if limited and (count is None or count > log.limit):
            count = log.limit
        if count is None:
            return 0, stop, forming
        return max(0, stop - max(0, count - (forming is not None))), stop, forming if count else None
    start = 0
    if start_ns is not None:
        start = log.find(start_ns)
        forming = None if forming is not None and forming[0] < start_ns else forming
    if end_ns is not None:
        stop = log.find(end_ns + 1)
        forming = None if forming is not None and forming[0] > end_ns else forming
    if count is not None:
        start = max(start, stop - max(0, count - (forming is not None)))
        forming = forming if count else None
    return min(start, stop), stop, forming
