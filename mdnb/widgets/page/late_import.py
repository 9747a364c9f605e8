"""Lazy imports: rarely needed modules are executed at first use, and only whole modules are seen."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from typing import Any

__all__ = ["imported_late", "wait_imported"]


class _StandIn(types.ModuleType):
    """A module that imports the real one as soon as it is asked for something of it."""

    def __getattr__(self, name: str) -> Any:
        _leave(self)
        return getattr(importlib.import_module(self.__name__), name)


def _leave(stand_in: types.ModuleType) -> None:
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]


@contextlib.contextmanager
def imported_late(name: str) -> Iterator[None]:
    """Inside this block, have imports of a module execute it only at its first use.

    Everybody else imports it as ever. One that is loaded, or not installed, is left alone.

    Parameters
    ----------
    name
        Of the module; it is in no package.

    Examples
    --------
    >>> import sys
    >>> sys.modules.pop("wave", None) and None
    >>> with imported_late("wave"):
    ...     import wave
    >>> "wave" in sys.modules, wave.Error.__name__, "wave" in sys.modules
    (False, 'Error', True)
    """
    if name in sys.modules or importlib.util.find_spec(name) is None:
        yield
        return
    stand_in = sys.modules[name] = _StandIn(name)
    try:
        yield
    finally:
        _leave(stand_in)


def wait_imported(name: str) -> None:
    """Wait until another thread has finished importing a module; return at once where none is.

    Plotly asks `sys.modules` for pandas, and takes the half of it that is there for the whole.
    """
    if name in sys.modules:
        importlib.import_module(name)
