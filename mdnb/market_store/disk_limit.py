"""The limit on a store's size: the oldest days and years go first, but never the newest of a series."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from mdnb.market_store.layout import all_series, partitions
from mdnb.market_store.parts import TEMPORARY_SUFFIX, list_parts, sync_folder

__all__ = ["DiskLimit", "Dropped"]


class Dropped(NamedTuple):
    """What went.

    Attributes
    ----------
    files, rows, bytes
        How many.
    until_ns
        The end of the newest day or year among them, UTC epoch nanoseconds.
    """

    files: int = 0
    rows: int = 0
    bytes: int = 0
    until_ns: int = 0


class DiskLimit:
    """Keeps the files of a store within a size.

    Parameters
    ----------
    base
        The store's folder.
    max_bytes
        The limit.
    scratch
        Where a folder is put before it is deleted.
    """

    def __init__(self, base: Path, max_bytes: int, scratch: Path) -> None:
        self._base = base
        self._scratch = scratch
        self._most = max_bytes
        self._sizes: dict[Path, int] = {}
        for series in all_series(base):
            for partition in partitions(base, series):
                for path in list_parts(partition.path):
                    self._sizes[path] = path.stat().st_size

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(self._sizes.values())

    @property
    def is_over(self) -> bool:
        """Whether they are more than allowed."""
        return self.total > self._most

    def note(self, path: Path, size: int) -> None:
        """Note that a file was written; 0 where it was deleted."""
        if size:
            self._sizes[path] = size
        else:
            self._sizes.pop(path, None)

    def enforce(self) -> Dropped:
        """Delete the oldest files until the others are within the limit, and return what went.

        Raises
        ------
        OSError
            A file cannot be deleted.
        """
        total, gone = self.total, Dropped()
        if total <= self._most:
            return gone
        old = []
        for series in all_series(self._base):
            old += partitions(self._base, series)[:-1]
        for partition in sorted(old, key=lambda one: one.end_ns):
            if total <= self._most:
                break
            paths = list_parts(partition.path)
            size = sum(self._sizes.pop(path, 0) for path in paths)
            rows = sum(_rows_of(path) for path in paths)
            # At once: nobody is to read half a day.
            aside = self._scratch / f"{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
            partition.path.rename(aside)
            sync_folder(partition.path.parent)
            shutil.rmtree(aside, ignore_errors=True)
            total -= size
            gone = Dropped(gone.files + len(paths), gone.rows + rows, gone.bytes + size, partition.end_ns)
        return gone


def _rows_of(path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer: Any = pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        return 0
    return int(footer.num_rows)
