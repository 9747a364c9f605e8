"""What is peculiar to marimo as a host of widgets; nothing here imports it, and without it nothing happens.

Marimo closes what a cell made when that cell runs again, and one process serves the pages of several people. The
names used here are not documented: tests/browser/test_marimo.py says when one of them is gone.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

__all__ = ["CellRun", "closed_by_marimo", "marimo_cell_run"]

_CONTEXT = "marimo._runtime.context"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class CellRun:
    """One run of a marimo cell; equal to itself alone.

    Attributes
    ----------
    held
        What marimo knows the run by.
    """

    held: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellRun) and other.held is self.held

    def __hash__(self) -> int:
        return id(self.held)


def marimo_cell_run() -> CellRun | None:
    """Return the run of a marimo cell that this is called in; None elsewhere.

    Examples
    --------
    >>> marimo_cell_run() is None
    True
    """
    module: Any = sys.modules.get(_CONTEXT)
    if module is None:
        return None
    try:
        context = module.get_context()
    except module.ContextNotInitializedError:
        return None
    return CellRun(context.execution_context or object())


def closed_by_marimo(widget: Any) -> bool:
    """Return whether marimo took a widget off its page: its cell ran again, or its page was left.

    Examples
    --------
    >>> closed_by_marimo(object())
    False
    """
    comm = getattr(widget, "comm", None)
    return type(comm).__module__.startswith("marimo.") and bool(comm._closed)
