"""Bars that left memory: their folder on disk, its compression and size limit."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from mdnb.errors import ClosedError, MdnbError
from mdnb.io.paths import safe_name
from mdnb.records import Record
from mdnb.runtime.contracts_on_disk import keep_contracts, learn_contracts
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.process.workers import Workers
from mdnb.store.columns import BarColumns
from mdnb.store.overflow import Overflow
from mdnb.store.segments import SegmentStore
from mdnb.timeframes import Timeframe

__all__ = ["CleanupReport", "DiskOverflow", "tidy"]

T = TypeVar("T")

_GB = 1_000_000_000
_log = logging.getLogger("mdnb")


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CleanupReport(Record):
    """What a cleanup or a compression did, measured.

    Attributes
    ----------
    bars_written
        Bars moved from memory to disk.
    bars_removed, ticks_removed
        Bars and ticks forgotten: older than asked for, or over the limit on disk.
    bytes_before, bytes_after
        Size on disk before and after compression.
    """

    bars_written: int = 0
    bars_removed: int = 0
    ticks_removed: int = 0
    bytes_before: int = 0
    bytes_after: int = 0

    @property
    def compression_ratio(self) -> float:
        """`bytes_before` / `bytes_after` of what was compressed, 1.0 where nothing was."""
        return self.bytes_before / self.bytes_after if self.bytes_after else 1.0


class DiskOverflow:
    """The folder of one engine's bars on disk, a subfolder a timeframe.

    Parameters
    ----------
    engine
        Whose bars go there.
    """

    def __init__(self, engine: SymbolState) -> None:
        self._engine = engine
        self._temporary: Path | None = None
        self._learned: str | os.PathLike[str] | None = None

    def start(self) -> None:
        """Write bars that leave memory to disk from now on."""
        engine = self._engine
        with engine.lock:
            engine.open_overflow = self._open
            for name in engine.all_names():
                if name not in engine.overflow:
                    engine.attach_overflow(name)
        root = engine.config.disk_cache_path
        if root is not None and self._learned != root:
            self._learned = root
            learn_contracts(engine, self._folder(Path(root)))

    def stop(self) -> None:
        """Drop bars that leave memory from now on; those on disk are not read, and deleted if temporary."""
        engine = self._engine
        self.close()
        with engine.lock:
            engine.open_overflow = None
            for name in engine.overflow:
                engine.log(name).on_evict = None
            engine.overflow.clear()
            engine.reader.forget()

    def everything(self) -> dict[str, BarColumns]:
        """Return the bars that left memory, by timeframe, to move them to another folder."""
        return {name: overflow.before(None) for name, overflow in self._engine.overflow.items()}

    def carry(self, bars: Mapping[str, BarColumns]) -> None:
        """Add bars that were kept in another folder."""
        with self._engine.lock:
            for name, columns in bars.items():
                if name in self._engine.overflow and len(columns):
                    self._engine.overflow[name].take_older(columns)

    def set_memory_map(self, memory_map: bool) -> None:
        """Read files through memory maps, or whole."""
        for overflow in self._engine.overflow.values():
            overflow.segments.memory_map = memory_map

    def close(self) -> None:
        """Write pending bars into a permanent folder; delete a temporary one."""
        for overflow in self._engine.overflow.values():
            if self._temporary is None:
                self._write_last(overflow)
        if self._temporary is None:
            keep_contracts(self._engine)
        for overflow in self._engine.overflow.values():
            overflow.segments.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def _write_last(self, overflow: Overflow) -> None:
        try:
            overflow.flush()
        except (MdnbError, OSError) as error:
            # Nobody is there any more who could try again.
            _log.error("%s: bars that had left memory are lost: %s", self._engine.symbol, error)

    def _open(self, name: str) -> Overflow:
        config = self._engine.config
        root = config.disk_cache_path
        if root is None:
            if self._temporary is None:
                self._temporary = Path(tempfile.mkdtemp(prefix="mdnb-"))
            root = self._temporary
        return Overflow(
            SegmentStore(
                self._folder(Path(root)) / safe_name(name),
                memory_map=config.use_memory_mapping,
                repeated_starts=Timeframe.parse(name).is_activity,
            )
        )

    def _folder(self, root: Path) -> Path:
        return root / safe_name(self._engine.symbol)


async def tidy(engine: SymbolState, workers: Workers, *, compress: bool | None = None) -> CleanupReport:
    """Write pending bars to disk, compress if wanted, and enforce the disk limit.

    Parameters
    ----------
    engine
        Whose bars.
    workers
        Threads for the slow part.
    compress
        None as configured.

    Raises
    ------
    DataExportError
        When the disk does not take it; nothing is lost, the bars stay in memory.
    """
    stores = list(engine.overflow.values())
    # Also where nothing is to be written yet: what leaves memory has to have a place.
    await workers.map([_unless_closed(overflow.segments.see_to_folder, None) for overflow in stores])
    written = sum(await workers.map([_unless_closed(overflow.flush, 0) for overflow in stores]))
    if written:
        await workers.run(functools.partial(keep_contracts, engine))
    before = after = 0
    if engine.config.compression_enabled if compress is None else compress:
        sizes = await workers.map([_unless_closed(overflow.segments.compress, (0, 0)) for overflow in stores])
        before, after = (sum(column) for column in zip(*sizes, strict=True)) if sizes else (0, 0)
    limit = int(engine.config.max_disk_cache_gb * _GB)
    removed = await workers.run(_unless_closed(functools.partial(_shrink, stores, limit), 0))
    return CleanupReport(bars_written=written, bars_removed=removed, bytes_before=before, bytes_after=after)


def _unless_closed(work: Callable[[], T], otherwise: T) -> Callable[[], T]:
    """Return what does some work on a folder, and nothing where another thread removed its timeframe."""

    def attempt() -> T:
        try:
            return work()
        except ClosedError:
            return otherwise

    return attempt


def _shrink(stores: list[Overflow], limit: int) -> int:
    """Drop the oldest files until all are within the limit; return how many bars went."""
    removed = 0
    while (total := sum(overflow.segments.nbytes for overflow in stores)) > limit:
        largest = max(stores, key=lambda overflow: overflow.segments.nbytes)
        over = largest.segments.nbytes - (total - limit)
        removed += largest.segments.shrink_to(max(0, over))
    return removed
