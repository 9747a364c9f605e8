"""``%load_ext mdnb`` and the ``%mdnb`` magic."""

from __future__ import annotations

import threading
import warnings
from typing import Any

from mdnb.errors import OptionError, suggest
from mdnb.notebook.nesting import apply_nesting
from mdnb.runtime.process.loop import background_loop
from mdnb.runtime.process.registry import running_markets

__all__ = ["load_ipython_extension", "status_text", "unload_ipython_extension"]


def load_ipython_extension(ipython: Any) -> None:
    """Make ``asyncio.run(main())`` work in cells and register ``%mdnb``; called by ``%load_ext mdnb``.

    Examples
    --------
    In a cell::

        %load_ext mdnb
        asyncio.run(main())
    """
    apply_nesting()
    ipython.register_magic_function(_mdnb, magic_kind="line", magic_name="mdnb")


def unload_ipython_extension(ipython: Any) -> None:
    """Remove ``%mdnb``; asyncio stays patched until the kernel restarts, and a warning says so.

    Examples
    --------
    In a cell::

        %unload_ext mdnb
    """
    ipython.magics_manager.magics["line"].pop("mdnb", None)
    warnings.warn("asyncio stays patched for nested loops until the kernel is restarted", stacklevel=2)


def _mdnb(line: str) -> None:
    """Show the running sessions: ``%mdnb status``."""
    command = line.strip() or "status"
    if command != "status":
        raise OptionError(f"%mdnb knows no {command!r}. {suggest(command, ['status'])}")
    print(status_text())  # noqa: T201  # the magic's output


def status_text() -> str:
    """Return what runs in this process: sessions, threads, and the last errors of the background loop.

    Examples
    --------
    >>> "session" in status_text()
    True
    """
    background = background_loop()
    running = running_markets().running()
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("mdnb")]
    lines = [f"{len(running)} session(s); threads: {', '.join(threads)}"]
    for session in running:
        symbols = ", ".join(session.symbols)
        lines.append(f"  {symbols}: {session.health.status}, {session.health.latency_ms():.1f} ms")
    for name, error in list(background.errors)[-5:]:
        lines.append(f"  error in {name}: {type(error).__name__}: {error}")
    return "\n".join(lines)
