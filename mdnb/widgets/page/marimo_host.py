"""Support for marimo as a host of widgets; marimo itself is never imported here.

Marimo closes what a cell made when that cell runs again, and one process serves the pages of several people.
The names used here that begin with an underscore are not documented: tests/browser/test_marimo.py says when
one of them is gone.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["CellRun", "closed_by_marimo", "marimo_box", "marimo_cell_run"]

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
    comm: Any = getattr(widget, "comm", None)
    return type(comm).__module__.startswith("marimo.") and bool(comm._closed)


def marimo_box(style: str, children: Sequence[tuple[str, Any]]) -> Any:
    """Return widgets in one box, as marimo shows it: boxes of ipywidgets it does not.

    For the ``_display_`` of such a box, which marimo alone calls.

    Parameters
    ----------
    style
        The box's CSS.
    children
        What it holds, each with the CSS of its place.
    """
    marimo = importlib.import_module("marimo")
    places = (f'<div style="{own}">{marimo.as_html(child).text}</div>' for own, child in children)
    return marimo.Html(f'<div style="{style}">{"".join(places)}</div>')
