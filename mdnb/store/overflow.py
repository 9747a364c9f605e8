"""Bars that left memory: pending, then on disk; read back together with those in memory."""

from __future__ import annotations

import threading

import numpy as np

from mdnb.store.columns import BarColumns, columns_from_rows, join_columns
from mdnb.store.segments import SegmentStore

__all__ = ["Overflow"]

_NS_PER_US = 1000


class Overflow:
    """Older bars of one timeframe than memory holds. Thread-safe.

    Parameters
    ----------
    segments
        Where they go.
    """

    def __init__(self, segments: SegmentStore) -> None:
        self.segments = segments
        self._waiting: list[BarColumns] = []
        self._lock = threading.Lock()
        self._flushing = threading.Lock()

    def __len__(self) -> int:
        return len(self.segments) + self.waiting_rows

    @property
    def waiting_rows(self) -> int:
        """How many rows are not on disk yet."""
        with self._lock:
            return sum(len(part) for part in self._waiting)

    def take(self, columns: BarColumns) -> None:
        """Take bars that leave memory, oldest first; they are written by the next `flush`."""
        with self._lock:
            self._waiting.append(columns)

    def flush(self) -> int:
        """Write what is waiting; return how many rows. Slow: call it on a worker thread.

        Raises
        ------
        DataExportError
            When it cannot be written; the rows stay in memory.
        """
        with self._flushing:
            with self._lock:
                parts = list(self._waiting)
            if not parts:
                return 0
            rows = join_columns(parts)
            last = self.segments.last_ns
            known = (
                0 if last is None else int(np.searchsorted(rows.time_us, last // _NS_PER_US, side="right"))
            )
            if known:
                # A folder that was used before may hold these bars already: the newer say counts.
                self.segments.replace(rows.part(0, known))
            if known < len(rows):
                self.segments.append(rows.part(known, len(rows)))
            with self._lock:
                del self._waiting[: len(parts)]
            return len(rows)

    def before(
        self, first_ns: int | None, start_ns: int | None = None, end_ns: int | None = None
    ) -> BarColumns:
        """Return the bars older than ``first_ns`` (the oldest in memory) that start in a range."""
        with self._lock:
            waiting = list(self._waiting)
        memory = join_columns(waiting)
        stop_ns = int(memory.time_us[0]) * _NS_PER_US if len(memory) else first_ns
        until = end_ns if stop_ns is None else min(stop_ns - 1, stop_ns if end_ns is None else end_ns)
        disk = self.segments.read(start_ns, until)
        return _cut(join_columns([disk, memory]), first_ns, start_ns, end_ns)

    def replace(self, columns: BarColumns) -> int:
        """Write bars anew, or in between; return how many rows there are more than before."""
        self.flush()
        before = len(self.segments)
        self.segments.replace(columns)
        return len(self.segments) - before

    def drop_before(self, ts_ns: int) -> int:
        """Forget bars that start before an instant; return how many."""
        self.flush()
        return self.segments.drop_before(ts_ns)


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
