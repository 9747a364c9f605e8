"""What a process made by ``fork`` must not use: the markets of its parent."""

from __future__ import annotations

import os
import weakref
from typing import Any, NoReturn

from mdnb.errors import RuntimeUseError

__all__ = ["refuse_in_children"]

_held: weakref.WeakValueDictionary[int, object] = weakref.WeakValueDictionary()


def refuse_in_children(thing: object) -> None:
    """Have a forked child that uses an object raise, instead of waiting for threads that are not there.

    The locks too may be held by a thread of the parent for ever. The object takes a class there that refuses
    all: nothing has to be asked where it is used, and nothing can be forgotten.
    """
    _held[id(thing)] = thing


def _refusing(kind: type, parent: int) -> type:
    def refuse(_thing: object, name: str, *_value: Any) -> NoReturn:
        raise RuntimeUseError(
            f"this market belongs to process {parent}, of which this one ({os.getpid()}) is a fork: its "
            f"connection and threads are not here ({kind.__name__}.{name}). Open a market "
            "of its own in the child, in the function that runs there, or give the child frames: "
            'live["1min"].frame. A market cannot be sent to another process, however that is started.'
        )

    def get(thing: object, name: str) -> Any:
        # What Python itself asks for.
        return object.__getattribute__(thing, name) if name.startswith("__") else refuse(thing, name)

    names = {"__slots__": (), "__getattribute__": get, "__setattr__": refuse, "__module__": kind.__module__}
    return type(kind)(kind.__name__, (kind,), names)


def _after_fork() -> None:
    parent = os.getppid()
    kinds: dict[type, type] = {}
    for thing in list(_held.values()):
        kind = type(thing)
        if kind not in kinds:
            kinds[kind] = _refusing(kind, parent)
        thing.__class__ = kinds[kind]
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
