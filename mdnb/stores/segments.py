"""Closed bars of one timeframe on disk, in segments that are written whole or not at all.

Every change writes new files first, forces them to disk, and only then lets go of the old ones. So a process
may be killed at any moment: what a call that returned had written is there, and every file reads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from mdnb.errors import ClosedError, DataExportError, DataImportError, OptionError
from mdnb.stores.columns import BarColumns
from mdnb.stores.segment_catalogue import SegmentCatalogue
from mdnb.stores.segment_file import Segment, described_by_name
from mdnb.stores.segment_layout import cut, join, rows_between
from mdnb.stores.segment_plan import find_group, merge, place_rows

__all__ = ["Segment", "SegmentStore"]

_NS_PER_US: Final = 1000


class SegmentStore:
    """Bars of one timeframe on disk, oldest first; those of one start are always in one segment.

    Any thread may call anything. Readers never wait for a writer: they read what was there when they began.
    Writers wait for each other. One store at a time may have a folder open.

    Parameters
    ----------
    folder
        Where the segments are; made if it is not there. What a killed process left is put right, and files
        that do not read are left where they are; see :attr:`damaged`.
    root
        The highest folder above it that must not be a link; by default the folder itself.
    memory_map
        Map uncompressed segments instead of reading them whole; may be switched at any time.
    repeated_starts
        Whether several bars may begin at one instant, as bars of trades may; else each start is there once.

    Raises
    ------
    DataExportError
        The folder cannot be made or written to, is a link, or another store has it.
    DataImportError
        The folder cannot be listed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from mdnb.stores.columns import columns_from_rows
    >>> store = SegmentStore(pathlib.Path(tempfile.mkdtemp()) / "1min")
    >>> minute = 60_000_000_000
    >>> rows = [(n * minute, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5) for n in range(1, 5)]
    >>> store.append(columns_from_rows(rows[:3])).rows, store.append(columns_from_rows(rows[3:])).rows
    (3, 1)
    >>> store.tail(2).time_us.tolist(), len(store.read(start_ns=2 * minute, end_ns=3 * minute))
    ([180000000, 240000000], 2)
    >>> _ = store.compress()
    >>> len(store), len(store.segments())
    (4, 1)
    >>> store.close()
    """

    def __init__(
        self,
        folder: Path,
        *,
        root: Path | None = None,
        memory_map: bool = False,
        repeated_starts: bool = False,
    ) -> None:
        self.memory_map = memory_map
        self.repeated_starts = repeated_starts
        self._held = SegmentCatalogue(Path(folder), root)

    # -- what there is ------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Where the segments are."""
        return self._held.folder

    def __len__(self) -> int:
        return sum(segment.rows for segment in self.segments())

    @property
    def nbytes(self) -> int:
        """Bytes on disk now, as the file system states them; nothing of files it cannot reach."""
        return self._held.gathered(lambda: sum(_bytes_of(segment.path) for segment in self.segments()))

    @property
    def raw_bytes(self) -> int:
        """Bytes the same bars take in memory: 69 a row."""
        return sum(segment.raw_bytes for segment in self.segments())

    @property
    def first_ns(self) -> int | None:
        """Start of the oldest bar, UTC epoch nanoseconds; None where there is none."""
        held = self.segments()
        return held[0].first_ns if held else None

    @property
    def last_ns(self) -> int | None:
        """Start of the newest bar, UTC epoch nanoseconds; None where there is none."""
        held = self.segments()
        return held[-1].last_ns if held else None

    @property
    def damaged(self) -> dict[Path, str]:
        """Files that do not read, and why. They are left where they are."""
        return self._held.damaged

    def look(self) -> None:
        """Find out which files can be read now: `damaged`, `unreadable` and `lost` tell it afterwards.

        Of a file that has changed the checksum is computed; others are not read. A closed store is let be.
        """
        if not self.closed:
            self._held.look()

    @property
    def unreadable(self) -> dict[Path, str]:
        """Files whose bars are missed, and why: damaged, gone, or out of reach when last looked at.

        Unlike :attr:`damaged` without those whose bars were written anew or have been deleted since.
        """
        lost, damaged = {segment.path for segment, _ in self._lost()}, self.damaged
        # A name that tells nothing may be of anything.
        told = {path: why for path, why in damaged.items() if path in lost or not described_by_name(path)}
        return told | self._held.away

    def lost(self) -> list[tuple[int, int, int]]:
        """Return which bars that were written cannot be read: start of the first and last one, and how many.

        UTC epoch nanoseconds, oldest first. What was written in their places since is not missed.
        """
        away = self._held.away
        out_of_reach = [(segment, segment.rows) for segment in self.segments() if segment.path in away]
        return sorted(
            (segment.first_ns, segment.last_ns, rows) for segment, rows in self._lost() + out_of_reach
        )

    @property
    def readable_rows(self) -> int:
        """How many bars there are in files that could be reached when last looked at."""
        away = self._held.away
        return sum(segment.rows for segment in self.segments() if segment.path not in away)

    def count(self, start_ns: int | None, end_ns: int | None) -> int:
        """Return how many bars that can be reached start in ``[start_ns, end_ns)``; None is no bound.

        Only files that lie across a bound are read.
        """

        def gather() -> int:
            away, found = self._held.away, 0
            for segment in self.segments():
                late = end_ns is not None and segment.first_ns >= end_ns
                if late or segment.path in away or (start_ns is not None and segment.last_ns < start_ns):
                    continue
                begins = start_ns is None or segment.first_ns >= start_ns
                if begins and (end_ns is None or segment.last_ns < end_ns):
                    found += segment.rows
                    continue
                times = self._load(segment).time_us
                bounds = [_up_to_us(ns) for ns in (start_ns, end_ns) if ns is not None]
                places = np.searchsorted(times, bounds).tolist()
                first = 0 if start_ns is None else places[0]
                found += (len(times) if end_ns is None else places[-1]) - first
            return found

        return self._held.gathered(gather)

    def _lost(self) -> list[tuple[Segment, int]]:
        """Return the files that were set aside whose bars are missed, and how many these are."""
        found = []
        for lost in self._held.lost():
            inside = [
                segment
                for segment in self.segments()
                if segment.first_ns <= lost.last_ns and lost.first_ns <= segment.last_ns
            ]
            again = 0
            if inside:
                with contextlib.suppress(
                    DataImportError, ClosedError
                ):  # what does not read is missed as well
                    again = len(self.read(lost.first_ns, lost.last_ns))
            if lost.rows > again:
                found.append((lost, lost.rows - again))
        return found

    def see_to_folder(self) -> None:
        """Make the folder anew where it was deleted.

        Raises
        ------
        DataExportError
            It cannot be made, such as where a file is in its place.
        ClosedError
            The store was closed.
        """
        self._held.alone(self._held.see_to_folder)

    @property
    def closed(self) -> bool:
        """Whether the store was closed."""
        return self._held.closed

    def segments(self) -> list[Segment]:
        """Return the segments, oldest first."""
        return self._held.segments()

    # -- reading ------------------------------------------------------------------------------------

    def read(self, start_ns: int | None = None, end_ns: int | None = None) -> BarColumns:
        """Return the bars that start in ``[start_ns, end_ns]``, oldest first.

        Parameters
        ----------
        start_ns, end_ns
            UTC epoch nanoseconds, both included; None is no bound.

        Returns
        -------
        BarColumns
            Copies; ``first`` is 0, ``forming`` False.

        Raises
        ------
        DataImportError
            A file cannot be opened, though it is there. (A damaged one is skipped; see :attr:`damaged`.)
        ClosedError
            The store was closed.
        """
        self._held.check_open()
        start_us = None if start_ns is None else -(-start_ns // _NS_PER_US)
        end_us = None if end_ns is None else end_ns // _NS_PER_US

        def gather() -> BarColumns:
            parts = []
            for segment in self.segments():
                late = end_ns is not None and segment.first_ns > end_ns
                if late or (start_ns is not None and segment.last_ns < start_ns):
                    continue
                columns = self._load(segment)
                parts.append(cut(columns, rows_between(columns, start_us, end_us)))
            return join(parts)

        return self._held.gathered(gather)

    def tail(self, count: int) -> BarColumns:
        """Return the newest ``count`` bars, oldest first; fewer where there are fewer.

        Raises
        ------
        OptionError
            ``count`` is negative.
        DataImportError, ClosedError
            As :meth:`read`.
        """
        self._held.check_open()
        if count < 0:
            raise OptionError(f"tail({count}): give how many bars are wanted, 0 or more.")

        def gather() -> BarColumns:
            parts: list[BarColumns] = []
            wanted = count
            for segment in reversed(self.segments()):
                if wanted <= 0:
                    break
                parts.append(cut(self._load(segment), slice(max(0, segment.rows - wanted), None)))
                wanted -= segment.rows
            return join(parts[::-1])

        return self._held.gathered(gather)

    def _load(self, segment: Segment) -> BarColumns:
        return self._held.load(segment, memory_map=self.memory_map)

    # -- writing ------------------------------------------------------------------------------------

    def _check_order(self, columns: BarColumns) -> None:
        times = columns.time_us
        follows = np.greater_equal if self.repeated_starts else np.greater
        if len(times) > 1 and not bool(np.all(follows(times[1:], times[:-1]))):
            after = "no earlier than" if self.repeated_starts else "after"
            raise OptionError(f"The bars are not in order: each has to start {after} the one before it.")

    def append(self, columns: BarColumns) -> Segment:
        """Write bars as a new segment; once this returns, they outlive a killed process.

        Parameters
        ----------
        columns
            At least one bar, oldest first, all newer than those held.

        Raises
        ------
        OptionError
            No bars, or they are not in order, or not newer; :meth:`replace` takes those.
        DataExportError
            They cannot be written (disk full, no permission). Nothing was changed.
        ClosedError
            The store was closed.
        """
        self._check_order(columns)
        if not len(columns):
            raise OptionError("append() was given no bars; it takes at least one.")
        given = int(columns.time_us[0]) * _NS_PER_US

        def add() -> Segment:
            newest = self.last_ns
            if newest is not None and given <= newest:
                raise OptionError(
                    f"append() was given a bar that starts at {given} ns, and holds bars up to {newest} ns. "
                    "It takes newer ones only; use replace()."
                )
            return self._held.add(columns)

        return self._held.alone(add)

    def replace(self, columns: BarColumns) -> int:
        """Write bars at their places: those whose start is held get the new values, others are put between.

        Parameters
        ----------
        columns
            Bars, oldest first. Where several begin at one instant, they stand for all of that instant.

        Returns
        -------
        int
            How many were held already.

        Raises
        ------
        OptionError
            They are not in order.
        DataExportError
            They cannot be written. Nothing was changed.
        DataImportError, ClosedError
            As :meth:`read`.
        """
        self._check_order(columns)

        def rewrite() -> int:
            held = self.segments()
            into, apart = place_rows(columns.time_us, held)
            known = [0]

            def parts() -> Iterator[tuple[BarColumns, bool]]:
                for part in apart:
                    yield cut(columns, part), False
                for at, part in into.items():
                    merged, both = merge(self._load(held[at]), cut(columns, part))
                    known[0] += both
                    yield merged, held[at].compressed

            self._held.exchange([held[at] for at in into], parts())
            return known[0]

        return self._held.alone(rewrite)

    def compress(self) -> tuple[int, int]:
        """Rewrite uncompressed segments as Parquet with zstd, small neighbours merged into one.

        Other changes get their turn between two segments; readers are not held up at all.

        Returns
        -------
        before, after : int
            Bytes on disk of what was rewritten, measured before and after; 0 and 0 where there was nothing.

        Raises
        ------
        DataExportError
            A segment cannot be written; that one and those after it are as they were.
        DataImportError, ClosedError
            As :meth:`read`.
        """
        before = 0
        made: dict[Path, int] = {}

        def next_group() -> bool:
            nonlocal before
            group = find_group(self.segments())
            if not group:
                return False
            sizes = {segment.path: segment.path.stat().st_size for segment in group}
            new = self._held.exchange(group, [(join([self._load(segment) for segment in group]), True)])
            before += sum(size for path, size in sizes.items() if path not in made)
            for path in sizes:
                made.pop(path, None)
            # Before the lock is let go: somebody else may replace them.
            made.update((segment.path, segment.path.stat().st_size) for segment in new)
            return True

        # Until none is left: each turn takes the lock anew. What is appended meanwhile is compressed too.
        while self._held.alone(next_group):
            pass
        return before, sum(made.values())

    def drop_before(self, ts_ns: int) -> int:
        """Forget the bars that start before an instant (UTC epoch nanoseconds); return how many.

        Raises
        ------
        DataExportError
            What is to stay of a segment cannot be written. Nothing was changed.
        DataImportError, ClosedError
            As :meth:`read`.
        """

        def drop() -> int:
            touched = [segment for segment in self.segments() if segment.first_ns < ts_ns]
            rows = sum(segment.rows for segment in touched)
            stays: list[tuple[BarColumns, bool]] = []
            if touched and touched[-1].last_ns >= ts_ns:
                columns = self._load(touched[-1])
                part = rows_between(columns, -(-ts_ns // _NS_PER_US), None)
                stays.append((cut(columns, part), touched[-1].compressed))
            self._held.exchange(touched, stays)
            self._held.forget_lost(ts_ns)
            return rows - sum(len(columns) for columns, _ in stays)

        return self._held.alone(drop)

    def shrink_to(self, max_bytes: int) -> int:
        """Forget whole oldest segments until :attr:`nbytes` is at most ``max_bytes``; return how many bars.

        Raises
        ------
        OptionError
            ``max_bytes`` is negative.
        ClosedError
            The store was closed.
        """
        if max_bytes < 0:
            raise OptionError(f"shrink_to({max_bytes}): give a number of bytes, 0 or more.")

        def shrink() -> int:
            held = self.segments()
            sizes = [segment.path.stat().st_size for segment in held]
            over, count = sum(sizes) - max_bytes, 0
            while over > 0:
                over -= sizes[count]
                count += 1
            self._held.exchange(held[:count], [])
            if count:
                self._held.forget_lost(held[count].first_ns if count < len(held) else None)
            return sum(segment.rows for segment in held[:count])

        return self._held.alone(shrink)

    def clear(self) -> None:
        """Forget all bars. Damaged files stay where they are.

        Raises
        ------
        DataExportError
            A file cannot be deleted; its bars are forgotten until the folder is opened again.
        ClosedError
            The store was closed.
        """
        self._held.alone(lambda: self._held.exchange(self.segments(), []))
        self._held.forget_lost()
        if self._held.leftover:
            names = ", ".join(path.name for path in self._held.leftover[:3])
            raise DataExportError(f"{names} cannot be deleted. Delete the folder by hand.")

    def close(self) -> None:
        """Let go of the folder; what is in it stays. Closing twice is harmless."""
        self._held.close()


def _up_to_us(time_ns: int) -> int:
    return -(-time_ns // _NS_PER_US)


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        raise  # it may have been replaced
    except OSError:
        return 0
