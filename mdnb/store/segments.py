"""Closed bars of one timeframe on disk, in segments: each file is whole or not there at all.

File names tell what is in them: ``bars-<first>-<last>-<generation>``, times in UTC epoch microseconds. Where
two files overlap, as after a crash between writing a new one and removing what it replaces, the higher
generation counts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdnb.errors import DataExportError, DataImportError
from mdnb.store.bars import ROW_BYTES
from mdnb.store.columns import BarColumns, columns_from_rows, join_columns
from mdnb.store.segment_file import ARROW, PARQUET, read_bars, write_bars

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Segment", "SegmentStore"]

_NS_PER_US = 1000
_MERGE_ROWS = 100_000
_FAN = 8
_NAME = re.compile(r"bars-(-?\d+)-(-?\d+)-(\d+)-(\d+)(\.arrow|\.parquet)")


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """One file.

    Attributes
    ----------
    first_us, last_us
        Start of its first and last bar, UTC epoch microseconds.
    generation
        Files written later have a higher one.
    rows, bytes
        Bars in it, and its size on disk.
    """

    path: Path
    first_us: int
    last_us: int
    generation: int
    rows: int
    bytes: int

    @property
    def compressed(self) -> bool:
        """Whether it is compressed."""
        return self.path.suffix == PARQUET


class SegmentStore:
    """Bars of one timeframe in a folder of its own. Thread-safe; slow calls belong on a worker thread.

    Parameters
    ----------
    folder
        Made where it is not there; what an earlier process left is read, half-written files are removed.
    memory_map
        Read Arrow files through memory maps instead of whole; may be switched.

    Attributes
    ----------
    damaged
        Files that could not be read, with the reason; they stay where they are.

    Examples
    --------
    >>> import tempfile
    >>> rows = [(i * 60_000_000_000, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5) for i in range(5)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SegmentStore(Path(folder))
    ...     _ = store.append(columns_from_rows(rows))
    ...     len(store), store.read(60_000_000_000, 120_000_000_000).time_us.tolist()
    (5, [60000000, 120000000])
    """

    def __init__(self, folder: Path, *, memory_map: bool = False) -> None:
        self.folder = folder
        self.memory_map = memory_map
        self.damaged: dict[str, str] = {}
        self._lock = threading.Lock()
        # One writer at a time: append, compress, replace and drop all rewrite the list.
        self._writing = threading.RLock()
        self._segments: list[Segment] = []
        self._generation = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataExportError(
                f"{folder} cannot be made: {error}. Give another disk_cache_path."
            ) from error
        self._open()

    # -- what is there ------------------------------------------------------------------------------

    def _open(self) -> None:
        found: list[Segment] = []
        for path in sorted(self.folder.iterdir()):
            if path.name.startswith(".bars-") and path.suffix == ".tmp":
                path.unlink(missing_ok=True)
            elif match := _NAME.fullmatch(path.name):
                first, last, rows, generation = (int(part) for part in match.groups()[:4])
                found.append(Segment(path, first, last, generation, rows, path.stat().st_size))
        found.sort(key=lambda segment: -segment.generation)
        kept: list[Segment] = []
        for segment in found:
            over = [
                one for one in kept if one.first_us <= segment.last_us and segment.first_us <= one.last_us
            ]
            # What a newer file covers is what a crash kept from being removed.
            if over:
                segment.path.unlink(missing_ok=True)
            elif self._reads(segment):
                kept.append(segment)
            self._generation = max(self._generation, segment.generation)
        self._segments = sorted(kept, key=lambda segment: segment.first_us)

    def _reads(self, segment: Segment) -> bool:
        try:
            held = read_bars(segment.path)
        except (DataImportError, FileNotFoundError) as error:
            self.damaged[segment.path.name] = str(error)
            return False
        if len(held) != segment.rows or not bool((np.diff(held.time_us) > 0).all()):
            self.damaged[segment.path.name] = "it does not hold what its name says"
            return False
        return True

    def segments(self) -> list[Segment]:
        """Return the files, oldest bars first."""
        with self._lock:
            return list(self._segments)

    def __len__(self) -> int:
        return sum(segment.rows for segment in self.segments())

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return sum(segment.bytes for segment in self.segments())

    @property
    def raw_bytes(self) -> int:
        """Bytes that the same bars take in memory."""
        return len(self) * ROW_BYTES

    @property
    def first_ns(self) -> int | None:
        """Start of the oldest bar."""
        held = self.segments()
        return held[0].first_us * _NS_PER_US if held else None

    @property
    def last_ns(self) -> int | None:
        """Start of the newest bar."""
        held = self.segments()
        return held[-1].last_us * _NS_PER_US if held else None

    # -- reading ------------------------------------------------------------------------------------

    def read(self, start_ns: int | None = None, end_ns: int | None = None) -> BarColumns:
        """Return the bars that start in ``[start_ns, end_ns]``, oldest first."""
        first = -(2**62) if start_ns is None else -(-start_ns // _NS_PER_US)
        last = 2**62 if end_ns is None else end_ns // _NS_PER_US
        # A file may be replaced between looking it up and opening it; the list then has its successor.
        for _ in range(20):
            wanted = [one for one in self.segments() if one.first_us <= last and one.last_us >= first]
            with contextlib.suppress(FileNotFoundError):
                parts = [_within(self._load(segment), first, last) for segment in wanted]
                return join_columns(parts)
        raise DataImportError(f"the files in {self.folder} change faster than they can be read")

    def tail(self, count: int) -> BarColumns:
        """Return the newest ``count`` bars."""
        rows, start_us = 0, None
        for segment in reversed(self.segments()):
            start_us = segment.first_us
            rows += segment.rows
            if rows >= count:
                break
        if start_us is None or count <= 0:
            return columns_from_rows([])
        held = self.read(start_us * _NS_PER_US)
        return held.part(max(0, len(held) - count), len(held))

    def _load(self, segment: Segment) -> BarColumns:
        return read_bars(segment.path, memory_map=self.memory_map)

    # -- writing ------------------------------------------------------------------------------------

    def append(self, columns: BarColumns) -> Segment:
        """Write bars that are newer than all there are.

        Raises
        ------
        DataExportError
            When they cannot be written, or are not newer.
        """
        with self._writing:
            last = self.last_ns
            if last is not None and int(columns.time_us[0]) * _NS_PER_US <= last:
                raise DataExportError("bars to append must be newer than those on disk; use replace")
            made = self._write(columns, ARROW)
            self._swap([], [made])
            return made

    def compress(self) -> tuple[int, int]:
        """Compress what is not, and join small neighbours now and then; return bytes before and after.

        Raises
        ------
        DataExportError
            When it cannot be written; the old files stay.
        """
        with self._writing:
            before = after = 0
            while group := _next_group(self.segments()):
                made = self._write(join_columns([self._load(segment) for segment in group]), PARQUET)
                before += sum(segment.bytes for segment in group)
                after += made.bytes
                self._swap(group, [made])
            return before, after

    def replace(self, columns: BarColumns) -> int:
        """Put bars in the place of those of the same start, or in between; return how many replaced one."""
        if not len(columns):
            return 0
        with self._writing:
            first, last = int(columns.time_us[0]), int(columns.time_us[-1])
            touched = [one for one in self.segments() if one.first_us <= last and one.last_us >= first]
            held = join_columns([self._load(segment) for segment in touched])
            known = np.isin(held.time_us, columns.time_us)
            both = join_columns([held.where(~known), columns])
            made = self._write(both.where(np.argsort(both.time_us, kind="stable")), ARROW)
            self._swap(touched, [made])
            return int(np.count_nonzero(known))

    def drop_before(self, ts_ns: int) -> int:
        """Forget bars that start before an instant; return how many."""
        with self._writing:
            at_us = -(-ts_ns // _NS_PER_US)
            gone = [segment for segment in self.segments() if segment.last_us < at_us]
            dropped = sum(segment.rows for segment in gone)
            made: list[Segment] = []
            for segment in self.segments():
                if segment.first_us < at_us <= segment.last_us:
                    kept = _within(self._load(segment), at_us, 2**62)
                    made = [self._write(kept, segment.path.suffix)]
                    gone.append(segment)
                    dropped += segment.rows - len(kept)
            self._swap(gone, made)
            return dropped

    def shrink_to(self, max_bytes: int) -> int:
        """Drop whole files, oldest first, until the rest is within a size; return how many bars went."""
        with self._writing:
            held = self.segments()
            gone: list[Segment] = []
            while held and sum(segment.bytes for segment in held) > max_bytes:
                gone.append(held.pop(0))
            self._swap(gone, [])
            return sum(segment.rows for segment in gone)

    def clear(self) -> None:
        """Remove every file."""
        with self._writing:
            self._swap(self.segments(), [])

    def _write(self, columns: BarColumns, layout: str) -> Segment:
        self._generation += 1
        first, last = int(columns.time_us[0]), int(columns.time_us[-1])
        path = self.folder / f"bars-{first}-{last}-{len(columns)}-{self._generation}{layout}"
        size = write_bars(path, columns)
        return Segment(path, first, last, self._generation, len(columns), size)

    def _swap(self, gone: Iterable[Segment], made: Iterable[Segment]) -> None:
        gone = list(gone)
        with self._lock:
            kept = [segment for segment in self._segments if segment not in gone]
            self._segments = sorted([*kept, *made], key=lambda segment: segment.first_us)
        for segment in gone:
            with contextlib.suppress(OSError):
                segment.path.unlink(missing_ok=True)


def _within(columns: BarColumns, first_us: int, last_us: int) -> BarColumns:
    start, stop = np.searchsorted(columns.time_us, (first_us, last_us + 1))
    return columns.part(int(start), int(stop))


def _next_group(segments: list[Segment]) -> list[Segment]:
    """Return the next neighbours to rewrite as one file; none where all is well.

    What is not compressed goes first, as many neighbours at once as fit into a file. Then eight compressed
    files of about a size make one: a bar is rewritten a few times in its life, however often this is asked.
    """
    run: list[Segment] = []
    for segment in segments:
        if not segment.compressed and sum(one.rows for one in run) + segment.rows <= _MERGE_ROWS:
            run.append(segment)
        elif run:
            break
        elif not segment.compressed:
            return [segment]
    if run:
        return run
    for segment in segments:
        if run and (_tier(segment) != _tier(run[0]) or sum(one.rows for one in run) > _MERGE_ROWS):
            run = []
        run.append(segment)
        if len(run) == _FAN and sum(one.rows for one in run) <= _MERGE_ROWS:
            return run
    return []


def _tier(segment: Segment) -> int:
    return int(math.log(max(segment.rows, 1), _FAN))
