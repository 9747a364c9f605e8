"""The one writer of a store: tails first, then Parquet.

What `StoreWriter.append` has written survives a kill of the process, what `StoreWriter.sync` has forced to
disk a loss of power. Each file in the tree is at any moment the old one or the new one.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from mdnb.errors import ClosedError, DataExportError
from mdnb.forked import refuse_in_children
from mdnb.market_store.disk_limit import DiskLimit, Dropped
from mdnb.market_store.layout import (
    HIDDEN,
    Series,
    all_series,
    check_folder,
    folder_of,
    partitions,
    refuse_links,
)
from mdnb.market_store.parts import TEMPORARY_SUFFIX, list_parts, part_number, sync_folder
from mdnb.market_store.sealing import Sealer
from mdnb.market_store.segment import OpenSegment
from mdnb.market_store.tails import list_tails, read_tail
from mdnb.stores.segment_folder import lock_file, unlock_file

__all__ = ["StoreBusyError", "StoreWriter", "who_writes"]

_LOCK: Final = "lock"
_MOST_PARTS: Final = 64
_LOOKED_AT: Final = 3
_TRIES, _TRY_SECONDS = 5, 0.05
_MOST_WAITING: Final = 1_000_000
_PIECES: Final = 8
_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


class StoreBusyError(DataExportError):
    """Another process, or another writer of this one, has the store."""


class StoreWriter:
    """Writes a store; nobody else does while it is open.

    Any thread may call anything, one at a time.

    Parameters
    ----------
    base
        The store's folder; made where it is not there.
    max_bytes
        Largest size of its files; None is no limit.
    segment_rows, seal_seconds
        Rows go into Parquet once there are so many, or so many seconds after the first one came.
    now
        A monotonic clock; tests give their own.
    most_waiting
        How many rows may wait in memory while the disk takes nothing, or no Parquet; beyond that the oldest
        go.

    Attributes
    ----------
    notes
        Sentences of what was found odd: whoever takes them clears them.
    dropped
        What the limit has cost so far.
    lost_rows
        How many rows are lost, since more than `most_waiting` waited.

    Raises
    ------
    StoreBusyError
        Somebody else writes it.
    DataExportError
        The folder cannot be made or written to, or is a link.
    """

    def __init__(
        self,
        base: Path,
        *,
        max_bytes: int | None = None,
        segment_rows: int = 50_000,
        seal_seconds: float = 300.0,
        now: Callable[[], float] = time.monotonic,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self.base = base
        self.lost_rows = 0
        self._most_waiting = most_waiting
        self._told_lost = 0
        self.notes: list[str] = []
        self.dropped = Dropped()
        self._hidden = base / HIDDEN
        self._max_bytes = max_bytes
        self._segment_rows = segment_rows
        self._seal_seconds = seal_seconds
        self._now = now
        self._guard = threading.RLock()
        self._lock = -1
        self._limit: DiskLimit | None = None
        self._sealing: collections.deque[OpenSegment] = collections.deque()
        self._first_at: float | None = None
        self._sealer = Sealer(base, self._hidden, self._note, self._note_size)
        self._sealed: set[Series] = set()
        self._fit: set[Series] = set()
        self._joins = True
        self._knows_parts = self._over_told = self._closed = False
        # A child would write into the files, and let go of the lock, of its parent.
        refuse_in_children(self)
        with self._as_export_error("opened"):
            self._take_folder()
        try:
            with self._as_export_error("opened"):
                self._recover()
                if max_bytes is not None:
                    self._limit = DiskLimit(base, max_bytes, self._hidden)
        except BaseException:
            self._closed = True
            self._release()
            raise

    # -- the folder ---------------------------------------------------------------------------------------

    def _take_folder(self) -> None:
        if self.base.is_symlink():
            raise DataExportError(
                f"{self.base} is a link; a store is not written through one. Give the folder itself."
            )
        self.base.mkdir(parents=True, exist_ok=True)
        check_folder(self.base, self._hidden)
        path = self._hidden / _LOCK
        lock = self._patiently_locked(path)
        if lock is None:
            raise StoreBusyError(
                f"{self.base} is being written by {who_writes(self.base) or 'somebody else'}. It can be read"
                " meanwhile; to write, end that market or close that store."
            )
        self._lock = lock
        os.ftruncate(lock, 0)
        os.write(lock, f"process {os.getpid()}".encode())

    @staticmethod
    def _patiently_locked(path: Path) -> int | None:
        """Return the descriptor of the lock; None where somebody has it for longer than a look takes."""
        for _ in range(_TRIES):
            lock = lock_file(path)
            if lock is not None:
                return lock
            time.sleep(_TRY_SECONDS)
        return None

    def _recover(self) -> None:
        """Take over what a process that ended without a word has left."""
        for path in self._hidden.glob(f"*{TEMPORARY_SUFFIX}"):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        number = 0
        left: dict[int, OpenSegment] = {}
        for number, kind, path in list_tails(self._hidden):
            segment = left.setdefault(number, OpenSegment(number, self._hidden))
            segment.adopt(path)
            found = read_tail(path, kind)
            for series, table in found.batches:
                segment.hold(series, table, path)
            if found.torn_bytes:
                self.notes.append(f"{path.name}: {found.torn_bytes:,} bytes at its end are no whole batch")
        self._sealing.extend(left[at] for at in sorted(left))
        self._segment = OpenSegment(number + 1, self._hidden)
        if self._sealing:
            self._seal_all()

    def _begin_anew(self) -> None:
        """Make the folder again that was deleted, and write once more what is not in Parquet."""
        self._release()
        self._take_folder()
        for segment in (*self._sealing, self._segment):
            segment.write_anew()
        if self._max_bytes is not None:
            self._limit = DiskLimit(self.base, self._max_bytes, self._hidden)
        is_left = bool(all_series(self.base))
        self.notes.append(
            f"{self._hidden} was deleted, or is another one; it was made anew, and what waited in it was"
            " written again. The files beside it are as they are"
            if is_left
            else f"{self.base} was deleted while it was written; it was made anew, without what was in it"
        )

    # -- writing ------------------------------------------------------------------------------------------

    @property
    def rows_waiting(self) -> int:
        """How many rows are in memory alone."""
        with self._guard:
            return sum(segment.unwritten for segment in (*self._sealing, self._segment))

    def append(self, series: Series, table: Any) -> None:
        """Write rows of a series to its tail: bars as changes, trades and quotes as they are.

        Raises
        ------
        ClosedError
            After `close`.
        DataExportError
            The disk does not take them; they wait in memory for the next attempt.
        """
        with self._guard:
            self._check_open()
            if series not in self._fit:
                # A symbol that no folder can be named by is refused here, too.
                refuse_links(self.base, folder_of(self.base, series))
                self._fit.add(series)
            if not series.is_bars and not self._knows_parts:
                self._number_above_parts()
            self._segment.add(series, table)
            if self._first_at is None:
                self._first_at = self._now()
            try:
                self.flush()
            except DataExportError:
                self._bound_waiting()
                raise

    def _bound_waiting(self) -> None:
        """Let the oldest of the rows go that wait in memory alone, where they are too many."""
        over = self.rows_waiting - self._most_waiting
        if over <= 0:
            return
        # Some more at a time, or else each row that comes would drive out one.
        rest = over + self._most_waiting // _PIECES
        for segment in (*self._sealing, self._segment):
            gone = segment.drop_oldest(rest)
            self.lost_rows += gone
            rest -= gone
        self._tell_lost("the disk takes nothing")

    def _bound_unsealed(self) -> None:
        """Let the oldest of the rows go that cannot be put into Parquet, where too many wait for that.

        They go with their tails, so that these take no more of the disk either.
        """
        # What goes is a segment: a part of what may wait.
        enough = min(self._segment_rows, max(1, self._most_waiting // _PIECES))
        if self._segment.rows >= enough and not self._segment.unwritten:
            self._rotate(self._segment.number + 1)
        waiting = sum(segment.unsealed for segment in (*self._sealing, self._segment))
        while self._sealing and waiting > self._most_waiting:
            segment = self._sealing.popleft()
            waiting -= segment.unsealed
            self.lost_rows += segment.unsealed
            with contextlib.suppress(OSError):
                segment.delete()
            self._tell_lost(f"nothing can be put into the Parquet files of {self.base}")

    def _tell_lost(self, why: str) -> None:
        """Note what was lost, each time it is twice as much."""
        if self.lost_rows >= max(1, 2 * self._told_lost):
            self._told_lost = self.lost_rows
            self.notes.append(
                f"{why}, and no more than {self._most_waiting:,} rows wait in memory:"
                f" {self.lost_rows:,} are lost so far, the oldest first"
            )

    def flush(self) -> None:
        """Write what waits in memory alone; errors as of `append`."""
        with self._guard, self._as_export_error("written"):
            try:
                self._segment.flush()
            except OSError:
                if self._is_there():
                    raise
                self._begin_anew()
                self._segment.flush()

    def sync(self) -> None:
        """Force what was written to disk, after having looked whether the folder is still there.

        Raises
        ------
        DataExportError
            It is not, and cannot be made anew; or the disk does not take it.
        """
        with self._guard, self._as_export_error("written"), self._bounded():
            if not self._is_there():
                self._begin_anew()
            self._segment.flush()
            self._segment.sync()

    @contextlib.contextmanager
    def _bounded(self) -> Iterator[None]:
        """Let no more wait in memory than may, where what is done fails."""
        try:
            yield
        except Exception:
            self._bound_unsealed()
            raise

    def _is_there(self) -> bool:
        try:
            status, own = (self._hidden / _LOCK).stat(), os.fstat(self._lock)
        except OSError:
            return False
        same = (status.st_dev, status.st_ino) == (own.st_dev, own.st_ino)
        return same and all(segment.is_there for segment in (*self._sealing, self._segment))

    def _number_above_parts(self) -> None:
        """Let files of trades and quotes have numbers above those that are there."""
        highest = 0
        for series in all_series(self.base):
            for partition in partitions(self.base, series) if not series.is_bars else ():
                for path in list_parts(partition.path):
                    highest = max(highest, part_number(path))
        if highest >= self._segment.number:
            self._rotate(highest + 1)
        self._knows_parts = True

    # -- into Parquet -------------------------------------------------------------------------------------

    @property
    def is_due(self) -> bool:
        """Whether rows should go into Parquet now."""
        with self._guard:
            if self._sealing or self._segment.rows >= self._segment_rows:
                return True
            return self._first_at is not None and self._now() - self._first_at >= self._seal_seconds

    def seal(self, *, seconds: float | None = None) -> bool:
        """Put rows into Parquet; return whether all are.

        Parameters
        ----------
        seconds
            Stop after so many, to go on at the next call; None does all.

        Raises
        ------
        DataExportError
            The disk does not take them; they stay where they are.
        """
        with self._guard, self._as_export_error("put into Parquet"):
            self._check_open()
            with self._bounded():
                if not self._is_there():
                    self._begin_anew()
                until = None if seconds is None else self._now() + seconds
                if not self._sealing and self._segment.rows:
                    self._rotate(self._segment.number + 1)
                return self._seal_all(until)

    def change(self, series: Series, before: Any, now: Any) -> None:
        """Let trades that were appended be others, such as taken back; what waits goes into Parquet first.

        Raises
        ------
        DataExportError
            The disk does not take it; nothing was changed.
        """
        self.seal()
        with self._guard, self._as_export_error("changed"):
            self._sealer.change(series, before, now)

    def set_aside_damaged(self, series: Series) -> None:
        """Let the files of a series that do not read make way, so that what needs what is in them goes on.

        Raises
        ------
        DataExportError
            One cannot be moved.
        """
        with self._guard, self._as_export_error("changed"):
            self._sealer.set_aside_damaged(series)

    def _rotate(self, number: int) -> None:
        if self._segment.rows:
            self._sealing.append(self._segment)
        else:
            self._segment.delete()
        self._segment = OpenSegment(number, self._hidden)
        self._first_at = None

    def _seal_all(self, until: float | None = None) -> bool:
        while self._sealing:
            segment = self._sealing[0]
            while segment.tables:
                series = next(iter(segment.tables))
                self._sealer.seal(series, segment.tables[series], segment.number)
                del segment.tables[series]
                self._sealed.add(series)
                if until is not None and self._now() >= until and segment.tables:
                    return False
            segment.delete()
            sync_folder(self._hidden)
            self._sealing.popleft()
            self._join()
            self._keep_limit()
        return True

    def _join(self) -> None:
        """Put days and years that are over, and those of many files, into one file each."""
        while self._sealed and self._joins:
            series = self._sealed.pop()
            found = partitions(self.base, series)
            for partition in found[-_LOOKED_AT:]:
                most = _MOST_PARTS if partition is found[-1] else 1
                if len(list_parts(partition.path)) > most:
                    self._joins = self._sealer.join(series, partition.path)

    def _note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def _note_size(self, path: Path, size: int) -> None:
        if self._limit is not None:
            self._limit.note(path, size)

    def _keep_limit(self) -> None:
        if self._limit is None:
            return
        gone = self._limit.enforce()
        if gone.files:
            before = self.dropped
            self.dropped = Dropped(
                before.files + gone.files,
                before.rows + gone.rows,
                before.bytes + gone.bytes,
                max(before.until_ns, gone.until_ns),
            )
            self.notes.append(
                f"{self.base} holds at most {self._max_bytes:,} bytes (max_bytes): {gone.rows:,} rows in"
                f" {gone.files:,} files went, the oldest first; {self.dropped.rows:,} so far"
            )
        if self._limit.is_over and not self._over_told:
            self.notes.append(
                f"{self.base} takes more than {self._max_bytes:,} bytes (max_bytes): the newest day or year"
                f" of each timeframe alone is {self._limit.total:,}. Allow more, or keep fewer timeframes."
            )
        self._over_told = self._limit.is_over

    # -- the end ------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def close(self) -> None:
        """Put all into Parquet and let go of the folder; calling it again does nothing.

        Raises
        ------
        DataExportError
            The disk does not take it; what is in tails is read from there.
        """
        with self._guard:
            if self.closed:
                return
            try:
                self.seal()
            finally:
                self._closed = True
                self._sealer.clear()
                for segment in (*self._sealing, self._segment):
                    segment.close()
                self._release()

    def discard(self) -> None:
        """Let go of the folder without anything that was appended and is not in Parquet."""
        with self._guard:
            if not self._closed:
                self._closed = True
                with contextlib.suppress(OSError):
                    self._segment.delete()
                self._release()

    def _release(self) -> None:
        lock, self._lock = self._lock, -1
        if lock >= 0:
            unlock_file(lock, os.getpid())

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedError(f"The store in {self.base} was closed. Open it again with mdnb.store().")

    @contextlib.contextmanager
    def _as_export_error(self, what: str) -> Any:
        try:
            yield
        except DataExportError:
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            waiting = 0 if not hasattr(self, "_segment") else self.rows_waiting
            held = f"{waiting:,} rows wait in memory. " if waiting else ""
            how = "Free some space" if error.errno in _FULL else "Let the folder be written to"
            raise DataExportError(
                f"the store {self.base} could not be {what}: {reason}. {held}What was there is intact. {how},"
                " or give another folder."
            ) from error


def who_writes(base: Path) -> str:
    """Return who has a store's lock, in words; empty where nobody has, or nobody knows.

    Examples
    --------
    >>> who_writes(Path("no such folder"))
    ''
    """
    path = base / HIDDEN / _LOCK
    try:
        lock = lock_file(path, make=False)
        if lock is not None:
            unlock_file(lock, os.getpid())
            return ""
        return path.read_text(encoding="utf-8", errors="replace")[:40]
    except OSError:
        return ""
