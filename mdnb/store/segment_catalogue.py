"""The list of a folder's segments: adding and replacing them, and setting damaged ones aside."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from mdnb.errors import ClosedError, DataImportError
from mdnb.store.columns import BarColumns
from mdnb.store.segment_file import DamagedSegmentError, Segment, read_segment, write_segment
from mdnb.store.segment_folder import (
    is_locked,
    lock_folder,
    make_folder,
    newest_generation,
    open_segments,
    resolve_overlaps,
    sweep,
)
from mdnb.store.segment_plan import split

__all__ = ["SegmentCatalogue"]

_T = TypeVar("_T")
_TRIES: Final = 8
_GONE: Final = "it has gone"


class SegmentCatalogue:
    """The segments of one folder. Readers take the list of now; changes are made one at a time.

    Parameters
    ----------
    folder
        Made if it is not there, kept from others until :meth:`close`, put right after a killed process.

    Raises
    ------
    DataExportError
        The folder cannot be made or written to, is a link, or another has it.
    DataImportError
        The folder cannot be listed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()  # around the list, never while a file is read or written
        self._writing = threading.RLock()  # one change at a time
        self._segments: list[Segment] = []
        self._damaged: dict[Path, str] = {}
        self._leftover: list[Path] = []
        self._generation = 0
        make_folder(folder)
        self._release = weakref.finalize(self, os.close, lock_folder(folder))
        try:
            sweep(folder)
            self._open()
        except BaseException:
            self._release()
            raise

    def _open(self) -> None:
        aside: dict[Path, str] = {}
        while True:
            sound, damaged = open_segments(self.folder)
            sound = [segment for segment in sound if segment.path not in aside]
            self._damaged = damaged | aside
            self._generation = newest_generation(self.folder)
            try:
                found = resolve_overlaps(self.folder, sound, self._generation)
            except DamagedSegmentError as error:  # since it was checked a moment ago
                aside[error.path] = error.reason
                continue
            self._segments, gone, self._generation = found
            self._unlink(gone)
            return

    # -- what there is ------------------------------------------------------------------------------

    @property
    def damaged(self) -> dict[Path, str]:
        """Files that do not read, and why."""
        with self._lock:
            return dict(self._damaged)

    @property
    def leftover(self) -> list[Path]:
        """Files that are no longer needed and could not be deleted yet."""
        return list(self._leftover)

    @property
    def closed(self) -> bool:
        """Whether the folder was let go of."""
        return not self._release.alive

    def segments(self) -> list[Segment]:
        """Return the segments, oldest first."""
        with self._lock:
            return list(self._segments)

    def check_open(self) -> None:
        """Raise ClosedError after :meth:`close`."""
        if self.closed:
            raise ClosedError(f"The bars in {self.folder} were closed. Open them again with SegmentStore().")

    # -- reading ------------------------------------------------------------------------------------

    def load(self, segment: Segment, *, memory_map: bool) -> BarColumns:
        """Return the bars of a segment as views; to be called within :meth:`gathered` or :meth:`alone`.

        Raises
        ------
        DataImportError
            The file is there and cannot be opened.
        DamagedSegmentError, FileNotFoundError
            For :meth:`gathered` and :meth:`alone` to handle.
        """
        try:
            return read_segment(segment, memory_map=memory_map)
        except FileNotFoundError as error:  # Arrow's own does not say which
            raise FileNotFoundError(error.errno, error.strerror, str(segment.path)) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataImportError(f"{segment.path} cannot be read: {reason}. Nothing was changed.") from error

    def gathered(self, gather: Callable[[], _T]) -> _T:
        """Return what ``gather`` makes of the list of now; again where a file was replaced meanwhile."""
        for _ in range(_TRIES):
            try:
                return gather()
            except FileNotFoundError:
                continue
            except DamagedSegmentError as error:
                self._set_aside(error.path, error.reason)
        with self._writing:
            return self._insisted(gather)

    def alone(self, work: Callable[[], _T]) -> _T:
        """Return what ``work`` makes while nobody else changes anything.

        Raises
        ------
        ClosedError
            After :meth:`close`.
        """
        with self._writing:
            self.check_open()
            return self._insisted(work)

    def _insisted(self, work: Callable[[], _T]) -> _T:
        while True:  # each turn there is a segment less
            try:
                return work()
            except FileNotFoundError as error:
                self._set_aside(Path(error.filename), _GONE)  # only a stranger can have taken it
            except DamagedSegmentError as error:
                self._set_aside(error.path, error.reason)

    def _set_aside(self, path: Path, reason: str) -> None:
        with self._lock:
            left = [segment for segment in self._segments if segment.path != path]
            if len(left) < len(self._segments):  # else it was replaced meanwhile
                self._segments = left
                self._damaged[path] = reason

    # -- changing: within alone() only --------------------------------------------------------------

    def add(self, columns: BarColumns) -> Segment:
        """Write bars that are newer than all as one uncompressed segment."""
        self._see_to_folder()
        self._generation += 1
        made = write_segment(self.folder, columns, self._generation, compressed=False)
        self._swap([], [made])
        return made

    def exchange(self, old: Sequence[Segment], parts: Iterable[tuple[BarColumns, bool]]) -> list[Segment]:
        """Put segments of ``parts``, columns and whether compressed, in the place of ``old``: all or none."""
        made: list[Segment] = []
        self._see_to_folder()
        try:
            for columns, compressed in parts:
                for piece in split(columns):
                    self._generation += 1
                    made.append(write_segment(self.folder, piece, self._generation, compressed=compressed))
        except BaseException:  # an interrupt too must not leave bars that are there twice
            self._unlink(segment.path for segment in made)
            raise
        self._swap(old, made)
        return made

    def _see_to_folder(self) -> None:
        """Make the folder anew where it was deleted; what was in it is damaged: it has gone.

        Raises
        ------
        DataExportError
            As when the folder was opened.
        """
        if is_locked(self.folder):
            return
        make_folder(self.folder)
        before = self._release
        self._release = weakref.finalize(self, os.close, lock_folder(self.folder))
        before()
        for segment in self.segments():
            if not segment.path.exists():
                self._set_aside(segment.path, _GONE)

    def _swap(self, old: Sequence[Segment], new: Sequence[Segment]) -> None:
        gone = {segment.path for segment in old}
        with self._lock:
            stay = [segment for segment in self._segments if segment.path not in gone]
            self._segments = sorted([*stay, *new], key=lambda segment: segment.first_ns)
        self._unlink(gone)

    def _unlink(self, paths: Iterable[Path]) -> None:
        """Delete files nobody needs; what does not go (on Windows: while it is read) is tried again later."""
        left = []
        for path in [*self._leftover, *paths]:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                left.append(path)
        self._leftover = left

    def close(self) -> None:
        """Let go of the folder; what is in it stays."""
        with self._writing:
            if not self.closed:
                self._unlink([])
                self._release()
