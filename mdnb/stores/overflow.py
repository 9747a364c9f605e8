"""Bars that left memory: pending, then on disk; read back together with those in memory."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from mdnb.errors import ClosedError
from mdnb.ordered_times import is_among
from mdnb.rows import GonePiece
from mdnb.stores.amended_bars import amended_bars
from mdnb.stores.columns import PARTIAL, REPAIRING, BarColumns, columns_from_rows, join_columns
from mdnb.stores.pair_bars import places_of
from mdnb.stores.segments import SegmentStore

__all__ = ["Gone", "Overflow"]

_T = TypeVar("_T")

_NS_PER_US = 1000
_FURTHER = 4
_MOST_WAITING = 1_000_000
_NONE_WRITTEN = -(2**63), 0


class Gone(NamedTuple):
    """What had left memory at some moment: the parts that waited, and how far the disk held what was before.

    On disk that are all bars that start before those that follow, and of those that start at `start_us`,
    should the following ones do so too, the first `rows`.
    """

    waiting: tuple[BarColumns, ...]
    start_us: int
    rows: int


class Overflow:
    """Older bars of one timeframe than memory holds. Thread-safe.

    Of bars of trades several may begin at one instant, some of them on disk, some waiting, some in memory.
    A folder that was used before may hold more of that instant, which are the same bars as those to come: so
    it is counted how many of them came from here.

    Parameters
    ----------
    segments
        Where they go; whether starts may repeat is told there.
    most_waiting
        How many rows may wait in memory while the disk takes nothing; beyond that the oldest go.

    Attributes
    ----------
    dropped
        How many went.
    changes
        How often bars that had been taken were changed, or others were put between them.
    """

    def __init__(self, segments: SegmentStore, most_waiting: int = _MOST_WAITING) -> None:
        self.segments = segments
        self.dropped = 0
        self._most_waiting = most_waiting
        self._gone: list[tuple[int, int, int]] = []
        self.changes = 0
        self._waiting: list[BarColumns] = []
        self._rows_waiting = 0
        self._pieces: list[tuple[int, GonePiece]] = []
        self._amended = columns_from_rows([])
        # Starts (us) of the bars that are partial only until a repair ends, and of those for which it has.
        self._repairing: set[int] = set()
        self._whole: set[int] = set()
        self._written = _NONE_WRITTEN
        # Start of the first bar taken of which it was noted when it closed.
        self._noted_from_us: int | None = None
        self._lock = threading.Lock()
        self._flushing = threading.RLock()

    def __len__(self) -> int:
        return len(self.segments) + self.waiting_rows

    @property
    def waiting_rows(self) -> int:
        """How many rows are not on disk yet."""
        with self._lock:
            return sum(len(part) for part in self._waiting)

    def rows_on_disk(self, first_ns: int | None) -> int:
        """Return how many rows on disk are read, as far as `look` found them there.

        A folder that was used before may hold others: those that wait or are in memory count instead.

        Parameters
        ----------
        first_ns
            Start of the oldest in memory; None where there is none.
        """
        with self._lock:
            stop_ns = self._stop_ns(first_ns)
            written_us, rows = self._written
        found = self._count_on_disk(None, stop_ns)
        is_amid = found > 0 and self.segments.repeated_starts and stop_ns is not None
        return found + (rows if is_amid and stop_ns == written_us * _NS_PER_US else 0)

    def count(self, start_ns: int, end_ns: int, first_ns: int | None) -> int:
        """Return how many rows start in ``[start_ns, end_ns)``, on disk or waiting; see `rows_on_disk`."""
        with self._lock:
            stop_ns = self._stop_ns(first_ns)
            waiting = join_columns(list(self._waiting)).time_us
        bounds = [-(-ns // _NS_PER_US) for ns in (start_ns, end_ns)]
        first, stop = (int(at) for at in np.searchsorted(waiting, bounds))
        until = end_ns if stop_ns is None else min(end_ns, stop_ns)
        return stop - first + (self._count_on_disk(start_ns, until) if start_ns < until else 0)

    def first_ns(self, first_ns: int | None) -> int | None:
        """Return the start of the oldest row that can be read; None where memory has the oldest."""
        with self._lock:
            stop_ns = self._stop_ns(first_ns)
            waits = stop_ns if any(len(part) for part in self._waiting) else None
        found = None if self.segments.closed else self.segments.first_ns
        return waits if found is None or (stop_ns is not None and found >= stop_ns) else found

    def last_ns(self) -> int | None:
        """Return the start of the newest row that can be read; None where there is none."""
        with self._lock:
            waits = next((int(part.time_us[-1]) for part in reversed(self._waiting) if len(part)), None)
        if waits is not None:
            return waits * _NS_PER_US
        return None if self.segments.closed else self.segments.last_ns

    def _count_on_disk(self, start_ns: int | None, end_ns: int | None) -> int:
        if self.segments.closed:
            return 0
        return self._of_disk(lambda segments: segments.count(start_ns, end_ns))

    def _stop_ns(self, first_ns: int | None) -> int | None:
        """Return the start of the oldest that waits, or else of that in memory; hold the lock."""
        return next((int(part.time_us[0]) * _NS_PER_US for part in self._waiting if len(part)), first_ns)

    def _of_disk(self, read: Callable[[SegmentStore], _T]) -> _T:
        """Return what is read of the folder; again where all of it has moved to another meanwhile."""
        while True:
            segments = self.segments
            try:
                found = read(segments)
            except ClosedError:
                if segments is self.segments:
                    raise
                continue
            if segments is self.segments:
                return found

    def _read(self, start_ns: int | None = None, end_ns: int | None = None) -> BarColumns:
        return self._of_disk(lambda segments: segments.read(start_ns, end_ns))

    def held_still(self) -> contextlib.AbstractContextManager[object]:
        """Return what keeps everybody from changing what is on disk, as for `copy_to` and `go_to`."""
        return self._flushing

    def copy_to(self, segments: SegmentStore) -> None:
        """Write what is on disk into another folder, too; use it within `held_still`.

        Raises
        ------
        DataExportError
            It cannot be written.
        DataImportError
            What is held cannot be read.
        """
        held = self.segments.read()
        if len(held):
            segments.replace(held)

    def go_to(self, segments: SegmentStore) -> None:
        """Go on in another folder, into which all was copied; use it within `held_still`."""
        with self._lock:
            self.segments = segments
            self.changes += 1

    def look(self) -> None:
        """Find out which files can be read now; see `SegmentStore.look`."""
        self.segments.look()

    def lost(self) -> list[tuple[int, int, int]]:
        """Return which bars that were written cannot be read, nor wait; see `SegmentStore.lost`."""
        lost = self.segments.lost()
        with self._lock:
            lost = sorted([*lost, *self._gone])
            waiting = join_columns(list(self._waiting))
        if not lost:
            return []
        found = ((first, last, rows - len(_cut(waiting, None, first, last))) for first, last, rows in lost)
        return [one for one in found if one[2] > 0]

    def take(self, columns: BarColumns) -> None:
        """Take bars that leave memory, oldest first; they are written by the next `flush`."""
        noted_us = columns.time_us[columns.closed_us > 0]
        with self._lock:
            if len(noted_us):
                first_us = int(noted_us[0])
                self._noted_from_us = min(first_us, self._noted_from_us or first_us)
            self._waiting.append(self._without_repairing(columns))
            self._rows_waiting += len(columns)
            is_over = self._rows_waiting > self._most_waiting
        # While some are being written none may go.
        if is_over and self._flushing.acquire(blocking=False):
            try:
                with self._lock:
                    self._drop_oldest()
            finally:
                self._flushing.release()

    def _drop_oldest(self) -> None:
        """Forget the oldest of those that wait; hold both locks."""
        held = join_columns(self._waiting)
        self._rows_waiting = len(held)
        # Some more at a time, or else each bar that comes would drive out one.
        count = len(held) - self._most_waiting + self._most_waiting // 8
        if len(held) <= self._most_waiting or count <= 0:
            return
        first, last = (int(held.time_us[at]) * _NS_PER_US for at in (0, count - 1))
        self._gone.append((first, last, count))
        self._waiting = [held.part(count, len(held))]
        self._rows_waiting -= count
        self.dropped += count
        self.changes += 1

    def gone(self) -> Gone:
        """Return what has left memory by now; hold the lock that keeps bars from leaving it."""
        with self._lock:
            return Gone(tuple(self._waiting), *self._written)

    def amend(self, pieces: Sequence[GonePiece], known_ns: int) -> None:
        """Put what is new into bars that have left memory; done by whoever reads them next, or by `flush`.

        A bar that is not there any more stays away: what is new in it would be half a bar.

        Parameters
        ----------
        known_ns
            When it is known, UTC epoch nanoseconds: that is when bars that are new altogether were closed.
        """
        with self._lock:
            self._pieces += [(known_ns // _NS_PER_US, piece) for piece in pieces]
            self.changes += 1

    def _without_repairing(self, columns: BarColumns) -> BarColumns:
        """Note which bars are partial for the time being; return them as the disk has them. Hold the lock."""
        if not (columns.flags & REPAIRING).any():
            return columns
        self._repairing.update(columns.time_us[(columns.flags & REPAIRING) > 0].tolist())
        return dataclasses.replace(columns, flags=columns.flags & np.uint8(~REPAIRING & 0xFF))

    @property
    def has_repairing(self) -> bool:
        """Whether bars are partial for the time being."""
        return bool(self._repairing)

    def lose(self, start_ns: int, end_ns: int) -> None:
        """Let bars stay partial that start in ``[start_ns, end_ns]``: what they lack nobody has."""
        with self._lock:
            self._repairing -= set(self._repairing_in([(start_ns, end_ns)]))

    def end_repairing(self, kept: Sequence[tuple[int, int]] = ()) -> None:
        """Take the marks off the bars that were partial for the time being.

        Parameters
        ----------
        kept
            Stretches of starts, both ends included, whose bars stay as they are.
        """
        with self._lock:
            over = self._repairing - set(self._repairing_in(kept))
            if over:
                self._repairing -= over
                self._whole |= over
                self.changes += 1

    def _repairing_in(self, spans: Sequence[tuple[int, int]]) -> list[int]:
        if self.segments.repeated_starts:
            # Of bars of trades the one before may have ended inside the stretch.
            starts = [us * _NS_PER_US for us in self._repairing]
            spans = [(max((at for at in starts if at <= a), default=a), b) for a, b in spans]
        return [us for us in self._repairing if any(a <= us * _NS_PER_US <= b for a, b in spans)]

    def _settle(self) -> None:
        """Make whole bars of the pieces; hold the lock of `flush`, so that none is counted twice."""
        if self.segments.repeated_starts:
            self._settle_repeated()
        with self._lock:
            pieces, waiting, whole = list(self._pieces), list(self._waiting), set(self._whole)
        if not pieces and not whole:
            return
        first_ns = min([*(piece.row[0] for _, piece in pieces), *(us * _NS_PER_US for us in whole)])
        memory = join_columns(waiting)
        rows = _overlay(_overlay(self._read(first_ns), memory), self._amended)
        rows = _cut(rows, None, first_ns, None)
        changed = amended_bars(rows, pieces)
        if whole:
            changed = _overlay(changed, _whole_again(_overlay(rows, changed), whole))
        with self._lock:
            self._amended = _overlay(self._amended, changed)
            self._whole -= whole
            del self._pieces[: len(pieces)]

    def _settle_repeated(self) -> None:
        """Take off the marks of bars of trades: of those of one start some may be on disk, some waiting."""
        with self._lock:
            whole = set(self._whole)
            if not whole:
                return
            self._waiting = [_without_partial(one, whole) for one in self._waiting]
        held = self._read(min(whole) * _NS_PER_US, max(whole) * _NS_PER_US)
        held = held.where(np.isin(held.time_us, list(whole)))
        if (held.flags & PARTIAL).any():
            self.segments.replace(_without_partial(held, whole))
        with self._lock:
            self._whole -= whole

    def flush(self) -> int:
        """Write what is waiting; return how many rows. Slow: call it on a worker thread.

        Raises
        ------
        DataExportError
            When it cannot be written; the rows stay in memory.
        """
        with self._flushing:
            self._settle()
            with self._lock:
                parts, amended = list(self._waiting), self._amended
            rows = join_columns(parts)
            last = self.segments.last_ns
            known = (
                0 if last is None else int(np.searchsorted(rows.time_us, last // _NS_PER_US, side="right"))
            )
            written = self._written
            if known:
                # A folder that was used before may hold these bars already: the newer say counts.
                older = rows.part(0, known)
                if self.segments.repeated_starts:
                    older, written = self._among_written(older)
                self.segments.replace(older)
            if known < len(rows):
                newer = rows.part(known, len(rows))
                self.segments.append(newer)
                written = _end_of(newer)
            if len(amended):
                self.segments.replace(amended)
            with self._lock:
                del self._waiting[: len(parts)]
                self._rows_waiting = sum(len(part) for part in self._waiting)
                self._amended, self._written = columns_from_rows([]), written
            return len(rows)

    def _among_written(self, rows: BarColumns) -> tuple[BarColumns, tuple[int, int]]:
        """Return bars to be written with those held of the same starts, and where they end; see `Gone`."""
        first_us, last_us = int(rows.time_us[0]), int(rows.time_us[-1])
        held = self._read(first_us * _NS_PER_US, last_us * _NS_PER_US)
        held = held.where(is_among(held.time_us, rows.time_us))
        count = _count_before(held, first_us, *self._written)
        before, held = held.part(0, count), held.part(count, len(held))
        mine, theirs = places_of(held, rows)
        left = ~is_among(mine, theirs)
        places = np.concatenate([mine[left], theirs])
        order = np.argsort(places)
        both = join_columns([before, join_columns([held.where(left), rows]).where(order)])
        stop = count + int(np.searchsorted(places[order], theirs[-1])) + 1
        return both, _end_of(both.part(0, stop))

    def before(
        self,
        first_ns: int | None,
        start_ns: int | None = None,
        end_ns: int | None = None,
        gone: Gone | None = None,
    ) -> BarColumns:
        """Return the bars older than those in memory that start in a range.

        Parameters
        ----------
        first_ns
            Start of the oldest in memory; None where there is none.
        start_ns, end_ns
            UTC epoch nanoseconds, both included; None is no bound.
        gone
            What had left memory when that was the oldest one; by default what has by now.
        """
        if self.segments.repeated_starts:
            return self._before_of_repeated(self.gone() if gone is None else gone, first_ns, start_ns, end_ns)
        with self._lock:
            is_settled = not self._pieces and not self._whole
        if not is_settled:
            with self._flushing:
                self._settle()
        with self._lock:
            waiting, amended = list(self._waiting), self._amended
        memory = join_columns(waiting)
        stop_ns = int(memory.time_us[0]) * _NS_PER_US if len(memory) else first_ns
        until = end_ns if stop_ns is None else min(stop_ns - 1, stop_ns if end_ns is None else end_ns)
        disk = self._read(start_ns, until)
        rows = _overlay(join_columns([disk, memory]), _cut(amended, first_ns, start_ns, end_ns))
        return self._with_repairing(_cut(rows, first_ns, start_ns, end_ns))

    def newest_before(
        self,
        first_ns: int | None,
        count: int,
        start_ns: int | None = None,
        end_ns: int | None = None,
        gone: Gone | None = None,
    ) -> BarColumns:
        """Return the newest bars of `before`; of the disk only the files are read that have these.

        Parameters
        ----------
        count
            How many are wanted; fewer are given where there are fewer.
        first_ns, start_ns, end_ns, gone
            As of `before`.
        """
        wanted = max(0, count)
        while True:
            from_ns = self._of_disk(functools.partial(_start_of_newest, count=wanted, end_ns=end_ns))
            is_all = from_ns is None or (start_ns is not None and from_ns <= start_ns)
            rows = self.before(first_ns, start_ns if is_all else from_ns, end_ns, gone)
            if is_all or len(rows) >= count:
                return rows.part(max(0, len(rows) - count), len(rows))
            # Some of what the files hold is in memory, too, or does not read.
            wanted = _FURTHER * wanted + 1

    def _with_repairing(self, columns: BarColumns) -> BarColumns:
        """Return bars with the marks that the disk does not have."""
        with self._lock:
            noted, whole = list(self._repairing), set(self._whole)
        if whole:
            columns = _without_partial(columns, whole)
        if not noted:
            return columns
        marks = np.where(np.isin(columns.time_us, noted), REPAIRING, 0).astype(np.uint8)
        return dataclasses.replace(columns, flags=columns.flags | marks)

    def _before_of_repeated(
        self, gone: Gone, first_ns: int | None, start_ns: int | None, end_ns: int | None
    ) -> BarColumns:
        waiting = join_columns(gone.waiting)
        stop_ns = int(waiting.time_us[0]) * _NS_PER_US if len(waiting) else first_ns
        until = end_ns if stop_ns is None else min(stop_ns, stop_ns if end_ns is None else end_ns)
        disk = self._read(start_ns, until)
        if stop_ns is not None:
            disk = disk.part(0, _count_before(disk, stop_ns // _NS_PER_US, gone.start_us, gone.rows))
        return self._with_repairing(_cut(join_columns([disk, waiting]), None, start_ns, end_ns))

    def replace(self, columns: BarColumns) -> int:
        """Write bars anew, or in between; return how many rows there are more than before.

        All are older than those in memory. Where several begin at one instant, they stand for all of it.
        """
        with self._flushing:
            self.flush()
            with self._lock:
                columns = self._without_repairing(columns)
            before = len(self.segments)
            self.segments.replace(columns)
            self.changes += 1
            if len(columns) and int(columns.time_us[-1]) >= self._written[0]:
                with self._lock:
                    self._written = _end_of(columns)
            return len(self.segments) - before

    def set_back(self, since_us: int, by_us: int) -> None:
        """Let what was noted at an instant or later have been so much earlier, as of `BarStore.set_back`."""

        def earlier(columns: BarColumns) -> BarColumns:
            closed = columns.closed_us
            return dataclasses.replace(
                columns, closed_us=np.where(closed >= since_us, closed - by_us, closed)
            )

        with self._flushing:
            with self._lock:
                self._waiting = [earlier(one) for one in self._waiting]
                self._amended = earlier(self._amended)
                self._pieces = [(us - by_us if us >= since_us else us, piece) for us, piece in self._pieces]
                self.changes += 1
                first_us = self._noted_from_us
            if first_us is None:
                return
            held = self._read(first_us * _NS_PER_US)
            late = np.isin(held.time_us, held.time_us[held.closed_us >= since_us])
            if late.any():
                self.segments.replace(earlier(held.where(late)))

    def drop_before(self, ts_ns: int) -> int:
        """Forget bars that start before an instant; return how many."""
        self.flush()
        gone = self.segments.drop_before(ts_ns)
        self.changes += 1
        return gone


def _start_of_newest(segments: SegmentStore, count: int, end_ns: int | None) -> int | None:
    """Return where the file begins from which on so many bars are on disk; None where there are fewer."""
    for segment in reversed(segments.segments()):
        if end_ns is None or segment.first_ns <= end_ns:
            count -= segment.rows
            if count <= 0:
                return segment.first_ns
    return None


def _end_of(columns: BarColumns) -> tuple[int, int]:
    """Return the start of the newest bar, and how many begin with it."""
    time = columns.time_us
    return int(time[-1]), len(time) - int(np.searchsorted(time, time[-1]))


def _count_before(columns: BarColumns, start_us: int, written_us: int, count: int) -> int:
    """Return how many come before those of a start that are still to come."""
    first, stop = np.searchsorted(columns.time_us, [start_us, start_us + 1]).tolist()
    return int(min(first + count, stop)) if start_us == written_us else int(first)


def _overlay(columns: BarColumns, changed: BarColumns) -> BarColumns:
    """Return bars with others instead of those of the same starts, or between them."""
    if not len(changed):
        return columns
    both = join_columns([columns.where(~is_among(columns.time_us, changed.time_us)), changed])
    return both.where(np.argsort(both.time_us, kind="stable"))


def _whole_again(columns: BarColumns, starts_us: set[int]) -> BarColumns:
    """Return the bars of some starts, without the mark of partial ones."""
    found = columns.where(np.isin(columns.time_us, list(starts_us)))
    return _without_partial(found, starts_us)


def _without_partial(columns: BarColumns, starts_us: set[int]) -> BarColumns:
    """Return bars, those of some starts without the mark of partial ones."""
    is_whole = np.isin(columns.time_us, list(starts_us))
    flags = np.where(is_whole, columns.flags & np.uint8(~PARTIAL & 0xFF), columns.flags)
    return dataclasses.replace(columns, flags=flags)


def _cut(columns: BarColumns, first_ns: int | None, start_ns: int | None, end_ns: int | None) -> BarColumns:
    if not len(columns):
        return columns_from_rows([])
    time = columns.time_us
    start = 0 if start_ns is None else int(np.searchsorted(time, -(-start_ns // _NS_PER_US), side="left"))
    stop = len(time)
    if end_ns is not None:
        stop = int(np.searchsorted(time, end_ns // _NS_PER_US, side="right"))
    if first_ns is not None:
        stop = min(stop, int(np.searchsorted(time, first_ns // _NS_PER_US, side="left")))
    return columns.part(start, max(start, stop))
