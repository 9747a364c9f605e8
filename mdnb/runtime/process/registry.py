"""The running markets by key: a new one replaces and closes the one of the same key.

That is how running a cell again replaces what it made before. The registry holds the sessions weakly and
lives beside the background loop, outside the reloaded package.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import weakref
from typing import Any, Protocol

from mdnb.runtime.process.loop import background_loop

__all__ = ["Closable", "RunningMarkets", "cell_key", "running_cell", "running_markets", "running_shell"]

_log = logging.getLogger("mdnb")

_EXECUTIONS_COUNTED = 100
_INTERACTIVE_WINDOW = ".interactive#"


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
        """Keep a session under a key and close the earlier one of that key; None replaces nothing.

        That the earlier one fails to close is logged: the new one runs all the same.
        """
        self._all.add(session)
        if key is None:
            return
        earlier = self._by_key.pop(key, lambda: None)()
        self._by_key[key] = weakref.ref(session)
        if earlier is not None:
            try:
                await earlier.close()
            except Exception:  # noqa: BLE001  # whatever it is, the new one has to run
                _log.exception("the market that this cell made before failed to close")

    def running(self) -> list[Any]:
        """Return the sessions that are not closed."""
        return [session for session in self._all if not getattr(session, "closed", False)]

    async def close_all(self) -> None:
        """Close every session, also where one fails to; then raise the first failure."""
        closing = [session.close() for session in list(self._all)]
        for failure in await asyncio.gather(*closing, return_exceptions=True):
            if failure is not None:
                raise failure


def running_markets() -> RunningMarkets:
    """Return the process's running sessions."""
    background = background_loop()
    held: RunningMarkets | None = getattr(background, "running_markets", None)
    if held is None:
        held = background.running_markets = RunningMarkets()  # type: ignore[attr-defined]  # kept beside the loop on purpose
        background.at_exit.append(held.close_all)
    return held


def cell_key() -> object | None:
    """Return a key for what the cell that runs now makes; None where no cell runs.

    It is the cell and how many it made in this execution: the second market of a cell replaces the second one
    of the last run of that cell, and what other cells made lives on.
    """
    running = running_cell()
    if running is None:
        return None
    cell, execution = running
    background = background_loop()
    counts: dict[object, int] = getattr(background, "cell_counts", {})
    background.cell_counts = counts  # type: ignore[attr-defined]  # kept beside the loop on purpose
    counts[execution] = counts.get(execution, 0) + 1
    while len(counts) > _EXECUTIONS_COUNTED:
        counts.pop(next(iter(counts)))
    return ("cell", cell, counts[execution])


def running_shell() -> Any:
    """Return IPython's shell; None where there is none."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def running_cell() -> tuple[object, object] | None:
    """Return which cell runs, and which execution of it; None where none does, as when a button is pressed.

    Where nothing names the cell it is known by its text: nbclient, papermill and consoles send no more, and
    in VS Code's interactive window each execution of a cell of a script is a cell of its own.
    """
    shell = running_shell()
    if shell is None:
        return None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:  # a terminal
        return shell.history_manager.input_hist_raw[-1], shell.execution_count
    request = kernel.get_parent() or {}
    if request.get("header", {}).get("msg_type") != "execute_request":
        return None
    metadata = request.get("metadata", {})
    # JupyterLab, Notebook and VS Code send `cellId`; Colab has a place of its own.
    named = metadata.get("cellId") or metadata.get("colab", {}).get("cell_id")
    if named is None or _INTERACTIVE_WINDOW in named:
        named = ("text", request.get("content", {}).get("code"))
    return named, request.get("header", {}).get("msg_id")
