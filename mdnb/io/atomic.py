"""Writing a file so that it is either the old one or the new one, never half of it."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from mdnb.errors import DataExportError, OptionError
from mdnb.io.paths import local_path

__all__ = ["atomic_write"]

_SUFFIX: Final = ".mdnb-tmp"
_STALE_SECONDS: Final = 3600.0


@contextlib.contextmanager
def atomic_write(filename: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Yield a binary file that takes the place of ``filename`` when the block ends well.

    The bytes go to a hidden file in the same folder, are forced to disk, and only then take the name; the
    folder entry is forced to disk too. When the block raises, the process is killed or the disk is full,
    a file that stood there before is untouched. A killed process leaves its hidden file behind; the next
    write of the same name removes those that are older than an hour.

    Parameters
    ----------
    filename
        Where to write; a link is followed, as ``open`` does. The folder must exist.

    Raises
    ------
    DataExportError
        The folder is missing or read-only, the disk is full, the name is taken by something that is not a
        file.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with atomic_write(folder / "a.txt") as file:
    ...     _ = file.write(b"bars")
    >>> (folder / "a.txt").read_bytes(), [path.name for path in folder.iterdir()]
    (b'bars', ['a.txt'])
    """
    try:
        target = Path(os.path.realpath(local_path(filename)))
    except OptionError as error:
        raise DataExportError(str(error)) from error
    temporary = target.with_name(f".{target.name[:80]}.{secrets.token_hex(6)}{_SUFFIX}")
    try:
        mode = _mode_of(target)
        descriptor = os.open(
            temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o666
        )
    except OSError as error:
        raise _export_error(target, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if mode is not None:
                temporary.chmod(mode)
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, DataExportError):
            raise
        raise _export_error(target, error) from error
    except BaseException:
        # Also an interrupt must not leave a stray file; the error itself goes on unchanged.
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):
        # The new file stands already; some network file systems refuse to sync or list a folder.
        _sync_folder(target.parent)
        _sweep(target)


def _mode_of(target: Path) -> int | None:
    """Return the permissions of the file that will be replaced, None where there is none."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise DataExportError(f"{target} is a folder or a device, not a file; give another name.")
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "the file is read-only", str(target))
    return stat.S_IMODE(status.st_mode)


def _export_error(target: Path, error: OSError) -> DataExportError:
    if isinstance(error, DataExportError):
        return error
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError) and not target.parent.is_dir():
        reason = f"the folder {target.parent} does not exist. Create it, or give a path in one that does"
    elif isinstance(error, PermissionError):
        reason = f"no permission to write there ({reason}). Give a path in a folder of your own"
    return DataExportError(f"{target} was not written: {reason}. Nothing was changed.")


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there; the rename itself is journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(target: Path) -> None:
    """Remove what killed processes left beside ``target``."""
    prefix = f".{target.name[:80]}."
    for path in target.parent.iterdir():
        if path.name.startswith(prefix) and path.name.endswith(_SUFFIX):
            with contextlib.suppress(OSError):  # another process may be removing it too
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()
