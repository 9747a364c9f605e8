"""Which markets run, by key: a new one closes the earlier one of its key.

That is how running a cell again replaces what it made before. The registry holds the sessions weakly and
lives beside the background loop, outside the reloaded package.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any, Protocol

from mdnb.runtime.process.loop import background_loop

__all__ = ["Closable", "RunningMarkets", "cell_key", "running_markets"]


class Closable(Protocol):
    """What the registry keeps."""

    async def close(self) -> None:
        """Close sockets and tasks."""
        ...


class RunningMarkets:
    """The running sessions of this process."""

    def __init__(self) -> None:
        self._by_key: dict[object, weakref.ref[Any]] = {}
        self._all: weakref.WeakSet[Any] = weakref.WeakSet()

    async def replace(self, key: object, session: Closable) -> None:
        """Keep a session under a key and close the earlier one of that key; None replaces nothing."""
        if key is not None:
            earlier = self._by_key.pop(key, lambda: None)()
            if earlier is not None:
                await earlier.close()
            self._by_key[key] = weakref.ref(session)
        self._all.add(session)

    def running(self) -> list[Any]:
        """Return the sessions that are not closed."""
        return [session for session in self._all if not getattr(session, "closed", False)]

    async def close_all(self) -> None:
        """Close every session."""
        for session in list(self._all):
            await session.close()


def running_markets() -> RunningMarkets:
    """Return the process's running sessions."""
    background = background_loop()
    held: RunningMarkets | None = getattr(background, "running_markets", None)
    if held is None:
        held = background.running_markets = RunningMarkets()  # type: ignore[attr-defined]  # kept beside the loop on purpose
        background.at_exit.append(held.close_all)
    return held


def cell_key() -> object | None:
    """Return a key for what the notebook cell that runs now makes; None outside a notebook.

    It is the cell's id and how many it made in this execution: the second suite of a cell replaces the
    second suite of the last run of that cell, and what other cells made lives on.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    parent = kernel.get_parent() or {}
    cell = parent.get("metadata", {}).get("cellId")
    if cell is None:
        return None
    counts: dict[object, int] = getattr(background_loop(), "cell_counts", {})
    background_loop().cell_counts = counts  # type: ignore[attr-defined]  # kept beside the loop on purpose
    execution = parent.get("header", {}).get("msg_id")
    counts[execution] = counts.get(execution, 0) + 1
    while len(counts) > 100:
        counts.pop(next(iter(counts)))
    return ("cell", cell, counts[execution])
