"""Calls something when the notebook cell that runs now has ended."""

from __future__ import annotations

from collections.abc import Callable

from mdnb.runtime.process.registry import running_shell

__all__ = ["after_this_cell"]


def after_this_cell(call: Callable[[], None]) -> bool:
    """Call once when the cell that runs now has ended; return False where no cell runs.

    Examples
    --------
    >>> after_this_cell(print)
    False
    """
    shell = running_shell()
    if shell is None:
        return False

    def ended(*_result: object) -> None:
        shell.events.unregister("post_run_cell", ended)
        call()

    shell.events.register("post_run_cell", ended)
    return True
