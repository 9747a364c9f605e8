"""The list of a folder's segments: adding and replacing them, and setting damaged ones aside."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from mdnb.errors import ClosedError, DataImportError
from mdnb.stores.columns import BarColumns
from mdnb.stores.segment_file import (
    DamagedSegmentError,
    Segment,
    check_segment,
    described_by_name,
    read_segment,
    write_segment,
)
from mdnb.stores.segment_folder import (
    is_locked,
    lock_folder,
    make_folder,
    newest_generation,
    open_segments,
    resolve_overlaps,
    sweep,
    unlock_file,
)
from mdnb.stores.segment_plan import part_at, split

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
    root
        The highest folder that must not be a link; by default the folder itself.

    Raises
    ------
    DataExportError
        The folder cannot be made or written to, is a link, or another has it.
    DataImportError
        The folder cannot be listed.
    """

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder = folder
        self._root = root
        self._lock = threading.Lock()  # around the list, never while a file is read or written
        self._writing = threading.RLock()  # one change at a time
        self._segments: list[Segment] = []
        self._damaged: dict[Path, str] = {}
        self._leftover: list[Path] = []
        # What the files held that were set aside; which cannot be reached now; how each looked last.
        self._lost: dict[Path, Segment] = {}
        self._away: dict[Path, str] = {}
        self._looks: dict[Path, _Look] = {}
        self._generation = 0
        make_folder(folder, root)
        self._release = weakref.finalize(self, unlock_file, lock_folder(folder), os.getpid())
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
            self._lost = {path: held for path in self._damaged if (held := described_by_name(path))}
            self._looks = dict(_looks(self._segments))
            self._unlink(gone)
            return

    # -- what there is ------------------------------------------------------------------------------

    @property
    def damaged(self) -> dict[Path, str]:
        """Files that do not read, and why."""
        with self._lock:
            return dict(self._damaged)

    @property
    def away(self) -> dict[Path, str]:
        """Files that could not be reached when last looked at, and why."""
        with self._lock:
            return dict(self._away)

    def lost(self) -> list[Segment]:
        """Return what the files held that were set aside, oldest first; each range of bars once.

        Files whose names tell nothing of what they held are not among them.
        """
        with self._lock:
            lost = sorted(self._lost.values(), key=lambda segment: segment.generation, reverse=True)
        found: list[Segment] = []
        for one in lost:
            if not any(_overlap(one, other) for other in found):
                found.append(one)
        return sorted(found, key=lambda segment: segment.first_ns)

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
            gone = [segment for segment in self._segments if segment.path == path]
            if gone:  # else it was replaced meanwhile
                self._segments = [segment for segment in self._segments if segment.path != path]
                self._damaged[path] = reason
                self._lost[path] = gone[0]
                self._looks.pop(path, None)

    # -- looking whether they are there -------------------------------------------------------------

    def look(self) -> None:
        """Find out which files have gone, have changed or cannot be reached, and which are back.

        A file that looks as it did last is not read again.
        """
        away: dict[Path, str] = {}
        for segment in self.segments():
            path = segment.path
            try:
                look = _look_at(path)
                if self._looks.get(path) != look:
                    check_segment(path)
                    self._looks[path] = look
            except FileNotFoundError:
                self._set_aside(path, _GONE)
            except DamagedSegmentError as error:
                self._set_aside(path, error.reason)
            except OSError as error:
                away[path] = error.strerror or str(error)
        with self._lock:
            self._away = away
        if self._lost and self._writing.acquire(blocking=False):  # whoever changes something goes first
            try:
                self._take_back()
            finally:
                self._writing.release()

    def _take_back(self) -> None:
        """Hold again what reads again: a disk may have been away for a while."""
        for lost in list(self._lost.values()):
            with contextlib.suppress(OSError, DamagedSegmentError):
                look = _look_at(lost.path)
                if self._looks.get(lost.path) == look:
                    continue  # it has been found damaged as it is
                self._looks[lost.path] = look
                found = check_segment(lost.path)
                with self._lock:
                    # What has been written in its place meanwhile is newer.
                    if not any(_overlap(found, held) for held in self._segments):
                        self._segments = sorted(
                            [*self._segments, found], key=lambda segment: segment.first_ns
                        )
                        del self._lost[lost.path], self._damaged[lost.path]

    def forget_lost(self, before_ns: int | None = None) -> None:
        """Mourn no bars that start before an instant, or none at all: they would have been deleted by now."""
        with self._lock:
            for path, lost in list(self._lost.items()):
                if before_ns is None or lost.last_ns < before_ns:
                    del self._lost[path]
                elif lost.first_ns < before_ns:
                    self._lost[path] = dataclasses.replace(lost, first_ns=before_ns)

    # -- changing: within alone() only --------------------------------------------------------------

    def add(self, columns: BarColumns) -> Segment:
        """Write bars that are newer than all as one uncompressed segment."""
        self.see_to_folder()
        self._generation += 1
        made = write_segment(self.folder, columns, self._generation, compressed=False)
        self._looks.update(_looks([made]))
        self._swap([], [made])
        return made

    def exchange(self, old: Sequence[Segment], parts: Iterable[tuple[BarColumns, bool]]) -> list[Segment]:
        """Put segments of ``parts``, columns and whether compressed, in the place of ``old``: all or none."""
        made: list[Segment] = []
        self.see_to_folder()
        try:
            for columns, compressed in parts:
                # Over what was set aside no file may reach: should it come back, it would count as replaced.
                for piece in itertools.chain.from_iterable(map(split, part_at(columns, self.lost()))):
                    self._generation += 1
                    made.append(write_segment(self.folder, piece, self._generation, compressed=compressed))
        except BaseException:  # an interrupt too must not leave bars that are there twice
            self._unlink(segment.path for segment in made)
            raise
        self._looks.update(_looks(made))
        self._swap(old, made)
        return made

    def see_to_folder(self) -> None:
        """Make the folder anew where it was deleted; what was in it is damaged: it has gone.

        Raises
        ------
        DataExportError
            As when the folder was opened.
        """
        if is_locked(self.folder):
            return
        make_folder(self.folder, self._root)
        before = self._release
        self._release = weakref.finalize(self, unlock_file, lock_folder(self.folder), os.getpid())
        before()
        for segment in self.segments():
            if not segment.path.exists():
                self._set_aside(segment.path, _GONE)

    def _swap(self, old: Sequence[Segment], new: Sequence[Segment]) -> None:
        gone = {segment.path for segment in old}
        with self._lock:
            stay = [segment for segment in self._segments if segment.path not in gone]
            self._segments = sorted([*stay, *new], key=lambda segment: segment.first_ns)
        for path in gone:
            self._looks.pop(path, None)
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


_Look = tuple[int, int, int]


def _look_at(path: Path) -> _Look:
    """Return what a file looks like without being read: its size, when it changed, which one it is."""
    status = path.lstat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _looks(segments: Iterable[Segment]) -> Iterator[tuple[Path, _Look]]:
    for segment in segments:
        with contextlib.suppress(OSError):  # then the next look reads it
            yield segment.path, _look_at(segment.path)


def _overlap(one: Segment, other: Segment) -> bool:
    return one.first_ns <= other.last_ns and other.first_ns <= one.last_ns
