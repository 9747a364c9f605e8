"""Bars that left memory: their folder on disk, its compression and size limit."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Callable
from typing import TypeVar

from mdnb.config import DataManagerConfig
from mdnb.errors import ClosedError, MdnbError
from mdnb.records import Record
from mdnb.runtime.cache_folder import CacheFolder
from mdnb.runtime.contracts_on_disk import keep_contracts, learn_contracts
from mdnb.runtime.feed_on_disk import FeedMark
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.process.workers import Workers
from mdnb.stores.overflow import Overflow
from mdnb.stores.segments import SegmentStore

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
    mark
        Which feed they are of.
    """

    def __init__(self, engine: SymbolState, mark: FeedMark) -> None:
        self._engine = engine
        self._mark = mark
        self._folder: CacheFolder | None = None

    def start(self) -> None:
        """Write bars that leave memory to disk from now on.

        Raises
        ------
        DataExportError
            The folder cannot be opened; nothing was changed.
        """
        if self._folder is None:
            self.begin(self.open_folder(self._engine.config))

    def open_folder(self, config: DataManagerConfig) -> CacheFolder:
        """Return the folder that a configuration names, opened for every timeframe; slow.

        Raises
        ------
        DataExportError
            It cannot be opened; nothing was changed.
        """
        engine = self._engine
        with engine.lock:
            names = engine.all_names()
        return CacheFolder(engine.symbol, names, config, self._mark)

    def begin(self, folder: CacheFolder) -> None:
        """Write bars that leave memory into a folder from now on."""
        engine = self._engine
        with engine.lock:
            self._folder = folder
            engine.open_overflow = self._open
            for name in engine.all_names():
                engine.attach_overflow(name)
        learn_contracts(engine, folder)

    def move(self, folder: CacheFolder) -> None:
        """Go on in another folder, with all that was held in this one; slow, so hold no lock.

        Raises
        ------
        DataExportError, DataImportError
            The bars cannot be written there, or read here. Nothing was changed.
        """
        engine, empty = self._engine, list[SegmentStore]()
        try:
            while self._move(folder, empty):
                pass  # another thread may have added a timeframe
        except BaseException:
            for store in empty:
                with contextlib.suppress(OSError, MdnbError):
                    store.clear()
            raise
        with engine.lock:
            engine.reader.forget()
        learn_contracts(engine, folder)

    def _move(self, folder: CacheFolder, empty: list[SegmentStore]) -> bool:
        engine = self._engine
        with engine.lock:
            rest = {
                name: overflow
                for name, overflow in engine.overflow.items()
                if overflow.segments is not folder.store(name)
            }
            if not rest:
                before, self._folder = self._folder, folder
        if not rest:
            if before is not None:
                before.close()
            return False
        with contextlib.ExitStack() as still:
            for overflow in rest.values():
                still.enter_context(overflow.held_still())
            for name, overflow in rest.items():
                store = folder.store(name)
                empty += [store] if not len(store) else []
                with contextlib.suppress(ClosedError):  # another thread removed the timeframe since
                    overflow.copy_to(store)
            for name, overflow in rest.items():
                overflow.go_to(folder.store(name))
        return True

    def stop(self) -> None:
        """Drop bars that leave memory from now on; those on disk are not read, and deleted if temporary."""
        engine = self._engine
        self._leave()
        with engine.lock:
            engine.open_overflow = None
            for name in engine.overflow:
                engine.log(name).on_evict = None
            engine.overflow.clear()
            engine.reader.forget()

    def set_memory_map(self, memory_map: bool) -> None:
        """Read files through memory maps, or whole."""
        for overflow in self._engine.overflow.values():
            overflow.segments.memory_map = memory_map

    def close(self) -> None:
        """Write all closed bars into a permanent folder, those in memory, too; delete a temporary one."""
        if self._folder is not None and not self._folder.is_temporary:
            engine = self._engine
            with engine.lock:
                for name, overflow in engine.overflow.items():
                    log = engine.log(name)
                    if len(log):
                        overflow.take(log.columns(0, len(log)))
        self._leave()

    def _leave(self) -> None:
        folder, self._folder = self._folder, None
        if folder is None:
            return
        for overflow in [] if folder.is_temporary else list(self._engine.overflow.values()):
            try:
                overflow.flush()
            except (MdnbError, OSError) as error:
                # Nobody is there any more who could try again.
                _log.error(
                    "%s: %s bars are not on disk and lost with this process: %s",
                    self._engine.symbol,
                    f"{overflow.waiting_rows:,}",
                    error,
                )
        keep_contracts(self._engine)
        folder.close()

    def _open(self, name: str) -> Overflow:
        assert self._folder is not None
        return Overflow(self._folder.store(name))


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
    with engine.lock:
        for name in engine.overflow:
            len(engine.log(name))  # asked, it lets go of those beyond its limit
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
