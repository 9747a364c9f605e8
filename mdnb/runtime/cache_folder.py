"""The folder of one symbol's bars on disk, a subfolder a timeframe; temporary, or one the user named."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mdnb.config import DataManagerConfig
from mdnb.errors import DataExportError
from mdnb.io.paths import safe_name
from mdnb.runtime.feed_on_disk import FeedMark, check_feed, keep_feed
from mdnb.stores.segment_folder import lock_file, unlock_file
from mdnb.stores.segments import SegmentStore
from mdnb.timeframes import Timeframe

__all__ = ["CacheFolder", "stale_folders", "sweep_stale"]

_PREFIX: Final = "mdnb-"
_MARK: Final = ".mdnb-temporary"
"""In each temporary folder; locked while the process that made it lives."""

_TRIES: Final = 8


class CacheFolder:
    """The stores of one symbol's timeframes; all of them are opened, or none.

    Parameters
    ----------
    symbol, names
        Whose bars, and of which timeframes.
    config
        Names the folder; without one it is temporary, and deleted by `close`.
    mark
        Which feed the bars are of.

    Raises
    ------
    DataExportError
        It cannot be made, it is a link, somebody has it, or the bars of another feed are in it; nothing is
        left open.
    """

    def __init__(self, symbol: str, names: Sequence[str], config: DataManagerConfig, mark: FeedMark) -> None:
        self.is_temporary = config.disk_cache_path is None
        self._memory_map = config.use_memory_mapping
        self._symbol = symbol
        self._mark: int | None = None
        if config.disk_cache_path is None:
            self.root, self._mark = _make_temporary()
        else:
            self.root = Path(config.disk_cache_path)
        self._stores: dict[str, SegmentStore] = {}
        try:
            check_feed(self.of_symbol, mark)
            for name in names:
                self.store(name)
            keep_feed(self.of_symbol, mark)
        except BaseException:
            self.close()
            raise

    @property
    def of_symbol(self) -> Path:
        """The symbol's folder, in which those of its timeframes are."""
        return self.root / safe_name(self._symbol)

    def store(self, name: str) -> SegmentStore:
        """Return the open store of a timeframe.

        Raises
        ------
        DataExportError
            As where the folder is made.
        """
        held = self._stores.get(name)
        if held is None or held.closed:
            held = self._stores[name] = SegmentStore(
                self.of_symbol / safe_name(name),
                root=self.root,
                memory_map=self._memory_map,
                repeated_starts=Timeframe.parse(name).is_activity,
            )
        return held

    def close(self) -> None:
        """Let go of the stores; delete the folder where it is temporary."""
        for store in self._stores.values():
            store.close()
        mark, self._mark = self._mark, None
        if mark is not None:
            # First: Windows deletes no file that is open.
            unlock_file(mark, os.getpid())
        if self.is_temporary:
            shutil.rmtree(self.root, ignore_errors=True)


def _make_temporary() -> tuple[Path, int]:
    """Return a new temporary folder, and the descriptor that marks it as ours and in use.

    Raises
    ------
    DataExportError
        There is no folder for temporary files that can be written to.
    """
    for _ in range(_TRIES):
        try:
            root = Path(tempfile.mkdtemp(prefix=_PREFIX))
            mark = lock_file(root / _MARK)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataExportError(
                f"no temporary folder can be made for bars that leave memory: {reason}."
                " Give a folder of your own (disk_cache_path)."
            ) from error
        # Who sweeps may have come between making the mark and locking it.
        if mark is not None:
            if (root / _MARK).exists():
                return root, mark
            unlock_file(mark, os.getpid())
    raise DataExportError(
        "no temporary folder can be made for bars that leave memory."
        " Give a folder of your own (disk_cache_path)."
    )


def stale_folders() -> list[Path]:
    """Return the temporary folders of this user that look like ours; who made them may be alive."""
    with contextlib.suppress(OSError):
        return [path for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*") if _is_ours(path)]
    return []


def _is_ours(path: Path) -> bool:
    try:
        status = path.lstat()
        mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
        return mine and path.is_dir() and not path.is_symlink() and (path / _MARK).is_file()
    except OSError:
        return False


def sweep_stale(folders: Sequence[Path]) -> int:
    """Delete those temporary folders whose process has ended, such as by a kill; return how many."""
    swept = 0
    for folder in folders:
        with contextlib.suppress(OSError):
            # Only where the lock was had: a file system without locks tells nothing of who is alive.
            mark = lock_file(folder / _MARK, make=False, insist=True)
            if mark is not None:
                unlock_file(mark, os.getpid())
                shutil.rmtree(folder, ignore_errors=True)
                swept += not folder.exists()
    return swept
