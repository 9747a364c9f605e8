"""The folder of one timeframe's segments: locked for one store, and cleaned up after a killed process."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from mdnb.errors import DataExportError, DataImportError
from mdnb.stores.segment_file import (
    NAME_PREFIX,
    TEMPORARY_SUFFIX,
    DamagedSegmentError,
    Segment,
    check_segment,
    parse_name,
    read_segment,
    write_segment,
)
from mdnb.stores.segment_layout import cut

__all__ = [
    "is_locked",
    "lock_file",
    "lock_folder",
    "make_folder",
    "newest_generation",
    "open_segments",
    "resolve_overlaps",
    "sweep",
    "unlock_file",
]

_LOCK_NAME: Final = ".lock"
_SUFFIXES: Final = (".arrow", ".parquet")
_BUSY: Final = frozenset({errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK})
_NS_PER_US: Final = 1000


def make_folder(folder: Path, root: Path | None = None) -> None:
    """Create a folder and those above it.

    Parameters
    ----------
    root
        The highest one that must not be a link; by default the folder itself.

    Raises
    ------
    DataExportError
        It cannot be made, or it is a link: bars are never written through one.
    """
    above = folder.parents[: folder.parents.index(root) + 1] if root in folder.parents else ()
    for one in (folder, *above):
        if one.is_symlink():
            raise DataExportError(
                f"{one} is a link; bars are not written through one."
                " Give the folder itself (disk_cache_path)."
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataExportError(
            f"{folder} cannot be made: {reason}. Give a folder of your own (disk_cache_path)."
        ) from error


def lock_folder(folder: Path) -> int:
    """Keep others out of a folder until the returned descriptor is closed, or this process ends.

    Raises
    ------
    DataExportError
        Another process, or another store of this one, has it; or its lock cannot be written.
    """
    try:
        descriptor = lock_file(folder / _LOCK_NAME)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataExportError(f"{folder} cannot be written to: {reason}. Give another folder.") from error
    if descriptor is None:
        raise DataExportError(
            f"{folder} is in use by another process or another store. Close it, or give another folder."
        )
    return descriptor


def lock_file(path: Path, *, make: bool = True, insist: bool = False) -> int | None:
    """Return the descriptor of a file that nobody else has locked; None where somebody has.

    Parameters
    ----------
    make
        Make the file where it is not there.
    insist
        Raise where the file system has no locks. Else nobody can hold one there, and all is well.

    Raises
    ------
    OSError
        The file cannot be opened, or as ``insist`` says.
    """
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | (os.O_CREAT if make else 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        _LOCKS[os.name](descriptor)
    except OSError as error:
        if error.errno not in _BUSY and not insist:
            return descriptor
        os.close(descriptor)
        if error.errno not in _BUSY:
            raise
        return None
    return descriptor


def unlock_file(descriptor: int, owner: int) -> None:
    """Let go of a lock, and close its file.

    A child that was forked meanwhile has the lock too, and would keep it when it is only closed here.

    Parameters
    ----------
    owner
        The process that locked it: in its children the file is closed, and the lock stays.
    """
    if os.getpid() == owner and os.name == "posix":
        with contextlib.suppress(OSError):
            fcntl = importlib.import_module("fcntl")
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Return whether a folder that was locked still is the one: its lock is there until it is deleted."""
    return (folder / _LOCK_NAME).exists()


def _lock_on_windows(descriptor: int) -> None:
    # By its name, as below: each of the two modules is there on one kind of system only.
    msvcrt = importlib.import_module("msvcrt")
    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)


def _lock_elsewhere(descriptor: int) -> None:
    fcntl = importlib.import_module("fcntl")
    # Not lockf: that lock is lost when the process closes the file a second time anywhere.
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_LOCKS: Final = {"nt": _lock_on_windows, "posix": _lock_elsewhere}
"""What locks a file at once or raises, by `os.name`."""


def sweep(folder: Path) -> None:
    """Remove the half-written files of a killed process."""
    for path in _listed(folder):
        if path.name.startswith(f".{NAME_PREFIX}") and path.name.endswith(TEMPORARY_SUFFIX):
            with contextlib.suppress(OSError):  # it is never read, so it may as well stay
                path.unlink()


def open_segments(folder: Path) -> tuple[list[Segment], dict[Path, str]]:
    """Return the sound segments of a folder in no order, and why others are not.

    Raises
    ------
    DataImportError
        The folder cannot be listed.
    """
    sound: list[Segment] = []
    damaged: dict[Path, str] = {}
    for path in _listed(folder):
        if not path.name.startswith(NAME_PREFIX) or path.suffix not in _SUFFIXES:
            continue
        try:
            sound.append(check_segment(path))
        except DamagedSegmentError as error:
            damaged[path] = error.reason
        except OSError as error:
            damaged[path] = error.strerror or str(error)
    return sound, damaged


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataImportError(f"{folder} cannot be listed: {reason}. Give another folder.") from error


def newest_generation(folder: Path) -> int:
    """Return the highest generation in a folder, of damaged files too; 0 where there is none."""
    found = 0
    for path in _listed(folder):
        with contextlib.suppress(ValueError):
            found = max(found, parse_name(path.name).generation)
    return found


def resolve_overlaps(
    folder: Path, segments: list[Segment], generation: int
) -> tuple[list[Segment], list[Path], int]:
    """Return segments without a bar twice: where ranges overlap, the higher generation counts.

    A process that was killed between writing a merged file and deleting the old ones leaves both. Bars of an
    old file outside every newer one are kept, in a file of their own.

    Returns
    -------
    segments : list of Segment
        Oldest first.
    gone : list of pathlib.Path
        Files that are no longer needed.
    generation : int
        The highest one in use.

    Raises
    ------
    DamagedSegmentError
        An overlapping file does not read; nothing was changed on disk that matters.
    DataExportError
        What is left of an old file cannot be written.
    """
    kept: list[Segment] = []
    gone: list[Path] = []
    for old in sorted(segments, key=lambda segment: segment.generation, reverse=True):
        over = [new for new in kept if new.first_ns <= old.last_ns and old.first_ns <= new.last_ns]
        if not over:
            kept.append(old)
            continue
        if not any(new.first_ns <= old.first_ns and old.last_ns <= new.last_ns for new in over):
            for part in _outside(old, over):
                generation += 1
                kept.append(_part_of(folder, old, part, generation))
        gone.append(old.path)
    kept.sort(key=lambda segment: segment.first_ns)
    return kept, gone, generation


def _part_of(folder: Path, segment: Segment, part: slice, generation: int) -> Segment:
    """Write some rows of a segment as one of their own."""
    columns = read_segment(segment, memory_map=False)
    return write_segment(folder, cut(columns, part), generation, compressed=segment.compressed)


def _outside(old: Segment, over: list[Segment]) -> Iterator[slice]:
    """Yield the runs of rows of ``old`` that lie in no range of ``over``."""
    times = read_segment(old, memory_map=False).time_us
    free = np.ones(len(times), dtype=bool)
    for new in over:
        inside = (times >= new.first_ns // _NS_PER_US) & (times <= new.last_ns // _NS_PER_US)
        free &= ~inside
    edges = np.flatnonzero(np.diff(np.concatenate(([False], free, [False])).astype(np.int8)))
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield slice(begin, end)
