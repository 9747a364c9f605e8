"""One segment: closed bars in one file, written whole or not at all, and checked before it is decoded.

Two layouts. Uncompressed: an Arrow IPC file of one record batch, 65 bytes a row, which can be mapped instead
of read. Compressed: Parquet with zstd. The name tells what is in it, and the checksum of its bytes::

    bars-<first_us>-<last_us>-<generation>-<rows>-<crc32>.arrow

so a folder is listed without decoding anything, and bytes that changed on disk never reach a decoder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import re
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mdnb.errors import DataExportError, DataImportError
from mdnb.stores.columns import BarColumns
from mdnb.stores.segment_layout import check_layout, decode, encode

__all__ = [
    "BYTES_A_ROW",
    "NAME_PREFIX",
    "TEMPORARY_SUFFIX",
    "DamagedSegmentError",
    "Segment",
    "check_segment",
    "described_by_name",
    "parse_name",
    "read_segment",
    "write_segment",
]

BYTES_A_ROW: Final = 69
"""What a row costs in a :class:`mdnb.stores.bars.BarStore`."""
NAME_PREFIX: Final = "bars-"
TEMPORARY_SUFFIX: Final = ".tmp"

_NAME: Final = re.compile(
    r"bars-(-?\d{1,19})-(-?\d{1,19})-(\d{1,18})-(\d{1,12})-([0-9a-f]{8})\.(arrow|parquet)"
)
_MOST_ROWS: Final = 100_000_000
_NS_PER_US: Final = 1000
# What file systems answer that cannot force a folder to disk; Windows does not even open one (EACCES), and
# journals the rename itself.
_FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_NO_FOLDER_SYNC: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES})


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """A file of closed bars.

    Attributes
    ----------
    path
        Where it is.
    first_ns, last_ns
        Start of its oldest and newest bar, UTC epoch nanoseconds.
    rows
        How many bars it holds.
    bytes
        Size of the file.
    raw_bytes
        Size of the same bars in memory.
    compressed
        Parquet with zstd; otherwise an Arrow IPC file.
    """

    path: Path
    first_ns: int
    last_ns: int
    rows: int
    bytes: int
    raw_bytes: int
    compressed: bool

    @property
    def generation(self) -> int:
        """Which write of the store made it; of two files of the same bars the higher one counts."""
        return parse_name(self.path.name).generation


class DamagedSegmentError(DataImportError):
    """A segment does not hold what its name says."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged: {reason}. The file was left as it is.")
        self.path = path
        self.reason = reason


@dataclasses.dataclass(frozen=True, slots=True)
class _Name:
    first_us: int
    last_us: int
    generation: int
    rows: int
    checksum: int
    compressed: bool

    def __str__(self) -> str:
        suffix = "parquet" if self.compressed else "arrow"
        numbers = f"{self.first_us}-{self.last_us}-{self.generation}-{self.rows}"
        return f"{NAME_PREFIX}{numbers}-{self.checksum:08x}.{suffix}"


def parse_name(name: str) -> _Name:
    """Return what a file name tells.

    Raises
    ------
    ValueError
        It is not the name of a segment.

    Examples
    --------
    >>> parse_name("bars-60000000-120000000-7-2-00c0ffee.arrow").rows
    2
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name[:80]!r} is not the name of a segment")
    first, last, generation, rows, checksum, suffix = match.groups()
    found = _Name(
        int(first), int(last), int(generation), int(rows), int(checksum, 16), compressed=suffix == "parquet"
    )
    if str(found) != name or found.first_us > found.last_us or not 0 < found.rows <= _MOST_ROWS:
        raise ValueError(f"{name[:80]!r} is not the name of a segment")
    return found


def described_by_name(path: Path) -> Segment | None:
    """Return what a file held by its name, with a size of 0; None where that tells nothing.

    Examples
    --------
    >>> described_by_name(Path("bars-60000000-120000000-7-2-00c0ffee.arrow")).rows
    2
    """
    try:
        return _segment(path, parse_name(path.name), 0)
    except ValueError:
        return None


def _segment(path: Path, name: _Name, size: int) -> Segment:
    first_ns, last_ns = name.first_us * _NS_PER_US, name.last_us * _NS_PER_US
    return Segment(
        path=path,
        first_ns=first_ns,
        last_ns=last_ns,
        rows=name.rows,
        bytes=size,
        raw_bytes=name.rows * BYTES_A_ROW,
        compressed=name.compressed,
    )


# Writing


def write_segment(folder: Path, columns: BarColumns, generation: int, *, compressed: bool) -> Segment:
    """Write bars as one segment: hidden file, forced to disk, renamed, folder forced to disk.

    Parameters
    ----------
    folder
        Where to; it exists.
    columns
        At least one bar, oldest first.
    generation
        Higher than that of every file in the folder.
    compressed
        Parquet with zstd instead of an Arrow IPC file.

    Raises
    ------
    DataExportError
        The disk is full, the folder has gone or is read-only. Nothing half-written is left.
    """
    content = encode(columns, compressed=compressed)
    times = columns.time_us
    checksum = zlib.crc32(content)
    name = _Name(
        first_us=int(times[0]),
        last_us=int(times[-1]),
        generation=generation,
        rows=len(times),
        checksum=checksum,
        compressed=compressed,
    )
    path = folder / str(name)
    temporary = folder / f".{name}{TEMPORARY_SUFFIX}"
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o666), "wb", buffering=0) as file:
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(folder)
    except BaseException as error:
        # Also an interrupt must not leave a stray file; whatever it is, the caller is told.
        for stray in (temporary, path):
            with contextlib.suppress(OSError):
                stray.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise DataExportError(
                f"{len(times):,} bars were not written to {folder}: {reason}. {_advice(error)}"
            ) from error
        raise
    return _segment(path, name, len(content))


def _advice(error: OSError) -> str:
    if error.errno in _FULL:
        return "What was there is intact. Free some space, or give another folder with disk_cache_path."
    if error.errno == errno.ENOENT:
        return "The folder was deleted, with what was in it; it is made anew with the next attempt."
    return "What was there is intact. Let the folder be written to, or give another one with disk_cache_path."


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


# Reading


def check_segment(path: Path) -> Segment:
    """Return the segment a file holds; name, checksum, columns and row count were checked.

    Raises
    ------
    DamagedSegmentError
        It does not hold what its name says.
    OSError
        The file cannot be opened or read at all.
    """
    try:
        name = parse_name(path.name)
    except ValueError as error:
        raise DamagedSegmentError(path, "its name tells nothing of what it holds") from error
    segment = _segment(path, name, _size(path))
    source = _content(segment, name)
    with _as_damage(path):
        check_layout(source, rows=name.rows, size=segment.bytes, compressed=name.compressed)
    return segment


def read_segment(segment: Segment, *, memory_map: bool) -> BarColumns:
    """Return the bars of a segment, as views that must not be written to.

    Parameters
    ----------
    segment
        What to read.
    memory_map
        Map an uncompressed segment instead of reading it: only the pages that are looked at are loaded. Its
        checksum is then not computed again.

    Raises
    ------
    DamagedSegmentError
        It does not hold what its name says.
    OSError
        The file cannot be opened or read at all; `FileNotFoundError` if it has gone.
    """
    name = parse_name(segment.path.name)
    size = _size(segment.path)
    if size != segment.bytes:
        raise DamagedSegmentError(segment.path, f"it has {size:,} bytes instead of {segment.bytes:,}")
    if memory_map and not segment.compressed:
        import pyarrow as pa

        source = pa.memory_map(str(segment.path))
    else:
        source = _content(segment, name)
    with _as_damage(segment.path):
        columns = decode(source, rows=name.rows, size=size, compressed=name.compressed)
        if (int(columns.time_us[0]), int(columns.time_us[-1])) != (name.first_us, name.last_us):
            raise ValueError("its first or last bar is not the one its name tells")
    return columns


def _size(path: Path) -> int:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise DamagedSegmentError(path, "it is a link, a folder or a device, not a file")
    return status.st_size


def _content(segment: Segment, name: _Name) -> Any:
    """Return the bytes of a file if they are those that were written."""
    import pyarrow as pa

    descriptor = os.open(
        segment.path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    )
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        content = file.read()
    if zlib.crc32(content) != name.checksum:
        raise DamagedSegmentError(segment.path, "its bytes are not those that were written")
    return pa.BufferReader(content)


@contextlib.contextmanager
def _as_damage(path: Path) -> Iterator[None]:
    """Turn whatever is found wrong in the bytes of a file into DamagedSegmentError."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DamagedSegmentError(path, reason) from error
