"""One writer a file: a lock that the system lets go of when its process ends, however that does."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from mdnb.errors import DataExportError

__all__ = ["is_being_written", "lock_for_writing"]


def lock_for_writing(file: io.BufferedWriter, path: Path) -> None:
    """Keep other writers off a file for as long as it is open.

    Raises
    ------
    DataExportError
        When another one has it, of this process or of another.
    """
    try:
        if sys.platform == "win32":  # pragma: no cover  # another system
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise DataExportError(
            f"{path} is being recorded to by somebody else, or by a market of yours that was not closed; "
            "record to another file, or end that recording"
        ) from None


def is_being_written(path: Path) -> bool:
    """Return whether somebody holds the lock of a file; False where that cannot be known."""
    if sys.platform == "win32":  # pragma: no cover  # another system: a lock is known by its trial alone
        return False
    import fcntl

    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
