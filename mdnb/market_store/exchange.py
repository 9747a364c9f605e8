"""Two folders exchanged at once, so that nobody who looks finds both, or none: Linux only."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from pathlib import Path
from typing import Any, Final

__all__ = ["exchange"]

_HERE: Final = -100
_EXCHANGE: Final = 2
_NOT_THERE: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV, errno.EPERM})


@functools.cache
def _renameat2() -> Any:
    """Return the system's call; None where there is none."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders; return whether the system, and its file system, can.

    Raises
    ------
    OSError
        It can, and did not.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("a", "b"):
    ...     (folder / name / f"was {name}").mkdir(parents=True)
    >>> done = exchange(folder / "a", folder / "b")
    >>> [path.name for path in (folder / "a").iterdir()] == ["was b" if done else "was a"]
    True
    """
    call = _renameat2()
    if call is None:
        return False
    if call(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_THERE:
        return False
    raise OSError(number, os.strerror(number), str(other))
